// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamper_test - what a host can do to a page that is out: each of it is found out,
 * stops that guest with a KVM exit that names reason and gpa, an event and a
 * counter, and leaves other guests alone
 */
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define TAMPER_FIXTURE	FIXTURE_DATA(tamper)

#define VICTIM		mem_page(21)
#define OTHER		mem_page(40)

FIXTURE(tamper)
{
	struct uvm *uvm;	/* the one that is tampered with */
	struct uvm *other;	/* must not notice */
	u8 *page;		/* the VMM's view of VICTIM */
};

FIXTURE_VARIANT(tamper)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(tamper, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(tamper, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

FIXTURE_SETUP(tamper)
{
	struct uvm_config config = { .mem_pages = HUGE_PAGES, .src = variant->src };

	self->uvm = uvm_create(&config);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	uvm_esm(self->uvm);
	config = (struct uvm_config){};
	self->other = uvm_create(&config);
	guest_call(self->other->vcpu[0], guest_fill, MEM_GPA, 64, 2);
	uvm_esm(self->other);
	self->page = uvm_hva(self->uvm, VICTIM);
	self->uvm->shares_pool = true;
	self->other->shares_pool = true;

	uvm_page_out_all(self->uvm, MEM_GPA, 64);
	uvm_page_out_all(self->other, MEM_GPA, 64);
}

FIXTURE_TEARDOWN(tamper)
{
	struct uvmem_pool before = self->uvm->before;

	uvm_free_unchecked(self->other);
	uvm_free_unchecked(self->uvm);
	uvmem_assert_nothing_left(&before);
}

/* The guest's next look at its page stops it, and tells so everywhere. */
static void expect_stop(struct __test_metadata *_metadata, TAMPER_FIXTURE *self,
			enum uvmem_stop_reason reason, u64 gpa)
{
	struct pollfd pfd = { .fd = self->uvm->fd, .events = POLLIN };
	u64 failures = uvm_stat(self->uvm, "integrity_failures");
	struct uvmem_event event;
	bool told = false;

	/* Others can still be read: only this page is wrong. */
	ASSERT_EQ(GUEST_OK, guest_call(self->uvm->vcpu[0], guest_verify, mem_page(50), 5, 1));
	guest_call_stops(self->uvm, self->uvm->vcpu[0], reason, gpa, guest_verify, gpa, 1, 1);

	while (poll(&pfd, 1, 0) == 1 && read(pfd.fd, &event, sizeof(event)) == sizeof(event)) {
		if (event.type != UVMEM_EVENT_VM_STOPPED)
			continue;
		told = true;
		EXPECT_EQ(self->uvm->id, event.vm_id);
		EXPECT_EQ(reason, event.value[0]);
		EXPECT_EQ(gpa, event.value[1] & PAGE_MASK);
	}
	EXPECT_TRUE(told);
	if (reason == UVMEM_STOP_INTEGRITY)
		EXPECT_EQ(failures + 1, uvm_stat(self->uvm, "integrity_failures"));

	EXPECT_EQ(GUEST_OK, guest_call(self->other->vcpu[0], guest_verify, MEM_GPA, 64, 2));
	EXPECT_EQ(0, uvm_stat(self->other, "integrity_failures"));
}

TEST_F(tamper, nothing_was_touched_and_the_guest_goes_on)
{
	EXPECT_EQ(GUEST_OK, guest_call(self->uvm->vcpu[0], guest_verify, MEM_GPA, 64, 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->other->vcpu[0], guest_verify, MEM_GPA, 64, 2));
}

TEST_F(tamper, with_the_first_bit_stops_the_guest)
{
	self->page[0] ^= 0x01;
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, with_the_last_bit_stops_the_guest)
{
	self->page[PAGE_SIZE - 1] ^= 0x80;
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, with_any_bit_is_found)
{
	struct uvmem_range range;
	u64 i, bit;

	/* Another one in each page: every 64th byte and every bit of a byte has its turn. */
	for (i = 0; i < 64; i++) {
		bit = (i * PAGE_SIZE / 64 + i) * 8 + i % 8;
		uvm_host_flip(self->uvm, mem_page(i) + bit / 8, 1 << bit % 8);
	}
	/* The first one stops the guest; the host can still try the others. */
	ASSERT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 64, 0, &range));
	EXPECT_EQ(0, range.moved);
	uvm_assert_state(self->uvm, MEM_GPA, 64, UVMEM_PAGE_OUT);
	EXPECT_LE(64, uvm_stat(self->uvm, "integrity_failures"));
	guest_call_stops(self->uvm, self->uvm->vcpu[0], UVMEM_STOP_INTEGRITY, MEM_GPA, guest_nop);
}

