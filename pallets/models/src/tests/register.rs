//! `register` and `register_existing`.

use super::*;
use assay_primitives::{LeafForm, ModelInfo};
use frame_support::assert_noop;
use sp_runtime::{DispatchError, TokenError};

#[test]
fn stores_program_and_model_under_deposits() {
	build_and_execute(|| {
		assert_ok!(register(OWNER, VOCABULARY));
		let length = u32::try_from(program_bytes(VOCABULARY).len()).unwrap();
		let deposit = program_deposit(VOCABULARY);
		assert_eq!(
			events(),
			vec![
				Event::ProgramStored {
					program: digest(VOCABULARY),
					depositor: OWNER,
					length,
					deposit,
				},
				Event::ModelRegistered {
					model: MODEL,
					owner: OWNER,
					program: digest(VOCABULARY),
					weights: weights(),
					royalty_per_unit: ROYALTY,
				},
			]
		);
		assert_eq!(held(OWNER), (MODEL_DEPOSIT, deposit));
		assert_eq!(free(OWNER), ENDOWMENT - MODEL_DEPOSIT - deposit);
		assert_eq!(
			<Models as assay_primitives::Models<_, _>>::model(MODEL),
			Some(ModelInfo {
				program: digest(VOCABULARY),
				weights: weights(),
				owner: OWNER,
				royalty_per_unit: ROYALTY,
				cost: program(VOCABULARY).cost_form(),
				leaves: LeafForm::of(&program(VOCABULARY)).unwrap(),
				weights_bytes: program(VOCABULARY).weights_length(),
				retired: false,
			})
		);
	});
}

#[test]
fn a_second_model_of_a_program_stores_it_once() {
	with_model(|| {
		System::reset_events();
		assert_ok!(register(OTHER_OWNER, VOCABULARY));
		assert_ok!(register_existing(OTHER_OWNER, VOCABULARY));
		assert!(events().iter().all(|event| matches!(event, Event::ModelRegistered { .. })));
		assert_eq!(held(OTHER_OWNER), (2 * MODEL_DEPOSIT, 0), "the bytes are paid for once");
		assert_eq!(Programs::<Test>::get(digest(VOCABULARY)).unwrap().models, 3);
		assert_eq!(ProgramBytes::<Test>::iter().count(), 1);
	});
}

#[test]
fn programs_are_told_apart_by_content() {
	with_model(|| {
		assert_ok!(register(OWNER, VOCABULARY + 1));
		let deposits = program_deposit(VOCABULARY) + program_deposit(VOCABULARY + 1);
		assert_eq!(held(OWNER), (2 * MODEL_DEPOSIT, deposits));
		assert_eq!(Programs::<Test>::iter().count(), 2);
	});
}

#[test]
fn fails_without_the_program() {
	with_model(|| {
		assert_noop!(register_existing(OWNER, VOCABULARY + 1), Error::<Test>::ProgramNotFound);
	});
}

#[test]
fn fails_when_semantics_are_not_accepted() {
	with_model(|| {
		DraftAccepted::set(&false);
		assert_noop!(register(OWNER, VOCABULARY + 1), Error::<Test>::SemanticsNotAccepted);
		// A program that is there stays, and takes no new model.
		assert_noop!(register(OWNER, VOCABULARY), Error::<Test>::SemanticsNotAccepted);
		assert_noop!(register_existing(OWNER, VOCABULARY), Error::<Test>::SemanticsNotAccepted);
		assert_ok!(job_opened(MODEL));
	});
}

#[test]
fn boundary_of_the_funds() {
	build_and_execute(|| {
		let needed = MODEL_DEPOSIT + program_deposit(VOCABULARY) + EXISTENTIAL_DEPOSIT;
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), OWNER, needed - 1));
		assert_noop!(register(OWNER, VOCABULARY), TokenError::FundsUnavailable);
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), OWNER, needed));
		assert_ok!(register(OWNER, VOCABULARY));
		assert_noop!(register_existing(OWNER, VOCABULARY), TokenError::FundsUnavailable);
	});
}

#[test]
fn fails_when_no_id_is_left() {
	build_and_execute(|| {
		NextModelId::<Test>::put(ModelId(u32::MAX));
		assert_noop!(register(OWNER, VOCABULARY), Error::<Test>::IdsExhausted);
	});
}

#[test]
fn fails_unless_signed() {
	build_and_execute(|| {
		let bytes: ProgramBytesVec = program_bytes(VOCABULARY).try_into().unwrap();
		assert_noop!(
			Models::register(RuntimeOrigin::root(), bytes, weights(), ROYALTY),
			DispatchError::BadOrigin
		);
		assert_noop!(
			Models::register_existing(
				RuntimeOrigin::none(),
				digest(VOCABULARY),
				weights(),
				ROYALTY
			),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn the_weight_grows_with_the_program() {
	use frame_support::dispatch::GetDispatchInfo;
	let weight = |length: usize| {
		let call = crate::Call::<Test>::register {
			program: vec![0; length].try_into().unwrap(),
			weights: weights(),
			royalty_per_unit: ROYALTY,
		};
		call.get_dispatch_info().call_weight.ref_time()
	};
	assert!(weight(65_536) > weight(32_768));
	assert!(weight(32_768) > weight(100));
}

#[test]
fn views_show_what_is_stored() {
	with_model(|| {
		assert_ok!(register_existing(OTHER_OWNER, VOCABULARY));
		assert_eq!(Models::program_bytes(digest(VOCABULARY)), Some(program_bytes(VOCABULARY)));
		assert_eq!(Models::program(digest(VOCABULARY)).unwrap().models, 2);
		let model = Models::model(MODEL).unwrap();
		assert_eq!((model.deposit.depositor(), model.deposit.amount()), (&OWNER, MODEL_DEPOSIT));
		let ids: Vec<_> = Models::models_from(MODEL).into_iter().map(|(id, _)| id).collect();
		assert_eq!(ids, vec![ModelId(0), ModelId(1)]);
		assert_eq!(Models::models_from(ModelId(1)).len(), 1);
		assert!(Models::models_from(ModelId(u32::MAX)).is_empty());
		assert_eq!(Models::model(ModelId(9)), None);
		assert_eq!(Models::program_bytes(digest(VOCABULARY + 1)), None);
	});
}
