//! Golden vectors of the Merkle law and of the statements, computed independently with Python's
//! `hashlib` from the tables in the documentation.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{
	merkle::{self, BlobHasher},
	program_digest,
	wire::{data_statement, JobRequest},
	Claim, Hash, InvalidCode, Outcome, Parameters, Sampling,
};
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Byte `i` is `7i + i / 251`.
fn content(length: usize) -> Vec<u8> {
	(0..length).map(|index| ((index * 7 + index / 251) % 256) as u8).collect()
}

#[test]
fn leaf_and_node() {
	let leaf = "c4ef05f663db354c8369875407af2875709ab245070735f101dddd7cca827a5f";
	assert_eq!(hex(&merkle::leaf(b"assay")), leaf);
	let node = merkle::node(&merkle::leaf(b"a"), &merkle::leaf(b"b"));
	assert_eq!(hex(&node), "ee616625a590167bc4b3dc703ab4f3f2ddecbee6b9d05fee9281f02046e6082e");
}

#[test]
fn roots_of_every_small_count() {
	let expected = [
		"bb30a42c1e62f0afda5f0a4e8a562f7a13a24cea00ee81917b86b89e801314aa",
		"9ee6dfb61a2fb903df487c401663825643bb825d41695e63df8af6162ab145a6",
		"47f61e4f4620e9946a8831b8c717a76f36982b82d88e005bc4635a1b21c73eff",
		"8926efdc0a3a501b9a98e046861bf1303acf7bd2191f0a5fd21c003c9557c1b9",
		"4c2bb58c2e2afa14f7058e9fe94fba620f8e485288350e7bcc42337a8c18cf90",
		"d189ac817a2f095408bea113eb0c5b6ba55cbafea7cd71378de9152f3b5d3246",
		"448c06dca2a2d208ed826bdf60c40294d82ff768e302c5550964e6cf95105358",
		"9a32133fb577b45268f6dcb813645347b5955c4b19e56b7474197a31e75a6a5f",
	];
	for (count, expected) in expected.iter().enumerate() {
		let leaves = (0..count).map(|index| merkle::leaf(&[index as u8]));
		assert_eq!(hex(&merkle::root(leaves)), *expected, "{count} leaves");
	}
}

#[test]
fn blobs_around_the_segment() {
	let expected = [
		(0, "d3154316c74bdbf1a7b8abe4f8ed1dfe8bc57fa218b92406b02d3c8b5235bd98"),
		(1, "1e2dfd7deea7ead6d597b4da6375c3bece705018403c792c56d48d45c6c71037"),
		(4095, "d48caa4719ea1bebaee498a4b57ba5cc9b9673a23bd30709c0c53a0e67806bce"),
		(4096, "88e82690cdcc072e194abab9642ccaef75c6e41bed20833f193ddf3b7d285a5e"),
		(4097, "87efd873e723ef0366536b3920ab9aa2ddbba256a08ae775782829b1ca259ecf"),
		(8192, "e6e2affae42a96f3a190876e190bd21c4bcf420aa9e393a6b088970ce8c8b200"),
		(12_289, "260763a93f0bb54e605cba8dc6e03e0b24839113f41b1623ea52299a551249d2"),
		(28_672, "8d53a4b0909e35317b0af8f4500e610fe84ab8a1eff9d15d18787d6577a2fdce"),
		(40_000, "85d2ac68044106a3fc5f660084656914f7ecaea58858ef71723de9b0512b472b"),
	];
	for (length, expected) in expected {
		assert_eq!(hex(&merkle::blob(&content(length))), expected, "{length} bytes");
	}
}

#[test]
fn sized_and_invalid() {
	let sized = "ad2d45f0b1a90690dbfb8d6ff31fb6bb38464a6d875ddec1c65bff37553b39d2";
	assert_eq!(hex(&merkle::sized(3, &merkle::leaf(b"assay"))), sized);
	let expected = [
		(InvalidCode::Shape, "55432cdb81978a97cc28ba0ff7404b9f67b3f607beb9d6d291b1e99aab69319a"),
		(InvalidCode::Token, "8ad95ad15fc4df24530ef568d872993ca23566623489433f81eed9381c7e85d0"),
		(InvalidCode::Padding, "3f3d8f9a784e9ef978a0fd02c34126b0ff6fee9596cc9ea654bd9ecacaa93079"),
	];
	for (code, expected) in expected {
		assert_eq!(hex(&Outcome::Invalid(code).digest()), expected);
		assert_eq!(Outcome::Invalid(code).claim(), Claim::Invalid { code: code.code() });
	}
}

