// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypercall_test - every hypercall with each of its documented codes
 *
 * One fixture per call, named as its handler in hypercalls/ and its page in
 * hypercalls/docs/. A call that is refused must have changed nothing: refused()
 * compares the VM's state and page counts before and after.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
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

static u32 vm_state(VM_FIXTURE *self)
{
	struct uvmem_vm_info info;

	uvm_info(self->uvm, &info);
	return info.state;
}

/* Keeps references to the pages of [addr, addr + size), so that they cannot be moved. */
struct pin {
	int fds[2];
};

static void pin_pages(struct pin *pin, void *addr, size_t size)
{
	struct iovec iov = { .iov_base = addr, .iov_len = size };

	TEST_ASSERT(!pipe(pin->fds), "pipe");
	TEST_ASSERT(fcntl(pin->fds[1], F_SETPIPE_SZ, 1 << 20) > 0, "F_SETPIPE_SZ");
	TEST_ASSERT(vmsplice(pin->fds[1], &iov, 1, 0) == (ssize_t)size, "vmsplice");
}

static void unpin_pages(struct pin *pin)
{
	close(pin->fds[0]);
	close(pin->fds[1]);
}

/* ---- who is not asked ---------------------------------------------------------------- */

static const u64 guest_calls[] = {
	H_SVM_PAGE_IN, H_SVM_PAGE_OUT, H_SVM_INIT_START, H_SVM_INIT_DONE,
	H_SVM_INIT_ABORT, UV_ESM, UV_SHARE_PAGE, UV_UNSHARE_PAGE, UV_UNSHARE_ALL_PAGES,
};

static const u64 host_calls[] = {
	UV_REGISTER_MEM_SLOT, UV_UNREGISTER_MEM_SLOT, UV_PAGE_IN, UV_PAGE_OUT,
	UV_PAGE_INVAL, UV_SVM_TERMINATE,
};

TEST(unarmed_vm_has_the_hypercalls_of_stock_kvm)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .unarmed = true });
	int i;

	for (i = 0; i < ARRAY_SIZE(guest_calls); i++)
		EXPECT_EQ(-KVM_ENOSYS, hypercall(uvm->vcpu[0], guest_calls[i], MEM_GPA, 0, 12));
	for (i = 0; i < ARRAY_SIZE(host_calls); i++)
		EXPECT_EQ(-KVM_ENOSYS, hypercall(uvm->vcpu[0], host_calls[i], 0, MEM_GPA, 12));
	EXPECT_EQ(-KVM_ENOSYS, hypercall(uvm->vcpu[0], KVM_HC_MAP_GPA_RANGE, MEM_GPA, 1,
					 UVMEM_MAP_ENCRYPTED));
	EXPECT_EQ(0, hypercall(uvm->vcpu[0], KVM_HC_VAPIC_POLL_IRQ));
	uvm_free(uvm);
}

TEST_F(vm, unknown_numbers_are_stock_kvms)
{
	refused(self, -KVM_ENOSYS, 0xEF18);
	refused(self, -KVM_ENOSYS, 0xF111);
	refused(self, -KVM_ENOSYS, ~0ull);
	refused(self, 0, KVM_HC_VAPIC_POLL_IRQ);
}

TEST_F(vm, calls_of_the_host_are_U_PERMISSION)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(host_calls); i++)
		refused(self, U_PERMISSION, host_calls[i], 0, MEM_GPA, 0, 12);
	uvm_esm(self->uvm);
	for (i = 0; i < ARRAY_SIZE(host_calls); i++) {
		refused(self, U_PERMISSION, host_calls[i], 0, MEM_GPA, 0, 12);
		refused(self, U_PERMISSION, host_calls[i], ~0ull, ~0ull, ~0ull, ~0ull);
	}
}

/* ---- life cycle ------------------------------------------------------------------------ */

TEST_F(vm, h_svm_init_start_begins_once)
{
	done(self, H_SVM_INIT_START);
	EXPECT_EQ(UVMEM_VM_INIT, vm_state(self));
	refused(self, H_STATE, H_SVM_INIT_START);
	done(self, H_SVM_INIT_DONE);
	/* A second one must not undo what the first began. */
	refused(self, H_STATE, H_SVM_INIT_START);
	EXPECT_EQ(UVMEM_VM_SECURE, vm_state(self));
}

