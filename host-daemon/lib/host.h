/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - what /proc says of the host and of VMMs
 */
#ifndef UVMEM_HOST_H
#define UVMEM_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

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
 * @open_process: a test's pidfd_open(); NULL: the real one
 * @page_out: a test's process_madvise(MADV_PAGEOUT); NULL: the real one
 */
struct host {
	const char *proc;
	int (*open_process)(int pid);
	ssize_t (*page_out)(int pidfd, const struct iovec *ranges, size_t nr);
};

/**
 * host_guest_name() - what daemon and tools call a guest
 * @process: its VMM, all zero if nothing is known
 * @own: what the launcher said to the module, or ""
 * @id: of the module
 * @ret: UTF-8, whatever the VMM calls itself
 *
 * The domain's name, or what the launcher said, or vm-ID.
 */
void host_guest_name(const struct host_process *process, const char own[64], uint64_t id,
		     char ret[64]);

/* Pages of normal memory and swap that page-out could use: 0 or a negative errno. */
int host_sink(const struct host *host, uint64_t *ret_pages);

/**
 * host_swap() - pages of swap that is on a device
 * @ret_total: there are; zram, which is memory itself, does not count
 * @ret_free: that would be used next; 0 if that is zram: it has no lower a priority
 *
 * Return: 0 or a negative errno.
 */
int host_swap(const struct host *host, uint64_t *ret_total, uint64_t *ret_free);

/* -ESRCH if there is no such process; what cannot be read stays empty. */
int host_process(const struct host *host, int pid, struct host_process *ret);

/* What host_swapped() reads, for as long as somebody wants to: a file or a negative errno. */
int host_open_status(const struct host *host, int pid);

/* Pages of a process that are in swap, one system call. It is over: -ESRCH, even if its pid is used again. */
int host_swapped(int status, uint64_t *ret_pages);

/* The kernel's boot, 36 characters. */
int host_boot_id(const struct host *host, char *buf, size_t room);

/* For tests: the argument of "-name" and "-uuid" in a command line of NUL-separated words. */
void host_parse_command_line(const char *words, size_t length, struct host_process *ret);

#endif
