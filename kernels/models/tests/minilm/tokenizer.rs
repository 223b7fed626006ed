//! Texts that are inputs, and texts that are not.

use crate::common;
use assay_models::{minilm, TokenizeError, Tokenizer};
use std::path::Path;

fn tokenizer() -> Tokenizer {
	let path = common::minilm_folder().join(minilm::TOKENIZER_FILE);
	Tokenizer::from_file(&path).unwrap()
}

#[test]
fn text_is_framed_and_never_padded() {
	assert_eq!(tokenizer().encode("Hello, world!").unwrap(), [101, 7592, 1010, 2088, 999, 102]);
}

#[test]
fn case_accents_and_spaces_do_not_matter() {
	let tokenizer = tokenizer();
	let plain = tokenizer.encode("a naive cafe").unwrap();
	assert_eq!(tokenizer.encode("  A  Naïve\tCAFÉ\n").unwrap(), plain);
}

#[test]
fn fails_when_nothing_is_left_of_the_text() {
	for text in ["", " ", "\n\t\r ", "\u{0}\u{200b}\u{200d}", "\u{fffd}"] {
		let error = tokenizer().encode(text).unwrap_err();
		assert!(matches!(error, TokenizeError::Empty), "{text:?}: {error}");
	}
}

#[test]
fn fails_when_the_text_is_too_long() {
	let tokenizer = tokenizer();
	let limit = tokenizer.max_tokens();
	assert_eq!(limit, minilm::MAX_SEQUENCE as usize);
	assert_eq!(tokenizer.encode(&"word ".repeat(limit - 2)).unwrap().len(), limit);
	match tokenizer.encode(&"word ".repeat(limit - 1)).unwrap_err() {
		TokenizeError::TooLong { tokens, limit: named } => {
			assert_eq!((tokens, named), (limit + 1, limit));
		},
		other => panic!("{other}"),
	}
	let huge = "a".repeat(assay_models::tokenizer::MAX_TEXT_BYTES + 1);
	assert!(matches!(tokenizer.encode(&huge), Err(TokenizeError::TooManyBytes { .. })));
}

#[test]
fn fails_when_the_text_is_not_utf8() {
	let tokenizer = tokenizer();
	assert_eq!(tokenizer.encode_bytes(b"word").unwrap(), tokenizer.encode("word").unwrap());
	let error = tokenizer.encode_bytes(b"wo\xffrd").unwrap_err();
	assert!(matches!(error, TokenizeError::NotUtf8 { valid_bytes: 2 }), "{error}");
}

#[test]
fn fails_when_the_tokenizer_file_is_broken() {
	let absent = Tokenizer::from_file(Path::new("no/such/tokenizer.json")).unwrap_err();
	assert!(absent.to_string().contains("scripts/setup"), "{absent}");
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("tokenizer.json");
	let whole = std::fs::read(common::minilm_folder().join(minilm::TOKENIZER_FILE)).unwrap();
	for bytes in [&b""[..], b"{}", b"\xff", &whole[..whole.len() / 2]] {
		std::fs::write(&path, bytes).unwrap();
		let error = Tokenizer::from_file(&path).unwrap_err();
		assert!(matches!(error, TokenizeError::Load { .. }), "{error}");
	}
}
