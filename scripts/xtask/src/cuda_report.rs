//! `cargo xtask cuda-report`: what the CUDA kernels become, told from compiled code alone.

use crate::paths;
use anyhow::{Context, Result};
use std::path::Path;

/// Loads NVRTC from where `scripts/setup` put it, where no other is named.
pub(crate) fn load_compiler(root: &Path) -> Result<()> {
	let library = root.join(".assay/cuda/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
	if std::env::var_os("ASSAY_NVRTC").is_none() && library.is_file() {
		assay_cuda::load_compiler(&library).context("NVRTC of .assay/cuda")?;
	}
	Ok(())
}

/// Prints the report.
pub(crate) fn run() -> Result<()> {
	load_compiler(&paths::root()?)?;
	print!("{}", assay_cuda::report().context("compiling the kernels")?);
	Ok(())
}
