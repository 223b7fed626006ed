use super::*;
use crate::types::SlotState;
use assay_primitives::{JobDigest, Parameters};
use assay_program::wire::JobRequest;

#[test]
fn assigns_a_slot_and_reserves_the_price() {
	build_and_execute(|| {
		let free = lease().free;
		let balance = Balances::free_balance(tenant());
		let (digest, slot) = submit(7);

		let job = crate::Jobs::<Test>::get(digest).unwrap();
		let model = sample();
		let units = assay_program::Program::decode_validated(&model.program)
			.unwrap()
			.cost_form()
			.units(&model.parameters, 1);
		assert_eq!(job.units_max, units);
		assert_eq!(job.price_max, PRICE_PER_UNIT * u128::from(units));
		assert_eq!(job.pledge, 2 * job.price_max);
		assert_eq!(lease().free, free - job.price_max);
		assert_eq!(Balances::free_balance(tenant()), balance - NONCE_FEE);
		assert_eq!(
			crate::Slots::<Test>::get(slot).unwrap().state,
			SlotState::Assigned { accepted: false, due: 11 }
		);
		assert_eq!(Jobs::duties_of(&provider()), vec![slot]);
		assert_eq!(
			events().pop().unwrap(),
			Event::JobSubmitted {
				job: digest,
				lease: LeaseId(0),
				tenant: tenant(),
				provider: provider(),
				slot,
				price_max: job.price_max,
				value_at_risk: job.price_max,
				accept_by: 11,
				lambda_ppb: 0,
				fee_max: 0,
				replicas: 0,
			}
		);
	});
}

#[test]
fn digest_is_known_beforehand() {
	build_and_execute(|| {
		let sample = sample();
		let expected: JobDigest = JobRequest {
			genesis: Jobs::genesis().0,
			program: assay_program::program_digest(&sample.program),
			weights: assay_program::merkle::blob(&sample.weights),
			input: assay_program::merkle::blob(&sample.input),
			parameters: sample.parameters,
			tenant: tenant().into(),
			nonce: 3,
		}
		.digest()
		.into();
		assert_eq!(submit(3).0, expected);
	});
}

#[test]
fn declared_value_raises_the_pledge() {
	build_and_execute(|| {
		let declared = 20 * crate::Jobs::<Test>::get(submit(0).0).unwrap().price_max;
		assert_ok!(Jobs::submit_job(
			signed(tenant()),
			LeaseId(0),
			1,
			inline_input(),
			parameters(),
			declared,
			0,
			0
		));
		let job = crate::Jobs::<Test>::iter_values().find(|job| job.nonce == 1).unwrap();
		assert_eq!(job.value_at_risk, declared);
		assert_eq!(job.pledge, declared + job.price_max);
	});
}

#[test]
fn boundary_of_the_value_at_risk() {
	build_and_execute(|| {
		let price_max = crate::Jobs::<Test>::get(submit(0).0).unwrap().price_max;
		let most = price_max * u128::from(RISK_FACTOR);
		let declare = |nonce, value| {
			let origin = signed(tenant());
			Jobs::submit_job(origin, LeaseId(0), nonce, inline_input(), parameters(), value, 0, 0)
		};
		assert_noop!(declare(1, most + 1), Error::<Test>::ValueAtRiskTooHigh);
		assert_ok!(declare(1, most));
	});
}

#[test]
fn the_royalty_is_that_of_the_lease() {
	build_and_execute(|| {
		// The owner takes all there is, for leases that are opened from now on.
		assert_ok!(Models::set_terms(
			signed(owner()),
			assay_primitives::ModelId(0),
			PRICE_PER_UNIT
		));
		let job = crate::Jobs::<Test>::get(submit(0).0).unwrap();
		assert_eq!(job.royalty_per_unit, ROYALTY_PER_UNIT);
	});
}

#[test]
fn nonce_must_rise_but_may_leap() {
	build_and_execute(|| {
		assert_eq!(Jobs::nonce_after(&tenant()), 0);
		submit(5);
		let again = |nonce| {
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				nonce,
				inline_input(),
				parameters(),
				0,
				0,
				0,
			)
		};
		assert_noop!(again(5), Error::<Test>::NonceTooLow);
		assert_noop!(again(4), Error::<Test>::NonceTooLow);
		let balance = Balances::free_balance(tenant());
		assert_ok!(again(900));
		assert_eq!(Balances::free_balance(tenant()), balance, "the fee is burnt once");
		assert_eq!(Jobs::nonce_after(&tenant()), 901);
	});
}

