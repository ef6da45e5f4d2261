/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * toy_vm.h - a VM of one byte per page, for tests of the hypercalls
 *
 * The handlers are the module's own source files; this is what is under them. Pages
 * can be pinned, without frames or not anonymous, and the range functions can be told
 * to give up early. Definitions, not declarations: one file of a test includes it.
 */
#ifndef TOY_VM_H
#define TOY_VM_H

#include "unit.h"

#include <string.h>
#include <linux/kvm_para.h>

#include "hypercalls.h"

/* ---- the VM -------------------------------------------------------------------------- */

/*
 * gfns	0 - 0x1ff	RAM
 *	0x200 - 0x2ff	a hole
 *	0x300 - 0x30f	ROM
 *	0x310 - 0x3ff	a hole
 *	0x400 - 0x83ff	RAM in two slots that touch at 0x4400
 */
static const struct slot {
	gfn_t gfn;
	u64 nr;
	bool rom;
} slots[] = {
	{ 0, 0x200, false },
	{ 0x300, 0x10, true },
	{ 0x400, 0x4000, false },
	{ 0x4400, 0x4000, false },
};

#define NR_GFNS		0x8400
#define TOP		(0x10000ULL)	/* above all memory */
#define HOLE		0x200ULL
#define ROM		0x300ULL
#define BIG		0x400ULL
#define BIG_NR		0x8000ULL

static u8 state[NR_GFNS];
static bool zeroed[NR_GFNS];
static int why_not[NR_GFNS];	/* 1 + enum uvmem_reason; 0: moves */
static u64 visits;		/* pages that the range functions looked at */
static u64 give_up_after;	/* pages, 0: never */
static int give_up_with;	/* errno instead of the pages looked at */
static int transient;		/* so many more attempts fail */
static int hard_err;		/* move->err */
static int range_ret;		/* errno of the range functions */
static int abort_again;		/* uvmem_vm_init_abort(): -EAGAIN so often */
static int abort_err;
static int init_err;
static unsigned int sleeps, signals;
static enum uvmem_stop_reason stopped;
static gfn_t stopped_at;

static struct uvmem_vm vm;
static struct kvm kvm = { .priv = &vm };
static struct kvm_vcpu vcpu[16];
struct task_struct *current;

static const struct slot *slot_of(gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(slots); i++)
		if (gfn >= slots[i].gfn && gfn < slots[i].gfn + slots[i].nr)
			return &slots[i];
	return NULL;
}

bool uvmem_range_in_slots(struct uvmem_vm *v, gfn_t gfn, u64 nr)
{
	(void)v;
	while (nr) {
		const struct slot *slot = slot_of(gfn);
		u64 n;

		if (!slot || slot->rom)
			return false;
		n = min(nr, slot->gfn + slot->nr - gfn);
		gfn += n;
		nr -= n;
	}
	return true;
}

bool uvmem_next_slot_range(struct uvmem_vm *v, gfn_t gfn, gfn_t *ret_gfn, u64 *ret_nr)
{
	unsigned int i;

	(void)v;
	for (i = 0; i < ARRAY_LEN(slots); i++) {
		if (gfn >= slots[i].gfn + slots[i].nr)
			continue;
		*ret_gfn = gfn > slots[i].gfn ? gfn : slots[i].gfn;
		*ret_nr = slots[i].gfn + slots[i].nr - *ret_gfn;
		return true;
	}
	return false;
}

enum uvmem_page_state uvmem_gfn_state(struct uvmem_vm *v, gfn_t gfn, bool *ret_transit)
{
	(void)v;
	if (ret_transit)
		*ret_transit = false;
	return gfn < NR_GFNS ? state[gfn] : UVMEM_PAGE_NONE;
}

static s64 move_range(gfn_t gfn, u64 nr, struct uvmem_move *move,
		      enum uvmem_page_event event)
{
	u64 i;

	assert_int_equal(vm.lock.locked, 0);
	assert_true(uvmem_range_valid(gfn, nr));
	if (range_ret)
		return range_ret;
	if (hard_err) {
		move->err = hard_err;
		return nr;
	}
	for (i = 0; i < nr; i++, gfn++) {
		int next;

		if (give_up_after && i == give_up_after) {
			if (give_up_with)
				return give_up_with;
			break;
		}
		visits++;
		assert_non_null(slot_of(gfn));
		next = uvmem_page_next(state[gfn], event);
		if (next < 0) {
			move->skipped[UVMEM_REASON_STATE]++;
		} else if (transient) {
			transient--;
			move->skipped[UVMEM_REASON_BUSY]++;
		} else if (why_not[gfn]) {
			move->skipped[why_not[gfn] - 1]++;
		} else {
			state[gfn] = next;
			zeroed[gfn] = move->zero;
			move->moved++;
		}
	}
	return i;
}

s64 uvmem_secure_range(struct uvmem_vm *v, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	(void)v;
	assert_int_equal(move->cause, UVMEM_CAUSE_HYPERCALL);
	return move_range(gfn, nr, move, UVMEM_EV_SECURE);
}

s64 uvmem_share_range(struct uvmem_vm *v, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	gfn_t g;

	(void)v;
	/* As the module does: what is out comes in first. */
	for (g = gfn; g < gfn + nr; g++)
		if (state[g] == UVMEM_PAGE_OUT)
			state[g] = UVMEM_PAGE_IN;
	return move_range(gfn, nr, move, UVMEM_EV_SHARE);
}

