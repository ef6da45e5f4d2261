// SPDX-License-Identifier: GPL-2.0-only
/*
 * paging_test - pages go out and come back, by hypercall, by ioctl and by a guest
 * fault, with 4K and with huge pages of the VMM behind them, while the guest
 * stands still and while it writes; what the guest finds is what it wrote
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define MEM_PAGES	(2 * HUGE_PAGES)

FIXTURE(paging)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(paging)
{
	enum vm_mem_backing_src_type src;
	int nr_vcpus;
};

FIXTURE_VARIANT_ADD(paging, of_4k_with_1_vcpu)
{
	.src = VM_MEM_SRC_ANONYMOUS, .nr_vcpus = 1,
};

FIXTURE_VARIANT_ADD(paging, of_4k_with_2_vcpus)
{
	.src = VM_MEM_SRC_ANONYMOUS, .nr_vcpus = 2,
};

FIXTURE_VARIANT_ADD(paging, of_2m_with_1_vcpu)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP, .nr_vcpus = 1,
};

FIXTURE_VARIANT_ADD(paging, of_2m_with_2_vcpus)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP, .nr_vcpus = 2,
};

FIXTURE_SETUP(paging)
{
	struct uvm_config config = {
		.nr_vcpus = variant->nr_vcpus,
		.mem_pages = MEM_PAGES,
		.src = variant->src,
	};

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	/* The variant tests nothing if the VMM has no huge pages. */
	if (variant->src == VM_MEM_SRC_ANONYMOUS_THP)
		ASSERT_EQ(MEM_PAGES * PAGE_SIZE, uvm_huge_bytes(self->uvm, MEM_GPA));
	uvm_esm(self->uvm);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
}

FIXTURE_TEARDOWN(paging)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

#define verify(self, gpa, nr, seed)						\
	ASSERT_EQ(GUEST_OK, guest_call((self)->vcpu, guest_verify, gpa, nr, seed))

TEST_F(paging, by_ioctl_keeps_the_content)
{
	struct uvm *uvm = self->uvm;

	uvm_page_out_all(uvm, MEM_GPA, MEM_PAGES);
	uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_TOUCH);
	uvm_page_in_all(uvm, MEM_GPA, MEM_PAGES);
	uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_PRESENT);
	verify(self, MEM_GPA, MEM_PAGES, 1);

	/* Nothing to do: every page is said to be so. */
	EXPECT_EQ(0, uvm_page_in(uvm, MEM_GPA, MEM_PAGES));
	uvm_page_out_all(uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, uvm_page_out(uvm, MEM_GPA, MEM_PAGES));
	/* By demand: the guest's own faults. */
	verify(self, MEM_GPA, MEM_PAGES, 1);
	uvm_assert_state(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
}

TEST_F(paging, by_hypercall_keeps_the_content)
{
	struct uvm *uvm = self->uvm;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_PAGE_OUT,
						       MEM_GPA + i * HUGE_SIZE, 0,
						       UVMEM_ORDER_2M));
	uvm_assert_state(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_TOUCH);
	for (i = 0; i < HUGE_PAGES; i += 37)
		ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_PAGE_IN, mem_page(i),
						       0, UVMEM_ORDER_4K));
	EXPECT_EQ(14, uvm_count(uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, H_SVM_PAGE_IN,
						       MEM_GPA + i * HUGE_SIZE, 0,
						       UVMEM_ORDER_2M));
	uvm_assert_state(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
	uvm_assert_sums(uvm);
	verify(self, MEM_GPA, MEM_PAGES, 1);
}

TEST_F(paging, of_odd_ranges_moves_these_and_no_others)
{
	static const struct { u64 first, nr; } ranges[] = {
		{ 0, 1 }, { 511, 2 }, { 1, 510 }, { 500, 100 }, { 1023, 1 }, { 300, 424 },
	};
	struct uvm *uvm = self->uvm;
	int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		u64 first = ranges[i].first, nr = ranges[i].nr;

		uvm_page_out_all(uvm, mem_page(first), nr);
		EXPECT_EQ(nr, uvm_count(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT));
		uvm_assert_sums(uvm);
		uvm_page_in_all(uvm, mem_page(first), nr);
	}
	/* Every third page, so that none of the VMM's huge pages stays whole. */
	for (i = 0; i < MEM_PAGES; i += 3)
		uvm_page_out(uvm, mem_page(i), 1);
	uvm_assert_sums(uvm);
	uvm_page_out(uvm, MEM_GPA, MEM_PAGES);
	uvm_assert_state(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	verify(self, MEM_GPA, MEM_PAGES, 1);
}