TEST_F(vm, h_svm_init_done_needs_a_beginning)
{
	refused(self, H_UNSUPPORTED, H_SVM_INIT_DONE);
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_INIT_DONE);
	EXPECT_EQ(UVMEM_VM_SECURE, vm_state(self));
	refused(self, H_UNSUPPORTED, H_SVM_INIT_DONE);
}

TEST_F(vm, h_svm_init_abort_gives_everything_back)
{
	refused(self, H_UNSUPPORTED, H_SVM_INIT_ABORT);

	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M);
	done(self, H_SVM_PAGE_IN, MEM_GPA + HUGE_SIZE, 0, UVMEM_ORDER_2M);
	done(self, H_SVM_PAGE_OUT, mem_page(7), 0, UVMEM_ORDER_4K);
	done(self, H_SVM_PAGE_IN, mem_page(9), H_PAGE_IN_SHARED, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, mem_page(7), 1, UVMEM_PAGE_OUT);
	uvm_assert_state(self->uvm, mem_page(9), 1, UVMEM_PAGE_SHARED);
	uvm_assert_sums(self->uvm);

	/* Success, in the words of ultravisor.rst. */
	EXPECT_EQ(H_PARAMETER, hypercall_patient(self->vcpu, H_SVM_INIT_ABORT));
	EXPECT_EQ(UVMEM_VM_NORMAL, vm_state(self));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_NORMAL);
	EXPECT_EQ(self->uvm->before.frames_used, uvmem_get_pool().frames_used);
	EXPECT_EQ(self->uvm->before.handles_used, uvmem_get_pool().handles_used);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 9, 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(10),
				       HUGE_PAGES - 10, 1));
	/* It was shared, hence zeroed, by the guest's own will. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(9), 1, 0));
	/* And it is a normal VM: the VMM sees what the guest writes. */
	EXPECT_NE(0, search_markers_in(uvm_hva(self->uvm, MEM_GPA), PAGE_SIZE).markers);

	/* It can start again. */
	uvm_esm(self->uvm);
	assert_no_markers(SEARCH_PRESENT);
	refused(self, H_STATE, H_SVM_INIT_ABORT);
	EXPECT_EQ(UVMEM_VM_SECURE, vm_state(self));
}

TEST_F(vm, h_svm_init_abort_and_start_can_be_repeated)
{
	int i;

	for (i = 0; i < 5; i++) {
		done(self, H_SVM_INIT_START);
		done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M);
		uvm_assert_sums(self->uvm);
		EXPECT_EQ(H_PARAMETER, hypercall_patient(self->vcpu, H_SVM_INIT_ABORT));
		uvm_assert_sums(self->uvm);
	}
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, uv_esm_makes_all_memory_secure_and_keeps_it)
{
	struct uvmem_vm_info info;

	done(self, UV_ESM);
	uvm_info(self->uvm, &info);
	EXPECT_EQ(UVMEM_VM_SECURE, info.state);
	EXPECT_EQ(0, info.pages[UVMEM_PAGE_NORMAL]);
	EXPECT_EQ(0, info.pages[UVMEM_PAGE_SHARED]);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	/* What nobody has touched takes no memory. */
	uvm_assert_state(self->uvm, MEM_GPA + HUGE_SIZE, HUGE_PAGES, UVMEM_PAGE_ABSENT);
	uvm_assert_sums(self->uvm);
	assert_no_markers(SEARCH_PRESENT);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA + HUGE_SIZE,
				       HUGE_PAGES, 0));
	/* Secure already: success, and nothing changes. */
	refused(self, U_SUCCESS, UV_ESM);
}

TEST_F(vm, uv_esm_checks_its_arguments)
{
	refused(self, U_PARAMETER, UV_ESM, 1);
	refused(self, U_PARAMETER, UV_ESM, 1, 1);
	refused(self, U_P2, UV_ESM, 0, 1);
	EXPECT_EQ(UVMEM_VM_NORMAL, vm_state(self));
}

