//! Jobs: made, submitted, followed to their receipt.

mod finish;

pub use finish::{finish, has_ended, Due, Step};

use crate::{
	account::{hex32, Account},
	chain::{BlockEvents, Chain, Event, Follower, Sent},
	encode,
	error::{mismatch, Error, Kind, Result},
	lease::Lease,
	model::Model,
	value,
};
use assay_program::{merkle, wire::JobRequest, Hash, Outcome, Parameters};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use subxt::dynamic::Value;

const PALLET: &str = "Jobs";
/// Blocks after the one of a job's end in which it must become final.
const FINALITY_BLOCKS_MAX: u32 = 256;
/// Longest input that travels in the call itself.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

/// A job before it is submitted.
#[derive(Clone, Debug)]
pub struct Job {
	/// Everything its digest covers.
	pub request: JobRequest,
	/// Its digest.
	pub digest: Hash,
	/// The lease it runs under.
	pub lease: u64,
	/// Its input.
	pub input: Vec<u8>,
	/// What a wrong result could cost the tenant, in planck; the pledge follows it.
	pub value_at_risk: u128,
	/// Audit rate in parts per billion; zero for a job that is not audited. Its fee comes on top of
	/// the price.
	pub lambda_ppb: u32,
	/// How many more providers are drawn to do it, for the same price each. Its input must be inline.
	pub replicas: u8,
}

impl Job {
	/// A job of `tenant` under a lease, with the number `nonce` of its own.
	pub fn new(
		genesis: &Hash,
		lease: &Lease,
		model: &Model,
		input: Vec<u8>,
		parameters: Parameters,
		nonce: u64,
	) -> Self {
		let request = JobRequest {
			genesis: *genesis,
			program: model.program,
			weights: model.weights,
			input: merkle::blob(&input),
			parameters,
			tenant: lease.tenant,
			nonce,
		};
		let digest = request.digest();
		Self {
			request,
			digest,
			lease: lease.id,
			input,
			value_at_risk: 0,
			lambda_ppb: 0,
			replicas: 0,
		}
	}

	/// Whether the input must go to the provider beforehand.
	pub fn is_stored(&self) -> bool {
		self.input.len() > INLINE_BYTES_MAX
	}

	/// Hands it to the node's pool. A stored input must be at the provider before.
	pub async fn send(&self, chain: &Chain, account: &Account) -> Result<Sent> {
		self.send_as(chain, account, self.is_stored()).await
	}

	/// As [`Self::send`], with an input that is at the provider even where it fits the call.
	pub async fn send_stored(&self, chain: &Chain, account: &Account) -> Result<Sent> {
		self.send_as(chain, account, true).await
	}

	async fn send_as(&self, chain: &Chain, account: &Account, is_stored: bool) -> Result<Sent> {
		let input = if is_stored {
			Value::unnamed_variant("Stored", [encode::hash(&self.request.input)])
		} else {
			Value::unnamed_variant("Inline", [encode::bytes(&self.input)])
		};
		let arguments = vec![
			("lease", encode::number(self.lease)),
			("nonce", encode::number(self.request.nonce)),
			("input", input),
			("parameters", encode::parameters(&self.request.parameters)),
			("value_at_risk", encode::number(self.value_at_risk)),
			("lambda_ppb", encode::number(self.lambda_ppb)),
			("replicas", encode::number(self.replicas)),
		];
		chain.send(account, PALLET, "submit_job", arguments).await
	}
}

/// The lowest number that a tenant's next job may have.
pub async fn next_nonce(chain: &Chain, tenant: &Hash) -> Result<u64> {
	let answer = chain.api("JobsApi", "next_nonce", vec![encode::hash(tenant)]).await?;
	u64::try_from(value::number(&answer)?)
		.map_err(|_| crate::error::mismatch("the next nonce does not fit 64 bits"))
}

/// An open job, as the chain sees it. Settled jobs are in events only.
pub async fn of(chain: &Chain, digest: &Hash) -> Result<Option<serde_json::Value>> {
	Ok(view(chain, digest).await?.as_ref().map(value::json))
}

