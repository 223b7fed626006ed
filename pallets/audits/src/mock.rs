//! A runtime of this pallet and its real neighbours, but for jobs: a table stands for these.

use crate as pallet_audits;
use crate::{AuthorRandomness, Call};
use assay_primitives::{
	duty_key_statement, duty_randomness, final_statement, notice_statement, replica_statement,
	segment_to_show, show_statement, worker::WorkerPair, worker_statement, AccountId, Anchor,
	AuditedJob, AuditedJobs, Balance, BlockNumber, Duty, DutyInput, JobDigest, ModelId, Opening,
	Providers as _, ReplicatedJob, SlotId, Stake as _, WeightsRoot, WorkerKey, DUTY_BLOCKS,
};
use assay_program::{
	merkle, EmbedBy, Limits, Operator, Program, TensorId, WeightId, WeightKind, WeightShape,
	SEGMENT, SEMANTICS_DRAFT,
};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	assert_ok, derive_impl, parameter_types, storage_alias,
	traits::{
		fungible::{HoldConsideration, Mutate},
		Authorize, ConstU128, ConstU32, ConstU64, Contains, Hooks, LinearStoragePrice, OnFinalize,
		OnInitialize,
	},
	Blake2_128Concat, PalletId,
};
use frame_system::{EnsureRoot, RawOrigin};
use scale_info::TypeInfo;
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	traits::IdentityLookup,
	transaction_validity::{TransactionSource, TransactionValidityError},
	BuildStorage, DispatchError, DispatchResult,
};

mod weights;

pub(crate) use weights::*;

pub(crate) const UNIT: Balance = 1_000_000_000_000;
pub(crate) const ENDOWMENT: Balance = 1_000_000 * UNIT;
pub(crate) const BOND: Balance = 100 * UNIT;
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 1_000_000_000;
/// Blocks of a duty period.
pub(crate) const PERIOD: u32 = 20;
pub(crate) const MARK_DELAY: u32 = 20;
pub(crate) const NOTICE_BLOCKS: u32 = 10;
pub(crate) const RING: u32 = 128;
pub(crate) const MAX_POOLS: u32 = 2;
pub(crate) const LAMBDA_MIN: u32 = 10_000_000;
/// Blocks after a commitment from which its randomness is known.
pub(crate) const DRAWN: u32 = DUTY_BLOCKS + 1;
/// A rate at which every auditor has the duty by its share of the stake.
pub(crate) const ALL: u32 = crate::types::RATE_PARTS;
pub(crate) const PLEDGE_FACTOR: u32 = 2;
pub(crate) const PRICE: Balance = UNIT;
/// Models that exist; the last one is retired.
pub(crate) const MODELS: [ModelId; 4] = [ModelId(0), ModelId(1), ModelId(2), ModelId(3)];
pub(crate) const MODEL: ModelId = MODELS[0];
pub(crate) const RETIRED: ModelId = MODELS[3];

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
	#[runtime::pallet_index(42)]
	pub type Models = pallet_models;
	#[runtime::pallet_index(46)]
	pub type AuditStake = pallet_stake<Instance2>;
	#[runtime::pallet_index(47)]
	pub type Audits = pallet_audits;
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
	type BlockHashCount = ConstU32<256>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
}

parameter_types! {
	pub const ProviderRecord: RuntimeHoldReason =
		RuntimeHoldReason::Providers(pallet_providers::HoldReason::Record);
	pub const RecordBase: Balance = UNIT / 10;
	pub const RecordByte: Balance = UNIT / 10_000;
	pub const AuditPool: PalletId = PalletId(*b"as/audit");
	/// Fewest holders of an auditable model, and their least stake.
	pub storage MinHolders: u32 = 1;
	pub storage MinHeldStake: Balance = UNIT;
	/// Whether jobs are paused.
	pub storage Paused: bool = false;
	/// Whether the table takes no mark.
	pub storage RefuseMarks: bool = false;
	/// Blocks for which the clock of jobs has stood still.
	pub storage StoodStill: u32 = 0;
	/// Blocks whose authors draw nothing.
	pub storage Mute: Vec<u32> = Vec::new();
	/// Whether nobody shows weights but who is told to; otherwise everybody does at the end of a
	/// period.
	pub storage Idle: bool = false;
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

impl pallet_stake::Config<pallet_stake::Instance2> for Test {
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
	type RecordFeesFull = ConstU128<1_000>;
	type RecordTenantsFull = ConstU32<2>;
	type MaxDevices = ConstU32<4>;
	type HeartbeatPriority = ConstU64<1>;
	type WeightInfo = ();
}

/// Only the draft semantics exist.
#[derive(Debug)]
pub struct Draft;
impl Contains<u32> for Draft {
	fn contains(semantics: &u32) -> bool {
		*semantics == SEMANTICS_DRAFT
	}
}

impl pallet_models::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type AcceptedSemantics = Draft;
	type ModelDeposit = ConstU128<UNIT>;
	type ProgramDepositBase = ConstU128<UNIT>;
	type ProgramDepositPerByte = ConstU128<{ UNIT / 1_000 }>;
	type WeightInfo = ();
}

