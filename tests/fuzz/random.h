/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random.h - numbers that depend on a seed and on nothing else
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* splitmix64: every seed is a good one, neighbours are not alike. */
static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/*
 * A generator for each step of a run: what one step draws, which may depend on
 * what the kernel answers, does not shift the steps behind it.
 */
static inline struct rng rng_of_step(uint64_t seed, uint64_t step)
{
	struct rng rng = { .state = seed };

	rng.state = rng_next(&rng) + step;
	rng.state = rng_next(&rng);
	return rng;
}

/* 0 .. n - 1 */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return rng_next(rng) % n;
}

/* @lo .. @hi */
static inline uint64_t rng_range(struct rng *rng, uint64_t lo, uint64_t hi)
{
	return lo + rng_below(rng, hi - lo + 1);
}

/* True once in @n times. */
static inline bool rng_one_in(struct rng *rng, uint64_t n)
{
	return !rng_below(rng, n);
}

#define rng_pick(rng, array)	((array)[rng_below(rng, sizeof(array) / sizeof((array)[0]))])

#endif
