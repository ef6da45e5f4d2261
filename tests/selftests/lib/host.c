// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c - one action of the host, on pages in all states: see host.h
 *
 * Each column has a memslot of its own, of pages that are all in the column's
 * state; the action is on one of them, the others must not notice. Secure pages are
 * full of markers, pages that are not secure never have any: so wherever in the
 * VMM a marker is found, at any time, plaintext has leaked.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "host.h"
#include "search.h"

#define PAGES_4K	16
#define VICTIM		5	/* of the pages alike */
#define SEED		1
#define PLAIN_BYTE	0x5a	/* in pages that are not secure */
#define SAME_BYTE	0x3c	/* in same-filled ones */

static const enum uvmem_page_state column_state[HOST_COLUMNS] = {
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL,
};

/* ---- for actions ----------------------------------------------------------------- */

void host_assert_sees(const struct host_page *page, const void *data, u64 size)
{
	const u64 *word = data;
	u64 i, markers = 0, same = 0, plain = 0;

	for (i = 0; i < size / 8; i++) {
		markers += is_marker(word[i]);
		same += word[i] == SAME_BYTE * 0x0101010101010101ull;
		plain += word[i] == PLAIN_BYTE * 0x0101010101010101ull;
	}
	TEST_ASSERT(!markers && !same, "the host sees plaintext of a page that is %s",
		    uvm_state_name(page->state));
	TEST_ASSERT(host_page_is_secure(page) || plain == size / 8,
		    "the host does not see a page that is %s", uvm_state_name(page->state));
}

int host_in_other_process(struct host_page *page,
			  int (*fn)(struct host_page *page, pid_t vmm, u8 *buffer))
{
	u8 *buffer = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	u64 size = page->nr * PAGE_SIZE;
	int status, ret;
	pid_t pid;

	TEST_ASSERT(buffer != MAP_FAILED, "mmap");
	memset(buffer, HOST_BYTE, PAGE_SIZE);
	TEST_ASSERT(!madvise(host_base(page), size, MADV_DONTFORK), "MADV_DONTFORK");
	pid = fork();
	if (!pid)
		_exit(-fn(page, getppid(), buffer));
	TEST_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	TEST_ASSERT(!madvise(host_base(page), size, MADV_DOFORK), "MADV_DOFORK");
	TEST_ASSERT(WIFEXITED(status), "the other process died: 0x%x", status);
	ret = -WEXITSTATUS(status);
	/* If it has read, this is what; if it has written, it is what it wrote. */
	if (buffer[0] != HOST_BYTE || buffer[8] != HOST_BYTE)
		host_assert_sees(page, buffer, PAGE_SIZE);
	munmap(buffer, PAGE_SIZE);
	return ret;
}

void host_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	TEST_ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
		    "%s > %s: %s", text, path, strerror(errno));
	close(fd);
}

u64 host_read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	u64 number = 0;

	TEST_ASSERT(f && fscanf(f, "%lu", &number) == 1, "%s: %s", path, strerror(errno));
	fclose(f);
	return number;
}

/* ---- a VM with pages in all states -------------------------------------------------- */

static u64 call(struct host_page *page, guest_fn_t fn, u64 gpa, u64 nr, u64 arg)
{
	return guest_call(page->uvm->vcpu[0], fn, gpa, nr, arg);
}

/* What the guest has in pages of a state. */
static void fill(struct host_page *page)
{
	switch (page->state) {
	case ABSENT:
		return;
	case ZERO:
		call(page, (guest_fn_t)guest_fill_byte, page->base, page->nr, SAME_BYTE);
		return;
	case SHARED:
	case NORMAL:
		call(page, (guest_fn_t)guest_fill_byte, page->base, page->nr, PLAIN_BYTE);
		return;
	default:
		call(page, (guest_fn_t)guest_fill, page->base, page->nr, SEED);
	}
}

/* GUEST_OK, or where the guest does not find what it has. */
static u64 verify(struct host_page *page, u64 gpa, u64 nr)
{
	switch (page->state) {
	case ABSENT:
		return call(page, (guest_fn_t)guest_verify_byte, gpa, nr, 0);
	case ZERO:
		return call(page, (guest_fn_t)guest_verify_byte, gpa, nr, SAME_BYTE);
	case SHARED:
	case NORMAL:
		return call(page, (guest_fn_t)guest_verify_byte, gpa, nr, PLAIN_BYTE);
	default:
		return call(page, (guest_fn_t)guest_verify, gpa, nr, SEED);
	}
}

