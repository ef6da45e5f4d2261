/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uvmem.h - what the files of the module tell each other
 *
 * Lock order (outer first; each is asserted where it is relied upon):
 *	1. kvm->slots_lock, kvm->srcu (read)
 *	2. vm->lock			VM life cycle (state, stop, slots); vm->age_lock
 *	3. mm->mmap_lock (read)
 *	4. transit marks of gfns, ascending; see gfn.c
 *	5. folio locks (trylock only, by migrate_vma), page-table locks
 *	6. kvm->mmu_lock
 *	7. chunk->lock (spin, interrupts off; also inside lruvec->lru_lock)
 *	   or vm->chunks' xa_lock, where all of a chunk is alike
 *	8. vm->stall spinlock
 *	9. leaves: pgmap, event queue, writeout.c's queue, vm->idle spinlocks
 * A transit mark is never waited for with 5-9 held. The reclaim of memory may
 * be entered up to and including 3, never with 4 held.
 */
#ifndef UVMEM_H
#define UVMEM_H

#include <linux/kvm_host.h>
#include <linux/kvm_uvmem_ops.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <linux/kvm_uvmem.h>

#include "entry.h"
#include "fault_window.h"
#include "point.h"
#include "range.h"
#include "seal.h"
#include "stall_window.h"
#include "state.h"
#include "stats.h"
#include "../hypercalls/progress.h"

struct uvmem_vm;
struct uvmem_uv_ops;

#define UVMEM_BATCH		UVMEM_CHUNK_PAGES	/* pages moved at once, at most */
#define UVMEM_WAITQUEUES	64
#define UVMEM_MOVE_RETRIES	4
#define UVMEM_RESET_RETRIES	1000	/* of a millisecond each */
#define UVMEM_RECLAIM_STEP	32U	/* pages taken at once when a fault finds no frame */

/* ---- frame.c: secure frames ------------------------------------------------ */

int uvmem_frame_init(void);
void uvmem_frame_exit(void);
/*
 * Content is undefined: the caller overwrites or clears all of it. NULL: limit or memory (see @ret_reason).
 * __GFP_NORETRY for work that nobody waits for; without it the page allocator tries hard, but kills nobody.
 */
struct page *uvmem_frame_alloc(struct uvmem_vm *vm, gfp_t gfp, int nid,
			       enum uvmem_reason *ret_reason);
/* Fills frames[512] with contiguous aligned ones; false: none to be had easily. */
bool uvmem_frame_alloc_block(struct uvmem_vm *vm, int nid, struct page **frames);
/* Scrubs. Atomic. @vm's count and the pool's go down. */
void uvmem_frame_free(struct uvmem_vm *vm, struct page *frame);
/* @scrubbed: its content is known to be zero. */
void uvmem_frame_free_scrubbed(struct uvmem_vm *vm, struct page *frame, bool scrubbed);
/* Its memory is bad: what is in it must not be looked at. */
static inline bool uvmem_frame_failed(const struct page *frame)
{
	return PageHWPoison(frame);
}

/* The same for all on a list (by page->lru); sleeps. */
void uvmem_frame_free_list(struct uvmem_vm *vm, struct list_head *frames);
/* Frames that @vm could have now; a hint. */
u64 uvmem_frame_room(struct uvmem_vm *vm);
/* Has @vm as many frames as it may have? */
bool uvmem_frame_at_max(struct uvmem_vm *vm);
/* The limits of @vm are new. */
void uvmem_frame_note_limits(struct uvmem_vm *vm);
u64 uvmem_frame_limit(void);
int uvmem_frame_set_limit(u64 frames);
u64 uvmem_frame_used(void);
u64 uvmem_frame_peak(void);

/* ---- pgmap.c: handles (device-private pages) ------------------------------- */

/*
 * A handle is a device-private page; its zone_device_data is the address of the
 * gfn table's word (u64 *) of the page that it stands for while committed, else NULL
 * (new, never committed, or a husk whose VM has ended).
 */