TEST_F(paging, of_everything_lets_the_guest_go_on)
{
	struct uvm *uvm = self->uvm;

	/* Code, stacks and page tables of the guest, too. */
	uvm_page_out(uvm, 0, SLOT0_PAGES);
	uvm_page_out(uvm, MEM_GPA, MEM_PAGES);
	EXPECT_EQ(0, uvm_count(uvm, 0, SLOT0_PAGES, UVMEM_PAGE_IN));
	uvm_assert_sums(uvm);
	verify(self, MEM_GPA, MEM_PAGES, 1);
	uvm_assert_sums(uvm);
}

TEST_F(paging, of_same_filled_pages_takes_no_storage)
{
	static const u8 bytes[] = { 0, 0xff, 0x5a };
	struct uvm *uvm = self->uvm;
	struct uvmem_pool pool;
	int i;

	for (i = 0; i < ARRAY_SIZE(bytes); i++)
		guest_call(self->vcpu, guest_fill_byte, mem_page(i), 1, bytes[i]);
	/* All words alike is not all bytes alike. */
	guest_call(self->vcpu, guest_fill_byte, mem_page(3), 1, 0);
	guest_call(self->vcpu, guest_write8, mem_page(3) + 2049, 1);

	pool = uvmem_get_pool();
	EXPECT_EQ(4, uvm_page_out(uvm, MEM_GPA, 4));
	uvm_assert_state(uvm, MEM_GPA, 3, UVMEM_PAGE_ZERO);
	uvm_assert_state(uvm, mem_page(3), 1, UVMEM_PAGE_OUT);
	EXPECT_EQ(pool.frames_used - 4, uvmem_get_pool().frames_used);
	EXPECT_EQ(pool.seals + 1, uvmem_get_pool().seals);
	uvm_assert_sums(uvm);
	for (i = 0; i < ARRAY_SIZE(bytes); i++)
		ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(i), 1,
					       bytes[i]));
	EXPECT_EQ(1, guest_call(self->vcpu, guest_read8, mem_page(3) + 2049));
	uvm_assert_state(uvm, MEM_GPA, 4, UVMEM_PAGE_IN);
}

TEST_F(paging, of_memory_with_a_hole_goes_on_behind_it)
{
	struct uvm *uvm = self->uvm;
	struct uvmem_range range;

	/* The VMM takes a part of the guest's memory away altogether. */
	ASSERT_EQ(0, munmap(uvm_hva(uvm, mem_page(100)), 10 * PAGE_SIZE));
	/* A part of a huge page is not dropped before the rest of it is. */
	if (variant->src == VM_MEM_SRC_ANONYMOUS)
		uvm_assert_state(uvm, mem_page(100), 10, UVMEM_PAGE_LOST);
	uvm_assert_sums(uvm);
	ASSERT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_OUT, MEM_GPA, MEM_PAGES,
				UVMEM_RANGE_IGNORE_AGE, &range));
	EXPECT_EQ(MEM_PAGES, range.done);
	EXPECT_EQ(MEM_PAGES - 10, range.moved);
	EXPECT_EQ(10, range.skipped[UVMEM_REASON_STATE] +
		      range.skipped[UVMEM_REASON_NOT_ANON]);
	verify(self, MEM_GPA, 100, 1);
	verify(self, mem_page(110), MEM_PAGES - 110, 1);
}

/* ---- while the guest writes ------------------------------------------------------------ */

struct churn {
	struct __test_metadata *metadata;
	u64 gpa;
	u64 nr_pages;
	u64 failed_at;
};

static bool churn_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct churn *churn = opaque;
	u64 ret = guest_call(vcpu, guest_churn, churn->gpa, churn->nr_pages, round * 2, 2);

	if (ret != GUEST_OK)
		churn->failed_at = ret;
	return ret == GUEST_OK;
}

TEST_F(paging, while_the_guest_writes_loses_nothing)
{
	struct uvm *uvm = self->uvm;
	u64 per_vcpu = MEM_PAGES / variant->nr_vcpus, out = 0, in = 0;
	struct guest_thread threads[MAX_VCPUS] = {};
	struct churn churn[MAX_VCPUS] = {};
	struct timespec start = {}, now;
	unsigned int seed = 1;
	int i;

	for (i = 0; i < variant->nr_vcpus; i++) {
		churn[i].gpa = mem_page(i * per_vcpu);
		churn[i].nr_pages = per_vcpu;
		threads[i] = (struct guest_thread){
			.vcpu = uvm->vcpu[i], .step = churn_step, .opaque = &churn[i],
		};
		guest_thread_start(&threads[i]);
	}

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		u64 first = rand_r(&seed) % MEM_PAGES;
		u64 nr = 1 + rand_r(&seed) % (MEM_PAGES - first);

		out += uvm_page_out(uvm, mem_page(first), nr);
		if (rand_r(&seed) % 4 == 0)
			in += uvm_page_in(uvm, mem_page(first), nr);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 2);

	for (i = 0; i < variant->nr_vcpus; i++) {
		guest_thread_stop(&threads[i], 2);
		EXPECT_EQ(0, churn[i].failed_at);
		EXPECT_LE(2, threads[i].rounds);
	}
	EXPECT_LT(0, out);
	ksft_print_msg("%llu pages went out and %llu were fetched while %llu rounds were written\n",
		       (unsigned long long)out, (unsigned long long)in,
		       (unsigned long long)threads[0].rounds);
	uvm_assert_sums(uvm);
	/* The last generation of each vCPU is there. */
	for (i = 0; i < variant->nr_vcpus; i++)
		EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[i], guest_churn, churn[i].gpa,
					       churn[i].nr_pages, threads[i].rounds * 2, 1));
}

