// SPDX-License-Identifier: GPL-2.0-only
/*
 * pgmap.c - handles: device-private pages that stand for secure pages
 *
 * Purpose
 *	A handle is a struct page without memory behind it. It sits in the VMM's
 *	page tables in place of a page that is in a secure frame, and leads back
 *	to the gfn table by its zone_device_data.
 *
 * Layout
 *	Unused physical address space is claimed in chunks (a dev_pagemap of their
 *	own, 128 MiB = 32768 handles unless told otherwise), on the node that
 *	needs handles, when it needs them; an idle host has none. A chunk consists
 *	of blocks of 512 handles (2 MiB, naturally aligned) with a bitmap of the
 *	free ones. Blocks that are free as a whole and blocks that are free in
 *	part are on separate lists of their node, others on none, so that a
 *	single handle and a whole block are both found without a search, and
 *	single handles do not break up blocks before they must.
 *
 * Life of a handle
 *	free		bit set in its block; zone_device_data is NULL
 *	allocated	uvmem_handle_alloc(): the taker's alone, reference count 0
 *	active		uvmem_handle_activate(): the core's rules hold, each handle
 *			has a reference on its dev_pagemap
 *	free again	pgmap_folio_free(), called by the core with the last reference
 *			gone; or uvmem_handle_free() of one that was never active
 *	A handle whose VM has ended but which is still mapped (a husk) is active.
 *
 * Chunks and the module's text
 *	A chunk with handles in use holds a reference on the module: husks call
 *	into it. A chunk without is idle, and is given back by
 *	uvmem_pgmap_shrink(): when a VM ends, some seconds after the last handle
 *	came back, and at module exit.
 *
 * Notes on locking
 *	node->lock (spin, irq-safe leaf) protects lists, bitmaps and counts. It is
 *	all that freeing needs, which may happen in atomic context.
 *	resize_lock (mutex) serializes growing with the choice of idle chunks, so
 *	that a new chunk is not taken away before its first handle was taken. It
 *	nests inside mmap_lock and is never needed by reclaim.
 *
 *	Free against shrink: pgmap_folio_free() gives the handle back under
 *	node->lock, only then may the chunk be found idle and taken off all
 *	lists. The core drops its reference on the dev_pagemap after
 *	pgmap_folio_free() has returned; memunmap_pages() waits for that, so
 *	neither the chunk nor the module goes away under it.
 */
#include <linux/bitmap.h>
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/topology.h>

#include "uvmem.h"

#define PGMAP_CHUNK_ALIGN_MIB	128	/* what request_free_mem_region() aligns to */
#define PGMAP_CHUNK_MAX_MIB	4096
#define PGMAP_IDLE_DELAY	(5 * HZ)

#define BLOCK_ORDER		UVMEM_CHUNK_SHIFT
#define BLOCK_HANDLES		UVMEM_CHUNK_PAGES

static_assert(BLOCK_ORDER == HPAGE_PMD_ORDER);
static_assert(UVMEM_PAGE_SHIFT == PAGE_SHIFT);

static unsigned int handle_chunk_mib = PGMAP_CHUNK_ALIGN_MIB;
module_param(handle_chunk_mib, uint, 0444);
MODULE_PARM_DESC(handle_chunk_mib,
		 "MiB of address space by which the range of handles grows (multiple of 128)");

struct pgmap_block {
	struct list_head node;		/* in pgmap_node's whole or partial, or none */
	struct pgmap_chunk *chunk;
	unsigned int nr_free;
	DECLARE_BITMAP(free, BLOCK_HANDLES);
};

struct pgmap_chunk {
	struct dev_pagemap pgmap;
	struct pgmap_node *pnode;
	struct list_head node;		/* in pgmap_node's busy or idle */
	unsigned long first_pfn;
	unsigned long nr_used;
	unsigned int nr_blocks;
	struct pgmap_block blocks[] __counted_by(nr_blocks);
};

struct pgmap_node {
	struct list_head whole;		/* blocks, all handles free */
	struct list_head partial;	/* blocks, some handles free */
	struct list_head busy;		/* chunks with handles in use */
	struct list_head idle;		/* chunks without */
	u64 nr_total;
	u64 nr_used;
	u64 bytes;
	spinlock_t lock;		/* protects the above, and blocks and chunks on the lists */
};

static struct pgmap_node *pgmap_nodes;		/* nr_node_ids */
static DEFINE_MUTEX(resize_lock);
static atomic_long_t pgmap_husks;

/* The address is the cookie: nobody else can have it. */
static const char pgmap_owner_cookie[] = "kvm-uvmem";

static void pgmap_idle_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(idle_work, pgmap_idle_work);

void *uvmem_pgmap_owner(void)
{
	return (void *)pgmap_owner_cookie;
}

