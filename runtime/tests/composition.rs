//! What clients and other chains rely on: indices, extensions, weights and presets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use assay_primitives::Audits;
use assay_runtime::{
	configs::{BlockHashCount, BlockLength, BlockWeights, TreasuryAccount, UnbondingBlocks},
	genesis,
	transaction::TxExtension,
	AccountId, AllPalletsWithSystem, Babe, Balances, Executive, Jobs, Runtime, RuntimeCall,
	Session, UncheckedExtrinsic, ASY, EPOCH_DURATION_IN_SLOTS, EXISTENTIAL_DEPOSIT, VERSION,
};
use codec::{Decode, Encode};
use common::{as_root, begin_block, chain, signed, FIRST_SLOT};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{Get, PalletsInfoAccess},
	weights::constants::ParityDbWeight,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_jobs::Timing;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	traits::TransactionExtension,
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
	DispatchError,
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
		(45, "Disputes"),
		(46, "AuditStake"),
		(47, "Audits"),
		(48, "Traps"),
		(49, "Demands"),
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
	assert_eq!(*BlockLength::get().max.get(DispatchClass::Normal), 3 << 20);
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
fn presets_have_the_periods_that_their_networks_are_told_of() {
	let development = Timing {
		duty_period: 20,
		accept: 10,
		commit_base: 20,
		window_base: 10,
		reveal_grace: 20,
		min_rate: 100,
		trap_blocks: 5,
	};
	let local_testnet = Timing {
		duty_period: 100,
		accept: 20,
		commit_base: 40,
		window_base: 100,
		reveal_grace: 100,
		min_rate: 100,
		trap_blocks: 20,
	};
	for (preset, timing) in [("development", development), ("local_testnet", local_testnet)] {
		chain(preset).execute_with(|| {
			assert_eq!(Jobs::timing(), timing, "{preset}");
			assert_eq!(
				<Runtime as pallet_providers::Config>::DutyPeriod::get(),
				timing.duty_period
			);
		});
	}
}

#[test]
fn an_epoch_is_two_hours_of_three_second_slots() {
	assert_eq!(EPOCH_DURATION_IN_SLOTS, 2_400);
	chain("development").execute_with(|| {
		let slots: u64 = <Runtime as pallet_babe::Config>::EpochDuration::get();
		assert_eq!(slots, 2_400);
		assert_eq!(Babe::slot_duration(), 3_000);
	});
}

#[test]
fn root_spends_the_treasury_and_nobody_else() {
	chain("development").execute_with(|| {
		begin_block(FIRST_SLOT);
		let (treasury, payee) = (TreasuryAccount::get(), AccountId::new([9; 32]));
		let spend = || pallet_balances::Call::<Runtime>::force_transfer {
			source: treasury.clone().into(),
			dest: payee.clone().into(),
			value: 7 * ASY,
		};
		let alice = Sr25519Keyring::Alice.to_account_id();
		assert_noop!(signed(&alice, spend()), DispatchError::BadOrigin);

		assert_ok!(as_root(spend()));
		assert_eq!(Balances::free_balance(&payee), 7 * ASY);
		assert_eq!(Balances::free_balance(&treasury), genesis::TREASURY_ENDOWMENT - 7 * ASY);

		// As a test network does it: by its root key. `sudo` succeeds whatever comes of its call, so
		// the balances tell.
		let sudo = || pallet_sudo::Call::<Runtime>::sudo { call: Box::new(spend().into()) };
		assert_ok!(signed(&alice, sudo()));
		assert_eq!(Balances::free_balance(&payee), 14 * ASY);
		let bob = Sr25519Keyring::Bob.to_account_id();
		assert_noop!(signed(&bob, sudo()), pallet_sudo::Error::<Runtime>::RequireSudo);
	});
}

#[test]
fn the_version_is_the_one_that_clients_sign() {
	assert_eq!(VERSION.spec_name, "assay");
	assert_eq!(VERSION.spec_version, 100);
	assert_eq!(VERSION.system_version, 1);
	assert_eq!(VERSION.transaction_version, 1);
}

