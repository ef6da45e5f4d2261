// SPDX-License-Identifier: GPL-2.0-only
/*
 * find_test - UVMEM_VM_FIND tells where pages of a state are, in the guest and in the VMM,
 * and which left last
 */
#include <time.h>

#include "harness.h"

#include "vm.h"

#define FIND_FIXTURE	FIXTURE_DATA(find)
#define NR	256ull
#define BIT_OF(state)	(1u << (state))
#define IS_OUT	(BIT_OF(UVMEM_PAGE_OUT) | BIT_OF(UVMEM_PAGE_ZERO) | BIT_OF(UVMEM_PAGE_POOL))

FIXTURE(find)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct uvmem_found found[UVMEM_FIND_MAX];
};

FIXTURE_SETUP(find)
{
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = NR });
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, NR, 1);
}

FIXTURE_TEARDOWN(find)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* From @gfn on, with room for @room ranges; 0 or -errno. */
static int find(FIND_FIXTURE *self, struct uvmem_find *find, u64 gfn, u32 room, u32 states)
{
	find->size = sizeof(*find);
	find->gfn = gfn;
	find->nr = room;
	find->states = states;
	find->found = (u64)self->found;
	memset(self->found, 0xff, sizeof(self->found));
	return ioctl(self->uvm->fd, UVMEM_VM_FIND, find) ? -errno : 0;
}

/* Of the test memory: the guest's own code and tables are elsewhere. */
static struct uvmem_find find_all(FIND_FIXTURE *self, u32 states, u32 max_away_ms)
{
	struct uvmem_find f = { .max_away_ms = max_away_ms };

	TEST_ASSERT_EQ(find(self, &f, gpa_to_gfn(MEM_GPA), UVMEM_FIND_MAX, states), 0);
	TEST_ASSERT_EQ(f.gfn, UVMEM_FIND_END);
	return f;
}

static u64 found_pages(FIND_FIXTURE *self, const struct uvmem_find *f)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < f->nr; i++)
		sum += self->found[i].nr_pages;
	return sum;
}

#define EXPECT_FOUND(i, page, nr_)						\
do {										\
	EXPECT_EQ(gpa_to_gfn(mem_page(page)), self->found[i].gfn);		\
	EXPECT_EQ((u64)uvm_hva(self->uvm, mem_page(page)), self->found[i].hva);	\
	EXPECT_EQ(nr_, self->found[i].nr_pages);				\
} while (0)

TEST_F(find, tells_ranges_with_their_addresses)
{
	struct uvmem_find f = find_all(self, IS_OUT, 0);

	EXPECT_EQ(0, f.nr);
	EXPECT_EQ(0, f.scanned % NR);
	uvm_page_out_all(self->uvm, mem_page(3), 5);
	uvm_page_out_all(self->uvm, mem_page(100), 1);
	f = find_all(self, BIT_OF(UVMEM_PAGE_OUT), 0);
	ASSERT_EQ(2, f.nr);
	EXPECT_FOUND(0, 3, 5);
	EXPECT_FOUND(1, 100, 1);
	/* The rest is in frames. */
	f = find_all(self, BIT_OF(UVMEM_PAGE_IN), 0);
	ASSERT_EQ(3, f.nr);
	EXPECT_FOUND(0, 0, 3);
	EXPECT_FOUND(1, 8, 92);
	EXPECT_FOUND(2, 101, NR - 101);
	EXPECT_EQ(0, find_all(self, BIT_OF(UVMEM_PAGE_POOL), 0).nr);
}

TEST_F(find, tells_states_apart)
{
	struct uvmem_find f;

	guest_call(self->vcpu, guest_fill_byte, mem_page(10), 1, 0x3c);
	EXPECT_EQ(2, uvm_page_out(self->uvm, mem_page(10), 2));
	f = find_all(self, BIT_OF(UVMEM_PAGE_OUT), 0);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 11, 1);
	f = find_all(self, BIT_OF(UVMEM_PAGE_ZERO), 0);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 10, 1);
	f = find_all(self, IS_OUT, 0);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 10, 2);
	/* What they tell of is what GET_STATES tells, of all of the VM. */
	ASSERT_EQ(0, find(self, &f, 0, UVMEM_FIND_MAX, BIT_OF(UVMEM_PAGE_IN)));
	EXPECT_EQ(uvm_count(self->uvm, MEM_GPA, NR, UVMEM_PAGE_IN) +
		  uvm_count(self->uvm, 0, SLOT0_PAGES, UVMEM_PAGE_IN), found_pages(self, &f));
}

TEST_F(find, goes_on_where_room_ended)
{
	struct uvmem_find f = {};
	u64 gfn = gpa_to_gfn(MEM_GPA), n;

	for (n = 0; n < 16; n++)
		uvm_page_out_all(self->uvm, mem_page(2 * n), 1);
	for (n = 0; n < 16; n++) {
		ASSERT_EQ(0, find(self, &f, gfn, 1, IS_OUT));
		ASSERT_EQ(1, f.nr);
		EXPECT_FOUND(0, 2 * n, 1);
		EXPECT_EQ(~0ull, self->found[1].gfn);
		gfn = f.gfn;
	}
	EXPECT_EQ(UVMEM_FIND_END, gfn);
	ASSERT_EQ(0, find(self, &f, gfn, 1, IS_OUT));
	EXPECT_EQ(0, f.nr);
	EXPECT_EQ(UVMEM_FIND_END, f.gfn);
}

