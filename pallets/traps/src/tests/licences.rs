//! Licences and roots: what the treasury does.

use super::*;

const ROOT: H256 = H256([1; 32]);

fn post_root(count: u32) -> DispatchResult {
	Traps::post(RawOrigin::Root.into(), ROOT, count)
}

fn license(allowance: u32) -> DispatchResult {
	Traps::license(RawOrigin::Root.into(), provider(), allowance)
}

/// Go to the first block of the next duty period.
fn next_period() {
	let now = frame_system::Pallet::<Test>::block_number();
	jump_to(now - now % TIMING.duty_period + TIMING.duty_period);
}

#[test]
fn nobody_but_the_treasury_does_any_of_it() {
	build_and_execute(|| {
		let who = signed(provider());
		assert_noop!(Traps::license(who.clone(), provider(), 1), DispatchError::BadOrigin);
		assert_noop!(Traps::revoke(who.clone(), provider()), DispatchError::BadOrigin);
		assert_noop!(Traps::post(who, ROOT, 1), DispatchError::BadOrigin);
	});
}

#[test]
fn a_licence_is_given_changed_and_taken() {
	build_and_execute(|| {
		assert_noop!(Traps::revoke(RawOrigin::Root.into(), provider()), Error::<Test>::NotLicensed);
		for allowance in [0, TRAPS_MAX + 1, u32::MAX] {
			assert_noop!(license(allowance), Error::<Test>::AllowanceOutOfRange);
		}
		for allowance in [1, TRAPS_MAX] {
			assert_ok!(license(allowance));
			let event = Event::Licensed { provider: provider(), allowance };
			assert_eq!(events().last(), Some(&event));
			assert_eq!(Traps::licence(provider()).unwrap().allowance, allowance);
		}
		assert_ok!(Traps::revoke(RawOrigin::Root.into(), provider()));
		assert_eq!(events().last(), Some(&Event::Revoked { provider: provider() }));
		assert_eq!(Traps::licence(provider()), None);
	});
}

#[test]
fn a_period_has_one_root() {
	build_and_execute(|| {
		for count in [0, TRAPS_MAX + 1] {
			assert_noop!(post_root(count), Error::<Test>::CountOutOfRange);
		}
		assert_ok!(post_root(TRAPS_MAX));
		let posted = Event::Posted { period: 0, root: ROOT, count: TRAPS_MAX };
		assert_eq!(events(), vec![posted]);
		assert_eq!(Traps::root(0).unwrap().posted_at, 2);
		assert_noop!(post_root(1), Error::<Test>::AlreadyPosted);
		next_period();
		assert_ok!(post_root(1));
		assert!(Traps::root(0).is_some() && Traps::root(1).is_some());
	});
}

#[test]
fn the_oldest_root_goes_when_there_are_as_many_as_are_kept() {
	build_and_execute(|| {
		for period in 0..ROOTS_MAX {
			assert_ok!(post_root(period + 1));
			next_period();
		}
		try_state();
		assert_eq!(crate::Roots::<Test>::iter().count() as u32, ROOTS_MAX);
		// A period without a root counts for nothing.
		next_period();
		assert_ok!(post_root(7));
		assert_eq!(crate::Roots::<Test>::iter().count() as u32, ROOTS_MAX);
		assert_eq!(Traps::root(0), None);
		assert!((1..ROOTS_MAX).all(|period| Traps::root(period).is_some()));
		assert_eq!(Traps::root(ROOTS_MAX + 1).unwrap().count, 7);
	});
}

/// What `try_state` says after a change that no call makes.
fn broken_by(change: impl FnOnce()) -> String {
	let mut said = String::new();
	build_and_execute(|| {
		assert_ok!(license(2));
		assert_ok!(post_root(9));
		frame_support::hypothetically!({
			change();
			said = format!("{:?}", Traps::do_try_state().unwrap_err());
		});
	});
	said
}

#[test]
fn what_does_not_fit_is_found() {
	let said = broken_by(crate::Periods::<Test>::kill);
	assert!(said.contains("INV-1: other roots"), "{said}");
	let said = broken_by(|| {
		crate::Periods::<Test>::put(frame_support::BoundedVec::truncate_from(vec![3]))
	});
	assert!(said.contains("INV-1: a root of a period to come"), "{said}");
	let said = broken_by(|| {
		crate::Roots::<Test>::mutate(0, |root| root.as_mut().unwrap().count = 8);
	});
	assert!(said.contains("INV-2: the leaves"), "{said}");
	let said = broken_by(|| {
		crate::Roots::<Test>::mutate(0, |root| root.as_mut().unwrap().posted_at = 100);
	});
	assert!(said.contains("INV-2: a root of a block to come"), "{said}");
	let said = broken_by(|| {
		let licence = crate::Licence { allowance: 2, ..Default::default() };
		crate::Licences::<Test>::insert(provider(), licence.with_one_more(0, &[0]).unwrap());
	});
	assert!(said.contains("INV-3"), "{said}");
	let said = broken_by(|| {
		crate::Licences::<Test>::insert(provider(), crate::Licence::default());
	});
	assert!(said.contains("INV-4: a licence for nothing"), "{said}");
}
