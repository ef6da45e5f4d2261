/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm.h - memory of a VMM: what of it is in memory, and to swap with it
 */
#ifndef UVMEM_VMM_H
#define UVMEM_VMM_H

#include <stdbool.h>

#include "host.h"

#define VMM_WINDOW	512

/**
 * struct vmm - a process whose memory is looked at
 * @host: where
 * @pidfd: of it
 * @pagemap: of it
 * @window: first page of what @entries has, UINT64_MAX: none
 */
struct vmm {
	const struct host *host;
	int pidfd;
	int pagemap;
	uint64_t window;
	uint64_t entries[VMM_WINDOW];
};

/**
 * vmm_open() - the process @pid that began at @start
 * @ret: for vmm_close(), whatever is returned
 *
 * Return: 0; -ESRCH if it has ended, even if its number is another's by now; or
 * another negative errno.
 */
int vmm_open(struct vmm *ret, const struct host *host, int pid, uint64_t start);
void vmm_close(struct vmm *vmm);

/* Is the page of an address in memory? A negative errno if that cannot be told. */
int vmm_present(struct vmm *vmm, uint64_t address);
/* What is known of it may be out of date. */
void vmm_forget(struct vmm *vmm);

/*
 * Have the kernel swap out ranges of its memory, at most IOV_MAX of them: the bytes that it
 * was told to, up to the first range that it refuses; or a negative errno.
 */
ssize_t vmm_page_out(const struct vmm *vmm, const struct iovec *ranges, size_t nr);

#endif
