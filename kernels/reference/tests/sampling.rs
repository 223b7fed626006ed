//! Tokens are drawn as often as their probabilities say, and only those that the cuts leave.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	EmbedBy, Limits, Operator, Outcome, Parameters, Program, Sampling, TensorId, WeightId,
};
use assay_reference::{
	run,
	sample::{self, Builder},
	trace,
};
use proptest::prelude::*;

const BATCH: u32 = 4;

/// A program that draws a token by logits which stand in a table: a row for each token.
struct Drawer {
	program: Program,
	weights: Vec<u8>,
	/// What tokens are drawn by.
	kept: TensorId,
	shift: u8,
}

impl Drawer {
	/// Logits in sixteenths.
	fn new(logits: &[i8]) -> Self {
		let vocabulary = logits.len() as u32;
		let mut builder = Builder::new(Limits::encoder(BATCH, 1));
		let ids = builder.push(Operator::Tokens { vocabulary: 1 });
		let (table, scales) = (builder.matrix(1, vocabulary), builder.vector(1));
		let by = EmbedBy::Token;
		let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
		let logits_of_last = builder.push(Operator::Last { value });
		let shift = sample::weight_shift(vocabulary);
		let token = sample::sample(&mut builder, logits_of_last, shift);
		let kept = match builder.clone().finish(token).operators[usize::from(token.0)] {
			Operator::Pick { weights, .. } => weights,
			_ => panic!("a token is picked"),
		};
		let program = builder.finish(token);
		program.validate().unwrap();
		let mut weights = vec![0; program.weights_length() as usize];
		for (to, logit) in weights.iter_mut().zip(logits) {
			*to = logit.to_le_bytes()[0];
		}
		let start = program.weight_range(WeightId(1)).unwrap().start as usize;
		weights[start..start + 4].copy_from_slice(&(1i32 << 26).to_le_bytes());
		Self { program, weights, kept, shift }
	}

	fn parameters(sampling: &Sampling) -> Parameters {
		Parameters { sampling: Some(sampling.clone()), ..Parameters::encoder(BATCH, 1) }
	}

	/// The tokens of the batch's four rows.
	fn draw(&self, sampling: &Sampling) -> Vec<usize> {
		let parameters = Self::parameters(sampling);
		let outcome = run(&self.program, &self.weights, &[0; 16], &parameters).unwrap();
		let Outcome::Output { data, .. } = outcome else { panic!("{outcome:?}") };
		let words = data.chunks_exact(4);
		words.map(|word| u32::from_le_bytes(word.try_into().unwrap()) as usize).collect()
	}

	/// How often each token is drawn of as many as four for each of `seeds` seeds.
	fn histogram(&self, sampling: &Sampling, seeds: u32) -> Vec<f64> {
		let mut counts = vec![0.0; self.program.tensors().unwrap()[2].width_of_one_row()];
		for number in 0..seeds {
			let mut seed = [0; 32];
			seed[..4].copy_from_slice(&number.to_le_bytes());
			for token in self.draw(&Sampling { seed, ..sampling.clone() }) {
				counts[token] += 1.0;
			}
		}
		counts
	}

	/// The exact probabilities of the tokens.
	fn probabilities(&self, sampling: &Sampling) -> Vec<f64> {
		let mut kept = Vec::new();
		let visit = |_, number, bytes: &[u8]| {
			if number == usize::from(self.kept.0) {
				kept = bytes[..bytes.len() / BATCH as usize].to_vec();
			}
		};
		let parameters = Self::parameters(sampling);
		trace(&self.program, &self.weights, &[0; 16], &parameters, visit).unwrap();
		let words = kept.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap()));
		let half = if self.shift == 0 { 0 } else { 1 << (self.shift - 1) };
		let masses: Vec<f64> =
			words.map(|weight| f64::from((weight + half) >> self.shift)).collect();
		let total: f64 = masses.iter().sum();
		masses.iter().map(|mass| mass / total).collect()
	}
}

trait Width {
	fn width_of_one_row(&self) -> usize;
}

