// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c - host side of the selftests: see vm.h
 */
#include <limits.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "kselftest.h"

#include "timescale.h"
#include "vm.h"

/* ---- the device ------------------------------------------------------------ */

int uvmem_dev(void)
{
	static int fd = -1;
	static pid_t owner;

	/* Not the file of the parent: who opened it may matter. */
	if (fd < 0 || owner != getpid()) {
		fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
		TEST_ASSERT(fd >= 0, "no %s (%s): is kvm-uvmem.ko loaded?",
			    UVMEM_DEVICE_PATH, strerror(errno));
		owner = getpid();
	}
	return fd;
}

struct uvmem_pool uvmem_get_pool(void)
{
	struct uvmem_pool pool = { .size = sizeof(pool) };

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_GET_POOL, &pool),
		    "UVMEM_GET_POOL: %s", strerror(errno));
	return pool;
}

static u64 old_limit;

static char old_watermark[UVMEM_PARAM_LEN];

static void restore_pool_limit(void)
{
	uvmem_set_pool_limit(old_limit);
	uvmem_set_param("watermark_high", old_watermark, NULL);
}

void uvmem_set_pool_limit(u64 frames)
{
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = frames };

	/* A test that fails ends by exit(), and the next one wants the whole pool. */
	if (!old_limit) {
		old_limit = uvmem_get_pool().frames_limit;
		/* Nor does a test of the limit want that the kernel makes room by itself. */
		uvmem_set_param("watermark_high", "100", old_watermark);
		atexit(restore_pool_limit);
	}

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit),
		    "UVMEM_SET_POOL_LIMIT %lu: %s", frames, strerror(errno));
}

static u64 old_sealed_pool;

static void restore_sealed_pool(void)
{
	uvmem_set_sealed_pool(old_sealed_pool);
}

void uvmem_set_sealed_pool(u64 bytes)
{
	struct uvmem_sealed_pool arg = { .size = sizeof(arg), .limit = bytes };
	static bool saved;

	if (!saved) {
		saved = true;
		old_sealed_pool = uvmem_get_pool().sealed_pool_limit;
		atexit(restore_sealed_pool);
	}
	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_SET_SEALED_POOL, &arg),
		    "UVMEM_SET_SEALED_POOL %lu: %s", bytes, strerror(errno));
}

static char old_write_out[UVMEM_PARAM_LEN];
static bool keeps_sealed_pool;

static void restore_write_out(void)
{
	if (keeps_sealed_pool)
		uvmem_set_param("sealed_pool_write_out", old_write_out, NULL);
	keeps_sealed_pool = false;
}

void uvmem_keep_sealed_pool(void)
{
	static bool at_exit;

	if (keeps_sealed_pool)
		return;
	uvmem_set_param("sealed_pool_write_out", "N", old_write_out);
	keeps_sealed_pool = true;
	if (!at_exit)
		atexit(restore_write_out);
	at_exit = true;
}

void uvmem_set_param(const char *name, const char *value, char old[UVMEM_PARAM_LEN])
{
	char path[128];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kvm_uvmem/parameters/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	if (old) {
		len = read(fd, old, UVMEM_PARAM_LEN - 1);
		TEST_ASSERT(len > 0, "reading %s: %s", path, strerror(errno));
		old[len] = 0;
	}
	TEST_ASSERT(pwrite(fd, value, strlen(value), 0) > 0, "writing %s to %s: %s", value, path,
		    strerror(errno));
	close(fd);
}

int uvmem_arm(int vm_fd, u64 flags, u64 max_frames, const char *name)
{
	struct uvmem_arm arm = {
		.size = sizeof(arm),
		.vm_fd = vm_fd,
		.flags = flags,
		.max_frames = max_frames,
	};
	int fd;

	snprintf(arm.name, sizeof(arm.name), "%s", name);
	fd = ioctl(uvmem_dev(), UVMEM_ARM, &arm);
	return fd < 0 ? -errno : fd;
}

static bool nothing_left(const struct uvmem_pool *now, const struct uvmem_pool *before)
{
	return now->frames_used == before->frames_used &&
	       now->handles_used == before->handles_used &&
	       now->handles_husk == before->handles_husk &&
	       now->seals == before->seals &&
	       now->sealed_pool_pages == before->sealed_pool_pages &&
	       now->sealed_pool_bytes == before->sealed_pool_bytes &&
	       now->sealed_pool_used <= before->sealed_pool_used &&
	       now->vms == before->vms && now->keys == before->keys;
}

