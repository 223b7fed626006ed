//! Text to token ids.

use crate::TokenizeError;
use std::path::Path;

/// Longest text that is handed to the tokenizer at all, in bytes. The longest words that the
/// vocabulary takes apart would not fill it with the most tokens a program takes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The published tokenizer of a model.
pub struct Tokenizer {
	inner: tokenizers::Tokenizer,
	/// Tokens that frame every text.
	framing: usize,
	max_tokens: usize,
}

impl std::fmt::Debug for Tokenizer {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Tokenizer").field("max_tokens", &self.max_tokens).finish_non_exhaustive()
	}
}

impl Tokenizer {
	/// Loads `tokenizer.json`. Texts may have as many tokens as the MiniLM program takes.
	pub fn from_file(path: &Path) -> Result<Self, TokenizeError> {
		Self::with_limit(path, crate::minilm::MAX_SEQUENCE as usize)
	}

	/// Loads `tokenizer.json`; texts may have `max_tokens` tokens, framing ones included.
	pub fn with_limit(path: &Path, max_tokens: usize) -> Result<Self, TokenizeError> {
		let load = |message: String| TokenizeError::Load { path: path.into(), message };
		let bytes = std::fs::read(path).map_err(|error| load(error.to_string()))?;
		let mut inner =
			tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| load(error.to_string()))?;
		// The file asks for exactly 128 tokens, cut or padded. Here a text is as long as it is, and
		// one that is too long is refused rather than cut.
		inner.with_padding(None);
		inner.with_truncation(None).map_err(|error| load(error.to_string()))?;
		let framing = inner.encode("", true).map_err(|error| load(error.to_string()))?.len();
		Ok(Self { inner, framing, max_tokens })
	}

	/// Most tokens of a text, framing ones included.
	pub fn max_tokens(&self) -> usize {
		self.max_tokens
	}

	/// Token ids of a text, framing tokens included.
	pub fn encode(&self, text: &str) -> Result<Vec<i32>, TokenizeError> {
		if text.len() > MAX_TEXT_BYTES {
			return Err(TokenizeError::TooManyBytes { bytes: text.len(), limit: MAX_TEXT_BYTES });
		}
		let failed = |message: String| TokenizeError::Tokenizer(message);
		let encoding =
			self.inner.encode_fast(text, true).map_err(|error| failed(error.to_string()))?;
		let tokens = encoding.len();
		if tokens <= self.framing {
			return Err(TokenizeError::Empty);
		}
		if tokens > self.max_tokens {
			return Err(TokenizeError::TooLong { tokens, limit: self.max_tokens });
		}
		encoding.get_ids().iter().map(|id| token_id(*id)).collect()
	}

	/// Token ids of a text that may not be UTF-8.
	pub fn encode_bytes(&self, text: &[u8]) -> Result<Vec<i32>, TokenizeError> {
		let text = std::str::from_utf8(text)
			.map_err(|error| TokenizeError::NotUtf8 { valid_bytes: error.valid_up_to() })?;
		self.encode(text)
	}
}

/// A token id as programs take it.
pub(crate) fn token_id(id: u32) -> Result<i32, TokenizeError> {
	i32::try_from(id).map_err(|_| TokenizeError::Tokenizer(format!("token id {id}")))
}
