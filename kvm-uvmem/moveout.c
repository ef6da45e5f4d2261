// SPDX-License-Identifier: GPL-2.0-only
/*
 * moveout.c - pages on their way out of secure frames
 *
 * Sealing is prepare -> commit -> release: the ciphertext is made from the frame
 * into a new page, the frame and its content stay until the VMM's page table
 * really has that page, and only then the state changes and the frame goes. A
 * move that fails in between has lost nothing but a number of the VM's counter.
 *
 * The guest's mapping goes before the content is read, by kvm_zap_gfn_range()
 * here: the invalidation that migrate_vma_setup() makes would be too late for
 * the same-filled scan, and does not come at all when the host touches the
 * handle through another mapping than the memslot's (a fork's, a mremap()ed one).
 *
 * The sealed pool comes first, in a pass of its own that moves nothing in the VMM's page
 * table: no normal page is allocated for a page that needs none. What is written out of the
 * pool later comes this way as well; the guest has no mapping of it that would have to go.
 */
#include <linux/highmem.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "age.h"
#include "move.h"
#include "trace.h"

static bool to_ciphertext(const struct uvmem_batch *b)
{
	return b->purpose == UVMEM_TO_SEALED || b->purpose == UVMEM_TO_SEALED_TOUCH ||
	       b->purpose == UVMEM_TO_WRITTEN;
}

static enum uvmem_page_event out_event(const struct uvmem_batch *b)
{
	return uvmem_gives(b->purpose) ? uvmem_give_event(b->purpose) : UVMEM_EV_SEAL;
}

void uvmem_batch_out_prepare(struct uvmem_batch *b, unsigned int need)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_NOWARN;

	/* What goes then needs no place. */
	if (b->move->no_ciphertext && !b->pool)
		return;
	if (to_ciphertext(b) && uvmem_chunk_make_seals(b->chunk)) {
		/* Nowhere to keep the seals: nothing can be sealed now. */
		b->short_of = UVMEM_REASON_NO_MEMORY;
		uvmem_batch_drop_spares(b);
		return;
	}
	if (b->pool) {
		/* If there is no memory for it, nothing is put there. */
		uvmem_chunk_make_blobs(b->chunk);
		return;
	}
	/* A huge handle is best replaced by a huge page; pages one by one will do. */
	if (need == UVMEM_CHUNK_PAGES && !b->huge && uvmem_batch_is_huge(b) &&
	    uvmem_peek(b->vm->mm, b->hva) == UVMEM_PEEK_HUGE_HANDLE) {
		struct folio *folio = __folio_alloc_node(GFP_TRANSHUGE_LIGHT | __GFP_NORETRY,
							 UVMEM_CHUNK_SHIFT, b->nid);

		b->huge = folio ? folio_page(folio, 0) : NULL;
	}
	/* To save memory is no reason to kill somebody for some. */
	if (b->purpose == UVMEM_TO_SEALED)
		gfp |= __GFP_RETRY_MAYFAIL;
	/* Nor is it one to have others wait for some. */
	if (b->purpose == UVMEM_TO_WRITTEN)
		gfp |= __GFP_NORETRY;
	while (b->nr_pages < need) {
		struct page *page = alloc_pages_node(b->nid, gfp, 0);

		if (!page) {
			b->short_of = UVMEM_REASON_NO_MEMORY;
			break;
		}
		b->pages[b->nr_pages++] = page;
	}
	uvmem_point(UVMEM_AT_OUT_PREPARED);
}

/* All bytes of the page alike? Then *@ret_byte is what they are. */
static bool page_same_filled(struct page *page, u8 *ret_byte)
{
	const u64 *word = page_address(page);
	u8 byte = (u8)word[0];
	unsigned int i;

	/* The ends first: most pages that differ do so there. */
	if (word[0] != byte * 0x0101010101010101ULL ||
	    word[PAGE_SIZE / sizeof(*word) - 1] != word[0])
		return false;
	/* Eight at a time: half of what memchr_inv() takes. */
	for (i = 0; i < PAGE_SIZE / sizeof(*word); i += 8) {
		const u64 *w = word + i;

		if (((w[0] ^ *word) | (w[1] ^ *word) | (w[2] ^ *word) | (w[3] ^ *word) |
		     (w[4] ^ *word) | (w[5] ^ *word) | (w[6] ^ *word) | (w[7] ^ *word)))
			return false;
	}
	*ret_byte = byte;
	return true;
}

/*
 * The frame of a page in transit, for a look at it where it is, or NULL: the host may drop the
 * handle, which nobody holds yet, at any time. What is dropped then is freed after a grace
 * period (uvmem_host_drop_work()): RCU read side, as long as the frame is looked at.
 */
