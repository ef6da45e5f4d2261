// SPDX-License-Identifier: GPL-2.0-only
/*
 * sev_test - a guest that was armed with UVMEM_ARM_SEV sees plain SEV, may set the
 * C-bit wherever it likes, and means the same memory with and without it
 *
 * What a stock Linux guest does with it: tests/suites/stock-guest.
 */
#include <sys/mman.h>

#include <asm/kvm_para.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define SEV_FIXTURE	FIXTURE_DATA(sev)

#ifndef MSR_KVM_MIGRATION_CONTROL
#define MSR_KVM_MIGRATION_CONTROL	0x4b564d08
#endif
#define SEV_STATUS_MSR	0xc0010131

#define PAGES		(2 * HUGE_PAGES)	/* of test memory */
#define HIGH_SLOT	3
#define HIGH_GPA	0x140000000ull		/* 5 GiB; mapped 1:1 */
#define HIGH_PAGES	HUGE_PAGES
#define LEGACY_GPA	0xa0000ull
#define LEGACY_PAGES	0x60ull

/* Beside the 1:1 mappings, which have the C-bit: */
#define PLAIN_GVA	0x400000000ull		/* test memory without C-bit */
#define PLAIN_HIGH_GVA	0x480000000ull		/* the memory above 4 GiB without it */
#define PLAIN_HUGE_GVA	0x500000000ull		/* test memory by huge pages without it */
#define PLAIN_END	0x600000000ull
#define HUGE_GVA	0x600000000ull		/* ... and with it */
#define plain(gpa)	((gpa) - MEM_GPA + PLAIN_GVA)

#define PTE_PRESENT	(1ull << 0)
#define PTE_HUGE	(1ull << 7)
#define PTE_ADDRESS	GENMASK_ULL(38, 12)

/* ---- in the guest ------------------------------------------------------------------- */

#ifndef SEV_SMP

/* @reg: 0 EAX to 3 EDX */
static u64 guest_cpuid(u64 function, u64 reg)
{
	u32 out[4];

	cpuid(function, &out[0], &out[1], &out[2], &out[3]);
	return out[reg];
}

static u64 guest_get_wrmsr_vector(u64 msr, u64 value)
{
	return wrmsr_safe((u32)msr, value);
}

static u64 guest_get_rdmsr_vector(u64 msr)
{
	u64 value;

	return rdmsr_safe((u32)msr, &value);
}

static u64 guest_fep_exchange(u64 gva, u64 value)
{
	asm volatile(KVM_FEP "xchg %0, (%1)" : "+r" (value) : "r" (gva) : "memory");
	return value;
}

#endif

/* ---- the VM ------------------------------------------------------------------------- */

static u64 cbit_mask(void)
{
	struct uvmem_info info = { .size = sizeof(info) };

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_GET_INFO, &info), "%s", strerror(errno));
	TEST_ASSERT(info.capabilities & UVMEM_CAP_SEV && info.cbit,
		    "no C-bit on this host: its addresses have too few bits");
	return 1ull << info.cbit;
}

/* Set the C-bit in each entry, except for the leaves of the plain windows. */
static void set_cbits(struct kvm_vm *vm, u64 table, int level, u64 gva, u64 cbit)
{
	u64 *pte = addr_gpa2hva(vm, table);
	int i;

	for (i = 0; i < 512; i++) {
		u64 at = gva | (u64)i << (PAGE_SHIFT + 9 * (level - 1));

		if (!(pte[i] & PTE_PRESENT))
			continue;
		if (level > 1 && !(pte[i] & PTE_HUGE))
			set_cbits(vm, pte[i] & PTE_ADDRESS, level - 1, at, cbit);
		else if (at >= PLAIN_GVA && at < PLAIN_END)
			continue;
		pte[i] |= cbit;
	}
}

