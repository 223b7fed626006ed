//! The parts of a TensorFlow Lite file that an integer network is made of.
//!
//! Only what the importers need is read; whatever else a file may hold is an error or ignored.
//! Numbers of fields are those of TensorFlow Lite's published schema, version 3.

use crate::{flatbuffer::Table, TfliteError};

/// Longest file that is read.
pub(crate) const MAX_FILE_BYTES: usize = 16 << 20;
/// Most graphs, operator codes, buffers, and tensors or operators of a graph.
const MAX_GRAPHS: usize = 4;
const MAX_CODES: usize = 256;
const MAX_ITEMS: usize = 1_024;
/// Most operands of an operator, and scales of a tensor.
const MAX_OPERANDS: usize = 16;
const MAX_SCALES: usize = 1_024;
/// Most dimensions of a tensor, and their largest size.
const MAX_RANK: usize = 4;
const MAX_DIM: i32 = 2_048;
const SCHEMA: i32 = 3;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
	/// Four bytes, signed.
	Int32,
	/// One byte, unsigned.
	Uint8,
	/// One byte, signed.
	Int8,
	/// A handle of a variable.
	Resource,
	/// Any other, by its number.
	Other(u8),
}

/// A tensor, with its bytes where it is a constant.
#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
	pub(crate) element: Element,
	pub(crate) dims: Vec<usize>,
	pub(crate) data: &'a [u8],
	pub(crate) scales: Vec<f32>,
	pub(crate) zeros: Vec<i64>,
	/// Dimension that the scales run along.
	pub(crate) axis: i32,
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation<'a> {
	/// Runs another graph before the first call.
	CallOnce { graph: i32 },
	/// The variable of a name.
	VarHandle { name: &'a [u8] },
	/// What a variable holds.
	ReadVariable,
	/// Sets a variable.
	AssignVariable,
	/// Other dimensions for the same elements.
	Reshape,
	/// Tensors one after the other along a dimension.
	Concatenation { axis: i32 },
	/// A part of a tensor. Masks name dimensions that are taken from their beginning, to their end.
	StridedSlice { begins: i32, ends: i32, other: bool },
	/// Parts along a dimension.
	SplitV,
	/// A convolution over windows of all channels.
	Conv2d(Window),
	/// A convolution of each channel by itself.
	DepthwiseConv2d(Window),
	/// A product with a matrix.
	FullyConnected { relu: bool },
	/// `1 / (1 + exp(-x))`.
	Logistic,
	/// The same values by another scale.
	Quantize,
	/// Any other, by its number.
	Other(i32),
}

/// How the window of a convolution moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
	/// Step in time.
	pub(crate) stride: i32,
	/// Whether everything else is as in the simplest convolution: step 1 across, no holes, one
	/// output for each channel of a depthwise one, and either no activation or relu.
	pub(crate) plain: bool,
	/// Whether nothing is added at the ends.
	pub(crate) valid: bool,
	/// Whether negative outputs become 0.
	pub(crate) relu: bool,
}

/// An operator.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
	pub(crate) operation: Operation<'a>,
	pub(crate) inputs: Vec<i32>,
	pub(crate) outputs: Vec<i32>,
}

/// A graph, its operators in the order they run.
#[derive(Clone, Debug)]
pub(crate) struct Graph<'a> {
	pub(crate) tensors: Vec<Tensor<'a>>,
	pub(crate) nodes: Vec<Node<'a>>,
	pub(crate) inputs: Vec<i32>,
	pub(crate) outputs: Vec<i32>,
}

/// Reads the graphs of a file.
pub(crate) fn parse(file: &[u8]) -> Result<Vec<Graph<'_>>, TfliteError> {
	if file.len() > MAX_FILE_BYTES {
		let (count, limit) = (file.len(), MAX_FILE_BYTES);
		return Err(TfliteError::TooMany { what: "bytes", count, limit });
	}
	let root = Table::root(file, b"TFL3")?;
	let version = root.int(0, 0)?;
	if version != SCHEMA {
		return Err(TfliteError::Version { version });
	}
	let codes = root
		.tables(1, "operator codes", MAX_CODES)?
		.iter()
		.map(|code| Ok(code.int(3, 0)?.max(i8::from_le_bytes([code.byte(0)?]).into())))
		.collect::<Result<Vec<i32>, TfliteError>>()?;
	let buffers = root
		.tables(4, "buffers", MAX_ITEMS)?
		.iter()
		.map(|buffer| buffer.vector(0, 1))
		.collect::<Result<Vec<_>, _>>()?;
	let graphs = root.tables(2, "graphs", MAX_GRAPHS)?;
	graphs.iter().map(|graph| parse_graph(graph, &codes, &buffers)).collect()
}

fn parse_graph<'a>(
	graph: &Table<'a>,
	codes: &[i32],
	buffers: &[&'a [u8]],
) -> Result<Graph<'a>, TfliteError> {
	let tensors = graph.tables(0, "tensors", MAX_ITEMS)?;
	let nodes = graph.tables(3, "operators", MAX_ITEMS)?;
	Ok(Graph {
		tensors: (0..)
			.zip(&tensors)
			.map(|(number, tensor)| parse_tensor(number, tensor, buffers))
			.collect::<Result<_, _>>()?,
		nodes: nodes.iter().map(|node| parse_node(node, codes)).collect::<Result<_, _>>()?,
		inputs: graph.ints(1, MAX_OPERANDS)?,
		outputs: graph.ints(2, MAX_OPERANDS)?,
	})
}

