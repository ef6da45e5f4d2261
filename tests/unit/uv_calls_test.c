// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uv_calls_test.c - every hypercall and every code that its page documents
 *
 * The handlers are the module's own source files, on the VM of toy_vm.h. What needs
 * a real KVM is in tests/selftests/.
 */
#include "toy_vm.h"

/* ---- abi.c --------------------------------------------------------------------------- */

static void every_errno_becomes_a_code_of_the_abi(void **unused)
{
	int family, err;

	(void)unused;
	for (family = 0; family < UVMEM_H_NR_FAMILIES; family++) {
		for (err = 0; err < 134; err++) {
			long code = uvmem_h_from_errno(family, -err);

			if (family != UVMEM_H_KVM)
				assert_non_null(uvmem_h_name(code));
			else
				assert_true(code <= 0);
			/* Success is told only where it is one. */
			if (err && err != EALREADY)
				assert_true(code != H_SUCCESS);
		}
	}
	assert_int_equal(uvmem_h_from_errno(UVMEM_H_ABORT, 0), H_PARAMETER);
	assert_int_equal(uvmem_h_from_errno(UVMEM_H_ESM, -ENOKEY), U_NO_KEY);
	assert_int_equal(uvmem_h_from_errno(UVMEM_H_PAGE, -EINTR), H_HARDWARE);
	assert_string_equal(uvmem_h_name(1), "H_BUSY");
	assert_string_equal(uvmem_h_name(-4), "H_PARAMETER");
	assert_null(uvmem_h_name(-3));
	assert_null(uvmem_h_name(1L << 32));
}

/* ---- table.c ------------------------------------------------------------------------- */

static void unknown_numbers_are_left_to_kvm(void **unused)
{
	static const unsigned long nrs[] = {
		0, 1, 5, 9, 10, 11, 13, 0xef01, 0xef10, 0xef18, 0xf104, 0xf11c, 0xf144,
		0x10000ef00, ~0UL,
	};
	unsigned int i;
	long ret;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(nrs); i++) {
		assert_int_equal(step(0, nrs[i], 0, 0, 0, &ret), KVM_UVMEM_HC_NONE);
		assert_null(uvmem_hypercall_name(nrs[i]));
	}
	assert_string_equal(uvmem_hypercall_name(0xef08), "H_SVM_INIT_START");
	assert_string_equal(uvmem_hypercall_name(12), "KVM_HC_MAP_GPA_RANGE");
}

static void host_calls_by_a_guest_have_no_permission(void **unused)
{
	static const unsigned long nrs[] = {
		UV_REGISTER_MEM_SLOT, UV_UNREGISTER_MEM_SLOT, UV_PAGE_IN, UV_PAGE_OUT,
		UV_PAGE_INVAL, UV_SVM_TERMINATE,
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(nrs); i++)
		assert_int_equal(call(nrs[i], 1, 0x1000, 0x1000), U_PERMISSION);
	nothing_changed();
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);
	make_secure();
	for (i = 0; i < ARRAY_LEN(nrs); i++)
		assert_int_equal(call(nrs[i], 1, 0x1000, 0x1000), U_PERMISSION);
	assert_int_equal(vm.state, UVMEM_VM_SECURE);
}

/* ---- life cycle ---------------------------------------------------------------------- */

static void h_svm_init_in_each_state(void **unused)
{
	static const struct {
		enum uvmem_vm_state state;
		long start, done, abort;
	} cases[] = {
		{ UVMEM_VM_NORMAL, H_SUCCESS, H_UNSUPPORTED, H_UNSUPPORTED },
		{ UVMEM_VM_INIT, H_STATE, H_SUCCESS, H_PARAMETER },
		{ UVMEM_VM_SECURE, H_STATE, H_UNSUPPORTED, H_STATE },
		{ UVMEM_VM_TERMINATED, H_STATE, H_STATE, H_UNSUPPORTED },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		vm.state = cases[i].state;
		assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), cases[i].start);
		vm.state = cases[i].state;
		assert_int_equal(call(H_SVM_INIT_DONE, 0, 0, 0), cases[i].done);
		vm.state = cases[i].state;
		assert_int_equal(call(H_SVM_INIT_ABORT, 0, 0, 0), cases[i].abort);
	}
}

static void h_svm_init_start_without_memory_or_key(void **unused)
{
	(void)unused;
	init_err = -ENOMEM;
	assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), H_NO_MEM);
	init_err = -ENOKEY;
	assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), H_RESOURCE);
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);
}

static void h_svm_init_abort_takes_steps(void **unused)
{
	(void)unused;
	vm.state = UVMEM_VM_INIT;
	abort_again = 7;
	assert_int_equal(call(H_SVM_INIT_ABORT, 0, 0, 0), H_PARAMETER);
	assert_int_equal(steps, 8);
	vm.state = UVMEM_VM_INIT;
	abort_err = -EBUSY;
	assert_int_equal(call(H_SVM_INIT_ABORT, 0, 0, 0), H_BUSY);
	assert_int_equal(vm.state, UVMEM_VM_INIT);
	assert_int_equal(call(H_SVM_INIT_ABORT, 0, 0, 0), H_PARAMETER);
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);
}

/* ---- H_SVM_PAGE_* -------------------------------------------------------------------- */

