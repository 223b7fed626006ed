//! A runtime of this pallet and its real neighbours: jobs whose claims can be amended and disputes
//! that decide about them. A provider with a licence, a tenant that has agreed, auditors.

use crate as pallet_traps;
use crate::Call;
use assay_primitives::{
	claim_statement, commit_statement, commitment, trap_consent, trap_statement, traps::plan_traps,
	worker::WorkerPair, worker_statement, wrong_claim, AccountId, Anchor, AuditedJobs, Audits,
	Balance, BlockNumber, JobDigest, LeaseId, ModelId, OfferId, SlotId, Trap, WeightsRoot,
	WorkerKey,
};
use assay_program::{Claim, Parameters, Program};
use assay_trace::{ReferenceSteps, Tracer};
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
use pallet_jobs::{types::SlotState, InlineInput, JobInput, Timing};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	traits::IdentityLookup,
	transaction_validity::{TransactionSource, TransactionValidityError},
	BuildStorage, DispatchResult, MultiSignature, Perbill, Permill,
};
use std::sync::OnceLock;

pub(crate) const UNIT: Balance = 1_000_000_000_000;
pub(crate) const BOND: Balance = 1_000 * UNIT;
pub(crate) const PRICE_PER_UNIT: Balance = UNIT / 100;
pub(crate) const ROYALTY_PER_UNIT: Balance = PRICE_PER_UNIT / 10;
pub(crate) const RISK_FACTOR: u32 = 1_000;
pub(crate) const ESCROW: Balance = 100 * UNIT;

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
	#[runtime::pallet_index(45)]
	pub type Disputes = pallet_disputes;
	#[runtime::pallet_index(46)]
	pub type AuditStake = pallet_stake<Instance2>;
	#[runtime::pallet_index(48)]
	pub type Traps = pallet_traps;
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
	pub UnbondingBlocks: BlockNumber = 200;
	pub const Reward: Permill = Permill::from_percent(20);
	pub const PledgeRent: Perbill = Perbill::from_parts(10);
	pub static JackpotMax: Balance = UNIT;
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

/// How many times the price of a job its auditors pledge: enough to repay who wins against one.
pub(crate) const AUDIT_PLEDGE_FACTOR: Balance = 1_000;

/// What jobs ask of audits, by the plainest rules: whoever has audit stake may audit any model, and
/// the pool is an account of real coins. Who draws a duty is not asked here.
#[derive(Debug)]
pub struct PlainAudits;
impl Audits<AccountId, Balance> for PlainAudits {
	fn lambda_min() -> u32 {
		20_000_000
	}

	fn is_auditable(_model: ModelId, _party: &AccountId, _pledge: Balance) -> bool {
		true
	}

	fn holders(_model: ModelId, _party: &AccountId) -> u32 {
		0
	}

	fn draw_blocks() -> u32 {
		0
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
	type Traps = Traps;
	type Providers = Providers;
	type Models = Models;
	type Leases = Leases;
	type Treasury = Treasury;
	type NonceFee = ConstU128<{ UNIT / 100 }>;
	type ProtocolFee = ProtocolFee;
	type MaxOpenSlots = ConstU32<8>;
	type WeightInfo = ();
}

impl pallet_disputes::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Claims = Jobs;
	type Models = Models;
	type Providers = Providers;
	type Treasury = Treasury;
	type MoveBlocks = ConstU32<{ MOVE_BLOCKS }>;
	type MaxGamesPerChallenger = ConstU32<2>;
	type GameCost = ConstU128<UNIT>;
	type PledgeRent = PledgeRent;
	type Reward = Reward;
	type WeightInfo = ();
}

impl pallet_traps::Config for Test {
	type Currency = Balances;
	type Jobs = Jobs;
	type Treasury = Treasury;
	type TreasuryOrigin = EnsureRoot<AccountId>;
	type JackpotFactor = ConstU32<JACKPOT_FACTOR>;
	type JackpotMax = JackpotMax;
	type WeightInfo = ();
}

/// How many times the price of its job a trap promises.
pub(crate) const JACKPOT_FACTOR: u32 = 25;
pub(crate) const MOVE_BLOCKS: u32 = 32;

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

/// Who has a licence.
pub(crate) fn provider() -> AccountId {
	account(1)
}

/// Key of the tenant, whom the treasury has funded.
pub(crate) fn tenant_pair() -> sr25519::Pair {
	sr25519::Pair::from_seed(&[2; 32])
}

