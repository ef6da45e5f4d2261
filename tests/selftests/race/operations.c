// SPDX-License-Identifier: GPL-2.0-only
/*
 * operations.c - one function for each operation that races
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include <asm/kvm_para.h>

#include "search.h"

#include "operations.h"

#define STOP(reason)	(1u << UVMEM_STOP_##reason)

static void *hva(struct racer *r)
{
	return uvm_hva(r->race->uvm, r->gpa);
}

static bool is_emulation_failure(struct kvm_vcpu *vcpu, const struct guest_outcome *out)
{
	return out->status == RUN_OTHER && out->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION;
}

/*
 * A read by KVM of what has no memslot, or of plain memory that the VMM has unmapped, is
 * MMIO to KVM for any guest; an exchange with the latter is an emulation that fails, and
 * the end of any guest.
 */
bool race_guest(struct race *race, int vcpu, u64 *ret, guest_fn_t fn,
		const u64 args[GUEST_MAX_ARGS])
{
	struct kvm_vcpu *v = race->uvm->vcpu[vcpu];
	struct guest_outcome out = __guest_try(v, fn, args);
	int i;

	/* MMIO reads as zero. */
	for (i = 0; out.status == RUN_OTHER && out.exit_reason == KVM_EXIT_MMIO && i < 1000; i++) {
		TEST_ASSERT(race->op[0]->takes_slot || race->op[1]->takes_slot || race->may_miss,
			    "MMIO at 0x%llx", v->run->mmio.phys_addr);
		memset(v->run->mmio.data, 0, sizeof(v->run->mmio.data));
		out.status = guest_run(v, &out.result);
		out.exit_reason = v->run->exit_reason;
		out.reason = v->run->internal.data[0];
	}
	if (race->may_miss && is_emulation_failure(v, &out)) {
		WRITE_ONCE(race->stopped, true);
		return false;
	}
	TEST_ASSERT(out.status != RUN_OTHER, "exit: %s", exit_reason_str(out.exit_reason));
	if (out.status == RUN_STOPPED) {
		TEST_ASSERT(race->may_stop & (1u << out.reason), "stopped for reason %u at 0x%lx",
			    out.reason, out.gpa);
		WRITE_ONCE(race->stopped, true);
		return false;
	}
	*ret = out.result;
	return true;
}

static void guest_fault(struct racer *r)
{
	u64 old = r->race->checked ? r->word : GUEST_OK, ret, next = rand_r(&r->seed);

	r->word = GUEST_OK;
	if (!guest(r->race, r->me, &ret, guest_exchange, r->gpa, PAGES, 64 + 8 * r->me, old, next))
		return;
	TEST_ASSERT(ret == GUEST_OK, "a write to 0x%lx was lost", ret);
	r->word = next;
}

static void host_touch(struct racer *r)
{
	struct iovec local, remote;
	u64 word;
	int i;

	for (i = 0; i < PAGES; i++) {
		word = 0;
		local = (struct iovec){ &word, sizeof(word) };
		remote = (struct iovec){ hva(r) + i * PAGE_SIZE, sizeof(word) };
		/* A hole, if the other one unmaps. */
		if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0)
			TEST_ASSERT(errno == EFAULT, "read: %s", strerror(errno));
		TEST_ASSERT(!is_marker(word), "the host reads a marker");
	}
}

