/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * kvm-uvmem: the hypercalls of secure guests. This header is their
 * specification; docs/ beside it has one page per call.
 *
 * Numbers, flags and return codes are those of
 * Documentation/arch/powerpc/ultravisor.rst, carried in the registers of KVM's
 * x86 hypercalls. Usable by the host kernel, by guests and by user space, in C
 * and C++; nothing but macros is defined here.
 *
 * Registers
 *	RAX		number in, result out
 *	RBX RCX RDX RSI	arguments a0, a1, a2, a3
 *	No other register is changed. Arguments that a call does not have are
 *	ignored. The instruction is vmcall (Intel) or vmmcall (AMD, Hygon). A
 *	vCPU that is not in 64-bit mode passes 32-bit registers: arguments are
 *	zero-extended and the result is the low half of the one given here.
 *
 * Who may call
 *	CPL 0 only. KVM itself answers -KVM_EPERM (-1) to other levels, and
 *	-KVM_ENOSYS (-1000) to any of these numbers in a VM that is not armed.
 *
 * Common rules
 *	All arguments are checked before anything changes. A call that names an
 *	invalid argument or comes in the wrong state of the VM has changed
 *	nothing. A call over a range that fails for another reason (busy, no
 *	memory) may have moved a part of the pages; no page loses its content by
 *	that (but calls that zero pages may have zeroed them), and the same call
 *	can be repeated.
 *	Pages are 4096 bytes. A gfn is a guest-physical address >> 12. Addresses
 *	carry no C-bit; KVM_HC_MAP_GPA_RANGE ignores it if the guest has one.
 *	Long calls are worked through in steps. Between steps RIP stays on the
 *	instruction, and the guest takes interrupts and the host signals.
 */
#ifndef UVMEM_ABI_H
#define UVMEM_ABI_H

/* ---- Numbers --------------------------------------------------------------- */

/* Made by the guest. */
#define H_SVM_PAGE_IN		0xEF00	/* a0 gpa, a1 flags, a2 order */
#define H_SVM_PAGE_OUT		0xEF04	/* a0 gpa, a1 flags (0), a2 order */
#define H_SVM_INIT_START	0xEF08
#define H_SVM_INIT_DONE		0xEF0C
#define H_SVM_INIT_ABORT	0xEF14
#define UV_ESM			0xF110	/* a0 flags (0), a1 reserved (0) */
#define UV_SHARE_PAGE		0xF130	/* a0 gfn, a1 number of pages */
#define UV_UNSHARE_PAGE		0xF134	/* a0 gfn, a1 number of pages */
#define UV_UNSHARE_ALL_PAGES	0xF140
#ifndef KVM_HC_MAP_GPA_RANGE
#define KVM_HC_MAP_GPA_RANGE	12	/* a0 gpa, a1 number of pages, a2 attributes */
#endif

/*
 * Host-internal here: calls of the host on its ultravisor. A guest that makes one
 * gets U_PERMISSION, whatever its arguments are.
 */
#define UV_REGISTER_MEM_SLOT	0xF120	/* VM, gpa, size, flags (0), slot */
#define UV_UNREGISTER_MEM_SLOT	0xF124	/* VM, slot */
#define UV_PAGE_IN		0xF128	/* VM, source, gpa, flags (0), order */
#define UV_PAGE_OUT		0xF12C	/* VM, destination, gpa, flags (0), order */
#define UV_PAGE_INVAL		0xF138	/* VM, gpa, order */
#define UV_SVM_TERMINATE	0xF13C	/* VM */

/* ---- Flags ----------------------------------------------------------------- */

/* H_SVM_PAGE_IN: make the page shared rather than secure */
#define H_PAGE_IN_SHARED	0x1

/* Page size orders of H_SVM_PAGE_IN and H_SVM_PAGE_OUT. */
#define UVMEM_ORDER_4K		12
#define UVMEM_ORDER_2M		21	/* gpa must be a multiple of 2 MiB */

