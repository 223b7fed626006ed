//! The content-addressed blob store, on OpenDAL.
//!
//! A blob is written under a temporary name, hashed as it comes, and takes its own name only when
//! the hash is its digest. So whatever stands under a digest is whole and right, a process killed
//! at any point leaves at most temporary files, and those go at the next start.
//!
//! Disk is bounded. When it runs short, inputs and outputs that no open job uses go, the least
//! recently used first, but none before its time to keep. Programs and weights stay: a store that
//! is full of them refuses.

use crate::{
	config::Limits,
	error::{Error, StartError},
	metrics::Metrics,
};
use assay_program::{
	merkle::{self, BlobHasher},
	program_digest, Hash, Outcome, Program,
};
use bytes::Bytes;
use codec::DecodeAll;
use futures::{Stream, StreamExt};
use opendal::{services, Operator, Writer};
use std::{
	collections::{HashMap, HashSet},
	fmt,
	path::Path,
	str::FromStr,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, SystemTime},
};

/// Bytes that are handed to the disk at once.
const CHUNK: usize = 256 * 1024;
/// Bytes that are set aside at a time for a body of unannounced length.
const STRIDE: u64 = 1 << 20;
/// What a file costs beside its bytes; counted so that many tiny blobs are bounded too.
const FILE_BYTES: u64 = 4096;

/// The kinds of blobs. Each kind has its own digest rule and bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlobKind {
	/// An encoded program.
	Program,
	/// The weights of a program.
	Weights,
	/// The input of a job.
	Input,
	/// An encoded outcome.
	Output,
}

impl BlobKind {
	/// Every kind.
	pub const ALL: [Self; 4] = [Self::Program, Self::Weights, Self::Input, Self::Output];

	/// The word in paths, messages and metrics.
	pub const fn word(self) -> &'static str {
		match self {
			Self::Program => "program",
			Self::Weights => "weights",
			Self::Input => "input",
			Self::Output => "output",
		}
	}

	/// The largest blob of this kind.
	pub const fn limit(self, limits: &Limits) -> u64 {
		match self {
			Self::Program => Limits::PROGRAM_BYTES,
			Self::Weights => limits.weights_bytes,
			Self::Input => limits.input_bytes,
			Self::Output => limits.output_bytes,
		}
	}

	/// Whether blobs of this kind may make room for others.
	const fn may_go(self) -> bool {
		matches!(self, Self::Input | Self::Output)
	}
}

impl FromStr for BlobKind {
	type Err = Error;

	fn from_str(word: &str) -> Result<Self, Error> {
		Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or(Error::KindUnknown)
	}
}

impl fmt::Display for BlobKind {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(self.word())
	}
}

/// What became of a blob that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
	/// It was not here and is now.
	New,
	/// It was here.
	Already,
}

type Key = (BlobKind, Hash);

#[derive(Debug)]
struct Held {
	bytes: u64,
	/// When it was last touched, in ticks of the index.
	used: u64,
	/// When it was last of use to a job; it stays for `keep` from then.
	since: SystemTime,
	pins: u32,
	owner: Option<Hash>,
}

#[derive(Debug, Default)]
struct Index {
	held: HashMap<Key, Held>,
	/// Bytes of everything held, [`FILE_BYTES`] per file included.
	bytes: u64,
	/// Bytes set aside for bodies that are still coming.
	reserved: u64,
	/// Bytes of inputs per tenant, held or coming.
	owned: HashMap<Hash, u64>,
	ticks: u64,
}

impl Index {
	fn touch(&mut self, key: &Key) -> Option<u64> {
		self.ticks = self.ticks.saturating_add(1);
		let held = self.held.get_mut(key)?;
		held.used = self.ticks;
		Some(held.bytes)
	}

	fn insert(&mut self, key: Key, bytes: u64, since: SystemTime, owner: Option<Hash>) {
		self.ticks = self.ticks.saturating_add(1);
		let held = Held { bytes, used: self.ticks, since, pins: 0, owner };
		if let Some(owner) = owner {
			*self.owned.entry(owner).or_default() += bytes;
		}
		self.bytes += bytes + FILE_BYTES;
		self.held.insert(key, held);
	}

