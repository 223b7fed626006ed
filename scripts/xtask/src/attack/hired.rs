//! Challengers without a node: accounts of no provider that challenge by signed calls, and send
//! their moves through the RPC of somebody's node. Some play, some only stand in the way.

use super::rig::Rig;
use anyhow::{Context, Result};
use assay_adversary::{
	moves::{challenge_statement, general, CallIndex, Seat},
	Cheat, Lie, Plan, Task,
};
use assay_client::{
	amount::ASY,
	chain::{Arguments, Event},
	encode, transfer, value, Account, Chain,
};
use assay_program::{Claim, Hash};
use assay_trace::{Answer, Game, Question, Side};
use codec::Decode;
use serde_json::{json, Value as Json};
use sp_io::hashing::{twox_128, twox_64};
use std::collections::BTreeMap;
use subxt::dynamic::Value;

/// What each of them has.
const FUNDS: u128 = 2_000 * ASY;
/// Most that a challenge of theirs may cost.
const BOND_MAX: u128 = 1_000 * ASY;

/// Accounts for hire.
pub(super) fn accounts(count: usize) -> Result<Vec<Account>> {
	(0..count).map(|number| Ok(Account::from_suri(&format!("//Alice//hired//{number}"))?)).collect()
}

/// Pays them what they need.
pub(super) async fn endow(rig: &Rig, hired: &[Account]) -> Result<()> {
	let mut sent = Vec::new();
	for account in hired {
		let arguments =
			vec![("dest", encode::address(&account.id())), ("value", encode::number(FUNDS))];
		let call = rig.chain().send(&rig.owner, "Balances", "transfer_keep_alive", arguments);
		sent.push(call.await?);
	}
	for sent in sent {
		sent.included().await?;
	}
	let last = hired.last().context("nobody is hired")?;
	anyhow::ensure!(transfer::balance(rig.chain(), &last.id()).await?.free == FUNDS, "no funds");
	Ok(())
}

/// The call by which an account challenges the claim of a slot, its own key playing.
fn challenge(chain: &Chain, who: &Account, job: &Hash, slot: u64, claim: &Claim) -> Arguments {
	let (genesis, id) = (chain.genesis(), who.id());
	let statement = challenge_statement(&genesis, job, slot, &id, claim, BOND_MAX);
	let claimed = match claim {
		Claim::Output { count, data } => Value::named_variant(
			"Output",
			[("count", encode::number(*count)), ("data", encode::hash(data))],
		),
		Claim::Invalid { code } => {
			Value::named_variant("Invalid", [("code", encode::number(*code))])
		},
	};
	vec![
		("slot", encode::number(slot)),
		("claim", claimed),
		("challenger", encode::hash(&id)),
		("worker", encode::hash(&id)),
		("bond_max", encode::number(BOND_MAX)),
		("signature", encode::bytes(who.sign(&statement))),
	]
}

/// Challenges a claim from all accounts at once, each with another output; nobody will play.
pub(super) async fn crowd(rig: &Rig, hired: &[Account], revealed: &Event) -> Result<usize> {
	let (slot, job) = place(revealed)?;
	let mut sent = Vec::new();
	for (number, account) in hired.iter().enumerate() {
		let claim = Claim::Output { count: 1, data: [number as u8 + 1; 32] };
		let arguments = challenge(rig.chain(), account, &job, slot, &claim);
		sent.push(rig.chain().send(account, "Disputes", "challenge", arguments).await?);
	}
	let mut taken = 0;
	for sent in sent {
		taken += usize::from(sent.included().await.is_ok());
	}
	Ok(taken)
}

fn place(revealed: &Event) -> Result<(u64, Hash)> {
	let fields = &revealed.fields;
	Ok((value::u64_field(fields, "slot")?, value::hash_field(fields, "job")?))
}

/// What a challenger that plays by hand has tried that is against the rules, by kind: how often it
/// was refused, of how many times.
pub(super) type Refusals = BTreeMap<&'static str, (u32, u32)>;

/// A challenger that plays with a trace of its own, and tries everything that it must not beside
/// each of its moves.
pub(super) struct Player {
	chain: Chain,
	account: Account,
	seat: Seat,
	cheat: Cheat,
	index: CallIndex,
	sent: u32,
	refusals: Refusals,
	last: Option<(Question, Answer)>,
}

