// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * push.c - look at guests' ciphertext, and push what is in memory to swap
 *
 * The module tells at which addresses of the VMM the pages are that are OUT, pagemap which
 * of these are in memory, process_madvise(MADV_PAGEOUT) has the kernel swap them
 * out. A page that the guest fetches or shares meanwhile is nothing but slower:
 * the kernel skips what is no normal page and swaps nothing that is lost by it.
 *
 * Nothing here makes a round fail. Half of what a round may take is for reclaim, a quarter for this.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "round.h"
#include "vmm.h"

#define RANGES		512
/* Pages of one call: between two the time is looked at. */
#define BATCH		512
#define BATCH_RANGES	256
/* Gfns that the module looks at for one guest in a round. */
#define SCAN		(UINT64_C(1) << 20)
/* For the last few pages the module is not asked gfn by gfn. */
#define SCAN_MORE	4096
/* Ranges that the kernel may refuse before it counts as refusing all. */
#define REFUSALS	16

struct push {
	struct manager *m;
	struct guest *guest;
	struct vmm vmm;
	struct push_result result;
	uint64_t left;		/* pages that may still go */
	struct iovec ranges[BATCH_RANGES];
	size_t nr;
	uint64_t pages;		/* in ranges */
	uint64_t gfn;		/* of the last of them */
	unsigned int refusals;
	int err;
	struct uvmem_found found[RANGES];
};

/* Pages of the batch that are in memory. */
static uint64_t present(struct push *p)
{
	uint64_t sum = 0, at;
	size_t i;

	for (i = 0; i < p->nr; i++) {
		uint64_t address = (uintptr_t)p->ranges[i].iov_base;

		for (at = 0; at < p->ranges[i].iov_len; at += 4096)
			sum += vmm_present(&p->vmm, address + at) > 0;
	}
	return sum;
}

/* The range that is refused may be locked memory or gone: the others are none the worse. */
static int advise(struct push *p)
{
	size_t i = 0;

	while (i < p->nr) {
		ssize_t n = vmm_page_out(&p->vmm, p->ranges + i, p->nr - i);

		if (n < 0 && n != -EINVAL && n != -ENOMEM)
			return (int)n;
		if (n < 0 && ++p->refusals >= REFUSALS)
			return (int)n;
		for (; n > 0 && i < p->nr && (size_t)n >= p->ranges[i].iov_len; i++)
			n -= (ssize_t)p->ranges[i].iov_len;
		/* Nothing of the first, or a part of it: behind it, it goes on. */
		if (i < p->nr)
			i++;
	}
	return 0;
}

static void flush(struct push *p)
{
	uint64_t left;
	int err;

	if (!p->nr)
		return;
	err = advise(p);
	vmm_forget(&p->vmm);
	left = present(p);
	p->result.advised += p->pages;
	left = left < p->pages ? p->pages - left : 0;
	p->result.pushed += left;
	push_seen(&p->guest->push, p->gfn, left);
	p->nr = 0;
	p->pages = 0;
	p->err = err;
}

static void want(struct push *p, uint64_t gfn, uint64_t address)
{
	struct iovec *last = p->nr ? &p->ranges[p->nr - 1] : NULL;

	p->gfn = gfn;
	if (last && (uintptr_t)last->iov_base + last->iov_len == address)
		last->iov_len += 4096;
	else
		p->ranges[p->nr++] = (struct iovec){ (void *)(uintptr_t)address, 4096 };
	p->pages++;
	p->left--;
	if (p->nr == BATCH_RANGES || p->pages == BATCH)
		flush(p);
}

static void look_at(struct push *p, const struct uvmem_found *found)
{
	uint64_t i;

	for (i = 0; i < found->nr_pages && !p->err; i++) {
		int in_memory = vmm_present(&p->vmm, found->hva + i * 4096);
		uint64_t gfn = found->gfn + i;

		if (in_memory < 0) {
			p->err = in_memory;
			return;
		}
		/* What goes is counted in the region that it is of. */
		if (p->nr && push_region(gfn) != push_region(p->gfn))
			flush(p);
		p->result.looked++;
		push_seen(&p->guest->push, gfn, !in_memory);
		if (in_memory && p->left)
			want(p, gfn, found->hva + i * 4096);
	}
}

/* From where the last look ended, once around at most. */
static void sweep(struct push *p, uint64_t deadline)
{
	struct guest *guest = p->guest;
	uint64_t scanned = 0, begin = guest->push_hand;
	bool around = !begin;

	while (!p->err && p->result.looked < guest->push.look && scanned < SCAN &&
	       work_clock() < deadline) {
		struct uvmem_find find = {
			.nr = RANGES, .gfn = guest->push_hand, .states = 1 << UVMEM_PAGE_OUT,
			/* A range is looked at to its end: none shall be much longer than that. */
			.max_scan = guest->push.look - p->result.looked + SCAN_MORE,
			.found = (uintptr_t)p->found,
		};
		unsigned int i;

		p->err = p->m->kernel->ops->find(p->m->kernel, guest->vm, &find);
		if (p->err)
			return;
		for (i = 0; i < find.nr && !p->err; i++)
			look_at(p, &p->found[i]);
		scanned += find.scanned;
		guest->push_hand = find.gfn == UVMEM_FIND_END ? 0 : find.gfn;
		if (!guest->push_hand && !p->err) {
			flush(p);
			push_swept(&guest->push);
		}
		if (around && (!guest->push_hand || (begin && guest->push_hand >= begin)))
			break;
		around |= !guest->push_hand;
	}
	flush(p);
}

/* A VMM that has gone is no failure, and a failure is told when it is another one. */
static void failed(struct manager *m, struct guest *guest, int err)
{
	if (!err || err == -ESRCH || err == -EINTR || err == -EAGAIN)
		return;
	if (err != guest->push_error)
		guest_failed(m, guest, "push-to-swap", err);
	guest->push_error = err;
}

static void push_one(struct manager *m, struct guest *guest, uint64_t deadline, uint64_t now_ns)
{
	cleanup_free struct push *p = calloc(1, sizeof(*p));
	int err;

	if (!p || !guest->push.look || guest->info.pid <= 0)
		return;
	p->m = m;
	p->guest = guest;
	p->left = m->config.dry_run ? 0 : guest->push.push;
	err = vmm_open(&p->vmm, &m->host, guest->info.pid, guest->key.start);
	if (!err) {
		sweep(p, deadline);
		err = p->err;
	}
	vmm_close(&p->vmm);
	failed(m, guest, err);
	/* What it did not come to was not refused. */
	if (err)
		p->result.advised = 0;
	p->result.failed = err && err != -ESRCH && err != -EINTR && err != -EAGAIN;
	if (!p->result.failed && p->result.pushed)
		guest->push_error = 0;
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
	/* What cannot be read is not there. */
	m->push.swap_total = m->push.swap_free = 0;
	host_swap(&m->host, &m->push.swap_total, &m->push.swap_free);
	for (i = 0; i < nr; i++)
		push[i] = &guests[i]->push;
	push_round(&m->push, push, nr, now_ns);
	/* Another begins each round: none is always the one for whom no time is left. */
	for (i = 0; i < nr; i++)
		push_one(m, guests[(i + m->rounds) % nr], deadline, now_ns);
}
