//! What is always so. The numbers are those of the crate documentation.

use crate::{
	ledger::Ledger, BalanceOf, Config, DepositOf, HoldReason, Models, NextModelId, Pallet,
	ProgramBytes, Programs,
};
use alloc::collections::BTreeMap;
use assay_primitives::{LeafForm, ProgramDigest};
use assay_program::{program_digest, Program};
use frame_support::ensure;
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Check every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_deposits_are_held()?;
		Self::inv_2_programs_count_their_models()?;
		Self::inv_3_programs_are_what_their_digests_say()?;
		Self::inv_4_ids_are_below_the_next()?;
		Self::inv_5_retired_models_have_jobs()
	}

	/// Every account holds for `reason` what `deposits` say, and nothing where they say nothing.
	fn ensure_held(
		reason: impl Fn() -> HoldReason,
		deposits: impl Iterator<Item = DepositOf<T>>,
		message: &'static str,
	) -> Result<(), TryRuntimeError> {
		let mut records = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
		for deposit in deposits {
			let sum = records.entry(deposit.depositor().clone()).or_insert_with(Zero::zero);
			*sum = sum.saturating_add(deposit.amount());
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let recorded = records.get(&who).copied().unwrap_or_else(Zero::zero);
			ensure!(Ledger::<T>::held(reason(), &who) == recorded, message);
		}
		// An account that was reaped holds nothing.
		for (who, recorded) in records {
			ensure!(Ledger::<T>::held(reason(), &who) == recorded, message);
		}
		Ok(())
	}

	fn inv_1_deposits_are_held() -> Result<(), TryRuntimeError> {
		Self::ensure_held(
			|| HoldReason::ModelDeposit,
			Models::<T>::iter_values().map(|model| model.deposit),
			"INV-1: what is held for models is the sum of their deposits",
		)?;
		Self::ensure_held(
			|| HoldReason::ProgramDeposit,
			Programs::<T>::iter_values().map(|program| program.deposit),
			"INV-1: what is held for programs is the sum of their deposits",
		)
	}

	fn inv_2_programs_count_their_models() -> Result<(), TryRuntimeError> {
		let mut counted = BTreeMap::<ProgramDigest, u32>::new();
		for model in Models::<T>::iter_values() {
			let models = counted.entry(model.program).or_default();
			*models = models.saturating_add(1);
		}
		let stored: BTreeMap<_, _> =
			Programs::<T>::iter().map(|(digest, program)| (digest, program.models)).collect();
		ensure!(stored == counted, "INV-2: a program is there with its models, and counts them");
		Ok(())
	}

	fn inv_3_programs_are_what_their_digests_say() -> Result<(), TryRuntimeError> {
		let mut programs = 0usize;
		for (digest, bytes) in ProgramBytes::<T>::iter() {
			ensure!(
				ProgramDigest::from(program_digest(&bytes)) == digest,
				"INV-3: the digest is that of the bytes"
			);
			let program = Program::decode_validated(&bytes)
				.map_err(|_| "INV-3: a stored program is well formed")?;
			let record = Programs::<T>::get(digest).ok_or("INV-3: bytes have a record")?;
			ensure!(
				record.cost == program.cost_form(),
				"INV-3: the cost form is that of the program"
			);
			ensure!(
				LeafForm::of(&program) == Ok(record.leaves),
				"INV-3: the leaf form is that of the program"
			);
			ensure!(
				record.weights_bytes == program.weights_length(),
				"INV-3: the length of the weights is that of the program's"
			);
			ensure!(
				usize::try_from(record.length) == Ok(bytes.len()),
				"INV-3: the length is that of the bytes"
			);
			programs = programs.saturating_add(1);
		}
		ensure!(programs == Programs::<T>::iter().count(), "INV-3: a record has its bytes");
		Ok(())
	}

	fn inv_4_ids_are_below_the_next() -> Result<(), TryRuntimeError> {
		let next = NextModelId::<T>::get();
		ensure!(
			Models::<T>::iter_keys().all(|id| id < next),
			"INV-4: ids of models are below the next"
		);
		Ok(())
	}

	fn inv_5_retired_models_have_jobs() -> Result<(), TryRuntimeError> {
		ensure!(
			Models::<T>::iter_values().all(|model| !model.retired || model.open_jobs > 0),
			"INV-5: a retired model has open jobs"
		);
		Ok(())
	}
}