/* Attributes of KVM_HC_MAP_GPA_RANGE, as in the kernel's asm/kvm_para.h. */
#define UVMEM_MAP_PAGE_SIZE	0xfUL	/* preferred page size: 0 4K, 1 2M, 2 1G; a hint */
#define UVMEM_MAP_PAGE_SIZE_MAX	2UL
#define UVMEM_MAP_ENCRYPTED	0x10UL

/* ---- CPUID ----------------------------------------------------------------- */

/*
 * Leaves that every armed VM has, whoever its CPU pretends to be. They are in the
 * range of hypervisors, 256 leaves each with a signature in the first: KVM is at
 * 0x40000000, or at 0x40000100 beside Hyper-V; this base is fixed. A guest must
 * compare the signature, for other hypervisors give other leaves or garbage here.
 *
 * UVMEM_CPUID_BASE
 *	EAX the highest leaf, EBX, ECX, EDX the signature "kvm-uvmem\0\0\0"
 * UVMEM_CPUID_PROTECTION
 *	EAX version of what is described here
 *	EBX what the guest's secure memory is protected against
 *	ECX what it is not: to be read by whoever trusts EBX
 *	EDX bits 7:0 position of the C-bit, 0 if the guest has none
 */
#define UVMEM_CPUID_BASE		0x40005500
#define UVMEM_CPUID_PROTECTION		0x40005501
#define UVMEM_CPUID_MAX			UVMEM_CPUID_PROTECTION
#define UVMEM_CPUID_SIGNATURE_EBX	0x2d6d766b	/* "kvm-" */
#define UVMEM_CPUID_SIGNATURE_ECX	0x656d7675	/* "uvme" */
#define UVMEM_CPUID_SIGNATURE_EDX	0x0000006d	/* "m" */
#define UVMEM_CPUID_VERSION		1

/* EBX: the VMM, other processes of the host, swap and dumps ... */
#define UVMEM_CPUID_CONFIDENTIAL	0x1	/* ... cannot read it */
#define UVMEM_CPUID_INTEGRITY		0x2	/* ... cannot change it and go unnoticed */
#define UVMEM_CPUID_FRESH		0x4	/* ... cannot bring back what it was */

/* ECX */
#define UVMEM_CPUID_NO_HARDWARE		0x1	/* the host's kernel does it, and can read all */
#define UVMEM_CPUID_NO_ATTESTATION	0x2	/* nobody vouches for these bits */
#define UVMEM_CPUID_NO_REGISTERS	0x4	/* the VMM reads and writes vCPU registers */

/* ---- Return codes ---------------------------------------------------------- */

#define H_SUCCESS		0
#define H_BUSY			1	/* pinned or being moved: repeat later, nothing is lost */
#define H_HARDWARE		-1	/* internal error of the host */
#define H_FUNCTION		-2	/* not supported, e.g. by the kind of memory */
#define H_PARAMETER		-4	/* first argument invalid */
#define H_NO_MEM		-9	/* no secure frame or no memory; repeat later */
#define H_RESOURCE		-16	/* no key for the VM */
#define H_PERMISSION		-11	/* not for this caller, or content was tampered with */
#define H_P2			-55	/* second argument invalid */
#define H_P3			-56
#define H_P4			-57
#define H_P5			-58
#define H_UNSUPPORTED		-67	/* not in this state of the VM */
#define H_BAD_DATA		-70	/* content was tampered with */
#define H_NOT_ACTIVE		-71	/* the VM is not secure */
#define H_STATE			-75	/* the VM cannot change to the asked state */

#define U_SUCCESS		H_SUCCESS
#define U_BUSY			H_BUSY
#define U_FUNCTION		H_FUNCTION
#define U_PARAMETER		H_PARAMETER
#define U_PERMISSION		H_PERMISSION
#define U_P2			H_P2
#define U_P3			H_P3
#define U_P4			H_P4
#define U_P5			H_P5
/*
 * ultravisor.rst names these three without a number. U_RETRY has the number that
 * IBM's published ultravisor gives it; that source has none for the other two.
 */
#define U_RETRY			-5	/* no secure frame or no memory; repeat later */
#define U_INVALID		H_NOT_ACTIVE	/* the VM is not secure */
#define U_NO_KEY		H_RESOURCE	/* no key for the VM */

#endif /* UVMEM_ABI_H */
