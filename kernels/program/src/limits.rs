//! Bounds on programs. Everything a program may ask of a machine is bounded here, and
//! [`Program::validate`](crate::Program::validate) checks every one of them.

/// Leaf size of blobs and segments of rows, in bytes.
pub const SEGMENT: usize = 4096;
/// Longest SCALE encoding of a program, in bytes.
pub const MAX_PROGRAM_BYTES: u32 = 65_536;
/// Most operators of one program.
pub const MAX_OPERATORS: usize = 2_048;
/// Most tensors in one weights blob.
pub const MAX_WEIGHTS: usize = 2_048;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 4;
/// Largest fixed dimension of a tensor between operators.
pub const MAX_WIDTH: u32 = 131_072;
/// Largest vocabulary, and most rows of an embedding table.
pub const MAX_VOCABULARY: u32 = 1 << 20;
/// Most inputs in one batch.
pub const MAX_BATCH: u32 = 1_024;
/// Longest context: positions of an input, and of all steps after the first.
pub const MAX_SEQUENCE: u32 = 8_192;
/// Most steps of one job.
pub const MAX_STEPS: u32 = 8_192;
/// Longest weights blob, in bytes.
pub const MAX_WEIGHTS_BYTES: u64 = 1 << 31;
/// Most bytes that live tensors take at once, for the largest shape, each freed after its last use.
pub const MAX_LIVE_BYTES: u64 = 1 << 31;
/// Most compute units of one job, for the largest shape.
pub const MAX_UNITS: u64 = 1 << 24;
/// Most intervals of a function table.
pub const MAX_TABLE_INTERVALS: u32 = 65_536;
/// Longest row that is summed as squares: `MAX_SQUARES_WIDTH * SQUARE_LIMIT^2 < 2^63`.
pub const MAX_SQUARES_WIDTH: u32 = 8_192;
/// Most bytes that the referee opens for one element, or one block of a reduction.
pub const MAX_OPENING_BYTES: u64 = 1 << 18;
/// Most fraction bits of a tensor.
pub const MAX_FRACTION: u8 = 26;
/// Largest shift count of a rescale.
pub const MAX_SHIFT: u32 = 62;

/// Fraction bits of a weight's scale `m`: `scale = m / 2^30`.
pub const SCALE_FRACTION: u8 = 30;
/// Fraction bits that the exponential takes and gives.
pub const EXP_FRACTION: u8 = 16;
/// Fraction bits of probabilities, which are at most 32767.
pub const PROBABILITY_FRACTION: u8 = 15;
/// Fraction bits of a normalised value before its gain, inside `Normalise`.
pub const NORMAL_FRACTION: u8 = 20;
/// Fraction bits of the gain of a normalisation.
pub const GAIN_FRACTION: u8 = 16;
/// Values are clamped to this magnitude before they are squared or divided by a root.
pub const SQUARE_LIMIT: i64 = (1 << 25) - 1;
/// Most fraction bits a deviation may have beyond the value it is of.
pub const MAX_DEVIATION_GUARD: u8 = 6;

/// Elements per block of a reduction along a row.
pub const ROW_BLOCK: u64 = 2_048;
/// Positions per block of a reduction across rows.
pub const POSITION_BLOCK: u64 = 32;

/// Most tokens that end a row.
pub const MAX_ENDS: usize = 8;
/// The largest element that the exponential gives.
pub const MAX_EXPONENTIAL: i64 = 65_556;
/// Fraction bits of the tables of a rotation, whose entries are at most 1.
pub const ROTATION_FRACTION: u8 = 14;
/// Fraction bits of the numbers of [`Sampling`](crate::Sampling).
pub const SAMPLING_FRACTION: u8 = 16;
/// Highest temperature, 16 fraction bits.
pub const MAX_TEMPERATURE: u32 = 100 << SAMPLING_FRACTION;
/// The largest `top_p`, which cuts nothing off.
pub const ALL_OF_THE_MASS: u32 = 1 << SAMPLING_FRACTION;
/// Bins by the high digit of a weight, `e >> 8`, which is at most 256.
pub const HIGH_BINS: u32 = 257;
/// Bins by the low digit of a weight, `e & 255`.
pub const LOW_BINS: u32 = 256;
/// Weights that are summed together when a token is drawn.
pub const DRAW_BLOCK: u32 = 256;
/// Most bits that are dropped of a weight before it is summed.
pub const MAX_WEIGHT_SHIFT: u8 = 16;
/// Products of two 12-bit rows that sum up within int32, whatever they are.
pub const PRODUCT_BLOCK: usize = 512;
