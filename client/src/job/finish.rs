//! Bringing a job to its end where its parties do not: whatever is due, signed by anyone.

use super::{unknown, view, PALLET};
use crate::{
	account::Account,
	chain::{Chain, Event, Included},
	encode,
	error::{mismatch, Error, Kind, Result},
	value,
};
use assay_program::Hash;
use serde_json::json;
use std::collections::BTreeMap;
use subxt::dynamic::Value;

const DISPUTES: &str = "Disputes";
const DEMANDS: &str = "Demands";
/// After so many rounds of steps it is left to another call: each follows from the one before.
const ROUNDS_MAX: usize = 4;

/// What is due in a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
	/// A demand whose chunk did not come ends.
	DemandTimeout,
	/// A game whose time is over ends.
	Timeout(u64),
	/// Two slots claim different results: a game between them begins.
	Opposition(u64, u64),
	/// A slot lapses.
	Lapse(u64),
	/// The job is settled.
	Settlement,
}

impl Due {
	/// What was done, in words.
	pub fn done(&self) -> String {
		match self {
			Self::DemandTimeout => "what was demanded did not come: the demand has ended".into(),
			Self::Timeout(game) => format!("game {game} was over its time and has ended"),
			Self::Opposition(slot, other) => {
				format!("slots {slot} and {other} differ: a game between them has begun")
			},
			Self::Lapse(slot) => format!("slot {slot} has lapsed"),
			Self::Settlement => "the job was settled".into(),
		}
	}

	/// The same for programs.
	pub fn json(&self) -> serde_json::Value {
		match self {
			Self::DemandTimeout => json!({ "step": "end_demand" }),
			Self::Timeout(game) => json!({ "step": "timeout", "game": game }),
			Self::Opposition(slot, other) => json!({ "step": "oppose", "slots": [slot, other] }),
			Self::Lapse(slot) => json!({ "step": "lapse", "slot": slot }),
			Self::Settlement => json!({ "step": "settle" }),
		}
	}

	/// Signs and sends the call that does it.
	async fn take(self, chain: &Chain, account: &Account, job: &Hash) -> Result<Included> {
		let (pallet, call, arguments) = match self {
			Self::DemandTimeout => (DEMANDS, "timeout", vec![("job", encode::hash(job))]),
			Self::Timeout(game) => (DISPUTES, "timeout", vec![("game", encode::number(game))]),
			Self::Opposition(slot, other) => {
				let slots = vec![("slot", encode::number(slot)), ("other", encode::number(other))];
				(DISPUTES, "oppose", slots)
			},
			Self::Lapse(slot) => (PALLET, "lapse", vec![("slot", encode::number(slot))]),
			Self::Settlement => (PALLET, "settle", vec![("job", encode::hash(job))]),
		};
		chain.submit(account, pallet, call, arguments).await
	}
}

/// A step that was taken towards a job's end.
#[derive(Clone, Debug)]
pub struct Step {
	/// What was due.
	pub due: Due,
	/// The call that did it.
	pub included: Included,
}

/// Ends a job that its parties have left lying: ends a demand that was not answered, begins the
/// games that are due between its claims, ends those whose time is over, lapses the slot that is
/// due first, or settles the job when its window is over. Anyone may, and pays the fees of the
/// calls. Returns what was done, one thing at least.
pub async fn finish(chain: &Chain, account: &Account, digest: &Hash) -> Result<Vec<Step>> {
	let mut steps = Vec::new();
	for _ in 0..ROUNDS_MAX {
		let Some(job) = view(chain, digest).await? else { break };
		let games = games_about(chain, &job, digest).await?;
		let best = chain.best_number().await?;
		let demand = chain.storage(DEMANDS, DEMANDS, vec![encode::hash(digest)]).await?;
		let due = match demand {
			// Nothing else moves meanwhile; the chain knows when its time is over.
			Some(_) => Ok(vec![Due::DemandTimeout]),
			None => due(&job, &games, best).map_err(|e| e.about(*digest)),
		};
		// The first round says why nothing is due; a later one follows what was done.
		let due = match steps.is_empty() {
			true => due?,
			false => due.unwrap_or_default(),
		};
		let is_first = steps.is_empty();
		let due = due.into_iter().filter(|due| is_first || follows(*due, &job, best));
		let before = steps.len();
		for due in due {
			let after = |e: Error| match steps.len() {
				0 => e.about(*digest),
				done => e.about(*digest).during(&format!("after {done} steps that are done")),
			};
			let included = due.take(chain, account, digest).await.map_err(after)?;
			steps.push(Step { due, included });
		}
		let frees = |step: &Step| matches!(step.due, Due::Timeout(_) | Due::DemandTimeout);
		if has_ended(&steps) || !steps.iter().skip(before).any(frees) {
			break;
		}
	}
	match steps.is_empty() {
		true => Err(unknown(digest)),
		false => Ok(steps),
	}
}

