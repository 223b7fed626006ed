// Products on tensor cores: int8 by int8 into int32. A 12-bit element is 256 * upper + lower, so a
// product by int8 weights takes two of them, one of two quantised rows three sums. Only what has
// `mma` of this shape compiles these: CUDA for sm_80 and later, and the shim, which emulates it.

#if defined(ASSAY_SHIM) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800)

#if !defined(ASSAY_SHIM)
// 16 x 32 by 32 x 8, collective over a warp. Wraps: no `.satfinite`.
DEVICE void mma(int32_t *sums, const int32_t *left, const int32_t *right)
{
	asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
		"{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
		: "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
}
#endif

// A block has four warps, two by two; each makes 32 rows by 8 * TILES columns. Tiles are 64 bytes
// deep; their rows lie 20 words apart, so that the lanes of a warp read different banks.
#define MMA_ROWS 64
#define MMA_DEPTH 64
#define MMA_WORDS 16
#define MMA_PITCH 20
#define MMA_THREADS 128
#define LINEAR_TILES 4
#define LINEAR_SIDE 64
#define HEAD_TILES 2
#define HEAD_SIDE 32

#define MMA_PLACE(tiles) \
	const int32_t thread = THREAD_X; \
	const int32_t lane = thread % 32; \
	const int32_t warp = thread / 32; \
	const int32_t top = top_tile * MMA_ROWS; \
	const int32_t warp_row = warp % 2 * 32; \
	const int32_t warp_column = warp / 2 * 8 * (tiles);

// Adds the products of one tile to the sums of a warp: `[2][tiles][4]`.
DEVICE void mma_tile(LOCAL const int32_t *left, LOCAL const int32_t *right, int32_t *sums,
	int32_t row, int32_t column, int32_t lane, int32_t tiles)
{
	const int32_t line = lane / 4;
	const int32_t word = lane % 4;
	UNROLL
	for (int32_t depth = 0; depth < MMA_WORDS; depth += 8) {
		int32_t a[2][4];
		UNROLL
		for (int32_t m = 0; m < 2; m++) {
			LOCAL const int32_t *from = left + (row + 16 * m + line) * MMA_PITCH + depth + word;
			a[m][0] = from[0];
			a[m][1] = from[8 * MMA_PITCH];
			a[m][2] = from[4];
			a[m][3] = from[8 * MMA_PITCH + 4];
		}
		UNROLL
		for (int32_t n = 0; n < tiles; n++) {
			LOCAL const int32_t *from = right + (column + 8 * n + line) * MMA_PITCH + depth + word;
			const int32_t b[2] = {from[0], from[4]};
			UNROLL
			for (int32_t m = 0; m < 2; m++) {
				mma(sums + (m * tiles + n) * 4, a[m], b);
			}
		}
	}
}

// For each output of a thread: its row, its column, what both have, and its number among the sums.
#define MMA_STORE(tiles, ROW, COLUMN, STORE, products) \
	int64_t row_factors[4]; \
	UNROLL \
	for (int32_t r = 0; r < 4; r++) { \
		row_factors[r] = ROW(top + warp_row + lane / 4 + 8 * r); \
	} \
	UNROLL \
	for (int32_t c = 0; c < 2 * (tiles); c++) { \
		const int32_t at_column = side + warp_column + c / 2 * 8 + lane % 4 * 2 + c % 2; \
		COLUMN(at_column) \
		UNROLL \
		for (int32_t r = 0; r < 4; r++) { \
			const int32_t number = (r / 2 * (tiles) + c / 2) * 4 + r % 2 * 2 + c % 2; \
			STORE(top + warp_row + lane / 4 + 8 * r, at_column, row_factors[r], products) \
		} \
	}

