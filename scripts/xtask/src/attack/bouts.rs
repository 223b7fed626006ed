//! Jobs whose provider and watchers have plans, many at a time on one chain: what is claimed, who
//! disputes it, and who is found guilty.

use super::{
	hired,
	report::Report,
	rig::{submit, Facts, Rig, Story},
	trouble::{Act, Stage, Trouble, Troubles},
};
use crate::net;
use anyhow::{Context, Result};
use assay_adversary::{play, Cheat, Ending, Lie, Manner, Plan};
use assay_client::job::Job;
use assay_reference::sample::Generator;
use futures::future::try_join_all;
use serde_json::{json, Value};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tempfile::TempDir;

/// Time for all jobs and games of a chain.
pub(super) const PATIENCE: Duration = Duration::from_secs(1_200);
/// Watchers of the random games: each disputes every claim that is not its own.
const WATCHERS: usize = 5;
/// Jobs of which a node traces at the same time: more would keep each other from being answered
/// where one of them is never.
const SIDE_BY_SIDE: usize = 4;
/// Challenges that nobody defends.
const CROWD: usize = 9;

/// A job and what each party does with it: the provider, then the watchers.
pub(super) struct Bout {
	job: Job,
	plans: Vec<Plan>,
}

/// A folder, and the specification of a chain in it.
pub(super) async fn chain() -> Result<(TempDir, PathBuf)> {
	chain_with(&json!({
		"duty_period": 20,
		"accept": 40,
		"commit_base": 40,
		"window_base": 24,
		"reveal_grace": 8,
		"min_rate": 1_000,
	}))
	.await
}

/// The same with periods of its own.
pub(super) async fn chain_with(timing: &Value) -> Result<(TempDir, PathBuf)> {
	let folder = tempfile::Builder::new().prefix("assay-attack-").tempdir()?;
	let spec = folder.path().join("spec.json");
	net::write_spec(folder.path(), "dev", timing, &spec).await?;
	Ok((folder, spec))
}

/// So many games with everything about them drawn: who lies, about what, and where.
pub(super) async fn games(report: &mut Report, games: usize, seed: u64) -> Result<()> {
	let (folder, spec) = chain().await?;
	// Two liars may say the same, and then there is no game between them.
	let most = (games / WATCHERS).saturating_mul(2).max(2);
	let mut rig = Rig::start(folder.path(), &spec, WATCHERS, most).await?;
	let mut dice = Generator::new(seed);
	let (mut bouts, mut expected) = (Vec::new(), 0);
	while expected < games && bouts.len() < most {
		let number = bouts.len() as u64;
		let bout = Bout {
			job: rig.job(seed.wrapping_mul(1_000).wrapping_add(number))?,
			plans: random_plans(&mut dice),
		};
		let cheats = bout.cheats(&rig)?;
		let own = cheats.first().map(|cheat| cheat.claim().output());
		expected += cheats.iter().filter(|cheat| Some(cheat.claim().output()) != own).count();
		bouts.push(bout);
	}
	let facts = fight(&mut rig, &bouts, &[], report).await?;
	let found = facts.games.len();
	report.check(found >= games, &format!("{found} games, at least {games}"));
	Ok(())
}

impl Bout {
	/// What each party makes of the job.
	fn cheats(&self, rig: &Rig) -> Result<Vec<Cheat>> {
		let task = rig.task(&self.job);
		let cheats = self.plans.iter().map(|plan| Cheat::new(task.clone(), plan));
		cheats.collect::<Result<_>>().context("a plan that the job has no room for")
	}
}

/// Either the provider lies, and some watcher does not; or it does not, and all watchers do.
fn random_plans(dice: &mut Generator) -> Vec<Plan> {
	const LIES: [Lie; 7] = [
		Lie::Byte,
		Lie::Tokens,
		Lie::Element,
		Lie::Partial,
		Lie::EarlyStop,
		Lie::LateStep,
		Lie::Count,
	];
	let any = |dice: &mut Generator| {
		// Mostly one element: there are so many.
		let lie = match dice.below(2) {
			0 => [Lie::Element, Lie::Partial][dice.below(2) as usize],
			_ => LIES[dice.below(LIES.len() as u32) as usize],
		};
		Plan::of(lie, dice.next_u64() >> 8)
	};
	let lies = dice.below(2) == 0;
	let mut plans = vec![if lies { any(dice) } else { Plan::default() }];
	for _ in 0..WATCHERS {
		let agrees = lies && (plans.len() == 1 || dice.below(3) > 0);
		plans.push(if agrees { Plan::default() } else { any(dice) });
	}
	plans
}

