//! The memory that a job runs in. Workspaces are used again, by whichever model comes next.

use crate::{
	device::{Argument, Device, DeviceError, Launch, Queue},
	lower::{Call, Operand},
	plan::{Geometry, Plan, Schedule},
	state::STATE_BYTES,
};
use assay_program::BackendError;
use std::{
	collections::BTreeMap,
	fmt,
	sync::{
		atomic::{AtomicUsize, Ordering},
		Mutex, PoisonError,
	},
};

/// Workspaces that a device keeps when no job uses them.
const MAX_IDLE: usize = 4;

/// A device and the workspaces on it.
pub(crate) struct Place<D: Device> {
	pub(crate) device: D,
	idle: Mutex<Vec<Workspace<D>>>,
	/// Jobs that run.
	pub(crate) busy: AtomicUsize,
}

impl<D: Device> fmt::Debug for Place<D> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Place").field("device", &self.device.name()).finish_non_exhaustive()
	}
}

/// Counts a job on its device.
pub(crate) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
	fn drop(&mut self) {
		self.0.fetch_sub(1, Ordering::Relaxed);
	}
}

impl<D: Device> Place<D> {
	pub(crate) fn new(device: D) -> Self {
		Self { device, idle: Mutex::new(Vec::new()), busy: AtomicUsize::new(0) }
	}

	/// Counts a job until the guard is dropped.
	pub(crate) fn enter(&self) -> Busy<'_> {
		self.busy.fetch_add(1, Ordering::Relaxed);
		Busy(&self.busy)
	}

	/// A workspace with memory for a schedule. Where there is none left, idle workspaces are freed
	/// and it is tried once more.
	pub(crate) fn workspace(
		&self,
		plan: &Plan,
		schedule: &Schedule,
		geometry: &Geometry,
	) -> Result<Workspace<D>, BackendError> {
		let first = self.idle().pop();
		let made =
			first.map_or_else(|| Workspace::new(&self.device), Ok).and_then(|mut workspace| {
				workspace.reserve(&self.device, plan, schedule, geometry)?;
				Ok(workspace)
			});
		match made {
			Err(BackendError::OutOfMemory) => {
				self.idle().clear();
				let mut workspace = Workspace::new(&self.device)?;
				workspace.reserve(&self.device, plan, schedule, geometry)?;
				Ok(workspace)
			},
			made => made,
		}
	}

	/// Keeps a workspace whose job went well.
	pub(crate) fn give_back(&self, workspace: Workspace<D>) {
		let mut idle = self.idle();
		if idle.len() < MAX_IDLE {
			idle.push(workspace);
		}
	}

	/// Frees what no job uses.
	pub(crate) fn free_idle(&self) {
		self.idle().clear();
	}

	fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Workspace<D>>> {
		// The list is whole whatever happened to its last user.
		self.idle.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

struct Sized<B> {
	buffer: B,
	bytes: usize,
}

/// A queue and the buffers of one job at a time.
pub(crate) struct Workspace<D: Device> {
	pub(crate) queue: D::Queue,
	state: D::Buffer,
	slots: Vec<Sized<D::Buffer>>,
	/// Rows of all steps, by tensor.
	held: BTreeMap<usize, Sized<D::Buffer>>,
}

impl<D: Device> fmt::Debug for Workspace<D> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let bytes: usize = self.slots.iter().map(|slot| slot.bytes).sum();
		f.debug_struct("Workspace").field("slot_bytes", &bytes).finish_non_exhaustive()
	}
}

impl<D: Device> Workspace<D> {
	fn new(device: &D) -> Result<Self, BackendError> {
		let (queue, state) = (device.queue()?, device.allocate(STATE_BYTES)?);
		Ok(Self { queue, state, slots: Vec::new(), held: BTreeMap::new() })
	}

