//! Programs that must be refused, each with its own error, and none with a panic.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	limits, Dim, EmbedBy, InvalidCode, Limits, Operator, OperatorError, Parameters, Program,
	ProgramError, TableBase, TensorId, WeightId, WeightKind, WeightShape,
};
use assay_reference::sample::{self, Builder, DecoderShape, Shape};
use codec::{Decode, Encode};
use proptest::prelude::*;

fn small() -> Program {
	sample::encoder(&Shape::SMALL)
}

fn bounds(max_batch: u32, max_sequence: u32) -> Limits {
	Limits::encoder(max_batch, max_sequence)
}

/// Number of the first operator of a name.
fn find(program: &Program, name: &str) -> usize {
	program.operators.iter().position(|operator| operator.name() == name).unwrap()
}

fn refused(program: &Program, operator: usize, reason: OperatorError) {
	let expected = ProgramError::Operator { operator: operator as u32, reason };
	assert_eq!(program.validate(), Err(expected));
	assert_eq!(Program::decode_validated(&program.encode()), Err(expected));
}

/// A program that starts as an encoder does and goes on as `build` says.
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

#[test]
fn samples_of_many_sizes_are_valid() {
	let eight = Shape { bits: 8, fraction: 12, heads: 3, width: 24, ..Shape::SMALL };
	for shape in [Shape::SMALL, Shape::MINILM, eight] {
		let program = sample::encoder(&shape);
		assert_eq!(program.validate(), Ok(()), "{shape:?}");
		let bytes = program.encode();
		assert!(bytes.len() < 16_384, "{} bytes", bytes.len());
		assert_eq!(Program::decode_validated(&bytes), Ok(program));
	}
}

#[test]
fn every_truncation_is_refused() {
	let bytes = small().encode();
	for length in 0..bytes.len() {
		assert_eq!(Program::decode_validated(&bytes[..length]), Err(ProgramError::Encoding));
	}
	let mut longer = bytes;
	longer.push(0);
	assert_eq!(Program::decode_validated(&longer), Err(ProgramError::Encoding));
	let far_too_long = vec![0; limits::MAX_PROGRAM_BYTES as usize + 1];
	assert_eq!(Program::decode_validated(&far_too_long), Err(ProgramError::TooLong));
}

/// Every operator that has no number, in every place of a program; and that those that have one are
/// read, so that no number is taken for free that is not.
#[test]
fn unknown_operators_are_refused() {
	let known = Operator::NAMES.len();
	let program = small();
	let whole = program.encode();
	// Where each operator begins: its tag.
	let lengths: Vec<usize> = program.operators.iter().map(Encode::encoded_size).collect();
	let first = whole.len() - lengths.iter().sum::<usize>();
	let starts = lengths.iter().scan(first, |next, length| {
		let start = *next;
		*next += length;
		Some(start)
	});
	for (operator, start) in program.operators.iter().zip(starts) {
		assert_eq!(Operator::NAMES[usize::from(whole[start])], operator.name());
		for tag in known..=usize::from(u8::MAX) {
			let mut bytes = whole.clone();
			bytes[start] = tag as u8;
			assert_eq!(Program::decode_validated(&bytes), Err(ProgramError::Encoding), "{tag}");
			// Nor is it read where all is there that any operator could need.
			let mut alone = [0; 64];
			alone[0] = tag as u8;
			assert!(Operator::decode(&mut &alone[..]).is_err(), "{tag}");
		}
	}
	for tag in 0..known {
		let mut alone = [0; 64];
		alone[0] = tag as u8;
		let operator = Operator::decode(&mut &alone[..]).unwrap();
		assert_eq!(operator.name(), Operator::NAMES[tag]);
	}
}

#[test]
fn unknown_semantics_are_refused() {
	for semantics in [0, 2, u32::MAX] {
		let program = Program { semantics, ..small() };
		assert_eq!(program.validate(), Err(ProgramError::Semantics(semantics)));
	}
}

#[test]
fn limits_are_bounded() {
	let cases = [
		(0, 1),
		(1, 0),
		(limits::MAX_BATCH + 1, 1),
		(1, limits::MAX_SEQUENCE + 1),
		(u32::MAX, u32::MAX),
	];
	for (batch, sequence) in cases {
		let program = Program { limits: bounds(batch, sequence), ..small() };
		assert_eq!(program.validate(), Err(ProgramError::Limits));
	}
}

