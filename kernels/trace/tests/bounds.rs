//! No answer is longer than what is said of its operator before any job.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{EmbedBy, Limits, Operator, Program};
use assay_reference::sample::{
	decoder, encoder, network, Builder, DecoderShape, Generator, NetworkShape, Shape,
};
use assay_trace::{
	check_refereeable, testing::Party, Answer, Game, Layout, Opened, Part, Position, Question,
	ANSWER_BYTES_MAX, OPENED_BYTES_MAX,
};
use codec::{Encode, MaxEncodedLen};
use common::{Full, Job};

/// How much an answer opens.
fn opened(party: &Party<'_>, layout: &Layout<'_>, question: &Question) -> Opened {
	let answer = party.answer(layout, question, &mut Generator::new(0)).unwrap();
	assert!(answer.encoded_size() as u64 <= ANSWER_BYTES_MAX);
	match answer {
		Answer::Openings(openings) | Answer::Partials(_, openings) => {
			let bytes = openings.iter().map(|opening| opening.encoded_size() as u64).sum();
			Opened { bytes, things: openings.len() as u64 }
		},
		other => panic!("{other:?}"),
	}
}

/// Some elements of every operator, and the ends of its first and last row; all blocks of each.
fn check_elements(job: &Job, generator: &mut Generator, used: &mut u64) {
	let (layout, full) = (job.layout(), Full::of(job));
	let (party, bounds) = (Party::honest(&full), assay_trace::opened(&job.program).unwrap());
	for operator in 0..layout.operators() {
		for _ in 0..3 {
			let step = generator.below(full.claim.count());
			let elements = layout.elements(step, operator);
			let inside = u64::from(generator.below(elements as u32));
			let element = [0, elements - 1, inside][generator.below(3) as usize];
			let at = |part| Position { step, operator, element, part };
			let blocks = layout.blocks(step, operator);
			let parts = match layout.first_part(step, operator) {
				Part::Finish => (0..blocks).map(Part::Block).collect(),
				part => vec![part, Part::Null],
			};
			let openings = parts.into_iter().map(|part| Question::Openings { position: at(part) });
			let partials = (blocks > 1).then(|| Question::Partials { position: at(Part::Finish) });
			let all: Vec<_> =
				openings.chain(partials).map(|asked| opened(&party, &layout, &asked)).collect();
			let most = all.iter().map(|opened| opened.bytes).max().unwrap();
			let things = all.iter().map(|opened| opened.things).max().unwrap();
			let bound = bounds[operator as usize];
			let name = layout.operator(operator).unwrap().name();
			assert!(most <= bound.bytes, "{} {name}: {most} of {bound:?}", job.name);
			assert!(things <= bound.things, "{} {name}: {things} of {bound:?}", job.name);
			*used = (*used).max(most * 100 / bound.bytes);
		}
	}
	let emit = bounds[layout.operators() as usize];
	for _ in 0..3 {
		let element = u64::from(generator.below(full.output.len() as u32 / 4));
		let copied = opened(&party, &layout, &Question::OutputOpening { element });
		assert!(copied.bytes <= emit.bytes && copied.things <= emit.things);
		let counts = [1 + generator.below(job.parameters.max_steps), full.claim.count()];
		if counts[0] != counts[1] {
			let counted = opened(&party, &layout, &Question::Counts { counts });
			assert!(counted.bytes <= emit.bytes && counted.things <= emit.things);
		}
	}
}

#[test]
fn no_element_opens_more_than_the_bound_of_its_operator() {
	let mut generator = Generator::new(12);
	let mut used = 0;
	for seed in 0..48 {
		check_elements(&common::any(seed), &mut generator, &mut used);
	}
	// It is a bound for the largest job, and not much more.
	assert!(used > 90, "{used} of 100");
}

/// The most that any operator of a program opens, with its name.
fn most(program: &Program) -> (u64, &'static str) {
	let names = program.operators.iter().map(Operator::name);
	assay_trace::opened_bytes(program).unwrap().into_iter().zip(names).max().unwrap()
}

#[test]
fn the_models_we_know_can_be_disputed() {
	let minilm = encoder(&Shape::MINILM);
	let smollm2 = decoder(&DecoderShape {
		layers: 30,
		width: 576,
		heads: 9,
		key_heads: 3,
		inner: 1_536,
		vocabulary: 49_152,
		max_batch: 1,
		max_sequence: 2_048,
		max_steps: 2_048,
		context_shift: 5,
		..DecoderShape::SMALL
	});
	// A network as the wake-word networks are, with filters that are somewhat longer.
	let wake = network(&NetworkShape {
		layers: 5,
		features: 120,
		channels: 64,
		taps: 29,
		max_batch: 1,
		max_sequence: 8_192,
		..NetworkShape::SMALL
	});
	for program in [&minilm, &smollm2, &wake] {
		assert_eq!(check_refereeable(program), Ok(()));
	}
	assert_eq!(most(&minilm), (76_500, "MeanPool"));
	assert_eq!(most(&smollm2), (43_552, "Context"));
	assert_eq!(most(&wake), (35_604, "Depthwise"));
}

/// Rows as wide as leaves at every position: nothing opens more.
fn widest() -> Program {
	let limits = Limits { max_batch: 1, max_sequence: 8_192, max_steps: 1 };
	let (vocabulary, width, fraction) = (30, 2_048, 16);
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary });
	let (table, scales) = (builder.matrix(vocabulary, width), builder.vector(vocabulary));
	let by = EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction });
	let value = builder.push(Operator::MeanPool { value, ids });
	builder.finish(value)
}

#[test]
fn no_program_opens_more_than_an_answer_takes() {
	let program = widest();
	assert_eq!(check_refereeable(&program), Ok(()));
	let (bytes, name) = most(&program);
	assert_eq!(name, "MeanPool");
	assert!(bytes > OPENED_BYTES_MAX * 3 / 4, "{bytes}");
}

#[test]
fn a_game_takes_little_room() {
	// The children that one party disclosed, and little else.
	let most = Game::max_encoded_len();
	assert!((8_192..8_500).contains(&most), "{most}");
}
