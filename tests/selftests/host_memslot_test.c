// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_memslot_test - the VMM deletes, creates, moves and changes the memslot of a page.
 * lib/host_table.h says what must happen. What becomes of detached pages, of slots
 * that are gone and of memory that cannot be secure: memslot_test.
 */
#include <sys/mman.h>

#include "host.h"

/* Where no column has its slot. */
#define FREE_GPA	(MEM_GPA + 2 * HOST_COLUMNS * HUGE_SIZE)

static struct kvm_userspace_memory_region2 *region_of(struct host_page *page)
{
	return &memslot2region(page->uvm->vm, page->slot)->region;
}

static int __set_slot(struct host_page *page, u32 flags, u64 gpa, u64 size, void *mem)
{
	return __vm_set_user_memory_region(page->uvm->vm, page->slot, flags, gpa, size, mem) ?
	       -errno : 0;
}

static void set_slot(struct host_page *page, u32 flags, u64 gpa, u64 size, void *mem)
{
	int ret = __set_slot(page, flags, gpa, size, mem);

	TEST_ASSERT(!ret, "memslot: %s", strerror(-ret));
}

static void delete(struct host_page *page)
{
	set_slot(page, 0, region_of(page)->guest_phys_addr, 0,
		 (void *)region_of(page)->userspace_addr);
}

static void create(struct host_page *page)
{
	struct kvm_userspace_memory_region2 *region = region_of(page);

	set_slot(page, 0, region->guest_phys_addr, region->memory_size,
		 (void *)region->userspace_addr);
}

static int slot_again(struct host_page *page)
{
	delete(page);
	create(page);
	return 0;
}

static int slot_delete(struct host_page *page)
{
	delete(page);
	page->no_sums = true;
	page->undo = create;
	return 0;
}

static int slot_move_and_back(struct host_page *page)
{
	struct kvm_userspace_memory_region2 *region = region_of(page);

	set_slot(page, 0, FREE_GPA, region->memory_size, (void *)region->userspace_addr);
	create(page);
	return 0;
}

static void original_memory(struct host_page *page)
{
	delete(page);
	create(page);
	munmap(page->other, region_of(page)->memory_size);
}

/* Of pages that are not secure the VMM has made a copy, but for one. */
static int slot_other_memory(struct host_page *page)
{
	struct kvm_userspace_memory_region2 *region = region_of(page);
	void *old = (void *)region->userspace_addr;

	page->other = mmap(NULL, region->memory_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(page->other != MAP_FAILED, "mmap");
	if (!host_page_is_secure(page)) {
		memcpy(page->other, old, region->memory_size);
		page->seen = HOST_BYTE;
		memset(page->other + ((void *)page->mem - old), HOST_BYTE, PAGE_SIZE);
	}
	delete(page);
	set_slot(page, 0, region->guest_phys_addr, region->memory_size, page->other);
	page->undo = original_memory;
	return 0;
}

static int slot_read_only(struct host_page *page)
{
	struct kvm_userspace_memory_region2 *region = region_of(page);

	return __set_slot(page, KVM_MEM_READONLY, region->guest_phys_addr,
			  region->memory_size, (void *)region->userspace_addr);
}

/* The guest has written the page by now: the log must say so. */
static void end_log(struct host_page *page)
{
	u64 nr = region_of(page)->memory_size / PAGE_SIZE;
	u64 off = (page->gpa - region_of(page)->guest_phys_addr) / PAGE_SIZE;
	unsigned long *log = calloc(nr / 64 + 1, 8);

	TEST_ASSERT(log, "no memory");
	kvm_vm_get_dirty_log(page->uvm->vm, page->slot, log);
	TEST_ASSERT(log[off / 64] & 1ul << off % 64, "the guest's write is not logged");
	free(log);
	create(page);
}

static int slot_dirty_log(struct host_page *page)
{
	struct kvm_userspace_memory_region2 *region = region_of(page);

	set_slot(page, KVM_MEM_LOG_DIRTY_PAGES, region->guest_phys_addr, region->memory_size,
		 (void *)region->userspace_addr);
	page->undo = end_log;
	return 0;
}

#define HOST_ROWS HOST_MEMSLOT_ROWS
#include "host_rows.h"

TEST_HARNESS_MAIN
