//! Stored types and their pure transitions.

use crate::{ledger::Escrow, Config};
use assay_primitives::{CloseReason, ModelId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::fungible, PalletError};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::{
	traits::{AtLeast32BitUnsigned, CheckedAdd, CheckedSub, Saturating},
	SaturatedConversion,
};

/// Balance of the pallet's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// A provider's ask: what it runs, for how much, how fast and for how long.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Offer<AccountId, Balance> {
	/// Who computes.
	pub provider: AccountId,
	/// What is run.
	pub model: ModelId,
	/// On which terms.
	pub terms: OfferTerms<Balance>,
	/// What is held of the provider while the offer stands.
	pub deposit: Balance,
}

/// [`Offer`] of a runtime.
pub type OfferOf<T> = Offer<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// What a provider chooses of its offer, and may change.
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
pub struct OfferTerms<Balance> {
	/// Price of one compute unit, the model's royalty included.
	pub price_per_unit: Balance,
	/// Compute units a lease may spend, per block.
	pub rate_units_per_block: u64,
	/// Longest lease.
	pub duration_blocks_max: u32,
	/// Smallest escrow a lease opens with.
	pub min_escrow: Balance,
	/// How many times its price a job may put at risk: without a bound the cheapest job could lock
	/// the whole bond. At least one, for the price itself.
	pub risk_factor_max: u32,
}

/// [`OfferTerms`] of a runtime.
pub type OfferTermsOf<T> = OfferTerms<BalanceOf<T>>;

/// How far a lease is.
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
pub enum LeaseState {
	/// Takes jobs until its last block. `close_lease` and `expire_lease` lead to `Closing` where
	/// jobs are open, and end the lease where none are.
	#[codec(index = 0)]
	Open,
	/// Takes no job. The end of its last open job ends the lease.
	#[codec(index = 1)]
	Closing(CloseReason),
}

/// Units that a lease may still spend now: fills at the agreed rate, holds a bounded burst.
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
pub struct Bucket<BlockNumber> {
	/// Units in the bucket when it was last touched.
	pub level_units: u64,
	/// When that was.
	pub touched_at: BlockNumber,
}

/// Why a bucket does not give units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketError {
	/// Not yet: the bucket must fill first.
	Later,
	/// Not ever: a full bucket holds less.
	Never,
}

impl<BlockNumber: AtLeast32BitUnsigned + Copy> Bucket<BlockNumber> {
	/// A full bucket.
	pub fn full(rate_units_per_block: u64, burst_blocks: u32, now: BlockNumber) -> Self {
		Self { level_units: capacity(rate_units_per_block, burst_blocks), touched_at: now }
	}

	/// What it holds at `now`.
	pub fn level(&self, rate_units_per_block: u64, burst_blocks: u32, now: BlockNumber) -> u64 {
		let passed: u64 = now.saturating_sub(self.touched_at).saturated_into();
		// Saturating is exact here: the result is cut to the capacity.
		self.level_units
			.saturating_add(rate_units_per_block.saturating_mul(passed))
			.min(capacity(rate_units_per_block, burst_blocks))
	}

	/// The bucket after `units` were taken from it at `now`.
	pub fn take(
		&self,
		rate_units_per_block: u64,
		burst_blocks: u32,
		now: BlockNumber,
		units: u64,
	) -> Result<Self, BucketError> {
		if units > capacity(rate_units_per_block, burst_blocks) {
			return Err(BucketError::Never);
		}
		let level = self.level(rate_units_per_block, burst_blocks, now);
		let level_units = level.checked_sub(units).ok_or(BucketError::Later)?;
		Ok(Self { level_units, touched_at: now })
	}
}

/// Units of a full bucket. Saturates: no job has `u64::MAX` units.
fn capacity(rate_units_per_block: u64, burst_blocks: u32) -> u64 {
	rate_units_per_block.saturating_mul(u64::from(burst_blocks))
}

