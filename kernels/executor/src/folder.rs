//! The executor's folder: its lock, its token, and how secrets are written there.

use crate::error::StartError;
use std::{
	fs::{self, File, OpenOptions, Permissions, TryLockError},
	io::{self, Write},
	os::unix::fs::{OpenOptionsExt, PermissionsExt},
	path::{Path, PathBuf},
};

/// Bytes of a token that is made here.
const TOKEN_BYTES: usize = 32;
/// Characters that a token from elsewhere must have.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// Only the owner may read a secret.
const PRIVATE: u32 = 0o600;

/// The lock of a folder. It ends with this value or the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
	fn drop(&mut self) {
		// Closing the file is not enough while a process that is just being started elsewhere in
		// this one still has a copy of it.
		if let Err(error) = self.0.unlock() {
			tracing::warn!(%error, "the folder stays locked until this process ends");
		}
	}
}

/// Makes the folder if needed and locks it.
pub(crate) fn lock(folder: &Path) -> Result<Lock, StartError> {
	let failed = |source| StartError::Folder { folder: folder.display().to_string(), source };
	fs::create_dir_all(folder).map_err(failed)?;
	let file = OpenOptions::new()
		.create(true)
		.truncate(false)
		.write(true)
		.open(folder.join("lock"))
		.map_err(failed)?;
	match file.try_lock() {
		Ok(()) => Ok(Lock(file)),
		Err(TryLockError::WouldBlock) => {
			Err(StartError::FolderLocked(folder.display().to_string()))
		},
		Err(TryLockError::Error(error)) => Err(failed(error)),
	}
}

/// Where the token of a folder is.
pub fn token_file(folder: &Path) -> PathBuf {
	folder.join("token")
}

/// The token of a folder, made when there is none.
pub(crate) fn token(folder: &Path) -> Result<String, StartError> {
	let path = token_file(folder);
	match path.try_exists() {
		Ok(true) => {
			let token = read_token(&path)?;
			make_private(&path).map_err(|e| token_error(&path, e.to_string()))?;
			Ok(token)
		},
		_ => make_token(&path),
	}
}

/// Reads a token from a file.
pub fn read_token(path: &Path) -> Result<String, StartError> {
	let text = fs::read_to_string(path).map_err(|e| token_error(path, e.to_string()))?;
	check_token(text.trim()).map_err(|reason| token_error(path, reason))?;
	Ok(text.trim().to_owned())
}

/// Refuses a token that cannot stand in a header or is easily guessed.
pub(crate) fn check_token(token: &str) -> Result<(), String> {
	if !TOKEN_LENGTH.contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
		let (least, most) = (TOKEN_LENGTH.start(), TOKEN_LENGTH.end());
		return Err(format!(
			"a token is {least} to {most} visible ASCII characters without spaces"
		));
	}
	Ok(())
}

fn make_token(path: &Path) -> Result<String, StartError> {
	let failed = |reason: String| token_error(path, reason);
	let mut bytes = [0u8; TOKEN_BYTES];
	getrandom::fill(&mut bytes).map_err(|e| failed(e.to_string()))?;
	let token = hex::encode(bytes);
	write_private(path, token.as_bytes()).map_err(|e| failed(e.to_string()))?;
	Ok(token)
}

/// Writes a file that only the owner may read. Under another name first: nothing half-written ever
/// stands under this one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
	let fresh = path.with_extension("new");
	if fresh.try_exists()? {
		fs::remove_file(&fresh)?;
	}
	let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&fresh)?;
	file.write_all(bytes)?;
	file.sync_all()?;
	fs::rename(&fresh, path)?;
	// The name is data of the folder.
	path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Takes a file from others than its owner: it is ours, and whoever opened it to them did so by
/// mistake.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
	fs::set_permissions(path, Permissions::from_mode(PRIVATE))
}

fn token_error(file: &Path, reason: String) -> StartError {
	StartError::Token { file: file.display().to_string(), reason }
}
