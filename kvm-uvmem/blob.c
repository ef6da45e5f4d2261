// SPDX-License-Identifier: GPL-2.0-only
/*
 * blob.c - the sealed pool: pages that were compressed, sealed and kept
 *
 * Purpose
 *	A page that goes out is worth its frame only if what is kept of it is smaller.
 *	Ciphertext does not compress: so the content is compressed (LZ4), the result,
 *	the blob, is sealed by the VM's ultravisor as a page would be, and put into a
 *	zsmalloc pool that all VMs share. No process maps that, so nothing of it can be
 *	seen, changed or dropped from outside; it is sealed all the same, as the frame
 *	was the last place where the content was in the clear.
 *
 * What is not kept here
 *	A page that does not become a quarter smaller; any page when the pool
 *	is full. The caller has another place for these. Before it is quite full writeout.c
 *	begins to take out the oldest.
 *
 * The limit
 *	Counts the memory of the zsmalloc pool, what goes to waste between blobs
 *	included, and is never passed: whoever is about to allocate says so first,
 *	and leaves room for all who do as if each of them took the most that
 *	zsmalloc takes at once.
 *
 * No allocation that waits
 *	Blobs are made with transit marks held, by whoever reclaims memory: zsmalloc is
 *	asked not to reclaim (GFP_NOWAIT), all else that is needed exists once
 *	per CPU. LZ4 is a library of the kernel's that needs 16 KiB and allocates
 *	nothing, and it is quick enough beside the cipher; zstd would want
 *	hundreds of KiB for each CPU to save a fifth more.
 *
 * Who owns a blob
 *	chunk->blobs[] names it, chunk->seals[] has its seal, the word its size.
 *	While a page's transit mark is set its owner alone takes blobs away, so that he
 *	can read them without a lock. If the host drops the handle of a page that
 *	is POOL the blob stays behind: uvmem_blob_orphan().
 *
 * Notes on locking
 *	zsmalloc's locks are not for interrupts: never called with chunk->lock held.
 */
#include <linux/gfp.h>
#include <linux/local_lock.h>
#include <linux/lz4.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/zsmalloc.h>

#include "writeout.h"

/* A blob that is larger is not worth the work. */
#define BLOB_MAX	(PAGE_SIZE / 4 * 3)

/* Pages that zsmalloc takes at once, at most. */
#define GROWTH		CONFIG_ZSMALLOC_CHAIN_SIZE

/*
 * Less than 1/32 of the limit is free: room is made, until 1/16 is. What fresh pages need while
 * the worker gets going, and little of what was bought with the limit.
 */
#define SPARE_HIGH_SHIFT	5
#define SPARE_LOW_SHIFT		4

static unsigned long sealed_pool_mib;
module_param(sealed_pool_mib, ulong, 0444);
MODULE_PARM_DESC(sealed_pool_mib,
		 "MiB that compressed and sealed pages may take when the module is loaded (default 0: none are kept)");

static struct zs_pool *blob_pool;
static atomic64_t blob_limit;		/* bytes */
static atomic_t blob_growing;		/* who may be about to make the pool grow */
static atomic64_t blob_count;

/* What it takes to make or open one. */
struct blob_cpu {
	local_lock_t lock;
	struct page *page;		/* the blob, in the clear for a moment */
	void *copy;			/* one that zsmalloc has in two pieces */
	void *work;			/* LZ4's */
	/* lock protects what these point to */
};

static DEFINE_PER_CPU(struct blob_cpu, blob_cpu) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

u64 uvmem_blob_limit(void)
{
	return atomic64_read(&blob_limit);
}

int uvmem_blob_set_limit(u64 bytes)
{
	if (bytes > S64_MAX)
		return -EINVAL;
	atomic64_set(&blob_limit, bytes);
	uvmem_writeout_note_limit();
	return 0;
}

u64 uvmem_blob_used(void)
{
	return (u64)zs_get_total_pages(blob_pool) << PAGE_SHIFT;
}

static bool room_for(unsigned int growing)
{
	u64 most = (u64)growing * GROWTH << PAGE_SHIFT;
	u64 limit = uvmem_blob_limit();

	return limit >= most && uvmem_blob_used() <= limit - most;
}

