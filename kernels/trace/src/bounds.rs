//! How much the answer to one question can open, whatever the job: how many things, and how many
//! bytes.
//!
//! For each operator there is a line here for each read of the referee, at the largest shape that
//! the program allows: so many leaves or segments, each with the longest path there is.

use crate::{
	disclosure::blob_tree,
	layout::{rows_of, Rows},
	LayoutError, LeafForm, MAX_LEAVES, PARTIALS_MAX,
};
use alloc::vec::Vec;
use assay_program::{
	limits::{DRAW_BLOCK, POSITION_BLOCK, ROW_BLOCK},
	Mask, Operator, Parameters, Program, StepShape, TensorId, TensorInfo, WeightId, SEGMENT,
};

/// Most bytes of all openings of one answer, encoded: 192 KiB.
///
/// `Context` and `MeanPool` need most: a row for each of 32 positions. MiniLM takes 75 KiB so,
/// SmolLM2-135M 43 KiB, an encoder of 1024 elements a position, as large ones have, 153 KiB. A
/// leaf has 4 KiB at most, so wider rows take no more. `Convolution` and `Depthwise` open a row for
/// each position that a filter sees, all in one block: the longest filter of a wake-word network
/// takes 31 KiB. Only what they open of hundreds of positions, or of twenty as wide as leaves, is
/// more than this; programs with such filters have no layout and cannot be disputed.
pub const OPENED_BYTES_MAX: u64 = 192 << 10;
/// Most things of one answer that are opened: what a chain has weighed.
///
/// Filters alone can open more than the 47 or so leaves and segments that [`OPENED_BYTES_MAX`] has
/// room for: rows of one channel are a few bytes each, and a filter may see hundreds of positions.
/// That of a wake-word network sees 29.
pub const OPENINGS_MAX: u32 = 256;
/// Most bytes of an [`Answer`](crate::Answer), encoded: openings and partials together. All other
/// disclosures are shorter.
pub const ANSWER_BYTES_MAX: u64 = OPENED_BYTES_MAX + PARTIALS_MAX as u64 * 16 + HEAD_BYTES;

/// Kind of the answer, and the lengths of its two lists.
const HEAD_BYTES: u64 = 1 + 2 + 4;
/// Of an opening, beside bytes and path: what it is of, and both lengths.
const OPENING_HEAD_BYTES: u64 = 5 + 2 + 1;
const HASH_BYTES: u64 = 32;
/// The longest opening of a leaf.
const LEAF_OPENING_BYTES: u64 =
	OPENING_HEAD_BYTES + SEGMENT as u64 + HASH_BYTES * MAX_LEAVES.ilog2() as u64;
// A row each of 32 positions, two leaves of what belongs to them, a maximum, a `Stop` row.
const _: () = assert!((POSITION_BLOCK + 4) * LEAF_OPENING_BYTES <= OPENED_BYTES_MAX);
const _: () = assert!(2 + 256 * HASH_BYTES <= OPENED_BYTES_MAX, "children are shorter");

/// Whether every element of every operator can be opened within [`OPENED_BYTES_MAX`] and
/// [`OPENINGS_MAX`], so that any dispute about the program can be decided. Names the first operator
/// where it cannot.
pub fn check_refereeable(program: &Program) -> Result<(), LayoutError> {
	check_opened(program, &program.tensors()?, Opened::MOST)
}

pub(crate) fn check_opened(
	program: &Program,
	tensors: &[TensorInfo],
	most: Opened,
) -> Result<(), LayoutError> {
	for (operator, Opened { things, bytes }) in (0u32..).zip(opened_by(program, tensors)?) {
		if bytes > most.bytes {
			return Err(LayoutError::Opened { operator, bytes });
		}
		if things > most.things {
			return Err(LayoutError::Openings { operator, openings: things });
		}
	}
	Ok(())
}

/// For each operator no less than all openings of one element of it are, or of one block, in any
/// job. The last is `Emit`: the leaf it copies from, or the rows that two counts depend on.
pub fn opened(program: &Program) -> Result<Vec<Opened>, LayoutError> {
	opened_by(program, &program.tensors()?)
}

/// The bytes of [`opened`] alone.
pub fn opened_bytes(program: &Program) -> Result<Vec<u64>, LayoutError> {
	Ok(opened(program)?.into_iter().map(|opened| opened.bytes).collect())
}

