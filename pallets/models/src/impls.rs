//! What other pallets ask of this one.

use crate::{BalanceOf, Config, Error, Models, Pallet, ProgramBytes, Programs};
use alloc::vec::Vec;
use assay_primitives::{ModelId, ModelInfo, ProgramDigest};
use frame_support::{defensive, ensure, storage::with_storage_layer, traits::DefensiveSaturating};
use sp_runtime::DispatchResult;

impl<T: Config> assay_primitives::Models<T::AccountId, BalanceOf<T>> for Pallet<T> {
	fn model(id: ModelId) -> Option<ModelInfo<T::AccountId, BalanceOf<T>>> {
		let model = Models::<T>::get(id)?;
		let program = Programs::<T>::get(model.program)?;
		Some(ModelInfo {
			program: model.program,
			weights: model.weights,
			owner: model.owner,
			royalty_per_unit: model.royalty_per_unit,
			cost: program.cost,
			leaves: program.leaves,
			weights_bytes: program.weights_bytes,
			retired: model.retired,
		})
	}

	fn job_opened(id: ModelId) -> DispatchResult {
		Models::<T>::try_mutate(id, |maybe_model| {
			let model = maybe_model.as_mut().ok_or(Error::<T>::ModelNotFound)?;
			ensure!(!model.retired, Error::<T>::ModelRetired);
			model.open_jobs = model.open_jobs.checked_add(1).ok_or(Error::<T>::TooManyOpenJobs)?;
			Ok(())
		})
	}

	fn program(digest: &ProgramDigest) -> Option<Vec<u8>> {
		ProgramBytes::<T>::get(digest).map(Into::into)
	}

	fn job_closed(id: ModelId) {
		// An open job keeps its model.
		let Some(mut model) = Models::<T>::get(id) else {
			defensive!("a job outlived its model");
			return;
		};
		model.open_jobs = model.open_jobs.defensive_saturating_sub(1);
		if model.retired && model.open_jobs == 0 {
			let removed = with_storage_layer(|| Self::remove(id, model.clone()));
			if removed.is_ok() {
				return;
			}
			// A release to an account that has funds on hold cannot fail. If it does, the model
			// stays and `retire` may try again.
			defensive!("a retired model could not be removed");
		}
		Models::<T>::insert(id, model);
	}
}