	/// Makes every buffer at least as large as a schedule needs it.
	fn reserve(
		&mut self,
		device: &D,
		plan: &Plan,
		schedule: &Schedule,
		geometry: &Geometry,
	) -> Result<(), BackendError> {
		for (number, bytes) in schedule.slot_bytes.iter().enumerate() {
			match self.slots.get_mut(number) {
				Some(slot) if slot.bytes >= *bytes => {},
				Some(slot) => *slot = Sized { buffer: device.allocate(*bytes)?, bytes: *bytes },
				None => {
					self.slots.push(Sized { buffer: device.allocate(*bytes)?, bytes: *bytes });
				},
			}
		}
		// Held rows of another model are of no use to this one.
		let held = |tensor: &usize| plan.held.get(*tensor) == Some(&true);
		self.held.retain(|tensor, _| held(tensor));
		let whole = Geometry { sequence: geometry.capacity, ..*geometry };
		for tensor in (0..plan.held.len()).filter(held) {
			let bytes = plan.bytes(tensor, &whole)?;
			if self.held.get(&tensor).is_none_or(|held| held.bytes < bytes) {
				self.held.remove(&tensor);
				self.held.insert(tensor, Sized { buffer: device.allocate(bytes)?, bytes });
			}
		}
		Ok(())
	}

	/// Copies a tensor to the device.
	pub(crate) fn upload(
		&mut self,
		schedule: &Schedule,
		tensor: usize,
		bytes: &[u8],
	) -> Result<(), BackendError> {
		let slot = slot(&self.slots, schedule, tensor)?;
		Ok(self.queue.upload(slot, bytes)?)
	}

	/// Copies the state to the device.
	pub(crate) fn set_state(&mut self, state: &[u8]) -> Result<(), BackendError> {
		Ok(self.queue.upload(&self.state, state)?)
	}

	/// Waits for a tensor and copies it from the device.
	pub(crate) fn download(
		&mut self,
		schedule: &Schedule,
		tensor: usize,
		bytes: &mut [u8],
	) -> Result<(), BackendError> {
		let slot = slot(&self.slots, schedule, tensor)?;
		Ok(self.queue.download(slot, bytes)?)
	}

	/// Launches one call.
	pub(crate) fn launch(
		&mut self,
		schedule: &Schedule,
		weights: &Weights<D>,
		call: &Call,
	) -> Result<(), BackendError> {
		let launch = bind(&self.slots, &self.held, &self.state, schedule, weights, call)?;
		Ok(self.queue.launch(&launch)?)
	}

	/// Notes all calls of a schedule, to be made again and again.
	pub(crate) fn record(
		&mut self,
		schedule: &Schedule,
		weights: &Weights<D>,
	) -> Result<<D::Queue as Queue>::Recording, BackendError> {
		let bound = |call| bind(&self.slots, &self.held, &self.state, schedule, weights, call);
		let launches = schedule.calls.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
		Ok(self.queue.record(&launches)?)
	}
}

/// Weights of a model on a device, by number; none where no kernel reads them.
pub(crate) type Weights<D> = [Option<<D as Device>::Buffer>];

fn slot<'a, B>(
	slots: &'a [Sized<B>],
	schedule: &Schedule,
	tensor: usize,
) -> Result<&'a B, BackendError> {
	let number = schedule.slots.get(tensor).copied().flatten();
	let slot = number.and_then(|number| slots.get(number));
	slot.map(|slot| &slot.buffer).ok_or_else(|| missing("tensor", tensor))
}

fn missing(what: &str, number: usize) -> BackendError {
	DeviceError::failed("plan", format!("{what} {number} has no memory")).into()
}

fn bind<'a, B>(
	slots: &'a [Sized<B>],
	held: &'a BTreeMap<usize, Sized<B>>,
	state: &'a B,
	schedule: &Schedule,
	weights: &'a [Option<B>],
	call: &Call,
) -> Result<Launch<'a, B>, BackendError> {
	let argument = |operand: &Operand| {
		Ok(match operand {
			Operand::Int(value) => Argument::Int(*value),
			Operand::State => Argument::Buffer(state),
			Operand::Tensor(tensor) => Argument::Buffer(slot(slots, schedule, *tensor)?),
			Operand::Held(tensor) => {
				let held = held.get(tensor).ok_or_else(|| missing("held tensor", *tensor))?;
				Argument::Buffer(&held.buffer)
			},
			Operand::Weight(number) => {
				let weight = weights.get(*number).and_then(Option::as_ref);
				Argument::Buffer(weight.ok_or_else(|| missing("weight", *number))?)
			},
		})
	};
	let arguments = call.operands.iter().map(argument).collect::<Result<_, BackendError>>()?;
	Ok(Launch { kernel: call.kernel, blocks: call.blocks, threads: call.threads, arguments })
}
