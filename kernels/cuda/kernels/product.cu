// Products of quantised rows: by int8 weights (linear), of queries and keys (scores), of weights
// and
// values (context). Here the plain kernels, which all others are compared with, and those that
// use dot products of four.

DEVICE int32_t linear_finish(int32_t products, int32_t scale, int32_t bias, int64_t factor,
	int32_t first, int32_t second)
{
	const int64_t middle = saturate(round_shift(products * multiplier(scale), first));
	return saturate(round_shift(middle * factor, second) + bias);
}

DEVICE int32_t scores_finish(int32_t products, int64_t query_factor, int64_t key_factor,
	int32_t first, int32_t second)
{
	const int64_t middle = saturate(round_shift(products * query_factor, first));
	return saturate(round_shift(middle * key_factor, second));
}

// factor(A) of both operands at once, with the bits of both.
DEVICE int64_t context_factor(int32_t max, int32_t weight_bits, int32_t value_bits)
{
	const int64_t limits = quantised_limit(weight_bits) * quantised_limit(value_bits);
	return round_div(scale_up(max64(max, 1), weight_bits + value_bits - 2), limits);
}

DEVICE int32_t context_finish(int64_t products, int64_t factor, int32_t first, int32_t second)
{
	const int64_t middle = saturate(round_shift_or_none(products, first));
	return saturate(round_shift(middle * factor, second));
}

// Sums of this many products of two 12-bit numbers fit int32.
#define CONTEXT_BLOCK 512

// What the kernels of a product share.

#define LINEAR_OPERANDS \
	GLOBAL int32_t *out, GLOBAL const int16_t *input, GLOBAL const int32_t *max, \
	GLOBAL const int8_t *weights, GLOBAL const int32_t *scales, GLOBAL const int32_t *bias, \
	int32_t rows, int32_t columns, int32_t outputs, int32_t pitch, int32_t bits, int32_t first, \
	int32_t second, int32_t has_bias

// Query head `h` reads key head `h / (heads / groups)`. Keys and their maxima are held:
// `[B, pitch, groups * depth]`; scores are `[B, heads, sequence, pitch]`.
#define SCORES_OPERANDS \
	GLOBAL int32_t *out, GLOBAL const int16_t *query, GLOBAL const int32_t *query_max, \
	GLOBAL const int16_t *key, GLOBAL const int32_t *key_max, GLOBAL const int32_t *state, \
	int32_t sequence, int32_t pitch, int32_t heads, int32_t groups, int32_t depth, \
	int32_t query_bits, int32_t key_bits, int32_t first, int32_t second

// Weights are `[B, heads, sequence, pitch]`, values held: `[B, pitch, groups * depth]`.
#define CONTEXT_OPERANDS \
	GLOBAL int32_t *out, GLOBAL const int16_t *weight, GLOBAL const int32_t *weight_max, \
	GLOBAL const int16_t *value, GLOBAL const int32_t *state, int32_t sequence, int32_t pitch, \
	int32_t heads, int32_t groups, int32_t depth, int32_t weight_bits, int32_t value_bits, \
	int32_t first, int32_t second

// How results are made and stored. `*_ROW` is what a row of outputs has in common, `*_COLUMN` what
// a
// column has: a thread works each out once. Places outside the output are left alone.

#define LINEAR_ROW(row) ((row) < rows ? factor_of(max[row], bits) : 0)

#define LINEAR_COLUMN(column) \
	const int32_t scale = (column) < outputs ? scales[column] : 0; \
	const int32_t offset = has_bias && (column) < outputs ? bias[column] : 0;

#define LINEAR_STORE(row, column, row_factor, products) \
	if ((row) < rows && (column) < outputs) { \
		out[(int64_t)(row) * outputs + (column)] = \
			linear_finish(products, scale, offset, row_factor, first, second); \
	}

// A block's attention head: BLOCK_X counts batch entries, heads, and in each of them tiles of
// columns, of which there are as many as `columns` fill. Grids may be long in X only.
#define HEAD(columns, size) \
	const int32_t tiles_in_head = ((columns) + (size) - 1) / (size); \
	const int32_t part = BLOCK_X / tiles_in_head; \
	const int32_t side = (BLOCK_X - part * tiles_in_head) * (size); \
	const int32_t top_tile = BLOCK_Y; \
	const int32_t entry = part / heads; \
	const int32_t head = part - entry * heads; \
	const int32_t group = head / (heads / groups); \
	const int32_t context = state[STATE_CONTEXT];

