// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of the policies, whatever the guests do
 *
 * Properties are tried on random guests; a failure names the seed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "policy.h"
#include "sim_guest.h"

#define NR	8

static uint32_t random_state;

static uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return below ? random_state % below : 0;
}

static void random_sample(struct policy_guest *g)
{
	struct policy_sample *s = &g->sample;
	uint64_t left;
	unsigned int i;

	s->frames = rnd(4) ? rnd(100000) : 0;
	left = s->frames;
	memset(s->idle, 0, sizeof(s->idle));
	s->passes += rnd(3);
	for (i = 0; i < POLICY_IDLE_BUCKETS && s->passes; i++) {
		s->idle[i] = i == POLICY_IDLE_BUCKETS - 1 ? left : rnd(left + 1);
		left -= s->idle[i];
	}
	s->refaults += rnd(3) ? 0 : rnd(1000);
	s->stall_ns += rnd(3) ? 0 : rnd(100000000);
	s->moved += rnd(2000);
	s->work_ns += rnd(10000000);
	s->no_gain = rnd(2) ? 0 : rnd(s->frames + 1);
}

static void random_settings(struct policy_guest *g)
{
	struct policy_limits *l = &g->settings.limits;

	g->settings = policy_default_settings;
	g->settings.kind = rnd(POLICY_NR_KINDS);
	g->settings.weight = 1 + rnd(rnd(2) ? 10 : POLICY_WEIGHT_MAX);
	g->settings.probe_ppm = 1 + rnd(1000000);
	g->settings.cold_age_ns = rnd(60) * POLICY_NSEC;
	g->sample.passes = rnd(40);
	l->min = rnd(2) ? 0 : rnd(50000);
	l->low = l->min + (rnd(2) ? 0 : rnd(30000));
	l->high = rnd(2) ? POLICY_NO_LIMIT : l->low + rnd(50000);
	assert_true(policy_limits_valid(l));
}

static void check_round(const struct policy_host *host, const struct policy_guest *guests,
			uint64_t elapsed_ns)
{
	uint64_t sum = 0, needs_sink = 0, room, excess, possible = 0, wanted = 0;
	bool capped = false;
	unsigned int i;

	for (i = 0; i < NR; i++) {
		const struct policy_guest *g = &guests[i];
		const struct policy_decision *d = &g->decision;

		/* What leaves no ciphertext is held by the kernel to what the sealed pool takes. */
		sum += d->nr_pages;
		needs_sink += d->no_ciphertext ? 0 : d->nr_pages;
		assert_true(!d->no_ciphertext || (d->reason == POLICY_PROBE &&
						  host->pool.ciphertext_stays));
		wanted += d->wanted;
		assert_true(d->nr_pages <= g->sample.frames);
		/* min is never passed, low only when the pool is short of memory */
		assert_true(!d->nr_pages ||
			    g->sample.frames - d->nr_pages >= g->settings.limits.min);
		if (d->reason != POLICY_POOL_PRESSURE && d->nr_pages)
			assert_true(g->sample.frames - d->nr_pages >= g->settings.limits.low);
		if (g->settings.kind == POLICY_STATIC)
			assert_true(d->reason == POLICY_LIMITS_HOLD ||
				    d->reason == POLICY_ABOVE_HIGH);
		if (d->nr_pages < d->wanted) {
			assert_int_not_equal(d->cap, POLICY_CAP_NONE);
			capped = true;
		}
		assert_true(d->nr_pages <= d->wanted);
		if (d->reason == POLICY_PROBE)
			assert_true(d->wanted <= d->cold);
		if (g->settings.kind != POLICY_STATIC && g->sample.frames > g->settings.limits.min)
			possible += g->sample.frames - g->settings.limits.min;
	}
	room = host->pool.sealed_room;
	if (host->pool.sink > host->settings.sink_reserve)
		room += host->pool.sink - host->settings.sink_reserve;
	assert_true(needs_sink <= room);
	assert_true(sum <= host->settings.quota_pages * (elapsed_ns / 1e9) + 1);

	/* What is missing is found, if it is there at all. */
	if (host->squeezing && !capped) {
		excess = host->pool.used - (uint64_t)((double)host->pool.limit *
						      host->settings.pool_low_ppm / 1e6);
		if (excess > possible)
			excess = possible;
		assert_true(wanted + NR + 1 >= excess);
	}
}

