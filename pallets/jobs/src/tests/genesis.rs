//! What a chain may be told of time at genesis.

use super::*;
use crate::Timing;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::Get;
use sp_runtime::BuildStorage;

/// Genesis with this timing.
fn build(timing: Timing) {
	let config = crate::GenesisConfig::<Test> { timing, ..Default::default() };
	let storage = config.build_storage().expect("the storage is written");
	sp_io::TestExternalities::from(storage).execute_with(|| assert_eq!(Jobs::timing(), timing));
}

/// Blocks whose hashes are known.
fn known() -> BlockNumberFor<Test> {
	<Test as frame_system::Config>::BlockHashCount::get()
}

#[test]
fn boundary_the_shortest_times_build() {
	build(Timing {
		duty_period: 4,
		accept: 2,
		commit_base: 2,
		window_base: 0,
		reveal_grace: 0,
		min_rate: 1,
		trap_blocks: 0,
	});
	build(Timing { reveal_grace: known() - 1 - TIMING.commit_base, ..TIMING });
	build(Timing::default());
}

#[test]
#[should_panic(expected = "a rate of zero would make every deadline infinite")]
fn fails_without_a_rate() {
	build(Timing { min_rate: 0, ..TIMING });
}

#[test]
#[should_panic(expected = "sessions rotate in blocks without transactions")]
fn fails_when_one_block_must_take_the_acceptance() {
	build(Timing { accept: 1, ..TIMING });
}

#[test]
#[should_panic(expected = "a reveal needs a block after the commitment")]
fn fails_when_no_block_is_left_for_the_reveal() {
	build(Timing { commit_base: 1, ..TIMING });
}

#[test]
#[should_panic(expected = "a heartbeat a period needs some blocks to land")]
fn fails_when_a_duty_period_is_too_short_for_a_heartbeat() {
	build(Timing { duty_period: 3, ..TIMING });
}

#[test]
#[should_panic(expected = "a reveal names a block whose hash must still be known")]
fn fails_when_a_late_reveal_would_name_a_forgotten_block() {
	build(Timing { reveal_grace: known() - TIMING.commit_base, ..TIMING });
}

#[test]
#[should_panic(expected = "the opening of a trap needs some blocks to land")]
fn refuses_blocks_for_traps_in_which_none_could_land() {
	build(Timing { trap_blocks: 3, ..TIMING });
}

/// Networks that were made before there were traps have none.
#[test]
fn a_timing_without_blocks_for_traps_has_none() {
	let mut written = serde_json::to_value(TIMING).unwrap();
	written.as_object_mut().unwrap().remove("trap_blocks").unwrap();
	let read: Timing = serde_json::from_value(written).unwrap();
	assert_eq!(read, Timing { trap_blocks: 0, ..TIMING });
}
