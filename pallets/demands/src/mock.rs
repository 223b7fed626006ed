//! A runtime of this pallet and its real neighbours, but for jobs: a table stands for these.

use crate as pallet_demands;
use crate::{types::Chunk, Call};
use assay_primitives::{
	demand_statement, worker::WorkerPair, worker_statement, AccountId, Balance, BlockNumber, Item,
	JobDigest, Owed, OwedItems, SlotId, WantedInput, WorkerKey,
};
use assay_trace::BlobTree;
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	assert_ok, derive_impl, ensure, parameter_types, storage_alias,
	traits::{
		fungible::{HoldConsideration, InspectHold},
		Authorize, ConstU128, ConstU32, ConstU64, Hooks, LinearStoragePrice, OnFinalize,
		OnInitialize,
	},
	Blake2_128Concat,
};
use frame_system::{EnsureRoot, RawOrigin};
use scale_info::TypeInfo;
use sp_core::{Pair, H256};
use sp_runtime::{
	traits::IdentityLookup,
	transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
	BuildStorage, DispatchError, DispatchResult, Permill,
};

pub(crate) const UNIT: Balance = 1_000_000_000_000;
pub(crate) const ENDOWMENT: Balance = 1_000_000 * UNIT;
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 1_000_000_000;
/// A price that the share does not divide.
pub(crate) const PRICE_PER_BYTE: Balance = 1_000_001;
pub(crate) const CHUNK_BLOCKS: u32 = 20;
/// Blocks for which jobs of the table are kept.
const PERIOD: u32 = 20;

#[frame_support::runtime]
mod test_runtime {
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
	#[runtime::pallet_index(4)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(40)]
	pub type ProviderStake = pallet_stake<Instance1>;
	#[runtime::pallet_index(41)]
	pub type Providers = pallet_providers;
	#[runtime::pallet_index(49)]
	pub type Demands = pallet_demands;
}

pub(crate) type TxExtension = frame_system::AuthorizeCall<Test>;
pub(crate) type Extrinsic = sp_runtime::generic::UncheckedExtrinsic<
	AccountId,
	RuntimeCall,
	sp_runtime::testing::UintAuthorityId,
	TxExtension,
>;
type Header = sp_runtime::generic::Header<BlockNumber, sp_runtime::traits::BlakeTwo256>;
type Block = sp_runtime::generic::Block<Header, Extrinsic>;

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
}

parameter_types! {
	pub Treasury: AccountId = account(99);
	pub const ProviderRecord: RuntimeHoldReason =
		RuntimeHoldReason::Providers(pallet_providers::HoldReason::Record);
	pub const RecordBase: Balance = UNIT / 10;
	pub const RecordByte: Balance = UNIT / 10_000;
	pub const ProviderShare: Permill = Permill::from_parts(333_333);
	/// Blocks for the first chunk.
	pub storage AnswerBlocks: u32 = CHUNK_BLOCKS;
	/// Whether jobs are paused.
	pub storage Paused: bool = false;
	/// Blocks for which the clock of jobs has stood still.
	pub storage StoodStill: u32 = 0;
}

impl pallet_stake::Config<pallet_stake::Instance1> for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = ();
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = ConstU32<200>;
	type MaxUnbondingChunks = ConstU32<8>;
	type MinBond = ConstU128<UNIT>;
	type WeightInfo = ();
}

impl pallet_providers::Config for Test {
	type Balance = Balance;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Stake = ProviderStake;
	type MinProviderBond = ConstU128<{ 10 * UNIT }>;
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		ProviderRecord,
		LinearStoragePrice<RecordBase, RecordByte, Balance>,
	>;
	type DutyPeriod = ConstU32<PERIOD>;
	type RecordHalving = ConstU32<10>;
	type RecordFeesFull = ConstU128<UNIT>;
	type RecordTenantsFull = ConstU32<2>;
	type MaxDevices = ConstU32<4>;
	type HeartbeatPriority = ConstU64<1>;
	type WeightInfo = ();
}

