// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uv_host_calls_test.c - what the host asks of the ultravisor: every code that its pages document
 *
 * On an ultravisor that notes what it is asked, and answers what it is told to.
 */
#include "toy_vm.h"

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

#define TEST(f)	cmocka_unit_test_setup(f, uv_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_uv_page_in),
		TEST(test_uv_page_out),
		TEST(test_uv_page_inval),
		TEST(test_uv_register_mem_slot),
		TEST(test_uv_unregister_mem_slot),
		TEST(test_uv_svm_terminate),
	};

	return cmocka_run_group_tests_name("the host's own calls", tests, NULL, NULL);
}
