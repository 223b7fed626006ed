// Operators whose elements need no reduction. One thread an element.

#define ELEMENT(count, pitch, width) \
	const int64_t i = INDEX; \
	if (i >= (count)) { \
		return; \
	} \
	const int32_t row = (int32_t)(i / (pitch)); \
	const int32_t column = (int32_t)(i - (int64_t)row * (pitch)); \
	if (column >= width_of(width, state)) { \
		return; \
	}

KERNEL embed(GLOBAL int32_t *out, GLOBAL const int32_t *ids, GLOBAL const int8_t *table,
	GLOBAL const int32_t *scales, GLOBAL const int32_t *state, int32_t count, int32_t width,
	int32_t pitch, int32_t sequence, int32_t by_position, int32_t shift)
{
	ELEMENT(count, width, width)
	const int32_t id = ids[row];
	if (id < 0) {
		out[i] = 0;
		return;
	}
	const int32_t index = by_position ? state[STATE_PAST] + row % sequence : id;
	const int64_t entry = table[(int64_t)index * pitch + column];
	out[i] = saturate(round_shift(entry * multiplier(scales[index]), shift));
}

KERNEL add(GLOBAL int32_t *out, GLOBAL const int32_t *left, GLOBAL const int32_t *right,
	GLOBAL const int32_t *state, int32_t count, int32_t pitch, int32_t width)
{
	ELEMENT(count, pitch, width)
	out[i] = saturate((int64_t)left[i] + right[i]);
}

DEVICE int16_t quantised(int32_t value, int32_t max, int64_t limit)
{
	return (int16_t)clamp64(round_div((int64_t)value * limit, max), -limit, limit);
}

// `part` is the number of elements that share a maximum.
KERNEL quantise(GLOBAL int16_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *max,
	GLOBAL const int32_t *state, int32_t count, int32_t pitch, int32_t width, int32_t part,
	int32_t bits)
{
	ELEMENT(count, pitch, width)
	out[i] = quantised(value[i], max[i / part], quantised_limit(bits));
}

DEVICE int32_t exponential(int32_t score, int32_t max)
{
	const int64_t below = clamp64((int64_t)max - score, 0, INT32_MOST);
	const int64_t halvings = below / 45426;
	if (halvings > 23) {
		return 0;
	}
	const int64_t base = 88670 - (below - halvings * 45426);
	const int64_t value = round_shift(round_shift(base * base, 16) * 23495, 16) + 22546;
	return (int32_t)round_shift_or_none(value, (int32_t)halvings);
}

// Masks: 0 none, 1 positions whose id is padding, 2 positions after the query's.
#define MASK_PADDING 1
#define MASK_CAUSAL 2

// Whether key position `position` is valid in row `row` of `[B, heads, S, T]`.
DEVICE int32_t is_valid(GLOBAL const int32_t *ids, GLOBAL const int32_t *state, int32_t mask,
	int32_t row, int32_t position, int32_t heads, int32_t sequence)
{
	if (mask == MASK_PADDING) {
		return ids[(int64_t)(row / (heads * sequence)) * sequence + position] >= 0;
	}
	if (mask == MASK_CAUSAL) {
		return position <= state[STATE_PAST] + row % sequence;
	}
	return 1;
}

KERNEL softmax_exp(GLOBAL int32_t *out, GLOBAL const int32_t *scores, GLOBAL const int32_t *max,
	GLOBAL const int32_t *ids, GLOBAL const int32_t *state, int32_t count, int32_t pitch,
	int32_t width, int32_t mask, int32_t heads, int32_t sequence)
{
	ELEMENT(count, pitch, width)
	const int32_t valid = is_valid(ids, state, mask, row, column, heads, sequence);
	out[i] = valid ? exponential(scores[i], max[row]) : 0;
}

KERNEL softmax_normalise(GLOBAL int32_t *out, GLOBAL const int32_t *exponentials,
	GLOBAL const int32_t *sum, GLOBAL const int32_t *state, int32_t count, int32_t pitch,
	int32_t width)
{
	ELEMENT(count, pitch, width)
	const int64_t part = scale_up(clamp64(exponentials[i], 0, 1 << 17), 15);
	out[i] = saturate(min64(round_div(part, sum[row]), 32767));
}

// Rows are numbered by batch entry, head, query position; `value_max` is held: `[B, pitch,
// groups]`.
KERNEL context_weight(GLOBAL int32_t *out, GLOBAL const int32_t *probabilities,
	GLOBAL const int32_t *value_max, GLOBAL const int32_t *state, int32_t count, int32_t pitch,
	int32_t width, int32_t heads, int32_t groups, int32_t sequence, int32_t shift)
{
	ELEMENT(count, pitch, width)
	const int32_t part = row / sequence;
	const int32_t entry = part / heads;
	const int32_t group = (part - entry * heads) / (heads / groups);
	const int64_t max = value_max[((int64_t)entry * pitch + column) * groups + group];
	out[i] = saturate(round_shift(probabilities[i] * max, shift));
}

KERNEL normalise(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *mean,
	GLOBAL const int32_t *deviation, GLOBAL const int32_t *gain, GLOBAL const int32_t *bias,
	GLOBAL const int32_t *state, int32_t count, int32_t width, int32_t guard, int32_t shift)
{
	ELEMENT(count, width, width)
	const int64_t raised = scale_up(clamp25((int64_t)value[i] - mean[row]), 20 + guard);
	const int64_t ratio = saturate(round_div(raised, deviation[row]));
	out[i] = saturate(round_shift(ratio * gain[column], shift) + bias[column]);
}

KERNEL table(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *entries,
	GLOBAL const int32_t *state, int32_t count, int32_t pitch, int32_t width, int32_t intervals,
	int32_t shift, int32_t relu)
{
	ELEMENT(count, pitch, width)
	const int64_t x = value[i];
	const int64_t end = scale_up(intervals, shift);
	const int64_t offset = clamp64(x + scale_up(intervals / 2, shift), 0, end);
	const int64_t interval = offset >> shift;
	const int64_t rest = offset - scale_up(interval, shift);
	const int64_t from = entries[interval];
	int64_t step = 0;
	if (interval < intervals) {
		step = round_shift((entries[interval + 1] - from) * rest, shift);
	}
	out[i] = saturate((relu ? max64(x, 0) : 0) + from + step);
}

KERNEL l2_normalise(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *norm,
	GLOBAL const int32_t *state, int32_t count, int32_t pitch, int32_t width, int32_t fraction)
{
	ELEMENT(count, pitch, width)
	out[i] = saturate(round_div(scale_up(clamp25(value[i]), fraction), norm[row]));
}

// A column of a batch entry a thread: neighbours read neighbours.
KERNEL mean_pool(GLOBAL int32_t *out, GLOBAL const int32_t *value, GLOBAL const int32_t *ids,
	GLOBAL const int32_t *state, int32_t count, int32_t width, int32_t sequence)
{
	ELEMENT(count, width, width)
	int64_t sum = 0;
	int64_t valid = 0;
	for (int32_t position = 0; position < sequence; position++) {
		const int64_t place = (int64_t)row * sequence + position;
		if (ids[place] >= 0) {
			sum += value[place * width + column];
			valid += 1;
		}
	}
	out[i] = saturate(round_div(sum, valid));
}
