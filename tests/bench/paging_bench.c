// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * paging_bench - what kvm-uvmem's moves cost, and what it keeps in memory
 *
 * One VM with one vCPU per round and size of the VMM's pages. Operations by
 * ioctl have no guest running; those by the guest have a baseline, the same call
 * of the guest on pages with which nothing has to be done.
 */
#include <fcntl.h>
#include <string.h>

#include "kselftest.h"

#include "rig.h"

#define BIG_GPA		(8ull << 30)
#define BIG_SLOT	2
#define BIG_GIB		64ull

/* UV_ESM of a VM that has its code, its page tables and nothing in the test memory. */
static u64 esm_baseline(const struct size *size)
{
	struct uvm *uvm = rig_create(size);
	u64 cost = timed(uvm_esm(uvm));

	uvm_free(uvm);
	return cost;
}

/* Guest accesses to secure memory that was never touched: a zeroed frame each. */
static void measure_absent(const struct size *size, int round)
{
	struct uvm *uvm = rig_create(size);
	u64 first;

	uvm_esm(uvm);
	first = rig_touch(uvm);
	uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, UVMEM_PAGE_IN);
	bench_raw(round, size->name, "touch_absent", BENCH_PAGES, first, rig_touch(uvm));
	uvm_free(uvm);
}

/* An ordinary guest's faults on memory that the VMM has: KVM's own part of any fault. */
static void measure_ordinary(const struct size *size, int round)
{
	struct uvm_config config = {
		.mem_pages = BENCH_PAGES, .src = size->src, .unarmed = true,
	};
	struct uvm *uvm = uvm_create(&config);
	u64 first;

	memset(uvm_hva(uvm, MEM_GPA), 1, BENCH_PAGES * PAGE_SIZE);
	first = rig_touch(uvm);
	bench_raw(round, size->name, "fault_ordinary", BENCH_PAGES, first, rig_touch(uvm));
	uvm_free(uvm);
}

/*
 * The guest gives all pages to the VMM, zeroed, and takes them back: by one call, then
 * by one call each.
 */
static void measure_share(const struct size *size, int round)
{
	struct uvm *uvm = rig_create(size);
	static const struct {
		const char *name;
		u64 nr;
		enum uvmem_page_state state;
		bool each;
	} calls[] = {
		{ "share",		UV_SHARE_PAGE,	 UVMEM_PAGE_SHARED, false },
		{ "unshare",		UV_UNSHARE_PAGE, UVMEM_PAGE_IN, false },
		{ "share_each",		UV_SHARE_PAGE,	 UVMEM_PAGE_SHARED, true },
		{ "unshare_each",	UV_UNSHARE_PAGE, UVMEM_PAGE_IN, true },
	};
	u64 cost, ret;
	int i;

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, round + 1);
	uvm_esm(uvm);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		/* Mapped by the guest, and where the VMM has them: with something behind. */
		if (calls[i].state == UVMEM_PAGE_IN)
			memset(uvm_hva(uvm, MEM_GPA), 1, BENCH_PAGES * PAGE_SIZE);
		rig_touch(uvm);
		cost = timed(ret = calls[i].each ?
			     guest_call(uvm->vcpu[0], guest_hypercall_each, calls[i].nr,
					gpa_to_gfn(MEM_GPA), BENCH_PAGES) :
			     (u64)hypercall(uvm->vcpu[0], calls[i].nr, gpa_to_gfn(MEM_GPA),
					    BENCH_PAGES));
		TEST_ASSERT(ret == U_SUCCESS, "%s: %ld", calls[i].name, (s64)ret);
		uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, calls[i].state);
		bench_raw(round, size->name, calls[i].name, BENCH_PAGES, cost, 0);
	}
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

