//! Until when a job is waited for: what its provider owes next is due at a block, and a provider
//! that lets it pass will not do it any more. The chain does nothing by itself then: somebody has
//! to end the job.

use crate::{
	account::hex32,
	chain::Chain,
	encode,
	error::{Error, Kind, Result},
	job::{self, History},
	value,
};
use assay_program::Hash;
use subxt::dynamic::Value;

/// Blocks after a deadline in which somebody else may still end the job, or the provider may have
/// kept it on a branch that is not seen yet.
const GRACE_BLOCKS: u32 = 10;
/// Blocks until a job is looked at again of which no deadline is known.
const UNKNOWN_BLOCKS: u32 = 32;

/// What an open job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
	/// A commitment of its provider.
	Commitment,
	/// A reveal of what was committed.
	Reveal,
	/// The call that pays for it.
	Settlement,
}

/// Blocks that the chain gives for a reveal, a late one included.
#[derive(Clone, Copy, Debug)]
struct RevealTime(u32);

/// Looks at an open job whenever its deadline may have passed.
#[derive(Clone, Debug, Default)]
pub struct Deadline {
	/// The block at which to look next.
	look_at: u32,
}

impl Deadline {
	/// Whether a job may still be waited for in block `number`. Asks the chain only when that is
	/// in doubt. The error names the deadline that has passed, and what to do.
	pub async fn check(
		&mut self,
		chain: &Chain,
		job: &Hash,
		history: &History,
		number: u32,
	) -> Result<()> {
		if history.is_over() || number < self.look_at {
			return Ok(());
		}
		let Some(view) = job::view(chain, job).await? else {
			// Not in a block yet, or over since.
			self.look_at = number.saturating_add(1);
			return Ok(());
		};
		let (owed, due_at) = owed(&view, reveal_time(chain).await?).map_err(|e| e.about(*job))?;
		let late = match due_at {
			Some(due_at) => due_at.saturating_add(GRACE_BLOCKS),
			None => number.saturating_add(UNKNOWN_BLOCKS),
		};
		// While jobs are paused their clock stands still, and a deadline seems to pass.
		if number <= late || is_paused(chain).await? {
			self.look_at = late.max(number).saturating_add(1);
			return Ok(());
		}
		// So does the clock of one job while something of it is demanded.
		let hold = match chain.storage("Jobs", "Jobs", vec![encode::hash(job)]).await? {
			Some(record) => Hold::of(&record).map_err(|e| e.about(*job))?,
			None => Hold::default(),
		};
		let late = hold.moved(owed, late);
		if number <= late || hold.is_open {
			self.look_at = late.max(number).saturating_add(1);
			return Ok(());
		}
		Err(passed(job, owed, due_at.unwrap_or(number)))
	}
}

/// What an open job waits for, and the last block for it where that is known.
fn owed(view: &Value, reveal: RevealTime) -> Result<(Owed, Option<u32>)> {
	let phase = value::field(view, "phase")?;
	match value::variant(phase)? {
		"Window" => Ok((Owed::Settlement, value::u32_field(phase, "closes_at").ok())),
		"Revealing" => {
			let closed_at = value::u32_field(phase, "closed_at").ok();
			Ok((Owed::Reveal, closed_at.map(|at| at.saturating_add(reveal.0))))
		},
		_ => Ok((Owed::Commitment, first_commitment(view)?)),
	}
}

/// The last block for the commitment that is due first.
fn first_commitment(view: &Value) -> Result<Option<u32>> {
	let mut first: Option<u32> = None;
	for slot in value::list(value::field(view, "slots")?) {
		let state = value::field(slot, "state")?;
		if value::variant(state)? == "Assigned" {
			let due_at = value::u32_field(state, "due_at")?;
			first = Some(first.map_or(due_at, |earlier| earlier.min(due_at)));
		}
	}
	Ok(first)
}

async fn reveal_time(chain: &Chain) -> Result<RevealTime> {
	let timing = chain.storage("Jobs", "TimingParameters", Vec::new()).await?;
	// A chain that was never told otherwise stores none: what it goes by is then not known here.
	let blocks = |timing: &Value| -> Result<u32> {
		let base = value::u32_field(timing, "commit_base")?;
		Ok(base.saturating_add(value::u32_field(timing, "reveal_grace")?))
	};
	Ok(RevealTime(timing.as_ref().map_or(Ok(u32::MAX), blocks)?))
}

/// What demands have made of a job's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hold {
	/// Blocks for which former demands have held it.
	blocks: u32,
	/// Whether a demand is open.
	is_open: bool,
}

