// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_touch_test - the host reads and writes the memory of a secure guest, by
 * each way that it has: it sees ciphertext only, a read leaves the guest alive, a
 * write stops it
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

#define MEM_PAGES	HUGE_PAGES
#define TOUCHED		16

FIXTURE(host_touch)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(host_touch)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(host_touch, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(host_touch, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

FIXTURE_SETUP(host_touch)
{
	struct uvm_config config = { .mem_pages = MEM_PAGES, .src = variant->src };

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	/* The search must find what is there, or its silence means nothing. */
	ASSERT_LE(MEM_PAGES * PAGE_SIZE / 16, search_markers(SEARCH_PRESENT).markers);
	uvm_esm(self->uvm);
}

FIXTURE_TEARDOWN(host_touch)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

#define verify(self)								\
	ASSERT_EQ(GUEST_OK, guest_call((self)->vcpu, guest_verify, MEM_GPA, MEM_PAGES, 1))

/* Is this what sealed pages look like: no marker, no run of zeroes, no two alike? */
static void assert_ciphertext(struct __test_metadata *_metadata, const u64 *data, u64 pages)
{
	u64 i, zero = 0;

	for (i = 0; i < pages * PAGE_SIZE / 8; i++) {
		ASSERT_FALSE(is_marker(data[i])) TH_LOG("plaintext at word %lu", i);
		zero += !data[i];
	}
	EXPECT_GE(1, zero);
	for (i = 1; i < pages; i++)
		EXPECT_NE(data[0], data[i * PAGE_SIZE / 8]);
}

TEST_F(host_touch, by_the_vmms_mapping_sees_ciphertext)
{
	struct uvm *uvm = self->uvm;

	assert_no_markers(SEARCH_PRESENT);
	assert_ciphertext(_metadata, uvm_hva(uvm, mem_page(3)), TOUCHED);
	uvm_assert_state(uvm, mem_page(3), TOUCHED, UVMEM_PAGE_OUT);
	EXPECT_EQ(uvm_count(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT),
		  uvm_stat(uvm, "page_out_host_touch"));
	/* Pages behind one huge entry of the VMM's page table may go together. */
	if (variant->src == VM_MEM_SRC_ANONYMOUS)
		uvm_assert_state(uvm, mem_page(3 + TOUCHED), MEM_PAGES - 3 - TOUCHED,
				 UVMEM_PAGE_IN);
	uvm_assert_sums(uvm);
	verify(self);
	uvm_assert_state(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_IN);
}

TEST_F(host_touch, of_everything_sees_ciphertext_and_the_guest_lives)
{
	/* Twice, with the guest running in between. */
	assert_no_markers(SEARCH_TOUCH);
	uvm_assert_sums(self->uvm);
	verify(self);
	assert_no_markers(SEARCH_TOUCH);
	verify(self);
	assert_no_markers(SEARCH_PRESENT);
}

TEST_F(host_touch, of_a_page_twice_never_gives_the_same_ciphertext)
{
	u64 first = uvm_host_read(self->uvm, mem_page(1));

	verify(self);
	EXPECT_NE(first, uvm_host_read(self->uvm, mem_page(1)));
}

TEST_F(host_touch, by_proc_mem_sees_ciphertext)
{
	u64 *data = malloc(TOUCHED * PAGE_SIZE);
	int fd = open("/proc/self/mem", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(TOUCHED * PAGE_SIZE, pread(fd, data, TOUCHED * PAGE_SIZE,
					     (off_t)uvm_hva(self->uvm, mem_page(5))));
	close(fd);
	assert_ciphertext(_metadata, data, TOUCHED);
	uvm_assert_state(self->uvm, mem_page(5), TOUCHED, UVMEM_PAGE_OUT);
	free(data);
	verify(self);
}

TEST_F(host_touch, by_another_process_sees_ciphertext)
{
	u64 *data = mmap(NULL, TOUCHED * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct iovec local = { data, TOUCHED * PAGE_SIZE };
	struct iovec remote = { uvm_hva(self->uvm, mem_page(5)), TOUCHED * PAGE_SIZE };
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, data);
	/* A child that has the VMM's memory neither inherited nor mapped. */
	ASSERT_EQ(0, madvise(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE, MADV_DONTFORK));
	pid = fork();
	if (!pid)
		_exit(process_vm_readv(getppid(), &local, 1, &remote, 1, 0) !=
		      TOUCHED * PAGE_SIZE);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	assert_ciphertext(_metadata, data, TOUCHED);
	uvm_assert_state(self->uvm, mem_page(5), TOUCHED, UVMEM_PAGE_OUT);
	munmap(data, TOUCHED * PAGE_SIZE);
	verify(self);
}

TEST_F(host_touch, by_a_forked_child_sees_ciphertext)
{
	u64 *data = mmap(NULL, TOUCHED * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, data);
	pid = fork();
	if (!pid) {
		/* The child's own page tables have handles, too. */
		memcpy(data, uvm_hva(self->uvm, mem_page(5)), TOUCHED * PAGE_SIZE);
		/* What it writes is its own copy. */
		memset(uvm_hva(self->uvm, mem_page(5)), 0, 2 * PAGE_SIZE);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	assert_ciphertext(_metadata, data, TOUCHED);
	munmap(data, TOUCHED * PAGE_SIZE);
	verify(self);
	uvm_assert_sums(self->uvm);
}

TEST_F(host_touch, while_a_forked_child_lives_the_guest_goes_on)
{
	int status, ready[2], go[2];
	char byte = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		struct search_result r;

		TEST_ASSERT(read(go[0], &byte, 1) == 1, "pipe");
		r = search_markers_in(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE);
		_exit(r.markers ? 1 : 0);
	}
	/* The handles are in two page tables now. */
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES / 2);
	verify(self);
	ASSERT_EQ(1, write(go[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	verify(self);
	assert_no_markers(SEARCH_TOUCH);
}

TEST_F(host_touch, of_same_filled_pages_sees_ciphertext)
{
	u64 *first = uvm_hva(self->uvm, mem_page(8));

	/* All of them: behind huge pages there is one handle for all. */
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, MEM_PAGES, 0x55);
	EXPECT_EQ(MEM_PAGES, uvm_page_out(self->uvm, MEM_GPA, MEM_PAGES));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_ZERO);
	/* One, then some, then the rest. */
	assert_ciphertext(_metadata, first, 1);
	uvm_assert_state(self->uvm, mem_page(8), 1, UVMEM_PAGE_OUT);
	if (variant->src == VM_MEM_SRC_ANONYMOUS)
		EXPECT_EQ(1, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT));
	EXPECT_EQ(MEM_PAGES, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT) +
			     uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_ZERO));
	uvm_assert_sums(self->uvm);
	assert_ciphertext(_metadata, uvm_hva(self->uvm, MEM_GPA), MEM_PAGES);
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, MEM_PAGES, 0x55));
}

