//! What happens to a network in the middle of its games.

use super::{
	hired::{self, Player},
	rig::Rig,
};
use anyhow::{ensure, Context, Result};
use assay_client::{chain::Event, encode, provider, stake, stake::Purpose, value, Account, Chain};
use serde_json::json;
use sp_io::hashing::{blake2_256, twox_128};
use std::collections::BTreeMap;
use subxt::dynamic::Value;

/// Blocks for which jobs are paused: more than a move may take.
const PAUSED_BLOCKS: u32 = 40;
/// Bytes of one piece of spam, and pieces that are sent at a time: more than fill some blocks.
const SPAM_BYTES: usize = 128 * 1024;
const SPAM_PIECES: usize = 120;

/// Where the runtime is in the state.
const CODE: &str = "0x3a636f6465";
/// How a compressed runtime begins.
const COMPRESSED: [u8; 8] = [0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e, 0x05];
/// A frame of zstd with four bytes that mean nothing.
const SKIPPED_FRAME: [u8; 12] = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
	/// The first commitment.
	Committed,
	/// The first claim.
	Revealed,
	/// The first game.
	Opened,
	/// So many questions have followed the first ones, in all games.
	Asked(u32),
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
	/// Node and executor of a site are killed and started again.
	Restart(usize),
	/// Jobs are paused for longer than a move may take.
	Pause,
	/// The same, and another runtime is put in place meanwhile.
	Upgrade,
	/// Blocks are filled by somebody who pays for it.
	Spam,
	/// A site's provider takes another worker key.
	Rotate(usize),
	/// The provider takes out all of its bond that it can, and wants to leave.
	Leave,
	/// All hired accounts but the first challenge the first claim, and do not play.
	Crowd,
	/// The first hired account challenges the first claim, and plays by hand.
	Play(u64),
}

/// What is done when.
pub(super) type Trouble = (Stage, Act);

/// Troubles that have not come yet.
pub(super) struct Troubles {
	left: Vec<Trouble>,
	seen: BTreeMap<String, u32>,
	revealed: Option<Event>,
	playing: Vec<Player>,
	/// What came of those that are past.
	pub(super) notes: Vec<(bool, String)>,
}

impl Troubles {
	pub(super) fn new(left: &[Trouble]) -> Self {
		let (seen, notes, playing) = (BTreeMap::new(), Vec::new(), Vec::new());
		Self { left: left.to_vec(), seen, revealed: None, playing, notes }
	}

	/// Takes in what happened in a block; whether anything was done about it.
	pub(super) async fn take(&mut self, rig: &mut Rig, events: &[Event]) -> Result<bool> {
		for player in &mut self.playing {
			player.step().await?;
		}
		for event in events {
			*self.seen.entry(event.name.clone()).or_default() += 1;
			if event.is("Jobs", "SlotRevealed") && self.revealed.is_none() {
				self.revealed = Some(event.clone());
			}
		}
		let seen = |name: &str| self.seen.get(name).copied().unwrap_or(0);
		let is_due = |(stage, _): &Trouble| match stage {
			Stage::Committed => seen("SlotCommitted") > 0,
			Stage::Revealed => seen("SlotRevealed") > 0,
			Stage::Opened => seen("GameOpened") > 0,
			Stage::Asked(count) => seen("Asked") >= *count,
		};
		let (due, left) = std::mem::take(&mut self.left).into_iter().partition(is_due);
		self.left = left;
		let due: Vec<Trouble> = due;
		for (stage, act) in &due {
			println!("        {act:?} at {stage:?}");
			let note = self.perform(*act, rig).await;
			self.notes.push(note.with_context(|| format!("{act:?} at {stage:?}"))?);
		}
		Ok(!due.is_empty())
	}

	/// What was to be done and never came to it.
	pub(super) fn left(&self) -> &[Trouble] {
		&self.left
	}

	async fn perform(&mut self, act: Act, rig: &mut Rig) -> Result<(bool, String)> {
		match act {
			Act::Restart(site) => {
				rig.sites[site].restart().await?;
				Ok((true, format!("node and executor of party {site} are killed and come back")))
			},
			Act::Pause => pause(rig, None).await,
			Act::Upgrade => {
				let code = other_runtime(rig.chain()).await?;
				pause(rig, Some(code)).await
			},
			Act::Spam => spam(rig).await,
			Act::Rotate(site) => {
				let site = &rig.sites[site];
				let key = provider::rotate_worker_key(&site.chain, &site.account).await?;
				provider::rotate_worker(&site.chain, &site.account, &key).await?;
				Ok((true, "another worker key in the middle of a game".into()))
			},
			Act::Leave => leave(rig).await,
			Act::Crowd => {
				let revealed = self.revealed.as_ref().context("nothing is revealed")?;
				let crowd = rig.hired.get(1..).unwrap_or_default();
				let taken = hired::crowd(rig, crowd, revealed).await?;
				Ok((taken == crowd.len(), format!("{taken} challenges that nobody will play")))
			},
			Act::Play(seed) => {
				let revealed = self.revealed.as_ref().context("nothing is revealed")?;
				let job = rig.job_of(&value::hash_field(&revealed.fields, "job")?)?;
				let (task, account) = (rig.task(job), rig.hired.first().context("nobody")?.clone());
				self.playing.push(hired::play(rig, account, revealed, task, seed).await?);
				Ok((true, "a challenger without a node plays by hand".into()))
			},
		}
	}