impl Width for assay_program::TensorInfo {
	fn width_of_one_row(&self) -> usize {
		self.width().unwrap().size(assay_program::StepShape::first(1, 1)) as usize
	}
}

/// What softmax with a temperature, top-k and then top-p leaves, in real numbers.
fn real(logits: &[i8], sampling: &Sampling) -> Vec<f64> {
	let temperature = f64::from(sampling.temperature_q16) / 65_536.0;
	let mut weights: Vec<f64> =
		logits.iter().map(|logit| (f64::from(*logit) / 16.0 / temperature).exp()).collect();
	let mut order: Vec<usize> = (0..logits.len()).collect();
	order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
	let cut_below = |weights: &mut Vec<f64>, least: f64| {
		for weight in weights {
			if *weight < least {
				*weight = 0.0;
			}
		}
	};
	if (1..logits.len()).contains(&(sampling.top_k as usize)) {
		let least = weights[order[sampling.top_k as usize - 1]];
		cut_below(&mut weights, least);
	}
	let total: f64 = weights.iter().sum();
	let need = total * f64::from(sampling.top_p_q16) / 65_536.0;
	let mut sum = 0.0;
	let last = order.iter().find(|index| {
		sum += weights[**index];
		sum >= need * (1.0 - 1e-9)
	});
	let least = weights[*last.unwrap()];
	cut_below(&mut weights, least);
	let total: f64 = weights.iter().sum();
	weights.iter().map(|weight| weight / total).collect()
}

/// Pearson's statistic and its degrees of freedom. Tokens that are expected less than five times
/// count as one.
fn chi_square(counts: &[f64], probabilities: &[f64]) -> (f64, f64) {
	let total: f64 = counts.iter().sum();
	let (mut rare, mut rare_expected, mut sum, mut cells) = (0.0, 0.0, 0.0, 0.0);
	for (count, probability) in counts.iter().zip(probabilities) {
		let expected = probability * total;
		if expected < 5.0 {
			rare += count;
			rare_expected += expected;
		} else {
			sum += (count - expected).powi(2) / expected;
			cells += 1.0;
		}
	}
	if rare_expected > 0.0 {
		sum += (rare - rare_expected).powi(2) / rare_expected;
		cells += 1.0;
	}
	(sum, cells - 1.0)
}

/// Whether counts are those of probabilities: a right generator passes but for once in millions.
fn follows(counts: &[f64], probabilities: &[f64]) -> bool {
	let (sum, freedom) = chi_square(counts, probabilities);
	let never = counts.iter().zip(probabilities).all(|(count, p)| *p > 0.0 || *count == 0.0);
	never && sum < freedom + 6.0 * (2.0 * freedom).sqrt() + 10.0
}

fn sampling(temperature: f64, top_k: u32, top_p: f64) -> Sampling {
	let q16 = |x: f64| (x * 65_536.0).round() as u32;
	let (temperature_q16, top_p_q16) = (q16(temperature), q16(top_p));
	Sampling { temperature_q16, top_k, top_p_q16, seed: [0; 32] }
}

/// Logits that differ, some of them by little.
fn logits(count: usize) -> Vec<i8> {
	(0..count).map(|index| ((index * 37 + 11) % 97) as i8 - 48).collect()
}

#[test]
fn tokens_are_drawn_by_their_probabilities() {
	let cases = [
		(logits(40), sampling(1.0, 0, 1.0), 4_000),
		(logits(40), sampling(0.7, 12, 1.0), 4_000),
		(logits(40), sampling(1.5, 0, 0.8), 4_000),
		(logits(97), sampling(2.0, 50, 0.9), 4_000),
		// Three blocks of weights.
		(logits(600), sampling(3.0, 0, 1.0), 6_000),
		(logits(600), sampling(2.0, 300, 0.7), 6_000),
	];
	for (logits, sampling, seeds) in cases {
		let drawer = Drawer::new(&logits);
		let counts = drawer.histogram(&sampling, seeds);
		let exact = drawer.probabilities(&sampling);
		let (sum, freedom) = chi_square(&counts, &exact);
		assert!(follows(&counts, &exact), "{sampling:?}: {sum} for {freedom}");
		// The test tells other distributions from this one.
		let even = vec![1.0 / logits.len() as f64; logits.len()];
		assert!(!follows(&counts, &even));
		let hotter = Sampling { temperature_q16: sampling.temperature_q16 * 5 / 4, ..sampling };
		assert!(!follows(&counts, &drawer.probabilities(&hotter)));
	}
}

