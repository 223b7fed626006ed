//! `assay lease`.

use super::{output::asy, Context};
use assay_client::{
	account::{address, parse_id},
	amount,
	lease::{self, Offer, Opening, Reservation, ReservationTerms, Terms},
	Error, Kind, Result,
};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
	/// Offers of a provider.
	Offers {
		/// Address, public key in hex, or development path. Default: the signing account.
		#[arg(long)]
		provider: Option<String>,
	},
	/// Put up an offer, as a provider.
	Offer {
		/// The model to run.
		#[arg(long)]
		model: u32,
		#[command(flatten)]
		terms: TermsArgs,
	},
	/// Change an offer's terms for later leases.
	UpdateOffer {
		/// The offer.
		offer: u64,
		#[command(flatten)]
		terms: TermsArgs,
	},
	/// Withdraw an offer.
	CloseOffer {
		/// The offer.
		offer: u64,
	},
	/// Open a lease, as a tenant.
	Open(Open),
	/// Add to a lease's escrow.
	TopUp {
		/// The lease.
		lease: u64,
		/// How much, in ASY.
		amount: String,
	},
	/// Pay what a lease owes for its reserved rate; of one that is overdrawn, end it and earn a fee.
	Settle {
		/// The lease.
		lease: u64,
	},
	/// End a lease; what no job has earned comes back.
	Close {
		/// The lease.
		lease: u64,
	},
	/// Show a lease.
	Show {
		/// The lease.
		lease: u64,
	},
	/// List the leases of an account, as a tenant and as a provider.
	List {
		/// Address, public key in hex, or development path. Default: the signing account.
		account: Option<String>,
	},
}

#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
	/// ASY per compute unit, the model's royalty included.
	#[arg(long)]
	price: String,
	/// Compute units per block that each lease may spend.
	#[arg(long, default_value_t = 10_000)]
	rate: u64,
	/// Longest lease, in blocks.
	#[arg(long, default_value_t = 28_800)]
	duration: u32,
	/// Smallest escrow, in ASY.
	#[arg(long, default_value = "1")]
	min_escrow: String,
	/// How many times its price a job may put at risk: the bond that one job can lock.
	#[arg(long, default_value_t = 10)]
	risk_factor: u32,
	/// ASY per block for keeping the whole rate free for a lease that reserves it.
	#[arg(long, requires = "reserve_capacity")]
	reserve_price: Option<String>,
	/// Compute units per block that leases may reserve in all.
	#[arg(long, requires = "reserve_price")]
	reserve_capacity: Option<u64>,
}

impl TermsArgs {
	fn terms(&self) -> Result<Terms> {
		Ok(Terms {
			price_per_unit: amount::parse(&self.price)?,
			rate_units_per_block: self.rate,
			duration_blocks_max: self.duration,
			min_escrow: amount::parse(&self.min_escrow)?,
			risk_factor_max: self.risk_factor,
			reservation: match (&self.reserve_price, self.reserve_capacity) {
				(Some(price), Some(capacity_units_per_block)) => Some(ReservationTerms {
					price_per_block: amount::parse(price)?,
					capacity_units_per_block,
				}),
				_ => None,
			},
		})
	}
}

#[derive(Debug, Args)]
pub(crate) struct Open {
	/// The offer.
	#[arg(long)]
	offer: u64,
	/// Escrow, in ASY. Default: the offer's smallest, and what a reserved rate sets aside.
	#[arg(long)]
	escrow: Option<String>,
	/// How long, in blocks. Default: the offer's longest.
	#[arg(long)]
	duration: Option<u32>,
	/// Refuse a higher price per unit, in ASY. Default: the offer's present one.
	#[arg(long)]
	price_limit: Option<String>,
	/// Compute units per block that the provider is to keep free, paid by the block, used or not.
	#[arg(long)]
	reserve_rate: Option<u64>,
	/// Refuse a higher price per block of these, in ASY. Default: the offer's present one.
	#[arg(long, requires = "reserve_rate")]
	reserve_limit: Option<String>,
}

impl Open {
	async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let offer = lease::offer(chain, self.offer).await?.ok_or_else(|| {
			Error::new(Kind::Refused, format!("there is no offer {}, or it is closed", self.offer))
				.next("list a provider's with `assay lease offers --provider ADDRESS`")
		})?;
		let amount = |text: Option<&str>, default| text.map_or(Ok(default), amount::parse);
		let reservation = self.reservation(&offer)?;
		let set_aside = match reservation {
			Some(_) => lease::overdraft_fee(chain).await?,
			None => 0,
		};
		let smallest = offer.terms.min_escrow.saturating_add(set_aside);
		let escrow = amount(self.escrow.as_deref(), smallest)?;
		let opening = Opening {
			offer: offer.id,
			escrow,
			duration_blocks: self.duration.unwrap_or(offer.terms.duration_blocks_max),
			price_limit: amount(self.price_limit.as_deref(), offer.terms.price_per_unit)?,
			reservation,
		};
		let (id, included) = lease::open(chain, account, &opening).await?;
		let value = json!({
			"lease": id,
			"offer": offer.id,
			"provider": address(&offer.provider),
			"model": offer.model,
			"escrow": escrow.to_string(),
			"reserved_units_per_block": reservation.map(|it| it.rate_units_per_block),
		});
		let reserved = reservation.map_or_else(String::new, |it| {
			let (rate, price) = (it.rate_units_per_block, asy(it.price_per_block));
			format!(", {rate} units a block reserved for at most {price} a block")
		});
		let text = format!("lease {id} is open with {}{reserved}", asy(escrow));
		output.included(text, &included, value);
		Ok(())
	}

	/// What is to be reserved of an offer, and for how much at most.
	fn reservation(&self, offer: &Offer) -> Result<Option<Reservation>> {
		let Some(rate_units_per_block) = self.reserve_rate else { return Ok(None) };
		let price = offer.terms.price_of(rate_units_per_block).ok_or_else(|| {
			let text = match offer.terms.reservation {
				None => format!("offer {} sells no reserved rate", offer.id),
				Some(_) => format!(
					"offer {} has {} units a block for a lease",
					offer.id, offer.terms.rate_units_per_block
				),
			};
			Error::new(Kind::Refused, text).next(
				"see what a provider offers with `assay lease offers --provider ADDRESS`, or \
				 reserve less",
			)
		})?;
		let price_per_block = self.reserve_limit.as_deref().map_or(Ok(price), amount::parse)?;
		Ok(Some(Reservation { rate_units_per_block, price_per_block }))
	}
}

