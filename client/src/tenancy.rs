//! What a tenant works with under one lease, and its jobs from submission to receipt: the part
//! that [`embed`](crate::embed) and [`chat`](crate::chat) share.

use crate::{
	account::Account,
	chain::{Chain, Sent},
	data::DataClient,
	deadline::Deadline,
	error::{mismatch, Error, Kind, Result},
	job::{self, History, Job, Watch},
	lease::{self, Lease},
	model::{self, Model},
	provider,
};
use assay_program::{Hash, Outcome, Parameters, Program};
use futures::future::{join, join_all};
use std::{
	cell::RefCell,
	collections::BTreeMap,
	sync::{
		atomic::{AtomicU64, Ordering::Relaxed},
		Arc,
	},
};
use tokio::sync::{oneshot, Notify};

/// Blocks without a word on chain after which a job of a provider that does not answer is given up.
const QUIET_BLOCKS_MAX: u32 = 60;

/// What happens on the way, for whoever shows progress.
#[derive(Clone, Debug)]
pub enum Step {
	/// A job is in a block.
	Submitted(Hash),
	/// The provider's answer is here, before the chain has it.
	Answered(Hash),
	/// Something happened on chain.
	Block {
		/// The block.
		number: u32,
		/// Jobs that are revealed.
		revealed: usize,
		/// Jobs that are settled.
		settled: usize,
	},
}

/// How far jobs are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
	/// To the provider's answer, checked for what can be checked by then: it is whole, and has the
	/// digest that the provider says it will claim. The chain has not spoken.
	Answered,
	/// To the receipt in a final block.
	Final,
}

/// What became of a job.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
	/// The answer, if it is what the provider revealed on chain, as far as the job was followed.
	pub(crate) result: Result<Outcome>,
	/// What happened to the job.
	pub(crate) history: History,
}

/// A lease, and what jobs under it need.
#[derive(Clone, Debug)]
pub(crate) struct Tenancy {
	pub(crate) chain: Chain,
	pub(crate) account: Account,
	pub(crate) lease: Lease,
	pub(crate) model: Model,
	pub(crate) program: Program,
	pub(crate) data: DataClient,
	/// The least number of the next job. The best block may be one that does not have the job of a
	/// moment ago, or not any more.
	next_nonce: Arc<AtomicU64>,
}

impl Tenancy {
	/// Looks up lease, model, program and provider. Without a lease id, the newest open lease of
	/// the account whose program fits. Also what `fits` reads from the program.
	pub(crate) async fn new<T>(
		chain: &Chain,
		account: &Account,
		lease: Option<u64>,
		fits: impl Fn(&Program) -> Result<T>,
	) -> Result<(Self, T)> {
		let (lease, model, program, read) = match lease {
			Some(id) => {
				let lease = lease::of(chain, id).await?;
				check_owner(&lease, account)?;
				let (model, program) = model_of(chain, &lease).await?;
				let read = fits(&program)?;
				(lease, model, program, read)
			},
			None => newest_fitting(chain, account, fits).await?,
		};
		let provider = provider::of(chain, &lease.provider).await?.ok_or_else(|| {
			Error::new(Kind::Refused, "the lease's provider is not registered any more")
				.next("open a lease with another one")
		})?;
		let data = DataClient::new(chain, account, &provider.endpoint)?;
		let (chain, account, next_nonce) = (chain.clone(), account.clone(), Arc::default());
		Ok((Self { chain, account, lease, model, program, data, next_nonce }, read))
	}

	/// Jobs of inputs, with the next numbers of the account: those after the ones of its last job
	/// here, whatever the chain has of it.
	pub(crate) async fn jobs(&self, inputs: Vec<(Vec<u8>, Parameters)>) -> Result<Vec<Job>> {
		let genesis = self.chain.genesis();
		let on_chain = job::next_nonce(&self.chain, &self.account.id()).await?;
		let first = take_nonces(&self.next_nonce, on_chain, inputs.len() as u64);
		let job = |(nonce, (input, parameters))| {
			Job::new(&genesis, &self.lease, &self.model, input, parameters, nonce)
		};
		Ok((first..).zip(inputs).map(job).collect())
	}

