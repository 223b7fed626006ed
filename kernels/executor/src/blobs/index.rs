//! What the store holds, and what has to go when it is full.

use super::{cost, BlobKind};
use crate::config::Limits;
use assay_program::Hash;
use std::{
	cmp::Reverse,
	collections::{HashMap, HashSet},
	time::{Duration, SystemTime},
};

pub(super) type Key = (BlobKind, Hash);

/// Bytes for which room is wanted: what a blob [`cost`]s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
	pub(super) kind: BlobKind,
	pub(super) bytes: u64,
	/// Whose quota they count against.
	pub(super) owner: Option<Hash>,
}

#[derive(Debug)]
pub(super) struct Held {
	pub(super) bytes: u64,
	/// What that costs.
	cost: u64,
	/// When it was last touched, in ticks of the index.
	used: u64,
	/// When it was last of use to a job, or came; its time to keep runs from then.
	pub(super) since: SystemTime,
	pub(super) pins: u32,
	/// Whether a job has ever pinned it.
	pub(super) used_by_job: bool,
	owner: Option<Hash>,
}

/// Everything held or coming, in bytes that it [`cost`]s.
#[derive(Debug, Default)]
pub(super) struct Index {
	pub(super) held: HashMap<Key, Held>,
	/// What stays, held or not: the blobs of jobs that the node asks about.
	pub(super) kept: HashSet<Key>,
	/// Bytes of everything held.
	pub(super) bytes: u64,
	/// Bytes set aside for what is still coming.
	pub(super) reserved: u64,
	/// Bytes of outputs, held or coming.
	pub(super) outputs: u64,
	/// Bytes of inputs per tenant, held or coming.
	owned: HashMap<Hash, u64>,
	ticks: u64,
}

impl Index {
	pub(super) fn touch(&mut self, key: &Key) -> Option<u64> {
		self.ticks = self.ticks.saturating_add(1);
		let held = self.held.get_mut(key)?;
		held.used = self.ticks;
		Some(held.bytes)
	}

	pub(super) fn insert(&mut self, key: Key, bytes: u64, since: SystemTime, owner: Option<Hash>) {
		self.ticks = self.ticks.saturating_add(1);
		// Outputs are made by jobs, and the other kinds stay.
		let (used, used_by_job) = (self.ticks, key.0 != BlobKind::Input);
		let cost = cost(key.0, owner.is_some(), bytes);
		let held = Held { bytes, cost, used, since, pins: 0, used_by_job, owner };
		self.bytes += cost;
		self.count(key.0, owner, cost);
		self.held.insert(key, held);
	}

	pub(super) fn remove(&mut self, key: &Key) -> bool {
		let Some(held) = self.held.remove(key) else { return false };
		let cost = held.cost;
		self.bytes -= cost;
		self.uncount(key.0, held.owner, cost);
		true
	}

	/// Whether a blob may make room for others as soon as its time to keep is over.
	pub(super) fn may_go(&self, key: &Key, held: &Held) -> bool {
		key.0.may_go() && held.pins == 0 && !self.kept.contains(key)
	}

	/// Sets what stays. What stayed until now was of use to a job until now.
	pub(super) fn keep_only(&mut self, keys: HashSet<Key>) {
		let now = SystemTime::now();
		for key in self.kept.difference(&keys) {
			if let Some(held) = self.held.get_mut(key) {
				held.since = now;
				held.used_by_job = true;
			}
		}
		self.kept = keys;
	}

	/// Sets bytes aside.
	pub(super) fn set_aside(&mut self, want: &Want) {
		self.reserved += want.bytes;
		self.count(want.kind, want.owner, want.bytes);
	}

	/// Takes back what was set aside.
	pub(super) fn give_back(&mut self, kind: BlobKind, owner: Option<Hash>, bytes: u64) {
		self.reserved = self.reserved.saturating_sub(bytes);
		self.uncount(kind, owner, bytes);
	}

	fn count(&mut self, kind: BlobKind, owner: Option<Hash>, bytes: u64) {
		if kind == BlobKind::Output {
			self.outputs += bytes;
		}
		if let Some(owner) = owner {
			*self.owned.entry(owner).or_default() += bytes;
		}
	}

	fn uncount(&mut self, kind: BlobKind, owner: Option<Hash>, bytes: u64) {
		if kind == BlobKind::Output {
			self.outputs = self.outputs.saturating_sub(bytes);
		}
		let Some(owner) = owner else { return };
		if let Some(owned) = self.owned.get_mut(&owner) {
			*owned = owned.saturating_sub(bytes);
			if *owned == 0 {
				self.owned.remove(&owner);
			}
		}
	}