fn opened_by(program: &Program, tensors: &[TensorInfo]) -> Result<Vec<Opened>, LayoutError> {
	let largest = Largest::of(program, tensors)?;
	let opened = program.operators.iter().map(|operator| {
		// Whether the step is null is a matter of the `Stop` row before.
		largest.opened(operator).plus(largest.stop)
	});
	Ok(opened.collect())
}

/// How much is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opened {
	/// Bytes of the openings, encoded.
	pub bytes: u64,
	/// How many things.
	pub things: u64,
}

impl Opened {
	/// The most that an answer can open.
	pub const MOST: Self = Self { bytes: OPENED_BYTES_MAX, things: OPENINGS_MAX as u64 };
	const ALL: Self = Self { bytes: u64::MAX, things: u64::MAX };

	fn plus(self, other: Self) -> Self {
		let things = self.things.saturating_add(other.things);
		Self { bytes: self.bytes.saturating_add(other.bytes), things }
	}

	fn times(self, count: u64) -> Self {
		let things = self.things.saturating_mul(count);
		Self { bytes: self.bytes.saturating_mul(count), things }
	}
}

/// Sizes of a program's largest job, or larger.
struct Largest<'a> {
	program: &'a Program,
	tensors: &'a [TensorInfo],
	shape: StepShape,
	/// Hashes on a path to the body, to the input and to the weights.
	body: u64,
	input: u64,
	weights: u64,
	/// The opening of a `Stop` row.
	stop: Opened,
}

/// Hashes on the longest path of a tree.
fn height(leaves: u64) -> u64 {
	leaves.max(1).next_power_of_two().ilog2().into()
}

fn opening(bytes: u64, hashes: u64) -> Opened {
	let path = hashes.saturating_mul(HASH_BYTES);
	Opened { bytes: OPENING_HEAD_BYTES.saturating_add(bytes).saturating_add(path), things: 1 }
}

impl<'a> Largest<'a> {
	fn of(program: &'a Program, tensors: &'a [TensorInfo]) -> Result<Self, LayoutError> {
		let limits = program.limits;
		// The longest prompt and all steps after it: more than any job may have.
		let parameters = Parameters {
			max_steps: limits.max_steps,
			..Parameters::encoder(limits.max_batch, limits.max_sequence)
		};
		let leaves = LeafForm::count(tensors)?.leaves(&parameters).min(MAX_LEAVES.into());
		let segments = |blob| blob_tree(blob).map_or(0, |tree| u64::from(tree.leaves()));
		let body = height(leaves);
		Ok(Self {
			program,
			tensors,
			shape: StepShape::first(limits.max_batch, limits.max_sequence),
			body,
			input: height(segments(program.cost_form().input_length(&parameters))),
			weights: height(segments(program.weights_length())),
			stop: opening(4, body),
		})
	}

	fn rows(&self, tensor: TensorId) -> Rows {
		let tensor = self.tensors.get(usize::from(tensor.0));
		let none = Rows { count: 0, width: 0, element_bytes: 0 };
		tensor.map_or(none, |tensor| rows_of(tensor, self.shape))
	}

	fn width(&self, tensor: TensorId) -> u64 {
		self.rows(tensor).width
	}

	/// One leaf.
	fn one(&self, tensor: TensorId) -> Opened {
		let Rows { width, element_bytes, .. } = self.rows(tensor);
		opening(width.saturating_mul(element_bytes.into()).min(SEGMENT as u64), self.body)
	}

	/// The leaves of adjacent elements of a row.
	fn run(&self, tensor: TensorId, elements: u64) -> Opened {
		let Rows { width, element_bytes, .. } = self.rows(tensor);
		let row_bytes = width.saturating_mul(element_bytes.into());
		let run_bytes = elements.saturating_mul(element_bytes.into());
		let leaves = touched(run_bytes).min(row_bytes.div_ceil(SEGMENT as u64));
		self.one(tensor).times(leaves)
	}

	/// A whole row.
	fn row(&self, tensor: TensorId) -> Opened {
		self.run(tensor, self.width(tensor))
	}

	/// The leaves of one block of a reduction along a part of a row.
	fn block(&self, tensor: TensorId, length: u64) -> Opened {
		self.run(tensor, length.min(ROW_BLOCK))
	}

