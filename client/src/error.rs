//! One error type: what went wrong, and what the person can do next.

use crate::account::hex32;
use assay_program::Hash;
use serde::Serialize;
use std::fmt;

/// What an error is about; decides the exit code of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// The command or its arguments make no sense.
	Usage,
	/// A node or an executor cannot be reached, or the connection broke.
	Unreachable,
	/// The chain, the executor or a provider said no.
	Refused,
	/// Something arrived that is not what was promised: a wrong digest, bytes that do not decode.
	Mismatch,
	/// It did not happen in time.
	Late,
	/// Anything else: files, local set-up.
	Local,
}

impl Kind {
	/// Exit code of the command. Zero is success; clap itself uses 2 for bad usage.
	pub fn exit_code(self) -> u8 {
		match self {
			Self::Local => 1,
			Self::Usage => 2,
			Self::Unreachable => 3,
			Self::Refused => 4,
			Self::Mismatch => 5,
			Self::Late => 6,
		}
	}

	/// Short name, for JSON output.
	pub fn name(self) -> &'static str {
		match self {
			Self::Local => "local",
			Self::Usage => "usage",
			Self::Unreachable => "unreachable",
			Self::Refused => "refused",
			Self::Mismatch => "mismatch",
			Self::Late => "late",
		}
	}
}

/// What a provider had streamed of a job when it went wrong. The tokens are the bytes that the
/// job's claim must begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
	/// The job.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub job: Hash,
	/// The tokens, in order.
	pub tokens: Vec<i32>,
	/// The output digest that the provider said at the end, where it did.
	#[serde(serialize_with = "crate::account::as_optional_hex")]
	pub told: Option<Hash>,
	/// The output digest that it revealed on chain, where it did.
	#[serde(serialize_with = "crate::account::as_optional_hex")]
	pub revealed: Option<Hash>,
}

impl Evidence {
	/// Whether the provider revealed on chain something else than it had said.
	pub fn is_refuted(&self) -> bool {
		self.told.is_some() && self.revealed.is_some() && self.told != self.revealed
	}
}

/// An error with its cause and, where there is one, the next step.
#[derive(Debug, Clone)]
pub struct Error {
	kind: Kind,
	message: String,
	next_step: Option<String>,
	jobs: Vec<Hash>,
	evidence: Option<Box<Evidence>>,
	seed: Option<Hash>,
}

/// Result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
	/// An error of `kind`, said in one sentence.
	pub fn new(kind: Kind, message: impl Into<String>) -> Self {
		let (message, jobs) = (message.into(), Vec::new());
		Self { kind, message, next_step: None, jobs, evidence: None, seed: None }
	}

	/// Adds what the person can do next.
	#[must_use]
	pub fn next(mut self, step: impl Into<String>) -> Self {
		self.next_step = Some(step.into());
		self
	}

	/// Says during what it happened.
	#[must_use]
	pub fn during(mut self, what: &str) -> Self {
		self.message = format!("{what}: {}", self.message);
		self
	}

	/// Names the job that it is about: jobs go on, and are paid for, whatever fails here.
	#[must_use]
	pub fn about(self, job: Hash) -> Self {
		let digest = hex32(&job);
		let error = self.with_job(job);
		match error.message.contains(&digest) {
			true => error,
			false => error.during(&format!("job {digest}")),
		}
	}

	/// Adds one more job that it is about, and leaves the message as it is.
	#[must_use]
	pub fn with_job(mut self, job: Hash) -> Self {
		if !self.jobs.contains(&job) {
			self.jobs.push(job);
		}
		self
	}

	/// Keeps what a provider had streamed.
	#[must_use]
	pub fn with_evidence(mut self, evidence: Evidence) -> Self {
		self.evidence = Some(Box::new(evidence));
		self
	}

	/// Keeps the seed that a job drew its tokens by, so that it can be run again.
	#[must_use]
	pub fn with_seed(mut self, seed: Option<Hash>) -> Self {
		self.seed = seed;
		self
	}

	/// The seed that its job drew tokens by.
	pub fn seed(&self) -> Option<&Hash> {
		self.seed.as_ref()
	}

	/// What a provider had streamed.
	pub fn evidence(&self) -> Option<&Evidence> {
		self.evidence.as_deref()
	}

	/// What it is about.
	pub fn kind(&self) -> Kind {
		self.kind
	}

	/// What went wrong.
	pub fn message(&self) -> &str {
		&self.message
	}

	/// Jobs that it is about.
	pub fn jobs(&self) -> &[Hash] {
		&self.jobs
	}

	/// What to do next, where that is known.
	pub fn next_step(&self) -> Option<&str> {
		self.next_step.as_deref()
	}
}

impl fmt::Display for Error {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.message)?;
		match &self.next_step {
			Some(step) => write!(f, "\n  next: {step}"),
			None => Ok(()),
		}
	}
}

impl std::error::Error for Error {}

/// Shorthand for errors of things that do not have the shape they should have.
pub(crate) fn mismatch(message: impl Into<String>) -> Error {
	Error::new(Kind::Mismatch, message)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_a_reveal_of_something_else_refutes() {
		let evidence = |told, revealed| Evidence { job: [1; 32], tokens: vec![1], told, revealed };
		let (one, other) = (Some([2; 32]), Some([3; 32]));
		assert!(evidence(one, other).is_refuted());
		for (told, revealed) in [(one, one), (one, None), (None, other), (None, None)] {
			assert!(!evidence(told, revealed).is_refuted());
		}
	}

	#[test]
	fn a_job_is_named_once() {
		let error = Error::new(Kind::Late, "no answer").about([1; 32]).about([1; 32]);
		assert_eq!(error.message(), format!("job {}: no answer", hex32(&[1; 32])));
		assert_eq!(error.jobs(), [[1; 32]]);
	}
}
