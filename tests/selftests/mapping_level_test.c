// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapping_level_test - a huge mapping over one shared page does not cover its
 * secure neighbours
 *
 * Of 512 gfns 511 are secure and one is shared, and the VMM has a huge page behind
 * them. A fault on the shared gfn that mapped all 512 to the VMM's page would let the
 * guest go on happily, in the VMM's memory. Only a search finds that.
 */
#include <sys/mman.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define MAPPING_FIXTURE	FIXTURE_DATA(mapping)

FIXTURE(mapping)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(mapping)
{
	u64 shared;	/* the shared page of the 512 */
};

FIXTURE_VARIANT_ADD(mapping, over_the_first_page) { .shared = 0 };
FIXTURE_VARIANT_ADD(mapping, over_a_page_inside) { .shared = 201 };
FIXTURE_VARIANT_ADD(mapping, over_the_last_page) { .shared = 511 };

FIXTURE_SETUP(mapping)
{
	struct uvm_config config = {
		.mem_pages = 2 * HUGE_PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP,
	};

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(mapping)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

static void use_neighbours(struct __test_metadata *_metadata, MAPPING_FIXTURE *self,
			   u64 shared)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	int i;

	for (i = 0; i < 2; i++) {
		/* The shared page first: its fault must not map the others. */
		guest_call(vcpu, guest_write, mem_page(shared), 42 + i);
		ASSERT_EQ(42 + i, uvm_host_read(self->uvm, mem_page(shared)));
		guest_call(vcpu, guest_fill, MEM_GPA, shared, 1);
		guest_call(vcpu, guest_fill, mem_page(shared + 1), HUGE_PAGES - 1 - shared, 1);
		assert_no_markers(SEARCH_PRESENT);
		uvm_assert_state(self->uvm, MEM_GPA, shared, UVMEM_PAGE_IN);
		uvm_assert_state(self->uvm, mem_page(shared), 1, UVMEM_PAGE_SHARED);
		uvm_assert_state(self->uvm, mem_page(shared + 1), HUGE_PAGES - 1 - shared,
				 UVMEM_PAGE_IN);
		/* Reading the VMM's memory pages all of them out. */
		assert_no_markers(SEARCH_TOUCH);
		guest_call(vcpu, guest_read, mem_page(shared));
		ASSERT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, shared, 1));
		ASSERT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, mem_page(shared + 1),
					       HUGE_PAGES - 1 - shared, 1));
	}
}

TEST_F(mapping, of_untouched_memory_does_not_cover_secure_neighbours)
{
	uvm_esm(self->uvm);
	uvm_assert_state(self->uvm, MEM_GPA, 2 * HUGE_PAGES, UVMEM_PAGE_ABSENT);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE,
					       gpa_to_gfn(mem_page(variant->shared)), 1));
	/* The VMM's fault makes a huge page behind all 512. */
	uvm_host_write(self->uvm, mem_page(variant->shared), 41);
	ASSERT_LE(HUGE_SIZE, uvm_huge_bytes(self->uvm, MEM_GPA));
	ASSERT_EQ(41, guest_call(self->vcpu, guest_read, mem_page(variant->shared)));
	use_neighbours(_metadata, self, variant->shared);
}

TEST_F(mapping, of_memory_the_guest_filled_does_not_cover_secure_neighbours)
{
	guest_call(self->vcpu, guest_fill, MEM_GPA, HUGE_PAGES, 9);
	ASSERT_LE(HUGE_SIZE, uvm_huge_bytes(self->uvm, MEM_GPA));
	uvm_esm(self->uvm);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE,
					       gpa_to_gfn(mem_page(variant->shared)), 1));
	use_neighbours(_metadata, self, variant->shared);
}

TEST_F(mapping, made_before_a_page_became_secure_is_taken_down)
{
	/* All shared, mapped huge; then one becomes secure. */
	uvm_esm(self->uvm);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA),
					       HUGE_PAGES));
	memset(uvm_hva(self->uvm, MEM_GPA), 1, HUGE_SIZE);
	guest_call(self->vcpu, guest_touch, MEM_GPA, HUGE_PAGES);
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, HUGE_PAGES, 3);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE,
					       gpa_to_gfn(mem_page(variant->shared)), 1));
	guest_call(self->vcpu, guest_fill, mem_page(variant->shared), 1, 1);
	assert_no_markers(SEARCH_PRESENT);
	assert_no_markers(SEARCH_TOUCH);
	ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(variant->shared), 1, 1));
	/* The others are shared as before. */
	EXPECT_EQ(HUGE_PAGES - 1, uvm_count(self->uvm, MEM_GPA, HUGE_PAGES, UVMEM_PAGE_SHARED));
	memset(uvm_hva(self->uvm, MEM_GPA + HUGE_SIZE), 1, HUGE_SIZE);
}

TEST_F(mapping, survives_pages_becoming_shared_and_secure_one_by_one)
{
	u64 gfn = gpa_to_gfn(MEM_GPA), i;

	/* What a Linux guest does with .bss..decrypted, page by page. */
	uvm_esm(self->uvm);
	ASSERT_EQ(0, hypercall_patient(self->vcpu, KVM_HC_MAP_GPA_RANGE, MEM_GPA, HUGE_PAGES, 0));
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, HUGE_PAGES, 7);
	for (i = 0; i < HUGE_PAGES; i += 16) {
		ASSERT_EQ(0, hypercall_patient(self->vcpu, KVM_HC_MAP_GPA_RANGE,
					       (gfn + i) << PAGE_SHIFT, 1, UVMEM_MAP_ENCRYPTED));
		guest_call(self->vcpu, guest_touch, mem_page(i + 1), 15);
		guest_call(self->vcpu, guest_fill, mem_page(i), 1, 1);
	}
	assert_no_markers(SEARCH_PRESENT);
	assert_no_markers(SEARCH_TOUCH);
	for (i = 0; i < HUGE_PAGES; i += 16)
		ASSERT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(i), 1, 1));
}

TEST_HARNESS_MAIN
