// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak_vmm.c - a VMM of the soak test: its guest verifies its memory while random
 * things are done to it
 *
 * Three threads: two run the guest, which writes its memory again and again and each time
 * looks whether it is what it wrote last (guest_churn()); the third does random things to
 * the memory, and turns the sealed pool on, off and to other limits, which all VMMs share.
 * The memory has several areas, of which each vCPU takes one that the other has not got
 * just now: what one finds is what the other wrote, so a stale translation of either
 * shows. Now and then all three rest, and the VM's sums must hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "search.h"
#include "soak.h"

#define MEM_PAGES	HUGE_PAGES	/* per guest */

/*
 * A few pages at the end of the memory are not churned: the guest shares them, the
 * host writes, the guest reads, and takes them back.
 */
#define SHARE_PAGES	8
#define CHURN_PAGES	(MEM_PAGES - SHARE_PAGES)
#define NR_AREAS	4
#define AREA_PAGES	(CHURN_PAGES / NR_AREAS)

struct vmm {
	struct uvm *uvm;
	struct rng rng;
	int index;
	u64 frozen;			/* the last time that the parent wanted it */
	u64 pooled, opened;		/* as was told last */
	/* Whoever lets the guest use an area holds its lock; the last is the one to share. */
	struct area {
		pthread_mutex_t lock;
		u64 generation;		/* of guest_churn() */
		int writer;		/* vCPU that wrote the last one */
	} areas[NR_AREAS + 1];
	bool waiting;			/* the host wants them all */
	bool quit;
};

struct vmm_vcpu {
	struct vmm *vmm;
	struct rng rng;
	int index;
};

static void share_turn(struct vmm *vmm, struct vmm_vcpu *v)
{
	struct kvm_vcpu *vcpu = vmm->uvm->vcpu[v->index];
	u64 gpa = mem_page(CHURN_PAGES), byte = rng_next(&v->rng) & 0xff, ret;

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

static void churn_turn(struct vmm *vmm, struct vmm_vcpu *v, int area)
{
	struct area *a = &vmm->areas[area];
	u64 ret;

	ret = guest_call(vmm->uvm->vcpu[v->index], guest_churn, mem_page(area * AREA_PAGES),
			 AREA_PAGES, a->generation, 1);
	TEST_ASSERT(ret == GUEST_OK,
		    "guest %d, vCPU %d: the write of vCPU %d at 0x%lx is lost in round %lu",
		    vmm->index, v->index, a->writer, ret, a->generation);
	count(shared->handed, a->generation && a->writer != v->index);
	a->writer = v->index;
	a->generation++;
	count(shared->rounds, 1);
}

static void *run_vcpu(void *arg)
{
	struct vmm_vcpu *v = arg;
	struct vmm *vmm = v->vmm;

	while (!READ_ONCE(vmm->quit)) {
		/* The one to share is not taken as often. */
		int area = rng_one_in(&v->rng, 32) ? NR_AREAS : rng_below(&v->rng, NR_AREAS);

		while (READ_ONCE(vmm->waiting))
			usleep(100);
		if (pthread_mutex_trylock(&vmm->areas[area].lock))
			continue;
		if (area == NR_AREAS)
			share_turn(vmm, v);
		else
			churn_turn(vmm, v, area);
		pthread_mutex_unlock(&vmm->areas[area].lock);
		count(shared->rounds_of[vmm->index][v->index], 1);
	}
	return NULL;
}

static void rest(struct vmm *vmm)
{
	int i;

	WRITE_ONCE(vmm->waiting, true);
	for (i = 0; i <= NR_AREAS; i++)
		pthread_mutex_lock(&vmm->areas[i].lock);
	WRITE_ONCE(vmm->waiting, false);
}

static void go_on(struct vmm *vmm)
{
	int i;

	for (i = 0; i <= NR_AREAS; i++)
		pthread_mutex_unlock(&vmm->areas[i].lock);
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

/*
 * The sealed pool belongs to the host: off, on, or of a size that is too small for what wants
 * to go there, or is in there already.
 */
static void other_pool_limit(struct vmm *vmm)
{
	static const u64 limits[] = { 0, 0, 64 << 10, 256 << 10, 1 << 20, 2 << 20, 64 << 20 };

	uvmem_set_sealed_pool(rng_pick(&vmm->rng, limits));
}

static void reclaim(struct vmm *vmm)
{
	struct uvmem_age age;
	int ret;

	if (rng_one_in(&vmm->rng, 2))
		uvm_age(vmm->uvm, 0, &age);
	if (rng_one_in(&vmm->rng, 2)) {
		ret = uvm_reclaim_no_ciphertext(vmm->uvm, rng_range(&vmm->rng, 1, MEM_PAGES),
						rng_below(&vmm->rng, 3), NULL);
		TEST_ASSERT(!ret, "reclaim without ciphertext: %s", strerror(-ret));
		return;
	}
	ret = uvm_reclaim(vmm->uvm, rng_range(&vmm->rng, 1, MEM_PAGES), rng_below(&vmm->rng, 3),
			  NULL);
	/* No room in the pool, none in memory: that may be. */
	TEST_ASSERT(!ret || ret == -ENOSPC, "reclaim: %s", strerror(-ret));
}

/* All of the VMM rest. */
static void check(struct vmm *vmm)
{
	u64 pooled = uvm_stat(vmm->uvm, "pool_stored"), opened = uvm_stat(vmm->uvm, "pool_loaded");

	uvm_assert_sums(vmm->uvm);
	count(shared->pooled, pooled - vmm->pooled);
	count(shared->opened, opened - vmm->opened);
	vmm->pooled = pooled;
	vmm->opened = opened;
}

/* The parent adds up all VMs. */
static void freeze(struct vmm *vmm)
{
	u64 time = READ_ONCE(shared->freeze);

	rest(vmm);
	check(vmm);
	__atomic_store_n(&shared->frozen[vmm->index], time, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->thaw, __ATOMIC_ACQUIRE) != time)
		usleep(1000);
	vmm->frozen = time;
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
	case ACT_SEALED_POOL:
		other_pool_limit(vmm);
		break;
	case ACT_RECLAIM:
		reclaim(vmm);
		break;
	case ACT_CHECK:
		rest(vmm);
		check(vmm);
		go_on(vmm);
		break;
	default:
		return;
	}
	count(shared->actions[action], 1);
}

