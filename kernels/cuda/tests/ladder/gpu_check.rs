//! What `gpu-check` says of a device, told by the shim: of one that is right, and of one that is
//! wrong in a single way of products.

#[path = "../../examples/gpu_check/check.rs"]
mod check;
#[path = "../../examples/gpu_check/subjects.rs"]
mod subjects;

use crate::{broken::broken, shim::Shim};
use assay_cuda::{Peaks, Products};
use assay_program::{Parameters, Program};
use assay_reference::sample::{self, Shape, Style};
use check::{ways, Job, Subject};
use serde_json::Value;
use std::path::Path;

const PEAKS: Peaks = Peaks { tensor_tops: 1.0, bandwidth_gb: 1.0 };

/// A model that is fine, and one of which the reference refuses what is timed.
fn subjects() -> Vec<Subject> {
	let program: Program = sample::encoder(&Shape::SMALL);
	let weights = sample::weights(&program, Style::Plausible, 1);
	let job = |vocabulary| {
		let input = sample::input(vocabulary, 1, 12, 2);
		Job { parameters: Parameters::encoder(1, 12), input }
	};
	let ids = Shape::SMALL.vocabulary;
	let strange = || Job { parameters: Parameters::encoder(1, 12), input: vec![0x7f; 48] };
	vec![
		Subject::new("fine", program.clone(), weights.clone(), vec![job(ids)], vec![job(ids)]),
		Subject::new("strange", program, weights, vec![strange()], vec![strange()]),
	]
}

/// Whatever is wrong with the jobs would be found only where there is a GPU.
#[test]
fn all_models_are_checked_with_inputs_that_they_take() {
	let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
	let all = subjects::all(&root);
	let mut names = Vec::new();
	for (name, subject) in &all {
		let subject = subject.as_ref().unwrap_or_else(|error| panic!("{name}: {error}"));
		assert_eq!(subject.refused(), None);
		names.push(name.as_str());
	}
	let known = ["minilm", "smollm2", "alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"];
	assert_eq!(names, known);
}

fn way<'a>(report: &'a Value, products: &str) -> &'a Value {
	report.get(products).unwrap_or_else(|| panic!("{products}: {report}"))
}

#[test]
fn each_way_is_told_of_a_device_that_is_right() {
	let mut subjects = subjects();
	subjects.truncate(1);
	let make = |products| Shim::new(products, false);
	let (ok, report) = ways(Products::Dot, make, &subjects, PEAKS);
	assert!(ok, "{report}");
	assert_eq!(report.as_object().unwrap().len(), 2, "a way that it has not: {report}");
	for products in ["plain", "dot"] {
		let way = way(&report, products);
		assert!(way["vectors"]["passed"].as_u64().unwrap() > 5, "{report}");
		assert_eq!(way["models"]["fine"]["equal_to_reference"], 1, "{report}");
		let time = &way["models"]["fine"]["times"][0];
		assert!(time["median_seconds"].as_f64().unwrap() > 0.0, "{report}");
	}
}

#[test]
fn what_fails_is_told_beside_what_does_not() {
	// Plain products are right, dot products are not, and a third device is none.
	let source =
		broken("const int32_t high = pairs[place + 1];", "const int32_t high = pairs[place];");
	let make = |products| match products {
		Products::Tensor => panic!("as a test"),
		_ => Shim::of(&source, products, false),
	};
	let (ok, report) = ways(Products::Tensor, make, &subjects(), PEAKS);
	assert!(!ok);
	let (plain, dot, tensor) = (way(&report, "plain"), way(&report, "dot"), way(&report, "tensor"));
	assert!(plain["vectors"]["ok"] == true && plain["models"]["fine"]["ok"] == true, "{report}");
	let refused = &plain["models"]["strange"];
	assert!(refused["ok"] == false && refused["error"].is_string(), "{report}");
	assert!(plain["ok"] == false && dot["ok"] == false && tensor["ok"] == false, "{report}");
	assert!(dot["vectors"]["error"].is_string(), "{report}");
	let other = dot["models"]["fine"]["error"].as_str().unwrap();
	assert!(other.contains("reference"), "{other}");
	assert!(tensor["error"].as_str().unwrap().contains("as a test"), "{report}");
}
