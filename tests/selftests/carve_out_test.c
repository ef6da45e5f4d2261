// SPDX-License-Identifier: GPL-2.0-only
/*
 * carve_out_test - secure frames out of RAM that was reserved at boot: they are there and
 * nowhere else, all of it can be used and no more, and what fails is gone for good
 *
 * tests/suites/carve-out boots with reserve_mem= and loads the module with carve_out=.
 */
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"
#include "harness.h"
#include "vm.h"

/* Of its own each: find_frame() must not find what a former case left. */
#define SEED(page)	(0xca51e0u + (page))

FIXTURE(carve_out)
{
	u64 first, end;		/* pfn */
	struct uvm *uvm;
};

FIXTURE_VARIANT(carve_out)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(carve_out, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(carve_out, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

#define CARVE_OUT_FIXTURE	FIXTURE_DATA(carve_out)

/* What the module said when it was loaded last. */
static void find_range(CARVE_OUT_FIXTURE *self)
{
	char *log = kernel_log(), *line, *last = NULL;

	for (line = log; (line = strstr(line, "frames are in 0x")); line++)
		last = line;
	TEST_ASSERT(last && sscanf(last, "frames are in 0x%lx-0x%lx", &self->first, &self->end) == 2,
		    "the module does not say where frames are");
	self->first /= PAGE_SIZE;
	self->end /= PAGE_SIZE;
	free(log);
}

FIXTURE_SETUP(carve_out)
{
	find_range(self);
}

FIXTURE_TEARDOWN(carve_out)
{
	if (self->uvm)
		uvm_free(self->uvm);
}

static void vm_begin(CARVE_OUT_FIXTURE *self, u64 pages, enum vm_mem_backing_src_type src)
{
	self->uvm = uvm_create(&(struct uvm_config){ .mem_pages = pages, .src = src });
}

/* The frame of page @page, once the VM is secure. */
static u64 frame_of(CARVE_OUT_FIXTURE *self, u64 page)
{
	guest_call(self->uvm->vcpu[0], guest_fill, mem_page(page), 1, SEED(page));
	return find_frame(mem_page(page), SEED(page));
}

static int set_limit(u64 frames)
{
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = frames };

	return ioctl(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit) ? -errno : 0;
}

TEST_F(carve_out, has_all_frames)
{
	u64 page, pfn;

	vm_begin(self, HUGE_PAGES, variant->src);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, HUGE_PAGES, 1);
	uvm_esm(self->uvm);
	for (page = 0; page < HUGE_PAGES; page += 170) {
		pfn = frame_of(self, page);
		TEST_ASSERT(pfn >= self->first && pfn < self->end,
			    "page %lu is in pfn 0x%lx, which is not in 0x%lx-0x%lx", page, pfn,
			    self->first, self->end);
	}
}

TEST_F(carve_out, gives_2_mib_in_one_piece)
{
	u64 pfn;

	vm_begin(self, HUGE_PAGES, variant->src);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, HUGE_PAGES, 1);
	uvm_esm(self->uvm);
	pfn = frame_of(self, 0);
	TEST_ASSERT_EQ(pfn % HUGE_PAGES, 0ul);
	TEST_ASSERT_EQ(frame_of(self, HUGE_PAGES - 1), pfn + HUGE_PAGES - 1);
}

TEST_F(carve_out, limits_the_pool)
{
	u64 size = self->end - self->first, pfn;

	/* Those of the last case, where it ran before. */
	for (pfn = self->first; pfn < self->end; pfn++)
		size -= !!(host_page_flags(pfn) & KPF_HWPOISON);

	TEST_ASSERT_EQ(uvmem_get_pool().frames_limit, size);
	TEST_ASSERT_EQ(set_limit(size + 1), -EINVAL);
	TEST_ASSERT_EQ(set_limit(0), -EINVAL);
	TEST_ASSERT_EQ(uvmem_get_pool().frames_limit, size);
	TEST_ASSERT_EQ(set_limit(size - 1), 0);
	TEST_ASSERT_EQ(uvmem_get_pool().frames_limit, size - 1);
	TEST_ASSERT_EQ(set_limit(size), 0);
}

/* Nothing of it is lost on the way: twice. */
TEST_F(carve_out, is_enough_for_a_guest_that_is_larger)
{
	u64 size = uvmem_get_pool().frames_limit, pages = size + 4 * HUGE_PAGES, out;
	struct uvmem_vm_info info;
	int round;

	for (round = 0; round < 2; round++) {
		vm_begin(self, pages, variant->src);
		uvm_esm(self->uvm);
		guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, pages, 1 + round);
		uvm_info(self->uvm, &info);
		TEST_ASSERT(info.frames <= size && info.frames > size * 7 / 8, "%llu of %lu frames",
			    info.frames, size);
		out = uvm_count(self->uvm, MEM_GPA, pages, UVMEM_PAGE_OUT);
		TEST_ASSERT(out >= pages - size, "%lu pages are out", out);
		TEST_ASSERT_EQ(guest_call(self->uvm->vcpu[0], guest_verify, MEM_GPA, pages, 1 + round),
			       GUEST_OK);
		uvm_assert_sums(self->uvm);
		uvm_free(self->uvm);
		self->uvm = NULL;
		TEST_ASSERT_EQ(uvmem_get_pool().frames_used, 0ull);
	}
}

/* The memory stays as it is until the host boots again. */
TEST_F(carve_out, never_again_gives_memory_that_failed)
{
	u64 size = uvmem_get_pool().frames_limit, pages = size + HUGE_PAGES, pfn;

	vm_begin(self, HUGE_PAGES, variant->src);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, HUGE_PAGES, 1);
	uvm_esm(self->uvm);
	pfn = frame_of(self, 9);
	fail_memory(pfn);
	TEST_ASSERT_EQ(uvmem_get_pool().frames_limit, size);
	uvm_free(self->uvm);
	TEST_ASSERT_EQ(uvmem_get_pool().frames_limit, size - 1);
	TEST_ASSERT_EQ(set_limit(size), -EINVAL);

	/* All of the rest is in use, and nobody is stopped for what is not there. */
	vm_begin(self, pages, variant->src);
	uvm_esm(self->uvm);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, pages, 3);
	TEST_ASSERT_EQ(guest_call(self->uvm->vcpu[0], guest_verify, MEM_GPA, pages, 3), GUEST_OK);
	uvm_assert_sums(self->uvm);
	TEST_ASSERT(host_page_flags(pfn) & KPF_HWPOISON, "it is good again");
}

TEST_HARNESS_MAIN
