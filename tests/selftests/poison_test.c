// SPDX-License-Identifier: GPL-2.0-only
/*
 * poison_test - the memory of a secure frame fails: nobody reads it any more, the guest is
 * stopped when it needs what was there, others go on, and the kernel never gives
 * the memory out again
 *
 * The errors are the kernel's own, injected (hwpoison-inject): memory_failure() knows no more of
 * a frame than that it is a page of the kernel's, and marks it. The memory is good in truth, so
 * an access through a mapping that the guest already has is no machine check here,
 * as it would be on a host whose memory has failed.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "frames.h"
#include "harness.h"
#include "search.h"
#include "vm.h"

#define NR		64
#define VICTIM		mem_page(9)
#define SEED		1
#define VICTIM_SEED	0x5ca1ab1eull

FIXTURE(poison)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u64 pfn;
};

FIXTURE_VARIANT(poison)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(poison, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(poison, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

#define POISON_FIXTURE	FIXTURE_DATA(poison)

FIXTURE_SETUP(poison)
{
	struct uvm_config config = { .mem_pages = HUGE_PAGES, .src = variant->src };

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, HUGE_PAGES, SEED);
}

/* The victim's frame fails, while the guest is not looking. */
static void fail_victim(POISON_FIXTURE *self)
{
	guest_call(self->vcpu, guest_fill, VICTIM, 1, VICTIM_SEED);
	self->pfn = find_frame(VICTIM, VICTIM_SEED);
	fail_memory(self->pfn);
}

static void become_secure_and_fail(POISON_FIXTURE *self)
{
	uvm_esm(self->uvm);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	fail_victim(self);
}

static void assert_others(POISON_FIXTURE *self)
{
	u64 before = (VICTIM - MEM_GPA) / PAGE_SIZE;

	TEST_ASSERT_EQ(guest_call(self->vcpu, guest_verify, MEM_GPA, before, SEED), GUEST_OK);
	TEST_ASSERT_EQ(guest_call(self->vcpu, guest_verify, VICTIM + PAGE_SIZE,
				  HUGE_PAGES - before - 1, SEED), GUEST_OK);
}

FIXTURE_TEARDOWN(poison)
{
	struct uvmem_vm_info info;

	uvm_assert_sums(self->uvm);
	uvm_info(self->uvm, &info);
	if (info.state == UVMEM_VM_SECURE)
		assert_no_markers(SEARCH_PRESENT);
	uvm_free(self->uvm);
	/* Not in the buddy system: it is out of use for good. */
	EXPECT_EQ(KPF_HWPOISON, host_page_flags(self->pfn) & (KPF_HWPOISON | KPF_BUDDY | KPF_LRU));
}

/* What has its frame where the guest's page table does not have it any more. */
static void page_out_victim(POISON_FIXTURE *self)
{
	struct uvmem_range range;

	TEST_ASSERT(!__uvm_move(self->uvm, UVMEM_VM_PAGE_OUT, VICTIM, 1, UVMEM_RANGE_IGNORE_AGE,
				&range), "page-out");
	TEST_ASSERT_EQ(range.moved, 0ull);
	TEST_ASSERT_EQ(range.skipped[UVMEM_REASON_STATE], 1ull);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_IN);
}

TEST_F(poison, is_left_alone_by_a_page_out_that_moves_the_others)
{
	u64 moved = 0;
	int i;

	become_secure_and_fail(self);
	for (i = 0; i < 50 && moved < HUGE_PAGES - 1; i++)
		moved += uvm_page_out(self->uvm, MEM_GPA, HUGE_PAGES);
	EXPECT_EQ(HUGE_PAGES - 1, moved);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_IN);
	EXPECT_EQ(HUGE_PAGES - 1, uvm_count(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_OUT));
	assert_others(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_read, VICTIM);
}

TEST_F(poison, is_H_HARDWARE_if_the_guest_pages_it_out)
{
	become_secure_and_fail(self);
	EXPECT_EQ(H_HARDWARE, hypercall(self->vcpu, H_SVM_PAGE_OUT, VICTIM, 0, UVMEM_ORDER_4K));
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_IN);
	assert_others(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_read, VICTIM);
}

