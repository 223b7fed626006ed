//! How often real VRFs find whom.

use crate::mock::*;
use assay_primitives::JobDigest;

const JOBS: u32 = 2_000;
/// One in ten.
const LAMBDA: u32 = crate::types::RATE_PARTS / 10;
const STAKES: [u128; 5] = [1, 2, 3, 4, 10];

/// Whether a count of so many draws of this probability is within four standard deviations.
fn is_likely(count: u32, draws: u32, probability: f64) -> bool {
	let mean = f64::from(draws) * probability;
	let deviation = (mean * (1.0 - probability)).sqrt();
	(f64::from(count) - mean).abs() <= 4.0 * deviation
}

/// What the calls check, for jobs whose randomness differs in block, job and slot.
fn draw(job: JobDigest) -> [bool; 5] {
	core::array::from_fn(|n| {
		let who = auditor(n as u8);
		let duty = duty_of(job, &who);
		let has_duty = Audits::check_notice(job, &key_of(&who), &duty.output).is_ok();
		let candidate = Audits::check_candidate(job, &key_of(&who)).ok().unwrap();
		assert!(candidate.input.verify(&candidate.key, &duty));
		assert_eq!(has_duty, u128::from(duty.number()) < candidate.threshold);
		has_duty
	})
}

#[test]
fn duties_are_as_frequent_as_the_rate_and_shared_by_stake() {
	build_and_execute(|| {
		for (n, stake) in STAKES.into_iter().enumerate() {
			make_auditor(&auditor(n as u8), stake * UNIT);
		}
		next_period();
		let mut found = [0u32; 5];
		let mut audited = 0;
		for batch in 0..JOBS / 100 {
			let jobs: Vec<_> = (0..100).map(|n| commit_job(batch * 100 + n, LAMBDA)).collect();
			roll_by(DRAWN);
			for job in jobs {
				MockJobs::mutate(job, |entry| {
					entry.as_mut().unwrap().notices_until = Some(u32::MAX - 1)
				});
				let duties = draw(job);
				found.iter_mut().zip(duties).for_each(|(count, duty)| *count += u32::from(duty));
				audited += u32::from(duties.contains(&true));
				MockJobs::remove(job);
			}
		}
		let total: u128 = STAKES.iter().sum();
		let shares = STAKES.map(|stake| 0.1 * stake as f64 / total as f64);
		for (count, share) in found.iter().zip(shares) {
			assert!(is_likely(*count, JOBS, share), "{count} of {JOBS} at {share}: {found:?}");
		}
		// In all as many as the rate says; the sum of independent draws varies less than one draw.
		assert!(is_likely(found.iter().sum(), JOBS, 0.1), "{found:?}");
		// A job is audited by somebody unless each of them is spared.
		let spared: f64 = shares.iter().map(|share| 1.0 - share).product();
		assert!(is_likely(audited, JOBS, 1.0 - spared), "{audited} audited of {JOBS}");
		println!("notices by stake {STAKES:?}: {found:?}, jobs audited: {audited} of {JOBS}");
	});
}
