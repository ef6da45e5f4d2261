// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kernel.c - the real /dev/kvm-uvmem
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"
#include "kernel.h"

/* ENOTTY is what a module says that was built before the call was. */
static int call(int fd, unsigned long number, void *arg)
{
	int ret = ioctl(fd, number, arg);

	if (ret >= 0)
		return ret;
	return errno == ENOTTY ? -EOPNOTSUPP : -errno;
}

static int device_info(struct kernel *k, struct uvmem_info *ret)
{
	struct uvmem_info info = { .size = sizeof(info) };
	int err = call(k->fd, UVMEM_GET_INFO, &info);

	if (!err)
		*ret = info;
	return err;
}

static int device_pool(struct kernel *k, struct uvmem_pool *ret)
{
	struct uvmem_pool pool = { .size = sizeof(pool) };
	int err = call(k->fd, UVMEM_GET_POOL, &pool);

	if (!err)
		*ret = pool;
	return err;
}

/* VMs come and go between the question for their number and that for their ids. */
static int device_list(struct kernel *k, uint64_t **ret_ids, unsigned int *ret_nr)
{
	unsigned int room = 64, tries;

	for (tries = 0; tries < 8; tries++) {
		cleanup_free uint64_t *ids = calloc(room, sizeof(*ids));
		struct uvmem_vm_list list = {
			.size = sizeof(list), .nr = room, .ids = (uintptr_t)ids,
		};
		int err;

		if (!ids)
			return -ENOMEM;
		err = call(k->fd, UVMEM_LIST_VMS, &list);
		if (!err) {
			*ret_ids = ids;
			*ret_nr = list.nr;
			ids = NULL;
			return 0;
		}
		if (err != -ENOSPC)
			return err;
		room = list.nr + 16;
	}
	return -EBUSY;
}

static int device_open_vm(struct kernel *k, uint64_t id)
{
	struct uvmem_open_vm args = { .size = sizeof(args), .id = id };

	return call(k->fd, UVMEM_OPEN_VM, &args);
}

static int device_vm_info(struct kernel *k, int vm, struct uvmem_vm_info *ret)
{
	struct uvmem_vm_info info = { .size = sizeof(info) };
	int err;

	(void)k;
	err = call(vm, UVMEM_VM_GET_INFO, &info);
	if (!err)
		*ret = info;
	return err;
}

#ifdef UVMEM_VM_AGE
static int device_age(struct kernel *k, int vm, uint64_t max_scan, struct kernel_age *ret)
{
	struct uvmem_age age = { .size = sizeof(age), .max_scan = max_scan };
	int err;

	_Static_assert(KERNEL_IDLE_BUCKETS == UVMEM_IDLE_BUCKETS, "as many as the module has");
	_Static_assert(KERNEL_CAP_AGING == UVMEM_CAP_AGING, "the same bit");
	(void)k;
	err = call(vm, UVMEM_VM_AGE, &age);
	if (err)
		return err;
	ret->scanned = age.scanned;
	ret->young = age.young;
	ret->generation = age.generation;
	memcpy(ret->idle, age.idle, sizeof(ret->idle));
	return 0;
}

static int device_reclaim(struct kernel *k, int vm, uint64_t nr_pages, uint32_t min_idle,
			  bool no_ciphertext, struct kernel_reclaim *ret)
{
	struct uvmem_reclaim reclaim = {
		.size = sizeof(reclaim), .nr_pages = nr_pages, .min_idle = min_idle,
		.flags = no_ciphertext ? UVMEM_RECLAIM_NO_CIPHERTEXT : 0,
	};
	int err;

	_Static_assert(KERNEL_CAP_NO_CIPHERTEXT == UVMEM_CAP_NO_CIPHERTEXT, "the same bit");
	(void)k;
	err = call(vm, UVMEM_VM_RECLAIM, &reclaim);
	if (err)
		return err;
	ret->scanned = reclaim.scanned;
	ret->moved = reclaim.moved;
	ret->zero = reclaim.zero;
	memcpy(ret->skipped, reclaim.skipped, sizeof(ret->skipped));
	return 0;
}
#else
static int device_age(struct kernel *k, int vm, uint64_t max_scan, struct kernel_age *ret)
{
	(void)k, (void)vm, (void)max_scan, (void)ret;
	return -EOPNOTSUPP;
}

static int device_reclaim(struct kernel *k, int vm, uint64_t nr_pages, uint32_t min_idle,
			  bool no_ciphertext, struct kernel_reclaim *ret)
{
	(void)k, (void)vm, (void)nr_pages, (void)min_idle, (void)no_ciphertext, (void)ret;
	return -EOPNOTSUPP;
}
#endif

