/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - what the bench programs share: the clock, the lines that they
 * print, and the profile
 *
 * Under "tests/vm/run --icount" a nanosecond of CLOCK_MONOTONIC is one executed
 * instruction. Every program prints one line for each thing that it measured, in
 * words that "report" knows:
 *
 *	raw NAME UNITS GROSS BASELINE	instructions for UNITS pages (or GiB),
 *					and what of them is not the operation
 *	value NAME NUMBER		a figure that is no cost, e.g. of metadata
 *	text NAME WORDS...		what a figure was measured with
 *	profile NAME SAMPLES FUNCTION	where the instructions of a raw NAME went
 *	smp (NAME NUMBER)...		one turn of smp_bench: nanoseconds, and
 *					how often things happened
 *	note WORDS...			what went not quite as it should
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_PAGES	2048UL		/* 8 MiB: four huge pages */

/* Rounds that count, after one that does not; "run" has checked it. */
static inline int bench_rounds(void)
{
	const char *rounds = getenv("BENCH_ROUNDS");

	return rounds ? atoi(rounds) : 3;
}

static inline unsigned long long bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Round 0 warms up: caches of the allocators, ranges of device memory. */
static inline void bench_raw(int round, const char *size, const char *name,
			     unsigned long long units, unsigned long long gross,
			     unsigned long long baseline)
{
	if (round)
		printf("raw %s.%s %llu %llu %llu\n", size, name, units, gross, baseline);
}

static inline void bench_value(const char *size, const char *name, long long value)
{
	printf("value %s.%s %lld\n", size, name, value);
}

/* Sample where the CPU is, every 10,000 instructions; print what was found. */
void profile_start(void);
void profile_stop(const char *size, const char *name);

#endif
