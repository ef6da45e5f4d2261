// SPDX-License-Identifier: GPL-2.0-only
/*
 * gfn.c - the gfn table: the state of every guest page
 *
 * Purpose
 *	An xarray by 2 MiB of guest memory. A slot of it is either one word for
 *	512 pages that are all alike (a value entry: an untouched guest costs
 *	nothing per page) or a struct uvmem_chunk with one word per page. A word
 *	is found in O(1); its layout is in entry.h.
 *
 * Notes on locking
 *	chunk->lock, a leaf spinlock, protects the words of a chunk. Interrupts are
 *	off under it: the core splits large handles with lruvec->lru_lock held,
 *	which is taken in interrupts, and uvmem_handle_split() needs ours then.
 *	Whoever needs
 *	to sleep while a page must not change sets the word's transit mark under
 *	that lock and owns the page until the mark is cleared: nobody else changes
 *	the state (exception: UVMEM_EV_DROP, which tells that the host dropped the
 *	handle of a resident page, and is possible at any time).
 *	Marks are taken in ascending order of gfns, with mmap_lock held for read
 *	(never the other way round: a mark's owner may need mmap_lock, and a
 *	waiter that holds it would keep a queued writer from letting the owner
 *	in), and are never waited for with a spinlock held.
 *	Uniform words change by xa_cmpxchg() only, so a lost race is seen.
 *
 * Lifetime
 *	Chunks appear when a page of them stops being like the others, and go
 *	when the VM ends, after an RCU grace period: a handle's zone_device_data
 *	points at a word, and uvmem_handle_dropped() follows it under RCU.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "age.h"
#include "trace.h"
#include "writeout.h"

/* What a chunk takes, seals aside. */
#define CHUNK_BYTES	(sizeof(struct uvmem_chunk) + PAGE_SIZE + UVMEM_CHUNK_PAGES * sizeof(u32))

static bool ent_blocks_huge(u64 ent)
{
	return !uvmem_ent_is_plain(ent);
}

static void chunk_write(struct uvmem_chunk *chunk, unsigned int off, u64 ent)
{
	u64 old = chunk->ent[off];

	lockdep_assert_held(&chunk->lock);
	chunk->nr_blocked += ent_blocks_huge(ent) - ent_blocks_huge(old);
	chunk->nr_transit += !!(ent & UVMEM_ENT_TRANSIT) - !!(old & UVMEM_ENT_TRANSIT);
	WRITE_ONCE(chunk->ent[off], ent);
}

struct uvmem_chunk *uvmem_chunk_of(u64 *ent)
{
	return (struct uvmem_chunk *)page_private(virt_to_page(ent));
}

static struct uvmem_chunk *chunk_alloc(struct uvmem_vm *vm, u64 index, u64 fill)
{
	struct uvmem_chunk *chunk;
	struct page *page;
	unsigned int i;

