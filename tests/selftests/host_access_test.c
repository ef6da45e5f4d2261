// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_access_test - the VMM, the kernel on its behalf, and other processes read and
 * write guest memory: lib/host_table.h says what must happen
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "host.h"
#include "uring.h"

static int vmm_reads(struct host_page *page)
{
	u8 data[PAGE_SIZE];

	memcpy(data, page->mem, PAGE_SIZE);
	host_assert_sees(page, data, PAGE_SIZE);
	return 0;
}

static int vmm_writes(struct host_page *page)
{
	memset(page->mem, HOST_BYTE, PAGE_SIZE);
	page->seen = HOST_BYTE;
	return 0;
}

/* ---- files -------------------------------------------------------------------------- */

typedef ssize_t (*io_fn)(int fd, void *mem, size_t size);

static ssize_t do_write(int fd, void *mem, size_t size)
{
	return write(fd, mem, size);
}

static ssize_t do_uring_write(int fd, void *mem, size_t size)
{
	return uring_write(fd, mem, size);
}

static ssize_t do_uring_read(int fd, void *mem, size_t size)
{
	return uring_read(fd, mem, size);
}

/* The disk of the VM, not tmpfs: O_DIRECT is to be direct. */
static int open_file(int flags)
{
	char name[] = "/var/tmp/host_access.XXXXXX";
	int fd = mkostemp(name, flags);

	TEST_ASSERT(fd >= 0, "%s: %s", name, strerror(errno));
	unlink(name);
	return fd;
}

/* What @fn writes out of guest memory is not what the guest has. */
static int file_gets(struct host_page *page, int flags, io_fn fn)
{
	u8 data[PAGE_SIZE] __aligned(PAGE_SIZE);
	int fd = open_file(flags);

	TEST_ASSERT_EQ(fn(fd, page->mem, PAGE_SIZE), (ssize_t)PAGE_SIZE);
	TEST_ASSERT_EQ(pread(fd, data, PAGE_SIZE, 0), (ssize_t)PAGE_SIZE);
	close(fd);
	host_assert_sees(page, data, PAGE_SIZE);
	return 0;
}

/* @fn reads into guest memory. */
static int file_gives(struct host_page *page, int flags, io_fn fn)
{
	u8 data[PAGE_SIZE] __aligned(PAGE_SIZE);
	int fd = open_file(flags);

	memset(data, HOST_BYTE, PAGE_SIZE);
	TEST_ASSERT_EQ(pwrite(fd, data, PAGE_SIZE, 0), (ssize_t)PAGE_SIZE);
	TEST_ASSERT_EQ(fn(fd, page->mem, PAGE_SIZE), (ssize_t)PAGE_SIZE);
	close(fd);
	page->seen = HOST_BYTE;
	return 0;
}

static int write_to_file(struct host_page *page)
{
	return file_gets(page, 0, do_write);
}

static int read_from_file(struct host_page *page)
{
	return file_gives(page, 0, read);
}

static int direct_write(struct host_page *page)
{
	return file_gets(page, O_DIRECT, do_write);
}

static int direct_read(struct host_page *page)
{
	return file_gives(page, O_DIRECT, read);
}

static int uring_writes(struct host_page *page)
{
	return file_gets(page, 0, do_uring_write);
}

static int uring_reads(struct host_page *page)
{
	return file_gives(page, 0, do_uring_read);
}

static int vmsplice_and_read(struct host_page *page)
{
	struct iovec iov = { page->mem, PAGE_SIZE };
	u8 data[PAGE_SIZE];
	int fds[2];

	TEST_ASSERT(!pipe(fds), "pipe");
	TEST_ASSERT_EQ(vmsplice(fds[1], &iov, 1, 0), (ssize_t)PAGE_SIZE);
	TEST_ASSERT_EQ(read(fds[0], data, PAGE_SIZE), (ssize_t)PAGE_SIZE);
	close(fds[0]);
	close(fds[1]);
	host_assert_sees(page, data, PAGE_SIZE);
	return 0;
}

/* ---- other processes ------------------------------------------------------------------- */

static int other_vm_reads(struct host_page *page, pid_t vmm, u8 *buffer)
{
	struct iovec local = { buffer, PAGE_SIZE }, remote = { page->mem, PAGE_SIZE };

	return process_vm_readv(vmm, &local, 1, &remote, 1, 0) == PAGE_SIZE ? 0 : -errno;
}

static int other_vm_writes(struct host_page *page, pid_t vmm, u8 *buffer)
{
	struct iovec local = { buffer, PAGE_SIZE }, remote = { page->mem, PAGE_SIZE };

	return process_vm_writev(vmm, &local, 1, &remote, 1, 0) == PAGE_SIZE ? 0 : -errno;
}

