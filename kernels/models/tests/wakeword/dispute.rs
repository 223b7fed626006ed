//! Whole games about a network: who says of any layer what it does not make is convicted there.

use crate::common::{self, NAMES, ROW};
use assay_models::Imported;
use assay_program::{Outcome, Parameters};
use assay_trace::{
	check_refereeable, opened_bytes, Game, Ground, Layout, Question, ReferenceSteps, Side, Steps,
	Tracer, Turn, Visit, OPENED_BYTES_MAX, QUESTIONS_MAX,
};

/// Calls of a stretch: more than any filter sees.
const CALLS: u32 = 40;

/// A run of which one byte of one operator's tensor is another, and one of the output.
struct Forged<'a> {
	steps: ReferenceSteps<'a>,
	operator: usize,
	/// The byte, counted from the end of the tensor.
	from_end: usize,
}

impl Steps for Forged<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let outcome = self.steps.run(&mut |step, operator, bytes| {
			let mut bytes = bytes.to_vec();
			if operator == self.operator {
				let at = bytes.len() - self.from_end;
				bytes[at] ^= 1;
			}
			visit(step, operator, &bytes)
		})?;
		let Some(Outcome::Output { count, mut data }) = outcome else { return Ok(outcome) };
		*data.last_mut().unwrap() ^= 1;
		Ok(Some(Outcome::Output { count, data }))
	}
}

/// Plays a game to its end, both parties saying what their traces say: who is guilty, and the last
/// question.
fn play(
	ground: &Ground<'_>,
	honest: &Tracer<'_, ReferenceSteps<'_>>,
	liar: &Tracer<'_, Forged<'_>>,
) -> ([bool; 2], Question) {
	let claims = [liar.claim(), honest.claim()];
	let mut game = Game::new(claims, ground.layout.outline()).unwrap();
	for _ in 0..QUESTIONS_MAX {
		let question = game.question();
		for side in Side::BOTH {
			if game.question() != question || !game.owes(side) {
				continue;
			}
			let answer = match side {
				Side::Claimant => liar.answer(&question).unwrap(),
				Side::Challenger => honest.answer(&question).unwrap(),
			};
			match game.play(ground, side, &question, &answer).unwrap() {
				Turn::Waits(next) | Turn::Next(next) => game = next,
				Turn::Over(guilty) => return (guilty, question),
			}
		}
	}
	panic!("the game does not end: {:?}", game.question())
}

fn check_network(name: &str) -> usize {
	let Imported { program, weights, .. } = common::import(name);
	assert_eq!(check_refereeable(&program), Ok(()));
	let most = opened_bytes(&program).unwrap().into_iter().max().unwrap();
	println!("{name}: {most} bytes are opened at most");
	assert!(most < OPENED_BYTES_MAX / 4, "{name}: {most}");
	let spoken = common::spoken(name);
	let input = &spoken[..ROW * CALLS as usize];
	let parameters = Parameters::encoder(1, CALLS);
	let layout = Layout::new(&program, &parameters).unwrap();
	let honest = Tracer::reference(&program, &weights, input, &parameters).unwrap();
	let roots = honest.roots();
	let ground = Ground { layout: &layout, input: roots.input, weights: roots.weights };
	let mut games = 0;
	for operator in 0..layout.operators() {
		let size = layout.tensor(operator).unwrap().kind.element_bytes() as usize;
		let elements = layout.elements(0, operator) as usize;
		// In the first position, where filters see little, and in the last.
		for from_end in [elements * size, size] {
			let steps = ReferenceSteps {
				program: &program,
				weights: &weights,
				input,
				parameters: &parameters,
			};
			let forged = Forged { steps, operator: operator as usize, from_end };
			let liar = Tracer::new(layout.clone(), forged, &weights, input).unwrap();
			let (guilty, question) = play(&ground, &honest, &liar);
			let kind = layout.operator(operator).unwrap().name();
			assert_eq!(guilty, [true, false], "{name}, {operator}: {kind}");
			let Question::Openings { position } = question else { panic!("{question:?}") };
			assert_eq!(position.operator, operator, "{name}: {kind}");
			assert_eq!(position.element as usize, elements - from_end / size, "{name}: {kind}");
			games += 1;
		}
	}
	games
}

#[test]
fn who_changes_a_byte_of_any_layer_is_convicted_there() {
	let games: usize = NAMES.into_iter().map(check_network).sum();
	assert!(games > 80, "{games}");
}
