//! From the graph of one call to a program over a stretch.

use super::{FEATURES, FRAMES, MAX_BATCH, MAX_SEQUENCE, OUTPUT_FRACTION_BITS};
use crate::{
	builder::Builder,
	tflite::{Element, Graph, Node, Operation, Tensor, Window},
	ImportError, Imported,
};
use assay_program::{Limits, Operator, TensorId};
use codec::Encode;

/// What a tensor of the graph is in the program.
#[derive(Clone, Debug)]
pub(super) enum Value {
	/// The frames of this call.
	Frames,
	/// A variable.
	Handle(usize),
	/// What a variable held before this call.
	Past(usize),
	/// The last positions of something.
	Span(Span),
	/// Filters that were not applied yet, for channels side by side.
	Filters(Vec<Filter>),
	/// The probability.
	Probability(TensorId),
}

/// The last `taps` positions of a source, and some of its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
	pub(super) source: Source,
	pub(super) taps: usize,
	/// The channels, from the first to the one after the last.
	pub(super) channels: (usize, usize),
	/// The variable that holds all but the newest of the positions.
	pub(super) state: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
	/// Frames, several to a row of the program's input.
	Frames,
	/// Positions of a tensor of the program, of so many channels.
	Rows(TensorId, usize),
}

/// A filter for each channel of a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
	pub(super) span: Span,
	pub(super) input: usize,
	pub(super) weights: usize,
	pub(super) bias: usize,
	pub(super) output: usize,
}

/// A variable: its dimensions are `[1, rows, 1, channels]`.
#[derive(Debug)]
pub(super) struct State<'a> {
	name: &'a [u8],
	initial: &'a Tensor<'a>,
	read: bool,
	assigned: bool,
}

pub(super) struct Import<'a> {
	pub(super) graph: &'a Graph<'a>,
	/// Number of the operator at hand.
	pub(super) at: usize,
	pub(super) values: Vec<Option<Value>>,
	pub(super) states: Vec<State<'a>>,
	pub(super) samples: TensorId,
	pub(super) builder: Builder,
}