	/// The same, where the reduction is along all of it.
	fn block_of_row(&self, tensor: TensorId) -> Opened {
		self.block(tensor, self.width(tensor))
	}

	fn segment(&self) -> Opened {
		opening(SEGMENT as u64, self.weights)
	}

	/// So many multipliers, biases or entries, anywhere.
	fn words(&self, count: u64) -> Opened {
		self.segment().times(count)
	}

	/// The ids of as many positions, where a mask looks at them.
	fn ids(&self, mask: Mask, positions: u64) -> Opened {
		match mask {
			Mask::Padding { ids } => self.run(ids, positions),
			Mask::None | Mask::Causal => Opened::default(),
		}
	}

	fn opened(&self, operator: &Operator) -> Opened {
		let parts: &[Opened] = match operator {
			Operator::Tokens { .. } => {
				// The input, or what the step before chose.
				&[opening(SEGMENT as u64, self.input.max(self.body))]
			},
			Operator::Samples { .. } => &[opening(SEGMENT as u64, self.input)],
			Operator::Embed { ids, .. } => &[self.one(*ids), self.words(2)],
			Operator::RowMax { value, groups } => {
				let part = self.width(*value).checked_div((*groups).into()).unwrap_or(0);
				&[self.block(*value, part)]
			},
			Operator::Linear { .. } | Operator::Scores { .. } | Operator::Context { .. } => {
				&[self.products(operator)]
			},
			Operator::Mean { value }
			| Operator::L2Norm { value }
			| Operator::RootMeanSquare { value, .. }
			| Operator::ArgMax { value }
			| Operator::SoftmaxSum { exponentials: value } => &[self.block_of_row(*value)],
			Operator::Deviation { value, mean, .. } => {
				&[self.block_of_row(*value), self.one(*mean)]
			},
			Operator::SoftmaxMax { scores, mask } => {
				let block = self.width(*scores).min(ROW_BLOCK);
				&[self.block_of_row(*scores), self.ids(*mask, block)]
			},
			Operator::MeanPool { value, ids } => {
				let positions = POSITION_BLOCK.min(self.shape.sequence.into());
				&[self.one(*value).times(positions), self.run(*ids, positions)]
			},
			Operator::Convolution { value, weights, .. }
			| Operator::Depthwise { value, weights, .. } => &[self.window(*value, *weights), self.words(2)],
			Operator::Stop { next, .. } => &[next.map_or(Opened::default(), |next| self.row(next))],
			Operator::Emit { value, .. } => &[self.one(*value), self.stop],
			_ => &[self.few(operator)],
		};
		sum(parts)
	}

	/// Sums of products.
	fn products(&self, operator: &Operator) -> Opened {
		let parts: &[Opened] = match operator {
			Operator::Linear { input, max, .. } => {
				let block = self.width(*input).min(ROW_BLOCK);
				let weights = self.segment().times(touched(block));
				&[self.block_of_row(*input), weights, self.one(*max), self.words(2)]
			},
			Operator::Scores { query, query_max, key, key_max, .. } => {
				let heads = self.width(*query_max);
				let depth = self.width(*query).checked_div(heads).unwrap_or(0);
				let rows = self.block(*query, depth).plus(self.block(*key, depth));
				&[rows, self.one(*query_max), self.one(*key_max)]
			},
			Operator::Context { weight, weight_max, value, .. } => {
				let positions = POSITION_BLOCK.min(self.shape.context().into());
				let values = self.one(*value).times(positions);
				&[self.run(*weight, positions), values, self.one(*weight_max)]
			},
			_ => &[],
		};
		sum(parts)
	}

	/// The rows of the positions that a filter sees, each of its own leaf, and its weights.
	fn window(&self, value: TensorId, weights: WeightId) -> Opened {
		let dims = self.program.weights.get(usize::from(weights.0)).map_or(&[][..], |w| &w.dims);
		let (taps, segments) = match *dims {
			// Side by side.
			[_, taps, columns] => {
				(u64::from(taps), touched(u64::from(taps).saturating_mul(columns.into())))
			},
			// A row apart.
			[taps, columns] => {
				let taps = u64::from(taps);
				(taps, touched(taps.saturating_mul(columns.into())).min(taps))
			},
			// Validation refuses others.
			_ => (u64::MAX, u64::MAX),
		};
		let positions = taps.min(self.shape.sequence.into());
		self.one(value).times(positions).plus(self.segment().times(segments))
	}

