// SPDX-License-Identifier: GPL-2.0-only
/*
 * face.c - what a guest sees of us by CPUID and MSRs
 *
 * Every armed VM has the leaves of ../hypercalls/include/uvmem_abi.h, which say
 * by whom and against what its memory is protected. A VM that was armed with
 * UVMEM_ARM_SEV sees plain SEV on top of it, which is how a stock Linux guest
 * learns that it has to say which of its memory is encrypted: it sets the C-bit in
 * its page tables, keeps what devices access out of encrypted memory, and makes
 * KVM_HC_MAP_GPA_RANGE. The C-bit means nothing, states of pages follow from
 * hypercalls only.
 *
 * The VMM's own CPUID, i.e. KVM_SET_CPUID2, stays as it is: what is shown here
 * is laid over it when the guest executes the instruction.
 */
#include <linux/hugetlb.h>
#include <linux/kvm_host.h>
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <asm/msr-index.h>

#include "uvmem.h"
#include "uvmem_abi.h"

#define EXTENDED_MAX		0x80000000
#define ADDRESS_SIZES		0x80000008
#define ENCRYPTED_MEMORY	0x8000001f
#define ENCRYPTED_MEMORY_SEV	BIT(1)

/* KVM's leaves are in one of 256 places; its signature is in the first of them. */
#define HYPERVISOR_FIRST	0x40000000
#define HYPERVISOR_LAST		0x4000ffff
#define HYPERVISOR_BASE(f)	((f) & ~0xffU)

u8 uvmem_face_cbit(void)
{
	return kvm_uvmem_cbit();
}

static bool is_kvm_base(struct kvm_vcpu *vcpu, u32 base)
{
	static const u32 signature[3] = { 0x4b4d564b, 0x564b4d56, 0x4d };	/* "KVMKVMKVM" */
	const struct kvm_cpuid_entry2 *entry = vcpu->arch.cpuid_entries;
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++, entry++)
		if (entry->function == base)
			return entry->ebx == signature[0] && entry->ecx == signature[1] &&
			       entry->edx == signature[2];
	return false;
}

/* Who we are. */
static void own_leaf(struct uvmem_vm *vm, u32 leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	*eax = *ebx = *ecx = *edx = 0;
	switch (leaf) {
	case UVMEM_CPUID_BASE:
		*eax = UVMEM_CPUID_MAX;
		*ebx = UVMEM_CPUID_SIGNATURE_EBX;
		*ecx = UVMEM_CPUID_SIGNATURE_ECX;
		*edx = UVMEM_CPUID_SIGNATURE_EDX;
		break;
	case UVMEM_CPUID_PROTECTION:
		*eax = UVMEM_CPUID_VERSION;
		*ebx = UVMEM_CPUID_CONFIDENTIAL | UVMEM_CPUID_INTEGRITY | UVMEM_CPUID_FRESH;
		*ecx = UVMEM_CPUID_NO_HARDWARE | UVMEM_CPUID_NO_ATTESTATION |
		       UVMEM_CPUID_NO_REGISTERS;
		*edx = vm->cbit;
		break;
	}
}

/* The bits of an address size, if there are any, are below the C-bit. */
static u32 fewer_bits(u32 eax, int shift, u8 cbit)
{
	u32 bits = (eax >> shift) & 0xff;

	return bits > cbit ? (eax & ~(0xffU << shift)) | cbit << shift : eax;
}

