//! The shift counts of the operators that rescale, in one place for validation and backends.

use crate::limits::{MAX_SHIFT, PROBABILITY_FRACTION, SCALE_FRACTION};

fn total(add: &[u8], subtract: &[u8]) -> Option<u32> {
	let sum = |terms: &[u8]| terms.iter().map(|term| u32::from(*term)).sum::<u32>();
	let shift = sum(add).checked_sub(sum(subtract))?;
	(1..=MAX_SHIFT).contains(&shift).then_some(shift)
}

/// The shift of [`Operator::Embed`](crate::Operator::Embed): `30 - f`.
pub fn embed(fraction: u8) -> Option<u32> {
	total(&[SCALE_FRACTION], &[fraction])
}

/// Both shifts of [`Operator::Linear`](crate::Operator::Linear).
pub fn linear(bits: u8, max_fraction: u8, shift: u8, fraction: u8) -> Option<(u32, u32)> {
	let second = total(&[SCALE_FRACTION, max_fraction, bits], &[1, fraction, shift])?;
	Some((total(&[shift], &[])?, second))
}

/// Both shifts of [`Operator::Scores`](crate::Operator::Scores).
pub fn scores(
	bits: (u8, u8),
	max_fractions: (u8, u8),
	shift: u8,
	fraction: u8,
) -> Option<(u32, u32)> {
	let second = total(&[bits.0, bits.1, max_fractions.0, max_fractions.1], &[2, fraction, shift])?;
	Some((total(&[shift], &[])?, second))
}

/// The shift of [`Operator::ContextWeight`](crate::Operator::ContextWeight).
pub fn context_weight(max_fraction: u8, fraction: u8) -> Option<u32> {
	total(&[PROBABILITY_FRACTION, max_fraction], &[fraction])
}

/// Both shifts of [`Operator::Context`](crate::Operator::Context), the first of which may be 0.
pub fn context(bits: (u8, u8), max_fraction: u8, shift: u8, fraction: u8) -> Option<(u32, u32)> {
	let second = total(&[bits.0, bits.1, max_fraction], &[2, fraction, shift])?;
	Some((shift.into(), second))
}

/// The second shift of [`Operator::Normalise`](crate::Operator::Normalise): `36 - f`.
pub fn normalise(fraction: u8) -> Option<u32> {
	total(&[crate::limits::NORMAL_FRACTION, crate::limits::GAIN_FRACTION], &[fraction])
}

/// The second shift of [`Operator::RmsNormalise`](crate::Operator::RmsNormalise): `36 - f`.
pub fn rms_normalise(fraction: u8) -> Option<u32> {
	normalise(fraction)
}

/// The shift of [`Operator::Multiply`](crate::Operator::Multiply).
pub fn multiply(fractions: (u8, u8), fraction: u8) -> Option<u32> {
	total(&[fractions.0, fractions.1], &[fraction])
}