void uvmem_assert_nothing_left(const struct uvmem_pool *before)
{
	struct uvmem_pool now;
	int i;

	/* The last reference to a VM may be put by a worker. */
	for (i = 0; i < 1000; i++) {
		now = uvmem_get_pool();
		if (nothing_left(&now, before))
			return;
		usleep(10000);
	}
	TEST_FAIL("left behind: frames %ld, handles %ld, husks %ld, seals %ld, VMs %ld, keys %ld, in the sealed pool %ld pages of %ld bytes in %ld",
		  (s64)(now.frames_used - before->frames_used),
		  (s64)(now.handles_used - before->handles_used),
		  (s64)(now.handles_husk - before->handles_husk),
		  (s64)(now.seals - before->seals),
		  (s64)(now.vms - before->vms), (s64)(now.keys - before->keys),
		  (s64)(now.sealed_pool_pages - before->sealed_pool_pages),
		  (s64)(now.sealed_pool_bytes - before->sealed_pool_bytes),
		  (s64)(now.sealed_pool_used - before->sealed_pool_used));
}

/* ---- VMs --------------------------------------------------------------------- */

/*
 * What the library's __vm_create() does, with UVMEM_ARM at the only moment that
 * allows it: the VM exists, its first memslot does not.
 */
/* Left as it is where it is right already: some tests may not write it. */
static void set_fill_around(const char *pages)
{
	char path[] = "/sys/module/kvm_uvmem/parameters/fill_around_pages", now[UVMEM_PARAM_LEN] = "";
	FILE *f = fopen(path, "r");

	TEST_ASSERT(f && fgets(now, sizeof(now), f), "reading %s: %s", path, strerror(errno));
	fclose(f);
	if (atoi(now) != atoi(pages))
		uvmem_set_param("fill_around_pages", pages, NULL);
}

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
		set_fill_around(config->fill_around ?: "1");
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
	restore_write_out();
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

/* ---- states and accounting ------------------------------------------------------ */

static const char * const state_names[UVMEM_PAGE_NR_STATES] = {
	[UVMEM_PAGE_NONE] = "NONE",
	[UVMEM_PAGE_NORMAL] = "NORMAL",
	[UVMEM_PAGE_SHARED] = "SHARED",
	[UVMEM_PAGE_ABSENT] = "ABSENT",
	[UVMEM_PAGE_IN] = "IN",
	[UVMEM_PAGE_OUT] = "OUT",
	[UVMEM_PAGE_ZERO] = "ZERO",
	[UVMEM_PAGE_LOST] = "LOST",
	[UVMEM_PAGE_POOL] = "POOL",
};
_Static_assert(ARRAY_SIZE(state_names) == UVMEM_PAGE_NR_STATES, "a name for each state");

const char *uvm_state_name(enum uvmem_page_state state)
{
	return state < UVMEM_PAGE_NR_STATES ? state_names[state] : "?";
}

void uvm_info(struct uvm *uvm, struct uvmem_vm_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_INFO, info),
		    "UVMEM_VM_GET_INFO: %s", strerror(errno));
}

void uvm_states(struct uvm *uvm, u64 gpa, u64 nr_pages, u8 *states)
{
	struct uvmem_states arg = {
		.size = sizeof(arg),
		.gfn = gpa_to_gfn(gpa),
		.nr_pages = nr_pages,
		.states = (u64)states,
	};
	u64 i;

	if (!nr_pages)
		return;
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_STATES, &arg),
		    "UVMEM_VM_GET_STATES: %s", strerror(errno));
	for (i = 0; i < nr_pages; i++) {
		states[i] &= ~UVMEM_STATE_IN_TRANSIT;
		TEST_ASSERT(states[i] < UVMEM_PAGE_NR_STATES, "gfn 0x%lx: state %u",
			    gpa_to_gfn(gpa) + i, states[i]);
	}
}

enum uvmem_page_state uvm_state(struct uvm *uvm, u64 gpa)
{
	u8 state;

	uvm_states(uvm, gpa, 1, &state);
	return state;
}

