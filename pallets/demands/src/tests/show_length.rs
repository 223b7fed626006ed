use super::*;
use assay_program::merkle;

/// A job whose input is twice as long as it says, and its segments' root.
fn misshapen() -> (JobDigest, u64, H256) {
	let blob = blob(20_000);
	let root = H256(merkle::root(blob.chunks(4_096).map(|chunk| {
		let mut segment = chunk.to_vec();
		segment.resize(4_096, 0);
		merkle::leaf(&segment)
	})));
	let digest = digest_of(&blob);
	assert_eq!(merkle::sized(20_000, &root.0), digest.0);
	let owed = Some((digest, 10_000));
	(add_job(1, [owed, owed]), 20_000, root)
}

#[test]
fn answers_a_demand_for_what_has_another_length() {
	build_and_execute(|| {
		let (job, length, root) = misshapen();
		assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
		let call = RuntimeCall::from(Call::show_length { job, length, root });
		assert_ok!(dispatch_authorized(call.clone()).unwrap());
		let item = Item::Input;
		assert_eq!(events().last(), Some(&Event::LengthShown { job, item, length, root }));
		assert_eq!(Balances::free_balance(demander()), ENDOWMENT, "nothing was delivered");
		assert!(!MockJobs::get(job).unwrap().is_held);
		assert!(!MockJobs::get(job).unwrap().is_withheld);
		assert_refused(call, InvalidTransaction::Stale, Error::DemandUnknown);
	});
}

#[test]
fn fails_where_nothing_is_shown() {
	build_and_execute(|| {
		let (job, length, root) = misshapen();
		assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
		for (length, root) in [(length + 1, root), (length, H256::zero()), (10_000, root)] {
			assert_refused(
				Call::show_length { job, length, root }.into(),
				InvalidTransaction::BadProof,
				Error::LengthNotShown,
			);
		}
		roll_by(CHUNK_BLOCKS + 1);
		assert_refused(
			Call::show_length { job, length, root }.into(),
			InvalidTransaction::Stale,
			Error::DeadlinePassed,
		);
	});
}

#[test]
fn fails_for_an_item_of_the_right_length() {
	build_and_execute(|| {
		let (job, blob) = demanded(4_096);
		let root = H256(merkle::leaf(&blob));
		assert_refused(
			Call::show_length { job, length: 4_096, root }.into(),
			InvalidTransaction::BadProof,
			Error::LengthNotShown,
		);
	});
}

#[test]
fn an_output_of_another_length_is_no_answer() {
	build_and_execute(|| {
		let (job, length, root) = misshapen();
		assert_ok!(Demands::demand(signed(demander()), job, Item::Output));
		assert_refused(
			Call::show_length { job, length, root }.into(),
			InvalidTransaction::BadProof,
			Error::LengthNotShown,
		);
	});
}
