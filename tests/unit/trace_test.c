// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of traces: they are read or refused, and a replay says what would have been
 *
 * A simulated guest is recorded under "static" and replayed under another policy; then
 * the same guest really runs under that policy. The replay must foretell it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "trace.h"
#include "sim_guest.h"

#define PASS_NS		(10 * POLICY_NSEC)

static struct sim_guest sim;
static char text[4 << 20];

/* Three kinds of pages, and a load that rests in the second half. */
static void new_guest(void)
{
	sim_init(&sim, POLICY_STATIC);
	sim_add(&sim, 3000, 1);
	sim_add(&sim, 1500, 15);
	sim_add(&sim, 3500, 0);
	sim_count(&sim);
}

static void rest(void)
{
	unsigned int i;

	for (i = 0; i < 2000; i++)
		sim.period[i] = 0;
}

static size_t record(unsigned int passes)
{
	size_t n = 0;
	unsigned int pass, i;

	new_guest();
	n += sprintf(text + n, "uvmem-trace 1\ntimes %" PRIu64 " %" PRIu64 "\nguest 0 736d\n",
		     PASS_NS, PASS_NS);
	for (pass = 1; pass <= passes; pass++) {
		const struct policy_sample *s = &sim.policy.sample;

		if (pass == passes / 2)
			rest();
		sim_pass(&sim);
		n += sprintf(text + n, "p %" PRIu64 " 100000 %" PRIu64 " 1000000\nr 0 %" PRIu64
			     " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
			     pass * PASS_NS, s->frames, s->frames, sim.nr - s->frames, s->passes,
			     s->refaults, s->stall_ns, s->moved);
		for (i = 0; i < POLICY_IDLE_BUCKETS; i++)
			n += sprintf(text + n, " %" PRIu64, s->idle[i]);
		n += sprintf(text + n, "\n");
		assert_true(n < sizeof(text) - 1000);
	}
	return n;
}

static void proactive(struct policy_settings *settings, struct policy_host_settings *host)
{
	*settings = policy_default_settings;
	settings->kind = POLICY_PROACTIVE;
	*host = policy_default_host_settings;
	host->quota_pages = host->quota_cpu_ns = 0;
}

/* What really happens: average frames, and pages that came back. */
static double really(unsigned int passes, double *ret_refaults)
{
	struct policy_host host = { .pool = { .limit = 100000, .sink = 1000000 } };
	struct policy_guest *list[] = { &sim.policy };
	double frames = 0;
	unsigned int pass;

	new_guest();
	proactive(&sim.policy.settings, &host.settings);
	for (pass = 1; pass <= passes; pass++) {
		if (pass == passes / 2)
			rest();
		sim_pass(&sim);
		host.pool.used = sim.policy.sample.frames;
		policy_round(&host, list, 1, pass * PASS_NS);
		sim_reclaim(&sim, sim.policy.decision.nr_pages, sim.policy.decision.min_idle);
		frames += (double)sim.policy.sample.frames;
	}
	*ret_refaults = (double)sim.policy.sample.refaults;
	return frames / passes;
}

static void a_replay_foretells_what_will_be(void **state)
{
	struct policy_host_settings host;
	struct policy_settings settings;
	struct replay replay = { 0 };
	double frames, refaults;
	struct trace trace;
	unsigned int line;

	(void)state;
	record(1440);
	assert_int_equal(trace_read(&trace, text, &line), 0);
	assert_string_equal(trace.names[0], "sm");
	proactive(&settings, &host);
	assert_int_equal(replay_run(&trace, &host, &settings, &replay), 0);
	frames = really(1440, &refaults);
	printf("# four hours: %.0f pages resident foretold, %.0f were; %.0f refaults foretold, %.0f were\n",
	       replay.guests[0].resident, frames, replay.guests[0].refaults, refaults);
	assert_true(frames < 7000);
	assert_true(replay.guests[0].resident > 0.8 * frames &&
		    replay.guests[0].resident < 1.2 * frames);
	assert_true(replay.guests[0].refaults > refaults / 3 - 50 &&
		    replay.guests[0].refaults < refaults * 3 + 50);
	trace_free(&trace);
}

