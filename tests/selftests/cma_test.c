// SPDX-License-Identifier: GPL-2.0-only
/*
 * cma_test - the VMM's pages lie in an area for contiguous allocations (CMA), whose pages
 * must stay movable: what becomes secure leaves it, secure frames are never from there, and
 * what is shared is moved out of it when somebody pins it for long
 *
 * tests/suites/cma boots with an area (cma=1500M) that makes up most of its zone: then the page
 * allocator takes movable pages from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "frames.h"
#include "harness.h"
#include "search.h"
#include "uring.h"
#include "vm.h"

#define SEED		1
#define VICTIM		mem_page(9)
#define FILLER_SIZE	(64ul << 20)

FIXTURE(cma)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	void *filler;
	u64 first, end;		/* of the area, pfn */
};

FIXTURE_VARIANT(cma)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(cma, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(cma, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

#define CMA_FIXTURE	FIXTURE_DATA(cma)

static bool find_area(CMA_FIXTURE *self)
{
	char *log = kernel_log(), *line;
	unsigned long mib, base;

	line = strstr(log, "cma: Reserved ");
	if (!line || sscanf(line, "cma: Reserved %lu MiB at %lx", &mib, &base) != 2)
		mib = 0;
	else
		self->first = base / PAGE_SIZE;
	self->end = self->first + (mib << 20) / PAGE_SIZE;
	free(log);
	return mib;
}

static bool in_area(CMA_FIXTURE *self, u64 pfn)
{
	return pfn >= self->first && pfn < self->end;
}

static bool page_in_area(CMA_FIXTURE *self, u64 gpa)
{
	return in_area(self, host_pfn(uvm_hva(self->uvm, gpa)));
}

/* How many of the VMM's pages of the test memory? */
static u64 count_in_area(CMA_FIXTURE *self)
{
	u64 i, n = 0;

	for (i = 0; i < HUGE_PAGES; i++)
		n += page_in_area(self, mem_page(i));
	return n;
}

/* A few may have been left over from elsewhere; not the victim, and not many. */
static void assert_in_area(CMA_FIXTURE *self)
{
	TEST_ASSERT(page_in_area(self, VICTIM), "the victim is not in the area");
	TEST_ASSERT(count_in_area(self) > HUGE_PAGES * 9 / 10, "%lu pages are in the area",
		    count_in_area(self));
}

FIXTURE_SETUP(cma)
{
	struct uvm_config config = { .mem_pages = HUGE_PAGES, .src = variant->src };

	if (!find_area(self))
		SKIP(return, "no CMA area: boot with cma=1500M, as tests/suites/cma does");
	/* What the CPUs have put by for themselves is used up first. */
	self->filler = mmap(NULL, FILLER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->filler);
	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, HUGE_PAGES, SEED);
	assert_in_area(self);
}

FIXTURE_TEARDOWN(cma)
{
	if (!self->uvm)
		return;
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, SEED));
	uvm_assert_sums(self->uvm);
	assert_no_markers(SEARCH_PRESENT);
	uvm_free(self->uvm);
	munmap(self->filler, FILLER_SIZE);
}

static void assert_frame_is_outside(CMA_FIXTURE *self, u64 seed)
{
	u64 pfn;

	guest_call(self->vcpu, guest_fill, VICTIM, 1, seed);
	pfn = find_frame(VICTIM, seed);
	TEST_ASSERT(!in_area(self, pfn), "the frame, pfn 0x%lx, is in the area", pfn);
	guest_call(self->vcpu, guest_fill, VICTIM, 1, SEED);
}

TEST_F(cma, at_ESM_becomes_secure_outside_of_it)
{
	/* At the first call: memory in the area is no reason to be busy. */
	EXPECT_EQ(U_SUCCESS, hypercall(self->vcpu, UV_ESM));
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	assert_frame_is_outside(self, 0xc3a1);
}

TEST_F(cma, at_page_in_leaves_it_for_a_frame_outside)
{
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, HUGE_PAGES);
	/* Ciphertext is movable: it may lie there. */
	assert_in_area(self);
	uvm_page_in_all(self->uvm, MEM_GPA, HUGE_PAGES);
	assert_frame_is_outside(self, 0xc3a2);
}

TEST_F(cma, at_share_is_there_again_and_usable)
{
	uvm_esm(self->uvm);
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA),
					       HUGE_PAGES));
	assert_in_area(self);
	uvm_host_write(self->uvm, VICTIM, 42);
	EXPECT_EQ(42, guest_call(self->vcpu, guest_read, VICTIM));
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA),
					       HUGE_PAGES));
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	guest_call(self->vcpu, guest_fill, MEM_GPA, HUGE_PAGES, SEED);
	assert_frame_is_outside(self, 0xc3a3);
}

TEST_F(cma, that_is_held_for_a_moment_is_U_BUSY)
{
	struct iovec iov = { uvm_hva(self->uvm, VICTIM), PAGE_SIZE };
	int fd[2];

	ASSERT_EQ(0, pipe(fd));
	/* No pin for long: it stays where it is, and cannot move. */
	ASSERT_EQ(PAGE_SIZE, vmsplice(fd[1], &iov, 1, 0));
	EXPECT_EQ(true, page_in_area(self, VICTIM));
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_ESM));
	close(fd[0]);
	close(fd[1]);
	uvm_esm(self->uvm);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
}

TEST_F(cma, that_is_shared_moves_out_of_it_before_a_pin)
{
	u8 data[PAGE_SIZE];
	int ring, fd;

	uvm_esm(self->uvm);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(VICTIM), 1));
	guest_call(self->vcpu, guest_fill_byte, VICTIM, 1, 0x66);
	EXPECT_EQ(true, page_in_area(self, VICTIM));

	/* The kernel moves what it pins for long; the guest's mapping has to follow. */
	ring = uring_register(uvm_hva(self->uvm, VICTIM), PAGE_SIZE);
	EXPECT_EQ(false, page_in_area(self, VICTIM));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, VICTIM, 1, 0x66));
	guest_call(self->vcpu, guest_fill_byte, VICTIM, 1, 0x77);
	fd = memfd_create("file", 0);
	ASSERT_EQ(PAGE_SIZE, uring_write(fd, uvm_hva(self->uvm, VICTIM), PAGE_SIZE));
	ASSERT_EQ(PAGE_SIZE, pread(fd, data, PAGE_SIZE, 0));
	EXPECT_EQ(0x77, data[0]);
	EXPECT_EQ(0x77, data[PAGE_SIZE - 1]);
	close(fd);
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(VICTIM), 1));
	close(ring);
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(VICTIM), 1));
	guest_call(self->vcpu, guest_fill, VICTIM, 1, SEED);
	assert_frame_is_outside(self, 0xc3a4);
}

TEST_F(cma, that_is_resident_is_pinned_as_ciphertext_outside_of_it)
{
	int ring;

	/* The pin is a touch; the page that it makes is for long. */
	uvm_esm(self->uvm);
	ring = uring_register(uvm_hva(self->uvm, VICTIM), PAGE_SIZE);
	uvm_assert_state(self->uvm, VICTIM, 1, UVMEM_PAGE_OUT);
	EXPECT_EQ(false, page_in_area(self, VICTIM));
	EXPECT_EQ(0, search_markers_in(uvm_hva(self->uvm, VICTIM), PAGE_SIZE).markers);
	close(ring);
}

TEST_HARNESS_MAIN
