//! Partials of a reduction that make an element which is not what it must be.

use assay_trace::{Layout, Need, Opening, Part, Partial, Position, Truth};
use std::collections::BTreeMap;

/// What is tried of one block: sums are rescaled by up to so many bits.
const BITS: u32 = 48;

/// Partials that make the element `own`, by bending one of them; none where no attempt does.
pub(crate) fn bend(
	layout: &Layout<'_>,
	position: &Position,
	own: i32,
	partials: &[Partial],
	open: &BTreeMap<Need, Opening>,
) -> Option<Vec<Partial>> {
	let makes = |partials: &[Partial]| {
		let truth = layout.judge_partials(position, partials, open);
		truth == Ok(Truth::Element(own))
	};
	if position.part != Part::Finish || makes(partials) {
		return Some(partials.to_vec());
	}
	let attempts = (0..partials.len()).flat_map(|block| {
		(0..BITS).flat_map(move |bits| [1, -1, 3, -3].map(|factor| (block, factor << bits)))
	});
	attempts.into_iter().find_map(|(block, more)| {
		let mut bent = partials.to_vec();
		let partial = bent.get_mut(block)?;
		partial.value = partial.value.wrapping_add(more);
		makes(&bent).then_some(bent)
	})
}