int uvmem_pgmap_init(void);
/* All handles must be free. Sleeps. */
void uvmem_pgmap_exit(void);
/* Not yet initialised for use in a page table: see uvmem_handle_activate(). May sleep (grows the pgmap) unless !gfpflags_allow_blocking(gfp). */
struct page *uvmem_handle_alloc(gfp_t gfp, int nid);
/* Return a handle that was never activated. */
void uvmem_handle_free(struct page *handle);
/* zone_device_page_init(): locked, one reference; from here on put_page() frees it through ->folio_free. */
void uvmem_handle_activate(struct page *handle);
/* Have the range of handles grow until @nr are free on @nid. Sleeps. 0, -errno. */
int uvmem_handle_reserve(unsigned int nr, int nid);
/*
 * The same for 512 handles at once, naturally aligned; the first one is returned.
 * Active, they are one folio of 2 MiB, until the core splits it.
 */
struct page *uvmem_handle_alloc_huge(gfp_t gfp, int nid);
void uvmem_handle_free_huge(struct page *handle);
void uvmem_handle_activate_huge(struct page *handle);
bool uvmem_is_handle(const struct page *page);
void *uvmem_pgmap_owner(void);
struct uvmem_pgmap_counts { u64 total, used, husk, bytes; };
void uvmem_pgmap_counts(struct uvmem_pgmap_counts *counts);
/* Handles turned to husks/back: accounting only. */
void uvmem_pgmap_add_husks(long nr);
/* Give back all chunks without used handles. Sleeps; called when a VM has ended. */
void uvmem_pgmap_shrink(void);

/* host.c: what the host does to handles; the first two are called by the pgmap's ops. */
void uvmem_handle_dropped(struct page *handle);		/* last reference gone; atomic */
vm_fault_t uvmem_host_touch(struct vm_fault *vmf);
/* @tail, of any order, was split off @head: set its zone_device_data (NULL now). Atomic. */
void uvmem_handle_split(struct folio *head, struct folio *tail);
/* The VM of a committed handle ends. chunk->lock held. */
void uvmem_handle_make_husk(struct page *handle);
/* Frames whose handles were dropped: zap them from the guest, then free. */
void uvmem_host_drop_work(struct uvmem_vm *vm);
/* As above when no guest mapping can exist any more. */
void uvmem_host_free_dropped(struct uvmem_vm *vm);

/* ---- gfn.c: the gfn table ---------------------------------------------------- */

struct uvmem_chunk {
	spinlock_t lock;
	struct uvmem_vm *vm;
	u64 index;			/* gfn >> UVMEM_CHUNK_SHIFT */
	unsigned int nr_blocked;	/* entries that forbid a huge plaintext mapping */
	unsigned int nr_transit;	/* entries in transit */
	unsigned int nr_in;		/* entries that are IN */
	unsigned int nr_pooled;		/* entries that are POOL */
	unsigned long contig;		/* pfn of 512 contiguous frames that all pages are in, or 0 */
	struct uvmem_seal *seals;	/* UVMEM_CHUNK_PAGES, or NULL: of pages that are OUT or POOL */
	unsigned long *blobs;		/* the same: of POOL; of others, an orphan's; 0: none */
	struct list_head orphaned;	/* in vm->orphaned: may have blobs that nobody wants */
	u64 *ent;			/* one page; page_private() leads back here */
	u32 *when;			/* IN: last known to be young; OUT, ZERO, POOL: it left. See age.c */
	DECLARE_BITMAP(idle_once, UVMEM_CHUNK_PAGES);	/* IN, found idle: reclaim.c */
	DECLARE_BITMAP(no_gain, UVMEM_CHUNK_PAGES);	/* IN, leaves ciphertext only: age.c */
	DECLARE_BITMAP(brought, UVMEM_CHUNK_PAGES);	/* IN with another page, not touched yet: around.c */
	struct uvmem_fault_window window;
	/* the lock protects the above */
	struct uvmem_pooled {		/* among all chunks with pages that are POOL */
		struct rb_node node;
		struct list_head aside;
		bool queued;		/* node is in the tree */
		u32 oldest;		/* when the oldest page came, or earlier */
	} pooled;			/* under writeout.c's queue_lock */
	struct rcu_head rcu;
};

