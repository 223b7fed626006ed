//! What clients and other chains rely on: indices, extensions, weights and presets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use assay_runtime::{
	configs::{BlockHashCount, BlockLength, BlockWeights, TreasuryAccount, UnbondingBlocks},
	genesis,
	transaction::TxExtension,
	AccountId, AllPalletsWithSystem, Balances, Executive, Runtime, RuntimeCall, Session,
	UncheckedExtrinsic, ASY, EXISTENTIAL_DEPOSIT, VERSION,
};
use codec::{Decode, Encode};
use common::{begin_block, chain, FIRST_SLOT};
use frame_support::{
	dispatch::GetDispatchInfo, traits::PalletsInfoAccess, weights::constants::ParityDbWeight,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	traits::TransactionExtension,
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
};

#[test]
fn pallet_indices_are_stable() {
	let pallets: Vec<(usize, &str)> =
		AllPalletsWithSystem::infos().into_iter().map(|info| (info.index, info.name)).collect();
	let expected = [
		(0, "System"),
		(1, "Timestamp"),
		(2, "Babe"),
		(3, "Authorship"),
		(4, "Balances"),
		(5, "TransactionPayment"),
		(6, "Offences"),
		(7, "Session"),
		(8, "Historical"),
		(9, "Grandpa"),
		(10, "Authorities"),
		(20, "Utility"),
		(21, "Proxy"),
		(22, "Multisig"),
		(23, "Preimage"),
		(24, "Scheduler"),
		(29, "Sudo"),
		(40, "ProviderStake"),
		(41, "Providers"),
		(42, "Models"),
		(43, "Leases"),
		(44, "Jobs"),
	];
	assert_eq!(pallets, expected);
}

#[test]
fn calls_keep_their_encoding() {
	let remark = RuntimeCall::System(frame_system::Call::remark { remark: vec![] });
	assert_eq!(remark.encode(), [0, 0, 0]);
	let who = AccountId::new([7; 32]);
	let transfer = RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: who.into(),
		value: 1,
	});
	assert_eq!(transfer.encode()[..2], [4, 3]);
	let set = RuntimeCall::Authorities(assay_runtime::authorities::Call::set_authorities {
		authorities: Default::default(),
	});
	assert_eq!(set.encode(), [10, 0, 0]);
}

#[test]
fn extensions_are_those_of_stock_clients_in_their_order() {
	let names: Vec<&str> = <TxExtension as TransactionExtension<RuntimeCall>>::metadata()
		.into_iter()
		.map(|extension| extension.identifier)
		.collect();
	let expected = [
		"AuthorizeCall",
		"CheckNonZeroSender",
		"CheckSpecVersion",
		"CheckTxVersion",
		"CheckGenesis",
		"CheckMortality",
		"CheckNonce",
		"CheckWeight",
		"ChargeTransactionPayment",
		"CheckMetadataHash",
		"WeightReclaim",
	];
	assert_eq!(names, expected);
}

#[test]
fn a_block_takes_a_third_of_a_slot() {
	let weights = BlockWeights::get();
	assert_eq!(weights.max_block.ref_time(), 1_000_000_000_000);
	assert!(weights.max_block.proof_size() > 0, "hooks need both parts");
	assert_eq!(
		*BlockLength::get().max.get(frame_support::dispatch::DispatchClass::Normal),
		3 << 20
	);
	assert_eq!(BlockHashCount::get(), 4_096);
}

#[test]
fn weights_are_wired() {
	type Db = <Runtime as frame_system::Config>::DbWeight;
	assert_eq!(Db::get().read, ParityDbWeight::get().read);
	assert_eq!(Db::get().write, ParityDbWeight::get().write);

	let transfer = RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: AccountId::new([7; 32]).into(),
		value: 1,
	});
	let info = transfer.get_dispatch_info();
	assert!(info.call_weight.ref_time() > Db::get().reads_writes(1, 1).ref_time());

	// The default `()` of the extensions charges several times what they cost.
	type Extensions = <Runtime as frame_system::Config>::ExtensionsWeightInfo;
	let check = <Extensions as frame_system::ExtensionsWeightInfo>::check_nonce();
	assert_eq!(
		check,
		<frame_system::SubstrateExtensionsWeight<Runtime> as frame_system::ExtensionsWeightInfo>
			::check_nonce()
	);
	assert_ne!(check, <() as frame_system::ExtensionsWeightInfo>::check_nonce());
}

