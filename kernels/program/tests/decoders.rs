//! Decoders: what is refused, what they cost, and which parameters and inputs they take.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	limits, CutBy, Dim, EmbedBy, InvalidCode, Kind, Limits, Mask, Operator, OperatorError,
	Parameters, Program, ProgramError, Sampling, ShapeError, StepShape, TallyBy, TensorId,
	MACS_PER_UNIT, OPERATOR_MACS,
};
use assay_reference::sample::{self, Builder, DecoderShape, Shape};
use codec::Encode;
use proptest::prelude::*;

const SMALL: DecoderShape = DecoderShape::SMALL;

fn small() -> Program {
	sample::decoder(&SMALL)
}

/// Number of the `nth` operator of a name.
fn find(program: &Program, name: &str, nth: usize) -> usize {
	let mut numbers = program.operators.iter().enumerate();
	numbers.by_ref().filter(|(_, operator)| operator.name() == name).nth(nth).unwrap().0
}

fn id(number: usize) -> TensorId {
	TensorId(number as u16)
}

fn refused(program: &Program, operator: usize, reason: OperatorError) {
	let expected = ProgramError::Operator { operator: operator as u32, reason };
	assert_eq!(program.validate(), Err(expected));
	assert_eq!(Program::decode_validated(&program.encode()), Err(expected));
}

/// The sample with one operator changed.
fn with(name: &str, nth: usize, change: impl FnOnce(&mut Operator)) -> (Program, usize) {
	let mut program = small();
	let number = find(&program, name, nth);
	change(&mut program.operators[number]);
	(program, number)
}

/// That an operator of the sample is refused once it is changed.
fn changed(name: &str, nth: usize, reason: OperatorError, change: impl FnOnce(&mut Operator)) {
	let (program, number) = with(name, nth, change);
	refused(&program, number, reason);
}

/// A program that starts as a network does and goes on as `build` says.
fn after_embedding(
	limits: Limits,
	width: u32,
	build: impl FnOnce(&mut Builder, TensorId, TensorId) -> TensorId,
) -> Program {
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary: 8 });
	let (table, scales) = (builder.matrix(8, width), builder.vector(8));
	let by = EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	let output = build(&mut builder, ids, value);
	builder.finish(output)
}

/// The same, with the last position of it.
fn after_last(
	width: u32,
	build: impl FnOnce(&mut Builder, TensorId, TensorId) -> TensorId,
) -> Program {
	after_embedding(Limits::encoder(2, 4), width, |builder, ids, value| {
		let last = builder.push(Operator::Last { value });
		build(builder, ids, last)
	})
}

#[test]
fn samples_of_many_sizes_are_valid() {
	let alone = DecoderShape { heads: 1, key_heads: 1, width: 2, vocabulary: 1, ends: 0, ..SMALL };
	let one = DecoderShape { heads: 1, key_heads: 1, max_batch: 1, ..SMALL };
	let long = DecoderShape { max_sequence: 8_192, context_shift: 4, ..one };
	let wide = DecoderShape { vocabulary: 49_152, max_steps: 2, ..SMALL };
	for shape in [SMALL, alone, long, wide, DecoderShape { max_steps: 8_192, ..SMALL }] {
		let program = sample::decoder(&shape);
		assert_eq!(program.validate(), Ok(()), "{shape:?}");
		let bytes = program.encode();
		assert_eq!(Program::decode_validated(&bytes), Ok(program));
	}
}

#[test]
fn limits_on_steps_are_bounded() {
	let limited = |max_steps| {
		let mut program = small();
		program.limits.max_steps = max_steps;
		program.validate()
	};
	assert_eq!(limited(limits::MAX_STEPS), Ok(()));
	for max_steps in [0, limits::MAX_STEPS + 1, u32::MAX] {
		assert_eq!(limited(max_steps), Err(ProgramError::Limits));
	}
	for max_steps in [0, 2] {
		let mut program = sample::encoder(&Shape::SMALL);
		program.limits.max_steps = max_steps;
		assert_eq!(program.validate(), Err(ProgramError::Limits));
	}
}