impl Lease {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let (text, included, value) = match self {
			Self::Offers { provider } => return offers(context, provider.as_deref()).await,
			Self::Open(open) => return open.run(context).await,
			Self::Show { lease } => return show(context, lease).await,
			Self::List { account } => return list(context, account.as_deref()).await,
			Self::Offer { model, terms } => {
				let (id, done) =
					lease::create_offer(chain, account, model, &terms.terms()?).await?;
				(format!("offer {id} is up"), done, json!({ "offer": id, "model": model }))
			},
			Self::UpdateOffer { offer, terms } => {
				let done = lease::update_offer(chain, account, offer, &terms.terms()?).await?;
				(format!("offer {offer} has new terms"), done, json!({ "offer": offer }))
			},
			Self::CloseOffer { offer } => {
				let done = lease::close_offer(chain, account, offer).await?;
				(format!("offer {offer} is withdrawn"), done, json!({ "offer": offer }))
			},
			Self::TopUp { lease, amount } => {
				let amount = amount::parse(&amount)?;
				let done = lease::top_up(chain, account, lease, amount).await?;
				let value = json!({ "lease": lease, "amount": amount.to_string() });
				(format!("added {} to lease {lease}", asy(amount)), done, value)
			},
			Self::Settle { lease } => {
				let (earned, done) = lease::settle_reservation(chain, account, lease).await?;
				let text = match earned {
					Some(fee) => format!("lease {lease} was overdrawn; you earned {}", asy(fee)),
					None => format!("lease {lease} has paid for its reserved rate"),
				};
				let earned = earned.map(|fee| fee.to_string());
				(text, done, json!({ "lease": lease, "earned": earned }))
			},
			Self::Close { lease } => {
				let done = lease::close(chain, account, lease).await?;
				(format!("lease {lease} is ending"), done, json!({ "lease": lease }))
			},
		};
		output.included(text, &included, value);
		Ok(())
	}
}

async fn offers(context: &Context, provider: Option<&str>) -> Result<()> {
	let id = match provider {
		Some(text) => parse_id(text)?,
		None => context.account.id(),
	};
	let offers = lease::offers_of(&context.chain, &id).await?;
	let reservable = |o: &Offer| {
		o.terms.reservation.map_or_else(String::new, |it| {
			format!(
				"  reserves for {} a block, {} of {} units a block taken",
				asy(it.price_per_block),
				o.reserved_units_per_block,
				it.capacity_units_per_block
			)
		})
	};
	let line = |o: &Offer| {
		format!(
			"offer {}  model {}  {} a unit  {} units a block  at most {} blocks  escrow from {}  \
			 risk at most {} times the price{}",
			o.id,
			o.model,
			asy(o.terms.price_per_unit),
			o.terms.rate_units_per_block,
			o.terms.duration_blocks_max,
			asy(o.terms.min_escrow),
			o.terms.risk_factor_max,
			reservable(o)
		)
	};
	let text = match offers.as_slice() {
		[] => format!("{} has no offer", address(&id)),
		offers => offers.iter().map(line).collect::<Vec<_>>().join("\n"),
	};
	context.output.result(text, &json!({ "offers": offers }));
	Ok(())
}

fn line(lease: &lease::Lease) -> String {
	format!(
		"lease {}  model {}  {} a unit  tenant {}  provider {}  {}",
		lease.id,
		lease.model,
		asy(lease.price_per_unit),
		address(&lease.tenant),
		address(&lease.provider),
		if lease.open { "open" } else { "closing" }
	)
}

async fn show(context: &Context, id: u64) -> Result<()> {
	let lease = lease::of(&context.chain, id).await?;
	let mut text = format!(
		"{}\n  free      {}\n  reserved  {}\n  ends after block {}",
		line(&lease),
		asy(lease.free),
		asy(lease.reserved),
		lease.expires_at
	);
	if let Some(reservation) = lease.reservation {
		text += &format!(
			"\n  keeps     {} units a block free for {} a block\n  due       {}",
			reservation.rate_units_per_block,
			asy(reservation.price_per_block),
			asy(lease.due)
		);
	}
	if lease.is_overdrawn {
		text += &format!("\n  overdrawn: whoever sends `assay lease settle {id}` earns a fee");
	}
	context.output.result(text, &json!(lease));
	Ok(())
}

async fn list(context: &Context, account: Option<&str>) -> Result<()> {
	let id = context.id_or_own(account)?;
	let tenant = lease::leases_of(&context.chain, &id).await?;
	let provider = lease::leases_of_provider(&context.chain, &id).await?;
	let lines: Vec<_> = tenant.iter().chain(&provider).map(line).collect();
	let text =
		if lines.is_empty() { format!("{} has no lease", address(&id)) } else { lines.join("\n") };
	context.output.result(text, &json!({ "as_tenant": tenant, "as_provider": provider }));
	Ok(())
}
