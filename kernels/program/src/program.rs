//! A program, and the one function that decides whether it is well formed.

use crate::{
	infer::{infer, Scope},
	limits,
	merkle::blake2_256,
	tensor::{Kind, Polynomial, StepShape, TensorId, TensorInfo, WeightId},
	CostForm, Hash, InvalidCode, Operator, OperatorError, Parameters, ProgramError, MACS_PER_UNIT,
	OPERATOR_MACS,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeAll, Encode};
use core::ops::Range;

/// The semantics described here. A draft: only test networks accept it, and it may change.
pub const SEMANTICS_DRAFT: u32 = 1;

/// Integer operators over tensors, in the order they run.
///
/// Operator `i` makes tensor `i` and reads only tensors with lower numbers, so a program is in
/// order by construction and has no names to resolve. The first operator is the input, the last
/// two are [`Operator::Stop`] and [`Operator::Emit`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Program {
	/// What gives the operators their meaning: [`SEMANTICS_DRAFT`].
	pub semantics: u32,
	/// The largest shape.
	pub limits: Limits,
	/// The tensors of the weights blob, in their order there.
	pub weights: Vec<WeightShape>,
	/// The operators.
	pub operators: Vec<Operator>,
}

/// The largest shape that a program takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Limits {
	/// Largest batch.
	pub max_batch: u32,
	/// Longest context: positions of the input, and of all steps after the first.
	pub max_sequence: u32,
	/// Most steps; one for an encoder.
	pub max_steps: u32,
}

impl Limits {
	/// Limits of an encoder, which takes one step.
	pub fn encoder(max_batch: u32, max_sequence: u32) -> Self {
		Self { max_batch, max_sequence, max_steps: 1 }
	}
}

/// Element type and dimensions of one tensor of the weights blob.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WeightShape {
	/// Element type.
	pub kind: WeightKind,
	/// Dimensions, the last one contiguous.
	pub dims: Vec<u32>,
}

/// Element type of a weight tensor, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum WeightKind {
	/// One byte.
	#[codec(index = 0)]
	Int8,
	/// Four bytes.
	#[codec(index = 1)]
	Int32,
}

impl WeightShape {
	/// Bytes it takes, without padding.
	pub fn bytes(&self) -> u64 {
		let element = match self.kind {
			WeightKind::Int8 => 1u64,
			WeightKind::Int32 => 4,
		};
		self.dims.iter().fold(element, |bytes, dim| bytes.saturating_mul(u64::from(*dim)))
	}
}

/// Digest of a program: blake2-256 of its bytes.
pub fn program_digest(bytes: &[u8]) -> Hash {
	blake2_256(bytes)
}

/// Everything that validation learns of a program.
#[derive(Clone, Debug)]
struct Analysis {
	tensors: Vec<TensorInfo>,
	macs: Polynomial,
}

impl Program {
	/// Decodes and validates.
	pub fn decode_validated(bytes: &[u8]) -> Result<Self, ProgramError> {
		if bytes.len() > limits::MAX_PROGRAM_BYTES as usize {
			return Err(ProgramError::TooLong);
		}
		let program = Self::decode_all(&mut &*bytes).map_err(|_| ProgramError::Encoding)?;
		program.validate()?;
		Ok(program)
	}

	/// Whether the program is well formed, and its largest shape within all limits.
	pub fn validate(&self) -> Result<(), ProgramError> {
		self.analyse().map(|_| ())
	}

	/// Kind and dimensions of what each operator makes.
	pub fn tensors(&self) -> Result<Vec<TensorInfo>, ProgramError> {
		self.analyse().map(|analysis| analysis.tensors)
	}

	/// Kind and dimensions of the output.
	pub fn output(&self) -> Result<TensorInfo, ProgramError> {
		self.tensors()?.pop().ok_or(ProgramError::Frame)
	}

	/// The tokens that a decoder goes on with; `None` for an encoder, which has one step.
	pub fn next(&self) -> Option<TensorId> {
		match self.operators.iter().rev().nth(1)? {
			Operator::Stop { next, .. } => *next,
			_ => None,
		}
	}

	/// Whether it goes on with what it emits.
	pub fn is_decoder(&self) -> bool {
		self.next().is_some()
	}

	/// The tokens that end a row of a decoder.
	pub fn ends(&self) -> &[u32] {
		match self.operators.iter().rev().nth(1) {
			Some(Operator::Stop { ends, .. }) => ends,
			_ => &[],
		}
	}

	/// For each tensor whether later steps read its rows: see [`Operator::reads_held`]. None are
	/// in an encoder, which has one step.
	pub fn held(&self) -> Vec<bool> {
		let mut held: Vec<bool> = self.operators.iter().map(|_| false).collect();
		if !self.is_decoder() {
			return held;
		}
		for id in self.operators.iter().flat_map(Operator::reads_held) {
			if let Some(held) = held.get_mut(usize::from(id.0)) {
				*held = true;
			}
		}
		held
	}

	/// Whether it draws tokens.
	fn draws(&self) -> bool {
		self.operators.iter().any(|operator| matches!(operator, Operator::Draw { .. }))
	}

