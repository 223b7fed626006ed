//! `set_terms` and `transfer_ownership`.

use super::*;
use frame_support::assert_noop;
use sp_runtime::DispatchError;

fn set_terms(who: AccountId, royalty: Balance) -> DispatchResult {
	Models::set_terms(RuntimeOrigin::signed(who), MODEL, royalty)
}

fn transfer(who: AccountId, new_owner: AccountId) -> DispatchResult {
	Models::transfer_ownership(RuntimeOrigin::signed(who), MODEL, new_owner)
}

#[test]
fn the_owner_sets_the_royalty() {
	with_model(|| {
		assert_ok!(set_terms(OWNER, 9));
		assert_eq!(
			events().pop(),
			Some(Event::TermsSet {
				model: MODEL,
				old_royalty_per_unit: ROYALTY,
				new_royalty_per_unit: 9,
			})
		);
		let info = <Models as assay_primitives::Models<_, _>>::model(MODEL).unwrap();
		assert_eq!(info.royalty_per_unit, 9);
	});
}

#[test]
fn setting_terms_fails_for_others_and_for_the_retired() {
	with_model(|| {
		assert_noop!(set_terms(STRANGER, 9), Error::<Test>::NotOwner);
		assert_noop!(
			Models::set_terms(RuntimeOrigin::signed(OWNER), ModelId(1), 9),
			Error::<Test>::ModelNotFound
		);
		assert_noop!(Models::set_terms(RuntimeOrigin::root(), MODEL, 9), DispatchError::BadOrigin);
		assert_ok!(job_opened(MODEL));
		assert_ok!(Models::retire(RuntimeOrigin::signed(OWNER), MODEL));
		assert_noop!(set_terms(OWNER, 9), Error::<Test>::ModelRetired);
	});
}

#[test]
fn a_new_owner_decides_and_the_deposit_stays_whose_it_is() {
	with_model(|| {
		assert_ok!(transfer(OWNER, OTHER_OWNER));
		assert_eq!(
			events().pop(),
			Some(Event::OwnershipTransferred {
				model: MODEL,
				old_owner: OWNER,
				new_owner: OTHER_OWNER,
			})
		);
		assert_noop!(set_terms(OWNER, 9), Error::<Test>::NotOwner);
		assert_ok!(set_terms(OTHER_OWNER, 9));
		assert_eq!(held(OWNER), (MODEL_DEPOSIT, program_deposit(VOCABULARY)));
		assert_eq!(held(OTHER_OWNER), (0, 0));

		assert_ok!(Models::retire(RuntimeOrigin::signed(OTHER_OWNER), MODEL));
		assert_eq!(free(OWNER), ENDOWMENT);
		assert_eq!(free(OTHER_OWNER), ENDOWMENT);
	});
}

#[test]
fn transferring_fails_for_others() {
	with_model(|| {
		assert_noop!(transfer(STRANGER, STRANGER), Error::<Test>::NotOwner);
		assert_noop!(
			Models::transfer_ownership(RuntimeOrigin::signed(OWNER), ModelId(1), STRANGER),
			Error::<Test>::ModelNotFound
		);
		assert_noop!(
			Models::transfer_ownership(RuntimeOrigin::none(), MODEL, STRANGER),
			DispatchError::BadOrigin
		);
	});
}
