//! For each operator a program in which it is as large as it can be refereed.
//!
//! Sizes come from the limits themselves: what no limit bounds alone is the largest that
//! [`check_refereeable`] takes. Every program is filled up to the most operators and weights that
//! one may have, and its job to the tallest tree, so that nothing is dearer to read, to lay out or
//! to open.

use super::programs;
use crate::{
	check_refereeable, layout::rows_of, opened, Layout, LeafForm, Opened, Part, MAX_LEAVES,
};
use alloc::{vec, vec::Vec};
use assay_program::{
	limits::{
		EXP_FRACTION, MAX_BATCH, MAX_ENDS, MAX_OPERATORS, MAX_SEQUENCE, MAX_STEPS,
		MAX_TABLE_INTERVALS, MAX_WEIGHTS, MAX_WEIGHTS_BYTES, MAX_WIDTH, POSITION_BLOCK, ROW_BLOCK,
	},
	Dim, Kind, Limits, Mask, Operator, Parameters, Program, Sampling, StepShape, TallyBy, TensorId,
	TensorInfo, WeightKind, WeightShape, SEGMENT,
};
use assay_reference::sample::{decoder, encoder, DecoderShape, Shape};

/// Operators that are asked about in one more way: for the partials of a context as long as can be,
/// or, last, with rows as wide as leaves instead of as many as can be.
const OTHERS: [&str; 2] = ["Context", "Depthwise"];
const PARTIALS: &str = "partials";
const WIDE_ROWS: &str = "wide rows";
const LAST_BLOCK: &str = "last block";
/// How many [`Case`]s there are: one for each operator, in the order of their names, and others.
pub const CASES: u32 = (Operator::NAMES.len() + OTHERS.len()) as u32;

/// As wide as a block of a reduction: the whole of an element is asked about at once.
const WIDTH: u32 = ROW_BLOCK as u32;
/// The fewest heads that rows so wide can be cut into.
const HEADS: u32 = 4;
/// Bits to drop of sums over the longest context, so that they fit.
const CONTEXT_SHIFT: u8 = 6;

/// An operator at its largest, and the largest job of its program.
#[derive(Clone, Debug)]
pub struct Case {
	/// The operator.
	pub name: &'static str,
	/// Which way of several this is; empty where there is one.
	pub way: &'static str,
	/// The number of the operator in the program.
	pub operator: u32,
	/// The program.
	pub program: Program,
	/// The job.
	pub parameters: Parameters,
}

impl Case {
	/// One of the [`CASES`].
	pub fn new(number: u32) -> Self {
		let number = number as usize;
		let Some(name) = Operator::NAMES.get(number) else {
			let name = OTHERS[number - Operator::NAMES.len()];
			return match name {
				"Depthwise" => Self::of(name, WIDE_ROWS, largest_of(WIDE)),
				_ => Self::of(name, PARTIALS, family(name)),
			};
		};
		Self::of(name, "", family(name))
	}

	fn of(name: &'static str, way: &'static str, program: Program) -> Self {
		let (operator, _) = largest(&program, name).unwrap();
		let own = program.operators.len();
		let program = fill(program).unwrap();
		let operator = match operator as usize + 2 < own {
			true => operator,
			false => operator + (program.operators.len() - own) as u32,
		};
		let parameters = longest(&program);
		Self { name, way, operator, program, parameters }
	}

	/// A mean over positions, the last block of which has so many, 1 to 32: as many leaves that are
	/// as long as leaves can be, and one more. Both parties are wrong.
	pub fn pooled(positions: u32) -> Self {
		let mut case = Self::of("MeanPool", LAST_BLOCK, largest_of(TEXT));
		let sequence = &mut case.parameters.sequence;
		let block = POSITION_BLOCK as u32;
		*sequence = (*sequence / block - 1) * block + positions.clamp(1, block);
		case
	}

	/// The parts of an element that it is about.
	pub(super) fn parts(&self, layout: &Layout<'_>, step: u32) -> Vec<Part> {
		match (layout.blocks(step, self.operator), self.way) {
			(0 | 1, PARTIALS) => vec![],
			(0 | 1, _) => vec![Part::Whole],
			(_, PARTIALS) => vec![Part::Finish],
			(blocks, LAST_BLOCK) => vec![Part::Block(blocks - 1)],
			(blocks, _) => vec![Part::Block(0), Part::Block(blocks - 1)],
		}
	}

	/// Whether it is about partials.
	pub(super) fn is_partials(&self) -> bool {
		self.way == PARTIALS
	}

	/// Whether no party is right.
	pub(super) fn are_both_wrong(&self) -> bool {
		self.way == LAST_BLOCK
	}
}

/// Programs of a size, and the limit of that size.
type Family = (u32, fn(u32) -> Program);

