//! A wrong trace that holds together: a run whose tensors are changed on their way into the tree,
//! so that every disclosure fits every other one and one step does not follow from those before
//! it.

use crate::{bend::bend, Lie, Plan};
use anyhow::{ensure, Context, Result};
use assay_program::{merkle, Claim, Hash, Outcome, Parameters, Program};
use assay_reference::sample::Generator;
use assay_trace::{
	Answer, Game, Ground, Layout, Part, Position, Question, ReferenceSteps, Side, Steps, Tracer,
	TracerError, Turn, Upper, Visit,
};
use std::{ops::ControlFlow, sync::Arc};

/// Bytes of a token.
const TOKEN: usize = 4;
/// Places that are tried for a lie.
const TRIES: u32 = 256;

/// A job with everything that running it takes.
#[derive(Clone, Debug)]
pub struct Task {
	/// The program.
	pub program: Arc<Program>,
	/// Its weights.
	pub weights: Arc<Vec<u8>>,
	/// The input.
	pub input: Vec<u8>,
	/// The parameters.
	pub parameters: Parameters,
}

/// An element, and what it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changed {
	step: u32,
	operator: u32,
	element: u64,
	value: i32,
}

/// How a run differs from the right one.
#[derive(Clone, Debug)]
struct Change {
	element: Option<Changed>,
	/// The last step that is shown, where it is an earlier one.
	last: Option<u32>,
	/// Whether a step is shown after the last one.
	more: bool,
	/// What the run ends in.
	outcome: Outcome,
}

/// A party's trace of one job, wrong by its plan.
#[derive(Debug)]
pub struct Cheat {
	task: Task,
	change: Change,
	upper: Arc<Upper>,
	claim: Claim,
	what: String,
}

impl Task {
	fn layout(&self) -> Result<Layout<'_>> {
		Ok(Layout::new(&self.program, &self.parameters)?)
	}

	fn honest(&self) -> ReferenceSteps<'_> {
		let Self { program, weights, input, parameters } = self;
		ReferenceSteps { program, weights, input, parameters }
	}

	/// What the job really ends in.
	pub fn outcome(&self) -> Result<Outcome> {
		let Self { program, weights, input, parameters } = self;
		Ok(assay_reference::run(program, weights, input, parameters)?)
	}
}

impl Cheat {
	/// Runs a job and lies about it. Fails where the job leaves no room for the lie: a run of one
	/// step cannot end early.
	pub fn new(task: Task, plan: &Plan) -> Result<Self> {
		let outcome = task.outcome()?;
		let right = outcome.claim();
		let change = place(&task, outcome, plan).with_context(|| format!("no room for {plan}"))?;
		let layout = task.layout()?;
		let what = describe(&layout, plan, &change);
		let steps = Tampered { honest: task.honest(), layout: &layout, change: &change };
		let tracer = Tracer::new(task.layout()?, steps, &task.weights, &task.input)?;
		let upper = Arc::clone(tracer.upper());
		let claim = match plan.lie {
			Lie::Invalid => Claim::Invalid { code: 2 },
			_ => upper.claim(),
		};
		let is_right = claim.output() == right.output();
		ensure!(is_right == matches!(plan.lie, Lie::None | Lie::Trace), "{plan} claims {claim:?}");
		Ok(Self { task, change, upper, claim, what })
	}

	/// What it claims.
	pub fn claim(&self) -> Claim {
		self.claim
	}

	/// The digest of its body.
	pub fn body(&self) -> Hash {
		self.upper.body()
	}

	/// What is wrong, for people.
	pub fn what(&self) -> &str {
		&self.what
	}

	/// Its answer to a question, where its trace leads to one.
	pub fn answer(&self, question: &Question) -> Result<Option<Answer>> {
		let layout = self.task.layout()?;
		let steps = Tampered { honest: self.task.honest(), layout: &layout, change: &self.change };
		let tracer = Tracer::resume(
			self.task.layout()?,
			steps,
			&self.task.weights,
			&self.task.input,
			Arc::clone(&self.upper),
		);
		if let Question::Partials { position } = question {
			return self.partials(&layout, &tracer, position);
		}
		match tracer.answer(question) {
			Ok(answer) => Ok(Some(answer)),
			Err(TracerError::Run(error)) => Err(anyhow::anyhow!(error)),
			// So wrong that nothing follows from it.
			Err(_) => Ok(None),
		}
	}

