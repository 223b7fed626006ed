//! A chain with balances, real stake and providers, and a node's off-chain extensions around it.

use crate as pallet_providers;
use crate::{Device, DeviceKind, Endpoint};
use assay_primitives::{
	offchain::{ExecutorSettings, EXECUTOR_SETTINGS_KEY},
	worker::WorkerPair,
	worker_statement, WorkerKey, WorkerSignature, WORKER_KEY_TYPE,
};
use codec::Encode;
use frame_support::{
	derive_impl, parameter_types,
	traits::{
		fungible::HoldConsideration, ConstU128, ConstU32, ConstU64, Hooks, LinearStoragePrice,
	},
	BoundedVec,
};
use frame_system::EnsureRoot;
use sp_core::{
	offchain::{
		testing::{TestOffchainExt, TestTransactionPoolExt},
		OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
	},
	Pair, H256,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use sp_runtime::{generic, traits::BlakeTwo256, BuildStorage};
use std::sync::Arc;

pub(crate) type AccountId = u64;
pub(crate) type Balance = u128;
type TxExtension = frame_system::AuthorizeCall<Test>;
/// What the off-chain worker submits.
pub(crate) type Extrinsic = sp_runtime::testing::TestXt<RuntimeCall, TxExtension>;
type Block = generic::Block<generic::Header<u32, BlakeTwo256>, Extrinsic>;

/// Existential deposit.
pub(crate) const ED: Balance = 10;
/// Bond that a provider needs.
pub(crate) const MIN_PROVIDER_BOND: Balance = 1_000;
/// What each of the endowed accounts starts with.
pub(crate) const ENDOWMENT: Balance = 100_000;
/// Deposit for any record, and for each of its bytes.
pub(crate) const DEPOSIT_BASE: Balance = 50;
pub(crate) const DEPOSIT_PER_BYTE: Balance = 2;
/// Blocks of a duty period.
pub(crate) const PERIOD: u32 = 20;
/// Duty periods of a half-life.
pub(crate) const HALVING: u32 = 3;
/// Fees and tenants of full trust.
pub(crate) const FEES_FULL: Balance = 1_000;
pub(crate) const TENANTS_FULL: u32 = 4;
/// Most devices.
pub(crate) const MAX_DEVICES: u32 = 4;
/// Priority of heartbeats.
pub(crate) const PRIORITY: u64 = 1 << 20;
/// Endowed accounts; the first two have bonded.
pub(crate) const ALICE: AccountId = 1;
pub(crate) const BOB: AccountId = 2;
pub(crate) const CHARLIE: AccountId = 3;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(2)]
	pub type Stake = pallet_stake;
	#[runtime::pallet_index(3)]
	pub type Providers = pallet_providers;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<ED>;
	type AccountStore = System;
}

impl pallet_stake::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = ();
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = ConstU32<100>;
	type MaxUnbondingChunks = ConstU32<4>;
	type MinBond = ConstU128<100>;
	type WeightInfo = ();
}

parameter_types! {
	pub const RecordHoldReason: RuntimeHoldReason =
		RuntimeHoldReason::Providers(pallet_providers::HoldReason::Record);
	pub const DepositBase: Balance = DEPOSIT_BASE;
	pub const DepositPerByte: Balance = DEPOSIT_PER_BYTE;
}

impl pallet_providers::Config for Test {
	type Balance = Balance;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Stake = Stake;
	type MinProviderBond = ConstU128<MIN_PROVIDER_BOND>;
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		RecordHoldReason,
		LinearStoragePrice<DepositBase, DepositPerByte, Balance>,
	>;
	type DutyPeriod = ConstU32<PERIOD>;
	type RecordHalving = ConstU32<HALVING>;
	type RecordFeesFull = ConstU128<FEES_FULL>;
	type RecordTenantsFull = ConstU32<TENANTS_FULL>;
	type MaxDevices = ConstU32<MAX_DEVICES>;
	type HeartbeatPriority = ConstU64<PRIORITY>;
	type WeightInfo = pallet_providers::weights::SubstrateWeight<Test>;
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	type RuntimeCall = RuntimeCall;
	type Extrinsic = Extrinsic;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	type Extension = TxExtension;

	fn create_transaction(call: RuntimeCall, extension: Self::Extension) -> Extrinsic {
		Extrinsic::new_transaction(call, extension)
	}
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	fn create_extension() -> Self::Extension {
		TxExtension::new()
	}
}

