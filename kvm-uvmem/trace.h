/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - tracepoints, key=value
 */
#if !defined(UVMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define UVMEM_TRACE_H

#include <linux/tracepoint.h>
#include <linux/kvm_uvmem.h>

#include "state.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_uvmem

/* EM: each but the last of a list, which is an EM_LAST. */
#define UVMEM_TRACE_PAGE_STATES			\
	EM(UVMEM_PAGE_NONE,	"none")		\
	EM(UVMEM_PAGE_NORMAL,	"normal")	\
	EM(UVMEM_PAGE_SHARED,	"shared")	\
	EM(UVMEM_PAGE_ABSENT,	"absent")	\
	EM(UVMEM_PAGE_IN,	"in")		\
	EM(UVMEM_PAGE_OUT,	"out")		\
	EM(UVMEM_PAGE_ZERO,	"zero")		\
	EM(UVMEM_PAGE_LOST,	"lost")		\
	EM_LAST(UVMEM_PAGE_POOL,	"pool")

#define UVMEM_TRACE_PAGE_EVENTS				\
	EM(UVMEM_EV_ADD,		"add")		\
	EM(UVMEM_EV_REMOVE,		"remove")	\
	EM(UVMEM_EV_SECURE,		"secure")	\
	EM(UVMEM_EV_SECURE_EMPTY,	"secure_empty")	\
	EM(UVMEM_EV_FILL,		"fill")		\
	EM(UVMEM_EV_SEAL,		"seal")		\
	EM(UVMEM_EV_UNSEAL,		"unseal")	\
	EM(UVMEM_EV_SAME_FILLED,	"same_filled")	\
	EM(UVMEM_EV_POOL,		"pool")		\
	EM(UVMEM_EV_SHARE,		"share")	\
	EM(UVMEM_EV_ABORT,		"abort")	\
	EM(UVMEM_EV_DROP,		"drop")		\
	EM_LAST(UVMEM_EV_RESET,		"reset")

#define UVMEM_TRACE_VM_STATES				\
	EM(UVMEM_VM_NORMAL,		"normal")	\
	EM(UVMEM_VM_INIT,		"init")		\
	EM(UVMEM_VM_SECURE,		"secure")	\
	EM_LAST(UVMEM_VM_TERMINATED,	"terminated")

#define UVMEM_TRACE_VM_EVENTS				\
	EM(UVMEM_VEV_INIT_START,	"init_start")	\
	EM(UVMEM_VEV_INIT_DONE,		"init_done")	\
	EM(UVMEM_VEV_INIT_ABORT,	"init_abort")	\
	EM(UVMEM_VEV_TERMINATE,	"terminate")	\
	EM_LAST(UVMEM_VEV_RESET,	"reset")

#define UVMEM_TRACE_CAUSES				\
	EM(UVMEM_CAUSE_GUEST_FAULT,	"guest_fault")	\
	EM(UVMEM_CAUSE_HYPERCALL,	"hypercall")	\
	EM(UVMEM_CAUSE_HOST_TOUCH,	"host_touch")	\
	EM(UVMEM_CAUSE_RECLAIM,		"reclaim")	\
	EM(UVMEM_CAUSE_PREFETCH,	"prefetch")	\
	EM(UVMEM_CAUSE_TEARDOWN,	"teardown")	\
	EM_LAST(UVMEM_CAUSE_KERNEL,		"kernel")

#define UVMEM_TRACE_STOP_REASONS			\
	EM(UVMEM_STOP_NONE,		"none")		\
	EM(UVMEM_STOP_INTEGRITY,	"integrity")	\
	EM(UVMEM_STOP_MISSING,		"missing")	\
	EM(UVMEM_STOP_LOST,		"lost")		\
	EM(UVMEM_STOP_NOT_ANON,		"not_anon")	\
	EM(UVMEM_STOP_NO_MEMORY,	"no_memory")	\
	EM(UVMEM_STOP_NO_SLOT,		"no_slot")	\
	EM_LAST(UVMEM_STOP_HWPOISON,	"hwpoison")

/* User space that formats the raw events has to know the numbers. */
#undef EM
#undef EM_LAST
#define EM(_value, _name)	TRACE_DEFINE_ENUM(_value);
#define EM_LAST(_value, _name)	TRACE_DEFINE_ENUM(_value);

UVMEM_TRACE_PAGE_STATES
UVMEM_TRACE_PAGE_EVENTS
UVMEM_TRACE_VM_STATES
UVMEM_TRACE_VM_EVENTS
UVMEM_TRACE_CAUSES
UVMEM_TRACE_STOP_REASONS

/* From here on they are tables for __print_symbolic(). */
#undef EM
#undef EM_LAST
#define EM(_value, _name)	{ _value, _name },
#define EM_LAST(_value, _name)	{ _value, _name }

TRACE_EVENT(uvmem_page_state,
	TP_PROTO(u64 vm, u64 gfn, unsigned int old, unsigned int event, unsigned int new),
	TP_ARGS(vm, gfn, old, event, new),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u64,	gfn)
		__field(u8,	old)
		__field(u8,	event)
		__field(u8,	new)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->old	= old;
		__entry->event	= event;
		__entry->new	= new;
	),

	TP_printk("vm=%llu gfn=0x%llx old=%s event=%s new=%s",
		  __entry->vm, __entry->gfn,
		  __print_symbolic(__entry->old, UVMEM_TRACE_PAGE_STATES),
		  __print_symbolic(__entry->event, UVMEM_TRACE_PAGE_EVENTS),
		  __print_symbolic(__entry->new, UVMEM_TRACE_PAGE_STATES))
);

