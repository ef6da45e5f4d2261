/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - how much memory to take from which guest, and why
 *
 * Theory of operation
 *	A round is one call of policy_round() with a sample of the pool and one of
 *	each guest, all of one time. It fills in a decision per guest. Nothing here
 *	does I/O, looks at a clock or allocates: the daemon, the simulator and the
 *	tests run the same code.
 *
 *	What is wanted of a guest comes from the first of these that wants anything:
 *	 1. its high limit: all that is above it goes;
 *	 2. the pool: above pool_high of its limit, everybody who is not static gives
 *	    until pool_low is reached, shares by weight: watermark.c;
 *	 3. its own loop, if its policy is proactive: proactive.c.
 *	Then the same caps for everybody: never below the guarantee (low; min when the
 *	pool has no other way), not more than there is room for in normal memory or
 *	swap, not more than the quotas.
 *	Where the host has no swap ciphertext takes as much memory as the page did. The
 *	first two want frames and take what there is; the loop wants memory, and takes only
 *	what leaves no ciphertext.
 *	From whom nothing is taken may get something back: prefetch.c.
 *
 * Pages are of 4096 bytes, times are nanoseconds of a clock that never goes back, ppm
 * are millionths.
 */
#ifndef UVMEM_POLICY_H
#define UVMEM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_IDLE_BUCKETS	32
#define POLICY_NO_LIMIT		UINT64_MAX
#define POLICY_WEIGHT_MAX	10000
#define POLICY_NSEC		UINT64_C(1000000000)

enum policy_kind {
	POLICY_STATIC,		/* limits, nothing else */
	POLICY_WATERMARK,	/* gives when the pool runs out */
	POLICY_PROACTIVE,	/* gives what it does not use */
	POLICY_NR_KINDS,
};

/**
 * struct policy_limits - in pages, as cgroup v2 has them; min <= low <= high <= max
 * @min: never taken below
 * @low: taken below only when no guest is above its own
 * @high: what is above goes at once; POLICY_NO_LIMIT: none
 * @max: the kernel never lets the guest pass it; POLICY_NO_LIMIT: none
 */
struct policy_limits {
	uint64_t min, low, high, max;
};

/**
 * struct policy_settings - of one guest
 * @kind: its policy
 * @limits: its limits
 * @weight: 1 to POLICY_WEIGHT_MAX; twice the weight keeps twice the memory
 * @refault_ppm: proactive: pages that come back per minute, of those resident
 * @stall_ppm: proactive: time that a vCPU waits for pages
 * @probe_ppm: proactive: at most that much of what is resident goes in a round
 * @cold_age_ns: proactive: what was used since then stays
 * @prefetch_ppm: of what is resident, at most that much is fetched back at once; 0: nothing
 */
struct policy_settings {
	enum policy_kind kind;
	struct policy_limits limits;
	uint32_t weight;
	uint32_t refault_ppm;
	uint32_t stall_ppm;
	uint32_t probe_ppm;
	uint64_t cold_age_ns;
	uint32_t prefetch_ppm;
};

/**
 * struct policy_host_settings - of all guests together
 * @pool_high_ppm: of the pool's limit; above it everybody gives
 * @pool_low_ppm: until this is reached
 * @idle_tax_ppm: how much less an idle page counts than a used one when memory is
 *	shared out; 0: the same, 750000: a quarter
 * @quota_pages: a second, all guests; 0: no quota
 * @quota_cpu_ns: of the kernel's work for it, a second; 0: no quota
 * @age_pass_ns: time between two aging passes
 * @sink_reserve: pages of normal memory that page-out leaves alone
 */
struct policy_host_settings {
	uint32_t pool_high_ppm;
	uint32_t pool_low_ppm;
	uint32_t idle_tax_ppm;
	uint64_t quota_pages;
	uint64_t quota_cpu_ns;
	uint64_t age_pass_ns;
	uint64_t sink_reserve;
};

