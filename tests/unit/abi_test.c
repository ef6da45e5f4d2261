// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hypercalls/abi.c: errno -> H_*, U_*, KVM_E*; and the numbers of the ABI
 */
#include <errno.h>
#include <linux/kvm_para.h>

#include "unit.h"
#include "hypercalls.h"

static const enum uvmem_h_family families[] = {
	UVMEM_H_START, UVMEM_H_DONE, UVMEM_H_ABORT, UVMEM_H_PAGE, UVMEM_H_ESM,
	UVMEM_H_SHARE, UVMEM_H_UV_PAGE, UVMEM_H_UV_SLOT, UVMEM_H_KVM,
};

/* As they stand in Documentation/arch/powerpc/ultravisor.rst and asm/hvcall.h. */
static void numbers(void **unused)
{
	(void)unused;
	assert_int_equal(H_SVM_PAGE_IN, 0xEF00);
	assert_int_equal(H_SVM_PAGE_OUT, 0xEF04);
	assert_int_equal(H_SVM_INIT_START, 0xEF08);
	assert_int_equal(H_SVM_INIT_DONE, 0xEF0C);
	assert_int_equal(H_SVM_INIT_ABORT, 0xEF14);
	assert_int_equal(UV_ESM, 0xF110);
	assert_int_equal(UV_REGISTER_MEM_SLOT, 0xF120);
	assert_int_equal(UV_UNREGISTER_MEM_SLOT, 0xF124);
	assert_int_equal(UV_PAGE_IN, 0xF128);
	assert_int_equal(UV_PAGE_OUT, 0xF12C);
	assert_int_equal(UV_SHARE_PAGE, 0xF130);
	assert_int_equal(UV_UNSHARE_PAGE, 0xF134);
	assert_int_equal(UV_PAGE_INVAL, 0xF138);
	assert_int_equal(UV_SVM_TERMINATE, 0xF13C);
	assert_int_equal(UV_UNSHARE_ALL_PAGES, 0xF140);
	assert_int_equal(H_PAGE_IN_SHARED, 1);
	assert_int_equal(KVM_HC_MAP_GPA_RANGE, 12);
}

static void codes(void **unused)
{
	(void)unused;
	assert_int_equal(H_SUCCESS, 0);
	assert_int_equal(H_BUSY, 1);
	assert_int_equal(H_HARDWARE, -1);
	assert_int_equal(H_FUNCTION, -2);
	assert_int_equal(H_PARAMETER, -4);
	assert_int_equal(H_NO_MEM, -9);
	assert_int_equal(H_PERMISSION, -11);
	assert_int_equal(H_RESOURCE, -16);
	assert_int_equal(H_P2, -55);
	assert_int_equal(H_P3, -56);
	assert_int_equal(H_P4, -57);
	assert_int_equal(H_P5, -58);
	assert_int_equal(H_UNSUPPORTED, -67);
	assert_int_equal(H_STATE, -75);
}

/* H_SVM_INIT_ABORT is the end of a UV_ESM that failed: H_PARAMETER is its success. */
static void success(void **unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(families); i++)
		assert_int_equal(uvmem_h_from_errno(families[i], 0),
				 families[i] == UVMEM_H_ABORT ? H_PARAMETER : 0);
}

static int is_success(enum uvmem_h_family family, long code)
{
	return family == UVMEM_H_ABORT ? code == H_PARAMETER : code == 0;
}

/*
 * No error may look like success to a guest. "It is so already" alone may, and only
 * where the call asks for a condition and not for a change.
 */
static void no_error_is_success(void **unused)
{
	static const int already[] = {
		UVMEM_H_PAGE, UVMEM_H_ESM, UVMEM_H_SHARE, UVMEM_H_UV_PAGE,
		UVMEM_H_UV_SLOT, UVMEM_H_KVM,
	};
	unsigned int i, j;
	int err;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(families); i++) {
		for (err = 1; err < 4096; err++) {
			long code = uvmem_h_from_errno(families[i], -err);
			int allowed = 0;

			for (j = 0; err == EALREADY && j < ARRAY_LEN(already); j++)
				allowed |= already[j] == (int)families[i];
			/* a parameter error of INIT_ABORT looks alike, and is none */
			if (families[i] == UVMEM_H_ABORT && (err == EINVAL || err == ENOENT))
				allowed = 1;
			if (is_success(families[i], code) && !allowed)
				fail_msg("errno %d of family %u is success", err, i);
		}
	}
}

/* A positive errno is a bug of the caller; it must not be taken for a result. */
static void positive_is_an_error(void **unused)
{
	unsigned int i;
	int err;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(families); i++)
		for (err = 1; err < 200; err++)
			assert_false(is_success(families[i],
						uvmem_h_from_errno(families[i], err)));
}

