// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_around_test - with a page that the guest touches come its neighbours that
 * were paged out as well, or never touched as well, and nothing else; never at the
 * cost of frames that somebody needs
 */
#include "harness.h"

#include "vm.h"

#define PAGES		(2 * HUGE_PAGES)
#define TOUCHED		(HUGE_PAGES + 37)
#define FIRST		(HUGE_PAGES + 32)	/* of 16 */

FIXTURE(around)
{
	char old[UVMEM_PARAM_LEN];
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(around)
{
	struct uvm_config config = {
		.mem_pages = PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP,
	};

	uvmem_set_param("fault_around_pages", "16", self->old);
	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 1);
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
}

FIXTURE_TEARDOWN(around)
{
	uvmem_set_param("fault_around_pages", self->old, NULL);
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(around, brings_the_aligned_window)
{
	struct uvm *uvm = self->uvm;

	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	EXPECT_EQ(16, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvm_assert_state(uvm, mem_page(FIRST), 16, UVMEM_PAGE_IN);
	EXPECT_EQ(15, uvm_stat(uvm, "fault_around"));
	EXPECT_EQ(16, uvm_stat(uvm, "page_in_guest_fault"));

	/* A neighbour of it asks for nothing more. */
	guest_call(self->vcpu, guest_touch, mem_page(FIRST), 16);
	EXPECT_EQ(15, uvm_stat(uvm, "fault_around"));
	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	EXPECT_EQ(PAGES - PAGES / 16, uvm_stat(uvm, "fault_around"));
}

TEST_F(around, leaves_alone_what_is_not_paged_out)
{
	struct uvm *uvm = self->uvm;

	/* Zero, shared, in and absent ones among the neighbours. */
	guest_call(self->vcpu, guest_fill_byte, mem_page(FIRST + 1), 1, 0);
	EXPECT_EQ(16, uvm_page_out(uvm, MEM_GPA, PAGES));
	uvm_assert_state(uvm, mem_page(FIRST + 1), 1, UVMEM_PAGE_ZERO);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE,
					       mem_page(FIRST + 2) / PAGE_SIZE, 1));
	ASSERT_EQ(1, uvm_page_in(uvm, mem_page(FIRST + 3), 1));

	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	uvm_assert_state(uvm, mem_page(FIRST), 1, UVMEM_PAGE_IN);
	uvm_assert_state(uvm, mem_page(FIRST + 1), 1, UVMEM_PAGE_ZERO);
	uvm_assert_state(uvm, mem_page(FIRST + 2), 1, UVMEM_PAGE_SHARED);
	uvm_assert_state(uvm, mem_page(FIRST + 3), 13, UVMEM_PAGE_IN);
}

TEST_F(around, stays_within_the_memslot)
{
	/* A slot that begins and ends within one window. */
	u64 gpa = mem_page(PAGES + HUGE_PAGES + 3);
	struct uvm *uvm = self->uvm;
	int i;

	vm_userspace_mem_region_add(uvm->vm, VM_MEM_SRC_ANONYMOUS, gpa, MEM_SLOT + 1, 5, 0);
	ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, KVM_HC_MAP_GPA_RANGE, gpa, 5,
					       UVMEM_MAP_ENCRYPTED));
	guest_call(self->vcpu, guest_fill, gpa, 5, 2);
	/* Somebody may hold new pages for a moment. */
	for (i = 0; i < 50 && uvm_count(uvm, gpa, 5, UVMEM_PAGE_OUT) < 5; i++) {
		uvm_page_out(uvm, gpa, 5);
		usleep(10000);
	}
	uvm_assert_state(uvm, gpa, 5, UVMEM_PAGE_OUT);

	guest_call(self->vcpu, guest_touch, gpa + 4 * PAGE_SIZE, 1);
	uvm_assert_state(uvm, gpa, 5, UVMEM_PAGE_IN);
	EXPECT_EQ(4, uvm_stat(uvm, "fault_around"));
	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, gpa, 5, 2));
}

