//! Jobs of several programs, who claims what of them, and what everybody owns.

use crate::mock::*;
use assay_primitives::{
	AccountId, Balance, JobDigest, LeaseId, ModelId, OfferId, OutputDigest, SlotId, WeightsRoot,
};
use assay_program::{merkle, Claim, InvalidCode, Limits, Parameters};
use assay_reference::{
	golden,
	sample::{self, Generator, Style},
};
use assay_trace::{
	input::Offence,
	testing::{programs, Cheat, Full, Job, Party},
	Answer, BlobTree, Layout, Need, Question,
};
use codec::Encode;
use frame_support::{assert_ok, traits::fungible::Mutate};
use pallet_jobs::{InlineInput, JobInput};
use std::collections::BTreeMap;

/// What was seen in games, and how often.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, u32>);

impl Seen {
	pub(super) fn note(&mut self, what: impl Into<String>) {
		*self.0.entry(what.into()).or_default() += 1;
	}

	/// Every one of these was seen so often at least.
	pub(super) fn check(&self, least: u32, all: impl IntoIterator<Item = impl AsRef<str>>) {
		for what in all {
			let what = what.as_ref();
			let times = self.0.get(what).copied().unwrap_or(0);
			assert!(times >= least, "{what}: {times} times, not {least}; all: {:#?}", self.0);
		}
	}

	/// How often it was one whose name begins so.
	pub(super) fn count(&self, begin: &str) -> u32 {
		self.0.iter().filter(|(what, _)| what.starts_with(begin)).map(|(_, times)| times).sum()
	}
}

/// A golden vector as a job.
fn vector(name: &'static str) -> Job {
	let (_, found) = golden::vectors().find(|(other, _)| *other == name).unwrap();
	Job::of(name, found.unwrap())
}

/// A decoder whose run ends before its last step, as the seed has it.
fn restless() -> Job {
	let (vocabulary, sequence) = (16, 5);
	let limits = Limits { max_batch: 2, max_sequence: 40, max_steps: 12 };
	let program = programs::restless(vocabulary, 4, limits);
	let parameters = Parameters { batch: 1, sequence, max_steps: 8, sampling: None };
	let job = |seed| {
		let weights = sample::weights(&program, Style::Plausible, seed);
		let tokens = (0..sequence).flat_map(|at| ((seed as u32 + at) % 12 + 4).to_le_bytes());
		let (program, parameters) = (program.clone(), parameters.clone());
		Job { name: "restless", program, weights, input: tokens.collect(), parameters }
	};
	let ends_between = |job: &Job| (3..7).contains(&Full::of(job).claim.count());
	(1..1_000).map(job).find(ends_between).unwrap()
}

/// An encoder whose rows have several blocks.
fn wide() -> Job {
	let limits = Limits { max_batch: 1, max_sequence: 70, max_steps: 1 };
	let program = programs::wide(2_600, limits);
	let weights = sample::weights(&program, Style::Plausible, 3);
	let input = sample::input(30, 1, 3, 3);
	let parameters = Parameters::encoder(1, 3);
	Job { name: "wide", program, weights, input, parameters }
}

/// An input in which a token is unknown and, later, a row begins with padding.
fn broken_twice() -> Job {
	let mut job = Job { name: "broken twice", ..vector("layer") };
	let row = job.parameters.sequence as usize * 4;
	job.input[8..12].copy_from_slice(&i32::MAX.to_le_bytes());
	job.input[row..row + 4].copy_from_slice(&(-1i32).to_le_bytes());
	job
}

/// The jobs that games are about.
pub(super) fn jobs() -> Vec<Job> {
	vec![
		vector("layer"),
		restless(),
		vector("network"),
		vector("decoder_unusual"),
		wide(),
		broken_twice(),
		vector("invalid_shape"),
	]
}

/// A job's truth.
pub(super) enum Truth {
	Output(Box<Full>),
	/// With the first offence, and one that comes later.
	Invalid(InvalidCode, Answer, Option<Answer>),
}

impl Truth {
	pub(super) fn of(job: &Job) -> Self {
		let Some(code) = job.invalid() else { return Self::Output(Box::new(Full::of(job))) };
		let first = assay_trace::offence(&job.program, &job.parameters, &job.input).unwrap();
		let later = (job.name == "broken twice").then(|| offence_at(job, job.parameters.sequence));
		Self::Invalid(code, first, later)
	}
}

