//! The connection to a node: calls sent and seen in a block, events, runtime APIs, storage.
//!
//! Everything goes by names from the chain's own metadata, so the client needs no rebuild when a
//! runtime adds fields, and says which name is missing when one removes them.

use crate::{
	account::Account,
	branch::{Branch, Link, FORK_BLOCKS_MAX, GAP_BLOCKS_MAX},
	error::{mismatch, Error, Kind, Result},
};
use assay_program::Hash;
use codec::{Decode, Encode};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use subxt::{
	backend::LegacyBackend,
	client::{ClientAtBlock, OnlineClientAtBlockImpl},
	config::{DefaultExtrinsicParamsBuilder, RpcConfigFor},
	dynamic::{self, Value},
	error::{DispatchError, TransactionEventsError},
	ext::scale_value::{scale, Composite},
	rpcs::{client::RpcSubscription, methods::legacy::LegacyRpcMethods, rpc_params, RpcClient},
	tx::TransactionStatus,
	utils::{AccountId32, H256},
	OnlineClient, PolkadotConfig,
};

/// What executing a view function answers: bytes, or the number of the reason for none.
type ViewAnswer = std::result::Result<Vec<u8>, u8>;

/// Length of a view function's id.
const VIEW_ID_BYTES: usize = 32;

type At = ClientAtBlock<PolkadotConfig, OnlineClientAtBlockImpl<PolkadotConfig>>;
type Header = <PolkadotConfig as subxt::Config>::Header;

/// Blocks for which a sent call stays valid.
const MORTALITY_BLOCKS: u32 = 64;
/// Blocks after which a call that is in none is given up: some more than it is valid for.
const INCLUSION_BLOCKS_MAX: u32 = MORTALITY_BLOCKS + 8;

/// Without a block for this long the chain has stopped.
const STALL: Duration = Duration::from_secs(90);

/// A connection to a node.
#[derive(Clone)]
pub struct Chain {
	client: OnlineClient<PolkadotConfig>,
	rpc: RpcClient,
	legacy: LegacyRpcMethods<RpcConfigFor<PolkadotConfig>>,
	url: String,
}

impl std::fmt::Debug for Chain {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Chain").field("url", &self.url).finish_non_exhaustive()
	}
}