TEST_F(find, looks_at_no_more_than_it_may)
{
	struct uvmem_find f = { .max_scan = 10 };

	uvm_page_out_all(self->uvm, mem_page(0), 12);
	ASSERT_EQ(0, find(self, &f, gpa_to_gfn(MEM_GPA), 8, IS_OUT));
	EXPECT_EQ(10, f.scanned);
	EXPECT_EQ(gpa_to_gfn(mem_page(10)), f.gfn);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 0, 10);
	ASSERT_EQ(0, find(self, &f, f.gfn, 8, IS_OUT));
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 10, 2);
	EXPECT_EQ(gpa_to_gfn(mem_page(20)), f.gfn);
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

TEST_F(find, tells_those_that_left_last)
{
	struct uvmem_find f;
	u64 since;

	uvm_page_out_all(self->uvm, mem_page(0), 8);
	usleep(500000);
	since = now_ms();
	uvm_page_out_all(self->uvm, mem_page(20), 4);
	/* However slow the machine is: what left before is at least 500 ms older. */
	f = find_all(self, IS_OUT, now_ms() - since + 100);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 20, 4);
	f = find_all(self, IS_OUT, 60000);
	ASSERT_EQ(2, f.nr);
	EXPECT_FOUND(0, 0, 8);
	/* One that came back has not left. */
	uvm_page_in_all(self->uvm, mem_page(20), 4);
	f = find_all(self, ~0u >> (32 - UVMEM_PAGE_NR_STATES) & ~1u, 60000);
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 0, 8);
}

TEST_F(find, tells_what_the_vmm_has_in_memory)
{
	struct uvmem_find f = { .flags = UVMEM_FIND_IN_MEMORY };
	u64 gfn = gpa_to_gfn(MEM_GPA);

	/* A page in a frame is not in the VMM's memory, one of no content nowhere. */
	guest_call(self->vcpu, guest_fill_byte, mem_page(0), 1, 0x3c);
	EXPECT_EQ(9, uvm_page_out(self->uvm, mem_page(0), 9));
	ASSERT_EQ(0, find(self, &f, gfn, 8, IS_OUT | BIT_OF(UVMEM_PAGE_IN)));
	ASSERT_EQ(1, f.nr);
	EXPECT_FOUND(0, 1, 8);
	EXPECT_EQ(NR, f.matched);
	/* Nor is one that was dropped; the last, so that it is not missed. */
	uvm_page_out_all(self->uvm, mem_page(20), 1);
	ASSERT_EQ(0, madvise(uvm_hva(self->uvm, mem_page(20)), PAGE_SIZE, MADV_DONTNEED));
	ASSERT_EQ(0, find(self, &f, gfn, 8, BIT_OF(UVMEM_PAGE_OUT)));
	ASSERT_EQ(1, f.nr);
	EXPECT_EQ(9, f.matched);
	/* To look is not to touch. */
	uvm_assert_state(self->uvm, mem_page(1), 8, UVMEM_PAGE_OUT);
	f.flags = UVMEM_FIND_IN_MEMORY << 1;
	EXPECT_EQ(-EINVAL, find(self, &f, gfn, 8, IS_OUT));
}

TEST_F(find, leaves_out_what_no_memslot_has)
{
	struct uvmem_find f;

	uvm_page_out_all(self->uvm, MEM_GPA, 4);
	vm_mem_region_delete(self->uvm->vm, MEM_SLOT);
	f = find_all(self, ~0u >> (32 - UVMEM_PAGE_NR_STATES) & ~1u, 0);
	EXPECT_EQ(0, f.nr);
}

TEST_F(find, takes_no_nonsense)
{
	struct uvmem_find f = {};

	EXPECT_EQ(-EINVAL, find(self, &f, 0, 0, IS_OUT));
	EXPECT_EQ(-EINVAL, find(self, &f, 0, UVMEM_FIND_MAX + 1, IS_OUT));
	EXPECT_EQ(-EINVAL, find(self, &f, 0, 1, 0));
	EXPECT_EQ(-EINVAL, find(self, &f, 0, 1, BIT_OF(UVMEM_PAGE_NONE) | IS_OUT));
	EXPECT_EQ(-EINVAL, find(self, &f, 0, 1, BIT_OF(UVMEM_PAGE_NR_STATES)));
	EXPECT_EQ(0, find(self, &f, 1ull << 40, 1, IS_OUT));
	EXPECT_EQ(0, find(self, &f, ~0ull - 1, 1, IS_OUT));
	uvm_page_out_all(self->uvm, MEM_GPA, 1);
	f = (struct uvmem_find){
		.size = sizeof(f), .nr = 1, .states = IS_OUT, .found = 8,
	};
	EXPECT_EQ(-1, ioctl(self->uvm->fd, UVMEM_VM_FIND, &f));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, f.nr);
	EXPECT_EQ(0, f.gfn);
}

TEST_HARNESS_MAIN
