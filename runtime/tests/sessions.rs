//! Epochs, sessions, the list of authorities, and what becomes of one that equivocates. Time jumps:
//! nothing here waits for a slot.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use assay_runtime::{
	authorities, configs::SessionHistory, AccountId, Babe, Grandpa, Historical, Runtime,
	RuntimeCall, RuntimeEvent, Session, SessionKeys, System, UncheckedExtrinsic,
};
use codec::{Decode, Encode};
use common::{
	as_root, begin_block, block, chain, chain_of_four, end_block, epoch_start, signed, try_state,
};
use frame_support::{assert_noop, assert_ok, traits::KeyOwnerProofSystem, BoundedVec};
use pallet_grandpa::CurrentSetId;
use pallet_session::historical::{HistoricalSessions, StoredRange};
use sp_consensus_babe::{EquivocationProof, KEY_TYPE};
use sp_core::H256;
use sp_keyring::{
	Ed25519Keyring,
	Sr25519Keyring::{self, Alice, Bob, Charlie, Dave},
};
use sp_runtime::{traits::Header as _, Digest, DispatchError};

fn set_authorities(list: &[Sr25519Keyring]) -> authorities::Call<Runtime> {
	let list: Vec<AccountId> = list.iter().map(|keyring| keyring.to_account_id()).collect();
	authorities::Call::set_authorities { authorities: BoundedVec::try_from(list).unwrap() }
}

fn producer(of: Sr25519Keyring) -> sp_consensus_babe::AuthorityId {
	of.public().into()
}

fn finaliser(of: Ed25519Keyring) -> sp_consensus_grandpa::AuthorityId {
	of.public().into()
}

/// Keys that may make blocks, sorted.
fn block_producers() -> Vec<sp_consensus_babe::AuthorityId> {
	let mut keys: Vec<_> = Babe::authorities().iter().map(|(key, _)| key.clone()).collect();
	keys.sort();
	keys
}

/// Keys that vote on finality, sorted.
fn finalisers() -> Vec<sp_consensus_grandpa::AuthorityId> {
	let mut keys: Vec<_> = Grandpa::grandpa_authorities().into_iter().map(|(key, _)| key).collect();
	keys.sort();
	keys
}

#[test]
fn epochs_pass_and_each_stores_its_root() {
	chain("development").execute_with(|| {
		block(epoch_start(0), vec![]);
		assert_eq!((Babe::epoch_index(), Session::current_index()), (0, 0));
		block(epoch_start(1) - 1, vec![]);
		assert_eq!((Babe::epoch_index(), Session::current_index()), (0, 0));
		block(epoch_start(1), vec![]);
		assert_eq!((Babe::epoch_index(), Session::current_index()), (1, 1));
		block(epoch_start(2), vec![]);
		assert_eq!((Babe::epoch_index(), Session::current_index()), (2, 2));
		for session in 0..=3 {
			assert!(HistoricalSessions::<Runtime>::contains_key(session), "session {session}");
		}
		assert_eq!(Session::validators(), [Alice.to_account_id()]);
		try_state();
	});
}

#[test]
fn a_chain_that_slept_through_epochs_goes_on() {
	chain("development").execute_with(|| {
		block(epoch_start(0), vec![]);
		block(epoch_start(10) + 5, vec![]);
		assert_eq!(Babe::epoch_index(), 10);
		assert_eq!(Session::current_index(), 1, "sessions count epochs that had a block");
		block(epoch_start(11), vec![]);
		assert_eq!((Babe::epoch_index(), Session::current_index()), (11, 2));
	});
}

#[test]
fn roots_are_kept_for_a_week_and_then_pruned() {
	chain("development").execute_with(|| {
		let sessions = SessionHistory::get() + 5;
		for session in 0..=sessions {
			block(epoch_start(session.into()), vec![]);
		}
		assert_eq!(Session::current_index(), sessions);
		let (first, end) = StoredRange::<Runtime>::get().unwrap();
		assert_eq!(end, sessions + 2);
		assert_eq!(first, sessions - SessionHistory::get());
		assert!(!HistoricalSessions::<Runtime>::contains_key(first - 1));
		assert!(HistoricalSessions::<Runtime>::contains_key(first));
	});
}

