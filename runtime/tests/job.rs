//! One job on the real runtime, from a provider's bond to the receipt in a header. What workers
//! send goes the way it goes in a node: past the pool's validation into a block, as a general
//! transaction that costs nothing.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use assay_primitives::{
	claim_statement, commit_statement, commitment, worker::WorkerPair, worker_statement, AccountId,
	Anchor, JobDigest, LeaseId, ModelId, OfferId, Parameters, SlotId,
};
use assay_program::{
	merkle, EmbedBy, Limits, Operator, Program, TensorId, WeightId, WeightKind, WeightShape,
	SEMANTICS_DRAFT,
};
use assay_runtime::{
	configs::TreasuryAccount, Balances, Executive, Header, Jobs, ProviderStake, Runtime,
	RuntimeCall, RuntimeEvent, System, UncheckedExtrinsic, ASY, MICRO_ASY, MILLI_ASY,
};
use codec::Encode;
use common::{
	begin_block, block, chain, end_block, last_header_hash, signed, try_state, FIRST_SLOT,
};
use frame_support::{
	assert_noop, assert_ok, hypothetically,
	traits::fungible::{Inspect, InspectHold},
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_jobs::{Call, Claim, Event, JobInput, Receipt, RECEIPTS_ENGINE_ID, RECEIPTS_VERSION};
use pallet_providers::types::{Device, DeviceKind};
use pallet_stake::Instance1;
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{Bob, Charlie, Dave};
use sp_runtime::{
	traits::Header as _,
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError,
	},
	DigestItem,
};

const PRICE: u128 = 10 * MILLI_ASY;
const ROYALTY: u128 = MILLI_ASY;
const BOND: u128 = 1_000 * ASY;
const CLAIM: Claim = Claim::Output { count: 1, data: [3; 32] };
const SALT: H256 = H256([9; 32]);

fn provider() -> AccountId {
	Bob.to_account_id()
}

fn tenant() -> AccountId {
	Charlie.to_account_id()
}

fn owner() -> AccountId {
	Dave.to_account_id()
}

fn worker() -> WorkerPair {
	WorkerPair::from_seed(&[7; 32])
}

/// Looks its input up in a table and returns what it found.
fn program() -> Vec<u8> {
	let weights = vec![
		WeightShape { kind: WeightKind::Int8, dims: vec![8, 8] },
		WeightShape { kind: WeightKind::Int32, dims: vec![8] },
	];
	let operators = vec![
		Operator::Tokens { vocabulary: 8 },
		Operator::Embed {
			ids: TensorId(0),
			table: WeightId(0),
			scales: WeightId(1),
			by: EmbedBy::Token,
			fraction: 12,
		},
		Operator::Stop { next: None, ends: Vec::new() },
		Operator::Emit { value: TensorId(1), stop: TensorId(2) },
	];
	let limits = Limits::encoder(1, 64);
	Program { semantics: SEMANTICS_DRAFT, limits, weights, operators }.encode()
}

/// A provider with a worker, a model, and a tenant's lease on it.
fn set_up_market() {
	assert_ok!(signed(
		&provider(),
		pallet_stake::Call::<Runtime, Instance1>::bond { amount: BOND }
	));
	let device = Device {
		name: b"cores".to_vec().try_into().unwrap(),
		memory_mib: 1_024,
		kind: DeviceKind::Cpu,
	};
	let proof = worker().sign(&worker_statement(&System::block_hash(0), &provider()));
	assert_ok!(signed(
		&provider(),
		pallet_providers::Call::<Runtime>::register {
			devices: vec![device].try_into().unwrap(),
			endpoint: b"http://127.0.0.1:9950".to_vec().try_into().unwrap(),
			worker: worker().public(),
			proof,
		}
	));
	assert_ok!(signed(
		&owner(),
		pallet_models::Call::<Runtime>::register {
			program: program().try_into().unwrap(),
			weights: [7; 32].into(),
			royalty_per_unit: ROYALTY,
		}
	));
	let terms = pallet_leases::OfferTerms {
		price_per_unit: PRICE,
		rate_units_per_block: 1_000,
		duration_blocks_max: 1_000,
		min_escrow: ASY,
		risk_factor_max: 10,
		reservation: None,
	};
	assert_ok!(signed(
		&provider(),
		pallet_leases::Call::<Runtime>::create_offer { model: ModelId(0), terms }
	));
	assert_ok!(signed(
		&tenant(),
		pallet_leases::Call::<Runtime>::open_lease {
			offer: OfferId(0),
			escrow: 10 * ASY,
			duration_blocks: 1_000,
			price_limit: PRICE,
			maybe_reservation: None,
		}
	));
}

