//! The off-chain worker's part of a heartbeat: send one for each local worker key whose duty period
//! has none, as long as the executor is healthy.

use crate::{Call, Config, Owners, Pallet, Standings};
use alloc::vec::Vec;
use assay_primitives::{
	heartbeat_statement,
	offchain::{executor_settings, request, ExecutorSettings},
	WorkerKey,
};
use codec::{Decode, Encode};
use frame_support::traits::Get;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_application_crypto::RuntimeAppPublic;
use sp_core::offchain::Duration;
use sp_runtime::{
	offchain::{http::Method, storage::StorageValueRef},
	SaturatedConversion,
};

const LOG: &str = "worker::providers";
/// Prefix of the markers in local off-chain storage, one for each worker key.
const MARKER_PREFIX: &[u8] = b"assay/heartbeat/";
/// Blocks after which a heartbeat that is not on chain is tried again.
const RESEND_BLOCKS: u32 = 2;
/// Longest wait for the executor's word on its health.
const HEALTH_MILLIS_MAX: u64 = 500;
/// Longest answer to the question.
const HEALTH_BYTES_MAX: usize = 4_096;

/// What was tried last for a worker key. An attempt that got nowhere is repeated like one whose
/// transaction was lost: done means seen on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Attempt {
	/// For which duty period.
	pub(crate) period: u32,
	/// In which block.
	pub(crate) tried_at: u32,
}

impl Attempt {
	/// Whether it is too early for another one.
	pub(crate) fn is_recent(&self, period: u32, now: u32) -> bool {
		// The distance, not the difference: after a re-org the last attempt may lie ahead.
		self.period == period && self.tried_at.abs_diff(now) < RESEND_BLOCKS
	}
}

impl<T: Config> Pallet<T> {
	/// Send what is due. Returns at once on a node without worker key or without executor.
	pub(crate) fn send_heartbeats(now: BlockNumberFor<T>) {
		let keys = WorkerKey::all();
		if keys.is_empty() {
			return;
		}
		let Some(settings) = executor_settings() else { return };
		let now: u32 = now.saturated_into();
		// A heartbeat can be in the next block at the earliest, and that may open a new period.
		let period = Self::duty_period_at(now.saturating_add(1));

		let due: Vec<(WorkerKey, T::AccountId)> = keys
			.into_iter()
			.filter_map(|key| Owners::<T>::get(&key).map(|owner| (key, owner)))
			.filter(|(_, owner)| Standings::<T>::get(owner).is_some_and(|s| s.is_due(period)))
			.filter(|(key, _)| Self::claim_attempt(key, period, now))
			.collect();
		if due.is_empty() {
			return;
		}
		if !Self::executor_is_healthy(&settings) {
			log::warn!(
				target: LOG,
				"no heartbeat for period {period}: the executor is not healthy"
			);
			return;
		}
		for (key, owner) in due {
			Self::send_heartbeat(&key, owner, period);
		}
	}

	fn send_heartbeat(key: &WorkerKey, owner: T::AccountId, period: u32) {
		let statement = heartbeat_statement(&Self::genesis(), &owner, period);
		let Some(signature) = key.sign(&statement) else {
			log::warn!(target: LOG, "no heartbeat for period {period}: the keystore does not sign");
			return;
		};
		let call = Call::<T>::heartbeat { owner, period, signature };
		let extrinsic = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(extrinsic) {
			Ok(()) => log::debug!(target: LOG, "heartbeat for period {period} sent"),
			Err(()) => {
				log::warn!(target: LOG, "heartbeat for period {period} not taken by the pool")
			},
		}
	}

	/// Mark an attempt, unless one was made lately, perhaps by a run that goes on beside this one.
	fn claim_attempt(key: &WorkerKey, period: u32, now: u32) -> bool {
		let name = [MARKER_PREFIX, key.as_ref()].concat();
		StorageValueRef::persistent(&name)
			.mutate(|last: Result<Option<Attempt>, _>| match last {
				Ok(Some(attempt)) if attempt.is_recent(period, now) => Err(()),
				// What cannot be decoded was written by another version: start anew.
				_ => Ok(Attempt { period, tried_at: now }),
			})
			.is_ok()
	}

	fn executor_is_healthy(settings: &ExecutorSettings) -> bool {
		let deadline = sp_io::offchain::timestamp().add(Duration::from_millis(HEALTH_MILLIS_MAX));
		let answer =
			request(settings, Method::Get, "/v1/health", Vec::new(), deadline, HEALTH_BYTES_MAX);
		match answer {
			Ok(answer) if answer.is_success() => true,
			Ok(answer) => {
				log::debug!(target: LOG, "executor health: status {}", answer.status);
				false
			},
			Err(error) => {
				log::debug!(target: LOG, "executor health: {error:?}");
				false
			},
		}
	}

	/// The duty period that a block belongs to.
	pub(crate) fn duty_period_at(number: u32) -> u32 {
		// The divisor is above zero, `integrity_test` says so.
		number.checked_div(T::DutyPeriod::get()).unwrap_or_default()
	}
}
