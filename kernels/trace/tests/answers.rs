//! The honest answer to every question is what the checks of a game take, and what the whole trace
//! says.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{merkle, InvalidCode, Outcome, Parameters, SEGMENT};
use assay_reference::sample::Generator;
use assay_trace::{
	input::Offence, offence, testing::Party, Answer, DisclosureError, Need, Openings, Part,
	Position, Question, RefereeError, ReferenceSteps, Roots, Steps, Tracer, TracerError, Truth,
	Visit,
};
use common::{Full, Job};
use proptest::prelude::*;
use std::{cell::Cell, collections::BTreeMap, sync::Arc};

fn tracer(job: &Job) -> Tracer<'_, ReferenceSteps<'_>> {
	Tracer::reference(&job.program, &job.weights, &job.input, &job.parameters).unwrap()
}

/// Checks openings against the roots and the order of needs, and gives their bytes.
fn opened(party: &Party<'_>, job: &Job, openings: Openings) -> BTreeMap<Need, Vec<u8>> {
	assert!(openings.is_sorted_by(|(left, _), (right, _)| left < right), "{openings:?}");
	let mut bytes = BTreeMap::new();
	for (need, opening) in openings {
		job.layout().check_opening(need, &opening, &party.roots()).unwrap();
		assert_eq!(opening, party.open(need));
		bytes.insert(need, opening.bytes);
	}
	bytes
}

/// Openings in an answer.
fn openings(answer: Answer) -> Openings {
	match answer {
		Answer::Openings(openings) => openings,
		other => panic!("{other:?}"),
	}
}

/// Asks for all that a position depends on, and judges it.
fn judged(job: &Job, full: &Full, position: Position) -> Truth {
	let (layout, party, tracer) = (job.layout(), Party::honest(full), tracer(job));
	match position.part {
		Part::Finish => {
			let answer = tracer.answer(&Question::Partials { position }).unwrap();
			let Answer::Partials(partials, open) = answer else { panic!("{answer:?}") };
			let open = opened(&party, job, open);
			assert_eq!(
				layout.needs(&position, &open).unwrap(),
				Vec::from_iter(open.keys().copied())
			);
			layout.check_partials(&position, &partials).unwrap();
			for (block, partial) in (0..).zip(&partials) {
				let position = Position { part: Part::Block(block), ..position };
				assert_eq!(layout.judge(&position, full).unwrap(), Truth::Partial(*partial));
			}
			layout.judge_partials(&position, &partials, &open).unwrap()
		},
		_ => {
			let answer = tracer.answer(&Question::Openings { position }).unwrap();
			let open = opened(&party, job, openings(answer));
			assert_eq!(
				layout.needs(&position, &open).unwrap(),
				Vec::from_iter(open.keys().copied())
			);
			layout.judge(&position, &open).unwrap()
		},
	}
}

#[test]
fn every_element_is_shown_to_be_what_the_trace_says() {
	let mut generator = Generator::new(21);
	let mut met = BTreeMap::<&str, u32>::new();
	for seed in 0..24 {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		for _ in 0..8 {
			let (step, operator) =
				(generator.below(job.parameters.max_steps), generator.below(layout.operators()));
			let element = generator.below(layout.elements(step, operator).try_into().unwrap());
			let (leaf, _) = layout.leaf_of(step, operator, element.into()).unwrap();
			let bytes = &full.leaves[leaf as usize];
			let part = match bytes.is_empty() {
				true => Part::Null,
				false => layout.first_part(step, operator),
			};
			let position = Position { step, operator, element: element.into(), part };
			let truth = judged(&job, &full, position);
			assert!(layout.agrees(&position, &truth, bytes), "{} {position:?}", job.name);
			let kind = match (part, truth) {
				(Part::Null, Truth::Null) => "null",
				(Part::Whole, Truth::Element(_)) => "whole",
				(Part::Finish, Truth::Element(_)) => "finish",
				other => panic!("{other:?}"),
			};
			*met.entry(kind).or_default() += 1;
			if part == Part::Finish {
				let block = generator.below(layout.blocks(step, operator));
				let position = Position { part: Part::Block(block), ..position };
				assert!(matches!(judged(&job, &full, position), Truth::Partial(_)));
			}
			// A live element may be disputed as null, and a null one as live.
			let position = Position { part: Part::Null, ..position };
			let expected = if bytes.is_empty() { Truth::Null } else { Truth::Live };
			assert_eq!(judged(&job, &full, position), expected);
		}
	}
	assert!(met.len() == 3 && met.values().all(|count| *count > 5), "{met:?}");
}

