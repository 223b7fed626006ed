// What a decoder does besides what an encoder does: rows, steps and the choice of tokens.

KERNEL root_mean_square(GLOBAL int32_t *out, GLOBAL const int32_t *value,
	GLOBAL const int32_t *state, int32_t rows, int32_t width, int32_t shift, int32_t epsilon,
	int32_t guard)
{
	ROWS(rows, width, width)
	int64_t squares = 0;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		const int64_t x = clamp25(round_shift_or_none(value[start + k], shift));
		squares += x * x;
	}
	squares = row_sum(partials, squares);
	if (THREAD_X == 0 && row < rows) {
		const int64_t square = round_div(squares, width) + (uint32_t)epsilon;
		out[row] = saturate(square_root(scale_up(square, 2 * guard)));
	}
}

KERNEL rms_normalise(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *rms,
	GLOBAL const int32_t *gain, GLOBAL const int32_t *state, int32_t count, int32_t width,
	int32_t shift)
{
	ELEMENT(count, width, width)
	const int64_t ratio = saturate(round_div(scale_up(value[i], 20), rms[row]));
	out[i] = saturate(round_shift(ratio * gain[column], shift));
}

KERNEL rotate_heads(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *cosine,
	GLOBAL const int32_t *sine, GLOBAL const int32_t *state, int32_t count, int32_t width,
	int32_t sequence, int32_t depth)
{
	ELEMENT(count, width, width)
	const int32_t angles = depth / 2;
	const int32_t d = column % depth;
	const int32_t angle = d < angles ? d : d - angles;
	const int64_t at = (int64_t)(state[STATE_PAST] + row % sequence) * angles + angle;
	const int64_t c = clamp64(cosine[at], -16384, 16384);
	const int64_t s = clamp64(sine[at], -16384, 16384);
	const int64_t other = d < angles ? -(int64_t)value[i + angles] : value[i - angles];
	out[i] = saturate(round_shift(value[i] * c + other * s, 14));
}

KERNEL multiply(GLOBAL int32_t *out, GLOBAL const int32_t *left, GLOBAL const int32_t *right,
	GLOBAL const int32_t *state, int32_t count, int32_t pitch, int32_t width, int32_t shift)
{
	ELEMENT(count, pitch, width)
	out[i] = saturate(round_shift((int64_t)left[i] * right[i], shift));
}

KERNEL last(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t count, int32_t width, int32_t sequence)
{
	ELEMENT(count, width, width)
	out[i] = value[((int64_t)row * sequence + sequence - 1) * width + column];
}

// Puts the rows of a step behind those of the steps before it.
#define APPEND \
	ELEMENT(count, width, width) \
	const int32_t entry = row / sequence; \
	const int64_t place = (int64_t)entry * pitch + state[STATE_PAST] + (row - entry * sequence); \
	held[place * width + column] = value[i];

KERNEL append16(GLOBAL int16_t *held, GLOBAL const int16_t *value, GLOBAL const int32_t *state,
	int32_t count, int32_t width, int32_t sequence, int32_t pitch)
{
	APPEND
}

KERNEL append32(GLOBAL int32_t *held, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t count, int32_t width, int32_t sequence, int32_t pitch)
{
	APPEND
}

// The largest value, and of several the one with the lowest index: the latter counts down in the
// lower half of what is compared.
KERNEL arg_max(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t rows, int32_t width)
{
	ROWS(rows, width, width)
	int64_t largest = scale_up(INT32_LEAST, 32);
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		largest = max64(largest, scale_up(value[start + k], 32) + (INT32_MOST - k));
	}
	largest = row_largest(partials, largest);
	if (THREAD_X == 0 && row < rows) {
		out[row] = INT32_MOST - (int32_t)(largest & INT32_MOST);
	}
}

KERNEL temper(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *max,
	GLOBAL const int32_t *state, int32_t count, int32_t width)
{
	ELEMENT(count, width, width)
	const int64_t distance = (int64_t)value[i] - max[row];
	out[i] = saturate(round_div(scale_up(distance, 16), state[STATE_TEMPERATURE]));
}

#if defined(ASSAY_SHIM)
#define ADD_TOGETHER(place, value) (*(place) += (value))
#elif defined(__OPENCL_VERSION__)
#define ADD_TOGETHER(place, value) atomic_add(place, value)
#else
#define ADD_TOGETHER(place, value) atomicAdd(place, value)
#endif