static void host_move(struct racer *r, unsigned long cmd)
{
	int ret = __uvm_move(r->race->uvm, cmd, r->gpa, PAGES,
			     cmd == UVMEM_VM_PAGE_OUT ? UVMEM_RANGE_IGNORE_AGE : 0, NULL);

	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

static void page_out(struct racer *r)
{
	host_move(r, UVMEM_VM_PAGE_OUT);
}

static void page_in(struct racer *r)
{
	host_move(r, UVMEM_VM_PAGE_IN);
}

/* Whatever pages these are: all of them lose their accessed bits. */
static void age_and_reclaim(struct racer *r)
{
	struct uvmem_age age;
	int ret;

	uvm_age(r->race->uvm, 0, &age);
	ret = uvm_reclaim(r->race->uvm, 2 * PAGES, 0, NULL);
	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

static void age_and_reclaim_no_ciphertext(struct racer *r)
{
	struct uvmem_age age;
	int ret;

	uvmem_set_sealed_pool(16 << 20);
	uvm_age(r->race->uvm, 0, &age);
	ret = uvm_reclaim_no_ciphertext(r->race->uvm, 2 * PAGES, 0, NULL);
	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

/* Into the sealed pool, and out of it by the worker whenever it gets there. */
static void write_out(struct racer *r)
{
	uvmem_set_sealed_pool(16 << 20);
	page_out(r);
	uvmem_set_sealed_pool(0);
}

static void hypercall_by(struct racer *r, u64 nr)
{
	u64 ret;

	r->word = GUEST_OK;
	if (!guest(r->race, r->me, &ret, guest_hypercall, nr, gpa_to_gfn(r->gpa), PAGES))
		return;
	TEST_ASSERT(ret == U_SUCCESS || ret == U_BUSY || r->race->may_refuse,
		    "hypercall 0x%lx: %ld", nr, (s64)ret);
}

static void share_pages(struct racer *r)
{
	hypercall_by(r, UV_SHARE_PAGE);
}

static void unshare_pages(struct racer *r)
{
	hypercall_by(r, UV_UNSHARE_PAGE);
}

/* KVM changes some bytes of the page: writes the wall clock, or exchanges a word. */
static void kernel_write(struct racer *r)
{
	u64 ret;
	int i;

	r->word = GUEST_OK;
	for (i = 0; i < PAGES; i++) {
		u64 gpa = r->gpa + i * PAGE_SIZE;

		if (i & 1 ? !guest(r->race, r->me, &ret, guest_fep_lock_add, gpa, 8, 1) :
			    !guest(r->race, r->me, &ret, guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, gpa))
			return;
	}
}

static void map_again(struct racer *r)
{
	void *mem = hva(r);

	TEST_ASSERT(mmap(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem, "mmap");
}

static void unmap(struct racer *r)
{
	TEST_ASSERT(!munmap(hva(r), PAGES * PAGE_SIZE), "munmap");
	map_again(r);
}

static void dontneed(struct racer *r)
{
	/* Of memory that the other one has unmapped: ENOMEM. */
	if (madvise(hva(r), PAGES * PAGE_SIZE, MADV_DONTNEED))
		TEST_ASSERT(errno == ENOMEM, "madvise: %s", strerror(errno));
}

static void delete_slot(struct racer *r)
{
	struct userspace_mem_region *region = memslot2region(r->race->uvm->vm, MEM_SLOT);
	bool two = r->race->op[0] == r->race->op[1];
	int ret;

	/* Two at once: one finds it gone, or there again. */
	ret = __vm_set_user_memory_region(r->race->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0,
					  region->host_mem);
	TEST_ASSERT(!ret || two, "delete: %s", strerror(errno));
	ret = __vm_set_user_memory_region(r->race->uvm->vm, MEM_SLOT, 0, MEM_GPA,
					  region->region.memory_size, region->host_mem);
	TEST_ASSERT(!ret || two, "create: %s", strerror(errno));
}

const struct op ops[] = {
	{ "guest fault", guest_fault, WANT_OUT, .by_guest = true },
	{ "host touch", host_touch, WANT_IN },
	{ "page-out", page_out, WANT_IN },
	{ "page-in", page_in, WANT_OUT },
	{ "age and reclaim", age_and_reclaim, WANT_IN },
	{ "reclaim, no ciphertext", age_and_reclaim_no_ciphertext, WANT_IN },
	{ "write-out", write_out, WANT_IN },
	{ "share", share_pages, WANT_IN, .by_guest = true, .loses = true },
	{ "unshare", unshare_pages, WANT_SHARED, .by_guest = true, .loses = true },
	{ "KVM's write", kernel_write, WANT_SHARED, .by_guest = true, .loses = true,
	  .by_kernel = true },
	{ "munmap", unmap, WANT_IN, .loses = true, .takes_memory = true,
	  .may_stop = STOP(LOST) | STOP(MISSING) | STOP(NOT_ANON) },
	{ "MADV_DONTNEED", dontneed, WANT_IN, .loses = true,
	  .may_stop = STOP(LOST) | STOP(MISSING) },
	{ "memslot delete", delete_slot, WANT_IN, .may_stop = STOP(NO_SLOT), .takes_slot = true },
};

const int nr_ops = ARRAY_SIZE(ops);
