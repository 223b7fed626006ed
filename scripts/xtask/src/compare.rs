//! Figures about vectors.

use assay_models::cosine;

/// Mean and smallest cosine between vectors of two lists, pair by pair.
pub(crate) fn agreement(left: &[Vec<f32>], right: &[Vec<f32>]) -> (f64, f64) {
	let all: Vec<f64> = left.iter().zip(right).map(|(a, b)| cosine(a, b)).collect();
	let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
	(mean, all.into_iter().fold(f64::INFINITY, f64::min))
}

/// Each vector's nearest other, each pair once, nearest first.
pub(crate) fn nearest_pairs(vectors: &[Vec<f32>]) -> Vec<(usize, usize, f64)> {
	let mut pairs: Vec<(usize, usize, f64)> = Vec::new();
	for (i, vector) in vectors.iter().enumerate() {
		let nearest = vectors
			.iter()
			.enumerate()
			.filter(|(j, _)| *j != i)
			.map(|(j, other)| (j, cosine(vector, other)))
			.max_by(|a, b| a.1.total_cmp(&b.1));
		if let Some((j, value)) = nearest {
			let pair = (i.min(j), i.max(j), value);
			if !pairs.iter().any(|p| (p.0, p.1) == (pair.0, pair.1)) {
				pairs.push(pair);
			}
		}
	}
	pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
	pairs
}

/// The median, the lower one of two.
pub(crate) fn median(mut numbers: Vec<u32>) -> Option<u32> {
	numbers.sort_unstable();
	numbers.get(numbers.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn pairs_are_named_once_and_sorted() {
		let vectors =
			vec![vec![1.0, 0.0], vec![0.9, 0.1], vec![0.0, 1.0], vec![0.0, 0.99], vec![-1.0, 0.2]];
		let pairs = nearest_pairs(&vectors);
		assert_eq!((pairs[0].0, pairs[0].1), (2, 3));
		assert_eq!((pairs[1].0, pairs[1].1), (0, 1));
		assert_eq!(pairs.len(), 3);
	}

	#[test]
	fn agreement_of_equal_lists_is_one() {
		let vectors = vec![vec![0.6, 0.8], vec![1.0, 0.0]];
		let (mean, min) = agreement(&vectors, &vectors);
		assert!((mean - 1.0).abs() < 1e-9 && (min - 1.0).abs() < 1e-9);
		let other = vec![vec![0.6, 0.8], vec![0.0, 1.0]];
		assert!(agreement(&vectors, &other).1.abs() < 1e-9);
	}

	#[test]
	fn the_median_of_none_is_none() {
		assert_eq!(median(vec![]), None);
		assert_eq!(median(vec![3]), Some(3));
		assert_eq!(median(vec![5, 1, 2, 9]), Some(2));
	}
}
