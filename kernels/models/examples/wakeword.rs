//! What a wake-word network costs: `wakeword <folder of the networks>`. Time is that of the
//! reference, on one thread.
#![allow(clippy::unwrap_used, reason = "an example stops where something fails")]

use assay_models::wakeword;
use assay_program::Parameters;
use std::{hint::black_box, path::Path, time::Instant};

const ROWS: u32 = 100;
const RUNS: u32 = 20;

fn main() {
	let folder = std::env::args().nth(1).unwrap_or_else(|| ".assay/models/wakeword".into());
	for (name, _) in wakeword::MODELS {
		let imported = wakeword::import(Path::new(&folder), name).unwrap();
		let parameters = Parameters::encoder(1, ROWS);
		let form = imported.program.cost_form();
		let input = vec![0x90; form.input_length(&parameters) as usize];
		let begun = Instant::now();
		for _ in 0..RUNS {
			let (program, weights) = (&imported.program, &imported.weights);
			black_box(assay_reference::run(program, weights, &input, &parameters).unwrap());
		}
		let micros = begun.elapsed().as_micros() / u128::from(RUNS * ROWS);
		println!(
			"{name}: program {} bytes, weights {} bytes, {} units for {ROWS} rows, {micros} us a row",
			imported.program_bytes.len(),
			imported.weights.len(),
			form.units(&parameters, 1),
		);
	}
}
