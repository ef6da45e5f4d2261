// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c - VMs and what their guests run: see vm.h
 */
#include <stdio.h>

#include "kselftest.h"

#include "timescale.h"
#include "vm.h"

/* ---- VMs --------------------------------------------------------------------- */

/* Left as it is where it is right already: some tests may not write it. */
static void set_pages_param(const char *name, const char *pages)
{
	char path[128], now[UVMEM_PARAM_LEN] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/kvm_uvmem/parameters/%s", name);
	f = fopen(path, "r");
	TEST_ASSERT(f && fgets(now, sizeof(now), f), "reading %s: %s", path, strerror(errno));
	fclose(f);
	if (atoi(now) != atoi(pages))
		uvmem_set_param(name, pages, NULL);
}

/*
 * What the library's __vm_create() does, with UVMEM_ARM at the only moment that
 * allows it: the VM exists, its first memslot does not.
 */
struct uvm *uvm_create(const struct uvm_config *config)
{
	int nr_vcpus = config->nr_vcpus ?: 1;
	struct uvmem_vm_info info;
	struct kvm_vm *vm;
	struct uvm *uvm;
	int i;

	TEST_ASSERT(nr_vcpus <= MAX_VCPUS, "%d vCPUs", nr_vcpus);
	uvm = calloc(1, sizeof(*uvm));
	TEST_ASSERT(uvm, "no memory");
	uvm->fd = -1;
	uvm->nr_vcpus = nr_vcpus;
	uvm->mem_pages = config->mem_pages ?: 256;
	TEST_ASSERT(uvm->mem_pages <= MEM_MAX_PAGES, "%lu pages", uvm->mem_pages);
	if (!config->unarmed) {
		set_pages_param("fill_around_pages", config->fill_around ?: "1");
		set_pages_param("fault_around_max", config->fault_around_max ?: "1");
		uvm->before = uvmem_get_pool();
	}

	vm = ____vm_create(VM_SHAPE_DEFAULT);
	uvm->vm = vm;
	if (!config->unarmed) {
		uvm->fd = uvmem_arm(vm->fd, config->flags, config->max_frames, "selftest");
		TEST_ASSERT(uvm->fd >= 0, "UVMEM_ARM: %s", strerror(-uvm->fd));
		uvm_info(uvm, &info);
		uvm->id = info.id;
	}

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0, SLOT0_PAGES, 0);
	for (i = 0; i < NR_MEM_REGIONS; i++)
		vm->memslots[i] = 0;
	kvm_vm_elf_load(vm, program_invocation_name);
	ucall_init(vm, SLOT0_PAGES * PAGE_SIZE);
	guest_rng = new_guest_random_state(guest_random_seed);
	sync_global_to_guest(vm, guest_rng);
	kvm_arch_vm_post_create(vm, nr_vcpus);

	if (!config->no_mem)
		vm_userspace_mem_region_add(vm, config->src, MEM_GPA, MEM_SLOT,
					    uvm->mem_pages, 0);
	virt_map(vm, MEM_GPA, MEM_GPA, MEM_MAX_PAGES);
	virt_map(vm, MMIO_GPA, MMIO_GPA, 1);

	for (i = 0; i < nr_vcpus; i++)
		uvm->vcpu[i] = vm_vcpu_add(vm, i, guest_agent);
	kvm_arch_vm_finalize_vcpus(vm);
	for (i = 0; i < 32; i++)
		vm_install_exception_handler(vm, i, guest_exception);

	if (!config->no_run)
		for (i = 0; i < nr_vcpus; i++)
			TEST_ASSERT_EQ(guest_run(uvm->vcpu[i], NULL), RUN_DONE);
	return uvm;
}

void uvm_esm(struct uvm *uvm)
{
	s64 ret = hypercall_patient(uvm->vcpu[0], UV_ESM);

	TEST_ASSERT(ret == U_SUCCESS, "UV_ESM: %ld", ret);
}

struct uvm *uvm_create_secure(const struct uvm_config *config)
{
	struct uvm *uvm = uvm_create(config);

	uvm_esm(uvm);
	return uvm;
}

void uvm_free_unchecked(struct uvm *uvm)
{
	if (uvm->fd >= 0)
		close(uvm->fd);
	kvm_vm_free(uvm->vm);
	free(uvm);
	uvmem_release_sealed_pool();
}

void uvm_free(struct uvm *uvm)
{
	struct uvmem_pool before = uvm->before;
	bool armed = uvm->id;

	uvm_free_unchecked(uvm);
	if (armed)
		uvmem_assert_nothing_left(&before);
}

/* AnonHugePages of the mapping that has the gpa. */
u64 uvm_huge_bytes(struct uvm *uvm, u64 gpa)
{
	unsigned long addr = (unsigned long)uvm_hva(uvm, gpa), start, end;
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	u64 kb = 0, value;
	bool ours = false;

	TEST_ASSERT(f, "smaps: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start <= addr && addr < end;
		else if (ours && sscanf(line, "AnonHugePages: %lu kB", &value) == 1)
			kb += value;
	}
	fclose(f);
	return kb * 1024;
}

/* ---- running the guest ------------------------------------------------------- */

void __guest_start(struct kvm_vcpu *vcpu, guest_fn_t fn, const u64 args[GUEST_MAX_ARGS])
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	regs.rdi = (u64)fn;
	regs.rsi = args[0];
	regs.rdx = args[1];
	regs.rcx = args[2];
	regs.r8 = args[3];
	regs.r9 = args[4];
	vcpu_regs_set(vcpu, &regs);
}

static bool is_guest_port(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO &&
	       run->io.direction == KVM_EXIT_IO_OUT && run->io.port == GUEST_PORT;
}

