// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * round.c - one round: sample, decide, act, count
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "round.h"

/* Pages of one call: what a signal or another guest may have to wait for. */
#define CHUNK		4096

/* Time of the thread of the test or of the daemon, for what only bounds work. */
uint64_t work_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * POLICY_NSEC + (uint64_t)ts.tv_nsec;
}

/* A part of a pass per round, so that a pass takes the aging interval. */
static void age(struct manager *m, struct guest *guest)
{
	uint64_t scan = 0;
	int err;

	if (!(m->module.capabilities & KERNEL_CAP_AGING))
		return;
	if (m->config.round_ns < m->config.host.age_pass_ns)
		scan = 1 + (uint64_t)((double)guest->info.frames * m->config.round_ns /
				      m->config.host.age_pass_ns);
	err = m->kernel->ops->age(m->kernel, guest->vm, scan, &guest->age);
	if (err)
		guest_failed(m, guest, "age", err);
}

/* What the kernel counts, by the names that accounts have for it too. */
static bool read_counters(struct manager *m, struct guest *guest,
			  uint64_t counters[ACCOUNT_NR_COUNTERS])
{
	unsigned int i;
	int err;

	err = m->kernel->ops->stats(m->kernel, guest->vm, &guest->stats);
	if (err) {
		guest_failed(m, guest, "stats", err);
		return false;
	}
	memset(counters, 0, ACCOUNT_NR_COUNTERS * sizeof(*counters));
	for (i = 0; i < ACCOUNT_FIRST_OWN; i++)
		stats_value(guest->stats->reader, account_counters[i].name, &counters[i]);
	stats_array(guest->stats->reader, "page_in_latency_guest_fault", guest->page_in_ns,
		    MANAGER_HIST);
	return true;
}

void guest_count(struct manager *m, struct guest *guest)
{
	uint64_t counters[ACCOUNT_NR_COUNTERS];

	if (read_counters(m, guest, counters))
		account_update(guest->account, counters);
}

/* A guest's part of the memory of the sealed pool, with what goes to waste in it. */
static uint64_t pool_bytes(const struct manager *m, const struct guest *guest)
{
	double all = (double)m->pool.sealed_pool_bytes, own = (double)guest->info.sealed_pool_bytes;

	/* They were not read at the same moment. */
	return all > own ? (uint64_t)((double)m->pool.sealed_pool_used * own / all) :
			   (own > 0 ? m->pool.sealed_pool_used : 0);
}

/* Ciphertext that is not in swap is in normal memory. */
static int64_t saved(const struct manager *m, const struct guest *guest)
{
	const __u64 *pages = guest->info.pages;

	return account_saved(pages[UVMEM_PAGE_OUT] + pages[UVMEM_PAGE_ZERO] +
			     pages[UVMEM_PAGE_POOL], push_resident(&guest->push),
			     pool_bytes(m, guest), guest->info.metadata_bytes);
}

static void count_time(const struct manager *m, struct guest *guest, uint64_t elapsed_ns)
{
	struct account *account = guest->account;
	double seconds = (double)elapsed_ns / POLICY_NSEC;

	account->saved_now = saved(m, guest);
	account_add(account, ACCOUNT_daemon_resident, (uint64_t)(guest->info.frames * seconds));
	if (account->saved_now > 0)
		account_add(account, ACCOUNT_daemon_saved,
			    (uint64_t)((double)account->saved_now * seconds));
}

/* The policies' counters begin at 0 with each daemon, as the kernel's with each VM. */
static void count_decision(struct guest *guest)
{
	struct account *account = guest->account;
	uint64_t back_offs = guest->policy.back_offs;
	uint64_t *last = &account->kernel[ACCOUNT_daemon_back_offs];

	account_add(account, ACCOUNT_daemon_decided, guest->policy.decision.nr_pages);
	account_add(account, ACCOUNT_daemon_back_offs,
		    back_offs >= *last ? back_offs - *last : back_offs);
	*last = back_offs;
}

