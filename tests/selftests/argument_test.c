// SPDX-License-Identifier: GPL-2.0-only
/*
 * argument_test - the argument of every ioctl: its size, what is reserved of it, and
 * whether it can be read
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "harness.h"

#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define ARGUMENT_FIXTURE	FIXTURE_DATA(argument)

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
		EXPECT_EQ(EFAULT, uvmem_try(self->fd, self->call->cmd, NULL))
			TH_LOG("%s", self->call->name);
		EXPECT_EQ(EFAULT, uvmem_try(self->fd, self->call->cmd, none))
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
	EXPECT_EQ(ENOTTY, uvmem_try(uvmem_dev(), _IOWR(UVMEM_IOC, 0x7f, u64), self->arg));
	EXPECT_EQ(ENOTTY, uvmem_try(self->uvm->fd, _IOWR(UVMEM_IOC, 0x7f, u64), self->arg));
	/* Nor does one file take the other's calls. */
	EXPECT_EQ(ENOTTY, uvmem_try(self->uvm->fd, UVMEM_GET_INFO, self->arg));
	EXPECT_EQ(ENOTTY, uvmem_try(uvmem_dev(), UVMEM_VM_GET_INFO, self->arg));
}

TEST_HARNESS_MAIN
