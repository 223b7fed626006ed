// One source for four compilers: NVRTC, OpenCL C (PoCL, Oclgrind) and g++ with the shim of the
// tests.
//
// The subset: C without templates, references, warp shuffles or library calls. Every pointer to
// device memory is GLOBAL, every one to a block's memory LOCAL. No left shift of a negative number,
// no sum that may leave its type: the shim runs under the undefined-behaviour sanitizer.

#if defined(ASSAY_SHIM)
// Macros and types came with the shim.
#elif defined(__OPENCL_VERSION__)
typedef char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef uint uint32_t;
typedef long int64_t;
typedef ulong uint64_t;
#define KERNEL __kernel void
#define DEVICE static inline
#define GLOBAL __global
#define LOCAL __local
#define SHARED __local
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define THREAD_X ((int32_t)get_local_id(0))
#define THREAD_Y ((int32_t)get_local_id(1))
#define BLOCK_X ((int32_t)get_group_id(0))
#define BLOCK_Y ((int32_t)get_group_id(1))
#define THREADS_X ((int32_t)get_local_size(0))
#define THREADS_Y ((int32_t)get_local_size(1))
#define UNROLL
#else
#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define GLOBAL
#define LOCAL
#define SHARED __shared__
#define BARRIER() __syncthreads()
#define THREAD_X ((int32_t)threadIdx.x)
#define THREAD_Y ((int32_t)threadIdx.y)
#define BLOCK_X ((int32_t)blockIdx.x)
#define BLOCK_Y ((int32_t)blockIdx.y)
#define THREADS_X ((int32_t)blockDim.x)
#define THREADS_Y ((int32_t)blockDim.y)
#define UNROLL _Pragma("unroll")
#endif

// What a step is at, in device memory so that a recorded step can be replayed. Words of `state`;
// src/state.rs writes them.
#define STATE_PAST 0
#define STATE_CONTEXT 1
#define STATE_STEP 2
#define STATE_MAX_STEPS 3
#define STATE_SAMPLED 4
#define STATE_TEMPERATURE 5
#define STATE_TOP_K 6
#define STATE_TOP_P 7
#define STATE_KEY 8

#define INT32_LEAST (-2147483647 - 1)
#define INT32_MOST 2147483647
#define SQUARE_LIMIT 33554431

// Element numbers are below 2^31: validation bounds the bytes of a tensor.
#define INDEX ((int64_t)BLOCK_X * THREADS_X + THREAD_X)

// A width that is 0 is the context: it grows from step to step. Rows of such a tensor lie `pitch`
// apart, which is the longest context.
DEVICE int32_t width_of(int32_t width, GLOBAL const int32_t *state)
{
	return width > 0 ? width : state[STATE_CONTEXT];
}

DEVICE int64_t min64(int64_t left, int64_t right) { return left < right ? left : right; }

DEVICE int64_t max64(int64_t left, int64_t right) { return left > right ? left : right; }

DEVICE int64_t clamp64(int64_t value, int64_t least, int64_t most)
{
	return min64(max64(value, least), most);
}

// sat
DEVICE int32_t saturate(int64_t value)
{
	return (int32_t)clamp64(value, INT32_LEAST, INT32_MOST);
}

DEVICE int64_t clamp25(int64_t value) { return clamp64(value, -SQUARE_LIMIT, SQUARE_LIMIT); }

// rs: the shift is 1 to 62.
DEVICE int64_t round_shift(int64_t value, int32_t shift)
{
	return (value + ((int64_t)1 << (shift - 1))) >> shift;
}

// rs0
DEVICE int64_t round_shift_or_none(int64_t value, int32_t shift)
{
	return shift > 0 ? round_shift(value, shift) : value;
}

// rd: C truncates, so the floor is written out. A divisor below 1 counts as 1.
DEVICE int64_t round_div(int64_t numerator, int64_t divisor)
{
	const int64_t d = max64(divisor, 1);
	int64_t quotient = numerator / d;
	int64_t rest = numerator - quotient * d;
	if (rest < 0) {
		rest += d;
		quotient -= 1;
	}
	return quotient + (rest >= d - rest ? 1 : 0);
}

// value * 2^bits
DEVICE int64_t scale_up(int64_t value, int32_t bits) { return value * ((int64_t)1 << bits); }

// The exact floor square root, digit by digit; 0 for a negative value.
DEVICE int64_t square_root(int64_t value)
{
	if (value <= 0) {
		return 0;
	}
	uint64_t rest = (uint64_t)value;
	uint64_t root = 0;
	uint64_t digit = (uint64_t)1 << 62;
	while (digit > rest) {
		digit >>= 2;
	}
	while (digit != 0) {
		if (rest >= root + digit) {
			rest -= root + digit;
			root = (root >> 1) + digit;
		} else {
			root >>= 1;
		}
		digit >>= 2;
	}
	return (int64_t)root;
}

// Q = 2^(bits-1) - 1
DEVICE int64_t quantised_limit(int32_t bits) { return ((int64_t)1 << (bits - 1)) - 1; }

// factor(A)
DEVICE int64_t factor_of(int32_t max, int32_t bits)
{
	return round_div(scale_up(max64(max, 1), bits - 1), quantised_limit(bits));
}

// max(0, m)
DEVICE int64_t multiplier(int32_t scale) { return max64(scale, 0); }