/// Every lie of a provider, against an honest watcher.
pub(super) async fn lies(report: &mut Report, seed: u64) -> Result<()> {
	let plans = defended(seed).map(|plan| vec![plan, Plan::default()]).collect();
	table(report, plans, seed).await
}

/// Every lie of a watcher, about a right claim.
pub(super) async fn shams(report: &mut Report, seed: u64) -> Result<()> {
	let plans = defended(seed).map(|plan| vec![Plan::default(), plan]).collect();
	table(report, plans, seed).await
}

/// All lies about outputs that a trace can stand for.
fn defended(seed: u64) -> impl Iterator<Item = Plan> {
	let lies = Lie::ALL.into_iter().map(|(lie, _)| lie);
	lies.filter(|lie| !matches!(lie, Lie::None | Lie::Trace | Lie::Invalid))
		.map(move |lie| Plan::of(lie, seed))
}

/// A liar that answers no more from each possible question on, on either side; and one whose
/// disclosures have another shape. Each of them costs the time of a move, so a few are on a chain
/// of their own, and the chains beside each other.
pub(super) async fn silence(report: &mut Report, seed: u64) -> Result<()> {
	let manners = (0..5).map(Manner::Silent).chain([Manner::Shape]);
	let silent = |manner| Plan { lie: Lie::Partial, manner, seed };
	let claimants = manners.clone().map(|manner| vec![silent(manner), Plan::default()]);
	let challengers = manners.map(|manner| vec![Plan::default(), silent(manner)]);
	let plans: Vec<_> = claimants.chain(challengers).collect();
	let name = report.name.clone();
	let chains = plans.chunks(SIDE_BY_SIDE).map(|plans| async {
		let mut part = Report::new(&name);
		table(&mut part, plans.to_vec(), seed).await?;
		anyhow::Ok(part)
	});
	for part in try_join_all(chains).await? {
		report.add(part);
	}
	Ok(())
}

/// A chain with one watcher for a table of plans.
async fn table(report: &mut Report, plans: Vec<Vec<Plan>>, seed: u64) -> Result<()> {
	let (folder, spec) = chain().await?;
	let mut rig = Rig::start(folder.path(), &spec, 1, plans.len()).await?;
	let mut bouts = Vec::new();
	for plans in plans {
		bouts.push(Bout { job: rig.job(seed)?, plans });
	}
	fight(&mut rig, &bouts, &[], report).await?;
	Ok(())
}

/// Plays bouts, and checks who is found guilty and where every coin is.
pub(super) async fn fight(
	rig: &mut Rig,
	bouts: &[Bout],
	troubles: &[Trouble],
	report: &mut Report,
) -> Result<Facts> {
	let mut story = Story::begin(rig.chain()).await?;
	let jobs: Vec<(Job, Vec<Plan>)> =
		bouts.iter().map(|bout| (bout.job.clone(), bout.plans.clone())).collect();
	submit(rig, &jobs).await?;
	let digests = bouts.iter().map(|bout| bout.job.digest).collect();
	let mut troubles = Troubles::new(troubles);
	let facts = story.follow(rig, &digests, &mut troubles, PATIENCE).await?;
	troubles.finish();
	for (holds, what) in &troubles.notes {
		report.check(*holds, what);
	}
	report.check(troubles.left().is_empty(), &format!("{:?} never came", troubles.left()));
	for bout in bouts {
		judge(rig, bout, &facts, report)?;
	}
	story.audit(rig, &facts, report).await?;
	Ok(facts)
}

