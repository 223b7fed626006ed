//! The places of a listener: how many connections it has, for each address and in all.

use std::{
	collections::HashMap,
	net::{IpAddr, Ipv6Addr},
	sync::{
		atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
		Arc, Mutex, MutexGuard, PoisonError,
	},
	time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A connection on which nothing happens for this long may have to leave for another one.
const IDLE: Duration = Duration::from_secs(1);
/// The part of an IPv6 address that names a network; hosts choose the rest as they like.
const NETWORK_SEGMENTS: usize = 4;

/// A connection as others see it.
#[derive(Debug)]
pub(crate) struct Seat {
	address: IpAddr,
	began: Instant,
	/// Milliseconds from `began` to when bytes last moved.
	moved_ms: AtomicU64,
	/// Requests that are being answered.
	serving: AtomicUsize,
	/// Whether it waits for its peer to take bytes.
	stuck: AtomicBool,
	/// Cancelled when the connection has to leave.
	pub(crate) leave: CancellationToken,
}

impl Seat {
	fn new(address: IpAddr) -> Self {
		Self {
			address,
			began: Instant::now(),
			moved_ms: AtomicU64::new(0),
			serving: AtomicUsize::new(0),
			stuck: AtomicBool::new(false),
			leave: CancellationToken::new(),
		}
	}

	/// Bytes moved, or wait to.
	pub(crate) fn moved(&self, stuck: bool) {
		let elapsed = self.began.elapsed().as_millis();
		self.moved_ms.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Relaxed);
		self.stuck.store(stuck, Relaxed);
	}

	/// Counts a request until the value is dropped.
	pub(crate) fn serve(self: &Arc<Self>) -> Serving {
		self.serving.fetch_add(1, Relaxed);
		Serving(self.clone())
	}

	/// For how long nothing has happened on it, if it may leave.
	fn idle(&self) -> Option<Duration> {
		if self.serving.load(Relaxed) > 0 || self.stuck.load(Relaxed) {
			return None;
		}
		let moved = Duration::from_millis(self.moved_ms.load(Relaxed));
		Some(self.began.elapsed().saturating_sub(moved)).filter(|idle| *idle >= IDLE)
	}
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Seat>);

impl Drop for Serving {
	fn drop(&mut self) {
		self.0.moved(false);
		self.0.serving.fetch_sub(1, Relaxed);
	}
}

#[derive(Debug, Default)]
struct Taken {
	seats: HashMap<u64, Arc<Seat>>,
	addresses: HashMap<IpAddr, usize>,
	next: u64,
}

impl Taken {
	fn free(&mut self, number: u64) -> Option<Arc<Seat>> {
		let seat = self.seats.remove(&number)?;
		if let Some(count) = self.addresses.get_mut(&seat.address) {
			*count = count.saturating_sub(1);
			if *count == 0 {
				self.addresses.remove(&seat.address);
			}
		}
		Some(seat)
	}

	/// Sends away the connection that was idle for longest, of those that `may` leave.
	fn make_room(&mut self, may: impl Fn(&Seat) -> bool) -> bool {
		let seats = self.seats.iter().filter(|(_, seat)| may(seat));
		let idle = seats.filter_map(|(number, seat)| Some((seat.idle()?, *number)));
		let Some((_, number)) = idle.max() else { return false };
		if let Some(seat) = self.free(number) {
			seat.leave.cancel();
		}
		true
	}
}

/// The places of a listener.
#[derive(Debug)]
pub(crate) struct Places {
	taken: Mutex<Taken>,
	bound: usize,
	/// For each address; none where only friends can reach the listener.
	maybe_per_address: Option<usize>,
}

impl Places {
	pub(crate) fn new(bound: usize, maybe_per_address: Option<usize>) -> Arc<Self> {
		Arc::new(Self { taken: Mutex::default(), bound, maybe_per_address })
	}

