//! What auditors do that they must not: nothing after their notice, another's commitment, another's
//! reveal, another lie than the provider's.

use super::{
	bouts::{chain_with, PATIENCE},
	hired::{call_index, send},
	pool,
	report::Report,
	rig::{await_event, is_about, submit, Facts, Rig, Story},
	trouble::Troubles,
};
use anyhow::{Context, Result};
use assay_adversary::{
	moves::{commit_statement, CallIndex, Reveal},
	Lie, Plan,
};
use assay_client::{chain::Event, job::Job, value, Account, Chain};
use assay_program::Hash;
use codec::{Decode, Encode};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// How often a pool is looked into: often enough to see what waits for the next block.
const LOOK: Duration = Duration::from_millis(200);

/// An auditor that is not honest, and a watcher that is: of one job the auditor gives notice and
/// does nothing else, for another it commits what the provider has committed, of the third it
/// claims something else than the provider, and both are wrong.
pub(super) async fn auditors(report: &mut Report, seed: u64) -> Result<()> {
	let (folder, spec) = chain_with(&pool::timing()).await?;
	let mut rig = Rig::start(folder.path(), &spec, 2, 3).await?;
	rig.audit().await?;
	let [silent, copied, three] =
		[rig.audited_job(seed)?, rig.audited_job(seed + 1)?, rig.audited_job(seed + 2)?];
	for job in [&silent, &copied] {
		rig.sites[1].adversary.stall(job.digest);
	}
	let honest = || vec![Plan::default(); 3];
	let lies =
		vec![Plan::of(Lie::Element, seed), Plan::of(Lie::Partial, seed + 1), Plan::default()];
	let jobs =
		[(silent.clone(), honest()), (copied.clone(), honest()), (three.clone(), lies.clone())];
	let copier = Copier::new(&rig, &copied.digest).await?;
	let mut story = Story::begin(rig.chain()).await?;
	submit(&rig, &jobs).await?;
	let digests: BTreeSet<Hash> = jobs.iter().map(|(job, _)| job.digest).collect();
	let mut quiet = Troubles::new(&[]);
	let follow = story.follow(&mut rig, &digests, &mut quiet, PATIENCE);
	let copy = async {
		let copied = tokio::time::timeout(PATIENCE, copier.copy()).await;
		copied.context("the copier did not come to an end")?
	};
	let (facts, notes) = tokio::try_join!(follow, copy)?;
	for (holds, what) in notes {
		report.check(holds, &what);
	}
	lost_pledge(&story, &silent, "NotCommitted", report)?;
	lost_pledge(&story, &copied, "NotRevealed", report)?;
	for job in [&silent, &copied] {
		let (_, settled) = story.one(&job.digest, "Jobs", "JobSettled")?;
		let audits = value::u32_field(value::field(&settled.fields, "receipt")?, "audits")?;
		report.equal(audits, 0, "no audit is on the receipt");
	}
	three_claims(&rig, &story, &facts, &three, report)?;
	story.audit(&rig, &facts, report).await
}

/// The auditor has given notice of a job, and its slot lapses at the price of all its pledge.
fn lost_pledge(story: &Story, job: &Job, reason: &str, report: &mut Report) -> Result<()> {
	let (_, opened) = story.one(&job.digest, "Jobs", "AuditOpened")?;
	let slot = value::u64_field(&opened.fields, "slot")?;
	let pledge = value::number_field(&opened.fields, "pledge")?;
	let lapsed = &story.one_of_slot(&job.digest, slot, "SlotLapsed")?.fields;
	let found = value::variant(value::field(lapsed, "reason")?)?;
	report.equal(found, reason, "a notice is given, and the slot lapses");
	let penalty = value::number_field(lapsed, "penalty")?;
	report.equal(penalty, pledge, &format!("{reason}: the audit pledge is gone, {pledge}"));
	Ok(())
}

/// Three claims of one job: each pair is a game, and both that are wrong fall.
fn three_claims(
	rig: &Rig,
	story: &Story,
	facts: &Facts,
	job: &Job,
	report: &mut Report,
) -> Result<()> {
	let digest = &job.digest;
	let games = facts.games.values().filter(|game| game.job == *digest).count();
	report.equal(games, 3, "games between three claims of one job");
	let convicted: BTreeSet<Hash> = story
		.about(digest, "Jobs", "SlotConvicted")
		.map(|(_, event)| value::hash_field(&event.fields, "party"))
		.collect::<Result<_, _>>()?;
	let liars = [0, 1].map(|site| rig.sites[site].account.id());
	report.equal(convicted, liars.into(), "both liars are convicted, and nobody else");
	report.equal(
		facts.ended.get(digest).map(String::as_str),
		Some("JobRefuted"),
		"how the job of three claims ends",
	);
	Ok(())
}

