// SPDX-License-Identifier: GPL-2.0-only
/*
 * movein.c - pages on their way into secure frames
 *
 * What comes in is plaintext of a page that becomes secure, ciphertext that is
 * copied into the frame first and verified there (the VMM has no second look at
 * it), a blob of the sealed pool, or nothing (a page that reads as zero). The device-private handle takes
 * the place of the VMM's page; the state is committed only for pages whose
 * handle really did.
 */
#include <linux/highmem.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "age.h"
#include "move.h"
#include "trace.h"

void uvmem_batch_in_prepare(struct uvmem_batch *b, unsigned int need)
{
	/* Growing the range of handles is slow work: not one handle at a time. */
	if (b->nr_pages < need && uvmem_handle_reserve(need - b->nr_pages, b->nid))
		b->short_of = UVMEM_REASON_NO_MEMORY;

	if (need == UVMEM_CHUNK_PAGES && !b->nr_frames &&
	    uvmem_frame_alloc_block(b->vm, b->nid, b->frames)) {
		b->nr_frames = need;
		b->block = b->frames[0];
	}
	/* Is a huge page of the VMM's there to be moved whole? Only the core knows for sure. */
	if (need == UVMEM_CHUNK_PAGES && !b->huge && uvmem_batch_is_huge(b) &&
	    uvmem_peek(b->vm->mm, b->hva) == UVMEM_PEEK_HUGE)
		b->huge = uvmem_handle_alloc_huge(GFP_KERNEL, b->nid);

	while (b->nr_frames < need) {
		struct page *frame = uvmem_frame_alloc(b->vm, GFP_KERNEL_ACCOUNT, b->nid,
						       &b->short_of);

		if (!frame)
			break;
		b->frames[b->nr_frames++] = frame;
	}
	while (b->nr_pages < b->nr_frames) {
		struct page *handle = uvmem_handle_alloc(GFP_KERNEL, b->nid);

		if (!handle) {
			b->short_of = UVMEM_REASON_NO_MEMORY;
			break;
		}
		b->pages[b->nr_pages++] = handle;
	}
	uvmem_point(UVMEM_AT_IN_PREPARED);
}

/*
 * A frame for page @i, or NULL. Out of a block each page gets the frame of its
 * place, so that the block stays one as long as every page takes its own.
 */
static struct page *in_take_frame(struct uvmem_batch *b, unsigned int i)
{
	struct page *frame;

	if (b->block) {
		frame = b->frames[i];
		b->frames[i] = NULL;
		return frame;
	}
	return b->nr_frames ? b->frames[--b->nr_frames] : NULL;
}

static void in_return_frame(struct uvmem_batch *b, struct page *frame)
{
	if (b->block)
		b->frames[frame - b->block] = frame;
	else
		b->frames[b->nr_frames++] = frame;
}

/* What is left of a block are frames like any other. */
static void in_break_block(struct uvmem_batch *b)
{
	unsigned int i, left = 0;

	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		if (b->frames[i])
			b->frames[left++] = b->frames[i];
	b->nr_frames = left;
	b->block = NULL;
}

static bool same_byte(const struct uvmem_batch *b, unsigned int i)
{
	return uvmem_ent_state(b->chunk->ent[b->off + i]) == UVMEM_PAGE_ZERO;
}

/* A page that was paged out is about to be IN: for the guest's touch, or beside it. */
static void in_note_return(struct uvmem_batch *b, unsigned int i)
{
	if (i + 1 == b->touched)
		uvmem_note_refault(b->chunk, b->off + i);
	else if (b->touched)
		uvmem_around_brought(b->chunk, b->off + i);
}

