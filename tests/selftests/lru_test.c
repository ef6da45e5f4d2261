// SPDX-License-Identifier: GPL-2.0-only
/*
 * lru_test - what the host's memory management does to pages on its own account: it
 * merges them (KSM), and it keeps them in batches per CPU
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define PAGES	32

static u64 read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	TEST_ASSERT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%s: %s", path,
		    strerror(errno));
	close(fd);
	return strtoull(text, NULL, 0);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	TEST_ASSERT(fd >= 0 && write(fd, text, strlen(text)) == strlen(text), "%s: %s", path,
		    strerror(errno));
	close(fd);
}

/* ---- KSM ----------------------------------------------------------------------------- */

#define KSM	"/sys/kernel/mm/ksm/"
/* Of this process; what others have merged comes and goes. */
#define MERGED	"/proc/self/ksm_merging_pages"

static void ksm_off(void)
{
	/* 2: undo all merges as well. */
	write_text(KSM "run", "2");
}

/* Merge @mem of the VMM with the guest's test memory. */
static void merge(struct uvm *uvm, void *mem)
{
	int i;

	TEST_ASSERT(!madvise(mem, PAGES * PAGE_SIZE, MADV_MERGEABLE) &&
		    !madvise(uvm_hva(uvm, MEM_GPA), PAGES * PAGE_SIZE, MADV_MERGEABLE),
		    "MADV_MERGEABLE: %s", strerror(errno));
	atexit(ksm_off);
	write_text(KSM "sleep_millisecs", "1");
	write_text(KSM "pages_to_scan", "1000");
	write_text(KSM "run", "1");
	for (i = 0; i < 2000 && read_number(MERGED) < 2 * PAGES; i++)
		usleep(10000);
	TEST_ASSERT(i < 2000, "KSM merged %lu pages", read_number(MERGED));
}

static u64 count_words(const u64 *mem, u64 word)
{
	u64 i, n = 0;

	for (i = 0; i < PAGES * PAGE_SIZE / 8; i++)
		n += READ_ONCE(mem[i]) == word;
	return n;
}

TEST(a_merged_page_becomes_secure_and_the_other_one_stays)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = PAGES });
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 *mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 scans, i;

	if (access(KSM "run", W_OK))
		SKIP(goto out, "the host has no KSM");
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE));
	memset(mem, 0x5a, PAGES * PAGE_SIZE);
	guest_call(vcpu, guest_fill_byte, MEM_GPA, PAGES, 0x5a);
	merge(uvm, mem);

	/* The VMM's other memory is not the guest's to take. */
	uvm_esm(uvm);
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(PAGES * PAGE_SIZE / 8, count_words(mem, 0x5a5a5a5a5a5a5a5aull));
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	uvm_assert_sums(uvm);

	/* KSM goes on, and finds nothing of the guest. */
	scans = read_number(KSM "full_scans");
	for (i = 0; i < 1000 && read_number(KSM "full_scans") < scans + 3; i++)
		usleep(10000);
	EXPECT_LE(scans + 3, read_number(KSM "full_scans"));
	EXPECT_EQ(GUEST_OK, guest_call(vcpu, guest_verify_byte, MEM_GPA, PAGES, 0x5a));
	uvm_assert_sums(uvm);
	ksm_off();
out:
	munmap(mem, PAGES * PAGE_SIZE);
	uvm_free(uvm);
}

TEST(a_copy_of_ciphertext_that_is_merged_with_it_stays)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = PAGES });
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 *mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 *copy = malloc(PAGES * PAGE_SIZE);

	if (access(KSM "run", W_OK))
		SKIP(goto out, "the host has no KSM");
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE));
	guest_call(vcpu, guest_fill, MEM_GPA, PAGES, 1);
	uvm_esm(uvm);
	uvm_page_out_all(uvm, MEM_GPA, PAGES);
	memcpy(mem, uvm_hva(uvm, MEM_GPA), PAGES * PAGE_SIZE);
	memcpy(copy, mem, PAGES * PAGE_SIZE);
	merge(uvm, mem);
	EXPECT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, PAGES, 1));
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(0, memcmp(copy, mem, PAGES * PAGE_SIZE));
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	uvm_assert_sums(uvm);
	ksm_off();
out:
	munmap(mem, PAGES * PAGE_SIZE);
	free(copy);
	uvm_free(uvm);
}