static struct page *out_peek_frame(struct uvmem_batch *b, unsigned int i)
{
	u64 ent = READ_ONCE(b->chunk->ent[b->off + i]);
	struct page *frame;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "frame of a handle that nobody holds");
	if (uvmem_ent_state(ent) != UVMEM_PAGE_IN)
		return NULL;
	frame = pfn_to_page(uvmem_ent_payload(ent));
	return uvmem_frame_failed(frame) ? NULL : frame;
}

/* Is page @i same-filled? Then its frame and *@ret_byte. */
static struct page *out_look_same_filled(struct uvmem_batch *b, unsigned int i, u8 *ret_byte)
{
	struct page *frame;

	guard(rcu)();
	frame = out_peek_frame(b, i);
	return frame && page_same_filled(frame, ret_byte) ? frame : NULL;
}

/* Same-filled pages give up their frame on the spot; the handle stays. */
static unsigned int out_same_filled(struct uvmem_batch *b)
{
	unsigned int i, moved = 0;

	for_each_set_bit(i, b->todo, b->nr) {
		unsigned int off = b->off + i;
		struct page *frame;
		u8 byte;

		frame = out_look_same_filled(b, i, &byte);
		if (!frame)
			continue;

		spin_lock_irq(&b->chunk->lock);
		/* -EIO: the host dropped the handle meanwhile, the frame is not ours. */
		if (uvmem_page_event(b->chunk, off, UVMEM_EV_SAME_FILLED, byte,
				     page_private(frame)))
			frame = NULL;
		spin_unlock_irq(&b->chunk->lock);

		if (frame) {
			uvmem_frame_free_scrubbed(b->vm, frame, !byte);
			atomic64_inc(&b->vm->stats.same_filled);
			b->move->same_filled++;
			moved++;
		} else {
			uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
		}
		uvmem_batch_unmark_one(b, i);
	}
	return moved;
}

/* The blob of page @i, and its frame. 0, as uvmem_blob_make() says, or -EIO: there is none to look at. */
static int out_make_blob(struct uvmem_batch *b, unsigned int i, struct uvmem_blob *blob,
			 struct page **ret_frame)
{
	guard(rcu)();
	/* Dropped meanwhile: the next pass says so. */
	*ret_frame = out_peek_frame(b, i);
	return *ret_frame ? uvmem_blob_make(b->vm, b->gfn + i, *ret_frame, blob) : -EIO;
}

/* One page into the sealed pool. 0, or it is as it was: as above. */
static int out_pool_one(struct uvmem_batch *b, unsigned int i)
{
	unsigned int off = b->off + i;
	struct uvmem_blob blob;
	struct page *frame;
	int ret;

	ret = out_make_blob(b, i, &blob, &frame);
	if (ret)
		return ret;
	uvmem_point(UVMEM_AT_POOL_MADE);

	spin_lock_irq(&b->chunk->lock);
	ret = uvmem_page_event(b->chunk, off, UVMEM_EV_POOL, blob.size, page_private(frame));
	if (!ret) {
		b->chunk->seals[off] = blob.seal;
		swap(b->chunk->blobs[off], blob.handle);
	}
	spin_unlock_irq(&b->chunk->lock);

	/* Ours if it was dropped, else an orphan's. */
	uvmem_blob_free(blob.handle);
	if (ret)
		return ret;
	uvmem_frame_free(b->vm, frame);
	uvmem_point(UVMEM_AT_POOL_KEPT);
	return 0;
}

/* The sealed pool did not take page @i, for reason @err, and there is no other place: it stays. */
static void out_stays(struct uvmem_batch *b, unsigned int i, int err)
{
	enum uvmem_reason reason = UVMEM_REASON_RACED;

	if (err == -E2BIG || err == -ENOSPC)
		reason = UVMEM_REASON_NO_GAIN;
	else if (err == -ENOMEM)
		reason = UVMEM_REASON_NO_MEMORY;
	if (err == -ENOSPC)
		WRITE_ONCE(b->vm->no_gain_full, true);
	/* Before the guest can use it again. */
	if (reason == UVMEM_REASON_NO_GAIN)
		uvmem_note_no_gain(b->chunk, b->off + i);
	uvmem_batch_skip(b, reason, 1);
	uvmem_batch_unmark_one(b, i);
}

static unsigned int out_pool(struct uvmem_batch *b)
{
	bool blobs = READ_ONCE(b->chunk->blobs);
	unsigned int i, moved = 0;

	for_each_set_bit(i, b->todo, b->nr) {
		int ret = !b->pool ? -ENOSPC : blobs ? out_pool_one(b, i) : -ENOMEM;

		if (!ret) {
			uvmem_batch_unmark_one(b, i);
			moved++;
		} else if (b->move->no_ciphertext) {
			out_stays(b, i, ret);
		}
		cond_resched();
	}
	b->move->pooled += moved;
	return moved;
}