static void measure_round(const struct size *size, int round)
{
	u64 base = esm_baseline(size), mapped, nr, cost;
	struct uvm *uvm = rig_create(size);

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, round + 1);
	if (round == 1)
		bench_value(size->name, "huge_bytes.normal", uvm_huge_bytes(uvm, MEM_GPA));
	cost = timed(uvm_esm(uvm));
	bench_raw(round, size->name, "esm", BENCH_PAGES, cost, base);
	uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, UVMEM_PAGE_IN);

	/* Twice: the first page-out of 2 MiB also allocates their table of seals. */
	cost = timed(nr = uvm_page_out(uvm, MEM_GPA, BENCH_PAGES));
	bench_raw(round, size->name, "page_out_first", nr, cost, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_OUT, "the first page-out");
	if (round == 1)
		bench_value(size->name, "huge_bytes.out", uvm_huge_bytes(uvm, MEM_GPA));
	cost = timed(nr = uvm_page_in(uvm, MEM_GPA, BENCH_PAGES));
	bench_raw(round, size->name, "page_in", nr, cost, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_IN, "page-in");

	/* In, but not mapped yet; frames that came in together are mapped together. */
	cost = rig_touch(uvm);
	mapped = rig_touch(uvm);
	bench_raw(round, size->name, "touch_mapped", BENCH_PAGES, mapped, 0);
	bench_raw(round, size->name, "touch_after_page_in", BENCH_PAGES, cost, mapped);

	cost = timed(nr = uvm_page_out(uvm, MEM_GPA, BENCH_PAGES));
	bench_raw(round, size->name, "page_out", nr, cost, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_OUT, "page-out");
	cost = rig_touch(uvm);
	bench_raw(round, size->name, "demand", BENCH_PAGES, cost, mapped);
	uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, UVMEM_PAGE_IN);

	/* What demand has brought back is in single pages, whatever it was. */
	cost = timed(nr = uvm_page_out(uvm, MEM_GPA, BENCH_PAGES));
	bench_raw(round, size->name, "page_out_after_demand", nr, cost, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_OUT, "page-out after demand");

	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_IN, "");
	guest_call(uvm->vcpu[0], guest_fill_byte, MEM_GPA, BENCH_PAGES, 0);
	cost = timed(nr = uvm_page_out(uvm, MEM_GPA, BENCH_PAGES));
	bench_raw(round, size->name, "page_out_same", nr, cost, 0);
	rig_finish(uvm, nr, UVMEM_PAGE_ZERO, "page-out of same-filled pages");
	cost = rig_touch(uvm);
	bench_raw(round, size->name, "demand_same", BENCH_PAGES, cost, mapped);

	uvm_assert_sums(uvm);
	uvm_free(uvm);
	measure_share(size, round);
	measure_absent(size, round);
	measure_ordinary(size, round);
}

/* As measure_round(), but only to see where the instructions go. */
static void profile_round(const struct size *size)
{
	struct uvm *uvm = rig_create(size);

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, 1);
	profile_start();
	uvm_esm(uvm);
	profile_stop(size->name, "esm");
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_OUT, "");
	profile_start();
	uvm_page_in(uvm, MEM_GPA, BENCH_PAGES);
	profile_stop(size->name, "page_in");
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_IN, "");
	profile_start();
	uvm_page_out(uvm, MEM_GPA, BENCH_PAGES);
	profile_stop(size->name, "page_out");
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_OUT, "");
	profile_start();
	rig_touch(uvm);
	profile_stop(size->name, "demand");
	guest_call(uvm->vcpu[0], guest_fill_byte, MEM_GPA, BENCH_PAGES, 0);
	profile_start();
	uvm_page_out(uvm, MEM_GPA, BENCH_PAGES);
	profile_stop(size->name, "page_out_same");
	uvm_free(uvm);
}

/* UV_ESM of memory that nobody touched. */
static void measure_untouched(int round)
{
	struct uvm *uvm = rig_create(&sizes[0]);
	u64 base = esm_baseline(&sizes[0]), cost;

	vm_userspace_mem_region_add(uvm->vm, VM_MEM_SRC_ANONYMOUS, BIG_GPA, BIG_SLOT,
				    BIG_GIB << (30 - PAGE_SHIFT), 0);
	cost = timed(uvm_esm(uvm));
	bench_raw(round, "1g", "esm_untouched", BIG_GIB, cost, base);
	uvm_free(uvm);
}