#[test]
fn a_decoder_attends_to_no_later_position_and_knows_no_padding() {
	let ids = TensorId(0);
	for mask in [Mask::None, Mask::Padding { ids }] {
		changed("SoftmaxMax", 0, OperatorError::Decoder, |operator| {
			if let Operator::SoftmaxMax { mask: own, .. } = operator {
				*own = mask;
			}
		});
		changed("SoftmaxExp", 0, OperatorError::Decoder, |operator| {
			if let Operator::SoftmaxExp { mask: own, .. } = operator {
				*own = mask;
			}
		});
	}
	let (program, _) = with("Choose", 0, |_| {});
	let mut pooled = program.clone();
	pooled.operators[2] = Operator::MeanPool { value: TensorId(1), ids };
	refused(&pooled, 2, OperatorError::Decoder);
	// Where there are no keys, there is nothing to mask.
	changed("SoftmaxMax", 1, OperatorError::Shape, |operator| {
		if let Operator::SoftmaxMax { mask, .. } = operator {
			*mask = Mask::Causal;
		}
	});
	// An encoder may look back only, too.
	let causal =
		sample::encoder(&Shape::SMALL).operators.into_iter().map(|operator| match operator {
			Operator::SoftmaxMax { scores, .. } => {
				Operator::SoftmaxMax { scores, mask: Mask::Causal }
			},
			operator => operator,
		});
	let encoder = sample::encoder(&Shape::SMALL);
	let encoder = Program { operators: causal.collect(), ..encoder };
	assert_eq!(encoder.validate(), Ok(()));
}

#[test]
fn stops_and_ends_are_checked() {
	let stop = |next, ends: Vec<u32>| {
		let mut program = small();
		let number = find(&program, "Stop", 0);
		program.operators[number] = Operator::Stop { next, ends };
		(program, number)
	};
	let next = small().next();
	assert_eq!(stop(next, (0..8).collect()).0.validate(), Ok(()));
	for ends in [(0..9).collect(), vec![SMALL.vocabulary], vec![u32::MAX]] {
		let (program, number) = stop(next, ends);
		refused(&program, number, OperatorError::Ends);
	}
	for (next, reason) in [
		(TensorId(0), OperatorError::Shape),
		(TensorId(1), OperatorError::Kind),
		(TensorId(u16::MAX), OperatorError::UnknownTensor),
	] {
		let (program, number) = stop(Some(next), vec![]);
		refused(&program, number, reason);
	}
	let mut encoder = sample::encoder(&Shape::SMALL);
	let number = find(&encoder, "Stop", 0);
	encoder.operators[number] = Operator::Stop { next: None, ends: vec![1] };
	refused(&encoder, number, OperatorError::Ends);
	// Nothing but `Choose` keeps a row ended that has ended.
	for name in ["ArgMax", "Pick"] {
		let (program, number) = stop(Some(id(find(&small(), name, 0))), vec![]);
		refused(&program, number, OperatorError::Next);
	}
	// A decoder emits what it goes on with, and nothing else.
	let greedy = id(find(&small(), "ArgMax", 0));
	for value in [greedy, TensorId(1), TensorId(0)] {
		changed("Emit", 0, OperatorError::Frame, |operator| {
			if let Operator::Emit { value: own, .. } = operator {
				*own = value;
			}
		});
	}
	// What is chosen must be a token of the input.
	let mut program = small();
	program.operators[0] = Operator::Tokens { vocabulary: SMALL.vocabulary - 1 };
	refused(&program, number_of(&program, "Stop"), OperatorError::Rows);
}

fn number_of(program: &Program, name: &str) -> usize {
	find(program, name, 0)
}

#[test]
fn an_encoder_may_emit_a_token() {
	let program = after_last(8, |builder, _, value| builder.push(Operator::ArgMax { value }));
	assert_eq!(program.validate(), Ok(()));
	let output = program.output().unwrap();
	assert_eq!(
		(output.kind, &output.dims[..]),
		(Kind::Tokens { vocabulary: 8 }, &[Dim::Batch][..])
	);
	assert!(!program.is_decoder());
}

