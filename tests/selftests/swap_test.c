// SPDX-License-Identifier: GPL-2.0-only
/*
 * swap_test - ciphertext goes to the host's swap and comes back; so does memory that
 * is not secure yet
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define PAGES	256

FIXTURE(swap)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(swap)
{
	char line[256];
	int lines = 0;
	FILE *f = fopen("/proc/swaps", "r");

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	self->uvm = NULL;
	if (lines < 2)
		SKIP(return, "the host has no swap (tests/vm/run --disk)");
	self->uvm = uvm_create(&(struct uvm_config){ .mem_pages = PAGES });
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 1);
}

FIXTURE_TEARDOWN(swap)
{
	if (!self->uvm)
		return;
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* How many pages of the test memory are not on swap (or on their way). */
static u64 present(struct uvm *uvm)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	u64 entries[PAGES], i, n = 0;

	TEST_ASSERT(fd >= 0 && pread(fd, entries, sizeof(entries),
				     (u64)uvm_hva(uvm, MEM_GPA) / PAGE_SIZE * 8) ==
		    sizeof(entries), "pagemap");
	close(fd);
	for (i = 0; i < PAGES; i++)
		n += !(entries[i] & (1ull << 62));
	return n;
}

/* The same, as the module tells it. */
static u64 found_in_memory(struct uvm *uvm)
{
	struct uvmem_found found[PAGES];
	struct uvmem_find find = {
		.size = sizeof(find), .nr = PAGES, .gfn = gpa_to_gfn(MEM_GPA), .max_scan = PAGES,
		.states = 1 << UVMEM_PAGE_OUT, .flags = UVMEM_FIND_IN_MEMORY, .found = (u64)found,
	};
	u64 sum = 0;
	u32 i;

	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_FIND, &find), "%s", strerror(errno));
	TEST_ASSERT_EQ(find.matched, PAGES);
	for (i = 0; i < find.nr; i++)
		sum += found[i].nr_pages;
	return sum;
}

static void swap_out(struct __test_metadata *_metadata, struct uvm *uvm)
{
	int i;

	for (i = 0; i < 200 && present(uvm) > PAGES / 10; i++) {
		ASSERT_EQ(0, madvise(uvm_hva(uvm, MEM_GPA), PAGES * PAGE_SIZE, MADV_PAGEOUT));
		usleep(10000);
	}
	ASSERT_GE(PAGES / 10, present(uvm));
}

TEST_F(swap, of_ciphertext_brings_it_back_by_a_guest_fault)
{
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
	swap_out(_metadata, self->uvm);
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_OUT);
	EXPECT_EQ(present(self->uvm), found_in_memory(self->uvm));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
}

TEST_F(swap, of_ciphertext_brings_it_back_by_ioctl_and_hypercall)
{
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
	swap_out(_metadata, self->uvm);
	uvm_page_in_all(self->uvm, MEM_GPA, PAGES - 1);
	EXPECT_EQ(H_SUCCESS, hypercall(self->vcpu, H_SVM_PAGE_IN, mem_page(PAGES - 1), 0, 12));
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
}

TEST_F(swap, of_memory_that_is_not_secure_yet_does_not_hinder_the_esm)
{
	swap_out(_metadata, self->uvm);
	/* At the first call: what is on swap is no reason to be busy. */
	EXPECT_EQ(U_SUCCESS, hypercall(self->vcpu, UV_ESM));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	assert_no_markers(SEARCH_TOUCH);
}

TEST_F(swap, of_resident_secure_pages_is_impossible)
{
	int i;

	uvm_esm(self->uvm);
	for (i = 0; i < 5; i++)
		madvise(uvm_hva(self->uvm, MEM_GPA), PAGES * PAGE_SIZE, MADV_PAGEOUT);
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
}

TEST_F(swap, of_ciphertext_can_be_tampered_with_no_better)
{
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
	uvm_host_flip(self->uvm, mem_page(7), 4);
	swap_out(_metadata, self->uvm);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_INTEGRITY, mem_page(7), guest_verify,
			 mem_page(7), 1, 1);
}

TEST_HARNESS_MAIN
