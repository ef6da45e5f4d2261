// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * workload - in a guest: fill memory with markers, verify it again and again
 *
 *	workload WORD MIB DEVICE [RANDOM [HOT]]
 *
 * The marker is WORD (16 hexadecimal digits) with a constant exclusive-ored, and
 * exists nowhere but in this memory: see vmctl. Each round verifies all pages,
 * changes a part of each, and reads the first sector of DEVICE past every cache; an "S"
 * there ends it, and so does SIGTERM. Prints "workload: ready" when the memory is filled, "workload:
 * round N" now and then, and "workload: ok ROUNDS" or what is wrong.
 *
 * RANDOM: so many per cent of each page do not compress (0). HOT: only the first so many
 * per cent of the pages are in use (100): a round then verifies these and one of SLICES
 * of the others, and PAUSE_US pass until the next. All are verified in the end.
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
#define SLICES	8192
#define PAUSE_US 100000

struct memory {
	uint64_t *mem;
	uint64_t pages;
	uint64_t hot;			/* pages */
	uint64_t marker;
	size_t random;			/* words of a page */
};

static volatile sig_atomic_t terminated;

static void on_sigterm(int signal)
{
	(void)signal;
	terminated = 1;
}

/* Word 1 of a page is its own, word 2 counts; the others are random, or markers. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void fill(const struct memory *m, uint64_t number)
{
	uint64_t *page = m->mem + number * WORDS, seed = m->marker + number;
	size_t i;

	for (i = 0; i < WORDS; i++)
		page[i] = i < m->random ? next_random(&seed) : m->marker;
	page[1] = number;
	page[2] = 0;
}

/* How often was the page verified in the rounds before this one? */
static uint64_t times(const struct memory *m, uint64_t number, uint64_t round)
{
	if (number < m->hot)
		return round;
	return round / SLICES + (round % SLICES > number % SLICES);
}

static int verify(const struct memory *m, uint64_t number, uint64_t round)
{
	const uint64_t *page = m->mem + number * WORDS;
	uint64_t seed = m->marker + number;
	size_t i;

	for (i = 0; i < WORDS; i++) {
		uint64_t want = i < m->random ? next_random(&seed) : m->marker;

		if (i == 1)
			want = number;
		else if (i == 2)
			want = times(m, number, round);
		if (page[i] != want) {
			printf("workload: page %" PRIu64 " word %zu is %" PRIx64 " in round %" PRIu64 "\n",
			       number, i, page[i], round);
			return -1;
		}
	}
	return 0;
}

static int work(const struct memory *m, uint64_t round)
{
	uint64_t i;

	for (i = 0; i < m->pages; i++) {
		if (i >= m->hot && i % SLICES != round % SLICES)
			continue;
		if (verify(m, i, round))
			return -1;
		m->mem[i * WORDS + 2]++;
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

/* An empty argument is one that is not there. */
static uint64_t argument(int argc, char *argv[], int i, uint64_t otherwise)
{
	return i < argc && *argv[i] ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char *argv[])
{
	struct memory m = {};
	uint64_t round = 0, i;
	char *sector;
	int disk, end;

	if (argc < 4 || argc > 6)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_sigterm, .sa_flags = SA_RESTART },
		  NULL);
	m.marker = strtoull(argv[1], NULL, 16) ^ 0x5a3c96e178d24b0fULL;
	m.pages = strtoull(argv[2], NULL, 10) << 8;
	m.random = argument(argc, argv, 4, 0) * WORDS / 100;
	m.hot = m.pages * argument(argc, argv, 5, 100) / 100;
	disk = open(argv[3], O_RDONLY | O_DIRECT | O_CLOEXEC);
	sector = aligned_alloc(PAGE, PAGE);
	m.mem = mmap(NULL, m.pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (disk < 0 || !sector || m.mem == MAP_FAILED) {
		perror("workload");
		return 1;
	}

	for (i = 0; i < m.pages; i++)
		fill(&m, i);
	printf("workload: ready\n");
	do {
		if (work(&m, round))
			return 1;
		round++;
		if (!(round & (round - 1)) || !(round % 8))
			printf("workload: round %" PRIu64 "\n", round);
		if (m.hot < m.pages)
			usleep(PAUSE_US);
		end = ended(disk, sector);
	} while (!end && !terminated);
	for (i = 0; i < m.pages; i++)
		if (verify(&m, i, round))
			return 1;
	if (end < 0) {
		perror("workload: disk");
		return 1;
	}
	printf("workload: ok %" PRIu64 "\n", round);
	return 0;
}