TEST_F(around, takes_no_frame_that_is_scarce)
{
	u64 limit = uvmem_get_pool().frames_limit;
	struct uvm *uvm = self->uvm;

	uvmem_set_pool_limit(uvmem_get_pool().frames_used + 20);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	EXPECT_EQ(1, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(0, uvm_stat(uvm, "fault_around"));
	uvmem_set_pool_limit(uvmem_get_pool().frames_used + 40);
	guest_call(self->vcpu, guest_touch, mem_page(0), 1);
	EXPECT_EQ(17, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(PAGES, uvm_stat(uvm, "page_out_reclaim"));
	uvmem_set_pool_limit(limit);
}

TEST_F(around, brings_a_huge_page_whole)
{
	struct uvm *uvm = self->uvm;

	ASSERT_EQ(PAGES * PAGE_SIZE, uvm_huge_bytes(uvm, MEM_GPA));
	uvmem_set_param("fault_around_pages", "512", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	uvm_assert_state(uvm, mem_page(HUGE_PAGES), HUGE_PAGES, UVMEM_PAGE_IN);
	uvm_assert_state(uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_OUT);
	EXPECT_EQ(HUGE_PAGES - 1, uvm_stat(uvm, "fault_around"));
	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	/* It went back in one piece: it can come out in one. */
	uvm_page_out_all(uvm, MEM_GPA, PAGES);
	EXPECT_EQ(PAGES * PAGE_SIZE, uvm_huge_bytes(uvm, MEM_GPA));
}

TEST_F(around, takes_any_number_for_some_power_of_2)
{
	struct uvm *uvm = self->uvm;

	uvmem_set_param("fault_around_pages", "4294967295", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(0), 1);
	EXPECT_EQ(HUGE_PAGES, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvmem_set_param("fault_around_pages", "0", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	EXPECT_EQ(HUGE_PAGES + 1, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvmem_set_param("fault_around_pages", "7", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(HUGE_PAGES + 128), 1);
	EXPECT_EQ(HUGE_PAGES + 5, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
}

/* ---- as many as are used --------------------------------------------------------- */

FIXTURE(learnt)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(learnt)
{
	struct uvm_config config = { .mem_pages = PAGES, .fault_around_max = "32" };

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 1);
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
}

FIXTURE_TEARDOWN(learnt)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(learnt, a_guest_that_goes_through_its_memory_gets_many)
{
	struct uvm *uvm = self->uvm;

	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	/* Of 2 MiB 1, 1, 2, 4, 8, 16 and then 32 at a time: see fault_window_test. */
	EXPECT_EQ(2 * 21, uvm_stat(uvm, "refault"));
	EXPECT_EQ(PAGES - 2 * 21, uvm_stat(uvm, "fault_around"));
	EXPECT_EQ(PAGES - 2 * 21, uvm_stat(uvm, "fault_around_used"));
}

TEST_F(learnt, one_that_jumps_gets_what_it_touches)
{
	int i;

	for (i = 0; i < PAGES; i += 32)
		guest_call(self->vcpu, guest_touch, mem_page(i + 7), 1);
	EXPECT_EQ(0, uvm_stat(self->uvm, "fault_around"));
	EXPECT_EQ(PAGES / 32, uvm_count(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
}

TEST_F(learnt, what_left_again_unused_is_not_used)
{
	struct uvm *uvm = self->uvm;

	/* Of 8 to 15 those behind 8 are not touched. */
	guest_call(self->vcpu, guest_touch, MEM_GPA, 9);
	uvm_assert_state(uvm, mem_page(0), 16, UVMEM_PAGE_IN);
	EXPECT_EQ(11, uvm_stat(uvm, "fault_around"));
	EXPECT_EQ(4, uvm_stat(uvm, "fault_around_used"));
	uvm_page_out_all(uvm, MEM_GPA, 16);
	/* Touched later they are faults like any other. */
	EXPECT_EQ(1, uvm_page_in(uvm, mem_page(12), 1));
	guest_call(self->vcpu, guest_touch, mem_page(12), 1);
	EXPECT_EQ(4, uvm_stat(uvm, "fault_around_used"));
}

TEST_F(learnt, the_window_is_at_least_what_is_set)
{
	uvmem_set_param("fault_around_pages", "16", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	uvmem_set_param("fault_around_pages", "1", NULL);
	uvm_assert_state(self->uvm, mem_page(FIRST), 16, UVMEM_PAGE_IN);
	EXPECT_EQ(16, uvm_count(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
}

TEST_F(learnt, a_mapping_of_all_is_a_use_of_all)
{
	struct uvm *uvm = self->uvm;

	uvmem_set_param("fault_around_pages", "512", NULL);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 2);
	uvmem_set_param("fault_around_pages", "1", NULL);
	uvm_assert_state(uvm, mem_page(HUGE_PAGES), HUGE_PAGES, UVMEM_PAGE_IN);
	/* The frames could be had in one piece, or the second touch was a fault. */
	EXPECT_TRUE(uvm_stat(uvm, "fault_around_used") == HUGE_PAGES - 1 ||
		    uvm_stat(uvm, "fault_around_used") == 1);
}

/* ---- untouched pages ------------------------------------------------------------ */

FIXTURE(fill)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(fill)
{
	struct uvm_config config = { .mem_pages = PAGES, .fill_around = "16" };

	self->uvm = uvm_create_secure(&config);
	self->vcpu = self->uvm->vcpu[0];
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_ABSENT);
}

FIXTURE_TEARDOWN(fill)
{
	uvmem_set_param("fill_around_pages", "1", NULL);
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(fill, gives_frames_to_the_aligned_window)
{
	struct uvm *uvm = self->uvm;

	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	EXPECT_EQ(16, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvm_assert_state(uvm, mem_page(FIRST), 16, UVMEM_PAGE_IN);
	EXPECT_EQ(15, uvm_stat(uvm, "fault_around"));
	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(FIRST), 16, 0));
	EXPECT_EQ(15, uvm_stat(uvm, "fault_around"));
	/* What nobody used the next reclaim takes back for nothing. */
	EXPECT_EQ(16, uvm_page_out(uvm, mem_page(FIRST), 16));
	uvm_assert_state(uvm, mem_page(FIRST), 16, UVMEM_PAGE_ZERO);
}

TEST_F(fill, leaves_alone_what_was_touched)
{
	struct uvm *uvm = self->uvm;

	/* In, out, zero and shared ones among the neighbours. */
	uvmem_set_param("fill_around_pages", "1", NULL);
	guest_call(self->vcpu, guest_fill, mem_page(FIRST), 3, 1);
	guest_call(self->vcpu, guest_fill_byte, mem_page(FIRST + 2), 1, 0);
	EXPECT_EQ(2, uvm_page_out(uvm, mem_page(FIRST + 1), 2));
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE,
					       mem_page(FIRST + 3) / PAGE_SIZE, 1));
	uvmem_set_param("fill_around_pages", "16", NULL);

	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	uvm_assert_state(uvm, mem_page(FIRST), 1, UVMEM_PAGE_IN);
	uvm_assert_state(uvm, mem_page(FIRST + 1), 1, UVMEM_PAGE_OUT);
	uvm_assert_state(uvm, mem_page(FIRST + 2), 1, UVMEM_PAGE_ZERO);
	uvm_assert_state(uvm, mem_page(FIRST + 3), 1, UVMEM_PAGE_SHARED);
	uvm_assert_state(uvm, mem_page(FIRST + 4), 12, UVMEM_PAGE_IN);
	EXPECT_EQ(13, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(11, uvm_stat(uvm, "fault_around"));
}

TEST_F(fill, takes_no_frame_that_is_scarce)
{
	u64 limit = uvmem_get_pool().frames_limit;
	struct uvm *uvm = self->uvm;

	uvmem_set_pool_limit(uvmem_get_pool().frames_used + 20);
	guest_call(self->vcpu, guest_touch, mem_page(TOUCHED), 1);
	EXPECT_EQ(1, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvmem_set_pool_limit(uvmem_get_pool().frames_used + 40);
	guest_call(self->vcpu, guest_touch, mem_page(0), 1);
	EXPECT_EQ(17, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	uvmem_set_pool_limit(limit);
}

TEST_F(fill, is_no_stall)
{
	guest_call(self->vcpu, guest_touch, mem_page(0), PAGES);
	EXPECT_EQ(PAGES, uvm_count(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(PAGES - PAGES / 16, uvm_stat(self->uvm, "fault_around"));
	EXPECT_EQ(0, uvm_stat(self->uvm, "stall_some_ns"));
}

TEST_HARNESS_MAIN
