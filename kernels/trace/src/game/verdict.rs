//! At the bottom: what both parties opened decides.

use super::{Asked, AtMost, Disclosed, Element, Game, Ground, Said, Side, Turn, NOBODY};
use crate::{
	input::{self, Offence},
	DisclosureError, Need, Opening, Openings, Part, Partial, Position, RefereeError, Refusal,
	Roots, Source, Truth,
};
use alloc::vec::Vec;
use assay_program::InvalidCode;

/// Openings in ascending order.
struct Opened<'a>(&'a [(Need, Opening)]);

impl Source for Opened<'_> {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		let place = self.0.binary_search_by_key(&need, |(need, _)| *need).ok()?;
		self.0.get(place).map(|(_, opening)| opening.bytes.as_slice())
	}
}

impl Asked {
	/// What comes after two leaves.
	pub(super) fn of(position: Position, said: [Element; 2]) -> Self {
		match position.part {
			Part::Finish => Self::Partials(position, said),
			_ => Self::Openings(position, Said::Elements(said)),
		}
	}
}

impl Game {
	/// Takes openings if they are all that is needed and nothing else, each of it right.
	///
	/// What is needed is asked with everything open that came, before its hashes are looked at: a
	/// value that selects what else is needed is among them, and checked like all others.
	fn open<'a>(
		&self,
		ground: &Ground<'_>,
		openings: &'a Openings,
		needs: impl Fn(&dyn Source) -> Result<Vec<Need>, RefereeError>,
	) -> Result<Opened<'a>, Refusal> {
		if !openings.is_sorted_by(|(need, _), (next, _)| need < next) {
			return Err(Refusal::Order);
		}
		let open = Opened(openings);
		let needs = needs(&open)?;
		if let Some(missing) = needs.iter().find(|need| open.bytes(**need).is_none()) {
			return Err(Refusal::Missing(*missing));
		}
		let mut surplus = openings.iter().filter(|(need, _)| needs.binary_search(need).is_err());
		if let Some((surplus, _)) = surplus.next() {
			return Err(Refusal::Surplus(*surplus));
		}
		for (need, opening) in openings {
			let checked = self.check_opening(ground, *need, opening);
			checked.map_err(|error| Refusal::Opening(*need, error))?;
		}
		Ok(open)
	}

	/// A leaf that a position depends on comes before it, where both bodies say the same. So the
	/// path to either of them will do, and who opens takes his own.
	fn check_opening(
		&self,
		ground: &Ground<'_>,
		need: Need,
		opening: &Opening,
	) -> Result<(), DisclosureError> {
		// Without bodies the game is about the input, of which alone something is opened.
		let bodies = self.bodies.unwrap_or_default();
		match need {
			Need::Leaf(index) => {
				let root = ground.layout.opened_root(index, opening)?;
				bodies.contains(&root).then_some(()).ok_or(DisclosureError::Root)
			},
			_ => {
				let [body, _] = bodies;
				let roots = Roots { body, input: ground.input, weights: ground.weights };
				ground.layout.check_opening(need, opening, &roots)
			},
		}
	}

	/// Whether a party's partials make the element that it disclosed.
	pub(super) fn check_partials(
		&self,
		ground: &Ground<'_>,
		position: &Position,
		own: Element,
		partials: &[Partial],
		openings: &Openings,
	) -> Result<(), Refusal> {
		let layout = ground.layout;
		layout.check_partials(position, partials)?;
		let open = self.open(ground, openings, |open| layout.needs(position, open))?;
		let truth = layout.judge_partials(position, partials, &open)?;
		agrees(own, &truth).then_some(()).ok_or(Refusal::Element)
	}

	/// Goes on with the first of two partials that differs.
	pub(super) fn partials(
		&self,
		side: Side,
		position: &Position,
		partials: &[Partial],
	) -> Result<Turn, Refusal> {
		let Some((_, Disclosed::Partials(other))) = &self.first else {
			return Ok(self.waits(side, Disclosed::Partials(AtMost::of(partials)?)));
		};
		let pairs = partials.iter().zip(other.as_slice());
		let mut differing = (0u32..).zip(pairs).filter(|(_, (own, other))| own != other);
		// From the same partials and common ground both would have made the same element.
		let Some((block, (own, other))) = differing.next() else { return Ok(NOBODY) };
		let position = Position { part: Part::Block(block), ..*position };
		Ok(self.next(Asked::Openings(position, Said::Partials(side.pair(*own, *other)))))
	}

	/// All that a position depends on: the referee decides.
	pub(super) fn openings(
		&self,
		ground: &Ground<'_>,
		position: &Position,
		said: &Said,
		openings: &Openings,
	) -> Result<Turn, Refusal> {
		let layout = ground.layout;
		let open = self.open(ground, openings, |open| layout.needs(position, open))?;
		let truth = layout.judge(position, &open)?;
		Ok(Turn::Over(match said {
			Said::Elements(said) => said.map(|said| !agrees(said, &truth)),
			Said::Partials(said) => said.map(|said| truth != Truth::Partial(said)),
		}))
	}

	/// The `Stop` rows of the last step of both counts.
	pub(super) fn counts(&self, ground: &Ground<'_>, openings: &Openings) -> Result<Turn, Refusal> {
		let layout = ground.layout;
		let counts = self.claims.map(|claim| claim.count());
		let mut needs: Vec<Need> =
			counts.iter().filter_map(|count| layout.count_need(*count)).collect();
		needs.sort_unstable();
		let open = self.open(ground, openings, |_| Ok(needs.clone()))?;
		let [left, right] = counts.map(|count| layout.judge_count(count, &open));
		let (left, right) = (left?, right?);
		// A run stops once. Where it does at both counts, or at none, neither party is honest.
		Ok(Turn::Over(if left == right { [true; 2] } else { [!left, !right] }))
	}

	/// The leaf that an element of the output is copied from.
	pub(super) fn copy(
		&self,
		ground: &Ground<'_>,
		element: u64,
		said: &[Element; 2],
		openings: &Openings,
	) -> Result<Turn, Refusal> {
		let layout = ground.layout;
		let needs = |_: &dyn Source| Ok(layout.output_need(element).into_iter().collect());
		let open = self.open(ground, openings, needs)?;
		let truth = Some(layout.judge_output(element, &open)?);
		Ok(Turn::Over(said.map(|said| said != truth)))
	}

	/// A rule that the input breaks. Each party shows one: an honest one shows the first there is.
	pub(super) fn offence(
		&self,
		ground: &Ground<'_>,
		side: Side,
		(shown, answered): (Option<(Offence, InvalidCode)>, [bool; 2]),
		(offence, openings): (&Offence, &Openings),
	) -> Result<Turn, Refusal> {
		let layout = ground.layout;
		let open = self.open(ground, openings, |_| Ok(layout.offence_needs(offence)))?;
		let broken = layout.judge_offence(offence, &ground.input, &open)?;
		let new = Some((*offence, broken.ok_or(Refusal::NoOffence)?));
		if input::first(shown, new) == shown {
			return Err(Refusal::Beaten);
		}
		let [claimant, challenger] = answered;
		let answered = match side {
			Side::Claimant => [true, challenger],
			Side::Challenger => [claimant, true],
		};
		let game = Self { asked: Asked::Offence(new, answered), ..self.clone() };
		// Nothing comes before these.
		let is_first = matches!(offence, Offence::Length { .. } | Offence::Token(0));
		Ok(if is_first || answered == [true; 2] {
			Turn::Over(game.timeout())
		} else {
			Turn::Waits(game)
		})
	}
}

/// Whether a party's element is what is true.
fn agrees(said: Element, truth: &Truth) -> bool {
	match truth {
		Truth::Null => said.is_none(),
		Truth::Live => said.is_some(),
		Truth::Element(value) => said == Some(*value),
		Truth::Partial(_) => false,
	}
}
