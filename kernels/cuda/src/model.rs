//! A loaded program, and how it runs.

use crate::{
	batch::{Answer, Batcher, Group},
	device::{Device, Queue},
	plan::{Geometry, Plan, Schedule, Scope},
	state,
	workspace::{Place, Workspace},
};
use assay_program::{BackendError, Model, Operator, Outcome, Parameters};
use std::{
	fmt,
	ops::ControlFlow,
	sync::{atomic::Ordering, Arc},
};

/// Batches that run side by side on one device: while one is copied the other computes.
pub(crate) const BATCHES_PER_DEVICE: usize = 2;

/// A model's weights on one device.
pub(crate) struct Loaded<D: Device> {
	pub(crate) place: Arc<Place<D>>,
	pub(crate) weights: Vec<Option<D::Buffer>>,
}

/// A program with its weights on one or more devices.
pub struct DeviceModel<D: Device> {
	plan: Plan,
	loaded: Vec<Loaded<D>>,
	batcher: Batcher,
}

impl<D: Device> fmt::Debug for DeviceModel<D> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let devices: Vec<_> = self.loaded.iter().map(|loaded| &loaded.place).collect();
		f.debug_struct("DeviceModel").field("devices", &devices).finish_non_exhaustive()
	}
}

/// Called with the step, the operator and the bytes of what it made.
type Visit<'a> = &'a mut dyn FnMut(u32, usize, &[u8]);

impl<D: Device> DeviceModel<D> {
	pub(crate) fn new(plan: Plan, loaded: Vec<Loaded<D>>) -> Self {
		let max_inputs = plan.program.limits.max_batch;
		let batcher = Batcher::new(loaded.len().saturating_mul(BATCHES_PER_DEVICE), max_inputs);
		Self { plan, loaded, batcher }
	}

	/// The device with the fewest jobs.
	fn device(&self) -> Result<&Loaded<D>, BackendError> {
		let least = self.loaded.iter().min_by_key(|l| l.place.busy.load(Ordering::Relaxed));
		least.ok_or_else(|| BackendError::Device("the model is on no device".into()))
	}

	/// Runs a job with every operator, and shows what each made, as the reference's trace does.
	/// Slow: it waits after every launch. For tests and disputes.
	pub fn trace(
		&self,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut dyn FnMut(u32, usize, &[u8]),
	) -> Result<Outcome, BackendError> {
		if let Err(code) = self.plan.program.validate_input(input, parameters) {
			return Ok(Outcome::Invalid(code));
		}
		self.steps(input, parameters, Scope::All, &mut |_| ControlFlow::Continue(()), Some(visit))
	}

	/// Computes encoder jobs of one sequence together; each alone where that takes too much memory.
	fn batch(&self, group: &Group<'_>) -> Vec<Answer> {
		match self.encode(group) {
			Ok(answers) => answers.into_iter().map(Ok).collect(),
			Err(BackendError::OutOfMemory) if group.jobs.len() > 1 => {
				let alone = |job| {
					let answers = self.encode(&Group { key: group.key, jobs: vec![job] });
					answers.map(|answers| answers.into_iter().next().unwrap_or_default())
				};
				group.jobs.iter().copied().map(alone).collect()
			},
			Err(error) => group.jobs.iter().map(|_| Err(error.clone())).collect(),
		}
	}

	fn encode(&self, group: &Group<'_>) -> Result<Vec<Vec<u8>>, BackendError> {
		let batch: u32 = group.jobs.iter().map(|(inputs, _)| *inputs).sum();
		let parameters = Parameters::encoder(batch, group.key);
		let whole: Vec<u8> = match group.jobs.as_slice() {
			[(_, only)] => only.to_vec(),
			jobs => jobs.iter().flat_map(|(_, input)| input.iter().copied()).collect(),
		};
		let scope = Scope::Output { sampled: false };
		let outcome =
			self.steps(&whole, &parameters, scope, &mut |_| ControlFlow::Continue(()), None)?;
		let Outcome::Output { data, .. } = outcome else {
			return Err(BackendError::Device("a valid input gave no output".into()));
		};
		// The first dimension of an output is the batch.
		let part = data.len().checked_div(batch as usize).unwrap_or(0);
		let mut rest = data.as_slice();
		let mut parts = Vec::with_capacity(group.jobs.len());
		for (inputs, _) in &group.jobs {
			let (own, others) = rest
				.split_at_checked(part.saturating_mul(*inputs as usize))
				.ok_or_else(|| BackendError::Device("an output is too short".into()))?;
			parts.push(own.to_vec());
			rest = others;
		}
		Ok(parts)
	}

