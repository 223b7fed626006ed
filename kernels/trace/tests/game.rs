//! Whole games in memory: who is wrong anywhere is convicted, and who is right never is.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{merkle, Claim, Hash};
use assay_reference::sample::Generator;
use assay_trace::{
	first_difference, trace_root, Layout, Need, Part, Position, RefereeError, Truth,
};
use common::{
	party::{cheat, Party},
	Full, Job,
};
use std::collections::BTreeMap;

type Guilty = [bool; 2];
const NOBODY: Guilty = [false; 2];

/// Opens all that a position depends on, each thing by a party drawn by chance.
fn open(
	layout: &Layout<'_>,
	parties: [&Party<'_>; 2],
	needs: impl Fn(&BTreeMap<Need, Vec<u8>>) -> Result<Vec<Need>, RefereeError>,
	generator: &mut Generator,
) -> Result<BTreeMap<Need, Vec<u8>>, RefereeError> {
	let mut open = BTreeMap::new();
	loop {
		let missing: Vec<Need> =
			needs(&open)?.into_iter().filter(|need| !open.contains_key(need)).collect();
		if missing.is_empty() {
			return Ok(open);
		}
		for need in missing {
			let party = parties[generator.below(2) as usize];
			let opening = party.open(need);
			layout.check_opening(need, &opening, &party.roots()).unwrap();
			open.insert(need, opening.bytes);
		}
	}
}

/// Plays a game to its end.
fn play(layout: &Layout<'_>, parties: [&Party<'_>; 2], generator: &mut Generator) -> Guilty {
	let root = |party: &Party<'_>| trace_root(&party.body(), &party.claim.output());
	assert_ne!(root(parties[0]), root(parties[1]));
	if parties[0].body() == parties[1].body() {
		return play_output(layout, parties, generator);
	}
	let tree = layout.tree();
	let (mut level, mut position) = (tree.levels(), 0);
	let mut nodes = parties.map(Party::body);
	while level > 0 {
		let children = parties.map(|party| party.children(level, position));
		let refused = [0, 1].map(|side| {
			tree.check_children(level, position, &nodes[side], children[side]).is_err()
		});
		assert_eq!(refused, NOBODY);
		let first = first_difference(children[0], children[1]).unwrap();
		nodes = children.map(|children| children[first as usize]);
		(level, position) = (level - 1, position * 256 + first);
	}
	let leaves = parties.map(|party| party.leaf(position));
	let refused =
		[0, 1].map(|side| layout.check_leaf(position, &nodes[side], leaves[side]).is_err());
	if refused != NOBODY {
		return refused;
	}
	let at = layout.difference(position, leaves[0], leaves[1]).unwrap();
	// No valid opening: there is none in an honest trace's common ground.
	play_element(layout, parties, at, leaves, generator).unwrap_or([true; 2])
}

fn play_element(
	layout: &Layout<'_>,
	parties: [&Party<'_>; 2],
	at: Position,
	leaves: [&[u8]; 2],
	generator: &mut Generator,
) -> Result<Guilty, RefereeError> {
	let opened = open(layout, parties, |open| layout.needs(&at, open), generator)?;
	if at.part != Part::Finish {
		let truth = layout.judge(&at, &opened)?;
		return Ok(leaves.map(|bytes| !layout.agrees(&at, &truth, bytes)));
	}
	let partials = parties.map(|party| party.partials(layout, &at, generator));
	let mut guilty = NOBODY;
	for side in [0, 1] {
		layout.check_partials(&at, &partials[side]).unwrap();
		guilty[side] = match layout.judge_partials(&at, &partials[side], &opened) {
			Ok(truth) => !layout.agrees(&at, &truth, leaves[side]),
			Err(RefereeError::Partials) => true,
			Err(error) => return Err(error),
		};
	}
	if guilty != NOBODY {
		return Ok(guilty);
	}
	let mut pairs = partials[0].iter().zip(&partials[1]);
	let block = pairs.position(|(left, right)| left != right).unwrap();
	let at = Position { part: Part::Block(block as u32), ..at };
	let opened = open(layout, parties, |open| layout.needs(&at, open), generator)?;
	let truth = layout.judge(&at, &opened)?;
	Ok([0, 1].map(|side| truth != Truth::Partial(partials[side][block])))
}

/// The game about `Emit`.
fn play_output(layout: &Layout<'_>, parties: [&Party<'_>; 2], generator: &mut Generator) -> Guilty {
	let counts = parties.map(|party| party.claim.count());
	let refused = counts.map(|count| layout.check_count(count).is_err());
	if refused != NOBODY {
		return refused;
	}
	if counts[0] != counts[1] {
		return counts.map(|count| {
			let needs = |_: &BTreeMap<_, _>| Ok(layout.count_need(count).into_iter().collect());
			let opened = open(layout, parties, needs, generator).unwrap();
			!layout.judge_count(count, &opened).unwrap()
		});
	}
	let levels = parties.map(Party::output_levels);
	let roots = levels.each_ref().map(|levels| levels.last().unwrap()[0]);
	let refused =
		[0, 1].map(|side| layout.check_output_root(&parties[side].claim, &roots[side]).is_err());
	if refused != NOBODY {
		return refused;
	}
	let tree = layout.output_tree(counts[0]).unwrap();
	let (mut level, mut position) = (tree.levels(), 0);
	let mut nodes: [Hash; 2] = roots;
	while level > 0 {
		let children = levels.each_ref().map(|levels| {
			let below = &levels[level as usize - 1];
			&below[position as usize * 256..below.len().min(position as usize * 256 + 256)]
		});
		for side in [0, 1] {
			tree.check_children(level, position, &nodes[side], children[side]).unwrap();
		}
		let first = first_difference(children[0], children[1]).unwrap();
		nodes = children.map(|children| children[first as usize]);
		(level, position) = (level - 1, position * 256 + first);
	}
	let segments = parties.map(|party| party.output_segment(position));
	let refused = [0, 1].map(|side| {
		layout.check_output_segment(counts[0], position, &nodes[side], &segments[side]).is_err()
	});
	if refused != NOBODY {
		return refused;
	}
	let element = layout.output_difference(position, &segments[0], &segments[1]).unwrap();
	let needs = |_: &BTreeMap<_, _>| Ok(layout.output_need(element).into_iter().collect());
	let opened = open(layout, parties, needs, generator).unwrap();
	let truth = layout.judge_output(element, &opened).unwrap();
	segments.map(|bytes| layout.output_element_in(element, &bytes) != Some(truth))
}

