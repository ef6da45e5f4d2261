/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool_vm.h - a VM of which all pages compress, and a sealed pool for them
 */
#ifndef SELFTESTS_UVMEM_POOL_VM_H
#define SELFTESTS_UVMEM_POOL_VM_H

#include "search.h"
#include "vm.h"

#define MEM_PAGES	512ull

/* struct pool_before - what was set before a test */
struct pool_before {
	u64 limit;
	char residency[UVMEM_PARAM_LEN];
};

static inline struct uvm *pool_vm_create(u64 seed)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, MEM_PAGES, seed);
	return uvm;
}

/* The sealed pool gets a limit; then there is a VM, filled with seed 1. */
static inline struct uvm *pool_vm_begin(struct pool_before *ret_before, u64 bytes)
{
	uvmem_set_param("min_residency_ms", "0", ret_before->residency);
	ret_before->limit = uvmem_get_pool().sealed_pool_limit;
	uvmem_set_sealed_pool(bytes);
	return pool_vm_create(1);
}

/* @uvm: NULL if it has ended */
static inline void pool_vm_end(struct uvm *uvm, const struct pool_before *before)
{
	uvmem_set_param("min_residency_ms", before->residency, NULL);
	if (uvm) {
		uvm_assert_sums(uvm);
		uvm_free(uvm);
	}
	uvmem_set_sealed_pool(before->limit);
}

/* struct pool_churn - what pool_churn() saw */
struct pool_churn {
	u64 failed_at;		/* the address of a write that was lost, or 0 */
	u64 above_limit;	/* how often the pool was */
};

static inline bool pool_churn_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct pool_churn *churn = opaque;
	u64 ret = guest_call(vcpu, guest_churn, MEM_GPA, MEM_PAGES, round * 2, 2);

	if (ret != GUEST_OK)
		churn->failed_at = ret;
	return ret == GUEST_OK;
}

/* The guest writes all its pages, while parts of them go out and come in. */
static inline struct pool_churn pool_churn(struct uvm *uvm)
{
	u64 limit = uvmem_get_pool().sealed_pool_limit;
	struct pool_churn churn = {};
	struct guest_thread thread = {
		.vcpu = uvm->vcpu[0], .step = pool_churn_step, .opaque = &churn,
	};
	unsigned int seed = 1;
	int i;

	guest_thread_start(&thread);
	for (i = 0; i < 100; i++) {
		u64 first = rand_r(&seed) % MEM_PAGES;
		u64 nr = 1 + rand_r(&seed) % (MEM_PAGES - first);

		uvm_page_out(uvm, mem_page(first), nr);
		churn.above_limit += uvmem_get_pool().sealed_pool_used > limit;
		if (i % 4 == 0)
			uvm_page_in(uvm, mem_page(first), nr);
		/* What is in the pool, or being written out, is taken by the host as well. */
		if (i % 4 == 1)
			search_markers_in(uvm_hva(uvm, mem_page(first)),
					  min_t(u64, nr, 32) * PAGE_SIZE);
	}
	guest_thread_stop(&thread, 3);
	return churn;
}

#endif
