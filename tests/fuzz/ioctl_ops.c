// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl_ops.c - ioctls of a VMM and of a process without privileges
 *
 * For each call the uapi header says which argument is wrong in which way. A call
 * is drawn, its argument made valid and then, mostly, wrong in one way or two. It must
 * then fail with the error of one of them and write nothing, and else succeed.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fuzz.h"

#define NOBODY		65534
#define ARG_MAX_SIZE	4096ull		/* of an argument structure, by the header */

/* Errors that a call may fail with; none: it must succeed. */
struct verdict {
	int errors[12];
	int nr;
};

static void may_fail(struct verdict *v, int error)
{
	TEST_ASSERT(v->nr < ARRAY_SIZE(v->errors), "too many errors");
	v->errors[v->nr++] = error;
}

static bool allowed(const struct verdict *v, int error)
{
	int i;

	for (i = 0; i < v->nr; i++)
		if (v->errors[i] == error)
			return true;
	return !error && !v->nr;
}

/* An argument that ends where nothing is mapped. */
static struct {
	u8 *mem;		/* two pages, then one that is PROT_NONE */
	u8 before[2 * ARG_MAX_SIZE];
} arena;

static void arena_init(void)
{
	if (arena.mem)
		return;
	arena.mem = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(arena.mem != MAP_FAILED, "mmap: %s", strerror(errno));
	TEST_ASSERT(!mprotect(arena.mem + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), "mprotect");
}

/* Where a pointer of an argument leads, and whether that can be written. */
static void *any_pointer(struct fuzz *f, u64 size, bool *ret_good)
{
	static u8 room[65536 * 8];

	*ret_good = false;
	switch (rng_below(&f->rng, 10)) {
	case 0:
		return NULL;
	case 1:
		return (void *)1;
	case 2:
		return arena.mem + 2 * PAGE_SIZE;
	case 3:
		return (void *)0xffff888000000000ull;
	case 4:
		return (void *)(1ull << 63 | 1);
	default:
		*ret_good = size <= sizeof(room);
		return room;
	}
}

/* ---- the calls ---------------------------------------------------------------------- */

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

/* ---- one call -------------------------------------------------------------------------- */

/* Sizes that every structure knows how to take or refuse. */
static u32 draw_size(struct fuzz *f, const struct call *call)
{
	const u32 odd[] = {
		0, 1, 4, call->size - 1, call->size - 8, call->size + 1, call->size + 8,
		ARG_MAX_SIZE, ARG_MAX_SIZE + 1, 1u << 31, ~0u,
	};

	return rng_one_in(&f->rng, 3) ? rng_pick(&f->rng, odd) : call->size;
}

/*
 * Set the argument up; its size, its common fields and where it ends may be wrong. What
 * the kernel sees first hides the rest.
 */