/* Page @i, whose word is @ent, out of the sealed pool into @to. */
static int out_open(struct uvmem_batch *b, unsigned int i, u64 ent, struct page *to)
{
	struct uvmem_blob blob = {
		.handle = b->chunk->blobs[b->off + i],
		.size = uvmem_ent_stamp(ent),
		.seal = b->chunk->seals[b->off + i],
	};

	return uvmem_blob_open(b->vm, b->gfn + i, &blob, to);
}

/*
 * The memory of the frame of page @i has failed. What the host wants of it stays where it
 * is, and the guest is stopped if it ever comes for it; what the guest gives away goes, as a
 * page of zeroes that it will not see.
 */
static int out_failed(struct uvmem_batch *b, unsigned int i, struct page *dst)
{
	if (to_ciphertext(b))
		return -EHWPOISON;
	if (!b->zero)
		uvmem_vm_stop(b->vm, UVMEM_STOP_HWPOISON, b->gfn + i);
	clear_highpage(dst);
	return 0;
}

/* Fill @dst with what the VMM may see of page @i. */
static int out_content(struct uvmem_batch *b, unsigned int i, struct page *dst,
		       struct uvmem_seal *seal)
{
	u64 ent = READ_ONCE(b->chunk->ent[b->off + i]);
	struct page *frame = dst;
	int ret = 0;

	if (b->purpose == UVMEM_TO_RESET) {
		clear_highpage(dst);
		return 0;
	}
	if (uvmem_ent_state(ent) == UVMEM_PAGE_IN)
		frame = pfn_to_page(uvmem_ent_payload(ent));
	else if (uvmem_ent_state(ent) == UVMEM_PAGE_ZERO)
		memset(page_address(dst), uvmem_ent_stamp(ent) & 0xff, PAGE_SIZE);
	else if (uvmem_ent_state(ent) == UVMEM_PAGE_POOL)
		ret = out_open(b, i, ent, dst);
	else
		ret = -EIO;	/* dropped meanwhile */
	if (ret)
		return ret;

	if (frame != dst && uvmem_frame_failed(frame))
		return out_failed(b, i, dst);
	if (to_ciphertext(b))
		return b->vm->uv->page_out(b->vm, b->gfn + i, frame, dst, seal);
	if (b->zero)
		clear_highpage(dst);
	else if (frame != dst)
		copy_highpage(dst, frame);
	return 0;
}

static void out_not_moved(struct uvmem_batch *b, unsigned int i, unsigned long *retry,
			  enum uvmem_reason reason)
{
	if (retry)
		__set_bit(i, retry);
	else
		uvmem_batch_skip(b, reason, 1);
}

static unsigned int out_commit(struct uvmem_batch *b, const unsigned long *filled,
			       unsigned long *retry)
{
	/* One entry stands for all if both sides are huge. */
	bool whole = b->dst[0] & MIGRATE_PFN_COMPOUND;
	unsigned int i, moved = 0;

	for_each_set_bit(i, filled, b->nr) {
		struct page *frame = NULL;
		unsigned int off = b->off + i;
		unsigned long blob = 0;
		u64 ent;

		if (!(b->src[whole ? 0 : i] & MIGRATE_PFN_MIGRATE)) {
			out_not_moved(b, i, retry, UVMEM_REASON_RACED);
			continue;
		}

		spin_lock_irq(&b->chunk->lock);
		ent = b->chunk->ent[off];
		if (uvmem_ent_state(ent) == UVMEM_PAGE_IN)
			frame = pfn_to_page(uvmem_ent_payload(ent));
		else if (uvmem_ent_state(ent) == UVMEM_PAGE_POOL)
			swap(blob, b->chunk->blobs[off]);
		if (to_ciphertext(b))
			b->chunk->seals[off] = b->seals[i];
		/* Under the lock: from here on the word has another meaning for uvmem_handle_dropped(). */
		if (!whole || !i)
			WRITE_ONCE(migrate_pfn_to_page(b->src[i])->zone_device_data, NULL);
		uvmem_page_event(b->chunk, off, out_event(b), 0, 0);
		spin_unlock_irq(&b->chunk->lock);

		if (frame)
			uvmem_frame_free(b->vm, frame);
		uvmem_blob_free(blob);
		moved++;
	}
	return moved;
}

/* Page @failed of a huge page could not be filled: the others stay as well. */
static void out_skip_rest(struct uvmem_batch *b, unsigned long *filled, unsigned int failed,
			  unsigned long *retry)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		if (i != failed)
			out_not_moved(b, i, retry, UVMEM_REASON_RACED);
	bitmap_zero(filled, b->nr);
}

