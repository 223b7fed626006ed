//! `cargo xtask weights`: measures on this machine what the calls of our pallets cost, and writes
//! what the runtime charges for them.

use crate::paths;
use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use std::{
	ffi::OsString,
	path::{Path, PathBuf},
};
use tokio::process::Command;

/// Our pallets: as the runtime's list of benchmarks names them, and as files are named.
const PALLETS: [(&str, &str); 10] = [
	("crate::authorities", "authorities"),
	("pallet_stake", "stake"),
	("pallet_providers", "providers"),
	("pallet_models", "models"),
	("pallet_leases", "leases"),
	("pallet_jobs", "jobs"),
	("pallet_disputes", "disputes"),
	("pallet_audits", "audits"),
	("pallet_traps", "traps"),
	("pallet_demands", "demands"),
];
/// Where the bencher's build script leaves the runtime, below the target folder.
const WASM: &str = "release/wbuild/assay-runtime/assay_runtime.compact.compressed.wasm";
/// Benchmarks that weigh no call: they have one component, each value of which is a case.
const EXTRAS: [(&str, &str); 1] = [("pallet_disputes", "referee")];
/// Values that a slope needs at least.
const STEPS_MIN: u32 = 2;

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct Weights {
	/// Run each benchmark once, with few values, and write nothing.
	#[arg(long)]
	check: bool,
	/// Values that are tried of each component.
	#[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..))]
	steps: u32,
	/// Runs with each value, at least.
	#[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
	repeat: u32,
	/// Seconds that each benchmark is run for, at least.
	#[arg(long, default_value_t = 10)]
	seconds: u32,
}

impl Weights {
	pub(crate) async fn run(&self) -> Result<()> {
		let root = paths::root()?;
		let target = target_folder(&root)?;
		build(&root, &target).await?;
		let drafts = tempfile::tempdir().context("no folder for drafts")?;
		for (pallet, name) in PALLETS {
			let draft = drafts.path().join(name).with_extension("rs");
			self.measure(&root, &target, pallet, &draft).await?;
			if self.check {
				continue;
			}
			let file = root.join("runtime/src/weights").join(name).with_extension("rs");
			write(&draft, &file).await?;
			println!("weights: {}", file.strip_prefix(&root).unwrap_or(&file).display());
		}
		if self.check {
			for (pallet, name) in EXTRAS {
				run_each(&root, &target, (pallet, name), 1, &drafts.path().join(name)).await?;
			}
		}
		println!("weights: {} pallets", PALLETS.len());
		Ok(())
	}

	async fn measure(&self, root: &Path, target: &Path, pallet: &str, draft: &Path) -> Result<()> {
		let (steps, repeat, seconds) =
			if self.check { (STEPS_MIN, 1, 0) } else { (self.steps, self.repeat, self.seconds) };
		let mut command = Command::new(target.join("release/assay-bencher"));
		command
			.arg("--runtime")
			.arg(target.join(WASM))
			.args(["--pallet", pallet])
			.args(["--steps", &steps.to_string()])
			.args(["--repeat", &repeat.to_string()])
			.args(["--seconds", &seconds.to_string()]);
		if !self.check {
			command.arg("--output").arg(draft);
		}
		succeed(&mut command, root).await.with_context(|| format!("the benchmarks of {pallet}"))
	}
}

/// Builds the bencher and measures an extra benchmark with each value of its component.
pub(crate) async fn each(pallet: &str, name: &str, repeat: u32, output: &Path) -> Result<()> {
	let root = paths::root()?;
	let target = target_folder(&root)?;
	build(&root, &target).await?;
	run_each(&root, &target, (pallet, name), repeat, output).await
}

async fn run_each(
	root: &Path,
	target: &Path,
	(pallet, name): (&str, &str),
	repeat: u32,
	output: &Path,
) -> Result<()> {
	let mut command = Command::new(target.join("release/assay-bencher"));
	command
		.arg("--runtime")
		.arg(target.join(WASM))
		.args(["--pallet", pallet, "--each", name])
		.args(["--repeat", &repeat.to_string()])
		.arg("--output")
		.arg(output);
	succeed(&mut command, root).await.with_context(|| format!("the benchmark {pallet}::{name}"))
}

/// A folder of its own for this build: the runtime's Wasm would lie where that without benchmarks
/// lies.
fn target_folder(root: &Path) -> Result<PathBuf> {
	let main = std::env::var_os("CARGO_TARGET_DIR")
		.map_or_else(|| root.join("target"), |folder| root.join(folder));
	let mut name: OsString = main.file_name().context("the target folder has no name")?.into();
	name.push("-bench");
	Ok(main.with_file_name(name))
}

/// Builds the bencher, and by its build script the runtime's Wasm with benchmarks.
async fn build(root: &Path, target: &Path) -> Result<()> {
	let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
	let mut command = Command::new(cargo);
	command
		// By binary, not by package: as everywhere, features are those of all members together.
		.args(["build", "--release", "--locked", "--workspace", "--bin", "assay-bencher"])
		.env("CARGO_TARGET_DIR", target)
		.env_remove("SKIP_WASM_BUILD");
	succeed(&mut command, root).await.context("cannot build the bencher")?;
	ensure!(target.join(WASM).is_file(), "the build left no {WASM}");
	Ok(())
}

/// Puts a draft in its place, in the form of the house.
async fn write(draft: &Path, file: &Path) -> Result<()> {
	std::fs::copy(draft, file).with_context(|| format!("cannot write {}", file.display()))?;
	let mut rustfmt = Command::new("rustfmt");
	rustfmt.args(["--edition", "2021"]).arg(file);
	succeed(&mut rustfmt, file.parent().context("the file is in no folder")?).await
}

async fn succeed(command: &mut Command, folder: &Path) -> Result<()> {
	let program = command.as_std().get_program().to_owned();
	let status = command
		.current_dir(folder)
		.kill_on_drop(true)
		.status()
		.await
		.with_context(|| format!("cannot start {}", program.display()))?;
	if !status.success() {
		bail!("{} ended with {status}", program.display());
	}
	Ok(())
}
