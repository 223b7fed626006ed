//! The journal: what the executor owes, on disk before it is promised.
//!
//! An append-only file of lines, each a checksum and a SCALE record in hexadecimal. A thread of
//! its own writes and synchronises them, as many at once as are waiting. The thread also keeps the
//! [`Ledger`] the lines add up to, so that it can write the file anew when it has grown: under
//! another name, synchronised, then renamed. At start the lines are read back. A line that a
//! crash cut off is dropped; a damaged one in the middle costs itself and nothing else.

use crate::{
	config::Limits,
	error::{Error, Failure, StartError},
	jobs::Class,
};
use assay_program::{merkle::blake2_256, wire::JobRequest, Claim, Hash};
use codec::{Decode, DecodeAll, Encode};
use std::{
	collections::{BTreeMap, HashMap, HashSet, VecDeque},
	fs::{self, File, OpenOptions},
	io::{self, BufRead, BufReader, Read, Write},
	path::{Path, PathBuf},
	sync::mpsc,
	thread,
};
use tokio::sync::oneshot;

/// First line of the file.
const HEADER: &str = "assay-journal 1\n";
/// No line that was ever written is longer.
const LINE_BYTES: u64 = 16 * 1024;
/// Digits of a line's checksum.
const CHECKSUM_DIGITS: usize = 16;

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Record {
	/// A job was taken. `starts` counts how often it was begun before, over all restarts.
	#[codec(index = 0)]
	Queued { request: JobRequest, starts: u32 },
	/// It was begun.
	#[codec(index = 1)]
	Started { job: Hash },
	/// It has a result.
	#[codec(index = 2)]
	Done { job: Hash, tenant: Hash, claim: Claim },
	/// It failed. `starts` counts how often it was begun.
	#[codec(index = 3)]
	Failed { job: Hash, tenant: Hash, code: u32, starts: u32 },
	/// The executor was stopped while it ran: that start was not the job's fault.
	#[codec(index = 4)]
	Stopped { job: Hash },
	/// The node asks about it, so its blobs stay; `input` where that is known. Once more when it is.
	#[codec(index = 5)]
	Pinned { job: Hash, input: Option<Hash> },
	/// The node does not ask about it any more.
	#[codec(index = 6)]
	Unpinned { job: Hash },
	/// The input of a job that has ended. Stands right after its end, where that is written anew.
	#[codec(index = 7)]
	Input { job: Hash, input: Hash },
	/// A job was taken that nobody pays for. `Queued` after that means that somebody does.
	#[codec(index = 8)]
	Watched { request: JobRequest, starts: u32 },
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
	Done { claim: Claim },
	Failed { code: u32, starts: u32 },
}

/// A job that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
	pub(crate) request: JobRequest,
	pub(crate) starts: u32,
	pub(crate) class: Class,
	/// Whether its last start neither ended nor was stopped: it ran when the process was killed.
	pub(crate) under_way: bool,
}

impl Open {
	/// The record that it was taken.
	pub(crate) fn record(self) -> Record {
		let Self { request, starts, class, .. } = self;
		match class {
			Class::Paid => Record::Queued { request, starts },
			Class::Watch => Record::Watched { request, starts },
		}
	}
}

/// A job that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
	pub(crate) job: Hash,
	pub(crate) tenant: Hash,
	/// Not known of a job that ended under a version that did not write it down.
	pub(crate) input: Option<Hash>,
	pub(crate) end: End,
}

/// What the records of a journal add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
	/// Jobs that are owed, in the order they were taken.
	pub(crate) open: BTreeMap<u64, Open>,
	/// Jobs that ended, oldest first.
	pub(crate) ended: VecDeque<Ended>,
	/// Jobs that the node asks about, and their inputs where they are known. As many as the node
	/// may name.
	pub(crate) pinned: BTreeMap<Hash, Option<Hash>>,
	/// The jobs of `ended`.
	known: HashSet<Hash>,
	/// Where the jobs of `open` stand in it.
	numbers: HashMap<Hash, u64>,
	next: u64,
	bound: usize,
}

impl Ledger {
	/// An empty ledger that remembers `bound` ended jobs.
	pub(crate) fn new(bound: usize) -> Self {
		Self { bound, ..Self::default() }
	}