static void *make_argument(struct context *c, const struct call *call)
{
	struct rng *rng = &c->f->rng;
	u32 size = draw_size(c->f, call), known = _IOC_SIZE(call->cmd);
	u64 there = min(max(size, call->size), (u32)(2 * ARG_MAX_SIZE)), cut;
	u8 *arg;

	/* At the very end of what is mapped. */
	memset(arena.mem, 0, 2 * PAGE_SIZE);
	arg = arena.mem + 2 * PAGE_SIZE - there;
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

/* Pages that are IN, if none moves meanwhile; only a worker could, and it moves them out. */
static u64 pages_in(struct fuzz *f)
{
	struct uvmem_vm_info info;

	uvm_info(f->uvm, &info);
	return info.pages[UVMEM_PAGE_IN];
}

/* Idle times are known at any time, and of all pages. Noise moves some under our hands. */
static void check_idle(struct fuzz *f)
{
	struct uvmem_age age;
	u64 before, sum = 0;
	int i;

	if (f->seed % 2)
		return;
	before = pages_in(f);
	uvm_age(f->uvm, 1, &age);
	for (i = 0; i < UVMEM_IDLE_BUCKETS; i++)
		sum += age.idle[i];
	CHECK(pages_in(f) != before || sum == before, "%lu pages by idle time, %lu are there",
	      sum, before);
}

static void check_age(struct context *c, const struct uvmem_age *age)
{
	/* Noise has pages come in under its hands. */
	CHECK(c->f->seed % 2 || !age->max_scan || age->scanned <= age->max_scan,
	      "%llu of %llu pages scanned", age->scanned, age->max_scan);
	CHECK(age->young <= age->scanned, "%llu of %llu pages young", age->young, age->scanned);
	check_idle(c->f);
}

static void check_reclaim(struct context *c, const struct uvmem_reclaim *reclaim)
{
	__u64 stay = reclaim->skipped[UVMEM_REASON_NO_GAIN];
	/* An older API's argument ends before it, maybe at the end of memory: not even to print. */
	bool tells_pooled = c->size >= offsetof(struct uvmem_reclaim, pooled) + sizeof(__u64);
	__u64 pooled = tells_pooled ? reclaim->pooled : 0;

	CHECK(reclaim->moved <= reclaim->nr_pages, "%llu of %llu pages reclaimed",
	      reclaim->moved, reclaim->nr_pages);
	CHECK(reclaim->zero <= reclaim->moved, "%llu of %llu pages same-filled", reclaim->zero,
	      reclaim->moved);
	if (reclaim->flags & UVMEM_RECLAIM_NO_CIPHERTEXT) {
		CHECK(reclaim->moved + stay <= reclaim->nr_pages,
		      "%llu pages reclaimed and %llu tried, of %llu", reclaim->moved, stay,
		      reclaim->nr_pages);
		CHECK(!tells_pooled || reclaim->moved == reclaim->zero + pooled,
		      "%llu pages reclaimed, %llu same-filled, %llu pooled", reclaim->moved,
		      reclaim->zero, pooled);
	} else {
		CHECK(!stay, "%llu pages stay for want of gain", stay);
	}
	CHECK(c->f->seed % 2 || uvm_stat(c->f->uvm, "no_gain_pages") <= pages_in(c->f),
	      "more pages stay than there are");
	check_idle(c->f);
}

/* Those that were set are those that there are; then there are none again. */
static void check_set_limits(struct context *c, const struct uvmem_limits *limits)
{
	struct uvmem_limits now = { .size = sizeof(now) };
	struct uvmem_vm_info info;

	CHECK(!ioctl(c->f->uvm->fd, UVMEM_VM_GET_LIMITS, &now), "%s", strerror(errno));
	CHECK(now.min == limits->min && now.low == limits->low && now.high == limits->high &&
	      now.max == limits->max, "limits %llu %llu %llu %llu are %llu %llu %llu %llu",
	      limits->min, limits->low, limits->high, limits->max, now.min, now.low, now.high,
	      now.max);
	/* All pages can go but those whose memslot is gone, or that noise holds. */
	uvm_info(c->f->uvm, &info);
	CHECK(c->f->seed % 2 || info.detached_pages || !limits->max || info.frames <= limits->max,
	      "%llu frames of at most %llu", info.frames, limits->max);
	TEST_ASSERT(!uvm_set_limits(c->f->uvm, 0, 0, 0, 0), "no limits");
}

/* What came out must be what the header promises. */
static void check_output(struct context *c, const struct call *call, const u8 *arg)
{
	u32 size = c->size, i;

	CHECK(*(u32 *)arg == size, "the size became %u", *(u32 *)arg);

	if (call->cmd == UVMEM_VM_PAGE_OUT || call->cmd == UVMEM_VM_PAGE_IN) {
		const struct uvmem_range *range = (const void *)arg;
		u64 sum = range->moved;

		for (i = 0; i < UVMEM_ROOM; i++)
			sum += range->skipped[i];
		CHECK(range->done <= range->nr_pages && sum == range->done,
		      "%llu of %llu pages done, %lu accounted for", range->done, range->nr_pages,
		      sum);
	}
	if (call->cmd == UVMEM_VM_AGE)
		check_age(c, (const void *)arg);
	if (call->cmd == UVMEM_VM_RECLAIM)
		check_reclaim(c, (const void *)arg);
	if (call->cmd == UVMEM_VM_SET_LIMITS)
		check_set_limits(c, (const void *)arg);
	if (!(call->cmd & IOC_OUT))
		return;
	/* What later versions of the API have is behind what the first one reserved. */
	for (i = call->reserved; i < size; i++)
		CHECK(!arg[i] || (i >= call->size && i < _IOC_SIZE(call->cmd)),
		      "byte %u of %u is 0x%x", i, size, arg[i]);
}

static void one_call(struct context *c)
{
	const struct call *call = &rng_pick(&c->f->rng, calls);
	bool wrong_file = rng_one_in(&c->f->rng, 12);
	unsigned long cmd = call->cmd;
	u64 used;
	u8 *arg;
	int ret, error;

	c->v.nr = 0;
	c->extra_fd = -1;
	arg = make_argument(c, call);
	c->fd = call->on_vm ? c->f->uvm->fd : uvmem_dev();
	if (wrong_file) {
		const int others[] = { call->on_vm ? uvmem_dev() : c->f->uvm->fd,
				       c->f->uvm->vm->fd, c->f->vcpu->fd, -1 };

		c->fd = rng_pick(&c->f->rng, others);
		/* Nobody looks at the argument then. */
		c->v.nr = 0;
		may_fail(&c->v, c->fd < 0 ? EBADF : ENOTTY);
		if (c->fd == c->f->vcpu->fd)
			may_fail(&c->v, EINVAL);
		/* KVM's are for the process that made them. */
		if (c->nobody)
			may_fail(&c->v, EIO);
	}
	/* The size in the number is of no account. */
	if (rng_one_in(&c->f->rng, 4) && c->fd != c->f->uvm->vm->fd && c->fd != c->f->vcpu->fd)
		cmd = (cmd & ~(unsigned long)IOCSIZE_MASK) |
			rng_below(&c->f->rng, IOCSIZE_MASK >> IOCSIZE_SHIFT) << IOCSIZE_SHIFT;

	note("%s%s, size %u, %d faults", c->nobody ? "nobody: " : "", call->name, c->size,
	     c->v.nr);
	used = arena.mem + 2 * PAGE_SIZE - arg;
	memcpy(arena.before, arg, used);
	ret = ioctl(c->fd, cmd, arg);
	error = ret < 0 ? errno : 0;
	if (!c->nobody)
		count_result(wrong_file ? "ioctl on another file" : call->name, -error);
	/* Where nothing is found nothing is written. */
	if (call->cmd == UVMEM_VM_FIND && !error && c->v.nr == 1 && c->v.errors[0] == EFAULT)
		c->v.nr = 0;
	CHECK(allowed(&c->v, error), "%s, expected %d (and %d others)", strerror(error),
	      c->v.nr ? c->v.errors[0] : 0, c->v.nr);
	if (!error)
		check_output(c, call, arg);
	else if (call->cmd != UVMEM_LIST_VMS)
		CHECK(!memcmp(arena.before, arg, used), "a call that failed wrote something back");
	if (call->cmd == UVMEM_SET_POOL_LIMIT && !error)
		uvmem_set_pool_limit(c->old_limit);
	if (call->cmd == UVMEM_SET_SEALED_POOL && !error)
		uvmem_set_sealed_pool(c->old_sealed_pool);
	if (ret > 0 && !error)
		close(ret);
	if (c->extra_fd >= 0)
		close(c->extra_fd);
}

static void unknown_call(struct context *c)
{
	struct rng *rng = &c->f->rng;
	/* The header's go up to 0x07 and from 0x10 to 0x1a. */
	u32 nr = rng_one_in(rng, 2) ? rng_range(rng, 0x08, 0x0f) : rng_range(rng, 0x1b, 0xff);
	u32 cmd = _IOC(rng_below(rng, 4), UVMEM_IOC, nr, rng_below(rng, 1 << 14));
	int fd = rng_one_in(rng, 2) ? c->f->uvm->fd : uvmem_dev();
	bool good;

	note("unknown ioctl 0x%x", cmd);
	CHECK(ioctl(fd, cmd, any_pointer(c->f, 0, &good)) < 0 && errno == ENOTTY, "%s",
	      strerror(errno));
	if (!c->nobody)
		count_result("unknown ioctl", -ENOTTY);
}

/* Statistics have a file of their own, read at any place. */
static void stats_file(struct context *c)
{
	struct rng *rng = &c->f->rng;
	int fd = ioctl(c->f->uvm->fd, UVMEM_VM_GET_STATS_FD, rng_next(rng)), i;
	static u8 data[8192];
	struct stat st;
	bool good;

	note("the file of statistics");
	CHECK(fd >= 0, "%s", strerror(errno));
	for (i = 0; i < 6; i++) {
		off_t off = rng_one_in(rng, 3) ? (off_t)rng_next(rng) : (off_t)rng_below(rng, 8192);
		ssize_t n = pread(fd, data, rng_below(rng, sizeof(data)), off);

		CHECK(n >= 0 || errno == EINVAL, "pread at %ld: %s", off, strerror(errno));
		pread(fd, any_pointer(c->f, 0, &good), 64, off & 0xfff);
		CHECK(write(fd, data, 8) < 0, "the statistics can be written");
		lseek(fd, off, rng_below(rng, 5));
	}
	CHECK(!fstat(fd, &st), "%s", strerror(errno));
	close(fd);
	if (!c->nobody)
		count_result("VM_GET_STATS_FD", 0);
}

static void some_calls(struct fuzz *f, bool nobody, int nr)
{
	struct context c = { .f = f, .nobody = nobody };

	arena_init();
	c.old_limit = uvmem_get_pool().frames_limit;
	c.old_sealed_pool = uvmem_get_pool().sealed_pool_limit;
	/* So that it is put back even if the run fails. */
	if (!nobody)
		uvmem_set_sealed_pool(c.old_sealed_pool);
	for (; nr; nr--) {
		if (rng_one_in(&f->rng, 16))
			stats_file(&c);
		else if (rng_one_in(&f->rng, 16))
			unknown_call(&c);
		else
			one_call(&c);
	}
}

void op_ioctl(struct fuzz *f)
{
	some_calls(f, false, 8);
}

/* ---- without privileges --------------------------------------------------------------- */

/* What is documented as allowed succeeds, nothing else does. */
static void be_nobody(struct fuzz *f)
{
	struct pollfd pfd = { .events = POLLIN };
	struct uvmem_event event;

	/* Opened while this was root; nobody has read from it. */
	pfd.fd = uvmem_dev();
	TEST_ASSERT(!setgid(NOBODY) && !setuid(NOBODY), "setuid: %s", strerror(errno));
	note("nobody opens the device");
	CHECK(open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES, "%s",
	      strerror(errno));
	note("nobody reads events");
	CHECK(read(pfd.fd, &event, sizeof(event)) < 0 && errno == EPERM, "%s", strerror(errno));
	CHECK(poll(&pfd, 1, 0) == 1 && pfd.revents == POLLERR, "poll says 0x%x", pfd.revents);
	some_calls(f, true, 24);
}

void op_nobody(struct fuzz *f)
{
	int status;
	pid_t pid;

	note("a process without privileges");
	noise_pause();
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		be_nobody(f);
		_exit(0);
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	noise_resume();
	CHECK(!status, "status 0x%x", status);
	count_result("nobody", 0);
}
