//! Whether the integer program still computes the published model, on little text: the whole
//! measurement is `cargo xtask quality`.

use crate::common;
use assay_cpu::CpuBackend;
use assay_models::{
	cosine,
	smollm2::{self, Head},
	ChatTokenizer,
};
use assay_program::{Backend, Outcome, Parameters, Sampling};
use assay_reference::ReferenceBackend;
use std::sync::Arc;

const TEXT: &str = "The capital of France is";

/// What a backend makes of one prompt.
fn run(
	backend: &dyn Backend,
	head: Head,
	ids: &[i32],
	(max_steps, sampling): (u32, Option<Sampling>),
) -> Vec<i32> {
	let imported = smollm2::convert(common::published(), head).unwrap();
	let model = backend.load(Arc::new(imported.program), imported.weights.into()).unwrap();
	let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
	let sequence = ids.len() as u32;
	let parameters = Parameters { batch: 1, sequence, max_steps, sampling };
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
fn reference_and_backend_go_on_as_the_float_model() {
	let float: Vec<Vec<(i32, f64)>> = common::reference_steps("greedy", 4, &[ids()]);
	let float: Vec<i32> = float[0].iter().map(|(id, _)| *id).collect();
	let integer = run(&ReferenceBackend, Head::Generate, &ids(), (4, None));
	assert_eq!(integer, float);
	for threads in [1, 2] {
		let cpu = run(&CpuBackend::new(Some(threads)), Head::Generate, &ids(), (4, None));
		assert_eq!(cpu, integer, "{threads} threads");
	}
}

#[test]
fn backend_draws_what_the_reference_draws() {
	// Hot, so that what is drawn is rarely the likeliest.
	let sampling =
		Sampling { temperature_q16: 3 << 16, top_k: 1_000, top_p_q16: 64_000, seed: [7; 32] };
	let job = (3, Some(sampling));
	let drawn = run(&ReferenceBackend, Head::Generate, &ids()[..3], job.clone());
	assert_eq!(run(&CpuBackend::new(None), Head::Generate, &ids()[..3], job), drawn);
	let likeliest = run(&CpuBackend::new(None), Head::Generate, &ids()[..3], (3, None));
	assert_ne!(drawn, likeliest);
}

#[test]
fn logits_are_close_to_those_of_the_float_model() {
	let float: Vec<Vec<f32>> = common::reference_steps("logits", 0, &[ids()]);
	let all = run(&ReferenceBackend, Head::Logits, &ids(), (1, None));
	// Every logit of every position, not only which is the largest.
	assert!(run(&CpuBackend::new(None), Head::Logits, &ids(), (1, None)) == all);
	let one = f32::from(2u8).powi(smollm2::LOGIT_FRACTION_BITS.into());
	let last = all.chunks_exact(smollm2::VOCABULARY).last().unwrap();
	let integer: Vec<f32> = last.iter().map(|logit| *logit as f32 / one).collect();
	let cosine = cosine(&float[0], &integer);
	println!("cosine of the logits {cosine:.6}");
	// 0.99898 by this list of matrices with a second table; 0.9995 and more if all had one. Perplexity
	// and greedy agreement, which users see, are in the table of the crate's docs.
	assert!(cosine >= 0.998, "cosine {cosine}");
}