static struct uvm *create(int nr_vcpus, u64 cbit)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config) {
		.nr_vcpus = nr_vcpus, .mem_pages = PAGES, .flags = UVMEM_ARM_SEV,
		.src = VM_MEM_SRC_ANONYMOUS_THP, .no_run = true,
	});
	struct kvm_vm *vm = uvm->vm;
	struct kvm_sregs sregs;
	int i;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, HIGH_GPA, HIGH_SLOT, HIGH_PAGES, 0);
	virt_map(vm, HIGH_GPA, HIGH_GPA, HIGH_PAGES);
	virt_map(vm, PLAIN_HIGH_GVA, HIGH_GPA, HIGH_PAGES);
	virt_map(vm, PLAIN_GVA, MEM_GPA, PAGES);
	virt_map_level(vm, PLAIN_HUGE_GVA, MEM_GPA, PAGES * PAGE_SIZE, PG_LEVEL_2M);
	virt_map_level(vm, HUGE_GVA, MEM_GPA, PAGES * PAGE_SIZE, PG_LEVEL_2M);

	set_cbits(vm, vm->mmu.pgd, vm->mmu.pgtable_levels, 0, cbit);
	for (i = 0; i < nr_vcpus; i++) {
		vcpu_sregs_get(uvm->vcpu[i], &sregs);
		sregs.cr3 |= cbit;
		vcpu_sregs_set(uvm->vcpu[i], &sregs);
		TEST_ASSERT_EQ(guest_run(uvm->vcpu[i], NULL), RUN_DONE);
	}
	return uvm;
}

/* What a stock guest says: all RAM of its memory map is encrypted. */
static void encrypt_all(struct uvm *uvm)
{
	static const struct {
		u64 gpa, pages;
	} ram[] = {
		{ 0, gpa_to_gfn(LEGACY_GPA) },
		{ 0x100000, SLOT0_PAGES - 0x100 },
		{ MEM_GPA, PAGES },
		{ HIGH_GPA, HIGH_PAGES },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ram); i++)
		TEST_ASSERT_EQ(hypercall(uvm->vcpu[0], KVM_HC_MAP_GPA_RANGE, ram[i].gpa,
					 ram[i].pages, UVMEM_MAP_ENCRYPTED), 0);
}

FIXTURE(sev)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u64 cbit;
};

FIXTURE_SETUP(sev)
{
	self->cbit = cbit_mask();
	self->uvm = create(2, self->cbit);
	self->vcpu = self->uvm->vcpu[0];
}

FIXTURE_TEARDOWN(sev)
{
	uvm_free(self->uvm);
}

#ifndef SEV_SMP
/* Each word is the same through all mappings, whichever wrote it. */
static void assert_one_memory(SEV_FIXTURE * self, u64 page, u64 value)
{
	const u64 gvas[] = {
		mem_page(page), plain(mem_page(page)),
		PLAIN_HUGE_GVA + page * PAGE_SIZE, HUGE_GVA + page * PAGE_SIZE,
	};
	int i, k;

	for (i = 0; i < ARRAY_SIZE(gvas); i++) {
		guest_call(self->vcpu, guest_write, gvas[i] + 8 * i, value + i);
		for (k = 0; k < ARRAY_SIZE(gvas); k++)
			TEST_ASSERT_EQ(guest_call(self->vcpu, guest_read, gvas[k] + 8 * i),
				       value + i);
	}
}

/* ---- what the guest sees ------------------------------------------------------------ */

TEST_F(sev, cpuid_is_that_of_plain_sev)
{
	u64 bits;

	EXPECT_LE(0x8000001f, guest_call(self->vcpu, guest_cpuid, 0x80000000, 0));
	EXPECT_EQ(2, guest_call(self->vcpu, guest_cpuid, 0x8000001f, 0));
	EXPECT_EQ(self->cbit, 1ull << guest_call(self->vcpu, guest_cpuid, 0x8000001f, 1));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_cpuid, 0x8000001f, 2));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_cpuid, 0x8000001f, 3));
	/* Nothing that the guest's firmware places by this is at an alias. */
	bits = guest_call(self->vcpu, guest_cpuid, 0x80000008, 0) & 0xff;
	EXPECT_GE(self->cbit, 1ull << bits);
	EXPECT_EQ(3 << 16, 3 << 16 & guest_call(self->vcpu, guest_cpuid, 0x40000001, 0));
	/* Twice, for CPUID changes nothing but what is seen. */
	EXPECT_EQ(2, guest_call(self->uvm->vcpu[1], guest_cpuid, 0x8000001f, 0));
}