/// A job in the table: what of it is owed, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub(crate) struct MockJob {
	/// Digest and length of input and output, where they are owed.
	pub items: [Option<(H256, u32)>; 2],
	pub demanded: [bool; 2],
	pub is_held: bool,
	pub is_withheld: bool,
}

#[storage_alias]
pub(crate) type MockJobs = StorageMap<Mock, Blake2_128Concat, JobDigest, MockJob>;

/// Jobs of the table, whose slots are all the provider's.
#[derive(Debug)]
pub struct Table;

pub(crate) fn place(item: Item) -> usize {
	match item {
		Item::Input => 0,
		Item::Output => 1,
	}
}

impl OwedItems<AccountId> for Table {
	fn now() -> u32 {
		System::block_number() - StoodStill::get()
	}

	fn block_of(time: u32) -> u32 {
		time + StoodStill::get()
	}

	fn is_paused() -> bool {
		Paused::get()
	}

	fn owed(job: JobDigest, item: Item) -> Result<Owed<AccountId>, DispatchError> {
		let entry = MockJobs::get(job).ok_or("no such job")?;
		ensure!(!entry.is_held && !entry.is_withheld, "held, or over");
		ensure!(!entry.demanded[place(item)], "demanded before");
		let (digest, length) = entry.items[place(item)].ok_or("not owed")?;
		let (provider, worker) = (provider(), key_of(&provider()));
		Ok(Owed { slot: SLOT, provider, worker, digest, length })
	}

	fn hold(job: JobDigest, item: Item) -> DispatchResult {
		Self::owed(job, item)?;
		MockJobs::mutate(job, |entry| {
			let entry = entry.as_mut().unwrap();
			entry.is_held = true;
			entry.demanded[place(item)] = true;
		});
		Ok(())
	}

	fn resume(job: JobDigest) {
		MockJobs::mutate(job, |entry| entry.as_mut().unwrap().is_held = false);
	}

	fn bar(job: JobDigest) -> u32 {
		Self::resume(job);
		1
	}

	fn duties(worker: &WorkerKey) -> Vec<JobDigest> {
		match *worker == key_of(&provider()) {
			true => MockJobs::iter_keys().collect(),
			false => Vec::new(),
		}
	}

	fn withhold(job: JobDigest, slot: SlotId) -> u32 {
		assert_eq!(slot, SLOT);
		Self::resume(job);
		MockJobs::mutate(job, |entry| entry.as_mut().unwrap().is_withheld = true);
		1
	}

	fn stored_as(slot: SlotId, item: Item) -> Option<H256> {
		assert_eq!(slot, SLOT);
		let open = MockJobs::iter_values().find(|entry| entry.is_held)?;
		let (digest, _) = open.items[place(item)]?;
		match item {
			Item::Input => Some(digest),
			Item::Output => Some(H256(output_digest(&digest))),
		}
	}

	fn wanted_inputs(worker: &WorkerKey) -> Vec<WantedInput> {
		if *worker != key_of(&demander()) {
			return Vec::new();
		}
		let wanted = |(job, entry): (JobDigest, MockJob)| {
			let (digest, length) = entry.items[0]?;
			Some(WantedInput { job, slot: SlotId(8), digest, length })
		};
		MockJobs::iter().filter_map(wanted).collect()
	}

	fn held() -> Vec<JobDigest> {
		MockJobs::iter().filter(|(_, entry)| entry.is_held).map(|(job, _)| job).collect()
	}
}