#[test]
fn absurd_weights_are_refused() {
	let with = |dims: Vec<u32>| {
		let mut program = small();
		program.weights[2] = WeightShape { kind: WeightKind::Int8, dims };
		program
	};
	for dims in [vec![], vec![0], vec![5, 0], vec![u32::MAX], vec![1; 5], vec![u32::MAX; 4]] {
		assert_eq!(with(dims).validate(), Err(ProgramError::Weight { weight: 2 }));
	}
	let program = with(vec![1 << 20, 1 << 12]);
	assert_eq!(program.validate(), Err(ProgramError::WeightsTooLarge));
	// The length saturates where it cannot be told.
	let program = with(vec![1 << 20; 4]);
	assert_eq!(program.validate(), Err(ProgramError::WeightsTooLarge));
	assert_eq!(program.cost_form().max_batch, 0);
}

#[test]
fn too_many_of_anything_is_refused() {
	let mut program = small();
	program
		.weights
		.resize(limits::MAX_WEIGHTS + 1, WeightShape { kind: WeightKind::Int8, dims: vec![1] });
	assert_eq!(program.validate(), Err(ProgramError::TooManyWeights));
	let mut program = small();
	program
		.operators
		.resize(limits::MAX_OPERATORS + 1, Operator::Stop { next: None, ends: vec![] });
	assert_eq!(program.validate(), Err(ProgramError::TooManyOperators));
}

#[test]
fn a_program_needs_its_frame() {
	let mut program = small();
	program.operators.clear();
	assert_eq!(program.validate(), Err(ProgramError::Frame));
	let mut program = small();
	program.operators.pop();
	assert_eq!(program.validate(), Err(ProgramError::Frame));
	let mut program = small();
	program.operators.remove(0);
	assert_eq!(program.validate(), Err(ProgramError::Frame));
	let mut program = small();
	program.operators[3] = Operator::Tokens { vocabulary: 8 };
	refused(&program, 3, OperatorError::Frame);
	let mut program = small();
	program.operators[3] = Operator::Stop { next: None, ends: vec![] };
	refused(&program, 3, OperatorError::Frame);
	let mut program = small();
	let last = program.operators.len() - 1;
	program.operators[last] = Operator::Emit { value: TensorId(1), stop: TensorId(2) };
	refused(&program, last, OperatorError::Frame);
}

#[test]
fn what_is_emitted_has_a_part_for_each_input() {
	// `Stop` makes a number as other operators do, but not one for each input of a batch.
	let mut builder = Builder::new(bounds(2, 4));
	builder.push(Operator::Tokens { vocabulary: 8 });
	refused(&builder.finish(TensorId(1)), 2, OperatorError::Shape);
	let mut program = small();
	let last = program.operators.len() - 1;
	let stop = TensorId(last as u16 - 1);
	program.operators[last] = Operator::Emit { value: stop, stop };
	refused(&program, last, OperatorError::Shape);
	// Whatever else a program may emit begins with the batch.
	for value in 0..last - 1 {
		program.operators[last] = Operator::Emit { value: TensorId(value as u16), stop };
		match program.output() {
			Ok(output) => assert_eq!(output.dims[0], Dim::Batch),
			Err(error) => {
				// The input is no result, and rows are quantised for products alone.
				let reason = if value == 0 { OperatorError::Shape } else { OperatorError::Kind };
				assert_eq!(error, ProgramError::Operator { operator: last as u32, reason });
			},
		}
	}
}

/// A cycle is an operator that reads what is not made yet.
#[test]
fn reading_ahead_is_refused() {
	let original = small();
	let add = find(&original, "Add");
	for ahead in [add, add + 1, original.operators.len() - 1, usize::from(u16::MAX)] {
		let ahead = TensorId(ahead as u16);
		for (left, right) in [(ahead, TensorId(1)), (TensorId(1), ahead)] {
			let mut program = original.clone();
			program.operators[add] = Operator::Add { left, right };
			refused(&program, add, OperatorError::UnknownTensor);
		}
	}
}

