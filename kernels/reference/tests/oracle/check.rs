//! Whole runs against the formulas, and what to try them with.

use super::{Scene, Wide};
use assay_program::{Dim, Kind, Outcome, Parameters, Program, StepShape, TensorInfo};
use assay_reference::{sample::Style, trace};
use proptest::prelude::*;

fn widen(info: &TensorInfo, bytes: &[u8], shape: StepShape) -> Wide {
	let size = |dim: &Dim| dim.size(shape) as usize;
	let data = match info.kind {
		Kind::Quantised { .. } => bytes
			.chunks_exact(2)
			.map(|word| i16::from_le_bytes(word.try_into().unwrap()).into())
			.collect(),
		Kind::Affine => bytes.iter().map(|byte| i8::from_le_bytes([*byte]).into()).collect(),
		_ => bytes
			.chunks_exact(4)
			.map(|word| i32::from_le_bytes(word.try_into().unwrap()).into())
			.collect(),
	};
	Wide { dims: info.dims.iter().map(size).collect(), kind: info.kind, data }
}

/// Every index of a tensor, in row-major order.
fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
	dims.iter().fold(vec![vec![]], |prefixes, dim| {
		let extend =
			|prefix: Vec<usize>| (0..*dim).map(move |index| [prefix.as_slice(), &[index]].concat());
		prefixes.into_iter().flat_map(extend).collect()
	})
}

/// Runs a program and compares every element of every operator of every step with its formula.
pub fn check(program: &Program, weights: &[u8], input: &[u8], parameters: &Parameters) -> Outcome {
	let infos = program.tensors().unwrap();
	let mut steps: Vec<Vec<Wide>> = Vec::new();
	let outcome = trace(program, weights, input, parameters, |step, number, bytes| {
		if number == 0 {
			assert_eq!(steps.len(), step as usize);
			steps.push(Vec::new());
		}
		let shape = StepShape::of(parameters, step);
		steps.last_mut().unwrap().push(widen(&infos[number], bytes, shape));
	})
	.unwrap();
	assert!(matches!(outcome, Outcome::Output { .. }));
	assert_eq!(outcome.count() as usize, steps.len());
	for (step, made) in steps.iter().enumerate() {
		assert_eq!(made.len(), program.operators.len());
		for (number, operator) in program.operators.iter().enumerate() {
			if (step, number) == (0, 0) {
				continue;
			}
			let (earlier, tensors) = (&steps[..step], &made[..number]);
			let scene = Scene { program, weights, parameters, earlier, tensors };
			let made = &made[number];
			let places = indices(&made.dims);
			assert_eq!(places.len(), made.data.len(), "{} {number}", operator.name());
			for (at, actual) in places.iter().zip(&made.data) {
				let expected = scene.element(operator, made, at);
				let name = operator.name();
				assert_eq!(*actual, expected, "step {step}, {name} {number} at {at:?}");
			}
		}
		let stops = made[made.len() - 2].data == [1];
		assert_eq!(stops, step + 1 == steps.len(), "step {step}");
	}
	outcome
}

/// What weights are like.
pub fn style() -> impl Strategy<Value = Style> {
	prop_oneof![Just(Style::Plausible), Just(Style::Random), Just(Style::Extreme)]
}

/// Values at which something could go wrong, and any others.
pub fn hostile() -> impl Strategy<Value = i32> {
	prop_oneof![
		Just(i32::MIN),
		Just(i32::MIN + 1),
		Just(i32::MAX),
		Just(i32::MAX - 1),
		-2i32..=2,
		any::<i32>(),
		-70_000i32..70_000,
		Just((1 << 25) - 1),
		Just(1 << 25),
		Just(-(1 << 25)),
	]
}