static void unforeseen_is_hardware(void **unused)
{
	static const int errs[] = { -ENOSPC, -ELOOP, -4095, -1000000 };
	unsigned int i, j;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(families); i++)
		for (j = 0; j < ARRAY_LEN(errs); j++)
			assert_int_equal(uvmem_h_from_errno(families[i], errs[j]),
					 families[i] == UVMEM_H_KVM ? -KVM_EFAULT : H_HARDWARE);
}

/* The cells that guests act upon, one by one. */
static void conversions(void **unused)
{
	static const struct {
		enum uvmem_h_family family;
		int err;
		long code;
	} cells[] = {
		/* transient: the guest repeats, and can tell it from its own mistakes */
		{ UVMEM_H_PAGE, EBUSY, H_BUSY }, { UVMEM_H_PAGE, EAGAIN, H_BUSY },
		{ UVMEM_H_ESM, EBUSY, U_BUSY }, { UVMEM_H_SHARE, EBUSY, U_BUSY },
		{ UVMEM_H_START, EAGAIN, H_BUSY }, { UVMEM_H_UV_PAGE, EAGAIN, U_BUSY },
		{ UVMEM_H_PAGE, ENOMEM, H_NO_MEM }, { UVMEM_H_ESM, ENOMEM, U_RETRY },
		{ UVMEM_H_SHARE, ENOMEM, U_RETRY },
		/* in this state of the VM it cannot be */
		{ UVMEM_H_START, EALREADY, H_STATE }, { UVMEM_H_START, EBUSY, H_STATE },
		{ UVMEM_H_DONE, EPERM, H_UNSUPPORTED }, { UVMEM_H_ABORT, EPERM, H_UNSUPPORTED },
		{ UVMEM_H_PAGE, EPERM, H_UNSUPPORTED }, { UVMEM_H_SHARE, EPERM, U_INVALID },
		{ UVMEM_H_KVM, EPERM, -KVM_EPERM },
		/* the guest's mistake */
		{ UVMEM_H_PAGE, EINVAL, H_PARAMETER }, { UVMEM_H_SHARE, EINVAL, U_PARAMETER },
		{ UVMEM_H_KVM, EINVAL, -KVM_EINVAL }, { UVMEM_H_PAGE, ENOENT, H_PARAMETER },
		/* what the ultravisor interface says of slots and pages (uv.c) */
		{ UVMEM_H_UV_SLOT, EINVAL, U_P2 }, { UVMEM_H_UV_SLOT, EEXIST, U_P5 },
		{ UVMEM_H_UV_SLOT, ENOENT, U_P2 }, { UVMEM_H_UV_SLOT, ENOKEY, U_NO_KEY },
		{ UVMEM_H_UV_PAGE, ENOKEY, U_NO_KEY },
		/* tampering is never taken for anything else */
		{ UVMEM_H_PAGE, EBADMSG, H_BAD_DATA }, { UVMEM_H_PAGE, EIO, H_BAD_DATA },
		{ UVMEM_H_UV_PAGE, EBADMSG, U_PERMISSION },
		{ UVMEM_H_SHARE, EBADMSG, U_PERMISSION },
		{ UVMEM_H_KVM, EBADMSG, -KVM_EFAULT },
		{ UVMEM_H_PAGE, EHWPOISON, H_HARDWARE },
		/* what is so already needs no repeating */
		{ UVMEM_H_PAGE, EALREADY, H_SUCCESS }, { UVMEM_H_SHARE, EALREADY, U_SUCCESS },
		{ UVMEM_H_KVM, EALREADY, 0 },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(cells); i++) {
		long code = uvmem_h_from_errno(cells[i].family, -cells[i].err);

		if (code != cells[i].code)
			fail_msg("family %d, errno %d: %ld, not %ld",
				 (int)cells[i].family, cells[i].err, code, cells[i].code);
	}
}

static void every_result_has_a_name(void **unused)
{
	unsigned int i;
	int err;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(families); i++)
		for (err = 0; families[i] != UVMEM_H_KVM && err < 200; err++)
			assert_non_null(uvmem_h_name(uvmem_h_from_errno(families[i], -err)));
	assert_string_equal(uvmem_h_name(0), "H_SUCCESS");
	assert_string_equal(uvmem_h_name(-75), "H_STATE");
	assert_null(uvmem_h_name(-9999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(codes),
		cmocka_unit_test(success),
		cmocka_unit_test(no_error_is_success),
		cmocka_unit_test(positive_is_an_error),
		cmocka_unit_test(unforeseen_is_hardware),
		cmocka_unit_test(conversions),
		cmocka_unit_test(every_result_has_a_name),
	};

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
