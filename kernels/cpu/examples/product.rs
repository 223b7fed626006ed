//! Prints how many thousand million multiply-accumulates a second one thread does, for the shapes
//! of MiniLM, for a few rows by a large vocabulary, and every instruction set of this processor.

use assay_cpu::{
	product::{product_into, PackedColumns, Rows, Weights},
	Processor,
};
use std::time::Instant;

fn main() {
	let encoder = [(128, 384, 384), (128, 384, 1536), (128, 1536, 384)];
	let decoder = [1, 4, 8, 16, 24].map(|rows| (rows, 576, 49_152));
	for (rows, depth, columns) in encoder.into_iter().chain(decoder) {
		let weights: Vec<u8> = (0..columns * depth).map(|i| (i * 7 % 251) as u8).collect();
		let values: Vec<i16> = (0..rows * depth).map(|i| (i * 13 % 4095) as i16 - 2047).collect();
		let Some(weights) = Weights::new(weights.into(), columns, depth) else { return };
		let mut sums = vec![0; rows * columns];
		let mut scratch = PackedColumns::default();
		for processor in Processor::all() {
			let left = Rows::new(&values, depth, rows);
			let mut best = f64::INFINITY;
			for _ in 0..20 {
				let start = Instant::now();
				product_into(processor, left, &weights, &mut scratch, &mut sums);
				best = best.min(start.elapsed().as_secs_f64());
			}
			let rate = (rows * depth * columns) as f64 / best / 1e9;
			let set = processor.set();
			println!("{rows} x {depth} x {columns} {set}: {rate:.1} GMAC/s");
		}
	}
}