/// Says that there is something wrong at a token.
pub(super) fn offence_at(job: &Job, token: u32) -> Answer {
	let (offence, tree) = (Offence::Token(token.into()), BlobTree::new(&job.input));
	let open = |need| match need {
		Need::Input(segment) => (need, tree.open(&job.input, segment).unwrap()),
		_ => unreachable!("an offence is shown by the input alone"),
	};
	let needs = job.layout().offence_needs(&offence);
	Answer::Offence(offence, needs.into_iter().map(open).collect())
}

/// A job that can be played about, and what is made of it once.
pub(super) struct Field<'a> {
	pub(super) job: &'a Job,
	pub(super) layout: Layout<'a>,
	pub(super) honest: Player<'a>,
	truth: &'a Truth,
	lease: LeaseId,
	/// Traces on weights that are not the model's.
	others: Vec<Party<'a>>,
}

/// Who claims something, and how it defends that.
#[derive(Clone)]
pub(super) struct Player<'a> {
	pub(super) claim: Claim,
	pub(super) honest: bool,
	pub(super) what: String,
	party: Option<Party<'a>>,
	offence: Option<Answer>,
}

impl<'a> Player<'a> {
	fn of_party(party: Party<'a>, what: &str) -> Self {
		let (claim, honest) = (party.claim, party.honest);
		Self { claim, honest, what: what.into(), party: Some(party), offence: None }
	}

	fn of_claim(claim: Claim, offence: Option<Answer>, what: &str) -> Self {
		Self { claim, honest: false, what: what.into(), party: None, offence }
	}

	pub(super) fn party(&self) -> Option<&Party<'a>> {
		self.party.as_ref()
	}

	/// What it says to a question, where it has anything to say.
	pub(super) fn answer(
		&self,
		layout: &Layout<'_>,
		question: &Question,
		generator: &mut Generator,
	) -> Option<Answer> {
		match question {
			Question::Offence => self.offence.clone(),
			_ => self.party.as_ref()?.answer(layout, question, generator),
		}
	}
}

impl<'a> Field<'a> {
	pub(super) fn new(
		(job, truth): (&'a Job, &'a Truth),
		lease: LeaseId,
		generator: &mut Generator,
	) -> Self {
		let honest = match truth {
			Truth::Output(full) => Player::of_party(Party::honest(full), "the truth"),
			Truth::Invalid(code, first, _) => {
				let claim = Claim::Invalid { code: code.code() };
				let offence = Some(first.clone());
				Player { honest: true, ..Player::of_claim(claim, offence, "the truth") }
			},
		};
		let others = match truth {
			Truth::Output(full) => {
				(0..60).filter_map(|_| other_run(job, full, generator)).take(6).collect()
			},
			Truth::Invalid(..) => Vec::new(),
		};
		Self { job, layout: job.layout(), honest, truth, lease, others }
	}

