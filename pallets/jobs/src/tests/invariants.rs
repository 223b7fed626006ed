//! Random sequences of everything that can be done, by two providers, two tenants, a model's
//! owner, auditors, root and strangers, with all invariants of all pallets and the total issuance
//! checked after each step; at the end strangers can end whatever is open.

use super::{replicas::candidate_any, *};
use crate::types::{late_penalty, AuditState, InlineInput, SlotState, LAMBDA_ONE, SLOTS_MAX};
use assay_primitives::{
	apis::SlotRole, worker::WorkerPair, worker_statement, AccountId, AuditedJobs, Audits, Balance,
	Claims, Item, JobDigest, ModelId, OfferId, OwedItems, Providers as _, TrapJobs, WorkerKey,
};
use frame_support::{
	dispatch::DispatchResult, storage::with_storage_layer, traits::fungible::InspectHold,
};
use frame_system::RawOrigin;
use proptest::prelude::*;
use sp_core::Pair;

/// What a worker claims now and then instead of the true claim.
const OTHER_CLAIM: Claim = Claim::Invalid { code: 2 };

#[derive(Clone, Debug)]
enum Op {
	// Tenants; also a provider at its own offer.
	OpenLease {
		who: AccountId,
		offer: u8,
		duration: u32,
	},
	TopUp {
		lease: u8,
		amount: Balance,
	},
	CloseLease {
		who: AccountId,
		lease: u8,
	},
	Submit {
		lease: u8,
		gap: u64,
		value: Balance,
		stored: bool,
		lambda: u32,
		replicas: u8,
	},
	// Workers.
	Candidate {
		slot: u8,
		who: AccountId,
		ticket: u8,
	},
	Beat(AccountId),
	SecondSlot(u8),
	Accept(u8),
	Commit {
		slot: u8,
		truly: bool,
	},
	Reveal {
		slot: u8,
		truly: bool,
	},
	RevealInGrace {
		slot: u8,
		late: u32,
	},
	// Audits.
	Mark(u8),
	Notice {
		slot: u8,
		who: AccountId,
	},
	/// All of a job with audits or replicas up to its window, but for those who fall silent.
	Play {
		slot: u8,
		truly: bool,
		silent: u8,
		audits: Vec<(AccountId, bool)>,
	},
	BondAudits(AccountId, Balance),
	UnbondAudits(AccountId, Balance),
	// Demands.
	Hold {
		slot: u8,
		input: bool,
	},
	EndHold {
		slot: u8,
		answered: bool,
		/// Or shown to be of another length.
		barred: bool,
	},
	/// A trap is opened: the assigned slot claims something else, if it may.
	Amend {
		slot: u8,
		truly: bool,
	},
	// The outcome of a game.
	Convict(u8),
	// Anybody.
	Lapse(u8),
	Settle(u8),
	SettleWhenDue(u8),
	ExpireLease(u8),
	Roll {
		blocks: u32,
		alive: bool,
	},
	Jump(u32),
	// Providers.
	Register {
		who: AccountId,
		key: u8,
	},
	Rotate {
		who: AccountId,
		key: u8,
	},
	Drain(AccountId),
	Resume(AccountId),
	Leave(AccountId),
	CreateOffer {
		who: AccountId,
		model: u8,
	},
	UpdateOffer {
		offer: u8,
		price: Balance,
	},
	CloseOffer(u8),
	Bond(AccountId, Balance),
	Unbond(AccountId, Balance),
	Rebond(AccountId, Balance),
	Withdraw(AccountId),
	// A model's owner.
	RegisterModel,
	SetTerms {
		model: u8,
		royalty: Balance,
	},
	Transfer {
		model: u8,
		to: AccountId,
	},
	Retire(u8),
	// Root.
	Pause(bool),
	ForceSlash(AccountId, Balance),
}

fn provider_account() -> impl Strategy<Value = AccountId> {
	prop_oneof![2 => Just(provider()), 1 => Just(other_provider())]
}

fn tenant_account() -> impl Strategy<Value = AccountId> {
	prop_oneof![4 => Just(tenant()), 4 => Just(other_tenant()), 1 => Just(provider())]
}

/// Who may audit: also the other provider, if it is not its own job.
fn auditor() -> impl Strategy<Value = AccountId> {
	proptest::sample::select(auditors().into_iter().chain([other_provider()]).collect::<Vec<_>>())
}

