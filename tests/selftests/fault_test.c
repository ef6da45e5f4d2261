// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_test - memory that is not to be had, one allocation after the other
 *
 * The n-th allocation (slab or pages) of an operation fails, n = 1, 2, ... until one
 * goes through without. Each time the operation has been done, in part where it says
 * so, or everything is as it was; the guest lives or is stopped for that reason; sums
 * hold and nothing leaks. The kernel's fault injection does it, by task: the stock
 * kernel has none, the debug kernel has.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "kselftest.h"

#include "cases.h"
#include "search.h"

#define FAULTS		"/sys/kernel/debug/"
#define POOL_BYTES	(16ull << 20)
#define PAGES		8
#define NEIGHBOURS	8
#define DENSE		64	/* operations on a VM of their own: each n up to here */
#define SPARSE		7	/* and then each so many */
#define SLOT2		7

struct fault {
	struct uvm *uvm;
	u64 seed;
	int nth_fd;
	u64 n;				/* the allocation that fails */
	bool armed;
	u64 left;			/* of n after the operation; 0: the fault came */
	/* what the operation said */
	s64 ret;			/* of a system call; -errno */
	struct guest_outcome guest;
	struct uvmem_range range;
	u64 stay;			/* pages of which only ciphertext would be left */
	struct uvmem_vm_info info;	/* of before */
	bool pool;			/* there is a sealed pool */
};

/**
 * struct fault_op - an operation
 * @prepare:	brings VM and pages to where it begins
 * @run:	the operation: nothing else, for all it allocates may fail
 * @check:	what it left
 * @own_vm:	it needs a new VM each time, which @prepare makes
 * @least:	it allocates at least so often, or the injection does not work
 */
struct fault_op {
	const char *name;
	void (*prepare)(struct fault *f);
	void (*run)(struct fault *f);
	void (*check)(struct fault *f);
	bool own_vm;
	u64 least;
};

/* ---- injection ------------------------------------------------------------------ */

static bool put(const char *file, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), FAULTS "%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ret = write(fd, value, strlen(value));
	close(fd);
	return ret == strlen(value);
}

/*
 * vmalloc() fails with a warning and a call trace. Of ours nothing depends on it alone,
 * it is kvmalloc()'s second choice; KVM's memslots use it.
 */
static bool spare_vmalloc(void)
{
	unsigned long long addr, start = 0;
	char name[128], text[24];
	bool ret = false;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !ret && fscanf(f, "%llx %*c %127s%*[^\n]", &addr, name) == 2) {
		if (!strcmp(name, "__vmalloc_node_range_noprof")) {
			start = addr;
		} else if (start && addr > start) {
			snprintf(text, sizeof(text), "%llu", start);
			ret = put("failslab/reject-start", text) &&
			      put("fail_page_alloc/reject-start", text);
			snprintf(text, sizeof(text), "%llu", addr);
			ret = ret && put("failslab/reject-end", text) &&
			      put("fail_page_alloc/reject-end", text);
			break;
		}
	}
	if (f)
		fclose(f);
	return ret;
}

/*
 * Those that may sleep fail, too, and those of one page. Copies from and to user
 * space do not: no function of the kernel lies between 1 and 2.
 */
static bool injection_begin(void)
{
	return put("failslab/ignore-gfp-wait", "N") && put("failslab/verbose", "0") &&
	       put("fail_page_alloc/ignore-gfp-wait", "N") &&
	       put("fail_page_alloc/ignore-gfp-highmem", "N") &&
	       put("fail_page_alloc/min-order", "0") && put("fail_page_alloc/verbose", "0") &&
	       put("fail_usercopy/require-start", "1") &&
	       put("fail_usercopy/require-end", "2") && spare_vmalloc();
}

static void nth_write(struct fault *f, u64 n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lu", n);

	TEST_ASSERT(pwrite(f->nth_fd, text, len, 0) == len, "fail-nth: %s", strerror(errno));
}

/* The thread's next allocations count; nothing but the operation stands behind this. */
static void nth_begin(struct fault *f)
{
	f->armed = true;
	nth_write(f, f->n);
}

