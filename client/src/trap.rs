//! Traps for auditors that do not compute: planned with an executor, posted by the treasury, armed
//! at the provider's node, and submitted like any other job.

use crate::{
	account::{hex32, parse_digest, Account},
	chain::{Arguments, Chain, Included},
	encode,
	error::{mismatch, Error, Kind, Result},
	executor::Executor,
	job::Job,
	provider::parse_signature,
	value,
};
use assay_program::{
	merkle,
	traps::{self, TRAPS_MAX},
	wire::JobRequest,
	Claim, Hash,
};
use codec::Encode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subxt::dynamic::Value;

const PALLET: &str = "Traps";
/// Where nodes keep what they are armed with.
const PREFIX: &[u8] = b"assay/trap/";
/// The kind of the tenant's signature in SCALE: sr25519.
const SR25519: u8 = 1;

/// The traps of a duty period. Whoever reads one knows which jobs are traps: keep it secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
	/// What the treasury posts.
	pub root: String,
	/// The duty period in which it was posted, once it was.
	pub period: Option<u32>,
	/// The lease under which all of them are submitted.
	pub lease: u64,
	/// Each, in the order of the leaves.
	pub traps: Vec<Trap>,
}

/// A job that will be a trap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
	/// The job.
	pub request: JobRequest,
	/// Its input in hexadecimal.
	pub input: String,
	/// What makes the leaf unguessable.
	pub salt: String,
	/// What is right.
	pub claim: Claim,
	/// From the leaf to the root.
	pub path: Vec<String>,
	/// The tenant's signature over the leaf.
	pub consent: String,
}

impl Trap {
	/// The job's digest.
	pub fn job(&self) -> Hash {
		self.request.digest()
	}

	/// As a node keeps it and the chain takes it, SCALE: period, place, salt, claim, path, consent.
	fn armed(&self, period: u32, index: u32) -> Result<Vec<u8>> {
		let path: Vec<Hash> =
			self.path.iter().map(|hash| parse_digest(hash)).collect::<Result<_>>()?;
		let consent = (SR25519, parse_signature(&self.consent)?);
		Ok((period, index, parse_digest(&self.salt)?, self.claim, path, consent).encode())
	}
}

/// Plans traps: has each job computed by an executor that holds its model and is not the provider's
/// to be tested, and signs the tenant's consent. `tell` hears how many are done.
pub async fn plan(
	executor: &Executor,
	tenant: &Account,
	jobs: &[Job],
	tell: impl Fn(usize),
) -> Result<Plan> {
	let lease = jobs.first().map(|job| job.lease);
	let lease = lease.filter(|_| jobs.len() <= TRAPS_MAX as usize).ok_or_else(|| {
		Error::new(Kind::Usage, format!("a plan has 1 to {TRAPS_MAX} traps, not {}", jobs.len()))
	})?;
	let mut computed = Vec::new();
	for (done, job) in jobs.iter().enumerate() {
		tell(done);
		let claim = executor.claim(&job.request, job.input.clone()).await?;
		let mut salt = [0; 32];
		getrandom::fill(&mut salt).map_err(|e| {
			Error::new(Kind::Local, format!("the system has no randomness for a salt: {e}"))
		})?;
		computed.push((job, claim, salt));
	}
	let leaf = |(job, claim, salt): &(&Job, Claim, [u8; 32])| {
		let Job { request, digest, .. } = *job;
		traps::leaf(&request.genesis, digest, salt, claim)
	};
	let leaves: Vec<Hash> = computed.iter().map(leaf).collect();
	let finished =
		computed.iter().zip(&leaves).zip(0u32..).map(|(((job, claim, salt), leaf), index)| {
			let consent = traps::consent(&job.request.genesis, leaf);
			Trap {
				request: job.request.clone(),
				input: hex::encode(&job.input),
				salt: hex32(salt),
				claim: *claim,
				path: assay_trace::path(&leaves, index).iter().map(hex32).collect(),
				consent: format!("0x{}", hex::encode(tenant.sign(&consent))),
			}
		});
	let traps = finished.collect();
	Ok(Plan { root: hex32(&merkle::root_of(leaves)), period: None, lease, traps })
}

/// Lets a provider open so many traps of each root. The account must be the chain's root.
pub async fn license(
	chain: &Chain,
	root: &Account,
	provider: &Hash,
	allowance: u32,
) -> Result<Included> {
	let arguments =
		vec![("provider", encode::hash(provider)), ("allowance", encode::number(allowance))];
	sudo(chain, root, "license", arguments).await
}

