//! A runtime of this pallet and its real neighbours, a provider that claims something wrong, and
//! somebody who knows better.

use crate as pallet_disputes;
use crate::{Call, EndReason, Verdict};
use assay_primitives::{
	challenge_statement, claim_statement, commit_statement, commitment, move_statement,
	worker::WorkerPair, worker_statement, AccountId, Anchor, Audits, Balance, BlockNumber,
	JobDigest, LeaseId, ModelId, OfferId, SlotId, WeightsRoot, WorkerKey,
};
use assay_program::{Claim, Parameters, Program};
use assay_trace::{Answer, ReferenceSteps, Side, Tracer};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Balanced, HoldConsideration},
		Authorize, ConstU128, ConstU32, ConstU64, Contains, LinearStoragePrice, OnFinalize,
		OnInitialize, OnUnbalanced,
	},
};
use frame_system::{EnsureRoot, RawOrigin};
use pallet_jobs::{types::SlotState, InlineInput, JobInput, Timing};
use sp_core::{Pair, H256};
use sp_runtime::{
	traits::IdentityLookup,
	transaction_validity::{TransactionSource, TransactionValidityError},
	BuildStorage, DispatchError, DispatchResult, Perbill, Permill,
};

mod play;

pub(crate) use play::*;

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

/// Nobody audits here: every job runs as `Unaudited`.
#[derive(Debug)]
pub struct NoAudits;
impl Audits<AccountId, Balance> for NoAudits {
	fn lambda_min() -> u32 {
		20_000_000
	}

	fn is_auditable(_model: ModelId, _party: &AccountId, _pledge: Balance) -> bool {
		false
	}

	fn holders(_model: ModelId, _party: &AccountId) -> u32 {
		0
	}

	fn draw_blocks() -> u32 {
		0
	}

	fn pledge(price_max: Balance) -> Balance {
		price_max
	}

	fn pool() -> AccountId {
		Treasury::get()
	}

