//! A whole program, one operator after the other.

use crate::evaluate::{from_bytes, to_bytes, Data, Machine};
use alloc::vec::Vec;
use assay_program::{Outcome, Parameters, Program, ProgramError};
use core::fmt;

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
	execute(program, weights, input, parameters, |_, _| ())
}

/// [`run`], and shows what every operator made, in order, as little-endian bytes.
pub fn trace(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	mut visit: impl FnMut(usize, &[u8]),
) -> Result<Outcome, HostError> {
	execute(program, weights, input, parameters, |number, data| visit(number, &to_bytes(data)))
}

fn execute(
	program: &Program,
	weights: &[u8],
	input: &[u8],
	parameters: &Parameters,
	mut visit: impl FnMut(usize, &Data),
) -> Result<Outcome, HostError> {
	let tensors = program.tensors().map_err(HostError::Program)?;
	let (expected, actual) = (program.weights_length(), weights.len() as u64);
	if expected != actual {
		return Err(HostError::WeightsLength { expected, actual });
	}
	if let Err(code) = program.validate_input(input, parameters) {
		return Ok(Outcome::Invalid(code));
	}
	let last_uses = program.last_uses();
	let mut values: Vec<Option<Data>> = Vec::with_capacity(tensors.len());
	for (number, operator) in program.operators.iter().enumerate() {
		let value = if number == 0 {
			Some(Data::Int32(from_bytes(input)))
		} else {
			let machine = Machine {
				program,
				weights,
				tensors: &tensors,
				values: &values,
				batch: parameters.batch as usize,
				sequence: parameters.sequence as usize,
			};
			machine.evaluate(operator)
		};
		let value = value.ok_or(HostError::Inconsistent { operator: number as u32 })?;
		visit(number, &value);
		values.push(Some(value));
		// What no later operator reads is freed, as the memory bound of validation has it. The
		// output is read by none, and is last.
		if number.saturating_add(1) < tensors.len() {
			for (value, last) in values.iter_mut().zip(&last_uses) {
				if *last == number {
					*value = None;
				}
			}
		}
	}
	let output = values.pop().flatten().ok_or(HostError::Inconsistent { operator: 0 })?;
	Ok(Outcome::Output { count: 1, data: to_bytes(&output) })
}
