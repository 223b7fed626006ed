//! What a provider keeps back, demanded on chain: the bytes come in calls of the blocks, chunk by
//! chunk, and count only as the digest on chain says.

use crate::{
	account::{hex32, Account},
	chain::{BlockEvents, Chain, Event, Follower},
	encode,
	error::{mismatch, Error, Kind, Result},
	job, value,
};
use assay_program::{merkle, Hash, Outcome, SEGMENT};
use codec::Decode;
use std::collections::BTreeMap;
use subxt::dynamic::Value;

const PALLET: &str = "Demands";
/// Blocks past a chunk's deadline after which the demand is ended from here, if no worker does it.
const TIMEOUT_BLOCKS: u32 = 4;

/// What can be demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
	/// The input of a job.
	Input,
	/// The output that its provider claims.
	Output,
}

impl Item {
	/// Its name on chain.
	pub fn name(self) -> &'static str {
		match self {
			Self::Input => "Input",
			Self::Output => "Output",
		}
	}
}

/// What the bytes of an item must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
	/// A blob digest.
	Input(Hash),
	/// The digest of the outcome of so many steps.
	Output {
		/// Steps.
		count: u32,
		/// Output digest.
		output: Hash,
	},
}

impl Expected {
	/// What an open job says of an item.
	pub async fn of(chain: &Chain, digest: &Hash, item: Item) -> Result<Self> {
		let job = job::view(chain, digest).await?.ok_or_else(|| job::unknown(digest))?;
		Self::in_job(&job, item).map_err(|e| e.about(*digest))
	}

	fn in_job(job: &Value, item: Item) -> Result<Self> {
		if item == Item::Input {
			return Ok(Self::Input(value::hash_field(job, "input")?));
		}
		for slot in value::list(value::field(job, "slots")?) {
			let state = value::field(slot, "state")?;
			let is_assigned = value::variant(value::field(slot, "role")?)? == "Assigned";
			if is_assigned && value::variant(state)? == "Revealed" {
				let count = value::u32_field(state, "count")?;
				return Ok(Self::Output { count, output: value::hash_field(state, "output")? });
			}
		}
		Err(Error::new(Kind::Refused, "the job's provider has not revealed an output")
			.next("wait for the reveal, or demand the input"))
	}

	/// Whether bytes are what was expected.
	pub fn check(&self, bytes: &[u8]) -> Result<()> {
		let is_right = match self {
			Self::Input(digest) => merkle::blob(bytes) == *digest,
			Self::Output { count, output } => {
				Outcome::Output { count: *count, data: bytes.to_vec() }.digest() == *output
			},
		};
		match is_right {
			true => Ok(()),
			false => Err(mismatch("what was delivered does not have the digest on chain")),
		}
	}
}

/// How a demand stands, block by block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
	/// So many chunks are there of so many, the next one is awaited.
	Open {
		/// Chunks that are there.
		delivered: u32,
		/// All of them, once that is known.
		chunks: Option<u32>,
	},
	/// All of it.
	Whole(Vec<u8>),
	/// The item has this length, and not the one that its job says.
	OtherLength(u64),
	/// It was kept back: the provider has lost its pledge.
	Withheld,
}

/// What has happened to a demand on the best chain.
#[derive(Clone, Debug, Default)]
struct Record {
	/// Block and last block for the first chunk.
	begun: Option<(u32, u32, u32)>,
	/// Block and bytes of each chunk.
	chunks: BTreeMap<u32, (u32, Vec<u8>)>,
	/// Block and kind of the end.
	end: Option<(u32, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
	Answered,
	OtherLength(u64),
	Withheld,
}

impl Record {
	/// Takes back what happened in block `first` and above: another branch has become the best.
	fn undo(&mut self, first: u32) {
		self.begun = self.begun.filter(|(block, ..)| *block < first);
		self.chunks.retain(|_, (block, _)| *block < first);
		self.end = self.end.filter(|(block, _)| *block < first);
	}

	/// Adds an event, with the bytes of the chunk that it tells of.
	fn add(&mut self, block: u32, event: &Event, bytes: Option<Vec<u8>>) -> Result<()> {
		match (event.name.as_str(), bytes) {
			("Demanded", _) => {
				let chunks = value::u32_field(&event.fields, "chunks")?;
				self.begun = Some((block, value::u32_field(&event.fields, "due_at")?, chunks));
			},
			("ChunkDelivered", Some(bytes)) => {
				self.chunks.insert(value::u32_field(&event.fields, "index")?, (block, bytes));
			},
			("Answered", _) => self.end = Some((block, End::Answered)),
			("LengthShown", _) => {
				let length = value::u64_field(&event.fields, "length")?;
				self.end = Some((block, End::OtherLength(length)));
			},
			("Withheld", _) => self.end = Some((block, End::Withheld)),
			_ => {},
		}
		Ok(())
	}