static bool verify_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct churn *churn = opaque;

	churn->failed_at = guest_call(vcpu, guest_verify, churn->gpa, churn->nr_pages, 1);
	return churn->failed_at == GUEST_OK;
}

TEST_F(paging, of_pages_that_all_vcpus_read_keeps_them_readable)
{
	struct uvm *uvm = self->uvm;
	struct guest_thread threads[MAX_VCPUS] = {};
	struct churn churn[MAX_VCPUS] = {};
	int i;

	/* The same pages: their faults race for the same frames. */
	for (i = 0; i < variant->nr_vcpus; i++) {
		churn[i] = (struct churn){ .gpa = MEM_GPA, .nr_pages = 64 };
		threads[i] = (struct guest_thread){
			.vcpu = uvm->vcpu[i], .step = verify_step, .opaque = &churn[i],
		};
		guest_thread_start(&threads[i]);
	}
	for (i = 0; i < 30; i++)
		uvm_page_out(uvm, MEM_GPA, 64);
	for (i = 0; i < variant->nr_vcpus; i++) {
		guest_thread_stop(&threads[i], 1);
		EXPECT_EQ(GUEST_OK, churn[i].failed_at);
	}
}

/* ---- others meanwhile -------------------------------------------------------------------- */

#define LARGE_PAGES	(8 * HUGE_PAGES)

struct mapper {
	bool quit;
	u64 rounds;
};

/* Needs mmap_lock for writing, again and again. */
static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;

	while (!READ_ONCE(m->quit)) {
		void *mem = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(mem, PAGE_SIZE);
		WRITE_ONCE(m->rounds, m->rounds + 1);
	}
	return NULL;
}

/* Eight batches: who wants mmap_lock gets it between them. How often did it? */
static u64 mapped_meanwhile(struct __test_metadata *_metadata)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = LARGE_PAGES });
	struct mapper mapper = {};
	pthread_t thread;
	u64 before, after;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, LARGE_PAGES, 1);
	uvm_esm(uvm);
	TEST_ASSERT(!pthread_create(&thread, NULL, map_and_unmap, &mapper), "pthread_create");
	while (!READ_ONCE(mapper.rounds))
		usleep(100);
	before = READ_ONCE(mapper.rounds);
	EXPECT_EQ(LARGE_PAGES, uvm_page_out(uvm, MEM_GPA, LARGE_PAGES));
	after = READ_ONCE(mapper.rounds);
	WRITE_ONCE(mapper.quit, true);
	pthread_join(thread, NULL);
	uvm_free(uvm);
	return after - before;
}

TEST(paging_of_a_large_range_lets_mmap_through)
{
	u64 rounds = 0;
	int try;

	/* On a busy machine the other thread may not run at all for that long. */
	for (try = 0; try < 5 && rounds <= 4; try++)
		rounds = mapped_meanwhile(_metadata);
	ksft_print_msg("%llu times mmap() and munmap() during one page-out, at try %d\n",
		       (unsigned long long)rounds, try);
	EXPECT_LT(4, rounds);
}

static void on_alarm(int sig)
{
}

TEST(paging_of_a_large_range_is_ended_early_by_a_signal)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = LARGE_PAGES });
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval soon = { { 0, 5000 }, { 0, 5000 } }, off = {};
	struct uvmem_range range;
	u64 done = 0, calls = 0;
	int ret;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, LARGE_PAGES, 1);
	uvm_esm(uvm);
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	while (done < LARGE_PAGES) {
		calls++;
		ret = __uvm_move(uvm, UVMEM_VM_PAGE_OUT, mem_page(done), LARGE_PAGES - done,
				 UVMEM_RANGE_IGNORE_AGE, &range);
		if (ret == -EINTR)
			continue;
		ASSERT_EQ(0, ret);
		ASSERT_LT(0, range.done);
		done += range.done;
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_LT(1, calls);
	uvm_assert_state(uvm, MEM_GPA, LARGE_PAGES, UVMEM_PAGE_OUT);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, LARGE_PAGES, 1));
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
