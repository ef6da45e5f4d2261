// SPDX-License-Identifier: GPL-2.0-only
/*
 * device_test - /dev/kvm-uvmem and the per-VM file: what their ioctls do, and every errno
 * that the uapi header names
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "harness.h"

#include "vm.h"

static u64 ids[64];

/* ---- the device's calls ---------------------------------------------------------- */

TEST(info_names_version_page_size_and_capabilities)
{
	struct uvmem_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, uvmem_try(uvmem_dev(), UVMEM_GET_INFO, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(UVMEM_API_VERSION, info.api_version);
	EXPECT_EQ(PAGE_SIZE, info.page_size);
	EXPECT_LE(1, info.max_range_pages);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_PAGING);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_EVENTS);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_STATS);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_AGING);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_LIMITS);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_STALL_TRIGGERS);
	EXPECT_TRUE(info.capabilities & UVMEM_CAP_NO_CIPHERTEXT);
}

TEST(pool_limit_is_settable_and_never_zero)
{
	struct uvmem_pool_limit limit = { .size = sizeof(limit) };
	u64 old = uvmem_get_pool().frames_limit;

	ASSERT_LT(0, old);
	EXPECT_EQ(EINVAL, uvmem_try(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit));
	EXPECT_EQ(old, uvmem_get_pool().frames_limit);
	limit.frames = 12345;
	EXPECT_EQ(0, uvmem_try(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit));
	EXPECT_EQ(12345, uvmem_get_pool().frames_limit);
	uvmem_set_pool_limit(old);
}

TEST(arming_needs_a_vm_of_this_process)
{
	struct kvm_vm *vm = ____vm_create(VM_SHAPE_DEFAULT);
	int pipes[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, uvmem_arm(-1, 0, 0, ""));
	EXPECT_EQ(-EBADF, uvmem_arm(pipes[0], 0, 0, ""));
	EXPECT_EQ(-EBADF, uvmem_arm(vm->kvm_fd, 0, 0, ""));
	EXPECT_EQ(-EBADF, uvmem_arm(uvmem_dev(), 0, 0, ""));

	pid = fork();
	if (!pid)
		_exit(-uvmem_arm(vm->fd, 0, 0, ""));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
	kvm_vm_free(vm);
}

TEST(arming_comes_before_memory_and_vcpus)
{
	struct kvm_vm *vm;
	int vcpu_fd;

	vm = ____vm_create(VM_SHAPE_DEFAULT);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0, 64, 0);
	EXPECT_EQ(-EBUSY, uvmem_arm(vm->fd, 0, 0, "has memory"));
	kvm_vm_free(vm);

	vm = ____vm_create(VM_SHAPE_DEFAULT);
	vcpu_fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, vcpu_fd);
	EXPECT_EQ(-EBUSY, uvmem_arm(vm->fd, 0, 0, "has a vCPU"));
	close(vcpu_fd);
	kvm_vm_free(vm);
}

TEST(arming_twice_is_EEXIST)
{
	struct uvmem_pool before = uvmem_get_pool();
	struct kvm_vm *vm = ____vm_create(VM_SHAPE_DEFAULT);
	int fd = uvmem_arm(vm->fd, 0, 0, "once");

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, uvmem_arm(vm->fd, 0, 0, "twice"));
	EXPECT_EQ(before.vms + 1, uvmem_get_pool().vms);
	EXPECT_EQ(before.keys + 1, uvmem_get_pool().keys);
	close(fd);
	kvm_vm_free(vm);
	uvmem_assert_nothing_left(&before);
}

TEST(arming_refuses_unknown_flags_and_endless_names)
{
	struct kvm_vm *vm = ____vm_create(VM_SHAPE_DEFAULT);
	struct uvmem_arm arm = { .size = sizeof(arm), .vm_fd = vm->fd };

	arm.flags = 1ull << 63;
	EXPECT_EQ(EINVAL, uvmem_try(uvmem_dev(), UVMEM_ARM, &arm));
	arm.flags = 0;
	memset(arm.name, 'x', sizeof(arm.name));
	EXPECT_EQ(EINVAL, uvmem_try(uvmem_dev(), UVMEM_ARM, &arm));
	memset(arm.name, 0, sizeof(arm.name));
	arm.reserved[3] = 1;
	EXPECT_EQ(EINVAL, uvmem_try(uvmem_dev(), UVMEM_ARM, &arm));
	arm.reserved[3] = 0;
	arm.size = sizeof(arm) - 8;
	EXPECT_EQ(EINVAL, uvmem_try(uvmem_dev(), UVMEM_ARM, &arm));
	EXPECT_EQ(EFAULT, uvmem_try(uvmem_dev(), UVMEM_ARM, NULL));
	kvm_vm_free(vm);
}