	chunk = kzalloc_obj(*chunk, GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;
	chunk->when = kcalloc(UVMEM_CHUNK_PAGES, sizeof(*chunk->when), GFP_KERNEL_ACCOUNT);
	page = chunk->when ? alloc_page(GFP_KERNEL_ACCOUNT) : NULL;
	if (!page) {
		kfree(chunk->when);
		kfree(chunk);
		return NULL;
	}

	spin_lock_init(&chunk->lock);
	INIT_LIST_HEAD(&chunk->orphaned);
	INIT_LIST_HEAD(&chunk->pooled.aside);
	chunk->vm = vm;
	chunk->index = index;
	chunk->ent = page_address(page);
	set_page_private(page, (unsigned long)chunk);
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		chunk->ent[i] = fill;
	chunk->nr_blocked = ent_blocks_huge(fill) ? UVMEM_CHUNK_PAGES : 0;
	atomic_long_add(CHUNK_BYTES, &vm->metadata);
	return chunk;
}

static void chunk_free(struct uvmem_chunk *chunk)
{
	struct page *page = virt_to_page(chunk->ent);

	atomic_long_sub(CHUNK_BYTES, &chunk->vm->metadata);
	if (chunk->blobs) {
		unsigned int i;

		for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
			uvmem_blob_free(chunk->blobs[i]);
		atomic_long_sub(UVMEM_CHUNK_PAGES * sizeof(*chunk->blobs),
				&chunk->vm->metadata);
		kvfree(chunk->blobs);
	}
	if (chunk->seals) {
		atomic_long_sub(UVMEM_CHUNK_PAGES * sizeof(*chunk->seals),
				&chunk->vm->metadata);
		kvfree_sensitive(chunk->seals,
				 UVMEM_CHUNK_PAGES * sizeof(*chunk->seals));
	}
	set_page_private(page, 0);
	__free_page(page);
	kfree(chunk->when);
	kfree(chunk);
}

/*
 * The chunk of @gfn, made if it was uniform. ERR_PTR: -ENOENT if no memslot ever
 * had it, -ENOMEM. May sleep.
 */
struct uvmem_chunk *uvmem_chunk_get(struct uvmem_vm *vm, gfn_t gfn)
{
	u64 index = uvmem_chunk_index(gfn);
	struct uvmem_chunk *chunk;
	void *cur, *prev;

	for (;;) {
		cur = xa_load(&vm->chunks, index);
		if (!cur)
			return ERR_PTR(-ENOENT);
		if (!xa_is_value(cur))
			return cur;

		/* A uniform word in transit has an owner, who will clear it soon. */
		if (xa_to_value(cur) & UVMEM_ENT_TRANSIT) {
			int ret = uvmem_transit_wait(vm, gfn);

			if (ret)
				return ERR_PTR(ret);
			continue;
		}

		chunk = chunk_alloc(vm, index, xa_to_value(cur));
		if (!chunk)
			return ERR_PTR(-ENOMEM);
		prev = xa_cmpxchg(&vm->chunks, index, cur, chunk, GFP_KERNEL_ACCOUNT);
		if (prev == cur)
			return chunk;
		chunk_free(chunk);
		if (xa_is_err(prev))
			return ERR_PTR(xa_err(prev));
	}
}

/* The chunk of @gfn if it has one; else NULL and the uniform word (0: none). */
struct uvmem_chunk *uvmem_chunk_peek(struct uvmem_vm *vm, gfn_t gfn, u64 *ret_uniform)
{
	void *cur = xa_load(&vm->chunks, uvmem_chunk_index(gfn));

	*ret_uniform = xa_is_value(cur) ? xa_to_value(cur) : 0;
	return cur && !xa_is_value(cur) ? cur : NULL;
}

/* The word of @gfn; a snapshot. Atomic. */
u64 uvmem_gfn_read(struct uvmem_vm *vm, gfn_t gfn)
{
	struct uvmem_chunk *chunk;
	u64 ent;

	chunk = uvmem_chunk_peek(vm, gfn, &ent);
	return chunk ? READ_ONCE(chunk->ent[uvmem_chunk_offset(gfn)]) : ent;
}

u64 uvmem_word_lock(struct uvmem_vm *vm, gfn_t gfn, struct uvmem_chunk **ret_chunk)
{
	struct uvmem_chunk *chunk;
	u64 uniform;

	/* A uniform word changes, or becomes a chunk, under the xarray's own lock. */
	xa_lock(&vm->chunks);
	chunk = uvmem_chunk_peek(vm, gfn, &uniform);
	*ret_chunk = chunk;
	if (!chunk)
		return uniform;
	xa_unlock(&vm->chunks);
	/* A chunk stays one as long as the VM does. */
	spin_lock_irq(&chunk->lock);
	return chunk->ent[uvmem_chunk_offset(gfn)];
}

void uvmem_word_unlock(struct uvmem_vm *vm, struct uvmem_chunk *chunk)
{
	if (chunk)
		spin_unlock_irq(&chunk->lock);
	else
		xa_unlock(&vm->chunks);
}

enum uvmem_page_state uvmem_gfn_state(struct uvmem_vm *vm, gfn_t gfn, bool *ret_transit)
{
	u64 ent = uvmem_gfn_read(vm, gfn);

