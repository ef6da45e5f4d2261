// SPDX-License-Identifier: GPL-2.0-only
/*
 * age.c - how long pages have been idle
 *
 * Purpose
 *	Secure pages are on no LRU list of the host's, and no page table but the
 *	guest's has them: the accessed bits there (kvm_uvmem_age(), lockless) are
 *	all that tells which are in use. A pass looks at all pages of a VM that
 *	are IN. How long a page has been idle is the number of passes that were
 *	completed since the last one that found it young.
 *
 * Representation
 *	chunk->when[] has, for a page that is IN, the number of passes that were
 *	complete when it was last known to be young: an idle page costs no write.
 *	vm->idle counts pages by the difference of that to now: fresh[] 0 are those
 *	found young by the pass that is under way (or that came in during it), so
 *	that completing a pass is a shift of the counts, and how many pages are how
 *	idle is known at any time without a look at a page.
 *	For a page that is OUT, ZERO or POOL when[] has the time of its leaving (jiffies).
 *
 * Pages that are not worth paging out
 *	Of which nothing but ciphertext would be left (chunk->no_gain): what was found out by
 *	compressing them holds until they are written. That is not known, but that they were used
 *	is, and the guest's mapping was zapped right before the content was looked at, so
 *	that no use in between is missed. They keep their age, for those who take
 *	them all the same; vm->idle.no_gain has them by age, as nr has all.
 *
 * Notes on locking
 *	vm->idle.lock is a leaf inside chunk->lock; passes are made one at a time
 *	under vm->age_lock. Reading accessed bits takes no lock of KVM's.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "age.h"
#include "move.h"
#include "trace.h"

/* Index in vm->idle.nr[]. */
static unsigned int idle_index(const struct uvmem_vm *vm, u32 when)
{
	return min(READ_ONCE(vm->idle.passes) - when, (u32)UVMEM_IDLE_BUCKETS);
}

/* What was known of it does not hold any more. */
static void drop_no_gain(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	lockdep_assert_held(&chunk->lock);
	lockdep_assert_held(&vm->idle.lock);
	if (__test_and_clear_bit(off, chunk->no_gain))
		vm->idle.no_gain[idle_index(vm, chunk->when[off])]--;
}

/* A page of @chunk became IN: nobody comes in without being wanted. */
void uvmem_idle_enter(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	lockdep_assert_held(&chunk->lock);
	chunk->nr_in++;
	__clear_bit(off, chunk->idle_once);
	guard(spinlock)(&vm->idle.lock);
	chunk->when[off] = vm->idle.passes;
	vm->idle.nr[0]++;
}

/* It is not IN any more. */
void uvmem_idle_leave(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	lockdep_assert_held(&chunk->lock);
	chunk->nr_in--;
	scoped_guard(spinlock, &vm->idle.lock) {
		drop_no_gain(chunk, off);
		vm->idle.nr[idle_index(vm, chunk->when[off])]--;
	}
	chunk->when[off] = (u32)jiffies;
}

/* A page that is IN was used, by other means than the guest's own page table. */
void uvmem_idle_used(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	lockdep_assert_held(&chunk->lock);
	__clear_bit(off, chunk->idle_once);
	guard(spinlock)(&vm->idle.lock);
	drop_no_gain(chunk, off);
	vm->idle.nr[idle_index(vm, chunk->when[off])]--;
	chunk->when[off] = vm->idle.passes;
	vm->idle.nr[0]++;
}

/* If it is IN: only ciphertext would be left of it. Its transit mark is set. */
void uvmem_note_no_gain(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	guard(spinlock_irq)(&chunk->lock);
	/* Dropped meanwhile? */
	if (uvmem_ent_state(chunk->ent[off]) != UVMEM_PAGE_IN ||
	    __test_and_set_bit(off, chunk->no_gain))
		return;
	guard(spinlock)(&vm->idle.lock);
	vm->idle.no_gain[idle_index(vm, chunk->when[off])]++;
}