	/// Runs jobs, not more than the lease and the provider take at once. `ask` fetches the answer
	/// to a job from the provider, which the chain's reveal is compared with; every job is followed
	/// as far as `until` says. What fails for one job leaves the others alone.
	pub(crate) async fn run(
		&self,
		jobs: &[Job],
		until: Until,
		ask: impl AsyncFn(&Job) -> Result<Outcome>,
		tell: impl Fn(Step),
	) -> Result<Vec<Ended>> {
		let since = self.chain.best_number().await?;
		let watch = Watch::new(&self.chain, jobs.iter().map(|job| job.digest)).await?;
		let mut course = Course::new(&self.chain, watch, since);
		let mut sent = Vec::new();
		let mut asked = Vec::new();
		for job in jobs {
			sent.push(self.send(job).await);
			let (asking, stopped) = oneshot::channel();
			course.asking.insert(job.digest, asking);
			asked.push((job, stopped));
		}
		let (heard, answered) = (RefCell::new(Heard::default()), Notify::new());
		// Asking begins before the jobs are in a block: the provider holds the requests.
		let answers = join_all(asked.into_iter().map(|(job, stopped)| {
			let (ask, tell, heard) = (&ask, &tell, &heard);
			async move {
				tokio::select! {
					outcome = ask(job) => {
						heard.borrow_mut().add(job.digest, &outcome);
						if outcome.is_ok() {
							tell(Step::Answered(job.digest));
						}
						Some(outcome)
					},
					_ = stopped => None,
				}
			}
		}));
		let answers = async {
			let answers = answers.await;
			answered.notify_one();
			answers
		};
		let follow = async {
			include(&mut course, jobs, sent, &tell).await;
			tokio::select! {
				() = follow(&mut course, &heard, &tell) => {},
				() = answered.notified(), if until == Until::Answered => {},
			}
		};
		let (answers, ()) = join(answers, follow).await;
		let ended = jobs.iter().zip(answers).map(|(job, answer)| {
			let failed = course.failed.get(&job.digest);
			let history = course.history(&job.digest);
			let result = match failed {
				Some(error) => Err(error.clone()),
				None => conclude(job, answer, &history, until),
			};
			Ended { result: result.map_err(|error| self.advise(error, job, since)), history }
		});
		Ok(ended.collect())
	}

	async fn send(&self, job: &Job) -> Result<Sent> {
		if job.is_stored() {
			self.data.put_input(&job.request.input, &job.input).await?;
		}
		job.send(&self.chain, &self.account).await
	}

	/// Names the job of an error, and how to go on where the job may do so by itself.
	fn advise(&self, error: Error, job: &Job, since: u32) -> Error {
		let error = error.about(job.digest);
		let is_advised = error.next_step().is_some_and(|step| step.contains("assay job finish"));
		if is_advised || !matches!(error.kind(), Kind::Unreachable | Kind::Late) {
			return error;
		}
		error.next(format!(
			"a job that is submitted goes on: follow it with `assay job wait JOB --since \
			 {since}`, and fetch its output with `assay job output JOB --lease {} --since {since} \
			 --to FILE`; if its provider stays silent, end it with `assay job finish JOB`",
			self.lease.id
		))
	}
}

/// The first of `count` numbers that were neither on chain nor taken before.
fn take_nonces(next: &AtomicU64, on_chain: u64, count: u64) -> u64 {
	// The update always takes place, and what it returns is the value before it.
	let take = |next: u64| Some(next.max(on_chain).saturating_add(count));
	next.fetch_update(Relaxed, Relaxed, take).unwrap_or_else(|next| next).max(on_chain)
}

fn check_owner(lease: &Lease, account: &Account) -> Result<()> {
	if lease.tenant == account.id() {
		return Ok(());
	}
	Err(Error::new(Kind::Refused, format!("lease {} is not yours", lease.id))
		.next("list yours with `assay lease list`"))
}

async fn model_of(chain: &Chain, lease: &Lease) -> Result<(Model, Program)> {
	let model = model::of(chain, lease.model).await?;
	let program = model::program(chain, &model.program).await?;
	Ok((model, program))
}

