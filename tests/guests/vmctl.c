// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmctl - what the tests of stock guests do to an armed VM from outside
 *
 *	vmctl id			print the id of the only armed VM, fail if there is none
 *	vmctl info ID			"key value" lines: state, pid, flags, pages_*
 *	vmctl out ID			page out all there is; prints how many pages moved
 *	vmctl search PID WORD		read all memory of a process; prints "found N unread M"
 *	vmctl search-file DUMP WORD	the same with a dump (ELF), but for vCPUs' registers
 *
 * WORD is 16 hexadecimal digits: the marker is its exclusive or with a constant,
 * repeated, so that it stands in no command line and no file of the host. The guest
 * writes it in the same way: see init.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm_uvmem.h>

static int die(const char *what)
{
	fprintf(stderr, "vmctl: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_device(void)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		exit(die(UVMEM_DEVICE_PATH));
	return fd;
}

static int open_vm(const char *id)
{
	struct uvmem_open_vm args = { .size = sizeof(args), .id = strtoull(id, NULL, 10) };
	int fd = ioctl(open_device(), UVMEM_OPEN_VM, &args);

	if (fd < 0)
		exit(die("UVMEM_OPEN_VM"));
	return fd;
}

static int print_id(void)
{
	uint64_t ids[8];
	struct uvmem_vm_list list = {
		.size = sizeof(list), .nr = 8, .ids = (uintptr_t)ids,
	};

	if (ioctl(open_device(), UVMEM_LIST_VMS, &list))
		return die("UVMEM_LIST_VMS");
	if (list.nr != 1) {
		fprintf(stderr, "vmctl: %u armed VMs\n", list.nr);
		return 1;
	}
	printf("%" PRIu64 "\n", ids[0]);
	return 0;
}

static int print_info(const char *id)
{
	static const char *const states[] = {
		"none", "normal", "shared", "absent", "in", "out", "zero", "lost",
	};
	struct uvmem_vm_info info = { .size = sizeof(info) };
	unsigned int i;

	if (ioctl(open_vm(id), UVMEM_VM_GET_INFO, &info))
		return die("UVMEM_VM_GET_INFO");
	printf("state %u\npid %d\nflags %llu\nmax_frames %llu\nstop_reason %u\nstop_gpa 0x%llx\n", info.state,
	       info.pid, info.flags, info.max_frames, info.stop_reason, info.stop_gpa);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		printf("pages_%s %llu\n", states[i], info.pages[i]);
	return 0;
}

static int page_out(const char *id)
{
	struct uvmem_range range = {
		.size = sizeof(range), .flags = UVMEM_RANGE_IGNORE_AGE,
		.nr_pages = 1ULL << 28,
	};
	unsigned int i;

	if (ioctl(open_vm(id), UVMEM_VM_PAGE_OUT, &range))
		return die("UVMEM_VM_PAGE_OUT");
	printf("%llu\n", range.moved);
	for (i = 0; i < UVMEM_NR_REASONS; i++)
		if (range.skipped[i] && i != UVMEM_REASON_STATE)
			fprintf(stderr, "vmctl: %llu pages did not move, reason %u\n",
				range.skipped[i], i);
	return 0;
}

static uint64_t marker_of(const char *word)
{
	return strtoull(word, NULL, 16) ^ 0x5a3c96e178d24b0fULL;
}

#define CHUNK	(1 << 20)
#define RUN	64		/* markers: more than all registers of a vCPU have room for */
#define RAM	(64ULL << 20)	/* bytes: what is as large is memory of the guest */

/* How large is the part of the dump to which @offset belongs? 0: none, e.g. notes. */
static uint64_t part_size(const Elf64_Phdr *parts, unsigned int nr, uint64_t offset)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (parts[i].p_type == PT_LOAD && offset >= parts[i].p_offset &&
		    offset - parts[i].p_offset < parts[i].p_filesz)
			return parts[i].p_filesz;
	return 0;
}

/*
 * In a dump there are registers of vCPUs, which are not secret and may have a marker:
 * a few in a row, and not in the guest's memory. They are counted apart. What was aligned
 * in memory need not be: the notes of ELF before it are multiples of 4. Holes are not read.
 */
static int search_file(const char *path, const char *word)
{
	static char chunk[CHUNK + RUN * sizeof(uint64_t)];
	uint64_t found = 0, alone = 0, bytes = 0, run_end = 0;
	const uint64_t marker = marker_of(word);
	Elf64_Phdr parts[512];
	off_t at = 0, end;
	Elf64_Ehdr elf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &elf, sizeof(elf), 0) != sizeof(elf))
		return die(path);
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_phnum > 512 ||
	    pread(fd, parts, elf.e_phnum * sizeof(parts[0]), (off_t)elf.e_phoff) < 0) {
		fprintf(stderr, "vmctl: %s is no dump that is understood\n", path);
		return 1;
	}
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			return die(path);
		for (; at < end; at += CHUNK) {
			ssize_t got = pread(fd, chunk, sizeof(chunk), at), i, j;

			if (got < 0)
				return die(path);
			for (i = 0; i < CHUNK && i + (ssize_t)sizeof(marker) <= got; i += 4) {
				if (memcmp(chunk + i, &marker, sizeof(marker)))
					continue;
				for (j = 1; j < RUN; j++)
					if (i + (j + 1) * (ssize_t)sizeof(marker) > got ||
					    memcmp(chunk + i + j * sizeof(marker), &marker,
						   sizeof(marker)))
						break;
				if (j == RUN)
					run_end = at + i + RUN * sizeof(marker);
				if ((uint64_t)(at + i) < run_end ||
				    part_size(parts, elf.e_phnum, at + i) >= RAM)
					found++;
				else
					alone++;
			}
			bytes += got < CHUNK ? got : CHUNK;
		}
		at = end;
	}
	printf("found %" PRIu64 " read %" PRIu64 ", in registers %" PRIu64 "\n", found, bytes, alone);
	return 0;
}

/* Reading a resident secure page pages it out: that is a part of the test. */
static int search(const char *pid, const char *word)
{
	const uint64_t marker = marker_of(word);
	static char page[4096];
	unsigned long start, end, at;
	uint64_t found = 0, unread = 0;
	char path[64], line[512], perms[8];
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return die(path);
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		return die(path);

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || perms[0] != 'r')
			continue;
		for (at = start; at < end; at += sizeof(page)) {
			size_t i;

			if (pread(mem, page, sizeof(page), (off_t)at) != sizeof(page)) {
				unread++;
				continue;
			}
			for (i = 0; i < sizeof(page); i += sizeof(marker))
				found += !memcmp(page + i, &marker, sizeof(marker));
		}
	}
	printf("found %" PRIu64 " unread %" PRIu64 "\n", found, unread);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && !strcmp(argv[1], "id"))
		return print_id();
	if (argc == 3 && !strcmp(argv[1], "info"))
		return print_info(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "out"))
		return page_out(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "search"))
		return search(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "search-file"))
		return search_file(argv[2], argv[3]);
	fprintf(stderr, "usage: vmctl id | info ID | out ID | search PID WORD | search-file DUMP WORD\n");
	return 2;
}
