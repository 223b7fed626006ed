//! Which instruction set the inner loops use: found once at start, or forced by a test.

use core::fmt;

/// An instruction set that the inner loops are written for.
///
/// Every one gives the same bytes: they differ in speed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
	/// Plain Rust, on every processor.
	Portable,
	/// AArch64 with NEON.
	Neon,
	/// x86-64 with AVX2.
	Avx2,
	/// x86-64 with AVX2 and the 256-bit dot products of AVX-VNNI.
	AvxVnni,
	/// x86-64 with AVX-512 F, BW, DQ and VL.
	Avx512,
	/// x86-64 with AVX-512 and its dot products.
	Avx512Vnni,
}

impl InstructionSet {
	/// All of them, slowest first.
	pub const ALL: [Self; 6] =
		[Self::Portable, Self::Neon, Self::Avx2, Self::AvxVnni, Self::Avx512, Self::Avx512Vnni];

	/// Whether this processor has it.
	pub fn is_available(self) -> bool {
		match self {
			Self::Portable => true,
			#[cfg(target_arch = "aarch64")]
			Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
			#[cfg(target_arch = "x86_64")]
			Self::AvxVnni => {
				let vnni = std::arch::is_x86_feature_detected!("avxvnni");
				Self::Avx2.is_available() && vnni
			},
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 => {
				Self::Avx2.is_available()
					&& std::arch::is_x86_feature_detected!("avx512f")
					&& std::arch::is_x86_feature_detected!("avx512bw")
					&& std::arch::is_x86_feature_detected!("avx512dq")
					&& std::arch::is_x86_feature_detected!("avx512vl")
			},
			#[cfg(target_arch = "x86_64")]
			Self::Avx512Vnni => {
				Self::Avx512.is_available() && std::arch::is_x86_feature_detected!("avx512vnni")
			},
			#[allow(unreachable_patterns, reason = "which arms remain depends on the target")]
			_ => false,
		}
	}

	/// The fastest that this processor has.
	pub fn detect() -> Self {
		Self::ALL.into_iter().rev().find(|set| set.is_available()).unwrap_or(Self::Portable)
	}

	/// The name that logs and benchmarks print.
	pub fn name(self) -> &'static str {
		match self {
			Self::Portable => "portable",
			Self::Neon => "neon",
			Self::Avx2 => "avx2",
			Self::AvxVnni => "avx-vnni",
			Self::Avx512 => "avx512",
			Self::Avx512Vnni => "avx512-vnni",
		}
	}
}

impl fmt::Display for InstructionSet {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		formatter.write_str(self.name())
	}
}

/// Proof that this processor has an instruction set: there is no other way to get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor(InstructionSet);

impl Processor {
	/// This processor, with the fastest instruction set it has.
	pub fn detect() -> Self {
		Self(InstructionSet::detect())
	}

	/// This processor, held to `set`; `None` where it lacks it.
	pub fn with(set: InstructionSet) -> Option<Self> {
		set.is_available().then_some(Self(set))
	}

	/// One for every instruction set that it has.
	pub fn all() -> impl Iterator<Item = Self> {
		InstructionSet::ALL.into_iter().filter_map(Self::with)
	}

	/// The instruction set in use.
	pub fn set(self) -> InstructionSet {
		self.0
	}
}
