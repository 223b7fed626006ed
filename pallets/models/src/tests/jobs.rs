//! What the jobs pallet tells this one.

use super::*;
use frame_support::assert_noop;

#[test]
fn open_jobs_are_counted() {
	with_model(|| {
		assert_noop!(job_opened(ModelId(1)), Error::<Test>::ModelNotFound);
		assert_ok!(job_opened(MODEL));
		assert_ok!(job_opened(MODEL));
		assert_eq!(Models::model(MODEL).unwrap().open_jobs, 2);
		job_closed(MODEL);
		assert_eq!(Models::model(MODEL).unwrap().open_jobs, 1);
		job_closed(MODEL);
		assert_eq!(Models::model(MODEL).unwrap().open_jobs, 0);
		assert!(!Models::model(MODEL).unwrap().retired, "a model in use by nobody stays");
	});
}

#[test]
fn fails_when_jobs_cannot_be_counted_further() {
	with_model(|| {
		crate::Models::<Test>::mutate(MODEL, |model| {
			model.as_mut().unwrap().open_jobs = u32::MAX;
		});
		assert_noop!(job_opened(MODEL), Error::<Test>::TooManyOpenJobs);
	});
}

// A caller that breaks the rules panics where debug assertions are on, and does no harm where they
// are off.
#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "outlived its model"))]
fn a_job_of_no_model_changes_nothing() {
	build_and_execute(|| job_closed(MODEL));
}