u64 uvm_count(struct uvm *uvm, u64 gpa, u64 nr_pages, enum uvmem_page_state state)
{
	u8 *states = malloc(nr_pages + 1);
	u64 i, count = 0;

	TEST_ASSERT(states, "no memory");
	uvm_states(uvm, gpa, nr_pages, states);
	for (i = 0; i < nr_pages; i++)
		count += states[i] == state;
	free(states);
	return count;
}

void __uvm_assert_state(struct uvm *uvm, u64 gpa, u64 nr_pages,
			enum uvmem_page_state state, const char *file, int line)
{
	u8 *states = malloc(nr_pages + 1);
	u64 i;

	TEST_ASSERT(states, "no memory");
	uvm_states(uvm, gpa, nr_pages, states);
	for (i = 0; i < nr_pages; i++)
		TEST_ASSERT(states[i] == state,
			    "%s:%d: gpa 0x%lx (page %lu of %lu) is %s, not %s",
			    file, line, (u64)(gpa + i * PAGE_SIZE), i, nr_pages,
			    uvm_state_name(states[i]), uvm_state_name(state));
	free(states);
}

/* What GET_STATES lists of the slots; returns how many pages. Detached ones have no slot. */
static u64 list_states(struct uvm *uvm, u64 listed[UVMEM_PAGE_NR_STATES])
{
	struct userspace_mem_region *region;
	u64 seen = 0, i;
	u8 *states;
	int bkt;

	memset(listed, 0, UVMEM_PAGE_NR_STATES * sizeof(*listed));
	hash_for_each(uvm->vm->regions.slot_hash, bkt, region, slot_node) {
		u64 nr = region->region.memory_size >> PAGE_SHIFT;

		states = malloc(nr);
		TEST_ASSERT(states, "no memory");
		uvm_states(uvm, region->region.guest_phys_addr, nr, states);
		for (i = 0; i < nr; i++)
			listed[states[i]]++;
		seen += nr;
		free(states);
	}
	return seen;
}

/* Is no page between two states, its handle still there or its count not yet changed? */
static bool agrees(const struct uvm *uvm, const struct uvmem_vm_info *info,
		   const struct uvmem_pool *pool, const u64 *listed)
{
	u64 handles = info->pages[UVMEM_PAGE_IN] + info->pages[UVMEM_PAGE_ZERO] +
		      info->pages[UVMEM_PAGE_POOL];

	if (!info->detached_pages &&
	    memcmp(listed, info->pages, UVMEM_PAGE_NR_STATES * sizeof(*listed)))
		return false;
	return uvm->shares_pool || pool->handles_used - uvm->before.handles_used == handles;
}

void __uvm_assert_sums(struct uvm *uvm, const char *file, int line)
{
	u64 listed[UVMEM_PAGE_NR_STATES];
	struct uvmem_vm_info info, again;
	struct uvmem_pool pool;
	u64 sum = 0, seen, i;

	/*
	 * Frames of pages that the host dropped are freed by a worker, another one writes out
	 * of the sealed pool, and khugepaged touches pages whenever it likes: figures of one
	 * moment are wanted.
	 */
	for (i = 0; i < 200; i++) {
		uvm_info(uvm, &info);
		pool = uvmem_get_pool();
		seen = list_states(uvm, listed);
		uvm_info(uvm, &again);
		if (info.frames == info.pages[UVMEM_PAGE_IN] &&
		    !memcmp(&info, &again, sizeof(info)) &&
		    agrees(uvm, &info, &pool, listed))
			break;
		usleep(10000);
	}
	for (i = 0; i < ARRAY_SIZE(info.pages); i++)
		sum += info.pages[i];
#define ASSERT_SUM(a, b)							\
	TEST_ASSERT((a) == (b), "%s:%d: " #a " is %lu, " #b " is %lu",	\
		    file, line, (u64)(a), (u64)(b))
	ASSERT_SUM(info.pages[UVMEM_PAGE_NONE], 0ull);
	ASSERT_SUM(sum, info.registered_pages + info.detached_pages);
	ASSERT_SUM(info.frames, info.pages[UVMEM_PAGE_IN]);
	ASSERT_SUM(info.registered_pages, seen);
	if (!info.detached_pages)
		for (i = 0; i < UVMEM_PAGE_NR_STATES; i++)
			TEST_ASSERT(listed[i] == info.pages[i],
				    "%s:%d: %lu pages are %s, but %llu are counted",
				    file, line, listed[i], uvm_state_name(i), info.pages[i]);

	seen = uvm_stat(uvm, "no_gain_pages");
	TEST_ASSERT(seen <= info.pages[UVMEM_PAGE_IN],
		    "%s:%d: %lu pages stay for want of gain, but %llu are in", file, line, seen,
		    info.pages[UVMEM_PAGE_IN]);

	if (uvm->shares_pool)
		return;
	ASSERT_SUM(pool.frames_used - uvm->before.frames_used, info.frames);
	ASSERT_SUM(pool.seals - uvm->before.seals, info.pages[UVMEM_PAGE_OUT]);
	ASSERT_SUM(pool.handles_used - uvm->before.handles_used,
		   info.pages[UVMEM_PAGE_IN] + info.pages[UVMEM_PAGE_ZERO] +
		   info.pages[UVMEM_PAGE_POOL]);
	ASSERT_SUM(pool.sealed_pool_pages - uvm->before.sealed_pool_pages,
		   info.pages[UVMEM_PAGE_POOL]);
	ASSERT_SUM(pool.sealed_pool_bytes - uvm->before.sealed_pool_bytes,
		   info.sealed_pool_bytes);
	TEST_ASSERT(pool.sealed_pool_used >= pool.sealed_pool_bytes,
		    "%s:%d: %llu bytes of blobs in %llu", file, line, pool.sealed_pool_bytes,
		    pool.sealed_pool_used);
	TEST_ASSERT(pool.handles_total >= pool.handles_used, "%s:%d: %llu of %llu handles",
		    file, line, pool.handles_used, pool.handles_total);
#undef ASSERT_SUM
}

