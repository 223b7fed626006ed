//! llama.cpp as Node.js loads it, by npm: too large for what `scripts/setup` does for everybody.

use crate::Result;
use std::{fs, path::Path, process::Command};

/// Flags of `npm`: what was built by others for this machine, and no program of any package runs.
const NPM: [&str; 5] = ["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];

/// Installs what the lock file in `folder` pins, unless it is there already.
///
/// # Errors
/// Names the command that failed, and its folder.
pub(crate) fn install(folder: &Path) -> Result<()> {
	let folder = folder.canonicalize()?;
	let pinned = fs::read(folder.join("package-lock.json"))?;
	// A copy of the lock file in what was installed by it, as `scripts/setup` leaves it elsewhere.
	let installed = folder.join("node_modules/.installed-lock.json");
	if fs::read(&installed).is_ok_and(|found| found == pinned) {
		return Ok(());
	}
	let (command, place) = (format!("npm {}", NPM.join(" ")), folder.display());
	println!("installing llama.cpp (about 700 MB): {command} in {place}");
	let status = Command::new("npm").args(NPM).current_dir(&folder).status();
	match status {
		Ok(status) if status.success() => Ok(fs::write(installed, pinned)?),
		Ok(status) => Err(format!("{command} in {place} ended with {status}").into()),
		Err(error) => Err(format!("cannot start {command} in {place}: {error}").into()),
	}
}