/* ---- writes ------------------------------------------------------------------------------ */

static void expect_integrity_stop(struct uvm *uvm, u64 gpa)
{
	guest_call_stops(uvm, uvm->vcpu[0], UVMEM_STOP_INTEGRITY, gpa, guest_verify,
			 MEM_GPA, MEM_PAGES, 1);
}

TEST_F(host_touch, that_writes_by_the_mapping_stops_the_guest)
{
	uvm_host_flip(self->uvm, mem_page(9) + 77, 1);
	expect_integrity_stop(self->uvm, mem_page(9));
}

TEST_F(host_touch, that_writes_by_proc_mem_stops_the_guest)
{
	int fd = open("/proc/self/mem", O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_EQ(8, pwrite(fd, "tampered", 8, (off_t)uvm_hva(self->uvm, mem_page(9))));
	close(fd);
	expect_integrity_stop(self->uvm, mem_page(9));
}

TEST_F(host_touch, that_writes_by_another_process_stops_the_guest)
{
	char text[] = "tampered";
	struct iovec local = { text, 8 };
	struct iovec remote = { uvm_hva(self->uvm, mem_page(9)), 8 };
	int status;
	pid_t pid;

	ASSERT_EQ(0, madvise(uvm_hva(self->uvm, MEM_GPA), MEM_PAGES * PAGE_SIZE, MADV_DONTFORK));
	pid = fork();
	if (!pid)
		_exit(process_vm_writev(getppid(), &local, 1, &remote, 1, 0) != 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	expect_integrity_stop(self->uvm, mem_page(9));
}

TEST_F(host_touch, of_absent_pages_never_reaches_the_guest)
{
	struct uvm *uvm = self->uvm;

	/* Slot 0 has pages that nobody has touched before UV_ESM. */
	u64 gpa = (SLOT0_PAGES - 1) * PAGE_SIZE;

	ASSERT_EQ(UVMEM_PAGE_ABSENT, uvm_state(uvm, gpa));
	memset(uvm_hva(uvm, gpa), 0x66, PAGE_SIZE);
	uvm_assert_state(uvm, gpa, 1, UVMEM_PAGE_ABSENT);
	uvm_page_out(uvm, 0, SLOT0_PAGES);
	uvm_page_in(uvm, 0, SLOT0_PAGES);
	uvm_assert_sums(uvm);
	verify(self);
}

struct toucher {
	const void *mem;
	u64 pages;
	u64 markers;
	u64 rounds;
	bool quit;
};

/* Read one word of each page, for ever, and look for what must not be there. */
static void *touch_for_ever(void *arg)
{
	struct toucher *t = arg;
	u64 i;

	do {
		for (i = 0; i < t->pages; i++)
			t->markers += is_marker(READ_ONCE(*(u64 *)(t->mem + i * PAGE_SIZE)));
		t->rounds++;
	} while (!READ_ONCE(t->quit));
	return NULL;
}

/* One page after the other: made present by the host at about the time of a guest's fault. */
struct hole_racer {
	struct uvm *uvm;
	u64 pages;
	u64 turn;	/* page to make present, + 1 */
	bool quit;
};

static void *populate_holes(void *arg)
{
	struct hole_racer *r = arg;
	unsigned int seed = 1;
	u64 done = 0, turn, spins;

	while (!READ_ONCE(r->quit)) {
		turn = READ_ONCE(r->turn);
		if (turn == done)
			continue;
		for (spins = rand_r(&seed) % 4000; spins; spins--)
			cpu_relax();
		/* As a write, which changes nothing. */
		TEST_ASSERT(!madvise(uvm_hva(r->uvm, mem_page(turn - 1)), PAGE_SIZE,
				     MADV_POPULATE_WRITE), "madvise: %s", strerror(errno));
		done = turn;
	}
	return NULL;
}

TEST(host_touch_of_holes_that_the_guest_fills_leaves_no_half_made_page)
{
	struct uvm_config config = { .mem_pages = 4 * HUGE_PAGES };
	struct uvm *uvm = uvm_create_secure(&config);
	struct hole_racer r = { .uvm = uvm, .pages = config.mem_pages };
	u64 i, in, out;
	pthread_t thread;

	/*
	 * Both want to be the first at the same address. If the host's page is
	 * there first, the guest's handle cannot take the hole, and its frame must
	 * not count as there. If the guest is first, the host touches a handle.
	 */
	ASSERT_EQ(0, pthread_create(&thread, NULL, populate_holes, &r));
	for (i = 0; i < r.pages; i++) {
		WRITE_ONCE(r.turn, i + 1);
		ASSERT_EQ(0, guest_call(uvm->vcpu[0], guest_read, mem_page(i)));
	}
	WRITE_ONCE(r.quit, true);
	pthread_join(thread, NULL);
	in = uvm_count(uvm, MEM_GPA, r.pages, UVMEM_PAGE_IN);
	out = uvm_count(uvm, MEM_GPA, r.pages, UVMEM_PAGE_OUT);
	EXPECT_EQ(r.pages, in + out);
	/* A hole that was taken by somebody else is no reason to make room. */
	EXPECT_EQ(0, uvm_stat(uvm, "page_out_reclaim"));
	ksft_print_msg("%llu pages were touched behind the guest's back\n",
		       (unsigned long long)out);
	uvm_assert_sums(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify_byte, MEM_GPA, r.pages, 0));
	/* Pages of zeroes lose their frames and keep their handles. */
	EXPECT_EQ(r.pages, uvm_page_out(uvm, MEM_GPA, r.pages));
	uvm_assert_sums(uvm);
	EXPECT_EQ(r.pages, uvm_count(uvm, MEM_GPA, r.pages, UVMEM_PAGE_ZERO));
	uvm_free(uvm);
}

TEST(host_touch_of_pages_that_become_shared_never_sees_what_was_there)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	struct toucher t = { .mem = uvm_hva(uvm, MEM_GPA), .pages = 16 };
	u64 gfn = gpa_to_gfn(MEM_GPA);
	pthread_t thread;
	time_t end;
	u64 i;

	guest_call(vcpu, guest_fill, MEM_GPA, t.pages, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, touch_for_ever, &t));
	end = time(NULL) + 4;
	for (i = 0; time(NULL) < end; i++) {
		ASSERT_EQ(U_SUCCESS, hypercall_patient(vcpu, UV_SHARE_PAGE, gfn, t.pages));
		ASSERT_EQ(U_SUCCESS, hypercall_patient(vcpu, UV_UNSHARE_PAGE, gfn, t.pages));
		guest_call(vcpu, guest_fill, MEM_GPA, t.pages, 1);
	}
	WRITE_ONCE(t.quit, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.markers);
	ksft_print_msg("the host looked %llu times at pages that were shared %llu times\n",
		       (unsigned long long)t.rounds, (unsigned long long)i);
	EXPECT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, t.pages, 1));
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