static void nth_end(struct fault *f)
{
	char text[24] = {};

	if (!f->armed)
		return;
	TEST_ASSERT(pread(f->nth_fd, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s",
		    strerror(errno));
	f->left = strtoull(text, NULL, 10);
	nth_write(f, 0);
	f->armed = false;
}

/* ---- pages ------------------------------------------------------------------------ */

static struct kvm_vcpu *vcpu(struct fault *f)
{
	return f->uvm->vcpu[0];
}

static void pages_in(struct fault *f)
{
	u64 gfn = gpa_to_gfn(MEM_GPA);

	if (!f->uvm)
		f->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = 2 * HUGE_PAGES });
	if (uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED)) {
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gfn, PAGES), U_SUCCESS);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_UNSHARE_PAGE, gfn, PAGES), U_SUCCESS);
	}
	guest_call(vcpu(f), guest_fill, MEM_GPA, PAGES + NEIGHBOURS, ++f->seed);
}

static void pages_out(struct fault *f)
{
	pages_in(f);
	uvm_page_out_all(f->uvm, MEM_GPA, PAGES);
}

/* Any pages that are reclaimed may go to the sealed pool; the guest's data compress. */
static void pages_for_pool(struct fault *f)
{
	pages_in(f);
	f->pool = true;
	uvmem_set_sealed_pool(POOL_BYTES);
}

static void pages_in_pool(struct fault *f)
{
	pages_for_pool(f);
	TEST_ASSERT_EQ(uvm_reclaim(f->uvm, ~0ull, 0, NULL), 0);
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_POOL), PAGES);
}

static void pages_shared(struct fault *f)
{
	pages_in(f);
	TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
		       U_SUCCESS);
}

static void pages_mixed(struct fault *f)
{
	pages_in(f);
	uvm_page_out_all(f->uvm, MEM_GPA, PAGES / 2);
}

static void verify(struct fault *f, u64 page, u64 nr)
{
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_verify, mem_page(page), nr, f->seed), GUEST_OK);
}

static void verify_zero(struct fault *f)
{
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_verify_byte, MEM_GPA, PAGES, 0), GUEST_OK);
}

/* The guest's exits that one failure may cause, and none else. */
static void run_guest(struct fault *f, guest_fn_t fn, u64 a0, u64 a1, u64 a2)
{
	const u64 args[GUEST_MAX_ARGS] = { a0, a1, a2 };
	struct kvm_regs regs;
	int ret, tries, saved;

	memset(&f->guest, 0, sizeof(f->guest));
	__guest_start(vcpu(f), fn, args);
	nth_begin(f);
	for (tries = 0; tries < 1000; tries++) {
		ret = __vcpu_run(vcpu(f));
		if (!ret || (errno != EINTR && errno != EAGAIN && errno != ENOMEM))
			break;
	}
	saved = errno;
	nth_end(f);
	/* A VMM ends its guest for any other error. */
	TEST_ASSERT(!ret, "KVM_RUN: %s", strerror(saved));
	if (vcpu(f)->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    vcpu(f)->run->internal.suberror == UVMEM_SUBERROR) {
		f->guest.status = RUN_STOPPED;
		f->guest.reason = vcpu(f)->run->internal.data[0];
		return;
	}
	TEST_ASSERT_EQ(vcpu(f)->run->exit_reason, (u32)KVM_EXIT_IO);
	vcpu_regs_get(vcpu(f), &regs);
	TEST_ASSERT(regs.rdi == GUEST_EXIT_DONE, "the guest saw exception %llu", regs.rsi);
	f->guest.result = regs.rsi;
}

/* True: it was stopped, and the VM is gone. */
static bool guest_was_stopped(struct fault *f)
{
	if (f->guest.status != RUN_STOPPED)
		return false;
	TEST_ASSERT_EQ(f->guest.reason, UVMEM_STOP_NO_MEMORY);
	uvm_free(f->uvm);
	f->uvm = NULL;
	return true;
}

/* ---- operations on pages -------------------------------------------------------------- */

static void do_move(struct fault *f, unsigned long cmd)
{
	f->range = (struct uvmem_range){
		.size = sizeof(f->range), .gfn = gpa_to_gfn(MEM_GPA), .nr_pages = PAGES,
		.flags = cmd == UVMEM_VM_PAGE_OUT ? UVMEM_RANGE_IGNORE_AGE : 0,
	};
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, cmd, &f->range) ? -errno : 0;
}

static void do_page_out(struct fault *f)
{
	do_move(f, UVMEM_VM_PAGE_OUT);
}

static void do_page_in(struct fault *f)
{
	do_move(f, UVMEM_VM_PAGE_IN);
}

