// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall_smp_test - a vCPU that waits for memory while another one works stalls some of the
 * guest, not all of it
 */
#include "harness.h"

#include "vm.h"

#define NR	64ull

static bool spin_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	guest_call(vcpu, guest_spin, 2000000);
	return true;
}

/* What the first vCPU's refaults cost. */
static void stall(struct uvm *uvm, u64 *some, u64 *full)
{
	*some = uvm_stat(uvm, "stall_some_ns");
	*full = uvm_stat(uvm, "stall_full_ns");
	uvm_page_out_all(uvm, MEM_GPA, NR);
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, NR);
	*some = uvm_stat(uvm, "stall_some_ns") - *some;
	*full = uvm_stat(uvm, "stall_full_ns") - *full;
}

TEST(stall_of_one_vcpu_is_not_that_of_a_guest_whose_other_vcpu_works)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .nr_vcpus = 2 });
	struct guest_thread thread = { .vcpu = uvm->vcpu[1], .step = spin_step };
	u64 some, full;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, NR, 1);
	/* The other one is not in KVM_RUN. */
	stall(uvm, &some, &full);
	EXPECT_LT(0, some);
	EXPECT_EQ(some, full);

	guest_thread_start(&thread);
	while (READ_ONCE(thread.rounds) < 2)
		usleep(1000);
	stall(uvm, &some, &full);
	guest_thread_stop(&thread, 3);
	EXPECT_LT(0, some);
	/* Between two calls it is outside of KVM_RUN, too, which is seldom. */
	EXPECT_GT(some / 2, full);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
