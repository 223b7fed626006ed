//! The off-chain worker against a scripted executor at the HTTP border of the host; the worker's
//! own code, keystore, storage and transaction pool are the real ones. Real executors are met in
//! `cargo xtask attack`.

use crate::mock::*;
use assay_primitives::{
	offchain::{
		ExecutorSettings, Finalized, Watch, EXECUTOR_SETTINGS_KEY, FINALIZED_KEY, WATCH_KEY,
	},
	AccountId, JobDigest, SlotId, WORKER_KEY_TYPE,
};
use assay_program::{
	wire::{JobRequest, JobState, TraceState},
	Claim,
};
use assay_trace::{Answer, Question, Side};
use codec::{Decode, Encode};
use frame_support::assert_ok;
use sp_core::offchain::{
	testing::{OffchainState, PendingRequest, PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::Arc;

type Offchain = Arc<parking_lot::RwLock<OffchainState>>;
type Pool = Arc<parking_lot::RwLock<PoolState>>;

/// A node with the worker key of an account.
fn with_worker(of: &AccountId, test: impl FnOnce(Offchain, Pool)) {
	let mut ext = new_test_ext();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	let keystore = MemoryKeystore::new();
	let seed: &[u8; 32] = of.as_ref();
	let seed = format!("0x{}", seed.map(|byte| format!("{byte:02x}")).concat());
	let key = keystore.sr25519_generate_new(WORKER_KEY_TYPE, Some(&seed)).unwrap();
	assert_eq!(key.0, <[u8; 32]>::try_from(AsRef::<[u8]>::as_ref(&key_of(of))).unwrap());
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt::new(keystore));
	ext.execute_with(|| {
		let settings =
			ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() };
		set(EXECUTOR_SETTINGS_KEY, settings);
		test(state, pool_state);
		try_state();
	});
}

fn set<V: Encode>(key: &[u8], value: V) {
	sp_runtime::offchain::storage::StorageValueRef::persistent(key).set(&value);
}

/// What the executor is asked, and what it answers: a body, or a code of refusal.
fn expect(
	state: &Offchain,
	method: &str,
	path: String,
	body: Vec<u8>,
	reply: Result<Vec<u8>, &str>,
) {
	let (response, response_headers) = match reply {
		Ok(body) => (body, vec![]),
		Err(code) => (Vec::new(), vec![("x-assay-error".into(), code.into())]),
	};
	state.write().expect_request(PendingRequest {
		method: method.into(),
		uri: format!("http://127.0.0.1:1{path}"),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("content-type".into(), "application/octet-stream".into()),
		],
		body,
		response: Some(response),
		response_headers,
		sent: true,
		..Default::default()
	});
}

fn request_of(slot: SlotId) -> JobRequest {
	<Jobs as assay_primitives::Claims<_, _>>::claim(slot).unwrap().request
}

fn hex(digest: [u8; 32]) -> String {
	digest.map(|byte| format!("{byte:02x}")).concat()
}

fn expect_trace(state: &Offchain, slot: SlotId, reply: Result<TraceState, &str>) {
	let request = request_of(slot);
	let path = format!("/v1/traces/{}", hex(request.digest()));
	expect(state, "POST", path, request.encode(), reply.map(|state| state.encode()));
}

fn expect_question(state: &Offchain, slot: SlotId, question: Question, answer: &Answer) {
	let path = format!("/v1/traces/{}/answers", hex(request_of(slot).digest()));
	expect(state, "POST", path, question.encode(), Ok(answer.encode()));
}

fn ready(run: &Run) -> TraceState {
	let tracer = run.tracer();
	TraceState::Ready { claim: tracer.claim(), body: tracer.body() }
}

/// Take what is in the pool, check it as the pool would, dispatch it.
fn drain(pool: &Pool) -> usize {
	let transactions = std::mem::take(&mut pool.write().transactions);
	for bytes in &transactions {
		let extrinsic = Extrinsic::decode(&mut &bytes[..]).unwrap();
		assert_ok!(dispatch_authorized(extrinsic.function).unwrap());
	}
	transactions.len()
}

