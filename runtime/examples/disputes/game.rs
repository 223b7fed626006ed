//! One game on the runtime, from the market to the end of the job.

use crate::common::{begin_block, chain, end_block, signed, try_state, FIRST_SLOT};
use assay_models::Imported;
use assay_primitives::{
	challenge_statement, claim_statement, commit_statement, commitment, move_statement,
	worker::WorkerPair, worker_statement, AccountId, Anchor, Balance, Board, JobDigest, LeaseId,
	ModelId, OfferId, Parameters, SlotId,
};
use assay_program::{Claim, Program};
use assay_runtime::{
	Disputes, Executive, Jobs, Runtime, RuntimeCall, RuntimeEvent, System, UncheckedExtrinsic, ASY,
};
use assay_trace::{Answer, Question, ReferenceSteps, Side, Tracer};
use codec::Encode;
use frame_support::{assert_ok, dispatch::GetDispatchInfo, weights::Weight};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_audits::WeightInfo as _;
use pallet_jobs::JobInput;
use pallet_providers::types::{Device, DeviceKind};
use pallet_stake::Instance1;
use serde_json::{json, Value};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{Bob, Charlie, Dave};
use std::fmt;

const SALT: H256 = H256([9; 32]);
/// Cheap enough that no job of these is beyond a bond.
const PRICE: Balance = 1_000_000;
/// Pallets that a dispute writes to.
const PALLETS: [&str; 6] = ["Disputes", "Jobs", "ProviderStake", "Leases", "Balances", "Providers"];

/// What is played about.
pub(crate) struct Case {
	name: &'static str,
	length: usize,
	program: Program,
	program_bytes: Vec<u8>,
	weights: Vec<u8>,
	wrong: Vec<u8>,
	input: Vec<u8>,
	parameters: Parameters,
}

impl Case {
	/// The liar's weights are wrong from such a part of the file on.
	pub(crate) fn new(
		name: &'static str,
		length: usize,
		imported: &Imported,
		input: Vec<u8>,
		parameters: Parameters,
		wrong_at: f64,
	) -> Self {
		let weights = imported.weights.clone();
		let mut case = Self {
			name,
			length,
			program: imported.program.clone(),
			program_bytes: imported.program_bytes.clone(),
			wrong: weights.clone(),
			weights,
			input,
			parameters,
		};
		let honest = case.tracer(&case.weights).claim();
		let at = (case.weights.len() as f64 * wrong_at) as usize;
		// As few bytes as make a difference: of one the rounding behind it may leave nothing.
		let stretches =
			(6..).map(|bits| 1 << bits).take_while(|length| *length < case.weights.len());
		for length in stretches {
			case.wrong = case.weights.clone();
			case.wrong[at..].iter_mut().take(length).for_each(|byte| *byte ^= 0x55);
			if case.tracer(&case.wrong).claim() != honest {
				return case;
			}
		}
		panic!("{name}: wrong weights make no difference to the result");
	}

	fn tracer<'a>(&'a self, weights: &'a [u8]) -> Tracer<'a, ReferenceSteps<'a>> {
		Tracer::reference(&self.program, weights, &self.input, &self.parameters)
			.expect("the job runs")
	}
}

/// What a game took.
#[derive(Default)]
pub(crate) struct Played {
	name: &'static str,
	length: usize,
	/// What the referee was asked in the end.
	last: String,
	moves: u64,
	transactions: u64,
	bytes: u64,
	weight: Weight,
	dearest: Weight,
	blocks: u64,
	/// Bytes of state before the challenge, at most, and when the job is over.
	state: [u64; 3],
}

impl Played {
	pub(crate) fn misses(&self, targets: &[u64; 3]) -> bool {
		[self.moves, self.bytes, self.blocks].iter().zip(targets).any(|(took, most)| took > most)
	}

	pub(crate) fn json(&self) -> Value {
		json!({
			"model": self.name, "length": self.length, "last_question": self.last,
			"moves": self.moves, "transactions": self.transactions, "bytes": self.bytes,
			"weight_ms": milliseconds(self.weight), "dearest_move_ms": milliseconds(self.dearest),
			"blocks": self.blocks, "state_bytes": self.state,
		})
	}

	fn count(&mut self, transaction: &UncheckedExtrinsic) {
		let weight = transaction.get_dispatch_info().total_weight();
		self.transactions += 1;
		self.bytes += transaction.encoded_size() as u64;
		self.weight += weight;
		self.dearest = self.dearest.max(weight);
	}
}