	/// What the chain keeps beside the program. For a program that does not validate: no limits,
	/// so that it takes no job.
	pub fn cost_form(&self) -> CostForm {
		let mut form = CostForm {
			semantics: self.semantics,
			max_batch: 0,
			max_sequence: 0,
			max_steps: 0,
			sampling: false,
			macs: [0; 4],
			input_bytes: [0; 4],
			output_bytes: [0; 4],
		};
		let Ok(analysis) = self.analyse() else { return form };
		let bytes = |tensor: Option<&TensorInfo>| {
			let tensor = tensor?;
			let elements = Polynomial::of(&tensor.dims).ok()?;
			Some(elements.times(tensor.kind.element_bytes().into()).0)
		};
		form.max_batch = self.limits.max_batch;
		form.max_sequence = self.limits.max_sequence;
		form.max_steps = self.limits.max_steps;
		form.sampling = self.draws();
		form.macs = analysis.macs.0;
		form.input_bytes = bytes(analysis.tensors.first()).unwrap_or_default();
		form.output_bytes = bytes(analysis.tensors.last()).unwrap_or_default();
		form
	}

	/// Exact length of the weights blob, in bytes.
	pub fn weights_length(&self) -> u64 {
		self.weights.iter().fold(0, |offset, shape| align(offset).saturating_add(shape.bytes()))
	}

	/// Where a tensor lies in the weights blob.
	pub fn weight_range(&self, id: WeightId) -> Option<Range<u64>> {
		let mut offset = 0u64;
		for (number, shape) in self.weights.iter().enumerate() {
			let start = align(offset);
			offset = start.saturating_add(shape.bytes());
			if number == usize::from(id.0) {
				return Some(start..offset);
			}
		}
		None
	}

	/// Whether an input keeps the rules, given parameters. The same for all backends.
	pub fn validate_input(&self, input: &[u8], parameters: &Parameters) -> Result<(), InvalidCode> {
		let form = self.cost_form();
		form.check(parameters).map_err(|_| InvalidCode::Shape)?;
		if input.len() as u64 != form.input_length(parameters) {
			return Err(InvalidCode::Shape);
		}
		let vocabulary = match self.operators.first() {
			Some(Operator::Tokens { vocabulary }) => vocabulary,
			Some(Operator::Samples { .. }) => return Ok(()),
			_ => return Err(InvalidCode::Shape),
		};
		let row_bytes = (parameters.sequence as usize).saturating_mul(4).max(4);
		let pads = !self.is_decoder();
		input.chunks(row_bytes).try_for_each(|row| validate_row(row, *vocabulary, pads))
	}

	fn analyse(&self) -> Result<Analysis, ProgramError> {
		if self.semantics != SEMANTICS_DRAFT {
			return Err(ProgramError::Semantics(self.semantics));
		}
		let within = |value: u32, limit: u32| (1..=limit).contains(&value);
		let most_steps = if self.is_decoder() { limits::MAX_STEPS } else { 1 };
		if !within(self.limits.max_batch, limits::MAX_BATCH)
			|| !within(self.limits.max_sequence, limits::MAX_SEQUENCE)
			|| !within(self.limits.max_steps, most_steps)
		{
			return Err(ProgramError::Limits);
		}
		self.check_weights()?;
		let analysis = self.infer_all()?;
		if self.most_macs(analysis.macs).div_ceil(MACS_PER_UNIT) > limits::MAX_UNITS {
			return Err(ProgramError::TooMuchWork);
		}
		// No job takes more than the one whose input fills the context: each of its tensors has
		// the most positions, and all of them are there in the first step.
		let Limits { max_batch, max_sequence, .. } = self.limits;
		let largest = Parameters::encoder(max_batch, max_sequence);
		if self.live_bytes_of(&analysis.tensors, &largest) > limits::MAX_LIVE_BYTES {
			return Err(ProgramError::TooMuchMemory);
		}
		Ok(analysis)
	}

	/// What the dearest job costs. Of the jobs that fill the context, the price is a convex
	/// function of the number of steps, so the dearest one has the fewest or the most.
	fn most_macs(&self, macs: Polynomial) -> u64 {
		let Limits { max_batch, max_sequence, max_steps } = self.limits;
		let most_steps = max_steps.min(max_sequence);
		let shortest = max_sequence.saturating_sub(most_steps).saturating_add(1);
		let (few, many) = ((max_sequence, 1), (shortest, most_steps));
		let [few, many] =
			[few, many].map(|(sequence, steps)| macs.over_steps(max_batch, sequence, steps));
		few.max(many)
	}

	fn check_weights(&self) -> Result<(), ProgramError> {
		if self.weights.len() > limits::MAX_WEIGHTS {
			return Err(ProgramError::TooManyWeights);
		}
		for (number, shape) in (0u32..).zip(&self.weights) {
			let rank = (1..=limits::MAX_RANK).contains(&shape.dims.len());
			let largest = limits::MAX_VOCABULARY.max(limits::MAX_WIDTH);
			if !rank || !shape.dims.iter().all(|dim| (1..=largest).contains(dim)) {
				return Err(ProgramError::Weight { weight: number });
			}
		}
		if self.weights_length() > limits::MAX_WEIGHTS_BYTES {
			return Err(ProgramError::WeightsTooLarge);
		}
		Ok(())
	}