bool uvmem_is_handle(const struct page *page)
{
	return is_device_private_page(page) &&
	       page_pgmap(page)->owner == uvmem_pgmap_owner();
}

static struct pgmap_chunk *to_chunk(struct dev_pagemap *pgmap)
{
	return container_of(pgmap, struct pgmap_chunk, pgmap);
}

static size_t chunk_size(const struct pgmap_chunk *chunk)
{
	return struct_size(chunk, blocks, chunk->nr_blocks);
}

/* What a chunk costs: its struct pages and its book-keeping. */
static u64 chunk_bytes(const struct pgmap_chunk *chunk)
{
	return (u64)chunk->nr_blocks * BLOCK_HANDLES * sizeof(struct page) +
	       chunk_size(chunk);
}

/* ---- blocks: taking and returning handles ------------------------------------- */

/* Counts follow a block that gave @nr handles. */
static void chunk_used_add(struct pgmap_chunk *chunk, unsigned int nr)
{
	struct pgmap_node *pnode = chunk->pnode;

	lockdep_assert_held(&pnode->lock);

	if (!chunk->nr_used) {
		/* The caller acts for a VM, which holds the module already. */
		__module_get(THIS_MODULE);
		list_move(&chunk->node, &pnode->busy);
	}
	chunk->nr_used += nr;
	pnode->nr_used += nr;
}

/* Take one handle, or a whole block if @huge. NULL: there is none on the node. */
static struct page *pnode_take(struct pgmap_node *pnode, bool huge)
{
	struct pgmap_block *block = NULL;
	struct pgmap_chunk *chunk;
	unsigned long pfn;

	guard(spinlock_irqsave)(&pnode->lock);

	if (!huge)
		block = list_first_entry_or_null(&pnode->partial, struct pgmap_block, node);
	if (!block)
		block = list_first_entry_or_null(&pnode->whole, struct pgmap_block, node);
	if (!block)
		return NULL;

	chunk = block->chunk;
	pfn = chunk->first_pfn + (block - chunk->blocks) * BLOCK_HANDLES;
	if (huge) {
		bitmap_zero(block->free, BLOCK_HANDLES);
		block->nr_free = 0;
		list_del_init(&block->node);
		chunk_used_add(chunk, BLOCK_HANDLES);
	} else {
		unsigned int bit = find_first_bit(block->free, BLOCK_HANDLES);

		__clear_bit(bit, block->free);
		if (block->nr_free-- == BLOCK_HANDLES)
			list_move(&block->node, &pnode->partial);
		if (!block->nr_free)
			list_del_init(&block->node);
		pfn += bit;
		chunk_used_add(chunk, 1);
	}
	return pfn_to_page(pfn);
}

static void handles_return(struct pgmap_chunk *chunk, unsigned long pfn, unsigned int nr)
{
	unsigned long index = pfn - chunk->first_pfn;
	struct pgmap_block *block = &chunk->blocks[index / BLOCK_HANDLES];
	unsigned int bit = index % BLOCK_HANDLES;
	struct pgmap_node *pnode = chunk->pnode;
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&pnode->lock, flags);
	WARN_ON_ONCE(find_next_bit(block->free, bit + nr, bit) < bit + nr);
	bitmap_set(block->free, bit, nr);
	block->nr_free += nr;
	if (block->nr_free == BLOCK_HANDLES)
		list_move_tail(&block->node, &pnode->whole);
	else if (block->nr_free == nr)
		list_add(&block->node, &pnode->partial);

	chunk->nr_used -= nr;
	pnode->nr_used -= nr;
	idle = !chunk->nr_used;
	if (idle)
		list_move(&chunk->node, &pnode->idle);
	spin_unlock_irqrestore(&pnode->lock, flags);

	if (idle) {
		/*
		 * In this order: with the reference gone the module may be
		 * removed, and its exit must find the work queued to cancel it.
		 */
		mod_delayed_work(system_dfl_long_wq, &idle_work, PGMAP_IDLE_DELAY);
		module_put(THIS_MODULE);
	}
}

/* ---- operations called by the core ------------------------------------------------- */

static void pgmap_folio_free(struct folio *folio)
{
	struct pgmap_chunk *chunk = to_chunk(folio->pgmap);
	unsigned int i, nr = folio_nr_pages(folio);
	struct page *page = &folio->page;

	uvmem_handle_dropped(page);

	/*
	 * Tail pages keep the data of a large folio where single handles have
	 * pgmap and zone_device_data. Leave all of them as memremap_pages()
	 * made them; zone_device_page_init() does the rest.
	 */
	for (i = 0; i < nr; i++) {
		struct folio *single = (struct folio *)(page + i);

		single->pgmap = &chunk->pgmap;
		single->page.zone_device_data = NULL;
	}
	handles_return(chunk, page_to_pfn(page), nr);
}