/// Replicas of half of all jobs; now and then more than there can be.
fn replicas() -> impl Strategy<Value = u8> {
	prop_oneof![5 => Just(0u8), 5 => 1..4u8, 1 => any::<u8>()]
}

fn coins(most: Balance) -> impl Strategy<Value = Balance> {
	(1..most).prop_map(|n| n * UNIT)
}

fn job_op() -> impl Strategy<Value = Op> {
	let any = any::<u8>;
	let truly = || prop_oneof![3 => Just(true), 1 => Just(false)];
	prop_oneof![
		// Now and then more is at risk than a lease allows.
		6 => (any(), 0..3u64, 0..1_100u128, proptest::bool::weighted(0.2), rate(), replicas())
			.prop_map(|(lease, gap, factor, stored, lambda, replicas)| {
				let value = factor * PRICE_PER_UNIT;
				Op::Submit { lease, gap, value, stored, lambda, replicas }
			}),
		6 => (any(), auditor(), 0..4u8)
			.prop_map(|(slot, who, ticket)| Op::Candidate { slot, who, ticket }),
		2 => any().prop_map(Op::SecondSlot),
		2 => any().prop_map(Op::Accept),
		6 => (any(), truly()).prop_map(|(slot, truly)| Op::Commit { slot, truly }),
		5 => (any(), truly()).prop_map(|(slot, truly)| Op::Reveal { slot, truly }),
		2 => (any(), 1..=TIMING.reveal_grace)
			.prop_map(|(slot, late)| Op::RevealInGrace { slot, late }),
		4 => any().prop_map(Op::Mark),
		4 => (any(), auditor()).prop_map(|(slot, who)| Op::Notice { slot, who }),
		9 => (any(), truly(), any(), proptest::collection::vec((auditor(), truly()), 0..6))
			.prop_map(|(slot, truly, silent, audits)| Op::Play { slot, truly, silent, audits }),
		3 => (any(), proptest::bool::ANY).prop_map(|(slot, input)| Op::Hold { slot, input }),
		4 => (any(), proptest::bool::weighted(0.7), proptest::bool::weighted(0.3))
			.prop_map(|(slot, answered, barred)| Op::EndHold { slot, answered, barred }),
		3 => (any(), truly()).prop_map(|(slot, truly)| Op::Amend { slot, truly }),
		1 => any().prop_map(Op::Convict),
		3 => any().prop_map(Op::Lapse),
		2 => any().prop_map(Op::Settle),
		3 => any().prop_map(Op::SettleWhenDue),
		// Mostly the providers' nodes run, and mostly a little time passes.
		5 => (1..8u32, Just(true)).prop_map(|(blocks, alive)| Op::Roll { blocks, alive }),
		2 => (8..30u32, proptest::bool::weighted(0.8))
			.prop_map(|(blocks, alive)| Op::Roll { blocks, alive }),
		1 => provider_account().prop_map(Op::Beat),
	]
}

/// Mostly a rate, now and then one that is refused.
fn rate() -> impl Strategy<Value = u32> {
	prop_oneof![3 => Just(0), 5 => LAMBDA_MIN..=LAMBDA_ONE, 1 => any::<u32>()]
}

fn market_op() -> impl Strategy<Value = Op> {
	let any = any::<u8>;
	let key = || 0..4u8;
	prop_oneof![
		3 => (tenant_account(), any(), 1..200u32)
			.prop_map(|(who, offer, duration)| Op::OpenLease { who, offer, duration }),
		1 => (any(), coins(50)).prop_map(|(lease, amount)| Op::TopUp { lease, amount }),
		1 => (prop_oneof![tenant_account(), provider_account()], any())
			.prop_map(|(who, lease)| Op::CloseLease { who, lease }),
		2 => any().prop_map(Op::ExpireLease),
		1 => (provider_account(), any())
			.prop_map(|(who, model)| Op::CreateOffer { who, model }),
		1 => (any(), 0..3u128)
			.prop_map(|(offer, n)| Op::UpdateOffer { offer, price: PRICE_PER_UNIT * n }),
		1 => any().prop_map(Op::CloseOffer),
		1 => (provider_account(), key()).prop_map(|(who, key)| Op::Register { who, key }),
		2 => (provider_account(), key()).prop_map(|(who, key)| Op::Rotate { who, key }),
		1 => provider_account().prop_map(Op::Leave),
		1 => provider_account().prop_map(Op::Drain),
		4 => provider_account().prop_map(Op::Resume),
		1 => Just(Op::RegisterModel),
		1 => (any(), 0..3u128)
			.prop_map(|(model, n)| Op::SetTerms { model, royalty: PRICE_PER_UNIT * n / 2 }),
		1 => (any(), prop_oneof![Just(owner()), Just(stranger()), Just(account(8))])
			.prop_map(|(model, to)| Op::Transfer { model, to }),
		1 => any().prop_map(Op::Retire),
	]
}

