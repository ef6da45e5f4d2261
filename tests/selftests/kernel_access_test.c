// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel_access_test - KVM itself reads and writes the memory of a secure guest
 * (emulator, page walker, string I/O, paravirtual structures): it sees what the guest
 * sees, and no access of its goes through the VMM's mapping
 *
 * KVM's forced-emulation prefix makes it emulate instructions that need no
 * emulation (kvm.force_emulation_prefix, set by run-in-vm).
 */
#include <fcntl.h>
#include <sys/mman.h>

#include <asm/kvm_para.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define KERNEL_ACCESS_FIXTURE	FIXTURE_DATA(kernel_access)
#define KERNEL_ACCESS_VARIANT	FIXTURE_VARIANT(kernel_access)

#define IO_PORT		0x310
#define PT_GVA		0x3e000000ull	/* where the test maps a page-table page */
#define WALKED		mem_page(40)	/* the page whose PTE is played with */

/* ---- in the guest ------------------------------------------------------------------- */

static u64 guest_fep_read(u64 gpa, u64 size)
{
	u64 value = 0;

	switch (size) {
	case 1:
		asm volatile(KVM_FEP "movb (%1), %b0" : "+q" (value) : "r" (gpa) : "memory");
		break;
	case 2:
		asm volatile(KVM_FEP "movw (%1), %w0" : "+r" (value) : "r" (gpa) : "memory");
		break;
	case 4:
		asm volatile(KVM_FEP "movl (%1), %k0" : "+r" (value) : "r" (gpa) : "memory");
		break;
	default:
		asm volatile(KVM_FEP "movq (%1), %0" : "+r" (value) : "r" (gpa) : "memory");
		break;
	}
	return value;
}

static u64 guest_fep_write(u64 gpa, u64 size, u64 value)
{
	switch (size) {
	case 1:
		asm volatile(KVM_FEP "movb %b0, (%1)" : : "q" (value), "r" (gpa) : "memory");
		break;
	case 2:
		asm volatile(KVM_FEP "movw %w0, (%1)" : : "r" (value), "r" (gpa) : "memory");
		break;
	case 4:
		asm volatile(KVM_FEP "movl %k0, (%1)" : : "r" (value), "r" (gpa) : "memory");
		break;
	default:
		asm volatile(KVM_FEP "movq %0, (%1)" : : "r" (value), "r" (gpa) : "memory");
		break;
	}
	return 0;
}

/* What was there. */
static u64 guest_fep_cmpxchg(u64 gpa, u64 old, u64 new)
{
	asm volatile(KVM_FEP "lock cmpxchgq %1, (%2)"
		     : "+a" (old) : "r" (new), "r" (gpa) : "memory", "cc");
	return old;
}

static u64 guest_fep_movs(u64 dst, u64 src, u64 len)
{
	asm volatile(KVM_FEP "rep movsb" : "+D" (dst), "+S" (src), "+c" (len) : : "memory");
	return len;
}

/* Many atomic additions, half of them emulated, against the other vCPU's. */
static u64 guest_add_many(u64 gpa, u64 rounds)
{
	while (rounds--) {
		asm volatile(KVM_FEP "lock addq $1, (%0)" : : "r" (gpa) : "memory", "cc");
		asm volatile("lock addq $1, (%0)" : : "r" (gpa) : "memory", "cc");
	}
	return 0;
}

static u64 guest_movs(u64 dst, u64 src, u64 len)
{
	asm volatile("rep movsb" : "+D" (dst), "+S" (src), "+c" (len) : : "memory");
	return len;
}

static u64 guest_outs(u64 src, u64 len)
{
	asm volatile("rep outsb" : "+S" (src), "+c" (len) : "d" (IO_PORT) : "memory");
	return len;
}

static u64 guest_ins(u64 dst, u64 len)
{
	asm volatile("rep insb" : "+D" (dst), "+c" (len) : "d" (IO_PORT) : "memory");
	return len;
}

#define A_BIT	(1ull << 5)
#define D_BIT	(1ull << 6)

/* Clear the A and D bits of the PTE at @pte, which maps @gva. */
static u64 guest_clear_ad(u64 pte, u64 gva)
{
	WRITE_ONCE(*(u64 *)pte, READ_ONCE(*(u64 *)pte) & ~(A_BIT | D_BIT));
	asm volatile("invlpg (%0)" : : "r" (gva) : "memory");
	return READ_ONCE(*(u64 *)pte);
}

static u64 guest_mmio_loop(u64 gpa, u64 n)
{
	u64 sum = 0;

	while (n--)
		sum += READ_ONCE(*(u32 *)gpa);
	return sum;
}