static void check_move(struct fault *f, enum uvmem_page_state to)
{
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "%s", strerror(-f->ret));
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, to), f->ret ? 0 : f->range.moved);
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void check_out(struct fault *f)
{
	check_move(f, UVMEM_PAGE_OUT);
}

static void check_in(struct fault *f)
{
	check_move(f, UVMEM_PAGE_IN);
}

static void do_host_touch(struct fault *f)
{
	u64 word;

	nth_begin(f);
	word = uvm_host_read(f->uvm, mem_page(1));
	f->ret = 0;
	TEST_ASSERT(!is_marker(word), "the host reads a marker");
}

static void check_kept(struct fault *f)
{
	TEST_ASSERT_EQ(f->ret, 0);
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void do_guest_fault(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_read, mem_page(2), 0, 0);
}

/* A page of a 2 MiB that nobody has touched yet: its words are made now. */
static void untouched(struct fault *f)
{
	pages_in(f);
	TEST_ASSERT_EQ(uvm_count(f->uvm, mem_page(HUGE_PAGES), HUGE_PAGES, UVMEM_PAGE_ABSENT),
		       HUGE_PAGES);
}

static void do_guest_fault_untouched(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_write, mem_page(HUGE_PAGES + 3), 77, 0);
}

static void check_fault(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void check_fault_untouched(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	TEST_ASSERT_EQ(guest_call(vcpu(f), guest_read, mem_page(HUGE_PAGES + 3)), 77ull);
	verify(f, 0, PAGES + NEIGHBOURS);
	uvm_assert_sums(f->uvm);
	uvm_free(f->uvm);
	f->uvm = NULL;
}

/* KVM writes the wall clock where the guest says. */
static void do_kernel_write(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, mem_page(2), 0);
}

static void do_kernel_write_untouched(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, mem_page(HUGE_PAGES + 2), 0);
}

static void check_wall_clock(struct fault *f, u64 gpa)
{
	u64 first;

	TEST_ASSERT_EQ(f->guest.result, 0ull);
	first = guest_call(vcpu(f), guest_read, gpa);
	/* struct pvclock_wall_clock: version, even and not 0 when it was written. */
	TEST_ASSERT((u32)first && !((u32)first & 1) && (first >> 32),
		    "the wall clock was not written: 0x%lx", first);
}

static void check_kernel_write(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	check_wall_clock(f, mem_page(2));
	verify(f, 0, 2);
	verify(f, 3, PAGES + NEIGHBOURS - 3);
}

static void check_kernel_write_untouched(struct fault *f)
{
	if (guest_was_stopped(f))
		return;
	check_wall_clock(f, mem_page(HUGE_PAGES + 2));
	verify(f, 0, PAGES + NEIGHBOURS);
	uvm_assert_sums(f->uvm);
	uvm_free(f->uvm);
	f->uvm = NULL;
}

static void do_share(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_hypercall, UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES);
}

static void do_unshare(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_hypercall, UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES);
}

/* Refused for a lack that passes: the same call can be repeated. */
static void check_shared(struct fault *f)
{
	s64 ret = f->guest.result;

	if (guest_was_stopped(f))
		return;
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "share: %ld", ret);
		uvm_assert_sums(f->uvm);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_SHARE_PAGE, gpa_to_gfn(MEM_GPA), PAGES),
			       U_SUCCESS);
	}
	uvm_assert_state(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED);
	verify_zero(f);
	verify(f, PAGES, NEIGHBOURS);
}

static void check_unshared(struct fault *f)
{
	s64 ret = f->guest.result;

	if (guest_was_stopped(f))
		return;
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "unshare: %ld", ret);
		uvm_assert_sums(f->uvm);
		TEST_ASSERT_EQ(hypercall_patient(vcpu(f), UV_UNSHARE_PAGE, gpa_to_gfn(MEM_GPA),
						 PAGES), U_SUCCESS);
	}
	TEST_ASSERT_EQ(uvm_count(f->uvm, MEM_GPA, PAGES, UVMEM_PAGE_SHARED), 0ull);
	verify_zero(f);
	verify(f, PAGES, NEIGHBOURS);
}

/*
 * Handles are there already: the range of them grows by memremap_pages(), and the core
 * says WARN_ON_ONCE() when that finds no memory (add_pages()).
 */