static void limits_are_never_broken(void **state)
{
	unsigned int seed;

	(void)state;
	for (seed = 1; seed <= 3000; seed++) {
		struct policy_guest guests[NR] = { 0 }, *list[NR];
		struct policy_host host = { .settings = policy_default_host_settings };
		uint64_t now = POLICY_NSEC;
		unsigned int i, round;

		random_state = seed * 2654435761u | 1;
		host.settings.sink_reserve = rnd(100000);
		if (rnd(2))
			host.settings.quota_pages = 1 + rnd(1000000);
		for (i = 0; i < NR; i++) {
			list[i] = &guests[i];
			random_settings(&guests[i]);
		}
		for (round = 0; round < 8; round++) {
			uint64_t elapsed = rnd(10) * POLICY_NSEC;

			host.pool = (struct policy_pool){
				.sink = rnd(2) ? rnd(500000) : UINT32_MAX,
				.sealed_room = rnd(2) ? 0 : rnd(100000),
				.ciphertext_stays = rnd(2),
			};
			for (i = 0; i < NR; i++) {
				random_sample(&guests[i]);
				host.pool.used += guests[i].sample.frames;
			}
			host.pool.limit = host.pool.used * (50 + rnd(100)) / 100;
			now += elapsed;
			policy_round(&host, list, NR, now);
			check_round(&host, guests, round ? elapsed : POLICY_NSEC);
		}
	}
}

static void two_guests(struct policy_guest *g, struct policy_guest **list,
		       uint64_t frames_a, uint32_t weight_a, uint64_t frames_b, uint32_t weight_b)
{
	unsigned int i;

	memset(g, 0, 2 * sizeof(*g));
	for (i = 0; i < 2; i++) {
		list[i] = &g[i];
		g[i].settings = policy_default_settings;
		g[i].sample.frames = i ? frames_b : frames_a;
		g[i].sample.passes = 40;
		g[i].sample.idle[0] = g[i].sample.frames;
		g[i].settings.weight = i ? weight_b : weight_a;
	}
}

static void shares_follow_weights(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(80000, 200000);
	uint64_t a, b;

	(void)state;
	two_guests(g, list, 100000, 1, 100000, 3);
	policy_round(&host, list, 2, 1);
	a = g[0].sample.frames - g[0].decision.nr_pages;
	b = g[1].sample.frames - g[1].decision.nr_pages;
	assert_in_range(a + b, 72000 - 2, 72000 + 2);
	assert_in_range(b, 3 * a - 8, 3 * a + 8);
}

/* What is guaranteed is not shared out. */
static void shares_begin_above_the_guarantee(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(80000, 200000);

	(void)state;
	two_guests(g, list, 100000, 1, 100000, 1);
	g[0].settings.limits.low = 50000;
	policy_round(&host, list, 2, 1);
	assert_in_range(g[0].sample.frames - g[0].decision.nr_pages, 61000 - 2, 61000 + 2);
	assert_in_range(g[1].sample.frames - g[1].decision.nr_pages, 11000 - 2, 11000 + 2);
}

static void small_guests_give_nothing(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(100000, 105000);

	(void)state;
	two_guests(g, list, 100000, 100, 5000, 100);
	policy_round(&host, list, 2, 1);
	assert_int_equal(g[1].decision.nr_pages, 0);
	assert_in_range(g[0].decision.nr_pages, 15000 - 2, 15000 + 2);
}