/* ---- on the host ------------------------------------------------------------------------ */

FIXTURE(kernel_access)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u64 pte;		/* of WALKED, in the guest's address space */
	bool dropped;
};

FIXTURE_VARIANT(kernel_access)
{
	enum uvmem_page_state state;	/* of the pages when KVM accesses them */
};

FIXTURE_VARIANT_ADD(kernel_access, of_resident_pages)
{
	.state = UVMEM_PAGE_IN,
};

FIXTURE_VARIANT_ADD(kernel_access, of_paged_out_pages)
{
	.state = UVMEM_PAGE_OUT,
};

FIXTURE_SETUP(kernel_access)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .nr_vcpus = 2 });
	u64 *pte;

	self->uvm = uvm;
	self->vcpu = uvm->vcpu[0];
	pte = vm_get_pte(uvm->vm, WALKED);
	virt_map(uvm->vm, PT_GVA, addr_hva2gpa(uvm->vm, (void *)((u64)pte & PAGE_MASK)), 1);
	self->pte = PT_GVA + ((u64)pte & ~PAGE_MASK);
	guest_call(self->vcpu, guest_fill, MEM_GPA, 64, 1);
	uvm_esm(uvm);
}

FIXTURE_TEARDOWN(kernel_access)
{
	/* Whatever KVM did, it did not go through the VMM's mapping. */
	EXPECT_EQ(0, uvm_stat(self->uvm, "page_out_host_touch"));
	assert_no_markers(SEARCH_PRESENT);
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* Bring the test memory into the variant's state, and the guest's own memory, too. */
static void set_state(KERNEL_ACCESS_FIXTURE *self,
		      const KERNEL_ACCESS_VARIANT *variant)
{
	if (variant->state != UVMEM_PAGE_OUT)
		return;
	uvm_page_out(self->uvm, MEM_GPA, 64);
	uvm_assert_state(self->uvm, MEM_GPA, 64, UVMEM_PAGE_OUT);
	uvm_page_out(self->uvm, 0, SLOT0_PAGES);
}

TEST_F(kernel_access, by_the_emulator_reads_what_the_guest_wrote)
{
	static const u64 sizes[] = { 1, 2, 4, 8 };
	u64 gpa, plain, mask;
	int i;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	for (i = 0; i < 4; i++) {
		gpa = mem_page(i) + 0x808;
		mask = sizes[i] == 8 ? ~0ull : (1ull << (8 * sizes[i])) - 1;
		plain = guest_call(self->vcpu, guest_read, gpa) & mask;
		set_state(self, variant);
		EXPECT_EQ(plain, guest_call(self->vcpu, guest_fep_read, gpa, sizes[i]));
		/* across two pages */
		gpa = mem_page(i + 1) - 4;
		plain = guest_call(self->vcpu, guest_read, gpa);
		set_state(self, variant);
		EXPECT_EQ(plain, guest_call(self->vcpu, guest_fep_read, gpa, 8));
	}
}

TEST_F(kernel_access, by_the_emulator_writes_what_the_guest_reads)
{
	static const u64 sizes[] = { 1, 2, 4, 8 };
	u64 value = 0x1122334455667788ull, gpa, mask;
	int i;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	for (i = 0; i < 4; i++) {
		gpa = mem_page(i) + 0x100;
		mask = sizes[i] == 8 ? ~0ull : (1ull << (8 * sizes[i])) - 1;
		guest_call(self->vcpu, guest_write, gpa, 0);
		set_state(self, variant);
		guest_call(self->vcpu, guest_fep_write, gpa, sizes[i], value);
		EXPECT_EQ(value & mask, guest_call(self->vcpu, guest_read, gpa));
		gpa = mem_page(i + 1) - 4;
		set_state(self, variant);
		guest_call(self->vcpu, guest_fep_write, gpa, 8, value);
		EXPECT_EQ(value, guest_call(self->vcpu, guest_read, gpa));
	}
	/* Nothing else was written. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(5), 50, 1));
}

TEST_F(kernel_access, by_the_emulator_exchanges_atomically)
{
	static const u64 sizes[] = { 1, 2, 4, 8 };
	u64 gpa = mem_page(3) + 0x40, mask;
	int i;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	for (i = 0; i < 4; i++) {
		mask = sizes[i] == 8 ? ~0ull : (1ull << (8 * sizes[i])) - 1;
		guest_call(self->vcpu, guest_write, gpa, ~0ull);
		set_state(self, variant);
		guest_call(self->vcpu, guest_fep_lock_add, gpa, sizes[i], 2);
		EXPECT_EQ((~0ull & ~mask) | 1, guest_call(self->vcpu, guest_read, gpa));
	}
	guest_call(self->vcpu, guest_write, gpa, 100);
	set_state(self, variant);
	EXPECT_EQ(100, guest_call(self->vcpu, guest_fep_cmpxchg, gpa, 100, 200));
	EXPECT_EQ(200, guest_call(self->vcpu, guest_read, gpa));
	set_state(self, variant);
	EXPECT_EQ(200, guest_call(self->vcpu, guest_fep_cmpxchg, gpa, 100, 300));
	EXPECT_EQ(200, guest_call(self->vcpu, guest_read, gpa));
}

TEST_F(kernel_access, by_the_emulator_exchanges_on_a_shared_page)
{
	static const u64 sizes[] = { 1, 2, 4, 8 };
	u64 gpa = mem_page(3) + 0x40, mask;
	u64 *word = uvm_hva(self->uvm, gpa);
	int i;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(gpa), 1));
	for (i = 0; i < 4; i++) {
		mask = sizes[i] == 8 ? ~0ull : (1ull << (8 * sizes[i])) - 1;
		WRITE_ONCE(*word, ~0ull);
		guest_call(self->vcpu, guest_fep_lock_add, gpa, sizes[i], 2);
		EXPECT_EQ((~0ull & ~mask) | 1, READ_ONCE(*word));
	}
	WRITE_ONCE(*word, 100);
	EXPECT_EQ(100, guest_call(self->vcpu, guest_fep_cmpxchg, gpa, 100, 200));
	EXPECT_EQ(200, READ_ONCE(*word));
	EXPECT_EQ(200, guest_call(self->vcpu, guest_fep_cmpxchg, gpa, 100, 300));
	EXPECT_EQ(200, READ_ONCE(*word));
	/* Nor does it matter whether the VMM has the page. */
	ASSERT_EQ(0, madvise((void *)((u64)word & PAGE_MASK), PAGE_SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_fep_cmpxchg, gpa, 0, 400));
	EXPECT_EQ(400, READ_ONCE(*word));
	EXPECT_EQ(400, guest_call(self->vcpu, guest_read, gpa));
}

#define ADD_ROUNDS	4

static bool add_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	guest_call(vcpu, guest_add_many, mem_page(3), 500);
	return round < ADD_ROUNDS - 1;
}