fn stake_op() -> impl Strategy<Value = Op> {
	prop_oneof![
		2 => (provider_account(), coins(500)).prop_map(|(who, n)| Op::Bond(who, n)),
		2 => (provider_account(), coins(300)).prop_map(|(who, n)| Op::Unbond(who, n)),
		2 => (provider_account(), coins(500)).prop_map(|(who, n)| Op::Rebond(who, n)),
		2 => provider_account().prop_map(Op::Withdraw),
		1 => (provider_account(), coins(300)).prop_map(|(who, n)| Op::ForceSlash(who, n)),
		1 => (auditor(), coins(500)).prop_map(|(who, n)| Op::BondAudits(who, n)),
		1 => (auditor(), coins(500)).prop_map(|(who, n)| Op::UnbondAudits(who, n)),
		1 => Just(Op::Pause(true)),
		4 => Just(Op::Pause(false)),
		1 => (30..300u32).prop_map(Op::Jump),
	]
}

fn op() -> impl Strategy<Value = Op> {
	prop_oneof![14 => job_op(), 3 => market_op(), 2 => stake_op()]
}

/// The `n`th of some keys, in their order.
fn pick<K: Ord + Clone>(keys: impl Iterator<Item = K>, n: u8) -> Option<K> {
	let mut keys: Vec<K> = keys.collect();
	keys.sort();
	keys.get(usize::from(n) % keys.len().max(1)).cloned()
}

fn slot(n: u8) -> SlotId {
	pick(crate::Slots::<Test>::iter_keys(), n).unwrap_or(SlotId(u64::MAX))
}

fn job_of(slot: SlotId) -> JobDigest {
	crate::Slots::<Test>::get(slot).map(|slot| slot.job).unwrap_or_default()
}

fn lease_id(n: u8) -> LeaseId {
	pick(pallet_leases::Leases::<Test>::iter_keys(), n).unwrap_or(LeaseId(u64::MAX))
}

fn offer_id(n: u8) -> OfferId {
	pick(pallet_leases::Offers::<Test>::iter_keys(), n).unwrap_or(OfferId(u64::MAX))
}

/// Whose lease it is, or else somebody.
fn tenant_of(lease: LeaseId) -> AccountId {
	pallet_leases::Leases::<Test>::get(lease).map_or_else(tenant, |lease| lease.tenant)
}

/// Who owns the offer, or else somebody.
fn provider_of(offer: OfferId) -> RuntimeOrigin {
	let offer = pallet_leases::Offers::<Test>::get(offer);
	signed(offer.map_or_else(provider, |offer| offer.provider))
}

/// A model and its owner, or somebody.
fn model(n: u8) -> (ModelId, RuntimeOrigin) {
	let id = pick(pallet_models::Models::<Test>::iter_keys(), n).unwrap_or(ModelId(u32::MAX));
	let model = pallet_models::Models::<Test>::get(id);
	(id, signed(model.map_or_else(owner, |model| model.owner)))
}

/// All worker keys that the providers of these tests may have.
fn pairs() -> [WorkerPair; 4] {
	[worker(), other_worker(), WorkerPair::from_seed(&[31; 32]), WorkerPair::from_seed(&[32; 32])]
}

/// The pair of a worker key, or some other.
fn pair_of(key: Option<WorkerKey>) -> WorkerPair {
	let of_auditors = auditors().map(|who| audit_worker(&who));
	pairs()
		.into_iter()
		.chain(of_auditors)
		.find(|pair| Some(pair.public()) == key)
		.unwrap_or_else(worker)
}

/// The pair that has to sign for a slot.
fn pair_for(slot: SlotId) -> WorkerPair {
	let slot = crate::Slots::<Test>::get(slot);
	pair_of(slot.and_then(|slot| slot.worker.or_else(|| Providers::worker_of(slot.party))))
}

/// What a slot has committed to.
fn committed_claim(id: SlotId) -> Option<Claim> {
	let slot = crate::Slots::<Test>::get(id)?;
	let SlotState::Committed { commitment } = slot.state else { return None };
	let pair = pair_for(id);
	[true_claim(), OTHER_CLAIM]
		.into_iter()
		.find(|claim| commitment_by(&pair, &slot.job, id, claim) == commitment)
}

