// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * workload - in a guest: fill memory with markers, verify it again and again
 *
 *	workload WORD MIB DEVICE
 *
 * The marker is WORD (16 hexadecimal digits) with a constant exclusive-ored, and
 * exists nowhere but in this memory: see vmctl. Each round verifies all pages,
 * changes a part of each, and reads the first sector of DEVICE past every cache; an "S"
 * there ends it, and so does SIGTERM. Prints "workload: ready" when the memory is filled, "workload:
 * round N" now and then, and "workload: ok ROUNDS" or what is wrong.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096UL
#define WORDS	(PAGE / sizeof(uint64_t))

static volatile sig_atomic_t terminated;

static void on_sigterm(int signal)
{
	(void)signal;
	terminated = 1;
}

/* Word 1 of a page is its own, the others are markers; word 2 counts the rounds. */
static void fill(uint64_t *page, uint64_t marker, uint64_t number)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		page[i] = marker;
	page[1] = number;
	page[2] = 0;
}

static int verify(const uint64_t *page, uint64_t marker, uint64_t number, uint64_t round)
{
	size_t i;

	for (i = 0; i < WORDS; i++) {
		uint64_t want = i == 1 ? number : i == 2 ? round : marker;

		if (page[i] != want) {
			printf("workload: page %" PRIu64 " word %zu is %" PRIx64 " in round %" PRIu64 "\n",
			       number, i, page[i], round);
			return -1;
		}
	}
	return 0;
}

/* 1: to be ended, 0: not yet, -1: the disk cannot be read. */
static int ended(int disk, char *sector)
{
	if (pread(disk, sector, 512, 0) != 512)
		return -1;
	return sector[0] == 'S';
}

int main(int argc, char *argv[])
{
	uint64_t marker, round = 0, i, pages, *mem;
	char *sector;
	int disk, end;

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_sigterm, .sa_flags = SA_RESTART },
		  NULL);
	marker = strtoull(argv[1], NULL, 16) ^ 0x5a3c96e178d24b0fULL;
	pages = strtoull(argv[2], NULL, 10) << 8;
	disk = open(argv[3], O_RDONLY | O_DIRECT | O_CLOEXEC);
	sector = aligned_alloc(PAGE, PAGE);
	mem = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (disk < 0 || !sector || mem == MAP_FAILED) {
		perror("workload");
		return 1;
	}

	for (i = 0; i < pages; i++)
		fill(mem + i * WORDS, marker, i);
	printf("workload: ready\n");
	do {
		for (i = 0; i < pages; i++) {
			if (verify(mem + i * WORDS, marker, i, round))
				return 1;
			mem[i * WORDS + 2]++;
		}
		round++;
		if (!(round & (round - 1)))
			printf("workload: round %" PRIu64 "\n", round);
		end = ended(disk, sector);
	} while (!end && !terminated);
	if (end < 0) {
		perror("workload: disk");
		return 1;
	}
	printf("workload: ok %" PRIu64 "\n", round);
	return 0;
}