	fn remove(&mut self, key: &Key) -> bool {
		let Some(held) = self.held.remove(key) else { return false };
		self.bytes -= held.bytes + FILE_BYTES;
		if let Some(owner) = held.owner {
			self.disown(owner, held.bytes);
		}
		true
	}

	fn disown(&mut self, owner: Hash, bytes: u64) {
		if let Some(owned) = self.owned.get_mut(&owner) {
			*owned = owned.saturating_sub(bytes);
			if *owned == 0 {
				self.owned.remove(&owner);
			}
		}
	}

	/// The blobs that go to make room for `bytes` within `budget`; `None` when too few may go.
	fn victims(&self, bytes: u64, budget: u64, keep: Duration) -> Option<Vec<Key>> {
		let wanted = self.bytes.saturating_add(self.reserved).saturating_add(bytes);
		let mut excess = wanted.saturating_sub(budget);
		if excess == 0 {
			return Some(Vec::new());
		}
		let now = SystemTime::now();
		let old = |held: &Held| now.duration_since(held.since).is_ok_and(|age| age >= keep);
		let mut idle: Vec<(u64, u64, Key)> = self
			.held
			.iter()
			.filter(|((kind, _), held)| kind.may_go() && held.pins == 0 && old(held))
			.map(|(key, held)| (held.used, held.bytes + FILE_BYTES, *key))
			.collect();
		idle.sort_unstable();
		let mut victims = Vec::new();
		for (_, bytes, key) in idle {
			if excess == 0 {
				break;
			}
			excess = excess.saturating_sub(bytes);
			victims.push(key);
		}
		(excess == 0).then_some(victims)
	}
}

/// The blob store.
#[derive(Debug)]
pub(crate) struct Blobs {
	operator: Operator,
	index: Mutex<Index>,
	/// Held while a blob takes its name or goes, so that neither overtakes the other.
	naming: tokio::sync::Mutex<()>,
	limits: Limits,
	metrics: Arc<Metrics>,
}

/// Bytes set aside for a body that is coming. Given back when dropped.
struct Reservation<'a> {
	blobs: &'a Blobs,
	owner: Option<Hash>,
	bytes: u64,
}

impl Drop for Reservation<'_> {
	fn drop(&mut self) {
		let mut index = self.blobs.index();
		index.reserved = index.reserved.saturating_sub(self.bytes);
		if let Some(owner) = self.owner {
			index.disown(owner, self.bytes);
		}
	}
}

