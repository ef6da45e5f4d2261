// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cost.c - what exits and page faults of an ordinary guest cost, in instructions
 *
 * Knows nothing of kvm-uvmem: it runs on any KVM, to compare one with another.
 * Each round is a new VM with one vCPU. Prints lines as in ../bench/bench.h.
 */
#include <sys/mman.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "../bench/bench.h"

#define ROUNDS		7		/* that count, after one that does not */
#define EXITS		2000UL
#define PAGES		2048UL
#define HUGE_PAGES	16UL
#define SLOTS		64UL

#define FRESH_GPA	0x10000000UL	/* guest-physical and guest-virtual */
#define THERE_GPA	0x12000000UL
#define HUGE_GPA	0x20000000UL
#define SLOTS_GPA	0x30000000UL
#define MMIO_GPA	0x40000000UL
#define PORT		0x1234
#define NO_HYPERCALL	200

enum { FRESH_SLOT = 10, THERE_SLOT, HUGE_SLOT, FIRST_SLOT };

enum op { LOOP, CPUID, MSR, HYPERCALL, PIO, MMIO, APIC, EMULATION, READ, WRITE };

static struct command {
	u64 op, count, gva, stride;
} command;
static u64 word;

static void guest_one(u64 op, u64 gva)
{
	u32 eax, ebx, ecx, edx;

	switch (op) {
	case CPUID:
		cpuid(0, &eax, &ebx, &ecx, &edx);
		break;
	case MSR:
		rdmsr(MSR_IA32_APICBASE);
		break;
	case HYPERCALL:
		kvm_hypercall(NO_HYPERCALL, 0, 0, 0, 0);
		break;
	case PIO:
		outl(PORT, 0);
		break;
	case MMIO:
		WRITE_ONCE(*(u32 *)MMIO_GPA, 0);
		break;
	case APIC:
		READ_ONCE(*(u32 *)(APIC_DEFAULT_GPA + APIC_ID));
		break;
	case EMULATION:
		asm volatile(KVM_FEP "mov %0, %%rax" : : "m"(word) : "rax");
		break;
	case READ:
		READ_ONCE(*(u64 *)gva);
		break;
	case WRITE:
		WRITE_ONCE(*(u64 *)gva, 1);
		break;
	}
}

static void guest_code(void)
{
	for (;;) {
		struct command c = {
			.op = READ_ONCE(command.op),
			.count = READ_ONCE(command.count),
			.gva = READ_ONCE(command.gva),
			.stride = READ_ONCE(command.stride),
		};

		while (c.count--) {
			guest_one(c.op, c.gva);
			c.gva += c.stride;
		}
		GUEST_SYNC(c.op);
	}
}

/* Instructions that the guest's command takes, from start to end. */
static unsigned long long run(struct kvm_vcpu *vcpu, struct command c)
{
	u64 exits = c.op == PIO || c.op == MMIO ? c.count : 0;
	unsigned long long start, cost;
	struct ucall uc;

	command = c;
	sync_global_to_guest(vcpu->vm, command);
	start = bench_now();
	while (exits--) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, c.op == PIO ? KVM_EXIT_IO : KVM_EXIT_MMIO);
	}
	vcpu_run(vcpu);
	cost = bench_now() - start;
	TEST_ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	TEST_ASSERT_EQ(uc.args[1], c.op);
	return cost;
}

/* The fault counter of KVM proves that what is measured did happen. */
static unsigned long long fault(struct kvm_vcpu *vcpu, int op, u64 gva, u64 count, u64 stride)
{
	u64 before = vcpu_get_stat(vcpu, pf_taken), taken;
	unsigned long long cost;

	cost = run(vcpu, (struct command) { op, count, gva, stride });
	taken = vcpu_get_stat(vcpu, pf_taken) - before;
	TEST_ASSERT(taken >= count && taken <= count + 2,
		    "%lu of %lu page faults", (unsigned long)taken, (unsigned long)count);
	return cost;
}

static void measure_exits(struct kvm_vcpu *vcpu, int round)
{
	static const struct {
		const char *name;
		enum op op;
	} exits[] = {
		{ "cpuid", CPUID },
		{ "rdmsr", MSR },
		{ "hypercall", HYPERCALL },
		{ "port_io_to_vmm", PIO },
		{ "mmio_to_vmm", MMIO },
		{ "apic_read", APIC },
		{ "emulated_load", EMULATION },
	};
	u64 before;
	int i;

	for (i = 0; i < ARRAY_SIZE(exits); i++) {
		before = vcpu_get_stat(vcpu, exits);
		bench_raw(round, "exit", exits[i].name, EXITS,
			  run(vcpu, (struct command) { exits[i].op, EXITS }), 0);
		TEST_ASSERT(vcpu_get_stat(vcpu, exits) - before >= EXITS,
			    "%s does not exit", exits[i].name);
	}
}

