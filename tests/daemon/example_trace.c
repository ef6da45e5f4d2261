// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * example_trace - print docs/example.trace: three hours of three simulated guests
 *
 * The guests are those of tests/unit/sim_guest.h, each simulated page standing for
 * UNIT pages; they are written down as uvmemctl record does it, under "static", a
 * round and a pass a minute. The same program prints the same trace each time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../unit/sim_guest.h"

#define UNIT		128	/* 512 KiB */
#define MINUTES		180
#define PASS_NS		(60 * POLICY_NSEC)
#define LIMIT		(UINT64_C(7) << 18)	/* 7 GiB */
#define SINK		(UINT64_C(16) << 18)

/**
 * struct guest - what it does
 * @name: in the trace
 * @from: minute in which it starts
 * @sim: its pages
 */
static struct guest {
	const char *name;
	unsigned int from;
	struct sim_guest sim;
} guests[] = {
	{ .name = "web" },
	{ .name = "database" },
	{ .name = "batch", .from = 35 },
};

/* Answers all the time from a part of its memory. */
static void begin_web(struct sim_guest *g)
{
	sim_add(g, 1200, 1);
	sim_add(g, 500, 5);
	sim_add(g, 300, 50);
	sim_add(g, 1072, 0);
}

/* A cache of which the better half is used seldom or never. */
static void begin_database(struct sim_guest *g)
{
	sim_add(g, 1800, 1);
	sim_add(g, 800, 8);
	sim_add(g, 900, 60);
	sim_add(g, 2644, 0);
}

/* Works through all its memory, and rests. */
static void begin_batch(struct sim_guest *g)
{
	sim_add(g, 4096, 0);
}

static void work(struct sim_guest *g, unsigned int minute)
{
	unsigned int busy = (minute >= 40 && minute < 65) || (minute >= 125 && minute < 140), i;

	for (i = 256; i < g->nr; i++)
		g->period[i] = busy ? 2 : 0;
	for (i = 0; i < 256; i++)
		g->period[i] = 1;
}

static void print_row(unsigned int number, const struct policy_sample *s)
{
	unsigned int last = POLICY_IDLE_BUCKETS, i;

	printf("r %u %" PRIu64 " 0 %" PRIu64 " 0 0 0", number, s->frames * UNIT, s->passes);
	while (last && !s->idle[last - 1])
		last--;
	for (i = 0; i < last; i++)
		printf(" %" PRIu64, s->idle[i] * UNIT);
	putchar('\n');
}

int main(void)
{
	unsigned int minute, i;

	for (i = 0; i < 3; i++)
		sim_init(&guests[i].sim, POLICY_STATIC);
	begin_web(&guests[0].sim);
	begin_database(&guests[1].sim);
	begin_batch(&guests[2].sim);
	/* Those two have been running for long when the recording begins. */
	for (i = 0; i < 100; i++) {
		sim_pass(&guests[0].sim);
		sim_pass(&guests[1].sim);
	}
	printf("uvmem-trace 1\ntimes %" PRIu64 " %" PRIu64 "\n", PASS_NS, PASS_NS);
	for (minute = 1; minute <= MINUTES; minute++) {
		uint64_t used = 0;

		work(&guests[2].sim, minute);
		for (i = 0; i < 3; i++) {
			const char *c = guests[i].name;

			if (minute == guests[i].from || (minute == 1 && !guests[i].from)) {
				printf("guest %u ", i);
				while (*c)
					printf("%02x", (unsigned char)*c++);
				putchar('\n');
			}
			if (minute < guests[i].from)
				continue;
			sim_pass(&guests[i].sim);
			used += guests[i].sim.policy.sample.frames * UNIT;
		}
		printf("p %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", minute * PASS_NS,
		       LIMIT, used, SINK - used);
		for (i = 0; i < 3; i++)
			if (minute >= guests[i].from)
				print_row(i, &guests[i].sim.policy.sample);
	}
	return fflush(stdout) || ferror(stdout);
}