	/// Partials that make its element, whatever that is.
	fn partials(
		&self,
		layout: &Layout<'_>,
		tracer: &Tracer<'_, Tampered<'_>>,
		position: &Position,
	) -> Result<Option<Answer>> {
		let Ok((partials, open)) = tracer.partials(position) else { return Ok(None) };
		let place = layout.leaf_of(position.step, position.operator, position.element);
		let (index, _) = place.context("no such element")?;
		let own = layout.element_in(position, &tracer.leaf(index)?).context("a null leaf")?;
		let bent = bend(layout, position, own, &partials, &open);
		Ok(bent.map(|bent| Answer::Partials(bent, open.into_iter().collect())))
	}
}

/// How a game between two traces ends.
#[derive(Clone, Debug)]
pub struct Ending {
	/// Whether claimant and challenger are guilty.
	pub guilty: [bool; 2],
	/// What was asked.
	pub asked: Vec<Question>,
	/// Whether the deadline decided: a trace led to no right answer.
	pub is_late: bool,
}

/// Plays a game between a claimant and a challenger of one job.
pub fn play(parties: [&Cheat; 2]) -> Result<Ending> {
	let [Cheat { task, .. }, _] = parties;
	let layout = task.layout()?;
	let (input, weights) = (merkle::blob(&task.input), merkle::blob(&task.weights));
	let ground = Ground { layout: &layout, input, weights };
	let game = Game::new(parties.map(Cheat::claim), layout.outline());
	let mut game = game.ok().context("the claims are the same")?;
	let mut asked = Vec::new();
	loop {
		let question = game.question();
		asked.push(question);
		let mut turn = Turn::Waits(game);
		for (side, party) in Side::BOTH.into_iter().zip(parties) {
			let Turn::Waits(waiting) = &turn else { break };
			let Some(answer) = party.answer(&question)? else { continue };
			if let Ok(next) = waiting.play(&ground, side, &question, &answer) {
				turn = next;
			}
		}
		match turn {
			Turn::Next(next) => game = next,
			Turn::Waits(waiting) => {
				return Ok(Ending { guilty: waiting.timeout(), asked, is_late: true })
			},
			Turn::Over(guilty) => return Ok(Ending { guilty, asked, is_late: false }),
		}
	}
}

/// A run that shows something else than what it makes.
struct Tampered<'a> {
	honest: ReferenceSteps<'a>,
	layout: &'a Layout<'a>,
	change: &'a Change,
}

impl Steps for Tampered<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> std::result::Result<Option<Outcome>, String> {
		let mut is_enough = false;
		self.honest.run(&mut |step, operator, bytes| {
			if self.change.last.is_some_and(|last| step > last) {
				return ControlFlow::Break(());
			}
			let changed = self.changed(step, operator, bytes);
			let flow = visit(step, operator, changed.as_deref().unwrap_or(bytes));
			is_enough |= flow.is_break();
			flow
		})?;
		if is_enough || (self.change.more && self.show_more(visit).is_break()) {
			return Ok(None);
		}
		Ok(Some(self.change.outcome.clone()))
	}
}

impl Tampered<'_> {
	/// The tensor with the element that is lied about.
	fn changed(&self, step: u32, operator: usize, bytes: &[u8]) -> Option<Vec<u8>> {
		let place = self.change.element?;
		if (place.step, place.operator as usize) != (step, operator) {
			return None;
		}
		let mut bytes = bytes.to_vec();
		let size = self.layout.tensor(place.operator)?.kind.element_bytes() as usize;
		let start = usize::try_from(place.element).ok()?.checked_mul(size)?;
		let value = place.value.to_le_bytes();
		bytes.get_mut(start..start + size)?.copy_from_slice(&value[..size]);
		Some(bytes)
	}

	/// A step of zeros after the last one, which says that it ends the run.
	fn show_more(&self, visit: &mut Visit<'_>) -> ControlFlow<()> {
		let step = self.change.outcome.count().saturating_sub(1);
		for operator in 0..self.layout.operators() {
			let Some(tensor) = self.layout.tensor(operator) else { continue };
			let bytes =
				self.layout.elements(step, operator) * u64::from(tensor.kind.element_bytes());
			let mut bytes = vec![0; usize::try_from(bytes).unwrap_or(0)];
			if operator + 1 == self.layout.operators() {
				bytes[..TOKEN].copy_from_slice(&1i32.to_le_bytes());
			}
			visit(step, operator as usize, &bytes)?;
		}
		ControlFlow::Continue(())
	}
}