/// Imports the first of the graphs, whose variables another one sets up.
pub(super) fn convert(graphs: &[Graph<'_>]) -> Result<Imported, ImportError> {
	let [graph, initial] = graphs else {
		let message = "is not in a file of two graphs, the network and what sets up its variables";
		return Err(ImportError::Network { operator: 0, message });
	};
	let mut builder = Builder::default();
	let samples = builder.push(Operator::Samples { width: (FRAMES * FEATURES) as u32 });
	let values = vec![None; graph.tensors.len()];
	let mut import = Import { graph, at: 0, values, states: Vec::new(), samples, builder };
	import.states = import.variables(initial)?;
	let input = import.only(&graph.inputs)?;
	import.check(import.tensor(input)?.dims == [1, FRAMES, FEATURES], "reads another input")?;
	import.set(input, Value::Frames)?;
	for (number, node) in graph.nodes.iter().enumerate() {
		import.at = number;
		import.node(node)?;
	}
	import.at = graph.nodes.len();
	import.finish()
}

impl<'a> Import<'a> {
	fn finish(mut self) -> Result<Imported, ImportError> {
		let done = self.states.iter().all(|state| state.read && state.assigned);
		self.check(done, "(the end) leaves a variable unread or unset")?;
		let output = self.only(&self.graph.outputs)?;
		let Value::Probability(value) = self.value(output)? else {
			return self.wrong("(the end) is not preceded by a probability");
		};
		let published = self.tensor(output)?;
		let byte = (Element::Uint8, &[1.0 / 256.0][..], &[0][..]);
		let same = (published.element, &published.scales[..], &published.zeros[..]) == byte;
		self.check(same, "(the end) is not preceded by a probability of one byte")?;
		let stop = self.builder.push(Operator::Stop { next: None, ends: Vec::new() });
		self.builder.push(Operator::Emit { value, stop });
		let limits = Limits::encoder(MAX_BATCH, MAX_SEQUENCE);
		let (program, weights) = self.builder.finish(limits)?;
		let (program_bytes, output_fraction_bits) = (program.encode(), OUTPUT_FRACTION_BITS);
		Ok(Imported { program, program_bytes, weights, output_fraction_bits })
	}

	pub(super) fn wrong<T>(&self, message: &'static str) -> Result<T, ImportError> {
		Err(ImportError::Network { operator: self.at, message })
	}

	pub(super) fn check(&self, holds: bool, message: &'static str) -> Result<(), ImportError> {
		if holds {
			Ok(())
		} else {
			self.wrong(message)
		}
	}

	/// The only element of a list of tensors.
	fn only(&self, list: &[i32]) -> Result<usize, ImportError> {
		let [index] = self.operands(list)?;
		Ok(index)
	}

	/// Numbers of so many tensors.
	pub(super) fn operands<const N: usize>(&self, list: &[i32]) -> Result<[usize; N], ImportError> {
		let Ok(list) = <[i32; N]>::try_from(list) else {
			return self.wrong("has another number of operands");
		};
		let known = |index: i32| usize::try_from(index).ok().filter(|i| *i < self.values.len());
		let numbers = list.map(known);
		self.check(numbers.iter().all(Option::is_some), "has an operand that is not there")?;
		Ok(numbers.map(Option::unwrap_or_default))
	}

	pub(super) fn tensor(&self, index: usize) -> Result<&'a Tensor<'a>, ImportError> {
		match self.graph.tensors.get(index) {
			Some(tensor) => Ok(tensor),
			None => self.wrong("has an operand that is not there"),
		}
	}

	pub(super) fn value(&self, index: usize) -> Result<Value, ImportError> {
		match self.values.get(index) {
			Some(Some(value)) => Ok(value.clone()),
			_ => self.wrong("reads what nothing before it makes"),
		}
	}

	fn set(&mut self, index: usize, value: Value) -> Result<(), ImportError> {
		match self.values.get_mut(index) {
			Some(slot @ None) => {
				*slot = Some(value);
				Ok(())
			},
			_ => self.wrong("makes a tensor a second time"),
		}
	}

	/// Int8 elements of a constant.
	pub(super) fn bytes(
		&self,
		tensor: &'a Tensor<'a>,
		dims: &[usize],
	) -> Result<Vec<i8>, ImportError> {
		let fits = tensor.element == Element::Int8
			&& tensor.dims == dims
			&& tensor.data.len() == dims.iter().product::<usize>();
		self.check(fits, "has weights of another type or other dimensions")?;
		Ok(tensor.data.iter().map(|byte| i8::from_le_bytes([*byte])).collect())
	}

	/// Int32 elements of a constant.
	pub(super) fn integers(&self, index: usize, count: usize) -> Result<Vec<i32>, ImportError> {
		let tensor = self.tensor(index)?;
		let words = tensor.data.as_chunks::<4>().0;
		let fits = tensor.element == Element::Int32
			&& tensor.data.len() == 4 * count
			&& tensor.dims.iter().product::<usize>() == count;
		self.check(fits, "has a constant of another type or other dimensions")?;
		Ok(words.iter().map(|word| i32::from_le_bytes(*word)).collect())
	}

	/// Scale and zero point of an int8 tensor that has one of each.
	pub(super) fn affine(&self, index: usize) -> Result<(f32, i8), ImportError> {
		self.affine_of(self.tensor(index)?)
	}

	fn affine_of(&self, tensor: &Tensor<'_>) -> Result<(f32, i8), ImportError> {
		if let (Element::Int8, [scale], [zero]) =
			(tensor.element, &tensor.scales[..], &tensor.zeros[..])
		{
			if let Ok(zero) = i8::try_from(*zero) {
				return Ok((*scale, zero));
			}
		}
		self.wrong("has an operand that is not int8 with one scale and one zero point")
	}

	/// Whether tensors have the same scale and zero point.
	fn same(&self, indices: &[usize]) -> Result<(), ImportError> {
		let affine =
			indices.iter().map(|index| self.affine(*index)).collect::<Result<Vec<_>, _>>()?;
		let same = affine.windows(2).all(|pair| pair[0] == pair[1]);
		self.check(same, "joins tensors of different scales")
	}

	/// The variables, from the graph that sets each of them to a constant.
	fn variables(&self, initial: &'a Graph<'a>) -> Result<Vec<State<'a>>, ImportError> {
		let mut names: Vec<Option<&[u8]>> = vec![None; initial.tensors.len()];
		let mut states: Vec<State<'a>> = Vec::new();
		let message = "runs a graph that does more than set variables to zero points";
		for node in &initial.nodes {
			match (node.operation, &node.inputs[..], &node.outputs[..]) {
				(Operation::VarHandle { name }, [], [handle]) => {
					let slot = usize::try_from(*handle).ok().and_then(|at| names.get_mut(at));
					let Some(slot @ None) = slot else { return self.wrong(message) };
					*slot = Some(name);
				},
				(Operation::AssignVariable, [handle, value], []) => {
					let at = |index: i32| usize::try_from(index).ok();
					let name = at(*handle).and_then(|index| names.get(index).copied().flatten());
					let value = at(*value).and_then(|index| initial.tensors.get(index));
					let (Some(name), Some(initial)) = (name, value) else {
						return self.wrong(message);
					};
					let (_, zero) = self.affine_of(initial)?;
					let zeros = self.bytes(initial, &initial.dims)?.iter().all(|x| *x == zero);
					let twice = states.iter().any(|state| state.name == name);
					self.check(zeros && !twice && initial.dims.len() == 4, message)?;
					states.push(State { name, initial, read: false, assigned: false });
				},
				_ => return self.wrong(message),
			}
		}
		Ok(states)
	}

	fn node(&mut self, node: &Node<'_>) -> Result<(), ImportError> {
		if let Operation::AssignVariable = node.operation {
			return self.assign(node);
		}
		if let Operation::CallOnce { graph } = node.operation {
			return self.check(graph == 1 && self.at == 0, "runs another graph");
		}
		if let Operation::SplitV = node.operation {
			return self.split(node);
		}
		let output = self.only(&node.outputs)?;
		let value = match node.operation {
			Operation::VarHandle { name } => {
				let state = self.states.iter().position(|state| state.name == name);
				let Some(state) = state else { return self.wrong("names an unknown variable") };
				Value::Handle(state)
			},
			Operation::ReadVariable => self.read(node, output)?,
			Operation::Reshape => self.reshape(node, output)?,
			Operation::Concatenation { axis: 1 } => self.join(node, output)?,
			Operation::Concatenation { axis: 3 | -1 } => self.beside(node, output)?,
			Operation::StridedSlice { begins: 13, ends: 15, other: false } => {
				self.slice(node, output)?
			},
			Operation::DepthwiseConv2d(window) => self.filter(node, window, output)?,
			Operation::Conv2d(window) => self.convolve(node, window, output)?,
			Operation::FullyConnected { relu } => self.connect(node, relu, output)?,
			Operation::Logistic => self.logistic(node, output)?,
			Operation::Quantize => {
				let input = self.only(&node.inputs)?;
				let value = self.value(input)?;
				let probability = matches!(value, Value::Probability(_));
				self.check(probability, "rescales something else than the probability")?;
				value
			},
			_ => return self.wrong("is none that such a network has"),
		};
		self.set(output, value)
	}

	fn read(&mut self, node: &Node<'_>, output: usize) -> Result<Value, ImportError> {
		let handle = self.only(&node.inputs)?;
		let Value::Handle(number) = self.value(handle)? else {
			return self.wrong("reads something else than a variable");
		};
		let (made, affine) = (self.tensor(output)?, self.affine(output)?);
		let expected = self.states.get(number).map(|state| state.initial);
		let Some(expected) = expected else { return self.wrong("names an unknown variable") };
		let same = made.dims == expected.dims && affine == self.affine_of(expected)?;
		self.check(same, "reads a variable as something else than it is set up as")?;
		let first = match self.states.get_mut(number) {
			Some(state) if !state.read && !state.assigned => {
				state.read = true;
				true
			},
			_ => false,
		};
		self.check(first, "reads a variable again, or after it was set")?;
		Ok(Value::Past(number))
	}

	fn assign(&mut self, node: &Node<'_>) -> Result<(), ImportError> {
		let [handle, value] = self.operands(&node.inputs)?;
		let (Value::Handle(number), Value::Span(span)) = (self.value(handle)?, self.value(value)?)
		else {
			return self.wrong("sets a variable to something else than the end of its window");
		};
		let channels = match span.source {
			Source::Frames => FEATURES,
			Source::Rows(_, channels) => channels,
		};
		let fits = span.state == Some(number) && span.channels == (0, channels);
		let set = match self.states.get_mut(number) {
			Some(state) if fits && !state.assigned => {
				state.assigned = true;
				state.initial.dims == [1, span.taps, 1, channels]
			},
			_ => false,
		};
		self.check(set, "sets a variable to something else than the end of its window")
	}

	fn reshape(&mut self, node: &Node<'_>, output: usize) -> Result<Value, ImportError> {
		let [input, _] = self.operands(&node.inputs)?;
		self.same(&[input, output])?;
		let (value, dims) = (self.value(input)?, &self.tensor(output)?.dims[..]);
		let fits = match &value {
			Value::Frames => dims == [1, FRAMES, 1, FEATURES],
			Value::Span(span) => dims == [1, span.taps * (span.channels.1 - span.channels.0)],
			_ => false,
		};
		self.check(fits, "rearranges something else than its frames or a window")?;
		Ok(value)
	}

	/// A window: what a variable held, and what is new.
	fn join(&mut self, node: &Node<'_>, output: usize) -> Result<Value, ImportError> {
		let [past, new] = self.operands(&node.inputs)?;
		self.same(&[past, new, output])?;
		let (past, new) = (self.value(past)?, self.value(new)?);
		let Value::Past(number) = past else {
			return self.wrong("joins something else than the past and the present");
		};
		let (source, rows, channels) = match new {
			Value::Frames => (Source::Frames, FRAMES, FEATURES),
			Value::Span(Span {
				source: source @ Source::Rows(_, width),
				taps: 1,
				channels,
				..
			}) if channels == (0, width) => (source, 1, width),
			_ => return self.wrong("joins something else than the past and the present"),
		};
		let dims = self.states.get(number).map_or(&[][..], |state| &state.initial.dims[..]);
		let &[1, held, 1, width] = dims else {
			return self.wrong("joins a variable that is no window");
		};
		let taps = held + rows;
		let fits = width == channels && self.tensor(output)?.dims == [1, taps, 1, channels];
		self.check(fits, "joins tensors of different width")?;
		Ok(Value::Span(Span { source, taps, channels: (0, channels), state: Some(number) }))
	}

	/// The end of a window.
	fn slice(&mut self, node: &Node<'_>, output: usize) -> Result<Value, ImportError> {
		let [input, begin, end, strides] = self.operands(&node.inputs)?;
		self.same(&[input, output])?;
		let Value::Span(span) = self.value(input)? else {
			return self.wrong("takes a part of something else than a window");
		};
		self.integers(end, 4)?;
		self.check(self.integers(strides, 4)? == [1; 4], "leaves positions out")?;
		let begin = self.integers(begin, 4)?.get(1).copied().unwrap_or(0);
		let kept = match usize::try_from(begin) {
			Ok(begin) => span.taps.saturating_sub(begin),
			Err(_) => begin.unsigned_abs() as usize,
		};
		let width = span.channels.1 - span.channels.0;
		let fits =
			(1..=span.taps).contains(&kept) && self.tensor(output)?.dims == [1, kept, 1, width];
		self.check(fits, "takes a part that is not there")?;
		Ok(Value::Span(Span { taps: kept, ..span }))
	}

	/// Windows over some of the channels each.
	fn split(&mut self, node: &Node<'_>) -> Result<(), ImportError> {
		let [input, sizes, axis] = self.operands(&node.inputs)?;
		let Value::Span(span) = self.value(input)? else {
			return self.wrong("splits something else than a window");
		};
		let channels = matches!(self.integers(axis, 1)?[..], [3 | -1]);
		self.check(channels, "splits something else than channels")?;
		let sizes = self.integers(sizes, node.outputs.len())?;
		let mut first = span.channels.0;
		for (size, output) in sizes.iter().zip(&node.outputs) {
			let output = self.only(&[*output])?;
			self.same(&[input, output])?;
			let last =
				usize::try_from(*size).ok().filter(|size| *size > 0).map(|size| first + size);
			let last = last.filter(|last| *last <= span.channels.1);
			let Some(last) = last else { return self.wrong("splits into impossible parts") };
			let dims = [1, span.taps, 1, last - first];
			self.check(self.tensor(output)?.dims == dims, "splits into impossible parts")?;
			self.set(output, Value::Span(Span { channels: (first, last), ..span }))?;
			first = last;
		}
		self.check(first == span.channels.1, "splits into impossible parts")
	}

	fn filter(
		&mut self,
		node: &Node<'_>,
		window: Window,
		output: usize,
	) -> Result<Value, ImportError> {
		let [input, weights, bias] = self.operands(&node.inputs)?;
		let Value::Span(span @ Span { source: Source::Rows(..), .. }) = self.value(input)? else {
			return self.wrong("filters something else than a window");
		};
		let whole = window.valid || span.taps == 1;
		let plain = window.plain && window.stride == 1 && whole && !window.relu;
		self.check(plain, "is no plain depthwise convolution")?;
		let width = span.channels.1 - span.channels.0;
		self.check(self.tensor(output)?.dims == [1, 1, 1, width], "makes more than one position")?;
		let filter = Filter { span, input, weights, bias, output };
		// Looked at here, so that an error names this operator.
		self.filter_weights(&filter)?;
		self.affine(output)?;
		Ok(Value::Filters(vec![filter]))
	}

	/// Filters beside each other.
	fn beside(&mut self, node: &Node<'_>, output: usize) -> Result<Value, ImportError> {
		let mut filters: Vec<Filter> = Vec::new();
		for input in &node.inputs {
			let input = self.only(&[*input])?;
			self.same(&[input, output])?;
			let Value::Filters(more) = self.value(input)? else {
				return self.wrong("puts something else than filters beside each other");
			};
			for filter in more {
				let last = filters.last().map_or(0, |last| last.span.channels.1);
				let source = filters.first().map_or(filter.span.source, |f| f.span.source);
				let next = filter.span.channels.0 == last && filter.span.source == source;
				self.check(next, "does not put channels beside each other in their order")?;
				self.same(&[filter.input, filters.first().unwrap_or(&filter).input])?;
				filters.push(filter);
			}
		}
		let width = filters.last().map_or(0, |last| last.span.channels.1);
		let fits = self.tensor(output)?.dims == [1, 1, 1, width];
		self.check(fits, "does not put channels beside each other in their order")?;
		Ok(Value::Filters(filters))
	}
}