static void h_svm_page_arguments(void **unused)
{
	static const unsigned long nrs[] = { H_SVM_PAGE_IN, H_SVM_PAGE_OUT };
	static const struct {
		unsigned long gpa, flags, order;
		long code;
	} cases[] = {
		{ 0, 2, 12, H_P2 },
		{ 0, ~0UL, 12, H_P2 },
		{ 0, 1UL << 63, 12, H_P2 },
		{ 0, 0, 0, H_P3 },
		{ 0, 0, 11, H_P3 },
		{ 0, 0, 13, H_P3 },
		{ 0, 0, 16, H_P3 },
		{ 0, 0, 30, H_P3 },
		{ 0, 0, 64 + 12, H_P3 },
		{ 0, 0, ~0UL, H_P3 },
		{ 1, 0, 12, H_PARAMETER },
		{ 0xfff, 0, 12, H_PARAMETER },
		{ 0x1000, 0, 21, H_PARAMETER },
		{ 0x200000, 0, 21, H_PARAMETER },	/* hole */
		{ HOLE << 12, 0, 12, H_PARAMETER },
		{ ROM << 12, 0, 12, H_PARAMETER },
		{ TOP << 12, 0, 12, H_PARAMETER },
		{ 0x8400UL << 12, 0, 12, H_PARAMETER },	/* one behind the end */
		{ 0x8400UL << 12, 0, 21, H_PARAMETER },
		{ 1UL << 52, 0, 12, H_PARAMETER },
		{ ~0xfffUL, 0, 12, H_PARAMETER },
		{ ~0x1fffffUL, 0, 21, H_PARAMETER },
	};
	unsigned int n, i;

	(void)unused;
	for (n = 0; n < ARRAY_LEN(nrs); n++) {
		vm.state = UVMEM_VM_NORMAL;
		assert_int_equal(call(nrs[n], 0, 0, 12), H_UNSUPPORTED);
		vm.state = UVMEM_VM_TERMINATED;
		assert_int_equal(call(nrs[n], 0, 0, 12), H_UNSUPPORTED);
		vm.state = UVMEM_VM_INIT;
		for (i = 0; i < ARRAY_LEN(cases); i++)
			assert_int_equal(call(nrs[n], cases[i].gpa, cases[i].flags,
					      cases[i].order), cases[i].code);
		nothing_changed();
	}
	assert_int_equal(call(H_SVM_PAGE_OUT, 0, H_PAGE_IN_SHARED, 12), H_P2);
}

static void h_svm_page_in_secures_and_pages_in(void **unused)
{
	(void)unused;
	vm.state = UVMEM_VM_INIT;
	assert_int_equal(call(H_SVM_PAGE_IN, 0x1000, 0, 12), H_SUCCESS);
	assert_int_equal(state[1], UVMEM_PAGE_IN);
	assert_false(zeroed[1]);
	assert_int_equal(count(UVMEM_PAGE_IN), 1);
	/* once more is no error */
	assert_int_equal(call(H_SVM_PAGE_IN, 0x1000, 0, 12), H_SUCCESS);
	state[1] = UVMEM_PAGE_OUT;
	assert_int_equal(call(H_SVM_PAGE_IN, 0x1000, 0, 12), H_SUCCESS);
	assert_int_equal(state[1], UVMEM_PAGE_IN);
	state[0x401] = UVMEM_PAGE_OUT;
	assert_int_equal(call(H_SVM_PAGE_IN, 0x400000, 0, 21), H_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_IN), 513);
	/* the last page of the last slot */
	assert_int_equal(call(H_SVM_PAGE_IN, 0x83ffUL << 12, 0, 12), H_SUCCESS);
	/* 2 MiB over a border of slots */
	assert_int_equal(call(H_SVM_PAGE_IN, 0x4400UL << 12, 0, 21), H_SUCCESS);
}

static void h_svm_page_in_shared(void **unused)
{
	(void)unused;
	make_secure();
	assert_int_equal(call(H_SVM_PAGE_IN, 0x1000, H_PAGE_IN_SHARED, 12), H_SUCCESS);
	assert_int_equal(state[1], UVMEM_PAGE_SHARED);
	assert_true(zeroed[1]);
	assert_int_equal(call(H_SVM_PAGE_IN, 0x1000, H_PAGE_IN_SHARED, 12), H_SUCCESS);
	assert_int_equal(call(H_SVM_PAGE_OUT, 0x1000, 0, 12), H_SUCCESS);
	assert_int_equal(state[1], UVMEM_PAGE_SHARED);
}

static void h_svm_page_out_in_and_out_again(void **unused)
{
	(void)unused;
	make_secure();
	assert_int_equal(call(H_SVM_PAGE_OUT, 0x400000, 0, 21), H_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_OUT), 512);
	assert_int_equal(call(H_SVM_PAGE_OUT, 0x400000, 0, 21), H_SUCCESS);
	assert_int_equal(call(H_SVM_PAGE_IN, 0x400000, 0, 21), H_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_OUT), 0);
}

