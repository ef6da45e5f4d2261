// SPDX-License-Identifier: GPL-2.0-only
/*
 * permission_test - who may do what with /dev/kvm-uvmem and the VMs of others
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "harness.h"

#include "vm.h"

#define NOBODY	65534

/* Run @fn as nobody in a child; its result is the child's exit status. */
static int as_nobody(int (*fn)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			_exit(255);
		_exit(fn(arg));
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "child");
	TEST_ASSERT(WEXITSTATUS(status) != 255, "cannot become nobody");
	return WEXITSTATUS(status);
}

static int open_device(void *arg)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR);

	return fd < 0 ? errno : 0;
}

TEST(opening_the_device_is_for_root_and_its_group)
{
	EXPECT_EQ(EACCES, as_nobody(open_device, NULL));
}

struct inherited {
	int dev;
	struct uvm *uvm;
	struct __test_metadata *metadata;
};

/* What a process may do that was handed the open device. Returns the number of faults. */
static int unprivileged_calls(void *opaque)
{
	struct inherited *in = opaque;
	struct uvmem_info info = { .size = sizeof(info) };
	struct uvmem_pool pool = { .size = sizeof(pool) };
	u64 ids[64], found;
	struct uvmem_vm_list list = { .size = sizeof(list), .nr = 64, .ids = (u64)ids };
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = 1 };
	struct uvmem_sealed_pool sealed = { .size = sizeof(sealed), .limit = 1 };
	struct uvmem_open_vm open = { .size = sizeof(open), .id = in->uvm->id };
	struct uvmem_range range = { .size = sizeof(range), .nr_pages = 1 };
	struct uvmem_age age = { .size = sizeof(age) };
	struct uvmem_reclaim reclaim = { .size = sizeof(reclaim), .nr_pages = 1 };
	struct uvmem_limits limits = { .size = sizeof(limits) };
	struct uvmem_stall_trigger trigger = { .size = sizeof(trigger) };
	struct uvmem_find find = { .size = sizeof(find), .nr = 1, .states = 2, .found = (u64)&found };
	struct pollfd pfd = { .fd = in->dev, .events = POLLIN };
	struct uvmem_event event;
	int faults = 0;

#define CHECK(expected, got)							\
do {										\
	int got_ = (got);							\
	if (got_ != (expected)) {						\
		ksft_print_msg("%s is %d, not %d\n", #got, got_, (expected));	\
		faults++;							\
	}									\
} while (0)
	CHECK(0, uvmem_try(in->dev, UVMEM_GET_INFO, &info));
	CHECK(0, uvmem_try(in->dev, UVMEM_GET_POOL, &pool));
	CHECK(0, uvmem_try(in->dev, UVMEM_LIST_VMS, &list));
	CHECK(EPERM, uvmem_try(in->dev, UVMEM_SET_POOL_LIMIT, &limit));
	CHECK(EPERM, uvmem_try(in->dev, UVMEM_SET_SEALED_POOL, &sealed));
	CHECK(EPERM, uvmem_try(in->dev, UVMEM_OPEN_VM, &open));
	/* A VM of another process, even with its file in hand. */
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_PAGE_OUT, &range));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_PAGE_IN, &range));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_AGE, &age));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_RECLAIM, &reclaim));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_FIND, &find));
	CHECK(0, uvmem_try(in->uvm->fd, UVMEM_VM_GET_LIMITS, &limits));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_SET_LIMITS, &limits));
	CHECK(EPERM, uvmem_try(in->uvm->fd, UVMEM_VM_SET_STALL_TRIGGER, &trigger));
	CHECK(EPERM, read(in->dev, &event, sizeof(event)) < 0 ? errno : 0);
	CHECK(1, poll(&pfd, 1, 0));
	CHECK(POLLERR, pfd.revents);
	return faults;
}

TEST(an_unprivileged_holder_of_the_device_may_look_but_not_touch_others)
{
	struct inherited in = { .uvm = uvm_create_secure(&(struct uvm_config){}) };

	in.dev = open(UVMEM_DEVICE_PATH, O_RDWR);
	ASSERT_LE(0, in.dev);
	EXPECT_EQ(0, as_nobody(unprivileged_calls, &in));
	uvm_free(in.uvm);
}

static int unprivileged_vm(void *opaque)
{
	struct inherited *in = opaque;
	struct uvmem_arm arm = { .size = sizeof(arm) };
	struct uvmem_range range = { .size = sizeof(range), .nr_pages = 1 };
	struct uvmem_age age = { .size = sizeof(age) };
	struct uvmem_reclaim reclaim = { .size = sizeof(reclaim), .nr_pages = 1 };
	struct uvmem_limits limits = { .size = sizeof(limits) };
	int kvm = *(int *)in->uvm, vm, fd, faults = 0;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	arm.vm_fd = vm;
	fd = ioctl(in->dev, UVMEM_ARM, &arm);
	CHECK(1, vm >= 0 && fd >= 0);
	CHECK(0, uvmem_try(fd, UVMEM_VM_PAGE_OUT, &range));
	CHECK(0, uvmem_try(fd, UVMEM_VM_PAGE_IN, &range));
	CHECK(0, uvmem_try(fd, UVMEM_VM_AGE, &age));
	CHECK(0, uvmem_try(fd, UVMEM_VM_RECLAIM, &reclaim));
	/* Its own VM's limits are the administrator's to set. */
	CHECK(EPERM, uvmem_try(fd, UVMEM_VM_SET_LIMITS, &limits));
	return faults;
}

TEST(an_unprivileged_holder_of_the_device_may_have_armed_vms)
{
	int kvm = open_kvm_dev_path_or_exit();
	struct inherited in = { .uvm = (void *)&kvm };

	in.dev = open(UVMEM_DEVICE_PATH, O_RDWR);
	ASSERT_LE(0, in.dev);
	EXPECT_EQ(0, as_nobody(unprivileged_vm, &in));
}

TEST(root_may_act_on_the_vms_of_others)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	struct uvmem_open_vm open = { .size = sizeof(open), .id = uvm->id };
	struct uvmem_range range = {
		.size = sizeof(range), .nr_pages = SLOT0_PAGES, .flags = UVMEM_RANGE_IGNORE_AGE,
	};
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);

		if (fd < 0 || ioctl(fd, UVMEM_VM_PAGE_OUT, &range) || !range.moved)
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, guest_call(uvm->vcpu[0], guest_nop));
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
