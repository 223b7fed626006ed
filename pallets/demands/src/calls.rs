//! Bodies of the calls. What a call needs is checked by a `check_*` function that the authorisation
//! of the call shares, then everything is written.

use crate::{
	ledger::Ledger,
	types::{Chunk, Demand, Path},
	*,
};
use assay_primitives::{
	chunk_key, AccountId, Balance, Item, JobDigest, Owed, OwedItems, Providers, WorkerKey,
};
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use sp_core::H256;

impl<T: Config> Pallet<T> {
	/// The genesis hash, part of every statement.
	pub(crate) fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(0u32))
	}

	fn ensure_running() -> Result<(), Error<T>> {
		ensure!(!T::Jobs::is_paused(), Error::<T>::Paused);
		Ok(())
	}

	/// The demand about a job that is open.
	pub(crate) fn load(job: JobDigest) -> Result<Demand<AccountId>, Error<T>> {
		Demands::<T>::get(job).ok_or(Error::<T>::DemandUnknown)
	}

	/// What a demand for so many bytes has to be paid in advance; none beyond any balance.
	pub fn price_of(length: u32) -> Option<Balance> {
		T::PricePerByte::get().checked_mul(length.into())
	}

	/// Clock time until which a chunk is taken that is asked for now.
	fn due(blocks: u32) -> u32 {
		T::Jobs::now().saturating_add(blocks)
	}

	// --- demand ---

	/// What a demand would be about, and what it costs.
	pub(crate) fn check_demand(
		demander: &AccountId,
		job: JobDigest,
		item: Item,
	) -> Result<(Owed<AccountId>, Balance), DispatchError> {
		Self::ensure_running()?;
		ensure!(!Demands::<T>::contains_key(job), Error::<T>::DemandOpen);
		let owed = T::Jobs::owed(job, item)?;
		let prepaid = Self::price_of(owed.length).ok_or(Error::<T>::PriceOverflow)?;
		ensure!(Ledger::<T>::can_hold(demander, prepaid), Error::<T>::CannotPrepay);
		Ok((owed, prepaid))
	}

	pub(crate) fn do_demand(demander: AccountId, job: JobDigest, item: Item) -> DispatchResult {
		let (owed, prepaid) = Self::check_demand(&demander, job, item)?;
		T::Jobs::hold(job, item)?;
		Ledger::<T>::hold(&demander, prepaid)?;
		let Owed { slot, provider, worker, digest, length } = owed;
		let due = Self::due(T::AnswerBlocks::get());
		let demand = Demand {
			item,
			demander: demander.clone(),
			slot,
			provider: provider.clone(),
			worker,
			digest,
			length,
			price_per_byte: T::PricePerByte::get(),
			next: 0,
			due,
		};
		let chunks = demand.chunks();
		Demands::<T>::insert(job, demand);
		Self::deposit_event(Event::Demanded {
			job,
			item,
			slot,
			provider,
			demander,
			length,
			chunks,
			prepaid,
			due_at: T::Jobs::block_of(due),
		});
		Ok(())
	}

	/// The provider that a worker key acts for: it pays for what its worker demands.
	pub(crate) fn provider_of(worker: &WorkerKey) -> Result<AccountId, Error<T>> {
		T::Providers::provider_of(worker).ok_or(Error::<T>::NotAProvider)
	}

	// --- deliver ---

	/// A demand whose chunk of this number has not come, and is proven. What lies after the next
	/// chunk is not due yet, but may wait in the pool.
	pub(crate) fn check_chunk(
		job: JobDigest,
		item: Item,
		index: u32,
		bytes: &Chunk,
		path: &Path,
	) -> Result<Demand<AccountId>, Error<T>> {
		Self::ensure_running()?;
		let demand = Self::load(job)?;
		ensure!(demand.item == item, Error::<T>::DemandUnknown);
		ensure!(index >= demand.next, Error::<T>::AlreadyDelivered);
		ensure!(T::Jobs::now() <= demand.due, Error::<T>::DeadlinePassed);
		ensure!(demand.proves(index, bytes, path), Error::<T>::ChunkWrong);
		Ok(demand)
	}

	pub(crate) fn do_deliver(
		job: JobDigest,
		item: Item,
		index: u32,
		bytes: &Chunk,
		path: &Path,
	) -> DispatchResult {
		let demand = Self::check_chunk(job, item, index, bytes, path)?;
		ensure!(index == demand.next, Error::<T>::OutOfOrder);
		let Demand { demander, provider, .. } = &demand;
		let paid = Ledger::<T>::pay(demander, provider, demand.price_of(index));
		sp_io::offchain_index::set(&chunk_key(&job, item, index), bytes);
		Self::deposit_event(Event::ChunkDelivered { job, item, index, paid });
		let demand = demand.advanced(Self::due(T::ChunkBlocks::get()));
		if demand.is_answered() {
			Demands::<T>::remove(job);
			T::Jobs::resume(job);
			Self::deposit_event(Event::Answered { job, item });
		} else {
			Demands::<T>::insert(job, demand);
		}
		Ok(())
	}

	/// A demand for an item of another length than its job says.
	pub(crate) fn check_show_length(
		job: JobDigest,
		length: u64,
		root: &H256,
	) -> Result<Demand<AccountId>, Error<T>> {
		Self::ensure_running()?;
		let demand = Self::load(job)?;
		ensure!(T::Jobs::now() <= demand.due, Error::<T>::DeadlinePassed);
		// An output of another length is a wrong claim, and no answer.
		ensure!(demand.item == Item::Input, Error::<T>::LengthNotShown);
		ensure!(demand.is_of_length(length, root), Error::<T>::LengthNotShown);
		Ok(demand)
	}

	/// Returns the number of the job's slots, as all that go over these do.
	pub(crate) fn do_show_length(
		job: JobDigest,
		length: u64,
		root: H256,
	) -> Result<u32, DispatchError> {
		let demand = Self::check_show_length(job, length, &root)?;
		Ledger::<T>::release(&demand.demander, demand.unspent());
		Demands::<T>::remove(job);
		let slots = T::Jobs::bar(job);
		Self::deposit_event(Event::LengthShown { job, item: demand.item, length, root });
		Ok(slots)
	}

	// --- timeout ---

	pub(crate) fn check_timeout(job: JobDigest) -> Result<Demand<AccountId>, Error<T>> {
		Self::ensure_running()?;
		let demand = Self::load(job)?;
		ensure!(T::Jobs::now() > demand.due, Error::<T>::NotDue);
		Ok(demand)
	}

	/// Returns the number of the job's slots, as all that go over these do.
	pub(crate) fn do_timeout(job: JobDigest) -> Result<u32, DispatchError> {
		let demand = Self::check_timeout(job)?;
		let Demand { item, slot, provider, demander, next: delivered, .. } = demand.clone();
		let returned = demand.unspent();
		Ledger::<T>::release(&demander, returned);
		Demands::<T>::remove(job);
		let slots = T::Jobs::withhold(job, slot);
		Self::deposit_event(Event::Withheld { job, item, slot, provider, delivered, returned });
		Ok(slots)
	}
}
