//! What the pool is told of the calls that workers send.

use super::*;
use sp_runtime::transaction_validity::ValidTransaction;

/// Above anything that pays a tip of less than all there is.
const PRIORITY: u64 = 1 << 60;
/// A worker looks again every block, so what it sent need not live long.
const LONGEVITY: u64 = 16;

fn lapse_call(slot: SlotId) -> RuntimeCall {
	Call::lapse { slot }.into()
}

fn tag(call: &RuntimeCall) -> Vec<u8> {
	let ValidTransaction { provides, requires, priority, longevity, propagate } = validity_of(call);
	assert_eq!((priority, longevity), (PRIORITY, LONGEVITY));
	assert!(propagate, "a provider's node is rarely an authority");
	assert!(requires.is_empty(), "no duty waits for another transaction");
	let [tag] = &provides[..] else { panic!("one duty, one tag: {provides:?}") };
	tag.clone()
}

#[test]
fn every_duty_has_a_tag_of_its_own() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		let (other_job, other_slot) = submit(1);
		let mut tags = Vec::new();
		for (job, slot) in [(job, slot), (other_job, other_slot)] {
			tags.push(tag(&accept_call(slot, &worker())));
			let commitment = commitment_of(&job, slot, &true_claim());
			tags.push(tag(&commit_call(slot, commitment, &worker())));
			assert_ok!(commit(slot).unwrap());
		}
		roll_by(2);
		for slot in [slot, other_slot] {
			let call = reveal_call(slot, true_claim(), SALT, anchor_of(slot), &worker());
			tags.push(tag(&call));
		}
		frame_support::hypothetically!({
			roll_by(TIMING.commit_base + TIMING.reveal_grace);
			tags.push(tag(&lapse_call(slot)));
			tags.push(tag(&lapse_call(other_slot)));
		});
		for slot in [slot, other_slot] {
			assert_ok!(reveal(slot).unwrap());
		}
		roll_by(20);
		for job in [job, other_job] {
			tags.push(tag(&Call::settle { job }.into()));
		}

		let count = tags.len();
		assert_eq!(count, 10, "five duties of two jobs");
		tags.sort();
		tags.dedup();
		assert_eq!(tags.len(), count, "two duties share a tag");
	});
}

#[test]
fn a_duty_keeps_its_tag_whatever_is_sent_for_it() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		// Two commitments of one slot: a pool keeps one of them.
		let commits = [true_claim(), Claim::Invalid { code: 1 }].map(|claim| {
			let commitment = commitment_of(&job, slot, &claim);
			tag(&commit_call(slot, commitment, &worker()))
		});
		assert_eq!(commits[0], commits[1]);
		// Block by block the same.
		let before = tag(&accept_call(slot, &worker()));
		roll_by(3);
		assert_eq!(tag(&accept_call(slot, &worker())), before);
	});
}
