//! Where things are.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Root of the repository: the nearest folder upwards that pins the toolchain.
pub(crate) fn root() -> Result<PathBuf> {
	let here = std::env::current_dir().context("no current folder")?;
	here.ancestors()
		.find(|folder| folder.join("rust-toolchain.toml").is_file())
		.map(Path::to_path_buf)
		.context("run this inside the repository")
}

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
	let this = std::env::current_exe().context("no path of this program")?;
	let program = this.with_file_name(name);
	anyhow::ensure!(
		program.is_file(),
		"{} is missing; build it with `cargo build --release`",
		program.display()
	);
	Ok(program)
}

/// Folder of the published MiniLM files.
pub(crate) fn minilm(root: &Path) -> PathBuf {
	root.join(".assay/models/minilm")
}

/// Folder of the published SmolLM2 files.
pub(crate) fn smollm2(root: &Path) -> PathBuf {
	root.join(".assay/models/smollm2")
}

/// The Python of the repository's environment.
pub(crate) fn python(root: &Path) -> Result<PathBuf> {
	let python = root.join(".assay/venv/bin/python");
	anyhow::ensure!(python.is_file(), "{} is missing; run scripts/setup", python.display());
	Ok(python)
}
