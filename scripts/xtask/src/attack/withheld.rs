//! What a provider keeps back: the input from an auditor, the output from its tenant. Both demand
//! it, and it does not come.

use super::{
	bouts::{chain_with, PATIENCE},
	pool,
	report::Report,
	rig::{await_event, is_about, Rig, Story},
	trouble::Troubles,
};
use anyhow::{Context, Result};
use assay_client::{
	chain::Event,
	demand::{Demand, Item},
	encode,
	job::{self, Job},
	transfer, value, Account, Chain,
};
use assay_program::Hash;
use subxt::dynamic::Value;

/// Blocks after a deadline in which somebody's worker must have ended a demand.
const END_BLOCKS: u32 = 6;

/// The inputs of two jobs are at the provider alone, which hands out one of them; the output of a
/// third is handed out to nobody.
pub(super) async fn withheld(report: &mut Report, seed: u64) -> Result<()> {
	let (folder, spec) = chain_with(&pool::timing()).await?;
	let mut rig = Rig::start(folder.path(), &spec, 1, 3).await?;
	rig.audit().await?;
	let (kept, given) = (rig.audited_job(seed)?, rig.audited_job(seed + 1)?);
	let output = rig.job(seed + 2)?;
	let result = rig.task(&output).outcome()?.digest();
	for digest in [kept.request.input, result] {
		rig.sites[0].adversary.withhold(digest);
	}
	let poor = Account::from_suri("//Alice//poor")?;
	let least = value::number(&rig.chain().constant("Balances", "ExistentialDeposit").await?)?;
	transfer::transfer(rig.chain(), &rig.owner, &poor.id(), least).await?;
	for job in [&kept, &given] {
		rig.bring_input(job).await?;
	}

	let mut story = Story::begin(rig.chain()).await?;
	let mut sent = Vec::new();
	for job in [&kept, &given] {
		sent.push(job.send_stored(rig.chain(), &rig.tenant).await?);
	}
	sent.push(output.send(rig.chain(), &rig.tenant).await?);
	for sent in sent {
		sent.included().await?;
	}
	let jobs = [&kept, &given, &output].map(|job| job.digest).into();
	let demand = Demander {
		chain: rig.chain().clone(),
		tenant: rig.tenant.clone(),
		owner: rig.owner.clone(),
		poor: poor.id(),
		job: output.digest,
	};
	let mut quiet = Troubles::new(&[]);
	let follow = story.follow(&mut rig, &jobs, &mut quiet, PATIENCE);
	let (facts, refused) = tokio::try_join!(follow, demand.play())?;
	report.check(refused.0, &refused.1);

	let auditor = rig.sites[1].account.id();
	kept_back(&story, &kept, auditor, "input kept back", report).await?;
	kept_back(&story, &output, rig.tenant.id(), "output kept back", report).await?;
	freed(&story, &kept, report)?;
	handed_out(&story, &given, auditor, report)?;
	for (job, end) in [(&kept, "JobExpired"), (&given, "JobSettled"), (&output, "JobExpired")] {
		let found = facts.ended.get(&job.digest).map(String::as_str);
		report.equal(found, Some(end), "how the job ends");
	}
	story.audit(&rig, &facts, report).await
}

/// Who demands the output of a job; and before that somebody who cannot pay.
struct Demander {
	chain: Chain,
	tenant: Account,
	owner: Account,
	poor: Hash,
	job: Hash,
}

impl Demander {
	async fn play(self) -> Result<(bool, String)> {
		let since = self.chain.best_number().await?.saturating_sub(2);
		let is_revealed =
			|event: &Event| event.is("Jobs", "SlotRevealed") && is_about(event, &self.job);
		await_event(&self.chain, since, is_revealed).await?;
		let refused = self.unpaid().await?;
		let demand = Demand::follow(&self.chain, None, &self.job, Item::Output).await?;
		demand.send(&self.tenant).await?;
		Ok(refused)
	}

