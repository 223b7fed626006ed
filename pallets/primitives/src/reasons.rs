//! Typed reasons of every end, as events carry them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Why a slot ended without a claim.
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
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LapseReason {
	/// Neither `accept` nor `commit` came by the accept deadline. Costs nothing.
	#[codec(index = 0)]
	NotAccepted,
	/// Accepted, but no commitment came by the commit deadline.
	#[codec(index = 1)]
	NotCommitted,
	/// Committed, but no reveal came before the grace was over.
	#[codec(index = 2)]
	NotRevealed,
	/// Committed, but did not deliver what was demanded.
	#[codec(index = 3)]
	Withheld,
}

/// Why bond was taken.
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
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SlashReason {
	/// An accepted slot was left without a commitment.
	#[codec(index = 0)]
	NotCommitted,
	/// A committed slot was left without a reveal.
	#[codec(index = 1)]
	NotRevealed,
	/// The reveal came in the grace after its deadline.
	#[codec(index = 2)]
	RevealedLate,
	/// Convicted by the referee.
	#[codec(index = 3)]
	Guilty,
	/// Ordered by the authority that governs the stake pallet.
	#[codec(index = 4)]
	Ordered,
	/// What was demanded of a slot was not delivered.
	#[codec(index = 5)]
	Withheld,
}

/// Why a lease ended.
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
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
	/// The tenant closed it.
	#[codec(index = 0)]
	Tenant,
	/// The provider closed it.
	#[codec(index = 1)]
	Provider,
	/// Its last block has passed.
	#[codec(index = 2)]
	Expired,
	/// Its free escrow did not pay for the rate that it reserves.
	#[codec(index = 3)]
	Overdrawn,
}

/// What a payment out of a job's price is for.
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
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
	/// The provider's earnings.
	#[codec(index = 0)]
	Provider,
	/// The model owner's royalty.
	#[codec(index = 1)]
	Royalty,
	/// The pool that audits are paid from.
	#[codec(index = 2)]
	AuditPool,
	/// The protocol's share.
	#[codec(index = 3)]
	Treasury,
}