TEST_F(sev, msrs_are_those_of_plain_sev)
{
	EXPECT_EQ(1, guest_call(self->vcpu, guest_rdmsr, SEV_STATUS_MSR));
	EXPECT_EQ(GP_VECTOR, guest_call(self->vcpu, guest_get_wrmsr_vector, SEV_STATUS_MSR, 0));
	EXPECT_EQ(1, guest_call(self->vcpu, guest_rdmsr, SEV_STATUS_MSR));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_get_wrmsr_vector, MSR_KVM_MIGRATION_CONTROL, 1));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_get_wrmsr_vector, MSR_KVM_MIGRATION_CONTROL, 0));
	EXPECT_EQ(GP_VECTOR,
		  guest_call(self->vcpu, guest_get_wrmsr_vector, MSR_KVM_MIGRATION_CONTROL, 2));
}

static bool sees_us(struct kvm_vcpu *vcpu)
{
	return guest_call(vcpu, guest_cpuid, UVMEM_CPUID_BASE, 1) == UVMEM_CPUID_SIGNATURE_EBX &&
	       guest_call(vcpu, guest_cpuid, UVMEM_CPUID_BASE, 2) == UVMEM_CPUID_SIGNATURE_ECX &&
	       guest_call(vcpu, guest_cpuid, UVMEM_CPUID_BASE, 3) == UVMEM_CPUID_SIGNATURE_EDX;
}

TEST_F(sev, the_guest_is_told_that_it_is_software)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	EXPECT_TRUE(sees_us(vcpu));
	EXPECT_EQ(UVMEM_CPUID_MAX, guest_call(vcpu, guest_cpuid, UVMEM_CPUID_BASE, 0));
	EXPECT_EQ(UVMEM_CPUID_VERSION, guest_call(vcpu, guest_cpuid, UVMEM_CPUID_PROTECTION, 0));
	EXPECT_EQ(UVMEM_CPUID_CONFIDENTIAL | UVMEM_CPUID_INTEGRITY | UVMEM_CPUID_FRESH,
		  guest_call(vcpu, guest_cpuid, UVMEM_CPUID_PROTECTION, 1));
	EXPECT_EQ(UVMEM_CPUID_NO_HARDWARE | UVMEM_CPUID_NO_ATTESTATION | UVMEM_CPUID_NO_REGISTERS,
		  guest_call(vcpu, guest_cpuid, UVMEM_CPUID_PROTECTION, 2));
	EXPECT_EQ(self->cbit, 1ull << guest_call(vcpu, guest_cpuid, UVMEM_CPUID_PROTECTION, 3));
}

static void assert_no_sev(struct kvm_vcpu *vcpu)
{
	TEST_ASSERT_EQ(guest_call(vcpu, guest_cpuid, 0x8000001f, 0) & 2, 0);
	TEST_ASSERT_EQ(guest_call(vcpu, guest_cpuid, 0x40000001, 0) & 1 << 17, 0);
	TEST_ASSERT_EQ(guest_call(vcpu, guest_get_rdmsr_vector, SEV_STATUS_MSR), GP_VECTOR);
	TEST_ASSERT_EQ(guest_call(vcpu, guest_get_wrmsr_vector, MSR_KVM_MIGRATION_CONTROL, 1),
		       GP_VECTOR);
}

TEST(vms_that_were_not_armed_see_nothing_of_it)
{
	struct uvm *sev = create(1, cbit_mask());
	struct uvm *uvm = uvm_create(&(struct uvm_config) { .unarmed = true });

	assert_no_sev(uvm->vcpu[0]);
	EXPECT_FALSE(sees_us(uvm->vcpu[0]));
	uvm_free_unchecked(uvm);
	uvm_free(sev);
}

