// SPDX-License-Identifier: GPL-2.0-only
/*
 * write_out_test - the oldest pages of a sealed pool that is full, or whose limit was lowered,
 * go to the VMM's memory, and the guest finds them there
 */
#include <sys/mman.h>

#include "harness.h"

#include "pool_vm.h"

#define HALF		(MEM_PAGES / 2)
#define ROOMY		(16ull << 20)	/* more than all that they need */
#define STEP		8ull		/* pages that go out at once, so that the worker keeps up */
#define GROWTH		8ull		/* pages of zsmalloc's, by which the pool may grow */
/* A quarter of a page at least is saved: room for one and a half halves. */
#define TIGHT		(MEM_PAGES * 9 / 16 * PAGE_SIZE)

FIXTURE(write_out)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct pool_before before;
};

FIXTURE_SETUP(write_out)
{
	self->uvm = pool_vm_begin(&self->before, ROOMY);
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(write_out)
{
	pool_vm_end(self->uvm, &self->before);
}

/* The worker counts a step when its pages have gone already. */
static u64 written_so_far(struct uvm *uvm)
{
	return uvm_stat(uvm, "pool_written_out");
}

static u64 pooled(struct uvm *uvm, u64 first, u64 nr)
{
	return uvm_count(uvm, mem_page(first), nr, UVMEM_PAGE_POOL);
}

/* Until the pool takes no more than @bytes; false: not within a few seconds. */
static bool drained(u64 bytes)
{
	int i;

	for (i = 0; i < 500 * time_scale(); i++) {
		if (uvmem_get_pool().sealed_pool_used <= bytes)
			return true;
		usleep(10000);
	}
	return false;
}

/* The worker has done what it wanted to do. */
static void settle(struct uvm *uvm)
{
	u64 before = ~0ull, now;
	int i, same = 0;

	/* It may have to wait for a CPU in between. */
	for (i = 0; i < 200 && same < 5; i++, before = now) {
		now = written_so_far(uvm);
		same = now == before ? same + 1 : 0;
		usleep(100000);
	}
}

static u64 written(struct uvm *uvm)
{
	settle(uvm);
	return written_so_far(uvm);
}

/* Into the pool, slowly enough for the worker. */
static void pool_slowly(struct uvm *uvm, u64 first, u64 nr)
{
	u64 limit = uvmem_get_pool().sealed_pool_limit, i;

	for (i = 0; i < nr; i += STEP) {
		TEST_ASSERT_EQ(uvm_page_out(uvm, mem_page(first + i), STEP), STEP);
		TEST_ASSERT(uvmem_get_pool().sealed_pool_used <= limit, "the pool is above its limit");
		/* Where the worker begins. */
		TEST_ASSERT(drained(limit - limit / 32 - GROWTH * PAGE_SIZE), "no room is made");
	}
	settle(uvm);
}

static void verify(struct uvm *uvm, u64 seed)
{
	TEST_ASSERT_EQ(guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, seed), GUEST_OK);
}

/* ---- which ones, and how many ----------------------------------------------------------- */

TEST_F(write_out, takes_the_oldest_when_the_pool_is_full)
{
	u64 out;

	uvmem_set_sealed_pool(TIGHT);
	pool_slowly(self->uvm, HALF, HALF);
	/* There is room for these. */
	EXPECT_EQ(0, written(self->uvm));
	uvm_assert_state(self->uvm, mem_page(HALF), HALF, UVMEM_PAGE_POOL);
	sleep(2);
	pool_slowly(self->uvm, 0, HALF);

	out = uvm_count(self->uvm, mem_page(HALF), HALF, UVMEM_PAGE_OUT);
	EXPECT_LT(0, out);
	EXPECT_EQ(out, written(self->uvm));
	EXPECT_EQ(HALF - out, pooled(self->uvm, HALF, HALF));
	/* All that came later are there. */
	EXPECT_EQ(HALF, pooled(self->uvm, 0, HALF));
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_full"));
	/* Not more went than had to. */
	EXPECT_LT(TIGHT / 2, uvmem_get_pool().sealed_pool_used);
	uvm_assert_sums(self->uvm);

	assert_no_markers(SEARCH_PRESENT);
	verify(self->uvm, 1);
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "refault"));
}