TEST(arming_refuses_a_vm_with_private_memory)
{
	struct vm_shape shape = {
		.mode = VM_MODE_DEFAULT,
		.type = KVM_X86_SW_PROTECTED_VM,
	};
	struct kvm_vm *vm;

	if (!(kvm_check_cap(KVM_CAP_VM_TYPES) & BIT(KVM_X86_SW_PROTECTED_VM)))
		SKIP(return, "this KVM has no VMs with private memory (KVM_X86_SW_PROTECTED_VM)");
	vm = ____vm_create(shape);
	EXPECT_EQ(-EOPNOTSUPP, uvmem_arm(vm->fd, 0, 0, ""));
	kvm_vm_free(vm);
}

TEST(arming_returns_a_file_that_is_closed_on_exec)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_open_vm open = { .size = sizeof(open), .id = uvm->id };
	struct uvmem_vm_info info;
	int fd, stats;

	EXPECT_TRUE(fcntl(uvm->fd, F_GETFD) & FD_CLOEXEC);
	fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	stats = ioctl(fd, UVMEM_VM_GET_STATS_FD, 0);
	ASSERT_LE(0, stats);
	EXPECT_TRUE(fcntl(stats, F_GETFD) & FD_CLOEXEC);

	uvm_info(uvm, &info);
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	EXPECT_EQ(getpid(), info.pid);
	EXPECT_STREQ("selftest", info.name);
	EXPECT_EQ(SLOT0_PAGES + uvm->mem_pages, info.registered_pages);
	EXPECT_EQ(info.registered_pages, info.pages[UVMEM_PAGE_NORMAL]);
	close(stats);
	close(fd);
	uvm_free(uvm);
}

TEST(arming_takes_smm_away)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});

	/* A second address space would show the same gfns by other rules. */
	EXPECT_EQ(0, vm_check_cap(uvm->vm, KVM_CAP_X86_SMM));
	EXPECT_NE(0, __vcpu_ioctl(uvm->vcpu[0], KVM_SMI, NULL));
	EXPECT_NE(0, __vm_set_user_memory_region(uvm->vm, (1 << 16) | MEM_SLOT, 0, MEM_GPA,
						 PAGE_SIZE, uvm_hva(uvm, MEM_GPA)));
	uvm_free(uvm);
}

TEST(armed_vms_are_listed_in_ascending_order)
{
	struct uvmem_vm_list list = { .size = sizeof(list) };
	struct kvm_vm *vm[3];
	int fd[3], i;
	u32 nr;

	for (i = 0; i < 3; i++) {
		vm[i] = ____vm_create(VM_SHAPE_DEFAULT);
		fd[i] = uvmem_arm(vm[i]->fd, 0, 0, "listed");
		ASSERT_LE(0, fd[i]);
	}
	list.ids = (u64)ids;
	ids[0] = 0x5a5a;
	EXPECT_EQ(ENOSPC, uvmem_try(uvmem_dev(), UVMEM_LIST_VMS, &list));
	nr = list.nr;
	EXPECT_LE(3, nr);
	EXPECT_EQ(0x5a5a, ids[0]);
	list.nr = nr - 1;
	EXPECT_EQ(ENOSPC, uvmem_try(uvmem_dev(), UVMEM_LIST_VMS, &list));
	EXPECT_EQ(nr, list.nr);
	EXPECT_EQ(0x5a5a, ids[0]);

	list.nr = ARRAY_SIZE(ids);
	EXPECT_EQ(0, uvmem_try(uvmem_dev(), UVMEM_LIST_VMS, &list));
	EXPECT_EQ(nr, list.nr);
	for (i = 1; i < nr; i++)
		EXPECT_LT(ids[i - 1], ids[i]);

	list.ids = 8;
	list.nr = ARRAY_SIZE(ids);
	EXPECT_EQ(EFAULT, uvmem_try(uvmem_dev(), UVMEM_LIST_VMS, &list));
	for (i = 0; i < 3; i++) {
		close(fd[i]);
		kvm_vm_free(vm[i]);
	}
}

TEST(opening_a_vm_that_is_not_there_is_ENOENT)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_open_vm open = { .size = sizeof(open) };

	EXPECT_EQ(ENOENT, uvmem_try(uvmem_dev(), UVMEM_OPEN_VM, &open));
	open.id = uvm->id + 1;
	EXPECT_EQ(ENOENT, uvmem_try(uvmem_dev(), UVMEM_OPEN_VM, &open));
	open.id = uvm->id;
	uvm_free(uvm);
	EXPECT_EQ(ENOENT, uvmem_try(uvmem_dev(), UVMEM_OPEN_VM, &open));
}