impl pallet_demands::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Jobs = Table;
	type Providers = Providers;
	type Treasury = Treasury;
	type PricePerByte = ConstU128<PRICE_PER_BYTE>;
	type ProviderShare = ProviderShare;
	type AnswerBlocks = AnswerBlocks;
	type ChunkBlocks = ConstU32<CHUNK_BLOCKS>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Table;
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper for Table {
	fn owed(digest: H256, _slots: u32) -> JobDigest {
		add_job(0, [Some((digest, 16_384)), None])
	}

	fn demander() -> (AccountId, WorkerKey) {
		use sp_runtime::RuntimeAppPublic;
		// The keystore makes the key that the account has in tests.
		let who = demander();
		let bytes: &[u8; 32] = who.as_ref();
		let phrase = format!("0x{}", bytes.map(|byte| format!("{byte:02x}")).concat());
		let worker = WorkerKey::generate_pair(Some(phrase.into_bytes()));
		assert_eq!(worker, key_of(&who));
		register_provider(&who);
		(who, worker)
	}
}

/// What benchmarks run in: as tests do, with a keystore.
#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_benchmark_ext() -> sp_io::TestExternalities {
	let mut ext = new_test_ext();
	let keystore = sp_keystore::testing::MemoryKeystore::new();
	ext.register_extension(sp_keystore::KeystoreExt::new(keystore));
	ext
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

pub(crate) const SLOT: SlotId = SlotId(7);

pub(crate) fn account(n: u8) -> AccountId {
	AccountId::new([n; 32])
}

/// Who owes everything in tests.
pub(crate) fn provider() -> AccountId {
	account(1)
}

/// Who demands it.
pub(crate) fn demander() -> AccountId {
	account(2)
}

pub(crate) fn stranger() -> AccountId {
	account(3)
}

/// The digest of an output of one step whose data has this digest.
pub(crate) fn output_digest(data: &H256) -> [u8; 32] {
	assay_program::Claim::Output { count: 1, data: data.0 }.output()
}

/// The worker key of an account: everybody has one here.
pub(crate) fn worker_of(who: &AccountId) -> WorkerPair {
	let bytes: &[u8; 32] = who.as_ref();
	WorkerPair::from_seed(bytes)
}

pub(crate) fn key_of(who: &AccountId) -> WorkerKey {
	WorkerKey::from(worker_of(who).public())
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RawOrigin::Signed(who).into()
}

pub(crate) fn genesis() -> H256 {
	H256([42; 32])
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let endowed = [provider(), demander(), stranger(), account(99)];
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig {
			balances: endowed.map(|who| (who, ENDOWMENT)).to_vec(),
			dev_accounts: None,
		},
		system: Default::default(),
	}
	.build_storage()
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		start_block(1);
		Demands::integrity_test();
		register_provider(&provider());
	});
	ext
}

/// Run the test, then all invariants of all pallets.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		try_state();
	});
}

pub(crate) fn try_state() {
	Demands::do_try_state().unwrap();
	ProviderStake::do_try_state().unwrap();
	Providers::do_try_state().unwrap();
}

fn start_block(number: BlockNumber) {
	System::reset_events();
	let parent = H256::from_low_u64_be(u64::from(number));
	System::initialize(&number, &parent, &Default::default());
	// The system pallet takes what it is given as the parent of block 1 for genesis.
	if number == 1 {
		frame_system::BlockHash::<Test>::insert(0, genesis());
	}
	AllPalletsWithSystem::on_initialize(number);
}

/// Finish blocks and start the next ones, up to `number`.
pub(crate) fn roll_to(number: BlockNumber) {
	while System::block_number() < number {
		let now = System::block_number();
		AllPalletsWithSystem::on_finalize(now);
		start_block(now + 1);
	}
}

pub(crate) fn roll_by(blocks: BlockNumber) {
	roll_to(System::block_number() + blocks);
}

pub(crate) fn register_provider(who: &AccountId) {
	assert_ok!(ProviderStake::bond(signed(who.clone()), 100 * UNIT));
	let device = pallet_providers::types::Device {
		name: b"cores".to_vec().try_into().unwrap(),
		memory_mib: 1_024,
		kind: pallet_providers::types::DeviceKind::Cpu,
	};
	let pair = worker_of(who);
	assert_ok!(Providers::register(
		signed(who.clone()),
		vec![device].try_into().unwrap(),
		b"http://127.0.0.1:9950".to_vec().try_into().unwrap(),
		pair.public(),
		pair.sign(&worker_statement(&genesis(), who)),
	));
}

