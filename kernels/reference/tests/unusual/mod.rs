//! A decoder that is not written as an importer writes one.

use assay_program::{EmbedBy, Limits, Mask, Operator, Program};
use assay_reference::sample::Builder;

/// A decoder that does what the sample does not: embeds positions, has tokens without a rotation
/// and keys that are queries and values too, and goes on with the likeliest token and no other,
/// which is never one of the last two.
pub fn unusual() -> Program {
	let (width, vocabulary) = (8, 9);
	let mut builder = Builder::new(Limits { max_batch: 3, max_sequence: 12, max_steps: 12 });
	let ids = builder.push(Operator::Tokens { vocabulary });
	let mut embed = |by, rows| {
		let (table, scales) = (builder.matrix(rows, width), builder.vector(rows));
		builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 })
	};
	let (left, right) = (embed(EmbedBy::Token, vocabulary), embed(EmbedBy::Position, 12));
	let value = builder.push(Operator::Add { left, right });
	let (rows, rows_max) = builder.quantise(value, 2, 12);
	let scores = builder.push(Operator::Scores {
		query: rows,
		query_max: rows_max,
		key: rows,
		key_max: rows_max,
		shift: 12,
		fraction: 16,
	});
	let mask = Mask::Causal;
	let max = builder.push(Operator::SoftmaxMax { scores, mask });
	let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask });
	let sum = builder.push(Operator::SoftmaxSum { exponentials });
	let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
	let weight = Operator::ContextWeight { probabilities, value_max: rows_max, fraction: 16 };
	let weight = builder.push(weight);
	let (weight, weight_max) = builder.quantise(weight, 1, 12);
	let context = builder.push(Operator::Context {
		weight,
		weight_max,
		value: rows,
		groups: 2,
		shift: 3,
		fraction: 16,
	});
	let last = builder.push(Operator::Last { value: context });
	let rows = builder.quantise(last, 1, 12);
	let logits = builder.linear(rows, vocabulary - 2, width, 16);
	let token = builder.push(Operator::ArgMax { value: logits });
	let next = builder.push(Operator::Choose { ids, greedy: token, sampled: token });
	builder.finish_decoder(next, vec![1])
}
