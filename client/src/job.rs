//! Jobs: made, submitted, followed to their receipt.

use crate::{
	account::{hex32, Account},
	chain::{BlockEvents, Chain, Event, Follower, Sent},
	encode,
	error::{Error, Kind, Result},
	lease::Lease,
	model::Model,
	value,
};
use assay_program::{merkle, wire::JobRequest, Hash, Parameters};
use serde::Serialize;
use std::collections::BTreeMap;
use subxt::dynamic::Value;

const PALLET: &str = "Jobs";
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
		Self { request, digest, lease: lease.id, input, value_at_risk: 0 }
	}

	/// Whether the input must go to the provider beforehand.
	pub fn is_stored(&self) -> bool {
		self.input.len() > INLINE_BYTES_MAX
	}

	/// Hands it to the node's pool. A stored input must be at the provider before.
	pub async fn send(&self, chain: &Chain, account: &Account) -> Result<Sent> {
		let input = if self.is_stored() {
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
	let answer = chain.api("JobsApi", "job", vec![encode::hash(digest)]).await?;
	Ok(value::option(&answer)?.map(value::json))
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
	/// Block of the settlement.
	pub settled_at: Option<u32>,
	/// The revealed output digest.
	#[serde(serialize_with = "optional_hex")]
	pub output: Option<Hash>,
	/// The receipt, once settled.
	pub receipt: Option<serde_json::Value>,
	/// What was paid, in planck, by kind of payment.
	pub paid: BTreeMap<String, u128>,
	/// Why it ended without a result.
	pub expired: Option<serde_json::Value>,
}

fn optional_hex<S: serde::Serializer>(
	digest: &Option<Hash>,
	serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
	match digest {
		Some(digest) => serializer.serialize_some(&hex32(digest)),
		None => serializer.serialize_none(),
	}
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

	/// Adds an event of a block; says whether it was about this job.
	fn add(&mut self, block: u32, event: &Event) -> Result<()> {
		match (event.pallet.as_str(), event.name.as_str()) {
			(PALLET, "JobSubmitted") => self.submitted_at = Some(block),
			(PALLET, "SlotCommitted") => self.committed_at = Some(block),
			(PALLET, "SlotRevealed") => {
				self.revealed_at = Some(block);
				self.output = Some(value::hash_field(&event.fields, "output")?);
			},
			(PALLET, "JobSettled") => {
				self.settled_at = Some(block);
				self.receipt = Some(value::json(value::field(&event.fields, "receipt")?));
			},
			(PALLET, "JobExpired") => {
				self.expired = Some(value::json(value::field(&event.fields, "reason")?));
			},
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

/// Follows jobs to their end.
#[derive(Debug)]
pub struct Watch {
	follower: Follower,
	jobs: BTreeMap<Hash, History>,
}

impl Watch {
	/// Begins to follow `jobs`. Begin before you submit them: what happened before is not seen.
	pub async fn new(chain: &Chain, jobs: impl IntoIterator<Item = Hash>) -> Result<Self> {
		let follower = chain.follow().await?;
		Ok(Self { follower, jobs: jobs.into_iter().map(|job| (job, History::default())).collect() })
	}

	/// Follows one more.
	pub fn add(&mut self, job: Hash) {
		self.jobs.entry(job).or_default();
	}

	/// What is known.
	pub fn history(&self, job: &Hash) -> Option<&History> {
		self.jobs.get(job)
	}

	/// What is known of all.
	pub fn histories(&self) -> impl Iterator<Item = (&Hash, &History)> {
		self.jobs.iter()
	}

	/// Whether all have ended.
	pub fn is_over(&self) -> bool {
		self.jobs.values().all(History::is_over)
	}

	/// Takes in the next block; returns it with the events that are about these jobs.
	pub async fn next_block(&mut self) -> Result<BlockEvents> {
		let mut block = self.follower.next().await?;
		let jobs = &mut self.jobs;
		let mut relevant = Vec::new();
		for event in std::mem::take(&mut block.events) {
			let Ok(job) = value::hash_field(&event.fields, "job") else { continue };
			if let Some(history) = jobs.get_mut(&job) {
				history.add(block.number, &event)?;
				relevant.push(event);
			}
		}
		block.events = relevant;
		Ok(block)
	}
}

/// The error of a job that ended without a result.
pub fn expired(job: &Hash, reason: &serde_json::Value) -> Error {
	Error::new(Kind::Refused, format!("job {} ended without a result: {reason}", hex32(job)))
		.next("its money is back in the lease; submit again, or lease from another provider")
}

#[cfg(test)]
mod tests {
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

	fn job(input: Vec<u8>, nonce: u64) -> Job {
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
		let receipt = Value::named_composite([("price", Value::u128(12))]);
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
		assert_eq!(history.receipt, Some(json!({"price": 12})));
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
}