#[test]
fn root_changes_authorities_and_they_serve_two_sessions_later() {
	chain("development").execute_with(|| {
		begin_block(epoch_start(0));
		let bob = Bob.to_account_id();
		assert_noop!(
			as_root(set_authorities(&[Alice, Bob])),
			authorities::Error::<Runtime>::NoSessionKeys
		);
		let generated = SessionKeys::generate(&bob.encode(), None);
		assert_ok!(signed(
			&bob,
			pallet_session::Call::set_keys {
				keys: generated.keys.clone(),
				proof: generated.proof.encode()
			}
		));
		assert_ok!(as_root(set_authorities(&[Bob, Alice])));
		System::assert_last_event(RuntimeEvent::Authorities(authorities::Event::AuthoritiesSet {
			session: 2,
			authorities: authorities::Authorities::<Runtime>::get(),
		}));
		end_block();

		block(epoch_start(1), vec![]);
		assert_eq!(Session::validators(), [Alice.to_account_id()]);
		assert_eq!(block_producers(), [producer(Alice)]);
		assert_eq!(finalisers(), [finaliser(Ed25519Keyring::Alice)]);
		let set_before = CurrentSetId::<Runtime>::get();

		begin_block(epoch_start(2));
		assert_eq!(finalisers().len(), 1, "finality goes over at the end of the block");
		end_block();
		assert_eq!(Session::validators().len(), 2);
		assert!(Session::validators().contains(&bob));
		let mut expected = vec![producer(Alice), generated.keys.babe];
		expected.sort();
		assert_eq!(block_producers(), expected);
		let mut expected = vec![finaliser(Ed25519Keyring::Alice), generated.keys.grandpa];
		expected.sort();
		assert_eq!(finalisers(), expected);
		assert_eq!(CurrentSetId::<Runtime>::get(), set_before + 1);

		// And back: who leaves the list makes and finalises no block any more.
		begin_block(epoch_start(2) + 1);
		assert_ok!(as_root(set_authorities(&[Bob])));
		end_block();
		block(epoch_start(3), vec![]);
		assert_eq!(finalisers().len(), 2);
		block(epoch_start(4), vec![]);
		assert_eq!(Session::validators(), [bob]);
		assert_eq!((block_producers().len(), finalisers().len()), (1, 1));
		assert!(!finalisers().contains(&finaliser(Ed25519Keyring::Alice)));
		try_state();
	});
}

#[test]
fn a_list_of_authorities_that_makes_no_sense_is_refused() {
	chain_of_four().execute_with(|| {
		begin_block(epoch_start(0));
		assert_noop!(as_root(set_authorities(&[])), authorities::Error::<Runtime>::NoAuthorities);
		assert_noop!(
			as_root(set_authorities(&[Alice, Bob, Alice])),
			authorities::Error::<Runtime>::DuplicateAuthority
		);
		assert_noop!(
			signed(&Alice.to_account_id(), set_authorities(&[Alice])),
			DispatchError::BadOrigin
		);
		assert_ok!(as_root(set_authorities(&[Dave, Charlie])));
		try_state();
	});
}

/// Two blocks of one author in one slot.
fn equivocation(
	offender: Sr25519Keyring,
	authority_index: u32,
	slot: u64,
) -> EquivocationProof<assay_runtime::Header> {
	let header = |state_root| {
		let pre_digest = sp_consensus_babe::digests::PreDigest::SecondaryPlain(
			sp_consensus_babe::digests::SecondaryPlainPreDigest {
				authority_index,
				slot: slot.into(),
			},
		);
		let item = sp_runtime::DigestItem::PreRuntime(
			sp_consensus_babe::BABE_ENGINE_ID,
			pre_digest.encode(),
		);
		let mut header = assay_runtime::Header::new(
			1,
			H256::zero(),
			state_root,
			H256::zero(),
			Digest { logs: vec![item] },
		);
		let seal = common::seal(offender, &header.hash());
		header.digest_mut().push(seal);
		header
	};
	EquivocationProof {
		offender: offender.public().into(),
		slot: slot.into(),
		first_header: header(H256::repeat_byte(1)),
		second_header: header(H256::repeat_byte(2)),
	}
}

fn report(proof: EquivocationProof<assay_runtime::Header>) -> UncheckedExtrinsic {
	let key = (KEY_TYPE, proof.offender.clone());
	let key_owner_proof = Historical::prove(key).expect("the offender is an authority");
	UncheckedExtrinsic::new_bare(RuntimeCall::Babe(
		pallet_babe::Call::report_equivocation_unsigned {
			equivocation_proof: Box::new(proof),
			key_owner_proof,
		},
	))
}

/// Accounts that are disabled for the rest of the session.
fn disabled() -> Vec<AccountId> {
	let validators = Session::validators();
	Session::disabled_validators()
		.into_iter()
		.map(|index| validators[index as usize].clone())
		.collect()
}

#[test]
fn an_authority_that_equivocates_is_disabled_once() {
	chain_of_four().execute_with(|| {
		block(epoch_start(0), vec![]);
		let index = Babe::authorities()
			.iter()
			.position(|(key, _)| *key == Charlie.public().into())
			.expect("Charlie is an authority") as u32;
		let transaction = report(equivocation(Charlie, index, epoch_start(0)));

		begin_block(epoch_start(0) + 1);
		assert_ok!(assay_runtime::Executive::apply_extrinsic(transaction.clone()).unwrap());
		System::assert_has_event(RuntimeEvent::Authorities(authorities::Event::OffenceNoted {
			authority: Charlie.to_account_id(),
			session: 0,
		}));
		assert_eq!(disabled(), [Charlie.to_account_id()]);
		// The same report again is stale.
		assert!(assay_runtime::Executive::apply_extrinsic(transaction).is_err());
		end_block();
	});
}

