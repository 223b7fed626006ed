//! Tests by call, then random sequences of all of them.

mod endpoint;
mod heartbeat;
mod invariants;
mod leave;
mod offchain;
mod record;
mod register;
mod rotate_worker;
mod standing;
mod update;

pub(crate) use crate::{mock::*, Error, Event};
pub(crate) use assay_primitives::Providers as _;
pub(crate) use frame_support::{assert_noop, assert_ok};
pub(crate) use sp_core::Pair as _;
pub(crate) use sp_runtime::DispatchError;

/// What the outside sees of a provider that must be registered.
pub(crate) fn provider(who: AccountId) -> crate::ProviderView {
	Providers::provider(who).expect("registered")
}
