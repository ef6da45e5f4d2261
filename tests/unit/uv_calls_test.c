// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uv_calls_test.c - ultracalls of a guest: every code that their pages document
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

#define TEST(f)	cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_errno_becomes_a_code_of_the_abi),
		TEST(unknown_numbers_are_left_to_kvm),
		TEST(host_calls_by_a_guest_have_no_permission),
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
	};

	return cmocka_run_group_tests_name("ultracalls", tests, NULL, NULL);
}