fn submit_any(lease: u8, gap: u64, (value, lambda, replicas): (Balance, u32, u8), stored: bool) {
	let id = lease_id(lease);
	let tenant = tenant_of(id);
	let nonce = Jobs::nonce_after(&tenant) + gap;
	let input = if stored {
		JobInput::Stored([u8::try_from(nonce % 256).unwrap(); 32].into())
	} else {
		JobInput::Inline(InlineInput::try_from(sample().input).unwrap())
	};
	as_a_call(|| {
		let origin = signed(tenant);
		Jobs::submit_job(origin, id, nonce, input, parameters(), value, lambda, replicas)
	});
}

/// What a dispatch makes of a call that fails: nothing is written. Whether it fails is the business
/// of other tests.
fn as_a_call(call: impl FnOnce() -> DispatchResult) {
	let _ = with_storage_layer(call);
}

/// Open a second slot where the market has a second party for it.
fn second_slot(n: u8) {
	let digest = job_of(slot(n));
	let Some(job) = crate::Jobs::<Test>::get(digest) else { return };
	let is_open = matches!(job.audit, AuditState::Unaudited | AuditState::Uncommitted);
	if job.phase != Phase::Claiming || !is_open || job.slots.len() > 1 {
		return;
	}
	let first = crate::Slots::<Test>::get(job.slots[0]).unwrap().party;
	let party = if first == provider() { other_provider() } else { provider() };
	let open = crate::OpenSlots::<Test>::get(&party);
	let bound = <Providers as assay_primitives::Providers<_>>::may_take_work(&party);
	if bound && open < MaxOpenSlots::get() {
		add_slot(digest, party);
	}
}

fn reveal_any(id: SlotId, truly: bool) {
	let claim = committed_claim(id).unwrap_or_else(true_claim);
	if truly {
		return no_surprise(reveal_by(&pair_for(id), id, claim));
	}
	let wrong = Claim::Invalid { code: 9 };
	let call = reveal_call(id, wrong, SALT, anchor_of(id), &pair_for(id));
	assert!(dispatch_authorized(call.clone()).is_err());
	assert!(dispatch_unchecked(call).is_err());
}

fn beat_any(who: AccountId) {
	let pair = pair_of(Providers::worker_of(who.clone()));
	no_surprise(beat_by(who, &pair));
}

/// Wait until a window is over and settle: that must succeed.
fn settle_when_due(digest: JobDigest) {
	let Some(job) = crate::Jobs::<Test>::get(digest) else { return };
	let Phase::Window { closes, .. } = job.phase else { return };
	let clock = Jobs::clock_of(&job);
	if clock.paused_since.is_some() || job.hold.is_open() {
		return;
	}
	roll_to(clock.block_of(closes + 1));
	convict_liars(digest);
	// Who is paid in place of a liar has its output demanded for a while.
	let Some(job) = crate::Jobs::<Test>::get(digest) else { return };
	roll_to(Jobs::clock_of(&job).block_of(job.replicas.owed_until + 1));
	assert_ok!(dispatch_authorized(Call::settle { job: digest }.into()).expect("it is due"));
}

/// What games between claims that contradict each other come to.
fn convict_liars(digest: JobDigest) {
	while let Some((first, second)) = Jobs::opposed(digest) {
		let lies = |id| {
			let state = crate::Slots::<Test>::get(id).map(|slot| slot.state);
			state.and_then(|state| state.claim()) == Some(OTHER_CLAIM)
		};
		let liar = if lies(first) { first } else { second };
		assert!(Jobs::convict(liar, 0) > 0, "a claim stands behind its pledge");
	}
}

/// A game about some claim that can be disputed: who lies is convicted.
fn play(id: SlotId) {
	if crate::JobClock::<Test>::get().paused_since.is_some() || Jobs::open_dispute(id).is_err() {
		return;
	}
	let claim = crate::Slots::<Test>::get(id).and_then(|slot| slot.state.claim());
	if claim == Some(OTHER_CLAIM) {
		assert!(Jobs::convict(id, 1) > 0, "a claim stands behind its pledge");
	}
	Jobs::reward(id, &stranger(), 1);
	Jobs::close_dispute(id);
}

