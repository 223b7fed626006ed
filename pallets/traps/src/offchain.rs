//! The off-chain worker: opens the traps that this node is armed with, once all claims of their
//! jobs are there. It needs no executor, and remembers nothing but when it sent what.

use crate::*;
use alloc::boxed::Box;
use assay_primitives::{
	offchain::{armed_trap, is_due_to_send},
	trap_statement, JobDigest, Trap, TrapJobs, WorkerKey,
};
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_runtime::{RuntimeAppPublic, SaturatedConversion};

const TARGET: &str = "worker::traps";
/// Blocks after which an opening that is not on chain is sent again.
const RESEND_BLOCKS: u32 = 2;
/// Where it is noted what was sent when.
const SENT_PREFIX: &[u8] = b"assay/traps/sent/";

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let block = now.saturated_into();
		for job in WorkerKey::all().iter().flat_map(T::Jobs::trap_jobs) {
			if let Some(trap) = armed_trap(&job) {
				Self::open_trap(block, job, trap);
			}
		}
	}

	/// Open a trap, if its job claims something else than what is right.
	fn open_trap(block: u32, job: JobDigest, trap: Trap) {
		// Where the trap was not sprung or is open there is nothing to amend.
		let Ok(found) = T::Jobs::trap_job(job, &trap.claim) else { return };
		let checked = Self::check_root(&trap)
			.and_then(|root| Self::check_leaf(&job, &found.party, found.submitted_at, &trap, &root))
			.and_then(|_| Self::check_consent(&job, &found.tenant, &trap));
		if let Err(error) = checked {
			log::error!(
				target: TARGET,
				"the trap of job {:?} cannot be opened ({error:?}): its slot claims what is wrong",
				job.0,
			);
			return;
		}
		let output = trap.claim.output().into();
		let statement = trap_statement(&Self::genesis(), &job, found.slot, &output);
		let Some(signature) = found.worker.sign(&statement) else { return };
		if !is_due_to_send(SENT_PREFIX, (found.slot, b'O'), block, RESEND_BLOCKS) {
			return;
		}
		let call = Call::open { job, trap: Box::new(trap), signature };
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => log::debug!(target: TARGET, "sent the trap of job {:?}", job.0),
			// The one that was sent before may still be there.
			Err(()) => log::info!(
				target: TARGET,
				"the pool does not take the trap of job {:?} now: it is tried again",
				job.0,
			),
		}
	}
}
