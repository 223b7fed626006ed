//! Where leaves are follows from program and parameters, and from nothing else.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{Limits, Parameters};
use assay_trace::{Layout, LayoutError, LeafForm, Tree, MAX_LEAVES};
use common::Full;
use proptest::prelude::*;

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	/// Leaves of a run are as many and as long as the layout says, whatever was computed.
	#[test]
	fn no_execution_changes_a_layout(seed in 0u64..1_000_000) {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		prop_assert_eq!(full.leaves.len() as u32, layout.tree().leaves());
		let mut next = 0;
		for step in 0..job.parameters.max_steps {
			prop_assert_eq!(
				layout.first_leaf(step, 0).map(u64::from).unwrap() + layout.leaves_in_step(step),
				u64::from(layout.leaves_of(step, layout.operators() - 1).unwrap().end)
			);
			for operator in 0..layout.operators() {
				let leaves = layout.leaves_of(step, operator).unwrap();
				prop_assert_eq!(leaves.start, next);
				next = leaves.end;
				let mut element = 0;
				for index in leaves {
					let leaf = layout.leaf(index).unwrap();
					prop_assert_eq!((leaf.step, leaf.operator), (step, operator));
					prop_assert_eq!(layout.first_element(&leaf), Some(element));
					let last = element + u64::from(leaf.elements) - 1;
					let place = leaf.elements - 1;
					prop_assert_eq!(layout.leaf_of(step, operator, element), Some((index, 0)));
					prop_assert_eq!(layout.leaf_of(step, operator, last), Some((index, place)));
					element = last + 1;
					let bytes = full.leaves[index as usize].len();
					let null = step >= full.claim.count();
					prop_assert_eq!(bytes, if null { 0 } else { leaf.bytes() as usize });
					prop_assert!(leaf.bytes() > 0 && leaf.bytes() <= 4096);
				}
				prop_assert_eq!(element, layout.elements(step, operator));
				prop_assert_eq!(layout.leaf_of(step, operator, element), None);
			}
		}
		prop_assert_eq!(next, layout.tree().leaves());
		let form = LeafForm::of(&job.program).unwrap();
		prop_assert_eq!(form.leaves(&job.parameters), u64::from(next));
		prop_assert_eq!(layout.leaf(next), None);
	}

	/// The chain's short form counts as the layout does.
	#[test]
	fn the_form_counts_what_the_layout_does(
		seed in 0u64..1_000_000,
		batch in 1u32..3_000,
		sequence in 1u32..4_000,
		max_steps in 1u32..3_000,
	) {
		let mut job = common::any(seed);
		job.program.limits.max_batch = 64;
		prop_assume!(job.program.validate().is_ok());
		let (batch, encoder) = (1 + batch % 64, job.program.limits.max_steps == 1);
		let limit = job.program.limits.max_sequence;
		let sequence = 1 + sequence % limit;
		let max_steps = max_steps.min(limit - sequence + 1).min(job.program.limits.max_steps);
		let max_steps = if encoder { 1 } else { max_steps };
		job.parameters = Parameters { batch, sequence, max_steps, sampling: None };
		let form = LeafForm::of(&job.program).unwrap();
		let expected = match Layout::new(&job.program, &job.parameters) {
			Ok(layout) => u64::from(layout.tree().leaves()),
			Err(LayoutError::Leaves { leaves }) => leaves,
			Err(error) => panic!("{error}"),
		};
		prop_assert_eq!(form.leaves(&job.parameters), expected);
		prop_assert_eq!(form.check(&job.parameters).is_ok(), expected <= MAX_LEAVES.into());
	}

	/// Levels of 256 and the binary tree are one tree.
	#[test]
	fn levels_are_the_merkle_tree(leaves in 1u32..70_000, seed in any::<u64>()) {
		let tree = Tree::new(leaves.into()).unwrap();
		let hash = |index: u32| assay_program::merkle::blake2_256(&(seed, index).0.to_le_bytes()
			.iter().copied().chain(index.to_le_bytes()).collect::<Vec<_>>());
		let mut nodes: Vec<_> = (0..leaves).map(hash).collect();
		let all = nodes.clone();
		let root = assay_program::merkle::root(nodes.iter().copied());
		let index = (seed % u64::from(leaves)) as u32;
		let mut path = Vec::new();
		for level in 1..=tree.levels() {
			let position = index >> (8 * level);
			let first = (position * 256) as usize;
			let children = &nodes[first..(first + 256).min(nodes.len())];
			prop_assert_eq!(tree.children(level, position) as usize, children.len());
			let parents = assay_trace::parents(&nodes);
			let parent = parents[position as usize];
			prop_assert!(tree.check_children(level, position, &parent, children).is_ok());
			path.extend(assay_trace::path(children, (index >> (8 * (level - 1))) % 256));
			nodes = parents;
		}
		prop_assert_eq!(&nodes[..], &[root][..]);
		prop_assert_eq!(tree.path_length(index) as usize, path.len());
		prop_assert_eq!(tree.root_of(index, all[index as usize], &path), Ok(root));
	}
}

#[test]
fn a_trace_of_too_many_leaves_is_refused() {
	assert_eq!(Tree::new(u64::from(MAX_LEAVES)).unwrap().levels(), 3);
	let leaves = u64::from(MAX_LEAVES) + 1;
	assert_eq!(Tree::new(leaves), Err(LayoutError::Leaves { leaves }));
	assert_eq!(Tree::new(0), Err(LayoutError::Leaves { leaves: 0 }));
	let limits = Limits { max_batch: 1024, max_sequence: 8192, max_steps: 1 };
	let program = common::programs::restless(20, 2, Limits { max_steps: 8192, ..limits });
	let parameters = Parameters { batch: 1024, sequence: 8000, max_steps: 2, sampling: None };
	assert!(matches!(Layout::new(&program, &parameters), Err(LayoutError::Leaves { .. })));
	let parameters = Parameters { batch: 1025, ..parameters };
	assert!(matches!(Layout::new(&program, &parameters), Err(LayoutError::Shape(_))));
}
