//! The only door to what slots pledge and to what a job's end pays.
//!
//! A slot that does the job pledges bond, an audit slot audit stake: two stakes, since audit
//! stake decides who audits and must not shrink with the jobs that its owner does.

use crate::{
	types::{audit_fee, SlotState},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, AccountId, Audits, Balance, JobDigest, OutputDigest, Payment, PaymentKind,
	SlashReason, SlotId, Stake,
};
use frame_support::traits::Get;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	/// Stake of a slot's party that no slot holds.
	pub(crate) fn free_stake(slot: &Slot<AccountId>) -> Balance {
		match slot.role {
			SlotRole::Assigned | SlotRole::Replica => T::Stake::free(&slot.party),
			SlotRole::Audit => T::AuditStake::free(&slot.party),
		}
	}

	/// What a slot still has pledged.
	pub(crate) fn pledged(slot_id: SlotId, slot: &Slot<AccountId>) -> Balance {
		match slot.role {
			SlotRole::Assigned | SlotRole::Replica => T::Stake::pledged(&slot.party, slot_id),
			SlotRole::Audit => T::AuditStake::pledged(&slot.party, slot_id),
		}
	}

	/// Pledge what a slot has to.
	pub(crate) fn pledge_slot(slot_id: SlotId, slot: &Slot<AccountId>) -> DispatchResult {
		match slot.role {
			SlotRole::Assigned | SlotRole::Replica => {
				T::Stake::pledge(&slot.party, slot_id, slot.pledge)
			},
			SlotRole::Audit => T::AuditStake::pledge(&slot.party, slot_id, slot.pledge),
		}
	}

	/// Take up to `amount` of a slot's pledge. Returns what was taken.
	pub(crate) fn slash_slot(
		slot_id: SlotId,
		slot: &Slot<AccountId>,
		amount: Balance,
		compensation: Option<(&AccountId, Balance)>,
		reason: SlashReason,
	) -> Balance {
		match slot.role {
			SlotRole::Assigned | SlotRole::Replica => {
				T::Stake::slash(&slot.party, slot_id, amount, compensation, reason)
			},
			SlotRole::Audit => {
				T::AuditStake::slash(&slot.party, slot_id, amount, compensation, reason)
			},
		}
	}

	/// Give what is left of a slot's pledge back to its party's free stake.
	pub(crate) fn release_slot(slot_id: SlotId, slot: &Slot<AccountId>) {
		match slot.role {
			SlotRole::Assigned | SlotRole::Replica => T::Stake::release(&slot.party, slot_id),
			SlotRole::Audit => T::AuditStake::release(&slot.party, slot_id),
		};
	}

	/// The protocol's share of the price of one run.
	pub(crate) fn protocol_fee(job: &Job<AccountId>, units: u64) -> Balance {
		T::ProtocolFee::get().mul_floor(job.price(units))
	}

	/// How the price of each run is divided: the protocol's share first, rounded down, so that no
	/// royalty squeezes it out; the royalty for each unit; the rest to its provider. The fee of the
	/// audit comes on top, once, since a tenant's choice of an audit rate must not eat what a provider
	/// has asked for.
	pub(crate) fn shares(
		job: &Job<AccountId>,
		providers: &[&AccountId],
		owner: &AccountId,
		units: u64,
	) -> Vec<Payment<AccountId, Balance>> {
		let (price, fee) = (job.price(units), Self::protocol_fee(job, units));
		let after_fee = price.saturating_sub(fee);
		let royalty = job.royalty_per_unit.saturating_mul(Balance::from(units)).min(after_fee);
		let earned = after_fee.saturating_sub(royalty);
		// What all runs cost was reserved, so no product exceeds a balance.
		let runs = providers.len() as Balance;
		let mut shares: Vec<_> = providers
			.iter()
			.map(|provider| ((*provider).clone(), earned, PaymentKind::Provider))
			.collect();
		shares.push((owner.clone(), royalty.saturating_mul(runs), PaymentKind::Royalty));
		shares.push((T::Treasury::get(), fee.saturating_mul(runs), PaymentKind::Treasury));
		// A job without audits does not ask where its fee would go.
		if job.lambda_ppb > 0 {
			let fee = audit_fee(job.lambda_ppb, price);
			shares.push((T::Audits::pool(), fee, PaymentKind::AuditPool));
		}
		shares
			.into_iter()
			.filter(|(_, amount, _)| *amount > 0)
			.map(|(to, amount, kind)| Payment { to, amount, kind })
			.collect()
	}

	/// Pay the auditors of a job out of the pool, together the price of one run: those who claim
	/// `output`, or where no slot is paid the price all who stand for their claim. Returns how many
	/// these are.
	pub(crate) fn pay_auditors(
		digest: JobDigest,
		job: &Job<AccountId>,
		slots: &[(SlotId, Slot<AccountId>)],
		output: Option<OutputDigest>,
	) -> u32 {
		let agreeing: Vec<_> = slots
			.iter()
			.filter(|(_, slot)| slot.role == SlotRole::Audit)
			.filter_map(|(slot_id, slot)| match slot.state {
				SlotState::Revealed { claim, units } => Some((slot_id, slot, claim, units)),
				_ => None,
			})
			.filter(|(_, _, claim, _)| output.is_none_or(|output| output == claim.output().into()))
			.collect();
		// A job has far fewer slots than a counter holds.
		let audits = u32::try_from(agreeing.len()).unwrap_or(u32::MAX);
		for (slot_id, slot, _, units) in agreeing {
			// All together get the price of one run, however many were drawn: the pool belongs to all
			// jobs, and who fills one with auditors of its own must not empty it.
			let share = job.price(units).checked_div(Balance::from(audits)).unwrap_or_default();
			let amount = T::Audits::pay(&slot.party, share);
			let auditor = slot.party.clone();
			Self::deposit_event(Event::AuditPaid { slot: *slot_id, job: digest, auditor, amount });
		}
		audits
	}
}
