//! What a program becomes: which tensors are computed, and where they lie.
//!
//! A [`Plan`] is made once, when a program is loaded. A [`Schedule`] is made for the shape of a
//! job's first or later steps: the launches, and slots of memory that tensors use one after
//! another.

use crate::lower::{Call, Lowering};
use assay_program::{BackendError, Dim, Kind, Operator, Program, TensorInfo, WeightShape};
use std::sync::Arc;

/// A program, ready to be scheduled.
#[derive(Debug)]
pub(crate) struct Plan {
	pub(crate) program: Arc<Program>,
	pub(crate) tensors: Vec<TensorInfo>,
	/// For each tensor whether later steps read its rows.
	pub(crate) held: Vec<bool>,
	/// The tensor that `Emit` copies.
	pub(crate) emitted: usize,
	/// The tokens that the next step begins with, in a decoder.
	pub(crate) next: Option<usize>,
}

/// Sizes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
	/// Inputs that are computed together.
	pub(crate) batch: u32,
	/// Positions of the step.
	pub(crate) sequence: u32,
	/// Positions of the whole job: the longest context. Rows of attention and held rows are this
	/// far apart, so that nothing moves from step to step.
	pub(crate) capacity: u32,
}

/// Where the elements of a tensor lie: rows of `pitch`, of which `width` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
	pub(crate) rows: i32,
	pub(crate) pitch: i32,
	/// 0 where it is the context, which the device knows.
	pub(crate) width: i32,
	/// `rows * pitch`.
	pub(crate) count: i32,
}

/// What is computed of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
	/// Every operator, for a trace.
	All,
	/// What the output depends on. Where nothing is sampled, that is less.
	Output {
		/// Whether the job samples.
		sampled: bool,
	},
}

/// The launches of a step, and the memory they need.
#[derive(Debug)]
pub(crate) struct Schedule {
	pub(crate) calls: Vec<Call>,
	/// For each tensor its slot, where it has one.
	pub(crate) slots: Vec<Option<usize>>,
	/// Bytes of each slot.
	pub(crate) slot_bytes: Vec<usize>,
}

/// A size as kernels take it. Validation bounds the bytes of tensors to 2^31.
pub(crate) fn int(value: u64) -> Result<i32, BackendError> {
	i32::try_from(value)
		.map_err(|_| BackendError::Unsupported(format!("a tensor of {value} elements")))
}

/// Bytes from row to row of int8 weights on the device: whole words.
pub(crate) fn weight_pitch(shape: &WeightShape) -> u64 {
	u64::from(shape.dims.last().copied().unwrap_or(1)).next_multiple_of(4)
}

impl Plan {
	/// Analyses a valid program.
	pub(crate) fn new(program: Arc<Program>) -> Result<Self, BackendError> {
		let tensors = program.tensors()?;
		let Some(Operator::Emit { value, .. }) = program.operators.last() else {
			return Err(BackendError::Program(assay_program::ProgramError::Frame));
		};
		let emitted = usize::from(value.0);
		let next = program.next().map(|id| usize::from(id.0));
		let held = program.held();
		Ok(Self { tensors, held, emitted, next, program })
	}

	/// Whether every operator has a kernel: to be said when a program is loaded, not when it runs.
	pub(crate) fn check(&self) -> Result<(), BackendError> {
		let smallest = Geometry { batch: 1, sequence: 1, capacity: 1 };
		self.schedule(&smallest, Scope::All, crate::Products::Plain).map(|_| ())
	}

	/// Whether the program runs in steps.
	pub(crate) fn is_decoder(&self) -> bool {
		self.next.is_some()
	}

	/// Where a tensor's elements lie in a step.
	pub(crate) fn layout(&self, tensor: usize, g: &Geometry) -> Result<Layout, BackendError> {
		let info = self.tensors.get(tensor).ok_or_else(|| unknown(tensor))?;
		let size = |dim: &Dim| match dim {
			Dim::Fixed(size) => *size,
			Dim::Batch => g.batch,
			Dim::Sequence => g.sequence,
			Dim::Context => g.capacity,
		};
		let (last, leading) = info.dims.split_last().ok_or_else(|| unknown(tensor))?;
		let rows = leading.iter().fold(1u64, |rows, dim| rows.saturating_mul(size(dim).into()));
		let pitch = u64::from(size(last));
		let count = int(rows.saturating_mul(pitch))?;
		let width = if *last == Dim::Context { 0 } else { int(pitch)? };
		Ok(Layout { rows: int(rows)?, pitch: int(pitch)?, width, count })
	}

	/// Bytes of a tensor in a step.
	pub(crate) fn bytes(&self, tensor: usize, g: &Geometry) -> Result<usize, BackendError> {
		let element = self.tensors.get(tensor).map_or(4, |info| info.kind.element_bytes());
		let count = u64::from(self.layout(tensor, g)?.count.unsigned_abs());
		usize::try_from(count.saturating_mul(element.into())).map_err(|_| BackendError::OutOfMemory)
	}

	/// Whether a tensor is quantised.
	pub(crate) fn is_quantised(&self, tensor: usize) -> bool {
		matches!(self.tensors.get(tensor).map(|info| info.kind), Some(Kind::Quantised { .. }))
	}

