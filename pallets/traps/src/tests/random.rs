//! Random sequences of all that licensee, treasury, tenant and auditors do, with all invariants of
//! all pallets, the total issuance and what was opened checked after each step.

use super::*;
use assay_program::Claim;
use frame_support::traits::fungible::Inspect;
use proptest::{prelude::*, test_runner::TestRunner};
use std::collections::{BTreeMap, BTreeSet};

/// Jobs that a sequence can have.
const JOBS: u64 = 6;

#[derive(Clone, Debug)]
enum Op {
	License(u32),
	Revoke,
	/// Post a root over traps of some of the next jobs, each with the right claim or another one.
	Post(Vec<(u64, bool)>),
	/// A job up to its window: whether its provider springs what it is armed with, and what its
	/// auditors claim.
	Play {
		springs: bool,
		audits: Vec<bool>,
	},
	/// Open some trap of some root for some job, with the consent of its tenant or without.
	Open {
		job: u64,
		root: u8,
		leaf: u8,
		agreed: bool,
	},
	/// The same, but a trap of the job that was played last.
	OpenLast {
		root: u8,
		agreed: bool,
	},
	Settle(u64),
	Roll(u32),
}

fn op() -> impl Strategy<Value = Op> {
	let root = proptest::collection::vec((0..4u64, proptest::bool::weighted(0.8)), 1..5);
	let agreed = || proptest::bool::weighted(0.9);
	prop_oneof![
		2 => (0..3u32).prop_map(Op::License),
		1 => Just(Op::Revoke),
		4 => root.prop_map(Op::Post),
		4 => (proptest::bool::weighted(0.8), proptest::collection::vec(any::<bool>(), 0..3))
			.prop_map(|(springs, audits)| Op::Play { springs, audits }),
		3 => (0..JOBS, any::<u8>(), any::<u8>(), agreed())
			.prop_map(|(job, root, leaf, agreed)| Op::Open { job, root, leaf, agreed }),
		8 => (any::<u8>(), agreed()).prop_map(|(root, agreed)| Op::OpenLast { root, agreed }),
		2 => (0..JOBS).prop_map(Op::Settle),
		4 => (1..12u32).prop_map(Op::Roll),
	]
}

/// What a sequence has done.
#[derive(Default)]
struct World {
	/// Roots that were posted, with their traps: job, and what opens it.
	roots: Vec<(u32, Vec<(u64, Trap)>)>,
	/// The nonce of the next job.
	next: u64,
	/// Leaves that were opened.
	opened: BTreeSet<(u32, u32)>,
	/// How many of each root.
	counts: BTreeMap<u32, u32>,
	allowance: u32,
}

fn other() -> Claim {
	Claim::Invalid { code: 2 }
}

impl World {
	fn apply(&mut self, op: Op) {
		match op {
			Op::License(allowance) => {
				let given = Traps::license(RawOrigin::Root.into(), provider(), allowance);
				assert_eq!(given.is_ok(), allowance > 0);
				if given.is_ok() {
					self.allowance = allowance;
				}
			},
			Op::Revoke => {
				let taken = Traps::revoke(RawOrigin::Root.into(), provider());
				assert_eq!(taken.is_ok(), self.allowance > 0);
				self.allowance = 0;
				self.counts.clear();
			},
			Op::Post(jobs) => self.post(jobs),
			Op::Play { springs, audits } => self.play(springs, audits),
			Op::Open { job, root, leaf, agreed } => self.open(job, root, leaf, agreed),
			Op::OpenLast { root, agreed } => {
				let job = self.next.saturating_sub(1);
				let of =
					|(_, traps): &&(u32, Vec<(u64, Trap)>)| traps.iter().any(|(of, _)| *of == job);
				let roots: Vec<_> = self.roots.iter().filter(of).cloned().collect();
				let Some((period, traps)) = roots.get(usize::from(root) % roots.len().max(1))
				else {
					return;
				};
				let (_, trap) = traps.iter().find(|(of, _)| *of == job).unwrap();
				self.open_trap(job, job, *period, trap.clone(), agreed);
			},
			Op::Settle(job) => {
				let _ = frame_support::storage::with_storage_layer(|| {
					Jobs::settle(signed(stranger()), digest_of(job))
				});
			},
			Op::Roll(blocks) => {
				roll_by(blocks);
				keep_alive();
			},
		}
	}

