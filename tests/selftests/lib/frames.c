// SPDX-License-Identifier: GPL-2.0-only
/*
 * frames.c - pages of the host: see frames.h
 *
 * A frame is mapped by no process, so that /proc/PID/pagemap does not know it. What is left
 * is to look for its content: in all pages of the kernel's direct map that are neither
 * free nor anybody's anonymous memory or page cache.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <unistd.h>

#include "frames.h"
#include "vm.h"

/*
 * LRU, slab, free, mapped, anonymous, swap cache, compound, no page, poisoned, balloon,
 * page table, reserved: none of these is a frame.
 */
#define NO_FRAME	(KPF_LRU | 1ull << 7 | KPF_BUDDY | 1ull << 11 | 1ull << 12 | 1ull << 13 | \
			 1ull << 15 | 1ull << 16 | KPF_HWPOISON | 1ull << 20 | 1ull << 23 |	\
			 1ull << 26 | 1ull << 32)
#define BATCH		4096
#define WORDS		16		/* that are compared */
#define MAX_SEGMENTS	64

__u64 host_page_flags(__u64 pfn)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	u64 flags;

	TEST_ASSERT(fd >= 0 && pread(fd, &flags, 8, pfn * 8) == 8, "kpageflags of pfn 0x%llx: %s",
		    pfn, strerror(errno));
	close(fd);
	return flags;
}

__u64 host_pfn(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry;

	TEST_ASSERT(fd >= 0 && pread(fd, &entry, 8, (u64)addr / PAGE_SIZE * 8) == 8, "pagemap: %s",
		    strerror(errno));
	close(fd);
	TEST_ASSERT(entry >> 63, "no page at %p", addr);
	return entry & ((1ull << 55) - 1);
}

static int kcore_open(Elf64_Phdr *segments, int *ret_nr)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header;

	TEST_ASSERT(fd >= 0 && pread(fd, &header, sizeof(header), 0) == sizeof(header),
		    "/proc/kcore: %s", strerror(errno));
	*ret_nr = min_t(int, header.e_phnum, MAX_SEGMENTS);
	TEST_ASSERT(pread(fd, segments, *ret_nr * sizeof(*segments), header.e_phoff) ==
		    *ret_nr * sizeof(*segments), "the segments of /proc/kcore");
	return fd;
}

static bool has_content(int kcore, u64 at, u64 gpa, u64 seed)
{
	u64 words[WORDS];
	bool same;
	int i;

	same = pread(kcore, words, sizeof(words), at) == sizeof(words);
	for (i = 0; same && i < WORDS; i++)
		same = is_filled(words[i], gpa + i * 8, seed);
	/* A search for markers must not find those that came this way. */
	explicit_bzero(words, sizeof(words));
	return same;
}

__u64 find_frame(__u64 gpa, __u64 seed)
{
	int kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC), kcore, nr, s, i, n;
	Elf64_Phdr segments[MAX_SEGMENTS];
	static u64 flags[BATCH];
	u64 pfn, end, found = 0, hits = 0;

	kcore = kcore_open(segments, &nr);
	TEST_ASSERT(kpageflags >= 0, "/proc/kpageflags: %s", strerror(errno));
	for (s = 0; s < nr; s++) {
		/* Only what is a part of the direct map has an address in memory. */
		if (segments[s].p_type != PT_LOAD || segments[s].p_paddr == ~0ull)
			continue;
		pfn = segments[s].p_paddr / PAGE_SIZE;
		end = pfn + segments[s].p_memsz / PAGE_SIZE;
		for (; pfn < end; pfn += n) {
			n = pread(kpageflags, flags, 8 * min_t(u64, BATCH, end - pfn), pfn * 8) / 8;
			if (n <= 0)
				break;
			for (i = 0; i < n; i++) {
				u64 at = segments[s].p_offset +
					 (pfn + i) * PAGE_SIZE - segments[s].p_paddr;

				if (flags[i] & NO_FRAME || !has_content(kcore, at, gpa, seed) ||
				    (hits && found == pfn + i))
					continue;
				found = pfn + i;
				hits++;
			}
		}
	}
	close(kpageflags);
	close(kcore);
	TEST_ASSERT(hits == 1, "%lu pages have the content of gpa 0x%llx", hits, gpa);
	return found;
}

char *kernel_log(void)
{
	int size = klogctl(10, NULL, 0);
	char *log;

	TEST_ASSERT(size > 0, "klogctl: %s", strerror(errno));
	log = calloc(1, size + 1);
	TEST_ASSERT(log && klogctl(3, log, size) > 0, "the kernel's log");
	return log;
}

void fail_memory(__u64 pfn)
{
	const char *path = "/sys/kernel/debug/hwpoison/corrupt-pfn";
	FILE *f;

	if (access(path, W_OK))
		TEST_ASSERT(!system("modprobe hwpoison-inject"), "no module hwpoison-inject");
	f = fopen(path, "w");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	fprintf(f, "0x%llx", pfn);
	/* EBUSY: nobody has told the kernel what to do about a page of this kind. */
	fclose(f);
	TEST_ASSERT(host_page_flags(pfn) & KPF_HWPOISON, "pfn 0x%llx has not failed", pfn);
}
