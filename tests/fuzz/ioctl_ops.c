// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl_ops.c - ioctls of a VMM and of a process without privileges
 *
 * A call is drawn, with an argument that is mostly wrong (ioctl_args.c). It must then fail
 * with the error of one of its faults and write nothing, and else succeed.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ioctl_args.h"

#define NOBODY		65534

static bool allowed(const struct verdict *v, int error)
{
	int i;

	for (i = 0; i < v->nr; i++)
		if (v->errors[i] == error)
			return true;
	return !error && !v->nr;
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
	static u8 before[2 * ARG_MAX_SIZE];
	const struct call *call = draw_call(&c->f->rng);
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
	used = argument_room(arg);
	memcpy(before, arg, used);
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
		CHECK(!memcmp(before, arg, used), "a call that failed wrote something back");
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

	args_init();
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