impl Blobs {
	/// Opens the store in a folder, removes what was half-written and takes stock.
	pub(crate) async fn open(
		folder: &Path,
		limits: Limits,
		metrics: Arc<Metrics>,
	) -> Result<Self, StartError> {
		let root = folder.join("blobs");
		let coming = root.join("coming");
		let failed = |e: &dyn fmt::Display| StartError::Store(e.to_string());
		match tokio::fs::remove_dir_all(&coming).await {
			Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&e)),
			_ => tokio::fs::create_dir_all(&coming).await.map_err(|e| failed(&e))?,
		}
		let service = services::Fs::default()
			.root(&root.to_string_lossy())
			.atomic_write_dir(&coming.to_string_lossy());
		let operator = Operator::new(service).map_err(|e| failed(&e))?.finish();
		let blobs = Self {
			operator,
			index: Mutex::default(),
			naming: tokio::sync::Mutex::default(),
			limits,
			metrics,
		};
		blobs.take_stock().await.map_err(|e| failed(&e))?;
		Ok(blobs)
	}

	async fn take_stock(&self) -> opendal::Result<()> {
		let mut found = Vec::new();
		let mut owners = HashMap::new();
		for kind in BlobKind::ALL {
			let mut entries = match self.operator.lister(&format!("{kind}/")).await {
				Err(e) if e.kind() == opendal::ErrorKind::NotFound => continue,
				entries => entries?,
			};
			while let Some(entry) = entries.next().await {
				let entry = entry?;
				let name = entry.name();
				if let Some(name) = name.strip_suffix(".owner") {
					if let (Some(digest), Ok(owner)) = (
						digest_from_hex(name),
						self.operator.read(entry.path()).await.map(|b| b.to_vec()),
					) {
						owners.insert(digest, Hash::try_from(owner.as_slice()).ok());
					}
				} else if let Some(digest) = digest_from_hex(name) {
					let meta = self.operator.stat(entry.path()).await?;
					let since = meta.last_modified().map_or(SystemTime::now(), SystemTime::from);
					found.push((since, (kind, digest), meta.content_length()));
				}
			}
		}
		// Oldest first, so that ticks order them as before the restart.
		found.sort_unstable();
		// An owner is written before its blob: a crash in between leaves it alone.
		let held: HashSet<Key> = found.iter().map(|(_, key, _)| *key).collect();
		for digest in owners.keys() {
			if !held.contains(&(BlobKind::Input, *digest)) {
				self.operator.delete(&owner_path(BlobKind::Input, digest)).await?;
			}
		}
		let mut index = self.index();
		for (since, key, bytes) in found {
			let owner = match key.0 {
				BlobKind::Input => owners.get(&key.1).copied().flatten(),
				_ => None,
			};
			index.insert(key, bytes, since, owner);
		}
		self.report(&index);
		Ok(())
	}

	fn index(&self) -> MutexGuard<'_, Index> {
		// Nothing panics while it is held; a poisoned lock would still guard a whole index.
		self.index.lock().unwrap_or_else(PoisonError::into_inner)
	}

	fn report(&self, index: &Index) {
		self.metrics.blob_bytes.set(i64::try_from(index.bytes).unwrap_or(i64::MAX));
		self.metrics.blobs.set(i64::try_from(index.held.len()).unwrap_or(i64::MAX));
	}

	/// The length of a blob, if it is held.
	pub(crate) fn length(&self, kind: BlobKind, digest: &Hash) -> Option<u64> {
		self.index().touch(&(kind, *digest))
	}

	/// Up to `most` digests of a kind.
	pub(crate) fn list(&self, kind: BlobKind, most: usize) -> Vec<Hash> {
		let index = self.index();
		index.held.keys().filter(|key| key.0 == kind).map(|key| key.1).take(most).collect()
	}

	/// Keeps a blob from going while a job needs it. Returns its length, if it is held.
	pub(crate) fn pin(&self, kind: BlobKind, digest: &Hash) -> Option<u64> {
		let mut index = self.index();
		let bytes = index.touch(&(kind, *digest))?;
		if let Some(held) = index.held.get_mut(&(kind, *digest)) {
			held.pins = held.pins.saturating_add(1);
		}
		Some(bytes)
	}

	/// Ends one [`Self::pin`].
	pub(crate) fn unpin(&self, kind: BlobKind, digest: &Hash) {
		if let Some(held) = self.index().held.get_mut(&(kind, *digest)) {
			held.pins = held.pins.saturating_sub(1);
			held.since = SystemTime::now();
		}
	}

	/// Keeps a blob, if its bytes have the digest.
	///
	/// `announced` is the length the sender stated. An `owner` pays for the bytes with its quota.
	/// The future must be run to its end, or else a temporary file stays until the next start.
	pub(crate) async fn put(
		&self,
		kind: BlobKind,
		digest: Hash,
		body: impl Stream<Item = Result<Bytes, Error>> + Send,
		announced: Option<u64>,
		owner: Option<Hash>,
	) -> Result<Kept, Error> {
		let mut body = std::pin::pin!(body);
		if self.length(kind, &digest).is_some() {
			// Read all the same: a sender that is cut off would not see the answer.
			while body.next().await.transpose()?.is_some() {}
			return Ok(Kept::Already);
		}
		let mut reservation = Reservation { blobs: self, owner, bytes: 0 };
		reservation.grow(announced.unwrap_or(0)).await?;
		let mut writer = self
			.operator
			.writer_with(&path(kind, &digest))
			.chunk(CHUNK)
			.await
			.map_err(store_failed)?;
		let written = self.write(kind, digest, &mut body, &mut writer, &mut reservation).await;
		let named = match written {
			Ok(bytes) => self.name(kind, digest, &mut writer, bytes, reservation).await,
			Err(error) => Err(error),
		};
		if named.is_err() {
			if let Err(error) = writer.abort().await {
				tracing::debug!(%error, "a temporary file stays until the next start");
			}
		}
		named
	}

	/// Writes a body under its temporary name and checks it. Returns its length.
	async fn write(
		&self,
		kind: BlobKind,
		digest: Hash,
		body: &mut (impl Stream<Item = Result<Bytes, Error>> + Unpin),
		writer: &mut Writer,
		reservation: &mut Reservation<'_>,
	) -> Result<u64, Error> {
		let mut check = Check::new(kind);
		let limit = kind.limit(&self.limits);
		let mut bytes = 0u64;
		while let Some(chunk) = body.next().await.transpose()? {
			bytes = bytes.saturating_add(chunk.len() as u64);
			if bytes > limit {
				return Err(Error::TooLarge { what: kind.word(), limit });
			}
			if bytes > reservation.bytes {
				let stride = STRIDE.min(limit - reservation.bytes);
				reservation.grow(stride.max(bytes - reservation.bytes)).await?;
			}
			check.update(&chunk);
			writer.write(chunk).await.map_err(store_failed)?;
		}
		let actual = check.finish()?;
		if actual != digest {
			let (expected, actual) = (hex(&digest), hex(&actual));
			return Err(Error::DigestMismatch { expected, actual });
		}
		Ok(bytes)
	}

	/// Gives a checked blob its name.
	async fn name(
		&self,
		kind: BlobKind,
		digest: Hash,
		writer: &mut Writer,
		bytes: u64,
		reservation: Reservation<'_>,
	) -> Result<Kept, Error> {
		let naming = self.naming.lock().await;
		if self.length(kind, &digest).is_some() {
			// Somebody else was faster with the same bytes.
			drop(naming);
			writer.abort().await.map_err(store_failed)?;
			return Ok(Kept::Already);
		}
		let owner = reservation.owner;
		if let Some(owner) = owner {
			let file = owner_path(kind, &digest);
			self.operator.write(&file, owner.to_vec()).await.map_err(store_failed)?;
		}
		writer.close().await.map_err(store_failed)?;
		drop(reservation);
		let mut index = self.index();
		index.insert((kind, digest), bytes, SystemTime::now(), owner);
		self.report(&index);
		self.metrics.blobs_kept.with_label_values(&[kind.word()]).inc();
		Ok(Kept::New)
	}

	/// Makes room for `bytes`, and sets them aside.
	async fn reserve(&self, bytes: u64, owner: Option<Hash>) -> Result<(), Error> {
		let (budget, keep) = (self.limits.store_bytes, self.limits.keep);
		loop {
			let victims = {
				let mut index = self.index();
				if let Some(owner) = owner {
					let owned = index.owned.get(&owner).copied().unwrap_or(0);
					let limit = self.limits.tenant_total_bytes;
					if owned.saturating_add(bytes) > limit {
						return Err(Error::QuotaTotal { limit });
					}
				}
				let victims = index
					.victims(bytes.saturating_add(FILE_BYTES), budget, keep)
					.ok_or(Error::StoreFull { budget })?;
				if victims.is_empty() {
					index.reserved += bytes;
					if let Some(owner) = owner {
						*index.owned.entry(owner).or_default() += bytes;
					}
					return Ok(());
				}
				victims
			};
			for key in victims {
				self.remove(key, false).await?;
			}
		}
	}

	/// Removes a blob, even one in use when `pinned` says so.
	async fn remove(&self, key: Key, pinned: bool) -> Result<(), Error> {
		let _naming = self.naming.lock().await;
		{
			let mut index = self.index();
			if !pinned && index.held.get(&key).is_none_or(|held| held.pins > 0) {
				return Ok(());
			}
			index.remove(&key);
			self.report(&index);
		}
		self.metrics.blobs_removed.with_label_values(&[key.0.word()]).inc();
		tracing::debug!(kind = %key.0, digest = %hex(&key.1), "blob removed");
		self.operator.delete(&path(key.0, &key.1)).await.map_err(store_failed)?;
		if key.0 == BlobKind::Input {
			self.operator.delete(&owner_path(key.0, &key.1)).await.map_err(store_failed)?;
		}
		Ok(())
	}

	/// A blob as a stream, with its length; not checked again.
	pub(crate) async fn stream(
		&self,
		kind: BlobKind,
		digest: &Hash,
	) -> Result<(u64, impl Stream<Item = std::io::Result<Bytes>> + Send + 'static), Error> {
		let unknown = || Error::BlobUnknown { kind: kind.word(), digest: hex(digest) };
		let bytes = self.length(kind, digest).ok_or_else(unknown)?;
		let reader = self.operator.reader(&path(kind, digest)).await.map_err(store_failed)?;
		let stream = reader.into_bytes_stream(0..bytes).await.map_err(store_failed)?;
		Ok((bytes, stream))
	}

	/// A blob in memory, checked against its digest. One that no longer has it is removed.
	pub(crate) async fn read(&self, kind: BlobKind, digest: &Hash) -> Result<Vec<u8>, Error> {
		if self.length(kind, digest).is_none() {
			return Err(Error::BlobUnknown { kind: kind.word(), digest: hex(digest) });
		}
		let read = self.operator.read(&path(kind, digest)).await;
		let bytes = read.map_err(store_failed)?.to_vec();
		// Hashing gigabytes of weights must not hold up the other requests of this thread.
		let hashed = tokio::task::spawn_blocking(move || {
			let mut check = Check::new(kind);
			check.update(&bytes);
			(check.finish(), bytes)
		});
		let (actual, bytes) = hashed.await.map_err(store_failed)?;
		if actual.as_ref() != Ok(digest) {
			tracing::error!(%kind, digest = %hex(digest), "blob damaged on disk, removed");
			self.remove((kind, *digest), true).await?;
			let actual = actual.as_ref().map_or_else(ToString::to_string, hex);
			return Err(Error::DigestMismatch { expected: hex(digest), actual });
		}
		Ok(bytes)
	}
}

