// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_mapping_test - the VMM protects, moves, unmaps and replaces what is mapped for
 * the guest. lib/host_table.h says what must happen.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "host.h"
#include "search.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

static void protect(struct host_page *page, int prot)
{
	TEST_ASSERT(!mprotect(page->mem, PAGE_SIZE, prot), "mprotect: %s", strerror(errno));
}

static void unprotect(struct host_page *page)
{
	protect(page, PROT_READ | PROT_WRITE);
}

static int protect_none(struct host_page *page)
{
	protect(page, PROT_NONE);
	page->undo = unprotect;
	return 0;
}

static int protect_read(struct host_page *page)
{
	protect(page, PROT_READ);
	page->undo = unprotect;
	return 0;
}

static int protect_and_back(struct host_page *page)
{
	protect(page, PROT_NONE);
	protect(page, PROT_READ);
	unprotect(page);
	return 0;
}

/* ---- moving ----------------------------------------------------------------------------- */

static void *elsewhere(void)
{
	void *mem = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(mem != MAP_FAILED, "mmap");
	return mem;
}

static void move(void *from, void *to, int flags)
{
	TEST_ASSERT(mremap(from, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED | flags,
			   to) == to, "mremap: %s", strerror(errno));
}

/* What was moved away has no plaintext either; and then it is gone. */
static void unmap_other(struct host_page *page)
{
	munmap(page->other, PAGE_SIZE);
}

static int move_away(struct host_page *page)
{
	page->other = elsewhere();
	move(page->mem, page->other, 0);
	page->undo = unmap_other;
	return 0;
}

static int move_and_leave(struct host_page *page)
{
	page->other = elsewhere();
	move(page->mem, page->other, MREMAP_DONTUNMAP);
	page->seen = 0;
	page->undo = unmap_other;
	return 0;
}

static int move_and_back(struct host_page *page)
{
	void *other = elsewhere();

	move(page->mem, other, 0);
	move(other, page->mem, 0);
	return 0;
}

/* A resident page from behind the pages alike is put in the page's place. */
static int move_handle_over(struct host_page *page)
{
	u64 gpa = page->base + page->nr * PAGE_SIZE;

	guest_call(page->uvm->vcpu[0], guest_touch, gpa, 1);
	uvm_assert_state(page->uvm, gpa, 1, IN);
	move(uvm_hva(page->uvm, gpa), page->mem, MREMAP_DONTUNMAP);
	return 0;
}

/* ---- other memory ------------------------------------------------------------------------ */

static void map_again(struct host_page *page)
{
	TEST_ASSERT(mmap(page->mem, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page->mem, "mmap");
}

static int unmap(struct host_page *page)
{
	return munmap(page->mem, PAGE_SIZE) ? -errno : 0;
}

static int map_over(struct host_page *page)
{
	map_again(page);
	page->seen = 0;
	return 0;
}

static int map_shared_over(struct host_page *page)
{
	TEST_ASSERT(mmap(page->mem, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page->mem, "mmap");
	memset(page->mem, HOST_BYTE, PAGE_SIZE);
	page->seen = HOST_BYTE;
	page->undo = map_again;
	page->undo_first = true;
	return 0;
}

static int drop(struct host_page *page)
{
	page->seen = 0;
	return madvise(page->mem, PAGE_SIZE, MADV_DONTNEED) ? -errno : 0;
}

static int guard(struct host_page *page)
{
	return madvise(page->mem, PAGE_SIZE, MADV_GUARD_INSTALL) ? -errno : 0;
}

/* ---- userfaultfd ---------------------------------------------------------------------------- */

static void unwatch(struct host_page *page)
{
	close(page->fd[0]);
}

static void watch(struct host_page *page, u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (u64)page->mem, .len = PAGE_SIZE },
		.mode = mode,
	};

	page->fd[0] = syscall(__NR_userfaultfd, O_CLOEXEC);
	TEST_ASSERT(page->fd[0] >= 0, "userfaultfd: %s", strerror(errno));
	TEST_ASSERT(!ioctl(page->fd[0], UFFDIO_API, &api), "UFFDIO_API: %s", strerror(errno));
	TEST_ASSERT(!ioctl(page->fd[0], UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER: %s",
		    strerror(errno));
	page->undo = unwatch;
}

static int watch_missing(struct host_page *page)
{
	watch(page, UFFDIO_REGISTER_MODE_MISSING);
	return 0;
}

/* Write-protected by it; to read is allowed. */
static int watch_writes(struct host_page *page)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (u64)page->mem, .len = PAGE_SIZE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	watch(page, UFFDIO_REGISTER_MODE_WP);
	TEST_ASSERT(!ioctl(page->fd[0], UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT: %s",
		    strerror(errno));
	return 0;
}

/* What the VMM puts into a hole; the guest's memory is nowhere a hole but where it is absent. */
static int fill_missing(struct host_page *page)
{
	u8 data[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	struct uffdio_copy copy = { .dst = (u64)page->mem, .src = (u64)data, .len = PAGE_SIZE };

	memset(data, HOST_BYTE, sizeof(data));
	watch(page, UFFDIO_REGISTER_MODE_MISSING);
	return ioctl(page->fd[0], UFFDIO_COPY, &copy) ? -errno : 0;
}

static int fill_missing_zero(struct host_page *page)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (u64)page->mem, .len = PAGE_SIZE },
	};

	watch(page, UFFDIO_REGISTER_MODE_MISSING);
	return ioctl(page->fd[0], UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

static void unwatch_elsewhere(struct host_page *page)
{
	unwatch(page);
	munmap(page->other, PAGE_SIZE);
}

/* Elsewhere in the VMM's memory. */
static int move_missing(struct host_page *page)
{
	struct host_page elsewhere = *page;
	struct uffdio_move move = { .src = (u64)page->mem, .len = PAGE_SIZE };
	int i, ret = -EAGAIN;

	page->other = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	TEST_ASSERT(page->other != MAP_FAILED, "mmap");
	elsewhere.mem = page->other;
	watch(&elsewhere, UFFDIO_REGISTER_MODE_MISSING);
	page->fd[0] = elsewhere.fd[0];
	page->undo = unwatch_elsewhere;
	page->seen = 0;
	move.dst = (u64)page->other;
	/* Busy with others' references for a moment, or with the halves of a huge page. */
	for (i = 0; i < 100 && (ret == -EAGAIN || ret == -EBUSY); i++)
		ret = ioctl(page->fd[0], UFFDIO_MOVE, &move) ? -errno : 0;
	return ret;
}

#define HOST_ROWS HOST_MAPPING_ROWS
#include "host_rows.h"

TEST_HARNESS_MAIN
