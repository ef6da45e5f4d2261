// SPDX-License-Identifier: GPL-2.0-only
/*
 * watermark_test - with nobody to look after it the pool stays usable: the kernel takes
 * from those above their guarantees, and from nobody else
 */
#include "harness.h"

#include "vm.h"

#define MEM_PAGES	512ull

FIXTURE(watermark)
{
	struct uvm *uvm, *other;
	u64 limit;
	u64 pool_limit;
	char residency[UVMEM_PARAM_LEN];
};

/* Two VMs with all their memory in frames. */
FIXTURE_SETUP(watermark)
{
	uvmem_set_param("min_residency_ms", "0", self->residency);
	self->pool_limit = uvmem_get_pool().frames_limit;
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->other = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->uvm->shares_pool = true;
	self->other->shares_pool = true;
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 1);
	guest_call(self->other->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 2);
}

FIXTURE_TEARDOWN(watermark)
{
	uvmem_set_pool_limit(self->pool_limit);
	uvmem_set_param("min_residency_ms", self->residency, NULL);
	uvm_free_unchecked(self->other);
	uvm_free(self->uvm);
}

#define WATERMARK_FIXTURE	FIXTURE_DATA(watermark)

/* A pool of @frames, that the kernel keeps between @low and @high per cent of it. */
static void set_pool(WATERMARK_FIXTURE *self, u64 frames, const char *low, const char *high)
{
	self->limit = frames;
	uvmem_set_pool_limit(frames);
	uvmem_set_param("watermark_low", low, NULL);
	uvmem_set_param("watermark_high", high, NULL);
	/* If the kernel has given up, it has for a second. */
	usleep(1100000);
}

/*
 * Everything that the kernel wants to do has been done; how much is in use? Its worker may
 * have to wait for a CPU meanwhile: a second without a change is what counts.
 */
static u64 settled(void)
{
	u64 used = uvmem_get_pool().frames_used, before;
	int i, same = 0;

	for (i = 0; i < 100 && same < 5; i++) {
		before = used;
		usleep(200000);
		used = uvmem_get_pool().frames_used;
		same = used == before ? same + 1 : 0;
	}
	return used;
}

/* One more frame for the guest of @uvm. */
static void use_a_frame(struct uvm *uvm)
{
	uvm_page_out(uvm, MEM_GPA, 1);
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, 1);
}

static u64 frames(struct uvm *uvm)
{
	return uvm_stat(uvm, "frames");
}

static void verify(WATERMARK_FIXTURE *self)
{
	TEST_ASSERT(guest_call(self->uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1) == GUEST_OK,
		    "the guest's memory");
	TEST_ASSERT(guest_call(self->other->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 2) ==
		    GUEST_OK, "the other guest's memory");
}

TEST_F(watermark, reclaim_begins_above_the_high_one_and_ends_at_the_low_one)
{
	u64 used = uvmem_get_pool().frames_used;

	/* Below it nothing happens. */
	set_pool(self, used * 2, "40", "60");
	use_a_frame(self->uvm);
	EXPECT_EQ(used, settled());
	set_pool(self, used, "70", "80");
	use_a_frame(self->uvm);
	EXPECT_GE(used * 70 / 100, settled());
	/* Not much more than that. */
	EXPECT_LE(used * 70 / 100 - 64, uvmem_get_pool().frames_used);
	uvm_assert_sums(self->uvm);
	uvm_assert_sums(self->other);
	/* Both had the same, and both gave. */
	EXPECT_GT(used / 2, frames(self->uvm));
	EXPECT_GT(used / 2, frames(self->other));
	uvmem_set_pool_limit(self->pool_limit);
	verify(self);
}

TEST_F(watermark, reclaim_keeps_the_pool_usable_with_nobody_to_do_it)
{
	u64 used = uvmem_get_pool().frames_used;
	int round;

	/* Two guests, and half the memory that they use. A limit alone takes nothing. */
	set_pool(self, used / 2, "80", "90");
	EXPECT_EQ(used, settled());
	use_a_frame(self->uvm);
	for (round = 0; round < 2; round++) {
		verify(self);
		EXPECT_GE(used / 2, settled());
	}
	uvm_assert_sums(self->uvm);
	uvm_assert_sums(self->other);
}

TEST_F(watermark, reclaim_takes_from_who_is_above_its_low_first)
{
	u64 used = uvmem_get_pool().frames_used, mine = frames(self->uvm);
	u64 theirs = frames(self->other);

	/* Enough can be had from the first alone, the other is at its low exactly. */
	ASSERT_EQ(0, uvm_set_limits(self->other, 0, theirs, 0, 0));
	set_pool(self, used, "80", "90");
	use_a_frame(self->uvm);
	EXPECT_GE(used * 80 / 100, settled());
	EXPECT_EQ(theirs, frames(self->other));
	/* Now both are at their low, and more is needed. */
	mine = frames(self->uvm);
	ASSERT_EQ(0, uvm_set_limits(self->uvm, mine - 8, mine, 0, 0));
	set_pool(self, used, "70", "75");
	use_a_frame(self->uvm);
	EXPECT_GE(used * 70 / 100, settled());
	EXPECT_LE(mine - 8, frames(self->uvm));
	EXPECT_GT(theirs, frames(self->other));
	uvmem_set_pool_limit(self->pool_limit);
	verify(self);
}

TEST_F(watermark, reclaim_leaves_everybody_the_min)
{
	u64 used = uvmem_get_pool().frames_used;
	u64 mine = frames(self->uvm), theirs = frames(self->other);

	ASSERT_EQ(0, uvm_set_limits(self->uvm, mine - 16, mine, 0, 0));
	ASSERT_EQ(0, uvm_set_limits(self->other, theirs, theirs, 0, 0));
	set_pool(self, used, "10", "20");
	use_a_frame(self->uvm);
	EXPECT_EQ(used - 16, settled());
	EXPECT_EQ(mine - 16, frames(self->uvm));
	EXPECT_EQ(theirs, frames(self->other));
	/* It does not try for ever: another frame is to be had and costs no time. */
	use_a_frame(self->uvm);
	EXPECT_EQ(0, guest_call(self->uvm->vcpu[0], guest_nop));
}

TEST_F(watermark, reclaim_helps_a_guest_that_has_nothing_to_give)
{
	uvm_page_out(self->uvm, 0, SLOT0_PAGES);
	uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, frames(self->uvm));
	/* All that there may be are the other's. */
	set_pool(self, uvmem_get_pool().frames_used, "90", "99");
	verify(self);
	EXPECT_LT(0, uvm_stat(self->other, "reclaim_moved"));
	settled();
	uvm_assert_sums(self->uvm);
}

TEST_HARNESS_MAIN
