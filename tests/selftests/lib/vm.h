/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - VMs of the selftests: armed before they have memory or a vCPU, driven
 * through guest_call(), and accounted for at every step
 *
 * What is not inline is in device.c, vm.c and pages.c, in this order.
 */
#ifndef SELFTESTS_UVMEM_VM_H
#define SELFTESTS_UVMEM_VM_H

#include <pthread.h>

#include <linux/kvm_uvmem.h>

#include "kvm_util.h"
#include "processor.h"

#include "guest.h"
#include "uvmem_abi.h"

/* Guest-physical layout. Slot 0 has the code, the stacks and the page tables. */
#define SLOT0_PAGES		1024ull
#define MEM_SLOT		1
#define MEM_GPA			0x40000000ull	/* slot 1: test memory, mapped 1:1 */
#define MMIO_GPA		0x3f000000ull	/* one page without a memslot, mapped 1:1 */
#define HUGE_PAGES		512ull		/* pages of a huge page */
#define HUGE_SIZE		(HUGE_PAGES * PAGE_SIZE)
#define MEM_MAX_PAGES		(16 * HUGE_PAGES)	/* what the page tables cover */
#define gpa_to_gfn(gpa)		((gpa) >> PAGE_SHIFT)
/* The n-th page of the test memory. */
#define mem_page(n)		(MEM_GPA + (u64)(n) * PAGE_SIZE)
#define MAX_VCPUS		4

/**
 * struct uvm_config - what uvm_create() shall make; zero is a good default
 * @nr_vcpus:	1 if zero
 * @mem_pages:	of test memory, 256 if zero
 * @src:	backing of the test memory; VM_MEM_SRC_ANONYMOUS is 4K pages only
 * @flags:	of UVMEM_ARM
 * @max_frames:	of UVMEM_ARM
 * @fill_around: the module's fill_around_pages, "1" if NULL, so that pages can be counted
 * @fault_around_max: the module's, the same
 * @unarmed:	an ordinary VM
 * @no_mem:	no slot 1; the page tables cover it all the same
 * @no_run:	do not let the vCPUs run to where they wait for guest_call()
 */
struct uvm_config {
	int nr_vcpus;
	u64 mem_pages;
	enum vm_mem_backing_src_type src;
	u64 flags;
	u64 max_frames;
	const char *fill_around;
	const char *fault_around_max;
	bool unarmed;
	bool no_mem;
	bool no_run;
};

/**
 * struct uvm - one VM under test
 * @vm:		the library's idea of it
 * @vcpu:	its vCPUs
 * @fd:		the per-VM file, -1 if unarmed
 * @id:		its id, 0 if unarmed
 * @before:	the pool before it was there
 * @shares_pool: other armed VMs are there, too: the pool's figures are not its own
 */
struct uvm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[MAX_VCPUS];
	int nr_vcpus;
	u64 mem_pages;
	int fd;
	u64 id;
	struct uvmem_pool before;
	bool shares_pool;
};

/* enum run_status - how a guest came out of guest_run() */
enum run_status {
	RUN_DONE,		/* the function returned */
	RUN_STOPPED,		/* the module stopped the guest */
	RUN_OTHER,		/* another exit: see vcpu->run */
};

/* ---- the device ------------------------------------------------------------ */

/* The device file, opened at the first call. Fails the test if there is none. */
int uvmem_dev(void);
/* An ioctl: 0 or its errno; a file that it opened stays open. */
int uvmem_try(int fd, unsigned long cmd, void *arg);
struct uvmem_pool uvmem_get_pool(void);
/* UVMEM_ARM: the per-VM file or -errno. */
int uvmem_arm(int vm_fd, u64 flags, u64 max_frames, const char *name);
/* Fails the test unless everything that @before did not have is gone within 10 s. */
void uvmem_assert_nothing_left(const struct uvmem_pool *before);
/* Until the process ends the kernel does not reclaim by itself, unless the test says so. */
void uvmem_set_pool_limit(u64 frames);
/* UVMEM_SET_SEALED_POOL. A test that ends well sets it back, one that fails has it set back. */
void uvmem_set_sealed_pool(u64 bytes);
/* Until a VM is freed, or the process ends, the sealed pool keeps what it has, whatever its limit. */
void uvmem_keep_sealed_pool(void);
void uvmem_release_sealed_pool(void);
/* Set a parameter of the module; what it was goes to @old, which may be NULL. */
#define UVMEM_PARAM_LEN		16
void uvmem_set_param(const char *name, const char *value, char old[UVMEM_PARAM_LEN]);

