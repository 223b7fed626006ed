//! What the pallet refuses, and why.

use frame_support::pallet_macros::pallet_section;

/// What the pallet refuses, and why.
#[pallet_section]
mod errors {
	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is no provider with a worker key, or the key is no provider's. Register first.
		#[codec(index = 0)]
		NotAProvider,
		/// No key is made of these bytes.
		#[codec(index = 1)]
		DutyKeyInvalid,
		/// The proof is not the duty key's signature over this chain and this account. Ask the
		/// executor that holds the key for one.
		#[codec(index = 2)]
		DutyKeyProofInvalid,
		/// No model has this id.
		#[codec(index = 3)]
		ModelUnknown,
		/// The model is retired: it gets no new job to audit.
		#[codec(index = 4)]
		ModelRetired,
		/// The provider is a member of this pool.
		#[codec(index = 5)]
		AlreadyMember,
		/// The provider has as many pools as it may have. A pool that it has left counts until the
		/// period ends.
		#[codec(index = 6)]
		TooManyPools,
		/// The provider is no member of this pool.
		#[codec(index = 7)]
		NotAMember,
		/// What counts of the provider is what it has bonded.
		#[codec(index = 8)]
		NothingToRefresh,
		/// The stakes of a pool are more than a balance can hold.
		#[codec(index = 9)]
		StakeOverflow,
		/// No job with this digest waits for a mark or for notices.
		#[codec(index = 10)]
		JobUnknown,
		/// The job has its mark.
		#[codec(index = 11)]
		AlreadyMarked,
		/// The anchor is no block of this chain below the present one, or is below the last block
		/// whose author decides.
		#[codec(index = 12)]
		AnchorWrong,
		/// The blocks whose authors decide have not all come.
		#[codec(index = 13)]
		RandomnessPending,
		/// The key acts for the party of the job: it may send the mark later.
		#[codec(index = 14)]
		PartyMarksLater,
		/// The commitment has no final mark.
		#[codec(index = 15)]
		NotMarked,
		/// Notices are taken no more.
		#[codec(index = 16)]
		NoticesOver,
		/// No party of a job audits it.
		#[codec(index = 17)]
		OwnJob,
		/// The provider has no duty key that counts in this period.
		#[codec(index = 18)]
		NoDutyKey,
		/// The duty key was registered after the commitment.
		#[codec(index = 19)]
		DutyKeyTooNew,
		/// The ring does not know the job's randomness any more.
		#[codec(index = 20)]
		RandomnessGone,
		/// The number is not below the threshold.
		#[codec(index = 21)]
		NoDuty,
		/// The rate is below the lowest one from which a pledge can deter, or above one.
		#[codec(index = 22)]
		LambdaFloorOutOfRange,
		/// The provider has not shown in the period before the commitment's that it holds the weights.
		#[codec(index = 23)]
		NotShown,
		/// The provider has shown in this period that it holds the weights.
		#[codec(index = 24)]
		AlreadyShown,
		/// The bytes are not the segment of the weights that is to be shown in this period, or the path
		/// does not lead from it to their root.
		#[codec(index = 25)]
		SegmentWrong,
		/// The model has no weights.
		#[codec(index = 26)]
		NothingToShow,
		/// No author of this period has drawn yet which segments are to be shown.
		#[codec(index = 27)]
		PeriodDrawPending,
		/// The provider has no audit stake: nothing is drawn for it.
		#[codec(index = 28)]
		NothingAtStake,
	}
}