#[test]
fn unknown_weights_and_wrong_kinds_are_refused() {
	let original = small();
	let number = find(&original, "Linear");
	let Operator::Linear { input, max, weights, scales, bias, shift, fraction } =
		original.operators[number].clone()
	else {
		panic!("found by name");
	};
	let linear = |input, max, weights, scales, shift, fraction| {
		let mut program = original.clone();
		program.operators[number] =
			Operator::Linear { input, max, weights, scales, bias, shift, fraction };
		program
	};
	let unknown = WeightId(u16::MAX);
	let cases = [
		(linear(input, max, unknown, scales, shift, fraction), OperatorError::UnknownWeight),
		(linear(input, max, weights, weights, shift, fraction), OperatorError::Kind),
		(linear(max, max, weights, scales, shift, fraction), OperatorError::Kind),
		(linear(input, input, weights, scales, shift, fraction), OperatorError::Kind),
		(linear(input, max, WeightId(0), scales, shift, fraction), OperatorError::Shape),
		(linear(input, max, weights, scales, 0, fraction), OperatorError::Shift),
		(linear(input, max, weights, scales, 41, fraction), OperatorError::Shift),
		(linear(input, max, weights, scales, u8::MAX, fraction), OperatorError::Shift),
		(linear(input, max, weights, scales, shift, 27), OperatorError::Fraction),
		(linear(input, max, weights, scales, shift, u8::MAX), OperatorError::Fraction),
	];
	for (program, reason) in cases {
		refused(&program, number, reason);
	}
	// 30 + 16 + 12 - 1 - 16 - 40 leaves one bit for the second shift.
	assert_eq!(linear(input, max, weights, scales, 40, fraction).validate(), Ok(()));
}

#[test]
fn sums_of_products_stay_in_int32() {
	let linear = |width: u32, bits: u8| {
		after_embedding(bounds(1, 4), width, |builder, _, value| {
			let rows = builder.quantise(value, 1, bits);
			builder.linear(rows, 2, width, 16)
		})
	};
	assert_eq!(linear(8_196, 12).validate(), Ok(()));
	refused(&linear(8_197, 12), 4, OperatorError::Overflow);
	assert_eq!(linear(131_072, 8).validate(), Ok(()));

	let scores = |depth: u32| {
		after_embedding(bounds(1, 4), depth, |builder, _, value| {
			let (query, query_max) = builder.quantise(value, 1, 12);
			let (key, key_max) = (query, query_max);
			builder.push(Operator::Scores {
				query,
				query_max,
				key,
				key_max,
				shift: 16,
				fraction: 16,
			})
		})
	};
	assert_eq!(scores(512).validate(), Ok(()));
	refused(&scores(513), 4, OperatorError::Overflow);

	let context =
		|max_sequence: u32| sample::encoder(&Shape { max_sequence, max_batch: 1, ..Shape::SMALL });
	assert_eq!(context(512).validate(), Ok(()));
	let program = context(513);
	refused(&program, find(&program, "Context"), OperatorError::Overflow);
}

#[test]
fn squares_of_a_row_stay_in_int64() {
	let norm = |width| {
		after_embedding(bounds(1, 1), width, |builder, _, value| {
			builder.push(Operator::L2Norm { value })
		})
	};
	assert_eq!(norm(limits::MAX_SQUARES_WIDTH).validate(), Ok(()));
	refused(&norm(limits::MAX_SQUARES_WIDTH + 1), 2, OperatorError::Overflow);
	let rows = i128::from(limits::MAX_SQUARES_WIDTH);
	let square = i128::from(limits::SQUARE_LIMIT).pow(2);
	assert!(rows * square <= i128::from(i64::MAX));
}

#[test]
fn embeddings_need_a_row_for_every_index() {
	let mut program = small();
	program.operators[0] = Operator::Tokens { vocabulary: Shape::SMALL.vocabulary + 1 };
	refused(&program, 1, OperatorError::Rows);
	let mut program = small();
	program.limits.max_sequence += 1;
	refused(&program, 2, OperatorError::Rows);
	for vocabulary in [0, limits::MAX_VOCABULARY + 1] {
		let mut program = small();
		program.operators[0] = Operator::Tokens { vocabulary };
		refused(&program, 0, OperatorError::TooLarge);
	}
}