/// Authors whose every block has a VRF, but for those in [`Mute`].
#[derive(Debug)]
pub struct Authors;
impl AuthorRandomness for Authors {
	fn author_vrf() -> Option<H256> {
		let number = System::block_number().checked_sub(1)?;
		(number > 0 && !Mute::get().contains(&number)).then(|| drawn(number))
	}
}

/// What the author of a block draws.
pub(crate) fn drawn(number: u32) -> H256 {
	H256(sp_io::hashing::blake2_256(&("author", number).encode()))
}

/// A job in the table.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub(crate) struct MockJob {
	pub model: ModelId,
	pub slot: SlotId,
	pub party: AccountId,
	pub worker: WorkerKey,
	/// The latest that its commitment allows, unless a test says otherwise.
	pub submitted_at: u32,
	pub committed_at: u32,
	pub lambda_ppb: u32,
	pub notices_until: Option<u32>,
}

#[storage_alias]
pub(crate) type MockJobs = StorageMap<Mock, Blake2_128Concat, JobDigest, MockJob>;
#[storage_alias]
pub(crate) type MockSlots =
	StorageDoubleMap<Mock, Blake2_128Concat, JobDigest, Blake2_128Concat, AccountId, SlotId>;
/// Until when jobs take candidates, and how many; who was drawn, each with its ticket.
#[storage_alias]
pub(crate) type MockDraws =
	StorageMap<Mock, Blake2_128Concat, JobDigest, (u32, u32, Vec<(AccountId, u128)>)>;
/// Jobs for which nobody has room.
#[storage_alias]
pub(crate) type MockFull =
	StorageValue<Mock, Vec<JobDigest>, frame_support::pallet_prelude::ValueQuery>;
#[storage_alias]
pub(crate) type MockNextSlot =
	StorageValue<Mock, SlotId, frame_support::pallet_prelude::ValueQuery>;

/// Jobs of the table.
#[derive(Debug)]
pub struct Table;
impl Table {
	fn next_slot() -> SlotId {
		let id = MockNextSlot::get();
		MockNextSlot::put(id.next().unwrap());
		id
	}
}

impl AuditedJobs<AccountId> for Table {
	fn now() -> u32 {
		System::block_number() - StoodStill::get()
	}

	fn period() -> u32 {
		Self::period_of(System::block_number())
	}

	fn period_of(block: u32) -> u32 {
		block / PERIOD
	}

	fn audited(job: JobDigest) -> Option<AuditedJob<AccountId>> {
		if Paused::get() {
			return None;
		}
		let MockJob {
			model,
			slot,
			party,
			worker,
			submitted_at,
			committed_at,
			lambda_ppb,
			notices_until,
		} = MockJobs::get(job)?;
		let now = Self::now();
		if notices_until.is_some_and(|until| now > until + 1) {
			return None;
		}
		Some(AuditedJob {
			model,
			slot,
			party,
			worker,
			submitted_at,
			committed_at,
			period: committed_at / PERIOD,
			lambda_ppb,
			notices_until,
		})
	}

	fn auditable(from: JobDigest, count: usize) -> Vec<JobDigest> {
		let first = MockJobs::hashed_key_for(from);
		let mut jobs: Vec<_> = MockJobs::iter_keys_from(first)
			.chain(MockJobs::iter_keys())
			.take(count)
			.filter(|job| Self::audited(*job).is_some())
			.collect();
		jobs.sort();
		jobs.dedup();
		jobs
	}

	fn mark_final(job: JobDigest, notice_blocks: u32) -> Result<u32, DispatchError> {
		frame_support::ensure!(!RefuseMarks::get(), "marks are refused");
		MockJobs::try_mutate(job, |entry| {
			let entry = entry.as_mut().ok_or("no such job")?;
			if entry.notices_until.is_some() {
				return Err("marked already".into());
			}
			let until = Self::now() + notice_blocks;
			entry.notices_until = Some(until);
			Ok(until)
		})
	}

