//! Block production, finality, sessions, and what becomes of authorities that equivocate.

use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32, ConstU64},
};
use frame_system::EnsureRoot;
use pallet_session::{disabling::UpToLimitWithReEnablingDisablingStrategy, historical};
use sp_runtime::traits::{Convert, ConvertInto, OpaqueKeys};
use sp_staking::SessionIndex;

use crate::{
	deposit, AccountId, Authorities, Babe, Balances, Historical, Offences, Runtime, RuntimeEvent,
	Session, SessionKeys, EPOCH_DURATION_IN_SLOTS, MILLISECONDS_PER_SLOT,
};

/// More authorities than this no session may have.
type MaxAuthorities = ConstU32<100>;

parameter_types! {
	/// Sessions in whose past an equivocation can still be proven: a week.
	pub const SessionHistory: SessionIndex = 84;
	/// The same in slots: a report older than this is refused.
	pub const ReportLongevity: u64 = SessionHistory::get() as u64 * EPOCH_DURATION_IN_SLOTS;
}

impl pallet_babe::Config for Runtime {
	type DisabledValidators = Session;
	type EpochChangeTrigger = pallet_babe::ExternalTrigger;
	type EpochDuration = ConstU64<EPOCH_DURATION_IN_SLOTS>;
	type EquivocationReportSystem =
		pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
	type ExpectedBlockTime = ConstU64<MILLISECONDS_PER_SLOT>;
	type KeyOwnerProof = sp_session::MembershipProof;
	type MaxAuthorities = MaxAuthorities;
	// Nobody nominates authorities.
	type MaxNominators = ConstU32<0>;
	// Written by hand in the pallet, for a slower database than ours.
	type WeightInfo = ();
}

impl pallet_grandpa::Config for Runtime {
	type EquivocationReportSystem =
		pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
	type KeyOwnerProof = sp_session::MembershipProof;
	type MaxAuthorities = MaxAuthorities;
	type MaxNominators = ConstU32<0>;
	type MaxSetIdSessionEntries = ConstU64<{ SessionHistory::get() as u64 }>;
	type RuntimeEvent = RuntimeEvent;
	// As for BABE.
	type WeightInfo = ();
}

impl pallet_authorship::Config for Runtime {
	type EventHandler = ();
	type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
}

impl pallet_session::Config for Runtime {
	type Currency = Balances;
	// An offender that authors would be refused by every importing node, so no more than a third is
	// disabled at a time: the rest can still finalise.
	type DisablingStrategy = UpToLimitWithReEnablingDisablingStrategy;
	type KeyDeposit = ConstU128<{ deposit(3, 96) }>;
	type Keys = SessionKeys;
	type NextSessionRotation = Babe;
	type RuntimeEvent = RuntimeEvent;
	type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
	type SessionManager = historical::NoteHistoricalRoot<Self, Authorities>;
	type ShouldEndSession = Babe;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
}

/// Authorities have no stake yet, so an account is all there is to identify one.
#[derive(Debug)]
pub struct UnitIdentification;

impl Convert<AccountId, Option<()>> for UnitIdentification {
	fn convert(_: AccountId) -> Option<()> {
		Some(())
	}
}

impl historical::Config for Runtime {
	type FullIdentification = ();
	type FullIdentificationOf = UnitIdentification;
	type RuntimeEvent = RuntimeEvent;
}

impl pallet_offences::Config for Runtime {
	type IdentificationTuple = historical::IdentificationTuple<Self>;
	type OnOffenceHandler = Authorities;
	type RuntimeEvent = RuntimeEvent;
}

impl crate::authorities::Config for Runtime {
	type ChangeOrigin = EnsureRoot<AccountId>;
	type MaxAuthorities = MaxAuthorities;
	type SessionHistory = SessionHistory;
	type WeightInfo = crate::weights::authorities::WeightInfo<Runtime>;
}