#[test]
fn probabilities_are_near_the_real_ones() {
	for (logits, sampling) in [
		(logits(40), sampling(1.0, 0, 1.0)),
		(logits(40), sampling(0.7, 12, 1.0)),
		(logits(40), sampling(1.5, 0, 0.8)),
		(logits(97), sampling(2.0, 50, 0.9)),
		(logits(600), sampling(2.0, 300, 0.7)),
		(logits(600), sampling(0.1, 600, 0.999)),
	] {
		let exact = Drawer::new(&logits).probabilities(&sampling);
		let real = real(&logits, &sampling);
		let worst = exact.iter().zip(&real).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
		assert!(worst < 0.004, "{sampling:?}: {worst}");
		let left = |probabilities: &[f64]| probabilities.iter().filter(|p| **p > 0.0).count();
		// A token at the edge may fall to either side, with its equals.
		assert!(left(&exact).abs_diff(left(&real)) <= 7, "{} {}", left(&exact), left(&real));
	}
}

#[test]
fn one_token_is_left_by_the_narrowest_cuts() {
	let logits = logits(90);
	let best = (0..90).max_by_key(|index| logits[*index]).unwrap();
	let drawer = Drawer::new(&logits);
	for sampling in
		[sampling(1.0, 1, 1.0), sampling(1.0, 0, 1.0 / 65_536.0), sampling(0.001, 0, 1.0)]
	{
		let counts = drawer.histogram(&sampling, 20);
		assert_eq!(counts[best], 80.0, "{sampling:?}");
	}
}

/// A program's tensor by the name of its operator, for the first row of the batch.
fn tensor(drawer: &Drawer, sampling: &Sampling, name: &str, nth: usize) -> Vec<i32> {
	let mut found = Vec::new();
	let mut numbers = drawer.program.operators.iter().enumerate();
	let number = numbers.by_ref().filter(|(_, o)| o.name() == name).nth(nth).unwrap().0;
	let visit = |_, made, bytes: &[u8]| {
		if made == number {
			let row = bytes[..bytes.len() / BATCH as usize].chunks_exact(4);
			found = row.map(|word| i32::from_le_bytes(word.try_into().unwrap())).collect();
		}
	};
	let parameters = Drawer::parameters(sampling);
	trace(&drawer.program, &drawer.weights, &[0; 16], &parameters, visit).unwrap();
	found
}

/// The lowest temperature draws the likeliest token, however large and close the logits are: what
/// saturates are the distances of the others.
#[test]
fn the_lowest_temperature_is_greedy() {
	let lowest = Sampling { temperature_q16: 1, ..sampling(1.0, 0, 1.0) };
	// All of them large: 7.9375 and below, which the quotient alone would saturate together.
	let high: Vec<i8> = (0..40).map(|index| 88 + (index * 7 % 40) as i8).collect();
	// All of them below zero.
	let low: Vec<i8> = high.iter().map(|logit| logit.wrapping_add(-128)).collect();
	for logits in [high, low, logits(90)] {
		let drawer = Drawer::new(&logits);
		let largest = logits.iter().max().unwrap();
		let best = logits.iter().position(|logit| logit == largest).unwrap();
		assert_eq!(logits.iter().filter(|logit| *logit == largest).count(), 1);
		let weights = tensor(&drawer, &lowest, "SoftmaxExp", 0);
		let expected: Vec<bool> = (0..logits.len()).map(|index| index == best).collect();
		assert_eq!(weights.iter().map(|weight| *weight > 0).collect::<Vec<_>>(), expected);
		for seed in 0..8 {
			let tokens = drawer.draw(&Sampling { seed: [seed; 32], ..lowest.clone() });
			assert_eq!(tokens, [best; BATCH as usize]);
		}
	}
}

