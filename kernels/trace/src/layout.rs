//! Which leaf holds which elements: a pure function of program and parameters.

use crate::{
	bounds::{check_opened, Opened},
	LayoutError, Tree,
};
use alloc::vec::Vec;
use assay_program::{Dim, Operator, Parameters, Program, StepShape, TensorInfo, SEGMENT};
use core::ops::Range;

/// One leaf of a trace, where it lies and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
	/// The step it is of.
	pub step: u32,
	/// The operator that makes it.
	pub operator: u32,
	/// The row of the operator's tensor in that step.
	pub row: u64,
	/// The column of its first element.
	pub column: u64,
	/// Its elements, one at least.
	pub elements: u32,
	/// Bytes of one element.
	pub element_bytes: u32,
}

impl Leaf {
	/// Its length where it is not null.
	pub fn bytes(&self) -> u32 {
		self.elements.saturating_mul(self.element_bytes)
	}
}

/// Rows of one tensor in one step, and how each is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
	/// How many there are.
	pub(crate) count: u64,
	/// Elements of each.
	pub(crate) width: u64,
	/// Bytes of an element.
	pub(crate) element_bytes: u32,
}

impl Rows {
	/// Elements of a whole segment.
	fn per_segment(&self) -> u64 {
		(SEGMENT as u64).checked_div(self.element_bytes.into()).unwrap_or(1).max(1)
	}

	/// Leaves of one row.
	pub(crate) fn segments(&self) -> u64 {
		self.width.div_ceil(self.per_segment())
	}
}

/// Leaves of a step after the first, as a function of its context: so many, and so many more for
/// each segment of a context of 4-byte and of 2-byte elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
	fixed: u64,
	words: u64,
	halves: u64,
}

/// Elements of 4 and of 2 bytes in a segment.
const WORDS: u64 = SEGMENT as u64 / 4;
const HALVES: u64 = SEGMENT as u64 / 2;

impl Counts {
	fn plus(self, other: Self) -> Self {
		Self {
			fixed: self.fixed.saturating_add(other.fixed),
			words: self.words.saturating_add(other.words),
			halves: self.halves.saturating_add(other.halves),
		}
	}

	fn at(self, words: u64, halves: u64) -> u64 {
		self.fixed
			.saturating_add(self.words.saturating_mul(words))
			.saturating_add(self.halves.saturating_mul(halves))
	}

	/// Leaves in a step of this context.
	fn in_step(self, context: u64) -> u64 {
		self.at(context.div_ceil(WORDS), context.div_ceil(HALVES))
	}

	/// Leaves in `steps` steps, the first of which has one position more than `sequence`.
	fn in_steps(self, sequence: u64, steps: u64) -> u64 {
		let last = sequence.saturating_add(steps);
		let segments = |size| ceilings(last, size).saturating_sub(ceilings(sequence, size));
		let each = Self { fixed: self.fixed.saturating_mul(steps), ..self };
		each.at(segments(WORDS), segments(HALVES))
	}
}

/// The sum of `ceil(i / size)` for `i` from 1 to `count`.
pub(crate) fn ceilings(count: u64, size: u64) -> u64 {
	let whole = count.checked_div(size).unwrap_or(0);
	let rest = count.checked_rem(size).unwrap_or(0);
	let next = whole.saturating_add(1);
	size.saturating_mul(whole.saturating_mul(next).div_euclid(2))
		.saturating_add(rest.saturating_mul(next))
}

/// The layout of the trace of one program and one job's parameters.
#[derive(Clone, Debug)]
pub struct Layout<'a> {
	program: &'a Program,
	parameters: &'a Parameters,
	tensors: Vec<TensorInfo>,
	/// Leaves of step 0 before each operator, and at the end all.
	first: Vec<u64>,
	/// The same for the later steps.
	later: Vec<Counts>,
	tree: Tree,
	/// Bytes of the input.
	input: u64,
}

impl<'a> Layout<'a> {
	/// The layout, where program and parameters are valid, every element can be opened and the
	/// trace is not too large.
	pub fn new(program: &'a Program, parameters: &'a Parameters) -> Result<Self, LayoutError> {
		let tensors = program.tensors()?;
		check_opened(program, &tensors, Opened::MOST)?;
		let form = program.cost_form();
		form.check(parameters)?;
		Self::of(program, parameters, tensors, form.input_length(parameters))
	}

	fn of(
		program: &'a Program,
		parameters: &'a Parameters,
		tensors: Vec<TensorInfo>,
		input: u64,
	) -> Result<Self, LayoutError> {
		let shape = StepShape::of(parameters, 0);
		let (mut first, mut later) = (Vec::from([0u64]), Vec::from([Counts::default()]));
		let (mut sum, mut sums) = (0u64, Counts::default());
		// The output is beside the body, under its own digest.
		let body = tensors.len().saturating_sub(1);
		for (number, tensor) in (0u32..).zip(tensors.iter().take(body)) {
			let rows = rows_of(tensor, shape);
			sum = sum.saturating_add(rows.count.saturating_mul(rows.segments()));
			sums = sums.plus(later_counts(number, tensor, parameters)?);
			first.push(sum);
			later.push(sums);
		}
		let steps = u64::from(parameters.max_steps.saturating_sub(1));
		let leaves = sum.saturating_add(sums.in_steps(parameters.sequence.into(), steps));
		let tree = Tree::new(leaves)?;
		Ok(Self { program, parameters, tensors, first, later, tree, input })
	}

