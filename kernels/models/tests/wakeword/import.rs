//! What comes out of the import, and files that are no such network.

use crate::common::{self, NAMES};
use assay_models::{wakeword, ImportError, TfliteError};
use assay_program::{merkle, Kind, Operator, Parameters, Program};
use assay_reference::sample::Generator;

/// Digests of the weights: the same on every machine.
const WEIGHTS: [(&str, &str); 4] = [
	("alexa", "139edfd6466801ba01c71dc2157990bf0b9dd72609aa856355460bdd9ab143cd"),
	("hey_jarvis", "b006ded1466ee2ec53d9dbed5d92c2502ae5ee91e4b5d7072ba5c64251f56867"),
	("hey_mycroft", "495ab6806a1faa7ea72a94b96099af90e4d3c4bb5c9da26b2739572235ad8712"),
	("okay_nabu", "342c8d455018d54aa1544809b2bd7280077b673392e56a506f865e0bd846b2ae"),
];

#[test]
fn programs_are_small_and_the_same_everywhere() {
	let mut digests = Vec::new();
	for name in NAMES {
		let imported = common::import(name);
		let program = Program::decode_validated(&imported.program_bytes).unwrap();
		assert_eq!(program, imported.program);
		digests.push((name, hex::encode(merkle::blob(&imported.weights))));
		assert_eq!(imported.weights.len() as u64, program.weights_length());
		let (layers, bytes) = (program.operators.len(), imported.program_bytes.len());
		assert!(layers < 20 && bytes < 2_048, "{name}: {layers} operators, {bytes} bytes");
		let form = program.cost_form();
		let units = form.units(&Parameters::encoder(1, 100), 1);
		println!("{name}: {bytes} bytes of program, {} of weights", imported.weights.len());
		println!("  {layers} operators, {units} units and {} MAC a row", form.macs[2]);
		assert!(imported.weights.len() < 200_000 && units < 10, "{name}");
	}
	assert_eq!(digests, WEIGHTS.map(|(name, digest)| (name, digest.to_string())));
}

#[test]
fn the_output_is_a_probability_of_eight_bits() {
	for name in NAMES {
		let imported = common::import(name);
		let output = imported.program.output().unwrap();
		assert_eq!(output.kind, Kind::Fixed { fraction: imported.output_fraction_bits });
		assert_eq!(imported.program.operators[0], Operator::Samples { width: 120 });
	}
}

#[test]
fn filters_side_by_side_become_filters_of_one_length() {
	let program = common::import("okay_nabu").program;
	let taps = program.operators.iter().filter_map(|operator| match operator {
		Operator::Depthwise { weights, .. } => {
			Some(program.weights[usize::from(weights.0)].dims.clone())
		},
		_ => None,
	});
	let taps: Vec<Vec<u32>> = taps.collect();
	assert_eq!(taps, [[3, 64], [9, 64], [13, 64], [15, 64], [17, 64]].map(|dims| dims.to_vec()));
}

#[test]
fn fails_when_the_file_is_another_than_published() {
	let folder = tempfile::tempdir().unwrap();
	let absent = wakeword::import(folder.path(), "alexa.tflite").unwrap_err();
	assert!(absent.to_string().contains("scripts/setup"), "{absent}");
	std::fs::write(folder.path().join("alexa.tflite"), common::file("okay_nabu")).unwrap();
	let other = wakeword::import(folder.path(), "alexa.tflite").unwrap_err();
	assert!(matches!(other, ImportError::Digest { .. }), "{other}");
	let unknown = wakeword::import(folder.path(), "computer.tflite").unwrap_err();
	assert!(matches!(unknown, ImportError::Unknown { .. }), "{unknown}");
}

#[test]
fn fails_when_the_file_is_of_another_kind() {
	for file in [&b""[..], b"TFL3", b"PK\x03\x04 a zip archive", &[0; 4_096], &[0xff; 4_096]] {
		let error = wakeword::convert(file).unwrap_err();
		assert!(matches!(error, ImportError::Tflite(TfliteError::Identifier)), "{error}");
	}
	let huge = vec![0; (16 << 20) + 1];
	let error = wakeword::convert(&huge).unwrap_err();
	assert!(matches!(error, ImportError::Tflite(TfliteError::TooMany { .. })), "{error}");
}

#[test]
fn fails_when_the_file_is_truncated() {
	for name in NAMES {
		let file = common::file(name);
		for length in (0..file.len()).step_by(509) {
			let error = wakeword::convert(&file[..length]).unwrap_err();
			assert!(matches!(error, ImportError::Tflite(_)), "{name} to {length}: {error}");
		}
	}
}

fn word(file: &[u8], at: usize) -> usize {
	u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
}

