//! Jobs that wait for a device are computed together.
//!
//! A job that finds a free turn computes at once. Others wait in line; whoever ends a turn hands it
//! to the first of them, with all that have the same key. Nobody is kept beyond the batch that its
//! own job is in.

use assay_program::BackendError;
use std::{
	collections::VecDeque,
	sync::{
		mpsc::{channel, Sender},
		Mutex, MutexGuard, PoisonError,
	},
};

/// The answer to a job.
pub(crate) type Answer = Result<Vec<u8>, BackendError>;

/// A job in line.
#[derive(Debug)]
struct Waiting {
	key: u32,
	inputs: u32,
	input: Vec<u8>,
	turn: Sender<Turn>,
}

/// What a job in line is told.
#[derive(Debug)]
enum Turn {
	/// To compute these, itself first.
	Lead(Vec<Waiting>),
	/// That another did.
	Done(Answer),
}

#[derive(Debug, Default)]
struct Line {
	leaders: usize,
	waiting: VecDeque<Waiting>,
}

/// The line before a model's devices.
#[derive(Debug)]
pub(crate) struct Batcher {
	line: Mutex<Line>,
	max_leaders: usize,
	max_inputs: u32,
}

/// Jobs computed together: all of one key.
#[derive(Debug)]
pub(crate) struct Group<'a> {
	pub(crate) key: u32,
	/// Each with the number of its inputs.
	pub(crate) jobs: Vec<(u32, &'a [u8])>,
}

impl Batcher {
	pub(crate) fn new(max_leaders: usize, max_inputs: u32) -> Self {
		Self { line: Mutex::default(), max_leaders, max_inputs }
	}

	/// Computes a job of `inputs` inputs, alone or with others of the same `key`, by `compute`,
	/// which gives an answer for each job.
	pub(crate) fn run(
		&self,
		key: u32,
		inputs: u32,
		input: &[u8],
		compute: impl Fn(&Group<'_>) -> Vec<Answer>,
	) -> Answer {
		let mut line = self.line();
		if line.leaders < self.max_leaders {
			line.leaders += 1;
			drop(line);
			let turn = HandOn(self);
			let answers = compute(&Group { key, jobs: vec![(inputs, input)] });
			drop(turn);
			return first(answers);
		}
		let (turn, turns) = channel();
		line.waiting.push_back(Waiting { key, inputs, input: input.to_vec(), turn });
		drop(line);
		match turns.recv() {
			Ok(Turn::Done(answer)) => answer,
			Ok(Turn::Lead(group)) => {
				let turn = HandOn(self);
				let jobs = group.iter().map(|job| (job.inputs, &*job.input)).collect();
				let mut answers = compute(&Group { key, jobs }).into_iter();
				drop(turn);
				let own = answers.next();
				for (job, answer) in group.iter().skip(1).zip(answers) {
					// Whoever no longer listens needs no answer.
					let _ = job.turn.send(Turn::Done(answer));
				}
				first(own)
			},
			Err(_) => Err(BackendError::Device("a batch ended without an answer".into())),
		}
	}

	fn line(&self) -> MutexGuard<'_, Line> {
		// Counts and jobs are whole whatever happened to the last user.
		self.line.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// The next jobs that can be computed together.
	fn next(&self, line: &mut Line) -> Option<Vec<Waiting>> {
		let leader = line.waiting.pop_front()?;
		let (key, mut inputs) = (leader.key, leader.inputs);
		let mut group = vec![leader];
		let mut others = VecDeque::with_capacity(line.waiting.len());
		for job in line.waiting.drain(..) {
			let sum = inputs.saturating_add(job.inputs);
			if job.key == key && sum <= self.max_inputs {
				inputs = sum;
				group.push(job);
			} else {
				others.push_back(job);
			}
		}
		line.waiting = others;
		Some(group)
	}
}

/// Hands a turn on when dropped, also when its holder panics.
struct HandOn<'a>(&'a Batcher);

impl Drop for HandOn<'_> {
	fn drop(&mut self) {
		let mut line = self.0.line();
		while let Some(group) = self.0.next(&mut line) {
			let leader = group.first().map(|job| job.turn.clone());
			if leader.is_some_and(|leader| leader.send(Turn::Lead(group)).is_ok()) {
				return;
			}
		}
		line.leaders = line.leaders.saturating_sub(1);
	}
}

fn first(answers: impl IntoIterator<Item = Answer>) -> Answer {
	let none = || Err(BackendError::Device("a job has no answer".into()));
	answers.into_iter().next().unwrap_or_else(none)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::sync::atomic::{AtomicUsize, Ordering};

	/// Answers each job with its own input; notes how many jobs went together.
	fn echo(largest: &AtomicUsize, group: &Group<'_>) -> Vec<Answer> {
		std::thread::sleep(std::time::Duration::from_millis(5));
		largest.fetch_max(group.jobs.len(), Ordering::Relaxed);
		let inputs: u32 = group.jobs.iter().map(|(inputs, _)| inputs).sum();
		assert!(inputs <= 8, "{inputs} at once");
		group.jobs.iter().map(|(_, input)| Ok(input.to_vec())).collect()
	}

	#[test]
	fn jobs_that_wait_go_together_and_each_gets_its_own_answer() {
		let (batcher, largest) = (Batcher::new(1, 8), AtomicUsize::new(0));
		std::thread::scope(|scope| {
			for number in 0..24u8 {
				let (batcher, largest) = (&batcher, &largest);
				scope.spawn(move || {
					let key = u32::from(number % 2);
					let answer = batcher.run(key, 2, &[number], |group| {
						assert_eq!(group.key, key);
						echo(largest, group)
					});
					assert_eq!(answer, Ok(vec![number]));
				});
			}
		});
		let largest = largest.load(Ordering::Relaxed);
		assert!((2..=4).contains(&largest), "{largest}");
		assert_eq!(batcher.line().leaders, 0);
	}

	#[test]
	fn a_leader_that_panics_leaves_the_line_open() {
		let batcher = Batcher::new(1, 8);
		let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
			batcher.run(0, 1, &[1], |_| panic!("as a test"))
		}));
		assert!(panicked.is_err());
		assert_eq!(batcher.run(0, 1, &[2], |_| vec![Ok(vec![2])]), Ok(vec![2]));
	}
}
