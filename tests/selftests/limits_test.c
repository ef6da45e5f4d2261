// SPDX-License-Identifier: GPL-2.0-only
/*
 * limits_test - limits of secure memory, of the host's pool and of one VM: they are
 * never exceeded, a guest that needs more lives from its own pages, and
 * who gets nothing is told so
 */
#include "harness.h"

#include "search.h"
#include "vm.h"

#define MEM_PAGES	HUGE_PAGES

FIXTURE(limit)
{
	u64 pool_limit;
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(limit)
{
	self->pool_limit = uvmem_get_pool().frames_limit;
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(limit)
{
	uvmem_set_pool_limit(self->pool_limit);
	uvm_free(self->uvm);
}

TEST_F(limit, of_the_pool_is_kept_while_the_guest_uses_more)
{
	u64 used = uvmem_get_pool().frames_used, limit = used + 64;

	uvmem_set_pool_limit(limit);
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	EXPECT_GE(limit, uvmem_get_pool().frames_used);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	EXPECT_GE(limit, uvmem_get_pool().frames_used);
	uvm_assert_sums(self->uvm);
	assert_no_markers(SEARCH_PRESENT);
	EXPECT_LT(0, uvm_stat(self->uvm, "page_out_reclaim"));
}

TEST_F(limit, of_the_pool_below_its_use_takes_nothing_away)
{
	struct uvmem_range range;
	u64 used;

	guest_call(self->vcpu, guest_fill, MEM_GPA, 64, 1);
	uvm_page_out_all(self->uvm, MEM_GPA, 32);
	used = uvmem_get_pool().frames_used;
	uvmem_set_pool_limit(1);
	EXPECT_EQ(used, uvmem_get_pool().frames_used);
	EXPECT_EQ(1, uvmem_get_pool().frames_limit);
	/* What is in stays usable, what is out cannot be fetched. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(32), 32, 1));
	EXPECT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 32, 0, &range));
	EXPECT_EQ(0, range.moved);
	EXPECT_EQ(32, range.skipped[UVMEM_REASON_NO_FRAME]);
	uvm_assert_state(self->uvm, MEM_GPA, 32, UVMEM_PAGE_OUT);
	uvm_assert_sums(self->uvm);
	uvmem_set_pool_limit(self->pool_limit);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
	EXPECT_LE(used, uvmem_get_pool().frames_peak);
}

TEST(limit_of_a_vm_is_kept_while_the_guest_uses_more)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	struct uvmem_vm_info info;
	u64 needed, max;

	/* What the guest needs for itself, measured. */
	uvm_info(uvm, &info);
	needed = info.frames;
	EXPECT_EQ(0, info.max_frames);
	uvm_free(uvm);

	max = needed + 64;
	uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES, .max_frames = max });
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_info(uvm, &info);
	EXPECT_EQ(max, info.max_frames);
	EXPECT_GE(max, info.frames);
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_info(uvm, &info);
	EXPECT_GE(max, info.frames);
	uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_TOUCH);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_free(uvm);
}

TEST(limit_of_a_vm_that_is_too_low_for_its_esm_is_U_RETRY)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .max_frames = 16 });
	struct uvmem_vm_info info;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	EXPECT_EQ(U_RETRY, hypercall(uvm->vcpu[0], UV_ESM));
	uvm_info(uvm, &info);
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	EXPECT_EQ(info.registered_pages, info.pages[UVMEM_PAGE_NORMAL]);
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, 64, 1));
	uvm_free(uvm);
}

TEST_F(limit, without_a_frame_for_it_stops_the_guest)
{
	struct uvm *other = uvm_create_secure(&(struct uvm_config){});
	u64 gpa;

	/*
	 * The first VM has all its pages out, and all frames that there may be
	 * are the other's: it has nothing of its own to give up.
	 */
	self->uvm->shares_pool = true;
	other->shares_pool = true;
	uvm_page_out(self->uvm, 0, SLOT0_PAGES);
	uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, uvm_count(self->uvm, 0, SLOT0_PAGES, UVMEM_PAGE_IN));
	uvmem_set_pool_limit(uvmem_get_pool().frames_used);

	guest_start(self->vcpu, guest_nop);
	EXPECT_EQ(RUN_STOPPED, guest_run(self->vcpu, NULL));
	EXPECT_EQ(UVMEM_STOP_NO_MEMORY, self->vcpu->run->internal.data[0]);
	gpa = self->vcpu->run->internal.data[1];
	EXPECT_GT(SLOT0_PAGES * PAGE_SIZE, gpa);
	uvmem_set_pool_limit(self->pool_limit);
	EXPECT_EQ(0, guest_call(other->vcpu[0], guest_nop));
	uvm_free_unchecked(other);
}

TEST_HARNESS_MAIN