/// The claim of an assigned slot is replaced, where that is possible, and settles for a jackpot.
fn amend_any(digest: JobDigest, truly: bool) {
	let claim = if truly { true_claim() } else { OTHER_CLAIM };
	let Ok(id) = with_storage_layer(|| Jobs::amend(digest, claim, UNIT)) else { return };
	let slot = crate::Slots::<Test>::get(id).unwrap();
	assert_eq!((slot.state.claim(), slot.role), (Some(claim), SlotRole::Assigned));
	assert_eq!(slot.disputes, 0, "a disputed claim is never replaced");
	assert_eq!(crate::Jackpots::<Test>::get(digest), Some(UNIT));
	assert!(with_storage_layer(|| Jobs::amend(digest, claim, UNIT)).is_err(), "once");
}

/// A notice of somebody: taken where the job takes notices and the auditor can afford it.
fn notice_any(id: SlotId, who: AccountId) {
	let digest = job_of(id);
	let Some(key) = Providers::worker_key(&who) else { return };
	let takes = Jobs::audited(digest).is_some_and(|job| job.notices_until.is_some());
	let fits = crate::Jobs::<Test>::get(digest).is_some_and(|job| {
		let mut slots = job.slots.iter().filter_map(crate::Slots::<Test>::get);
		AuditStake::free(&who) >= PlainAudits::pledge(job.price_max)
			&& job.slots.len() < SLOTS_MAX as usize
			&& slots.all(|slot| slot.party != who)
	});
	let opened = with_storage_layer(|| Jobs::open_audit(digest, who, key));
	assert_eq!(opened.is_ok(), takes && fits, "{opened:?}");
}

/// Take an audited job from wherever it is to its window: its slots commit, it is marked, auditors
/// give notice, all reveal but the slot of which `silent` is eight times the number.
fn play_audited(first: SlotId, truly: bool, silent: u8, audits: Vec<(AccountId, bool)>) {
	let digest = job_of(first);
	let job = crate::Jobs::<Test>::get(digest);
	let wanted = job.as_ref().map_or(0, |job| job.replicas.wanted);
	let is_audited = job.is_some_and(|job| job.lambda_ppb > 0);
	if !is_audited && wanted == 0 || crate::JobClock::<Test>::get().paused_since.is_some() {
		return;
	}
	let claim_of = |truly| if truly { true_claim() } else { OTHER_CLAIM };
	let slots = || crate::Jobs::<Test>::get(digest).map_or(Vec::new(), |job| job.slots.to_vec());
	for id in slots() {
		no_surprise(commit_by(&pair_for(id), id, &claim_of(truly)));
	}
	mark_any(digest);
	for (ticket, (who, _)) in audits.iter().enumerate() {
		candidate_any(first, who.clone(), 9 - ticket as u8);
	}
	for (who, truly) in audits {
		notice_any(first, who);
		let Some(id) = slots().last().copied() else { return };
		no_surprise(commit_by(&pair_for(id), id, &claim_of(truly)));
	}
	roll_by(if wanted > 0 { DRAW_BLOCKS + 1 } else { 7 });
	for (n, id) in slots().into_iter().enumerate() {
		no_surprise(commit_by(&pair_for(id), id, &claim_of(truly || n % 3 > 0)));
	}
	roll_by(1);
	for (n, id) in slots().into_iter().enumerate() {
		if usize::from(silent) != 8 * n {
			reveal_any(id, true);
		}
	}
}

/// The end of a demand about a job, if one is open.
fn end_hold(digest: JobDigest, answered: bool, barred: bool) {
	let job = crate::Jobs::<Test>::get(digest).filter(|job| job.hold.is_open());
	let Some(job) = job.filter(|_| crate::JobClock::<Test>::get().paused_since.is_none()) else {
		return;
	};
	if answered && barred {
		<Jobs as OwedItems<AccountId>>::bar(digest);
		return;
	}
	if answered {
		return <Jobs as OwedItems<AccountId>>::resume(digest);
	}
	let owes = |id: &SlotId| {
		let slot = crate::Slots::<Test>::get(id).unwrap();
		let stands = matches!(slot.state, SlotState::Committed { .. } | SlotState::Revealed { .. });
		slot.role.does_job() && stands
	};
	let id = *job.slots.iter().find(|id| owes(id)).expect("a job is held for what is owed");
	let slot = crate::Slots::<Test>::get(id).unwrap();
	let (pledged, bonded) = stake_of(id, &slot);
	<Jobs as OwedItems<AccountId>>::withhold(digest, id);
	assert_eq!(stake_of(id, &slot), (0, bonded - pledged), "nothing is left of the pledge");
}

