//! The kernels: their source, and one table of what each is.

/// The files of the source, in the order in which they are put together.
pub const FILES: [(&str, &str); 7] = [
	("portable.h", include_str!("../kernels/portable.h")),
	("values.cu", include_str!("../kernels/values.cu")),
	("rows.cu", include_str!("../kernels/rows.cu")),
	("product.cu", include_str!("../kernels/product.cu")),
	("tensor.cu", include_str!("../kernels/tensor.cu")),
	("decoder.cu", include_str!("../kernels/decoder.cu")),
	("network.cu", include_str!("../kernels/network.cu")),
];

/// The whole source. `#line` lets compilers name the file that an error is in.
pub fn source() -> String {
	let parts = FILES.iter().map(|(name, text)| format!("#line 1 \"{name}\"\n{text}"));
	parts.collect::<Vec<_>>().join("\n")
}

macro_rules! kernels {
	($($name:ident $text:literal $barriers:literal),+ $(,)?) => {
		/// One kernel of the source.
		#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
		#[repr(usize)]
		#[allow(missing_docs, reason = "named after their functions, which say what they do")]
		pub enum Kernel {
			$($name),+
		}

		impl Kernel {
			/// All of them, by number.
			pub const ALL: &'static [Self] = &[$(Self::$name),+];

			/// The name of its function.
			pub fn name(self) -> &'static str {
				match self {
					$(Self::$name => $text),+
				}
			}

			/// Whether threads of a block wait for each other.
			pub fn has_barriers(self) -> bool {
				match self {
					$(Self::$name => $barriers),+
				}
			}
		}
	};
}

kernels! {
	Embed "embed" false,
	Add "add" false,
	Quantise "quantise" false,
	SoftmaxExp "softmax_exp" false,
	SoftmaxNormalise "softmax_normalise" false,
	ContextWeight "context_weight" false,
	Normalise "normalise" false,
	Table "table" false,
	L2Normalise "l2_normalise" false,
	MeanPool "mean_pool" false,
	RowMax "row_max" true,
	QuantiseRows "quantise_rows" true,
	SoftmaxMax "softmax_max" true,
	SoftmaxSum "softmax_sum" true,
	Mean "mean" true,
	Deviation "deviation" true,
	L2Norm "l2_norm" true,
	LinearPlain "linear_plain" true,
	ScoresPlain "scores_plain" true,
	ContextPlain "context_plain" true,
	LinearDot "linear_dot" true,
	LinearDot8 "linear_dot8" true,
	ScoresDot "scores_dot" true,
	ContextDot "context_dot" true,
	LinearFew "linear_few" true,
	LinearMma "linear_mma" true,
	LinearMma8 "linear_mma8" true,
	ScoresMma "scores_mma" true,
	ContextMma "context_mma" true,
	RootMeanSquare "root_mean_square" true,
	RmsNormalise "rms_normalise" false,
	Rotate "rotate_heads" false,
	Multiply "multiply" false,
	Last "last" false,
	Append16 "append16" false,
	Append32 "append32" false,
	ArgMax "arg_max" true,
	Temper "temper" false,
	Tally "tally" true,
	Cut "cut" true,
	Threshold "threshold" true,
	Keep "keep" false,
	BlockSum "block_sum" true,
	Draw "draw" true,
	Pick "pick" true,
	Choose "choose" false,
	Stop "stop" true,
	Advance "advance" false,
	Convolution "convolution" true,
	Depthwise "depthwise" false,
	Lookup "lookup" false,
}

impl Kernel {
	/// Whether it uses tensor cores, so that only sm_80 and later have it.
	pub fn is_tensor(self) -> bool {
		use Kernel::{ContextMma, LinearMma, LinearMma8, ScoresMma};
		matches!(self, LinearMma | LinearMma8 | ScoresMma | ContextMma)
	}
}

/// How matrix products are computed. The results are the same; the plain way is what the others are
/// compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Products {
	/// One multiplication at a time.
	Plain,
	/// Dot products of four (`dp4a`, `dp2a`): compute capability 6.1 and later.
	Dot,
	/// Tensor cores (`mma` of int8): compute capability 8.0 and later.
	Tensor,
}

impl Products {
	/// The best that an architecture has.
	pub fn of(architecture: crate::Version) -> Self {
		match (architecture.major, architecture.minor) {
			(8.., _) => Self::Tensor,
			(7, _) | (6, 1..) => Self::Dot,
			_ => Self::Plain,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::Version;

	#[test]
	fn the_table_has_every_kernel_of_the_source_and_no_other() {
		let source = source();
		let mut declared: Vec<&str> = source
			.split("\nKERNEL ")
			.skip(1)
			.filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
			.collect();
		let mut listed: Vec<&str> = Kernel::ALL.iter().map(|kernel| kernel.name()).collect();
		declared.sort_unstable();
		listed.sort_unstable();
		assert_eq!(declared, listed);
	}

	#[test]
	fn products_are_chosen_by_architecture() {
		let of = |major, minor| Products::of(Version { major, minor });
		assert_eq!(of(6, 0), Products::Plain);
		assert_eq!((of(6, 1), of(7, 5)), (Products::Dot, Products::Dot));
		assert_eq!(
			(of(8, 0), of(9, 0), of(12, 0)),
			(Products::Tensor, Products::Tensor, Products::Tensor)
		);
	}
}
