//! Figures that the crate docs and `pallets/README.md` state.

use super::*;
use crate::offchain::{last_quarter, RESEND_BLOCKS};

/// The page, as one line.
fn readme() -> String {
	let page = include_str!("../../../README.md");
	page.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_code() {
	let pledge = 1_000_000;
	let lapse = |others| types::lapse_penalty(LapseReason::NotRevealed, pledge, others);
	let unaccepted = types::lapse_penalty(LapseReason::NotAccepted, pledge, true);
	let quarter = TIMING.commit_base - last_quarter(TIMING.commit_base, &TIMING);
	let stated = [
		("nothing before acceptance", unaccepted == 0),
		("a fifth of the pledge for an accepted slot without claim", lapse(false) == pledge / 5),
		("(all of it where other slots rely on the claim)", lapse(true) == pledge),
		("a tenth for a late reveal", types::late_penalty(pledge) == pledge / 10),
		("late: a tenth of the pledge to the treasury", types::late_penalty(pledge) == pledge / 10),
		("in the last quarter of the time for a reveal", quarter == TIMING.commit_base / 4),
		("what is missing after two blocks is sent again", RESEND_BLOCKS == 2),
		("pledges `value_at_risk + price`", types::job_pledge(30, 12, 0) == Some(42)),
		("`DigestItem::Consensus(*b\"ASAY\", (1u8, root))`", {
			(RECEIPTS_ENGINE_ID, RECEIPTS_VERSION) == (*b"ASAY", 1)
		}),
	];
	let readme = readme();
	for (text, holds) in stated {
		assert!(readme.contains(text), "the page says no more: {text}");
		assert!(holds, "the code does otherwise: {text}");
	}
}

#[test]
fn the_timeline_of_the_crate_docs_is_true() {
	build_and_execute(|| {
		jump_to(100);
		beat();
		let (job, slot) = submit(0);
		let units = crate::Jobs::<Test>::get(job).unwrap().units_max;
		assert_eq!(TIMING.span(0, units), 1, "the units of this job take a block");
		let submitted = events();
		assert!(matches!(submitted[..], [Event::JobSubmitted { accept_by: 110, .. }]));
		frame_support::hypothetically!({
			roll_to(110);
			assert_ok!(commit(slot).unwrap());
		});
		frame_support::hypothetically!({
			roll_to(111);
			assert!(commit(slot).is_err() && accept(slot).is_err());
		});

		roll_to(102);
		assert_ok!(commit(slot).unwrap());
		assert_eq!(events().last(), Some(&Event::CommitPhaseClosed { job, reveal_by: 122 }));
		let pledge = ProviderStake::pledged(&provider(), slot);
		for (block, kept) in
			[(122, pledge), (123, pledge - pledge / 10), (142, pledge - pledge / 10)]
		{
			frame_support::hypothetically!({
				roll_to(block);
				assert_ok!(reveal(slot).unwrap());
				assert_eq!(ProviderStake::pledged(&provider(), slot), kept, "block {block}");
			});
		}
		frame_support::hypothetically!({
			roll_to(143);
			assert!(reveal(slot).is_err());
		});

		roll_to(105);
		assert_ok!(reveal(slot).unwrap());
		assert_eq!(events().last(), Some(&Event::WindowOpened { job, closes_at: 116 }));
		roll_to(116);
		assert_noop!(Jobs::settle(signed(stranger()), job), Error::<Test>::NotSettleable);
		roll_to(117);
		assert_ok!(Jobs::settle(signed(stranger()), job));
	});
}
