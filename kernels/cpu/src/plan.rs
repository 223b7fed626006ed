//! A program turned into steps, once, when it is loaded.
//!
//! Operators that make each row of their output from the same row of their operands run together
//! in one [`RowStage`]: every thread takes a few rows through all of them while they are in its
//! cache. A chain of attention operators whose middle nobody else reads becomes one [`Attention`].
//! What fits neither runs by itself over whole tensors.

use crate::{
	attention::Attention,
	product::Weights,
	rows::{self, RowStage},
	table::FunctionTable,
	unfused::Single,
};
use assay_program::{
	limits::ROTATION_FRACTION, BackendError, Bytes, Dim, Kind, Mask, Operator, Program, StepShape,
	TableBase, TensorId, TensorInfo, WeightId,
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

/// What one step of a program comes to.
#[derive(Debug)]
pub(crate) struct Schedule {
	pub(crate) steps: Vec<Scheduled>,
	/// Whether rows at padding can be left out because nothing that reaches the output reads them.
	pub(crate) skips_padding: bool,
}

/// A program with its weights, ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
	pub(crate) program: Arc<Program>,
	pub(crate) tensors: Vec<TensorInfo>,
	/// For jobs that sample nothing, and for encoders.
	pub(crate) greedy: Schedule,
	/// For jobs that sample.
	maybe_sampled: Option<Schedule>,
	/// The tensor that `Emit` copies, which is what a decoder goes on with.
	pub(crate) output: usize,
	weights: WeightsBlob,
}

/// Which rows of a tensor anything reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
	/// None: it is not made.
	Nothing,
	/// That of each input's last position: a tensor `[B, S, K]` is made as `[B, K]`.
	Last,
	/// All of them.
	All,
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
	/// Whether the schedule in the making is for jobs that sample.
	pub(crate) samples: bool,
	/// For each tensor what is needed of it.
	needs: Vec<Need>,
	/// For each tensor the needed operators that read it, in order.
	readers: Vec<Vec<usize>>,
	// Weights readied so far: however many operators use a tensor, it is held once.
	integers: BTreeMap<WeightId, Arc<[i32]>>,
	multipliers: BTreeMap<WeightId, Arc<[i32]>>,
	rotations: BTreeMap<WeightId, Arc<[i32]>>,
	zeros: BTreeMap<usize, Arc<[i32]>>,
	tables: BTreeMap<(WeightId, u8, bool), Arc<FunctionTable>>,
}

impl<'a> Compiler<'a> {
	fn new(program: &'a Program, tensors: &'a [TensorInfo], weights: &'a WeightsBlob) -> Self {
		Self {
			program,
			tensors,
			weights,
			samples: false,
			needs: Vec::new(),
			readers: Vec::new(),
			integers: BTreeMap::new(),
			multipliers: BTreeMap::new(),
			rotations: BTreeMap::new(),
			zeros: BTreeMap::new(),
			tables: BTreeMap::new(),
		}
	}
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

	/// Whether only the last position's row of a tensor is made.
	pub(crate) fn is_last(&self, tensor: usize) -> bool {
		self.needs.get(tensor) == Some(&Need::Last)
	}

	/// Whether a tensor has a row for every position of a step.
	pub(crate) fn is_by_position(&self, tensor: usize) -> bool {
		let dims = self.tensors.get(tensor).map_or(&[][..], |info| &info.dims);
		matches!(dims, [Dim::Batch, Dim::Sequence, ..]) && !self.is_last(tensor)
	}

	/// Begins a schedule.
	fn begin(&mut self, samples: bool) {
		self.samples = samples;
		self.needs = needs(self.program, samples);
		self.readers = readers_of(self.program, &self.needs);
	}

