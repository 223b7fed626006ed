//! What worker, executor and chain say to each other, and the statements that they sign. Every
//! statement begins with its own domain and the genesis hash.

use crate::{merkle::blake2_256, Claim, Hash, Parameters};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// A job, complete: everything its digest covers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct JobRequest {
	/// Genesis hash of the chain the job lives on.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub genesis: Hash,
	/// Program digest.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub program: Hash,
	/// Digest of the weights blob.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub weights: Hash,
	/// Digest of the input blob.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub input: Hash,
	/// Shape and mode.
	pub parameters: Parameters,
	/// Account that pays.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub tenant: Hash,
	/// The tenant's own number for it.
	pub nonce: u64,
}

impl JobRequest {
	/// The job digest.
	pub fn digest(&self) -> Hash {
		let Self { genesis, program, weights, input, parameters, tenant, nonce } = self;
		let job = ("assay/job/1", genesis, program, weights, input, parameters, tenant, nonce);
		blake2_256(&job.encode())
	}
}

/// Where a job stands at the executor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "state", rename_all = "snake_case"))]
pub enum JobState {
	/// It waits for its turn.
	#[codec(index = 0)]
	Queued,
	/// It is being computed.
	#[codec(index = 1)]
	Running,
	/// It has a result.
	#[codec(index = 2)]
	Done {
		/// What may be claimed of it.
		claim: Claim,
	},
	/// It could not be computed.
	#[codec(index = 3)]
	Failed {
		/// The executor's code for the reason.
		code: u32,
	},
}

/// Where the trace of a job stands at the executor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "state", rename_all = "snake_case"))]
pub enum TraceState {
	/// The job waits to be run again, or is being run.
	#[codec(index = 0)]
	Building,
	/// Questions about it are answered.
	#[codec(index = 1)]
	Ready {
		/// What may be claimed of the job.
		claim: Claim,
		/// The digest of the trace's body.
		#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
		body: Hash,
	},
	/// The input breaks the rules, so there is no trace. The offence is what is answered.
	#[codec(index = 2)]
	Invalid {
		/// Number of the rule, see [`crate::InvalidCode`].
		code: u32,
	},
	/// The job could not be run again.
	#[codec(index = 3)]
	Failed {
		/// The executor's code for the reason.
		code: u32,
	},
}

/// Who may use the data listener, and the chain's present block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tenants {
	/// Genesis hash of the chain.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub genesis: Hash,
	/// Present block number.
	pub block: u32,
	/// Accounts of the open leases.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal::list"))]
	pub tenants: Vec<Hash>,
}

/// What is asked of an executor about a duty key: that it agrees to decide for `owner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct DutyKeyRequest {
	/// Genesis hash of the chain.
	pub genesis: Hash,
	/// Account of the provider.
	pub owner: Hash,
}

/// A question to a duty key: does its provider have to audit the claim of a slot?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct DutyRequest {
	/// Genesis hash of the chain.
	pub genesis: Hash,
	/// The job.
	pub job: Hash,
	/// The slot, as the chain numbers it.
	pub slot: u64,
	/// The worker key that committed.
	pub worker: Hash,
	/// What the block after the commitment drew.
	pub randomness: Hash,
}

impl DutyRequest {
	/// Label of the transcript that is evaluated.
	pub const LABEL: &'static [u8] = b"assay/duty/1";

	/// Calls `item` with the name and the bytes of each item of the transcript, in order.
	pub fn items(&self, mut item: impl FnMut(&'static [u8], &[u8])) {
		item(b"genesis", &self.genesis);
		item(b"job", &self.job);
		item(b"slot", &self.slot.encode());
		item(b"worker", &self.worker);
		item(b"randomness", &self.randomness);
	}
}

/// What a duty key says: the pre-output decides, and the proof shows that it is the key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct DutyEvaluation {
	/// The pre-output, a point.
	pub pre_output: Hash,
	/// The proof, two scalars.
	pub proof: [u8; 64],
}

/// The statement by which a duty key agrees to decide for `owner` on this chain.
pub fn duty_key_statement(genesis: &Hash, owner: &Hash) -> Vec<u8> {
	("assay/duty-key/1", genesis, owner).encode()
}

/// Longest server-sent event of an executor's stream, in bytes, names of fields included: none
/// sends a longer one, and no client takes one.
pub const EVENT_BYTES_MAX: usize = 64 << 10;

/// The statement that a tenant signs when it puts an input or gets an output.
pub fn data_statement(genesis: &Hash, method: &str, digest: &Hash, expiry: u32) -> Vec<u8> {
	("assay/data/1", genesis, method, digest, expiry).encode()
}
