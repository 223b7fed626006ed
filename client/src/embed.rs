//! Sentences in, vectors out: one job each, with a receipt each.

use crate::{
	account::{hex32, Account},
	chain::Chain,
	data::DataClient,
	error::{mismatch, Error, Kind, Result},
	job::{self, History, Job, Watch},
	lease::{self, Lease},
	model::{self, Model},
	provider,
};
use assay_models::{embeddings, input_blob, Tokenizer};
use assay_program::{Dim, Hash, Kind as TensorKind, Outcome};
use futures::future::{try_join, try_join_all};
use serde::Serialize;
use tokio::sync::mpsc;

/// What happens on the way, for whoever shows progress.
#[derive(Clone, Debug)]
pub enum Step {
	/// A job is in a block.
	Submitted(Hash),
	/// The provider's answer is here, before the chain has it.
	Answered(Hash),
	/// Something happened on chain.
	Block {
		/// The block.
		number: u32,
		/// Jobs that are revealed.
		revealed: usize,
		/// Jobs that are settled.
		settled: usize,
	},
}

/// One sentence's result.
#[derive(Clone, Debug, Serialize)]
pub struct Embedded {
	/// The job.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub job: Hash,
	/// The vector.
	pub embedding: Vec<f32>,
	/// What happened to the job.
	pub history: History,
}

/// What is needed to embed under one lease.
#[derive(Debug)]
pub struct Embedder {
	chain: Chain,
	account: Account,
	lease: Lease,
	model: Model,
	width: usize,
	fraction_bits: u8,
	max_tokens: u32,
	data: DataClient,
}

impl Embedder {
	/// Looks up lease, model, program and provider. Without a lease id, the newest open lease of
	/// the account.
	pub async fn new(chain: &Chain, account: &Account, lease: Option<u64>) -> Result<Self> {
		let lease = match lease {
			Some(id) => lease::of(chain, id).await?,
			None => newest_open(chain, account).await?,
		};
		if lease.tenant != account.id() {
			return Err(Error::new(Kind::Refused, format!("lease {} is not yours", lease.id))
				.next("list yours with `assay lease list`"));
		}
		let model = model::of(chain, lease.model).await?;
		let program = model::program(chain, &model.program).await?;
		let (width, fraction_bits) = output_shape(&program)?;
		let provider = provider::of(chain, &lease.provider).await?.ok_or_else(|| {
			Error::new(Kind::Refused, "the lease's provider is not registered any more")
				.next("open a lease with another one")
		})?;
		let data = DataClient::new(chain, account, &provider.endpoint)?;
		Ok(Self {
			chain: chain.clone(),
			account: account.clone(),
			lease,
			max_tokens: program.limits.max_sequence,
			model,
			width,
			fraction_bits,
			data,
		})
	}

	/// The lease it uses.
	pub fn lease(&self) -> &Lease {
		&self.lease
	}

	/// The model it uses.
	pub fn model(&self) -> &Model {
		&self.model
	}

	/// Embeds texts, one job each. Answers come from the provider as soon as they are computed; the
	/// chain's reveal is compared with them, and every job followed to its receipt.
	pub async fn embed(
		&self,
		tokenizer: &Tokenizer,
		texts: &[String],
		mut progress: impl FnMut(Step),
	) -> Result<Vec<Embedded>> {
		let jobs = self.jobs(tokenizer, texts).await?;
		let mut watch = Watch::new(&self.chain, jobs.iter().map(|job| job.digest)).await?;
		let mut sent = Vec::new();
		for job in &jobs {
			if job.is_stored() {
				self.data.put_input(&job.request.input, &job.input).await?;
			}
			sent.push(job.send(&self.chain, &self.account).await?);
		}
		let (sender, mut answered) = mpsc::unbounded_channel();
		// Asking begins before the jobs are in a block: the provider holds the requests.
		let answers = try_join_all(jobs.iter().map(|job| {
			let sender = sender.clone();
			async move {
				let outcome = self.data.output(&job.digest).await?;
				// Nobody listens any more when the other half has failed, which is then the error.
				sender.send(job.digest).ok();
				Ok(outcome)
			}
		}));
		let settlement = async {
			for (job, sent) in jobs.iter().zip(sent) {
				sent.included().await?;
				progress(Step::Submitted(job.digest));
			}
			while !watch.is_over() {
				let number = watch.next_block().await?.number;
				while let Ok(digest) = answered.try_recv() {
					progress(Step::Answered(digest));
				}
				let count = |f: fn(&History) -> bool| watch.histories().filter(|h| f(h.1)).count();
				let revealed = count(|h| h.revealed_at.is_some());
				let settled = count(|h| h.settled_at.is_some());
				progress(Step::Block { number, revealed, settled });
				fail_early(&watch)?;
			}
			Ok(())
		};
		let (outcomes, ()) = try_join(answers, settlement).await?;
		jobs.iter()
			.zip(outcomes)
			.map(|(job, outcome)| self.check(job.digest, &outcome, watch.history(&job.digest)))
			.collect()
	}