static void h_svm_page_failures(void **unused)
{
	static const struct {
		enum uvmem_reason reason;
		long code;
	} cases[] = {
		{ UVMEM_REASON_PINNED, H_BUSY },
		{ UVMEM_REASON_RACED, H_BUSY },
		{ UVMEM_REASON_BUSY, H_BUSY },
		{ UVMEM_REASON_FOREIGN, H_BUSY },
		{ UVMEM_REASON_NO_FRAME, H_NO_MEM },
		{ UVMEM_REASON_NO_MEMORY, H_NO_MEM },
		{ UVMEM_REASON_NOT_ANON, H_FUNCTION },
	};
	unsigned int i;

	(void)unused;
	vm.state = UVMEM_VM_INIT;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		why_not[5] = 1 + cases[i].reason;
		assert_int_equal(call(H_SVM_PAGE_IN, 0x5000, 0, 12), cases[i].code);
		assert_int_equal(state[5], UVMEM_PAGE_NORMAL);
		assert_int_equal(call(H_SVM_PAGE_IN, 0x5000, H_PAGE_IN_SHARED, 12),
				 cases[i].code);
		state[5] = UVMEM_PAGE_IN;
		assert_int_equal(call(H_SVM_PAGE_OUT, 0x5000, 0, 12), cases[i].code);
		assert_int_equal(state[5], UVMEM_PAGE_IN);
		state[5] = UVMEM_PAGE_NORMAL;
	}
	why_not[5] = 0;
	hard_err = -EBADMSG;
	assert_int_equal(call(H_SVM_PAGE_IN, 0x5000, 0, 12), H_BAD_DATA);
	hard_err = 0;
	range_ret = -ENOMEM;
	assert_int_equal(call(H_SVM_PAGE_IN, 0x5000, 0, 12), H_NO_MEM);
	assert_int_equal(call(H_SVM_PAGE_OUT, 0x5000, 0, 12), H_NO_MEM);
	range_ret = -EIO;
	assert_int_equal(call(H_SVM_PAGE_OUT, 0x5000, 0, 12), H_BAD_DATA);
}

/* ---- UV_ESM -------------------------------------------------------------------------- */

static void uv_esm_arguments_and_states(void **unused)
{
	(void)unused;
	assert_int_equal(call(UV_ESM, 1, 0, 0), U_PARAMETER);
	assert_int_equal(call(UV_ESM, 1UL << 63, 0, 0), U_PARAMETER);
	assert_int_equal(call(UV_ESM, 0, 1, 0), U_P2);
	nothing_changed();
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);
	vm.state = UVMEM_VM_TERMINATED;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_INVALID);
	vm.state = UVMEM_VM_NORMAL;
	init_err = -ENOKEY;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_NO_KEY);
	init_err = 0;
	vm.state = UVMEM_VM_SECURE;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	nothing_changed();
}

static void uv_esm_secures_all_but_rom_in_steps(void **unused)
{
	(void)unused;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_IN), 0x200 + BIG_NR);
	assert_int_equal(state[ROM], UVMEM_PAGE_NORMAL);
	assert_int_equal(vm.state, UVMEM_VM_SECURE);
	/* Each page was looked at once, and no step was longer than it may be. */
	assert_int_equal(visits, 0x200 + BIG_NR);
	assert_true(steps > (0x200 + BIG_NR) / UVMEM_HC_STEP_PAGES);
	assert_int_equal(vm.hc.nr_cursors, 0);
}

static void uv_esm_goes_on_where_it_was_interrupted(void **unused)
{
	(void)unused;
	give_up_after = 100;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(visits, 0x200 + BIG_NR);
	assert_true(steps >= (0x200 + BIG_NR) / 100);
}

static void uv_esm_is_left_for_signals(void **unused)
{
	long ret;

	(void)unused;
	signals = 1;
	assert_int_equal(step(0, UV_ESM, 0, 0, 0, &ret), KVM_UVMEM_HC_AGAIN);
	assert_int_equal(visits, 0x200);
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(visits, 0x200 + BIG_NR);
}

static void uv_esm_joins_a_started_init(void **unused)
{
	(void)unused;
	assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), H_SUCCESS);
	assert_int_equal(call(H_SVM_PAGE_IN, 0, H_PAGE_IN_SHARED, 12), H_SUCCESS);
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(vm.state, UVMEM_VM_SECURE);
}

static void uv_esm_tries_again(void **unused)
{
	(void)unused;
	transient = 40;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_IN), 0x200 + BIG_NR);
}

static void uv_esm_aborts_what_it_cannot_finish(void **unused)
{
	static const struct {
		enum uvmem_reason reason;
		long code;
	} cases[] = {
		{ UVMEM_REASON_PINNED, U_BUSY },
		{ UVMEM_REASON_FOREIGN, U_BUSY },
		{ UVMEM_REASON_NO_FRAME, U_RETRY },
		{ UVMEM_REASON_NO_MEMORY, U_RETRY },
		{ UVMEM_REASON_NOT_ANON, U_FUNCTION },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		why_not[0x5000] = 1 + cases[i].reason;
		abort_again = 3;
		abort_err = -EBUSY;
		assert_int_equal(call(UV_ESM, 0, 0, 0), cases[i].code);
		assert_int_equal(vm.state, UVMEM_VM_NORMAL);
		nothing_changed();
		assert_int_equal(vm.hc.esm_err, 0);
	}
	assert_true(sleeps <= 5 * UVMEM_HC_TRIES);
	hard_err = -EBADMSG;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_PERMISSION);
	hard_err = 0;
	why_not[0x5000] = 0;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
}

/* A pinned page must not make each try walk over all memory. */
static void uv_esm_tries_begin_at_the_first_page_left(void **unused)
{
	(void)unused;
	why_not[0x83ff] = 1 + UVMEM_REASON_PINNED;
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_BUSY);
	assert_true(visits < 2 * BIG_NR + UVMEM_HC_TRIES * 2 * UVMEM_HC_STEP_PAGES);
}

/* ---- UV_SHARE_PAGE ... --------------------------------------------------------------- */