/* Of no page is it known. The VM is held. */
void uvmem_forget_no_gain(struct uvmem_vm *vm)
{
	struct uvmem_chunk *chunk;
	unsigned long index;
	unsigned int i;
	void *cur;

	xa_for_each(&vm->chunks, index, cur) {
		if (xa_is_value(cur))
			continue;
		chunk = cur;
		scoped_guard(spinlock_irq, &chunk->lock) {
			guard(spinlock)(&vm->idle.lock);
			for_each_set_bit(i, chunk->no_gain, UVMEM_CHUNK_PAGES)
				drop_no_gain(chunk, i);
		}
		cond_resched();
	}
}

u64 uvmem_no_gain_pages(struct uvmem_vm *vm)
{
	unsigned int i;
	u64 sum = 0;

	guard(spinlock_irq)(&vm->idle.lock);
	for (i = 0; i < ARRAY_SIZE(vm->idle.no_gain); i++)
		sum += vm->idle.no_gain[i];
	return sum;
}

/* The guest touched a page that had left: it is about to be IN again. */
void uvmem_note_refault(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_stats *stats = &chunk->vm->stats;

	lockdep_assert_held(&chunk->lock);
	atomic64_inc(&stats->refault);
	uvmem_hist_add(stats->refault_ms, jiffies_to_msecs((u32)jiffies - chunk->when[off]));
}

/* The index in vm->idle.nr[] of a page that is IN; a hint unless chunk->lock is held. */
unsigned int uvmem_idle_index(const struct uvmem_chunk *chunk, unsigned int off)
{
	return idle_index(chunk->vm, READ_ONCE(chunk->when[off]));
}

/*
 * vm->idle.nr[] as the interface has it: the pass that found a page young is none for
 * which it was idle, and the pass under way is not told apart from the last one.
 */
void uvmem_idle_histogram(struct uvmem_vm *vm, u64 *ret_idle, u64 *ret_passes)
{
	guard(spinlock_irq)(&vm->idle.lock);
	memcpy(ret_idle, vm->idle.nr + 1, UVMEM_IDLE_BUCKETS * sizeof(*ret_idle));
	ret_idle[0] += vm->idle.nr[0];
	if (ret_passes)
		*ret_passes = vm->idle.passes;
}

static void shift_counts(u64 *nr)
{
	nr[UVMEM_IDLE_BUCKETS] += nr[UVMEM_IDLE_BUCKETS - 1];
	memmove(nr + 1, nr, (UVMEM_IDLE_BUCKETS - 1) * sizeof(*nr));
	nr[0] = 0;
}

static void pass_complete(struct uvmem_vm *vm)
{
	guard(spinlock_irq)(&vm->idle.lock);
	shift_counts(vm->idle.nr);
	shift_counts(vm->idle.no_gain);
	WRITE_ONCE(vm->idle.passes, vm->idle.passes + 1);
}