impl Hold {
	/// As the chain has it in its record of a job.
	fn of(record: &Value) -> Result<Self> {
		let hold = value::field(record, "hold")?;
		let is_open = value::option(value::field(hold, "since")?)?.is_some();
		Ok(Self { blocks: value::u32_field(hold, "held")?, is_open })
	}

	/// A deadline of [`owed`] by the chain's clock: that of a reveal follows from the block in which
	/// the commit phase closed, the others are the chain's own word.
	fn moved(&self, owed: Owed, late: u32) -> u32 {
		match owed {
			Owed::Reveal => late.saturating_add(self.blocks),
			Owed::Commitment | Owed::Settlement => late,
		}
	}
}

async fn is_paused(chain: &Chain) -> Result<bool> {
	let clock = chain.api("JobsApi", "clock", Vec::new()).await?;
	let is_paused = value::list(&clock).first().and_then(|paused| paused.as_bool());
	Ok(is_paused.unwrap_or(false))
}

/// The error of a job that will not go on by itself.
fn passed(job: &Hash, owed: Owed, due_at: u32) -> Error {
	let what = match owed {
		Owed::Commitment => "its provider has not committed to a result",
		Owed::Reveal => "its provider has not revealed the result that it committed to",
		Owed::Settlement => "its result stands, and nobody has settled it",
	};
	let what = format!("{what}, which was due by block {due_at}");
	let digest = hex32(job);
	let next = match owed {
		Owed::Settlement => format!("settle it with `assay job finish {digest}`"),
		Owed::Commitment | Owed::Reveal => format!(
			"end it with `assay job finish {digest}`: what was not earned returns to the lease; \
			 then lease from another provider"
		),
	};
	Error::new(Kind::Late, what).about(*job).next(next)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::job::tests::{assigned, committed, open, revealed};

	const REVEAL: RevealTime = RevealTime(30);

	fn phase(name: &str, field: &str, block: u128, slots: Vec<(u64, Value)>) -> Value {
		let phase = Value::named_variant(name, [(field, Value::u128(block))]);
		let slots = value::field(&open(name, slots), "slots").unwrap().clone();
		Value::named_composite([("phase", phase), ("slots", slots)])
	}

	#[test]
	fn each_phase_has_its_deadline() {
		let claiming = open("Claiming", vec![(1, committed()), (2, assigned(9)), (3, assigned(8))]);
		assert_eq!(owed(&claiming, REVEAL).unwrap(), (Owed::Commitment, Some(8)));
		let revealing =
			phase("Revealing", "closed_at", 50, vec![(1, revealed(1)), (2, committed())]);
		assert_eq!(owed(&revealing, REVEAL).unwrap(), (Owed::Reveal, Some(80)));
		let unknown = owed(&revealing, RevealTime(u32::MAX)).unwrap();
		assert_eq!(unknown, (Owed::Reveal, Some(u32::MAX)));
		let window = phase("Window", "closes_at", 90, vec![(1, revealed(1))]);
		assert_eq!(owed(&window, REVEAL).unwrap(), (Owed::Settlement, Some(90)));
		assert_eq!(owed(&open("Claiming", vec![]), REVEAL).unwrap(), (Owed::Commitment, None));
	}

	#[test]
	fn a_hold_moves_the_reveal() {
		let record = |since: Option<u128>| {
			let since = encode::option(since.map(Value::u128));
			let hold = Value::named_composite([("held", Value::u128(12)), ("since", since)]);
			Value::named_composite([("hold", hold)])
		};
		let past = Hold::of(&record(None)).unwrap();
		assert_eq!(past, Hold { blocks: 12, is_open: false });
		assert!(Hold::of(&record(Some(7))).unwrap().is_open);
		assert_eq!(past.moved(Owed::Reveal, 80), 92);
		assert_eq!(past.moved(Owed::Settlement, 90), 90);
	}

	#[test]
	fn a_deadline_that_has_passed_says_how_to_end_the_job() {
		for owed in [Owed::Commitment, Owed::Reveal, Owed::Settlement] {
			let error = passed(&[1; 32], owed, 77);
			assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Late, 6));
			assert_eq!(error.jobs(), [[1; 32]]);
			assert!(error.message().contains("block 77"), "{error}");
			let next = format!("assay job finish {}", hex32(&[1; 32]));
			assert!(error.next_step().is_some_and(|step| step.contains(&next)), "{error}");
		}
	}
}