#[test]
fn disclosures_are_those_of_the_whole_trace() {
	let mut generator = Generator::new(22);
	for seed in 0..16 {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		let (party, tracer) = (Party::honest(&full), tracer(&job));
		let tree = layout.tree();
		for level in 1..=tree.levels() {
			let position = generator.below(tree.width(level));
			let answer = tracer.answer(&Question::Children { level, position }).unwrap();
			assert_eq!(answer, Answer::Children(party.children(level, position).to_vec()));
		}
		let index = generator.below(tree.leaves());
		let answer = tracer.answer(&Question::Leaf { index }).unwrap();
		assert_eq!(answer, Answer::Bytes(full.leaves[index as usize].clone()));

		let Question::Counts { counts } = counts_of(&job, &full, &mut generator) else { panic!() };
		let open = openings(tracer.answer(&Question::Counts { counts }).unwrap());
		let open = opened(&party, &job, open);
		for count in counts.into_iter().filter(|count| layout.check_count(*count).is_ok()) {
			let is_right = count == full.claim.count();
			assert_eq!(layout.judge_count(count, &open).unwrap(), is_right, "{counts:?}");
		}
		check_output(&job, &full, &mut generator);
	}
}

/// The right count and another one, which may be none that a run can have.
fn counts_of(job: &Job, full: &Full, generator: &mut Generator) -> Question {
	let mut counts = [full.claim.count(), generator.below(job.parameters.max_steps + 3)];
	if generator.below(2) == 0 {
		counts.swap(0, 1);
	}
	Question::Counts { counts }
}

fn check_output(job: &Job, full: &Full, generator: &mut Generator) {
	let (layout, party, tracer) = (job.layout(), Party::honest(full), tracer(job));
	let levels = party.output_levels();
	layout.check_output_root(&full.claim, &tracer.output_root()).unwrap();
	let tree = layout.output_tree(full.claim.count()).unwrap();
	for level in 1..=tree.levels() {
		let position = generator.below(tree.width(level));
		let answer = tracer.answer(&Question::OutputChildren { level, position }).unwrap();
		let Answer::Children(children) = answer else { panic!("{answer:?}") };
		let parent = &levels[level as usize][position as usize];
		tree.check_children(level, position, parent, &children).unwrap();
	}
	let segment = generator.below(tree.leaves());
	let answer = tracer.answer(&Question::OutputSegment { segment }).unwrap();
	let Answer::Bytes(bytes) = answer else { panic!("{answer:?}") };
	let (count, hash) = (full.claim.count(), &levels[0][segment as usize]);
	layout.check_output_segment(count, segment, hash, &bytes).unwrap();
	let element = u64::from(generator.below(full.output.len() as u32 / 4));
	let open = openings(tracer.answer(&Question::OutputOpening { element }).unwrap());
	let open = opened(&party, job, open);
	let at = element as usize * 4;
	let expected = i32::from_le_bytes(full.output[at..at + 4].try_into().unwrap());
	assert_eq!(layout.judge_output(element, &open).unwrap(), expected);
}

/// Three levels in the body, and of an output of more than 256 segments two.
#[test]
fn a_long_run_answers_like_a_short_one() {
	let mut generator = Generator::new(23);
	let job = common::endless();
	let (layout, full) = (job.layout(), Full::of(&job));
	let tracer = tracer(&job);
	let party = Party::honest(&full);
	let tree = layout.tree();
	assert_eq!(tree.levels(), 3);
	for level in 1..=3 {
		let position = tree.width(level) - 1;
		let answer = tracer.answer(&Question::Children { level, position }).unwrap();
		assert_eq!(answer, Answer::Children(party.children(level, position).to_vec()));
	}
	check_output(&job, &full, &mut generator);
}

