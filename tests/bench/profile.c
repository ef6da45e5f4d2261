// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * profile.c - which functions the instructions of an operation go to
 *
 * By the kernel's cpu-clock event on the only CPU: a timer that takes the
 * instruction pointer. It is an interrupt, so what runs with interrupts off is
 * counted where they go on again; entering and leaving the guest counts as the
 * guest. Functions as in /proc/kallsyms, callees not included, and sums by module
 * ("@MODULE", the kernel itself is "@vmlinux").
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define RING_PAGES	256		/* a power of two */
#define PERIOD_NS	10000		/* the shortest that the kernel takes */
#define SHOWN		30
#define MODULES		64

struct symbol {
	uint64_t addr;
	unsigned long samples;
	int module;
	char name[64];
};

static struct module {
	char name[64];
	unsigned long samples;
} modules[MODULES] = { { .name = "vmlinux" } };

static struct symbol *symbols;
static size_t nr_symbols;
static int event = -1;
static struct perf_event_mmap_page *ring;

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int by_samples(const void *a, const void *b)
{
	const struct symbol *x = *(struct symbol *const *)a, *y = *(struct symbol *const *)b;

	return x->samples > y->samples ? -1 : x->samples < y->samples;
}

static void fail(const char *what)
{
	fprintf(stderr, "profile: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int find_module(const char *name)
{
	int i;

	for (i = 0; i < MODULES - 1 && *modules[i].name; i++)
		if (!strcmp(modules[i].name, name))
			break;
	strcpy(modules[i].name, name);
	return i;
}

static void read_symbols(void)
{
	char line[512], name[64], module[64];
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long addr;
	size_t room = 0;
	char type;

	if (!f)
		fail("/proc/kallsyms");
	while (fgets(line, sizeof(line), f)) {
		int n = sscanf(line, "%llx %c %63s [%63[^]]]", &addr, &type, name, module);

		if (n < 3 || !strchr("tTwW", type))
			continue;
		if (nr_symbols == room) {
			room = room ? 2 * room : 1 << 16;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				fail("symbols");
		}
		symbols[nr_symbols] = (struct symbol){
			.addr = addr,
			.module = n > 3 ? find_module(module) : 0,
		};
		strcpy(symbols[nr_symbols++].name, name);
	}
	fclose(f);
	if (!nr_symbols || !symbols[0].addr) {
		errno = EPERM;
		fail("addresses of /proc/kallsyms");
	}
	qsort(symbols, nr_symbols, sizeof(*symbols), by_addr);
}

/* The last one that does not lie behind @ip. */
static struct symbol *find_symbol(uint64_t ip)
{
	size_t low = 0, high = nr_symbols;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (symbols[mid].addr <= ip)
			low = mid;
		else
			high = mid;
	}
	return &symbols[low];
}

void profile_start(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP,
		.disabled = 1,
	};

	event = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	if (event < 0)
		fail("perf_event_open");
	ring = mmap(NULL, (1 + RING_PAGES) * 4096UL, PROT_READ | PROT_WRITE, MAP_SHARED,
		    event, 0);
	if (ring == MAP_FAILED)
		fail("the event's ring");
	if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		fail("PERF_EVENT_IOC_ENABLE");
}

void profile_stop(const char *size, const char *name)
{
	const char *data = (const char *)ring + 4096;
	unsigned long total = 0, user = 0, guest = 0;
	struct symbol **found, *symbol;
	uint64_t pos, head;
	size_t i, nr = 0;

	ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
	if (!symbols)
		read_symbols();
	head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	for (pos = 0; pos < head; ) {
		/* Records are multiples of 8 bytes, so a header never wraps. */
		const struct perf_event_header *h =
			(const void *)(data + pos % (RING_PAGES * 4096UL));
		uint64_t ip;

		if (h->type == PERF_RECORD_SAMPLE) {
			memcpy(&ip, data + (pos + 8) % (RING_PAGES * 4096UL), sizeof(ip));
			total++;
			switch (h->misc & PERF_RECORD_MISC_CPUMODE_MASK) {
			case PERF_RECORD_MISC_KERNEL:
				symbol = find_symbol(ip);
				symbol->samples++;
				modules[symbol->module].samples++;
				break;
			case PERF_RECORD_MISC_USER:
				user++;
				break;
			default:
				guest++;
				break;
			}
		} else if (h->type == PERF_RECORD_LOST) {
			printf("note profile of %s.%s: samples were lost\n", size, name);
		}
		pos += h->size;
	}
	munmap(ring, (1 + RING_PAGES) * 4096UL);
	close(event);

	found = calloc(nr_symbols, sizeof(*found));
	if (!found)
		fail("symbols");
	for (i = 0; i < nr_symbols; i++)
		if (symbols[i].samples)
			found[nr++] = &symbols[i];
	qsort(found, nr, sizeof(*found), by_samples);
	printf("profile %s.%s %lu total\n", size, name, total);
	printf("profile %s.%s %lu @userspace\n", size, name, user);
	printf("profile %s.%s %lu @guest\n", size, name, guest);
	for (i = 0; i < MODULES; i++) {
		if (modules[i].samples)
			printf("profile %s.%s %lu @%s\n", size, name, modules[i].samples,
			       modules[i].name);
		modules[i].samples = 0;
	}
	for (i = 0; i < nr; i++) {
		if (i < SHOWN)
			printf("profile %s.%s %lu %s\n", size, name, found[i]->samples,
			       found[i]->name);
		found[i]->samples = 0;
	}
	free(found);
}
