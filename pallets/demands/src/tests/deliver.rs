use super::*;
use crate::types::{Chunk, Path};
use frame_support::traits::fungible::Mutate;
use sp_core::offchain::{testing::TestOffchainExt, OffchainDbExt};

fn with(call: RuntimeCall, change: impl FnOnce(&mut Vec<u8>, &mut Vec<H256>)) -> RuntimeCall {
	let RuntimeCall::Demands(Call::deliver { job, item, index, bytes, path }) = call else {
		unreachable!()
	};
	let (mut bytes, mut path) = (bytes.into_inner(), path.into_inner());
	change(&mut bytes, &mut path);
	let (bytes, path) = (Chunk::try_from(bytes).unwrap(), Path::try_from(path).unwrap());
	Call::deliver { job, item, index, bytes, path }.into()
}

#[test]
fn pays_for_each_chunk_at_once_and_loses_nothing() {
	build_and_execute(|| {
		let provider_before = Balances::free_balance(provider());
		let (job, blob) = demanded(9_001);
		let issuance = Balances::total_issuance();
		let mut earned = 0;
		for (index, length) in [(0, 4_096u128), (1, 4_096), (2, 809)] {
			roll_by(1);
			assert_ok!(deliver(job, &blob, index).unwrap());
			let paid = ProviderShare::get().mul_floor(length * PRICE_PER_BYTE);
			earned += paid;
			assert_eq!(events()[0], Event::ChunkDelivered { job, item: Item::Input, index, paid });
			assert_eq!(Balances::free_balance(provider()), provider_before + earned);
			try_state();
		}
		let price = 9_001 * PRICE_PER_BYTE;
		assert_eq!(held(&demander()), 0);
		assert_eq!(Balances::free_balance(demander()), ENDOWMENT - price);
		assert_eq!(Balances::free_balance(Treasury::get()), ENDOWMENT + price - earned);
		assert_eq!(Balances::total_issuance(), issuance);
		assert!(Demands::demand_of(job).is_none());
		assert!(!MockJobs::get(job).unwrap().is_held);
	});
}

#[test]
fn lengths_at_the_bounds_of_a_chunk() {
	for length in [1, 4_095, 4_096, 4_097, 8_192, 12_288, 12_289, DEMAND_BYTES_MAX as usize] {
		build_and_execute(|| {
			let (job, blob) = demanded(length);
			let chunks = length.div_ceil(4_096) as u32;
			for index in 0..chunks {
				assert_ok!(deliver(job, &blob, index).unwrap());
			}
			assert_eq!(events().last(), Some(&Event::Answered { job, item: Item::Input }));
		});
	}
}

#[test]
fn refuses_what_is_not_proven() {
	build_and_execute(|| {
		let (job, blob) = demanded(12_000);
		let call = || deliver_call(job, Item::Input, &blob, 0);
		let wrong = [
			with(call(), |bytes, _| bytes[17] ^= 1),
			with(call(), |bytes, _| bytes.truncate(4_095)),
			with(call(), |bytes, _| bytes.clear()),
			with(call(), |_, path| path[0].0[0] ^= 1),
			with(call(), |_, path| path.truncate(1)),
			with(call(), |_, path| path.push(H256::zero())),
			with(call(), |_, path| path.clear()),
		];
		for call in wrong {
			assert_refused(call, InvalidTransaction::BadProof, Error::ChunkWrong);
		}
		// A chunk in the place of another.
		let RuntimeCall::Demands(Call::deliver { bytes, path, .. }) =
			deliver_call(job, Item::Input, &blob, 1)
		else {
			unreachable!()
		};
		let moved = Call::deliver { job, item: Item::Input, index: 0, bytes, path };
		assert_refused(moved.into(), InvalidTransaction::BadProof, Error::ChunkWrong);
		let RuntimeCall::Demands(Call::deliver { bytes, path, .. }) = call() else {
			unreachable!()
		};
		let beyond = Call::deliver { job, item: Item::Input, index: 3, bytes, path };
		assert_refused(beyond.into(), InvalidTransaction::BadProof, Error::ChunkWrong);
	});
}

#[test]
fn the_last_chunk_is_not_filled() {
	build_and_execute(|| {
		let (job, blob) = demanded(4_100);
		assert_ok!(deliver(job, &blob, 0).unwrap());
		let call = deliver_call(job, Item::Input, &blob, 1);
		let filled = with(call.clone(), |bytes, _| bytes.resize(4_096, 0));
		assert_refused(filled, InvalidTransaction::BadProof, Error::ChunkWrong);
		assert_ok!(dispatch_authorized(call).unwrap());
	});
}

