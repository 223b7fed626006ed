//! What a run takes beside its tensors is bounded, whatever the program.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_cpu::CpuBackend;
use assay_program::{Backend, EmbedBy, Limits, Mask, Operator, Parameters, Program};
use assay_reference::sample::{self, Builder, Style};
use std::{
	alloc::{GlobalAlloc, Layout, System},
	sync::{
		atomic::{AtomicUsize, Ordering::Relaxed},
		Arc,
	},
};

/// The system's allocator, with a count of what is held and of the most that was.
struct Counting {
	held: AtomicUsize,
	most: AtomicUsize,
}

#[global_allocator]
static MEMORY: Counting = Counting { held: AtomicUsize::new(0), most: AtomicUsize::new(0) };

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		let held = self.held.fetch_add(layout.size(), Relaxed) + layout.size();
		self.most.fetch_max(held, Relaxed);
		// SAFETY: the caller keeps the allocator's rules.
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
		self.held.fetch_sub(layout.size(), Relaxed);
		// SAFETY: the caller keeps the allocator's rules.
		unsafe { System.dealloc(memory, layout) }
	}
}

/// Attention of as many heads as a tensor is wide, each of a single element.
fn many_heads() -> Program {
	let width = 131_072;
	let mut builder = Builder::new(Limits::encoder(8, 2));
	let ids = builder.push(Operator::Tokens { vocabulary: 1 });
	let (table, scales) = (builder.matrix(1, width), builder.vector(1));
	let by = EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	let (query, query_max) = builder.quantise(value, width, 12);
	let (key, key_max, shift, fraction) = (query, query_max, 1, 16);
	let scores = builder.push(Operator::Scores { query, query_max, key, key_max, shift, fraction });
	let max = builder.push(Operator::SoftmaxMax { scores, mask: Mask::None });
	let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask: Mask::None });
	let sum = builder.push(Operator::SoftmaxSum { exponentials });
	let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
	let weigh = Operator::ContextWeight { probabilities, value_max: key_max, fraction };
	let weight = builder.push(weigh);
	let (weight, weight_max) = builder.quantise(weight, 1, 12);
	let context =
		Operator::Context { weight, weight_max, value: key, groups: width, shift: 0, fraction };
	let output = builder.push(context);
	builder.finish(output)
}

#[test]
fn many_heads_take_no_more_than_the_tensors_and_a_fixed_amount() {
	let program = many_heads();
	let weights = sample::weights(&program, Style::Plausible, 3);
	let parameters = Parameters::encoder(8, 2);
	let promised = program.live_bytes(&parameters).unwrap() as usize;
	let input = sample::input(1, 8, 2, 1);
	let expected = assay_reference::run(&program, &weights, &input, &parameters).unwrap();
	let backend = CpuBackend::new(Some(2));
	let model = backend.load(Arc::new(program), weights.into()).unwrap();
	let before = MEMORY.held.load(Relaxed);
	MEMORY.most.store(before, Relaxed);
	assert!(model.run(&input, &parameters).unwrap() == expected);
	let most = MEMORY.most.load(Relaxed) - before;
	assert!(most < promised + (100 << 20), "{most} bytes where {promised} were promised");
	// What is kept for the next run is bounded, too.
	let kept = MEMORY.held.load(Relaxed) - before;
	assert!(kept < 150 << 20, "{kept} bytes are kept");
}