fn mark_any(digest: JobDigest) {
	let awaits = Jobs::audited(digest).is_some_and(|job| job.notices_until.is_none());
	let marked = with_storage_layer(|| Jobs::mark_final(digest, 6));
	assert_eq!(marked.is_ok(), awaits, "{marked:?}");
}

/// What a slot still has pledged, and all of the stake that this is of.
fn stake_of(id: SlotId, slot: &crate::Slot<AccountId>) -> (Balance, Balance) {
	let bonded = match slot.role {
		SlotRole::Assigned | SlotRole::Replica => ProviderStake::bonded(&slot.party),
		SlotRole::Audit => AuditStake::bonded(&slot.party),
	};
	(Jobs::pledged(id, slot), bonded)
}

/// Wait until a reveal is late and send it: it must be taken, for a tenth of the pledge.
fn reveal_in_grace(id: SlotId, late: u32) {
	let Some(claim) = committed_claim(id) else { return };
	let job = crate::Jobs::<Test>::get(job_of(id)).unwrap();
	let Phase::Revealing { reveal_by: by, .. } = job.phase else { return };
	let clock = Jobs::clock_of(&job);
	let block = clock.block_of(by + late);
	if clock.paused_since.is_some() || job.hold.is_open() || block < System::block_number() {
		return;
	}
	roll_to(block);
	let slot = crate::Slots::<Test>::get(id).unwrap();
	let (pledged, bonded) = stake_of(id, &slot);
	assert_eq!(pledged, slot.pledge);
	assert_ok!(reveal_by(&pair_for(id), id, claim).expect("late, but within the grace"));
	let penalty = late_penalty(slot.pledge);
	let left = (pledged - penalty, bonded - penalty);
	assert_eq!(stake_of(id, &slot), left, "late by {late} blocks");
}

fn apply(op: Op) {
	match op {
		Op::Submit { lease, gap, value, stored, lambda, replicas } => {
			submit_any(lease, gap, (value, lambda, replicas), stored)
		},
		Op::Candidate { slot: n, who, ticket } => candidate_any(slot(n), who, ticket),
		Op::SecondSlot(n) => second_slot(n),
		Op::Accept(n) => {
			let (id, pair) = (slot(n), pair_for(slot(n)));
			no_surprise(dispatch_authorized(accept_call(id, &pair)));
		},
		Op::Commit { slot: n, truly } => {
			let claim = if truly { true_claim() } else { OTHER_CLAIM };
			no_surprise(commit_by(&pair_for(slot(n)), slot(n), &claim));
		},
		Op::Reveal { slot: n, truly } => reveal_any(slot(n), truly),
		Op::RevealInGrace { slot: n, late } => reveal_in_grace(slot(n), late),
		Op::Mark(n) => mark_any(job_of(slot(n))),
		Op::Notice { slot: n, who } => notice_any(slot(n), who),
		Op::Play { slot: n, truly, silent, audits } => play_audited(slot(n), truly, silent, audits),
		Op::Hold { slot: n, input } => {
			let item = if input { Item::Input } else { Item::Output };
			as_a_call(|| <Jobs as OwedItems<AccountId>>::hold(job_of(slot(n)), item));
		},
		Op::EndHold { slot: n, answered, barred } => end_hold(job_of(slot(n)), answered, barred),
		Op::Amend { slot: n, truly } => amend_any(job_of(slot(n)), truly),
		Op::Convict(n) => play(slot(n)),
		Op::Lapse(n) => no_surprise(dispatch_authorized(Call::lapse { slot: slot(n) }.into())),
		Op::Settle(n) => {
			no_surprise(dispatch_authorized(Call::settle { job: job_of(slot(n)) }.into()))
		},
		Op::SettleWhenDue(n) => settle_when_due(job_of(slot(n))),
		Op::Roll { blocks, alive } => {
			roll_by(blocks);
			if alive {
				for who in [provider(), other_provider()] {
					beat_any(who);
				}
			}
		},
		Op::Jump(blocks) => jump_to(System::block_number() + blocks),
		Op::Beat(who) => beat_any(who),
		Op::Pause(paused) => drop(Jobs::set_paused(RawOrigin::Root.into(), paused)),
		op => as_a_call(|| call_neighbours(op)),
	}
}

