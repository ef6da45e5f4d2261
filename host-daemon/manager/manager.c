// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * manager.c - guests come and go, settings change
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "manager.h"
#include "round.h"

int manager_init(struct manager *m, struct kernel *kernel, struct host host,
		 struct config *config)
{
	struct manager new = { .host = host };
	int err;

	err = kernel->ops->info(kernel, &new.module);
	if (err)
		return err;
	err = host_boot_id(&host, new.book.boot, sizeof(new.book.boot));
	if (err)
		return err;
	new.kernel = kernel;
	*m = new;
	manager_configure(m, config);
	return 0;
}

static void guest_free(struct manager *m, struct guest *guest)
{
	kernel_stats_free(guest->stats);
	if (guest->status >= 0)
		close(guest->status);
	m->kernel->ops->close_vm(m->kernel, guest->vm);
	free(guest);
}

void manager_free(struct manager *m)
{
	size_t i;

	for (i = 0; i < m->nr; i++)
		guest_free(m, m->guests[i]);
	free(m->guests);
	free(m->skipped);
	free(m->metadata);
	config_free(&m->config);
	account_book_free(&m->book);
	if (m->kernel)
		m->kernel->ops->close(m->kernel);
	memset(m, 0, sizeof(*m));
}

static void settle(struct manager *m, struct guest *guest)
{
	cleanup_free struct config_assignment *own = NULL;
	unsigned int nr = 0, i;

	for (i = 0; i < m->nr_metadata; i++)
		nr += !strcasecmp(m->metadata[i].guest, guest->uuid);
	if (nr && *guest->uuid)
		own = calloc(nr, sizeof(*own));
	for (nr = 0, i = 0; own && i < m->nr_metadata; i++)
		if (!strcasecmp(m->metadata[i].guest, guest->uuid))
			own[nr++] = m->metadata[i];
	config_guest(&m->config, guest->name, guest->uuid, own, own ? nr : 0,
		     &guest->policy.settings);
}

void manager_configure(struct manager *m, struct config *config)
{
	size_t i;

	config_free(&m->config);
	m->config = *config;
	memset(config, 0, sizeof(*config));
	m->policy.settings = m->config.host;
	m->push.settings = m->config.push;
	for (i = 0; i < m->nr; i++)
		settle(m, m->guests[i]);
}

void manager_set_metadata(struct manager *m, struct config_assignment *metadata, unsigned int nr)
{
	size_t i;

	free(m->metadata);
	m->metadata = metadata;
	m->nr_metadata = nr;
	for (i = 0; i < m->nr; i++)
		settle(m, m->guests[i]);
}

static void tell(struct manager *m, enum manager_event event, const struct guest *guest)
{
	if (m->on_event)
		m->on_event(m, event, guest);
}

void guest_failed(struct manager *m, struct guest *guest, const char *what, int err)
{
	bool new = guest->error != err || guest->error_what != what;

	/* It is ending, which is no failure: the next round finds it gone. */
	if (err == -ESRCH)
		return;
	guest->failing = true;
	guest->error = err;
	guest->error_what = what;
	if (new)
		tell(m, MANAGER_FAILED, guest);
}

/* Who it is. A VMM that exits while it is asked has no more to say. */
static void identify(struct manager *m, struct guest *guest)
{
	struct host_process process = { 0 };

	guest->key.vm_id = guest->info.id;
	if (guest->info.pid > 0) {
		guest->key.pid = (uint32_t)guest->info.pid;
		if (!host_process(&m->host, guest->info.pid, &process))
			guest->key.start = process.start;
	}
	memcpy(guest->uuid, process.uuid, sizeof(guest->uuid));
	host_guest_name(&process, guest->info.name, guest->info.id, guest->name);
}

static int add_guest(struct manager *m, uint64_t id, size_t at)
{
	struct guest **more, *guest;
	int err;

	more = realloc(m->guests, (m->nr + 1) * sizeof(struct guest *));
	if (!more)
		return -ENOMEM;
	m->guests = more;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return -ENOMEM;
	guest->status = -1;
	guest->vm = m->kernel->ops->open_vm(m->kernel, id);
	if (guest->vm < 0) {
		err = guest->vm;
		free(guest);
		return err;
	}
	err = m->kernel->ops->vm_info(m->kernel, guest->vm, &guest->info);
	if (err) {
		guest_free(m, guest);
		return err;
	}
	identify(m, guest);
	guest->account = account_find(&m->book, &guest->key);
	if (!guest->account) {
		guest_free(m, guest);
		return -ENOMEM;
	}
	guest->account->live = true;
	memcpy(guest->account->name, guest->name, sizeof(guest->account->name));
	memcpy(guest->account->uuid, guest->uuid, sizeof(guest->account->uuid));
	settle(m, guest);
	memmove(m->guests + at + 1, m->guests + at, (m->nr - at) * sizeof(*m->guests));
	m->guests[at] = guest;
	m->nr++;
	tell(m, MANAGER_GUEST_FOUND, guest);
	return 0;
}