#[test]
fn heads_and_their_groups_fit() {
	let attention = |query_heads, key_heads, key_width, value_heads| {
		let limits = Limits::encoder(1, 4);
		after_embedding(limits, 24, |builder, _, value| {
			let mut of = |width, heads| {
				let rows = builder.quantise(value, 1, 12);
				let value = builder.project(rows, width, 24, 16);
				builder.quantise(value, heads, 12)
			};
			let (query, query_max) = of(24, query_heads);
			let (key, key_max) = of(key_width, key_heads);
			let (value, value_max) = of(12, value_heads);
			let (shift, fraction) = (12, 16);
			let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction };
			let scores = builder.push(scores);
			let mask = Mask::Causal;
			let max = builder.push(Operator::SoftmaxMax { scores, mask });
			let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask });
			let sum = builder.push(Operator::SoftmaxSum { exponentials });
			let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
			let weight = Operator::ContextWeight { probabilities, value_max, fraction };
			let weight = builder.push(weight);
			let (weight, weight_max) = builder.quantise(weight, 1, 12);
			let (groups, shift) = (value_heads, 0);
			let context = Operator::Context { weight, weight_max, value, groups, shift, fraction };
			builder.push(context)
		})
	};
	for (query_heads, key_heads, key_width, value_heads) in
		[(4, 4, 24, 4), (4, 2, 12, 1), (6, 1, 4, 2), (6, 3, 12, 6)]
	{
		let program = attention(query_heads, key_heads, key_width, value_heads);
		assert_eq!(program.validate(), Ok(()));
		let context = program.tensors().unwrap()[number_of(&program, "Context")].clone();
		assert_eq!(context.width(), Some(Dim::Fixed(12 / value_heads * query_heads)));
		let scores = program.tensors().unwrap()[number_of(&program, "Scores")].clone();
		let heads = Dim::Fixed(query_heads);
		assert_eq!(scores.dims, [Dim::Batch, heads, Dim::Sequence, Dim::Context]);
	}
	for (query_heads, key_heads, key_width, value_heads, name) in [
		// Three do not divide four; more key heads than query heads; heads of another depth.
		(4, 3, 18, 4, "Scores"),
		(2, 4, 24, 2, "Scores"),
		(4, 2, 24, 4, "Scores"),
		(4, 4, 24, 3, "ContextWeight"),
	] {
		let program = attention(query_heads, key_heads, key_width, value_heads);
		refused(&program, number_of(&program, name), OperatorError::Shape);
	}
	for groups in [0, 3, 8] {
		changed("Context", 0, OperatorError::Shape, |operator| {
			if let Operator::Context { groups: own, .. } = operator {
				*own = groups;
			}
		});
	}
}

#[test]
fn sums_over_the_context_fit_once_they_are_shifted() {
	let context = |max_sequence, context_shift| {
		let one = DecoderShape { heads: 1, key_heads: 1, max_batch: 1, max_steps: 1, ..SMALL };
		sample::decoder(&DecoderShape { max_sequence, context_shift, ..one })
	};
	// 512 positions of 12 bits fit, 513 need a shift, 8192 one of four.
	for (max_sequence, shift) in [(512, 0), (1_025, 1), (8_192, 4), (8_192, 21), (1, 21)] {
		let program = context(max_sequence, shift);
		assert_eq!(program.validate(), Ok(()), "{max_sequence} {shift}");
	}
	for (max_sequence, shift) in [(513, 0), (1_026, 1), (8_192, 3)] {
		let program = context(max_sequence, shift);
		refused(&program, number_of(&program, "Context"), OperatorError::Overflow);
	}
	// Of 22 bits the second shift must keep one.
	for shift in [22, 40, u8::MAX] {
		let program = context(16, shift);
		refused(&program, number_of(&program, "Context"), OperatorError::Shift);
	}
}