	/// The right trace, where there is one.
	pub(super) fn full(&self) -> Option<&'a Full> {
		match self.truth {
			Truth::Output(full) => Some(full),
			Truth::Invalid(..) => None,
		}
	}

	/// Who cheats in this way.
	pub(super) fn cheating(&self, cheat: Cheat, generator: &mut Generator) -> Player<'a> {
		let full = self.full().unwrap();
		let mut party = cheat.party(self.job, full, generator);
		party.dissent(generator);
		Player::of_party(party, &cheat.to_string())
	}

	/// Somebody who claims something else than the truth, as a run can.
	pub(super) fn liar(&self, generator: &mut Generator, seen: &mut Seen) -> Player<'a> {
		let is_possible = |claim: &Claim| match claim {
			Claim::Output { count, .. } => (1..=self.job.parameters.max_steps).contains(count),
			Claim::Invalid { .. } => true,
		};
		loop {
			let liar = self.any_liar(generator);
			if liar.claim == self.honest.claim {
				continue;
			}
			if is_possible(&liar.claim) {
				return liar;
			}
			seen.note("no run has this count");
		}
	}

	fn any_liar(&self, generator: &mut Generator) -> Player<'a> {
		let full = match self.truth {
			Truth::Output(full) => full,
			Truth::Invalid(_, first, later) => {
				return self.invalid_liar(first, later.as_ref(), generator)
			},
		};
		match generator.below(14) {
			0 => {
				let claim = Claim::Invalid { code: 1 + generator.below(3) };
				let token = generator.below((self.job.input.len() / 4) as u32);
				let is_text = full.input.len() == 1 && self.job.name != "network";
				let offence = is_text.then(|| offence_at(self.job, token));
				Player::of_claim(claim, offence, "an invalid input")
			},
			1 if !self.others.is_empty() => {
				let number = generator.below(self.others.len() as u32) as usize;
				Player::of_party(self.others[number].clone(), "other weights")
			},
			_ => self.cheating(Cheat::draw(self.job, full, generator), generator),
		}
	}

	/// Says of an invalid input that it is valid, or invalid for another reason.
	fn invalid_liar(
		&self,
		first: &Answer,
		later: Option<&Answer>,
		generator: &mut Generator,
	) -> Player<'a> {
		let mut data = [0; 32];
		data.iter_mut().for_each(|byte| *byte = generator.below(256) as u8);
		match (generator.below(3), later) {
			(0, _) => Player::of_claim(Claim::Output { count: 1, data }, None, "a valid input"),
			(1, Some(later)) => {
				let claim = Claim::Invalid { code: InvalidCode::Padding.code() };
				Player::of_claim(claim, Some(later.clone()), "a later offence")
			},
			_ => {
				let claim = Claim::Invalid { code: 1 + generator.below(3) };
				Player::of_claim(claim, Some(first.clone()), "another code")
			},
		}
	}

	/// A job of the tenant, and the slot of its provider.
	fn submit(&self, nonce: u64, value_at_risk: Balance) -> (JobDigest, SlotId) {
		let slot = pallet_jobs::NextSlot::<Test>::get();
		let bytes = self.job.input.clone();
		// Chain and provider have the length of an input that is stored elsewhere only from whoever
		// fetched it.
		let input = match bytes.len() as u64 == self.layout.input_length() {
			true => JobInput::Inline(InlineInput::try_from(bytes).unwrap()),
			false => JobInput::Stored(merkle::blob(&bytes).into()),
		};
		let parameters = self.job.parameters.clone();
		let tenant = signed(tenant());
		assert_ok!(Jobs::submit_job(
			tenant,
			self.lease,
			nonce,
			input,
			parameters,
			value_at_risk,
			0,
			0
		));
		(pallet_jobs::Slots::<Test>::get(slot).unwrap().job, slot)
	}

	/// A job with a slot for each of these parties, all of which have revealed their claims: it is in
	/// its challenge window. The first is the provider's.
	pub(super) fn claimed(
		&self,
		nonce: u64,
		claims: &[(AccountId, Claim)],
		value_at_risk: Balance,
	) -> (JobDigest, Vec<SlotId>) {
		let (job, first) = self.submit(nonce, value_at_risk);
		let others = claims.iter().skip(1).map(|(party, _)| add_slot(job, party));
		let slots: Vec<SlotId> = core::iter::once(first).chain(others).collect();
		slots.iter().zip(claims).for_each(|(slot, (_, claim))| commit(*slot, claim));
		let closed_at = System::block_number();
		roll_by(2);
		slots.iter().zip(claims).for_each(|(slot, (_, claim))| reveal(*slot, *claim, closed_at));
		(job, slots)
	}
}

/// A right trace on wrong weights, from one bit to many bytes; nothing where they change nothing.
fn other_run<'a>(job: &Job, full: &'a Full, generator: &mut Generator) -> Option<Party<'a>> {
	let mut other = job.clone();
	let length = other.weights.len();
	for _ in 0..=generator.below(4) {
		let at = generator.below(length as u32) as usize;
		let end = (at + (1 << generator.below(9))).min(length);
		let bits = 1 << generator.below(8);
		other.weights[at..end].iter_mut().for_each(|byte| *byte ^= bits);
	}
	let other = Full::of(&other);
	let changed =
		(0u32..).zip(&other.leaves).zip(&full.leaves).filter(|((_, new), old)| new != old);
	let mut party = Party::honest(full);
	party.change(changed.map(|((index, new), _)| (index, new.clone())).collect::<Vec<_>>());
	party.claims(other.claim.count(), other.output.clone());
	(party.claim != full.claim).then_some(party)
}

