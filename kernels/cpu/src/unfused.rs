//! Operators one at a time, so that every tensor of a run can be seen.
//!
//! A trace has what plans never make: tensors between fused operators, rows at padding, everything
//! of a decoder's last layer. Here each operator makes all of its tensor, by the same kernels: a
//! stage of one operator where it goes row by row, `attention` for the rest. Programs that have
//! something else are left to the reference.
//!
//! Memory: the tensors that validation counted, each freed after its last use, and a decoder's
//! packed keys and values. Runs take their turn operator by operator, so that jobs on the same
//! threads need not wait for all of one.

mod attention;

use crate::{
	isa::Processor,
	model::Machine,
	plan::{self, Compiler, Plan},
	rows::{self, Place, RowStage},
	whole::Whole,
	workspace::{Head, Layout, Store, Workspace},
	CpuBackend, TABLE_BYTES, TENSOR_BYTES,
};
use assay_program::{
	merkle, BackendError, Bytes, Dim, Limits, Operator, Outcome, Parameters, Program, TensorId,
};
use assay_reference::{
	element,
	golden::{self, SelfTestError},
};
use attention::{Piece, Scene};
use core::fmt;
use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

/// Whoever looks at a run: gets the number of the step, that of the operator and the little-endian
/// bytes of its tensor.
pub type Visit<'v> = dyn FnMut(u32, usize, &[u8]) -> ControlFlow<()> + 'v;

/// A program whose runs show every tensor. See [`CpuBackend::unfused`].
pub struct Unfused {
	machine: Arc<Machine>,
	way: Way,
}

enum Way {
	Kernels(Box<Apart>),
	Reference { program: Arc<Program>, weights: Bytes },
}

impl fmt::Debug for Unfused {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Unfused").field("has_kernels", &self.has_kernels()).finish_non_exhaustive()
	}
}

impl CpuBackend {
	/// Makes a program ready for runs that show what every operator makes.
	///
	/// # Errors
	/// The program is not valid, the weights have another length, or there are no threads.
	pub fn unfused(&self, program: Arc<Program>, weights: Bytes) -> Result<Unfused, BackendError> {
		program.validate()?;
		let (expected, actual) = (program.weights_length(), weights.len() as u64);
		if expected != actual {
			return Err(BackendError::WeightsLength { expected, actual });
		}
		let machine = self.machine()?;
		let has_large_tables =
			plan::table_bytes(&program) > weights.len().saturating_mul(2).max(TABLE_BYTES);
		let apart = match has_large_tables {
			true => None,
			false => Apart::new(&program, &weights, self.processor)?,
		};
		let way = match apart {
			Some(apart) => Way::Kernels(Box::new(apart)),
			None => Way::Reference { program, weights },
		};
		Ok(Unfused { machine, way })
	}
}

impl CpuBackend {
	/// Holds every tensor of the golden vectors against what operators make one at a time. A
	/// backend that fails must make no traces.
	///
	/// # Errors
	/// The first vector that differs, with two digests of its first other tensor, or of the output.
	pub fn unfused_self_test(&self) -> Result<(), SelfTestError> {
		self.test_vectors(golden::vectors())
	}

	fn test_vectors(
		&self,
		vectors: impl Iterator<Item = (&'static str, Option<golden::Vector>)>,
	) -> Result<(), SelfTestError> {
		for (name, maybe_vector) in vectors {
			let damaged = SelfTestError::Damaged { vector: name };
			let vector = maybe_vector.ok_or(damaged.clone())?;
			self.test_vector(name, &vector, damaged)?;
		}
		Ok(())
	}

	fn test_vector(
		&self,
		name: &'static str,
		vector: &golden::Vector,
		damaged: SelfTestError,
	) -> Result<(), SelfTestError> {
		let failed = |error: BackendError| {
			let message = error.to_string();
			SelfTestError::Failed { vector: name, message }
		};
		let program = Program::decode_validated(&vector.program).map_err(|_| damaged)?;
		let weights = vector.weights.clone().into();
		let unfused = self.unfused(program.into(), weights).map_err(failed)?;
		let mut tensors = Vec::new();
		let keep = &mut |_, _, bytes: &[u8]| {
			tensors.push(merkle::blob(bytes));
			ControlFlow::Continue(())
		};
		let outcome = unfused.trace(&vector.input, &vector.parameters, keep).map_err(failed)?;
		let pairs = vector.tensors.iter().copied().zip(tensors.iter().copied());
		let last = (vector.outcome.digest(), outcome.digest());
		if let Some((expected, actual)) = pairs.chain([last]).find(|(left, right)| left != right) {
			return Err(SelfTestError::Differs { vector: name, expected, actual });
		}
		// Of lists of two lengths the pairs are only what both have.
		let (expected, actual) = (vector.tensors.len(), tensors.len());
		if expected != actual {
			let message = format!("{actual} tensors were made and {expected} expected");
			return Err(SelfTestError::Failed { vector: name, message });
		}
		Ok(())
	}
}

impl Unfused {
	/// Whether its operators run by kernels, and not by the reference.
	pub fn has_kernels(&self) -> bool {
		matches!(self.way, Way::Kernels(_))
	}

