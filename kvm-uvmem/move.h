/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * move.h - one batch of pages on its way in or out
 *
 * A batch lies in one chunk of the gfn table, one memslot and one VMA. Its life:
 *
 *	prepare		take frames, handles or pages, and room for seals (may sleep,
 *			may enter reclaim)
 *	mark		set the transit marks of the pages that the purpose fits
 *	migrate_vma_setup, fill the destinations, migrate_vma_pages
 *	commit		change the state of the pages that really moved
 *	migrate_vma_finalize
 *	unmark		clear the marks, wake those who wait
 *
 * Between mark and unmark nothing allocates memory in a way that can enter
 * reclaim: reclaim may want the very folios that are locked here.
 */
#ifndef UVMEM_MOVE_H
#define UVMEM_MOVE_H

#include <linux/bitmap.h>
#include <linux/migrate.h>
#include "uvmem.h"

/* What a batch is for; the event that it commits follows from this and from the page's state. */
enum uvmem_purpose {
	/* in */
	UVMEM_TO_SECURE,	/* NORMAL, SHARED -> IN, or ABSENT where nothing is behind them */
	UVMEM_TO_FRAME,		/* those of OUT, POOL, ABSENT and ZERO that are in .from -> IN */
	/* out */
	UVMEM_TO_SEALED,	/* IN -> OUT, ZERO or, if .pool, POOL */
	UVMEM_TO_SEALED_TOUCH,	/* IN, ZERO, POOL -> OUT: the host wants to see something */
	UVMEM_TO_WRITTEN,	/* POOL -> OUT: room for others */
	UVMEM_TO_SHARED,	/* IN, ZERO -> SHARED */
	UVMEM_TO_NORMAL,	/* IN, ZERO -> NORMAL: the VM did not become secure */
	UVMEM_TO_RESET,		/* IN, ZERO, POOL -> NORMAL, zeroed; OUT as it is */
};

/* Of the purposes that give pages to the VMM for good: the event that they commit. */
static inline enum uvmem_page_event uvmem_give_event(enum uvmem_purpose purpose)
{
	return purpose == UVMEM_TO_SHARED ? UVMEM_EV_SHARE :
	       purpose == UVMEM_TO_NORMAL ? UVMEM_EV_ABORT : UVMEM_EV_RESET;
}

static inline bool uvmem_gives(enum uvmem_purpose purpose)
{
	return purpose >= UVMEM_TO_SHARED;
}

#define UVMEM_FROM_OUT	(BIT(UVMEM_PAGE_OUT) | BIT(UVMEM_PAGE_POOL))
#define UVMEM_FROM_ANY	(UVMEM_FROM_OUT | BIT(UVMEM_PAGE_ABSENT) | BIT(UVMEM_PAGE_ZERO))

struct uvmem_batch {
	struct uvmem_vm *vm;
	struct uvmem_chunk *chunk;
	struct vm_area_struct *vma;
	enum uvmem_purpose purpose;
	unsigned long from;		/* UVMEM_TO_FRAME: bits of the states that it takes pages from */
	bool zero;			/* the content is not kept */
	bool pool;			/* out: to the sealed pool; what it does not take is left for another try */
	struct uvmem_move *move;
	gfn_t gfn;			/* first */
	unsigned int off;		/* of gfn in chunk */
	unsigned int nr;
	unsigned int touched;		/* in: 1 + index of the page that the guest touched, or 0 */
	unsigned long hva;		/* of gfn */
	struct page *fault_page;	/* host touch: locked by the fault */
	bool exclusive;			/* in: mmap_lock is held for write */
	int nid;

	unsigned int room;		/* size of the arrays */
	unsigned long *src, *dst;
	struct page **frames;		/* stack of spare frames (in) */
	struct page **pages;		/* stack of spare handles (in) or normal pages (out) */
	unsigned int nr_frames, nr_pages;
	struct page *block;		/* in: if frames[] is full and contiguous, the first */
	struct page *huge;		/* spare huge handle (in) or normal huge page (out), or NULL */
	enum uvmem_reason short_of;	/* why the stacks are not full */
	struct page **frame_of;		/* in: frame that goes with dst[i] */
	struct uvmem_seal *seals;	/* out: seals of dst[], until the commit */
	unsigned long *todo;		/* bitmap: marked by us */
	unsigned long asked;		/* jiffies when it was found out what there is to do */
	u64 start_ns;
};

/* ---- batch.c ---- */

/* A batch of one page, for the stack. */
struct uvmem_batch_one {
	struct uvmem_batch b;
	unsigned long room[10];
};

