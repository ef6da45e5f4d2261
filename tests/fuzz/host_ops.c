// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_ops.c - what the VMM and the host do to a guest's memory
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fuzz.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

/* ---- reads ------------------------------------------------------------------------ */

/* Does the host find what the guest left? No marker may come into being here. */
static void check_plain(struct fuzz *f, u64 gfn, const u64 *data)
{
	const struct model_page *page = model_page(f, gfn);
	u64 byte = page->seed * 0x0101010101010101ull;
	int i;

	for (i = 0; i < PAGE_SIZE / 8 && page->content != CONTENT_ANY; i++) {
		u64 word = READ_ONCE(data[i]);

		CHECK(page->content == CONTENT_FILL ?
		      is_filled(word, gfn * PAGE_SIZE + 8 * i, page->seed) : word == byte,
		      "gfn 0x%lx is plain, and the host does not find its content", gfn);
	}
}

enum read_how { READ_MAPPING, READ_VM_READV, READ_PROC_MEM, NR_READ_HOW };

/* The page at @mem by one of the ways, or NULL if it is refused. */
static const u64 *read_page(enum read_how how, void *mem, u64 *copy)
{
	struct iovec local = { copy, PAGE_SIZE }, remote = { mem, PAGE_SIZE };
	ssize_t n;
	int fd;

	switch (how) {
	case READ_VM_READV:
		n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		break;
	case READ_PROC_MEM:
		fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
		TEST_ASSERT(fd >= 0, "/proc/self/mem: %s", strerror(errno));
		n = pread(fd, copy, PAGE_SIZE, (off_t)mem);
		close(fd);
		break;
	default:
		return mem;
	}
	return n == PAGE_SIZE ? copy : NULL;
}

void op_host_read(struct fuzz *f)
{
	enum read_how how = rng_below(&f->rng, NR_READ_HOW);
	static u64 copy[PAGE_SIZE / 8];
	u64 gfn, nr;

	if (!model_pick(f, false, 64, &gfn, &nr))
		return;
	note("host reads 0x%lx, %lu pages, way %d", gfn, nr, how);
	for (; nr; nr--, gfn++) {
		const u64 *data = read_page(how, model_hva(f, gfn), copy);
		struct search_result found;

		if (model_page(f, gfn)->class != CLASS_SECURE) {
			CHECK(data, "gfn 0x%lx is plain and cannot be read", gfn);
			check_plain(f, gfn, data);
			continue;
		}
		CHECK(data || f->sigbus, "gfn 0x%lx cannot be read", gfn);
		if (!data)
			continue;
		found = search_markers_in(data, PAGE_SIZE);
		CHECK(!found.markers, "gfn 0x%lx is secure, and %lu markers are in it", gfn,
		      found.markers);
		CHECK(found.pages || f->sigbus, "gfn 0x%lx: SIGBUS", gfn);
	}
	memset(copy, 0, sizeof(copy));
	count_result("host read", how);
}

/* ---- writes ------------------------------------------------------------------------ */

/* What the host may write without being noticed: plain pages, and behind absent ones. */
void op_host_write(struct fuzz *f)
{
	u8 byte = rng_next(&f->rng);
	u64 gfn, nr;

	if (!model_pick(f, false, 32, &gfn, &nr))
		return;
	note("host writes 0x%02x to 0x%lx, %lu pages", byte, gfn, nr);
	for (; nr; nr--, gfn++) {
		struct model_page *page = model_page(f, gfn);

		if (page->class == CLASS_SECURE) {
			if (uvm_state(f->uvm, gfn * PAGE_SIZE) == UVMEM_PAGE_ABSENT) {
				memset(model_hva(f, gfn), 0xaa, PAGE_SIZE);
				page->behind = true;
			}
			continue;
		}
		memset(model_hva(f, gfn), byte, PAGE_SIZE);
		page->content = CONTENT_BYTE;
		page->seed = byte;
	}
	count_result("host write", 0);
}

static void flip(void *mem, u64 off, u8 bits)
{
	u8 *byte = mem + off;

	WRITE_ONCE(*byte, READ_ONCE(*byte) ^ bits);
}

void op_flip_and_back(struct fuzz *f)
{
	u64 gfn, nr, off = rng_below(&f->rng, PAGE_SIZE), i;

	if (f->sigbus || !model_pick(f, false, 8, &gfn, &nr))
		return;
	note("host flips a bit and flips it back, 0x%lx, %lu pages", gfn, nr);
	noise_pause();
	for (i = 0; i < nr; i++)
		flip(model_hva(f, gfn + i), off, 0x10);
	for (i = 0; i < nr; i++)
		flip(model_hva(f, gfn + i), off, 0x10);
	noise_resume();
	count_result("host flips and back", 0);
}

/* ---- moves and advice ---------------------------------------------------------------- */