#[test]
fn questions_about_what_is_not_there_are_refused() {
	let job = common::wide(6);
	let (layout, full) = (job.layout(), Full::of(&job));
	let tracer = tracer(&job);
	let tree = layout.tree();
	let missing =
		|level, position| TracerError::Disclosure(DisclosureError::NoSuchNode { level, position });
	let leaves = tree.leaves();
	let segments = layout.output_tree(1).unwrap().leaves();
	let last = Position { step: 0, operator: 0, element: 0, part: Part::Whole };
	let at = |operator, part| Position { operator, part, ..last };
	let mean = (0..layout.operators())
		.find(|operator| layout.operator(*operator).unwrap().name() == "Mean")
		.unwrap();
	let nothing = TracerError::Referee(RefereeError::Position);
	let refused = [
		(Question::Offence, TracerError::NoOffence),
		(Question::Children { level: 0, position: 0 }, missing(0, 0)),
		(Question::Children { level: 1, position: u32::MAX }, missing(1, u32::MAX)),
		(Question::Children { level: u32::MAX, position: 0 }, missing(u32::MAX, 0)),
		(Question::Leaf { index: leaves }, missing(0, leaves)),
		(Question::Leaf { index: u32::MAX }, missing(0, u32::MAX)),
		(Question::Counts { counts: [0, 2] }, TracerError::Disclosure(DisclosureError::Count)),
		(Question::OutputChildren { level: 9, position: 0 }, missing(9, 0)),
		(Question::OutputChildren { level: 0, position: 0 }, missing(0, 0)),
		(Question::OutputSegment { segment: segments }, missing(0, segments)),
		(Question::OutputOpening { element: full.output.len() as u64 / 4 }, nothing.clone()),
		(Question::OutputOpening { element: u64::MAX }, nothing.clone()),
		// That of `Emit`, and beyond.
		(Question::Openings { position: at(layout.operators(), Part::Whole) }, nothing.clone()),
		(Question::Openings { position: at(u32::MAX, Part::Null) }, nothing.clone()),
		(Question::Openings { position: Position { step: 1, ..last } }, nothing.clone()),
		(Question::Openings { position: Position { element: u64::MAX, ..last } }, nothing.clone()),
		(Question::Openings { position: at(0, Part::Block(0)) }, nothing.clone()),
		(Question::Openings { position: at(mean, Part::Block(u32::MAX)) }, nothing.clone()),
		(Question::Openings { position: at(mean, Part::Whole) }, nothing.clone()),
		(Question::Partials { position: at(mean, Part::Block(0)) }, nothing.clone()),
		(Question::Partials { position: at(0, Part::Finish) }, nothing),
	];
	for (question, error) in refused {
		assert_eq!(tracer.answer(&question), Err(error), "{question:?}");
	}
}

/// Counts runs.
struct Counting<'a>(ReferenceSteps<'a>, &'a Cell<u32>);

impl Steps for Counting<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		self.1.set(self.1.get() + 1);
		self.0.run(visit)
	}
}