/// An open job as far as its claims are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
	/// The job is not open: it was never submitted, or it has ended.
	NotOpen,
	/// No claim is revealed yet.
	Hidden,
	/// The revealed output digest.
	Revealed(Hash),
}

/// What is claimed of a job, by its slots.
pub async fn claims(chain: &Chain, digest: &Hash) -> Result<Claims> {
	match view(chain, digest).await? {
		Some(job) => claims_of(&job).map_err(|e| e.about(*digest)),
		None => Ok(Claims::NotOpen),
	}
}

fn claims_of(job: &Value) -> Result<Claims> {
	let mut claims = Claims::Hidden;
	for slot in value::list(value::field(job, "slots")?) {
		let state = value::field(slot, "state")?;
		if value::variant(state)? != "Revealed" {
			continue;
		}
		let output = Claims::Revealed(value::hash_field(state, "output")?);
		if claims != Claims::Hidden && claims != output {
			return Err(mismatch("two different results are claimed, and neither is final")
				.next("wait for the receipt with `assay job wait`"));
		}
		claims = output;
	}
	Ok(claims)
}

/// An open job, as the chain sees it.
pub(crate) async fn view(chain: &Chain, digest: &Hash) -> Result<Option<Value>> {
	let answer = chain.api("JobsApi", "job", vec![encode::hash(digest)]).await?;
	Ok(value::option(&answer)?.cloned())
}

/// The error of a job that is not open.
pub fn unknown(digest: &Hash) -> Error {
	Error::new(Kind::Refused, format!("there is no open job {}", hex32(digest)))
		.about(*digest)
		.next(
		"it was never submitted, or it has ended: look for it with `assay job wait JOB --since \
			 BLOCK`, naming a block before its submission",
	)
}

/// An answer counts only if it is what was revealed on chain.
pub fn check_answer(job: &Hash, outcome: &Outcome, revealed: Option<Hash>) -> Result<()> {
	check_digest(job, &outcome.digest(), revealed)
}

/// As [`check_answer`], of an answer's digest.
pub(crate) fn check_digest(job: &Hash, answer: &Hash, revealed: Option<Hash>) -> Result<()> {
	if revealed == Some(*answer) {
		return Ok(());
	}
	Err(mismatch("the provider's answer is not what it revealed on chain")
		.about(*job)
		.next("do not use the answer; keep it as evidence, and lease from another provider"))
}

/// What has happened to a job so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct History {
	/// Block of the submission.
	pub submitted_at: Option<u32>,
	/// Block of the commitment.
	pub committed_at: Option<u32>,
	/// Block of the reveal.
	pub revealed_at: Option<u32>,
	/// Block of the last reveal, which opens the challenge window.
	pub window_at: Option<u32>,
	/// Block of the settlement.
	pub settled_at: Option<u32>,
	/// The output digest: the receipt's, once settled; before, the one that all reveals agree on.
	#[serde(serialize_with = "crate::account::as_optional_hex")]
	pub output: Option<Hash>,
	/// Every output digest that was revealed.
	#[serde(skip)]
	pub claims: BTreeSet<Hash>,
	/// The receipt, once settled.
	pub receipt: Option<serde_json::Value>,
	/// What was paid, in planck, by kind of payment.
	pub paid: BTreeMap<String, u128>,
	/// Why it ended without a result.
	pub expired: Option<serde_json::Value>,
	/// Whether the block of its end is final: no re-organisation takes it back.
	pub is_final: bool,
}

impl History {
	/// Whether nothing more will happen.
	pub fn is_over(&self) -> bool {
		self.settled_at.is_some() || self.expired.is_some()
	}

	/// Everything that was paid for it, in planck.
	pub fn price(&self) -> u128 {
		self.paid.values().sum()
	}

