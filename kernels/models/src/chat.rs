//! Chats as token ids and back, for models whose file brings tokenizer and template.
//!
//! What a user types is always text: `<|im_end|>` in a message is those ten characters, not the
//! token that ends a message, so nobody can speak in another's name. The published template, which
//! pastes texts together, gives the same ids for every message without such names.

use crate::{
	gguf::Gguf,
	tokenizer::{token_id, MAX_TEXT_BYTES},
	ImportError, OutputError, TokenizeError,
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path};
use tokenizers::{
	models::bpe::BPE,
	pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence},
	AddedToken,
};

/// SHA-256 of the template that [`render`] writes out.
pub const TEMPLATE_SHA256: &str =
	"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788";
/// What the template has the system say if the first message is not its own.
pub const DEFAULT_SYSTEM: &str =
	"You are a helpful AI assistant named SmolLM, trained by Hugging Face";

const START: &str = "<|im_start|>";
const END: &str = "<|im_end|>";
/// How GGUF marks tokens that are no text.
const CONTROL: u64 = 3;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
	/// Instructions to the model.
	System,
	/// The one who asks.
	User,
	/// The model.
	Assistant,
}

impl Role {
	/// Its name in the template.
	pub fn name(self) -> &'static str {
		match self {
			Self::System => "system",
			Self::User => "user",
			Self::Assistant => "assistant",
		}
	}
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
	/// Who says it.
	pub role: Role,
	/// What is said.
	pub content: String,
}

impl Message {
	/// A message of the user.
	pub fn user(content: impl Into<String>) -> Self {
		Self { role: Role::User, content: content.into() }
	}
}

/// A piece of a rendered chat.
enum Piece<'a> {
	Start,
	Text(&'a str),
	End,
}

/// The chat as the template writes it, ready for the model's answer.
fn pieces(messages: &[Message]) -> Vec<Piece<'_>> {
	let mut out = Vec::new();
	let mut say = |role: Role, content| {
		out.extend([Piece::Start, Piece::Text(role.name()), Piece::Text("\n")]);
		out.extend([Piece::Text(content), Piece::End, Piece::Text("\n")]);
	};
	if messages.first().is_some_and(|first| first.role != Role::System) {
		say(Role::System, DEFAULT_SYSTEM);
	}
	for message in messages {
		say(message.role, &message.content);
	}
	out.extend([Piece::Start, Piece::Text(Role::Assistant.name()), Piece::Text("\n")]);
	out
}

/// The chat as text, as the published template writes it, ready for the model's answer.
pub fn render(messages: &[Message]) -> String {
	let text = |piece| match piece {
		Piece::Start => START,
		Piece::Text(text) => text,
		Piece::End => END,
	};
	pieces(messages).into_iter().map(text).collect()
}

/// Tokenizer and vocabulary of a chat model.
pub struct ChatTokenizer {
	inner: tokenizers::Tokenizer,
	/// The bytes each token stands for, nothing for those that are no text.
	bytes: Vec<Box<[u8]>>,
	start: i32,
	end: i32,
	max_tokens: usize,
}

impl std::fmt::Debug for ChatTokenizer {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("ChatTokenizer")
			.field("vocabulary", &self.bytes.len())
			.field("max_tokens", &self.max_tokens)
			.finish_non_exhaustive()
	}
}

impl ChatTokenizer {
	/// Makes the tokenizer of a model file; a text or chat may have `max_tokens` tokens.
	pub fn from_file(path: &Path, max_tokens: usize) -> Result<Self, TokenizeError> {
		let load = |message: String| TokenizeError::Load { path: path.into(), message };
		let file = std::fs::read(path).map_err(|error| load(error.to_string()))?;
		Self::from_gguf(&file, max_tokens).map_err(|error| load(error.to_string()))
	}

