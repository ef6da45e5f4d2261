/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hypercalls.h - what the files of this directory tell each other
 *
 * Everything here is also built natively for the unit tests, with
 * native/uvmem.h in place of the module's uvmem.h.
 */
#ifndef UVMEM_HYPERCALLS_H
#define UVMEM_HYPERCALLS_H

#include "uvmem.h"
#include "include/uvmem_abi.h"

/* ---- abi.c: errno -> result ---------------------------------------------------- */

/* Calls that share a column of the conversion table. */
enum uvmem_h_family {
	UVMEM_H_START,		/* H_SVM_INIT_START */
	UVMEM_H_DONE,		/* H_SVM_INIT_DONE */
	UVMEM_H_ABORT,		/* H_SVM_INIT_ABORT */
	UVMEM_H_PAGE,		/* H_SVM_PAGE_IN, H_SVM_PAGE_OUT */
	UVMEM_H_ESM,		/* UV_ESM */
	UVMEM_H_SHARE,		/* UV_SHARE_PAGE, UV_UNSHARE_PAGE, UV_UNSHARE_ALL_PAGES */
	UVMEM_H_UV_PAGE,	/* UV_PAGE_IN, UV_PAGE_OUT */
	UVMEM_H_UV_SLOT,	/* UV_PAGE_INVAL, UV_REGISTER_MEM_SLOT, UV_UNREGISTER_MEM_SLOT */
	UVMEM_H_KVM,		/* KVM_HC_MAP_GPA_RANGE */
	UVMEM_H_NR_FAMILIES,
};

/* The one place where an errno (negative, or 0) becomes a result of a hypercall. */
long uvmem_h_from_errno(enum uvmem_h_family family, int err);
/* "H_SUCCESS" ...; NULL: no code of this ABI. Where H_x and U_x are one number, H_x. */
const char *uvmem_h_name(long code);

/* ---- table.c: dispatch ---------------------------------------------------------- */

/* One hypercall as the guest made it. */
struct uvmem_hc {
	unsigned long nr;
	unsigned long arg[4];
	u32 vcpu_id;
};

typedef enum kvm_uvmem_hypercall_result (*uvmem_hc_fn)(struct uvmem_vm *vm,
						       const struct uvmem_hc *hc,
						       long *ret);

/* kvm_uvmem_ops.hypercall: kvm->srcu is held, sleeps. */
enum kvm_uvmem_hypercall_result uvmem_hypercall(struct kvm_vcpu *vcpu, unsigned long nr,
						unsigned long a0, unsigned long a1,
						unsigned long a2, unsigned long a3,
						unsigned long *ret);
/* "H_SVM_PAGE_IN" ..., NULL: not in the table */
const char *uvmem_hypercall_name(unsigned long nr);

/* @err of @family as the end of a call; -EAGAIN: not yet. */
static inline enum kvm_uvmem_hypercall_result
uvmem_hc_end(enum uvmem_h_family family, int err, long *ret)
{
	if (err == -EAGAIN)
		return KVM_UVMEM_HC_AGAIN;
	*ret = uvmem_h_from_errno(family, err);
	return KVM_UVMEM_HC_DONE;
}

/* The end of a call with a code of its own, e.g. H_P2. */
static inline enum kvm_uvmem_hypercall_result uvmem_hc_code(long code, long *ret)
{
	*ret = code;
	return KVM_UVMEM_HC_DONE;
}

/* ---- step.c: ranges, in steps ----------------------------------------------------- */

#define UVMEM_HC_STEP_PAGES	4096	/* moved between two looks at interrupts and signals */
#define UVMEM_HC_TRIES		100	/* passes that move nothing before giving up, 1-2 ms each */
#define UVMEM_HC_TRIES_MEMORY	5000	/* the same, where memory is waited for */

struct uvmem_hc_walk {
	enum uvmem_hc_direction direction;
	bool zero;		/* do not keep the content */
	bool only_shared;	/* leave all but SHARED pages alone */
	u32 tries;		/* if pages are pinned or busy */
	u32 tries_memory;	/* if there is no frame or no memory */
	gfn_t gfn;		/* valid range; gfns without a memslot, and */
	u64 nr;			/* read-only ones, are passed over, and so */
	gfn_t except;		/* are these */
	u64 nr_except;
};