	/// The program.
	pub fn program(&self) -> &'a Program {
		self.program
	}

	/// The parameters.
	pub fn parameters(&self) -> &'a Parameters {
		self.parameters
	}

	/// Bytes that the input must have.
	pub fn input_length(&self) -> u64 {
		self.input
	}

	/// The tree over all leaves.
	pub fn tree(&self) -> Tree {
		self.tree
	}

	/// Operators whose tensors are in the body: all but `Emit`.
	pub fn operators(&self) -> u32 {
		crate::tree::length(self.tensors.len().saturating_sub(1))
	}

	/// Leaves of one step.
	pub fn leaves_in_step(&self, step: u32) -> u64 {
		let body = self.operators();
		self.before_operator(step, body)
	}

	/// The sizes of a step; `None` where the parameters allow no such step.
	pub fn shape(&self, step: u32) -> Option<StepShape> {
		(step < self.parameters.max_steps).then(|| StepShape::of(self.parameters, step))
	}

	/// What is known of an operator's tensor.
	pub fn tensor(&self, operator: u32) -> Option<&TensorInfo> {
		self.tensors.get(usize::try_from(operator).ok()?)
	}

	/// The operator of a number.
	pub fn operator(&self, operator: u32) -> Option<&'a Operator> {
		self.program.operators.get(usize::try_from(operator).ok()?)
	}

	/// Rows of a tensor in a step.
	pub(crate) fn rows(&self, step: u32, operator: u32) -> Option<Rows> {
		Some(rows_of(self.tensor(operator)?, self.shape(step)?))
	}

	/// Elements of a tensor in a step; none where there is no such tensor or step.
	pub fn elements(&self, step: u32, operator: u32) -> u64 {
		self.rows(step, operator).map_or(0, |rows| rows.count.saturating_mul(rows.width))
	}

	/// Leaves of a step before those of an operator.
	fn before_operator(&self, step: u32, operator: u32) -> u64 {
		let operator = operator as usize;
		if step == 0 {
			return self.first.get(operator).copied().unwrap_or(0);
		}
		let context = StepShape::of(self.parameters, step).context();
		self.later.get(operator).map_or(0, |counts| counts.in_step(context.into()))
	}

	/// Leaves before those of a step.
	fn before_step(&self, step: u32) -> u64 {
		let Some(later) = step.checked_sub(1) else { return 0 };
		let first = self.first.last().copied().unwrap_or(0);
		let counts = self.later.last().copied().unwrap_or_default();
		first.saturating_add(counts.in_steps(self.parameters.sequence.into(), later.into()))
	}

	/// The leaf that holds an element of a row, and the element's place in it.
	pub(crate) fn locate(
		&self,
		step: u32,
		operator: u32,
		row: u64,
		column: u64,
	) -> Option<(u32, u32)> {
		if operator >= self.operators() {
			return None;
		}
		let rows = self.rows(step, operator)?;
		if row >= rows.count || column >= rows.width {
			return None;
		}
		let segment = column.checked_div(rows.per_segment())?;
		let place = column.checked_rem(rows.per_segment())?;
		let index = self
			.before_step(step)
			.checked_add(self.before_operator(step, operator))?
			.checked_add(row.checked_mul(rows.segments())?)?
			.checked_add(segment)?;
		Some((u32::try_from(index).ok()?, u32::try_from(place).ok()?))
	}

	/// The leaf that holds an element of a tensor, and the element's place in it.
	pub fn leaf_of(&self, step: u32, operator: u32, element: u64) -> Option<(u32, u32)> {
		let width = self.rows(step, operator)?.width;
		self.locate(step, operator, element.checked_div(width)?, element.checked_rem(width)?)
	}

	/// What a leaf holds; `None` beyond the last.
	pub fn leaf(&self, index: u32) -> Option<Leaf> {
		if index >= self.tree.leaves() {
			return None;
		}
		let index = u64::from(index);
		let step = last_where(self.parameters.max_steps, |step| self.before_step(step) <= index)?;
		let rest = index.checked_sub(self.before_step(step))?;
		let operator =
			last_where(self.operators(), |operator| self.before_operator(step, operator) <= rest)?;
		let rest = rest.checked_sub(self.before_operator(step, operator))?;
		let rows = self.rows(step, operator)?;
		let row = rest.checked_div(rows.segments())?;
		let column = rest.checked_rem(rows.segments())?.checked_mul(rows.per_segment())?;
		let elements = rows.width.checked_sub(column)?.min(rows.per_segment());
		let elements = u32::try_from(elements).ok()?;
		Some(Leaf { step, operator, row, column, elements, element_bytes: rows.element_bytes })
	}

	/// The element that stands first in a leaf, numbered within its tensor and step.
	pub fn first_element(&self, leaf: &Leaf) -> Option<u64> {
		let width = self.rows(leaf.step, leaf.operator)?.width;
		leaf.row.checked_mul(width)?.checked_add(leaf.column)
	}

	/// The leaves of a tensor in a step.
	pub fn leaves_of(&self, step: u32, operator: u32) -> Option<Range<u32>> {
		let rows = self.rows(step, operator)?;
		let count = u32::try_from(rows.count.checked_mul(rows.segments())?).ok()?;
		let first = self.first_leaf(step, operator)?;
		Some(first..first.checked_add(count)?)
	}

	/// The first leaf of a tensor in a step.
	pub fn first_leaf(&self, step: u32, operator: u32) -> Option<u32> {
		self.locate(step, operator, 0, 0).map(|(index, _)| index)
	}

	/// The leaf that says whether a step is null: the `Stop` row of the one before. None for the
	/// first step, which never is.
	pub fn stop_leaf(&self, step: u32) -> Option<u32> {
		let stop = self.operators().checked_sub(1)?;
		self.first_leaf(step.checked_sub(1)?, stop)
	}
}

