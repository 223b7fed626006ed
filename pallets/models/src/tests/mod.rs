//! Tests by call.

mod invariants;
mod jobs;
mod programs;
mod register;
mod retire;
mod terms;

use crate::{
	mock::{Models, *},
	*,
};
use assay_primitives::{ModelId, ProgramDigest, WeightsRoot};
use assay_program::program_digest;
use frame_support::{assert_ok, traits::fungible::Inspect};
use sp_runtime::DispatchResult;

pub(crate) const MODEL: ModelId = ModelId(0);
pub(crate) const ROYALTY: Balance = 5;
/// Vocabulary of the program that most tests use.
pub(crate) const VOCABULARY: u32 = 100;

pub(crate) fn weights() -> WeightsRoot {
	WeightsRoot::from([7; 32])
}

pub(crate) fn digest(vocabulary: u32) -> ProgramDigest {
	ProgramDigest::from(program_digest(&program_bytes(vocabulary)))
}

pub(crate) fn program_deposit(vocabulary: u32) -> Balance {
	PROGRAM_DEPOSIT_BASE
		+ PROGRAM_DEPOSIT_PER_BYTE * Balance::try_from(program_bytes(vocabulary).len()).unwrap()
}

pub(crate) fn register_bytes(who: AccountId, bytes: Vec<u8>) -> DispatchResult {
	Models::register(RuntimeOrigin::signed(who), bytes.try_into().unwrap(), weights(), ROYALTY)
}

pub(crate) fn register(who: AccountId, vocabulary: u32) -> DispatchResult {
	register_bytes(who, program_bytes(vocabulary))
}

pub(crate) fn register_existing(who: AccountId, vocabulary: u32) -> DispatchResult {
	Models::register_existing(RuntimeOrigin::signed(who), digest(vocabulary), weights(), ROYALTY)
}

/// A model of `OWNER`, the only one of its program.
pub(crate) fn with_model(test: impl FnOnce()) {
	build_and_execute(|| {
		assert_ok!(register(OWNER, VOCABULARY));
		test();
	});
}

pub(crate) fn free(who: AccountId) -> Balance {
	<Balances as Inspect<_>>::balance(&who)
}

/// What is held of an account for models and for programs.
pub(crate) fn held(who: AccountId) -> (Balance, Balance) {
	let held = |reason| crate::ledger::Ledger::<Test>::held(reason, &who);
	(held(HoldReason::ModelDeposit), held(HoldReason::ProgramDeposit))
}

/// Events of this pallet, in their order.
pub(crate) fn events() -> Vec<Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Models(event) => Some(event),
			_ => None,
		})
		.collect()
}

pub(crate) fn job_opened(id: ModelId) -> DispatchResult {
	<Models as assay_primitives::Models<_, _>>::job_opened(id)
}

pub(crate) fn job_closed(id: ModelId) {
	<Models as assay_primitives::Models<_, _>>::job_closed(id);
}
