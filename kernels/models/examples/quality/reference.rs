//! The float model, computed in Python, and what it said before.

use serde::{de::DeserializeOwned, Serialize};
use sha2::{Digest, Sha256};
use std::{
	error::Error,
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

/// Where the float model is, and where its answers are kept.
pub struct Reference {
	python: PathBuf,
	script: PathBuf,
	model: PathBuf,
	answers: PathBuf,
}

impl Reference {
	pub fn new(root: &Path, model: &Path) -> Result<Self, Box<dyn Error>> {
		let python = root.join(".assay/venv/bin/python");
		if !python.exists() {
			return Err(format!("{} is absent: run scripts/setup", python.display()).into());
		}
		let answers = root.join(".assay/reference");
		std::fs::create_dir_all(&answers)?;
		let script = root.join("scripts/py/smollm2_reference.py");
		Ok(Self { python, script, model: model.into(), answers })
	}

	/// The answer to a request: the one that is kept if script, model and request are the same.
	pub fn ask<T: DeserializeOwned>(
		&self,
		what: &str,
		steps: Option<u32>,
		request: &impl Serialize,
	) -> Result<T, Box<dyn Error>> {
		let steps = steps.map(|steps| steps.to_string());
		let request = serde_json::to_vec(request)?;
		let mut digest = Sha256::new();
		for part in [
			&std::fs::read(&self.script)?,
			assay_models::smollm2::MODEL_SHA256.as_bytes(),
			what.as_bytes(),
			steps.as_deref().unwrap_or_default().as_bytes(),
			&request,
		] {
			digest.update(Sha256::digest(part));
		}
		let kept = self.answers.join(format!("{}.json", hex::encode(digest.finalize())));
		if let Ok(answer) = std::fs::read(&kept) {
			return Ok(serde_json::from_slice(&answer)?);
		}
		eprintln!("quality: the float model computes; that takes minutes, once");
		let answer = self.run(what, steps.as_deref(), &request)?;
		let parsed = serde_json::from_slice(&answer)?;
		let partial = kept.with_extension("partial");
		std::fs::write(&partial, &answer)?;
		std::fs::rename(&partial, &kept)?;
		Ok(parsed)
	}

	fn run(
		&self,
		what: &str,
		steps: Option<&str>,
		request: &[u8],
	) -> Result<Vec<u8>, Box<dyn Error>> {
		let mut child = Command::new(&self.python)
			.arg(&self.script)
			.arg(&self.model)
			.arg(what)
			.args(steps)
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.spawn()?;
		if let Some(mut input) = child.stdin.take() {
			std::io::Write::write_all(&mut input, request)?;
		}
		let output = child.wait_with_output()?;
		if !output.status.success() {
			return Err(format!("the float model failed: {}", output.status).into());
		}
		Ok(output.stdout)
	}
}
