// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_fork_test - the VMM forks: a second address space has the same handles and
 * pages, copy-on-write. lib/host_table.h says what must happen.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "host.h"
#include "search.h"

static void end_child(struct host_page *page)
{
	kill(page->pid, SIGKILL);
	waitpid(page->pid, NULL, 0);
}

/* A child that does @fn, says so, and then exits or stays until the undo. */
static void fork_child(struct host_page *page, int (*fn)(struct host_page *page), bool stay)
{
	int ready[2], status;
	int ret = -1;

	TEST_ASSERT(!pipe(ready), "pipe");
	page->pid = fork();
	if (!page->pid) {
		ret = fn ? fn(page) : 0;
		TEST_ASSERT(write(ready[1], &ret, sizeof(ret)) == sizeof(ret), "pipe");
		while (stay)
			pause();
		_exit(0);
	}
	close(ready[1]);
	TEST_ASSERT(page->pid > 0 && read(ready[0], &ret, sizeof(ret)) == sizeof(ret),
		    "the child died");
	close(ready[0]);
	TEST_ASSERT(!ret, "the child: %s", strerror(-ret));
	if (stay)
		page->undo = end_child;
	else
		TEST_ASSERT(waitpid(page->pid, &status, 0) == page->pid && !status, "the child");
}

static int fork_and_exit(struct host_page *page)
{
	fork_child(page, NULL, false);
	return 0;
}

static int fork_and_stay(struct host_page *page)
{
	fork_child(page, NULL, true);
	return 0;
}

static int child_reads(struct host_page *page)
{
	u8 data[PAGE_SIZE];

	memcpy(data, page->mem, PAGE_SIZE);
	host_assert_sees(page, data, PAGE_SIZE);
	return 0;
}

static int fork_child_reads(struct host_page *page)
{
	fork_child(page, child_reads, true);
	return 0;
}

static int child_writes(struct host_page *page)
{
	memset(page->mem, HOST_BYTE, PAGE_SIZE);
	return 0;
}

static int fork_child_writes(struct host_page *page)
{
	fork_child(page, child_writes, true);
	return 0;
}

static int fork_parent_writes(struct host_page *page)
{
	fork_child(page, NULL, true);
	memset(page->mem, HOST_BYTE, PAGE_SIZE);
	page->seen = HOST_BYTE;
	return 0;
}

static int child_unmaps(struct host_page *page)
{
	return munmap(page->mem, PAGE_SIZE) ? -errno : 0;
}

static int fork_child_unmaps(struct host_page *page)
{
	fork_child(page, child_unmaps, true);
	return 0;
}

/* The handle lives on in the child: nothing is lost, but nothing can go out. */
static int fork_parent_drops(struct host_page *page)
{
	fork_child(page, NULL, true);
	page->seen = 0;
	return madvise(page->mem, PAGE_SIZE, MADV_DONTNEED) ? -errno : 0;
}

#define HOST_ROWS HOST_FORK_ROWS
#include "host_rows.h"

TEST_HARNESS_MAIN