	/// The tensors that an operator reads when it runs.
	fn reads(&self, operator: &Operator, scope: Scope) -> Vec<usize> {
		if let (Operator::Choose { ids, greedy, .. }, Scope::Output { sampled: false }) =
			(operator, scope)
		{
			return vec![usize::from(ids.0), usize::from(greedy.0)];
		}
		operator.reads().map(|id| usize::from(id.0)).collect()
	}

	/// For each operator whether it runs.
	fn running(&self, scope: Scope) -> Vec<bool> {
		let count = self.tensors.len();
		if scope == Scope::All {
			return vec![true; count];
		}
		let mut running = vec![false; count];
		for root in [Some(self.emitted), self.next].into_iter().flatten() {
			mark(&mut running, root);
		}
		for number in (0..count).rev() {
			let operator = self.program.operators.get(number);
			if let (Some(true), Some(operator)) = (running.get(number), operator) {
				for read in self.reads(operator, scope) {
					mark(&mut running, read);
				}
			}
		}
		running
	}

	/// The launches of a step.
	pub(crate) fn schedule(
		&self,
		geometry: &Geometry,
		scope: Scope,
		products: crate::Products,
	) -> Result<Schedule, BackendError> {
		let running = self.running(scope);
		let lowering = Lowering { plan: self, geometry, products, scope };
		let mut calls = Vec::new();
		for (number, _) in running.iter().enumerate().filter(|(_, runs)| **runs) {
			// A maximum is made by the launch that quantises against it, where that comes next.
			let quantised = running.get(number.saturating_add(1)) == Some(&true);
			if quantised && lowering.is_quantised_next(number) {
				continue;
			}
			let max = number
				.checked_sub(1)
				.filter(|max| running.get(*max) == Some(&true) && lowering.is_quantised_next(*max));
			match max {
				Some(max) => calls.extend(lowering.quantise_rows(max)?),
				None => calls.extend(lowering.operator(number)?),
			}
			for made in max.into_iter().chain([number]) {
				if self.held.get(made) == Some(&true) {
					calls.push(lowering.append(made)?);
				}
			}
		}
		calls.extend(lowering.advance()?);
		let (slots, slot_bytes) = self.slots(geometry, scope, &running)?;
		Ok(Schedule { calls, slots, slot_bytes })
	}

	/// Gives each tensor a slot from when it is made to when it is last read.
	fn slots(
		&self,
		geometry: &Geometry,
		scope: Scope,
		running: &[bool],
	) -> Result<(Vec<Option<usize>>, Vec<usize>), BackendError> {
		let mut slots = vec![None; running.len()];
		let mut bytes: Vec<usize> = Vec::new();
		let mut free: Vec<usize> = Vec::new();
		let last_uses = self.last_uses(scope, running);
		for (number, _) in running.iter().enumerate().filter(|(_, runs)| **runs) {
			let closing = matches!(self.program.operators.get(number), Some(Operator::Emit { .. }));
			if !closing {
				let needed = self.bytes(number, geometry)?.max(4);
				let slot = take(&mut free, &mut bytes, needed);
				if let Some(entry) = slots.get_mut(number) {
					*entry = Some(slot);
				}
			}
			for (tensor, last) in last_uses.iter().enumerate() {
				if *last == Some(number) {
					free.extend(slots.get(tensor).copied().flatten());
				}
			}
		}
		Ok((slots, bytes))
	}

	/// For each tensor the operator after which its slot is free. Input, output and next tokens are
	/// kept to the end.
	fn last_uses(&self, scope: Scope, running: &[bool]) -> Vec<Option<usize>> {
		let mut last: Vec<Option<usize>> =
			running.iter().enumerate().map(|(number, runs)| runs.then_some(number)).collect();
		for (number, operator) in self.program.operators.iter().enumerate() {
			if running.get(number) == Some(&true) {
				for read in self.reads(operator, scope) {
					if let Some(entry) = last.get_mut(read) {
						*entry = Some(number);
					}
				}
			}
		}
		for kept in [Some(0), Some(self.emitted), self.next].into_iter().flatten() {
			if let Some(entry) = last.get_mut(kept) {
				*entry = None;
			}
		}
		last
	}
}

fn mark(running: &mut [bool], number: usize) {
	if let Some(entry) = running.get_mut(number) {
		*entry = true;
	}
}

/// The smallest free slot that is large enough; else the largest one, grown; else a new one.
fn take(free: &mut Vec<usize>, bytes: &mut Vec<usize>, needed: usize) -> usize {
	let size = |slot: &usize| bytes.get(*slot).copied().unwrap_or(0);
	let fitting = free.iter().enumerate().filter(|(_, slot)| size(slot) >= needed);
	let smallest = fitting.min_by_key(|(_, slot)| size(slot)).map(|(place, _)| place);
	let largest =
		free.iter().enumerate().max_by_key(|(_, slot)| size(slot)).map(|(place, _)| place);
	match smallest.or(largest) {
		Some(place) => {
			let slot = free.swap_remove(place);
			if let Some(size) = bytes.get_mut(slot) {
				*size = needed.max(*size);
			}
			slot
		},
		None => {
			bytes.push(needed);
			bytes.len().saturating_sub(1)
		},
	}
}

pub(crate) fn unknown(tensor: usize) -> BackendError {
	BackendError::Unsupported(format!("tensor {tensor}, which the program lacks"))
}