/// The newest open lease whose program fits; where none does, why the newest one's does not.
async fn newest_fitting<T>(
	chain: &Chain,
	account: &Account,
	fits: impl Fn(&Program) -> Result<T>,
) -> Result<(Lease, Model, Program, T)> {
	let mut leases = lease::leases_of(chain, &account.id()).await?;
	leases.retain(|lease| lease.open);
	leases.sort_by_key(|lease| std::cmp::Reverse(lease.id));
	let mut first = None;
	// Many leases may be of one model, which is looked at once.
	let mut unfit = Vec::new();
	for lease in leases {
		if unfit.contains(&lease.model) {
			continue;
		}
		let fitting = model_of(chain, &lease).await.and_then(|(model, program)| {
			let read = fits(&program)?;
			Ok((model, program, read))
		});
		match fitting {
			Ok((model, program, read)) => return Ok((lease, model, program, read)),
			Err(error) if error.kind() == Kind::Unreachable => return Err(error),
			Err(error) => {
				unfit.push(lease.model);
				first.get_or_insert(error);
			},
		}
	}
	Err(first.unwrap_or_else(|| {
		Error::new(Kind::Refused, format!("{} has no open lease", account.address())).next(
			"find an offer with `assay lease offers --provider ADDRESS` and open one with `assay \
			 lease open --offer ID`",
		)
	}))
}

/// Jobs that are on the way.
struct Course {
	chain: Chain,
	watch: Watch,
	/// The block in which it began.
	since: u32,
	/// What makes a provider not be asked any more, when it is dropped.
	asking: BTreeMap<Hash, oneshot::Sender<()>>,
	/// Jobs of which nothing more is expected, and why.
	failed: BTreeMap<Hash, Error>,
	/// What had happened to those that are not followed any more.
	left: BTreeMap<Hash, History>,
	/// Until when each is waited for.
	deadlines: BTreeMap<Hash, Deadline>,
}

impl Course {
	fn new(chain: &Chain, watch: Watch, since: u32) -> Self {
		let (asking, failed) = (BTreeMap::new(), BTreeMap::new());
		let (left, deadlines) = (BTreeMap::new(), BTreeMap::new());
		Self { chain: chain.clone(), watch, since, asking, failed, left, deadlines }
	}

	fn fail(&mut self, job: Hash, error: Error) {
		self.asking.remove(&job);
		self.failed.insert(job, error);
	}

	/// As [`Self::fail`], and it is followed no longer.
	fn leave(&mut self, job: Hash, error: Error) {
		self.left.insert(job, self.history(&job));
		self.watch.remove(&job);
		self.fail(job, error);
	}

	fn history(&self, job: &Hash) -> History {
		let known = self.watch.history(job).or_else(|| self.left.get(job));
		known.cloned().unwrap_or_default()
	}
}

/// What providers have said of jobs.
#[derive(Debug, Default)]
struct Heard {
	/// Those whose answer is here, and its digest.
	answers: BTreeMap<Hash, Hash>,
	/// Those that they do not answer, and why.
	silent: BTreeMap<Hash, Error>,
}

impl Heard {
	fn add(&mut self, job: Hash, outcome: &Result<Outcome>) {
		match outcome {
			Ok(outcome) => drop(self.answers.insert(job, outcome.digest())),
			Err(error) => drop(self.silent.insert(job, error.clone())),
		}
	}
}

/// An answer counts only if it is what the provider revealed on chain; where that was not waited
/// for, and is there all the same, too.
fn conclude(
	job: &Job,
	answer: Option<Result<Outcome>>,
	history: &History,
	until: Until,
) -> Result<Outcome> {
	let outcome = answer.ok_or_else(|| mismatch("the provider was not asked to the end"))??;
	if until == Until::Final || history.window_at.is_some() {
		job::check_answer(&job.digest, &outcome, history.output)?;
	}
	match outcome {
		Outcome::Invalid(code) => {
			Err(Error::new(Kind::Refused, format!("the model refused the input: {code}")))
		},
		outcome => Ok(outcome),
	}
}