	/// Adds an event about this job.
	fn add(&mut self, block: u32, event: &Event) -> Result<()> {
		match (event.pallet.as_str(), event.name.as_str()) {
			(PALLET, "JobSubmitted") => self.submitted_at = Some(block),
			(PALLET, "SlotCommitted") => self.committed_at = Some(block),
			(PALLET, "SlotRevealed") => {
				self.revealed_at = Some(block);
				self.claims.insert(value::hash_field(&event.fields, "output")?);
				let is_agreed = self.claims.len() == 1;
				self.output = self.claims.first().copied().filter(|_| is_agreed);
			},
			(PALLET, "WindowOpened") => self.window_at = Some(block),
			(PALLET, "JobSettled") => {
				let receipt = value::field(&event.fields, "receipt")?;
				self.settled_at = Some(block);
				self.output = Some(value::hash_field(receipt, "output")?);
				self.receipt = Some(value::json(receipt));
			},
			(PALLET, "JobExpired") => {
				self.expired = Some(value::json(value::field(&event.fields, "reason")?));
			},
			(PALLET, "JobRefuted") => self.expired = Some("Refuted".into()),
			("Leases", "Paid") => {
				let kind = value::variant(value::field(&event.fields, "kind")?)?.to_string();
				*self.paid.entry(kind).or_default() +=
					value::number_field(&event.fields, "amount")?;
			},
			_ => {},
		}
		Ok(())
	}
}

/// An event about a job, and the block it is in.
#[derive(Clone, Debug)]
struct Entry {
	number: u32,
	hash: Hash,
	event: Event,
}

/// A job's events on the best chain, and what they add up to.
#[derive(Debug, Default)]
struct Record {
	/// In order. A job has few.
	entries: Vec<Entry>,
	history: History,
}

impl Record {
	fn add(&mut self, entry: Entry) -> Result<()> {
		self.history.add(entry.number, &entry.event)?;
		self.entries.push(entry);
		Ok(())
	}

	/// Takes back what happened in block `first` and above: another branch has become the best.
	fn undo(&mut self, first: u32) -> Result<()> {
		if self.entries.last().is_none_or(|entry| entry.number < first) {
			return Ok(());
		}
		self.entries.retain(|entry| entry.number < first);
		self.history = History::default();
		for entry in &self.entries {
			self.history.add(entry.number, &entry.event)?;
		}
		Ok(())
	}

	/// The block of the job's end, as long as it may still be taken back. Nothing comes after it.
	fn unsure_end(&self) -> Option<(u32, Hash)> {
		let is_unsure = self.history.is_over() && !self.history.is_final;
		self.entries.last().filter(|_| is_unsure).map(|entry| (entry.number, entry.hash))
	}
}

/// Follows jobs to their end, by best blocks; a re-organisation takes back what is not on the new
/// branch.
#[derive(Debug)]
pub struct Watch {
	chain: Chain,
	follower: Follower,
	jobs: BTreeMap<Hash, Record>,
}

impl Watch {
	/// Begins to follow `jobs`. Begin before you submit them: what happened before is not seen.
	pub async fn new(chain: &Chain, jobs: impl IntoIterator<Item = Hash>) -> Result<Self> {
		Ok(Self::with(chain, chain.follow().await?, jobs))
	}

	/// As [`Self::new`], for what happened from block `first` on.
	pub async fn since(
		chain: &Chain,
		first: u32,
		jobs: impl IntoIterator<Item = Hash>,
	) -> Result<Self> {
		Ok(Self::with(chain, chain.follow_from(first).await?, jobs))
	}

	fn with(chain: &Chain, follower: Follower, jobs: impl IntoIterator<Item = Hash>) -> Self {
		let jobs = jobs.into_iter().map(|job| (job, Record::default())).collect();
		Self { chain: chain.clone(), follower, jobs }
	}

	/// Follows one more.
	pub fn add(&mut self, job: Hash) {
		self.jobs.entry(job).or_default();
	}

	/// Follows one no longer: it was never submitted.
	pub fn remove(&mut self, job: &Hash) {
		self.jobs.remove(job);
	}

	/// What is known.
	pub fn history(&self, job: &Hash) -> Option<&History> {
		self.jobs.get(job).map(|record| &record.history)
	}

	/// What is known of all.
	pub fn histories(&self) -> impl Iterator<Item = (&Hash, &History)> {
		self.jobs.iter().map(|(job, record)| (job, &record.history))
	}

	/// Whether all have ended, in final blocks.
	pub fn is_over(&self) -> bool {
		self.jobs.values().all(|record| record.history.is_final)
	}

