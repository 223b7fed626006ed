//! The benchmarks that the bencher runs on this runtime, and what they need of it. Only pallets of
//! ours: the SDK's come with measured weights.

use alloc::{string::String, vec, vec::Vec};

use assay_primitives::{
	apis::SlotRole, duty_key_statement, worker_statement, JobDigest, LapseReason, LeaseId, ModelId,
	Parameters, Providers as _, SlotId, Stake, WeightsRoot, WorkerKey,
};
use assay_program::{
	Claim, EmbedBy, Limits, Operator, Program, TensorId, WeightId, WeightKind, WeightShape,
	SEMANTICS_DRAFT,
};
use codec::Encode;
use frame_benchmarking::{define_benchmarks, BenchmarkBatch, BenchmarkConfig, BenchmarkList};
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, StorageInfo, StorageInfoTrait, WhitelistedStorageKeys},
};
use frame_system::RawOrigin;
use pallet_jobs::{
	types::{AuditState, SlotState, REPLICAS_MAX, SLOTS_MAX},
	JobInput, Slot,
};
use pallet_leases::OfferTerms;
use pallet_providers::types::{Device, DeviceKind};
use sp_application_crypto::RuntimeAppPublic;
use sp_core::{crypto::KeyTypeId, H256};

use crate::{
	AccountId, AllPalletsWithSystem, AuditStake, Audits, Authorities, Balance, Balances, Demands,
	Disputes, Jobs, Leases, Models, ProviderStake, Providers, Runtime, System, Traps, ASY,
	MICRO_ASY,
};

/// Names the duty keys that benchmarks make.
const DUTY_KEY_TYPE: KeyTypeId = KeyTypeId(*b"duty");

/// Terms of all offers that benchmarks make.
const OFFER_TERMS: OfferTerms<Balance> = OfferTerms {
	price_per_unit: MICRO_ASY,
	rate_units_per_block: 1_000_000,
	duration_blocks_max: 1_000,
	min_escrow: ASY,
	risk_factor_max: 10,
	reservation: None,
};

define_benchmarks!(
	[crate::authorities, Authorities]
	[pallet_stake, ProviderStake]
	[pallet_providers, Providers]
	[pallet_models, Models]
	[pallet_leases, Leases]
	[pallet_jobs, Jobs]
	[pallet_disputes, Disputes]
	[pallet_audits, Audits]
	[pallet_traps, Traps]
	[pallet_demands, Demands]
);

/// Which benchmarks there are.
pub fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
	let mut list = Vec::new();
	list_benchmarks!(list, extra);
	(list, AllPalletsWithSystem::storage_info())
}

/// Run one of them.
pub fn dispatch(config: BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
	let whitelist = AllPalletsWithSystem::whitelisted_storage_keys();
	let mut batches = Vec::new();
	let params = (&config, &whitelist);
	add_benchmarks!(params, batches);
	Ok(batches)
}

/// What benchmarks of one pallet need of the others.
#[derive(Debug)]
pub struct Helper;

impl pallet_providers::BenchmarkHelper<AccountId> for Helper {
	fn bond(who: &AccountId) {
		Balances::set_balance(who, 10_000 * ASY);
		assert_ok!(ProviderStake::bond(RawOrigin::Signed(who.clone()).into(), 1_000 * ASY));
	}
}

impl pallet_leases::BenchmarkHelper<AccountId> for Helper {
	fn provider() -> AccountId {
		let who = AccountId::new([0xbe; 32]);
		if Providers::provider(who.clone()).is_none() {
			<Self as pallet_providers::BenchmarkHelper<_>>::bond(&who);
			register(&who);
		}
		who
	}

	fn model() -> ModelId {
		let id = pallet_models::NextModelId::<Runtime>::get();
		let owner = AccountId::new([0x0d; 32]);
		Balances::set_balance(&owner, 10_000 * ASY);
		let program = smallest_program().try_into().expect("it is a few bytes long; qed");
		let weights = WeightsRoot::from([7; 32]);
		assert_ok!(Models::register(RawOrigin::Signed(owner).into(), program, weights, 1));
		id
	}
}

impl pallet_jobs::BenchmarkHelper for Helper {
	fn lease() -> LeaseId {
		let provider = <Self as pallet_leases::BenchmarkHelper<_>>::provider();
		let model = <Self as pallet_leases::BenchmarkHelper<AccountId>>::model();
		audit(&auditor(0).0, model);
		lease_of(provider, model)
	}