enum run_status guest_run(struct kvm_vcpu *vcpu, u64 *result)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;
	int ret;

	do {
		ret = __vcpu_run(vcpu);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	TEST_ASSERT(!ret, "KVM_RUN: %s", strerror(errno));

	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    run->internal.suberror == UVMEM_SUBERROR)
		return RUN_STOPPED;
	if (!is_guest_port(run))
		return RUN_OTHER;

	vcpu_regs_get(vcpu, &regs);
	switch (regs.rdi) {
	case GUEST_EXIT_DONE:
		if (result)
			*result = regs.rsi;
		return RUN_DONE;
	case GUEST_EXIT_ASSERT:
		TEST_FAIL("guest assertion in line %llu failed: 0x%llx, 0x%llx",
			  regs.rsi, regs.rdx, regs.rcx);
	case GUEST_EXIT_EXCEPTION:
		TEST_FAIL("guest exception %llu at 0x%llx, error code 0x%llx, cr2 0x%llx",
			  regs.rsi, regs.rdx, regs.rcx, regs.r8);
	}
	TEST_FAIL("guest left with kind %llu", regs.rdi);
	return RUN_OTHER;
}

static const char *describe_exit(struct kvm_vcpu *vcpu)
{
	static __thread char text[160];
	const struct kvm_run *run = vcpu->run;

	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(text, sizeof(text),
			 "internal error, suberror 0x%x, data 0x%llx 0x%llx 0x%llx",
			 run->internal.suberror, run->internal.data[0],
			 run->internal.data[1], run->internal.data[2]);
	else
		snprintf(text, sizeof(text), "exit reason %u (%s)", run->exit_reason,
			 exit_reason_str(run->exit_reason));
	return text;
}

u64 __guest_call(struct kvm_vcpu *vcpu, guest_fn_t fn, const u64 args[GUEST_MAX_ARGS])
{
	enum run_status status;
	u64 result = 0;

	__guest_start(vcpu, fn, args);
	status = guest_run(vcpu, &result);
	TEST_ASSERT(status == RUN_DONE, "guest function 0x%lx(0x%lx, 0x%lx, 0x%lx): %s",
		    (u64)fn, args[0], args[1], args[2], describe_exit(vcpu));
	return result;
}

s64 __hypercall_patient(struct kvm_vcpu *vcpu, const u64 args[GUEST_MAX_ARGS])
{
	s64 ret;
	int i;

	for (i = 0; i < 200; i++) {
		ret = (s64)__guest_call(vcpu, (guest_fn_t)guest_hypercall, args);
		if (ret != H_BUSY)
			break;
		usleep(10000);
	}
	return ret;
}

void __guest_call_stops(struct uvm *uvm, struct kvm_vcpu *vcpu,
			enum uvmem_stop_reason reason, u64 gpa,
			guest_fn_t fn, const u64 args[GUEST_MAX_ARGS])
{
	const struct kvm_run *run = vcpu->run;
	struct uvmem_vm_info info;
	int i;

	__guest_start(vcpu, fn, args);
	/* Twice, for it must not run again. */
	for (i = 0; i < 2; i++) {
		enum run_status status;

		status = guest_run(vcpu, NULL);
		TEST_ASSERT(status == RUN_STOPPED, "the guest goes on (%s)",
			    describe_exit(vcpu));
		TEST_ASSERT_EQ(run->internal.ndata, 3u);
		TEST_ASSERT_EQ(run->internal.data[0], (u64)reason);
		TEST_ASSERT_EQ(run->internal.data[1] & PAGE_MASK, gpa & PAGE_MASK);
		TEST_ASSERT_EQ(run->internal.data[2], uvm->id);
	}
	uvm_info(uvm, &info);
	TEST_ASSERT_EQ(info.stop_reason, (u32)reason);
	TEST_ASSERT_EQ(info.stop_gpa & PAGE_MASK, gpa & PAGE_MASK);
}

static void *guest_thread_fn(void *arg)
{
	struct guest_thread *t = arg;
	u64 round = 0;

	while (!READ_ONCE(t->quit) && t->step(t->vcpu, t->opaque, round))
		WRITE_ONCE(t->rounds, ++round);
	return NULL;
}

void guest_thread_start(struct guest_thread *t)
{
	t->rounds = 0;
	t->quit = false;
	TEST_ASSERT(!pthread_create(&t->thread, NULL, guest_thread_fn, t), "no thread");
}

/* Less than what a case has, so that it can still say where its threads are. */
#define STOP_SECONDS	40

void show_threads(pid_t pid)
{
	char command[400];

	fflush(NULL);
	snprintf(command, sizeof(command),
		 "cd /proc/%d/task && for n in 1 2 3; do for t in *; do "
		 "echo \"# thread $t: $(cat $t/wchan), CPU $(cut -d' ' -f39 $t/stat),\" "
		 "\"ticks $(cut -d' ' -f14,15 $t/stat)\"; sed 's/^/#   /' $t/stack; done; "
		 "sleep 1; done; grep -hE 'LOC|CAL|TLB' /proc/interrupts | sed 's/^/# /'", pid);
	if (system(command))
		ksft_print_msg("and no shell to look\n");
}

void guest_thread_stop(struct guest_thread *t, u64 rounds)
{
	u64 n = 0;

	while (pthread_tryjoin_np(t->thread, NULL)) {
		if (READ_ONCE(t->rounds) >= rounds)
			WRITE_ONCE(t->quit, true);
		usleep(1000);
		if (++n == STOP_SECONDS * 1000ull * time_scale()) {
			show_threads(getpid());
			TEST_FAIL("vCPU %u does not come back: %llu rounds, want %llu",
				  t->vcpu->id, (unsigned long long)t->rounds,
				  (unsigned long long)rounds);
		}
	}
}
