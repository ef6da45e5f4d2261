// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_hc_map_gpa_range.c - what a stock SEV guest says about its memory
 *
 * encrypted = secure, decrypted = share, both with the content kept. The first
 * encrypted range of a VM is its ESM.
 *
 * A stock Linux guest looks at no result. If it declares a range encrypted and
 * that cannot be done, it would go on and put its secrets where the VMM can read
 * them; so such a guest is stopped. A decrypted range that cannot be had hurts no
 * secret: that is an error and no more.
 */
#include <linux/kvm_para.h>

#include "hypercalls.h"

/*
 * Video memory and ROMs of a PC. No memory map has RAM there, but the VMM may have
 * writable memory behind it, and must go on to see it: whoever declares all of
 * his memory encrypted does not mean this.
 */
#define LEGACY_GFN	0xa0
#define LEGACY_NR	0x60

/* Does any gfn of the range have memory that can be secure? */
static bool has_memory(struct uvmem_vm *vm, const struct uvmem_hc_walk *walk)
{
	gfn_t gfn = walk->gfn, end = gfn + walk->nr;
	u64 n;

	while (uvmem_next_slot_range(vm, gfn, &gfn, &n) && gfn < end) {
		if (gfn >= walk->except && gfn < walk->except + walk->nr_except) {
			gfn += min(n, walk->except + walk->nr_except - gfn);
			continue;
		}
		if (uvmem_range_in_slots(vm, gfn, 1))
			return true;
		gfn += n;
	}
	return false;
}

/* 0, -EAGAIN, -errno: it could not be done, the guest must not go on. */
static int map_encrypted(struct uvmem_vm *vm, const struct uvmem_hc *hc,
			 const struct uvmem_hc_walk *walk, gfn_t *ret_gfn)
{
	int err;

	if (READ_ONCE(vm->state) == UVMEM_VM_NORMAL) {
		err = uvmem_vm_init_start(vm);
		/* Another vCPU was faster: look again. */
		if (err)
			return READ_ONCE(vm->state) != UVMEM_VM_NORMAL ? -EAGAIN : err;
		WRITE_ONCE(vm->hc.map_esm, true);
		WRITE_ONCE(vm->hc.esm_err, 0);
	}

	err = uvmem_hc_walk(vm, hc, walk, ret_gfn);
	if (err)
		return err;

	/* A guest that called H_SVM_INIT_START itself will say when it is done. */
	if (READ_ONCE(vm->state) == UVMEM_VM_INIT && READ_ONCE(vm->hc.map_esm)) {
		err = uvmem_vm_init_done(vm);
		if (err == -EALREADY)
			err = 0;
		if (!err)
			WRITE_ONCE(vm->hc.map_esm, false);
	}
	return err;
}

static enum uvmem_stop_reason stop_reason(int err)
{
	switch (err) {
	case -ENOMEM:
		return UVMEM_STOP_NO_MEMORY;
	case -EBADMSG:
		return UVMEM_STOP_INTEGRITY;
	case -ENODATA:
		return UVMEM_STOP_MISSING;
	case -EIO:
		return UVMEM_STOP_LOST;
	default:
		return UVMEM_STOP_NOT_ANON;
	}
}

enum kvm_uvmem_hypercall_result kvm_hc_map_gpa_range(struct uvmem_vm *vm,
						     const struct uvmem_hc *hc, long *ret)
{
	/* For the guest that has a C-bit, an address is the same with and without it. */
	unsigned long gpa = hc->arg[0] & ~(vm->cbit ? 1UL << vm->cbit : 0);
	unsigned long attrs = hc->arg[2];
	bool encrypted = attrs & UVMEM_MAP_ENCRYPTED;
	const struct uvmem_hc_walk walk = {
		.direction = encrypted ? UVMEM_HC_SECURE : UVMEM_HC_SHARE,
		.tries = UVMEM_HC_TRIES,
		.tries_memory = encrypted ? UVMEM_HC_TRIES_MEMORY : UVMEM_HC_TRIES,
		.gfn = gpa >> UVMEM_PAGE_SHIFT,
		.nr = hc->arg[1],
		.except = LEGACY_GFN,
		.nr_except = encrypted && vm->cbit ? LEGACY_NR : 0,
	};
	gfn_t gfn = walk.gfn;
	int err;

	if (READ_ONCE(vm->state) == UVMEM_VM_TERMINATED)
		return uvmem_hc_end(UVMEM_H_KVM, -ESRCH, ret);
	if (attrs & ~(UVMEM_MAP_PAGE_SIZE | UVMEM_MAP_ENCRYPTED) ||
	    (attrs & UVMEM_MAP_PAGE_SIZE) > UVMEM_MAP_PAGE_SIZE_MAX ||
	    gpa & ((1UL << UVMEM_PAGE_SHIFT) - 1) ||
	    !uvmem_range_valid(walk.gfn, walk.nr))
		return uvmem_hc_code(-KVM_EINVAL, ret);
	/* A hole may be a part of what is asked for, but not all of it. */
	if (encrypted && !has_memory(vm, &walk))
		return uvmem_hc_code(-KVM_EINVAL, ret);

	if (!encrypted) {
		/* Nothing is secure yet: all memory is as the guest wants this to be. */
		if (READ_ONCE(vm->state) == UVMEM_VM_NORMAL)
			return uvmem_hc_code(0, ret);
		err = uvmem_hc_walk(vm, hc, &walk, NULL);
		return uvmem_hc_end(UVMEM_H_KVM, err, ret);
	}

	err = map_encrypted(vm, hc, &walk, &gfn);
	if (err && err != -EAGAIN) {
		uvmem_vm_stop(vm, stop_reason(err), gfn);
		/* It never comes back from here. */
		return KVM_UVMEM_HC_AGAIN;
	}
	return uvmem_hc_end(UVMEM_H_KVM, err, ret);
}