#[test]
fn outcome_and_program_digests() {
	let outcome = Outcome::Output { count: 1, data: content(5_000) };
	let expected = "b9d14091c2927ff93bc1d5d1a4b1c9dddc2408b59bbd81d526648e151d3e5ef9";
	assert_eq!(hex(&outcome.digest()), expected);
	assert_eq!(hex(&outcome.claim().output()), expected);
	let expected = "675d56b05e278b64e9b7231122cf4d3c0a0631ee69c5020180146d6ed9ede205";
	assert_eq!(hex(&program_digest(b"program")), expected);
}

#[test]
fn job_digests() {
	let fill = |byte: u8| -> Hash { [byte; 32] };
	let job = |parameters| JobRequest {
		genesis: fill(1),
		program: fill(2),
		weights: fill(3),
		input: fill(4),
		parameters,
		tenant: fill(5),
		nonce: 77,
	};
	let expected = "33d03be539aa5d73d22c9d7ef19d43282085512f0fdf1a1758a80122f43ad005";
	assert_eq!(hex(&job(Parameters::encoder(2, 128)).digest()), expected);
	let sampling =
		Sampling { temperature_q16: 65_536, top_k: 40, top_p_q16: 58_982, seed: fill(9) };
	let parameters = Parameters { batch: 1, sequence: 64, max_steps: 32, sampling: Some(sampling) };
	let expected = "a9cec426be32bf3d5ddc9c3bfa845d24729856afdda8d3d8406feed4633f4632";
	assert_eq!(hex(&job(parameters).digest()), expected);
}

#[test]
fn data_statements() {
	let statement = data_statement(&[1; 32], "PUT", &[2; 32], 900);
	let ones = "01".repeat(32);
	let twos = "02".repeat(32);
	assert_eq!(hex(&statement), format!("3061737361792f646174612f31{ones}0c505554{twos}84030000"));
}

proptest! {
	/// A blob's digest does not depend on the pieces it comes in.
	#[test]
	fn pieces_do_not_matter(
		length in 0usize..20_000,
		cuts in prop::collection::vec(0usize..20_000, 0..6),
	) {
		let bytes = content(length);
		let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(length)).collect();
		cuts.sort_unstable();
		let mut hasher = BlobHasher::new();
		let mut from = 0;
		for cut in cuts {
			hasher.update(&bytes[from..cut]);
			from = cut;
		}
		hasher.update(&bytes[from..]);
		prop_assert_eq!(hasher.finish(), merkle::blob(&bytes));
	}

	/// A blob's digest is the sized root over its segments, the last one filled with zeros.
	#[test]
	fn blob_is_a_sized_root(length in 0usize..30_000) {
		let bytes = content(length);
		let leaves = bytes.chunks(4096).map(|segment| {
			let mut segment = segment.to_vec();
			segment.resize(4096, 0);
			merkle::leaf(&segment)
		});
		prop_assert_eq!(merkle::blob(&bytes), merkle::sized(length as u64, &merkle::root(leaves)));
	}
}

/// Hashing several at once is hashing them one by one.
#[test]
fn many_hashes_are_single_ones() {
	for count in 0..40usize {
		let leaves: Vec<Vec<u8>> =
			(0..count).map(|number| vec![number as u8; number * number * 3]).collect();
		let slices: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
		let hashes = merkle::leaves(&slices);
		let single: Vec<_> = leaves.iter().map(|bytes| merkle::leaf(bytes)).collect();
		assert_eq!(hashes, single);
		assert_eq!(merkle::root_of(hashes.clone()), merkle::root(hashes.into_iter()));
	}
}
