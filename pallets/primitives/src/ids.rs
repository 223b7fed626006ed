//! Newtypes of everything that has an identity, so that two of them cannot change places.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

macro_rules! digest {
	($(#[$doc:meta])* $name:ident) => {
		$(#[$doc])*
		#[derive(
			Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode,
			DecodeWithMemTracking, TypeInfo, MaxEncodedLen, Serialize, Deserialize,
		)]
		pub struct $name(pub H256);

		impl From<[u8; 32]> for $name {
			fn from(bytes: [u8; 32]) -> Self {
				Self(H256(bytes))
			}
		}

		impl From<$name> for [u8; 32] {
			fn from(digest: $name) -> Self {
				digest.0 .0
			}
		}

		impl AsRef<[u8; 32]> for $name {
			fn as_ref(&self) -> &[u8; 32] {
				&self.0 .0
			}
		}
	};
}

macro_rules! counter {
	($(#[$doc:meta])* $name:ident($inner:ty)) => {
		$(#[$doc])*
		#[derive(
			Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode,
			DecodeWithMemTracking, TypeInfo, MaxEncodedLen, Serialize, Deserialize,
		)]
		pub struct $name(pub $inner);

		impl $name {
			/// The id after this one; `None` when the counter is spent, since ids are never reused.
			pub fn next(self) -> Option<Self> {
				self.0.checked_add(1).map(Self)
			}
		}
	};
}

digest!(
	/// Identity of a job: the hash of everything that decides its result, and of who pays.
	JobDigest
);
digest!(
	/// Blake2-256 of a program's bytes.
	ProgramDigest
);
digest!(
	/// Root digest of a weights blob.
	WeightsRoot
);
digest!(
	/// Root digest of an input blob.
	InputDigest
);
digest!(
	/// Digest of a job's result: count and output tensor, or the code of an invalid input.
	OutputDigest
);
digest!(
	/// A hidden claim: binds job, slot, worker key, salt and output digest.
	Commitment
);
digest!(
	/// Pre-output of the VRF that decides whether an auditor has to audit a job.
	DutyOutput
);
counter!(
	/// A registered model.
	ModelId(u32)
);
counter!(
	/// A provider's ask.
	OfferId(u64)
);
counter!(
	/// An agreement of a tenant and a provider.
	LeaseId(u64)
);
counter!(
	/// One party's duty to claim the result of a job. Never reused.
	SlotId(u64)
);