/// The last number below `end` for which `holds`, where it holds for all numbers up to some one.
fn last_where(end: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
	let (mut low, mut high) = (0u32, end);
	while low < high {
		let middle = low.midpoint(high);
		match holds(middle) {
			true => low = middle.saturating_add(1),
			false => high = middle,
		}
	}
	low.checked_sub(1)
}

pub(crate) fn rows_of(tensor: &TensorInfo, shape: StepShape) -> Rows {
	let mut sizes = tensor.dims.iter().map(|dim| u64::from(dim.size(shape)));
	let leading = tensor.dims.len().saturating_sub(1);
	Rows {
		count: sizes.clone().take(leading).fold(1, u64::saturating_mul),
		width: sizes.next_back().unwrap_or(1).max(1),
		element_bytes: tensor.kind.element_bytes(),
	}
}

/// Leaves of a tensor in any step but the first.
fn later_counts(
	operator: u32,
	tensor: &TensorInfo,
	parameters: &Parameters,
) -> Result<Counts, LayoutError> {
	let (last, leading) = tensor.dims.split_last().ok_or(LayoutError::Dimensions { operator })?;
	if leading.contains(&Dim::Context) {
		return Err(LayoutError::Dimensions { operator });
	}
	// Later steps have one position each, and everything but the context is the same in all.
	let shape = StepShape { batch: parameters.batch, sequence: 1, past: parameters.sequence };
	let rows = rows_of(tensor, shape);
	Ok(match (last, rows.element_bytes) {
		(Dim::Context, 4) => Counts { words: rows.count, ..Counts::default() },
		(Dim::Context, 2) => Counts { halves: rows.count, ..Counts::default() },
		(Dim::Context, _) => return Err(LayoutError::Dimensions { operator }),
		_ => Counts { fixed: rows.count.saturating_mul(rows.segments()), ..Counts::default() },
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::Kind;

	/// The example in the crate's documentation.
	#[test]
	fn the_example_is_right() {
		use assay_reference::sample::{encoder, Shape};
		let fixed =
			|dims: &[Dim]| TensorInfo { kind: Kind::Fixed { fraction: 16 }, dims: dims.into() };
		let tensors = vec![
			fixed(&[Dim::Batch, Dim::Sequence]),
			fixed(&[Dim::Batch, Dim::Fixed(2), Dim::Sequence, Dim::Context]),
			fixed(&[Dim::Fixed(1)]),
			fixed(&[Dim::Batch]),
		];
		let program = encoder(&Shape::SMALL);
		let parameters = Parameters { batch: 1, sequence: 1500, max_steps: 3, sampling: None };
		let layout = Layout::of(&program, &parameters, tensors, 6000).unwrap();
		assert_eq!(layout.tree().leaves(), 6015);
		assert_eq!((layout.tree().levels(), layout.tree().children(2, 0)), (2, 24));
		assert_eq!(layout.tree().children(1, 23), 127);
		let starts = [(0, 0, 0), (0, 1, 2), (0, 2, 6002), (1, 0, 6003), (1, 1, 6004)];
		let more = [(1, 2, 6008), (2, 0, 6009), (2, 1, 6010), (2, 2, 6014)];
		for (step, operator, index) in starts.into_iter().chain(more) {
			assert_eq!(layout.first_leaf(step, operator), Some(index));
		}
		let leaf =
			Leaf { step: 0, operator: 1, row: 1249, column: 1024, elements: 476, element_bytes: 4 };
		assert_eq!(layout.leaf(2501), Some(leaf));
		assert_eq!(layout.tree().path_length(2501), 13);
		assert_eq!((layout.stop_leaf(1), layout.stop_leaf(0)), (Some(6002), None));
	}

	#[test]
	fn sums_of_ceilings_are_right() {
		for size in [1, 2, 7, 1024, 2048] {
			let mut sum = 0;
			for count in 0..5000u64 {
				assert_eq!(ceilings(count, size), sum);
				sum += (count + 1).div_ceil(size);
			}
		}
	}
}