	/// Takes in blocks up to the one that is the best now; for a watch that begins in the past.
	pub async fn catch_up(&mut self) -> Result<()> {
		let best = self.chain.best_number().await?;
		while self.next_block().await?.number < best {}
		Ok(())
	}

	/// Takes in the next block; returns it with the events that are about these jobs.
	pub async fn next_block(&mut self) -> Result<BlockEvents> {
		let mut block = self.follower.next().await?;
		for record in self.jobs.values_mut() {
			record.undo(block.number)?;
		}
		let mut relevant = Vec::new();
		for event in std::mem::take(&mut block.events) {
			let Ok(job) = value::hash_field(&event.fields, "job") else { continue };
			if let Some(record) = self.jobs.get_mut(&job) {
				let (number, hash) = (block.number, block.hash);
				record.add(Entry { number, hash, event: event.clone() })?;
				relevant.push(event);
			}
		}
		block.events = relevant;
		self.confirm(block.number).await?;
		Ok(block)
	}

	/// Marks what has become final.
	async fn confirm(&mut self, best: u32) -> Result<()> {
		let ends = self.jobs.values().filter_map(Record::unsure_end).collect::<BTreeSet<_>>();
		if ends.is_empty() {
			return Ok(());
		}
		let last = self.chain.final_number().await?;
		let mut confirmed = BTreeSet::new();
		for (number, hash) in ends {
			if number > last {
				check_finality(number, best)?;
			} else if self.chain.hash_at(number).await? == Some(hash) {
				confirmed.insert((number, hash));
			}
		}
		for record in self.jobs.values_mut() {
			let end = record.unsure_end();
			record.history.is_final |= end.is_some_and(|end| confirmed.contains(&end));
		}
		Ok(())
	}
}

/// Whether finality can still be waited for.
fn check_finality(number: u32, best: u32) -> Result<()> {
	if best.saturating_sub(number) < FINALITY_BLOCKS_MAX {
		return Ok(());
	}
	Err(Error::new(
		Kind::Late,
		format!(
			"block {number} is not final after {FINALITY_BLOCKS_MAX} more: finality has stopped"
		),
	)
	.next("nothing is lost; look for the job again, with `--since`, when blocks become final"))
}

