//! What our pallets have written of each other, which none of them can see alone. Each pallet's own
//! invariants are in its `try_state`.
//!
//! - INV-1: every open job has its model, and every model counts its open jobs.
//! - INV-2: what leases have reserved are the prices of open jobs with their audit fees, one for
//!   each.
//! - INV-3: what binds a provider are its leases and its slots.
//! - INV-4: every slot counts the games about its claim.

use alloc::collections::BTreeMap;

use assay_primitives::ModelId;
use frame_support::ensure;
use pallet_jobs::Duties;
use pallet_leases::{ProviderLeases, Reservations};
use sp_runtime::TryRuntimeError;

use crate::{AccountId, Providers, Runtime};

/// Check all of it.
pub fn do_try_state() -> Result<(), TryRuntimeError> {
	check_models()?;
	check_reservations()?;
	check_engagements()?;
	check_games()
}

fn check_models() -> Result<(), TryRuntimeError> {
	let mut open = BTreeMap::<ModelId, u32>::new();
	for job in pallet_jobs::Jobs::<Runtime>::iter_values() {
		let count = open.entry(job.model).or_default();
		*count = count.saturating_add(1);
	}
	for (id, model) in pallet_models::Models::<Runtime>::iter() {
		ensure!(
			model.open_jobs == open.remove(&id).unwrap_or_default(),
			"INV-1: a model miscounts its open jobs"
		);
	}
	ensure!(open.is_empty(), "INV-1: a job outlived its model");
	Ok(())
}

fn check_reservations() -> Result<(), TryRuntimeError> {
	let mut reserved = BTreeMap::new();
	for (lease, job, amount) in Reservations::<Runtime>::iter() {
		reserved.insert((lease, job), amount);
	}
	for (digest, job) in pallet_jobs::Jobs::<Runtime>::iter() {
		ensure!(
			reserved.remove(&(job.lease, digest)) == Some(job.reserved()),
			"INV-2: a lease does not hold the price of a job"
		);
	}
	ensure!(reserved.is_empty(), "INV-2: a reservation outlived its job");
	Ok(())
}

fn check_engagements() -> Result<(), TryRuntimeError> {
	let mut engaged = BTreeMap::<AccountId, u32>::new();
	let leases = ProviderLeases::<Runtime>::iter().map(|(who, _, _)| who);
	let slots = Duties::<Runtime>::iter().map(|(who, _, ())| who);
	for who in leases.chain(slots) {
		let count = engaged.entry(who).or_default();
		*count = count.saturating_add(1);
	}
	for who in frame_system::Account::<Runtime>::iter_keys() {
		let expected = engaged.remove(&who).unwrap_or_default();
		let stated = Providers::provider(who).map_or(0, |provider| provider.engagements);
		ensure!(
			stated == expected,
			"INV-3: leases and slots do not add up to what binds a provider"
		);
	}
	ensure!(engaged.is_empty(), "INV-3: a lease or a slot binds an account that is gone");
	Ok(())
}

fn check_games() -> Result<(), TryRuntimeError> {
	let mut open: BTreeMap<_, _> = pallet_disputes::ClaimGames::<Runtime>::iter().collect();
	for (id, slot) in pallet_jobs::Slots::<Runtime>::iter() {
		let games = open.remove(&id).unwrap_or_default();
		ensure!(slot.disputes == games, "INV-4: a slot miscounts the games about its claim");
	}
	ensure!(open.is_empty(), "INV-4: a game is about a slot that is gone");
	Ok(())
}
