//! Random sequences of all calls, of reservations and of settlements, with every invariant checked
//! after each step.

use super::*;
use assay_primitives::ModelId;
use frame_support::{assert_storage_noop, storage::with_storage_layer};
use proptest::prelude::*;
use sp_runtime::DispatchResult;

const ACCOUNTS: [AccountId; 5] = [PROVIDER, OTHER_PROVIDER, TENANT, OTHER_TENANT, STRANGER];

#[derive(Clone, Debug)]
enum Op {
	CreateOffer { who: AccountId, model: u32, price: Balance, rate: u64, duration: u32 },
	UpdateOffer { who: AccountId, offer: u64, price: Balance, rate: u64, duration: u32 },
	CloseOffer { who: AccountId, offer: u64 },
	OpenLease { who: AccountId, offer: u64, escrow: Balance, duration: u32, limit: Balance },
	TopUp { who: AccountId, lease: u64, amount: Balance },
	CloseLease { who: AccountId, lease: u64 },
	ExpireLease { lease: u64 },
	Reserve { lease: u64, job: u8, amount: Balance, units: u64 },
	Settle { pick: usize, shares: Vec<(AccountId, u8)> },
	SetReady { who: AccountId, ready: bool },
	SetModel { model: u32, royalty: Balance, retired: bool },
	Pass { blocks: u32 },
}

fn account() -> impl Strategy<Value = AccountId> {
	proptest::sample::select(&ACCOUNTS[..])
}

fn payee() -> impl Strategy<Value = AccountId> {
	prop_oneof![account(), Just(MODEL_OWNER), Just(TREASURY), NOBODY..NOBODY + 3]
}

fn op() -> impl Strategy<Value = Op> {
	let provider = || proptest::sample::select(&ACCOUNTS[..2]);
	let price = || 0u128..12;
	let duration = || 0u32..60;
	prop_oneof![
		2 => (provider(), 0u32..3, price(), 0u64..40, duration()).prop_map(
			|(who, model, price, rate, duration)| {
				Op::CreateOffer { who, model, price, rate, duration }
			}
		),
		1 => (account(), 0u64..6, price(), 0u64..40, duration()).prop_map(
			|(who, offer, price, rate, duration)| {
				Op::UpdateOffer { who, offer, price, rate, duration }
			}
		),
		1 => (account(), 0u64..6).prop_map(|(who, offer)| Op::CloseOffer { who, offer }),
		4 => (account(), 0u64..6, 0u128..3_000, duration(), 4u128..20).prop_map(
			|(who, offer, escrow, duration, limit)| {
				Op::OpenLease { who, offer, escrow, duration, limit }
			}
		),
		2 => (account(), 0u64..10, 0u128..500)
			.prop_map(|(who, lease, amount)| Op::TopUp { who, lease, amount }),
		2 => (account(), 0u64..10).prop_map(|(who, lease)| Op::CloseLease { who, lease }),
		1 => (0u64..10).prop_map(|lease| Op::ExpireLease { lease }),
		6 => (0u64..10, 0u8..20, 0u128..600, 0u64..120)
			.prop_map(|(lease, job, amount, units)| Op::Reserve { lease, job, amount, units }),
		5 => (any::<usize>(), proptest::collection::vec((payee(), any::<u8>()), 0..4))
			.prop_map(|(pick, shares)| Op::Settle { pick, shares }),
		1 => (provider(), any::<bool>()).prop_map(|(who, ready)| Op::SetReady { who, ready }),
		1 => (0u32..3, 0u128..6, any::<bool>())
			.prop_map(|(model, royalty, retired)| Op::SetModel { model, royalty, retired }),
		2 => (1u32..30).prop_map(|blocks| Op::Pass { blocks }),
	]
}

/// Shares of a reservation: each takes so many 255ths of what the shares before it have left.
fn payments(reserved: Balance, shares: &[(AccountId, u8)]) -> Vec<Payment<AccountId, Balance>> {
	let mut left = reserved;
	shares
		.iter()
		.map(|(to, part)| {
			let amount = left * Balance::from(*part) / 255;
			left -= amount;
			pay(*to, amount, PaymentKind::Provider)
		})
		.collect()
}

fn settle_one(pick: usize, shares: &[(AccountId, u8)]) -> DispatchResult {
	let open: Vec<_> = Reservations::<Test>::iter().collect();
	let Some((lease, job, reserved)) = open.get(pick % open.len().max(1)).copied() else {
		return Ok(());
	};
	let payments = payments(reserved, shares);
	let due: Balance = payments.iter().map(|payment| payment.amount).sum();
	let tenant = crate::Leases::<Test>::get(lease).unwrap().tenant;
	let before = Balances::total_balance(&tenant);
	let own: Balance =
		payments.iter().filter(|it| it.to == tenant).map(|payment| payment.amount).sum();
	let paid = <Leases as assay_primitives::Leases<_, _>>::settle(lease, job, reserved, payments);
	// The treasury exists, so every share finds somebody.
	assert_eq!(paid, due);
	assert_eq!(Balances::total_balance(&tenant), before - paid + own);
	Ok(())
}