static void guarantees_yield_only_when_nothing_else_is_left(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(100000, 100000);

	(void)state;
	two_guests(g, list, 50000, 100, 50000, 100);
	g[0].settings.limits.low = 50000;
	policy_round(&host, list, 2, 1);
	assert_int_equal(g[0].decision.nr_pages, 0);
	assert_in_range(g[1].decision.nr_pages, 10000 - 2, 10000 + 2);

	g[1].settings.limits.low = 45000;
	g[1].settings.limits.min = 45000;
	policy_round(&host, list, 2, 2);
	assert_in_range(g[0].decision.nr_pages, 1, 50000);
	assert_in_range(g[1].decision.nr_pages, 0, 5000);
	assert_in_range(g[0].decision.nr_pages + g[1].decision.nr_pages, 9998, 10002);
}

static void idle_pages_are_taxed(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(100000, 100000);

	(void)state;
	two_guests(g, list, 50000, 100, 50000, 100);
	memset(g[1].sample.idle, 0, sizeof(g[1].sample.idle));
	g[1].sample.idle[31] = 50000;
	policy_round(&host, list, 2, 1);
	assert_int_equal(g[0].decision.nr_pages, 0);
	assert_in_range(g[1].decision.nr_pages, 9998, 10002);

	/* At equal use and no tax both give the same. */
	host.settings.idle_tax_ppm = 0;
	policy_round(&host, list, 2, 2);
	assert_in_range(g[0].decision.nr_pages, 4998, 5002);
	assert_in_range(g[1].decision.nr_pages, 4998, 5002);
}

static void squeezing_has_hysteresis(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(100000, 94000);

	(void)state;
	two_guests(g, list, 50000, 100, 44000, 100);
	policy_round(&host, list, 2, 1);
	assert_false(host.squeezing);
	host.pool.used = 95001;
	policy_round(&host, list, 2, 2);
	assert_true(host.squeezing);
	host.pool.used = 91000;
	policy_round(&host, list, 2, 3);
	assert_true(host.squeezing);
	assert_in_range(g[0].decision.wanted + g[1].decision.wanted, 998, 1002);
	host.pool.used = 90000;
	policy_round(&host, list, 2, 4);
	assert_false(host.squeezing);
	host.pool.used = 94000;
	policy_round(&host, list, 2, 5);
	assert_int_equal(g[0].decision.wanted + g[1].decision.wanted, 0);
}

static void above_high_goes_at_once(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(1000000, 100000);

	(void)state;
	two_guests(g, list, 50000, 100, 50000, 100);
	g[0].settings.kind = POLICY_STATIC;
	g[0].settings.limits.high = 20000;
	policy_round(&host, list, 2, 1);
	assert_int_equal(g[0].decision.nr_pages, 30000);
	assert_int_equal(g[0].decision.reason, POLICY_ABOVE_HIGH);
	assert_int_equal(g[1].decision.nr_pages, 0);
}

static void without_a_sink_nothing_is_taken(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(100000, 200000);
	char text[1024];

	(void)state;
	host.pool.sink = host.settings.sink_reserve;
	two_guests(g, list, 100000, 100, 100000, 100);
	policy_round(&host, list, 2, 1);
	assert_int_equal(g[0].decision.nr_pages, 0);
	assert_int_equal(g[0].decision.cap, POLICY_CAP_SINK);
	policy_explain(text, sizeof(text), &g[0], &host.settings);
	assert_non_null(strstr(text, "no place for more"));
	assert_non_null(strstr(text, "taken: 0 KiB"));
}

