/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz.h - what the files of the fuzzer tell each other
 *
 * Theory of operation
 *	One run has one VM at a time (sometimes it ends, and another comes), and a
 *	model of it: for each page of guest memory whether it is plain (NORMAL,
 *	SHARED) or secure, and what the guest must find in it. A step draws an
 *	operation and its arguments from a generator that depends on the seed and
 *	the number of the step only, works out from the documentation (hypercalls/docs,
 *	the uapi header) what may come of it, does it, and compares. So the model is
 *	the specification once more, written against the documents and not against
 *	the module.
 *
 *	Beside the steps a second thread may make noise: operations that must
 *	change nothing that the model knows (page-out, page-in, questions).
 *
 * What the fuzzer does to itself on purpose is modelled as well: a guest that
 * zeroes its own code may do anything, except harm others; tampered or dropped
 * pages must stop the guest. Both are the last thing that a VM of a run sees.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "random.h"
#include "search.h"
#include "vm.h"

/* Gfns that the model knows: slot 0, which the guest lives in, and the test memory. */
#define LOW_PAGES	SLOT0_PAGES
#define MEM_PAGES	MEM_MAX_PAGES
#define MODEL_PAGES	(LOW_PAGES + MEM_PAGES)
#define MEM_GFN		gpa_to_gfn(MEM_GPA)
#define NR_SLOTS	4		/* of test memory, ids 1 .. 4 */
#define MAX_READERS	6

/* enum page_class - as far as the documents say what a page is */
enum page_class {
	CLASS_NONE,		/* no memslot */
	CLASS_NORMAL,
	CLASS_SHARED,
	CLASS_SECURE,		/* any of the secure states but LOST */
	NR_CLASSES,
};

/* enum page_content - what the guest must find */
enum page_content {
	CONTENT_ANY,		/* not known */
	CONTENT_FILL,		/* guest_fill() with .seed */
	CONTENT_BYTE,		/* .seed in each byte */
};

struct model_page {
	u8 class;
	u8 content;
	bool behind;		/* it was ABSENT when the host wrote to what it has there */
	u32 seed;
};

/**
 * struct model_slot - a memslot of test memory
 * @region:	the library's; its host_mem is the VMM's memory
 * @first:	page of the test memory, see mem_page()
 * @present:	the VM has it now
 * @readonly:	KVM_MEM_READONLY
 * @log:	KVM_MEM_LOG_DIRTY_PAGES is on
 */
struct model_slot {
	struct userspace_mem_region *region;
	u64 first;
	u64 pages;
	bool present;
	bool readonly;
	bool log;
};

struct reader {
	int fd;
	u64 seq;		/* of the last event, 0: none yet */
	u64 vm_id;		/* of a per-VM file, else 0 */
};

struct fuzz {
	u64 seed;
	struct rng rng;		/* of this step */
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	enum uvmem_vm_state state;
	bool sigbus;		/* the VM was armed so */

	bool over;		/* this VM is finished with, the next step makes another */
	struct model_slot slot[NR_SLOTS];
	struct model_page page[MODEL_PAGES];
	struct reader reader[MAX_READERS];
	u64 fills;		/* seeds given to guest_fill() */
	u64 vms;		/* VMs of this run */
};

/**
 * struct progress - of the process that runs, seen by the one that watches it
 * @results:	how often which operation ended how, by hash
 */
#define NR_RESULTS	1024
struct progress {
	u64 seed;
	u64 step;
	char what[200];
	u64 vms;
	struct result {
		char name[40];
		s64 code;
		u64 count;
	} results[NR_RESULTS];
};
extern struct progress *progress;

/* Say what is about to be done; shown if it fails, or with -v. */
void __printf(1, 2) note(const char *format, ...);
/* Count an operation and how it ended. */
void count_result(const char *name, s64 code);
/* Everything that fails a run ends here, with what was to be seen. */
#define CHECK(cond, format, ...)						\
	TEST_ASSERT(cond, "%s: " format, progress->what, ##__VA_ARGS__)

/* ---- model.c -------------------------------------------------------------- */

void model_create(struct fuzz *f);
/* End the VM; nothing of it may stay. @dead: its guest cannot be asked any more. */
void model_end(struct fuzz *f, bool dead);
struct model_page *model_page(struct fuzz *f, u64 gfn);
/* The slot that has @gfn, or NULL; slot 0 is not one. */
struct model_slot *model_slot(struct fuzz *f, u64 gfn);
/* Is all of the range in memslots that can be secure? */
bool model_in_slots(struct fuzz *f, u64 gfn, u64 nr);
/* Does any page of the range satisfy it? */
bool model_has_memory(struct fuzz *f, u64 gfn, u64 nr);
void *model_hva(struct fuzz *f, u64 gfn);
/* The next of those gfns that the model knows, from @gfn on; ~0: none before @end. */
u64 model_next(u64 gfn, u64 end);
void model_slot_delete(struct fuzz *f, struct model_slot *slot);
void model_slot_create(struct fuzz *f, struct model_slot *slot);
/* The module must say of each page what the model says, and all sums must hold. */
void model_check(struct fuzz *f);
/* The guest must find in [gfn, gfn + nr) of a slot what the model says. */
void model_verify(struct fuzz *f, u64 gfn, u64 nr);
/* A part of a slot of test memory that is present. False: there is none. */
bool model_pick(struct fuzz *f, bool writable, u64 max, u64 *ret_gfn, u64 *ret_nr);
/* Boundary-biased. */
u64 model_any_gfn(struct fuzz *f);
u64 model_any_count(struct fuzz *f, u64 gfn);

/* ---- guest_ops.c: what the guest does ---------------------------------------- */

void op_fill(struct fuzz *f);
void op_fill_byte(struct fuzz *f);
void op_verify(struct fuzz *f);
void op_hypercall(struct fuzz *f);
/* Run fn(args) in a guest that may be beyond repair. */
enum guest_end {
	GUEST_RETURNED,
	GUEST_STOPPED,
	GUEST_DIED,		/* an exception or an exit that no sane guest has */
	GUEST_HUNG,
};
enum guest_end guest_try(struct fuzz *f, void *fn, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);

/* ---- host_ops.c: what the VMM and the host do ---------------------------------- */

void op_host_read(struct fuzz *f);
void op_host_write(struct fuzz *f);
void op_flip_and_back(struct fuzz *f);
void op_move(struct fuzz *f);
void op_madvise(struct fuzz *f);
void op_mprotect(struct fuzz *f);
void op_drop_plain(struct fuzz *f);
void op_fork(struct fuzz *f);
void op_slot(struct fuzz *f);
void op_slot_log(struct fuzz *f);
void op_mremap(struct fuzz *f);
void op_limit(struct fuzz *f);
void op_sealed_pool(struct fuzz *f);
void op_doom(struct fuzz *f);

/* ---- ioctl_ops.c ----------------------------------------------------------------- */

void op_ioctl(struct fuzz *f);
void op_nobody(struct fuzz *f);

/* ---- event_ops.c ------------------------------------------------------------------- */

void op_events(struct fuzz *f);
void op_event_storm(struct fuzz *f);
void events_close(struct fuzz *f);

/* ---- noise.c ------------------------------------------------------------------------ */

void noise_start(struct fuzz *f);
void noise_stop(void);
/* No noise between these. Nothing happens if there is none. */
void noise_pause(void);
void noise_resume(void);

#endif
