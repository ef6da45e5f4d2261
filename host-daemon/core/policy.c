// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * policy.c - a round: what is wanted of each guest, and the caps
 */
#include <errno.h>
#include <string.h>

#include "policy.h"

#define MIN(a, b)	((a) < (b) ? (a) : (b))

/*
 * 0.2 % per minute and 120 s are what g-swap runs a fleet with, 0.1 % of stall and 1 % a
 * round what TMO does, 75 % is ESX's idle memory tax. The module reclaims by itself above
 * 95 % of the pool, and knows no weights: uvmemd is to be there before.
 */
const struct policy_settings policy_default_settings = {
	.kind = POLICY_WATERMARK,
	.limits = { .high = POLICY_NO_LIMIT, .max = POLICY_NO_LIMIT },
	.weight = 100,
	.refault_ppm = 2000,
	.stall_ppm = 1000,
	.probe_ppm = 10000,
	.cold_age_ns = 120 * POLICY_NSEC,
};

const struct policy_host_settings policy_default_host_settings = {
	.pool_high_ppm = 900000,
	.pool_low_ppm = 850000,
	.idle_tax_ppm = 750000,
	.quota_pages = 128 << 8,
	.quota_cpu_ns = 100 * 1000000ULL,
	.age_pass_ns = 10 * POLICY_NSEC,
	.sink_reserve = 256 << 8,
};

bool policy_limits_valid(const struct policy_limits *limits)
{
	return limits->min <= limits->low && limits->low <= limits->high &&
	       limits->low <= limits->max &&
	       (limits->high <= limits->max || limits->high == POLICY_NO_LIMIT);
}

uint64_t policy_cold(const struct policy_sample *sample, uint32_t passes)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = passes; i < POLICY_IDLE_BUCKETS; i++)
		sum += sample->idle[i];
	return sum;
}

/* What was not used does not add up to a burst later: a minute's worth at most. */
static void refill(struct policy_host *host, struct policy_guest **guests, size_t nr,
		   uint64_t elapsed_ns)
{
	const struct policy_host_settings *set = &host->settings;
	/* The first round has a second's worth. */
	double seconds = host->now_ns ? (double)MIN(elapsed_ns, 60 * POLICY_NSEC) / POLICY_NSEC : 1;
	int64_t cpu = (int64_t)(set->quota_cpu_ns * seconds);
	uint64_t work = 0, moved = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!guests[i]->seen)
			continue;
		work += guests[i]->sample.work_ns - guests[i]->last.work_ns;
		moved += guests[i]->sample.moved - guests[i]->last.moved;
	}
	host->page_tokens = (uint64_t)(set->quota_pages * seconds);
	/* What the last round took beyond what was foreseen is missing in this one. */
	host->cpu_tokens += cpu - (int64_t)work;
	if (host->cpu_tokens > cpu)
		host->cpu_tokens = cpu;
	if (moved >= 64)
		host->page_cost_ns = host->page_cost_ns ?
			(3 * host->page_cost_ns + work / moved) / 4 : work / moved;
}

/* What leaves no ciphertext needs no place, or one in the sealed pool, which the kernel sees to. */
static bool is_capped(const struct policy_decision *d, enum policy_cap cap)
{
	return d->nr_pages && !(cap == POLICY_CAP_SINK && d->no_ciphertext);
}

/* Everybody gets the same part of what was wanted. */
static void scale(struct policy_guest **guests, size_t nr, uint64_t room, enum policy_cap cap)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		if (is_capped(&guests[i]->decision, cap))
			sum += guests[i]->decision.nr_pages;
	if (sum <= room)
		return;
	for (i = 0; i < nr; i++) {
		struct policy_decision *d = &guests[i]->decision;

		if (!is_capped(d, cap))
			continue;
		d->nr_pages = (uint64_t)((double)d->nr_pages * room / sum);
		d->cap = cap;
	}
}