TEST_F(write_out, takes_the_oldest_whichever_vm_has_them)
{
	struct uvm *other = pool_vm_create(2);

	self->uvm->shares_pool = true;
	other->shares_pool = true;
	uvmem_set_sealed_pool(TIGHT);
	pool_slowly(other, 0, HALF);
	sleep(2);
	pool_slowly(self->uvm, 0, HALF);
	EXPECT_LT(0, written(other));
	EXPECT_EQ(0, written(self->uvm));
	EXPECT_EQ(HALF, pooled(self->uvm, 0, HALF));
	verify(other, 2);
	verify(self->uvm, 1);
	uvm_free_unchecked(other);
}

TEST_F(write_out, goes_down_to_a_limit_that_was_lowered)
{
	u64 used, kept;

	pool_slowly(self->uvm, 0, HALF);
	sleep(2);
	pool_slowly(self->uvm, HALF, HALF);
	EXPECT_EQ(MEM_PAGES, pooled(self->uvm, 0, MEM_PAGES));
	used = uvmem_get_pool().sealed_pool_used;

	uvmem_set_sealed_pool(used * 3 / 4);
	ASSERT_TRUE(drained(used * 3 / 4));
	settle(self->uvm);
	/* The young ones are there, and some of the others: an eighth more or less is alike. */
	EXPECT_EQ(HALF, pooled(self->uvm, HALF, HALF));
	kept = pooled(self->uvm, 0, HALF);
	EXPECT_LT(0, kept);
	EXPECT_EQ(HALF - kept, written(self->uvm));
	EXPECT_LT(used / 2, uvmem_get_pool().sealed_pool_used);
	uvm_assert_sums(self->uvm);

	uvmem_set_sealed_pool(used / 4);
	ASSERT_TRUE(drained(used / 4));
	settle(self->uvm);
	EXPECT_EQ(0, pooled(self->uvm, 0, HALF));
	EXPECT_LT(0, pooled(self->uvm, HALF, HALF));
	uvm_assert_sums(self->uvm);
	verify(self->uvm, 1);
}

TEST_F(write_out, empties_a_pool_that_is_switched_off)
{
	u64 used = self->uvm->before.sealed_pool_used, before;

	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL);
	before = uvm_stat(self->uvm, "sealed");
	uvmem_set_sealed_pool(0);
	ASSERT_TRUE(drained(used));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	EXPECT_EQ(MEM_PAGES, written(self->uvm));
	EXPECT_EQ(before + MEM_PAGES, uvm_stat(self->uvm, "sealed"));
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_bytes"));
	/* Once into the pool, once out of it. */
	EXPECT_EQ(2 * MEM_PAGES, uvm_stat(self->uvm, "page_out_reclaim"));
	uvm_assert_sums(self->uvm);
	/* It is ciphertext, and as good as any. */
	EXPECT_EQ(0, search_markers_in(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE).markers);
	verify(self->uvm, 1);
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "refault"));
}

TEST_F(write_out, of_2m_handles_leaves_the_rest_of_them_whole)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){
		.mem_pages = 2 * HUGE_PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP });
	u64 used;

	self->uvm->shares_pool = true;
	uvm->shares_pool = true;
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 2 * HUGE_PAGES, 3);
	uvm_esm(uvm);
	used = uvmem_get_pool().sealed_pool_used;
	EXPECT_EQ(2 * HUGE_PAGES, uvm_page_out(uvm, MEM_GPA, 2 * HUGE_PAGES));
	EXPECT_EQ(2 * HUGE_PAGES, pooled(uvm, 0, 2 * HUGE_PAGES));
	used += (uvmem_get_pool().sealed_pool_used - used) / 2;
	uvmem_set_sealed_pool(used);
	ASSERT_TRUE(drained(used));
	settle(uvm);
	EXPECT_LT(0, pooled(uvm, 0, 2 * HUGE_PAGES));
	EXPECT_EQ(2 * HUGE_PAGES - written(uvm), pooled(uvm, 0, 2 * HUGE_PAGES));
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, 2 * HUGE_PAGES, 3));
	uvm_free_unchecked(uvm);
}

/* ---- what it cannot have ----------------------------------------------------------------- */