impl fmt::Display for Played {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { name, length, last, moves, transactions, bytes, blocks, state, .. } = self;
		let [weight, dearest] = [self.weight, self.dearest].map(milliseconds);
		let [before, most, after] = state;
		write!(
			f,
			"| {name} | {length} | {last} | {moves} | {transactions} | {bytes} | {weight:.2} | \
			 {dearest:.2} | {blocks} | {before} | {most} | {after} |"
		)
	}
}

fn milliseconds(weight: Weight) -> f64 {
	weight.ref_time() as f64 / 1e9
}

/// What a notice costs a block, authorisation included.
pub(crate) fn notice_weight_us() -> f64 {
	type Weights = <Runtime as pallet_audits::Config>::WeightInfo;
	(Weights::authorize_notice().ref_time() + Weights::notice().ref_time()) as f64 / 1e6
}

fn worker(who: &AccountId) -> WorkerPair {
	let seed: &[u8; 32] = who.as_ref();
	WorkerPair::from_seed(seed)
}

fn provider() -> AccountId {
	Bob.to_account_id()
}

fn tenant() -> AccountId {
	Charlie.to_account_id()
}

fn challenger() -> AccountId {
	Dave.to_account_id()
}

fn register(who: &AccountId) {
	let bond = pallet_stake::Call::<Runtime, Instance1>::bond { amount: 1_000 * ASY };
	assert_ok!(signed(who, bond));
	let device = Device {
		name: b"cores".to_vec().try_into().unwrap(),
		memory_mib: 1_024,
		kind: DeviceKind::Cpu,
	};
	let proof = worker(who).sign(&worker_statement(&System::block_hash(0), who));
	let call = pallet_providers::Call::<Runtime>::register {
		devices: vec![device].try_into().unwrap(),
		endpoint: b"http://127.0.0.1:9950".to_vec().try_into().unwrap(),
		worker: worker(who).public(),
		proof,
	};
	assert_ok!(signed(who, call));
}

fn set_up_market(case: &Case) {
	register(&provider());
	register(&challenger());
	let call = pallet_models::Call::<Runtime>::register {
		program: case.program_bytes.clone().try_into().expect("a program fits"),
		weights: assay_program::merkle::blob(&case.weights).into(),
		royalty_per_unit: 0,
	};
	assert_ok!(signed(&provider(), call));
	let terms = pallet_leases::OfferTerms {
		price_per_unit: PRICE,
		rate_units_per_block: 1_000_000_000,
		duration_blocks_max: 1_000,
		min_escrow: ASY,
		risk_factor_max: 10,
		reservation: None,
	};
	let call = pallet_leases::Call::<Runtime>::create_offer { model: ModelId(0), terms };
	assert_ok!(signed(&provider(), call));
	let call = pallet_leases::Call::<Runtime>::open_lease {
		offer: OfferId(0),
		escrow: 100 * ASY,
		duration_blocks: 1_000,
		price_limit: PRICE,
		maybe_reservation: None,
	};
	assert_ok!(signed(&tenant(), call));
}

fn transaction(call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
	<Runtime as CreateAuthorizedTransaction<RuntimeCall>>::create_authorized_transaction(
		call.into(),
	)
}

/// A block with these transactions, all of which must succeed.
fn block(slot: &mut u64, transactions: Vec<UncheckedExtrinsic>) -> H256 {
	*slot += 1;
	begin_block(*slot);
	for transaction in transactions {
		Executive::apply_extrinsic(transaction).expect("it is valid").expect("it succeeds");
	}
	try_state();
	end_block().hash()
}

/// Submits, commits and reveals a claim, a block each.
fn claim(case: &Case, claim: Claim, at: &mut u64) -> (JobDigest, SlotId) {
	*at += 1;
	begin_block(*at);
	set_up_market(case);
	let call = pallet_jobs::Call::<Runtime>::submit_job {
		lease: LeaseId(0),
		nonce: 0,
		input: JobInput::Inline(case.input.clone().try_into().expect("the input fits")),
		parameters: case.parameters.clone(),
		value_at_risk: 0,
		lambda_ppb: 0,
		replicas: 0,
	};
	assert_ok!(signed(&tenant(), call));
	end_block();
	let slot = Jobs::duties(provider())[0];
	let job = pallet_jobs::Slots::<Runtime>::get(slot).unwrap().job;
	let (genesis, key) = (System::block_hash(0), worker(&provider()));
	let output = claim.output().into();
	let commitment = commitment(&genesis, &job, slot, &key.public(), &SALT, &output);
	let signature = key.sign(&commit_statement(&genesis, &job, slot, &commitment));
	let call = pallet_jobs::Call::<Runtime>::commit { slot, commitment, signature };
	let hash = block(at, vec![transaction(call)]);
	let anchor = Anchor { number: System::block_number(), hash };
	let signature = key.sign(&claim_statement(&genesis, &job, slot, &output, &anchor));
	let call = pallet_jobs::Call::<Runtime>::reveal { slot, claim, salt: SALT, anchor, signature };
	block(at, vec![transaction(call)]);
	(job, slot)
}

