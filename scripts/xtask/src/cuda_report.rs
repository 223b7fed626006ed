//! `cargo xtask cuda-report`: what the CUDA kernels become, told from compiled code, and the
//! products of the imported models, told from their programs.

use crate::paths;
use anyhow::{Context, Result};
use assay_cuda::Workload;
use assay_models::{minilm, smollm2, wakeword, Imported};
use std::{path::Path, sync::Arc};

/// Loads NVRTC from where `scripts/setup` put it, where no other is named.
fn load_compiler(root: &Path) -> Result<()> {
	let library = root.join(".assay/cuda/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
	if std::env::var_os("ASSAY_NVRTC").is_none() && library.is_file() {
		assay_cuda::load_compiler(&library).context("NVRTC of .assay/cuda")?;
	}
	Ok(())
}

/// Prints the report.
pub(crate) fn run() -> Result<()> {
	let root = paths::root()?;
	load_compiler(&root)?;
	let report = assay_cuda::report(&workloads(&root)?).context("compiling the kernels")?;
	print!("{report}");
	Ok(())
}

/// Steps of each model: sizes that the benchmark of the processor has, too.
fn workloads(root: &Path) -> Result<Vec<Workload>> {
	let step = |name: &str, imported: &Imported, [batch, sequence, past]: [u32; 3]| Workload {
		name: name.into(),
		program: Arc::new(imported.program.clone()),
		batch,
		sequence,
		past,
	};
	let encoder = minilm::import(&paths::minilm(root)).context("MiniLM; run scripts/setup")?;
	let decoder = smollm2::import(&paths::smollm2(root)).context("SmolLM2; run scripts/setup")?;
	let mut workloads = vec![
		step("MiniLM, 16 inputs of 128 tokens", &encoder, [16, 128, 0]),
		step("SmolLM2, a prompt of 512 tokens", &decoder, [1, 512, 0]),
		step("SmolLM2, a token after 512 others", &decoder, [1, 1, 512]),
	];
	for (file, _) in wakeword::MODELS {
		let network = wakeword::import(&root.join(".assay/models/wakeword"), file)
			.context("wake words; run scripts/setup")?;
		let name = format!("{}, three seconds", file.trim_end_matches(".tflite"));
		workloads.push(step(&name, &network, [1, 100, 0]));
	}
	Ok(workloads)
}
