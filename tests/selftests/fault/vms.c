// SPDX-License-Identifier: GPL-2.0-only
/*
 * vms.c - VMs are armed and become secure
 */
#include "kselftest.h"

#include "search.h"
#include "fault.h"

/*
 * Handles are there already: the range of them grows by memremap_pages(), and the core
 * says WARN_ON_ONCE() when that finds no memory (add_pages()).
 */
static void vm_normal(struct fault *f)
{
	static struct uvm *other;

	if (!other)
		other = uvm_create_secure(&(struct uvm_config){});
	f->uvm = uvm_create(&(struct uvm_config){ .mem_pages = 2 * HUGE_PAGES });
	guest_call(vcpu(f), guest_fill, MEM_GPA, PAGES + NEIGHBOURS, ++f->seed);
}

static void do_esm(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_hypercall, UV_ESM, 0, 0);
}

static void check_esm(struct fault *f)
{
	s64 ret = f->guest.result;
	struct uvmem_vm_info info;

	if (guest_was_stopped(f))
		return;
	uvm_assert_sums(f->uvm);
	uvm_info(f->uvm, &info);
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "ESM: %ld", ret);
		TEST_ASSERT_EQ(info.state, (u32)UVMEM_VM_NORMAL);
		TEST_ASSERT_EQ(info.pages[UVMEM_PAGE_NORMAL], info.registered_pages);
		uvm_esm(f->uvm);
	} else {
		TEST_ASSERT_EQ(info.state, (u32)UVMEM_VM_SECURE);
		TEST_ASSERT_EQ(info.pages[UVMEM_PAGE_NORMAL], 0ull);
	}
	verify(f, 0, PAGES + NEIGHBOURS);
	TEST_ASSERT_EQ(search_markers_in(uvm_hva(f->uvm, MEM_GPA),
					 (PAGES + NEIGHBOURS) * PAGE_SIZE).markers, 0ull);
}

static void vm_unarmed(struct fault *f)
{
	f->uvm = calloc(1, sizeof(*f->uvm));
	TEST_ASSERT(f->uvm, "no memory");
	f->uvm->fd = -1;
	f->uvm->before = uvmem_get_pool();
	f->uvm->vm = ____vm_create(VM_SHAPE_DEFAULT);
	uvmem_dev();
}

static void do_arm(struct fault *f)
{
	struct uvmem_arm arm = { .size = sizeof(arm), .vm_fd = f->uvm->vm->fd };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_ARM, &arm);
	if (f->ret < 0)
		f->ret = -errno;
}

static void check_arm(struct fault *f)
{
	struct uvmem_pool now = uvmem_get_pool();
	bool armed = f->ret >= 0;

	TEST_ASSERT(armed || f->ret == -ENOMEM, "UVMEM_ARM: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(now.vms - f->uvm->before.vms, (u32)armed);
	TEST_ASSERT_EQ(now.keys - f->uvm->before.keys, (u64)armed);
	if (!armed)
		f->ret = uvmem_arm(f->uvm->vm->fd, 0, 0, "again");
	TEST_ASSERT(f->ret >= 0, "a second UVMEM_ARM: %s", strerror(-f->ret));
	f->uvm->fd = f->ret;
	f->uvm->id = 1;
}

const struct fault_op vm_ops[] = {
	{ "ESM", vm_normal, do_esm, check_esm, .own_vm = true, .least = 12 },
	{ "arm", vm_unarmed, do_arm, check_arm, .own_vm = true, .least = 6 },
	{}
};