	fn infer_all(&self) -> Result<Analysis, ProgramError> {
		if self.operators.len() > limits::MAX_OPERATORS {
			return Err(ProgramError::TooManyOperators);
		}
		let framed = matches!(
			self.operators.as_slice(),
			[
				Operator::Tokens { .. } | Operator::Samples { .. },
				..,
				Operator::Stop { .. },
				Operator::Emit { .. }
			]
		);
		if !framed {
			return Err(ProgramError::Frame);
		}
		let last = self.operators.len().saturating_sub(2);
		let mut tensors = Vec::with_capacity(self.operators.len());
		let mut macs = Polynomial::default();
		for (number, operator) in self.operators.iter().enumerate() {
			let refused = |reason| ProgramError::Operator { operator: number as u32, reason };
			let closing = matches!(operator, Operator::Stop { .. } | Operator::Emit { .. });
			if closing && number < last {
				return Err(refused(OperatorError::Frame));
			}
			let scope = Scope { program: self, tensors: &tensors, price: operator.price() };
			let inferred = infer(operator, &scope).map_err(refused)?;
			macs = macs.plus(inferred.macs).plus(Polynomial([OPERATOR_MACS, 0, 0, 0]));
			tensors.push(inferred.tensor);
		}
		Ok(Analysis { tensors, macs })
	}

	/// For each tensor the number of the last operator that reads it; its own where none does.
	pub fn last_uses(&self) -> Vec<usize> {
		let mut last: Vec<usize> = (0..self.operators.len()).collect();
		for (number, operator) in self.operators.iter().enumerate() {
			for id in operator.reads() {
				if let Some(use_at) = last.get_mut(usize::from(id.0)) {
					*use_at = number;
				}
			}
		}
		last
	}

	/// The most bytes that tensors take at once in a job, each freed after its last use in a step,
	/// and held rows besides, of the whole context from the beginning.
	pub fn live_bytes(&self, parameters: &Parameters) -> Result<u64, ProgramError> {
		let analysis = self.analyse()?;
		Ok(self.live_bytes_of(&analysis.tensors, parameters))
	}

	fn live_bytes_of(&self, tensors: &[TensorInfo], parameters: &Parameters) -> u64 {
		let last_step = parameters.max_steps.saturating_sub(1);
		let (first, last) = (StepShape::of(parameters, 0), StepShape::of(parameters, last_step));
		let whole = StepShape::first(parameters.batch, last.context());
		let held = tensors.iter().zip(self.held()).filter(|(_, held)| *held);
		let held_bytes = held.fold(0u64, |sum, (info, _)| sum.saturating_add(info.bytes(whole)));
		// Of the steps after the first, the last one has the longest context.
		let in_step = self.step_bytes(tensors, first).max(self.step_bytes(tensors, last));
		in_step.saturating_add(held_bytes)
	}

	/// The most bytes that the tensors of one step take at once.
	fn step_bytes(&self, tensors: &[TensorInfo], shape: StepShape) -> u64 {
		let bytes = |tensor: &TensorInfo| tensor.bytes(shape);
		let last_uses = self.last_uses();
		// Bytes that become free after each operator.
		let mut freed: Vec<u64> = last_uses.iter().map(|_| 0).collect();
		for (tensor, last) in tensors.iter().zip(&last_uses) {
			if let Some(after) = freed.get_mut(*last) {
				*after = after.saturating_add(bytes(tensor));
			}
		}
		let (mut live, mut most) = (0u64, 0u64);
		for (tensor, after) in tensors.iter().zip(freed) {
			live = live.saturating_add(bytes(tensor));
			most = most.max(live);
			live = live.saturating_sub(after);
		}
		most
	}
}

/// Start of the next segment.
fn align(offset: u64) -> u64 {
	offset.div_ceil(limits::SEGMENT as u64).saturating_mul(limits::SEGMENT as u64)
}

/// Checks the ids of one input, which is padded after its last token if `pads`, else not at all.
fn validate_row(row: &[u8], vocabulary: u32, pads: bool) -> Result<(), InvalidCode> {
	let mut padded = false;
	for (position, bytes) in row.chunks_exact(4).enumerate() {
		let id = match bytes {
			[a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]),
			_ => return Err(InvalidCode::Shape),
		};
		match u32::try_from(id) {
			Ok(id) if id >= vocabulary => return Err(InvalidCode::Token),
			Ok(_) if padded => return Err(InvalidCode::Padding),
			Ok(_) => {},
			Err(_) if id != -1 => return Err(InvalidCode::Token),
			Err(_) if position == 0 || !pads => return Err(InvalidCode::Padding),
			Err(_) => padded = true,
		}
	}
	Ok(())
}

impl Kind {
	/// Fraction bits, where the elements are fixed point.
	pub fn fraction(self) -> Option<u8> {
		match self {
			Self::Fixed { fraction } => Some(fraction),
			_ => None,
		}
	}
}