	fn auditor(n: u32) -> (AccountId, WorkerKey) {
		auditor(n)
	}

	fn wind_down(id: LeaseId) {
		let lease = pallet_leases::Leases::<Runtime>::get(id).expect("the helper has opened it");
		let model = pallet_models::Models::<Runtime>::get(lease.model)
			.expect("the helper has registered it");
		assert_ok!(Leases::close_lease(RawOrigin::Signed(lease.tenant).into(), id));
		assert_ok!(Models::retire(RawOrigin::Signed(model.owner).into(), lease.model));
	}
}

impl pallet_disputes::BenchmarkHelper for Helper {
	fn claimed(program: Program, weights: WeightsRoot, shape: Parameters, claim: Claim) -> SlotId {
		let provider = <Self as pallet_leases::BenchmarkHelper<_>>::provider();
		let owner = AccountId::new([0x0d; 32]);
		Balances::set_balance(&owner, 1_000_000 * ASY);
		let model = pallet_models::NextModelId::<Runtime>::get();
		let program = program.encode().try_into().expect("a program may be this long; qed");
		assert_ok!(Models::register(RawOrigin::Signed(owner.clone()).into(), program, weights, 1));
		let lease = lease_of(provider.clone(), model);
		let slot = pallet_jobs::NextSlot::<Runtime>::get();
		let input = JobInput::Stored([9; 32].into());
		let tenant = RawOrigin::Signed(AccountId::new([0x7e; 32])).into();
		assert_ok!(Jobs::submit_job(tenant, lease, 0, input, shape, 0, 0, 0));
		assert_ok!(Leases::close_lease(
			RawOrigin::Signed(AccountId::new([0x7e; 32])).into(),
			lease
		));
		assert_ok!(Models::retire(RawOrigin::Signed(owner).into(), model));
		reveal(slot, &provider, claim);
		// As many as a job can have, but for a rival: each is looked at when a game is over.
		let job = pallet_jobs::Slots::<Runtime>::get(slot).expect("it was just claimed").job;
		for n in 2..SLOTS_MAX {
			let other = add_slot(job, &auditor(n).0, SlotRole::Audit);
			pallet_jobs::Slots::<Runtime>::mutate(other, |record| {
				let record = record.as_mut().expect("it was just added");
				record.state = SlotState::Lapsed { reason: LapseReason::NotCommitted };
			});
		}
		slot
	}

	fn opposed(
		program: Program,
		weights: WeightsRoot,
		shape: Parameters,
		claims: [Claim; 2],
	) -> [SlotId; 2] {
		let [claim, opposite] = claims;
		let slot =
			<Self as pallet_disputes::BenchmarkHelper>::claimed(program, weights, shape, claim);
		let job = pallet_jobs::Slots::<Runtime>::get(slot).expect("it was just claimed").job;
		let (party, _) = auditor(0);
		let other = add_slot(job, &party, SlotRole::Assigned);
		reveal(other, &party, opposite);
		[slot, other]
	}

	fn funded(number: u32) -> AccountId {
		let who = account(0xfd, number);
		Balances::set_balance(&who, ASY);
		who
	}

	fn challenger() -> (AccountId, WorkerKey) {
		let who = AccountId::new([0xcc; 32]);
		Balances::set_balance(&who, 1_000_000 * ASY);
		assert_ok!(ProviderStake::bond(RawOrigin::Signed(who.clone()).into(), 1_000 * ASY));
		(who.clone(), register(&who))
	}
}

impl pallet_audits::BenchmarkHelper for Helper {
	fn provider(seed: u32) -> (AccountId, WorkerKey) {
		auditor(seed)
	}

	fn model(seed: u32) -> ModelId {
		let root = WeightsRoot::from(<[u8; 32]>::from(account(0x0d, seed)));
		let known =
			pallet_models::Models::<Runtime>::iter().find(|(_, model)| model.weights == root);
		if let Some((id, _)) = known {
			return id;
		}
		let owner = AccountId::new([0x0d; 32]);
		Balances::set_balance(&owner, 1_000_000 * ASY);
		let id = pallet_models::NextModelId::<Runtime>::get();
		let program = smallest_program().try_into().expect("it is a few bytes long; qed");
		assert_ok!(Models::register(RawOrigin::Signed(owner).into(), program, root, 1));
		id
	}

