//! The test of the tests: kernels that are wrong in one place, and what finds them.

use crate::{
	checks::{self, small_decoder, Case},
	opencl::{complains, oclgrind, Part},
	shim::{Shim, PRODUCTS},
};
use assay_cuda::{DeviceBackend, Products};
use assay_program::Parameters;
use assay_reference::sample::{self, NetworkShape, Shape, Style};

/// The source with one place changed. The place must be there, once.
pub(crate) fn broken(from: &str, to: &str) -> String {
	let source = assay_cuda::source();
	assert_eq!(source.matches(from).count(), 1, "{from}");
	source.replace(from, to)
}

/// The first difference that the shim shows with a source.
fn difference(source: &str, products: Products, reversed: bool) -> Option<String> {
	let backend = DeviceBackend::new([Shim::of(source, products, reversed)]);
	let shape = Shape { width: 48, heads: 2, inner: 70, max_sequence: 80, ..Shape::SMALL };
	let program = sample::encoder(&shape);
	let weights = sample::weights(&program, Style::Plausible, 1);
	let input = sample::input(shape.vocabulary, 1, 70, 2);
	let parameters = &Parameters::encoder(1, 70);
	let case = Case { program: &program, weights: &weights, input: &input, parameters };
	case.difference(&backend)
}

/// The largest of a row, without the barrier between laying partials down and comparing them.
const NO_BARRIER: (&str, &str) = (
	"\tpartials[place] = partial;\n\tBARRIER();\n\tfor (int32_t reach = THREADS_X / 2; reach > 0; \
	 reach /= 2) {\n\t\tif (THREAD_X < reach) {\n\t\t\tpartials[place] = max64(",
	"\tpartials[place] = partial;\n\tfor (int32_t reach = THREADS_X / 2; reach > 0; reach /= 2) {\n\
	 \t\tif (THREAD_X < reach) {\n\t\t\tpartials[place] = max64(",
);

#[test]
fn a_missing_barrier_is_found_by_thread_order_and_by_oclgrind() {
	let source = broken(NO_BARRIER.0, NO_BARRIER.1);
	let found = [false, true].map(|reversed| difference(&source, Products::Plain, reversed));
	assert!(found.iter().any(Option::is_some), "the shim finds no missing barrier");
	let (_, said) = oclgrind(&source, Part::Plain);
	assert!(complains(&said) && said.contains("data race"), "{said}");
}

#[test]
fn a_wrong_index_is_found_in_every_kind_of_product() {
	let wrong = [
		(
			Products::Plain,
			"left[THREAD_Y * TILE + k] * right[",
			"left[THREAD_X * TILE + k] * right[",
		),
		// The second pair of a word of four.
		(
			Products::Dot,
			"const int32_t high = pairs[place + 1];",
			"const int32_t high = pairs[place];",
		),
		// The rows of a fragment's second register.
		(Products::Tensor, "a[m][1] = from[8 * MMA_PITCH];", "a[m][1] = from[4 * MMA_PITCH];"),
		(
			Products::Tensor,
			"const int32_t b[2] = {from[0], from[4]};",
			"const int32_t b[2] = {from[4], from[0]};",
		),
	];
	for products in PRODUCTS {
		assert_eq!(difference(&assay_cuda::source(), products, false), None);
	}
	for (products, from, to) in wrong {
		assert!(difference(&broken(from, to), products, false).is_some(), "not found: {to}");
	}
}

#[test]
fn a_window_that_is_wrong_is_found() {
	// Windows that reach into the input before, and rows of weights without what fills them up.
	let wrong = [
		("const int32_t position = row % sequence;", "const int32_t position = row;"),
		("const int32_t tap = k / width;", "const int32_t tap = k / pitch;"),
	];
	let shape = NetworkShape { features: 17, channels: 33, ..NetworkShape::SMALL };
	let program = sample::network(&shape);
	let weights = sample::weights(&program, Style::Plausible, 3);
	let input = sample::samples(&shape, 4, 16, 5);
	let parameters = &Parameters::encoder(4, 16);
	let case = Case { program: &program, weights: &weights, input: &input, parameters };
	for (from, to) in wrong {
		let backend = DeviceBackend::new([Shim::of(&broken(from, to), Products::Plain, false)]);
		assert!(case.difference(&backend).is_some(), "not found: {to}");
	}
}

#[test]
fn a_rounding_that_is_not_of_float32_is_found() {
	let wrong = [
		// One more bit than a float32 has; half away from the even neighbour.
		("bits_of(value < 0 ? -value : value) - 24;", "bits_of(value < 0 ? -value : value) - 25;"),
		("(rest == middle && (below & 1) != 0)", "rest == middle"),
	];
	let (program, weights) = checks::ties();
	let (input, parameters) = (&[0], &Parameters::encoder(1, 1));
	let case = Case { program: &program, weights: &weights, input, parameters };
	for (from, to) in wrong {
		let backend = DeviceBackend::new([Shim::of(&broken(from, to), Products::Plain, false)]);
		assert!(case.difference(&backend).is_some(), "not found: {to}");
	}
}

#[test]
fn a_step_that_forgets_its_past_is_found() {
	let source = broken(
		"(int64_t)entry * pitch + state[STATE_PAST] + (row - entry * sequence);",
		"(int64_t)entry * pitch + (row - entry * sequence);",
	);
	let backend = DeviceBackend::new([Shim::of(&source, Products::Dot, false)]);
	let shape = small_decoder();
	let program = sample::decoder(&shape);
	let weights = sample::weights(&program, Style::Plausible, 3);
	let input = sample::prompt(&shape, 2, 4, 5);
	let parameters = &Parameters { batch: 2, sequence: 4, max_steps: 5, sampling: None };
	let case = Case { program: &program, weights: &weights, input: &input, parameters };
	assert!(case.difference(&backend).is_some());
}

#[test]
fn a_device_that_is_wrong_is_found_beside_one_that_is_right() {
	let source =
		broken("saturate((int64_t)left[i] + right[i]);", "saturate((int64_t)left[i] - right[i]);");
	let right = Shim::new(Products::Plain, false);
	let backend = DeviceBackend::new([right, Shim::of(&source, Products::Plain, false)]);
	let program = sample::encoder(&Shape::SMALL);
	let weights = sample::weights(&program, Style::Plausible, 1);
	let input = sample::input(Shape::SMALL.vocabulary, 1, 5, 2);
	let parameters = &Parameters::encoder(1, 5);
	let case = Case { program: &program, weights: &weights, input: &input, parameters };
	// A job alone goes to the first of them, whichever is tested.
	assert_eq!(case.difference(&backend), None);
	let wrong: Vec<bool> = backend.alone().map(|one| case.difference(&one).is_some()).collect();
	assert_eq!(wrong, [false, true]);
}
