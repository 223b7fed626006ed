//! `retire`, and what goes when.

use super::*;
use frame_support::assert_noop;
use sp_runtime::DispatchError;

fn retire(who: AccountId, id: ModelId) -> DispatchResult {
	Models::retire(RuntimeOrigin::signed(who), id)
}

#[test]
fn forgets_model_and_program_and_returns_the_deposits() {
	with_model(|| {
		System::reset_events();
		assert_ok!(retire(OWNER, MODEL));
		assert_eq!(
			events(),
			vec![
				Event::ModelRetired { model: MODEL, open_jobs: 0 },
				Event::ModelRemoved { model: MODEL },
				Event::ProgramRemoved { program: digest(VOCABULARY) },
			]
		);
		assert_eq!(held(OWNER), (0, 0));
		assert_eq!(free(OWNER), ENDOWMENT);
		assert_eq!(<Models as assay_primitives::Models<_, _>>::model(MODEL), None);
		assert_eq!(Models::program_bytes(digest(VOCABULARY)), None);
		assert_noop!(retire(OWNER, MODEL), Error::<Test>::ModelNotFound);

		// The same program may come back, the id may not.
		assert_ok!(register(OWNER, VOCABULARY));
		assert!(Models::model(ModelId(1)).is_some());
	});
}

#[test]
fn the_program_stays_with_its_other_models() {
	with_model(|| {
		assert_ok!(register_existing(OTHER_OWNER, VOCABULARY));
		assert_ok!(retire(OWNER, MODEL));
		assert_eq!(events().pop(), Some(Event::ModelRemoved { model: MODEL }));
		assert_eq!(
			held(OWNER),
			(0, program_deposit(VOCABULARY)),
			"the first registrant still pays"
		);

		assert_ok!(retire(OTHER_OWNER, ModelId(1)));
		assert_eq!(held(OWNER), (0, 0));
		assert_eq!(free(OTHER_OWNER), ENDOWMENT);
		assert_eq!(ProgramBytes::<Test>::iter().count(), 0);
	});
}

#[test]
fn waits_for_open_jobs() {
	with_model(|| {
		assert_ok!(job_opened(MODEL));
		assert_ok!(job_opened(MODEL));
		assert_ok!(retire(OWNER, MODEL));
		assert_eq!(events().pop(), Some(Event::ModelRetired { model: MODEL, open_jobs: 2 }));
		assert!(<Models as assay_primitives::Models<_, _>>::model(MODEL).unwrap().retired);
		assert_noop!(job_opened(MODEL), Error::<Test>::ModelRetired);
		assert_noop!(retire(OWNER, MODEL), Error::<Test>::ModelRetired);

		job_closed(MODEL);
		assert!(Models::model(MODEL).is_some());
		assert_eq!(held(OWNER), (MODEL_DEPOSIT, program_deposit(VOCABULARY)));

		job_closed(MODEL);
		assert_eq!(Models::model(MODEL), None);
		assert_eq!(events().pop(), Some(Event::ProgramRemoved { program: digest(VOCABULARY) }));
		assert_eq!(free(OWNER), ENDOWMENT);
	});
}

#[test]
fn fails_for_others() {
	with_model(|| {
		assert_noop!(retire(STRANGER, MODEL), Error::<Test>::NotOwner);
		assert_noop!(retire(OWNER, ModelId(1)), Error::<Test>::ModelNotFound);
		assert_noop!(Models::retire(RuntimeOrigin::root(), MODEL), DispatchError::BadOrigin);
	});
}
