// SPDX-License-Identifier: GPL-2.0-only
/*
 * writeout.c - the oldest of the sealed pool make room for new ones
 *
 * Purpose
 *	A page that was cold when it went into the sealed pool, and that nobody has wanted
 *	since, is the last one that is worth a place there. When the pool is nearly full, or
 *	above a limit that was lowered, a worker unseals the pages that have been
 *	there the longest and seals them anew into the VMM's memory, whence the
 *	host's swap can take them. Fresh pages then find room; one that comes
 *	when there is none all the same goes to the VMM's memory itself.
 *
 * Which are the oldest
 *	chunk->when[] says when a page went in. Chunks that have any such page are in a
 *	tree by the oldest of theirs. The key may be too old, if that page has left
 *	since: it is put right when the chunk's turn comes. So the worker looks at
 *	512 pages to find 64 to write out, whatever the size of the pool. Pages whose time
 *	in the pool differs by less than an eighth count as equally old:
 *	those of one chunk go at once. Ticks of 32 bits: what is there for
 *	longer than half their range (99 days at 250 Hz) may be taken for young.
 *
 * What cannot be had
 *	A page in transit, one that the VMM or its memslots do not let go, all pages of a VMM
 *	whose mmap_lock is taken: they stay where they are. Their chunk is put aside until
 *	this run is over, so that a run ends. One that moved nothing is not
 *	begun again for a while.
 *
 * No memory is to be had for it
 *	As for pages that are reclaimed: without swap, and with less normal
 *	memory than the reserve, nothing is written out.
 *
 * Notes on locking
 *	queue_lock is a leaf inside chunk->lock. A chunk that is in the tree, or put aside,
 *	belongs to a VM whose tables are still there: uvmem_gfn_destroy() takes it out first.
 *	The worker holds one VM at a time, waits for no mark and no mmap_lock, and nobody
 *	waits for the worker. Normal pages are allocated before marks are set.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rbtree.h>
#include <linux/sort.h>
#include <linux/workqueue.h>

#include "move.h"
#include "reclaim.h"
#include "trace.h"
#include "writeout.h"

#define STEP		64U	/* pages that are in transit at once, at most */
#define BACKOFF_MIN	HZ	/* after a run that moved nothing */
#define BACKOFF_MAX	(32 * HZ)

static bool sealed_pool_write_out = true;
module_param(sealed_pool_write_out, bool, 0644);
MODULE_PARM_DESC(sealed_pool_write_out,
		 "The oldest pages of a full sealed pool go to the VMM's memory (default Y; N: they stay)");

static DEFINE_SPINLOCK(queue_lock);
static struct rb_root_cached queue = RB_ROOT_CACHED;
static LIST_HEAD(put_aside);
/* queue_lock protects the above, and chunk->pooled */

/* Only the worker writes these. */
static u64 run;
static unsigned long backoff = BACKOFF_MIN;
static unsigned long not_before;	/* jiffies, if not 0 */
static u32 ages[UVMEM_CHUNK_PAGES];

/* Ticks since @when, which may be just now. */
static u32 age_of(u32 when)
{
	return max((s32)((u32)jiffies - when), 0);
}

/* ---- the queue of chunks ------------------------------------------------------------ */

static struct uvmem_chunk *chunk_of_node(struct rb_node *node)
{
	return node ? rb_entry(node, struct uvmem_chunk, pooled.node) : NULL;
}

static bool is_older(struct rb_node *a, const struct rb_node *b)
{
	const struct uvmem_chunk *x = rb_entry(a, struct uvmem_chunk, pooled.node);
	const struct uvmem_chunk *y = rb_entry(b, struct uvmem_chunk, pooled.node);

	return (s32)(x->pooled.oldest - y->pooled.oldest) < 0;
}

static void queue_insert(struct uvmem_chunk *chunk)
{
	lockdep_assert_held(&queue_lock);
	rb_add_cached(&chunk->pooled.node, &queue, is_older);
	chunk->pooled.queued = true;
}

static void queue_remove(struct uvmem_chunk *chunk)
{
	lockdep_assert_held(&queue_lock);
	if (chunk->pooled.queued)
		rb_erase_cached(&chunk->pooled.node, &queue);
	chunk->pooled.queued = false;
	list_del_init(&chunk->pooled.aside);
}

void uvmem_pooled_enter(struct uvmem_chunk *chunk, unsigned int off)
{
	lockdep_assert_held(&chunk->lock);
	/* It is younger than those that are there. */
	if (chunk->nr_pooled++)
		return;
	guard(spinlock)(&queue_lock);
	chunk->pooled.oldest = chunk->when[off];
	queue_insert(chunk);
}

