//! Programs that are refused, each with its own error and nothing left behind.

use super::*;
use assay_program::{
	limits, Operator, OperatorError, Program, ProgramError, TensorId, WeightId, WeightKind,
	WeightShape,
};
use codec::{Decode, Encode};
use frame_support::{assert_noop, traits::PalletError};

fn assert_refused(change: impl FnOnce(&mut Program), error: Error<Test>) {
	build_and_execute(|| {
		let mut program = program(VOCABULARY);
		change(&mut program);
		assert_noop!(register_bytes(OWNER, program.encode()), error);
	});
}

#[test]
fn fails_when_the_bytes_are_not_a_program() {
	build_and_execute(|| {
		let bytes = program_bytes(VOCABULARY);
		let refused = |bytes: Vec<u8>| {
			assert_noop!(register_bytes(OWNER, bytes), Error::<Test>::ProgramNotDecodable);
		};
		refused(vec![]);
		refused(bytes[..bytes.len() - 1].to_vec());
		refused([&bytes[..], &[0]].concat());
		refused([&1u32.encode()[..], &[0xff; 65_532]].concat());
	});
}

#[test]
fn fails_when_the_bytes_are_too_many() {
	let bytes = vec![0u8; 65_537];
	assert!(ProgramBytesVec::try_from(bytes.clone()).is_err());
	assert!(ProgramBytesVec::decode(&mut &bytes.encode()[..]).is_err());
}

#[test]
fn every_fault_of_a_program_has_its_error() {
	assert_refused(|program| program.semantics = 2, Error::SemanticsUnknown);
	assert_refused(|program| program.limits.max_batch = 0, Error::ProgramLimitsOutOfRange);
	assert_refused(
		|program| program.limits.max_sequence = u32::MAX,
		Error::ProgramLimitsOutOfRange,
	);
	assert_refused(
		|program| {
			let add = Operator::Add { left: TensorId(1), right: TensorId(1) };
			let more = vec![add; limits::MAX_OPERATORS];
			program.operators.splice(2..2, more);
			let stop = u16::try_from(program.operators.len() - 2).unwrap();
			program.operators.pop();
			program.operators.push(Operator::Emit { value: TensorId(1), stop: TensorId(stop) });
		},
		Error::TooManyOperators,
	);
	assert_refused(
		|program| {
			let weight = WeightShape { kind: WeightKind::Int8, dims: vec![1] };
			program.weights.extend(vec![weight; limits::MAX_WEIGHTS]);
		},
		Error::TooManyWeights,
	);
	assert_refused(|program| program.weights[1].dims = vec![], Error::WeightInvalid { weight: 1 });
	assert_refused(
		|program| program.weights[0].dims = vec![1 << 17, 1 << 17],
		Error::WeightsTooLarge,
	);
	assert_refused(
		|program| {
			program.operators.remove(0);
		},
		Error::ProgramFrameInvalid,
	);
	assert_refused(|program| program.operators.clear(), Error::ProgramFrameInvalid);
}

#[test]
fn a_fault_of_an_operator_names_it() {
	let operator = |fault| Error::OperatorInvalid { operator: 1, fault };
	assert_refused(
		|program| match &mut program.operators[1] {
			Operator::Embed { ids, .. } => *ids = TensorId(1),
			_ => unreachable!("the second operator embeds"),
		},
		operator(OperatorFault::UnknownTensor),
	);
	assert_refused(
		|program| match &mut program.operators[1] {
			Operator::Embed { table, .. } => *table = WeightId(9),
			_ => unreachable!("the second operator embeds"),
		},
		operator(OperatorFault::UnknownWeight),
	);
	assert_refused(
		|program| program.weights.iter_mut().for_each(|weight| weight.dims[0] = VOCABULARY - 1),
		operator(OperatorFault::Rows),
	);
}

#[test]
fn every_reason_has_a_word_of_its_own() {
	let operator = |reason| ProgramError::Operator { operator: 3, reason };
	let errors = [
		ProgramError::TooLong,
		ProgramError::Encoding,
		ProgramError::Semantics(9),
		ProgramError::Limits,
		ProgramError::TooManyOperators,
		ProgramError::TooManyWeights,
		ProgramError::Weight { weight: 3 },
		ProgramError::WeightsTooLarge,
		operator(OperatorError::UnknownTensor),
		operator(OperatorError::UnknownWeight),
		operator(OperatorError::Kind),
		operator(OperatorError::Shape),
		operator(OperatorError::TooLarge),
		operator(OperatorError::Fraction),
		operator(OperatorError::Bits),
		operator(OperatorError::Shift),
		operator(OperatorError::Overflow),
		operator(OperatorError::Rows),
		operator(OperatorError::Table),
		operator(OperatorError::Frame),
		operator(OperatorError::Opening),
		operator(OperatorError::Decoder),
		operator(OperatorError::Ends),
		ProgramError::Frame,
		ProgramError::TooMuchWork,
		ProgramError::TooMuchMemory,
	];
	let encoded: std::collections::BTreeSet<Vec<u8>> =
		errors.map(|error| Error::<Test>::from(error).encode()).into();
	assert_eq!(encoded.len(), errors.len());
	assert!(!encoded.contains(&Error::<Test>::ProgramInvalid.encode()));
	const { assert!(<Error<Test> as PalletError>::MAX_ENCODED_SIZE <= 4) };
}

/// A program that is sound by itself, but has a filter over so many positions that no answer of a
/// game could open what one element depends on.
#[test]
fn what_no_game_could_decide_is_refused() {
	use assay_reference::sample::{network, NetworkShape};
	build_and_execute(|| {
		let shape = NetworkShape {
			layers: 1,
			features: 2,
			channels: 1,
			taps: 1_500,
			max_batch: 1,
			max_sequence: 2_000,
			..NetworkShape::SMALL
		};
		let program = network(&shape);
		let (operator, bytes) = match assay_trace::check_refereeable(&program) {
			Err(assay_trace::LayoutError::Opened { operator, bytes }) => (operator, bytes),
			other => panic!("{other:?}"),
		};
		assert!(bytes > assay_trace::OPENED_BYTES_MAX);
		let bytes = program.encode().try_into().unwrap();
		let error = Error::<Test>::OperatorInvalid {
			operator: operator.try_into().unwrap(),
			fault: OperatorFault::Opening,
		};
		assert_noop!(
			Models::register(RuntimeOrigin::signed(OWNER), bytes, weights(), ROYALTY),
			error
		);
	});
}