// The same for a product by weights. Rows may be many.
#define MATRIX(size) \
	const int32_t top_tile = BLOCK_X; \
	const int32_t side = BLOCK_Y * (size);

// Where the part of a head begins in row `position` of an entry.
#define QUERY_PART(position) (((int64_t)entry * sequence + (position)) * heads + head)
#define KEY_PART(position) (((int64_t)entry * pitch + (position)) * groups + group)
#define PAIR_ROW(position) ((int64_t)part * sequence + (position))

#define SCORES_ROW(query_at) \
	((query_at) < sequence ? factor_of(query_max[QUERY_PART(query_at)], query_bits) : 0)

#define SCORES_COLUMN(key_at) \
	const int64_t key_factor = \
		(key_at) < context ? factor_of(key_max[KEY_PART(key_at)], key_bits) : 0;

#define SCORES_STORE(query_at, key_at, row_factor, products) \
	if ((query_at) < sequence && (key_at) < context) { \
		out[PAIR_ROW(query_at) * pitch + (key_at)] = \
			scores_finish(products, row_factor, key_factor, first, second); \
	}

#define CONTEXT_ROW(query_at) \
	((query_at) < sequence \
		? context_factor(weight_max[PAIR_ROW(query_at)], weight_bits, value_bits) : 0)

#define CONTEXT_COLUMN(column)

#define CONTEXT_STORE(query_at, column, row_factor, products) \
	if ((query_at) < sequence && (column) < depth) { \
		out[QUERY_PART(query_at) * depth + (column)] = \
			context_finish(products, row_factor, first, second); \
	}

// The plain kernels: a block of 16 x 16 threads makes as many outputs, one each.

#define TILE 16

#define PLAIN_PLACE \
	SHARED int32_t left[TILE * TILE]; \
	SHARED int32_t right[TILE * TILE]; \
	const int32_t row = top_tile * TILE + THREAD_Y; \
	const int32_t column = side + THREAD_X; \
	const int32_t place = THREAD_Y * TILE + THREAD_X;

// Row THREAD_Y of `left` times row THREAD_X of `right`.
DEVICE int32_t plain_products(LOCAL const int32_t *left, LOCAL const int32_t *right)
{
	int32_t sum = 0;
	for (int32_t k = 0; k < TILE; k++) {
		sum += left[THREAD_Y * TILE + k] * right[THREAD_X * TILE + k];
	}
	return sum;
}

KERNEL linear_plain(LINEAR_OPERANDS)
{
	MATRIX(TILE)
	PLAIN_PLACE
	// The row of weights that this thread loads for its block.
	const int32_t loaded = side + THREAD_Y;
	int32_t sum = 0;
	for (int32_t start = 0; start < columns; start += TILE) {
		const int32_t k = start + THREAD_X;
		const int32_t inside = k < columns;
		left[place] = inside && row < rows ? input[(int64_t)row * columns + k] : 0;
		right[place] = inside && loaded < outputs ? weights[(int64_t)loaded * pitch + k] : 0;
		BARRIER();
		sum += plain_products(left, right);
		BARRIER();
	}
	LINEAR_COLUMN(column)
	LINEAR_STORE(row, column, LINEAR_ROW(row), sum)
}

KERNEL scores_plain(SCORES_OPERANDS)
{
	HEAD(pitch, TILE)
	PLAIN_PLACE
	if (side >= context) {
		return;
	}
	const int32_t loaded = side + THREAD_Y;
	int32_t sum = 0;
	for (int32_t start = 0; start < depth; start += TILE) {
		const int32_t k = start + THREAD_X;
		const int32_t inside = k < depth;
		left[place] = inside && row < sequence ? query[QUERY_PART(row) * depth + k] : 0;
		right[place] = inside && loaded < context ? key[KEY_PART(loaded) * depth + k] : 0;
		BARRIER();
		sum += plain_products(left, right);
		BARRIER();
	}
	SCORES_COLUMN(column)
	SCORES_STORE(row, column, SCORES_ROW(row), sum)
}