/// Arguments of a call, by name.
pub type Arguments = Vec<(&'static str, Value)>;

/// An event, taken apart.
#[derive(Clone, Debug)]
pub struct Event {
	/// Pallet that emitted it.
	pub pallet: String,
	/// Its name.
	pub name: String,
	/// Its fields.
	pub fields: Value,
	/// Index of the extrinsic that caused it, if one did.
	pub extrinsic: Option<u32>,
}

impl Event {
	/// Whether it is this event of this pallet.
	pub fn is(&self, pallet: &str, name: &str) -> bool {
		self.pallet == pallet && self.name == name
	}
}

/// A block and what happened in it.
#[derive(Clone, Debug)]
pub struct BlockEvents {
	/// Its height.
	pub number: u32,
	/// Its hash.
	pub hash: Hash,
	/// All its events.
	pub events: Vec<Event>,
}

/// A call that is in a block and succeeded.
#[derive(Clone, Debug)]
pub struct Included {
	/// Height of the block.
	pub block: u32,
	/// Hash of the block.
	pub block_hash: Hash,
	/// Events of the call alone.
	pub events: Vec<Event>,
}

impl Included {
	/// The event that the call must have emitted.
	pub fn event(&self, pallet: &str, name: &str) -> Result<&Event> {
		self.events.iter().find(|event| event.is(pallet, name)).ok_or_else(|| {
			mismatch(format!("the call succeeded without the event {pallet}::{name}"))
				.next("the chain's runtime and this client do not fit; use a client of its version")
		})
	}
}

impl Chain {
	/// Connects to a node's WebSocket address.
	pub async fn connect(url: &str) -> Result<Self> {
		let unreachable = |e: &dyn std::fmt::Display| {
			Error::new(Kind::Unreachable, format!("no node answers at {url}: {e}"))
				.next("start one with `assay-node --dev`, or name another with --url")
		};
		let rpc = RpcClient::from_insecure_url(url).await.map_err(|e| unreachable(&e))?;
		let legacy = LegacyRpcMethods::new(rpc.clone());
		let backend = LegacyBackend::builder().build(rpc.clone());
		// Types of times before metadata described them are of no use here.
		let config = PolkadotConfig::builder().use_historic_types(false).build();
		let client = OnlineClient::from_backend_with_config(config, Arc::new(backend))
			.await
			.map_err(|e| unreachable(&e))?;
		Ok(Self { client, rpc, legacy, url: url.into() })
	}

	/// Where the node is.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// Genesis hash of the chain.
	pub fn genesis(&self) -> Hash {
		self.client.genesis_hash().0
	}

	/// The best block.
	pub async fn best(&self) -> Result<At> {
		let hash = self
			.legacy
			.chain_get_block_hash(None)
			.await
			.map_err(|e| self.broken(&e))?
			.ok_or_else(|| mismatch("the node has no best block"))?;
		self.at(hash).await
	}

	/// Height of the best block.
	pub async fn best_number(&self) -> Result<u32> {
		height(&self.header(None).await?)
	}

	/// Height of the last final block.
	pub async fn final_number(&self) -> Result<u32> {
		let hash = self.legacy.chain_get_finalized_head().await.map_err(|e| self.broken(&e))?;
		height(&self.header(Some(hash)).await?)
	}

	/// Hash of the best chain's block at a height, if there is one.
	pub async fn hash_at(&self, number: u32) -> Result<Option<Hash>> {
		let hash = self.legacy.chain_get_block_hash(Some(number.into())).await;
		Ok(hash.map_err(|e| self.broken(&e))?.map(|hash| hash.0))
	}

	/// Waits until the best block is another one than now.
	pub async fn new_block(&self) -> Result<()> {
		let mut heads = self.heads().await?;
		// The subscription begins with the present one.
		self.next_head(&mut heads).await?;
		self.next_head(&mut heads).await.map(|_| ())
	}

	async fn header(&self, hash: Option<H256>) -> Result<Header> {
		let found = self.legacy.chain_get_header(hash).await.map_err(|e| self.broken(&e))?;
		found.ok_or_else(|| match hash {
			Some(hash) => mismatch(format!("the node has no block {hash:?}")),
			None => mismatch("the node has no best block"),
		})
	}

	async fn at(&self, hash: H256) -> Result<At> {
		self.client.at_block(hash).await.map_err(|e| self.broken(&e))
	}

	/// A JSON-RPC method of the node, for what is no part of the chain.
	pub async fn request(
		&self,
		method: &str,
		params: &[serde_json::Value],
	) -> Result<serde_json::Value> {
		let mut packed = rpc_params![];
		for param in params {
			packed.push(param).map_err(|e| mismatch(e.to_string()))?;
		}
		self.rpc.request(method, packed).await.map_err(|e| match e {
			subxt::rpcs::Error::User(user) => {
				Error::new(Kind::Refused, format!("{method}: {}", user.message))
			},
			other => self.broken(&other).during(method),
		})
	}

	/// Answer of a runtime API at the best block.
	pub async fn api(&self, name: &str, method: &str, arguments: Vec<Value>) -> Result<Value> {
		let call = dynamic::runtime_api_call::<_, Value>(name, method, arguments);
		let at = self.best().await?;
		at.runtime_apis()
			.call(call)
			.await
			.map_err(|e| Error::new(Kind::Refused, first_line(&format!("{name}::{method}: {e}"))))
	}

	/// Answer of a pallet's view function at the best block.
	// The call is packed here: the runtime API takes the arguments as one byte string and answers
	// with a `Result` around another, while this version of subxt passes and reads them bare.
	pub async fn view(&self, pallet: &str, function: &str, arguments: Vec<Value>) -> Result<Value> {
		let unfit = |why: &str| {
			mismatch(format!("{pallet}.{function}: {why}"))
				.next("the chain's runtime and this client do not fit; use a client of its version")
		};
		let at = self.best().await?;
		let views = at.view_functions();
		let metadata = at.metadata();
		let output = metadata
			.pallet_by_name(pallet)
			.and_then(|pallet| pallet.view_function_by_name(function))
			.map(|function| function.output_ty())
			.ok_or_else(|| unfit("the chain has no such view function"))?;
		let call = dynamic::view_function_call::<_, Value>(pallet, function, arguments);
		let bare = views.encode_args(call).map_err(|e| unfit(&e.to_string()))?;
		let (id, arguments) =
			bare.split_at_checked(VIEW_ID_BYTES).ok_or_else(|| unfit("the call has no id"))?;
		let packed = [id, arguments.encode().as_slice()].concat();
		let answer = views.call_raw(Some(&packed)).await.map_err(|e| {
			Error::new(Kind::Refused, first_line(&format!("{pallet}.{function}: {e}")))
		})?;
		let answer = ViewAnswer::decode(&mut answer.as_slice())
			.map_err(|e| unfit(&e.to_string()))?
			.map_err(|reason| unfit(&format!("not executed, reason {reason}")))?;
		let value = scale::decode_as_type(&mut answer.as_slice(), output, metadata.types())
			.map_err(|e| unfit(&e.to_string()))?;
		Ok(value.remove_context())
	}

	/// A storage entry at the best block, if there is one.
	pub async fn storage(
		&self,
		pallet: &str,
		entry: &str,
		keys: Vec<Value>,
	) -> Result<Option<Value>> {
		let at = self.best().await?;
		let failed = |e: &dyn std::fmt::Display| mismatch(format!("storage {pallet}.{entry}: {e}"));
		let address = dynamic::storage::<Vec<Value>, Value>(pallet, entry);
		match at.storage().try_fetch(address, keys).await.map_err(|e| failed(&e))? {
			Some(value) => Ok(Some(value.decode().map_err(|e| failed(&e))?)),
			None => Ok(None),
		}
	}

	/// A constant of a pallet.
	pub async fn constant(&self, pallet: &str, name: &str) -> Result<Value> {
		let at = self.best().await?;
		at.constants()
			.entry(dynamic::constant::<Value>(pallet, name))
			.map_err(|e| mismatch(format!("constant {pallet}.{name}: {e}")))
	}

	/// Signs a call, sends it, and waits until it is in a best block. A call that the chain
	/// executed and failed is an error.
	pub async fn submit(
		&self,
		account: &Account,
		pallet: &str,
		call: &str,
		arguments: Arguments,
	) -> Result<Included> {
		let sent = self.send(account, pallet, call, arguments).await?;
		sent.included().await
	}

	/// Signs a call and hands it to the node's pool; several can be on the way at once.
	pub async fn send(
		&self,
		account: &Account,
		pallet: &str,
		call: &str,
		arguments: Arguments,
	) -> Result<Sent> {
		let what = format!("{pallet}.{call}");
		let data: Composite<()> = Composite::named(arguments);
		let payload = dynamic::tx(pallet, call, data);
		// The call is bound to a final block, which no re-organisation takes away; the nonce
		// counts what waits in the pool.
		let at = self.client.at_current_block().await.map_err(|e| self.broken(&e))?;
		let nonce = self
			.legacy
			.system_account_next_index(&AccountId32(account.id()))
			.await
			.map_err(|e| self.broken(&e))?;
		let params = DefaultExtrinsicParamsBuilder::<PolkadotConfig>::new()
			.nonce(nonce)
			.mortal(MORTALITY_BLOCKS.into())
			.build();
		let mut transactions = at.transactions();
		let signed = transactions
			.create_signed(&payload, account.pair(), params)
			.await
			.map_err(|e| mismatch(format!("{what} cannot be encoded: {e}")))?;
		let progress =
			signed.submit_and_watch().await.map_err(|e| not_taken(&what, &e, account))?;
		Ok(Sent { chain: self.clone(), what, begun: self.best_number().await?, progress })
	}

	/// Follows best blocks from the next one on, leaving none out.
	pub async fn follow(&self) -> Result<Follower> {
		let mut heads = self.heads().await?;
		// The subscription begins with the present best block, which is the past.
		let start = link(&self.next_head(&mut heads).await?)?;
		let floor = self.floor(start.number).await?;
		let branch = Branch::new(floor, Some((start.number, start.hash)));
		Ok(Follower { chain: self.clone(), heads, branch, ready: VecDeque::new() })
	}

	/// Follows best blocks from block `first` on, those of the past at once; where blocks before it
	/// are not final yet, from the first of them, as another branch may hold something else there.
	pub async fn follow_from(&self, first: u32) -> Result<Follower> {
		let heads = self.heads().await?;
		check_range(first, self.best_number().await?)?;
		let branch = Branch::new(self.floor(first.saturating_sub(1)).await?, None);
		Ok(Follower { chain: self.clone(), heads, branch, ready: VecDeque::new() })
	}

	/// The last block at or below `start` that no re-organisation reaches.
	async fn floor(&self, start: u32) -> Result<u32> {
		let last = self.final_number().await?;
		Ok(start.min(last.max(start.saturating_sub(FORK_BLOCKS_MAX))))
	}

	async fn heads(&self) -> Result<RpcSubscription<Header>> {
		self.legacy.chain_subscribe_new_heads().await.map_err(|e| self.broken(&e))
	}

	async fn next_head(&self, heads: &mut RpcSubscription<Header>) -> Result<Header> {
		let head = tokio::time::timeout(STALL, heads.next()).await.map_err(|_| stalled())?;
		head.ok_or_else(|| self.broken(&"the subscription to blocks ended"))?
			.map_err(|e| self.broken(&e))
	}

	async fn events_at(&self, number: u32, hash: H256) -> Result<BlockEvents> {
		let failed = |error: &dyn std::fmt::Display| match is_pruned(&error.to_string()) {
			true => pruned(number),
			false => self.broken(error),
		};
		let at = self.client.at_block(hash).await.map_err(|e| failed(&e))?;
		let events = at.events().fetch().await.map_err(|e| failed(&e))?;
		let mut list = Vec::new();
		for event in events.iter() {
			list.push(decode_event(event.map_err(|e| mismatch(e.to_string()))?)?);
		}
		Ok(BlockEvents { number, hash: hash.0, events: list })
	}

	/// Bytes of a field of the call in a block's extrinsic, as it is encoded.
	pub async fn call_field(&self, block: &Hash, extrinsic: u32, field: &str) -> Result<Vec<u8>> {
		let at = self.at(H256(*block)).await?;
		let extrinsics = at.extrinsics().fetch().await.map_err(|e| self.broken(&e))?;
		let index = usize::try_from(extrinsic).map_err(|_| mismatch("an index is too large"))?;
		let found = extrinsics
			.iter()
			.nth(index)
			.ok_or_else(|| mismatch(format!("a block has no extrinsic {extrinsic}")))?
			.map_err(|e| mismatch(format!("extrinsic {extrinsic} does not decode: {e}")))?;
		let bytes = found.iter_call_data_fields().find(|found| found.name() == field);
		bytes
			.map(|found| found.bytes().to_vec())
			.ok_or_else(|| mismatch(format!("extrinsic {extrinsic} has no field \"{field}\"")))
	}

	fn broken(&self, error: &dyn std::fmt::Display) -> Error {
		let said = first_line(&error.to_string());
		Error::new(Kind::Unreachable, format!("the node at {} failed: {said}", self.url))
			.next("look at the node's log; is it still running?")
	}
}

fn decode_event(event: subxt::events::Event<'_, PolkadotConfig>) -> Result<Event> {
	let fields = event
		.decode_fields_unchecked_as::<Composite<()>>()
		.map_err(|e| mismatch(format!("{}::{}: {e}", event.pallet_name(), event.event_name())))?;
	let extrinsic = match event.phase() {
		subxt::events::Phase::ApplyExtrinsic(index) => Some(index),
		_ => None,
	};
	Ok(Event {
		pallet: event.pallet_name().into(),
		name: event.event_name().into(),
		fields: Value { value: subxt::ext::scale_value::ValueDef::Composite(fields), context: () },
		extrinsic,
	})
}

fn not_taken(what: &str, error: &dyn std::fmt::Display, account: &Account) -> Error {
	let text = error.to_string();
	let refused = Error::new(Kind::Refused, format!("the node did not take {what}: {text}"));
	if text.contains("pay some fees") || text.contains("Payment") {
		refused.next(format!("send some ASY to {}", account.address()))
	} else if text.contains("outdated") || text.contains("Stale") {
		refused.next("another call of this account was faster; try again")
	} else {
		refused
	}
}

/// A call on its way.
#[derive(Debug)]
pub struct Sent {
	chain: Chain,
	what: String,
	/// The best block when it was sent.
	begun: u32,
	progress:
		subxt::tx::TransactionProgress<PolkadotConfig, OnlineClientAtBlockImpl<PolkadotConfig>>,
}

impl Sent {
	/// Waits until the call is in a best block and says how it went there. Ends when the chain has
	/// stopped, or the call has waited for longer than it is valid.
	pub async fn included(mut self) -> Result<Included> {
		let what = self.what.clone();
		let mut best = self.begun;
		loop {
			let Ok(status) = tokio::time::timeout(STALL, self.progress.next()).await else {
				let now = self.chain.best_number().await.map_err(|e| e.during(&what))?;
				check_waiting(self.begun, best, now).map_err(|e| e.during(&what))?;
				best = now;
				continue;
			};
			let Some(status) = status else {
				return Err(self.chain.broken(&"the subscription ended").during(&what));
			};
			let status = status.map_err(|e| self.chain.broken(&e).during(&what))?;
			let message = match status {
				TransactionStatus::InBestBlock(block)
				| TransactionStatus::InFinalizedBlock(block) => {
					return self.read(&block).await;
				},
				TransactionStatus::Invalid { message }
				| TransactionStatus::Dropped { message }
				| TransactionStatus::Error { message } => message,
				_ => continue,
			};
			return Err(Error::new(Kind::Refused, format!("{what} was dropped: {message}"))
				.next("try again; the pool was full or another call took its place"));
		}
	}

	async fn read(
		&self,
		block: &subxt::tx::TransactionInBlock<
			PolkadotConfig,
			OnlineClientAtBlockImpl<PolkadotConfig>,
		>,
	) -> Result<Included> {
		let events = block.wait_for_success().await.map_err(|e| match e {
			TransactionEventsError::ExtrinsicFailed(error) => dispatch_error(&self.what, &error),
			other => self.chain.broken(&other).during(&self.what),
		})?;
		let mut list = Vec::new();
		for event in events.iter() {
			list.push(decode_event(event.map_err(|e| mismatch(e.to_string()))?)?);
		}
		let at = block.at().await.map_err(|e| self.chain.broken(&e))?;
		let number = u32::try_from(at.block_number())
			.map_err(|_| mismatch("a block number does not fit 32 bits"))?;
		Ok(Included { block: number, block_hash: block.block_hash().0, events: list })
	}
}

/// A pallet's error, with the sentence that its documentation gives as the next step.
fn dispatch_error(what: &str, error: &DispatchError) -> Error {
	if let DispatchError::Module(module) = error {
		if let Ok(details) = module.details() {
			let name = format!("{}::{}", details.pallet.name(), details.variant.name);
			let refused = Error::new(Kind::Refused, format!("the chain refused {what}: {name}"));
			let docs = details.variant.docs.iter().map(|line| line.trim()).collect::<Vec<_>>();
			let docs = docs.join(" ").trim().to_string();
			return if docs.is_empty() { refused } else { refused.next(docs) };
		}
	}
	Error::new(Kind::Refused, format!("the chain refused {what}: {error}"))
}

/// Whether a call that was sent at block `begun` can still get into a block, when the best one has
/// gone from `before` to `now` without it.
fn check_waiting(begun: u32, before: u32, now: u32) -> Result<()> {
	if now <= before {
		return Err(stalled());
	}
	if now - begun > INCLUSION_BLOCKS_MAX {
		return Err(Error::new(Kind::Late, format!("in no block after {} blocks", now - begun))
			.next("look whether it has happened after all, then try again"));
	}
	Ok(())
}

fn stalled() -> Error {
	Error::new(Kind::Late, format!("no new block for {} seconds", STALL.as_secs()))
		.next("look at the nodes' logs: the chain has stopped")
}

/// Whether blocks from `first` on can be followed when `best` is the best one.
fn check_range(first: u32, best: u32) -> Result<()> {
	if first > best {
		return Err(Error::new(Kind::Usage, format!("block {first} is not there yet"))
			.next(format!("the best block is {best}; name one at or before it")));
	}
	if best - first >= GAP_BLOCKS_MAX {
		let earliest = best - GAP_BLOCKS_MAX + 1;
		return Err(Error::new(
			Kind::Usage,
			format!("block {first} is more than {GAP_BLOCKS_MAX} blocks back"),
		)
		.next(format!("name block {earliest} or a later one")));
	}
	Ok(())
}

/// Whether a node says so of a block whose state it has dropped.
fn is_pruned(said: &str) -> bool {
	said.contains("already discarded")
}

fn pruned(number: u32) -> Error {
	Error::new(
		Kind::Refused,
		format!("the node does not keep the state of block {number} any more"),
	)
	.next("name a later block, or ask a node that runs with `--state-pruning archive`")
}

/// Best blocks, one after the other. Blocks between two notifications are fetched. After a
/// re-organisation the new branch comes, from the first block on that differs: a block takes back
/// every one that came before it and is not below it.
pub struct Follower {
	chain: Chain,
	heads: RpcSubscription<Header>,
	branch: Branch,
	ready: VecDeque<(u32, H256)>,
}

impl std::fmt::Debug for Follower {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Follower").field("chain", &self.chain).finish_non_exhaustive()
	}
}

