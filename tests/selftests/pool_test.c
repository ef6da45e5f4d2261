// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool_test - the sealed pool: what compresses is kept there and comes back whole, what
 * does not goes the other way, and nobody finds anything of it
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "harness.h"

#include "pool_vm.h"

#define POOL_BYTES	(16ull << 20)	/* far more than they need */

FIXTURE(pool)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct uvmem_reclaim reclaim;
	struct pool_before before;
};

FIXTURE_SETUP(pool)
{
	self->uvm = pool_vm_begin(&self->before, POOL_BYTES);
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(pool)
{
	pool_vm_end(self->uvm, &self->before);
}

/* For helpers: checkpatch takes the macros for expressions. */
#define POOL_FIXTURE		FIXTURE_DATA(pool)

/* All of the test memory into the sealed pool. */
static void fill_pool(POOL_FIXTURE *self)
{
	TEST_ASSERT_EQ(uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES), MEM_PAGES);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL);
	uvm_assert_sums(self->uvm);
}

TEST_F(pool, takes_what_compresses_and_gives_it_back_to_the_guest)
{
	u64 frames = uvm_stat(self->uvm, "frames");
	u64 bytes;

	fill_pool(self);
	EXPECT_EQ(frames - MEM_PAGES, uvm_stat(self->uvm, "frames"));
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "pages_pool"));
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "pool_stored"));
	bytes = uvm_stat(self->uvm, "pool_bytes");
	EXPECT_LT(0, bytes);
	/* What is kept is a quarter smaller, at least. */
	EXPECT_GE(MEM_PAGES * PAGE_SIZE / 4 * 3, bytes);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_bytes"));
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "pool_loaded"));
	EXPECT_EQ(MEM_PAGES, uvm_stat(self->uvm, "refault"));
}

TEST_F(pool, gives_it_back_to_a_prefetch)
{
	fill_pool(self);
	EXPECT_EQ(MEM_PAGES, uvm_page_in(self->uvm, MEM_GPA, MEM_PAGES));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
}

TEST_F(pool, gives_the_vmm_nothing_but_new_ciphertext)
{
	struct search_result found;

	fill_pool(self);
	found = search_markers_in(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE);
	EXPECT_EQ(0, found.markers);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_bytes"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
}

TEST_F(pool, does_not_keep_what_does_not_compress)
{
	guest_call(self->vcpu, guest_fill_noise, MEM_GPA, MEM_PAGES / 2, 7);
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES / 2, UVMEM_PAGE_OUT);
	uvm_assert_state(self->uvm, mem_page(MEM_PAGES / 2), MEM_PAGES / 2, UVMEM_PAGE_POOL);
	EXPECT_EQ(MEM_PAGES / 2, uvm_stat(self->uvm, "pool_incompressible"));
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_noise, MEM_GPA, MEM_PAGES / 2, 7));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(MEM_PAGES / 2),
				       MEM_PAGES / 2, 1));
}

TEST_F(pool, is_where_reclaim_puts_pages)
{
	struct uvmem_age age;

	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
	ASSERT_EQ(0, uvm_reclaim(self->uvm, 100, 1, &self->reclaim));
	EXPECT_EQ(100, self->reclaim.moved);
	/* The guest's page tables and code are as old; not all of it compresses. */
	EXPECT_LT(0, self->reclaim.pooled);
	EXPECT_EQ(100 - self->reclaim.pooled - self->reclaim.zero,
		  uvm_stat(self->uvm, "pages_out"));
	EXPECT_EQ(self->reclaim.pooled, uvm_stat(self->uvm, "pages_pool"));
}

/* ---- and no other place is wanted ----------------------------------------------------- */

/* Half of the test memory does not compress; all of it was used two passes ago. */
static void make_half_noise(POOL_FIXTURE *self)
{
	struct uvmem_age age;

	guest_call(self->vcpu, guest_fill_noise, MEM_GPA, MEM_PAGES / 2, 7);
	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
}

/* Returns how many pages were tried in vain. */
static u64 reclaim_no_ciphertext(POOL_FIXTURE *self, u64 nr)
{
	TEST_ASSERT_EQ(uvm_reclaim_no_ciphertext(self->uvm, nr, 1, &self->reclaim), 0);
	return self->reclaim.skipped[UVMEM_REASON_NO_GAIN];
}