static void static_saves_nothing(void **state)
{
	struct policy_host_settings host = policy_default_host_settings;
	struct policy_settings settings = policy_default_settings;
	struct replay replay = { 0 };
	struct trace trace;
	unsigned int line;

	(void)state;
	settings.kind = POLICY_STATIC;
	record(100);
	assert_int_equal(trace_read(&trace, text, &line), 0);
	assert_int_equal(replay_run(&trace, &host, &settings, &replay), 0);
	assert_true(replay.guests[0].resident > 7999 && replay.guests[0].resident < 8001);
	assert_true(replay.guests[0].out < 1 && replay.guests[0].refaults < 1);
	trace_free(&trace);
}

/* Limits hold in a replay as well; pages are neither lost nor made. */
static void a_replay_keeps_limits(void **state)
{
	struct policy_host_settings host;
	struct policy_settings settings;
	struct replay replay = { 0 };
	struct trace trace;
	unsigned int line;

	(void)state;
	record(500);
	assert_int_equal(trace_read(&trace, text, &line), 0);
	proactive(&settings, &host);
	settings.limits.low = 7500;
	assert_int_equal(replay_run(&trace, &host, &settings, &replay), 0);
	assert_true(replay.guests[0].resident >= 7499);
	assert_true(replay.guests[0].resident + replay.guests[0].out > 7990 &&
		    replay.guests[0].resident + replay.guests[0].out < 8010);
	trace_free(&trace);
}

/* A guest that comes to have more is larger in the replay as well. */
static void a_guest_that_grows_grows(void **state)
{
	static const char grows[] = "uvmem-trace 1\ntimes 10000000000 10000000000\nguest 0 61\n"
		"p 10000000000 100000 100 1000000\nr 0 100 0 1 0 0 0 100\n"
		"p 20000000000 100000 300 1000000\nr 0 300 0 2 0 0 0 300\n"
		"p 30000000000 100000 500 1000000\nr 0 500 0 3 0 0 0 500\n";
	struct policy_host_settings host = policy_default_host_settings;
	struct policy_settings settings = policy_default_settings;
	struct replay replay = { 0 };
	struct trace trace;
	unsigned int line;

	(void)state;
	assert_int_equal(trace_read(&trace, grows, &line), 0);
	assert_int_equal(replay_run(&trace, &host, &settings, &replay), 0);
	assert_true(replay.guests[0].resident > 399 && replay.guests[0].resident < 401);
	assert_true(replay.guests[0].out < 1);
	trace_free(&trace);
}

/* And one that gives memory up is smaller, and that is no page that came back. */
static void a_guest_that_shrinks_shrinks(void **state)
{
	struct policy_host_settings host;
	struct policy_settings settings;
	struct replay replay = { 0 };
	struct trace trace;
	unsigned int line, i, k;
	size_t n;

	(void)state;
	proactive(&settings, &host);
	/* With ages: 6000 idle pages of 9000 go half an hour after the beginning. Without. */
	for (k = 0; k < 2; k++) {
		n = sprintf(text, "uvmem-trace 1\ntimes 10000000000 10000000000\nguest 0 61\n");
		for (i = 1; i <= 360; i++) {
			unsigned int idle = i < 180 ? 8000 : 2000;

			n += sprintf(text + n, "p %u0000000000 100000 100 1000000\nr 0 %u 0 %u 0 0 0",
				     i, idle + 1000, k ? 0 : i);
			if (!k)
				n += sprintf(text + n, " 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
					     "0 0 0 0 0 0 0 0 0 %u", idle);
			n += sprintf(text + n, "\n");
		}
		assert_int_equal(trace_read(&trace, text, &line), 0);
		assert_int_equal(replay_run(&trace, &host, &settings, &replay), 0);
		printf("# %.0f resident, %.0f out, %.0f refaults\n", replay.guests[0].resident,
		       replay.guests[0].out, replay.guests[0].refaults);
		assert_true(replay.guests[0].resident + replay.guests[0].out > 5900 &&
			    replay.guests[0].resident + replay.guests[0].out < 6100);
		assert_true(replay.guests[0].refaults < 10);
		trace_free(&trace);
	}
}

