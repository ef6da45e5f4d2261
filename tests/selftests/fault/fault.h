/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fault.h - operations whose n-th allocation fails
 *
 * A row of one of the tables is an operation: fault_test.c runs it again and again.
 */
#ifndef SELFTESTS_UVMEM_FAULT_H
#define SELFTESTS_UVMEM_FAULT_H

#include "cases.h"

#define PAGES		8	/* that an operation is about */
#define NEIGHBOURS	8	/* behind them, in the same chunk */

struct fault {
	struct uvm *uvm;
	u64 seed;
	int nth_fd;
	u64 n;				/* the allocation that fails */
	bool armed;
	u64 left;			/* of n after the operation; 0: the fault came */
	/* what the operation said */
	s64 ret;			/* of a system call; -errno */
	struct guest_outcome guest;
	struct uvmem_range range;
	u64 stay;			/* pages of which only ciphertext would be left */
	struct uvmem_vm_info info;	/* of before */
	bool pool;			/* there is a sealed pool */
};

/**
 * struct fault_op - an operation
 * @prepare:	brings VM and pages to where it begins
 * @run:	the operation: nothing else, for all it allocates may fail
 * @check:	what it left
 * @own_vm:	it needs a new VM each time, which @prepare makes
 * @least:	it allocates at least so often, or the injection does not work
 */
struct fault_op {
	const char *name;
	void (*prepare)(struct fault *f);
	void (*run)(struct fault *f);
	void (*check)(struct fault *f);
	bool own_vm;
	u64 least;
};

/* A table ends with a row without a name. */
extern const struct fault_op page_ops[], reclaim_ops[], vm_ops[], slot_ops[], call_ops[];

/* ---- injection.c ---- */

/* False: this kernel has no fault injection, or not all of it. */
bool injection_begin(void);
/* The thread's next allocations count; nothing but the operation stands behind this. */
void nth_begin(struct fault *f);
/* f->left tells whether the fault came. Once is enough, more do no harm. */
void nth_end(struct fault *f);

/* ---- pages.c ---- */

struct kvm_vcpu *vcpu(struct fault *f);
/* The first PAGES and their neighbours of a secure VM are there, with markers. */
void pages_in(struct fault *f);
/* Do they have what they had? Pages from @page on. */
void verify(struct fault *f, u64 page, u64 nr);
/* fn(a0, a1, a2) in the guest. The guest's exits that one failure may cause, and none else. */
void guest_runs(struct fault *f, guest_fn_t fn, u64 a0, u64 a1, u64 a2);
/* True: it was stopped, and the VM is gone. */
bool guest_was_stopped(struct fault *f);
/* A page that is not in a frame is touched: steps of rows in more than one table. */
void do_guest_fault(struct fault *f);
void check_fault(struct fault *f);

#endif
