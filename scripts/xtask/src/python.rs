//! The float model, computed independently in Python.

use crate::paths;
use anyhow::{ensure, Context, Result};
use std::{path::Path, process::Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

#[derive(serde::Deserialize)]
struct Answer {
	embeddings: Vec<Vec<f32>>,
}

/// Embeddings of sentences by the published float weights.
pub(crate) async fn float_reference(root: &Path, sentences: &[String]) -> Result<Vec<Vec<f32>>> {
	let mut child = Command::new(paths::python(root)?)
		.arg(root.join("scripts/py/float_reference.py"))
		.arg("--model")
		.arg(paths::minilm(root))
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.kill_on_drop(true)
		.spawn()
		.context("cannot start the float reference")?;
	let mut input = child.stdin.take().context("the float reference takes no input")?;
	// Its answer begins after the whole input, so writing first cannot block.
	input.write_all(format!("{}\n", sentences.join("\n")).as_bytes()).await?;
	drop(input);
	let output = child.wait_with_output().await?;
	ensure!(output.status.success(), "the float reference failed: {}", output.status);
	let answer: Answer = serde_json::from_slice(&output.stdout)
		.context("the float reference's answer is no JSON")?;
	ensure!(
		answer.embeddings.len() == sentences.len(),
		"{} float embeddings for {} sentences",
		answer.embeddings.len(),
		sentences.len()
	);
	Ok(answer.embeddings)
}
