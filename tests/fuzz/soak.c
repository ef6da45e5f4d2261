// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak.c - guests that verify their memory while the host does what it may to it, and
 * while VMMs are killed
 *
 *	uvmem_soak [-t SECONDS] [-g GUESTS] [-s SEED]
 *
 * Each VMM is a process with one secure guest and two threads: one runs the guest,
 * which writes its memory again and again and each time looks whether it is what it
 * wrote last (guest_churn()); the other does random things to the memory. Now and
 * then both rest, and all sums must hold. The parent kills VMMs and starts others.
 * At the end all that are left verify once more, end in good order, and nothing
 * may be left behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "random.h"
#include "search.h"
#include "vm.h"

#define MAX_GUESTS	8
#define MEM_PAGES	HUGE_PAGES	/* per guest */
#define ROUNDS_SECONDS	60		/* a guest that finishes no round in that time hangs */

enum action {
	ACT_TOUCH,
	ACT_READV,
	ACT_PAGE_OUT,
	ACT_PAGE_IN,
	ACT_SHARE,		/* and back: by the guest, see share_turn() */
	ACT_MADVISE,
	ACT_PROTECT,
	ACT_FORK,
	ACT_REMAP,		/* memory that nobody needs goes, other comes */
	ACT_SLOT,
	ACT_COMPACT,
	ACT_CHECK,		/* all rest, sums hold */
	NR_ACTIONS,
};

static const char * const action_names[] = {
	[ACT_TOUCH] = "reads by the mapping", [ACT_READV] = "process_vm_readv",
	[ACT_PAGE_OUT] = "page-out", [ACT_PAGE_IN] = "page-in",
	[ACT_SHARE] = "share, write, unshare", [ACT_MADVISE] = "MADV_*",
	[ACT_PROTECT] = "mprotect", [ACT_FORK] = "fork", [ACT_REMAP] = "munmap and mmap",
	[ACT_SLOT] = "memslot goes and comes", [ACT_COMPACT] = "compaction",
	[ACT_CHECK] = "sums checked",
};
_Static_assert(ARRAY_SIZE(action_names) == NR_ACTIONS, "a name for each action");

/* Of all VMMs, dead ones included. */
static struct shared {
	u64 actions[NR_ACTIONS];
	u64 rounds;		/* over all memory of a guest, verified and written */
	u64 out, in;		/* pages */
	u64 markers;		/* seen by the host, which is one too many */
	bool finish;
	u64 rounds_of[MAX_GUESTS];
} *shared;

#define count(what, n)	__atomic_fetch_add(&(what), (n), __ATOMIC_RELAXED)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* ---- a VMM ----------------------------------------------------------------------- */

struct vmm {
	struct uvm *uvm;
	struct rng rng;
	int index;
	u64 generation;			/* of guest_churn() */
	/* Held by the guest's thread while it runs the guest. */
	pthread_mutex_t lock;
	bool waiting;			/* the other one wants it */
	bool quit;
};

/*
 * A few pages at the end of the memory are not churned: the guest shares them, the
 * host writes, the guest reads, and takes them back.
 */
#define SHARE_PAGES	8
#define CHURN_PAGES	(MEM_PAGES - SHARE_PAGES)

static void share_turn(struct vmm *vmm)
{
	struct kvm_vcpu *vcpu = vmm->uvm->vcpu[0];
	u64 gpa = mem_page(CHURN_PAGES), byte = rng_next(&vmm->rng) & 0xff, ret;

	ret = hypercall_patient(vcpu, UV_SHARE_PAGE, gpa_to_gfn(gpa), SHARE_PAGES);
	TEST_ASSERT(ret == U_SUCCESS, "UV_SHARE_PAGE: %ld", (s64)ret);
	memset(uvm_hva(vmm->uvm, gpa), byte, SHARE_PAGES * PAGE_SIZE);
	ret = guest_call(vcpu, guest_verify_byte, gpa, SHARE_PAGES, byte);
	TEST_ASSERT(ret == GUEST_OK, "shared memory at 0x%lx", ret);
	ret = hypercall_patient(vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(gpa), SHARE_PAGES);
	TEST_ASSERT(ret == U_SUCCESS, "UV_UNSHARE_PAGE: %ld", (s64)ret);
	guest_call(vcpu, guest_fill, gpa, SHARE_PAGES, 1);
	count(shared->actions[ACT_SHARE], 1);
}

