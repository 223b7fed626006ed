//! Networks that are int8 throughout: which are refused, and what they cost.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	limits, Dim, InvalidCode, Kind, Limits, Operator, OperatorError, Parameters, Program,
	ProgramError, Rescale, TensorId, WeightId, WeightKind, WeightShape, OPERATOR_MACS,
};
use assay_reference::sample::{self, Builder, NetworkShape, Shape};
use codec::Encode;

fn small() -> Program {
	sample::network(&NetworkShape::SMALL)
}

fn refused(program: &Program, operator: usize, reason: OperatorError) {
	let expected = ProgramError::Operator { operator: operator as u32, reason };
	assert_eq!(program.validate(), Err(expected));
	assert_eq!(Program::decode_validated(&program.encode()), Err(expected));
}

/// Number of the first operator of a name.
fn find(program: &Program, name: &str) -> usize {
	program.operators.iter().position(|operator| operator.name() == name).unwrap()
}

/// The small network with the dimensions of one weight tensor changed.
fn with_weights(weight: usize, dims: Vec<u32>) -> Program {
	let mut program = small();
	program.weights[weight].dims = dims;
	program
}

/// The small network with what rescales its first operator of a name changed.
fn with_rescale(name: &str, change: impl Fn(&mut Rescale)) -> (Program, usize) {
	let mut program = small();
	let at = find(&program, name);
	match &mut program.operators[at] {
		Operator::Convolution { rescale, .. } | Operator::Depthwise { rescale, .. } => {
			change(rescale);
		},
		other => panic!("{other:?}"),
	}
	(program, at)
}

#[test]
fn samples_are_valid_networks() {
	let one = NetworkShape { layers: 0, features: 1, channels: 1, taps: 1, ..NetworkShape::SMALL };
	for shape in [NetworkShape::SMALL, one, NetworkShape { taps: 200, ..NetworkShape::SMALL }] {
		let program = sample::network(&shape);
		assert_eq!(program.validate(), Ok(()), "{shape:?}");
		assert_eq!(Program::decode_validated(&program.encode()), Ok(program));
	}
}

#[test]
fn every_position_has_its_row() {
	let program = small();
	let tensors = program.tensors().unwrap();
	let rows = |width| vec![Dim::Batch, Dim::Sequence, Dim::Fixed(width)];
	assert_eq!((tensors[0].kind, &tensors[0].dims), (Kind::Affine, &rows(12)));
	assert_eq!((tensors[1].kind, &tensors[1].dims), (Kind::Affine, &rows(8)));
	let output = program.output().unwrap();
	assert_eq!((output.kind, output.dims), (Kind::Fixed { fraction: 8 }, rows(1)));
}

#[test]
fn prices_are_those_of_the_products() {
	let shape = NetworkShape { layers: 1, ..NetworkShape::SMALL };
	let program = sample::network(&shape);
	let form = program.cost_form();
	// Every operator, and `Stop`.
	let constant = OPERATOR_MACS * program.operators.len() as u64 + 1;
	// First convolution, filters, convolution, the product at the end, the table, `Emit`.
	let per_position = 8 * (8 + 2 * 12) + 8 * (8 + 5) + 8 * (8 + 8) + (8 + 5 * 8) + 1 + 1;
	assert_eq!(form.macs, [constant, 0, per_position, 0]);
	assert_eq!((form.input_bytes, form.output_bytes), ([0, 0, 12, 0], [0, 0, 4, 0]));
}

#[test]
fn of_samples_only_the_number_can_be_wrong() {
	let program = small();
	let parameters = Parameters::encoder(2, 3);
	for byte in [0, 1, 127, 128, 255] {
		assert_eq!(program.validate_input(&[byte; 72], &parameters), Ok(()));
	}
	for length in [0, 71, 73, 288] {
		let input = vec![0; length];
		assert_eq!(program.validate_input(&input, &parameters), Err(InvalidCode::Shape));
	}
	let too_long = Parameters::encoder(1, 17);
	assert_eq!(program.validate_input(&[0; 204], &too_long), Err(InvalidCode::Shape));
}

#[test]
fn samples_stand_first_and_only_there() {
	let mut program = small();
	program.operators[1] = Operator::Samples { width: 8 };
	refused(&program, 1, OperatorError::Frame);
	let mut program = sample::encoder(&Shape::SMALL);
	program.operators[3] = Operator::Samples { width: 8 };
	refused(&program, 3, OperatorError::Frame);
	for width in [0, limits::MAX_WIDTH + 1, u32::MAX] {
		let mut program = small();
		program.operators[0] = Operator::Samples { width };
		refused(&program, 0, OperatorError::TooLarge);
	}
}

#[test]
fn a_network_is_no_decoder() {
	let mut program = small();
	let stop = program.operators.len() - 2;
	program.operators[stop] = Operator::Stop { next: Some(TensorId(0)), ends: vec![] };
	refused(&program, stop, OperatorError::Frame);
	program.operators[stop] = Operator::Stop { next: None, ends: vec![0] };
	refused(&program, stop, OperatorError::Ends);
}