fn challenge(job: JobDigest, slot: SlotId, claim: Claim) -> UncheckedExtrinsic {
	let (who, bond_max) = (challenger(), Balance::MAX);
	let key = worker(&who);
	let output = claim.output().into();
	let statement =
		challenge_statement(&System::block_hash(0), &job, slot, &who, &output, bond_max);
	let (signature, worker) = (key.sign(&statement), key.public());
	let call = pallet_disputes::Call::<Runtime>::challenge {
		slot,
		claim,
		challenger: who,
		worker,
		bond_max,
		signature,
	};
	transaction(call)
}

fn answer(board: &Board, side: Side, question: Question, answer: Answer) -> UncheckedExtrinsic {
	let who = side.of(&[provider(), challenger()]).clone();
	let statement = move_statement(&System::block_hash(0), board, &side, &question, &answer);
	let signature = worker(&who).sign(&statement);
	let game = board.game;
	transaction(pallet_disputes::Call::<Runtime>::answer {
		game,
		side,
		question,
		answer,
		signature,
	})
}

/// Bytes of keys and values of the pallets that a dispute writes to.
fn state_bytes() -> u64 {
	let mut bytes = 0;
	for pallet in PALLETS {
		let prefix = sp_io::hashing::twox_128(pallet.as_bytes()).to_vec();
		let mut key = prefix.clone();
		while let Some(next) = sp_io::storage::next_key(&key).filter(|key| key.starts_with(&prefix))
		{
			let value = sp_io::storage::get(&next).map_or(0, |value| value.len());
			bytes += (next.len() + value) as u64;
			key = next;
		}
	}
	bytes
}

/// Whether the last block closed a game, and how.
fn closed() -> bool {
	System::events().into_iter().any(|record| {
		matches!(
			record.event,
			RuntimeEvent::Disputes(pallet_disputes::Event::GameClosed {
				verdict: pallet_disputes::Verdict::ClaimantGuilty,
				..
			})
		)
	})
}

/// Plays a case to its end.
pub(crate) fn play(case: &Case) -> Played {
	let (liar, honest) = (case.tracer(&case.wrong), case.tracer(&case.weights));
	let claims = [liar.claim(), honest.claim()];
	let mut played = Played { name: case.name, length: case.length, ..Default::default() };
	chain("development").execute_with(|| {
		let mut at = FIRST_SLOT;
		let (job, slot) = claim(case, claims[0], &mut at);
		played.state[0] = state_bytes();
		let opened = challenge(job, slot, claims[1]);
		played.count(&opened);
		let game = pallet_jobs::NextSlot::<Runtime>::get();
		block(&mut at, vec![opened]);
		played.blocks = 1;
		let outputs = claims.map(|claim| claim.output().into());
		let board = Board { game, slot, job, outputs };
		while let Some(view) = Disputes::game(game) {
			let mut moves = Vec::new();
			for (side, tracer) in [(Side::Claimant, &liar), (Side::Challenger, &honest)] {
				// The liar cannot open what the model's weights say.
				let is_asked = *side.of(&view.owes);
				let is_last = matches!(view.question, Question::Openings { .. });
				if is_asked && !(is_last && side == Side::Claimant) {
					let made = tracer.answer(&view.question).expect("it has a trace");
					moves.push(answer(&board, side, view.question, made));
				}
			}
			moves.iter().for_each(|made| played.count(made));
			played.moves += moves.len() as u64;
			played.last =
				format!("{:?}", view.question).chars().take_while(|c| *c != ' ').collect();
			played.state[1] = played.state[1].max(state_bytes());
			block(&mut at, moves);
			played.blocks += 1;
		}
		assert!(closed(), "{}: the liar is convicted", case.name);
		played.state[2] = state_bytes();
	});
	played
}