static void the_pool_and_limits_take_ciphertext_as_well(void **state)
{
	struct policy_guest g[2], *list[2];
	struct policy_host host = sim_unlimited_host(200000, 200000);
	uint64_t round;

	(void)state;
	host.pool.ciphertext_stays = true;
	two_guests(g, list, 100000, 1, 100000, 1);
	g[0].settings.kind = g[1].settings.kind = POLICY_PROACTIVE;
	g[0].settings.limits.high = 90000;
	for (round = 1; round < 4; round++) {
		g[0].sample.idle[31] = g[1].sample.idle[31] = 100000;
		policy_round(&host, list, 2, round * POLICY_NSEC);
	}
	assert_int_equal(g[0].decision.reason, POLICY_ABOVE_HIGH);
	assert_int_equal(g[1].decision.reason, POLICY_POOL_PRESSURE);
	assert_false(g[0].decision.no_ciphertext || g[1].decision.no_ciphertext);
	/* The pool has room again: the loop's own. */
	host.pool.used = 1000;
	policy_round(&host, list, 2, round * POLICY_NSEC);
	assert_int_equal(g[1].decision.reason, POLICY_PROBE);
	assert_true(g[1].decision.no_ciphertext);
	assert_false(g[0].decision.no_ciphertext);
	/* It needs no sink, what the limit takes does. */
	host.pool.sink = 0;
	policy_round(&host, list, 2, (round + 1) * POLICY_NSEC);
	assert_true(g[1].decision.nr_pages > 0);
	assert_int_equal(g[0].decision.nr_pages, 0);
	assert_int_equal(g[0].decision.cap, POLICY_CAP_SINK);
}

/* ---- words ------------------------------------------------------------------- */

static void everything_can_be_explained(void **state)
{
	struct policy_guest g = { .settings = policy_default_settings };
	unsigned int reason, cap;
	char text[1024], small[20];

	(void)state;
	for (reason = 0; reason < POLICY_NR_REASONS; reason++) {
		for (cap = 0; cap < POLICY_NR_CAPS; cap++) {
			g.decision = (struct policy_decision){
				.reason = reason, .cap = cap, .wanted = 1 << 20,
				.nr_pages = cap ? 5 : 1 << 20, .frames = UINT64_MAX >> 12,
				.no_ciphertext = cap % 2,
			};
			policy_explain(text, sizeof(text), &g, &policy_default_host_settings);
			assert_true(strlen(text) > 60 && strlen(text) < sizeof(text) - 1);
			assert_int_equal(text[strlen(text) - 1], '.');
			policy_explain(small, sizeof(small), &g, &policy_default_host_settings);
			assert_true(strlen(small) < sizeof(small));
		}
		assert_true(strlen(policy_reason_name(reason)) > 3);
	}
	for (reason = 0; reason < POLICY_NR_KINDS; reason++)
		assert_int_equal(policy_kind_parse(policy_kind_name(reason)), reason);
	assert_true(policy_kind_parse("magic") < 0);
}

static void a_thousand_guests_cost_little(void **state)
{
	static struct policy_guest guests[1000], *list[1000];
	struct policy_host host = sim_unlimited_host(40000000, 50000000);
	struct timespec a, b;
	unsigned int i, round;
	double ms;

	(void)state;
	random_state = 1;
	for (i = 0; i < 1000; i++) {
		list[i] = &guests[i];
		random_settings(&guests[i]);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 1000; i++)
			random_sample(&guests[i]);
		policy_round(&host, list, 1000, (round + 1) * POLICY_NSEC);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	ms = ((b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6) / 20;
	printf("# a round of 1000 guests: %.2f ms\n", ms);
	/* 2 % of a core at one round a second; sanitizers are slower */
	assert_true(ms < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_never_broken),
		cmocka_unit_test(shares_follow_weights),
		cmocka_unit_test(shares_begin_above_the_guarantee),
		cmocka_unit_test(small_guests_give_nothing),
		cmocka_unit_test(guarantees_yield_only_when_nothing_else_is_left),
		cmocka_unit_test(idle_pages_are_taxed),
		cmocka_unit_test(squeezing_has_hysteresis),
		cmocka_unit_test(above_high_goes_at_once),
		cmocka_unit_test(without_a_sink_nothing_is_taken),
		cmocka_unit_test(the_pool_and_limits_take_ciphertext_as_well),
		cmocka_unit_test(everything_can_be_explained),
		cmocka_unit_test(a_thousand_guests_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
