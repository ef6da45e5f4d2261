// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm_new_test - UVMEM_ARM_NEW: VMs of a process that has a marked file open are
 * armed when they are created, or not created at all
 */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "vm.h"

static int marked_fd(int oflags)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | oflags);

	TEST_ASSERT(fd >= 0, "%s: %s", UVMEM_DEVICE_PATH, strerror(errno));
	return fd;
}

static struct uvmem_arm arm_args(u64 flags, const char *name)
{
	struct uvmem_arm arm = {
		.size = sizeof(arm), .vm_fd = -1, .flags = flags, .max_frames = 1234,
	};

	snprintf(arm.name, sizeof(arm.name), "%s", name);
	return arm;
}

static void mark(int fd, u64 flags, const char *name)
{
	struct uvmem_arm arm = arm_args(flags, name);

	TEST_ASSERT(!ioctl(fd, UVMEM_ARM_NEW, &arm), "UVMEM_ARM_NEW: %s", strerror(errno));
}

/* A VM's file or -errno. */
static int new_vm(unsigned long type)
{
	int kvm = open_kvm_dev_path_or_exit(), fd = ioctl(kvm, KVM_CREATE_VM, type);

	fd = fd < 0 ? -errno : fd;
	close(kvm);
	return fd;
}

/* What is known of the one VM that is armed. */
static struct uvmem_vm_info armed_vm(void)
{
	u64 ids[2];
	struct uvmem_vm_list list = { .size = sizeof(list), .nr = 2, .ids = (u64)ids };
	struct uvmem_vm_info info = { .size = sizeof(info) };
	struct uvmem_open_vm args = { .size = sizeof(args) };
	int fd;

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list), "%s", strerror(errno));
	TEST_ASSERT(list.nr == 1, "%u armed VMs", list.nr);
	args.id = ids[0];
	fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &args);
	TEST_ASSERT(fd >= 0, "UVMEM_OPEN_VM: %s", strerror(errno));
	TEST_ASSERT(!ioctl(fd, UVMEM_VM_GET_INFO, &info), "%s", strerror(errno));
	close(fd);
	return info;
}

static void assert_no_vms(void)
{
	int i;

	for (i = 0; i < 1000 && uvmem_get_pool().vms; i++)
		usleep(10000);
	TEST_ASSERT_EQ(uvmem_get_pool().vms, 0);
}

/* Ends with the child: 0 if fn() said so. */
static int in_child(bool (*fn)(void))
{
	pid_t pid = fork();
	int status;

	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		_exit(!fn());
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	return status;
}

TEST(a_vm_of_the_process_is_armed_as_was_asked)
{
	const u64 flags = UVMEM_ARM_SEV | UVMEM_ARM_HOST_TOUCH_SIGBUS;
	int fd = marked_fd(O_CLOEXEC), vm;
	struct uvmem_vm_info info;

	mark(fd, flags, "new");
	EXPECT_EQ(0, uvmem_get_pool().vms);
	vm = new_vm(VM_TYPE_DEFAULT);
	ASSERT_LE(0, vm);
	info = armed_vm();
	EXPECT_EQ(flags, info.flags);
	EXPECT_EQ(1234, info.max_frames);
	EXPECT_EQ(getpid(), info.pid);
	EXPECT_EQ(0, strcmp("new", info.name));
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	/* It is armed: nobody can do it once more. */
	EXPECT_EQ(-EEXIST, uvmem_arm(vm, 0, 0, "again"));
	close(vm);
	assert_no_vms();
	close(fd);
}

TEST(every_vm_is_armed_until_the_file_is_closed)
{
	int fd = marked_fd(O_CLOEXEC), vm[3], i;

	mark(fd, 0, "");
	for (i = 0; i < 2; i++)
		vm[i] = new_vm(VM_TYPE_DEFAULT);
	EXPECT_EQ(2, uvmem_get_pool().vms);
	close(fd);
	vm[2] = new_vm(VM_TYPE_DEFAULT);
	EXPECT_EQ(2, uvmem_get_pool().vms);
	for (i = 0; i < 3; i++) {
		ASSERT_LE(0, vm[i]);
		close(vm[i]);
	}
	assert_no_vms();
}

