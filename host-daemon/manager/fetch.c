// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fetch.c - fetch back pages of guests, those that left last
 *
 * The module tells which pages left within some time. What left within 5 s comes first, then
 * what left within 30 s, ...; what has been away for more than 10 minutes is left
 * where it is, however much may be fetched.
 */
#include <errno.h>

#include "round.h"

#define RANGES		256
/* Pages that the module looks at in a call, and pages that it moves in one. */
#define SCAN		(UINT64_C(1) << 16)
#define CHUNK		512

static const uint32_t away_ms[] = { 5000, 30000, 120000, 600000 };

/* False if no more is to be had. */
static bool fetch_range(struct manager *m, struct guest *guest, const struct uvmem_found *found)
{
	const struct policy_decision *d = &guest->policy.decision;
	uint64_t at, n, moved;
	int err;

	for (at = 0; at < found->nr_pages && guest->fetched < d->fetch; at += n) {
		n = found->nr_pages - at;
		if (n > d->fetch - guest->fetched)
			n = d->fetch - guest->fetched;
		if (n > CHUNK)
			n = CHUNK;
		moved = 0;
		err = m->kernel->ops->range(m->kernel, guest->vm, true, found->gfn + at, n, &moved);
		if (err) {
			if (err != -EINTR)
				guest_failed(m, guest, "prefetch", err);
			return false;
		}
		/* There is no frame, or all of it has come by itself. */
		if (!moved)
			break;
		guest->fetched += moved;
	}
	return true;
}

/* Once around the guest's memory, from where the last search ended. */
static bool fetch_within(struct manager *m, struct guest *guest, uint32_t within_ms,
			 uint64_t deadline)
{
	const struct policy_decision *d = &guest->policy.decision;
	uint64_t begin = guest->fetch_hand;
	struct uvmem_found found[RANGES];
	bool around = !begin;

	while (guest->fetched < d->fetch) {
		struct uvmem_find find = {
			.nr = RANGES, .gfn = guest->fetch_hand, .max_scan = SCAN,
			.states = 1 << UVMEM_PAGE_OUT | 1 << UVMEM_PAGE_ZERO | 1 << UVMEM_PAGE_POOL,
			.max_away_ms = within_ms, .found = (uintptr_t)found,
		};
		unsigned int i;
		int err;

		if (work_clock() >= deadline)
			return false;
		err = m->kernel->ops->find(m->kernel, guest->vm, &find);
		if (err) {
			guest_failed(m, guest, "prefetch", err);
			return false;
		}
		for (i = 0; i < find.nr && guest->fetched < d->fetch; i++)
			if (!fetch_range(m, guest, &found[i]))
				return false;
		guest->fetch_hand = find.gfn == UVMEM_FIND_END ? 0 : find.gfn;
		if (around && (!guest->fetch_hand || (begin && guest->fetch_hand >= begin)))
			return true;
		around |= !guest->fetch_hand;
	}
	return false;
}

void fetch_back(struct manager *m, struct guest **guests, size_t nr)
{
	uint64_t deadline = work_clock() + m->config.round_ns / 8;
	bool can = m->module.capabilities & KERNEL_CAP_FIND;
	size_t i, k;

	for (i = 0; i < nr; i++) {
		guests[i]->fetched = 0;
		if (!guests[i]->policy.decision.fetch || !can || m->config.dry_run)
			continue;
		for (k = 0; k < sizeof(away_ms) / sizeof(away_ms[0]); k++)
			if (!fetch_within(m, guests[i], away_ms[k], deadline))
				break;
	}
}
