//! Sentences in, vectors out: one job each, with a receipt each.

use crate::{
	account::Account,
	chain::Chain,
	chain::Sent,
	data::DataClient,
	error::{mismatch, Error, Kind, Result},
	job::{self, History, Job, Watch},
	lease::{self, Lease},
	model::{self, Model},
	provider,
};
use assay_models::{embeddings, input_blob, Tokenizer};
use assay_program::{Dim, Hash, Kind as TensorKind, Outcome};
use futures::future::{join, join_all};
use serde::Serialize;
use std::{cell::RefCell, collections::BTreeMap};
use tokio::sync::oneshot;

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

/// What became of one text.
#[derive(Clone, Debug)]
pub struct Done {
	/// Its job. Once submitted it goes on, and is paid for, whatever fails here.
	pub job: Hash,
	/// The vector, or why there is none.
	pub result: Result<Embedded>,
}

/// All vectors; where one is missing, the error that [`failure`] makes of it.
pub fn complete(done: Vec<Done>) -> Result<Vec<Embedded>> {
	match failure(&done) {
		Some(error) => Err(error),
		None => Ok(done.into_iter().filter_map(|done| done.result.ok()).collect()),
	}
}

/// One error for all texts without a vector: the first one's, with the digests of all their jobs.
pub fn failure(done: &[Done]) -> Option<Error> {
	let failed: Vec<_> =
		done.iter().filter_map(|done| Some((done.job, done.result.as_ref().err()?))).collect();
	let (job, first) = failed.first()?;
	let error = (*first).clone().about(*job);
	let error = match failed.len() {
		1 if done.len() == 1 => error,
		count => {
			error.during(&format!("{count} of {} texts have no vector; the first", done.len()))
		},
	};
	Some(failed.iter().fold(error, |error, (job, _)| error.with_job(*job)))
}

/// Jobs on their way at once: a lease has room for 32 open ones, and a provider's data listener for
/// as many connections of one address.
const JOBS_AT_ONCE: usize = 24;
/// Blocks without a word on chain after which a job of a provider that does not answer is given up.
const QUIET_BLOCKS_MAX: u32 = 60;

/// Jobs that are on the way.
struct Course {
	watch: Watch,
	/// The block in which it began.
	since: u32,
	/// What makes a provider not be asked any more, when it is dropped.
	asking: BTreeMap<Hash, oneshot::Sender<()>>,
	/// Jobs of which nothing more is expected, and why.
	failed: BTreeMap<Hash, Error>,
}

impl Course {
	fn fail(&mut self, job: Hash, error: Error) {
		self.asking.remove(&job);
		self.failed.insert(job, error);
	}
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
	/// chain's reveal is compared with them, and every job is followed to its receipt in a final
	/// block. What fails for one job leaves the others alone; an error of the whole is one from
	/// before the first submission.
	pub async fn embed(
		&self,
		tokenizer: &Tokenizer,
		texts: &[String],
		progress: impl FnMut(Step),
	) -> Result<Vec<Done>> {
		let jobs = self.jobs(tokenizer, texts).await?;
		let progress = RefCell::new(progress);
		let tell = |step| (progress.borrow_mut())(step);
		let mut done = Vec::new();
		for some in jobs.chunks(JOBS_AT_ONCE) {
			match self.embed_some(some, &tell).await {
				Ok(results) => done.extend(results),
				Err(error) if done.is_empty() => return Err(error),
				// What was paid for is not lost to a failure that comes later.
				Err(error) => done.extend(
					some.iter().map(|job| Done { job: job.digest, result: Err(error.clone()) }),
				),
			}
		}
		Ok(done)
	}