/* Bits of @young: pages of [off, off + nr) that KVM says were accessed. */
static bool collect_young(struct uvmem_chunk *chunk, unsigned int off, unsigned int nr,
			  unsigned long *young)
{
	gfn_t first = chunk->index << UVMEM_CHUNK_SHIFT;
	struct kvm *kvm = chunk->vm->kvm;
	DECLARE_BITMAP(part, UVMEM_CHUNK_PAGES);
	unsigned int i, n;
	bool any = false;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	for (i = off; i < off + nr; i += n) {
		struct kvm_memory_slot *slot = uvmem_user_slot(kvm, first + i);

		n = 1;
		/* Without a slot nobody can access it. */
		if (!slot)
			continue;
		n = min_t(u64, off + nr - i, slot->base_gfn + slot->npages - (first + i));
		bitmap_zero(part, UVMEM_CHUNK_PAGES);
		if (!kvm_uvmem_age(kvm, slot, first + i, n, part))
			continue;
		bitmap_shift_left(part, part, i, UVMEM_CHUNK_PAGES);
		bitmap_or(young, young, part, UVMEM_CHUNK_PAGES);
		any = true;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return any;
}

/*
 * Look at the accessed bits of [off, off + nr) of @chunk and clear them. Pages that are
 * young are not idle from now on. *@ret_scanned and *@ret_young are added to; those count as
 * young, too, that another look since the last pass has found so. @ret_now, a bitmap
 * that may be NULL: pages that were accessed since anybody's last look.
 */
void uvmem_chunk_age(struct uvmem_chunk *chunk, unsigned int off, unsigned int nr,
		     unsigned long *ret_now, u64 *ret_scanned, u64 *ret_young)
{
	DECLARE_BITMAP(young, UVMEM_CHUNK_PAGES) = {};
	struct uvmem_vm *vm = chunk->vm;
	unsigned int i;
	bool any = collect_young(chunk, off, nr, young);

	spin_lock_irq(&chunk->lock);
	/* One bit for all of them: it is clear now, whichever part was asked for. */
	if (any && chunk->contig)
		bitmap_fill(young, UVMEM_CHUNK_PAGES);
	for (i = 0; any && i < UVMEM_CHUNK_PAGES; i++)
		if (test_bit(i, young) && uvmem_ent_state(chunk->ent[i]) == UVMEM_PAGE_IN)
			uvmem_idle_used(chunk, i);
	for (i = off; i < off + nr; i++) {
		if (uvmem_ent_state(chunk->ent[i]) != UVMEM_PAGE_IN)
			continue;
		++*ret_scanned;
		*ret_young += chunk->when[i] == READ_ONCE(vm->idle.passes);
	}
	spin_unlock_irq(&chunk->lock);
	if (ret_now)
		bitmap_copy(ret_now, young, UVMEM_CHUNK_PAGES);
}

/* How many pages from @off on have at most @max that are IN among them? */
static unsigned int pages_with_at_most(const struct uvmem_chunk *chunk, unsigned int off, u64 max)
{
	unsigned int i;

	for (i = off; i < UVMEM_CHUNK_PAGES; i++)
		if (uvmem_ent_state(READ_ONCE(chunk->ent[i])) == UVMEM_PAGE_IN && !max--)
			break;
	return i - off;
}

/* The chunk at or after @gfn that has pages that are IN; @gfn moves there. NULL: none. */
struct uvmem_chunk *uvmem_next_resident_chunk(struct uvmem_vm *vm, gfn_t *gfn)
{
	unsigned long start = uvmem_chunk_index(*gfn), index;
	void *cur;

	xa_for_each_start(&vm->chunks, index, cur, start) {
		struct uvmem_chunk *chunk = cur;

		if (index > start)
			*gfn = (gfn_t)index << UVMEM_CHUNK_SHIFT;
		if (!xa_is_value(cur) && READ_ONCE(chunk->nr_in))
			return chunk;
		cond_resched();
	}
	return NULL;
}

/* UVMEM_VM_AGE; the VM is held. */
int uvmem_vm_age(struct uvmem_vm *vm, struct uvmem_age *age)
{
	u64 left = age->max_scan ?: U64_MAX, young = 0, scanned = 0;
	u64 cpu = current->se.sum_exec_runtime;
	struct uvmem_chunk *chunk;
	gfn_t gfn;

	if (mutex_lock_killable(&vm->age_lock))
		return -EINTR;
	gfn = vm->age_hand;
	for (;;) {
		unsigned int off, nr;
		u64 before = scanned;

		chunk = uvmem_next_resident_chunk(vm, &gfn);
		if (!chunk) {
			pass_complete(vm);
			gfn = 0;
			break;
		}
		off = uvmem_chunk_offset(gfn);
		nr = pages_with_at_most(chunk, off, left);
		if (!nr || signal_pending(current) || READ_ONCE(vm->ended))
			break;
		uvmem_chunk_age(chunk, off, nr, NULL, &scanned, &young);
		/* Pages may come in under our hands. */
		left -= min(left, scanned - before);
		gfn += nr;
	}
	vm->age_hand = gfn;
	mutex_unlock(&vm->age_lock);

	/* A vCPU that has the translation cached does not set the bit again. */
	if (young)
		kvm_flush_remote_tlbs(vm->kvm);
	atomic64_add(scanned, &vm->stats.age_scanned);
	atomic64_add(young, &vm->stats.age_young);
	atomic64_add(current->se.sum_exec_runtime - cpu, &vm->stats.age_ns);

	age->scanned = scanned;
	age->young = young;
	uvmem_idle_histogram(vm, age->idle, &age->generation);
	return 0;
}
