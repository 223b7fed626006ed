//! Random sequences of everything that can happen to auditors, every invariant checked after each
//! step, and what counts compared with a table that is kept by hand.

use crate::mock::*;
use assay_primitives::{AccountId, JobDigest, ModelId, Providers as _, SlashReason, Stake as _};
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, Authorize},
};
use proptest::{prelude::*, test_runner::TestRunner};
use sp_runtime::transaction_validity::TransactionSource;
use std::{
	cell::Cell,
	collections::{BTreeMap, BTreeSet},
};

#[derive(Clone, Debug)]
enum Op {
	SetKey(u8),
	Join(u8, u8),
	Leave(u8, u8),
	Refresh {
		who: u8,
		free: bool,
	},
	Bond(u8, u128),
	Unbond(u8, u128),
	Slash(u8),
	Show(u8, u8),
	QuitProviding(u8),
	Register(u8),
	Commit {
		party: u8,
		model: u8,
		lambda: u32,
	},
	Mark {
		job: usize,
		by: u8,
	},
	Notice {
		job: usize,
		by: u8,
	},
	/// Commit, mark, and let everybody give notice.
	Audit {
		party: u8,
		model: u8,
		lambda: u32,
	},
	Pay(u8, u128),
	Pause(bool),
	Advance(u32),
}

fn who() -> impl Strategy<Value = u8> + Clone {
	0u8..4
}

fn op() -> impl Strategy<Value = Op> {
	let model = 0u8..4;
	let lambda = prop_oneof![Just(u32::MAX), Just(ALL), Just(ALL / 3), Just(1)];
	prop_oneof![
		3 => who().prop_map(Op::SetKey),
		6 => (who(), model.clone()).prop_map(|(who, model)| Op::Join(who, model)),
		3 => (who(), model.clone()).prop_map(|(who, model)| Op::Leave(who, model)),
		4 => (who(), any::<bool>()).prop_map(|(who, free)| Op::Refresh { who, free }),
		4 => (who(), 1u128..20).prop_map(|(who, units)| Op::Bond(who, units)),
		2 => (who(), 1u128..20).prop_map(|(who, units)| Op::Unbond(who, units)),
		1 => who().prop_map(Op::Slash),
		4 => (who(), model.clone()).prop_map(|(who, model)| Op::Show(who, model)),
		1 => who().prop_map(Op::QuitProviding),
		3 => who().prop_map(Op::Register),
		4 => (who(), 0u8..2, lambda.clone())
			.prop_map(|(party, model, lambda)| Op::Commit { party, model, lambda }),
		4 => (who(), 0u8..2, lambda)
			.prop_map(|(party, model, lambda)| Op::Audit { party, model, lambda }),
		5 => (0usize..4, who()).prop_map(|(job, by)| Op::Mark { job, by }),
		6 => (0usize..4, who()).prop_map(|(job, by)| Op::Notice { job, by }),
		1 => (who(), 0u128..3).prop_map(|(who, units)| Op::Pay(who, units)),
		1 => any::<bool>().prop_map(Op::Pause),
		6 => (1u32..4).prop_map(Op::Advance),
		2 => (PERIOD - 1..PERIOD + 2).prop_map(Op::Advance),
	]
}

/// What was done, and what counts by it: the stake of each member of each pool in each period.
#[derive(Default)]
struct Story {
	jobs: Vec<JobDigest>,
	counts: BTreeMap<(ModelId, AccountId), BTreeMap<u32, u128>>,
	/// Who has shown weights, and the periods in which that counts.
	shown: BTreeSet<(ModelId, AccountId, u32)>,
	taken: Taken,
}

/// What was taken of what may be refused: a story in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
	refreshes: u32,
	shows: u32,
	marks: u32,
	notices: u32,
}

impl Story {
	/// From the next period on a member counts with this.
	fn count(&mut self, model: ModelId, who: &AccountId, stake: u128) {
		let next = Audits::period() + 1;
		self.counts.entry((model, who.clone())).or_default().insert(next, stake);
	}

	fn counted(&self, model: ModelId, who: &AccountId, period: u32) -> u128 {
		if !self.shown.contains(&(model, who.clone(), period)) {
			return 0;
		}
		let changes = self.counts.get(&(model, who.clone()));
		let last = changes.and_then(|changes| changes.range(..=period).next_back());
		last.map_or(0, |(_, stake)| *stake)
	}

