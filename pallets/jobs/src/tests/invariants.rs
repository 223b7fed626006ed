//! Random sequences of everything that can be done, with all invariants of all pallets and the
//! total issuance checked after each step.

use super::*;
use frame_support::dispatch::DispatchResult;
use frame_system::RawOrigin;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
	Submit { gap: u64, value: u128 },
	Accept(u8),
	Commit(u8),
	Reveal { slot: u8, wrong: bool },
	Lapse(u8),
	Settle(u8),
	Roll(u32),
	Beat,
	Unbond(u128),
	Bond(u128),
	CloseLease,
	OpenLease,
	TopUp(u128),
	Drain,
	Resume,
	Pause(bool),
	Retire,
}

fn op() -> impl Strategy<Value = Op> {
	prop_oneof![
		4 => (0..3u64, 0..200u128).prop_map(|(gap, v)| Op::Submit { gap, value: v * UNIT }),
		2 => any::<u8>().prop_map(Op::Accept),
		5 => any::<u8>().prop_map(Op::Commit),
		5 => (any::<u8>(), any::<bool>()).prop_map(|(slot, wrong)| Op::Reveal { slot, wrong }),
		3 => any::<u8>().prop_map(Op::Lapse),
		4 => any::<u8>().prop_map(Op::Settle),
		6 => (1..30u32).prop_map(Op::Roll),
		2 => Just(Op::Beat),
		1 => (1..500u128).prop_map(|n| Op::Unbond(n * UNIT)),
		1 => (1..500u128).prop_map(|n| Op::Bond(n * UNIT)),
		1 => Just(Op::CloseLease),
		1 => Just(Op::OpenLease),
		1 => (1..50u128).prop_map(|n| Op::TopUp(n * UNIT)),
		1 => Just(Op::Drain),
		1 => Just(Op::Resume),
		1 => any::<bool>().prop_map(Op::Pause),
		1 => Just(Op::Retire),
	]
}

fn pick<T: Clone>(of: &[T], n: u8) -> Option<T> {
	of.get(usize::from(n) % of.len().max(1)).cloned()
}

fn apply(op: Op) {
	let slots: Vec<SlotId> = {
		let mut slots: Vec<_> = crate::Slots::<Test>::iter_keys().collect();
		slots.sort();
		slots
	};
	let slot = |n| pick(&slots, n).unwrap_or(SlotId(u64::MAX));
	let lease = LeaseId(pallet_leases::NextLeaseId::<Test>::get().0.saturating_sub(1));
	match op {
		Op::Submit { gap, value } => {
			let nonce = Jobs::nonce_after(&tenant()) + gap;
			let input = inline_input();
			let _ = Jobs::submit_job(signed(tenant()), lease, nonce, input, parameters(), value);
		},
		Op::Accept(n) => no_surprise(accept(slot(n))),
		Op::Commit(n) => no_surprise(commit(slot(n))),
		Op::Reveal { slot: n, wrong: false } => no_surprise(reveal(slot(n))),
		Op::Reveal { slot: n, wrong: true } => {
			let claim = Claim::Invalid { code: 9 };
			let call = reveal_call(slot(n), claim, SALT, anchor_of(slot(n)), &worker());
			assert!(dispatch_authorized(call.clone()).is_err());
			assert!(dispatch_unchecked(call).is_err());
		},
		Op::Lapse(n) => no_surprise(dispatch_authorized(Call::lapse { slot: slot(n) }.into())),
		Op::Settle(n) => {
			let job = crate::Slots::<Test>::get(slot(n)).map(|slot| slot.job).unwrap_or_default();
			no_surprise(dispatch_authorized(Call::settle { job }.into()));
		},
		Op::Roll(blocks) => roll_by(blocks),
		Op::Beat => beat(),
		Op::Unbond(amount) => drop(ProviderStake::unbond(signed(provider()), amount)),
		Op::Bond(amount) => drop(ProviderStake::bond(signed(provider()), amount)),
		Op::CloseLease => drop(Leases::close_lease(signed(tenant()), lease)),
		Op::OpenLease => drop(Leases::open_lease(
			signed(tenant()),
			assay_primitives::OfferId(0),
			ESCROW,
			1_000,
			PRICE_PER_UNIT,
		)),
		Op::TopUp(amount) => drop(Leases::top_up(signed(tenant()), lease, amount)),
		Op::Drain => drop(Providers::drain(signed(provider()))),
		Op::Resume => drop(Providers::resume(signed(provider()))),
		Op::Pause(paused) => drop(Jobs::set_paused(RawOrigin::Root.into(), paused)),
		Op::Retire => drop(Models::retire(signed(owner()), assay_primitives::ModelId(0))),
	}
}

/// What the pool lets through for nothing must not fail in the block: that would be block space
/// without a fee.
fn no_surprise(outcome: Result<DispatchResult, TransactionValidityError>) {
	if let Ok(dispatched) = outcome {
		assert_ok!(dispatched);
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn hold_over_random_sequences(ops in proptest::collection::vec(op(), 1..60)) {
		new_test_ext().execute_with(|| {
			let issuance = Balances::total_issuance();
			for op in ops {
				apply(op);
				try_state();
				let burnt = issuance - Balances::total_issuance();
				assert!(burnt == 0 || burnt == NONCE_FEE, "only the nonce fee is burnt");
			}
		});
	}
}
