//! Weights, mapped into memory instead of read: models of any backend share one copy, which the
//! system may drop and read again.

use super::{
	hex, segments::Damage, segments::Segments, segments_path, store_failed, BlobKind, Blobs,
};
use crate::error::Error;
use assay_program::{merkle, Hash, SEGMENT};
use assay_trace::Opening;
use bytes::Bytes;
use memmap2::Mmap;
use std::{
	collections::HashSet,
	fs::{self, File, Metadata},
	future::Future,
	io::{self, Read, Seek, SeekFrom},
	os::unix::fs::MetadataExt,
	path::Path,
	sync::{Arc, MutexGuard, PoisonError},
	time::{Duration, Instant},
};

/// Time between two words about the progress of a check.
const TELL: Duration = Duration::from_secs(2);

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MapError {
	/// They are not held.
	#[error("not held here")]
	Unknown,
	/// The system does not map them.
	#[error("cannot be mapped: {0}")]
	System(#[from] io::Error),
	/// They are not what their digest says, and were removed.
	#[error("{0}")]
	Damaged(Damage),
}

/// Weights in memory, and their file when they were checked.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
	bytes: Bytes,
	stamp: Stamp,
}

/// A repair that is under way, until it is dropped.
struct Repair {
	blobs: Arc<Blobs>,
	digest: Hash,
}

impl Drop for Repair {
	fn drop(&mut self) {
		self.blobs.repairs().remove(&self.digest);
	}
}

/// What tells whether a file is the one it was, and was not written since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
	inode: (u64, u64),
	length: u64,
	modified: (i64, i64),
	// It cannot be set back, as the time of modification can.
	changed: (i64, i64),
}

impl Stamp {
	fn of(meta: &Metadata) -> Self {
		Self {
			inode: (meta.dev(), meta.ino()),
			length: meta.len(),
			modified: (meta.mtime(), meta.mtime_nsec()),
			changed: (meta.ctime(), meta.ctime_nsec()),
		}
	}
}

impl Blobs {
	/// Weights that are held, for a backend that loads them: checked against their digest each
	/// time, as a load reads all of them anyway. Damaged ones are removed.
	pub(crate) async fn weights(&self, digest: &Hash) -> Result<Bytes, MapError> {
		if self.length(BlobKind::Weights, digest).is_none() {
			return Err(MapError::Unknown);
		}
		let name = segments_path(BlobKind::Weights, digest);
		let kept = match self.operator.read(&name).await {
			Ok(bytes) => Segments::decode(&bytes.to_vec(), digest),
			Err(_) => None,
		};
		let (file, expected) = (self.file(BlobKind::Weights, digest), *digest);
		let (is_kept, known) = (kept.is_some(), self.mapped().get(digest).cloned());
		// Hashing gigabytes must not hold up the requests of an async thread.
		let checked =
			tokio::task::spawn_blocking(move || map_and_check(&file, known, &expected, kept));
		let checked = checked.await.map_err(io::Error::other)?;
		if let Err(MapError::Damaged(damage)) = &checked {
			let digest = hex(digest);
			tracing::error!(kind = "weights", digest, %damage, "blob removed: put it again");
			let removed = self.remove((BlobKind::Weights, expected), true).await;
			removed.map_err(|error| io::Error::other(error.to_string()))?;
		}
		let (mapped, segments) = checked?;
		if !is_kept {
			// From a store of an earlier version, or damaged itself: it would be missed one day.
			// The weights are right all the same.
			if let Err(error) = self.operator.write(&name, segments.encode()).await {
				tracing::warn!(digest = %hex(digest), %error, "the list of segments is not kept");
			}
		}
		let bytes = mapped.bytes.clone();
		self.mapped().insert(*digest, mapped);
		Ok(bytes)
	}

