//! What the importer makes of the published file, and what it says to broken ones.

use crate::common;
use assay_models::{minilm, ImportError, Imported};
use assay_program::{merkle, program_digest, Parameters, Program};
use std::sync::OnceLock;

/// Ids of program and weights. A change of either is a new model on chain: never by accident.
const PROGRAM_ID: &str = "22bbfce482bc28c08eeb5a59709b40a08447fcbc224fff3b529c4c2880f7614b";
const WEIGHTS_ID: &str = "9261bdf0a0a14c89f8c3327eee3a0bef374b5ba29e0cff8a6cfde442a88dd609";

fn published() -> &'static [u8] {
	static FILE: OnceLock<Vec<u8>> = OnceLock::new();
	FILE.get_or_init(|| std::fs::read(common::minilm_folder().join(minilm::MODEL_FILE)).unwrap())
}

fn ids(imported: &Imported) -> (String, String) {
	let program = program_digest(&imported.program_bytes);
	(hex::encode(program), hex::encode(merkle::blob(&imported.weights)))
}

/// The published file with the first `old` after the entry of `tensor` in its header replaced.
fn with_header(tensor: &str, old: &str, new: &str) -> Vec<u8> {
	assert_eq!(old.len(), new.len());
	let mut file = published().to_vec();
	let find = |from: usize, what: &str| {
		let at = file[from..].windows(what.len()).position(|window| window == what.as_bytes());
		from + at.unwrap()
	};
	let entry = find(0, &format!("\"{tensor}\""));
	let at = find(entry, old);
	file[at..at + old.len()].copy_from_slice(new.as_bytes());
	file
}

/// Where the bytes of a tensor begin.
fn data_of(tensor: &str) -> usize {
	let file = published();
	let header = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
	let json: serde_json::Value = serde_json::from_slice(&file[8..header]).unwrap();
	header + json[tensor]["data_offsets"][0].as_u64().unwrap() as usize
}

fn with_value(tensor: &str, index: usize, value: f32) -> Vec<u8> {
	let at = data_of(tensor) + 4 * index;
	let mut file = published().to_vec();
	file[at..at + 4].copy_from_slice(&value.to_le_bytes());
	file
}

#[test]
fn import_gives_the_pinned_bytes_every_time() {
	let first = minilm::import(&common::minilm_folder()).unwrap();
	let second = minilm::convert(published()).unwrap();
	assert_eq!(ids(&first), ids(&second));
	assert_eq!(ids(&first), (PROGRAM_ID.into(), WEIGHTS_ID.into()));
}

#[test]
fn imported_program_is_valid_and_fits_its_weights() {
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let decoded = Program::decode_validated(&imported.program_bytes).unwrap();
	assert_eq!(decoded, imported.program);
	assert_eq!(decoded.weights_length(), imported.weights.len() as u64);
	let most = assay_trace::opened_bytes(&decoded).unwrap().into_iter().max();
	assert!(most < Some(80 << 10), "a dispute opens {most:?} bytes");
	assert_eq!(assay_trace::check_refereeable(&decoded), Ok(()));
	assert_eq!(
		decoded.output().unwrap().kind.fraction(),
		Some(imported.output_fraction_bits),
		"the output declares its fraction bits"
	);
	let form = decoded.cost_form();
	let longest = Parameters::encoder(minilm::MAX_BATCH, minilm::MAX_SEQUENCE);
	assert_eq!(form.check(&longest), Ok(()));
	assert_eq!(form.output_length(&longest), u64::from(minilm::MAX_BATCH) * 384 * 4);
	assert!(form.check(&Parameters::encoder(1, minilm::MAX_SEQUENCE + 1)).is_err());
}

#[test]
fn files_are_written_whole() {
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let folder = tempfile::tempdir().unwrap();
	let (program, weights) = imported.write(&folder.path().join("new")).unwrap();
	assert_eq!(std::fs::read(program).unwrap(), imported.program_bytes);
	assert_eq!(std::fs::read(weights).unwrap(), imported.weights);
	assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 2);

	let blocked = folder.path().join("file");
	std::fs::write(&blocked, b"").unwrap();
	assert!(matches!(imported.write(&blocked), Err(ImportError::Write { .. })));
}

