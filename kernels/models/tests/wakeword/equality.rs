//! Whether the programs say what the published interpreter says, in every layer of every call.

use crate::common::{self, NAMES, ROW};
use assay_models::Imported;
use assay_program::{Backend, Operator, Outcome, Parameters, Program};
use assay_reference::{
	element::{self, Rescaling},
	sample::Generator,
	trace, ReferenceBackend,
};
use std::{collections::BTreeSet, sync::Arc};

fn parameters(rows: &[u8]) -> Parameters {
	Parameters::encoder(1, (rows.len() / ROW) as u32)
}

/// For each row of a stretch the bytes that every layer makes of it, in order.
fn layers(imported: &Imported, rows: &[u8]) -> Vec<u8> {
	let Imported { program, weights, .. } = imported;
	let calls = rows.len() / ROW;
	let mut tensors: Vec<Vec<u8>> = Vec::new();
	let outcome =
		trace(program, weights, rows, &parameters(rows), |_, number, bytes| {
			match &program.operators[number] {
				Operator::Convolution { .. } | Operator::Depthwise { .. } => {
					tensors.push(bytes.to_vec());
				},
				Operator::Lookup { .. } => tensors.push(probabilities(bytes)),
				_ => {},
			}
		});
	assert!(matches!(outcome, Ok(Outcome::Output { count: 1, .. })), "{outcome:?}");
	let row = |call: usize| {
		tensors.iter().flat_map(move |tensor| {
			let width = tensor.len() / calls;
			tensor[call * width..][..width].iter().copied()
		})
	};
	(0..calls).flat_map(row).collect()
}

/// Probabilities as the published networks give them: a byte each.
fn probabilities(data: &[u8]) -> Vec<u8> {
	let words = data.as_chunks::<4>().0.iter();
	words.map(|word| u8::try_from(i32::from_le_bytes(*word)).unwrap()).collect()
}

fn run(backend: &dyn Backend, imported: &Imported, rows: &[u8]) -> Vec<u8> {
	let program = Arc::new(imported.program.clone());
	let model = backend.load(program, imported.weights.clone().into()).unwrap();
	match model.run(rows, &parameters(rows)).unwrap() {
		Outcome::Output { count: 1, data } => probabilities(&data),
		other => panic!("{other:?}"),
	}
}

/// Random rows: of any bytes, of bytes as silence and speech have, and quieter and louder.
fn random(calls: usize, seed: u64) -> Vec<u8> {
	let mut generator = Generator::new(seed);
	let mut rows = Vec::new();
	for call in 0..calls {
		let (least, span) = match call * 3 / calls {
			0 => (-128, 256),
			1 => (-128, 128),
			_ => (generator.below(120) as i32 - 128, 1 + generator.below(136)),
		};
		rows.extend((0..ROW).map(|_| (least + generator.below(span) as i32) as i8 as u8));
	}
	rows
}

fn assert_equal(name: &str, rows: &[u8]) {
	let (ours, theirs) = (layers(&common::import(name), rows), common::published(name, rows, &[]));
	assert_eq!(ours.len(), theirs.len(), "{name}");
	let differing = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs).count();
	assert_eq!(differing, 0, "{name}: of {} bytes", ours.len());
}

#[test]
fn random_frames_give_the_published_bytes_in_every_layer() {
	for (seed, name) in (1..).zip(NAMES) {
		assert_equal(name, &random(1_000, seed));
	}
}

#[test]
fn spoken_words_give_the_published_bytes_in_every_layer() {
	for name in NAMES {
		for word in NAMES {
			let rows = common::spoken(word);
			assert!(rows.len() >= 100 * ROW && rows.len().is_multiple_of(ROW));
			assert_equal(name, &rows);
		}
	}
}

/// Words by `espeak-ng` are clean and of four kinds; a person who reads aloud is neither.
#[test]
fn a_person_who_reads_gives_the_published_bytes_in_every_layer() {
	let rows = common::spoken("person");
	// 2,469 frames.
	assert_eq!(rows.len(), 823 * ROW);
	let different: BTreeSet<&[u8]> = rows.chunks_exact(ROW).collect();
	assert!(different.len() > 600, "{} rows", different.len());
	for name in NAMES {
		assert_equal(name, &rows);
		let heard = run(&ReferenceBackend, &common::import(name), &rows);
		let loudest = heard.iter().max().copied().unwrap();
		assert!(loudest < 128, "{name} hears its word in a novel with {loudest}");
	}
}

/// Each network hears its own word, and none of the others.
#[test]
fn networks_hear_their_words() {
	for name in NAMES {
		let imported = common::import(name);
		for word in NAMES {
			let heard = run(&ReferenceBackend, &imported, &common::spoken(word));
			let loudest = heard.iter().max().copied().unwrap();
			if name == word {
				assert!(loudest > 240, "{name} hears its word with {loudest} only");
				assert!(heard.iter().collect::<BTreeSet<_>>().len() > 10, "{name}: {heard:?}");
			} else {
				assert!(loudest < 20, "{name} hears {word} with {loudest}");
			}
		}
	}
}

/// The int32 weights of a tensor.
fn integers(program: &Program, weights: &[u8], id: assay_program::WeightId) -> Vec<i32> {
	let range = program.weight_range(id).unwrap();
	let bytes = &weights[range.start as usize..range.end as usize];
	bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect()
}

/// Sums at which float32 rounding and any other differ: the interpreter rounds as float32.
#[test]
fn sums_that_tell_rounding_rules_apart_round_as_published() {
	for name in NAMES {
		let Imported { program, weights, .. } = common::import(name);
		let layers: Vec<(Vec<i32>, Rescaling)> = program
			.operators
			.iter()
			.filter_map(|operator| match operator {
				Operator::Convolution { rescale, .. } | Operator::Depthwise { rescale, .. } => {
					let (shift, zero, least) = (rescale.shift.into(), rescale.zero, rescale.least);
					let scales = integers(&program, &weights, rescale.scales);
					Some((scales, Rescaling { shift, zero, least }))
				},
				_ => None,
			})
			.collect();
		let said = String::from_utf8(common::published(name, &[], &["--ties"])).unwrap();
		let mut count = 0;
		for line in said.lines() {
			let numbers: Vec<i64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
			let [layer, channel, sum, expected] = numbers[..] else { panic!("{line}") };
			let (scales, rescaling) = &layers[layer as usize];
			let scale = scales[channel as usize];
			let byte = element::convolution_finish(sum as i32, scale, 0, rescaling);
			assert_eq!(i64::from(byte), expected, "{name}: {line}");
			// Half up of the exact product says something else.
			let plain = (i64::from(scale) * sum + (1 << (rescaling.shift - 1))) >> rescaling.shift;
			assert_ne!(plain + i64::from(rescaling.zero), expected, "{name}: {line}");
			count += 1;
		}
		assert!(count > 100, "{name}: {count}");
	}
}

#[test]
fn backend_equals_the_reference() {
	for name in NAMES {
		let (imported, rows) = (common::import(name), common::spoken(name));
		let cpu = run(&assay_cpu::CpuBackend::new(None), &imported, &rows);
		assert_eq!(cpu, run(&ReferenceBackend, &imported, &rows));
	}
}
