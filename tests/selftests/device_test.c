// SPDX-License-Identifier: GPL-2.0-only
/*
 * device_test - /dev/kvm-uvmem and the per-VM file: every ioctl, every errno
 * that the uapi header names, and who may do what
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "harness.h"

#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define ARGUMENT_FIXTURE	FIXTURE_DATA(argument)

#define NOBODY	65534

static int try_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

/* ---- argument structures ------------------------------------------------------- */

/**
 * struct call - an ioctl whose argument, as given here, makes it succeed
 * @cmd:	its number
 * @size:	of its structure, and of what @arg has of it
 * @reserved:	offset of a reserved field
 * @pad:	offset of a pad field, 0 if it has none
 * @on_vm:	it is one of the per-VM file
 */
struct call {
	const char *name;
	unsigned long cmd;
	u32 size;
	u32 reserved;
	u32 pad;
	bool on_vm;
	void (*fill)(void *arg);
};

static u64 ids[64];
static u8 states[16];
static u64 vm_id;
static u64 pool_limit;

static void fill_nothing(void *arg)
{
}

/* What is published never changes size without a new version, and grows at its end only. */
#define SIZE_VER0(type)							\
	(offsetof(struct type, reserved) + sizeof(((struct type *)0)->reserved))
/* A program asks for the version to know what there can be. */
_Static_assert(UVMEM_API_VERSION == 6 && UVMEM_PAGE_NR_STATES == 9 && UVMEM_VM_NR_STATES == 4 &&
	       UVMEM_NR_CAUSES == 7 && UVMEM_NR_REASONS == 10 && UVMEM_NR_STOP_REASONS == 8 &&
	       UVMEM_STALL_NR_KINDS == 2 && UVMEM_CAP_NO_CIPHERTEXT == 1ULL << 12,
	       "something was added: raise UVMEM_API_VERSION, say so there, and then here");

_Static_assert(sizeof(struct uvmem_info) == UVMEM_INFO_SIZE_VER0, "uvmem_info");
_Static_assert(SIZE_VER0(uvmem_pool) == UVMEM_POOL_SIZE_VER0, "uvmem_pool");
_Static_assert(sizeof(struct uvmem_pool_limit) == UVMEM_POOL_LIMIT_SIZE_VER0, "uvmem_pool_limit");
_Static_assert(sizeof(struct uvmem_arm) == UVMEM_ARM_SIZE_VER0, "uvmem_arm");
_Static_assert(sizeof(struct uvmem_vm_list) == UVMEM_VM_LIST_SIZE_VER0, "uvmem_vm_list");
_Static_assert(sizeof(struct uvmem_open_vm) == UVMEM_OPEN_VM_SIZE_VER0, "uvmem_open_vm");
_Static_assert(SIZE_VER0(uvmem_vm_info) == UVMEM_VM_INFO_SIZE_VER0, "uvmem_vm_info");
_Static_assert(sizeof(struct uvmem_range) == UVMEM_RANGE_SIZE_VER0, "uvmem_range");
_Static_assert(sizeof(struct uvmem_states) == UVMEM_STATES_SIZE_VER0, "uvmem_states");
_Static_assert(sizeof(struct uvmem_age) == UVMEM_AGE_SIZE_VER0, "uvmem_age");
_Static_assert(SIZE_VER0(uvmem_reclaim) == UVMEM_RECLAIM_SIZE_VER0, "uvmem_reclaim");
_Static_assert(sizeof(struct uvmem_sealed_pool) == UVMEM_SEALED_POOL_SIZE_VER0,
	       "uvmem_sealed_pool");
_Static_assert(sizeof(struct uvmem_limits) == UVMEM_LIMITS_SIZE_VER0, "uvmem_limits");
_Static_assert(sizeof(struct uvmem_stall_trigger) == UVMEM_STALL_TRIGGER_SIZE_VER0,
	       "uvmem_stall_trigger");

static void fill_list(void *arg)
{
	struct uvmem_vm_list *list = arg;

	list->nr = ARRAY_SIZE(ids);
	list->ids = (u64)ids;
}

static void fill_open(void *arg)
{
	((struct uvmem_open_vm *)arg)->id = vm_id;
}

