//! Benchmarks of the authorities pallet.

use alloc::vec::Vec;

use codec::Decode;
use frame_benchmarking::v2::*;
use frame_support::{traits::EnsureOrigin, BoundedVec};
use sp_runtime::traits::TrailingZeroInput;

use super::{Authorities, Call, Config, Pallet};

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn set_authorities(n: Linear<1, 100>) -> Result<(), BenchmarkError> {
		let origin =
			T::ChangeOrigin::try_successful_origin().map_err(|()| BenchmarkError::Weightless)?;
		let keys = T::Keys::decode(&mut TrailingZeroInput::zeroes())
			.map_err(|_| BenchmarkError::Stop("session keys decode from zeroes"))?;
		let list =
			(0..n).map(|index| account::<T::AccountId>("authority", index, 0)).collect::<Vec<_>>();
		for account in &list {
			pallet_session::NextKeys::<T>::insert(account, keys.clone());
		}
		let list = BoundedVec::try_from(list)
			.map_err(|_| BenchmarkError::Stop("the list has at most `MaxAuthorities`"))?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, list);

		assert_eq!(Authorities::<T>::get().len() as u32, n);
		Ok(())
	}
}
