// SPDX-License-Identifier: GPL-2.0-only
/*
 * refault_test - pages that were paged out too soon are counted, and what the guest's
 * waiting for them cost it
 */
#include <time.h>

#include "harness.h"

#include "vm.h"

#define NR		64ull

FIXTURE(refault)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u64 before;		/* the guest's own code may have been away */
	u64 some, full;
};

FIXTURE_SETUP(refault)
{
	self->uvm = uvm_create_secure(&(struct uvm_config){});
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, NR, 1);
	self->before = uvm_stat(self->uvm, "refault");
	self->some = uvm_stat(self->uvm, "stall_some_ns");
	self->full = uvm_stat(self->uvm, "stall_full_ns");
}

FIXTURE_TEARDOWN(refault)
{
	EXPECT_EQ(uvm_stat(self->uvm, "refault"), uvm_stat(self->uvm, "refault_distance"));
	EXPECT_GE(uvm_stat(self->uvm, "stall_some_ns"), uvm_stat(self->uvm, "stall_full_ns"));
	EXPECT_GE(uvm_stat(self->uvm, "page_in_guest_fault"), uvm_stat(self->uvm, "refault"));
	uvm_free(self->uvm);
}

/* Pages by bit length of the distance in ms. */
static u64 distances(struct uvm *uvm, int first, int last)
{
	return uvm_stat_range(uvm, "refault_distance", first, last);
}

TEST_F(refault, is_counted_with_the_time_since_the_page_left)
{
	u64 early;

	EXPECT_EQ(0, self->before);
	uvm_page_out_all(self->uvm, MEM_GPA, NR);
	usleep(300000);
	guest_call(self->vcpu, guest_touch, MEM_GPA, NR / 2);
	EXPECT_EQ(NR / 2, uvm_stat(self->uvm, "refault"));
	/* 256 ms and more; not below, whatever the machine does. */
	EXPECT_EQ(NR / 2, distances(self->uvm, 9, 31));
	EXPECT_EQ(0, distances(self->uvm, 0, 8));
	usleep(900000);
	guest_call(self->vcpu, guest_touch, mem_page(NR / 2), NR / 2);
	EXPECT_EQ(NR, uvm_stat(self->uvm, "refault"));
	EXPECT_LE(NR / 2, distances(self->uvm, 11, 31));
	/* Once again they have only just left. */
	early = distances(self->uvm, 0, 31);
	uvm_page_out_all(self->uvm, MEM_GPA, 1);
	guest_call(self->vcpu, guest_touch, MEM_GPA, 1);
	EXPECT_EQ(early + 1, distances(self->uvm, 0, 31));
	EXPECT_LE(1, distances(self->uvm, 0, 14));
}

TEST_F(refault, is_none_if_the_page_never_left_or_came_by_itself)
{
	/* First touches. */
	guest_call(self->vcpu, guest_fill, mem_page(NR), NR, 1);
	EXPECT_EQ(self->before, uvm_stat(self->uvm, "refault"));
	EXPECT_EQ(self->some, uvm_stat(self->uvm, "stall_some_ns"));
	/* Fetched before the guest wanted them. */
	uvm_page_out_all(self->uvm, MEM_GPA, NR);
	uvm_page_in_all(self->uvm, MEM_GPA, NR);
	guest_call(self->vcpu, guest_touch, MEM_GPA, NR);
	EXPECT_EQ(self->before, uvm_stat(self->uvm, "refault"));
	EXPECT_EQ(self->some, uvm_stat(self->uvm, "stall_some_ns"));
	EXPECT_EQ(self->full, uvm_stat(self->uvm, "stall_full_ns"));
}

TEST_F(refault, of_a_page_without_ciphertext_counts)
{
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, 8, 0x11);
	EXPECT_EQ(8, uvm_page_out(self->uvm, MEM_GPA, 8));
	uvm_assert_state(self->uvm, MEM_GPA, 8, UVMEM_PAGE_ZERO);
	guest_call(self->vcpu, guest_touch, MEM_GPA, 8);
	EXPECT_EQ(self->before + 8, uvm_stat(self->uvm, "refault"));
}

TEST_F(refault, is_that_of_the_page_touched_not_of_its_neighbours)
{
	char old[UVMEM_PARAM_LEN];

	uvm_page_out_all(self->uvm, MEM_GPA, 16);
	uvmem_set_param("fault_around_pages", "16", old);
	guest_call(self->vcpu, guest_touch, mem_page(5), 1);
	uvmem_set_param("fault_around_pages", old, NULL);
	EXPECT_EQ(16, uvm_count(self->uvm, MEM_GPA, 16, UVMEM_PAGE_IN));
	EXPECT_EQ(self->before + 1, uvm_stat(self->uvm, "refault"));
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

TEST_F(refault, stalls_a_guest_of_one_vcpu_in_full)
{
	u64 start = now_ns(), some, full;

	uvm_page_out_all(self->uvm, MEM_GPA, NR);
	guest_call(self->vcpu, guest_touch, MEM_GPA, NR);
	some = uvm_stat(self->uvm, "stall_some_ns") - self->some;
	full = uvm_stat(self->uvm, "stall_full_ns") - self->full;
	/* A page takes more than a microsecond, wherever this runs, and all not longer than they did. */
	EXPECT_LT(NR * 1000, some);
	EXPECT_GT(now_ns() - start, some);
	EXPECT_EQ(some, full);
	/* It is over. */
	EXPECT_EQ(some, uvm_stat(self->uvm, "stall_some_ns") - self->some);
}

TEST(refault_for_want_of_frames_stalls_first_touches)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	u64 limit = uvm_stat(uvm, "frames") + 64;

	EXPECT_EQ(0, uvm_stat(uvm, "stall_some_ns"));
	ASSERT_EQ(0, uvm_set_limits(uvm, 0, 0, 0, limit));
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 128, 1);
	EXPECT_LT(0, uvm_stat(uvm, "stall_some_ns"));
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