#define UVMEM_TRANSIT_TIMEOUT	(10 * HZ)	/* longer than any move takes, even emulated */

struct uvmem_chunk *uvmem_chunk_of(u64 *ent);
struct uvmem_chunk *uvmem_chunk_get(struct uvmem_vm *vm, gfn_t gfn);
struct uvmem_chunk *uvmem_chunk_peek(struct uvmem_vm *vm, gfn_t gfn, u64 *ret_uniform);
int uvmem_chunk_make_seals(struct uvmem_chunk *chunk);
int uvmem_chunk_make_blobs(struct uvmem_chunk *chunk);
void uvmem_blob_orphan(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_blob_free_orphans(struct uvmem_vm *vm);
u64 uvmem_gfn_read(struct uvmem_vm *vm, gfn_t gfn);
/*
 * The word of @gfn, which stays as it is until it is unlocked. *@ret_chunk is for that;
 * NULL: all of the chunk is alike. Both are spinlocks, interrupts may be off.
 */
u64 uvmem_word_lock(struct uvmem_vm *vm, gfn_t gfn, struct uvmem_chunk **ret_chunk);
void uvmem_word_unlock(struct uvmem_vm *vm, struct uvmem_chunk *chunk);
bool uvmem_gfn_any_secure(struct uvmem_vm *vm, gfn_t gfn, u64 nr);	/* sleeps */
int uvmem_page_event(struct uvmem_chunk *chunk, unsigned int off,
		     enum uvmem_page_event event, u16 stamp, u64 payload);
bool uvmem_uniform_change(struct uvmem_vm *vm, u64 index, u64 old, u64 new);
int uvmem_transit_wait(struct uvmem_vm *vm, gfn_t gfn);
void uvmem_transit_wake(struct uvmem_vm *vm, gfn_t gfn);
bool uvmem_transit_trymark(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_transit_unmark(struct uvmem_chunk *chunk, unsigned int off);
int uvmem_gfn_reserve(struct uvmem_vm *vm, gfn_t gfn, u64 nr);
void uvmem_gfn_release(struct uvmem_vm *vm, gfn_t gfn, u64 nr);
void uvmem_gfn_slot_change(struct uvmem_vm *vm, gfn_t gfn, u64 nr, bool add);
void uvmem_gfn_destroy(struct uvmem_vm *vm);

struct uvmem_vm {
	struct rcu_head rcu;		/* first: kfree_rcu() wants it within 4096 bytes */
	u64 id;
	struct kvm *kvm;		/* NULL once the VM has ended; under lock */
	struct mm_struct *mm;		/* mmgrab()bed */
	struct pid *pid;		/* of the VMM */
	u64 flags;
	u64 max_frames;
	u8 cbit;			/* the guest's idea of it, 0: none */
	char name[64];
	refcount_t users;		/* KVM, per-VM files */
	atomic_t active;		/* see vm.c, "References" */
	struct list_head node;		/* in the list of all VMs */

	struct mutex lock;
	enum uvmem_vm_state state;	/* written under lock, read anywhere */
	bool ended;			/* destroy has begun; no page moves any more */

	atomic_t stop_claimed;
	atomic_t stop_reason;		/* enum uvmem_stop_reason, set once */
	u64 stop_gpa;
	int nid;			/* node of the VMM's thread that moved pages last; a hint */

	struct xarray chunks;		/* index -> struct uvmem_chunk * or xa_value(entry) of a uniform chunk */
	wait_queue_head_t wq[UVMEM_WAITQUEUES];	/* for transit marks, hashed by chunk */

	atomic_long_t pages[UVMEM_PAGE_NR_STATES];
	atomic_long_t registered, detached;
	atomic_long_t frames;
	atomic_long_t metadata;		/* bytes */
	atomic_long_t pool_bytes;	/* of blobs of pages that are POOL */

	struct uvmem_idle {
		spinlock_t lock;	/* leaf, interrupts off */
		u32 passes;		/* completed */
		u64 nr[UVMEM_IDLE_BUCKETS + 1];	/* pages that are IN, see age.c */
		u64 no_gain[UVMEM_IDLE_BUCKETS + 1];	/* of these, such as are known to be it */
	} idle;
	struct mutex age_lock;		/* one pass at a time */
	gfn_t age_hand;			/* where the pass goes on; under age_lock */

	gfn_t reclaim_hand;		/* where reclaim goes on; a hint */
	bool no_gain_full;		/* some of idle.no_gain only for want of room in the sealed pool */
	gfn_t reclaim_next;		/* among pages that are as idle as others; see reclaim.c */
	struct uvmem_vm_limits {
		u64 min, low, high, max;	/* frames; high, max: 0 is none */
	} limits;			/* written under lock, read anywhere */
	atomic_t above_high;		/* VM_HIGH was sent for this crossing */
	u64 tired;			/* sweep of the watermark's worker that got nothing */
	u64 not_written;		/* run of writeout.c's worker that met a taken mmap_lock */

	struct uvmem_stall {
		spinlock_t lock;
		unsigned int waiting;	/* vCPUs */
		bool full;		/* all that could run */
		u64 since_ns;
		u64 some_ns, full_ns;	/* until then */
		struct uvmem_stall_window window[UVMEM_STALL_NR_KINDS];
		u64 due_ns;		/* when work is to look, 0: not at all */
		struct delayed_work work;
	} stall;

	spinlock_t drop_lock;
	struct list_head dropped;	/* frames whose handle the host dropped; by page->lru */
	struct list_head orphaned;	/* chunks with blobs of which the same is true */
	struct work_struct drop_work;

	const struct uvmem_uv_ops *uv;
	void *uv_priv;

	struct uvmem_hc_progress hc;	/* long hypercalls */

	struct uvmem_stats stats;
};

/* ---- uv.c: the ultravisor interface ------------------------------------------ */

/*
 * struct uvmem_uv_ops - what secures pages; the software ultravisor is one, firmware could be another
 *
 * All may sleep unless said. errno; -EBADMSG is a failed verification.
 */
struct uvmem_uv_ops {
	const char *name;
	int  (*init)(struct uvmem_vm *vm);			/* UV_ESM: make the VM's key */
	void (*terminate)(struct uvmem_vm *vm);			/* UV_SVM_TERMINATE: wipe it; idempotent */
	int  (*register_mem_slot)(struct uvmem_vm *vm, u64 gfn, u64 nr_pages, u16 slot);
	int  (*unregister_mem_slot)(struct uvmem_vm *vm, u16 slot);
	/* UV_PAGE_OUT, prepare: ciphertext of @frame to @dst (may be the same page), *seal on success only. Does not sleep on reclaim: called with pages locked. */
	int  (*page_out)(struct uvmem_vm *vm, u64 gfn, struct page *frame,
			 struct page *dst, struct uvmem_seal *seal);
	/* UV_PAGE_IN: @frame already holds the ciphertext; decrypted in place when genuine, else -EBADMSG and @frame is wiped. */
	int  (*page_in)(struct uvmem_vm *vm, u64 gfn, struct page *frame,
			const struct uvmem_seal *seal);
	/* UV_PAGE_INVAL: the VMM's page of a shared gfn went away. -EINVAL for a secure one. */
	int  (*page_inval)(struct uvmem_vm *vm, u64 gfn);
	/* As page_out and page_in, in place, for the first @len bytes of @page. */
	int  (*seal_blob)(struct uvmem_vm *vm, u64 gfn, struct page *page, unsigned int len,
			  struct uvmem_seal *seal);
	int  (*open_blob)(struct uvmem_vm *vm, u64 gfn, struct page *page, unsigned int len,
			  const struct uvmem_seal *seal);
};
extern const struct uvmem_uv_ops uvmem_uv_software;
/* Load and unload: request contexts; init runs the self test. Sleep. No VM may be left at exit. */
int uvmem_uv_init(void);
void uvmem_uv_exit(void);
/* A known answer and seven forgeries; 0 or -errno, then nothing must be sealed. Needs the contexts. */
int uvmem_uv_selftest(void);
u64 uvmem_uv_keys(void);		/* keys in memory */

/* ---- blob.c: the sealed pool ------------------------------------------------- */

/* What is kept of a page that is POOL. */
struct uvmem_blob {
	unsigned long handle;		/* zsmalloc's; 0: none */
	u16 size;			/* bytes */
	struct uvmem_seal seal;
};

int uvmem_blob_init(void);
/* All blobs must be free. */
void uvmem_blob_exit(void);
u64 uvmem_blob_limit(void);		/* bytes */
int uvmem_blob_set_limit(u64 bytes);	/* 0, -EINVAL */
u64 uvmem_blob_used(void);		/* bytes of memory */
/* For somebody who has more: is there room for it? A hint. */
bool uvmem_blob_room(void);
/* Bytes of memory above which the oldest ones are written out, until so many are in use. */
u64 uvmem_blob_high(void);
u64 uvmem_blob_low(void);
/* Have blobs lie together, so that the memory between them can be had. Sleeps. */
void uvmem_blob_compact(void);
/*
 * Compress and seal the content of @frame, which stays. -E2BIG: it does not get small enough,
 * -ENOSPC, -ENOMEM: no room; or an error of the cipher. Neither sleeps nor reclaims.
 */
int uvmem_blob_make(struct uvmem_vm *vm, u64 gfn, struct page *frame, struct uvmem_blob *blob);
/* And back, into @to; the blob stays. -EBADMSG: not genuine, the guest is stopped. */
int uvmem_blob_open(struct uvmem_vm *vm, u64 gfn, const struct uvmem_blob *blob, struct page *to);
/* No spinlock of ours is held. 0: nothing to do. */
void uvmem_blob_free(unsigned long handle);

/* ---- event.c ------------------------------------------------------------------- */

struct uvmem_event_reader;		/* one open file's queue */
/* @vm_id 0: all VMs; UVMEM_EVENT_NO_VM: none until uvmem_event_bind(). NULL on ENOMEM. */
#define UVMEM_EVENT_NO_VM	(~0ULL)
struct uvmem_event_reader *uvmem_event_open(u64 vm_id);
void uvmem_event_bind(struct uvmem_event_reader *reader, u64 vm_id);
void uvmem_event_close(struct uvmem_event_reader *reader);
ssize_t uvmem_event_read(struct uvmem_event_reader *reader, char __user *buf,
			 size_t len, bool nonblock);
__poll_t uvmem_event_poll(struct uvmem_event_reader *reader, struct file *file,
			  struct poll_table_struct *wait);
/* Never sleeps, never fails: a full queue becomes an overflow record. */
void uvmem_event_emit(enum uvmem_event_type type, u64 vm_id, u64 v0, u64 v1);

/* ---- stats.c --------------------------------------------------------------------- */
int uvmem_stats_fd(struct uvmem_vm *vm);

/* ---- vm.c -------------------------------------------------------------------------- */
int uvmem_vm_arm(struct kvm *kvm, u64 flags, u64 max_frames, const char *name,
		 struct uvmem_vm **ret_vm);		/* returns a reference */
struct uvmem_vm *uvmem_vm_get(struct uvmem_vm *vm);
void uvmem_vm_put(struct uvmem_vm *vm);
struct uvmem_vm *uvmem_vm_find(u64 id);			/* reference or NULL */
u32 uvmem_vm_list(u64 *ids, u32 nr);			/* how many there are; fills at most nr, ascending */
u32 uvmem_vm_count(void);
/* Sums over all VMs. */
struct uvmem_totals { u64 out, pool, pool_bytes, metadata; };
void uvmem_vm_totals(struct uvmem_totals *totals);
/*
 * Whose pages go when nobody says: a reference to the VM that is furthest above its limits.low, or
 * else its limits.min, and was not tired in @sweep. NULL: none. *@ret_excess: how far.
 */
struct uvmem_vm *uvmem_vm_victim(u64 sweep, u64 *ret_excess);
/* 0, -EINVAL: they contradict each other. */
int uvmem_vm_set_limits(struct uvmem_vm *vm, const struct uvmem_vm_limits *limits);
void uvmem_vm_get_limits(struct uvmem_vm *vm, struct uvmem_vm_limits *limits);
void uvmem_vm_info(struct uvmem_vm *vm, struct uvmem_vm_info *info);
/* Keep kvm and its mm alive for a while: 0, -ESRCH. */
int uvmem_vm_hold(struct uvmem_vm *vm);
void uvmem_vm_release(struct uvmem_vm *vm);
void uvmem_vm_pre_destroy(struct kvm *kvm);		/* kvm_uvmem_ops.pre_destroy_vm */
void uvmem_vm_destroy(struct kvm *kvm);			/* kvm_uvmem_ops.destroy_vm */
/* Keep the gfn table and vm->kvm for a while; false: the VM is ending. */
bool uvmem_vm_enter(struct uvmem_vm *vm);
void uvmem_vm_leave(struct uvmem_vm *vm);
bool uvmem_vm_stopped(struct uvmem_vm *vm);
/* Stop the guest; the first reason stays. Any context. */
void uvmem_vm_stop(struct uvmem_vm *vm, enum uvmem_stop_reason reason, gfn_t gfn);

static inline struct uvmem_vm *to_uvmem_vm(struct kvm *kvm)
{
	return kvm_uvmem_priv(kvm);
}

/* Life cycle; for the hypercalls. -EPERM/-EALREADY/-ESRCH/-EBUSY per state.c's table, changes nothing then. */
int uvmem_vm_init_start(struct uvmem_vm *vm);
int uvmem_vm_init_done(struct uvmem_vm *vm);
/* Gives every page back in plaintext and wipes the key. -EAGAIN: more to do, call again. */
int uvmem_vm_init_abort(struct uvmem_vm *vm);
/* kvm_uvmem_ops.needs_reset, .reset_vm: the VM is as it was when it had been armed. 0, or see uvmem_reset_all(). */
bool uvmem_vm_needs_reset(struct kvm *kvm);
int uvmem_vm_reset(struct kvm *kvm);

/* ---- move.c: ranges ------------------------------------------------------------------- */

struct uvmem_move {
	enum uvmem_cause cause;
	bool zero;			/* share/unshare: do not keep the content */
	bool ignore_age;
	bool nowait;			/* skip pages in transit rather than wait */
	bool trylock;			/* nor wait for mmap_lock */
	bool pool_only;			/* page-out: to nowhere but the sealed pool */
	bool no_ciphertext;		/* the same for want of gain: pages that stay are remembered */
	/* results */
	u64 moved;
	u64 same_filled;		/* of these, pages that left without ciphertext */
	u64 pooled;			/* of these, pages that are in the sealed pool */
	u64 skipped[UVMEM_NR_REASONS];
	int err;			/* first hard error: -EBADMSG ... */
	gfn_t err_gfn;			/* the page that it is about */
};

/*
 * Each works on [gfn, gfn + nr), which need not be in one memslot; returns how many
 * pages were dealt with (moved or counted as skipped), which is less than nr
 * when a signal is pending or the CPU is wanted (call again for the rest), or -errno. kvm and mm are
 * held by the caller (a vCPU, or uvmem_vm_hold()). mmap_lock must not be held.
 */
s64 uvmem_secure_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_share_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_page_in_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
s64 uvmem_page_out_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
/* Pages of the sealed pool to the VMM's memory. */
s64 uvmem_write_out_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move);
/* Give back every page in plaintext; 0, or -EAGAIN: more to do. */
s64 uvmem_abort_all(struct uvmem_vm *vm);
/* Drop the content of every page; they are NORMAL then. No vCPU runs. 0, -EBUSY, -ENOMEM, -EINTR: come again. */
int uvmem_reset_all(struct uvmem_vm *vm);
/* One page, for a guest or kernel access: ABSENT, OUT, ZERO and POOL become IN. 0, -EAGAIN (try again), -errno (guest is stopped where that is the answer). */
int uvmem_page_in_one(struct uvmem_vm *vm, gfn_t gfn, enum uvmem_cause cause);
/* The memslot of @gfn if it is one that can have secure pages, or NULL; kvm->srcu is held. */
struct kvm_memory_slot *uvmem_user_slot(struct kvm *kvm, gfn_t gfn);
/* all gfns of [gfn, gfn+nr) are in user memslots that can be secured (not read-only) */
bool uvmem_range_in_slots(struct uvmem_vm *vm, gfn_t gfn, u64 nr);
/* Next gfn >= gfn that a user memslot has; false: none. *ret_nr: how many follow contiguously in that slot. */
bool uvmem_next_slot_range(struct uvmem_vm *vm, gfn_t gfn, gfn_t *ret_gfn, u64 *ret_nr);
enum uvmem_page_state uvmem_gfn_state(struct uvmem_vm *vm, gfn_t gfn, bool *ret_transit);

/* ---- face.c ------------------------------------------------------------------------------ */
/* kvm_uvmem_ops.cpuid, .get_msr, .set_msr */
void uvmem_face_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index, u32 *eax, u32 *ebx,
		      u32 *ecx, u32 *edx);