static void vm_normal(struct fault *f)
{
	static struct uvm *other;

	if (!other)
		other = uvm_create_secure(&(struct uvm_config){});
	f->uvm = uvm_create(&(struct uvm_config){ .mem_pages = 2 * HUGE_PAGES });
	guest_call(vcpu(f), guest_fill, MEM_GPA, PAGES + NEIGHBOURS, ++f->seed);
}

static void do_esm(struct fault *f)
{
	run_guest(f, (guest_fn_t)guest_hypercall, UV_ESM, 0, 0);
}

static void check_esm(struct fault *f)
{
	s64 ret = f->guest.result;
	struct uvmem_vm_info info;

	if (guest_was_stopped(f))
		return;
	uvm_assert_sums(f->uvm);
	uvm_info(f->uvm, &info);
	if (ret) {
		TEST_ASSERT(ret == U_RETRY || ret == U_BUSY, "ESM: %ld", ret);
		TEST_ASSERT_EQ(info.state, (u32)UVMEM_VM_NORMAL);
		TEST_ASSERT_EQ(info.pages[UVMEM_PAGE_NORMAL], info.registered_pages);
		uvm_esm(f->uvm);
	} else {
		TEST_ASSERT_EQ(info.state, (u32)UVMEM_VM_SECURE);
		TEST_ASSERT_EQ(info.pages[UVMEM_PAGE_NORMAL], 0ull);
	}
	verify(f, 0, PAGES + NEIGHBOURS);
	TEST_ASSERT_EQ(search_markers_in(uvm_hva(f->uvm, MEM_GPA),
					 (PAGES + NEIGHBOURS) * PAGE_SIZE).markers, 0ull);
}

/* ---- operations on VMs -------------------------------------------------------------------- */

static void vm_unarmed(struct fault *f)
{
	f->uvm = calloc(1, sizeof(*f->uvm));
	TEST_ASSERT(f->uvm, "no memory");
	f->uvm->fd = -1;
	f->uvm->before = uvmem_get_pool();
	f->uvm->vm = ____vm_create(VM_SHAPE_DEFAULT);
	uvmem_dev();
}

static void do_arm(struct fault *f)
{
	struct uvmem_arm arm = { .size = sizeof(arm), .vm_fd = f->uvm->vm->fd };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_ARM, &arm);
	if (f->ret < 0)
		f->ret = -errno;
}

static void check_arm(struct fault *f)
{
	struct uvmem_pool now = uvmem_get_pool();
	bool armed = f->ret >= 0;

	TEST_ASSERT(armed || f->ret == -ENOMEM, "UVMEM_ARM: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(now.vms - f->uvm->before.vms, (u32)armed);
	TEST_ASSERT_EQ(now.keys - f->uvm->before.keys, (u64)armed);
	if (!armed)
		f->ret = uvmem_arm(f->uvm->vm->fd, 0, 0, "again");
	TEST_ASSERT(f->ret >= 0, "a second UVMEM_ARM: %s", strerror(-f->ret));
	f->uvm->fd = f->ret;
	f->uvm->id = 1;
}

static void *slot_mem(void)
{
	static void *mem;

	if (mem)
		return mem;
	mem = mmap(NULL, 4 * HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(mem != MAP_FAILED, "mmap");
	return mem;
}

static int set_slot(struct fault *f, u64 gpa, u64 size)
{
	return __vm_set_user_memory_region(f->uvm->vm, SLOT2, 0, gpa, size, slot_mem()) ? -errno : 0;
}

static void slot_none(struct fault *f)
{
	pages_in(f);
	slot_mem();
}

/*
 * Where nobody has been: a 2 MiB once covered in part keeps its words. It ends where a
 * node of the table's xarray (64 times 2 MiB) does, so that places are made and given back.
 */
static u64 slot_gpa(struct fault *f)
{
	return 0x100000000ull + f->n * 128 * HUGE_SIZE + 62 * HUGE_SIZE;
}

/* One chunk as a whole and two in part. */
#define SLOT_SIZE	(3 * HUGE_SIZE - 64 * PAGE_SIZE)

static void do_slot_create(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, slot_gpa(f) + 32 * PAGE_SIZE, SLOT_SIZE);
}

static u64 registered(struct fault *f)
{
	struct uvmem_vm_info info;
	u64 sum = 0, i;

	uvm_info(f->uvm, &info);
	for (i = 0; i < ARRAY_SIZE(info.pages); i++)
		sum += info.pages[i];
	TEST_ASSERT_EQ(sum, info.registered_pages + info.detached_pages);
	return info.registered_pages;
}

static void check_slot_create(struct fault *f)
{
	u64 base = SLOT0_PAGES + 2 * HUGE_PAGES, nr = SLOT_SIZE / PAGE_SIZE;

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "create: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), base + (f->ret ? 0 : nr));
	if (f->ret) {
		/* Another one, in the middle of what the failed one had prepared. */
		TEST_ASSERT_EQ(set_slot(f, slot_gpa(f) + HUGE_SIZE + 16 * PAGE_SIZE, 64 * PAGE_SIZE), 0);
		TEST_ASSERT_EQ(registered(f), base + 64);
		uvm_assert_state(f->uvm, slot_gpa(f) + HUGE_SIZE, 16, UVMEM_PAGE_NONE);
		uvm_assert_state(f->uvm, slot_gpa(f) + HUGE_SIZE + 16 * PAGE_SIZE, 64,
				 UVMEM_PAGE_NORMAL);
		TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
		TEST_ASSERT_EQ(registered(f), base);
		TEST_ASSERT_EQ(set_slot(f, slot_gpa(f) + 32 * PAGE_SIZE, SLOT_SIZE), 0);
	}
	TEST_ASSERT_EQ(uvm_count(f->uvm, slot_gpa(f) + 32 * PAGE_SIZE, nr, UVMEM_PAGE_NORMAL), nr);
	TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	TEST_ASSERT_EQ(registered(f), base);
	verify(f, 0, PAGES + NEIGHBOURS);
}

static void slot_there(struct fault *f)
{
	slot_none(f);
	TEST_ASSERT_EQ(set_slot(f, slot_gpa(f), 2 * HUGE_SIZE), 0);
}

static void do_slot_delete(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, 0, 0);
}