	fn largest_model(weights: impl FnOnce(ModelId, u64) -> WeightsRoot) -> ModelId {
		let owner = AccountId::new([0x0d; 32]);
		Balances::set_balance(&owner, 1_000_000 * ASY);
		let id = pallet_models::NextModelId::<Runtime>::get();
		// Nearly two gigabytes, so that a path has as many hashes as one can have.
		let program = program_with_table(1 << 20, 2_032);
		let root = weights(id, program.weights_length());
		let program = program.encode().try_into().expect("it is a few bytes long; qed");
		assert_ok!(Models::register(RawOrigin::Signed(owner).into(), program, root, 1));
		id
	}

	fn committed(model: ModelId, party: &AccountId, worker: &WorkerKey) -> JobDigest {
		let lease = lease_of(party.clone(), model);
		let first = pallet_jobs::NextSlot::<Runtime>::get();
		let tenant = RawOrigin::Signed(AccountId::new([0x7e; 32])).into();
		let input = JobInput::Inline(vec![0; 4].try_into().expect("four bytes are inline; qed"));
		assert_ok!(Jobs::submit_job(tenant, lease, 0, input, Parameters::encoder(1, 1), 0, 0, 0));
		let digest = pallet_jobs::Slots::<Runtime>::mutate(first, |record| {
			let record = record.as_mut().expect("the job was just submitted");
			record.worker = Some(worker.clone());
			record.state = SlotState::Committed { commitment: [1; 32].into() };
			record.job
		});
		for n in 2..SLOTS_MAX {
			let slot = add_slot(digest, &account(0xad, n), SlotRole::Audit);
			pallet_jobs::Slots::<Runtime>::mutate(slot, |record| {
				let record = record.as_mut().expect("it was just added");
				record.state = SlotState::Committed { commitment: [2; 32].into() };
			});
		}
		let committed_at = System::block_number();
		pallet_jobs::Jobs::<Runtime>::mutate(digest, |job| {
			let job = job.as_mut().expect("the job was just submitted");
			job.lambda_ppb = 1_000_000_000;
			job.audit = AuditState::Awaiting { committed_at, slot: first };
			// Later than any key that a benchmark has put in place.
			job.submitted_at = committed_at.saturating_add(1);
		});
		digest
	}

	fn drawing(model: ModelId, candidate: &AccountId) -> JobDigest {
		let (party, worker) = auditor(1);
		let digest = <Self as pallet_audits::BenchmarkHelper>::committed(model, &party, &worker);
		fill_offers(candidate, model);
		let (last, _) = auditor(2);
		// One more than `committed` has, so that the job has as many as it can.
		let worst = add_slot(digest, &last, SlotRole::Replica);
		let pledge = pallet_jobs::Slots::<Runtime>::mutate(worst, |record| {
			let record = record.as_mut().expect("it was just added");
			record.state = SlotState::Assigned { accepted: true, due: u32::MAX };
			record.worker = Providers::worker_key(&last);
			record.pledge
		});
		assert_ok!(<ProviderStake as Stake<_, _>>::pledge(&last, worst, pledge));
		let committed_at = Some(System::block_number());
		pallet_jobs::Jobs::<Runtime>::mutate(digest, |job| {
			let job = job.as_mut().expect("the job was just submitted");
			let others = job.slots.iter().skip(1).take(REPLICAS_MAX as usize - 1);
			let mut drawn: Vec<_> = others.map(|id| (*id, u128::MAX - 1)).collect();
			drawn.push((worst, u128::MAX));
			let drawn = drawn.try_into().expect("as many as a job can have; qed");
			let wanted = u8::try_from(REPLICAS_MAX).expect("it is small; qed");
			job.replicas = pallet_jobs::Replicas {
				wanted,
				committed_at,
				until: u32::MAX,
				owed_until: 0,
				drawn,
			};
		});
		digest
	}
}

/// Let a provider have as many offers for a model as it can have.
fn fill_offers(provider: &AccountId, model: ModelId) {
	Balances::set_balance(provider, 1_000_000 * ASY);
	let origin = RawOrigin::Signed(provider.clone());
	while Leases::create_offer(origin.clone().into(), model, OFFER_TERMS).is_ok() {}
}