#[test]
fn a_lone_authority_is_reported_and_goes_on() {
	chain("development").execute_with(|| {
		block(epoch_start(0), vec![]);
		let transaction = report(equivocation(Alice, 0, epoch_start(0)));
		block(epoch_start(0) + 1, vec![transaction]);
		assert!(Session::disabled_validators().is_empty());
		// The chain would stop here if its only authority were disabled.
		block(epoch_start(0) + 2, vec![]);
		block(epoch_start(1), vec![]);
		assert_eq!(Session::current_index(), 1);
	});
}

#[test]
fn a_forged_report_is_refused() {
	chain_of_four().execute_with(|| {
		block(epoch_start(0), vec![]);
		// Sealed by Dave, blamed on Charlie.
		let mut proof = equivocation(Dave, 2, epoch_start(0));
		proof.offender = Charlie.public().into();
		let transaction = report(proof);
		begin_block(epoch_start(0) + 1);
		let outcome = assay_runtime::Executive::apply_extrinsic(transaction);
		assert!(!matches!(outcome, Ok(Ok(()))), "{outcome:?}");
		assert!(Session::disabled_validators().is_empty());
	});
}

type FinalityProof = sp_consensus_grandpa::EquivocationProof<H256, u32>;

/// Two prevotes of one finaliser in one round, signed by `signer`.
fn finality_equivocation(
	offender: Ed25519Keyring,
	signer: Ed25519Keyring,
	set: u64,
	votes: [(H256, u32); 2],
) -> FinalityProof {
	const PREVOTE: u8 = 0;
	const ROUND: u64 = 1;
	let signed = votes.map(|vote| {
		let payload = sp_consensus_grandpa::localized_payload(ROUND, set, &(PREVOTE, vote));
		(vote, signer.sign(&payload))
	});
	// As it travels: the library that has the type of a vote is no dependency of the runtime.
	let bytes = (set, PREVOTE, ROUND, offender.public(), signed).encode();
	FinalityProof::decode(&mut &bytes[..]).expect("this is how a proof is encoded")
}

fn finality_report(proof: FinalityProof) -> UncheckedExtrinsic {
	let key = (sp_consensus_grandpa::KEY_TYPE, proof.offender().clone());
	let key_owner_proof = Historical::prove(key).expect("the offender is an authority");
	UncheckedExtrinsic::new_bare(RuntimeCall::Grandpa(
		pallet_grandpa::Call::report_equivocation_unsigned {
			equivocation_proof: Box::new(proof),
			key_owner_proof,
		},
	))
}

const TWO_BLOCKS: [(H256, u32); 2] = [(H256::repeat_byte(1), 1), (H256::repeat_byte(2), 1)];

#[test]
fn a_finaliser_that_votes_twice_in_a_round_is_disabled_once() {
	chain_of_four().execute_with(|| {
		block(epoch_start(0), vec![]);
		let charlie = Ed25519Keyring::Charlie;
		let set = CurrentSetId::<Runtime>::get();
		let transaction = finality_report(finality_equivocation(charlie, charlie, set, TWO_BLOCKS));

		begin_block(epoch_start(0) + 1);
		assert_ok!(assay_runtime::Executive::apply_extrinsic(transaction.clone()).unwrap());
		System::assert_has_event(RuntimeEvent::Authorities(authorities::Event::OffenceNoted {
			authority: Charlie.to_account_id(),
			session: 0,
		}));
		assert_eq!(disabled(), [Charlie.to_account_id()]);
		// The same report again is stale.
		assert!(assay_runtime::Executive::apply_extrinsic(transaction).is_err());
		end_block();
	});
}

#[test]
fn a_report_that_proves_no_double_vote_is_refused() {
	chain_of_four().execute_with(|| {
		block(epoch_start(0), vec![]);
		let (charlie, dave) = (Ed25519Keyring::Charlie, Ed25519Keyring::Dave);
		let set = CurrentSetId::<Runtime>::get();
		let [first, _] = TWO_BLOCKS;
		for proof in [
			// Signed by Dave, blamed on Charlie.
			finality_equivocation(charlie, dave, set, TWO_BLOCKS),
			// One vote, sent twice.
			finality_equivocation(charlie, charlie, set, [first, first]),
			// Votes of a set that has not been.
			finality_equivocation(charlie, charlie, set + 1, TWO_BLOCKS),
		] {
			let transaction = finality_report(proof.clone());
			begin_block(epoch_start(0) + u64::from(System::block_number()));
			let outcome = assay_runtime::Executive::apply_extrinsic(transaction);
			assert!(!matches!(outcome, Ok(Ok(()))), "{proof:?}: {outcome:?}");
			assert!(disabled().is_empty());
			end_block();
		}
	});
}