TRACE_EVENT(uvmem_vm_state,
	TP_PROTO(u64 vm, unsigned int old, unsigned int event, unsigned int new),
	TP_ARGS(vm, old, event, new),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u8,	old)
		__field(u8,	event)
		__field(u8,	new)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->old	= old;
		__entry->event	= event;
		__entry->new	= new;
	),

	TP_printk("vm=%llu old=%s event=%s new=%s", __entry->vm,
		  __print_symbolic(__entry->old, UVMEM_TRACE_VM_STATES),
		  __print_symbolic(__entry->event, UVMEM_TRACE_VM_EVENTS),
		  __print_symbolic(__entry->new, UVMEM_TRACE_VM_STATES))
);

/* One batch, from its transit marks to their end. */
TRACE_EVENT(uvmem_move_batch,
	TP_PROTO(u64 vm, bool in, u64 gfn, unsigned int nr, unsigned int moved,
		 unsigned int cause, u64 ns),
	TP_ARGS(vm, in, gfn, nr, moved, cause, ns),

	TP_STRUCT__entry(
		__field(u64,		vm)
		__field(u64,		gfn)
		__field(u64,		ns)
		__field(unsigned int,	nr)
		__field(unsigned int,	moved)
		__field(u8,		cause)
		__field(bool,		in)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->ns	= ns;
		__entry->nr	= nr;
		__entry->moved	= moved;
		__entry->cause	= cause;
		__entry->in	= in;
	),

	TP_printk("vm=%llu direction=%s gfn=0x%llx pages=%u moved=%u cause=%s ns=%llu",
		  __entry->vm, __entry->in ? "in" : "out", __entry->gfn,
		  __entry->nr, __entry->moved,
		  __print_symbolic(__entry->cause, UVMEM_TRACE_CAUSES), __entry->ns)
);

DECLARE_EVENT_CLASS(uvmem_cipher,
	TP_PROTO(u64 vm, u64 gfn, u64 version, int err),
	TP_ARGS(vm, gfn, version, err),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u64,	gfn)
		__field(u64,	version)
		__field(int,	err)
	),

	TP_fast_assign(
		__entry->vm		= vm;
		__entry->gfn		= gfn;
		__entry->version	= version;
		__entry->err		= err;
	),

	TP_printk("vm=%llu gfn=0x%llx version=%llu err=%d",
		  __entry->vm, __entry->gfn, __entry->version, __entry->err)
);

DEFINE_EVENT(uvmem_cipher, uvmem_seal,
	TP_PROTO(u64 vm, u64 gfn, u64 version, int err),
	TP_ARGS(vm, gfn, version, err));

DEFINE_EVENT(uvmem_cipher, uvmem_unseal,
	TP_PROTO(u64 vm, u64 gfn, u64 version, int err),
	TP_ARGS(vm, gfn, version, err));

/* One UVMEM_VM_PAGE_OUT or UVMEM_VM_PAGE_IN as a whole. */
TRACE_EVENT(uvmem_reclaim,
	TP_PROTO(u64 vm, bool in, u64 gfn, u64 nr, u64 done, u64 moved, int err),
	TP_ARGS(vm, in, gfn, nr, done, moved, err),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u64,	gfn)
		__field(u64,	nr)
		__field(u64,	done)
		__field(u64,	moved)
		__field(int,	err)
		__field(bool,	in)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->nr	= nr;
		__entry->done	= done;
		__entry->moved	= moved;
		__entry->err	= err;
		__entry->in	= in;
	),

	TP_printk("vm=%llu direction=%s gfn=0x%llx pages=%llu done=%llu moved=%llu err=%d",
		  __entry->vm, __entry->in ? "in" : "out", __entry->gfn,
		  __entry->nr, __entry->done, __entry->moved, __entry->err)
);

/* Of the oldest in the sealed pool, from 2 MiB of a VM, to make room. */
TRACE_EVENT(uvmem_write_out,
	TP_PROTO(u64 vm, u64 gfn, unsigned int age_ms, unsigned int moved),
	TP_ARGS(vm, gfn, age_ms, moved),

	TP_STRUCT__entry(
		__field(u64,		vm)
		__field(u64,		gfn)
		__field(unsigned int,	age_ms)
		__field(unsigned int,	moved)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->age_ms	= age_ms;
		__entry->moved	= moved;
	),

	TP_printk("vm=%llu gfn=0x%llx age_ms=%u moved=%u", __entry->vm, __entry->gfn,
		  __entry->age_ms, __entry->moved)
);

/* The host accessed a page that is not in its memory. Who: the event's task and comm. */
TRACE_EVENT(uvmem_host_touch,
	TP_PROTO(u64 vm, u64 gfn, unsigned int state),
	TP_ARGS(vm, gfn, state),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u64,	gfn)
		__field(u8,	state)
		__array(char,	comm, TASK_COMM_LEN)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->state	= state;
		memcpy(__entry->comm, current->comm, TASK_COMM_LEN);
	),

	TP_printk("vm=%llu gfn=0x%llx state=%s comm=%s", __entry->vm, __entry->gfn,
		  __print_symbolic(__entry->state, UVMEM_TRACE_PAGE_STATES),
		  __entry->comm)
);

TRACE_EVENT(uvmem_stop,
	TP_PROTO(u64 vm, unsigned int reason, u64 gfn),
	TP_ARGS(vm, reason, gfn),

	TP_STRUCT__entry(
		__field(u64,	vm)
		__field(u64,	gfn)
		__field(u8,	reason)
	),

	TP_fast_assign(
		__entry->vm	= vm;
		__entry->gfn	= gfn;
		__entry->reason	= reason;
	),

	TP_printk("vm=%llu reason=%s gfn=0x%llx", __entry->vm,
		  __print_symbolic(__entry->reason, UVMEM_TRACE_STOP_REASONS),
		  __entry->gfn)
);

#endif /* UVMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../kvm-uvmem
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