	/// Makes the tokenizer from the bytes of a model file.
	pub fn from_gguf(file: &[u8], max_tokens: usize) -> Result<Self, ImportError> {
		let gguf = Gguf::parse(file)?;
		let template = gguf.text("tokenizer.chat_template")?;
		let actual = hex::encode(Sha256::digest(template));
		if actual != TEMPLATE_SHA256 {
			return Err(ImportError::ChatTemplate { expected: TEMPLATE_SHA256, actual });
		}
		for (key, expected) in [("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm")]
		{
			let actual = gguf.text(key)?;
			if actual != expected {
				let (expected, actual) = (expected.into(), actual.into());
				return Err(ImportError::Metadata { key: key.into(), expected, actual });
			}
		}
		let words = gguf.texts("tokenizer.ggml.tokens")?;
		let kinds = gguf.numbers("tokenizer.ggml.token_type")?;
		if kinds.len() != words.len() {
			let message = format!("{} tokens, but {} token types", words.len(), kinds.len());
			return Err(ImportError::Tokenizer { message });
		}
		let is_text: Vec<bool> = kinds.iter().map(|kind| *kind != CONTROL).collect();
		let inner = byte_pairs(&words, &is_text, &gguf.texts("tokenizer.ggml.merges")?)?;
		let control = |name: &str| {
			let id = words.iter().zip(&is_text).position(|(word, text)| !text && *word == name);
			let message = || format!("it lacks the token {name}");
			id.map(|id| id as i32).ok_or_else(|| ImportError::Tokenizer { message: message() })
		};
		let (start, end) = (control(START)?, control(END)?);
		Ok(Self { inner, bytes: token_bytes(&words, &is_text)?, start, end, max_tokens })
	}

	/// Most tokens of a text or chat.
	pub fn max_tokens(&self) -> usize {
		self.max_tokens
	}

	/// Number of tokens there are.
	pub fn vocabulary(&self) -> usize {
		self.bytes.len()
	}

	/// The token that ends a message.
	pub fn end(&self) -> i32 {
		self.end
	}

	/// Token ids of a text. Names of special tokens in it are text.
	///
	/// The published vocabulary lacks some bytes (control characters 4, 6, 19, 20, 22 and 29, and
	/// those that begin characters from U+40000 on). As in the published tokenizer, the text loses
	/// them.
	pub fn encode(&self, text: &str) -> Result<Vec<i32>, TokenizeError> {
		self.encode_pieces(&[Piece::Text(text)])
	}

	/// Token ids of a chat, ready for the model's answer.
	pub fn encode_chat(&self, messages: &[Message]) -> Result<Vec<i32>, TokenizeError> {
		if messages.is_empty() {
			return Err(TokenizeError::Empty);
		}
		self.encode_pieces(&pieces(messages))
	}

	fn encode_pieces(&self, pieces: &[Piece<'_>]) -> Result<Vec<i32>, TokenizeError> {
		let length = |piece: &Piece<'_>| match piece {
			Piece::Text(text) => text.len(),
			_ => 0,
		};
		let bytes = pieces.iter().map(length).sum();
		if bytes > MAX_TEXT_BYTES {
			return Err(TokenizeError::TooManyBytes { bytes, limit: MAX_TEXT_BYTES });
		}
		let mut ids = Vec::new();
		// Texts side by side are tokenized as one, as the template's text would be.
		let mut text = String::new();
		for piece in pieces {
			match piece {
				Piece::Text(more) => text.push_str(more),
				Piece::Start | Piece::End => {
					self.append(&mut ids, &std::mem::take(&mut text))?;
					ids.push(if matches!(piece, Piece::End) { self.end } else { self.start });
				},
			}
		}
		self.append(&mut ids, &text)?;
		match ids.len() {
			0 => Err(TokenizeError::Empty),
			tokens if tokens > self.max_tokens => {
				Err(TokenizeError::TooLong { tokens, limit: self.max_tokens })
			},
			_ => Ok(ids),
		}
	}

	fn append(&self, ids: &mut Vec<i32>, text: &str) -> Result<(), TokenizeError> {
		let encoding = self
			.inner
			.encode_fast(text, false)
			.map_err(|error| TokenizeError::Tokenizer(error.to_string()))?;
		for id in encoding.get_ids() {
			ids.push(token_id(*id)?);
		}
		Ok(())
	}

