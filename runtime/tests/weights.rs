//! What a call is charged is what was measured, and not the estimate that its pallet brings along.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use assay_runtime::{authorities, weights, Runtime, RuntimeCall};
use codec::Decode;
use frame_support::{
	dispatch::GetDispatchInfo,
	traits::Authorize,
	weights::{constants::ParityDbWeight, Weight},
};
use sp_runtime::traits::TrailingZeroInput;

/// Any argument will do: weights look at lengths only.
fn any<T: Decode>() -> T {
	T::decode(&mut TrailingZeroInput::zeroes()).expect("zeroes decode")
}

fn dispatch(call: impl Into<RuntimeCall>) -> Weight {
	call.into().get_dispatch_info().call_weight
}

fn authorisation(call: impl Into<RuntimeCall>) -> Weight {
	call.into().weight_of_authorize()
}

/// What is charged is what was measured, and none of the estimates.
fn check(charged: Weight, (measured, estimates): (Weight, &[Weight])) {
	assert_eq!(charged, measured);
	assert!(!estimates.contains(&charged), "an estimate is charged");
}

#[test]
fn authorities_are_charged_what_was_measured() {
	use authorities::WeightInfo as _;
	type Call = authorities::Call<Runtime>;
	let authorities = vec![any(), any(), any()].try_into().unwrap();
	let charged = dispatch(Call::set_authorities { authorities });
	check(charged, (weights::authorities::WeightInfo::<Runtime>::set_authorities(3), &[]));
}

#[test]
fn bonds_are_charged_what_was_measured() {
	use pallet_stake::{weights::SubstrateWeight as Estimate, Instance1, WeightInfo as _};
	type Call = pallet_stake::Call<Runtime, Instance1>;
	type Weights = weights::stake::WeightInfo<Runtime>;
	check(
		dispatch(Call::bond { amount: 1 }),
		(Weights::bond(), &[Estimate::<Runtime>::bond(), <()>::bond()]),
	);
	check(
		dispatch(Call::withdraw {}),
		(Weights::withdraw(), &[Estimate::<Runtime>::withdraw(), <()>::withdraw()]),
	);
}

#[test]
fn providers_are_charged_what_was_measured() {
	use pallet_providers::{weights::SubstrateWeight as Estimate, WeightInfo as _};
	type Call = pallet_providers::Call<Runtime>;
	type Weights = weights::providers::WeightInfo<Runtime>;
	check(
		dispatch(Call::leave {}),
		(Weights::leave(), &[Estimate::<Runtime>::leave(), <()>::leave()]),
	);
	let heartbeat = Call::heartbeat { owner: any(), period: 1, signature: any() };
	check(
		dispatch(heartbeat.clone()),
		(Weights::heartbeat(), &[Estimate::<Runtime>::heartbeat(), <()>::heartbeat()]),
	);
	let estimates = [Estimate::<Runtime>::authorize_heartbeat(), <()>::authorize_heartbeat()];
	check(authorisation(heartbeat), (Weights::authorize_heartbeat(), &estimates));
}

#[test]
fn models_are_charged_what_was_measured() {
	use pallet_models::{weights::SubstrateWeight as Estimate, WeightInfo as _};
	type Call = pallet_models::Call<Runtime>;
	type Weights = weights::models::WeightInfo<Runtime>;
	check(
		dispatch(Call::retire { model: any() }),
		(Weights::retire(), &[Estimate::<Runtime>::retire(), <()>::retire()]),
	);
	let program = vec![0; 1_000].try_into().unwrap();
	check(
		dispatch(Call::register { program, weights: any(), royalty_per_unit: 1 }),
		(Weights::register(1_000), &[Estimate::<Runtime>::register(1_000), <()>::register(1_000)]),
	);
}

#[test]
fn leases_are_charged_what_was_measured() {
	use pallet_leases::{weights::SubstrateWeight as Estimate, WeightInfo as _};
	type Call = pallet_leases::Call<Runtime>;
	type Weights = weights::leases::WeightInfo<Runtime>;
	check(
		dispatch(Call::close_lease { lease: any() }),
		(Weights::close_lease(), &[Estimate::<Runtime>::close_lease(), <()>::close_lease()]),
	);
}