static void fill_limit(void *arg)
{
	((struct uvmem_pool_limit *)arg)->frames = pool_limit;
}

static void fill_range(void *arg)
{
	struct uvmem_range *range = arg;

	range->gfn = gpa_to_gfn(MEM_GPA);
	range->nr_pages = 1;
}

static void fill_states(void *arg)
{
	struct uvmem_states *s = arg;

	s->gfn = gpa_to_gfn(MEM_GPA);
	s->nr_pages = 1;
	s->states = (u64)states;
}

static void fill_reclaim(void *arg)
{
	((struct uvmem_reclaim *)arg)->nr_pages = 1;
}

static void fill_find(void *arg)
{
	struct uvmem_find *find = arg;

	find->nr = 1;
	find->states = 1 << UVMEM_PAGE_OUT;
	find->found = (u64)states;
}

#define CALL(cmd_, type, ver0_, pad_, vm_, fill_)				\
	{ .name = #cmd_, .cmd = (cmd_), .size = (ver0_),			\
	  .reserved = offsetof(struct type, reserved), .pad = (pad_),		\
	  .on_vm = (vm_), .fill = (fill_) }

static const struct call calls[] = {
	CALL(UVMEM_GET_INFO, uvmem_info, UVMEM_INFO_SIZE_VER0, 0, false, fill_nothing),
	CALL(UVMEM_GET_POOL, uvmem_pool, UVMEM_POOL_SIZE_VER0,
	     offsetof(struct uvmem_pool, pad), false, fill_nothing),
	CALL(UVMEM_SET_POOL_LIMIT, uvmem_pool_limit, UVMEM_POOL_LIMIT_SIZE_VER0,
	     offsetof(struct uvmem_pool_limit, pad), false, fill_limit),
	CALL(UVMEM_SET_SEALED_POOL, uvmem_sealed_pool, UVMEM_SEALED_POOL_SIZE_VER0,
	     offsetof(struct uvmem_sealed_pool, pad), false, fill_nothing),
	CALL(UVMEM_LIST_VMS, uvmem_vm_list, UVMEM_VM_LIST_SIZE_VER0, 0, false, fill_list),
	CALL(UVMEM_OPEN_VM, uvmem_open_vm, UVMEM_OPEN_VM_SIZE_VER0,
	     offsetof(struct uvmem_open_vm, pad), false, fill_open),
	CALL(UVMEM_VM_GET_INFO, uvmem_vm_info, UVMEM_VM_INFO_SIZE_VER0, 0, true, fill_nothing),
	CALL(UVMEM_VM_PAGE_OUT, uvmem_range, UVMEM_RANGE_SIZE_VER0,
	     offsetof(struct uvmem_range, pad), true, fill_range),
	CALL(UVMEM_VM_PAGE_IN, uvmem_range, UVMEM_RANGE_SIZE_VER0,
	     offsetof(struct uvmem_range, pad), true, fill_range),
	CALL(UVMEM_VM_GET_STATES, uvmem_states, UVMEM_STATES_SIZE_VER0,
	     offsetof(struct uvmem_states, pad), true, fill_states),
	CALL(UVMEM_VM_AGE, uvmem_age, UVMEM_AGE_SIZE_VER0,
	     offsetof(struct uvmem_age, flags), true, fill_nothing),
	CALL(UVMEM_VM_RECLAIM, uvmem_reclaim, UVMEM_RECLAIM_SIZE_VER0,
	     offsetof(struct uvmem_reclaim, pad), true, fill_reclaim),
	CALL(UVMEM_VM_SET_LIMITS, uvmem_limits, UVMEM_LIMITS_SIZE_VER0,
	     offsetof(struct uvmem_limits, pad), true, fill_nothing),
	CALL(UVMEM_VM_SET_STALL_TRIGGER, uvmem_stall_trigger, UVMEM_STALL_TRIGGER_SIZE_VER0, 0,
	     true, fill_nothing),
	CALL(UVMEM_VM_GET_LIMITS, uvmem_limits, UVMEM_LIMITS_SIZE_VER0,
	     offsetof(struct uvmem_limits, pad), true, fill_nothing),
	CALL(UVMEM_VM_FIND, uvmem_find, UVMEM_FIND_SIZE_VER0,
	     offsetof(struct uvmem_find, pad), true, fill_find),
	/* Once more, for its flags. */
	CALL(UVMEM_VM_RECLAIM, uvmem_reclaim, UVMEM_RECLAIM_SIZE_VER0,
	     offsetof(struct uvmem_reclaim, flags) + 1, true, fill_reclaim),
};