static void remove_guest(struct manager *m, size_t at)
{
	struct guest *guest = m->guests[at];

	/* A stats file keeps its last values when the VM has ended. */
	guest_count(m, guest);
	account_end(&m->book, &guest->key);
	m->nr--;
	memmove(m->guests + at, m->guests + at + 1, (m->nr - at) * sizeof(*m->guests));
	tell(m, MANAGER_GUEST_ENDED, guest);
	guest_free(m, guest);
}

static int told_of(const struct manager *m, uint64_t id)
{
	size_t i;

	for (i = 0; i < m->nr_skipped; i++)
		if (m->skipped[i].id == id)
			return m->skipped[i].error;
	return 0;
}

/* A VM that cannot be added: the others are none the worse for it. Told once, as all failures are. */
static void tell_skipped(struct manager *m, uint64_t id, int err)
{
	struct guest guest = {
		.vm = -1, .info = { .id = id }, .error = err, .error_what = "add",
	};

	if (told_of(m, id) == err)
		return;
	host_guest_name(&(struct host_process){ 0 }, guest.info.name, id, guest.name);
	tell(m, MANAGER_FAILED, &guest);
}

/* Both lists ascend. */
int manager_scan(struct manager *m)
{
	cleanup_free struct skipped_vm *skipped = NULL;
	cleanup_free uint64_t *ids = NULL;
	unsigned int nr_skipped = 0;
	unsigned int nr = 0, i = 0;
	size_t at = 0;
	int err;

	err = m->kernel->ops->list(m->kernel, &ids, &nr);
	if (err)
		return err;
	skipped = calloc(nr + 1, sizeof(*skipped));
	if (!skipped)
		return -ENOMEM;
	while (at < m->nr || i < nr) {
		if (i == nr || (at < m->nr && m->guests[at]->info.id < ids[i])) {
			remove_guest(m, at);
			continue;
		}
		if (at == m->nr || m->guests[at]->info.id > ids[i]) {
			err = add_guest(m, ids[i], at);
			/* It ended meanwhile, or there is something wrong with it. */
			if (err && err != -ENOENT && err != -ESRCH) {
				tell_skipped(m, ids[i], err);
				skipped[nr_skipped++] = (struct skipped_vm){ ids[i], err };
			}
			if (err) {
				i++;
				continue;
			}
		}
		at++;
		i++;
	}
	free(m->skipped);
	m->skipped = NULL;
	m->nr_skipped = nr_skipped;
	if (nr_skipped) {
		m->skipped = skipped;
		skipped = NULL;
	}
	/* What an earlier daemon knew and is not there any more has ended. */
	for (i = 0; i < nr_skipped; i++)
		ids[i] = m->skipped[i].id;
	account_end_missing(&m->book, ids, nr_skipped);
	return 0;
}

const char *manager_lacks(const struct manager *m)
{
	bool aging = m->module.capabilities & KERNEL_CAP_AGING;
	bool limits = m->module.capabilities & KERNEL_CAP_LIMITS;

	if (!aging && !limits)
		return "the module that is loaded neither ages nor holds limits of guests: guests are accounted for, and nothing is done";
	if (!aging)
		return "the module that is loaded does not age: nothing is reclaimed";
	if (!limits)
		return "the module that is loaded holds no limits of guests: min, low and high are uvmemd's alone, max is not held";
	return NULL;
}

void manager_explain(const struct manager *m, const struct guest *guest, char *buf, size_t room)
{
	size_t n;

	policy_explain(buf, room, &guest->policy, &m->config.host);
	n = strlen(buf);
	push_explain(buf + n, room - n, &guest->push);
}

struct guest *manager_find(const struct manager *m, const char *text)
{
	char *end;
	uint64_t id = strtoull(text, &end, 10);
	bool is_id = *text >= '0' && *text <= '9' && !*end;
	size_t i;

	for (i = 0; i < m->nr; i++) {
		struct guest *guest = m->guests[i];

		if ((is_id && guest->info.id == id) || !strcmp(guest->name, text) ||
		    (*guest->uuid && !strcasecmp(guest->uuid, text)))
			return guest;
	}
	return NULL;
}
