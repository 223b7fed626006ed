//! What Freivalds' check promises, with all challenges of a small prime and some of the large one.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_reference::sample::Generator;
use assay_trace::freivalds::{challenge, freivalds, Product, PRIME};
use proptest::prelude::*;

/// A small prime: so few challenges that all of them are tried.
const SMALL: u64 = 251;

/// Rows, weights and their sums.
#[derive(Clone, Debug)]
struct Matrices {
	rows: Vec<i16>,
	weights: Vec<i8>,
	sums: Vec<i32>,
	depth: usize,
}

impl Matrices {
	fn new(height: usize, count: usize, depth: usize, seed: u64) -> Self {
		let mut generator = Generator::new(seed);
		let rows: Vec<i16> = (0..height * depth).map(|_| generator.within(2_047) as i16).collect();
		let weights: Vec<i8> = (0..count * depth).map(|_| generator.within(127) as i8).collect();
		let sum = |(row, weights): (&[i16], &[i8])| -> i32 {
			row.iter().zip(weights).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
		};
		let pairs = rows
			.chunks(depth)
			.flat_map(|row| weights.chunks(depth).map(move |weights| (row, weights)));
		let sums = pairs.map(sum).collect();
		Self { rows, weights, sums, depth }
	}

	fn passes(&self, challenge: u64, prime: u64) -> bool {
		let Self { rows, weights, sums, depth } = self;
		freivalds(&Product { rows, weights, sums, depth: *depth }, challenge, prime).unwrap()
	}

	fn misses(&self) -> usize {
		(0..SMALL).filter(|challenge| self.passes(*challenge, SMALL)).count()
	}
}

fn sizes() -> impl Strategy<Value = (usize, usize, usize)> {
	(1..6usize, 1..12usize, 1..20usize)
}

proptest! {
	#[test]
	fn a_right_product_passes_with_every_challenge(
		(height, count, depth) in sizes(),
		seed in any::<u64>(),
		large in 0..PRIME,
	) {
		let right = Matrices::new(height, count, depth, seed);
		prop_assert_eq!(right.misses() as u64, SMALL);
		prop_assert!(right.passes(large, PRIME));
	}

	/// At most as many challenges as the sums of a row less one let a wrong product pass.
	#[test]
	fn a_forged_product_passes_with_no_more_challenges_than_the_bound(
		(height, count, depth) in sizes(),
		seed in any::<u64>(),
		forged in prop::collection::vec((any::<usize>(), any::<i32>()), 1..6),
		large in 0..PRIME,
	) {
		let right = Matrices::new(height, count, depth, seed);
		let mut wrong = right.clone();
		for (at, sum) in forged {
			let at = at % wrong.sums.len();
			wrong.sums[at] = sum;
		}
		let differs = |(left, right): (&i32, &i32)| {
			(i64::from(*left) - i64::from(*right)) % SMALL as i64 != 0
		};
		let pairs = || wrong.sums.iter().zip(&right.sums);
		prop_assume!(pairs().any(differs));
		prop_assert!(wrong.misses() < count, "{} of {count}", wrong.misses());
		prop_assert!(!wrong.passes(large, PRIME));
	}
}

/// The bound is reached: by errors that are the coefficients of a polynomial with as many roots.
#[test]
fn the_bound_is_tight() {
	for count in 2..9u64 {
		let mut wrong = Matrices::new(1, count as usize, 7, count);
		let mut polynomial = vec![1u64];
		for root in 1..count {
			let mut next = vec![0; polynomial.len() + 1];
			for (power, coefficient) in polynomial.iter().enumerate() {
				next[power + 1] = (next[power + 1] + coefficient) % SMALL;
				next[power] = (next[power] + coefficient * (SMALL - root)) % SMALL;
			}
			polynomial = next;
		}
		for (sum, error) in wrong.sums.iter_mut().zip(&polynomial) {
			*sum += *error as i32;
		}
		assert_eq!(wrong.misses() as u64, count - 1);
		// With the large prime none of these challenges is a root.
		assert!((1..count).all(|root| !wrong.passes(root + count, PRIME)));
	}
}

/// Errors that know nothing of the challenge pass about once in a prime.
#[test]
fn errors_at_random_are_missed_about_once_in_a_prime() {
	let (mut generator, mut misses, rounds) = (Generator::new(3), 0, 400);
	for seed in 0..rounds {
		let mut wrong = Matrices::new(1, 6, 5, seed);
		wrong.sums.iter_mut().for_each(|sum| *sum += 1 + generator.below(250) as i32);
		misses += wrong.misses();
	}
	// As many challenges were tried as the prime is large, so one in a prime is one a round.
	assert!((rounds / 2..rounds * 2).contains(&(misses as u64)), "{misses} in {rounds} rounds");
}

#[test]
fn a_challenge_depends_on_all_that_it_is_drawn_from() {
	let all = [
		challenge(&[1; 32], &[2; 32]),
		challenge(&[2; 32], &[1; 32]),
		challenge(&[1; 32], &[1; 32]),
	];
	assert!(all.iter().all(|challenge| *challenge < PRIME));
	assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

#[test]
fn matrices_that_do_not_fit_are_no_product() {
	let right = Matrices::new(3, 4, 5, 1);
	let Matrices { rows, weights, sums, depth } = &right;
	let whole = Product { rows, weights, sums, depth: *depth };
	assert_eq!(freivalds(&whole, 7, PRIME), Some(true));
	for broken in [
		Product { depth: 0, ..whole },
		Product { depth: 4, ..whole },
		Product { rows: &rows[1..], ..whole },
		Product { weights: &weights[1..], ..whole },
		Product { weights: &[], ..whole },
		Product { sums: &sums[1..], ..whole },
	] {
		assert_eq!(freivalds(&broken, 7, PRIME), None, "{broken:?}");
	}
	assert_eq!(freivalds(&whole, 7, 0), None);
	assert_eq!(freivalds(&whole, 7, 1), None);
}
