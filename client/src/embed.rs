//! Sentences in, vectors out: one job each, with a receipt each.

use crate::{
	account::Account,
	chain::Chain,
	error::{mismatch, Error, Kind, Result},
	job::{History, Job},
	lease::Lease,
	model::Model,
	tenancy::{Tenancy, Until},
};
use assay_models::{embeddings, input_blob, Tokenizer};
use assay_program::{Dim, Hash, Kind as TensorKind, Outcome, Program};
use serde::Serialize;
use std::cell::RefCell;

pub use crate::tenancy::Step;

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

/// What is needed to embed under one lease.
#[derive(Debug)]
pub struct Embedder {
	tenancy: Tenancy,
	width: usize,
	fraction_bits: u8,
}

impl Embedder {
	/// Looks up lease, model, program and provider. Without a lease id, the newest open lease of
	/// an embedding model.
	pub async fn new(chain: &Chain, account: &Account, lease: Option<u64>) -> Result<Self> {
		let (tenancy, (width, fraction_bits)) =
			Tenancy::new(chain, account, lease, output_shape).await?;
		Ok(Self { tenancy, width, fraction_bits })
	}

	/// The lease it uses.
	pub fn lease(&self) -> &Lease {
		&self.tenancy.lease
	}

	/// The model it uses.
	pub fn model(&self) -> &Model {
		&self.tenancy.model
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
		let ask = async |job: &Job| self.tenancy.data.output(&job.digest).await;
		let ended = self.tenancy.run(jobs, Until::Final, ask, tell).await?;
		let done = jobs.iter().zip(ended).map(|(job, ended)| {
			let embedded = ended.result.and_then(|outcome| {
				let embedding = self.vector(outcome).map_err(|error| error.about(job.digest))?;
				Ok(Embedded { job: job.digest, embedding, history: ended.history })
			});
			Done { job: job.digest, result: embedded }
		});
		Ok(done.collect())
	}

	async fn jobs(&self, tokenizer: &Tokenizer, texts: &[String]) -> Result<Vec<Job>> {
		if texts.is_empty() {
			return Err(Error::new(Kind::Usage, "no text").next("give at least one --text"));
		}
		if texts.iter().any(|text| text.trim().is_empty()) {
			// It would be computed and paid for like any other, and mean nothing.
			return Err(Error::new(Kind::Usage, "a text is empty").next("leave it out"));
		}
		let max_tokens = self.tenancy.program.limits.max_sequence;
		let mut inputs = Vec::new();
		for text in texts {
			let row = tokenizer.encode(text).map_err(|e| {
				Error::new(Kind::Usage, format!("\"{}\": {e}", shorten(text)))
					.next(format!("give a text of at most {max_tokens} tokens"))
			})?;
			inputs.push(input_blob(&[row]));
		}
		self.tenancy.jobs(inputs).await
	}

	fn vector(&self, outcome: Outcome) -> Result<Vec<f32>> {
		let Outcome::Output { data, .. } = outcome else {
			return Err(mismatch("an answer without an output"));
		};
		let rows = embeddings(&data, self.width, self.fraction_bits)
			.map_err(|e| mismatch(e.to_string()))?;
		let [embedding] = <[Vec<f32>; 1]>::try_from(rows)
			.map_err(|rows| mismatch(format!("{} embeddings for one text", rows.len())))?;
		Ok(embedding)
	}
}

fn output_shape(program: &Program) -> Result<(usize, u8)> {
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