TEST_F(kernel_access, by_the_emulator_loses_no_addition_of_another_vcpu)
{
	struct guest_thread threads[2] = {
		{ .vcpu = self->uvm->vcpu[0], .step = add_step },
		{ .vcpu = self->uvm->vcpu[1], .step = add_step },
	};
	int i;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	guest_call(self->vcpu, guest_write, mem_page(3), 0);
	for (i = 0; i < 2; i++)
		guest_thread_start(&threads[i]);
	/* The last round does not count itself: see guest_thread_fn(). */
	while (variant->state == UVMEM_PAGE_OUT && READ_ONCE(threads[0].rounds) < ADD_ROUNDS - 1)
		uvm_page_out(self->uvm, mem_page(3), 1);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i].thread, NULL);
	/* 500 times two additions in each round of each vCPU. */
	EXPECT_EQ(2 * ADD_ROUNDS * 1000, guest_call(self->vcpu, guest_read, mem_page(3)));
}

TEST_F(kernel_access, by_the_emulator_copies_strings)
{
	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	set_state(self, variant);
	EXPECT_EQ(0, guest_call(self->vcpu, guest_fep_movs, mem_page(20), mem_page(2), PAGE_SIZE));
	/* The odd words depend on the address: compare by sums. */
	EXPECT_EQ(guest_call(self->vcpu, guest_sum, mem_page(2), 1),
		  guest_call(self->vcpu, guest_sum, mem_page(20), 1));
}

TEST_F(kernel_access, by_the_page_walker_sets_accessed_and_dirty)
{
	u64 pte;

	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	pte = guest_call(self->vcpu, guest_clear_ad, self->pte, WALKED);
	EXPECT_EQ(0, pte & (A_BIT | D_BIT));
	set_state(self, variant);
	guest_call(self->vcpu, guest_fep_read, WALKED, 8);
	EXPECT_EQ(pte | A_BIT, guest_call(self->vcpu, guest_read, self->pte));
	guest_call(self->vcpu, guest_clear_ad, self->pte, WALKED);
	set_state(self, variant);
	guest_call(self->vcpu, guest_fep_write, WALKED, 8, 0);
	EXPECT_EQ(pte | A_BIT | D_BIT, guest_call(self->vcpu, guest_read, self->pte));
}