int __uvm_move(struct uvm *uvm, unsigned long cmd, u64 gpa, u64 nr_pages,
	       u64 flags, struct uvmem_range *ret_range)
{
	struct uvmem_range range = {
		.size = sizeof(range),
		.gfn = gpa_to_gfn(gpa),
		.nr_pages = nr_pages,
		.flags = flags,
	};
	u64 sum, i;

	if (ioctl(uvm->fd, cmd, &range))
		return -errno;
	sum = range.moved;
	for (i = 0; i < UVMEM_NR_REASONS; i++)
		sum += range.skipped[i];
	TEST_ASSERT(range.done <= nr_pages && sum == range.done,
		    "of %lu pages %llu are done, but %lu are accounted for",
		    nr_pages, range.done, sum);
	if (ret_range)
		*ret_range = range;
	return 0;
}

static u64 move_range(struct uvm *uvm, unsigned long cmd, u64 gpa, u64 nr_pages, u64 flags)
{
	struct uvmem_range range;
	u64 moved = 0;
	int ret;

	while (nr_pages) {
		ret = __uvm_move(uvm, cmd, gpa, nr_pages, flags, &range);
		if (ret == -EINTR)
			continue;
		TEST_ASSERT(!ret, "page-%s of 0x%lx, %lu pages: %s",
			    cmd == UVMEM_VM_PAGE_OUT ? "out" : "in", gpa, nr_pages,
			    strerror(-ret));
		TEST_ASSERT(range.done, "no page was done");
		moved += range.moved;
		gpa += range.done * PAGE_SIZE;
		nr_pages -= range.done;
	}
	return moved;
}

u64 uvm_page_out(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	return move_range(uvm, UVMEM_VM_PAGE_OUT, gpa, nr_pages, UVMEM_RANGE_IGNORE_AGE);
}

u64 uvm_page_in(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	return move_range(uvm, UVMEM_VM_PAGE_IN, gpa, nr_pages, 0);
}

void uvm_page_out_all(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	u64 moved = 0;
	int i;

	uvm_assert_state(uvm, gpa, nr_pages, UVMEM_PAGE_IN);
	/* Somebody may hold a page for a moment, e.g. a per-CPU batch of the LRU. */
	for (i = 0; i < 50 && moved < nr_pages; i++) {
		if (i)
			usleep(10000);
		moved += uvm_page_out(uvm, gpa, nr_pages);
	}
	TEST_ASSERT_EQ(moved, nr_pages);
	uvm_assert_state(uvm, gpa, nr_pages, UVMEM_PAGE_OUT);
}