TEST_F(pool, is_all_there_is_for_who_wants_no_ciphertext)
{
	u64 stay;

	make_half_noise(self);
	stay = reclaim_no_ciphertext(self, ~0ull);
	/* The guest's page tables and code are as old. */
	EXPECT_LE(MEM_PAGES / 2, stay);
	EXPECT_EQ(stay, uvm_stat(self->uvm, "pool_incompressible"));
	EXPECT_EQ(stay, uvm_stat(self->uvm, "no_gain_pages"));
	EXPECT_EQ(stay, uvm_stat(self->uvm, "skipped_no_gain"));
	EXPECT_EQ(0, uvm_stat(self->uvm, "pages_out"));
	EXPECT_LE(MEM_PAGES / 2, self->reclaim.pooled);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES / 2, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, mem_page(MEM_PAGES / 2), MEM_PAGES / 2, UVMEM_PAGE_POOL);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_noise, MEM_GPA, MEM_PAGES / 2, 7));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(MEM_PAGES / 2),
				       MEM_PAGES / 2, 1));
}

TEST_F(pool, is_not_tried_again_for_what_does_not_compress)
{
	struct uvmem_age age;
	u64 stay;
	int i;

	make_half_noise(self);
	stay = reclaim_no_ciphertext(self, ~0ull);
	for (i = 0; i < 3; i++) {
		uvm_age(self->uvm, 0, &age);
		EXPECT_EQ(0, reclaim_no_ciphertext(self, ~0ull));
	}
	EXPECT_EQ(stay, uvm_stat(self->uvm, "pool_incompressible"));
	EXPECT_EQ(stay, uvm_stat(self->uvm, "no_gain_pages"));
}

TEST_F(pool, is_tried_again_for_what_was_used)
{
	struct uvmem_age age;
	u64 stay;

	make_half_noise(self);
	stay = reclaim_no_ciphertext(self, ~0ull);
	/* Some are only read, some are written, so that they compress. */
	guest_call(self->vcpu, guest_touch, MEM_GPA, 16);
	guest_call(self->vcpu, guest_fill, mem_page(16), 16, 1);
	uvm_age(self->uvm, 0, &age);
	EXPECT_GE(stay - 32, uvm_stat(self->uvm, "no_gain_pages"));
	uvm_age(self->uvm, 0, &age);
	EXPECT_LE(16, reclaim_no_ciphertext(self, ~0ull));
	uvm_assert_state(self->uvm, MEM_GPA, 16, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, mem_page(16), 16, UVMEM_PAGE_POOL);
	uvm_assert_state(self->uvm, mem_page(32), MEM_PAGES / 2 - 32, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_noise, mem_page(32),
				       MEM_PAGES / 2 - 32, 7));
}

/* A page that left, by whatever way, and came in anew is another one. */
TEST_F(pool, is_tried_again_for_what_came_in_anew)
{
	struct uvmem_age age;
	u64 tried;

	make_half_noise(self);
	reclaim_no_ciphertext(self, ~0ull);
	tried = uvm_stat(self->uvm, "pool_incompressible");
	uvm_page_out_all(self->uvm, MEM_GPA, 16);
	uvm_page_in_all(self->uvm, MEM_GPA, 16);
	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
	EXPECT_LE(16, reclaim_no_ciphertext(self, ~0ull));
	/* When it was paged out, and now. */
	EXPECT_LE(tried + 32, uvm_stat(self->uvm, "pool_incompressible"));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES / 2, UVMEM_PAGE_IN);
}

TEST_F(pool, is_tried_for_no_more_than_was_asked_for)
{
	u64 sum = 0, stay, calls = 0;

	make_half_noise(self);
	/* Each goes on where the last one stopped. */
	while ((stay = reclaim_no_ciphertext(self, 32)) || self->reclaim.moved) {
		sum += stay;
		ASSERT_GE(64, ++calls);
	}
	EXPECT_EQ(sum, uvm_stat(self->uvm, "no_gain_pages"));
	EXPECT_LE(MEM_PAGES / 2, sum);
	EXPECT_EQ(0, uvm_count(self->uvm, mem_page(MEM_PAGES / 2), MEM_PAGES / 2, UVMEM_PAGE_IN));
}

TEST_F(pool, leaves_what_stays_its_age_for_who_takes_ciphertext)
{
	struct uvmem_age age;
	u64 stay;

	make_half_noise(self);
	stay = reclaim_no_ciphertext(self, ~0ull);
	uvm_age(self->uvm, 0, &age);
	/* Filled before the first pass, which found it young. */
	EXPECT_LE(MEM_PAGES / 2, age.idle[2]);
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 2, &self->reclaim));
	EXPECT_LE(MEM_PAGES / 2, self->reclaim.moved);
	EXPECT_EQ(0, self->reclaim.skipped[UVMEM_REASON_NO_GAIN]);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES / 2, UVMEM_PAGE_OUT);
	EXPECT_GE(stay - MEM_PAGES / 2, uvm_stat(self->uvm, "no_gain_pages"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_noise, MEM_GPA, MEM_PAGES / 2, 7));
}

