//! Prints how many thousand million multiply-accumulates a second one thread does, for the shapes
//! of MiniLM and every instruction set of this processor.

use assay_cpu::{
	product::{product_into, PackedColumns, PackedWeights, Rows},
	Processor,
};
use std::time::Instant;

fn main() {
	for (rows, depth, columns) in [(128, 384, 384), (128, 384, 1536), (128, 1536, 384)] {
		let weights: Vec<u8> = (0..columns * depth).map(|i| (i * 7 % 251) as u8).collect();
		let values: Vec<i16> = (0..rows * depth).map(|i| (i * 13 % 4095) as i16 - 2047).collect();
		let packed = PackedWeights::new(&weights, columns, depth);
		let mut sums = vec![0; rows * columns];
		let mut scratch = PackedColumns::default();
		for processor in Processor::all() {
			let left = Rows::new(&values, depth, rows);
			let mut best = f64::INFINITY;
			for _ in 0..20 {
				let start = Instant::now();
				product_into(processor, left, &packed, &mut scratch, &mut sums);
				best = best.min(start.elapsed().as_secs_f64());
			}
			let rate = (rows * depth * columns) as f64 / best / 1e9;
			let set = processor.set();
			println!("{rows} x {depth} x {columns} {set}: {rate:.1} GMAC/s");
		}
	}
}
