//! Whether the integer program still computes the published model, on little text: the whole
//! measurement is `cargo xtask quality`.

use crate::common;
use assay_models::{
	cosine,
	smollm2::{self, Head},
	ChatTokenizer,
};
use assay_program::{Backend, Outcome, Parameters};
use std::sync::Arc;

const TEXT: &str = "The capital of France is";

fn run(backend: &dyn Backend, head: Head, ids: &[i32], max_steps: u32) -> Vec<i32> {
	let imported = smollm2::convert(common::published(), head).unwrap();
	let model = backend.load(Arc::new(imported.program), imported.weights.into()).unwrap();
	let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
	let sequence = ids.len() as u32;
	let parameters = Parameters { batch: 1, sequence, max_steps, sampling: None };
	match model.run(&input, &parameters).unwrap() {
		Outcome::Output { data, .. } => {
			data.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect()
		},
		other => panic!("{other:?}"),
	}
}

fn ids() -> Vec<i32> {
	let limit = smollm2::MAX_SEQUENCE as usize;
	ChatTokenizer::from_gguf(common::published(), limit).unwrap().encode(TEXT).unwrap()
}

#[test]
fn reference_goes_on_as_the_float_model() {
	let float: Vec<Vec<(i32, f64)>> = common::reference_steps("greedy", 4, &[ids()]);
	let float: Vec<i32> = float[0].iter().map(|(id, _)| *id).collect();
	let integer = run(&assay_reference::ReferenceBackend, Head::Generate, &ids(), 4);
	assert_eq!(integer, float);
}

#[test]
fn logits_are_close_to_those_of_the_float_model() {
	let float: Vec<Vec<f32>> = common::reference_steps("logits", 0, &[ids()]);
	let all = run(&assay_reference::ReferenceBackend, Head::Logits, &ids(), 1);
	let one = f32::from(2u8).powi(smollm2::LOGIT_FRACTION_BITS.into());
	let last = all.chunks_exact(smollm2::VOCABULARY).last().unwrap();
	let integer: Vec<f32> = last.iter().map(|logit| *logit as f32 / one).collect();
	let cosine = cosine(&float[0], &integer);
	println!("cosine of the logits {cosine:.6}");
	// 0.99898 by this list of matrices with a second table; 0.9995 and more if all had one. Perplexity
	// and greedy agreement, which users see, are in the table of the crate's docs.
	assert!(cosine >= 0.998, "cosine {cosine}");
}