impl Reservation<'_> {
	async fn grow(&mut self, bytes: u64) -> Result<(), Error> {
		self.blobs.reserve(bytes, self.owner).await?;
		self.bytes += bytes;
		Ok(())
	}
}

/// Computes the digest of a blob as it comes, by the rule of its kind.
enum Check {
	/// Small enough to be looked at whole.
	Program(Vec<u8>),
	Segments(Box<BlobHasher>),
	Output(Vec<u8>),
}

impl Check {
	fn new(kind: BlobKind) -> Self {
		match kind {
			BlobKind::Program => Self::Program(Vec::new()),
			BlobKind::Weights | BlobKind::Input => Self::Segments(Box::default()),
			BlobKind::Output => Self::Output(Vec::new()),
		}
	}

	fn update(&mut self, bytes: &[u8]) {
		match self {
			Self::Program(all) | Self::Output(all) => all.extend_from_slice(bytes),
			Self::Segments(hasher) => hasher.update(bytes),
		}
	}

	fn finish(self) -> Result<Hash, Error> {
		match self {
			Self::Program(bytes) => match Program::decode_validated(&bytes) {
				Ok(_) => Ok(program_digest(&bytes)),
				Err(error) => Err(Error::ProgramInvalid { reason: error.to_string() }),
			},
			Self::Segments(hasher) => Ok(hasher.finish()),
			Self::Output(bytes) => Outcome::decode_all(&mut bytes.as_slice())
				.map(|outcome| outcome.digest())
				.map_err(|_| Error::OutputMalformed),
		}
	}
}