void uvmem_pooled_leave(struct uvmem_chunk *chunk)
{
	lockdep_assert_held(&chunk->lock);
	if (--chunk->nr_pooled)
		return;
	guard(spinlock)(&queue_lock);
	queue_remove(chunk);
}

void uvmem_pooled_forget(struct uvmem_chunk *chunk)
{
	lockdep_assert_held(&chunk->lock);
	if (!chunk->nr_pooled)
		return;
	chunk->nr_pooled = 0;
	guard(spinlock)(&queue_lock);
	queue_remove(chunk);
}

/*
 * The chunk with the oldest page of all, and a reference to its VM. It is put aside.
 * *@ret_next: how old the oldest one elsewhere is, at most.
 */
static struct uvmem_chunk *queue_take(struct uvmem_vm **ret_vm, u32 *ret_next)
{
	struct uvmem_chunk *chunk, *next;

	guard(spinlock_irq)(&queue_lock);
	chunk = chunk_of_node(rb_first_cached(&queue));
	if (!chunk)
		return NULL;
	next = chunk_of_node(rb_next(&chunk->pooled.node));
	*ret_next = next ? age_of(next->pooled.oldest) : 0;
	queue_remove(chunk);
	list_add_tail(&chunk->pooled.aside, &put_aside);
	/* KVM's reference is there: the VM gives up its tables first. */
	*ret_vm = uvmem_vm_get(chunk->vm);
	return chunk;
}

/* Back in the queue, by the oldest page that it has now. The VM is held. */
static void queue_again(struct uvmem_chunk *chunk)
{
	unsigned int i;
	u32 oldest;

	guard(spinlock_irq)(&chunk->lock);
	if (!chunk->nr_pooled)
		return;
	oldest = jiffies;
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		if (uvmem_ent_state(chunk->ent[i]) == UVMEM_PAGE_POOL &&
		    age_of(chunk->when[i]) > age_of(oldest))
			oldest = chunk->when[i];
	guard(spinlock)(&queue_lock);
	queue_remove(chunk);
	chunk->pooled.oldest = oldest;
	queue_insert(chunk);
}

/* One of those that were put aside. Not all at once: interrupts are off. */
static bool queue_return_one(void)
{
	struct uvmem_chunk *chunk;

	guard(spinlock_irq)(&queue_lock);
	chunk = list_first_entry_or_null(&put_aside, struct uvmem_chunk, pooled.aside);
	if (!chunk)
		return false;
	queue_remove(chunk);
	queue_insert(chunk);
	return true;
}

/* ---- pages of one chunk -------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x < y) - (x > y);
}

/* How long is a page in the pool that can be had? False: it is none. */
static bool pooled_age(const struct uvmem_chunk *chunk, unsigned int off, u32 *ret_age)
{
	u64 ent = READ_ONCE(chunk->ent[off]);

	*ret_age = age_of(READ_ONCE(chunk->when[off]));
	return uvmem_ent_state(ent) == UVMEM_PAGE_POOL && !(ent & UVMEM_ENT_TRANSIT);
}

/*
 * To @want: the oldest pages of @chunk that were not @tried, some STEP of them, if they are as old
 * as @next or nearly. A hint, no lock is held. Returns the age of the oldest that there is.
 */
static u32 choose(const struct uvmem_chunk *chunk, u32 next, const unsigned long *tried,
		  unsigned long *want)
{
	unsigned int i, nr = 0;
	u32 age, least;

	bitmap_zero(want, UVMEM_CHUNK_PAGES);
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		if (!test_bit(i, tried) && pooled_age(chunk, i, &age))
			ages[nr++] = age;
	if (!nr)
		return 0;
	sort(ages, nr, sizeof(*ages), by_age, NULL);
	if (ages[0] < next)
		return ages[0];
	least = max(ages[min(nr, STEP) - 1], min(next, ages[0] - ages[0] / 8));
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		if (!test_bit(i, tried) && pooled_age(chunk, i, &age) && age >= least)
			__set_bit(i, want);
	return ages[0];
}

/* What is in @want, not more than STEP of it. -errno: no use to go on. */
static int write_pages(struct uvmem_vm *vm, struct uvmem_chunk *chunk, const unsigned long *want,
		       struct uvmem_move *move)
{
	gfn_t first = chunk->index << UVMEM_CHUNK_SHIFT;
	unsigned int start, end, left = STEP;