/// Registers a job's model and leases it of the provider.
fn lease(job: &Job) -> LeaseId {
	let owner = || signed(tenant());
	let model = ModelId(pallet_models::NextModelId::<Test>::get().0);
	let root = WeightsRoot::from(merkle::blob(&job.weights));
	assert_ok!(Models::register(owner(), job.program.encode().try_into().unwrap(), root, 1));
	let offer = OfferId(pallet_leases::NextOfferId::<Test>::get().0);
	assert_ok!(Leases::create_offer(signed(provider()), model, offer_terms()));
	let lease = LeaseId(pallet_leases::NextLeaseId::<Test>::get().0);
	let escrow = 1_000 * UNIT;
	assert_ok!(Leases::open_lease(owner(), offer, escrow, 10_000_000, PRICE_PER_UNIT, None));
	lease
}

/// A field for each of the jobs, leased.
pub(super) fn fields<'a>(
	jobs: &'a [Job],
	truths: &'a [Truth],
	generator: &mut Generator,
) -> Vec<Field<'a>> {
	refill(&[]);
	let grounds = jobs.iter().zip(truths);
	grounds.map(|ground| Field::new(ground, lease(ground.0), generator)).collect()
}

/// What jobs settled to in this block.
pub(super) fn settled() -> Vec<OutputDigest> {
	let receipt = |event| match event {
		RuntimeEvent::Jobs(pallet_jobs::Event::JobSettled { receipt, .. }) => Some(receipt.output),
		_ => None,
	};
	System::events().into_iter().filter_map(|record| receipt(record.event)).collect()
}

/// Settles the job when its window is over, and what it settled to.
pub(super) fn settle() -> Vec<OutputDigest> {
	jump_to(System::block_number() + 30);
	settle_all();
	settled()
}

/// Nobody runs dry: games are not about funds.
pub(super) fn refill(parties: &[AccountId]) {
	Balances::set_balance(&tenant(), 10 * BOND);
	for who in parties {
		Balances::set_balance(who, 10 * BOND);
		let _ = ProviderStake::bond(signed(who.clone()), BOND);
	}
	Balances::set_balance(&challenger(), 10 * BOND);
	Balances::set_balance(&other_challenger(), 10 * BOND);
	keep_alive();
}

/// What everybody owns, free and held.
pub(super) struct Books(BTreeMap<AccountId, Balance>);

impl Books {
	/// The sum is all that there is.
	pub(super) fn open() -> Self {
		let accounts = frame_system::Account::<Test>::iter_keys();
		let books = Self(accounts.map(|who| (who.clone(), wealth(&who))).collect());
		let issued = pallet_balances::TotalIssuance::<Test>::get();
		assert_eq!(books.0.values().sum::<Balance>(), issued, "funds of nobody");
		books
	}

	/// Who has more and who less than before, which is nothing in the sum, but for the fee that the
	/// tenant's first nonce burns: what an account has more now, or less.
	pub(super) fn balance(self, nonce: u64) -> impl Fn(&AccountId) -> i128 {
		let now = Self::open().0;
		let change = move |who: &AccountId| {
			let of = |books: &BTreeMap<_, Balance>| books.get(who).copied().unwrap_or(0) as i128;
			of(&now) - of(&self.0)
		};
		let accounts = frame_system::Account::<Test>::iter_keys();
		let burnt = if nonce == 0 { UNIT as i128 / 100 } else { 0 };
		let sum: i128 = accounts.map(|who| change(&who)).sum();
		assert_eq!(sum, -burnt, "games make or lose funds");
		change
	}
}

/// No game leaves anything behind, but for lost challenges that wait to be forgotten.
pub(super) fn assert_nothing_left() {
	assert_eq!(crate::Games::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::Disputes::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::WorkerGames::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::ChallengerGames::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::ClaimGames::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::Oppositions::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::Convictions::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::KeyBlocks::<Test>::iter_keys().count(), 0);
	assert_eq!(crate::OpenGames::<Test>::get(), 0);
	let lost = crate::LostChallenges::<Test>::iter_keys().count();
	assert_eq!(crate::Challenges::<Test>::iter_keys().count(), lost);
	assert_eq!(pallet_jobs::Jobs::<Test>::iter_keys().count(), 0);
	assert_eq!(pallet_jobs::Slots::<Test>::iter_keys().count(), 0);
	assert_eq!(pallet_jobs::Duties::<Test>::iter_keys().count(), 0);
	assert_eq!(pallet_jobs::WorkerDuties::<Test>::iter_keys().count(), 0);
	assert_eq!(pallet_jobs::InlineInputs::<Test>::iter_keys().count(), 0);
}
