//! What the jobs pallet asks.

use crate::*;
use assay_primitives::{AccountId, Balance, JobDigest, Trap, Traps};

impl<T: Config> Traps<AccountId, Balance> for Pallet<T> {
	fn may_open(
		job: &JobDigest,
		tenant: &AccountId,
		party: &AccountId,
		submitted_at: u32,
		trap: &Trap,
	) -> bool {
		let Ok(root) = Self::check_root(trap) else { return false };
		Self::check_leaf(job, party, submitted_at, trap, &root).is_ok()
			&& Self::check_consent(job, tenant, trap).is_ok()
	}

	fn pay_jackpot(auditor: &AccountId, amount: Balance) -> Balance {
		Self::pay_out(auditor, amount)
	}
}
