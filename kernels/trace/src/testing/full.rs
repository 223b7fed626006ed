//! Whole traces in memory.

use crate::{BlobTree, Layout, Need, Roots, Source};
use assay_program::{
	merkle, Claim, Hash, InvalidCode, Outcome, Parameters, Program, StepShape, SEGMENT,
};
use assay_reference::golden::Vector;

/// A program, its weights, and a job.
#[derive(Clone, Debug)]
pub struct Job {
	/// What it is called in messages.
	pub name: &'static str,
	/// The program.
	pub program: Program,
	/// Its weights.
	pub weights: Vec<u8>,
	/// The input.
	pub input: Vec<u8>,
	/// Its shape.
	pub parameters: Parameters,
}

impl Job {
	/// That of a golden vector.
	pub fn of(name: &'static str, vector: Vector) -> Self {
		let Vector { program, weights, input, parameters, .. } = vector;
		let program = Program::decode_validated(&program).unwrap();
		Self { name, program, weights, input, parameters }
	}

	/// The layout of its trace.
	pub fn layout(&self) -> Layout<'_> {
		Layout::new(&self.program, &self.parameters).unwrap()
	}

	/// Which rule its input breaks, where it breaks one.
	pub fn invalid(&self) -> Option<InvalidCode> {
		let Self { program, weights, input, parameters, .. } = self;
		match assay_reference::run(program, weights, input, parameters).unwrap() {
			Outcome::Invalid(code) => Some(code),
			Outcome::Output { .. } => None,
		}
	}
}

/// Everything that an honest party has.
#[derive(Clone, Debug)]
pub struct Full {
	/// The bytes of all leaves of the body, empty where one is null.
	pub leaves: Vec<Vec<u8>>,
	/// Their hashes.
	pub hashes: Vec<Hash>,
	/// What the run ended in.
	pub claim: Claim,
	/// The output's bytes.
	pub output: Vec<u8>,
	/// The input by its segments, filled up.
	pub input: Vec<Vec<u8>>,
	/// The weights by theirs.
	pub weights: Vec<Vec<u8>>,
	/// What openings are checked against.
	pub roots: Roots,
	pub(super) input_hashes: Vec<Hash>,
	pub(super) weights_hashes: Vec<Hash>,
}

/// A blob by its segments, the last one filled up with zeros.
pub fn segments(blob: &[u8]) -> Vec<Vec<u8>> {
	let filled = |bytes: &[u8]| {
		let mut bytes = bytes.to_vec();
		bytes.resize(SEGMENT, 0);
		bytes
	};
	blob.chunks(SEGMENT).map(filled).collect()
}

fn hashes(leaves: &[Vec<u8>]) -> Vec<Hash> {
	leaves.iter().map(|leaf| merkle::leaf(leaf)).collect()
}

impl Full {
	/// Cuts what the reference makes into leaves, by tensor sizes alone and not by the layout.
	/// Panics where the input is not valid.
	pub fn of(job: &Job) -> Self {
		let Job { program, weights, input, parameters, .. } = job;
		let layout = job.layout();
		let tensors = program.tensors().unwrap();
		let mut leaves = Vec::new();
		let outcome =
			assay_reference::trace(program, weights, input, parameters, |step, number, bytes| {
				if number + 1 < tensors.len() {
					let shape = StepShape::of(parameters, step);
					let width = tensors[number].width().unwrap().size(shape) as usize;
					let row = width * tensors[number].kind.element_bytes() as usize;
					let rows = bytes.chunks(row).flat_map(|row| row.chunks(SEGMENT));
					leaves.extend(rows.map(<[u8]>::to_vec));
				}
			})
			.unwrap();
		leaves.resize(layout.tree().leaves() as usize, Vec::new());
		let body_hashes = hashes(&leaves);
		let claim = outcome.claim();
		let Outcome::Output { data: output, .. } = outcome else { panic!("the input is invalid") };
		let roots = Roots {
			body: merkle::root(body_hashes.iter().copied()),
			input: BlobTree::new(input).digest(),
			weights: BlobTree::new(weights).digest(),
		};
		let (input, weights) = (segments(input), segments(weights));
		let (input_hashes, weights_hashes) = (hashes(&input), hashes(&weights));
		let hashes = body_hashes;
		Self { leaves, hashes, claim, output, input, weights, roots, input_hashes, weights_hashes }
	}

	/// Bytes of the output of one step.
	pub fn step_bytes(&self) -> usize {
		self.output.len() / self.claim.count() as usize
	}
}

impl Source for Full {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		let all = match need {
			Need::Leaf(_) => &self.leaves,
			Need::Input(_) => &self.input,
			Need::Weights(_) => &self.weights,
		};
		let (Need::Leaf(index) | Need::Input(index) | Need::Weights(index)) = need;
		all.get(index as usize).map(Vec::as_slice)
	}
}