void uvmem_batch_init_one(struct uvmem_batch_one *one, struct uvmem_vm *vm);
void uvmem_batch_release_one(struct uvmem_batch_one *one);
/* Jiffies that @at lacked to the page's having been resident for the minimum; <= 0: none. */
long uvmem_residency_left(u64 ent, unsigned long at);
struct uvmem_batch *uvmem_batch_alloc(struct uvmem_vm *vm, unsigned int room);
void uvmem_batch_free(struct uvmem_batch *b);
void uvmem_batch_drop_spares(struct uvmem_batch *b);
unsigned int uvmem_batch_mark(struct uvmem_batch *b);
void uvmem_batch_unmark(struct uvmem_batch *b);
void uvmem_batch_unmark_one(struct uvmem_batch *b, unsigned int i);
void uvmem_batch_error(const struct uvmem_batch *b, unsigned int i, int err);
void uvmem_batch_skip(struct uvmem_batch *b, enum uvmem_reason reason, u64 nr);
static inline bool uvmem_batch_is_in(const struct uvmem_batch *b)
{
	return b->purpose == UVMEM_TO_SECURE || b->purpose == UVMEM_TO_FRAME;
}
/* Does the batch cover what a huge page could: a whole chunk, aligned in the VMM as well? */
static inline bool uvmem_batch_is_huge(const struct uvmem_batch *b)
{
	return b->nr == UVMEM_CHUNK_PAGES && IS_ALIGNED(b->hva, PMD_SIZE);
}
/* Anything to do for it in the chunk, and how many pages may need a new place? */
bool uvmem_batch_has_work(struct uvmem_batch *b, unsigned int *ret_need);
void uvmem_batch_account(struct uvmem_batch *b, bool in, unsigned int moved);

/* ---- attempt.c ---- */

/* Move it, with retries. b->nr may shrink to what the VMA has. -EINTR: fatal signal. */
int uvmem_batch_run(struct uvmem_batch *b, unsigned int need);
/* What kept others out of the VMM's memory is over: mmap_lock is held for read. */
void uvmem_batch_share_lock(struct uvmem_batch *b);
/* For migrate_vma_setup(), once what is todo is marked; @select: MIGRATE_VMA_SELECT_*. */
struct migrate_vma uvmem_batch_args(struct uvmem_batch *b, unsigned long select);

/* ---- around.c ---- */

/*
 * The guest touched @gfn, which is in @state, and of @slot: have neighbours come in with
 * it. False: that is not for them; true: look what became of it.
 */
bool uvmem_page_in_around(struct uvmem_vm *vm, const struct kvm_memory_slot *slot, gfn_t gfn,
			  enum uvmem_page_state state);
/* This page was paged out, and came in with another one; chunk->lock is held. */
void uvmem_around_brought(struct uvmem_chunk *chunk, unsigned int off);

/* ---- peek.c ---- */

/* What the VMM's page table has at an address. */
enum uvmem_peek {
	UVMEM_PEEK_NONE,		/* nothing, or the zero page */
	UVMEM_PEEK_NO_TABLE,		/* nothing in the whole 2 MiB around it */
	UVMEM_PEEK_PRESENT,
	UVMEM_PEEK_HUGE,		/* present, by a huge entry */
	UVMEM_PEEK_PINNED,		/* present, and somebody has a pin */
	UVMEM_PEEK_MERGED,		/* present, by KSM: anybody may have it as well */
	UVMEM_PEEK_SWAP,
	UVMEM_PEEK_HANDLE,		/* a device-private page of ours */
	UVMEM_PEEK_HUGE_HANDLE,		/* a huge one */
	UVMEM_PEEK_FOREIGN,		/* one of somebody else */
	UVMEM_PEEK_MARKER,		/* poisoned, guarded, watched ...: a fault says what it means */
	UVMEM_PEEK_BUSY,		/* under migration */
};
enum uvmem_peek uvmem_peek(struct mm_struct *mm, unsigned long addr);
/* Can memory behind @vma be secure? */
bool uvmem_vma_fits(struct vm_area_struct *vma);

/* ---- movein.c, moveout.c ---- */

/*
 * Prepare: spares for @need pages, or as many as there are; sleeps,
 * before mmap_lock is taken where that is possible. Then move what can be moved of the batch; mmap_lock held for
 * read throughout (b->exclusive: for write, until they are collected). Return the
 * number of pages that moved. Pages that were not are counted by reason, except those listed in @retry (a bitmap, may be NULL), which
 * are worth another try once the caller has faulted them in.
 */
void uvmem_batch_in_prepare(struct uvmem_batch *b, unsigned int need);
void uvmem_batch_out_prepare(struct uvmem_batch *b, unsigned int need);
unsigned int uvmem_batch_in(struct uvmem_batch *b, unsigned long *retry);
unsigned int uvmem_batch_out(struct uvmem_batch *b, unsigned long *retry);

#endif
