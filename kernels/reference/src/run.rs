//! A whole program, one step after the other, and in each one operator after the other.

use crate::{
	element,
	evaluate::{from_bytes, to_bytes, Data, Held, Machine},
};
use alloc::vec::Vec;
use assay_program::{Hash, Outcome, Parameters, Program, ProgramError, TensorInfo};
use core::{fmt, ops::ControlFlow};

/// Why the host could not run a program. It never depends on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
	/// The program does not pass validation.
	Program(ProgramError),
	/// The weights blob has another length than the program says.
	WeightsLength {
		/// Bytes that the program asks for.
		expected: u64,
		/// Bytes that are there.
		actual: u64,
	},
	/// Whoever listened to the run ended it.
	Stopped,
	/// An operator did not find an operand that validation had promised: a fault of this crate.
	Inconsistent {
		/// Number of the operator.
		operator: u32,
	},
}

impl fmt::Display for HostError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Program(error) => write!(f, "the program is not valid: {error}"),
			Self::WeightsLength { expected, actual } => {
				write!(f, "the weights blob has {actual} bytes, the program asks for {expected}")
			},
			Self::Stopped => f.write_str("the run was ended before its last step"),
			Self::Inconsistent { operator } => write!(f, "operator {operator} lacks an operand"),
		}
	}
}

impl core::error::Error for HostError {}

/// Runs a program. Every input of a valid program with weights of the right length has an outcome.
pub fn run(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
) -> Result<Outcome, HostError> {
	stream(program, weights, input, parameters, |_| ControlFlow::Continue(()))
}

/// [`run`], and shows what each step emits as soon as it is there. A break ends the run.
pub fn stream(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	emit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Outcome, HostError> {
	execute(program, weights, input, parameters, |_, _, _| ControlFlow::Continue(()), emit)
}

/// [`run`], and shows what every operator of every step made, in order, as little-endian bytes:
/// the number of the step, that of the operator, its tensor.
pub fn trace(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	mut visit: impl FnMut(u32, usize, &[u8]),
) -> Result<Outcome, HostError> {
	trace_while(program, weights, input, parameters, |step, number, bytes| {
		visit(step, number, bytes);
		ControlFlow::Continue(())
	})
}

/// [`trace`] that a break ends with [`HostError::Stopped`].
pub fn trace_while(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	mut visit: impl FnMut(u32, usize, &[u8]) -> ControlFlow<()>,
) -> Result<Outcome, HostError> {
	let visit = |step, number, data: &Data| visit(step, number, &to_bytes(data));
	execute(program, weights, input, parameters, visit, |_| ControlFlow::Continue(()))
}

fn execute(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	mut visit: impl FnMut(u32, usize, &Data) -> ControlFlow<()>,
	mut emit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Outcome, HostError> {
	let tensors = program.tensors().map_err(HostError::Program)?;
	let (expected, actual) = (program.weights_length(), weights.len() as u64);
	if expected != actual {
		return Err(HostError::WeightsLength { expected, actual });
	}
	if let Err(code) = program.validate_input(input, parameters) {
		return Ok(Outcome::Invalid(code));
	}
	let mut run = Run {
		program,
		weights,
		parameters,
		sample_key: element::sample_key(&parameters.sampling),
		frees: frees(program),
		holds: program.held(),
		held: tensors.iter().map(|_| None).collect(),
		tensors,
	};
	let (mut input, mut data) = (from_bytes(program, input), Vec::new());
	for step in 0..parameters.max_steps {
		let end = run.step(step, input, |number, made| visit(step, number, made))?;
		let bytes = to_bytes(&end.emitted);
		data.extend_from_slice(&bytes);
		if emit(&bytes).is_break() {
			return Err(HostError::Stopped);
		}
		let count = step.saturating_add(1);
		match end.next {
			Some(next) if !end.stops => input = Data::Int32(next),
			_ => return Ok(Outcome::Output { count, data }),
		}
	}
	// `Stop` is 1 in the last step.
	Err(HostError::Inconsistent { operator: 0 })
}

/// For each operator the tensors that no later one reads.
fn frees(program: &Program) -> Vec<Vec<usize>> {
	let last_uses = program.last_uses();
	let mut frees: Vec<Vec<usize>> = last_uses.iter().map(|_| Vec::new()).collect();
	for (number, last) in last_uses.into_iter().enumerate() {
		if let Some(frees) = frees.get_mut(last) {
			frees.push(number);
		}
	}
	frees
}

/// A program in the middle of a run.
struct Run<'a> {
	program: &'a Program,
	weights: &'a [u8],
	parameters: &'a Parameters,
	tensors: Vec<TensorInfo>,
	/// What the numbers of draws are hashed with.
	sample_key: Hash,
	/// Which tensors are free after each operator.
	frees: Vec<Vec<usize>>,
	/// Which tensors are held.
	holds: Vec<bool>,
	/// Their rows so far.
	held: Vec<Option<Held>>,
}

/// What a step leaves.
struct End {
	emitted: Data,
	/// What the next step begins with, if it is a decoder's.
	next: Option<Vec<i32>>,
	/// Whether it was the last one.
	stops: bool,
}

impl Run<'_> {
	/// Runs one step.
	fn step(
		&mut self,
		step: u32,
		input: Data,
		mut visit: impl FnMut(usize, &Data) -> ControlFlow<()>,
	) -> Result<End, HostError> {
		let program = self.program;
		let mut end = End { emitted: Data::Int32(Vec::new()), next: None, stops: true };
		let mut values: Vec<Option<Data>> = Vec::with_capacity(self.tensors.len());
		let mut input = Some(input);
		for (number, operator) in program.operators.iter().enumerate() {
			let inconsistent = HostError::Inconsistent { operator: number as u32 };
			let machine = Machine {
				program,
				weights: self.weights,
				tensors: &self.tensors,
				parameters: self.parameters,
				sample_key: &self.sample_key,
				step,
				values: &values,
				held: &self.held,
			};
			let made = input.take().or_else(|| machine.evaluate(operator)).ok_or(inconsistent)?;
			if visit(number, &made).is_break() {
				return Err(HostError::Stopped);
			}
			self.hold(number, &made).ok_or(inconsistent)?;
			if program.next().is_some_and(|next| usize::from(next.0) == number) {
				end.next = self.next_ids(&made);
			}
			// The last two operators are `Stop` and `Emit`.
			match self.tensors.len().saturating_sub(number) {
				2 => end.stops = matches!(&made, Data::Int32(stop) if stop[..] != [0]),
				1 => end.emitted = made.clone(),
				_ => {},
			}
			values.push(Some(made));
			// What no later operator reads is freed, as the memory bound of validation has it.
			for free in self.frees.get(number).into_iter().flatten() {
				if let Some(value) = values.get_mut(*free) {
					*value = None;
				}
			}
		}
		Ok(end)
	}

	/// Adds the rows of a tensor that later steps read to those of earlier steps.
	fn hold(&mut self, number: usize, made: &Data) -> Option<()> {
		if !*self.holds.get(number)? {
			return Some(());
		}
		let held = self.held.get_mut(number)?;
		if held.is_none() {
			*held = Some(Held::new(made, self.parameters)?);
		}
		held.as_mut()?.append(made)
	}

	/// The ids that the next step begins with.
	fn next_ids(&self, chosen: &Data) -> Option<Vec<i32>> {
		match chosen {
			Data::Int32(tokens) => {
				let ends = self.program.ends();
				Some(tokens.iter().map(|token| element::next_id(*token, ends)).collect())
			},
			Data::Int16(_) | Data::Int8(_) => None,
		}
	}
}
