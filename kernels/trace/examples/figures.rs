//! How large traces and games of real models are: leaves, levels, openings, moves, hashing.
//!
//! `cargo run --release -p assay-trace --example figures [hash]`; with `hash` also how long hashing
//! takes one core, in seconds of the processor (Linux).

use assay_program::{merkle, Parameters, Program, SEGMENT};
use assay_reference::sample::{self, DecoderShape, Shape};
use assay_trace::{
	blob_tree, Layout, LayoutError, Need, Part, Position, RefereeError, Source, FAN_OUT, NULL,
};
use std::{collections::BTreeMap, fmt};

const ZEROS: [u8; SEGMENT] = [0; SEGMENT];

/// A run in which everything is 0: sizes do not depend on values.
struct Zeros<'a, 'l>(&'a Layout<'l>);

impl Source for Zeros<'_, '_> {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		match need {
			Need::Leaf(index) => ZEROS.get(..self.0.leaf(index)?.bytes() as usize),
			_ => Some(&ZEROS),
		}
	}
}

/// What opening something weighs: its bytes and its path.
fn size(layout: &Layout<'_>, need: Need) -> u64 {
	let segment = |blob, number| blob_tree(blob).map_or(0, |tree| tree.path_length(number));
	let (bytes, hashes) = match need {
		Need::Leaf(index) => {
			let bytes = layout.leaf(index).map_or(0, |leaf| leaf.bytes());
			(bytes as usize, layout.tree().path_length(index))
		},
		Need::Input(number) => (SEGMENT, segment(layout.input_length(), number)),
		Need::Weights(number) => (SEGMENT, segment(layout.program().weights_length(), number)),
	};
	bytes as u64 + u64::from(hashes) * 32
}

/// The most that a part of an operator's elements opens.
#[derive(Default)]
struct Worst {
	things: usize,
	bytes: u64,
	blocks: u32,
}

impl fmt::Display for Worst {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{} | {} | {}", self.blocks, self.things, self.bytes)
	}
}

fn worst_openings(
	layout: &Layout<'_>,
	worst: &mut BTreeMap<&'static str, Worst>,
) -> Result<(), RefereeError> {
	let last_step = layout.parameters().max_steps - 1;
	for step in [0, last_step] {
		for operator in 0..layout.operators() {
			let name = layout.operator(operator).map_or("", |operator| operator.name());
			let blocks = layout.blocks(step, operator);
			let elements = layout.elements(step, operator);
			let parts = match blocks {
				1 => vec![Part::Whole],
				_ => [Part::Finish].into_iter().chain((0..blocks).map(Part::Block)).collect(),
			};
			for part in parts {
				for element in [0, elements / 2 + 1, elements - 1] {
					let element = element.min(elements - 1);
					let position = Position { step, operator, element, part };
					let needs = layout.needs(&position, &Zeros(layout))?;
					let bytes = needs.iter().map(|need| size(layout, *need)).sum();
					let entry = worst.entry(name).or_default();
					entry.things = entry.things.max(needs.len());
					entry.bytes = entry.bytes.max(bytes);
					entry.blocks = entry.blocks.max(blocks);
				}
			}
		}
	}
	Ok(())
}

/// Seconds that it takes one core to hash all leaves, and the nodes above them.
fn hashing(layout: &Layout<'_>) -> f64 {
	let start = processor_seconds();
	let mut leaves = 0;
	let mut lengths = Vec::new();
	for step in 0..layout.parameters().max_steps {
		for operator in 0..layout.operators() {
			let range = layout.leaves_of(step, operator).unwrap_or_default();
			let first = layout.leaf(range.start).map_or(0, |leaf| leaf.bytes());
			leaves += range.len();
			lengths.push((range.len(), first));
		}
	}
	let all: Vec<&[u8]> = lengths
		.iter()
		.flat_map(|(count, length)| {
			(0..*count).map(|_| ZEROS.get(..*length as usize).unwrap_or(NULL))
		})
		.collect();
	let node = |leaves: &[&[u8]]| merkle::root_of(merkle::leaves(leaves));
	let root = merkle::root_of(all.chunks(FAN_OUT as usize).map(node).collect());
	assert!(root != [0; 32] && leaves == layout.tree().leaves() as usize);
	processor_seconds() - start
}