	/// Takes one more record. Any sequence of records is a ledger.
	pub(crate) fn apply(&mut self, record: Record) {
		match record {
			Record::Queued { request, starts } => self.take(request, starts, Class::Paid),
			Record::Watched { request, starts } => self.take(request, starts, Class::Watch),
			Record::Started { job } => {
				if let Some(open) = self.open_mut(&job) {
					open.starts = open.starts.saturating_add(1);
					open.under_way = true;
				}
			},
			Record::Stopped { job } => {
				if let Some(open) = self.open_mut(&job) {
					open.starts = open.starts.saturating_sub(1);
					open.under_way = false;
				}
			},
			Record::Done { job, tenant, claim } => self.end(job, tenant, End::Done { claim }),
			Record::Failed { job, tenant, code, starts } => {
				self.end(job, tenant, End::Failed { code, starts })
			},
			Record::Pinned { job, input } => {
				self.pinned.insert(job, input);
			},
			Record::Unpinned { job } => {
				self.pinned.remove(&job);
			},
			Record::Input { job, input } => {
				if let Some(last) = self.ended.back_mut().filter(|last| last.job == job) {
					last.input = Some(input);
				}
			},
		}
	}

	fn take(&mut self, request: JobRequest, starts: u32, class: Class) {
		let job = request.digest();
		self.forget_end(&job);
		match self.open_mut(&job) {
			// What somebody pays for is not taken back.
			Some(open) if class == Class::Paid => open.class = class,
			Some(_) => {},
			None => {
				self.numbers.insert(job, self.next);
				let open = Open { request, starts, class, under_way: false };
				self.open.insert(self.next, open);
				self.next += 1;
			},
		}
	}

	fn open_mut(&mut self, job: &Hash) -> Option<&mut Open> {
		self.open.get_mut(self.numbers.get(job)?)
	}

	/// Forgets what is owed to another chain than `genesis`: nobody there will ask for it again.
	fn keep_to(&mut self, genesis: &Hash) {
		let before = self.open.len();
		self.open.retain(|_, open| open.request.genesis == *genesis);
		let Self { open, numbers, .. } = self;
		numbers.retain(|_, number| open.contains_key(number));
		let jobs = before - self.open.len();
		if jobs > 0 {
			tracing::warn!(jobs, "jobs of another chain are dropped");
		}
	}

	fn end(&mut self, job: Hash, tenant: Hash, end: End) {
		let open = self.numbers.remove(&job).and_then(|number| self.open.remove(&number));
		let input = open.map(|open| open.request.input);
		self.forget_end(&job);
		self.known.insert(job);
		self.ended.push_back(Ended { job, tenant, input, end });
		while self.ended.len() > self.bound {
			if let Some(oldest) = self.ended.pop_front() {
				self.known.remove(&oldest.job);
			}
		}
	}

	/// A job that is tried again has not ended. Rare, so it may cost a pass.
	fn forget_end(&mut self, job: &Hash) {
		if self.known.remove(job) {
			self.ended.retain(|ended| ended.job != *job);
		}
	}

	/// Records that add up to this ledger.
	fn records(&self) -> impl Iterator<Item = Record> + '_ {
		let pinned = self.pinned.iter();
		let pinned = pinned.map(|(job, input)| Record::Pinned { job: *job, input: *input });
		let ended = self.ended.iter().flat_map(|&Ended { job, tenant, input, end }| {
			let end = match end {
				End::Done { claim } => Record::Done { job, tenant, claim },
				End::Failed { code, starts } => Record::Failed { job, tenant, code, starts },
			};
			std::iter::once(end).chain(input.map(|input| Record::Input { job, input }))
		});
		let open = self.open.values().flat_map(|open| {
			let job = open.under_way.then(|| open.request.digest());
			let before = open.starts.saturating_sub(u32::from(open.under_way));
			let taken = Open { starts: before, ..open.clone() }.record();
			std::iter::once(taken).chain(job.map(|job| Record::Started { job }))
		});
		pinned.chain(ended).chain(open)
	}

	/// Ends the jobs that took the executor down too often.
	fn give_up(&mut self, attempts: u32) {
		let given_up: Vec<Record> = self
			.open
			.values()
			.filter(|open| open.starts >= attempts)
			.map(|open| Record::Failed {
				job: open.request.digest(),
				tenant: open.request.tenant,
				code: Failure::Crashed.code(),
				starts: open.starts,
			})
			.collect();
		given_up.into_iter().for_each(|record| self.apply(record));
	}
}

