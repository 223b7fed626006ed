//! `assay embed`.

use super::Context;
use assay_client::{
	account::hex32,
	embed::{Embedder, Step},
	Error, Kind, Result,
};
use assay_models::{minilm, Tokenizer};
use clap::Args;
use serde_json::json;
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
		let (mut submitted, mut answered) = (0, 0);
		let total = self.texts.len();
		let done = embedder
			.embed(&tokenizer, &self.texts, |step| match step {
				Step::Submitted(_) => {
					submitted += 1;
					bar.set_message(format!("{submitted} of {total} submitted"));
				},
				Step::Answered(_) => answered += 1,
				Step::Block { number, revealed, settled } => bar.set_message(format!(
					"block {number}: {answered} answered, {revealed} revealed, {settled} settled \
					 of {total}"
				)),
			})
			.await?;
		bar.finish_and_clear();
		let mut text = String::new();
		for (sentence, result) in self.texts.iter().zip(&done) {
			let head: Vec<_> = result.embedding.iter().take(4).map(|x| format!("{x:.4}")).collect();
			text += &format!(
				"{sentence}\n  [{}, … {} numbers]\n  job {}, paid {}\n",
				head.join(", "),
				result.embedding.len(),
				hex32(&result.job),
				super::output::asy(result.history.price())
			);
		}
		let value = json!({
			"embeddings": done.iter().map(|d| &d.embedding).collect::<Vec<_>>(),
			"jobs": done.iter().map(|d| hex32(&d.job)).collect::<Vec<_>>(),
			"receipts": done.iter().map(|d| &d.history.receipt).collect::<Vec<_>>(),
		});
		context.output.result(text.trim_end(), &value);
		Ok(())
	}
}