	fn open_audit(
		job: JobDigest,
		auditor: AccountId,
		_worker: WorkerKey,
	) -> Result<SlotId, DispatchError> {
		let entry = MockJobs::get(job).ok_or("no such job")?;
		let is_party = entry.party == auditor || MockSlots::contains_key(job, &auditor);
		frame_support::ensure!(!is_party, "a party already");
		let slot = Self::next_slot();
		let pledge = <Audits as assay_primitives::Audits<_, _>>::pledge(PRICE);
		AuditStake::pledge(&auditor, slot, pledge)?;
		MockSlots::insert(job, &auditor, slot);
		Ok(slot)
	}

	fn replicated(job: JobDigest) -> Option<ReplicatedJob> {
		let (until, _, _) = MockDraws::get(job).filter(|_| !Paused::get())?;
		let MockJob { model, committed_at, .. } = MockJobs::get(job)?;
		let period = Self::period_of(committed_at);
		(Self::now() <= until).then_some(ReplicatedJob { model, committed_at, period })
	}

	fn has_room_for(jobs: &[JobDigest], _provider: &AccountId) -> bool {
		jobs.iter().all(|job| !MockFull::get().contains(job))
	}

	fn drawing(_from: JobDigest, count: usize) -> Vec<JobDigest> {
		let mut jobs: Vec<_> = MockDraws::iter_keys()
			.take(count)
			.filter(|job| Self::replicated(*job).is_some())
			.collect();
		jobs.sort();
		jobs
	}

	fn open_replica(
		job: JobDigest,
		provider: AccountId,
		_worker: WorkerKey,
		ticket: u128,
	) -> Result<SlotId, DispatchError> {
		let (until, wanted, mut drawn) = MockDraws::get(job).ok_or("no such draw")?;
		let is_party = MockJobs::get(job).is_some_and(|entry| entry.party == provider)
			|| drawn.iter().any(|(who, _)| *who == provider);
		frame_support::ensure!(!is_party, "a party already");
		drawn.push((provider.clone(), ticket));
		drawn.sort_by_key(|(_, ticket)| *ticket);
		drawn.truncate(wanted as usize);
		frame_support::ensure!(drawn.iter().any(|(who, _)| *who == provider), "not drawn");
		MockDraws::insert(job, (until, wanted, drawn));
		Ok(Self::next_slot())
	}
}

