// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_pin_test - somebody on the host holds references on memory of the guest, for
 * as long as he likes: what cannot be moved is not made secure, and says so.
 * lib/host_table.h says what must happen to pages in each state.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "host.h"
#include "search.h"
#include "uring.h"

static void close_pipe(struct host_page *page)
{
	close(page->fd[0]);
	close(page->fd[1]);
}

static int hold_in_pipe(struct host_page *page)
{
	struct iovec iov = { page->mem, PAGE_SIZE };

	TEST_ASSERT(!pipe(page->fd), "pipe");
	TEST_ASSERT_EQ(vmsplice(page->fd[1], &iov, 1, 0), (ssize_t)PAGE_SIZE);
	page->undo = close_pipe;
	page->undo_first = true;
	return 0;
}

static void close_ring(struct host_page *page)
{
	close(page->fd[0]);
}

static int hold_in_uring(struct host_page *page)
{
	page->fd[0] = uring_register(page->mem, PAGE_SIZE);
	page->undo = close_ring;
	page->undo_first = true;
	return 0;
}

#define HOST_ROWS HOST_PIN_ROWS
#include "host_rows.h"

/* ---- long-term pins, at each moment at which pages would have to move ------------------- */

FIXTURE(pin)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u8 *page;	/* the VMM's view of the page that is pinned */
};

FIXTURE_VARIANT(pin)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(pin, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(pin, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

#define PINNED	mem_page(9)

FIXTURE_SETUP(pin)
{
	struct uvm_config config = { .mem_pages = HUGE_PAGES, .src = variant->src };

	self->uvm = uvm_create(&config);
	self->vcpu = self->uvm->vcpu[0];
	self->page = uvm_hva(self->uvm, PINNED);
	guest_call(self->vcpu, guest_fill, MEM_GPA, 64, 1);
}

FIXTURE_TEARDOWN(pin)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(pin, at_ESM_is_U_BUSY_and_leaves_a_normal_vm)
{
	int ring = uring_register(self->page, PAGE_SIZE);
	struct uvmem_vm_info info;

	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_ESM));
	uvm_info(self->uvm, &info);
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	EXPECT_EQ(0, info.frames);
	EXPECT_LT(0, uvm_stat(self->uvm, "skipped_pinned"));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
	close(ring);
	uvm_esm(self->uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
	assert_no_markers(SEARCH_TOUCH);
}

TEST_F(pin, at_page_in_is_told_and_moves_the_others)
{
	struct uvmem_range range;
	int ring;

	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, 64);
	ring = uring_register(self->page, PAGE_SIZE);
	ASSERT_EQ(0, __uvm_move(self->uvm, UVMEM_VM_PAGE_IN, MEM_GPA, 64, 0, &range));
	uvm_assert_state(self->uvm, PINNED, 1, UVMEM_PAGE_OUT);
	EXPECT_LT(0, range.skipped[UVMEM_REASON_PINNED]);
	/* Those that are in one huge page with it stay as well. */
	if (variant->src == VM_MEM_SRC_ANONYMOUS) {
		EXPECT_EQ(63, range.moved);
		EXPECT_EQ(1, range.skipped[UVMEM_REASON_PINNED]);
	}
	EXPECT_EQ(H_BUSY, hypercall(self->vcpu, H_SVM_PAGE_IN, PINNED, 0, UVMEM_ORDER_4K));
	close(ring);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
}

TEST_F(pin, at_share_is_U_BUSY_and_shares_nothing)
{
	int ring;

	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, MEM_GPA, 64);
	ring = uring_register(self->page, PAGE_SIZE);
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(PINNED), 1));
	uvm_assert_state(self->uvm, PINNED, 1, UVMEM_PAGE_OUT);
	close(ring);
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(PINNED), 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, PINNED, 1, 0));
}

TEST_F(pin, of_a_shared_page_reads_and_writes_what_the_guest_has)
{
	u8 data[PAGE_SIZE];
	int ring, fd;

	/* What pins are for: the page stays the one that the ring has. */
	uvm_esm(self->uvm);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(PINNED), 1));
	ring = uring_register(self->page, PAGE_SIZE);
	guest_call(self->vcpu, guest_fill_byte, PINNED, 1, 0x77);
	EXPECT_EQ(U_BUSY, hypercall(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(PINNED), 1));
	uvm_assert_state(self->uvm, PINNED, 1, UVMEM_PAGE_SHARED);
	fd = memfd_create("file", 0);
	ASSERT_EQ(PAGE_SIZE, uring_write(fd, self->page, PAGE_SIZE));
	ASSERT_EQ(PAGE_SIZE, pread(fd, data, PAGE_SIZE, 0));
	EXPECT_EQ(0x77, data[0]);
	EXPECT_EQ(0x77, data[PAGE_SIZE - 1]);
	close(fd);
	close(ring);
	EXPECT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(PINNED), 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, PINNED, 1, 0));
}

TEST_F(pin, of_a_resident_page_pins_ciphertext)
{
	u8 data[PAGE_SIZE];
	int ring, fd;

	uvm_esm(self->uvm);
	ring = uring_register(self->page, PAGE_SIZE);
	uvm_assert_state(self->uvm, PINNED, 1, UVMEM_PAGE_OUT);
	fd = memfd_create("file", 0);
	ASSERT_EQ(PAGE_SIZE, uring_write(fd, self->page, PAGE_SIZE));
	ASSERT_EQ(PAGE_SIZE, pread(fd, data, PAGE_SIZE, 0));
	EXPECT_EQ(0, search_markers_in(data, PAGE_SIZE).markers);
	close(fd);
	close(ring);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
}

TEST_HARNESS_MAIN
