// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of what may follow what
 *
 * docs/page-states.md has the same matrices in words; tests/unit/state_test.c
 * parses them and compares every cell with these.
 *
 * Pure: also built natively for the unit tests.
 */
#ifdef __KERNEL__
#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#else
#include <assert.h>
#include <errno.h>
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#include "state.h"

/*
 * A cell is the next state (>= 0) or -errno. A row is written by a macro with
 * one argument per event, so that a forgotten cell does not compile.
 */
#define PAGE_ROW(s, add, remove, secure, secure_empty, fill, seal, unseal,	\
		 same_filled, pool, share, abort, drop, reset)			\
	[UVMEM_PAGE_##s] = {							\
		[UVMEM_EV_ADD]		= (add),				\
		[UVMEM_EV_REMOVE]	= (remove),				\
		[UVMEM_EV_SECURE]	= (secure),				\
		[UVMEM_EV_SECURE_EMPTY]	= (secure_empty),			\
		[UVMEM_EV_FILL]		= (fill),				\
		[UVMEM_EV_SEAL]		= (seal),				\
		[UVMEM_EV_UNSEAL]	= (unseal),				\
		[UVMEM_EV_SAME_FILLED]	= (same_filled),			\
		[UVMEM_EV_POOL]		= (pool),				\
		[UVMEM_EV_SHARE]	= (share),				\
		[UVMEM_EV_ABORT]	= (abort),				\
		[UVMEM_EV_DROP]		= (drop),				\
		[UVMEM_EV_RESET]	= (reset),				\
	}

#define NONE	UVMEM_PAGE_NONE
#define NORMAL	UVMEM_PAGE_NORMAL
#define SHARED	UVMEM_PAGE_SHARED
#define ABSENT	UVMEM_PAGE_ABSENT
#define IN	UVMEM_PAGE_IN
#define OUT	UVMEM_PAGE_OUT
#define ZERO	UVMEM_PAGE_ZERO
#define LOST	UVMEM_PAGE_LOST
#define POOL	UVMEM_PAGE_POOL