/// A few jobs with a trouble in the middle: the provider lies in the first half of them, its
/// watcher in the other.
async fn troubled(report: &mut Report, troubles: &[Trouble], jobs: u64, seed: u64) -> Result<()> {
	let (folder, spec) = chain().await?;
	let mut rig = Rig::start(folder.path(), &spec, 1, jobs as usize).await?;
	let mut bouts = Vec::new();
	for number in 0..jobs {
		let lie = Plan::of([Lie::Partial, Lie::Element][number as usize % 2], seed + number);
		let plans = match number < jobs.div_ceil(2) {
			true => vec![lie, Plan::default()],
			false => vec![Plan::default(), lie],
		};
		bouts.push(Bout { job: rig.job(seed + number)?, plans });
	}
	fight(&mut rig, &bouts, troubles, report).await?;
	Ok(())
}

/// A crowd of challenges that are not defended, around a right claim or a wrong one; and, about a
/// right one, a challenger that plays by hand.
pub(super) async fn crowd(report: &mut Report, lies: bool, seed: u64) -> Result<()> {
	let (folder, spec) = chain().await?;
	let mut rig = Rig::start(folder.path(), &spec, 1, 1).await?;
	let hired = hired::accounts(CROWD + 1)?;
	hired::endow(&rig, &hired).await?;
	rig.hired = hired;
	let lie = if lies { Plan::of(Lie::Partial, seed) } else { Plan::default() };
	let bouts = [Bout { job: rig.job(seed)?, plans: vec![lie, Plan::default()] }];
	let crowd = [(Stage::Revealed, Act::Crowd), (Stage::Revealed, Act::Play(seed + 1))];
	let troubles = if lies { &crowd[..1] } else { &crowd[..] };
	let facts = fight(&mut rig, &bouts, troubles, report).await?;
	let expected = CROWD + 1;
	report.equal(facts.games.len(), expected, "games about one claim");
	replay(&rig, &bouts[0].job, report).await
}

/// A job that is over cannot be submitted again.
async fn replay(rig: &Rig, job: &Job, report: &mut Report) -> Result<()> {
	let sent = job.send(rig.chain(), &rig.tenant).await;
	let outcome = match sent {
		Ok(sent) => sent.included().await.map(drop),
		Err(error) => Err(error),
	};
	let said = outcome.err().map(|error| error.to_string()).unwrap_or_default();
	report.check(said.contains("NonceTooLow"), &format!("replay after pruning: \"{said}\""));
	Ok(())
}

/// Every stage of a game.
const STAGES: [Stage; 6] = [
	Stage::Committed,
	Stage::Revealed,
	Stage::Opened,
	Stage::Asked(1),
	Stage::Asked(3),
	Stage::Asked(5),
];

/// Node and executor of one party are killed at every stage of its games.
pub(super) async fn restarts(report: &mut Report, site: usize, seed: u64) -> Result<()> {
	let troubles = STAGES.map(|stage| (stage, Act::Restart(site)));
	troubled(report, &troubles, 2, seed).await
}

/// Power is cut with many commitments that are not open yet.
pub(super) async fn power(report: &mut Report, seed: u64) -> Result<()> {
	troubled(report, &[(Stage::Committed, Act::Restart(0))], 20, seed).await
}

/// Jobs are paused in the middle.
pub(super) async fn paused(report: &mut Report, seed: u64) -> Result<()> {
	troubled(report, &[(Stage::Asked(1), Act::Pause)], 2, seed).await
}

/// Blocks are full in the middle.
pub(super) async fn spam(report: &mut Report, seed: u64) -> Result<()> {
	troubled(report, &[(Stage::Revealed, Act::Spam), (Stage::Asked(1), Act::Spam)], 2, seed).await
}

/// Both parties take other worker keys in the middle.
pub(super) async fn rotation(report: &mut Report, seed: u64) -> Result<()> {
	let troubles = [(Stage::Opened, Act::Rotate(0)), (Stage::Asked(1), Act::Rotate(1))];
	troubled(report, &troubles, 2, seed).await
}

/// The runtime is upgraded in the middle, while jobs are paused.
pub(super) async fn upgrade(report: &mut Report, seed: u64) -> Result<()> {
	troubled(report, &[(Stage::Asked(1), Act::Upgrade)], 2, seed).await
}