	/// A segment of weights that are held, with its path to their digest; so it is the right one
	/// whatever happened to their file. Reads that segment alone, and the list of all; `None` where
	/// the two disagree.
	pub(crate) async fn segment(
		&self,
		digest: &Hash,
		segment: u64,
	) -> Result<Option<Opening>, Error> {
		let kind = BlobKind::Weights;
		let unknown = || Error::BlobUnknown { kind: kind.word(), digest: hex(digest) };
		let bytes = self.length(kind, digest).ok_or_else(unknown)?;
		let segments = bytes.div_ceil(SEGMENT as u64);
		if segment >= segments {
			return Err(Error::SegmentUnknown { segment, segments });
		}
		// Of two gigabytes half a million hashes are made, from a list of sixteen megabytes: one
		// request at a time, whose turn lasts as long as its work, whether or not somebody waits.
		let turn = self.openings.clone().acquire_owned().await.map_err(store_failed)?;
		let name = segments_path(kind, digest);
		let Ok(list) = self.operator.read(&name).await else { return Ok(None) };
		let (file, digest) = (self.file(kind, digest), *digest);
		let opened = tokio::task::spawn_blocking(move || {
			let _turn = turn;
			let Some(list) = Segments::decode_unchecked(&list.to_vec()) else { return Ok(None) };
			let bytes = read_segment(&file, segment)?;
			let path = list.path(segment, merkle::leaf(&bytes), &digest);
			Ok(path.map(|path| Opening { bytes, path }))
		});
		opened.await.map_err(store_failed)?.map_err(|error: io::Error| store_failed(error))
	}

	/// Looks through weights whose list of segments is lost or does not fit them: makes the list
	/// again, or removes damaged weights. Begun once however many ask, with an error for all others.
	/// The future is to be run to its end.
	pub(crate) fn repair(
		self: &Arc<Self>,
		digest: Hash,
	) -> Result<impl Future<Output = Result<(), Error>> + Send + 'static, Error> {
		if !self.repairs().insert(digest) {
			return Err(Error::SegmentsBusy { digest: hex(&digest) });
		}
		let repair = Repair { blobs: self.clone(), digest };
		Ok(async move {
			let Repair { blobs, digest } = &repair;
			match blobs.weights(digest).await {
				Err(MapError::System(error)) => Err(store_failed(error)),
				// Removed, or right: whoever asks again hears which.
				Err(MapError::Unknown | MapError::Damaged(_)) | Ok(_) => Ok(()),
			}
		})
	}

	fn repairs(&self) -> MutexGuard<'_, HashSet<Hash>> {
		// Nothing panics while it is held.
		self.repairs.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Whether the file of weights is still the one that was checked last, unwritten since. Looks
	/// at the file's metadata, not at its bytes.
	pub(crate) fn are_as_checked(&self, weights: &Hash) -> bool {
		let checked = self.mapped().get(weights).map(|mapped| mapped.stamp);
		let now = fs::metadata(self.file(BlobKind::Weights, weights));
		checked.is_some() && checked == now.ok().as_ref().map(Stamp::of)
	}
}

/// The bytes of a segment of a file, filled up with zeros at its end. Blocks.
fn read_segment(file: &Path, segment: u64) -> io::Result<Vec<u8>> {
	let mut file = File::open(file)?;
	file.seek(SeekFrom::Start(segment.saturating_mul(SEGMENT as u64)))?;
	let mut bytes = Vec::with_capacity(SEGMENT);
	file.take(SEGMENT as u64).read_to_end(&mut bytes)?;
	bytes.resize(SEGMENT, 0);
	Ok(bytes)
}

/// Maps a file, unless that was done and it is the same one still, and checks it. Blocks.
fn map_and_check(
	file: &Path,
	known: Option<Mapped>,
	digest: &Hash,
	kept: Option<Segments>,
) -> Result<(Mapped, Segments), MapError> {
	let mut file = File::open(file)?;
	// Before it is read: whoever writes it from here on leaves another stamp.
	let stamp = Stamp::of(&file.metadata()?);
	// A disk that does not give the bytes is an error here, and a signal where they are mapped.
	// What was read stays in memory for the check.
	io::copy(&mut file, &mut io::sink())?;
	let bytes = match known.filter(|known| known.stamp == stamp) {
		Some(known) => known.bytes,
		None => map(&file)?,
	};
	let segments = check(&bytes, digest, kept)?;
	Ok((Mapped { bytes, stamp }, segments))
}

fn map(file: &File) -> io::Result<Bytes> {
	if file.metadata()?.len() == 0 {
		// There is nothing to map.
		return Ok(Bytes::new());
	}
	// SAFETY: a file in the store never changes once it has its name: it is written under another
	// one, and removing it leaves the mapped bytes in place. Whoever changes it from outside, in a
	// folder that is locked and another program's, changes numbers and no code or pointer; cutting
	// it off ends the process by a signal, as it would for any program mapped from disk.
	let mapped = unsafe { Mmap::map(file)? };
	Ok(Bytes::from_owner(mapped))
}