fn parse_tensor<'a>(
	number: usize,
	tensor: &Table<'a>,
	buffers: &[&'a [u8]],
) -> Result<Tensor<'a>, TfliteError> {
	let dims = tensor.ints(0, MAX_RANK)?;
	if dims.iter().any(|dim| !(0..=MAX_DIM).contains(dim)) {
		return Err(TfliteError::Dimensions { tensor: number });
	}
	let element = match tensor.byte(1)? {
		2 => Element::Int32,
		3 => Element::Uint8,
		9 => Element::Int8,
		13 => Element::Resource,
		other => Element::Other(other),
	};
	let buffer = usize::try_from(tensor.int(2, 0)?).ok().and_then(|index| buffers.get(index));
	let data = *buffer.ok_or(TfliteError::Buffer { tensor: number })?;
	let (mut scales, mut zeros, mut axis) = (Vec::new(), Vec::new(), 0);
	if let Some(quantisation) = tensor.table(4)? {
		scales = quantisation.floats(2, MAX_SCALES)?;
		zeros = quantisation.longs(3, MAX_SCALES)?;
		axis = quantisation.int(6, 0)?;
	}
	let dims = dims.iter().map(|dim| *dim as usize).collect();
	Ok(Tensor { element, dims, data, scales, zeros, axis })
}

fn parse_node<'a>(node: &Table<'a>, codes: &[i32]) -> Result<Node<'a>, TfliteError> {
	let index = node.int(0, 0)?;
	let code = usize::try_from(index).ok().and_then(|index| codes.get(index));
	let code = *code.ok_or(TfliteError::Code { index })?;
	let options = Options { kind: node.byte(3)?, table: node.table(4)? };
	let operation = parse_operation(code, &options)?;
	let (inputs, outputs) = (node.ints(1, MAX_OPERANDS)?, node.ints(2, MAX_OPERANDS)?);
	Ok(Node { operation, inputs, outputs })
}

/// The options of an operator, whose type the file names beside them.
struct Options<'a> {
	kind: u8,
	table: Option<Table<'a>>,
}

impl<'a> Options<'a> {
	/// The options, if they are of the type that the operator takes.
	fn expect(&self, kind: u8, code: i32) -> Result<Table<'a>, TfliteError> {
		let table = self.table.filter(|_| self.kind == kind);
		table.ok_or(TfliteError::Options { code })
	}
}

fn parse_operation<'a>(code: i32, options: &Options<'a>) -> Result<Operation<'a>, TfliteError> {
	Ok(match code {
		2 => {
			let options = options.expect(10, code)?;
			match options.byte(1)? {
				0 => Operation::Concatenation { axis: options.int(0, 0)? },
				_ => Operation::Other(code),
			}
		},
		3 => {
			let options = options.expect(1, code)?;
			let holes = (options.int(4, 1)?, options.int(5, 1)?);
			window(&options, options.byte(3)?, holes, 1).map(Operation::Conv2d)?
		},
		4 => {
			let options = options.expect(2, code)?;
			let holes = (options.int(5, 1)?, options.int(6, 1)?);
			let multiplier = options.int(3, 0)?;
			window(&options, options.byte(4)?, holes, multiplier).map(Operation::DepthwiseConv2d)?
		},
		9 => {
			let options = options.expect(8, code)?;
			match (options.byte(0)?, options.byte(1)?) {
				(activation @ (0 | 1), 0) => Operation::FullyConnected { relu: activation == 1 },
				_ => Operation::Other(code),
			}
		},
		14 => Operation::Logistic,
		22 => Operation::Reshape,
		45 => {
			let options = options.expect(32, code)?;
			let masks = (options.int(2, 0)?, options.int(3, 0)?, options.int(4, 0)?);
			let other = masks != (0, 0, 0) || options.byte(5)? != 0;
			Operation::StridedSlice { begins: options.int(0, 0)?, ends: options.int(1, 0)?, other }
		},
		102 => Operation::SplitV,
		114 => Operation::Quantize,
		129 => Operation::CallOnce { graph: options.expect(103, code)?.int(0, 0)? },
		142 => Operation::VarHandle { name: options.expect(111, code)?.vector(1, 1)? },
		143 => Operation::ReadVariable,
		144 => Operation::AssignVariable,
		_ => Operation::Other(code),
	})
}

fn window(
	options: &Table<'_>,
	activation: u8,
	holes: (i32, i32),
	multiplier: i32,
) -> Result<Window, TfliteError> {
	let across = options.int(1, 0)?;
	Ok(Window {
		stride: options.int(2, 0)?,
		plain: across == 1 && holes == (1, 1) && multiplier == 1 && activation <= 1,
		valid: options.byte(0)? == 1,
		relu: activation == 1,
	})
}