/// Sees the jobs into their blocks.
async fn include(course: &mut Course, jobs: &[Job], sent: Vec<Result<Sent>>, tell: &impl Fn(Step)) {
	let included = join_all(jobs.iter().zip(sent).map(|(job, sent)| async move {
		sent?.included().await?;
		tell(Step::Submitted(job.digest));
		Ok(())
	}));
	for (job, included) in jobs.iter().zip(included.await) {
		if let Err(error) = included {
			course.watch.remove(&job.digest);
			course.fail(job.digest, error);
		}
	}
}

/// Sees the jobs from their blocks to their end.
async fn follow(course: &mut Course, heard: &RefCell<Heard>, tell: &impl Fn(Step)) {
	while !course.watch.is_over() {
		match step(course, tell).await {
			Ok(number) => {
				give_up(course, number, &heard.borrow());
				give_up_overdue(course, number).await;
			},
			Err(error) => {
				let open = course.watch.histories().filter(|(_, history)| !history.is_final);
				let open: Vec<_> = open.map(|(job, _)| *job).collect();
				return open.into_iter().for_each(|job| course.fail(job, error.clone()));
			},
		}
	}
}

/// Nothing more is expected of a job to which nothing happens while its provider does not answer,
/// nor of one that was in a block and is in none any more, nor of one whose answer is not what was
/// revealed: it is refuted, whatever becomes of the job.
fn give_up(course: &mut Course, number: u32, heard: &Heard) {
	let histories = course.watch.histories();
	let lost = histories.filter_map(|(job, history)| {
		let answer = heard.answers.get(job);
		if let Some(error) = answer.and_then(|answer| refuted(job, answer, history)) {
			return Some((*job, error));
		}
		if !is_quiet(history, course.since, number) {
			return None;
		}
		match heard.silent.get(job) {
			Some(error) => Some((*job, error.clone())),
			None if history.submitted_at.is_none() => {
				Some((*job, Error::new(Kind::Late, "the call is not on chain any more")))
			},
			None => None,
		}
	});
	let lost: Vec<_> = lost.collect();
	for (job, error) in lost {
		course.leave(job, error);
	}
}

/// The error of an answer that differs from all that was revealed, once all is.
fn refuted(job: &Hash, answer: &Hash, history: &History) -> Option<Error> {
	history.window_at?;
	job::check_digest(job, answer, history.output).err()
}

/// Nothing more is expected of a job either whose deadline has passed on chain.
async fn give_up_overdue(course: &mut Course, number: u32) {
	let mut late = Vec::new();
	for (job, history) in course.watch.histories() {
		let deadline = course.deadlines.entry(*job).or_default();
		match deadline.check(&course.chain, job, history, number).await {
			Ok(()) => {},
			Err(error) => late.push((*job, error)),
		}
	}
	for (job, error) in late {
		course.leave(job, error);
	}
}

/// Whether nothing has happened to a job for too long, `since` being when it was sent. A reveal
/// only waits for its window.
fn is_quiet(history: &History, since: u32, number: u32) -> bool {
	let last = history.committed_at.or(history.submitted_at).unwrap_or(since);
	!history.is_over()
		&& history.revealed_at.is_none()
		&& number.saturating_sub(last) > QUIET_BLOCKS_MAX
}

