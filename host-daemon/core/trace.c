// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.c - read a trace
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

void trace_free(struct trace *trace)
{
	free(trace->pools);
	free(trace->rows);
	memset(trace, 0, sizeof(*trace));
}

/* The next number of a line; false at its end or at rubbish. */
static bool number(const char **at, uint64_t *ret)
{
	const char *p = *at;
	uint64_t value = 0;

	if (*p++ != ' ' || *p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (value > (UINT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (*p && *p != ' ')
		return false;
	*at = p;
	*ret = value;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_guest(struct trace *trace, const char *at)
{
	char *name = trace->names[trace->nr_guests];
	uint64_t index;
	size_t n = 0;

	if (trace->nr_guests == TRACE_GUESTS || !number(&at, &index) ||
	    index != trace->nr_guests || *at++ != ' ' || !*at)
		return -EINVAL;
	for (; *at; at += 2) {
		int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);

		if (low < 0 || n + 1 >= TRACE_NAME || !(high | low))
			return -EINVAL;
		name[n++] = (char)(high << 4 | low);
	}
	name[n] = '\0';
	trace->nr_guests++;
	return 0;
}

static int more(void **list, size_t nr, size_t size)
{
	void *larger;

	/* At powers of two there is no room for another. */
	if (nr & (nr - 1))
		return 0;
	larger = realloc(*list, (nr ? 2 * nr : 1) * size);
	if (!larger)
		return -ENOMEM;
	*list = larger;
	return 0;
}

static int read_pool(struct trace *trace, const char *at)
{
	struct trace_pool pool = { .first = trace->nr_rows };

	if (!number(&at, &pool.time_ns) || !number(&at, &pool.pool.limit) ||
	    !number(&at, &pool.pool.used) || !number(&at, &pool.pool.sink) || *at)
		return -EINVAL;
	if (trace->nr_pools && pool.time_ns <= trace->pools[trace->nr_pools - 1].time_ns)
		return -EINVAL;
	if (trace->nr_pools == TRACE_ROWS_MAX)
		return -EFBIG;
	if (more((void **)&trace->pools, trace->nr_pools, sizeof(pool)))
		return -ENOMEM;
	trace->pools[trace->nr_pools++] = pool;
	return 0;
}

static int read_row(struct trace *trace, const char *at)
{
	struct trace_row row = { 0 };
	struct policy_sample *s = &row.sample;
	uint64_t guest;
	unsigned int i;

	if (!trace->nr_pools || !number(&at, &guest) || guest >= trace->nr_guests ||
	    !number(&at, &s->frames) || !number(&at, &row.out) || !number(&at, &s->passes) ||
	    !number(&at, &s->refaults) || !number(&at, &s->stall_ns) || !number(&at, &s->moved))
		return -EINVAL;
	/* More than there can be would make sums overflow. */
	if (s->frames >> 40 || row.out >> 40)
		return -EINVAL;
	for (i = 0; *at; i++)
		if (i == POLICY_IDLE_BUCKETS || !number(&at, &s->idle[i]) || s->idle[i] >> 40)
			return -EINVAL;
	row.time_ns = trace->pools[trace->nr_pools - 1].time_ns;
	row.guest = (unsigned int)guest;
	if (trace->nr_rows == TRACE_ROWS_MAX)
		return -EFBIG;
	if (more((void **)&trace->rows, trace->nr_rows, sizeof(row)))
		return -ENOMEM;
	trace->rows[trace->nr_rows++] = row;
	return 0;
}

static int read_line(struct trace *trace, unsigned int nr, const char *line)
{
	const char *at;

	if (nr == 1)
		return strcmp(line, "uvmem-trace 1") ? -EINVAL : 0;
	if (!strncmp(line, "times", 5)) {
		at = line + 5;
		return number(&at, &trace->round_ns) && number(&at, &trace->pass_ns) &&
			!*at && trace->round_ns && trace->pass_ns ? 0 : -EINVAL;
	}
	if (!strncmp(line, "guest", 5))
		return read_guest(trace, line + 5);
	if (line[0] == 'p')
		return read_pool(trace, line + 1);
	if (line[0] == 'r')
		return read_row(trace, line + 1);
	return -EINVAL;
}

int trace_read(struct trace *ret, const char *text, unsigned int *ret_line)
{
	struct trace trace = { 0 };
	char line[2048];
	unsigned int nr = 0;
	int err = 0;

	while (!err && *text) {
		const char *end = strchr(text, '\n');

		if (!end)
			break;
		nr++;
		if ((size_t)(end - text) >= sizeof(line)) {
			err = -EINVAL;
			break;
		}
		memcpy(line, text, (size_t)(end - text));
		line[end - text] = '\0';
		err = read_line(&trace, nr, line);
		text = end + 1;
	}
	if (!err && (!nr || !trace.round_ns))
		err = -EINVAL;
	if (err) {
		*ret_line = nr;
		trace_free(&trace);
		return err;
	}
	*ret = trace;
	return 0;
}
