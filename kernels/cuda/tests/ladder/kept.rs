//! What is made once and kept in the target folder: objects and images that take seconds to
//! compile.

use std::{
	fs,
	hash::{DefaultHasher, Hash, Hasher},
	path::{Path, PathBuf},
};

/// A file made by `make`, which is given the path to write to; or the one that was made before from
/// the same key. The key must have everything that the file depends on.
pub(crate) fn kept(kind: &str, key: impl Hash, make: impl FnOnce(&Path)) -> PathBuf {
	let mut hasher = DefaultHasher::new();
	key.hash(&mut hasher);
	let name = format!("{kind}-{:016x}", hasher.finish());
	let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
	let file = folder.join(&name);
	// Other tests run at the same time, in processes of their own.
	let lock = fs::File::create(folder.join(format!("{name}.lock"))).unwrap();
	lock.lock().unwrap();
	if !file.exists() {
		let made = folder.join(format!("{name}.new"));
		make(&made);
		fs::rename(&made, &file).unwrap();
	}
	file
}