impl Follower {
	/// The next block.
	pub async fn next(&mut self) -> Result<BlockEvents> {
		loop {
			if let Some((number, hash)) = self.ready.pop_front() {
				return self.chain.events_at(number, hash).await;
			}
			let head = link(&self.chain.next_head(&mut self.heads).await?)?;
			let chain = &self.chain;
			let header = async |hash| link(&chain.header(Some(hash)).await?);
			self.ready = self.branch.extend(head, header).await?;
		}
	}
}

/// The first line of what a node said; a backtrace may follow it.
fn first_line(text: &str) -> String {
	text.lines().next().unwrap_or_default().to_string()
}

fn height(header: &Header) -> Result<u32> {
	u32::try_from(header.number).map_err(|_| mismatch("a block number does not fit 32 bits"))
}

fn header_hash(header: &Header) -> H256 {
	H256(assay_program::merkle::blake2_256(&header.encode()))
}

fn link(header: &Header) -> Result<Link> {
	let hash = header_hash(header);
	Ok(Link { number: height(header)?, hash, parent: header.parent_hash })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_call_waits_while_blocks_come_and_it_is_valid() {
		assert!(check_waiting(10, 10, 11).is_ok());
		assert!(check_waiting(10, 40, 10 + INCLUSION_BLOCKS_MAX).is_ok());
		assert_eq!(check_waiting(10, 40, 40).unwrap_err().kind(), Kind::Late);
		let error = check_waiting(10, 40, 11 + INCLUSION_BLOCKS_MAX).unwrap_err();
		assert_eq!(error.kind(), Kind::Late);
		assert!(error.message().contains("in no block"));
	}

	#[test]
	fn a_start_too_far_back_is_told_with_the_earliest_one() {
		assert!(check_range(10, 10).is_ok());
		assert!(check_range(0, GAP_BLOCKS_MAX - 1).is_ok());
		let error = check_range(0, GAP_BLOCKS_MAX).unwrap_err();
		assert_eq!(error.kind(), Kind::Usage);
		assert!(error.next_step().unwrap().contains("block 1 "));
		assert_eq!(check_range(11, 10).unwrap_err().kind(), Kind::Usage);
	}

	#[test]
	fn a_dropped_state_is_told_from_a_broken_node() {
		let said = "User error: UnknownBlock: State already discarded for 0x12 (4003)";
		assert!(is_pruned(said));
		assert!(!is_pruned("the connection was closed"));
		assert!(pruned(7).next_step().is_some());
	}
}