/* ---- by policy: SIGBUS --------------------------------------------------------------------- */

static sigjmp_buf touched;

static void on_sigbus(int sig)
{
	siglongjmp(touched, 1);
}

static bool raises_sigbus(u64 *word, bool write)
{
	if (sigsetjmp(touched, 1))
		return true;
	if (write)
		WRITE_ONCE(*word, 1);
	else
		READ_ONCE(*word);
	return false;
}

TEST(host_touch_is_SIGBUS_if_the_vm_was_armed_so)
{
	struct uvm_config config = { .flags = UVMEM_ARM_HOST_TOUCH_SIGBUS };
	struct uvm *uvm = uvm_create(&config);
	int fd = open("/proc/self/mem", O_RDONLY);
	struct uvmem_vm_info info;
	u64 word;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 16, 1);
	uvm_esm(uvm);
	uvm_info(uvm, &info);
	EXPECT_EQ(UVMEM_ARM_HOST_TOUCH_SIGBUS, info.flags);
	signal(SIGBUS, on_sigbus);
	EXPECT_TRUE(raises_sigbus(uvm_hva(uvm, mem_page(2)), false));
	EXPECT_TRUE(raises_sigbus(uvm_hva(uvm, mem_page(2)), true));
	EXPECT_EQ(-1, pread(fd, &word, 8, (off_t)uvm_hva(uvm, mem_page(2))));
	EXPECT_EQ(EIO, errno);
	close(fd);
	signal(SIGBUS, SIG_DFL);

	/* Nothing moved, the guest is well; what was paged out is ciphertext as ever. */
	uvm_assert_state(uvm, MEM_GPA, 16, UVMEM_PAGE_IN);
	uvm_page_out_all(uvm, mem_page(4), 2);
	EXPECT_EQ(0, search_markers_in(uvm_hva(uvm, mem_page(4)), 2 * PAGE_SIZE).markers);
	EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, 16, 1));
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
