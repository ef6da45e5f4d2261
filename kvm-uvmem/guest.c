// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest.c - what KVM asks on behalf of a guest
 *
 * Purpose
 *	The kvm_uvmem_ops: guest faults, the level at which a gfn may be mapped, and
 *	KVM's own accesses to guest memory (emulator, page walker), which must see
 *	what the guest sees and never go through the VMM's mapping of a secure page.
 *
 * Notes on locking
 *	A guest fault takes the frame's pfn without a reference. That is right
 *	because KVM sampled mmu_invalidate_seq before: whoever takes the frame away
 *	sets the transit mark (or LOST) first, then invalidates, then frees. A fault
 *	that read the word before the mark finds the sequence changed under
 *	mmu_lock; one that reads it later sees the mark.
 */
#include <linux/highmem.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "device.h"
#include "trace.h"
#include "hypercalls.h"

/* How often a page may change between secure and plain under one change of its content. */
#define GUEST_CHANGE_RETRIES	8

static int guest_faultin_pfn(struct kvm_vcpu *vcpu, const struct kvm_memory_slot *slot,
			     gfn_t gfn, bool write, kvm_pfn_t *pfn, bool *writable)
{
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);
	unsigned int off = uvmem_chunk_offset(gfn);
	struct uvmem_chunk *chunk;
	u64 ent;
	int ret;

	chunk = uvmem_chunk_peek(vm, gfn, &ent);
	if (chunk)
		ent = READ_ONCE(chunk->ent[off]);
	if (uvmem_ent_is_plain(ent))
		return KVM_UVMEM_PASS;
	if (uvmem_ent_state(ent) == UVMEM_PAGE_IN && !(ent & UVMEM_ENT_TRANSIT)) {
		if (uvmem_frame_failed(pfn_to_page(uvmem_ent_payload(ent)))) {
			uvmem_vm_stop(vm, UVMEM_STOP_HWPOISON, gfn);
			return -EAGAIN;
		}
		/* A page that is IN is never one of many that are all alike. */
		uvmem_around_touched(chunk, off);
		*pfn = uvmem_ent_payload(ent);
		*writable = true;
		return 0;
	}
	if (signal_pending(current))
		return -EAGAIN;
	ret = uvmem_page_in_one(vm, gfn, UVMEM_CAUSE_GUEST_FAULT);
	/* It took an invalidation: what KVM sampled before is stale now. */
	return ret ?: KVM_UVMEM_AGAIN;
}

/* Can 2 MiB of frames be mapped as one, or would the guest run into one that has failed? */
static bool block_is_good(unsigned long pfn)
{
	unsigned long i;

	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		if (uvmem_frame_failed(pfn_to_page(pfn + i)))
			return false;
	return true;
}

static int guest_max_mapping_level(struct kvm *kvm, gfn_t gfn, int max_level, bool *secure)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);
	struct uvmem_chunk *chunk;
	unsigned long contig;
	u64 ent;

	chunk = uvmem_chunk_peek(vm, gfn, &ent);
	if (!chunk) {
		*secure = uvmem_page_is_secure(uvmem_ent_state(ent));
		return uvmem_ent_is_plain(ent) ? min_t(int, max_level, PG_LEVEL_2M) : PG_LEVEL_4K;
	}
	*secure = uvmem_page_is_secure(uvmem_ent_state(READ_ONCE(chunk->ent[uvmem_chunk_offset(gfn)])));
	/*
	 * One page that is or is becoming secure forbids a huge mapping of the
	 * VMM's page: it would show the guest's neighbours to the VMM. And one
	 * page that is not in its place forbids one of the frames. A page for
	 * which that becomes so after this look is zapped after its mark was set.
	 */
	contig = READ_ONCE(chunk->contig);
	if (*secure ? contig && !READ_ONCE(chunk->nr_transit) && block_is_good(contig) :
		      !READ_ONCE(chunk->nr_blocked))
		return min_t(int, max_level, PG_LEVEL_2M);
	return PG_LEVEL_4K;
}

static bool guest_is_secure(struct kvm *kvm, gfn_t gfn)
{
	return !uvmem_ent_is_plain(uvmem_gfn_read(to_uvmem_vm(kvm), gfn));
}

/* Pages that never were secure, or are not any more, are nobody's when their slot is gone. */
static bool guest_gfn_gone(struct kvm *kvm, gfn_t gfn)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);

	if (!uvmem_page_is_secure(uvmem_gfn_state(vm, gfn, NULL)))
		return false;
	uvmem_vm_stop(vm, UVMEM_STOP_NO_SLOT, gfn);
	return true;
}

struct copy_arg {
	void *to;
	const void *from;
	int offset;
	int len;
};