bool uvmem_blob_room(void)
{
	bool room = room_for(1);

	if (!room)
		uvmem_writeout_check();
	return room;
}

/* The limit less a part of it, and less what may be missing for that it grows by some pages. */
static u64 limit_less(unsigned int shift)
{
	u64 limit = uvmem_blob_limit(), spare = (limit >> shift) + GROWTH * PAGE_SIZE;

	return limit > spare ? limit - spare : 0;
}

u64 uvmem_blob_high(void)
{
	return limit_less(SPARE_HIGH_SHIFT);
}

u64 uvmem_blob_low(void)
{
	return limit_less(SPARE_LOW_SHIFT);
}

void uvmem_blob_compact(void)
{
	might_sleep();
	zs_compact(blob_pool);
}

/* Room for @size bytes, or 0 and *@ret_err. */
static unsigned long blob_alloc(size_t size, int nid, int *ret_err)
{
	unsigned long handle = 0;

	*ret_err = -ENOSPC;
	/* In this order: those who come later see us, those before are in what is used. */
	if (room_for(atomic_inc_return(&blob_growing))) {
		handle = zs_malloc(blob_pool, size, GFP_NOWAIT | __GFP_NORETRY | __GFP_NOWARN |
				   __GFP_HIGHMEM | __GFP_MOVABLE, nid);
		*ret_err = IS_ERR_VALUE(handle) ? -ENOMEM : 0;
	}
	/* What we took is in the count by now. */
	smp_mb__before_atomic();
	atomic_dec(&blob_growing);
	uvmem_writeout_check();
	if (*ret_err)
		return 0;
	atomic64_inc(&blob_count);
	return handle;
}

static int blob_make(struct blob_cpu *cpu, struct uvmem_vm *vm, u64 gfn, struct page *frame,
		     struct uvmem_blob *blob)
{
	int size, err;

	size = LZ4_compress_default(page_address(frame), page_address(cpu->page), PAGE_SIZE,
				    BLOB_MAX, cpu->work);
	/* What LZ4 gave up on is a part of the page all the same. */
	if (size <= 0) {
		memzero_explicit(page_address(cpu->page), BLOB_MAX);
		return -E2BIG;
	}
	blob->handle = blob_alloc(size, page_to_nid(frame), &err);
	if (!err)
		err = vm->uv->seal_blob(vm, gfn, cpu->page, size, &blob->seal);
	if (err) {
		uvmem_blob_free(blob->handle);
		memzero_explicit(page_address(cpu->page), size);
		return err;
	}
	zs_obj_write(blob_pool, blob->handle, page_address(cpu->page), size);
	blob->size = size;
	return 0;
}

int uvmem_blob_make(struct uvmem_vm *vm, u64 gfn, struct page *frame, struct uvmem_blob *blob)
{
	int err;

	local_lock(&blob_cpu.lock);
	err = blob_make(this_cpu_ptr(&blob_cpu), vm, gfn, frame, blob);
	local_unlock(&blob_cpu.lock);

	if (!err)
		atomic64_inc(&vm->stats.pool_stored);
	else if (err == -E2BIG)
		atomic64_inc(&vm->stats.pool_incompressible);
	else
		atomic64_inc(&vm->stats.pool_full);
	return err;
}

static int blob_open(struct blob_cpu *cpu, struct uvmem_vm *vm, u64 gfn,
		     const struct uvmem_blob *blob, struct page *to)
{
	void *mem, *plain = page_address(cpu->page);
	int err;

	mem = zs_obj_read_begin(blob_pool, blob->handle, blob->size, cpu->copy);
	memcpy(plain, mem, blob->size);
	zs_obj_read_end(blob_pool, blob->handle, blob->size, mem);

	err = vm->uv->open_blob(vm, gfn, cpu->page, blob->size, &blob->seal);
	if (err)
		return err;
	if (LZ4_decompress_safe(plain, page_address(to), blob->size, PAGE_SIZE) != PAGE_SIZE)
		err = -EBADMSG;
	memzero_explicit(plain, blob->size);
	return err;
}