/// Calls of the other pallets.
fn call_neighbours(op: Op) -> DispatchResult {
	match op {
		Op::OpenLease { who, offer, duration } => {
			let limit = 2 * PRICE_PER_UNIT;
			Leases::open_lease(signed(who), offer_id(offer), ESCROW, duration, limit, None)
		},
		Op::TopUp { lease, amount } => {
			let id = lease_id(lease);
			Leases::top_up(signed(tenant_of(id)), id, amount)
		},
		Op::CloseLease { who, lease } => Leases::close_lease(signed(who), lease_id(lease)),
		Op::ExpireLease(lease) => Leases::expire_lease(signed(stranger()), lease_id(lease))
			.map(|_| ())
			.map_err(|error| error.error),
		Op::CreateOffer { who, model: n } => create_offer(who, model(n).0),
		Op::UpdateOffer { offer, price } => {
			let terms = pallet_leases::OfferTerms { price_per_unit: price, ..TERMS };
			Leases::update_offer(provider_of(offer_id(offer)), offer_id(offer), terms)
		},
		Op::CloseOffer(offer) => Leases::close_offer(provider_of(offer_id(offer)), offer_id(offer)),
		Op::Register { who, key } => register_provider(who, &pairs()[usize::from(key)]),
		Op::Rotate { who, key } => {
			let pair = &pairs()[usize::from(key)];
			let proof = pair.sign(&worker_statement(&Jobs::genesis(), &who));
			Providers::rotate_worker(signed(who), pair.public(), proof)
		},
		Op::Leave(who) => Providers::leave(signed(who)),
		Op::Drain(who) => Providers::drain(signed(who)),
		Op::Resume(who) => Providers::resume(signed(who)),
		Op::RegisterModel => register_model(owner()),
		Op::SetTerms { model: n, royalty } => Models::set_terms(model(n).1, model(n).0, royalty),
		Op::Transfer { model: n, to } => Models::transfer_ownership(model(n).1, model(n).0, to),
		Op::Retire(n) => Models::retire(model(n).1, model(n).0),
		Op::Bond(who, amount) => ProviderStake::bond(signed(who), amount),
		Op::Unbond(who, amount) => ProviderStake::unbond(signed(who), amount),
		Op::Rebond(who, amount) => ProviderStake::rebond(signed(who), amount),
		Op::Withdraw(who) => ProviderStake::withdraw(signed(who)),
		Op::BondAudits(who, amount) => AuditStake::bond(signed(who), amount),
		Op::UnbondAudits(who, amount) => AuditStake::unbond(signed(who), amount),
		Op::ForceSlash(who, amount) => {
			ProviderStake::force_slash(RawOrigin::Root.into(), who, amount)
		},
		_ => unreachable!("an op of this pallet"),
	}
}

/// What the pool lets through for nothing must not fail in the block: that would be block space
/// without a fee.
fn no_surprise(outcome: Result<DispatchResult, TransactionValidityError>) {
	if let Ok(dispatched) = outcome {
		assert_ok!(dispatched);
	}
}

/// Each tenant's first job burns a fee; nothing else is ever burnt or minted.
fn assert_issuance(at_first: Balance) {
	let tenants = crate::TenantNonces::<Test>::iter().count() as Balance;
	let burnt = at_first - Balances::total_issuance();
	assert_eq!(burnt, tenants * NONCE_FEE, "only nonce fees are burnt");
}

