// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_memory_test - the host's memory management at work on guest memory: reclaim, swap,
 * KSM, huge pages, migration, locking, looking. lib/host_table.h says what must
 * happen.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>

#include "host.h"

#define KSM	"/sys/kernel/mm/ksm/"
#define THP	"/sys/kernel/mm/transparent_hugepage/"

static u64 pagemap_of(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	u64 entry;

	TEST_ASSERT(fd >= 0 && pread(fd, &entry, 8, (u64)addr / PAGE_SIZE * 8) == 8, "pagemap");
	close(fd);
	return entry;
}

#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_SWAP	(1ull << 62)
#define PAGEMAP_PFN	((1ull << 55) - 1)

static int advise(struct host_page *page, int advice)
{
	return madvise(page->mem, PAGE_SIZE, advice) ? -errno : 0;
}

static u64 read_vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	u64 value, found = ~0ull;
	char key[64];

	while (f && fscanf(f, "%63s %lu", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	TEST_ASSERT(f && found != ~0ull, "no %s in vmstat", name);
	fclose(f);
	return found;
}

/* ---- reclaim and swap ----------------------------------------------------------------------- */

/* Has the VMM a page of its own there, which can be reclaimed? */
static bool is_reclaimable(const struct host_page *page)
{
	return page->state == OUT || !host_page_is_secure(page);
}

static int advise_pageout(struct host_page *page)
{
	int i;

	for (i = 0; i < 200; i++) {
		TEST_ASSERT(!advise(page, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
		if (!is_reclaimable(page) || pagemap_of(page->mem) & PAGEMAP_SWAP)
			return 0;
		usleep(10000);
	}
	TEST_FAIL("the page does not go to swap: is there any (tests/vm/run --disk)?");
	return -EIO;
}

static int swap_off(struct host_page *page)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[256], device[128] = "";

	TEST_ASSERT(f && fgets(line, sizeof(line), f) && fscanf(f, "%127s", device) == 1,
		    "the host has no swap (tests/vm/run --disk)");
	fclose(f);
	advise_pageout(page);
	TEST_ASSERT(!swapoff(device), "swapoff %s: %s", device, strerror(errno));
	TEST_ASSERT(!swapon(device, 0), "swapon %s: %s", device, strerror(errno));
	return 0;
}

/* The host may drop it from now on. */
static int advise_free(struct host_page *page)
{
	return advise(page, MADV_FREE);
}

/* And it does, when it reclaims. */
static int advise_free_reclaim(struct host_page *page)
{
	int i;

	TEST_ASSERT(!advise_free(page), "MADV_FREE: %s", strerror(errno));
	for (i = 0; page->state == OUT &&
		    pagemap_of(page->mem) & (PAGEMAP_PRESENT | PAGEMAP_SWAP); i++) {
		TEST_ASSERT(i < 200, "the page is not reclaimed");
		/* It may go to swap instead; there the advice drops it at once. */
		TEST_ASSERT(!advise(page, MADV_PAGEOUT) && !advise_free(page), "madvise: %s",
			    strerror(errno));
		usleep(10000);
	}
	return 0;
}

static int advise_cold(struct host_page *page)
{
	return advise(page, MADV_COLD);
}

static int populate_read(struct host_page *page)
{
	return advise(page, MADV_POPULATE_READ);
}

static int populate_write(struct host_page *page)
{
	return advise(page, MADV_POPULATE_WRITE);
}

static void unlock(struct host_page *page)
{
	munlock(page->mem, PAGE_SIZE);
}

static int lock_all(struct host_page *page)
{
	page->undo = unlock;
	return mlock(page->mem, PAGE_SIZE) ? -errno : 0;
}

static int lock_on_fault(struct host_page *page)
{
	page->undo = unlock;
	return mlock2(page->mem, PAGE_SIZE, MLOCK_ONFAULT) ? -errno : 0;
}

/* ---- KSM -------------------------------------------------------------------------------------- */

static void wait_scans(const char *path, u64 scans)
{
	u64 until = host_read_number(path) + scans;
	int i;

	for (i = 0; host_read_number(path) < until; i++) {
		TEST_ASSERT(i < 2000, "%s does not move", path);
		usleep(10000);
	}
}

/* The VMM's own page, which had the same content and was merged with the guest's. */
static void unmerge(struct host_page *page)
{
	u8 *bystander = page->other;
	int i;

	for (i = 0; i < PAGE_SIZE; i++)
		TEST_ASSERT(bystander[i] == 0x5a, "memory of somebody else has changed");
	munmap(bystander, PAGE_SIZE);
	host_write_file(KSM "run", "0");
	TEST_ASSERT(!madvise(host_base(page), page->nr * PAGE_SIZE, MADV_UNMERGEABLE),
		    "MADV_UNMERGEABLE: %s", strerror(errno));
}

/* Memory of the VMM that looks like the guest's pages, and has been merged with [mem, mem + size) */
static u8 *merge_with_bystander(void *mem, u64 size)
{
	u8 *bystander = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(bystander != MAP_FAILED, "mmap");
	memset(bystander, 0x5a, PAGE_SIZE);
	TEST_ASSERT(!madvise(bystander, PAGE_SIZE, MADV_MERGEABLE) &&
		    !madvise(mem, size, MADV_MERGEABLE), "MADV_MERGEABLE: %s", strerror(errno));
	host_write_file(KSM "smart_scan", "0");
	host_write_file(KSM "sleep_millisecs", "1");
	host_write_file(KSM "pages_to_scan", "10000");
	host_write_file(KSM "run", "1");
	wait_scans(KSM "full_scans", 4);
	return bystander;
}

static int merge(struct host_page *page)
{
	page->other = merge_with_bystander(host_base(page), page->nr * PAGE_SIZE);
	page->undo = unmerge;
	if (!host_page_is_secure(page))
		TEST_ASSERT(host_read_number(KSM "pages_sharing"), "nothing was merged");
	return 0;
}

/* A day, as in tests/suites/selftests. */
#define KHUGEPAGED_ASLEEP	"86400000"

/* ---- huge pages ----------------------------------------------------------------------------- */

static int collapse(struct host_page *page)
{
	u8 *mem = host_base(page);
	int ret, i;

	TEST_ASSERT(!madvise(mem, HUGE_SIZE, MADV_HUGEPAGE), "MADV_HUGEPAGE: %s", strerror(errno));
	for (i = 0; i < 20; i++) {
		ret = madvise(mem, HUGE_SIZE, MADV_COLLAPSE) ? -errno : 0;
		if (ret != -EAGAIN)
			break;
		usleep(10000);
	}
	if (is_reclaimable(page))
		TEST_ASSERT(ret || uvm_huge_bytes(page->uvm, page->gpa) >= HUGE_SIZE,
			    "there is no huge page");
	else if (ret == -EINVAL)
		ret = 0;	/* nothing is there, or one handle for all */
	return ret;
}

static int collapse_later(struct host_page *page)
{
	int i;

	host_write_file(THP "khugepaged/scan_sleep_millisecs", "1");
	host_write_file(THP "khugepaged/alloc_sleep_millisecs", "1");
	host_write_file(THP "khugepaged/pages_to_scan", "100000");
	TEST_ASSERT(!madvise(host_base(page), HUGE_SIZE, MADV_HUGEPAGE), "MADV_HUGEPAGE: %s",
		    strerror(errno));
	for (i = 0; is_reclaimable(page) && uvm_huge_bytes(page->uvm, page->gpa) < HUGE_SIZE; i++) {
		TEST_ASSERT(i < 1000, "there is no huge page");
		usleep(10000);
	}
	wait_scans(THP "khugepaged/full_scans", 3);
	/* Let it sleep: it touches handles, which later tests do not expect. */
	host_write_file(THP "khugepaged/scan_sleep_millisecs", KHUGEPAGED_ASLEEP);
	return 0;
}

/* ---- migration -------------------------------------------------------------------------------- */

static int compact(struct host_page *page)
{
	u64 before = read_vmstat("compact_migrate_scanned");

	/* Whether it moves this very page is luck; soft_offline() leaves it no choice. */
	host_write_file("/proc/sys/vm/compact_memory", "1");
	TEST_ASSERT(read_vmstat("compact_migrate_scanned") > before, "nothing was looked at");
	return 0;
}

static int move_node(struct host_page *page)
{
	void *pages[] = { page->mem };
	int nodes[] = { 0 }, status[] = { -1 };

	if (syscall(__NR_move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE_ALL))
		return -errno;
	/* There is one node, so there is nothing to do. Handles are not there at all. */
	TEST_ASSERT(status[0] == (is_reclaimable(page) ? 0 : -ENOENT) || status[0] == -EFAULT,
		    "move_pages: %s", strerror(-status[0]));
	return 0;
}

/* The memory behind the page is not to be used any more: it goes to another. */
static int soft_offline(struct host_page *page)
{
	u64 before = pagemap_of(page->mem), now;
	int i, ret;

	for (i = 0; i < 50; i++) {
		ret = advise(page, MADV_SOFT_OFFLINE);
		if (ret != -EBUSY && ret != -EAGAIN)
			break;
		usleep(10000);
	}
	now = pagemap_of(page->mem);
	TEST_ASSERT(ret || (now & PAGEMAP_PRESENT && (now ^ before) & PAGEMAP_PFN),
		    "the page has not moved: 0x%lx, now 0x%lx", before, now);
	return ret;
}

/* ---- memory that fails ------------------------------------------------------------------------- */

static volatile sig_atomic_t memory_errors;

static void on_memory_error(int signal, siginfo_t *info, void *context)
{
	memory_errors += info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO;
}

/* The memory behind the page is bad: the kernel takes it away, and tells the VMM. */
static int hard_offline(struct host_page *page)
{
	struct sigaction action = { .sa_sigaction = on_memory_error, .sa_flags = SA_SIGINFO }, old;
	int ret;

	TEST_ASSERT(!sigaction(SIGBUS, &action, &old), "sigaction");
	memory_errors = 0;
	ret = advise(page, MADV_HWPOISON);
	TEST_ASSERT(!sigaction(SIGBUS, &old, NULL), "sigaction");
	TEST_ASSERT(ret || memory_errors == 1, "%d signals for a memory error", memory_errors);
	TEST_ASSERT(ret || !(pagemap_of(page->mem) & PAGEMAP_PRESENT), "the page is still there");
	return ret;
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* Rss of the mapping that has the page. */
static u64 rss(const struct host_page *page)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kb = 0, value;
	bool ours = false;
	char line[512];

	TEST_ASSERT(f, "smaps");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start <= (u64)page->mem && (u64)page->mem < end;
		else if (ours && sscanf(line, "Rss: %lu kB", &value) == 1)
			kb = value;
	}
	fclose(f);
	return kb * 1024;
}

/* None of it is a touch. Resident secure pages count as resident memory of the VMM. */
static int look(struct host_page *page)
{
	u8 core;

	TEST_ASSERT(!(pagemap_of(page->mem) & PAGEMAP_PRESENT) || is_reclaimable(page) ||
		    page->state == ABSENT, "a handle is present");
	TEST_ASSERT(page->state == ABSENT || rss(page) >= page->nr * PAGE_SIZE,
		    "Rss is %lu, of %lu pages", rss(page), page->nr);
	TEST_ASSERT(!mincore(page->mem, PAGE_SIZE, &core), "mincore");
	return 0;
}

static int forget_refs(struct host_page *page)
{
	host_write_file("/proc/self/clear_refs", "1");
	host_write_file("/proc/self/clear_refs", "4");
	return 0;
}

/* ---- the pool ------------------------------------------------------------------------------------ */

static u64 limit_before;

static void restore_limit(struct host_page *page)
{
	uvmem_set_pool_limit(limit_before);
}

/* What the guest needs now is its own other pages' memory. */
static int no_frames(struct host_page *page)
{
	struct uvmem_pool pool = uvmem_get_pool();

	limit_before = pool.frames_limit;
	uvmem_set_pool_limit(pool.frames_used);
	page->undo = restore_limit;
	page->undo_first = true;
	return 0;
}

#define HOST_ROWS HOST_MEMORY_ROWS
#include "host_rows.h"

TEST(memory_that_was_merged_with_a_guests_stays_as_it_is)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	u8 *bystander;
	int i;

	guest_call(uvm->vcpu[0], guest_fill_byte, MEM_GPA, 1, 0x5a);
	bystander = merge_with_bystander(uvm_hva(uvm, MEM_GPA), PAGE_SIZE);
	ASSERT_EQ((pagemap_of(bystander) ^ pagemap_of(uvm_hva(uvm, MEM_GPA))) & PAGEMAP_PFN, 0);
	host_write_file(KSM "run", "0");
	/* At the first call: merged pages are no reason to be busy. */
	EXPECT_EQ(U_SUCCESS, hypercall(uvm->vcpu[0], UV_ESM));
	uvm_assert_state(uvm, MEM_GPA, 1, IN);
	EXPECT_NE(0, pagemap_of(bystander) & PAGEMAP_PRESENT);
	for (i = 0; i < PAGE_SIZE && bystander[i] == 0x5a; i++)
		;
	EXPECT_EQ(PAGE_SIZE, i);
	uvm_assert_state(uvm, MEM_GPA, 1, IN);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify_byte, MEM_GPA, 1, 0x5a));
	uvm_assert_sums(uvm);
	munmap(bystander, PAGE_SIZE);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
