// SPDX-License-Identifier: GPL-2.0-only
/*
 * table.c - which hypercall is whose
 */
#include "hypercalls.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

struct entry {
	unsigned long nr;
	const char *name;
	uvmem_hc_fn fn;		/* NULL: of the host alone, a guest has no permission */
};

static const struct entry table[] = {
#define GUEST(nr_, fn_)	{ .nr = (nr_), .name = #nr_, .fn = (fn_) }
#define HOST(nr_)	{ .nr = (nr_), .name = #nr_ }
	{ .nr = KVM_HC_MAP_GPA_RANGE, .name = "KVM_HC_MAP_GPA_RANGE",
	  .fn = kvm_hc_map_gpa_range },
	GUEST(H_SVM_PAGE_IN, h_svm_page_in),
	GUEST(H_SVM_PAGE_OUT, h_svm_page_out),
	GUEST(H_SVM_INIT_START, h_svm_init_start),
	GUEST(H_SVM_INIT_DONE, h_svm_init_done),
	GUEST(H_SVM_INIT_ABORT, h_svm_init_abort),
	GUEST(UV_ESM, uv_esm),
	GUEST(UV_SHARE_PAGE, uv_share_page),
	GUEST(UV_UNSHARE_PAGE, uv_unshare_page),
	GUEST(UV_UNSHARE_ALL_PAGES, uv_unshare_all_pages),
	HOST(UV_REGISTER_MEM_SLOT),
	HOST(UV_UNREGISTER_MEM_SLOT),
	HOST(UV_PAGE_IN),
	HOST(UV_PAGE_OUT),
	HOST(UV_PAGE_INVAL),
	HOST(UV_SVM_TERMINATE),
#undef GUEST
#undef HOST
};

static const struct entry *find(unsigned long nr)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].nr == nr)
			return &table[i];
	return NULL;
}

const char *uvmem_hypercall_name(unsigned long nr)
{
	const struct entry *e = find(nr);

	return e ? e->name : NULL;
}

enum kvm_uvmem_hypercall_result uvmem_hypercall(struct kvm_vcpu *vcpu, unsigned long nr,
						unsigned long a0, unsigned long a1,
						unsigned long a2, unsigned long a3,
						unsigned long *ret)
{
	const struct uvmem_hc hc = {
		.nr = nr,
		.arg = { a0, a1, a2, a3 },
		.vcpu_id = vcpu->vcpu_id,
	};
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);
	const struct entry *e = find(nr);
	enum kvm_uvmem_hypercall_result result;
	long code = U_PERMISSION;

	if (!e)
		return KVM_UVMEM_HC_NONE;

	uvmem_hc_settle(vm, &hc);
	result = e->fn ? e->fn(vm, &hc, &code) : KVM_UVMEM_HC_DONE;
	if (result == KVM_UVMEM_HC_DONE)
		*ret = (unsigned long)code;
	return result;
}