#[test]
fn tables_and_groups_and_bits_are_checked() {
	let table = |entries: u32, shift: u8| {
		after_embedding(bounds(1, 1), 4, |builder, _, value| {
			let (table, base) = (builder.vector(entries), TableBase::Zero);
			builder.push(Operator::Table { value, table, shift, base, fraction: 9 })
		})
	};
	assert_eq!(table(limits::MAX_TABLE_INTERVALS + 1, 24).validate(), Ok(()));
	for entries in [1, 2, 4, limits::MAX_TABLE_INTERVALS + 3] {
		refused(&table(entries, 8), 2, OperatorError::Table);
	}
	refused(&table(5, 0), 2, OperatorError::Shift);
	refused(&table(5, 25), 2, OperatorError::Shift);
	let relu = after_embedding(bounds(1, 1), 4, |builder, _, value| {
		let (table, base) = (builder.vector(5), TableBase::Relu);
		builder.push(Operator::Table { value, table, shift: 8, base, fraction: 15 })
	});
	refused(&relu, 2, OperatorError::Fraction);

	for groups in [0, 3, 5, u32::MAX] {
		let program = after_embedding(bounds(1, 1), 4, |builder, _, value| {
			builder.push(Operator::RowMax { value, groups })
		});
		refused(&program, 2, OperatorError::Shape);
	}
	for bits in [0, 7, 9, 13, 16, u8::MAX] {
		let program = after_embedding(bounds(1, 1), 4, |builder, _, value| {
			builder.quantise(value, 1, bits).0
		});
		refused(&program, 3, OperatorError::Bits);
	}
}

#[test]
fn work_and_memory_are_bounded() {
	let wide = |max_batch, rows: u32| {
		after_embedding(bounds(max_batch, 4_096), 4_096, |builder, _, value| {
			let quantised = builder.quantise(value, 1, 12);
			builder.linear(quantised, rows, 4_096, 16)
		})
	};
	assert_eq!(wide(8, 4_096).validate(), Ok(()));
	assert_eq!(wide(512, 65_536).validate(), Err(ProgramError::TooMuchWork));
	assert_eq!(wide(32, 4_096).validate(), Err(ProgramError::TooMuchMemory));
}

#[test]
fn memory_counts_live_tensors_only() {
	// Sixty-four sums of 32 MiB each, but three at a time.
	let chain = after_embedding(bounds(8, 1_024), 1_024, |builder, _, value| {
		(0..64).fold(value, |right, _| builder.push(Operator::Add { left: right, right }))
	});
	assert_eq!(chain.validate(), Ok(()));
	// The same with all of them kept to the end.
	let kept = after_embedding(bounds(8, 1_024), 1_024, |builder, _, value| {
		let sums: Vec<TensorId> =
			(0..64).map(|_| builder.push(Operator::Add { left: value, right: value })).collect();
		sums.into_iter().fold(value, |left, right| builder.push(Operator::Add { left, right }))
	});
	assert_eq!(kept.validate(), Err(ProgramError::TooMuchMemory));
}

#[test]
fn memory_is_told_for_every_shape() {
	// At `Emit` the output and what it copies: 2 * 4 bytes * 8 columns a position, and `Stop`.
	let program = after_embedding(bounds(4, 16), 8, |builder, _, value| {
		builder.push(Operator::Add { left: value, right: value })
	});
	assert_eq!(program.live_bytes(&Parameters::encoder(1, 1)), Ok(64 + 4));
	assert_eq!(program.live_bytes(&Parameters::encoder(3, 5)), Ok(15 * 64 + 4));
	let broken = Program { operators: Vec::new(), ..program };
	assert_eq!(broken.live_bytes(&Parameters::encoder(1, 1)), Err(ProgramError::Frame));
}