/// Challenges a claim by hand. [`Player::step`] goes on playing.
pub(super) async fn play(
	rig: &Rig,
	account: Account,
	revealed: &Event,
	task: Task,
	seed: u64,
) -> Result<Player> {
	let ((slot, job), chain) = (place(revealed)?, rig.chain().clone());
	let plan = Plan::of(Lie::Partial, seed);
	let cheat = tokio::task::spawn_blocking(move || Cheat::new(task, &plan)).await??;
	let arguments = challenge(&chain, &account, &job, slot, &cheat.claim());
	let included = chain.submit(&account, "Disputes", "challenge", arguments).await?;
	let opened = included.event("Disputes", "GameOpened")?;
	let id = value::u64_field(&opened.fields, "game")?;
	let index = call_index(&chain, "Disputes", "answer").await?;
	let (genesis, side) = (chain.genesis(), Side::Challenger);
	let seat = Seat { genesis, id, slot, job, side };
	let (refusals, last, sent) = (Refusals::new(), None, 0);
	Ok(Player { chain, account, seat, cheat, index, sent, refusals, last })
}

/// The numbers of a call and its pallet.
pub(super) async fn call_index(chain: &Chain, pallet: &str, call: &str) -> Result<CallIndex> {
	let best = chain.best().await?;
	let metadata = best.metadata();
	let pallet = metadata.pallet_by_name(pallet).context("no such pallet")?;
	let call = pallet.call_variant_by_name(call).context("no such call")?.index;
	Ok([pallet.call_index(), call])
}

/// Hands a call that authorises itself to a node's pool. The number tells it from the same one.
pub(super) async fn send(chain: &Chain, call: &[u8], number: u32) -> Result<()> {
	chain.request("author_submitExtrinsic", &[hexed(&general(call, number))]).await?;
	Ok(())
}

impl Player {
	/// What it owes after one more block.
	pub(super) async fn step(&mut self) -> Result<()> {
		match self.game().await? {
			Some(game) if game.owes(Side::Challenger) => self.answer(&game).await,
			_ => Ok(()),
		}
	}

	/// What it has tried against the rules.
	pub(super) fn refusals(&self) -> &Refusals {
		&self.refusals
	}

	/// The game as it stands; none when it is over.
	async fn game(&self) -> Result<Option<Game>> {
		let id = self.seat.id.to_le_bytes();
		let key = [&twox_128(b"Disputes")[..], &twox_128(b"Games"), &twox_64(&id), &id].concat();
		let stored = self.chain.request("state_getStorage", &[hexed(&key)]).await?;
		let Some(text) = stored.as_str() else { return Ok(None) };
		let bytes = hex::decode(text.trim_start_matches("0x"))?;
		Ok(Some(Game::decode(&mut &bytes[..])?))
	}

	/// Sends what must be refused, and then the right move.
	async fn answer(&mut self, game: &Game) -> Result<()> {
		let question = game.question();
		let Some(answer) = self.cheat.answer(&question)? else { return Ok(()) };
		self.refused("another's side", game, &question, &answer, Side::Claimant).await?;
		let wrong = Answer::Children(vec![[7; 32]]);
		self.refused("a wrong answer", game, &question, &wrong, Side::Challenger).await?;
		let ahead = Question::Leaf { index: 0 };
		if question != ahead {
			let bytes = Answer::Bytes(vec![0; 4]);
			self.refused("a question ahead", game, &ahead, &bytes, Side::Challenger).await?;
		}
		if let Some((before, answer)) = self.last.clone().filter(|(before, _)| *before != question)
		{
			self.refused("a question that is past", game, &before, &answer, Side::Challenger)
				.await?;
		}
		let call = self.call(game, &question, &answer, self.seat.side);
		// It may be in the pool already.
		let _ = self.submit(&call).await;
		self.last = Some((question, answer));
		Ok(())
	}

	fn call(&self, game: &Game, question: &Question, answer: &Answer, side: Side) -> Vec<u8> {
		let seat = Seat { side, ..self.seat.clone() };
		let signature = self.account.sign(&seat.statement(game, question, answer));
		seat.call(self.index, question, answer, &signature)
	}

	/// Sends a move that the pool must refuse.
	async fn refused(
		&mut self,
		what: &'static str,
		game: &Game,
		question: &Question,
		answer: &Answer,
		side: Side,
	) -> Result<()> {
		let call = self.call(game, question, answer, side);
		let refused = self.submit(&call).await.is_err();
		let (count, all) = self.refusals.entry(what).or_default();
		*count += u32::from(refused);
		*all += 1;
		Ok(())
	}

	async fn submit(&mut self, call: &[u8]) -> Result<()> {
		self.sent += 1;
		send(&self.chain, call, self.sent).await
	}
}

/// As it goes through RPC.
pub(super) fn hexed(bytes: &[u8]) -> Json {
	json!(format!("0x{}", hex::encode(bytes)))
}