TEST(ids_are_never_used_again)
{
	u64 last = 0;
	int i;

	for (i = 0; i < 5; i++) {
		struct kvm_vm *vm = ____vm_create(VM_SHAPE_DEFAULT);
		struct uvmem_vm_info info = { .size = sizeof(info) };
		int fd = uvmem_arm(vm->fd, 0, 0, "");

		ASSERT_EQ(0, uvmem_try(fd, UVMEM_VM_GET_INFO, &info));
		EXPECT_LT(last, info.id);
		last = info.id;
		close(fd);
		kvm_vm_free(vm);
	}
}

/* ---- the per-VM file's calls --------------------------------------------------------- */

TEST(ranges_that_make_no_sense_are_EINVAL)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	static const unsigned long cmds[] = { UVMEM_VM_PAGE_OUT, UVMEM_VM_PAGE_IN };
	struct uvmem_range range;
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, __uvm_move(uvm, cmds[i], MEM_GPA, 0, 0, NULL));
		EXPECT_EQ(-EINVAL, __uvm_move(uvm, cmds[i], MEM_GPA, ~0ull, 0, NULL));
		EXPECT_EQ(-EINVAL, __uvm_move(uvm, cmds[i], MEM_GPA, 1, 1ull << 40, NULL));
	}
	EXPECT_EQ(-EINVAL, __uvm_move(uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 1,
				      UVMEM_RANGE_IGNORE_AGE, NULL));

	/* A range where nothing is: everything is looked at, nothing moves. */
	EXPECT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_OUT, 1ull << 44, 1ull << 30, 0, &range));
	EXPECT_EQ(1ull << 30, range.done);
	EXPECT_EQ(1ull << 30, range.skipped[UVMEM_REASON_STATE]);
	EXPECT_EQ(0, range.moved);
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

TEST(states_are_told_of_at_most_65536_pages)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	struct uvmem_states arg = { .size = sizeof(arg) };
	u8 *room = calloc(1, 65537);

	ASSERT_NE(NULL, room);
	arg.states = (u64)room;
	EXPECT_EQ(EINVAL, uvmem_try(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.nr_pages = 65537;
	EXPECT_EQ(EINVAL, uvmem_try(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.nr_pages = 65536;
	EXPECT_EQ(0, uvmem_try(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	EXPECT_LE(UVMEM_PAGE_ABSENT, room[0] & ~UVMEM_STATE_IN_TRANSIT);
	EXPECT_EQ(UVMEM_PAGE_NONE, room[65535]);
	arg.gfn = ~0ull - 5;
	EXPECT_EQ(EINVAL, uvmem_try(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.gfn = 0;
	arg.states = 8;
	EXPECT_EQ(EFAULT, uvmem_try(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	free(room);
	uvm_free(uvm);
}

TEST(a_vm_that_has_ended_is_ESRCH)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	struct uvmem_pool before = uvm->before;
	struct uvmem_vm_info info = { .size = sizeof(info) };
	struct uvmem_range range = { .size = sizeof(range), .nr_pages = 1 };
	struct uvmem_age age = { .size = sizeof(age) };
	struct uvmem_reclaim reclaim = { .size = sizeof(reclaim), .nr_pages = 1 };
	struct uvmem_limits limits = { .size = sizeof(limits) };
	u64 found;
	u8 state;
	struct uvmem_find find = { .size = sizeof(find), .nr = 1, .states = 2, .found = (u64)&found };
	struct uvmem_states arg = {
		.size = sizeof(arg), .nr_pages = 1, .states = (u64)&state,
	};
	int fd = dup(uvm->fd);

	uvm_free_unchecked(uvm);
	uvmem_assert_nothing_left(&before);
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_PAGE_OUT, &range));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_PAGE_IN, &range));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_GET_STATES, &arg));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_AGE, &age));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_RECLAIM, &reclaim));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_FIND, &find));
	EXPECT_EQ(ESRCH, uvmem_try(fd, UVMEM_VM_SET_LIMITS, &limits));
	EXPECT_EQ(0, uvmem_try(fd, UVMEM_VM_GET_LIMITS, &limits));
	ASSERT_EQ(0, uvmem_try(fd, UVMEM_VM_GET_INFO, &info));
	EXPECT_EQ(UVMEM_VM_TERMINATED, info.state);
	EXPECT_EQ(0, info.frames);
	EXPECT_EQ(0, info.registered_pages + info.detached_pages);
	close(fd);
}

TEST_HARNESS_MAIN