/* A page of the sealed pool has its handle, too. False: nothing has changed. */
static bool in_open_pool(struct uvmem_batch *b, unsigned int i)
{
	unsigned int off = b->off + i;
	u64 ent = READ_ONCE(b->chunk->ent[off]);
	struct uvmem_blob blob = {
		.handle = b->chunk->blobs[off],
		.size = uvmem_ent_stamp(ent),
		.seal = b->chunk->seals[off],
	};
	struct page *frame;
	bool moved = false;
	int ret;

	/* Not so if the host dropped the handle just now. The mark keeps the blob all the same. */
	if (uvmem_ent_state(ent) != UVMEM_PAGE_POOL) {
		uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
		return false;
	}
	frame = in_take_frame(b, i);
	if (!frame) {
		uvmem_batch_skip(b, b->short_of, 1);
		return false;
	}
	ret = uvmem_blob_open(b->vm, b->gfn + i, &blob, frame);
	if (ret) {
		uvmem_batch_error(b, i, ret);
		uvmem_batch_skip(b, UVMEM_REASON_STATE, 1);
		in_return_frame(b, frame);
		return false;
	}
	uvmem_point(UVMEM_AT_OPEN_READ);

	blob.handle = 0;
	spin_lock_irq(&b->chunk->lock);
	if (uvmem_ent_state(b->chunk->ent[off]) == UVMEM_PAGE_POOL) {
		set_page_private(frame, uvmem_ent_payload(ent));
		in_note_return(b, i);
		uvmem_page_event(b->chunk, off, UVMEM_EV_UNSEAL, (u16)jiffies,
				 page_to_pfn(frame));
		b->chunk->seals[off].version = 0;
		swap(blob.handle, b->chunk->blobs[off]);
		moved = true;
	}
	spin_unlock_irq(&b->chunk->lock);

	uvmem_blob_free(blob.handle);
	if (!moved) {
		in_return_frame(b, frame);
		uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
	}
	uvmem_point(UVMEM_AT_OPEN_DONE);
	return moved;
}

static unsigned int in_open_pooled(struct uvmem_batch *b)
{
	unsigned int i, moved = 0;

	for_each_set_bit(i, b->todo, b->nr) {
		if (uvmem_ent_state(READ_ONCE(b->chunk->ent[b->off + i])) != UVMEM_PAGE_POOL)
			continue;
		moved += in_open_pool(b, i);
		uvmem_batch_unmark_one(b, i);
		cond_resched();
	}
	return moved;
}

/* A same-filled page has its handle already: all it needs is a frame. */
static unsigned int in_fill_zero(struct uvmem_batch *b)
{
	unsigned int i, moved = 0;

	for_each_set_bit(i, b->todo, b->nr) {
		unsigned int off = b->off + i;
		struct page *frame, *handle;
		u64 ent;

		if (!same_byte(b, i))
			continue;
		frame = in_take_frame(b, i);
		if (!frame) {
			uvmem_batch_skip(b, b->short_of, 1);
			uvmem_batch_unmark_one(b, i);
			continue;
		}
		spin_lock_irq(&b->chunk->lock);
		ent = b->chunk->ent[off];
		if (uvmem_ent_state(ent) == UVMEM_PAGE_ZERO) {
			handle = pfn_to_page(uvmem_ent_payload(ent));
			memset(page_address(frame), uvmem_ent_stamp(ent) & 0xff, PAGE_SIZE);
			set_page_private(frame, page_to_pfn(handle));
			if (i + 1 == b->touched)
				uvmem_note_refault(b->chunk, off);
			uvmem_page_event(b->chunk, off, UVMEM_EV_FILL, (u16)jiffies,
					 page_to_pfn(frame));
			frame = NULL;
			moved++;
		}
		spin_unlock_irq(&b->chunk->lock);
		if (frame) {	/* the host dropped the handle just now */
			in_return_frame(b, frame);
			uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
		}
		uvmem_batch_unmark_one(b, i);
	}
	return moved;
}

/*
 * Content for @frame of page @i, whose VMM page is @page (NULL: none). 0: good;
 * 1: there is nothing to move; -errno: must not move.
 */
static int in_content(struct uvmem_batch *b, unsigned int i, struct page *page,
		      struct page *frame)
{
	unsigned int off = b->off + i;
	gfn_t gfn = b->gfn + i;
	int ret;

	switch (uvmem_ent_state(READ_ONCE(b->chunk->ent[off]))) {
	case UVMEM_PAGE_NORMAL:
	case UVMEM_PAGE_SHARED:
		if (!page)
			return 1;
		if (b->zero)
			clear_highpage(frame);
		else
			copy_highpage(frame, page);
		return 0;
	case UVMEM_PAGE_ABSENT:
		/* Whatever the VMM put there is not the guest's. */
		clear_highpage(frame);
		return 0;
	case UVMEM_PAGE_OUT:
		if (!page) {
			uvmem_vm_stop(b->vm, UVMEM_STOP_MISSING, gfn);
			return -ENODATA;
		}
		/* The only look at the VMM's page: what is verified is our copy. */
		copy_highpage(frame, page);
		ret = b->vm->uv->page_in(b->vm, gfn, frame, &b->chunk->seals[off]);
		if (ret == -EBADMSG)
			uvmem_vm_stop(b->vm, UVMEM_STOP_INTEGRITY, gfn);
		return ret;
	default:
		return -EINVAL;
	}
}