#[test]
fn jobs_are_charged_what_was_measured() {
	use pallet_jobs::{types::SLOTS_MAX, JobInput, WeightInfo as _};
	type Call = pallet_jobs::Call<Runtime>;
	type Weights = weights::jobs::WeightInfo<Runtime>;
	let submit = Call::submit_job {
		lease: any(),
		nonce: 1,
		input: JobInput::Inline(vec![0; 4_096].try_into().unwrap()),
		parameters: any(),
		value_at_risk: 1,
		lambda_ppb: 0,
		replicas: 0,
	};
	check(dispatch(submit), (Weights::submit_job(4_096), &[<()>::submit_job(4_096)]));
	check(
		dispatch(Call::settle { job: any() }),
		(Weights::settle(SLOTS_MAX), &[<()>::settle(SLOTS_MAX)]),
	);
	let commit = Call::commit { slot: any(), commitment: any(), signature: any() };
	check(dispatch(commit.clone()), (Weights::commit(SLOTS_MAX), &[<()>::commit(SLOTS_MAX)]));
	check(authorisation(commit), (Weights::authorize_commit(), &[<()>::authorize_commit()]));
}

#[test]
fn disputes_are_charged_what_was_measured() {
	use assay_trace::{Answer, Question};
	use pallet_disputes::WeightInfo as _;
	type Call = pallet_disputes::Call<Runtime>;
	type Weights = weights::disputes::WeightInfo<Runtime>;
	let answer = |answer| Call::answer {
		game: any(),
		side: any(),
		question: Question::Offence,
		answer,
		signature: any(),
	};
	let children = answer(Answer::Children(vec![any(); 3]));
	check(dispatch(children.clone()), (Weights::answer_children(), &[<()>::answer_children()]));
	check(
		authorisation(children),
		(Weights::authorize_answer_children(), &[<()>::authorize_answer_children()]),
	);
	let leaf = answer(Answer::Bytes(vec![0; 3]));
	check(dispatch(leaf), (Weights::answer_bytes(), &[<()>::answer_bytes()]));
	let openings = answer(Answer::Openings(vec![any(), any()]));
	check(dispatch(openings), (Weights::answer_openings(2), &[<()>::answer_openings(2)]));
	check(dispatch(Call::timeout { game: any() }), (Weights::timeout(), &[<()>::timeout()]));
	let oppose = Call::oppose { slot: any(), other: any() };
	check(dispatch(oppose), (Weights::oppose(), &[<()>::oppose()]));
}

#[test]
fn demands_are_charged_by_the_weights_of_the_runtime() {
	use pallet_demands::{types::SLOTS_MAX, WeightInfo as _};
	type Call = pallet_demands::Call<Runtime>;
	type Weights = weights::demands::WeightInfo<Runtime>;
	let demand = Call::demand { job: any(), item: any() };
	check(dispatch(demand), (Weights::demand(), &[<()>::demand()]));
	let deliver = Call::deliver {
		job: any(),
		item: any(),
		index: 0,
		bytes: Default::default(),
		path: Default::default(),
	};
	check(dispatch(deliver.clone()), (Weights::deliver(), &[<()>::deliver()]));
	check(authorisation(deliver), (Weights::authorize_deliver(), &[<()>::authorize_deliver()]));
	assert_eq!(SLOTS_MAX, pallet_jobs::types::SLOTS_MAX, "what a timeout is charged for");
	let timeout = Call::timeout { job: any() };
	check(dispatch(timeout), (Weights::timeout(SLOTS_MAX), &[<()>::timeout(SLOTS_MAX)]));
}

/// One move takes at most a tenth of a block, and its authorisation as much.
#[test]
fn no_move_of_a_game_fills_a_block() {
	use pallet_disputes::{types::OPENINGS_MAX, WeightInfo as _};
	type Weights = weights::disputes::WeightInfo<Runtime>;
	let tenth = weights::MAXIMUM_BLOCK_WEIGHT.ref_time() / 10;
	for weight in [
		Weights::challenge(),
		Weights::answer_children(),
		Weights::answer_bytes(),
		Weights::answer_openings(OPENINGS_MAX),
		Weights::timeout(),
		Weights::oppose(),
		Weights::authorize_answer_children(),
		Weights::authorize_answer_bytes(),
		Weights::authorize_answer_openings(OPENINGS_MAX),
	] {
		assert!(weight.ref_time() <= tenth, "{weight:?}");
	}
}