	/// As many as the lease and the provider take at once.
	async fn embed_some(&self, jobs: &[Job], tell: &impl Fn(Step)) -> Result<Vec<Done>> {
		let since = self.chain.best_number().await?;
		let watch = Watch::new(&self.chain, jobs.iter().map(|job| job.digest)).await?;
		let mut course = Course { watch, since, asking: BTreeMap::new(), failed: BTreeMap::new() };
		let mut sent = Vec::new();
		let mut asked = Vec::new();
		for job in jobs {
			sent.push(self.send(job).await);
			let (asking, stopped) = oneshot::channel();
			course.asking.insert(job.digest, asking);
			asked.push((job.digest, stopped));
		}
		let silent = RefCell::new(BTreeMap::new());
		// Asking begins before the jobs are in a block: the provider holds the requests.
		let answers = join_all(asked.into_iter().map(|(job, stopped)| {
			let silent = &silent;
			async move {
				tokio::select! {
					outcome = self.data.output(&job) => {
						match &outcome {
							Ok(_) => tell(Step::Answered(job)),
							Err(error) => drop(silent.borrow_mut().insert(job, error.clone())),
						}
						Some(outcome)
					},
					_ = stopped => None,
				}
			}
		}));
		let (answers, ()) = join(answers, follow(&mut course, jobs, sent, &silent, tell)).await;
		let done = jobs.iter().zip(answers).map(|(job, answer)| {
			let result = self.conclude(&course, job, answer);
			let result = result.map_err(|e| self.advise(e, job, since));
			Done { job: job.digest, result }
		});
		Ok(done.collect())
	}

	async fn send(&self, job: &Job) -> Result<Sent> {
		if job.is_stored() {
			self.data.put_input(&job.request.input, &job.input).await?;
		}
		job.send(&self.chain, &self.account).await
	}

	fn conclude(
		&self,
		course: &Course,
		job: &Job,
		answer: Option<Result<Outcome>>,
	) -> Result<Embedded> {
		if let Some(error) = course.failed.get(&job.digest) {
			return Err(error.clone());
		}
		let history = course.watch.history(&job.digest).cloned().unwrap_or_default();
		let outcome = answer.ok_or_else(|| mismatch("the provider was not asked to the end"))??;
		self.check(job.digest, &outcome, history)
	}

	/// Names the job of an error, and how to go on where the job may do so by itself.
	fn advise(&self, error: Error, job: &Job, since: u32) -> Error {
		let error = error.about(job.digest);
		if !matches!(error.kind(), Kind::Unreachable | Kind::Late) {
			return error;
		}
		error.next(format!(
			"a job that is submitted goes on: follow it with `assay job wait JOB --since \
			 {since}`, and fetch its output with `assay job output JOB --lease {} --since {since} \
			 --to FILE`; if its provider stays silent, end it with `assay job finish JOB`",
			self.lease.id
		))
	}