async fn step(course: &mut Course, tell: &impl Fn(Step)) -> Result<u32> {
	let number = course.watch.next_block().await?.number;
	let count = |f: fn(&History) -> bool| course.watch.histories().filter(|h| f(h.1)).count();
	let revealed = count(|h| h.revealed_at.is_some());
	let settled = count(|h| h.settled_at.is_some());
	tell(Step::Block { number, revealed, settled });
	let ended = course.watch.histories().filter(|(_, history)| history.is_final);
	let expired: Vec<_> = ended
		.filter_map(|(job, history)| Some((*job, job::expired(job, history.expired.as_ref()?))))
		.collect();
	expired.into_iter().for_each(|(job, error)| course.fail(job, error));
	Ok(number)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::job::tests::job;
	use assay_program::InvalidCode;

	fn outcome(byte: u8) -> Outcome {
		Outcome::Output { count: 1, data: vec![byte; 4] }
	}

	fn history(claims: &[Outcome]) -> History {
		let claims: std::collections::BTreeSet<_> = claims.iter().map(Outcome::digest).collect();
		let output = claims.first().copied().filter(|_| claims.len() == 1);
		let window_at = claims.first().map(|_| 9);
		History { claims, output, window_at, ..History::default() }
	}

	#[test]
	fn an_answer_is_refuted_once_all_is_revealed_and_it_is_not_among_that() {
		let refuted = |answer: u8, history| refuted(&[1; 32], &outcome(answer).digest(), &history);
		assert!(refuted(1, history(&[])).is_none() && refuted(1, history(&[outcome(1)])).is_none());
		let error = refuted(1, history(&[outcome(2)])).unwrap();
		assert_eq!((error.kind(), error.jobs()), (Kind::Mismatch, &[[1; 32]][..]));
		// Another party was faster with its reveal.
		let early = History { window_at: None, ..history(&[outcome(2)]) };
		assert!(refuted(1, early).is_none());
	}

	#[test]
	fn an_answer_counts_only_with_its_reveal() {
		let job = job(vec![0; 8], 1);
		let conclude =
			|answer, history: &History| conclude(&job, Some(Ok(answer)), history, Until::Final);
		let good = conclude(outcome(1), &history(&[outcome(1)]));
		assert_eq!(good.unwrap(), outcome(1));
		for claims in [&[][..], &[outcome(2)], &[outcome(1), outcome(2)]] {
			let error = conclude(outcome(1), &history(claims)).unwrap_err();
			assert_eq!((error.kind(), error.jobs()), (Kind::Mismatch, &[job.digest][..]));
		}
		let invalid = Outcome::Invalid(InvalidCode::Token);
		let error = conclude(invalid.clone(), &history(&[invalid])).unwrap_err();
		assert_eq!(error.kind(), Kind::Refused);
	}

	#[test]
	fn an_answer_that_is_not_waited_for_may_lack_its_reveal_and_not_differ() {
		let job = job(vec![0; 8], 1);
		let conclude = |answer, history: &History| conclude(&job, answer, history, Until::Answered);
		for claims in [&[][..], &[outcome(1)]] {
			let good = conclude(Some(Ok(outcome(1))), &history(claims));
			assert_eq!(good.unwrap(), outcome(1));
		}
		let error = conclude(Some(Ok(outcome(1))), &history(&[outcome(2)])).unwrap_err();
		assert_eq!(error.kind(), Kind::Mismatch);
		let gone = Error::new(Kind::Unreachable, "gone");
		let error = conclude(Some(Err(gone)), &history(&[outcome(1)])).unwrap_err();
		assert_eq!(error.kind(), Kind::Unreachable);
		assert_eq!(conclude(None, &history(&[])).unwrap_err().kind(), Kind::Mismatch);
	}

	#[test]
	fn no_number_is_taken_twice_however_little_the_chain_has_seen() {
		let next = AtomicU64::default();
		assert_eq!(take_nonces(&next, 5, 1), 5);
		assert_eq!(take_nonces(&next, 5, 3), 6);
		assert_eq!(take_nonces(&next, 0, 1), 9);
		// Another client of the account was faster.
		assert_eq!(take_nonces(&next, 100, 1), 100);
		assert_eq!(take_nonces(&next, 100, 1), 101);
	}

	#[test]
	fn a_job_is_quiet_while_its_provider_owes_something() {
		let last = 100 + QUIET_BLOCKS_MAX;
		let mut history = History::default();
		assert!(!is_quiet(&history, 100, last) && is_quiet(&history, 100, last + 1));
		history.submitted_at = Some(103);
		assert!(!is_quiet(&history, 100, last + 3) && is_quiet(&history, 100, last + 4));
		history.committed_at = Some(105);
		assert!(!is_quiet(&history, 100, last + 5) && is_quiet(&history, 100, last + 6));
		history.revealed_at = Some(109);
		assert!(!is_quiet(&history, 100, u32::MAX));
	}
}