#[test]
fn presets_build_and_endow() {
	for (preset, authorities) in [("development", 1), ("local_testnet", 2)] {
		chain(preset).execute_with(|| {
			assert_eq!(Session::validators().len(), authorities);
			assert_eq!(
				pallet_sudo::Key::<Runtime>::get(),
				Some(Sr25519Keyring::Alice.to_account_id())
			);
			for keyring in [Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie] {
				assert_eq!(Balances::free_balance(keyring.to_account_id()), genesis::ENDOWMENT);
			}
			assert_eq!(Balances::free_balance(TreasuryAccount::get()), genesis::TREASURY_ENDOWMENT);
			assert!(Balances::total_issuance() > 100_000_000 * ASY);
			assert_eq!(EXISTENTIAL_DEPOSIT, ASY / 1_000);
		});
	}
	assert!(genesis::get_preset(&"mainnet".into()).is_none());
	assert_eq!(genesis::preset_names().len(), 2);
}

#[test]
fn the_version_is_the_one_that_clients_sign() {
	assert_eq!(VERSION.spec_name, "assay");
	assert_eq!(VERSION.spec_version, 100);
	assert_eq!(VERSION.system_version, 1);
	assert_eq!(VERSION.transaction_version, 1);
}

#[test]
fn worker_submissions_are_general_transactions_and_need_authorisation() {
	chain("development").execute_with(|| {
		begin_block(FIRST_SLOT);
		let call = RuntimeCall::System(frame_system::Call::remark { remark: vec![1] });
		let transaction = <Runtime as CreateAuthorizedTransaction<
			frame_system::Call<Runtime>,
		>>::create_authorized_transaction(call);
		let bytes = transaction.encode();
		// One byte of length, then version 5 of the kind "general".
		assert_eq!(bytes[1], 0x45);
		assert_eq!(UncheckedExtrinsic::decode(&mut &bytes[..]).unwrap(), transaction);

		// Nothing authorises a remark.
		let validity = Executive::validate_transaction(
			TransactionSource::Local,
			transaction,
			Default::default(),
		);
		assert_eq!(
			validity,
			Err(TransactionValidityError::Invalid(InvalidTransaction::UnknownOrigin))
		);
	});
}

#[test]
fn worker_submissions_of_two_blocks_differ() {
	// A pool bans the bytes of what came too early. If they were always the same, anybody could keep
	// a settlement out by sending it before its time.
	chain("development").execute_with(|| {
		let transaction = || {
			let call = RuntimeCall::Jobs(pallet_jobs::Call::settle { job: Default::default() });
			<Runtime as CreateAuthorizedTransaction<pallet_jobs::Call<Runtime>>>
				::create_authorized_transaction(call)
		};
		begin_block(FIRST_SLOT);
		let first = transaction();
		assert_eq!(first, transaction());
		assay_runtime::System::set_block_number(2);
		assert_ne!(first.encode(), transaction().encode());
	});
}

#[test]
fn a_bond_outlives_every_job() {
	for preset in ["development", "local_testnet"] {
		chain(preset).execute_with(|| {
			let timing = assay_runtime::Jobs::timing();
			let longest = assay_program::limits::MAX_UNITS;
			let blocks = timing
				.accept
				.saturating_add(timing.span(timing.commit_base, longest))
				.saturating_add(timing.commit_base)
				.saturating_add(timing.reveal_grace)
				.saturating_add(timing.span(timing.window_base, longest));
			assert!(UnbondingBlocks::get() > blocks, "{preset}: a job may last {blocks} blocks");
		});
	}
}