/// The runtime APIs that stock nodes and clients look for, and ours: name, id, version. A client
/// knows an API by the id, blake2-64 of the name, so a name is as much a part of the interface as a
/// pallet's index is.
const APIS: [(&str, u64, u32); 19] = [
	("Core", 0xdf6a_cb68_9907_609b, 5),
	("Metadata", 0x37e3_97fc_7c91_f5e4, 2),
	("RuntimeViewFunction", 0xccd9_de63_96c8_99ca, 1),
	("BlockBuilder", 0x40fe_3ad4_01f8_959a, 6),
	("TaggedTransactionQueue", 0xd2bc_9897_eed0_8f15, 3),
	("OffchainWorkerApi", 0xf78b_278b_e53f_454c, 2),
	("SessionKeys", 0xab3c_0572_291f_eb8b, 2),
	("BabeApi", 0xcbca_25e3_9f14_2387, 2),
	("GrandpaApi", 0xed99_c5ac_b25e_edf5, 3),
	("AccountNonceApi", 0xbc9d_8990_4f5b_923f, 1),
	("TransactionPaymentApi", 0x37c8_bb13_50a9_a2a8, 4),
	("TransactionPaymentCallApi", 0xf3ff_14d5_ab52_7059, 3),
	("GenesisBuilder", 0xfbc5_77b9_d747_efd6, 1),
	("JobsApi", 0xb18f_5829_93e0_30f4, 1),
	("ProvidersApi", 0x9aaf_6cf0_e0cd_b4fb, 2),
	("ModelsApi", 0xad4c_c7ad_ca10_b0e7, 1),
	("LeasesApi", 0x3739_0f57_2686_c301, 1),
	("AuditsApi", 0xba3f_0698_1ae8_641b, 1),
	("DisputesApi", 0x105c_b6da_3b56_1c50, 1),
];

#[test]
fn every_runtime_api_is_found_by_its_id_and_has_its_version() {
	for (name, id, version) in APIS {
		let listed = VERSION.apis.iter().find(|(listed, _)| *listed == id.to_be_bytes());
		assert_eq!(listed.map(|(_, version)| *version), Some(version), "{name}");
	}
	assert_eq!(VERSION.apis.len(), APIS.len(), "an API is missing in this list");
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

/// Blocks of a game in which every question takes as long as one may.
fn longest_game() -> u32 {
	let move_blocks: u32 = <Runtime as pallet_disputes::Config>::MoveBlocks::get();
	move_blocks
		.saturating_add(pallet_disputes::types::RUN_BLOCKS_MAX)
		.saturating_mul(assay_trace::QUESTIONS_MAX)
}

#[test]
fn a_bond_outlives_every_job_and_the_game_about_it() {
	for preset in ["development", "local_testnet"] {
		chain(preset).execute_with(|| {
			let timing = assay_runtime::Jobs::timing();
			let longest = assay_program::limits::MAX_UNITS;
			let answer_blocks: u32 = <Runtime as pallet_demands::Config>::AnswerBlocks::get();
			let draw_blocks = <assay_runtime::Audits as Audits<_, _>>::draw_blocks();
			let chunk_blocks: u32 = <Runtime as pallet_demands::Config>::ChunkBlocks::get();
			let blocks = timing
				.accept
				.saturating_add(timing.span(timing.commit_base, longest))
				// An audited one waits for its mark and for notices, the last auditor's commitment then.
				.saturating_add(<Runtime as pallet_audits::Config>::MarkDelay::get())
				.saturating_add(<Runtime as pallet_audits::Config>::NoticeBlocks::get())
				// One with replicas for candidates, which is shorter but may come on top.
				.saturating_add(draw_blocks)
				.saturating_add(timing.span(timing.commit_base, longest))
				.saturating_add(timing.commit_base)
				.saturating_add(timing.reveal_grace)
				.saturating_add(timing.trap_blocks)
				.saturating_add(timing.span(timing.window_base, longest))
				.saturating_add(longest_game())
				// Input and output may be demanded, each chunk in its time.
				.saturating_add(2 * pallet_demands::types::CHUNKS_MAX * chunk_blocks)
				.saturating_add(2 * answer_blocks);
			assert!(UnbondingBlocks::get() > blocks, "{preset}: a job may last {blocks} blocks");
		});
	}
}
