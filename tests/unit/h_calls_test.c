// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * h_calls_test.c - H_SVM_* and KVM_HC_MAP_GPA_RANGE: every code that their pages document
 *
 * As uv_calls_test.c.
 */
#include "toy_vm.h"

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

#define TEST(f)	cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(h_svm_init_in_each_state),
		TEST(h_svm_init_start_without_memory_or_key),
		TEST(h_svm_init_abort_takes_steps),
		TEST(h_svm_page_arguments),
		TEST(h_svm_page_in_secures_and_pages_in),
		TEST(h_svm_page_in_shared),
		TEST(h_svm_page_out_in_and_out_again),
		TEST(h_svm_page_failures),
		TEST(kvm_hc_map_gpa_range_arguments),
		TEST(cbit_is_ignored_and_legacy_memory_left_alone),
		TEST(first_encrypted_range_is_the_esm),
		TEST(map_within_an_explicit_init_does_not_end_it),
		TEST(guest_that_cannot_be_encrypted_is_stopped),
		TEST(range_that_cannot_be_shared_is_an_error),
	};

	return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