int uvmem_face_get_msr(struct kvm_vcpu *vcpu, u32 msr, u64 *data);
int uvmem_face_set_msr(struct kvm_vcpu *vcpu, u32 msr, u64 data);
/* Can @slot, which is new, hold what a stock guest will put there? 0, -EOPNOTSUPP */
int uvmem_face_check_slot(struct uvmem_vm *vm, const struct kvm_memory_slot *slot);
/* The C-bit of VMs that see one; 0: this host has none to spare. */
u8 uvmem_face_cbit(void);

/* ---- guest.c ---------------------------------------------------------------------------- */
extern const struct kvm_uvmem_ops uvmem_kvm_ops;

/* ---- around.c --------------------------------------------------------------------------- */
/* The guest touched a page that is IN; perhaps it came in with another one. */
void uvmem_around_touched(struct uvmem_chunk *chunk, unsigned int off);

/* ---- access.c --------------------------------------------------------------------------- */
/* What an access does to the page at @mem, once it is there; under chunk->lock. */
typedef int (*uvmem_access_fn)(void *mem, void *arg);
/* Run @fn on the page of @gfn. KVM_UVMEM_PASS: it is not secure. @fn's result, -EAGAIN (@atomic only), -EFAULT. */
int uvmem_access_page(struct uvmem_vm *vm, gfn_t gfn, bool atomic, uvmem_access_fn fn, void *arg);
/* The same to the VMM's page at @mem, without page faults: -EFAULT if it took one. */
typedef int (*uvmem_plain_fn)(void __user *mem, void *arg);
/*
 * Run @fn, which changes @len bytes at @offset, on the VMM's page behind @gfn, which cannot
 * become secure meanwhile; kvm->srcu is held. @fn's result, -EAGAIN: it is secure.
 * KVM_UVMEM_PASS: that is not for us (no memslot of the VMM's to write to, another
 * process). -EFAULT
 */
int uvmem_change_plain(struct uvmem_vm *vm, gfn_t gfn, int offset, int len, uvmem_plain_fn fn,
		       void *arg);

/* ---- zero.c ----------------------------------------------------------------------------- */
/*
 * Zero those pages of [gfn, gfn + nr) that are secure, or those that are SHARED, where
 * the guest sees them. Current is one of its vCPUs. 0, -EFAULT: one could not be had.
 */
int uvmem_zero_secure(struct uvmem_vm *vm, gfn_t gfn, u64 nr);
int uvmem_zero_shared(struct uvmem_vm *vm, gfn_t gfn, u64 nr);

#endif