/* Called for every new tail, and with NULL when the split is complete. */
static void pgmap_folio_split(struct folio *head, struct folio *tail)
{
	if (!tail)
		return;
	tail->pgmap = head->pgmap;
	tail->page.mapping = head->page.mapping;
	tail->page.zone_device_data = NULL;
	uvmem_handle_split(head, tail);
}

static const struct dev_pagemap_ops pgmap_ops = {
	.folio_free	= pgmap_folio_free,
	.folio_split	= pgmap_folio_split,
	.migrate_to_ram	= uvmem_host_touch,
};

/* ---- growing and shrinking --------------------------------------------------------- */

static int pgmap_grow(int nid)
{
	unsigned long size = (unsigned long)handle_chunk_mib * SZ_1M;
	struct pgmap_node *pnode = &pgmap_nodes[nid];
	struct pgmap_chunk *chunk;
	struct resource *res;
	unsigned int i, nr_blocks;
	void *ret;
	int err;

	lockdep_assert_held(&resize_lock);

	nr_blocks = (size >> PAGE_SHIFT) / BLOCK_HANDLES;
	chunk = kvzalloc_flex(*chunk, blocks, nr_blocks);
	if (!chunk)
		return -ENOMEM;
	chunk->nr_blocks = nr_blocks;

	res = request_free_mem_region(&iomem_resource, size, "kvm-uvmem handles");
	if (IS_ERR(res)) {
		err = PTR_ERR(res);
		goto err_chunk;
	}

	chunk->pgmap.type = MEMORY_DEVICE_PRIVATE;
	chunk->pgmap.range.start = res->start;
	chunk->pgmap.range.end = res->end;
	chunk->pgmap.nr_range = 1;
	chunk->pgmap.ops = &pgmap_ops;
	chunk->pgmap.owner = uvmem_pgmap_owner();
	ret = memremap_pages(&chunk->pgmap, nid);
	if (IS_ERR(ret)) {
		err = PTR_ERR(ret);
		goto err_region;
	}

	chunk->pnode = pnode;
	chunk->first_pfn = PHYS_PFN(chunk->pgmap.range.start);
	for (i = 0; i < nr_blocks; i++) {
		struct pgmap_block *block = &chunk->blocks[i];

		block->chunk = chunk;
		block->nr_free = BLOCK_HANDLES;
		bitmap_fill(block->free, BLOCK_HANDLES);
	}

	scoped_guard(spinlock_irqsave, &pnode->lock) {
		for (i = 0; i < nr_blocks; i++)
			list_add_tail(&chunk->blocks[i].node, &pnode->whole);
		list_add(&chunk->node, &pnode->idle);
		pnode->nr_total += (u64)nr_blocks * BLOCK_HANDLES;
		pnode->bytes += chunk_bytes(chunk);
	}
	return 0;

err_region:
	release_mem_region(chunk->pgmap.range.start, size);
err_chunk:
	kvfree(chunk);
	pr_warn_ratelimited("no more handles on node %d: %pe\n", nid, ERR_PTR(err));
	return err;
}

/* @chunk is on no list and has no handle in use: nobody can find it. */
static void chunk_destroy(struct pgmap_chunk *chunk)
{
	u64 start = chunk->pgmap.range.start;
	u64 size = range_len(&chunk->pgmap.range);

	might_sleep();
	/* Waits for the core's last references, see the top. */
	memunmap_pages(&chunk->pgmap);
	release_mem_region(start, size);
	kvfree(chunk);
}

/* Make one idle chunk unfindable. One per lock hold: a chunk has many blocks. */
static struct pgmap_chunk *pnode_remove_idle(struct pgmap_node *pnode)
{
	struct pgmap_chunk *chunk;
	unsigned int i;

	lockdep_assert_held(&resize_lock);

	guard(spinlock_irqsave)(&pnode->lock);
	chunk = list_first_entry_or_null(&pnode->idle, struct pgmap_chunk, node);
	if (!chunk)
		return NULL;
	for (i = 0; i < chunk->nr_blocks; i++)
		list_del(&chunk->blocks[i].node);
	list_del(&chunk->node);
	pnode->nr_total -= (u64)chunk->nr_blocks * BLOCK_HANDLES;
	pnode->bytes -= chunk_bytes(chunk);
	return chunk;
}

void uvmem_pgmap_shrink(void)
{
	struct pgmap_chunk *chunk, *next;
	LIST_HEAD(gone);
	int nid;

	scoped_guard(mutex, &resize_lock)
		for (nid = 0; nid < nr_node_ids; nid++)
			while ((chunk = pnode_remove_idle(&pgmap_nodes[nid])))
				list_add(&chunk->node, &gone);

	list_for_each_entry_safe(chunk, next, &gone, node)
		chunk_destroy(chunk);
}

static void pgmap_idle_work(struct work_struct *work)
{
	uvmem_pgmap_shrink();
}