#[test]
fn fails_when_the_file_is_absent() {
	let folder = tempfile::tempdir().unwrap();
	let error = minilm::import(folder.path()).unwrap_err();
	assert!(matches!(error, ImportError::Read { .. }));
	assert!(error.to_string().contains("scripts/setup"), "{error}");
}

#[test]
fn fails_when_the_file_is_not_the_published_one() {
	let folder = tempfile::tempdir().unwrap();
	let changed = with_value("encoder.layer.3.output.dense.bias", 7, 0.5);
	std::fs::write(folder.path().join(minilm::MODEL_FILE), changed).unwrap();
	let error = minilm::import(folder.path()).unwrap_err();
	assert!(matches!(error, ImportError::Digest { expected: minilm::MODEL_SHA256, .. }));
}

#[test]
fn fails_when_the_file_is_truncated() {
	let file = published();
	for length in [0, 4, 8, 1_000, 20_000, file.len() / 2, file.len() - 1] {
		let error = minilm::convert(&file[..length]).unwrap_err();
		assert!(matches!(error, ImportError::Format(_)), "{length}: {error}");
	}
	let mut longer = file.to_vec();
	longer.push(0);
	assert!(matches!(minilm::convert(&longer), Err(ImportError::Format(_))));
}

#[test]
fn fails_when_the_header_is_absurd() {
	for length in [u64::MAX, 1 << 40, 0, 1] {
		let mut file = published().to_vec();
		file[..8].copy_from_slice(&length.to_le_bytes());
		assert!(matches!(minilm::convert(&file), Err(ImportError::Format(_))), "{length}");
	}
	let offsets = with_header("embeddings.LayerNorm.bias", "[4096,5632]", "[4096,5636]");
	assert!(matches!(minilm::convert(&offsets), Err(ImportError::Format(_))));
}

#[test]
fn fails_when_a_tensor_is_missing() {
	let name = "embeddings.token_type_embeddings.weight";
	let file = with_header(name, "token_type", "token_kind");
	match minilm::convert(&file).unwrap_err() {
		ImportError::MissingTensor { name: missing } => assert_eq!(missing, name),
		other => panic!("{other}"),
	}
}

#[test]
fn fails_when_a_tensor_has_another_type() {
	let file = with_header("embeddings.token_type_embeddings.weight", "\"F32\"", "\"I32\"");
	let error = minilm::convert(&file).unwrap_err();
	assert!(matches!(error, ImportError::ElementType { .. }), "{error}");
}

#[test]
fn fails_when_a_tensor_has_other_dimensions() {
	let file = with_header("embeddings.token_type_embeddings.weight", "[2,384]", "[384,2]");
	let error = minilm::convert(&file).unwrap_err();
	match error {
		ImportError::Dimensions { expected, actual, .. } => {
			assert_eq!((expected, actual), (vec![2, 384], vec![384, 2]));
		},
		other => panic!("{other}"),
	}
}

#[test]
fn fails_when_an_element_is_no_finite_number() {
	for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
		let file = with_value("embeddings.position_embeddings.weight", 5, value);
		let error = minilm::convert(&file).unwrap_err();
		assert!(matches!(error, ImportError::NotFinite { index: 5, .. }), "{error}");
	}
}

#[test]
fn fails_when_a_value_does_not_fit() {
	for (tensor, value) in [
		("embeddings.position_embeddings.weight", 1e6),
		("embeddings.LayerNorm.weight", 32_768.0),
		("embeddings.LayerNorm.bias", -1e30),
	] {
		let error = minilm::convert(&with_value(tensor, 0, value)).unwrap_err();
		assert!(matches!(error, ImportError::TooLarge { .. }), "{tensor}: {error}");
	}
}
