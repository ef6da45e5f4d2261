// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypercall_share_test - the hypercalls by which a guest shares pages and takes them back,
 * with each of their documented codes
 *
 * As hypercall_test, of which it is the second half.
 */
#include <sys/time.h>

#include "hypercall/fixture.h"

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
	EXPECT_EQ(UVMEM_VM_SECURE, uvm_vm_state(self->uvm));
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
