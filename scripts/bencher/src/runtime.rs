//! A runtime's Wasm and what it answers.

use anyhow::{anyhow, bail, Context, Result};
use codec::{Decode, Encode};
use frame_benchmarking::{BenchmarkBatch, BenchmarkConfig, BenchmarkList, BenchmarkResult};
use frame_support::traits::StorageInfo;
use sc_client_db::BenchmarkingState;
use sc_executor::{WasmExecutor, DEFAULT_HEAP_ALLOC_STRATEGY};
use serde_json::Value;
use sp_core::{
	storage::{well_known_keys, Storage},
	traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode},
};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::traits::{BlakeTwo256, Hash};
use sp_state_machine::{BasicExternalities, StateMachine};
use std::{borrow::Cow, path::Path};

/// The state that benchmarks run on. It counts accesses where it is told to.
pub(crate) type State = BenchmarkingState<BlakeTwo256>;
/// What a benchmark may call: what any block may, and clock, counters and resets beside it.
type HostFunctions =
	(sp_io::SubstrateHostFunctions, frame_benchmarking::benchmarking::HostFunctions);

/// The chain that benchmarks start from.
const PRESET: &str = "development";

/// A runtime with benchmarks.
pub(crate) struct Runtime {
	code: Vec<u8>,
	hash: Vec<u8>,
	executor: WasmExecutor<HostFunctions>,
}

impl Runtime {
	/// Reads a blob.
	pub(crate) fn load(path: &Path) -> Result<Self> {
		let code =
			std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
		let hash = BlakeTwo256::hash(&code).as_bytes().to_vec();
		// As much memory as a block has.
		let executor = WasmExecutor::builder()
			.with_onchain_heap_alloc_strategy(DEFAULT_HEAP_ALLOC_STRATEGY)
			.with_offchain_heap_alloc_strategy(DEFAULT_HEAP_ALLOC_STRATEGY)
			.build();
		Ok(Self { code, hash, executor })
	}

	/// State at genesis.
	pub(crate) fn genesis(&self) -> Result<Storage> {
		let mut config = self.preset(None)?;
		merge(&mut config, self.preset(Some(PRESET))?);
		let mut ext = BasicExternalities::new_empty();
		let json = serde_json::to_vec(&config)?;
		self.call_on(&mut ext, "GenesisBuilder_build_state", &json.encode())
			.and_then(|answer| decode::<Result<(), String>>(&answer))?
			.map_err(|error| anyhow!("genesis cannot be built: {error}"))?;
		let mut storage = ext.into_storages();
		storage.top.insert(well_known_keys::CODE.to_vec(), self.code.clone());
		Ok(storage)
	}

	fn preset(&self, name: Option<&str>) -> Result<Value> {
		let mut ext = BasicExternalities::new_empty();
		let answer = self.call_on(&mut ext, "GenesisBuilder_get_preset", &name.encode())?;
		let json = decode::<Option<Vec<u8>>>(&answer)?
			.with_context(|| format!("the runtime has no preset {name:?}"))?;
		serde_json::from_slice(&json).context("a preset is JSON")
	}

	fn call_on(
		&self,
		ext: &mut BasicExternalities,
		method: &str,
		arguments: &[u8],
	) -> Result<Vec<u8>> {
		let fetcher = WrappedRuntimeCode(Cow::Borrowed(self.code.as_slice()));
		let code =
			RuntimeCode { code_fetcher: &fetcher, heap_pages: None, hash: self.hash.clone() };
		let (answer, _) = self.executor.call(ext, &code, method, arguments, CallContext::Offchain);
		answer.map_err(|error| anyhow!("{method}: {error}"))
	}

	/// Which benchmarks there are, those that weigh no call too if `extra`, and which storage their
	/// accesses may hit.
	pub(crate) fn benchmarks(
		&self,
		state: &State,
		extra: bool,
	) -> Result<(Vec<BenchmarkList>, Vec<StorageInfo>)> {
		self.call(state, "Benchmark_benchmark_metadata", &extra.encode())
	}

	/// Runs a benchmark.
	pub(crate) fn run(
		&self,
		state: &State,
		config: &BenchmarkConfig,
	) -> Result<Vec<BenchmarkResult>> {
		let batches: Result<Vec<BenchmarkBatch>, String> =
			self.call(state, "Benchmark_dispatch_benchmark", &config.encode())?;
		let batches = batches.map_err(|error| anyhow!(error))?;
		if batches.is_empty() {
			bail!("the runtime ran nothing");
		}
		Ok(batches.into_iter().flat_map(|batch| batch.results).collect())
	}

	fn call<T: Decode>(&self, state: &State, method: &str, arguments: &[u8]) -> Result<T> {
		let fetcher = WrappedRuntimeCode(Cow::Borrowed(self.code.as_slice()));
		let code =
			RuntimeCode { code_fetcher: &fetcher, heap_pages: None, hash: self.hash.clone() };
		// Benchmarks make keys and sign with them. Each call finds an empty keystore.
		let mut extensions = KeystoreExt::new(MemoryKeystore::new()).into();
		let answer = StateMachine::new(
			state,
			&mut Default::default(),
			&self.executor,
			method,
			arguments,
			&mut extensions,
			&code,
			CallContext::Offchain,
		)
		.execute()
		.map_err(|error| anyhow!("{method}: {error}"))?;
		decode(&answer)
	}
}

fn decode<T: Decode>(mut bytes: &[u8]) -> Result<T> {
	T::decode(&mut bytes).context("the runtime answers in another form")
}

/// Lays a patch over a configuration: what is null in it goes, objects are joined, all else is
/// replaced.
fn merge(config: &mut Value, patch: Value) {
	match (config, patch) {
		(Value::Object(config), Value::Object(patch)) => {
			for (key, value) in patch {
				if value.is_null() {
					config.remove(&key);
				} else {
					merge(config.entry(key).or_insert(Value::Null), value);
				}
			}
		},
		(config, patch) => *config = patch,
	}
}