fn terms(price: Balance, rate: u64, duration: u32) -> OfferTerms<Balance> {
	OfferTerms {
		price_per_unit: price,
		rate_units_per_block: rate,
		duration_blocks_max: duration,
		..TERMS
	}
}

fn apply(op: &Op) -> DispatchResult {
	let signed = RuntimeOrigin::signed;
	match op.clone() {
		Op::CreateOffer { who, model, price, rate, duration } => {
			Leases::create_offer(signed(who), ModelId(model), terms(price, rate, duration))
		},
		Op::UpdateOffer { who, offer, price, rate, duration } => {
			Leases::update_offer(signed(who), OfferId(offer), terms(price, rate, duration))
		},
		Op::CloseOffer { who, offer } => Leases::close_offer(signed(who), OfferId(offer)),
		Op::OpenLease { who, offer, escrow, duration, limit } => {
			Leases::open_lease(signed(who), OfferId(offer), escrow, duration, limit)
		},
		Op::TopUp { who, lease, amount } => Leases::top_up(signed(who), LeaseId(lease), amount),
		Op::CloseLease { who, lease } => Leases::close_lease(signed(who), LeaseId(lease)),
		Op::ExpireLease { lease } => Leases::expire_lease(signed(STRANGER), LeaseId(lease))
			.map(|_| ())
			.map_err(|error| error.error),
		Op::Reserve { lease, job: number, amount, units } => {
			<Leases as assay_primitives::Leases<_, _>>::reserve(
				LeaseId(lease),
				job(number),
				amount,
				units,
			)
		},
		Op::Settle { pick, shares } => settle_one(pick, &shares),
		Op::SetReady { who, ready } => {
			Neighbours::set_ready(who, ready);
			Ok(())
		},
		Op::SetModel { model, royalty, retired } => {
			Neighbours::set_model(ModelId(model), royalty, retired);
			Ok(())
		},
		Op::Pass { blocks } => {
			System::set_block_number(System::block_number() + blocks);
			Ok(())
		},
	}
}

/// Leases of each provider are what engages it.
fn assert_engaged() {
	for provider in ACCOUNTS {
		assert_eq!(Neighbours::engaged(provider), Counts::<Test>::get(provider).leases);
	}
}

/// Settle and close whatever is open.
fn wind_up() {
	while Reservations::<Test>::iter().next().is_some() {
		settle_one(0, &[]).unwrap();
	}
	System::set_block_number(1_000_000);
	for id in crate::Leases::<Test>::iter_keys().collect::<Vec<_>>() {
		assert_ok!(Leases::expire_lease(RuntimeOrigin::signed(STRANGER), id));
	}
	for (id, offer) in Offers::<Test>::iter().collect::<Vec<_>>() {
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(offer.provider), id));
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

	#[test]
	fn every_invariant_holds_after_every_step(ops in proptest::collection::vec(op(), 1..80)) {
		new_test_ext().execute_with(|| {
			let issuance = Balances::total_issuance();
			for op in &ops {
				let outcome = with_storage_layer(|| apply(op));
				if outcome.is_err() {
					// What fails leaves nothing behind, also without the layer around a call.
					assert_storage_noop!(assert!(with_storage_layer(|| apply(op)).is_err()));
				}
				prop_assert_eq!(Leases::do_try_state(), Ok(()), "after {:?}", op);
				assert_engaged();
				prop_assert_eq!(Balances::total_issuance(), issuance, "nothing is burnt or minted");
			}

			wind_up();
			prop_assert_eq!(Leases::do_try_state(), Ok(()));
			assert_engaged();
			for who in ACCOUNTS {
				prop_assert_eq!(Balances::total_balance_on_hold(&who), 0);
			}
			prop_assert_eq!(Counts::<Test>::iter().count(), 0);
			prop_assert_eq!(TenantLeases::<Test>::iter().count(), 0);
			Ok(())
		})?;
	}

	#[test]
	fn a_bucket_gives_no_more_than_burst_and_rate(
		rate in 1u64..1_000,
		burst in 1u32..50,
		takes in proptest::collection::vec((0u32..20, 0u64..5_000), 1..50),
	) {
		let (mut bucket, mut now, mut given) = (Bucket::full(rate, burst, 0u32), 0u32, 0u64);
		for (blocks, units) in takes {
			now += blocks;
			let level = bucket.level(rate, burst, now);
			match bucket.take(rate, burst, now, units) {
				Ok(next) => {
					given += units;
					bucket = next;
				},
				Err(BucketError::Never) => prop_assert!(units > rate * u64::from(burst)),
				Err(BucketError::Later) => prop_assert!(units > level),
			}
			prop_assert!(given <= rate * (u64::from(burst) + u64::from(now)));
		}
	}
}