pub(crate) fn tenant() -> AccountId {
	tenant_pair().public().into()
}

pub(crate) fn stranger() -> AccountId {
	account(4)
}

pub(crate) fn auditors() -> [AccountId; 3] {
	[20, 21, 22].map(account)
}

/// The worker key of an account: everybody has one here.
pub(crate) fn worker_of(who: &AccountId) -> WorkerPair {
	let bytes: &[u8; 32] = who.as_ref();
	WorkerPair::from_seed(bytes)
}

pub(crate) fn key_of(who: &AccountId) -> WorkerKey {
	WorkerKey::from(worker_of(who).public())
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

/// A job that can be run: on the right weights, or on others by somebody who means to cheat.
pub(crate) struct Run {
	pub program: Program,
	pub weights: Vec<u8>,
	pub input: Vec<u8>,
	pub parameters: Parameters,
}

impl Run {
	/// The sample, as everybody should run it.
	pub(crate) fn honest() -> Self {
		let sample = sample();
		Self {
			program: Program::decode_validated(&sample.program).unwrap(),
			weights: sample.weights,
			input: sample.input,
			parameters: sample.parameters,
		}
	}

	/// The sample on weights that are wrong from some byte on, so that its result is another one.
	pub(crate) fn cheating(seed: u8) -> Self {
		let mut run = Self::honest();
		for (number, byte) in run.weights.iter_mut().enumerate() {
			*byte ^= seed.wrapping_mul(3).wrapping_add(number as u8) & 0x3f;
		}
		assert_ne!(run.tracer().claim(), Self::honest().tracer().claim());
		run
	}

	pub(crate) fn tracer(&self) -> Tracer<'_, ReferenceSteps<'_>> {
		Tracer::reference(&self.program, &self.weights, &self.input, &self.parameters).unwrap()
	}

	pub(crate) fn claim(&self) -> Claim {
		self.tracer().claim()
	}
}

/// The right claim.
pub(crate) fn right() -> Claim {
	static CLAIM: OnceLock<Claim> = OnceLock::new();
	*CLAIM.get_or_init(|| Run::honest().claim())
}

/// A real program, its weights and an input, from the golden vectors of the reference.
pub(crate) fn sample() -> assay_reference::golden::Vector {
	assay_reference::golden::vectors().find_map(|(_, vector)| vector).unwrap()
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let parties = [provider(), tenant(), stranger(), Treasury::get(), PlainAudits::pool()];
	let endowed = parties.into_iter().chain(auditors()).map(|who| (who, 10 * BOND));
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
		start_block(1);
		use frame_support::traits::Hooks;
		Traps::integrity_test();
		set_up_market();
		for who in auditors() {
			assert_ok!(ProviderStake::bond(signed(who.clone()), BOND));
			assert_ok!(AuditStake::bond(signed(who.clone()), BOND));
			assert_ok!(register_provider(who));
		}
		roll_by(1);
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
	Traps::do_try_state().unwrap();
	Disputes::do_try_state().unwrap();
	Jobs::do_try_state().unwrap();
	Leases::do_try_state().unwrap();
	Models::do_try_state().unwrap();
	Providers::do_try_state().unwrap();
	ProviderStake::do_try_state().unwrap();
	AuditStake::do_try_state().unwrap();
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

pub(crate) fn roll_to(number: BlockNumber) {
	roll_by(number - System::block_number());
}

/// Finish blocks and start the next ones, so many.
pub(crate) fn roll_by(blocks: BlockNumber) {
	for _ in 0..blocks {
		let now = System::block_number();
		AllPalletsWithSystem::on_finalize(now);
		start_block(now + 1);
	}
}

fn set_up_market() {
	let run = Run::honest();
	assert_ok!(ProviderStake::bond(signed(provider()), BOND));
	assert_ok!(register_provider(provider()));
	assert_ok!(Models::register(
		signed(tenant()),
		sample().program.try_into().unwrap(),
		WeightsRoot::from(assay_program::merkle::blob(&run.weights)),
		ROYALTY_PER_UNIT,
	));
	let terms = pallet_leases::OfferTerms {
		price_per_unit: PRICE_PER_UNIT,
		rate_units_per_block: 1_000,
		duration_blocks_max: 10_000_000,
		min_escrow: UNIT,
		risk_factor_max: RISK_FACTOR,
		reservation: None,
	};
	assert_ok!(Leases::create_offer(signed(provider()), ModelId(0), terms));
	assert_ok!(Leases::open_lease(
		signed(tenant()),
		OfferId(0),
		ESCROW,
		10_000_000,
		PRICE_PER_UNIT,
		None
	));
}

/// Keep the provider alive, as its worker would.
pub(crate) fn keep_alive() {
	let (owner, pair) = (provider(), worker_of(&provider()));
	let period = System::block_number() / TIMING.duty_period;
	let statement = assay_primitives::heartbeat_statement(&Jobs::genesis(), &owner, period);
	let signature = pair.sign(&statement);
	let call = pallet_providers::Call::heartbeat { owner, period, signature };
	let _ = dispatch_authorized(call.into());
}

pub(crate) fn register_provider(who: AccountId) -> DispatchResult {
	let device = pallet_providers::types::Device {
		name: b"cores".to_vec().try_into().unwrap(),
		memory_mib: 1_024,
		kind: pallet_providers::types::DeviceKind::Cpu,
	};
	let pair = worker_of(&who);
	let proof = pair.sign(&worker_statement(&Jobs::genesis(), &who));
	Providers::register(
		signed(who),
		vec![device].try_into().unwrap(),
		b"http://127.0.0.1:9950".to_vec().try_into().unwrap(),
		pair.public(),
		proof,
	)
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RawOrigin::Signed(who).into()
}

/// The digest that the job of this nonce will have.
pub(crate) fn digest_of(nonce: u64) -> JobDigest {
	let model = <Models as assay_primitives::Models<_, _>>::model(ModelId(0)).unwrap();
	let run = Run::honest();
	let request = assay_program::wire::JobRequest {
		genesis: genesis().0,
		program: model.program.into(),
		weights: model.weights.into(),
		input: assay_program::merkle::blob(&run.input),
		parameters: run.parameters,
		tenant: tenant().into(),
		nonce,
	};
	request.digest().into()
}

pub(crate) fn genesis() -> H256 {
	H256([42; 32])
}

/// What a job may cost if it is wrong: so much that its pledge repays who wins against it.
const RISK: Balance = 8 * UNIT;

/// A job of the tenant, at the highest audit rate; its slot.
pub(crate) fn submit(nonce: u64) -> SlotId {
	keep_alive();
	let slot = pallet_jobs::NextSlot::<Test>::get();
	let input = JobInput::Inline(InlineInput::try_from(sample().input).unwrap());
	let rate = pallet_jobs::types::LAMBDA_ONE;
	let (origin, parameters) = (signed(tenant()), sample().parameters);
	assert_ok!(Jobs::submit_job(origin, LeaseId(0), nonce, input, parameters, RISK, rate, 0));
	assert_eq!(pallet_jobs::Slots::<Test>::get(slot).unwrap().job, digest_of(nonce));
	slot
}

/// Traps of the jobs of these nonces with these claims, as they will be opened; and their root.
pub(crate) fn traps_of(traps: &[(u64, Claim)]) -> (Vec<Trap>, H256) {
	let salt = |nonce: &u64| sp_io::hashing::blake2_256(&nonce.to_le_bytes());
	let leaves: Vec<_> =
		traps.iter().map(|(nonce, claim)| (digest_of(*nonce), *claim, salt(nonce))).collect();
	let plan = plan_traps(&genesis(), &leaves).unwrap();
	let period = System::block_number() / TIMING.duty_period;
	let opened = (0u32..).zip(&leaves).zip(plan.leaves).map(|((index, leaf), (hash, path))| {
		let (_, claim, salt) = *leaf;
		let consent = tenant_pair().sign(&trap_consent(&genesis(), &hash));
		Trap { period, index, salt, claim, path, consent: MultiSignature::Sr25519(consent) }
	});
	(opened.collect(), plan.root)
}

/// A licence for the provider, and a root over these traps: they can be submitted from the next
/// block on, in which this ends.
pub(crate) fn post(traps: &[(u64, Claim)]) -> Vec<Trap> {
	let (opened, root) = traps_of(traps);
	assert_ok!(Traps::license(RawOrigin::Root.into(), provider(), 10));
	assert_ok!(Traps::post(RawOrigin::Root.into(), root, traps.len() as u32));
	roll_by(1);
	opened
}

/// An audited job in its window, whose provider and auditors claim this; the slots of all.
pub(crate) fn claimed(nonce: u64, claim: Claim, audits: &[Claim]) -> (JobDigest, Vec<SlotId>) {
	let (job, slot) = (digest_of(nonce), submit(nonce));
	commit(slot, &claim);
	roll_by(2);
	let until = frame_support::storage::with_storage_layer(|| Jobs::mark_final(job, 4)).unwrap();
	let open = |who: AccountId| Jobs::open_audit(job, who.clone(), key_of(&who)).unwrap();
	let slots: Vec<_> = auditors().into_iter().take(audits.len()).map(open).collect();
	slots.iter().zip(audits).for_each(|(slot, claim)| commit(*slot, claim));
	roll_by(until + 1 - System::block_number());
	reveal(slot, claim, until);
	slots.iter().zip(audits).for_each(|(slot, claim)| reveal(*slot, *claim, until));
	(job, core::iter::once(slot).chain(slots).collect())
}

/// The same with a trap that the provider has sprung.
pub(crate) fn sprung(nonce: u64, trap: &Trap, audits: &[Claim]) -> (JobDigest, Vec<SlotId>) {
	claimed(nonce, wrong_claim(&trap.claim, &trap.salt), audits)
}

pub(crate) fn open_call(job: JobDigest, trap: Trap) -> RuntimeCall {
	open_call_by(&worker_of(&provider()), job, trap)
}

pub(crate) fn open_call_by(pair: &WorkerPair, job: JobDigest, trap: Trap) -> RuntimeCall {
	let slot = pallet_jobs::Jobs::<Test>::get(job).map(|job| job.slots[0]).unwrap_or_default();
	let output = trap.claim.output().into();
	let signature = pair.sign(&trap_statement(&genesis(), &job, slot, &output));
	Call::open { job, trap: Box::new(trap), signature }.into()
}

pub(crate) fn open(job: JobDigest, trap: Trap) -> DispatchResult {
	dispatch_authorized(open_call(job, trap)).expect("the pool takes it")
}

/// Let the blocks for traps pass.
pub(crate) fn roll_past_traps() {
	roll_by(TIMING.trap_blocks);
}

/// Go beyond a job's window and settle it.
pub(crate) fn settle(job: JobDigest) {
	let record = pallet_jobs::Jobs::<Test>::get(job).unwrap();
	let pallet_jobs::Phase::Window { closes, .. } = record.phase else { panic!("no window") };
	if System::block_number() <= closes {
		roll_to(closes + 1);
	}
	assert_ok!(Jobs::settle(signed(stranger()), job));
}

pub(crate) fn state_of(slot: SlotId) -> SlotState {
	pallet_jobs::Slots::<Test>::get(slot).unwrap().state
}

const SALT: H256 = H256([9; 32]);

/// The worker of a slot's party commits to a claim.
fn commit(slot: SlotId, claim: &Claim) {
	let pallet_jobs::Slot { job, party, .. } = pallet_jobs::Slots::<Test>::get(slot).unwrap();
	let (pair, genesis, output) = (worker_of(&party), Jobs::genesis(), claim.output().into());
	let commitment = commitment(&genesis, &job, slot, &pair.public(), &SALT, &output);
	let signature = pair.sign(&commit_statement(&genesis, &job, slot, &commitment));
	let call = pallet_jobs::Call::commit { slot, commitment, signature };
	assert_ok!(dispatch_authorized(call.into()).unwrap());
}

/// It reveals the claim, after the block in which the commit phase closed.
pub(crate) fn reveal(slot: SlotId, claim: Claim, closed_at: BlockNumber) {
	let pallet_jobs::Slot { job, party, .. } = pallet_jobs::Slots::<Test>::get(slot).unwrap();
	let (pair, genesis, output) = (worker_of(&party), Jobs::genesis(), claim.output().into());
	let anchor = Anchor { number: closed_at, hash: hash_of(closed_at) };
	let signature = pair.sign(&claim_statement(&genesis, &job, slot, &output, &anchor));
	let call = pallet_jobs::Call::reveal { slot, claim, salt: SALT, anchor, signature };
	assert_ok!(dispatch_authorized(call.into()).unwrap());
}

/// Go to a block, as if nothing had happened in those between.
pub(crate) fn jump_to(number: BlockNumber) {
	let now = System::block_number();
	AllPalletsWithSystem::on_finalize(now);
	frame_system::BlockHash::<Test>::insert(now, hash_of(now));
	System::set_block_number(number - 1);
	start_block(number);
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
			RuntimeEvent::Traps(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// Free and held funds of an account.
pub(crate) fn wealth(who: &AccountId) -> Balance {
	Balances::total_balance(who)
}