fn check_games(job: &Job, games: u32, generator: &mut Generator, met: &mut BTreeMap<String, u32>) {
	let (layout, full) = (job.layout(), Full::of(job));
	for _ in 0..games {
		let honest = Party::honest(&full);
		let (cheater, what) = cheat(job, &full, generator);
		if cheater.honest {
			continue;
		}
		let context = || format!("{} {:?}: {what}", job.name, job.parameters);
		assert_eq!(play(&layout, [&honest, &cheater], generator), [false, true], "{}", context());
		assert_eq!(play(&layout, [&cheater, &honest], generator), [true, false], "{}", context());
		let (other, _) = cheat(job, &full, generator);
		let is_game = other.body() != cheater.body() || other.claim != cheater.claim;
		if !other.honest && is_game {
			let guilty = play(&layout, [&cheater, &other], generator);
			assert_ne!(guilty, NOBODY, "{}", context());
		}
		*met.entry(what).or_default() += 1;
	}
}

#[test]
fn who_changes_anything_is_convicted_and_who_is_honest_never() {
	let mut generator = Generator::new(7);
	let mut met = BTreeMap::new();
	for seed in 0..48 {
		check_games(&common::any(seed), 40, &mut generator, &mut met);
	}
	assert!(met.values().sum::<u32>() > 1_500, "{met:?}");
	assert!(met.len() >= 10 && met.values().all(|games| *games > 5), "{met:?}");
}

/// Every operator: a changed element of each, at the ends of its first and last row.
#[test]
fn who_changes_one_element_of_any_operator_is_convicted() {
	let mut generator = Generator::new(8);
	for seed in 0..16 {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		let honest = Party::honest(&full);
		for step in [0, full.claim.count() - 1] {
			for operator in 0..layout.operators() {
				let leaves = layout.leaves_of(step, operator).unwrap();
				for index in [leaves.start, leaves.end - 1] {
					let mut bytes = full.leaves[index as usize].clone();
					// The lowest bit of the last element, so that it stays in range mostly.
					let size = layout.leaf(index).unwrap().element_bytes as usize;
					let at = bytes.len() - size;
					bytes[at] ^= 1;
					let mut cheater = Party::honest(&full);
					cheater.change([(index, bytes)]);
					let name = layout.operator(operator).unwrap().name();
					let guilty = play(&layout, [&cheater, &honest], &mut generator);
					assert_eq!(guilty, [true, false], "{} {name}, step {step}", job.name);
				}
			}
		}
	}
}

/// Three levels of disclosures, and openings out of steps long past.
#[test]
fn a_long_run_is_judged_like_a_short_one() {
	let mut generator = Generator::new(10);
	let job = common::endless();
	let (layout, full) = (job.layout(), Full::of(&job));
	let honest = Party::honest(&full);
	for _ in 0..60 {
		let (cheater, what) = cheat(&job, &full, &mut generator);
		if !cheater.honest {
			let guilty = play(&layout, [&honest, &cheater], &mut generator);
			assert_eq!(guilty, [false, true], "{what}");
		}
	}
}

/// A party that runs other weights, or another prompt, with a trace that is right for them.
#[test]
fn who_runs_something_else_is_convicted() {
	let mut generator = Generator::new(9);
	let mut games = 0;
	for seed in 0..24 {
		let job = common::any(seed);
		let mut other = common::any(seed);
		if seed.is_multiple_of(2) {
			let end = other.weights.len();
			other.weights[end - 64..].iter_mut().for_each(|byte| *byte ^= 0x55);
		} else {
			other.input[..4].copy_from_slice(&3u32.to_le_bytes());
		}
		let (layout, full, false_full) = (job.layout(), Full::of(&job), Full::of(&other));
		let honest = Party::honest(&full);
		let changed = (0u32..).zip(&false_full.leaves).zip(&full.leaves);
		let changed = changed.filter(|((_, new), old)| new != old);
		let mut cheater = Party::honest(&full);
		cheater.change(changed.map(|((index, new), _)| (index, new.clone())).collect::<Vec<_>>());
		cheater.claims(false_full.claim.count(), false_full.output.clone());
		if cheater.body() == honest.body() {
			continue;
		}
		games += 1;
		assert_eq!(play(&layout, [&honest, &cheater], &mut generator), [false, true]);
	}
	assert!(games > 12);
}

#[test]
fn the_output_digest_is_the_node_of_emit() {
	let full = Full::of(&common::decoder(5));
	let Claim::Output { count, data } = full.claim else { panic!() };
	assert_eq!(data, merkle::blob(&full.output));
	assert_eq!(full.claim.output(), merkle::node(&merkle::leaf(&count.to_le_bytes()), &data));
}