TEST_F(pool, that_is_off_is_tried_again_when_it_is_on)
{
	struct uvmem_age age;
	u64 stay;

	uvmem_set_sealed_pool(0);
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, 100, 0x5a);
	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
	stay = reclaim_no_ciphertext(self, ~0ull);
	EXPECT_EQ(0, self->reclaim.pooled);
	uvm_assert_state(self->uvm, MEM_GPA, 100, UVMEM_PAGE_ZERO);
	uvm_assert_state(self->uvm, mem_page(100), MEM_PAGES - 100, UVMEM_PAGE_IN);
	EXPECT_LE(MEM_PAGES - 100, stay);
	EXPECT_EQ(0, reclaim_no_ciphertext(self, ~0ull));
	EXPECT_EQ(0, self->reclaim.moved);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_incompressible"));
	uvmem_set_sealed_pool(POOL_BYTES);
	reclaim_no_ciphertext(self, ~0ull);
	EXPECT_LE(MEM_PAGES - 100, self->reclaim.pooled);
	uvm_assert_state(self->uvm, mem_page(100), MEM_PAGES - 100, UVMEM_PAGE_POOL);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, 100, 0x5a));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(100), MEM_PAGES - 100, 1));
}

TEST_F(pool, that_is_full_is_tried_again_when_it_has_room)
{
	u64 limit = 64 * PAGE_SIZE, pooled, full;
	struct uvmem_age age;

	uvmem_keep_sealed_pool();
	uvmem_set_sealed_pool(limit);
	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
	EXPECT_LT(0, reclaim_no_ciphertext(self, ~0ull));
	pooled = uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL);
	EXPECT_LT(0, self->reclaim.pooled);
	EXPECT_EQ(MEM_PAGES - pooled, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN));
	full = uvm_stat(self->uvm, "pool_full");
	EXPECT_EQ(0, reclaim_no_ciphertext(self, ~0ull));
	EXPECT_EQ(full, uvm_stat(self->uvm, "pool_full"));
	EXPECT_EQ(0, self->reclaim.moved);
	/* All of it comes back: that is more than a sixteenth. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_page_in(self->uvm, 0, SLOT0_PAGES);
	uvm_age(self->uvm, 0, &age);
	uvm_age(self->uvm, 0, &age);
	reclaim_no_ciphertext(self, ~0ull);
	EXPECT_LT(0, self->reclaim.pooled);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
}

/* ---- what the host does ------------------------------------------------------------- */

TEST_F(pool, is_nowhere_in_the_vmms_memory)
{
	fill_pool(self);
	assert_no_markers(SEARCH_PRESENT);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL);
	assert_no_markers(SEARCH_TOUCH);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
}

TEST_F(pool, is_lost_if_the_host_drops_the_handle)
{
	u64 used;
	int i;

	fill_pool(self);
	used = uvmem_get_pool().sealed_pool_used;
	ASSERT_EQ(0, madvise(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE, MADV_DONTNEED));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_LOST);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_bytes"));
	/* A worker frees it. */
	for (i = 0; i < 1000 && uvmem_get_pool().sealed_pool_used > used / 8; i++)
		usleep(10000);
	EXPECT_GE(used / 8, uvmem_get_pool().sealed_pool_used);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_LOST, mem_page(7), guest_read,
			 mem_page(7));
}

TEST_F(pool, does_not_take_back_an_older_ciphertext)
{
	u8 *page = uvm_hva(self->uvm, mem_page(3));
	u8 old[PAGE_SIZE];

	fill_pool(self);
	memcpy(old, page, PAGE_SIZE);
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_OUT);
	guest_call(self->vcpu, guest_write, mem_page(3) + 64, 1234);
	EXPECT_EQ(1, uvm_page_out(self->uvm, mem_page(3), 1));
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_POOL);
	memcpy(page, old, PAGE_SIZE);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_INTEGRITY, mem_page(3), guest_read,
			 mem_page(3));
}

TEST_F(pool, gives_the_same_content_as_new_ciphertext_each_time)
{
	u8 *page = uvm_hva(self->uvm, mem_page(3));
	u8 old[PAGE_SIZE];

	fill_pool(self);
	memcpy(old, page, PAGE_SIZE);
	EXPECT_EQ(1, uvm_page_in(self->uvm, mem_page(3), 1));
	EXPECT_EQ(1, uvm_page_out(self->uvm, mem_page(3), 1));
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_POOL);
	EXPECT_NE(0, memcmp(old, page, PAGE_SIZE));
}