/* ---- VMs --------------------------------------------------------------------- */

struct uvm *uvm_create(const struct uvm_config *config);
/* As uvm_create(), and the guest calls UV_ESM. */
struct uvm *uvm_create_secure(const struct uvm_config *config);
void uvm_esm(struct uvm *uvm);
/* Ends the VM and fails the test if it leaves anything behind. */
void uvm_free(struct uvm *uvm);
/* For the second of two VMs, whose pool figures include the first. */
void uvm_free_unchecked(struct uvm *uvm);
static inline void *uvm_hva(struct uvm *uvm, u64 gpa)
{
	return addr_gpa2hva(uvm->vm, gpa);
}
/* The VMM reads or writes a word of the guest's memory through its mapping. */
static inline u64 uvm_host_read(struct uvm *uvm, u64 gpa)
{
	return READ_ONCE(*(u64 *)uvm_hva(uvm, gpa));
}

static inline void uvm_host_write(struct uvm *uvm, u64 gpa, u64 value)
{
	WRITE_ONCE(*(u64 *)uvm_hva(uvm, gpa), value);
}

/* The VMM flips bits of a byte. */
static inline void uvm_host_flip(struct uvm *uvm, u64 gpa, u8 bits)
{
	u8 *byte = uvm_hva(uvm, gpa);

	WRITE_ONCE(*byte, READ_ONCE(*byte) ^ bits);
}

/* How much huge memory of the VMM lies in the mapping that has @gpa? */
u64 uvm_huge_bytes(struct uvm *uvm, u64 gpa);
/* Where a process's threads are, for the log of a test that hangs. */
void show_threads(pid_t pid);

/* ---- running the guest ------------------------------------------------------- */

/* Ask the guest for fn(args); guest_run() makes it run. */
void __guest_start(struct kvm_vcpu *vcpu, guest_fn_t fn, const u64 args[GUEST_MAX_ARGS]);
#define guest_start(vcpu, fn, ...)						\
	__guest_start(vcpu, (guest_fn_t)(fn), (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })
/* Until the function returns, the guest stops, or an exit that is the caller's. */
enum run_status guest_run(struct kvm_vcpu *vcpu, u64 *result);
u64 __guest_call(struct kvm_vcpu *vcpu, guest_fn_t fn, const u64 args[GUEST_MAX_ARGS]);
/* fn(args) in the guest; anything but its return fails the test. */
#define guest_call(vcpu, fn, ...)						\
	__guest_call(vcpu, (guest_fn_t)(fn), (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })
/* A hypercall by the guest. */
#define hypercall(vcpu, ...)	((s64)guest_call(vcpu, guest_hypercall, __VA_ARGS__))
/* As hypercall(), but repeats it for as long as the answer is H_BUSY, up to 2 s. */
s64 __hypercall_patient(struct kvm_vcpu *vcpu, const u64 args[GUEST_MAX_ARGS]);
#define hypercall_patient(vcpu, ...)						\
	__hypercall_patient(vcpu, (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })
/* fn(args) must stop the guest for @reason at @gpa, for good. */
void __guest_call_stops(struct uvm *uvm, struct kvm_vcpu *vcpu,
			enum uvmem_stop_reason reason, u64 gpa,
			guest_fn_t fn, const u64 args[GUEST_MAX_ARGS]);
#define guest_call_stops(uvm, vcpu, reason, gpa, fn, ...)			\
	__guest_call_stops(uvm, vcpu, reason, gpa, (guest_fn_t)(fn),		\
			   (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })

/**
 * struct guest_thread - a guest function that runs on a vCPU of its own, again
 * and again, while the test does something else
 * @vcpu:	the vCPU
 * @step:	called until it says false or @quit is set; does guest_call()s
 * @opaque:	for @step
 */
struct guest_thread {
	struct kvm_vcpu *vcpu;
	bool (*step)(struct kvm_vcpu *vcpu, void *opaque, u64 round);
	void *opaque;
	u64 rounds;		/* out */
	bool quit;
	pthread_t thread;
};