	/// Runs an input, and shows what every operator of every step makes, in order: the same bytes
	/// as `assay_reference::trace`.
	///
	/// # Errors
	/// [`BackendError::Stopped`] after a break; all else is this machine's fault.
	pub fn trace(
		&self,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut Visit<'_>,
	) -> Result<Outcome, BackendError> {
		match &self.way {
			Way::Kernels(apart) => apart.trace(&self.machine, input, parameters, visit),
			Way::Reference { program, weights } => {
				assay_reference::trace_while(program, weights, input, parameters, visit)
					.map_err(BackendError::from)
			},
		}
	}

	/// Calls `work` with every number below `count`, on the backend's threads side by side.
	pub fn side_by_side(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
		let team = self.machine.team();
		let _turn = team.turn();
		team.for_each(vec![(); count], |number, ()| work(number));
	}
}

/// An operator by itself.
#[derive(Debug)]
pub(crate) enum Single {
	/// What the step begins with.
	Input,
	/// It goes row by row.
	Rows(Box<RowStage>),
	/// It is a part of attention, or a softmax.
	Attention(Piece),
	/// It runs over whole tensors.
	Whole,
	/// `Choose`, from what is likeliest or what was drawn.
	Choose { greedy: usize, sampled: usize },
	/// `Stop`, by the tokens that a decoder goes on with.
	Stop { maybe_next: Option<usize> },
	/// `Emit`.
	Emit { value: usize },
}

fn index(id: TensorId) -> usize {
	usize::from(id.0)
}

impl Single {
	/// Operator `number`; `None` where there is no kernel for it.
	pub(crate) fn new(compiler: &mut Compiler<'_>, number: usize) -> Option<Self> {
		let operator = compiler.program.operators.get(number)?;
		if let Some(piece) = Piece::new(compiler, operator) {
			return Some(Self::Attention(piece));
		}
		Some(match operator {
			Operator::Tokens { .. } => Self::Input,
			Operator::Choose { greedy, sampled, .. } => {
				Self::Choose { greedy: index(*greedy), sampled: index(*sampled) }
			},
			Operator::Stop { next, .. } => Self::Stop { maybe_next: next.map(index) },
			Operator::Emit { value, .. } => Self::Emit { value: index(*value) },
			Operator::MeanPool { .. } => Self::Whole,
			_ => Self::Rows(Box::new(stage(compiler, number)?)),
		})
	}
}

/// A stage of one operator.
fn stage(compiler: &mut Compiler<'_>, number: usize) -> Option<RowStage> {
	let operator = compiler.program.operators.get(number)?;
	let goes_by_row = rows::is_row_operator(operator) || rows::is_choice(operator);
	// A stage of one row for each input takes the last of the rows that an operand has for each
	// position, which is what `Last` alone means.
	let (leading, _) = rows::shape(compiler, number)?;
	let is_last = matches!(operator, Operator::Last { .. });
	let gathers = operator.reads().any(|id| compiler.is_by_position(index(id)));
	if !goes_by_row || (leading == [Dim::Batch] && gathers && !is_last) {
		return None;
	}
	let mut builder = rows::Builder::default();
	builder.add(compiler, number)?;
	builder.finish(compiler)
}

/// A program with its weights, each operator by itself.
#[derive(Debug)]
struct Apart {
	plan: Plan,
	singles: Vec<Single>,
	/// For each operator the tensors that no later one reads.
	frees: Vec<Vec<usize>>,
	processor: Processor,
}

/// What a run takes from operator to operator and from step to step.
struct Run {
	layout: Layout,
	/// For each operator of a decoder the keys, values or maxima that it has met so far.
	held: Vec<Vec<Head>>,
	parameters: Parameters,
}

impl Apart {
	/// `None` where the reference has to run the program.
	fn new(
		program: &Arc<Program>,
		weights: &Bytes,
		processor: Processor,
	) -> Result<Option<Self>, BackendError> {
		let (plan, singles) = match Plan::apart(program.clone(), weights.clone()) {
			Err(BackendError::Unsupported(_)) => return Ok(None),
			made => made?,
		};
		let mut frees: Vec<Vec<usize>> = singles.iter().map(|_| Vec::new()).collect();
		for (number, last) in program.last_uses().into_iter().enumerate() {
			frees[last].push(number);
		}
		let apart = Self { plan, singles, frees, processor };
		// Operators that read the same rows hold them more than once.
		let Limits { max_batch, max_sequence, .. } = program.limits;
		let promised = program.live_bytes(&Parameters::encoder(max_batch, max_sequence))?;
		let held = apart.held_bytes(max_batch, max_sequence);
		Ok((held <= promised.max(TENSOR_BYTES)).then_some(apart))
	}

