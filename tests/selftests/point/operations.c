// SPDX-License-Identifier: GPL-2.0-only
/*
 * operations.c - their tables: see operations.h
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "operations.h"

#define SLOT2_GPA	(MEM_GPA + 4 * HUGE_SIZE)

/* ---- what is prepared ---------------------------------------------------------------- */

static struct uvm *stage_vm(struct stage *s)
{
	if (!s->uvm)
		s->uvm = uvm_create_secure(&(struct uvm_config){ .nr_vcpus = 2 });
	return s->uvm;
}

static void *victim(struct stage *s)
{
	return uvm_hva(s->uvm, mem_page(VICTIM));
}

/* All pages in frames, with new content. */
void pages_fill(struct stage *s)
{
	struct uvm *uvm = stage_vm(s);
	struct kvm_vcpu *vcpu = uvm->vcpu[0];

	if (uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED) ||
	    uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_LOST)) {
		TEST_ASSERT_EQ(hypercall_patient(vcpu, UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
			       U_SUCCESS);
		TEST_ASSERT_EQ(hypercall_patient(vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
			       U_SUCCESS);
	}
	s->seed++;
	guest_call(vcpu, guest_fill, MEM_GPA, PAGES + NEIGHBOURS, s->seed);
}

static void pages_out(struct stage *s)
{
	pages_fill(s);
	uvm_page_out_all(s->uvm, MEM_GPA, PAGES);
}

/* In frames, and whoever pages them out has them in the sealed pool. */
static void pages_for_pool(struct stage *s)
{
	pages_fill(s);
	uvmem_set_sealed_pool(16 << 20);
}

static void pages_pooled(struct stage *s)
{
	pages_for_pool(s);
	TEST_ASSERT_EQ(uvm_page_out(s->uvm, MEM_GPA, PAGES), (u64)PAGES);
	uvm_assert_state(s->uvm, MEM_GPA, PAGES, UVMEM_PAGE_POOL);
}

/* Holes of the VMM's memory. */
void pages_absent(struct stage *s)
{
	struct uvm *uvm = stage_vm(s);

	s->seed++;
	guest_call(uvm->vcpu[0], guest_fill, mem_page(PAGES), NEIGHBOURS, s->seed);
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_ABSENT);
}

