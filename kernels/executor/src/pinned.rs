//! The jobs that the node asks about, because their claims can still be disputed: whatever room is
//! wanted, their inputs and outputs stay.
//!
//! The node hands the whole list over, again and again; only what differs from the last one goes to
//! the journal. It names digests alone. What input a job has is learned from whoever hands the job
//! in or has it traced, at any time before or after, and is in the journal from then on.

use crate::{
	blobs::{BlobKind, Blobs},
	error::Error,
	journal::{written, End, Journal, Ledger, Record},
	metrics::Metrics,
};
use assay_program::Hash;
use std::{
	collections::{HashMap, HashSet},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Blobs of a job, as far as they are known. Programs and weights never go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
	pub(crate) input: Option<Hash>,
	pub(crate) output: Option<Hash>,
}

impl Parts {
	/// These, and of others what is not known here.
	fn or(self, other: Self) -> Self {
		Self { input: self.input.or(other.input), output: self.output.or(other.output) }
	}

	fn keys(self) -> impl Iterator<Item = (BlobKind, Hash)> {
		let input = self.input.map(|digest| (BlobKind::Input, digest));
		input.into_iter().chain(self.output.map(|digest| (BlobKind::Output, digest)))
	}
}

/// The pinned jobs of one executor.
#[derive(Debug)]
pub(crate) struct Pinned {
	jobs: Mutex<HashMap<Hash, Parts>>,
	/// Held while a list takes the place of another.
	replacing: tokio::sync::Mutex<()>,
	journal: Journal,
	blobs: Arc<Blobs>,
	metrics: Arc<Metrics>,
}

impl Pinned {
	/// The pinned jobs of a journal. From here on their blobs stay.
	pub(crate) fn resume(
		ledger: &Ledger,
		journal: Journal,
		blobs: Arc<Blobs>,
		metrics: Arc<Metrics>,
	) -> Self {
		let mut jobs: HashMap<Hash, Parts> = ledger
			.pinned
			.iter()
			.map(|(job, input)| (*job, Parts { input: *input, output: None }))
			.collect();
		for open in ledger.open.values() {
			if let Some(parts) = jobs.get_mut(&open.request.digest()) {
				parts.input = Some(open.request.input);
			}
		}
		for ended in &ledger.ended {
			if let Some(parts) = jobs.get_mut(&ended.job) {
				*parts = parts.or(Parts { input: ended.input, output: ended.end.output() });
			}
		}
		let (replacing, jobs) = (tokio::sync::Mutex::default(), Mutex::new(jobs));
		let pinned = Self { jobs, replacing, journal, blobs, metrics };
		pinned.settle(&pinned.jobs());
		pinned
	}

	fn jobs(&self) -> MutexGuard<'_, HashMap<Hash, Parts>> {
		// Nothing panics while it is held.
		self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Whether the node asks about a job.
	pub(crate) fn contains(&self, job: &Hash) -> bool {
		self.jobs().contains_key(job)
	}

	/// Takes the node's list in the place of the last one, once it is on disk. `parts` says what is
	/// known of a job.
	pub(crate) async fn replace(
		&self,
		wanted: HashSet<Hash>,
		parts: impl Fn(&Hash) -> Parts,
	) -> Result<(), Error> {
		let _turn = self.replacing.lock().await;
		let records = self.difference(&wanted, &parts);
		if !records.is_empty() {
			written(self.journal.append(records)).await?;
		}
		let mut jobs = self.jobs();
		// Asked again: a job may have come or ended meanwhile.
		let fresh = wanted.into_iter().map(|job| {
			let known = jobs.get(&job).copied().unwrap_or_default();
			(job, known.or(parts(&job)))
		});
		*jobs = fresh.collect();
		self.settle(&jobs);
		Ok(())
	}

	/// What the journal has to be told for `wanted` to be the list. First what is added: if only
	/// the beginning of it gets there, nothing is lost.
	fn difference(&self, wanted: &HashSet<Hash>, parts: impl Fn(&Hash) -> Parts) -> Vec<Record> {
		let jobs = self.jobs();
		let added = wanted.iter().filter_map(|job| {
			let known = jobs.get(job);
			let input = known.and_then(|known| known.input).or_else(|| parts(job).input);
			let is_told = known.is_some_and(|known| known.input == input);
			(!is_told).then_some(Record::Pinned { job: *job, input })
		});
		let gone = jobs.keys().filter(|job| !wanted.contains(*job));
		added.chain(gone.map(|job| Record::Unpinned { job: *job })).collect()
	}

	/// Takes note of what is known of a job by now, if the node asks about it.
	pub(crate) fn learn(&self, job: &Hash, parts: Parts) {
		let mut jobs = self.jobs();
		let Some(known) = jobs.get_mut(job) else { return };
		let before = *known;
		*known = known.or(parts);
		if known.input != before.input {
			// Not waited for: whoever tells it tells it again after a restart.
			self.journal.note(Record::Pinned { job: *job, input: known.input });
		}
		if *known != before {
			known.keys().for_each(|(kind, digest)| self.blobs.keep(kind, &digest));
		}
	}

	fn settle(&self, jobs: &HashMap<Hash, Parts>) {
		self.blobs.keep_only(jobs.values().flat_map(|parts| parts.keys()).collect());
		self.metrics.jobs_pinned.set(i64::try_from(jobs.len()).unwrap_or(i64::MAX));
	}
}

impl End {
	/// The digest of the output, if there is one.
	fn output(self) -> Option<Hash> {
		match self {
			Self::Done { claim } => Some(claim.output()),
			Self::Failed { .. } => None,
		}
	}
}