	fn taken(&self) -> MutexGuard<'_, Taken> {
		// Nothing panics while it is held.
		self.taken.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// A place for a connection, or the bound that it would exceed.
	pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, usize> {
		let address = network(address);
		let mut taken = self.taken();
		if let Some(bound) = self.maybe_per_address {
			let count = taken.addresses.get(&address).copied().unwrap_or(0);
			if count >= bound && !taken.make_room(|seat| seat.address == address) {
				return Err(bound);
			}
		}
		let full = taken.seats.len() >= self.bound;
		if full && !(self.maybe_per_address.is_some() && taken.make_room(|_| true)) {
			return Err(self.bound);
		}
		let (number, seat) = (taken.next, Arc::new(Seat::new(address)));
		taken.next = taken.next.wrapping_add(1);
		taken.seats.insert(number, seat.clone());
		*taken.addresses.entry(address).or_default() += 1;
		Ok(Place { places: self.clone(), number, seat })
	}
}

/// The place of one connection, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
	places: Arc<Places>,
	number: u64,
	pub(crate) seat: Arc<Seat>,
}

impl Drop for Place {
	fn drop(&mut self) {
		// It may have been given to another connection already.
		self.places.taken().free(self.number);
	}
}

/// What connections are counted by.
fn network(address: IpAddr) -> IpAddr {
	match address.to_canonical() {
		IpAddr::V4(address) => address.into(),
		IpAddr::V6(address) => {
			let mut segments = address.segments();
			segments.iter_mut().skip(NETWORK_SEGMENTS).for_each(|segment| *segment = 0);
			Ipv6Addr::from(segments).into()
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn address(text: &str) -> IpAddr {
		text.parse().unwrap()
	}

	/// Makes a connection look as if nothing had happened on it for a while.
	fn rest(place: &mut Place, seconds: u64) {
		let mut taken = place.places.taken();
		let began = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
		let seat = Seat { began, ..Seat::new(place.seat.address) };
		place.seat = Arc::new(seat);
		taken.seats.insert(place.number, place.seat.clone());
	}

	#[test]
	fn an_address_has_its_share_and_no_more() {
		let places = Places::new(8, Some(2));
		let _held: Vec<_> = (0..2).map(|_| places.take(address("10.0.0.1")).unwrap()).collect();
		assert_eq!(places.take(address("10.0.0.1")).unwrap_err(), 2);
		assert_eq!(places.take(address("::ffff:10.0.0.1")).unwrap_err(), 2);
		let other = places.take(address("10.0.0.2")).unwrap();
		drop(other);
		assert_eq!(places.taken().seats.len(), 2);
		assert_eq!(places.taken().addresses.len(), 1);
	}

	#[test]
	fn a_network_of_version_6_counts_as_one_address() {
		let places = Places::new(8, Some(1));
		let _held = places.take(address("2001:db8::1")).unwrap();
		assert_eq!(places.take(address("2001:db8::2:1")).unwrap_err(), 1);
		places.take(address("2001:db8:0:1::1")).unwrap();
	}

	#[test]
	fn the_longest_idle_leaves_and_who_is_served_stays() {
		let places = Places::new(3, Some(3));
		let mut held: Vec<_> =
			(1..=3).map(|n| places.take(address(&format!("10.0.0.{n}"))).unwrap()).collect();
		assert_eq!(places.take(address("10.0.0.9")).unwrap_err(), 3);
		rest(&mut held[0], 100);
		rest(&mut held[1], 50);
		let _serving = held[0].seat.serve();
		let _new = places.take(address("10.0.0.9")).unwrap();
		assert!(held[1].seat.leave.is_cancelled());
		assert!(!held[0].seat.leave.is_cancelled() && !held[2].seat.leave.is_cancelled());
		// The one that left gives nothing back a second time.
		held.remove(1);
		assert_eq!(places.take(address("10.0.0.8")).unwrap_err(), 3);
	}

	#[test]
	fn friends_are_not_counted_by_address_and_never_sent_away() {
		let places = Places::new(2, None);
		let mut held: Vec<_> = (0..2).map(|_| places.take(address("127.0.0.1")).unwrap()).collect();
		rest(&mut held[0], 100);
		assert_eq!(places.take(address("127.0.0.1")).unwrap_err(), 2);
	}
}
