//! What a running job has emitted so far, for whoever watches it.
//!
//! The run appends a step and goes on; it waits for nobody. Watchers copy what is new to them when
//! they come around to it. A job that begins anew emits the same bytes again, because its outcome
//! is a function of program, weights, input and parameters: a watcher that has seen some steps
//! only waits until the run is past them.

use assay_program::Outcome;
use std::cell::Cell;
use tokio::sync::watch;

/// The steps of a run that are there.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
	/// The steps one after the other, all of the same length.
	data: Vec<u8>,
	step_bytes: usize,
}

impl Emitted {
	fn push(&mut self, step: &[u8]) {
		if self.data.is_empty() {
			self.step_bytes = step.len();
		}
		self.data.extend_from_slice(step);
	}

	/// The steps from number `first` on.
	pub(crate) fn from(&self, first: u32) -> Vec<Vec<u8>> {
		steps(&self.data, self.step_bytes, first)
	}
}

/// The steps of `data` from number `first` on.
pub(crate) fn steps(data: &[u8], step_bytes: usize, first: u32) -> Vec<Vec<u8>> {
	let skipped = step_bytes.saturating_mul(first as usize);
	let rest = data.get(skipped..).unwrap_or_default();
	// A step of no bytes is none.
	rest.chunks(step_bytes.max(1)).map(<[u8]>::to_vec).collect()
}

/// Takes the steps of one run.
#[derive(Debug)]
pub(crate) struct Emitter {
	sender: watch::Sender<Emitted>,
	/// Most bytes that are kept; of a run that may emit more, none are.
	limit: u64,
	is_kept: bool,
	/// Whether it took a step, kept or not.
	has_told: Cell<bool>,
}

impl Emitter {
	/// For a run that emits at most `bytes`. What an earlier run of the job emitted is forgotten.
	pub(crate) fn new(sender: watch::Sender<Emitted>, bytes: u64, limit: u64) -> Self {
		sender.send_replace(Emitted::default());
		Self { sender, limit, is_kept: bytes <= limit, has_told: Cell::new(false) }
	}

	/// Takes a step.
	pub(crate) fn push(&self, step: &[u8]) {
		self.has_told.set(true);
		if !self.is_kept {
			return;
		}
		self.sender.send_if_modified(|emitted| {
			// More than the program can emit: `agrees` finds that out.
			let fits = (emitted.data.len() as u64).saturating_add(step.len() as u64) <= self.limit;
			if fits {
				emitted.push(step);
			}
			fits
		});
	}

	/// Whether a step was told.
	pub(crate) fn has_told(&self) -> bool {
		self.has_told.get()
	}

	/// Whether what was emitted is what the run came to.
	pub(crate) fn agrees(&self, outcome: &Outcome) -> bool {
		let emitted = self.sender.borrow();
		match outcome {
			Outcome::Output { count, data } if self.is_kept => {
				let whole = (*count as usize).checked_mul(emitted.step_bytes);
				emitted.data == *data && whole == Some(data.len())
			},
			_ => emitted.data.is_empty(),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn emitter(bytes: u64) -> (Emitter, watch::Receiver<Emitted>) {
		let sender = watch::Sender::new(Emitted::default());
		let receiver = sender.subscribe();
		(Emitter::new(sender, bytes, 8), receiver)
	}

	fn output(count: u32, data: &[u8]) -> Outcome {
		Outcome::Output { count, data: data.to_vec() }
	}

	#[test]
	fn steps_are_given_from_any_number_on() {
		let (emitter, receiver) = emitter(8);
		emitter.push(&[1, 2]);
		emitter.push(&[3, 4]);
		assert_eq!(receiver.borrow().from(0), [[1, 2], [3, 4]]);
		assert_eq!(receiver.borrow().from(1), [[3, 4]]);
		for beyond in [2, 3, u32::MAX] {
			assert!(receiver.borrow().from(beyond).is_empty());
		}
	}

	#[test]
	fn a_run_that_may_emit_too_much_keeps_nothing() {
		let (emitter, receiver) = emitter(9);
		emitter.push(&[1, 2]);
		assert!(receiver.borrow().from(0).is_empty());
		assert!(emitter.agrees(&output(1, &[1, 2])));
	}

	#[test]
	fn what_was_emitted_must_be_the_outcome() {
		let (emitter, _receiver) = emitter(8);
		emitter.push(&[1, 2]);
		emitter.push(&[3, 4]);
		assert!(emitter.agrees(&output(2, &[1, 2, 3, 4])));
		for other in [
			output(2, &[1, 2, 3, 5]),
			output(3, &[1, 2, 3, 4]),
			output(1, &[1, 2]),
			output(3, &[1, 2, 3, 4, 5, 6]),
			Outcome::Invalid(assay_program::InvalidCode::Token),
		] {
			assert!(!emitter.agrees(&other), "{other:?}");
		}
		// A run that begins anew begins with nothing.
		let again = Emitter::new(emitter.sender.clone(), 8, 8);
		assert!(again.agrees(&Outcome::Invalid(assay_program::InvalidCode::Token)));
	}

	#[test]
	fn more_than_the_bound_is_never_held() {
		let (emitter, receiver) = emitter(8);
		for step in 0..10 {
			emitter.push(&[step, step]);
		}
		assert_eq!(receiver.borrow().from(0).len(), 4);
	}
}
