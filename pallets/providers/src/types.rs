//! What is recorded of a provider, and what an endpoint may look like.

use crate::Config;
use alloc::vec::Vec;
use assay_primitives::WorkerKey;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::ConstU32, BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use scale_info::TypeInfo;

/// Longest address of a data listener.
pub const ENDPOINT_BYTES_MAX: u32 = 128;
/// Longest name of a device.
pub const DEVICE_NAME_BYTES_MAX: u32 = 64;
/// Duty periods without a heartbeat after which a provider gets no new work.
pub const MISSED_PERIODS_MAX: u32 = 2;

/// Address of a provider's data listener.
pub type Endpoint = BoundedVec<u8, ConstU32<ENDPOINT_BYTES_MAX>>;
/// Name of a device, as its maker calls it.
pub type DeviceName = BoundedVec<u8, ConstU32<DEVICE_NAME_BYTES_MAX>>;

/// What a device computes with.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub enum DeviceKind {
	/// Processor cores.
	#[codec(index = 0)]
	Cpu,
	/// A GPU that runs CUDA kernels.
	#[codec(index = 1)]
	Cuda,
}

/// A device that a provider says it has. Claims, not proofs: results are what is verified.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Device {
	/// What its maker calls it, in UTF-8.
	pub name: DeviceName,
	/// Memory for weights and activations, in MiB.
	pub memory_mib: u32,
	/// What it computes with.
	pub kind: DeviceKind,
}

/// What decides whether a provider may work: small, as it is read with every piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Standing {
	/// The key that acts for the provider.
	pub(crate) worker: WorkerKey,
	/// Whether it takes no new work.
	pub(crate) draining: bool,
	/// The last duty period in which it was heard of.
	pub(crate) heard_period: u32,
	/// Leases and slots that bind it.
	pub(crate) engagements: u32,
}

impl Standing {
	/// Whether the provider was heard of in this duty period or in one of the two before it.
	pub(crate) fn is_alive(&self, period: u32) -> bool {
		// A period that is behind the record is a chain that went back: heard of, and lately.
		period.saturating_sub(self.heard_period) <= MISSED_PERIODS_MAX
	}

	/// Whether it may get a new slot or lease.
	pub(crate) fn may_take_work(&self, period: u32) -> bool {
		!self.draining && self.is_alive(period)
	}

	/// Whether a heartbeat of this period is still due.
	pub(crate) fn is_due(&self, period: u32) -> bool {
		self.heard_period < period
	}
}

/// What tenants want to know before they lease: read by clients, not by other pallets.
#[derive(CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound, Encode, Decode, TypeInfo)]
#[scale_info(skip_type_params(T))]
#[derive(MaxEncodedLen)]
pub struct Profile<T: Config> {
	/// Devices it computes on.
	pub(crate) devices: BoundedVec<Device, T::MaxDevices>,
	/// Where tenants bring inputs and fetch outputs.
	pub(crate) endpoint: Endpoint,
	/// Deposit for the bytes of the records.
	pub(crate) ticket: T::Consideration,
}

/// A provider, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ProviderView {
	/// The key that acts for it.
	pub worker: WorkerKey,
	/// Devices it computes on.
	pub devices: Vec<Device>,
	/// Where tenants bring inputs and fetch outputs.
	pub endpoint: Vec<u8>,
	/// Whether it takes no new work.
	pub draining: bool,
	/// The last duty period in which it was heard of.
	pub heard_period: u32,
	/// Whether that is late enough.
	pub alive: bool,
	/// Leases and slots that bind it.
	pub engagements: u32,
}

/// Whether these bytes are a base address that clients can append a path to: `http://` or
/// `https://`, a host, perhaps a port, perhaps a path; printable ASCII, no user, query, fragment or
/// slash at the end.
pub fn is_endpoint(bytes: &[u8]) -> bool {
	let Some(rest) = bytes.strip_prefix(b"http://").or_else(|| bytes.strip_prefix(b"https://"))
	else {
		return false;
	};
	let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%:/[]".contains(byte);
	if !rest.iter().all(is_plain) || rest.ends_with(b"/") {
		return false;
	}
	let authority = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
	let path_is_plain = !rest.iter().skip(authority.len()).any(|byte| b"[]:".contains(byte));
	path_is_plain && is_authority(authority)
}

fn is_authority(authority: &[u8]) -> bool {
	if let Some(rest) = authority.strip_prefix(b"[") {
		// An IPv6 address in brackets, the only place for more than one colon.
		let mut halves = rest.splitn(2, |byte| *byte == b']');
		let address = halves.next().unwrap_or_default();
		let Some(tail) = halves.next() else { return false };
		let is_address = core::str::from_utf8(address)
			.is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok());
		return is_address && (tail.is_empty() || tail.strip_prefix(b":").is_some_and(is_port));
	}
	let mut halves = authority.splitn(2, |byte| *byte == b':');
	let host = halves.next().unwrap_or_default();
	let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
	!host.is_empty() && host.iter().all(is_host) && halves.next().is_none_or(is_port)
}

fn is_port(digits: &[u8]) -> bool {
	digits.iter().all(u8::is_ascii_digit)
		&& core::str::from_utf8(digits)
			.is_ok_and(|text| text.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether a device can be recorded: it has a name, in UTF-8 without control characters.
pub fn is_device(device: &Device) -> bool {
	core::str::from_utf8(&device.name)
		.is_ok_and(|name| !name.trim().is_empty() && !name.chars().any(char::is_control))
}
