//! Who has what: all accounts of the chain in one block, and what its events say should have
//! changed from one block to another.

use anyhow::{ensure, Context, Result};
use assay_client::{chain::Event, value, Chain};
use assay_program::Hash;
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// Where `System.Account` begins in the state: the hashes of both names.
const ACCOUNTS: &str = "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9";
/// Where `Balances.TotalIssuance` is.
const ISSUANCE: &str = "0xc2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80";
/// Most accounts that are read.
const ACCOUNTS_MAX: u32 = 1_000;
/// Bytes of an account before its free balance: a nonce and three counts of references.
const COUNTS: usize = 16;

/// All balances in one block.
#[derive(Clone, Debug)]
pub(super) struct Books {
	/// The block.
	pub(super) block: u32,
	/// Free and held funds of each account.
	wealth: BTreeMap<Hash, u128>,
	issuance: u128,
}

/// Reads a number of 16 bytes.
fn number(bytes: &[u8], at: usize) -> Result<u128> {
	let bytes = bytes.get(at..at + 16).context("a balance is too short")?;
	Ok(u128::from_le_bytes(bytes.try_into()?))
}

fn unhex(value: &Value) -> Result<Vec<u8>> {
	let text = value.as_str().context("no bytes")?;
	Ok(hex::decode(text.trim_start_matches("0x"))?)
}

impl Books {
	/// Reads them in a block of the best chain.
	pub(super) async fn read(chain: &Chain, block: u32) -> Result<Self> {
		let hash = chain.hash_at(block).await?.context("no such block")?;
		let hash = json!(format!("0x{}", hex::encode(hash)));
		let paged = [json!(ACCOUNTS), json!(ACCOUNTS_MAX), Value::Null, hash.clone()];
		let keys = chain.request("state_getKeysPaged", &paged).await?;
		let count = keys.as_array().map_or(0, Vec::len);
		ensure!(count > 0 && count < ACCOUNTS_MAX as usize, "{count} accounts");
		let sets = chain.request("state_queryStorageAt", &[keys, hash.clone()]).await?;
		let changes = sets[0]["changes"].as_array().context("no accounts")?;
		let mut wealth = BTreeMap::new();
		for pair in changes {
			let (key, info) = (unhex(&pair[0])?, unhex(&pair[1])?);
			let id = key.last_chunk::<32>().context("a short key")?;
			wealth.insert(*id, number(&info, COUNTS)? + number(&info, COUNTS + 16)?);
		}
		let issuance = chain.request("state_getStorage", &[json!(ISSUANCE), hash]).await?;
		Ok(Self { block, wealth, issuance: number(&unhex(&issuance)?, 0)? })
	}

	/// What an account has, free and held.
	pub(super) fn of(&self, who: &Hash) -> i128 {
		self.wealth.get(who).copied().unwrap_or(0).cast_signed()
	}

	/// Whether all that there is, is somebody's.
	pub(super) fn is_whole(&self) -> bool {
		self.wealth.values().sum::<u128>() == self.issuance
	}

	/// What there is less than in `before`.
	pub(super) fn burnt_since(&self, before: &Self) -> i128 {
		before.issuance.cast_signed() - self.issuance.cast_signed()
	}
}

/// What events say that each account has more or less.
#[derive(Debug, Default)]
pub(super) struct Expected {
	changes: BTreeMap<Hash, i128>,
	/// What was burnt.
	pub(super) burnt: i128,
	/// Challengers of open games, but for rivals: their slot is what they have at stake.
	challengers: BTreeMap<u64, Option<Hash>>,
	/// Who demands something of a job, and of whom.
	demands: BTreeMap<Hash, [Hash; 2]>,
}

impl Expected {
	/// What is expected of an account.
	pub(super) fn of(&self, who: &Hash) -> i128 {
		self.changes.get(who).copied().unwrap_or(0)
	}

	fn add(&mut self, who: Hash, amount: u128, sign: i128) {
		*self.changes.entry(who).or_default() += sign * amount.cast_signed();
	}

	/// Takes in what happened. All leases are of `tenant`.
	pub(super) fn take(&mut self, event: &Event, tenant: &Hash) -> Result<()> {
		let fields = &event.fields;
		let who = |name| value::hash_field(fields, name);
		let amount = |name| value::number_field(fields, name);
		match (event.pallet.as_str(), event.name.as_str()) {
			("TransactionPayment", "TransactionFeePaid") => {
				self.add(who("who")?, amount("actual_fee")?, -1);
			},
			("Leases", "Paid") => {
				self.add(*tenant, amount("amount")?, -1);
				self.add(who("to")?, amount("amount")?, 1);
			},
			("Balances", "Burned") => {
				self.burnt += amount("amount")?.cast_signed();
				self.add(who("who")?, amount("amount")?, -1);
			},
			("Jobs", "SlotConvicted") => self.add(who("party")?, amount("slashed")?, -1),
			// What a conviction takes is in the event of that.
			("ProviderStake" | "AuditStake", "Slashed")
				if value::variant(value::field(fields, "reason")?)? != "Guilty" =>
			{
				self.add(who("who")?, amount("amount")?, -1);
			},
			("Audits", "AuditPaid") => self.add(who("auditor")?, amount("paid")?, 1),
			("Demands", "Demanded") => {
				self.demands.insert(who("job")?, [who("demander")?, who("provider")?]);
				self.add(who("demander")?, amount("prepaid")?, -1);
			},
			("Demands", "ChunkDelivered") => {
				let [_, provider] = *self.demands.get(&who("job")?).context("no such demand")?;
				self.add(provider, amount("paid")?, 1);
			},
			("Demands", "Withheld") => {
				let [demander, _] = *self.demands.get(&who("job")?).context("no such demand")?;
				self.add(demander, amount("returned")?, 1);
			},
			("Disputes", "WinnerRepaid" | "WinnerRewarded") => {
				self.add(who("beneficiary")?, amount("amount")?, 1);
			},
			("Disputes", "GameOpened") => {
				let challenger = (amount("bond")? > 0).then(|| who("challenger")).transpose()?;
				self.challengers.insert(value::u64_field(fields, "game")?, challenger);
			},
			("Disputes", "GameClosed") => {
				let game = value::u64_field(fields, "game")?;
				let challenger = self.challengers.remove(&game).context("an unknown game")?;
				if let Some(challenger) = challenger {
					self.add(challenger, amount("forfeited")?, -1);
				}
			},
			_ => {},
		}
		Ok(())
	}
}
