//! The content-addressed blob store, on OpenDAL.
//!
//! A blob is written under a temporary name, hashed as it comes, and takes its own name only when
//! the hash is its digest. So whatever stands under a digest is whole and right, a process killed
//! at any point leaves at most temporary files, and those go at the next start.
//!
//! Disk is bounded. When it runs short, blobs go in this order: inputs that no job has used in
//! their time, then inputs and outputs that no open job uses, each the least recently used first
//! and none before its time to keep. A tenant that is still short may displace unused inputs of
//! tenants that hold more. Programs and weights stay, and what belongs to jobs that the node asks
//! about: a store that is full of them refuses.
//!
//! A part of the store is closed to inputs, and the room for a job's output is set aside before
//! the job is taken: whoever fills the store, jobs that were taken keep their results.

mod index;
mod mapped;
mod segments;

pub(crate) use self::mapped::MapError;
use self::{
	index::{Index, Key, Want},
	mapped::Mapped,
	segments::{Segments, SegmentsHasher},
};
use crate::{
	config::Limits,
	error::{Error, StartError},
	metrics::Metrics,
};
use assay_program::{
	merkle::{self, BlobHasher},
	program_digest, Hash, Outcome, Program, SEGMENT,
};
use bytes::Bytes;
use codec::DecodeAll;
use futures::{stream, Stream, StreamExt};
use opendal::{services, Operator, Writer};
use std::{
	collections::{HashMap, HashSet},
	fmt,
	fs::File,
	path::{Path, PathBuf},
	str::FromStr,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::SystemTime,
};
use tokio::sync::Semaphore;

/// Bytes that are handed to the disk at once.
const CHUNK: usize = 256 * 1024;
/// Bytes that are set aside at a time for a body of unannounced length.
const STRIDE: u64 = 1 << 20;
/// What a file costs beside its bytes; counted so that many tiny blobs are bounded too.
const FILE_BYTES: u64 = 4096;

/// What a blob costs: its bytes, its file, and one more that names its owner or lists its segments.
pub(crate) const fn cost(kind: BlobKind, owned: bool, bytes: u64) -> u64 {
	let list = match kind {
		BlobKind::Weights => bytes.div_ceil(SEGMENT as u64) * size_of::<Hash>() as u64 + FILE_BYTES,
		_ => 0,
	};
	let owner = if owned { FILE_BYTES } else { 0 };
	bytes.saturating_add(FILE_BYTES + list + owner)
}

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

/// The blob store.
#[derive(Debug)]
pub(crate) struct Blobs {
	operator: Operator,
	root: PathBuf,
	index: Mutex<Index>,
	/// Held while a blob takes its name or goes, so that neither overtakes the other.
	naming: tokio::sync::Mutex<()>,
	/// Weights that were checked, mapped into memory.
	mapped: Mutex<HashMap<Hash, Mapped>>,
	/// Turns to open a segment of weights.
	openings: Arc<Semaphore>,
	/// Weights whose list of segments is being made again.
	repairs: Mutex<HashSet<Hash>>,
	limits: Limits,
	metrics: Arc<Metrics>,
}

/// Bytes set aside for a body that is coming. Given back when dropped.
struct Reservation<'a> {
	blobs: &'a Blobs,
	kind: BlobKind,
	owner: Option<Hash>,
	/// The longest body for which there is room.
	body: u64,
	/// What such a body costs.
	bytes: u64,
	/// Whether the blob may make room at any time.
	is_spare: bool,
}

impl Drop for Reservation<'_> {
	fn drop(&mut self) {
		if self.bytes > 0 {
			self.give_back(&mut self.blobs.index());
		}
	}
}

/// Bytes set aside for the output of a job that was taken. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
	blobs: Arc<Blobs>,
	/// The longest output.
	body: u64,
	/// What it costs.
	bytes: u64,
}

