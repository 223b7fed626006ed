//! Amounts of money: planck on chain, ASY for people.

use crate::error::{Error, Kind, Result};

/// Decimals of the ASY token.
pub const DECIMALS: u32 = 12;
/// Planck in one ASY.
pub const ASY: u128 = 1_000_000_000_000;

/// Reads `1.5` or `1.5ASY` as ASY and `1500planck` as planck.
pub fn parse(text: &str) -> Result<u128> {
	let bad = |why: &str| {
		Error::new(Kind::Usage, format!("\"{text}\" is not an amount: {why}"))
			.next("write ASY with at most 12 decimals, like 1.5, or planck, like 1500planck")
	};
	let text = text.trim();
	if let Some(planck) = text.strip_suffix("planck") {
		return planck.trim().parse().map_err(|_| bad("planck are whole numbers"));
	}
	let number = text.strip_suffix("ASY").unwrap_or(text).trim();
	let (whole, part) = number.split_once('.').unwrap_or((number, ""));
	let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
	if whole.is_empty() || !digits(whole) || !digits(part) {
		return Err(bad("it is not a decimal number"));
	}
	if part.len() > DECIMALS as usize {
		return Err(bad("more than 12 decimals"));
	}
	let whole: u128 = whole.parse().map_err(|_| bad("too large"))?;
	let part: u128 = format!("{part:0<12}").parse().map_err(|_| bad("too large"))?;
	whole.checked_mul(ASY).and_then(|w| w.checked_add(part)).ok_or_else(|| bad("too large"))
}

/// Writes planck as ASY, without trailing zeros.
pub fn format(planck: u128) -> String {
	let (whole, part) = (planck / ASY, planck % ASY);
	if part == 0 {
		return format!("{whole} ASY");
	}
	let part = format!("{part:012}");
	format!("{whole}.{} ASY", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn reads_what_people_write() {
		for (text, planck) in [
			("1", ASY),
			("1.5", ASY + ASY / 2),
			("0.000000000001", 1),
			("2 ASY", 2 * ASY),
			("1500planck", 1500),
			("3.10ASY", 3 * ASY + ASY / 10),
		] {
			assert_eq!(parse(text).unwrap(), planck, "{text}");
		}
	}

	#[test]
	fn refuses_what_is_no_amount() {
		for text in [
			"",
			".",
			"-1",
			"1e3",
			"1.0000000000001",
			"one",
			"1.5planck",
			"999999999999999999999999999999",
		] {
			let error = parse(text).unwrap_err();
			assert_eq!(error.kind(), Kind::Usage, "{text}");
			assert!(error.next_step().is_some());
		}
	}

	#[test]
	fn writes_without_trailing_zeros() {
		assert_eq!(format(0), "0 ASY");
		assert_eq!(format(ASY), "1 ASY");
		assert_eq!(format(1), "0.000000000001 ASY");
		assert_eq!(format(ASY / 10), "0.1 ASY");
		assert_eq!(parse(&format(123_456_789_012_345)).unwrap(), 123_456_789_012_345);
	}
}