TEST_F(tamper, by_zeroing_stops_the_guest)
{
	memset(self->page, 0, PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, by_putting_it_back_is_none)
{
	self->page[100] ^= 0x10;
	self->page[100] ^= 0x10;
	EXPECT_EQ(GUEST_OK, guest_call(self->uvm->vcpu[0], guest_verify, MEM_GPA, 64, 1));
}

TEST_F(tamper, by_replay_of_an_older_ciphertext_stops_the_guest)
{
	u8 old[PAGE_SIZE];

	memcpy(old, self->page, PAGE_SIZE);
	/* The guest has the page, changes it, and it goes out again. */
	guest_call(self->uvm->vcpu[0], guest_write, VICTIM + 64, 1234);
	uvm_page_out_all(self->uvm, VICTIM, 1);
	memcpy(self->page, old, PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, by_replay_of_the_same_content_stops_the_guest)
{
	u8 old[PAGE_SIZE];

	memcpy(old, self->page, PAGE_SIZE);
	uvm_page_in_all(self->uvm, VICTIM, 1);
	uvm_page_out_all(self->uvm, VICTIM, 1);
	EXPECT_NE(0, memcmp(old, self->page, PAGE_SIZE));
	memcpy(self->page, old, PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, by_swapping_two_pages_stops_the_guest)
{
	u8 *other = uvm_hva(self->uvm, OTHER), tmp[PAGE_SIZE];

	memcpy(tmp, self->page, PAGE_SIZE);
	memcpy(self->page, other, PAGE_SIZE);
	memcpy(other, tmp, PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, by_moving_it_in_the_address_space_stops_the_guest)
{
	/* No byte changes: the kernel moves the page from one address to another. */
	void *at = uvm_hva(self->uvm, OTHER);

	ASSERT_EQ(at, mremap(self->page, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at));
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, OTHER);
}

TEST_F(tamper, with_a_page_of_another_vm_stops_the_guest)
{
	memcpy(self->page, uvm_hva(self->other, VICTIM), PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_INTEGRITY, VICTIM);
}

TEST_F(tamper, by_dropping_the_ciphertext_stops_the_guest)
{
	ASSERT_EQ(0, madvise(self->page, PAGE_SIZE, MADV_DONTNEED));
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_OUT);
	uvm_assert_sums(self->uvm);
	expect_stop(_metadata, self, UVMEM_STOP_MISSING, VICTIM);
}

TEST_F(tamper, by_dropping_a_resident_page_stops_the_guest)
{
	uvm_page_in_all(self->uvm, VICTIM, 1);
	ASSERT_EQ(0, madvise(self->page, PAGE_SIZE, MADV_DONTNEED));
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_LOST);
	expect_stop(_metadata, self, UVMEM_STOP_LOST, VICTIM);
	EXPECT_EQ(1, uvm_stat(self->uvm, "dropped"));
}

TEST_F(tamper, by_dropping_a_same_filled_page_stops_the_guest)
{
	guest_call(self->uvm->vcpu[0], guest_fill_byte, VICTIM, 1, 0);
	uvm_page_out(self->uvm, VICTIM, 1);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_ZERO);
	ASSERT_EQ(0, madvise(self->page, PAGE_SIZE, MADV_DONTNEED));
	expect_stop(_metadata, self, UVMEM_STOP_LOST, VICTIM);
}

TEST_F(tamper, by_other_memory_at_the_address_stops_the_guest)
{
	void *mem = mmap(self->page, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_EQ(self->page, mem);
	expect_stop(_metadata, self, UVMEM_STOP_MISSING, VICTIM);
}

TEST_F(tamper, by_shared_memory_at_the_address_stops_the_guest)
{
	void *mem = mmap(self->page, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_EQ(self->page, mem);
	memset(mem, 1, PAGE_SIZE);
	expect_stop(_metadata, self, UVMEM_STOP_NOT_ANON, VICTIM);
}

TEST_F(tamper, found_by_a_prefetch_stops_the_guest)
{
	struct uvmem_range range;
	struct uvmem_vm_info info;

	self->page[5] ^= 1;
	/* The call itself does not fail the caller: it tells what moved. */
	__uvm_move(self->uvm, UVMEM_VM_PAGE_IN, VICTIM, 1, 0, &range);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_OUT);
	uvm_info(self->uvm, &info);
	EXPECT_EQ(UVMEM_STOP_INTEGRITY, info.stop_reason);
	EXPECT_EQ(VICTIM, info.stop_gpa & PAGE_MASK);
	guest_call_stops(self->uvm, self->uvm->vcpu[0], UVMEM_STOP_INTEGRITY, VICTIM,
			 guest_nop);
}

static void *run_for_ever(void *arg)
{
	struct kvm_vcpu *vcpu = arg;

	/* Never leaves for user space by itself. */
	guest_start(vcpu, guest_spin, ~0ull);
	return (void *)(long)guest_run(vcpu, NULL);
}

TEST(tamper_stops_all_vcpus_at_once)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .nr_vcpus = 2 });
	struct timespec until;
	pthread_t thread;
	void *status;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	uvm_esm(uvm);
	uvm_page_out_all(uvm, VICTIM, 1);
	uvm_host_flip(uvm, VICTIM, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_for_ever, uvm->vcpu[1]));
	usleep(100000);
	guest_call_stops(uvm, uvm->vcpu[0], UVMEM_STOP_INTEGRITY, VICTIM, guest_verify,
			 VICTIM, 1, 1);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	ASSERT_EQ(0, pthread_timedjoin_np(thread, &status, &until));
	EXPECT_EQ(RUN_STOPPED, (long)status);
	EXPECT_EQ(UVMEM_STOP_INTEGRITY, uvm->vcpu[1]->run->internal.data[0]);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
