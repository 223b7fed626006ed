//! The formulas of `assay_program::Operator` written a second time, element by element, in int128
//! and with explicit indices. Nothing here clamps or rounds but where a formula says so: if the
//! reference agrees for the worst operands, nothing in it wraps or saturates unseen.

pub mod check;
mod decoder;
pub mod network;

use assay_program::{
	EmbedBy, Kind, Mask, Operator, Parameters, Program, TableBase, TensorId, WeightId, WeightKind,
};

pub fn round_shift(value: i128, shift: i128) -> i128 {
	assert!((1..64).contains(&shift));
	round_div(value, 1 << shift)
}

/// `rs0`.
pub fn round_shift_or_none(value: i128, shift: i128) -> i128 {
	if shift == 0 {
		value
	} else {
		round_shift(value, shift)
	}
}

pub fn round_div(numerator: i128, divisor: i128) -> i128 {
	assert!(divisor > 0);
	(2 * numerator + divisor).div_euclid(2 * divisor)
}

pub fn sat(value: i128) -> i128 {
	value.clamp(-(1 << 31), (1 << 31) - 1)
}

fn clamp25(value: i128) -> i128 {
	value.clamp(1 - (1 << 25), (1 << 25) - 1)
}

fn power(bits: i128) -> i128 {
	assert!((0..100).contains(&bits));
	1 << bits
}

/// Floor square root by bisection.
pub fn root(value: i128) -> i128 {
	let (mut low, mut high) = (0i128, 1i128 << 60);
	while high - low > 1 {
		let middle = (low + high) / 2;
		if middle * middle <= value {
			low = middle;
		} else {
			high = middle;
		}
	}
	low
}

/// A tensor, widened.
#[derive(Clone, Debug)]
pub struct Wide {
	pub dims: Vec<usize>,
	pub kind: Kind,
	pub data: Vec<i128>,
}

impl Wide {
	fn at(&self, indices: &[usize]) -> i128 {
		assert_eq!(indices.len(), self.dims.len());
		let place = indices.iter().zip(&self.dims).fold(0, |place, (index, dim)| {
			assert!(index < dim);
			place * dim + index
		});
		self.data[place]
	}

	fn fraction(&self) -> i128 {
		self.kind.fraction().unwrap().into()
	}

	fn bits(&self) -> i128 {
		match self.kind {
			Kind::Quantised { bits } => bits.into(),
			_ => panic!("not quantised"),
		}
	}

	/// `2^(bits-1) - 1`.
	fn limit(&self) -> i128 {
		power(self.bits() - 1) - 1
	}

	fn last(&self) -> usize {
		*self.dims.last().unwrap()
	}
}

/// A run in which operands of one operator are known.
pub struct Scene<'a> {
	pub program: &'a Program,
	pub weights: &'a [u8],
	pub parameters: &'a Parameters,
	/// All tensors of the steps before.
	pub earlier: &'a [Vec<Wide>],
	/// The tensors of this step so far.
	pub tensors: &'a [Wide],
}