TEST_F(vm, uv_esm_goes_on_after_h_svm_init_start)
{
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_4K);
	done(self, UV_ESM);
	EXPECT_EQ(UVMEM_VM_SECURE, vm_state(self));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, uv_esm_without_secure_memory_is_U_RETRY_and_leaves_a_normal_vm)
{
	u64 limit = uvmem_get_pool().frames_limit;
	s64 ret;

	uvmem_set_pool_limit(self->uvm->before.frames_used + 100);
	ret = hypercall(self->vcpu, UV_ESM);
	uvmem_set_pool_limit(limit);
	EXPECT_EQ(U_RETRY, ret);
	EXPECT_EQ(UVMEM_VM_NORMAL, vm_state(self));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_NORMAL);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	/* And the next one succeeds. */
	uvm_esm(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, uv_esm_with_a_page_that_is_pinned_is_U_BUSY_and_leaves_a_normal_vm)
{
	struct pin pin;

	pin_pages(&pin, uvm_hva(self->uvm, mem_page(3)), PAGE_SIZE);
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_ESM));
	EXPECT_EQ(UVMEM_VM_NORMAL, vm_state(self));
	uvm_assert_state(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_NORMAL);
	unpin_pages(&pin);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	uvm_esm(self->uvm);
}

/* ---- H_SVM_PAGE_IN, H_SVM_PAGE_OUT --------------------------------------------------------- */

/* The checks that both calls make, with both answering alike. */
static void check_page_arguments(struct __test_metadata *_metadata,
				 VM_FIXTURE *self, u64 nr, u64 known_flags)
{
	static const u64 bad_orders[] = { 0, 11, 13, 16, 20, 22, 30, 63, 64, ~0ull };
	static const u64 bad_gpas[] = {
		MEM_GPA + 1, MEM_GPA + 0x800, MEM_GPA - 1,	/* misaligned */
		MEM_END, MMIO_GPA, 0xfee00000, 1ull << 40,	/* no memslot, or KVM's own */
		MAX_GPA - PAGE_SIZE, MAX_GPA, 1ull << 63, -PAGE_SIZE, ~0ull,
	};
	u64 flag;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_gpas); i++)
		refused(self, H_PARAMETER, nr, bad_gpas[i], 0, UVMEM_ORDER_4K);
	for (flag = 1; flag; flag <<= 1)
		if (!(flag & known_flags))
			refused(self, H_P2, nr, MEM_GPA, flag, UVMEM_ORDER_4K);
	refused(self, H_P2, nr, MEM_GPA, ~0ull, UVMEM_ORDER_4K);
	for (i = 0; i < ARRAY_SIZE(bad_orders); i++)
		refused(self, H_P3, nr, MEM_GPA, 0, bad_orders[i]);

	/* 2 MiB: aligned, and all of it in a memslot. */
	refused(self, H_PARAMETER, nr, MEM_GPA + PAGE_SIZE, 0, UVMEM_ORDER_2M);
	refused(self, H_PARAMETER, nr, MEM_END, 0, UVMEM_ORDER_2M);
	refused(self, H_PARAMETER, nr, -HUGE_SIZE, 0, UVMEM_ORDER_2M);
	refused(self, H_PARAMETER, nr, MAX_GPA, 0, UVMEM_ORDER_2M);
}

TEST_F(vm, h_svm_page_in_checks_its_arguments)
{
	refused(self, H_UNSUPPORTED, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_4K);
	done(self, H_SVM_INIT_START);
	check_page_arguments(_metadata, self, H_SVM_PAGE_IN, H_PAGE_IN_SHARED);
	uvm_esm(self->uvm);
	check_page_arguments(_metadata, self, H_SVM_PAGE_IN, H_PAGE_IN_SHARED);
}

TEST_F(vm, h_svm_page_out_checks_its_arguments)
{
	refused(self, H_UNSUPPORTED, H_SVM_PAGE_OUT, MEM_GPA, 0, UVMEM_ORDER_4K);
	done(self, H_SVM_INIT_START);
	check_page_arguments(_metadata, self, H_SVM_PAGE_OUT, 0);
	uvm_esm(self->uvm);
	check_page_arguments(_metadata, self, H_SVM_PAGE_OUT, 0);
}

