// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * demand_bench - pages that go and come in random order, and how many the module
 * brings along with the one that the guest touches (fault_around_pages, fault_around_max)
 *
 * A new VM for each figure: once a huge page of the VMM is split it does not come
 * back. Memory is in ranges of 2 MiB as often as in paging_bench.
 */
#include "kselftest.h"

#include "rig.h"

#define SPARSE	64ul		/* pages touched of BENCH_PAGES */

static const char * const windows[] = { "1", "16", "512", "learnt" };

enum order { SEQUENTIAL, SHUFFLED, FEW, NR_ORDERS };

static const char * const orders[] = {
	[SEQUENTIAL] = "seq", [SHUFFLED] = "random", [FEW] = "few",
};

static struct uvm *create_paged_out(const struct size *size)
{
	struct uvm *uvm = rig_create(size);

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, 1);
	uvm_esm(uvm);
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_OUT, "");
	return uvm;
}

static u64 touch(struct uvm *uvm, enum order order)
{
	switch (order) {
	case SEQUENTIAL:
		return rig_touch(uvm);
	case SHUFFLED:
		return timed(guest_call(uvm->vcpu[0], guest_touch_shuffled, MEM_GPA,
					BENCH_PAGES, 0, BENCH_PAGES));
	default:
		return timed(guest_call(uvm->vcpu[0], guest_touch_shuffled, MEM_GPA,
					BENCH_PAGES, 0, SPARSE));
	}
}

static void measure_demand(const struct size *size, const char *window, enum order order)
{
	u64 touched = order == FEW ? SPARSE : BENCH_PAGES, before, in, cost;
	struct uvm *uvm = create_paged_out(size);
	char name[64];

	rig_set_window(window);
	before = uvm_stat(uvm, "page_in_guest_fault");
	cost = touch(uvm, order);
	in = uvm_stat(uvm, "page_in_guest_fault") - before;
	snprintf(name, sizeof(name), "demand_%s.%s", orders[order], window);
	bench_raw(1, size->name, name, touched, cost, touch(uvm, order));
	rig_set_window("1");

	/* All that was touched is there, and what came with it is what the window says. */
	if (order == FEW)
		TEST_ASSERT(in >= touched, "%lu of %lu pages came in", in, touched);
	else
		uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, UVMEM_PAGE_IN);
	snprintf(name, sizeof(name), "brought_%s.%s", orders[order], window);
	bench_value(size->name, name, in);
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

/* One UVMEM_VM_PAGE_OUT for each page, in order and not. */
static void measure_page_out(const struct size *size, enum order order)
{
	struct uvm *uvm = create_paged_out(size);
	u64 start, i, nr = 0;

	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_IN, "");
	rig_touch(uvm);
	start = bench_now();
	for (i = 0; i < BENCH_PAGES; i++)
		nr += uvm_page_out(uvm, mem_page(order == SHUFFLED ?
						 rig_shuffled(i, BENCH_PAGES) : i), 1);
	bench_raw(1, size->name, order == SHUFFLED ? "page_out_random" : "page_out_single",
		  nr, bench_now() - start, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_OUT, "page-out of single pages");
	uvm_free(uvm);
}

/* The shuffled range has each page once, or the figures are of something else. */
static void check_shuffle(void)
{
	bool seen[BENCH_PAGES] = {};
	u64 i, neighbours = 0;

	for (i = 0; i < BENCH_PAGES; i++) {
		u64 page = rig_shuffled(i, BENCH_PAGES);

		TEST_ASSERT(page < BENCH_PAGES && !seen[page], "page %lu comes twice", page);
		seen[page] = true;
		if (i && page / 16 == rig_shuffled(i - 1, BENCH_PAGES) / 16)
			neighbours++;
	}
	TEST_ASSERT(neighbours < BENCH_PAGES / 16, "%lu of %lu stay in their window", neighbours,
		    BENCH_PAGES);
}

int main(int argc, char **argv)
{
	int i, j, order;

	setvbuf(stdout, NULL, _IOLBF, 0);
	check_shuffle();
	bench_value("few", "touched", SPARSE);
	bench_value("learnt", "max", atoi(LEARNT_MAX));
	/*
	 * Once: paging_bench has warmed up, rounds differ by 0.1 %, and each figure
	 * takes a VM.
	 */
	for (i = 0; i < NR_SIZES; i++) {
		for (j = 0; j < ARRAY_SIZE(windows); j++)
			for (order = 0; order < NR_ORDERS; order++)
				measure_demand(&sizes[i], windows[j], order);
		measure_page_out(&sizes[i], SEQUENTIAL);
		measure_page_out(&sizes[i], SHUFFLED);
	}
	return 0;
}
