//! A game about an operator at its largest, up to the answer that is dearest to judge.
//!
//! Nobody runs a program as large as that. What the question depends on is there, made up, and all
//! else of both traces is a hash: as the game goes down to the element, nobody can tell.

use super::{sparse::Sparse, Case};
use crate::{
	blob_tree, Answer, Game, Ground, Layout, Need, Opening, Openings, Part, Partial, Position,
	Question, Side, Source, Truth, Turn,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use assay_program::{merkle, quantised_limit, Claim, Hash, Kind, Operator, SEGMENT};
use assay_reference::sample::Generator;

/// Elements of an operator that are looked at for the one that opens most.
const TRIED: u64 = 16;

/// A game that waits for its dearest answer, and that answer.
#[derive(Clone, Debug)]
pub struct Last {
	/// The game.
	pub game: Game,
	/// Who answers.
	pub side: Side,
	/// What is asked.
	pub question: Question,
	/// The answer.
	pub answer: Answer,
	/// The digest of the job's input.
	pub input: Hash,
	/// The digest of the model's weights.
	pub weights: Hash,
}

/// Two parties of a game about a [`Case`], and all that it asks them to open.
#[derive(Clone, Debug)]
pub struct Duel {
	claims: [Claim; 2],
	open: BTreeMap<Need, Vec<u8>>,
	input: Blob,
	weights: Blob,
	parties: [Party; 2],
}

/// What one of them says.
#[derive(Clone, Debug)]
struct Party {
	body: Sparse,
	/// Its disputed leaf.
	leaf: Vec<u8>,
	partials: Vec<Partial>,
	/// Its disputed segment of the output, and the tree over all of them.
	output: Option<(Vec<u8>, Sparse)>,
}

/// Input or weights.
#[derive(Clone, Debug)]
struct Blob {
	tree: Option<Sparse>,
	digest: Hash,
}

/// Blocks of 128 bytes that are hashed to check an answer.
pub fn blocks(openings: &Openings) -> u64 {
	let one = |opening: &Opening| (opening.bytes.len() as u64 + 1).div_ceil(128);
	openings.iter().map(|(_, opening)| one(opening) + opening.path.len() as u64).sum()
}

impl Case {
	/// The game about it, played until the dearest answer is due: the openings of its last question,
	/// or the second party's partials.
	pub fn last(&self, layout: &Layout<'_>) -> Last {
		let duel = self.duel(layout);
		let (input, weights) = (duel.input.digest, duel.weights.digest);
		let ground = Ground { layout, input, weights };
		let mut game = Game::new(duel.claims, layout.outline()).unwrap();
		loop {
			let question = game.question();
			let is_last = match question {
				Question::Openings { .. } | Question::OutputOpening { .. } => true,
				Question::Partials { .. } => self.is_partials() && !game.owes(Side::Claimant),
				_ => false,
			};
			let side = match is_last || !game.owes(Side::Claimant) {
				true => Side::Challenger,
				false => Side::Claimant,
			};
			let answer = duel.answer(layout, side, &question);
			if is_last {
				return Last { game, side, question, answer, input, weights };
			}
			game = match game.play(&ground, side, &question, &answer).unwrap() {
				Turn::Waits(game) | Turn::Next(game) => game,
				Turn::Over(guilty) => panic!("over before it is judged: {guilty:?}"),
			};
		}
	}

	/// Both parties of the game about it. The challenger is honest, but in [`Case::pooled`].
	pub fn duel(&self, layout: &Layout<'_>) -> Duel {
		match layout.operator(self.operator) {
			Some(Operator::Emit { .. }) => Self::copied(layout),
			_ => self.judged(layout),
		}
	}

	/// The element, or block, that opens most.
	fn position(&self, layout: &Layout<'_>) -> Position {
		let operator = self.operator;
		let steps = [0, 1, layout.parameters().max_steps - 1];
		let mut best = None;
		for step in steps.into_iter().filter(|step| *step < layout.parameters().max_steps) {
			let elements = layout.elements(step, operator);
			for tried in 0..TRIED {
				let element = tried * (elements - 1) / (TRIED - 1);
				for part in self.parts(layout, step) {
					let position = Position { step, operator, element, part };
					let needs = layout.needs(&position, &()).unwrap();
					let weighs = needs.iter().map(|need| length(layout, *need)).sum::<u64>();
					let partials = match part {
						Part::Finish => u64::from(layout.blocks(step, operator)),
						_ => 0,
					};
					let key = weighs + needs.len() as u64 * 1_024 + partials * 16;
					if best.is_none_or(|(most, _)| key > most) {
						best = Some((key, position));
					}
				}
			}
		}
		best.unwrap().1
	}

	fn judged(&self, layout: &Layout<'_>) -> Duel {
		let position = self.position(layout);
		let mut open = BTreeMap::new();
		fill(layout, &position, &mut open);
		let (values, partials) = if layout.blocks(position.step, position.operator) > 1 {
			let finish = Position { part: Part::Finish, ..position };
			fill(layout, &finish, &mut open);
			self.differing(layout, &position, &open)
		} else {
			let Truth::Element(value) = layout.judge(&position, &open).unwrap() else {
				panic!("an element is asked")
			};
			([other(value), value], [Vec::new(), Vec::new()])
		};
		let Position { step, operator, element, .. } = position;
		let (index, place) = layout.leaf_of(step, operator, element).unwrap();
		let size = layout.leaf(index).unwrap().element_bytes as usize;
		let at = place as usize * size;
		let leaf = |value: i32| {
			let mut leaf = bytes(layout, Need::Leaf(index));
			leaf[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
			leaf
		};
		let [left, right] = values.map(leaf);
		let [others, own] = partials;
		let party = |leaf: Vec<u8>, partials| {
			let body = body(layout, &open, Some((index, &leaf)));
			Party { body, leaf, partials, output: None }
		};
		let parties = [party(left, others), party(right, own)];
		let claims = [[3; 32], [4; 32]].map(|data| Claim::Output { count: 1, data });
		Duel::new(layout, claims, open, parties)
	}

	/// About the last element of the longest output.
	fn copied(layout: &Layout<'_>) -> Duel {
		let count = layout.parameters().max_steps;
		let length = layout.output_length(count);
		let element = length / 4 - 1;
		let need = layout.output_need(element).unwrap();
		let open: BTreeMap<Need, Vec<u8>> = [(need, bytes(layout, need))].into();
		let value = layout.judge_output(element, &open).unwrap();
		let segment = (element * 4 / SEGMENT as u64) as u32;
		let at = (element * 4 % SEGMENT as u64) as usize;
		let outputs = [other(value), value].map(|value| {
			let mut output = vec![0; SEGMENT];
			output[at..at + 4].copy_from_slice(&value.to_le_bytes());
			let leaves = [(segment, merkle::leaf(&output))];
			let tree = Sparse::new(layout.output_tree(count).unwrap(), leaves.into_iter());
			(output, tree)
		});
		let claims = outputs
			.each_ref()
			.map(|(_, tree)| Claim::Output { count, data: merkle::sized(length, &tree.root()) });
		let parties = outputs.map(|output| {
			let body = body(layout, &open, None);
			Party { body, leaf: Vec::new(), partials: Vec::new(), output: Some(output) }
		});
		Duel::new(layout, claims, open, parties)
	}

	/// Two lists of partials that differ in the block that is asked about, or the last, with the
	/// elements that they give.
	fn differing(
		&self,
		layout: &Layout<'_>,
		position: &Position,
		open: &BTreeMap<Need, Vec<u8>>,
	) -> ([i32; 2], [Vec<Partial>; 2]) {
		let finish = Position { part: Part::Finish, ..*position };
		let element = |partials: &[Partial]| match layout.judge_partials(&finish, partials, open) {
			Ok(Truth::Element(value)) => Some(value),
			_ => None,
		};
		let blocks = layout.blocks(position.step, position.operator);
		let (block, right) = match position.part {
			Part::Block(block) => match layout.judge(position, open) {
				Ok(Truth::Partial(partial)) => (block, partial),
				other => panic!("{position:?}: {other:?}"),
			},
			_ => (blocks - 1, Partial::default()),
		};
		let with = |value, count| {
			let mut partials = vec![Partial::default(); blocks as usize];
			partials[block as usize] =
				Partial { value: right.value + value, count: right.count + count };
			partials
		};
		// No power of two makes it right.
		let off = if self.are_both_wrong() { 3 } else { 0 };
		let own = with(off, 0);
		let value = element(&own).unwrap();
		for by in (0..30).map(|shift| 1i64 << shift) {
			for others in [with(off + by, 0), with(off - by, 0), with(off, by)] {
				match element(&others) {
					Some(said) if said != value => return ([said, value], [others, own]),
					_ => {},
				}
			}
		}
		panic!("no other partial makes another element: {position:?}")
	}
}

/// A body in which all that is opened is right, with a party's own leaf.
fn body(
	layout: &Layout<'_>,
	open: &BTreeMap<Need, Vec<u8>>,
	own: Option<(u32, &Vec<u8>)>,
) -> Sparse {
	let leaves = open.iter().filter_map(|(need, bytes)| match need {
		Need::Leaf(index) => Some((*index, bytes)),
		_ => None,
	});
	let hashes = leaves.chain(own).map(|(index, bytes)| (index, merkle::leaf(bytes)));
	Sparse::new(layout.tree(), hashes)
}

impl Blob {
	fn new<'a>(length: u64, opened: impl Iterator<Item = (u32, &'a Vec<u8>)>) -> Self {
		let hashes = opened.map(|(number, bytes)| (number, merkle::leaf(bytes)));
		let tree = blob_tree(length).map(|tree| Sparse::new(tree, hashes));
		let root = tree.as_ref().map(Sparse::root).unwrap_or_default();
		Self { tree, digest: merkle::sized(length, &root) }
	}

	fn path(&self, segment: u32) -> Vec<Hash> {
		self.tree.as_ref().unwrap().path(segment)
	}
}