/* What is shipped; docs/uvmemd.conf.md says why. */
extern const struct policy_settings policy_default_settings;
extern const struct policy_host_settings policy_default_host_settings;

/**
 * struct policy_pool - a sample of the host
 * @limit: frames that there may be, of all guests
 * @used: frames in use
 * @sink: pages of normal memory and of swap that ciphertext could go to
 * @sealed_room: pages that the sealed pool has room for, at least
 * @ciphertext_stays: what becomes ciphertext would stay in normal memory, and the kernel can
 *	leave such pages where they are
 */
struct policy_pool {
	uint64_t limit;
	uint64_t used;
	uint64_t sink;
	uint64_t sealed_room;
	bool ciphertext_stays;
};

/**
 * struct policy_sample - a sample of a guest; counters never go back
 * @frames: resident secure pages
 * @passes: aging passes completed; 0: the kernel does not age
 * @idle: resident pages by passes since they were used, the last is open
 * @refaults: counter, pages that came back
 * @stall_ns: counter, time that a vCPU waited for pages
 * @work_ns: counter, CPU time of aging and reclaim
 * @moved: counter, pages that reclaim moved
 * @no_gain: resident pages of which only ciphertext would be left, as far as it is known
 */
struct policy_sample {
	uint64_t frames;
	uint64_t passes;
	uint64_t idle[POLICY_IDLE_BUCKETS];
	uint64_t refaults;
	uint64_t stall_ns;
	uint64_t work_ns;
	uint64_t moved;
	uint64_t no_gain;
};

/* Why a decision is what it is. */
enum policy_reason {
	POLICY_WARMING_UP,	/* the first round, or too few passes yet */
	POLICY_LIMITS_HOLD,	/* nothing asks for memory */
	POLICY_ABOVE_HIGH,
	POLICY_POOL_PRESSURE,
	POLICY_PROBE,		/* proactive: cold pages go */
	POLICY_NOTHING_COLD,
	POLICY_AT_TARGET,	/* refaults or stalls are near what is allowed */
	POLICY_BACK_OFF_REFAULT,
	POLICY_BACK_OFF_STALL,
	POLICY_HOLD,		/* after a back-off */
	POLICY_NO_AGING,	/* proactive, but the kernel does not age */
	POLICY_NR_REASONS,
};

/* What made it less than was wanted. */
enum policy_cap {
	POLICY_CAP_NONE,
	POLICY_CAP_GUARANTEE,
	POLICY_CAP_SINK,
	POLICY_CAP_QUOTA_PAGES,
	POLICY_CAP_QUOTA_CPU,
	POLICY_NR_CAPS,
};

/* Why pages are fetched back. */
enum policy_fetch {
	POLICY_FETCH_NONE,
	POLICY_FETCH_RAISED,	/* its limits were raised, and they had held it down */
	POLICY_FETCH_REFAULT,	/* it gave memory not long ago, and wants it back */
	POLICY_NR_FETCHES,
};

/**
 * struct policy_decision - what to do about a guest, and what it was made from
 * @nr_pages: to take, 0: none
 * @min_idle: only pages that idle for at least that many passes
 * @no_ciphertext: only pages that leave no ciphertext
 * @reason: why
 * @cap: what made @nr_pages less than @wanted
 * @wanted: before the caps
 * @frames: resident
 * @floor: below which nothing is taken
 * @cold: pages that idle for @min_idle passes or more
 * @refault_ppm: measured, as in the settings
 * @stall_ppm: measured
 * @pool_used: frames
 * @pool_limit: frames
 * @hold_ns: time until the next attempt
 * @fetch: pages to fetch back, those that left last; only if @wanted is 0
 * @fetch_for: why
 */
struct policy_decision {
	uint64_t nr_pages;
	uint32_t min_idle;
	bool no_ciphertext;
	enum policy_reason reason;
	enum policy_cap cap;
	uint64_t wanted;
	uint64_t frames;
	uint64_t floor;
	uint64_t cold;
	uint64_t refault_ppm;
	uint64_t stall_ppm;
	uint64_t pool_used;
	uint64_t pool_limit;
	uint64_t hold_ns;
	uint64_t fetch;
	enum policy_fetch fetch_for;
};