unsigned int uvmem_batch_out(struct uvmem_batch *b, unsigned long *retry)
{
	struct migrate_vma args;
	DECLARE_BITMAP(filled, UVMEM_BATCH) = {};
	struct page *first, *huge;
	unsigned int i, moved = 0;
	bool src_whole;

	mmap_assert_locked(b->vma->vm_mm);

	b->start_ns = ktime_get_ns();
	if (!uvmem_batch_mark(b))
		return 0;
	uvmem_point(UVMEM_AT_OUT_MARKED);

	/*
	 * The marks are set: a guest fault from now on waits, one that has the
	 * frame already finds mmu_invalidate_seq changed.
	 */
	if (b->purpose != UVMEM_TO_WRITTEN)
		kvm_zap_gfn_range(b->vm->kvm, b->gfn, b->gfn + b->nr);
	uvmem_point(UVMEM_AT_OUT_ZAPPED);

	if (b->purpose == UVMEM_TO_SEALED)
		moved += out_same_filled(b);
	if (b->pool || b->move->no_ciphertext) {
		moved += out_pool(b);
		bitmap_or(retry, retry, b->todo, b->nr);
		uvmem_batch_unmark(b);
	}
	if (bitmap_empty(b->todo, b->nr))
		goto out;
	args = uvmem_batch_args(b, MIGRATE_VMA_SELECT_DEVICE_PRIVATE);
	if (migrate_vma_setup(&args)) {
		uvmem_batch_skip(b, UVMEM_REASON_NOT_ANON, bitmap_weight(b->todo, b->nr));
		uvmem_batch_unmark(b);
		goto out;
	}
	uvmem_point(UVMEM_AT_OUT_COLLECTED);

	/* The core says COMPOUND in the first entry and nothing in those that follow. */
	src_whole = b->src[0] & MIGRATE_PFN_MIGRATE && b->src[0] & MIGRATE_PFN_COMPOUND;
	first = migrate_pfn_to_page(b->src[0]);
	huge = src_whole && first ? b->huge : NULL;

	for_each_set_bit(i, b->todo, b->nr) {
		struct page *handle = src_whole ? first : migrate_pfn_to_page(b->src[i]), *dst;
		u64 *word = &b->chunk->ent[b->off + (src_whole ? 0 : i)];
		int ret;

		if (!handle || !(b->src[src_whole ? 0 : i] & MIGRATE_PFN_MIGRATE)) {
			out_not_moved(b, i, retry, UVMEM_REASON_BUSY);
			continue;
		}
		/* The VMM may have moved handles about: take only the one of this gfn. */
		if (READ_ONCE(handle->zone_device_data) != word) {
			uvmem_batch_skip(b, UVMEM_REASON_RACED, 1);
			continue;
		}
		if (!huge && !b->nr_pages) {
			uvmem_batch_skip(b, b->short_of, 1);
			continue;
		}
		dst = huge ? huge + i : b->pages[b->nr_pages - 1];
		ret = out_content(b, i, dst, &b->seals[i]);
		if (ret) {
			uvmem_batch_error(b, i, ret);
			uvmem_batch_skip(b, ret == -ENOMEM ? UVMEM_REASON_NO_MEMORY :
					 ret == -EHWPOISON ? UVMEM_REASON_STATE :
					 UVMEM_REASON_RACED, 1);
			/* It may hold plaintext: back to the stack only when overwritten. */
			clear_highpage(dst);
			if (huge)
				break;
			continue;
		}
		__set_bit(i, filled);
		if (huge)
			continue;
		b->nr_pages--;
		lock_page(dst);
		b->dst[i] = migrate_pfn(page_to_pfn(dst));
	}
	if (huge && !bitmap_full(filled, b->nr)) {
		/* All or nothing. The pages after the one that failed were not looked at. */
		out_skip_rest(b, filled, i, retry);
	} else if (huge) {
		b->huge = NULL;
		lock_page(huge);
		b->dst[0] = migrate_pfn(page_to_pfn(huge)) | MIGRATE_PFN_COMPOUND;
	}

	uvmem_point(UVMEM_AT_OUT_SEALED);
	migrate_vma_pages(&args);
	uvmem_point(UVMEM_AT_OUT_MOVED);
	moved += out_commit(b, filled, retry);
	uvmem_point(UVMEM_AT_OUT_COMMITTED);
	migrate_vma_finalize(&args);
	uvmem_point(UVMEM_AT_OUT_FINALIZED);
	uvmem_batch_unmark(b);
out:
	uvmem_batch_account(b, false, moved);
	return moved;
}