	/// A matrix of weights.
	pub(crate) fn matrix(&self, id: WeightId) -> Option<Weights> {
		let (columns, depth) = matrix(self.program, id)?;
		let range = self.weights.ranges.get(usize::from(id.0))?.clone();
		Weights::new(self.weights.bytes.slice(range), columns, depth)
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

	/// A table of a rotation, its entries at most 1.
	pub(crate) fn rotation(&mut self, id: WeightId) -> Arc<[i32]> {
		const ONE: i32 = 1 << ROTATION_FRACTION;
		let weights = self.weights;
		let make =
			|| weights.integers(id).into_iter().map(|entry| entry.clamp(-ONE, ONE)).collect();
		self.rotations.entry(id).or_insert_with(make).clone()
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

/// Whether an encoder's operator can be a step by itself.
fn stands_alone(operator: &Operator, tensors: &[TensorInfo]) -> bool {
	let dims = |id: TensorId| tensors.get(usize::from(id.0)).map_or(&[][..], |info| &info.dims);
	let width = |id: TensorId| dims(id).last().copied();
	let heads = |id: TensorId| dims(id).get(1).copied();
	let is_attention = |id: TensorId| matches!(dims(id), [.., Dim::Context]);
	match operator {
		Operator::Scores { query_max, key_max, .. } => width(*query_max) == width(*key_max),
		Operator::SoftmaxMax { scores, mask } | Operator::SoftmaxExp { scores, mask, .. } => {
			*mask != Mask::Causal && is_attention(*scores)
		},
		Operator::SoftmaxSum { exponentials } => is_attention(*exponentials),
		Operator::SoftmaxNormalise { .. } | Operator::MeanPool { .. } => true,
		Operator::ContextWeight { probabilities, value_max, .. } => {
			heads(*probabilities) == width(*value_max)
		},
		Operator::Context { weight, groups, shift, .. } => {
			heads(*weight) == Some(Dim::Fixed(*groups)) && *shift == 0
		},
		_ => false,
	}
}

/// What is needed of each tensor: all of an encoder's, for it has one step; of a decoder's what
/// reaches its next tokens, or keys and values of a later step.
fn needs(program: &Program, samples: bool) -> Vec<Need> {
	let mut needs = vec![Need::All; program.operators.len()];
	let Some(next) = program.next() else { return needs };
	needs.fill(Need::Nothing);
	// `Stop` and `Emit` are done by whoever runs the steps.
	if let Some(need) = needs.get_mut(usize::from(next.0)) {
		*need = Need::All;
	}
	for (number, operator) in program.operators.iter().enumerate().rev() {
		let need = needs[number];
		if need == Need::Nothing {
			continue;
		}
		for id in operands(operator, samples) {
			let held = operator.reads_held().any(|held| held == id);
			let need = match operator {
				_ if held => Need::All,
				Operator::Last { .. } => Need::Last,
				_ => need,
			};
			if let Some(slot) = needs.get_mut(usize::from(id.0)) {
				*slot = need.max(*slot);
			}
		}
	}
	needs
}

/// What an operator reads in a job that samples, or in one that does not.
pub(crate) fn operands(operator: &Operator, samples: bool) -> Vec<TensorId> {
	match operator {
		Operator::Choose { ids, sampled, .. } if samples => vec![*ids, *sampled],
		Operator::Choose { ids, greedy, .. } => vec![*ids, *greedy],
		_ => operator.reads().collect(),
	}
}

/// Number and length of the rows of an int8 matrix.
fn matrix(program: &Program, id: WeightId) -> Option<(usize, usize)> {
	match program.weights.get(usize::from(id.0))?.dims[..] {
		[rows, columns] => Some((rows as usize, columns as usize)),
		_ => None,
	}
}

/// Bytes that the function tables of a program take: one that is used with many shifts is packed
/// for each.
pub(crate) fn table_bytes(program: &Program) -> usize {
	let tables = program.operators.iter().filter_map(|operator| match operator {
		Operator::Table { table, shift, base, .. } => {
			Some((*table, *shift, *base == TableBase::Relu))
		},
		_ => None,
	});
	let tables: BTreeSet<(WeightId, u8, bool)> = tables.collect();
	let bytes = tables.iter().filter_map(|(id, ..)| {
		let entries = *program.weights.get(usize::from(id.0))?.dims.first()? as usize;
		// As they are, and packed.
		entries.checked_mul(2 * size_of::<i32>())
	});
	bytes.fold(0, usize::saturating_add)
}

/// For each tensor the needed operators that read it, each once.
fn readers_of(program: &Program, needs: &[Need]) -> Vec<Vec<usize>> {
	let mut readers = vec![Vec::new(); program.operators.len()];
	for (number, operator) in program.operators.iter().enumerate() {
		let closing = matches!(operator, Operator::Stop { .. } | Operator::Emit { .. });
		if needs[number] == Need::Nothing && !closing {
			continue;
		}
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

/// A program that no importer makes; the reference runs it.
fn unplanned(operator: usize) -> BackendError {
	BackendError::Unsupported(format!("operator {operator} where it stands"))
}

impl Plan {
	/// Validates a program and makes its plan.
	pub(crate) fn compile(program: Arc<Program>, weights: Bytes) -> Result<Self, BackendError> {
		let tensors = program.tensors()?;
		let weights = WeightsBlob::new(&program, weights)?;
		let mut compiler = Compiler::new(&program, &tensors, &weights);
		let output = match program.operators.last() {
			Some(Operator::Emit { value, .. }) => usize::from(value.0),
			_ => return Err(inconsistent(program.operators.len())),
		};
		compiler.begin(false);
		let greedy = compiler.schedule(output)?;
		let maybe_sampled = if program.cost_form().sampling && program.is_decoder() {
			compiler.begin(true);
			Some(compiler.schedule(output)?)
		} else {
			None
		};
		Ok(Self { program, tensors, greedy, maybe_sampled, output, weights })
	}

	/// A plan without steps, and beside it every operator by itself: all of each tensor is made.
	pub(crate) fn apart(
		program: Arc<Program>,
		weights: Bytes,
	) -> Result<(Self, Vec<Single>), BackendError> {
		let tensors = program.tensors()?;
		let weights = WeightsBlob::new(&program, weights)?;
		let mut compiler = Compiler::new(&program, &tensors, &weights);
		let all = 0..program.operators.len();
		compiler.needs = vec![Need::All; all.len()];
		// Whoever looks at the tensors reads each of them.
		compiler.readers = vec![vec![usize::MAX]; all.len()];
		let single = |number| Single::new(&mut compiler, number).ok_or_else(|| unplanned(number));
		let singles = all.clone().map(single).collect::<Result<_, _>>()?;
		let greedy = Schedule { steps: Vec::new(), skips_padding: false };
		let (maybe_sampled, output) = (None, all.len().saturating_sub(1));
		Ok((Self { program, tensors, greedy, maybe_sampled, output, weights }, singles))
	}

	/// The steps of a job that samples, or of one that does not.
	pub(crate) fn schedule(&self, samples: bool) -> &Schedule {
		self.maybe_sampled.as_ref().filter(|_| samples).unwrap_or(&self.greedy)
	}

	/// The attentions of a schedule, in order.
	pub(crate) fn attentions(&self, samples: bool) -> impl Iterator<Item = &Attention> {
		self.schedule(samples).steps.iter().filter_map(|scheduled| match &scheduled.step {
			Step::Attention(attention) => Some(attention),
			_ => None,
		})
	}

	/// The most bytes that tensors between steps, and what a decoder keeps from step to step, take
	/// at once in a run of a shape.
	pub(crate) fn live_bytes(&self, batch: u32, sequence: u32) -> u64 {
		let of_schedule = |samples: bool| {
			let caches = self.attentions(samples).fold(0u64, |sum, attention| {
				let bytes = attention.cache_bytes(batch.into(), sequence as usize);
				sum.saturating_add(if self.program.is_decoder() { bytes } else { 0 })
			});
			self.step_bytes(self.schedule(samples), batch, sequence).saturating_add(caches)
		};
		of_schedule(false).max(of_schedule(true))
	}

	fn step_bytes(&self, schedule: &Schedule, batch: u32, sequence: u32) -> u64 {
		let shape = StepShape::first(batch, sequence);
		let bytes = |tensor: usize| self.tensors.get(tensor).map_or(0, |info| info.bytes(shape));
		let mut held = BTreeSet::new();
		let (mut live, mut most) = (0u64, 0u64);
		for scheduled in &schedule.steps {
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

impl Compiler<'_> {
	/// The steps that the operators needed become.
	fn schedule(&mut self, output: usize) -> Result<Schedule, BackendError> {
		if self.program.is_decoder() {
			let steps = schedule(decoder_steps(self)?, self.program, output);
			return Ok(Schedule { steps, skips_padding: false });
		}
		let steps = steps(self)?;
		let skips_padding = skips_padding(&steps, self.program, self.tensors, output);
		Ok(Schedule { steps: schedule(steps, self.program, output), skips_padding })
	}

	/// Chains of attention by the operator that ends them, and for each operator whether it is
	/// inside one.
	fn chains(&self) -> (BTreeMap<usize, Attention>, Vec<bool>) {
		let mut inside = vec![false; self.program.operators.len()];
		let mut chains = BTreeMap::new();
		for number in 0..inside.len() {
			if let Some((attention, chain)) = Attention::find(self, number) {
				for operator in chain {
					inside[operator] = true;
				}
				chains.insert(attention.out, attention);
			}
		}
		(chains, inside)
	}
}

/// A row for each position.
const POSITIONS: [Dim; 2] = [Dim::Batch, Dim::Sequence];

/// Makes the steps of a decoder. Between two attentions operators over all positions and those over
/// the last one alone make a stage each: the latter are never read by the former.
fn decoder_steps(compiler: &mut Compiler<'_>) -> Result<Vec<Step>, BackendError> {
	let (mut chains, inside) = compiler.chains();
	let (mut steps, operators) = (Vec::new(), &compiler.program.operators);
	let (mut all, mut last) = (rows::Builder::default(), rows::Builder::default());
	for (number, operator) in operators.iter().enumerate() {
		let needed = compiler.needs[number] != Need::Nothing;
		let closing = matches!(operator, Operator::Stop { .. } | Operator::Emit { .. });
		if let Some(attention) = chains.remove(&number).filter(|_| needed) {
			if !attention.is_causal() {
				return Err(unplanned(number));
			}
			steps.extend(all.finish(compiler).map(Step::Rows));
			steps.extend(last.finish(compiler).map(Step::Rows));
			steps.push(Step::Attention(attention));
		} else if needed && !inside[number] && !closing && number > 0 {
			let builder = match rows::shape(compiler, number) {
				Some((leading, Dim::Fixed(_))) if leading == [Dim::Batch] => &mut last,
				Some((leading, Dim::Fixed(_))) if leading == POSITIONS => &mut all,
				_ => return Err(unplanned(number)),
			};
			if !rows::is_row_operator(operator) && !rows::is_choice(operator) {
				return Err(unplanned(number));
			}
			let ended = builder.add(compiler, number).ok_or_else(|| inconsistent(number))?;
			if ended.is_some() {
				return Err(inconsistent(number));
			}
		}
	}
	steps.extend(all.finish(compiler).map(Step::Rows));
	steps.extend(last.finish(compiler).map(Step::Rows));
	Ok(steps)
}

/// Makes the steps of an encoder, in the order of the operators.
fn steps(compiler: &mut Compiler<'_>) -> Result<Vec<Step>, BackendError> {
	let operators = &compiler.program.operators;
	let (mut chains, inside) = compiler.chains();
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
		} else if rows::is_row_operator(operator) && !matches!(operator, Operator::Last { .. }) {
			let maybe_ended = stage.add(compiler, number).ok_or_else(|| inconsistent(number))?;
			steps.extend(maybe_ended.map(Step::Rows));
		} else if stands_alone(operator, compiler.tensors) {
			steps.extend(stage.finish(compiler).map(Step::Rows));
			steps.push(Step::Whole(number));
		} else {
			return Err(unplanned(number));
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
		Step::Attention(attention) => attention.skips_padding(),
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
	use assay_reference::sample::{self, DecoderShape, Shape, Style};

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
		plan.greedy.steps.iter().map(kind).collect()
	}

	#[test]
	fn an_encoder_is_stages_of_rows_with_attention_between() {
		let plan = plan(sample::encoder(&Shape { layers: 2, ..Shape::SMALL }));
		// The single operator is the mean over positions.
		assert_eq!(kinds(&plan), "rararwr");
		assert!(plan.greedy.skips_padding);
	}

	#[test]
	fn a_decoder_makes_of_its_last_layer_what_the_last_position_needs() {
		let shape = DecoderShape { layers: 2, ..DecoderShape::SMALL };
		let plan = plan(sample::decoder(&shape));
		// Keys and values of the last layer for all positions, then queries for the last one.
		assert_eq!(kinds(&plan), "rarrar");
		let steps = |samples| {
			let stages = plan.schedule(samples).steps.iter();
			stages.map(|scheduled| scheduled.step.tensors(&plan.program).len()).sum::<usize>()
		};
		assert_eq!(plan.attentions(false).count(), 2);
		assert_eq!(plan.attentions(true).count(), 2);
		assert_eq!(steps(false), steps(true));
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
		assert!(!plan.greedy.skips_padding);
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
		assert!(!plan.greedy.skips_padding);
	}

	#[test]
	fn every_tensor_is_released_but_the_output() {
		let plan = plan(sample::encoder(&Shape { layers: 2, ..Shape::SMALL }));
		let mut released: Vec<usize> =
			plan.greedy.steps.iter().flat_map(|scheduled| scheduled.releases.clone()).collect();
		let count = released.len();
		released.sort_unstable();
		released.dedup();
		assert_eq!(released.len(), count);
		assert!(!released.contains(&plan.output));
		for scheduled in &plan.greedy.steps {
			for tensor in scheduled.step.tensors(&plan.program) {
				let known = released.contains(&tensor) || tensor == plan.output;
				assert!(known, "tensor {tensor} is never released");
			}
		}
	}
}
