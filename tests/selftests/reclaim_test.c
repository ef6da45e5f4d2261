// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim_test - what is paged out is what the guest does not use, by request and when
 * frames run out, and never without a place for it
 */
#include <sys/ioctl.h>
#include <sys/swap.h>

#include "harness.h"

#include "vm.h"

#define MEM_PAGES	512ull
#define HOT_PAGES	64ull
#define COLD		mem_page(HOT_PAGES)
#define COLD_PAGES	(MEM_PAGES - HOT_PAGES)

FIXTURE(reclaim)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct uvmem_age age;
	struct uvmem_reclaim reclaim;
	char residency[UVMEM_PARAM_LEN];
};

FIXTURE_SETUP(reclaim)
{
	/* Passes follow each other faster than that. */
	uvmem_set_param("min_residency_ms", "0", self->residency);
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_age(self->uvm, 0, &self->age);
}

FIXTURE_TEARDOWN(reclaim)
{
	uvmem_set_param("min_residency_ms", self->residency, NULL);
	uvm_free(self->uvm);
}

/* What stood in the way, for people. */
static void print_skipped(const struct uvmem_reclaim *reclaim)
{
	int i;

	for (i = 0; i < UVMEM_NR_REASONS; i++)
		if (reclaim->skipped[i])
			ksft_print_msg("%llu skipped for reason %d\n", reclaim->skipped[i], i);
}

/* For helpers: checkpatch takes the macros for expressions. */
#define RECLAIM_FIXTURE		FIXTURE_DATA(reclaim)

/* Make the hot pages hot and the others cold: @passes since they were used. */
static void make_ages(RECLAIM_FIXTURE *self, int passes)
{
	while (passes--) {
		guest_call(self->vcpu, guest_touch, MEM_GPA, HOT_PAGES);
		uvm_age(self->uvm, 0, &self->age);
	}
}

static u64 count_in(RECLAIM_FIXTURE *self, u64 gpa, u64 nr)
{
	return uvm_count(self->uvm, gpa, nr, UVMEM_PAGE_IN);
}

TEST_F(reclaim, takes_cold_pages_and_leaves_hot_ones)
{
	u64 frames;

	make_ages(self, 3);
	frames = uvm_stat(self->uvm, "frames");
	ASSERT_EQ(0, uvm_reclaim(self->uvm, COLD_PAGES / 2, 3, &self->reclaim));
	EXPECT_EQ(COLD_PAGES / 2, self->reclaim.moved);
	EXPECT_EQ(frames - COLD_PAGES / 2, uvm_stat(self->uvm, "frames"));
	EXPECT_EQ(HOT_PAGES, count_in(self, MEM_GPA, HOT_PAGES));
	uvm_assert_sums(self->uvm);
	/* More than there is. */
	ASSERT_EQ(0, uvm_reclaim(self->uvm, 1ull << 60, 3, &self->reclaim));
	EXPECT_EQ(0, count_in(self, COLD, COLD_PAGES));
	EXPECT_EQ(HOT_PAGES, count_in(self, MEM_GPA, HOT_PAGES));
	EXPECT_EQ(self->reclaim.moved + COLD_PAGES / 2, uvm_stat(self->uvm, "reclaim_moved"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_assert_sums(self->uvm);
}

TEST_F(reclaim, takes_the_oldest_first)
{
	/* Thirds: idle for 4 passes, for 2, for none. */
	u64 third = MEM_PAGES / 3;

	make_ages(self, 2);
	guest_call(self->vcpu, guest_touch, MEM_GPA, third);
	uvm_age(self->uvm, 0, &self->age);
	make_ages(self, 0);
	uvm_age(self->uvm, 0, &self->age);
	guest_call(self->vcpu, guest_touch, mem_page(2 * third), third);
	uvm_age(self->uvm, 0, &self->age);

	/* The middle third is the oldest, then the first. The guest's other memory is as old. */
	while (count_in(self, mem_page(third), third)) {
		ASSERT_EQ(0, uvm_reclaim(self->uvm, 32, 0, &self->reclaim));
		ASSERT_EQ(32, self->reclaim.moved);
		if (count_in(self, MEM_GPA, third) != third)
			break;
	}
	EXPECT_GE(32, count_in(self, mem_page(third), third));
	while (count_in(self, MEM_GPA, third)) {
		EXPECT_EQ(third, count_in(self, mem_page(2 * third), third));
		ASSERT_EQ(0, uvm_reclaim(self->uvm, 16, 0, &self->reclaim));
		ASSERT_EQ(16, self->reclaim.moved);
	}
	EXPECT_LT(third - 32, count_in(self, mem_page(2 * third), third));
	/* With nothing else left, those in use go as well. */
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 0, &self->reclaim));
	EXPECT_EQ(0, count_in(self, MEM_GPA, MEM_PAGES));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_assert_sums(self->uvm);
}