	if (ret_transit)
		*ret_transit = ent & UVMEM_ENT_TRANSIT;
	return uvmem_ent_state(ent);
}

bool uvmem_gfn_any_secure(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	for (; nr; gfn++, nr--) {
		if (uvmem_page_is_secure(uvmem_gfn_state(vm, gfn, NULL)))
			return true;
		if (!(gfn % UVMEM_CHUNK_PAGES))
			cond_resched();
	}
	return false;
}

/* Room for the seals of @chunk; may sleep. Before marks are taken. */
int uvmem_chunk_make_seals(struct uvmem_chunk *chunk)
{
	struct uvmem_seal *seals;
	bool used = false;

	if (READ_ONCE(chunk->seals))
		return 0;
	seals = kvcalloc(UVMEM_CHUNK_PAGES, sizeof(*seals), GFP_KERNEL_ACCOUNT);
	if (!seals)
		return -ENOMEM;

	spin_lock_irq(&chunk->lock);
	if (!chunk->seals) {
		WRITE_ONCE(chunk->seals, seals);
		used = true;
	}
	spin_unlock_irq(&chunk->lock);

	if (used)
		atomic_long_add(UVMEM_CHUNK_PAGES * sizeof(*seals), &chunk->vm->metadata);
	else
		kvfree(seals);
	return 0;
}

/* Room for the names of the blobs of @chunk, as above. */
int uvmem_chunk_make_blobs(struct uvmem_chunk *chunk)
{
	unsigned long *blobs;
	bool used = false;

	if (READ_ONCE(chunk->blobs))
		return 0;
	blobs = kvcalloc(UVMEM_CHUNK_PAGES, sizeof(*blobs), GFP_KERNEL_ACCOUNT);
	if (!blobs)
		return -ENOMEM;

	spin_lock_irq(&chunk->lock);
	if (!chunk->blobs) {
		WRITE_ONCE(chunk->blobs, blobs);
		used = true;
	}
	spin_unlock_irq(&chunk->lock);

	if (used)
		atomic_long_add(UVMEM_CHUNK_PAGES * sizeof(*blobs), &chunk->vm->metadata);
	else
		kvfree(blobs);
	return 0;
}

/* ---- states --------------------------------------------------------------------- */

/*
 * THE function that changes the state of a page. @stamp and @payload are those
 * of the new state (entry.h). Keeps the transit and slot bits. Returns the
 * table's named error, and has changed nothing, if the event cannot happen.
 */
int uvmem_page_event(struct uvmem_chunk *chunk, unsigned int off,
		     enum uvmem_page_event event, u16 stamp, u64 payload)
{
	struct uvmem_vm *vm = chunk->vm;
	u64 ent = chunk->ent[off];
	enum uvmem_page_state old = uvmem_ent_state(ent);
	int new;

	lockdep_assert_held(&chunk->lock);

	new = uvmem_page_next(old, event);
	if (new < 0)
		return new;