	fn progress(&self) -> Result<Progress> {
		let chunks = self.begun.map(|(_, _, chunks)| chunks);
		let delivered = self.chunks.len() as u32;
		match self.end {
			None => Ok(Progress::Open { delivered, chunks }),
			Some((_, End::Withheld)) => Ok(Progress::Withheld),
			Some((_, End::OtherLength(length))) => Ok(Progress::OtherLength(length)),
			Some((_, End::Answered)) => {
				let is_whole = self.chunks.keys().copied().eq(0..delivered);
				let parts: Vec<&[u8]> =
					self.chunks.values().map(|(_, bytes)| bytes.as_slice()).collect();
				let is_full = parts.iter().rev().skip(1).all(|bytes| bytes.len() == SEGMENT);
				if !is_whole || !is_full || chunks.is_some_and(|chunks| chunks != delivered) {
					return Err(mismatch("chunks of the answer are missing")
						.next("name a block before the demand with --since"));
				}
				Ok(Progress::Whole(parts.concat()))
			},
		}
	}

	/// Last block for the next chunk, where that is known.
	fn due_at(&self, chunk_blocks: u32) -> Option<u32> {
		let (_, first, _) = self.begun?;
		let last = self.chunks.values().map(|(block, _)| *block).max();
		Some(last.map_or(first, |block| block.saturating_add(chunk_blocks)))
	}
}

/// A demand that is followed to its end.
#[derive(Debug)]
pub struct Demand {
	chain: Chain,
	follower: Follower,
	job: Hash,
	item: Item,
	record: Record,
	/// Blocks for each chunk.
	chunk_blocks: u32,
}

impl Demand {
	/// Follows a demand from now on, or from a block of the past. Begin before you demand.
	pub async fn follow(chain: &Chain, since: Option<u32>, job: &Hash, item: Item) -> Result<Self> {
		let blocks = value::number(&chain.constant(PALLET, "ChunkBlocks").await?)?;
		let chunk_blocks = u32::try_from(blocks)
			.map_err(|_| mismatch("the time for a chunk does not fit 32 bits"))?;
		let follower = match since {
			Some(first) => chain.follow_from(first).await?,
			None => chain.follow().await?,
		};
		let record = Record::default();
		Ok(Self { chain: chain.clone(), follower, job: *job, item, record, chunk_blocks })
	}

	/// Demands it. Returns what the account has prepaid, in planck.
	pub async fn send(&self, account: &Account) -> Result<u128> {
		let arguments =
			vec![("job", encode::hash(&self.job)), ("item", encode::unit(self.item.name()))];
		let done = self.chain.submit(account, PALLET, "demand", arguments).await;
		let done = done.map_err(|e| e.about(self.job))?;
		value::number_field(&done.event(PALLET, "Demanded")?.fields, "prepaid")
	}

	/// Takes in the next block. Returns its height, and how the demand stands then.
	pub async fn next_block(&mut self) -> Result<(u32, Progress)> {
		let block = self.follower.next().await?;
		self.record.undo(block.number);
		for event in &block.events {
			if !self.is_about(event) {
				continue;
			}
			let bytes = match event.name.as_str() {
				"ChunkDelivered" => Some(self.chunk(&block, event).await?),
				_ => None,
			};
			self.record.add(block.number, event, bytes)?;
		}
		let progress = self.record.progress().map_err(|e| e.about(self.job))?;
		Ok((block.number, progress))
	}

	/// Ends a demand whose next chunk is overdue in a block, and that nobody has ended. Anyone may,
	/// and pays the fee of one call.
	pub async fn end_if_overdue(&self, account: &Account, block: u32) -> Result<()> {
		let due_at = self.record.due_at(self.chunk_blocks);
		let is_overdue = due_at.is_some_and(|due| block > due.saturating_add(TIMEOUT_BLOCKS));
		// Once in a while: a pause moves deadlines, and a worker may be faster.
		if self.record.end.is_some() || !is_overdue || !block.is_multiple_of(TIMEOUT_BLOCKS) {
			return Ok(());
		}
		let arguments = vec![("job", encode::hash(&self.job))];
		match self.chain.submit(account, PALLET, "timeout", arguments).await {
			Err(error) if error.kind() != Kind::Refused => Err(error.about(self.job)),
			_ => Ok(()),
		}
	}

	fn is_about(&self, event: &Event) -> bool {
		let names = || {
			let item = value::variant(value::field(&event.fields, "item").ok()?).ok()?;
			let job = value::hash_field(&event.fields, "job").ok()?;
			Some(item == self.item.name() && job == self.job)
		};
		event.pallet == PALLET && names().unwrap_or(false)
	}

