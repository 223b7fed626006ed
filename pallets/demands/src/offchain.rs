//! The off-chain worker: answers what is demanded of this node's providers, demands what their
//! audits lack, hands what was delivered to the executor, ends what is overdue. It keeps nothing in
//! memory between blocks; done means seen on chain.

use crate::{
	types::{Chunk, Demand, Path},
	*,
};
use alloc::{collections::BTreeSet, format, vec::Vec};
use assay_primitives::{
	chunk_key, demand_statement,
	offchain::{
		executor_settings, hex, is_due_to_send, request, Answer, ExecutorSettings, RequestError,
	},
	AccountId, Item, JobDigest, OwedItems, SlotId, WantedInput, WorkerKey, CHUNK_BYTES,
	DEMAND_BYTES_MAX,
};
use assay_program::{merkle, Outcome};
use codec::Decode;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_core::{
	offchain::{Duration, StorageKind, Timestamp},
	H256,
};
use sp_runtime::{
	offchain::{
		http::Method,
		storage_lock::{StorageLock, Time},
	},
	RuntimeAppPublic, SaturatedConversion,
};

const TARGET: &str = "worker::demands";
/// A whole run: less than a block, since the next block starts the next run.
const RUN_MILLIS: u64 = 2_000;
/// Open demands that one run looks at.
const DEMANDS_LOOKED_AT: usize = 1_024;
/// Chunks of an item that one run sends; the rest follows once these are on chain.
pub(crate) const CHUNKS_PER_RUN: u32 = 16;
/// Blocks after which what is not on chain is sent again.
pub(crate) const RESEND_BLOCKS: u32 = 2;
/// The lock that one run at a time holds.
const LOCK_KEY: &[u8] = b"assay/worker/demands/lock";
/// Where it is noted what was sent when.
const SENT_PREFIX: &[u8] = b"assay/demands/sent/";
/// How the executor says that it does not have a blob.
const BLOB_UNKNOWN: &str = "blob_unknown";
/// What an encoded outcome has beside its data, at most.
const OUTCOME_BYTES: usize = 16;
/// Longest answer: an item.
const ANSWER_BYTES_MAX: usize = (DEMAND_BYTES_MAX as usize).saturating_add(OUTCOME_BYTES);

/// One run's view of the node.
struct Run {
	block: u32,
	genesis: H256,
	settings: Option<ExecutorSettings>,
	deadline: Timestamp,
}

impl Run {
	fn is_over(&self) -> bool {
		sp_io::offchain::timestamp() >= self.deadline
	}

	/// Ask the executor about a blob, if there is one.
	fn ask(
		&self,
		method: Method,
		kind: &str,
		digest: &H256,
		body: Vec<u8>,
	) -> Option<Result<Answer, RequestError>> {
		let path = format!("/v1/blobs/{kind}/{}", hex(&digest.0));
		let settings = self.settings.as_ref()?;
		Some(request(settings, method, &path, body, self.deadline, ANSWER_BYTES_MAX))
	}
}

/// The leaves of a blob's tree.
fn leaves(blob: &[u8]) -> Vec<[u8; 32]> {
	blob.chunks(CHUNK_BYTES as usize)
		.map(|bytes| {
			let mut segment = bytes.to_vec();
			segment.resize(CHUNK_BYTES as usize, 0);
			merkle::leaf(&segment)
		})
		.collect()
}

