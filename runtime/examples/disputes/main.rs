//! What disputes cost: games of real models on the real runtime, move by move, and what a chain
//! that can hold them asks of those who are honest.
//!
//! ```text
//! cargo xtask bench disputes [--full] [--json]
//! ```
//!
//! A provider claims what its run on weights with one wrong byte gave; a challenger has the right
//! ones. Both answer in the block after each question, so blocks are the fewest that a game can
//! take. Bytes and weights are those of the extrinsics, authorisation included; state is what the
//! pallets that a dispute writes to hold. Weights were measured by `cargo xtask weights`, in Wasm.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/common/mod.rs"]
mod common;
mod game;
mod honest;

use assay_models::{input_blob, minilm, smollm2, wakeword, Imported};
use assay_program::Parameters;
use game::{Case, Played};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The network that is small enough to be computed whole in a block.
const WAKE_WORD: &str = "hey_jarvis.tflite";
/// What the longest of these games may take: moves, bytes on chain, blocks.
const TARGETS: [u64; 3] = [12, 512 * 1_024, 60];

fn models() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../.assay/models")
}

/// Ids that are in every vocabulary, none of them special.
fn row(length: usize) -> Vec<i32> {
	(0..length as i32).map(|at| 1_000 + (at * 37) % 2_000).collect()
}

fn tokens(name: &'static str, imported: &Imported, length: usize, wrong_at: f64) -> Case {
	let (input, parameters) = input_blob(&[row(length)]);
	Case::new(name, length, imported, input, parameters, wrong_at)
}

/// Frames of silence and noise by turns.
fn frames(imported: &Imported, rows: u32, wrong_at: f64) -> Case {
	let bytes = rows as usize * wakeword::FEATURES * wakeword::FRAMES;
	let input = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
	let parameters = Parameters::encoder(1, rows);
	Case::new("wake word", rows as usize, imported, input, parameters, wrong_at)
}

fn cases(is_full: bool) -> Vec<Case> {
	let minilm = minilm::import(&models().join("minilm")).expect("scripts/setup fetches it");
	let smollm2 = smollm2::import(&models().join("smollm2")).expect("scripts/setup fetches it");
	let word = wakeword::import(&models().join("wakeword"), WAKE_WORD).expect("so with this");
	let mut cases = vec![
		frames(&word, 1, 0.5),
		frames(&word, 64, 0.5),
		tokens("MiniLM-L6", &minilm, 1, 0.9),
		tokens("MiniLM-L6", &minilm, minilm::MAX_SEQUENCE as usize, 0.9),
		tokens("SmolLM2-135M", &smollm2, 1, 0.3),
		tokens("SmolLM2-135M", &smollm2, 512, 0.3),
	];
	if is_full {
		cases.push(tokens("SmolLM2-135M", &smollm2, smollm2::MAX_SEQUENCE as usize, 0.3));
	}
	cases
}

fn print(played: &[Played]) {
	println!(
		"| model | tokens or rows | last question | moves | transactions | bytes on chain | \
		 weight, ms | dearest move, ms | blocks | state before | most | after |"
	);
	println!("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
	for row in played {
		println!("{row}");
	}
}

fn main() {
	let flags: Vec<String> = std::env::args().skip(1).collect();
	let has = |flag: &str| flags.iter().any(|given| given == flag);
	let played: Vec<Played> = cases(has("full")).iter().map(game::play).collect();
	print(&played);
	let honest = honest::measure(&models());
	println!(
		"\nA run of MiniLM at 128 tokens without the digest of its claim: {:.3} ms; the digest: \
		 {:.3} ms, {:.3} % of it.",
		honest.run_ms,
		honest.claim_ms,
		100. * honest.share()
	);
	let notice = game::notice_weight_us();
	println!("A notice: {notice:.0} us to check its VRF proof and put it on record.");
	let missed: Vec<_> = played.iter().filter(|row| row.misses(&TARGETS)).collect();
	if has("json") {
		let games: Vec<_> = played.iter().map(Played::json).collect();
		println!(
			"{}",
			json!({
				"games": games,
				"honest": { "run_ms": honest.run_ms, "claim_ms": honest.claim_ms },
				"notice_us": notice,
				"targets": { "moves": TARGETS[0], "bytes": TARGETS[1], "blocks": TARGETS[2] },
				"missed": missed.len(),
			})
		);
	}
	assert!(missed.is_empty(), "a game takes more than {TARGETS:?} moves, bytes, blocks");
	assert!(honest.share() < 0.01, "the honest path pays more than a hundredth");
}
