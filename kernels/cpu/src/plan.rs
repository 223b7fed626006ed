//! A program turned into steps, once, when it is loaded.
//!
//! Operators that make each row of their output from the same row of their operands run together
//! in one [`RowStage`]: every thread takes a few rows through all of them while they are in its
//! cache. A chain of attention operators whose middle nobody else reads becomes one [`Attention`].
//! What fits neither runs by itself over whole tensors.

use crate::{
	attention::Attention,
	product::PackedWeights,
	rows::{self, RowStage},
	table::FunctionTable,
};
use assay_program::{
	BackendError, Bytes, Dim, Kind, Mask, Operator, Program, StepShape, TableBase, TensorId,
	TensorInfo, WeightId,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	ops::Range,
	sync::Arc,
};

/// One step of a plan.
#[derive(Debug)]
pub(crate) enum Step {
	/// Operators that go row by row.
	Rows(RowStage),
	/// Attention, from quantised queries, keys and values to contexts.
	Attention(Attention),
	/// An operator by itself.
	Whole(usize),
}

/// A step and what is of no use after it.
#[derive(Debug)]
pub(crate) struct Scheduled {
	pub(crate) step: Step,
	pub(crate) releases: Vec<usize>,
}

/// A program with its weights, ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
	pub(crate) program: Arc<Program>,
	pub(crate) tensors: Vec<TensorInfo>,
	pub(crate) steps: Vec<Scheduled>,
	/// Whether rows at padding can be left out because nothing that reaches the output reads them.
	pub(crate) skips_padding: bool,
	/// The tensor that `Emit` copies.
	pub(crate) output: usize,
	weights: WeightsBlob,
}

/// The weights blob and where its tensors lie.
#[derive(Debug)]
pub(crate) struct WeightsBlob {
	bytes: Bytes,
	ranges: Vec<Range<usize>>,
}

impl WeightsBlob {
	fn new(program: &Program, bytes: Bytes) -> Result<Self, BackendError> {
		let (expected, actual) = (program.weights_length(), bytes.len() as u64);
		if expected != actual {
			return Err(BackendError::WeightsLength { expected, actual });
		}
		let ranges = (0..program.weights.len()).map(|number| {
			let range = program.weight_range(WeightId(number as u16)).unwrap_or_default();
			range.start as usize..range.end as usize
		});
		let ranges = ranges.collect();
		Ok(Self { bytes, ranges })
	}

	/// The bytes of a tensor.
	pub(crate) fn bytes(&self, id: WeightId) -> &[u8] {
		let range = self.ranges.get(usize::from(id.0)).cloned().unwrap_or_default();
		self.bytes.get(range).unwrap_or_default()
	}

	/// A tensor of int32.
	fn integers(&self, id: WeightId) -> Vec<i32> {
		let (words, _) = self.bytes(id).as_chunks::<4>();
		words.iter().map(|word| i32::from_le_bytes(*word)).collect()
	}
}

/// What is known while steps are made.
pub(crate) struct Compiler<'a> {
	pub(crate) program: &'a Program,
	pub(crate) tensors: &'a [TensorInfo],
	pub(crate) weights: &'a WeightsBlob,
	/// For each tensor the operators that read it, in order.
	readers: Vec<Vec<usize>>,
	// Weights readied so far: however many operators use a tensor, it is held once.
	packed: BTreeMap<WeightId, Arc<PackedWeights>>,
	integers: BTreeMap<WeightId, Arc<[i32]>>,
	multipliers: BTreeMap<WeightId, Arc<[i32]>>,
	zeros: BTreeMap<usize, Arc<[i32]>>,
	tables: BTreeMap<(WeightId, u8, bool), Arc<FunctionTable>>,
}