impl Scene<'_> {
	fn tensor(&self, id: &TensorId) -> &Wide {
		&self.tensors[usize::from(id.0)]
	}

	fn weight(&self, id: &WeightId, index: usize) -> i128 {
		let shape = &self.program.weights[usize::from(id.0)];
		let start = self.program.weight_range(*id).unwrap().start as usize;
		match shape.kind {
			WeightKind::Int8 => i8::from_le_bytes([self.weights[start + index]]).into(),
			WeightKind::Int32 => {
				let bytes = &self.weights[start + 4 * index..start + 4 * index + 4];
				i32::from_le_bytes(bytes.try_into().unwrap()).into()
			},
		}
	}

	fn weight_dim(&self, id: &WeightId, dim: usize) -> usize {
		self.program.weights[usize::from(id.0)].dims[dim] as usize
	}

	/// Positions of the steps before.
	fn past(&self) -> usize {
		match self.earlier.len() {
			0 => 0,
			steps => self.parameters.sequence as usize + steps - 1,
		}
	}

	/// Positions of this step.
	fn sequence(&self) -> usize {
		if self.earlier.is_empty() {
			self.parameters.sequence as usize
		} else {
			1
		}
	}

	/// An element of row `position` of all rows that the steps so far made of a tensor.
	fn held(&self, id: &TensorId, entry: usize, position: usize, column: usize) -> i128 {
		let mut rest = position;
		let all = self.earlier.iter().map(Vec::as_slice).chain([self.tensors]);
		for tensors in all {
			let tensor = &tensors[usize::from(id.0)];
			if rest < tensor.dims[1] {
				return tensor.at(&[entry, rest, column]);
			}
			rest -= tensor.dims[1];
		}
		panic!("position {position} is not made yet");
	}

	/// Whether place `place` of the row of a softmax that is at `row` counts.
	fn valid(&self, mask: Mask, row: &[usize], place: usize) -> bool {
		match mask {
			Mask::None => true,
			Mask::Padding { ids } => self.tensor(&ids).at(&[row[0], place]) >= 0,
			Mask::Causal => place <= self.past() + row[2],
		}
	}

	fn factor(&self, max: i128, quantised: &Wide) -> i128 {
		round_div(max.max(1) * power(quantised.bits() - 1), quantised.limit())
	}

	/// The element of an operator's output at `at`. `made` is the tensor that the operator makes,
	/// for its dimensions and kind.
	pub fn element(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		match operator {
			Operator::Tokens { .. } => self.tokens(at),
			Operator::Embed { .. } => self.embed(operator, made, at),
			Operator::Add { left, right } => {
				sat(self.tensor(left).at(at) + self.tensor(right).at(at))
			},
			Operator::RowMax { value, .. } => self.row_max(value, made, at),
			Operator::Quantise { value, max, .. } => self.quantise(value, max, made, at),
			Operator::Linear { .. } => self.linear(operator, made, at),
			Operator::Scores { .. } => self.scores(operator, made, at),
			Operator::SoftmaxMax { scores, mask } => {
				let scores = self.tensor(scores);
				let valid = (0..scores.last()).filter(|place| self.valid(*mask, at, *place));
				let elements = valid.map(|place| scores.at(&[at, &[place]].concat()));
				elements.max().unwrap_or(-(1 << 31))
			},
			Operator::SoftmaxExp { scores, max, mask } => {
				let (place, row) = at.split_last().unwrap();
				if self.valid(*mask, row, *place) {
					exponential(self.tensor(max).at(row) - self.tensor(scores).at(at))
				} else {
					0
				}
			},
			Operator::SoftmaxSum { exponentials } => {
				let row = self.tensor(exponentials);
				sat((0..row.last()).map(|k| row.at(&[at, &[k]].concat())).sum())
			},
			Operator::SoftmaxNormalise { exponentials, sum } => {
				let part = self.tensor(exponentials).at(at).clamp(0, 1 << 17);
				let sum = self.tensor(sum).at(&at[..3]).max(1);
				round_div(part * (1 << 15), sum).min(32_767)
			},
			Operator::ContextWeight { probabilities, value_max, .. } => {
				let fraction = self.tensor(value_max).fraction();
				let head = at[1] / (made.dims[1] / self.tensor(value_max).last());
				let max = self.held(value_max, at[0], at[3], head);
				let product = self.tensor(probabilities).at(at) * max;
				sat(round_shift(product, 15 + fraction - made.fraction()))
			},
			Operator::Context { .. } => self.context(operator, made, at),
			Operator::Stop { next, ends } => self.stop(next, ends),
			Operator::Emit { value, .. } => self.tensor(value).at(at),
			_ if operator.index() > 36 => self.network(operator, at),
			_ if operator.index() > 21 => self.decoder(operator, made, at),
			_ => self.norms(operator, made, at),
		}
	}

	fn norms(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		// The row that `at` is in.
		let rows = &at[..at.len() - 1];
		let single = [rows, &[0]].concat();
		let element = |wide: &Wide, k: usize| wide.at(&[rows, &[k]].concat());
		let count = |wide: &Wide| wide.last() as i128;
		match operator {
			Operator::Mean { value } => {
				let value = self.tensor(value);
				let sum = (0..value.last()).map(|k| element(value, k)).sum();
				sat(round_div(sum, count(value)))
			},
			Operator::Deviation { value, mean, epsilon, .. } => {
				let (value, mean) = (self.tensor(value), self.tensor(mean).at(&single));
				let square = |k| clamp25(element(value, k) - mean).pow(2);
				let squares: i128 = (0..value.last()).map(square).sum();
				assert!(squares <= i128::from(i64::MAX));
				let guard = power(2 * (made.fraction() - value.fraction()));
				let mean_square = round_div(squares, count(value)) + i128::from(*epsilon);
				sat(root(mean_square * guard))
			},
			Operator::Normalise { value, mean, deviation, gain, bias, .. } => {
				let (value, deviation) = (self.tensor(value), self.tensor(deviation));
				let raise = power(20 + deviation.fraction() - value.fraction());
				let distance = clamp25(value.at(at) - self.tensor(mean).at(&single));
				let ratio = sat(round_div(distance * raise, deviation.at(&single).max(1)));
				let column = *at.last().unwrap();
				let gained = round_shift(ratio * self.weight(gain, column), 36 - made.fraction());
				sat(gained + self.weight(bias, column))
			},
			Operator::Table { value, table, shift, base, .. } => {
				let entries = self.weight_dim(table, 0);
				let value = self.tensor(value).at(at);
				let entry = |index| self.weight(table, index);
				interpolate(value, entries, entry, (*shift).into(), *base)
			},
			Operator::MeanPool { value, ids } => {
				let (value, mask) = (self.tensor(value), Mask::Padding { ids: *ids });
				let places: Vec<usize> =
					(0..self.sequence()).filter(|place| self.valid(mask, at, *place)).collect();
				let sum = places.iter().map(|place| value.at(&[at[0], *place, at[1]])).sum();
				sat(round_div(sum, places.len().max(1) as i128))
			},
			Operator::L2Norm { value } => {
				let value = self.tensor(value);
				let squares = (0..value.last()).map(|k| clamp25(element(value, k)).pow(2));
				sat(root(squares.sum()))
			},
			Operator::L2Normalise { value, norm, .. } => {
				let scaled = clamp25(self.tensor(value).at(at)) * power(made.fraction());
				sat(round_div(scaled, self.tensor(norm).at(&single).max(1)))
			},
			_ => panic!("{} has no formula here", operator.name()),
		}
	}

	fn embed(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		let Operator::Embed { ids, table, scales, by, .. } = operator else { panic!() };
		let id = self.tensor(ids).at(&at[..2]);
		if id < 0 {
			return 0;
		}
		let row = match by {
			EmbedBy::Token => id as usize,
			EmbedBy::Position => self.past() + at[1],
		};
		let entry = self.weight(table, row * self.weight_dim(table, 1) + at[2]);
		let scale = self.weight(scales, row).max(0);
		sat(round_shift(entry * scale, 30 - made.fraction()))
	}

	fn row_max(&self, value: &TensorId, made: &Wide, at: &[usize]) -> i128 {
		let value = self.tensor(value);
		let part = value.last() / made.last();
		let (group, rows) = at.split_last().unwrap();
		let magnitude = |k: usize| value.at(&[rows, &[group * part + k]].concat()).abs();
		(0..part).map(magnitude).max().unwrap().clamp(1, (1 << 31) - 1)
	}

	fn quantise(&self, value: &TensorId, max: &TensorId, made: &Wide, at: &[usize]) -> i128 {
		let (value, max) = (self.tensor(value), self.tensor(max));
		let (column, rows) = at.split_last().unwrap();
		let group = column / (value.last() / max.last());
		let max = max.at(&[rows, &[group]].concat()).max(1);
		let limit = made.limit();
		round_div(value.at(at) * limit, max).clamp(-limit, limit)
	}

	fn linear(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		let Operator::Linear { input, max, weights, scales, bias, shift, .. } = operator else {
			panic!()
		};
		let (input, max) = (self.tensor(input), self.tensor(max));
		let (n, rows) = at.split_last().unwrap();
		let columns = input.last();
		let products: i128 = (0..columns)
			.map(|k| input.at(&[rows, &[k]].concat()) * self.weight(weights, n * columns + k))
			.sum();
		assert_eq!(products, sat(products));
		let shift = i128::from(*shift);
		let middle = sat(round_shift(products * self.weight(scales, *n).max(0), shift));
		let second = 30 + max.fraction() + input.bits() - 1 - made.fraction() - shift;
		let factor = self.factor(max.at(&[rows, &[0]].concat()), input);
		let bias = bias.map_or(0, |bias| self.weight(&bias, *n));
		sat(round_shift(middle * factor, second) + bias)
	}

	fn scores(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		let Operator::Scores { query, query_max, key, key_max, shift, .. } = operator else {
			panic!()
		};
		let (query, query_max) = (self.tensor(query), self.tensor(query_max));
		let [b, h, i, j] = at[..] else { panic!() };
		let depth = query.last() / query_max.last();
		let g = h / (query_max.last() / self.tensor(key_max).last());
		let element = |d| self.held(key, b, j, g * depth + d);
		let key_max_here = self.held(key_max, b, j, g);
		let (key, key_max) = (self.tensor(key), self.tensor(key_max));
		let product = |d| query.at(&[b, i, h * depth + d]) * element(d);
		let products: i128 = (0..depth).map(product).sum();
		assert_eq!(products, sat(products));
		let shift = i128::from(*shift);
		let middle =
			sat(round_shift(products * self.factor(query_max.at(&[b, i, h]), query), shift));
		let second = query.bits() - 1 + key.bits() - 1 + query_max.fraction() + key_max.fraction()
			- made.fraction()
			- shift;
		sat(round_shift(middle * self.factor(key_max_here, key), second))
	}

	fn context(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		let Operator::Context { weight, weight_max, value, groups, shift, .. } = operator else {
			panic!()
		};
		let (weight, weight_max) = (self.tensor(weight), self.tensor(weight_max));
		let [b, i, column] = at[..] else { panic!() };
		let depth = made.last() / weight.dims[1];
		let (h, d) = (column / depth, column % depth);
		let g = h / (weight.dims[1] / *groups as usize);
		let product = |j| weight.at(&[b, h, i, j]) * self.held(value, b, j, g * depth + d);
		let products: i128 = (0..weight.last()).map(product).sum();
		let shift = i128::from(*shift);
		// Validation bounds the sum so that this saturates nothing but the last half.
		assert!(products.abs() < power(31 + shift));
		let middle = sat(round_shift_or_none(products, shift));
		let value = self.tensor(value);
		let bits = weight.bits() - 1 + value.bits() - 1;
		let factor = round_div(
			weight_max.at(&[b, h, i, 0]).max(1) * power(bits),
			weight.limit() * value.limit(),
		);
		sat(round_shift(middle * factor, bits + weight_max.fraction() - made.fraction() - shift))
	}
}

/// The exponential of `-z`, 16 fraction bits.
pub fn exponential(z: i128) -> i128 {
	let z = z.clamp(0, (1 << 31) - 1);
	let n = z / 45_426;
	let r = z - n * 45_426;
	let p = round_shift(round_shift((88_670 - r).pow(2), 16) * 23_495, 16) + 22_546;
	match n {
		0 => p,
		1..=23 => round_shift(p, n),
		_ => 0,
	}
}

/// A table of `entries` entries at `x`.
pub fn interpolate(
	x: i128,
	entries: usize,
	entry: impl Fn(usize) -> i128,
	shift: i128,
	base: TableBase,
) -> i128 {
	let n = entries as i128 - 1;
	let u = (x + n / 2 * power(shift)).clamp(0, n * power(shift));
	let i = u / power(shift);
	let r = u - i * power(shift);
	let from = entry(i as usize);
	let step = if i == n { 0 } else { round_shift((entry(i as usize + 1) - from) * r, shift) };
	let base = match base {
		TableBase::Zero => 0,
		TableBase::Relu => x.max(0),
	};
	sat(base + from + step)
}
