// Networks that are int8 throughout. They round as float32 does, in integers.

// even: half to the even neighbour. The shift is 0 to 62.
DEVICE int64_t round_even(int64_t value, int32_t shift)
{
	if (shift == 0) {
		return value;
	}
	const int64_t below = value >> shift;
	const int64_t rest = value & (((int64_t)1 << shift) - 1);
	const int64_t middle = (int64_t)1 << (shift - 1);
	return below + (rest > middle || (rest == middle && (below & 1) != 0) ? 1 : 0);
}

// The number of bits of what is not negative.
DEVICE int32_t bits_of(int64_t value)
{
	int32_t bits = 0;
	for (int32_t step = 32; step > 0; step /= 2) {
		if ((value >> step) != 0) {
			value >>= step;
			bits += step;
		}
	}
	return bits + (value != 0 ? 1 : 0);
}

// near: the 24 bits that a float32 keeps. Magnitudes are 2^62 at most.
DEVICE int64_t round_significant(int64_t value)
{
	const int32_t dropped = bits_of(value < 0 ? -value : value) - 24;
	return dropped > 0 ? scale_up(round_even(value, dropped), dropped) : value;
}

// What a sum of products becomes. Both factors are 2^31 at most.
DEVICE int8_t rescaled(int64_t products, int32_t scale, int32_t bias, int32_t shift, int32_t zero,
	int32_t least)
{
	const int64_t sum = round_significant(saturate(products + bias));
	const int64_t scaled = round_significant(sum * round_significant(multiplier(scale)));
	return (int8_t)min64(max64(round_even(scaled, shift) + zero, least), 127);
}

// Taps of the window of a row that are before the first position, and so add nothing.
DEVICE int32_t missing_taps(int32_t row, int32_t taps, int32_t sequence)
{
	const int32_t position = row % sequence;
	return position < taps - 1 ? taps - 1 - position : 0;
}

// An element for the lanes of a row: window and weights lie in one piece each, but for what fills
// up a row of weights.
KERNEL convolution(GLOBAL int8_t *out, GLOBAL const int8_t *value, GLOBAL const int8_t *weights,
	GLOBAL const int32_t *scales, GLOBAL const int32_t *bias, int32_t count, int32_t channels,
	int32_t taps, int32_t width, int32_t pitch, int32_t sequence, int32_t value_zero, int32_t shift,
	int32_t zero, int32_t least)
{
	SHARED int64_t partials[ROW_THREADS];
	const int32_t number = BLOCK_X * THREADS_Y + THREAD_Y;
	const int32_t row = number / channels;
	const int32_t channel = number - row * channels;
	const int64_t start = ((int64_t)row - (taps - 1)) * width;
	const int32_t end = number < count ? taps * width : 0;
	int64_t sum = 0;
	for (int32_t k = missing_taps(row, taps, sequence) * width + THREAD_X; k < end;
		k += THREADS_X) {
		const int32_t tap = k / width;
		const int64_t place = ((int64_t)channel * taps + tap) * pitch + (k - tap * width);
		sum += (value[start + k] - value_zero) * weights[place];
	}
	sum = row_sum(partials, sum);
	if (THREAD_X == 0 && number < count) {
		out[number] = rescaled(sum, scales[channel], bias[channel], shift, zero, least);
	}
}

// One thread an element: neighbours read neighbours.
KERNEL depthwise(GLOBAL int8_t *out, GLOBAL const int8_t *value, GLOBAL const int8_t *weights,
	GLOBAL const int32_t *scales, GLOBAL const int32_t *bias, int32_t count, int32_t taps,
	int32_t width, int32_t pitch, int32_t sequence, int32_t value_zero, int32_t shift, int32_t zero,
	int32_t least)
{
	const int64_t i = INDEX;
	if (i >= count) {
		return;
	}
	const int32_t row = (int32_t)(i / width);
	const int32_t channel = (int32_t)(i - (int64_t)row * width);
	const int64_t first = (int64_t)row - (taps - 1);
	int64_t sum = 0;
	for (int32_t tap = missing_taps(row, taps, sequence); tap < taps; tap++) {
		const int32_t distance = value[(first + tap) * width + channel] - value_zero;
		sum += distance * weights[(int64_t)tap * pitch + channel];
	}
	out[i] = rescaled(sum, scales[channel], bias[channel], shift, zero, least);
}

KERNEL lookup(GLOBAL int32_t *out, GLOBAL const int8_t *value, GLOBAL const int32_t *entries,
	int32_t count)
{
	const int64_t i = INDEX;
	if (i < count) {
		out[i] = entries[value[i] + 128];
	}
}
