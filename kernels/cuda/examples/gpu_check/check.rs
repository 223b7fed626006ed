//! What is checked of a device, whatever it is: golden vectors, models against the reference and
//! times, by each way of products. What fails is told beside what does not.

use assay_cuda::{Device, DeviceBackend, Peaks, Products};
use assay_program::{Backend, Bytes, Model, Outcome, Parameters, Program};
use assay_reference::{golden, ReferenceBackend};
use serde_json::{json, Map, Value};
use std::{
	fmt,
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{Arc, OnceLock},
	time::Instant,
};

/// Timed runs by the way that serves, of which the median counts; by the others.
const RUNS: usize = 15;
const RUNS_OF_OTHERS: usize = 3;

/// A job of a model.
pub(crate) struct Job {
	pub(crate) parameters: Parameters,
	pub(crate) input: Vec<u8>,
}

/// A job that is compared, and its outcome by the reference once that was computed.
struct Compared {
	job: Job,
	expected: OnceLock<Result<Outcome, String>>,
}

/// A model, what is compared of it, and what is timed.
pub(crate) struct Subject {
	name: String,
	program: Arc<Program>,
	weights: Bytes,
	compared: Vec<Compared>,
	timed: Vec<Job>,
}

/// Runs what may fail or panic.
pub(crate) fn attempt<T>(what: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
	catch_unwind(AssertUnwindSafe(what)).unwrap_or_else(|panic| {
		let text = panic.downcast_ref::<String>().map(String::as_str);
		let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
		Err(format!("panicked: {}", text.unwrap_or("without a word")))
	})
}

fn text(error: impl fmt::Display) -> String {
	error.to_string()
}

impl Subject {
	pub(crate) fn new(
		name: &str,
		program: Program,
		weights: Vec<u8>,
		compared: Vec<Job>,
		timed: Vec<Job>,
	) -> Self {
		let compared = compared.into_iter();
		Self {
			name: name.into(),
			program: Arc::new(program),
			weights: weights.into(),
			compared: compared.map(|job| Compared { job, expected: OnceLock::new() }).collect(),
			timed,
		}
	}

	/// The first job whose input its program refuses, so that nothing would be compared.
	pub(crate) fn refused(&self) -> Option<String> {
		let jobs = self.compared.iter().map(|compared| &compared.job).chain(&self.timed);
		let mut codes = jobs.map(|job| self.program.validate_input(&job.input, &job.parameters));
		codes.find_map(Result::err).map(|code| format!("{}: {code}", self.name))
	}

	fn by_reference(&self, job: &Job) -> Result<Outcome, String> {
		let model = ReferenceBackend.load(self.program.clone(), self.weights.clone());
		model.and_then(|model| model.run(&job.input, &job.parameters)).map_err(text)
	}

	/// Compares every job, then times, on one device.
	fn check(
		&self,
		backend: &dyn Backend,
		peaks: Peaks,
		runs: usize,
	) -> Result<Vec<Value>, String> {
		let model = backend.load(self.program.clone(), self.weights.clone()).map_err(text)?;
		if let Some(refused) = self.refused() {
			return Err(format!("an input is refused: {refused}"));
		}
		for Compared { job, expected } in &self.compared {
			let expected = expected.get_or_init(|| self.by_reference(job)).as_ref()?;
			let actual = model.run(&job.input, &job.parameters).map_err(text)?;
			if actual != *expected {
				return Err(format!("another outcome than the reference's: {:?}", job.parameters));
			}
		}
		self.timed.iter().map(|job| self.time(&*model, job, peaks, runs)).collect()
	}

	fn time(
		&self,
		model: &dyn Model,
		job: &Job,
		peaks: Peaks,
		runs: usize,
	) -> Result<Value, String> {
		let parameters = &job.parameters;
		let mut seconds = Vec::with_capacity(runs);
		let mut count = 0;
		for run in 0..=runs {
			let begun = Instant::now();
			match model.run(&job.input, parameters).map_err(text)? {
				Outcome::Output { count: steps, .. } => count = steps,
				Outcome::Invalid(code) => return Err(format!("invalid: {code}")),
			}
			// The first run allocates.
			if run > 0 {
				seconds.push(begun.elapsed().as_secs_f64());
			}
		}
		seconds.sort_by(f64::total_cmp);
		let median = seconds.get(runs / 2).copied().unwrap_or(f64::INFINITY);
		// A unit is 2^20 int8 multiply-accumulates, each two operations.
		let units = self.program.cost_form().units(parameters, count);
		let operations = 2.0 * units as f64 * f64::from(1u32 << 20);
		// Every step reads the weights.
		let bytes = self.weights.len() as f64 * f64::from(count);
		Ok(json!({
			"batch": parameters.batch,
			"sequence": parameters.sequence,
			"steps": count,
			"runs": runs,
			"median_seconds": median,
			"part_of_peak_operations": operations / median / 1e12 / peaks.tensor_tops.max(1e-9),
			"part_of_peak_bandwidth": bytes / median / 1e9 / peaks.bandwidth_gb.max(1e-9),
		}))
	}
}

/// Whether all went well, and what is known.
pub(crate) type Checked = (bool, Value);

/// `value` under `key`, or why there is none.
fn told(key: &str, result: Result<Value, String>) -> Checked {
	match result {
		Ok(value) => (true, json!({ "ok": true, key: value })),
		Err(error) => (false, json!({ "ok": false, "error": error })),
	}
}

/// Every way of products that a device has, up to `best`, which is the one that serves. `make`
/// gives the device with a way.
pub(crate) fn ways<D: Device>(
	best: Products,
	make: impl Fn(Products) -> D,
	subjects: &[Subject],
	peaks: Peaks,
) -> Checked {
	let all = [Products::Plain, Products::Dot, Products::Tensor];
	let (mut ok, mut ways) = (true, Map::new());
	for products in all.into_iter().filter(|products| *products <= best) {
		let runs = if products == best { RUNS } else { RUNS_OF_OTHERS };
		let (fine, way) = one_way(&make, products, subjects, (peaks, runs));
		ok &= fine;
		ways.insert(format!("{products:?}").to_lowercase(), way);
	}
	(ok, Value::Object(ways))
}

fn one_way<D: Device>(
	make: &impl Fn(Products) -> D,
	products: Products,
	subjects: &[Subject],
	(peaks, runs): (Peaks, usize),
) -> Checked {
	let backend = match attempt(|| Ok(DeviceBackend::new([make(products)]))) {
		Ok(backend) => backend,
		Err(error) => return (false, json!({ "ok": false, "error": error })),
	};
	let passed = attempt(|| golden::self_test(&backend).map_err(text));
	let count = golden::vectors().count();
	let (mut ok, vectors) = told("passed", passed.map(|()| json!(count)));
	let mut models = Map::new();
	for subject in subjects {
		let checked = attempt(|| subject.check(&backend, peaks, runs));
		let (fine, mut model) = told("times", checked.map(Value::from));
		ok &= fine;
		if let (true, Some(model)) = (fine, model.as_object_mut()) {
			model.insert("equal_to_reference".into(), json!(subject.compared.len()));
		}
		models.insert(subject.name.clone(), model);
	}
	(ok, json!({ "ok": ok, "vectors": vectors, "models": models }))
}
