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
	CreateOffer { who: AccountId, model: u32, terms: OfferTerms<Balance> },
	UpdateOffer { who: AccountId, offer: u64, terms: OfferTerms<Balance> },
	CloseOffer { who: AccountId, offer: u64 },
	OpenLease { who: AccountId, offer: u64, escrow: Balance, duration: u32, wish: Wish },
	TopUp { who: AccountId, lease: u64, amount: Balance },
	CloseLease { who: AccountId, lease: u64 },
	ExpireLease { lease: u64 },
	SettleReservation { who: AccountId, lease: u64 },
	Reserve { lease: u64, job: u8, amount: Balance, units: u64 },
	Settle { pick: usize, shares: Vec<(AccountId, u8)> },
	SetReady { who: AccountId, ready: bool },
	SetModel { model: u32, royalty: Balance, retired: bool },
	Pass { blocks: u32 },
}

/// Highest price of a unit, and a rate to reserve with the highest price of that.
type Wish = (Balance, Option<(u64, Balance)>);

fn account() -> impl Strategy<Value = AccountId> {
	proptest::sample::select(&ACCOUNTS[..])
}

fn payee() -> impl Strategy<Value = AccountId> {
	prop_oneof![account(), Just(MODEL_OWNER), Just(TREASURY), NOBODY..NOBODY + 3]
}

fn terms() -> impl Strategy<Value = OfferTerms<Balance>> {
	let reservation = proptest::option::weighted(0.8, (0u128..60, 0u64..60));
	(0u128..12, 0u64..40, 0u32..60, reservation).prop_map(|(price, rate, duration, reservation)| {
		OfferTerms {
			price_per_unit: price,
			rate_units_per_block: rate,
			duration_blocks_max: duration,
			reservation: reservation.map(|(price_per_block, capacity_units_per_block)| {
				ReservationTerms { price_per_block, capacity_units_per_block }
			}),
			..TERMS
		}
	})
}

