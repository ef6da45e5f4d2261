// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypercall_test - every hypercall with each of its documented codes
 *
 * Tests are named as the call's handler in hypercalls/ and its page in hypercalls/docs/.
 * Those that share pages have a program of their own, hypercall_share_test.
 */
#include "hypercall/fixture.h"

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
	EXPECT_EQ(UVMEM_VM_INIT, uvm_vm_state(self->uvm));
	refused(self, H_STATE, H_SVM_INIT_START);
	done(self, H_SVM_INIT_DONE);
	/* A second one must not undo what the first began. */
	refused(self, H_STATE, H_SVM_INIT_START);
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
}

TEST_F(vm, h_svm_init_done_needs_a_beginning)
{
	refused(self, H_UNSUPPORTED, H_SVM_INIT_DONE);
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_INIT_DONE);
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
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
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(self->uvm));
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
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
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
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(self->uvm));
}

TEST_F(vm, uv_esm_goes_on_after_h_svm_init_start)
{
	done(self, H_SVM_INIT_START);
	done(self, H_SVM_PAGE_IN, MEM_GPA, 0, UVMEM_ORDER_4K);
	done(self, UV_ESM);
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
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
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(self->uvm));
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
	EXPECT_EQ(UVMEM_VM_NORMAL, uvm_vm_state(self->uvm));
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

TEST_HARNESS_MAIN