void guest_thread_start(struct guest_thread *t);
/* Waits for it to have done at least @rounds rounds, then ends it. */
void guest_thread_stop(struct guest_thread *t, u64 rounds);

/* @old where a reset has them, of the SDM: real mode at F000:FFF0, which is 16 bytes below 4 GiB. */
static inline struct kvm_sregs uvm_reset_sregs(const struct kvm_sregs *old)
{
	struct kvm_sregs sregs = *old;

	sregs.cr0 = 0x60000010;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer &= ~(EFER_LME | EFER_LMA);
	sregs.cs.selector = 0xf000;
	sregs.cs.base = 0xffff0000;
	sregs.cs.limit = 0xffff;
	sregs.cs.l = 0;
	sregs.cs.db = 0;
	sregs.cs.g = 0;
	return sregs;
}

/* ---- states and accounting ------------------------------------------------------ */

void uvm_info(struct uvm *uvm, struct uvmem_vm_info *info);
enum uvmem_vm_state uvm_vm_state(struct uvm *uvm);
/* States of pages as GET_STATES gives them, transit marks removed. */
void uvm_states(struct uvm *uvm, u64 gpa, u64 nr_pages, u8 *states);
enum uvmem_page_state uvm_state(struct uvm *uvm, u64 gpa);
u64 uvm_count(struct uvm *uvm, u64 gpa, u64 nr_pages, enum uvmem_page_state state);
const char *uvm_state_name(enum uvmem_page_state state);
#define uvm_assert_state(uvm, gpa, nr_pages, state)				\
	__uvm_assert_state(uvm, gpa, nr_pages, state, __FILE__, __LINE__)
void __uvm_assert_state(struct uvm *uvm, u64 gpa, u64 nr_pages,
			enum uvmem_page_state state, const char *file, int line);
/*
 * Every sum that the uapi header promises: the states add up to the registered
 * and detached pages and to what GET_STATES lists, frames to the pages that are
 * in, seals to the pages that are out, blobs to those in the sealed pool, handles to the
 * pages that have one; and no page that is out is said to stay for want of gain. Call it when
 * no page is moving.
 */
#define uvm_assert_sums(uvm)	__uvm_assert_sums(uvm, __FILE__, __LINE__)
void __uvm_assert_sums(struct uvm *uvm, const char *file, int line);

/* UVMEM_VM_PAGE_OUT and UVMEM_VM_PAGE_IN: 0 or -errno. */
int __uvm_move(struct uvm *uvm, unsigned long cmd, u64 gpa, u64 nr_pages,
	       u64 flags, struct uvmem_range *ret_range);
/* All of a range, minimum residency disregarded; returns how many pages moved. */
u64 uvm_page_out(struct uvm *uvm, u64 gpa, u64 nr_pages);
u64 uvm_page_in(struct uvm *uvm, u64 gpa, u64 nr_pages);
/* As above, and all the pages must have been in (out) and be out (in) now. */
void uvm_page_out_all(struct uvm *uvm, u64 gpa, u64 nr_pages);
void uvm_page_in_all(struct uvm *uvm, u64 gpa, u64 nr_pages);

/* UVMEM_VM_AGE; fails the test if it does not succeed. */
void uvm_age(struct uvm *uvm, u64 max_scan, struct uvmem_age *ret_age);
/* UVMEM_VM_RECLAIM: 0 or -errno. */
int uvm_reclaim(struct uvm *uvm, u64 nr_pages, u32 min_idle, struct uvmem_reclaim *ret_reclaim);
/* The same with UVMEM_RECLAIM_NO_CIPHERTEXT; fails the test if ciphertext is left of anything. */
int uvm_reclaim_no_ciphertext(struct uvm *uvm, u64 nr_pages, u32 min_idle,
			      struct uvmem_reclaim *ret_reclaim);

/* UVMEM_VM_SET_LIMITS: 0 or -errno. */
int uvm_set_limits(struct uvm *uvm, u64 min, u64 low, u64 high, u64 max);

/* The value of a statistic (a sum over its elements), by the names of docs/statistics.md. */
u64 uvm_stat(struct uvm *uvm, const char *name);
/* Of these elements of a histogram only. */
u64 uvm_stat_range(struct uvm *uvm, const char *name, int first, int last);

#endif