const TEXT: Family = (MAX_SEQUENCE, text);
const WIDE: Family = (WIDTH, wide);
const FAMILIES: [Family; 5] =
	[TEXT, (MAX_SEQUENCE, chat), (MAX_SEQUENCE, crowd), (WIDTH, convolution), (WIDTH, depthwise)];

/// The largest of a family that can be refereed even when it is full.
fn largest_of((limit, of): Family) -> Program {
	of(most(limit, |size| fill(of(size)).is_some()))
}

/// The program, of all there are, in which an operator opens most.
fn family(name: &str) -> Program {
	let has = |(_, of): &Family| of(1).operators.iter().any(|operator| operator.name() == name);
	let programs = FAMILIES.into_iter().filter(has).map(largest_of);
	let opens = |program: &Program| largest(program, name).map(|(_, opened)| weigh(opened));
	programs.max_by_key(|program| opens(program)).unwrap()
}

/// Where in a program an operator of this name opens most.
fn largest(program: &Program, name: &str) -> Option<(u32, Opened)> {
	let opened = opened(program).unwrap();
	let of_name = |(_, operator): &(usize, &Operator)| operator.name() == name;
	let all = program.operators.iter().enumerate().filter(of_name);
	all.map(|(number, _)| (number as u32, opened[number])).max_by_key(|(_, opened)| weigh(*opened))
}

/// A path is hashed for each thing that is opened, however short the thing.
fn weigh(opened: Opened) -> u64 {
	opened.bytes + opened.things * SEGMENT as u64 / 4
}

/// The largest number up to a limit for which something holds, as it does for all below and for 1.
fn most(limit: u32, holds: impl Fn(u32) -> bool) -> u32 {
	let (mut low, mut high) = (1, limit);
	while low < high {
		let middle = (low + high).div_ceil(2);
		match holds(middle) {
			true => low = middle,
			false => high = middle - 1,
		}
	}
	low
}

fn fits(program: &Program) -> bool {
	check_refereeable(program).is_ok()
}

/// An encoder of a longest input.
fn text(max_sequence: u32) -> Program {
	let mut program = encoder(&Shape {
		layers: 1,
		width: WIDTH,
		heads: HEADS,
		inner: WIDTH,
		vocabulary: MAX_WIDTH,
		max_batch: 1,
		max_sequence,
		bits: 12,
		fraction: 16,
		intervals: MAX_TABLE_INTERVALS,
	});
	for operator in &mut program.operators {
		if let Operator::Context { shift, .. } = operator {
			*shift = CONTEXT_SHIFT;
		}
	}
	program
}

const CHAT: DecoderShape = DecoderShape {
	layers: 1,
	width: WIDTH,
	heads: HEADS,
	key_heads: HEADS,
	inner: WIDTH,
	vocabulary: MAX_WIDTH,
	ends: MAX_ENDS as u32,
	max_batch: 1,
	max_sequence: MAX_SEQUENCE,
	max_steps: MAX_STEPS,
	bits: 12,
	fraction: 16,
	square_shift: 6,
	context_shift: CONTEXT_SHIFT,
	intervals: MAX_TABLE_INTERVALS,
	weight_shift: None,
};

/// A decoder of a longest context.
fn chat(max_sequence: u32) -> Program {
	decoder(&DecoderShape { max_sequence, ..CHAT })
}

/// The same with as many rows as can be, which are as narrow as can be.
fn crowd(max_sequence: u32) -> Program {
	let small = DecoderShape { width: 2 * HEADS, inner: 8, vocabulary: 256, ..CHAT };
	decoder(&DecoderShape { max_sequence, max_batch: MAX_BATCH, intervals: 2, ..small })
}

const SERIES: Limits = Limits { max_batch: 1, max_sequence: MAX_SEQUENCE, max_steps: 1 };

/// A filter that sees so many positions, of which each is a byte.
fn convolution(taps: u32) -> Program {
	programs::patient(taps, true, SERIES)
}

fn depthwise(taps: u32) -> Program {
	programs::patient(taps, false, SERIES)
}

/// A filter that sees so many positions, of which each is a whole leaf.
fn wide(taps: u32) -> Program {
	programs::broad(SEGMENT as u32, taps, SERIES)
}

/// The longest job whose trace can be disputed. In a decoder the step after the first has a whole
/// block of a reduction as its context, or as much of it as there can be.
fn longest(program: &Program) -> Parameters {
	let Limits { max_batch, max_sequence, max_steps } = program.limits;
	let form = LeafForm::of(program).unwrap();
	let is_tree = |parameters| form.leaves(&parameters) <= u64::from(MAX_LEAVES);
	if !program.is_decoder() {
		let of = |sequence| Parameters::encoder(max_batch, sequence);
		return of(most(max_sequence, |sequence| is_tree(of(sequence))));
	}
	let sampling =
		Sampling { temperature_q16: 3 << 15, top_k: 50, top_p_q16: 60_000, seed: [7; 32] };
	let of = |sequence, max_steps| Parameters {
		batch: max_batch,
		sequence,
		max_steps,
		sampling: Some(sampling.clone()),
	};
	let sequence = most((max_sequence - 1).min(WIDTH - 1), |sequence| is_tree(of(sequence, 2)));
	let steps = max_steps.min(max_sequence - sequence + 1);
	of(sequence, most(steps, |steps| is_tree(of(sequence, steps))))
}

