//! The matrix products of a program, as a step of a job runs them: told from its operators and from
//! the launches that are made of them, so that no list has to be kept.

use crate::{
	plan::{Geometry, Layout, Plan, Scope},
	source::{Kernel, Products},
};
use assay_program::{BackendError, Dim, Operator, Program, TensorId};
use std::sync::Arc;

/// A step of a program.
#[derive(Clone, Debug)]
pub struct Workload {
	/// What the report calls it.
	pub name: String,
	/// The program.
	pub program: Arc<Program>,
	/// Inputs that are computed together.
	pub batch: u32,
	/// Positions of the step.
	pub sequence: u32,
	/// Positions before it, in a decoder.
	pub past: u32,
}

/// A product: of `rows` rows by `columns` columns of `depth` elements, in each of `heads` heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
	/// Name of the operator.
	pub operator: &'static str,
	/// What computes it.
	pub kernel: Kernel,
	/// Operators of the program that are alike in all this.
	pub times: u32,
	/// Rows of the left operand.
	pub rows: u64,
	/// Columns of the right one.
	pub columns: u64,
	/// Elements that are summed.
	pub depth: u64,
	/// Heads of all inputs.
	pub heads: u64,
	/// int8 products that one of its elements takes on tensor cores: 12 bits are two parts.
	pub parts: u64,
	/// Bytes of both operands and of what is made, each once.
	pub bytes: u64,
}

impl Product {
	/// Multiply-accumulates.
	pub fn macs(&self) -> u64 {
		let of_head = self.rows.saturating_mul(self.columns).saturating_mul(self.depth);
		of_head.saturating_mul(self.heads)
	}

	/// int8 operations of tensor cores; elsewhere operations on whole elements.
	pub fn operations(&self) -> u64 {
		let parts = if self.kernel.is_tensor() { self.parts } else { 1 };
		self.macs().saturating_mul(2 * parts)
	}

	/// Operations for each byte.
	pub fn intensity(&self) -> f64 {
		self.operations() as f64 / self.bytes.max(1) as f64
	}
}

/// The products of a step where there are tensor cores, alike ones together, in their order. A
/// depthwise filter is none: each of its columns is of one channel.
pub fn products(workload: &Workload) -> Result<Vec<Product>, BackendError> {
	let Workload { program, batch, sequence, past, .. } = workload;
	let capacity = past.saturating_add(*sequence);
	let geometry = Geometry { batch: *batch, sequence: *sequence, capacity };
	let plan = Plan::new(program.clone())?;
	let scope = Scope::Output { sampled: false };
	let step = Step { plan: &plan, geometry };
	let mut products: Vec<Product> = Vec::new();
	for call in plan.schedule(&geometry, scope, Products::Tensor)?.calls {
		let Some(product) = step.product(call.number, call.kernel)? else { continue };
		let alike = |known: &&mut Product| Product { times: 1, ..(*known).clone() } == product;
		match products.iter_mut().find(alike) {
			Some(known) => known.times = known.times.saturating_add(1),
			None => products.push(product),
		}
	}
	Ok(products)
}

struct Step<'a> {
	plan: &'a Plan,
	geometry: Geometry,
}

/// A size that is never negative.
fn size(value: i32) -> u64 {
	value.unsigned_abs().into()
}

impl Step<'_> {
	fn layout(&self, id: TensorId) -> Result<Layout, BackendError> {
		self.plan.layout(id.0.into(), &self.geometry)
	}

	/// Parts of an element of 12 bits or of 8.
	fn parts(&self, id: TensorId) -> u64 {
		let kind = self.plan.tensors.get(usize::from(id.0)).map(|info| info.kind);
		match kind {
			Some(assay_program::Kind::Quantised { bits }) if bits > 8 => 2,
			_ => 1,
		}
	}

	/// Bytes of the rows of all positions so far of a tensor that is held.
	fn held_bytes(&self, id: TensorId) -> Result<u64, BackendError> {
		let positions = u64::from(self.geometry.batch) * u64::from(self.geometry.capacity);
		Ok(positions.saturating_mul(size(self.layout(id)?.width)).saturating_mul(2))
	}

	/// Heads of `[B, heads, S, T]`, of all inputs.
	fn heads(&self, id: TensorId) -> u64 {
		let batch = u64::from(self.geometry.batch);
		match self.plan.tensors.get(usize::from(id.0)).map(|info| &*info.dims) {
			Some([_, Dim::Fixed(heads), _, _]) => batch * u64::from(*heads),
			_ => batch,
		}
	}

	/// The product that a launch computes, where its operator is one.
	fn product(&self, number: usize, kernel: Kernel) -> Result<Option<Product>, BackendError> {
		let Some(operator) = self.plan.program.operators.get(number) else { return Ok(None) };
		let made = self.plan.layout(number, &self.geometry)?;
		let (sequence, context) = (self.geometry.sequence.into(), self.geometry.capacity.into());
		let name = operator.name();
		let product = |[rows, columns, depth, heads]: [u64; 4], parts, operands: u64| Product {
			operator: name,
			kernel,
			times: 1,
			rows,
			columns,
			depth,
			heads,
			parts,
			bytes: operands.saturating_add(size(made.count).saturating_mul(4)),
		};
		Ok(match (operator, kernel) {
			// What a tensor that is held costs beside its product is a launch of the same number.
			(_, Kernel::Append16 | Kernel::Append32) => None,
			(Operator::Linear { input, .. }, _) => {
				let from = self.layout(*input)?;
				let (rows, columns, depth) = (size(made.rows), size(made.width), size(from.width));
				let bytes = size(from.count) * 2 + columns * depth;
				Some(product([rows, columns, depth, 1], self.parts(*input), bytes))
			},
			(Operator::Scores { query, query_max, key, .. }, _) => {
				let from = self.layout(*query)?;
				let heads = size(self.layout(*query_max)?.width).max(1);
				let depth = size(from.width) / heads;
				let heads = heads * u64::from(self.geometry.batch);
				let bytes = size(from.count) * 2 + self.held_bytes(*key)?;
				let parts = self.parts(*query) * self.parts(*key);
				Some(product([sequence, context, depth, heads], parts, bytes))
			},
			(Operator::Context { weight, value, groups, .. }, _) => {
				let from = self.layout(*weight)?;
				let columns = size(self.layout(*value)?.width) / u64::from(*groups).max(1);
				let bytes = size(from.count) * 2 + self.held_bytes(*value)?;
				let parts = self.parts(*weight) * self.parts(*value);
				Some(product([sequence, columns, context, self.heads(*weight)], parts, bytes))
			},
			(Operator::Convolution { value, weights, .. }, _) => {
				let from = self.layout(*value)?;
				let dims = self.plan.program.weights.get(usize::from(weights.0));
				let taps = dims.and_then(|shape| shape.dims.get(1)).copied().unwrap_or(1);
				let (rows, columns) = (size(made.rows), size(made.width));
				let depth = size(from.width) * u64::from(taps);
				// What it makes is int8.
				let bytes = size(from.count) + columns * depth;
				let whole = product([rows, columns, depth, 1], 1, bytes);
				Some(Product { bytes: bytes + size(made.count), ..whole })
			},
			_ => None,
		})
	}
}
