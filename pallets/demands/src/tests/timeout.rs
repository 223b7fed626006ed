use super::*;

#[test]
fn returns_what_no_chunk_was_delivered_for() {
	build_and_execute(|| {
		let (job, blob) = demanded(10_000);
		assert_ok!(deliver(job, &blob, 0).unwrap());
		roll_to(1 + CHUNK_BLOCKS);
		assert_refused(Call::timeout { job }.into(), InvalidTransaction::Future, Error::NotDue);
		roll_by(1);
		assert_ok!(dispatch_authorized(Call::timeout { job }.into()).unwrap());
		let spent = 4_096 * PRICE_PER_BYTE;
		assert_eq!(held(&demander()), 0);
		assert_eq!(Balances::free_balance(demander()), ENDOWMENT - spent);
		assert_eq!(
			events(),
			vec![Event::Withheld {
				job,
				item: Item::Input,
				slot: SLOT,
				provider: provider(),
				delivered: 1,
				returned: 10_000 * PRICE_PER_BYTE - spent,
			}]
		);
		assert!(MockJobs::get(job).unwrap().is_withheld);
		assert_refused(
			Call::timeout { job }.into(),
			InvalidTransaction::Stale,
			Error::DemandUnknown,
		);
	});
}

#[test]
fn anybody_may_sign_it() {
	build_and_execute(|| {
		let (job, _) = demanded(1);
		roll_by(CHUNK_BLOCKS);
		assert_noop!(Demands::timeout(signed(stranger()), job), Error::<Test>::NotDue);
		roll_by(1);
		assert_ok!(Demands::timeout(signed(stranger()), job));
	});
}

#[test]
fn a_pause_gives_as_long_again() {
	build_and_execute(|| {
		let (job, blob) = demanded(100);
		roll_by(10);
		Paused::set(&true);
		roll_by(1_000);
		assert_refused(Call::timeout { job }.into(), InvalidTransaction::Future, Error::Paused);
		Paused::set(&false);
		StoodStill::set(&1_000);
		roll_by(CHUNK_BLOCKS - 10);
		assert_noop!(Demands::timeout(signed(stranger()), job), Error::<Test>::NotDue);
		assert_ok!(deliver(job, &blob, 0).unwrap());
	});
}

#[test]
fn the_first_chunk_has_longer() {
	build_and_execute(|| {
		AnswerBlocks::set(&(3 * CHUNK_BLOCKS));
		let (job, blob) = demanded(10_000);
		roll_by(3 * CHUNK_BLOCKS);
		assert_noop!(Demands::timeout(signed(stranger()), job), Error::<Test>::NotDue);
		try_state();
		assert_ok!(deliver(job, &blob, 0).unwrap());
		roll_by(CHUNK_BLOCKS);
		assert_noop!(Demands::timeout(signed(stranger()), job), Error::<Test>::NotDue);
		roll_by(1);
		assert_ok!(Demands::timeout(signed(stranger()), job));
	});
}
