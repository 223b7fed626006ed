//! The backend, over any device.

use crate::{
	device::{Device, Queue},
	model::{DeviceModel, Loaded, BATCHES_PER_DEVICE},
	plan::{weight_pitch, Plan},
	workspace::Place,
};
use assay_program::{
	Backend, BackendError, Model, Operator, Program, WeightId, WeightKind, WeightShape,
};
use assay_reference::ReferenceBackend;
use bytes::Bytes;
use std::{borrow::Cow, sync::Arc};

/// Jobs that are worth having for each batch that a device computes: one leads it, and the others
/// are there to go with it when its turn comes.
const JOBS_PER_BATCH: usize = 8;

/// Computes programs on devices of one kind. A model is loaded on all of them, and each job runs on
/// the one with the fewest.
#[derive(Debug)]
pub struct DeviceBackend<D: Device> {
	places: Vec<Arc<Place<D>>>,
}

impl<D: Device> DeviceBackend<D> {
	/// A backend on these devices.
	pub fn new(devices: impl IntoIterator<Item = D>) -> Self {
		Self { places: devices.into_iter().map(|d| Arc::new(Place::new(d))).collect() }
	}

	/// The devices.
	pub fn devices(&self) -> impl Iterator<Item = &D> {
		self.places.iter().map(|place| &place.device)
	}

	/// Each device as a backend of its own, with the memory that it has in this one. What one of
	/// them answers, no other did.
	pub fn alone(&self) -> impl Iterator<Item = Self> + '_ {
		self.places.iter().map(|place| Self { places: vec![Arc::clone(place)] })
	}

	/// [`Backend::load`] with the model's own type, which can also trace.
	pub fn load_model(
		&self,
		program: Arc<Program>,
		weights: &Bytes,
	) -> Result<DeviceModel<D>, BackendError> {
		program.validate()?;
		let (expected, actual) = (program.weights_length(), weights.len() as u64);
		if expected != actual {
			return Err(BackendError::WeightsLength { expected, actual });
		}
		let plan = Plan::new(program)?;
		plan.check()?;
		let mut loaded = Vec::new();
		let mut full = None;
		for place in &self.places {
			match load_on(place, &plan.program, weights) {
				Ok(weights) => loaded.push(Loaded { place: place.clone(), weights }),
				// A smaller device beside larger ones does without the model.
				Err(BackendError::OutOfMemory) => full = Some(BackendError::OutOfMemory),
				Err(error) => return Err(error),
			}
		}
		match full {
			Some(error) if loaded.is_empty() => Err(error),
			_ => Ok(DeviceModel::new(plan, loaded)),
		}
	}
}

impl<D: Device> Backend for DeviceBackend<D> {
	fn name(&self) -> &'static str {
		"cuda"
	}

	/// A program that kernels cannot take, as its tensors are too large for them, runs by the
	/// reference.
	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		match self.load_model(program.clone(), &weights) {
			Ok(model) => Ok(Arc::new(model)),
			Err(BackendError::Unsupported(_)) => ReferenceBackend.load(program, weights),
			Err(error) => Err(error),
		}
	}

	fn jobs_at_once(&self) -> usize {
		self.places.len().saturating_mul(BATCHES_PER_DEVICE * JOBS_PER_BATCH).max(1)
	}
}

/// Copies weights to a device; after freeing what no job uses, where there is no room for them.
fn load_on<D: Device>(
	place: &Place<D>,
	program: &Program,
	weights: &Bytes,
) -> Result<Vec<Option<D::Buffer>>, BackendError> {
	match copy(&place.device, program, weights) {
		Err(BackendError::OutOfMemory) => {
			place.free_idle();
			copy(&place.device, program, weights)
		},
		copied => copied,
	}
}

fn copy<D: Device>(
	device: &D,
	program: &Program,
	weights: &Bytes,
) -> Result<Vec<Option<D::Buffer>>, BackendError> {
	let mut queue = device.queue()?;
	let mut buffers = Vec::with_capacity(program.weights.len());
	let used = used(program);
	for (number, (shape, used)) in (0u16..).zip(program.weights.iter().zip(used)) {
		if !used {
			buffers.push(None);
			continue;
		}
		let range = program.weight_range(WeightId(number)).and_then(|range| {
			weights.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
		});
		let bytes = range.ok_or_else(|| BackendError::Device("weights out of range".into()))?;
		let bytes = padded(shape, bytes);
		let buffer = device.allocate(bytes.len())?;
		queue.upload(&buffer, &bytes)?;
		buffers.push(Some(buffer));
	}
	queue.finish()?;
	Ok(buffers)
}

/// Rows of int8 begin at whole words on a device.
fn padded<'a>(shape: &WeightShape, bytes: &'a [u8]) -> Cow<'a, [u8]> {
	let columns = shape.dims.last().copied().unwrap_or(1) as usize;
	let pitch = usize::try_from(weight_pitch(shape)).unwrap_or(columns);
	if shape.kind != WeightKind::Int8 || pitch == columns {
		return Cow::Borrowed(bytes);
	}
	let mut padded = Vec::with_capacity(bytes.len() / columns.max(1) * pitch);
	for row in bytes.chunks(columns.max(1)) {
		padded.extend_from_slice(row);
		padded.resize(padded.len() + pitch - columns, 0);
	}
	Cow::Owned(padded)
}

/// For each weight whether an operator reads it.
fn used(program: &Program) -> Vec<bool> {
	let mut used = vec![false; program.weights.len()];
	for operator in &program.operators {
		let read: [Option<WeightId>; 3] = match operator {
			Operator::Embed { table, scales, .. } => [Some(*table), Some(*scales), None],
			Operator::Linear { weights, scales, bias, .. } => {
				[Some(*weights), Some(*scales), *bias]
			},
			Operator::Normalise { gain, bias, .. } => [Some(*gain), Some(*bias), None],
			Operator::RmsNormalise { gain, .. } => [Some(*gain), None, None],
			Operator::Table { table, .. } => [Some(*table), None, None],
			Operator::Rotate { cosine, sine, .. } => [Some(*cosine), Some(*sine), None],
			Operator::Convolution { weights, rescale, .. }
			| Operator::Depthwise { weights, rescale, .. } => {
				[Some(*weights), Some(rescale.scales), Some(rescale.bias)]
			},
			Operator::Lookup { table, .. } => [Some(*table), None, None],
			_ => [None; 3],
		};
		for id in read.into_iter().flatten() {
			if let Some(entry) = used.get_mut(usize::from(id.0)) {
				*entry = true;
			}
		}
	}
	used
}