	fn pay(_auditor: &AccountId, _amount: Balance) -> Balance {
		0
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
	type MaxOffersPerProvider = ConstU32<16>;
	type MaxLeasesPerProvider = ConstU32<16>;
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
	type Audits = NoAudits;
	type Traps = ();
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

pub(crate) fn provider() -> AccountId {
	account(1)
}

pub(crate) fn tenant() -> AccountId {
	account(2)
}

pub(crate) fn challenger() -> AccountId {
	account(3)
}

pub(crate) fn other_challenger() -> AccountId {
	account(4)
}

/// The party of a second slot.
pub(crate) fn other_provider() -> AccountId {
	account(5)
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

/// A real program, its weights and an input, from the golden vectors of the reference.
pub(crate) fn sample() -> assay_reference::golden::Vector {
	assay_reference::golden::vectors().find_map(|(_, vector)| vector).unwrap()
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let parties = [provider(), tenant(), challenger(), other_challenger(), other_provider()];
	let endowed = parties.into_iter().chain([Treasury::get()]).map(|who| (who, 10 * BOND));
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
	Disputes::do_try_state().unwrap();
	Jobs::do_try_state().unwrap();
	Leases::do_try_state().unwrap();
	Models::do_try_state().unwrap();
	Providers::do_try_state().unwrap();
	ProviderStake::do_try_state().unwrap();
	for (id, slot) in pallet_jobs::Slots::<Test>::iter() {
		assert_eq!(slot.disputes, crate::ClaimGames::<Test>::get(id), "games about a claim");
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

/// Finish blocks and start the next ones, so many.
pub(crate) fn roll_by(blocks: BlockNumber) {
	for _ in 0..blocks {
		let now = System::block_number();
		AllPalletsWithSystem::on_finalize(now);
		start_block(now + 1);
	}
}

/// What the provider asks for any model.
pub(crate) fn offer_terms() -> pallet_leases::OfferTerms<Balance> {
	pallet_leases::OfferTerms {
		price_per_unit: PRICE_PER_UNIT,
		rate_units_per_block: 1_000,
		duration_blocks_max: 10_000_000,
		min_escrow: UNIT,
		risk_factor_max: RISK_FACTOR,
		reservation: None,
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
	assert_ok!(Leases::create_offer(signed(provider()), ModelId(0), offer_terms()));
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

/// Settle every job that is due.
pub(crate) fn settle_all() {
	for job in pallet_jobs::Jobs::<Test>::iter_keys().collect::<Vec<_>>() {
		assert_ok!(Jobs::settle(signed(tenant()), job));
	}
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

/// A job of this input whose provider claims this, in its challenge window.
pub(crate) fn claimed(nonce: u64, input: Vec<u8>, claim: Claim) -> (JobDigest, SlotId) {
	claimed_at_risk(nonce, input, claim, 0)
}

/// The same where so much depends on the result.
pub(crate) fn claimed_at_risk(
	nonce: u64,
	input: Vec<u8>,
	claim: Claim,
	value_at_risk: Balance,
) -> (JobDigest, SlotId) {
	let (job, slot) = submit(nonce, input, value_at_risk);
	commit(slot, &claim);
	let closed_at = System::block_number();
	roll_by(2);
	reveal(slot, claim, closed_at);
	(job, slot)
}

/// A job on the sample's input with a slot for each of these claims, the first one its provider's,
/// in its challenge window.
pub(crate) fn opposed<const N: usize>(
	nonce: u64,
	claims: [Claim; N],
	value_at_risk: Balance,
) -> (JobDigest, [SlotId; N]) {
	let (job, slots) = committed(nonce, claims, value_at_risk);
	let closed_at = System::block_number();
	roll_by(2);
	slots.into_iter().zip(claims).for_each(|(slot, claim)| reveal(slot, claim, closed_at));
	(job, slots)
}

/// The same before any claim is open.
pub(crate) fn committed<const N: usize>(
	nonce: u64,
	claims: [Claim; N],
	value_at_risk: Balance,
) -> (JobDigest, [SlotId; N]) {
	let (job, first) = submit(nonce, sample().input, value_at_risk);
	let parties = [other_provider(), challenger(), other_challenger()];
	let others: Vec<_> = parties.iter().take(N - 1).map(|party| add_slot(job, party)).collect();
	let slots: Vec<_> = core::iter::once(first).chain(others).collect();
	slots.iter().zip(&claims).for_each(|(slot, claim)| commit(*slot, claim));
	(job, slots.try_into().unwrap())
}

/// Push a slot into a submitted job. No call does yet.
pub(crate) fn add_slot(job: JobDigest, party: &AccountId) -> SlotId {
	use assay_primitives::{Claims, Providers as _};
	if Providers::worker_key(party).is_none() {
		assert_ok!(ProviderStake::bond(signed(party.clone()), BOND));
		assert_ok!(register_provider(party.clone()));
	}
	let slot = pallet_jobs::NextSlot::<Test>::get();
	pallet_jobs::NextSlot::<Test>::put(slot.next().unwrap());
	let due = <Jobs as Claims<_, _>>::now() + TIMING.accept;
	let state = SlotState::Assigned { accepted: false, due };
	assert_ok!(Providers::engage(party));
	pallet_jobs::Duties::<Test>::insert(party, slot, ());
	pallet_jobs::OpenSlots::<Test>::mutate(party, |open| *open += 1);
	let pledge = pallet_jobs::Jobs::<Test>::mutate(job, |job| {
		let job = job.as_mut().unwrap();
		job.slots.try_push(slot).unwrap();
		job.pledge
	});
	let record = pallet_jobs::Slot {
		job,
		party: party.clone(),
		worker: None,
		role: assay_primitives::apis::SlotRole::Assigned,
		pledge,
		state,
		disputes: 0,
	};
	pallet_jobs::Slots::<Test>::insert(slot, record);
	slot
}

/// Open the game between two slots; the game.
pub(crate) fn oppose(slot: SlotId, other: SlotId) -> SlotId {
	let game = pallet_jobs::NextSlot::<Test>::get();
	assert_ok!(dispatch_authorized(Call::oppose { slot, other }.into()).unwrap());
	game
}

/// A job of the tenant, and the slot of its provider.
fn submit(nonce: u64, input: Vec<u8>, value_at_risk: Balance) -> (JobDigest, SlotId) {
	let slot = pallet_jobs::NextSlot::<Test>::get();
	assert_ok!(Jobs::submit_job(
		signed(tenant()),
		LeaseId(0),
		nonce,
		JobInput::Inline(InlineInput::try_from(input).unwrap()),
		sample().parameters,
		value_at_risk,
		0,
		0
	));
	(pallet_jobs::Slots::<Test>::get(slot).unwrap().job, slot)
}

const SALT: H256 = H256([9; 32]);

/// The worker of a slot's party commits to a claim.
pub(crate) fn commit(slot: SlotId, claim: &Claim) {
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

/// A job whose provider claims what this run says.
pub(crate) fn claimed_by(nonce: u64, run: &Run) -> (JobDigest, SlotId) {
	claimed(nonce, run.input.clone(), run.claim())
}

pub(crate) fn challenge_call(who: &AccountId, slot: SlotId, claim: Claim) -> RuntimeCall {
	challenge_call_for(who, slot, claim, Balance::MAX)
}

pub(crate) fn challenge_call_for(
	who: &AccountId,
	slot: SlotId,
	claim: Claim,
	bond_max: Balance,
) -> RuntimeCall {
	let pair = worker_of(who);
	let job = pallet_jobs::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default();
	let output = claim.output().into();
	let statement = challenge_statement(&Jobs::genesis(), &job, slot, who, &output, bond_max);
	let (signature, worker, challenger) = (pair.sign(&statement), pair.public(), who.clone());
	Call::challenge { slot, claim, challenger, worker, bond_max, signature }.into()
}

/// Challenge a claim by another one; the game.
pub(crate) fn challenge(
	who: &AccountId,
	slot: SlotId,
	claim: Claim,
) -> Result<SlotId, DispatchError> {
	use sp_runtime::traits::Dispatchable;
	let game = pallet_jobs::NextSlot::<Test>::get();
	frame_support::storage::with_storage_layer(|| {
		challenge_call(who, slot, claim)
			.dispatch(signed(who.clone()))
			.map(|_| game)
			.map_err(|error| error.error)
	})
}

pub(crate) fn answer_call(game: SlotId, side: Side, answer: Answer) -> RuntimeCall {
	let view = Disputes::game_view(game).unwrap();
	let pair = worker_of(&view.dispute.party(side).account);
	let question = view.question;
	let board = Disputes::board(game, &view.dispute, &crate::Games::<Test>::get(game).unwrap());
	let statement = move_statement(&Jobs::genesis(), &board, &side, &question, &answer);
	Call::answer { game, side, question, answer, signature: pair.sign(&statement) }.into()
}

/// Let a side answer by its run.
pub(crate) fn answer(
	game: SlotId,
	side: Side,
	run: &Run,
) -> Result<DispatchResult, TransactionValidityError> {
	let view = Disputes::game_view(game).unwrap();
	let answer = run.tracer().answer(&view.question).unwrap();
	dispatch_authorized(answer_call(game, side, answer))
}

/// Go to a block, as if nothing had happened in those between.
pub(crate) fn jump_to(number: BlockNumber) {
	let now = System::block_number();
	AllPalletsWithSystem::on_finalize(now);
	frame_system::BlockHash::<Test>::insert(now, hash_of(now));
	System::set_block_number(number - 1);
	start_block(number);
}

/// What pool and dispatch make of an authorised call: refused, or dispatched with a result.
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
			RuntimeEvent::Disputes(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// Free and held funds of an account.
pub(crate) fn wealth(who: &AccountId) -> Balance {
	use frame_support::traits::fungible::Inspect;
	Balances::total_balance(who)
}
