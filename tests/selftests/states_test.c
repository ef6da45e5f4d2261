// SPDX-License-Identifier: GPL-2.0-only
/*
 * states_test - every state of a page meets everything that can be done to it
 *
 * The table below is that of docs/page-states.md (kvm-uvmem/state.c) as seen from
 * outside: one row per state, one column per operation of guest, host or VMM, and in
 * each cell the state after it and what the operation says. Every cell
 * gets a page of its own, which is brought into its state by real operations. The VM
 * is in INIT, where pages of all states can be side by side.
 */
#include <sys/mman.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

enum op {
	OP_PAGE_IN_HC,		/* H_SVM_PAGE_IN */
	OP_SHARE_HC,		/* H_SVM_PAGE_IN with H_PAGE_IN_SHARED */
	OP_PAGE_OUT_HC,		/* H_SVM_PAGE_OUT */
	OP_MAP_ENCRYPTED,	/* KVM_HC_MAP_GPA_RANGE */
	OP_MAP_DECRYPTED,
	OP_PAGE_OUT,		/* UVMEM_VM_PAGE_OUT */
	OP_PAGE_IN,		/* UVMEM_VM_PAGE_IN */
	OP_GUEST_READ,
	OP_GUEST_WRITE,
	OP_HOST_READ,
	OP_HOST_DROP,		/* MADV_DONTNEED */
	OP_SLOT_AGAIN,		/* the memslot is deleted and made again */
	OP_NR,
};

static const char * const op_names[] = {
	[OP_PAGE_IN_HC] = "H_SVM_PAGE_IN",
	[OP_SHARE_HC] = "H_SVM_PAGE_IN, shared",
	[OP_PAGE_OUT_HC] = "H_SVM_PAGE_OUT",
	[OP_MAP_ENCRYPTED] = "MAP_GPA_RANGE encrypted",
	[OP_MAP_DECRYPTED] = "MAP_GPA_RANGE decrypted",
	[OP_PAGE_OUT] = "UVMEM_VM_PAGE_OUT",
	[OP_PAGE_IN] = "UVMEM_VM_PAGE_IN",
	[OP_GUEST_READ] = "guest reads",
	[OP_GUEST_WRITE] = "guest writes",
	[OP_HOST_READ] = "host reads",
	[OP_HOST_DROP] = "host drops",
	[OP_SLOT_AGAIN] = "memslot goes and comes",
};
_Static_assert(ARRAY_SIZE(op_names) == OP_NR, "a name for each operation");

/* What a cell can say besides the next state. */
#define STOPS	0x100	/* the guest is stopped (tested in VMs of their own) */
#define LOSES	0x200	/* the content is gone, by the VMM's or the guest's will */

#define NORMAL	UVMEM_PAGE_NORMAL
#define SHARED	UVMEM_PAGE_SHARED
#define ABSENT	UVMEM_PAGE_ABSENT
#define IN	UVMEM_PAGE_IN
#define OUT	UVMEM_PAGE_OUT
#define ZERO	UVMEM_PAGE_ZERO
#define LOST	UVMEM_PAGE_LOST
#define POOL	UVMEM_PAGE_POOL