/* Plain SEV as stock guests know it. */
static void sev_leaf(struct kvm_vcpu *vcpu, u8 cbit, u32 leaf, u32 *eax, u32 *ebx,
		     u32 *ecx, u32 *edx)
{
	switch (leaf) {
	case EXTENDED_MAX:
		*eax = max(*eax, ENCRYPTED_MEMORY);
		break;
	case ADDRESS_SIZES:
		/* What firmware puts at the end of the address space must not alias memory. */
		*eax = fewer_bits(fewer_bits(*eax, 0, cbit), 16, cbit);
		break;
	case ENCRYPTED_MEMORY:
		/* EBX[11:6]: the address sizes above need no further reduction. */
		*eax = ENCRYPTED_MEMORY_SEV;
		*ebx = cbit;
		*ecx = 0;
		*edx = 0;
		break;
	case HYPERVISOR_FIRST ... HYPERVISOR_LAST:
		if (leaf == (HYPERVISOR_BASE(leaf) | (KVM_CPUID_FEATURES & 0xff)) &&
		    is_kvm_base(vcpu, HYPERVISOR_BASE(leaf)))
			*eax |= BIT(KVM_FEATURE_HC_MAP_GPA_RANGE) |
				BIT(KVM_FEATURE_MIGRATION_CONTROL);
		break;
	}
}

void uvmem_face_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index, u32 *eax, u32 *ebx,
		      u32 *ecx, u32 *edx)
{
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);

	if (HYPERVISOR_BASE(function) == UVMEM_CPUID_BASE)
		own_leaf(vm, function, eax, ebx, ecx, edx);
	else if (vm->cbit)
		sev_leaf(vcpu, vm->cbit, function, eax, ebx, ecx, edx);
}

int uvmem_face_get_msr(struct kvm_vcpu *vcpu, u32 msr, u64 *data)
{
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);

	if (!vm->cbit)
		return KVM_UVMEM_PASS;

	switch (msr) {
	case MSR_AMD64_SEV:
		*data = MSR_AMD64_SEV_ENABLED;
		return 0;
	case MSR_KVM_MIGRATION_CONTROL:
		*data = 0;
		return 0;
	}
	return KVM_UVMEM_PASS;
}

int uvmem_face_set_msr(struct kvm_vcpu *vcpu, u32 msr, u64 data)
{
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);

	if (!vm->cbit)
		return KVM_UVMEM_PASS;

	switch (msr) {
	case MSR_AMD64_SEV:
		return -EINVAL;
	case MSR_KVM_MIGRATION_CONTROL:
		/* Whether the guest could be migrated; nobody can do it. */
		return data & ~(u64)KVM_MIGRATION_READY ? -EINVAL : 0;
	}
	return KVM_UVMEM_PASS;
}

/* What is at @start and cannot hold secure pages; NULL: from there to @end all can. */
static const char *unfit_memory(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	unsigned long at = start;
	struct vma_iterator vmi;

	mmap_assert_locked(mm);
	vma_iter_init(&vmi, mm, start);
	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > at)
			break;
		if (is_vm_hugetlb_page(vma))
			return "hugetlb";
		if (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP | VM_IO))
			return "device memory";
		if (!vma_is_anonymous(vma))
			return vma->vm_flags & VM_SHARED ? "a shared mapping or memfd" : "a file";
		at = vma->vm_end;
	}
	return at < end ? "not mapped" : NULL;
}

/*
 * A stock guest finds out only when it declares its memory encrypted, and is
 * stopped then. Say it before it runs, and why: to the log, for all that KVM has is an
 * errno. The VMM can exchange the memory later, hence this is no substitute for the
 * check on page-in.
 */
int uvmem_face_check_slot(struct uvmem_vm *vm, const struct kvm_memory_slot *slot)
{
	unsigned long start = slot->userspace_addr;
	const char *what;

	/* ROM is not declared encrypted, or passed over. */
	if (!vm->cbit || slot->flags & KVM_MEM_READONLY)
		return 0;

	mmap_read_lock(vm->mm);
	what = unfit_memory(vm->mm, start, start + (slot->npages << PAGE_SHIFT));
	mmap_read_unlock(vm->mm);
	if (!what)
		return 0;

	pr_warn_ratelimited("VM %llu (%s, pid %d): memory at gpa 0x%llx cannot be secure, it is %s: only private anonymous memory can\n",
			    vm->id, vm->name, pid_nr(vm->pid), gfn_to_gpa(slot->base_gfn), what);
	return -EOPNOTSUPP;
}