/// The bytes of the input.
fn input() -> Vec<u8> {
	let cost = Program::decode_validated(&program()).unwrap().cost_form();
	vec![0; usize::try_from(cost.input_length(&Parameters::encoder(1, 8))).unwrap()]
}

fn submit() -> (JobDigest, SlotId) {
	submit_with(JobInput::Inline(input().try_into().unwrap()))
}

fn submit_with(input: JobInput) -> (JobDigest, SlotId) {
	let parameters = Parameters::encoder(1, 8);
	assert_ok!(signed(
		&tenant(),
		Call::<Runtime>::submit_job {
			lease: LeaseId(0),
			nonce: 0,
			input,
			parameters,
			value_at_risk: 0,
			lambda_ppb: 0,
			replicas: 0,
		}
	));
	let slot = Jobs::duties(provider())[0];
	(pallet_jobs::Slots::<Runtime>::get(slot).unwrap().job, slot)
}

fn transaction(call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
	<Runtime as CreateAuthorizedTransaction<Call<Runtime>>>::create_authorized_transaction(
		call.into(),
	)
}

/// What the pool says between two blocks.
fn validity(call: impl Into<RuntimeCall>) -> TransactionValidity {
	let transaction = transaction(call);
	hypothetically!(Executive::validate_transaction(
		TransactionSource::External,
		transaction,
		last_header_hash(),
	))
}

/// The next block, with a worker's call in it.
fn block_of(slot: u64, call: impl Into<RuntimeCall> + Clone) -> Header {
	let valid = validity(call.clone()).expect("the pool takes it");
	assert!(valid.propagate);
	begin_block(slot);
	Executive::apply_extrinsic(transaction(call))
		.expect("the block takes it")
		.expect("it succeeds");
	let is_fee = |event: &RuntimeEvent| matches!(event, RuntimeEvent::TransactionPayment(_));
	assert!(!System::events().iter().any(|record| is_fee(&record.event)), "a worker pays no fee");
	try_state();
	end_block()
}

fn commit_call(job: JobDigest, slot: SlotId) -> Call<Runtime> {
	let genesis = System::block_hash(0);
	let key = worker().public();
	let commitment = commitment(&genesis, &job, slot, &key, &SALT, &CLAIM.output().into());
	let signature = worker().sign(&commit_statement(&genesis, &job, slot, &commitment));
	Call::commit { slot, commitment, signature }
}

fn reveal_call(job: JobDigest, slot: SlotId, anchor: Anchor) -> Call<Runtime> {
	let genesis = System::block_hash(0);
	let statement = claim_statement(&genesis, &job, slot, &CLAIM.output().into(), &anchor);
	Call::reveal { slot, claim: CLAIM, salt: SALT, anchor, signature: worker().sign(&statement) }
}

fn settled() -> Receipt<AccountId> {
	let events = System::events().into_iter().map(|record| record.event);
	events
		.filter_map(|event| match event {
			RuntimeEvent::Jobs(Event::JobSettled { receipt, .. }) => Some(receipt),
			_ => None,
		})
		.next_back()
		.expect("a job was settled")
}

#[test]
fn a_job_from_bond_to_receipt() {
	chain("development").execute_with(|| {
		begin_block(FIRST_SLOT);
		set_up_market();
		let (job, slot) = submit();
		try_state();
		end_block();
		let paid =
			[provider(), owner(), TreasuryAccount::get()].map(|who| Balances::total_balance(&who));

		let closing = block_of(FIRST_SLOT + 1, commit_call(job, slot));
		let anchor = Anchor { number: 2, hash: closing.hash() };
		assert!(ProviderStake::pledge_of(provider(), slot) > 0);
		block_of(FIRST_SLOT + 2, reveal_call(job, slot, anchor));
		let too_early = Err(TransactionValidityError::Invalid(InvalidTransaction::Future));
		assert_eq!(validity(Call::settle { job }), too_early);
		// The window of a development chain: ten blocks, and one for the units.
		for slot in 3..14 {
			block(FIRST_SLOT + slot, vec![]);
		}
		let header = block_of(FIRST_SLOT + 14, Call::settle { job });

		let receipt = settled();
		assert_eq!((receipt.job, receipt.slot, receipt.units), (job, slot, 1));
		assert_eq!(receipt.price, PRICE);
		let root = H256(merkle::root([merkle::leaf(&receipt.encode())].into_iter()));
		let sealed = DigestItem::Consensus(RECEIPTS_ENGINE_ID, (RECEIPTS_VERSION, root).encode());
		assert!(header.digest().logs().contains(&sealed), "the receipt is in the header");

		let after =
			[provider(), owner(), TreasuryAccount::get()].map(|who| Balances::total_balance(&who));
		let shares: Vec<u128> =
			after.iter().zip(&paid).map(|(after, before)| after - before).collect();
		assert_eq!(shares, [PRICE - ROYALTY - PRICE / 100, ROYALTY, PRICE / 100]);
		assert_eq!(ProviderStake::pledge_of(provider(), slot), 0);
		assert_noop!(
			signed(&tenant(), Call::<Runtime>::settle { job }),
			pallet_jobs::Error::<Runtime>::JobUnknown
		);
	});
}

