//! What jobs put on record of providers, and the audit rate that follows from it.
//!
//! A provider without a record has its audited jobs audited at the default rate or more; the best
//! record leads down to the floor. The pledge follows the rate alone, so at either end a wrong
//! result loses by the same margin: see [`economics::lambda_least`].

use crate::*;
use assay_primitives::{
	apis::RecordView, economics, AccountId, Audits, Balance, LapseReason, Outcome, Providers,
};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// The least audit rate of an audited job of this provider, in parts per billion.
	pub fn lambda_min_for(provider: &AccountId) -> u32 {
		let trust = T::Providers::trust(provider);
		economics::lambda_least(T::Audits::lambda_min(), economics::LAMBDA_DEFAULT_PPB, trust)
	}

	/// What is on record of a provider, and the rate that it leads to; none of an account that is
	/// no provider and was never guilty as one.
	pub fn record_view(provider: &AccountId) -> Option<RecordView> {
		let record = T::Providers::record(provider)?;
		Some(RecordView {
			settled: record.settled,
			lapsed: record.lapsed,
			convictions: record.convictions(),
			tenants: record.tenant_count(),
			fees: record.fees,
			trust_ppb: T::Providers::trust(provider),
			lambda_min_ppb: Self::lambda_min_for(provider),
		})
	}

	/// A tenant had its nonce fee burnt with its first job, which is this provider's.
	pub(crate) fn note_burnt(provider: &AccountId) {
		T::Providers::note(provider, Outcome::Burnt(T::NonceFee::get()));
	}

	/// A claim was paid. Of what that cost only the protocol's share, `fee`, is lost to everybody: the
	/// rest may be the provider's own, under another name.
	pub(crate) fn note_settled(provider: &AccountId, tenant: &AccountId, fee: Balance) {
		T::Providers::note(provider, Outcome::Settled { tenant, fee });
	}

	/// A slot lapsed. One that was not accepted is not on record: a tenant could send what no
	/// provider can do.
	pub(crate) fn note_lapsed(party: &AccountId, reason: LapseReason) {
		if reason != LapseReason::NotAccepted {
			T::Providers::note(party, Outcome::Lapsed);
		}
	}

	/// The party of a slot was convicted, of an audit as of a job.
	pub(crate) fn note_guilty(party: &AccountId) {
		T::Providers::note(party, Outcome::Guilty);
	}
}