	async fn jobs(&self, tokenizer: &Tokenizer, texts: &[String]) -> Result<Vec<Job>> {
		if texts.is_empty() {
			return Err(Error::new(Kind::Usage, "no text").next("give at least one --text"));
		}
		if texts.iter().any(|text| text.trim().is_empty()) {
			// It would be computed and paid for like any other, and mean nothing.
			return Err(Error::new(Kind::Usage, "a text is empty").next("leave it out"));
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
	fn check(&self, job: Hash, outcome: &Outcome, history: History) -> Result<Embedded> {
		job::check_answer(&job, outcome, history.output)?;
		match outcome {
			Outcome::Invalid(code) => {
				Err(Error::new(Kind::Refused, format!("the model refused the input ({code:?})")))
			},
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

/// Sees the jobs into their blocks, and from there to their end.
async fn follow(
	course: &mut Course,
	jobs: &[Job],
	sent: Vec<Result<Sent>>,
	silent: &RefCell<BTreeMap<Hash, Error>>,
	tell: &impl Fn(Step),
) {
	let included = join_all(jobs.iter().zip(sent).map(|(job, sent)| async move {
		sent?.included().await?;
		tell(Step::Submitted(job.digest));
		Ok(())
	}));
	for (job, included) in jobs.iter().zip(included.await) {
		if let Err(error) = included {
			course.watch.remove(&job.digest);
			course.fail(job.digest, error);
		}
	}
	while !course.watch.is_over() {
		match step(course, tell).await {
			Ok(number) => give_up(course, number, &silent.borrow()),
			Err(error) => {
				let open = course.watch.histories().filter(|(_, history)| !history.is_final);
				let open: Vec<_> = open.map(|(job, _)| *job).collect();
				return open.into_iter().for_each(|job| course.fail(job, error.clone()));
			},
		}
	}
}

/// Nothing more is expected of a job to which nothing happens while its provider does not answer,
/// nor of one that was in a block and is in none any more.
fn give_up(course: &mut Course, number: u32, silent: &BTreeMap<Hash, Error>) {
	let lost: Vec<_> = course
		.watch
		.histories()
		.filter(|(_, history)| is_quiet(history, course.since, number))
		.filter_map(|(job, history)| match silent.get(job) {
			Some(error) => Some((*job, error.clone())),
			None if history.submitted_at.is_none() => {
				Some((*job, Error::new(Kind::Late, "the call is not on chain any more")))
			},
			None => None,
		})
		.collect();
	for (job, error) in lost {
		course.watch.remove(&job);
		course.fail(job, error);
	}
}

/// Whether nothing has happened to a job for too long, `since` being when it was sent. A reveal
/// only waits for its window.
fn is_quiet(history: &History, since: u32, number: u32) -> bool {
	let last = history.committed_at.or(history.submitted_at).unwrap_or(since);
	!history.is_over()
		&& history.revealed_at.is_none()
		&& number.saturating_sub(last) > QUIET_BLOCKS_MAX
}

async fn step(course: &mut Course, tell: &impl Fn(Step)) -> Result<u32> {
	let number = course.watch.next_block().await?.number;
	let count = |f: fn(&History) -> bool| course.watch.histories().filter(|h| f(h.1)).count();
	let revealed = count(|h| h.revealed_at.is_some());
	let settled = count(|h| h.settled_at.is_some());
	tell(Step::Block { number, revealed, settled });
	let ended = course.watch.histories().filter(|(_, history)| history.is_final);
	let expired: Vec<_> = ended
		.filter_map(|(job, history)| Some((*job, job::expired(job, history.expired.as_ref()?))))
		.collect();
	expired.into_iter().for_each(|(job, error)| course.fail(job, error));
	Ok(number)
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

#[cfg(test)]
mod tests {
	use super::*;

	fn embedded(job: Hash) -> Done {
		let embedding = vec![1.0];
		Done { job, result: Ok(Embedded { job, embedding, history: History::default() }) }
	}

	fn failed(job: Hash, kind: Kind) -> Done {
		Done { job, result: Err(Error::new(kind, "no luck").next("do something")) }
	}

	#[test]
	fn a_job_is_quiet_while_its_provider_owes_something() {
		let last = 100 + QUIET_BLOCKS_MAX;
		let mut history = History::default();
		assert!(!is_quiet(&history, 100, last) && is_quiet(&history, 100, last + 1));
		history.submitted_at = Some(103);
		assert!(!is_quiet(&history, 100, last + 3) && is_quiet(&history, 100, last + 4));
		history.committed_at = Some(105);
		assert!(!is_quiet(&history, 100, last + 5) && is_quiet(&history, 100, last + 6));
		history.revealed_at = Some(109);
		assert!(!is_quiet(&history, 100, u32::MAX));
	}

	#[test]
	fn all_vectors_or_an_error() {
		let all = complete(vec![embedded([1; 32]), embedded([2; 32])]).unwrap();
		assert_eq!(all.iter().map(|one| one.job).collect::<Vec<_>>(), [[1; 32], [2; 32]]);
		assert!(failure(&[embedded([1; 32])]).is_none());
	}

	#[test]
	fn one_error_names_all_jobs_without_a_vector() {
		let done = vec![
			embedded([1; 32]),
			failed([2; 32], Kind::Unreachable),
			failed([3; 32], Kind::Refused),
		];
		let error = complete(done).unwrap_err();
		assert_eq!(error.kind(), Kind::Unreachable);
		assert_eq!(error.jobs(), [[2; 32], [3; 32]]);
		assert_eq!(error.next_step(), Some("do something"));
		assert!(error.message().starts_with("2 of 3 texts"));
		assert!(error.message().contains(&crate::account::hex32(&[2; 32])));
	}

	#[test]
	fn the_error_of_a_single_text_is_its_own() {
		let error = complete(vec![failed([2; 32], Kind::Mismatch)]).unwrap_err();
		assert_eq!((error.kind(), error.jobs()), (Kind::Mismatch, &[[2; 32]][..]));
		assert!(error.message().starts_with("job 0x"));
	}
}