TEST_F(vm, h_svm_page_in_secures_one_page)
{
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, mem_page(5), 0, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, MEM_GPA, 5, UVMEM_PAGE_NORMAL);
	uvm_assert_state(self->uvm, mem_page(5), 1, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, mem_page(6), HUGE_PAGES, UVMEM_PAGE_NORMAL);
	/* A page that nobody has touched becomes secure without memory. */
	done(self, H_SVM_PAGE_IN, mem_page(HUGE_PAGES + 1), 0, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, mem_page(HUGE_PAGES + 1), 1, UVMEM_PAGE_ABSENT);
	/* Again: nothing to do. */
	refused(self, H_SUCCESS, H_SVM_PAGE_IN, mem_page(5), 0, UVMEM_ORDER_4K);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, h_svm_page_in_and_out_move_2m)
{
	uvm_esm(self->uvm);
	done(self, H_SVM_PAGE_OUT, MEM_GPA, 0, UVMEM_ORDER_2M);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_OUT);
	uvm_assert_sums(self->uvm);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, h_svm_page_out_seals_one_page)
{
	uvm_esm(self->uvm);
	done(self, H_SVM_PAGE_OUT, mem_page(5), 0, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, MEM_GPA, 5, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, mem_page(5), 1, UVMEM_PAGE_OUT);
	uvm_assert_state(self->uvm, mem_page(6), HUGE_PAGES - 6, UVMEM_PAGE_IN);
	EXPECT_EQ(0, search_markers_in(uvm_hva(self->uvm, mem_page(5)), PAGE_SIZE).markers);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(5), 1, 1));
	/* Pages that are not in secure memory count as done. */
	refused(self, H_SUCCESS, H_SVM_PAGE_OUT, mem_page(HUGE_PAGES), 0, UVMEM_ORDER_4K);
	done(self, UV_SHARE_PAGE, MEM_GFN + 8, 1);
	refused(self, H_SUCCESS, H_SVM_PAGE_OUT, mem_page(8), 0, UVMEM_ORDER_4K);
}

TEST_F(vm, h_svm_page_in_shared_gives_the_vmm_a_zero_page)
{
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M);
	done(self, H_SVM_PAGE_IN, mem_page(4), H_PAGE_IN_SHARED, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, mem_page(4), 1, UVMEM_PAGE_SHARED);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(4), 1, 0));
	EXPECT_EQ(0, uvm_host_read(self->uvm, mem_page(4)));
	/* Both see what either writes. */
	guest_call(self->vcpu, guest_write, mem_page(4), 0x1234);
	EXPECT_EQ(0x1234, uvm_host_read(self->uvm, mem_page(4)));
	uvm_host_write(self->uvm, mem_page(4), 0x4321);
	EXPECT_EQ(0x4321, guest_call(self->vcpu, guest_read, mem_page(4)));
	/* And the way back keeps the content: it is the guest's to take it or not. */
	done(self, H_SVM_PAGE_IN, mem_page(4), 0, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, mem_page(4), 1, UVMEM_PAGE_IN);
	EXPECT_EQ(0x4321, guest_call(self->vcpu, guest_read, mem_page(4)));
}

TEST_F(vm, h_svm_page_in_of_a_pinned_page_is_H_BUSY)
{
	struct pin pin;

	done(self, H_SVM_INIT_START);
	pin_pages(&pin, uvm_hva(self->uvm, mem_page(3)), PAGE_SIZE);
	refused(self, H_BUSY, H_SVM_PAGE_IN, mem_page(3), 0, UVMEM_ORDER_4K);
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_NORMAL);
	uvm_assert_sums(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(3), 1, 1));
	/* Of 512 pages the others may have moved, nothing is lost. */
	EXPECT_EQ(H_BUSY, hypercall(self->vcpu, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M));
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_NORMAL);
	unpin_pages(&pin);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_2M);
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
}

TEST_F(vm, h_svm_page_in_without_a_frame_is_H_NO_MEM)
{
	u64 limit = uvmem_get_pool().frames_limit;

	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, mem_page(1), 0, UVMEM_ORDER_4K);
	uvmem_set_pool_limit(uvmem_get_pool().frames_used);
	refused(self, H_NO_MEM, H_SVM_PAGE_IN, mem_page(3), 0, UVMEM_ORDER_4K);
	uvmem_set_pool_limit(limit);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	done(self, H_SVM_PAGE_IN, mem_page(3), 0, UVMEM_ORDER_4K);
}

