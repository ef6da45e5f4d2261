// SPDX-License-Identifier: GPL-2.0-only
/*
 * calls.c - files and what they tell
 */
#include <fcntl.h>

#include "kselftest.h"

#include "fault.h"

static void do_open(struct fault *f)
{
	nth_begin(f);
	f->ret = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (f->ret < 0)
		f->ret = -errno;
}

static void do_open_vm(struct fault *f)
{
	struct uvmem_open_vm open = { .size = sizeof(open), .id = f->uvm->id };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);
	if (f->ret < 0)
		f->ret = -errno;
}

static void do_stats_fd(struct fault *f)
{
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_STATS_FD, 0);
	if (f->ret < 0)
		f->ret = -errno;
}

static void check_fd(struct fault *f)
{
	TEST_ASSERT(f->ret >= 0 || f->ret == -ENOMEM || f->ret == -ENFILE, "%s", strerror(-f->ret));
	if (f->ret >= 0)
		close(f->ret);
	verify(f, 0, PAGES);
}

static void do_states(struct fault *f)
{
	static u8 states[PAGES];
	struct uvmem_states arg = { .size = sizeof(arg), .gfn = gpa_to_gfn(MEM_GPA),
				    .nr_pages = PAGES, .states = (u64)states };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_STATES, &arg) ? -errno : 0;
}

static void do_find(struct fault *f)
{
	static struct uvmem_found found[PAGES];
	struct uvmem_find find = { .size = sizeof(find), .nr = PAGES,
				   .states = 1 << UVMEM_PAGE_IN, .found = (u64)found };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_FIND, &find) ? -errno : 0;
}

static void do_list(struct fault *f)
{
	u64 ids[16];
	struct uvmem_vm_list list = { .size = sizeof(list), .nr = 16, .ids = (u64)ids };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list) ? -errno : 0;
}

static void check_call(struct fault *f)
{
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "%s", strerror(-f->ret));
	verify(f, 0, PAGES);
}

const struct fault_op call_ops[] = {
	{ "open", pages_in, do_open, check_fd, .least = 3 },
	{ "UVMEM_OPEN_VM", pages_in, do_open_vm, check_fd, .least = 3 },
	{ "UVMEM_VM_GET_STATS_FD", pages_in, do_stats_fd, check_fd, .least = 3 },
	{ "UVMEM_VM_GET_STATES", pages_in, do_states, check_call, .least = 1 },
	{ "UVMEM_VM_FIND", pages_in, do_find, check_call, .least = 1 },
	{ "UVMEM_LIST_VMS", pages_in, do_list, check_call, .least = 1 },
	{}
};