/*
 * 0: all done. -EAGAIN: make the call again. -EBUSY, -ENOMEM: pages did not move
 * in so many tries. -EFAULT: the memory behind a page cannot be secure. Else what
 * the range functions said. *ret_gfn, may be NULL: where it failed.
 */
int uvmem_hc_walk(struct uvmem_vm *vm, const struct uvmem_hc *hc,
		  const struct uvmem_hc_walk *walk, gfn_t *ret_gfn);
/* The same for one call of a range function over @nr pages, without any retry. */
int uvmem_hc_range_errno(s64 done, u64 nr, const struct uvmem_move *move);
/* Pages are about to change in this direction outside of uvmem_hc_walk(). */
void uvmem_hc_changes(struct uvmem_vm *vm, enum uvmem_hc_direction direction,
		      gfn_t gfn, u64 nr);
/* @vcpu_id does something else now: its cursor must not be believed any more. */
void uvmem_hc_settle(struct uvmem_vm *vm, const struct uvmem_hc *hc);

/* May pages become secure or shared? 0, -EPERM before INIT_START and after the end. */
static inline int uvmem_hc_may_page(struct uvmem_vm *vm)
{
	enum uvmem_vm_state state = READ_ONCE(vm->state);

	return state == UVMEM_VM_INIT || state == UVMEM_VM_SECURE ? 0 : -EPERM;
}

/* ---- one file per call: made by the guest -------------------------------------------- */

enum kvm_uvmem_hypercall_result h_svm_init_start(struct uvmem_vm *vm,
						 const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result h_svm_init_done(struct uvmem_vm *vm,
						const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result h_svm_init_abort(struct uvmem_vm *vm,
						 const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result h_svm_page_in(struct uvmem_vm *vm,
					      const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result h_svm_page_out(struct uvmem_vm *vm,
					       const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result uv_esm(struct uvmem_vm *vm,
				       const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result uv_share_page(struct uvmem_vm *vm,
					      const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result uv_unshare_page(struct uvmem_vm *vm,
						const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result uv_unshare_all_pages(struct uvmem_vm *vm,
						     const struct uvmem_hc *hc, long *ret);
enum kvm_uvmem_hypercall_result kvm_hc_map_gpa_range(struct uvmem_vm *vm,
						     const struct uvmem_hc *hc, long *ret);

/* Arguments of the two H_SVM_PAGE_ calls: H_SUCCESS, or the code of the wrong one. */
long uvmem_hc_page_args(struct uvmem_vm *vm, const struct uvmem_hc *hc,
			unsigned long flags_mask, gfn_t *ret_gfn, u64 *ret_nr);
/* Arguments of UV_SHARE_PAGE and UV_UNSHARE_PAGE: U_SUCCESS, or the code of the wrong one. */
long uvmem_hc_share_args(struct uvmem_vm *vm, const struct uvmem_hc *hc);

/* ---- one file per call: made by the host on its ultravisor ------------------------------
 *
 * @vm stands for the lpid of ultravisor.rst: NULL or one that has ended is U_PARAMETER.
 * Real addresses of the host are struct page pointers. All return U_*.
 */
long uv_page_in(struct uvmem_vm *vm, struct page *frame, u64 gpa, u64 flags,
		u64 order, const struct uvmem_seal *seal);
long uv_page_out(struct uvmem_vm *vm, struct page *dest, u64 gpa, u64 flags,
		 u64 order, struct page *frame, struct uvmem_seal *ret_seal);
long uv_page_inval(struct uvmem_vm *vm, u64 gpa, u64 order);
long uv_register_mem_slot(struct uvmem_vm *vm, u64 gpa, u64 size, u64 flags,
			  u64 slotid);
long uv_unregister_mem_slot(struct uvmem_vm *vm, u64 slotid);
long uv_svm_terminate(struct uvmem_vm *vm);

/* Is this a VM that can be named? */
static inline bool uvmem_uv_vm_valid(const struct uvmem_vm *vm)
{
	return vm && vm->uv && READ_ONCE(vm->state) != UVMEM_VM_TERMINATED;
}

#endif