/**
 * struct policy_guest - a guest as the policies know it
 * @settings: set by the owner, at any time
 * @sample: set by the owner before each round
 * @decision: of the last round
 *
 * What follows is the policies' own; all zero at first.
 * @last: the sample of the round before
 * @seen: there was a round before
 * @cold_passes: proactive: pages idle for less stay; 0: not yet known
 * @rate_ppm: proactive: share that the next probe may take
 * @back_offs: counter, for the owner to read
 * @hold_length_ns: proactive: of the last hold
 * @hold_until_ns: proactive: no probe before
 * @quiet_since_ns: proactive: of the last back-off or relaxation
 * @allowed: prefetch: what the limits allowed in the last round
 * @raised_until_ns: prefetch: until then the limits count as raised
 * @gave_until_ns: prefetch: until then it counts as having given memory
 * @fetch_hold_ns: prefetch: length of the last hold
 * @fetch_after_ns: prefetch: nothing before
 */
struct policy_guest {
	struct policy_settings settings;
	struct policy_sample sample;
	struct policy_decision decision;

	struct policy_sample last;
	bool seen;
	uint32_t cold_passes;
	uint32_t rate_ppm;
	uint64_t back_offs;
	uint64_t hold_length_ns;
	uint64_t hold_until_ns;
	uint64_t quiet_since_ns;
	uint64_t allowed;
	uint64_t raised_until_ns;
	uint64_t gave_until_ns;
	uint64_t fetch_hold_ns;
	uint64_t fetch_after_ns;
};

/**
 * struct policy_host - what rounds share; all zero at first but for @settings
 * @settings: set by the owner
 * @pool: sample, set by the owner before each round
 * @now_ns: of the last round
 * @squeezing: the pool was above pool_high and is not yet below pool_low
 * @page_tokens: pages that the quota still allows
 * @cpu_tokens: CPU time that the quota still allows
 * @page_cost_ns: what it takes to move a page, as measured
 */
struct policy_host {
	struct policy_host_settings settings;
	struct policy_pool pool;

	uint64_t now_ns;
	bool squeezing;
	uint64_t page_tokens;
	int64_t cpu_tokens;
	uint64_t page_cost_ns;
};

/**
 * policy_round() - decide for all guests
 * @host: with settings and the sample of the pool
 * @guests: @nr pointers, each with settings and sample
 * @now_ns: must not go back
 */
void policy_round(struct policy_host *host, struct policy_guest **guests, size_t nr,
		  uint64_t now_ns);

/* Are they in order? Fixes nothing. */
bool policy_limits_valid(const struct policy_limits *limits);

const char *policy_kind_name(enum policy_kind kind);
/* -EINVAL if there is no such policy */
int policy_kind_parse(const char *name);
/* One word each, as in JSON, journal and metrics */
const char *policy_reason_name(enum policy_reason reason);
const char *policy_cap_name(enum policy_cap cap);

/**
 * policy_explain() - a decision in sentences
 * @buf: of @room bytes
 * @guest: with the decision to explain
 */
void policy_explain(char *buf, size_t room, const struct policy_guest *guest,
		    const struct policy_host_settings *host);

/* ---- between the files of this folder ------------------------------------ */

/* Pages idle for @passes or more. */
uint64_t policy_cold(const struct policy_sample *sample, uint32_t passes);
/* Fill in what the guest is to give of @excess pages of the pool. */
void watermark_share(struct policy_host *host, struct policy_guest **guests, size_t nr,
		     uint64_t excess);
void proactive_decide(const struct policy_host *host, struct policy_guest *guest,
		      uint64_t now_ns, uint64_t elapsed_ns);
/* After all else: what guests get back. */
void prefetch_decide(const struct policy_host *host, struct policy_guest **guests, size_t nr,
		     uint64_t now_ns);

#endif