int uvmem_blob_open(struct uvmem_vm *vm, u64 gfn, const struct uvmem_blob *blob, struct page *to)
{
	int err;

	local_lock(&blob_cpu.lock);
	err = blob_open(this_cpu_ptr(&blob_cpu), vm, gfn, blob, to);
	local_unlock(&blob_cpu.lock);

	if (!err)
		atomic64_inc(&vm->stats.pool_loaded);
	else if (err == -EBADMSG)
		uvmem_vm_stop(vm, UVMEM_STOP_INTEGRITY, gfn);
	return err;
}

void uvmem_blob_free(unsigned long handle)
{
	if (!handle)
		return;
	zs_free(blob_pool, handle);
	atomic64_dec(&blob_count);
}

/* ---- blobs that nobody wants -------------------------------------------------- */

/* No mark protects it, and the page is not POOL: has it a blob? */
static bool blob_is_orphan(const struct uvmem_chunk *chunk, unsigned int off)
{
	u64 ent = chunk->ent[off];

	return chunk->blobs && chunk->blobs[off] && !(ent & UVMEM_ENT_TRANSIT) &&
	       uvmem_ent_state(ent) != UVMEM_PAGE_POOL;
}

/*
 * The state of a page that was POOL is another one now, or its mark is gone: if its blob is
 * left, the drop work frees it. Blobs cannot be freed under chunk->lock, nor where handles
 * are dropped.
 */
void uvmem_blob_orphan(struct uvmem_chunk *chunk, unsigned int off)
{
	struct uvmem_vm *vm = chunk->vm;

	lockdep_assert_held(&chunk->lock);
	if (!blob_is_orphan(chunk, off))
		return;
	spin_lock(&vm->drop_lock);
	if (list_empty(&chunk->orphaned))
		list_add_tail(&chunk->orphaned, &vm->orphaned);
	spin_unlock(&vm->drop_lock);
	if (!READ_ONCE(vm->ended))
		queue_work(system_dfl_wq, &vm->drop_work);
}

static struct uvmem_chunk *next_orphaned(struct uvmem_vm *vm)
{
	struct uvmem_chunk *chunk;

	guard(spinlock_irq)(&vm->drop_lock);
	chunk = list_first_entry_or_null(&vm->orphaned, struct uvmem_chunk, orphaned);
	if (chunk)
		list_del_init(&chunk->orphaned);
	return chunk;
}

/* The drop work; vm->active is held. */
void uvmem_blob_free_orphans(struct uvmem_vm *vm)
{
	struct uvmem_chunk *chunk;
	unsigned int i;

	while ((chunk = next_orphaned(vm))) {
		for (i = 0; i < UVMEM_CHUNK_PAGES; i++) {
			unsigned long blob = 0;

			spin_lock_irq(&chunk->lock);
			if (blob_is_orphan(chunk, i))
				swap(blob, chunk->blobs[i]);
			spin_unlock_irq(&chunk->lock);
			uvmem_blob_free(blob);
		}
		cond_resched();
	}
}

/* ---- loading and unloading --------------------------------------------------- */

int uvmem_blob_init(void)
{
	int cpu;

	BUILD_BUG_ON(BLOB_MAX > U16_MAX);
	if (sealed_pool_mib > S64_MAX / SZ_1M)
		return -EINVAL;
	blob_pool = zs_create_pool("kvm-uvmem");
	if (!blob_pool)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct blob_cpu *bc = per_cpu_ptr(&blob_cpu, cpu);
		int nid = cpu_to_node(cpu);

		bc->page = alloc_pages_node(nid, GFP_KERNEL | __GFP_ZERO, 0);
		bc->copy = kzalloc_node(BLOB_MAX, GFP_KERNEL, nid);
		bc->work = vzalloc_node(LZ4_MEM_COMPRESS, nid);
		if (!bc->page || !bc->copy || !bc->work) {
			uvmem_blob_exit();
			return -ENOMEM;
		}
	}
	uvmem_blob_set_limit((u64)sealed_pool_mib * SZ_1M);
	return 0;
}

void uvmem_blob_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct blob_cpu *bc = per_cpu_ptr(&blob_cpu, cpu);

		if (bc->page)
			__free_page(bc->page);
		kfree(bc->copy);
		vfree(bc->work);
		bc->page = NULL;
		bc->copy = NULL;
		bc->work = NULL;
	}
	WARN_ON_ONCE(atomic64_read(&blob_count));
	zs_destroy_pool(blob_pool);
}