static void wrong_lines_are_named(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} bad[] = {
		{ "", 0 },
		{ "uvmem-trace 2\n", 1 },
		{ "uvmem-trace 1\n", 1 },
		{ "uvmem-trace 1\ntimes 0 1\n", 2 },
		{ "uvmem-trace 1\ntimes 1\n", 2 },
		{ "uvmem-trace 1\ntimes 1 1 1\n", 2 },
		{ "uvmem-trace 1\ntimes 1 1\nguest 1 61\n", 3 },
		{ "uvmem-trace 1\ntimes 1 1\nguest 0 6\n", 3 },
		{ "uvmem-trace 1\ntimes 1 1\nguest 0 \n", 3 },
		{ "uvmem-trace 1\ntimes 1 1\nguest 0 61\nr 0 1 1 1 1 1 1\n", 4 },
		{ "uvmem-trace 1\ntimes 1 1\nguest 0 61\np 1 1 1 1\nr 1 1 1 1 1 1 1\n", 5 },
		{ "uvmem-trace 1\ntimes 1 1\np 5 1 1 1\np 5 1 1 1\n", 4 },
		{ "uvmem-trace 1\ntimes 1 1\np 5 1 1 -1\n", 3 },
		{ "uvmem-trace 1\ntimes 1 1\np 5 1 1 99999999999999999999\n", 3 },
		{ "uvmem-trace 1\ntimes 1 1\nx\n", 3 },
	};
	struct trace trace;
	unsigned int i, line;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		line = 99;
		assert_int_equal(trace_read(&trace, bad[i].text, &line), -EINVAL);
		assert_int_equal(line, bad[i].line);
	}
}

/* Traces with bytes changed or cut: refused, or replayed without harm. */
static void no_trace_does_harm(void **state)
{
	struct policy_host_settings host;
	struct policy_settings settings[TRACE_GUESTS];
	unsigned int round, k, line, replayed = 0;
	static char damaged[1 << 16];
	uint32_t r = 4711;
	size_t n;

	(void)state;
	n = record(40);
	assert_true(n < sizeof(damaged));
	for (k = 0; k < TRACE_GUESTS; k++)
		proactive(&settings[k], &host);
	for (round = 0; round < 3000; round++) {
		struct replay replay = { 0 };
		struct trace trace;

		memcpy(damaged, text, n + 1);
		for (k = 0; k < 1 + round % 4; k++) {
			r = r * 1103515245 + 12345;
			damaged[(r >> 4) % n] = "0123456789 \nprg-"[(r >> 20) % 16];
		}
		if (round % 10 == 0)
			damaged[(r >> 5) % n] = '\0';
		if (trace_read(&trace, damaged, &line))
			continue;
		if (!replay_run(&trace, &host, settings, &replay))
			replayed++;
		trace_free(&trace);
	}
	printf("# %u of 3000 damaged traces could be replayed\n", replayed);
	assert_true(replayed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replay_foretells_what_will_be),
		cmocka_unit_test(static_saves_nothing),
		cmocka_unit_test(a_replay_keeps_limits),
		cmocka_unit_test(a_guest_that_grows_grows),
		cmocka_unit_test(a_guest_that_shrinks_shrinks),
		cmocka_unit_test(wrong_lines_are_named),
		cmocka_unit_test(no_trace_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
