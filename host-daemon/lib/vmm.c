// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm.c - /proc/PID/pagemap and process_madvise()
 *
 * Both want PTRACE_MODE_READ of the process, that is CAP_SYS_PTRACE for one of another
 * user; process_madvise() wants CAP_SYS_NICE as well, because it makes it slower.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "vmm.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT	(UINT64_C(1) << 63)

static int open_process(const struct host *host, int pid)
{
	long fd;

	if (host->open_process)
		return host->open_process(pid);
	fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : (int)fd;
}

int vmm_open(struct vmm *ret, const struct host *host, int pid, uint64_t start)
{
	struct host_process process;
	char path[PATH_MAX];
	int err;

	ret->host = host;
	ret->pidfd = ret->pagemap = -1;
	ret->window = UINT64_MAX;
	ret->pidfd = open_process(host, pid);
	if (ret->pidfd < 0)
		return ret->pidfd;
	snprintf(path, sizeof(path), "%s/%d/pagemap", host->proc, pid);
	ret->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->pagemap < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	/* It is the one that began then: so it was when the files were opened. */
	err = host_process(host, pid, &process);
	if (err)
		return err;
	return process.start == start ? 0 : -ESRCH;
}

void vmm_close(struct vmm *vmm)
{
	if (vmm->pidfd >= 0)
		close(vmm->pidfd);
	if (vmm->pagemap >= 0)
		close(vmm->pagemap);
	vmm->pidfd = vmm->pagemap = -1;
}

void vmm_forget(struct vmm *vmm)
{
	vmm->window = UINT64_MAX;
}

int vmm_present(struct vmm *vmm, uint64_t address)
{
	uint64_t page = address / 4096, first = page - page % VMM_WINDOW;

	if (vmm->window != first) {
		ssize_t n = pread(vmm->pagemap, vmm->entries, sizeof(vmm->entries),
				  (off_t)(first * sizeof(uint64_t)));

		if (n < 0)
			return -errno;
		/* Nothing at all: the process has no memory any more. */
		if (!n)
			return -ESRCH;
		memset((char *)vmm->entries + n, 0, sizeof(vmm->entries) - (size_t)n);
		vmm->window = first;
	}
	return !!(vmm->entries[page - first] & PAGEMAP_PRESENT);
}

ssize_t vmm_page_out(const struct vmm *vmm, const struct iovec *ranges, size_t nr)
{
	long n;

	if (vmm->host->page_out)
		return vmm->host->page_out(vmm->pidfd, ranges, nr);
	n = syscall(SYS_process_madvise, vmm->pidfd, ranges, nr, MADV_PAGEOUT, 0);
	return n < 0 ? -errno : n;
}
