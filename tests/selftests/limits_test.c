// SPDX-License-Identifier: GPL-2.0-only
/*
 * limits_test - limits of secure memory, of the host's pool and of one VM: they are
 * never exceeded, a guest that needs more lives from its own pages, and
 * who gets nothing is told so
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define MEM_PAGES	HUGE_PAGES

FIXTURE(limit)
{
	u64 pool_limit;
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(limit)
{
	self->pool_limit = uvmem_get_pool().frames_limit;
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(limit)
{
	uvmem_set_pool_limit(self->pool_limit);
	uvm_free(self->uvm);
}

TEST_F(limit, of_the_pool_is_kept_while_the_guest_uses_more)
{
	u64 used = uvmem_get_pool().frames_used, limit = used + 64;

	uvmem_set_pool_limit(limit);
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	EXPECT_GE(limit, uvmem_get_pool().frames_used);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1));
	EXPECT_GE(limit, uvmem_get_pool().frames_used);
	uvm_assert_sums(self->uvm);
	assert_no_markers(SEARCH_PRESENT);
	EXPECT_LT(0, uvm_stat(self->uvm, "page_out_reclaim"));
}

TEST_F(limit, of_the_pool_below_its_use_takes_nothing_away)
{
	struct uvmem_range range;
	u64 used;

	guest_call(self->vcpu, guest_fill, MEM_GPA, 64, 1);
	uvm_page_out_all(self->uvm, MEM_GPA, 32);
	used = uvmem_get_pool().frames_used;
	uvmem_set_pool_limit(1);
	EXPECT_EQ(used, uvmem_get_pool().frames_used);
	EXPECT_EQ(1, uvmem_get_pool().frames_limit);
	/* What is in stays usable, what is out cannot be fetched. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(32), 32, 1));
	EXPECT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 32, 0, &range));
	EXPECT_EQ(0, range.moved);
	EXPECT_EQ(32, range.skipped[UVMEM_REASON_NO_FRAME]);
	uvm_assert_state(self->uvm, MEM_GPA, 32, UVMEM_PAGE_OUT);
	uvm_assert_sums(self->uvm);
	uvmem_set_pool_limit(self->pool_limit);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
	EXPECT_LE(used, uvmem_get_pool().frames_peak);
}

TEST(limit_of_a_vm_is_kept_while_the_guest_uses_more)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	struct uvmem_vm_info info;
	u64 needed, max;

	/* What the guest needs for itself, measured. */
	uvm_info(uvm, &info);
	needed = info.frames;
	EXPECT_EQ(0, info.max_frames);
	uvm_free(uvm);

	max = needed + 64;
	uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES, .max_frames = max });
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_info(uvm, &info);
	EXPECT_EQ(max, info.max_frames);
	EXPECT_GE(max, info.frames);
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_info(uvm, &info);
	EXPECT_GE(max, info.frames);
	uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_TOUCH);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, MEM_PAGES, 1));
	uvm_free(uvm);
}

TEST(limit_of_a_vm_that_is_too_low_for_its_esm_is_U_RETRY)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .max_frames = 16 });
	struct uvmem_vm_info info;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	EXPECT_EQ(U_RETRY, hypercall(uvm->vcpu[0], UV_ESM));
	uvm_info(uvm, &info);
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	EXPECT_EQ(info.registered_pages, info.pages[UVMEM_PAGE_NORMAL]);
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, 64, 1));
	uvm_free(uvm);
}

TEST_F(limit, without_a_frame_for_it_stops_the_guest)
{
	struct uvm *other = uvm_create_secure(&(struct uvm_config){});
	u64 gpa;

	/*
	 * The first VM has all its pages out, and all frames that there may be
	 * are the other's: it has nothing of its own to give up.
	 */
	self->uvm->shares_pool = true;
	other->shares_pool = true;
	uvm_page_out(self->uvm, 0, SLOT0_PAGES);
	uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, uvm_count(self->uvm, 0, SLOT0_PAGES, UVMEM_PAGE_IN));
	uvmem_set_pool_limit(uvmem_get_pool().frames_used);

	guest_start(self->vcpu, guest_nop);
	EXPECT_EQ(RUN_STOPPED, guest_run(self->vcpu, NULL));
	EXPECT_EQ(UVMEM_STOP_NO_MEMORY, self->vcpu->run->internal.data[0]);
	gpa = self->vcpu->run->internal.data[1];
	EXPECT_GT(SLOT0_PAGES * PAGE_SIZE, gpa);
	uvmem_set_pool_limit(self->pool_limit);
	EXPECT_EQ(0, guest_call(other->vcpu[0], guest_nop));
	uvm_free_unchecked(other);
}

/* ---- UVMEM_VM_SET_LIMITS ------------------------------------------------------------ */

struct watcher {
	struct uvm *uvm;
	u64 most;
	bool quit;
};

static void *watch_frames(void *arg)
{
	struct watcher *w = arg;

	while (!READ_ONCE(w->quit))
		w->most = max(w->most, uvm_stat(w->uvm, "frames"));
	return NULL;
}

