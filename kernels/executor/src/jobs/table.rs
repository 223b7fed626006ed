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
	/// Whether no other may run beside it: it was begun when the process was killed, or lacked
	/// memory beside others.
	pub(super) alone: bool,
	/// Whether another one was at hand, begun and not ended, during its last start.
	pub(super) had_company: bool,
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
			had_company: false,
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
	/// Those that were begun and have not ended, in that order.
	pub(super) begun: Vec<Hash>,
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
	/// A job begins.
	pub(super) fn begin(&mut self, job: Hash) {
		self.begun.push(job);
		if self.begun.len() > 1 {
			for job in &self.begun {
				if let Some(known) = self.jobs.get_mut(job) {
					known.had_company = true;
				}
			}
		} else if let Some(known) = self.jobs.get_mut(&job) {
			known.had_company = false;
		}
	}

	/// A job does not run any more, if it did.
	pub(super) fn leave(&mut self, job: &Hash) {
		self.begun.retain(|begun| begun != job);
		self.alone = self.alone.filter(|alone| alone != job);
	}

	/// A state as it is told outside. Who asks counts on a job that runs to have the machine, and to
	/// take as long as it takes alone; so of those that run at once the one that was begun first is
	/// told to run, and the others to wait.
	pub(super) fn told(&self, job: &Hash, state: JobState) -> JobState {
		let has_machine = self.begun.first() == Some(job);
		match state {
			JobState::Running if !has_machine => JobState::Queued,
			state => state,
		}
	}

	/// Puts a job at hand back in line, as the next one, to run alone. Its start does not count.
	pub(super) fn put_back(&mut self, job: &Hash) {
		self.leave(job);
		let Some(known) = self.jobs.get_mut(job) else { return };
		known.starts = known.starts.saturating_sub(u32::from(known.begun));
		(known.begun, known.alone) = (false, true);
		known.state.send_replace(JobState::Queued);
		let class = known.class;
		self.queue_mut(class).waiting.push_front(*job);
	}

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
			let mut job = Job::new([0; 32], None, JobState::Queued, 0);
			job.class = *class;
			table.jobs.insert([number; 32], job);
			let queue = table.queue_mut(*class);
			queue.waiting.push_back([number; 32]);
			queue.open += 1;
		}
		table
	}

	fn end(table: &mut Table, class: Class, number: u8) {
		table.queue_mut(class).open -= 1;
		table.leave(&[number; 32]);
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

	#[test]
	fn of_those_that_run_the_first_one_is_told_to() {
		let mut table = table(&[Class::Paid; 3]);
		let told = |table: &Table| [0, 1, 2].map(|job| table.told(&[job; 32], JobState::Running));
		use JobState::{Queued, Running};
		assert_eq!(told(&table), [Queued, Queued, Queued]);
		for job in [1, 0, 2] {
			table.begin([job; 32]);
			assert_eq!(told(&table), [Queued, Running, Queued]);
		}
		end(&mut table, Class::Paid, 0);
		assert_eq!(told(&table), [Queued, Running, Queued]);
		end(&mut table, Class::Paid, 1);
		assert_eq!(told(&table), [Queued, Queued, Running]);
		let failed = JobState::Failed { code: 1 };
		assert_eq!(table.told(&[0; 32], failed.clone()), failed);
	}

	#[test]
	fn a_job_that_is_put_back_is_next_and_alone() {
		use Class::{Paid, Watch};
		for class in [Paid, Watch] {
			let mut table = table(&[class; 4]);
			for job in [0, 1] {
				assert_eq!(table.next(2), Some([job; 32]));
				table.begin([job; 32]);
			}
			assert!([0, 1].iter().all(|job| table.jobs[&[*job; 32]].had_company));
			table.put_back(&[1; 32]);
			assert_eq!(table.next(2), None, "the other one still runs");
			end(&mut table, class, 0);
			assert_eq!((table.next(2), table.next(2)), (Some([1; 32]), None));
			table.begin([1; 32]);
			assert!(!table.jobs[&[1; 32]].had_company);
			end(&mut table, class, 1);
			assert_eq!((table.next(2), table.next(2)), (Some([2; 32]), Some([3; 32])));
		}
	}
}