static void *run_guest(void *arg)
{
	struct vmm *vmm = arg;
	struct kvm_vcpu *vcpu = vmm->uvm->vcpu[0];
	u64 ret;

	while (!READ_ONCE(vmm->quit)) {
		while (READ_ONCE(vmm->waiting))
			usleep(100);
		pthread_mutex_lock(&vmm->lock);
		ret = guest_call(vcpu, guest_churn, MEM_GPA, CHURN_PAGES, vmm->generation, 1);
		TEST_ASSERT(ret == GUEST_OK, "guest %d lost its write at 0x%lx in round %lu",
			    vmm->index, ret, vmm->generation);
		vmm->generation++;
		if (!(vmm->generation % 8))
			share_turn(vmm);
		pthread_mutex_unlock(&vmm->lock);
		count(shared->rounds, 1);
		count(shared->rounds_of[vmm->index], 1);
	}
	return NULL;
}

static void rest(struct vmm *vmm)
{
	WRITE_ONCE(vmm->waiting, true);
	pthread_mutex_lock(&vmm->lock);
	WRITE_ONCE(vmm->waiting, false);
}

static void go_on(struct vmm *vmm)
{
	pthread_mutex_unlock(&vmm->lock);
}

/* The churned part of the memory only: the other may be shared just now. */
static void pick(struct vmm *vmm, u64 max, u64 *ret_first, u64 *ret_nr)
{
	*ret_first = rng_below(&vmm->rng, CHURN_PAGES);
	*ret_nr = rng_range(&vmm->rng, 1, min_t(u64, max, CHURN_PAGES - *ret_first));
}

static void look(struct vmm *vmm, bool by_readv)
{
	static u8 copy[16 * PAGE_SIZE];
	void *mem = copy;
	u64 first, nr;

	pick(vmm, 16, &first, &nr);
	if (by_readv) {
		struct iovec local = { copy, nr * PAGE_SIZE };
		struct iovec remote = { uvm_hva(vmm->uvm, mem_page(first)), nr * PAGE_SIZE };
		ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

		TEST_ASSERT(n == nr * PAGE_SIZE, "process_vm_readv: %ld", n);
	} else {
		mem = uvm_hva(vmm->uvm, mem_page(first));
	}
	count(shared->markers, search_markers_in(mem, nr * PAGE_SIZE).markers);
}

static void move(struct vmm *vmm, bool in)
{
	struct uvmem_range range;
	u64 first, nr;
	int ret;

	pick(vmm, MEM_PAGES, &first, &nr);
	ret = __uvm_move(vmm->uvm, in ? UVMEM_VM_PAGE_IN : UVMEM_VM_PAGE_OUT, mem_page(first), nr,
			 in ? 0 : UVMEM_RANGE_IGNORE_AGE, &range);
	TEST_ASSERT(!ret, "page-%s: %s", in ? "in" : "out", strerror(-ret));
	if (in)
		count(shared->in, range.moved);
	else
		count(shared->out, range.moved);
}

static void advise(struct vmm *vmm)
{
	static const int advice[] = {
		MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD,
		MADV_PAGEOUT, MADV_WILLNEED,
	};
	u64 first, nr;

	pick(vmm, MEM_PAGES, &first, &nr);
	/* KSM or huge pages may not be there; what is, is done. */
	madvise(uvm_hva(vmm->uvm, mem_page(first)), nr * PAGE_SIZE, rng_pick(&vmm->rng, advice));
}

static void protect(struct vmm *vmm)
{
	u64 first, nr;
	void *mem;

	pick(vmm, 64, &first, &nr);
	mem = uvm_hva(vmm->uvm, mem_page(first));
	/* What the guest needs must be there for KVM: it rests. */
	rest(vmm);
	TEST_ASSERT(!mprotect(mem, nr * PAGE_SIZE, PROT_READ), "mprotect: %s", strerror(errno));
	move(vmm, rng_one_in(&vmm->rng, 2));
	TEST_ASSERT(!mprotect(mem, nr * PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect");
	go_on(vmm);
}

static void fork_and_look(struct vmm *vmm)
{
	int status;
	pid_t pid;

	rest(vmm);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		look(vmm, false);
		_exit(0);
	}
	go_on(vmm);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status, "the child's status 0x%x", status);
}