static void tell_limits(struct manager *m, struct guest *guest)
{
	const struct policy_limits *set = &guest->policy.settings.limits;
	struct kernel_limits limits = {
		.min = set->min, .low = set->low, .high = set->high, .max = set->max,
	};
	int err;

	if (!(m->module.capabilities & KERNEL_CAP_LIMITS) || m->config.dry_run)
		return;
	if (guest->limits_told && !memcmp(&limits, &guest->limits, sizeof(limits)))
		return;
	err = m->kernel->ops->set_limits(m->kernel, guest->vm, &limits);
	if (err) {
		guest_failed(m, guest, "set-limits", err);
		return;
	}
	guest->limits = limits;
	guest->limits_told = true;
}

/* The file stays open: a thousand guests are asked each second. */
static void read_swapped(const struct manager *m, struct guest *guest)
{
	if (guest->status < 0 && guest->info.pid > 0)
		guest->status = host_open_status(&m->host, guest->info.pid);
	if (guest->status >= 0)
		host_swapped(guest->status, &guest->swapped);
}

/* False if the guest is of no use in this round; it may be about to end. */
static bool sample(struct manager *m, struct guest *guest)
{
	struct policy_sample *s = &guest->policy.sample;
	unsigned int stopped = guest->info.stop_reason;
	uint64_t counters[ACCOUNT_NR_COUNTERS];
	int err;

	err = m->kernel->ops->vm_info(m->kernel, guest->vm, &guest->info);
	if (err) {
		guest_failed(m, guest, "info", err);
		return false;
	}
	if (guest->info.stop_reason && !stopped && m->on_event)
		m->on_event(m, MANAGER_GUEST_STOPPED, guest);
	read_swapped(m, guest);
	guest->push.out = guest->info.pages[UVMEM_PAGE_OUT];
	guest->push.vmm_swapped = guest->swapped;
	tell_limits(m, guest);
	age(m, guest);
	if (!read_counters(m, guest, counters))
		return false;
	account_update(guest->account, counters);

	s->frames = guest->info.frames;
	s->passes = guest->age.generation;
	memcpy(s->idle, guest->age.idle, sizeof(s->idle));
	/*
	 * A module that does not tell pages that come back from those that come first:
	 * all count, so that the loop sees too much trouble rather than none.
	 */
	if (stats_value(guest->stats->reader, "refault", &s->refaults))
		s->refaults = counters[ACCOUNT_page_in_guest_fault];
	else	/* and what others had brought before it was missed */
		s->refaults += counters[ACCOUNT_fault_around_used];
	s->stall_ns = counters[ACCOUNT_stall_some_ns];
	s->work_ns = counters[ACCOUNT_age_ns] + counters[ACCOUNT_reclaim_ns];
	s->moved = counters[ACCOUNT_reclaim_moved];
	s->no_gain = 0;
	stats_value(guest->stats->reader, "no_gain_pages", &s->no_gain);
	return true;
}

/* One call; false when no more is to be had of this guest. */
static bool take(struct manager *m, struct guest *guest)
{
	const struct policy_decision *d = &guest->policy.decision;
	uint64_t left = d->nr_pages - guest->taken - guest->stayed, stayed;
	struct kernel_reclaim result = { 0 };
	int err;

	err = m->kernel->ops->reclaim(m->kernel, guest->vm, left < CHUNK ? left : CHUNK,
				      d->min_idle, d->no_ciphertext, &result);
	if (err) {
		if (err != -EINTR)
			guest_failed(m, guest, "reclaim", err);
		return false;
	}
	/* Without them a guest whose memory does not compress would be tried all over in a round. */
	stayed = result.skipped[UVMEM_REASON_NO_GAIN];
	guest->taken += result.moved;
	guest->stayed += stayed;
	return (result.moved || stayed) && guest->taken + guest->stayed < d->nr_pages;
}

static void act(struct manager *m, struct policy_guest **policies, struct guest **guests, size_t nr)
{
	uint64_t deadline = work_clock() + m->config.round_ns / 2;
	cleanup_free bool *more = calloc(nr + 1, sizeof(*more));
	bool any = true;
	size_t i;

	if (!more)
		return;
	for (i = 0; i < nr; i++) {
		guests[i]->taken = guests[i]->stayed = 0;
		more[i] = policies[i]->decision.nr_pages;
	}
	if (m->config.dry_run || !(m->module.capabilities & KERNEL_CAP_AGING))
		return;
	while (any && work_clock() < deadline) {
		any = false;
		for (i = 0; i < nr; i++) {
			if (more[i])
				more[i] = take(m, guests[i]);
			any |= more[i];
		}
	}
}

