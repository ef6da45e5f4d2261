// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c - what becomes of a VM's pages, and that it adds up: see vm.h
 */
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "vm.h"

static const char * const state_names[UVMEM_PAGE_NR_STATES] = {
	[UVMEM_PAGE_NONE] = "NONE",
	[UVMEM_PAGE_NORMAL] = "NORMAL",
	[UVMEM_PAGE_SHARED] = "SHARED",
	[UVMEM_PAGE_ABSENT] = "ABSENT",
	[UVMEM_PAGE_IN] = "IN",
	[UVMEM_PAGE_OUT] = "OUT",
	[UVMEM_PAGE_ZERO] = "ZERO",
	[UVMEM_PAGE_LOST] = "LOST",
	[UVMEM_PAGE_POOL] = "POOL",
};
_Static_assert(ARRAY_SIZE(state_names) == UVMEM_PAGE_NR_STATES, "a name for each state");

const char *uvm_state_name(enum uvmem_page_state state)
{
	return state < UVMEM_PAGE_NR_STATES ? state_names[state] : "?";
}

void uvm_info(struct uvm *uvm, struct uvmem_vm_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_INFO, info),
		    "UVMEM_VM_GET_INFO: %s", strerror(errno));
}

enum uvmem_vm_state uvm_vm_state(struct uvm *uvm)
{
	struct uvmem_vm_info info;

	uvm_info(uvm, &info);
	return info.state;
}

void uvm_states(struct uvm *uvm, u64 gpa, u64 nr_pages, u8 *states)
{
	struct uvmem_states arg = {
		.size = sizeof(arg),
		.gfn = gpa_to_gfn(gpa),
		.nr_pages = nr_pages,
		.states = (u64)states,
	};
	u64 i;

	if (!nr_pages)
		return;
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg),
		    "UVMEM_VM_GET_STATES: %s", strerror(errno));
	for (i = 0; i < nr_pages; i++) {
		states[i] &= ~UVMEM_STATE_IN_TRANSIT;
		TEST_ASSERT(states[i] < UVMEM_PAGE_NR_STATES, "gfn 0x%lx: state %u",
			    gpa_to_gfn(gpa) + i, states[i]);
	}
}

enum uvmem_page_state uvm_state(struct uvm *uvm, u64 gpa)
{
	u8 state;

	uvm_states(uvm, gpa, 1, &state);
	return state;
}

u64 uvm_count(struct uvm *uvm, u64 gpa, u64 nr_pages, enum uvmem_page_state state)
{
	u8 *states = malloc(nr_pages + 1);
	u64 i, count = 0;

	TEST_ASSERT(states, "no memory");
	uvm_states(uvm, gpa, nr_pages, states);
	for (i = 0; i < nr_pages; i++)
		count += states[i] == state;
	free(states);
	return count;
}

void __uvm_assert_state(struct uvm *uvm, u64 gpa, u64 nr_pages,
			enum uvmem_page_state state, const char *file, int line)
{
	u8 *states = malloc(nr_pages + 1);
	u64 i;

	TEST_ASSERT(states, "no memory");
	uvm_states(uvm, gpa, nr_pages, states);
	for (i = 0; i < nr_pages; i++)
		TEST_ASSERT(states[i] == state,
			    "%s:%d: gpa 0x%lx (page %lu of %lu) is %s, not %s",
			    file, line, (u64)(gpa + i * PAGE_SIZE), i, nr_pages,
			    uvm_state_name(states[i]), uvm_state_name(state));
	free(states);
}

/* What GET_STATES lists of the slots; returns how many pages. Detached ones have no slot. */
static u64 list_states(struct uvm *uvm, u64 listed[UVMEM_PAGE_NR_STATES])
{
	struct userspace_mem_region *region;
	u64 seen = 0, i;
	u8 *states;
	int bkt;

	memset(listed, 0, UVMEM_PAGE_NR_STATES * sizeof(*listed));
	hash_for_each(uvm->vm->regions.slot_hash, bkt, region, slot_node) {
		u64 nr = region->region.memory_size >> PAGE_SHIFT;

		states = malloc(nr);
		TEST_ASSERT(states, "no memory");
		uvm_states(uvm, region->region.guest_phys_addr, nr, states);
		for (i = 0; i < nr; i++)
			listed[states[i]]++;
		seen += nr;
		free(states);
	}
	return seen;
}

/* Is no page between two states, its handle still there or its count not yet changed? */
static bool agrees(const struct uvm *uvm, const struct uvmem_vm_info *info,
		   const struct uvmem_pool *pool, const u64 *listed)
{
	u64 handles = info->pages[UVMEM_PAGE_IN] + info->pages[UVMEM_PAGE_ZERO] +
		      info->pages[UVMEM_PAGE_POOL];

	if (!info->detached_pages &&
	    memcmp(listed, info->pages, UVMEM_PAGE_NR_STATES * sizeof(*listed)))
		return false;
	return uvm->shares_pool || pool->handles_used - uvm->before.handles_used == handles;
}

