/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig.h - what the benches of VMs share: sizes of the VMM's pages, content, and
 * guests that touch pages in order or not
 */
#ifndef RIG_H
#define RIG_H

#include "bench.h"
#include "vm.h"

struct size {
	const char *name;
	enum vm_mem_backing_src_type src;
};

#define NR_SIZES	2
extern const struct size sizes[NR_SIZES];

#define timed(expression)							\
({										\
	u64 start_ = bench_now();						\
	expression;								\
	bench_now() - start_;							\
})

/* Guest functions. Random content: no two pages alike, nothing in them repeats. */
u64 guest_random(u64 gpa, u64 nr_pages, u64 seed);
/*
 * Read a word of each of the pages [first, first + nr) of a shuffled range of @of
 * pages, a power of two.
 */
u64 guest_touch_shuffled(u64 gpa, u64 of, u64 first, u64 nr);
/* Calls @hypercall for each page by itself. */
u64 guest_hypercall_each(u64 hypercall, u64 gfn, u64 nr_pages);
/* The @i-th page of the shuffled range, for the host. */
u64 rig_shuffled(u64 i, u64 of);

/* fault_around_pages, or "learnt": as the module learns it, up to LEARNT_MAX. */
#define LEARNT_MAX	"32"
void rig_set_window(const char *window);

struct uvm *rig_create(const struct size *size);
u64 rig_touch(struct uvm *uvm);
/* Whatever was left behind goes now, so that the next step finds all alike. */
void rig_finish(struct uvm *uvm, u64 nr, enum uvmem_page_state state, const char *what);

#endif
