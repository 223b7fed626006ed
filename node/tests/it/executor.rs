// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Which executor the flags choose.

use assay_node::{
	cli::{ExecutorKind, ExecutorParams},
	executor::{ExecutorChoice, ExecutorChoiceError},
};
use assay_primitives::offchain::ExecutorSettings;
use std::io::Write;

fn params() -> ExecutorParams {
	ExecutorParams::default()
}

#[test]
fn development_embeds_and_everything_else_computes_nothing() {
	assert!(matches!(
		ExecutorChoice::from_params(&params(), true),
		Ok(ExecutorChoice::Embedded { data: None, threads: None })
	));
	assert!(matches!(ExecutorChoice::from_params(&params(), false), Ok(ExecutorChoice::None)));
	let none = ExecutorParams { executor: Some(ExecutorKind::None), ..params() };
	assert!(matches!(ExecutorChoice::from_params(&none, true), Ok(ExecutorChoice::None)));
}

#[test]
fn an_external_executor_needs_http_and_a_token() {
	let mut file = tempfile::NamedTempFile::new().unwrap();
	let external = |url: &str, path: &std::path::Path| {
		let params = ExecutorParams {
			executor_url: Some(url.into()),
			executor_token_file: Some(path.into()),
			..params()
		};
		ExecutorChoice::from_params(&params, true)
	};
	assert!(matches!(
		external("http://127.0.0.1:1", file.path()),
		Err(ExecutorChoiceError::EmptyToken(_))
	));
	file.write_all(b"secret\n").unwrap();
	let settings =
		ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() };
	assert_eq!(
		external("http://127.0.0.1:1/", file.path()).unwrap(),
		ExecutorChoice::External(settings)
	);
	assert!(matches!(
		external("https://127.0.0.1:1", file.path()),
		Err(ExecutorChoiceError::NotHttp(_))
	));
	assert!(matches!(
		external("http://127.0.0.1:1", &file.path().join("absent")),
		Err(ExecutorChoiceError::TokenFile(..))
	));
}

#[test]
fn flags_of_the_embedded_executor_need_one() {
	let params = ExecutorParams { executor_threads: std::num::NonZeroUsize::new(1), ..params() };
	assert!(matches!(
		ExecutorChoice::from_params(&params, false),
		Err(ExecutorChoiceError::NotEmbedded)
	));
	assert!(ExecutorChoice::from_params(&params, true).is_ok());
}