TEST(vms_that_were_armed_without_it_see_only_who_arms_them)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config) {});

	assert_no_sev(uvm->vcpu[0]);
	EXPECT_TRUE(sees_us(uvm->vcpu[0]));
	EXPECT_EQ(0, guest_call(uvm->vcpu[0], guest_cpuid, UVMEM_CPUID_PROTECTION, 3));
	uvm_free(uvm);
}

/* ---- one memory --------------------------------------------------------------------- */

TEST_F(sev, memory_is_the_same_with_and_without_the_cbit)
{
	struct uvm *uvm = self->uvm;

	guest_call(self->vcpu, guest_fill, MEM_GPA, 8, 1);
	assert_one_memory(self, 3, 0x1000);
	encrypt_all(uvm);
	TEST_ASSERT_EQ(guest_call(self->vcpu, guest_read, plain(mem_page(3))), 0x1000);
	assert_one_memory(self, 3, 0x2000);
	assert_one_memory(self, HUGE_PAGES + 7, 0x2100);
	uvm_page_out_all(uvm, MEM_GPA, 8);
	assert_one_memory(self, 3, 0x3000);
	/* Shared: the VMM sees it, too. */
	ASSERT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, mem_page(3), 1, 0));
	assert_one_memory(self, 3, 0x4000);
	EXPECT_EQ(0x4000, uvm_host_read(uvm, mem_page(3)));
	uvm_assert_state(uvm, mem_page(3), 1, UVMEM_PAGE_SHARED);
	uvm_assert_state(uvm, mem_page(2), 1, UVMEM_PAGE_OUT);
	uvm_assert_sums(uvm);
}

TEST_F(sev, memory_above_4_gib_is_the_same_with_and_without_the_cbit)
{
	int i;

	guest_call(self->vcpu, guest_fill, HIGH_GPA, HIGH_PAGES, 5);
	encrypt_all(self->uvm);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, HIGH_GPA, HIGH_PAGES, 5));
		EXPECT_EQ(guest_call(self->vcpu, guest_sum, HIGH_GPA, HIGH_PAGES),
			  guest_call(self->vcpu, guest_sum, PLAIN_HIGH_GVA, HIGH_PAGES));
		uvm_page_out_all(self->uvm, HIGH_GPA, HIGH_PAGES);
	}
	assert_no_markers(SEARCH_PRESENT);
}

/* Everything that goes by the first entry of a root must go by the second. */
TEST_F(sev, memory_that_went_out_is_gone_from_both)
{
	struct uvm *uvm = self->uvm;

	encrypt_all(uvm);
	guest_call(self->vcpu, guest_fill_byte, plain(MEM_GPA), 64, 1);
	guest_call(self->vcpu, guest_fill_byte, MEM_GPA, 32, 2);
	guest_call(self->vcpu, guest_fill, MEM_GPA, 16, 3);
	uvm_page_out_all(uvm, MEM_GPA, 16);
	/* A mapping that stayed would read the frame, which has been scrubbed. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 8, 3));
	guest_call(self->vcpu, guest_touch, plain(mem_page(8)), 8);
	EXPECT_EQ(16, uvm_count(uvm, MEM_GPA, 16, UVMEM_PAGE_IN));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 16, 3));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, plain(mem_page(16)), 16, 2));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(32), 32, 1));
}

/* A memslot that goes makes KVM drop all roots, from below both entries. */
TEST_F(sev, memory_survives_the_loss_of_all_roots)
{
	struct kvm_vm *vm = self->uvm->vm;
	void *mem = memslot2region(vm, HIGH_SLOT)->host_mem;
	int i;

	guest_call(self->vcpu, guest_fill, MEM_GPA, 64, 1);
	encrypt_all(self->uvm);
	for (i = 0; i < 5; i++) {
		assert_one_memory(self, 100, i);
		vm_set_user_memory_region(vm, HIGH_SLOT, 0, HIGH_GPA, 0, mem);
		assert_one_memory(self, 101, i);
		vm_set_user_memory_region(vm, HIGH_SLOT, 0, HIGH_GPA, HIGH_PAGES * PAGE_SIZE, mem);
		EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 64, 1));
	}
	uvm_assert_sums(self->uvm);
}