static void check_slot_delete(struct fault *f)
{
	u64 base = SLOT0_PAGES + 2 * HUGE_PAGES;

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "delete: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), base + (f->ret ? 2 * HUGE_PAGES : 0));
	if (f->ret)
		TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	verify(f, 0, PAGES + NEIGHBOURS);
}

/* To where it overlaps the old place: its slot of the table goes and comes. */
static void do_slot_move(struct fault *f)
{
	nth_begin(f);
	f->ret = set_slot(f, slot_gpa(f) + HUGE_SIZE, 2 * HUGE_SIZE);
}

static void check_slot_move(struct fault *f)
{
	u64 gpa = slot_gpa(f) + (f->ret ? 0 : HUGE_SIZE);

	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "move: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(registered(f), SLOT0_PAGES + 4 * HUGE_PAGES);
	TEST_ASSERT_EQ(uvm_count(f->uvm, gpa, 2 * HUGE_PAGES, UVMEM_PAGE_NORMAL), 2 * HUGE_PAGES);
	TEST_ASSERT_EQ(set_slot(f, 0, 0), 0);
	TEST_ASSERT_EQ(registered(f), SLOT0_PAGES + 2 * HUGE_PAGES);
	verify(f, 0, PAGES + NEIGHBOURS);
}

/* ---- other system calls ------------------------------------------------------------------- */

static void do_open(struct fault *f)
{
	nth_begin(f);
	f->ret = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (f->ret < 0)
		f->ret = -errno;
}

static void do_open_vm(struct fault *f)
{
	struct uvmem_open_vm open = { .size = sizeof(open), .id = f->uvm->id };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);
	if (f->ret < 0)
		f->ret = -errno;
}

static void do_stats_fd(struct fault *f)
{
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_STATS_FD, 0);
	if (f->ret < 0)
		f->ret = -errno;
}

static void check_fd(struct fault *f)
{
	TEST_ASSERT(f->ret >= 0 || f->ret == -ENOMEM || f->ret == -ENFILE, "%s", strerror(-f->ret));
	if (f->ret >= 0)
		close(f->ret);
	verify(f, 0, PAGES);
}

static void do_states(struct fault *f)
{
	static u8 states[PAGES];
	struct uvmem_states arg = { .size = sizeof(arg), .gfn = gpa_to_gfn(MEM_GPA),
				    .nr_pages = PAGES, .states = (u64)states };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_STATES, &arg) ? -errno : 0;
}