	/// Runs the steps of a checked input on one device.
	fn steps(
		&self,
		input: &[u8],
		parameters: &Parameters,
		scope: Scope,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
		visit: Option<Visit<'_>>,
	) -> Result<Outcome, BackendError> {
		let loaded = self.device()?;
		let _busy = loaded.place.enter();
		let last = parameters.max_steps.saturating_sub(1);
		let capacity = parameters.sequence.saturating_add(last);
		let geometry = Geometry {
			batch: parameters.batch,
			sequence: parameters.sequence,
			capacity: if self.plan.is_decoder() { capacity } else { parameters.sequence },
		};
		let products = loaded.place.device.products();
		let prompt = self.plan.schedule(&geometry, scope, products)?;
		let mut workspace = loaded.place.workspace(&self.plan, &prompt, &geometry)?;
		workspace.set_state(&state::initial(parameters))?;
		workspace.upload(&prompt, 0, input)?;
		let mut job = Job { plan: &self.plan, loaded, workspace: &mut workspace, geometry, scope };
		let outcome = job.run(&prompt, parameters, emit, visit);
		if outcome.is_ok() {
			loaded.place.give_back(workspace);
		}
		outcome
	}
}

impl<D: Device> Model for DeviceModel<D> {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		if let Err(code) = self.plan.program.validate_input(input, parameters) {
			return Ok(Outcome::Invalid(code));
		}
		if self.plan.is_decoder() {
			let scope = Scope::Output { sampled: parameters.sampling.is_some() };
			return self.steps(input, parameters, scope, emit, None);
		}
		let compute = |group: &Group<'_>| self.batch(group);
		let data = self.batcher.run(parameters.sequence, parameters.batch, input, compute)?;
		match emit(&data) {
			ControlFlow::Continue(()) => Ok(Outcome::Output { count: 1, data }),
			ControlFlow::Break(()) => Err(BackendError::Stopped),
		}
	}
}

/// A job on its device.
struct Job<'a, D: Device> {
	plan: &'a Plan,
	loaded: &'a Loaded<D>,
	workspace: &'a mut Workspace<D>,
	geometry: Geometry,
	scope: Scope,
}

