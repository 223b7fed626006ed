//! Whole traces in memory, of sample programs.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

pub mod play;

#[allow(unused_imports, reason = "each test uses a part")]
pub use assay_trace::testing::{programs, Full, Job};

use assay_program::{merkle, InvalidCode, Limits, Operator, Parameters, Sampling};
use assay_reference::sample::{self, DecoderShape, Generator, NetworkShape, Shape, Style};
use assay_trace::{
	input::{first, Offence},
	testing::segments,
	Layout, Need,
};
use std::collections::BTreeMap;

/// The first offence that the law of inputs finds, by looking everywhere.
pub fn first_offence(layout: &Layout<'_>, input: &[u8]) -> Option<(Offence, InvalidCode)> {
	let digest = merkle::blob(input);
	let offence = length_of(input);
	if let Some(code) = layout.judge_offence(&offence, &digest, &()).unwrap() {
		return Some((offence, code));
	}
	let segments = (0..).map(Need::Input).zip(segments(input));
	let open: BTreeMap<Need, Vec<u8>> = segments.collect();
	let is_text = matches!(layout.operator(0), Some(Operator::Tokens { .. }));
	let tokens = if is_text { layout.input_length() / 4 } else { 0 };
	(0..tokens).rev().map(Offence::Token).fold(None, |later, offence| {
		assert!(layout.offence_needs(&offence).iter().all(|need| open.contains_key(need)));
		let broken = layout.judge_offence(&offence, &digest, &open).unwrap();
		// Shown in any order, the first counts.
		first(later, broken.map(|code| (offence, code)))
	})
}

/// What shows the length of an input.
pub fn length_of(input: &[u8]) -> Offence {
	let root = merkle::root(segments(input).iter().map(|bytes| merkle::leaf(bytes)));
	Offence::Length { length: input.len() as u64, root }
}

pub fn sampling(generator: &mut Generator) -> Sampling {
	let mut seed = [0; 32];
	seed.iter_mut().for_each(|byte| *byte = generator.below(256) as u8);
	Sampling {
		temperature_q16: 1 + generator.below(3 << 16),
		top_k: generator.below(30),
		top_p_q16: 1 + generator.below(1 << 16),
		seed,
	}
}

fn style(generator: &mut Generator) -> Style {
	match generator.below(3) {
		0 => Style::Plausible,
		1 => Style::Random,
		_ => Style::Extreme,
	}
}

/// A small encoder of random shape.
pub fn encoder(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let heads = 1 + generator.below(3);
	let width = heads * 2 * (1 + generator.below(4));
	let shape = Shape {
		layers: 1 + generator.below(2),
		width,
		heads,
		inner: 1 + generator.below(20),
		bits: if generator.below(2) == 0 { 8 } else { 12 },
		max_sequence: 40,
		..Shape::SMALL
	};
	let program = sample::encoder(&shape);
	let (batch, sequence) = (1 + generator.below(3), 1 + generator.below(40));
	let parameters = Parameters::encoder(batch, sequence);
	let weights = sample::weights(&program, style(&mut generator), seed);
	let input = sample::input(shape.vocabulary, batch, sequence, seed);
	Job { name: "encoder", program, weights, input, parameters }
}

/// A small decoder of random shape.
pub fn decoder(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let key_heads = 1 + generator.below(2);
	let heads = key_heads * (1 + generator.below(2));
	let shape = DecoderShape {
		layers: 1 + generator.below(2),
		heads,
		key_heads,
		width: heads * 2 * (1 + generator.below(3)),
		inner: 1 + generator.below(20),
		vocabulary: 8 + generator.below(600),
		ends: generator.below(8),
		max_sequence: 48,
		context_shift: generator.below(3) as u8,
		..DecoderShape::SMALL
	};
	let program = sample::decoder(&shape);
	let (batch, sequence) = (1 + generator.below(3), 1 + generator.below(38));
	let max_steps = 1 + generator.below(6);
	let samples = generator.below(2) == 0;
	let sampling = samples.then(|| sampling(&mut generator));
	let parameters = Parameters { batch, sequence, max_steps, sampling };
	let weights = sample::weights(&program, style(&mut generator), seed);
	let input = sample::prompt(&shape, batch, sequence, seed);
	Job { name: "decoder", program, weights, input, parameters }
}