s64 uvmem_page_in_range(struct uvmem_vm *v, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	(void)v;
	return move_range(gfn, nr, move, UVMEM_EV_UNSEAL);
}

s64 uvmem_page_out_range(struct uvmem_vm *v, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	(void)v;
	assert_true(move->ignore_age);
	return move_range(gfn, nr, move, UVMEM_EV_SEAL);
}

static int vm_event(enum uvmem_vm_event event)
{
	int next = uvmem_vm_next(vm.state, event);

	if (next < 0)
		return next;
	vm.state = next;
	return 0;
}

int uvmem_vm_init_start(struct uvmem_vm *v)
{
	(void)v;
	return init_err ? init_err : vm_event(UVMEM_VEV_INIT_START);
}

int uvmem_vm_init_done(struct uvmem_vm *v)
{
	(void)v;
	return vm_event(UVMEM_VEV_INIT_DONE);
}

int uvmem_vm_init_abort(struct uvmem_vm *v)
{
	int next = uvmem_vm_next(vm.state, UVMEM_VEV_INIT_ABORT);
	gfn_t gfn;

	(void)v;
	if (next < 0)
		return next;
	if (abort_again) {
		abort_again--;
		return -EAGAIN;
	}
	if (abort_err) {
		int err = abort_err;

		abort_err = 0;
		return err;
	}
	for (gfn = 0; gfn < NR_GFNS; gfn++)
		if (state[gfn] != UVMEM_PAGE_NONE)
			state[gfn] = UVMEM_PAGE_NORMAL;
	return vm_event(UVMEM_VEV_INIT_ABORT);
}

void uvmem_vm_stop(struct uvmem_vm *v, enum uvmem_stop_reason reason, gfn_t gfn)
{
	(void)v;
	stopped = reason;
	stopped_at = gfn;
}

void usleep_range(unsigned long min_us, unsigned long max_us)
{
	assert_true(min_us <= max_us);
	sleeps++;
}

int signal_pending(struct task_struct *task)
{
	(void)task;
	if (!signals)
		return 0;
	signals--;
	return 1;
}

/* ---- calls --------------------------------------------------------------------------- */

static unsigned int steps;

static int setup(void **unused)
{
	unsigned int i;
	gfn_t gfn;

	(void)unused;
	memset(&vm, 0, sizeof(vm));
	for (i = 0; i < ARRAY_LEN(vcpu); i++)
		vcpu[i] = (struct kvm_vcpu) { &kvm, i };
	memset(zeroed, 0, sizeof(zeroed));
	memset(why_not, 0, sizeof(why_not));
	for (gfn = 0; gfn < NR_GFNS; gfn++)
		state[gfn] = slot_of(gfn) ? UVMEM_PAGE_NORMAL : UVMEM_PAGE_NONE;
	visits = 0;
	give_up_after = 0;
	give_up_with = 0;
	transient = 0;
	hard_err = 0;
	range_ret = 0;
	abort_again = 0;
	abort_err = 0;
	init_err = 0;
	sleeps = 0;
	signals = 0;
	stopped = UVMEM_STOP_NONE;
	steps = 0;
	return 0;
}

static enum kvm_uvmem_hypercall_result step(unsigned int cpu, unsigned long nr,
					    unsigned long a0, unsigned long a1,
					    unsigned long a2, long *ret)
{
	enum kvm_uvmem_hypercall_result result;
	unsigned long rax = 0xdead;

	result = uvmem_hypercall(&vcpu[cpu], nr, a0, a1, a2, 0, &rax);
	assert_int_equal(vm.lock.locked, 0);
	if (result != KVM_UVMEM_HC_DONE)
		assert_int_equal(rax, 0xdead);
	*ret = (long)rax;
	return result;
}

/* As a vCPU makes it: again and again. */
__attribute__((unused)) static long call(unsigned long nr, unsigned long a0, unsigned long a1, unsigned long a2)
{
	enum kvm_uvmem_hypercall_result result;
	long ret;

	for (steps = 1; steps < 100000; steps++) {
		result = step(0, nr, a0, a1, a2, &ret);
		if (result == KVM_UVMEM_HC_DONE)
			return ret;
		assert_int_equal(result, KVM_UVMEM_HC_AGAIN);
		if (stopped)
			return 0xdead;
	}
	fail_msg("0x%lx never ends", nr);
	return 0;
}

__attribute__((unused)) static u64 count(enum uvmem_page_state s)
{
	u64 nr = 0;
	gfn_t gfn;

	for (gfn = 0; gfn < NR_GFNS; gfn++)
		nr += state[gfn] == s;
	return nr;
}

__attribute__((unused)) static void nothing_changed(void)
{
	assert_int_equal(count(UVMEM_PAGE_NORMAL) + count(UVMEM_PAGE_NONE), NR_GFNS);
}

__attribute__((unused)) static void make_secure(void)
{
	assert_int_equal(call(UV_ESM, 0, 0, 0), U_SUCCESS);
	assert_int_equal(vm.state, UVMEM_VM_SECURE);
	visits = 0;
}

#endif
