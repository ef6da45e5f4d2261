/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * kvm-uvmem: the guest's side of the hypercalls, one function per call.
 *
 * For freestanding guests (test guests, firmware) and for kernel modules, in C and
 * C++; needs no other header than uvmem_abi.h, which must be on the include
 * path. What the calls do and return: docs/. They work at CPL 0 only.
 *
 * The instruction depends on the CPU: vmmcall on AMD and Hygon, vmcall on all
 * others. By default CPUID decides, once per file that includes this. CPUID is
 * intercepted, so a guest that knows better defines UVMEM_GUEST_VMMCALL before:
 * an expression that is true for vmmcall. KVM would exchange a wrong instruction in
 * the guest's memory, which is not to be relied upon.
 *
 * The memory clobber is there because a call may change what the guest's pages hold.
 */
#ifndef UVMEM_GUEST_H
#define UVMEM_GUEST_H

#include "uvmem_abi.h"

#ifndef UVMEM_GUEST_VMMCALL
/* 1: vmmcall, 0: vmcall */
static inline int uvmem_guest_vmmcall(void)
{
	static int known;	/* 0: not yet; else 1 + result */
	unsigned int eax = 0, ebx, ecx = 0, edx;

	if (!known) {
		__asm__ __volatile__("cpuid"
				     : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
		/* "AuthenticAMD", "HygonGenuine": the first four letters do. */
		known = 1 + (ebx == 0x68747541 || ebx == 0x6f677948);
	}
	return known - 1;
}

#define UVMEM_GUEST_VMMCALL	uvmem_guest_vmmcall()
#endif

/* Any call: the result is one of H_*, U_* or -KVM_E*. */
static inline long uvmem_hypercall(unsigned long nr, unsigned long a0, unsigned long a1,
				   unsigned long a2, unsigned long a3)
{
	long ret;

	if (UVMEM_GUEST_VMMCALL)
		__asm__ __volatile__("vmmcall" : "=a"(ret)
				     : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
				     : "memory");
	else
		__asm__ __volatile__("vmcall" : "=a"(ret)
				     : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
				     : "memory");
	return ret;
}

static inline long uvmem_h_svm_init_start(void)
{
	return uvmem_hypercall(H_SVM_INIT_START, 0, 0, 0, 0);
}

static inline long uvmem_h_svm_init_done(void)
{
	return uvmem_hypercall(H_SVM_INIT_DONE, 0, 0, 0, 0);
}

/* H_PARAMETER is its success. */
static inline long uvmem_h_svm_init_abort(void)
{
	return uvmem_hypercall(H_SVM_INIT_ABORT, 0, 0, 0, 0);
}

/* @flags: 0 or H_PAGE_IN_SHARED; @order: UVMEM_ORDER_* */
static inline long uvmem_h_svm_page_in(unsigned long gpa, unsigned long flags,
				       unsigned long order)
{
	return uvmem_hypercall(H_SVM_PAGE_IN, gpa, flags, order, 0);
}

static inline long uvmem_h_svm_page_out(unsigned long gpa, unsigned long flags,
					unsigned long order)
{
	return uvmem_hypercall(H_SVM_PAGE_OUT, gpa, flags, order, 0);
}

/* Both arguments must be 0. */
static inline long uvmem_uv_esm(unsigned long flags, unsigned long reserved)
{
	return uvmem_hypercall(UV_ESM, flags, reserved, 0, 0);
}

static inline long uvmem_uv_share_page(unsigned long gfn, unsigned long num)
{
	return uvmem_hypercall(UV_SHARE_PAGE, gfn, num, 0, 0);
}

static inline long uvmem_uv_unshare_page(unsigned long gfn, unsigned long num)
{
	return uvmem_hypercall(UV_UNSHARE_PAGE, gfn, num, 0, 0);
}

static inline long uvmem_uv_unshare_all_pages(void)
{
	return uvmem_hypercall(UV_UNSHARE_ALL_PAGES, 0, 0, 0, 0);
}

/* @attrs: UVMEM_MAP_ENCRYPTED or 0, and a page size hint */
static inline long uvmem_kvm_hc_map_gpa_range(unsigned long gpa, unsigned long npages,
					      unsigned long attrs)
{
	return uvmem_hypercall(KVM_HC_MAP_GPA_RANGE, gpa, npages, attrs, 0);
}

/*
 * The host's own calls: U_PERMISSION for every guest. They are here so that a guest
 * can prove it.
 */
static inline long uvmem_uv_register_mem_slot(unsigned long vm, unsigned long gpa,
					      unsigned long size, unsigned long flags)
{
	return uvmem_hypercall(UV_REGISTER_MEM_SLOT, vm, gpa, size, flags);
}

static inline long uvmem_uv_unregister_mem_slot(unsigned long vm, unsigned long slot)
{
	return uvmem_hypercall(UV_UNREGISTER_MEM_SLOT, vm, slot, 0, 0);
}

static inline long uvmem_uv_page_in(unsigned long vm, unsigned long src,
				    unsigned long gpa, unsigned long flags)
{
	return uvmem_hypercall(UV_PAGE_IN, vm, src, gpa, flags);
}

static inline long uvmem_uv_page_out(unsigned long vm, unsigned long dest,
				     unsigned long gpa, unsigned long flags)
{
	return uvmem_hypercall(UV_PAGE_OUT, vm, dest, gpa, flags);
}

static inline long uvmem_uv_page_inval(unsigned long vm, unsigned long gpa,
				       unsigned long order)
{
	return uvmem_hypercall(UV_PAGE_INVAL, vm, gpa, order, 0);
}

static inline long uvmem_uv_svm_terminate(unsigned long vm)
{
	return uvmem_hypercall(UV_SVM_TERMINATE, vm, 0, 0, 0);
}

#endif /* UVMEM_GUEST_H */
