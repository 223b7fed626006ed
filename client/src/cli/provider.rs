//! `assay provider`.

use super::{output::asy, Context};
use assay_client::{
	account::{address, hex32, parse_digest},
	executor,
	provider::{self, parse_signature, Device, Record, WorkerKey},
	Error, Kind, Result,
};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
	/// Show a provider; without an account, the signing one.
	Show {
		/// Address, public key in hex, or development path.
		account: Option<String>,
	},
	/// Register the signing account as a provider, at its own node.
	Register {
		/// Where tenants reach the executor. Default: what the node says of its executor.
		#[arg(long)]
		endpoint: Option<String>,
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Change endpoint, or read the devices from the node's executor again.
	Update {
		/// The new endpoint.
		#[arg(long)]
		endpoint: Option<String>,
		/// Read the devices again.
		#[arg(long)]
		devices: bool,
	},
	/// Make and register another worker key.
	RotateWorker {
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Take no new lease.
	Drain,
	/// Take leases again.
	Resume,
	/// Stop being a provider.
	Leave,
}

/// A worker key made elsewhere. Default: the node makes one.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
	/// Public key, as `assay_rotateWorkerKey` returned it.
	#[arg(long, requires = "proof")]
	worker: Option<String>,
	/// Its proof of possession.
	#[arg(long, requires = "worker")]
	proof: Option<String>,
}

impl KeyArgs {
	async fn get(&self, context: &Context) -> Result<WorkerKey> {
		match (&self.worker, &self.proof) {
			(Some(key), Some(proof)) => {
				Ok(WorkerKey { key: parse_digest(key)?, proof: parse_signature(proof)? })
			},
			_ => provider::rotate_worker_key(&context.chain, &context.account).await,
		}
	}
}

impl Provider {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let (text, included) = match self {
			Self::Show { account } => return show(context, account.as_deref()).await,
			Self::Register { endpoint, key } => return register(context, endpoint, key).await,
			Self::Update { endpoint, devices } => {
				let devices = if devices { Some(node_devices(context).await?) } else { None };
				let endpoint = endpoint.as_deref();
				let done = provider::update(chain, account, devices.as_deref(), endpoint).await?;
				("updated", done)
			},
			Self::RotateWorker { key } => {
				let key = key.get(context).await?;
				("worker key replaced", provider::rotate_worker(chain, account, &key).await?)
			},
			Self::Drain => ("draining", provider::drain(chain, account).await?),
			Self::Resume => ("resumed", provider::resume(chain, account).await?),
			Self::Leave => ("left", provider::leave(chain, account).await?),
		};
		output.included(text, &included, json!({ "action": text, "address": account.address() }));
		Ok(())
	}
}

async fn node_devices(context: &Context) -> Result<Vec<Device>> {
	let status = provider::executor_status(&context.chain).await?;
	executor::devices(&status.capabilities)
}

async fn register(context: &Context, endpoint: Option<String>, key: KeyArgs) -> Result<()> {
	let Context { chain, account, output } = context;
	let status = provider::executor_status(chain).await?;
	let endpoint = endpoint.or(status.data_url).ok_or_else(|| {
		Error::new(Kind::Usage, "the node does not say where tenants reach its executor")
			.next("name it with --endpoint http://HOST:PORT")
	})?;
	let devices = executor::devices(&status.capabilities)?;
	let key = key.get(context).await?;
	let included = provider::register(chain, account, &devices, &endpoint, &key).await?;
	let value = json!({
		"address": account.address(),
		"worker": hex32(&key.key),
		"endpoint": endpoint,
		"devices": devices,
	});
	output.included(format!("registered, reachable at {endpoint}"), &included, value);
	Ok(())
}

async fn show(context: &Context, account: Option<&str>) -> Result<()> {
	let id = context.id_or_own(account)?;
	let provider = provider::of(&context.chain, &id).await?;
	let record = provider::record(&context.chain, &id).await?;
	let mut text = match &provider {
		None => format!("{} is no provider", address(&id)),
		Some(p) => {
			let mut text = format!(
				"{}\n  worker       {}\n  endpoint     {}\n  alive        {}\n  draining     {}\n  \
				 engagements  {}",
				address(&id),
				hex32(&p.worker),
				p.endpoint,
				p.alive,
				p.draining,
				p.engagements
			);
			for device in &p.devices {
				text += &format!(
					"\n  device       {} ({}, {} MiB)",
					device.name, device.kind, device.memory_mib
				);
			}
			text
		},
	};
	if let Some(record) = &record {
		text += &record_text(record);
	}
	let value = json!({ "address": address(&id), "provider": provider, "record": record });
	context.output.result(text, &value);
	Ok(())
}

fn record_text(record: &Record) -> String {
	// As `assay job submit --audit-rate` takes it.
	let percent = |ppb: u32| f64::from(ppb) / 1e7;
	format!(
		"\n  record       {} paid, {} lapsed, {} convictions; {} tenants or more, {} lost to fees\n  \
		 audit rate   at least {} % (trust {} %)",
		record.settled,
		record.lapsed,
		record.convictions,
		record.tenants,
		asy(record.fees),
		percent(record.lambda_min_ppb),
		percent(record.trust_ppb)
	)
}
