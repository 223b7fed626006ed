//! What a party may send instead of an answer.

use super::Party;
use crate::{Answer, Layout, Need, Openings, Partial};
use assay_reference::sample::Generator;

/// Something else than the answer, if only a little, and what was done to it: `children: one is
/// missing`. Where chance changed nothing, nothing.
pub fn tamper(
	party: &Party<'_>,
	layout: &Layout<'_>,
	answer: &Answer,
	generator: &mut Generator,
) -> Option<(Answer, String)> {
	let (of, (other, what)) = match answer.clone() {
		Answer::Children(hashes) => {
			let (hashes, what) = list(hashes, generator, |hash, generator| {
				hash[generator.below(32) as usize] ^= 1 << generator.below(8);
				"one is another"
			});
			("children", (Answer::Children(hashes), what))
		},
		Answer::Bytes(bytes) => {
			let (bytes, what) = list(bytes, generator, |byte, generator| {
				*byte ^= 1 << generator.below(8);
				"one is another"
			});
			("bytes", (Answer::Bytes(bytes), what))
		},
		Answer::Partials(partials, openings) if generator.below(2) == 0 => {
			let (partials, what) = list(partials, generator, partial);
			("partials", (Answer::Partials(partials, openings), what))
		},
		Answer::Partials(partials, open) => {
			let (open, what) = openings(party, layout, open, generator);
			("openings", (Answer::Partials(partials, open), what))
		},
		Answer::Openings(open) => {
			let (open, what) = openings(party, layout, open, generator);
			("openings", (Answer::Openings(open), what))
		},
		Answer::Offence(..) => return None,
	};
	(other != *answer).then(|| (other, format!("{of}: {what}")))
}

fn partial(partial: &mut Partial, generator: &mut Generator) -> &'static str {
	match generator.below(4) {
		0 => partial.count ^= 1,
		1 => partial.value = i64::MAX,
		_ => partial.value ^= 1 << generator.below(63),
	}
	"one is another"
}

fn openings(
	party: &Party<'_>,
	layout: &Layout<'_>,
	mut openings: Openings,
	generator: &mut Generator,
) -> (Openings, &'static str) {
	if generator.below(3) == 0 {
		let need = match generator.below(3) {
			0 => Need::Leaf(generator.below(layout.tree().leaves())),
			1 => Need::Input(0),
			_ => Need::Weights(0),
		};
		openings.push((need, party.open(need)));
		openings.sort_by_key(|(need, _)| *need);
		return (openings, "one more");
	}
	list(openings, generator, |(need, opening), generator| match generator.below(5) {
		0 => {
			*need = Need::Leaf(generator.below(4));
			"in another place"
		},
		1 if !opening.path.is_empty() => {
			let at = generator.below(opening.path.len() as u32) as usize;
			opening.path[at][0] ^= 1;
			"another path"
		},
		2 => {
			opening.path.push([0; 32]);
			"a longer path"
		},
		3 => {
			opening.bytes.clear();
			"without bytes"
		},
		_ => {
			opening.bytes = list(opening.bytes.clone(), generator, |byte, _| {
				*byte ^= 1;
				"a byte"
			})
			.0;
			"other bytes"
		},
	})
}

/// Changes a list, or one thing in it.
fn list<T: Clone>(
	mut list: Vec<T>,
	generator: &mut Generator,
	change: impl FnOnce(&mut T, &mut Generator) -> &'static str,
) -> (Vec<T>, &'static str) {
	if list.is_empty() {
		return (list, "nothing");
	}
	let length = list.len() as u32;
	let at = generator.below(length) as usize;
	let what = match generator.below(9) {
		0 => {
			list.remove(at);
			"one is missing"
		},
		1 => {
			list.insert(at, list[at].clone());
			"one is there twice"
		},
		2 => {
			list.reverse();
			"in another order"
		},
		3 => {
			list.swap(at, (at + 1) % length as usize);
			"in another order"
		},
		4 => {
			list.clear();
			"none"
		},
		_ => change(&mut list[at], generator),
	};
	(list, what)
}