/* Thousands of faults, each with a search: more than the harness allows, on a busy machine. */
TEST_F_TIMEOUT(limit, max_is_never_passed_by_a_guest_that_needs_twice_as_much, 150)
{
	struct watcher w = { .uvm = self->uvm };
	u64 max = MEM_PAGES / 2, round;
	pthread_t thread;

	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 0);
	ASSERT_LT(max, uvm_stat(self->uvm, "frames"));
	/* What is too much goes at once. */
	ASSERT_EQ(0, uvm_set_limits(self->uvm, 0, 0, 0, max));
	EXPECT_EQ(max, uvm_stat(self->uvm, "frames"));
	uvm_assert_sums(self->uvm);
	ASSERT_EQ(0, pthread_create(&thread, NULL, watch_frames, &w));
	for (round = 1; round < 4; round++) {
		EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES,
					       round - 1));
		guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, round);
	}
	WRITE_ONCE(w.quit, true);
	pthread_join(thread, NULL);
	EXPECT_LT(max / 2, w.most);
	EXPECT_GE(max, w.most);
	EXPECT_LE(3 * max, uvm_stat(self->uvm, "reclaim_moved"));
	uvm_assert_sums(self->uvm);
	/* Prefetch takes nothing for it. */
	uvm_page_in(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_GE(max, uvm_stat(self->uvm, "frames"));
	/* And without it there is room again. */
	ASSERT_EQ(0, uvm_set_limits(self->uvm, 0, 0, 0, 0));
	uvm_page_in(self->uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(MEM_PAGES, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 3));
}

TEST_F(limit, min_is_left_by_reclaim)
{
	u64 min = MEM_PAGES / 2, frames;
	struct uvmem_reclaim reclaim;

	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	usleep(50000);
	frames = uvm_stat(self->uvm, "frames");
	ASSERT_LT(min, frames);
	ASSERT_EQ(0, uvm_set_limits(self->uvm, min, min, 0, 0));
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 0, &reclaim));
	EXPECT_EQ(frames - min, reclaim.moved);
	EXPECT_EQ(min, uvm_stat(self->uvm, "frames"));
	ASSERT_EQ(0, uvm_reclaim(self->uvm, 1, 0, &reclaim));
	EXPECT_EQ(0, reclaim.moved);
	ASSERT_EQ(0, uvm_set_limits(self->uvm, min - 1, min - 1, 0, 0));
	ASSERT_EQ(0, uvm_reclaim(self->uvm, ~0ull, 0, &reclaim));
	EXPECT_EQ(1, reclaim.moved);
}

TEST_F(limit, that_contradicts_another_is_EINVAL_and_changes_nothing)
{
	static const u64 bad[][4] = {
		{ 2, 1, 0, 0 }, { 0, 3, 2, 0 }, { 0, 0, 3, 2 }, { 0, 3, 0, 2 }, { 3, 3, 0, 2 },
		{ ~0ull, 0, 0, 0 },
	};
	struct uvmem_limits limits = { .size = sizeof(limits) };
	int i;

	ASSERT_EQ(0, uvm_set_limits(self->uvm, 10, 20, 300000, 400000));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, uvm_set_limits(self->uvm, bad[i][0], bad[i][1], bad[i][2],
						  bad[i][3])) TH_LOG("set %d", i);
		ASSERT_EQ(0, ioctl(self->uvm->fd, UVMEM_VM_GET_LIMITS, &limits));
		EXPECT_EQ(10, limits.min);
		EXPECT_EQ(20, limits.low);
		EXPECT_EQ(300000, limits.high);
		EXPECT_EQ(400000, limits.max);
	}
	EXPECT_EQ(0, uvm_set_limits(self->uvm, 5, 5, 0, 500000));
	EXPECT_EQ(0, uvm_set_limits(self->uvm, 5, 5, 5, 0));
	EXPECT_EQ(0, uvm_set_limits(self->uvm, 0, 0, 0, 0));
	ASSERT_EQ(0, ioctl(self->uvm->fd, UVMEM_VM_GET_LIMITS, &limits));
	EXPECT_EQ(0, limits.min + limits.low + limits.high + limits.max);
}

TEST_F(limit, high_is_told_once_per_crossing)
{
	struct uvmem_event events[8];
	u64 frames, high;
	ssize_t len;
	int round;

	fcntl(self->uvm->fd, F_SETFL, O_NONBLOCK);
	while (read(self->uvm->fd, events, sizeof(events)) > 0)
		;
	frames = uvm_stat(self->uvm, "frames");
	high = frames + 64;
	ASSERT_EQ(0, uvm_set_limits(self->uvm, 0, 0, high, 0));
	EXPECT_EQ(-1, read(self->uvm->fd, events, sizeof(events)));
	for (round = 0; round < 2; round++) {
		guest_call(self->vcpu, guest_fill, MEM_GPA, 128, 1);
		len = read(self->uvm->fd, events, sizeof(events));
		ASSERT_EQ(sizeof(events[0]), len);
		EXPECT_EQ(UVMEM_EVENT_VM_HIGH, events[0].type);
		EXPECT_EQ(self->uvm->id, events[0].vm_id);
		EXPECT_EQ(high + 1, events[0].value[0]);
		EXPECT_EQ(high, events[0].value[1]);
		uvm_page_out(self->uvm, MEM_GPA, 128);
	}
	/* A limit that is passed already is told of at once. */
	frames = uvm_stat(self->uvm, "frames");
	ASSERT_EQ(0, uvm_set_limits(self->uvm, 0, 0, frames - 1, 0));
	ASSERT_EQ(sizeof(events[0]), read(self->uvm->fd, events, sizeof(events)));
	EXPECT_EQ(frames, events[0].value[0]);
	EXPECT_EQ(frames - 1, events[0].value[1]);
}

TEST_HARNESS_MAIN
