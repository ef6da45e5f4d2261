// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim.c - idle pages, the sealed pool, limits
 */
#include "kselftest.h"

#include "fault.h"

#define POOL_BYTES	(16ull << 20)

/* Any pages that are reclaimed may go to the sealed pool; the guest's data compress. */
static void pages_for_pool(struct fault *f)
{
	pages_in(f);
	f->pool = true;
	uvmem_set_sealed_pool(POOL_BYTES);
}

static void pages_in_pool(struct fault *f)
{
	pages_for_pool(f);
	TEST_ASSERT_EQ(uvm_reclaim(f->uvm, ~0ull, 0, NULL), 0);
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_POOL), PAGES);
}

/* Done or not; the pages have what they had. */
static void check_kept(struct fault *f)
{
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "%s", strerror(-f->ret));
	verify(f, 0, PAGES);
}

static void do_age(struct fault *f)
{
	struct uvmem_age age = { .size = sizeof(age) };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_AGE, &age) ? -errno : 0;
	nth_end(f);
	TEST_ASSERT(f->ret || age.scanned, "no page was looked at");
}

static void reclaim_by(struct fault *f, u32 flags)
{
	struct uvmem_reclaim reclaim = {
		.size = sizeof(reclaim), .nr_pages = PAGES, .flags = flags,
	};

	uvm_info(f->uvm, &f->info);
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_RECLAIM, &reclaim) ? -errno : 0;
	nth_end(f);
	f->range.moved = reclaim.moved;
	f->stay = reclaim.skipped[UVMEM_REASON_NO_GAIN];
}

static void do_reclaim(struct fault *f)
{
	reclaim_by(f, 0);
}

static void do_reclaim_no_ciphertext(struct fault *f)
{
	reclaim_by(f, UVMEM_RECLAIM_NO_CIPHERTEXT);
}

/* Any pages of the VM, but as many as it says. */
static void check_reclaim(struct fault *f)
{
	struct uvmem_vm_info now;

	uvm_info(f->uvm, &now);
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "reclaim: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(f->info.pages[UVMEM_PAGE_IN] - now.pages[UVMEM_PAGE_IN],
		       f->ret ? 0 : f->range.moved);
	TEST_ASSERT(!f->left || f->range.moved + f->stay == PAGES,
		    "%llu pages were reclaimed, %lu not worth it", f->range.moved, f->stay);
	verify(f, 0, PAGES + NEIGHBOURS);
}

/* A page for which the pool found no memory stays. */
static void check_no_ciphertext(struct fault *f)
{
	struct uvmem_vm_info now;

	uvm_info(f->uvm, &now);
	TEST_ASSERT_EQ(now.pages[UVMEM_PAGE_OUT], f->info.pages[UVMEM_PAGE_OUT]);
	check_reclaim(f);
}

static void do_set_limits(struct fault *f)
{
	uvm_info(f->uvm, &f->info);
	nth_begin(f);
	f->ret = uvm_set_limits(f->uvm, 1, 2, 3, f->info.frames - PAGES);
}

/* A limit is one as soon as it is set; that pages could not go at once does not undo it. */
static void check_limits(struct fault *f)
{
	struct uvmem_limits limits = { .size = sizeof(limits) };
	u64 max = f->info.frames - PAGES;

	TEST_ASSERT_EQ(f->ret, 0);
	TEST_ASSERT(!ioctl(f->uvm->fd, UVMEM_VM_GET_LIMITS, &limits), "%s", strerror(errno));
	TEST_ASSERT_EQ(limits.max, max);
	uvm_info(f->uvm, &f->info);
	TEST_ASSERT(f->info.frames <= max, "%llu frames, %lu are allowed", f->info.frames, max);
	verify(f, 0, PAGES + NEIGHBOURS);
	TEST_ASSERT_EQ(uvm_set_limits(f->uvm, 0, 0, 0, 0), 0);
}

static void do_get_limits(struct fault *f)
{
	struct uvmem_limits limits = { .size = sizeof(limits) };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_LIMITS, &limits) ? -errno : 0;
}

const struct fault_op reclaim_ops[] = {
	{ "UVMEM_VM_RECLAIM", pages_in, do_reclaim, check_reclaim, .least = PAGES },
	{ "UVMEM_VM_RECLAIM to the sealed pool", pages_for_pool, do_reclaim, check_reclaim,
	  .least = PAGES },
	{ "UVMEM_RECLAIM_NO_CIPHERTEXT", pages_for_pool, do_reclaim_no_ciphertext,
	  check_no_ciphertext, .least = PAGES },
	{ "guest fault on the sealed pool", pages_in_pool, do_guest_fault, check_fault,
	  .least = 1 },
	{ "UVMEM_VM_SET_LIMITS", pages_in, do_set_limits, check_limits, .least = PAGES },
	/* These need no memory: the first allocation that fails is nobody's. */
	{ "UVMEM_VM_AGE", pages_in, do_age, check_kept },
	{ "UVMEM_VM_GET_LIMITS", pages_in, do_get_limits, check_kept },
	{}
};
