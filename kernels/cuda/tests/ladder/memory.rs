//! What happens where memory ends, where jobs come at once and where there are several devices.

use crate::shim::Shim;
use assay_cuda::{DeviceBackend, Products};
use assay_program::{Backend, BackendError, Model, Parameters, Program};
use assay_reference::sample::{self, DecoderShape, Shape, Style};
use bytes::Bytes;
use std::{
	ops::ControlFlow,
	sync::{atomic::Ordering, Arc},
};

fn encoder(max_sequence: u32) -> (Arc<Program>, Bytes) {
	let program = sample::encoder(&Shape { max_sequence, max_batch: 8, ..Shape::SMALL });
	let weights = sample::weights(&program, Style::Plausible, 1);
	(Arc::new(program), weights.into())
}

fn check(
	program: &Program,
	weights: &[u8],
	model: &dyn Model,
	batch: u32,
	sequence: u32,
	seed: u64,
) {
	let parameters = Parameters::encoder(batch, sequence);
	let input = sample::input(Shape::SMALL.vocabulary, batch, sequence, seed);
	let expected = assay_reference::run(program, weights, &input, &parameters).unwrap();
	assert_eq!(model.run(&input, &parameters).unwrap(), expected);
}

#[test]
fn running_out_of_memory_is_an_error_that_leaves_the_backend_serving() {
	let (program, weights) = encoder(128);
	let shim = Shim::new(Products::Dot, false).with_memory(600_000);
	let memory = shim.memory.clone();
	let backend = DeviceBackend::new([shim]);
	let model = backend.load(program.clone(), weights.clone()).unwrap();
	let large = Parameters::encoder(8, 128);
	let input = sample::input(Shape::SMALL.vocabulary, 8, 128, 2);
	for seed in 0..3 {
		check(&program, &weights, &*model, 2, 16, seed);
		assert_eq!(model.run(&input, &large), Err(BackendError::OutOfMemory));
	}
	check(&program, &weights, &*model, 2, 16, 9);
	// Another model finds what the first one left, once that is gone.
	let in_use = memory.used.load(Ordering::Relaxed);
	assert!(in_use <= 600_000, "{in_use}");
	drop(model);
	let model = backend.load(program.clone(), weights.clone()).unwrap();
	check(&program, &weights, &*model, 1, 5, 3);
}

#[test]
fn a_model_that_does_not_fit_is_refused_and_takes_nothing() {
	let (program, weights) = encoder(16);
	let shim = Shim::new(Products::Dot, false).with_memory(1_000);
	let memory = shim.memory.clone();
	let refused = DeviceBackend::new([shim]).load(program, weights).map(|_| ());
	assert_eq!(refused, Err(BackendError::OutOfMemory));
	assert_eq!(memory.used.load(Ordering::Relaxed), 0);
}

#[test]
fn jobs_at_once_on_several_devices_do_not_touch_each_other() {
	let (program, weights) = encoder(16);
	// The last device is too small for the model, and is left out.
	let devices =
		[(Products::Plain, usize::MAX), (Products::Tensor, usize::MAX), (Products::Dot, 9)];
	let shims = devices.map(|(products, limit)| Shim::new(products, false).with_memory(limit));
	let model = DeviceBackend::new(shims).load(program.clone(), weights.clone()).unwrap();
	std::thread::scope(|scope| {
		for seed in 0..12u64 {
			let (model, program, weights) = (model.clone(), program.clone(), weights.clone());
			scope.spawn(move || {
				for turn in 0..4 {
					// Two sequences, so that some jobs can be batched and others not.
					let (batch, sequence) = (seed as u32 % 3 + 1, 7 + turn as u32 % 2);
					check(&program, &weights, &*model, batch, sequence, seed * 10 + turn);
				}
			});
		}
	});
}

#[test]
fn a_listener_that_breaks_ends_the_run() {
	let shape = DecoderShape { ends: 0, ..DecoderShape::SMALL };
	let program = Arc::new(sample::decoder(&shape));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 4).into();
	let backend = DeviceBackend::new([Shim::new(Products::Tensor, false)]);
	let model = backend.load(program.clone(), weights.clone()).unwrap();
	let parameters = Parameters { batch: 1, sequence: 5, max_steps: 9, sampling: None };
	let input = sample::prompt(&shape, 1, 5, 6);
	let mut steps = 0;
	let stopped = model.stream(&input, &parameters, &mut |_| {
		steps += 1;
		if steps == 3 {
			ControlFlow::Break(())
		} else {
			ControlFlow::Continue(())
		}
	});
	assert_eq!((stopped, steps), (Err(BackendError::Stopped), 3));
	let expected = assay_reference::run(&program, &weights, &input, &parameters).unwrap();
	assert_eq!(model.run(&input, &parameters).unwrap(), expected);
	assert_eq!(expected.count(), 9);
}
