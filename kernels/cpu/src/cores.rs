//! On which cores threads may run, where the system lets a process say so.
//!
//! A thread that wakes another is often given it as a neighbour on its own core: on Linux it is
//! the waker's cache that decides, unless another core is seen to be idle at that moment. There
//! both take turns for as long as a whole run takes, and two threads are as slow as one. So whoever
//! wakes a thread keeps it off its own core, and the thread, once it runs, may go anywhere again.

/// A thread as the system knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(i32);

#[cfg(target_os = "linux")]
pub(crate) use linux::Cores;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Cores;

#[cfg(target_os = "linux")]
mod linux {
	use super::Thread;
	use core::{fmt, mem::size_of};

	/// The cores that the threads of a team may run on.
	#[derive(Clone, Copy)]
	pub(crate) struct Cores(libc::cpu_set_t);

	impl fmt::Debug for Cores {
		fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
			formatter.debug_struct("Cores").finish_non_exhaustive()
		}
	}

	impl Cores {
		/// Those of the calling thread, whose threads inherit them; none where there is no choice.
		pub(crate) fn of_this_thread() -> Option<Self> {
			// SAFETY: a set is an array of integers, for which zero is a value.
			let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
			// SAFETY: the set is as long as said, and 0 is the calling thread.
			let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) } != 0;
			// SAFETY: it reads the set.
			let count = unsafe { libc::CPU_COUNT(&set) };
			(!failed && count > 1).then_some(Self(set))
		}

		/// The calling thread.
		pub(crate) fn this_thread() -> Thread {
			// SAFETY: it has no arguments and cannot fail.
			Thread(unsafe { libc::gettid() })
		}

		/// The core that the calling thread is on just now.
		pub(crate) fn current() -> Option<usize> {
			// SAFETY: it has no arguments; it says -1 where it does not know.
			usize::try_from(unsafe { libc::sched_getcpu() }).ok()
		}

		/// Keeps a thread off a core. Where the system refuses, all stays as it is.
		pub(crate) fn keep_off(&self, thread: Thread, core: usize) {
			let Self(mut set) = *self;
			if core >= size_of::<libc::cpu_set_t>() * 8 {
				return;
			}
			// SAFETY: the set has a bit for the core.
			unsafe { libc::CPU_CLR(core, &mut set) };
			allow(thread, &set);
		}

		/// Lets a thread run on all of them again.
		pub(crate) fn free(&self, thread: Thread) {
			allow(thread, &self.0);
		}
	}

	fn allow(thread: Thread, set: &libc::cpu_set_t) {
		// SAFETY: the set is as long as said. A thread that has ended is an error, which is none of
		// ours: the number is that of a thread of this process that waits for its caller.
		let _ = unsafe { libc::sched_setaffinity(thread.0, size_of_val(set), set) };
	}
}

#[cfg(not(target_os = "linux"))]
mod other {
	use super::Thread;

	/// Nothing to choose from.
	#[derive(Clone, Copy, Debug)]
	pub(crate) struct Cores;

	impl Cores {
		pub(crate) fn of_this_thread() -> Option<Self> {
			None
		}

		pub(crate) fn this_thread() -> Thread {
			Thread(0)
		}

		pub(crate) fn current() -> Option<usize> {
			None
		}

		pub(crate) fn keep_off(&self, _: Thread, _: usize) {}

		pub(crate) fn free(&self, _: Thread) {}
	}
}
