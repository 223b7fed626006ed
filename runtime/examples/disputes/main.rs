//! What disputes cost: games of real models on the real runtime, move by move, and what a chain
//! that can hold them asks of those who are honest.
//!
//! ```text
//! cargo xtask bench disputes [--full] [--referee] [--json]
//! ```
//!
//! A provider claims what its run on weights with one wrong byte gave; a challenger has the right
//! ones. Both answer in the block after each question, so blocks are the fewest that a game can
//! take. Bytes and weights are those of the extrinsics, authorisation included; state is what the
//! pallets that a dispute writes to hold. Weights were measured by `cargo xtask weights`, in Wasm.
//! What the referee takes for each operator the bencher has measured before, in Wasm, too: the
//! first argument is where it is written.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/common/mod.rs"]
mod common;
mod game;
mod honest;
mod referee;

use assay_models::{input_blob, minilm, smollm2, wakeword, Imported};
use assay_program::Parameters;
use game::{Case, Played};
use honest::Honest;
use referee::Judged;
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

/// What the referee takes, operator by operator.
fn judge(times: &Path) -> Vec<Judged> {
	let judged = referee::judged(times);
	println!("{}\n|---|--:|--:|--:|--:|", referee::HEADS);
	for row in &judged {
		println!("{row}");
	}
	println!();
	judged
}

fn main() {
	let mut arguments = std::env::args().skip(1);
	let times = PathBuf::from(arguments.next().expect("xtask says where times are"));
	let flags: Vec<String> = arguments.collect();
	let has = |flag: &str| flags.iter().any(|given| given == flag);
	let judged = judge(&times);
	let mut report = json!({ "referee": judged.iter().map(Judged::json).collect::<Vec<_>>() });
	if !has("referee") {
		play(has("full"), &mut report);
	}
	if has("json") {
		println!("{report}");
	}
	let exceeding: Vec<_> = judged.iter().filter(|row| row.exceeds()).collect();
	for row in &exceeding {
		eprintln!("{row}");
	}
	assert!(exceeding.is_empty(), "the referee takes more than its call is charged for");
	let missed = report["missed"].as_u64().unwrap_or(0);
	assert!(missed == 0, "a game takes more than {TARGETS:?} moves, bytes, blocks");
	let share = report["honest"]["share"].as_f64().unwrap_or(0.);
	assert!(share < 0.01, "the honest path pays more than a hundredth");
}

/// Games about real models, and what they ask of who is honest.
fn play(is_full: bool, report: &mut serde_json::Value) {
	let played: Vec<Played> = cases(is_full).iter().map(game::play).collect();
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
	let missed = played.iter().filter(|row| row.misses(&TARGETS)).count();
	let Honest { run_ms, claim_ms } = honest;
	report["games"] = played.iter().map(Played::json).collect();
	report["honest"] = json!({ "run_ms": run_ms, "claim_ms": claim_ms, "share": honest.share() });
	report["notice_us"] = json!(notice);
	report["targets"] = json!({ "moves": TARGETS[0], "bytes": TARGETS[1], "blocks": TARGETS[2] });
	report["missed"] = json!(missed);
}
