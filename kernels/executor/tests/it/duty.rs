//! The duty key: what it says holds before the library that the chain verifies with.

use crate::common::{assert_rejected, config, Control, Executor, GENESIS};
use assay_executor::{start, StartError};
use assay_program::{
	wire::{duty_key_statement, DutyEvaluation, DutyKeyRequest, DutyRequest},
	Hash,
};
use codec::{Decode, Encode};
use reqwest::{header, StatusCode};
use sp_core::{
	crypto::VrfPublic,
	sr25519::{
		vrf::{VrfSignature, VrfTranscript},
		Pair, Public, Signature,
	},
	Pair as _,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const OWNER: Hash = [3; 32];

fn duty() -> DutyRequest {
	DutyRequest {
		genesis: GENESIS,
		job: [1; 32],
		slot: 0x0102_0304_0506_0708,
		worker: [4; 32],
		randomness: [5; 32],
	}
}

/// The bytes of a duty request one by one, as the chain's worker writes them.
fn body(duty: &DutyRequest) -> Vec<u8> {
	let DutyRequest { genesis, job, slot, worker, randomness } = duty;
	[&genesis[..], job, &slot.to_le_bytes(), worker, randomness].concat()
}

async fn public(control: &Control) -> Public {
	let answer = control.get("/v1/duty-key").send().await.unwrap();
	let told: serde_json::Value = answer.json().await.unwrap();
	let digits = told["public"].as_str().unwrap().strip_prefix("0x").unwrap();
	let mut public = [0; 32];
	hex::decode_to_slice(digits, &mut public).unwrap();
	Public::from_raw(public)
}

async fn post(control: &Control, path: &str, body: Vec<u8>) -> Vec<u8> {
	let answer = control.post(path).body(body).send().await.unwrap();
	assert_eq!(answer.status(), StatusCode::OK);
	assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/octet-stream");
	answer.bytes().await.unwrap().to_vec()
}

async fn evaluated(control: &Control, duty: &DutyRequest) -> Vec<u8> {
	post(control, "/v1/duty", body(duty)).await
}

async fn agreed(control: &Control) -> Signature {
	let request = [&GENESIS[..], &OWNER].concat();
	let bytes = post(control, "/v1/duty-key/proof", request).await;
	Signature::try_from(&bytes[..]).unwrap()
}

/// What the protocol evaluates, written down once more.
fn items(duty: &DutyRequest) -> Vec<(&'static [u8], Vec<u8>)> {
	vec![
		(b"genesis", duty.genesis.to_vec()),
		(b"job", duty.job.to_vec()),
		(b"slot", duty.slot.encode()),
		(b"worker", duty.worker.to_vec()),
		(b"randomness", duty.randomness.to_vec()),
	]
}

/// Whether the chain would take an evaluation for that of these items.
fn verifies(
	key: &Public,
	label: &'static [u8],
	items: &[(&'static [u8], Vec<u8>)],
	evaluation: &[u8],
) -> bool {
	let items: Vec<(&'static [u8], &[u8])> =
		items.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
	// A point or scalar that is none does not even decode.
	VrfSignature::decode(&mut &evaluation[..]).is_ok_and(|signature| {
		key.vrf_verify(&VrfTranscript::new(label, &items).into(), &signature)
	})
}

#[tokio::test]
async fn a_duty_verifies_as_the_chain_verifies_it() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (key, duty) = (public(&control).await, duty());
	assert_eq!(body(&duty), duty.encode());
	let evaluation = evaluated(&control, &duty).await;
	assert_eq!(evaluation.len(), 96);
	assert!(verifies(&key, b"assay/duty/1", &items(&duty), &evaluation));
	// The pre-output decides, so there is one only.
	let again = evaluated(&control, &duty).await;
	assert_eq!(again[..32], evaluation[..32]);
	assert!(verifies(&key, b"assay/duty/1", &items(&duty), &again));
	let decoded = DutyEvaluation::decode(&mut &evaluation[..]).unwrap();
	assert_eq!(decoded.pre_output, evaluation[..32]);
	assert_eq!(decoded.proof, evaluation[32..]);
	assert_eq!(control.metric("assay_executor_duties_total").await, 2.0);
	assert_eq!(control.metric("assay_executor_duty_key_proofs_total").await, 0.0);
}

#[tokio::test]
async fn a_duty_verifies_for_nothing_else() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (key, duty) = (public(&control).await, duty());
	let evaluation = evaluated(&control, &duty).await;
	let right = items(&duty);
	assert!(!verifies(&key, b"assay/duty/2", &right, &evaluation));
	for at in 0..right.len() {
		let mut changed = right.clone();
		changed[at].1[7] ^= 1;
		assert!(!verifies(&key, b"assay/duty/1", &changed, &evaluation), "{at}");
		let mut renamed = right.clone();
		renamed[at].0 = b"other";
		assert!(!verifies(&key, b"assay/duty/1", &renamed, &evaluation), "{at}");
		let mut missing = right.clone();
		missing.remove(at);
		assert!(!verifies(&key, b"assay/duty/1", &missing, &evaluation), "{at}");
		let mut moved = right.clone();
		moved.swap(at, (at + 1) % right.len());
		assert!(!verifies(&key, b"assay/duty/1", &moved, &evaluation), "{at}");
	}
	for at in 0..evaluation.len() {
		let mut forged = evaluation.clone();
		forged[at] ^= 1;
		assert!(!verifies(&key, b"assay/duty/1", &right, &forged), "{at}");
	}
	let stranger = Pair::from_seed(&[9; 32]).public();
	assert!(!verifies(&stranger, b"assay/duty/1", &right, &evaluation));
	// Another key, asked the same, decides otherwise.
	let other = Executor::new().await;
	assert_ne!(public(&other.control()).await, key);
	assert_ne!(evaluated(&other.control(), &duty).await[..32], evaluation[..32]);
}

#[tokio::test]
async fn the_key_agrees_to_decide_for_an_owner() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (key, signature) = (public(&control).await, agreed(&control).await);
	let statement = duty_key_statement(&GENESIS, &OWNER);
	// The domain comes first, its length before it.
	assert_eq!(statement[0], 16 << 2);
	assert_eq!(statement[1..], [&b"assay/duty-key/1"[..], &GENESIS, &OWNER].concat());
	assert!(Pair::verify(&signature, &statement, &key));
	for other in [
		duty_key_statement(&GENESIS, &[2; 32]),
		duty_key_statement(&[8; 32], &OWNER),
		("assay/duty-key/2", GENESIS, OWNER).encode(),
	] {
		assert!(!Pair::verify(&signature, &other, &key));
	}
	assert_eq!(control.metric("assay_executor_duty_key_proofs_total").await, 1.0);
	let scale = control.get("/v1/duty-key").header(header::ACCEPT, "application/octet-stream");
	assert_eq!(scale.send().await.unwrap().bytes().await.unwrap()[..], key.0);
}

#[tokio::test]
async fn requests_of_another_length_or_chain_are_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	for (path, length) in [("/v1/duty", 136), ("/v1/duty-key/proof", 64)] {
		let send = |bytes: Vec<u8>| control.post(path).body(bytes).send();
		assert_rejected(send(Vec::new()).await.unwrap(), 400, "body_malformed").await;
		let short = send(vec![7; length - 1]).await.unwrap();
		assert_rejected(short, 400, "body_malformed").await;
		let long = send(vec![7; length + 1]).await.unwrap();
		assert_rejected(long, 413, "too_large").await;
		let get = control.get(path).send().await.unwrap();
		assert_rejected(get, 405, "method_not_allowed").await;
	}
	control.set_tenants(1, &[]).await;
	let other = DutyRequest { genesis: [8; 32], ..duty() };
	let answer = control.post("/v1/duty").body(other.encode()).send().await.unwrap();
	assert_rejected(answer, 409, "genesis_mismatch").await;
	let other = DutyKeyRequest { genesis: [8; 32], owner: OWNER };
	let answer = control.post("/v1/duty-key/proof").body(other.encode()).send().await.unwrap();
	assert_rejected(answer, 409, "genesis_mismatch").await;
	assert_eq!(control.metric("assay_executor_duties_total").await, 0.0);
	assert_eq!(control.metric("assay_executor_duty_key_proofs_total").await, 0.0);
}