/// Hash of the first block of this chain.
pub(crate) fn genesis() -> H256 {
	H256::repeat_byte(7)
}

/// Everything of a node that an off-chain worker can touch.
pub(crate) struct Node {
	pub(crate) keystore: Arc<MemoryKeystore>,
	pub(crate) offchain: TestOffchainExt,
	take_submitted: Box<dyn Fn() -> Vec<Vec<u8>>>,
}

impl Node {
	/// Make a worker key in the keystore.
	pub(crate) fn worker_key(&self) -> WorkerKey {
		let key = self.keystore.sr25519_generate_new(WORKER_KEY_TYPE, None).expect("in memory");
		WorkerKey::from(key)
	}

	/// Take the extrinsics out of the pool.
	pub(crate) fn take_submitted(&self) -> Vec<Vec<u8>> {
		(self.take_submitted)()
	}
}

/// Run `test` in block 1 between the integrity tests and a check of every invariant.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	build_and_execute_with_node(|_| test());
}

/// As [`build_and_execute`], with a node around the chain.
pub(crate) fn build_and_execute_with_node(test: impl FnOnce(&Node)) {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("the default genesis builds");
	pallet_balances::GenesisConfig::<Test> {
		balances: [ALICE, BOB, CHARLIE].map(|who| (who, ENDOWMENT)).to_vec(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.expect("the endowments build");

	let (offchain, _) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	let keystore = Arc::new(MemoryKeystore::new());
	let node = Node {
		keystore: keystore.clone(),
		offchain: offchain.clone(),
		take_submitted: Box::new(move || std::mem::take(&mut pool_state.write().transactions)),
	};

	let mut ext = sp_io::TestExternalities::from(storage);
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt(keystore));
	ext.execute_with(|| {
		System::set_block_number(1);
		frame_system::BlockHash::<Test>::insert(0, genesis());
		Stake::integrity_test();
		Providers::integrity_test();
		for who in [ALICE, BOB] {
			Stake::bond(RuntimeOrigin::signed(who), MIN_PROVIDER_BOND).expect("endowed");
		}
		System::reset_events();
		test(&node);
		check_invariants();
	});
}

/// Every invariant of every pallet of ours.
pub(crate) fn check_invariants() {
	Stake::do_try_state().expect("invariants hold");
	Providers::do_try_state().expect("invariants hold");
}

/// Go to a block, with no events left over.
pub(crate) fn roll_to(number: u32) {
	System::set_block_number(number);
	System::reset_events();
}

/// The events of the pallet under test since the last reset.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Providers(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// The deposit that is on hold of an account.
pub(crate) fn deposit(who: AccountId) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::balance_on_hold(&RecordHoldReason::get(), &who)
}

/// A worker key pair of a test, by number.
pub(crate) fn pair(number: u8) -> WorkerPair {
	WorkerPair::from_seed(&[number; 32])
}

/// The proof that a worker key agrees to act for an account.
pub(crate) fn proof(pair: &WorkerPair, owner: AccountId) -> WorkerSignature {
	pair.sign(&worker_statement(&genesis(), &owner))
}

/// A device, as a provider would name it.
pub(crate) fn device(name: &str) -> Device {
	Device {
		name: name.as_bytes().to_vec().try_into().expect("short"),
		memory_mib: 16_384,
		kind: DeviceKind::Cpu,
	}
}

/// Some devices.
pub(crate) fn devices(count: usize) -> BoundedVec<Device, ConstU32<MAX_DEVICES>> {
	vec![device("16 cores"); count].try_into().expect("not too many")
}

/// An endpoint from text.
pub(crate) fn endpoint(text: &str) -> Endpoint {
	text.as_bytes().to_vec().try_into().expect("short")
}

/// Register without looking.
pub(crate) fn register(owner: AccountId, pair: &WorkerPair) {
	Providers::register(
		RuntimeOrigin::signed(owner),
		devices(1),
		endpoint("http://127.0.0.1:9955"),
		pair.public(),
		proof(pair, owner),
	)
	.expect("bonded, and the key is free");
	System::reset_events();
}

/// Tell the node where its executor is.
pub(crate) fn set_executor(url: &[u8]) {
	let settings = ExecutorSettings { url: url.to_vec(), token: b"secret".to_vec() };
	sp_io::offchain::local_storage_set(
		sp_core::offchain::StorageKind::PERSISTENT,
		EXECUTOR_SETTINGS_KEY,
		&settings.encode(),
	);
}