#[test]
fn norms_are_checked() {
	let rms = |shift, fraction| {
		with("RootMeanSquare", 0, |operator| {
			if let Operator::RootMeanSquare { shift: s, fraction: f, .. } = operator {
				(*s, *f) = (shift, fraction);
			}
		})
	};
	let number = number_of(&small(), "RootMeanSquare");
	// The norm wants a root of as many fraction bits as its value has.
	assert_eq!(rms(0, 16).0.validate(), Ok(()));
	refused(&rms(0, 17).0, number + 1, OperatorError::Fraction);
	for (shift, fraction, reason) in [
		(17, 16, OperatorError::Shift),
		(u8::MAX, 0, OperatorError::Shift),
		(7, 16, OperatorError::Fraction),
		(0, 15, OperatorError::Fraction),
		(0, 23, OperatorError::Fraction),
	] {
		refused(&rms(shift, fraction).0, number, reason);
	}
	let wide = |width| {
		after_embedding(Limits::encoder(1, 1), width, |builder, _, value| {
			let (shift, epsilon, fraction) = (6, 1, 16);
			builder.push(Operator::RootMeanSquare { value, shift, epsilon, fraction })
		})
	};
	assert_eq!(wide(limits::MAX_SQUARES_WIDTH).validate(), Ok(()));
	refused(&wide(limits::MAX_SQUARES_WIDTH + 1), 2, OperatorError::Overflow);
	changed("RmsNormalise", 0, OperatorError::Fraction, |operator| {
		if let Operator::RmsNormalise { fraction, .. } = operator {
			*fraction = 27;
		}
	});
}

#[test]
fn rotations_and_products_are_checked() {
	for heads in [0, 3, 16] {
		changed("Rotate", 0, OperatorError::Shape, |operator| {
			if let Operator::Rotate { heads: own, .. } = operator {
				*own = heads;
			}
		});
	}
	// A row of the tables for every position.
	let mut program = small();
	program.limits.max_sequence += 1;
	refused(&program, number_of(&program, "Rotate"), OperatorError::Rows);
	changed("Rotate", 0, OperatorError::Kind, |operator| {
		if let Operator::Rotate { sine, .. } = operator {
			sine.0 = 0;
		}
	});
	changed("Rotate", 0, OperatorError::Shape, |operator| {
		if let Operator::Rotate { sine, .. } = operator {
			sine.0 = 1;
		}
	});
	let multiply = |fraction| {
		after_embedding(Limits::encoder(1, 1), 4, |builder, _, value| {
			let half = builder.vector(5);
			let base = assay_program::TableBase::Zero;
			let low =
				builder.push(Operator::Table { value, table: half, shift: 8, base, fraction: 4 });
			builder.push(Operator::Multiply { left: value, right: low, fraction })
		})
	};
	assert_eq!(multiply(19).validate(), Ok(()));
	refused(&multiply(20), 3, OperatorError::Shift);
	refused(&multiply(27), 3, OperatorError::Fraction);
}

