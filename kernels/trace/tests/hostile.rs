//! Disclosures and openings of wrong length, shape or hash: each is refused with its own error.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{merkle, Claim, InvalidCode, Kind, SEGMENT};
use assay_reference::sample::Generator;
use assay_trace::{
	input::{first, judge, Offence},
	testing::Party,
	DisclosureError, Need, Opening, Part, Partial, Position, RefereeError, Source, NULL,
};
use common::Full;
use std::collections::BTreeMap;

#[test]
fn children_of_a_wrong_number_or_hash_are_refused() {
	let job = common::decoder(11);
	let (layout, full) = (job.layout(), Full::of(&job));
	let (tree, party) = (layout.tree(), Party::honest(&full));
	let levels = tree.levels();
	let top = party.children(levels, 0);
	assert_eq!(tree.check_children(levels, 0, &party.body(), top), Ok(()));
	let expected = top.len() as u32;
	let long = [top, &[[0; 32]]].concat();
	for (children, actual) in [(&top[1..], expected - 1), (&long[..], expected + 1), (&[], 0)] {
		let refused = tree.check_children(levels, 0, &party.body(), children);
		assert_eq!(refused, Err(DisclosureError::Children { expected, actual }));
	}
	let mut other = top.to_vec();
	other[0][31] ^= 1;
	let refused = tree.check_children(levels, 0, &party.body(), &other);
	assert_eq!(refused, Err(DisclosureError::Parent));
	for (level, position) in [(0, 0), (levels + 1, 0), (levels, 1), (1, u32::MAX), (u32::MAX, 0)] {
		let refused = tree.check_children(level, position, &party.body(), top);
		assert_eq!(refused, Err(DisclosureError::NoSuchNode { level, position }));
	}
}

#[test]
fn leaves_of_a_wrong_length_hash_or_range_are_refused() {
	let job = common::decoder(12);
	let (layout, full) = (job.layout(), Full::of(&job));
	for index in 0..layout.tree().leaves() {
		let bytes = &full.leaves[index as usize];
		assert_eq!(layout.check_leaf(index, &full.hashes[index as usize], bytes), Ok(()));
		// A null leaf may stand anywhere: whether it does is for the referee.
		assert_eq!(layout.check_leaf(index, &merkle::leaf(NULL), NULL), Ok(()));
		let leaf = layout.leaf(index).unwrap();
		let expected = leaf.bytes();
		for actual in [1, expected - 1, expected + 1, 5000] {
			let bytes = vec![0; actual as usize];
			let refused = layout.check_leaf(index, &merkle::leaf(&bytes), &bytes);
			assert_eq!(refused, Err(DisclosureError::LeafLength { expected, actual }));
		}
		let zeros = vec![0; expected as usize];
		let refused = layout.check_leaf(index, &[7; 32], &zeros);
		assert_eq!(refused, Err(DisclosureError::LeafHash));
		let kind = layout.tensor(leaf.operator).unwrap().kind;
		let outside = match kind {
			// Any bytes are elements of these.
			Kind::Fixed { .. } | Kind::Affine => continue,
			Kind::Quantised { .. } => (-2048i16).to_le_bytes().to_vec(),
			Kind::Tokens { vocabulary } => vocabulary.to_le_bytes().to_vec(),
		};
		let mut bytes = zeros;
		let at = leaf.elements - 1;
		let start = bytes.len() - outside.len();
		bytes[start..].copy_from_slice(&outside);
		let refused = layout.check_leaf(index, &merkle::leaf(&bytes), &bytes);
		assert_eq!(refused, Err(DisclosureError::Element { at }));
	}
	let beyond = layout.tree().leaves();
	let refused = layout.check_leaf(beyond, &merkle::leaf(NULL), NULL);
	assert_eq!(refused, Err(DisclosureError::NoSuchNode { level: 0, position: beyond }));
}

