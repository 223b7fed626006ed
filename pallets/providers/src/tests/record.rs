//! What is on record of a provider, how it fades, and what stays of it.

use super::*;
use crate::Records;
use assay_primitives::{record::CONVICTION, Outcome, Record};

const PPB: u32 = 1_000_000_000;

fn settled(tenant: AccountId, fee: Balance) {
	Providers::note(&ALICE, Outcome::Settled { tenant: &tenant, fee });
}

/// As many tenants as full trust takes, no two of which share a bit.
fn tenants() -> Vec<AccountId> {
	let bit = |tenant: &AccountId| assay_primitives::record::tenant_bit(&ALICE, tenant);
	let mut seen = 0;
	let mut is_new = |tenant: &AccountId| {
		let is_new = seen & bit(tenant) == 0;
		seen |= bit(tenant);
		is_new
	};
	(10..).filter(|tenant| is_new(tenant)).take(TENANTS_FULL as usize).collect()
}

/// Everything that full trust takes.
fn earn_full_trust() {
	for tenant in tenants() {
		settled(tenant, FEES_FULL / Balance::from(TENANTS_FULL));
	}
	assert_eq!(Providers::trust(&ALICE), PPB);
}

fn record() -> Record {
	Providers::record_of(ALICE).expect("on record")
}

#[test]
fn counts_what_became_of_slots() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert_eq!(record(), Record::default());
		let [one, other, ..] = tenants()[..] else { panic!("two tenants") };
		for tenant in [one, other, one] {
			settled(tenant, 5);
		}
		Providers::note(&ALICE, Outcome::Lapsed);
		Providers::note(&ALICE, Outcome::Burnt(7));
		let Record { settled, lapsed, guilty, fees, .. } = record();
		assert_eq!((settled, lapsed, guilty, fees), (3, 1, 0, 22));
		assert_eq!(record().tenant_count(), 2);
		Providers::note(&ALICE, Outcome::Guilty);
		assert_eq!((record().guilty, record().convictions()), (CONVICTION, 1));
		assert_eq!(Providers::record_of(BOB), None, "nobody else");
	});
}

#[test]
fn counters_stop_at_their_ends() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		let fees = Balance::MAX - 1;
		let full =
			Record { settled: u32::MAX, lapsed: u32::MAX, guilty: u32::MAX, fees, ..record() };
		Records::<Test>::insert(ALICE, full);
		settled(10, 7);
		Providers::note(&ALICE, Outcome::Lapsed);
		Providers::note(&ALICE, Outcome::Guilty);
		let after = Record { fees: Balance::MAX, ..full };
		assert_eq!(Record { tenants: [0, 0], period: 0, ..record() }, after);
	});
}

#[test]
fn trust_takes_tenants_and_fees_and_fades() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert_eq!(Providers::trust(&ALICE), 0, "an empty record earns nothing");
		settled(10, 100 * FEES_FULL);
		assert_eq!(Providers::trust(&ALICE), PPB / TENANTS_FULL, "one tenant is a quarter");
		settled(10, 100 * FEES_FULL);
		assert_eq!(Providers::trust(&ALICE), PPB / TENANTS_FULL, "the same one is no other");
	});
	build_and_execute(|| {
		register(ALICE, &pair(1));
		earn_full_trust();
		roll_to(PERIOD * HALVING - 1);
		assert_eq!(Providers::trust(&ALICE), PPB);
		roll_to(PERIOD * HALVING);
		assert_eq!(Providers::trust(&ALICE), PPB / 2, "half of the fees");
		roll_to(2 * PERIOD * HALVING);
		assert_eq!(Providers::trust(&ALICE), 0, "its tenants are long ago");
		// Nothing was written meanwhile.
		assert_eq!(Records::<Test>::get(ALICE).expect("stored").settled, TENANTS_FULL);
	});
}

#[test]
fn guilt_outweighs_any_record_and_outlasts_leaving() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		earn_full_trust();
		Providers::note(&ALICE, Outcome::Guilty);
		assert_eq!(Providers::trust(&ALICE), 0);
		assert_ok!(Providers::leave(RuntimeOrigin::signed(ALICE)));
		assert_eq!(record(), record().guilt());
		register(ALICE, &pair(1));
		assert_eq!(record().convictions(), 1);
		earn_nothing();
		// Four whole half-lives after the one of its conviction, and then no longer.
		roll_to(5 * PERIOD * HALVING - 1);
		earn_nothing();
		roll_to(5 * PERIOD * HALVING);
		assert_eq!(record().convictions(), 0);
		earn_full_trust();
	});
}

fn earn_nothing() {
	frame_support::hypothetically!({
		for tenant in tenants() {
			settled(tenant, FEES_FULL);
		}
		assert_eq!(Providers::trust(&ALICE), 0);
	});
}

#[test]
fn leaving_takes_a_record_without_guilt_along() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		earn_full_trust();
		Providers::note(&ALICE, Outcome::Lapsed);
		assert_ok!(Providers::leave(RuntimeOrigin::signed(ALICE)));
		assert_eq!(Records::<Test>::get(ALICE), None);
		register(ALICE, &pair(1));
		assert_eq!((record(), Providers::trust(&ALICE)), (Record::default(), 0));
	});
}

#[test]
fn guilt_that_has_faded_goes_with_its_provider() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		Providers::note(&ALICE, Outcome::Guilty);
		roll_to(5 * PERIOD * HALVING);
		assert_ok!(Providers::leave(RuntimeOrigin::signed(ALICE)));
		assert_eq!(Records::<Test>::get(ALICE), None);
	});
}

#[test]
fn the_invariant_finds_records_that_cannot_be() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		let broken = |who: AccountId, record: Record| {
			frame_support::hypothetically!({
				Records::<Test>::insert(who, record);
				let said = format!("{:?}", Providers::do_try_state().unwrap_err());
				assert!(said.contains("INV-6"), "{said}");
			});
		};
		broken(ALICE, Record::default());
		broken(ALICE, Record { period: 1, settled: 1, ..Record::default() });
		broken(BOB, Record { lapsed: 1, guilty: CONVICTION, ..Record::default() });
		frame_support::hypothetically!({
			Records::<Test>::insert(BOB, Record { guilty: CONVICTION, ..Record::default() });
			assert_ok!(Providers::do_try_state());
		});
	});
}