/*
 * UV_ESM of 1 GiB that the VMM has populated, or of the largest power of two that the
 * frames suffice for. Once: rounds of so much are alike.
 */
static void measure_populated(const struct size *size)
{
	u64 base = esm_baseline(size), pages = 1ull << (30 - PAGE_SHIFT), cost, gpa;
	struct uvmem_pool pool = uvmem_get_pool();
	struct uvm *uvm = rig_create(size);
	u8 *mem;

	while (pages > pool.frames_limit - pool.frames_used)
		pages /= 2;
	vm_userspace_mem_region_add(uvm->vm, size->src, BIG_GPA, BIG_SLOT, pages, 0);
	mem = uvm_hva(uvm, BIG_GPA);
	memset(mem, 1, pages * PAGE_SIZE);
	cost = timed(uvm_esm(uvm));
	bench_raw(1, size->name, "esm_populated", pages, cost, base);
	bench_value(size->name, "esm_populated.pages", pages);
	/* One call tells the states of 65536 pages at most. */
	for (gpa = BIG_GPA; gpa < BIG_GPA + pages * PAGE_SIZE; gpa += HUGE_SIZE)
		uvm_assert_state(uvm, gpa, HUGE_PAGES, UVMEM_PAGE_IN);
	uvm_free(uvm);
}

/* ---- metadata ------------------------------------------------------------------ */

static void metadata_now(const struct size *size, const char *state, struct uvm *uvm)
{
	struct uvmem_pool pool = uvmem_get_pool();
	struct uvmem_vm_info info;
	char name[64];

	uvm_info(uvm, &info);
#define METADATA(what, value)							\
do {										\
	snprintf(name, sizeof(name), "metadata.%s." what, state);		\
	bench_value(size->name, name, value);					\
} while (0)
	METADATA("vm_bytes", info.metadata_bytes);
	METADATA("pool_bytes", pool.metadata_bytes);
	METADATA("handles_total", pool.handles_total);
	METADATA("handles_used", pool.handles_used);
	METADATA("seals", pool.seals);
#undef METADATA
}

/* All of the VM's pages, and of these the BENCH_PAGES of test memory, in each state. */
static void measure_metadata(const struct size *size)
{
	struct uvm *uvm = rig_create(size);

	metadata_now(size, "normal", uvm);
	uvm_esm(uvm);
	metadata_now(size, "absent", uvm);
	uvm_free(uvm);

	uvm = rig_create(size);
	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, BENCH_PAGES, 1);
	uvm_esm(uvm);
	metadata_now(size, "in", uvm);
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_OUT, "");
	metadata_now(size, "out", uvm);
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_IN, "");
	metadata_now(size, "in_again", uvm);
	guest_call(uvm->vcpu[0], guest_fill_byte, MEM_GPA, BENCH_PAGES, 0);
	rig_finish(uvm, BENCH_PAGES, UVMEM_PAGE_ZERO, "");
	metadata_now(size, "zero", uvm);
	uvm_free(uvm);
}

/* A loop of two instructions a turn. */
static void check_clock(void)
{
	u64 turns, start, end;
	int round;

	for (round = 0; round <= bench_rounds(); round++) {
		turns = 10000000;
		start = bench_now();
		asm volatile("1: dec %0\n\tjnz 1b" : "+r" (turns));
		end = bench_now();
		bench_raw(round, "clock", "loop", 20000000, end - start, 0);
	}
}

int main(int argc, char **argv)
{
	int i, round;

	setvbuf(stdout, NULL, _IOLBF, 0);
	check_clock();
	for (round = 0; round <= bench_rounds(); round++) {
		for (i = 0; i < NR_SIZES; i++)
			measure_round(&sizes[i], round);
		measure_untouched(round);
	}
	for (i = 0; i < NR_SIZES; i++) {
		measure_metadata(&sizes[i]);
		measure_populated(&sizes[i]);
		profile_round(&sizes[i]);
	}
	return 0;
}