#[test]
fn openings_that_lead_elsewhere_are_refused() {
	let job = common::wide(6);
	let (layout, full) = (job.layout(), Full::of(&job));
	let party = Party::honest(&full);
	let roots = party.roots();
	let mut generator = Generator::new(3);
	let weights = full.weights.len() as u32;
	for _ in 0..200 {
		let need = match generator.below(3) {
			0 => Need::Leaf(generator.below(layout.tree().leaves())),
			1 => Need::Input(generator.below(full.input.len() as u32)),
			_ => Need::Weights(generator.below(weights)),
		};
		let good = party.open(need);
		assert_eq!(layout.check_opening(need, &good, &roots), Ok(()));
		let refused = |bad: &Opening| layout.check_opening(need, bad, &roots).unwrap_err();
		let expected = good.path.len() as u32;

		let mut bad = good.clone();
		bad.path.push([0; 32]);
		let actual = expected + 1;
		assert_eq!(refused(&bad), DisclosureError::PathLength { expected, actual });
		if expected > 0 {
			bad.path.truncate(expected as usize - 1);
			let actual = expected - 1;
			assert_eq!(refused(&bad), DisclosureError::PathLength { expected, actual });
			let mut bad = good.clone();
			bad.path[generator.below(expected) as usize][0] ^= 1;
			assert_eq!(refused(&bad), DisclosureError::Root);
		}
		let mut bad = good.clone();
		let at = generator.below(bad.bytes.len() as u32) as usize;
		bad.bytes[at] ^= 1;
		assert_eq!(refused(&bad), DisclosureError::Root);
		bad.bytes.push(0);
		assert!(matches!(refused(&bad), DisclosureError::LeafLength { .. }));
		// At another place, where the path is as long.
		let other = match need {
			Need::Leaf(index) => Need::Leaf(index ^ 1),
			Need::Input(segment) => Need::Input(segment ^ 1),
			Need::Weights(segment) => Need::Weights(segment ^ 1),
		};
		let same = full.bytes(other) == full.bytes(need);
		assert!(same || layout.check_opening(other, &good, &roots).is_err());
	}
	for need in [Need::Leaf(u32::MAX), Need::Input(1 << 20), Need::Weights(weights)] {
		let (Need::Leaf(position) | Need::Input(position) | Need::Weights(position)) = need;
		let bytes = vec![0; SEGMENT];
		let refused = layout.check_opening(need, &Opening { bytes, path: Vec::new() }, &roots);
		assert_eq!(refused, Err(DisclosureError::NoSuchNode { level: 0, position }));
	}
}

#[test]
fn partials_that_do_not_combine_are_refused() {
	let job = common::wide(6);
	let (layout, full) = (job.layout(), Full::of(&job));
	let mean = (0..layout.operators())
		.find(|operator| layout.operator(*operator).unwrap().name() == "Mean");
	let position = Position { step: 0, operator: mean.unwrap(), element: 0, part: Part::Finish };
	let judge = |partials: &[Partial]| layout.judge_partials(&position, partials, &full);
	let plain = |value| Partial { value, count: 0 };
	assert!(judge(&[plain(1), plain(2)]).is_ok());
	let refused = Err(RefereeError::Partials);
	assert_eq!(judge(&[plain(i64::MAX), plain(1)]), refused);
	assert_eq!(judge(&[plain(i64::MIN), plain(-1)]), refused);
	assert_eq!(judge(&[plain(1), Partial { value: 1, count: 1 }]), refused);
	assert_eq!(judge(&[]), refused);
	let (expected, actual) = (2, 3);
	let refused = layout.check_partials(&position, &[plain(0); 3]);
	assert_eq!(refused, Err(DisclosureError::Partials { expected, actual }));
	// A sum of products that no row of weights can give.
	let linear = (0..layout.operators())
		.find(|operator| layout.operator(*operator).unwrap().name() == "Linear");
	let position = Position { operator: linear.unwrap(), ..position };
	let refused = layout.judge_partials(&position, &[plain(1 << 40), plain(0)], &full);
	assert_eq!(refused, Err(RefereeError::Partials));
}