impl pallet_traps::BenchmarkHelper for Helper {
	fn revealed(tenant: &AccountId, claim: &Claim) -> (JobDigest, AccountId, WorkerKey) {
		let (party, worker) = auditor(1);
		let model = <Self as pallet_audits::BenchmarkHelper>::model(0);
		let digest = <Self as pallet_audits::BenchmarkHelper>::committed(model, &party, &worker);
		let now = System::block_number();
		let first = pallet_jobs::Jobs::<Runtime>::mutate(digest, |job| {
			let job = job.as_mut().expect("it was just committed");
			let slot = *job.slots.first().expect("a job has a slot; qed");
			job.tenant = tenant.clone();
			job.audit = AuditState::Marked { committed_at: now, slot, until: now };
			job.phase = pallet_jobs::Phase::Window { closes: u32::MAX, length: 1 };
			slot
		});
		pallet_jobs::Slots::<Runtime>::mutate(first, |slot| {
			let slot = slot.as_mut().expect("it was just committed");
			let wrong = assay_primitives::wrong_claim(claim, &[0; 32]);
			slot.state = SlotState::Revealed { claim: wrong, units: 1 };
		});
		(digest, party, worker)
	}
}

impl pallet_demands::BenchmarkHelper for Helper {
	fn owed(digest: H256, slots: u32) -> JobDigest {
		let provider = <Self as pallet_leases::BenchmarkHelper<_>>::provider();
		let model = <Self as pallet_leases::BenchmarkHelper<AccountId>>::model();
		let lease = lease_of(provider.clone(), model);
		let slot = pallet_jobs::NextSlot::<Runtime>::get();
		let tenant = RawOrigin::Signed(AccountId::new([0x7e; 32])).into();
		let input = JobInput::Stored(digest.0.into());
		let parameters = Parameters::encoder(1, 4_096);
		assert_ok!(Jobs::submit_job(tenant, lease, 0, input, parameters, 0, 0, 0));
		reveal(slot, &provider, Claim::Invalid { code: 1 });
		let job = pallet_jobs::Slots::<Runtime>::get(slot).expect("it was just claimed").job;
		for n in 1..slots {
			// What ends such a demand frees auditors that have not committed.
			let party = auditor(n).0;
			let other = add_slot(job, &party, SlotRole::Audit);
			let pledge = pallet_jobs::Slots::<Runtime>::mutate(other, |record| {
				let record = record.as_mut().expect("it was just added");
				record.state = SlotState::Assigned { accepted: true, due: u32::MAX };
				record.pledge
			});
			assert_ok!(<AuditStake as Stake<_, _>>::pledge(&party, other, pledge));
		}
		job
	}

	fn demander() -> (AccountId, WorkerKey) {
		<Self as pallet_disputes::BenchmarkHelper>::challenger()
	}
}

/// An account for each kind and number.
fn account(kind: u8, number: u32) -> AccountId {
	let mut bytes = [kind; 32];
	for (to, from) in bytes.iter_mut().zip(number.to_le_bytes()) {
		*to = from;
	}
	AccountId::new(bytes)
}

/// The `n`th provider with audit stake, and its worker key.
fn auditor(n: u32) -> (AccountId, WorkerKey) {
	let who = account(0xad, n);
	if let Some(worker) = Providers::worker_key(&who) {
		return (who, worker);
	}
	<Helper as pallet_providers::BenchmarkHelper<_>>::bond(&who);
	assert_ok!(AuditStake::bond(RawOrigin::Signed(who.clone()).into(), 5_000 * ASY));
	let worker = register(&who);
	(who, worker)
}

/// Let a provider audit a model's jobs, and that count.
fn audit(who: &AccountId, model: ModelId) {
	let key = sp_io::crypto::sr25519_generate(DUTY_KEY_TYPE, None);
	let statement = duty_key_statement(&System::block_hash(0), who);
	let proof = sp_io::crypto::sr25519_sign(DUTY_KEY_TYPE, &key, &statement)
		.expect("the key was just made in this keystore; qed");
	assert_ok!(Audits::set_duty_key(RawOrigin::Signed(who.clone()).into(), key, proof));
	assert_ok!(Audits::join(RawOrigin::Signed(who.clone()).into(), model));
	assert_ok!(Audits::assume_shown(who, model));
	let period = Jobs::timing().duty_period;
	System::set_block_number(System::block_number().saturating_add(period));
}