static void uv_share_arguments(void **unused)
{
	static const unsigned long nrs[] = { UV_SHARE_PAGE, UV_UNSHARE_PAGE };
	static const struct {
		unsigned long gfn, nr;
		long code;
	} cases[] = {
		{ HOLE, 1, U_PARAMETER },
		{ ROM, 1, U_PARAMETER },
		{ TOP, 1, U_PARAMETER },
		{ 1UL << 40, 1, U_PARAMETER },
		{ ~0UL, 1, U_PARAMETER },
		{ ~0UL, 0, U_PARAMETER },
		{ 0, 0, U_P2 },
		{ 0, 0x201, U_P2 },		/* into the hole */
		{ 0x1ff, 2, U_P2 },
		{ BIG, BIG_NR + 1, U_P2 },
		{ BIG, 1UL << 40, U_P2 },
		{ BIG, ~0UL, U_P2 },
		{ BIG, -BIG, U_P2 },		/* wraps to 0 */
	};
	unsigned int n, i;

	(void)unused;
	for (n = 0; n < ARRAY_LEN(nrs); n++) {
		for (i = 0; i < UVMEM_VM_NR_STATES; i++) {
			vm.state = i;
			if (i != UVMEM_VM_SECURE)
				assert_int_equal(call(nrs[n], 0, 1, 0), U_INVALID);
		}
		vm.state = UVMEM_VM_SECURE;
		for (i = 0; i < ARRAY_LEN(cases); i++)
			assert_int_equal(call(nrs[n], cases[i].gfn, cases[i].nr, 0),
					 cases[i].code);
		nothing_changed();
	}
}

static void uv_share_and_unshare_zero(void **unused)
{
	(void)unused;
	make_secure();
	state[BIG + 1] = UVMEM_PAGE_OUT;
	state[BIG + 2] = UVMEM_PAGE_ABSENT;
	state[BIG + 3] = UVMEM_PAGE_ZERO;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, BIG_NR, 0), U_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_SHARED), BIG_NR);
	assert_true(zeroed[BIG] && zeroed[BIG + 1] && zeroed[BIG + BIG_NR - 1]);
	assert_int_equal(visits, BIG_NR);
	assert_int_equal(call(UV_SHARE_PAGE, BIG, BIG_NR, 0), U_SUCCESS);

	memset(zeroed, 0, sizeof(zeroed));
	assert_int_equal(call(UV_UNSHARE_PAGE, BIG, 2, 0), U_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_SHARED), BIG_NR - 2);
	assert_true(zeroed[BIG] && zeroed[BIG + 1]);
	assert_int_equal(call(UV_UNSHARE_PAGE, BIG, 2, 0), U_SUCCESS);
}

static void uv_unshare_all(void **unused)
{
	(void)unused;
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_INVALID);
	vm.state = UVMEM_VM_INIT;
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_INVALID);
	vm.state = UVMEM_VM_NORMAL;
	make_secure();
	assert_int_equal(call(UV_SHARE_PAGE, 0, 1, 0), U_SUCCESS);
	assert_int_equal(call(UV_SHARE_PAGE, 0x1ff, 1, 0), U_SUCCESS);
	assert_int_equal(call(UV_SHARE_PAGE, BIG + 7, 0x5000, 0), U_SUCCESS);
	assert_int_equal(call(UV_SHARE_PAGE, 0x83ff, 1, 0), U_SUCCESS);
	memset(zeroed, 0, sizeof(zeroed));
	visits = 0;
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_SUCCESS);
	assert_int_equal(count(UVMEM_PAGE_SHARED), 0);
	assert_true(zeroed[0] && zeroed[0x1ff] && zeroed[BIG + 7] && zeroed[0x83ff]);
	/* Pages that were secure are left alone, content and all; so is ROM. */
	assert_false(zeroed[1] || zeroed[BIG] || zeroed[0x83fe]);
	assert_int_equal(state[ROM], UVMEM_PAGE_NORMAL);
	assert_int_equal(visits, 0x5003);
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_SUCCESS);
}

static void uv_share_failures(void **unused)
{
	(void)unused;
	make_secure();
	why_not[BIG + 9] = 1 + UVMEM_REASON_PINNED;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, 16, 0), U_BUSY);
	assert_int_equal(state[BIG + 9], UVMEM_PAGE_IN);
	why_not[BIG + 9] = 1 + UVMEM_REASON_NO_MEMORY;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, 16, 0), U_RETRY);
	why_not[BIG + 9] = 1 + UVMEM_REASON_NOT_ANON;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, 16, 0), U_FUNCTION);
	why_not[BIG + 9] = 0;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, 16, 0), U_SUCCESS);
	why_not[BIG + 9] = 1 + UVMEM_REASON_NO_FRAME;
	assert_int_equal(call(UV_UNSHARE_PAGE, BIG, 16, 0), U_RETRY);
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_RETRY);
	why_not[BIG + 9] = 1 + UVMEM_REASON_BUSY;
	assert_int_equal(call(UV_UNSHARE_ALL_PAGES, 0, 0, 0), U_BUSY);
	hard_err = -EBADMSG;
	assert_int_equal(call(UV_SHARE_PAGE, BIG, 1, 0), U_PERMISSION);
}

/* ---- the cursor ---------------------------------------------------------------------- */