static void do_find(struct fault *f)
{
	static struct uvmem_found found[PAGES];
	struct uvmem_find find = { .size = sizeof(find), .nr = PAGES,
				   .states = 1 << UVMEM_PAGE_IN, .found = (u64)found };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_FIND, &find) ? -errno : 0;
}

static void do_list(struct fault *f)
{
	u64 ids[16];
	struct uvmem_vm_list list = { .size = sizeof(list), .nr = 16, .ids = (u64)ids };

	nth_begin(f);
	f->ret = ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list) ? -errno : 0;
}

static void check_call(struct fault *f)
{
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "%s", strerror(-f->ret));
	verify(f, 0, PAGES);
}

/* ---- idle pages and limits ------------------------------------------------------------------- */

static void do_age(struct fault *f)
{
	struct uvmem_age age = { .size = sizeof(age) };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_AGE, &age) ? -errno : 0;
	nth_end(f);
	TEST_ASSERT(f->ret || age.scanned, "no page was looked at");
}

static void reclaim_by(struct fault *f, u32 flags)
{
	struct uvmem_reclaim reclaim = {
		.size = sizeof(reclaim), .nr_pages = PAGES, .flags = flags,
	};

	uvm_info(f->uvm, &f->info);
	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_RECLAIM, &reclaim) ? -errno : 0;
	nth_end(f);
	f->range.moved = reclaim.moved;
	f->stay = reclaim.skipped[UVMEM_REASON_NO_GAIN];
}

static void do_reclaim(struct fault *f)
{
	reclaim_by(f, 0);
}

static void do_reclaim_no_ciphertext(struct fault *f)
{
	reclaim_by(f, UVMEM_RECLAIM_NO_CIPHERTEXT);
}

/* Any pages of the VM, but as many as it says. */
static void check_reclaim(struct fault *f)
{
	struct uvmem_vm_info now;

	uvm_info(f->uvm, &now);
	TEST_ASSERT(!f->ret || f->ret == -ENOMEM, "reclaim: %s", strerror(-f->ret));
	TEST_ASSERT_EQ(f->info.pages[UVMEM_PAGE_IN] - now.pages[UVMEM_PAGE_IN],
		       f->ret ? 0 : f->range.moved);
	TEST_ASSERT(!f->left || f->range.moved + f->stay == PAGES,
		    "%llu pages were reclaimed, %lu not worth it", f->range.moved, f->stay);
	verify(f, 0, PAGES + NEIGHBOURS);
}

/* A page for which the pool found no memory stays. */
static void check_no_ciphertext(struct fault *f)
{
	struct uvmem_vm_info now;

	uvm_info(f->uvm, &now);
	TEST_ASSERT_EQ(now.pages[UVMEM_PAGE_OUT], f->info.pages[UVMEM_PAGE_OUT]);
	check_reclaim(f);
}

static void do_set_limits(struct fault *f)
{
	uvm_info(f->uvm, &f->info);
	nth_begin(f);
	f->ret = uvm_set_limits(f->uvm, 1, 2, 3, f->info.frames - PAGES);
}

/* A limit is one as soon as it is set; that pages could not go at once does not undo it. */
static void check_limits(struct fault *f)
{
	struct uvmem_limits limits = { .size = sizeof(limits) };
	u64 max = f->info.frames - PAGES;

	TEST_ASSERT_EQ(f->ret, 0);
	TEST_ASSERT(!ioctl(f->uvm->fd, UVMEM_VM_GET_LIMITS, &limits), "%s", strerror(errno));
	TEST_ASSERT_EQ(limits.max, max);
	uvm_info(f->uvm, &f->info);
	TEST_ASSERT(f->info.frames <= max, "%llu frames, %lu are allowed", f->info.frames, max);
	verify(f, 0, PAGES + NEIGHBOURS);
	TEST_ASSERT_EQ(uvm_set_limits(f->uvm, 0, 0, 0, 0), 0);
}

