//! What of a job's layout a game knows without the program.

use crate::{disclosure::blob_tree, DisclosureError, LayoutError, LeafForm, Tree};
use assay_program::{merkle, Claim, CostForm, Hash, Parameters};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// The sizes that disclosures of children depend on. A chain makes it from the two forms that it
/// keeps beside a program, so most moves of a game never decode one.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Outline {
	/// The tree over the body's leaves.
	tree: Tree,
	/// Most steps of the job.
	max_steps: u32,
	/// Bytes of the output of one step.
	step_bytes: u64,
}

impl Outline {
	/// The outline of a job, from what a chain keeps of its program. The parameters are within the
	/// cost form's limits; whether the trace is not too large is checked here.
	pub fn of(
		leaves: &LeafForm,
		cost: &CostForm,
		parameters: &Parameters,
	) -> Result<Self, LayoutError> {
		let tree = Tree::new(leaves.leaves(parameters))?;
		let one_step = Parameters { max_steps: 1, ..parameters.clone() };
		let step_bytes = cost.output_length(&one_step);
		Ok(Self { tree, max_steps: parameters.max_steps, step_bytes })
	}

	/// The same of a layout's own sizes.
	pub(crate) fn new(tree: Tree, max_steps: u32, step_bytes: u64) -> Self {
		Self { tree, max_steps, step_bytes }
	}

	/// The tree over all leaves of the body.
	pub fn tree(&self) -> Tree {
		self.tree
	}

	/// Whether a count is one that any run could have.
	pub fn check_count(&self, count: u32) -> Result<(), DisclosureError> {
		match (1..=self.max_steps).contains(&count) {
			true => Ok(()),
			false => Err(DisclosureError::Count),
		}
	}

	/// Bytes of an output of so many steps.
	pub fn output_length(&self, count: u32) -> u64 {
		self.step_bytes.saturating_mul(count.into())
	}

	/// The tree over the segments of the output.
	pub fn output_tree(&self, count: u32) -> Option<Tree> {
		self.check_count(count).ok()?;
		blob_tree(self.output_length(count))
	}

	/// Whether a root is that of a claim's data, with the length that its count demands.
	pub fn check_output_root(&self, claim: &Claim, root: &Hash) -> Result<(), DisclosureError> {
		let Claim::Output { count, data } = claim else { return Err(DisclosureError::Count) };
		self.check_count(*count)?;
		match merkle::sized(self.output_length(*count), root) == *data {
			true => Ok(()),
			false => Err(DisclosureError::Parent),
		}
	}
}
