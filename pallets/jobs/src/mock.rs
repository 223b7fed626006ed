//! A runtime of this pallet and its real neighbours, a provider that works and a tenant that pays;
//! a second one of each for those tests that need them, and auditors.

use crate as pallet_jobs;
use crate::{types::InlineInput, Call, Claim, JobInput, Timing};
use assay_primitives::{
	accept_statement, apis::SlotRole, claim_statement, commit_statement, commitment,
	worker::WorkerPair, worker_statement, AccountId, Anchor, Audits, Balance, BlockNumber,
	Commitment, JobDigest, LeaseId, ModelId, OfferId, Parameters, SlotId, Stake, Trap, Traps,
	WeightsRoot, WorkerKey,
};
use assay_program::Program;
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Balanced, HoldConsideration, Inspect, Mutate},
		tokens::{Fortitude, Preservation},
		Authorize, ConstU128, ConstU32, ConstU64, Contains, LinearStoragePrice, OnFinalize,
		OnInitialize, OnUnbalanced,
	},
};
use frame_system::{EnsureRoot, RawOrigin};
use sp_core::{Pair, H256};
use sp_runtime::{
	traits::IdentityLookup,
	transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
	BuildStorage, DispatchResult, Permill,
};
use std::{collections::BTreeMap, sync::OnceLock};

pub(crate) const UNIT: Balance = 1_000_000_000_000;
pub(crate) const BOND: Balance = 1_000 * UNIT;
pub(crate) const PRICE_PER_UNIT: Balance = UNIT / 100;
pub(crate) const ROYALTY_PER_UNIT: Balance = PRICE_PER_UNIT / 10;
pub(crate) const RISK_FACTOR: u32 = 1_000;
pub(crate) const ESCROW: Balance = 100 * UNIT;
pub(crate) const NONCE_FEE: Balance = UNIT / 100;

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
	#[runtime::pallet_index(43)]
	pub type Leases = pallet_leases;
	#[runtime::pallet_index(44)]
	pub type Jobs = pallet_jobs;
	#[runtime::pallet_index(46)]
	pub type AuditStake = pallet_stake<Instance2>;
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
	type BlockHashCount = ConstU32<4_096>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<1_000_000_000>;
	type AccountStore = System;
}

parameter_types! {
	pub Treasury: AccountId = account(99);
	pub const ProviderRecord: RuntimeHoldReason =
		RuntimeHoldReason::Providers(pallet_providers::HoldReason::Record);
	pub const RecordBase: Balance = UNIT / 10;
	pub const RecordByte: Balance = UNIT / 10_000;
	pub const ProtocolFee: Permill = Permill::from_percent(1);
	pub static MaxOpenSlots: u32 = 4;
	pub static MayOpenTraps: bool = true;
	pub UnbondingBlocks: BlockNumber = 200;
}

/// Slashed funds go to the treasury.
#[derive(Debug)]
pub struct SlashToTreasury;
impl OnUnbalanced<pallet_stake::CreditOf<Test, pallet_stake::Instance1>> for SlashToTreasury {
	fn on_nonzero_unbalanced(amount: pallet_stake::CreditOf<Test, pallet_stake::Instance1>) {
		drop(Balances::resolve(&Treasury::get(), amount));
	}
}

impl pallet_stake::Config<pallet_stake::Instance1> for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = SlashToTreasury;
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = UnbondingBlocks;
	type MaxUnbondingChunks = ConstU32<8>;
	type MinBond = ConstU128<UNIT>;
	type WeightInfo = ();
}

impl pallet_stake::Config<pallet_stake::Instance2> for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = SlashToTreasury;
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = UnbondingBlocks;
	type MaxUnbondingChunks = ConstU32<8>;
	type MinBond = ConstU128<UNIT>;
	type WeightInfo = ();
}

pub(crate) const LAMBDA_MIN: u32 = 20_000_000;
/// Blocks after a submission in which candidates for its replicas are taken.
pub(crate) const DRAW_BLOCKS: u32 = 14;
/// How many times the price of a job its auditors pledge.
pub(crate) const AUDIT_PLEDGE_FACTOR: Balance = 3;

/// What jobs ask of audits, by the plainest rules: whoever has audit stake may audit any model, and
/// the pool is an account of real coins. Who draws a duty is not asked here.
#[derive(Debug)]
pub struct PlainAudits;
impl Audits<AccountId, Balance> for PlainAudits {
	fn lambda_min() -> u32 {
		LAMBDA_MIN
	}

