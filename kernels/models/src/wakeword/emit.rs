//! The operators that the layers of a network become.

use super::{
	rescale,
	stream::{Filter, Import, Source, Span, Value},
	FEATURES, FRAMES, OUTPUT_FRACTION_BITS,
};
use crate::{
	tflite::{Element, Node, Window},
	ImportError,
};
use assay_program::{Operator, Rescale, TensorId};

/// Most bytes of weights that an import makes.
const MAX_WEIGHTS_BYTES: usize = 16 << 20;

/// A convolution in the making.
struct Layer {
	/// What it reads.
	value: TensorId,
	/// Its operand and its result in the graph, for their scales.
	input: usize,
	output: usize,
	/// `[N, taps, K]`.
	weights: Vec<i8>,
	dims: [usize; 3],
	/// Constants of the graph.
	scales: usize,
	bias: usize,
	relu: bool,
}

impl Import<'_> {
	/// Weights `[taps, channels]` of a filter.
	pub(super) fn filter_weights(&self, filter: &Filter) -> Result<Vec<i8>, ImportError> {
		let Filter { span, weights, .. } = filter;
		let width = span.channels.1 - span.channels.0;
		self.bytes(self.tensor(*weights)?, &[1, span.taps, 1, width])
	}

	/// Scales of `rows` rows of weights that run along `axis`.
	fn scales(&self, index: usize, axis: i32, rows: usize) -> Result<Vec<f32>, ImportError> {
		let tensor = self.tensor(index)?;
		self.check(tensor.zeros.iter().all(|zero| *zero == 0), "has weights with a zero point")?;
		match tensor.scales[..] {
			[scale] => Ok(vec![scale; rows]),
			_ => {
				let fits = tensor.axis == axis && tensor.scales.len() == rows;
				self.check(fits, "has another number of scales than of outputs")?;
				Ok(tensor.scales.clone())
			},
		}
	}

	/// How sums become int8 again.
	fn rescale(
		&mut self,
		(input, output): (usize, usize),
		scales: &[f32],
		bias: &[i32],
		relu: bool,
	) -> Result<Rescale, ImportError> {
		let ((from, _), (to, zero)) = (self.affine(input)?, self.affine(output)?);
		let Some((multipliers, shift)) = rescale::multipliers(from, scales, to) else {
			return self.wrong("has scales out of all proportion");
		};
		let scales = self.builder.int32(&multipliers);
		let bias = self.builder.int32(bias);
		let small = self.builder.weights_length() <= MAX_WEIGHTS_BYTES;
		self.check(small, "makes more weights than a network of this kind has")?;
		Ok(Rescale { scales, bias, shift, zero, least: if relu { zero } else { i8::MIN } })
	}

	/// Applies filters, the shorter ones as ones that begin with zeros.
	fn apply(&mut self, filters: &[Filter]) -> Result<(TensorId, usize), ImportError> {
		let (Some(first), Some(last)) = (filters.first(), filters.last()) else {
			return self.wrong("reads what nothing before it makes");
		};
		let Source::Rows(value, width) = first.span.source else {
			return self.wrong("filters something else than a window");
		};
		let all = first.span.channels.0 == 0 && last.span.channels.1 == width;
		self.check(all, "leaves channels out")?;
		let taps = filters.iter().map(|filter| filter.span.taps).max().unwrap_or(0);
		let mut weights = vec![0; taps * width];
		let (mut scales, mut bias) = (Vec::new(), Vec::new());
		for filter in filters {
			let (from, to) = filter.span.channels;
			let rows = weights.chunks_exact_mut(width).skip(taps - filter.span.taps);
			let filled = self.filter_weights(filter)?;
			for (row, part) in rows.zip(filled.chunks_exact(to - from)) {
				row[from..to].copy_from_slice(part);
			}
			scales.extend(self.scales(filter.weights, 3, to - from)?);
			bias.extend(self.integers(filter.bias, to - from)?);
		}
		let (_, zero) = self.affine(first.input)?;
		let weights = self.builder.int8(vec![taps as u32, width as u32], &weights);
		let rescale = self.rescale((first.input, first.output), &scales, &bias, false)?;
		Ok((self.builder.push(Operator::Depthwise { value, zero, weights, rescale }), width))
	}

	/// The window that a layer reads, over all channels, as positions of a tensor.
	fn window(&mut self, input: usize) -> Result<Span, ImportError> {
		match self.value(input)? {
			Value::Span(span @ Span { source: Source::Frames, .. }) => Ok(span),
			Value::Span(span @ Span { source: Source::Rows(_, width), .. })
				if span.channels == (0, width) =>
			{
				Ok(span)
			},
			Value::Filters(filters) => {
				let (value, width) = self.apply(&filters)?;
				let source = Source::Rows(value, width);
				Ok(Span { source, taps: 1, channels: (0, width), state: None })
			},
			_ => self.wrong("reads something else than a window"),
		}
	}

	/// A convolution over all channels.
	pub(super) fn convolve(
		&mut self,
		node: &Node<'_>,
		window: Window,
		output: usize,
	) -> Result<Value, ImportError> {
		let [input, weights, bias] = self.operands(&node.inputs)?;
		let Span { source, taps, channels: (_, width), .. } = self.window(input)?;
		let stride = match source {
			Source::Frames => FRAMES as i32,
			Source::Rows(..) => 1,
		};
		let plain = window.plain && window.stride == stride && (window.valid || taps == 1);
		self.check(plain, "is no plain convolution")?;
		let tensor = self.tensor(weights)?;
		let rows = tensor.dims.first().copied().unwrap_or(0);
		let elements = self.bytes(tensor, &[rows, taps, 1, width])?;
		let one = rows > 0 && self.tensor(output)?.dims == [1, 1, 1, rows];
		self.check(one, "makes more than one position")?;
		let (value, dims, elements) = match source {
			Source::Rows(value, _) => (value, [rows, taps, width], elements),
			Source::Frames => {
				let (dims, elements) = self.strided(rows, taps, &elements)?;
				(self.samples, dims, elements)
			},
		};
		let (scales, relu) = (weights, window.relu);
		self.layer(Layer { value, input, output, weights: elements, dims, scales, bias, relu })
	}

	/// Weights over frames as weights over rows of [`FRAMES`] frames: the window ends with the
	/// newest frame, and what its earliest row has more than the window has no weight.
	fn strided(
		&self,
		rows: usize,
		taps: usize,
		weights: &[i8],
	) -> Result<([usize; 3], Vec<i8>), ImportError> {
		let positions = taps.div_ceil(FRAMES);
		let missing = (positions * FRAMES - taps) * FEATURES;
		let mut spread = Vec::with_capacity(weights.len() + rows * missing);
		for row in weights.chunks_exact(taps * FEATURES) {
			spread.extend(std::iter::repeat_n(0, missing));
			spread.extend(row);
		}
		Ok(([rows, positions, FRAMES * FEATURES], spread))
	}

	/// A product of a whole window with a matrix.
	pub(super) fn connect(
		&mut self,
		node: &Node<'_>,
		relu: bool,
		output: usize,
	) -> Result<Value, ImportError> {
		let [input, matrix, bias] = self.operands(&node.inputs)?;
		let Span { source: Source::Rows(value, _), taps, channels: (_, width), .. } =
			self.window(input)?
		else {
			return self.wrong("reads something else than a window");
		};
		let tensor = self.tensor(matrix)?;
		let rows = tensor.dims.first().copied().unwrap_or(0);
		let weights = self.bytes(tensor, &[rows, taps * width])?;
		let one = rows > 0 && self.tensor(output)?.dims == [1, rows];
		self.check(one, "makes more than one position")?;
		let (scales, dims) = (matrix, [rows, taps, width]);
		self.layer(Layer { value, input, output, weights, dims, scales, bias, relu })
	}

	fn layer(&mut self, layer: Layer) -> Result<Value, ImportError> {
		let Layer { value, input, output, weights, dims, scales, bias, relu } = layer;
		let rows = dims[0];
		let (scales, bias) = (self.scales(scales, 0, rows)?, self.integers(bias, rows)?);
		let (_, zero) = self.affine(input)?;
		let weights = self.builder.int8(dims.map(|dim| dim as u32).to_vec(), &weights);
		let rescale = self.rescale((input, output), &scales, &bias, relu)?;
		let made = self.builder.push(Operator::Convolution { value, zero, weights, rescale });
		let source = Source::Rows(made, rows);
		Ok(Value::Span(Span { source, taps: 1, channels: (0, rows), state: None }))
	}

	/// The logistic function, as a table of what a byte can be.
	pub(super) fn logistic(
		&mut self,
		node: &Node<'_>,
		output: usize,
	) -> Result<Value, ImportError> {
		let [input] = self.operands(&node.inputs)?;
		let Value::Span(Span { source: Source::Rows(value, 1), taps: 1, .. }) =
			self.value(input)?
		else {
			return self.wrong("is a probability of more than one thing");
		};
		let tensor = self.tensor(output)?;
		let byte = (Element::Int8, &[1.0 / 256.0][..], &[-128][..]);
		let same = (tensor.element, &tensor.scales[..], &tensor.zeros[..]) == byte;
		self.check(same, "makes a probability that is no byte")?;
		let (scale, zero) = self.affine(input)?;
		self.check(scale.is_normal() && scale > 0.0, "has scales out of all proportion")?;
		let table = self.builder.int32(&rescale::logistic(scale, zero));
		let fraction = OUTPUT_FRACTION_BITS;
		Ok(Value::Probability(self.builder.push(Operator::Lookup { value, table, fraction })))
	}
}
