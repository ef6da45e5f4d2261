/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * account.h - what guests have had and moved, across restarts of the daemon
 *
 * Theory of operation
 *	The kernel counts per VM, from the moment that it is armed. An account follows
 *	those counters and never goes back: should the kernel's value be smaller than
 *	the last one (that should not be), the account goes on from where it was.
 *	An account belongs to a key: boot, VM id, and pid and start time of the VMM. A
 *	VM id that is used again after the module was loaded again has another key.
 *	When a guest ends, what it counted moves to the total of those that ended, so
 *	totals never go back either.
 *
 *	The state is text, a line per account, counters by name: a version that knows
 *	more or fewer of them can read it. What it does not know it drops.
 *
 * No I/O, no clock: text goes in and out of memory.
 */
#ifndef UVMEM_ACCOUNT_H
#define UVMEM_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_NAME	64
#define ACCOUNT_UUID	37
#define ACCOUNT_BOOT	37

enum account_unit {
	ACCOUNT_PAGES,
	ACCOUNT_EVENTS,
	ACCOUNT_NSEC,
	ACCOUNT_PAGE_SECONDS,
};

/*
 * name; unit; metric and label as they are exported. Those up to the daemon's own
 * are statistics of the kernel of that name.
 */
#define ACCOUNT_COUNTERS(X)								\
	X(page_in_guest_fault, PAGES, "page_in_bytes", "cause=\"guest_fault\"")		\
	X(page_in_hypercall, PAGES, "page_in_bytes", "cause=\"hypercall\"")		\
	X(page_in_host_touch, PAGES, "page_in_bytes", "cause=\"host_touch\"")		\
	X(page_in_reclaim, PAGES, "page_in_bytes", "cause=\"reclaim\"")			\
	X(page_in_prefetch, PAGES, "page_in_bytes", "cause=\"prefetch\"")		\
	X(page_in_teardown, PAGES, "page_in_bytes", "cause=\"teardown\"")		\
	X(page_in_kernel, PAGES, "page_in_bytes", "cause=\"kernel\"")			\
	X(page_out_guest_fault, PAGES, "page_out_bytes", "cause=\"guest_fault\"")	\
	X(page_out_hypercall, PAGES, "page_out_bytes", "cause=\"hypercall\"")		\
	X(page_out_host_touch, PAGES, "page_out_bytes", "cause=\"host_touch\"")		\
	X(page_out_reclaim, PAGES, "page_out_bytes", "cause=\"reclaim\"")		\
	X(page_out_prefetch, PAGES, "page_out_bytes", "cause=\"prefetch\"")		\
	X(page_out_teardown, PAGES, "page_out_bytes", "cause=\"teardown\"")		\
	X(page_out_kernel, PAGES, "page_out_bytes", "cause=\"kernel\"")			\
	X(skipped_pinned, PAGES, "skipped_bytes", "reason=\"pinned\"")			\
	X(skipped_raced, PAGES, "skipped_bytes", "reason=\"raced\"")			\
	X(skipped_busy, PAGES, "skipped_bytes", "reason=\"busy\"")			\
	X(skipped_no_frame, PAGES, "skipped_bytes", "reason=\"no_frame\"")		\
	X(skipped_no_memory, PAGES, "skipped_bytes", "reason=\"no_memory\"")		\
	X(skipped_foreign, PAGES, "skipped_bytes", "reason=\"foreign\"")		\
	X(skipped_not_anon, PAGES, "skipped_bytes", "reason=\"not_anon\"")		\
	X(skipped_young, PAGES, "skipped_bytes", "reason=\"young\"")			\
	X(skipped_no_gain, PAGES, "skipped_bytes", "reason=\"no_gain\"")			\
	X(sealed, PAGES, "sealed_bytes", "")						\
	X(unsealed, PAGES, "unsealed_bytes", "")					\
	X(same_filled, PAGES, "same_filled_out_bytes", "")				\
	X(pool_stored, PAGES, "sealed_pool_moved_bytes", "event=\"stored\"")		\
	X(pool_loaded, PAGES, "sealed_pool_moved_bytes", "event=\"loaded\"")		\
	X(pool_incompressible, PAGES, "sealed_pool_moved_bytes",			\
	  "event=\"incompressible\"")							\
	X(pool_full, PAGES, "sealed_pool_moved_bytes", "event=\"full\"")			\
	X(pool_written_out, PAGES, "sealed_pool_moved_bytes", "event=\"written_out\"")	\
	X(integrity_failures, EVENTS, "integrity_failures", "")				\
	X(shared, PAGES, "share_bytes", "direction=\"shared\"")				\
	X(unshared, PAGES, "share_bytes", "direction=\"unshared\"")			\
	X(fault_around, PAGES, "fault_around_bytes", "")				\
	X(fault_around_used, PAGES, "fault_around_used_bytes", "")			\
	X(retries, EVENTS, "retries", "")						\
	X(transit_waits, EVENTS, "transit_waits", "")					\
	X(dropped, PAGES, "dropped_bytes", "")						\
	X(refault, PAGES, "refault_bytes", "")						\
	X(stall_some_ns, NSEC, "stall_seconds", "kind=\"some\"")			\
	X(stall_full_ns, NSEC, "stall_seconds", "kind=\"full\"")			\
	X(age_scanned, PAGES, "age_scanned_bytes", "")					\
	X(age_young, PAGES, "age_young_bytes", "")					\
	X(reclaim_scanned, PAGES, "reclaim_scanned_bytes", "")				\
	X(reclaim_moved, PAGES, "reclaim_moved_bytes", "")				\
	X(age_ns, NSEC, "work_seconds", "work=\"age\"")					\
	X(reclaim_ns, NSEC, "work_seconds", "work=\"reclaim\"")				\
	/* the daemon's own */								\
	X(daemon_decided, PAGES, "decided_bytes", "")					\
	X(daemon_pushed, PAGES, "swap_pushed_bytes", "")				\
	X(daemon_back_offs, EVENTS, "back_offs", "")					\
	X(daemon_resident, PAGE_SECONDS, "resident_byte_seconds", "")			\
	X(daemon_saved, PAGE_SECONDS, "saved_byte_seconds", "")

