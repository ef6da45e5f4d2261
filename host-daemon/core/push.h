/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * push.h - ciphertext that goes from memory to the host's swap, and what is left in memory
 *
 * Theory of operation
 *	A page that is out as ciphertext saves nothing while the VMM's page that has it is
 *	in memory, and nobody but the host's own reclaim would ever swap it out. So some
 *	is pushed each round, while there is swap to take it.
 *
 *	How much of the ciphertext is in memory can only be seen page by page. A sweep goes
 *	round each guest's memory, a part of it per round; what each region of it had is
 *	remembered until the sweep has been there again. So what is told is exact where a
 *	round sees all of a guest, and behind by a sweep where it does not. What is in
 *	swap is the rest, and never more than the kernel says that the VMM has there.
 *
 * No I/O, no clock: manager/push.c does what is decided here. Pages, as in policy.h.
 */
#ifndef UVMEM_PUSH_H
#define UVMEM_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that are looked at in a round, of all guests: some 10 ms of work. */
#define PUSH_LOOK	(UINT64_C(1) << 18)

/* Gfns of a region, 256 MiB; the last one is open. */
#define PUSH_REGION	(UINT64_C(1) << 16)
#define PUSH_REGIONS	256

/**
 * struct push_settings - of the host
 * @on: push at all
 * @quota_pages: a second, all guests; 0: no quota
 * @reserve: free swap that is left alone
 */
struct push_settings {
	bool on;
	uint64_t quota_pages;
	uint64_t reserve;
};

extern const struct push_settings push_default_settings;

/* What is done about a guest, and why. */
enum push_state {
	PUSH_NOTHING,		/* no ciphertext in memory */
	PUSH_OFF,		/* not wanted */
	PUSH_NO_FIND,		/* the module does not tell where ciphertext is */
	PUSH_NO_SWAP,		/* the host has none that is no memory itself */
	PUSH_NO_ROOM,		/* it is full, but for the reserve */
	PUSH_PUSHING,
	PUSH_REFUSED,		/* next to nothing of it went: later again */
	PUSH_FAILED,		/* the kernel does not let us: later again */
	PUSH_NR_STATES,
};

/**
 * struct push_guest - of one guest
 * @out: sample: pages that are out as ciphertext
 * @vmm_swapped: sample: pages of the VMM that are in swap, all its memory
 * @look: decision: pages to look at
 * @push: decision: of these, pages to push at most
 * @state: why
 *
 * What follows is this file's own; all zero at first.
 * @resident: of @out, pages in memory, as they were seen last
 * @known: there was a sweep; else @vmm_swapped is all that is known
 * @region: @resident by region
 * @at: region that the sweep is in
 * @seen: of @at, by this sweep
 * @hold_length_ns: of the last hold
 * @hold_until_ns: nothing is pushed before
 * @held_as: the state during the hold
 */
struct push_guest {
	uint64_t out;
	uint64_t vmm_swapped;
	uint64_t look;
	uint64_t push;
	enum push_state state;

	uint64_t resident;
	bool known;
	uint64_t region[PUSH_REGIONS];
	unsigned int at;
	uint64_t seen;
	uint64_t hold_length_ns;
	uint64_t hold_until_ns;
	enum push_state held_as;
};

/**
 * struct push_host - what rounds share; all zero at first but for @settings
 * @settings: set by the owner
 * @can_find: sample: the module tells where ciphertext is
 * @swap_total: sample: pages of swap there are, such as are memory themselves left out
 * @swap_free: sample: of these, what would be used next; 0 if that is none of these
 * @now_ns: of the last round
 */
struct push_host {
	struct push_settings settings;
	bool can_find;
	uint64_t swap_total;
	uint64_t swap_free;

	uint64_t now_ns;
};

/**
 * struct push_result - what came of a look
 * @looked: pages of ciphertext that were looked at
 * @advised: of these, pages that were to go
 * @pushed: of these, pages that went
 * @failed: the kernel said no
 */
struct push_result {
	uint64_t looked, advised, pushed;
	bool failed;
};

/* Decide for all; @now_ns must not go back. */
void push_round(struct push_host *host, struct push_guest **guests, size_t nr, uint64_t now_ns);

/* Pages of swap that may be used. */
uint64_t push_room(const struct push_host *host);

/* The sweep is at @gfn, ascending, and has seen @pages of its region in memory. */
void push_seen(struct push_guest *guest, uint64_t gfn, uint64_t pages);
/* It has come to the end of the guest's memory; the next one begins. */
void push_swept(struct push_guest *guest);

/* Tell what came of it. */
void push_note(struct push_guest *guest, const struct push_result *result, uint64_t now_ns);

unsigned int push_region(uint64_t gfn);

/* Of the ciphertext, pages in swap and pages in memory. */
uint64_t push_swapped(const struct push_guest *guest);
uint64_t push_resident(const struct push_guest *guest);

/* One word, as in JSON. */
const char *push_state_name(enum push_state state);

/* As a sentence with a space before it; "" if there is no ciphertext. @buf is always terminated. */
void push_explain(char *buf, size_t room, const struct push_guest *guest);

#endif