/* A call that was given up half way must not make the same call succeed later on less. */
static void given_up_call_is_not_believed(void **unused)
{
	long ret;

	(void)unused;
	make_secure();
	assert_int_equal(call(UV_SHARE_PAGE, BIG, BIG_NR, 0), U_SUCCESS);

	/* the other direction came by, from the other vCPU */
	assert_int_equal(step(0, KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10, &ret),
			 KVM_UVMEM_HC_AGAIN);
	assert_int_equal(step(1, UV_SHARE_PAGE, BIG, 1, 0, &ret), KVM_UVMEM_HC_DONE);
	assert_int_equal(state[BIG], UVMEM_PAGE_SHARED);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10), 0);
	assert_int_equal(count(UVMEM_PAGE_SHARED), 0);

	/* from the same vCPU, by H_SVM_PAGE_IN */
	assert_int_equal(call(UV_SHARE_PAGE, BIG, BIG_NR, 0), U_SUCCESS);
	assert_int_equal(step(0, KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10, &ret),
			 KVM_UVMEM_HC_AGAIN);
	assert_int_equal(step(0, H_SVM_PAGE_IN, BIG << 12, 1, 12, &ret), KVM_UVMEM_HC_DONE);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10), 0);
	assert_int_equal(count(UVMEM_PAGE_SHARED), 0);

	/* an abort came by */
	setup(NULL);
	assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), H_SUCCESS);
	assert_int_equal(step(0, KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10, &ret),
			 KVM_UVMEM_HC_AGAIN);
	assert_int_equal(step(1, H_SVM_INIT_ABORT, 0, 0, 0, &ret), KVM_UVMEM_HC_DONE);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, BIG << 12, BIG_NR, 0x10), 0);
	assert_int_equal(count(UVMEM_PAGE_IN), BIG_NR);
}

/* More vCPUs than there are cursors; all work on the same pages, then back. */
static void vcpus_with_long_calls_all_finish(void **unused)
{
	const unsigned int nr_vcpus = ARRAY_LEN(vcpu);
	unsigned int n, left = nr_vcpus;
	bool done[ARRAY_LEN(vcpu)] = {};
	long ret;

	(void)unused;
	assert_true(nr_vcpus > UVMEM_HC_CURSORS);
	make_secure();
	for (n = 0; n < 2000 && left; n++) {
		unsigned int cpu = n % nr_vcpus;

		if (done[cpu] || step(cpu, UV_SHARE_PAGE, BIG, BIG_NR - cpu, 0, &ret) !=
				 KVM_UVMEM_HC_DONE)
			continue;
		assert_int_equal(ret, U_SUCCESS);
		done[cpu] = true;
		left--;
	}
	assert_int_equal(left, 0);
	assert_int_equal(count(UVMEM_PAGE_SHARED), BIG_NR);
	assert_int_equal(vm.hc.nr_cursors, 0);
}

/* Small calls elsewhere must not send a long one back to its beginning. */
static void unrelated_calls_do_not_wind_back(void **unused)
{
	enum kvm_uvmem_hypercall_result result;
	unsigned int n;
	long ret;

	(void)unused;
	make_secure();
	for (n = 0; n < 100; n++) {
		result = step(0, UV_SHARE_PAGE, BIG, BIG_NR, 0, &ret);
		if (result == KVM_UVMEM_HC_DONE)
			break;
		assert_int_equal(step(1, UV_SHARE_PAGE, 1, 1, 0, &ret), KVM_UVMEM_HC_DONE);
		assert_int_equal(step(1, UV_UNSHARE_PAGE, 1, 1, 0, &ret), KVM_UVMEM_HC_DONE);
	}
	assert_int_equal(result, KVM_UVMEM_HC_DONE);
	assert_int_equal(visits, BIG_NR + 2 * n);
}

/* A page of the part that is done changes back: the call goes on from there. */
static void calls_in_range_wind_back_no_further(void **unused)
{
	long ret;

	(void)unused;
	make_secure();
	assert_int_equal(step(0, UV_SHARE_PAGE, BIG, BIG_NR, 0, &ret), KVM_UVMEM_HC_AGAIN);
	assert_int_equal(step(0, UV_SHARE_PAGE, BIG, BIG_NR, 0, &ret), KVM_UVMEM_HC_AGAIN);
	visits = 0;
	assert_int_equal(step(1, UV_UNSHARE_PAGE, 0x1000, 1, 0, &ret), KVM_UVMEM_HC_DONE);
	assert_int_equal(call(UV_SHARE_PAGE, BIG, BIG_NR, 0), U_SUCCESS);
	assert_int_equal(state[0x1000], UVMEM_PAGE_SHARED);
	assert_int_equal(visits, 1 + BIG + BIG_NR - 0x1000);
}

/* ---- KVM_HC_MAP_GPA_RANGE ------------------------------------------------------------ */

static void kvm_hc_map_gpa_range_arguments(void **unused)
{
	static const struct {
		unsigned long gpa, nr, attrs;
	} cases[] = {
		{ 1, 1, 0x10 },
		{ 0, 0, 0x10 },
		{ 0, 1, 0x13 },			/* page size */
		{ 0, 1, 0x20 },
		{ 0, 1, 1UL << 63 },
		{ 0x1000, ~0UL, 0x10 },
		{ 0, (1UL << 40) + 1, 0x10 },
		{ 1UL << 52, 1, 0x10 },
		{ ~0xfffUL, 1, 0x10 },
		{ ~0xfffUL, 2, 0 },
		{ HOLE << 12, 1, 0x10 },	/* nothing there to encrypt */
		{ HOLE << 12, 0x100, 0x10 },
		{ ROM << 12, 0x10, 0x10 },
		{ TOP << 12, 1, 0x10 },
		{ 1UL << 47, 1, 0x10 },		/* a C-bit that was not taken off */
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, cases[i].gpa, cases[i].nr,
				      cases[i].attrs), -KVM_EINVAL);
	nothing_changed();
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);
	vm.state = UVMEM_VM_TERMINATED;
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 1, 0x10), -KVM_EPERM);
}