static bool creates_armed(void)
{
	return new_vm(VM_TYPE_DEFAULT) >= 0 && uvmem_get_pool().vms == 1;
}

static bool creates_unarmed(void)
{
	return new_vm(VM_TYPE_DEFAULT) >= 0 && uvmem_get_pool().vms == 0;
}

TEST(the_mark_goes_to_children)
{
	int fd = marked_fd(O_CLOEXEC);

	mark(fd, 0, "");
	EXPECT_EQ(0, in_child(creates_armed));
	assert_no_vms();
	close(fd);
	EXPECT_EQ(0, in_child(creates_unarmed));
}

/* This program again: see main(). */
static bool execs(const char *what)
{
	execl("/proc/self/exe", "arm_new_test", what, NULL);
	return false;
}

static bool execs_armed(void)
{
	return execs("--armed");
}

static bool execs_unarmed(void)
{
	return execs("--unarmed");
}

TEST(the_mark_goes_through_exec)
{
	int fd = marked_fd(0);

	mark(fd, 0, "");
	EXPECT_EQ(0, in_child(execs_armed));
	close(fd);
	assert_no_vms();
	/* Unless the file does not. */
	fd = marked_fd(O_CLOEXEC);
	mark(fd, 0, "");
	EXPECT_EQ(0, in_child(execs_unarmed));
	close(fd);
}

TEST(other_processes_are_left_alone)
{
	int fd = marked_fd(O_CLOEXEC), ready[2], status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Has the file, but not the mark yet; gives it up, then waits for the mark. */
		close(fd);
		TEST_ASSERT_EQ(read(ready[0], &c, 1), 1);
		_exit(!creates_unarmed());
	}
	mark(fd, 0, "");
	ASSERT_EQ(1, write(ready[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(fd);
}

/* A VM that cannot be secure must not be there. */
TEST(a_vm_that_cannot_be_armed_is_not_created)
{
	int fd = marked_fd(O_CLOEXEC);

	if (!(kvm_check_cap(KVM_CAP_VM_TYPES) & BIT(KVM_X86_SW_PROTECTED_VM)))
		SKIP(return, "KVM has no VMs with private memory");
	mark(fd, 0, "");
	EXPECT_EQ(-EOPNOTSUPP, new_vm(KVM_X86_SW_PROTECTED_VM));
	EXPECT_EQ(0, uvmem_get_pool().vms);
	EXPECT_EQ(0, uvmem_get_pool().keys);
	close(fd);
	EXPECT_LE(0, new_vm(KVM_X86_SW_PROTECTED_VM));
}

TEST(arguments_are_checked)
{
	int fd = marked_fd(O_CLOEXEC), vm;
	struct uvmem_arm arm = arm_args(0, "");

	arm.vm_fd = 0;
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EINVAL, errno);
	arm = arm_args(1ull << 63, "");
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EINVAL, errno);
	arm = arm_args(0, "");
	arm.reserved[1] = 1;
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EINVAL, errno);
	arm = arm_args(0, "");
	memset(arm.name, 'x', sizeof(arm.name));
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EINVAL, errno);
	arm = arm_args(0, "");
	arm.size = 8;
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EINVAL, errno);
	/* None of these has marked it. */
	vm = new_vm(VM_TYPE_DEFAULT);
	EXPECT_EQ(0, uvmem_get_pool().vms);
	close(vm);
	mark(fd, 0, "once");
	arm = arm_args(0, "twice");
	EXPECT_EQ(-1, ioctl(fd, UVMEM_ARM_NEW, &arm));
	EXPECT_EQ(EBUSY, errno);
	close(fd);
}

int main(int argc, char *argv[])
{
	if (argc == 2 && !strcmp(argv[1], "--armed"))
		return !creates_armed();
	if (argc == 2 && !strcmp(argv[1], "--unarmed"))
		return !creates_unarmed();
	return test_harness_run(argc, argv);
}
