//! Threads that work on one thing together, and then on the next.
//!
//! A run is a hundred rounds and more, most of them shorter than a millisecond. So who waits for
//! the next round, or for the end of one, first spins for about as long as a wake-up takes, and
//! then sleeps. Nobody yields, as the threads of other pools do: on a processor that somebody else
//! wants too, a yield gives away a whole time slice, which is longer than most rounds, and two
//! threads were slower than one.
//!
//! The thread that asks for a round works in it like the others, and never waits for one that has
//! not begun: where no other thread gets a processor in time, it does everything by itself. So a
//! thread that it wakes must not be put on its own core: see [`cores`](crate::cores).

use crate::cores::{Cores, Thread};
use core::{
	hint,
	panic::AssertUnwindSafe,
	sync::atomic::{AtomicUsize, Ordering},
	time::Duration,
};
use std::{
	any::Any,
	io,
	panic::{catch_unwind, resume_unwind},
	sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
	thread::{Builder, JoinHandle},
	time::Instant,
};

/// How long a thread spins before it sleeps: what a wake-up takes, and what lies between rounds.
const SPIN: Duration = Duration::from_micros(100);
/// Looks at what a thread waits for between two looks at the clock.
const LOOKS: usize = 32;

/// What a thread does in a round, until nothing is left to do.
type Round<'a> = &'a (dyn Fn() + Sync);

/// Some threads, of which the one that asks for a round is the first.
#[derive(Debug)]
pub(crate) struct Team {
	shared: Arc<Shared>,
	helpers: Vec<JoinHandle<()>>,
	turns: Turns,
}

impl Team {
	/// A team of `size` threads, of which it starts all but one.
	///
	/// # Errors
	/// The system refuses a thread.
	pub(crate) fn new(size: usize) -> io::Result<Self> {
		let shared = Shared { maybe_cores: Cores::of_this_thread(), ..Shared::default() };
		let turns = Turns::default();
		let mut team = Self { shared: Arc::new(shared), helpers: Vec::new(), turns };
		for number in 1..size {
			let shared = team.shared.clone();
			let named = Builder::new().name(format!("assay-cpu-{number}"));
			team.helpers.push(named.spawn(move || shared.help())?);
		}
		Ok(team)
	}

	/// Number of threads.
	pub(crate) fn size(&self) -> usize {
		self.helpers.len() + 1
	}

	/// Waits until all who asked before have had their turn; it lasts until the guard is dropped.
	pub(crate) fn turn(&self) -> Turn<'_> {
		self.turns.take()
	}

	/// Calls `run` with each item and its number, on all threads side by side.
	///
	/// Within a round that is already running everything happens on the thread that asks.
	///
	/// # Panics
	/// When `run` does, after the round.
	pub(crate) fn for_each<T: Send>(&self, items: Vec<T>, run: impl Fn(usize, T) + Sync) {
		let count = items.len();
		let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|i| Mutex::new(Some(i))).collect();
		let next = AtomicUsize::new(0);
		let work = || loop {
			let number = next.fetch_add(1, Ordering::Relaxed);
			let Some(item) = items.get(number) else { return };
			let item = item.lock().unwrap_or_else(PoisonError::into_inner).take();
			if let Some(item) = item {
				run(number, item);
			}
		};
		self.shared.round(count.min(self.size()), &work);
	}

	/// What `run` makes of each item, in their order, computed as [`for_each`](Self::for_each)
	/// does.
	///
	/// # Panics
	/// When `run` does, after the round.
	pub(crate) fn map<T: Send, R: Send>(
		&self,
		items: Vec<T>,
		run: impl Fn(T) -> R + Sync,
	) -> Vec<R> {
		let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
		let both = items.into_iter().zip(&mut results).collect();
		self.for_each(both, |_, (item, result)| *result = Some(run(item)));
		results.into_iter().flatten().collect()
	}
}

impl Drop for Team {
	fn drop(&mut self) {
		self.shared.lock().is_over = true;
		self.shared.begun.notify_all();
		for helper in self.helpers.drain(..) {
			// What it panicked with, if it did, was told to whoever asked for the round.
			let _ = helper.join();
		}
	}
}

/// What the threads of a team have in common.
#[derive(Debug, Default)]
struct Shared {
	state: Mutex<State>,
	/// Number of rounds so far; changes while the state is locked.
	rounds: AtomicUsize,
	/// Helpers that are in the round; changes while the state is locked.
	active: AtomicUsize,
	/// Told when a round begins, or the team ends.
	begun: Condvar,
	/// Told when the last helper has left a round.
	done: Condvar,
	/// Where helpers may run, if there is a choice.
	maybe_cores: Option<Cores>,
}

