// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi.c - errno becomes H_*, U_* or KVM_E*; names of the codes
 *
 * Inside, an error is an errno. Here, and nowhere else, it turns into what the
 * guest sees. The same errno means different things to different calls, hence
 * one column per family of calls.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#else
#include <errno.h>
#endif
#include <linux/kvm_para.h>

#include "hypercalls.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

struct row {
	int err;
	long code[UVMEM_H_NR_FAMILIES];
};

#define ROW(err_, start, done, abort, page, esm, share, uv_page, uv_slot, kvm)	\
	{ .err = (err_), .code = {						\
		[UVMEM_H_START] = (start), [UVMEM_H_DONE] = (done),		\
		[UVMEM_H_ABORT] = (abort), [UVMEM_H_PAGE] = (page),		\
		[UVMEM_H_ESM] = (esm), [UVMEM_H_SHARE] = (share),		\
		[UVMEM_H_UV_PAGE] = (uv_page), [UVMEM_H_UV_SLOT] = (uv_slot),	\
		[UVMEM_H_KVM] = (kvm) } }

/*
 * KVM has no code for "busy": -KVM_EFAULT is what a guest gets whose range could
 * not be shared. H_SVM_INIT_ABORT succeeds with H_PARAMETER: it is the result of
 * the UV_ESM that failed.
 */
static const struct row rows[] = {
	/* START, DONE, ABORT, PAGE, ESM, SHARE, UV_PAGE, UV_SLOT, KVM */
	ROW(0, H_SUCCESS, H_SUCCESS, H_PARAMETER, H_SUCCESS,
	    U_SUCCESS, U_SUCCESS, U_SUCCESS, U_SUCCESS, 0),
	/* something is pinned, locked or in transit; or another event is under way */
	ROW(EBUSY, H_STATE, H_STATE, H_BUSY, H_BUSY,
	    U_BUSY, U_BUSY, U_BUSY, U_BUSY, -KVM_EFAULT),
	ROW(EAGAIN, H_BUSY, H_BUSY, H_BUSY, H_BUSY,
	    U_BUSY, U_BUSY, U_BUSY, U_BUSY, -KVM_EFAULT),
	ROW(EINVAL, H_PARAMETER, H_PARAMETER, H_PARAMETER, H_PARAMETER,
	    U_PARAMETER, U_PARAMETER, U_P3, U_P2, -KVM_EINVAL),
	ROW(ENOENT, H_PARAMETER, H_PARAMETER, H_PARAMETER, H_PARAMETER,
	    U_PARAMETER, U_PARAMETER, U_P3, U_P2, -KVM_EINVAL),
	ROW(EEXIST, H_STATE, H_STATE, H_STATE, H_STATE,
	    U_PARAMETER, U_PARAMETER, U_P3, U_P5, -KVM_EINVAL),
	/* the VM has not begun to become secure */
	ROW(EPERM, H_STATE, H_UNSUPPORTED, H_UNSUPPORTED, H_UNSUPPORTED,
	    U_INVALID, U_INVALID, U_PERMISSION, U_PERMISSION, -KVM_EPERM),
	/* it has already */
	ROW(EALREADY, H_STATE, H_UNSUPPORTED, H_STATE, H_SUCCESS,
	    U_SUCCESS, U_SUCCESS, U_SUCCESS, U_SUCCESS, 0),
	/* it has ended */
	ROW(ESRCH, H_STATE, H_STATE, H_UNSUPPORTED, H_UNSUPPORTED,
	    U_INVALID, U_INVALID, U_PARAMETER, U_PARAMETER, -KVM_EPERM),
	ROW(ENOMEM, H_NO_MEM, H_NO_MEM, H_NO_MEM, H_NO_MEM,
	    U_RETRY, U_RETRY, U_RETRY, U_RETRY, -KVM_EFAULT),
	ROW(ENOKEY, H_RESOURCE, H_STATE, H_STATE, H_STATE,
	    U_NO_KEY, U_NO_KEY, U_NO_KEY, U_NO_KEY, -KVM_EOPNOTSUPP),
	/* the memory behind a page cannot be secure: hugetlb, file, shared ... */
	ROW(EFAULT, H_FUNCTION, H_FUNCTION, H_FUNCTION, H_FUNCTION,
	    U_FUNCTION, U_FUNCTION, U_FUNCTION, U_FUNCTION, -KVM_EFAULT),
	ROW(EOPNOTSUPP, H_UNSUPPORTED, H_UNSUPPORTED, H_UNSUPPORTED, H_FUNCTION,
	    U_FUNCTION, U_FUNCTION, U_FUNCTION, U_FUNCTION, -KVM_EOPNOTSUPP),
	/* content was forged, dropped or lost; the guest is being stopped */
	ROW(EBADMSG, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA,
	    U_PERMISSION, U_PERMISSION, U_PERMISSION, U_PERMISSION, -KVM_EFAULT),
	ROW(ENODATA, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA,
	    U_PERMISSION, U_PERMISSION, U_PERMISSION, U_PERMISSION, -KVM_EFAULT),
	ROW(EIO, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA, H_BAD_DATA,
	    U_PERMISSION, U_PERMISSION, U_PERMISSION, U_PERMISSION, -KVM_EFAULT),
	/* the memory of a frame has failed: of page-out only, the page stays */
	ROW(EHWPOISON, H_HARDWARE, H_HARDWARE, H_HARDWARE, H_HARDWARE,
	    H_HARDWARE, H_HARDWARE, H_HARDWARE, H_HARDWARE, -KVM_EFAULT),
};

long uvmem_h_from_errno(enum uvmem_h_family family, int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].err == -err)
			return rows[i].code[family];
	/* Not foreseen: a bug of ours, never success. */
	return family == UVMEM_H_KVM ? -KVM_EFAULT : H_HARDWARE;
}

static const struct {
	long code;
	const char *name;
} names[] = {
#define NAME(code)	{ code, #code }
	NAME(H_SUCCESS),
	NAME(H_BUSY),
	NAME(H_HARDWARE),
	NAME(H_FUNCTION),
	NAME(H_PARAMETER),
	NAME(U_RETRY),
	NAME(H_NO_MEM),
	NAME(H_PERMISSION),
	NAME(H_RESOURCE),
	NAME(H_P2),
	NAME(H_P3),
	NAME(H_P4),
	NAME(H_P5),
	NAME(H_UNSUPPORTED),
	NAME(H_BAD_DATA),
	NAME(H_NOT_ACTIVE),
	NAME(H_STATE),
#undef NAME
};

const char *uvmem_h_name(long code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}