/* ---- where KVM turns addresses into gfns -------------------------------------------- */

TEST_F(sev, the_emulator_walks_page_tables_with_cbits)
{
	encrypt_all(self->uvm);
	guest_call(self->vcpu, guest_write, mem_page(5), 11);
	EXPECT_EQ(11, guest_call(self->vcpu, guest_fep_exchange, mem_page(5), 12));
	EXPECT_EQ(12, guest_call(self->vcpu, guest_fep_exchange, plain(mem_page(5)), 13));
	uvm_page_out_all(self->uvm, mem_page(5), 1);
	EXPECT_EQ(13, guest_call(self->vcpu, guest_fep_exchange, HUGE_GVA + 5 * PAGE_SIZE, 14));
	EXPECT_EQ(14, guest_call(self->vcpu, guest_read, mem_page(5)));
}

TEST_F(sev, mmio_with_a_cbit_reaches_the_vmm_without)
{
	struct kvm_run *run = self->vcpu->run;
	int i;

	encrypt_all(self->uvm);
	/* The second one goes by the MMIO entry that the first one has left. */
	for (i = 0; i < 2; i++) {
		guest_start(self->vcpu, guest_write, MMIO_GPA + 0x10, 0x1234 + i);
		ASSERT_EQ(RUN_OTHER, guest_run(self->vcpu, NULL));
		ASSERT_EQ(KVM_EXIT_MMIO, run->exit_reason);
		EXPECT_EQ(MMIO_GPA + 0x10, run->mmio.phys_addr);
		EXPECT_EQ(0x1234 + i, *(u64 *)run->mmio.data);
		ASSERT_EQ(RUN_DONE, guest_run(self->vcpu, NULL));
	}
}

TEST_F(sev, kvmclock_may_be_given_with_a_cbit)
{
	encrypt_all(self->uvm);
	/* As Linux does: what KVM writes is decrypted. */
	ASSERT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, mem_page(9), 1, 0));
	ASSERT_EQ(0, guest_call(self->vcpu, guest_get_wrmsr_vector, MSR_KVM_SYSTEM_TIME_NEW,
				mem_page(9) | self->cbit | 1));
	/* The version is the first word. */
	EXPECT_NE(0, guest_call(self->vcpu, guest_read, mem_page(9)));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_get_wrmsr_vector, MSR_KVM_WALL_CLOCK_NEW,
				mem_page(10) | self->cbit));
	EXPECT_NE(0, guest_call(self->vcpu, guest_read, mem_page(10)));
	uvm_assert_state(self->uvm, mem_page(10), 1, UVMEM_PAGE_IN);
}

TEST_F(sev, map_gpa_range_ignores_the_cbit)
{
	guest_call(self->vcpu, guest_fill, mem_page(20), 2, 1);
	encrypt_all(self->uvm);
	ASSERT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, mem_page(20) | self->cbit, 2, 0));
	uvm_assert_state(self->uvm, mem_page(20), 2, UVMEM_PAGE_SHARED);
	ASSERT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, mem_page(20) | self->cbit, 1,
			       UVMEM_MAP_ENCRYPTED));
	uvm_assert_state(self->uvm, mem_page(20), 1, UVMEM_PAGE_IN);
	uvm_assert_state(self->uvm, mem_page(21), 1, UVMEM_PAGE_SHARED);
}

/* ---- what must stay the VMM's ------------------------------------------------------- */