/// A number of a weight or a tensor in place of another one.
#[test]
fn choices_read_only_what_is_made_for_them() {
	let program = small();
	let exponentials = id(find(&program, "SoftmaxExp", 1));
	let cut = |nth| id(find(&program, "Cut", nth));
	let tally = |nth| id(find(&program, "Tally", nth));
	let logits = id(find(&program, "ArgMax", 0) - 1);
	let mut cases: Vec<(&str, usize, Operator)> = Vec::new();
	let by = TallyBy::Count;
	cases.push(("Tally", 0, Operator::Tally { weights: logits, cut: None, by }));
	let weights = exponentials;
	cases.push(("Tally", 1, Operator::Tally { weights, cut: Some(weights), by }));
	cases.push(("Cut", 0, Operator::Cut { tally: tally(0), by: CutBy::TopP }));
	cases.push(("Cut", 1, Operator::Cut { tally: tally(2), by: CutBy::TopK }));
	cases.push(("Cut", 1, Operator::Cut { tally: tally(1), by: CutBy::TopK }));
	cases.push(("Threshold", 0, Operator::Threshold { cut: cut(0), tally: tally(0) }));
	cases.push(("Threshold", 1, Operator::Threshold { cut: cut(1), tally: tally(1) }));
	cases.push(("Keep", 0, Operator::Keep { weights, threshold: cut(0) }));
	cases.push(("Keep", 0, Operator::Keep { weights: logits, threshold: cut(0) }));
	cases.push(("BlockSum", 0, Operator::BlockSum { weights: logits, shift: 0 }));
	cases.push(("Draw", 0, Operator::Draw { sums: weights }));
	let draw = id(find(&program, "Draw", 0));
	let max = |nth| id(find(&program, "SoftmaxMax", nth));
	// The second maximum is one of what the first one tempers; a decoder's first is of scores.
	cases.push(("Temper", 0, Operator::Temper { value: logits, max: logits }));
	cases.push(("Temper", 0, Operator::Temper { value: logits, max: max(0) }));
	let kept = id(find(&program, "Keep", 1));
	cases.push(("Pick", 0, Operator::Pick { weights, draw, shift: 0 }));
	cases.push(("Pick", 0, Operator::Pick { weights: kept, draw, shift: 1 }));
	cases.push(("Pick", 0, Operator::Pick { weights: kept, draw: cut(0), shift: 0 }));
	let greedy = id(find(&program, "ArgMax", 0));
	let ids = TensorId(0);
	cases.push(("Choose", 0, Operator::Choose { ids, greedy: logits, sampled: greedy }));
	cases.push(("ArgMax", 0, Operator::ArgMax { value: kept_bits(&program) }));
	for (name, nth, operator) in cases {
		let (program, number) = with(name, nth, |own| *own = operator.clone());
		assert!(
			matches!(
				program.validate(),
				Err(ProgramError::Operator { operator, reason: OperatorError::Kind })
					if operator as usize == number
			),
			"{operator:?}: {:?}",
			program.validate()
		);
	}
	changed("Choose", 0, OperatorError::Shape, |operator| {
		if let Operator::Choose { ids, greedy, .. } = operator {
			*ids = *greedy;
		}
	});
}

/// A quantised tensor.
fn kept_bits(program: &Program) -> TensorId {
	id(find(program, "Quantise", 0))
}

#[test]
fn sums_of_weights_fit_once_they_are_shifted() {
	let drawn = |vocabulary, shift| {
		after_last(vocabulary, |builder, _, value| sample::sample(builder, value, shift))
	};
	for (vocabulary, shift) in [(32_758, 0), (49_152, 1), (65_516, 1), (131_072, 3), (8, 16)] {
		assert_eq!(drawn(vocabulary, shift).validate(), Ok(()), "{vocabulary} {shift}");
	}
	for (vocabulary, shift) in [(32_759, 0), (65_517, 1), (131_072, 2)] {
		let program = drawn(vocabulary, shift);
		refused(&program, find(&program, "Tally", 2), OperatorError::Overflow);
	}
	let program = drawn(8, 17);
	refused(&program, find(&program, "Tally", 2), OperatorError::Shift);
}

/// The number of a draw is one of its step and row: a second draw would not be another one.
#[test]
fn tokens_are_drawn_once() {
	let program = after_last(8, |builder, _, value| {
		let first = sample::sample(builder, value, 0);
		sample::sample(builder, value, 0);
		first
	});
	refused(&program, find(&program, "Draw", 1), OperatorError::Draws);
}

/// What the price of a vocabulary of 600 is made of: three blocks of weights.
#[test]
fn choices_cost_what_they_read_and_make() {
	let (width, sampled) = (600, |builder: &mut Builder, value| sample::sample(builder, value, 0));
	let program = after_last(width, |builder, _, value| sampled(builder, value));
	let before = after_last(width, |_, _, value| value);
	let (form, before) = (program.cost_form(), before.cost_form());
	let v = u64::from(width);
	let softmaxes = v + 8 * v + v + 8 * v;
	let tallies = 4 * 2 * v + 2 * (257 + 256);
	let cuts = 2 * (257 + 256) + 2 * v;
	let draw = v + (1_024 + 8 * 3) + 256;
	// A token is emitted in place of a row.
	let added = softmaxes + tallies + cuts + draw + 1 - v;
	assert_eq!(form.macs[1] - before.macs[1], added);
	assert_eq!(form.macs[0] - before.macs[0], 17 * 4_096);
	let operators = program.operators.len() as u64;
	assert_eq!(form.macs, [1 + operators * OPERATOR_MACS, form.macs[1], 4 * v, 0]);
}