	fn is_member_next(&self, model: ModelId, who: &AccountId) -> bool {
		Audits::auditor(who.clone())
			.is_some_and(|auditor| auditor.is_member(model, Audits::period() + 1))
	}

	/// The pools of a provider count with what it has bonded, or with nothing.
	fn tell(&mut self, who: &AccountId) {
		let bonded = match Providers::worker_key(who) {
			Some(_) => AuditStake::bonded(who),
			None => 0,
		};
		for model in MODELS {
			if self.is_member_next(model, who) || bonded == 0 {
				self.count(model, who, bonded);
			}
		}
	}

	fn show(&mut self, model: ModelId, who: &AccountId) {
		if send(show_call(who, model)) {
			assert!(self.is_member_next(model, who), "shown by no member");
			let is_first = self.shown.insert((model, who.clone(), Audits::period() + 1));
			assert!(is_first, "shown twice");
			self.taken.shows += 1;
		}
	}

	/// Go on, with holders that forget to show their weights in one period of three.
	fn roll(&mut self, blocks: u32) {
		for _ in 0..blocks {
			if System::block_number() % PERIOD == PERIOD - 1 {
				let forgets = |n: &u8| (Audits::period() + u32::from(*n)).is_multiple_of(3);
				for who in (0u8..4).filter(|n| !forgets(n)).map(auditor) {
					MODELS.into_iter().for_each(|model| self.show(model, &who));
				}
			}
			roll_by(1);
		}
	}

	fn check(&mut self) {
		let now = Audits::period();
		// What was shown by a member that has left before it counted is forgotten with it.
		self.shown.retain(|(model, who, period)| {
			let pools = Audits::auditor(who.clone()).map_or_else(Vec::new, |all| all.pools.into());
			*period <= now || pools.iter().any(|pool| pool.model == *model)
		});
		for model in MODELS {
			let sum = |period| {
				let counted = |n| self.counted(model, &auditor(n), period);
				(0u8..4).map(counted).sum::<u128>()
			};
			let view = Audits::pool_view(model);
			assert_eq!((view.total, view.total_next), (sum(now), sum(now + 1)), "{model:?}");
		}
	}
}

fn model(number: u8) -> ModelId {
	MODELS[usize::from(number)]
}

/// Let in and dispatched, or refused; never let in and failed.
fn send(call: RuntimeCall) -> bool {
	let before = sp_io::storage::root(sp_runtime::StateVersion::V1);
	let authorized = call.authorize(TransactionSource::External).unwrap();
	let after = sp_io::storage::root(sp_runtime::StateVersion::V1);
	assert_eq!(before, after, "an authorisation changes nothing");
	if authorized.is_err() {
		return false;
	}
	assert_ok!(dispatch_unchecked(call));
	true
}

fn apply(story: &mut Story, op: Op) {
	match op {
		Op::SetKey(n) => {
			let done = set_duty_key(&auditor(n));
			assert_eq!(done.is_ok(), Providers::worker_key(&auditor(n)).is_some());
		},
		Op::Join(n, number) => {
			if Audits::join(signed(auditor(n)), model(number)).is_ok() {
				story.tell(&auditor(n));
			}
		},
		Op::Leave(n, number) => {
			if Audits::leave(signed(auditor(n)), model(number)).is_ok() {
				story.count(model(number), &auditor(n), 0);
			}
		},
		Op::Refresh { who, free: true } => {
			if send(crate::Call::refresh { provider: auditor(who) }.into()) {
				story.taken.refreshes += 1;
				story.tell(&auditor(who));
			}
		},
		Op::Refresh { who, free: false } => {
			if Audits::refresh(signed(owner()), auditor(who)).is_ok() {
				story.tell(&auditor(who));
			}
		},
		Op::Bond(n, units) => {
			let _ = AuditStake::bond(signed(auditor(n)), units * UNIT);
		},
		Op::Unbond(n, units) => {
			let _ = AuditStake::unbond(signed(auditor(n)), units * UNIT);
		},
		Op::Slash(n) => {
			for slot in MockSlots::iter_values().collect::<Vec<_>>() {
				let reason = SlashReason::NotCommitted;
				AuditStake::slash(&auditor(n), slot, UNIT, None, reason);
			}
		},
		Op::Show(n, number) => story.show(model(number), &auditor(n)),
		Op::QuitProviding(n) => {
			let _ = Providers::leave(signed(auditor(n)));
		},
		Op::Register(n) => {
			if Providers::worker_key(&auditor(n)).is_none() {
				Balances::set_balance(&auditor(n), ENDOWMENT);
				register_provider(&auditor(n));
			}
		},
		other => apply_to_jobs(story, other),
	}
}

