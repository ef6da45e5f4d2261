// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of fetching pages back: rarely, little, and never against what takes
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "policy.h"
#include "sim_guest.h"

#define SEC	POLICY_NSEC

static struct policy_host host;
static struct policy_guest g[3], *list[3] = { &g[0], &g[1], &g[2] };

static int setup(void **state)
{
	unsigned int i;

	(void)state;
	host = (struct policy_host){
		.settings = policy_default_host_settings,
		.pool = { .limit = 100000, .used = 50000, .sink = 10000000 },
	};
	memset(g, 0, sizeof(g));
	for (i = 0; i < 3; i++) {
		g[i].settings = policy_default_settings;
		g[i].settings.prefetch_ppm = 20000;
		g[i].sample.frames = 10000;
		g[i].sample.passes = 40;
	}
	return 0;
}

static void round_after(unsigned int seconds)
{
	policy_round(&host, list, 1, host.now_ns + seconds * SEC);
}

/* It gave memory, and some of that comes back. */
static void give(void)
{
	g[0].settings.limits.high = 9000;
	round_after(5);
	round_after(5);
	assert_int_equal(g[0].decision.reason, POLICY_ABOVE_HIGH);
	assert_int_equal(g[0].decision.fetch, 0);
	g[0].sample.frames = 9000;
	g[0].sample.moved += 1000;
}

static void it_is_off_by_default(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(policy_default_settings.prefetch_ppm, 0);
	g[0].settings.prefetch_ppm = policy_default_settings.prefetch_ppm;
	give();
	g[0].settings.limits.high = POLICY_NO_LIMIT;
	for (i = 0; i < 100; i++) {
		g[0].sample.refaults += 1000;
		round_after(5);
		assert_int_equal(g[0].decision.fetch, 0);
	}
}

static void a_raised_limit_brings_some_back(void **state)
{
	(void)state;
	give();
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
	g[0].settings.limits.high = 20000;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, (9000 + 256) * 20000ull / 1000000);
	assert_int_equal(g[0].decision.fetch_for, POLICY_FETCH_RAISED);
	/* Not at once again; then it is over. */
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
	round_after(10);
	assert_true(g[0].decision.fetch > 0);
	round_after(100);
	assert_int_equal(g[0].decision.fetch, 0);
}

static void a_limit_that_held_nobody_down_brings_nothing(void **state)
{
	(void)state;
	g[0].settings.limits.high = 20000;
	round_after(5);
	round_after(5);
	g[0].settings.limits.high = POLICY_NO_LIMIT;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
	/* Nor one that is lowered again. */
	g[0].settings.limits.high = 10500;
	round_after(5);
	g[0].settings.limits.high = 20000;
	g[0].settings.prefetch_ppm = 0;
	round_after(5);
	g[0].settings.prefetch_ppm = 20000;
	g[0].settings.limits.high = 15000;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
}

static void refaults_alone_bring_nothing(void **state)
{
	unsigned int i;

	(void)state;
	/* Nobody took anything: the guest's own first touches, or another's doing long ago. */
	for (i = 0; i < 100; i++) {
		g[0].sample.refaults += 1000;
		round_after(5);
		assert_int_equal(g[0].decision.fetch, 0);
	}
}

static void a_guest_that_gave_and_wants_it_back_gets_some(void **state)
{
	uint64_t at = 0, gap = 0, n = 0;
	unsigned int i;

	(void)state;
	give();
	g[0].settings.limits.high = POLICY_NO_LIMIT;
	g[0].raised_until_ns = 0;
	g[0].sample.frames = 5000;
	round_after(5);
	/* An hour of trouble: ever more rarely, and for no longer than what was given is new. */
	for (i = 0; i < 720; i++) {
		g[0].sample.refaults += 100;
		round_after(5);
		g[0].raised_until_ns = 0;
		if (!g[0].decision.fetch)
			continue;
		assert_int_equal(g[0].decision.fetch_for, POLICY_FETCH_REFAULT);
		if (at) {
			assert_true(host.now_ns - at >= gap);
			gap = host.now_ns - at;
		}
		at = host.now_ns;
		n++;
	}
	assert_in_range(n, 4, 7);
	/* Below what is allowed it needs no help. */
	setup(NULL);
	give();
	for (i = 0; i < 20; i++) {
		g[0].sample.refaults += 1;
		round_after(5);
		assert_int_equal(g[0].decision.fetch, 0);
	}
}