#[test]
fn an_upper_part_that_was_put_away_answers_like_the_tracer_that_made_it() {
	let job = common::wide(6);
	let Job { program, weights, input, parameters, .. } = &job;
	let steps = ReferenceSteps { program, weights, input, parameters };
	let runs = Cell::new(0);
	let first = Tracer::new(job.layout(), Counting(steps, &runs), weights, input).unwrap();
	assert_eq!(runs.get(), 1);
	let upper = first.upper().clone();
	let levels = job.layout().tree().levels();
	assert!(levels > 1);
	let mean = (0..job.layout().operators())
		.find(|operator| job.layout().operator(*operator).unwrap().name() == "Mean")
		.unwrap();
	let position = Position { step: 0, operator: mean, element: 0, part: Part::Finish };
	let block = Position { part: Part::Block(1), ..position };
	for (question, cost) in [
		(Question::Children { level: levels, position: 0 }, 0),
		(Question::OutputSegment { segment: 0 }, 0),
		(Question::Children { level: 1, position: 0 }, 1),
		// One of the leaves that were disclosed, and one of others.
		(Question::Leaf { index: 3 }, 0),
		(Question::Leaf { index: 256 }, 1),
		// Partials and what `finish` and each block depend on come from one run.
		(Question::Partials { position }, 1),
		(Question::Openings { position: block }, 0),
	] {
		runs.set(0);
		let counting = Counting(steps, &runs);
		let again = Tracer::resume(job.layout(), counting, weights, input, upper.clone());
		let answer = again.answer(&question).unwrap();
		assert_eq!(runs.get(), cost, "{question:?}");
		assert!(Arc::ptr_eq(again.upper(), &upper));
		// By one that knows nothing of earlier questions.
		assert_eq!(tracer(&job).answer(&question).unwrap(), answer, "{question:?}");
	}
	assert_eq!((upper.body(), upper.claim()), (first.body(), first.claim()));
}

/// From the root to the openings of one element, whatever the program.
#[test]
fn a_game_takes_few_runs_and_its_answers_are_those_of_single_questions() {
	let mut generator = Generator::new(9);
	for seed in 0..33 {
		let job = common::any(seed);
		let Job { program, weights, input, parameters, .. } = &job;
		let steps = ReferenceSteps { program, weights, input, parameters };
		let runs = Cell::new(0);
		let kept = Tracer::new(job.layout(), Counting(steps, &runs), weights, input).unwrap();
		let layout = kept.layout();
		for _ in 0..4 {
			let step = generator.below(kept.claim().count());
			let operator = generator.below(layout.operators());
			let elements = layout.elements(step, operator).try_into().unwrap();
			let element = u64::from(generator.below(elements));
			let part = layout.first_part(step, operator);
			let position = Position { step, operator, element, part };
			let (index, _) = layout.leaf_of(step, operator, element).unwrap();
			let mut questions: Vec<Question> = (1..=layout.tree().levels())
				.map(|level| Question::Children { level, position: index >> (8 * level) })
				.rev()
				.collect();
			questions.push(Question::Leaf { index });
			if part == Part::Finish {
				questions.push(Question::Partials { position });
				let block = generator.below(layout.blocks(step, operator));
				let position = Position { part: Part::Block(block), ..position };
				questions.push(Question::Openings { position });
			} else {
				questions.push(Question::Openings { position });
			}
			runs.set(0);
			for question in questions {
				let answer = kept.answer(&question).unwrap();
				assert_eq!(tracer(&job).answer(&question).unwrap(), answer, "{question:?}");
			}
			// One for the node above the leaf, one for what the element depends on, and one more
			// where something opened says what else is needed.
			assert!(runs.get() <= 3, "{} runs: {position:?} of {}", runs.get(), job.name);
		}
	}
}

/// A way to break an input.
#[derive(Clone, Debug)]
enum Break {
	/// Cut to this length, or with zeros up to it.
	Length(usize),
	/// A token at a place.
	Token(usize, i32),
}

fn breaks() -> impl Strategy<Value = Vec<Break>> {
	let id = prop_oneof![Just(-1), Just(-2), Just(i32::MIN), Just(i32::MAX), 0..8i32, 0..10_000i32];
	let token = (any::<usize>(), id).prop_map(|(at, id)| Break::Token(at, id));
	let length = (0..20_000usize).prop_map(Break::Length);
	prop::collection::vec(prop_oneof![8 => token, 1 => length], 0..4)
}

fn broken(mut input: Vec<u8>, breaks: Vec<Break>) -> Vec<u8> {
	for change in breaks {
		match change {
			Break::Length(length) => input.resize(length, 0),
			Break::Token(at, id) => {
				let tokens = input.len() / 4;
				if let Some(at) = at.checked_rem(tokens) {
					input[at * 4..at * 4 + 4].copy_from_slice(&id.to_le_bytes());
				}
			},
		}
	}
	input
}