static enum uvmem_page_event in_event(enum uvmem_page_state state)
{
	switch (state) {
	case UVMEM_PAGE_ABSENT:
		return UVMEM_EV_FILL;
	case UVMEM_PAGE_OUT:
		return UVMEM_EV_UNSEAL;
	default:
		return UVMEM_EV_SECURE;
	}
}

/* Nothing was behind these pages: no frame, the first touch makes one. */
static unsigned int in_commit_empty(struct uvmem_batch *b, const unsigned long *empty)
{
	unsigned int i, nr = 0;

	spin_lock_irq(&b->chunk->lock);
	for_each_set_bit(i, empty, b->nr)
		if (!uvmem_page_event(b->chunk, b->off + i, UVMEM_EV_SECURE_EMPTY, 0, 0))
			nr++;
	spin_unlock_irq(&b->chunk->lock);
	return nr;
}

/* Pages of which frame_of[] has a frame either moved, or were never anywhere but where they are. */
static unsigned int in_commit(struct uvmem_batch *b, struct page **frame_of,
			      unsigned long *retry)
{
	/* One entry stands for all if both sides are huge. */
	bool whole = b->dst[0] & MIGRATE_PFN_COMPOUND;
	unsigned int i, moved = 0;

	spin_lock_irq(&b->chunk->lock);
	for (i = 0; i < b->nr; i++) {
		struct page *frame = frame_of[i];
		unsigned int off = b->off + i;
		u64 ent;

		if (!frame || !(b->src[whole ? 0 : i] & MIGRATE_PFN_MIGRATE))
			continue;
		ent = b->chunk->ent[off];
		if (uvmem_ent_state(ent) == UVMEM_PAGE_OUT)
			in_note_return(b, i);
		uvmem_page_event(b->chunk, off, in_event(uvmem_ent_state(ent)), (u16)jiffies,
				 page_to_pfn(frame));
		if (b->chunk->seals)
			b->chunk->seals[off].version = 0;
		frame_of[i] = NULL;
		moved++;
	}
	if (moved == UVMEM_CHUNK_PAGES && b->block)
		WRITE_ONCE(b->chunk->contig, page_to_pfn(b->block));
	spin_unlock_irq(&b->chunk->lock);

	for (i = 0; i < b->nr; i++) {
		if (!frame_of[i])
			continue;
		/* Never committed: finalize frees the handle, which must not say so to the table. */
		if (!whole || !i)
			WRITE_ONCE(migrate_pfn_to_page(b->dst[i])->zone_device_data, NULL);
		in_return_frame(b, frame_of[i]);
		if (retry)
			__set_bit(i, retry);
		else
			uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
	}
	return moved;
}

/* Pages that migrate_vma could not have: why, or is it worth another try? */
static void in_not_collected(struct uvmem_batch *b, const unsigned long *left,
			     unsigned long *retry)
{
	unsigned int i;

	for_each_set_bit(i, left, b->nr) {
		if (retry) {
			__set_bit(i, retry);
			continue;
		}
		switch (uvmem_peek(b->vma->vm_mm, b->hva + ((unsigned long)i << PAGE_SHIFT))) {
		case UVMEM_PEEK_PINNED:
			uvmem_batch_skip(b, UVMEM_REASON_PINNED, 1);
			break;
		case UVMEM_PEEK_FOREIGN:
			uvmem_batch_skip(b, UVMEM_REASON_FOREIGN, 1);
			break;
		default:
			uvmem_batch_skip(b, UVMEM_REASON_BUSY, 1);
			break;
		}
	}
}

/* One page of a huge one could not be filled: none of it moves. */
static void in_drop_huge(struct uvmem_batch *b, struct page *huge, struct page **frame_of)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		if (frame_of[i])
			in_return_frame(b, frame_of[i]);
		frame_of[i] = NULL;
	}
	WRITE_ONCE(huge->zone_device_data, NULL);
	/* Activated: back by the way that the core takes. */
	unlock_page(huge);
	put_page(huge);
}