	/// Bytes of a tenant's inputs, held or coming.
	pub(super) fn owned_by(&self, owner: &Hash) -> u64 {
		self.owned.get(owner).copied().unwrap_or(0)
	}

	/// The blobs that go to make room; `None` when too few may go.
	pub(super) fn victims(&self, want: &Want, limits: &Limits) -> Option<Vec<Key>> {
		let all = self.bytes.saturating_add(self.reserved);
		let others = all.saturating_sub(self.outputs);
		// What has to go in all, and what of it may not be outputs.
		let mut excess = all.saturating_add(want.bytes).saturating_sub(limits.store_bytes);
		let mut excess_inputs = match want.kind {
			BlobKind::Input => {
				others.saturating_add(want.bytes).saturating_sub(limits.inputs_bytes())
			},
			_ => 0,
		};
		if excess == 0 && excess_inputs == 0 {
			return Some(Vec::new());
		}
		let (mut victims, mut seen) = (Vec::new(), HashSet::new());
		for (key, cost) in self.old(limits).into_iter().chain(self.displaced(want)) {
			if excess == 0 && excess_inputs == 0 {
				break;
			}
			let is_input = key.0 == BlobKind::Input;
			if !(is_input || excess > 0) || !seen.insert(key) {
				continue;
			}
			excess = excess.saturating_sub(cost);
			if is_input {
				excess_inputs = excess_inputs.saturating_sub(cost);
			}
			victims.push(key);
		}
		(excess == 0 && excess_inputs == 0).then_some(victims)
	}

	/// What may go because its time has passed, in the order in which it goes.
	fn old(&self, limits: &Limits) -> Vec<(Key, u64)> {
		let now = SystemTime::now();
		let old = |held: &Held, keep: Duration| {
			now.duration_since(held.since).is_ok_and(|age| age >= keep)
		};
		let idle = self.held.iter().filter(|(key, held)| self.may_go(key, held));
		let mut idle: Vec<(bool, u64, Key, u64)> = idle
			.filter(|(key, held)| {
				let unused = key.0 == BlobKind::Input && !held.used_by_job;
				old(held, if unused { limits.keep.min(limits.keep_unused) } else { limits.keep })
			})
			.map(|(key, held)| (held.used_by_job, held.used, *key, held.cost))
			.collect();
		idle.sort_unstable();
		idle.into_iter().map(|(_, _, key, cost)| (key, cost)).collect()
	}

