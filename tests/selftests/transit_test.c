// SPDX-License-Identifier: GPL-2.0-only
/*
 * transit_test - a write of the guest while its page is being moved is not lost
 *
 * migrate_vma_setup() invalidates KVM's mapping, and the invalidation is over before
 * the content is sealed. A guest fault in between that took the frame from the gfn
 * table would let the guest write into a frame that is being, or has been, read:
 * the write would be gone. Few pages, a guest that does nothing but write them, and
 * a host that does nothing but move them make that window as likely as it can be.
 */
#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define TRANSIT_VARIANT	FIXTURE_VARIANT(transit)

/* A machine that is busy otherwise gets more time to move anything at all. */
#define SECONDS		2
#define SECONDS_MAX	30
#define MOVED_MIN	10

FIXTURE(transit)
{
	struct uvm *uvm;
};

FIXTURE_VARIANT(transit)
{
	u64 pages;
	int nr_vcpus;
	unsigned long cmd;
};

#ifndef TRANSIT_SMP
FIXTURE_VARIANT_ADD(transit, of_1_page)
{
	.pages = 1, .nr_vcpus = 1,
};

FIXTURE_VARIANT_ADD(transit, of_8_pages)
{
	.pages = 8, .nr_vcpus = 1,
};
#else
FIXTURE_VARIANT_ADD(transit, of_8_pages_of_2_vcpus)
{
	.pages = 8, .nr_vcpus = 2,
};
#endif

FIXTURE_SETUP(transit)
{
	struct uvm_config config = { .nr_vcpus = variant->nr_vcpus };

	self->uvm = uvm_create_secure(&config);
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
}

FIXTURE_TEARDOWN(transit)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

struct writer {
	u64 gpa;
	u64 pages;
	u64 lost_at;
	bool toggles;
};

static bool write_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct writer *w = opaque;
	u64 ret;

	if (w->toggles)
		ret = guest_call(vcpu, guest_toggle, w->gpa, w->pages, 200);
	else
		ret = guest_call(vcpu, guest_churn, w->gpa, w->pages, round * 200, 200);
	w->lost_at = ret == GUEST_OK ? 0 : ret;
	return ret == GUEST_OK;
}

static void run_writers(struct __test_metadata *_metadata, struct uvm *uvm,
			const TRANSIT_VARIANT *variant, bool toggles,
			u64 (*disturb)(struct uvm *uvm, u64 gpa, u64 pages))
{
	struct guest_thread threads[MAX_VCPUS] = {};
	struct writer writers[MAX_VCPUS] = {};
	u64 pages = variant->pages, moved = 0;
	struct timespec start, now;
	int i;

	for (i = 0; i < variant->nr_vcpus; i++) {
		/* Neighbours: one batch of the host has pages of all vCPUs. */
		writers[i] = (struct writer){
			.gpa = mem_page(i * pages), .pages = pages, .toggles = toggles,
		};
		threads[i] = (struct guest_thread){
			.vcpu = uvm->vcpu[i], .step = write_step, .opaque = &writers[i],
		};
		guest_thread_start(&threads[i]);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		moved += disturb(uvm, MEM_GPA, pages * variant->nr_vcpus);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < (moved > MOVED_MIN ? SECONDS : SECONDS_MAX));
	for (i = 0; i < variant->nr_vcpus; i++) {
		guest_thread_stop(&threads[i], 1);
		EXPECT_EQ(0, writers[i].lost_at) TH_LOG("vCPU %d: a write was lost", i);
	}
	EXPECT_LT(MOVED_MIN, moved);
	ksft_print_msg("%llu pages moved under %llu x 200 rounds of writes\n",
		       (unsigned long long)moved, (unsigned long long)threads[0].rounds);
}

TEST_F(transit, by_ioctl_loses_no_write)
{
	run_writers(_metadata, self->uvm, variant, false, uvm_page_out);
}

TEST_F(transit, of_same_filled_pages_loses_no_write)
{
	/* A page that is about to give up its frame for being all zero. */
	guest_call(self->uvm->vcpu[0], guest_fill_byte, MEM_GPA, 64, 0);
	run_writers(_metadata, self->uvm, variant, true, uvm_page_out);
	EXPECT_LT(0, uvm_stat(self->uvm, "same_filled"));
}

static u64 host_touch(struct uvm *uvm, u64 gpa, u64 pages)
{
	u64 i, out = uvm_count(uvm, gpa, pages, UVMEM_PAGE_OUT);

	for (i = 0; i < pages; i++)
		uvm_host_read(uvm, gpa + i * PAGE_SIZE);
	out = uvm_count(uvm, gpa, pages, UVMEM_PAGE_OUT) + pages - out;
	return out;
}

TEST_F(transit, by_host_touch_loses_no_write)
{
	run_writers(_metadata, self->uvm, variant, false, host_touch);
	assert_no_markers(SEARCH_TOUCH);
}

TEST_HARNESS_MAIN