/// What was found when the journal was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
	/// Lines that were whole.
	pub(crate) lines: u64,
	/// Lines that were damaged, a cut-off last one included.
	pub(crate) damaged: u64,
}

/// What the thread is asked to do: write records, and answer when they and all before them are on
/// disk, if somebody asks.
struct Command {
	records: Vec<Record>,
	written: Option<oneshot::Sender<Result<(), Error>>>,
}

/// The sending end of the journal. The thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
	// Not bounded by itself: each sender waits for its answer, and their number is bounded.
	commands: mpsc::Sender<Command>,
}

/// The answer that a record is on disk.
pub(crate) type Written = oneshot::Receiver<Result<(), Error>>;

impl Journal {
	/// Reads the journal in `folder`, writes it anew without what no longer counts, and starts
	/// its thread. Where the chain is known, jobs of another one do not count.
	pub(crate) fn open(
		folder: &Path,
		genesis: Option<&Hash>,
		limits: &Limits,
	) -> Result<(Self, Ledger, Replay), StartError> {
		let &Limits { finished, attempts, journal_bytes: compact_bytes, .. } = limits;
		let path = folder.join("journal");
		let failed =
			|reason: String| StartError::Journal { file: path.display().to_string(), reason };
		let (mut ledger, replay) = read(&path, finished).map_err(|e| failed(e.to_string()))?;
		if let Some(genesis) = genesis {
			ledger.keep_to(genesis);
		}
		ledger.give_up(attempts);
		let (file, length) = rewrite(&path, &ledger).map_err(|e| failed(e.to_string()))?;
		let writer = Writer {
			file,
			length,
			compacted: length,
			compact_bytes,
			ledger: ledger.clone(),
			path: path.clone(),
			broken: false,
		};
		let journal = Self::start(writer).map_err(|e| failed(e.to_string()))?;
		Ok((journal, ledger, replay))
	}

	fn start(writer: Writer) -> io::Result<Self> {
		let (commands, received) = mpsc::channel();
		thread::Builder::new().name("assay-journal".into()).spawn(move || writer.run(&received))?;
		Ok(Self { commands })
	}

	/// A journal in `folder` whose disk is full at the first write, and has room from then on.
	#[cfg(test)]
	pub(crate) fn full_at_first(folder: &Path) -> Self {
		Self::start(Writer::full(&folder.join("journal"))).unwrap()
	}

	/// Appends records, all of them or none. The receiver hears when they are on disk.
	pub(crate) fn append(&self, records: Vec<Record>) -> Written {
		let (written, receiver) = oneshot::channel();
		self.send(Command { records, written: Some(written) });
		receiver
	}

	/// Appends a record that may be lost when the machine, not just the process, goes down.
	pub(crate) fn note(&self, record: Record) {
		self.send(Command { records: vec![record], written: None });
	}

	/// The receiver hears when everything before is on disk.
	pub(crate) fn sync(&self) -> Written {
		self.append(Vec::new())
	}

	fn send(&self, command: Command) {
		// Without a thread the command is dropped, and with it the other end of its receiver:
		// whoever waits for it hears that.
		let _ = self.commands.send(command);
	}
}

/// Waits until a record is on disk.
pub(crate) async fn written(receiver: Written) -> Result<(), Error> {
	receiver.await.unwrap_or(Err(Error::JournalFailed))
}

struct Writer {
	file: File,
	path: PathBuf,
	/// Bytes of whole lines in the file.
	length: u64,
	/// Length right after the file was last written anew.
	compacted: u64,
	compact_bytes: u64,
	ledger: Ledger,
	/// The file could not be brought back to whole lines: nothing may be appended any more.
	broken: bool,
}

impl Writer {
	#[cfg(test)]
	fn full(path: &Path) -> Self {
		let ledger = Ledger::new(8);
		let (_, length) = rewrite(path, &ledger).unwrap();
		// The system's file on which nothing ever fits.
		let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
		let (path, compacted) = (path.to_owned(), length);
		Self { file, path, length, compacted, compact_bytes: u64::MAX, ledger, broken: false }
	}

