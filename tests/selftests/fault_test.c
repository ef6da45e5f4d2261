// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_test - memory that is not to be had, one allocation after the other
 *
 * The n-th allocation (slab or pages) of an operation fails, n = 1, 2, ... until one
 * goes through without. Each time the operation has been done, in part where it says
 * so, or everything is as it was; the guest lives or is stopped for that reason; sums
 * hold and nothing leaks. The kernel's fault injection does it, by task: the stock
 * kernel has none, the debug kernel has.
 */
#include <fcntl.h>

#include "kselftest.h"

#include "fault/fault.h"

#define DENSE		64	/* operations on a VM of their own: each n up to here */
#define SPARSE		7	/* and then each so many */

static const struct fault_op *const tables[] = {
	page_ops, vm_ops, slot_ops, call_ops, reclaim_ops,
};

static void run_op(void *arg)
{
	const struct fault_op *op = arg;
	struct fault f = { .n = 1 };
	u64 faults = 0;

	TEST_ASSERT(injection_begin(), "the fault injection cannot be set up");
	f.nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	TEST_ASSERT(f.nth_fd >= 0, "fail-nth: %s", strerror(errno));
	for (;;) {
		op->prepare(&f);
		op->run(&f);
		nth_end(&f);
		op->check(&f);
		if (f.uvm && !op->own_vm)
			uvm_assert_sums(f.uvm);
		if (f.uvm && op->own_vm) {
			uvm_free(f.uvm);
			f.uvm = NULL;
		}
		if (f.left)
			break;
		faults++;
		f.n += op->own_vm && f.n >= DENSE ? SPARSE : 1;
	}
	if (f.uvm)
		uvm_free(f.uvm);
	if (f.pool)
		uvmem_set_sealed_pool(0);
	ksft_print_msg("%s: %lu failing allocations, the last was number %lu\n", op->name, faults,
		       f.n - 1);
	TEST_ASSERT(faults >= op->least, "only %lu faults", faults);
}

int main(void)
{
	const struct fault_op *op;
	unsigned int nr = 0;
	int i;

	if (access("/proc/self/fail-nth", W_OK) || !injection_begin())
		ksft_exit_skip("this kernel injects no faults: make test KERNEL=debug\n");
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (op = tables[i]; op->name; op++)
			nr++;
	cases_begin(nr);
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (op = tables[i]; op->name; op++)
			case_run(run_op, (void *)op, 120, "%s without memory", op->name);
	cases_end();
}