void uvm_page_in_all(struct uvm *uvm, u64 gpa, u64 nr_pages)
{
	u64 moved = 0;
	int i;

	uvm_assert_state(uvm, gpa, nr_pages, UVMEM_PAGE_OUT);
	for (i = 0; i < 50 && moved < nr_pages; i++) {
		if (i)
			usleep(10000);
		moved += uvm_page_in(uvm, gpa, nr_pages);
	}
	TEST_ASSERT_EQ(moved, nr_pages);
	uvm_assert_state(uvm, gpa, nr_pages, UVMEM_PAGE_IN);
}

void uvm_age(struct uvm *uvm, u64 max_scan, struct uvmem_age *ret_age)
{
	*ret_age = (struct uvmem_age){ .size = sizeof(*ret_age), .max_scan = max_scan };
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_AGE, ret_age), "UVMEM_VM_AGE: %s", strerror(errno));
}

static int reclaim_by(struct uvm *uvm, u32 flags, u64 nr_pages, u32 min_idle,
		      struct uvmem_reclaim *ret_reclaim)
{
	struct uvmem_reclaim reclaim = {
		.size = sizeof(reclaim), .nr_pages = nr_pages, .min_idle = min_idle,
		.flags = flags,
	};

	if (ioctl(uvm->fd, UVMEM_VM_RECLAIM, &reclaim))
		return -errno;
	if (ret_reclaim)
		*ret_reclaim = reclaim;
	return 0;
}

int uvm_reclaim(struct uvm *uvm, u64 nr_pages, u32 min_idle, struct uvmem_reclaim *ret_reclaim)
{
	return reclaim_by(uvm, 0, nr_pages, min_idle, ret_reclaim);
}

int uvm_reclaim_no_ciphertext(struct uvm *uvm, u64 nr_pages, u32 min_idle,
			      struct uvmem_reclaim *ret_reclaim)
{
	struct uvmem_reclaim reclaim = {};
	int ret = reclaim_by(uvm, UVMEM_RECLAIM_NO_CIPHERTEXT, nr_pages, min_idle, &reclaim);

	TEST_ASSERT(reclaim.moved == reclaim.zero + reclaim.pooled,
		    "%llu pages went, of these %llu same-filled, %llu to the sealed pool",
		    reclaim.moved, reclaim.zero, reclaim.pooled);
	TEST_ASSERT(reclaim.moved + reclaim.skipped[UVMEM_REASON_NO_GAIN] <= nr_pages,
		    "%llu pages went and %llu were tried, of %lu", reclaim.moved,
		    reclaim.skipped[UVMEM_REASON_NO_GAIN], nr_pages);
	if (!ret && ret_reclaim)
		*ret_reclaim = reclaim;
	return ret;
}

int uvm_set_limits(struct uvm *uvm, u64 min, u64 low, u64 high, u64 max)
{
	struct uvmem_limits limits = {
		.size = sizeof(limits), .min = min, .low = low, .high = high, .max = max,
	};

	return ioctl(uvm->fd, UVMEM_VM_SET_LIMITS, &limits) ? -errno : 0;
}

u64 uvm_stat_range(struct uvm *uvm, const char *name, int first, int last)
{
	struct kvm_binary_stats stats = {};
	u64 *data, sum = 0;
	int i, j;

	stats.fd = ioctl(uvm->fd, UVMEM_VM_GET_STATS_FD, 0);
	TEST_ASSERT(stats.fd >= 0, "UVMEM_VM_GET_STATS_FD: %s", strerror(errno));
	read_stats_header(stats.fd, &stats.header);
	stats.desc = read_stats_descriptors(stats.fd, &stats.header);
	for (i = 0; i < stats.header.num_desc; i++) {
		struct kvm_stats_desc *desc = get_stats_descriptor(stats.desc, i, &stats.header);

		if (strcmp(desc->name, name))
			continue;
		data = calloc(desc->size, sizeof(*data));
		TEST_ASSERT(data, "no memory");
		read_stat_data(stats.fd, &stats.header, desc, data, desc->size);
		for (j = first; j < desc->size && j <= last; j++)
			sum += data[j];
		free(data);
		break;
	}
	TEST_ASSERT(i < stats.header.num_desc, "no statistic %s", name);
	free(stats.desc);
	close(stats.fd);
	return sum;
}

u64 uvm_stat(struct uvm *uvm, const char *name)
{
	return uvm_stat_range(uvm, name, 0, INT_MAX);
}