impl Compiler<'_> {
	pub(crate) fn tensor(&self, id: TensorId) -> Option<&TensorInfo> {
		self.tensors.get(usize::from(id.0))
	}

	/// Fraction bits of a fixed-point tensor.
	pub(crate) fn fraction(&self, id: TensorId) -> Option<u8> {
		self.tensor(id)?.kind.fraction()
	}

	/// Bits of a quantised tensor.
	pub(crate) fn bits(&self, id: TensorId) -> Option<u8> {
		match self.tensor(id)?.kind {
			Kind::Quantised { bits } => Some(bits),
			_ => None,
		}
	}

	/// The last dimension, where it is the same in every run.
	pub(crate) fn fixed_width(&self, id: TensorId) -> Option<usize> {
		match self.tensor(id)?.width()? {
			Dim::Fixed(width) => Some(width as usize),
			_ => None,
		}
	}

	/// The operators that read `tensor`.
	pub(crate) fn readers(&self, tensor: usize) -> &[usize] {
		self.readers.get(tensor).map_or(&[], Vec::as_slice)
	}

	/// A matrix of weights in panels.
	pub(crate) fn packed(&mut self, id: WeightId) -> Option<Arc<PackedWeights>> {
		if let Some(packed) = self.packed.get(&id) {
			return Some(packed.clone());
		}
		let (columns, depth) = matrix(self.program, id)?;
		let packed = Arc::new(PackedWeights::new(self.weights.bytes(id), columns, depth));
		self.packed.insert(id, packed.clone());
		Some(packed)
	}

	/// The bytes of a weight tensor.
	pub(crate) fn bytes(&self, id: WeightId) -> &[u8] {
		self.weights.bytes(id)
	}

	/// A tensor of int32 weights.
	pub(crate) fn integers(&mut self, id: WeightId) -> Arc<[i32]> {
		let weights = self.weights;
		self.integers.entry(id).or_insert_with(|| weights.integers(id).into()).clone()
	}

	/// A tensor of int32 multipliers, of which negative ones count as 0.
	pub(crate) fn multipliers(&mut self, id: WeightId) -> Arc<[i32]> {
		let weights = self.weights;
		let make = || weights.integers(id).into_iter().map(|scale| scale.max(0)).collect();
		self.multipliers.entry(id).or_insert_with(make).clone()
	}

	/// Zeros in place of a bias.
	pub(crate) fn zeros(&mut self, length: usize) -> Arc<[i32]> {
		self.zeros.entry(length).or_insert_with(|| vec![0; length].into()).clone()
	}

	/// A function table.
	pub(crate) fn table(&mut self, id: WeightId, shift: u8, base: TableBase) -> Arc<FunctionTable> {
		let weights = self.weights;
		let make = || Arc::new(FunctionTable::new(weights.integers(id), shift, base));
		self.tables.entry((id, shift, base == TableBase::Relu)).or_insert_with(make).clone()
	}
}

/// Whether plans are made for a program: for encoders whose attention has as many key and value
/// heads as query heads, without causal masks. The reference runs the others.
pub(crate) fn is_planned(program: &Program, tensors: &[TensorInfo]) -> bool {
	let dims = |id: TensorId| tensors.get(usize::from(id.0)).map_or(&[][..], |info| &info.dims);
	let width = |id: TensorId| dims(id).last().copied();
	let heads = |id: TensorId| dims(id).get(1).copied();
	let is_attention = |id: TensorId| matches!(dims(id), [.., Dim::Context]);
	let knows = |operator: &Operator| match operator {
		Operator::Scores { query_max, key_max, .. } => width(*query_max) == width(*key_max),
		Operator::SoftmaxMax { scores, mask } | Operator::SoftmaxExp { scores, mask, .. } => {
			*mask != Mask::Causal && is_attention(*scores)
		},
		Operator::SoftmaxSum { exponentials } => is_attention(*exponentials),
		Operator::ContextWeight { probabilities, value_max, .. } => {
			heads(*probabilities) == width(*value_max)
		},
		Operator::Context { weight, groups, shift, .. } => {
			heads(*weight) == Some(Dim::Fixed(*groups)) && *shift == 0
		},
		// `Emit` is the last operator that was known before decoders.
		operator => operator.index() <= 21,
	};
	!program.is_decoder() && program.operators.iter().all(knows)
}

/// Number and length of the rows of an int8 matrix.
fn matrix(program: &Program, id: WeightId) -> Option<(usize, usize)> {
	match program.weights.get(usize::from(id.0))?.dims[..] {
		[rows, columns] => Some((rows as usize, columns as usize)),
		_ => None,
	}
}

/// Bytes that the packed weights of a program take, of which a matrix with a single row wastes
/// most, and a function table that is used with many shifts, since it is packed for each.
pub(crate) fn packed_bytes(program: &Program) -> usize {
	let linear = program.operators.iter().filter_map(|operator| match operator {
		Operator::Linear { weights, .. } => Some(*weights),
		_ => None,
	});
	let matrices: BTreeSet<WeightId> = linear.collect();
	let bytes = matrices.iter().filter_map(|id| {
		matrix(program, *id).map(|(columns, depth)| PackedWeights::bytes_of(columns, depth))
	});
	let packed = bytes.fold(0, usize::saturating_add);
	let tables = program.operators.iter().filter_map(|operator| match operator {
		Operator::Table { table, shift, base, .. } => {
			Some((*table, *shift, *base == TableBase::Relu))
		},
		_ => None,
	});
	let tables: BTreeSet<(WeightId, u8, bool)> = tables.collect();
	let table_bytes = tables.iter().filter_map(|(id, ..)| {
		let entries = *program.weights.get(usize::from(id.0))?.dims.first()? as usize;
		// As they are, and packed.
		entries.checked_mul(2 * size_of::<i32>())
	});
	table_bytes.fold(packed, usize::saturating_add)
}

