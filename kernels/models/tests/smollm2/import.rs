//! What the importer makes of the published file, and what it says to broken ones.

use crate::common;
use assay_models::{
	smollm2::{self, Head},
	GgufError, ImportError, Imported,
};
use assay_program::{merkle, program_digest, Parameters, Program, Sampling};
use std::sync::OnceLock;

/// Ids of program and weights. A change of either is a new model on chain: never by accident.
const PROGRAM_ID: &str = "ae0c8e8695bec3064f422cb67443487f9d76148a4af6f8c1ce08e1f2116b1858";
const WEIGHTS_ID: &str = "36e359043b35da22c8a130c8069c46879a8c4115bd6d126c39da432c2d05a619";

fn imported() -> &'static Imported {
	static IMPORTED: OnceLock<Imported> = OnceLock::new();
	IMPORTED.get_or_init(|| smollm2::import(common::model_path().parent().unwrap()).unwrap())
}

fn refused(file: &[u8]) -> ImportError {
	smollm2::convert(file, Head::Generate).unwrap_err()
}

#[test]
fn import_gives_the_pinned_bytes() {
	let ids = [program_digest(&imported().program_bytes), merkle::blob(&imported().weights)];
	assert_eq!(ids.map(hex::encode), [PROGRAM_ID, WEIGHTS_ID]);
}

#[test]
fn imported_program_is_a_valid_decoder_that_fits_its_weights() {
	let decoded = Program::decode_validated(&imported().program_bytes).unwrap();
	assert_eq!(decoded, imported().program);
	assert_eq!(decoded.weights_length(), imported().weights.len() as u64);
	let most = assay_trace::opened_bytes(&decoded).unwrap().into_iter().max();
	assert!(most < Some(80 << 10), "a dispute opens {most:?} bytes");
	assert_eq!(assay_trace::check_refereeable(&decoded), Ok(()));
	assert!(decoded.is_decoder());
	let form = decoded.cost_form();
	let mut job = Parameters {
		batch: smollm2::MAX_BATCH,
		sequence: 1,
		max_steps: smollm2::MAX_STEPS,
		sampling: Some(Sampling {
			temperature_q16: 1 << 16,
			top_k: 40,
			top_p_q16: 60_000,
			seed: [7; 32],
		}),
	};
	assert_eq!(form.check(&job), Ok(()));
	job.sequence = 2;
	assert!(form.check(&job).is_err(), "one position more than the context has");
	job.max_steps -= 1;
	assert_eq!(form.check(&job), Ok(()));
	assert_eq!(form.output_length(&job), u64::from(job.batch * job.max_steps) * 4);
}

#[test]
fn scorer_has_the_same_layers() {
	let scorer = smollm2::convert(common::published(), Head::Logits).unwrap();
	assert!(!scorer.program.is_decoder());
	assert_eq!(scorer.weights, imported().weights);
	let shared = imported().program.operators.iter().zip(&scorer.program.operators);
	// All but what stands after the last layer's sum.
	let equal = shared.take_while(|(left, right)| left == right).count();
	assert!(equal > 900, "{equal} operators");
}