/// The error of a job that ended without a result.
pub fn expired(job: &Hash, reason: &serde_json::Value) -> Error {
	Error::new(Kind::Refused, format!("job {} ended without a result: {reason}", hex32(job)))
		.about(*job)
		.next("its money is back in the lease; submit again, or lease from another provider")
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use serde_json::json;

	fn lease() -> Lease {
		Lease {
			id: 3,
			tenant: [1; 32],
			provider: [2; 32],
			model: 0,
			price_per_unit: 10,
			open: true,
			free: 100,
			reserved: 0,
			reservation: None,
			due: 0,
			is_overdrawn: false,
			expires_at: 50,
			details: json!({}),
		}
	}

	fn model() -> Model {
		Model {
			id: 0,
			program: [3; 32],
			weights: [4; 32],
			owner: [5; 32],
			royalty_per_unit: 1,
			details: json!({}),
		}
	}

	pub(crate) fn job(input: Vec<u8>, nonce: u64) -> Job {
		Job::new(&[9; 32], &lease(), &model(), input, Parameters::encoder(1, 2), nonce)
	}

	#[test]
	fn the_digest_covers_input_nonce_and_chain() {
		let one = job(vec![1, 2, 3, 4], 7);
		assert_eq!(one.digest, job(vec![1, 2, 3, 4], 7).digest);
		assert_eq!(one.request.input, merkle::blob(&[1, 2, 3, 4]));
		assert_eq!(one.request.tenant, lease().tenant);
		assert_ne!(one.digest, job(vec![1, 2, 3, 5], 7).digest);
		assert_ne!(one.digest, job(vec![1, 2, 3, 4], 8).digest);
		let elsewhere =
			Job::new(&[8; 32], &lease(), &model(), vec![1, 2, 3, 4], Parameters::encoder(1, 2), 7);
		assert_ne!(one.digest, elsewhere.digest);
	}

	#[test]
	fn inputs_over_the_inline_limit_are_stored() {
		assert!(!job(vec![0; INLINE_BYTES_MAX], 1).is_stored());
		assert!(job(vec![0; INLINE_BYTES_MAX + 1], 1).is_stored());
	}

	fn event(pallet: &str, name: &str, fields: Vec<(&str, Value)>) -> Event {
		Event {
			pallet: pallet.into(),
			name: name.into(),
			fields: Value::named_composite(fields),
			extrinsic: None,
		}
	}

	#[test]
	fn a_history_grows_with_its_events() {
		let mut history = History::default();
		let paid = |kind: &str, amount: u128| {
			let kind = Value::unnamed_variant(kind, Vec::new());
			event("Leases", "Paid", vec![("amount", Value::u128(amount)), ("kind", kind)])
		};
		let output = ("output", Value::from_bytes([6; 32]));
		let receipt = Value::named_composite([("price", Value::u128(12)), output]);
		let steps = [
			(5, event("Jobs", "JobSubmitted", vec![])),
			(7, event("Jobs", "SlotCommitted", vec![])),
			(9, event("Jobs", "SlotRevealed", vec![("output", Value::from_bytes([6; 32]))])),
			(20, paid("Provider", 10)),
			(20, paid("Royalty", 2)),
		];
		for (block, event) in steps {
			history.add(block, &event).unwrap();
			assert!(!history.is_over());
		}
		history.add(20, &event("Jobs", "JobSettled", vec![("receipt", receipt)])).unwrap();
		assert!(history.is_over());
		assert_eq!((history.submitted_at, history.revealed_at), (Some(5), Some(9)));
		assert_eq!(history.output, Some([6; 32]));
		assert_eq!(history.price(), 12);
		assert_eq!(history.receipt, Some(json!({"price": 12, "output": hex32(&[6; 32])})));
	}

	#[test]
	fn of_several_reveals_the_receipt_says_which_one_counts() {
		let mut history = History::default();
		let reveal =
			|byte| event("Jobs", "SlotRevealed", vec![("output", Value::from_bytes([byte; 32]))]);
		history.add(9, &reveal(6)).unwrap();
		history.add(9, &reveal(6)).unwrap();
		assert_eq!(history.output, Some([6; 32]));
		history.add(10, &reveal(7)).unwrap();
		assert_eq!(history.output, None);
		let output = Value::from_bytes([7; 32]);
		let receipt = Value::named_composite([("output", output)]);
		history.add(20, &event("Jobs", "JobSettled", vec![("receipt", receipt)])).unwrap();
		assert_eq!(history.output, Some([7; 32]));
		let lacks = event("Jobs", "JobSettled", vec![("receipt", Value::bool(true))]);
		assert_eq!(history.add(20, &lacks).unwrap_err().kind(), Kind::Mismatch);
	}

	#[test]
	fn an_expired_job_is_over_and_says_why() {
		let mut history = History::default();
		let reason = Value::unnamed_variant("NotAccepted", Vec::new());
		history.add(9, &event("Jobs", "JobExpired", vec![("reason", reason)])).unwrap();
		assert!(history.is_over());
		let error = expired(&[1; 32], history.expired.as_ref().unwrap());
		assert!(error.message().contains("NotAccepted") && error.next_step().is_some());
	}

	#[test]
	fn a_reveal_without_its_output_is_an_error() {
		let event = event("Jobs", "SlotRevealed", vec![]);
		let error = History::default().add(9, &event).unwrap_err();
		assert_eq!(error.kind(), Kind::Mismatch);
	}

	fn entry(number: u32, branch: u8, name: &str, fields: Vec<(&str, Value)>) -> Entry {
		let pallet = if name == "Paid" { "Leases" } else { "Jobs" };
		Entry { number, hash: [branch; 32], event: event(pallet, name, fields) }
	}

	fn paid(number: u32, branch: u8) -> Entry {
		let kind = Value::unnamed_variant("Provider", Vec::new());
		entry(number, branch, "Paid", vec![("amount", Value::u128(10)), ("kind", kind)])
	}

	fn settled(number: u32, branch: u8) -> Entry {
		let settled_at = ("settled_at", Value::u128(number.into()));
		let output = ("output", Value::from_bytes([6; 32]));
		let receipt = Value::named_composite([settled_at, output]);
		entry(number, branch, "JobSettled", vec![("receipt", receipt)])
	}

	#[test]
	fn a_settlement_on_two_branches_counts_once() {
		let mut record = Record::default();
		record.add(entry(5, 1, "JobSubmitted", vec![])).unwrap();
		record.add(paid(20, 1)).unwrap();
		record.add(settled(20, 1)).unwrap();
		assert_eq!(record.unsure_end(), Some((20, [1; 32])));
		// A block of another branch, at the same height or below, takes it back.
		record.undo(19).unwrap();
		assert!(!record.history.is_over() && record.history.receipt.is_none());
		assert_eq!((record.history.submitted_at, record.history.price()), (Some(5), 0));
		assert_eq!(record.unsure_end(), None);
		record.add(paid(21, 2)).unwrap();
		record.add(settled(21, 2)).unwrap();
		assert_eq!((record.history.settled_at, record.history.price()), (Some(21), 10));
		let receipt = json!({"settled_at": 21, "output": hex32(&[6; 32])});
		assert_eq!(record.history.receipt, Some(receipt));
		assert_eq!(record.unsure_end(), Some((21, [2; 32])));
		// The next block of the same branch takes nothing back.
		record.undo(22).unwrap();
		assert_eq!(record.history.price(), 10);
		record.history.is_final = true;
		assert_eq!(record.unsure_end(), None);
	}

	#[test]
	fn a_job_that_the_new_branch_lacks_is_as_if_it_had_never_been() {
		let mut record = Record::default();
		record.add(entry(5, 1, "JobSubmitted", vec![])).unwrap();
		record.add(settled(6, 1)).unwrap();
		record.undo(5).unwrap();
		assert!(record.entries.is_empty() && record.history.submitted_at.is_none());
	}

	#[test]
	fn finality_is_waited_for_but_not_for_ever() {
		assert!(check_finality(10, 10).is_ok());
		assert!(check_finality(10, 9 + FINALITY_BLOCKS_MAX).is_ok());
		assert_eq!(check_finality(10, 10 + FINALITY_BLOCKS_MAX).unwrap_err().kind(), Kind::Late);
	}

	pub(crate) fn open(phase: &str, slots: Vec<(u64, Value)>) -> Value {
		let slot = |(id, state)| {
			Value::named_composite([("id", Value::u128(u128::from(id))), ("state", state)])
		};
		Value::named_composite([
			("phase", Value::unnamed_variant(phase, Vec::new())),
			("slots", Value::unnamed_composite(slots.into_iter().map(slot))),
		])
	}

	pub(crate) fn assigned(due_at: u128) -> Value {
		Value::named_variant("Assigned", [("due_at", Value::u128(due_at))])
	}

	pub(crate) fn committed() -> Value {
		Value::named_variant("Committed", [("commitment", Value::from_bytes([1; 32]))])
	}

	pub(crate) fn revealed(byte: u8) -> Value {
		Value::named_variant("Revealed", [("output", Value::from_bytes([byte; 32]))])
	}

	#[test]
	fn claims_are_read_from_the_slots() {
		let claims = |slots| claims_of(&open("Revealing", slots));
		assert_eq!(claims(vec![(1, committed())]).unwrap(), Claims::Hidden);
		let both = vec![(1, revealed(7)), (2, committed()), (3, revealed(7))];
		assert_eq!(claims(both).unwrap(), Claims::Revealed([7; 32]));
		let error = claims(vec![(1, revealed(7)), (2, revealed(8))]).unwrap_err();
		assert_eq!(error.kind(), Kind::Mismatch);
	}

	#[test]
	fn an_answer_counts_only_if_it_is_what_was_revealed() {
		let outcome = Outcome::Output { count: 1, data: vec![1, 2, 3, 4] };
		check_answer(&[1; 32], &outcome, Some(outcome.digest())).unwrap();
		for revealed in [None, Some([0; 32])] {
			let error = check_answer(&[1; 32], &outcome, revealed).unwrap_err();
			assert_eq!((error.kind(), error.jobs()), (Kind::Mismatch, &[[1; 32]][..]));
		}
	}
}
