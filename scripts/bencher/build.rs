//! Builds the runtime's Wasm with its benchmarks, and nothing of the native runtime: the feature
//! reaches down to `sp-runtime`, and this program is compiled without it.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
	let here = std::env::var("CARGO_MANIFEST_DIR")?;
	let runtime = Path::new(&here).join("../../runtime/Cargo.toml").canonicalize()?;
	// The file that names the blob is left alone: `xtask weights` knows where the blob lies.
	substrate_wasm_builder::WasmBuilder::new()
		.with_project(runtime)?
		.enable_feature("runtime-benchmarks")
		.import_memory()
		.export_heap_base()
		.build();
	Ok(())
}
