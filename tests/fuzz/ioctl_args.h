/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl_args.h - the module's calls, and arguments of theirs that are right or wrong in
 * a way that the uapi header names
 */
#ifndef IOCTL_ARGS_H
#define IOCTL_ARGS_H

#include "fuzz.h"

#define ARG_MAX_SIZE	4096ull		/* of an argument structure, by the header */

/* Errors that a call may fail with; none: it must succeed. */
struct verdict {
	int errors[12];
	int nr;
};

struct context {
	struct fuzz *f;
	bool nobody;		/* another process, without privileges */
	int fd;			/* of the call */
	int extra_fd;		/* to be closed after it */
	u32 size;		/* that the argument says it has */
	u64 old_limit, old_sealed_pool;
	struct verdict v;
};

struct call {
	const char *name;
	unsigned long cmd;
	u32 size;		/* first published */
	u32 pad, reserved;	/* offsets; 0: no such field */
	bool on_vm;
	/* Make the argument valid or not, and say so. */
	void (*fill)(struct context *c, void *arg);
};

void args_init(void);
void may_fail(struct verdict *v, int error);
const struct call *draw_call(struct rng *rng);
/*
 * Set the argument up; its size, its common fields and where it ends may be wrong. What
 * the kernel sees first hides the rest. c->v says what may come of it.
 */
void *make_argument(struct context *c, const struct call *call);
/* From @arg to the end of what is mapped, 2 * ARG_MAX_SIZE at most. */
u64 argument_room(const void *arg);
/* Where a pointer of an argument leads, and whether that can be written. */
void *any_pointer(struct fuzz *f, u64 size, bool *ret_good);

#endif
