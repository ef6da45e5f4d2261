/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - what /proc says of the host and of VMMs
 */
#ifndef UVMEM_HOST_H
#define UVMEM_HOST_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct host_process - a VMM
 * @start: in ticks since boot
 * @swapped: pages of it that are in swap
 * @name: what QEMU's -name says, or ""
 * @uuid: what QEMU's -uuid says, or ""
 */
struct host_process {
	uint64_t start;
	uint64_t swapped;
	char name[64];
	char uuid[37];
};

/**
 * struct host - where it is read
 * @proc: "/proc", or a test's folder
 */
struct host {
	const char *proc;
};

/* Pages of normal memory and swap that page-out could use: 0 or a negative errno. */
int host_sink(const struct host *host, uint64_t *ret_pages);

/* -ESRCH if there is no such process; what cannot be read stays empty. */
int host_process(const struct host *host, int pid, struct host_process *ret);

/* Pages of a process that are in swap; much cheaper than all of the above. */
int host_swapped(const struct host *host, int pid, uint64_t *ret_pages);

/* The kernel's boot, 36 characters. */
int host_boot_id(const struct host *host, char *buf, size_t room);

/* For tests: the argument of "-name" and "-uuid" in a command line of NUL-separated words. */
void host_parse_command_line(const char *words, size_t length, struct host_process *ret);

#endif