	/// The bytes of a chunk, from the call that delivered it.
	async fn chunk(&self, block: &BlockEvents, event: &Event) -> Result<Vec<u8>> {
		let index = event
			.extrinsic
			.ok_or_else(|| mismatch("a chunk was delivered by no call").about(self.job))?;
		let field = self.chain.call_field(&block.hash, index, "bytes").await?;
		Vec::<u8>::decode(&mut field.as_slice())
			.map_err(|e| mismatch(format!("a chunk does not decode: {e}")).about(self.job))
	}
}

/// The error of an item that was kept back.
pub fn withheld(job: &Hash, item: Item) -> Error {
	let what = item.name().to_lowercase();
	Error::new(Kind::Refused, format!("the provider of {} kept the {what} back", hex32(job)))
		.about(*job)
		.next("it has lost its pledge, and what was not delivered was not paid; lease from another")
}

/// The error of an item that is of another length than its job says.
pub fn other_length(job: &Hash, length: u64) -> Error {
	Error::new(Kind::Refused, format!("the input has {length} bytes, and not what the job says"))
		.about(*job)
		.next("the right result of such a job is `Invalid`; the prepayment was returned")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn event(name: &str, fields: Vec<(&str, u128)>) -> Event {
		let fields = fields.into_iter().map(|(name, n)| (name.to_string(), Value::u128(n)));
		Event {
			pallet: PALLET.into(),
			name: name.into(),
			fields: Value::named_composite(fields.collect::<Vec<_>>()),
			extrinsic: Some(2),
		}
	}

	fn begun() -> Record {
		let mut record = Record::default();
		let demanded = event("Demanded", vec![("chunks", 2), ("due_at", 30)]);
		record.add(10, &demanded, None).unwrap();
		record
	}

	fn deliver(record: &mut Record, block: u32, index: u32, bytes: &[u8]) {
		let delivered = event("ChunkDelivered", vec![("index", index.into())]);
		record.add(block, &delivered, Some(bytes.to_vec())).unwrap();
	}

	#[test]
	fn chunks_make_a_whole_once_all_are_there() {
		let mut record = begun();
		assert_eq!(record.due_at(20), Some(30));
		deliver(&mut record, 12, 0, &[1; SEGMENT]);
		let open = Progress::Open { delivered: 1, chunks: Some(2) };
		assert_eq!(record.progress().unwrap(), open);
		assert_eq!(record.due_at(20), Some(32));
		deliver(&mut record, 13, 1, &[2; 7]);
		record.add(13, &event("Answered", vec![]), None).unwrap();
		let whole = [&[1; SEGMENT][..], &[2; 7]].concat();
		assert_eq!(record.progress().unwrap(), Progress::Whole(whole));
	}

	#[test]
	fn a_reorganisation_takes_back_what_it_abandons() {
		let mut record = begun();
		deliver(&mut record, 12, 0, &[1; SEGMENT]);
		deliver(&mut record, 13, 1, &[2; 7]);
		record.add(13, &event("Answered", vec![]), None).unwrap();
		record.undo(13);
		let open = Progress::Open { delivered: 1, chunks: Some(2) };
		assert_eq!(record.progress().unwrap(), open);
		record.add(14, &event("Withheld", vec![]), None).unwrap();
		assert_eq!(record.progress().unwrap(), Progress::Withheld);
		record.undo(10);
		assert_eq!(record.progress().unwrap(), Progress::Open { delivered: 0, chunks: None });
	}

	#[test]
	fn an_answer_of_which_chunks_were_not_seen_is_none() {
		let mut record = begun();
		deliver(&mut record, 13, 1, &[2; 7]);
		record.add(13, &event("Answered", vec![]), None).unwrap();
		assert_eq!(record.progress().unwrap_err().kind(), Kind::Mismatch);
		let mut late = Record::default();
		deliver(&mut late, 13, 1, &[2; 7]);
		late.add(13, &event("Answered", vec![]), None).unwrap();
		assert_eq!(late.progress().unwrap_err().kind(), Kind::Mismatch);
	}

	#[test]
	fn only_what_has_the_digest_counts() {
		let bytes = vec![3; 5_000];
		let input = Expected::Input(merkle::blob(&bytes));
		input.check(&bytes).unwrap();
		assert_eq!(input.check(&bytes[1..]).unwrap_err().kind(), Kind::Mismatch);
		let output = Outcome::Output { count: 2, data: bytes.clone() }.digest();
		Expected::Output { count: 2, output }.check(&bytes).unwrap();
		assert!(Expected::Output { count: 1, output }.check(&bytes).is_err());
	}

	#[test]
	fn an_output_is_expected_of_who_was_to_do_the_job() {
		let slot = |role: &str, count: u128| {
			let claim = [
				("output", Value::unnamed_composite([Value::from_bytes([count as u8; 32])])),
				("count", Value::u128(count)),
			];
			let state = Value::named_variant("Revealed", claim);
			Value::named_composite([("role", encode::unit(role)), ("state", state)])
		};
		let job = |slots: Vec<Value>| {
			Value::named_composite([
				("input", Value::unnamed_composite([Value::from_bytes([9; 32])])),
				("slots", Value::unnamed_composite(slots)),
			])
		};
		let both = job(vec![slot("Audit", 4), slot("Assigned", 5)]);
		let expected = Expected::Output { count: 5, output: [5; 32] };
		assert_eq!(Expected::in_job(&both, Item::Output).unwrap(), expected);
		assert_eq!(Expected::in_job(&both, Item::Input).unwrap(), Expected::Input([9; 32]));
		let audit = job(vec![slot("Audit", 4), slot("Audit", 4)]);
		assert_eq!(Expected::in_job(&audit, Item::Output).unwrap_err().kind(), Kind::Refused);
	}
}