	fn is_auditable(_model: ModelId, party: &AccountId, pledge: Balance) -> bool {
		let has_stake = |who: &AccountId| <AuditStake as Stake<_, _>>::bonded(who) >= pledge.max(1);
		frame_system::Account::<Test>::iter_keys().any(|who| who != *party && has_stake(&who))
	}

	fn holders(_model: ModelId, party: &AccountId) -> u32 {
		let others = frame_system::Account::<Test>::iter_keys().filter(|who| who != party);
		others.filter(|who| <AuditStake as Stake<_, _>>::bonded(who) > 0).count() as u32
	}

	fn draw_blocks() -> u32 {
		DRAW_BLOCKS
	}
	fn pledge(price_max: Balance) -> Balance {
		price_max.saturating_mul(AUDIT_PLEDGE_FACTOR)
	}

	fn pool() -> AccountId {
		account(98)
	}

	fn pay(auditor: &AccountId, amount: Balance) -> Balance {
		let reach =
			Balances::reducible_balance(&Self::pool(), Preservation::Preserve, Fortitude::Polite);
		let amount = amount.min(reach);
		Balances::transfer(&Self::pool(), auditor, amount, Preservation::Preserve).unwrap_or(0)
	}
}

/// What jobs ask of traps, by the plainest rules: whatever a node is armed with can be opened
/// unless a test says otherwise, and jackpots are paid out of the treasury.
#[derive(Debug)]
pub struct PlainTraps;
impl Traps<AccountId, Balance> for PlainTraps {
	fn may_open(
		_job: &JobDigest,
		_tenant: &AccountId,
		_party: &AccountId,
		_submitted_at: u32,
		_trap: &Trap,
	) -> bool {
		MayOpenTraps::get()
	}

	fn pay_jackpot(auditor: &AccountId, amount: Balance) -> Balance {
		Balances::transfer(&Treasury::get(), auditor, amount, Preservation::Preserve).unwrap_or(0)
	}
}

/// Blocks of a duty period, from this pallet's timing as in the real runtime.
#[derive(Debug)]
pub struct DutyPeriod;
impl sp_core::Get<u32> for DutyPeriod {
	fn get() -> u32 {
		Jobs::timing().duty_period
	}
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
	type DutyPeriod = DutyPeriod;
	type RecordHalving = ConstU32<10>;
	type RecordFeesFull = ConstU128<UNIT>;
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
		*semantics == assay_program::SEMANTICS_DRAFT
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

impl pallet_leases::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Providers = Providers;
	type Models = Models;
	type Treasury = Treasury;
	type ProtocolFee = ProtocolFee;
	type MaxOffersPerProvider = ConstU32<4>;
	type MaxLeasesPerProvider = ConstU32<8>;
	type MaxOpenJobsPerLease = ConstU32<8>;
	type MinEscrow = ConstU128<UNIT>;
	type OfferDeposit = ConstU128<UNIT>;
	type OverdraftFee = ConstU128<UNIT>;
	type RateBurstBlocks = ConstU32<100>;
	type WeightInfo = ();
}

impl pallet_jobs::Config for Test {
	type AuditedPledgeMin = ConstU128<1>;
	type Currency = Balances;
	type Stake = ProviderStake;
	type AuditStake = AuditStake;
	type Audits = PlainAudits;
	type Traps = PlainTraps;
	type Providers = Providers;
	type Models = Models;
	type Leases = Leases;
	type Treasury = Treasury;
	type NonceFee = ConstU128<NONCE_FEE>;
	type ProtocolFee = ProtocolFee;
	type MaxOpenSlots = MaxOpenSlots;
	type WeightInfo = ();
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

pub(crate) fn provider() -> AccountId {
	account(1)
}

pub(crate) fn tenant() -> AccountId {
	account(2)
}

pub(crate) fn owner() -> AccountId {
	account(3)
}

pub(crate) fn stranger() -> AccountId {
	account(4)
}

pub(crate) fn other_provider() -> AccountId {
	account(5)
}

pub(crate) fn other_tenant() -> AccountId {
	account(6)
}

/// The other provider's worker key.
pub(crate) fn other_worker() -> WorkerPair {
	WorkerPair::from_seed(&[17; 32])
}

/// Those who may audit.
pub(crate) fn auditors() -> [AccountId; 4] {
	[20, 21, 22, 23].map(account)
}

/// The worker key of an auditor.
pub(crate) fn audit_worker(who: &AccountId) -> WorkerPair {
	let bytes: &[u8; 32] = who.as_ref();
	WorkerPair::from_seed(bytes)
}

/// The provider's worker key.
pub(crate) fn worker() -> WorkerPair {
	WorkerPair::from_seed(&[7; 32])
}

pub(crate) fn worker_key() -> WorkerKey {
	WorkerKey::from(worker().public())
}

/// A real program, its weights and an input, from the golden vectors of the reference.
pub(crate) fn sample() -> assay_reference::golden::Vector {
	assay_reference::golden::vectors().find_map(|(_, vector)| vector).unwrap()
}

/// Timing of the development chain.
pub(crate) const TIMING: Timing = Timing {
	duty_period: 20,
	accept: 10,
	commit_base: 20,
	window_base: 10,
	reveal_grace: 20,
	min_rate: 100,
	trap_blocks: 5,
};

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let endowed = [
		provider(),
		tenant(),
		owner(),
		stranger(),
		other_provider(),
		other_tenant(),
		Treasury::get(),
		PlainAudits::pool(),
	];
	let endowed = endowed.into_iter().chain(auditors()).map(|who| (who, 10 * BOND));
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig {
			balances: endowed.collect(),
			dev_accounts: None,
		},
		jobs: pallet_jobs::GenesisConfig { timing: TIMING, ..Default::default() },
		system: Default::default(),
	}
	.build_storage()
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		frame_system::BlockHash::<Test>::insert(0, H256([42; 32]));
		start_block(1);
		set_up_market();
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
	Jobs::do_try_state().unwrap();
	Leases::do_try_state().unwrap();
	Models::do_try_state().unwrap();
	Providers::do_try_state().unwrap();
	ProviderStake::do_try_state().unwrap();
	AuditStake::do_try_state().unwrap();
	books_agree();
}