// Four quantised elements of a row as bytes. `upper` may be the same as `lower` where it is not
// used.
#define MMA_LOAD(lower, upper, with_upper, line, word, from, k, limit, even) \
	{ \
		const int32_t one = pair_at(from, k, limit, even); \
		const int32_t two = pair_at(from, (k) + 2, limit, even); \
		lower[(line) * MMA_PITCH + (word)] = lower_bytes(one, two); \
		if (with_upper) { \
			upper[(line) * MMA_PITCH + (word)] = upper_bytes(one, two); \
		} \
	}

// `with_upper` is a constant of each of the two kernels below: rows of 12 bits have upper bytes.
#define LINEAR_MMA(with_upper) \
	MATRIX(LINEAR_SIDE) \
	MMA_PLACE(LINEAR_TILES) \
	const int32_t even = columns % 2 == 0; \
	int32_t lower_sums[8 * LINEAR_TILES] = {0}; \
	int32_t upper_sums[8 * LINEAR_TILES] = {0}; \
	for (int32_t start = 0; start < columns; start += MMA_DEPTH) { \
		for (int32_t place = thread; place < MMA_ROWS * MMA_WORDS; place += MMA_THREADS) { \
			const int32_t line = place / MMA_WORDS; \
			const int32_t word = place % MMA_WORDS; \
			const int32_t k = start + 4 * word; \
			const int32_t limit = top + line < rows ? columns : 0; \
			GLOBAL const int16_t *from = input + (int64_t)(top + line) * columns; \
			MMA_LOAD(lower, upper, with_upper, line, word, from, k, limit, even) \
			const int32_t inside = side + line < outputs && k < pitch; \
			right[line * MMA_PITCH + word] = inside \
				? *(GLOBAL const int32_t *)(weights + (int64_t)(side + line) * pitch + k) : 0; \
		} \
		BARRIER(); \
		mma_tile(lower, right, lower_sums, warp_row, warp_column, lane, LINEAR_TILES); \
		if (with_upper) { \
			mma_tile(upper, right, upper_sums, warp_row, warp_column, lane, LINEAR_TILES); \
		} \
		BARRIER(); \
	} \
	MMA_STORE(LINEAR_TILES, LINEAR_ROW, LINEAR_COLUMN, LINEAR_STORE, \
		join(lower_sums[number], upper_sums[number]))

KERNEL linear_mma(LINEAR_OPERANDS)
{
	SHARED int32_t lower[MMA_ROWS * MMA_PITCH];
	SHARED int32_t upper[MMA_ROWS * MMA_PITCH];
	SHARED int32_t right[LINEAR_SIDE * MMA_PITCH];
	LINEAR_MMA(1)
}

// For rows of 8 bits.
KERNEL linear_mma8(LINEAR_OPERANDS)
{
	SHARED int32_t lower[MMA_ROWS * MMA_PITCH];
	LOCAL int32_t *upper = lower;
	SHARED int32_t right[LINEAR_SIDE * MMA_PITCH];
	LINEAR_MMA(0)
}

#define HEAD_TILE_SHARED \
	SHARED int32_t left_lower[MMA_ROWS * MMA_PITCH]; \
	SHARED int32_t left_upper[MMA_ROWS * MMA_PITCH]; \
	SHARED int32_t right_lower[HEAD_SIDE * MMA_PITCH]; \
	SHARED int32_t right_upper[HEAD_SIDE * MMA_PITCH];

// Lower by lower, lower by upper and upper by lower, upper by upper.
#define HEAD_TILE(low, middle, high) \
	mma_tile(left_lower, right_lower, low, warp_row, warp_column, lane, HEAD_TILES); \
	mma_tile(left_lower, right_upper, middle, warp_row, warp_column, lane, HEAD_TILES); \
	mma_tile(left_upper, right_lower, middle, warp_row, warp_column, lane, HEAD_TILES); \
	mma_tile(left_upper, right_upper, high, warp_row, warp_column, lane, HEAD_TILES);

