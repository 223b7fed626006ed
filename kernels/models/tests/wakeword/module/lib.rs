//! `assay-reference` as a module by itself, as a runtime has it: without std, under the rule that
//! nothing is imported. `recompute.rs` builds and runs it.
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use assay_program::{Parameters, Program};
use codec::{Decode, Encode};
use core::{
	alloc::{GlobalAlloc, Layout},
	sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Memory is given out one piece after the other and never taken back: what the module has in the
/// end is all that it ever asked for, which is more than it used at once.
struct Growing;

static NEXT: AtomicUsize = AtomicUsize::new(0);
const PAGE: usize = 1 << 16;

// SAFETY: pieces are aligned, lie behind each other, and within the memory.
unsafe impl GlobalAlloc for Growing {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		let have = core::arch::wasm32::memory_size(0) * PAGE;
		let next = match NEXT.load(Relaxed) {
			// Behind stack and data.
			0 => have,
			next => next,
		};
		let start = next.next_multiple_of(layout.align());
		let end = start + layout.size();
		let missing = end.saturating_sub(have).div_ceil(PAGE);
		if missing > 0 && core::arch::wasm32::memory_grow(0, missing) == usize::MAX {
			return core::ptr::null_mut();
		}
		NEXT.store(end, Relaxed);
		start as *mut u8
	}

	unsafe fn dealloc(&self, _memory: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static MEMORY: Growing = Growing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
	core::arch::wasm32::unreachable()
}

/// Room for an input.
#[no_mangle]
pub extern "C" fn allocate(length: usize) -> *mut u8 {
	Vec::<u8>::with_capacity(length).leak().as_mut_ptr()
}

/// Runs a program: of its bytes, weights, input and parameters, one after the other in SCALE, makes
/// the outcome in SCALE. Its address is in the upper half.
///
/// # Safety
/// The memory must be from `allocate`, of that length and filled.
#[no_mangle]
pub unsafe extern "C" fn recompute(start: *const u8, length: usize) -> u64 {
	// SAFETY: as the caller promises.
	let mut bytes = unsafe { core::slice::from_raw_parts(start, length) };
	type Job = (Vec<u8>, Vec<u8>, Vec<u8>, Parameters);
	let (program, weights, input, parameters) = Job::decode(&mut bytes).unwrap();
	let program = Program::decode_validated(&program).unwrap();
	let outcome = assay_reference::run(&program, &weights, &input, &parameters).unwrap();
	let made = outcome.encode().leak();
	(made.as_ptr() as u64) << 32 | made.len() as u64
}