FIXTURE(argument)
{
	struct uvm *uvm;
	u8 arg[2 * PAGE_SIZE];
	const struct call *call;
	int fd;
};

FIXTURE_SETUP(argument)
{
	pool_limit = uvmem_get_pool().frames_limit;
	self->uvm = uvm_create(&(struct uvm_config){});
	vm_id = self->uvm->id;
}

FIXTURE_TEARDOWN(argument)
{
	uvm_free(self->uvm);
}

#define for_each_call(self)							\
	for ((self)->call = calls;						\
	     (self)->call < calls + ARRAY_SIZE(calls) &&			\
	     ((self)->fd = (self)->call->on_vm ? (self)->uvm->fd : uvmem_dev(), true); \
	     (self)->call++)

/* Make the call with the argument's size field set to @size; closes what it opens. */
static int make_call(ARGUMENT_FIXTURE *self, u32 size)
{
	int ret;

	memcpy(self->arg, &size, sizeof(size));
	ret = ioctl(self->fd, self->call->cmd, self->arg);
	if (ret > 0)
		close(ret);
	return ret < 0 ? errno : 0;
}

static void prepare(ARGUMENT_FIXTURE *self)
{
	memset(self->arg, 0, sizeof(self->arg));
	self->call->fill(self->arg);
}

TEST_F(argument, of_the_published_size_is_accepted)
{
	for_each_call(self) {
		prepare(self);
		EXPECT_EQ(0, make_call(self, self->call->size))
			TH_LOG("%s", self->call->name);
	}
}

TEST_F(argument, below_the_published_size_is_EINVAL)
{
	static const u32 sizes[] = { 0, 4 };
	int i;

	for_each_call(self) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			prepare(self);
			EXPECT_EQ(EINVAL, make_call(self, sizes[i]))
				TH_LOG("%s, size %u", self->call->name, sizes[i]);
		}
		prepare(self);
		EXPECT_EQ(EINVAL, make_call(self, self->call->size - 1))
			TH_LOG("%s", self->call->name);
	}
}

TEST_F(argument, above_the_published_size_must_be_zero)
{
	for_each_call(self) {
		prepare(self);
		EXPECT_EQ(0, make_call(self, self->call->size + 64))
			TH_LOG("%s, zero", self->call->name);
		prepare(self);
		self->arg[self->call->size + 63] = 1;
		EXPECT_EQ(E2BIG, make_call(self, self->call->size + 64))
			TH_LOG("%s, not zero", self->call->name);
		prepare(self);
		EXPECT_EQ(E2BIG, make_call(self, ~0u))
			TH_LOG("%s, absurd", self->call->name);
	}
}

TEST_F(argument, with_a_reserved_field_set_is_EINVAL)
{
	for_each_call(self) {
		prepare(self);
		self->arg[self->call->reserved] = 1;
		EXPECT_EQ(EINVAL, make_call(self, self->call->size))
			TH_LOG("%s", self->call->name);
		prepare(self);
		self->arg[self->call->size - 1] = 0x80;
		EXPECT_EQ(EINVAL, make_call(self, self->call->size))
			TH_LOG("%s, last byte", self->call->name);
		if (!self->call->pad)
			continue;
		prepare(self);
		self->arg[self->call->pad] = 1;
		EXPECT_EQ(EINVAL, make_call(self, self->call->size))
			TH_LOG("%s, pad", self->call->name);
	}
}

TEST_F(argument, that_cannot_be_read_is_EFAULT)
{
	void *none = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for_each_call(self) {
		EXPECT_EQ(EFAULT, try_ioctl(self->fd, self->call->cmd, NULL))
			TH_LOG("%s", self->call->name);
		EXPECT_EQ(EFAULT, try_ioctl(self->fd, self->call->cmd, none))
			TH_LOG("%s", self->call->name);
	}
}