/* ---- the interface ------------------------------------------------------------------- */

static int pgmap_nid(int nid)
{
	return nid >= 0 && nid < nr_node_ids && node_online(nid) ? nid : numa_mem_id();
}

static struct page *handle_alloc(gfp_t gfp, int nid, bool huge)
{
	struct page *page;
	int other;

	nid = pgmap_nid(nid);
	page = pnode_take(&pgmap_nodes[nid], huge);
	if (page)
		return page;

	if (gfpflags_allow_blocking(gfp)) {
		guard(mutex)(&resize_lock);
		/* Somebody else may have grown it while we waited. */
		page = pnode_take(&pgmap_nodes[nid], huge);
		if (!page && !pgmap_grow(nid))
			page = pnode_take(&pgmap_nodes[nid], huge);
		if (page)
			return page;
	}

	for_each_online_node(other) {
		page = pnode_take(&pgmap_nodes[other], huge);
		if (page)
			return page;
	}
	return NULL;
}

struct page *uvmem_handle_alloc(gfp_t gfp, int nid)
{
	return handle_alloc(gfp, nid, false);
}

struct page *uvmem_handle_alloc_huge(gfp_t gfp, int nid)
{
	return handle_alloc(gfp, nid, true);
}

static u64 pnode_nr_free(struct pgmap_node *pnode)
{
	guard(spinlock_irqsave)(&pnode->lock);
	return pnode->nr_total - pnode->nr_used;
}

int uvmem_handle_reserve(unsigned int nr, int nid)
{
	struct pgmap_node *pnode;
	int ret;

	nid = pgmap_nid(nid);
	pnode = &pgmap_nodes[nid];
	if (pnode_nr_free(pnode) >= nr)
		return 0;

	guard(mutex)(&resize_lock);
	while (pnode_nr_free(pnode) < nr) {
		ret = pgmap_grow(nid);
		if (ret)
			return ret;
	}
	return 0;
}

void uvmem_handle_free(struct page *handle)
{
	handles_return(to_chunk(page_pgmap(handle)), page_to_pfn(handle), 1);
}

void uvmem_handle_free_huge(struct page *handle)
{
	handles_return(to_chunk(page_pgmap(handle)), page_to_pfn(handle), BLOCK_HANDLES);
}

void uvmem_handle_activate(struct page *handle)
{
	zone_device_page_init(handle, page_pgmap(handle), 0);
}

void uvmem_handle_activate_huge(struct page *handle)
{
	zone_device_folio_init(page_folio(handle), page_pgmap(handle), BLOCK_ORDER);
}

void uvmem_pgmap_add_husks(long nr)
{
	atomic_long_add(nr, &pgmap_husks);
}

void uvmem_pgmap_counts(struct uvmem_pgmap_counts *counts)
{
	int nid;

	*counts = (struct uvmem_pgmap_counts) {};
	for (nid = 0; nid < nr_node_ids; nid++) {
		struct pgmap_node *pnode = &pgmap_nodes[nid];

		guard(spinlock_irqsave)(&pnode->lock);
		counts->total += pnode->nr_total;
		counts->used += pnode->nr_used;
		counts->bytes += pnode->bytes;
	}
	counts->husk = max(atomic_long_read(&pgmap_husks), 0L);
}

int uvmem_pgmap_init(void)
{
	int nid;

	if (!handle_chunk_mib || handle_chunk_mib > PGMAP_CHUNK_MAX_MIB ||
	    handle_chunk_mib % PGMAP_CHUNK_ALIGN_MIB) {
		pr_err("handle_chunk_mib=%u: not a multiple of %u up to %u\n",
		       handle_chunk_mib, PGMAP_CHUNK_ALIGN_MIB, PGMAP_CHUNK_MAX_MIB);
		return -EINVAL;
	}

	pgmap_nodes = kzalloc_objs(*pgmap_nodes, nr_node_ids);
	if (!pgmap_nodes)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		struct pgmap_node *pnode = &pgmap_nodes[nid];

		spin_lock_init(&pnode->lock);
		INIT_LIST_HEAD(&pnode->whole);
		INIT_LIST_HEAD(&pnode->partial);
		INIT_LIST_HEAD(&pnode->busy);
		INIT_LIST_HEAD(&pnode->idle);
	}
	return 0;
}

void uvmem_pgmap_exit(void)
{
	int nid;

	/* No handle is in use (it would hold the module), so nothing queues it again. */
	cancel_delayed_work_sync(&idle_work);
	uvmem_pgmap_shrink();
	for (nid = 0; nid < nr_node_ids; nid++)
		WARN_ON_ONCE(!list_empty(&pgmap_nodes[nid].busy));
	WARN_ON_ONCE(atomic_long_read(&pgmap_husks));
	kfree(pgmap_nodes);
}