#[test]
fn what_is_demanded_is_delivered_or_costs_the_pledge() {
	use assay_primitives::{Item, LapseReason, Stake as _};
	use pallet_demands::{Call, Event, HoldReason};
	chain("development").execute_with(|| {
		begin_block(FIRST_SLOT);
		set_up_market();
		let digest = merkle::blob(&input());
		let (job, slot) = submit_with(JobInput::Stored(digest.into()));
		end_block();
		block_of(FIRST_SLOT + 1, commit_call(job, slot));
		begin_block(FIRST_SLOT + 2);
		let item = Item::Input;
		assert_ok!(signed(&tenant(), Call::<Runtime>::demand { job, item }));
		assert_noop!(
			signed(&owner(), Call::<Runtime>::demand { job, item }),
			pallet_demands::Error::<Runtime>::DemandOpen
		);
		try_state();
		end_block();
		let held = || Balances::balance_on_hold(&HoldReason::Demand.into(), &tenant());
		assert_eq!(held(), 4 * MICRO_ASY * 32);

		let (bytes, path) = (input().try_into().unwrap(), Default::default());
		let deliver = Call::<Runtime>::deliver { job, item, index: 0, bytes, path };
		hypothetically!({
			block_of(FIRST_SLOT + 3, deliver.clone());
			assert_eq!(held(), 0);
			let paid = 2 * MICRO_ASY * 32;
			let delivered = Event::ChunkDelivered { job, item, index: 0, paid };
			System::assert_has_event(delivered.into());
			System::assert_has_event(Event::Answered { job, item }.into());
		});
		let pledge = ProviderStake::pledge_of(provider(), slot);
		// The first chunk has a hundred blocks.
		for number in 3..103 {
			block(FIRST_SLOT + number, vec![]);
		}
		let late = Err(TransactionValidityError::Invalid(InvalidTransaction::Stale));
		assert_eq!(validity(deliver), late);
		block_of(FIRST_SLOT + 103, Call::<Runtime>::timeout { job });
		assert_eq!(held(), 0);
		assert_eq!(ProviderStake::bonded(&provider()), BOND - pledge);
		let events: Vec<_> = System::events().into_iter().map(|record| record.event).collect();
		let expired = |event: &RuntimeEvent| match event {
			RuntimeEvent::Jobs(pallet_jobs::Event::JobExpired { reason, .. }) => {
				*reason == LapseReason::Withheld
			},
			_ => false,
		};
		assert!(events.iter().any(expired), "{events:?}");
	});
}

/// What is found after a change that no call makes, while a job is open.
fn broken_by(change: impl FnOnce(JobDigest, SlotId)) -> String {
	let mut said = String::new();
	chain("development").execute_with(|| {
		begin_block(FIRST_SLOT);
		set_up_market();
		let (job, slot) = submit();
		try_state();
		change(job, slot);
		said = format!("{:?}", assay_runtime::invariants::do_try_state().unwrap_err());
	});
	said
}

#[test]
fn books_that_do_not_agree_are_found() {
	use assay_primitives::{Leases as _, Models as _, Providers as _};
	use assay_runtime::{Leases, Models, Providers};
	let uncounted = broken_by(|_, _| Models::job_opened(ModelId(0)).unwrap());
	assert!(uncounted.contains("INV-1: a model miscounts"), "{uncounted}");
	let unheld = broken_by(|job, _| {
		let price = pallet_jobs::Jobs::<Runtime>::get(job).unwrap().price_max;
		Leases::settle(LeaseId(0), job, price, vec![]);
	});
	assert!(unheld.contains("INV-2: a lease does not hold"), "{unheld}");
	let left_over =
		broken_by(|_, _| Leases::reserve(LeaseId(0), JobDigest::default(), 1, 1).unwrap());
	assert!(left_over.contains("INV-2: a reservation outlived"), "{left_over}");
	let bound = broken_by(|_, _| Providers::engage(&provider()).unwrap());
	assert!(bound.contains("INV-3: leases and slots"), "{bound}");
}
