//! Stored types, and how a program's faults look on chain.

use crate::{ledger::Deposit, Config, Error};
use assay_primitives::{CostForm, LeafForm, ProgramDigest, WeightsRoot};
use assay_program::{OperatorError, ProgramError, MAX_PROGRAM_BYTES};
use assay_trace::LayoutError;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible, ConstU32},
	BoundedVec, PalletError,
};
use scale_info::TypeInfo;

/// Balance of the pallet's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// Bytes of a program.
pub type ProgramBytesVec = BoundedVec<u8, ConstU32<MAX_PROGRAM_BYTES>>;

/// A registered model.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Model<AccountId, Balance> {
	/// Digest of its program.
	pub program: ProgramDigest,
	/// Root of its weights.
	pub weights: WeightsRoot,
	/// Who sets its terms and earns its royalty.
	pub owner: AccountId,
	/// Royalty for each compute unit, part of the price.
	pub royalty_per_unit: Balance,
	/// Whether it takes no new lease and no new job.
	pub retired: bool,
	/// Jobs that use it.
	pub open_jobs: u32,
	/// What is held while it is registered, and of whom.
	pub deposit: Deposit<AccountId, Balance>,
}

/// [`Model`] of a runtime.
pub type ModelOf<T> = Model<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// What is kept of a program beside its bytes.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct ProgramRecord<AccountId, Balance> {
	/// Cost and shape limits: all that a job needs to know of it.
	pub cost: CostForm,
	/// How large the traces of its jobs are.
	pub leaves: LeafForm,
	/// Length of its weights, in bytes.
	pub weights_bytes: u64,
	/// Length of its bytes.
	pub length: u32,
	/// Registered models that use it. It goes with the last one.
	pub models: u32,
	/// What is held for its bytes, and of whom.
	pub deposit: Deposit<AccountId, Balance>,
}

/// [`ProgramRecord`] of a runtime.
pub type ProgramRecordOf<T> = ProgramRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// What is wrong with an operator. The same as [`OperatorError`], in a form that an error of a call
/// can carry.
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
	PalletError,
)]
pub enum OperatorFault {
	/// It reads a tensor that no earlier operator makes.
	#[codec(index = 0)]
	UnknownTensor,
	/// It reads a weight tensor that is not declared.
	#[codec(index = 1)]
	UnknownWeight,
	/// An operand is of another kind.
	#[codec(index = 2)]
	Kind,
	/// Dimensions of the operands do not fit each other.
	#[codec(index = 3)]
	Shape,
	/// A dimension is too large, or a tensor has too many.
	#[codec(index = 4)]
	TooLarge,
	/// Fraction bits do not fit.
	#[codec(index = 5)]
	Fraction,
	/// A row is quantised to an unknown number of bits.
	#[codec(index = 6)]
	Bits,
	/// A shift count is out of range.
	#[codec(index = 7)]
	Shift,
	/// A sum of products could leave int32.
	#[codec(index = 8)]
	Overflow,
	/// An embedding table has too few rows.
	#[codec(index = 9)]
	Rows,
	/// A function table has a wrong number of entries.
	#[codec(index = 10)]
	Table,
	/// It stands where it may not.
	#[codec(index = 11)]
	Frame,
	/// One element would open too many bytes.
	#[codec(index = 12)]
	Opening,
	/// Something this runtime has no word for.
	#[codec(index = 13)]
	Other,
	/// A decoder has an operator for padding, or attention to later positions.
	#[codec(index = 14)]
	Decoder,
	/// End tokens are too many, outside the vocabulary or of no use.
	#[codec(index = 15)]
	Ends,
	/// The token that a decoder goes on with is not made by `Choose`.
	#[codec(index = 16)]
	Next,
	/// Tokens are drawn twice.
	#[codec(index = 17)]
	Draws,
}

impl From<OperatorError> for OperatorFault {
	fn from(error: OperatorError) -> Self {
		match error {
			OperatorError::UnknownTensor => Self::UnknownTensor,
			OperatorError::UnknownWeight => Self::UnknownWeight,
			OperatorError::Kind => Self::Kind,
			OperatorError::Shape => Self::Shape,
			OperatorError::TooLarge => Self::TooLarge,
			OperatorError::Fraction => Self::Fraction,
			OperatorError::Bits => Self::Bits,
			OperatorError::Shift => Self::Shift,
			OperatorError::Overflow => Self::Overflow,
			OperatorError::Rows => Self::Rows,
			OperatorError::Table => Self::Table,
			OperatorError::Frame => Self::Frame,
			OperatorError::Opening => Self::Opening,
			OperatorError::Decoder => Self::Decoder,
			OperatorError::Ends => Self::Ends,
			OperatorError::Next => Self::Next,
			OperatorError::Draws => Self::Draws,
			_ => Self::Other,
		}
	}
}

/// Numbers of weights and operators are far below this bound by the limits on programs; one that is
/// not comes with an error of its own.
fn number(index: u32) -> u16 {
	u16::try_from(index).unwrap_or(u16::MAX)
}

impl<T> From<ProgramError> for Error<T> {
	fn from(error: ProgramError) -> Self {
		match error {
			ProgramError::TooLong => Self::ProgramTooLong,
			ProgramError::Encoding => Self::ProgramNotDecodable,
			ProgramError::Semantics(_) => Self::SemanticsUnknown,
			ProgramError::Limits => Self::ProgramLimitsOutOfRange,
			ProgramError::TooManyOperators => Self::TooManyOperators,
			ProgramError::TooManyWeights => Self::TooManyWeights,
			ProgramError::Weight { weight } => Self::WeightInvalid { weight: number(weight) },
			ProgramError::WeightsTooLarge => Self::WeightsTooLarge,
			ProgramError::Operator { operator, reason } => {
				Self::OperatorInvalid { operator: number(operator), fault: reason.into() }
			},
			ProgramError::Frame => Self::ProgramFrameInvalid,
			ProgramError::TooMuchWork => Self::TooMuchWork,
			ProgramError::TooMuchMemory => Self::TooMuchMemory,
			_ => Self::ProgramInvalid,
		}
	}
}

impl<T> From<LayoutError> for Error<T> {
	fn from(error: LayoutError) -> Self {
		let fault = |operator: u32, fault| Self::OperatorInvalid {
			operator: operator.try_into().unwrap_or(u16::MAX),
			fault,
		};
		match error {
			LayoutError::Opened { operator, .. } | LayoutError::Openings { operator, .. } => {
				fault(operator, OperatorFault::Opening)
			},
			LayoutError::Dimensions { operator } => fault(operator, OperatorFault::Shape),
			_ => Self::ProgramInvalid,
		}
	}
}