TEST_F(argument, output_has_reserved_fields_zero)
{
	for_each_call(self) {
		int i;

		prepare(self);
		if (make_call(self, self->call->size))
			continue;
		for (i = self->call->reserved; i < self->call->size; i++)
			EXPECT_EQ(0, self->arg[i]) TH_LOG("%s", self->call->name);
	}
}

TEST_F(argument, of_an_unknown_ioctl_is_ENOTTY)
{
	EXPECT_EQ(ENOTTY, try_ioctl(uvmem_dev(), _IOWR(UVMEM_IOC, 0x7f, u64), self->arg));
	EXPECT_EQ(ENOTTY, try_ioctl(self->uvm->fd, _IOWR(UVMEM_IOC, 0x7f, u64), self->arg));
	/* Nor does one file take the other's calls. */
	EXPECT_EQ(ENOTTY, try_ioctl(self->uvm->fd, UVMEM_GET_INFO, self->arg));
	EXPECT_EQ(ENOTTY, try_ioctl(uvmem_dev(), UVMEM_VM_GET_INFO, self->arg));
}

/* ---- the device's calls ---------------------------------------------------------- */

TEST(info_names_version_page_size_and_capabilities)
{
	struct uvmem_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, try_ioctl(uvmem_dev(), UVMEM_GET_INFO, &info));
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
	EXPECT_EQ(EINVAL, try_ioctl(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit));
	EXPECT_EQ(old, uvmem_get_pool().frames_limit);
	limit.frames = 12345;
	EXPECT_EQ(0, try_ioctl(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit));
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
	EXPECT_EQ(EINVAL, try_ioctl(uvmem_dev(), UVMEM_ARM, &arm));
	arm.flags = 0;
	memset(arm.name, 'x', sizeof(arm.name));
	EXPECT_EQ(EINVAL, try_ioctl(uvmem_dev(), UVMEM_ARM, &arm));
	memset(arm.name, 0, sizeof(arm.name));
	arm.reserved[3] = 1;
	EXPECT_EQ(EINVAL, try_ioctl(uvmem_dev(), UVMEM_ARM, &arm));
	arm.reserved[3] = 0;
	arm.size = sizeof(arm) - 8;
	EXPECT_EQ(EINVAL, try_ioctl(uvmem_dev(), UVMEM_ARM, &arm));
	EXPECT_EQ(EFAULT, try_ioctl(uvmem_dev(), UVMEM_ARM, NULL));
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
	EXPECT_EQ(ENOSPC, try_ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list));
	nr = list.nr;
	EXPECT_LE(3, nr);
	EXPECT_EQ(0x5a5a, ids[0]);
	list.nr = nr - 1;
	EXPECT_EQ(ENOSPC, try_ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list));
	EXPECT_EQ(nr, list.nr);
	EXPECT_EQ(0x5a5a, ids[0]);

	list.nr = ARRAY_SIZE(ids);
	EXPECT_EQ(0, try_ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list));
	EXPECT_EQ(nr, list.nr);
	for (i = 1; i < nr; i++)
		EXPECT_LT(ids[i - 1], ids[i]);

	list.ids = 8;
	list.nr = ARRAY_SIZE(ids);
	EXPECT_EQ(EFAULT, try_ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list));
	for (i = 0; i < 3; i++) {
		close(fd[i]);
		kvm_vm_free(vm[i]);
	}
}

TEST(opening_a_vm_that_is_not_there_is_ENOENT)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_open_vm open = { .size = sizeof(open) };

	EXPECT_EQ(ENOENT, try_ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open));
	open.id = uvm->id + 1;
	EXPECT_EQ(ENOENT, try_ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open));
	open.id = uvm->id;
	uvm_free(uvm);
	EXPECT_EQ(ENOENT, try_ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open));
}

