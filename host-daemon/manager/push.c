// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * push.c - look at guests' ciphertext, and push what is in memory to swap
 *
 * The module tells at which addresses of the VMM there are pages that are OUT and in memory;
 * process_madvise(MADV_PAGEOUT) has the kernel swap them out. A page that the guest fetches or
 * shares meanwhile is nothing but slower: the kernel skips what is no normal page, and
 * nothing is lost by swapping.
 *
 * Nothing here makes a round fail. Half of what a round may take is for reclaim, a quarter for this.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "round.h"
#include "vmm.h"

/* Of a call: between two the time is looked at. */
#define RANGES		256
#define BATCH		1024
/* Gfns that the module looks at for one guest in a round. */
#define SCAN		(UINT64_C(1) << 20)
/* Ranges that the kernel may refuse before it counts as refusing all. */
#define REFUSALS	16

struct push {
	struct manager *m;
	struct guest *guest;
	int vmm;
	struct push_result result;
	uint64_t left;		/* pages that may still go */
	unsigned int refusals;
	struct uvmem_find find;
	struct uvmem_found found[RANGES];
	struct iovec ranges[RANGES];
};

/* Pages that are out and in memory, of [@gfn, @gfn + @nr) */
static int find(struct push *p, uint64_t gfn, uint64_t nr)
{
	p->find = (struct uvmem_find){
		.nr = RANGES, .gfn = gfn, .max_scan = nr, .states = 1 << UVMEM_PAGE_OUT,
		.flags = UVMEM_FIND_IN_MEMORY, .found = (uintptr_t)p->found,
	};
	return p->m->kernel->ops->find(p->m->kernel, p->guest->vm, &p->find);
}

static uint64_t found_pages(const struct push *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->find.nr; i++)
		sum += p->found[i].nr_pages;
	return sum;
}

/* The range that is refused may be locked memory or gone: the others are none the worse. */
static int advise(struct push *p, size_t nr)
{
	size_t i = 0;

	while (i < nr) {
		ssize_t n = vmm_page_out(&p->m->host, p->vmm, p->ranges + i, nr - i);

		if (n < 0 && n != -EINVAL && n != -ENOMEM)
			return (int)n;
		if (n < 0 && ++p->refusals >= REFUSALS)
			return (int)n;
		for (; n > 0 && i < nr && (size_t)n >= p->ranges[i].iov_len; i++)
			n -= (ssize_t)p->ranges[i].iov_len;
		/* Nothing of the first, or a part of it: behind it, it goes on. */
		if (i < nr)
			i++;
	}
	return 0;
}

/* Push what was found, as much as may go. Returns how many pages that were. */
static uint64_t push_found(struct push *p, int *ret_err)
{
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < p->find.nr && p->left; i++) {
		uint64_t n = p->found[i].nr_pages;

		if (n > p->left)
			n = p->left;
		p->ranges[i] = (struct iovec){ (void *)(uintptr_t)p->found[i].hva, n * 4096 };
		p->left -= n;
		pages += n;
	}
	*ret_err = pages ? advise(p, i) : 0;
	return pages;
}

/* A part of the guest: what is in memory of it, then less what goes. */
static int look(struct push *p, uint64_t *gfn, uint64_t nr)
{
	uint64_t first = *gfn, pages, advised, after;
	struct uvmem_find seen;
	int err, err_push;

	err = find(p, first, nr);
	if (err)
		return err;
	seen = p->find;
	pages = found_pages(p);
	advised = push_found(p, &err_push);
	if (advised) {
		/* The same gfns once more; what was found says where they end. */
		err = find(p, first, seen.scanned);
		if (err)
			return err;
		after = found_pages(p);
		p->result.advised += advised;
		p->result.pushed += after < pages ? pages - after : 0;
		pages = after;
	}
	p->result.looked += seen.matched;
	push_seen(&p->guest->push, first, pages);
	*gfn = seen.gfn == UVMEM_FIND_END ? 0 : seen.gfn;
	return err_push;
}

/* From where the last look ended, once around at most. */
static int sweep(struct push *p, uint64_t deadline)
{
	struct guest *guest = p->guest;
	uint64_t scanned = 0, begin = guest->push_hand;
	bool around = !begin;
	int err = 0;

	while (!err && p->result.looked < guest->push.look && scanned < SCAN &&
	       work_clock() < deadline) {
		err = look(p, &guest->push_hand, BATCH);
		scanned += p->find.scanned;
		if (!guest->push_hand && !err)
			push_swept(&guest->push);
		if (around && (!guest->push_hand || (begin && guest->push_hand >= begin)))
			break;
		around |= !guest->push_hand;
	}
	return err;
}

/* A VMM that has gone is no failure, nor is a signal. */
static bool is_failure(int err)
{
	return err && err != -ESRCH && err != -EINTR && err != -EAGAIN;
}

static void push_one(struct manager *m, struct guest *guest, uint64_t deadline, uint64_t now_ns)
{
	cleanup_free struct push *p = calloc(1, sizeof(*p));
	cleanup_close int vmm = -1;
	int err = 0;

	if (!p || !guest->push.look)
		return;
	p->m = m;
	p->guest = guest;
	if (guest->push.push && !m->config.dry_run && guest->info.pid > 0) {
		vmm = vmm_open(&m->host, guest->info.pid, guest->key.start);
		err = vmm < 0 ? vmm : 0;
		p->vmm = vmm;
		p->left = err ? 0 : guest->push.push;
	}
	if (!err)
		err = sweep(p, deadline);
	p->result.failed = is_failure(err);
	/* A failure is told when it is another one. */
	if (p->result.failed && err != guest->push_error)
		guest_failed(m, guest, "push-to-swap", err);
	if (p->result.failed)
		guest->push_error = err;
	else if (p->result.pushed)
		guest->push_error = 0;
	/* What it did not come to was not refused. */
	if (err)
		p->result.advised = 0;
	push_note(&guest->push, &p->result, now_ns);
	account_add(guest->account, ACCOUNT_daemon_pushed, p->result.pushed);
}

void push_ciphertext(struct manager *m, struct guest **guests, size_t nr, uint64_t now_ns)
{
	uint64_t deadline = work_clock() + m->config.round_ns / 4;
	cleanup_free struct push_guest **push = calloc(nr + 1, sizeof(struct push_guest *));
	size_t i;

	if (!push)
		return;
	m->push.can_find = m->module.capabilities & KERNEL_CAP_FIND;
	for (i = 0; i < nr; i++)
		push[i] = &guests[i]->push;
	push_round(&m->push, push, nr, now_ns);
	/* Another begins each round: none is always the one for whom no time is left. */
	for (i = 0; i < nr; i++)
		push_one(m, guests[(i + m->rounds) % nr], deadline, now_ns);
}