KERNEL scores_mma(SCORES_OPERANDS)
{
	HEAD_TILE_SHARED
	HEAD(pitch, HEAD_SIDE)
	MMA_PLACE(HEAD_TILES)
	if (side >= context) {
		return;
	}
	const int32_t even = depth % 2 == 0;
	int32_t low[8 * HEAD_TILES] = {0};
	int32_t middle[8 * HEAD_TILES] = {0};
	int32_t high[8 * HEAD_TILES] = {0};
	for (int32_t start = 0; start < depth; start += MMA_DEPTH) {
		for (int32_t place = thread; place < MMA_ROWS * MMA_WORDS; place += MMA_THREADS) {
			const int32_t line = place / MMA_WORDS;
			const int32_t word = place % MMA_WORDS;
			const int32_t k = start + 4 * word;
			const int32_t limit = top + line < sequence ? depth : 0;
			GLOBAL const int16_t *from = query + QUERY_PART(top + line) * depth;
			MMA_LOAD(left_lower, left_upper, 1, line, word, from, k, limit, even)
			if (line < HEAD_SIDE) {
				const int32_t key_limit = side + line < context ? depth : 0;
				GLOBAL const int16_t *key_from = key + KEY_PART(side + line) * depth;
				MMA_LOAD(right_lower, right_upper, 1, line, word, key_from, k, key_limit, even)
			}
		}
		BARRIER();
		HEAD_TILE(low, middle, high)
		BARRIER();
	}
	MMA_STORE(HEAD_TILES, SCORES_ROW, SCORES_COLUMN, SCORES_STORE,
		join(low[number], join(middle[number], high[number])))
}

KERNEL context_mma(CONTEXT_OPERANDS)
{
	HEAD_TILE_SHARED
	HEAD(depth, HEAD_SIDE)
	MMA_PLACE(HEAD_TILES)
	const int32_t even = pitch % 2 == 0;
	int64_t sums[8 * HEAD_TILES] = {0};
	for (int32_t block = 0; block < context; block += CONTEXT_BLOCK) {
		int32_t low[8 * HEAD_TILES] = {0};
		int32_t middle[8 * HEAD_TILES] = {0};
		int32_t high[8 * HEAD_TILES] = {0};
		const int32_t end = context < block + CONTEXT_BLOCK ? context : block + CONTEXT_BLOCK;
		for (int32_t start = block; start < end; start += MMA_DEPTH) {
			for (int32_t place = thread; place < MMA_ROWS * MMA_WORDS; place += MMA_THREADS) {
				const int32_t line = place / MMA_WORDS;
				const int32_t word = place % MMA_WORDS;
				const int32_t k = start + 4 * word;
				const int32_t limit = top + line < sequence ? context : 0;
				GLOBAL const int16_t *from = weight + PAIR_ROW(top + line) * pitch;
				MMA_LOAD(left_lower, left_upper, 1, line, word, from, k, limit, even)
			}
			// Columns of values become rows; neighbouring threads read neighbouring columns.
			for (int32_t place = thread; place < HEAD_SIDE * MMA_WORDS; place += MMA_THREADS) {
				const int32_t line = place % HEAD_SIDE;
				const int32_t word = place / HEAD_SIDE;
				const int32_t position = start + 4 * word;
				const int32_t one = VALUE_PAIR(position, side + line);
				const int32_t two = VALUE_PAIR(position + 2, side + line);
				right_lower[line * MMA_PITCH + word] = lower_bytes(one, two);
				right_upper[line * MMA_PITCH + word] = upper_bytes(one, two);
			}
			BARRIER();
			HEAD_TILE(low, middle, high)
			BARRIER();
		}
		UNROLL
		for (int32_t number = 0; number < 8 * HEAD_TILES; number++) {
			sums[number] += join(low[number], join(middle[number], high[number]));
		}
	}
	MMA_STORE(HEAD_TILES, CONTEXT_ROW, CONTEXT_COLUMN, CONTEXT_STORE, sums[number])
}

#endif
