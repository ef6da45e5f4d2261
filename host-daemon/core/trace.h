/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - what guests did, recorded, and replayed through the policies
 *
 *	uvmem-trace 1
 *	times ROUND_NS PASS_NS
 *	guest NUMBER NAME-IN-HEX
 *	p TIME_NS LIMIT USED SINK				a round begins: the pool
 *	r GUEST FRAMES OUT PASSES REFAULTS STALL_NS MOVED IDLE...	a guest in it
 *
 * Pages, and counters since the guest began. IDLE ends with the last that is not 0.
 *
 * Theory of operation of the replay
 *	Two histograms of idle ages, a pass apart, say how much of the memory of each age
 *	was used in between: what had age k and did not become k + 1. That share, and not the
 *	pages, is what is replayed: a simulated guest has as much memory, used in the same
 *	way, but what is resident of it is up to the policy that is tried. Of pages that
 *	are out in the simulation the share of their age that is used comes back.
 *	Of pages that were out in the recording nothing is known but how many came back:
 *	they count as pages of the oldest age. So record under a policy that takes little.
 */
#ifndef UVMEM_TRACE_H
#define UVMEM_TRACE_H

#include "policy.h"

#define TRACE_GUESTS	64
#define TRACE_NAME	64
#define TRACE_ROWS_MAX	2000000

/**
 * struct trace_row - a guest in a round
 * @time_ns: of the round
 * @guest: index
 * @out: pages that are out, ciphertext or same-filled
 * @sample: as the policies had it
 */
struct trace_row {
	uint64_t time_ns;
	unsigned int guest;
	uint64_t out;
	struct policy_sample sample;
};

/**
 * struct trace_pool - the pool in a round
 * @time_ns: of the round
 * @first: its first row
 * @pool: as the policies had it
 */
struct trace_pool {
	uint64_t time_ns;
	size_t first;
	struct policy_pool pool;
};

/**
 * struct trace - all of it
 * @round_ns: time between rounds
 * @pass_ns: time of an aging pass
 * @names: of guests
 */
struct trace {
	uint64_t round_ns, pass_ns;
	unsigned int nr_guests;
	char names[TRACE_GUESTS][TRACE_NAME];
	struct trace_pool *pools;
	size_t nr_pools;
	struct trace_row *rows;
	size_t nr_rows;
};

/**
 * trace_read() - parse a trace
 * @text: NUL-terminated; a last line without its newline was cut and is left out
 * @ret_line: of what is wrong
 *
 * Return: 0, -EINVAL, -EFBIG beyond TRACE_ROWS_MAX, or -ENOMEM.
 */
int trace_read(struct trace *ret, const char *text, unsigned int *ret_line);
void trace_free(struct trace *trace);

/**
 * struct replay_guest - what would have become of a guest
 * @resident: pages on average
 * @out: pages on average
 * @refaults: pages in all
 * @stall_ns: in all
 * @back_offs: in all
 * @taken: pages in all
 */
struct replay_guest {
	double resident, out, refaults, stall_ns;
	uint64_t back_offs, taken;
};

/**
 * struct replay - what would have become of all
 * @seconds: that the trace lasts
 * @guests: by index
 * @on_round: called after each round if not NULL, with what was decided
 */
struct replay {
	double seconds;
	struct replay_guest guests[TRACE_GUESTS];
	void (*on_round)(void *user, uint64_t time_ns, unsigned int guest, double resident,
			 double out, double refaults, const struct policy_guest *policy);
	void *user;
};

/**
 * replay_run() - through the policies
 * @settings: of each guest, by index
 *
 * Return: 0, -EINVAL if the trace has fewer than two rounds, or -ENOMEM.
 */
int replay_run(const struct trace *trace, const struct policy_host_settings *host,
	       const struct policy_settings *settings, struct replay *ret);

#endif
