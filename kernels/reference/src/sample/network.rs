//! A small network that is int8 throughout, as an importer writes one.

use super::{Builder, Generator};
use alloc::{vec, vec::Vec};
use assay_program::{Limits, Operator, Program, Rescale, TensorId, WeightKind};

/// Sizes of a sample network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkShape {
	/// Pairs of a filter for each channel and a convolution over all of them.
	pub layers: u32,
	/// Elements of a position of the input.
	pub features: u32,
	/// Channels between layers.
	pub channels: u32,
	/// Positions that a filter sees; the first convolution sees two.
	pub taps: u32,
	/// Largest batch.
	pub max_batch: u32,
	/// Longest sequence.
	pub max_sequence: u32,
	/// Bits that sums are rescaled by.
	pub shift: u8,
	/// The element that stands for 0 where there is no rectifier.
	pub zero: i8,
}

impl NetworkShape {
	/// A network that is computed in no time.
	pub const SMALL: Self = Self {
		layers: 2,
		features: 12,
		channels: 8,
		taps: 5,
		max_batch: 4,
		max_sequence: 16,
		shift: 31,
		zero: 9,
	};
}

/// A layer's operand: a tensor, the element that stands for 0 in it, its channels.
type Layer = (TensorId, i8, u32);

/// Convolutions over all channels and over each, a product at the end, a function of its byte.
pub fn network(shape: &NetworkShape) -> Program {
	let mut builder = Builder::new(Limits::encoder(shape.max_batch, shape.max_sequence));
	let width = shape.features;
	let samples = builder.push(Operator::Samples { width });
	let mut layer =
		convolve(&mut builder, shape, (samples, i8::MIN, width), 2, shape.channels, true);
	for _ in 0..shape.layers {
		let (value, zero, channels) = layer;
		let weights = builder.weight(WeightKind::Int8, vec![shape.taps, channels]);
		let rescale = rescale(&mut builder, shape, channels, false);
		let made = builder.push(Operator::Depthwise { value, zero, weights, rescale });
		layer =
			convolve(&mut builder, shape, (made, rescale.zero, channels), 1, shape.channels, true);
	}
	let (value, ..) = convolve(&mut builder, shape, layer, shape.taps, 1, false);
	let table = builder.vector(256);
	let output = builder.push(Operator::Lookup { value, table, fraction: 8 });
	builder.finish(output)
}

fn rescale(builder: &mut Builder, shape: &NetworkShape, channels: u32, rectify: bool) -> Rescale {
	let (scales, bias) = (builder.vector(channels), builder.vector(channels));
	let zero = if rectify { i8::MIN } else { shape.zero };
	Rescale { scales, bias, shift: shape.shift, zero, least: i8::MIN }
}

fn convolve(
	builder: &mut Builder,
	shape: &NetworkShape,
	(value, zero, width): Layer,
	taps: u32,
	channels: u32,
	rectify: bool,
) -> Layer {
	let weights = builder.weight(WeightKind::Int8, vec![channels, taps, width]);
	let rescale = rescale(builder, shape, channels, rectify);
	let made = builder.push(Operator::Convolution { value, zero, weights, rescale });
	(made, rescale.zero, channels)
}

/// Random samples for a network.
pub fn samples(shape: &NetworkShape, batch: u32, sequence: u32, seed: u64) -> Vec<u8> {
	let mut generator = Generator::new(seed);
	let count =
		u64::from(shape.features).saturating_mul(batch.into()).saturating_mul(sequence.into());
	(0..count).map(|_| generator.below(256).to_le_bytes()[0]).collect()
}
