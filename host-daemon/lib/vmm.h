/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm.h - memory of a VMM, and to swap with it
 */
#ifndef UVMEM_VMM_H
#define UVMEM_VMM_H

#include "host.h"

/**
 * vmm_open() - a pidfd of the process @pid that began at @start
 *
 * Return: the file; -ESRCH if it has ended, even if its number is another's by now; or
 * another negative errno.
 */
int vmm_open(const struct host *host, int pid, uint64_t start);

/*
 * Have the kernel swap out ranges of its memory, at most IOV_MAX of them: the bytes that it
 * was told to, up to the first range that it refuses; or a negative errno.
 */
ssize_t vmm_page_out(const struct host *host, int vmm, const struct iovec *ranges, size_t nr);

#endif