static const u16 after[UVMEM_PAGE_NR_STATES][OP_NR] = {
	[NORMAL] = {
		[OP_PAGE_IN_HC] = IN,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = NORMAL,	[OP_MAP_ENCRYPTED] = IN,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = NORMAL,
		[OP_PAGE_IN] = NORMAL,		[OP_GUEST_READ] = NORMAL,
		[OP_GUEST_WRITE] = NORMAL,	[OP_HOST_READ] = NORMAL,
		[OP_HOST_DROP] = NORMAL | LOSES, [OP_SLOT_AGAIN] = NORMAL,
	},
	[SHARED] = {
		[OP_PAGE_IN_HC] = IN,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = SHARED,	[OP_MAP_ENCRYPTED] = IN,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = SHARED,
		[OP_PAGE_IN] = SHARED,		[OP_GUEST_READ] = SHARED,
		[OP_GUEST_WRITE] = SHARED,	[OP_HOST_READ] = SHARED,
		[OP_HOST_DROP] = SHARED | LOSES, [OP_SLOT_AGAIN] = NORMAL,
	},
	[ABSENT] = {
		[OP_PAGE_IN_HC] = ABSENT,	[OP_SHARE_HC] = SHARED,
		[OP_PAGE_OUT_HC] = ABSENT,	[OP_MAP_ENCRYPTED] = ABSENT,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = ABSENT,
		[OP_PAGE_IN] = ABSENT,		[OP_GUEST_READ] = IN,
		[OP_GUEST_WRITE] = IN,		[OP_HOST_READ] = ABSENT,
		[OP_HOST_DROP] = ABSENT,	[OP_SLOT_AGAIN] = ABSENT,
	},
	[IN] = {
		[OP_PAGE_IN_HC] = IN,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = OUT,		[OP_MAP_ENCRYPTED] = IN,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = OUT,
		[OP_PAGE_IN] = IN,		[OP_GUEST_READ] = IN,
		[OP_GUEST_WRITE] = IN,		[OP_HOST_READ] = OUT,
		[OP_HOST_DROP] = LOST | LOSES,	[OP_SLOT_AGAIN] = IN,
	},
	[OUT] = {
		[OP_PAGE_IN_HC] = IN,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = OUT,		[OP_MAP_ENCRYPTED] = OUT,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = OUT,
		[OP_PAGE_IN] = IN,		[OP_GUEST_READ] = IN,
		[OP_GUEST_WRITE] = IN,		[OP_HOST_READ] = OUT,
		[OP_HOST_DROP] = OUT | LOSES,	[OP_SLOT_AGAIN] = OUT,
	},
	[ZERO] = {
		[OP_PAGE_IN_HC] = ZERO,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = ZERO,	[OP_MAP_ENCRYPTED] = ZERO,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = ZERO,
		[OP_PAGE_IN] = ZERO,		[OP_GUEST_READ] = IN,
		[OP_GUEST_WRITE] = IN,		[OP_HOST_READ] = OUT,
		[OP_HOST_DROP] = LOST | LOSES,	[OP_SLOT_AGAIN] = ZERO,
	},
	[LOST] = {
		[OP_PAGE_IN_HC] = LOST | LOSES,	[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = LOST | LOSES, [OP_MAP_ENCRYPTED] = LOST | STOPS,
		[OP_MAP_DECRYPTED] = SHARED | LOSES, [OP_PAGE_OUT] = LOST | LOSES,
		[OP_PAGE_IN] = LOST | LOSES,	[OP_GUEST_READ] = LOST | STOPS,
		[OP_GUEST_WRITE] = LOST | STOPS, [OP_HOST_READ] = LOST | LOSES,
		[OP_HOST_DROP] = LOST | LOSES,	[OP_SLOT_AGAIN] = LOST | LOSES,
	},
	[POOL] = {
		[OP_PAGE_IN_HC] = IN,		[OP_SHARE_HC] = SHARED | LOSES,
		[OP_PAGE_OUT_HC] = POOL,	[OP_MAP_ENCRYPTED] = POOL,
		[OP_MAP_DECRYPTED] = SHARED,	[OP_PAGE_OUT] = POOL,
		[OP_PAGE_IN] = IN,		[OP_GUEST_READ] = IN,
		[OP_GUEST_WRITE] = IN,		[OP_HOST_READ] = OUT,
		[OP_HOST_DROP] = LOST | LOSES,	[OP_SLOT_AGAIN] = POOL,
	},
};

#define FIRST_STATE	UVMEM_PAGE_NORMAL
#define LAST_STATE	UVMEM_PAGE_POOL
#define ZERO_BYTE	0x3c

static u64 hc(struct uvm *uvm, u64 nr, u64 gpa, u64 flags)
{
	return hypercall_patient(uvm->vcpu[0], nr, gpa, flags, UVMEM_ORDER_4K);
}

/*
 * Bring a NORMAL page that nobody has touched into @state. What the guest finds
 * in it is guest_fill(seed 1), ZERO_BYTE for ZERO, 0 for ABSENT.
 */
static void make(struct uvm *uvm, u64 gpa, enum uvmem_page_state state)
{
	struct kvm_vcpu *vcpu = uvm->vcpu[0];

	if (state == ZERO)
		guest_call(vcpu, guest_fill_byte, gpa, 1, ZERO_BYTE);
	else if (state != ABSENT)
		guest_call(vcpu, guest_fill, gpa, 1, 1);
	switch (state) {
	case SHARED:
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_IN, gpa, H_PAGE_IN_SHARED), "share");
		guest_call(vcpu, guest_fill, gpa, 1, 1);
		break;
	case ABSENT:
	case IN:
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_IN, gpa, 0), "page-in");
		break;
	case OUT:
	case ZERO:
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_IN, gpa, 0), "page-in");
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_OUT, gpa, 0), "page-out");
		break;
	case POOL:
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_IN, gpa, 0), "page-in");
		/* For this page only: others go out to the VMM's memory, and it stays. */
		uvmem_keep_sealed_pool();
		uvmem_set_sealed_pool(16 << 20);
		uvm_page_out(uvm, gpa, 1);
		uvmem_set_sealed_pool(0);
		break;
	case LOST:
		TEST_ASSERT(!hc(uvm, H_SVM_PAGE_IN, gpa, 0), "page-in");
		TEST_ASSERT(!madvise(uvm_hva(uvm, gpa), PAGE_SIZE, MADV_DONTNEED), "madvise");
		break;
	default:
		break;
	}
	uvm_assert_state(uvm, gpa, 1, state);
}