#define ROUNDS	40
#define MANY	256	/* pages: KSM is behind those that come next, too */

/*
 * KSM puts a merged page into the page table before it takes down that it did: what is
 * moved in between must not be lost. All pages alike, and KSM always behind them.
 */
TEST(pages_that_are_being_merged_become_secure)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = MANY });
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 gfn = gpa_to_gfn(MEM_GPA), merged = 0;
	time_t start = time(NULL);
	int round;

	if (access(KSM "run", W_OK))
		SKIP(goto out, "the host has no KSM");
	ASSERT_EQ(0, madvise(uvm_hva(uvm, MEM_GPA), MANY * PAGE_SIZE, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, madvise(uvm_hva(uvm, MEM_GPA), MANY * PAGE_SIZE, MADV_MERGEABLE));
	uvm_esm(uvm);
	atexit(ksm_off);
	write_text(KSM "sleep_millisecs", "0");
	write_text(KSM "pages_to_scan", "100");
	write_text(KSM "run", "1");
	/* It takes a CPU for itself: on a busy machine some rounds have to do. */
	for (round = 0; round < ROUNDS && time(NULL) < start + 10; round++) {
		ASSERT_EQ(U_SUCCESS, hypercall_patient(vcpu, UV_SHARE_PAGE, gfn, MANY));
		guest_call(vcpu, guest_fill_byte, MEM_GPA, MANY, 0x5a);
		/* From where nothing is merged to where all is. */
		usleep(round * 500);
		merged += read_number(MERGED);
		EXPECT_EQ(U_SUCCESS, hypercall(vcpu, UV_UNSHARE_PAGE, gfn, MANY));
		ASSERT_EQ(0, uvm_count(uvm, MEM_GPA, MANY, UVMEM_PAGE_SHARED));
		ASSERT_EQ(GUEST_OK, guest_call(vcpu, guest_verify_byte, MEM_GPA, MANY, 0));
	}
	ksm_off();
	EXPECT_LT(0, merged);
	uvm_assert_sums(uvm);
out:
	/* What was lost shows in the kernel's log, when the address space goes. */
	uvm_free(uvm);
}

/* ---- batches per CPU ------------------------------------------------------------------- */

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "CPU %d: %s", cpu, strerror(errno));
}

/* Leave a page on the list of another CPU, which will not look at it by itself. */
static void leave_on_other_cpu(void *mem)
{
	run_on(1);
	TEST_ASSERT(!madvise(mem, PAGE_SIZE, MADV_COLD), "MADV_COLD: %s", strerror(errno));
	run_on(0);
}

TEST(a_page_on_the_list_of_another_cpu_becomes_secure_at_once)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = PAGES });
	struct kvm_vcpu *vcpu = uvm->vcpu[0];

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(goto out, "one CPU only");
	guest_call(vcpu, guest_fill, MEM_GPA, PAGES, 1);
	ASSERT_EQ(H_SUCCESS, hypercall(vcpu, H_SVM_INIT_START));
	/* So that no page is new. */
	ASSERT_EQ(H_SUCCESS, hypercall_patient(vcpu, H_SVM_PAGE_IN, mem_page(1), 0, UVMEM_ORDER_4K));
	leave_on_other_cpu(uvm_hva(uvm, MEM_GPA));
	EXPECT_EQ(H_SUCCESS, hypercall(vcpu, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_4K));
	EXPECT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, PAGES, 1));
	uvm_assert_sums(uvm);
out:
	uvm_free(uvm);
}

TEST(a_page_on_the_list_of_another_cpu_comes_in_at_once)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = PAGES });
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	struct uvmem_range range;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(goto out, "one CPU only");
	guest_call(vcpu, guest_fill, MEM_GPA, PAGES, 1);
	uvm_esm(uvm);
	uvm_page_out_all(uvm, MEM_GPA, 2);
	/* So that no page is new. */
	uvm_page_in_all(uvm, mem_page(1), 1);
	leave_on_other_cpu(uvm_hva(uvm, MEM_GPA));
	ASSERT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 1, 0, &range));
	EXPECT_EQ(1, range.moved);
	uvm_page_out_all(uvm, MEM_GPA, 2);
	uvm_page_in_all(uvm, mem_page(1), 1);
	leave_on_other_cpu(uvm_hva(uvm, MEM_GPA));
	EXPECT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, PAGES, 1));
	uvm_assert_sums(uvm);
out:
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