/* A setting of the host was tried: 0 or a negative errno came of it. */
static void note_setting(struct manager *m, const char *setting, int *last, int err)
{
	if (err && err != *last && m->on_refused)
		m->on_refused(m, setting, err);
	*last = err;
}

static void set_pool_limit(struct manager *m)
{
	if (m->config.pool_limit && m->config.pool_limit != m->pool.frames_limit &&
	    !m->config.dry_run)
		note_setting(m, "[pool] limit", &m->pool_error,
			     m->kernel->ops->set_pool_limit(m->kernel, m->config.pool_limit));
}

static void set_sealed_pool(struct manager *m)
{
	uint64_t bytes = m->config.sealed_pool * 4096;

	if (bytes && bytes != m->pool.sealed_pool_limit && !m->config.dry_run &&
	    m->module.capabilities & KERNEL_CAP_SEALED_POOL)
		note_setting(m, "[pool] sealed", &m->sealed_error,
			     m->kernel->ops->set_sealed_pool(m->kernel, bytes));
}

/* What is stored there is smaller than a page: as many pages as that at least. */
static uint64_t sealed_room(const struct uvmem_pool *pool)
{
	return pool->sealed_pool_limit > pool->sealed_pool_used ?
		(pool->sealed_pool_limit - pool->sealed_pool_used) / 4096 : 0;
}

static void tell_decisions(struct manager *m, struct guest **guests,
			   const enum policy_reason *before, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (guests[i]->policy.decision.reason != before[i] && m->on_event)
			m->on_event(m, MANAGER_DECISION, guests[i]);
}

int manager_round(struct manager *m, uint64_t now_ns)
{
	uint64_t elapsed_ns = m->passed_ns && now_ns > m->passed_ns ? now_ns - m->passed_ns : 0;
	cleanup_free struct policy_guest **policies = NULL;
	cleanup_free enum policy_reason *before = NULL;
	cleanup_free struct guest **guests = NULL;
	size_t nr = 0, i;
	int err;

	err = manager_scan(m);
	if (!err)
		err = m->kernel->ops->pool(m->kernel, &m->pool);
	if (err)
		return err;
	set_pool_limit(m);
	set_sealed_pool(m);
	policies = calloc(m->nr + 1, sizeof(struct policy_guest *));
	guests = calloc(m->nr + 1, sizeof(struct guest *));
	before = calloc(m->nr + 1, sizeof(*before));
	if (!policies || !guests || !before)
		return -ENOMEM;
	for (i = 0; i < m->nr; i++) {
		struct guest *guest = m->guests[i];

		guest->failing = false;
		if (!sample(m, guest))
			continue;
		guests[nr] = guest;
		policies[nr] = &guest->policy;
		before[nr++] = guest->policy.decision.reason;
	}

	m->policy.pool = (struct policy_pool){
		.limit = m->pool.frames_limit, .used = m->pool.frames_used,
		.sealed_room = sealed_room(&m->pool),
	};
	/* What cannot be read is not there: better nothing is done than too much. */
	host_sink(&m->host, &m->policy.pool.sink);
	m->push.swap_total = m->push.swap_free = 0;
	host_swap(&m->host, &m->push.swap_total, &m->push.swap_free);
	m->policy.pool.ciphertext_stays = m->module.capabilities & KERNEL_CAP_NO_CIPHERTEXT &&
		!push_room(&m->push);
	policy_round(&m->policy, policies, nr, now_ns);
	act(m, policies, guests, nr);
	fetch_back(m, guests, nr);
	push_ciphertext(m, guests, nr, now_ns);

	for (i = 0; i < nr; i++) {
		count_time(m, guests[i], elapsed_ns);
		count_decision(guests[i]);
	}
	for (i = 0; i < m->nr; i++)
		if (!m->guests[i]->failing)
			m->guests[i]->error = 0;
	tell_decisions(m, guests, before, nr);
	m->passed_ns = now_ns;
	m->rounds++;
	return 0;
}