/// Whether the events of some call say that the job has ended.
pub fn has_ended(steps: &[Step]) -> bool {
	let ends = |e: &Event| {
		e.is(PALLET, "JobSettled") || e.is(PALLET, "JobExpired") || e.is(PALLET, "JobRefuted")
	};
	steps.iter().any(|step| step.included.events.iter().any(ends))
}

/// Whether something may be done after another step: a settlement only when its time has come,
/// and no lapse, whose deadline the step before may have moved.
fn follows(due: Due, job: &Value, best: u32) -> bool {
	let closes = || value::u64_field(value::field(job, "phase")?, "closes_at");
	if matches!(due, Due::Lapse(_)) {
		return false;
	}
	due != Due::Settlement || closes().is_ok_and(|closes_at| u64::from(best) >= closes_at)
}

/// A game about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Game {
	/// The slots between which it is, where it is between two.
	slots: Option<[u64; 2]>,
	/// Last block for an answer.
	due_at: u64,
}

/// Games about an open job, by id. The keys of its slots play all of them.
async fn games_about(chain: &Chain, job: &Value, digest: &Hash) -> Result<BTreeMap<u64, Game>> {
	let mut games = BTreeMap::new();
	for slot in value::list(value::field(job, "slots")?) {
		if value::u64_field(slot, "disputes")? == 0 {
			continue;
		}
		let Some(worker) = value::option(value::field(slot, "worker")?)? else { continue };
		let worker = value::bytes32(worker)?;
		let ids = chain.api("DisputesApi", "games_of", vec![encode::hash(&worker)]).await?;
		for id in value::list(&ids) {
			let id = u64::try_from(value::number(id)?)
				.map_err(|_| mismatch("the id of a game does not fit 64 bits"))?;
			let view = chain.api("DisputesApi", "game", vec![encode::number(id)]).await?;
			let Some(view) = value::option(&view)? else { continue };
			if let Some(game) = game_of(view, digest)? {
				games.insert(id, game);
			}
		}
	}
	Ok(games)
}

/// A game as the chain sees it, where it is about this job.
fn game_of(view: &Value, digest: &Hash) -> Result<Option<Game>> {
	let dispute = value::field(view, "dispute")?;
	if value::hash_field(dispute, "job")? != *digest {
		return Ok(None);
	}
	let purse = value::field(dispute, "purse")?;
	let slots = match value::variant(purse)? {
		"Pledge" => {
			let rival = value::payload(purse).ok_or_else(|| mismatch("a pledge of no slot"))?;
			let rival = u64::try_from(value::number(rival)?)
				.map_err(|_| mismatch("the id of a slot does not fit 64 bits"))?;
			Some([value::u64_field(dispute, "slot")?, rival])
		},
		_ => None,
	};
	Ok(Some(Game { slots, due_at: value::u64_field(view, "due_at")? }))
}

/// What is due in an open job, were the next block's number `best + 1`.
pub(crate) fn due(job: &Value, games: &BTreeMap<u64, Game>, best: u32) -> Result<Vec<Due>> {
	let phase = value::variant(value::field(job, "phase")?)?;
	if phase == "Window" {
		return due_in_window(job, games, best);
	}
	// Commitments lapse only once all reveals are due, and all at the same time.
	let owing = if phase == "Claiming" { "Assigned" } else { "Committed" };
	let mut first: Option<(u64, u64)> = None;
	for slot in value::list(value::field(job, "slots")?) {
		let state = value::field(slot, "state")?;
		if value::variant(state)? == owing {
			let due_at = value::u64_field(state, "due_at").unwrap_or_default();
			let id = value::u64_field(slot, "id")?;
			first = Some(first.map_or((due_at, id), |earlier| earlier.min((due_at, id))));
		}
	}
	let (_, slot) = first.ok_or_else(|| mismatch("the job is open but none of its slots is"))?;
	Ok(vec![Due::Lapse(slot)])
}

/// In its window a job waits for the games about its claims, and for those that are to be between
/// two of them.
fn due_in_window(job: &Value, games: &BTreeMap<u64, Game>, best: u32) -> Result<Vec<Due>> {
	let overdue = games.iter().filter(|(_, game)| u64::from(best) >= game.due_at);
	let mut due: Vec<_> = overdue.map(|(id, _)| Due::Timeout(*id)).collect();
	// They may bring down a claim that still seems to stand.
	if !due.is_empty() {
		return Ok(due);
	}
	let claims = revealed(job)?;
	for (place, (slot, output)) in claims.iter().enumerate() {
		for (other, _) in claims.iter().skip(place + 1).filter(|(_, other)| other != output) {
			let [lower, higher] = [*slot.min(other), *slot.max(other)];
			if !games.values().any(|game| game.slots == Some([lower, higher])) {
				due.push(Due::Opposition(lower, higher));
			}
		}
	}
	if !due.is_empty() {
		return Ok(due);
	}
	match games.values().map(|game| game.due_at).min() {
		None => Ok(vec![Due::Settlement]),
		Some(due_at) => Err(Error::new(
			Kind::Refused,
			format!("the job waits for {} games about its claims", games.len()),
		)
		.next(format!("if nobody answers, the first of them can be ended after block {due_at}"))),
	}
}