/// A softmax over the vocabulary leaves a number for each input, over which nothing is reduced.
#[test]
fn inputs_of_a_batch_never_mix() {
	for build in [
		|builder: &mut Builder, max| builder.push(Operator::RowMax { value: max, groups: 1 }),
		|builder: &mut Builder, value| builder.push(Operator::Mean { value }),
		|builder: &mut Builder, value| builder.push(Operator::L2Norm { value }),
		|builder: &mut Builder, scores| {
			builder.push(Operator::SoftmaxMax { scores, mask: Mask::None })
		},
		|builder: &mut Builder, exponentials| builder.push(Operator::SoftmaxSum { exponentials }),
	] {
		let program = after_last(8, |builder, _, scores| {
			let max = builder.push(Operator::SoftmaxMax { scores, mask: Mask::None });
			build(builder, max)
		});
		refused(&program, 4, OperatorError::Shape);
	}
}

#[test]
fn memory_counts_held_rows_of_the_whole_context() {
	let program = small();
	let tensors = program.tensors().unwrap();
	let parameters = Parameters { max_steps: 6, ..Parameters::encoder(2, 5) };
	let whole = StepShape::first(2, 10);
	assert_eq!(StepShape::of(&parameters, 5), StepShape { batch: 2, sequence: 1, past: 9 });
	let held = tensors.iter().zip(program.held()).filter(|(_, held)| *held);
	let held: u64 = held.map(|(info, _)| info.bytes(whole)).sum();
	// Keys and values of 8 elements, each with two maxima, for 20 positions.
	assert_eq!(held, 20 * 2 * (8 * 2 + 2 * 4));
	let live = program.live_bytes(&parameters).unwrap();
	assert!(live > held);
	let one = Parameters { max_steps: 1, ..parameters.clone() };
	assert_eq!(live - program.live_bytes(&one).unwrap(), held / 2);
	// With more steps, the last one has the most scores.
	let many = Parameters { max_steps: 24, ..Parameters::encoder(1, 1) };
	let two = Parameters { max_steps: 2, ..many.clone() };
	assert!(program.live_bytes(&many).unwrap() > 2 * program.live_bytes(&two).unwrap() / 3);
}

/// Units in closed form against the sum over steps.
#[test]
fn units_are_those_of_each_step() {
	let form = small().cost_form();
	let tensors = small().tensors().unwrap();
	let scores = &tensors[number_of(&small(), "Scores")];
	assert!(form.macs.iter().all(|coefficient| *coefficient > 0), "{:?}", form.macs);
	let scaled = assay_program::CostForm {
		macs: form.macs.map(|coefficient| coefficient * MACS_PER_UNIT),
		..form.clone()
	};
	for (batch, sequence, count) in [(1, 1, 1), (3, 7, 1), (1, 1, 9), (4, 5, 12), (2, 20, 300)] {
		let parameters = Parameters::encoder(batch, sequence);
		let mut sum = 0;
		for step in 0..count {
			let shape = StepShape::of(&parameters, step);
			let (b, s) = (u64::from(batch), u64::from(shape.sequence));
			let [c0, c1, c2, c3] = form.macs;
			let pairs = b * s * u64::from(shape.context());
			assert_eq!(scores.elements(shape), 4 * pairs);
			sum += c0 + c1 * b + c2 * b * s + c3 * pairs;
		}
		assert_eq!(scaled.units(&parameters, count), sum, "{batch} {sequence} {count}");
	}
	let parameters = Parameters::encoder(u32::MAX, u32::MAX);
	assert_eq!(form.units(&parameters, u32::MAX), u64::MAX.div_ceil(MACS_PER_UNIT));
	assert_eq!(form.units(&parameters, 0), 1);
}

