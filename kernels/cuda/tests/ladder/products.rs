//! What the report says of the imported models' products: that it has all of them, and in which
//! sizes.

use crate::real::folder;
use assay_cuda::{products, Kernel, Product, Workload};
use assay_models::{minilm, smollm2, wakeword, Imported};
use assay_program::{Operator, Parameters};
use std::sync::Arc;

fn workload(imported: &Imported, batch: u32, sequence: u32, past: u32) -> Workload {
	let program = Arc::new(imported.program.clone());
	Workload { name: "as a test".into(), program, batch, sequence, past }
}

/// Sizes, and how many there are of each.
fn sizes(products: &[Product]) -> Vec<(Kernel, u32, [u64; 4])> {
	let of = |p: &Product| (p.kernel, p.times, [p.rows, p.columns, p.depth, p.heads]);
	products.iter().map(of).collect()
}

/// Each operator that multiplies matrices is in a row, once.
fn assert_complete(imported: &Imported, products: &[Product]) {
	let is_product = |operator: &&Operator| {
		matches!(
			operator,
			Operator::Linear { .. }
				| Operator::Scores { .. }
				| Operator::Context { .. }
				| Operator::Convolution { .. }
		)
	};
	let operators = imported.program.operators.iter().filter(is_product).count();
	assert_eq!(products.iter().map(|product| product.times).sum::<u32>() as usize, operators);
}

#[test]
fn products_of_minilm_are_those_of_its_layers() {
	let imported = minilm::import(&folder("minilm")).unwrap();
	let found = products(&workload(&imported, 16, 128, 0)).unwrap();
	assert_complete(&imported, &found);
	let expected = [
		(Kernel::LinearMma, 24, [2_048, 384, 384, 1]),
		(Kernel::ScoresMma, 6, [128, 128, 32, 192]),
		(Kernel::ContextMma, 6, [128, 32, 128, 192]),
		(Kernel::LinearMma, 6, [2_048, 1_536, 384, 1]),
		(Kernel::LinearMma, 6, [2_048, 384, 1_536, 1]),
	];
	assert_eq!(sizes(&found), expected);
	// What programs are priced by counts the same products, and other operators beside them.
	let units = imported.program.cost_form().units(&Parameters::encoder(16, 128), 1) << 20;
	let parts: u64 = found.iter().map(|p| p.macs() * p.parts * u64::from(p.times)).sum();
	let part = parts as f64 / units as f64;
	assert!((0.95..1.0).contains(&part), "{part}");
	// Rows of int16, weights of int8, and int32 that is made.
	let bytes = 2_048 * 384 * 2 + 384 * 384 + 2_048 * 384 * 4;
	assert_eq!(found[0].bytes, bytes);
}

#[test]
fn products_of_smollm2_are_those_of_prompt_and_token() {
	let imported = smollm2::import(&folder("smollm2")).unwrap();
	let prompt = products(&workload(&imported, 1, 512, 0)).unwrap();
	let token = products(&workload(&imported, 1, 1, 512)).unwrap();
	for found in [&prompt, &token] {
		assert_complete(&imported, found);
	}
	let (prompt, token) = (sizes(&prompt), sizes(&token));
	assert!(prompt.contains(&(Kernel::ScoresMma, 30, [512, 512, 64, 9])), "{prompt:?}");
	assert!(prompt.contains(&(Kernel::ContextMma, 30, [512, 64, 512, 9])), "{prompt:?}");
	assert!(token.contains(&(Kernel::ScoresMma, 30, [1, 513, 64, 9])), "{token:?}");
	// A prompt's last position alone gets logits.
	for found in [&prompt, &token] {
		let logits = found.iter().filter(|(_, _, size)| size[1] == 49_152);
		assert!(logits.clone().count() > 0, "{found:?}");
		assert!(logits.clone().all(|(kernel, ..)| *kernel == Kernel::LinearFew), "{found:?}");
	}
	assert!(token.iter().all(|(kernel, ..)| *kernel != Kernel::LinearMma), "{token:?}");
}

#[test]
fn products_of_wake_words_are_their_convolutions() {
	for (file, _) in wakeword::MODELS {
		let imported = wakeword::import(&folder("wakeword"), file).unwrap();
		let found = products(&workload(&imported, 1, 100, 0)).unwrap();
		assert_complete(&imported, &found);
		assert!(found.len() > 1, "{found:?}");
		assert!(found.iter().all(|p| p.kernel == Kernel::Convolution && p.rows == 100));
	}
}
