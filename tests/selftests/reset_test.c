// SPDX-License-Identifier: GPL-2.0-only
/*
 * reset_test - when the VMM resets the machine nothing of the guest's memory stays secure, and
 * nothing of it becomes visible
 *
 * A reset is what VMMs do for one: the boot vCPU's registers are put where a reset has
 * them. The guest's code and page tables are in memory that is never made secure here, so
 * that it can go on with its old registers afterwards, as a guest that booted anew.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define PAGES	(2 * HUGE_PAGES)

FIXTURE(reset)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct kvm_sregs old;
};

FIXTURE_VARIANT(reset)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(reset, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(reset, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

static u64 map(struct kvm_vcpu *vcpu, u64 gpa, u64 nr, u64 attributes)
{
	return hypercall_patient(vcpu, KVM_HC_MAP_GPA_RANGE, gpa, nr, attributes);
}

FIXTURE_SETUP(reset)
{
	struct uvm_config config = { .nr_vcpus = 2, .mem_pages = PAGES, .src = variant->src };

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 1);
	ASSERT_EQ(0, map(self->vcpu, MEM_GPA, PAGES, UVMEM_MAP_ENCRYPTED));
	ASSERT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	vcpu_sregs_get(self->vcpu, &self->old);
}

FIXTURE_TEARDOWN(reset)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* 0 or errno */
static int set_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	return _vcpu_sregs_set(vcpu, sregs) ? errno : 0;
}

static int do_reset(struct kvm_vcpu *vcpu, const struct kvm_sregs *old)
{
	struct kvm_sregs sregs = uvm_reset_sregs(old);

	return set_sregs(vcpu, &sregs);
}

static void run_on(struct kvm_vcpu *vcpu, struct kvm_sregs *old)
{
	TEST_ASSERT(!set_sregs(vcpu, old), "KVM_SET_SREGS: %s", strerror(errno));
}

TEST_F(reset, leaves_plain_empty_memory)
{
	struct uvm *uvm = self->uvm;

	ASSERT_EQ(0, do_reset(self->vcpu, &self->old));
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(uvm));
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_NORMAL);
	EXPECT_EQ(uvm->before.frames_used, uvmem_get_pool().frames_used);
	EXPECT_EQ(uvm->before.handles_used, uvmem_get_pool().handles_used);
	assert_no_markers(SEARCH_TOUCH);
	run_on(self->vcpu, &self->old);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, PAGES, 0));
}

TEST_F(reset, lets_the_guest_become_secure_again)
{
	struct uvm *uvm = self->uvm;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, do_reset(self->vcpu, &self->old));
		run_on(self->vcpu, &self->old);
		guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 2 + i);
		ASSERT_EQ(0, map(self->vcpu, MEM_GPA, PAGES, UVMEM_MAP_ENCRYPTED));
		EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(uvm));
		uvm_page_out_all(uvm, MEM_GPA, PAGES);
		assert_no_markers(SEARCH_TOUCH);
		ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 2 + i));
	}
}

TEST_F(reset, drops_what_is_in_any_state)
{
	struct uvm *uvm = self->uvm;
	int i;

	uvm_page_out_all(uvm, mem_page(16), 16);
	guest_call(self->vcpu, guest_fill_byte, mem_page(32), 16, 9);
	EXPECT_EQ(16, uvm_page_out(uvm, mem_page(32), 16));
	uvmem_set_sealed_pool(16 << 20);
	uvm_page_out(uvm, mem_page(48), 16);
	ASSERT_EQ(0, map(self->vcpu, mem_page(64), 16, 0));
	ASSERT_EQ(0, madvise(uvm_hva(uvm, mem_page(80)), 16 * PAGE_SIZE, MADV_DONTNEED));
	uvm_assert_state(uvm, mem_page(32), 16, UVMEM_PAGE_ZERO);
	uvm_assert_state(uvm, mem_page(48), 16, UVMEM_PAGE_POOL);
	uvm_assert_state(uvm, mem_page(64), 16, UVMEM_PAGE_SHARED);
	uvm_assert_state(uvm, mem_page(80), 16, UVMEM_PAGE_LOST);
	/* Firmware's devices write to what was the guest's: no forgery, since nobody reads it. */
	uvm_host_write(uvm, mem_page(17), 1);

	ASSERT_EQ(0, do_reset(self->vcpu, &self->old));
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_NORMAL);
	EXPECT_EQ(0, uvmem_get_pool().sealed_pool_pages);
	/* Not before: what is in it would be written out. */
	uvmem_set_sealed_pool(0);
	/* Those of handles that were dropped are free after a grace period. */
	for (i = 0; i < 1000 && uvmem_get_pool().frames_used != uvm->before.frames_used; i++)
		usleep(10000);
	EXPECT_EQ(uvm->before.frames_used, uvmem_get_pool().frames_used);
	run_on(self->vcpu, &self->old);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, 16, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(32), 32, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(80), 16, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(64), 16, 1));
	EXPECT_EQ(1, guest_call(self->vcpu, guest_read, mem_page(17)));
	/* Ciphertext without a seal is as good as noise, and stays the VMM's. */
	ASSERT_EQ(0, map(self->vcpu, mem_page(16), 16, UVMEM_MAP_ENCRYPTED));
	uvm_assert_state(uvm, mem_page(16), 16, UVMEM_PAGE_IN);
	EXPECT_EQ(1, guest_call(self->vcpu, guest_read, mem_page(17)));
}