fn store_failed(error: impl fmt::Display) -> Error {
	let reason = error.to_string();
	tracing::error!(%reason, "blob store failed");
	Error::StoreFailed { reason: "see the log".into() }
}

fn path(kind: BlobKind, digest: &Hash) -> String {
	format!("{kind}/{}", hex::encode(digest))
}

fn owner_path(kind: BlobKind, digest: &Hash) -> String {
	format!("{kind}/{}.owner", hex::encode(digest))
}

/// The form of a digest in answers.
pub(crate) fn hex(digest: &Hash) -> String {
	format!("0x{}", hex::encode(digest))
}

/// Reads a digest from 64 hexadecimal digits, with or without `0x`.
pub(crate) fn digest_from_hex(text: &str) -> Option<Hash> {
	let digits = text.strip_prefix("0x").unwrap_or(text);
	let mut digest = Hash::default();
	hex::decode_to_slice(digits, &mut digest).ok()?;
	Some(digest)
}

/// The digest of bytes by the rule of a kind.
pub fn digest_of(kind: BlobKind, bytes: &[u8]) -> Result<Hash, Error> {
	match kind {
		BlobKind::Weights | BlobKind::Input => Ok(merkle::blob(bytes)),
		BlobKind::Program | BlobKind::Output => {
			let mut check = Check::new(kind);
			check.update(bytes);
			check.finish()
		},
	}
}