	async fn jobs(&self, tokenizer: &Tokenizer, texts: &[String]) -> Result<Vec<Job>> {
		if texts.is_empty() {
			return Err(Error::new(Kind::Usage, "no text").next("give at least one --text"));
		}
		let genesis = self.chain.genesis();
		let first = job::next_nonce(&self.chain, &self.account.id()).await?;
		let mut jobs = Vec::new();
		for (nonce, text) in (first..).zip(texts) {
			let row = tokenizer.encode(text).map_err(|e| {
				Error::new(Kind::Usage, format!("\"{}\": {e}", shorten(text)))
					.next(format!("give a text of at most {} tokens", self.max_tokens))
			})?;
			let (input, parameters) = input_blob(&[row]);
			jobs.push(Job::new(&genesis, &self.lease, &self.model, input, parameters, nonce));
		}
		Ok(jobs)
	}

	/// An answer counts only if it is what the provider revealed on chain.
	fn check(&self, job: Hash, outcome: &Outcome, history: Option<&History>) -> Result<Embedded> {
		let history = history.cloned().unwrap_or_default();
		if history.output != Some(outcome.digest()) {
			return Err(mismatch(format!(
				"the provider's answer to job {} is not what it revealed on chain",
				hex32(&job)
			))
			.next("do not use the answer; keep it as evidence, and lease from another provider"));
		}
		match outcome {
			Outcome::Invalid(code) => Err(Error::new(
				Kind::Refused,
				format!("job {}: the model refused the input ({code:?})", hex32(&job)),
			)),
			Outcome::Output { data, .. } => {
				let rows = embeddings(data, self.width, self.fraction_bits)
					.map_err(|e| mismatch(e.to_string()))?;
				let [embedding] = <[Vec<f32>; 1]>::try_from(rows)
					.map_err(|rows| mismatch(format!("{} embeddings for one text", rows.len())))?;
				Ok(Embedded { job, embedding, history })
			},
		}
	}
}

fn fail_early(watch: &Watch) -> Result<()> {
	for (digest, history) in watch.histories() {
		if let Some(reason) = &history.expired {
			return Err(job::expired(digest, reason));
		}
	}
	Ok(())
}

async fn newest_open(chain: &Chain, account: &Account) -> Result<Lease> {
	let leases = lease::leases_of(chain, &account.id()).await?;
	leases.into_iter().filter(|lease| lease.open).max_by_key(|lease| lease.id).ok_or_else(|| {
		Error::new(Kind::Refused, format!("{} has no open lease", account.address())).next(
			"find an offer with `assay lease offers --provider ADDRESS` and open one with `assay \
			 lease open --offer ID`",
		)
	})
}

fn output_shape(program: &assay_program::Program) -> Result<(usize, u8)> {
	let output = program.output().map_err(|e| mismatch(e.to_string()))?;
	match (output.kind, output.dims.last()) {
		(TensorKind::Fixed { fraction }, Some(Dim::Fixed(width))) => {
			Ok((*width as usize, fraction))
		},
		_ => Err(Error::new(Kind::Usage, "the lease's model is no embedding model")
			.next("name the lease of an embedding model with --lease")),
	}
}

fn shorten(text: &str) -> String {
	let mut short: String = text.chars().take(40).collect();
	if short.len() < text.len() {
		short.push('…');
	}
	short
}