/// Checks the offence of an input; which rule is broken, if any.
fn check_offence(job: &Job, input: &[u8]) -> Option<InvalidCode> {
	let Job { program, weights, parameters, .. } = job;
	let layout = job.layout();
	let digest = merkle::blob(input);
	let code = match assay_reference::run(program, weights, input, parameters).unwrap() {
		Outcome::Invalid(code) => Some(code),
		Outcome::Output { .. } => None,
	};
	let Some(answer) = offence(program, parameters, input) else {
		assert_eq!(code, None);
		return None;
	};
	let Answer::Offence(shown, openings) = answer else { panic!("{answer:?}") };
	let needs = Vec::from_iter(openings.iter().map(|(need, _)| *need));
	assert_eq!(needs, layout.offence_needs(&shown));
	let roots = Roots { body: [0; 32], input: digest, weights: [0; 32] };
	let mut open = BTreeMap::new();
	for (need, opening) in openings {
		layout.check_opening(need, &opening, &roots).unwrap();
		open.insert(need, opening.bytes);
	}
	let judged = layout.judge_offence(&shown, &digest, &open).unwrap();
	assert_eq!((judged, judged.is_some()), (code, true), "{shown:?}");
	if let Offence::Token(first) = shown {
		let all = whole(input);
		for index in 0..first {
			let earlier = layout.judge_offence(&Offence::Token(index), &digest, &all).unwrap();
			assert_eq!(earlier, None, "at {index}, before {first}");
		}
	}
	code
}

/// All of an input, in whole segments.
fn whole(input: &[u8]) -> BTreeMap<Need, Vec<u8>> {
	let segments = (0..).zip(input.chunks(SEGMENT)).map(|(number, bytes)| {
		let fill = vec![0; SEGMENT - bytes.len()];
		(Need::Input(number), [bytes, &fill].concat())
	});
	segments.collect()
}

proptest! {
	#[test]
	fn an_offence_is_the_first_rule_that_the_reference_finds_broken(
		seed in 0..64u64,
		breaks in breaks(),
	) {
		let job = common::any(seed);
		check_offence(&job, &broken(job.input.clone(), breaks));
	}
}

#[test]
fn every_rule_is_shown_in_every_way_to_break_it() {
	let (encoder, decoder) = (common::encoder(3), common::decoder(2));
	let set = |job: &Job, at: usize, ids: &[i32]| {
		let mut input = job.input.clone();
		for (at, id) in (at..).zip(ids) {
			input[at * 4..at * 4 + 4].copy_from_slice(&id.to_le_bytes());
		}
		input
	};
	let last = decoder.input.len() / 4 - 1;
	for (job, input, code) in [
		(&encoder, Vec::new(), Some(InvalidCode::Shape)),
		(&encoder, encoder.input[1..].to_vec(), Some(InvalidCode::Shape)),
		(&encoder, [&encoder.input[..], &[0; 9_000]].concat(), Some(InvalidCode::Shape)),
		(&decoder, [&decoder.input[..], &[0]].concat(), Some(InvalidCode::Shape)),
		(&encoder, set(&encoder, 0, &[-1]), Some(InvalidCode::Padding)),
		(&encoder, set(&encoder, 0, &[1, -1, 1]), Some(InvalidCode::Padding)),
		(&encoder, set(&encoder, 0, &[1, -1, i32::MAX]), Some(InvalidCode::Token)),
		(&encoder, set(&encoder, 0, &[-2]), Some(InvalidCode::Token)),
		(&decoder, set(&decoder, last, &[-1]), Some(InvalidCode::Padding)),
		(&decoder, set(&decoder, last, &[i32::MIN]), Some(InvalidCode::Token)),
		(&decoder, set(&decoder, last, &[1 << 20]), Some(InvalidCode::Token)),
		(&encoder, encoder.input.clone(), None),
		(&decoder, decoder.input.clone(), None),
	] {
		assert_eq!(check_offence(job, &input), code, "{}", job.name);
	}
	// Where no game can be, none is shown.
	let parameters = Parameters { batch: 0, ..encoder.parameters.clone() };
	assert_eq!(offence(&encoder.program, &parameters, &encoder.input), None);
}