#[test]
fn costs_are_exact() {
	// Prices: 4 * 8 for the embedding, 1 for `Stop`, 1 * 8 for `Emit`, per position; and four
	// operators.
	let program = after_embedding(bounds(4, 1 << 10), 8, |_, _, value| value);
	let form = program.cost_form();
	assert_eq!(form.macs, [1 + 4 * 4_096, 0, 40, 0]);
	assert_eq!(form.input_bytes, [0, 0, 4, 0]);
	assert_eq!(form.output_bytes, [0, 0, 32, 0]);
	let parameters = Parameters::encoder(4, 1_000);
	assert_eq!(form.input_length(&parameters), 16_000);
	assert_eq!(form.output_length(&parameters), 128_000);
	assert_eq!(form.units(&parameters, 0), 1);
	assert_eq!(form.units(&parameters, 1), 1);
	let wide = Parameters::encoder(4_000, 1_000);
	assert_eq!(form.units(&wide, 1), 160_016_385_u64.div_ceil(1 << 20));
}

#[test]
fn attention_costs_its_products() {
	// 12-bit rows take two int8 products each, of two such rows four.
	let shape = Shape { max_batch: 1, ..Shape::SMALL };
	let macs = |bits| sample::encoder(&Shape { bits, ..shape }).cost_form().macs[3];
	let width = u64::from(shape.width);
	assert_eq!(macs(12) - macs(8), 2 * 3 * width);
}

#[test]
fn inputs_are_checked_in_order() {
	let program = small();
	let check = |ids: &[i32], batch, sequence| {
		let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
		program.validate_input(&input, &Parameters::encoder(batch, sequence))
	};
	assert_eq!(check(&[1, 39, 0, -1], 2, 2), Ok(()));
	assert_eq!(check(&[1, -1, -1, -1], 1, 4), Ok(()));
	assert_eq!(check(&[1, 2, 3], 2, 2), Err(InvalidCode::Shape));
	assert_eq!(check(&[], 1, 1), Err(InvalidCode::Shape));
	assert_eq!(check(&[], 0, 0), Err(InvalidCode::Shape));
	assert_eq!(check(&[0; 17], 1, 17), Err(InvalidCode::Shape));
	assert_eq!(check(&[0; 5], 5, 1), Err(InvalidCode::Shape));
	assert_eq!(check(&[40], 1, 1), Err(InvalidCode::Token));
	assert_eq!(check(&[-2], 1, 1), Err(InvalidCode::Token));
	assert_eq!(check(&[i32::MIN], 1, 1), Err(InvalidCode::Token));
	assert_eq!(check(&[-1, 40], 1, 2), Err(InvalidCode::Padding));
	assert_eq!(check(&[1, -1, 2], 1, 3), Err(InvalidCode::Padding));
	// A new row begins without padding.
	assert_eq!(check(&[1, -1, 2, -1], 2, 2), Ok(()));
	let with_steps = Parameters { max_steps: 2, ..Parameters::encoder(1, 1) };
	assert_eq!(program.validate_input(&[0; 4], &with_steps), Err(InvalidCode::Shape));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(512))]

	#[test]
	fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
		prop_assert!(Program::decode_validated(&bytes).is_err());
	}

	/// A mutated program is refused, or is as bounded as any other.
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
			prop_assert!(form.output_length(&largest) <= limits::MAX_LIVE_BYTES);
			prop_assert!(program.weights_length() <= limits::MAX_WEIGHTS_BYTES);
			prop_assert_eq!(program.tensors().unwrap().len(), program.operators.len());
		}
	}

	/// More steps and larger shapes never cost less.
	#[test]
	fn units_are_monotone(
		batch in 1u32..4,
		sequence in 1u32..16,
		count in prop_oneof![0u32..1_000_000, u32::MAX - 2..u32::MAX],
		decodes in any::<bool>(),
	) {
		let decoder = sample::decoder(&DecoderShape::SMALL);
		let form = if decodes { decoder } else { small() }.cost_form();
		let here = Parameters::encoder(batch, sequence);
		prop_assert!(form.units(&here, count) >= 1);
		prop_assert!(form.units(&here, count) <= form.units(&here, count + 1));
		let longer = Parameters::encoder(batch, sequence + 1);
		prop_assert!(form.units(&here, count) <= form.units(&longer, count));
		let larger = Parameters::encoder(batch + 1, sequence);
		prop_assert!(form.units(&here, count) <= form.units(&larger, count));
	}
}
