// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c - pages move, are touched and change hands
 */
#include "kselftest.h"

#include "search.h"
#include "fault.h"

struct kvm_vcpu *vcpu(struct fault *f)
{
	return f->uvm->vcpu[0];
}

void pages_in(struct fault *f)
{
	u64 gfn = gpa_to_gfn(MEM_GPA);

	if (!f->uvm)
		f->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = 2 * HUGE_PAGES });
	if (uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED)) {
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gfn, PAGES), U_SUCCESS);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_UNSHARE_PAGE, gfn, PAGES), U_SUCCESS);
	}
	guest_call(vcpu(f), guest_fill, MEM_GPA, PAGES + NEIGHBOURS, ++f->seed);
}

static void pages_out(struct fault *f)
{
	pages_in(f);
	uvm_page_out_all(f->uvm, MEM_GPA, PAGES);
}

static void pages_shared(struct fault *f)
{
	pages_in(f);
	TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
		       U_SUCCESS);
}

static void pages_mixed(struct fault *f)
{
	pages_in(f);
	uvm_page_out_all(f->uvm, MEM_GPA, PAGES / 2);
}

void verify(struct fault *f, u64 page, u64 nr)
{
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_verify, mem_page(page), nr, f->seed), GUEST_OK);
}

static void verify_zero(struct fault *f)
{
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_verify_byte, MEM_GPA, PAGES, 0), GUEST_OK);
}

void guest_runs(struct fault *f, guest_fn_t fn, u64 a0, u64 a1, u64 a2)
{
	const u64 args[GUEST_MAX_ARGS] = { a0, a1, a2 };
	struct kvm_regs regs;
	int ret, tries, saved;

	memset(&f->guest, 0, sizeof(f->guest));
	__guest_start(vcpu(f), fn, args);
	nth_begin(f);
	for (tries = 0; tries < 1000; tries++) {
		ret = __vcpu_run(vcpu(f));
		if (!ret || (errno != EINTR && errno != EAGAIN && errno != ENOMEM))
			break;
	}
	saved = errno;
	nth_end(f);
	/* A VMM ends its guest for any other error. */
	TEST_ASSERT(!ret, "KVM_RUN: %s", strerror(saved));
	if (vcpu(f)->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    vcpu(f)->run->internal.suberror == UVMEM_SUBERROR) {
		f->guest.status = RUN_STOPPED;
		f->guest.reason = vcpu(f)->run->internal.data[0];
		return;
	}
	TEST_ASSERT_EQ(vcpu(f)->run->exit_reason, (u32)KVM_EXIT_IO);
	vcpu_regs_get(vcpu(f), &regs);
	TEST_ASSERT(regs.rdi == GUEST_EXIT_DONE, "the guest saw exception %llu", regs.rsi);
	f->guest.result = regs.rsi;
}

bool guest_was_stopped(struct fault *f)
{
	if (f->guest.status != RUN_STOPPED)
		return false;
	TEST_ASSERT_EQ(f->guest.reason, UVMEM_STOP_NO_MEMORY);
	uvm_free(f->uvm);
	f->uvm = NULL;
	return true;
}

/* ---- the operations -------------------------------------------------------------- */

static void do_move(struct fault *f, unsigned long cmd)
{
	f->range = (struct uvmem_range){
		.size = sizeof(f->range), .gfn = gpa_to_gfn(MEM_GPA), .nr_pages = PAGES,
		.flags = cmd == UVMEM_VM_PAGE_OUT ? UVMEM_RANGE_IGNORE_AGE : 0,
	};
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, cmd, &f->range) ? -errno : 0;
}

static void do_page_out(struct fault *f)
{
	do_move(f, UVMEM_VM_PAGE_OUT);
}

static void do_page_in(struct fault *f)
{
	do_move(f, UVMEM_VM_PAGE_IN);
}

static void check_move(struct fault *f, enum uvmem_page_state to)
{
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "%s", strerror(-f->ret));
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, to), f->ret ? 0 : f->range.moved);
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void check_out(struct fault *f)
{
	check_move(f, UVMEM_PAGE_OUT);
}

static void check_in(struct fault *f)
{
	check_move(f, UVMEM_PAGE_IN);
}

