//! Server-sent events, as far as a provider's streams need them.

use crate::error::{mismatch, Result};
use assay_program::wire::EVENT_BYTES_MAX;

/// An event with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
	/// What kind of event it is.
	pub(crate) name: String,
	/// What it says.
	pub(crate) data: String,
}

/// Finds events in a body that comes in pieces. Of an event that is cut off nothing is told.
#[derive(Debug, Default)]
pub(crate) struct Parser {
	/// The beginning of the next line.
	line: Vec<u8>,
	name: String,
	data: Option<String>,
}

impl Parser {
	/// Takes the next bytes; returns the events that they complete.
	pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>> {
		let mut events = Vec::new();
		for byte in bytes {
			if *byte != b'\n' {
				self.line.push(*byte);
				let data = self.data.as_ref().map_or(0, String::len);
				if self.line.len() + self.name.len() + data > EVENT_BYTES_MAX {
					return Err(mismatch("an event of the provider's stream is too long"));
				}
				continue;
			}
			let line = std::mem::take(&mut self.line);
			let line = String::from_utf8(line)
				.map_err(|_| mismatch("the provider's stream is not UTF-8"))?;
			events.extend(self.end_line(line.strip_suffix('\r').unwrap_or(&line)));
		}
		Ok(events)
	}

	/// Takes a line; an empty one ends an event.
	fn end_line(&mut self, line: &str) -> Option<Event> {
		if line.is_empty() {
			let (name, data) = (std::mem::take(&mut self.name), self.data.take()?);
			return Some(Event { name, data });
		}
		let (field, value) = line.split_once(':').unwrap_or((line, ""));
		let value = value.strip_prefix(' ').unwrap_or(value);
		match (field, &mut self.data) {
			("event", _) => self.name = value.into(),
			("data", None) => self.data = Some(value.into()),
			("data", Some(data)) => {
				data.push('\n');
				data.push_str(value);
			},
			// A comment, as a sign of life, or a field that tells nothing new.
			_ => {},
		}
		None
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::error::Kind;

	fn event(name: &str, data: &str) -> Event {
		Event { name: name.into(), data: data.into() }
	}

	#[test]
	fn events_are_found_however_the_bytes_come() {
		let body =
			":\n\nid: 0\nevent: step\ndata: {\"a\":1}\n\n: alive\n\nevent:done\r\ndata:x\r\n\
		            data:  y\r\n\r\ndata: alone\n\nevent: no data\n\nevent: cut\ndata: off";
		let expected = [event("step", "{\"a\":1}"), event("done", "x\n y"), event("", "alone")];
		for piece in 1..body.len() {
			let mut parser = Parser::default();
			let found: Vec<_> =
				body.as_bytes().chunks(piece).flat_map(|b| parser.push(b).unwrap()).collect();
			assert_eq!(found, expected, "in pieces of {piece} bytes");
		}
	}

	#[test]
	fn the_longest_event_that_an_executor_sends_is_taken() {
		let frame = "id: 4294967295\nevent: step\ndata: ";
		let data = "x".repeat(EVENT_BYTES_MAX - frame.len());
		let events = Parser::default().push(format!("{frame}{data}\n\n").as_bytes()).unwrap();
		assert_eq!(events, [event("step", &data)]);
	}

	#[test]
	fn an_endless_event_is_refused() {
		for endless in ["x", "data: x\n", "event"] {
			let mut parser = Parser::default();
			let all = endless.repeat(EVENT_BYTES_MAX + 1);
			assert_eq!(parser.push(all.as_bytes()).unwrap_err().kind(), Kind::Mismatch);
		}
		assert_eq!(Parser::default().push(b"\xff\n").unwrap_err().kind(), Kind::Mismatch);
	}
}
