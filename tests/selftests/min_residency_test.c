// SPDX-License-Identifier: GPL-2.0-only
/*
 * min_residency_test - a page that came in stays for a minimum time, so that guest
 * and host do not bounce it for ever; who insists can have it at once
 */
#include <time.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

FIXTURE(residency)
{
	char old[UVMEM_PARAM_LEN];
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(residency)
{
	uvmem_set_param("min_residency_ms", "1000", self->old);
	self->uvm = uvm_create_secure(&(struct uvm_config){});
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(residency)
{
	uvmem_set_param("min_residency_ms", self->old, NULL);
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(residency, is_granted_against_page_out)
{
	struct uvmem_range range;
	u64 begin;
	int tries = 0;

	/* On a host that was busy with other things they may have been there for long. */
	do {
		guest_call(self->vcpu, guest_fill, MEM_GPA, 16, 1);
		uvm_page_out_all(self->uvm, MEM_GPA, 16);
		begin = now_ms();
		guest_call(self->vcpu, guest_fill, MEM_GPA, 16, 1);
		ASSERT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_OUT, MEM_GPA, 16, 0, &range));
	} while (now_ms() - begin > 900 && ++tries < 20);
	EXPECT_EQ(0, range.moved);
	EXPECT_EQ(16, range.skipped[UVMEM_REASON_YOUNG]);
	uvm_assert_state(self->uvm, MEM_GPA, 16, UVMEM_PAGE_IN);
	usleep(1100000);
	ASSERT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_OUT, MEM_GPA, 16, 0, &range));
	EXPECT_EQ(16, range.moved);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 16, 1));
}

TEST_F(residency, that_ends_at_any_moment_is_not_a_lack_of_memory)
{
	struct uvmem_range range;
	int round, i;
	u64 moved;

	uvmem_set_param("min_residency_ms", "8", NULL);
	for (round = 0; round < 60; round++) {
		/* Some are old enough at each call. */
		guest_call(self->vcpu, guest_fill, MEM_GPA, self->uvm->mem_pages, 1);
		for (moved = 0, i = 0; moved < self->uvm->mem_pages && i < 10000; i++) {
			ASSERT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_OUT, MEM_GPA,
						self->uvm->mem_pages, 0, &range));
			EXPECT_EQ(0, range.skipped[UVMEM_REASON_NO_MEMORY]);
			moved += range.moved;
		}
		ASSERT_EQ(self->uvm->mem_pages, moved);
	}
}

TEST_F(residency, is_disregarded_on_request)
{
	guest_call(self->vcpu, guest_fill, MEM_GPA, 16, 1);
	EXPECT_EQ(16, uvm_page_out(self->uvm, MEM_GPA, 16));
	/* A guest may do with its own pages what it likes. */
	guest_call(self->vcpu, guest_touch, MEM_GPA, 16);
	EXPECT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_PAGE_OUT, MEM_GPA, 0, 12));
	uvm_assert_state(self->uvm, MEM_GPA, 1, UVMEM_PAGE_OUT);
}

TEST_F(residency, delays_a_host_touch)
{
	u64 start;

	guest_call(self->vcpu, guest_fill, MEM_GPA, 1, 1);
	start = now_ms();
	EXPECT_EQ(0, search_markers_in(uvm_hva(self->uvm, MEM_GPA), PAGE_SIZE).markers);
	EXPECT_LE(800, now_ms() - start);
	EXPECT_GE(5000, now_ms() - start);
	uvm_assert_state(self->uvm, MEM_GPA, 1, UVMEM_PAGE_OUT);
}

static bool touch_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	return guest_call(vcpu, guest_verify, MEM_GPA, 1, 1) == GUEST_OK;
}

TEST_F(residency, lets_both_sides_get_on)
{
	struct guest_thread thread = { .vcpu = self->vcpu, .step = touch_step };
	u64 i, start;

	/* Guest and host want the same page all the time. */
	uvmem_set_param("min_residency_ms", "20", NULL);
	guest_call(self->vcpu, guest_fill, MEM_GPA, 1, 1);
	guest_thread_start(&thread);
	start = now_ms();
	for (i = 0; now_ms() - start < 1000; i++)
		uvm_host_read(self->uvm, MEM_GPA);
	guest_thread_stop(&thread, 1);
	EXPECT_LT(3, i);
	EXPECT_LT(3, thread.rounds);
	EXPECT_GE(1000 / 20 + 10, uvm_stat(self->uvm, "page_out_host_touch"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 1, 1));
}

TEST_HARNESS_MAIN