/* ---- UV_SHARE_PAGE, UV_UNSHARE_PAGE, UV_UNSHARE_ALL_PAGES --------------------------------------- */

static void check_share_arguments(struct __test_metadata *_metadata,
				  VM_FIXTURE *self, u64 nr)
{
	static const u64 bad_gfns[] = {
		MEM_GFN + MEM_PAGES, MEM_GFN - 1, 0xfee00, 1ull << 39,
		MAX_GPA >> PAGE_SHIFT, 1ull << 52, 1ull << 63, ~0ull,
	};
	static const u64 bad_nrs[] = {
		0, MEM_PAGES + 1, 1ull << 40, 1ull << 52, 1ull << 63, ~0ull - MEM_GFN, ~0ull,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad_gfns); i++)
		refused(self, U_PARAMETER, nr, bad_gfns[i], 1);
	for (i = 0; i < ARRAY_SIZE(bad_nrs); i++)
		refused(self, U_P2, nr, MEM_GFN, bad_nrs[i]);
}

TEST_F(vm, uv_share_page_checks_its_arguments)
{
	refused(self, U_INVALID, UV_SHARE_PAGE, MEM_GFN, 1);
	done(self, H_SVM_INIT_START);
	refused(self, U_INVALID, UV_SHARE_PAGE, MEM_GFN, 1);
	uvm_esm(self->uvm);
	check_share_arguments(_metadata, self, UV_SHARE_PAGE);
}

TEST_F(vm, uv_unshare_page_checks_its_arguments)
{
	refused(self, U_INVALID, UV_UNSHARE_PAGE, MEM_GFN, 1);
	done(self, H_SVM_INIT_START);
	refused(self, U_INVALID, UV_UNSHARE_PAGE, MEM_GFN, 1);
	uvm_esm(self->uvm);
	check_share_arguments(_metadata, self, UV_UNSHARE_PAGE);
}

TEST_F(vm, uv_share_page_gives_zeroed_pages_whatever_they_were)
{
	u64 *hva;
	int i;

	uvm_esm(self->uvm);
	/* in, out, same-filled, absent */
	done(self, H_SVM_PAGE_OUT, mem_page(1), 0, UVMEM_ORDER_4K);
	guest_call(self->vcpu, guest_fill_byte, mem_page(2), 1, 0x77);
	done(self, H_SVM_PAGE_OUT, mem_page(2), 0, UVMEM_ORDER_4K);
	done(self, UV_SHARE_PAGE, MEM_GFN, 3);
	done(self, UV_SHARE_PAGE, MEM_GFN + HUGE_PAGES + 5, 1);
	uvm_assert_state(self->uvm, MEM_GPA, 3, UVMEM_PAGE_SHARED);
	uvm_assert_state(self->uvm, mem_page(3), HUGE_PAGES - 3, UVMEM_PAGE_IN);
	uvm_assert_sums(self->uvm);
	hva = uvm_hva(self->uvm, MEM_GPA);
	for (i = 0; i < 3 * PAGE_SIZE / 8; i++)
		ASSERT_EQ(0, hva[i]) TH_LOG("word %d", i);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, 3, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte,
				       mem_page(HUGE_PAGES + 5), 1, 0));
	guest_call(self->vcpu, guest_write, mem_page(1) + 8, 99);
	EXPECT_EQ(99, uvm_host_read(self->uvm, mem_page(1) + 8));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(3),
				       HUGE_PAGES - 3, 1));
	/* Those that are shared already, too. */
	memset(uvm_hva(self->uvm, mem_page(1)), 0xee, PAGE_SIZE);
	done(self, UV_SHARE_PAGE, MEM_GFN, 3);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, MEM_GPA, 3, 0));
}