static void add_slot(struct host_page *page, enum vm_mem_backing_src_type src)
{
	u64 gpa = MEM_GPA + page->column * 2 * HUGE_SIZE;

	page->slot = MEM_SLOT + page->column;
	page->nr = src == VM_MEM_SRC_ANONYMOUS ? PAGES_4K : HUGE_PAGES;
	vm_userspace_mem_region_add(page->uvm->vm, src, gpa, page->slot, 2 * HUGE_PAGES, 0);
	/* Where a huge page of the VMM could be. */
	page->base = gpa + (-(u64)uvm_hva(page->uvm, gpa) & (HUGE_SIZE - 1));
	page->gpa = page->base + VICTIM * PAGE_SIZE;
	page->mem = uvm_hva(page->uvm, page->gpa);
}

static void map_gpa_range(struct host_page *page, u64 nr, u64 flags)
{
	s64 ret = hypercall_patient(page->uvm->vcpu[0], KVM_HC_MAP_GPA_RANGE, page->base, nr,
				    flags);

	TEST_ASSERT(!ret, "KVM_HC_MAP_GPA_RANGE: %ld", ret);
}

/* These only: what else goes out goes to the VMM's memory. */
static void pool_pages(struct host_page *page)
{
	u64 limit = uvmem_get_pool().sealed_pool_limit;

	uvmem_keep_sealed_pool();
	uvmem_set_sealed_pool(64 << 20);
	uvm_page_out(page->uvm, page->base, page->nr);
	uvmem_set_sealed_pool(limit);
}

static void make_pages(struct host_page *pages, enum vm_mem_backing_src_type src)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .no_mem = true });
	int i;

	memset(pages, 0, HOST_COLUMNS * sizeof(*pages));
	for (i = 0; i < HOST_COLUMNS; i++) {
		pages[i].uvm = uvm;
		pages[i].column = i;
		pages[i].state = column_state[i];
	}
	for (i = 0; i < HOST_COLUMNS; i++) {
		/* A memslot that comes later is normal. */
		if (pages[i].state == NORMAL)
			uvm_esm(uvm);
		add_slot(&pages[i], src);
		fill(&pages[i]);
	}
	for (i = 0; i < HOST_COLUMNS; i++) {
		if (pages[i].state == OUT)
			uvm_page_out_all(uvm, pages[i].base, pages[i].nr);
		else if (pages[i].state == ZERO)
			uvm_page_out(uvm, pages[i].base, pages[i].nr);
		else if (pages[i].state == POOL)
			pool_pages(&pages[i]);
		else if (pages[i].state == SHARED)
			map_gpa_range(&pages[i], pages[i].nr, 0);
		uvm_assert_state(uvm, pages[i].base, pages[i].nr, pages[i].state);
	}
	uvm_assert_sums(uvm);
}

/* ---- what is to happen ------------------------------------------------------------------ */

/* The others of the pages alike are what they were. */
static void assert_neighbours(struct host_page *page)
{
	u64 nr = page->nr - VICTIM - 1;

	TEST_ASSERT(verify(page, page->base, VICTIM) == GUEST_OK &&
		    verify(page, page->gpa + PAGE_SIZE, nr) == GUEST_OK,
		    "the guest's other pages have changed");
}

/*
 * The page, and some around it, can be written, and go through everything that pages
 * go through; those that are not secure become so first.
 */
static void assert_usable(struct host_page *page, unsigned int cell)
{
	struct uvm *uvm = page->uvm;
	struct uvmem_range range;
	enum uvmem_page_state was = page->state;

	if (!host_page_is_secure(page))
		map_gpa_range(page, PAGES_4K, UVMEM_MAP_ENCRYPTED);
	page->nr = PAGES_4K;
	if (cell & SEEN)
		assert_neighbours(page);
	else
		TEST_ASSERT(verify(page, page->base, page->nr) == GUEST_OK,
			    "what became secure is not what the guest had");
	page->state = IN;
	fill(page);
	uvm_assert_state(uvm, page->gpa, 1, IN);
	if (cell & STUCK) {
		TEST_ASSERT(!__uvm_move(uvm, UVMEM_VM_PAGE_OUT, page->gpa, 1,
					UVMEM_RANGE_IGNORE_AGE, &range), "page-out");
		TEST_ASSERT(!range.moved, "the page is not stuck");
	} else {
		uvm_page_out_all(uvm, page->base, page->nr);
	}
	uvm_assert_sums(uvm);
	TEST_ASSERT(verify(page, page->base, page->nr) == GUEST_OK,
		    "the guest does not find what it wrote");
	page->state = was;
}

