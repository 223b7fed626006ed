//! Wake-word networks: int8 convolutions over audio features that say, every 30 ms, how likely it
//! is that the word was just spoken.
//!
//! The networks are those of the package `pymicro-wakeword` 2.5.0, which `scripts/setup` fetches:
//! TensorFlow Lite files that are integer already, so nothing is quantised here and nothing is
//! lost. The program gives exactly the numbers that `ai-edge-litert` 2.3.0 gives by its default
//! kernels (XNNPACK). Its other kernels round otherwise and differ now and then by one.
//!
//! # A stream as a program
//!
//! The file describes one call: [`FRAMES`] new frames of [`FEATURES`] features come in, windows
//! over the past lie in variables, one probability comes out. A program has no variables. It takes
//! a whole stretch, a row of `FRAMES * FEATURES` int8 for each call, and gives a probability for
//! each, as a network does that begins with that stretch:
//!
//! - A variable that holds the last rows of a tensor is a longer window over that tensor. Before
//!   the first call it holds zero points, as positions before the first one do.
//! - The first convolution steps by the frames of one call, so it is a convolution over rows whose
//!   earliest frames have no weight.
//! - Filters of several lengths side by side are filters of the longest, padded with zeros.
//! - The logistic function of a byte is a table. So the output is a fixed-point number with
//!   [`OUTPUT_FRACTION_BITS`] fraction bits, the very byte of the published network.

mod emit;
mod rescale;
mod stream;

use crate::{tflite, ImportError, Imported};
use sha2::{Digest, Sha256};
use std::path::Path;

/// File names of the published networks and their SHA-256.
pub const MODELS: [(&str, &str); 4] = [
	("alexa.tflite", "9011a8155b04de858c48038529235cbc0e42e9fca05a55bf588cb80a653a723b"),
	("hey_jarvis.tflite", "21a7976add39ee24ec96c63d96b7aaa18e24d1d9824b963e451da8feb4b78b77"),
	("hey_mycroft.tflite", "c2a9b6ed51182db72e014781d5a4ece1929dc232a40b5b4be384f0295f0e1571"),
	("okay_nabu.tflite", "d89128c4d16a72de429119fb2254ce46649553c2a24f5dd840175c80d7b9d094"),
];
/// Features of a frame, which stands for 10 ms.
pub const FEATURES: usize = 40;
/// Frames of one row of the input.
pub const FRAMES: usize = 3;
/// Fraction bits of a probability.
pub const OUTPUT_FRACTION_BITS: u8 = 8;
/// Most stretches of one job.
pub const MAX_BATCH: u32 = 16;
/// Most rows of a stretch: half a minute.
pub const MAX_SEQUENCE: u32 = 1_024;

/// Imports a published network from its folder, after checking that it is what was published.
pub fn import(folder: &Path, name: &str) -> Result<Imported, ImportError> {
	let Some((_, expected)) = MODELS.iter().find(|(known, _)| *known == name) else {
		return Err(ImportError::Unknown { name: name.into() });
	};
	let path = folder.join(name);
	let bytes =
		std::fs::read(&path).map_err(|source| ImportError::Read { path: path.clone(), source })?;
	let actual = hex::encode(Sha256::digest(&bytes));
	if actual != *expected {
		return Err(ImportError::Digest { path, expected, actual });
	}
	convert(&bytes)
}

/// Imports any file of the architecture.
pub fn convert(file: &[u8]) -> Result<Imported, ImportError> {
	stream::convert(&tflite::parse(file)?)
}