	/// The text of tokens; those that are no text are left out.
	pub fn decode(&self, ids: &[i32]) -> Result<String, OutputError> {
		let mut stream = self.stream();
		let mut text = String::new();
		for id in ids {
			text.push_str(&stream.push(*id)?);
		}
		text.push_str(stream.finish());
		Ok(text)
	}

	/// Begins to turn tokens into text one by one.
	pub fn stream(&self) -> TextStream<'_> {
		TextStream { bytes: &self.bytes, pending: Vec::new() }
	}
}

/// Text that grows token by token.
///
/// A token may end in the middle of a character; such bytes wait for the next token. Whatever can
/// never become UTF-8 is replaced by U+FFFD, just as if all bytes had been there at once.
#[derive(Clone, Debug)]
pub struct TextStream<'a> {
	bytes: &'a [Box<[u8]>],
	/// The beginning of a character: at most three bytes.
	pending: Vec<u8>,
}

impl TextStream<'_> {
	/// What one more token adds to the text.
	pub fn push(&mut self, id: i32) -> Result<String, OutputError> {
		let bytes = usize::try_from(id).ok().and_then(|index| self.bytes.get(index));
		let bytes = bytes.ok_or(OutputError::Token { id, vocabulary: self.bytes.len() })?;
		self.pending.extend_from_slice(bytes);
		let mut text = String::new();
		let mut rest = self.pending.as_slice();
		while !rest.is_empty() {
			let (valid, invalid) = match std::str::from_utf8(rest) {
				Ok(valid) => (valid, Some(0)),
				Err(error) => (valid_beginning(rest, error.valid_up_to()), error.error_len()),
			};
			text.push_str(valid);
			rest = rest.get(valid.len()..).unwrap_or_default();
			match invalid {
				Some(0) => {},
				Some(length) => {
					text.push(char::REPLACEMENT_CHARACTER);
					rest = rest.get(length..).unwrap_or_default();
				},
				// A character begins and may still be completed.
				None => break,
			}
		}
		self.pending.drain(..self.pending.len() - rest.len());
		Ok(text)
	}

	/// What is left at the end of all tokens: a replacement if they end within a character.
	pub fn finish(self) -> &'static str {
		if self.pending.is_empty() {
			""
		} else {
			"\u{fffd}"
		}
	}
}

fn valid_beginning(bytes: &[u8], length: usize) -> &str {
	bytes.get(..length).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
}

/// Byte-level pair encoding as GGUF's "smollm" means it: each digit for itself, then the word
/// pattern of GPT-2.
fn byte_pairs(
	words: &[&str],
	is_text: &[bool],
	merges: &[&str],
) -> Result<tokenizers::Tokenizer, ImportError> {
	let failed = |message: String| ImportError::Tokenizer { message };
	let pair = |merge: &&str| {
		let (left, right) = merge.split_once(' ')?;
		Some((left.to_string(), right.to_string()))
	};
	let merges = merges
		.iter()
		.map(|merge| pair(merge).ok_or_else(|| failed(format!("`{merge}` merges no two tokens"))))
		.collect::<Result<Vec<_>, _>>()?;
	let ids = words.iter().zip(0u32..).map(|(word, id)| (word.to_string(), id));
	let model = BPE::builder()
		.vocab_and_merges(ids.collect::<tokenizers::models::bpe::Vocab>(), merges)
		.build()
		.map_err(|error| failed(error.to_string()))?;
	let mut tokenizer = tokenizers::Tokenizer::new(model);
	let byte_level = ByteLevel::new(false, true, true);
	let split = Sequence::new(vec![Digits::new(true).into(), byte_level.into()]);
	tokenizer.with_pre_tokenizer(Some(split));
	let special = words.iter().zip(is_text).filter(|(_, is_text)| !**is_text);
	let special: Vec<AddedToken> =
		special.map(|(word, _)| AddedToken::from(word.to_string(), true)).collect();
	tokenizer.add_special_tokens(special).map_err(|error| failed(error.to_string()))?;
	// Special tokens are put in by number, never found in a text.
	tokenizer.set_encode_special_tokens(true);
	Ok(tokenizer)
}