TEST_F(kernel_access, by_the_emulator_of_a_forged_page_stops_the_guest)
{
	if (!kvm_is_forced_emulation_enabled())
		SKIP(return, "kvm.force_emulation_prefix is off");
	uvm_page_out_all(self->uvm, mem_page(30), 1);
	uvm_host_flip(self->uvm, mem_page(30), 1);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_INTEGRITY, mem_page(30),
			 guest_fep_read, mem_page(30), 8);
}

/* ---- instructions that are always emulated ------------------------------------------------- */

/* Answer MMIO reads of the guest by @value until its function is over. */
static u64 run_mmio(struct kvm_vcpu *vcpu, u32 value, u8 *written, u64 *nr)
{
	struct kvm_run *run = vcpu->run;
	u64 result = 0;

	*nr = 0;
	while (guest_run(vcpu, &result) == RUN_OTHER) {
		TEST_ASSERT_EQ(run->exit_reason, KVM_EXIT_MMIO);
		TEST_ASSERT_EQ(run->mmio.phys_addr & PAGE_MASK, MMIO_GPA);
		if (run->mmio.is_write)
			memcpy(written + (run->mmio.phys_addr & ~PAGE_MASK), run->mmio.data,
			       run->mmio.len);
		else
			memcpy(run->mmio.data, &value, 4);
		(*nr)++;
	}
	return result;
}

TEST_F(kernel_access, by_mmio_instructions_works)
{
	u8 written[PAGE_SIZE] = {};
	u64 nr;

	set_state(self, variant);
	guest_start(self->vcpu, guest_mmio_loop, MMIO_GPA, 20);
	EXPECT_EQ(20 * 7, run_mmio(self->vcpu, 7, written, &nr));
	EXPECT_EQ(20, nr);
	guest_start(self->vcpu, guest_write, MMIO_GPA + 16, 0x1234567812345678);
	run_mmio(self->vcpu, 0, written, &nr);
	EXPECT_EQ(0x1234567812345678, *(u64 *)(written + 16));
}

TEST_F(kernel_access, by_mmio_string_instructions_reads_plaintext)
{
	u8 written[PAGE_SIZE] = {};
	u64 nr, word = guest_call(self->vcpu, guest_read, mem_page(2) + 8);

	set_state(self, variant);
	guest_start(self->vcpu, guest_movs, MMIO_GPA, mem_page(2) + 8, 8);
	EXPECT_EQ(0, run_mmio(self->vcpu, 0, written, &nr));
	EXPECT_EQ(word, *(u64 *)written);
}

TEST_F(kernel_access, by_string_io_passes_what_the_guest_wants)
{
	struct kvm_run *run = self->vcpu->run;
	u64 word = guest_call(self->vcpu, guest_read, mem_page(2) + 8), got = 0, n = 0;
	u64 result = 0;

	set_state(self, variant);
	guest_start(self->vcpu, guest_outs, mem_page(2) + 8, 8);
	while (guest_run(self->vcpu, &result) == RUN_OTHER) {
		ASSERT_EQ(KVM_EXIT_IO, run->exit_reason);
		ASSERT_EQ(IO_PORT, run->io.port);
		ASSERT_GE(8, n + run->io.count * run->io.size);
		memcpy((u8 *)&got + n, (u8 *)run + run->io.data_offset,
		       run->io.count * run->io.size);
		n += run->io.count * run->io.size;
	}
	EXPECT_EQ(8, n);
	EXPECT_EQ(word, got);

	set_state(self, variant);
	guest_start(self->vcpu, guest_ins, mem_page(3), 16);
	while (guest_run(self->vcpu, &result) == RUN_OTHER) {
		ASSERT_EQ(KVM_EXIT_IO, run->exit_reason);
		memset((u8 *)run + run->io.data_offset, 0x42, run->io.count * run->io.size);
	}
	EXPECT_EQ(0x4242424242424242, guest_call(self->vcpu, guest_read, mem_page(3)));
	EXPECT_EQ(0x4242424242424242, guest_call(self->vcpu, guest_read, mem_page(3) + 8));
	EXPECT_NE(0x4242424242424242, guest_call(self->vcpu, guest_read, mem_page(3) + 16));
}

static bool mmio_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	u8 written[PAGE_SIZE];
	u64 nr;

	guest_start(vcpu, guest_mmio_loop, MMIO_GPA, 20);
	return run_mmio(vcpu, 3, written, &nr) == 60;
}