TEST_F(reclaim, sees_what_was_used_since_the_last_pass)
{
	make_ages(self, 3);
	/* No pass knows of this. */
	guest_call(self->vcpu, guest_touch, COLD, 16);
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 3, &self->reclaim));
	EXPECT_EQ(16, count_in(self, COLD, 16));
	EXPECT_EQ(0, count_in(self, COLD + 16 * PAGE_SIZE, COLD_PAGES - 16))
		print_skipped(&self->reclaim);
	EXPECT_LE(16, self->reclaim.skipped[UVMEM_REASON_YOUNG]);
	/* And a pass still knows of it after that. */
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_LE(16, self->age.idle[0]);
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 1, &self->reclaim));
	EXPECT_EQ(16, count_in(self, COLD, 16));
}

TEST_F(reclaim, leaves_what_is_not_old_enough)
{
	make_ages(self, 3);
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 4, &self->reclaim));
	EXPECT_EQ(0, self->reclaim.moved);
	EXPECT_EQ(MEM_PAGES, count_in(self, MEM_GPA, MEM_PAGES));
	ASSERT_EQ(0, uvm_reclaim(self->uvm, 1, 3, &self->reclaim));
	EXPECT_EQ(1, self->reclaim.moved);
}

TEST_F(reclaim, counts_pages_that_need_no_ciphertext)
{
	u64 sealed;

	guest_call(self->vcpu, guest_fill_byte, COLD, 100, 0x5a);
	make_ages(self, 4);
	sealed = uvm_stat(self->uvm, "sealed");
	/* The guest's other memory has zeroes, too: only the test memory's are known. */
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 2, &self->reclaim));
	EXPECT_LE(100, self->reclaim.zero);
	EXPECT_EQ(100, uvm_count(self->uvm, COLD, 100, UVMEM_PAGE_ZERO));
	EXPECT_EQ(self->reclaim.moved - self->reclaim.zero,
		  uvm_stat(self->uvm, "sealed") - sealed);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, COLD, 100, 0x5a));
	uvm_assert_sums(self->uvm);
}

TEST_F(reclaim, of_nothing_or_older_than_can_be_told_is_EINVAL)
{
	EXPECT_EQ(-EINVAL, uvm_reclaim(self->uvm, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, uvm_reclaim(self->uvm, 1, UVMEM_IDLE_BUCKETS, NULL));
	EXPECT_EQ(-EINVAL, uvm_reclaim_no_ciphertext(self->uvm, 0, 0, NULL));
	EXPECT_EQ(0, uvm_reclaim(self->uvm, 1, UVMEM_IDLE_BUCKETS - 1, &self->reclaim));
	EXPECT_EQ(0, self->reclaim.moved);
}

/* The host's swap, which is none of the test's, is off for as long as this takes. */
static int swaps_off(char names[][64], int room)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256];
	int nr = 0, i;

	TEST_ASSERT(f && fgets(line, sizeof(line), f), "/proc/swaps");
	while (nr < room && fgets(line, sizeof(line), f) && sscanf(line, "%63s", names[nr]) == 1)
		nr++;
	fclose(f);
	for (i = 0; i < nr; i++)
		TEST_ASSERT(!swapoff(names[i]), "swapoff %s", names[i]);
	return nr;
}

TEST_F(reclaim, without_a_place_for_it_is_ENOSPC)
{
	char names[4][64], old[UVMEM_PARAM_LEN];
	int nr = swaps_off(names, 4);
	u64 frames;

	make_ages(self, 3);
	frames = uvm_stat(self->uvm, "frames");
	/* More than any machine has. */
	uvmem_set_param("reserve_pages", "1000000000000", old);
	EXPECT_EQ(-ENOSPC, uvm_reclaim(self->uvm, 16, 0, NULL));
	EXPECT_EQ(frames, uvm_stat(self->uvm, "frames"));
	/* But for those who want no ciphertext. */
	EXPECT_EQ(0, uvm_reclaim_no_ciphertext(self->uvm, 16, 3, &self->reclaim));
	EXPECT_EQ(0, uvm_stat(self->uvm, "pages_out"));
	EXPECT_EQ(16, self->reclaim.moved + self->reclaim.skipped[UVMEM_REASON_NO_GAIN]);
	uvmem_set_param("reserve_pages", old, NULL);
	EXPECT_EQ(0, uvm_reclaim(self->uvm, 16, 0, &self->reclaim));
	EXPECT_EQ(16, self->reclaim.moved);
	while (nr--)
		TEST_ASSERT(!swapon(names[nr], 0), "swapon %s", names[nr]);
}

/*
 * A guest that goes through more than its limit, @step pages at a time, and needs the same
 * few pages after each step.
 */