/// The bytes that each token stands for.
fn token_bytes(words: &[&str], is_text: &[bool]) -> Result<Vec<Box<[u8]>>, ImportError> {
	let byte_of: BTreeMap<char, u8> = (0..=u8::MAX).map(|byte| (letter(byte), byte)).collect();
	let bytes = |word: &str| -> Option<Box<[u8]>> {
		word.chars().map(|letter| byte_of.get(&letter).copied()).collect()
	};
	words
		.iter()
		.zip(is_text)
		.map(|(word, is_text)| match is_text {
			false => Ok(Box::default()),
			true => bytes(word).ok_or_else(|| ImportError::Tokenizer {
				message: format!("the token `{word}` stands for no bytes"),
			}),
		})
		.collect()
}

/// The printable letter by which a byte-level vocabulary writes a byte: itself where it is one of
/// Latin-1, and from U+0100 on in order where it is not.
fn letter(byte: u8) -> char {
	let is_printable = |byte: &u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
	if is_printable(&byte) {
		return char::from(byte);
	}
	let before = (0..byte).filter(|other| !is_printable(other)).count();
	char::from_u32(0x100 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn template_is_written_out() {
		let user = |content: &str| Message::user(content);
		let text = render(&[user("Hi")]);
		assert_eq!(
			text,
			"<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging \
			 Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
		);
		let system = Message { role: Role::System, content: "Be brief.".into() };
		let answer = Message { role: Role::Assistant, content: "Hello.".into() };
		assert_eq!(
			render(&[system, user("Hi"), answer, user("Bye")]),
			"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n\
			 <|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n\
			 <|im_start|>assistant\n"
		);
	}

	#[test]
	fn letters_of_bytes_are_those_of_the_format() {
		let letters: std::collections::BTreeSet<char> = (0..=u8::MAX).map(letter).collect();
		assert_eq!(letters.len(), 256);
		// Space, line feed, delete, no-break space, soft hyphen.
		for (byte, expected) in
			[(b' ', 'Ġ'), (b'\n', 'Ċ'), (0x7f, 'ġ'), (0xa0, 'ł'), (0xad, 'Ń'), (b'a', 'a')]
		{
			assert_eq!(letter(byte), expected);
		}
	}

	#[test]
	fn streamed_text_equals_the_whole_whatever_the_cuts() {
		let whole: &[u8] =
			b"a\xc3\xa9\xf0\x9f\x98\x80\xff\xe2\x82b\xf0\x9f\xe2\x82\xac\xc3\x80\xed\xa0\x80z\
			  \xf0\x9f\x98";
		let expected = String::from_utf8_lossy(whole);
		for length in 1..=whole.len() {
			let bytes: Vec<Box<[u8]>> = whole.chunks(length).map(Box::from).collect();
			let mut stream = TextStream { bytes: &bytes, pending: Vec::new() };
			let mut text = String::new();
			for id in 0..bytes.len() {
				text.push_str(&stream.push(id as i32).unwrap());
				assert!(stream.pending.len() < 4);
			}
			text.push_str(stream.finish());
			assert_eq!(text, expected, "pieces of {length} bytes");
		}
	}

	#[test]
	fn fails_on_ids_outside_the_vocabulary() {
		let bytes: Vec<Box<[u8]>> = vec![Box::from(*b"a")];
		let mut stream = TextStream { bytes: &bytes, pending: Vec::new() };
		for id in [-1, 1, i32::MIN, i32::MAX] {
			assert_eq!(stream.push(id), Err(OutputError::Token { id, vocabulary: 1 }));
		}
		assert_eq!(stream.push(0), Ok("a".into()));
	}
}
