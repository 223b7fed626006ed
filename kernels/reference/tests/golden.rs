//! The golden vectors hold, cover every operator, and catch a backend that is wrong in one bit.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	Backend, BackendError, InvalidCode, Model, Operator, Outcome, Parameters, Program,
};
use assay_reference::{
	golden::{self, SelfTestError, Vector},
	sample::{self, Shape, Style},
	ReferenceBackend,
};
use codec::Encode;
use std::{collections::BTreeSet, path::Path, sync::Arc};

struct Recipe {
	name: &'static str,
	shape: Shape,
	style: Style,
	batch: u32,
	sequence: u32,
	/// Changes a valid input in place.
	spoil: fn(&mut [u8]),
	/// Bytes cut off the end of the input.
	cut: usize,
}

fn keep(_: &mut [u8]) {}

fn unknown_token(input: &mut [u8]) {
	input[..4].copy_from_slice(&40i32.to_le_bytes());
}

fn empty_row(input: &mut [u8]) {
	input[..4].copy_from_slice(&(-1i32).to_le_bytes());
}

fn recipes() -> Vec<Recipe> {
	let small = Shape::SMALL;
	let eight = Shape { bits: 8, fraction: 12, heads: 3, width: 24, inner: 20, ..small };
	let deep = Shape { layers: 2, width: 40, heads: 5, inner: 72, intervals: 64, ..small };
	let recipe = |name, shape, style, batch, sequence, spoil| Recipe {
		name,
		shape,
		style,
		batch,
		sequence,
		spoil,
		cut: 0,
	};
	vec![
		recipe("layer", small, Style::Plausible, 3, 9, keep),
		recipe("eight_bits", eight, Style::Plausible, 2, 7, keep),
		recipe("two_layers", deep, Style::Plausible, 2, 16, keep),
		recipe("one_token", small, Style::Plausible, 1, 1, keep),
		recipe("random_weights", small, Style::Random, 2, 11, keep),
		recipe("extreme_weights", small, Style::Extreme, 4, 5, keep),
		recipe("extreme_eight_bits", eight, Style::Extreme, 1, 13, keep),
		Recipe { cut: 1, ..recipe("invalid_shape", small, Style::Plausible, 2, 3, keep) },
		recipe("invalid_token", small, Style::Plausible, 2, 3, unknown_token),
		recipe("invalid_padding", small, Style::Plausible, 2, 3, empty_row),
	]
}

fn compute(recipe: &Recipe, seed: u64) -> Vector {
	let Recipe { shape, batch, sequence, .. } = recipe;
	let program = sample::encoder(shape);
	let weights = sample::weights(&program, recipe.style, seed);
	let mut input = sample::input(shape.vocabulary, *batch, *sequence, seed);
	(recipe.spoil)(&mut input);
	input.truncate(input.len() - recipe.cut);
	let parameters = Parameters::encoder(*batch, *sequence);
	Vector::compute(recipe.name, &program, weights, input, parameters).unwrap()
}

#[test]
fn files_are_what_the_reference_computes() {
	let recipes = recipes();
	assert_eq!(recipes.len(), golden::FILES.len());
	let write = std::env::var("ASSAY_GOLDEN").as_deref() == Ok("write");
	for (seed, (recipe, (name, bytes))) in (1..).zip(recipes.iter().zip(golden::FILES)) {
		assert_eq!(recipe.name, name);
		let encoded = compute(recipe, seed).encode();
		if write {
			let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
			std::fs::write(folder.join(format!("{name}.scale")), &encoded).unwrap();
		} else {
			assert_eq!(encoded, bytes, "golden/{name}.scale no longer holds");
		}
	}
}

#[test]
fn vectors_cover_every_operator() {
	let mut seen = BTreeSet::new();
	for (_, vector) in golden::vectors() {
		let vector = vector.unwrap();
		let program = Program::decode_validated(&vector.program).unwrap();
		if matches!(vector.outcome, Outcome::Output { .. }) {
			assert_eq!(vector.tensors.len(), program.operators.len());
			seen.extend(program.operators.iter().map(Operator::name));
		}
	}
	assert_eq!(seen, BTreeSet::from(Operator::NAMES));
}

#[test]
fn plausible_outputs_are_unit_vectors_that_differ() {
	for name in ["layer", "two_layers", "one_token"] {
		let (_, vector) = golden::vectors().find(|(found, _)| *found == name).unwrap();
		let vector = vector.unwrap();
		let Outcome::Output { count: 1, data } = vector.outcome else { panic!("{name}") };
		let width = data.len() / 4 / vector.parameters.batch as usize;
		let values: Vec<i64> = data
			.chunks_exact(4)
			.map(|word| i32::from_le_bytes(word.try_into().unwrap()).into())
			.collect();
		for row in values.chunks_exact(width) {
			let norm = row.iter().map(|value| value * value).sum::<i64>().isqrt();
			assert!((65_500..65_570).contains(&norm), "{name}: {norm}");
			assert!(row.iter().collect::<BTreeSet<_>>().len() > width / 2, "{name}: {row:?}");
		}
		let rows: BTreeSet<&[i64]> = values.chunks_exact(width).collect();
		assert_eq!(rows.len(), vector.parameters.batch as usize, "{name}");
	}
}

#[test]
fn invalid_inputs_have_their_codes() {
	let codes = [
		("invalid_shape", InvalidCode::Shape),
		("invalid_token", InvalidCode::Token),
		("invalid_padding", InvalidCode::Padding),
	];
	for (name, code) in codes {
		let (_, vector) = golden::vectors().find(|(found, _)| *found == name).unwrap();
		assert_eq!(vector.unwrap().outcome, Outcome::Invalid(code));
	}
}

#[test]
fn the_reference_passes_its_own_test() {
	assert_eq!(golden::self_test(&ReferenceBackend), Ok(()));
}

/// The reference with the lowest bit of the last output byte turned over.
struct WrongInOneBit;

struct WrongModel(Arc<dyn Model>);

impl Backend for WrongInOneBit {
	fn name(&self) -> &'static str {
		"wrong"
	}

	fn load(
		&self,
		program: Arc<Program>,
		weights: Arc<[u8]>,
	) -> Result<Arc<dyn Model>, BackendError> {
		Ok(Arc::new(WrongModel(ReferenceBackend.load(program, weights)?)))
	}
}

impl Model for WrongModel {
	fn run(&self, input: &[u8], parameters: &Parameters) -> Result<Outcome, BackendError> {
		let mut outcome = self.0.run(input, parameters)?;
		if let Outcome::Output { data, .. } = &mut outcome {
			*data.last_mut().unwrap() ^= 1;
		}
		Ok(outcome)
	}
}

#[test]
fn a_backend_that_is_wrong_in_one_bit_fails() {
	let result = golden::self_test(&WrongInOneBit);
	assert!(matches!(result, Err(SelfTestError::Differs { vector: "layer", .. })), "{result:?}");
}