/// Another value that any kind of element may have which has this one.
fn other(value: i32) -> i32 {
	if value > 0 {
		value - 1
	} else {
		value + 1
	}
}

/// Changes a token of an output.
fn change_token(data: &mut [u8], token: usize) {
	let (tokens, _) = data.as_chunks_mut::<TOKEN>();
	if let Some(bytes) = tokens.get_mut(token) {
		*bytes = other(i32::from_le_bytes(*bytes)).to_le_bytes();
	}
}

/// Chooses what is wrong.
fn place(task: &Task, outcome: Outcome, plan: &Plan) -> Result<Change> {
	let layout = task.layout()?;
	let Outcome::Output { count, mut data } = outcome.clone() else {
		anyhow::bail!("the input is invalid")
	};
	let mut dice = Generator::new(plan.seed);
	let tokens = data.len() / TOKEN;
	let per_step = data.len() / (count as usize).max(1);
	let stop = layout.operators().saturating_sub(1);
	let mut change = Change { element: None, last: None, more: false, outcome };
	match plan.lie {
		Lie::None | Lie::Invalid => return Ok(change),
		Lie::Byte => change_token(&mut data, dice.below(tokens as u32) as usize),
		Lie::Tokens => (0..tokens).for_each(|token| change_token(&mut data, token)),
		Lie::Element => {
			change.element = Some(any_element(task, count, &mut dice, false)?);
			change_token(&mut data, dice.below(tokens as u32) as usize);
		},
		Lie::Partial => {
			change.element = Some(any_element(task, count, &mut dice, true)?);
			change_token(&mut data, dice.below(tokens as u32) as usize);
		},
		Lie::Trace => {
			change.element = Some(any_element(task, count, &mut dice, false)?);
			return Ok(change);
		},
		Lie::EarlyStop => {
			ensure!(count > 1, "the run has one step");
			let last = dice.below(count - 1);
			change.last = Some(last);
			change.element = Some(Changed { step: last, operator: stop, element: 0, value: 1 });
			data.truncate(per_step * (last as usize + 1));
			change.outcome = Outcome::Output { count: last + 1, data };
			return Ok(change);
		},
		Lie::LateStep | Lie::Count => {
			ensure!(count < task.parameters.max_steps, "the run has all steps");
			data.extend(vec![0; per_step]);
			change.outcome = Outcome::Output { count: count + 1, data };
			change.more = plan.lie == Lie::LateStep;
			let step = count - 1;
			// Either the step before does not end the run, or it does and there is one more.
			let goes_on = change.more && dice.below(2) == 0;
			change.element =
				goes_on.then_some(Changed { step, operator: stop, element: 0, value: 0 });
			return Ok(change);
		},
	}
	change.outcome = Outcome::Output { count, data };
	Ok(change)
}

