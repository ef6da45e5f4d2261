// SPDX-License-Identifier: GPL-2.0-only
/*
 * uring.c - see uring.h
 */
#include <linux/stddef.h>	/* io_uring.h wants it */
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "uring.h"

/*
 * Linux 7.2: when a task's last ring is closed its idle worker exits, and one that is about to
 * can still be given the work of the task's next ring, which then never completes. (io-wq.c:
 * IO_WQ_BIT_EXIT_ON_IDLE is tested, the worker on the free list until later.) So one stays open.
 */
static void keep_workers(void)
{
	struct io_uring_params params = { 0 };
	static int fd = -1;

	if (fd < 0)
		fd = syscall(__NR_io_uring_setup, 1, &params);
	TEST_ASSERT(fd >= 0, "io_uring_setup: %s", strerror(errno));
}

static int uring_setup(struct io_uring_params *params)
{
	int fd;

	keep_workers();
	memset(params, 0, sizeof(*params));
	fd = syscall(__NR_io_uring_setup, 1, params);
	TEST_ASSERT(fd >= 0, "io_uring_setup: %s", strerror(errno));
	return fd;
}

static void *map_ring(int fd, size_t size, off_t offset)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	TEST_ASSERT(mem != MAP_FAILED, "ring: %s", strerror(errno));
	return mem;
}

static int one(int op, int file, void *mem, u32 size)
{
	struct io_uring_params p;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	size_t ring_size;
	int fd = uring_setup(&p), res;
	void *ring;

	TEST_ASSERT(p.features & IORING_FEAT_SINGLE_MMAP, "an io_uring of long ago");
	ring_size = max_t(size_t, p.sq_off.array + p.sq_entries * sizeof(u32),
			  p.cq_off.cqes + p.cq_entries * sizeof(*cqe));
	ring = map_ring(fd, ring_size, IORING_OFF_SQ_RING);
	sqe = map_ring(fd, p.sq_entries * sizeof(*sqe), IORING_OFF_SQES);

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = file;
	sqe->addr = (u64)mem;
	sqe->len = size;
	((u32 *)(ring + p.sq_off.array))[0] = 0;
	__atomic_store_n((u32 *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	TEST_ASSERT(syscall(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1,
		    "io_uring_enter: %s", strerror(errno));
	TEST_ASSERT(__atomic_load_n((u32 *)(ring + p.cq_off.tail), __ATOMIC_ACQUIRE) == 1,
		    "nothing has completed");
	cqe = ring + p.cq_off.cqes;
	res = cqe->res;

	munmap(sqe, p.sq_entries * sizeof(*sqe));
	munmap(ring, ring_size);
	close(fd);
	return res;
}

int uring_read(int file, void *mem, u32 size)
{
	return one(IORING_OP_READ, file, mem, size);
}

int uring_write(int file, void *mem, u32 size)
{
	return one(IORING_OP_WRITE, file, mem, size);
}

int uring_register(void *mem, u64 size)
{
	struct iovec iov = { mem, size };
	struct io_uring_params p;
	int fd = uring_setup(&p);

	TEST_ASSERT(!syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1),
		    "IORING_REGISTER_BUFFERS: %s", strerror(errno));
	return fd;
}