	/// The most bytes that packed keys and values take.
	fn held_bytes(&self, batch: u32, capacity: u32) -> u64 {
		if !self.plan.program.is_decoder() {
			return 0;
		}
		let bytes = self.singles.iter().map(|single| match single {
			Single::Attention(piece) => piece.held_bytes(batch.into(), capacity as usize),
			_ => 0,
		});
		bytes.fold(0, u64::saturating_add)
	}

	fn trace(
		&self,
		machine: &Machine,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut Visit<'_>,
	) -> Result<Outcome, BackendError> {
		let program = &self.plan.program;
		if let Err(code) = program.validate_input(input, parameters) {
			return Ok(Outcome::Invalid(code));
		}
		let (words, _) = input.as_chunks::<4>();
		let ids: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
		let mut run = Run {
			layout: Layout::of_encoder(&ids, parameters, false),
			held: self.held(parameters),
			parameters: parameters.clone(),
		};
		let mut data = Vec::new();
		machine.workspaces().lend(|workspace| {
			for step in 0..parameters.max_steps {
				let (emitted, stops) = self.step(machine, step, &mut run, workspace, visit)?;
				data.extend_from_slice(&le_words(&emitted));
				if stops {
					return Ok(Outcome::Output { count: step + 1, data });
				}
				let ids: Vec<i32> =
					emitted.iter().map(|id| element::next_id(*id, program.ends())).collect();
				run.layout.step = step + 1;
				run.layout.relay(&ids, 1, (parameters.sequence + step) as usize);
			}
			// `Stop` is 1 in the last step.
			Err(BackendError::Unsupported("a job of no steps".into()))
		})
	}

	/// What operators of a decoder hold, before the first step.
	fn held(&self, parameters: &Parameters) -> Vec<Vec<Head>> {
		let is_decoder = self.plan.program.is_decoder();
		let capacity = (parameters.sequence + parameters.max_steps - 1) as usize;
		let held = self.singles.iter().map(|single| match single {
			Single::Attention(piece) if is_decoder => {
				piece.empty(parameters.batch as usize, capacity)
			},
			_ => Vec::new(),
		});
		held.collect()
	}

	/// Runs a step: what it emits, and whether it is the last one.
	fn step(
		&self,
		machine: &Machine,
		step: u32,
		run: &mut Run,
		workspace: &mut Workspace,
		visit: &mut Visit<'_>,
	) -> Result<(Vec<i32>, bool), BackendError> {
		workspace.reset(self.singles.len());
		let mut stops = false;
		let mut emitted = Vec::new();
		for (number, single) in self.singles.iter().enumerate() {
			let turn = machine.team().turn();
			self.make(machine, number, run, workspace)
				.ok_or_else(|| BackendError::Unsupported(format!("operator {number}")))?;
			drop(turn);
			let made = workspace.tensor(number);
			let expected = run.layout.elements(&self.plan.tensors[number].dims);
			if made.words().len() + made.halves().len() != expected {
				// They would be hashed as if they were the tensor.
				return Err(BackendError::Unsupported(format!("the size of tensor {number}")));
			}
			let bytes = match made {
				Store::Halves(halves) => le_halves(halves),
				_ => le_words(made.words()),
			};
			if visit(step, number, &bytes).is_break() {
				return Err(BackendError::Stopped);
			}
			match single {
				Single::Stop { .. } => stops = made.words() != [0],
				Single::Emit { .. } => emitted = made.words().to_vec(),
				_ => {},
			}
			for tensor in &self.frees[number] {
				workspace.release(*tensor);
			}
		}
		Ok((emitted, stops))
	}