TEST(ids_are_never_used_again)
{
	u64 last = 0;
	int i;

	for (i = 0; i < 5; i++) {
		struct kvm_vm *vm = ____vm_create(VM_SHAPE_DEFAULT);
		struct uvmem_vm_info info = { .size = sizeof(info) };
		int fd = uvmem_arm(vm->fd, 0, 0, "");

		ASSERT_EQ(0, try_ioctl(fd, UVMEM_VM_GET_INFO, &info));
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
	EXPECT_EQ(EINVAL, try_ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.nr_pages = 65537;
	EXPECT_EQ(EINVAL, try_ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.nr_pages = 65536;
	EXPECT_EQ(0, try_ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	EXPECT_LE(UVMEM_PAGE_ABSENT, room[0] & ~UVMEM_STATE_IN_TRANSIT);
	EXPECT_EQ(UVMEM_PAGE_NONE, room[65535]);
	arg.gfn = ~0ull - 5;
	EXPECT_EQ(EINVAL, try_ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg));
	arg.gfn = 0;
	arg.states = 8;
	EXPECT_EQ(EFAULT, try_ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg));
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
	struct uvmem_find find = { .size = sizeof(find), .nr = 1, .states = 2, .found = (u64)states };
	struct uvmem_states arg = {
		.size = sizeof(arg), .nr_pages = 1, .states = (u64)states,
	};
	int fd = dup(uvm->fd);

	uvm_free_unchecked(uvm);
	uvmem_assert_nothing_left(&before);
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_PAGE_OUT, &range));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_PAGE_IN, &range));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_GET_STATES, &arg));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_AGE, &age));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_RECLAIM, &reclaim));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_FIND, &find));
	EXPECT_EQ(ESRCH, try_ioctl(fd, UVMEM_VM_SET_LIMITS, &limits));
	EXPECT_EQ(0, try_ioctl(fd, UVMEM_VM_GET_LIMITS, &limits));
	ASSERT_EQ(0, try_ioctl(fd, UVMEM_VM_GET_INFO, &info));
	EXPECT_EQ(UVMEM_VM_TERMINATED, info.state);
	EXPECT_EQ(0, info.frames);
	EXPECT_EQ(0, info.registered_pages + info.detached_pages);
	close(fd);
}

/* ---- who may do what ------------------------------------------------------------------- */

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
	struct uvmem_vm_list list = { .size = sizeof(list), .nr = 64, .ids = (u64)ids };
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = 1 };
	struct uvmem_sealed_pool sealed = { .size = sizeof(sealed), .limit = 1 };
	struct uvmem_open_vm open = { .size = sizeof(open), .id = in->uvm->id };
	struct uvmem_range range = { .size = sizeof(range), .nr_pages = 1 };
	struct uvmem_age age = { .size = sizeof(age) };
	struct uvmem_reclaim reclaim = { .size = sizeof(reclaim), .nr_pages = 1 };
	struct uvmem_limits limits = { .size = sizeof(limits) };
	struct uvmem_stall_trigger trigger = { .size = sizeof(trigger) };
	struct uvmem_find find = { .size = sizeof(find), .nr = 1, .states = 2, .found = (u64)states };
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
	CHECK(0, try_ioctl(in->dev, UVMEM_GET_INFO, &info));
	CHECK(0, try_ioctl(in->dev, UVMEM_GET_POOL, &pool));
	CHECK(0, try_ioctl(in->dev, UVMEM_LIST_VMS, &list));
	CHECK(EPERM, try_ioctl(in->dev, UVMEM_SET_POOL_LIMIT, &limit));
	CHECK(EPERM, try_ioctl(in->dev, UVMEM_SET_SEALED_POOL, &sealed));
	CHECK(EPERM, try_ioctl(in->dev, UVMEM_OPEN_VM, &open));
	/* A VM of another process, even with its file in hand. */
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_PAGE_OUT, &range));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_PAGE_IN, &range));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_AGE, &age));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_RECLAIM, &reclaim));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_FIND, &find));
	CHECK(0, try_ioctl(in->uvm->fd, UVMEM_VM_GET_LIMITS, &limits));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_SET_LIMITS, &limits));
	CHECK(EPERM, try_ioctl(in->uvm->fd, UVMEM_VM_SET_STALL_TRIGGER, &trigger));
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
	CHECK(0, try_ioctl(fd, UVMEM_VM_PAGE_OUT, &range));
	CHECK(0, try_ioctl(fd, UVMEM_VM_PAGE_IN, &range));
	CHECK(0, try_ioctl(fd, UVMEM_VM_AGE, &age));
	CHECK(0, try_ioctl(fd, UVMEM_VM_RECLAIM, &reclaim));
	/* Its own VM's limits are the administrator's to set. */
	CHECK(EPERM, try_ioctl(fd, UVMEM_VM_SET_LIMITS, &limits));
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