/// For each tensor the operators that read it, each once.
fn readers_of(program: &Program) -> Vec<Vec<usize>> {
	let mut readers = vec![Vec::new(); program.operators.len()];
	for (number, operator) in program.operators.iter().enumerate() {
		for id in operator.reads() {
			if let Some(readers) = readers.get_mut(usize::from(id.0)) {
				if readers.last() != Some(&number) {
					readers.push(number);
				}
			}
		}
	}
	readers
}

/// A program whose operators contradict what validation promised; it cannot happen.
fn inconsistent(operator: usize) -> BackendError {
	BackendError::Unsupported(format!("operator {operator}, whose operands do not fit"))
}

impl Plan {
	/// Validates a program and makes its plan.
	pub(crate) fn compile(program: Arc<Program>, weights: Bytes) -> Result<Self, BackendError> {
		let tensors = program.tensors()?;
		let weights = WeightsBlob::new(&program, weights)?;
		let mut compiler = Compiler {
			program: &program,
			tensors: &tensors,
			weights: &weights,
			readers: readers_of(&program),
			packed: BTreeMap::new(),
			integers: BTreeMap::new(),
			multipliers: BTreeMap::new(),
			zeros: BTreeMap::new(),
			tables: BTreeMap::new(),
		};
		let steps = steps(&mut compiler)?;
		let output = match program.operators.last() {
			Some(Operator::Emit { value, .. }) => usize::from(value.0),
			_ => return Err(inconsistent(program.operators.len())),
		};
		let skips_padding = skips_padding(&steps, &program, &tensors, output);
		let steps = schedule(steps, &program, output);
		Ok(Self { program, tensors, steps, skips_padding, output, weights })
	}

	/// The most bytes that tensors between steps take at once in a run of a shape.
	pub(crate) fn live_bytes(&self, batch: u32, sequence: u32) -> u64 {
		let shape = StepShape::first(batch, sequence);
		let bytes = |tensor: usize| self.tensors.get(tensor).map_or(0, |info| info.bytes(shape));
		let mut held = BTreeSet::new();
		let (mut live, mut most) = (0u64, 0u64);
		for scheduled in &self.steps {
			for tensor in scheduled.step.tensors(&self.program) {
				// The input is part of the layout.
				if tensor > 0 && held.insert(tensor) {
					live = live.saturating_add(bytes(tensor));
				}
			}
			most = most.max(live);
			for tensor in scheduled.releases.iter().filter(|tensor| held.remove(tensor)) {
				live = live.saturating_sub(bytes(*tensor));
			}
		}
		most
	}

	/// The bytes of a weight tensor.
	pub(crate) fn weight_bytes(&self, id: WeightId) -> &[u8] {
		self.weights.bytes(id)
	}
}

/// Makes the steps, in the order of the operators.
fn steps(compiler: &mut Compiler<'_>) -> Result<Vec<Step>, BackendError> {
	let operators = &compiler.program.operators;
	// Operators inside a chain, and the chain for the operator that ends it.
	let mut inside = vec![false; operators.len()];
	let mut chains = BTreeMap::new();
	for number in 0..operators.len() {
		if let Some((attention, chain)) = Attention::find(compiler, number) {
			for operator in chain {
				inside[operator] = true;
			}
			chains.insert(attention.out, attention);
		}
	}
	let mut steps = Vec::new();
	let mut stage = rows::Builder::default();
	for (number, operator) in operators.iter().enumerate() {
		if let Some(attention) = chains.remove(&number) {
			steps.extend(stage.finish(compiler).map(Step::Rows));
			steps.push(Step::Attention(attention));
		} else if inside[number]
			|| matches!(operator, Operator::Tokens { .. } | Operator::Stop { .. })
		{
			continue;
		} else if matches!(operator, Operator::Emit { .. }) {
			steps.extend(stage.finish(compiler).map(Step::Rows));
		} else if rows::is_row_operator(operator) {
			let maybe_ended = stage.add(compiler, number).ok_or_else(|| inconsistent(number))?;
			steps.extend(maybe_ended.map(Step::Rows));
		} else {
			steps.extend(stage.finish(compiler).map(Step::Rows));
			steps.push(Step::Whole(number));
		}
	}
	Ok(steps)
}