#ifdef UVMEM_VM_SET_LIMITS
/* In the ABI 0 is no limit, and min <= low <= high <= max holds of what is not 0. */
static int device_set_limits(struct kernel *k, int vm, const struct kernel_limits *limits)
{
	struct uvmem_limits args = {
		.size = sizeof(args),
		.min = limits->min,
		.low = limits->low,
		.high = limits->high == KERNEL_NO_LIMIT ? 0 : limits->high,
		.max = limits->max == KERNEL_NO_LIMIT ? 0 : limits->max,
	};

	_Static_assert(KERNEL_CAP_LIMITS == UVMEM_CAP_LIMITS, "the same bit");
	(void)k;
	return call(vm, UVMEM_VM_SET_LIMITS, &args);
}
#else
static int device_set_limits(struct kernel *k, int vm, const struct kernel_limits *limits)
{
	(void)k, (void)vm, (void)limits;
	return -EOPNOTSUPP;
}
#endif

static int device_range(struct kernel *k, int vm, bool in, uint64_t gfn, uint64_t nr_pages,
			uint64_t *ret_moved)
{
	struct uvmem_range range = { .size = sizeof(range), .gfn = gfn, .nr_pages = nr_pages };
	int err;

	(void)k;
	err = call(vm, in ? UVMEM_VM_PAGE_IN : UVMEM_VM_PAGE_OUT, &range);
	if (!err)
		*ret_moved = range.moved;
	return err;
}

static int device_find(struct kernel *k, int vm, struct uvmem_find *find)
{
	_Static_assert(KERNEL_CAP_FIND == UVMEM_CAP_FIND, "the same bit");
	(void)k;
	find->size = sizeof(*find);
	return call(vm, UVMEM_VM_FIND, find);
}

static int device_set_pool_limit(struct kernel *k, uint64_t frames)
{
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = frames };

	return call(k->fd, UVMEM_SET_POOL_LIMIT, &limit);
}

static int device_set_sealed_pool(struct kernel *k, uint64_t bytes)
{
	struct uvmem_sealed_pool args = { .size = sizeof(args), .limit = bytes };

	return call(k->fd, UVMEM_SET_SEALED_POOL, &args);
}

static int device_stats(struct kernel *k, int vm, struct kernel_stats **stats)
{
	struct kernel_stats *new;
	int err;

	(void)k;
	if (*stats)
		return stats_snapshot((*stats)->reader, (*stats)->fd);
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = call(vm, UVMEM_VM_GET_STATS_FD, NULL);
	err = new->fd < 0 ? new->fd : stats_new(new->fd, &new->reader);
	if (err) {
		kernel_stats_free(new);
		return err;
	}
	*stats = new;
	return 0;
}

void kernel_stats_free(struct kernel_stats *stats)
{
	if (!stats)
		return;
	if (stats->fd >= 0)
		close(stats->fd);
	stats_free(stats->reader);
	free(stats);
}

static int device_read_event(struct kernel *k, struct uvmem_event *ret)
{
	struct uvmem_event event;
	ssize_t n = read(k->fd, &event, sizeof(event));

	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(event))
		return -EBADMSG;
	*ret = event;
	return 0;
}

static void device_close_vm(struct kernel *k, int vm)
{
	(void)k;
	close(vm);
}

static void device_close(struct kernel *k)
{
	close(k->fd);
	free(k);
}

static const struct kernel_ops device_ops = {
	.info = device_info,
	.pool = device_pool,
	.list = device_list,
	.open_vm = device_open_vm,
	.vm_info = device_vm_info,
	.age = device_age,
	.reclaim = device_reclaim,
	.range = device_range,
	.find = device_find,
	.set_limits = device_set_limits,
	.set_pool_limit = device_set_pool_limit,
	.set_sealed_pool = device_set_sealed_pool,
	.stats = device_stats,
	.read_event = device_read_event,
	.close_vm = device_close_vm,
	.close = device_close,
};

int kernel_of(int fd, struct kernel **ret)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->ops = &device_ops;
	k->fd = fd;
	*ret = k;
	return 0;
}

int kernel_open(struct kernel **ret)
{
	cleanup_close int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = kernel_of(fd, ret);
	if (!err)
		fd = -1;
	return err;
}

const char *kernel_open_error(int err)
{
	switch (-err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "kvm-uvmem.ko is not loaded";
	case EACCES:
	case EPERM:
		return "not permitted: only root and members of the device's group may";
	default:
		return strerror(-err);
	}
}

const char *kernel_vm_state_name(unsigned int state)
{
	static const char *const names[] = { "normal", "init", "secure", "terminated" };

	_Static_assert(ARRAY_LEN(names) == UVMEM_VM_NR_STATES, "a name for each state");
	return state < ARRAY_LEN(names) ? names[state] : "?";
}

const char *kernel_stop_reason_name(unsigned int reason)
{
	static const char *const names[] = {
		"none", "integrity", "missing", "lost", "not-anon", "no-memory", "no-slot",
		"memory-error",
	};

	_Static_assert(ARRAY_LEN(names) == UVMEM_NR_STOP_REASONS, "a name for each reason");
	return reason < ARRAY_LEN(names) ? names[reason] : "?";
}