/// Slots that have revealed and are not convicted, and the output that each claims.
fn revealed(job: &Value) -> Result<Vec<(u64, Hash)>> {
	let mut claims = Vec::new();
	for slot in value::list(value::field(job, "slots")?) {
		let state = value::field(slot, "state")?;
		if value::variant(state)? == "Revealed" {
			claims.push((value::u64_field(slot, "id")?, value::hash_field(state, "output")?));
		}
	}
	Ok(claims)
}

#[cfg(test)]
mod tests {
	use super::{
		super::tests::{assigned, committed, open, revealed},
		*,
	};

	fn due_now(job: &Value, games: &[(u64, Option<[u64; 2]>, u64)]) -> Result<Vec<Due>> {
		let game =
			|(id, slots, due_at): &(u64, _, _)| (*id, Game { slots: *slots, due_at: *due_at });
		due(job, &games.iter().map(game).collect(), 50)
	}

	#[test]
	fn what_is_due_first_is_what_ends_a_job() {
		let claiming = open("Claiming", vec![(1, committed()), (2, assigned(9)), (3, assigned(8))]);
		assert_eq!(due_now(&claiming, &[]).unwrap(), [Due::Lapse(3)]);
		let revealing = open("Revealing", vec![(1, revealed(1)), (2, committed())]);
		assert_eq!(due_now(&revealing, &[]).unwrap(), [Due::Lapse(2)]);
		assert_eq!(due_now(&open("Window", vec![]), &[]).unwrap(), [Due::Settlement]);
		let error = due_now(&open("Claiming", vec![]), &[]).unwrap_err();
		assert_eq!(error.kind(), Kind::Mismatch);
	}

	#[test]
	fn claims_that_differ_get_a_game_each_before_anything_settles() {
		let agreeing = open("Window", vec![(1, revealed(7)), (2, revealed(7))]);
		assert_eq!(due_now(&agreeing, &[]).unwrap(), [Due::Settlement]);
		let job = open("Window", vec![(1, revealed(7)), (2, revealed(8)), (3, revealed(7))]);
		let both = [Due::Opposition(1, 2), Due::Opposition(2, 3)];
		assert_eq!(due_now(&job, &[]).unwrap(), both);
		let one = [(9, Some([1, 2]), 99)];
		assert_eq!(due_now(&job, &one).unwrap(), [Due::Opposition(2, 3)]);
		// A challenge with a bond is another game.
		assert_eq!(due_now(&job, &[(9, None, 99)]).unwrap(), both);
	}

	#[test]
	fn games_end_when_their_time_is_over_and_not_before() {
		let job = open("Window", vec![(1, revealed(7)), (2, revealed(8))]);
		let games = |due_at| [(9, Some([1, 2]), due_at), (12, None, 49)];
		let both = [Due::Timeout(9), Due::Timeout(12)];
		assert_eq!(due_now(&job, &games(50)).unwrap(), both);
		assert_eq!(due_now(&job, &games(51)).unwrap(), [Due::Timeout(12)]);
		let error = due_now(&job, &[(9, Some([1, 2]), 51)]).unwrap_err();
		assert_eq!(error.kind(), Kind::Refused);
		assert!(error.next_step().unwrap().contains("after block 51"), "{error}");
	}

	#[test]
	fn only_games_about_the_job_count() {
		let view = |job: u8, purse: Value| {
			let dispute = Value::named_composite([
				("slot", Value::unnamed_composite([Value::u128(4)])),
				("job", Value::from_bytes([job; 32])),
				("purse", purse),
			]);
			Value::named_composite([("dispute", dispute), ("due_at", Value::u128(60))])
		};
		let rival = || Value::unnamed_composite([Value::u128(6)]);
		let pledge = || Value::unnamed_variant("Pledge", [rival()]);
		let game = game_of(&view(1, pledge()), &[1; 32]).unwrap();
		assert_eq!(game, Some(Game { slots: Some([4, 6]), due_at: 60 }));
		assert_eq!(game_of(&view(2, pledge()), &[1; 32]).unwrap(), None);
		let bond = Value::unnamed_variant("Bond", [Value::u128(5)]);
		let game = game_of(&view(1, bond), &[1; 32]).unwrap();
		assert_eq!(game, Some(Game { slots: None, due_at: 60 }));
	}

	#[test]
	fn a_settlement_follows_other_steps_only_after_the_window() {
		let closing = |closes_at| {
			let phase = Value::named_variant("Window", [("closes_at", Value::u128(closes_at))]);
			Value::named_composite([("phase", phase)])
		};
		assert!(follows(Due::Settlement, &closing(50), 50));
		assert!(!follows(Due::Settlement, &closing(51), 50));
		assert!(follows(Due::Timeout(1), &closing(51), 50));
		assert!(!follows(Due::Lapse(1), &closing(50), 50));
	}
}