/* What a stock Linux guest says while it boots. */
static void first_encrypted_range_is_the_esm(void **unused)
{
	(void)unused;
	/* before the ESM all is as decrypted pages are */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 1, 0), 0);
	assert_int_equal(vm.state, UVMEM_VM_NORMAL);

	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 0xa0, 0x10), 0);
	assert_int_equal(vm.state, UVMEM_VM_SECURE);
	assert_int_equal(count(UVMEM_PAGE_IN), 0xa0);
	assert_false(zeroed[0]);
	/* the rest, with the holes and the ROM in it, and beyond the end */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0x100000, 0xff00, 0x11), 0);
	assert_int_equal(count(UVMEM_PAGE_IN), 0xa0 + 0x100 + BIG_NR);
	assert_int_equal(state[ROM], UVMEM_PAGE_NORMAL);
	/* .bss..decrypted, kept */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0x600000, 512, 0), 0);
	assert_int_equal(count(UVMEM_PAGE_SHARED), 512);
	assert_false(zeroed[0x600]);
	/* VGA memory that this VM does not have */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, HOLE << 12, 1, 0), 0);
	/* the whole address space in one call */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 1UL << 40, 0x12), 0);
	assert_int_equal(count(UVMEM_PAGE_SHARED), 0);
	assert_int_equal(count(UVMEM_PAGE_IN), 0x200 + BIG_NR);
}

/* A guest with a C-bit, that declares more encrypted than it should. */
static void cbit_is_ignored_and_legacy_memory_left_alone(void **unused)
{
	const unsigned long cbit = 1UL << 47;

	(void)unused;
	vm.cbit = 47;
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0xa0000, 0x60, 0x10), -KVM_EINVAL);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0xb8000 | cbit, 1, 0x10), -KVM_EINVAL);
	nothing_changed();
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, cbit, 0x200, 0x10), 0);
	assert_int_equal(count(UVMEM_PAGE_IN), 0x200 - 0x60);
	assert_int_equal(state[0x9f], UVMEM_PAGE_IN);
	assert_int_equal(state[0xa0], UVMEM_PAGE_NORMAL);
	assert_int_equal(state[0xff], UVMEM_PAGE_NORMAL);
	assert_int_equal(state[0x100], UVMEM_PAGE_IN);
	/* from within, and up to within */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 0xc0, 0), 0);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0xb0000, 0x100, 0x10), 0);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0x90000, 0x20, 0x10), 0);
	assert_int_equal(count(UVMEM_PAGE_IN), 0x200 - 0x60 - 0x90);
	/* decrypted it is what it was */
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0xb8000, 1, 0), 0);
}

static void map_within_an_explicit_init_does_not_end_it(void **unused)
{
	(void)unused;
	assert_int_equal(call(H_SVM_INIT_START, 0, 0, 0), H_SUCCESS);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0, 1, 0x10), 0);
	assert_int_equal(vm.state, UVMEM_VM_INIT);
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, 0x1000, 1, 0), 0);
	assert_int_equal(state[1], UVMEM_PAGE_SHARED);
	assert_int_equal(call(H_SVM_INIT_DONE, 0, 0, 0), H_SUCCESS);
}

static void guest_that_cannot_be_encrypted_is_stopped(void **unused)
{
	static const struct {
		enum uvmem_reason reason;
		enum uvmem_stop_reason stop;
	} cases[] = {
		{ UVMEM_REASON_PINNED, UVMEM_STOP_NOT_ANON },
		{ UVMEM_REASON_NOT_ANON, UVMEM_STOP_NOT_ANON },
		{ UVMEM_REASON_NO_FRAME, UVMEM_STOP_NO_MEMORY },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		setup(NULL);
		why_not[0x4321] = 1 + cases[i].reason;
		call(KVM_HC_MAP_GPA_RANGE, 0x400000, BIG_NR, 0x10);
		assert_int_equal(stopped, cases[i].stop);
		assert_true(stopped_at <= 0x4321 && 0x4321 < stopped_at + 2 * UVMEM_HC_STEP_PAGES);
	}
	/* Memory is waited for. */
	assert_in_range(sleeps, 2000, UVMEM_HC_TRIES_MEMORY);
	setup(NULL);
	init_err = -ENOMEM;
	call(KVM_HC_MAP_GPA_RANGE, 0x400000, BIG_NR, 0x10);
	assert_int_equal(stopped, UVMEM_STOP_NO_MEMORY);
}

static void range_that_cannot_be_shared_is_an_error(void **unused)
{
	(void)unused;
	make_secure();
	why_not[BIG] = 1 + UVMEM_REASON_PINNED;
	assert_int_equal(call(KVM_HC_MAP_GPA_RANGE, BIG << 12, 4, 0), -KVM_EFAULT);
	assert_int_equal(stopped, UVMEM_STOP_NONE);
	assert_int_equal(state[BIG], UVMEM_PAGE_IN);
}

/* ---- the host's own calls ------------------------------------------------------------ */

static int uv_ret;
static unsigned int uv_calls;
static u64 uv_gfn, uv_nr;
static u16 uv_slot;

static void fake_terminate(struct uvmem_vm *v)
{
	(void)v;
	uv_calls++;
}

static int fake_register(struct uvmem_vm *v, u64 gfn, u64 nr, u16 slot)
{
	(void)v;
	uv_calls++;
	uv_gfn = gfn;
	uv_nr = nr;
	uv_slot = slot;
	return uv_ret;
}

static int fake_unregister(struct uvmem_vm *v, u16 slot)
{
	(void)v;
	uv_calls++;
	uv_slot = slot;
	return uv_ret;
}