TEST_F(sev, video_memory_and_roms_do_not_become_secure)
{
	struct uvm *uvm = self->uvm;

	/* All of the first memslot, as one range. */
	ASSERT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, 0, SLOT0_PAGES,
			       UVMEM_MAP_ENCRYPTED));
	EXPECT_EQ(LEGACY_PAGES, uvm_count(uvm, LEGACY_GPA, LEGACY_PAGES, UVMEM_PAGE_NORMAL));
	EXPECT_EQ(0, uvm_count(uvm, 0, gpa_to_gfn(LEGACY_GPA), UVMEM_PAGE_NORMAL));
	EXPECT_EQ(0, uvm_count(uvm, 0x100000, SLOT0_PAGES - 0x100, UVMEM_PAGE_NORMAL));
	/* Nothing but it is a mistake, as is nothing but ROM. */
	EXPECT_EQ(-KVM_EINVAL, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, LEGACY_GPA,
					 LEGACY_PAGES, UVMEM_MAP_ENCRYPTED));
	EXPECT_EQ(0, hypercall(self->vcpu, KVM_HC_MAP_GPA_RANGE, LEGACY_GPA, 1, 0));
	uvm_assert_sums(uvm);
}

TEST_F(sev, memslots_at_the_alias_are_refused)
{
	void *mem = memslot2region(self->uvm->vm, HIGH_SLOT)->host_mem;
	struct kvm_vm *vm = self->uvm->vm;

	EXPECT_EQ(-1, __vm_set_user_memory_region(vm, 7, 0, self->cbit, PAGE_SIZE, mem));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, __vm_set_user_memory_region(vm, 7, 0, self->cbit - PAGE_SIZE,
						  2 * PAGE_SIZE, mem));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, __vm_set_user_memory_region(vm, 7, 0, self->cbit - PAGE_SIZE,
						 PAGE_SIZE, mem));
}

/* Before the guest runs, not when it declares the memory encrypted. */
TEST_F(sev, memslots_that_cannot_be_secure_are_refused)
{
	struct kvm_vm *vm = self->uvm->vm;
	void *mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *hole = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_NE(MAP_FAILED, hole);
	EXPECT_EQ(-1, __vm_set_user_memory_region(vm, 7, 0, 0x80000000, HUGE_SIZE, mem));
	EXPECT_EQ(EOPNOTSUPP, errno);
	/* The second half is no memory at all. */
	EXPECT_EQ(0, munmap(hole + HUGE_SIZE / 2, HUGE_SIZE / 2));
	EXPECT_EQ(-1, __vm_set_user_memory_region(vm, 7, 0, 0x80000000, HUGE_SIZE, hole));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, __vm_set_user_memory_region(vm, 7, 0, 0x80000000, HUGE_SIZE / 2, hole));
	/* ROM may be what it likes. */
	EXPECT_EQ(0, __vm_set_user_memory_region(vm, 8, KVM_MEM_READONLY, 0x90000000, HUGE_SIZE,
						 mem));
}

#else

static bool churn_plain(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	TEST_ASSERT_EQ(guest_call(vcpu, guest_churn, plain(mem_page(64)), 16, round * 20, 20),
		       GUEST_OK);
	return true;
}

static bool churn_cbit(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	TEST_ASSERT_EQ(guest_call(vcpu, guest_churn, mem_page(128), 16, round * 20, 20), GUEST_OK);
	return true;
}

TEST_F(sev, two_vcpus_work_while_pages_go_and_roots_are_dropped)
{
	struct guest_thread with = { .vcpu = self->uvm->vcpu[0], .step = churn_cbit };
	struct guest_thread without = { .vcpu = self->uvm->vcpu[1], .step = churn_plain };
	struct kvm_vm *vm = self->uvm->vm;
	void *mem = memslot2region(vm, HIGH_SLOT)->host_mem;
	u64 moved = 0;
	int i;

	encrypt_all(self->uvm);
	guest_thread_start(&with);
	guest_thread_start(&without);
	for (i = 0; i < 60; i++) {
		moved += uvm_page_out(self->uvm, mem_page(64), 80);
		if (i % 4)
			continue;
		vm_set_user_memory_region(vm, HIGH_SLOT, 0, HIGH_GPA, 0, mem);
		vm_set_user_memory_region(vm, HIGH_SLOT, 0, HIGH_GPA, HIGH_PAGES * PAGE_SIZE, mem);
	}
	guest_thread_stop(&with, 3);
	guest_thread_stop(&without, 3);
	EXPECT_LT(100, moved);
	uvm_assert_sums(self->uvm);
}

#endif

TEST_HARNESS_MAIN
