/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uvmem.h - what the hypercalls need of kvm-uvmem/uvmem.h, outside of the kernel
 *
 * For unit tests, which supply the functions declared here. Put this directory in
 * front of kvm-uvmem/ on the include path. The module's build checks the hypercalls
 * against the real header; keep the declarations here as they are there.
 */
#ifndef UVMEM_NATIVE_H
#define UVMEM_NATIVE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm_uvmem.h>

#include "range.h"
#include "seal.h"
#include "state.h"
#include "../progress.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef u64 gfn_t;
typedef u64 gpa_t;

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define min(a, b)		({ __auto_type a_ = (a); __auto_type b_ = (b); a_ < b_ ? a_ : b_; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define KVM_USER_MEM_SLOTS	32764

struct page;
struct uvmem_vm;

/* A count, so that a test sees that it is left as it was found. */
struct mutex {
	int locked;
};

static inline void mutex_lock(struct mutex *lock)
{
	lock->locked++;
}

static inline void mutex_unlock(struct mutex *lock)
{
	lock->locked--;
}

struct kvm {
	void *priv;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
};

enum kvm_uvmem_hypercall_result {
	KVM_UVMEM_HC_NONE,
	KVM_UVMEM_HC_DONE,
	KVM_UVMEM_HC_AGAIN,
};

struct uvmem_uv_ops {
	const char *name;
	int  (*init)(struct uvmem_vm *vm);
	void (*terminate)(struct uvmem_vm *vm);
	int  (*register_mem_slot)(struct uvmem_vm *vm, u64 gfn, u64 nr_pages, u16 slot);
	int  (*unregister_mem_slot)(struct uvmem_vm *vm, u16 slot);
	int  (*page_out)(struct uvmem_vm *vm, u64 gfn, struct page *frame,
			 struct page *dst, struct uvmem_seal *seal);
	int  (*page_in)(struct uvmem_vm *vm, u64 gfn, struct page *frame,
			const struct uvmem_seal *seal);
	int  (*page_inval)(struct uvmem_vm *vm, u64 gfn);
};

struct uvmem_vm {
	struct mutex lock;		/* of state and hc.cursors */
	enum uvmem_vm_state state;
	u8 cbit;
	const struct uvmem_uv_ops *uv;
	struct uvmem_hc_progress hc;
	void *test;			/* for the test */
};

struct uvmem_move {
	enum uvmem_cause cause;
	bool zero;
	bool ignore_age;
	bool nowait;
	u64 moved;
	u64 skipped[UVMEM_NR_REASONS];
	int err;
	gfn_t err_gfn;			/* the page that it is about */
};

static inline struct uvmem_vm *to_uvmem_vm(struct kvm *kvm)
{
	return kvm->priv;
}

/* The test's. */
int uvmem_vm_init_start(struct uvmem_vm *vm);
int uvmem_vm_init_done(struct uvmem_vm *vm);
int uvmem_vm_init_abort(struct uvmem_vm *vm);
void uvmem_vm_stop(struct uvmem_vm *vm, enum uvmem_stop_reason reason, gfn_t gfn);
s64 uvmem_secure_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_share_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_page_in_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_page_out_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
bool uvmem_range_in_slots(struct uvmem_vm *vm, gfn_t gfn, u64 nr);
bool uvmem_next_slot_range(struct uvmem_vm *vm, gfn_t gfn, gfn_t *ret_gfn, u64 *ret_nr);
enum uvmem_page_state uvmem_gfn_state(struct uvmem_vm *vm, gfn_t gfn, bool *ret_transit);
void usleep_range(unsigned long min_us, unsigned long max_us);
extern struct task_struct *current;
int signal_pending(struct task_struct *task);

#endif
