// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hmm_bench - what plain migration to device-private memory and back costs: the
 * kernel's own test_hmm.ko, which copies each page and does no cryptography
 *
 * Its HMM_DMIRROR_MIGRATE_TO_DEV does not only migrate: it reads all of what it
 * has moved back into a buffer, and that into ours. HMM_DMIRROR_READ of the same
 * pages is exactly this part, so it is the baseline.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "test_hmm_uapi.h"

#define SIZE	(BENCH_PAGES * 4096)
#define ALIGN	(2UL << 20)

static int fd;
static char *mirror;

static void fail(const char *what)
{
	fprintf(stderr, "hmm_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned long long command(unsigned long request, char *mem, const char *what)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (unsigned long)mem,
		.ptr = (unsigned long)mirror,
		.npages = BENCH_PAGES,
	};
	unsigned long long start = bench_now(), end;
	int ret = ioctl(fd, request, &cmd);

	end = bench_now();
	if (ret)
		fail(what);
	if (cmd.cpages != BENCH_PAGES && strcmp(what, "to_sys"))
		printf("note test_hmm, %s: %llu of %lu pages\n", what, cmd.cpages, BENCH_PAGES);
	if (cmd.faults)
		printf("note test_hmm, %s: %llu faults\n", what, cmd.faults);
	return end - start;
}

static void fill(char *mem, int round)
{
	unsigned long long x = round + 1, *p = (void *)mem;

	while ((char *)p < mem + SIZE) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		*p++ = x;
	}
}

static void measure(const char *size, int advice, int round)
{
	unsigned long long there, read, back;
	char *map, *mem;

	map = mmap(NULL, SIZE + ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	mem = (char *)(((unsigned long)map + ALIGN - 1) & ~(ALIGN - 1));
	if (madvise(mem, SIZE, advice))
		fail("madvise");
	fill(mem, round);

	there = command(HMM_DMIRROR_MIGRATE_TO_DEV, mem, "to_dev");
	read = command(HMM_DMIRROR_READ, mem, "read");
	back = command(HMM_DMIRROR_MIGRATE_TO_SYS, mem, "to_sys");
	if (memcmp(mem, mirror, SIZE)) {
		errno = EIO;
		fail("the content");
	}
	bench_raw(round, size, "hmm_to_dev", BENCH_PAGES, there, read);
	bench_raw(round, size, "hmm_to_sys", BENCH_PAGES, back, 0);

	munmap(map, SIZE + ALIGN);
}

int main(int argc, char **argv)
{
	int round;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open("/dev/hmm_dmirror0", O_RDWR);
	if (fd < 0)
		fail("/dev/hmm_dmirror0");
	mirror = malloc(SIZE);
	if (!mirror)
		fail("malloc");
	memset(mirror, 0, SIZE);
	for (round = 0; round <= bench_rounds(); round++) {
		measure("4k", MADV_NOHUGEPAGE, round);
		measure("2m", MADV_HUGEPAGE, round);
	}
	close(fd);
	return 0;
}
