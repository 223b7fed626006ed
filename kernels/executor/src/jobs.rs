//! The jobs: what was asked for, where it stands, and who waits for it.
//!
//! A job is known by its digest, so asking twice is asking once, whatever a re-org does. It is on
//! disk before it is promised, and its result is on disk before it is told. It is taken only when
//! there is room for its result.

mod table;

pub(crate) use self::table::Class;
use self::table::{Job, Table};
use crate::{
	blobs::{hex, BlobKind, Blobs, Room},
	config::Limits,
	emitted::{Emitted, Emitter},
	error::{Error, Failure},
	journal::{written, End, Ended, Journal, Ledger, Open, Record, Written},
	metrics::Metrics,
	models::Models,
	pinned::{Parts, Pinned},
};
use assay_program::{
	wire::{JobRequest, JobState},
	Claim, Hash, Parameters, Program,
};
use std::{
	collections::HashSet,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use tokio::{
	sync::{watch, Notify},
	time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Bytes by which an encoded outcome may exceed its data.
const OUTCOME_HEAD_BYTES: u64 = 16;

/// Keeps the blobs of a job on disk that is open, or about to be traced.
#[derive(Debug)]
pub(crate) struct Pins {
	blobs: Arc<Blobs>,
	pinned: Vec<(BlobKind, Hash)>,
	/// Length of the weights.
	weights_bytes: u64,
	/// Most bytes of the output.
	output_bytes: u64,
	/// Room for the output.
	room: Option<Room>,
}

impl Pins {
	/// Pins all blobs of a request, or says which one is missing.
	pub(crate) fn take(blobs: &Arc<Blobs>, request: &JobRequest) -> Result<Self, Error> {
		let mut pins = Self {
			blobs: blobs.clone(),
			pinned: Vec::new(),
			weights_bytes: 0,
			output_bytes: 0,
			room: None,
		};
		let wanted = [
			(BlobKind::Program, request.program),
			(BlobKind::Weights, request.weights),
			(BlobKind::Input, request.input),
		];
		for (kind, digest) in wanted {
			let missing = || Error::BlobMissing { kind: kind.word(), digest: hex(&digest) };
			let bytes = blobs.pin(kind, &digest).ok_or_else(missing)?;
			pins.pinned.push((kind, digest));
			if kind == BlobKind::Weights {
				pins.weights_bytes = bytes;
			}
		}
		Ok(pins)
	}
}

impl Drop for Pins {
	fn drop(&mut self) {
		self.pinned.iter().for_each(|(kind, digest)| self.blobs.unpin(*kind, digest));
	}
}

/// All jobs of one executor.
#[derive(Debug)]
pub(crate) struct Jobs {
	table: Mutex<Table>,
	journal: Journal,
	blobs: Arc<Blobs>,
	models: Arc<Models>,
	/// The jobs that the node asks about.
	pub(crate) pinned: Pinned,
	limits: Limits,
	metrics: Arc<Metrics>,
	/// Wakes the stage that fetches.
	arrived: Notify,
	/// Wakes those who wait for a job that is not known yet.
	announced: watch::Sender<()>,
	stop: CancellationToken,
}

/// Most bytes of the output blob of a job.
fn output_bytes(program: &Program, parameters: &Parameters) -> u64 {
	program.cost_form().output_length(parameters).saturating_add(OUTCOME_HEAD_BYTES)
}

/// A job as whoever watches it sees it.
#[derive(Debug)]
pub(crate) struct Watched {
	/// Where it stands.
	pub(crate) state: watch::Receiver<JobState>,
	/// What it has emitted so far.
	pub(crate) emitted: watch::Receiver<Emitted>,
	/// Most bytes of its output, while it is open.
	pub(crate) output_bytes: Option<u64>,
}

/// Whether a state is an end.
pub(crate) fn ended(state: &JobState) -> bool {
	matches!(state, JobState::Done { .. } | JobState::Failed { .. })
}

impl Jobs {
	/// The jobs of a journal, the open ones queued again.
	pub(crate) async fn resume(
		ledger: Ledger,
		journal: Journal,
		blobs: Arc<Blobs>,
		models: Arc<Models>,
		limits: Limits,
		metrics: Arc<Metrics>,
		stop: CancellationToken,
	) -> Self {
		// Before anything may need room.
		let pinned = Pinned::resume(&ledger, journal.clone(), blobs.clone(), metrics.clone());
		let jobs = Self {
			table: Mutex::default(),
			pinned,
			journal,
			blobs,
			models,
			limits,
			metrics,
			arrived: Notify::new(),
			announced: watch::Sender::new(()),
			stop,
		};
		for Ended { job, tenant, input, end } in ledger.ended {
			let (state, starts) = match end {
				End::Done { claim } => (JobState::Done { claim }, 0),
				End::Failed { code, starts } => (JobState::Failed { code }, starts),
			};
			let mut table = jobs.table();
			table.jobs.insert(job, Job::new(tenant, input, state, starts));
			table.ended.push_back(job);
		}
		for open in ledger.open.into_values() {
			jobs.resume_one(open).await;
		}
		jobs
	}

	async fn resume_one(&self, open: Open) {
		let Open { request, starts, class, under_way } = open.clone();
		let job = request.digest();
		match Pins::take(&self.blobs, &request) {
			Ok(mut pins) => {
				tracing::info!(job = %hex(&job), starts, "job resumed from the journal");
				self.metrics.jobs_resumed.inc();
				// It was promised: without room now, it takes what there is when it is done.
				if let Err(error) = self.make_room(&request, class, &mut pins).await {
					tracing::warn!(job = %hex(&job), %error, "no room for the output yet");
				}
				let mut table = self.table();
				self.insert(&mut table, job, open, pins);
				if let Some(known) = table.jobs.get_mut(&job) {
					known.journalled = true;
					known.alone = under_way;
				}
			},
			Err(error) => {
				tracing::warn!(job = %hex(&job), %error, "job cannot be resumed");
				let code = Failure::BlobGone.code();
				let (tenant, input) = (request.tenant, Some(request.input));
				self.journal.note(Record::Failed { job, tenant, code, starts });
				let mut table = self.table();
				table.jobs.insert(job, Job::new(tenant, input, JobState::Failed { code }, starts));
				table.ended.push_back(job);
			},
		}
	}

	/// Sets room aside for the output of a job. For a paid one watched ones make room.
	async fn make_room(
		&self,
		request: &JobRequest,
		class: Class,
		pins: &mut Pins,
	) -> Result<(), Error> {
		let program = self.models.program(&self.blobs, &request.program).await?;
		pins.output_bytes = output_bytes(&program, &request.parameters);
		loop {
			match self.blobs.set_aside(pins.output_bytes).await {
				Err(Error::StoreFull { .. }) if class == Class::Paid && self.displace() => {},
				room => {
					pins.room = Some(room?);
					return Ok(());
				},
			}
		}
	}

	/// Ends the watched job that was taken last and has not begun, if there is one.
	fn displace(&self) -> bool {
		let mut table = self.table();
		let Some(job) = table.watched.waiting.pop_back() else { return false };
		let (failure, code) = (Failure::Displaced, Failure::Displaced.code());
		if let Some(known) = table.jobs.get_mut(&job) {
			known.ending = true;
			let (tenant, starts) = (known.tenant, known.starts);
			self.journal.note(Record::Failed { job, tenant, code, starts });
		}
		self.tell_end(&mut table, job, JobState::Failed { code }, failure.word());
		true
	}

	fn table(&self) -> MutexGuard<'_, Table> {
		// Nothing panics while it is held.
		self.table.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Jobs of a class that wait or run.
	pub(crate) fn open(&self, class: Class) -> usize {
		self.table().queue(class).open
	}

	fn insert(&self, table: &mut Table, job: Hash, open: Open, pins: Pins) {
		let Open { request, starts, class, .. } = open;
		let input = Some(request.input);
		let mut fresh = Job::new(request.tenant, input, JobState::Queued, starts);
		fresh.class = class;
		fresh.open = Some((Arc::new(request), pins));
		if let Some(known) = table.jobs.remove(&job) {
			// A failed job that is tried again keeps those who watch it.
			fresh.state = known.state;
			fresh.state.send_replace(JobState::Queued);
			fresh.emitted = known.emitted;
			table.ended.retain(|ended| *ended != job);
		}
		table.jobs.insert(job, fresh);
		let queue = table.queue_mut(class);
		queue.waiting.push_back(job);
		queue.open += 1;
		self.metrics.jobs_taken.inc();
		self.report(table);
		self.arrived.notify_one();
		self.announced.send_replace(());
	}

	fn report(&self, table: &Table) {
		let (all, watched) = (table.paid.open + table.watched.open, table.watched.open);
		self.metrics.queue.set(i64::try_from(all).unwrap_or(i64::MAX));
		self.metrics.watched.set(i64::try_from(watched).unwrap_or(i64::MAX));
	}

	/// Where a known job stands; `None` also for one that is to be computed again: it failed and may
	/// be tried once more, or was only watched, and its output is gone.
	fn settled(
		&self,
		table: &mut Table,
		job: &Hash,
		class: Class,
	) -> Result<Option<JobState>, Error> {
		if class == Class::Paid {
			self.promote(table, job)?;
		}
		let Some(known) = table.jobs.get(job) else { return Ok(None) };
		let state = known.state.borrow().clone();
		let again = match state {
			JobState::Failed { .. } => {
				known.starts < self.limits.attempts
					&& known.retry_at.is_none_or(|at| at <= Instant::now())
			},
			JobState::Done { .. } => class == Class::Paid && known.class == Class::Watch,
			JobState::Queued | JobState::Running => false,
		};
		Ok((!again).then(|| table.told(job, state)))
	}

	/// From now on a job is paid that was only watched. Not one that has ended without an output.
	fn promote(&self, table: &mut Table, job: &Hash) -> Result<(), Error> {
		let Table { jobs, paid, watched, .. } = table;
		let known = jobs.get_mut(job).filter(|known| known.class == Class::Watch);
		let Some(known) = known else { return Ok(()) };
		if ended(&known.state.borrow()) {
			let output = known.output();
			let is_held = |output| self.blobs.refresh(BlobKind::Output, &output);
			if output.is_some_and(is_held) {
				known.class = Class::Paid;
			}
			return Ok(());
		}
		if paid.open >= self.limits.queue {
			return Err(Error::QueueFull { bound: self.limits.queue });
		}
		// The promise is a new one, and stands on disk when it is given.
		(known.class, known.journalled, known.taken) = (Class::Paid, false, Instant::now());
		watched.open = watched.open.saturating_sub(1);
		paid.open += 1;
		if let Some(at) = watched.waiting.iter().position(|waiting| waiting == job) {
			watched.waiting.remove(at);
			paid.waiting.push_back(*job);
			self.arrived.notify_one();
		}
		self.report(table);
		Ok(())
	}

	/// Keeps the blobs of these jobs from going, and no longer those of other ones.
	pub(crate) async fn pin(&self, jobs: HashSet<Hash>) -> Result<(), Error> {
		self.pinned.replace(jobs, |job| self.parts(job)).await
	}

	/// What is known of a job's blobs.
	fn parts(&self, job: &Hash) -> Parts {
		let table = self.table();
		let known = table.jobs.get(job);
		known.map(|known| Parts { input: known.input, output: known.output() }).unwrap_or_default()
	}

	/// Takes a job, unless it is known, and says where it stands.
	pub(crate) async fn submit(
		&self,
		job: Hash,
		request: JobRequest,
		class: Class,
	) -> Result<JobState, Error> {
		let actual = request.digest();
		if actual != job {
			return Err(Error::JobDigestMismatch { actual: hex(&actual) });
		}
		// Even where it is not taken: its input may come, and has to stay then.
		self.pinned.learn(&job, Parts { input: Some(request.input), output: None });
		let known = self.settled(&mut self.table(), &job, class)?;
		if let Some(state) = known {
			return self.promised(&job, state).await;
		}
		if self.stop.is_cancelled() {
			return Err(Error::Stopping);
		}
		let mut pins = Pins::take(&self.blobs, &request)?;
		self.admit(&request, &pins).await?;
		self.make_room(&request, class, &mut pins).await?;
		let taken = {
			let mut table = self.table();
			let known = self.settled(&mut table, &job, class)?;
			let bound = self.bound(class);
			if known.is_none() && table.queue(class).open >= bound {
				return Err(Error::QueueFull { bound });
			}
			match known {
				// Somebody else was faster with the same job.
				Some(state) => Err(state),
				None => Ok(self.take(&mut table, job, request, class, pins)),
			}
		};
		match taken {
			Ok((on_disk, taken)) => {
				self.journalled(&job, taken, on_disk).await.map(|()| JobState::Queued)
			},
			Err(state) => self.promised(&job, state).await,
		}
	}

	/// How many jobs of a class may wait or run.
	fn bound(&self, class: Class) -> usize {
		match class {
			Class::Paid => self.limits.queue,
			Class::Watch => self.limits.watched,
		}
	}

	/// The state of a job that was taken before, once that is on disk.
	async fn promised(&self, job: &Hash, state: JobState) -> Result<JobState, Error> {
		if ended(&state) {
			return Ok(state);
		}
		let (written_again, mut state_then) = {
			let table = self.table();
			let known = table.jobs.get(job).ok_or(Error::JobUnknown)?;
			if known.journalled {
				return Ok(state);
			}
			// It is not there yet, or could not be written the first time. Twice does no harm;
			// but after its end it must not stand there as if it had just been taken.
			let open = known.open.as_ref().filter(|_| !known.ending);
			let (starts, class) = (known.starts, known.class);
			let open = open.map(|(request, _)| {
				let request = (**request).clone();
				Open { request, starts, class, under_way: false }
			});
			let record = open.map(Open::record);
			let again = record.map(|record| (self.journal.append(vec![record]), known.taken));
			(again, known.state.subscribe())
		};
		match written_again {
			Some((on_disk, taken)) => self.journalled(job, taken, on_disk).await.map(|()| state),
			// It is a matter of one record.
			None => {
				let end = state_then.wait_for(ended).await.map_err(|_| Error::JobUnknown)?;
				Ok(end.clone())
			},
		}
	}

	/// Waits until the record of a job is on disk, and notes that.
	async fn journalled(&self, job: &Hash, taken: Instant, on_disk: Written) -> Result<(), Error> {
		written(on_disk).await?;
		if let Some(known) = self.table().jobs.get_mut(job).filter(|known| known.taken == taken) {
			known.journalled = true;
		}
		Ok(())
	}

	/// Queues a job. It may begin at once; only the promise waits for the disk.
	fn take(
		&self,
		table: &mut Table,
		job: Hash,
		request: JobRequest,
		class: Class,
		pins: Pins,
	) -> (Written, Instant) {
		let starts = table.jobs.get(&job).map_or(0, |known| known.starts);
		tracing::info!(job = %hex(&job), units = self.units(&request), ?class, "job taken");
		let open = Open { request, starts, class, under_way: false };
		let on_disk = self.journal.append(vec![open.clone().record()]);
		self.insert(table, job, open, pins);
		(on_disk, table.jobs.get(&job).map_or_else(Instant::now, |known| known.taken))
	}

	fn units(&self, request: &JobRequest) -> u64 {
		let program = self.models.known_program(&request.program);
		let parameters = &request.parameters;
		program.map_or(0, |p| p.cost_form().units(parameters, parameters.max_steps))
	}

	/// Refuses a job whose parts do not fit each other or this machine. Returns its program.
	pub(crate) async fn admit(
		&self,
		request: &JobRequest,
		pins: &Pins,
	) -> Result<Arc<Program>, Error> {
		let program = self.models.program(&self.blobs, &request.program).await?;
		let (form, parameters) = (program.cost_form(), &request.parameters);
		form.check(parameters)
			.map_err(|error| Error::ParametersInvalid { reason: error.to_string() })?;
		let (expected, actual) = (program.weights_length(), pins.weights_bytes);
		if expected != actual {
			return Err(Error::WeightsLengthWrong { expected, actual });
		}
		let budget = self.limits.models_bytes;
		if expected > budget {
			return Err(Error::ModelTooLarge { bytes: expected, budget });
		}
		let output = output_bytes(&program, parameters);
		let live = program
			.live_bytes(parameters)
			.map_err(|error| Error::ProgramInvalid { reason: error.to_string() })?;
		let bounds = [
			("units of work", form.units(parameters, parameters.max_steps), self.limits.job_units),
			("bytes of tensors at once", live, self.limits.job_bytes),
			("bytes of input", form.input_length(parameters), self.limits.input_bytes),
			("bytes of output", output, self.limits.output_bytes),
		];
		match bounds.into_iter().find(|(_, amount, limit)| amount > limit) {
			Some((what, amount, limit)) => Err(Error::JobTooLarge { what, amount, limit }),
			None => Ok(program),
		}
	}

	/// The next job that waits; `None` when the executor stops.
	pub(crate) async fn next(&self) -> Option<(Hash, Arc<JobRequest>)> {
		loop {
			if self.stop.is_cancelled() {
				return None;
			}
			let next = {
				let mut table = self.table();
				table.next(self.models.jobs_at_once()).and_then(|job| {
					let (request, _) = table.jobs.get(&job)?.open.as_ref()?;
					Some((job, request.clone()))
				})
			};
			if next.is_some() {
				return next;
			}
			tokio::select! {
				() = self.arrived.notified() => {},
				() = self.stop.cancelled() => return None,
			}
		}
	}

	/// A job begins, unless the executor has stopped. Returns what takes its steps.
	pub(crate) fn begin(&self, job: &Hash) -> Option<Emitter> {
		let mut table = self.table();
		if table.closed {
			return None;
		}
		// Not waited for: it only counts how often a job took the process down with it.
		self.journal.note(Record::Started { job: *job });
		let known = table.jobs.get_mut(job)?;
		known.starts = known.starts.saturating_add(1);
		known.begun = true;
		let bytes = known.open.as_ref().map_or(0, |(_, pins)| pins.output_bytes);
		// Before it is seen to run: what an earlier run emitted is no step of this one.
		let emitter = Emitter::new(known.emitted.clone(), bytes, self.limits.stream_bytes);
		known.state.send_replace(JobState::Running);
		table.begin(*job);
		Some(emitter)
	}

	/// A run lacked memory before it told a step. Where others ran beside it, they may have had it:
	/// then the job is put back, to run alone. Says whether it was.
	pub(crate) fn put_back(&self, job: &Hash) -> bool {
		let mut table = self.table();
		let Some(known) = table.jobs.get(job) else { return false };
		if known.alone || !known.had_company || self.models.jobs_at_once() < 2 {
			return false;
		}
		// Where the executor has stopped that was noted already.
		if known.begun {
			self.journal.note(Record::Stopped { job: *job });
		}
		table.put_back(job);
		tracing::warn!(job = %hex(job), "no memory beside other jobs: it is to run alone");
		self.arrived.notify_one();
		true
	}

	/// The executor stops: nothing begins any more, and what has begun and not ended did not fail.
	pub(crate) fn close(&self) {
		let mut table = self.table();
		table.closed = true;
		for (job, known) in &mut table.jobs {
			if known.begun && !known.ending {
				known.begun = false;
				known.starts = known.starts.saturating_sub(1);
				self.journal.note(Record::Stopped { job: *job });
			}
		}
	}

	/// The room that was set aside for a job's output, and whether the output is spare.
	pub(crate) fn output_room(&self, job: &Hash) -> (Option<Room>, bool) {
		let mut table = self.table();
		let Some(known) = table.jobs.get_mut(job) else { return (None, false) };
		let room = known.open.as_mut().and_then(|(_, pins)| pins.room.take());
		(room, known.class == Class::Watch)
	}

	/// A job ended. Returns when that is on disk and everybody who waits has heard.
	pub(crate) async fn end(&self, job: Hash, result: Result<Claim, Failure>) {
		let (tenant, starts) = {
			let mut table = self.table();
			let Some(known) = table.jobs.get_mut(&job) else { return };
			known.ending = true;
			if known.begun && matches!(result, Err(failure) if !failure.counts()) {
				known.starts = known.starts.saturating_sub(1);
			}
			known.begun = false;
			// Computing it again would not help before there is room.
			let pause = matches!(result, Err(failure) if failure.pauses());
			known.retry_at = pause.then(|| Instant::now() + self.limits.retry);
			(known.tenant, known.starts)
		};
		let (record, state, word) = match result {
			Ok(claim) => (Record::Done { job, tenant, claim }, JobState::Done { claim }, "done"),
			Err(failure) => {
				let code = failure.code();
				let record = Record::Failed { job, tenant, code, starts };
				(record, JobState::Failed { code }, failure.word())
			},
		};
		if written(self.journal.append(vec![record])).await.is_err() {
			// The result holds all the same: a restart computes it again, and to the same bytes.
			tracing::warn!(job = %hex(&job), "the end of a job is not in the journal");
		}
		self.tell_end(&mut self.table(), job, state, word);
		// Only now: a list of pinned jobs that comes meanwhile finds the end.
		self.pinned.learn(&job, self.parts(&job));
	}

	/// Tells everybody who waits for a job how it ended.
	fn tell_end(&self, table: &mut Table, job: Hash, state: JobState, word: &str) {
		let Some(known) = table.jobs.get_mut(&job) else { return };
		known.open = None;
		known.state.send_replace(state);
		// In this order: whoever finds no steps finds the state that says why.
		known.emitted.send_replace(Emitted::default());
		let (class, seconds) = (known.class, known.taken.elapsed().as_secs_f64());
		if let Some(output) = known.output().filter(|_| class == Class::Paid) {
			// It may have been kept when nobody paid for it yet.
			self.blobs.refresh(BlobKind::Output, &output);
		}
		table.ended.push_back(job);
		table.leave(&job);
		let queue = table.queue_mut(class);
		queue.open = queue.open.saturating_sub(1);
		while table.ended.len() > self.limits.finished {
			if let Some(oldest) = table.ended.pop_front() {
				table.jobs.remove(&oldest);
			}
		}
		self.report(table);
		// A watched one may have waited for this one to end.
		self.arrived.notify_one();
		self.metrics.jobs_finished.with_label_values(&[word]).inc();
		self.metrics.job_seconds.observe(seconds);
		tracing::info!(job = %hex(&job), result = word, seconds, "job ended");
	}

	/// Where a job stands, at its end or after `wait`, whichever is first.
	pub(crate) async fn state(&self, job: &Hash, wait: Duration) -> Result<JobState, Error> {
		let known = self.table().jobs.get(job).map(|known| known.state.subscribe());
		let mut state = known.ok_or(Error::JobUnknown)?;
		if !wait.is_zero() {
			tokio::select! {
				// Whatever ends the wait, the state at that moment is the answer.
				_ = timeout(wait, state.wait_for(ended)) => {},
				() = self.stop.cancelled() => {},
			}
		}
		// With the table, so that what is told fits together.
		let table = self.table();
		let state = state.borrow().clone();
		Ok(table.told(job, state))
	}

	/// What a job came to, if it was run here.
	pub(crate) fn claim(&self, job: &Hash) -> Option<Claim> {
		match *self.table().jobs.get(job)?.state.borrow() {
			JobState::Done { claim } => Some(claim),
			_ => None,
		}
	}

	/// A job to be watched step by step.
	pub(crate) fn watch(&self, job: &Hash) -> Result<Watched, Error> {
		let table = self.table();
		let known = table.jobs.get(job).ok_or(Error::JobUnknown)?;
		Ok(Watched {
			state: known.state.subscribe(),
			emitted: known.emitted.subscribe(),
			output_bytes: known.open.as_ref().map(|(_, pins)| pins.output_bytes),
		})
	}

	/// The tenant of a job. Waits for a job that is not known yet: a tenant may ask before the
	/// node has handed the job over.
	pub(crate) async fn tenant(&self, job: &Hash, wait: Duration) -> Result<Hash, Error> {
		let mut announced = self.announced.subscribe();
		let known = || self.table().jobs.get(job).map(|known| known.tenant);
		let appears = async {
			loop {
				if let Some(tenant) = known() {
					return Some(tenant);
				}
				announced.changed().await.ok()?;
			}
		};
		tokio::select! {
			tenant = timeout(wait, appears) => tenant.ok().flatten().ok_or(Error::JobUnknown),
			() = self.stop.cancelled() => known().ok_or(Error::JobUnknown),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::{merkle, program_digest};
	use assay_reference::{
		sample::{self, Shape, Style},
		ReferenceBackend,
	};
	use bytes::Bytes;
	use codec::Encode;
	use futures::stream;
	use tempfile::TempDir;

	/// Jobs without stages, so that nothing runs, and a request whose blobs are held.
	async fn jobs(folder: &TempDir, journal: Journal) -> (Jobs, JobRequest) {
		let (limits, metrics) = (Limits::default(), Arc::new(Metrics::new("test").unwrap()));
		let blobs = Blobs::open(folder.path(), limits.clone(), metrics.clone()).await.unwrap();
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 1);
		let input = sample::input(Shape::SMALL.vocabulary, 1, 4, 1);
		let request = JobRequest {
			genesis: [0; 32],
			program: program_digest(&program.encode()),
			weights: merkle::blob(&weights),
			input: merkle::blob(&input),
			parameters: Parameters::encoder(1, 4),
			tenant: [1; 32],
			nonce: 1,
		};
		for (kind, digest, bytes) in [
			(BlobKind::Program, request.program, program.encode()),
			(BlobKind::Weights, request.weights, weights),
			(BlobKind::Input, request.input, input),
		] {
			let body = stream::once(async { Ok(Bytes::from(bytes)) });
			blobs.put(kind, digest, body, None, None).await.unwrap();
		}
		let models = Models::new(Arc::new(ReferenceBackend), 1 << 20, metrics.clone());
		let (blobs, models, stop) = (Arc::new(blobs), Arc::new(models), CancellationToken::new());
		let ledger = Ledger::new(8);
		let jobs = Jobs::resume(ledger, journal, blobs, models, limits, metrics, stop).await;
		(jobs, request)
	}

	#[tokio::test]
	async fn a_job_is_promised_only_when_its_record_is_on_disk() {
		let folder = TempDir::new().unwrap();
		let (jobs, request) = jobs(&folder, Journal::full_at_first(folder.path())).await;
		let job = request.digest();
		let refused = jobs.submit(job, request.clone(), Class::Paid).await;
		assert_eq!(refused, Err(Error::JournalFailed));
		// The job stands in the table, but a promise means that it stands on disk.
		assert_eq!(jobs.submit(job, request.clone(), Class::Paid).await, Ok(JobState::Queued));
		let (_, ledger, _) = Journal::open(folder.path(), None, &jobs.limits).unwrap();
		let open: Vec<_> = ledger.open.values().map(|open| open.request.digest()).collect();
		assert_eq!(open, [job]);
	}

	#[tokio::test]
	async fn the_record_of_a_job_that_has_ended_is_not_written_again() {
		let folder = TempDir::new().unwrap();
		let (jobs, request) = jobs(&folder, Journal::full_at_first(folder.path())).await;
		let job = request.digest();
		assert_eq!(jobs.submit(job, request.clone(), Class::Paid).await, Err(Error::JournalFailed));
		assert!(jobs.begin(&job).is_some());
		let claim = Claim::Invalid { code: 1 };
		jobs.end(job, Ok(claim)).await;
		assert_eq!(jobs.submit(job, request, Class::Paid).await, Ok(JobState::Done { claim }));
		let (_, ledger, _) = Journal::open(folder.path(), None, &jobs.limits).unwrap();
		assert_eq!((ledger.open.len(), ledger.ended.len()), (0, 1));
	}

	#[tokio::test]
	async fn one_that_waits_for_the_machine_in_company_is_streamed_all_the_same() {
		let folder = TempDir::new().unwrap();
		let (journal, ..) = Journal::open(folder.path(), None, &Limits::default()).unwrap();
		let (jobs, request) = jobs(&folder, journal).await;
		let requests = [1, 2].map(|nonce| JobRequest { nonce, ..request.clone() });
		let digests = requests.clone().map(|request| request.digest());
		for (job, request) in digests.into_iter().zip(requests) {
			jobs.submit(job, request, Class::Paid).await.unwrap();
			assert!(jobs.begin(&job).is_some());
		}
		let [first, second] = digests;
		let told = |job| jobs.state(job, Duration::ZERO);
		assert_eq!(told(&first).await, Ok(JobState::Running));
		assert_eq!(told(&second).await, Ok(JobState::Queued));
		assert_eq!(*jobs.watch(&second).unwrap().state.borrow(), JobState::Running);
		jobs.end(first, Ok(Claim::Invalid { code: 1 })).await;
		assert_eq!(told(&second).await, Ok(JobState::Running));
	}
}