void pages_shared(struct stage *s)
{
	pages_fill(s);
	TEST_ASSERT_EQ(hypercall_patient(s->uvm->vcpu[0], UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
		       U_SUCCESS);
}

/* Some in each state that sharing has a step for. */
void pages_mixed(struct stage *s)
{
	pages_fill(s);
	uvm_page_out_all(s->uvm, MEM_GPA, PAGES / 2);
}

/* Not secure yet; the test memory has a chunk with nothing in it. */
static void pages_normal(struct stage *s)
{
	s->vm_open = true;
	s->uvm = uvm_create(&(struct uvm_config){
		.nr_vcpus = 2, .mem_pages = 2 * HUGE_PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP });
	s->seed++;
	guest_call(s->uvm->vcpu[0], guest_fill, MEM_GPA, PAGES + NEIGHBOURS, s->seed);
}

/* ---- operations ---------------------------------------------------------------------- */

static void do_page_in(struct stage *s)
{
	s->op_ret = uvm_page_in(s->uvm, MEM_GPA, PAGES);
}

static void do_page_out(struct stage *s)
{
	s->op_ret = uvm_page_out(s->uvm, MEM_GPA, PAGES);
}

/* Page by page: the victim is the first. */
static void do_page_in_rest(struct stage *s)
{
	s->op_ret = uvm_page_in(s->uvm, mem_page(VICTIM), PAGES - VICTIM);
}

static void do_page_out_rest(struct stage *s)
{
	s->op_ret = uvm_page_out(s->uvm, mem_page(VICTIM), PAGES - VICTIM);
}

/* There may be a hole. The host must not find a marker, whatever happens. */
static void host_reads(struct stage *s)
{
	u64 words[PAGE_SIZE / 8] = {};
	struct iovec local = { words, PAGE_SIZE }, remote = { victim(s), PAGE_SIZE };
	int i;

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0)
		TEST_ASSERT(errno == EFAULT, "process_vm_readv: %s", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		TEST_ASSERT(s->vm_open || !is_marker(words[i]), "the host reads a marker");
}

void do_guest_fault(struct stage *s)
{
	s->op_guest = guest_try(s->uvm->vcpu[0], guest_read, mem_page(VICTIM));
}

static void do_share(struct stage *s)
{
	s->op_guest = guest_try(s->uvm->vcpu[0], guest_hypercall, UV_SHARE_PAGE,
				gpa_to_gfn(MEM_GPA), PAGES);
}

static void do_unshare(struct stage *s)
{
	s->op_guest = guest_try(s->uvm->vcpu[0], guest_hypercall, UV_UNSHARE_PAGE,
				gpa_to_gfn(MEM_GPA), PAGES);
}

void do_esm(struct stage *s)
{
	s->op_guest = guest_try(s->uvm->vcpu[0], guest_hypercall, UV_ESM);
}

static void do_slot(struct stage *s)
{
	void *mem = mmap(NULL, 64 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(mem != MAP_FAILED, "mmap");
	s->op_ret = __vm_set_user_memory_region(s->uvm->vm, 7, 0, SLOT2_GPA, 64 * PAGE_SIZE, mem);
	if (!s->op_ret)
		vm_set_user_memory_region(s->uvm->vm, 7, 0, SLOT2_GPA, 0, mem);
	munmap(mem, 64 * PAGE_SIZE);
}

/* Is any page in the pool, or on its way out? Out of it is not all of the way. */
static bool is_writing_out(struct stage *s)
{
	u8 states[PAGES] = {};
	struct uvmem_states get = {
		.size = sizeof(get), .gfn = gpa_to_gfn(MEM_GPA), .nr_pages = PAGES,
		.states = (u64)states,
	};
	int i;

	TEST_ASSERT(!ioctl(s->uvm->fd, UVMEM_VM_GET_STATES, &get), "states: %s",
		    strerror(errno));
	for (i = 0; i < PAGES; i++)
		if (states[i] & UVMEM_STATE_IN_TRANSIT || states[i] == UVMEM_PAGE_POOL)
			return true;
	return false;
}

/* It is a worker that comes to the points, and nobody waits for it but this. */
static void do_write_out(struct stage *s)
{
	int i;

	uvmem_set_sealed_pool(0);
	for (i = 0; i < 1000 && is_writing_out(s); i++)
		sleep_ms(10);
}

const struct op ops[] = {
	{ "page-in", "in ", pages_out, do_page_in },
	{ "guest fault", "in ", pages_out, do_guest_fault, .by_guest = true },
	{ "guest fault in a hole", "in ", pages_absent, do_guest_fault, .by_guest = true,
	  .new_vm = true, .content = ZEROED },
	{ "page-out", "out ", pages_fill, do_page_out },
	{ "host touch", "touch out ", pages_fill, host_reads },
	{ "page-out to the pool", "pool ", pages_for_pool, do_page_out_rest },
	{ "page-in from the pool", "open ", pages_pooled, do_page_in_rest },
	{ "guest fault in the pool", "open ", pages_pooled, do_guest_fault, .by_guest = true },
	{ "host touch in the pool", "touch out ", pages_pooled, host_reads },
	{ "write-out of the pool", "write out ", pages_pooled, do_write_out },
	{ "share", "in give out share ", pages_mixed, do_share, .by_guest = true,
	  .content = ZEROED },
	{ "unshare", "in secure ", pages_shared, do_unshare, .by_guest = true,
	  .content = ZEROED },
	{ "ESM", "in uniform secure ", pages_normal, do_esm, .by_guest = true, .new_vm = true },
	{ "memslot create", "slot ", pages_fill, do_slot },
};
const int nr_ops = ARRAY_SIZE(ops);

/* ---- disturbances ---------------------------------------------------------------------- */

static void nothing(struct stage *s)
{
}

static void send_signal(struct stage *s)
{
	pthread_kill(s->op_thread, SIGUSR1);
}

static void guest_writes(struct stage *s)
{
	s->what_guest = guest_try(s->uvm->vcpu[1], guest_fill, mem_page(VICTIM), 1, s->seed + 1000);
}

static void host_writes(struct stage *s)
{
	uvm_host_flip(s->uvm, mem_page(VICTIM), 1);
}

void pages_go_out(struct stage *s)
{
	uvm_page_out(s->uvm, MEM_GPA, PAGES);
}

static void pages_come_in(struct stage *s)
{
	uvm_page_in(s->uvm, MEM_GPA, PAGES);
}

void host_drops(struct stage *s)
{
	TEST_ASSERT(!madvise(victim(s), PAGE_SIZE, MADV_DONTNEED), "MADV_DONTNEED");
}

static void host_unmaps(struct stage *s)
{
	TEST_ASSERT(!munmap(victim(s), PAGE_SIZE), "munmap");
	/* And puts other memory there, which is none of the guest's. */
	TEST_ASSERT(mmap(victim(s), PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == victim(s), "mmap");
}

static void slot_goes_and_comes(struct stage *s)
{
	struct userspace_mem_region *region = memslot2region(s->uvm->vm, MEM_SLOT);

	vm_set_user_memory_region(s->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	vm_set_user_memory_region(s->uvm->vm, MEM_SLOT, 0, MEM_GPA,
				  region->region.memory_size, region->host_mem);
}

const struct disturbance disturbances[] = {
	{ "nothing", nothing },
	{ "a signal", send_signal },
	{ "a guest write", guest_writes, .writes = true },
	{ "a host read", host_reads },
	{ "a host write", host_writes, .may_stop = STOP(INTEGRITY) },
	{ "page-out", pages_go_out },
	{ "page-in", pages_come_in },
	{ "MADV_DONTNEED", host_drops, .may_stop = STOP(LOST) | STOP(MISSING) },
	{ "munmap", host_unmaps, .may_stop = STOP(LOST) | STOP(MISSING) },
	{ "memslot delete and create", slot_goes_and_comes, .may_stop = STOP(NO_SLOT),
	  .takes_slot = true },
};
const int nr_disturbances = ARRAY_SIZE(disturbances);