/// The segments of weights that have their digest, or where they are damaged.
fn check(weights: &[u8], digest: &Hash, kept: Option<Segments>) -> Result<Segments, MapError> {
	let (began, bytes) = (Instant::now(), weights.len() as u64);
	let mut told = began;
	let actual = Segments::of(weights, |done| {
		if told.elapsed() >= TELL {
			told = Instant::now();
			let percent = done.saturating_mul(100).checked_div(bytes).unwrap_or(100);
			tracing::info!(digest = %hex(digest), percent, bytes, "checking weights");
		}
	});
	if actual.digest() == *digest {
		let seconds = began.elapsed().as_secs_f64();
		tracing::info!(digest = %hex(digest), bytes, seconds, "weights checked");
		return Ok(actual);
	}
	let segment = kept.and_then(|kept| kept.first_difference(&actual));
	Err(MapError::Damaged(Damage { segment }))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{config::Limits, metrics::Metrics};
	use futures::stream;
	use std::{fs::OpenOptions, os::unix::fs::FileExt};
	use tempfile::TempDir;

	async fn open(folder: &TempDir) -> Blobs {
		let metrics = Arc::new(Metrics::new("test").unwrap());
		Blobs::open(folder.path(), Limits::default(), metrics).await.unwrap()
	}

	/// A store that holds weights, and their file.
	async fn with_weights(folder: &TempDir) -> (Blobs, Vec<u8>, Hash, std::path::PathBuf) {
		let blobs = open(folder).await;
		let weights: Vec<u8> = (0..5 * SEGMENT + 9).map(|index| (index / 5) as u8).collect();
		let digest = merkle::blob(&weights);
		let whole = Bytes::from(weights.clone());
		let body = stream::once(async { Ok(whole) });
		blobs.put(BlobKind::Weights, digest, body, None, None).await.unwrap();
		let file = blobs.file(BlobKind::Weights, &digest);
		(blobs, weights, digest, file)
	}

	#[tokio::test]
	async fn weights_are_mapped_once_and_shared() {
		let folder = TempDir::new().unwrap();
		let (blobs, weights, digest, _) = with_weights(&folder).await;
		let first = blobs.weights(&digest).await.unwrap();
		let second = blobs.weights(&digest).await.unwrap();
		assert_eq!(first, weights);
		assert_eq!(first.as_ptr(), second.as_ptr());
		// They outlive the blob.
		blobs.remove((BlobKind::Weights, digest), true).await.unwrap();
		assert!(matches!(blobs.weights(&digest).await, Err(MapError::Unknown)));
		assert_eq!(first, weights);
		let left = fs::read_dir(folder.path().join("blobs/weights")).unwrap().count();
		assert_eq!(left, 0, "the list of segments goes with the blob");
	}

	/// Writes one byte of a file in place, as no part of the executor does.
	fn write(file: &Path, at: usize, byte: u8) {
		let file = OpenOptions::new().write(true).open(file).unwrap();
		file.write_all_at(&[byte], at as u64).unwrap();
	}

	#[tokio::test]
	async fn a_byte_that_changes_after_the_check_is_found_at_the_next_one() {
		let folder = TempDir::new().unwrap();
		let (blobs, weights, digest, file) = with_weights(&folder).await;
		assert!(!blobs.are_as_checked(&digest));
		blobs.weights(&digest).await.unwrap();
		assert!(blobs.are_as_checked(&digest));
		let before = fs::metadata(&file).unwrap().modified().unwrap();
		let at = 3 * SEGMENT + 1;
		write(&file, at, weights[at] ^ 1);
		// Whoever sets the time back has changed the file all the same.
		OpenOptions::new().write(true).open(&file).unwrap().set_modified(before).unwrap();
		assert!(!blobs.are_as_checked(&digest));
		let error = blobs.weights(&digest).await.unwrap_err();
		let expected = Damage { segment: Some(3) };
		assert!(matches!(error, MapError::Damaged(damage) if damage == expected), "{error}");
		assert!(!file.exists() && !blobs.are_as_checked(&digest));
	}

	#[tokio::test]
	async fn a_file_that_was_replaced_by_the_same_bytes_is_mapped_anew() {
		let folder = TempDir::new().unwrap();
		let (blobs, weights, digest, file) = with_weights(&folder).await;
		let first = blobs.weights(&digest).await.unwrap();
		let other = file.with_extension("other");
		fs::write(&other, &weights).unwrap();
		fs::rename(&other, &file).unwrap();
		assert!(!blobs.are_as_checked(&digest));
		let second = blobs.weights(&digest).await.unwrap();
		assert_eq!(second, weights);
		assert_ne!(first.as_ptr(), second.as_ptr());
		assert!(blobs.are_as_checked(&digest));
	}

	#[tokio::test]
	async fn a_damaged_byte_is_named_by_its_segment_and_the_blob_removed() {
		for at in [0, SEGMENT, 3 * SEGMENT + 1, 5 * SEGMENT + 8] {
			let folder = TempDir::new().unwrap();
			let (blobs, mut weights, digest, file) = with_weights(&folder).await;
			drop(blobs);
			weights[at] ^= 1;
			fs::write(&file, &weights).unwrap();
			let blobs = open(&folder).await;
			let error = blobs.weights(&digest).await.unwrap_err();
			let expected = Damage { segment: Some((at / SEGMENT) as u64) };
			assert!(matches!(error, MapError::Damaged(damage) if damage == expected), "{error}");
			assert!(!file.exists());
			assert!(matches!(blobs.weights(&digest).await, Err(MapError::Unknown)));
		}
	}

	#[tokio::test]
	async fn a_file_that_was_cut_off_or_emptied_is_damaged_where_it_ends() {
		for length in [0, SEGMENT + 1, 5 * SEGMENT + 8] {
			let folder = TempDir::new().unwrap();
			let (blobs, weights, digest, file) = with_weights(&folder).await;
			drop(blobs);
			fs::write(&file, &weights[..length]).unwrap();
			let error = open(&folder).await.weights(&digest).await.unwrap_err();
			let expected = Damage { segment: Some((length / SEGMENT) as u64) };
			assert!(matches!(error, MapError::Damaged(damage) if damage == expected), "{error}");
		}
	}

	#[tokio::test]
	async fn a_lost_or_damaged_list_of_segments_costs_nothing_but_the_place() {
		let folder = TempDir::new().unwrap();
		let (blobs, mut weights, digest, file) = with_weights(&folder).await;
		let list = file.with_extension("segments");
		let whole = fs::read(&list).unwrap();
		for content in [None, Some(b"something else")] {
			match content {
				None => fs::remove_file(&list).unwrap(),
				Some(content) => fs::write(&list, content).unwrap(),
			}
			assert_eq!(open(&folder).await.weights(&digest).await.unwrap(), weights);
			assert_eq!(fs::read(&list).unwrap(), whole, "it is written again");
		}
		drop(blobs);
		fs::remove_file(&list).unwrap();
		weights[9] ^= 1;
		fs::write(&file, &weights).unwrap();
		let error = open(&folder).await.weights(&digest).await.unwrap_err();
		assert!(matches!(error, MapError::Damaged(Damage { segment: None })), "{error}");
	}

	#[tokio::test]
	async fn a_list_of_segments_without_its_blob_goes_at_the_next_start() {
		let folder = TempDir::new().unwrap();
		let (blobs, _, _, file) = with_weights(&folder).await;
		drop(blobs);
		fs::remove_file(&file).unwrap();
		open(&folder).await;
		assert!(!file.with_extension("segments").exists());
	}

	#[tokio::test]
	async fn one_segment_is_opened_at_a_time() {
		let folder = TempDir::new().unwrap();
		let (blobs, _, digest, _) = with_weights(&folder).await;
		let turn = blobs.openings.clone().acquire_owned().await.unwrap();
		let waits = blobs.segment(&digest, 0);
		assert!(tokio::time::timeout(Duration::from_millis(200), waits).await.is_err());
		drop(turn);
		assert!(blobs.segment(&digest, 0).await.unwrap().is_some());
	}

	#[tokio::test]
	async fn a_list_of_segments_is_made_again_once_however_many_ask() {
		let folder = TempDir::new().unwrap();
		let (blobs, _, digest, file) = with_weights(&folder).await;
		let (blobs, list) = (Arc::new(blobs), file.with_extension("segments"));
		fs::remove_file(&list).unwrap();
		assert_eq!(blobs.segment(&digest, 0).await, Ok(None));
		let repair = blobs.repair(digest).unwrap();
		let busy = blobs.repair(digest).map(|_| ()).unwrap_err();
		assert_eq!(busy.code(), "segments_busy");
		repair.await.unwrap();
		assert!(blobs.segment(&digest, 0).await.unwrap().is_some());
		assert!(blobs.repair(digest).is_ok(), "the first one is over");
		assert!(blobs.repair(digest).is_ok(), "and one that was given up, too");
	}
}