TEST_F(reset, by_the_second_form_of_the_ioctl_does_the_same)
{
	struct kvm_sregs sregs = uvm_reset_sregs(&self->old);
	struct kvm_sregs2 sregs2 = {};

	memcpy(&sregs2, &sregs, offsetof(struct kvm_sregs2, flags));
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_SREGS2, &sregs2));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_NORMAL);
	run_on(self->vcpu, &self->old);
}

/* A second vCPU that waits for its SIPI is there all the time. */
TEST_F(reset, is_the_boot_vcpus_and_at_the_vector_only)
{
	struct kvm_sregs sregs = uvm_reset_sregs(&self->old), other;

	vcpu_sregs_get(self->uvm->vcpu[1], &other);
	EXPECT_EQ(0, do_reset(self->uvm->vcpu[1], &other));
	EXPECT_EQ(0, set_sregs(self->uvm->vcpu[1], &other));
	sregs.cs.base = 0xf0000;
	EXPECT_EQ(0, set_sregs(self->vcpu, &sregs));
	sregs = self->old;
	EXPECT_EQ(0, set_sregs(self->vcpu, &sregs));
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
}

static bool spin_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	guest_call(vcpu, guest_spin, *(u64 *)opaque);
	return true;
}

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* How many turns of guest_spin() take some seconds, at least? */
static u64 long_spin(struct kvm_vcpu *vcpu)
{
	u64 loops, start;

	for (loops = 10000;; loops *= 2) {
		start = now_ms();
		guest_call(vcpu, guest_spin, loops);
		if (now_ms() - start > 200)
			return 40 * loops;
	}
}

/* It could copy from pages that are still secure to such as are not any more. */
TEST_F(reset, is_refused_while_another_vcpu_runs)
{
	u64 loops = long_spin(self->vcpu);
	struct guest_thread thread = {
		.vcpu = self->uvm->vcpu[1], .step = spin_step, .opaque = &loops,
	};
	int ret;

	guest_thread_start(&thread);
	usleep(200000);
	ret = do_reset(self->vcpu, &self->old);
	EXPECT_EQ(EBUSY, ret);
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	guest_thread_stop(&thread, 1);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	EXPECT_EQ(0, do_reset(self->vcpu, &self->old));
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(self->uvm));
	run_on(self->vcpu, &self->old);
}

TEST_F(reset, wants_the_memslots_of_secure_pages)
{
	struct userspace_mem_region *region = memslot2region(self->uvm->vm, MEM_SLOT);

	vm_set_user_memory_region(self->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	EXPECT_EQ(EBUSY, do_reset(self->vcpu, &self->old));
	vm_set_user_memory_region(self->uvm->vm, MEM_SLOT, 0, MEM_GPA, PAGES * PAGE_SIZE,
				  region->host_mem);
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
}

/* What was stopped is not to be had back that way. */
TEST_F(reset, does_not_revive_a_stopped_guest)
{
	struct uvm *uvm = self->uvm;

	uvm_page_out_all(uvm, MEM_GPA, 1);
	uvm_host_flip(uvm, MEM_GPA, 1);
	guest_call_stops(uvm, self->vcpu, UVMEM_STOP_INTEGRITY, MEM_GPA, guest_read, MEM_GPA);
	EXPECT_EQ(0, do_reset(self->vcpu, &self->old));
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(uvm));
	guest_call_stops(uvm, self->vcpu, UVMEM_STOP_INTEGRITY, MEM_GPA, guest_read, MEM_GPA);
}

struct mover {
	struct uvm *uvm;
	bool quit;
};

static void *move_all_the_time(void *opaque)
{
	struct mover *m = opaque;
	struct uvmem_range range;

	while (!READ_ONCE(m->quit)) {
		__uvm_move(m->uvm, UVMEM_VM_PAGE_OUT, MEM_GPA, PAGES, UVMEM_RANGE_IGNORE_AGE, &range);
		__uvm_move(m->uvm, UVMEM_VM_PAGE_IN, MEM_GPA, PAGES, 0, &range);
	}
	return NULL;
}

TEST_F(reset, gets_its_way_while_pages_move)
{
	struct mover mover = { .uvm = self->uvm };
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, move_all_the_time, &mover));
	for (i = 0; i < 10; i++) {
		usleep(20000);
		ASSERT_EQ(0, do_reset(self->vcpu, &self->old));
		uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_NORMAL);
		run_on(self->vcpu, &self->old);
		guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, i);
		ASSERT_EQ(0, map(self->vcpu, MEM_GPA, PAGES, UVMEM_MAP_ENCRYPTED));
		ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, i));
	}
	mover.quit = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