// A block a row from here on. Validation bounds the sums of all bins to int32.
#define HIGH_BINS 257
#define LOW_BINS 256

KERNEL tally(GLOBAL int32_t *out, GLOBAL const int32_t *weights, GLOBAL const int32_t *cut,
	int32_t width, int32_t has_cut, int32_t mass, int32_t shift)
{
	SHARED int32_t bins[HIGH_BINS];
	const int32_t row = BLOCK_X;
	const int32_t count = has_cut ? LOW_BINS : HIGH_BINS;
	for (int32_t bin = THREAD_X; bin < count; bin += THREADS_X) {
		bins[bin] = 0;
	}
	BARRIER();
	const int32_t high = has_cut ? cut[2 * row] : 0;
	for (int32_t k = THREAD_X; k < width; k += THREADS_X) {
		const int32_t weight = weights[(int64_t)row * width + k];
		if (weight > 0 && (!has_cut || weight >> 8 == high)) {
			const int32_t bin = has_cut ? weight & 255 : weight >> 8;
			const int32_t part = mass ? (int32_t)round_shift_or_none(weight, shift) : 1;
			ADD_TOGETHER(&bins[bin], part);
		}
	}
	BARRIER();
	for (int32_t bin = THREAD_X; bin < count; bin += THREADS_X) {
		out[(int64_t)row * count + bin] = bins[bin];
	}
}

// Brings a row to where one thread can go through it at once.
#define STAGE(size, count, element) \
	SHARED int32_t staged[size]; \
	for (int32_t k = THREAD_X; k < (count); k += THREADS_X) { \
		staged[k] = (int32_t)(element); \
	} \
	BARRIER(); \
	if (THREAD_X != 0) { \
		return; \
	}

KERNEL cut(GLOBAL int32_t *out, GLOBAL const int32_t *tally, GLOBAL const int32_t *state,
	int32_t top_p)
{
	const int32_t row = BLOCK_X;
	STAGE(HIGH_BINS, HIGH_BINS, tally[(int64_t)row * HIGH_BINS + k])
	int64_t need = state[STATE_TOP_K];
	if (top_p) {
		int64_t total = 0;
		for (int32_t bin = 0; bin < HIGH_BINS; bin++) {
			total += staged[bin];
		}
		need = max64(1, round_div(total * state[STATE_TOP_P], 65536));
	}
	int32_t found = 0;
	int64_t left = INT32_MOST;
	int64_t above = 0;
	for (int32_t bin = HIGH_BINS - 1; bin >= 0 && need > 0; bin--) {
		if (above + staged[bin] >= need) {
			found = bin;
			left = need - above;
			break;
		}
		above += staged[bin];
	}
	out[2 * row] = found;
	out[2 * row + 1] = saturate(left);
}

KERNEL threshold(GLOBAL int32_t *out, GLOBAL const int32_t *cut, GLOBAL const int32_t *tally)
{
	const int32_t row = BLOCK_X;
	STAGE(LOW_BINS, LOW_BINS, tally[(int64_t)row * LOW_BINS + k])
	const int64_t need = cut[2 * row + 1];
	int32_t found = 0;
	int64_t sum = 0;
	for (int32_t bin = LOW_BINS - 1; bin >= 0; bin--) {
		sum += staged[bin];
		if (sum >= need) {
			found = bin;
			break;
		}
	}
	out[row] = cut[2 * row] * 256 + found;
}

KERNEL keep(GLOBAL int32_t *out, GLOBAL const int32_t *weights, GLOBAL const int32_t *least,
	GLOBAL const int32_t *state, int32_t count, int32_t width)
{
	ELEMENT(count, width, width)
	out[i] = weights[i] >= least[row] ? weights[i] : 0;
}

#define DRAW_BLOCK 256

// Here a row is a block of `blocks` of a row of weights.
KERNEL block_sum(GLOBAL int32_t *out, GLOBAL const int32_t *weights, int32_t rows, int32_t width,
	int32_t blocks, int32_t shift)
{
	SHARED int64_t partials[ROW_THREADS];
	const int32_t row = BLOCK_X * THREADS_Y + THREAD_Y;
	const int32_t entry = row / blocks;
	const int32_t from = (row - entry * blocks) * DRAW_BLOCK;
	int64_t sum = 0;
	for (int32_t k = THREAD_X; k < DRAW_BLOCK; k += THREADS_X) {
		if (row < rows && from + k < width) {
			sum += round_shift_or_none(weights[(int64_t)entry * width + from + k], shift);
		}
	}
	sum = row_sum(partials, sum);
	if (THREAD_X == 0 && row < rows) {
		out[row] = saturate(sum);
	}
}

