// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swap_bench DEVICE CONTENT - what the host's swap costs an ordinary guest
 *
 * The memory of an unarmed VM goes by MADV_PAGEOUT to the only swap device there
 * is, and comes back because the guest touches it. DEVICE is a word for the figures'
 * names. CONTENT is random, or half: half of each page is zero, the rest random.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest.h"

#include "rig.h"

#define PM_SWAP		(1ull << 62)

static u64 guest_half(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 x = seed | 1, p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		WRITE_ONCE(*(u64 *)p, p & 2048 ? 0 : x);
	}
	return 0;
}

/* How many pages are on swap and not in memory any more, not in the swap cache either. */
static u64 nr_gone(struct uvm *uvm)
{
	static unsigned char core[BENCH_PAGES];
	static u64 entries[BENCH_PAGES];
	void *mem = uvm_hva(uvm, MEM_GPA);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 i, n = 0;

	TEST_ASSERT(fd >= 0 && pread(fd, entries, sizeof(entries), (u64)mem / PAGE_SIZE * 8) ==
		    sizeof(entries), "pagemap: %s", strerror(errno));
	close(fd);
	TEST_ASSERT(!mincore(mem, BENCH_PAGES * PAGE_SIZE, core), "mincore: %s",
		    strerror(errno));
	for (i = 0; i < BENCH_PAGES; i++)
		n += entries[i] & PM_SWAP && !(core[i] & 1);
	return n;
}

static u64 push_out(struct uvm *uvm, const char *device)
{
	void *mem = uvm_hva(uvm, MEM_GPA);
	int ret = 0;
	u64 cost, gone;

	/* Pages on the CPU's way to the LRU lists cannot go; let them arrive. */
	TEST_ASSERT(!madvise(mem, BENCH_PAGES * PAGE_SIZE, MADV_COLD), "MADV_COLD");
	cost = timed(ret = madvise(mem, BENCH_PAGES * PAGE_SIZE, MADV_PAGEOUT));
	TEST_ASSERT(!ret, "MADV_PAGEOUT: %s", strerror(errno));
	gone = nr_gone(uvm);
	/* What is still in memory would come back for nothing. */
	TEST_ASSERT(gone >= BENCH_PAGES - BENCH_PAGES / 50, "%s: only %lu of %lu pages went",
		    device, gone, BENCH_PAGES);
	if (gone != BENCH_PAGES)
		printf("note swap on %s: %lu of %lu pages went\n", device, gone, BENCH_PAGES);
	return cost;
}

static void measure(const struct size *size, const char *device, const char *content, int round)
{
	struct uvm_config config = {
		.mem_pages = BENCH_PAGES, .src = size->src, .unarmed = true,
	};
	struct uvm *uvm = uvm_create(&config);
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 sum, cost;
	char name[64];

	if (!strcmp(content, "half"))
		guest_call(vcpu, guest_half, MEM_GPA, BENCH_PAGES, round + 1);
	else
		guest_call(vcpu, guest_random, MEM_GPA, BENCH_PAGES, round + 1);
	sum = guest_call(vcpu, guest_sum, MEM_GPA, BENCH_PAGES);

#define NAME(what) (snprintf(name, sizeof(name), "swap_%s_%s.%s", device, content, what), name)
	/* Only this first time huge pages go as such: they come back as small ones. */
	cost = push_out(uvm, device);
	bench_raw(round, size->name, NAME("out"), BENCH_PAGES, cost, 0);
	cost = rig_touch(uvm);
	bench_raw(round, size->name, NAME("in_seq"), BENCH_PAGES, cost, rig_touch(uvm));
	push_out(uvm, device);
	cost = timed(guest_call(vcpu, guest_touch_shuffled, MEM_GPA, BENCH_PAGES, 0,
				BENCH_PAGES));
	bench_raw(round, size->name, NAME("in_random"), BENCH_PAGES, cost, rig_touch(uvm));
#undef NAME
	TEST_ASSERT_EQ(guest_call(vcpu, guest_sum, MEM_GPA, BENCH_PAGES), sum);
	uvm_free(uvm);
}

int main(int argc, char **argv)
{
	int i, round;

	TEST_ASSERT(argc == 3, "swap_bench DEVICE random|half");
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Once, after one that makes swap slots and the ramdisk's pages. */
	for (round = 0; round < 2; round++)
		for (i = 0; i < NR_SIZES; i++)
			measure(&sizes[i], argv[1], argv[2], round);
	return 0;
}