	fn run(mut self, commands: &mpsc::Receiver<Command>) {
		while let Ok(first) = commands.recv() {
			let mut lines = Vec::new();
			let mut records = Vec::new();
			let mut waiting = Vec::new();
			for command in std::iter::once(first).chain(commands.try_iter()) {
				for record in command.records {
					lines.extend_from_slice(line(&record).as_bytes());
					records.push(record);
				}
				waiting.extend(command.written);
			}
			let result = self.write(&lines, !waiting.is_empty());
			if result.is_ok() {
				records.into_iter().for_each(|record| self.ledger.apply(record));
			}
			for written in waiting {
				// Whoever asked may have gone.
				let _ = written.send(result.clone());
			}
			self.compact();
		}
	}

	fn write(&mut self, lines: &[u8], sync: bool) -> Result<(), Error> {
		if self.broken {
			return Err(Error::JournalFailed);
		}
		let result = self.file.write_all(lines).and_then(|()| match sync {
			true => self.file.sync_data(),
			false => Ok(()),
		});
		match result {
			Ok(()) => {
				self.length += lines.len() as u64;
				Ok(())
			},
			Err(error) => {
				let file = self.path.display();
				tracing::error!(%error, %file, "the journal cannot be written");
				// The file is opened for appending: the next line goes to its end.
				self.broken = self.file.set_len(self.length).is_err();
				Err(Error::JournalFailed)
			},
		}
	}

	fn compact(&mut self) {
		let due = self.length >= self.compact_bytes && self.length / 2 >= self.compacted;
		if !due && !self.broken {
			return;
		}
		match rewrite(&self.path, &self.ledger) {
			Ok((file, length)) => {
				tracing::debug!(from = self.length, to = length, "journal compacted");
				(self.file, self.length, self.compacted) = (file, length, length);
				self.broken = false;
			},
			Err(error) => {
				tracing::warn!(%error, "the journal could not be compacted");
				// Not again before it has doubled once more.
				self.compacted = self.length;
			},
		}
	}
}

fn checksum(payload: &str) -> String {
	let mut digits = hex::encode(blake2_256(payload.as_bytes()));
	digits.truncate(CHECKSUM_DIGITS);
	digits
}

fn line(record: &Record) -> String {
	let payload = hex::encode(record.encode());
	format!("{} {payload}\n", checksum(&payload))
}

fn parse(line: &[u8]) -> Option<Record> {
	let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
	let (sum, payload) = line.split_once(' ')?;
	if sum != checksum(payload) {
		return None;
	}
	Record::decode_all(&mut hex::decode(payload).ok()?.as_slice()).ok()
}

/// Reads a journal; none is an empty one.
fn read(path: &Path, finished: usize) -> io::Result<(Ledger, Replay)> {
	let (mut ledger, mut replay) = (Ledger::new(finished), Replay::default());
	let mut reader = match File::open(path) {
		Ok(file) => BufReader::new(file),
		Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((ledger, replay)),
		Err(error) => return Err(error),
	};
	let mut line = Vec::new();
	next_line(&mut reader, &mut line)?;
	if line != HEADER.as_bytes() && !line.is_empty() {
		let reason = "it is not a journal of this version; start the version that wrote it, or \
		              move it away to begin without its jobs";
		return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
	}
	while next_line(&mut reader, &mut line)? {
		match parse(&line) {
			Some(record) => {
				replay.lines += 1;
				ledger.apply(record);
			},
			None => replay.damaged += 1,
		}
	}
	Ok((ledger, replay))
}

/// Reads up to the end of a line or [`LINE_BYTES`]; false at the end of the file.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
	line.clear();
	Ok(reader.take(LINE_BYTES).read_until(b'\n', line)? > 0)
}

/// Writes a journal that adds up to `ledger` in the place of the one there, and opens it.
fn rewrite(path: &Path, ledger: &Ledger) -> io::Result<(File, u64)> {
	let fresh = path.with_extension("new");
	let mut writer = io::BufWriter::new(File::create(&fresh)?);
	writer.write_all(HEADER.as_bytes())?;
	for record in ledger.records() {
		writer.write_all(line(&record).as_bytes())?;
	}
	let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
	file.sync_all()?;
	let length = file.metadata()?.len();
	fs::rename(&fresh, path)?;
	if let Some(folder) = path.parent() {
		// The name is data of the folder.
		File::open(folder)?.sync_all()?;
	}
	Ok((OpenOptions::new().append(true).open(path)?, length))
}

#[cfg(test)]
mod tests;