/* GUEST_OK if the guest finds what make() left. */
static u64 content(struct uvm *uvm, u64 gpa, enum uvmem_page_state made)
{
	struct kvm_vcpu *vcpu = uvm->vcpu[0];

	switch (made) {
	case ABSENT:
		return guest_call(vcpu, guest_verify_byte, gpa, 1, 0);
	case ZERO:
		return guest_call(vcpu, guest_verify_byte, gpa, 1, ZERO_BYTE);
	default:
		return guest_call(vcpu, guest_verify, gpa, 1, 1);
	}
}

FIXTURE(state)
{
	struct uvm *uvm;
};

FIXTURE_VARIANT(state)
{
	enum uvmem_page_state state;
};

#define STATE(name) FIXTURE_VARIANT_ADD(state, name) { .state = UVMEM_PAGE_##name }
STATE(NORMAL);
STATE(SHARED);
STATE(ABSENT);
STATE(IN);
STATE(OUT);
STATE(ZERO);
STATE(LOST);
STATE(POOL);
#undef STATE

FIXTURE_SETUP(state)
{
	self->uvm = uvm_create(&(struct uvm_config){});
	ASSERT_EQ(H_SUCCESS, hypercall(self->uvm->vcpu[0], H_SVM_INIT_START));
}

FIXTURE_TEARDOWN(state)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

