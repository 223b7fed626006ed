//! What a party lies about and how it plays, as data.

use anyhow::{bail, Context, Result};
use std::{fmt, str::FromStr};

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
	/// Nothing.
	#[default]
	None,
	/// One element of the output, beside a right trace.
	Byte,
	/// The whole list of tokens, beside a right trace.
	Tokens,
	/// One element that some operator makes, and one of the output.
	Element,
	/// The same of an operator that reduces in blocks, with partials that make the wrong element.
	Partial,
	/// The run ends before its last step.
	EarlyStop,
	/// The run goes on after the step that ends it.
	LateStep,
	/// There are more tokens than steps, beside a right trace.
	Count,
	/// Some element of the trace, beside a right output.
	Trace,
	/// The input is said to break a rule.
	Invalid,
}

/// How the moves of a game are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
	/// By what the trace says.
	#[default]
	Straight,
	/// Every disclosure has another shape than it must have.
	Shape,
	/// Nothing is answered from so many questions of the job on.
	Silent(u32),
}

/// What a party does with one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
	/// What it claims.
	pub lie: Lie,
	/// How it defends that.
	pub manner: Manner,
	/// Chooses the place of the lie.
	pub seed: u64,
}

impl Lie {
	/// All of them with their names.
	pub const ALL: [(Self, &'static str); 10] = [
		(Self::None, "honest"),
		(Self::Byte, "byte"),
		(Self::Tokens, "tokens"),
		(Self::Element, "element"),
		(Self::Partial, "partial"),
		(Self::EarlyStop, "early-stop"),
		(Self::LateStep, "late-step"),
		(Self::Count, "count"),
		(Self::Trace, "trace"),
		(Self::Invalid, "invalid"),
	];

	fn name(self) -> &'static str {
		Self::ALL.iter().find(|(lie, _)| *lie == self).map_or("?", |(_, name)| name)
	}
}

impl Plan {
	/// A lie that is defended.
	pub fn of(lie: Lie, seed: u64) -> Self {
		Self { lie, manner: Manner::Straight, seed }
	}

	/// Whether nothing is distorted.
	pub fn is_honest(&self) -> bool {
		self.lie == Lie::None && self.manner == Manner::Straight
	}
}

impl fmt::Display for Plan {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}", self.lie.name())?;
		match self.manner {
			Manner::Straight => {},
			Manner::Shape => write!(f, "+shape")?,
			Manner::Silent(from) => write!(f, "+silent:{from}")?,
		}
		match self.seed {
			0 => Ok(()),
			seed => write!(f, "#{seed}"),
		}
	}
}

impl FromStr for Plan {
	type Err = anyhow::Error;

	/// `LIE[+shape|+silent:QUESTIONS][#SEED]`.
	fn from_str(text: &str) -> Result<Self> {
		let (text, seed) = match text.split_once('#') {
			Some((text, seed)) => (text, seed.parse().context("the seed is no number")?),
			None => (text, 0),
		};
		let (lie, manner) = match text.split_once('+') {
			None => (text, Manner::Straight),
			Some((lie, "shape")) => (lie, Manner::Shape),
			Some((lie, manner)) => {
				let from = manner.strip_prefix("silent:").context("shape, or silent:QUESTIONS")?;
				(lie, Manner::Silent(from.parse().context("the questions are no number")?))
			},
		};
		match Lie::ALL.iter().find(|(_, name)| *name == lie) {
			Some((lie, _)) => Ok(Self { lie: *lie, manner, seed }),
			None => bail!("\"{lie}\" is no lie: {}", Lie::ALL.map(|(_, name)| name).join(", ")),
		}
	}
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test panics to fail")]
mod tests {
	use super::*;

	#[test]
	fn a_plan_reads_as_it_is_written() {
		for text in ["honest", "byte", "element+silent:3#9", "early-stop+shape", "partial#18"] {
			assert_eq!(text.parse::<Plan>().unwrap().to_string(), text);
		}
		for text in ["", "lie", "byte+", "byte+silent:x", "byte#x", "byte+loud"] {
			assert!(text.parse::<Plan>().is_err(), "{text}");
		}
	}

	#[test]
	fn only_who_distorts_nothing_is_honest() {
		assert!(Plan::default().is_honest());
		assert!(!"honest+shape".parse::<Plan>().unwrap().is_honest());
		assert!(!Plan::of(Lie::Trace, 0).is_honest());
	}
}