#[test]
fn parameters_are_checked() {
	let form = small().cost_form();
	assert!(form.sampling && form.max_steps == SMALL.max_steps);
	let steps = |batch, sequence, max_steps| Parameters {
		max_steps,
		..Parameters::encoder(batch, sequence)
	};
	assert_eq!(form.check(&steps(4, 9, 16)), Ok(()));
	assert_eq!(form.check(&steps(4, 24, 1)), Ok(()));
	assert_eq!(form.check(&steps(5, 9, 16)), Err(ShapeError::Batch));
	assert_eq!(form.check(&steps(4, 25, 1)), Err(ShapeError::Sequence));
	// The last step's position is beyond the context.
	assert_eq!(form.check(&steps(4, 10, 16)), Err(ShapeError::Steps));
	assert_eq!(form.check(&steps(4, 24, 2)), Err(ShapeError::Steps));
	for max_steps in [0, 17, u32::MAX] {
		assert_eq!(form.check(&steps(4, 1, max_steps)), Err(ShapeError::Steps));
	}
	let sampled = |temperature_q16, top_k, top_p_q16| {
		let sampling = Some(Sampling { temperature_q16, top_k, top_p_q16, seed: [0; 32] });
		Parameters { sampling, ..steps(1, 1, 1) }
	};
	for (temperature, top_k, top_p) in
		[(1, 0, 1), (100 << 16, 1 << 20, 65_536), (65_536, 40, 60_000)]
	{
		assert_eq!(form.check(&sampled(temperature, top_k, top_p)), Ok(()));
	}
	for (temperature, top_k, top_p) in [
		(0, 0, 1),
		((100 << 16) + 1, 0, 1),
		(1, (1 << 20) + 1, 1),
		(1, 0, 0),
		(1, 0, 65_537),
		(u32::MAX, u32::MAX, u32::MAX),
	] {
		let parameters = sampled(temperature, top_k, top_p);
		assert_eq!(form.check(&parameters), Err(ShapeError::Sampling));
	}
	let encoder = sample::encoder(&Shape::SMALL).cost_form();
	assert_eq!(encoder.check(&sampled(1, 0, 1)), Err(ShapeError::Sampling));
	assert_eq!(encoder.check(&steps(1, 1, 2)), Err(ShapeError::Steps));
}

#[test]
fn inputs_have_no_padding() {
	let program = small();
	let check = |ids: &[i32], batch, sequence| {
		let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
		program.validate_input(&input, &Parameters::encoder(batch, sequence))
	};
	assert_eq!(check(&[1, 39, 0, 2], 2, 2), Ok(()));
	for ids in [[-1, 1, 2, 3], [1, -1, 2, 3], [1, 2, 3, -1]] {
		assert_eq!(check(&ids, 2, 2), Err(InvalidCode::Padding));
	}
	assert_eq!(check(&[1, 40, -1, 3], 2, 2), Err(InvalidCode::Token));
	assert_eq!(check(&[1, -1, 40, 3], 2, 2), Err(InvalidCode::Padding));
	assert_eq!(check(&[1, -2], 1, 2), Err(InvalidCode::Token));
	assert_eq!(check(&[1, 2, 3], 2, 2), Err(InvalidCode::Shape));
}