/* Mapped by the guest in 2 MiB: its own page tables must not fault, too. */
static void add(struct kvm_vm *vm, enum vm_mem_backing_src_type src, u64 gpa, u32 slot, u64 pages)
{
	vm_userspace_mem_region_add(vm, src, gpa, slot, pages, 0);
	virt_map_level(vm, gpa, gpa, pages * PAGE_SIZE, PG_LEVEL_2M);
}

static void measure_faults(struct kvm_vcpu *vcpu, int round)
{
	struct kvm_vm *vm = vcpu->vm;
	unsigned long log[PAGES / BITS_PER_LONG];
	void *there, *huge;
	unsigned long long start;

	add(vm, VM_MEM_SRC_ANONYMOUS, FRESH_GPA, FRESH_SLOT, PAGES);
	add(vm, VM_MEM_SRC_ANONYMOUS, THERE_GPA, THERE_SLOT, PAGES);
	add(vm, VM_MEM_SRC_ANONYMOUS_THP, HUGE_GPA, HUGE_SLOT, HUGE_PAGES * 512);
	there = addr_gpa2hva(vm, THERE_GPA);
	huge = addr_gpa2hva(vm, HUGE_GPA);
	memset(there, 1, PAGES * PAGE_SIZE);
	memset(huge, 1, HUGE_PAGES << 21);

	bench_raw(round, "fault", "no_page_yet", PAGES,
		  fault(vcpu, WRITE, FRESH_GPA, PAGES, PAGE_SIZE), 0);
	bench_raw(round, "fault", "page_there", PAGES,
		  fault(vcpu, WRITE, THERE_GPA, PAGES, PAGE_SIZE), 0);
	bench_raw(round, "fault", "huge_page_there", HUGE_PAGES,
		  fault(vcpu, READ, HUGE_GPA, HUGE_PAGES, 1 << 21), 0);
	bench_raw(round, "guest", "touch_mapped", PAGES,
		  run(vcpu, (struct command) { READ, PAGES, THERE_GPA, PAGE_SIZE }), 0);

	/* The VMM's page table changes: the notifier zaps. Then faults again. */
	start = bench_now();
	TEST_ASSERT(!mprotect(there, PAGES * PAGE_SIZE, PROT_READ), "mprotect()");
	bench_raw(round, "host", "mprotect", PAGES, bench_now() - start, 0);
	TEST_ASSERT(!mprotect(there, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect()");
	bench_raw(round, "fault", "after_mprotect", PAGES,
		  fault(vcpu, WRITE, THERE_GPA, PAGES, PAGE_SIZE), 0);

	vm_mem_region_set_flags(vm, THERE_SLOT, KVM_MEM_LOG_DIRTY_PAGES);
	bench_raw(round, "fault", "dirty_log", PAGES,
		  fault(vcpu, WRITE, THERE_GPA, PAGES, PAGE_SIZE), 0);
	start = bench_now();
	kvm_vm_get_dirty_log(vm, THERE_SLOT, log);
	bench_raw(round, "host", "get_dirty_log", PAGES, bench_now() - start, 0);
}

static void measure_slots(struct kvm_vm *vm, int round)
{
	unsigned long long start = bench_now();
	struct kvm_userspace_memory_region region = { .memory_size = 1 << 21 };
	u64 i;

	region.userspace_addr = (u64)addr_gpa2hva(vm, HUGE_GPA);
	for (i = 0; i < 2 * SLOTS; i++) {
		region.slot = FIRST_SLOT + i % SLOTS;
		region.guest_phys_addr = SLOTS_GPA + ((i % SLOTS) << 21);
		if (i >= SLOTS)
			region.memory_size = 0;
		vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	}
	bench_raw(round, "host", "slot_add_delete", SLOTS, bench_now() - start, 0);
}

int main(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int round;

	TEST_REQUIRE(is_forced_emulation_enabled);
	for (round = 0; round <= ROUNDS; round++) {
		vm = vm_create_with_one_vcpu(&vcpu, guest_code);
		virt_map(vm, MMIO_GPA, MMIO_GPA, 1);
		virt_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA, 1);
		bench_raw(round, "guest", "loop", 1000000,
			  run(vcpu, (struct command) { LOOP, 1000000 }), 0);
		measure_exits(vcpu, round);
		measure_faults(vcpu, round);
		measure_slots(vm, round);
		kvm_vm_free(vm);
	}
	return 0;
}
