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
mod tests {
	use super::*;
	use assay_program::Parameters;
	use tempfile::TempDir;

	const ATTEMPTS: u32 = 3;
	const FINISHED: usize = 8;

	fn request(nonce: u64) -> JobRequest {
		JobRequest {
			genesis: [0; 32],
			program: [1; 32],
			weights: [2; 32],
			input: [3; 32],
			parameters: Parameters::encoder(1, 2),
			tenant: [4; 32],
			nonce,
		}
	}

	fn queued(nonce: u64) -> Record {
		Record::Queued { request: request(nonce), starts: 0 }
	}

	fn done(nonce: u64) -> Record {
		let claim = Claim::Output { count: 1, data: [nonce as u8; 32] };
		Record::Done { job: request(nonce).digest(), tenant: [4; 32], claim }
	}

	fn failed(nonce: u64, starts: u32) -> Record {
		let (job, tenant) = (request(nonce).digest(), [4; 32]);
		Record::Failed { job, tenant, code: 4, starts }
	}

	fn open(folder: &TempDir) -> (Journal, Ledger, Replay) {
		Journal::open(folder.path(), None, &limits(u64::MAX)).unwrap()
	}

	fn limits(journal_bytes: u64) -> Limits {
		Limits { finished: FINISHED, attempts: ATTEMPTS, journal_bytes, ..Limits::default() }
	}

	fn open_nonces(ledger: &Ledger) -> Vec<u64> {
		ledger.open.values().map(|open| open.request.nonce).collect()
	}

	/// Waits until all is on disk. The thread goes on until the last sender is dropped.
	async fn close(journal: Journal) {
		written(journal.sync()).await.unwrap();
	}

	#[tokio::test]
	async fn what_was_written_is_read_back() {
		let folder = TempDir::new().unwrap();
		let (journal, ledger, replay) = open(&folder);
		assert_eq!((ledger.open.len(), ledger.ended.len(), replay.lines), (0, 0, 0));
		for nonce in [5, 3, 4] {
			written(journal.append(vec![queued(nonce)])).await.unwrap();
		}
		journal.note(Record::Started { job: request(3).digest() });
		written(journal.append(vec![done(3)])).await.unwrap();
		journal.note(Record::Started { job: request(5).digest() });
		close(journal).await;
		let (journal, ledger, replay) = open(&folder);
		assert_eq!(open_nonces(&ledger), [5, 4]);
		assert_eq!(ledger.open[&0].starts, 1);
		let claim = Claim::Output { count: 1, data: [3; 32] };
		let (job, input) = (request(3).digest(), Some(request(3).input));
		assert_eq!(ledger.ended, [Ended { job, tenant: [4; 32], input, end: End::Done { claim } }]);
		assert_eq!(replay, Replay { lines: 6, damaged: 0 });
		close(journal).await;
		// Written anew at each start: two open jobs, of which one is under way, and one that ended,
		// with its input.
		let (_, again, replay) = open(&folder);
		assert_eq!((again.ended, replay), (ledger.ended, Replay { lines: 5, damaged: 0 }));
	}

	#[test]
	fn a_cut_at_any_byte_costs_one_line_at_most() {
		let folder = TempDir::new().unwrap();
		let path = folder.path().join("journal");
		let records = [queued(1), queued(2), done(1), queued(3)];
		let mut text = HEADER.to_owned();
		// Where each line ends, and the jobs open from there on.
		let mut ends = vec![(text.len(), vec![])];
		for (record, open) in records.iter().zip([vec![1], vec![1, 2], vec![2], vec![2, 3]]) {
			text.push_str(&line(record));
			ends.push((text.len(), open));
		}
		for cut in HEADER.len()..=text.len() {
			fs::write(&path, &text.as_bytes()[..cut]).unwrap();
			let (ledger, replay) = read(&path, FINISHED).unwrap();
			let (whole, expected) = ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
			assert_eq!(open_nonces(&ledger), *expected, "cut at {cut}");
			assert_eq!(replay.damaged, u64::from(cut > *whole), "cut at {cut}");
		}
	}

	#[test]
	fn a_changed_bit_anywhere_costs_its_line_and_no_other() {
		let folder = TempDir::new().unwrap();
		let path = folder.path().join("journal");
		let text = [HEADER, &line(&queued(1)), &line(&queued(2)), &line(&queued(3))].concat();
		let second = HEADER.len() + line(&queued(1)).len();
		// All but its newline, whose loss joins it to the next line.
		for at in second..second + line(&queued(2)).len() - 1 {
			let mut bytes = text.clone().into_bytes();
			bytes[at] ^= 1;
			fs::write(&path, bytes).unwrap();
			let (ledger, replay) = read(&path, FINISHED).unwrap();
			assert_eq!(open_nonces(&ledger), [1, 3], "bit at {at}");
			assert!(replay.damaged >= 1);
		}
	}

