// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The policies in closed loop: where it comes to rest, and what it never does
 *
 * On simulated guests in simulated time (sim_guest.h): an hour takes milliseconds.
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "policy.h"
#include "sim_guest.h"

#define PASS_NS		(10 * POLICY_NSEC)
#define HOUR		360	/* passes */

/* A round per pass; returns the largest and the smallest number of frames seen. */
static void run(struct policy_host *host, struct sim_guest *g, unsigned int passes,
		uint64_t *ret_least, uint64_t *ret_most)
{
	struct policy_guest *list[] = { &g->policy };
	uint64_t least = UINT64_MAX, most = 0;

	while (passes--) {
		sim_pass(g);
		host->pool.used = g->policy.sample.frames;
		policy_round(host, list, 1, host->now_ns + PASS_NS);
		if (g->policy.decision.nr_pages)
			sim_reclaim(g, g->policy.decision.nr_pages, g->policy.decision.min_idle);
		if (g->policy.sample.frames < least)
			least = g->policy.sample.frames;
		if (g->policy.sample.frames > most)
			most = g->policy.sample.frames;
	}
	if (ret_least)
		*ret_least = least;
	if (ret_most)
		*ret_most = most;
}

static struct sim_guest sim;

static void an_idle_guest_gives_nearly_all(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 8000, 0);
	run(&host, &sim, 2 * HOUR, NULL, NULL);
	assert_in_range(sim.policy.sample.frames, 0, 2000);
	assert_int_equal(sim.policy.back_offs, 0);
}

static void a_guarantee_stays(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	uint64_t least;

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 8000, 0);
	sim.policy.settings.limits.low = 3000;
	run(&host, &sim, 4 * HOUR, &least, NULL);
	assert_int_equal(least, 3000);
}

/* Half of it is used every ten seconds, the rest never. */
static void a_working_set_stays(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	uint64_t least, most;

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 4000, 1);
	sim_add(&sim, 4000, 0);
	run(&host, &sim, 3 * HOUR, NULL, NULL);
	run(&host, &sim, HOUR, &least, &most);
	assert_in_range(least, 4000, 4400);
	assert_int_equal(sim.policy.back_offs, 0);
}

/* Pages in use at all rates: somewhere the loop must stop, and stay there. */
static void a_constant_load_makes_no_oscillation(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	uint64_t least, most, refaults, back_offs, seconds;
	const struct policy_settings *set = &sim.policy.settings;

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 2000, 1);
	sim_add(&sim, 2000, 8);
	sim_add(&sim, 2000, 60);
	sim_add(&sim, 2000, 0);
	run(&host, &sim, 6 * HOUR, NULL, NULL);
	refaults = sim.policy.sample.refaults;
	back_offs = sim.policy.back_offs;
	run(&host, &sim, 8 * HOUR, &least, &most);
	seconds = 8 * HOUR * 10;
	printf("# %llu to %llu frames, %llu back-offs in 8 hours, %.3f %% refaults a minute\n",
	       (unsigned long long)least, (unsigned long long)most,
	       (unsigned long long)(sim.policy.back_offs - back_offs),
	       (sim.policy.sample.refaults - refaults) * 100.0 / (seconds / 60) / least);
	/* Something is saved, what is used stays, it hardly moves, and it hurts little. */
	assert_in_range(most, 4000, 6400);
	assert_in_range(most - least, 0, most / 20);
	assert_in_range(sim.policy.back_offs - back_offs, 0, 8 * 8);
	assert_true((sim.policy.sample.refaults - refaults) * 1e6 / (seconds / 60) / least <
		    set->refault_ppm);
}

static void back_off_takes_one_round(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	unsigned int i;

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 2000, 1);
	sim_add(&sim, 6000, 0);
	run(&host, &sim, 30, NULL, NULL);
	assert_int_equal(sim.policy.decision.reason, POLICY_PROBE);
	/* The load changes: what was cold is wanted now. */
	for (i = 0; i < 8000; i++)
		sim.period[i] = 2;
	run(&host, &sim, 1, NULL, NULL);
	assert_int_equal(sim.policy.decision.reason, POLICY_BACK_OFF_REFAULT);
	assert_int_equal(sim.policy.decision.nr_pages, 0);
	assert_int_equal(sim.policy.back_offs, 1);
	run(&host, &sim, 2, NULL, NULL);
	assert_int_equal(sim.policy.decision.nr_pages, 0);
}

static void stall_alone_makes_it_back_off(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	struct policy_guest *list[] = { &sim.policy };

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 8000, 0);
	run(&host, &sim, 30, NULL, NULL);
	assert_int_equal(sim.policy.decision.reason, POLICY_PROBE);
	sim_pass(&sim);
	sim.policy.sample.stall_ns += PASS_NS / 500;
	policy_round(&host, list, 1, host.now_ns + PASS_NS);
	assert_int_equal(sim.policy.decision.reason, POLICY_BACK_OFF_STALL);
	assert_int_equal(sim.policy.decision.nr_pages, 0);
}