	/// Unused inputs of tenants that hold more than the one who wants room would: leases are
	/// cheap, and whoever fills the store with inputs must not keep everybody else from it.
	fn displaced(&self, want: &Want) -> Vec<(Key, u64)> {
		let Some(owner) = want.owner else { return Vec::new() };
		let mine = self.owned_by(&owner).saturating_add(want.bytes);
		let mut unused: Vec<(Reverse<u64>, u64, Key, Hash, u64)> = self
			.held
			.iter()
			.filter(|(key, held)| key.0 == BlobKind::Input && !held.used_by_job)
			.filter(|(key, held)| self.may_go(key, held))
			.filter_map(|(key, held)| {
				let holder = held.owner?;
				Some((Reverse(self.owned_by(&holder)), held.used, *key, holder, held.cost))
			})
			.filter(|(holds, ..)| holds.0 > mine)
			.collect();
		unused.sort_unstable();
		let mut holdings: HashMap<Hash, u64> = HashMap::new();
		let still_more = |(_, _, key, holder, cost): (_, _, Key, Hash, u64)| {
			let holds = holdings.entry(holder).or_insert_with(|| self.owned_by(&holder));
			let more = *holds > mine;
			*holds = holds.saturating_sub(cost);
			more.then_some((key, cost))
		};
		unused.into_iter().filter_map(still_more).collect()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const BYTES: u64 = 100_000;
	const MINUTES: Duration = Duration::from_secs(600);
	const HOURS: Duration = Duration::from_secs(7200);
	const ALICE: Hash = [1; 32];
	const BOB: Hash = [2; 32];

	fn limits() -> Limits {
		Limits { store_bytes: 1_000_000, ..Limits::default() }
	}

	fn input(number: u8) -> Key {
		(BlobKind::Input, [number; 32])
	}

	fn output(number: u8) -> Key {
		(BlobKind::Output, [number; 32])
	}

	fn want(kind: BlobKind, bytes: u64, owner: Option<Hash>) -> Want {
		Want { kind, bytes, owner }
	}

	/// Puts a blob that costs [`BYTES`] and came `age` ago.
	fn put(index: &mut Index, key: Key, age: Duration, owner: Option<Hash>) {
		let bytes = BYTES - cost(key.0, owner.is_some(), 0);
		index.insert(key, bytes, SystemTime::now() - age, owner);
	}

	#[test]
	fn inputs_leave_room_for_outputs() {
		let (mut index, limits) = (Index::default(), limits());
		for number in 0..7 {
			put(&mut index, input(number), Duration::ZERO, None);
		}
		assert_eq!(index.victims(&want(BlobKind::Input, BYTES, None), &limits), None);
		assert_eq!(index.victims(&want(BlobKind::Output, 3 * BYTES, None), &limits), Some(vec![]));
		// Outputs do not take the room of inputs either, as long as there is some.
		put(&mut index, output(1), Duration::ZERO, None);
		put(&mut index, output(2), Duration::ZERO, None);
		let half = want(BlobKind::Input, BYTES / 2, None);
		assert_eq!(index.victims(&half, &limits), Some(vec![]));
		index.set_aside(&want(BlobKind::Output, BYTES, None));
		assert_eq!(index.victims(&half, &limits), None);
	}

	#[test]
	fn unused_inputs_go_first_and_after_minutes() {
		let (mut index, limits) = (Index::default(), limits());
		put(&mut index, input(1), HOURS, None);
		put(&mut index, output(2), HOURS, None);
		put(&mut index, input(3), MINUTES, None);
		put(&mut index, input(4), MINUTES, None);
		put(&mut index, input(5), Duration::ZERO, None);
		for used in [1, 4] {
			index.held.get_mut(&input(used)).unwrap().used_by_job = true;
		}
		let mut all: Vec<Key> = index.old(&limits).into_iter().map(|(key, _)| key).collect();
		assert_eq!(all, [input(3), input(1), output(2)]);
		// Room for an input is made by outputs only where the whole store is short.
		index.set_aside(&want(BlobKind::Weights, 4 * BYTES, None));
		let victims = index.victims(&want(BlobKind::Input, BYTES, None), &limits).unwrap();
		assert_eq!(victims, [input(3), input(1)]);
		index.set_aside(&want(BlobKind::Output, BYTES, None));
		index.held.get_mut(&input(3)).unwrap().pins = 1;
		let victims = index.victims(&want(BlobKind::Output, 2 * BYTES, None), &limits).unwrap();
		all.remove(0);
		assert_eq!(victims, all);
	}

	#[test]
	fn a_tenant_that_holds_more_makes_room_for_one_that_holds_less() {
		let (mut index, limits) = (Index::default(), limits());
		for number in 0..6 {
			put(&mut index, input(number), Duration::ZERO, Some(ALICE));
		}
		put(&mut index, input(6), Duration::ZERO, Some(BOB));
		index.held.get_mut(&input(0)).unwrap().used_by_job = true;
		let small = |owner| want(BlobKind::Input, BYTES, Some(owner));
		assert_eq!(index.victims(&small(BOB), &limits), Some(vec![input(1)]));
		assert_eq!(index.victims(&small(ALICE), &limits), None);
		// Not so far that Bob holds more than Alice.
		let large = want(BlobKind::Input, 5 * BYTES, Some(BOB));
		assert_eq!(index.victims(&large, &limits), None);
	}

	#[test]
	fn what_is_kept_never_goes() {
		let (mut index, limits) = (Index::default(), limits());
		// Old and used, new and unused, and an output: each would go.
		put(&mut index, input(1), HOURS, None);
		put(&mut index, input(2), Duration::ZERO, Some(ALICE));
		put(&mut index, output(3), HOURS, None);
		put(&mut index, input(4), HOURS, None);
		let all = want(BlobKind::Output, 9 * BYTES, Some(BOB));
		index.owned.insert(ALICE, 20 * BYTES);
		assert_eq!(index.victims(&all, &limits).unwrap().len(), 3);
		index.keep_only([input(1), input(2), output(3), input(9)].into());
		let some = want(BlobKind::Output, 7 * BYTES, Some(BOB));
		assert_eq!(index.victims(&some, &limits), Some(vec![input(4)]));
		assert_eq!(index.victims(&all, &limits), None);
		// From now on its time to keep runs anew, as that of an input that a job used.
		index.keep_only(HashSet::new());
		assert_eq!(index.victims(&some, &limits), Some(vec![input(4)]));
		assert!(index.held[&input(2)].used_by_job);
	}

	#[test]
	fn small_blobs_count_with_all_their_files() {
		let mut index = Index::default();
		for number in 0..10 {
			index.insert(input(number), 4, SystemTime::now(), Some(ALICE));
		}
		assert_eq!(index.owned_by(&ALICE), 10 * cost(BlobKind::Input, true, 4));
		assert_eq!(index.bytes, index.owned_by(&ALICE));
		for number in 0..10 {
			assert!(index.remove(&input(number)));
		}
		assert_eq!((index.bytes, index.owned_by(&ALICE)), (0, 0));
	}
}