static void the_pool_stays_below_its_mark(void **state)
{
	(void)state;
	give();
	host.pool.used = 85000 - 10;
	g[0].settings.limits.high = 20000;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 10);
	setup(NULL);
	give();
	host.pool.used = 85000;
	g[0].settings.limits.high = 20000;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
}

static void what_there_is_is_given_once(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		g[i].settings.limits.high = 10000;
	policy_round(&host, list, 3, host.now_ns + 5 * SEC);
	policy_round(&host, list, 3, host.now_ns + 5 * SEC);
	host.pool.used = 84700;
	for (i = 0; i < 3; i++)
		g[i].settings.limits.high = 20000;
	policy_round(&host, list, 3, host.now_ns + 5 * SEC);
	assert_int_equal(g[0].decision.fetch + g[1].decision.fetch + g[2].decision.fetch, 300);
}

static void limits_are_kept_with_room_to_spare(void **state)
{
	(void)state;
	give();
	g[0].settings.limits.high = 9700;
	round_after(5);
	/* 9700 less a sixteenth */
	assert_int_equal(g[0].decision.fetch, 9700 - 9700 / 16 - 9000);
	setup(NULL);
	give();
	g[0].settings.limits.high = 9500;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
	setup(NULL);
	give();
	g[0].settings.limits.high = POLICY_NO_LIMIT;
	g[0].settings.limits.max = 9500;
	round_after(5);
	assert_int_equal(g[0].decision.fetch, 0);
}

static uint32_t rnd(uint32_t below)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return below ? state % below : 0;
}

static void nobody_gives_and_gets_in_one_round(void **state)
{
	unsigned int i, k, fetched = 0;

	(void)state;
	for (i = 0; i < 100000; i++) {
		uint64_t sum = 0;

		if (!rnd(50))
			setup(NULL);
		host.pool.used = rnd(100000);
		for (k = 0; k < 3; k++) {
			struct policy_guest *p = &g[k];

			p->sample.frames = rnd(30000);
			p->sample.refaults += rnd(3) ? rnd(500) : 0;
			p->sample.moved += rnd(3) ? 0 : rnd(500);
			p->sample.idle[31] = rnd((uint32_t)p->sample.frames + 1);
			if (!rnd(4))
				p->settings.kind = rnd(POLICY_NR_KINDS);
			if (!rnd(4))
				p->settings.limits.high = rnd(2) ? POLICY_NO_LIMIT : 5000 + rnd(30000);
			if (!rnd(4))
				p->settings.prefetch_ppm = rnd(1000001);
		}
		policy_round(&host, list, 3, host.now_ns + (1 + rnd(100)) * SEC);
		for (k = 0; k < 3; k++) {
			const struct policy_decision *d = &g[k].decision;

			assert_true(!d->fetch || (!d->wanted && !d->nr_pages));
			assert_true(!d->fetch == !d->fetch_for);
			assert_true(!d->fetch || d->frames + d->fetch <= g[k].settings.limits.high);
			sum += d->fetch;
			fetched += !!d->fetch;
		}
		assert_true(!sum || host.pool.used + sum <= 85000);
		assert_true(!sum || !host.squeezing);
	}
	/* The cases there are were met. */
	assert_true(fetched > 1000);
}

/* ---- closed loops on a simulated guest --------------------------------------------- */

#define PASS_NS	(10 * POLICY_NSEC)
#define HOUR	360	/* passes */

static struct sim_guest sim;

static void run(unsigned int passes, uint64_t *ret_least, uint64_t *ret_most)
{
	struct policy_guest *one[] = { &sim.policy };
	uint64_t least = UINT64_MAX, most = 0;

	while (passes--) {
		const struct policy_decision *d = &sim.policy.decision;

		sim_pass(&sim);
		host.pool.used = sim.policy.sample.frames;
		policy_round(&host, one, 1, host.now_ns + PASS_NS);
		if (d->nr_pages)
			sim_reclaim(&sim, d->nr_pages, d->min_idle);
		if (d->fetch)
			sim_fetch(&sim, d->fetch);
		if (sim.policy.sample.frames < least)
			least = sim.policy.sample.frames;
		if (sim.policy.sample.frames > most)
			most = sim.policy.sample.frames;
	}
	if (ret_least)
		*ret_least = least;
	if (ret_most)
		*ret_most = most;
}

