// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Watches one job: what `assay_subscribeJob` pushes.

use std::{future::ready, sync::Arc};

use assay_primitives::{
	apis::{JobView, JobsApi},
	JobDigest,
};
use assay_runtime::{BlockNumber, Hash};
use futures::{stream, Stream, StreamExt};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use serde::{Deserialize, Serialize};
use sp_api::ProvideRuntimeApi;
use sp_runtime::traits::Header;

use crate::service::FullClient;

/// Which chain a job was seen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Chain {
	/// The best one: it may still be left for another.
	Best,
	/// The finalised one: what happened there stays.
	Finalized,
}

/// The state of a job, as it was first seen in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobUpdate {
	/// Of which chain.
	pub chain: Chain,
	/// Height of the block.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
	/// The job; none, it was not submitted yet or is over.
	pub job: Option<JobView>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
	chain: Chain,
	number: BlockNumber,
	hash: Hash,
}

/// Every state of a job that differs from the one before on the same chain, starting with the
/// present one. Ends when the job is over on the finalised chain.
pub fn updates(client: Arc<FullClient>, digest: JobDigest) -> impl Stream<Item = JobUpdate> {
	// Listen first, then ask for the present: nothing falls between.
	let best =
		client.import_notification_stream().filter(|block| ready(block.is_new_best)).map(|block| {
			let (number, hash) = (*block.header.number(), block.hash);
			vec![Seen { chain: Chain::Best, number, hash }]
		});
	// One notification may finalise several blocks: each may have changed the job.
	let finalized = client.finality_notification_stream().map(|block| {
		let last = *block.header.number();
		let hashes: Vec<_> = block.tree_route.iter().copied().chain([block.hash]).collect();
		let first = last.saturating_sub(hashes.len().saturating_sub(1) as BlockNumber);
		(first..)
			.zip(hashes)
			.map(|(number, hash)| Seen { chain: Chain::Finalized, number, hash })
			.collect()
	});
	let info = client.info();
	let present = vec![
		Seen { chain: Chain::Best, number: info.best_number, hash: info.best_hash },
		Seen { chain: Chain::Finalized, number: info.finalized_number, hash: info.finalized_hash },
	];

	stream::iter([present])
		.chain(stream::select(best, finalized))
		.flat_map(stream::iter)
		.scan(Watch { client, digest, last: [None, None], is_over: false }, |watch, seen| {
			ready((!watch.is_over).then(|| watch.update(seen)))
		})
		.filter_map(ready)
}

struct Watch {
	client: Arc<FullClient>,
	digest: JobDigest,
	/// The last known state on the best and on the finalised chain.
	last: [Option<Option<JobView>>; 2],
	is_over: bool,
}

impl Watch {
	fn update(&mut self, Seen { chain, number, hash }: Seen) -> Option<JobUpdate> {
		// The state of a block may be pruned before we come to it; a later block says as much.
		let job = self.client.runtime_api().job(hash, self.digest).ok()?;
		let [best, finalized] = &mut self.last;
		let last = match chain {
			Chain::Best => best,
			Chain::Finalized => finalized,
		};
		if last.as_ref() == Some(&job) {
			return None;
		}
		self.is_over = chain == Chain::Finalized && job.is_none() && last.is_some();
		*last = Some(job.clone());
		Some(JobUpdate { chain, number, hash, job })
	}
}
