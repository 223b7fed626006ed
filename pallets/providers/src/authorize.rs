//! Who may send a heartbeat without paying for it.

use crate::{Config, Pallet, Standings};
use assay_primitives::{heartbeat_statement, WorkerSignature};
use frame_support::{pallet_prelude::TransactionValidityWithRefund, traits::Get, weights::Weight};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction};

/// Code of the refusal of a heartbeat for an account that is no provider.
pub const NOT_A_PROVIDER: u8 = 1;

impl<T: Config> Pallet<T> {
	/// Cheap checks first, the signature last: everybody may send this.
	pub(crate) fn authorize_heartbeat(
		_source: TransactionSource,
		owner: &T::AccountId,
		period: &u32,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let period = *period;
		let now = Self::duty_period_now();
		if period < now {
			return Err(InvalidTransaction::Stale.into());
		}
		if period > now {
			return Err(InvalidTransaction::Future.into());
		}
		let standing =
			Standings::<T>::get(owner).ok_or(InvalidTransaction::Custom(NOT_A_PROVIDER))?;
		if !standing.is_due(period) {
			return Err(InvalidTransaction::Stale.into());
		}
		let statement = heartbeat_statement(&Self::genesis(), owner, period);
		if !standing.worker.verify(&statement, signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		ValidTransaction::with_tag_prefix("AssayHeartbeat")
			.priority(T::HeartbeatPriority::get())
			.and_provides((owner, period))
			.longevity(Self::blocks_left_in_period())
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}
}