	fn post(&mut self, jobs: Vec<(u64, bool)>) {
		let jobs: BTreeMap<_, _> =
			jobs.into_iter().map(|(ahead, truly)| (self.next + ahead, truly)).collect();
		let claim = |truly| if truly { right() } else { other() };
		let leaves: Vec<_> = jobs.iter().map(|(job, truly)| (*job, claim(*truly))).collect();
		let (traps, root) = traps_of(&leaves);
		let period = traps[0].period;
		let posted = Traps::post(RawOrigin::Root.into(), root, traps.len() as u32);
		assert_eq!(posted.is_ok(), self.roots.iter().all(|(of, _)| *of != period));
		if posted.is_ok() {
			self.roots.push((period, jobs.into_keys().zip(traps).collect()));
		}
	}

	fn play(&mut self, springs: bool, audits: Vec<bool>) {
		let nonce = self.next;
		let busy = pallet_jobs::OpenSlots::<Test>::get(provider()) >= 6;
		if nonce >= JOBS || busy {
			return;
		}
		self.next += 1;
		let claim = if springs { other() } else { right() };
		let audits: Vec<_> =
			audits.iter().map(|truly| if *truly { right() } else { claim }).collect();
		claimed(nonce, claim, &audits);
	}

	fn open(&mut self, job: u64, root: u8, leaf: u8, agreed: bool) {
		if self.roots.is_empty() {
			return;
		}
		let (period, traps) = &self.roots[usize::from(root) % self.roots.len()];
		let (of, trap) = traps[usize::from(leaf) % traps.len()].clone();
		self.open_trap(job, of, *period, trap, agreed);
	}

	/// Try to open a trap of a job as one of another job, or of the same.
	fn open_trap(&mut self, job: u64, of: u64, period: u32, mut trap: Trap, agreed: bool) {
		let digest = digest_of(job);
		if !agreed {
			trap.consent = sp_core::sr25519::Signature::default().into();
		}
		let record = pallet_jobs::Jobs::<Test>::get(digest);
		let (index, claim) = (trap.index, trap.claim);
		// The oracle: what has to be so.
		let count = self.counts.get(&period).copied().unwrap_or_default();
		let posted_at = Traps::root(period).unwrap().posted_at;
		let expected = agreed
			&& of == job
			&& count < self.allowance
			&& !self.opened.contains(&(period, index))
			&& record.is_some_and(|record| {
				let now = Jobs::now();
				let held = match state_of(record.slots[0]) {
					pallet_jobs::types::SlotState::Revealed { claim, .. } => claim,
					_ => claim,
				};
				let was_opened = pallet_jobs::Jackpots::<Test>::contains_key(digest);
				record.takes_traps(now)
					&& !was_opened && held != claim
					&& posted_at < record.submitted_at
			});
		let done = matches!(dispatch_authorized(open_call(digest, trap)), Ok(Ok(())));
		assert_eq!(done, expected, "{job} by {index} of {period}");
		if done {
			assert!(self.opened.insert((period, index)), "a leaf opens once");
			*self.counts.entry(period).or_default() += 1;
			assert!(self.counts[&period] <= self.allowance);
		}
	}

	fn check(&self, issuance: Balance) {
		try_state();
		let nonce_fee = if self.next > 0 { UNIT / 100 } else { 0 };
		assert_eq!(Balances::total_issuance() + nonce_fee, issuance, "nothing is made or lost");
		let open: u32 = crate::Roots::<Test>::iter_values().map(|root| root.opened()).sum();
		assert_eq!(open as usize, self.opened.len());
		let keep = <Balances as Inspect<_>>::minimum_balance();
		assert!(wealth(&Treasury::get()) >= keep);
	}
}

/// Run one sequence. How many traps it opened.
fn run(ops: Vec<Op>) -> usize {
	let mut opened = 0;
	new_test_ext().execute_with(|| {
		let issuance = Balances::total_issuance();
		let mut world = World::default();
		world.apply(Op::License(2));
		for op in ops {
			world.apply(op);
			world.check(issuance);
		}
		opened = world.opened.len();
	});
	opened
}

#[test]
fn hold_over_random_sequences() {
	let opened = core::cell::Cell::new(0);
	let mut runner = TestRunner::new(ProptestConfig::with_cases(128));
	let outcome = runner.run(&proptest::collection::vec(op(), 1..60), |ops| {
		opened.set(opened.get() + run(ops));
		Ok(())
	});
	outcome.unwrap_or_else(|error| panic!("{error}"));
	// Sequences that open nothing would show nothing.
	assert!(opened.get() >= 16, "{} traps were opened", opened.get());
}
