// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl_args.c - arguments for the module's calls
 *
 * For each call the uapi header says which argument is wrong in which way. One is made
 * valid and then, mostly, wrong in one way or two.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ioctl_args.h"

void may_fail(struct verdict *v, int error)
{
	TEST_ASSERT(v->nr < ARRAY_SIZE(v->errors), "too many errors");
	v->errors[v->nr++] = error;
}

/* An argument that ends where nothing is mapped. */
static u8 *arena;		/* two pages, then one that is PROT_NONE */

void args_init(void)
{
	if (arena)
		return;
	arena = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	TEST_ASSERT(arena != MAP_FAILED, "mmap: %s", strerror(errno));
	TEST_ASSERT(!mprotect(arena + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), "mprotect");
}

u64 argument_room(const void *arg)
{
	return arena + 2 * PAGE_SIZE - (const u8 *)arg;
}

void *any_pointer(struct fuzz *f, u64 size, bool *ret_good)
{
	static u8 room[65536 * 8];

	*ret_good = false;
	switch (rng_below(&f->rng, 10)) {
	case 0:
		return NULL;
	case 1:
		return (void *)1;
	case 2:
		return arena + 2 * PAGE_SIZE;
	case 3:
		return (void *)0xffff888000000000ull;
	case 4:
		return (void *)(1ull << 63 | 1);
	default:
		*ret_good = size <= sizeof(room);
		return room;
	}
}

static void fill_nothing(struct context *c, void *arg)
{
}

static void fill_limit(struct context *c, void *arg)
{
	struct uvmem_pool_limit *limit = arg;
	const u64 values[] = { 0, c->old_limit, 2 * c->old_limit, ~0ull, 1ull << 63, ~0ull >> 1 };

	limit->frames = rng_pick(&c->f->rng, values);
	if (c->nobody)
		may_fail(&c->v, EPERM);
	else if (!limit->frames || limit->frames >> 63)
		may_fail(&c->v, EINVAL);
}

static void fill_sealed_pool(struct context *c, void *arg)
{
	const u64 values[] = { 0, 1, 1u << 20, ~0ull >> 1, 1ull << 63, ~0ull };
	struct uvmem_sealed_pool *pool = arg;

	pool->limit = rng_pick(&c->f->rng, values);
	if (c->nobody)
		may_fail(&c->v, EPERM);
	else if (pool->limit >> 63)
		may_fail(&c->v, EINVAL);
}

static void fill_arm(struct context *c, void *arg)
{
	struct uvmem_arm *arm = arg;
	struct rng *rng = &c->f->rng;
	int kvm;

	arm->max_frames = rng_one_in(rng, 2) ? 0 : rng_next(rng);
	memset(arm->name, 'x', rng_below(rng, sizeof(arm->name)));
	if (rng_one_in(rng, 6)) {
		memset(arm->name, 'x', sizeof(arm->name));
		may_fail(&c->v, EINVAL);
	}
	if (rng_one_in(rng, 3))
		arm->flags = UVMEM_ARM_HOST_TOUCH_SIGBUS;
	if (rng_one_in(rng, 6)) {
		arm->flags = rng_next(rng) | 1ull << rng_range(rng, 1, 63);
		may_fail(&c->v, EINVAL);
	}

	switch (rng_below(rng, 6)) {
	case 0:
		arm->vm_fd = (s32)rng_next(rng) | 1 << 20;
		may_fail(&c->v, EBADF);
		break;
	case 1:
		arm->vm_fd = uvmem_dev();
		may_fail(&c->v, EBADF);
		break;
	case 2:
		arm->vm_fd = c->f->vcpu->fd;
		may_fail(&c->v, EBADF);
		break;
	case 3:	/* armed already; to another process it is somebody else's */
		arm->vm_fd = c->f->uvm->vm->fd;
		may_fail(&c->v, c->nobody ? EPERM : EEXIST);
		break;
	case 4:
		arm->vm_fd = c->f->uvm->fd;
		may_fail(&c->v, EBADF);
		break;
	default:
		kvm = c->nobody ? c->f->uvm->vm->kvm_fd : open("/dev/kvm", O_RDWR | O_CLOEXEC);
		c->extra_fd = ioctl(kvm, KVM_CREATE_VM, 0);
		TEST_ASSERT(c->extra_fd >= 0, "KVM_CREATE_VM: %s", strerror(errno));
		if (!c->nobody)
			close(kvm);
		arm->vm_fd = c->extra_fd;
	}
}

static void fill_list(struct context *c, void *arg)
{
	static const u32 values[] = { 0, 1, 63, 4096, 1u << 20, ~0u };
	struct uvmem_vm_list *list = arg;
	bool good;

	list->nr = rng_pick(&c->f->rng, values);
	list->ids = (u64)any_pointer(c->f, 0, &good);
	/* This fuzzer's VM is there, and few others can be. */
	if (!list->nr)
		may_fail(&c->v, ENOSPC);
	else if (!good)
		may_fail(&c->v, EFAULT);
}

