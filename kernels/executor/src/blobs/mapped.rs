//! Weights, mapped into memory instead of read: models of any backend share one copy, which the
//! system may drop and read again.

use super::{hex, segments::Damage, segments::Segments, segments_path, BlobKind, Blobs};
use assay_program::Hash;
use bytes::Bytes;
use memmap2::Mmap;
use std::{
	fs::File,
	io,
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

impl Blobs {
	/// Weights that are held. They are checked against their digest once in the life of this
	/// process, when they are first used; damaged ones are removed.
	pub(crate) async fn weights(&self, digest: &Hash) -> Result<Bytes, MapError> {
		if self.length(BlobKind::Weights, digest).is_none() {
			return Err(MapError::Unknown);
		}
		if let Some(mapped) = self.mapped().get(digest) {
			return Ok(mapped.clone());
		}
		let name = segments_path(BlobKind::Weights, digest);
		let kept = match self.operator.read(&name).await {
			Ok(bytes) => Segments::decode(&bytes.to_vec(), digest),
			Err(_) => None,
		};
		let (file, expected) = (self.file(BlobKind::Weights, digest), *digest);
		let is_kept = kept.is_some();
		// Hashing gigabytes must not hold up the requests of an async thread.
		let checked = tokio::task::spawn_blocking(move || {
			let mut file = File::open(file)?;
			// A disk that does not give the bytes is an error here, and a signal where they are
			// mapped. What was read stays in memory for the check.
			io::copy(&mut file, &mut io::sink())?;
			let mapped = map(&file)?;
			check(&mapped, &expected, kept).map(|segments| (mapped, segments))
		});
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
		self.mapped().insert(*digest, mapped.clone());
		Ok(mapped)
	}
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
	use assay_program::{merkle, SEGMENT};
	use futures::stream;
	use std::{fs, sync::Arc};
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
}