/// Whatever was done, a stranger can end it: no coin and no provider stays bound for ever.
fn wind_up() {
	assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
	// A job has five deadlines at most: for commitments, for notices, for the commitments that follow
	// these, for reveals and for its window. Whoever sees that a commitment is final may mark it.
	for _ in 0..5 {
		for job in crate::Jobs::<Test>::iter_keys().collect::<Vec<_>>() {
			end_hold(job, false, false);
		}
		for job in crate::Jobs::<Test>::iter_keys().collect::<Vec<_>>() {
			mark_any(job);
		}
		jump_to(System::block_number() + 1_000);
		for slot in crate::Slots::<Test>::iter_keys().collect::<Vec<_>>() {
			no_surprise(dispatch_authorized(Call::lapse { slot }.into()));
		}
		for job in crate::Jobs::<Test>::iter_keys().collect::<Vec<_>>() {
			convict_liars(job);
			no_surprise(dispatch_authorized(Call::settle { job }.into()));
		}
	}
	assert_eq!(crate::Jobs::<Test>::iter().count(), 0, "a job can be kept open for ever");
	assert_eq!(crate::Jackpots::<Test>::iter().count(), 0, "a jackpot outlives its job");
	jump_to(System::block_number() + 200_000);
	for lease in pallet_leases::Leases::<Test>::iter_keys().collect::<Vec<_>>() {
		assert_ok!(Leases::expire_lease(signed(stranger()), lease));
	}
	try_state();
	for who in auditors().into_iter().chain([provider(), other_provider()]) {
		assert_eq!(ProviderStake::free(&who), ProviderStake::bonded(&who), "nothing is pledged");
		assert_eq!(AuditStake::free(&who), AuditStake::bonded(&who), "nothing is pledged");
		if Providers::provider(who.clone()).is_some() {
			assert_ok!(Providers::leave(signed(who)));
		}
	}
	let escrow = RuntimeHoldReason::Leases(pallet_leases::HoldReason::Escrow);
	for who in frame_system::Account::<Test>::iter_keys() {
		assert_eq!(Balances::balance_on_hold(&escrow, &who), 0, "escrow is kept back");
	}
	try_state();
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	#[test]
	fn hold_over_random_sequences(ops in proptest::collection::vec(op(), 1..80)) {
		new_test_ext().execute_with(|| {
			enlarge_market();
			enlist_auditors();
			for who in auditors() {
				assert_ok!(create_offer(who, ModelId(0)));
			}
			assert_ok!(AuditStake::bond(signed(other_provider()), BOND));
			let issuance = Balances::total_issuance();
			for op in ops {
				apply(op);
				try_state();
				assert_issuance(issuance);
			}
			wind_up();
			assert_issuance(issuance);
		});
	}
}

/// What `try_state` of this pallet says after a change that no call makes.
fn broken_by(change: impl FnOnce(JobDigest, SlotId)) -> String {
	let mut said = String::new();
	build_and_execute(|| {
		let (job, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		assert_ok!(Jobs::do_try_state());
		frame_support::hypothetically!({
			change(job, slot);
			said = format!("{:?}", Jobs::do_try_state().unwrap_err());
		});
	});
	said
}

#[test]
fn a_pledge_that_outlived_its_slot_is_found() {
	let said = broken_by(|_, slot| {
		let gone = SlotId(slot.0 + 1);
		assert_ok!(ProviderStake::pledge(&provider(), gone, 1));
		// The bond itself is in order.
		assert_ok!(ProviderStake::do_try_state());
	});
	assert!(said.contains("INV-3: bond is pledged to a slot that is gone"), "{said}");
}

#[test]
fn a_price_that_its_lease_does_not_hold_is_found() {
	let said = broken_by(|job, _| {
		let price = crate::Jobs::<Test>::get(job).unwrap().price_max;
		Leases::settle(LeaseId(0), job, price, Vec::new());
		assert_ok!(Leases::do_try_state());
	});
	assert!(said.contains("INV-5: a lease does not hold the price of its job"), "{said}");
}

#[test]
fn an_audit_pledge_that_outlived_its_slot_is_found() {
	let said = broken_by(|_, slot| {
		assert_ok!(AuditStake::bond(signed(provider()), BOND));
		// The slot is one of a job: it has no business with audit stake.
		assert_ok!(AuditStake::pledge(&provider(), slot, 1));
		assert_ok!(AuditStake::do_try_state());
	});
	assert!(said.contains("INV-3: bond is pledged to a slot that is gone"), "{said}");
}

#[test]
fn an_audit_that_does_not_fit_its_job_is_found() {
	let change = |change: fn(&mut crate::Job<AccountId>, SlotId)| {
		broken_by(|job, slot| {
			crate::Jobs::<Test>::mutate(job, |job| change(job.as_mut().unwrap(), slot));
		})
	};
	let said = change(|job, slot| job.audit = AuditState::Awaiting { committed_at: 1, slot });
	assert!(said.contains("INV-4: a job is in another phase than its slots"), "{said}");
	let said = change(|job, _| job.audit = AuditState::Uncommitted);
	assert!(said.contains("INV-9: an audit without a rate"), "{said}");
	let said = change(|job, _| job.lambda_ppb = 1);
	assert!(said.contains("INV-5: a fee is not price times rate"), "{said}");
	let said = broken_by(|_, slot| {
		crate::Slots::<Test>::mutate(slot, |slot| slot.as_mut().unwrap().role = SlotRole::Audit);
	});
	assert!(said.contains("INV-"), "{said}");
}

#[test]
#[should_panic(expected = "leases and slots bind a provider")]
fn an_engagement_without_a_cause_is_found() {
	build_and_execute(|| {
		assert_ok!(<Providers as assay_primitives::Providers<_>>::engage(&provider()));
	});
}
