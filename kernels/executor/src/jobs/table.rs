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
	/// Whether no other may run beside it: it was begun when the process was killed.
	pub(super) alone: bool,
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
			alone: false,
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
	/// The job at hand that no other may run beside.
	pub(super) alone: Option<Hash>,
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

impl Queue {
	/// How many were taken out of the line and have not ended.
	fn at_hand(&self) -> usize {
		self.open.saturating_sub(self.waiting.len())
	}
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

	/// Takes the job that is next, where so many run at once. A watched one only when no paid one is
	/// at hand and it runs at once: were it fetched while others run, a paid job that came meanwhile
	/// would have to wait for two. One that has to run alone waits until nothing is at hand, and
	/// until it has ended there is no next.
	pub(super) fn next(&mut self, at_once: usize) -> Option<Hash> {
		if self.alone.is_some() {
			return None;
		}
		let is_free = self.paid.open == 0 && self.watched.at_hand() < at_once;
		let class = if self.paid.waiting.is_empty() { Class::Watch } else { Class::Paid };
		if class == Class::Watch && !is_free {
			return None;
		}
		let next = *self.queue(class).waiting.front()?;
		if self.jobs.get(&next).is_some_and(|job| job.alone) {
			if self.paid.at_hand().saturating_add(self.watched.at_hand()) > 0 {
				return None;
			}
			self.alone = Some(next);
		}
		self.queue_mut(class).waiting.pop_front()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A table with jobs of these classes in line, by number.
	fn table(classes: &[Class]) -> Table {
		let mut table = Table::default();
		for (number, class) in (0u8..).zip(classes) {
			table.jobs.insert([number; 32], Job::new([0; 32], None, JobState::Queued, 0));
			let queue = table.queue_mut(*class);
			queue.waiting.push_back([number; 32]);
			queue.open += 1;
		}
		table
	}

	fn end(table: &mut Table, class: Class, number: u8) {
		table.queue_mut(class).open -= 1;
		table.alone = table.alone.filter(|alone| *alone != [number; 32]);
	}

	#[test]
	fn paid_jobs_are_fetched_ahead_and_watched_ones_run_at_once() {
		use Class::{Paid, Watch};
		let mut table = table(&[Watch, Paid, Watch, Paid, Watch, Watch]);
		assert_eq!(table.next(2), Some([1; 32]));
		assert_eq!(table.next(2), Some([3; 32]));
		// As long as one that is paid for has not ended, nobody else begins.
		assert_eq!(table.next(2), None);
		end(&mut table, Paid, 1);
		assert_eq!(table.next(2), None);
		end(&mut table, Paid, 3);
		assert_eq!((table.next(2), table.next(2)), (Some([0; 32]), Some([2; 32])));
		assert_eq!(table.next(2), None);
		end(&mut table, Watch, 0);
		assert_eq!((table.next(2), table.next(2)), (Some([4; 32]), None));
	}

	#[test]
	fn a_job_that_has_to_be_alone_is_alone() {
		use Class::{Paid, Watch};
		for class in [Paid, Watch] {
			let mut table = table(&[class; 3]);
			table.jobs.get_mut(&[1; 32]).unwrap().alone = true;
			assert_eq!((table.next(4), table.next(4)), (Some([0; 32]), None), "{class:?}");
			end(&mut table, class, 0);
			assert_eq!((table.next(4), table.next(4)), (Some([1; 32]), None), "{class:?}");
			end(&mut table, class, 1);
			assert_eq!(table.next(4), Some([2; 32]), "{class:?}");
		}
	}
}