/// Benchmarks are compiled and run by `cargo xtask weights` alone, since their feature builds every
/// crate of the SDK anew. What can be seen without: that no call was added without one.
#[test]
fn every_call_of_ours_has_a_benchmark() {
	use frame_support::traits::GetCallName;
	fn check<Call: GetCallName>(pallet: &str, benchmarks: &str) {
		for call in Call::get_call_names() {
			let header = format!("\tfn {call}(");
			let place = benchmarks.find(&header);
			let before = place.map_or("", |place| &benchmarks[..place]);
			assert!(
				before.trim_end().ends_with("#[benchmark]"),
				"{pallet}: `{call}` has no benchmark"
			);
		}
	}
	check::<authorities::Call<Runtime>>(
		"authorities",
		include_str!("../src/authorities/benchmarking.rs"),
	);
	check::<pallet_stake::Call<Runtime, pallet_stake::Instance1>>(
		"stake",
		include_str!("../../pallets/stake/src/benchmarking.rs"),
	);
	check::<pallet_providers::Call<Runtime>>(
		"providers",
		include_str!("../../pallets/providers/src/benchmarking.rs"),
	);
	check::<pallet_models::Call<Runtime>>(
		"models",
		include_str!("../../pallets/models/src/benchmarking.rs"),
	);
	check::<pallet_leases::Call<Runtime>>(
		"leases",
		include_str!("../../pallets/leases/src/benchmarking.rs"),
	);
	check::<pallet_jobs::Call<Runtime>>(
		"jobs",
		include_str!("../../pallets/jobs/src/benchmarking.rs"),
	);
	check::<pallet_demands::Call<Runtime>>(
		"demands",
		include_str!("../../pallets/demands/src/benchmarking.rs"),
	);
	check::<pallet_audits::Call<Runtime>>(
		"audits",
		include_str!("../../pallets/audits/src/benchmarking.rs"),
	);
	check::<pallet_traps::Call<Runtime>>(
		"traps",
		include_str!("../../pallets/traps/src/benchmarking.rs"),
	);
	check::<pallet_disputes::Call<Runtime>>(
		"disputes",
		// Answers differ in what they cost by kind, so there is one for each.
		&include_str!("../../pallets/disputes/src/benchmarking.rs")
			.replace("fn answer_children(", "fn answer("),
	);
}

#[test]
fn audits_are_charged_what_was_measured() {
	use pallet_audits::WeightInfo as _;
	type Call = pallet_audits::Call<Runtime>;
	type Weights = weights::audits::WeightInfo<Runtime>;
	check(dispatch(Call::join { model: any() }), (Weights::join(), &[<()>::join()]));
	check(dispatch(Call::refresh { provider: any() }), (Weights::refresh(), &[<()>::refresh()]));
}

#[test]
fn traps_are_charged_by_the_weights_of_the_runtime() {
	use pallet_traps::WeightInfo as _;
	type Call = pallet_traps::Call<Runtime>;
	type Weights = weights::traps::WeightInfo<Runtime>;
	let post = Call::post { root: any(), count: 1 };
	check(dispatch(post), (Weights::post(), &[<()>::post()]));
	let open = Call::open { job: any(), trap: any(), signature: any() };
	check(dispatch(open.clone()), (Weights::open(), &[<()>::open()]));
	check(authorisation(open), (Weights::authorize_open(), &[<()>::authorize_open()]));
}

#[test]
fn a_signature_is_paid_for_where_it_is_checked() {
	use pallet_jobs::WeightInfo as _;
	type Weights = weights::jobs::WeightInfo<Runtime>;
	// No machine that runs a node verifies an sr25519 signature in less.
	let signature = Weight::from_parts(20_000_000, 0);
	let least = signature.saturating_add(ParityDbWeight::get().reads(1));
	for weight in
		[Weights::authorize_accept(), Weights::authorize_commit(), Weights::authorize_reveal()]
	{
		assert!(weight.ref_time() > least.ref_time());
	}
}
