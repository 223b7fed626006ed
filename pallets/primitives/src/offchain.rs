//! What the node hands to the off-chain workers it runs, and how they speak to the executor.
//!
//! The node writes SCALE values into its local off-chain storage, one struct under one key, so no
//! reader sees half a change. Workers read them, ask the executor over loopback HTTP with a
//! deadline on everything, and keep nothing in memory between blocks.

use crate::{JobDigest, SlotId, Trap};
use alloc::{format, string::String, vec, vec::Vec};
use codec::{Decode, Encode};
use sp_core::{
	offchain::{Duration, Timestamp},
	H256,
};
use sp_runtime::offchain::{
	http::{Method, Request},
	storage::StorageValueRef,
};

/// Key of [`ExecutorSettings`] in local off-chain storage.
pub const EXECUTOR_SETTINGS_KEY: &[u8] = b"assay/executor";
/// Key of [`Finalized`] in local off-chain storage.
pub const FINALIZED_KEY: &[u8] = b"assay/finalized";
/// Key of the node's secret, 32 random bytes made once, that salts derive from.
pub const NODE_SECRET_KEY: &[u8] = b"assay/secret";

/// Key of [`Watch`] in local off-chain storage.
pub const WATCH_KEY: &[u8] = b"assay/watch";

/// Prefix of the key of a [`Trap`] in local off-chain storage; the job's digest follows.
pub const TRAP_PREFIX: &[u8] = b"assay/trap/";

/// Longest wait for one answer of the executor.
pub const REQUEST_MILLIS_MAX: u64 = 1_000;

/// Where the executor is and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ExecutorSettings {
	/// Base address of the control listener, without a slash at the end.
	pub url: Vec<u8>,
	/// Bearer token of the control listener.
	pub token: Vec<u8>,
}

/// The finalised block, as the node saw it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Finalized {
	/// Its height.
	pub number: u32,
	/// Its hash.
	pub hash: H256,
}

/// That this node looks at the claims of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Watch {
	/// Most that may be held in bonds of its challenges at the same time.
	pub budget: crate::Balance,
}

/// Whether and how this node watches.
pub fn watch() -> Option<Watch> {
	StorageValueRef::persistent(WATCH_KEY).get().ok().flatten()
}

/// Where the trap that this node is armed with for a job is kept, as SCALE of a [`Trap`]. It must
/// stay there until the job is gone: without it a worker cannot reveal what it has committed to.
pub fn trap_key(job: &JobDigest) -> Vec<u8> {
	[TRAP_PREFIX, job.as_ref()].concat()
}

/// The trap that this node is armed with for a job.
pub fn armed_trap(job: &JobDigest) -> Option<Trap> {
	StorageValueRef::persistent(&trap_key(job)).get().ok().flatten()
}

/// The executor's address, if this node has one.
pub fn executor_settings() -> Option<ExecutorSettings> {
	StorageValueRef::persistent(EXECUTOR_SETTINGS_KEY).get().ok().flatten()
}

/// The finalised block, if the node has told of one.
pub fn finalized() -> Option<Finalized> {
	StorageValueRef::persistent(FINALIZED_KEY).get().ok().flatten()
}

/// The node's secret, if the node has made one.
pub fn node_secret() -> Option<[u8; 32]> {
	StorageValueRef::persistent(NODE_SECRET_KEY).get().ok().flatten()
}

/// Lower-case hexadecimal digits, as the executor's paths name digests.
pub fn hex(bytes: &[u8; 32]) -> String {
	const DIGITS: &[u8; 16] = b"0123456789abcdef";
	let digit =
		|nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
	bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Places in which it is noted what was sent when, for each prefix and kind of duty.
const SENT_PLACES: u64 = 4_096;

/// Whether a duty was not sent within the last blocks, and notes that it is sent now. The pool may
/// take a call and lose it: what is not on chain after `resend_blocks` is sent again.
pub fn is_due_to_send(prefix: &[u8], duty: (SlotId, u8), block: u32, resend_blocks: u32) -> bool {
	// Few places for all slots there will ever be: the local database does not grow. A slot that
	// takes another's place is sent again a block early, which is harmless.
	let place = duty.0 .0.checked_rem(SENT_PLACES).unwrap_or_default();
	let mut key = prefix.to_vec();
	(place, duty.1).encode_to(&mut key);
	StorageValueRef::persistent(&key)
		.mutate(|sent: Result<Option<(SlotId, u32)>, _>| match sent {
			// A block number above ours is from a branch that was reverted.
			Ok(Some((slot, at)))
				if slot == duty.0 && at <= block && block.saturating_sub(at) < resend_blocks =>
			{
				Err(())
			},
			_ => Ok((duty.0, block)),
		})
		.is_ok()
}

/// Why the executor gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
	/// The address in the settings is not text.
	BadAddress,
	/// The request could not be sent.
	Unreachable,
	/// No answer before the deadline.
	TimedOut,
	/// The answer is longer than the caller takes.
	TooLong,
	/// The answer broke off.
	BrokenOff,
}

/// An answer of the executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
	/// HTTP status.
	pub status: u16,
	/// Stable code of a rejection, from the header `x-assay-error`.
	pub error: Option<String>,
	/// Body, bounded by what the caller asked for.
	pub body: Vec<u8>,
}

impl Answer {
	/// Whether the executor did what it was asked.
	pub fn is_success(&self) -> bool {
		(200..300).contains(&self.status)
	}
}

/// One request to the control listener, and its whole answer. `deadline` bounds everything.
pub fn request(
	settings: &ExecutorSettings,
	method: Method,
	path: &str,
	body: Vec<u8>,
	deadline: Timestamp,
	answer_bytes_max: usize,
) -> Result<Answer, RequestError> {
	let base = core::str::from_utf8(&settings.url).map_err(|_| RequestError::BadAddress)?;
	let token = core::str::from_utf8(&settings.token).map_err(|_| RequestError::BadAddress)?;
	let url = format!("{base}{path}");
	let limit = sp_io::offchain::timestamp().add(Duration::from_millis(REQUEST_MILLIS_MAX));
	let deadline = if deadline < limit { deadline } else { limit };

	let has_body = !body.is_empty();
	let mut request = Request::<'_, Vec<Vec<u8>>>::new(&url)
		.method(method)
		.add_header("authorization", &format!("Bearer {token}"))
		.deadline(deadline);
	if has_body {
		request = request.body(vec![body]).add_header("content-type", "application/octet-stream");
	} else {
		request = request.add_header("accept", "application/octet-stream");
	}
	let pending = request.send().map_err(|_| RequestError::Unreachable)?;
	let mut response = pending
		.try_wait(Some(deadline))
		.map_err(|_| RequestError::TimedOut)?
		.map_err(|_| RequestError::Unreachable)?;

	let error = response.headers().find("x-assay-error").map(String::from);
	let mut reader = response.body();
	reader.deadline(Some(deadline));
	// One byte more than allowed tells "too long" from "just fits".
	let body: Vec<u8> = reader.by_ref().take(answer_bytes_max.saturating_add(1)).collect();
	if reader.error().is_some() {
		return Err(RequestError::BrokenOff);
	}
	if body.len() > answer_bytes_max {
		return Err(RequestError::TooLong);
	}
	Ok(Answer { status: response.code, error, body })
}