static void do_get_limits(struct fault *f)
{
	struct uvmem_limits limits = { .size = sizeof(limits) };

	nth_begin(f);
	f->ret = ioctl(f->uvm->fd, UVMEM_VM_GET_LIMITS, &limits) ? -errno : 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static const struct fault_op fault_ops[] = {
	{ "page-out", pages_in, do_page_out, check_out, .least = PAGES },
	{ "page-in", pages_out, do_page_in, check_in, .least = PAGES },
	{ "host touch", pages_in, do_host_touch, check_kept, .least = 2 },
	{ "guest fault", pages_out, do_guest_fault, check_fault, .least = 1 },
	{ "guest fault on untouched memory", untouched, do_guest_fault_untouched,
	  check_fault_untouched, .least = 3 },
	{ "kernel access", pages_out, do_kernel_write, check_kernel_write, .least = 1 },
	{ "kernel access to untouched memory", untouched, do_kernel_write_untouched,
	  check_kernel_write_untouched, .least = 3 },
	{ "share", pages_mixed, do_share, check_shared, .least = PAGES },
	{ "unshare", pages_shared, do_unshare, check_unshared, .least = PAGES },
	{ "ESM", vm_normal, do_esm, check_esm, .own_vm = true, .least = 12 },
	{ "arm", vm_unarmed, do_arm, check_arm, .own_vm = true, .least = 6 },
	{ "memslot create", slot_none, do_slot_create, check_slot_create, .least = 3 },
	{ "memslot delete", slot_there, do_slot_delete, check_slot_delete, .least = 1 },
	{ "memslot move", slot_there, do_slot_move, check_slot_move, .least = 2 },
	{ "open", pages_in, do_open, check_fd, .least = 3 },
	{ "UVMEM_OPEN_VM", pages_in, do_open_vm, check_fd, .least = 3 },
	{ "UVMEM_VM_GET_STATS_FD", pages_in, do_stats_fd, check_fd, .least = 3 },
	{ "UVMEM_VM_GET_STATES", pages_in, do_states, check_call, .least = 1 },
	{ "UVMEM_VM_FIND", pages_in, do_find, check_call, .least = 1 },
	{ "UVMEM_LIST_VMS", pages_in, do_list, check_call, .least = 1 },
	{ "UVMEM_VM_RECLAIM", pages_in, do_reclaim, check_reclaim, .least = PAGES },
	{ "UVMEM_VM_RECLAIM to the sealed pool", pages_for_pool, do_reclaim, check_reclaim,
	  .least = PAGES },
	{ "UVMEM_RECLAIM_NO_CIPHERTEXT", pages_for_pool, do_reclaim_no_ciphertext,
	  check_no_ciphertext, .least = PAGES },
	{ "guest fault on the sealed pool", pages_in_pool, do_guest_fault, check_fault,
	  .least = 1 },
	{ "UVMEM_VM_SET_LIMITS", pages_in, do_set_limits, check_limits, .least = PAGES },
	/* These need no memory: the first allocation that fails is nobody's. */
	{ "UVMEM_VM_AGE", pages_in, do_age, check_call },
	{ "UVMEM_VM_GET_LIMITS", pages_in, do_get_limits, check_call },
};

static void run_op(void *arg)
{
	const struct fault_op *op = arg;
	struct fault f = { .n = 1 };
	u64 faults = 0;

	TEST_ASSERT(injection_begin(), "the fault injection cannot be set up");
	f.nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	TEST_ASSERT(f.nth_fd >= 0, "fail-nth: %s", strerror(errno));
	for (;;) {
		op->prepare(&f);
		op->run(&f);
		nth_end(&f);
		op->check(&f);
		if (f.uvm && !op->own_vm)
			uvm_assert_sums(f.uvm);
		if (f.uvm && op->own_vm) {
			uvm_free(f.uvm);
			f.uvm = NULL;
		}
		if (f.left)
			break;
		faults++;
		f.n += op->own_vm && f.n >= DENSE ? SPARSE : 1;
	}
	if (f.uvm)
		uvm_free(f.uvm);
	if (f.pool)
		uvmem_set_sealed_pool(0);
	ksft_print_msg("%s: %lu failing allocations, the last was number %lu\n", op->name, faults,
		       f.n - 1);
	TEST_ASSERT(faults >= op->least, "only %lu faults", faults);
}

int main(void)
{
	int i;

	if (access("/proc/self/fail-nth", W_OK) || !injection_begin())
		ksft_exit_skip("this kernel injects no faults: make test KERNEL=debug\n");
	cases_begin(ARRAY_SIZE(fault_ops));
	for (i = 0; i < ARRAY_SIZE(fault_ops); i++)
		case_run(run_op, (void *)&fault_ops[i], 120, "%s without memory",
			 fault_ops[i].name);
	cases_end();
}