/// Whether rows of padded positions reach nothing that is emitted.
///
/// They do not where each tensor with a row per position is read only by operators that keep to
/// the row, by attention that looks at positions with a token, and by means over such positions.
fn skips_padding(steps: &[Step], program: &Program, tensors: &[TensorInfo], output: usize) -> bool {
	let by_position = |dims: &[Dim]| matches!(dims, [Dim::Batch, Dim::Sequence, Dim::Fixed(_)]);
	let by_entry =
		|dims: &[Dim]| matches!(dims, [Dim::Batch, rest @ ..] if !rest.contains(&Dim::Sequence));
	let made_well = |tensor: usize| {
		tensors.get(tensor).is_some_and(|info| by_position(&info.dims) || by_entry(&info.dims))
	};
	let steps_keep = steps.iter().all(|step| match step {
		Step::Rows(stage) => stage.operands.iter().all(|operand| made_well(operand.tensor)),
		Step::Attention(attention) => attention.masked,
		Step::Whole(number) => {
			matches!(program.operators.get(*number), Some(Operator::MeanPool { .. }))
		},
	});
	steps_keep && tensors.get(output).is_some_and(|info| by_entry(&info.dims))
}

/// Adds to each step what is not read after it.
fn schedule(steps: Vec<Step>, program: &Program, output: usize) -> Vec<Scheduled> {
	let mut last_uses = BTreeMap::new();
	for (number, step) in steps.iter().enumerate() {
		for tensor in step.tensors(program) {
			last_uses.insert(tensor, number);
		}
	}
	let releases_of = |number: usize| {
		let ended =
			last_uses.iter().filter(|(tensor, last)| **last == number && **tensor != output);
		ended.map(|(tensor, _)| *tensor).collect()
	};
	let releases: Vec<Vec<usize>> = (0..steps.len()).map(releases_of).collect();
	let both = steps.into_iter().zip(releases);
	both.map(|(step, releases)| Scheduled { step, releases }).collect()
}

impl Step {
	/// The tensors it reads from other steps or makes for them.
	fn tensors(&self, program: &Program) -> Vec<usize> {
		match self {
			Self::Rows(stage) => stage.shared().collect(),
			Self::Attention(attention) => attention.tensors().to_vec(),
			Self::Whole(number) => {
				let operator = program.operators.get(*number);
				let reads = operator.into_iter().flat_map(Operator::reads);
				reads.map(|id| usize::from(id.0)).chain([*number]).collect()
			},
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_reference::sample::{self, Shape, Style};

	fn plan(program: Program) -> Plan {
		let weights = sample::weights(&program, Style::Plausible, 1);
		Plan::compile(Arc::new(program), weights.into()).unwrap()
	}

	fn kinds(plan: &Plan) -> String {
		let kind = |scheduled: &Scheduled| match scheduled.step {
			Step::Rows(_) => 'r',
			Step::Attention(_) => 'a',
			Step::Whole(_) => 'w',
		};
		plan.steps.iter().map(kind).collect()
	}

	#[test]
	fn an_encoder_is_stages_of_rows_with_attention_between() {
		let plan = plan(sample::encoder(&Shape { layers: 2, ..Shape::SMALL }));
		// The single operator is the mean over positions.
		assert_eq!(kinds(&plan), "rararwr");
		assert!(plan.skips_padding);
	}

	#[test]
	fn attention_with_a_reader_in_its_middle_stays_in_pieces() {
		let whole = sample::encoder(&Shape::SMALL);
		let is_exponential = |operator: &Operator| matches!(operator, Operator::SoftmaxExp { .. });
		let inside = whole.operators.iter().position(is_exponential).unwrap();
		let mut program = whole.clone();
		let stop = TensorId(program.operators.len() as u16 - 2);
		program.operators.pop();
		program.operators.push(Operator::Emit { value: TensorId(inside as u16), stop });
		program.validate().unwrap();
		let plan = plan(program);
		assert!(!kinds(&plan).contains('a'));
		// What is emitted has elements at padding.
		assert!(!plan.skips_padding);
	}

	#[test]
	fn rows_at_padding_are_computed_where_they_are_emitted() {
		let mut program = sample::encoder(&Shape::SMALL);
		let pooled = program.operators.iter().find_map(|operator| match operator {
			Operator::MeanPool { value, .. } => Some(*value),
			_ => None,
		});
		let stop = TensorId(program.operators.len() as u16 - 2);
		program.operators.pop();
		program.operators.push(Operator::Emit { value: pooled.unwrap(), stop });
		let plan = plan(program);
		assert!(kinds(&plan).contains('a'));
		assert!(!plan.skips_padding);
	}

	#[test]
	fn every_tensor_is_released_but_the_output() {
		let plan = plan(sample::encoder(&Shape { layers: 2, ..Shape::SMALL }));
		let mut released: Vec<usize> =
			plan.steps.iter().flat_map(|scheduled| scheduled.releases.clone()).collect();
		let count = released.len();
		released.sort_unstable();
		released.dedup();
		assert_eq!(released.len(), count);
		assert!(!released.contains(&plan.output));
		for scheduled in &plan.steps {
			for tensor in scheduled.step.tensors(&plan.program) {
				let known = released.contains(&tensor) || tensor == plan.output;
				assert!(known, "tensor {tensor} is never released");
			}
		}
	}
}