static int copy_from_page(void *mem, void *arg)
{
	struct copy_arg *copy = arg;

	mem += copy->offset;
	/* A page-table entry that other vCPUs change must be read in one piece. */
	if (copy->len == 8 && IS_ALIGNED((unsigned long)mem, 8))
		*(u64 *)copy->to = READ_ONCE(*(u64 *)mem);
	else if (copy->len == 4 && IS_ALIGNED((unsigned long)mem, 4))
		*(u32 *)copy->to = READ_ONCE(*(u32 *)mem);
	else
		memcpy(copy->to, mem, copy->len);
	return 0;
}

static int copy_to_page(void *mem, void *arg)
{
	struct copy_arg *copy = arg;

	memcpy(mem + copy->offset, copy->from, copy->len);
	return 0;
}

static int guest_read(struct kvm *kvm, gfn_t gfn, void *data, int offset, int len, bool atomic)
{
	struct copy_arg copy = { .to = data, .offset = offset, .len = len };

	return uvmem_access_page(to_uvmem_vm(kvm), gfn, atomic, copy_from_page, &copy);
}

static int copy_to_plain(void __user *mem, void *arg)
{
	struct copy_arg *copy = arg;

	return __copy_to_user_inatomic(mem + copy->offset, copy->from, copy->len) ? -EFAULT : 0;
}

/*
 * A plain page is changed here as well, and not left to KVM: that could come after
 * another vCPU has made the page secure, and spoil what is sealed.
 */
static int guest_change(struct uvmem_vm *vm, gfn_t gfn, int offset, int len,
			uvmem_access_fn secure_fn, uvmem_plain_fn plain_fn, void *arg)
{
	unsigned int try;
	int ret;

	for (try = 0; try < GUEST_CHANGE_RETRIES; try++) {
		ret = uvmem_access_page(vm, gfn, false, secure_fn, arg);
		if (ret != KVM_UVMEM_PASS)
			return ret;
		uvmem_point(UVMEM_AT_CHANGE_PLAIN);
		ret = uvmem_change_plain(vm, gfn, offset, len, plain_fn, arg);
		if (ret != -EAGAIN)
			return ret;
	}
	return -EFAULT;
}

static int guest_write(struct kvm *kvm, gfn_t gfn, const void *data, int offset, int len)
{
	struct copy_arg copy = { .from = data, .offset = offset, .len = len };

	return guest_change(to_uvmem_vm(kvm), gfn, offset, len, copy_to_page, copy_to_plain, &copy);
}

struct cmpxchg_arg {
	void *old;
	u64 new;
	int offset;
	int len;
};

/* The guest's other vCPUs have the page mapped: it takes a real one. */
static int cmpxchg_page(void *mem, void *arg)
{
	struct cmpxchg_arg *x = arg;
	bool done;

	mem += x->offset;
	switch (x->len) {
	case 1:
		done = try_cmpxchg((u8 *)mem, (u8 *)x->old, (u8)x->new);
		break;
	case 2:
		done = try_cmpxchg((u16 *)mem, (u16 *)x->old, (u16)x->new);
		break;
	case 4:
		done = try_cmpxchg((u32 *)mem, (u32 *)x->old, (u32)x->new);
		break;
	case 8:
		done = try_cmpxchg((u64 *)mem, (u64 *)x->old, x->new);
		break;
	default:
		return -EINVAL;
	}
	return done ? 0 : -EBUSY;
}

