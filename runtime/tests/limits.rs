//! Limits of different pallets that have to fit each other and the block. What a pallet can see by
//! itself is in its `integrity_test`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use assay_primitives::{Commitment, JobDigest, LeaseId, Parameters, SlotId, WorkerSignature};
use assay_runtime::{
	configs::{BlockLength, BlockWeights},
	weights::AVERAGE_ON_INITIALIZE_RATIO,
	Runtime, RuntimeCall,
};
use codec::{Decode, Encode};
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{Authorize, Get},
	weights::Weight,
};
use pallet_jobs::{types, JobInput, WeightInfo as _};
use pallet_stake::Instance1;

fn max_extrinsic() -> Weight {
	BlockWeights::get().get(DispatchClass::Normal).max_extrinsic.expect("calls are limited")
}

/// A job with the longest input that may travel with it.
fn longest_job() -> RuntimeCall {
	RuntimeCall::Jobs(pallet_jobs::Call::submit_job {
		lease: LeaseId(u64::MAX),
		nonce: u64::MAX,
		input: JobInput::Inline(vec![0; types::INLINE_BYTES_MAX as usize].try_into().unwrap()),
		parameters: Parameters::encoder(u32::MAX, u32::MAX),
		value_at_risk: u128::MAX,
		lambda_ppb: u32::MAX,
		replicas: 0,
	})
}

#[test]
fn a_provider_has_a_bond_that_the_stake_pallet_takes() {
	let provider: u128 = <Runtime as pallet_providers::Config>::MinProviderBond::get();
	let bond: u128 = <Runtime as pallet_stake::Config<Instance1>>::MinBond::get();
	assert!(provider >= bond, "{provider} is no bond: the least is {bond}");
}

#[test]
fn who_proves_an_audited_claim_wrong_is_repaid_however_cheap_the_job() {
	let pledge: u128 = <Runtime as pallet_jobs::Config>::AuditedPledgeMin::get();
	let game: u128 = <Runtime as pallet_disputes::Config>::GameCost::get();
	assert!(pallet_disputes::types::pot(pledge) >= 2 * game, "{pledge} is too little for {game}");
}

#[test]
fn a_lease_has_no_more_jobs_than_its_provider_has_slots() {
	let jobs: u32 = <Runtime as pallet_leases::Config>::MaxOpenJobsPerLease::get();
	let slots: u32 = <Runtime as pallet_jobs::Config>::MaxOpenSlots::get();
	assert!(jobs <= slots, "{jobs} jobs need {slots} slots");
}

#[test]
fn a_full_block_of_receipts_leaves_room_for_calls() {
	type Weights = assay_runtime::weights::jobs::WeightInfo<Runtime>;
	let weights = BlockWeights::get();
	let receipts = Weights::on_finalize_receipts(types::RECEIPTS_MAX);
	assert!(weights.base_block.saturating_add(receipts).all_lt(weights.max_block));
	// What blocks set aside for hooks, so that no call is refused for their sake.
	let hooks = AVERAGE_ON_INITIALIZE_RATIO * weights.max_block;
	assert!(receipts.ref_time() < hooks.ref_time());
}

#[test]
fn the_longest_job_fits_a_block() {
	let call = longest_job();
	assert!(call.get_dispatch_info().call_weight.all_lt(max_extrinsic()));
	let length = call.encoded_size();
	assert!(length > types::INLINE_BYTES_MAX as usize);
	let normal = *BlockLength::get().max.get(DispatchClass::Normal) as usize;
	// Not one, but many.
	assert!(100 * length < normal, "{length} bytes of {normal}");
}

#[test]
fn every_call_of_a_job_fits_a_block_with_its_authorisation() {
	let (slot, job) = (SlotId(0), JobDigest::default());
	let signature = || WorkerSignature::decode(&mut &[0u8; 64][..]).expect("64 bytes");
	let commitment = Commitment::decode(&mut &[0u8; 32][..]).expect("32 bytes");
	type Call = pallet_jobs::Call<Runtime>;
	for call in [
		Call::accept { slot, signature: signature() },
		Call::commit { slot, commitment, signature: signature() },
		Call::lapse { slot },
		Call::settle { job },
		Call::set_paused { paused: true },
	] {
		let call = RuntimeCall::Jobs(call);
		let weight =
			call.get_dispatch_info().call_weight.saturating_add(call.weight_of_authorize());
		assert!(weight.all_lt(max_extrinsic()), "{call:?}");
	}
	let program = vec![0; assay_program::MAX_PROGRAM_BYTES as usize].try_into().unwrap();
	let register = RuntimeCall::Models(pallet_models::Call::register {
		program,
		weights: Default::default(),
		royalty_per_unit: 1,
	});
	assert!(
		register.get_dispatch_info().call_weight.all_lt(max_extrinsic()),
		"the longest program"
	);
}

/// `pallets/README.md`, as one line.
fn page() -> String {
	let page = include_str!("../../pallets/README.md");
	page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Figures of this runtime that the page of the pallets states. Those of the jobs pallet by itself
/// are looked at there.
#[test]
fn the_figures_of_the_page_are_those_of_this_runtime() {
	let mark_delay: u32 = <Runtime as pallet_audits::Config>::MarkDelay::get();
	let notices: u32 = <Runtime as pallet_audits::Config>::NoticeBlocks::get();
	let draw = <assay_runtime::Audits as assay_primitives::Audits<_, _>>::draw_blocks();
	let move_blocks: u32 = <Runtime as pallet_disputes::Config>::MoveBlocks::get();
	let reward: sp_runtime::Permill = <Runtime as pallet_disputes::Config>::Reward::get();
	let winners = pallet_disputes::types::WINNERS_MAX;
	let honest = assay_primitives::economics::HONEST_SHARE_PPB;
	let answer: u32 = <Runtime as pallet_demands::Config>::AnswerBlocks::get();
	let chunk: u32 = <Runtime as pallet_demands::Config>::ChunkBlocks::get();
	let share: sp_runtime::Permill = <Runtime as pallet_demands::Config>::ProviderShare::get();
	let stated = [
		("100 blocks for the first chunk of 4 KiB", answer == 100),
		("and 20 for each other one", chunk == 20),
		("and half the price", share == sp_runtime::Permill::from_percent(50)),
		("the party's own 20 blocks later", mark_delay == 20),
		("`audits.notice`, for 10 blocks", notices == 10),
		("`audits.replicate`, for 14 blocks after that", draw == 14),
		("`replicas`, 7 at most", pallet_jobs::types::REPLICAS_MAX == 7),
		("At most six questions", assay_trace::QUESTIONS_MAX == 6),
		("so eleven moves", assay_trace::MOVES_MAX == 11),
		("a question has 32 blocks", move_blocks == 32),
		("at most half of that is paid out", pallet_disputes::types::pot(10) == 5),
		("to eight at most", winners == 8),
		("what a fifth of the pledge is more", reward == sp_runtime::Permill::from_percent(20)),
		("where 30 % of the audit stake is honest", honest == 300_000_000),
	];
	for (text, holds) in stated {
		assert!(page().contains(text), "the page says no more: {text}");
		assert!(holds, "the runtime does otherwise: {text}");
	}
}
