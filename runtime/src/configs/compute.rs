//! The pallets of compute: bonds, providers, models, leases, jobs, disputes, audits, traps and
//! demands. How long things take on a chain is in the jobs pallet's genesis
//! ([`pallet_jobs::Timing`]), so chains of one runtime can differ.

use assay_primitives::economics;
use frame_support::{
	parameter_types,
	traits::{
		fungible::HoldConsideration, tokens::imbalance::ResolveTo, ConstU128, ConstU32, ConstU64,
		Contains, Get, LinearStoragePrice,
	},
	PalletId,
};
use frame_system::EnsureRoot;
use sp_core::H256;
use sp_runtime::{Perbill, Permill};

use crate::{
	configs::TreasuryAccount, deposit, weights, AccountId, AuditStake, Audits, Babe, Balance,
	Balances, BlockNumber, Jobs, Leases, Models, ProviderStake, Providers, Runtime,
	RuntimeHoldReason, Traps, ASY, DAYS, MICRO_ASY, MILLI_ASY,
};

parameter_types! {
	/// Longer than anything that a bond can still have to answer for: a job of the highest price,
	/// its window, its grace, and the longest game over it.
	pub const UnbondingBlocks: BlockNumber = 28 * DAYS;
	/// Why deposits for providers' records are held.
	pub const ProviderRecordHoldReason: RuntimeHoldReason =
		RuntimeHoldReason::Providers(pallet_providers::HoldReason::Record);
	/// What a provider's record costs to keep.
	pub const ProviderRecordBase: Balance = deposit(3, 0);
	/// And each of its bytes.
	pub const ProviderRecordByte: Balance = deposit(0, 1);
	/// The protocol's share of every job's price.
	pub const ProtocolFee: Permill = Permill::from_percent(1);
	/// What a challenger earns of a pledge at least: enough to pay for looking, far too little for a
	/// provider to gain by convicting itself.
	pub const ChallengeReward: Permill = Permill::from_percent(20);
	/// Names the account that audits are paid from.
	pub const AuditPoolId: PalletId = PalletId(*b"asyaudit");
	/// What a provider gets of the price of a demand. It owes what is demanded, so that is for its
	/// trouble; the rest is for the block space, which costs it no fee.
	pub const DemandShare: Permill = Permill::from_percent(50);
	/// About a tenth a year, at ten million blocks.
	pub const PledgeRent: Perbill = Perbill::from_parts(10);
}

impl pallet_stake::Config<pallet_stake::Instance1> for Runtime {
	type Currency = Balances;
	type ForceOrigin = EnsureRoot<AccountId>;
	type MaxUnbondingChunks = ConstU32<32>;
	type MinBond = ConstU128<ASY>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Slash = ResolveTo<TreasuryAccount, Balances>;
	type UnbondingBlocks = UnbondingBlocks;
	type WeightInfo = weights::stake::WeightInfo<Runtime>;
}

// What is set aside for audits, apart from what answers for own jobs.
impl pallet_stake::Config<pallet_stake::Instance2> for Runtime {
	type Currency = Balances;
	type ForceOrigin = EnsureRoot<AccountId>;
	type MaxUnbondingChunks = ConstU32<32>;
	type MinBond = ConstU128<ASY>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Slash = ResolveTo<TreasuryAccount, Balances>;
	type UnbondingBlocks = UnbondingBlocks;
	type WeightInfo = weights::stake::WeightInfo<Runtime>;
}

/// Blocks of a duty period, as the chain's genesis says.
#[derive(Debug)]
pub struct DutyPeriod;

impl Get<u32> for DutyPeriod {
	fn get() -> u32 {
		Jobs::timing().duty_period
	}
}

impl pallet_providers::Config for Runtime {
	type Balance = Balance;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		ProviderRecordHoldReason,
		LinearStoragePrice<ProviderRecordBase, ProviderRecordByte, Balance>,
	>;
	type Currency = Balances;
	type DutyPeriod = DutyPeriod;
	type HeartbeatPriority = ConstU64<{ 1 << 20 }>;
	type MaxDevices = ConstU32<64>;
	type MinProviderBond = ConstU128<{ 100 * ASY }>;
	// As much as the least bond: a record costs no less to buy than a pledge to hold.
	type RecordFeesFull = ConstU128<{ 100 * ASY }>;
	// A month, where a duty period takes five minutes.
	type RecordHalving = ConstU32<8_640>;
	type RecordTenantsFull = ConstU32<16>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Stake = ProviderStake;
	type WeightInfo = weights::providers::WeightInfo<Runtime>;
}

/// The semantics that a new model may name.
///
/// The draft's golden vectors may still change, so only test networks may accept it; every preset
/// of this runtime is one. A network that keeps its results for good starts with a released number.
#[derive(Debug)]
pub struct AcceptedSemantics;

impl Contains<u32> for AcceptedSemantics {
	fn contains(semantics: &u32) -> bool {
		*semantics == assay_program::SEMANTICS_DRAFT
	}
}