static void apply_caps(struct policy_host *host, struct policy_guest **guests, size_t nr)
{
	const struct policy_host_settings *set = &host->settings;
	uint64_t sink = host->pool.sink, room = host->pool.sealed_room;
	size_t i;

	for (i = 0; i < nr; i++) {
		struct policy_decision *d = &guests[i]->decision;
		uint64_t above = d->frames > d->floor ? d->frames - d->floor : 0;

		d->nr_pages = d->wanted;
		if (d->nr_pages > above) {
			d->nr_pages = above;
			d->cap = POLICY_CAP_GUARANTEE;
		}
	}
	if (sink > set->sink_reserve)
		room += sink - set->sink_reserve;
	scale(guests, nr, room, POLICY_CAP_SINK);
	if (set->quota_pages)
		scale(guests, nr, host->page_tokens, POLICY_CAP_QUOTA_PAGES);
	if (set->quota_cpu_ns && host->page_cost_ns)
		scale(guests, nr, host->cpu_tokens > 0 ?
		      (uint64_t)host->cpu_tokens / host->page_cost_ns : 0,
		      POLICY_CAP_QUOTA_CPU);
}

static void begin(const struct policy_host *host, struct policy_guest *guest)
{
	const struct policy_settings *set = &guest->settings;
	struct policy_decision *d = &guest->decision;

	*d = (struct policy_decision){
		.reason = POLICY_LIMITS_HOLD,
		.frames = guest->sample.frames,
		.floor = set->limits.low,
		.pool_used = host->pool.used,
		.pool_limit = host->pool.limit,
	};
	if (set->limits.high != POLICY_NO_LIMIT && d->frames > set->limits.high) {
		d->wanted = d->frames - set->limits.high;
		d->reason = POLICY_ABOVE_HIGH;
	}
}

/* Measured since the last round; part of the decision, whatever it will be. */
static void measure(struct policy_guest *guest, uint64_t elapsed_ns)
{
	struct policy_decision *d = &guest->decision;
	double minutes = elapsed_ns / (60.0 * POLICY_NSEC);

	if (!guest->seen || !elapsed_ns)
		return;
	/* With next to nothing resident a single page would be a rate beyond measure. */
	d->refault_ppm = (uint64_t)((guest->sample.refaults - guest->last.refaults) * 1e6 /
				    (minutes * (guest->sample.frames + 256)));
	d->stall_ppm = (uint64_t)((guest->sample.stall_ns - guest->last.stall_ns) * 1e6 /
				  elapsed_ns);
}

static uint64_t part(uint64_t pages, uint32_t ppm)
{
	return (uint64_t)((double)pages * ppm / 1e6);
}

void policy_round(struct policy_host *host, struct policy_guest **guests, size_t nr,
		  uint64_t now_ns)
{
	uint64_t elapsed_ns = host->now_ns && now_ns > host->now_ns ? now_ns - host->now_ns : 0;
	const struct policy_pool *pool = &host->pool;
	uint64_t low = part(pool->limit, host->settings.pool_low_ppm);
	size_t i;

	refill(host, guests, nr, elapsed_ns);
	for (i = 0; i < nr; i++) {
		begin(host, guests[i]);
		measure(guests[i], elapsed_ns);
	}

	if (pool->used > part(pool->limit, host->settings.pool_high_ppm))
		host->squeezing = true;
	if (pool->used <= low)
		host->squeezing = false;

	/* The loops run in any case: they must see each sample. */
	for (i = 0; i < nr; i++)
		if (guests[i]->settings.kind == POLICY_PROACTIVE)
			proactive_decide(host, guests[i], now_ns, elapsed_ns);
	if (host->squeezing)
		watermark_share(host, guests, nr, pool->used - low);

	apply_caps(host, guests, nr);
	prefetch_decide(host, guests, nr, now_ns);
	for (i = 0; i < nr; i++) {
		guests[i]->last = guests[i]->sample;
		guests[i]->seen = true;
	}
	host->now_ns = now_ns;
}