/// A chunk of a blob with these leaves, and its path.
pub(crate) fn open(blob: &[u8], leaves: &[[u8; 32]], index: u32) -> Option<(Chunk, Path)> {
	let bytes = blob.chunks(CHUNK_BYTES as usize).nth(usize::try_from(index).ok()?)?;
	let path: Vec<H256> = assay_trace::path(leaves, index).into_iter().map(H256).collect();
	Some((bytes.to_vec().try_into().ok()?, path.try_into().ok()?))
}

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let keys: BTreeSet<WorkerKey> = WorkerKey::all().into_iter().collect();
		if keys.is_empty() {
			return;
		}
		let mut lock = StorageLock::<Time>::with_deadline(
			LOCK_KEY,
			Duration::from_millis(RUN_MILLIS.saturating_mul(2)),
		);
		let Ok(_guard) = lock.try_lock() else { return };
		let run = Run {
			block: now.saturated_into(),
			genesis: Self::genesis(),
			settings: executor_settings(),
			deadline: sp_io::offchain::timestamp().add(Duration::from_millis(RUN_MILLIS)),
		};
		Self::answer_demands(&run, &keys);
		Self::fetch_inputs(&run, &keys);
	}

	/// Deliver what these keys owe, and end what anybody owed too long.
	fn answer_demands(run: &Run, keys: &BTreeSet<WorkerKey>) {
		// What is owed is found by key: nobody hides a demand behind others.
		let owed: BTreeSet<_> = keys.iter().flat_map(T::Jobs::duties).collect();
		for job in owed {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				return;
			}
			let demand = Demands::<T>::get(job).filter(|demand| keys.contains(&demand.worker));
			if let Some(demand) = demand.filter(|_| Self::check_timeout(job).is_err()) {
				Self::deliver_item(run, job, &demand);
			}
		}
		// Where there are more, each run begins elsewhere.
		let start = sp_io::hashing::blake2_256(&run.block.to_le_bytes()).into();
		let first = Demands::<T>::hashed_key_for(JobDigest(start));
		let some = Demands::<T>::iter_from(first).chain(Demands::<T>::iter());
		for (job, demand) in some.take(DEMANDS_LOOKED_AT) {
			if run.is_over() {
				return;
			}
			if Self::check_timeout(job).is_ok() {
				Self::send_once(run, (demand.slot, b'T'), Call::timeout { job });
			}
		}
	}

	fn deliver_item(run: &Run, job: JobDigest, demand: &Demand<AccountId>) {
		if !is_due_to_send(SENT_PREFIX, (demand.slot, b'D'), run.block, RESEND_BLOCKS) {
			return;
		}
		let Some(blob) = Self::item_at_executor(run, demand) else { return };
		if blob.len() as u64 != u64::from(demand.length) {
			let (length, root) = (blob.len() as u64, H256(merkle::root(leaves(&blob).into_iter())));
			return Self::send(Call::show_length { job, length, root });
		}
		let (leaves, item) = (leaves(&blob), demand.item);
		let last = demand.next.saturating_add(CHUNKS_PER_RUN).min(demand.chunks());
		for index in demand.next..last {
			let Some((bytes, path)) = open(&blob, &leaves, index) else { return };
			Self::send(Call::deliver { job, item, index, bytes, path });
		}
	}

	/// The bytes of a demanded item, if the executor has them.
	fn item_at_executor(run: &Run, demand: &Demand<AccountId>) -> Option<Vec<u8>> {
		let item = demand.item;
		let digest = T::Jobs::stored_as(demand.slot, item)?;
		let kind = match item {
			Item::Input => "input",
			Item::Output => "output",
		};
		match run.ask(Method::Get, kind, &digest, Vec::new())? {
			Ok(answer) if answer.is_success() => match item {
				Item::Input => Some(answer.body),
				Item::Output => match Outcome::decode(&mut &answer.body[..]) {
					Ok(Outcome::Output { data, .. }) => Some(data),
					_ => None,
				},
			},
			Ok(answer) => {
				log::error!(
					target: TARGET,
					"{kind} {digest:?} is demanded but the executor does not have it: status {}, {}; \
					 slot {} will lose its pledge",
					answer.status,
					answer.error.as_deref().unwrap_or("no code"),
					demand.slot.0,
				);
				None
			},
			Err(error) => {
				log::warn!(target: TARGET, "the executor does not answer: {error:?}");
				None
			},
		}
	}

	/// Hand to the executor what audits of these keys lack, as soon as it is on chain; demand what
	/// nobody has demanded.
	fn fetch_inputs(run: &Run, keys: &BTreeSet<WorkerKey>) {
		for worker in keys {
			for wanted in T::Jobs::wanted_inputs(worker) {
				if run.is_over() {
					return;
				}
				let head = Method::Other("HEAD");
				match run.ask(head, "input", &wanted.digest, Vec::new()) {
					Some(Ok(answer)) if answer.error.as_deref() == Some(BLOB_UNKNOWN) => {
						Self::fetch_input(run, worker, &wanted)
					},
					Some(Ok(_)) => (),
					// Without an executor there is no audit.
					Some(Err(_)) | None => return,
				}
			}
		}
	}

	fn fetch_input(run: &Run, worker: &WorkerKey, wanted: &WantedInput) {
		let WantedInput { job, slot, digest, length } = *wanted;
		if let Some(blob) = Self::delivered(job, Item::Input, length) {
			if merkle::blob(&blob) == digest.0 {
				let put = run.ask(Method::Put, "input", &digest, blob);
				if !matches!(&put, Some(Ok(answer)) if answer.is_success()) {
					log::warn!(target: TARGET, "the executor does not take a delivered input");
				}
				return;
			}
		}
		let is_open = Self::provider_of(worker)
			.is_ok_and(|who| Self::check_demand(&who, job, Item::Input).is_ok());
		if !is_open {
			log::debug!(target: TARGET, "the input of job {:?} cannot be demanded now", job.0);
			return;
		}
		let statement = demand_statement(&run.genesis, &job, Item::Input);
		let Some(signature) = worker.sign(&statement) else { return };
		let call = Call::demand_for { job, item: Item::Input, worker: worker.clone(), signature };
		Self::send_once(run, (slot, b'F'), call);
	}

	/// What this node has kept of a delivered item: all of it, or nothing.
	pub(crate) fn delivered(job: JobDigest, item: Item, length: u32) -> Option<Vec<u8>> {
		let chunks = length.div_ceil(CHUNK_BYTES);
		let chunk = |index| {
			let key = chunk_key(&job, item, index);
			sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, &key)
		};
		let blob: Vec<u8> = (0..chunks).map(chunk).collect::<Option<Vec<_>>>()?.concat();
		(blob.len() as u64 == u64::from(length)).then_some(blob)
	}

	/// Send a call unless it was sent within the last blocks.
	fn send_once(run: &Run, duty: (SlotId, u8), call: Call<T>) {
		if is_due_to_send(SENT_PREFIX, duty, run.block, RESEND_BLOCKS) {
			Self::send(call);
		}
	}

	fn send(call: Call<T>) {
		let transaction = T::create_authorized_transaction(call.into());
		if SubmitTransaction::<T, Call<T>>::submit_transaction(transaction).is_err() {
			// The one that was sent before may still be there.
			log::info!(target: TARGET, "the pool does not take a call now: it is tried again");
		}
	}
}