// blake2b of one block.

#define BLAKE_ROUNDS 12
#define ROTATE_RIGHT(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define BLAKE_MIX(a, b, c, d, x, y) \
	v[a] += v[b] + (x); \
	v[d] = ROTATE_RIGHT(v[d] ^ v[a], 32); \
	v[c] += v[d]; \
	v[b] = ROTATE_RIGHT(v[b] ^ v[c], 24); \
	v[a] += v[b] + (y); \
	v[d] = ROTATE_RIGHT(v[d] ^ v[a], 16); \
	v[c] += v[d]; \
	v[b] = ROTATE_RIGHT(v[b] ^ v[c], 63);

// Sixteen nibbles a round: the order in which it takes the words of the message.
DEVICE uint64_t blake_order(int32_t round)
{
	switch (round % 10) {
	case 0: return 0xfedcba9876543210u;
	case 1: return 0x357b20c16df984aeu;
	case 2: return 0x491763eadf250c8bu;
	case 3: return 0x8f04a562ebcd1397u;
	case 4: return 0xd386cb1efa427509u;
	case 5: return 0x91ef57d438b0a6c2u;
	case 6: return 0xb8293670a4def15cu;
	case 7: return 0xa2684f05931ce7bdu;
	case 8: return 0x5a417d2c803b9ef6u;
	default: return 0x0dc3e9bf5167482au;
	}
}

// First eight bytes of blake2-256 of 40 bytes: a key of 32, then two words.
DEVICE uint64_t blake2_word(GLOBAL const int32_t *key, uint32_t step, uint32_t row)
{
	const uint64_t start[8] = {
		0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
		0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u};
	uint64_t message[16];
	for (int32_t k = 0; k < 16; k++) {
		message[k] = 0;
	}
	for (int32_t k = 0; k < 4; k++) {
		message[k] = (uint32_t)key[2 * k] | (uint64_t)(uint32_t)key[2 * k + 1] << 32;
	}
	message[4] = step | (uint64_t)row << 32;
	// No key, 32 bytes of digest, 40 bytes of message, its last block.
	uint64_t v[16];
	for (int32_t k = 0; k < 8; k++) {
		v[k] = start[k];
		v[k + 8] = start[k];
	}
	v[0] ^= 0x01010020u;
	v[12] ^= 40u;
	v[14] = ~v[14];
	const uint64_t first = v[0];
	for (int32_t round = 0; round < BLAKE_ROUNDS; round++) {
		const uint64_t order = blake_order(round);
#define BLAKE_WORD(n) message[order >> (4 * (n)) & 15u]
		BLAKE_MIX(0, 4, 8, 12, BLAKE_WORD(0), BLAKE_WORD(1))
		BLAKE_MIX(1, 5, 9, 13, BLAKE_WORD(2), BLAKE_WORD(3))
		BLAKE_MIX(2, 6, 10, 14, BLAKE_WORD(4), BLAKE_WORD(5))
		BLAKE_MIX(3, 7, 11, 15, BLAKE_WORD(6), BLAKE_WORD(7))
		BLAKE_MIX(0, 5, 10, 15, BLAKE_WORD(8), BLAKE_WORD(9))
		BLAKE_MIX(1, 6, 11, 12, BLAKE_WORD(10), BLAKE_WORD(11))
		BLAKE_MIX(2, 7, 8, 13, BLAKE_WORD(12), BLAKE_WORD(13))
		BLAKE_MIX(3, 4, 9, 14, BLAKE_WORD(14), BLAKE_WORD(15))
	}
	return first ^ v[0] ^ v[8];
}

// floor(left * right / 2^64), `right` below 2^63.
DEVICE uint64_t upper_product(uint64_t left, uint64_t right)
{
	const uint64_t mask = 0xffffffffu;
	const uint64_t low = (left & mask) * (right & mask);
	const uint64_t one = (left >> 32) * (right & mask) + (low >> 32);
	const uint64_t two = (left & mask) * (right >> 32) + (one & mask);
	return (left >> 32) * (right >> 32) + (one >> 32) + (two >> 32);
}

// Validation bounds the width of weights, and so their blocks.
#define MAX_DRAW_BLOCKS 512