impl<D: Device> Job<'_, D> {
	fn run(
		&mut self,
		prompt: &Schedule,
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
		mut visit: Option<Visit<'_>>,
	) -> Result<Outcome, BackendError> {
		let mut data = Vec::new();
		let mut recording = None;
		let single = Geometry { sequence: 1, ..self.geometry };
		let products = self.loaded.place.device.products();
		let later = match self.plan.next {
			Some(_) if parameters.max_steps > 1 => {
				let mut later = self.plan.schedule(&single, self.scope, products)?;
				// The same tensors live at the same times: they have the slots of the prompt, which
				// are large enough.
				later.slots.clone_from(&prompt.slots);
				later
			},
			_ => Schedule { calls: Vec::new(), slots: Vec::new(), slot_bytes: Vec::new() },
		};
		for step in 0..parameters.max_steps.max(1) {
			let schedule = if step == 0 { prompt } else { &later };
			match visit.as_deref_mut() {
				Some(visit) => self.show(schedule, step, parameters, visit)?,
				None if step == 0 => self.launch_all(schedule)?,
				None => {
					// Later steps differ only in the state, so their launches are made as one.
					let recording = match recording.as_ref() {
						Some(recording) => recording,
						None => {
							recording.insert(self.workspace.record(schedule, &self.loaded.weights)?)
						},
					};
					self.workspace.queue.replay(recording)?;
				},
			}
			let emitted = self.emitted(schedule, step)?;
			let flow = emit(&emitted);
			data.extend_from_slice(&emitted);
			if flow.is_break() {
				return Err(BackendError::Stopped);
			}
			if self.is_over(&emitted, step, parameters) {
				return Ok(Outcome::Output { count: step.saturating_add(1), data });
			}
		}
		Err(BackendError::Device("a job did not end with its last step".into()))
	}

	fn launch_all(&mut self, schedule: &Schedule) -> Result<(), BackendError> {
		for call in &schedule.calls {
			self.workspace.launch(schedule, &self.loaded.weights, call)?;
		}
		Ok(())
	}

	/// What a step emits, waited for.
	fn emitted(&mut self, schedule: &Schedule, step: u32) -> Result<Vec<u8>, BackendError> {
		let geometry =
			if step == 0 { self.geometry } else { Geometry { sequence: 1, ..self.geometry } };
		let mut bytes = vec![0; self.plan.bytes(self.plan.emitted, &geometry)?];
		self.workspace.download(schedule, self.plan.emitted, &mut bytes)?;
		Ok(bytes)
	}

	/// Whether a step was the last: what `Stop` says, told from the tokens that are here already.
	fn is_over(&self, emitted: &[u8], step: u32, parameters: &Parameters) -> bool {
		let ends = self.plan.program.ends();
		let ended = |token: &[u8; 4]| match i32::from_le_bytes(*token) {
			-1 => true,
			token => u32::try_from(token).is_ok_and(|token| ends.contains(&token)),
		};
		!self.plan.is_decoder()
			|| emitted.as_chunks().0.iter().all(ended)
			|| step.saturating_add(1) >= parameters.max_steps
	}

	/// Launches a step call by call and shows what each operator made.
	fn show(
		&mut self,
		schedule: &Schedule,
		step: u32,
		parameters: &Parameters,
		visit: Visit<'_>,
	) -> Result<(), BackendError> {
		let shape = assay_program::StepShape::of(parameters, step);
		let geometry = Geometry { sequence: shape.sequence, ..self.geometry };
		let mut calls = schedule.calls.iter().peekable();
		for (number, operator) in self.plan.program.operators.iter().enumerate() {
			while calls
				.peek()
				.is_some_and(|call| call.number == number && call.kernel != crate::Kernel::Advance)
			{
				if let Some(call) = calls.next() {
					self.workspace.launch(schedule, &self.loaded.weights, call)?;
				}
			}
			let bytes = match operator {
				Operator::Stop { next: None, .. } => 1i32.to_le_bytes().to_vec(),
				Operator::Emit { .. } => {
					self.packed(schedule, self.plan.emitted, &geometry, shape)?
				},
				_ => self.packed(schedule, number, &geometry, shape)?,
			};
			visit(step, number, &bytes);
		}
		for call in calls {
			self.workspace.launch(schedule, &self.loaded.weights, call)?;
		}
		Ok(())
	}

	/// A tensor's bytes without what lies between its rows.
	fn packed(
		&mut self,
		schedule: &Schedule,
		tensor: usize,
		geometry: &Geometry,
		shape: assay_program::StepShape,
	) -> Result<Vec<u8>, BackendError> {
		let mut bytes = vec![0; self.plan.bytes(tensor, geometry)?];
		self.workspace.download(schedule, tensor, &mut bytes)?;
		let layout = self.plan.layout(tensor, geometry)?;
		if layout.width != 0 {
			return Ok(bytes);
		}
		let row = bytes.len().checked_div(layout.rows.unsigned_abs() as usize).unwrap_or(0);
		let element = row.checked_div(geometry.capacity as usize).unwrap_or(0);
		let kept = element.saturating_mul(shape.context() as usize);
		Ok(bytes.chunks(row.max(1)).flat_map(|row| row.iter().take(kept).copied()).collect())
	}
}
