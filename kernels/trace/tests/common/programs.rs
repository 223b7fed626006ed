//! Programs for what the samples of the reference do not have.

use assay_program::{EmbedBy, Limits, Operator, Program};
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