#[test]
fn outputs_of_a_wrong_count_length_or_fill_are_refused() {
	let job = common::restless(2);
	let (layout, full) = (job.layout(), Full::of(&job));
	assert_eq!(layout.check_count(0), Err(DisclosureError::Count));
	let most = job.parameters.max_steps;
	assert_eq!(layout.check_count(most + 1), Err(DisclosureError::Count));
	let party = Party::honest(&full);
	let root = party.output_levels().pop().unwrap()[0];
	assert_eq!(layout.check_output_root(&full.claim, &root), Ok(()));
	let refused = layout.check_output_root(&full.claim, &[1; 32]);
	assert_eq!(refused, Err(DisclosureError::Parent));
	let invalid = Claim::Invalid { code: 2 };
	assert_eq!(layout.check_output_root(&invalid, &root), Err(DisclosureError::Count));

	let count = full.claim.count();
	let good = party.output_segment(0);
	let check = |bytes: &[u8]| layout.check_output_segment(count, 0, &merkle::leaf(bytes), bytes);
	assert_eq!(check(&good), Ok(()));
	let mut bad = good.clone();
	*bad.last_mut().unwrap() = 1;
	assert_eq!(check(&bad), Err(DisclosureError::Fill));
	bad.pop();
	let (expected, actual) = (4096, 4095);
	assert_eq!(check(&bad), Err(DisclosureError::LeafLength { expected, actual }));
	let refused = layout.check_output_segment(count, 0, &[0; 32], &good);
	assert_eq!(refused, Err(DisclosureError::LeafHash));
}

#[test]
fn the_first_offence_of_an_input_is_its_code() {
	let mut generator = Generator::new(4);
	let mut codes = BTreeMap::new();
	for seed in 0..3_000u64 {
		let job = if seed.is_multiple_of(2) {
			common::encoder(seed / 100)
		} else {
			common::decoder(seed / 100)
		};
		let layout = job.layout();
		let mut input = job.input.clone();
		for _ in 0..generator.below(3) {
			let at = 4 * generator.below(input.len() as u32 / 4) as usize;
			let token = [-1, -2, i32::MIN, 0, 5, 5_000][generator.below(6) as usize];
			input[at..at + 4].copy_from_slice(&token.to_le_bytes());
		}
		let truth = job.program.validate_input(&input, &job.parameters).err();
		let shown = common::first_offence(&layout, &input);
		assert_eq!(shown.map(|(_, code)| code), truth);
		let output = Claim::Output { count: 1, data: [0; 32] };
		assert_eq!(judge(&output, shown), truth.is_none());
		for code in 0..5 {
			let right = truth.is_some_and(|truth| truth.code() == code);
			assert_eq!(judge(&Claim::Invalid { code }, shown), right);
		}
		*codes.entry(truth.map(InvalidCode::code)).or_insert(0) += 1;
	}
	assert!(codes.len() == 3, "{codes:?}");
	// Shape, whatever else.
	let job = common::encoder(1);
	let layout = job.layout();
	let input = [&job.input[..], &(-1i32).to_le_bytes()].concat();
	let offence = common::length_of(&input);
	let broken = layout.judge_offence(&offence, &merkle::blob(&input), &()).unwrap();
	assert_eq!(broken, Some(InvalidCode::Shape));
	// Not of another input, and not where the length is right.
	assert_eq!(layout.judge_offence(&offence, &merkle::blob(&job.input), &()), Ok(None));
	let token = (Offence::Token(0), InvalidCode::Token);
	let shape = (offence, InvalidCode::Shape);
	assert_eq!(first(Some(token), Some(shape)), Some(shape));
	assert_eq!(first(Some(shape), Some(token)), Some(shape));
}
