// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rig.c - see rig.h
 */
#include <string.h>

#include "kselftest.h"

#include "rig.h"

const struct size sizes[NR_SIZES] = {
	{ "4k", VM_MEM_SRC_ANONYMOUS },
	{ "2m", VM_MEM_SRC_ANONYMOUS_THP },
};

u64 guest_random(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 x = seed | 1, p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		WRITE_ONCE(*(u64 *)p, x);
	}
	return 0;
}

/* Each step maps the range to itself one to one, so the whole does. */
static inline u64 shuffled(u64 i, u64 of)
{
	u64 mask = of - 1;

	i = (i * 0x9e3779b1 + 0x5bd1) & mask;
	i ^= i >> 5;
	i = (i * 0x85ebca6b) & mask;
	i ^= i >> 6;
	return (i * 0xc2b2ae35) & mask;
}

u64 rig_shuffled(u64 i, u64 of)
{
	return shuffled(i, of);
}

u64 guest_touch_shuffled(u64 gpa, u64 of, u64 first, u64 nr)
{
	u64 i, x = 0;

	for (i = first; i < first + nr; i++)
		x ^= READ_ONCE(*(u64 *)(gpa + shuffled(i, of) * PAGE_SIZE));
	return x & 1;
}

u64 guest_hypercall_each(u64 hypercall, u64 gfn, u64 nr_pages)
{
	u64 i, err;

	for (i = 0; i < nr_pages; i++) {
		err = kvm_hypercall(hypercall, gfn + i, 1, 0, 0);
		if (err)
			return err;
	}
	return 0;
}

void rig_set_window(const char *window)
{
	bool learnt = !strcmp(window, "learnt");

	uvmem_set_param("fault_around_max", learnt ? LEARNT_MAX : "1", NULL);
	uvmem_set_param("fault_around_pages", learnt ? "1" : window, NULL);
}

struct uvm *rig_create(const struct size *size)
{
	struct uvm_config config = { .mem_pages = BENCH_PAGES, .src = size->src };

	return uvm_create(&config);
}

u64 rig_touch(struct uvm *uvm)
{
	return timed(guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, BENCH_PAGES));
}

void rig_finish(struct uvm *uvm, u64 nr, enum uvmem_page_state state, const char *what)
{
	int i;

	for (i = 0; i < 50 && uvm_count(uvm, MEM_GPA, BENCH_PAGES, state) < BENCH_PAGES; i++) {
		usleep(10000);
		if (state == UVMEM_PAGE_IN)
			uvm_page_in(uvm, MEM_GPA, BENCH_PAGES);
		else
			uvm_page_out(uvm, MEM_GPA, BENCH_PAGES);
	}
	if (nr != BENCH_PAGES)
		printf("note %s: %lu of %lu pages at the first try\n", what, nr, BENCH_PAGES);
	uvm_assert_state(uvm, MEM_GPA, BENCH_PAGES, state);
}
