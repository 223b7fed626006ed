//! Programs for what the samples of the reference do not have.

use alloc::vec;
use assay_program::{EmbedBy, Limits, Operator, Program, Rescale, TensorId, WeightKind};
use assay_reference::sample::Builder;

/// Every reduction of an encoder over rows of several blocks, without the cost of layers.
pub fn wide(width: u32, limits: Limits) -> Program {
	let mut builder = Builder::new(limits);
	let (vocabulary, fraction) = (30, 16);
	let ids = builder.push(Operator::Tokens { vocabulary });
	let (table, scales) = (builder.matrix(vocabulary, width), builder.vector(vocabulary));
	let by = EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction });
	let value = builder.layer_norm(value, width, fraction);
	let value = builder.rms_norm(value, width, fraction, 6);
	let rows = builder.quantise(value, 1, 12);
	builder.linear(rows, 5, width, fraction);
	let norm = builder.push(Operator::L2Norm { value });
	let value = builder.push(Operator::L2Normalise { value, norm, fraction });
	let value = builder.push(Operator::MeanPool { value, ids });
	builder.finish(value)
}

/// A decoder without layers that looks at positions, whose rows end soon.
pub fn restless(vocabulary: u32, ends: u32, limits: Limits) -> Program {
	let (width, fraction) = (8, 16);
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary });
	let mut embed = |by, rows| {
		let (table, scales) = (builder.matrix(rows, width), builder.vector(rows));
		builder.push(Operator::Embed { ids, table, scales, by, fraction })
	};
	let left = embed(EmbedBy::Token, vocabulary);
	let right = embed(EmbedBy::Position, limits.max_sequence);
	let sum = builder.push(Operator::Add { left, right });
	let value = builder.push(Operator::Last { value: sum });
	let rows = builder.quantise(value, 1, 12);
	let logits = builder.linear(rows, vocabulary, width, fraction);
	let greedy = builder.push(Operator::ArgMax { value: logits });
	let next = builder.push(Operator::Choose { ids, greedy, sampled: greedy });
	builder.finish_decoder(next, (0..ends).collect())
}

/// A filter of each channel by itself, and a rectifier.
fn depthwise(builder: &mut Builder, value: TensorId, taps: u32, width: u32) -> TensorId {
	let weights = builder.weight(WeightKind::Int8, vec![taps, width]);
	let (scales, bias) = (builder.vector(width), builder.vector(width));
	let rescale = Rescale { scales, bias, shift: 31, zero: -128, least: -100 };
	builder.push(Operator::Depthwise { value, zero: 3, weights, rescale })
}

/// A network that is int8 throughout, whose rows have several leaves. Its last filter sees one
/// channel in as many positions.
pub fn broad(width: u32, taps: u32, limits: Limits) -> Program {
	let mut builder = Builder::new(limits);
	let samples = builder.push(Operator::Samples { width });
	let filtered = depthwise(&mut builder, samples, taps, width);
	let table = builder.vector(256);
	let value = builder.push(Operator::Lookup { value: filtered, table, fraction: 16 });
	let value = builder.push(Operator::Mean { value });
	builder.finish(value)
}

/// A network of one channel with a filter that sees so many positions, alone or as one of many.
pub fn patient(taps: u32, convolves: bool, limits: Limits) -> Program {
	let mut builder = Builder::new(limits);
	let samples = builder.push(Operator::Samples { width: 1 });
	let filtered = if convolves {
		let weights = builder.weight(WeightKind::Int8, vec![2, taps, 1]);
		let (scales, bias) = (builder.vector(2), builder.vector(2));
		let rescale = Rescale { scales, bias, shift: 31, zero: -128, least: -100 };
		builder.push(Operator::Convolution { value: samples, zero: 3, weights, rescale })
	} else {
		depthwise(&mut builder, samples, taps, 1)
	};
	let table = builder.vector(256);
	let value = builder.push(Operator::Lookup { value: filtered, table, fraction: 16 });
	builder.finish(value)
}
