//! The best chain as far as a follower knows it, and the way from there to a new head.

use crate::error::{mismatch, Error, Kind, Result};
use std::collections::VecDeque;
use subxt::utils::H256;

/// Most blocks that a follower walks back over to close a gap.
pub(crate) const GAP_BLOCKS_MAX: u32 = 1_024;
/// Blocks below its start in which a follower still sees a re-organisation. Only where finality has
/// stalled is there more that is not final.
pub(crate) const FORK_BLOCKS_MAX: u32 = 64;
/// Most blocks kept, and most walked over.
const BLOCKS_MAX: usize = (GAP_BLOCKS_MAX + FORK_BLOCKS_MAX) as usize;

/// A block and its parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
	pub(crate) number: u32,
	pub(crate) hash: H256,
	pub(crate) parent: H256,
}

/// The best chain, from above `floor` to the last head.
#[derive(Debug)]
pub(crate) struct Branch {
	/// Height of the last block that nothing is asked of: it is final, or long past.
	floor: u32,
	/// Height and hash, oldest first, without gaps.
	blocks: VecDeque<(u32, H256)>,
}

impl Branch {
	pub(crate) fn new(floor: u32, start: Option<(u32, H256)>) -> Self {
		Self { floor, blocks: start.into_iter().collect() }
	}

	fn holds(&self, number: u32, hash: H256) -> bool {
		let first = self.blocks.front().map_or(0, |block| block.0);
		let index = number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
		index.and_then(|index| self.blocks.get(index)).is_some_and(|block| block.1 == hash)
	}

	/// Makes `head` the last block. Returns the blocks that are new, oldest first: what this branch
	/// had from the first one's height on is abandoned.
	pub(crate) async fn extend(
		&mut self,
		head: Link,
		header: impl AsyncFn(H256) -> Result<Link>,
	) -> Result<VecDeque<(u32, H256)>> {
		let mut fresh = VecDeque::new();
		let mut next = head;
		while next.number > self.floor && !self.holds(next.number, next.hash) {
			if fresh.len() == BLOCKS_MAX {
				return Err(Error::new(
					Kind::Late,
					format!("the chain ran away: more than {GAP_BLOCKS_MAX} blocks were missed"),
				)
				.next("run the command again"));
			}
			fresh.push_front((next.number, next.hash));
			// Below this one is nothing that would be asked for.
			if next.number - 1 == self.floor || self.holds(next.number - 1, next.parent) {
				break;
			}
			let parent = header(next.parent).await?;
			if parent.number.checked_add(1) != Some(next.number) {
				return Err(mismatch(format!("the parent of block {} is none", next.number)));
			}
			next = parent;
		}
		let Some((first, _)) = fresh.front() else { return Ok(fresh) };
		while self.blocks.pop_back_if(|block| block.0 >= *first).is_some() {}
		self.blocks.extend(&fresh);
		while self.blocks.len() > BLOCKS_MAX {
			if let Some((number, _)) = self.blocks.pop_front() {
				self.floor = number;
			}
		}
		Ok(fresh)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Block `number` of a branch that left the first one, branch 0, above height `fork`.
	fn hash(number: u32, branch: u8, fork: u32) -> H256 {
		let mut bytes = [if number > fork { branch } else { 0 }; 32];
		bytes[..4].copy_from_slice(&number.to_le_bytes());
		H256(bytes)
	}

	fn link(number: u32, branch: u8, fork: u32) -> Link {
		let parent = hash(number - 1, branch, fork);
		Link { number, hash: hash(number, branch, fork), parent }
	}

	async fn extend(branch: &mut Branch, number: u32, name: u8, fork: u32) -> Vec<u32> {
		let header = async |of: H256| {
			let number = u32::from_le_bytes(of.0[..4].try_into().unwrap());
			Ok(link(number, name, fork))
		};
		let fresh = branch.extend(link(number, name, fork), header).await.unwrap();
		assert!(fresh.iter().all(|(number, of)| *of == hash(*number, name, fork)));
		fresh.into_iter().map(|(number, _)| number).collect()
	}

	#[tokio::test]
	async fn a_gap_is_closed_and_the_past_stays_out() {
		let mut branch = Branch::new(7, Some((10, hash(10, 0, 0))));
		assert!(extend(&mut branch, 10, 0, 0).await.is_empty());
		assert_eq!(extend(&mut branch, 11, 0, 0).await, [11]);
		assert_eq!(extend(&mut branch, 14, 0, 0).await, [12, 13, 14]);
		assert!(extend(&mut branch, 14, 0, 0).await.is_empty());
	}

	#[tokio::test]
	async fn a_new_branch_comes_from_the_fork_on_and_so_does_the_old_one_again() {
		let mut branch = Branch::new(7, Some((10, hash(10, 0, 0))));
		assert_eq!(extend(&mut branch, 13, 0, 0).await, [11, 12, 13]);
		// It may be the shorter one.
		assert_eq!(extend(&mut branch, 12, 1, 11).await, [12]);
		assert_eq!(extend(&mut branch, 14, 0, 0).await, [12, 13, 14]);
	}

	#[tokio::test]
	async fn a_fork_below_the_start_is_seen() {
		let mut branch = Branch::new(7, Some((10, hash(10, 0, 0))));
		assert_eq!(extend(&mut branch, 11, 0, 0).await, [11]);
		// The walk ends at what was final at the start.
		assert_eq!(extend(&mut branch, 12, 1, 8).await, [8, 9, 10, 11, 12]);
		assert_eq!(extend(&mut branch, 13, 1, 8).await, [13]);
	}

	#[tokio::test]
	async fn a_start_in_the_past_begins_above_the_floor() {
		let mut branch = Branch::new(4, None);
		assert!(extend(&mut branch, 4, 0, 0).await.is_empty());
		assert_eq!(extend(&mut branch, 7, 0, 0).await, [5, 6, 7]);
	}

	#[tokio::test]
	async fn a_gap_has_a_bound_and_so_has_the_memory() {
		let mut branch = Branch::new(0, Some((1, hash(1, 0, 0))));
		let far = link(5_000, 0, 0);
		let header =
			async |of: H256| Ok(link(u32::from_le_bytes(of.0[..4].try_into().unwrap()), 0, 0));
		let error = branch.extend(far, header).await.unwrap_err();
		assert_eq!(error.kind(), Kind::Late);
		for head in (1_000..=4_000).step_by(1_000) {
			extend(&mut branch, head, 0, 0).await;
		}
		assert_eq!(branch.blocks.len(), BLOCKS_MAX);
		assert_eq!(branch.floor + 1, branch.blocks.front().unwrap().0);
	}
}
