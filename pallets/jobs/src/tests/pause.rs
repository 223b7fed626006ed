use super::*;
use frame_system::RawOrigin;

#[test]
fn stops_the_clock_of_open_jobs() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		roll_to(6);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		assert_eq!(events(), vec![Event::PausedSet { paused: true }]);
		roll_to(500);
		assert_noop!(Jobs::lapse(signed(stranger()), slot), Error::<Test>::Paused);
		assert_eq!(commit(slot), Err(InvalidTransaction::Future.into()));
		assert_noop!(
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				1,
				inline_input(),
				parameters(),
				0,
				0,
				0
			),
			Error::<Test>::Paused
		);
		assert_eq!(Jobs::clock_view(), (true, 6));
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
		roll_by(5);
		assert_eq!(Jobs::clock_view(), (false, 11));
		assert_ok!(commit(slot).unwrap());
	});
}

#[test]
fn a_reveal_after_a_pause_longer_than_the_known_hashes_is_taken() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		roll_by(4_200);
		// As `frame_system` does at the end of each block; the mock does not finish blocks so far.
		frame_system::BlockHash::<Test>::remove(1);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
		assert_eq!(System::block_hash(1), H256::zero());
		assert_ok!(reveal(slot).unwrap());
	});
}

#[test]
fn only_root_may_pause() {
	build_and_execute(|| {
		assert_noop!(
			Jobs::set_paused(signed(provider()), true),
			sp_runtime::DispatchError::BadOrigin
		);
	});
}