	#[test]
	fn noise_is_never_read_as_records() {
		let folder = TempDir::new().unwrap();
		let path = folder.path().join("journal");
		let mut noise = HEADER.as_bytes().to_vec();
		noise.extend((0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
		fs::write(&path, &noise).unwrap();
		let (ledger, replay) = read(&path, FINISHED).unwrap();
		assert_eq!((ledger.open.len(), ledger.ended.len(), replay.lines), (0, 0, 0));
		assert!(replay.damaged > 0);
		fs::write(&path, "something else\n").unwrap();
		assert_eq!(read(&path, FINISHED).unwrap_err().kind(), io::ErrorKind::InvalidData);
	}

	#[tokio::test]
	async fn a_job_that_takes_the_process_down_is_given_up() {
		let folder = TempDir::new().unwrap();
		for start in 0..ATTEMPTS {
			let (journal, ledger, _) = open(&folder);
			if start == 0 {
				written(journal.append(vec![queued(1)])).await.unwrap();
			} else {
				assert_eq!(open_nonces(&ledger), [1], "start {start}");
			}
			journal.note(Record::Started { job: request(1).digest() });
			close(journal).await;
		}
		let (_, ledger, _) = open(&folder);
		assert!(ledger.open.is_empty());
		let end = End::Failed { code: Failure::Crashed.code(), starts: ATTEMPTS };
		let (job, input) = (request(1).digest(), Some(request(1).input));
		assert_eq!(ledger.ended, [Ended { job, tenant: [4; 32], input, end }]);
	}

	#[tokio::test]
	async fn a_start_that_a_stop_ended_does_not_count() {
		let folder = TempDir::new().unwrap();
		let job = request(1).digest();
		for start in 0..2 * ATTEMPTS {
			let (journal, ledger, _) = open(&folder);
			if start == 0 {
				written(journal.append(vec![queued(1)])).await.unwrap();
			} else {
				assert_eq!(ledger.open[&0].starts, 0, "start {start}");
			}
			journal.note(Record::Started { job });
			journal.note(Record::Stopped { job });
			close(journal).await;
		}
		// Of a job that is not open it says nothing.
		let mut ledger = Ledger::new(FINISHED);
		ledger.apply(Record::Stopped { job });
		ledger.apply(done(1));
		ledger.apply(Record::Stopped { job });
		assert!(ledger.open.is_empty());
	}

	#[tokio::test]
	async fn jobs_of_another_chain_are_dropped() {
		let folder = TempDir::new().unwrap();
		let (journal, ..) = open(&folder);
		let other = JobRequest { genesis: [9; 32], ..request(2) };
		written(journal.append(vec![queued(1)])).await.unwrap();
		written(journal.append(vec![Record::Queued { request: other, starts: 0 }])).await.unwrap();
		close(journal).await;
		assert_eq!(open_nonces(&open(&folder).1), [1, 2]);
		let limits = limits(u64::MAX);
		let (_, ledger, _) = Journal::open(folder.path(), Some(&[9; 32]), &limits).unwrap();
		assert_eq!(open_nonces(&ledger), [2]);
		assert_eq!(ledger.numbers.len(), 1);
	}

	#[test]
	fn a_ledger_is_what_its_records_add_up_to() {
		let mut ledger = Ledger::new(FINISHED);
		for nonce in 0..20 {
			ledger.apply(queued(nonce));
			if nonce % 3 != 0 {
				ledger.apply(done(nonce));
			}
		}
		// One that failed, was tried again, and is open or done.
		for (nonce, end) in [(30, None), (31, Some(done(31)))] {
			ledger.apply(queued(nonce));
			ledger.apply(failed(nonce, 1));
			ledger.apply(Record::Queued { request: request(nonce), starts: 1 });
			end.into_iter().for_each(|end| ledger.apply(end));
		}
		assert_eq!(ledger.ended.len(), FINISHED);
		let mut again = Ledger::new(FINISHED);
		ledger.records().for_each(|record| again.apply(record));
		assert_eq!(open_nonces(&again), open_nonces(&ledger));
		assert_eq!(open_nonces(&again), [0, 3, 6, 9, 12, 15, 18, 30]);
		assert_eq!(again.ended, ledger.ended);
	}

	#[test]
	fn what_was_under_way_is_known_and_counted_once_however_often_it_is_written_anew() {
		let started = |nonce| Record::Started { job: request(nonce).digest() };
		let stopped = |nonce| Record::Stopped { job: request(nonce).digest() };
		let again = |nonce| Record::Queued { request: request(nonce), starts: 1 };
		let mut ledger = Ledger::new(FINISHED);
		for record in [
			// One that was killed, one that waits, one that was stopped.
			vec![queued(1), started(1)],
			vec![queued(2)],
			vec![queued(3), started(3), stopped(3)],
			// One that failed and waits again, and one that was killed when it ran again.
			vec![queued(4), started(4), failed(4, 1), again(4)],
			vec![queued(5), started(5), failed(5, 1), again(5), started(5)],
		]
		.concat()
		{
			ledger.apply(record);
		}
		for _ in 0..3 {
			let open = ledger.open.values();
			let open: Vec<_> = open.map(|o| (o.request.nonce, o.starts, o.under_way)).collect();
			let expected =
				[(1, 1, true), (2, 0, false), (3, 0, false), (4, 1, false), (5, 2, true)];
			assert_eq!(open, expected);
			let mut anew = Ledger::new(FINISHED);
			ledger.records().for_each(|record| anew.apply(record));
			ledger = anew;
		}
	}

	#[test]
	fn what_is_watched_may_become_paid_and_never_the_other_way() {
		let mut ledger = Ledger::new(FINISHED);
		let watched = |nonce| Record::Watched { request: request(nonce), starts: 0 };
		for record in [watched(1), watched(2), queued(3), queued(2), watched(3)] {
			ledger.apply(record);
		}
		let classes = |ledger: &Ledger| -> Vec<_> {
			ledger.open.values().map(|open| (open.request.nonce, open.class)).collect()
		};
		let expected = [(1, Class::Watch), (2, Class::Paid), (3, Class::Paid)];
		assert_eq!(classes(&ledger), expected);
		let mut again = Ledger::new(FINISHED);
		ledger.records().for_each(|record| again.apply(record));
		assert_eq!(classes(&again), expected);
	}

	#[test]
	fn pins_add_up_and_an_input_belongs_to_the_end_before_it() {
		let (mut ledger, job, other) = (Ledger::new(FINISHED), request(1).digest(), [9; 32]);
		ledger.apply(Record::Pinned { job, input: None });
		ledger.apply(Record::Pinned { job: other, input: None });
		ledger.apply(Record::Pinned { job, input: Some([3; 32]) });
		ledger.apply(Record::Unpinned { job: other });
		assert_eq!(ledger.pinned, BTreeMap::from([(job, Some([3; 32]))]));
		// An end that an older version wrote anew has no input.
		ledger.apply(done(1));
		ledger.apply(Record::Input { job: other, input: [8; 32] });
		assert_eq!(ledger.ended[0].input, None);
		ledger.apply(Record::Input { job, input: [3; 32] });
		assert_eq!(ledger.ended[0].input, Some([3; 32]));
		let mut again = Ledger::new(FINISHED);
		ledger.records().for_each(|record| again.apply(record));
		assert_eq!((again.pinned, again.ended), (ledger.pinned, ledger.ended));
	}

	#[tokio::test]
	async fn it_does_not_grow_for_ever() {
		let folder = TempDir::new().unwrap();
		let bound = 4 * 1024;
		let (journal, ..) = Journal::open(folder.path(), None, &limits(bound)).unwrap();
		let mut largest = 0;
		for nonce in 0..60 {
			written(journal.append(vec![queued(nonce)])).await.unwrap();
			written(journal.append(vec![done(nonce)])).await.unwrap();
			largest = largest.max(fs::metadata(folder.path().join("journal")).unwrap().len());
		}
		assert!(largest < 2 * bound, "{largest}");
		written(journal.append(vec![queued(60)])).await.unwrap();
		close(journal).await;
		let (_, ledger, replay) = open(&folder);
		assert_eq!(replay.damaged, 0);
		assert_eq!(open_nonces(&ledger), [60]);
		assert_eq!(ledger.ended.len(), FINISHED);
	}

	#[test]
	fn a_full_disk_is_told_and_got_over() {
		let folder = TempDir::new().unwrap();
		let path = folder.path().join("journal");
		let mut writer = Writer::full(&path);
		let lines = line(&queued(1));
		assert_eq!(writer.write(lines.as_bytes(), true), Err(Error::JournalFailed));
		// That file cannot be cut back to whole lines either, so nothing more is appended to it.
		assert_eq!(writer.write(lines.as_bytes(), true), Err(Error::JournalFailed));
		// It is written anew, and then serves again.
		writer.compact();
		assert_eq!(writer.write(lines.as_bytes(), true), Ok(()));
		assert_eq!(open_nonces(&read(&path, FINISHED).unwrap().0), [1]);
	}
}
