//! Stored types and their pure transitions.

use crate::{ledger::Escrow, Config};
use assay_primitives::{CloseReason, ModelId, OfferId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::fungible, PalletError};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::{
	helpers_128bit::multiply_by_rational_with_rounding, traits::AtLeast32BitUnsigned, Rounding,
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
	/// Units per block that leases on this offer have reserved. At most its capacity.
	pub reserved_units_per_block: u64,
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
	/// At what price a lease may reserve a rate, if at all.
	pub reservation: Option<ReservationTerms<Balance>>,
}

/// [`OfferTerms`] of a runtime.
pub type OfferTermsOf<T> = OfferTerms<BalanceOf<T>>;

impl<Balance> OfferTerms<Balance> {
	/// Units per block that leases may reserve in all.
	pub fn capacity_units_per_block(&self) -> u64 {
		self.reservation.as_ref().map_or(0, |terms| terms.capacity_units_per_block)
	}
}

/// What a provider asks for keeping a rate free.
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
pub struct ReservationTerms<Balance> {
	/// Price per block of the offer's whole rate. A part of the rate costs its part of the price.
	pub price_per_block: Balance,
	/// Units per block that leases may reserve in all: what the provider can serve at the same time.
	pub capacity_units_per_block: u64,
}

impl<Balance: AtLeast32BitUnsigned + Copy> ReservationTerms<Balance> {
	/// Price per block of `reserved` out of the offer's `rate` units per block. Rounded up, so that
	/// nothing is reserved for nothing. `None` for more than the rate.
	pub fn price_of(&self, reserved: u64, rate: u64) -> Option<Balance> {
		if reserved > rate {
			return None;
		}
		let whole = self.price_per_block.try_into().ok()?;
		let part = multiply_by_rational_with_rounding(
			whole,
			u128::from(reserved),
			u128::from(rate),
			Rounding::Up,
		)?;
		part.try_into().ok()
	}
}

/// A tenant's wish to reserve a rate.
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
pub struct ReservationRequest<Balance> {
	/// Units per block.
	pub rate_units_per_block: u64,
	/// Highest price per block, for all of them, that the tenant agrees to.
	pub price_limit: Balance,
}

/// [`ReservationRequest`] of a runtime.
pub type ReservationRequestOf<T> = ReservationRequest<BalanceOf<T>>;

/// A rate that a provider keeps free for one lease, while the lease takes jobs. It is paid for by
/// the block, used or not, and blocks count as they are: a pause of the jobs' clock costs what
/// other blocks cost, since the provider's machines are kept free all the same.
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
pub struct RateReservation<Balance, BlockNumber> {
	/// The offer whose capacity it is a part of.
	pub offer: OfferId,
	/// Units per block. At most the rate of the lease.
	pub rate_units_per_block: u64,
	/// Price per block of all of them.
	pub price_per_block: Balance,
	/// Last block that is paid for.
	pub paid_until: BlockNumber,
}

/// [`RateReservation`] of a runtime.
pub type RateReservationOf<T> = RateReservation<BalanceOf<T>, BlockNumberFor<T>>;

/// What is due for a reserved rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateDue<Balance, BlockNumber> {
	/// What the free escrow can pay of it.
	pub payable: Balance,
	/// Last block that it is for.
	pub until: BlockNumber,
	/// How many blocks those are.
	pub blocks: u64,
	/// The free escrow cannot pay all of it.
	pub is_overdrawn: bool,
}

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
	/// What of these is kept free for it. None where it never was, and once it takes no job.
	pub reservation: Option<RateReservation<Balance, BlockNumber>>,
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

impl<AccountId, Balance, BlockNumber> Lease<AccountId, Balance, BlockNumber>
where
	Balance: AtLeast32BitUnsigned + Copy,
	BlockNumber: AtLeast32BitUnsigned + Copy,
{
	/// What is due at `now` for the rate that it reserves, if it does: every block after the one
	/// that opened the lease, up to its last. In one step, however many blocks have passed.
	pub fn rate_due(&self, now: BlockNumber) -> Option<RateDue<Balance, BlockNumber>> {
		let reservation = self.reservation.as_ref()?;
		let until = now.min(self.expires_at).max(reservation.paid_until);
		let blocks: u64 = until.saturating_sub(reservation.paid_until).saturated_into();
		// Saturating is exact enough: what does not fit a balance, no escrow covers.
		let owed = reservation.price_per_block.saturating_mul(blocks.saturated_into());
		let free = self.escrow.free();
		Some(RateDue { payable: owed.min(free), until, blocks, is_overdrawn: owed > free })
	}

	/// Whether its free escrow does not pay what is due.
	pub fn is_overdrawn(&self, now: BlockNumber) -> bool {
		self.rate_due(now).is_some_and(|due| due.is_overdrawn)
	}

	/// Escrow that no job holds, less what is due.
	pub fn free(&self, now: BlockNumber) -> Balance {
		let free = self.escrow.free();
		// What is payable is a part of it.
		self.rate_due(now).map_or(free, |due| free.saturating_sub(due.payable))
	}

	/// Whether its last block has passed.
	pub fn is_expired(&self, now: BlockNumber) -> bool {
		now > self.expires_at
	}

	/// Why it ends once no job is open, if it does.
	pub fn ends(&self, now: BlockNumber) -> Option<CloseReason> {
		match self.state {
			LeaseState::Closing(reason) => Some(reason),
			LeaseState::Open if self.is_overdrawn(now) => Some(CloseReason::Overdrawn),
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
	/// What of these is kept free for it, until when that is paid.
	pub reservation: Option<RateReservation<Balance, BlockNumber>>,
	/// Compute units a job submitted now may have.
	pub units_available: u64,
	/// When it was opened.
	pub opened_at: BlockNumber,
	/// Last block in which it takes jobs.
	pub expires_at: BlockNumber,
	/// Escrow that no job holds, less what is due.
	pub free: Balance,
	/// Escrow that open jobs hold.
	pub reserved: Balance,
	/// Escrow that whoever settles the lease when it is overdrawn earns, and else the tenant gets
	/// back.
	pub set_aside: Balance,
	/// What the lease owes for its reserved rate now, as far as its escrow reaches.
	pub due: Balance,
	/// Jobs that hold a part of the escrow.
	pub open_jobs: u32,
	/// How far it is.
	pub state: LeaseState,
	/// Whether it takes a job now: open, not expired and not overdrawn.
	pub takes_jobs: bool,
	/// Whether it owes more than its free escrow: anyone may settle it.
	pub is_overdrawn: bool,
}

impl<AccountId, Balance, BlockNumber> LeaseView<AccountId, Balance, BlockNumber>
where
	Balance: AtLeast32BitUnsigned + Copy,
	BlockNumber: AtLeast32BitUnsigned + Copy,
{
	/// What a lease looks like at `now`.
	pub fn of(
		lease: Lease<AccountId, Balance, BlockNumber>,
		now: BlockNumber,
		burst_blocks: u32,
	) -> Self {
		Self {
			units_available: lease.bucket.level(lease.rate_units_per_block, burst_blocks, now),
			free: lease.free(now),
			reserved: lease.escrow.reserved(),
			set_aside: lease.escrow.set_aside(),
			due: lease.rate_due(now).map_or_else(Balance::zero, |due| due.payable),
			takes_jobs: lease.ends(now).is_none(),
			is_overdrawn: lease.is_overdrawn(now),
			reservation: lease.reservation,
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
