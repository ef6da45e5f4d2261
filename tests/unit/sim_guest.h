/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_guest.h - a guest of some thousand pages, in simulated time
 *
 * Pages belong to a class: a page of period n is used once in n passes on average,
 * by a random number generator that begins with the same number each time; period
 * 0 is never used. A pass uses pages, ages the resident ones, and counts as refault
 * what was out. Pages may be incompressible: nothing but ciphertext is left of them. It is
 * written from what the uapi header promises of aging and reclaim, and shares no code with
 * the policies.
 */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include <stdint.h>
#include <string.h>

#include "policy.h"

#define SIM_PAGES	8192
#define SIM_STALL_NS	50000	/* of one page-in */
#define SIM_MOVE_NS	4000	/* of one page-out */

struct sim_guest {
	struct policy_guest policy;
	uint32_t random;
	uint32_t nr;
	uint32_t hand;
	uint16_t period[SIM_PAGES];
	uint8_t idle[SIM_PAGES];
	uint8_t out[SIM_PAGES];
	uint8_t incompressible[SIM_PAGES];
	uint8_t no_gain[SIM_PAGES];	/* that is known of it */
	uint64_t left[SIM_PAGES];	/* pass in which it went out */
	uint64_t fetched;
};

/* A host where quotas stop nobody, with that pool. */
static inline struct policy_host sim_unlimited_host(uint64_t limit, uint64_t used)
{
	struct policy_host host = { .settings = policy_default_host_settings };

	host.settings.quota_pages = 0;
	host.settings.quota_cpu_ns = 0;
	host.settings.pool_high_ppm = 950000;
	host.settings.pool_low_ppm = 900000;
	host.pool = (struct policy_pool){ .limit = limit, .used = used, .sink = UINT32_MAX };
	return host;
}

static inline uint32_t sim_random(struct sim_guest *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 17;
	g->random ^= g->random << 5;
	return g->random;
}

static inline void sim_init(struct sim_guest *g, enum policy_kind kind)
{
	memset(g, 0, sizeof(*g));
	g->random = 2463534242u;
	g->policy.settings = policy_default_settings;
	g->policy.settings.kind = kind;
}

/* Append a class. */
static inline void sim_add(struct sim_guest *g, uint32_t pages, uint16_t period)
{
	while (pages-- && g->nr < SIM_PAGES)
		g->period[g->nr++] = period;
}

static inline void sim_count(struct sim_guest *g)
{
	struct policy_sample *s = &g->policy.sample;
	uint32_t i;

	s->frames = s->no_gain = 0;
	memset(s->idle, 0, sizeof(s->idle));
	for (i = 0; i < g->nr; i++) {
		if (g->out[i])
			continue;
		s->frames++;
		s->no_gain += g->no_gain[i];
		s->idle[g->idle[i]]++;
	}
}

/* An aging pass, and what the guest did since the last one. */
static inline void sim_pass(struct sim_guest *g)
{
	struct policy_sample *s = &g->policy.sample;
	uint32_t i;

	for (i = 0; i < g->nr; i++) {
		if (g->period[i] && sim_random(g) % g->period[i] == 0) {
			if (g->out[i]) {
				s->refaults++;
				s->stall_ns += SIM_STALL_NS;
			}
			g->out[i] = 0;
			g->idle[i] = 0;
			g->no_gain[i] = 0;
		} else if (!g->out[i] && g->idle[i] < POLICY_IDLE_BUCKETS - 1) {
			g->idle[i]++;
		}
	}
	s->passes++;
	sim_count(g);
}

/*
 * UVMEM_VM_RECLAIM: oldest first; among equals it goes on where it stopped. @ret_stay: with
 * UVMEM_RECLAIM_NO_CIPHERTEXT, how many were tried in vain.
 */
static inline uint64_t sim_reclaim_to(struct sim_guest *g, uint64_t nr, uint32_t min_idle,
				      uint64_t *ret_stay)
{
	uint64_t moved = 0, tried = 0;
	int age;
	uint32_t i;

	for (age = POLICY_IDLE_BUCKETS - 1; age >= (int)min_idle && tried < nr; age--) {
		for (i = 0; i < g->nr && tried < nr; i++) {
			uint32_t page = (g->hand + i) % g->nr;

			if (g->out[page] || g->idle[page] != age || (ret_stay && g->no_gain[page]))
				continue;
			tried++;
			if (tried == nr)
				g->hand = page + 1;
			g->no_gain[page] = ret_stay && g->incompressible[page];
			if (g->no_gain[page])
				continue;
			g->out[page] = 1;
			g->left[page] = g->policy.sample.passes;
			moved++;
		}
	}
	if (ret_stay)
		*ret_stay = tried - moved;
	g->policy.sample.moved += moved;
	g->policy.sample.work_ns += moved * SIM_MOVE_NS;
	sim_count(g);
	return moved;
}

static inline uint64_t sim_reclaim(struct sim_guest *g, uint64_t nr, uint32_t min_idle)
{
	return sim_reclaim_to(g, nr, min_idle, NULL);
}

/* UVMEM_VM_PAGE_IN of pages that left last, as the daemon does it */
static inline uint64_t sim_fetch(struct sim_guest *g, uint64_t nr)
{
	uint64_t moved = 0, back;
	uint32_t i;

	for (back = 0; back < 64 && moved < nr; back++) {
		for (i = 0; i < g->nr && moved < nr; i++) {
			if (!g->out[i] || g->left[i] + back != g->policy.sample.passes)
				continue;
			g->out[i] = 0;
			g->idle[i] = 0;
			moved++;
		}
	}
	g->fetched += moved;
	sim_count(g);
	return moved;
}

#endif