enum account_counter {
#define X(name, unit, metric, label)	ACCOUNT_##name,
	ACCOUNT_COUNTERS(X)
#undef X
	ACCOUNT_NR_COUNTERS,
	ACCOUNT_FIRST_OWN = ACCOUNT_daemon_decided,
};

/**
 * struct account_counter_info - a line of the list above
 * @name: in the kernel's statistics and in the state
 * @unit: of the number
 * @metric: exported as uvmem_guest_METRIC_total
 * @label: with this label, "": none
 */
struct account_counter_info {
	const char *name;
	enum account_unit unit;
	const char *metric;
	const char *label;
};

extern const struct account_counter_info account_counters[ACCOUNT_NR_COUNTERS];

/* -1 if there is none of that name */
int account_counter_find(const char *name);

/**
 * struct account_key - who a guest is, for as long as it runs
 * @vm_id: of the module
 * @pid: of the VMM, 0 if it has gone
 * @start: of that process, in ticks since boot
 */
struct account_key {
	uint64_t vm_id;
	uint32_t pid;
	uint64_t start;
};

/**
 * struct account - of one guest
 * @key: whose it is
 * @name: for people
 * @uuid: of the libvirt domain, or ""
 * @value: the counters; never go back
 * @kernel: the last values that the kernel gave
 * @saved_now: pages that are saved now; may be negative
 * @live: seen since the state was read
 */
struct account {
	struct account_key key;
	char name[ACCOUNT_NAME];
	char uuid[ACCOUNT_UUID];
	uint64_t value[ACCOUNT_NR_COUNTERS];
	uint64_t kernel[ACCOUNT_NR_COUNTERS];
	int64_t saved_now;
	bool live;
};

/**
 * struct account_book - all accounts
 * @boot: of the kernel's boot that they belong to
 * @accounts: @nr, each stays where it is until it ends
 * @ended: what guests that have ended had counted
 * @ended_guests: how many those are
 */
struct account_book {
	char boot[ACCOUNT_BOOT];
	struct account **accounts;
	size_t nr;
	size_t room;
	uint64_t ended[ACCOUNT_NR_COUNTERS];
	uint64_t ended_guests;
};

void account_book_free(struct account_book *book);

/* The account of a key, made if there is none; NULL if memory is short. */
struct account *account_find(struct account_book *book, const struct account_key *key);

/* The kernel's counters, by enum account_counter; what it does not have is 0. */
void account_update(struct account *account, const uint64_t kernel[ACCOUNT_NR_COUNTERS]);

/* Count something of the daemon's own. */
void account_add(struct account *account, enum account_counter counter, uint64_t value);

/* The guest has ended; false if there was no such account. */
bool account_end(struct account_book *book, const struct account_key *key);

/*
 * End all accounts that are not live: their guests ended while nobody looked. But not those of
 * the @nr VMs of @unknown, which are there and could not be looked at.
 */
size_t account_end_missing(struct account_book *book, const uint64_t *unknown, size_t nr);

/* Of those that ended and those that run. */
uint64_t account_total(const struct account_book *book, enum account_counter counter);

/**
 * account_saved() - pages that paging saves
 * @frames_freed: pages that are out, ciphertext, same-filled or in the sealed pool
 * @resident_ciphertext: pages of ciphertext that are in normal memory
 * @pool_bytes: memory of the sealed pool
 * @metadata_bytes: what it takes to know of them
 */
int64_t account_saved(uint64_t frames_freed, uint64_t resident_ciphertext,
		      uint64_t pool_bytes, uint64_t metadata_bytes);

/* The state as text, to be free()d; NULL if memory is short. */
char *account_book_write(const struct account_book *book);

/**
 * account_book_read() - the state of an earlier daemon
 * @book: empty, with @boot set to that of now
 * @text: NUL-terminated
 * @ret_line: of what is wrong
 *
 * Accounts of another boot are ended. On failure the book is as it was.
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int account_book_read(struct account_book *book, const char *text, unsigned int *ret_line);

#endif
