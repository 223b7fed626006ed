//! Why a model, a text or an output is refused.

use crate::gguf::GgufError;
use assay_program::ProgramError;
use std::path::PathBuf;

/// Why a model cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
	/// A file cannot be read.
	#[error("cannot read {}: {source} (scripts/setup fetches the model files)", path.display())]
	Read {
		/// The file.
		path: PathBuf,
		/// What the system says.
		source: std::io::Error,
	},
	/// A file cannot be written.
	#[error("cannot write {}: {source}", path.display())]
	Write {
		/// The file.
		path: PathBuf,
		/// What the system says.
		source: std::io::Error,
	},
	/// A file is not the published one.
	#[error("{} has SHA-256 {actual}, expected {expected}", path.display())]
	Digest {
		/// The file.
		path: PathBuf,
		/// Digest of the published file.
		expected: &'static str,
		/// Digest of this one.
		actual: String,
	},
	/// The file is not a safetensors file: truncated, or its header contradicts itself.
	#[error("not a safetensors file: {0}")]
	Format(#[from] safetensors::SafeTensorError),
	/// The file is not a GGUF file: truncated, or its header contradicts itself.
	#[error("not a GGUF file that can be read: {0}")]
	Gguf(#[from] GgufError),
	/// The file holds a model of another architecture.
	#[error("the file holds a model of architecture `{actual}`, expected `{expected}`")]
	Architecture {
		/// The architecture that is imported.
		expected: &'static str,
		/// The one found.
		actual: String,
	},
	/// The file says nothing about something that an import needs.
	#[error("the metadata lacks `{key}`")]
	MissingMetadata {
		/// Its key.
		key: String,
	},
	/// The file's metadata differ from what is imported.
	#[error("the metadata say `{key}` is {actual}, expected {expected}")]
	Metadata {
		/// The key.
		key: String,
		/// What is imported.
		expected: String,
		/// What the file says.
		actual: String,
	},
	/// The file's chat template is not the one that is written out here.
	#[error("the chat template has SHA-256 {actual}, expected {expected}")]
	ChatTemplate {
		/// Digest of the template that is known.
		expected: &'static str,
		/// Digest of the file's.
		actual: String,
	},
	/// The file's tokenizer cannot be made.
	#[error("the tokenizer of the file is unusable: {message}")]
	Tokenizer {
		/// What is wrong with it.
		message: String,
	},
	/// The file holds a tensor that is not part of the architecture.
	#[error("tensor `{name}` is not part of the architecture")]
	UnknownTensor {
		/// Its name.
		name: String,
	},
	/// The file lacks a tensor of the architecture.
	#[error("tensor `{name}` is missing")]
	MissingTensor {
		/// Its name.
		name: String,
	},
	/// A tensor has elements of another type than the architecture says.
	#[error("tensor `{name}` holds {actual}, expected F32")]
	ElementType {
		/// Its name.
		name: String,
		/// The type found.
		actual: String,
	},
	/// A tensor has other dimensions than the architecture says.
	#[error("tensor `{name}` has dimensions {actual:?}, expected {expected:?}")]
	Dimensions {
		/// Its name.
		name: String,
		/// What the architecture says.
		expected: Vec<usize>,
		/// What the file says.
		actual: Vec<usize>,
	},
	/// An element is infinite or no number.
	#[error("element {index} of tensor `{name}` is {value}")]
	NotFinite {
		/// Name of the tensor.
		name: String,
		/// Position in row-major order.
		index: usize,
		/// The element.
		value: f32,
	},
	/// A value is too large for the fixed-point format it goes to.
	#[error("a value of tensor `{name}` is too large for its fixed-point format")]
	TooLarge {
		/// Name of the tensor.
		name: String,
	},
	/// No model of this name is published.
	#[error("there is no published model `{name}`")]
	Unknown {
		/// The name.
		name: String,
	},
	/// The file is not a TensorFlow Lite file, or contradicts itself.
	#[error("not a TensorFlow Lite file: {0}")]
	Tflite(#[from] TfliteError),
	/// The file holds another network than the architecture says.
	#[error("operator {operator} of the network {message}")]
	Network {
		/// Its number in the main graph; the number of operators where the end is wrong.
		operator: usize,
		/// What is wrong with it.
		message: &'static str,
	},
	/// The program that came out does not validate: a mistake in the importer.
	#[error("the imported program does not validate: {0}")]
	Program(#[from] ProgramError),
}

/// Why a TensorFlow Lite file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TfliteError {
	/// The file does not begin as such a file.
	#[error("it lacks the identifier `TFL3`")]
	Identifier,
	/// The file was written for another schema.
	#[error("its schema has version {version}, expected 3")]
	Version {
		/// Version found.
		version: i32,
	},
	/// Something lies outside the file: it is truncated, or an offset is wrong.
	#[error("something that byte {offset} leads to lies outside the file")]
	Outside {
		/// Where it was met.
		offset: usize,
	},
	/// There is more of something than is read.
	#[error("it has {count} {what}, at most {limit} are read")]
	TooMany {
		/// Of what.
		what: &'static str,
		/// How many there are.
		count: usize,
		/// How many are read.
		limit: usize,
	},
	/// A tensor has a dimension that is negative or too large.
	#[error("tensor {tensor} has impossible dimensions")]
	Dimensions {
		/// Number of the tensor in its graph.
		tensor: usize,
	},
	/// A tensor refers to a buffer that is not there.
	#[error("tensor {tensor} has no buffer")]
	Buffer {
		/// Number of the tensor in its graph.
		tensor: usize,
	},
	/// An operator refers to a code that is not there.
	#[error("there is no operator code {index}")]
	Code {
		/// Number of the code.
		index: i32,
	},
	/// An operator lacks its options, or has those of another one.
	#[error("an operator with code {code} lacks its options")]
	Options {
		/// Code of the operator.
		code: i32,
	},
}

/// Why a text cannot be an input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizeError {
	/// The tokenizer file cannot be read or understood.
	#[error("cannot load the tokenizer {}: {message} (scripts/setup fetches it)", path.display())]
	Load {
		/// The file.
		path: PathBuf,
		/// What is wrong with it.
		message: String,
	},
	/// The text is not UTF-8.
	#[error("the text is not valid UTF-8 after byte {valid_bytes}")]
	NotUtf8 {
		/// Length of the valid beginning.
		valid_bytes: usize,
	},
	/// Nothing of the text is left to embed.
	#[error("the text is empty: it has no character that the model reads")]
	Empty,
	/// The text has more tokens than the program takes.
	#[error("the text has {tokens} tokens, the model takes at most {limit}")]
	TooLong {
		/// Tokens, the two that frame the text included.
		tokens: usize,
		/// Most tokens.
		limit: usize,
	},
	/// The text is so long that it is not even tokenized.
	#[error("the text has {bytes} bytes, at most {limit} are tokenized")]
	TooManyBytes {
		/// Length of the text.
		bytes: usize,
		/// Longest text.
		limit: usize,
	},
	/// The tokenizer failed on this text.
	#[error("the tokenizer failed: {0}")]
	Tokenizer(String),
}

/// Why an output is not what a program of the model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
	/// The length is no multiple of an embedding's.
	#[error("{bytes} bytes of output are no whole number of embeddings of {width} int32")]
	Length {
		/// Bytes there are.
		bytes: usize,
		/// Elements of one embedding.
		width: usize,
	},
	/// A token is none of the vocabulary.
	#[error("token {id} is none of the {vocabulary} of the model")]
	Token {
		/// The token.
		id: i32,
		/// Number of tokens there are.
		vocabulary: usize,
	},
}
