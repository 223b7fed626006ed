//! `cargo xtask tidy`: what neither rustfmt nor clippy looks at.

use crate::paths;
use anyhow::{bail, Context, Result};
use std::{
	path::{Path, PathBuf},
	process::Command,
};

/// Columns of a line; a tab counts four in code, as rustfmt does, and one before a comment.
const COLUMNS_MAX: usize = 100;
/// Lines of a file.
const FILE_LINES_MAX: usize = 800;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;
/// Words that mark unfinished work. Written apart, so that this file does not hold them.
const UNFINISHED: [&str; 3] = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
/// Files that are generated.
const GENERATED: [&str; 2] = ["weights.rs", "weights/"];

/// Checks every file that git tracks.
pub(crate) fn run() -> Result<()> {
	let root = paths::root()?;
	let mut findings = Vec::new();
	let mut files = 0;
	for file in tracked(&root)? {
		let name = file.to_string_lossy().to_string();
		let is_text = [".rs", ".toml", ".md", ".mjs", ".js", ".py", ".sh", ".cu", ".cuh"]
			.iter()
			.any(|suffix| name.ends_with(suffix))
			|| name.starts_with("scripts/") && file.extension().is_none();
		if !is_text || GENERATED.iter().any(|part| name.contains(part)) {
			continue;
		}
		// A file deleted but not committed is nothing to check.
		let Ok(text) = std::fs::read_to_string(root.join(&file)) else { continue };
		files += 1;
		check(&name, &text, &mut findings);
	}
	if files == 0 {
		bail!("no file was checked");
	}
	if findings.is_empty() {
		println!("tidy: {files} files");
		return Ok(());
	}
	for finding in &findings {
		eprintln!("{finding}");
	}
	bail!("{} findings in {files} files", findings.len())
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
	let output = Command::new("git")
		.args(["ls-files", "-z"])
		.current_dir(root)
		.output()
		.context("cannot run git")?;
	anyhow::ensure!(output.status.success(), "git ls-files failed");
	Ok(output
		.stdout
		.split(|byte| *byte == 0)
		.filter(|name| !name.is_empty())
		.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
		.collect())
}

fn check(name: &str, text: &str, findings: &mut Vec<String>) {
	let is_rust = name.ends_with(".rs");
	let lines = text.lines().count();
	if is_rust && lines > FILE_LINES_MAX {
		findings.push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}"));
	}
	for (index, line) in text.lines().enumerate() {
		let at = format!("{name}:{}", index + 1);
		let tab = if line.trim_start().starts_with("//") { 1 } else { 4 };
		let columns: usize = line.chars().map(|c| if c == '\t' { tab } else { 1 }).sum();
		if is_rust && columns > COLUMNS_MAX && !is_unbreakable(line) {
			findings.push(format!("{at}: {columns} columns, at most {COLUMNS_MAX}"));
		}
		if line.ends_with(' ') && !name.ends_with(".md") {
			findings.push(format!("{at}: blanks at the end"));
		}
		if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
			findings.push(format!("{at}: {word}"));
		}
	}
	if is_rust {
		functions(name, text, findings);
	}
}

/// A long string or address cannot be broken.
fn is_unbreakable(line: &str) -> bool {
	line.contains("://") || line.trim_start().starts_with(['"', '|']) || line.contains("0x")
}

fn has_word(line: &str, word: &str) -> bool {
	line.match_indices(word).any(|(at, _)| {
		let before = line[..at].chars().next_back();
		let after = line[at + word.len()..].chars().next();
		let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
		!is_part(before) && !is_part(after)
	})
}

/// Long functions. In formatted code a function ends with a brace at its own indentation.
fn functions(name: &str, text: &str, findings: &mut Vec<String>) {
	let mut open: Vec<(String, usize)> = Vec::new();
	for (index, line) in text.lines().enumerate() {
		let indentation: String = line.chars().take_while(|c| *c == '\t').collect();
		let code = &line[indentation.len()..];
		if code.starts_with('}') {
			if let Some(position) = open.iter().rposition(|(at, _)| *at == indentation) {
				let (_, start) = open.swap_remove(position);
				let length = index + 1 - start;
				if length > FUNCTION_LINES_MAX {
					findings.push(format!(
						"{name}:{}: a function of {length} lines, at most {FUNCTION_LINES_MAX}",
						start + 1
					));
				}
			}
		}
		if is_function(code) {
			open.push((indentation, index));
		}
	}
}

fn is_function(code: &str) -> bool {
	let words = code.split_whitespace().take_while(|word| !word.contains('('));
	let is_head = |word: &str| {
		matches!(word, "pub" | "pub(crate)" | "pub(super)" | "async" | "const" | "unsafe")
	};
	let is_item = code.starts_with("fn ")
		|| code.split_whitespace().next().is_some_and(|w| is_head(w) || w.starts_with("pub("))
			&& (words.clone().any(|w| w == "fn") || code.contains(" fn "));
	// A macro's pattern of a function is none.
	is_item && !code.contains("fn $") && !code.trim_end().ends_with(';') && !code.contains("{}")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn findings(name: &str, text: &str) -> Vec<String> {
		let mut list = Vec::new();
		check(name, text, &mut list);
		list
	}

	#[test]
	fn finds_what_it_looks_for() {
		let long = format!("fn a() {{\n{}}}\n", "\tb();\n".repeat(FUNCTION_LINES_MAX));
		assert_eq!(findings("a.rs", &long).len(), 1);
		assert_eq!(findings("a.rs", &"x".repeat(COLUMNS_MAX + 1)).len(), 1);
		assert_eq!(findings("a.rs", &"\n".repeat(FILE_LINES_MAX + 1)).len(), 1);
		assert_eq!(findings("a.rs", "let a = 1; \n").len(), 1);
		assert_eq!(findings("a.rs", &format!("// {}: later\n", UNFINISHED[0])).len(), 1);
	}

	#[test]
	fn leaves_what_is_right() {
		let short = format!(
			"impl A {{\n\tpub async fn a() {{\n{}\t}}\n}}\n",
			"\t\tb();\n".repeat(FUNCTION_LINES_MAX - 2)
		);
		assert_eq!(findings("a.rs", &short), Vec::<String>::new());
		assert_eq!(findings("a.rs", "let todo_list = MAXXX;\n"), Vec::<String>::new());
	}
}
