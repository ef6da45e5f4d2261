// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * watermark.c - who gives how much when the pool runs out
 *
 * Theory of operation
 *	What a guest has above its guarantee is compared with its weight. A water
 *	level is looked for: everybody keeps level x weight above the guarantee and
 *	gives the rest, so that all that is given adds up to what is missing. So
 *	weights 1 and 3 end with 1 and 3 parts, whatever each had before, and who
 *	has less than its part gives nothing (max-min fairness).
 *
 *	Idle pages count less than used ones: the weight is divided by
 *	used + idle / (1 - tax), ESX's idle memory tax.
 *
 *	If what is above the guarantees (low) is not enough, a second time down to
 *	min.
 */
#include "policy.h"

static uint64_t above(const struct policy_guest *guest, uint64_t floor)
{
	return guest->sample.frames > floor ? guest->sample.frames - floor : 0;
}

/* Used is what the last two passes found used; without aging nothing is known: all. */
static double effective_weight(const struct policy_host *host, const struct policy_guest *guest)
{
	const struct policy_sample *sample = &guest->sample;
	double tax = host->settings.idle_tax_ppm / 1e6, used = 1.0;

	if (sample->passes >= 2 && sample->frames) {
		used = 1.0 - (double)policy_cold(sample, 2) / sample->frames;
		if (used < 0)
			used = 0;
	}
	if (tax > 0.99)
		tax = 0.99;
	return guest->settings.weight / (used + (1.0 - used) / (1.0 - tax));
}

static uint64_t floor_of(const struct policy_guest *guest, bool to_min)
{
	return to_min ? guest->settings.limits.min : guest->settings.limits.low;
}

/* What all give at a level. */
static double given_at(const struct policy_host *host, struct policy_guest **guests, size_t nr,
		       bool to_min, double level)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		double keep;

		if (guests[i]->settings.kind == POLICY_STATIC)
			continue;
		keep = level * effective_weight(host, guests[i]);
		if (above(guests[i], floor_of(guests[i], to_min)) > keep)
			sum += above(guests[i], floor_of(guests[i], to_min)) - keep;
	}
	return sum;
}

void watermark_share(struct policy_host *host, struct policy_guest **guests, size_t nr,
		     uint64_t excess)
{
	bool to_min = given_at(host, guests, nr, false, 0) < excess;
	double lowest = 0, highest = 1, level;
	unsigned int step;
	size_t i;

	while (given_at(host, guests, nr, to_min, highest) > excess && highest < 1e18)
		highest *= 2;
	for (step = 0; step < 64; step++) {
		level = (lowest + highest) / 2;
		if (given_at(host, guests, nr, to_min, level) > excess)
			lowest = level;
		else
			highest = level;
	}
	/* At level 0 everything above the floors goes, and it may not be enough. */
	level = given_at(host, guests, nr, to_min, 0) <= excess ? 0 : highest;

	for (i = 0; i < nr; i++) {
		struct policy_decision *d = &guests[i]->decision;
		double has, keep;
		uint64_t give;

		if (guests[i]->settings.kind == POLICY_STATIC)
			continue;
		has = above(guests[i], floor_of(guests[i], to_min));
		keep = level * effective_weight(host, guests[i]);
		give = has > keep ? (uint64_t)(has - keep) : 0;
		if (give <= d->wanted)
			continue;
		d->wanted = give;
		d->reason = POLICY_POOL_PRESSURE;
		d->min_idle = 0;
		d->no_ciphertext = false;
		d->floor = floor_of(guests[i], to_min);
		d->cold = policy_cold(&guests[i]->sample, 2);
	}
}