TEST_F(kernel_access, by_mmio_works_while_all_pages_go_out)
{
	struct guest_thread thread = { .vcpu = self->uvm->vcpu[1], .step = mmio_step };
	int i;

	/* Code and page tables, which the emulator reads, among them. */
	guest_thread_start(&thread);
	for (i = 0; i < 20; i++)
		uvm_page_out(self->uvm, 0, SLOT0_PAGES);
	guest_thread_stop(&thread, 2);
	EXPECT_LE(2, thread.rounds);
	/* The last round was as right as the others. */
	EXPECT_TRUE(mmio_step(self->uvm->vcpu[1], NULL, 0));
}

/* ---- paravirtual structures that KVM keeps cached -------------------------------------------- */

static const struct { u32 msr; u64 flags; const char *name; } pv_msrs[] = {
	{ MSR_KVM_WALL_CLOCK_NEW, 0, "wall clock" },
	{ MSR_KVM_SYSTEM_TIME_NEW, 1, "kvmclock" },
	{ MSR_KVM_STEAL_TIME, 1, "steal time" },
	{ MSR_KVM_PV_EOI_EN, 1, "PV EOI" },
	{ MSR_KVM_ASYNC_PF_EN, 1, "async page fault" },
};

TEST_F(kernel_access, by_pv_structures_never_reaches_the_vmms_page)
{
	int i, j;

	for (i = 0; i < ARRAY_SIZE(pv_msrs); i++) {
		u64 gpa = mem_page(10 + i);

		guest_call(self->vcpu, guest_fill_byte, gpa, 1, 0xaa);
		guest_call(self->vcpu, guest_write, gpa + 0x800, 1);
		if (variant->state == UVMEM_PAGE_OUT)
			uvm_page_out_all(self->uvm, gpa, 1);
		guest_call(self->vcpu, guest_wrmsr, pv_msrs[i].msr, gpa | pv_msrs[i].flags);
		/* KVM updates some of them when the vCPU is scheduled in. */
		for (j = 0; j < 3; j++) {
			guest_call(self->vcpu, guest_spin, 1000);
			usleep(1000);
		}
		/* What the structure does not cover is as it was. */
		EXPECT_EQ(1, guest_call(self->vcpu, guest_read, gpa + 0x800));
		EXPECT_EQ(0xaa, guest_call(self->vcpu, guest_read8, gpa + 0x7ff));
		EXPECT_EQ(UVMEM_PAGE_IN, uvm_state(self->uvm, gpa)) TH_LOG("%s", pv_msrs[i].name);
		EXPECT_EQ(0, uvm_stat(self->uvm, "page_out_host_touch"))
			TH_LOG("%s", pv_msrs[i].name);
		guest_call(self->vcpu, guest_wrmsr, pv_msrs[i].msr, 0);
	}
}

TEST_F(kernel_access, by_kvmclock_works_on_a_shared_page)
{
	u64 gpa = mem_page(10);
	/* struct pvclock_vcpu_time_info: version, pad, two times, tsc_to_system_mul */
	const u32 *info = uvm_hva(self->uvm, gpa);

	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(gpa), 1));
	EXPECT_EQ(0, guest_call(self->vcpu, guest_wrmsr, MSR_KVM_SYSTEM_TIME_NEW, gpa | 1));
	guest_call(self->vcpu, guest_nop);
	EXPECT_NE(0, READ_ONCE(info[0]));
	EXPECT_NE(0, READ_ONCE(info[6]));
	EXPECT_NE(0, guest_call(self->vcpu, guest_read, gpa + 16));

	/* The guest takes the page back without telling KVM to stop. */
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(gpa), 1));
	guest_call(self->vcpu, guest_fill, gpa, 1, 1);
	guest_call(self->vcpu, guest_spin, 1000);
	usleep(1000);
	guest_call(self->vcpu, guest_spin, 1000);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, gpa, 1, 1));
}

/* ---- ioctls of the VMM that look into the guest ------------------------------------------------ */

TEST_F(kernel_access, by_KVM_TRANSLATE_walks_secure_page_tables)
{
	struct kvm_translation tr = { .linear_address = mem_page(5) + 0x123 };

	set_state(self, variant);
	ASSERT_EQ(0, __vcpu_ioctl(self->vcpu, KVM_TRANSLATE, &tr));
	EXPECT_EQ(1, tr.valid);
	EXPECT_EQ(mem_page(5) + 0x123, tr.physical_address);
}

TEST_HARNESS_MAIN