static int fake_page_out(struct uvmem_vm *v, u64 gfn, struct page *frame,
			 struct page *dst, struct uvmem_seal *seal)
{
	(void)v;
	assert_true(frame && dst && seal);
	uv_calls++;
	uv_gfn = gfn;
	return uv_ret;
}

static int fake_page_in(struct uvmem_vm *v, u64 gfn, struct page *frame,
			const struct uvmem_seal *seal)
{
	(void)v;
	assert_true(frame && seal);
	uv_calls++;
	uv_gfn = gfn;
	return uv_ret;
}

static int fake_page_inval(struct uvmem_vm *v, u64 gfn)
{
	(void)v;
	uv_calls++;
	uv_gfn = gfn;
	return uv_ret;
}

static const struct uvmem_uv_ops fake_uv = {
	.name = "fake",
	.terminate = fake_terminate,
	.register_mem_slot = fake_register,
	.unregister_mem_slot = fake_unregister,
	.page_out = fake_page_out,
	.page_in = fake_page_in,
	.page_inval = fake_page_inval,
};

static const struct uvmem_uv_ops empty_uv = { .name = "empty" };

/* Never looked into. */
static long a_page;
#define PAGE	((struct page *)&a_page)

static int uv_setup(void **unused)
{
	setup(unused);
	vm.uv = &fake_uv;
	vm.state = UVMEM_VM_SECURE;
	memset(state, UVMEM_PAGE_IN, sizeof(state));
	uv_ret = 0;
	uv_calls = 0;
	return 0;
}

static void test_uv_page_in(void **unused)
{
	struct uvmem_seal seal = { .version = 1 };

	(void)unused;
	assert_int_equal(uv_page_in(NULL, PAGE, 0, 0, 12, &seal), U_PARAMETER);
	vm.state = UVMEM_VM_TERMINATED;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_PARAMETER);
	vm.state = UVMEM_VM_SECURE;
	assert_int_equal(uv_page_in(&vm, NULL, 0, 0, 12, &seal), U_P2);
	assert_int_equal(uv_page_in(&vm, PAGE, 1, 0, 12, &seal), U_P3);
	assert_int_equal(uv_page_in(&vm, PAGE, 1ULL << 52, 0, 12, &seal), U_P3);
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, NULL), U_P3);
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 1, 12, &seal), U_P4);
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 21, &seal), U_P5);
	vm.uv = &empty_uv;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	assert_int_equal(uv_page_in(&vm, PAGE, 0x5000, 0, 12, &seal), U_SUCCESS);
	assert_int_equal(uv_gfn, 5);
	uv_ret = -EBUSY;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_BUSY);
	uv_ret = -EBADMSG;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_PERMISSION);
	uv_ret = -ENOMEM;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_RETRY);
	uv_ret = -EINVAL;
	assert_int_equal(uv_page_in(&vm, PAGE, 0, 0, 12, &seal), U_P3);
}

static void test_uv_page_out(void **unused)
{
	struct uvmem_seal seal;

	(void)unused;
	assert_int_equal(uv_page_out(NULL, PAGE, 0, 0, 12, PAGE, &seal), U_PARAMETER);
	assert_int_equal(uv_page_out(&vm, NULL, 0, 0, 12, PAGE, &seal), U_P2);
	assert_int_equal(uv_page_out(&vm, PAGE, 1, 0, 12, PAGE, &seal), U_P3);
	assert_int_equal(uv_page_out(&vm, PAGE, 1ULL << 52, 0, 12, PAGE, &seal), U_P3);
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 1, 12, PAGE, &seal), U_P4);
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 0, 16, PAGE, &seal), U_P5);
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 0, 12, NULL, &seal), U_P3);
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 0, 12, PAGE, NULL), U_P3);
	state[7] = UVMEM_PAGE_SHARED;
	assert_int_equal(uv_page_out(&vm, PAGE, 0x7000, 0, 12, NULL, NULL), U_SUCCESS);
	vm.uv = &empty_uv;
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 0, 12, PAGE, &seal), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	assert_int_equal(uv_page_out(&vm, PAGE, 0x5000, 0, 12, PAGE, &seal), U_SUCCESS);
	assert_int_equal(uv_gfn, 5);
	uv_ret = -EAGAIN;
	assert_int_equal(uv_page_out(&vm, PAGE, 0, 0, 12, PAGE, &seal), U_BUSY);
}

