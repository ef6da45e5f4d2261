// SPDX-License-Identifier: GPL-2.0-only
/*
 * slots.c - memslots come, go and move
 */
#include <sys/mman.h>

#include "kselftest.h"

#include "fault.h"

#define SLOT2		7

static void *slot_mem(void)
{
	static void *mem;

	if (mem)
		return mem;
	mem = mmap(NULL, 4 * HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(mem != MAP_FAILED, "mmap");
	return mem;
}

static int set_slot(struct fault *f, u64 gpa, u64 size)
{
	return __vm_set_user_memory_region(f->uvm->vm, SLOT2, 0, gpa, size, slot_mem()) ? -errno : 0;
}

static void slot_none(struct fault *f)
{
	pages_in(f);
	slot_mem();
}

/*
 * Where nobody has been: a 2 MiB once covered in part keeps its words. It ends where a
 * node of the table's xarray (64 times 2 MiB) does, so that places are made and given back.
 */
static u64 slot_gpa(struct fault *f)
{
	return 0x100000000ull + f->n * 128 * HUGE_SIZE + 62 * HUGE_SIZE;
}

/* One chunk as a whole and two in part. */
#define SLOT_SIZE	(3 * HUGE_SIZE - 64 * PAGE_SIZE)

static void do_slot_create(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, slot_gpa(f) + 32 * PAGE_SIZE, SLOT_SIZE);
}

static u64 registered(struct fault *f)
{
	struct uvmem_vm_info info;
	u64 sum = 0, i;

	uvm_info(f->uvm, &info);
	for (i = 0; i < ARRAY_SIZE(info.pages); i++)
		sum += info.pages[i];
	TEST_ASSERT_EQ(sum, info.registered_pages + info.detached_pages);
	return info.registered_pages;
}

static void check_slot_create(struct fault *f)
{
	u64 base = SLOT0_PAGES + 2 * HUGE_PAGES, nr = SLOT_SIZE / PAGE_SIZE;

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "create: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), base + (f->ret ? 0 : nr));
	if (f->ret) {
		/* Another one, in the middle of what the failed one had prepared. */
		TEST_ASSERT_EQ(set_slot(f, slot_gpa(f) + HUGE_SIZE + 16 * PAGE_SIZE, 64 * PAGE_SIZE), 0);
		TEST_ASSERT_EQ(registered(f), base + 64);
		uvm_assert_state(f->uvm, slot_gpa(f) + HUGE_SIZE, 16, UVMEM_PAGE_NONE);
		uvm_assert_state(f->uvm, slot_gpa(f) + HUGE_SIZE + 16 * PAGE_SIZE, 64,
				 UVMEM_PAGE_NORMAL);
		TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
		TEST_ASSERT_EQ(registered(f), base);
		TEST_ASSERT_EQ(set_slot(f, slot_gpa(f) + 32 * PAGE_SIZE, SLOT_SIZE), 0);
	}
	TEST_ASSERT_EQ(uvm_count(f->uvm, slot_gpa(f) + 32 * PAGE_SIZE, nr, UVMEM_PAGE_NORMAL), nr);
	TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	TEST_ASSERT_EQ(registered(f), base);
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void slot_there(struct fault *f)
{
	slot_none(f);
	TEST_ASSERT_EQ(set_slot(f, slot_gpa(f), 2 * HUGE_SIZE), 0);
}

static void do_slot_delete(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, 0, 0);
}

static void check_slot_delete(struct fault *f)
{
	u64 base = SLOT0_PAGES + 2 * HUGE_PAGES;

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "delete: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), base + (f->ret ? 2 * HUGE_PAGES : 0));
	if (f->ret)
		TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	verify(f, 0, PAGES + NEIGHBOURS);
}

/* To where it overlaps the old place: its slot of the table goes and comes. */
static void do_slot_move(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, slot_gpa(f) + HUGE_SIZE, 2 * HUGE_SIZE);
}

static void check_slot_move(struct fault *f)
{
	u64 gpa = slot_gpa(f) + (f->ret ? 0 : HUGE_SIZE);

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "move: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), SLOT0_PAGES + 4 * HUGE_PAGES);
	TEST_ASSERT_EQ(uvm_count(f->uvm, gpa, 2 * HUGE_PAGES, UVMEM_PAGE_NORMAL), 2 * HUGE_PAGES);
	TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	TEST_ASSERT_EQ(registered(f), SLOT0_PAGES + 2 * HUGE_PAGES);
	verify(f, 0, PAGES + NEIGHBOURS);
}

const struct fault_op slot_ops[] = {
	{ "memslot create", slot_none, do_slot_create, check_slot_create, .least = 3 },
	{ "memslot delete", slot_there, do_slot_delete, check_slot_delete, .least = 1 },
	{ "memslot move", slot_there, do_slot_move, check_slot_move, .least = 2 },
	{}
};