#[test]
fn replay_after_pruning_is_refused() {
	build_and_execute(|| {
		let (job, slot) = submit(1);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		roll_by(20);
		assert_ok!(Jobs::settle(signed(stranger()), job));
		assert!(crate::Jobs::<Test>::get(job).is_none(), "pruned");
		assert_noop!(
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				1,
				inline_input(),
				parameters(),
				0,
				0,
				0
			),
			Error::<Test>::NonceTooLow
		);
	});
}

#[test]
fn fails_for_a_stranger() {
	build_and_execute(|| {
		assert_noop!(
			Jobs::submit_job(
				signed(stranger()),
				LeaseId(0),
				0,
				inline_input(),
				parameters(),
				0,
				0,
				0
			),
			Error::<Test>::NotTheTenant
		);
	});
}

#[test]
fn fails_when_the_shape_is_refused() {
	build_and_execute(|| {
		for parameters in [
			Parameters::encoder(0, 1),
			Parameters::encoder(1, 0),
			Parameters::encoder(u32::MAX, u32::MAX),
			Parameters { max_steps: 2, ..parameters() },
		] {
			assert_noop!(
				Jobs::submit_job(
					signed(tenant()),
					LeaseId(0),
					0,
					inline_input(),
					parameters,
					0,
					0,
					0
				),
				Error::<Test>::ShapeRefused
			);
		}
	});
}

#[test]
fn fails_when_inline_input_has_another_length() {
	build_and_execute(|| {
		let mut long = sample().input;
		long.push(0);
		for bytes in [Vec::new(), long] {
			let input = JobInput::Inline(bytes.try_into().unwrap());
			assert_noop!(
				Jobs::submit_job(signed(tenant()), LeaseId(0), 0, input, parameters(), 0, 0, 0),
				Error::<Test>::InputLengthWrong
			);
		}
	});
}

#[test]
fn fails_when_the_bond_does_not_cover_it() {
	build_and_execute(|| {
		let submit_with = |value| {
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				0,
				inline_input(),
				parameters(),
				value,
				0,
				0,
			)
		};
		assert_noop!(submit_with(u128::MAX), Error::<Test>::ValueAtRiskTooHigh);
		// All but the smallest part of it is pledged elsewhere.
		let free = 1;
		assert_ok!(ProviderStake::pledge(&provider(), SlotId(u64::MAX), BOND - free));
		assert_noop!(submit_with(0), Error::<Test>::BondTooLow);
		ProviderStake::release(&provider(), SlotId(u64::MAX));
		assert_ok!(submit_with(0));
	});
}

#[test]
fn fails_when_the_provider_drains_or_is_silent() {
	build_and_execute(|| {
		assert_ok!(Providers::drain(signed(provider())));
		let attempt = || {
			Jobs::submit_job(signed(tenant()), LeaseId(0), 0, inline_input(), parameters(), 0, 0, 0)
		};
		assert_noop!(attempt(), Error::<Test>::ProviderUnavailable);
		assert_ok!(Providers::resume(signed(provider())));
		roll_by(3 * TIMING.duty_period);
		assert_noop!(attempt(), Error::<Test>::ProviderUnavailable);
		beat();
		assert_ok!(attempt());
	});
}

#[test]
fn fails_when_all_slots_are_open() {
	build_and_execute(|| {
		for nonce in 0..u64::from(MaxOpenSlots::get()) {
			submit(nonce);
		}
		assert_noop!(
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				99,
				inline_input(),
				parameters(),
				0,
				0,
				0
			),
			Error::<Test>::TooManyOpenSlots
		);
	});
}

#[test]
fn fails_when_the_escrow_is_spent() {
	build_and_execute(|| {
		let lease = lease();
		assert_ok!(Leases::reserve(LeaseId(0), JobDigest::default(), lease.free, 1));
		frame_support::hypothetically!({
			let submitted = Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				0,
				inline_input(),
				parameters(),
				0,
				0,
				0,
			);
			assert_eq!(submitted, Err(pallet_leases::Error::<Test>::FreeEscrowTooLow.into()));
		});
		Leases::settle(LeaseId(0), JobDigest::default(), lease.free, Vec::new());
	});
}

#[test]
fn fails_when_the_model_is_retired() {
	build_and_execute(|| {
		submit(0);
		assert_ok!(Models::retire(signed(owner()), assay_primitives::ModelId(0)));
		assert_noop!(
			Jobs::submit_job(
				signed(tenant()),
				LeaseId(0),
				1,
				inline_input(),
				parameters(),
				0,
				0,
				0
			),
			Error::<Test>::ModelRetired
		);
	});
}
