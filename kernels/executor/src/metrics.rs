//! What is counted, in a registry of the executor's own, so that an embedding node's metrics and
//! these do not meet.

use prometheus::{
	Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
	Registry, TextEncoder,
};

/// Metrics of one executor, all named `assay_executor_*`.
#[derive(Debug)]
pub(crate) struct Metrics {
	registry: Registry,
	/// Requests by listener and status.
	pub(crate) requests: IntCounterVec,
	/// Rejections by code.
	pub(crate) rejections: IntCounterVec,
	/// Open connections by listener.
	pub(crate) connections: IntGaugeVec,
	/// Streams that are being served.
	pub(crate) streams: IntGauge,
	/// Jobs taken, resumed ones included.
	pub(crate) jobs_taken: IntCounter,
	/// Jobs taken up again from the journal.
	pub(crate) jobs_resumed: IntCounter,
	/// Jobs finished, by result.
	pub(crate) jobs_finished: IntCounterVec,
	/// Jobs that wait or run.
	pub(crate) queue: IntGauge,
	/// Those of them that nobody pays for.
	pub(crate) watched: IntGauge,
	/// Jobs that the node asks about.
	pub(crate) jobs_pinned: IntGauge,
	/// Seconds from begin to end of a run.
	pub(crate) run_seconds: Histogram,
	/// Seconds from taking a job to its end.
	pub(crate) job_seconds: Histogram,
	/// Traces built, by result.
	pub(crate) traces_built: IntCounterVec,
	/// Traces kept or being built.
	pub(crate) traces: IntGauge,
	/// Traces that ended in something else than their job did here.
	pub(crate) traces_unlike: IntCounter,
	/// Seconds from begin to end of building a trace.
	pub(crate) trace_seconds: Histogram,
	/// Questions about traces answered, by result.
	pub(crate) answers: IntCounterVec,
	/// Seconds from begin to end of making an answer.
	pub(crate) answer_seconds: Histogram,
	/// Duties evaluated.
	pub(crate) duties: IntCounter,
	/// Agreements of the duty key signed.
	pub(crate) duty_proofs: IntCounter,
	/// Models loaded since the start.
	pub(crate) models_loaded: IntCounter,
	/// Seconds that loading one took, the check of its weights included.
	pub(crate) model_load_seconds: Histogram,
	/// Bytes of weights in memory.
	pub(crate) models_bytes: IntGauge,
	/// Blobs held.
	pub(crate) blobs: IntGauge,
	/// Disk they use.
	pub(crate) blob_bytes: IntGauge,
	/// Blobs kept, by kind.
	pub(crate) blobs_kept: IntCounterVec,
	/// Blobs removed, by kind.
	pub(crate) blobs_removed: IntCounterVec,
	/// Damaged journal lines found at start.
	pub(crate) journal_damaged: IntCounter,
	/// Tenants known.
	pub(crate) tenants: IntGauge,
	/// The chain's block, as the node last told it.
	pub(crate) block: IntGauge,
}

/// Bounds of the histograms, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

fn opts(name: &str, help: &str) -> Opts {
	Opts::new(name, help).namespace("assay_executor")
}

impl Metrics {
	pub(crate) fn new(backend: &str) -> prometheus::Result<Self> {
		let registry = Registry::new();
		let count = |name, help| {
			let metric = IntCounter::with_opts(opts(name, help))?;
			registry.register(Box::new(metric.clone())).map(|()| metric)
		};
		let counts = |name, help, label| {
			let metric = IntCounterVec::new(opts(name, help), label)?;
			registry.register(Box::new(metric.clone())).map(|()| metric)
		};
		let gauge = |name, help| {
			let metric = IntGauge::with_opts(opts(name, help))?;
			registry.register(Box::new(metric.clone())).map(|()| metric)
		};
		let gauges = |name, help, label| {
			let metric = IntGaugeVec::new(opts(name, help), label)?;
			registry.register(Box::new(metric.clone())).map(|()| metric)
		};
		let seconds = |name, help| {
			let opts = HistogramOpts::from(opts(name, help)).buckets(SECONDS.to_vec());
			let metric = Histogram::with_opts(opts)?;
			registry.register(Box::new(metric.clone())).map(|()| metric)
		};
		gauges("info", "Version and backend.", &["version", "backend"])?
			.with_label_values(&[env!("CARGO_PKG_VERSION"), backend])
			.set(1);
		Ok(Self {
			requests: counts("requests_total", "Requests answered.", &["listener", "status"])?,
			rejections: counts("rejections_total", "Requests rejected.", &["code"])?,
			connections: gauges("connections", "Open connections.", &["listener"])?,
			streams: gauge("streams", "Streams that are being served.")?,
			jobs_taken: count("jobs_taken_total", "Jobs taken.")?,
			jobs_resumed: count("jobs_resumed_total", "Jobs taken up again after a restart.")?,
			jobs_finished: counts("jobs_finished_total", "Jobs that ended.", &["result"])?,
			queue: gauge("queue_jobs", "Jobs that wait or run.")?,
			watched: gauge("watched_jobs", "Jobs that wait or run and that nobody pays for.")?,
			jobs_pinned: gauge("jobs_pinned", "Jobs that the node asks about.")?,
			run_seconds: seconds("run_seconds", "Time a run took.")?,
			job_seconds: seconds("job_seconds", "Time from taking a job to its end.")?,
			traces_built: counts("traces_built_total", "Traces built.", &["result"])?,
			traces: gauge("traces", "Traces kept or being built.")?,
			traces_unlike: count(
				"traces_unlike_total",
				"Traces that ended in something else than their job did here.",
			)?,
			trace_seconds: seconds("trace_seconds", "Time that building a trace took.")?,
			answers: counts("answers_total", "Questions about traces answered.", &["result"])?,
			answer_seconds: seconds("answer_seconds", "Time that making an answer took.")?,
			duties: count("duties_total", "Duties evaluated.")?,
			duty_proofs: count("duty_key_proofs_total", "Agreements of the duty key signed.")?,
			models_loaded: count("models_loaded_total", "Models loaded.")?,
			model_load_seconds: seconds(
				"model_load_seconds",
				"Time that loading a model took, the check of its weights included.",
			)?,
			models_bytes: gauge("models_bytes", "Weights of the models in memory.")?,
			blobs: gauge("blobs", "Blobs held.")?,
			blob_bytes: gauge("blob_bytes", "Disk that blobs use.")?,
			blobs_kept: counts("blobs_kept_total", "Blobs kept.", &["kind"])?,
			blobs_removed: counts("blobs_removed_total", "Blobs removed.", &["kind"])?,
			journal_damaged: count("journal_damaged_total", "Damaged journal lines at start.")?,
			tenants: gauge("tenants", "Tenants known.")?,
			block: gauge("block", "The chain's block, as the node last told it.")?,
			registry,
		})
	}

	/// All of them as Prometheus text.
	pub(crate) fn text(&self) -> String {
		let mut text = Vec::new();
		if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
			tracing::warn!(%error, "metrics cannot be written");
		}
		String::from_utf8(text).unwrap_or_default()
	}

	/// The type of [`Self::text`].
	pub(crate) const TEXT: &'static str = prometheus::TEXT_FORMAT;
}