static void slot_again(struct uvm *uvm)
{
	struct userspace_mem_region *region = memslot2region(uvm->vm, MEM_SLOT);

	vm_set_user_memory_region(uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	vm_set_user_memory_region(uvm->vm, MEM_SLOT, 0, MEM_GPA,
				  uvm->mem_pages * PAGE_SIZE, region->host_mem);
}

/* Do it; what the operation says must fit the state that is expected after it. */
static void do_op(struct __test_metadata *_metadata, struct uvm *uvm, u64 gpa,
		  enum uvmem_page_state from, enum op op, enum uvmem_page_state to)
{
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	struct uvmem_range range;

	switch (op) {
	case OP_PAGE_IN_HC:
		/* Of a lost page nothing can be had. */
		EXPECT_EQ(from == LOST ? H_BAD_DATA : H_SUCCESS, (s64)hc(uvm, H_SVM_PAGE_IN, gpa, 0));
		break;
	case OP_SHARE_HC:
		EXPECT_EQ(H_SUCCESS, hc(uvm, H_SVM_PAGE_IN, gpa, H_PAGE_IN_SHARED));
		break;
	case OP_PAGE_OUT_HC:
		EXPECT_EQ(H_SUCCESS, (s64)hc(uvm, H_SVM_PAGE_OUT, gpa, 0));
		break;
	case OP_MAP_ENCRYPTED:
		EXPECT_EQ(0, hypercall_patient(vcpu, KVM_HC_MAP_GPA_RANGE, gpa, 1,
					       UVMEM_MAP_ENCRYPTED));
		break;
	case OP_MAP_DECRYPTED:
		EXPECT_EQ(0, hypercall_patient(vcpu, KVM_HC_MAP_GPA_RANGE, gpa, 1, 0));
		break;
	case OP_PAGE_OUT:
	case OP_PAGE_IN:
		ASSERT_EQ(0, __uvm_move(uvm, op == OP_PAGE_OUT ? UVMEM_VM_PAGE_OUT :
					UVMEM_VM_PAGE_IN, gpa, 1,
					op == OP_PAGE_OUT ? UVMEM_RANGE_IGNORE_AGE : 0, &range));
		EXPECT_EQ(from != to, range.moved);
		EXPECT_EQ(from == to, range.skipped[UVMEM_REASON_STATE]);
		break;
	case OP_GUEST_READ:
		guest_call(vcpu, guest_read, gpa);
		break;
	case OP_GUEST_WRITE:
		guest_call(vcpu, guest_write8, gpa, guest_call(vcpu, guest_read8, gpa));
		break;
	case OP_HOST_READ:
		/* Once for the page, in case it moved; what is seen is no plaintext. */
		search_markers_in(uvm_hva(uvm, gpa), PAGE_SIZE);
		EXPECT_EQ(from == NORMAL || from == SHARED,
			  !!search_markers_in(uvm_hva(uvm, gpa), PAGE_SIZE).markers);
		break;
	case OP_HOST_DROP:
		ASSERT_EQ(0, madvise(uvm_hva(uvm, gpa), PAGE_SIZE, MADV_DONTNEED));
		break;
	case OP_SLOT_AGAIN:
		slot_again(uvm);
		break;
	default:
		ASSERT_TRUE(false);
	}
}

TEST_F(state, meets_every_operation)
{
	struct uvm *uvm = self->uvm;
	enum uvmem_page_state from = variant->state;
	int op;

	for (op = 0; op < OP_NR; op++) {
		u16 cell = after[from][op];
		enum uvmem_page_state to = cell & 0xff;
		u64 gpa = mem_page(3 * op);

		ASSERT_NE(0, to) TH_LOG("no such cell: %s", op_names[op]);
		if (cell & STOPS)
			continue;
		make(uvm, gpa, from);
		do_op(_metadata, uvm, gpa, from, op, to);
		EXPECT_EQ(to, uvm_state(uvm, gpa))
			TH_LOG("%s, %s: now %s, not %s", uvm_state_name(from), op_names[op],
			       uvm_state_name(uvm_state(uvm, gpa)), uvm_state_name(to));
		uvm_assert_sums(uvm);
		if (!(cell & LOSES)) {
			EXPECT_EQ(GUEST_OK, content(uvm, gpa, from))
				TH_LOG("%s, %s: content", uvm_state_name(from), op_names[op]);
		} else if (to == SHARED) {
			EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify_byte, gpa, 1, 0))
				TH_LOG("%s, %s: not zeroed", uvm_state_name(from), op_names[op]);
		}
		/* Its neighbours have nothing to do with it. */
		EXPECT_EQ(2, uvm_count(uvm, gpa + PAGE_SIZE, 2, UVMEM_PAGE_NORMAL))
			TH_LOG("%s, %s: neighbours", uvm_state_name(from), op_names[op]);
	}
}

TEST_F(state, given_back_by_an_abort_is_normal)
{
	struct uvm *uvm = self->uvm;
	u64 gpa = mem_page(17);

	make(uvm, gpa, variant->state);
	EXPECT_EQ(H_PARAMETER, hypercall_patient(uvm->vcpu[0], H_SVM_INIT_ABORT));
	uvm_assert_state(uvm, MEM_GPA, uvm->mem_pages, NORMAL);
	uvm_assert_sums(uvm);
	if (variant->state != LOST)
		EXPECT_EQ(GUEST_OK, content(uvm, gpa, variant->state));
}

TEST_F(state, after_a_reset_is_normal)
{
	struct uvm *uvm = self->uvm;
	struct kvm_sregs old, reset;
	u64 gpa = mem_page(17);

	make(uvm, gpa, variant->state);
	vcpu_sregs_get(uvm->vcpu[0], &old);
	reset = uvm_reset_sregs(&old);
	vcpu_sregs_set(uvm->vcpu[0], &reset);
	vcpu_sregs_set(uvm->vcpu[0], &old);
	uvm_assert_state(uvm, MEM_GPA, uvm->mem_pages, NORMAL);
	uvm_assert_sums(uvm);
	/* Ciphertext stays, plaintext only where the VMM had it before. */
	if (variant->state == NORMAL || variant->state == SHARED) {
		EXPECT_EQ(GUEST_OK, content(uvm, gpa, variant->state));
	} else if (variant->state != OUT) {
		EXPECT_EQ(GUEST_OK, guest_call(uvm->vcpu[0], guest_verify_byte, gpa, 1, 0));
	}
	EXPECT_EQ(variant->state == NORMAL || variant->state == SHARED,
		  !!search_markers_in(uvm_hva(uvm, gpa), PAGE_SIZE).markers);
}