TEST_F(vm, uv_unshare_page_takes_them_back_zeroed)
{
	uvm_esm(self->uvm);
	done(self, UV_SHARE_PAGE, MEM_GFN, 4);
	memset(uvm_hva(self->uvm, MEM_GPA), 0xab, 4 * PAGE_SIZE);
	done(self, UV_UNSHARE_PAGE, MEM_GFN + 1, 2);
	uvm_assert_state(self->uvm, mem_page(0), 1, UVMEM_PAGE_SHARED);
	uvm_assert_state(self->uvm, mem_page(3), 1, UVMEM_PAGE_SHARED);
	EXPECT_EQ(2, uvm_count(self->uvm, MEM_GPA, 4, UVMEM_PAGE_SHARED));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(1), 2, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(0), 1, 0xab));
	/* Those that are secure already are zeroed, too. */
	done(self, UV_UNSHARE_PAGE, MEM_GFN + 8, 1);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(8), 1, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(9), 9, 1));
	/* What the guest writes from now on is its own again. */
	guest_call(self->vcpu, guest_fill, mem_page(1), 2, 3);
	assert_no_markers(SEARCH_TOUCH);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(1), 2, 3));
}

TEST_F(vm, uv_unshare_page_of_a_pinned_page_is_U_BUSY_in_bounded_time)
{
	struct timespec start, now;
	struct pin pin;

	uvm_esm(self->uvm);
	done(self, UV_SHARE_PAGE, MEM_GFN + 4, 2);
	uvm_host_write(self->uvm, mem_page(4), 1);
	pin_pages(&pin, uvm_hva(self->uvm, mem_page(4)), PAGE_SIZE);
	clock_gettime(CLOCK_MONOTONIC, &start);
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_UNSHARE_PAGE, MEM_GFN + 4, 1));
	clock_gettime(CLOCK_MONOTONIC, &now);
	EXPECT_GE(10, now.tv_sec - start.tv_sec);
	uvm_assert_state(self->uvm, mem_page(4), 2, UVMEM_PAGE_SHARED);
	unpin_pages(&pin);
	done(self, UV_UNSHARE_PAGE, MEM_GFN + 4, 1);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(4), 1, 0));
}

TEST_F(vm, uv_unshare_all_pages_takes_all_back)
{
	refused(self, U_INVALID, UV_UNSHARE_ALL_PAGES);
	done(self, H_SVM_INIT_START);
	refused(self, U_INVALID, UV_UNSHARE_ALL_PAGES);
	uvm_esm(self->uvm);
	refused(self, U_SUCCESS, UV_UNSHARE_ALL_PAGES);
	done(self, UV_SHARE_PAGE, MEM_GFN + 1, 1);
	done(self, UV_SHARE_PAGE, MEM_GFN + 100, 200);
	done(self, UV_SHARE_PAGE, MEM_GFN + MEM_PAGES - 1, 1);
	memset(uvm_hva(self->uvm, mem_page(100)), 0xcd, 200 * PAGE_SIZE);
	done(self, UV_UNSHARE_ALL_PAGES);
	EXPECT_EQ(0, uvm_count(self->uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_SHARED));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(100), 200, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(2), 98, 1));
}

/* ---- KVM_HC_MAP_GPA_RANGE --------------------------------------------------------------------- */

TEST_F(vm, kvm_hc_map_gpa_range_checks_its_arguments)
{
	static const u64 bad_attrs[] = {
		3, 0xf, UVMEM_MAP_ENCRYPTED | 3, UVMEM_MAP_ENCRYPTED << 1, 1ull << 63, ~0ull,
	};
	int secure, i;

	for (secure = 0; secure < 2; secure++) {
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA + 1, 1, UVMEM_MAP_ENCRYPTED);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA + 1, 1, 0);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA, 0, UVMEM_MAP_ENCRYPTED);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA, 0, 0);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA, ~0ull, UVMEM_MAP_ENCRYPTED);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA, 1ull << 52, 0);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MAX_GPA, 1, UVMEM_MAP_ENCRYPTED);
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, -PAGE_SIZE, 2, 0);
		/* nothing but a hole */
		refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MMIO_GPA, 1, UVMEM_MAP_ENCRYPTED);
		for (i = 0; i < ARRAY_SIZE(bad_attrs); i++)
			refused(self, -KVM_EINVAL, KVM_HC_MAP_GPA_RANGE, MEM_GPA, 1, bad_attrs[i]);
		if (!secure)
			uvm_esm(self->uvm);
	}
}