static void test_uv_page_inval(void **unused)
{
	(void)unused;
	assert_int_equal(uv_page_inval(NULL, 0, 12), U_PARAMETER);
	assert_int_equal(uv_page_inval(&vm, 1, 12), U_P2);
	assert_int_equal(uv_page_inval(&vm, 1ULL << 52, 12), U_P2);
	assert_int_equal(uv_page_inval(&vm, 0, 21), U_P3);
	vm.uv = &empty_uv;
	assert_int_equal(uv_page_inval(&vm, 0, 12), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	assert_int_equal(uv_page_inval(&vm, 0x5000, 12), U_SUCCESS);
	assert_int_equal(uv_gfn, 5);
	uv_ret = -EINVAL;
	assert_int_equal(uv_page_inval(&vm, 0, 12), U_P2);
	uv_ret = -EBUSY;
	assert_int_equal(uv_page_inval(&vm, 0, 12), U_BUSY);
}

static void test_uv_register_mem_slot(void **unused)
{
	(void)unused;
	assert_int_equal(uv_register_mem_slot(NULL, 0, 0x1000, 0, 0), U_PARAMETER);
	assert_int_equal(uv_register_mem_slot(&vm, 1, 0x1000, 0, 0), U_P2);
	assert_int_equal(uv_register_mem_slot(&vm, 1ULL << 52, 0x1000, 0, 0), U_P2);
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0, 0, 0), U_P3);
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0x1001, 0, 0), U_P3);
	assert_int_equal(uv_register_mem_slot(&vm, 0x1000, ~0xfffULL, 0, 0), U_P3);
	assert_int_equal(uv_register_mem_slot(&vm, 0x1000, 1ULL << 52, 0, 0), U_P3);
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0x1000, 1, 0), U_P4);
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0x1000, 0, KVM_USER_MEM_SLOTS), U_P5);
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0x1000, 0, 0x10001), U_P5);
	vm.uv = &empty_uv;
	assert_int_equal(uv_register_mem_slot(&vm, 0, 0x1000, 0, 0), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	assert_int_equal(uv_register_mem_slot(&vm, 0x3000, 0x5000, 0, 9), U_SUCCESS);
	assert_int_equal(uv_gfn, 3);
	assert_int_equal(uv_nr, 5);
	assert_int_equal(uv_slot, 9);
	uv_ret = -EEXIST;
	assert_int_equal(uv_register_mem_slot(&vm, 0x3000, 0x5000, 0, 9), U_P5);
	uv_ret = -EINVAL;
	assert_int_equal(uv_register_mem_slot(&vm, 0x3000, 0x5000, 0, 9), U_P2);
	uv_ret = -ENOMEM;
	assert_int_equal(uv_register_mem_slot(&vm, 0x3000, 0x5000, 0, 9), U_RETRY);
}

static void test_uv_unregister_mem_slot(void **unused)
{
	(void)unused;
	assert_int_equal(uv_unregister_mem_slot(NULL, 0), U_PARAMETER);
	assert_int_equal(uv_unregister_mem_slot(&vm, KVM_USER_MEM_SLOTS), U_P2);
	assert_int_equal(uv_unregister_mem_slot(&vm, ~0ULL), U_P2);
	vm.uv = &empty_uv;
	assert_int_equal(uv_unregister_mem_slot(&vm, 0), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	assert_int_equal(uv_unregister_mem_slot(&vm, 9), U_SUCCESS);
	uv_ret = -ENOENT;
	assert_int_equal(uv_unregister_mem_slot(&vm, 9), U_P2);
}

static void test_uv_svm_terminate(void **unused)
{
	(void)unused;
	assert_int_equal(uv_svm_terminate(NULL), U_PARAMETER);
	vm.state = UVMEM_VM_NORMAL;
	assert_int_equal(uv_svm_terminate(&vm), U_INVALID);
	vm.state = UVMEM_VM_TERMINATED;
	assert_int_equal(uv_svm_terminate(&vm), U_INVALID);
	vm.uv = &empty_uv;
	assert_int_equal(uv_svm_terminate(&vm), U_FUNCTION);
	vm.uv = &fake_uv;
	assert_int_equal(uv_calls, 0);
	vm.state = UVMEM_VM_INIT;
	assert_int_equal(uv_svm_terminate(&vm), U_SUCCESS);
	vm.state = UVMEM_VM_SECURE;
	assert_int_equal(uv_svm_terminate(&vm), U_SUCCESS);
	assert_int_equal(uv_calls, 2);
}

#define TEST(f)		cmocka_unit_test_setup(f, setup)
#define UV_TEST(f)	cmocka_unit_test_setup(f, uv_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_errno_becomes_a_code_of_the_abi),
		TEST(unknown_numbers_are_left_to_kvm),
		TEST(host_calls_by_a_guest_have_no_permission),
		TEST(h_svm_init_in_each_state),
		TEST(h_svm_init_start_without_memory_or_key),
		TEST(h_svm_init_abort_takes_steps),
		TEST(h_svm_page_arguments),
		TEST(h_svm_page_in_secures_and_pages_in),
		TEST(h_svm_page_in_shared),
		TEST(h_svm_page_out_in_and_out_again),
		TEST(h_svm_page_failures),
		TEST(uv_esm_arguments_and_states),
		TEST(uv_esm_secures_all_but_rom_in_steps),
		TEST(uv_esm_goes_on_where_it_was_interrupted),
		TEST(uv_esm_is_left_for_signals),
		TEST(uv_esm_joins_a_started_init),
		TEST(uv_esm_tries_again),
		TEST(uv_esm_aborts_what_it_cannot_finish),
		TEST(uv_esm_tries_begin_at_the_first_page_left),
		TEST(uv_share_arguments),
		TEST(uv_share_and_unshare_zero),
		TEST(uv_unshare_all),
		TEST(uv_share_failures),
		TEST(given_up_call_is_not_believed),
		TEST(vcpus_with_long_calls_all_finish),
		TEST(unrelated_calls_do_not_wind_back),
		TEST(calls_in_range_wind_back_no_further),
		TEST(kvm_hc_map_gpa_range_arguments),
		TEST(cbit_is_ignored_and_legacy_memory_left_alone),
		TEST(first_encrypted_range_is_the_esm),
		TEST(map_within_an_explicit_init_does_not_end_it),
		TEST(guest_that_cannot_be_encrypted_is_stopped),
		TEST(range_that_cannot_be_shared_is_an_error),
		UV_TEST(test_uv_page_in),
		UV_TEST(test_uv_page_out),
		UV_TEST(test_uv_page_inval),
		UV_TEST(test_uv_register_mem_slot),
		UV_TEST(test_uv_unregister_mem_slot),
		UV_TEST(test_uv_svm_terminate),
	};

	return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