static u64 move_some(struct fuzz *f)
{
	bool in = rng_one_in(&f->rng, 3);
	struct uvmem_range range;
	u64 gfn, nr;
	int ret;

	if (rng_one_in(&f->rng, 6)) {
		/* All that there is, holes included. */
		gfn = 0;
		nr = MEM_GFN + MEM_PAGES;
	} else if (!model_pick(f, false, ~0ull, &gfn, &nr)) {
		return 0;
	}
	ret = __uvm_move(f->uvm, in ? UVMEM_VM_PAGE_IN : UVMEM_VM_PAGE_OUT, gfn * PAGE_SIZE, nr,
			 in || rng_one_in(&f->rng, 8) ? 0 : UVMEM_RANGE_IGNORE_AGE, &range);
	CHECK(!ret, "page-%s of 0x%lx, %lu pages: %s", in ? "in" : "out", gfn, nr, strerror(-ret));
	CHECK(range.done == nr, "page-%s of 0x%lx: %llu of %lu pages done", in ? "in" : "out",
	      gfn, range.done, nr);
	return range.moved;
}

void op_move(struct fuzz *f)
{
	note("page-out or page-in");
	count_result("move", !!move_some(f));
}

void op_madvise(struct fuzz *f)
{
	static const struct { int advice; const char *name; } list[] = {
		{ MADV_MERGEABLE, "MADV_MERGEABLE" },
		{ MADV_UNMERGEABLE, "MADV_UNMERGEABLE" },
		{ MADV_HUGEPAGE, "MADV_HUGEPAGE" },
		{ MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE" },
		{ MADV_COLD, "MADV_COLD" },
		{ MADV_PAGEOUT, "MADV_PAGEOUT" },
		{ MADV_WILLNEED, "MADV_WILLNEED" },
		{ MADV_POPULATE_READ, "MADV_POPULATE_READ" },
		{ MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE" },
		{ MADV_COLLAPSE, "MADV_COLLAPSE" },
		{ -1, "compaction" },
	};
	int i = rng_below(&f->rng, ARRAY_SIZE(list)), fd, ret;
	u64 gfn, nr;

	if (!model_pick(f, false, ~0ull, &gfn, &nr))
		return;
	note("%s on 0x%lx, %lu pages", list[i].name, gfn, nr);
	if (list[i].advice < 0) {
		fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);
		ret = fd >= 0 && write(fd, "1", 1) == 1 ? 0 : -1;
		close(fd);
	} else {
		ret = madvise(model_hva(f, gfn), nr * PAGE_SIZE, list[i].advice);
	}
	count_result(list[i].name, ret ? -errno : 0);
}

void op_mprotect(struct fuzz *f)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC };
	u64 gfn, nr;
	void *mem;

	if (!model_pick(f, false, ~0ull, &gfn, &nr))
		return;
	note("mprotect on 0x%lx, %lu pages, and pages move", gfn, nr);
	mem = model_hva(f, gfn);
	TEST_ASSERT(!mprotect(mem, nr * PAGE_SIZE, rng_pick(&f->rng, prots)), "mprotect");
	move_some(f);
	move_some(f);
	TEST_ASSERT(!mprotect(mem, nr * PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect");
	count_result("mprotect", 0);
}

/* The VMM discards what is not secure: that is its own to lose. */
void op_drop_plain(struct fuzz *f)
{
	u64 gfn, nr, i;

	if (!model_pick(f, false, 256, &gfn, &nr))
		return;
	for (i = 0; i < nr && model_page(f, gfn + i)->class != CLASS_SECURE; i++)
		;
	if (!i)
		return;
	note("host drops plain 0x%lx, %lu pages", gfn, i);
	TEST_ASSERT(!madvise(model_hva(f, gfn), i * PAGE_SIZE, MADV_DONTNEED), "madvise");
	for (; i; i--, gfn++) {
		model_page(f, gfn)->content = CONTENT_BYTE;
		model_page(f, gfn)->seed = 0;
	}
	count_result("host drops plain pages", 0);
}

/* ---- fork ---------------------------------------------------------------------------------- */

/* Looks at all of it, writes to some; how many secure pages had a marker. */
static int child_looks(struct fuzz *f, u64 gfn, u64 nr)
{
	int found = 0;
	u64 i;

	for (i = 0; i < nr; i++) {
		void *mem = model_hva(f, gfn + i);

		if (model_page(f, gfn + i)->class == CLASS_SECURE)
			found += !!search_markers_in(mem, PAGE_SIZE).markers;
		else if (i % 2)
			memset(mem, 0, 64);
	}
	return found;
}

void op_fork(struct fuzz *f)
{
	u64 gfn, nr;
	int status;
	pid_t pid;

	if (!model_pick(f, false, 128, &gfn, &nr))
		return;
	note("a forked child looks at 0x%lx, %lu pages", gfn, nr);
	noise_pause();
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		_exit(min(child_looks(f, gfn, nr), 100));
	move_some(f);
	if (rng_one_in(&f->rng, 2))
		model_verify(f, gfn, nr);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	CHECK(!status, "the child's status is 0x%x (exit: so many pages with plaintext)", status);
	noise_resume();
	count_result("fork", 0);
}

/* ---- memslots and mappings ------------------------------------------------------------------- */

static bool any_secure(struct fuzz *f, const struct model_slot *slot)
{
	u64 i;

	for (i = 0; i < slot->pages; i++)
		if (model_page(f, MEM_GFN + slot->first + i)->class == CLASS_SECURE)
			return true;
	return false;
}

/* What nobody needs is unmapped, and new memory takes its place. */
static void renew_memory(struct fuzz *f, struct model_slot *slot)
{
	void *mem = slot->region->host_mem;
	u64 size = slot->pages * PAGE_SIZE, i;

	TEST_ASSERT(!munmap(mem, size), "munmap: %s", strerror(errno));
	TEST_ASSERT(mmap(mem, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED_NOREPLACE, -1, 0) == mem, "mmap: %s", strerror(errno));
	for (i = 0; i < slot->pages; i++) {
		model_page(f, MEM_GFN + slot->first + i)->content = CONTENT_BYTE;
		model_page(f, MEM_GFN + slot->first + i)->seed = 0;
	}
	count_result("memory of a slot is renewed", 0);
}

void op_slot(struct fuzz *f)
{
	int i = rng_below(&f->rng, NR_SLOTS);
	struct model_slot *slot = &f->slot[i];

	note("memslot %d %s", MEM_SLOT + i, slot->present ? "goes" : "comes");
	noise_pause();
	if (!slot->present) {
		model_slot_create(f, slot);
		count_result("memslot comes", 0);
	} else {
		model_slot_delete(f, slot);
		count_result("memslot goes", 0);
		if (!any_secure(f, slot) && rng_one_in(&f->rng, 2))
			renew_memory(f, slot);
		if (rng_one_in(&f->rng, 2))
			model_slot_create(f, slot);
	}
	noise_resume();
}

void op_slot_log(struct fuzz *f)
{
	int i = rng_below(&f->rng, NR_SLOTS);
	struct model_slot *slot = &f->slot[i];

	if (!slot->present || slot->readonly)
		return;
	slot->log = !slot->log;
	note("dirty logging of memslot %d: %d", MEM_SLOT + i, slot->log);
	model_slot_create(f, slot);
	count_result("dirty logging", slot->log);
}

static void move_mapping(struct fuzz *f, struct model_slot *slot, void *to)
{
	struct userspace_mem_region *r = slot->region;

	TEST_ASSERT(mremap(r->mmap_start, r->mmap_size, r->mmap_size,
			   MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap: %s", strerror(errno));
	r->host_mem = to + (r->host_mem - r->mmap_start);
	r->mmap_start = to;
	r->region.userspace_addr = (u64)r->host_mem;
}

/* The mapping moves: for good, with its slot; or away and back, behind the VM's back. */
void op_mremap(struct fuzz *f)
{
	int i = rng_below(&f->rng, NR_SLOTS);
	struct model_slot *slot = &f->slot[i];
	bool for_good = rng_one_in(&f->rng, 2), present = slot->present;
	struct userspace_mem_region *r = slot->region;
	void *old = r->mmap_start, *to;
	/* Also to where huge pages cannot stay huge. */
	u64 shift = rng_one_in(&f->rng, 2) ? 0 : rng_below(&f->rng, 8) * PAGE_SIZE;

	note("mremap of memslot %d %s", MEM_SLOT + i, for_good ? "for good" : "and back");
	noise_pause();
	to = mmap(NULL, r->mmap_size + 2 * HUGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(to != MAP_FAILED, "mmap: %s", strerror(errno));
	TEST_ASSERT(!munmap(to, r->mmap_size + 2 * HUGE_SIZE), "munmap");
	to = (void *)align_up((u64)to, HUGE_SIZE) + shift;
	if (for_good) {
		if (present)
			model_slot_delete(f, slot);
		move_mapping(f, slot, to);
		if (present)
			model_slot_create(f, slot);
	} else {
		move_mapping(f, slot, to);
		move_some(f);
		move_mapping(f, slot, old);
	}
	noise_resume();
	count_result("mremap", for_good);
}

/* ---- limits --------------------------------------------------------------------------------------- */

/* From now on pages go to the sealed pool, or some, or none. */
void op_sealed_pool(struct fuzz *f)
{
	static const u64 limits[] = { 0, 64 << 10, 512 << 10, 64 << 20, 64 << 20 };
	u64 limit = rng_pick(&f->rng, limits);

	note("the sealed pool may have %lu KiB", limit >> 10);
	uvmem_set_sealed_pool(limit);
	count_result("sealed pool", limit ? 1 : 0);
}

void op_limit(struct fuzz *f)
{
	struct uvmem_pool pool = uvmem_get_pool();
	bool of_vm = rng_one_in(&f->rng, 2);
	struct uvmem_vm_info info;
	u64 used, limit;
	int i;

	/* Pages whose slot is gone for now keep their frames. */
	uvm_info(f->uvm, &info);
	used = of_vm ? info.frames : pool.frames_used;
	if (used < 128 || info.detached_pages)
		return;
	/* The guest, its page tables and what an instruction reads and writes must fit. */
	limit = rng_range(&f->rng, 64, used + 8);
	note("the %s limit is %lu for a while, %lu frames are used", of_vm ? "VM's" : "pool's",
	     limit, used);
	if (of_vm)
		TEST_ASSERT(!uvm_set_limits(f->uvm, 0, 0, 0, limit), "a limit of the VM");
	else
		uvmem_set_pool_limit(limit);
	for (i = 0; i < 3; i++) {
		if (rng_one_in(&f->rng, 2))
			op_verify(f);
		else
			op_fill(f);
		move_some(f);
	}
	if (of_vm)
		TEST_ASSERT(!uvm_set_limits(f->uvm, 0, 0, 0, 0), "no limit of the VM");
	else
		uvmem_set_pool_limit(pool.frames_limit);
	count_result("limit", of_vm);
}

/* ---- what stops the guest ----------------------------------------------------------------------- */

enum doom { DOOM_FLIP, DOOM_DROP, DOOM_SLOT, NR_DOOMS };

/* The reason for which a guest that touches the page must be stopped, or NONE. */
static enum uvmem_stop_reason doom(struct fuzz *f, enum doom what, u64 gfn)
{
	void *mem = model_hva(f, gfn);
	enum uvmem_page_state state;

	switch (what) {
	case DOOM_FLIP:
		flip(mem, rng_below(&f->rng, PAGE_SIZE), 1u << rng_below(&f->rng, 8));
		/* What the VMM puts behind a page that is absent does not matter. */
		state = uvm_state(f->uvm, gfn * PAGE_SIZE);
		return state == UVMEM_PAGE_OUT ? UVMEM_STOP_INTEGRITY : UVMEM_STOP_NONE;
	case DOOM_DROP:
		TEST_ASSERT(!madvise(mem, PAGE_SIZE, MADV_DONTNEED), "madvise");
		state = uvm_state(f->uvm, gfn * PAGE_SIZE);
		if (state == UVMEM_PAGE_OUT)
			return UVMEM_STOP_MISSING;
		/* Of a part of a large handle the core may tell us later. */
		return state == UVMEM_PAGE_LOST ? UVMEM_STOP_LOST : UVMEM_STOP_NONE;
	default:
		model_slot_delete(f, model_slot(f, gfn));
		return UVMEM_STOP_NO_SLOT;
	}
}

void op_doom(struct fuzz *f)
{
	enum doom what = rng_below(&f->rng, NR_DOOMS);
	const struct kvm_run *run = f->vcpu->run;
	enum uvmem_stop_reason reason;
	u64 gfn, nr, i;

	if (!model_pick(f, true, 1, &gfn, &nr) || model_page(f, gfn)->class != CLASS_SECURE ||
	    (what == DOOM_FLIP && f->sigbus))
		return;
	note("the host spoils gfn 0x%lx, %s, way %d", gfn,
	     uvm_state_name(uvm_state(f->uvm, gfn * PAGE_SIZE)), what);
	noise_pause();
	reason = doom(f, what, gfn);
	count_result("stop", reason);
	if (!reason) {
		if (what == DOOM_FLIP) {
			model_verify(f, gfn, 1);
			noise_resume();
		} else {
			/* Lost sooner or later: not for the model any more. */
			f->over = true;
		}
		return;
	}

	for (i = 0; i < 2; i++) {
		enum guest_end end = guest_try(f, guest_read, gfn * PAGE_SIZE, 0, 0, 0, 0);

		CHECK(end == GUEST_STOPPED, "the guest is not stopped (%d)", end);
		CHECK(run->internal.data[0] == reason && run->internal.data[1] == gfn * PAGE_SIZE,
		      "stopped for reason %llu at 0x%llx", run->internal.data[0],
		      run->internal.data[1]);
		uvm_assert_sums(f->uvm);
		/* The VMM goes on, and so may its calls. */
		__uvm_move(f->uvm, i ? UVMEM_VM_PAGE_IN : UVMEM_VM_PAGE_OUT, 0,
			   MEM_GFN + MEM_PAGES, 0, NULL);
		uvm_assert_sums(f->uvm);
	}
	f->over = true;
}