fn run() {
	Disputes::run_worker(System::block_number());
}

/// A game about a wrong claim.
fn game() -> (SlotId, SlotId, Run) {
	let (liar, honest) = (Run::cheating(1), Run::honest());
	let (_, slot) = claimed_by(0, &liar);
	let game = challenge(&challenger(), slot, honest.claim()).unwrap();
	(game, slot, honest)
}

#[test]
fn asks_nothing_where_no_game_is_its_own() {
	with_worker(&account(77), |_, pool| {
		game();
		run();
		assert!(pool.read().transactions.is_empty());
	});
}

#[test]
fn plays_a_move_once() {
	with_worker(&challenger(), |state, pool| {
		let (game, slot, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let answer = honest.tracer().answer(&question).unwrap();
		expect_trace(&state, slot, Ok(ready(&honest)));
		expect_question(&state, slot, question, &answer);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(Disputes::game_view(game).unwrap().owes, [true, false]);
		// It has answered: the next runs ask nobody anything.
		roll_by(1);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn a_move_that_the_pool_lost_is_sent_again() {
	with_worker(&challenger(), |state, pool| {
		let (game, slot, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let answer = honest.tracer().answer(&question).unwrap();
		for (block, sent) in [(0, 1), (1, 0), (2, 1)] {
			expect_trace(&state, slot, Ok(ready(&honest)));
			expect_question(&state, slot, question, &answer);
			run();
			let lost = std::mem::take(&mut pool.write().transactions).len();
			assert_eq!(lost, sent, "{block} blocks later");
			roll_by(1);
		}
	});
}

#[test]
fn gives_the_executor_the_input_that_it_lacks() {
	with_worker(&challenger(), |state, pool| {
		let (game, slot, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let answer = honest.tracer().answer(&question).unwrap();
		expect_trace(&state, slot, Err("blob_missing"));
		let path = format!("/v1/blobs/input/{}", hex(request_of(slot).input));
		expect(&state, "PUT", path, honest.input.clone(), Ok(vec![]));
		expect_trace(&state, slot, Ok(ready(&honest)));
		expect_question(&state, slot, question, &answer);
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn has_the_executor_keep_inputs_that_are_not_on_chain() {
	with_worker(&challenger(), |state, _| {
		let (_, slot, _) = game();
		let job = pallet_jobs::Slots::<Test>::get(slot).unwrap().job;
		let input = pallet_jobs::InlineInputs::<Test>::take(job).unwrap();
		let expect_pinned = |jobs: Vec<JobDigest>| {
			expect(&state, "PUT", "/v1/jobs/pinned".into(), jobs.encode(), Ok(vec![]));
		};
		for _ in 0..2 {
			expect_pinned(vec![job]);
			expect_trace(&state, slot, Ok(TraceState::Building));
			run();
			roll_by(1);
		}
		// As when its last game is over: the executor is told once.
		pallet_jobs::InlineInputs::<Test>::insert(job, input);
		expect_pinned(vec![]);
		for _ in 0..2 {
			expect_trace(&state, slot, Ok(TraceState::Building));
			run();
			roll_by(1);
		}
	});
}

#[test]
fn waits_while_the_executor_runs_the_job_again() {
	with_worker(&challenger(), |state, pool| {
		let (_, slot, _) = game();
		expect_trace(&state, slot, Ok(TraceState::Building));
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn never_sends_what_would_be_refused() {
	with_worker(&challenger(), |state, pool| {
		let (game, slot, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		for wrong in
			[Answer::Children(vec![[7; 32]; 3]), Answer::Bytes(vec![1]), Answer::Openings(vec![])]
		{
			expect_trace(&state, slot, Ok(ready(&honest)));
			expect_question(&state, slot, question, &wrong);
			run();
			assert_eq!(drain(&pool), 0);
			roll_by(1);
		}
		// Bytes that are no answer at all.
		expect_trace(&state, slot, Ok(ready(&honest)));
		let path = format!("/v1/traces/{}/answers", hex(request_of(slot).digest()));
		expect(&state, "POST", path, question.encode(), Ok(vec![9, 9, 9]));
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn plays_for_the_claimant_too() {
	with_worker(&provider(), |state, pool| {
		let (game, slot, _) = game();
		let liar = Run::cheating(1);
		let question = Disputes::game_view(game).unwrap().question;
		let answer = liar.tracer().answer(&question).unwrap();
		expect_trace(&state, slot, Ok(ready(&liar)));
		expect_question(&state, slot, question, &answer);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(Disputes::game_view(game).unwrap().owes, [false, true]);
	});
}

#[test]
fn ends_a_game_whose_time_is_over() {
	with_worker(&challenger(), |_, pool| {
		let (game, _, honest) = game();
		assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
		jump_to(Disputes::game_view(game).unwrap().due_at + 1);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(Disputes::game_view(game).is_none());
	});
}

/// A provider that watches, and a claim of another one.
fn watched(budget: u128, claim: Claim) -> SlotId {
	assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
	assert_ok!(register_provider(challenger()));
	set(WATCH_KEY, Watch { budget });
	let (_, slot) = claimed(0, Run::honest().input, claim);
	slot
}

fn expect_job(state: &Offchain, slot: SlotId, claim: Claim) {
	let request = request_of(slot);
	let path = format!("/v1/jobs/{}?class=watch", hex(request.digest()));
	let reply = Ok(JobState::Done { claim }.encode());
	expect(state, "PUT", path, request.encode(), reply);
}

#[test]
fn a_watcher_challenges_what_is_wrong() {
	with_worker(&challenger(), |state, pool| {
		let right = Run::honest().claim();
		let slot = watched(BOND, Run::cheating(1).claim());
		expect_job(&state, slot, right);
		run();
		assert_eq!(drain(&pool), 1);
		let games = Disputes::games_of(key_of(&challenger()));
		let view = Disputes::game_view(games[0]).unwrap();
		assert_eq!((view.dispute.slot, view.dispute.challenger.account), (slot, challenger()));
	});
}

#[test]
fn a_watcher_leaves_right_claims_alone() {
	with_worker(&challenger(), |state, pool| {
		let right = Run::honest().claim();
		let slot = watched(BOND, right);
		expect_job(&state, slot, right);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn a_watcher_keeps_to_its_budget() {
	with_worker(&challenger(), |state, pool| {
		let right = Run::honest().claim();
		let slot = watched(0, Run::cheating(1).claim());
		let bond = Disputes::bond_for(slot).unwrap();
		for (budget, sent) in [(bond - 1, 0), (bond, 1)] {
			set(WATCH_KEY, Watch { budget });
			expect_job(&state, slot, right);
			run();
			assert_eq!(drain(&pool), sent);
			roll_by(1);
		}
	});
}

#[test]
fn a_watcher_that_lost_its_game_does_not_begin_another() {
	with_worker(&challenger(), |state, pool| {
		// The watcher's executor is wrong, and the claim is right.
		let wrong = Run::cheating(1);
		let slot = watched(BOND, Run::honest().claim());
		expect_job(&state, slot, wrong.claim());
		run();
		assert_eq!(drain(&pool), 1);
		let game = Disputes::games_of(key_of(&challenger()))[0];
		let hash = hash_of(System::block_number());
		set(FINALIZED_KEY, Finalized { number: System::block_number(), hash });
		expect_trace(&state, slot, Ok(TraceState::Building));
		run();
		let (end, _) = play_out(game, [&Run::honest(), &wrong]);
		assert_eq!(end.verdict, crate::Verdict::ChallengerGuilty);
		assert!(Jobs::job(slot_job(slot)).is_some(), "its window is open still");
		run();
		assert_eq!(drain(&pool), 0);
	});
}

fn slot_job(slot: SlotId) -> assay_primitives::JobDigest {
	pallet_jobs::Slots::<Test>::get(slot).unwrap().job
}

/// Sham games in which the claimant has nothing to show cost it no turn: else a few of them,
/// always more urgent, would keep its worker from a real one.
#[test]
fn games_that_need_no_answer_take_no_turn() {
	with_worker(&provider(), |state, pool| {
		let honest = Run::honest();
		for nonce in 0..5 {
			let (_, slot) = claimed_by(nonce, &honest);
			// A funded account for each, as an attacker would have.
			let who = account(100 + nonce as u8);
			frame_support::assert_ok!(Balances::transfer_allow_death(
				signed(tenant()),
				who.clone(),
				BOND
			));
			challenge(&who, slot, Claim::Invalid { code: 1 }).unwrap();
		}
		let (_, slot) = claimed_by(9, &honest);
		let game = challenge(&challenger(), slot, Run::cheating(1).claim()).unwrap();
		let question = Disputes::game_view(game).unwrap().question;
		let answer = honest.tracer().answer(&question).unwrap();
		expect_trace(&state, slot, Ok(ready(&honest)));
		expect_question(&state, slot, question, &answer);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(Disputes::game_view(game).unwrap().owes, [false, true]);
	});
}

/// Two slots of a job, the lower one of the provider, that claim what these runs say.
fn rivals(runs: [&Run; 2]) -> [SlotId; 2] {
	opposed(0, runs.map(Run::claim), 0).1
}

#[test]
fn opens_a_game_with_a_rival_once() {
	with_worker(&other_provider(), |_, pool| {
		let [slot, other] = rivals([&Run::cheating(1), &Run::honest()]);
		run();
		// What is on its way is not sent again in the next block.
		roll_by(1);
		run();
		assert_eq!(pool.read().transactions.len(), 1);
		assert_eq!(drain(&pool), 1);
		let games = Disputes::games_of(key_of(&other_provider()));
		let view = Disputes::game_view(games[0]).unwrap();
		assert_eq!((view.dispute.slot, view.dispute.rival()), (slot, Some(other)));
	});
}

#[test]
fn leaves_rivals_that_agree_alone_and_those_of_others() {
	with_worker(&other_provider(), |_, pool| {
		rivals([&Run::honest(), &Run::honest()]);
		run();
		assert_eq!(drain(&pool), 0);
	});
	with_worker(&challenger(), |_, pool| {
		rivals([&Run::cheating(1), &Run::honest()]);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn opens_games_with_all_rivals_at_once() {
	with_worker(&provider(), |_, pool| {
		let claims = [Run::honest(), Run::cheating(1), Run::cheating(5), Run::cheating(9)];
		opposed(0, claims.each_ref().map(Run::claim), 0);
		run();
		assert_eq!(drain(&pool), 3);
		assert_eq!(Disputes::games_of(key_of(&provider())).len(), 3);
	});
}

/// Plays either side of a game between slots by the answers of its executor.
#[test]
fn plays_for_its_slot_on_either_side() {
	let runs = [&Run::cheating(1), &Run::honest()];
	for (who, run_of, owes) in
		[(provider(), runs[0], [false, true]), (other_provider(), runs[1], [true, false])]
	{
		with_worker(&who, |state, pool| {
			let [slot, other] = rivals(runs);
			let game = oppose(slot, other);
			let question = Disputes::game_view(game).unwrap().question;
			let answer = run_of.tracer().answer(&question).unwrap();
			expect_trace(&state, slot, Ok(ready(run_of)));
			expect_question(&state, slot, question, &answer);
			run();
			assert_eq!(drain(&pool), 1);
			assert_eq!(Disputes::game_view(game).unwrap().owes, owes);
		});
	}
}

/// A rival's claim is not challenged with a bond, neither while its game can be played nor when the
/// worker's own slot has lost it.
#[test]
fn a_watcher_puts_no_bond_against_a_rival() {
	for (who, runs) in [
		(other_provider(), [Run::honest(), Run::cheating(1)]),
		(provider(), [Run::cheating(1), Run::honest()]),
	] {
		with_worker(&who, |state, pool| {
			set(WATCH_KEY, Watch { budget: BOND });
			let runs = runs.each_ref();
			let [slot, _] = rivals(runs);
			// Nothing is asked of the executor: it would be told so here.
			run();
			assert_eq!(drain(&pool), 1);
			let game = Disputes::games_of(key_of(&who))[0];
			let hash = hash_of(System::block_number());
			set(FINALIZED_KEY, Finalized { number: System::block_number(), hash });
			expect_trace(&state, slot, Ok(TraceState::Building));
			run();
			let (end, _) = play_out(game, runs);
			assert_ne!(end.verdict, crate::Verdict::BothGuilty);
			assert!(Jobs::job(slot_job(slot)).is_some(), "its window is open still");
			run();
			assert_eq!(drain(&pool), 0);
		});
	}
}

/// A watcher with the key of a provider that has no part in the jobs it looks at.
fn with_watcher(test: impl FnOnce(Offchain, Pool)) {
	with_worker(&challenger(), |state, pool| {
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		set(WATCH_KEY, Watch { budget: 0 });
		test(state, pool);
	});
}

/// Neither party does anything, and nobody signs anything: the tenant has its money back all the
/// same.
#[test]
fn a_watcher_ends_the_job_of_two_silent_rivals() {
	with_watcher(|_, pool| {
		let free = || {
			let id = assay_primitives::LeaseId(0);
			<Leases as assay_primitives::Leases<_, _>>::open_lease(id).unwrap().free
		};
		let before = free();
		let [slot, other] = rivals([&Run::cheating(1), &Run::cheating(5)]);
		let job = slot_job(slot);
		roll_by(100);
		let disputed = pallet_jobs::Error::<Test>::Disputed;
		frame_support::assert_noop!(Jobs::settle(signed(tenant()), job), disputed);
		run();
		assert_eq!(drain(&pool), 1);
		let game = Disputes::games_of(key_of(&provider()))[0];
		let view = Disputes::game_view(game).unwrap();
		assert_eq!((view.dispute.slot, view.dispute.rival()), (slot, Some(other)));
		// It has no part in the game, and waits for those who have.
		jump_to(view.due_at);
		run();
		assert_eq!(drain(&pool), 0);
		jump_to(view.due_at + 1);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(closed().unwrap().verdict, crate::Verdict::BothGuilty);
		assert!(Jobs::job(job).is_none());
		assert_eq!(free(), before);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn a_watcher_opens_all_games_between_others_at_once_and_once() {
	with_watcher(|_, pool| {
		let (one, two) = (Run::cheating(1), Run::cheating(5));
		for (nonce, claims) in [(0, [&one, &two]), (1, [&one, &one]), (2, [&two, &one])] {
			opposed(nonce, claims.map(Run::claim), 0);
		}
		roll_by(100);
		run();
		roll_by(1);
		run();
		assert_eq!(drain(&pool), 2);
		assert_eq!(crate::Oppositions::<Test>::iter().count(), 2);
		roll_by(3);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn who_does_not_watch_leaves_the_games_of_others_alone() {
	with_worker(&account(77), |_, pool| {
		let [slot, other] = rivals([&Run::cheating(1), &Run::honest()]);
		roll_by(100);
		run();
		assert_eq!(drain(&pool), 0);
		let game = oppose(slot, other);
		jump_to(Disputes::game_view(game).unwrap().due_at + 1);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn a_watcher_does_nothing_while_jobs_are_paused() {
	with_watcher(|_, pool| {
		let (_, [slot, other]) = opposed(0, [&Run::cheating(1), &Run::honest()].map(Run::claim), 0);
		opposed(1, [&Run::cheating(1), &Run::honest()].map(Run::claim), 0);
		let game = oppose(slot, other);
		jump_to(Disputes::game_view(game).unwrap().due_at + 1);
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), true));
		run();
		assert_eq!(drain(&pool), 0);
	});
}
