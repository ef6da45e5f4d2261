// SPDX-License-Identifier: GPL-2.0-only
/*
 * carveout.c - secure frames out of RAM that was reserved at boot
 *
 * Purpose
 *	A back end of frame.c for hosts that set memory aside for secure guests:
 *	reserve_mem=SIZE:2M:NAME on the kernel's command line takes it before the page
 *	allocator sees it, carve_out=NAME gives it to this module. Then frames are there
 *	whatever the host does with the rest, in units that the guest can map by one
 *	entry, and a page-out frees what is scarce. No cgroup pays for them, and what
 *	guests leave free nobody else can use.
 *
 * Order
 *	Memory is kept in blocks of 2 MiB. Single frames come out of blocks of which
 *	some are gone already, so that whole ones stay whole.
 *
 * Memory that fails
 *	A frame that is PG_hwpoison when it comes back is never given out again, and
 *	the limit is the lower by it.
 *
 * Notes on locking
 *	One spinlock, a leaf; interrupts are off, as frames are freed under chunk->lock.
 */
#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "frame.h"

static char *carve_out;
module_param(carve_out, charp, 0444);
MODULE_PARM_DESC(carve_out,
		 "Name of the memory that reserve_mem= on the kernel's command line set aside for secure frames (default: none, they come from the page allocator)");

struct block {
	struct list_head list;		/* in one of its node's, or empty: all of it is in use */
	DECLARE_BITMAP(free, UVMEM_CHUNK_PAGES);
	unsigned int nr_free;
	int nid;
};

struct block_node {
	struct list_head whole;		/* blocks that are free */
	struct list_head begun;		/* of which a part is */
};

static DEFINE_SPINLOCK(carve_lock);	/* protects what follows */
static struct block *blocks;
static struct block_node *block_nodes;
static unsigned long first_pfn, nr_blocks;

static struct page *block_page(const struct block *block, unsigned int i)
{
	return pfn_to_page(first_pfn + (block - blocks) * UVMEM_CHUNK_PAGES + i);
}

static struct page *take_single(struct block_node *node)
{
	struct block *block;
	unsigned int i;

	lockdep_assert_held(&carve_lock);
	block = list_first_entry_or_null(&node->begun, struct block, list) ?:
		list_first_entry_or_null(&node->whole, struct block, list);
	if (!block)
		return NULL;
	i = find_first_bit(block->free, UVMEM_CHUNK_PAGES);
	__clear_bit(i, block->free);
	block->nr_free--;
	if (block->nr_free)
		list_move(&block->list, &node->begun);
	else
		list_del_init(&block->list);
	return block_page(block, i);
}

static struct page *take_block(struct block_node *node)
{
	struct block *block;

	lockdep_assert_held(&carve_lock);
	block = list_first_entry_or_null(&node->whole, struct block, list);
	if (!block)
		return NULL;
	bitmap_zero(block->free, UVMEM_CHUNK_PAGES);
	block->nr_free = 0;
	list_del_init(&block->list);
	return block_page(block, 0);
}

/* From the node that is asked for, else from any. */
static struct page *carve_take(int nid, struct page *(*take)(struct block_node *node))
{
	struct page *page;
	int other;

	guard(spinlock_irqsave)(&carve_lock);
	page = take(&block_nodes[nid]);
	for (other = 0; !page && other < nr_node_ids; other++)
		page = take(&block_nodes[other]);
	return page;
}

static struct page *carve_alloc(gfp_t gfp, int nid)
{
	return carve_take(nid, take_single);
}

static struct page *carve_alloc_block(int nid)
{
	return carve_take(nid, take_block);
}

static void carve_free(struct page *page)
{
	unsigned long i = page_to_pfn(page) - first_pfn;
	struct block *block = &blocks[i / UVMEM_CHUNK_PAGES];
	struct block_node *node = &block_nodes[block->nid];

	if (uvmem_frame_failed(page)) {
		uvmem_frame_lost();
		return;
	}
	guard(spinlock_irqsave)(&carve_lock);
	__set_bit(i % UVMEM_CHUNK_PAGES, block->free);
	block->nr_free++;
	if (block->nr_free == UVMEM_CHUNK_PAGES)
		list_move(&block->list, &node->whole);
	else
		list_move(&block->list, &node->begun);
}

static const struct uvmem_frame_ops carve_ops = {
	.name		= "carve-out",
	.exhausted	= UVMEM_REASON_NO_FRAME,
	.alloc		= carve_alloc,
	.alloc_block	= carve_alloc_block,
	.free		= carve_free,
};

/* KVM takes reserved pages for MMIO where the CPU has no PAT: while they are frames they are not. */
static void mark_reserved(const struct block *block, bool reserved)
{
	unsigned int i;

	for (i = 0; i < UVMEM_CHUNK_PAGES; i++) {
		if (reserved)
			SetPageReserved(block_page(block, i));
		else
			ClearPageReserved(block_page(block, i));
	}
	cond_resched();
}

static int carve_make_blocks(void)
{
	unsigned long i;

	block_nodes = kcalloc(nr_node_ids, sizeof(*block_nodes), GFP_KERNEL);
	blocks = kvcalloc(nr_blocks, sizeof(*blocks), GFP_KERNEL);
	if (!block_nodes || !blocks) {
		kfree(block_nodes);
		kvfree(blocks);
		blocks = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < nr_node_ids; i++) {
		INIT_LIST_HEAD(&block_nodes[i].whole);
		INIT_LIST_HEAD(&block_nodes[i].begun);
	}
	for (i = 0; i < nr_blocks; i++) {
		struct block *block = &blocks[i];

		mark_reserved(block, false);
		bitmap_fill(block->free, UVMEM_CHUNK_PAGES);
		block->nr_free = UVMEM_CHUNK_PAGES;
		block->nid = page_to_nid(block_page(block, 0));
		list_add_tail(&block->list, &block_nodes[block->nid].whole);
	}
	return 0;
}

const struct uvmem_frame_ops *uvmem_carve_out_init(u64 *ret_frames)
{
	phys_addr_t start, size, end;
	int ret;

	if (!carve_out || !*carve_out)
		return NULL;
	if (!reserve_mem_find_by_name(carve_out, &start, &size)) {
		pr_err("carve_out=%s: the kernel's command line has no reserve_mem=SIZE:2M:%s, or there was not so much memory\n",
		       carve_out, carve_out);
		return ERR_PTR(-ENODEV);
	}
	end = ALIGN_DOWN(start + size, PMD_SIZE);
	start = ALIGN(start, PMD_SIZE);
	if (start >= end) {
		pr_err("carve_out=%s: there are no aligned 2 MiB in it\n", carve_out);
		return ERR_PTR(-EINVAL);
	}

	first_pfn = PHYS_PFN(start);
	nr_blocks = (end - start) / PMD_SIZE;
	ret = carve_make_blocks();
	if (ret)
		return ERR_PTR(ret);
	*ret_frames = PHYS_PFN(end - start);
	pr_info("frames are in %pa-%pa, which was reserved at boot for %s\n", &start, &end, carve_out);
	return &carve_ops;
}

void uvmem_carve_out_exit(void)
{
	unsigned long i;

	if (!blocks)
		return;
	for (i = 0; i < nr_blocks; i++)
		mark_reserved(&blocks[i], true);
	kvfree(blocks);
	kfree(block_nodes);
	blocks = NULL;
}
