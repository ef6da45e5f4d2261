/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manager.h - rounds: look at the guests, decide, act, count
 *
 * Theory of operation
 *	The manager is all of uvmemd but its event loop, sockets and journal. It is given
 *	a kernel (kernel.h), a /proc (host.h) and the time, so a test can be all three.
 *
 *	A round asks for the list of VMs: events only make a new guest known earlier, so
 *	a lost one does no harm. Of each guest it reads what it is, its statistics and,
 *	if the module ages, the part of an aging pass that is due. Then the policies
 *	decide for all, and what they decide is done, 16 MiB a call in turn, until
 *	it is done or half the round is over.
 *
 *	Of the state only the accounts are kept (account.h): the policies' own memory
 *	is warm again after some aging passes.
 */
#ifndef UVMEM_MANAGER_H
#define UVMEM_MANAGER_H

#include <limits.h>

#include "account.h"
#include "config.h"
#include "host.h"
#include "kernel.h"
#include "policy.h"

#define MANAGER_HIST	32

/**
 * struct guest - a VM that is armed
 * @vm: per-VM file
 * @info: what it is, of this round
 * @stats: its statistics
 * @policy: settings, samples, decision
 * @key: of its account
 * @account: it
 * @name: for people: of the domain, or what the launcher said, or its id
 * @uuid: of the domain, or ""
 * @status: /proc/PID/status of its VMM, or -1
 * @swapped: pages of the VMM that are in swap
 * @push: ciphertext, in memory and in swap
 * @push_hand: gfn where the look at it goes on
 * @push_error: told last of it
 * @age: of the last call, all zero if the module does not age
 * @page_in_ns: latencies of page-ins by guest faults, log2 of ns
 * @limits: that the kernel was told last
 * @limits_told: it was told
 * @taken: pages that the last round took
 * @stayed: pages that it tried to take, but only ciphertext would have been left of them
 * @fetched: pages that the last round fetched back
 * @fetch_hand: gfn where the search for them goes on
 * @failing: something did not work in this round
 * @error: of what did not work, 0 after a round in which all did
 * @error_what: what that was
 */
struct guest {
	int vm;
	struct uvmem_vm_info info;
	struct kernel_stats *stats;
	struct policy_guest policy;
	struct account_key key;
	struct account *account;
	char name[64];
	char uuid[37];
	int status;
	uint64_t swapped;
	struct push_guest push;
	uint64_t push_hand;
	int push_error;
	struct kernel_age age;
	uint64_t page_in_ns[MANAGER_HIST];
	struct kernel_limits limits;
	bool limits_told;
	uint64_t taken;
	uint64_t stayed;
	uint64_t fetched;
	uint64_t fetch_hand;
	bool failing;
	int error;
	const char *error_what;
};

/* A VM that is there, and could not become one of the guests: id and errno, as was told. */
struct skipped_vm {
	uint64_t id;
	int error;
};

/* What somebody may want to know when it happens. */
enum manager_event {
	MANAGER_GUEST_FOUND,
	MANAGER_GUEST_ENDED,
	MANAGER_GUEST_STOPPED,	/* the guest's stop_reason is in its info */
	MANAGER_DECISION,	/* a decision with another reason than the last */
	MANAGER_FAILED,		/* guest->error is new; if error_what is "add" there is no such guest yet */
	MANAGER_NR_EVENTS,
};

/**
 * struct manager - all of it
 * @kernel: the device
 * @host: /proc
 * @config: in force
 * @policy: what the policies share
 * @push: what pushing to swap shares
 * @module: version and capabilities
 * @pool: of the last round
 * @book: accounts
 * @guests: @nr of them, by id
 * @skipped: @nr_skipped VMs that the last round did without, by id
 * @metadata: of guests, from elsewhere (config_assignment.guest is the uuid)
 * @rounds: counter
 * @passed_ns: time of the last round
 * @on_event: called when something happens; may be NULL
 * @on_refused: called when the kernel refuses a setting of the host, once per reason; may be NULL
 * @pool_error, @sealed_error: of the last try to set these limits; 0 or negative errno
 * @user: for those two
 */
struct manager {
	struct kernel *kernel;
	struct host host;
	struct config config;
	struct policy_host policy;
	struct push_host push;
	struct uvmem_info module;
	struct uvmem_pool pool;
	struct account_book book;
	struct guest **guests;
	size_t nr;
	struct skipped_vm *skipped;
	size_t nr_skipped;
	struct config_assignment *metadata;
	unsigned int nr_metadata;
	uint64_t rounds;
	uint64_t passed_ns;
	void (*on_event)(struct manager *m, enum manager_event event, const struct guest *guest);
	void (*on_refused)(struct manager *m, const char *setting, int err);
	int pool_error;
	int sealed_error;
	void *user;
};

/**
 * manager_init() - with an open device
 * @m: filled in; takes @kernel over, and @config
 *
 * Return: 0 or a negative errno; then nothing was taken over.
 */
int manager_init(struct manager *m, struct kernel *kernel, struct host host,
		 struct config *config);
void manager_free(struct manager *m);

/* Another configuration, from the next round on; taken over. */
void manager_configure(struct manager *m, struct config *config);

/* Settings of guests from elsewhere, by uuid; taken over. */
void manager_set_metadata(struct manager *m, struct config_assignment *metadata, unsigned int nr);

/**
 * manager_round() - one round
 * @now_ns: of a clock that never goes back
 *
 * Return: 0 or the errno of what concerned all guests; single ones have their own.
 */
int manager_round(struct manager *m, uint64_t now_ns);

/* What the module cannot do that the policies want, as a sentence, or NULL. */
const char *manager_lacks(const struct manager *m);

/* Of a guest's last decision, in sentences; @buf is always terminated. */
void manager_explain(const struct manager *m, const struct guest *guest, char *buf, size_t room);

/* By id, name or uuid; NULL if there is none. */
struct guest *manager_find(const struct manager *m, const char *text);

/* ---- state.c: the accounts in a file ------------------------------------- */

/**
 * manager_load_state() - of an earlier daemon
 * @path: a file that is not there is an empty one
 * @ret_line: of what is wrong with it
 *
 * Return: 0; -EINVAL if it is no state: it is renamed to PATH.bad then.
 */
int manager_load_state(struct manager *m, const char *path, unsigned int *ret_line);

/* By a new file that replaces the old one whole, or not at all. */
int manager_save_state(const struct manager *m, const char *path);

/* The same for any text: metrics want it too. */
int file_replace(const char *path, const char *text, size_t length);

/* ---- metrics.c ------------------------------------------------------------ */

/**
 * manager_metrics() - all of them as text
 * @open: OpenMetrics 1.0; else Prometheus' 0.0.4
 * @ret: to be free()d
 */
int manager_metrics(const struct manager *m, bool open, char **ret, size_t *ret_length);

/* ---- describe.c ----------------------------------------------------------- */

/* All that is known as JSON, to be free()d; NULL if memory is short. */
char *manager_describe(const struct manager *m);

#endif