/// An auditor that commits what the provider has committed, and then tries to open it.
struct Copier {
	chain: Chain,
	/// Its own node.
	own: Chain,
	key: Account,
	/// The provider's worker key, to ask for what its node would not send.
	their_key: Account,
	job: Hash,
	since: u32,
	commit: CallIndex,
	reveal: CallIndex,
}

impl Copier {
	async fn new(rig: &Rig, job: &Hash) -> Result<Self> {
		let (chain, site) = (rig.chain().clone(), &rig.sites[1]);
		let since = chain.best_number().await?;
		let commit = call_index(&chain, "Jobs", "commit").await?;
		let reveal = call_index(&chain, "Jobs", "reveal").await?;
		let (key, own, job) = (site.worker_key()?, site.chain.clone(), *job);
		let their_key = rig.sites[0].worker_key()?;
		Ok(Self { chain, own, key, their_key, job, since, commit, reveal })
	}

	async fn event(&self, name: &str, slot: Option<u64>) -> Result<Event> {
		let is_of =
			|event: &Event| slot.is_none() || value::u64_field(&event.fields, "slot").ok() == slot;
		let job = &self.job;
		await_event(&self.chain, self.since, |event| {
			event.is("Jobs", name) && is_about(event, job) && is_of(event)
		})
		.await
	}

	async fn copy(self) -> Result<Vec<(bool, String)>> {
		let genesis = self.chain.genesis();
		let submitted = self.event("JobSubmitted", None).await?;
		let theirs = value::u64_field(&submitted.fields, "slot")?;
		let committed = self.event("SlotCommitted", Some(theirs)).await?;
		let commitment = value::hash_field(&committed.fields, "commitment")?;
		let opened = self.event("AuditOpened", None).await?;
		let own = value::u64_field(&opened.fields, "slot")?;

		let statement = commit_statement(&genesis, &self.job, own, &commitment);
		let call = (self.commit, own, commitment, self.key.sign(&statement)).encode();
		send(&self.chain, &call, 1).await.context("the copied commitment")?;
		let copied = self.event("SlotCommitted", Some(own)).await?;
		let is_same = value::hash_field(&copied.fields, "commitment")? == commitment;
		let mut notes =
			vec![(is_same, "the provider's commitment is committed a second time".into())];

		let reveal = self.waiting(theirs).await?;
		let moved = Reveal { slot: own, ..reveal.clone() };
		let statement = moved.statement(&genesis, &self.job);
		let signed = Reveal { signature: self.key.sign(&statement), ..moved.clone() };
		let elsewhere = Reveal { anchor: (reveal.anchor.0, [7; 32]), ..reveal.clone() };
		let statement = elsewhere.statement(&genesis, &self.job);
		let forked = Reveal { signature: self.their_key.sign(&statement), ..elsewhere };
		let tries = [
			(moved, "the provider's reveal, copied from the pool to another slot"),
			(signed, "the same, signed anew"),
			(forked, "a reveal that rests on another fork's block, signed by the provider"),
		];
		for (number, (copy, what)) in (2..).zip(tries) {
			let said = send(&self.chain, &(self.reveal, copy).encode(), number).await.err();
			let said = said.map(|error| error.to_string()).unwrap_or_default();
			notes.push((!said.is_empty(), format!("{what}: \"{said}\"")));
		}
		// At another node, which may have it already: there is no second one of it.
		let again = (self.reveal, &reveal).encode();
		let is_taken = send(&self.own, &again, 5).await.is_ok();
		self.event("SlotRevealed", Some(theirs)).await?;
		let is_over = send(&self.own, &again, 6).await.is_err();
		let what = format!("whoever carries a reveal (taken: {is_taken}) helps who has signed it");
		notes.push((is_over, what));
		Ok(notes)
	}

	/// The reveal of a slot, while it waits in the provider's pool.
	async fn waiting(&self, slot: u64) -> Result<Reveal> {
		let head = (self.reveal, slot).encode();
		loop {
			let pending = self.chain.request("author_pendingExtrinsics", &[]).await?;
			for extrinsic in pending.as_array().into_iter().flatten().filter_map(Value::as_str) {
				let bytes = hex::decode(extrinsic.trim_start_matches("0x"))?;
				if let Some(start) = bytes.windows(head.len()).position(|part| part == head) {
					return Ok(Reveal::decode(&mut &bytes[start + self.reveal.len()..])?);
				}
			}
			tokio::time::sleep(LOOK).await;
		}
	}
}
