//! Duty keys, pools and what counts when.

use crate::{mock::*, Auditors, Error, Event, Members, Pools};
use assay_primitives::{
	apis::PoolMember, duty_key_statement, AccountId, Audits as _, DutyKey, ModelId, SlashReason,
	SlotId, Stake as _,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::Pair;
use sp_runtime::transaction_validity::InvalidTransaction;

fn total() -> u128 {
	Audits::pool_view(MODEL).total
}

fn totals() -> (u128, u128) {
	let view = Audits::pool_view(MODEL);
	(view.total, view.total_next)
}

fn refresh(who: &AccountId) {
	let call = crate::Call::refresh { provider: who.clone() };
	assert_ok!(dispatch_authorized(call.into()).unwrap());
}

fn join(who: &AccountId, model: ModelId) -> sp_runtime::DispatchResult {
	Audits::join(signed(who.clone()), model)
}

fn bond(who: &AccountId, amount: u128) {
	assert_ok!(AuditStake::bond(signed(who.clone()), amount));
}

// --- duty keys ---

#[test]
fn a_duty_key_counts_from_the_next_period() {
	build_and_execute(|| {
		let who = auditor(0);
		register_provider(&who);
		System::reset_events();
		assert_ok!(set_duty_key(&who));
		let first = duty_pair(&who).public();
		assert_eq!(events(), [Event::DutyKeySet { provider: who.clone(), key: first, period: 1 }]);
		assert_eq!(Audits::duty_key(who.clone()), None);
		next_period();
		assert_eq!(Audits::duty_key(who.clone()), Some(first));
		// Another one: until the next period the one before counts.
		let pair = sp_core::sr25519::Pair::from_seed(&[99; 32]);
		let proof = pair.sign(&duty_key_statement(&genesis(), &who));
		assert_ok!(Audits::set_duty_key(signed(who.clone()), pair.public(), proof));
		assert_eq!(Audits::duty_key(who.clone()), Some(first));
		next_period();
		assert_eq!(Audits::duty_key(who.clone()), Some(pair.public()));
	});
}

#[test]
fn a_duty_key_agrees_to_its_owner_on_this_chain() {
	build_and_execute(|| {
		let (who, pair) = (auditor(0), duty_pair(&auditor(0)));
		let set = |proof| Audits::set_duty_key(signed(who.clone()), pair.public(), proof);
		let right = pair.sign(&duty_key_statement(&genesis(), &who));
		assert_noop!(set(right), Error::<Test>::NotAProvider);
		register_provider(&who);
		for wrong in [
			duty_key_statement(&genesis(), &auditor(1)),
			duty_key_statement(&hash_of(1), &who),
			assay_primitives::worker_statement(&genesis(), &who),
		] {
			assert_noop!(set(pair.sign(&wrong)), Error::<Test>::DutyKeyProofInvalid);
		}
		let other = duty_pair(&auditor(1));
		let foreign = other.sign(&duty_key_statement(&genesis(), &who));
		assert_noop!(set(foreign), Error::<Test>::DutyKeyProofInvalid);
		assert_ok!(set(right));
	});
}

#[test]
fn the_neutral_key_is_refused() {
	build_and_execute(|| {
		register_provider(&auditor(0));
		let key = DutyKey::from_raw([0; 32]);
		// A signature that holds for it: R is s times the generator, whatever was signed.
		let pair = duty_pair(&auditor(0));
		let proof = pair.sign(&duty_key_statement(&genesis(), &auditor(0)));
		let done = Audits::set_duty_key(signed(auditor(0)), key, proof);
		assert_noop!(done, Error::<Test>::DutyKeyInvalid);
	});
}

// --- pools ---

#[test]
fn whoever_joins_counts_from_the_next_period() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		assert_eq!(
			events().last(),
			Some(&Event::Joined { provider: who.clone(), model: MODEL, period: 1 })
		);
		assert_eq!(totals(), (0, 0), "nothing was shown yet");
		show(&who, MODEL);
		assert_eq!(totals(), (0, 5 * UNIT));
		assert!(!Audits::is_auditable(MODEL, &party(), UNIT));
		next_period();
		assert_eq!(totals(), (5 * UNIT, 0));
		assert!(Audits::is_auditable(MODEL, &party(), UNIT));
		let member = |stake_next| PoolMember {
			provider: who.clone(),
			stake: 5 * UNIT,
			stake_next,
			has_duty_key: true,
		};
		assert_eq!(Audits::pool(MODEL).members, [member(0)]);
		show(&who, MODEL);
		assert_eq!(Audits::pool(MODEL).members, [member(5 * UNIT)]);
	});
}