static const short page_next[][UVMEM_NR_PAGE_EVENTS] = {
	PAGE_ROW(NONE,
		 /* ADD */	NORMAL,		/* REMOVE */	-ENOENT,
		 /* SECURE */	-ENOENT,	/* SECURE_EMPTY */ -ENOENT,
		 /* FILL */	-ENOENT,	/* SEAL */	-ENOENT,
		 /* UNSEAL */	-ENOENT,	/* SAME_FILLED */ -ENOENT,
		 /* POOL */	-ENOENT,	/* SHARE */	-ENOENT,
		 /* ABORT */	-ENOENT,	/* DROP */	-ENOENT,
		 /* RESET */	-ENOENT),
	PAGE_ROW(NORMAL,
		 /* ADD */	-EINVAL,	/* REMOVE */	NONE,
		 /* SECURE */	IN,		/* SECURE_EMPTY */ ABSENT,
		 /* FILL */	-EINVAL,	/* SEAL */	-EPERM,
		 /* UNSEAL */	-EPERM,		/* SAME_FILLED */ -EPERM,
		 /* POOL */	-EPERM,		/* SHARE */	SHARED,
		 /* ABORT */	-EALREADY,	/* DROP */	-EINVAL,
		 /* RESET */	-EALREADY),
	PAGE_ROW(SHARED,
		 /* ADD */	-EINVAL,	/* REMOVE */	NONE,
		 /* SECURE */	IN,		/* SECURE_EMPTY */ ABSENT,
		 /* FILL */	-EINVAL,	/* SEAL */	-EPERM,
		 /* UNSEAL */	-EPERM,		/* SAME_FILLED */ -EPERM,
		 /* POOL */	-EPERM,		/* SHARE */	-EALREADY,
		 /* ABORT */	NORMAL,		/* DROP */	-EINVAL,
		 /* RESET */	NORMAL),
	PAGE_ROW(ABSENT,
		 /* ADD */	ABSENT,		/* REMOVE */	ABSENT,
		 /* SECURE */	-EALREADY,	/* SECURE_EMPTY */ -EALREADY,
		 /* FILL */	IN,		/* SEAL */	-ENODATA,
		 /* UNSEAL */	-ENODATA,	/* SAME_FILLED */ -ENODATA,
		 /* POOL */	-ENODATA,	/* SHARE */	SHARED,
		 /* ABORT */	NORMAL,		/* DROP */	-EINVAL,
		 /* RESET */	NORMAL),
	PAGE_ROW(IN,
		 /* ADD */	IN,		/* REMOVE */	IN,
		 /* SECURE */	-EALREADY,	/* SECURE_EMPTY */ -EALREADY,
		 /* FILL */	-EALREADY,	/* SEAL */	OUT,
		 /* UNSEAL */	-EALREADY,	/* SAME_FILLED */ ZERO,
		 /* POOL */	POOL,		/* SHARE */	SHARED,
		 /* ABORT */	NORMAL,		/* DROP */	LOST,
		 /* RESET */	NORMAL),
	PAGE_ROW(OUT,
		 /* ADD */	OUT,		/* REMOVE */	OUT,
		 /* SECURE */	-EALREADY,	/* SECURE_EMPTY */ -EALREADY,
		 /* FILL */	-EINVAL,	/* SEAL */	-EALREADY,
		 /* UNSEAL */	IN,		/* SAME_FILLED */ -EALREADY,
		 /* POOL */	-EALREADY,	/* SHARE */	-EAGAIN,
		 /* ABORT */	-EAGAIN,	/* DROP */	-EINVAL,
		 /* RESET */	NORMAL),
	PAGE_ROW(ZERO,
		 /* ADD */	ZERO,		/* REMOVE */	ZERO,
		 /* SECURE */	-EALREADY,	/* SECURE_EMPTY */ -EALREADY,
		 /* FILL */	IN,		/* SEAL */	OUT,
		 /* UNSEAL */	-EALREADY,	/* SAME_FILLED */ -EALREADY,
		 /* POOL */	-EALREADY,	/* SHARE */	SHARED,
		 /* ABORT */	NORMAL,		/* DROP */	LOST,
		 /* RESET */	NORMAL),
	PAGE_ROW(LOST,
		 /* ADD */	LOST,		/* REMOVE */	LOST,
		 /* SECURE */	-EIO,		/* SECURE_EMPTY */ -EIO,
		 /* FILL */	-EIO,		/* SEAL */	-EIO,
		 /* UNSEAL */	-EIO,		/* SAME_FILLED */ -EIO,
		 /* POOL */	-EIO,		/* SHARE */	SHARED,
		 /* ABORT */	NORMAL,		/* DROP */	-EIO,
		 /* RESET */	NORMAL),
	PAGE_ROW(POOL,
		 /* ADD */	POOL,		/* REMOVE */	POOL,
		 /* SECURE */	-EALREADY,	/* SECURE_EMPTY */ -EALREADY,
		 /* FILL */	-EINVAL,	/* SEAL */	OUT,
		 /* UNSEAL */	IN,		/* SAME_FILLED */ -EALREADY,
		 /* POOL */	-EALREADY,	/* SHARE */	-EAGAIN,
		 /* ABORT */	-EAGAIN,	/* DROP */	LOST,
		 /* RESET */	NORMAL),
};

static_assert(ARRAY_SIZE(page_next) == UVMEM_PAGE_NR_STATES, "one row per page state");

#undef NONE
#undef NORMAL
#undef SHARED
#undef ABSENT
#undef IN
#undef OUT
#undef ZERO
#undef LOST
#undef POOL

#define VM_ROW(s, init_start, init_done, init_abort, terminate, reset)	\
	[UVMEM_VM_##s] = {						\
		[UVMEM_VEV_INIT_START]	= (init_start),			\
		[UVMEM_VEV_INIT_DONE]	= (init_done),			\
		[UVMEM_VEV_INIT_ABORT]	= (init_abort),			\
		[UVMEM_VEV_TERMINATE]	= (terminate),			\
		[UVMEM_VEV_RESET]	= (reset),			\
	}

static const short vm_next[][UVMEM_NR_VM_EVENTS] = {
	VM_ROW(NORMAL,
	       /* INIT_START */	UVMEM_VM_INIT,		/* INIT_DONE */	-EPERM,
	       /* INIT_ABORT */	-EPERM,			/* TERMINATE */	UVMEM_VM_TERMINATED,
	       /* RESET */	-EALREADY),
	VM_ROW(INIT,
	       /* INIT_START */	-EBUSY,			/* INIT_DONE */	UVMEM_VM_SECURE,
	       /* INIT_ABORT */	UVMEM_VM_NORMAL,	/* TERMINATE */	UVMEM_VM_TERMINATED,
	       /* RESET */	UVMEM_VM_NORMAL),
	VM_ROW(SECURE,
	       /* INIT_START */	-EALREADY,		/* INIT_DONE */	-EALREADY,
	       /* INIT_ABORT */	-EALREADY,		/* TERMINATE */	UVMEM_VM_TERMINATED,
	       /* RESET */	UVMEM_VM_NORMAL),
	VM_ROW(TERMINATED,
	       /* INIT_START */	-ESRCH,			/* INIT_DONE */	-ESRCH,
	       /* INIT_ABORT */	-ESRCH,			/* TERMINATE */	-EALREADY,
	       /* RESET */	-ESRCH),
};

