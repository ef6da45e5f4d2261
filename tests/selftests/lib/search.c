// SPDX-License-Identifier: GPL-2.0-only
/*
 * search.c - the marker search: see search.h
 *
 * Theory of operation: guest_fill() puts a word into the guest's pages that is
 * in no binary and no other memory of this process: only its two halves are.
 * Wherever a word is found whose XOR with one half is the other, guest plaintext
 * has leaked. The search never stores the word itself, and it copies nothing, so it
 * cannot find its own traces.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#include "search.h"

/* Entries read at once: a system call for each page is slow, with KASAN very slow. */
#define PAGEMAP_STEP	512

static sigjmp_buf refused;

static void on_sigbus(int sig)
{
	siglongjmp(refused, sig);
}

static void search_page(const u64 *page, struct search_result *result)
{
	int i;

	/* The handler leaves the mask as it is (SA_NODEFER): there is nothing to save. */
	if (sigsetjmp(refused, 0)) {
		result->refused++;
		return;
	}
	for (i = 0; i < PAGE_SIZE / 8; i++) {
		if (!is_marker(READ_ONCE(page[i])))
			continue;
		if (!result->markers++)
			result->first = (u64)&page[i];
	}
	result->pages++;
}

/*
 * The pages of [start, end) that are there without a fault, or all. Swap entries, which
 * device-private pages are, are not.
 */
static void search_range(u64 start, u64 end, enum search_how how, int pagemap,
			 struct search_result *result)
{
	u64 entries[PAGEMAP_STEP], addr;
	ssize_t nr, i;

	for (addr = start; addr < end; addr += nr * PAGE_SIZE) {
		u64 left = (end - addr) / PAGE_SIZE;

		nr = min_t(u64, PAGEMAP_STEP, left);
		if (how != SEARCH_TOUCH)
			TEST_ASSERT(pread(pagemap, entries, nr * 8, addr / PAGE_SIZE * 8) == nr * 8,
				    "pagemap of 0x%lx: %s", addr, strerror(errno));
		for (i = 0; i < nr; i++)
			if (how == SEARCH_TOUCH || entries[i] & (1ull << 63))
				search_page((const u64 *)(addr + i * PAGE_SIZE), result);
	}
}

struct search_result search_markers(enum search_how how)
{
	struct sigaction act = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER }, old_bus, old_segv;
	static char maps[256 * 1024];
	struct search_result result = {};
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t len = 0, n;
	char *line, *next;

	TEST_ASSERT(fd >= 0 && pagemap >= 0, "/proc/self/maps: %s", strerror(errno));
	while ((n = read(fd, maps + len, sizeof(maps) - 1 - len)) > 0)
		len += n;
	TEST_ASSERT(len < sizeof(maps) - 1, "too many mappings");
	maps[len] = '\0';
	close(fd);

	TEST_ASSERT(!sigaction(SIGBUS, &act, &old_bus) &&
		    !sigaction(SIGSEGV, &act, &old_segv), "sigaction");
	for (line = maps; *line; line = next) {
		unsigned long start, end;
		u64 before = result.markers;
		char perm[5];

		next = strchr(line, '\n');
		TEST_ASSERT(next, "half a line in maps");
		*next++ = '\0';
		TEST_ASSERT(sscanf(line, "%lx-%lx %4s", &start, &end, perm) == 3,
			    "maps: %s", line);
		/* [vsyscall] is execute-only in truth, [vvar] partly not there. */
		if (perm[0] != 'r' || strstr(line, "[v"))
			continue;
		search_range(start, end, how, pagemap, &result);
		if (result.markers && !before)
			snprintf(result.where, sizeof(result.where), "%.200s", line);
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	close(pagemap);
	return result;
}

struct search_result search_markers_in(const void *start, u64 size)
{
	struct sigaction act = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER }, old;
	struct search_result result = {};
	u64 off;

	TEST_ASSERT(!sigaction(SIGBUS, &act, &old), "sigaction");
	for (off = 0; off < size; off += PAGE_SIZE)
		search_page(start + off, &result);
	sigaction(SIGBUS, &old, NULL);
	return result;
}

void assert_no_markers(enum search_how how)
{
	struct search_result result = search_markers(how);

	TEST_ASSERT(!result.markers,
		    "guest plaintext in the VMM's memory: %lu words, the first at 0x%lx in %s",
		    result.markers, result.first, result.where);
	TEST_ASSERT(result.pages, "the search looked at nothing");
}
