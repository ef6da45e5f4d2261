// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm.c - process_madvise()
 *
 * It wants PTRACE_MODE_READ of the process, that is CAP_SYS_PTRACE for one of another
 * user, and CAP_SYS_NICE, because it makes it slower.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "vmm.h"

int vmm_open(const struct host *host, int pid, uint64_t start)
{
	struct host_process process;
	cleanup_close int fd = -1;
	int err, ret;

	fd = host->open_process ? host->open_process(pid) : (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return host->open_process ? fd : -errno;
	/* It is the one that began then: so it was when the file was opened. */
	err = host_process(host, pid, &process);
	if (err)
		return err;
	if (process.start != start)
		return -ESRCH;
	ret = fd;
	fd = -1;
	return ret;
}

ssize_t vmm_page_out(const struct host *host, int vmm, const struct iovec *ranges, size_t nr)
{
	long n;

	if (host->page_out)
		return host->page_out(vmm, ranges, nr);
	n = syscall(SYS_process_madvise, vmm, ranges, nr, MADV_PAGEOUT, 0);
	return n < 0 ? -errno : n;
}