TEST_F(write_out, passes_by_pages_whose_memslot_is_gone)
{
	struct userspace_mem_region *region = memslot2region(self->uvm->vm, MEM_SLOT);
	struct uvm *other = pool_vm_create(2);
	u64 used = uvmem_get_pool().sealed_pool_used;
	int i;

	self->uvm->shares_pool = true;
	other->shares_pool = true;
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	vm_set_user_memory_region(self->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	EXPECT_EQ(MEM_PAGES, uvm_page_out(other, MEM_GPA, MEM_PAGES));

	/* The oldest cannot go, so all others do. */
	uvmem_set_sealed_pool(0);
	for (i = 0; i < 500 && written_so_far(other) < MEM_PAGES; i++)
		usleep(10000);
	EXPECT_EQ(MEM_PAGES, written(other));
	EXPECT_EQ(0, written(self->uvm));
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "pages_pool"));

	/* It is not forgotten. */
	vm_set_user_memory_region(self->uvm->vm, MEM_SLOT, 0, MEM_GPA,
				  MEM_PAGES * PAGE_SIZE, region->host_mem);
	EXPECT_TRUE(drained(used));
	EXPECT_EQ(MEM_PAGES, written(self->uvm));
	verify(self->uvm, 1);
	verify(other, 2);
	uvm_free_unchecked(other);
}

TEST_F(write_out, passes_by_pages_that_the_host_dropped)
{
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	ASSERT_EQ(0, madvise(uvm_hva(self->uvm, MEM_GPA), 8 * PAGE_SIZE, MADV_DONTNEED));
	uvmem_set_sealed_pool(0);
	EXPECT_TRUE(drained(self->uvm->before.sealed_pool_used));
	uvm_assert_state(self->uvm, MEM_GPA, 8, UVMEM_PAGE_LOST);
	uvm_assert_state(self->uvm, mem_page(8), MEM_PAGES - 8, UVMEM_PAGE_OUT);
	EXPECT_EQ(MEM_PAGES - 8, written(self->uvm));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(8), MEM_PAGES - 8, 1));
}

TEST_F(write_out, waits_for_a_place_for_ciphertext)
{
	u64 used = self->uvm->before.sealed_pool_used;
	char old[UVMEM_PARAM_LEN];

	if (fopen("/proc/swaps", "r") && !system("test $(wc -l </proc/swaps) -gt 1"))
		SKIP(return, "there is swap");
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	/* More than any machine has. */
	uvmem_set_param("reserve_pages", "1000000000000", old);
	uvmem_set_sealed_pool(0);
	usleep(500000);
	EXPECT_EQ(MEM_PAGES, pooled(self->uvm, 0, MEM_PAGES));
	EXPECT_EQ(0, written(self->uvm));
	uvmem_set_param("reserve_pages", old, NULL);
	/* It tries again by itself. */
	EXPECT_TRUE(drained(used));
	EXPECT_EQ(MEM_PAGES, written(self->uvm));
	verify(self->uvm, 1);
}

TEST_F(write_out, can_be_switched_off)
{
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	uvmem_keep_sealed_pool();
	uvmem_set_sealed_pool(0);
	usleep(500000);
	EXPECT_EQ(MEM_PAGES, pooled(self->uvm, 0, MEM_PAGES));
	verify(self->uvm, 1);
}

/* ---- while others are at it ---------------------------------------------------------------- */

TEST_F(write_out, loses_no_write_of_the_guest_and_keeps_the_limit)
{
	struct pool_churn churn;
	int i;

	uvmem_set_sealed_pool(100 * PAGE_SIZE);
	/* A worker that got nothing comes again after a second: until it has had its turn. */
	for (i = 0; i < 10 && !written_so_far(self->uvm); i++) {
		churn = pool_churn(self->uvm);
		EXPECT_EQ(0, churn.failed_at);
		EXPECT_EQ(0, churn.above_limit);
	}
	EXPECT_LT(0, written(self->uvm));
	settle(self->uvm);
	uvm_assert_sums(self->uvm);
}

TEST_F(write_out, is_over_when_the_vm_ends)
{
	struct uvmem_pool before = self->uvm->before;
	int i;

	for (i = 0; i < 8; i++) {
		if (i)
			self->uvm = pool_vm_create(1);
		uvmem_set_sealed_pool(ROOMY);
		EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
		uvmem_set_sealed_pool(0);
		/* In the middle of it, at another place each time. */
		usleep(i * 3000);
		uvm_free(self->uvm);
		self->uvm = NULL;
		EXPECT_EQ(before.sealed_pool_used, uvmem_get_pool().sealed_pool_used);
		EXPECT_EQ(before.sealed_pool_pages, uvmem_get_pool().sealed_pool_pages);
	}
}

TEST_HARNESS_MAIN