/// Logits that differ by the least: a low temperature tells them apart, and equal ones stay equal.
#[test]
fn a_low_temperature_keeps_the_order_of_the_largest() {
	let drawer = Drawer::new(&[127, 126, 127, 125, 100, -128]);
	let sampling = sampling(0.05, 0, 1.0);
	let tempered = tensor(&drawer, &sampling, "Temper", 0);
	// A sixteenth over a twentieth: 1.25, for a temperature of 3277 / 65536.
	let step = (2 * (4_096i64 << 16) + 3_277) / (2 * 3_277);
	let expected = [0, -step, 0, (-2 * (8_192i64 << 16) + 3_277).div_euclid(2 * 3_277)];
	let (own, expected): (Vec<i64>, Vec<i64>) =
		(tempered[..4].iter().map(|x| i64::from(*x)).collect(), expected.to_vec());
	assert_eq!(own, expected);
	let weights = tensor(&drawer, &sampling, "SoftmaxExp", 0);
	assert_eq!(weights[0], weights[2]);
	assert!(weights[0] > weights[1] && weights[1] > weights[3] && weights[3] > 0, "{weights:?}");
	assert_eq!(weights[4..], [0, 0]);
}

#[test]
fn rows_and_seeds_draw_numbers_of_their_own() {
	let drawer = Drawer::new(&[0; 64]);
	let draw = |seed| drawer.draw(&Sampling { seed: [seed; 32], ..sampling(1.0, 0, 1.0) });
	let all: Vec<usize> = (0..16).flat_map(draw).collect();
	let different: std::collections::BTreeSet<&usize> = all.iter().collect();
	// Of 64 draws among 64 some 40 differ.
	assert!((30..52).contains(&different.len()), "{different:?}");
	assert_eq!(draw(3), draw(3));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(192))]

	/// Top-k keeps the largest and all equal to the last of them; top-p of those the fewest that
	/// have the mass, and all equal to the last.
	#[test]
	fn cuts_keep_what_they_say(
		logits in prop::collection::vec(any::<i8>(), 1..300),
		temperature_q16 in 10_000u32..400_000,
		top_k in 0u32..40,
		top_p_q16 in 1u32..=65_536,
	) {
		let drawer = Drawer::new(&logits);
		let sampling = Sampling { temperature_q16, top_k, top_p_q16, seed: [9; 32] };
		let tensor = |name, nth| tensor(&drawer, &sampling, name, nth);
		let (all, by_k, by_p): (Vec<i32>, Vec<i32>, Vec<i32>) =
			(tensor("SoftmaxExp", 0), tensor("Keep", 0), tensor("Keep", 1));
		let mut sorted = all.clone();
		sorted.sort_unstable_by(|a, b| b.cmp(a));
		let least = match top_k {
			0 => 0,
			k => sorted.get(k as usize - 1).copied().unwrap_or(0),
		};
		let expected = |least: i32, of: &[i32]| -> Vec<i32> {
			of.iter().map(|weight| if *weight >= least { *weight } else { 0 }).collect()
		};
		prop_assert_eq!(&by_k, &expected(least, &all));

		// The vocabulary is small, so no bit of a weight is dropped.
		prop_assert_eq!(drawer.shift, 0);
		let mut sorted = by_k.clone();
		sorted.sort_unstable_by(|a, b| b.cmp(a));
		let total: i64 = sorted.iter().map(|weight| i64::from(*weight)).sum();
		let need = ((2 * total * i64::from(top_p_q16) + 65_536).div_euclid(131_072)).max(1);
		let mut sum = 0;
		let reached = |weight: &&i32| {
			sum += i64::from(**weight);
			sum >= need
		};
		let least = *sorted.iter().find(reached).unwrap();
		prop_assert_eq!(by_p, expected(least, &by_k));
	}
}