impl pallet_models::Config for Runtime {
	type AcceptedSemantics = AcceptedSemantics;
	type Currency = Balances;
	type ModelDeposit = ConstU128<{ deposit(1, 160) }>;
	type ProgramDepositBase = ConstU128<{ deposit(2, 256) }>;
	type ProgramDepositPerByte = ConstU128<{ deposit(0, 1) }>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WeightInfo = weights::models::WeightInfo<Runtime>;
}

impl pallet_leases::Config for Runtime {
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Currency = Balances;
	type MaxLeasesPerProvider = ConstU32<1_024>;
	type MaxOffersPerProvider = ConstU32<64>;
	// An eighth of a provider's slots, for each lease.
	type MaxOpenJobsPerLease = ConstU32<32>;
	type MinEscrow = ConstU128<{ 10 * MILLI_ASY }>;
	type Models = Models;
	type OfferDeposit = ConstU128<{ deposit(2, 128) }>;
	// Ten times what the call costs.
	type OverdraftFee = ConstU128<{ 10 * MILLI_ASY }>;
	type ProtocolFee = ProtocolFee;
	type Providers = Providers;
	// Ten minutes: a tenant that paused may catch up, not flood.
	type RateBurstBlocks = ConstU32<200>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type WeightInfo = weights::leases::WeightInfo<Runtime>;
}

impl pallet_jobs::Config for Runtime {
	type AuditStake = AuditStake;
	// Half of it repays whoever wins a game about the claim: see `GameCost`.
	type AuditedPledgeMin = ConstU128<{ 4 * ASY }>;
	type Audits = Audits;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Currency = Balances;
	type Leases = Leases;
	type MaxOpenSlots = ConstU32<256>;
	type Models = Models;
	type NonceFee = ConstU128<{ 10 * MILLI_ASY }>;
	type ProtocolFee = ProtocolFee;
	type Providers = Providers;
	type Stake = ProviderStake;
	type Traps = Traps;
	type Treasury = TreasuryAccount;
	type WeightInfo = weights::jobs::WeightInfo<Runtime>;
}

impl pallet_disputes::Config for Runtime {
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Claims = Jobs;
	type Currency = Balances;
	// What half a megabyte in a block would cost in fees, roughly.
	type GameCost = ConstU128<ASY>;
	type MaxGamesPerChallenger = ConstU32<64>;
	type Models = Models;
	type MoveBlocks = ConstU32<32>;
	type PledgeRent = PledgeRent;
	type Providers = Providers;
	type Reward = ChallengeReward;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type WeightInfo = weights::disputes::WeightInfo<Runtime>;
}

/// What authors of blocks draw by their VRF. Every slot of this chain has one, so BABE's value is
/// always that of the block before.
#[derive(Debug)]
pub struct AuthorVrf;

impl pallet_audits::AuthorRandomness for AuthorVrf {
	fn author_vrf() -> Option<H256> {
		Babe::author_vrf_randomness().map(H256)
	}
}

impl pallet_audits::Config for Runtime {
	type AuditPledgeFactor = ConstU32<{ economics::AUDIT_PLEDGE_FACTOR as u32 }>;
	type AuditPledgeMin = ConstU128<ASY>;
	type AuditStake = AuditStake;
	type AuthorRandomness = AuthorVrf;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Currency = Balances;
	type Jobs = Jobs;
	type LambdaMin = ConstU32<{ economics::LAMBDA_MIN_PPB }>;
	// A minute: an honest provider waits no longer where nobody else sends the mark.
	type MarkDelay = ConstU32<20>;
	type MaxPools = ConstU32<16>;
	// One other holder with the smallest audit bond: test networks are small. A network with value
	// on it asks for more.
	type MinHeldStake = ConstU128<ASY>;
	type MinHolders = ConstU32<1>;
	type Models = Models;
	type NoticeBlocks = ConstU32<10>;
	type PalletId = AuditPoolId;
	type Providers = Providers;
	type RingSize = ConstU32<256>;
	type WeightInfo = weights::audits::WeightInfo<Runtime>;
}

impl pallet_traps::Config for Runtime {
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	type Currency = Balances;
	type JackpotFactor = ConstU32<{ economics::JACKPOT_FACTOR as u32 }>;
	// What a league of licensee and auditors can draw for each trap that it is allowed.
	type JackpotMax = ConstU128<{ 10 * ASY }>;
	type Jobs = Jobs;
	type Treasury = TreasuryAccount;
	type TreasuryOrigin = EnsureRoot<AccountId>;
	type WeightInfo = weights::traps::WeightInfo<Runtime>;
}

impl pallet_demands::Config for Runtime {
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benches::Helper;
	// Five minutes: a power cut must not ruin an honest provider.
	type AnswerBlocks = ConstU32<100>;
	// A minute: a minute for each of the 64 chunks of the largest item is an hour, and a job is held
	// for two of these, and twice the first answer's five minutes, at most.
	type ChunkBlocks = ConstU32<20>;
	type Currency = Balances;
	type Jobs = Jobs;
	// Twice what a byte in a block would cost in fees, roughly: an ASY for the largest item.
	type PricePerByte = ConstU128<{ 4 * MICRO_ASY }>;
	type ProviderShare = DemandShare;
	type Providers = Providers;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type WeightInfo = weights::demands::WeightInfo<Runtime>;
}