#[tokio::test]
async fn without_the_token_the_key_says_nothing() {
	let executor = Executor::new().await;
	let Control { http, url, .. } = executor.control();
	for wrong in [None, Some("0".repeat(64))] {
		for (path, body) in
			[("/v1/duty", duty().encode()), ("/v1/duty-key/proof", [GENESIS, OWNER].concat())]
		{
			let request = http.post(format!("{url}{path}")).body(body);
			let (request, code) = match &wrong {
				Some(token) => (request.bearer_auth(token), "token_wrong"),
				None => (request, "token_missing"),
			};
			assert_rejected(request.send().await.unwrap(), 401, code).await;
		}
	}
	// Tenants do not get at it at all.
	let answer = executor.data(reqwest::Method::POST, "/v1/duty").body(duty().encode());
	assert_rejected(answer.send().await.unwrap(), 404, "route_unknown").await;
}

#[tokio::test]
async fn the_key_is_kept_private_and_kept() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (key, evaluation) = (public(&control).await, evaluated(&control, &duty()).await);
	let file = executor.folder.path().join("duty-key");
	let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
	assert_eq!(mode(), 0o600);
	let before = fs::read(&file).unwrap();
	let folder = executor.stop().await;
	fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
	let executor = Executor::again(folder, |_| {}).await;
	let control = executor.control();
	assert_eq!(public(&control).await, key);
	assert_eq!(evaluated(&control, &duty()).await[..32], evaluation[..32]);
	assert_eq!((mode(), fs::read(&file).unwrap()), (0o600, before));
	assert!(!file.with_extension("new").exists());
}

