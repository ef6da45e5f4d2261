/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state.h - states, events and transitions of secure pages and VMs
 *
 * The one place that says what may follow what (state.c). Pure: the module and
 * the unit tests are built from it; they hold docs/page-states.md against it.
 */
#ifndef UVMEM_STATE_H
#define UVMEM_STATE_H

#include <linux/kvm_uvmem.h>

/* What can happen to one page. Names say what happened, not who did it. */
enum uvmem_page_event {
	UVMEM_EV_ADD,		/* a memslot that has the gfn appeared */
	UVMEM_EV_REMOVE,	/* its memslot went away (secure pages stay, detached) */
	UVMEM_EV_SECURE,	/* plaintext was taken into a frame */
	UVMEM_EV_SECURE_EMPTY,	/* secured with nothing behind it */
	UVMEM_EV_FILL,		/* a frame was made for a page that had none */
	UVMEM_EV_SEAL,		/* sealed into the VMM's page */
	UVMEM_EV_UNSEAL,	/* verified and taken back into a frame */
	UVMEM_EV_SAME_FILLED,	/* found same-filled: the frame was freed */
	UVMEM_EV_POOL,		/* compressed, sealed, kept by the kernel: the frame was freed */
	UVMEM_EV_SHARE,		/* given to the VMM in plaintext or zeroed */
	UVMEM_EV_ABORT,		/* given back because the VM did not become secure */
	UVMEM_EV_DROP,		/* the host dropped the VMM's mapping of it */
	UVMEM_EV_RESET,		/* the machine was reset: the content was dropped */
	UVMEM_NR_PAGE_EVENTS,
};

/* What can happen to a VM. */
enum uvmem_vm_event {
	UVMEM_VEV_INIT_START,
	UVMEM_VEV_INIT_DONE,
	UVMEM_VEV_INIT_ABORT,
	UVMEM_VEV_TERMINATE,
	UVMEM_VEV_RESET,
	UVMEM_NR_VM_EVENTS,
};

/*
 * The state after @event in @state, or the named error of that cell:
 *	-ENOENT		NONE: no memslot has the gfn
 *	-EPERM		NORMAL, SHARED: the content is not secure, so it is
 *			neither sealed nor unsealed nor kept in another form
 *	-ENODATA	ABSENT: there is no content to seal or unseal
 *	-EALREADY	it is already so, nothing to do (e.g. SECURE of a secure
 *			page, UNSEAL of one that is not sealed, SHARE of a
 *			shared one, ABORT or RESET of a normal one)
 *	-EAGAIN		OUT, POOL: unseal it first, then SHARE or ABORT
 *	-EIO		LOST: the content is gone; only SHARE, ABORT and RESET,
 *			which give it up, go on
 *	-EINVAL		cannot happen, a bug if it does: ADD of a page that has a
 *			memslot, FILL of one that has its content elsewhere, DROP of
 *			one without a handle; or no such state or event
 */
int uvmem_page_next(enum uvmem_page_state state, enum uvmem_page_event event);
/*
 * As above for a VM:
 *	-EPERM		NORMAL: nothing has been started that could be done or aborted
 *	-EBUSY		INIT: a second INIT_START
 *	-EALREADY	SECURE: it is; TERMINATED: a second TERMINATE; NORMAL: a RESET
 *	-ESRCH		TERMINATED: all but TERMINATE
 *	-EINVAL		no such state or event
 */
int uvmem_vm_next(enum uvmem_vm_state state, enum uvmem_vm_event event);

const char *uvmem_page_state_name(enum uvmem_page_state state);
const char *uvmem_page_event_name(enum uvmem_page_event event);
const char *uvmem_vm_state_name(enum uvmem_vm_state state);
const char *uvmem_vm_event_name(enum uvmem_vm_event event);

/* Is the content the guest's alone, i.e. must not be seen through the VMM's page? */
static inline _Bool uvmem_page_is_secure(enum uvmem_page_state state)
{
	return state >= UVMEM_PAGE_ABSENT;
}

#endif