TEST_F(vm, kvm_hc_map_gpa_range_first_encrypted_range_is_the_esm)
{
	/* Nothing is secure yet, all memory is as the guest wants this to be. */
	refused(self, 0, KVM_HC_MAP_GPA_RANGE, MEM_GPA, 4, 0);
	done(self, KVM_HC_MAP_GPA_RANGE, MEM_GPA, MEM_PAGES, UVMEM_MAP_ENCRYPTED);
	EXPECT_EQ(UVMEM_VM_SECURE, vm_state(self));
	uvm_assert_state(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, MEM_GPA + HUGE_SIZE, HUGE_PAGES, UVMEM_PAGE_ABSENT);
	/* Only what was named. */
	uvm_assert_state(self->uvm, 0, SLOT0_PAGES, UVMEM_PAGE_NORMAL);
	uvm_assert_sums(self->uvm);
	/* A range with holes: the holes are passed over. */
	done(self, KVM_HC_MAP_GPA_RANGE, 0, gpa_to_gfn(MEM_END) + 512, UVMEM_MAP_ENCRYPTED | 1);
	EXPECT_EQ(0, uvm_count(self->uvm, 0, SLOT0_PAGES, UVMEM_PAGE_NORMAL));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	assert_no_markers(SEARCH_PRESENT);
}

TEST_F(vm, kvm_hc_map_gpa_range_decrypted_shares_with_the_content_kept)
{
	uvm_esm(self->uvm);
	done(self, H_SVM_PAGE_OUT, mem_page(11), 0, UVMEM_ORDER_4K);
	done(self, KVM_HC_MAP_GPA_RANGE, mem_page(10), 3, 0);
	uvm_assert_state(self->uvm, mem_page(10), 3, UVMEM_PAGE_SHARED);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(10), 3, 1));
	EXPECT_NE(0, search_markers_in(uvm_hva(self->uvm, mem_page(10)), 3 * PAGE_SIZE).markers);
	EXPECT_EQ(0, search_markers_in(uvm_hva(self->uvm, mem_page(13)), PAGE_SIZE).markers);
	guest_call(self->vcpu, guest_write, mem_page(10), 5);
	EXPECT_EQ(5, uvm_host_read(self->uvm, mem_page(10)));
	uvm_host_write(self->uvm, mem_page(10), 6);

	done(self, KVM_HC_MAP_GPA_RANGE, mem_page(10), 3, UVMEM_MAP_ENCRYPTED);
	uvm_assert_state(self->uvm, mem_page(10), 3, UVMEM_PAGE_IN);
	EXPECT_EQ(6, guest_call(self->vcpu, guest_read, mem_page(10)));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(11), 2, 1));
	assert_no_markers(SEARCH_PRESENT);
}

TEST_F(vm, kvm_hc_map_gpa_range_that_cannot_be_encrypted_stops_the_guest)
{
	/* It looks at no result, and would put its secrets into the VMM's memory. */
	void *mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, PAGE_SIZE);
	vm_set_user_memory_region(self->uvm->vm, 5, 0, 0x80000000, HUGE_SIZE, mem);
	self->stopped = true;
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_NOT_ANON, 0x80000000,
			 guest_hypercall, KVM_HC_MAP_GPA_RANGE, 0x80000000, HUGE_PAGES,
			 UVMEM_MAP_ENCRYPTED);
	vm_set_user_memory_region(self->uvm->vm, 5, 0, 0x80000000, 0, mem);
}

/* ---- long calls ----------------------------------------------------------------------------- */

static void on_alarm(int sig)
{
}

TEST_F(vm, long_calls_let_signals_through_and_end)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval fast = { { 0, 2000 }, { 0, 2000 } }, off = {};
	int i;

	/* KVM_RUN returns EINTR again and again; guest_run() goes on. */
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &fast, NULL));
	done(self, UV_ESM);
	for (i = 0; i < 3; i++) {
		done(self, KVM_HC_MAP_GPA_RANGE, MEM_GPA, MEM_PAGES, 0);
		done(self, KVM_HC_MAP_GPA_RANGE, MEM_GPA, MEM_PAGES, UVMEM_MAP_ENCRYPTED);
	}
	done(self, UV_SHARE_PAGE, MEM_GFN + HUGE_PAGES, HUGE_PAGES);
	done(self, UV_UNSHARE_ALL_PAGES);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, HUGE_PAGES, 1));
	assert_no_markers(SEARCH_PRESENT);
}

TEST_HARNESS_MAIN
