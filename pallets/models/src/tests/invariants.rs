//! Random sequences of all calls and of jobs, with every invariant checked after each step.

use super::*;
use frame_support::{assert_storage_noop, storage::with_storage_layer};
use proptest::prelude::*;

const ACCOUNTS: [AccountId; 3] = [OWNER, OTHER_OWNER, STRANGER];

#[derive(Clone, Debug)]
enum Op {
	Register { who: AccountId, vocabulary: u32, cut: bool },
	RegisterExisting { who: AccountId, vocabulary: u32 },
	SetTerms { who: AccountId, model: u32, royalty: Balance },
	Transfer { who: AccountId, model: u32, to: AccountId },
	Retire { who: AccountId, model: u32 },
	JobOpened { model: u32 },
	JobClosed { pick: usize },
	Accept { draft: bool },
}

fn op() -> impl Strategy<Value = Op> {
	let account = || proptest::sample::select(&ACCOUNTS[..]);
	let vocabulary = || 1u32..5;
	let model = || 0u32..12;
	prop_oneof![
		4 => (account(), vocabulary(), proptest::bool::weighted(0.1))
			.prop_map(|(who, vocabulary, cut)| Op::Register { who, vocabulary, cut }),
		3 => (account(), vocabulary())
			.prop_map(|(who, vocabulary)| Op::RegisterExisting { who, vocabulary }),
		2 => (account(), model(), 0u128..100)
			.prop_map(|(who, model, royalty)| Op::SetTerms { who, model, royalty }),
		2 => (account(), model(), account())
			.prop_map(|(who, model, to)| Op::Transfer { who, model, to }),
		5 => (account(), model()).prop_map(|(who, model)| Op::Retire { who, model }),
		5 => model().prop_map(|model| Op::JobOpened { model }),
		4 => any::<usize>().prop_map(|pick| Op::JobClosed { pick }),
		1 => any::<bool>().prop_map(|draft| Op::Accept { draft }),
	]
}

fn models_with_jobs() -> Vec<ModelId> {
	crate::Models::<Test>::iter()
		.filter(|(_, model)| model.open_jobs > 0)
		.map(|(id, _)| id)
		.collect()
}

fn apply(op: &Op) -> DispatchResult {
	let signed = RuntimeOrigin::signed;
	match op.clone() {
		Op::Register { who, vocabulary, cut } => {
			let mut bytes = program_bytes(vocabulary);
			bytes.truncate(bytes.len() - usize::from(cut));
			register_bytes(who, bytes)
		},
		Op::RegisterExisting { who, vocabulary } => register_existing(who, vocabulary),
		Op::SetTerms { who, model, royalty } => {
			Models::set_terms(signed(who), ModelId(model), royalty)
		},
		Op::Transfer { who, model, to } => {
			Models::transfer_ownership(signed(who), ModelId(model), to)
		},
		Op::Retire { who, model } => Models::retire(signed(who), ModelId(model)),
		Op::JobOpened { model } => job_opened(ModelId(model)),
		Op::JobClosed { pick } => {
			let open = models_with_jobs();
			if let Some(id) = open.get(pick % open.len().max(1)) {
				job_closed(*id);
			}
			Ok(())
		},
		Op::Accept { draft } => {
			DraftAccepted::set(&draft);
			Ok(())
		},
	}
}

/// End every job and retire every model.
fn wind_up() {
	while let Some(id) = models_with_jobs().first() {
		job_closed(*id);
	}
	for (id, model) in crate::Models::<Test>::iter().collect::<Vec<_>>() {
		assert_ok!(Models::retire(RuntimeOrigin::signed(model.owner), id));
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

	#[test]
	fn every_invariant_holds_after_every_step(ops in proptest::collection::vec(op(), 1..60)) {
		new_test_ext().execute_with(|| {
			for op in &ops {
				let outcome = with_storage_layer(|| apply(op));
				if outcome.is_err() {
					assert_storage_noop!(assert!(with_storage_layer(|| apply(op)).is_err()));
				}
				prop_assert_eq!(Models::do_try_state(), Ok(()), "after {:?}", op);
			}

			wind_up();
			prop_assert_eq!(Models::do_try_state(), Ok(()));
			prop_assert_eq!(Programs::<Test>::iter().count(), 0);
			for who in ACCOUNTS {
				prop_assert_eq!(free(who), ENDOWMENT, "every deposit is returned");
			}
			Ok(())
		})?;
	}

	#[test]
	fn random_bytes_never_panic_and_leave_nothing(
		bytes in proptest::collection::vec(any::<u8>(), 0..400),
	) {
		new_test_ext().execute_with(|| {
			let bytes = [&1u32.to_le_bytes()[..], &bytes].concat();
			assert_storage_noop!(assert!(
				with_storage_layer(|| register_bytes(OWNER, bytes)).is_err()
			));
		});
	}

	#[test]
	fn a_flipped_bit_makes_another_program_or_none(position in any::<usize>(), bit in 0u8..8) {
		build_and_execute(|| {
			assert_ok!(register(OWNER, VOCABULARY));
			let mut bytes = program_bytes(VOCABULARY);
			let position = position % bytes.len();
			bytes[position] ^= 1 << bit;
			let stored = with_storage_layer(|| register_bytes(OTHER_OWNER, bytes)).is_ok();
			assert_eq!(Programs::<Test>::iter().count(), 1 + usize::from(stored));
		});
	}
}
