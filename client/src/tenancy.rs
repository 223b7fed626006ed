//! What a tenant works with under one lease, and its jobs from submission to receipt: the part
//! that [`embed`](crate::embed) and [`chat`](crate::chat) share.

use crate::{
	account::Account,
	chain::{Chain, Sent},
	data::DataClient,
	error::{mismatch, Error, Kind, Result},
	job::{self, History, Job, Watch},
	lease::{self, Lease},
	model::{self, Model},
	provider,
};
use assay_program::{Hash, Outcome, Parameters, Program};
use futures::future::{join, join_all};
use std::{cell::RefCell, collections::BTreeMap};
use tokio::sync::oneshot;

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

/// What became of a job.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
	/// The answer, if it is what the provider revealed on chain.
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
		let (chain, account) = (chain.clone(), account.clone());
		Ok((Self { chain, account, lease, model, program, data }, read))
	}

	/// Jobs of inputs, with the next numbers of the account.
	pub(crate) async fn jobs(&self, inputs: Vec<(Vec<u8>, Parameters)>) -> Result<Vec<Job>> {
		let genesis = self.chain.genesis();
		let first = job::next_nonce(&self.chain, &self.account.id()).await?;
		let job = |(nonce, (input, parameters))| {
			Job::new(&genesis, &self.lease, &self.model, input, parameters, nonce)
		};
		Ok((first..).zip(inputs).map(job).collect())
	}

	/// Runs jobs, not more than the lease and the provider take at once. `ask` fetches the answer
	/// to a job from the provider, which the chain's reveal is compared with; every job is followed
	/// to its receipt in a final block. What fails for one job leaves the others alone.
	pub(crate) async fn run(
		&self,
		jobs: &[Job],
		ask: impl AsyncFn(&Job) -> Result<Outcome>,
		tell: impl Fn(Step),
	) -> Result<Vec<Ended>> {
		let since = self.chain.best_number().await?;
		let watch = Watch::new(&self.chain, jobs.iter().map(|job| job.digest)).await?;
		let mut course = Course { watch, since, asking: BTreeMap::new(), failed: BTreeMap::new() };
		let mut sent = Vec::new();
		let mut asked = Vec::new();
		for job in jobs {
			sent.push(self.send(job).await);
			let (asking, stopped) = oneshot::channel();
			course.asking.insert(job.digest, asking);
			asked.push((job, stopped));
		}
		let silent = RefCell::new(BTreeMap::new());
		// Asking begins before the jobs are in a block: the provider holds the requests.
		let answers = join_all(asked.into_iter().map(|(job, stopped)| {
			let (ask, tell, silent) = (&ask, &tell, &silent);
			async move {
				tokio::select! {
					outcome = ask(job) => {
						match &outcome {
							Ok(_) => tell(Step::Answered(job.digest)),
							Err(error) => {
								silent.borrow_mut().insert(job.digest, error.clone());
							},
						}
						Some(outcome)
					},
					_ = stopped => None,
				}
			}
		}));
		let (answers, ()) = join(answers, follow(&mut course, jobs, sent, &silent, &tell)).await;
		let ended = jobs.iter().zip(answers).map(|(job, answer)| {
			let failed = course.failed.get(&job.digest);
			let history = course.watch.history(&job.digest).cloned().unwrap_or_default();
			let result = match failed {
				Some(error) => Err(error.clone()),
				None => conclude(job, answer, &history),
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
		if !matches!(error.kind(), Kind::Unreachable | Kind::Late) {
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
	watch: Watch,
	/// The block in which it began.
	since: u32,
	/// What makes a provider not be asked any more, when it is dropped.
	asking: BTreeMap<Hash, oneshot::Sender<()>>,
	/// Jobs of which nothing more is expected, and why.
	failed: BTreeMap<Hash, Error>,
}

impl Course {
	fn fail(&mut self, job: Hash, error: Error) {
		self.asking.remove(&job);
		self.failed.insert(job, error);
	}
}

/// An answer counts only if it is what the provider revealed on chain.
fn conclude(job: &Job, answer: Option<Result<Outcome>>, history: &History) -> Result<Outcome> {
	let outcome = answer.ok_or_else(|| mismatch("the provider was not asked to the end"))??;
	job::check_answer(&job.digest, &outcome, history.output)?;
	match outcome {
		Outcome::Invalid(code) => {
			Err(Error::new(Kind::Refused, format!("the model refused the input: {code}")))
		},
		outcome => Ok(outcome),
	}
}

/// Sees the jobs into their blocks, and from there to their end.
async fn follow(
	course: &mut Course,
	jobs: &[Job],
	sent: Vec<Result<Sent>>,
	silent: &RefCell<BTreeMap<Hash, Error>>,
	tell: &impl Fn(Step),
) {
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
	while !course.watch.is_over() {
		match step(course, tell).await {
			Ok(number) => give_up(course, number, &silent.borrow()),
			Err(error) => {
				let open = course.watch.histories().filter(|(_, history)| !history.is_final);
				let open: Vec<_> = open.map(|(job, _)| *job).collect();
				return open.into_iter().for_each(|job| course.fail(job, error.clone()));
			},
		}
	}
}

/// Nothing more is expected of a job to which nothing happens while its provider does not answer,
/// nor of one that was in a block and is in none any more.
fn give_up(course: &mut Course, number: u32, silent: &BTreeMap<Hash, Error>) {
	let lost: Vec<_> = course
		.watch
		.histories()
		.filter(|(_, history)| is_quiet(history, course.since, number))
		.filter_map(|(job, history)| match silent.get(job) {
			Some(error) => Some((*job, error.clone())),
			None if history.submitted_at.is_none() => {
				Some((*job, Error::new(Kind::Late, "the call is not on chain any more")))
			},
			None => None,
		})
		.collect();
	for (job, error) in lost {
		course.watch.remove(&job);
		course.fail(job, error);
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
