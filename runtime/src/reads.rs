//! Runtime APIs of ours that only read, beside [`assay_primitives::apis`]: providers, models,
//! leases and disputes in the form that their pallets' view functions give.

use alloc::vec::Vec;

use assay_primitives::{apis::RecordView, LeaseId, ModelId, OfferId, SlotId, WorkerKey};
use pallet_disputes::GameView;
use pallet_leases::{LeaseViewOf, OfferOf};
use pallet_models::ModelOf;
use pallet_providers::ProviderView;
use pallet_stake::BondView;

use crate::{AccountId, Balance, BlockNumber, Runtime};

/// A provider's bond.
pub type Bond = BondView<Balance, BlockNumber>;
/// A standing offer.
pub type Offer = OfferOf<Runtime>;
/// A lease, with what can be spent of it now.
pub type Lease = LeaseViewOf<Runtime>;
/// An open game.
pub type Game = GameView<AccountId>;
/// A registered model.
pub type Model = ModelOf<Runtime>;

sp_api::decl_runtime_apis! {
	/// Who may work.
	#[api_version(2)]
	pub trait ProvidersApi {
		/// A provider; none if the account is not registered.
		fn provider(owner: AccountId) -> Option<ProviderView>;
		/// The provider that a worker key acts for.
		fn owner_of(worker: WorkerKey) -> Option<AccountId>;
		/// A provider's bond.
		fn bond(owner: AccountId) -> Option<Bond>;
		/// What is on record of a provider, and the least audit rate of its audited jobs; none of
		/// an account that is no provider and was never guilty as one.
		fn provider_record(owner: AccountId) -> Option<RecordView>;
	}

	/// What can be run.
	pub trait ModelsApi {
		/// A model by id.
		fn model(model: ModelId) -> Option<Model>;
		/// Models with the ids from `first` on, at most 256.
		fn models_from(first: ModelId) -> Vec<(ModelId, Model)>;
	}

	/// Offers and leases.
	pub trait LeasesApi {
		/// An offer by id.
		fn offer(offer: OfferId) -> Option<Offer>;
		/// Standing offers of a provider, at most 256.
		fn offers_of_provider(provider: AccountId) -> Vec<(OfferId, Offer)>;
		/// A lease by id.
		fn lease(lease: LeaseId) -> Option<Lease>;
		/// Leases of a provider, at most 256.
		fn leases_of_provider(provider: AccountId) -> Vec<(LeaseId, Lease)>;
		/// Leases of a tenant, at most 256.
		fn leases_of_tenant(tenant: AccountId) -> Vec<(LeaseId, Lease)>;
	}

	/// Games about claims.
	pub trait DisputesApi {
		/// An open game.
		fn game(game: SlotId) -> Option<Game>;
		/// Open games that a worker key plays, at most 256.
		fn games_of(worker: WorkerKey) -> Vec<SlotId>;
		/// What a challenge of a slot's claim costs in bond now; none where there is no such claim.
		fn challenge_bond(slot: SlotId) -> Option<Balance>;
	}
}
