//! Bodies of the calls.

use crate::{
	ledger::Ledger, BalanceOf, Config, Error, Event, Model, ModelOf, Models, NextModelId, Pallet,
	ProgramBytes, ProgramBytesVec, ProgramRecord, Programs,
};
use assay_primitives::{LeafForm, ModelId, ProgramDigest, WeightsRoot};
use assay_program::{program_digest, Program};
use frame_support::{
	defensive, ensure,
	traits::{Contains, DefensiveSaturating},
};
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register(
		owner: T::AccountId,
		bytes: ProgramBytesVec,
		weights: WeightsRoot,
		royalty_per_unit: BalanceOf<T>,
	) -> DispatchResult {
		let digest = ProgramDigest::from(program_digest(&bytes));
		if !Programs::<T>::contains_key(digest) {
			Self::register_program(&owner, digest, bytes)?;
		}
		Self::do_register_existing(owner, digest, weights, royalty_per_unit)
	}

	/// Validate and store a program that no model uses yet. Whoever calls registers one.
	fn register_program(
		depositor: &T::AccountId,
		digest: ProgramDigest,
		bytes: ProgramBytesVec,
	) -> DispatchResult {
		let program = Program::decode_validated(&bytes).map_err(Error::<T>::from)?;
		ensure!(
			T::AcceptedSemantics::contains(&program.semantics),
			Error::<T>::SemanticsNotAccepted
		);
		// What could not be disputed could be claimed at will.
		assay_trace::check_refereeable(&program).map_err(Error::<T>::from)?;
		let leaves = LeafForm::of(&program).map_err(Error::<T>::from)?;
		// A bounded vector of `MAX_PROGRAM_BYTES`, which is a `u32`.
		let length = u32::try_from(bytes.len()).map_err(|_| Error::<T>::ProgramTooLong)?;

		let deposit = Ledger::<T>::hold_program(depositor, length)?;
		Self::deposit_event(Event::ProgramStored {
			program: digest,
			depositor: depositor.clone(),
			length,
			deposit: deposit.amount(),
		});
		let record = ProgramRecord {
			cost: program.cost_form(),
			leaves,
			weights_bytes: program.weights_length(),
			length,
			models: 0,
			deposit,
		};
		Programs::<T>::insert(digest, record);
		ProgramBytes::<T>::insert(digest, bytes);
		Ok(())
	}

	pub(crate) fn do_register_existing(
		owner: T::AccountId,
		digest: ProgramDigest,
		weights: WeightsRoot,
		royalty_per_unit: BalanceOf<T>,
	) -> DispatchResult {
		let mut program = Programs::<T>::get(digest).ok_or(Error::<T>::ProgramNotFound)?;
		// Semantics may have left the accepted ones since the program was stored.
		ensure!(
			T::AcceptedSemantics::contains(&program.cost.semantics()),
			Error::<T>::SemanticsNotAccepted
		);
		program.models = program.models.checked_add(1).ok_or(Error::<T>::IdsExhausted)?;
		let id = NextModelId::<T>::get();
		let next_id = id.next().ok_or(Error::<T>::IdsExhausted)?;

		let deposit = Ledger::<T>::hold_model(&owner)?;
		NextModelId::<T>::put(next_id);
		Programs::<T>::insert(digest, program);
		Self::deposit_event(Event::ModelRegistered {
			model: id,
			owner: owner.clone(),
			program: digest,
			weights,
			royalty_per_unit,
		});
		let model = Model {
			program: digest,
			weights,
			owner,
			royalty_per_unit,
			retired: false,
			open_jobs: 0,
			deposit,
		};
		Models::<T>::insert(id, model);
		Ok(())
	}

	pub(crate) fn do_set_terms(
		who: T::AccountId,
		id: ModelId,
		royalty_per_unit: BalanceOf<T>,
	) -> DispatchResult {
		let mut model = Self::model_of(&who, id)?;
		ensure!(!model.retired, Error::<T>::ModelRetired);

		let old_royalty_per_unit = model.royalty_per_unit;
		model.royalty_per_unit = royalty_per_unit;
		Models::<T>::insert(id, model);
		Self::deposit_event(Event::TermsSet {
			model: id,
			old_royalty_per_unit,
			new_royalty_per_unit: royalty_per_unit,
		});
		Ok(())
	}

	pub(crate) fn do_transfer_ownership(
		who: T::AccountId,
		id: ModelId,
		new_owner: T::AccountId,
	) -> DispatchResult {
		let mut model = Self::model_of(&who, id)?;

		model.owner = new_owner.clone();
		Models::<T>::insert(id, model);
		Self::deposit_event(Event::OwnershipTransferred { model: id, old_owner: who, new_owner });
		Ok(())
	}

	pub(crate) fn do_retire(who: T::AccountId, id: ModelId) -> DispatchResult {
		let mut model = Self::model_of(&who, id)?;
		// A retired model without jobs is there only if its removal failed: then this tries again.
		ensure!(!model.retired || model.open_jobs == 0, Error::<T>::ModelRetired);

		model.retired = true;
		Self::deposit_event(Event::ModelRetired { model: id, open_jobs: model.open_jobs });
		if model.open_jobs == 0 {
			return Self::remove(id, model);
		}
		Models::<T>::insert(id, model);
		Ok(())
	}

	/// Forget a retired model that no job uses, and its program with the last model of it.
	pub(crate) fn remove(id: ModelId, model: ModelOf<T>) -> DispatchResult {
		Ledger::<T>::release_model(&model.deposit)?;
		Models::<T>::remove(id);
		Self::deposit_event(Event::ModelRemoved { model: id });

		let Some(mut program) = Programs::<T>::get(model.program) else {
			defensive!("a model outlived its program");
			return Err(Error::<T>::ProgramNotFound.into());
		};
		program.models = program.models.defensive_saturating_sub(1);
		if program.models > 0 {
			Programs::<T>::insert(model.program, program);
			return Ok(());
		}
		Ledger::<T>::release_program(&program.deposit)?;
		Programs::<T>::remove(model.program);
		ProgramBytes::<T>::remove(model.program);
		Self::deposit_event(Event::ProgramRemoved { program: model.program });
		Ok(())
	}

	/// A model of `who`.
	fn model_of(who: &T::AccountId, id: ModelId) -> Result<ModelOf<T>, Error<T>> {
		let model = Models::<T>::get(id).ok_or(Error::<T>::ModelNotFound)?;
		ensure!(model.owner == *who, Error::<T>::NotOwner);
		Ok(model)
	}
}