/// What the pallets have written of each other, which none of them can see alone.
fn books_agree() {
	let jobs: Vec<_> = crate::Jobs::<Test>::iter().collect();
	for (id, model) in pallet_models::Models::<Test>::iter() {
		let open = jobs.iter().filter(|(_, job)| job.model == id).count();
		assert_eq!(model.open_jobs as usize, open, "a model counts its open jobs");
	}
	for (_, job) in &jobs {
		assert!(pallet_models::Models::<Test>::contains_key(job.model), "a job keeps its model");
	}
	let reserved: BTreeMap<_, _> = pallet_leases::Reservations::<Test>::iter()
		.map(|(lease, job, amount)| ((lease, job), amount))
		.collect();
	let prices = jobs.iter().map(|(digest, job)| ((job.lease, *digest), job.reserved())).collect();
	assert_eq!(reserved, prices, "what leases hold are the prices and fees of open jobs");
	for who in frame_system::Account::<Test>::iter_keys() {
		let leases = pallet_leases::ProviderLeases::<Test>::iter_prefix(&who).count();
		let slots = crate::Duties::<Test>::iter_prefix(&who).count();
		let bound = Providers::provider(who).map_or(0, |view| view.engagements);
		assert_eq!(bound as usize, leases + slots, "leases and slots bind a provider");
	}
}

/// The hash of a block in tests.
pub(crate) fn hash_of(number: BlockNumber) -> H256 {
	H256::from_low_u64_be(1_000_000 + u64::from(number))
}