/// Fills a program with weights and operators that nothing depends on, up to the most that there
/// may be, and an encoder's trace with leaves until its tree is as tall as any. Its own operators
/// keep their numbers, but the last two. Nothing where there is no room for more.
///
/// Of all operators `Tally` takes longest to read and to lay out.
fn fill(mut program: Program) -> Option<Program> {
	let Limits { max_batch, max_sequence, .. } = program.limits;
	let largest = Parameters::encoder(max_batch, max_sequence);
	let is_decoder = program.is_decoder();
	let Some(Operator::Emit { value, .. }) = program.operators.pop() else { panic!("no end") };
	let end = program.operators.pop().unwrap();
	let weights = exponentials(&mut program)?;

	let tensors = tensors_of(&program)?;
	let leaves = |id: &TensorId| {
		let rows = rows_of(&tensors[usize::from(id.0)], StepShape::of(&largest, 0));
		rows.count * rows.segments()
	};
	let tall = summable(&tensors).max_by_key(leaves).unwrap();
	let room = (MAX_OPERATORS - 2 - program.operators.len()) as u64;
	let own: u64 = (0u16..).zip(&tensors).map(|(number, _)| leaves(&TensorId(number))).sum();
	let flat = u64::from(max_batch);
	let base = own + (room + 1) * flat;
	let up_to = |most: u32| u64::from(most).saturating_sub(base);
	let each = leaves(&tall) - flat;
	let tall_ones = match up_to(MAX_LEAVES) / each {
		// The steps make it tall.
		_ if is_decoder => 0,
		few if few * 8 <= room => few,
		// More than half of the most leaves make a tree as tall as all of them.
		_ => up_to(MAX_LEAVES / 2 + 1).div_ceil(each),
	};
	for number in 0..room {
		program.operators.push(match number < tall_ones {
			true => Operator::Add { left: tall, right: tall },
			false => Operator::Tally { weights, cut: None, by: TallyBy::Count },
		});
	}
	let stop = TensorId(program.operators.len() as u16);
	program.operators.extend([end, Operator::Emit { value, stop }]);
	fill_weights(&mut program);
	fits(&program).then_some(program)
}

/// Adds what makes the weights of a vocabulary.
fn exponentials(program: &mut Program) -> Option<TensorId> {
	let is_row = |tensor: &TensorInfo| {
		let is_positions = matches!(*tensor.dims, [Dim::Batch, Dim::Sequence, Dim::Fixed(_)]);
		tensor.kind == Kind::Fixed { fraction: EXP_FRACTION } && is_positions
	};
	let value = tensors_of(program)?.iter().position(is_row)?;
	let mut push = |operator| {
		program.operators.push(operator);
		TensorId(program.operators.len() as u16 - 1)
	};
	let scores = push(Operator::Last { value: TensorId(value as u16) });
	let mask = Mask::None;
	let max = push(Operator::SoftmaxMax { scores, mask });
	Some(push(Operator::SoftmaxExp { scores, max, mask }))
}

/// The tensors of a program that has no end yet.
fn tensors_of(program: &Program) -> Option<Vec<TensorInfo>> {
	let mut ended = program.clone();
	ended.limits.max_steps = 1;
	let stop = TensorId(ended.operators.len() as u16);
	ended.operators.push(Operator::Stop { next: None, ends: vec![] });
	ended.operators.push(Operator::Emit { value: TensorId(stop.0 - 1), stop });
	let mut tensors = ended.tensors().ok()?;
	tensors.truncate(stop.0.into());
	Some(tensors)
}

fn fill_weights(program: &mut Program) {
	let small = WeightShape { kind: WeightKind::Int32, dims: vec![1] };
	program.weights.resize(MAX_WEIGHTS - 1, small);
	let left = MAX_WEIGHTS_BYTES - program.weights_length().next_multiple_of(SEGMENT as u64);
	let rows = 4 * SEGMENT as u32;
	let dims: Vec<u32> = vec![rows, (left / u64::from(rows)) as u32];
	program.weights.push(WeightShape { kind: WeightKind::Int8, dims });
}

/// Tensors over positions of which there can be sums.
fn summable(tensors: &[TensorInfo]) -> impl Iterator<Item = TensorId> + '_ {
	let is_one = |tensor: &TensorInfo| {
		matches!(tensor.kind, Kind::Fixed { .. }) && tensor.dims.contains(&Dim::Sequence)
	};
	let all = (0u16..).zip(tensors);
	all.filter(move |(_, tensor)| is_one(tensor)).map(|(number, _)| TensorId(number))
}