TEST_F(pool, has_nothing_left_of_a_vm_that_ended)
{
	struct uvmem_pool before = self->uvm->before;

	fill_pool(self);
	EXPECT_LT(before.sealed_pool_used, uvmem_get_pool().sealed_pool_used);
	uvm_free(self->uvm);
	uvmem_assert_nothing_left(&before);
	EXPECT_EQ(before.sealed_pool_used, uvmem_get_pool().sealed_pool_used);
	/* For the teardown. */
	self->uvm = uvm_create_secure(&(struct uvm_config){});
}

/* ---- the limit ------------------------------------------------------------------------- */

TEST_F(pool, takes_nothing_unless_it_has_a_limit)
{
	struct uvmem_sealed_pool absurd = { .size = sizeof(absurd), .limit = 1ull << 63 };

	EXPECT_EQ(-1, ioctl(uvmem_dev(), UVMEM_SET_SEALED_POOL, &absurd));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(POOL_BYTES, uvmem_get_pool().sealed_pool_limit);
	uvmem_set_sealed_pool(0);
	uvm_page_out_all(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_stored"));
}

TEST_F(pool, that_is_full_lets_the_rest_go_to_the_vmm)
{
	u64 limit = 64 * PAGE_SIZE, pooled;

	uvmem_keep_sealed_pool();
	uvmem_set_sealed_pool(limit);
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	pooled = uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL);
	/* Most of it is used. */
	EXPECT_LT(MEM_PAGES / 16, pooled);
	EXPECT_EQ(MEM_PAGES - pooled, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT));
	EXPECT_GE(limit, uvmem_get_pool().sealed_pool_used);
	uvm_assert_sums(self->uvm);
	/* Lowered below what is in use: that stays as nothing is written out, nothing more comes in. */
	uvmem_set_sealed_pool(PAGE_SIZE);
	usleep(200000);
	EXPECT_EQ(pooled, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_POOL));
	EXPECT_EQ(0, uvm_stat(self->uvm, "pool_written_out"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_page_out_all(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
}

/* Two VMs page out at once, and one looks on. */
struct filler {
	struct uvm *uvm;
	pthread_t thread;
};

#define FILL_ROUNDS	8

static void *filler_fn(void *opaque)
{
	struct filler *f = opaque;
	int i;

	for (i = 0; i < FILL_ROUNDS; i++) {
		uvm_page_out(f->uvm, MEM_GPA, MEM_PAGES);
		uvm_page_in(f->uvm, MEM_GPA, MEM_PAGES);
	}
	return NULL;
}

TEST_F(pool, never_passes_its_limit)
{
	struct uvm *other = pool_vm_create(2);
	struct filler fillers[2] = { { .uvm = self->uvm }, { .uvm = other } };
	u64 limit = 200 * PAGE_SIZE, most = 0, looks = 0;
	int i;

	uvmem_set_sealed_pool(limit);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&fillers[i].thread, NULL, filler_fn, &fillers[i]));
	for (i = 0; i < 2; i++) {
		while (pthread_tryjoin_np(fillers[i].thread, NULL)) {
			most = max_t(u64, most, uvmem_get_pool().sealed_pool_used);
			looks++;
		}
	}
	EXPECT_LT(0, looks);
	EXPECT_GE(limit, most);
	/* It was put to use. */
	EXPECT_LT(limit / 2, most);
	EXPECT_LT(0, uvm_stat(self->uvm, "pool_full") + uvm_stat(other, "pool_full") +
		  uvm_stat(self->uvm, "pool_written_out") + uvm_stat(other, "pool_written_out"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	EXPECT_EQ(GUEST_OK, guest_call(other->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 2));
	uvm_free_unchecked(other);
}

/* ---- while the guest is at it ---------------------------------------------------------- */

TEST_F(pool, loses_no_write_of_the_guest)
{
	EXPECT_EQ(0, pool_churn(self->uvm).failed_at);
	EXPECT_LT(0, uvm_stat(self->uvm, "pool_stored"));
	EXPECT_LT(0, uvm_stat(self->uvm, "pool_loaded"));
}

TEST_F(pool, has_the_guests_code_and_page_tables_as_well)
{
	u64 pooled;

	uvm_page_out(self->uvm, 0, SLOT0_PAGES);
	fill_pool(self);
	pooled = uvm_stat(self->uvm, "pages_pool");
	EXPECT_LT(MEM_PAGES, pooled);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	EXPECT_GT(pooled - MEM_PAGES, uvm_stat(self->uvm, "pages_pool"));
}

TEST_HARNESS_MAIN
