/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * operations.h - operations that race with each other, and what each may do to a guest
 *
 * A race is a VM, two operations, each with its racer, and what the two of them together
 * can lead to.
 */
#ifndef SELFTESTS_UVMEM_RACE_OPERATIONS_H
#define SELFTESTS_UVMEM_RACE_OPERATIONS_H

#include <pthread.h>

#include "cases.h"

#define PAGES		4	/* of each operation */

/* What the pages should be when an operation starts. */
enum want {
	WANT_IN,
	WANT_OUT,
	WANT_SHARED,
};

struct race;

struct racer {
	struct race *race;
	int me;				/* index of its vCPU, too */
	const struct op *op;
	u64 gpa;
	u64 word;			/* written last, GUEST_OK: not known */
	unsigned int seed;		/* of rand_r() */
};

struct op {
	const char *name;
	void (*run)(struct racer *r);
	enum want want;
	bool by_guest;
	bool loses;			/* content of its pages */
	u32 may_stop;			/* the guest, bits of enum uvmem_stop_reason */
	bool takes_slot;
	bool takes_memory;		/* for a moment there is none at the hva */
	bool by_kernel;			/* KVM goes to the hva itself */
};

struct race {
	const struct op *op[2];
	int nr_vcpus;
	int seconds;
	struct uvm *uvm;
	struct racer racer[2];
	u32 may_stop;
	bool may_refuse;		/* a hypercall */
	bool may_miss;			/* KVM, the memory that it goes to: see race_guest() */
	bool checked;			/* words are */
	bool stopped;			/* the guest was, in this round */
	u64 rounds, stops;
	pthread_barrier_t start, end;
	bool quit;
	struct guest_thread bystander[MAX_VCPUS];
};

extern const struct op ops[];
extern const int nr_ops;

/* fn(args) on that vCPU. False: the guest is stopped, for a reason that the pair can have. */
bool race_guest(struct race *race, int vcpu, u64 *ret, guest_fn_t fn,
		const u64 args[GUEST_MAX_ARGS]);

#define guest(race, vcpu, ret, fn, ...)						\
	race_guest(race, vcpu, ret, (guest_fn_t)(fn), (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })

#endif