KERNEL context_plain(CONTEXT_OPERANDS)
{
	HEAD(depth, TILE)
	PLAIN_PLACE
	int64_t sum = 0;
	for (int32_t start = 0; start < context; start += TILE) {
		const int32_t k = start + THREAD_X;
		const int32_t position = start + THREAD_Y;
		left[place] = k < context && row < sequence ? weight[PAIR_ROW(row) * pitch + k] : 0;
		right[THREAD_X * TILE + THREAD_Y] =
			position < context && column < depth ? value[KEY_PART(position) * depth + column] : 0;
		BARRIER();
		sum += plain_products(left, right);
		BARRIER();
	}
	CONTEXT_STORE(row, column, CONTEXT_ROW(row), sum)
}

// Dot products of four: `dp4a` of int8 by int8, `dp2a` of int16 by int8.

DEVICE int32_t byte_of(int32_t word, int32_t number)
{
	return (int8_t)((uint32_t)word >> (8 * number));
}

DEVICE int32_t half_of(int32_t word, int32_t number)
{
	return (int16_t)((uint32_t)word >> (16 * number));
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 610
#define DP4A(a, b, sum) __dp4a((a), (b), (sum))
#define DP2A_LOW(a, b, sum) __dp2a_lo((a), (b), (sum))
#define DP2A_HIGH(a, b, sum) __dp2a_hi((a), (b), (sum))
#elif defined(__OPENCL_VERSION__)
// In few steps: Oclgrind interprets each of them.
#define DP4A(a, b, sum) \
	((sum) + as_char4(a).x * as_char4(b).x + as_char4(a).y * as_char4(b).y + \
		as_char4(a).z * as_char4(b).z + as_char4(a).w * as_char4(b).w)
#define DP2A_LOW(a, b, sum) \
	((sum) + as_short2(a).x * as_char4(b).x + as_short2(a).y * as_char4(b).y)
#define DP2A_HIGH(a, b, sum) \
	((sum) + as_short2(a).x * as_char4(b).z + as_short2(a).y * as_char4(b).w)
#else
DEVICE int32_t emulated_dp4a(int32_t a, int32_t b, int32_t sum)
{
	for (int32_t k = 0; k < 4; k++) {
		sum += byte_of(a, k) * byte_of(b, k);
	}
	return sum;
}

DEVICE int32_t emulated_dp2a(int32_t a, int32_t b, int32_t sum, int32_t upper)
{
	for (int32_t k = 0; k < 2; k++) {
		sum += half_of(a, k) * byte_of(b, k + 2 * upper);
	}
	return sum;
}
#define DP4A(a, b, sum) emulated_dp4a((a), (b), (sum))
#define DP2A_LOW(a, b, sum) emulated_dp2a((a), (b), (sum), 0)
#define DP2A_HIGH(a, b, sum) emulated_dp2a((a), (b), (sum), 1)
#endif

// Two adjacent quantised elements as a word; 0 for those at `limit` or beyond. `even` says that
// rows begin at whole words.
DEVICE int32_t pair_at(GLOBAL const int16_t *row, int32_t k, int32_t limit, int32_t even)
{
	if (even && k + 1 < limit) {
		return *(GLOBAL const int32_t *)(row + k);
	}
	const uint32_t low = k < limit ? (uint32_t)row[k] & 0xffffu : 0;
	const uint32_t high = k + 1 < limit ? (uint32_t)row[k + 1] & 0xffffu : 0;
	return (int32_t)(low | high << 16);
}

// A quantised element is 256 * upper + lower, both int8. Bytes of four of them, given as two pairs.
DEVICE int32_t lower_bytes(int32_t first, int32_t second)
{
	const uint32_t a = (uint32_t)first;
	const uint32_t b = (uint32_t)second;
	return (int32_t)((a & 0xffu) | (a >> 8 & 0xff00u) | (b & 0xffu) << 16 | (b << 8 & 0xff000000u));
}

DEVICE int32_t upper_byte(uint32_t word) { return (int32_t)((word + 128u) >> 8 & 0xffu); }

DEVICE int32_t upper_bytes(int32_t first, int32_t second)
{
	const uint32_t a = (uint32_t)first;
	const uint32_t b = (uint32_t)second;
	return (int32_t)((uint32_t)upper_byte(a) | (uint32_t)upper_byte(a >> 16) << 8 |
		(uint32_t)upper_byte(b) << 16 | (uint32_t)upper_byte(b >> 16) << 24);
}

// Sums of lower and upper bytes put together. The whole fits int32; its parts may not.
DEVICE int32_t join(int32_t lower, int32_t upper)
{
	return (int32_t)((uint32_t)lower + ((uint32_t)upper << 8));
}

// A block of 16 x 16 threads makes 64 x 64 outputs, 4 x 4 a thread, 32 columns at a time. Rows of a
// tile are an odd number of words apart, so that lanes read different banks.
#define DOT_TILE 64
#define DOT_DEPTH 32
#define DOT_THREADS 256
#define DOT_PAIRS 17
#define DOT_WORDS 9

#define DOT_PLACE \
	const int32_t thread = THREAD_Y * 16 + THREAD_X; \
	const int32_t top = top_tile * DOT_TILE;

// Rows of pairs by rows of bytes.
DEVICE void dot_pairs(LOCAL const int32_t *pairs, LOCAL const int32_t *bytes, int32_t *sums)
{
	for (int32_t word = 0; word < DOT_DEPTH / 4; word++) {
		UNROLL
		for (int32_t r = 0; r < 4; r++) {
			const int32_t place = (THREAD_Y + 16 * r) * DOT_PAIRS + 2 * word;
			const int32_t low = pairs[place];
			const int32_t high = pairs[place + 1];
			UNROLL
			for (int32_t c = 0; c < 4; c++) {
				const int32_t other = bytes[(THREAD_X + 16 * c) * DOT_WORDS + word];
				sums[r * 4 + c] = DP2A_HIGH(high, other, DP2A_LOW(low, other, sums[r * 4 + c]));
			}
		}
	}
}

// Rows of bytes by rows of bytes.
DEVICE void dot_bytes(LOCAL const int32_t *left, LOCAL const int32_t *right, int32_t *sums)
{
	for (int32_t word = 0; word < DOT_DEPTH / 4; word++) {
		UNROLL
		for (int32_t r = 0; r < 4; r++) {
			const int32_t one = left[(THREAD_Y + 16 * r) * DOT_WORDS + word];
			UNROLL
			for (int32_t c = 0; c < 4; c++) {
				const int32_t other = right[(THREAD_X + 16 * c) * DOT_WORDS + word];
				sums[r * 4 + c] = DP4A(one, other, sums[r * 4 + c]);
			}
		}
	}
}

DEVICE void dot_load_weights(LOCAL int32_t *tile, GLOBAL const int8_t *weights, int32_t side,
	int32_t outputs, int32_t pitch, int32_t start, int32_t thread)
{
	for (int32_t place = thread; place < DOT_TILE * DOT_DEPTH / 4; place += DOT_THREADS) {
		const int32_t line = place / (DOT_DEPTH / 4);
		const int32_t word = place % (DOT_DEPTH / 4);
		const int32_t column = side + line;
		const int32_t k = start + 4 * word;
		// Rows of weights lie a multiple of four apart, filled with zeros.
		const int32_t inside = column < outputs && k < pitch;
		tile[line * DOT_WORDS + word] =
			inside ? *(GLOBAL const int32_t *)(weights + (int64_t)column * pitch + k) : 0;
	}
}

// For each output of a thread: its row, its column, what both have, and its number among the sums.
#define DOT_STORE(ROW, COLUMN, STORE, products) \
	int64_t row_factors[4]; \
	UNROLL \
	for (int32_t r = 0; r < 4; r++) { \
		row_factors[r] = ROW(top + THREAD_Y + 16 * r); \
	} \
	UNROLL \
	for (int32_t c = 0; c < 4; c++) { \
		const int32_t at_column = side + THREAD_X + 16 * c; \
		COLUMN(at_column) \
		UNROLL \
		for (int32_t r = 0; r < 4; r++) { \
			const int32_t number = r * 4 + c; \
			STORE(top + THREAD_Y + 16 * r, at_column, row_factors[r], products) \
		} \
	}

KERNEL linear_dot(LINEAR_OPERANDS)
{
	SHARED int32_t left[DOT_TILE * DOT_PAIRS];
	SHARED int32_t right[DOT_TILE * DOT_WORDS];
	MATRIX(DOT_TILE)
	DOT_PLACE
	const int32_t even = columns % 2 == 0;
	int32_t sums[16] = {0};
	for (int32_t start = 0; start < columns; start += DOT_DEPTH) {
		for (int32_t place = thread; place < DOT_TILE * DOT_DEPTH / 2; place += DOT_THREADS) {
			const int32_t line = place / (DOT_DEPTH / 2);
			const int32_t pair = place % (DOT_DEPTH / 2);
			const int32_t row = top + line;
			const int32_t limit = row < rows ? columns : 0;
			left[line * DOT_PAIRS + pair] =
				pair_at(input + (int64_t)row * columns, start + 2 * pair, limit, even);
		}
		dot_load_weights(right, weights, side, outputs, pitch, start, thread);
		BARRIER();
		dot_pairs(left, right, sums);
		BARRIER();
	}
	DOT_STORE(LINEAR_ROW, LINEAR_COLUMN, LINEAR_STORE, sums[number])
}

// For rows of 8 bits.
KERNEL linear_dot8(LINEAR_OPERANDS)
{
	SHARED int32_t left[DOT_TILE * DOT_WORDS];
	SHARED int32_t right[DOT_TILE * DOT_WORDS];
	MATRIX(DOT_TILE)
	DOT_PLACE
	const int32_t even = columns % 2 == 0;
	int32_t sums[16] = {0};
	for (int32_t start = 0; start < columns; start += DOT_DEPTH) {
		for (int32_t place = thread; place < DOT_TILE * DOT_DEPTH / 4; place += DOT_THREADS) {
			const int32_t line = place / (DOT_DEPTH / 4);
			const int32_t word = place % (DOT_DEPTH / 4);
			const int32_t row = top + line;
			const int32_t limit = row < rows ? columns : 0;
			GLOBAL const int16_t *from = input + (int64_t)row * columns;
			const int32_t k = start + 4 * word;
			left[line * DOT_WORDS + word] =
				lower_bytes(pair_at(from, k, limit, even), pair_at(from, k + 2, limit, even));
		}
		dot_load_weights(right, weights, side, outputs, pitch, start, thread);
		BARRIER();
		dot_bytes(left, right, sums);
		BARRIER();
	}
	DOT_STORE(LINEAR_ROW, LINEAR_COLUMN, LINEAR_STORE, sums[number])
}

KERNEL scores_dot(SCORES_OPERANDS)
{
	SHARED int32_t left[DOT_TILE * DOT_PAIRS];
	SHARED int32_t lower[DOT_TILE * DOT_WORDS];
	SHARED int32_t upper[DOT_TILE * DOT_WORDS];
	HEAD(pitch, DOT_TILE)
	DOT_PLACE
	if (side >= context) {
		return;
	}
	const int32_t even = depth % 2 == 0;
	int32_t lower_sums[16] = {0};
	int32_t upper_sums[16] = {0};
	for (int32_t start = 0; start < depth; start += DOT_DEPTH) {
		for (int32_t place = thread; place < DOT_TILE * DOT_DEPTH / 4; place += DOT_THREADS) {
			const int32_t line = place / (DOT_DEPTH / 4);
			const int32_t word = place % (DOT_DEPTH / 4);
			const int32_t k = start + 4 * word;
			const int32_t limit = top + line < sequence ? depth : 0;
			GLOBAL const int16_t *from = query + QUERY_PART(top + line) * depth;
			left[line * DOT_PAIRS + 2 * word] = pair_at(from, k, limit, even);
			left[line * DOT_PAIRS + 2 * word + 1] = pair_at(from, k + 2, limit, even);
			const int32_t key_limit = side + line < context ? depth : 0;
			GLOBAL const int16_t *key_from = key + KEY_PART(side + line) * depth;
			const int32_t one = pair_at(key_from, k, key_limit, even);
			const int32_t two = pair_at(key_from, k + 2, key_limit, even);
			lower[line * DOT_WORDS + word] = lower_bytes(one, two);
			upper[line * DOT_WORDS + word] = upper_bytes(one, two);
		}
		BARRIER();
		dot_pairs(left, lower, lower_sums);
		dot_pairs(left, upper, upper_sums);
		BARRIER();
	}
	DOT_STORE(SCORES_ROW, SCORES_COLUMN, SCORES_STORE,
		join(lower_sums[number], upper_sums[number]))
}

// Two adjacent positions of one column of values as a word.
#define VALUE_PAIR(position, column) \
	((int32_t)(((position) < context && (column) < depth \
			? (uint32_t)value[KEY_PART(position) * depth + (column)] & 0xffffu : 0) | \
		((position) + 1 < context && (column) < depth \
			? (uint32_t)value[KEY_PART((position) + 1) * depth + (column)] & 0xffffu : 0) << 16))

KERNEL context_dot(CONTEXT_OPERANDS)
{
	SHARED int32_t left[DOT_TILE * DOT_PAIRS];
	SHARED int32_t lower[DOT_TILE * DOT_WORDS];
	SHARED int32_t upper[DOT_TILE * DOT_WORDS];
	HEAD(depth, DOT_TILE)
	DOT_PLACE
	const int32_t even = pitch % 2 == 0;
	int64_t sums[16] = {0};
	for (int32_t block = 0; block < context; block += CONTEXT_BLOCK) {
		int32_t lower_sums[16] = {0};
		int32_t upper_sums[16] = {0};
		const int32_t end = context < block + CONTEXT_BLOCK ? context : block + CONTEXT_BLOCK;
		for (int32_t start = block; start < end; start += DOT_DEPTH) {
			for (int32_t place = thread; place < DOT_TILE * DOT_DEPTH / 4; place += DOT_THREADS) {
				const int32_t line = place / (DOT_DEPTH / 4);
				const int32_t word = place % (DOT_DEPTH / 4);
				const int32_t k = start + 4 * word;
				const int32_t limit = top + line < sequence ? context : 0;
				GLOBAL const int16_t *from = weight + PAIR_ROW(top + line) * pitch;
				left[line * DOT_PAIRS + 2 * word] = pair_at(from, k, limit, even);
				left[line * DOT_PAIRS + 2 * word + 1] = pair_at(from, k + 2, limit, even);
				// Neighbouring threads read neighbouring columns.
				const int32_t column = place % DOT_TILE;
				const int32_t quad = place / DOT_TILE;
				const int32_t position = start + 4 * quad;
				const int32_t one = VALUE_PAIR(position, side + column);
				const int32_t two = VALUE_PAIR(position + 2, side + column);
				lower[column * DOT_WORDS + quad] = lower_bytes(one, two);
				upper[column * DOT_WORDS + quad] = upper_bytes(one, two);
			}
			BARRIER();
			dot_pairs(left, lower, lower_sums);
			dot_pairs(left, upper, upper_sums);
			BARRIER();
		}
		for (int32_t n = 0; n < 16; n++) {
			sums[n] += join(lower_sums[n], upper_sums[n]);
		}
	}
	DOT_STORE(CONTEXT_ROW, CONTEXT_COLUMN, CONTEXT_STORE, sums[number])
}

// Few rows, as in a step of a decoder: what takes time is to read the weights once. A block of 32
// lanes by 8 makes 8 outputs for each of at most 8 rows.
#define FEW_ROWS 8
#define FEW_LANES 32
#define FEW_OUTPUTS 8

KERNEL linear_few(LINEAR_OPERANDS)
{
	SHARED int32_t partials[FEW_ROWS * FEW_LANES * FEW_OUTPUTS];
	const int32_t column = BLOCK_X * FEW_OUTPUTS + THREAD_Y;
	const int32_t even = columns % 2 == 0;
	const int32_t end = column < outputs ? columns : 0;
	GLOBAL const int8_t *from = weights + (int64_t)column * pitch;
	int32_t sums[FEW_ROWS] = {0};
	for (int32_t k = 4 * THREAD_X; k < end; k += 4 * FEW_LANES) {
		const int32_t four = *(GLOBAL const int32_t *)(from + k);
		UNROLL
		for (int32_t row = 0; row < FEW_ROWS; row++) {
			if (row < rows) {
				GLOBAL const int16_t *line = input + (int64_t)row * columns;
				const int32_t low = pair_at(line, k, columns, even);
				const int32_t high = pair_at(line, k + 2, columns, even);
				sums[row] = DP2A_HIGH(high, four, DP2A_LOW(low, four, sums[row]));
			}
		}
	}
	UNROLL
	for (int32_t row = 0; row < FEW_ROWS; row++) {
		partials[(row * FEW_OUTPUTS + THREAD_Y) * FEW_LANES + THREAD_X] = sums[row];
	}
	BARRIER();
	// Lane `r` finishes row `r`; each begins at its own bank.
	if (THREAD_X < rows) {
		int32_t sum = 0;
		for (int32_t lane = 0; lane < FEW_LANES; lane++) {
			sum += partials[(THREAD_X * FEW_OUTPUTS + THREAD_Y) * FEW_LANES +
				(lane + THREAD_X) % FEW_LANES];
		}
		LINEAR_COLUMN(column)
		LINEAR_STORE(THREAD_X, column, LINEAR_ROW(THREAD_X), sum)
	}
}