/// An agreement of a tenant and a provider. The terms are those of the offer when it was opened.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Lease<AccountId, Balance, BlockNumber> {
	/// Who pays.
	pub tenant: AccountId,
	/// Who computes.
	pub provider: AccountId,
	/// What is run.
	pub model: ModelId,
	/// Price of one compute unit, the model's royalty included.
	pub price_per_unit: Balance,
	/// The model owner's part of it. A later change of the model's terms does not concern this lease.
	pub royalty_per_unit: Balance,
	/// How many times its price a job may put at risk.
	pub risk_factor_max: u32,
	/// Compute units it may spend, per block.
	pub rate_units_per_block: u64,
	/// What of the rate is left now.
	pub bucket: Bucket<BlockNumber>,
	/// When it was opened.
	pub opened_at: BlockNumber,
	/// Last block in which it takes jobs.
	pub expires_at: BlockNumber,
	/// The tenant's funds.
	pub escrow: Escrow<Balance>,
	/// Jobs that hold a part of the escrow.
	pub open_jobs: u32,
	/// How far it is.
	pub state: LeaseState,
}

/// [`Lease`] of a runtime.
pub type LeaseOf<T> =
	Lease<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

impl<AccountId, Balance, BlockNumber: PartialOrd + Copy> Lease<AccountId, Balance, BlockNumber> {
	/// Whether its last block has passed.
	pub fn is_expired(&self, now: BlockNumber) -> bool {
		now > self.expires_at
	}

	/// Why it ends once no job is open, if it does.
	pub fn ends(&self, now: BlockNumber) -> Option<CloseReason> {
		match self.state {
			LeaseState::Closing(reason) => Some(reason),
			LeaseState::Open if self.is_expired(now) => Some(CloseReason::Expired),
			LeaseState::Open => None,
		}
	}
}

/// How much of the bounds a provider uses.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct ProviderCounts {
	/// Standing offers.
	pub offers: u32,
	/// Leases that have not ended.
	pub leases: u32,
}

/// What cannot happen.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, PalletError,
)]
pub enum DefensiveError {
	/// A lease without open jobs has a reserved part.
	#[codec(index = 0)]
	EscrowReserved,
}

/// A lease, as wallets and tools see it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct LeaseView<AccountId, Balance, BlockNumber> {
	/// Who pays.
	pub tenant: AccountId,
	/// Who computes.
	pub provider: AccountId,
	/// What is run.
	pub model: ModelId,
	/// Price of one compute unit, the model's royalty included.
	pub price_per_unit: Balance,
	/// The model owner's part of it.
	pub royalty_per_unit: Balance,
	/// How many times its price a job may put at risk.
	pub risk_factor_max: u32,
	/// Compute units it may spend, per block.
	pub rate_units_per_block: u64,
	/// Compute units a job submitted now may have.
	pub units_available: u64,
	/// When it was opened.
	pub opened_at: BlockNumber,
	/// Last block in which it takes jobs.
	pub expires_at: BlockNumber,
	/// Escrow that no job holds.
	pub free: Balance,
	/// Escrow that open jobs hold.
	pub reserved: Balance,
	/// Jobs that hold a part of the escrow.
	pub open_jobs: u32,
	/// How far it is.
	pub state: LeaseState,
	/// Whether it takes a job now: open and not expired.
	pub takes_jobs: bool,
}

impl<AccountId, Balance, BlockNumber> LeaseView<AccountId, Balance, BlockNumber>
where
	Balance: CheckedAdd + CheckedSub + Saturating + Copy,
	BlockNumber: AtLeast32BitUnsigned + Copy,
{
	/// What a lease looks like at `now`.
	pub fn of(
		lease: Lease<AccountId, Balance, BlockNumber>,
		now: BlockNumber,
		burst_blocks: u32,
	) -> Self {
		let takes_jobs = lease.ends(now).is_none();
		Self {
			units_available: lease.bucket.level(lease.rate_units_per_block, burst_blocks, now),
			free: lease.escrow.free(),
			reserved: lease.escrow.reserved(),
			takes_jobs,
			tenant: lease.tenant,
			provider: lease.provider,
			model: lease.model,
			price_per_unit: lease.price_per_unit,
			royalty_per_unit: lease.royalty_per_unit,
			risk_factor_max: lease.risk_factor_max,
			rate_units_per_block: lease.rate_units_per_block,
			opened_at: lease.opened_at,
			expires_at: lease.expires_at,
			open_jobs: lease.open_jobs,
			state: lease.state,
		}
	}
}

/// [`LeaseView`] of a runtime.
pub type LeaseViewOf<T> =
	LeaseView<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