/// One more slot of a job, that is assigned.
fn add_slot(job: JobDigest, party: &AccountId, role: SlotRole) -> SlotId {
	let id = pallet_jobs::NextSlot::<Runtime>::get();
	pallet_jobs::NextSlot::<Runtime>::put(id.next().expect("few ids are used; qed"));
	let pledge = pallet_jobs::Jobs::<Runtime>::mutate(job, |record| {
		let record = record.as_mut().expect("the job is open");
		record.slots.try_push(id).expect("a job can have this many slots; qed");
		record.pledge
	});
	let state = SlotState::Assigned { accepted: false, due: u32::MAX };
	// Of accounts that are no providers nothing is bound.
	let _ = Providers::engage(party);
	let party = party.clone();
	pallet_jobs::Duties::<Runtime>::insert(&party, id, ());
	let slot = Slot { job, party, worker: None, role, pledge, state, disputes: 0 };
	pallet_jobs::Slots::<Runtime>::insert(id, slot);
	id
}

/// Register a bonded account as a provider with a new worker key.
fn register(who: &AccountId) -> WorkerKey {
	let worker = WorkerKey::generate_pair(None);
	let genesis: H256 = System::block_hash(0);
	let proof = worker
		.sign(&worker_statement(&genesis, who))
		.expect("the key was just made in this keystore; qed");
	let device = Device {
		name: b"cores".to_vec().try_into().expect("a name may be this long; qed"),
		memory_mib: 1_024,
		kind: DeviceKind::Cpu,
	};
	let devices = vec![device].try_into().expect("one device may be registered; qed");
	let endpoint = b"http://127.0.0.1:9950".to_vec();
	assert_ok!(Providers::register(
		RawOrigin::Signed(who.clone()).into(),
		devices,
		endpoint.try_into().expect("an address may be this long; qed"),
		worker.clone(),
		proof,
	));
	worker
}

/// A funded tenant's lease of a model at a provider.
fn lease_of(provider: AccountId, model: ModelId) -> LeaseId {
	let offer = pallet_leases::NextOfferId::<Runtime>::get();
	let provider = RawOrigin::Signed(provider).into();
	assert_ok!(Leases::create_offer(provider, model, OFFER_TERMS));

	let tenant = AccountId::new([0x7e; 32]);
	Balances::set_balance(&tenant, 10_000 * ASY);
	let id = pallet_leases::NextLeaseId::<Runtime>::get();
	let tenant = RawOrigin::Signed(tenant).into();
	assert_ok!(Leases::open_lease(tenant, offer, 100 * ASY, 1_000, MICRO_ASY, None));
	id
}

/// Let a slot have committed and revealed, and its window be open for ever.
fn reveal(slot: SlotId, provider: &AccountId, claim: Claim) {
	let worker = pallet_providers::Pallet::<Runtime>::worker_key(provider);
	let digest = pallet_jobs::Slots::<Runtime>::mutate(slot, |record| {
		let record = record.as_mut().expect("the job was just submitted");
		let pledge = pallet_jobs::Jobs::<Runtime>::get(record.job).expect("it is open").pledge;
		assert_ok!(<ProviderStake as Stake<_, _>>::pledge(provider, slot, pledge));
		record.worker = worker.clone();
		record.state = SlotState::Revealed { claim, units: 1 };
		record.job
	});
	let worker = worker.expect("the provider is registered");
	pallet_jobs::WorkerDuties::<Runtime>::insert(worker, slot, ());
	pallet_jobs::Jobs::<Runtime>::mutate(digest, |job| {
		let job = job.as_mut().expect("the job was just submitted");
		job.phase = pallet_jobs::Phase::Window { closes: u32::MAX, length: u32::MAX };
	});
}

/// A program that looks its input up in a table and returns what it found. It takes as many tokens
/// as an inline input can hold.
fn smallest_program() -> Vec<u8> {
	program_with_table(8, 8).encode()
}

/// A program that looks tokens up in a table of so many rows.
fn program_with_table(rows: u32, width: u32) -> Program {
	let weights = vec![
		WeightShape { kind: WeightKind::Int8, dims: vec![rows, width] },
		WeightShape { kind: WeightKind::Int32, dims: vec![rows] },
	];
	let operators = vec![
		Operator::Tokens { vocabulary: rows },
		Operator::Embed {
			ids: TensorId(0),
			table: WeightId(0),
			scales: WeightId(1),
			by: EmbedBy::Token,
			fraction: 12,
		},
		Operator::Stop { next: None, ends: vec![] },
		Operator::Emit { value: TensorId(1), stop: TensorId(2) },
	];
	let limits = Limits::encoder(1, 4_096);
	Program { semantics: SEMANTICS_DRAFT, limits, weights, operators }
}