#[test]
fn a_pool_is_joined_by_providers_for_models_that_get_jobs() {
	build_and_execute(|| {
		let who = auditor(0);
		assert_noop!(join(&who, MODEL), Error::<Test>::NotAProvider);
		register_provider(&who);
		assert_noop!(join(&who, ModelId(99)), Error::<Test>::ModelUnknown);
		assert_noop!(join(&who, RETIRED), Error::<Test>::ModelRetired);
		assert_ok!(join(&who, MODEL));
		assert_noop!(join(&who, MODEL), Error::<Test>::AlreadyMember);
		assert_ok!(join(&who, MODELS[1]));
		assert_noop!(join(&who, MODELS[2]), Error::<Test>::TooManyPools);
		// No origin but a signed one.
		let none = frame_system::RawOrigin::None;
		assert!(Audits::join(none.into(), MODEL).is_err());
	});
}

#[test]
fn whoever_leaves_counts_until_the_period_ends() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		next_period();
		show(&who, MODEL);
		assert_eq!(totals(), (5 * UNIT, 5 * UNIT));
		System::reset_events();
		assert_ok!(Audits::leave(signed(who.clone()), MODEL));
		let period = Audits::period() + 1;
		assert_eq!(events(), [Event::Left { provider: who.clone(), model: MODEL, period }]);
		assert_eq!(totals(), (5 * UNIT, 0));
		assert_noop!(Audits::leave(signed(who.clone()), MODEL), Error::<Test>::NotAMember);
		// It owes duties still.
		let job = marked_job(0, ALL);
		assert_ok!(dispatch_authorized(notice_call(job, &who)).unwrap());
		next_period();
		assert_eq!(totals(), (0, 0));
		let job = marked_job(1, ALL);
		let call = notice_call(job, &who);
		assert_noop!(dispatch_unchecked(call), Error::<Test>::NotAMember);
	});
}

#[test]
fn what_is_left_behind_is_tidied_up() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		next_period();
		assert_ok!(Audits::leave(signed(who.clone()), MODEL));
		next_period();
		assert!(Members::<Test>::contains_key(MODEL, &who));
		refresh(&who);
		assert!(!Members::<Test>::contains_key(MODEL, &who));
		// The duty key stays.
		assert!(Audits::duty_key(who.clone()).is_some());
		next_period();
		assert_eq!(total(), 0);
	});
}

#[test]
fn stake_that_is_raised_counts_from_the_next_period() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		next_period();
		show(&who, MODEL);
		bond(&who, 3 * UNIT);
		// Not told, so not counted.
		assert_eq!(totals(), (5 * UNIT, 5 * UNIT));
		System::reset_events();
		refresh(&who);
		let (stake, period) = (8 * UNIT, Audits::period() + 1);
		assert_eq!(events(), [Event::Refreshed { provider: who.clone(), stake, period }]);
		assert_eq!(totals(), (5 * UNIT, 8 * UNIT));
		next_period();
		show(&who, MODEL);
		assert_eq!(totals(), (8 * UNIT, 8 * UNIT));
	});
}

#[test]
fn stake_that_is_lowered_or_slashed_counts_until_the_period_ends() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 9 * UNIT);
		next_period();
		show(&who, MODEL);
		assert_ok!(AuditStake::unbond(signed(who.clone()), 3 * UNIT));
		refresh(&who);
		assert_eq!(totals(), (9 * UNIT, 6 * UNIT));
		assert_ok!(AuditStake::pledge(&who, SlotId(7), 2 * UNIT));
		AuditStake::slash(&who, SlotId(7), 2 * UNIT, None, SlashReason::NotCommitted);
		refresh(&who);
		assert_eq!(totals(), (9 * UNIT, 4 * UNIT));
		next_period();
		show(&who, MODEL);
		assert_eq!(totals(), (4 * UNIT, 4 * UNIT));
	});
}

#[test]
fn a_refresh_is_free_only_where_it_changes_something() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		let call: RuntimeCall = crate::Call::refresh { provider: who.clone() }.into();
		let stale = InvalidTransaction::Stale.into();
		assert_eq!(dispatch_authorized(call.clone()).unwrap_err(), stale);
		assert_noop!(
			Audits::refresh(signed(owner()), who.clone()),
			Error::<Test>::NothingToRefresh
		);
		bond(&who, UNIT);
		// Anybody may.
		assert_ok!(Audits::refresh(signed(owner()), who.clone()));
		assert_eq!(dispatch_authorized(call).unwrap_err(), stale);
		assert_noop!(Audits::refresh(signed(owner()), auditor(7)), Error::<Test>::NothingToRefresh);
		assert!(Audits::refresh(frame_system::RawOrigin::None.into(), who).is_err());
	});
}

#[test]
fn a_refresh_changes_all_pools_of_a_provider() {
	build_and_execute(|| {
		let (who, other) = (auditor(0), auditor(1));
		make_auditor(&who, 5 * UNIT);
		make_auditor(&other, 2 * UNIT);
		assert_ok!(join(&who, MODELS[1]));
		bond(&who, UNIT);
		refresh(&who);
		next_period();
		assert_eq!(Audits::pool_view(MODEL).total, 8 * UNIT);
		assert_eq!(Audits::pool_view(MODELS[1]).total, 6 * UNIT);
		assert_eq!(Audits::pool_view(MODELS[2]), Default::default());
	});
}