impl pallet_audits::Config for Test {
	type Currency = Balances;
	type AuditStake = AuditStake;
	type Jobs = Table;
	type Providers = Providers;
	type Models = Models;
	type AuthorRandomness = Authors;
	type PalletId = AuditPool;
	type MaxPools = ConstU32<MAX_POOLS>;
	type RingSize = ConstU32<RING>;
	type NoticeBlocks = ConstU32<NOTICE_BLOCKS>;
	type MarkDelay = ConstU32<MARK_DELAY>;
	type LambdaMin = ConstU32<LAMBDA_MIN>;
	type MinHolders = MinHolders;
	type MinHeldStake = MinHeldStake;
	type AuditPledgeFactor = ConstU32<PLEDGE_FACTOR>;
	type AuditPledgeMin = ConstU128<UNIT>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Table;
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper for Table {
	fn provider(seed: u32) -> (AccountId, WorkerKey) {
		use sp_runtime::RuntimeAppPublic;
		let who = auditor(seed as u8);
		// The keystore makes the key that the account has in tests.
		let bytes: &[u8; 32] = who.as_ref();
		let phrase = format!("0x{}", bytes.map(|byte| format!("{byte:02x}")).concat());
		let worker = WorkerKey::generate_pair(Some(phrase.into_bytes()));
		assert_eq!(worker, key_of(&who));
		register_provider(&who);
		assert_ok!(AuditStake::bond(signed(who.clone()), BOND));
		(who, worker)
	}

	fn model(seed: u32) -> ModelId {
		ModelId(seed)
	}

	fn largest_model(weights: impl FnOnce(ModelId, u64) -> WeightsRoot) -> ModelId {
		let model = pallet_models::NextModelId::<Test>::get();
		let program = with_rows(1 << 20, 2_032);
		let weights = weights(model, program.weights_length());
		let bytes = program.encode().try_into().unwrap();
		assert_ok!(Models::register(signed(owner()), bytes, weights, 0));
		model
	}

	fn drawing(model: ModelId, _candidate: &AccountId) -> JobDigest {
		draw_job(0, model, 1, vec![(auditor(5), u128::MAX)])
	}

	fn committed(model: ModelId, party: &AccountId, worker: &WorkerKey) -> JobDigest {
		let job = commit_job(0, ALL);
		MockJobs::mutate(job, |entry| {
			let entry = entry.as_mut().unwrap();
			(entry.model, entry.party, entry.worker) = (model, party.clone(), worker.clone());
		});
		job
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

pub(crate) fn account(n: u8) -> AccountId {
	AccountId::new([n; 32])
}

/// The party of the jobs in tests: a provider.
pub(crate) fn party() -> AccountId {
	account(1)
}

/// Owner of the models, and of nothing else.
pub(crate) fn owner() -> AccountId {
	account(2)
}

/// Auditors of tests.
pub(crate) fn auditor(n: u8) -> AccountId {
	account(10 + n)
}

/// The worker key of an account: everybody has one here.
pub(crate) fn worker_of(who: &AccountId) -> WorkerPair {
	let bytes: &[u8; 32] = who.as_ref();
	WorkerPair::from_seed(bytes)
}

pub(crate) fn key_of(who: &AccountId) -> WorkerKey {
	WorkerKey::from(worker_of(who).public())
}

/// The duty key of an account, as its executor would hold it.
pub(crate) fn duty_pair(who: &AccountId) -> sr25519::Pair {
	sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(&("duty", who).encode()))
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RawOrigin::Signed(who).into()
}

pub(crate) fn genesis() -> H256 {
	H256([42; 32])
}

/// The hash of a block in tests.
pub(crate) fn hash_of(number: BlockNumber) -> H256 {
	H256::from_low_u64_be(1_000_000 + u64::from(number))
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let endowed = (1..32).map(|n| (account(n), ENDOWMENT)).collect();
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances: endowed, dev_accounts: None },
		audits: Default::default(),
		system: Default::default(),
	}
	.build_storage()
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		start_block(1);
		Audits::integrity_test();
		set_up();
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
	Audits::do_try_state().unwrap();
	AuditStake::do_try_state().unwrap();
	ProviderStake::do_try_state().unwrap();
	Providers::do_try_state().unwrap();
	Models::do_try_state().unwrap();
}

fn set_up() {
	let bytes = program().encode();
	for (number, model) in MODELS.into_iter().enumerate() {
		let weights = weights(model);
		assert_ok!(match number {
			0 => Models::register(signed(owner()), bytes.clone().try_into().unwrap(), weights, 0),
			_ => Models::register_existing(
				signed(owner()),
				assay_program::program_digest(&bytes).into(),
				weights,
				0
			),
		});
		assert!(<Models as assay_primitives::Models<_, _>>::model(model).is_some());
	}
	// One that an open job uses stays when it is retired.
	assert_ok!(<Models as assay_primitives::Models<_, _>>::job_opened(RETIRED));
	assert_ok!(Models::retire(signed(owner()), RETIRED));
	register_provider(&party());
}

fn start_block(number: BlockNumber) {
	System::reset_events();
	System::initialize(&number, &hash_of(number.saturating_sub(1)), &Default::default());
	// The system pallet takes what it is given as the parent of block 1 for genesis.
	if number == 1 {
		frame_system::BlockHash::<Test>::insert(0, genesis());
	}
	AllPalletsWithSystem::on_initialize(number);
}

/// Finish blocks and start the next ones, so many.
pub(crate) fn roll_by(blocks: BlockNumber) {
	for _ in 0..blocks {
		let now = System::block_number();
		if now % PERIOD == PERIOD - 1 && !Idle::get() {
			show_all();
		}
		AllPalletsWithSystem::on_finalize(now);
		start_block(now + 1);
	}
}

pub(crate) fn roll_to(number: BlockNumber) {
	roll_by(number - System::block_number());
}

/// Go to the first block of the next duty period.
pub(crate) fn next_period() {
	let now = System::block_number();
	roll_by(PERIOD - now % PERIOD);
}

