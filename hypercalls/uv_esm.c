// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_esm.c - enter secure mode: all memory of the VM becomes secure
 *
 * INIT_START, then every gfn of every memslot that is not read-only, then
 * INIT_DONE. If a page cannot be had, INIT_ABORT: the VM is a normal one again, with
 * its content in place. Each part may take many steps; what part the VM is in
 * follows from its state and from vm->hc.esm_err.
 */
#ifdef __KERNEL__
#include <linux/delay.h>
#endif

#include "hypercalls.h"

/* Undo. The error that is the reason, -EAGAIN: not all undone yet. */
static int esm_abort(struct uvmem_vm *vm)
{
	int why = READ_ONCE(vm->hc.esm_err), err;

	uvmem_hc_changes(vm, UVMEM_HC_SHARE, 0, UVMEM_MAX_GFN);
	err = uvmem_vm_init_abort(vm);
	if (err == -EBUSY || err == -ENOMEM) {
		/* A page is pinned or memory is short: half undone is no place to stay. */
		usleep_range(1000, 2000);
		return -EAGAIN;
	}
	if (err == -EAGAIN || err == -EINTR)
		return -EAGAIN;

	WRITE_ONCE(vm->hc.esm_err, 0);
	/* Another vCPU called H_SVM_INIT_DONE meanwhile: then it is so. */
	return err == -EALREADY ? 0 : why;
}

static int esm(struct uvmem_vm *vm, const struct uvmem_hc *hc)
{
	const struct uvmem_hc_walk walk = {
		.direction = UVMEM_HC_SECURE,
		.tries = UVMEM_HC_TRIES,
		.tries_memory = UVMEM_HC_TRIES,
		.gfn = 0,
		.nr = UVMEM_MAX_GFN,
	};
	int err;

	switch (READ_ONCE(vm->state)) {
	case UVMEM_VM_NORMAL:
		err = uvmem_vm_init_start(vm);
		/* Another vCPU was faster: look again. */
		if (err)
			return READ_ONCE(vm->state) != UVMEM_VM_NORMAL ? -EAGAIN : err;
		WRITE_ONCE(vm->hc.map_esm, false);
		WRITE_ONCE(vm->hc.esm_err, 0);
		break;
	case UVMEM_VM_INIT:
		if (READ_ONCE(vm->hc.esm_err))
			return esm_abort(vm);
		break;
	case UVMEM_VM_SECURE:
		return 0;
	default:
		return -ESRCH;
	}

	err = uvmem_hc_walk(vm, hc, &walk, NULL);
	if (!err) {
		err = uvmem_vm_init_done(vm);
		if (err == -EALREADY)
			err = 0;
	}
	if (!err || err == -EAGAIN)
		return err;

	WRITE_ONCE(vm->hc.esm_err, err);
	return esm_abort(vm);
}

enum kvm_uvmem_hypercall_result uv_esm(struct uvmem_vm *vm,
				       const struct uvmem_hc *hc, long *ret)
{
	if (hc->arg[0])
		return uvmem_hc_code(U_PARAMETER, ret);
	if (hc->arg[1])
		return uvmem_hc_code(U_P2, ret);
	return uvmem_hc_end(UVMEM_H_ESM, esm(vm, hc), ret);
}
