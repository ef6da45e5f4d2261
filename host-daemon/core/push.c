// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * push.c - how much ciphertext of which guest goes to swap
 */
#include <inttypes.h>
#include <stdio.h>

#include "policy.h"
#include "push.h"

#define MIN(a, b)	((a) < (b) ? (a) : (b))

#define HOLD_MIN_NS	(60 * POLICY_NSEC)
#define HOLD_MAX_NS	(600 * POLICY_NSEC)

/* Fewer than that say nothing of whether swap takes them: some are always busy. */
#define TELLING		64

/*
 * 32 MiB/s is what a slow disk bears beside its other work. The reserve is for whoever else
 * needs swap in a hurry.
 */
const struct push_settings push_default_settings = {
	.on = true,
	.quota_pages = 32 << 8,
	.reserve = 256 << 8,
};

/* What the kernel says of the VMM's memory in swap bounds what was seen. */
uint64_t push_resident(const struct push_guest *guest)
{
	uint64_t least = guest->out - MIN(guest->out, guest->vmm_swapped);
	uint64_t seen = guest->known ? MIN(guest->out, guest->resident) : 0;

	return seen > least ? seen : least;
}

uint64_t push_swapped(const struct push_guest *guest)
{
	return guest->out - push_resident(guest);
}

uint64_t push_room(const struct push_host *host)
{
	return host->swap_free - MIN(host->swap_free, host->settings.reserve);
}

static enum push_state state_of(const struct push_host *host, const struct push_guest *guest,
				uint64_t now_ns)
{
	if (!push_resident(guest))
		return PUSH_NOTHING;
	if (!host->settings.on)
		return PUSH_OFF;
	if (!host->can_find)
		return PUSH_NO_FIND;
	if (!host->swap_total)
		return PUSH_NO_SWAP;
	if (!push_room(host))
		return PUSH_NO_ROOM;
	return now_ns < guest->hold_until_ns ? guest->held_as : PUSH_PUSHING;
}

/* @part of @whole, of @sum */
static uint64_t share(uint64_t whole, uint64_t part, uint64_t sum)
{
	return sum <= whole ? part : (uint64_t)((double)whole * part / sum);
}

void push_round(struct push_host *host, struct push_guest **guests, size_t nr, uint64_t now_ns)
{
	uint64_t elapsed_ns = host->now_ns && now_ns > host->now_ns ? now_ns - host->now_ns :
		POLICY_NSEC;
	uint64_t room = push_room(host), resident = 0, look = 0;
	size_t i;

	/* What was not used does not add up to a burst later. */
	elapsed_ns = MIN(elapsed_ns, 60 * POLICY_NSEC);
	if (host->settings.quota_pages)
		room = MIN(room, (uint64_t)((double)host->settings.quota_pages * elapsed_ns /
					    POLICY_NSEC));
	for (i = 0; i < nr; i++) {
		struct push_guest *guest = guests[i];

		guest->state = state_of(host, guest, now_ns);
		/* With nothing of the VMM in swap nothing of the ciphertext is. */
		guest->look = host->can_find && (guest->state == PUSH_PUSHING || guest->vmm_swapped) ?
			guest->out : 0;
		guest->push = guest->state != PUSH_PUSHING ? 0 :
			guest->known ? push_resident(guest) : guest->out;
		look += guest->look;
		resident += guest->push;
	}
	for (i = 0; i < nr; i++) {
		guests[i]->look = share(PUSH_LOOK, guests[i]->look, look);
		guests[i]->push = share(room, guests[i]->push, resident);
	}
	host->now_ns = now_ns;
}

unsigned int push_region(uint64_t gfn)
{
	return gfn / PUSH_REGION < PUSH_REGIONS ? (unsigned int)(gfn / PUSH_REGION) :
		PUSH_REGIONS - 1;
}

/* The sweep has left its region, and has seen nothing in those up to @next. */
static void leave(struct push_guest *guest, unsigned int next)
{
	for (; guest->at < next; guest->at++) {
		guest->resident -= guest->region[guest->at];
		guest->region[guest->at] = guest->seen;
		guest->resident += guest->seen;
		guest->seen = 0;
	}
}

void push_seen(struct push_guest *guest, uint64_t gfn, uint64_t pages)
{
	leave(guest, push_region(gfn));
	guest->seen += pages;
}

void push_swept(struct push_guest *guest)
{
	leave(guest, PUSH_REGIONS);
	guest->at = 0;
	guest->known = true;
}

static void hold(struct push_guest *guest, enum push_state as, uint64_t now_ns)
{
	guest->hold_length_ns *= 2;
	if (guest->hold_length_ns < HOLD_MIN_NS)
		guest->hold_length_ns = HOLD_MIN_NS;
	if (guest->hold_length_ns > HOLD_MAX_NS || as == PUSH_FAILED)
		guest->hold_length_ns = HOLD_MAX_NS;
	guest->hold_until_ns = now_ns + guest->hold_length_ns;
	guest->held_as = guest->state = as;
}

void push_note(struct push_guest *guest, const struct push_result *result, uint64_t now_ns)
{
	/* The sample is of before the push. */
	guest->vmm_swapped += result->pushed;
	if (result->failed)
		hold(guest, PUSH_FAILED, now_ns);
	else if (result->advised >= TELLING && result->pushed < result->advised / 8)
		hold(guest, PUSH_REFUSED, now_ns);
	else if (result->pushed)
		guest->hold_length_ns = 0;
}

const char *push_state_name(enum push_state state)
{
	static const char *const names[] = {
		"nothing", "off", "no-find", "no-swap", "no-room", "pushing", "refused", "failed",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == PUSH_NR_STATES, "a name for each");
	return state < PUSH_NR_STATES ? names[state] : "?";
}

void push_explain(char *buf, size_t room, const struct push_guest *guest)
{
	static const char *const why[PUSH_NR_STATES] = {
		[PUSH_NOTHING] = "all of it is in swap",
		[PUSH_OFF] = "pushing it to swap is switched off ([swap] push)",
		[PUSH_NO_FIND] = "the module does not tell where it is",
		[PUSH_NO_SWAP] = "the host has no swap for it",
		[PUSH_NO_ROOM] = "swap has no room for it ([swap] reserve), or zram would take it",
		[PUSH_PUSHING] = "it is being pushed to swap",
		[PUSH_REFUSED] = "swap did not take it, it is tried again later; memory.swap.max of the VMM's cgroup may say no",
		[PUSH_FAILED] = "the kernel does not let uvmemd push it; the journal says why",
	};

	if (room)
		buf[0] = '\0';
	if (!guest->out || guest->state >= PUSH_NR_STATES)
		return;
	snprintf(buf, room, " Ciphertext in memory: %" PRIu64 " KiB, in swap: %" PRIu64 " KiB; %s.",
		 push_resident(guest) * 4, push_swapped(guest) * 4, why[guest->state]);
}