static void do_host_touch(struct fault *f)
{
	u64 word;

	nth_begin(f);
	word = uvm_host_read(f->uvm, mem_page(1));
	f->ret = 0;
	TEST_ASSERT(!is_marker(word), "the host reads a marker");
}

static void check_kept(struct fault *f)
{
	TEST_ASSERT_EQ(f->ret, 0);
	verify(f, 0, PAGES + NEIGHBOURS);
}

void do_guest_fault(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_read, mem_page(2), 0, 0);
}

/* A page of a 2 MiB that nobody has touched yet: its words are made now. */
static void untouched(struct fault *f)
{
	pages_in(f);
	TEST_ASSERT_EQ(uvm_count(f->uvm, mem_page(HUGE_PAGES), HUGE_PAGES, UVMEM_PAGE_ABSENT),
		       HUGE_PAGES);
}

static void do_guest_fault_untouched(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_write, mem_page(HUGE_PAGES + 3), 77, 0);
}

void check_fault(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void check_fault_untouched(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_read, mem_page(HUGE_PAGES + 3)), 77ull);
	verify(f, 0, PAGES + NEIGHBOURS);
	uvm_assert_sums(f->uvm);
	uvm_free(f->uvm);
	f->uvm = NULL;
}

/* KVM writes the wall clock where the guest says. */
static void do_kernel_write(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, mem_page(2), 0);
}

static void do_kernel_write_untouched(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, mem_page(HUGE_PAGES + 2), 0);
}

static void check_wall_clock(struct fault *f, u64 gpa)
{
	u64 first;

	TEST_ASSERT_EQ(f->guest.result, 0ull);
	first = guest_call(vcpu(f), guest_read, gpa);
	/* struct pvclock_wall_clock: version, even and not 0 when it was written. */
	TEST_ASSERT((u32)first && !((u32)first & 1) && (first >> 32),
		    "the wall clock was not written: 0x%lx", first);
}

static void check_kernel_write(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	check_wall_clock(f, mem_page(2));
	verify(f, 0, 2);
	verify(f, 3, PAGES + NEIGHBOURS - 3);
}

static void check_kernel_write_untouched(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	check_wall_clock(f, mem_page(HUGE_PAGES + 2));
	verify(f, 0, PAGES + NEIGHBOURS);
	uvm_assert_sums(f->uvm);
	uvm_free(f->uvm);
	f->uvm = NULL;
}

static void do_share(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_hypercall, UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES);
}

static void do_unshare(struct fault *f)
{
	guest_runs(f, (guest_fn_t)guest_hypercall, UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES);
}

/* Refused for a lack that passes: the same call can be repeated. */
static void check_shared(struct fault *f)
{
	s64 ret = f->guest.result;

	if (guest_was_stopped(f))
		return;
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "share: %ld", ret);
		uvm_assert_sums(f->uvm);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
			       U_SUCCESS);
	}
	uvm_assert_state(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED);
	verify_zero(f);
	verify(f, PAGES, NEIGHBOURS);
}

static void check_unshared(struct fault *f)
{
	s64 ret = f->guest.result;

	if (guest_was_stopped(f))
		return;
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "unshare: %ld", ret);
		uvm_assert_sums(f->uvm);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA),
						 PAGES), U_SUCCESS);
	}
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED), 0ull);
	verify_zero(f);
	verify(f, PAGES, NEIGHBOURS);
}

const struct fault_op page_ops[] = {
	{ "page-out", pages_in, do_page_out, check_out, .least = PAGES },
	{ "page-in", pages_out, do_page_in, check_in, .least = PAGES },
	{ "host touch", pages_in, do_host_touch, check_kept, .least = 2 },
	{ "guest fault", pages_out, do_guest_fault, check_fault, .least = 1 },
	{ "guest fault on untouched memory", untouched, do_guest_fault_untouched,
	  check_fault_untouched, .least = 3 },
	{ "kernel access", pages_out, do_kernel_write, check_kernel_write, .least = 1 },
	{ "kernel access to untouched memory", untouched, do_kernel_write_untouched,
	  check_kernel_write_untouched, .least = 3 },
	{ "share", pages_mixed, do_share, check_shared, .least = PAGES },
	{ "unshare", pages_shared, do_unshare, check_unshared, .least = PAGES },
	{}
};
