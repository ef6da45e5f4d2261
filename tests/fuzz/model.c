// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - one VM, and what must be true of it; see fuzz.h
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* ---- which pages there are ------------------------------------------------------ */

struct model_page *model_page(struct fuzz *f, u64 gfn)
{
	if (gfn < LOW_PAGES)
		return &f->page[gfn];
	if (gfn >= MEM_GFN && gfn < MEM_GFN + MEM_PAGES)
		return &f->page[LOW_PAGES + gfn - MEM_GFN];
	return NULL;
}

u64 model_next(u64 gfn, u64 end)
{
	if (gfn >= LOW_PAGES && gfn < MEM_GFN)
		gfn = MEM_GFN;
	return gfn < end && gfn < MEM_GFN + MEM_PAGES ? gfn : ~0ull;
}

struct model_slot *model_slot(struct fuzz *f, u64 gfn)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++) {
		struct model_slot *slot = &f->slot[i];

		if (gfn >= MEM_GFN + slot->first && gfn < MEM_GFN + slot->first + slot->pages)
			return slot;
	}
	return NULL;
}

static bool can_be_secure(struct fuzz *f, u64 gfn)
{
	struct model_slot *slot = model_slot(f, gfn);

	return gfn < LOW_PAGES || (slot && slot->present && !slot->readonly);
}

bool model_in_slots(struct fuzz *f, u64 gfn, u64 nr)
{
	u64 end = gfn + nr;

	if (!nr || nr > MODEL_PAGES || end < gfn)
		return false;
	for (; gfn < end; gfn++)
		if (!can_be_secure(f, gfn))
			return false;
	return true;
}

bool model_has_memory(struct fuzz *f, u64 gfn, u64 nr)
{
	u64 end = gfn + nr;

	for (gfn = model_next(gfn, end); gfn != ~0ull; gfn = model_next(gfn + 1, end))
		if (can_be_secure(f, gfn))
			return true;
	return false;
}

void *model_hva(struct fuzz *f, u64 gfn)
{
	struct model_slot *slot = model_slot(f, gfn);

	if (gfn < LOW_PAGES)
		return uvm_hva(f->uvm, gfn * PAGE_SIZE);
	TEST_ASSERT(slot, "gfn 0x%lx has no slot", gfn);
	return slot->region->host_mem + (gfn - MEM_GFN - slot->first) * PAGE_SIZE;
}

/* ---- memslots ---------------------------------------------------------------------- */