	/// A demand of an account that has nothing but what keeps it alive. Root sends it, else the fee
	/// would be too much already.
	async fn unpaid(&self) -> Result<(bool, String)> {
		let before = self.state().await?;
		let fields = [("job", encode::hash(&self.job)), ("item", encode::unit("Output"))];
		let call = Value::named_variant("demand", fields);
		let call = Value::unnamed_variant("Demands", [call]);
		let arguments = vec![("who", encode::address(&self.poor)), ("call", call)];
		let done = self.chain.submit(&self.owner, "Sudo", "sudo_as", arguments).await?;
		let outcome = value::json(&done.event("Sudo", "SudoAsDone")?.fields).to_string();
		let is_refused = outcome.contains("Err") && self.state().await? == before;
		Ok((is_refused, format!("a demand that cannot be paid changes nothing: {outcome}")))
	}

	/// What a refused demand must not change.
	async fn state(&self) -> Result<(Option<serde_json::Value>, u128, bool)> {
		let balance = transfer::balance(&self.chain, &self.poor).await?;
		let demand = self.chain.storage("Demands", "Demands", vec![encode::hash(&self.job)]);
		let is_demanded = demand.await?.is_some();
		let view = job::of(&self.chain, &self.job).await?;
		Ok((view, balance.free + balance.held, is_demanded))
	}
}

/// A demand was made, nothing came in time, and that cost the provider its pledge and the demander
/// nothing.
async fn kept_back(
	story: &Story,
	job: &Job,
	demander: Hash,
	what: &str,
	report: &mut Report,
) -> Result<()> {
	let digest = &job.digest;
	let (_, demanded) = story.one(digest, "Demands", "Demanded")?;
	let (at, withheld) = story.one(digest, "Demands", "Withheld")?;
	let (demanded, withheld) = (&demanded.fields, &withheld.fields);
	let found = value::hash_field(demanded, "demander")?;
	report.equal(found, demander, &format!("{what}: who lacks it demands it"));
	let due = value::u32_field(demanded, "due_at")?;
	report.check(
		(due + 1..=due + END_BLOCKS).contains(&at),
		&format!("{what}: due until block {due}, over in block {at}"),
	);
	report.equal(
		value::number_field(withheld, "returned")?,
		value::number_field(demanded, "prepaid")?,
		&format!("{what}: what was prepaid is returned"),
	);
	let slot = value::u64_field(demanded, "slot")?;
	let pledge =
		value::number_field(&story.one_of_slot(digest, slot, "SlotAccepted")?.fields, "pledge")?;
	let lapsed = &story.one_of_slot(digest, slot, "SlotLapsed")?.fields;
	let reason = value::variant(value::field(lapsed, "reason")?)?;
	report.equal(reason, "Withheld", &format!("{what}: the slot lapses"));
	let penalty = value::number_field(lapsed, "penalty")?;
	report.equal(penalty, pledge, &format!("{what}: the pledge is gone, {pledge}"));
	Ok(())
}

/// The auditor of a job without input has lost nothing.
fn freed(story: &Story, job: &Job, report: &mut Report) -> Result<()> {
	let (_, opened) = story.one(&job.digest, "Jobs", "AuditOpened")?;
	let slot = value::u64_field(&opened.fields, "slot")?;
	let lapsed = &story.one_of_slot(&job.digest, slot, "SlotLapsed")?.fields;
	let reason = value::variant(value::field(lapsed, "reason")?)?;
	report.equal(reason, "NotAccepted", "input kept back: the auditor is free of its duty");
	let penalty = value::number_field(lapsed, "penalty")?;
	report.equal(penalty, 0, "input kept back: its stake is whole");
	Ok(())
}

/// The auditor has demanded the input, got it from the chain, and computed the job.
fn handed_out(story: &Story, job: &Job, auditor: Hash, report: &mut Report) -> Result<()> {
	let (_, demanded) = story.one(&job.digest, "Demands", "Demanded")?;
	let found = value::hash_field(&demanded.fields, "demander")?;
	report.equal(found, auditor, "input handed out: the auditor's node demands it by itself");
	story.one(&job.digest, "Demands", "Answered")?;
	let (_, settled) = story.one(&job.digest, "Jobs", "JobSettled").context("an input on chain")?;
	let audits = value::u32_field(value::field(&settled.fields, "receipt")?, "audits")?;
	report.equal(audits, 1, "input handed out: the auditor computes what it got from the chain");
	Ok(())
}