	chunk_write(chunk, off, uvmem_ent_make(ent, new, stamp, payload));
	if (new != old)
		WRITE_ONCE(chunk->contig, 0);
	if (new != old && old == UVMEM_PAGE_IN) {
		uvmem_idle_leave(chunk, off);
		__clear_bit(off, chunk->brought);
	}
	if (new != old && new == UVMEM_PAGE_IN)
		uvmem_idle_enter(chunk, off);
	if (new != old && old == UVMEM_PAGE_POOL)
		uvmem_pooled_leave(chunk);
	if (new != old && new == UVMEM_PAGE_POOL)
		uvmem_pooled_enter(chunk, off);
	if (old == UVMEM_PAGE_POOL)
		atomic_long_sub(uvmem_ent_stamp(ent), &vm->pool_bytes);
	if (new == UVMEM_PAGE_POOL)
		atomic_long_add(stamp, &vm->pool_bytes);
	if (old != UVMEM_PAGE_NONE)
		atomic_long_dec(&vm->pages[old]);
	if (new != UVMEM_PAGE_NONE)
		atomic_long_inc(&vm->pages[new]);
	trace_uvmem_page_state(vm->id, (chunk->index << UVMEM_CHUNK_SHIFT) + off,
			       old, event, new);
	return 0;
}

/* ---- transit marks ---------------------------------------------------------- */

static wait_queue_head_t *transit_wq(struct uvmem_vm *vm, u64 index)
{
	return &vm->wq[index % UVMEM_WAITQUEUES];
}

void uvmem_transit_wake(struct uvmem_vm *vm, gfn_t gfn)
{
	wait_queue_head_t *wq = transit_wq(vm, uvmem_chunk_index(gfn));

	/* Pairs with the barrier of prepare_to_wait() in uvmem_transit_wait(). */
	if (wq_has_sleeper(wq))
		wake_up_all(wq);
}

/*
 * Wait until @gfn is not in transit. -EINTR: a fatal signal; -EBUSY: it took
 * longer than any move takes, the caller decides.
 */
int uvmem_transit_wait(struct uvmem_vm *vm, gfn_t gfn)
{
	long left;

	might_sleep();
	if (!(uvmem_gfn_read(vm, gfn) & UVMEM_ENT_TRANSIT))
		return 0;
	atomic64_inc(&vm->stats.transit_waits);
	left = wait_event_killable_timeout(*transit_wq(vm, uvmem_chunk_index(gfn)),
					   !(uvmem_gfn_read(vm, gfn) & UVMEM_ENT_TRANSIT),
					   UVMEM_TRANSIT_TIMEOUT);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -EBUSY;
}

/* Mark one word if it is not in transit. */
bool uvmem_transit_trymark(struct uvmem_chunk *chunk, unsigned int off)
{
	u64 ent = chunk->ent[off];

	lockdep_assert_held(&chunk->lock);
	if (ent & UVMEM_ENT_TRANSIT)
		return false;
	chunk_write(chunk, off, ent | UVMEM_ENT_TRANSIT);
	return true;
}

void uvmem_transit_unmark(struct uvmem_chunk *chunk, unsigned int off)
{
	lockdep_assert_held(&chunk->lock);
	WARN_ON_ONCE(!(chunk->ent[off] & UVMEM_ENT_TRANSIT));
	chunk_write(chunk, off, chunk->ent[off] & ~UVMEM_ENT_TRANSIT);
	uvmem_blob_orphan(chunk, off);
}

/* ---- uniform chunks --------------------------------------------------------- */

/*
 * Change a uniform word from @old to @new; false if it was not @old. The counts
 * follow. Needs no memory: the slot is there, and stays reserved when @new is 0.
 */
bool uvmem_uniform_change(struct uvmem_vm *vm, u64 index, u64 old, u64 new)
{
	enum uvmem_page_state from = uvmem_ent_state(old), to = uvmem_ent_state(new);

	if (xa_cmpxchg(&vm->chunks, index, xa_mk_value(old),
		       new ? xa_mk_value(new) : XA_ZERO_ENTRY, GFP_NOWAIT) != xa_mk_value(old))
		return false;
	if (from != to) {
		if (from != UVMEM_PAGE_NONE)
			atomic_long_sub(UVMEM_CHUNK_PAGES, &vm->pages[from]);
		if (to != UVMEM_PAGE_NONE)
			atomic_long_add(UVMEM_CHUNK_PAGES, &vm->pages[to]);
	}
	return true;
}

/* ---- memslots ----------------------------------------------------------------- */

/*
 * Make sure that adding [gfn, gfn + nr) cannot fail: whole chunks get a slot of
 * the xarray, chunks that the range covers in part get their words. Words stay
 * what they are. On failure what was reserved is left: it says "no memslot" and
 * costs little.
 */
int uvmem_gfn_reserve(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	lockdep_assert_held(&vm->kvm->slots_lock);

	while (nr) {
		unsigned int n = uvmem_range_in_chunk(gfn, nr);
		u64 index = uvmem_chunk_index(gfn);
		void *cur = xa_load(&vm->chunks, index);

		if (!cur && n == UVMEM_CHUNK_PAGES) {
			int ret = xa_reserve(&vm->chunks, index, GFP_KERNEL_ACCOUNT);

			if (ret)
				return ret;
		} else if (!cur) {
			struct uvmem_chunk *chunk = chunk_alloc(vm, index, 0);
			void *prev;

			if (!chunk)
				return -ENOMEM;
			/*
			 * Not by xa_cmpxchg(), which takes a slot that is reserved for
			 * one that is not empty, and says that it was. slots_lock is held.
			 */
			prev = xa_store(&vm->chunks, index, chunk, GFP_KERNEL_ACCOUNT);
			if (xa_is_err(prev)) {
				chunk_free(chunk);
				return xa_err(prev);
			}
		} else if (xa_is_value(cur) && n != UVMEM_CHUNK_PAGES) {
			struct uvmem_chunk *chunk = uvmem_chunk_get(vm, gfn);

			if (IS_ERR(chunk))
				return PTR_ERR(chunk);
		}
		gfn += n;
		nr -= n;
		cond_resched();
	}
	return 0;
}

/* What is reserved of [gfn, gfn + nr) and was not used, or is not any more. */
void uvmem_gfn_release(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	u64 index;

	lockdep_assert_held(&vm->kvm->slots_lock);

	for (index = uvmem_chunk_index(gfn); index <= uvmem_chunk_index(gfn + nr - 1); index++) {
		xa_release(&vm->chunks, index);
		cond_resched();
	}
}

static void slot_change_chunk(struct uvmem_vm *vm, struct uvmem_chunk *chunk,
			      unsigned int off, unsigned int n, bool add)
{
	unsigned int i;

	spin_lock_irq(&chunk->lock);
	for (i = off; i < off + n; i++) {
		u64 ent = chunk->ent[i];
		bool was_none = uvmem_ent_state(ent) == UVMEM_PAGE_NONE;

		if (!!(ent & UVMEM_ENT_SLOT) == add)
			continue;
		/* Secure pages keep word and frame: the slot may come back. */
		uvmem_page_event(chunk, i, add ? UVMEM_EV_ADD : UVMEM_EV_REMOVE,
				 uvmem_ent_stamp(ent), uvmem_ent_payload(ent));
		chunk_write(chunk, i, chunk->ent[i] ^ UVMEM_ENT_SLOT);
		if (add) {
			atomic_long_inc(&vm->registered);
			if (!was_none)
				atomic_long_dec(&vm->detached);
		} else {
			atomic_long_dec(&vm->registered);
			if (uvmem_ent_state(chunk->ent[i]) != UVMEM_PAGE_NONE)
				atomic_long_inc(&vm->detached);
		}
	}
	spin_unlock_irq(&chunk->lock);
}

/* A memslot with [gfn, gfn + nr) is there (@add) or gone. Cannot fail after uvmem_gfn_reserve(). */
void uvmem_gfn_slot_change(struct uvmem_vm *vm, gfn_t gfn, u64 nr, bool add)
{
	lockdep_assert_held(&vm->kvm->slots_lock);

	while (nr) {
		unsigned int n = uvmem_range_in_chunk(gfn, nr);
		u64 index = uvmem_chunk_index(gfn), uniform;
		struct uvmem_chunk *chunk;

again:
		chunk = uvmem_chunk_peek(vm, gfn, &uniform);
		if (chunk) {
			slot_change_chunk(vm, chunk, uvmem_chunk_offset(gfn), n, add);
		} else if (!uniform && add) {
			u64 ent = uvmem_ent_make(UVMEM_ENT_SLOT, UVMEM_PAGE_NORMAL, 0, 0);

			/* Fills the reserved slot: no memory needed. */
			xa_store(&vm->chunks, index, xa_mk_value(ent), GFP_NOWAIT);
			atomic_long_add(UVMEM_CHUNK_PAGES, &vm->pages[UVMEM_PAGE_NORMAL]);
			atomic_long_add(UVMEM_CHUNK_PAGES, &vm->registered);
		} else if (uniform && n != UVMEM_CHUNK_PAGES) {
			/* A slot lost a part of what it had: impossible, slots go whole. */
			WARN_ON_ONCE(1);
		} else if (uniform & UVMEM_ENT_TRANSIT) {
			uvmem_transit_wait(vm, gfn);
			goto again;
		} else if (uniform && !!(uniform & UVMEM_ENT_SLOT) != add) {
			bool secure = uvmem_page_is_secure(uvmem_ent_state(uniform));
			u64 new = secure ? uniform ^ UVMEM_ENT_SLOT : 0;

			if (!uvmem_uniform_change(vm, index, uniform, new))
				goto again;
			atomic_long_add(add ? UVMEM_CHUNK_PAGES : -(long)UVMEM_CHUNK_PAGES,
					&vm->registered);
			if (secure)
				atomic_long_add(add ? -(long)UVMEM_CHUNK_PAGES : UVMEM_CHUNK_PAGES,
						&vm->detached);
		}
		gfn += n;
		nr -= n;
		cond_resched();
	}
}

/* ---- end of the VM ---------------------------------------------------------------- */

/*
 * Forget everything: scrub and free all frames, turn handles into husks, free
 * the tables. No mover is left (vm->active is zero and stays so), so only
 * uvmem_handle_dropped() can run beside this, and it takes chunk->lock.
 */
void uvmem_gfn_destroy(struct uvmem_vm *vm)
{
	struct uvmem_chunk *chunk;
	unsigned long index;
	LIST_HEAD(frames);
	void *cur;

	xa_for_each(&vm->chunks, index, cur) {
		unsigned int i;

		if (xa_is_value(cur)) {
			atomic_long_sub(UVMEM_CHUNK_PAGES,
					&vm->pages[uvmem_ent_state(xa_to_value(cur))]);
			continue;
		}
		chunk = cur;
		/*
		 * All of the chunk under one lock: a large handle stands for all
		 * of its pages, and must not be dropped in the middle.
		 */
		spin_lock_irq(&chunk->lock);
		uvmem_pooled_forget(chunk);
		for (i = 0; i < UVMEM_CHUNK_PAGES; i++) {
			u64 ent = chunk->ent[i];
			enum uvmem_page_state state = uvmem_ent_state(ent);
			struct page *frame;

			WARN_ON_ONCE(ent & UVMEM_ENT_TRANSIT);
			if (state == UVMEM_PAGE_IN) {
				frame = pfn_to_page(uvmem_ent_payload(ent));
				uvmem_handle_make_husk(pfn_to_page(page_private(frame)));
				list_add(&frame->lru, &frames);
			} else if (state == UVMEM_PAGE_ZERO || state == UVMEM_PAGE_POOL) {
				uvmem_handle_make_husk(pfn_to_page(uvmem_ent_payload(ent)));
			}
			if (state == UVMEM_PAGE_POOL)
				atomic_long_sub(uvmem_ent_stamp(ent), &vm->pool_bytes);
			if (state != UVMEM_PAGE_NONE)
				atomic_long_dec(&vm->pages[state]);
			chunk_write(chunk, i, 0);
		}
		spin_unlock_irq(&chunk->lock);
		uvmem_frame_free_list(vm, &frames);
		cond_resched();
	}
	atomic_long_set(&vm->registered, 0);
	atomic_long_set(&vm->detached, 0);

	/* uvmem_handle_dropped() and uvmem_host_touch() may still look at words. */
	synchronize_rcu();
	xa_for_each(&vm->chunks, index, cur)
		if (!xa_is_value(cur))
			chunk_free(cur);
	xa_destroy(&vm->chunks);
}