static void set_slot(struct fuzz *f, struct model_slot *slot, u64 size)
{
	struct userspace_mem_region *r = slot->region;

	r->region.flags = (slot->readonly ? KVM_MEM_READONLY : 0) |
			  (slot->log ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	/* uvm_assert_sums() reads it: what is deleted has no pages. */
	r->region.memory_size = size;
	vm_set_user_memory_region(f->uvm->vm, r->region.slot, r->region.flags,
				  r->region.guest_phys_addr, size, r->host_mem);
}

void model_slot_delete(struct fuzz *f, struct model_slot *slot)
{
	u64 gfn = MEM_GFN + slot->first, end = gfn + slot->pages;

	set_slot(f, slot, 0);
	slot->present = false;
	slot->log = false;
	for (; gfn < end; gfn++)
		if (model_page(f, gfn)->class != CLASS_SECURE)
			model_page(f, gfn)->class = CLASS_NONE;
}

/* Also: change its flags, if it is there. */
void model_slot_create(struct fuzz *f, struct model_slot *slot)
{
	u64 gfn = MEM_GFN + slot->first, end = gfn + slot->pages;

	set_slot(f, slot, slot->pages * PAGE_SIZE);
	slot->present = true;
	for (; gfn < end; gfn++)
		if (model_page(f, gfn)->class == CLASS_NONE)
			model_page(f, gfn)->class = CLASS_NORMAL;
}

static void add_slot(struct fuzz *f, int i, u64 first, u64 pages, bool readonly)
{
	struct model_slot *slot = &f->slot[i];
	bool huge = !(first % HUGE_PAGES) && rng_one_in(&f->rng, 2);
	u64 n;

	vm_userspace_mem_region_add(f->uvm->vm, huge ? VM_MEM_SRC_ANONYMOUS_THP :
				    VM_MEM_SRC_ANONYMOUS, mem_page(first), MEM_SLOT + i,
				    pages, readonly ? KVM_MEM_READONLY : 0);
	*slot = (struct model_slot) {
		.region = memslot2region(f->uvm->vm, MEM_SLOT + i),
		.first = first,
		.pages = pages,
		.present = true,
		.readonly = readonly,
	};
	for (n = 0; n < pages; n++)
		*model_page(f, MEM_GFN + first + n) = (struct model_page) {
			.class = CLASS_NORMAL, .content = CONTENT_BYTE,
		};
}

/* Slots that touch, a hole, borders off the 2 MiB grid, and ROM. */
void model_create(struct fuzz *f)
{
	struct uvm_config config = { .no_mem = true, .fault_around_max = "32" };
	u64 gfn, first;

	f->sigbus = rng_one_in(&f->rng, 8);
	if (f->sigbus)
		config.flags = UVMEM_ARM_HOST_TOUCH_SIGBUS;
	f->uvm = uvm_create(&config);
	f->vcpu = f->uvm->vcpu[0];
	f->state = UVMEM_VM_NORMAL;
	f->over = false;
	memset(f->page, 0, sizeof(f->page));
	for (gfn = 0; gfn < LOW_PAGES; gfn++)
		f->page[gfn].class = CLASS_NORMAL;

	first = rng_one_in(&f->rng, 3) ? rng_below(&f->rng, 40) : 0;
	add_slot(f, 0, first, rng_range(&f->rng, 300, 900), false);
	first += f->slot[0].pages;
	add_slot(f, 1, first, rng_range(&f->rng, 1, 400), false);
	first = (first + f->slot[1].pages + HUGE_PAGES) / HUGE_PAGES * HUGE_PAGES;
	add_slot(f, 2, first, rng_range(&f->rng, HUGE_PAGES - 2, HUGE_PAGES + 2), false);
	first += f->slot[2].pages + rng_below(&f->rng, 3);
	add_slot(f, 3, first, rng_range(&f->rng, 1, 16), true);
	progress->vms++;
	f->vms++;
}

/* ---- checks --------------------------------------------------------------------------- */

static const char * const class_names[NR_CLASSES] = {
	[CLASS_NONE] = "NONE", [CLASS_NORMAL] = "NORMAL", [CLASS_SHARED] = "SHARED",
	[CLASS_SECURE] = "secure",
};

static enum page_class class_of(u8 state)
{
	switch (state) {
	case UVMEM_PAGE_NONE:
		return CLASS_NONE;
	case UVMEM_PAGE_NORMAL:
		return CLASS_NORMAL;
	case UVMEM_PAGE_SHARED:
		return CLASS_SHARED;
	case UVMEM_PAGE_ABSENT:
	case UVMEM_PAGE_IN:
	case UVMEM_PAGE_OUT:
	case UVMEM_PAGE_ZERO:
	case UVMEM_PAGE_POOL:
		return CLASS_SECURE;
	}
	return NR_CLASSES;
}

static void check_classes(struct fuzz *f, u64 gfn, u64 nr)
{
	static u8 states[MODEL_PAGES];
	u64 i;

	uvm_states(f->uvm, gfn * PAGE_SIZE, nr, states);
	for (i = 0; i < nr; i++) {
		struct model_page *page = model_page(f, gfn + i);

		CHECK(class_of(states[i]) == page->class, "gfn 0x%lx is %s, must be %s", gfn + i,
		      uvm_state_name(states[i]), class_names[page->class]);
	}
}

static void check_vm(struct fuzz *f)
{
	struct uvmem_vm_info info;

	uvm_info(f->uvm, &info);
	CHECK(info.state == f->state, "the VM's state is %u, must be %u", info.state, f->state);
	CHECK(!info.stop_reason, "the guest was stopped, reason %u at 0x%llx",
	      info.stop_reason, info.stop_gpa);
}

void model_check(struct fuzz *f)
{
	noise_pause();
	check_vm(f);
	check_classes(f, 0, LOW_PAGES);
	check_classes(f, MEM_GFN, MEM_PAGES);
	uvm_assert_sums(f->uvm);
	noise_resume();
}

/* Pages that are to be read as one: one content, one seed. */
void model_verify(struct fuzz *f, u64 gfn, u64 nr)
{
	u64 end = gfn + nr, n, ret;

	for (; gfn < end; gfn += n) {
		const struct model_page *page = model_page(f, gfn);

		for (n = 1; gfn + n < end; n++) {
			const struct model_page *next = model_page(f, gfn + n);

			if (next->content != page->content || next->seed != page->seed)
				break;
		}
		if (page->content == CONTENT_ANY)
			continue;
		ret = guest_call(f->vcpu, page->content == CONTENT_FILL ? guest_verify :
				 guest_verify_byte, gfn * PAGE_SIZE, n, page->seed);
		CHECK(ret == GUEST_OK, "gfn 0x%lx: wrong content at 0x%lx, %s %u is expected",
		      gfn, ret, page->content == CONTENT_FILL ? "fill" : "byte", page->seed);
	}
}

/*
 * The guest takes everything back, looks at all of it, and nothing of it may be
 * anywhere in this process.
 */
static void final_checks(struct fuzz *f)
{
	struct model_slot *slot;
	s64 ret;
	int i;

	for (slot = f->slot; slot < f->slot + NR_SLOTS; slot++)
		if (!slot->present)
			model_slot_create(f, slot);
	model_check(f);
	if (f->state == UVMEM_VM_INIT) {
		ret = hypercall(f->vcpu, H_SVM_INIT_DONE);
		CHECK(!ret, "H_SVM_INIT_DONE: %ld", ret);
	}
	ret = hypercall_patient(f->vcpu, KVM_HC_MAP_GPA_RANGE, 0, MEM_GFN + MEM_PAGES,
				UVMEM_MAP_ENCRYPTED);
	CHECK(!ret, "KVM_HC_MAP_GPA_RANGE: %ld", ret);
	for (i = 0; i < 2; i++) {
		for (slot = f->slot; slot < f->slot + NR_SLOTS; slot++)
			model_verify(f, MEM_GFN + slot->first, slot->pages);
		assert_no_markers(i || f->sigbus ? SEARCH_PRESENT : SEARCH_TOUCH);
		uvm_assert_sums(f->uvm);
	}
}

void model_end(struct fuzz *f, bool dead)
{
	noise_stop();
	if (!dead) {
		note("the end of the VM");
		final_checks(f);
	}
	uvm_assert_sums(f->uvm);
	/* Files of it may keep what they must not. */
	uvm_free(f->uvm);
	f->uvm = NULL;
}

/* ---- what to work on -------------------------------------------------------------------- */

bool model_pick(struct fuzz *f, bool writable, u64 max, u64 *ret_gfn, u64 *ret_nr)
{
	int i = rng_below(&f->rng, NR_SLOTS), n;
	struct model_slot *slot;
	u64 first, nr;

	for (n = 0; n < NR_SLOTS; n++, i = (i + 1) % NR_SLOTS) {
		slot = &f->slot[i];
		if (slot->present && !(writable && slot->readonly))
			break;
	}
	if (n == NR_SLOTS)
		return false;

	switch (rng_below(&f->rng, 4)) {
	case 0:	/* a page, often an outer one */
		first = rng_one_in(&f->rng, 2) ? rng_below(&f->rng, slot->pages) :
			rng_one_in(&f->rng, 2) ? 0 : slot->pages - 1;
		nr = 1;
		break;
	case 1:	/* up to the end */
		first = rng_below(&f->rng, slot->pages);
		nr = slot->pages - first;
		break;
	case 2:	/* all */
		first = 0;
		nr = slot->pages;
		break;
	default:
		first = rng_below(&f->rng, slot->pages);
		nr = rng_range(&f->rng, 1, slot->pages - first);
		break;
	}
	*ret_gfn = MEM_GFN + slot->first + first;
	*ret_nr = min(nr, max);
	return true;
}

u64 model_any_gfn(struct fuzz *f)
{
	static const u64 odd[] = {
		0, 1, SLOT0_PAGES - 1, SLOT0_PAGES, gpa_to_gfn(MMIO_GPA), MEM_GFN - 1,
		MEM_GFN + MEM_PAGES - 1, MEM_GFN + MEM_PAGES, (1ull << 40) - 1, 1ull << 40,
		(1ull << 51) - 1, 1ull << 51, ~0ull >> 12, ~0ull, 1ull << 63, 0xfee00, 0xfffff,
	};
	struct model_slot *slot = &f->slot[rng_below(&f->rng, NR_SLOTS)];
	u64 edge;

	switch (rng_below(&f->rng, 8)) {
	case 0:
		return rng_pick(&f->rng, odd);
	case 1:	/* around an end of a slot, also of one that is not there */
		edge = slot->first + (rng_one_in(&f->rng, 2) ? slot->pages : 0);
		return MEM_GFN + edge + rng_below(&f->rng, 5) - 2;
	case 2:	/* around 2 MiB */
		edge = slot->first / HUGE_PAGES * HUGE_PAGES + rng_below(&f->rng, 3) * HUGE_PAGES;
		return MEM_GFN + edge + rng_below(&f->rng, 3) - 1;
	case 3:
		return rng_next(&f->rng) >> rng_below(&f->rng, 64);
	case 4:	/* on the grid */
		return MEM_GFN + slot->first / HUGE_PAGES * HUGE_PAGES;
	default:
		return MEM_GFN + slot->first + rng_below(&f->rng, slot->pages);
	}
}

u64 model_any_count(struct fuzz *f, u64 gfn)
{
	struct model_slot *slot = model_slot(f, gfn);
	const u64 odd[] = {
		0, 1, 2, HUGE_PAGES - 1, HUGE_PAGES, HUGE_PAGES + 1, 4096, 4097, 65536, 65537,
		1ull << 40, (1ull << 40) - gfn, (1ull << 40) - gfn + 1, 1ull << 52, 1ull << 63,
		~0ull, -gfn, -gfn - 1, MEM_GFN + MEM_PAGES - gfn,
	};

	switch (rng_below(&f->rng, 4)) {
	case 0:
		return rng_pick(&f->rng, odd);
	case 1:	/* to the end of the slot, or just past it */
		if (slot)
			return MEM_GFN + slot->first + slot->pages - gfn + rng_below(&f->rng, 3) - 1;
		/* fall through */
	case 2:
		return rng_range(&f->rng, 1, 64);
	default:
		return slot ? rng_range(&f->rng, 1, MEM_GFN + slot->first + slot->pages - gfn) : 1;
	}
}
