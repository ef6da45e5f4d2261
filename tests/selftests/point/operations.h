/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * operations.h - operations that are stopped at their points, and what may happen
 * meanwhile
 *
 * A stage is a VM, an operation that stands at one of its points, and a disturbance.
 */
#ifndef SELFTESTS_UVMEM_OPERATIONS_H
#define SELFTESTS_UVMEM_OPERATIONS_H

#include "cases.h"

#define PAGES		8	/* that an operation is about */
#define NEIGHBOURS	8	/* behind them, in the same chunk */
#define VICTIM		3	/* the page that something happens to */

struct stage {
	const struct op *op;
	const struct disturbance *what;
	struct uvm *uvm;
	u64 seed;
	bool vm_open;			/* it is not secure yet */
	struct guest_outcome op_guest;	/* if the operation is the guest's */
	struct guest_outcome what_guest;	/* if the disturbance is */
	s64 op_ret;
	pthread_t op_thread;
	int go[2];			/* who disturbs waits for a byte */
	int standing_fd;		/* tells the parent of it */
	const char *point;
};

/* What a stage leaves if nothing disturbs it. */
enum content {
	KEPT,			/* what guest_fill() wrote */
	ZEROED,
};

struct op {
	const char *name;
	const char *prefixes;		/* of the points that it passes: point_is_of() */
	void (*prepare)(struct stage *s);
	void (*run)(struct stage *s);
	bool by_guest;
	bool new_vm;			/* can be done once */
	enum content content;
};

struct disturbance {
	const char *name;
	void (*run)(struct stage *s);
	bool writes;			/* the guest fills the victim anew */
	u32 may_stop;			/* bits of enum uvmem_stop_reason */
	bool takes_slot;
};

#define STOP(reason)	(1u << UVMEM_STOP_##reason)

extern const struct op ops[];
extern const int nr_ops;
/* The first one is to do nothing. */
extern const struct disturbance disturbances[];
extern const int nr_disturbances;

/* Steps of the tables that the test takes itself, or makes exceptions for. */
void pages_fill(struct stage *s);
void pages_mixed(struct stage *s);
void pages_absent(struct stage *s);
void pages_shared(struct stage *s);
void do_guest_fault(struct stage *s);
void do_esm(struct stage *s);
void pages_go_out(struct stage *s);
void host_drops(struct stage *s);

#endif