/// Any element of the steps that were run, with another value; of an operator that reduces in
/// blocks, where the partials of a block can be bent to make it, if that is wanted.
fn any_element(task: &Task, count: u32, dice: &mut Generator, in_blocks: bool) -> Result<Changed> {
	let layout = task.layout()?;
	let tracer = Tracer::new(task.layout()?, task.honest(), &task.weights, &task.input)?;
	for _ in 0..TRIES {
		let (step, operator) = (dice.below(count), dice.below(layout.operators()));
		let part = layout.first_part(step, operator);
		if in_blocks && part != Part::Finish {
			continue;
		}
		let elements = u32::try_from(layout.elements(step, operator)).unwrap_or(u32::MAX);
		let element = u64::from(dice.below(elements));
		let position = Position { step, operator, element, part };
		let Some((index, _)) = layout.leaf_of(step, operator, element) else { continue };
		let Some(right) = layout.element_in(&position, &tracer.leaf(index)?) else { continue };
		let changed = Changed { step, operator, element, value: other(right) };
		if !in_blocks {
			return Ok(changed);
		}
		let (partials, open) = tracer.partials(&position)?;
		if bend(&layout, &position, changed.value, &partials, &open).is_some() {
			return Ok(changed);
		}
	}
	anyhow::bail!("no such element among {TRIES}")
}

fn describe(layout: &Layout<'_>, plan: &Plan, change: &Change) -> String {
	let Some(Changed { step, operator, element, .. }) = change.element else {
		return plan.to_string();
	};
	let name = layout.operator(operator).map(|operator| format!("{operator:?}"));
	let name = name.unwrap_or_default();
	let name = name.split([' ', '{', '(']).next().unwrap_or_default();
	format!("{plan}: step {step}, operator {operator} ({name}), element {element}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test panics to fail")]
mod tests {
	use super::*;
	use crate::small::Small;
	use std::collections::BTreeSet;

	fn task(seed: u64) -> Task {
		let small = Small::new();
		let input = small.prompt(seed).unwrap();
		let parameters = Small::parameters();
		Task {
			program: small.program.clone().into(),
			weights: small.weights.into(),
			input,
			parameters,
		}
	}

	#[test]
	fn every_liar_loses_to_an_honest_party_on_either_side() {
		for seed in 0..3 {
			let honest = Cheat::new(task(seed), &Plan::default()).unwrap();
			for (lie, name) in Lie::ALL {
				if matches!(lie, Lie::None | Lie::Trace) {
					continue;
				}
				let liar = Cheat::new(task(seed), &Plan::of(lie, seed + 7)).unwrap();
				assert_eq!(play([&liar, &honest]).unwrap().guilty, [true, false], "{name}");
				assert_eq!(play([&honest, &liar]).unwrap().guilty, [false, true], "{name}");
			}
		}
	}

	#[test]
	fn a_partial_is_wrong_to_the_referee_and_not_before() {
		for seed in 0..6 {
			let honest = Cheat::new(task(seed), &Plan::default()).unwrap();
			let liar = Cheat::new(task(seed), &Plan::of(Lie::Partial, seed)).unwrap();
			let Ending { guilty, asked, .. } = play([&liar, &honest]).unwrap();
			assert_eq!(guilty, [true, false], "{}", liar.what());
			let blocks = |question: &Question| {
				matches!(question, Question::Openings { position }
					if matches!(position.part, Part::Block(_)))
			};
			assert!(asked.iter().any(blocks), "{}: {asked:?}", liar.what());
		}
	}

	#[test]
	fn a_wrong_trace_under_a_right_output_loses_to_a_wrong_output_under_a_right_trace() {
		let one = Cheat::new(task(1), &Plan::of(Lie::Trace, 3)).unwrap();
		let other = Cheat::new(task(1), &Plan::of(Lie::Byte, 3)).unwrap();
		assert_eq!(play([&one, &other]).unwrap().guilty, [true, false]);
	}

	#[test]
	fn two_liars_are_not_both_innocent() {
		for seed in 0..6 {
			let one = Cheat::new(task(2), &Plan::of(Lie::Element, seed)).unwrap();
			let other = Cheat::new(task(2), &Plan::of(Lie::Tokens, seed)).unwrap();
			assert_ne!(play([&one, &other]).unwrap().guilty, [false, false]);
		}
	}

	#[test]
	fn elements_are_chosen_among_many_operators() {
		let task = task(0);
		let places = (0..60).map(|seed| {
			let plan = Plan::of(Lie::Element, seed);
			place(&task, task.outcome().unwrap(), &plan).unwrap().element.unwrap()
		});
		let operators: BTreeSet<u32> = places.map(|place| place.operator).collect();
		assert!(operators.len() > 20, "{operators:?}");
	}
}