fn op() -> impl Strategy<Value = Op> {
	let provider = || proptest::sample::select(&ACCOUNTS[..2]);
	let wish = || (4u128..20, proptest::option::weighted(0.7, (0u64..15, 10u128..60)));
	prop_oneof![
		2 => (provider(), 0u32..3, terms())
			.prop_map(|(who, model, terms)| Op::CreateOffer { who, model, terms }),
		1 => (account(), 0u64..6, terms())
			.prop_map(|(who, offer, terms)| Op::UpdateOffer { who, offer, terms }),
		1 => (account(), 0u64..6).prop_map(|(who, offer)| Op::CloseOffer { who, offer }),
		5 => (account(), 0u64..4, 0u128..2_000, 0u32..60, wish()).prop_map(
			|(who, offer, escrow, duration, wish)| {
				Op::OpenLease { who, offer, escrow, duration, wish }
			}
		),
		3 => (account(), 0u64..10).prop_map(|(who, lease)| Op::SettleReservation { who, lease }),
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
	let record = crate::Leases::<Test>::get(lease).unwrap();
	let tenant = record.tenant;
	let before = Balances::total_balance(&tenant);
	let own: Balance =
		payments.iter().filter(|it| it.to == tenant).map(|payment| payment.amount).sum();
	// A reserved rate is paid for first; a tenant that is its own provider gets its share back.
	let charged = record.rate_due(System::block_number()).map_or(0, |due| due.payable);
	let charged = if record.provider == tenant { charged / 10 } else { charged };
	let paid = <Leases as assay_primitives::Leases<_, _>>::settle(lease, job, reserved, payments);
	// The treasury exists, so every share finds somebody.
	assert_eq!(paid, due);
	assert_eq!(Balances::total_balance(&tenant), before - paid + own - charged);
	Ok(())
}

/// Settling pays what the view said was due, to whom it belongs, and the caller of an overdrawn
/// lease earns what was set aside.
fn settle_rate(who: AccountId, id: LeaseId) -> DispatchResult {
	let view = Leases::lease(id);
	let parties = view.as_ref().map_or([0; 3], |view| [view.tenant, view.provider, who]);
	let before = parties.map(|party| Balances::total_balance(&party));
	Leases::settle_reservation(RuntimeOrigin::signed(who), id).map_err(|error| error.error)?;
	let view = view.unwrap();
	let fee = if view.is_overdrawn { view.set_aside } else { 0 };
	let changes = [
		(view.tenant, -((view.due + fee) as i128)),
		(view.provider, (view.due - view.due / 10) as i128),
		(who, fee as i128),
	];
	for (party, before) in parties.into_iter().zip(before) {
		let change: i128 = changes.iter().filter(|it| it.0 == party).map(|it| it.1).sum();
		assert_eq!(Balances::total_balance(&party) as i128, before as i128 + change);
	}
	match Leases::lease(id) {
		None => assert!(view.is_overdrawn && view.open_jobs == 0),
		Some(after) => {
			assert_eq!((after.due, after.free), (0, view.free));
			assert_eq!(after.reserved, view.reserved, "open jobs keep what they hold");
			assert_eq!(after.takes_jobs, view.takes_jobs);
		},
	}
	Ok(())
}

fn apply(op: &Op) -> DispatchResult {
	let signed = RuntimeOrigin::signed;
	match op.clone() {
		Op::CreateOffer { who, model, terms } => {
			Leases::create_offer(signed(who), ModelId(model), terms)
		},
		Op::UpdateOffer { who, offer, terms } => {
			Leases::update_offer(signed(who), OfferId(offer), terms)
		},
		Op::CloseOffer { who, offer } => Leases::close_offer(signed(who), OfferId(offer)),
		Op::OpenLease { who, offer, escrow, duration, wish: (limit, rate) } => {
			let request = rate.map(|(rate_units_per_block, price_limit)| ReservationRequest {
				rate_units_per_block,
				price_limit,
			});
			Leases::open_lease(signed(who), OfferId(offer), escrow, duration, limit, request)
		},
		Op::SettleReservation { who, lease } => settle_rate(who, LeaseId(lease)),
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

/// The market that a sequence begins with: random offers are seldom what random tenants ask for.
fn set_up() {
	for who in [PROVIDER, OTHER_PROVIDER] {
		assert_ok!(Leases::create_offer(RuntimeOrigin::signed(who), MODEL, RESERVABLE));
	}
	for tenant in [TENANT, OTHER_TENANT] {
		assert_ok!(reserve_rate(tenant, RATE / 2));
	}
}

/// Sequences that never get to an overdrawn lease would prove nothing of one.
#[test]
fn random_sequences_reach_what_may_happen_to_a_reserved_rate() {
	use assay_primitives::CloseReason::{Expired, Overdrawn, Provider, Tenant};
	use proptest::{strategy::ValueTree, test_runner::TestRunner};

	let mut runner = TestRunner::deterministic();
	let (mut paid, mut earned, mut closing, mut ended) = (0, 0, 0, Vec::new());
	for _ in 0..128 {
		let ops = proptest::collection::vec(op(), 1..80).new_tree(&mut runner).unwrap().current();
		new_test_ext().execute_with(|| {
			set_up();
			for op in &ops {
				let _ = with_storage_layer(|| apply(op));
			}
			for record in System::events() {
				match record.event {
					RuntimeEvent::Leases(Event::ReservationPaid { .. }) => paid += 1,
					RuntimeEvent::Leases(Event::OverdraftFeePaid { .. }) => earned += 1,
					RuntimeEvent::Leases(Event::LeaseClosing { reason: Overdrawn, .. }) => {
						closing += 1
					},
					RuntimeEvent::Leases(Event::ReservationEnded { reason, .. }) => {
						ended.push(reason)
					},
					_ => {},
				}
			}
		});
	}
	assert!(paid > 100, "shares were paid {paid} times");
	assert!(earned > 10, "an overdrawn lease was settled {earned} times");
	assert!(closing > 3, "jobs were open under an overdrawn lease {closing} times");
	for reason in [Tenant, Provider, Expired, Overdrawn] {
		let count = ended.iter().filter(|it| **it == reason).count();
		assert!(count > 3, "a reservation ended {count} times for {reason:?}");
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

	#[test]
	fn every_invariant_holds_after_every_step(ops in proptest::collection::vec(op(), 1..80)) {
		new_test_ext().execute_with(|| {
			let issuance = Balances::total_issuance();
			set_up();
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
	fn a_reserved_rate_costs_the_same_however_often_it_is_paid_for(
		rate in 1u64..=RATE,
		touches in proptest::collection::vec((1u32..20, 0u8..4), 1..12),
	) {
		build_and_execute(|| {
			assert_ok!(offer_reservable());
			assert_ok!(reserve_rate(TENANT, rate));
			assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 5_000));
			let price = lease().reservation.unwrap().price_per_block;
			assert!(price >= RATE_PRICE * Balance::from(rate) / Balance::from(RATE));
			let (mut jobs, mut added) = (Vec::new(), 5_000);
			for (number, (blocks, kind)) in touches.into_iter().enumerate() {
				let now = System::block_number() + blocks;
				System::set_block_number(now);
				match kind {
					0 if now <= 1 + DURATION => {
						assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 7));
						added += 7;
					},
					1 if now <= 1 + DURATION && jobs.len() < 3 => {
						assert_ok!(reserve(number as u8, 10, 1));
						jobs.push(number as u8);
					},
					2 if !jobs.is_empty() && now <= 1 + DURATION => {
						assert_eq!(settle(jobs.pop().unwrap(), 10, vec![]), 0);
					},
					// Nothing is due once the last block is paid for.
					_ => _ = settle_rate(STRANGER, LEASE),
				}
				let blocks = Balance::from((now - 1).min(DURATION));
				let held = held(HoldReason::Escrow, TENANT);
				assert_eq!(held, ESCROW + added - price * blocks, "in block {now}");
			}
		});
	}

	#[test]
	fn parts_of_a_rate_cost_no_less_than_the_whole(
		price in 1u128..1_000_000,
		rates in proptest::collection::vec(1u64..1_000, 1..8),
	) {
		let whole: u64 = rates.iter().sum();
		let terms = ReservationTerms { price_per_block: price, capacity_units_per_block: whole };
		let price_of = |rate: &u64| terms.price_of(*rate, whole).unwrap();
		let parts: Vec<_> = rates.iter().map(price_of).collect();
		prop_assert!(parts.iter().all(|part| *part > 0));
		let sum: Balance = parts.iter().sum();
		prop_assert!(sum >= price && sum < price + parts.len() as Balance);
		prop_assert_eq!(terms.price_of(whole, whole), Some(price));
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