#[derive(Default)]
struct State {
	/// What helpers that come now shall do.
	maybe_round: Option<Round<'static>>,
	/// Whether somebody who asked for a round is still in it.
	is_running: bool,
	/// Helpers that sleep.
	asleep: Vec<Thread>,
	/// What a helper panicked with in the round.
	maybe_panic: Option<Box<dyn Any + Send>>,
	/// Whether the team ends.
	is_over: bool,
}

impl core::fmt::Debug for State {
	fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		formatter.debug_struct("State").field("asleep", &self.asleep).finish_non_exhaustive()
	}
}

impl Shared {
	fn lock(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Does `work` on this thread and up to `threads - 1` others.
	fn round(&self, threads: usize, work: Round<'_>) {
		if threads <= 1 || !self.open(threads, work) {
			work();
			return;
		}
		let own = catch_unwind(AssertUnwindSafe(work));
		let maybe_panic = self.close();
		if let Some(panic) = own.err().or(maybe_panic) {
			resume_unwind(panic);
		}
	}

	/// Lets helpers into a round; `false` where one is running.
	fn open(&self, threads: usize, work: Round<'_>) -> bool {
		// SAFETY: only the lifetime changes. Helpers take the reference from the state alone, and
		// count as active before they let go of its lock. `close` takes it out of the state, and
		// returns when none is active any more; `round` calls it before it returns or unwinds, and
		// `work` lives for longer than that.
		let work = unsafe { core::mem::transmute::<Round<'_>, Round<'static>>(work) };
		let mut state = self.lock();
		if state.is_running {
			return false;
		}
		state.is_running = true;
		state.maybe_round = Some(work);
		self.rounds.fetch_add(1, Ordering::Release);
		let wanted = state.asleep.len().min(threads.saturating_sub(1));
		if let (Some(cores), Some(own)) = (self.maybe_cores, Cores::current()) {
			// Which of them wake is the system's choice.
			state.asleep.iter().for_each(|helper| cores.keep_off(*helper, own));
		}
		drop(state);
		for _ in 0..wanted {
			self.begun.notify_one();
		}
		true
	}

	/// Lets no more helpers into the round, waits for those that are in it, and tells what one of
	/// them panicked with.
	fn close(&self) -> Option<Box<dyn Any + Send>> {
		self.lock().maybe_round = None;
		spin_until(|| self.active.load(Ordering::Acquire) == 0);
		let mut state = self.lock();
		while self.active.load(Ordering::Acquire) > 0 {
			state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
		}
		state.is_running = false;
		state.maybe_panic.take()
	}

	/// What a helper does all its life.
	fn help(&self) {
		let mut seen = 0;
		while let Some(work) = self.wait(&mut seen) {
			let outcome = catch_unwind(AssertUnwindSafe(work));
			let mut state = self.lock();
			if let Err(panic) = outcome {
				state.maybe_panic = Some(panic);
			}
			if self.active.fetch_sub(1, Ordering::Release) == 1 {
				self.done.notify_one();
			}
		}
	}

	/// Waits for a round after number `seen` and joins it; `None` when the team ends.
	fn wait(&self, seen: &mut usize) -> Option<Round<'static>> {
		loop {
			spin_until(|| self.rounds.load(Ordering::Acquire) != *seen);
			let mut state = self.lock();
			while self.rounds.load(Ordering::Acquire) == *seen && !state.is_over {
				state = self.sleep(state);
			}
			if state.is_over {
				return None;
			}
			*seen = self.rounds.load(Ordering::Acquire);
			// The round may be over already.
			if let Some(work) = state.maybe_round {
				self.active.fetch_add(1, Ordering::Relaxed);
				return Some(work);
			}
		}
	}

	/// Sleeps until a round begins, or somebody wakes it for nothing.
	fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
		let own = Cores::this_thread();
		state.asleep.push(own);
		let mut state = self.begun.wait(state).unwrap_or_else(PoisonError::into_inner);
		state.asleep.retain(|helper| *helper != own);
		// It is where it was put. From here on the system may move it, should its core be wanted.
		if let Some(cores) = self.maybe_cores {
			cores.free(own);
		}
		state
	}
}