impl Duel {
	fn new(
		layout: &Layout<'_>,
		claims: [Claim; 2],
		open: BTreeMap<Need, Vec<u8>>,
		parties: [Party; 2],
	) -> Self {
		let input = open.iter().filter_map(|(need, bytes)| match need {
			Need::Input(segment) => Some((*segment, bytes)),
			_ => None,
		});
		let input = Blob::new(layout.input_length(), input);
		let weights = open.iter().filter_map(|(need, bytes)| match need {
			Need::Weights(segment) => Some((*segment, bytes)),
			_ => None,
		});
		let weights = Blob::new(layout.program().weights_length(), weights);
		Self { claims, open, input, weights, parties }
	}

	fn openings(&self, party: &Party, needs: Vec<Need>) -> Openings {
		let open = |need: Need| {
			let path = match need {
				Need::Leaf(index) => party.body.path(index),
				Need::Input(segment) => self.input.path(segment),
				Need::Weights(segment) => self.weights.path(segment),
			};
			(need, Opening { bytes: self.open[&need].clone(), path })
		};
		needs.into_iter().map(open).collect()
	}

	/// What a party says.
	pub fn answer(&self, layout: &Layout<'_>, side: Side, question: &Question) -> Answer {
		let party = side.of(&self.parties);
		let open =
			|position: &Position| self.openings(party, layout.needs(position, &self.open).unwrap());
		let output = || party.output.as_ref().unwrap();
		match question {
			Question::Children { level, position } => {
				Answer::Children(party.body.children(*level, *position))
			},
			Question::Leaf { .. } => Answer::Bytes(party.leaf.clone()),
			Question::Partials { position } => {
				Answer::Partials(party.partials.clone(), open(position))
			},
			Question::Openings { position } => Answer::Openings(open(position)),
			Question::OutputChildren { level, position } => {
				Answer::Children(output().1.children(*level, *position))
			},
			Question::OutputSegment { .. } => Answer::Bytes(output().0.clone()),
			Question::OutputOpening { element } => {
				let needs = layout.output_need(*element).into_iter().collect();
				Answer::Openings(self.openings(party, needs))
			},
			Question::Offence | Question::Counts { .. } => panic!("nobody asks for {question:?}"),
		}
	}
}

