//! Programs and models in memory, each bounded, the least recently used going first.

use crate::{
	blobs::{hex, BlobKind, Blobs, MapError},
	error::{Error, Failure},
	metrics::Metrics,
};
use assay_program::{Backend, BackendError, Bytes, Hash, Model, Program};
use std::{
	fmt,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::Instant,
};

/// Programs that are kept decoded.
const PROGRAMS: usize = 64;

struct Loaded {
	program: Hash,
	weights: Hash,
	bytes: u64,
	model: Arc<dyn Model>,
}

/// Programs and models in memory.
pub(crate) struct Models {
	backend: Arc<dyn Backend>,
	budget: u64,
	/// Least recently used first.
	loaded: Mutex<Vec<Loaded>>,
	/// Held while a model is loaded: of jobs that begin together one loads, and the others find it.
	loading: Mutex<()>,
	/// Least recently used first.
	programs: Mutex<Vec<(Hash, Arc<Program>)>>,
	metrics: Arc<Metrics>,
}

impl fmt::Debug for Models {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Models").field("backend", &self.backend.name()).finish_non_exhaustive()
	}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	// Nothing panics while one of them is held.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Models {
	pub(crate) fn new(backend: Arc<dyn Backend>, budget: u64, metrics: Arc<Metrics>) -> Self {
		let (loaded, programs) = (Mutex::default(), Mutex::default());
		Self { backend, budget, loaded, loading: Mutex::default(), programs, metrics }
	}

	/// How many jobs may run at once.
	pub(crate) fn jobs_at_once(&self) -> usize {
		self.backend.jobs_at_once().max(1)
	}

	/// Program and weights of each loaded model.
	pub(crate) fn list(&self) -> Vec<(Hash, Hash)> {
		lock(&self.loaded).iter().map(|loaded| (loaded.program, loaded.weights)).collect()
	}

	/// A program that is in memory.
	pub(crate) fn known_program(&self, digest: &Hash) -> Option<Arc<Program>> {
		let mut programs = lock(&self.programs);
		let at = programs.iter().position(|(known, _)| known == digest)?;
		let known = programs.remove(at);
		let program = known.1.clone();
		programs.push(known);
		Some(program)
	}

	/// A program, from memory or from the store.
	pub(crate) async fn program(
		&self,
		blobs: &Blobs,
		digest: &Hash,
	) -> Result<Arc<Program>, Error> {
		if let Some(program) = self.known_program(digest) {
			return Ok(program);
		}
		let bytes = blobs.read(BlobKind::Program, digest).await?;
		let program = Program::decode_validated(&bytes)
			.map_err(|error| Error::ProgramInvalid { reason: error.to_string() })?;
		let program = Arc::new(program);
		let mut programs = lock(&self.programs);
		if programs.len() >= PROGRAMS {
			programs.remove(0);
		}
		programs.push((*digest, program.clone()));
		Ok(program)
	}

	fn loaded(&self, program: &Hash, weights: &Hash) -> Option<Arc<dyn Model>> {
		let mut loaded = lock(&self.loaded);
		let at = loaded.iter().position(|l| l.program == *program && l.weights == *weights)?;
		let found = loaded.remove(at);
		let model = found.model.clone();
		loaded.push(found);
		Some(model)
	}

	/// A model, from memory or from the store. One whose weights' file has changed is loaded anew.
	/// Blocks: called on the threads that run jobs.
	pub(crate) fn load(
		&self,
		runtime: &tokio::runtime::Handle,
		blobs: &Blobs,
		program: &Hash,
		weights: &Hash,
	) -> Result<Arc<dyn Model>, Failure> {
		self.forget_changed(blobs, weights);
		if let Some(model) = self.loaded(program, weights) {
			return Ok(model);
		}
		// What it guards is the work alone, which a panic only leaves undone.
		let _loading = lock(&self.loading);
		if let Some(model) = self.loaded(program, weights) {
			return Ok(model);
		}
		let began = Instant::now();
		let decoded = runtime.block_on(self.program(blobs, program)).map_err(|e| failure(&e))?;
		let bytes = runtime.block_on(mapped(blobs, weights))?;
		let length = bytes.len() as u64;
		// Room first: two large models must not stand in memory together.
		self.shrink_to(self.budget.saturating_sub(length));
		let model = self.load_with_room(decoded, bytes).map_err(|error| {
			tracing::error!(%error, program = %hex(program), "the backend refuses a model");
			match error {
				BackendError::OutOfMemory => Failure::OutOfMemory,
				_ => Failure::ModelRefused,
			}
		})?;
		let loaded =
			Loaded { program: *program, weights: *weights, bytes: length, model: model.clone() };
		lock(&self.loaded).push(loaded);
		let seconds = began.elapsed().as_secs_f64();
		self.metrics.models_loaded.inc();
		self.metrics.model_load_seconds.observe(seconds);
		self.report();
		let (program, weights) = (hex(program), hex(weights));
		tracing::info!(program, weights, bytes = length, seconds, "model loaded");
		Ok(model)
	}

	/// Loads a model; where a device lacks memory for it, once more without all others. The budget
	/// counts weights, and knows neither what devices add to them nor who else uses the device.
	fn load_with_room(
		&self,
		program: Arc<Program>,
		weights: Bytes,
	) -> Result<Arc<dyn Model>, BackendError> {
		match self.backend.load(program.clone(), weights.clone()) {
			Err(BackendError::OutOfMemory) if self.shrink_to(0) => {
				self.backend.load(program, weights)
			},
			loaded => loaded,
		}
	}

	/// Drops every model but one, for a run of it that lacks memory. Says whether there was another.
	pub(crate) fn drop_others(&self, program: &Hash, weights: &Hash) -> bool {
		let mut loaded = lock(&self.loaded);
		let before = loaded.len();
		loaded.retain(|l| l.program == *program && l.weights == *weights);
		let were_others = loaded.len() < before;
		drop(loaded);
		self.report();
		were_others
	}

	/// Forgets all models of weights whose file is not as it was when it was checked. Says whether
	/// it is.
	fn forget_changed(&self, blobs: &Blobs, weights: &Hash) -> bool {
		let are_as_checked = blobs.are_as_checked(weights);
		if !are_as_checked {
			lock(&self.loaded).retain(|loaded| loaded.weights != *weights);
			self.report();
		}
		are_as_checked
	}

	/// After a run: nobody has written the weights meanwhile.
	pub(crate) fn confirm(&self, blobs: &Blobs, weights: &Hash) -> Result<(), Failure> {
		if self.forget_changed(blobs, weights) {
			return Ok(());
		}
		tracing::error!(weights = %hex(weights), "the file of weights changed while a job ran");
		Err(Failure::BlobCorrupt)
	}

	/// Forgets a model that panicked: what it left behind is anybody's guess.
	pub(crate) fn forget(&self, program: &Hash, weights: &Hash) {
		lock(&self.loaded).retain(|l| l.program != *program || l.weights != *weights);
		self.report();
	}

	/// Drops models until the rest fit the budget; says whether any went. One that a job runs stays
	/// in memory until that has ended.
	fn shrink_to(&self, budget: u64) -> bool {
		let mut loaded = lock(&self.loaded);
		let before = loaded.len();
		while loaded.iter().map(|l| l.bytes).sum::<u64>() > budget {
			let gone = loaded.remove(0);
			tracing::info!(program = %hex(&gone.program), "model dropped to make room");
		}
		loaded.len() < before
	}

	fn report(&self) {
		let bytes: u64 = lock(&self.loaded).iter().map(|l| l.bytes).sum();
		self.metrics.models_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
	}
}

/// Weights that are held, or what a job fails with without them.
pub(crate) async fn mapped(blobs: &Blobs, weights: &Hash) -> Result<Bytes, Failure> {
	blobs.weights(weights).await.map_err(|error| {
		tracing::error!(weights = %hex(weights), %error, "weights cannot be used");
		match error {
			MapError::Damaged(_) => Failure::BlobCorrupt,
			MapError::Unknown | MapError::System(_) => Failure::BlobGone,
		}
	})
}

/// What a job fails with when one of its blobs cannot be read.
pub(crate) fn failure(error: &Error) -> Failure {
	match error {
		Error::DigestMismatch { .. } | Error::ProgramInvalid { .. } | Error::OutputMalformed => {
			Failure::BlobCorrupt
		},
		_ => Failure::BlobGone,
	}
}