void soak_vmm(int index, u64 seed)
{
	struct uvm_config config = {
		.fault_around_max = "32",
		.nr_vcpus = NR_VCPUS,
		.mem_pages = MEM_PAGES,
		.src = seed % 2 ? VM_MEM_SRC_ANONYMOUS_THP : VM_MEM_SRC_ANONYMOUS,
	};
	struct vmm vmm = { .rng = rng_of_step(seed, 0), .index = index };
	struct vmm_vcpu vcpus[NR_VCPUS];
	pthread_t threads[NR_VCPUS];
	int i;

	/* Its children and itself go with whoever started it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* One that was frozen may have been killed. */
	vmm.frozen = READ_ONCE(shared->thaw);
	for (i = 0; i <= NR_AREAS; i++)
		pthread_mutex_init(&vmm.areas[i].lock, NULL);
	vmm.uvm = uvm_create(&config);
	vmm.uvm->shares_pool = true;
	guest_call(vmm.uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, 1);
	uvm_esm(vmm.uvm);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = (struct vmm_vcpu){
			.vmm = &vmm, .rng = rng_of_step(seed, i + 1), .index = i,
		};
		TEST_ASSERT(!pthread_create(&threads[i], NULL, run_vcpu, &vcpus[i]), "no thread");
	}
	while (!READ_ONCE(shared->finish)) {
		if (READ_ONCE(shared->freeze) != vmm.frozen)
			freeze(&vmm);
		act(&vmm);
	}
	WRITE_ONCE(vmm.quit, true);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_join(threads[i], NULL);

	for (i = 0; i < NR_AREAS; i++)
		churn_turn(&vmm, &vcpus[i % NR_VCPUS], i);
	check(&vmm);
	assert_no_markers(SEARCH_PRESENT);
	uvm_free_unchecked(vmm.uvm);
	_exit(0);
}