/* It was busy, then it is not: its memory is given in the end all the same. */
static void trust_comes_back(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	unsigned int i;

	(void)state;
	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 8000, 20);
	run(&host, &sim, 2 * HOUR, NULL, NULL);
	assert_true(sim.policy.back_offs > 0);
	for (i = 0; i < 8000; i++)
		sim.period[i] = 0;
	run(&host, &sim, 4 * HOUR, NULL, NULL);
	assert_in_range(sim.policy.sample.frames, 0, 2000);
}

static void without_aging_it_says_so(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 1000);
	struct policy_guest g = { .settings = policy_default_settings }, *list[] = { &g };

	(void)state;
	g.settings.kind = POLICY_PROACTIVE;
	g.sample.frames = 1000;
	policy_round(&host, list, 1, POLICY_NSEC);
	policy_round(&host, list, 1, 2 * POLICY_NSEC);
	assert_int_equal(g.decision.reason, POLICY_NO_AGING);
	assert_int_equal(g.decision.nr_pages, 0);
}

/* A page takes 4 us: 100 ms a second are 25,000 pages a second at most. */
static void the_cpu_quota_holds(void **state)
{
	struct policy_host host = sim_unlimited_host(1000000, 0);
	uint64_t before;

	(void)state;
	host.settings.quota_cpu_ns = 100000;	/* 25 pages a second */
	sim_init(&sim, POLICY_PROACTIVE);
	sim.policy.settings.probe_ppm = 1000000;
	sim_add(&sim, 8000, 0);
	run(&host, &sim, 30, NULL, NULL);
	before = sim.policy.sample.moved;
	run(&host, &sim, 10, NULL, NULL);
	assert_in_range(sim.policy.sample.moved - before, 1, 10 * 250);

	/* Aging takes of it as well; if it takes all, nothing is left to reclaim with. */
	sim.policy.sample.work_ns += 11 * 1000000;
	run(&host, &sim, 1, NULL, NULL);
	assert_int_equal(sim.policy.decision.nr_pages, 0);
	assert_int_equal(sim.policy.decision.cap, POLICY_CAP_QUOTA_CPU);
}

/* A guest of whose 4000 pages, all of them cold, @noise do not compress; after an hour. */
static uint64_t stay_of_noise(struct policy_host *host, uint32_t noise)
{
	struct policy_guest *list[] = { &sim.policy };
	uint64_t now = POLICY_NSEC, stay, all = 0;
	unsigned int round;

	sim_init(&sim, POLICY_PROACTIVE);
	sim_add(&sim, 4000, 0);
	memset(sim.incompressible, 1, noise);
	sim_count(&sim);
	for (round = 0; round < 720; round++) {
		const struct policy_decision *d = &sim.policy.decision;

		if (round % 2)
			sim_pass(&sim);
		policy_round(host, list, 1, now += 5 * POLICY_NSEC);
		stay = 0;
		if (d->nr_pages)
			sim_reclaim_to(&sim, d->nr_pages, d->min_idle,
				       d->no_ciphertext ? &stay : NULL);
		all += stay;
	}
	return all;
}

static void the_loop_takes_what_leaves_no_ciphertext(void **state)
{
	struct policy_host host = sim_unlimited_host(100000, 4000);
	char text[1024];

	(void)state;
	/* With swap all goes. */
	assert_int_equal(stay_of_noise(&host, 1000), 0);
	assert_true(sim.policy.sample.frames < 200);
	/* Without, each of those is tried once, and one page is asked for all the same. */
	host = sim_unlimited_host(100000, 4000);
	host.pool.ciphertext_stays = true;
	assert_int_equal(stay_of_noise(&host, 1000), 1000);
	assert_int_equal(sim.policy.sample.frames, 1000);
	assert_int_equal(sim.policy.decision.reason, POLICY_PROBE);
	assert_int_equal(sim.policy.decision.wanted, 1);
	policy_explain(text, sizeof(text), &sim.policy, &host.settings);
	assert_non_null(strstr(text, "No swap is free"));
	assert_non_null(strstr(text, "3.9 MiB are known to be neither and stay."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_guest_gives_nearly_all),
		cmocka_unit_test(a_guarantee_stays),
		cmocka_unit_test(a_working_set_stays),
		cmocka_unit_test(a_constant_load_makes_no_oscillation),
		cmocka_unit_test(back_off_takes_one_round),
		cmocka_unit_test(stall_alone_makes_it_back_off),
		cmocka_unit_test(trust_comes_back),
		cmocka_unit_test(without_aging_it_says_so),
		cmocka_unit_test(the_cpu_quota_holds),
		cmocka_unit_test(the_loop_takes_what_leaves_no_ciphertext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