fn processor_seconds() -> f64 {
	let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
	let nanoseconds = stat.split(' ').next().and_then(|number| number.parse::<f64>().ok());
	nanoseconds.map_or(f64::NAN, |number| number / 1e9)
}

fn show(
	name: &str,
	program: &Program,
	(batch, sequence, max_steps): (u32, u32, u32),
	worst: &mut BTreeMap<&'static str, Worst>,
) -> Result<(), LayoutError> {
	let parameters = Parameters { batch, sequence, max_steps, sampling: None };
	let layout = match Layout::new(program, &parameters) {
		Err(LayoutError::Leaves { leaves }) => {
			println!("| {name} | {batch} | {sequence} | {max_steps} | {leaves} | refused |");
			return Ok(());
		},
		layout => layout?,
	};
	let tree = layout.tree();
	let (leaves, levels) = (tree.leaves(), tree.levels());
	let bytes: u64 = (0..max_steps)
		.flat_map(|step| (0..layout.operators()).map(move |operator| (step, operator)))
		.map(|(step, operator)| {
			let leaf = layout.first_leaf(step, operator).and_then(|index| layout.leaf(index));
			layout.elements(step, operator) * leaf.map_or(0, |leaf| u64::from(leaf.element_bytes))
		})
		.sum();
	// Bodies, children at each level, bytes of the leaf, openings; and for long reductions the
	// partials and the openings of a block.
	let moves = 1 + levels + 1 + 1;
	let hashes = std::env::args().nth(1).is_some_and(|argument| argument == "hash");
	let seconds = if hashes { format!("{:.2}", hashing(&layout)) } else { "-".into() };
	println!(
		"| {name} | {batch} | {sequence} | {max_steps} | {leaves} | {levels} | {moves} or {} | \
		 {:.1} MiB | {seconds} |",
		moves + 2,
		bytes as f64 / f64::from(1 << 20)
	);
	worst_openings(&layout, worst).map_err(|_| LayoutError::Leaves { leaves: 0 })
}

fn main() -> Result<(), LayoutError> {
	let smollm2 = sample::decoder(&DecoderShape {
		layers: 30,
		width: 576,
		heads: 9,
		key_heads: 3,
		inner: 1_536,
		vocabulary: 49_152,
		ends: 1,
		max_batch: 4,
		max_sequence: 2_048,
		max_steps: 2_047,
		context_shift: 3,
		intervals: 4_096,
		..DecoderShape::SMALL
	});
	let minilm = sample::encoder(&Shape::MINILM);
	println!(
		"| program | batch | sequence | steps | leaves | levels | moves | bytes | hashing, s |"
	);
	println!("|---|---|---|---|---|---|---|---|---|");
	let mut worst = BTreeMap::new();
	let shapes = [(1, 512, 1), (1, 384, 129), (1, 1, 512), (1, 2_048, 1), (1, 1_920, 129)];
	for shape in [(1, 128, 1), (16, 128, 1), (1, 512, 1)] {
		show("MiniLM-L6", &minilm, shape, &mut worst)?;
	}
	for shape in shapes.into_iter().chain([(1, 512, 1_537), (1, 2, 2_047), (4, 2_048, 1)]) {
		show("SmolLM2-135M", &smollm2, shape, &mut worst)?;
	}
	println!("\n| operator | blocks | things opened | bytes opened |\n|---|---|---|---|");
	for (name, worst) in &worst {
		println!("| `{name}` | {worst} |");
	}
	Ok(())
}