/// A prompt that fills the context may cost more than many steps, or less.
#[test]
fn the_dearest_job_is_bounded() {
	let attention_of = |max_sequence, max_steps, layers| {
		let shape = DecoderShape {
			layers,
			width: 2_048,
			heads: 32,
			key_heads: 8,
			max_batch: 1,
			max_sequence,
			max_steps,
			context_shift: 4,
			..SMALL
		};
		sample::decoder(&shape).validate()
	};
	assert_eq!(attention_of(2_048, 1, 1), Ok(()));
	assert_eq!(attention_of(4_096, 1, 1), Err(ProgramError::TooMuchMemory));
	// Logits in every step, but once for a prompt: one step is cheap, many are not.
	let head = |max_steps| {
		let shape = DecoderShape {
			vocabulary: 131_072,
			width: 512,
			heads: 1,
			key_heads: 1,
			max_batch: 256,
			max_sequence: 512,
			max_steps,
			..SMALL
		};
		sample::decoder(&shape).validate()
	};
	assert_eq!(head(1), Ok(()));
	assert_eq!(head(512), Err(ProgramError::TooMuchWork));
}

/// Attention of a whole prompt costs twice that of as many steps: here the prompt alone is too
/// much.
#[test]
fn a_prompt_alone_may_be_too_much() {
	let of = |layers| {
		sample::decoder(&DecoderShape {
			layers,
			width: 1_024,
			heads: 2,
			key_heads: 1,
			max_batch: 1,
			max_sequence: 8_192,
			max_steps: 8_192,
			context_shift: 4,
			..SMALL
		})
	};
	// Units grow by the same for each layer.
	let units = |layers, sequence, steps| {
		let program = of(layers);
		assert_eq!(program.validate(), Ok(()));
		program.cost_form().units(&Parameters::encoder(1, sequence), steps)
	};
	let of_32 = |sequence, steps| {
		let (one, two) = (units(15, sequence, steps), units(16, sequence, steps));
		two + 16 * (two - one)
	};
	assert!(of_32(8_192, 1) > limits::MAX_UNITS + 32);
	assert!(of_32(1, 8_192) < limits::MAX_UNITS - 32);
	assert_eq!(of(32).validate(), Err(ProgramError::TooMuchWork));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(512))]

	/// No job that the limits admit takes more than validation bounds.
	#[test]
	fn every_job_is_bounded(
		max_sequence in 1u32..24,
		max_steps in 1u32..40,
		(sequence, steps) in any::<(prop::sample::Index, prop::sample::Index)>(),
		scale in prop_oneof![Just(1u64), Just(1 << 30), Just(1 << 60)],
	) {
		let mut program = small();
		program.limits.max_sequence = max_sequence;
		program.limits.max_steps = max_steps;
		prop_assert_eq!(program.validate(), Ok(()));
		let mut form = program.cost_form();
		form.macs = form.macs.map(|coefficient| coefficient.saturating_mul(scale));
		let sequence = sequence.index(max_sequence as usize) as u32 + 1;
		let most_steps = max_steps.min(max_sequence - sequence + 1);
		let steps = steps.index(most_steps as usize) as u32 + 1;
		let parameters = Parameters { max_steps: steps, ..Parameters::encoder(4, sequence) };
		prop_assert_eq!(form.check(&parameters), Ok(()));
		let units = |sequence, steps| form.units(&Parameters::encoder(4, sequence), steps);
		let most = max_steps.min(max_sequence);
		let dearest = units(max_sequence, 1).max(units(max_sequence - most + 1, most));
		prop_assert!(units(sequence, steps) <= dearest);
		let largest = Parameters::encoder(4, max_sequence);
		let live = program.live_bytes(&parameters).unwrap();
		prop_assert!(live <= program.live_bytes(&largest).unwrap());
	}

	#[test]
	fn mutated_programs_never_panic(
		changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
	) {
		let mut bytes = small().encode();
		for (index, byte) in changes {
			let index = index.index(bytes.len());
			bytes[index] = byte;
		}
		if let Ok(program) = Program::decode_validated(&bytes) {
			let form = program.cost_form();
			let largest = Parameters::encoder(form.max_batch, form.max_sequence);
			prop_assert_eq!(form.check(&largest), Ok(()));
			prop_assert!(form.units(&largest, 1) <= limits::MAX_UNITS);
			prop_assert!(program.live_bytes(&largest).unwrap() <= limits::MAX_LIVE_BYTES);
			prop_assert_eq!(program.tensors().unwrap().len(), program.operators.len());
		}
	}
}
