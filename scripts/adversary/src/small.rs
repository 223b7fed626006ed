//! A decoder that is computed in no time. Its traces have every operator of a decoder, reductions
//! of several blocks, and runs that end before the step limit.

use anyhow::{Context, Result};
use assay_program::{Outcome, Parameters, Program};
use assay_reference::sample::{self, DecoderShape, Style};
use codec::Encode;

/// Positions of a prompt: more than a block of a reduction over positions has.
pub const SEQUENCE: u32 = 36;
/// Most steps of a job.
pub const MAX_STEPS: u32 = 6;
/// Prompts that are looked at for one whose run has the wanted number of steps.
const TRIES: u64 = 4_096;

const SHAPE: DecoderShape = DecoderShape {
	vocabulary: 24,
	ends: 6,
	max_sequence: 64,
	max_steps: MAX_STEPS,
	context_shift: 2,
	..DecoderShape::SMALL
};

/// The model.
#[derive(Clone, Debug)]
pub struct Small {
	/// Its program.
	pub program: Program,
	/// The program's encoding.
	pub program_bytes: Vec<u8>,
	/// Its weights.
	pub weights: Vec<u8>,
}

impl Default for Small {
	fn default() -> Self {
		Self::new()
	}
}

impl Small {
	/// Makes it up; it is always the same.
	pub fn new() -> Self {
		let program = sample::decoder(&SHAPE);
		let (program_bytes, weights) =
			(program.encode(), sample::weights(&program, Style::Plausible, 1));
		Self { program, program_bytes, weights }
	}

	/// Parameters of its jobs.
	pub fn parameters() -> Parameters {
		Parameters { batch: 1, sequence: SEQUENCE, max_steps: MAX_STEPS, sampling: None }
	}

	/// A prompt whose run ends after two steps at least and before the limit, so that every lie is
	/// possible: number `seed` of them.
	pub fn prompt(&self, seed: u64) -> Result<Vec<u8>> {
		let parameters = Self::parameters();
		let first = seed.wrapping_mul(TRIES);
		let prompts = (0..TRIES)
			.map(|number| sample::prompt(&SHAPE, 1, SEQUENCE, first.wrapping_add(number)));
		for prompt in prompts {
			let outcome = assay_reference::run(&self.program, &self.weights, &prompt, &parameters)?;
			let Outcome::Output { count, .. } = outcome else { continue };
			if (2..MAX_STEPS).contains(&count) {
				return Ok(prompt);
			}
		}
		Err(anyhow::anyhow!("no prompt among {TRIES} ends in time")).context("the small model")
	}
}
