//! The duty key: a VRF key that says which claims this provider has to audit.
//!
//! It is made once, here, and stays here: nobody else can know the provider's duties before their
//! notices are public. The chain verifies with the same library, so what is signed is exactly what
//! `sp_core::sr25519` makes of the same items. The key signs its agreement to decide for a
//! provider, evaluates duties, and does nothing else.
//!
//! A lost key costs its provider the duties of a period, and a wrong one every audit, so a file
//! that is damaged is refused and left as it is. The public key stands beside the secret one: that
//! is how damage is seen, since any 32 bytes are some key's secret.

use crate::{
	error::StartError,
	folder::{make_private, write_private},
};
use assay_program::{
	wire::{duty_key_statement, DutyEvaluation, DutyKeyRequest, DutyRequest},
	Hash,
};
use merlin::Transcript;
use schnorrkel::{signing_context, vrf::KUSAMA_VRF, ExpansionMode, Keypair, MiniSecretKey};
use std::{
	fmt,
	fs::File,
	io::{self, Read},
	path::Path,
};
use zeroize::Zeroizing;

/// First line of the file; then the secret and the public key, a line each in hexadecimal.
const HEADER: &str = "assay-duty-key 1";
/// No key file is longer.
const FILE_BYTES_MAX: u64 = 256;
const SECRET_BYTES: usize = 32;
/// The context under which keys of the chain sign.
const CONTEXT: &[u8] = b"substrate";
/// The transcript of a proof without anything beside the evaluation.
const PROOF_LABEL: &[u8] = b"VRF";

/// The duty key of an executor. Its memory is wiped when it is dropped.
pub(crate) struct DutyKey(Keypair);

impl fmt::Debug for DutyKey {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "DutyKey(0x{})", hex::encode(self.public()))
	}
}

impl DutyKey {
	/// The key of a folder, made when there is none.
	pub(crate) fn open(folder: &Path) -> Result<Self, StartError> {
		let path = folder.join("duty-key");
		let failed =
			|reason: String| StartError::DutyKey { file: path.display().to_string(), reason };
		// Only of a file that certainly is not there another one may take the place.
		match File::open(&path) {
			Ok(file) => {
				let key = Self::read(file).map_err(failed)?;
				make_private(&path).map_err(|error| failed(error.to_string()))?;
				Ok(key)
			},
			// A link whose target is away, as on a disk that is not mounted yet, is a file all the same.
			Err(error)
				if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() =>
			{
				let key = Self::make(&path).map_err(failed)?;
				tracing::info!(public = %hex::encode(key.public()), "duty key made");
				Ok(key)
			},
			Err(error) => Err(failed(error.to_string())),
		}
	}

	fn make(path: &Path) -> Result<Self, String> {
		let mut secret = Zeroizing::new([0u8; SECRET_BYTES]);
		getrandom::fill(secret.as_mut_slice()).map_err(|error| error.to_string())?;
		let key = Self::from_secret(&secret)?;
		let digits = Zeroizing::new(hex::encode(secret.as_slice()));
		let public = hex::encode(key.public());
		let text = Zeroizing::new([HEADER, "\n", &digits, "\n", &public, "\n"].concat());
		write_private(path, text.as_bytes()).map_err(|error| error.to_string())?;
		Ok(key)
	}

	fn read(file: File) -> Result<Self, String> {
		let mut text = Zeroizing::new([0u8; FILE_BYTES_MAX as usize]);
		let mut length = 0;
		while let Some(rest) = text.get_mut(length..).filter(|rest| !rest.is_empty()) {
			match (&file).read(rest) {
				Ok(0) => break,
				Ok(read) => length += read,
				Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
				Err(error) => return Err(error.to_string()),
			}
		}
		let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok());
		text.and_then(Self::parse).ok_or_else(|| {
			"it is damaged, or not a duty key of this version, and was left as it is; put back a \
			 copy, or move it away to have another key made, which then has to be registered"
				.into()
		})
	}

	fn parse(text: &str) -> Option<Self> {
		let (secret, public) =
			text.strip_prefix(HEADER)?.strip_prefix('\n')?.strip_suffix('\n')?.split_once('\n')?;
		let mut bytes = Zeroizing::new([0u8; SECRET_BYTES]);
		hex::decode_to_slice(secret, bytes.as_mut_slice()).ok()?;
		let key = Self::from_secret(&bytes).ok()?;
		(hex::encode(key.public()) == public).then_some(key)
	}

	fn from_secret(secret: &[u8; SECRET_BYTES]) -> Result<Self, String> {
		let secret = MiniSecretKey::from_bytes(secret).map_err(|error| error.to_string())?;
		// As keys of the chain are made of their secrets, so that its tools read this one.
		Ok(Self(secret.expand_to_keypair(ExpansionMode::Ed25519)))
	}

	/// The public key, which a provider registers.
	pub(crate) fn public(&self) -> Hash {
		self.0.public.to_bytes()
	}

	/// The signature by which the key agrees to decide for a provider.
	pub(crate) fn agree(&self, request: &DutyKeyRequest) -> [u8; 64] {
		let statement = duty_key_statement(&request.genesis, &request.owner);
		self.0.sign(signing_context(CONTEXT).bytes(&statement)).to_bytes()
	}

	/// Evaluates a duty. The pre-output is the same each time, the proof is not.
	pub(crate) fn evaluate(&self, request: &DutyRequest) -> DutyEvaluation {
		let mut transcript = Transcript::new(DutyRequest::LABEL);
		request.items(|name, bytes| transcript.append_message(name, bytes));
		let inout = self.0.vrf_create_hash(transcript);
		let (proof, _) = self.0.dleq_proove(Transcript::new(PROOF_LABEL), &inout, KUSAMA_VRF);
		DutyEvaluation { pre_output: inout.to_preout().to_bytes(), proof: proof.to_bytes() }
	}
}
