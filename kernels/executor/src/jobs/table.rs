//! What is known of jobs, and which is next.

use super::Pins;
use crate::emitted::Emitted;
use assay_program::{
	wire::{JobRequest, JobState},
	Hash,
};
use serde::Deserialize;
use std::{
	collections::{HashMap, VecDeque},
	sync::Arc,
	time::Instant,
};
use tokio::sync::watch;

/// What a job is computed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
	/// A claim of this node: somebody pays for it.
	#[default]
	Paid,
	/// To be compared with the claim of another.
	Watch,
}

/// A job that is known.
#[derive(Debug)]
pub(super) struct Job {
	pub(super) tenant: Hash,
	/// Not known of a job that ended under a version that did not write it down.
	pub(super) input: Option<Hash>,
	pub(super) state: watch::Sender<JobState>,
	/// What its run has emitted so far; nothing once it has ended.
	pub(super) emitted: watch::Sender<Emitted>,
	pub(super) class: Class,
	/// How often it was begun.
	pub(super) starts: u32,
	pub(super) taken: Instant,
	/// Whether its record is on disk: only then it is promised.
	pub(super) journalled: bool,
	/// Whether its last start is still under way.
	pub(super) begun: bool,
	/// Whether its end is being written.
	pub(super) ending: bool,
	/// When it may be tried again, where that is not at once.
	pub(super) retry_at: Option<Instant>,
	/// What is needed to run it; gone once it has ended.
	pub(super) open: Option<(Arc<JobRequest>, Pins)>,
}

impl Job {
	pub(super) fn new(tenant: Hash, input: Option<Hash>, state: JobState, starts: u32) -> Self {
		Self {
			tenant,
			input,
			state: watch::Sender::new(state),
			emitted: watch::Sender::new(Emitted::default()),
			class: Class::Paid,
			starts,
			taken: Instant::now(),
			journalled: false,
			begun: false,
			ending: false,
			retry_at: None,
			open: None,
		}
	}

	/// The digest of its output, if it has one.
	pub(super) fn output(&self) -> Option<Hash> {
		match *self.state.borrow() {
			JobState::Done { claim } => Some(claim.output()),
			_ => None,
		}
	}
}

/// The jobs that are known, and those that wait.
#[derive(Debug, Default)]
pub(super) struct Table {
	pub(super) jobs: HashMap<Hash, Job>,
	/// Those that ended, oldest first.
	pub(super) ended: VecDeque<Hash>,
	pub(super) paid: Queue,
	pub(super) watched: Queue,
	/// Nothing begins any more.
	pub(super) closed: bool,
}

/// The jobs of a class that have not ended.
#[derive(Debug, Default)]
pub(super) struct Queue {
	/// Those that wait, in order.
	pub(super) waiting: VecDeque<Hash>,
	/// How many wait or run.
	pub(super) open: usize,
}

impl Table {
	pub(super) fn queue(&self, class: Class) -> &Queue {
		match class {
			Class::Paid => &self.paid,
			Class::Watch => &self.watched,
		}
	}

	pub(super) fn queue_mut(&mut self, class: Class) -> &mut Queue {
		match class {
			Class::Paid => &mut self.paid,
			Class::Watch => &mut self.watched,
		}
	}

	/// Takes the job that is next. A watched one only when no other is at hand: while one runs, the
	/// next is fetched already, and a paid job that came meanwhile would have to wait for both.
	pub(super) fn next(&mut self) -> Option<Hash> {
		if let Some(job) = self.paid.waiting.pop_front() {
			return Some(job);
		}
		let is_idle = self.paid.open == 0 && self.watched.open == self.watched.waiting.len();
		if is_idle {
			self.watched.waiting.pop_front()
		} else {
			None
		}
	}
}
