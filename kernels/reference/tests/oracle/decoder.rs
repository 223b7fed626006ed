//! Formulas of steps, and of the operators that only decoders need.

use super::{clamp25, power, root, round_div, round_shift, round_shift_or_none, sat, Scene, Wide};
use assay_program::{merkle::blake2_256, CutBy, Operator, TallyBy, TensorId, WeightId};

impl Scene<'_> {
	/// What a step after the first begins with.
	pub fn tokens(&self, at: &[usize]) -> i128 {
		let Some(Operator::Stop { next: Some(next), ends }) =
			self.program.operators.iter().nth_back(1)
		else {
			panic!("an input is not computed");
		};
		let before = self.earlier.last().unwrap();
		let token = before[usize::from(next.0)].at(&at[..1]);
		if ends.iter().any(|end| i128::from(*end) == token) {
			-1
		} else {
			token
		}
	}

	pub fn stop(&self, next: &Option<TensorId>, ends: &[u32]) -> i128 {
		let Some(next) = next else { return 1 };
		let last = self.earlier.len() + 1 == self.parameters.max_steps as usize;
		let ended =
			|token: &i128| *token == -1 || ends.iter().any(|end| i128::from(*end) == *token);
		i128::from(last || self.tensor(next).data.iter().all(ended))
	}

	pub fn decoder(&self, operator: &Operator, made: &Wide, at: &[usize]) -> i128 {
		let (last, rows) = at.split_last().unwrap();
		match operator {
			Operator::RootMeanSquare { value, shift, epsilon, .. } => {
				let (value, shift) = (self.tensor(value), i128::from(*shift));
				let square = |k| {
					let x = value.at(&[rows, &[k]].concat());
					clamp25(round_shift_or_none(x, shift)).pow(2)
				};
				let squares: i128 = (0..value.last()).map(square).sum();
				assert!(squares <= i128::from(i64::MAX));
				let mean_square = round_div(squares, value.last() as i128) + i128::from(*epsilon);
				let guard = made.fraction() - (value.fraction() - shift);
				sat(root(mean_square * power(2 * guard)))
			},
			Operator::RmsNormalise { value, rms, gain, .. } => {
				let rms = self.tensor(rms).at(&[rows, &[0]].concat());
				let ratio = sat(round_div(self.tensor(value).at(at) * power(20), rms.max(1)));
				sat(round_shift(ratio * self.weight(gain, *last), 36 - made.fraction()))
			},
			Operator::Rotate { value, heads, cosine, sine } => {
				let value = self.tensor(value);
				let depth = value.last() / *heads as usize;
				let (head, d) = (last / depth, last % depth);
				let half = depth / 2;
				let entry = |table: &WeightId| {
					let position = self.past() + at[1];
					self.weight(table, position * half + d % half).clamp(-16_384, 16_384)
				};
				let x = |d: usize| value.at(&[rows, &[head * depth + d]].concat());
				let turned = if d < half {
					x(d) * entry(cosine) - x(d + half) * entry(sine)
				} else {
					x(d) * entry(cosine) + x(d - half) * entry(sine)
				};
				sat(round_shift(turned, 14))
			},
			Operator::Multiply { left, right, .. } => {
				let (left, right) = (self.tensor(left), self.tensor(right));
				let shift = left.fraction() + right.fraction() - made.fraction();
				sat(round_shift(left.at(at) * right.at(at), shift))
			},
			Operator::Last { value } => {
				let value = self.tensor(value);
				value.at(&[at[0], value.dims[1] - 1, at[1]])
			},
			_ => self.choice(operator, at),
		}
	}

	fn choice(&self, operator: &Operator, at: &[usize]) -> i128 {
		let b = at[0];
		let sampling = self.parameters.sampling.as_ref();
		match operator {
			Operator::ArgMax { value } => {
				let row = self.row(value, b);
				row.iter().position(|x| x == row.iter().max().unwrap()).unwrap() as i128
			},
			Operator::Temper { value, max } => {
				let temperature = sampling.map_or(65_536, |sampling| sampling.temperature_q16);
				let distance = self.tensor(value).at(at) - self.tensor(max).at(&[b]);
				sat(round_div(distance * power(16), temperature.into()))
			},
			Operator::Tally { weights, cut, by } => {
				let in_bin = |e: &i128| match cut {
					None => e / 256 == at[1] as i128,
					Some(cut) => {
						e / 256 == self.tensor(cut).at(&[b, 0]) && e % 256 == at[1] as i128
					},
				};
				let weights = self.row(weights, b);
				let inside = weights.into_iter().filter(|e| *e != 0).filter(in_bin);
				sat(match by {
					TallyBy::Count => inside.count() as i128,
					TallyBy::Mass { shift } => {
						inside.map(|e| round_shift_or_none(e, (*shift).into())).sum()
					},
				})
			},
			Operator::Cut { tally, by } => self.cut(&self.row(tally, b), *by, at[1]),
			Operator::Threshold { cut, tally } => {
				let (bins, cut) = (self.row(tally, b), self.row(cut, b));
				let from = |bin: usize| bins[bin..].iter().sum::<i128>();
				let first = (0..bins.len()).rev().find(|bin| from(*bin) >= cut[1]);
				sat(cut[0] * 256 + first.unwrap_or(0) as i128)
			},
			Operator::Keep { weights, threshold } => {
				let weight = self.tensor(weights).at(at);
				if weight >= self.tensor(threshold).at(&[b, 0]) {
					weight
				} else {
					0
				}
			},
			Operator::BlockSum { weights, shift } => {
				let weights = self.row(weights, b);
				let block = weights.chunks(256).nth(at[1]).unwrap().iter();
				sat(block.map(|e| round_shift_or_none(*e, (*shift).into())).sum())
			},
			_ => self.token(operator, b, at),
		}
	}

	fn token(&self, operator: &Operator, b: usize, at: &[usize]) -> i128 {
		match operator {
			Operator::Draw { sums } => self.draw(sums, b)[at[1]],
			Operator::Pick { weights, draw, shift } => {
				let (weights, draw) = (self.row(weights, b), self.row(draw, b));
				let first = draw[0] as usize * 256;
				let block = &weights[first..weights.len().min(first + 256)];
				let sum_to = |end: usize| -> i128 {
					block[..=end].iter().map(|e| round_shift_or_none(*e, (*shift).into())).sum()
				};
				let inside = (0..block.len()).find(|index| sum_to(*index) > draw[1]);
				(first + inside.unwrap_or(0)) as i128
			},
			Operator::Choose { ids, greedy, sampled } => {
				let chosen = if self.parameters.sampling.is_some() { sampled } else { greedy };
				match self.tensor(ids).at(&[b, self.sequence() - 1]) {
					-1 => -1,
					_ => self.tensor(chosen).at(&[b]),
				}
			},
			_ => panic!("{} has no formula here", operator.name()),
		}
	}

	fn cut(&self, bins: &[i128], by: CutBy, index: usize) -> i128 {
		let sampling = self.parameters.sampling.as_ref();
		let top_p = sampling.map_or(65_536, |sampling| sampling.top_p_q16);
		let total: i128 = bins.iter().sum();
		let need = match by {
			CutBy::TopK => sampling.map_or(0, |sampling| sampling.top_k).into(),
			CutBy::TopP => round_div(total * i128::from(top_p), power(16)).max(1),
		};
		let from = |bin: usize| bins[bin..].iter().sum::<i128>();
		let first = (0..bins.len()).rev().find(|bin| need > 0 && from(*bin) >= need);
		match (first, index) {
			(Some(bin), 0) => bin as i128,
			(Some(bin), _) => sat(need - (from(bin) - bins[bin])),
			(None, 0) => 0,
			(None, _) => (1 << 31) - 1,
		}
	}

	/// A row of `[B, N]`.
	fn row(&self, id: &TensorId, entry: usize) -> Vec<i128> {
		let tensor = self.tensor(id);
		(0..tensor.last()).map(|k| tensor.at(&[entry, k])).collect()
	}

	fn draw(&self, sums: &TensorId, entry: usize) -> [i128; 2] {
		let sums = self.row(sums, entry);
		let seed = self.parameters.sampling.as_ref().map_or([0; 32], |sampling| sampling.seed);
		let key = blake2_256(&[&b"assay/sample/1"[..], &seed].concat());
		let (step, row) = (self.earlier.len() as u32, entry as u32);
		let hash = blake2_256(&[&key[..], &step.to_le_bytes(), &row.to_le_bytes()].concat());
		let random = u64::from_le_bytes(hash[..8].try_into().unwrap());
		let total: i128 = sums.iter().sum();
		let place = i128::from(random) * total / power(64);
		let before = |block: usize| sums[..block].iter().sum::<i128>();
		match (0..sums.len()).find(|block| before(block + 1) > place) {
			Some(block) => [block as i128, place - before(block)],
			None => [0, 0],
		}
	}
}