async fn refused(folder: &Path) -> String {
	let error = start(config(folder)).await.unwrap_err();
	assert!(matches!(error, StartError::DutyKey { .. }), "{error}");
	assert!(error.to_string().contains("duty-key"), "{error}");
	error.to_string()
}

#[tokio::test]
async fn a_damaged_key_is_refused_and_left_as_it_is() {
	let executor = Executor::new().await;
	let key = public(&executor.control()).await;
	let folder = executor.stop().await;
	let file = folder.path().join("duty-key");
	let whole = fs::read(&file).unwrap();
	let mut damages = vec![Vec::new(), whole[..whole.len() - 1].to_vec(), vec![b'0'; 4096]];
	// One digit of the header, of the secret key and of the public key; then one too many.
	for at in [3, 20, 90] {
		let mut damaged = whole.clone();
		damaged[at] = if damaged[at] == b'1' { b'2' } else { b'1' };
		damages.push(damaged);
	}
	damages.push([&whole[..], b"\n"].concat());
	for damaged in damages {
		fs::write(&file, &damaged).unwrap();
		let said = refused(folder.path()).await;
		assert!(said.contains("was left as it is"), "{said}");
		assert_eq!(fs::read(&file).unwrap(), damaged);
	}
	// What cannot be read at all is no reason for another key either.
	fs::remove_file(&file).unwrap();
	fs::create_dir(&file).unwrap();
	refused(folder.path()).await;
	fs::remove_dir(&file).unwrap();
	fs::write(&file, &whole).unwrap();
	let executor = Executor::again(folder, |_| {}).await;
	assert_eq!(public(&executor.control()).await, key);
}

#[tokio::test]
async fn the_secret_is_that_of_an_ordinary_key_of_the_chain() {
	let executor = Executor::new().await;
	let text = fs::read_to_string(executor.folder.path().join("duty-key")).unwrap();
	let mut seed = [0; 32];
	hex::decode_to_slice(text.lines().nth(1).unwrap(), &mut seed).unwrap();
	assert_eq!(Pair::from_seed(&seed).public(), public(&executor.control()).await);
}
