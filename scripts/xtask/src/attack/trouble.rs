//! What happens to a network in the middle of its games.

use super::{
	hired::{self, Player},
	rig::Rig,
};
use anyhow::{Context, Result};
use assay_client::{chain::Event, encode, provider, stake, stake::Purpose, value, Account};
use std::collections::BTreeMap;
use subxt::dynamic::Value;

/// Blocks for which jobs are paused: more than a move may take.
const PAUSED_BLOCKS: u32 = 40;
/// Bytes of one piece of spam, and pieces that are sent at a time: more than fill some blocks.
const SPAM_BYTES: usize = 128 * 1024;
const SPAM_PIECES: usize = 120;

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
			Act::Pause => pause(rig).await,
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

async fn pause(rig: &Rig) -> Result<(bool, String)> {
	let set = |paused| Value::named_variant("set_paused", [("paused", Value::bool(paused))]);
	sudo(rig, "Jobs", set(true)).await?;
	let (mut blocks, first) = (rig.chain().follow().await?, rig.chain().best_number().await?);
	while blocks.next().await?.number < first + PAUSED_BLOCKS {}
	sudo(rig, "Jobs", set(false)).await?;
	Ok((true, format!("jobs were paused for {PAUSED_BLOCKS} blocks")))
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