TEST_F(state, without_its_memslot_is_kept_if_secure)
{
	struct uvm *uvm = self->uvm;
	struct userspace_mem_region *region = memslot2region(uvm->vm, MEM_SLOT);
	bool secure = variant->state >= UVMEM_PAGE_ABSENT;
	u64 gpa = mem_page(17);
	struct uvmem_vm_info info;

	make(uvm, gpa, variant->state);
	vm_set_user_memory_region(uvm->vm, MEM_SLOT, 0, MEM_GPA, 0, region->host_mem);
	uvm_info(uvm, &info);
	EXPECT_EQ(secure, info.detached_pages);
	EXPECT_EQ(SLOT0_PAGES, info.registered_pages);
	EXPECT_EQ(secure ? variant->state : UVMEM_PAGE_NONE, uvm_state(uvm, gpa));
	/* It cannot be named by the guest. */
	EXPECT_EQ(H_PARAMETER, (s64)hc(uvm, H_SVM_PAGE_IN, gpa, 0));
	vm_set_user_memory_region(uvm->vm, MEM_SLOT, 0, MEM_GPA,
				  uvm->mem_pages * PAGE_SIZE, region->host_mem);
	EXPECT_EQ(secure ? variant->state : UVMEM_PAGE_NORMAL, uvm_state(uvm, gpa));
	uvm_assert_sums(uvm);
	if (variant->state != LOST)
		EXPECT_EQ(GUEST_OK, content(uvm, gpa, variant->state));
}

TEST(state_of_no_memslot_is_NONE_whatever_is_done)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_range range;

	ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
	EXPECT_EQ(UVMEM_PAGE_NONE, uvm_state(uvm, MMIO_GPA));
	EXPECT_EQ(H_PARAMETER, (s64)hc(uvm, H_SVM_PAGE_IN, MMIO_GPA, 0));
	EXPECT_EQ(H_PARAMETER, (s64)hc(uvm, H_SVM_PAGE_IN, MMIO_GPA, H_PAGE_IN_SHARED));
	EXPECT_EQ(H_PARAMETER, (s64)hc(uvm, H_SVM_PAGE_OUT, MMIO_GPA, 0));
	EXPECT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_OUT, MMIO_GPA, 1, 0, &range));
	EXPECT_EQ(1, range.skipped[UVMEM_REASON_STATE]);
	EXPECT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_IN, MMIO_GPA, 1, 0, &range));
	EXPECT_EQ(1, range.skipped[UVMEM_REASON_STATE]);
	EXPECT_EQ(UVMEM_PAGE_NONE, uvm_state(uvm, MMIO_GPA));
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

TEST(state_LOST_stops_a_guest_that_reads)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});

	ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
	make(uvm, mem_page(3), LOST);
	guest_call_stops(uvm, uvm->vcpu[0], UVMEM_STOP_LOST, mem_page(3), guest_read, mem_page(3));
	uvm_free(uvm);
}

TEST(state_LOST_stops_a_guest_that_writes)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});

	ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
	make(uvm, mem_page(3), LOST);
	guest_call_stops(uvm, uvm->vcpu[0], UVMEM_STOP_LOST, mem_page(3), guest_write,
			 mem_page(3), 1);
	uvm_free(uvm);
}

TEST(state_LOST_stops_a_guest_that_declares_it_encrypted)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});

	/* It looks at no result: see KVM_HC_MAP_GPA_RANGE.md. */
	ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
	make(uvm, mem_page(3), LOST);
	guest_call_stops(uvm, uvm->vcpu[0], UVMEM_STOP_LOST, mem_page(3), guest_hypercall,
			 KVM_HC_MAP_GPA_RANGE, MEM_GPA, 16, UVMEM_MAP_ENCRYPTED);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