KERNEL draw(GLOBAL int32_t *out, GLOBAL const int32_t *sums, GLOBAL const int32_t *state,
	int32_t blocks)
{
	const int32_t row = BLOCK_X;
	STAGE(MAX_DRAW_BLOCKS, blocks, sums[(int64_t)row * blocks + k])
	uint64_t total = 0;
	for (int32_t block = 0; block < blocks; block++) {
		total += (uint32_t)staged[block];
	}
	const uint32_t step = (uint32_t)state[STATE_STEP];
	const uint64_t word = blake2_word(state + STATE_KEY, step, (uint32_t)row);
	const uint64_t place = upper_product(word, total);
	uint64_t before = 0;
	int32_t found = 0;
	int32_t rest = 0;
	for (int32_t block = 0; block < blocks; block++) {
		const uint64_t next = before + (uint32_t)staged[block];
		if (next > place) {
			found = block;
			rest = (int32_t)(place - before);
			break;
		}
		before = next;
	}
	out[2 * row] = found;
	out[2 * row + 1] = rest;
}

KERNEL pick(GLOBAL int32_t *out, GLOBAL const int32_t *weights, GLOBAL const int32_t *drawn,
	int32_t width, int32_t shift)
{
	const int32_t row = BLOCK_X;
	const int32_t from = drawn[2 * row] * DRAW_BLOCK;
	const int32_t count = from + DRAW_BLOCK < width ? DRAW_BLOCK : width - from;
	STAGE(DRAW_BLOCK, count,
		round_shift_or_none(weights[(int64_t)row * width + from + k], shift))
	const int64_t place = drawn[2 * row + 1];
	int64_t sum = 0;
	int32_t found = 0;
	for (int32_t k = 0; k < count; k++) {
		sum += staged[k];
		if (sum > place) {
			found = k;
			break;
		}
	}
	out[row] = from + found;
}

KERNEL choose(GLOBAL int32_t *out, GLOBAL const int32_t *ids, GLOBAL const int32_t *greedy,
	GLOBAL const int32_t *sampled, GLOBAL const int32_t *state, int32_t count, int32_t sequence)
{
	const int64_t i = INDEX;
	if (i >= count) {
		return;
	}
	if (ids[i * sequence + sequence - 1] == -1) {
		out[i] = -1;
	} else {
		out[i] = state[STATE_SAMPLED] ? sampled[i] : greedy[i];
	}
}

// Tokens that end a row, eight at most.
#define ENDS_OPERANDS \
	int32_t ends, int32_t e0, int32_t e1, int32_t e2, int32_t e3, int32_t e4, int32_t e5, \
	int32_t e6, int32_t e7

DEVICE int32_t has_ended(int32_t token, ENDS_OPERANDS)
{
	const int32_t all[8] = {e0, e1, e2, e3, e4, e5, e6, e7};
	int32_t ended = token < 0;
	for (int32_t end = 0; end < ends; end++) {
		ended |= token == all[end];
	}
	return ended;
}

// Whether every row has ended, or the step is the last. One block.
KERNEL stop(GLOBAL int32_t *out, GLOBAL const int32_t *next, GLOBAL const int32_t *state,
	int32_t count, ENDS_OPERANDS)
{
	SHARED int64_t partials[ROW_THREADS];
	int64_t going = 0;
	for (int32_t k = THREAD_X; k < count; k += THREADS_X) {
		going += !has_ended(next[k], ends, e0, e1, e2, e3, e4, e5, e6, e7);
	}
	going = row_sum(partials, going);
	if (THREAD_X == 0) {
		out[0] = going == 0 || state[STATE_STEP] + 1 >= state[STATE_MAX_STEPS];
	}
}

// Makes the next step's input of what this step chose, padding where a row has ended, and moves the
// state on. One block.
KERNEL advance(GLOBAL int32_t *ids, GLOBAL const int32_t *next, GLOBAL int32_t *state,
	int32_t count, ENDS_OPERANDS, int32_t sequence)
{
	for (int32_t k = THREAD_X; k < count; k += THREADS_X) {
		ids[k] = has_ended(next[k], ends, e0, e1, e2, e3, e4, e5, e6, e7) ? -1 : next[k];
	}
	if (THREAD_X == 0) {
		const int32_t past = state[STATE_PAST] + sequence;
		state[STATE_PAST] = past;
		state[STATE_CONTEXT] = past + 1;
		state[STATE_STEP] += 1;
	}
}