void __uvm_assert_sums(struct uvm *uvm, const char *file, int line)
{
	u64 listed[UVMEM_PAGE_NR_STATES];
	struct uvmem_vm_info info, again;
	struct uvmem_pool pool;
	u64 sum = 0, seen, i;

	/*
	 * Frames of pages that the host dropped are freed by a worker, another one writes out
	 * of the sealed pool, and khugepaged touches pages whenever it likes: figures of one
	 * moment are wanted.
	 */
	for (i = 0; i < 200; i++) {
		uvm_info(uvm, &info);
		pool = uvmem_get_pool();
		seen = list_states(uvm, listed);
		uvm_info(uvm, &again);
		if (info.frames == info.pages[UVMEM_PAGE_IN] &&
		    !memcmp(&info, &again, sizeof(info)) &&
		    agrees(uvm, &info, &pool, listed))
			break;
		usleep(10000);
	}
	for (i = 0; i < ARRAY_SIZE(info.pages); i++)
		sum += info.pages[i];
#define ASSERT_SUM(a, b)							\
	TEST_ASSERT((a) == (b), "%s:%d: " #a " is %lu, " #b " is %lu",	\
		    file, line, (u64)(a), (u64)(b))
	ASSERT_SUM(info.pages[UVMEM_PAGE_NONE], 0ull);
	ASSERT_SUM(sum, info.registered_pages + info.detached_pages);
	ASSERT_SUM(info.frames, info.pages[UVMEM_PAGE_IN]);
	ASSERT_SUM(info.registered_pages, seen);
	if (!info.detached_pages)
		for (i = 0; i < UVMEM_PAGE_NR_STATES; i++)
			TEST_ASSERT(listed[i] == info.pages[i],
				    "%s:%d: %lu pages are %s, but %llu are counted",
				    file, line, listed[i], uvm_state_name(i), info.pages[i]);

	seen = uvm_stat(uvm, "no_gain_pages");
	TEST_ASSERT(seen <= info.pages[UVMEM_PAGE_IN],
		    "%s:%d: %lu pages stay for want of gain, but %llu are in", file, line, seen,
		    info.pages[UVMEM_PAGE_IN]);

	if (uvm->shares_pool)
		return;
	ASSERT_SUM(pool.frames_used - uvm->before.frames_used, info.frames);
	ASSERT_SUM(pool.seals - uvm->before.seals, info.pages[UVMEM_PAGE_OUT]);
	ASSERT_SUM(pool.handles_used - uvm->before.handles_used,
		   info.pages[UVMEM_PAGE_IN] + info.pages[UVMEM_PAGE_ZERO] +
		   info.pages[UVMEM_PAGE_POOL]);
	ASSERT_SUM(pool.sealed_pool_pages - uvm->before.sealed_pool_pages,
		   info.pages[UVMEM_PAGE_POOL]);
	ASSERT_SUM(pool.sealed_pool_bytes - uvm->before.sealed_pool_bytes,
		   info.sealed_pool_bytes);
	TEST_ASSERT(pool.sealed_pool_used >= pool.sealed_pool_bytes,
		    "%s:%d: %llu bytes of blobs in %llu", file, line, pool.sealed_pool_bytes,
		    pool.sealed_pool_used);
	TEST_ASSERT(pool.handles_total >= pool.handles_used, "%s:%d: %llu of %llu handles",
		    file, line, pool.handles_used, pool.handles_total);
#undef ASSERT_SUM
}

int __uvm_move(struct uvm *uvm, unsigned long cmd, u64 gpa, u64 nr_pages,
	       u64 flags, struct uvmem_range *ret_range)
{
	struct uvmem_range range = {
		.size = sizeof(range),
		.gfn = gpa_to_gfn(gpa),
		.nr_pages = nr_pages,
		.flags = flags,
	};
	u64 sum, i;

	if (ioctl(uvm->fd, cmd, &range))
		return -errno;
	sum = range.moved;
	for (i = 0; i < UVMEM_NR_REASONS; i++)
		sum += range.skipped[i];
	TEST_ASSERT(range.done <= nr_pages && sum == range.done,
		    "of %lu pages %llu are done, but %lu are accounted for",
		    nr_pages, range.done, sum);
	if (ret_range)
		*ret_range = range;
	return 0;
}

static u64 move_range(struct uvm *uvm, unsigned long cmd, u64 gpa, u64 nr_pages, u64 flags)
{
	struct uvmem_range range;
	u64 moved = 0;
	int ret;

	while (nr_pages) {
		ret = __uvm_move(uvm, cmd, gpa, nr_pages, flags, &range);
		if (ret == -EINTR)
			continue;
		TEST_ASSERT(!ret, "page-%s of 0x%lx, %lu pages: %s",
			    cmd == UVMEM_VM_PAGE_OUT ? "out" : "in", gpa, nr_pages,
			    strerror(-ret));
		TEST_ASSERT(range.done, "no page was done");
		moved += range.moved;
		gpa += range.done * PAGE_SIZE;
		nr_pages -= range.done;
	}
	return moved;
}

u64 uvm_page_out(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	return move_range(uvm, UVMEM_VM_PAGE_OUT, gpa, nr_pages, UVMEM_RANGE_IGNORE_AGE);
}

