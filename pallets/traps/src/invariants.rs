//! What must hold after every block and every call, one function for each numbered invariant.

use crate::*;
use alloc::collections::BTreeSet;
use assay_primitives::{TrapJobs, TRAPS_MAX};
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// All invariants; see the crate documentation.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_roots_are_listed_in_order()?;
		Self::inv_2_roots_are_sound()?;
		Self::inv_3_what_was_opened_is_open()?;
		Self::inv_4_licences_are_sound()
	}

	fn inv_1_roots_are_listed_in_order() -> Result<(), TryRuntimeError> {
		let listed = Periods::<T>::get();
		let now = T::Jobs::period();
		let pairs = listed.iter().zip(listed.iter().skip(1));
		ensure!(pairs.into_iter().all(|(one, next)| one < next), "INV-1: periods out of order");
		ensure!(listed.iter().all(|period| *period <= now), "INV-1: a root of a period to come");
		let stored: BTreeSet<u32> = Roots::<T>::iter_keys().collect();
		let listed: BTreeSet<u32> = listed.into_iter().collect();
		ensure!(stored == listed, "INV-1: other roots are stored than are listed");
		Ok(())
	}

	fn inv_2_roots_are_sound() -> Result<(), TryRuntimeError> {
		for root in Roots::<T>::iter_values() {
			ensure!(root.is_sound(), "INV-2: the leaves of a root are not what it says");
			ensure!(root.posted_at <= Self::block(), "INV-2: a root of a block to come");
		}
		Ok(())
	}

	fn inv_3_what_was_opened_is_open() -> Result<(), TryRuntimeError> {
		for (period, root) in Roots::<T>::iter() {
			let counts = Licences::<T>::iter_values().map(|licence| licence.opened_of(period));
			let sum = counts.fold(0u32, |sum, count| sum.saturating_add(count));
			ensure!(sum <= root.opened(), "INV-3: more was opened than is open");
		}
		Ok(())
	}

	fn inv_4_licences_are_sound() -> Result<(), TryRuntimeError> {
		for licence in Licences::<T>::iter_values() {
			let is_in_range = (1..=TRAPS_MAX).contains(&licence.allowance);
			ensure!(is_in_range, "INV-4: a licence for nothing, or for too much");
			let periods: BTreeSet<u32> = licence.opened.iter().map(|(period, _)| *period).collect();
			ensure!(periods.len() == licence.opened.len(), "INV-4: a period is counted twice");
			let counts = || licence.opened.iter().map(|(_, count)| *count);
			ensure!(counts().all(|count| count > 0), "INV-4: nothing is counted");
		}
		Ok(())
	}
}