#[test]
fn weights_must_fit_their_operands() {
	// Weight 0 is the first convolution's, 1 and 2 its scales and bias, 3 the first filters'.
	for dims in [vec![8, 24], vec![8, 2, 11], vec![8, 2, 12, 1], vec![8]] {
		refused(&with_weights(0, dims), 1, OperatorError::Shape);
	}
	for dims in [vec![5, 7], vec![1, 5, 8], vec![40]] {
		refused(&with_weights(3, dims), 2, OperatorError::Shape);
	}
	for weight in [1, 2] {
		refused(&with_weights(weight, vec![7]), 1, OperatorError::Shape);
	}
	let mut program = small();
	program.weights[0].kind = WeightKind::Int32;
	refused(&program, 1, OperatorError::Kind);
	program = small();
	program.weights[1].kind = WeightKind::Int8;
	refused(&program, 1, OperatorError::Kind);
}

#[test]
fn a_sum_is_one_block() {
	// 170 taps of 12 elements are 2040 products, 171 are 2052.
	assert_eq!(with_weights(0, vec![8, 170, 12]).validate(), Ok(()));
	refused(&with_weights(0, vec![8, 171, 12]), 1, OperatorError::TooLarge);
	refused(&with_weights(0, vec![8, u32::MAX >> 12, 12]), 1, OperatorError::TooLarge);
	refused(&with_weights(3, vec![2_049, 8]), 2, OperatorError::TooLarge);
}

#[test]
fn a_filter_may_not_open_too_much() {
	let filters = |taps| {
		let mut builder = Builder::new(Limits::encoder(1, 1));
		let value = builder.push(Operator::Samples { width: 8_192 });
		let weights = builder.weight(WeightKind::Int8, vec![taps, 8_192]);
		let (scales, bias) = (builder.vector(8_192), builder.vector(8_192));
		let rescale = Rescale { scales, bias, shift: 1, zero: 0, least: 0 };
		let made = builder.push(Operator::Depthwise { value, zero: 0, weights, rescale });
		let table = builder.vector(256);
		let output = builder.push(Operator::Lookup { value: made, table, fraction: 0 });
		builder.finish(output)
	};
	// 31 segments of each operand, and one each of scales and bias, are 256 KiB.
	assert_eq!(filters(31).validate(), Ok(()));
	refused(&filters(32), 1, OperatorError::Opening);
}

#[test]
fn shifts_are_bounded() {
	for name in ["Convolution", "Depthwise"] {
		for shift in [1, 62] {
			assert_eq!(with_rescale(name, |rescale| rescale.shift = shift).0.validate(), Ok(()));
		}
		for shift in [0, 63, u8::MAX] {
			let (program, at) = with_rescale(name, |rescale| rescale.shift = shift);
			refused(&program, at, OperatorError::Shift);
		}
	}
}

#[test]
fn unknown_weights_are_refused() {
	for name in ["Convolution", "Depthwise"] {
		let (program, at) = with_rescale(name, |rescale| rescale.scales = WeightId(999));
		refused(&program, at, OperatorError::UnknownWeight);
		let (program, at) = with_rescale(name, |rescale| rescale.bias = WeightId(999));
		refused(&program, at, OperatorError::UnknownWeight);
	}
}

#[test]
fn a_table_has_an_entry_for_each_byte() {
	let mut program = small();
	let (at, table) = (find(&program, "Lookup"), program.weights.len() - 1);
	for length in [255, 257] {
		program.weights[table] = WeightShape { kind: WeightKind::Int32, dims: vec![length] };
		refused(&program, at, OperatorError::Shape);
	}
	let mut program = small();
	let Operator::Lookup { fraction, .. } = &mut program.operators[at] else { panic!() };
	*fraction = limits::MAX_FRACTION + 1;
	refused(&program, at, OperatorError::Fraction);
}

#[test]
fn int8_and_fixed_point_do_not_mix() {
	let mut program = small();
	let at = find(&program, "Lookup");
	program.operators[at] = Operator::Mean { value: TensorId(1) };
	refused(&program, at, OperatorError::Kind);
	// What `Lookup` makes is no operand of a convolution.
	let mut builder = Builder::new(Limits::encoder(1, 1));
	let value = builder.push(Operator::Samples { width: 1 });
	let table = builder.vector(256);
	let value = builder.push(Operator::Lookup { value, table, fraction: 0 });
	let weights = builder.weight(WeightKind::Int8, vec![1, 1, 1]);
	let (scales, bias) = (builder.vector(1), builder.vector(1));
	let rescale = Rescale { scales, bias, shift: 1, zero: 0, least: 0 };
	let made = builder.push(Operator::Convolution { value, zero: 0, weights, rescale });
	refused(&builder.finish(made), 2, OperatorError::Kind);
	// Bytes are no result.
	let mut program = small();
	let emit = program.operators.len() - 1;
	let stop = TensorId(emit as u16 - 1);
	program.operators[emit] = Operator::Emit { value: TensorId(1), stop };
	refused(&program, emit, OperatorError::Kind);
}