static void fill_open(struct context *c, void *arg)
{
	struct uvmem_open_vm *open = arg;
	const u64 values[] = { 0, ~0ull, c->f->uvm->id, c->f->uvm->id, c->f->uvm->id + 1000000 };

	open->id = rng_pick(&c->f->rng, values);
	if (open->id != c->f->uvm->id)
		may_fail(&c->v, ENOENT);
	else if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_range(struct context *c, void *arg, u64 flags)
{
	struct uvmem_range *range = arg;
	struct rng *rng = &c->f->rng;
	u64 gfn, nr;

	if (rng_one_in(rng, 2) || !model_pick(c->f, false, ~0ull, &gfn, &nr)) {
		gfn = model_any_gfn(c->f);
		nr = model_any_count(c->f, gfn);
	}
	range->gfn = gfn;
	range->nr_pages = nr;
	range->flags = rng_one_in(rng, 2) ? flags : 0;
	if (rng_one_in(rng, 8)) {
		range->flags = rng_next(rng) | (flags ? 2 : 1);
		may_fail(&c->v, EINVAL);
	}
	/* What goes out is of no concern. */
	range->done = rng_next(rng);
	range->moved = rng_next(rng);
	memset(range->skipped, rng_next(rng), sizeof(range->skipped));
	if (!range->nr_pages || range->gfn + range->nr_pages < range->gfn)
		may_fail(&c->v, EINVAL);
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_out(struct context *c, void *arg)
{
	fill_range(c, arg, UVMEM_RANGE_IGNORE_AGE);
}

static void fill_in(struct context *c, void *arg)
{
	fill_range(c, arg, 0);
}

static void fill_states(struct context *c, void *arg)
{
	struct uvmem_states *states = arg;
	bool good;

	states->gfn = model_any_gfn(c->f);
	states->nr_pages = model_any_count(c->f, states->gfn);
	states->states = (u64)any_pointer(c->f, states->nr_pages, &good);
	if (!states->nr_pages || states->nr_pages > 65536 ||
	    states->gfn + states->nr_pages < states->gfn)
		may_fail(&c->v, EINVAL);
	if (!good)
		may_fail(&c->v, EFAULT);
}

static void fill_age(struct context *c, void *arg)
{
	const u64 values[] = { 0, 1, rng_below(&c->f->rng, 1024), ~0ull, 1ull << 63 };
	struct uvmem_age *age = arg;

	age->max_scan = rng_pick(&c->f->rng, values);
	/* What goes out is of no concern. */
	memset(&age->scanned, rng_next(&c->f->rng),
	       offsetof(struct uvmem_age, reserved) - offsetof(struct uvmem_age, scanned));
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_reclaim(struct context *c, void *arg)
{
	const u64 pages[] = { 0, 1, rng_below(&c->f->rng, 1024), rng_below(&c->f->rng, 64), ~0ull };
	const u32 idle[] = { 0, 0, 1, 31, 32, ~0u };
	struct uvmem_reclaim *reclaim = arg;
	struct rng *rng = &c->f->rng;

	reclaim->nr_pages = rng_pick(rng, pages);
	reclaim->min_idle = rng_pick(rng, idle);
	reclaim->flags = rng_one_in(rng, 2) ? UVMEM_RECLAIM_NO_CIPHERTEXT : 0;
	if (rng_one_in(rng, 12)) {
		reclaim->flags |= 2u << rng_below(rng, 31);
		may_fail(&c->v, EINVAL);
	}
	memset(&reclaim->scanned, rng_next(rng), offsetof(struct uvmem_reclaim, reserved) -
						 offsetof(struct uvmem_reclaim, scanned));
	if (!reclaim->nr_pages || reclaim->min_idle >= UVMEM_IDLE_BUCKETS)
		may_fail(&c->v, EINVAL);
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_find(struct context *c, void *arg)
{
	const u32 room[] = { 0, 1, 2, rng_below(&c->f->rng, 64), UVMEM_FIND_MAX, UVMEM_FIND_MAX + 1 };
	const u32 states[] = { 0, 1, 1 << UVMEM_PAGE_OUT, 1 << UVMEM_PAGE_IN, 0x1fe, 0x200, ~0u };
	const u64 scan[] = { 0, 1, rng_below(&c->f->rng, 1024), ~0ull };
	const u32 away[] = { 0, 0, 1, 1000, ~0u };
	struct uvmem_find *find = arg;
	struct rng *rng = &c->f->rng;
	bool good;

	find->nr = rng_pick(rng, room);
	find->gfn = model_any_gfn(c->f);
	find->max_scan = rng_pick(rng, scan);
	find->states = rng_pick(rng, states);
	find->max_away_ms = rng_pick(rng, away);
	find->found = (u64)any_pointer(c->f, find->nr * sizeof(struct uvmem_found), &good);
	find->flags = rng_one_in(rng, 8) ? (u32)rng_next(rng) : rng_below(rng, 2);
	find->scanned = rng_next(rng);
	find->matched = rng_next(rng);
	if (find->flags & ~UVMEM_FIND_IN_MEMORY)
		may_fail(&c->v, EINVAL);
	if (!find->nr || find->nr > UVMEM_FIND_MAX || !find->states ||
	    find->states & ~(((1u << UVMEM_PAGE_NR_STATES) - 1) & ~1u))
		may_fail(&c->v, EINVAL);
	if (!good)
		may_fail(&c->v, EFAULT);
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_limits(struct context *c, void *arg)
{
	const u64 values[] = { 0, 0, 1, 100, 100, 1000, 100000, ~0ull };
	struct uvmem_limits *limits = arg;
	struct rng *rng = &c->f->rng;
	u64 max, high;

	limits->min = rng_pick(rng, values);
	limits->low = rng_one_in(rng, 2) ? limits->min : rng_pick(rng, values);
	limits->high = rng_one_in(rng, 2) ? 0 : rng_pick(rng, values);
	limits->max = rng_one_in(rng, 2) ? 0 : rng_pick(rng, values);
	max = limits->max ?: ~0ull;
	high = limits->high ?: max;
	if (limits->min > limits->low || limits->low > high || high > max)
		may_fail(&c->v, EINVAL);
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

static void fill_stall_trigger(struct context *c, void *arg)
{
	const u64 values[] = {
		0, 0, 0, 1, 100, 9999, UVMEM_STALL_WINDOW_MIN_US, 1000000, 1000000,
		UVMEM_STALL_WINDOW_MAX_US, UVMEM_STALL_WINDOW_MAX_US + 1, 1ull << 63, ~0ull,
	};
	struct uvmem_stall_trigger *trigger = arg;
	struct rng *rng = &c->f->rng;

	trigger->kind = rng_one_in(rng, 8) ? rng_next(rng) : rng_below(rng, UVMEM_STALL_NR_KINDS);
	trigger->threshold_us = rng_pick(rng, values);
	trigger->window_us = rng_pick(rng, values);
	if (trigger->kind >= UVMEM_STALL_NR_KINDS || !trigger->threshold_us != !trigger->window_us ||
	    trigger->threshold_us > trigger->window_us ||
	    (trigger->window_us && trigger->window_us < UVMEM_STALL_WINDOW_MIN_US) ||
	    trigger->window_us > UVMEM_STALL_WINDOW_MAX_US)
		may_fail(&c->v, EINVAL);
	if (c->nobody)
		may_fail(&c->v, EPERM);
}

/* Nothing that is there on input is of any concern. */
static void fill_get_limits(struct context *c, void *arg)
{
	memset(arg + offsetof(struct uvmem_limits, min), rng_next(&c->f->rng),
	       offsetof(struct uvmem_limits, reserved) - offsetof(struct uvmem_limits, min));
}

#define FIELD(type, field)	offsetof(struct type, field)
static const struct call calls[] = {
	{ "GET_INFO", UVMEM_GET_INFO, UVMEM_INFO_SIZE_VER0,
	  0, FIELD(uvmem_info, reserved), false, fill_nothing },
	{ "GET_POOL", UVMEM_GET_POOL, UVMEM_POOL_SIZE_VER0,
	  FIELD(uvmem_pool, pad), FIELD(uvmem_pool, reserved), false, fill_nothing },
	{ "SET_POOL_LIMIT", UVMEM_SET_POOL_LIMIT, UVMEM_POOL_LIMIT_SIZE_VER0,
	  FIELD(uvmem_pool_limit, pad), FIELD(uvmem_pool_limit, reserved), false, fill_limit },
	{ "SET_SEALED_POOL", UVMEM_SET_SEALED_POOL, UVMEM_SEALED_POOL_SIZE_VER0,
	  FIELD(uvmem_sealed_pool, pad), FIELD(uvmem_sealed_pool, reserved), false,
	  fill_sealed_pool },
	{ "ARM", UVMEM_ARM, UVMEM_ARM_SIZE_VER0,
	  0, FIELD(uvmem_arm, reserved), false, fill_arm },
	{ "LIST_VMS", UVMEM_LIST_VMS, UVMEM_VM_LIST_SIZE_VER0,
	  0, FIELD(uvmem_vm_list, reserved), false, fill_list },
	{ "OPEN_VM", UVMEM_OPEN_VM, UVMEM_OPEN_VM_SIZE_VER0,
	  FIELD(uvmem_open_vm, pad), FIELD(uvmem_open_vm, reserved), false, fill_open },
	{ "VM_GET_INFO", UVMEM_VM_GET_INFO, UVMEM_VM_INFO_SIZE_VER0,
	  0, FIELD(uvmem_vm_info, reserved), true, fill_nothing },
	{ "VM_PAGE_OUT", UVMEM_VM_PAGE_OUT, UVMEM_RANGE_SIZE_VER0,
	  FIELD(uvmem_range, pad), FIELD(uvmem_range, reserved), true, fill_out },
	{ "VM_PAGE_IN", UVMEM_VM_PAGE_IN, UVMEM_RANGE_SIZE_VER0,
	  FIELD(uvmem_range, pad), FIELD(uvmem_range, reserved), true, fill_in },
	{ "VM_GET_STATES", UVMEM_VM_GET_STATES, UVMEM_STATES_SIZE_VER0,
	  FIELD(uvmem_states, pad), FIELD(uvmem_states, reserved), true, fill_states },
	{ "VM_AGE", UVMEM_VM_AGE, UVMEM_AGE_SIZE_VER0,
	  FIELD(uvmem_age, flags), FIELD(uvmem_age, reserved), true, fill_age },
	{ "VM_RECLAIM", UVMEM_VM_RECLAIM, UVMEM_RECLAIM_SIZE_VER0,
	  FIELD(uvmem_reclaim, pad), FIELD(uvmem_reclaim, reserved), true, fill_reclaim },
	{ "VM_SET_LIMITS", UVMEM_VM_SET_LIMITS, UVMEM_LIMITS_SIZE_VER0,
	  FIELD(uvmem_limits, pad), FIELD(uvmem_limits, reserved), true, fill_limits },
	{ "VM_FIND", UVMEM_VM_FIND, UVMEM_FIND_SIZE_VER0,
	  FIELD(uvmem_find, pad), FIELD(uvmem_find, reserved), true, fill_find },
	{ "VM_GET_LIMITS", UVMEM_VM_GET_LIMITS, UVMEM_LIMITS_SIZE_VER0,
	  FIELD(uvmem_limits, pad), FIELD(uvmem_limits, reserved), true, fill_get_limits },
	{ "VM_SET_STALL_TRIGGER", UVMEM_VM_SET_STALL_TRIGGER, UVMEM_STALL_TRIGGER_SIZE_VER0,
	  0, FIELD(uvmem_stall_trigger, reserved), true, fill_stall_trigger },
};
#undef FIELD

const struct call *draw_call(struct rng *rng)
{
	return &rng_pick(rng, calls);
}

/* Sizes that every structure knows how to take or refuse. */
static u32 draw_size(struct fuzz *f, const struct call *call)
{
	const u32 odd[] = {
		0, 1, 4, call->size - 1, call->size - 8, call->size + 1, call->size + 8,
		ARG_MAX_SIZE, ARG_MAX_SIZE + 1, 1u << 31, ~0u,
	};

	return rng_one_in(&f->rng, 3) ? rng_pick(&f->rng, odd) : call->size;
}

void *make_argument(struct context *c, const struct call *call)
{
	struct rng *rng = &c->f->rng;
	u32 size = draw_size(c->f, call), known = _IOC_SIZE(call->cmd);
	u64 there = min(max(size, call->size), (u32)(2 * ARG_MAX_SIZE)), cut;
	u8 *arg;

	/* At the very end of what is mapped. */
	memset(arena, 0, 2 * PAGE_SIZE);
	arg = arena + 2 * PAGE_SIZE - there;
	call->fill(c, arg);
	*(u32 *)arg = size;
	c->size = size;

	/* Past what this version of the structure has. */
	if (size > known && size <= ARG_MAX_SIZE && rng_one_in(rng, 2)) {
		arg[rng_range(rng, known, size - 1)] = 1 + rng_below(rng, 255);
		may_fail(&c->v, E2BIG);
	}
	if (rng_one_in(rng, 12)) {
		/* The last field of them all. */
		arg[rng_range(rng, call->reserved, call->size - 1)] = 1 + rng_below(rng, 255);
		may_fail(&c->v, EINVAL);
	}
	if (call->pad && rng_one_in(rng, 12)) {
		*(u32 *)(arg + call->pad) = 1u << rng_below(rng, 32);
		may_fail(&c->v, EINVAL);
	}
	if (rng_one_in(rng, 12)) {
		/* A part of it, or all, lies where nothing is. */
		cut = rng_range(rng, 1, size ? min_t(u64, there, size) : 1);
		memmove(arg + cut, arg, there - cut);
		arg += cut;
		may_fail(&c->v, EFAULT);
	}
	if (size < call->size)
		may_fail(&c->v, EINVAL);
	if (size > ARG_MAX_SIZE)
		may_fail(&c->v, E2BIG);
	return arg;
}