#[test]
fn chunks_wait_for_those_before_them() {
	build_and_execute(|| {
		let (job, blob) = demanded(12_000);
		let calls = [0, 1, 2].map(|index| deliver_call(job, Item::Input, &blob, index));
		let valid = calls.each_ref().map(validity_of);
		assert!(valid[0].requires.is_empty());
		assert_eq!(valid[1].requires, valid[0].provides);
		assert_eq!(valid[2].requires, valid[1].provides);
		assert_noop!(dispatch_unchecked(calls[1].clone()), Error::<Test>::OutOfOrder);
		assert_ok!(dispatch_authorized(calls[0].clone()).unwrap());
		assert!(validity_of(&calls[1]).requires.is_empty());
		assert_refused(calls[0].clone(), InvalidTransaction::Stale, Error::AlreadyDelivered);
		assert_ok!(dispatch_authorized(calls[1].clone()).unwrap());
		assert_ok!(dispatch_authorized(calls[2].clone()).unwrap());
		assert_refused(calls[2].clone(), InvalidTransaction::Stale, Error::DemandUnknown);
	});
}

#[test]
fn a_late_chunk_is_refused_though_nobody_has_said_so() {
	build_and_execute(|| {
		let (job, blob) = demanded(4_097);
		roll_to(1 + CHUNK_BLOCKS);
		frame_support::hypothetically!({
			assert_ok!(deliver(job, &blob, 0).unwrap());
			// The next one has as long again.
			roll_by(CHUNK_BLOCKS);
			assert_ok!(deliver(job, &blob, 1).unwrap());
		});
		roll_by(1);
		assert_refused(
			deliver_call(job, Item::Input, &blob, 0),
			InvalidTransaction::Stale,
			Error::DeadlinePassed,
		);
		Paused::set(&true);
		assert_refused(
			deliver_call(job, Item::Input, &blob, 0),
			InvalidTransaction::Future,
			Error::Paused,
		);
	});
}

#[test]
fn refuses_another_item_than_is_demanded() {
	build_and_execute(|| {
		let blob = blob(100);
		let owed = Some((digest_of(&blob), 100));
		let job = add_job(1, [owed, owed]);
		assert_ok!(Demands::demand(signed(demander()), job, Item::Output));
		assert_refused(
			deliver_call(job, Item::Input, &blob, 0),
			InvalidTransaction::Stale,
			Error::DemandUnknown,
		);
		assert_ok!(dispatch_authorized(deliver_call(job, Item::Output, &blob, 0)).unwrap());
	});
}

#[test]
fn a_provider_that_cannot_be_paid_keeps_nothing_back() {
	build_and_execute(|| {
		// A provider without an account, and a share that makes none.
		let (job, blob) = job_of(5);
		assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
		crate::Demands::<Test>::mutate(job, |demand| {
			demand.as_mut().unwrap().provider = account(77);
		});
		assert_ok!(deliver(job, &blob, 0).unwrap());
		assert_eq!(Balances::free_balance(account(77)), 0);
		assert_eq!(Balances::free_balance(Treasury::get()), ENDOWMENT + 5 * PRICE_PER_BYTE);
		assert_eq!(
			events()[1],
			Event::ChunkDelivered { job, item: Item::Input, index: 0, paid: 0 }
		);
		Balances::set_balance(&account(77), 0);
	});
}

#[test]
fn nodes_keep_the_bytes_where_workers_look() {
	let mut ext = new_test_ext();
	let (offchain, _) = TestOffchainExt::with_offchain_db(ext.offchain_db());
	ext.register_extension(OffchainDbExt::new(offchain));
	let (job, blob) = ext.execute_with(|| {
		let (job, blob) = demanded(5_000);
		assert_ok!(deliver(job, &blob, 0).unwrap());
		assert_ok!(deliver(job, &blob, 1).unwrap());
		(job, blob)
	});
	ext.persist_offchain_overlay();
	ext.execute_with(|| {
		let kept: Vec<u8> = (0..2)
			.flat_map(|index| {
				sp_io::offchain::local_storage_get(
					sp_core::offchain::StorageKind::PERSISTENT,
					&chunk_key(&job, Item::Input, index),
				)
				.expect("the chunk is kept")
			})
			.collect();
		assert_eq!(kept, blob);
	});
}