/// Where a field of a table lies.
fn field(file: &[u8], table: usize, number: usize) -> Option<usize> {
	let vtable = table.wrapping_sub(word(file, table) as i32 as isize as usize);
	let length = word(file, vtable) & 0xffff;
	let entry = 4 + 2 * number;
	let place = if entry < length { word(file, vtable + entry) & 0xffff } else { 0 };
	(place > 0).then_some(table + place)
}

/// Where the vector in a field of the root begins: with its length.
fn root_vector(file: &[u8], number: usize) -> usize {
	let at = field(file, word(file, 0), number).unwrap();
	at + word(file, at)
}

#[test]
fn fails_when_sizes_are_absurd() {
	let file = common::file("alexa");
	// Operator codes, graphs, buffers.
	for number in [1, 2, 4] {
		let at = root_vector(&file, number);
		for length in [u32::MAX, 1 << 31, 1 << 20, 100_000] {
			let mut file = file.clone();
			file[at..at + 4].copy_from_slice(&length.to_le_bytes());
			let error = wakeword::convert(&file).unwrap_err();
			assert!(matches!(error, ImportError::Tflite(_)), "{number}, {length}: {error}");
		}
	}
	// The graph's tensors, inputs and operators.
	let graphs = root_vector(&file, 2);
	let graph = graphs + 4 + word(&file, graphs + 4);
	for number in [0, 1, 3] {
		let at = field(&file, graph, number).unwrap();
		let at = at + word(&file, at);
		for length in [u32::MAX, 1 << 20] {
			let mut file = file.clone();
			file[at..at + 4].copy_from_slice(&length.to_le_bytes());
			let error = wakeword::convert(&file).unwrap_err();
			assert!(matches!(error, ImportError::Tflite(_)), "{number}, {length}: {error}");
		}
	}
}

/// The file with every operator of one code turned into one of another.
fn with_code(mut file: Vec<u8>, from: u8, to: u8) -> Vec<u8> {
	let codes = root_vector(&file, 1);
	let mut changed = 0;
	for number in 1..=word(&file, codes) {
		let code = codes + 4 * number + word(&file, codes + 4 * number);
		for at in [field(&file, code, 0), field(&file, code, 3)].into_iter().flatten() {
			if file[at] == from {
				file[at] = to;
				changed += 1;
			}
		}
	}
	assert!(changed > 0, "no operator has code {from}");
	file
}

#[test]
fn fails_when_the_network_is_another() {
	// Logistic becomes tanh, the convolution a transposed one, a variable is read as a reshape.
	for (from, to) in [(14, 28), (3, 67), (114, 22), (14, 114), (2, 0)] {
		let file = with_code(common::file("alexa"), from, to);
		match wakeword::convert(&file).unwrap_err() {
			ImportError::Network { .. } | ImportError::Tflite(TfliteError::Options { .. }) => {},
			other => panic!("{from} as {to}: {other}"),
		}
	}
}

/// The file with each occurrence of some bytes replaced.
fn with_bytes(mut file: Vec<u8>, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
	let places: Vec<usize> = (0..file.len() - 4).filter(|at| file[*at..*at + 4] == from).collect();
	assert!(!places.is_empty());
	for at in places {
		file[at..at + 4].copy_from_slice(&to);
	}
	file
}

#[test]
fn fails_when_scales_are_absurd() {
	// The scale of the input, everywhere.
	let scale = (26.0f32 / 255.0).to_le_bytes();
	for other in [f32::NAN, f32::INFINITY, 0.0, -0.1, 1e-40, 1e30, 1e-30] {
		let file = with_bytes(common::file("alexa"), scale, other.to_le_bytes());
		let error = wakeword::convert(&file).unwrap_err();
		assert!(matches!(error, ImportError::Network { .. }), "{other}: {error}");
	}
}

/// Damaged files give an error or a valid program, and no panic.
#[test]
fn damaged_files_do_no_harm() {
	let mut generator = Generator::new(7);
	let (mut refused, mut taken) = (0, 0);
	for round in 0..6_000 {
		let name = NAMES[round % NAMES.len()];
		let mut file = common::file(name);
		for _ in 0..=generator.below(3) {
			let at = generator.below(file.len() as u32) as usize;
			// Most of a file is weights, which may be anything: offsets lie at its ends.
			let near = [at, at % 2_048, file.len() - 1 - at % 24_000][generator.below(3) as usize];
			file[near] = generator.below(256) as u8;
		}
		match wakeword::convert(&file) {
			Ok(imported) => {
				imported.program.validate().unwrap();
				assert_eq!(imported.weights.len() as u64, imported.program.weights_length());
				taken += 1;
			},
			Err(_) => refused += 1,
		}
	}
	assert!(refused > 500 && taken > 500, "{refused} refused, {taken} taken");
}
