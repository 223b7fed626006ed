//! The benchmarks that the bencher runs on this runtime.

use alloc::{string::String, vec::Vec};

use frame_benchmarking::{
	define_benchmarks, BenchmarkBatch, BenchmarkConfig, BenchmarkError, BenchmarkList,
	Benchmarking, *,
};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};

use crate::*;

define_benchmarks!(
	[crate::authorities, Authorities]
	[frame_benchmarking::baseline, Baseline::<Runtime>]
	[frame_system, SystemBench::<Runtime>]
	[frame_system_extensions, ExtensionBench::<Runtime>]
	[pallet_balances, Balances]
	[pallet_multisig, Multisig]
	[pallet_preimage, Preimage]
	[pallet_proxy, Proxy]
	[pallet_scheduler, Scheduler]
	[pallet_sudo, Sudo]
	[pallet_timestamp, Timestamp]
	[pallet_utility, Utility]
);