/// A blob of so many bytes, no two segments of which are alike.
pub(crate) fn blob(length: usize) -> Vec<u8> {
	(0..length).map(|n| (n / 4_096 * 7 + n % 251) as u8).collect()
}

pub(crate) fn digest_of(blob: &[u8]) -> H256 {
	H256(BlobTree::new(blob).digest())
}

/// A job in the table.
pub(crate) fn add_job(seed: u8, items: [Option<(H256, u32)>; 2]) -> JobDigest {
	let job = JobDigest(H256([seed; 32]));
	MockJobs::insert(job, MockJob { items, ..Default::default() });
	job
}

/// A job whose input has so many bytes, and the blob.
pub(crate) fn job_of(length: usize) -> (JobDigest, Vec<u8>) {
	let blob = blob(length);
	(add_job(1, [Some((digest_of(&blob), length as u32)), None]), blob)
}

/// The same, whose input is demanded.
pub(crate) fn demanded(length: usize) -> (JobDigest, Vec<u8>) {
	let (job, blob) = job_of(length);
	assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
	(job, blob)
}

/// The delivery of a chunk of a blob.
pub(crate) fn deliver_call(job: JobDigest, item: Item, blob: &[u8], index: u32) -> RuntimeCall {
	let opening = BlobTree::new(blob).open(blob, index).unwrap();
	let path: Vec<H256> = opening.path.into_iter().map(H256).collect();
	let bytes = blob.chunks(4_096).nth(index as usize).unwrap().to_vec();
	let (bytes, path) = (Chunk::try_from(bytes).unwrap(), path.try_into().unwrap());
	Call::deliver { job, item, index, bytes, path }.into()
}

pub(crate) fn deliver(
	job: JobDigest,
	blob: &[u8],
	index: u32,
) -> Result<DispatchResult, TransactionValidityError> {
	dispatch_authorized(deliver_call(job, Item::Input, blob, index))
}

pub(crate) fn demand_for_call(job: JobDigest, item: Item, who: &AccountId) -> RuntimeCall {
	let pair = worker_of(who);
	let signature = pair.sign(&demand_statement(&genesis(), &job, item));
	Call::demand_for { job, item, worker: pair.public(), signature }.into()
}

/// What the pool is told of an authorised call that it may take.
pub(crate) fn validity_of(call: &RuntimeCall) -> ValidTransaction {
	let (valid, _) = call
		.authorize(TransactionSource::External)
		.expect("an authorised call")
		.expect("the pool takes it");
	valid
}

/// What the transaction extension and the dispatch make of an authorised call: refused by the pool,
/// or dispatched with a result.
pub(crate) fn dispatch_authorized(
	call: RuntimeCall,
) -> Result<DispatchResult, TransactionValidityError> {
	match call.authorize(TransactionSource::External) {
		Some(Ok(_)) => (),
		Some(Err(error)) => return Err(error),
		None => panic!("not an authorised call"),
	}
	Ok(dispatch_unchecked(call))
}

/// Dispatch as if the pool had let the call through.
pub(crate) fn dispatch_unchecked(call: RuntimeCall) -> DispatchResult {
	use sp_runtime::traits::Dispatchable;
	frame_support::storage::with_storage_layer(|| {
		call.dispatch(frame_system::Origin::<Test>::Authorized.into())
			.map(|_| ())
			.map_err(|error| error.error)
	})
}

/// What is held of an account for demands.
pub(crate) fn held(who: &AccountId) -> Balance {
	Balances::balance_on_hold(&crate::HoldReason::Demand.into(), who)
}

/// The events of this pallet in this block.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Demands(event) => Some(event),
			_ => None,
		})
		.collect()
}