TEST_F(poison, is_left_alone_by_the_sealed_pool)
{
	become_secure_and_fail(self);
	uvmem_set_sealed_pool(64 << 20);
	page_out_victim(self);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_stored"));
	uvm_page_out(self->uvm, MEM_GPA, HUGE_PAGES);
	EXPECT_LT(0, uvm_count(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_POOL));
	assert_others(self);
	uvmem_set_sealed_pool(0);
}

TEST_F(poison, is_not_mapped_together_with_its_neighbours)
{
	become_secure_and_fail(self);
	page_out_victim(self);
	/* By 2 MiB if all frames were good. */
	assert_others(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_write, VICTIM,
			 1);
}

TEST_F(poison, stops_its_guest_and_no_other)
{
	struct uvm *other = uvm_create_secure(&(struct uvm_config){});

	other->shares_pool = true;
	guest_call(other->vcpu[0], guest_fill, MEM_GPA, NR, SEED);
	become_secure_and_fail(self);
	page_out_victim(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_read, VICTIM);
	EXPECT_EQ(GUEST_OK, guest_call(other->vcpu[0], guest_verify, MEM_GPA, NR, SEED));
	uvm_page_out_all(other, MEM_GPA, NR);
	EXPECT_EQ(GUEST_OK, guest_call(other->vcpu[0], guest_verify, MEM_GPA, NR, SEED));
	uvm_assert_sums(other);
	uvm_free_unchecked(other);
}

static sigjmp_buf refused;
static volatile sig_atomic_t refused_code;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	refused_code = info->si_code;
	siglongjmp(refused, 1);
}

TEST_F(poison, makes_a_host_touch_SIGBUS)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	become_secure_and_fail(self);
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
	if (!sigsetjmp(refused, 1)) {
		uvm_host_read(self->uvm, VICTIM);
		TEST_FAIL("the host reads memory that has failed");
	}
	EXPECT_EQ(BUS_MCEERR_AR, refused_code);
	signal(SIGBUS, SIG_DFL);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_IN);
	assert_others(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_read, VICTIM);
}

static u64 guest_emulated_read(u64 gpa)
{
	u64 value = 0;

	asm volatile(KVM_FEP "movq (%1), %0" : "+r" (value) : "r" (gpa) : "memory");
	return value;
}

TEST_F(poison, is_not_read_by_kvms_emulator)
{
	/* KVM's own read does not go by the mapping that the guest has. */
	become_secure_and_fail(self);
	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is not set");
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_emulated_read,
			 VICTIM);
}

TEST_F(poison, that_is_shared_is_replaced)
{
	/* What a page has that is shared this way is of no interest. */
	become_secure_and_fail(self);
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(VICTIM), 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, VICTIM, 1, 0));
	uvm_host_write(self->uvm, VICTIM, 42);
	EXPECT_EQ(42, guest_call(self->vcpu, guest_read, VICTIM));
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(VICTIM), 1));
	guest_call(self->vcpu, guest_fill, VICTIM, 1, SEED);
	assert_others(self);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, VICTIM, 1, SEED));
}

TEST_F(poison, that_is_shared_with_its_content_stops_the_guest)
{
	become_secure_and_fail(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_hypercall,
			 KVM_HC_MAP_GPA_RANGE, VICTIM, 1, 0);
	EXPECT_EQ(0, uvm_host_read(self->uvm, VICTIM));
}

TEST_F(poison, that_is_given_back_by_an_abort_stops_the_guest)
{
	ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_INIT_START));
	ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_PAGE_IN, VICTIM, 0,
					       UVMEM_ORDER_4K));
	fail_victim(self);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_HWPOISON, VICTIM, guest_hypercall,
			 H_SVM_INIT_ABORT);
	EXPECT_EQ(0, uvm_host_read(self->uvm, VICTIM));
}

TEST_HARNESS_MAIN