/// Another value that the element can have.
fn other(value: i32) -> i32 {
	value - value.signum().max(0) * 2 + 1
}

/// Makes up all that a position depends on.
fn fill(layout: &Layout<'_>, position: &Position, open: &mut BTreeMap<Need, Vec<u8>>) {
	loop {
		let needs = layout.needs(position, open).unwrap();
		let missing: Vec<Need> =
			needs.into_iter().filter(|need| open.bytes(*need).is_none()).collect();
		if missing.is_empty() {
			return;
		}
		open.extend(missing.into_iter().map(|need| (need, bytes(layout, need))));
	}
}

fn length(layout: &Layout<'_>, need: Need) -> u64 {
	match need {
		Need::Leaf(index) => layout.leaf(index).unwrap().bytes().into(),
		_ => SEGMENT as u64,
	}
}

/// Bytes that something could have in a trace.
fn bytes(layout: &Layout<'_>, need: Need) -> Vec<u8> {
	let (Need::Leaf(number) | Need::Input(number) | Need::Weights(number)) = need;
	let mut generator = Generator::new(number.into());
	let Need::Leaf(index) = need else {
		let is_text = matches!(layout.operator(0), Some(Operator::Tokens { .. }));
		return match need {
			// Tokens.
			Need::Input(_) if is_text => vec![0; SEGMENT],
			_ => (0..SEGMENT).map(|_| generator.below(256) as u8).collect(),
		};
	};
	let leaf = layout.leaf(index).unwrap();
	let kind = layout.tensor(leaf.operator).unwrap().kind;
	let operator = layout.operator(leaf.operator).unwrap();
	let mut element = || match (kind, operator) {
		// No step is the last.
		(_, Operator::Stop { .. }) => 0,
		(_, Operator::RowMax { .. }) => generator.below(1 << 30).cast_signed() + 1,
		// A block that there is.
		(_, Operator::Draw { .. }) => generator.below(2).cast_signed(),
		(Kind::Fixed { .. }, _) => generator.next_u64() as i32,
		(Kind::Affine, _) => generator.below(256).cast_signed() - 128,
		(Kind::Quantised { bits }, _) => generator.within(quantised_limit(bits) as i32),
		(Kind::Tokens { vocabulary }, _) => generator.below(vocabulary).cast_signed(),
	};
	let elements = (0..leaf.elements).map(|_| element());
	elements
		.flat_map(|value| value.to_le_bytes().into_iter().take(leaf.element_bytes as usize))
		.collect()
}