	/// Makes the tensor of operator `number`.
	fn make(
		&self,
		machine: &Machine,
		number: usize,
		run: &mut Run,
		workspace: &mut Workspace,
	) -> Option<()> {
		let Run { layout, held, parameters } = run;
		let (plan, processor, team) = (&self.plan, self.processor, machine.team());
		let place = Place { processor, threads: team.size(), team, scratch: machine.scratch() };
		let single = self.singles.get(number)?;
		if let Single::Rows(stage) = single {
			stage.run(plan, place, layout, workspace);
			return Some(());
		}
		let info = plan.tensors.get(number)?;
		let mut out = workspace.make(info, layout.elements(&info.dims));
		let Store::Words(words) = &mut out else { return None };
		match single {
			Single::Rows(_) => return None,
			Single::Input => words.copy_from_slice(&layout.ids),
			Single::Attention(piece) => {
				let scene = Scene { place, layout, workspace };
				let maybe_held = plan.program.is_decoder().then(|| &mut held[number][..]);
				piece.run(scene, maybe_held, words);
			},
			Single::Whole => {
				Whole { processor, plan, layout, workspace }.run(number, words)?;
			},
			Single::Choose { greedy, sampled } => {
				let samples = parameters.sampling.is_some();
				let chosen = workspace.tensor(if samples { *sampled } else { *greedy }).words();
				for ((out, id), token) in words.iter_mut().zip(&layout.last_ids).zip(chosen) {
					*out = element::choose(*id, *token);
				}
			},
			Single::Stop { maybe_next } => {
				let tokens = maybe_next.map_or(&[][..], |next| workspace.tensor(next).words());
				let ends = plan.program.ends();
				let ended = tokens.iter().all(|token| element::ends(*token, ends));
				let is_last = layout.step + 1 >= parameters.max_steps;
				words.fill(i32::from(is_last || ended));
			},
			Single::Emit { value } => words.copy_from_slice(workspace.tensor(*value).words()),
		}
		workspace.tensors[number] = out;
		Some(())
	}
}

/// Little-endian bytes; on most processors those that are there.
fn le_words(words: &[i32]) -> Cow<'_, [u8]> {
	match cfg!(target_endian = "little") {
		true => Cow::Borrowed(bytemuck::cast_slice(words)),
		false => Cow::Owned(words.iter().flat_map(|word| word.to_le_bytes()).collect()),
	}
}

/// [`le_words`] of what is quantised.
fn le_halves(halves: &[i16]) -> Cow<'_, [u8]> {
	match cfg!(target_endian = "little") {
		true => Cow::Borrowed(bytemuck::cast_slice(halves)),
		false => Cow::Owned(halves.iter().flat_map(|half| half.to_le_bytes()).collect()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A vector that has tensors, changed.
	fn tested(change: impl Fn(&mut golden::Vector)) -> Result<(), SelfTestError> {
		let (name, vector) = golden::vectors().next().unwrap();
		let mut vector = vector.unwrap();
		assert!(vector.tensors.len() > 2);
		change(&mut vector);
		CpuBackend::new(Some(1)).test_vectors([(name, Some(vector))].into_iter())
	}

	#[test]
	fn a_vector_that_expects_something_else_fails_the_self_test() {
		assert_eq!(tested(|_| {}), Ok(()));
		let differs = |result| matches!(result, Err(SelfTestError::Differs { .. }));
		assert!(differs(tested(|vector| vector.tensors[1][0] ^= 1)));
		assert!(differs(tested(|vector| {
			let Outcome::Output { data, .. } = &mut vector.outcome else { panic!() };
			data[0] ^= 1;
		})));
		let failed = |result| matches!(result, Err(SelfTestError::Failed { .. }));
		let shortened = tested(|vector| vector.tensors.truncate(vector.tensors.len() - 1));
		assert!(failed(shortened), "one too many is made");
		assert!(failed(tested(|vector| vector.tensors.push([0; 32]))), "one is missing");
		let damaged = CpuBackend::new(Some(1)).test_vectors([("none", None)].into_iter());
		assert_eq!(damaged, Err(SelfTestError::Damaged { vector: "none" }));
	}
}