	for_each_set_bitrange(start, end, want, UVMEM_CHUNK_PAGES) {
		s64 done = uvmem_write_out_range(vm, first + start, min(end - start, left), move);

		if (done < 0)
			return done;
		left -= done;
		if (!left)
			break;
		cond_resched();
	}
	return 0;
}

static bool mmap_is_locked(struct mm_struct *mm)
{
	if (!mmap_read_trylock(mm))
		return true;
	mmap_read_unlock(mm);
	return false;
}

/*
 * Some pages of @chunk, which was put aside: there it stays if none can be had. The VM is held.
 * Returns how many went.
 */
static u64 write_from(struct uvmem_vm *vm, struct uvmem_chunk *chunk, u32 next)
{
	DECLARE_BITMAP(tried, UVMEM_CHUNK_PAGES) = {};
	DECLARE_BITMAP(want, UVMEM_CHUNK_PAGES);
	struct uvmem_move move = {
		.cause = UVMEM_CAUSE_RECLAIM, .nowait = true, .trylock = true,
	};
	u32 age, oldest;
	int ret;

	uvmem_point(UVMEM_AT_WRITE_HELD);
	oldest = age = choose(chunk, next, tried, want);
	/* Those that were as old as it was said to be have left. */
	if (age && age < next) {
		queue_again(chunk);
		return 0;
	}
	/* Pages that cannot be had must not keep those behind them from going. */
	while (!bitmap_empty(want, UVMEM_CHUNK_PAGES) && !move.moved) {
		/* No pages are allocated for a VMM that does not let us have any. */
		if (mmap_is_locked(vm->mm)) {
			vm->not_written = run;
			break;
		}
		ret = write_pages(vm, chunk, want, &move);
		if (ret || READ_ONCE(vm->ended))
			break;
		bitmap_or(tried, tried, want, UVMEM_CHUNK_PAGES);
		age = choose(chunk, next, tried, want);
	}
	trace_uvmem_write_out(vm->id, chunk->index << UVMEM_CHUNK_SHIFT,
			      jiffies_to_msecs(oldest), move.moved);
	atomic64_add(move.moved, &vm->stats.pool_written_out);
	if (move.moved)
		queue_again(chunk);
	return move.moved;
}

/* ---- the worker ------------------------------------------------------------------------ */

static bool enabled(void)
{
	return READ_ONCE(sealed_pool_write_out);
}

static void work_fn(struct work_struct *unused);
static DECLARE_DELAYED_WORK(work, work_fn);

/* True: something moved. */
static bool write_out(void)
{
	bool any = false;

	run++;
	while (enabled() && uvmem_blob_used() > uvmem_blob_low() && uvmem_have_memory()) {
		struct uvmem_chunk *chunk;
		struct uvmem_vm *vm;
		u64 moved = 0;
		u32 next;

		chunk = queue_take(&vm, &next);
		if (!chunk)
			break;
		/* If the VM is ending its blobs are gone soon, and the chunk at any time. */
		if (vm->not_written != run && !uvmem_vm_hold(vm)) {
			moved = write_from(vm, chunk, next);
			uvmem_vm_release(vm);
		}
		uvmem_vm_put(vm);
		/* Memory comes back in pieces: what they leave is of use only when it is together. */
		if (moved && uvmem_blob_used() > uvmem_blob_low())
			uvmem_blob_compact();
		any |= moved;
		cond_resched();
	}
	while (queue_return_one())
		cond_resched();
	return any;
}

static void work_fn(struct work_struct *unused)
{
	if (write_out() || uvmem_blob_used() <= uvmem_blob_low()) {
		backoff = BACKOFF_MIN;
		WRITE_ONCE(not_before, 0);
	} else {
		WRITE_ONCE(not_before, (jiffies + backoff) | 1);
	}
	/* Nobody else may come to ask; those who are above the limit want to be below. */
	if (enabled() && uvmem_blob_used() > uvmem_blob_limit()) {
		queue_delayed_work(system_dfl_wq, &work, backoff);
		backoff = min(2 * backoff, BACKOFF_MAX);
	}
}

void uvmem_writeout_check(void)
{
	unsigned long wait = READ_ONCE(not_before);

	if (!enabled() || uvmem_blob_used() <= uvmem_blob_high() ||
	    (wait && time_before(jiffies, wait)))
		return;
	queue_delayed_work(system_dfl_wq, &work, 0);
}

void uvmem_writeout_note_limit(void)
{
	if (enabled() && uvmem_blob_used() > uvmem_blob_limit())
		mod_delayed_work(system_dfl_wq, &work, 0);
}

void uvmem_writeout_exit(void)
{
	cancel_delayed_work_sync(&work);
}