pub(crate) fn register_provider(who: &AccountId) {
	Balances::set_balance(who, ENDOWMENT);
	assert_ok!(ProviderStake::bond(signed(who.clone()), BOND));
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

pub(crate) fn set_duty_key(who: &AccountId) -> DispatchResult {
	let pair = duty_pair(who);
	let proof = pair.sign(&duty_key_statement(&genesis(), who));
	Audits::set_duty_key(signed(who.clone()), pair.public(), proof)
}

/// Make an account a provider with this audit stake, a duty key and a place in the pool.
pub(crate) fn make_auditor(who: &AccountId, stake: Balance) {
	register_provider(who);
	if stake > 0 {
		assert_ok!(AuditStake::bond(signed(who.clone()), stake));
	}
	assert_ok!(set_duty_key(who));
	assert_ok!(Audits::join(signed(who.clone()), MODEL));
}

/// A job whose commitment is in this block.
pub(crate) fn commit_job(seed: u32, lambda_ppb: u32) -> JobDigest {
	let job = JobDigest(H256(sp_io::hashing::blake2_256(&("job", seed).encode())));
	let entry = MockJob {
		model: MODEL,
		slot: Table::next_slot(),
		party: party(),
		worker: key_of(&party()),
		submitted_at: System::block_number() + 1,
		committed_at: System::block_number(),
		lambda_ppb,
		notices_until: None,
	};
	MockJobs::insert(job, entry);
	job
}

/// A job that is committed in this block and takes candidates, whose places were taken by these.
pub(crate) fn draw_job(
	seed: u32,
	model: ModelId,
	wanted: u32,
	drawn: Vec<(AccountId, u128)>,
) -> JobDigest {
	let (job, now) = (commit_job(seed, ALL), System::block_number());
	MockJobs::mutate(job, |entry| entry.as_mut().unwrap().model = model);
	let until = now + <Audits as assay_primitives::Audits<_, _>>::draw_blocks();
	MockDraws::insert(job, (until, wanted, drawn));
	job
}

pub(crate) fn replicate_call(job: JobDigest, who: &AccountId) -> RuntimeCall {
	let pair = worker_of(who);
	let signature = pair.sign(&replica_statement(&genesis(), &job));
	Call::replicate { job, worker: pair.public(), signature }.into()
}

/// The last block that decides about a job whose authors all draw.
pub(crate) fn anchor_of(job: JobDigest) -> Anchor {
	let number = MockJobs::get(job).unwrap().committed_at + DUTY_BLOCKS;
	Anchor { number, hash: hash_of(number) }
}

pub(crate) fn mark_call(job: JobDigest, anchor: Anchor, who: &AccountId) -> RuntimeCall {
	let pair = worker_of(who);
	let signature = pair.sign(&final_statement(&genesis(), &job, &anchor));
	Call::mark_final { job, anchor, worker: pair.public(), signature }.into()
}

/// What the authors of the blocks after a commitment draw together.
pub(crate) fn drawn_after(committed_at: u32) -> H256 {
	let drawn: Vec<_> = (1..=DUTY_BLOCKS).map(|n| drawn(committed_at + n)).collect();
	duty_randomness(&drawn)
}

/// A job whose commitment is marked final, as soon as it can be.
pub(crate) fn marked_job(seed: u32, lambda_ppb: u32) -> JobDigest {
	let job = commit_job(seed, lambda_ppb);
	roll_by(DRAWN);
	let marker = account(30);
	if Providers::worker_key(&marker).is_none() {
		register_provider(&marker);
	}
	assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &marker)).unwrap());
	job
}

pub(crate) fn duty_input(job: JobDigest) -> DutyInput {
	let entry = MockJobs::get(job).unwrap();
	DutyInput {
		genesis: genesis(),
		job,
		slot: entry.slot,
		worker: entry.worker,
		randomness: drawn_after(entry.committed_at),
	}
}

/// What an auditor's executor would say of a job.
pub(crate) fn duty_of(job: JobDigest, who: &AccountId) -> Duty {
	duty_input(job).sign(&duty_pair(who))
}

pub(crate) fn notice_call_with(job: JobDigest, who: &AccountId, duty: Duty) -> RuntimeCall {
	let pair = worker_of(who);
	let slot = MockJobs::get(job).map(|entry| entry.slot).unwrap_or_default();
	let Duty { output, proof } = duty;
	let signature = pair.sign(&notice_statement(&genesis(), &job, slot, &output));
	Call::notice { job, worker: pair.public(), output, proof, signature }.into()
}

pub(crate) fn notice_call(job: JobDigest, who: &AccountId) -> RuntimeCall {
	notice_call_with(job, who, duty_of(job, who))
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

/// The events of this pallet in this block.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Audits(event) => Some(event),
			_ => None,
		})
		.collect()
}