static void constant_load(uint32_t prefetch_ppm)
{
	setup(NULL);
	sim_init(&sim, POLICY_PROACTIVE);
	sim.policy.settings.prefetch_ppm = prefetch_ppm;
	sim_add(&sim, 2000, 1);
	sim_add(&sim, 2000, 8);
	sim_add(&sim, 2000, 60);
	sim_add(&sim, 2000, 0);
	run(6 * HOUR, NULL, NULL);
	sim.fetched = 0;
}

/* Where policy_loop_test shows that the loop comes to rest it must do so with prefetch, too. */
static void a_constant_load_makes_no_oscillation(void **state)
{
	uint64_t least, most, without, refaults, back_offs;

	(void)state;
	constant_load(0);
	refaults = sim.policy.sample.refaults;
	run(8 * HOUR, &least, &most);
	without = sim.policy.sample.refaults - refaults;
	constant_load(10000);
	refaults = sim.policy.sample.refaults;
	back_offs = sim.policy.back_offs;
	run(8 * HOUR, &least, &most);
	printf("# %llu to %llu frames, %llu fetched, %llu back-offs, %llu refaults, %llu without\n",
	       (unsigned long long)least, (unsigned long long)most,
	       (unsigned long long)sim.fetched,
	       (unsigned long long)(sim.policy.back_offs - back_offs),
	       (unsigned long long)(sim.policy.sample.refaults - refaults),
	       (unsigned long long)without);
	assert_in_range(most - least, 0, most / 20);
	assert_in_range(sim.policy.back_offs - back_offs, 0, 8 * 8);
	assert_true(sim.policy.sample.refaults - refaults <= without + without / 10);
	/* Of some 5000 resident ones, in 8 hours. */
	assert_true(sim.fetched <= 5000);
}

/* What was cold, and went some minutes ago, is wanted within two minutes. */
static uint64_t refaults_of_a_change(uint32_t prefetch_ppm)
{
	unsigned int i;

	setup(NULL);
	sim_init(&sim, POLICY_PROACTIVE);
	sim.policy.settings.prefetch_ppm = prefetch_ppm;
	sim_add(&sim, 2000, 1);
	sim_add(&sim, 6000, 0);
	sim.policy.settings.probe_ppm = 250000;
	run(40, NULL, NULL);
	assert_true(sim.policy.sample.frames < 4000);
	sim.policy.sample.refaults = 0;
	for (i = 0; i < 8000; i++)
		sim.period[i] = 12;
	run(60, NULL, NULL);
	return sim.policy.sample.refaults;
}

static void a_guest_whose_load_changes_waits_less(void **state)
{
	uint64_t without = refaults_of_a_change(0), with = refaults_of_a_change(100000);

	(void)state;
	printf("# %llu pages came back one by one, %llu without\n", (unsigned long long)with,
	       (unsigned long long)without);
	assert_true(with < without);
	assert_true(sim.fetched > 0);
}

static void it_is_explained(void **state)
{
	char text[1024];

	(void)state;
	give();
	g[0].settings.limits.high = 20000;
	round_after(5);
	policy_explain(text, sizeof(text), &g[0], &host.settings);
	assert_non_null(strstr(text, "Nothing is taken. Up to 740 KiB of what left last is fetched back: its limits were raised."));
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(it_is_off_by_default),
		TEST(a_raised_limit_brings_some_back),
		TEST(a_limit_that_held_nobody_down_brings_nothing),
		TEST(refaults_alone_bring_nothing),
		TEST(a_guest_that_gave_and_wants_it_back_gets_some),
		TEST(the_pool_stays_below_its_mark),
		TEST(what_there_is_is_given_once),
		TEST(limits_are_kept_with_room_to_spare),
		TEST(nobody_gives_and_gets_in_one_round),
		TEST(a_constant_load_makes_no_oscillation),
		TEST(a_guest_whose_load_changes_waits_less),
		TEST(it_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