fn start_block(number: BlockNumber) {
	System::reset_events();
	System::initialize(&number, &hash_of(number.saturating_sub(1)), &Default::default());
	// The system pallet takes what it is given as the parent of block 1 for genesis.
	if number == 1 {
		frame_system::BlockHash::<Test>::insert(0, H256([42; 32]));
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

/// Go straight to a block, as if nothing had happened in those between.
pub(crate) fn jump_to(number: BlockNumber) {
	let now = System::block_number();
	AllPalletsWithSystem::on_finalize(now);
	frame_system::BlockHash::<Test>::insert(now, hash_of(now));
	System::set_block_number(number - 1);
	start_block(number);
}

/// Keep the provider alive, as its worker would.
pub(crate) fn beat() {
	let _ = beat_by(provider(), &worker());
}

/// Keep a provider alive by the key that acts for it.
pub(crate) fn beat_by(
	owner: AccountId,
	pair: &WorkerPair,
) -> Result<DispatchResult, TransactionValidityError> {
	let period = System::block_number() / TIMING.duty_period;
	let statement = assay_primitives::heartbeat_statement(&Jobs::genesis(), &owner, period);
	let signature = pair.sign(&statement);
	dispatch_authorized(pallet_providers::Call::heartbeat { owner, period, signature }.into())
}

fn set_up_market() {
	assert_ok!(ProviderStake::bond(signed(provider()), BOND));
	assert_ok!(register_provider(provider(), &worker()));
	assert_ok!(register_model(owner()));
	assert_ok!(create_offer(provider(), ModelId(0)));
	assert_ok!(open_lease(tenant(), OfferId(0)));
}

/// A second provider with an offer of its own, and a second tenant with a lease at each provider.
/// The first tenant has one at the second provider too.
pub(crate) fn enlarge_market() {
	assert_ok!(ProviderStake::bond(signed(other_provider()), BOND));
	assert_ok!(register_provider(other_provider(), &other_worker()));
	assert_ok!(create_offer(other_provider(), ModelId(0)));
	for (who, offer) in
		[(other_tenant(), OfferId(0)), (other_tenant(), OfferId(1)), (tenant(), OfferId(1))]
	{
		assert_ok!(open_lease(who, offer));
	}
}

/// Let all auditors have audit stake and be registered as providers.
pub(crate) fn enlist_auditors() {
	for who in auditors() {
		assert_ok!(ProviderStake::bond(signed(who.clone()), BOND));
		assert_ok!(AuditStake::bond(signed(who.clone()), BOND));
		assert_ok!(register_provider(who.clone(), &audit_worker(&who)));
	}
}

pub(crate) fn register_provider(who: AccountId, pair: &WorkerPair) -> DispatchResult {
	let device = pallet_providers::types::Device {
		name: b"cores".to_vec().try_into().unwrap(),
		memory_mib: 1_024,
		kind: pallet_providers::types::DeviceKind::Cpu,
	};
	let proof = pair.sign(&worker_statement(&Jobs::genesis(), &who));
	Providers::register(
		signed(who),
		vec![device].try_into().unwrap(),
		b"http://127.0.0.1:9950".to_vec().try_into().unwrap(),
		pair.public(),
		proof,
	)
}

/// Register the sample's program and weights once more.
pub(crate) fn register_model(who: AccountId) -> DispatchResult {
	let sample = sample();
	Models::register(
		signed(who),
		sample.program.try_into().unwrap(),
		WeightsRoot::from(assay_program::merkle::blob(&sample.weights)),
		ROYALTY_PER_UNIT,
	)
}

pub(crate) const TERMS: pallet_leases::OfferTerms<Balance> = pallet_leases::OfferTerms {
	price_per_unit: PRICE_PER_UNIT,
	rate_units_per_block: 1_000,
	duration_blocks_max: 100_000,
	min_escrow: UNIT,
	risk_factor_max: RISK_FACTOR,
	reservation: None,
};

pub(crate) fn create_offer(who: AccountId, model: ModelId) -> DispatchResult {
	Leases::create_offer(signed(who), model, TERMS)
}

fn open_lease(who: AccountId, offer: OfferId) -> DispatchResult {
	Leases::open_lease(signed(who), offer, ESCROW, 100_000, PRICE_PER_UNIT, None)
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RawOrigin::Signed(who).into()
}

pub(crate) fn inline_input() -> JobInput {
	JobInput::Inline(InlineInput::try_from(sample().input).unwrap())
}

pub(crate) fn parameters() -> Parameters {
	sample().parameters
}

/// What the reference says of the sample: the true claim.
pub(crate) fn true_claim() -> Claim {
	static CLAIM: OnceLock<Claim> = OnceLock::new();
	*CLAIM.get_or_init(|| {
		let sample = sample();
		let program = Program::decode_validated(&sample.program).unwrap();
		let outcome =
			assay_reference::run(&program, &sample.weights, &sample.input, &sample.parameters)
				.unwrap();
		assert_eq!(outcome, sample.outcome);
		outcome.claim()
	})
}

/// Submit the sample job with a nonce; the job and its slot.
pub(crate) fn submit(nonce: u64) -> (JobDigest, SlotId) {
	submit_audited(nonce, 0)
}

/// Submit the sample job with a nonce, to be audited at a rate; the job and its slot.
pub(crate) fn submit_audited(nonce: u64, lambda_ppb: u32) -> (JobDigest, SlotId) {
	submit_replicated(nonce, lambda_ppb, 0)
}

/// The same, to be done by so many more.
pub(crate) fn submit_replicated(nonce: u64, lambda_ppb: u32, replicas: u8) -> (JobDigest, SlotId) {
	let slot = crate::NextSlot::<Test>::get();
	assert_ok!(Jobs::submit_job(
		signed(tenant()),
		LeaseId(0),
		nonce,
		inline_input(),
		parameters(),
		0,
		lambda_ppb,
		replicas
	));
	(crate::Slots::<Test>::get(slot).unwrap().job, slot)
}

pub(crate) const SALT: H256 = H256([9; 32]);

pub(crate) fn commitment_of(job: &JobDigest, slot: SlotId, claim: &Claim) -> Commitment {
	commitment_by(&worker(), job, slot, claim)
}

pub(crate) fn commitment_by(
	pair: &WorkerPair,
	job: &JobDigest,
	slot: SlotId,
	claim: &Claim,
) -> Commitment {
	let key = pair.public();
	commitment(&Jobs::genesis(), job, slot, &key, &SALT, &claim.output().into())
}

/// Open a second slot of a job, as if it had been assigned to another party too.
pub(crate) fn add_slot(job: JobDigest, party: AccountId) -> SlotId {
	let slot = crate::NextSlot::<Test>::get();
	crate::NextSlot::<Test>::put(slot.next().unwrap());
	let due = Jobs::now() + TIMING.accept;
	let state = crate::types::SlotState::Assigned { accepted: false, due };
	let record = crate::Slot {
		job,
		party,
		worker: None,
		role: SlotRole::Assigned,
		pledge: crate::Jobs::<Test>::get(job).unwrap().pledge,
		state,
		disputes: 0,
	};
	assert_ok!(Jobs::open_slot(slot, record));
	crate::Jobs::<Test>::mutate(job, |job| {
		let job = job.as_mut().unwrap();
		assert_eq!(job.phase, crate::Phase::Claiming, "no slot opens after the commit phase");
		job.slots.try_push(slot).unwrap();
	});
	slot
}

pub(crate) fn accept_call(slot: SlotId, pair: &WorkerPair) -> RuntimeCall {
	let job = crate::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default();
	let signature = pair.sign(&accept_statement(&Jobs::genesis(), &job, slot));
	Call::accept { slot, signature }.into()
}

pub(crate) fn commit_call(slot: SlotId, commitment: Commitment, pair: &WorkerPair) -> RuntimeCall {
	let job = crate::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default();
	let statement = commit_statement(&Jobs::genesis(), &job, slot, &commitment);
	Call::commit { slot, commitment, signature: pair.sign(&statement) }.into()
}

pub(crate) fn reveal_call(
	slot: SlotId,
	claim: Claim,
	salt: H256,
	anchor: Anchor,
	pair: &WorkerPair,
) -> RuntimeCall {
	let job = crate::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default();
	let output = claim.output().into();
	let statement = claim_statement(&Jobs::genesis(), &job, slot, &output, &anchor);
	Call::reveal { slot, claim, salt, anchor, signature: pair.sign(&statement) }.into()
}

pub(crate) fn accept(slot: SlotId) -> Result<DispatchResult, TransactionValidityError> {
	dispatch_authorized(accept_call(slot, &worker()))
}

/// Commit to the true claim.
pub(crate) fn commit(slot: SlotId) -> Result<DispatchResult, TransactionValidityError> {
	commit_by(&worker(), slot, &true_claim())
}

pub(crate) fn commit_by(
	pair: &WorkerPair,
	slot: SlotId,
	claim: &Claim,
) -> Result<DispatchResult, TransactionValidityError> {
	let job = crate::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default();
	let commitment = commitment_by(pair, &job, slot, claim);
	dispatch_authorized(commit_call(slot, commitment, pair))
}

/// Reveal the true claim on the block that closed the commit phase.
pub(crate) fn reveal(slot: SlotId) -> Result<DispatchResult, TransactionValidityError> {
	reveal_by(&worker(), slot, true_claim())
}

pub(crate) fn reveal_by(
	pair: &WorkerPair,
	slot: SlotId,
	claim: Claim,
) -> Result<DispatchResult, TransactionValidityError> {
	let anchor = anchor_of(slot);
	dispatch_authorized(reveal_call(slot, claim, SALT, anchor, pair))
}

pub(crate) fn anchor_of(slot: SlotId) -> Anchor {
	let number = crate::Slots::<Test>::get(slot)
		.and_then(|slot| crate::Jobs::<Test>::get(slot.job))
		.and_then(|job| match job.phase {
			crate::Phase::Revealing { .. } => job
				.revealing(&crate::JobClock::<Test>::get(), System::block_number())
				.map(|(closed_at, _)| closed_at),
			_ => None,
		})
		.unwrap_or_default();
	Anchor { number, hash: hash_of(number) }
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

/// The last event of this pallet.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Jobs(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// Bytes of an encoded receipt, for the receipts root.
pub(crate) fn leaf_of(receipt: &crate::Receipt<AccountId>) -> [u8; 32] {
	assay_program::merkle::leaf(&receipt.encode())
}

/// The tenant's lease, as jobs see it.
pub(crate) fn lease() -> assay_primitives::LeaseInfo<AccountId, Balance> {
	<Leases as assay_primitives::Leases<_, _>>::open_lease(LeaseId(0)).unwrap()
}