/// Where a text stands in the file for the first time.
fn find(text: &str) -> usize {
	let file = common::published();
	file.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

/// The published file with bytes after the first `text` replaced.
fn with(text: &str, skip: usize, bytes: &[u8]) -> Vec<u8> {
	let at = find(text) + text.len() + skip;
	let mut file = common::published().to_vec();
	file[at..at + bytes.len()].copy_from_slice(bytes);
	file
}

#[test]
fn fails_when_the_architecture_is_another() {
	// Behind the key stand the type of the value and its length.
	match refused(&with("general.architecture", 12, b"gemma")) {
		ImportError::Architecture { expected: "llama", actual } => assert_eq!(actual, "gemma"),
		other => panic!("{other}"),
	}
}

#[test]
fn fails_when_the_size_is_another() {
	for (key, bytes) in [
		("llama.block_count", &32u32.to_le_bytes()),
		("llama.attention.head_count_kv", &9u32.to_le_bytes()),
		("llama.rope.freq_base", &1e4f32.to_le_bytes()),
		("llama.attention.layer_norm_rms_epsilon", &1e-6f32.to_le_bytes()),
	] {
		match refused(&with(key, 4, bytes)) {
			ImportError::Metadata { key: named, .. } => assert_eq!(named, key),
			other => panic!("{other}"),
		}
	}
}

#[test]
fn fails_when_the_file_is_truncated() {
	let file = common::published();
	for length in [4, 23, 24, 1_000, 1_000_000, 1_785_663, file.len() / 2, file.len() - 32] {
		let error = refused(&file[..length]);
		let truncated = matches!(error, ImportError::Gguf(GgufError::Truncated { .. }));
		assert!(truncated, "{length}: {error}");
	}
	for length in [0, 3] {
		let error = refused(&file[..length]);
		assert!(matches!(error, ImportError::Gguf(GgufError::Magic)), "{length}: {error}");
	}
}

#[test]
fn fails_when_a_tensor_has_an_unknown_type() {
	// Behind the name of a matrix stand its rank and two dimensions.
	for kind in [1u32, 2, 12, 99] {
		match refused(&with("blk.7.ffn_up.weight", 20, &kind.to_le_bytes())) {
			ImportError::Gguf(GgufError::TensorType { name, kind: named }) => {
				assert_eq!((name.as_str(), named), ("blk.7.ffn_up.weight", kind));
			},
			other => panic!("{other}"),
		}
	}
}

#[test]
fn fails_when_a_tensor_is_missing_or_unknown() {
	let name = "blk.7.ffn_up.weight";
	let at = find(name);
	let mut file = common::published().to_vec();
	file[at..at + name.len()].copy_from_slice(b"blk.7.ffn_up.weighs");
	assert!(matches!(refused(&file), ImportError::UnknownTensor { .. }));
	file[at..at + name.len()].copy_from_slice(b"blk.07.ffn_u.weight");
	assert!(matches!(refused(&file), ImportError::UnknownTensor { .. }));
	// `blk.+7` reads as layer 7, but is not the name of its tensor.
	let name = "blk.17.ffn_up.weight";
	let at = find(name);
	let mut file = common::published().to_vec();
	file[at..at + name.len()].copy_from_slice(b"blk.+7.ffn_up.weight");
	match refused(&file) {
		ImportError::UnknownTensor { name } => assert_eq!(name, "blk.+7.ffn_up.weight"),
		other => panic!("{other}"),
	}
}

#[test]
fn fails_when_a_tensor_has_other_dimensions() {
	let mut swapped = 1536u64.to_le_bytes().to_vec();
	swapped.extend(576u64.to_le_bytes());
	let error = refused(&with("blk.7.ffn_up.weight", 4, &swapped));
	match error {
		ImportError::Dimensions { expected, actual, .. } => {
			assert_eq!((expected, actual), (vec![1536, 576], vec![576, 1536]));
		},
		other => panic!("{other}"),
	}
}

#[test]
fn fails_when_an_element_is_no_finite_number() {
	// Behind the name stand rank, dimension, type and offset; before the last gain, all other data.
	let name = "blk.0.attn_norm.weight";
	let entry = find(name) + name.len();
	let published = common::published();
	let offset = |at: usize| u64::from_le_bytes(published[at..at + 8].try_into().unwrap()) as usize;
	let last = "output_norm.weight";
	let data = published.len() - 576 * 4 - offset(find(last) + last.len() + 16);
	let at = data + offset(entry + 16);
	let mut file = published.to_vec();
	for (value, fits) in [(f32::NAN, false), (f32::INFINITY, false), (1e6, true)] {
		file[at..at + 4].copy_from_slice(&value.to_le_bytes());
		let error = refused(&file);
		let named = match fits {
			true => matches!(error, ImportError::TooLarge { .. }),
			false => matches!(error, ImportError::NotFinite { .. }),
		};
		assert!(named, "{value}: {error}");
	}
}

#[test]
fn fails_when_the_file_is_absent_or_not_the_published_one() {
	let folder = tempfile::tempdir().unwrap();
	let error = smollm2::import(folder.path()).unwrap_err();
	assert!(matches!(error, ImportError::Read { .. }));
	assert!(error.to_string().contains("scripts/setup"), "{error}");
	std::fs::write(folder.path().join(smollm2::MODEL_FILE), b"GGUF").unwrap();
	let error = smollm2::import(folder.path()).unwrap_err();
	assert!(matches!(error, ImportError::Digest { expected: smollm2::MODEL_SHA256, .. }));
}
