// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prefetch.c - what guests get back before they ask for it
 *
 * Theory of operation
 *	A guest that gets pages back one fault at a time waits for each. Where it is
 *	clear that it will want them, some of those that left last are fetched at once:
 *	 - its limits were raised, and it was within an eighth of the old ones: they
 *	   had held it down;
 *	 - memory was taken from it in the last ten minutes, and more of it comes
 *	   back than is allowed (refault): that was too much, or its load has changed.
 *	Never while anything is wanted of it, nor while the pool is squeezed; never nearer than a
 *	sixteenth to its high limit or max, nor so much that the pool passes pool_low: what is given must not be
 *	what makes somebody give again.
 *
 *	Whether it does any good is not known: the kernel does not tell whether what was
 *	fetched was used. So each time is followed by a hold, 10 s, 20 s, ... up to 10
 *	minutes, until nothing was fetched for 10 minutes after the last hold: what
 *	is useless is bounded by that, and proactive guests give it up again when it
 *	has become cold. Those fetch only when their own loop backs off, in which it takes
 *	nothing, so that the two never work against each other in one round.
 */
#include "policy.h"

#define MIN(a, b)	((a) < (b) ? (a) : (b))

#define REMEMBER_NS	(600 * POLICY_NSEC)
#define RAISED_NS	(60 * POLICY_NSEC)
#define HOLD_MIN_NS	(10 * POLICY_NSEC)
#define HOLD_MAX_NS	(600 * POLICY_NSEC)

static uint64_t allowed(const struct policy_guest *guest)
{
	return MIN(guest->settings.limits.high, guest->settings.limits.max);
}

/* What was before this round, from which the next ones draw conclusions. */
static void remember(struct policy_guest *guest, uint64_t now_ns)
{
	const struct policy_decision *d = &guest->decision;
	uint64_t now_allowed = allowed(guest);

	if (!guest->seen) {
		guest->allowed = now_allowed;
		return;
	}
	/* Its own max is held by the kernel, that counts what it moved for it, too. */
	if (d->nr_pages || guest->sample.moved > guest->last.moved)
		guest->gave_until_ns = now_ns + REMEMBER_NS;
	if (now_allowed > guest->allowed && d->frames >= guest->allowed - guest->allowed / 8) {
		guest->raised_until_ns = now_ns + RAISED_NS;
		guest->fetch_hold_ns = 0;
		guest->fetch_after_ns = 0;
	}
	if (now_allowed < guest->allowed)
		guest->raised_until_ns = 0;
	guest->allowed = now_allowed;
}

static enum policy_fetch reason_of(const struct policy_guest *guest, uint64_t now_ns)
{
	const struct policy_decision *d = &guest->decision;

	if (!guest->settings.prefetch_ppm || !guest->seen || d->wanted ||
	    now_ns < guest->fetch_after_ns)
		return POLICY_FETCH_NONE;
	if (now_ns < guest->raised_until_ns)
		return POLICY_FETCH_RAISED;
	if (now_ns < guest->gave_until_ns && d->refault_ppm > guest->settings.refault_ppm)
		return POLICY_FETCH_REFAULT;
	return POLICY_FETCH_NONE;
}

static void hold(struct policy_guest *guest, uint64_t now_ns)
{
	if (now_ns >= guest->fetch_after_ns + REMEMBER_NS)
		guest->fetch_hold_ns = 0;
	guest->fetch_hold_ns *= 2;
	if (guest->fetch_hold_ns < HOLD_MIN_NS)
		guest->fetch_hold_ns = HOLD_MIN_NS;
	if (guest->fetch_hold_ns > HOLD_MAX_NS)
		guest->fetch_hold_ns = HOLD_MAX_NS;
	guest->fetch_after_ns = now_ns + guest->fetch_hold_ns;
}

void prefetch_decide(const struct policy_host *host, struct policy_guest **guests, size_t nr,
		     uint64_t now_ns)
{
	uint64_t low = (uint64_t)((double)host->pool.limit * host->settings.pool_low_ppm / 1e6);
	uint64_t room = low > host->pool.used && !host->squeezing ? low - host->pool.used : 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		struct policy_guest *guest = guests[i];
		struct policy_decision *d = &guest->decision;
		uint64_t most, limit = allowed(guest);
		enum policy_fetch why;

		/* The guest has room of its own left: it must not have to give for this. */
		limit -= limit / 16;

		remember(guest, now_ns);
		why = reason_of(guest, now_ns);
		if (why == POLICY_FETCH_NONE || limit <= d->frames || !room)
			continue;
		/* As in the rates: a part of next to nothing is not nothing. */
		most = (uint64_t)((double)(d->frames + 256) * guest->settings.prefetch_ppm / 1e6);
		d->fetch = MIN(MIN(most, limit - d->frames), room);
		if (!d->fetch)
			continue;
		room -= d->fetch;
		d->fetch_for = why;
		hold(guest, now_ns);
	}
}
