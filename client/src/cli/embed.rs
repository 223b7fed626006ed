//! `assay embed`.

use super::Context;
use assay_client::{
	account::hex32,
	embed::{self, Done, Embedder, Step},
	Error, Kind, Result,
};
use assay_models::{minilm, Tokenizer};
use assay_program::Hash;
use clap::Args;
use serde_json::{json, Value};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Embed {
	/// A text; may be given several times.
	#[arg(long = "text", required = true)]
	texts: Vec<String>,
	/// The lease to run under. Default: your newest open one.
	#[arg(long)]
	lease: Option<u64>,
	/// Folder with the model's `tokenizer.json`.
	#[arg(long, env = "ASSAY_MODEL_FOLDER", default_value = ".assay/models/minilm")]
	model_folder: PathBuf,
}

impl Embed {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let file = self.model_folder.join(minilm::TOKENIZER_FILE);
		let tokenizer = Tokenizer::from_file(&file).map_err(|e| {
			Error::new(Kind::Local, e.to_string()).next("name its folder with --model-folder")
		})?;
		let embedder = Embedder::new(&context.chain, &context.account, self.lease).await?;
		let bar = context.output.spinner("submitting");
		let mut submitted: Vec<Hash> = Vec::new();
		let mut answered = 0;
		let total = self.texts.len();
		let work = embedder.embed(&tokenizer, &self.texts, |step| match step {
			Step::Submitted(job) => {
				submitted.push(job);
				context.output.note(&bar, &format!("job {} is submitted", hex32(&job)));
				bar.set_message(format!("{} of {total} submitted", submitted.len()));
			},
			Step::Answered(_) => answered += 1,
			Step::Block { number, revealed, settled } => bar.set_message(format!(
				"block {number}: {answered} answered, {revealed} revealed, {settled} settled \
				 of {total}"
			)),
		});
		let done = tokio::select! {
			done = work => Some(done),
			_ = tokio::signal::ctrl_c() => None,
		};
		bar.finish_and_clear();
		let done = done.unwrap_or_else(|| Err(stopped(&submitted)))?;
		let lines: Vec<_> =
			self.texts.iter().zip(&done).map(|(text, done)| lines(text, done)).collect();
		context.output.result(lines.join("\n"), &document(&done));
		embed::failure(&done).map_or(Ok(()), Err)
	}
}

/// The error of a person who does not wait.
fn stopped(submitted: &[Hash]) -> Error {
	let error = Error::new(Kind::Local, "stopped before the end");
	let error = match submitted {
		[] => error,
		_ => error.next("the jobs go on, and are paid for: follow each with `assay job wait JOB`"),
	};
	submitted.iter().fold(error, |error, job| error.with_job(*job))
}

fn lines(text: &str, done: &Done) -> String {
	match &done.result {
		Ok(embedded) => {
			let head: Vec<_> =
				embedded.embedding.iter().take(4).map(|x| format!("{x:.4}")).collect();
			format!(
				"{text}\n  [{}, … {} numbers]\n  job {}, paid {}",
				head.join(", "),
				embedded.embedding.len(),
				hex32(&done.job),
				super::output::asy(embedded.history.price())
			)
		},
		Err(error) => format!("{text}\n  no vector: {}", error.message()),
	}
}

/// One element per text in each list: null where there is none. Errors only where there is one.
fn document(done: &[Done]) -> Value {
	let results = || done.iter().map(|done| done.result.as_ref());
	let mut document = json!({
		"embeddings": results().map(|r| r.ok().map(|e| &e.embedding)).collect::<Vec<_>>(),
		"jobs": done.iter().map(|done| hex32(&done.job)).collect::<Vec<_>>(),
		"receipts": results().map(|r| r.ok().map(|e| &e.history.receipt)).collect::<Vec<_>>(),
	});
	if results().any(|result| result.is_err()) {
		let errors = results().map(|result| result.err().map(super::output::error_json));
		document["errors"] = errors.collect::<Vec<_>>().into();
	}
	document
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_client::{embed::Embedded, job::History};

	fn done(byte: u8) -> Done {
		let job = [byte; 32];
		let history = History { receipt: Some(json!({"price": 1})), ..History::default() };
		Done { job, result: Ok(Embedded { job, embedding: vec![0.5], history }) }
	}

	#[test]
	fn success_prints_three_lists() {
		assert_eq!(
			document(&[done(1)]),
			json!({
				"embeddings": [[0.5]],
				"jobs": [hex32(&[1; 32])],
				"receipts": [{"price": 1}],
			})
		);
	}

	#[test]
	fn a_failure_leaves_the_other_results_and_says_its_job() {
		let error = Error::new(Kind::Unreachable, "gone").about([2; 32]);
		let failed = Done { job: [2; 32], result: Err(error) };
		let document = document(&[done(1), failed.clone()]);
		assert_eq!(document["embeddings"], json!([[0.5], null]));
		assert_eq!(document["jobs"], json!([hex32(&[1; 32]), hex32(&[2; 32])]));
		assert_eq!(document["receipts"], json!([{"price": 1}, null]));
		assert_eq!(document["errors"][0], Value::Null);
		assert_eq!(document["errors"][1]["jobs"], json!([hex32(&[2; 32])]));
		assert!(lines("a text", &failed).contains(&hex32(&[2; 32])));
	}

	#[test]
	fn who_stops_early_gets_the_jobs() {
		let error = stopped(&[[1; 32], [2; 32]]);
		assert_eq!(error.jobs(), [[1; 32], [2; 32]]);
		assert!(error.next_step().is_some() && stopped(&[]).next_step().is_none());
	}
}
