// Operators that reduce along a row. A block takes THREADS_Y rows, THREADS_X lanes each; lanes are
// a
// power of two, and both together at most ROW_THREADS.

#define ROW_THREADS 256

// Sums what the lanes of a row have, and gives it to all of them.
DEVICE int64_t row_sum(LOCAL int64_t *partials, int64_t partial)
{
	const int32_t place = THREAD_Y * THREADS_X + THREAD_X;
	partials[place] = partial;
	BARRIER();
	for (int32_t reach = THREADS_X / 2; reach > 0; reach /= 2) {
		if (THREAD_X < reach) {
			partials[place] += partials[place + reach];
		}
		BARRIER();
	}
	return partials[THREAD_Y * THREADS_X];
}

// The largest of what the lanes of a row have.
DEVICE int64_t row_largest(LOCAL int64_t *partials, int64_t partial)
{
	const int32_t place = THREAD_Y * THREADS_X + THREAD_X;
	partials[place] = partial;
	BARRIER();
	for (int32_t reach = THREADS_X / 2; reach > 0; reach /= 2) {
		if (THREAD_X < reach) {
			partials[place] = max64(partials[place], partials[place + reach]);
		}
		BARRIER();
	}
	return partials[THREAD_Y * THREADS_X];
}

// Every thread of a block reaches every barrier, whether its row is there or not.
#define ROWS(rows, pitch, width) \
	SHARED int64_t partials[ROW_THREADS]; \
	const int32_t row = BLOCK_X * THREADS_Y + THREAD_Y; \
	const int64_t start = (int64_t)row * (pitch); \
	const int32_t length = row < (rows) ? width_of(width, state) : 0;

// The largest magnitude among a lane's elements, 1 at least.
DEVICE int64_t largest_magnitude(GLOBAL const int32_t *from, int32_t length)
{
	int64_t largest = 1;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		const int64_t x = from[k];
		largest = max64(largest, x < 0 ? -x : x);
	}
	return largest;
}

KERNEL row_max(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t rows, int32_t pitch, int32_t width)
{
	ROWS(rows, pitch, width)
	const int64_t largest = row_largest(partials, largest_magnitude(value + start, length));
	if (THREAD_X == 0 && row < rows) {
		out[row] = saturate(largest);
	}
}

// `row_max` and `quantise` against it at once.
KERNEL quantise_rows(GLOBAL int16_t *out, GLOBAL int32_t *max, GLOBAL const int32_t *value,
	GLOBAL const int32_t *state, int32_t rows, int32_t pitch, int32_t width, int32_t bits)
{
	ROWS(rows, pitch, width)
	const int64_t limit = quantised_limit(bits);
	const int32_t largest =
		saturate(row_largest(partials, largest_magnitude(value + start, length)));
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		out[start + k] = quantised(value[start + k], largest, limit);
	}
	if (THREAD_X == 0 && row < rows) {
		max[row] = largest;
	}
}

KERNEL softmax_max(GLOBAL int32_t *out, GLOBAL const int32_t *scores, GLOBAL const int32_t *ids,
	GLOBAL const int32_t *state, int32_t rows, int32_t pitch, int32_t width, int32_t mask,
	int32_t heads, int32_t sequence)
{
	ROWS(rows, pitch, width)
	int64_t largest = INT32_LEAST;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		if (is_valid(ids, state, mask, row, k, heads, sequence)) {
			largest = max64(largest, scores[start + k]);
		}
	}
	largest = row_largest(partials, largest);
	if (THREAD_X == 0 && row < rows) {
		out[row] = (int32_t)largest;
	}
}

KERNEL softmax_sum(GLOBAL int32_t *out, GLOBAL const int32_t *exponentials,
	GLOBAL const int32_t *state, int32_t rows, int32_t pitch, int32_t width)
{
	ROWS(rows, pitch, width)
	int64_t sum = 0;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		sum += exponentials[start + k];
	}
	sum = row_sum(partials, sum);
	if (THREAD_X == 0 && row < rows) {
		out[row] = saturate(sum);
	}
}

KERNEL mean(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t rows, int32_t width)
{
	ROWS(rows, width, width)
	int64_t sum = 0;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		sum += value[start + k];
	}
	sum = row_sum(partials, sum);
	if (THREAD_X == 0 && row < rows) {
		out[row] = saturate(round_div(sum, width));
	}
}

// `epsilon` is unsigned.
KERNEL deviation(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *means,
	GLOBAL const int32_t *state, int32_t rows, int32_t width, int32_t epsilon, int32_t guard)
{
	ROWS(rows, width, width)
	const int64_t middle = row < rows ? means[row] : 0;
	int64_t squares = 0;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		const int64_t distance = clamp25(value[start + k] - middle);
		squares += distance * distance;
	}
	squares = row_sum(partials, squares);
	if (THREAD_X == 0 && row < rows) {
		const int64_t square = round_div(squares, width) + (uint32_t)epsilon;
		out[row] = saturate(square_root(scale_up(square, 2 * guard)));
	}
}

KERNEL l2_norm(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *state,
	int32_t rows, int32_t width)
{
	ROWS(rows, width, width)
	int64_t squares = 0;
	for (int32_t k = THREAD_X; k < length; k += THREADS_X) {
		const int64_t x = clamp25(value[start + k]);
		squares += x * x;
	}
	squares = row_sum(partials, squares);
	if (THREAD_X == 0 && row < rows) {
		out[row] = saturate(square_root(squares));
	}
}