static u64 hot_pages_lost(struct __test_metadata *_metadata, u64 mem_pages, u64 step)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = mem_pages });
	u64 limit, i, round, hot_lost = 0;

	/* Less than the test memory: none of it can stay by letting go of the rest. */
	limit = uvm_stat(uvm, "frames") + HOT_PAGES;
	uvm_free(uvm);
	uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = mem_pages,
						      .max_frames = limit });
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, mem_pages, 1);
	for (round = 0, i = HOT_PAGES; round < 3; i += step) {
		if (i == mem_pages) {
			i = HOT_PAGES;
			round++;
		}
		guest_call(uvm->vcpu[0], guest_touch, mem_page(i), step);
		if (round)
			hot_lost += HOT_PAGES - uvm_count(uvm, MEM_GPA, HOT_PAGES, UVMEM_PAGE_IN);
		guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, HOT_PAGES);
		EXPECT_GE(limit, uvm_stat(uvm, "frames"));
	}
	ksft_print_msg("%lu hot pages were taken, %lu in all\n", hot_lost,
		       uvm_stat(uvm, "reclaim_moved"));
	EXPECT_LE(mem_pages, uvm_stat(uvm, "reclaim_moved"));
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, mem_pages, 1));
	uvm_assert_sums(uvm);
	uvm_free(uvm);
	return hot_lost;
}

/*
 * Some may go that no TLB has told of. Round robin takes all of them, in each round; so
 * did a clock, on a busy machine, whose hand went by pages that were too fresh to go.
 */
TEST(reclaim_for_want_of_frames_takes_cold_pages_and_leaves_hot_ones)
{
	EXPECT_GE(HOT_PAGES / 4, hot_pages_lost(_metadata, MEM_PAGES, 16));
}

/*
 * The choice is made twice, and more often, before the guest comes by again. By one look
 * alone 1601 hot pages were taken here, and 1137 when the first of many equals had to go.
 */
TEST(reclaim_for_want_of_frames_faster_than_the_guest_leaves_hot_pages)
{
	char old[UVMEM_PARAM_LEN];

	/* Or how fast the machine is decides which pages may go at all. */
	uvmem_set_param("min_residency_ms", "0", old);
	EXPECT_GE(HOT_PAGES / 4, hot_pages_lost(_metadata, 2 * MEM_PAGES, 64));
	uvmem_set_param("min_residency_ms", old, NULL);
}

/*
 * Pages that the guest needs after every second look only: at each other look they are idle,
 * as all that it never needs again is; but those were at the look before, too. They lie among
 * these, so that the choice among equals, which goes round, comes by each of them.
 */
#define STEP		32ull	/* pages that a fault without a frame takes: one look for so many */
#define WARM		4ull	/* of each step's pages */
#define WARM_UP		2ull	/* looks after which all others are known to be cold */
#define LOOKS		10ull	/* that cold pages are enough for */

static void touch_warm(struct uvm *uvm)
{
	u64 i;

	for (i = 0; i < MEM_PAGES; i += STEP)
		guest_call(uvm->vcpu[0], guest_touch, mem_page(i + STEP - WARM), WARM);
}

static u64 count_warm(struct uvm *uvm)
{
	u64 i, n = 0;

	for (i = 0; i < MEM_PAGES; i += STEP)
		n += uvm_count(uvm, mem_page(i + STEP - WARM), WARM, UVMEM_PAGE_IN);
	return n;
}

TEST(reclaim_for_want_of_frames_takes_what_was_idle_twice_before_what_was_once)
{
	struct uvm_config config = { .mem_pages = 2 * MEM_PAGES };
	struct uvm *uvm = uvm_create_secure(&config);
	u64 i, all = MEM_PAGES / STEP * WARM, lost = 0;
	char old[UVMEM_PARAM_LEN];

	uvmem_set_param("min_residency_ms", "0", old);
	config.max_frames = uvm_stat(uvm, "frames") + MEM_PAGES;
	uvm_free(uvm);
	uvm = uvm_create_secure(&config);
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 1);
	for (i = 0; i < WARM_UP + LOOKS; i++) {
		if (i < WARM_UP || i % 2 == 0)
			touch_warm(uvm);
		guest_call(uvm->vcpu[0], guest_touch, mem_page(MEM_PAGES + i * STEP), STEP);
		if (i >= WARM_UP)
			lost += all - count_warm(uvm);
	}
	ksft_print_msg("%lu warm pages were taken, %lu in all\n", lost,
		       uvm_stat(uvm, "reclaim_moved"));
	EXPECT_LE((WARM_UP + LOOKS - 1) * STEP, uvm_stat(uvm, "reclaim_moved"));
	EXPECT_GE(WARM, lost);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_assert_sums(uvm);
	uvm_free(uvm);
	uvmem_set_param("min_residency_ms", old, NULL);
}

TEST_HARNESS_MAIN