	/// Operators that read a few elements.
	fn few(&self, operator: &Operator) -> Opened {
		let parts: &[Opened] = match operator {
			Operator::Add { left, right } | Operator::Multiply { left, right, .. } => {
				&[self.one(*left), self.one(*right)]
			},
			Operator::Quantise { value, max, .. }
			| Operator::SoftmaxNormalise { exponentials: value, sum: max }
			| Operator::ContextWeight { probabilities: value, value_max: max, .. }
			| Operator::L2Normalise { value, norm: max, .. }
			| Operator::Keep { weights: value, threshold: max }
			| Operator::Temper { value, max } => &[self.one(*value), self.one(*max)],
			Operator::SoftmaxExp { scores, max, mask } => {
				&[self.one(*scores), self.one(*max), self.ids(*mask, 1)]
			},
			Operator::Normalise { value, mean, deviation, .. } => {
				&[self.one(*value), self.one(*mean), self.one(*deviation), self.words(2)]
			},
			Operator::RmsNormalise { value, rms, .. } => {
				&[self.one(*value), self.one(*rms), self.words(1)]
			},
			Operator::Table { value, .. } => &[self.one(*value), self.words(2)],
			Operator::Lookup { value, .. } => &[self.one(*value), self.words(1)],
			Operator::Rotate { value, .. } => &[self.one(*value), self.one(*value), self.words(2)],
			Operator::Last { value } => &[self.one(*value)],
			_ => &[self.chosen(operator)],
		};
		sum(parts)
	}

	/// Operators that choose a token.
	fn chosen(&self, operator: &Operator) -> Opened {
		let parts: &[Opened] = match operator {
			Operator::Tally { weights, cut, .. } => {
				&[self.block_of_row(*weights), cut.map_or(Opened::default(), |cut| self.one(cut))]
			},
			Operator::Cut { tally, .. } => &[self.row(*tally)],
			Operator::Threshold { cut, tally } => &[self.row(*cut), self.row(*tally)],
			Operator::BlockSum { weights, .. } => &[self.run(*weights, DRAW_BLOCK.into())],
			Operator::Draw { sums } => &[self.row(*sums)],
			Operator::Pick { weights, draw, .. } => {
				&[self.run(*weights, DRAW_BLOCK.into()), self.row(*draw)]
			},
			Operator::Choose { ids, greedy, sampled } => {
				&[self.one(*ids), self.one(*greedy).max(self.one(*sampled))]
			},
			// An operator without a line here is refused, and with it its program.
			_ => &[Opened::ALL],
		};
		sum(parts)
	}
}

fn sum(parts: &[Opened]) -> Opened {
	parts.iter().fold(Opened::default(), |sum, part| sum.plus(*part))
}

/// Segments that adjacent bytes may lie in, wherever they begin.
fn touched(bytes: u64) -> u64 {
	match bytes.checked_sub(1) {
		Some(rest) => rest.div_ceil(SEGMENT as u64).saturating_add(1),
		None => 0,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_reference::sample::{encoder, Shape};

	#[test]
	fn the_first_operator_that_opens_too_much_is_named() {
		let program = encoder(&Shape::SMALL);
		let opened = opened(&program).unwrap();
		let tensors = program.tensors().unwrap();
		let check = |bytes, things| check_opened(&program, &tensors, Opened { bytes, things });
		let bytes = opened.iter().map(|opened| opened.bytes).max().unwrap();
		let things = opened.iter().map(|opened| opened.things).max().unwrap();
		assert_eq!(check(bytes, things), Ok(()));
		let operator = opened.iter().position(|opened| opened.bytes == bytes).unwrap() as u32;
		assert_eq!(check(bytes - 1, things), Err(LayoutError::Opened { operator, bytes }));
		let operator = opened.iter().position(|opened| opened.things == things).unwrap() as u32;
		let refused = Err(LayoutError::Openings { operator, openings: things });
		assert_eq!(check(bytes, things - 1), refused);
	}

	#[test]
	fn heights_and_segments_are_those_of_trees() {
		let heights = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 24, 24)];
		assert!(heights.iter().all(|(leaves, hashes)| height(*leaves) == *hashes));
		assert_eq!([0, 1, 2, 4096, 4097, 4098].map(touched), [0, 1, 2, 2, 2, 3]);
	}
}