/* A part of slot 0 that the guest has never touched is absent: nobody needs what is behind it. */
static void remap(struct vmm *vmm)
{
	void *mem = uvm_hva(vmm->uvm, (SLOT0_PAGES - 1) * PAGE_SIZE);

	if (uvm_state(vmm->uvm, (SLOT0_PAGES - 1) * PAGE_SIZE) != UVMEM_PAGE_ABSENT)
		return;
	TEST_ASSERT(!munmap(mem, PAGE_SIZE), "munmap");
	TEST_ASSERT(mmap(mem, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED, -1, 0) == mem, "mmap: %s", strerror(errno));
	memset(mem, 0x11, PAGE_SIZE);
}

static void slot_again(struct vmm *vmm)
{
	struct userspace_mem_region *region = memslot2region(vmm->uvm->vm, MEM_SLOT);

	rest(vmm);
	vm_set_user_memory_region(vmm->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	vm_set_user_memory_region(vmm->uvm->vm, MEM_SLOT, 0, MEM_GPA, MEM_PAGES * PAGE_SIZE,
				  region->host_mem);
	go_on(vmm);
}

static void compact(void)
{
	FILE *f = fopen("/proc/sys/vm/compact_memory", "w");

	if (f) {
		fputs("1", f);
		fclose(f);
	}
}

static void check(struct vmm *vmm)
{
	rest(vmm);
	uvm_assert_sums(vmm->uvm);
	go_on(vmm);
}

static void act(struct vmm *vmm)
{
	enum action action = rng_below(&vmm->rng, NR_ACTIONS);

	switch (action) {
	case ACT_TOUCH:
	case ACT_READV:
		look(vmm, action == ACT_READV);
		break;
	case ACT_PAGE_OUT:
	case ACT_PAGE_IN:
		move(vmm, action == ACT_PAGE_IN);
		break;
	case ACT_MADVISE:
		advise(vmm);
		break;
	case ACT_PROTECT:
		protect(vmm);
		break;
	case ACT_FORK:
		if (!rng_one_in(&vmm->rng, 4))
			return;
		fork_and_look(vmm);
		break;
	case ACT_REMAP:
		remap(vmm);
		break;
	case ACT_SLOT:
		slot_again(vmm);
		break;
	case ACT_COMPACT:
		if (!rng_one_in(&vmm->rng, 8))
			return;
		compact();
		break;
	case ACT_CHECK:
		check(vmm);
		break;
	default:
		return;
	}
	count(shared->actions[action], 1);
}

static void be_vmm(int index, u64 seed)
{
	struct uvm_config config = {
		.mem_pages = MEM_PAGES,
		.src = seed % 2 ? VM_MEM_SRC_ANONYMOUS_THP : VM_MEM_SRC_ANONYMOUS,
	};
	struct vmm vmm = {
		.rng = rng_of_step(seed, 0), .index = index, .lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	u64 ret;

	/* Its children and itself go with whoever started it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vmm.uvm = uvm_create(&config);
	vmm.uvm->shares_pool = true;
	vcpu = vmm.uvm->vcpu[0];
	guest_call(vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_esm(vmm.uvm);
	TEST_ASSERT(!pthread_create(&thread, NULL, run_guest, &vmm), "no thread");
	while (!READ_ONCE(shared->finish))
		act(&vmm);
	WRITE_ONCE(vmm.quit, true);
	pthread_join(thread, NULL);

	ret = guest_call(vcpu, guest_churn, MEM_GPA, CHURN_PAGES, vmm.generation, 1);
	TEST_ASSERT(ret == GUEST_OK, "guest %d: wrong content at 0x%lx", index, ret);
	uvm_assert_sums(vmm.uvm);
	assert_no_markers(SEARCH_PRESENT);
	uvm_free_unchecked(vmm.uvm);
	_exit(0);
}

/* ---- those who start and kill them ---------------------------------------------------- */

static struct vmm_process {
	pid_t pid;
	u64 rounds;		/* that were seen last */
	double since;
} vmms[MAX_GUESTS];
static u64 started, killed, verified;

static void start_vmm(int index, u64 seed)
{
	struct vmm_process *p = &vmms[index];

	fflush(NULL);
	p->pid = fork();
	TEST_ASSERT(p->pid >= 0, "fork: %s", strerror(errno));
	if (!p->pid)
		be_vmm(index, seed);
	p->since = now();
	started++;
}

/* False: one of them has failed or hangs. */
static bool all_well(int guests)
{
	int i, status;

	for (i = 0; i < guests; i++) {
		struct vmm_process *p = &vmms[i];
		u64 rounds = READ_ONCE(shared->rounds_of[i]);

		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			printf("# VMM %d ended by itself, status 0x%x\n", i, status);
			p->pid = 0;
			return false;
		}
		if (rounds != p->rounds) {
			p->rounds = rounds;
			p->since = now();
		} else if (now() - p->since > ROUNDS_SECONDS) {
			printf("# VMM %d: its guest hangs\n", i);
			return false;
		}
	}
	return true;
}

static bool kill_vmm(int index)
{
	int status;

	kill(vmms[index].pid, SIGKILL);
	if (waitpid(vmms[index].pid, &status, 0) != vmms[index].pid)
		return false;
	killed++;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Those that are left end in good order. */
static bool finish(int guests)
{
	bool good = true;
	int i, status;

	WRITE_ONCE(shared->finish, true);
	for (i = 0; i < guests; i++) {
		if (!vmms[i].pid)
			continue;
		if (waitpid(vmms[i].pid, &status, 0) != vmms[i].pid || status) {
			printf("# VMM %d ended with status 0x%x\n", i, status);
			good = false;
		} else {
			verified++;
		}
	}
	return good;
}

static void print_table(double seconds)
{
	int i;

	printf("#\n# %-28s %12s\n", "what", "how often");
	for (i = 0; i < NR_ACTIONS; i++)
		printf("# %-28s %12lu\n", action_names[i], shared->actions[i]);
	printf("# %-28s %12lu\n", "rounds verified by guests", shared->rounds);
	printf("# %-28s %12lu\n", "pages out by ioctl", shared->out);
	printf("# %-28s %12lu\n", "pages in by ioctl", shared->in);
	printf("# %-28s %12lu\n", "VMMs started", started);
	printf("# %-28s %12lu\n", "VMMs killed", killed);
	printf("# %-28s %12lu\n", "VMMs that ended well", verified);
	printf("# %-28s %12lu\n", "markers seen by the host", shared->markers);
	printf("# %-28s %12.0f\n#\n", "seconds", seconds);
}

int main(int argc, char **argv)
{
	struct uvmem_pool before = uvmem_get_pool();
	u64 seconds = 120, seed = time(NULL), guests = 3;
	double start = now(), shown = 0, next_kill;
	bool good = true;
	struct rng rng;
	int option, i;

	while ((option = getopt(argc, argv, "t:g:s:")) != -1) {
		switch (option) {
		case 't':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'g':
			guests = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	TEST_ASSERT(guests && guests <= MAX_GUESTS, "%lu guests", guests);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap: %s", strerror(errno));
	rng = rng_of_step(seed, 0);
	printf("# %lu guests, %lu s, seed %lu\n", guests, seconds, seed);
	for (i = 0; i < guests; i++)
		start_vmm(i, rng_next(&rng));

	next_kill = start + 6;
	while (good && now() - start < seconds) {
		usleep(50000);
		good = all_well(guests);
		if (good && now() > next_kill) {
			i = rng_below(&rng, guests);
			good = kill_vmm(i);
			start_vmm(i, rng_next(&rng));
			next_kill = now() + rng_range(&rng, 1, 8);
		}
		if (now() - shown > 5) {
			shown = now();
			printf("# %3.0f s: %lu rounds, %lu pages out, %lu in, %lu VMMs killed\n",
			       shown - start, shared->rounds, shared->out, shared->in, killed);
			fflush(stdout);
		}
	}
	good &= finish(guests);
	print_table(now() - start);
	printf("%sok 1 - guests find what they wrote\n", good ? "" : "not ");
	printf("%sok 2 - the host finds no plaintext\n", shared->markers ? "not " : "");
	printf("%sok 3 - all was done\n", shared->rounds && verified && killed ? "" : "not ");
	fflush(stdout);
	uvmem_assert_nothing_left(&before);
	printf("ok 4 - nothing is left behind\n1..4\n");
	return good && !shared->markers && shared->rounds && verified && killed ? 0 : 1;
}