fn apply_to_jobs(story: &mut Story, op: Op) {
	match op {
		Op::Commit { party, model: number, lambda } => {
			let job = commit_job(story.jobs.len() as u32, lambda);
			MockJobs::mutate(job, |entry| {
				let entry = entry.as_mut().unwrap();
				entry.model = model(number);
				(entry.party, entry.worker) = (auditor(party), key_of(&auditor(party)));
			});
			story.jobs.push(job);
		},
		Op::Mark { job, by } => {
			let Some(job) = story.jobs.iter().rev().nth(job).copied() else { return };
			let was_marked = MockJobs::get(job).unwrap().notices_until.is_some();
			if send(mark_call(job, anchor_of(job), &auditor(by))) {
				assert!(!was_marked, "marked twice");
				story.taken.marks += 1;
			}
		},
		Op::Notice { job, by } => {
			let Some(job) = story.jobs.iter().rev().nth(job).copied() else { return };
			notice(story, job, &auditor(by));
		},
		Op::Audit { party, model, lambda } => {
			apply_to_jobs(story, Op::Commit { party, model, lambda });
			story.roll(DRAWN);
			(0..4).for_each(|by| apply_to_jobs(story, Op::Mark { job: 0, by }));
			(0..4).for_each(|by| apply_to_jobs(story, Op::Notice { job: 0, by }));
		},
		Op::Pay(n, units) => {
			let pool = Audits::pool_account();
			Balances::set_balance(&pool, UNIT);
			let paid = <Audits as assay_primitives::Audits<_, _>>::pay(&auditor(n), units * UNIT);
			assert!(paid < UNIT, "INV-5: the pool stays alive");
		},
		Op::Pause(paused) => Paused::set(&paused),
		Op::Advance(blocks) => story.roll(blocks),
		other => unreachable!("{other:?} is not about jobs"),
	}
}

fn notice(story: &mut Story, job: JobDigest, by: &AccountId) {
	let entry = MockJobs::get(job).unwrap();
	let had_slot = MockSlots::contains_key(job, by);
	if !send(notice_call(job, by)) {
		return;
	}
	let until = entry.notices_until.expect("no notice before the mark");
	assert!(System::block_number() <= until, "a notice after the end");
	assert!(!had_slot && entry.party != *by, "no party audits, and none twice");
	let period = entry.committed_at / PERIOD;
	assert!(story.counted(entry.model, by, period) > 0, "stake that does not count");
	assert!(MockSlots::contains_key(job, by));
	story.taken.notices += 1;
}

fn tell(ops: Vec<Op>) -> Taken {
	let mut story = Story::default();
	build_and_execute(|| {
		for n in 0..3 {
			make_auditor(&auditor(n), UNIT * u128::from(2 * n + 2));
			story.tell(&auditor(n));
			show(&auditor(n), MODEL);
			story.shown.insert((MODEL, auditor(n), Audits::period() + 1));
		}
		Idle::set(&true);
		next_period();
		for op in ops {
			let told = format!("{op:?}");
			apply(&mut story, op);
			if let Err(broken) = Audits::do_try_state() {
				panic!("{broken:?} after {told}");
			}
			story.check();
		}
	});
	story.taken
}

#[test]
fn every_sequence_keeps_the_invariants() {
	let mut runner = TestRunner::new(ProptestConfig { cases: 128, ..ProptestConfig::default() });
	let sum = Cell::new(Taken::default());
	let sequences = prop::collection::vec(op(), 1..80);
	let result = runner.run(&sequences, |ops| {
		let (before, taken) = (sum.get(), tell(ops));
		sum.set(Taken {
			refreshes: before.refreshes + taken.refreshes,
			shows: before.shows + taken.shows,
			marks: before.marks + taken.marks,
			notices: before.notices + taken.notices,
		});
		Ok(())
	});
	result.unwrap_or_else(|failure| panic!("{failure}"));
	let Taken { refreshes, shows, marks, notices } = sum.get();
	assert!(refreshes > 5 && shows > 50 && marks > 50 && notices > 20, "{:?}", sum.get());
}