/// Posts the root of a plan, and notes the period in it. The account must be the chain's root.
pub async fn post(chain: &Chain, root: &Account, plan: &mut Plan) -> Result<Included> {
	let count = u32::try_from(plan.traps.len()).map_err(|_| mismatch("too many traps"))?;
	let posted = encode::hash(&parse_digest(&plan.root)?);
	let arguments = vec![("root", posted), ("count", encode::number(count))];
	let included = sudo(chain, root, "post", arguments).await?;
	plan.period = Some(value::u32_field(&included.event(PALLET, "Posted")?.fields, "period")?);
	Ok(included)
}

/// Arms the provider's node with all traps of a plan that was posted. Its worker claims something
/// wrong in these jobs, and opens them in time. The node must take unsafe calls.
pub async fn arm(chain: &Chain, plan: &Plan) -> Result<()> {
	let period = plan.period.ok_or_else(|| {
		Error::new(Kind::Usage, "the plan was not posted").next("assay trap post")
	})?;
	for (trap, index) in plan.traps.iter().zip(0u32..) {
		let key = [PREFIX, &trap.job()].concat();
		let hexed = |bytes: &[u8]| json!(format!("0x{}", hex::encode(bytes)));
		let arguments = [json!("PERSISTENT"), hexed(&key), hexed(&trap.armed(period, index)?)];
		chain.request("offchain_localStorageSet", &arguments).await.map_err(|e| {
			let e = e.during(&format!("trap {index} of {}", plan.traps.len()));
			e.next("ask the provider's own node, on its own machine, or with --rpc-methods unsafe")
		})?;
	}
	Ok(())
}

impl Plan {
	/// The jobs of the plan, audited at a rate, as they are to be submitted.
	pub fn jobs(&self, value_at_risk: u128, lambda_ppb: u32) -> Result<Vec<Job>> {
		let job = |trap: &Trap| {
			let input = hex::decode(&trap.input)
				.map_err(|e| mismatch(format!("an input in the plan is no hexadecimal: {e}")))?;
			let (request, digest) = (trap.request.clone(), trap.job());
			let (lease, replicas) = (self.lease, 0);
			Ok(Job { request, digest, lease, input, value_at_risk, lambda_ppb, replicas })
		};
		self.traps.iter().map(job).collect()
	}
}

/// A call of the traps pallet as root.
async fn sudo(
	chain: &Chain,
	account: &Account,
	call: &str,
	arguments: Arguments,
) -> Result<Included> {
	let inner = Value::named_variant(call, arguments);
	let call = vec![("call", Value::unnamed_variant(PALLET, [inner]))];
	let included = chain.submit(account, "Sudo", "sudo", call).await?;
	let result = value::field(&included.event("Sudo", "Sudid")?.fields, "sudo_result")?;
	if value::variant(result)? != "Ok" {
		let said = value::json(result);
		return Err(Error::new(Kind::Refused, format!("the chain refused it: {said}")));
	}
	Ok(included)
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::Parameters;

	fn planned() -> Trap {
		Trap {
			request: JobRequest {
				genesis: [1; 32],
				program: [2; 32],
				weights: [3; 32],
				input: merkle::blob(&[7, 7]),
				parameters: Parameters::encoder(1, 2),
				tenant: [4; 32],
				nonce: 9,
			},
			input: "0707".into(),
			salt: hex32(&[5; 32]),
			claim: Claim::Output { count: 1, data: [6; 32] },
			path: vec![hex32(&[8; 32])],
			consent: format!("0x{}", "09".repeat(64)),
		}
	}

	#[test]
	fn a_trap_is_armed_as_the_chain_decodes_it() {
		let expected = [
			&3u32.to_le_bytes()[..],
			&1u32.to_le_bytes(),
			&[5; 32],
			// A claim of one step.
			&[0, 1, 0, 0, 0],
			&[6; 32],
			// One hash.
			&[4],
			&[8; 32],
			&[SR25519],
			&[9; 64],
		];
		assert_eq!(planned().armed(3, 1).unwrap(), expected.concat());
	}

	#[test]
	fn a_plan_survives_its_file_and_gives_its_jobs_back() {
		let plan = Plan { root: hex32(&[0; 32]), period: None, lease: 5, traps: vec![planned()] };
		let text = serde_json::to_string(&plan).unwrap();
		let read: Plan = serde_json::from_str(&text).unwrap();
		assert_eq!(read, plan);
		let jobs = read.jobs(7, 50_000_000).unwrap();
		assert_eq!(jobs.len(), 1);
		assert_eq!(jobs[0].digest, planned().job());
		assert_eq!(jobs[0].input, [7, 7]);
		assert_eq!((jobs[0].lease, jobs[0].value_at_risk, jobs[0].lambda_ppb), (5, 7, 50_000_000));
		let broken = Plan { traps: vec![Trap { input: "x".into(), ..planned() }], ..plan };
		assert_eq!(broken.jobs(0, 0).unwrap_err().kind(), Kind::Mismatch);
	}
}
