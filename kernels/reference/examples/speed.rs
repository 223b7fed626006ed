//! How long the reference takes for an encoder of MiniLM-L6's sizes:
//! `cargo run --release -p assay-reference --example speed`.

use assay_program::Parameters;
use assay_reference::{
	run,
	sample::{self, Shape, Style},
	HostError,
};
use std::time::Instant;

fn main() -> Result<(), HostError> {
	let program = sample::encoder(&Shape::MINILM);
	let form = program.cost_form();
	let weights = sample::weights(&program, Style::Plausible, 1);
	println!("weights: {} bytes", weights.len());
	for (batch, sequence) in [(1, 16), (1, 128), (16, 128), (1, 512)] {
		let parameters = Parameters::encoder(batch, sequence);
		let units = form.units(&parameters, 1);
		if units > 8_192 {
			println!("{batch} x {sequence}: {units} units");
			continue;
		}
		let input = sample::input(Shape::MINILM.vocabulary, batch, sequence, 1);
		let start = Instant::now();
		run(&program, &weights, &input, &parameters)?;
		println!("{batch} x {sequence}: {units} units in {:?}", start.elapsed());
	}
	Ok(())
}
