//! Random sequences of everything that can be done, with all invariants and the total issuance
//! checked after each step; at the end strangers can end whatever is open.

use super::*;
use assay_primitives::AccountId;
use proptest::prelude::*;

const LENGTHS: [usize; 4] = [1, 4_096, 5_000, 9_999];

#[derive(Clone, Debug)]
enum Op {
	Demand { who: u8, job: u8, output: bool },
	DemandFor { job: u8, output: bool },
	Deliver { job: u8, index: u32, truly: bool },
	DeliverRest(u8),
	Timeout(u8),
	Roll(u32),
	Pause(bool),
}

fn op() -> impl Strategy<Value = Op> {
	let job = || 0..4u8;
	prop_oneof![
		4 => (2..5u8, job(), any::<bool>())
			.prop_map(|(who, job, output)| Op::Demand { who, job, output }),
		1 => (job(), any::<bool>()).prop_map(|(job, output)| Op::DemandFor { job, output }),
		6 => (job(), 0..3u32, proptest::bool::weighted(0.8))
			.prop_map(|(job, index, truly)| Op::Deliver { job, index, truly }),
		2 => job().prop_map(Op::DeliverRest),
		2 => job().prop_map(Op::Timeout),
		4 => (1..15u32).prop_map(Op::Roll),
		1 => any::<bool>().prop_map(Op::Pause),
	]
}

fn job(n: u8) -> JobDigest {
	JobDigest(H256([n + 1; 32]))
}

fn item(output: bool) -> Item {
	if output {
		Item::Output
	} else {
		Item::Input
	}
}

/// What the pool lets through must not fail in the block, unless it waits for another chunk.
fn no_surprise(call: RuntimeCall) {
	let waits = match dispatch_authorized(call.clone()) {
		Err(_) => return,
		Ok(Ok(())) => return,
		Ok(Err(_)) => validity_of(&call),
	};
	assert!(!waits.requires.is_empty(), "{call:?}");
}

fn deliver_any(n: u8, index: u32, truly: bool) {
	let blob = blob(LENGTHS[usize::from(n)]);
	let Some(demand) = Demands::demand_of(job(n)) else { return };
	if index >= demand.chunks() {
		return;
	}
	let call = deliver_call(job(n), demand.item, &blob, index);
	if truly {
		return no_surprise(call);
	}
	let RuntimeCall::Demands(Call::deliver { job, item, index, mut bytes, path }) = call else {
		unreachable!()
	};
	bytes[0] ^= 1;
	let call = RuntimeCall::from(Call::deliver { job, item, index, bytes, path });
	assert!(dispatch_authorized(call.clone()).is_err());
	assert!(dispatch_unchecked(call).is_err());
}

fn apply(op: Op) {
	match op {
		Op::Demand { who, job: n, output } => {
			let _ = frame_support::storage::with_storage_layer(|| {
				Demands::demand(signed(account(who)), job(n), item(output))
			});
		},
		Op::DemandFor { job: n, output } => {
			no_surprise(demand_for_call(job(n), item(output), &provider()))
		},
		Op::Deliver { job, index, truly } => deliver_any(job, index, truly),
		Op::DeliverRest(n) => {
			for index in 0..3 {
				deliver_any(n, index, true);
			}
		},
		Op::Timeout(n) => no_surprise(Call::timeout { job: job(n) }.into()),
		Op::Roll(blocks) => {
			roll_by(blocks);
			if Paused::get() {
				StoodStill::set(&(StoodStill::get() + blocks));
			}
		},
		Op::Pause(paused) => Paused::set(&paused),
	}
}

/// Whatever was done, a stranger can end it: nothing stays held.
fn wind_up(who: &[AccountId]) {
	Paused::set(&false);
	roll_by(CHUNK_BLOCKS + 1);
	for n in 0..4 {
		if Demands::demand_of(job(n)).is_some() {
			assert_ok!(Demands::timeout(signed(stranger()), job(n)));
		}
	}
	try_state();
	assert!(who.iter().all(|who| held(who) == 0), "a prepayment is kept back");
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	#[test]
	fn hold_over_random_sequences(ops in proptest::collection::vec(op(), 1..60)) {
		new_test_ext().execute_with(|| {
			for (n, length) in LENGTHS.into_iter().enumerate() {
				let owed = Some((digest_of(&blob(length)), length as u32));
				add_job(n as u8 + 1, [owed, owed]);
			}
			let issuance = Balances::total_issuance();
			for op in ops {
				apply(op);
				try_state();
				assert_eq!(Balances::total_issuance(), issuance, "nothing is burnt or minted");
			}
			wind_up(&[1, 2, 3, 4].map(account));
			assert_eq!(Balances::total_issuance(), issuance);
		});
	}
}

#[test]
fn a_prepayment_that_is_not_held_is_found() {
	build_and_execute(|| {
		let (job, _) = demanded(10_000);
		frame_support::hypothetically!({
			crate::Demands::<Test>::mutate(job, |demand| demand.as_mut().unwrap().next = 1);
			let said = format!("{:?}", Demands::do_try_state().unwrap_err());
			assert!(said.contains("INV-1"), "{said}");
		});
		frame_support::hypothetically!({
			MockJobs::mutate(job, |entry| entry.as_mut().unwrap().is_held = false);
			let said = format!("{:?}", Demands::do_try_state().unwrap_err());
			assert!(said.contains("INV-2"), "{said}");
		});
		crate::Demands::<Test>::mutate(job, |demand| demand.as_mut().unwrap().due += 1);
		let said = format!("{:?}", Demands::do_try_state().unwrap_err());
		assert!(said.contains("INV-3"), "{said}");
		crate::Demands::<Test>::mutate(job, |demand| demand.as_mut().unwrap().due -= 1);
	});
}