/// The provider takes out what it can and wants to be gone.
pub(super) async fn leaving(report: &mut Report, seed: u64) -> Result<()> {
	troubled(report, &[(Stage::Opened, Act::Leave)], 2, seed).await
}

/// Two parties that are both wrong in different places, a right output over a wrong trace, an input
/// that is said to be invalid.
pub(super) async fn crossed(report: &mut Report, seed: u64) -> Result<()> {
	let of = |lie, more| Plan::of(lie, seed + more);
	let pairs = [
		[of(Lie::Trace, 0), of(Lie::Byte, 0)],
		[of(Lie::Byte, 0), of(Lie::Trace, 0)],
		[of(Lie::Element, 1), of(Lie::Element, 2)],
		[of(Lie::Partial, 1), of(Lie::Element, 3)],
		[of(Lie::EarlyStop, 0), of(Lie::LateStep, 0)],
		[of(Lie::Tokens, 0), of(Lie::Count, 0)],
	];
	table(report, pairs.map(Vec::from).into(), seed).await
}

/// A party that says of a right input that it breaks a rule.
pub(super) async fn invalid(report: &mut Report, seed: u64) -> Result<()> {
	let lie = Plan { lie: Lie::Invalid, manner: Manner::Silent(0), seed };
	let plans = [[lie, Plan::default()], [Plan::default(), lie]];
	table(report, plans.map(Vec::from).into(), seed).await
}

/// Checks the games about one job, and how it ended.
fn judge(rig: &Rig, bout: &Bout, facts: &Facts, report: &mut Report) -> Result<()> {
	let cheats = bout.cheats(rig)?;
	let (claimant, watchers) = cheats.split_first().context("no provider")?;
	let (own, plans) = bout.plans.split_first().context("no provider")?;
	let mut games: BTreeMap<_, _> = facts
		.games
		.values()
		.filter(|game| game.job == bout.job.digest)
		.map(|game| (game.challenger, game))
		.collect();
	let mut falls = false;
	for ((watcher, plan), site) in watchers.iter().zip(plans).zip(&rig.sites[1..]) {
		let found = games.remove(&site.account.id());
		let what = format!("{} against {}", claimant.what(), watcher.what());
		if watcher.claim().output() == claimant.claim().output() {
			report.check(found.is_none(), &format!("{what}: they agree, no game"));
			continue;
		}
		let (guilty, by) = expected([own, plan], [claimant, watcher])?;
		falls |= guilty[0];
		let found = found.map(|game| (game.verdict.as_str(), game.reason.as_str()));
		report.equal(found, Some((verdict(guilty), by)), &what);
	}
	for account in &rig.hired {
		if let Some(game) = games.remove(&account.id()) {
			let who =
				"a challenger without a node, about a right claim or with a wrong one of its own";
			report.equal(game.verdict.as_str(), "ChallengerGuilty", who);
		}
	}
	report.check(games.is_empty(), "nobody else disputed it");
	let end = facts.ended.get(&bout.job.digest).map(String::as_str);
	let expected = if falls { "JobRefuted" } else { "JobSettled" };
	report.equal(end, Some(expected), "how the job ends");
	Ok(())
}

fn verdict(guilty: [bool; 2]) -> &'static str {
	match guilty {
		[true, false] => "ClaimantGuilty",
		[false, true] => "ChallengerGuilty",
		[true, true] => "BothGuilty",
		[false, false] => "NobodyGuilty",
	}
}

/// Who is guilty and how that is found out: by the game itself, played beforehand by two traces; by
/// the deadline where a party does not play all of it.
fn expected(plans: [&Plan; 2], cheats: [&Cheat; 2]) -> Result<([bool; 2], &'static str)> {
	let Ending { guilty, asked, is_late } = play(cheats)?;
	let leaves = |plan: &Plan| match plan.manner {
		Manner::Straight => false,
		Manner::Shape => true,
		// The last question is to either party: the other one answers it.
		Manner::Silent(from) => (from as usize) + 1 < asked.len(),
	};
	let gone = plans.map(leaves);
	match gone.contains(&true) {
		true => Ok((gone, "TimedOut")),
		false if is_late => Ok((guilty, "TimedOut")),
		false => Ok((guilty, "Refereed")),
	}
}
