//! What a job's steps are at, as the kernels read it from device memory (`STATE_*` in
//! `kernels/portable.h`).

use assay_program::{merkle::blake2_256, Parameters};

/// Words of the state.
const WORDS: usize = 16;

/// Bytes of the state on the device.
pub(crate) const STATE_BYTES: usize = WORDS * 4;

/// The state at the beginning of a job.
pub(crate) fn initial(parameters: &Parameters) -> [u8; STATE_BYTES] {
	let sampling = parameters.sampling.as_ref();
	// Where nothing is sampled the operators that sample still have a meaning.
	let mut words = [
		0,
		parameters.sequence,
		0,
		parameters.max_steps,
		u32::from(sampling.is_some()),
		sampling.map_or(1 << 16, |sampling| sampling.temperature_q16),
		sampling.map_or(0, |sampling| sampling.top_k),
		sampling.map_or(1 << 16, |sampling| sampling.top_p_q16),
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
	];
	let seed = sampling.map_or([0; 32], |sampling| sampling.seed);
	let key = blake2_256(&[b"assay/sample/1".as_slice(), &seed].concat());
	for (word, bytes) in words.iter_mut().skip(8).zip(key.as_chunks::<4>().0) {
		*word = u32::from_le_bytes(*bytes);
	}
	let mut bytes = [0; STATE_BYTES];
	for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
		*place = word.to_le_bytes();
	}
	bytes
}
