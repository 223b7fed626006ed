//! The system pallet and time: what fits into a block, and how long hashes are kept.

use frame_support::{
	derive_impl,
	dispatch::DispatchClass,
	parameter_types,
	traits::{ConstU16, ConstU64},
	weights::constants::ParityDbWeight,
};
use frame_system::limits;
use sp_runtime::traits::AccountIdLookup;

use crate::{
	weights::{
		AVERAGE_ON_INITIALIZE_RATIO, BLOCK_EXECUTION_WEIGHT, EXTRINSIC_BASE_WEIGHT,
		MAXIMUM_BLOCK_LENGTH, MAXIMUM_BLOCK_WEIGHT, NORMAL_DISPATCH_RATIO,
	},
	AccountId, Babe, Balance, Block, BlockNumber, Nonce, PalletInfo, Runtime, RuntimeCall,
	RuntimeEvent, RuntimeOrigin, RuntimeTask, MILLISECONDS_PER_SLOT, SS58_PREFIX, VERSION,
};

parameter_types! {
	/// Block hashes that the state keeps. It bounds how long a transaction may wait for its block,
	/// and the time between a commitment and the reveal that names a final block.
	pub const BlockHashCount: BlockNumber = 4_096;
	/// The runtime's version.
	pub const Version: sp_version::RuntimeVersion = VERSION;
	/// Weight limits of a block.
	pub BlockWeights: limits::BlockWeights = block_weights();
	/// Length limits of a block.
	pub BlockLength: limits::BlockLength = block_length();
}

/// A third of a slot: authors have two thirds of it, and importing takes as long as authoring.
fn block_weights() -> limits::BlockWeights {
	limits::BlockWeights::builder()
		.base_block(BLOCK_EXECUTION_WEIGHT)
		.for_class(DispatchClass::all(), |weights| weights.base_extrinsic = EXTRINSIC_BASE_WEIGHT)
		.for_class(DispatchClass::Normal, |weights| {
			weights.max_total = Some(NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_WEIGHT);
		})
		.for_class(DispatchClass::Operational, |weights| {
			weights.max_total = Some(MAXIMUM_BLOCK_WEIGHT);
			// What normal transactions may not use is kept for operational ones.
			weights.reserved =
				Some(MAXIMUM_BLOCK_WEIGHT - NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_WEIGHT);
		})
		.avg_block_initialization(AVERAGE_ON_INITIALIZE_RATIO)
		.build_or_panic()
}

fn block_length() -> limits::BlockLength {
	limits::BlockLength::builder()
		.max_length(MAXIMUM_BLOCK_LENGTH)
		.modify_max_length_for_class(DispatchClass::Normal, |length| {
			*length = NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_LENGTH;
		})
		.build()
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
	type AccountData = pallet_balances::AccountData<Balance>;
	type AccountId = AccountId;
	type Block = Block;
	type BlockHashCount = BlockHashCount;
	type BlockLength = BlockLength;
	type BlockWeights = BlockWeights;
	type DbWeight = ParityDbWeight;
	type ExtensionsWeightInfo = frame_system::SubstrateExtensionsWeight<Runtime>;
	type Lookup = AccountIdLookup<AccountId, ()>;
	type Nonce = Nonce;
	type SS58Prefix = ConstU16<SS58_PREFIX>;
	type SystemWeightInfo = frame_system::weights::SubstrateWeight<Runtime>;
	type Version = Version;
}

impl pallet_timestamp::Config for Runtime {
	type Moment = u64;
	type OnTimestampSet = Babe;
	// BABE takes twice this as the length of a slot.
	type MinimumPeriod = ConstU64<{ MILLISECONDS_PER_SLOT / 2 }>;
	type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}