/// Looks at `done` until it is so, or [`SPIN`] has passed.
fn spin_until(done: impl Fn() -> bool) {
	let start = Instant::now();
	while start.elapsed() < SPIN {
		for _ in 0..LOOKS {
			if done() {
				return;
			}
			hint::spin_loop();
		}
	}
}

/// Whose turn it is, in the order of asking.
#[derive(Debug, Default)]
struct Turns {
	numbers: Mutex<Numbers>,
	next: Condvar,
}

#[derive(Debug, Default)]
struct Numbers {
	/// What the next who asks will get.
	free: u64,
	/// Whose turn it is.
	current: u64,
}

impl Turns {
	fn lock(&self) -> MutexGuard<'_, Numbers> {
		self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
	}

	fn take(&self) -> Turn<'_> {
		let mut numbers = self.lock();
		let own = numbers.free;
		numbers.free += 1;
		while numbers.current != own {
			numbers = self.next.wait(numbers).unwrap_or_else(PoisonError::into_inner);
		}
		Turn(self)
	}
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
	fn drop(&mut self) {
		self.0.lock().current += 1;
		self.0.next.notify_all();
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::sync::Barrier;

	#[test]
	fn every_item_is_seen_once_in_every_round() {
		for size in [1, 2, 3, 9] {
			let team = Team::new(size).unwrap();
			assert_eq!(team.size(), size);
			for round in 0..2_000_usize {
				let items: Vec<usize> = (0..round % 7).collect();
				let expected: Vec<usize> = items.iter().map(|item| item * 3 + round).collect();
				assert_eq!(team.map(items, |item| item * 3 + round), expected);
			}
		}
	}

	#[test]
	fn threads_are_in_a_round_at_the_same_time_also_after_they_slept() {
		let team = Team::new(3).unwrap();
		for _ in 0..3 {
			// Passed by three at once only.
			let barrier = Barrier::new(3);
			team.for_each(vec![(); 3], |_, ()| {
				barrier.wait();
			});
			// Longer than they spin: they sleep when this thread sees them asleep.
			while team.shared.lock().asleep.len() < 2 {
				hint::spin_loop();
			}
		}
	}

	#[test]
	fn a_helper_that_slept_wakes_on_another_core() {
		let team = Team::new(2).unwrap();
		if team.shared.maybe_cores.is_none() {
			// There is one core, or the system does not say on which one a thread is.
			return;
		}
		let (mut apart, rounds) = (0, 40);
		for _ in 0..rounds {
			while team.shared.lock().asleep.is_empty() {
				std::thread::yield_now();
			}
			let barrier = Barrier::new(2);
			let cores = team.map(vec![(); 2], |()| {
				let core = Cores::current();
				barrier.wait();
				core
			});
			apart += usize::from(cores[0] != cores[1]);
		}
		// This thread may itself be moved between its word and its look.
		assert!(apart > rounds * 3 / 4, "{apart} of {rounds}");
	}

	#[test]
	fn a_round_within_a_round_runs_where_it_is_asked_for() {
		let team = Team::new(3).unwrap();
		let sums = team.map(vec![10, 20, 30], |base| {
			let here = std::thread::current().id();
			let inner = team.map(vec![1, 2, 3], |item| {
				assert_eq!(std::thread::current().id(), here);
				base + item
			});
			inner.into_iter().sum::<i32>()
		});
		assert_eq!(sums, [36, 66, 96]);
	}

	#[test]
	fn a_panic_on_any_thread_reaches_who_asked_and_the_team_goes_on() {
		let team = Team::new(3).unwrap();
		for culprit in 0..3 {
			let barrier = Barrier::new(3);
			let outcome = catch_unwind(AssertUnwindSafe(|| {
				team.for_each(vec![(); 3], |number, ()| {
					// Each thread has one item, so that it is now and then a helper that panics.
					barrier.wait();
					assert!(number != culprit, "as asked");
				});
			}));
			assert!(outcome.is_err());
			assert_eq!(team.map(vec![1, 2], |item| item + 1), [2, 3]);
		}
	}

	#[test]
	fn turns_come_one_at_a_time_and_in_order() {
		let turns = Turns::default();
		let order = Mutex::new(Vec::new());
		std::thread::scope(|scope| {
			let first = turns.take();
			for number in 0..4 {
				let (turns, order) = (&turns, &order);
				scope.spawn(move || {
					let _turn = turns.take();
					order.lock().unwrap().push(number);
				});
				while turns.lock().free < number + 2 {
					hint::spin_loop();
				}
			}
			assert!(order.lock().unwrap().is_empty());
			drop(first);
		});
		assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
	}
}