u64 uvm_page_in(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	return move_range(uvm, UVMEM_VM_PAGE_IN, gpa, nr_pages, 0);
}

/* All of the range by @move, which takes it from state @from to @to. */
static void move_all(struct uvm *uvm, u64 gpa, u64 nr_pages,
		     u64 (*move)(struct uvm *uvm, u64 gpa, u64 nr_pages),
		     enum uvmem_page_state from, enum uvmem_page_state to)
{
	u64 moved = 0;
	int i;

	uvm_assert_state(uvm, gpa, nr_pages, from);
	/* Somebody may hold a page for a moment, e.g. a per-CPU batch of the LRU. */
	for (i = 0; i < 50 && moved < nr_pages; i++) {
		if (i)
			usleep(10000);
		moved += move(uvm, gpa, nr_pages);
	}
	TEST_ASSERT_EQ(moved, nr_pages);
	uvm_assert_state(uvm, gpa, nr_pages, to);
}

void uvm_page_out_all(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	move_all(uvm, gpa, nr_pages, uvm_page_out, UVMEM_PAGE_IN, UVMEM_PAGE_OUT);
}

void uvm_page_in_all(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	move_all(uvm, gpa, nr_pages, uvm_page_in, UVMEM_PAGE_OUT, UVMEM_PAGE_IN);
}

void uvm_age(struct uvm *uvm, u64 max_scan, struct uvmem_age *ret_age)
{
	*ret_age = (struct uvmem_age){ .size = sizeof(*ret_age), .max_scan = max_scan };
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_AGE, ret_age), "UVMEM_VM_AGE: %s", strerror(errno));
}

static int reclaim_by(struct uvm *uvm, u32 flags, u64 nr_pages, u32 min_idle,
		      struct uvmem_reclaim *ret_reclaim)
{
	struct uvmem_reclaim reclaim = {
		.size = sizeof(reclaim), .nr_pages = nr_pages, .min_idle = min_idle,
		.flags = flags,
	};

	if (ioctl(uvm->fd, UVMEM_VM_RECLAIM, &reclaim))
		return -errno;
	if (ret_reclaim)
		*ret_reclaim = reclaim;
	return 0;
}

int uvm_reclaim(struct uvm *uvm, u64 nr_pages, u32 min_idle, struct uvmem_reclaim *ret_reclaim)
{
	return reclaim_by(uvm, 0, nr_pages, min_idle, ret_reclaim);
}

int uvm_reclaim_no_ciphertext(struct uvm *uvm, u64 nr_pages, u32 min_idle,
			      struct uvmem_reclaim *ret_reclaim)
{
	struct uvmem_reclaim reclaim = {};
	int ret = reclaim_by(uvm, UVMEM_RECLAIM_NO_CIPHERTEXT, nr_pages, min_idle, &reclaim);

	TEST_ASSERT(reclaim.moved == reclaim.zero + reclaim.pooled,
		    "%llu pages went, of these %llu same-filled, %llu to the sealed pool",
		    reclaim.moved, reclaim.zero, reclaim.pooled);
	TEST_ASSERT(reclaim.moved + reclaim.skipped[UVMEM_REASON_NO_GAIN] <= nr_pages,
		    "%llu pages went and %llu were tried, of %lu", reclaim.moved,
		    reclaim.skipped[UVMEM_REASON_NO_GAIN], nr_pages);
	if (!ret && ret_reclaim)
		*ret_reclaim = reclaim;
	return ret;
}

int uvm_set_limits(struct uvm *uvm, u64 min, u64 low, u64 high, u64 max)
{
	struct uvmem_limits limits = {
		.size = sizeof(limits), .min = min, .low = low, .high = high, .max = max,
	};

	return ioctl(uvm->fd, UVMEM_VM_SET_LIMITS, &limits) ? -errno : 0;
}

u64 uvm_stat_range(struct uvm *uvm, const char *name, int first, int last)
{
	struct kvm_binary_stats stats = {};
	u64 *data, sum = 0;
	int i, j;

	stats.fd = ioctl(uvm->fd, UVMEM_VM_GET_STATS_FD, 0);
	TEST_ASSERT(stats.fd >= 0, "UVMEM_VM_GET_STATS_FD: %s", strerror(errno));
	read_stats_header(stats.fd, &stats.header);
	stats.desc = read_stats_descriptors(stats.fd, &stats.header);
	for (i = 0; i < stats.header.num_desc; i++) {
		struct kvm_stats_desc *desc = get_stats_descriptor(stats.desc, i, &stats.header);

		if (strcmp(desc->name, name))
			continue;
		data = calloc(desc->size, sizeof(*data));
		TEST_ASSERT(data, "no memory");
		read_stat_data(stats.fd, &stats.header, desc, data, desc->size);
		for (j = first; j < desc->size && j <= last; j++)
			sum += data[j];
		free(data);
		break;
	}
	TEST_ASSERT(i < stats.header.num_desc, "no statistic %s", name);
	free(stats.desc);
	close(stats.fd);
	return sum;
}

u64 uvm_stat(struct uvm *uvm, const char *name)
{
	return uvm_stat_range(uvm, name, 0, INT_MAX);
}
