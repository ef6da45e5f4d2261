// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * limit_bench - demand page-in where what the guest touches does not fit its limit, by
 * how many pages the module brings along (fault_around_pages, fault_around_max)
 *
 * Each page that comes in pushes another out. Three guests:
 *
 *	loop	reads all of its pages in order, again and again
 *	random	the same in random order
 *	hot	reads 512 of them in order, then 16 of 1024 others in random order, and so
 *		on: what was brought for nothing pushes out what is wanted
 */
#include "kselftest.h"

#include "rig.h"

#define LIMIT		(BENCH_PAGES / 2)
#define HOT		512ul
#define COLD		1024ul
#define COLD_GPA	(MEM_GPA + (BENCH_PAGES - COLD) * PAGE_SIZE)
#define COLD_AT_ONCE	16ul
#define HOT_LIMIT	640ul

static const char * const windows[] = { "1", "16", "learnt" };

/* One turn of each; returns how many pages were touched. */
static u64 loop(struct uvm *uvm, u64 turn)
{
	(void)turn;
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, BENCH_PAGES);
	return BENCH_PAGES;
}

static u64 random_order(struct uvm *uvm, u64 turn)
{
	(void)turn;
	guest_call(uvm->vcpu[0], guest_touch_shuffled, MEM_GPA, BENCH_PAGES, 0, BENCH_PAGES);
	return BENCH_PAGES;
}

static u64 hot(struct uvm *uvm, u64 turn)
{
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, HOT);
	guest_call(uvm->vcpu[0], guest_touch_shuffled, COLD_GPA, COLD,
		   turn * COLD_AT_ONCE % COLD, COLD_AT_ONCE);
	return HOT + COLD_AT_ONCE;
}

static const struct pattern {
	const char *name;
	u64 limit;		/* frames */
	u64 turns;		/* to warm up, and as many that count */
	u64 (*turn)(struct uvm *uvm, u64 turn);
} patterns[] = {
	{ "loop", LIMIT, 2, loop },
	{ "random", LIMIT, 2, random_order },
	{ "hot", HOT_LIMIT, 32, hot },
};

static void measure(const struct size *size, const struct pattern *pattern, const char *window)
{
	u64 i, in = 0, start = 0, cost, touched = 0, others;
	struct uvm *uvm = rig_create(size);
	struct uvmem_vm_info info;
	char name[64];

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, 1);
	uvm_esm(uvm);
	/* The guest's code and page tables have frames of their own. */
	uvm_info(uvm, &info);
	others = info.pages[UVMEM_PAGE_IN] - BENCH_PAGES;
	TEST_ASSERT_EQ(uvm_set_limits(uvm, 0, 0, 0, others + pattern->limit), 0);
	rig_set_window(window);
	for (i = 0; i < 2 * pattern->turns; i++) {
		if (i == pattern->turns) {
			in = uvm_stat(uvm, "page_in_guest_fault");
			touched = 0;
			start = bench_now();
		}
		touched += pattern->turn(uvm, i);
	}
	cost = bench_now() - start;
	rig_set_window("1");
	in = uvm_stat(uvm, "page_in_guest_fault") - in;
	snprintf(name, sizeof(name), "limit_%s.%s", pattern->name, window);
	bench_raw(1, size->name, name, touched, cost, 0);
	snprintf(name, sizeof(name), "limit_in_%s.%s", pattern->name, window);
	bench_value(size->name, name, in);
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

int main(int argc, char **argv)
{
	int i, j, k;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Once: paging_bench has warmed up, and each figure takes a VM. */
	for (i = 0; i < NR_SIZES; i++)
		for (j = 0; j < ARRAY_SIZE(patterns); j++)
			for (k = 0; k < ARRAY_SIZE(windows); k++)
				measure(&sizes[i], &patterns[j], windows[k]);
	return 0;
}