/// A decoder whose rows end after a few steps.
pub fn restless(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let (vocabulary, ends) = (12 + generator.below(12), 2 + generator.below(7));
	let limits = Limits { max_batch: 2, max_sequence: 40, max_steps: 12 };
	let program = programs::restless(vocabulary, ends, limits);
	let (batch, sequence) = (1 + generator.below(2), 1 + generator.below(20));
	let max_steps = 2 + generator.below(10);
	let parameters = Parameters { batch, sequence, max_steps, sampling: None };
	let weights = sample::weights(&program, Style::Plausible, seed);
	let tokens = (0..batch * sequence).flat_map(|_| generator.below(vocabulary).to_le_bytes());
	let input = tokens.collect();
	Job { name: "restless", program, weights, input, parameters }
}

/// Rows of several blocks in an encoder.
pub fn wide(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let limits = Limits { max_batch: 1, max_sequence: 70, max_steps: 1 };
	let program = programs::wide(2049 + generator.below(2400), limits);
	let sequence = [3, 40, 70][generator.below(3) as usize];
	let parameters = Parameters::encoder(1, sequence);
	let weights = sample::weights(&program, style(&mut generator), seed);
	let input = sample::input(30, 1, sequence, seed);
	Job { name: "wide", program, weights, input, parameters }
}

/// Rows of several blocks in a decoder: a large vocabulary, a long context.
pub fn long(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let shape = DecoderShape {
		vocabulary: 2500 + generator.below(3000),
		max_sequence: 2200,
		context_shift: 3,
		width: 8,
		heads: 2,
		key_heads: 1,
		..DecoderShape::SMALL
	};
	let program = sample::decoder(&shape);
	// Sometimes a later step sees more positions than a block of a row has.
	let sequence = 30 + generator.below(40);
	let sampling = seed.is_multiple_of(2).then(|| sampling(&mut generator));
	let parameters = Parameters { batch: 1, sequence, max_steps: 3, sampling };
	let weights = sample::weights(&program, style(&mut generator), seed);
	let input = sample::prompt(&shape, 1, sequence, seed);
	Job { name: "long", program, weights, input, parameters }
}

/// A decoder of very many steps, whose context outgrows a block of a row.
pub fn endless() -> Job {
	let shape = DecoderShape {
		width: 4,
		heads: 1,
		key_heads: 1,
		inner: 2,
		vocabulary: 8,
		ends: 0,
		max_batch: 1,
		max_sequence: 2_100,
		max_steps: 2_100,
		context_shift: 3,
		..DecoderShape::SMALL
	};
	let program = sample::decoder(&shape);
	let parameters = Parameters { batch: 1, sequence: 3, max_steps: 2_048, sampling: None };
	let weights = sample::weights(&program, Style::Plausible, 1);
	let input = sample::prompt(&shape, 1, 3, 1);
	Job { name: "endless", program, weights, input, parameters }
}

/// A small network of random shape that is int8 throughout.
pub fn network(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let shape = NetworkShape {
		layers: generator.below(3),
		features: 4 + generator.below(40),
		channels: 1 + generator.below(20),
		taps: 1 + generator.below(24),
		max_sequence: 40,
		shift: 28 + generator.below(6) as u8,
		zero: generator.within(127) as i8,
		..NetworkShape::SMALL
	};
	let program = sample::network(&shape);
	let (batch, sequence) = (1 + generator.below(3), 1 + generator.below(40));
	let parameters = Parameters::encoder(batch, sequence);
	let weights = sample::weights(&program, style(&mut generator), seed);
	let input = sample::samples(&shape, batch, sequence, seed);
	Job { name: "network", program, weights, input, parameters }
}

/// Rows of several leaves in a network that is int8 throughout.
pub fn broad(seed: u64) -> Job {
	let mut generator = Generator::new(seed);
	let limits = Limits { max_batch: 2, max_sequence: 12, max_steps: 1 };
	let features = 4_000 + generator.below(6_000);
	let program = programs::broad(features, 1 + generator.below(12), limits);
	let (batch, sequence) = (1 + generator.below(2), 1 + generator.below(12));
	let parameters = Parameters::encoder(batch, sequence);
	let weights = sample::weights(&program, style(&mut generator), seed);
	let shape = NetworkShape { features, ..NetworkShape::SMALL };
	let input = sample::samples(&shape, batch, sequence, seed);
	Job { name: "broad", program, weights, input, parameters }
}

/// One of each.
pub fn any(seed: u64) -> Job {
	match seed % 11 {
		0 | 1 => encoder(seed),
		2..=4 => decoder(seed),
		5 => restless(seed),
		6 => wide(seed),
		7 => long(seed),
		8 | 9 => network(seed),
		_ => broad(seed),
	}
}