#[test]
fn joining_tells_the_stake_to_the_other_pools_too() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		bond(&who, UNIT);
		assert_ok!(join(&who, MODELS[1]));
		next_period();
		assert_eq!(Audits::pool_view(MODEL).total, 6 * UNIT);
		assert_eq!(Audits::pool_view(MODELS[1]).total, 6 * UNIT);
	});
}

#[test]
fn who_is_no_provider_any_more_is_forgotten() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		next_period();
		show(&who, MODEL);
		assert_ok!(Providers::leave(signed(who.clone())));
		refresh(&who);
		assert_eq!(totals(), (5 * UNIT, 0));
		next_period();
		assert_eq!(totals(), (0, 0));
		assert_eq!(Audits::duty_key(who.clone()), None);
		assert!(Auditors::<Test>::contains_key(&who));
		refresh(&who);
		assert!(!Auditors::<Test>::contains_key(&who));
		assert!(!Members::<Test>::contains_key(MODEL, &who));
		assert_noop!(Audits::refresh(signed(owner()), who), Error::<Test>::NothingToRefresh);
	});
}

#[test]
fn a_pool_without_stake_is_not_stored() {
	build_and_execute(|| {
		let who = auditor(0);
		make_auditor(&who, 5 * UNIT);
		assert!(!Pools::<Test>::contains_key(MODEL));
		show(&who, MODEL);
		assert!(Pools::<Test>::contains_key(MODEL));
		// It never counted: at once.
		assert_ok!(Audits::leave(signed(who.clone()), MODEL));
		assert!(!Pools::<Test>::contains_key(MODEL));
		assert!(!Members::<Test>::contains_key(MODEL, &who));
	});
}

// --- what jobs are told ---

#[test]
fn a_model_is_auditable_where_another_has_stake_and_a_key() {
	build_and_execute(|| {
		let auditable = |party: &AccountId| Audits::is_auditable(MODEL, party, UNIT);
		assert!(!auditable(&party()));
		// Stake, and no key: there is nothing to show.
		let who = auditor(0);
		register_provider(&who);
		bond(&who, 5 * UNIT);
		assert_ok!(join(&who, MODEL));
		next_period();
		assert_eq!(total(), 0);
		assert!(!auditable(&party()));
		assert_ok!(set_duty_key(&who));
		assert!(!auditable(&party()));
		next_period();
		assert_eq!(total(), 5 * UNIT);
		assert!(auditable(&party()));
		// Nobody audits itself.
		assert!(!auditable(&who));
		assert!(!Audits::is_auditable(MODELS[1], &party(), UNIT));
		// A key, and no stake.
		make_auditor(&auditor(1), 0);
		next_period();
		assert!(!auditable(&who));
		assert!(auditable(&auditor(1)));
	});
}

#[test]
fn a_model_is_auditable_where_enough_others_have_enough_stake() {
	build_and_execute(|| {
		let (one, two, three) = (auditor(0), auditor(1), auditor(2));
		make_auditor(&one, 2 * UNIT);
		make_auditor(&two, 3 * UNIT);
		make_auditor(&three, 4 * UNIT);
		next_period();
		let auditable = |party: &AccountId, holders, stake| {
			MinHolders::set(&holders);
			MinHeldStake::set(&stake);
			Audits::is_auditable(MODEL, party, 0)
		};
		assert!(auditable(&party(), 3, 9 * UNIT));
		assert!(!auditable(&party(), 4, 9 * UNIT));
		assert!(!auditable(&party(), 3, 9 * UNIT + 1));
		// The party is none of them, and its stake is no part of theirs.
		assert!(auditable(&three, 2, 5 * UNIT));
		assert!(!auditable(&three, 3, 5 * UNIT));
		assert!(!auditable(&three, 2, 5 * UNIT + 1));
	});
}

#[test]
fn a_job_is_auditable_where_another_can_pledge_for_it() {
	build_and_execute(|| {
		let (one, two) = (auditor(0), auditor(1));
		make_auditor(&one, 2 * UNIT);
		make_auditor(&two, 5 * UNIT);
		next_period();
		let most = |party: &AccountId| {
			let auditable = |pledge| Audits::is_auditable(MODEL, party, pledge);
			(1..10).filter(|units| auditable(units * UNIT)).max()
		};
		assert_eq!([most(&party()), most(&one), most(&two)], [Some(5), Some(5), Some(2)]);
		assert!(!Audits::is_auditable(MODEL, &party(), 5 * UNIT + 1));
		// Stake that is told and shown again counts from the next period on, and a member that has
		// shrunk after it has shown does so until then.
		roll_by(1);
		bond(&one, 6 * UNIT);
		refresh(&one);
		show_all();
		assert_ok!(AuditStake::unbond(signed(two.clone()), 4 * UNIT));
		refresh(&two);
		assert_eq!(most(&party()), Some(5));
		next_period();
		assert_eq!([most(&party()), most(&one)], [Some(8), Some(5)]);
		assert_eq!(total(), 9 * UNIT, "the sum is exact");
		next_period();
		assert_eq!([most(&party()), most(&one), most(&two)], [Some(8), Some(1), Some(8)]);
	});
}
