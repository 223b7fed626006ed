//! The imported models with their own weights: every tensor of a short job against the reference,
//! then the job as jobs run.
//!
//! What other rungs show of made-up weights, this shows of those that serve, whose rows have the
//! outliers that real layers make. PoCL computes each model whole; the shim, which would take
//! minutes, the wake-word networks whole, and of each other the first layer.

use crate::{checks::Case, opencl::pocl, shim::Shim};
use assay_cuda::{Device, DeviceBackend, Products};
use assay_models::{
	minilm,
	smollm2::{self, Head},
	wakeword, Imported,
};
use assay_program::{Operator, Parameters, Sampling, TensorId};
use assay_reference::sample::Generator;
use std::path::{Path, PathBuf};

/// Rows of a wake-word network's input: more than any of its filters sees.
const CALLS: u32 = 40;

/// A folder of models that `scripts/setup` makes. Its absence fails the test: nothing is skipped.
pub(crate) fn folder(name: &str) -> PathBuf {
	let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.assay/models").join(name);
	assert!(models.is_dir(), "{} is absent: run scripts/setup first", models.display());
	models
}

/// Token ids that each of the vocabularies has.
fn tokens(parameters: &Parameters) -> Vec<u8> {
	let mut generator = Generator::new(11);
	let count = parameters.batch * parameters.sequence;
	(0..count).flat_map(|_| (generator.below(20_000) + 1_000).to_le_bytes()).collect()
}

fn check<D: Device>(
	backend: &DeviceBackend<D>,
	imported: &Imported,
	input: &[u8],
	parameters: &Parameters,
) {
	let Imported { program, weights, .. } = imported;
	Case { program, weights, input, parameters }.check(backend);
}

/// Two sentences, the second of which ends early: more rows than are multiplied without tiles.
fn embed<D: Device>(backend: &DeviceBackend<D>, minilm: &Imported) {
	let parameters = Parameters::encoder(2, 5);
	let mut input = tokens(&parameters);
	let padded = input.len() - 8;
	input[padded..].copy_from_slice(&[0xff; 8]);
	check(backend, minilm, &input, &parameters);
}

/// A prompt of two tokens and what comes after it.
fn chat<D: Device>(backend: &DeviceBackend<D>, max_steps: u32, sampling: Option<Sampling>) {
	let imported = smollm2::import(&folder("smollm2")).unwrap();
	let parameters = Parameters { batch: 1, sequence: 2, max_steps, sampling };
	check(backend, &imported, &tokens(&parameters), &parameters);
}

/// The end of each word, by the network that listens for it.
fn listen<D: Device>(backend: &DeviceBackend<D>) {
	let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/corpus/wakeword");
	for (file, _) in wakeword::MODELS {
		let imported = wakeword::import(&folder("wakeword"), file).unwrap();
		let spoken = corpus.join(Path::new(file).with_extension("features"));
		let spoken = std::fs::read(spoken).unwrap();
		let end = spoken.len() - CALLS as usize * wakeword::FRAMES * wakeword::FEATURES;
		check(backend, &imported, &spoken[end..], &Parameters::encoder(1, CALLS));
	}
}

/// The model up to one of its norms: a program of its own, with the same weights.
fn up_to(mut model: Imported, norm: usize, is_norm: fn(&Operator) -> bool) -> Imported {
	let operators = &mut model.program.operators;
	let mut norms = operators.iter().enumerate().filter(|(_, operator)| is_norm(operator));
	let (last, _) = norms.nth(norm - 1).expect("no such norm");
	operators.truncate(last + 1);
	let place = |number: usize| TensorId(u16::try_from(number).unwrap());
	operators.push(Operator::Stop { next: None, ends: Vec::new() });
	operators.push(Operator::Emit { value: place(last), stop: place(last + 1) });
	model.program.validate().unwrap();
	model
}

/// The embeddings' norm, then the two of a layer.
fn a_layer_of_minilm<D: Device>(backend: &DeviceBackend<D>) {
	let whole = minilm::import(&folder("minilm")).unwrap();
	embed(backend, &up_to(whole, 3, |operator| matches!(operator, Operator::Normalise { .. })));
}

/// A layer's two norms, then the next one's first. The prompt takes tiles.
fn a_layer_of_smollm2<D: Device>(backend: &DeviceBackend<D>) {
	let file = std::fs::read(folder("smollm2").join(smollm2::MODEL_FILE)).unwrap();
	let whole = smollm2::convert(&file, Head::Logits).unwrap();
	let is_norm = |operator: &_| matches!(operator, Operator::RmsNormalise { .. });
	let parameters = Parameters::encoder(1, 10);
	let Imported { program, weights, .. } = &up_to(whole, 3, is_norm);
	let (input, parameters) = (&tokens(&parameters), &parameters);
	Case { program, weights, input, parameters }.check_tensors(backend);
}

fn shim(products: Products) -> DeviceBackend<Shim> {
	DeviceBackend::new([Shim::new(products, products == Products::Dot)])
}

#[test]
fn layers_of_models_by_plain_products_on_the_shim() {
	a_layer_of_minilm(&shim(Products::Plain));
	a_layer_of_smollm2(&shim(Products::Plain));
}

#[test]
fn layers_of_models_by_dot_products_on_the_shim() {
	a_layer_of_minilm(&shim(Products::Dot));
	a_layer_of_smollm2(&shim(Products::Dot));
}

#[test]
fn layers_of_models_by_tensor_products_on_the_shim() {
	a_layer_of_minilm(&shim(Products::Tensor));
	a_layer_of_smollm2(&shim(Products::Tensor));
}

#[test]
fn wake_words_on_the_shim() {
	for reversed in [false, true] {
		listen(&DeviceBackend::new([Shim::new(Products::Plain, reversed)]));
	}
}

#[test]
fn minilm_and_wake_words_on_pocl() {
	let minilm = minilm::import(&folder("minilm")).unwrap();
	for products in [Products::Plain, Products::Dot] {
		embed(&pocl(products), &minilm);
	}
	listen(&pocl(Products::Plain));
}

#[test]
fn smollm2_on_pocl() {
	chat(&pocl(Products::Plain), 1, None);
	let sampling =
		Sampling { temperature_q16: 90_000, top_k: 40, top_p_q16: 60_000, seed: [7; 32] };
	chat(&pocl(Products::Dot), 3, Some(sampling));
}