unsigned int uvmem_batch_in(struct uvmem_batch *b, unsigned long *retry)
{
	struct migrate_vma args;
	DECLARE_BITMAP(empty, UVMEM_BATCH) = {};
	DECLARE_BITMAP(left, UVMEM_BATCH) = {};
	struct page **frame_of = b->frame_of, *first, *huge;
	unsigned int i, moved = 0, filled;
	bool src_whole;
	int ret;

	mmap_assert_locked(b->vma->vm_mm);

	b->start_ns = ktime_get_ns();
	if (!uvmem_batch_mark(b))
		return 0;
	uvmem_point(UVMEM_AT_IN_MARKED);

	filled = in_fill_zero(b) + in_open_pooled(b);
	if (bitmap_empty(b->todo, b->nr)) {
		if (b->block)
			in_break_block(b);
		goto out_account;
	}

	args = uvmem_batch_args(b, MIGRATE_VMA_SELECT_SYSTEM);
	ret = migrate_vma_setup(&args);
	uvmem_batch_share_lock(b);
	if (ret) {
		uvmem_batch_skip(b, UVMEM_REASON_NOT_ANON, bitmap_weight(b->todo, b->nr));
		uvmem_batch_unmark(b);
		if (b->block)
			in_break_block(b);
		goto out_account;
	}

	uvmem_point(UVMEM_AT_IN_COLLECTED);

	memset(frame_of, 0, b->nr * sizeof(*frame_of));
	/* The core says COMPOUND in the first entry and nothing in those that follow. */
	src_whole = b->src[0] & MIGRATE_PFN_MIGRATE && b->src[0] & MIGRATE_PFN_COMPOUND;
	first = migrate_pfn_to_page(b->src[0]);
	huge = src_whole && first ? b->huge : NULL;
	if (huge) {
		b->huge = NULL;
		uvmem_handle_activate_huge(huge);
		WRITE_ONCE(huge->zone_device_data, &b->chunk->ent[b->off]);
	}

	for_each_set_bit(i, b->todo, b->nr) {
		struct page *page = src_whole ? (first ? first + i : NULL) :
						migrate_pfn_to_page(b->src[i]);
		struct page *frame, *handle;

		if (!src_whole && !(b->src[i] & MIGRATE_PFN_MIGRATE)) {
			__set_bit(i, left);
			continue;
		}
		/*
		 * The core would put the handle into the page tables of all that
		 * KSM merged, and into KSM's tree. It is made the VMM's own first.
		 */
		if (page && folio_test_ksm(page_folio(page))) {
			__set_bit(i, left);
			continue;
		}
		if (b->purpose == UVMEM_TO_SECURE && !page) {
			__set_bit(i, empty);
			continue;
		}
		frame = huge || b->nr_pages ? in_take_frame(b, i) : NULL;
		if (!frame) {
			ret = -ENOMEM;
			uvmem_batch_skip(b, b->short_of, 1);
		} else {
			ret = in_content(b, i, page, frame);
			if (ret) {
				uvmem_batch_error(b, i, ret);
				uvmem_batch_skip(b, UVMEM_REASON_STATE, 1);
				in_return_frame(b, frame);
			}
		}
		if (ret && huge) {
			/* All or nothing; the others may go one by one. */
			bitmap_copy(left, b->todo, b->nr);
			__clear_bit(i, left);
			break;
		}
		if (ret)
			continue;
		handle = huge ? huge + i : b->pages[--b->nr_pages];
		set_page_private(frame, page_to_pfn(handle));
		frame_of[i] = frame;
		if (huge)
			continue;
		uvmem_handle_activate(handle);
		/*
		 * From migrate_vma_pages() on the host can see the handle (where
		 * it fills a hole), so it must lead to its word by then; the
		 * transit mark keeps a host touch waiting until the commit.
		 */
		WRITE_ONCE(handle->zone_device_data, &b->chunk->ent[b->off + i]);
		b->dst[i] = migrate_pfn(page_to_pfn(handle));
	}
	if (huge && ret)
		in_drop_huge(b, huge, frame_of);
	else if (huge)
		b->dst[0] = migrate_pfn(page_to_pfn(huge)) | MIGRATE_PFN_COMPOUND;

	uvmem_point(UVMEM_AT_IN_FILLED);
	migrate_vma_pages(&args);
	uvmem_point(UVMEM_AT_IN_MOVED);
	moved = in_commit(b, frame_of, retry) + in_commit_empty(b, empty);
	in_not_collected(b, left, retry);
	uvmem_point(UVMEM_AT_IN_COMMITTED);
	migrate_vma_finalize(&args);
	uvmem_point(UVMEM_AT_IN_FINALIZED);
	if (b->block)
		in_break_block(b);
	uvmem_batch_unmark(b);
out_account:
	moved += filled;
	uvmem_batch_account(b, true, moved);
	return moved;
}
