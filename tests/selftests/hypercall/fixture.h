/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fixture.h - a VM whose guest makes hypercalls
 *
 * A call that is refused must have changed nothing: refused() compares the VM's state
 * and page counts before and after.
 */
#ifndef SELFTESTS_UVMEM_HYPERCALL_FIXTURE_H
#define SELFTESTS_UVMEM_HYPERCALL_FIXTURE_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <linux/kvm_para.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define VM_FIXTURE	FIXTURE_DATA(vm)

#define MEM_PAGES	(2 * HUGE_PAGES)
#define MEM_GFN		gpa_to_gfn(MEM_GPA)
#define MEM_END		(MEM_GPA + MEM_PAGES * PAGE_SIZE)
#define MAX_GPA		(1ull << 52)

FIXTURE(vm)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	bool stopped;
};

FIXTURE_SETUP(vm)
{
	self->uvm = uvm_create(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->vcpu = self->uvm->vcpu[0];
	/* Half of the test memory is populated, the rest nobody has touched. */
	guest_call(self->vcpu, guest_fill, MEM_GPA, HUGE_PAGES, 1);
}

FIXTURE_TEARDOWN(vm)
{
	if (!self->stopped)
		uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* The call must give @code and change neither the VM's state nor any page's. */
#define refused(self, code, ...)						\
do {										\
	struct uvmem_vm_info before_, after_;					\
	s64 got_;								\
										\
	uvm_info((self)->uvm, &before_);					\
	got_ = hypercall((self)->vcpu, __VA_ARGS__);				\
	uvm_info((self)->uvm, &after_);						\
	EXPECT_EQ((s64)(code), got_) TH_LOG("hypercall(" #__VA_ARGS__ ")");	\
	EXPECT_EQ(before_.state, after_.state) TH_LOG("hypercall(" #__VA_ARGS__ ")"); \
	EXPECT_EQ(0, memcmp(before_.pages, after_.pages, sizeof(after_.pages)))	\
		TH_LOG("pages changed state: hypercall(" #__VA_ARGS__ ")");	\
} while (0)

#define done(self, ...)	ASSERT_EQ(H_SUCCESS, hypercall_patient((self)->vcpu, __VA_ARGS__))

/* Keeps references to the pages of [addr, addr + size), so that they cannot be moved. */
struct pin {
	int fds[2];
};

static inline void pin_pages(struct pin *pin, void *addr, size_t size)
{
	struct iovec iov = { .iov_base = addr, .iov_len = size };

	TEST_ASSERT(!pipe(pin->fds), "pipe");
	TEST_ASSERT(fcntl(pin->fds[1], F_SETPIPE_SZ, 1 << 20) > 0, "F_SETPIPE_SZ");
	TEST_ASSERT(vmsplice(pin->fds[1], &iov, 1, 0) == (ssize_t)size, "vmsplice");
}

static inline void unpin_pages(struct pin *pin)
{
	close(pin->fds[0]);
	close(pin->fds[1]);
}

#endif
