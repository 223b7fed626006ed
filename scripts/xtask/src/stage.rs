//! The stage of demo and tests: a provider with stake, a model, an offer, a lease.

use crate::paths;
use anyhow::{Context, Result};
use assay_client::{
	account::hex32,
	amount::{self, ASY},
	chain::Included,
	executor,
	job::{self, Job},
	lease::{self, Lease, Opening, Terms},
	model,
	provider::{self, Device},
	stake::{self, Purpose},
	Account, Chain, Executor,
};
use assay_models::{input_blob, minilm, Imported};
use assay_program::merkle;
use std::path::Path;

/// What the provider bonds.
const BOND: u128 = 1_000 * ASY;
/// What the tenant puts into its lease.
pub(crate) const ESCROW: u128 = 100 * ASY;
/// Price of a compute unit.
const PRICE_PER_UNIT: u128 = ASY / 1_000;
/// The model owner's part of it.
const ROYALTY_PER_UNIT: u128 = ASY / 10_000;
/// Units per block: far more than one machine computes, so that the lease is never what waits.
const RATE_UNITS_PER_BLOCK: u64 = 1_000_000;
/// Longest lease.
const DURATION_BLOCKS: u32 = 1_200;

/// Who takes part: the accounts that the genesis of a development chain endows.
pub(crate) struct Cast {
	/// Owns the model.
	pub(crate) owner: Account,
	/// Computes.
	pub(crate) provider: Account,
	/// Pays.
	pub(crate) tenant: Account,
}

impl Cast {
	pub(crate) fn new() -> Result<Self> {
		Ok(Self {
			owner: Account::from_suri("//Alice")?,
			provider: Account::from_suri("//Bob")?,
			tenant: Account::from_suri("//Charlie")?,
		})
	}
}

/// What the provider offers.
pub(crate) struct Offered {
	/// The model.
	pub(crate) model: u32,
	/// The offer.
	pub(crate) offer: u64,
	/// What computes.
	pub(crate) backend: String,
}

/// Imports the published model, once per call: it takes a second.
pub(crate) fn import(root: &Path) -> Result<Imported> {
	minilm::import(&paths::minilm(root)).context("cannot import the model")
}

/// Makes the cast's provider one, at its own node: stake, program and weights at the executor,
/// worker key, registration, model, offer.
pub(crate) async fn provide(
	chain: &Chain,
	token_file: &Path,
	cast: &Cast,
	imported: &Imported,
	say: &dyn Fn(String),
) -> Result<Offered> {
	let status = provider::executor_status(chain).await?;
	let backend = status.capabilities["backend"].as_str().unwrap_or("unknown").to_string();
	let executor = Executor::new(&status.url, token_file)?;
	hold(&executor, imported).await?;
	say(format!(
		"the executor (backend {backend}) holds the model: program {} bytes, weights {} MB",
		imported.program_bytes.len(),
		imported.weights.len() / 1_000_000
	));
	let endpoint = status.data_url.context("the node does not say where its executor listens")?;
	let devices = executor::devices(&status.capabilities)?;
	let (model, offer) = register(chain, cast, imported, &devices, &endpoint, say).await?;
	Ok(Offered { model, offer, backend })
}

/// Brings a model to an executor.
pub(crate) async fn hold(executor: &Executor, imported: &Imported) -> Result<()> {
	executor.put_program(imported.program_bytes.clone()).await?;
	executor.put_weights(imported.weights.clone()).await?;
	Ok(())
}

/// A provider's offer for a model, on the terms of all here.
pub(crate) async fn offer(
	chain: &Chain,
	provider: &Account,
	model: u32,
) -> Result<(u64, Included)> {
	let terms = Terms {
		price_per_unit: PRICE_PER_UNIT,
		rate_units_per_block: RATE_UNITS_PER_BLOCK,
		duration_blocks_max: DURATION_BLOCKS,
		min_escrow: ASY,
		risk_factor_max: 10,
		reservation: None,
	};
	Ok(lease::create_offer(chain, provider, model, &terms).await?)
}

/// Everything of it that happens on chain; returns model and offer.
pub(crate) async fn register(
	chain: &Chain,
	cast: &Cast,
	imported: &Imported,
	devices: &[Device],
	endpoint: &str,
	say: &dyn Fn(String),
) -> Result<(u32, u64)> {
	let bonded = stake::bond(chain, &cast.provider, Purpose::Jobs, BOND).await?;
	say(format!("block {}: the provider (Bob) bonds {}", bonded.block, amount::format(BOND)));
	let key = provider::rotate_worker_key(chain, &cast.provider).await?;
	let done = provider::register(chain, &cast.provider, devices, endpoint, &key).await?;
	say(format!(
		"block {}: Bob registers as a provider at {endpoint}, worker key {}",
		done.block,
		hex32(&key.key)
	));
	let weights = merkle::blob(&imported.weights);
	let (model, done) =
		model::register(chain, &cast.owner, &imported.program_bytes, &weights, ROYALTY_PER_UNIT)
			.await?;
	say(format!(
		"block {}: Alice registers model {model}, royalty {} a unit",
		done.block,
		amount::format(ROYALTY_PER_UNIT)
	));
	let (offer, done) = offer(chain, &cast.provider, model).await?;
	say(format!(
		"block {}: Bob offers it for {} a unit (offer {offer})",
		done.block,
		amount::format(PRICE_PER_UNIT)
	));
	Ok((model, offer))
}

/// A job of the lease's tenant on these rows of tokens, with the next number.
pub(crate) async fn job(chain: &Chain, lease: &Lease, rows: &[Vec<i32>]) -> Result<Job> {
	let model = model::of(chain, lease.model).await?;
	let (input, parameters) = input_blob(rows);
	let nonce = job::next_nonce(chain, &lease.tenant).await?;
	Ok(Job::new(&chain.genesis(), lease, &model, input, parameters, nonce))
}

/// How the leases of the stage are opened.
pub(crate) fn opening(offer: u64) -> Opening {
	Opening {
		offer,
		escrow: ESCROW,
		duration_blocks: DURATION_BLOCKS,
		price_limit: PRICE_PER_UNIT,
		reservation: None,
	}
}

/// Opens the tenant's lease.
pub(crate) async fn lease(
	chain: &Chain,
	cast: &Cast,
	offer: u64,
	say: &dyn Fn(String),
) -> Result<u64> {
	let (id, done) = lease::open(chain, &cast.tenant, &opening(offer)).await?;
	say(format!(
		"block {}: the tenant (Charlie) opens lease {id} with {} in escrow",
		done.block,
		amount::format(ESCROW)
	));
	Ok(id)
}