static_assert(ARRAY_SIZE(vm_next) == UVMEM_VM_NR_STATES, "one row per VM state");

static const char *const page_state_names[] = {
	[UVMEM_PAGE_NONE]	= "NONE",
	[UVMEM_PAGE_NORMAL]	= "NORMAL",
	[UVMEM_PAGE_SHARED]	= "SHARED",
	[UVMEM_PAGE_ABSENT]	= "ABSENT",
	[UVMEM_PAGE_IN]		= "IN",
	[UVMEM_PAGE_OUT]	= "OUT",
	[UVMEM_PAGE_ZERO]	= "ZERO",
	[UVMEM_PAGE_LOST]	= "LOST",
	[UVMEM_PAGE_POOL]	= "POOL",
};

static_assert(ARRAY_SIZE(page_state_names) == UVMEM_PAGE_NR_STATES, "one name per page state");

static const char *const page_event_names[] = {
	[UVMEM_EV_ADD]		= "ADD",
	[UVMEM_EV_REMOVE]	= "REMOVE",
	[UVMEM_EV_SECURE]	= "SECURE",
	[UVMEM_EV_SECURE_EMPTY]	= "SECURE_EMPTY",
	[UVMEM_EV_FILL]		= "FILL",
	[UVMEM_EV_SEAL]		= "SEAL",
	[UVMEM_EV_UNSEAL]	= "UNSEAL",
	[UVMEM_EV_SAME_FILLED]	= "SAME_FILLED",
	[UVMEM_EV_POOL]		= "POOL",
	[UVMEM_EV_SHARE]	= "SHARE",
	[UVMEM_EV_ABORT]	= "ABORT",
	[UVMEM_EV_DROP]		= "DROP",
	[UVMEM_EV_RESET]	= "RESET",
};

static_assert(ARRAY_SIZE(page_event_names) == UVMEM_NR_PAGE_EVENTS, "one name per page event");

static const char *const vm_state_names[] = {
	[UVMEM_VM_NORMAL]	= "NORMAL",
	[UVMEM_VM_INIT]		= "INIT",
	[UVMEM_VM_SECURE]	= "SECURE",
	[UVMEM_VM_TERMINATED]	= "TERMINATED",
};

static_assert(ARRAY_SIZE(vm_state_names) == UVMEM_VM_NR_STATES, "one name per VM state");

static const char *const vm_event_names[] = {
	[UVMEM_VEV_INIT_START]	= "INIT_START",
	[UVMEM_VEV_INIT_DONE]	= "INIT_DONE",
	[UVMEM_VEV_INIT_ABORT]	= "INIT_ABORT",
	[UVMEM_VEV_TERMINATE]	= "TERMINATE",
	[UVMEM_VEV_RESET]	= "RESET",
};

static_assert(ARRAY_SIZE(vm_event_names) == UVMEM_NR_VM_EVENTS, "one name per VM event");

int uvmem_page_next(enum uvmem_page_state state, enum uvmem_page_event event)
{
	/* The state comes from the bits of a word: it may be out of range. */
	if ((unsigned int)state >= UVMEM_PAGE_NR_STATES ||
	    (unsigned int)event >= UVMEM_NR_PAGE_EVENTS)
		return -EINVAL;
	return page_next[state][event];
}

int uvmem_vm_next(enum uvmem_vm_state state, enum uvmem_vm_event event)
{
	if ((unsigned int)state >= UVMEM_VM_NR_STATES ||
	    (unsigned int)event >= UVMEM_NR_VM_EVENTS)
		return -EINVAL;
	return vm_next[state][event];
}

const char *uvmem_page_state_name(enum uvmem_page_state state)
{
	return (unsigned int)state < UVMEM_PAGE_NR_STATES ? page_state_names[state] : "?";
}

const char *uvmem_page_event_name(enum uvmem_page_event event)
{
	return (unsigned int)event < UVMEM_NR_PAGE_EVENTS ? page_event_names[event] : "?";
}

const char *uvmem_vm_state_name(enum uvmem_vm_state state)
{
	return (unsigned int)state < UVMEM_VM_NR_STATES ? vm_state_names[state] : "?";
}

const char *uvmem_vm_event_name(enum uvmem_vm_event event)
{
	return (unsigned int)event < UVMEM_NR_VM_EVENTS ? vm_event_names[event] : "?";
}