static int open_mem(pid_t vmm, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", vmm);
	return open(path, flags);
}

static int other_mem_reads(struct host_page *page, pid_t vmm, u8 *buffer)
{
	int fd = open_mem(vmm, O_RDONLY);

	return pread(fd, buffer, PAGE_SIZE, (off_t)page->mem) == PAGE_SIZE ? 0 : -errno;
}

static int other_mem_writes(struct host_page *page, pid_t vmm, u8 *buffer)
{
	int fd = open_mem(vmm, O_RDWR);

	return pwrite(fd, buffer, PAGE_SIZE, (off_t)page->mem) == PAGE_SIZE ? 0 : -errno;
}

/* Word by word, with the VMM's thread stopped. */
static int other_traces(struct host_page *page, pid_t vmm, u8 *buffer, bool poke)
{
	u64 *word = (u64 *)buffer, i;
	int status, ret = 0;

	if (ptrace(PTRACE_ATTACH, vmm, NULL, NULL) || waitpid(vmm, &status, __WALL) != vmm)
		return -errno;
	for (i = 0; i < PAGE_SIZE / 8 && !ret; i++) {
		errno = 0;
		if (poke)
			ptrace(PTRACE_POKEDATA, vmm, page->mem + i * 8, word[i]);
		else
			word[i] = ptrace(PTRACE_PEEKDATA, vmm, page->mem + i * 8, NULL);
		ret = -errno;
	}
	ptrace(PTRACE_DETACH, vmm, NULL, NULL);
	return ret;
}

static int other_peeks(struct host_page *page, pid_t vmm, u8 *buffer)
{
	return other_traces(page, vmm, buffer, false);
}

static int other_pokes(struct host_page *page, pid_t vmm, u8 *buffer)
{
	return other_traces(page, vmm, buffer, true);
}

static int process_vm_reads(struct host_page *page)
{
	return host_in_other_process(page, other_vm_reads);
}

static int process_vm_writes(struct host_page *page)
{
	page->seen = HOST_BYTE;
	return host_in_other_process(page, other_vm_writes);
}

static int proc_mem_reads(struct host_page *page)
{
	return host_in_other_process(page, other_mem_reads);
}

static int proc_mem_writes(struct host_page *page)
{
	page->seen = HOST_BYTE;
	return host_in_other_process(page, other_mem_writes);
}

static int ptrace_peeks(struct host_page *page)
{
	return host_in_other_process(page, other_peeks);
}

static int ptrace_pokes(struct host_page *page)
{
	page->seen = HOST_BYTE;
	return host_in_other_process(page, other_pokes);
}

/* ---- a crash ------------------------------------------------------------------------------ */

#define CORE_DIR	"/tmp/host_access_core"

/* Markers in all of a file, and the file's size. */
static u64 markers_of_file(const char *path, u64 *ret_size)
{
	static u64 data[PAGE_SIZE / 8];
	int fd = open(path, O_RDONLY);
	u64 markers = 0;
	ssize_t n, i;

	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	for (*ret_size = 0; (n = read(fd, data, sizeof(data))) > 0; *ret_size += n)
		for (i = 0; i < n / 8; i++)
			markers += is_marker(data[i]);
	close(fd);
	return markers;
}

/* A child has the same handles, and dies with a core: all of its memory is written. */
static int core_dump(struct host_page *page)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	char pattern[128] = {}, path[128];
	int fd, status;
	u64 size;
	pid_t pid;

	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	TEST_ASSERT(fd >= 0 && read(fd, pattern, sizeof(pattern) - 1) > 0, "core_pattern");
	close(fd);
	mkdir(CORE_DIR, 0700);
	host_write_file("/proc/sys/kernel/core_pattern", CORE_DIR "/%p");
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &unlimited);
		abort();
	}
	TEST_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	host_write_file("/proc/sys/kernel/core_pattern", pattern);
	TEST_ASSERT(WIFSIGNALED(status) && WCOREDUMP(status), "no core: 0x%x", status);
	snprintf(path, sizeof(path), CORE_DIR "/%d", pid);
	TEST_ASSERT(!markers_of_file(path, &size), "guest plaintext in a core dump");
	TEST_ASSERT(size > page->nr * PAGE_SIZE, "a core of %lu bytes", size);
	unlink(path);
	rmdir(CORE_DIR);
	return 0;
}

#define HOST_ROWS HOST_ACCESS_ROWS
#include "host_rows.h"

TEST_HARNESS_MAIN