	/// Notes what those who played by hand have tried against the rules.
	pub(super) fn finish(&mut self) {
		for (what, (refused, all)) in self.playing.iter().flat_map(Player::refusals) {
			let note = format!("{what}: {refused} of {all} moves are refused");
			self.notes.push((refused == all && *all > 0, note));
		}
	}
}

/// As root.
async fn sudo(rig: &Rig, pallet: &str, call: Value) -> Result<()> {
	let call = Value::unnamed_variant(pallet, [call]);
	rig.chain().submit(&rig.owner, "Sudo", "sudo", vec![("call", call)]).await?;
	Ok(())
}

/// Pauses jobs for some blocks, in which the runtime is replaced if there is another one.
async fn pause(rig: &Rig, code: Option<Vec<u8>>) -> Result<(bool, String)> {
	let set = |paused| Value::named_variant("set_paused", [("paused", Value::bool(paused))]);
	sudo(rig, "Jobs", set(true)).await?;
	let (mut blocks, first) = (rig.chain().follow().await?, rig.chain().best_number().await?);
	let (mut is_done, mut note) = (true, format!("jobs were paused for {PAUSED_BLOCKS} blocks"));
	if let Some(code) = code {
		(is_done, note) = upgrade(rig, code).await?;
	}
	while blocks.next().await?.number < first + PAUSED_BLOCKS {}
	sudo(rig, "Jobs", set(false)).await?;
	Ok((is_done, note))
}

/// A runtime that means the same and is another one to nodes, which compile it anew: its archive
/// has a frame that decompression passes over. A higher version would take a second build of it.
async fn other_runtime(chain: &Chain) -> Result<Vec<u8>> {
	let code = chain.request("state_getStorage", &[json!(CODE)]).await?;
	let code = code.as_str().context("the chain has no code")?;
	let mut code = hex::decode(code.trim_start_matches("0x"))?;
	ensure!(code.starts_with(&COMPRESSED), "the runtime is not compressed");
	code.extend(SKIPPED_FRAME);
	Ok(code)
}

/// Puts a runtime in place. The chain forgets which one it ran last, so that the next block does
/// everything that comes with an upgrade, migrations included.
async fn upgrade(rig: &Rig, code: Vec<u8>) -> Result<(bool, String)> {
	let hash = |code: &[u8]| hex::encode(blake2_256(code));
	let bytes = code.len();
	let expected = hash(&code);
	let last = [twox_128(b"System"), twox_128(b"LastRuntimeUpgrade")].concat();
	let keys = [encode::bytes(&last)];
	let forget = Value::named_variant("kill_storage", [("keys", encode::list(keys))]);
	let set = [("code", encode::bytes(code))];
	sudo(rig, "System", Value::named_variant("set_code_without_checks", set)).await?;
	sudo(rig, "System", forget).await?;
	let (mut blocks, last) = (rig.chain().follow().await?, hired::hexed(&last));
	let is_back = async {
		while rig.chain().request("state_getStorage", std::slice::from_ref(&last)).await?.is_null()
		{
			blocks.next().await?;
		}
		anyhow::Ok(())
	};
	let is_upgraded = is_back.await.is_ok();
	let found = rig.chain().request("state_getStorageHash", &[json!(CODE)]).await?;
	let is_set = found.as_str().is_some_and(|found| found.ends_with(&expected));
	Ok((is_set && is_upgraded, format!("another runtime of {bytes} bytes is in place")))
}

async fn spam(rig: &Rig) -> Result<(bool, String)> {
	let (chain, spammer) = (rig.chain(), Account::from_suri("//Ferdie")?);
	let mut taken = 0;
	for _ in 0..SPAM_PIECES {
		let remark = vec![("remark", encode::bytes(vec![0xaa; SPAM_BYTES]))];
		// The pool has bounds of its own.
		taken += usize::from(chain.send(&spammer, "System", "remark", remark).await.is_ok());
	}
	let what = format!("{taken} pieces of {SPAM_BYTES} bytes wait in the pool at once");
	Ok((taken > SPAM_PIECES / 2, what))
}

async fn leave(rig: &Rig) -> Result<(bool, String)> {
	let site = &rig.sites[0];
	let bond = stake::of(&site.chain, Purpose::Jobs, &site.account.id()).await?;
	let bond = bond.context("the provider has no bond")?;
	let all = stake::unbond(&site.chain, &site.account, Purpose::Jobs, bond.active).await;
	stake::unbond(&site.chain, &site.account, Purpose::Jobs, bond.free).await?;
	let gone = provider::leave(&site.chain, &site.account).await;
	let what = format!(
		"the provider cannot take out what is pledged ({}) nor leave ({}), all else is unbonding",
		all.as_ref().err().map(ToString::to_string).unwrap_or_default(),
		gone.as_ref().err().map(ToString::to_string).unwrap_or_default(),
	);
	Ok((all.is_err() && gone.is_err(), what))
}