static bool verify_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct host_page *page = opaque;

	TEST_ASSERT(verify(page, page->gpa, 1) == GUEST_OK, "not what the guest had");
	return !round;
}

/* The guest does not get on until the host lets it. */
static void assert_waits(struct host_page *page)
{
	struct guest_thread t = {
		.vcpu = page->uvm->vcpu[0],
		.step = verify_step,
		.opaque = page,
	};

	guest_thread_start(&t);
	usleep(200000);
	TEST_ASSERT(!READ_ONCE(t.rounds), "the guest does not wait");
	page->undo(page);
	page->undo = NULL;
	guest_thread_stop(&t, 1);
}

static void assert_faults(struct host_page *page)
{
	struct kvm_vcpu *vcpu = page->uvm->vcpu[0];

	guest_start(vcpu, guest_read, page->gpa);
	TEST_ASSERT(__vcpu_run(vcpu) < 0 && errno == EFAULT, "KVM_RUN is not EFAULT: %s",
		    strerror(errno));
}

/*
 * A part of a large handle was dropped: the guest has the page until the handle is taken
 * apart, which a touch of one of the others does.
 */
static void assert_dropped_late(struct host_page *page, enum uvmem_page_state state)
{
	/* A page without a frame would need its place in the VMM's memory. */
	TEST_ASSERT(page->state != IN || verify(page, page->gpa, 1) == GUEST_OK,
		    "the guest does not find what it has");
	assert_neighbours(page);
	READ_ONCE(*host_base(page));
	uvm_assert_state(page->uvm, page->gpa, 1, state);
	uvm_assert_sums(page->uvm);
}

static void check(const struct host_row *row, struct host_page *page)
{
	unsigned int cell = row->cell[page->column], stop = HOST_CELL_STOP(cell);
	struct uvm *uvm = page->uvm;
	enum uvmem_page_state state;
	int ret;

	ret = row->act(page);
	TEST_ASSERT(ret == -(int)HOST_CELL_ERRNO(cell), "%s, %s: %s", row->title,
		    uvm_state_name(page->state), strerror(-ret));
	state = uvm_state(uvm, page->gpa);
	TEST_ASSERT(state == HOST_CELL_STATE(cell) ||
		    (cell & MAYBE && state == page->state), "%s, %s: now it is %s, not %s", row->title,
		    uvm_state_name(page->state), uvm_state_name(state),
		    uvm_state_name(HOST_CELL_STATE(cell)));
	if (!page->no_sums)
		uvm_assert_sums(uvm);
	assert_no_markers(SEARCH_PRESENT);

	/* From here on a failure says what, but not where. */
	ksft_print_msg("%s, %s\n", row->title, uvm_state_name(page->state));
	if (stop && cell & MAYBE && state == page->state)
		assert_dropped_late(page, HOST_CELL_STATE(cell));
	if (stop) {
		guest_call_stops(uvm, uvm->vcpu[0], stop, page->gpa, guest_read, page->gpa);
	} else if (cell & FAULTS) {
		assert_faults(page);
	} else {
		if (cell & WAITS)
			assert_waits(page);
		TEST_ASSERT(cell & SEEN ?
			    call(page, (guest_fn_t)guest_verify_byte, page->gpa, 1,
				 page->seen) == GUEST_OK :
			    verify(page, page->gpa, 1) == GUEST_OK,
			    "the guest finds something else in its page");
		assert_neighbours(page);
		if (page->undo && page->undo_first) {
			page->undo(page);
			page->undo = NULL;
		}
		assert_usable(page, cell);
	}
	if (page->undo)
		page->undo(page);
	if (!page->no_sums)
		uvm_assert_sums(uvm);
}

void host_run_row(const struct host_row *row, enum vm_mem_backing_src_type src)
{
	struct host_page pages[HOST_COLUMNS];
	int i;

	/* All that goes on in one VM; a guest that does not needs one of its own. */
	make_pages(pages, src);
	for (i = 0; i < HOST_COLUMNS; i++)
		if (row->cell[i] && !HOST_CELL_STOP(row->cell[i]) && !(row->cell[i] & FAULTS))
			check(row, &pages[i]);
	uvm_free(pages[0].uvm);
	for (i = 0; i < HOST_COLUMNS; i++) {
		if (!HOST_CELL_STOP(row->cell[i]) && !(row->cell[i] & FAULTS))
			continue;
		make_pages(pages, src);
		check(row, &pages[i]);
		uvm_free(pages[0].uvm);
	}
}