impl Drop for Room {
	fn drop(&mut self) {
		self.blobs.index().give_back(BlobKind::Output, None, self.bytes);
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
			root,
			index: Mutex::default(),
			naming: tokio::sync::Mutex::default(),
			mapped: Mutex::default(),
			openings: Arc::new(Semaphore::new(1)),
			repairs: Mutex::default(),
			limits,
			metrics,
		};
		blobs.take_stock().await.map_err(|e| failed(&e))?;
		Ok(blobs)
	}

	async fn take_stock(&self) -> opendal::Result<()> {
		let mut found = Vec::new();
		let (mut owners, mut lists) = (HashMap::new(), Vec::new());
		for kind in BlobKind::ALL {
			let mut entries = match self.operator.lister(&format!("{kind}/")).await {
				Err(e) if e.kind() == opendal::ErrorKind::NotFound => continue,
				entries => entries?,
			};
			while let Some(entry) = entries.next().await {
				let entry = entry?;
				let name = entry.name();
				if let Some(name) = name.strip_suffix(".segments") {
					lists.extend(digest_from_hex(name).map(|digest| (kind, digest)));
				} else if let Some(name) = name.strip_suffix(".owner") {
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
		// Owners and lists are written before their blobs: a crash in between leaves them alone.
		let held: HashSet<Key> = found.iter().map(|(_, key, _)| *key).collect();
		for digest in owners.keys() {
			if !held.contains(&(BlobKind::Input, *digest)) {
				self.operator.delete(&owner_path(BlobKind::Input, digest)).await?;
			}
		}
		for (kind, digest) in lists {
			if !held.contains(&(kind, digest)) {
				self.operator.delete(&segments_path(kind, &digest)).await?;
			}
		}
		let mut index = self.index();
		for (since, key, bytes) in found {
			let owner = match key.0 {
				BlobKind::Input => owners.get(&key.1).copied().flatten(),
				_ => None,
			};
			index.insert(key, bytes, since, owner);
			// Whether a job used it is not known any more: to its credit.
			if let Some(held) = index.held.get_mut(&key) {
				held.used_by_job = true;
			}
		}
		self.report(&index);
		Ok(())
	}

	fn index(&self) -> MutexGuard<'_, Index> {
		// Nothing panics while it is held; a poisoned lock would still guard a whole index.
		self.index.lock().unwrap_or_else(PoisonError::into_inner)
	}

	fn mapped(&self) -> MutexGuard<'_, HashMap<Hash, Mapped>> {
		// Nothing panics while it is held.
		self.mapped.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// The file of a blob.
	fn file(&self, kind: BlobKind, digest: &Hash) -> PathBuf {
		self.root.join(path(kind, digest))
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
			held.used_by_job = true;
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

	/// Keeps a blob from going until [`Self::keep_only`] says otherwise, whether it is here or comes.
	pub(crate) fn keep(&self, kind: BlobKind, digest: &Hash) {
		self.index().kept.insert((kind, *digest));
	}

	/// Keeps these blobs from going, and no longer those that were kept before.
	pub(crate) fn keep_only(&self, keys: HashSet<(BlobKind, Hash)>) {
		self.index().keep_only(keys);
	}

	/// Whether a blob is held; if so its time to keep begins again, as if it had just come.
	pub(crate) fn refresh(&self, kind: BlobKind, digest: &Hash) -> bool {
		let (mut index, key) = (self.index(), (kind, *digest));
		let is_held = index.touch(&key).is_some();
		if let Some(held) = index.held.get_mut(&key) {
			held.since = SystemTime::now();
		}
		is_held
	}

	/// Sets room aside for an output of at most `bytes`.
	pub(crate) async fn set_aside(self: &Arc<Self>, body: u64) -> Result<Room, Error> {
		let bytes = cost(BlobKind::Output, false, body);
		self.reserve(&Want { kind: BlobKind::Output, bytes, owner: None }).await?;
		Ok(Room { blobs: self.clone(), body, bytes })
	}

	/// Keeps an output in the room that was set aside for it, if any was. One that is spare may make
	/// room at any time.
	pub(crate) async fn put_output(
		&self,
		digest: Hash,
		bytes: Vec<u8>,
		room: Option<Room>,
		is_spare: bool,
	) -> Result<Kept, Error> {
		let length = bytes.len() as u64;
		let body = stream::once(async move { Ok(Bytes::from(bytes)) });
		let set_aside =
			room.map_or((0, 0), |mut room| (room.body, std::mem::take(&mut room.bytes)));
		let (kind, owner) = (BlobKind::Output, None);
		let (body_at_most, bytes) = set_aside;
		let reservation =
			Reservation { blobs: self, kind, owner, body: body_at_most, bytes, is_spare };
		self.put_within(digest, body, Some(length), reservation).await
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
		let reservation =
			Reservation { blobs: self, kind, owner, body: 0, bytes: 0, is_spare: false };
		self.put_within(digest, body, announced, reservation).await
	}

	async fn put_within(
		&self,
		digest: Hash,
		body: impl Stream<Item = Result<Bytes, Error>> + Send,
		announced: Option<u64>,
		mut reservation: Reservation<'_>,
	) -> Result<Kept, Error> {
		let kind = reservation.kind;
		let mut body = std::pin::pin!(body);
		if self.refresh(kind, &digest) {
			// Read all the same: a sender that is cut off would not see the answer.
			while body.next().await.transpose()?.is_some() {}
			return Ok(Kept::Already);
		}
		reservation.hold(announced.unwrap_or(0)).await?;
		let mut writer = self
			.operator
			.writer_with(&path(kind, &digest))
			.chunk(CHUNK)
			.await
			.map_err(store_failed)?;
		let written = self.write(digest, &mut body, &mut writer, &mut reservation).await;
		let named = match written {
			Ok((bytes, list)) => self.name(digest, &mut writer, bytes, list, reservation).await,
			Err(error) => Err(error),
		};
		if named.is_err() {
			if let Err(error) = writer.abort().await {
				tracing::debug!(%error, "a temporary file stays until the next start");
			}
		}
		named
	}

	/// Writes a body under its temporary name and checks it. Returns its length, and the segments
	/// of weights.
	async fn write(
		&self,
		digest: Hash,
		body: &mut (impl Stream<Item = Result<Bytes, Error>> + Unpin),
		writer: &mut Writer,
		reservation: &mut Reservation<'_>,
	) -> Result<(u64, Option<Segments>), Error> {
		let kind = reservation.kind;
		let mut check = Check::new(kind);
		let limit = kind.limit(&self.limits);
		let mut bytes = 0u64;
		while let Some(chunk) = body.next().await.transpose()? {
			bytes = bytes.saturating_add(chunk.len() as u64);
			if bytes > limit {
				return Err(Error::TooLarge { what: kind.word(), limit });
			}
			if bytes > reservation.body {
				let stride = reservation.body.saturating_add(STRIDE).min(limit);
				reservation.hold(stride.max(bytes)).await?;
			}
			check.update(&chunk);
			writer.write(chunk).await.map_err(store_failed)?;
		}
		let (actual, list) = check.finish()?;
		if actual != digest {
			let (expected, actual) = (hex(&digest), hex(&actual));
			return Err(Error::DigestMismatch { expected, actual });
		}
		Ok((bytes, list))
	}

	/// Gives a checked blob its name.
	async fn name(
		&self,
		digest: Hash,
		writer: &mut Writer,
		bytes: u64,
		list: Option<Segments>,
		mut reservation: Reservation<'_>,
	) -> Result<Kept, Error> {
		let kind = reservation.kind;
		let naming = self.naming.lock().await;
		if self.refresh(kind, &digest) {
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
		if let Some(list) = list {
			let file = segments_path(kind, &digest);
			self.operator.write(&file, list.encode()).await.map_err(store_failed)?;
		}
		writer.close().await.map_err(store_failed)?;
		{
			let mut index = self.index();
			reservation.give_back(&mut index);
			let since = match reservation.is_spare {
				true => SystemTime::UNIX_EPOCH,
				false => SystemTime::now(),
			};
			index.insert((kind, digest), bytes, since, owner);
			self.report(&index);
		}
		drop(naming);
		self.sync_names(kind).await?;
		self.metrics.blobs_kept.with_label_values(&[kind.word()]).inc();
		Ok(Kept::New)
	}

	/// Makes the names of a kind's blobs outlast a power cut: they are data of its folder, and
	/// what is told of a blob may stand in the journal.
	async fn sync_names(&self, kind: BlobKind) -> Result<(), Error> {
		let folder = self.root.join(kind.word());
		let synced = tokio::task::spawn_blocking(move || File::open(folder)?.sync_all());
		synced.await.map_err(store_failed)?.map_err(store_failed)
	}

	/// Makes room for bytes, and sets them aside.
	async fn reserve(&self, want: &Want) -> Result<(), Error> {
		loop {
			let victims = {
				let mut index = self.index();
				if let Some(owner) = want.owner {
					let limit = self.limits.tenant_total_bytes;
					if index.owned_by(&owner).saturating_add(want.bytes) > limit {
						return Err(Error::QuotaTotal { limit });
					}
				}
				let budget = self.limits.store_bytes;
				let full = Error::StoreFull { budget };
				let victims = index.victims(want, &self.limits).ok_or(full)?;
				if victims.is_empty() {
					index.set_aside(want);
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
			if !pinned && index.held.get(&key).is_none_or(|held| !index.may_go(&key, held)) {
				return Ok(());
			}
			index.remove(&key);
			self.report(&index);
		}
		self.metrics.blobs_removed.with_label_values(&[key.0.word()]).inc();
		tracing::debug!(kind = %key.0, digest = %hex(&key.1), "blob removed");
		self.operator.delete(&path(key.0, &key.1)).await.map_err(store_failed)?;
		let beside = match key.0 {
			BlobKind::Input => owner_path(key.0, &key.1),
			BlobKind::Weights => {
				self.mapped().remove(&key.1);
				segments_path(key.0, &key.1)
			},
			BlobKind::Program | BlobKind::Output => return Ok(()),
		};
		self.operator.delete(&beside).await.map_err(store_failed)?;
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
			(check.finish().map(|(digest, _)| digest), bytes)
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
	/// Sees to it that there is room for a body.
	async fn hold(&mut self, body: u64) -> Result<(), Error> {
		let Self { kind, owner, .. } = *self;
		let bytes = cost(kind, owner.is_some(), body).saturating_sub(self.bytes);
		if bytes > 0 {
			self.blobs.reserve(&Want { kind, bytes, owner }).await?;
			self.bytes += bytes;
			self.body = body;
		}
		Ok(())
	}

	fn give_back(&mut self, index: &mut Index) {
		index.give_back(self.kind, self.owner, std::mem::take(&mut self.bytes));
	}
}

/// Computes the digest of a blob as it comes, by the rule of its kind.
enum Check {
	/// Small enough to be looked at whole.
	Program(Vec<u8>),
	Input(Box<BlobHasher>),
	Weights(SegmentsHasher),
	Output(Vec<u8>),
}

impl Check {
	fn new(kind: BlobKind) -> Self {
		match kind {
			BlobKind::Program => Self::Program(Vec::new()),
			BlobKind::Input => Self::Input(Box::default()),
			BlobKind::Weights => Self::Weights(SegmentsHasher::default()),
			BlobKind::Output => Self::Output(Vec::new()),
		}
	}

	fn update(&mut self, bytes: &[u8]) {
		match self {
			Self::Program(all) | Self::Output(all) => all.extend_from_slice(bytes),
			Self::Input(hasher) => hasher.update(bytes),
			Self::Weights(hasher) => hasher.update(bytes),
		}
	}

	/// The digest, and the segments of weights.
	fn finish(self) -> Result<(Hash, Option<Segments>), Error> {
		match self {
			Self::Program(bytes) => match Program::decode_validated(&bytes) {
				Ok(_) => Ok((program_digest(&bytes), None)),
				Err(error) => Err(Error::ProgramInvalid { reason: error.to_string() }),
			},
			Self::Input(hasher) => Ok((hasher.finish(), None)),
			Self::Weights(hasher) => {
				let segments = hasher.finish();
				Ok((segments.digest(), Some(segments)))
			},
			Self::Output(bytes) => Outcome::decode_all(&mut bytes.as_slice())
				.map(|outcome| (outcome.digest(), None))
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

fn segments_path(kind: BlobKind, digest: &Hash) -> String {
	format!("{kind}/{}.segments", hex::encode(digest))
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
			check.finish().map(|(digest, _)| digest)
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::time::Duration;
	use tempfile::TempDir;

	const HOUR: Duration = Duration::from_secs(3600);

	async fn open(folder: &TempDir) -> Arc<Blobs> {
		let limits = Limits { store_bytes: 100_000, ..Limits::default() };
		let metrics = Arc::new(Metrics::new("test").unwrap());
		Arc::new(Blobs::open(folder.path(), limits, metrics).await.unwrap())
	}

	async fn put(blobs: &Blobs, bytes: &[u8]) -> Result<Kept, Error> {
		let body = stream::once(async { Ok(Bytes::copy_from_slice(bytes)) });
		let length = Some(bytes.len() as u64);
		blobs.put(BlobKind::Input, merkle::blob(bytes), body, length, None).await
	}

	#[tokio::test]
	async fn a_blob_that_comes_again_stays_as_if_it_had_just_come() {
		let folder = TempDir::new().unwrap();
		let blobs = open(&folder).await;
		let (first, second) = ([1; 50_000], [2; 50_000]);
		let key = (BlobKind::Input, merkle::blob(&first));
		assert_eq!(put(&blobs, &first).await, Ok(Kept::New));
		let long_ago = SystemTime::now() - HOUR * 2;
		blobs.index().held.get_mut(&key).unwrap().since = long_ago;
		assert_eq!(put(&blobs, &first).await, Ok(Kept::Already));
		// There is room for one only.
		assert!(matches!(put(&blobs, &second).await, Err(Error::StoreFull { .. })));
		blobs.index().held.get_mut(&key).unwrap().since = long_ago;
		assert_eq!(put(&blobs, &second).await, Ok(Kept::New));
	}

	#[tokio::test]
	async fn what_is_set_aside_is_given_back() {
		let folder = TempDir::new().unwrap();
		let blobs = open(&folder).await;
		let room = blobs.set_aside(90_000).await.unwrap();
		let full = blobs.set_aside(10_000).await.unwrap_err();
		assert!(matches!(full, Error::StoreFull { .. }));
		assert!(matches!(put(&blobs, &[1; 1]).await, Ok(Kept::New)));
		let outcome = Outcome::Output { count: 1, data: vec![1; 80_000] };
		let bytes = codec::Encode::encode(&outcome);
		let digest = outcome.digest();
		assert_eq!(blobs.put_output(digest, bytes.clone(), Some(room), false).await, Ok(Kept::New));
		let length = bytes.len() as u64;
		let kept = cost(BlobKind::Output, false, length);
		let held = cost(BlobKind::Input, false, 1) + kept;
		{
			let index = blobs.index();
			assert_eq!((index.bytes, index.reserved, index.outputs), (held, 0, kept));
		}
		drop(blobs.set_aside(5_000).await.unwrap());
		assert_eq!(blobs.index().reserved, 0);
	}
}