/* 0, 1: it was not @old, -EFAULT */
#define try_cmpxchg_plain(t, mem, x)							\
	__try_cmpxchg_user((t __user *)(mem), (t *)(x)->old, (t)(x)->new, failed_##t)

static int cmpxchg_plain(void __user *mem, void *arg)
{
	struct cmpxchg_arg *x = arg;
	int ret;

	mem += x->offset;
	switch (x->len) {
	case 1:
		ret = try_cmpxchg_plain(u8, mem, x);
		break;
	case 2:
		ret = try_cmpxchg_plain(u16, mem, x);
		break;
	case 4:
		ret = try_cmpxchg_plain(u32, mem, x);
		break;
	case 8:
		ret = try_cmpxchg_plain(u64, mem, x);
		break;
	default:
		return -EINVAL;
	}
	return ret > 0 ? -EBUSY : ret;
}

static int guest_cmpxchg(struct kvm *kvm, gpa_t gpa, void *old, u64 new, int len)
{
	struct cmpxchg_arg x = {
		.old = old, .new = new, .offset = offset_in_page(gpa), .len = len,
	};

	return guest_change(to_uvmem_vm(kvm), gpa_to_gfn(gpa), x.offset, len, cmpxchg_page,
			    cmpxchg_plain, &x);
}

static void guest_stop_exit(struct kvm_vcpu *vcpu)
{
	struct uvmem_vm *vm = to_uvmem_vm(vcpu->kvm);
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = UVMEM_SUBERROR;
	run->internal.ndata = 3;
	run->internal.data[0] = atomic_read_acquire(&vm->stop_reason);
	run->internal.data[1] = vm->stop_gpa;
	run->internal.data[2] = vm->id;
}

/* ---- memslots --------------------------------------------------------------------- */

/* Address space 1 (SMM) shows the same gfns: they are kept once. */
static bool slot_counts(const struct kvm_memory_slot *slot)
{
	return slot && !slot->as_id && slot->id < KVM_USER_MEM_SLOTS;
}

static int guest_prepare_memslot(struct kvm *kvm, const struct kvm_memory_slot *old,
				 const struct kvm_memory_slot *new, enum kvm_mr_change change)
{
	int ret;

	if (change != KVM_MR_CREATE && change != KVM_MR_MOVE)
		return 0;
	if (!slot_counts(new))
		return 0;
	/* Secure pages live behind anonymous memory of the VMM, nowhere else. */
	if (new->flags & KVM_MEM_GUEST_MEMFD)
		return -EOPNOTSUPP;
	if (!uvmem_range_valid(new->base_gfn, new->npages))
		return -EINVAL;
	ret = uvmem_face_check_slot(to_uvmem_vm(kvm), new);
	if (ret)
		return ret;
	/* A write to it would be MMIO, and show the VMM what the guest keeps there. */
	if ((new->flags & KVM_MEM_READONLY) &&
	    uvmem_gfn_any_secure(to_uvmem_vm(kvm), new->base_gfn, new->npages))
		return -EINVAL;
	ret = uvmem_gfn_reserve(to_uvmem_vm(kvm), new->base_gfn, new->npages);
	if (ret)
		uvmem_gfn_release(to_uvmem_vm(kvm), new->base_gfn, new->npages);
	uvmem_point(UVMEM_AT_SLOT_RESERVED);
	return ret;
}

static void guest_commit_memslot(struct kvm *kvm, const struct kvm_memory_slot *old,
				 const struct kvm_memory_slot *new, enum kvm_mr_change change)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);

	if ((change == KVM_MR_DELETE || change == KVM_MR_MOVE) && slot_counts(old)) {
		vm->uv->unregister_mem_slot(vm, old->id);
		uvmem_gfn_slot_change(vm, old->base_gfn, old->npages, false);
	}
	if ((change == KVM_MR_CREATE || change == KVM_MR_MOVE) && slot_counts(new)) {
		uvmem_gfn_slot_change(vm, new->base_gfn, new->npages, true);
		vm->uv->register_mem_slot(vm, new->base_gfn, new->npages, new->id);
	}
	/* Not before: a slot that moves may need what it had. */
	if ((change == KVM_MR_DELETE || change == KVM_MR_MOVE) && slot_counts(old))
		uvmem_gfn_release(vm, old->base_gfn, old->npages);
}

/* All others are armed by UVMEM_ARM. */
static int guest_create_vm(struct kvm *kvm)
{
	struct uvmem_arm arm;
	struct uvmem_vm *vm;
	int ret;

	if (!uvmem_device_marked(&arm))
		return 0;

	ret = uvmem_vm_arm(kvm, arm.flags, arm.max_frames, arm.name, &vm);
	if (ret)
		return ret;
	/* Who wants to see it opens it by its id. */
	uvmem_vm_put(vm);
	return 0;
}

const struct kvm_uvmem_ops uvmem_kvm_ops = {
	.owner			= THIS_MODULE,
	.create_vm		= guest_create_vm,
	.pre_destroy_vm		= uvmem_vm_pre_destroy,
	.destroy_vm		= uvmem_vm_destroy,
	.prepare_memslot	= guest_prepare_memslot,
	.commit_memslot		= guest_commit_memslot,
	.faultin_pfn		= guest_faultin_pfn,
	.max_mapping_level	= guest_max_mapping_level,
	.is_secure		= guest_is_secure,
	.gfn_gone		= guest_gfn_gone,
	.read_guest		= guest_read,
	.write_guest		= guest_write,
	.cmpxchg_guest		= guest_cmpxchg,
	.hypercall		= uvmem_hypercall,
	.cpuid			= uvmem_face_cpuid,
	.get_msr		= uvmem_face_get_msr,
	.set_msr		= uvmem_face_set_msr,
	.needs_reset		= uvmem_vm_needs_reset,
	.reset_vm		= uvmem_vm_reset,
	.stop_exit		= guest_stop_exit,
};
