// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * describe.c - all that is known as JSON, for uvmemctl and others
 *
 * Bytes and nanoseconds, keys spelled out; what has no value is null. "version" grows
 * when the meaning of a key changes.
 */
#include <string.h>

#include <json-c/json.h>

#include "manager.h"

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_pages(struct json_object *to, const char *key, uint64_t pages)
{
	json_object_object_add(to, key, pages == POLICY_NO_LIMIT ? NULL :
			       json_object_new_uint64(pages * 4096));
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, *text ? json_object_new_string(text) : NULL);
}

static struct json_object *settings(const struct policy_settings *set)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "policy", policy_kind_name(set->kind));
	add_pages(o, "min_bytes", set->limits.min);
	add_pages(o, "low_bytes", set->limits.low);
	add_pages(o, "high_bytes", set->limits.high);
	add_pages(o, "max_bytes", set->limits.max);
	add_number(o, "weight", set->weight);
	add_number(o, "refault_ppm", set->refault_ppm);
	add_number(o, "stall_ppm", set->stall_ppm);
	add_number(o, "probe_ppm", set->probe_ppm);
	add_number(o, "cold_age_ns", set->cold_age_ns);
	add_number(o, "prefetch_ppm", set->prefetch_ppm);
	return o;
}

static struct json_object *decision(const struct manager *m, const struct guest *guest)
{
	const struct policy_decision *d = &guest->policy.decision;
	struct json_object *o = json_object_new_object();
	char text[1024];

	add_text(o, "reason", policy_reason_name(d->reason));
	add_text(o, "cap", policy_cap_name(d->cap));
	add_pages(o, "wanted_bytes", d->wanted);
	add_pages(o, "decided_bytes", d->nr_pages);
	add_pages(o, "taken_bytes", guest->taken);
	json_object_object_add(o, "no_ciphertext", json_object_new_boolean(d->no_ciphertext));
	add_pages(o, "stayed_bytes", guest->stayed);
	add_pages(o, "fetch_bytes", d->fetch);
	add_pages(o, "fetched_bytes", guest->fetched);
	add_number(o, "min_idle_passes", d->min_idle);
	add_pages(o, "cold_bytes", d->cold);
	add_number(o, "refault_ppm", d->refault_ppm);
	add_number(o, "stall_ppm", d->stall_ppm);
	add_number(o, "hold_ns", d->hold_ns);
	manager_explain(m, guest, text, sizeof(text));
	add_text(o, "explanation", text);
	return o;
}

static struct json_object *counters(const struct account *account)
{
	struct json_object *o = json_object_new_object();
	unsigned int i;

	for (i = 0; account && i < ACCOUNT_NR_COUNTERS; i++)
		add_number(o, account_counters[i].name, account->value[i]);
	return o;
}

static struct json_object *describe_guest(const struct manager *m, const struct guest *guest)
{
	const struct account *account = guest->account;
	struct json_object *o = json_object_new_object(), *idle = json_object_new_array();
	const __u64 *pages = guest->info.pages;
	unsigned int i;

	add_number(o, "id", guest->info.id);
	add_text(o, "name", guest->name);
	add_text(o, "uuid", guest->uuid);
	add_number(o, "pid", guest->info.pid > 0 ? (uint64_t)guest->info.pid : 0);
	add_text(o, "state", kernel_vm_state_name(guest->info.state));
	add_text(o, "stop_reason", guest->info.stop_reason ?
		 kernel_stop_reason_name(guest->info.stop_reason) : "");
	add_pages(o, "memory_bytes", guest->info.registered_pages + guest->info.detached_pages);
	add_pages(o, "resident_bytes", guest->info.frames);
	add_pages(o, "paged_out_bytes", pages[UVMEM_PAGE_OUT]);
	add_pages(o, "same_filled_bytes", pages[UVMEM_PAGE_ZERO]);
	add_pages(o, "pooled_bytes", pages[UVMEM_PAGE_POOL]);
	add_number(o, "sealed_pool_bytes", guest->info.sealed_pool_bytes);
	add_pages(o, "shared_bytes", pages[UVMEM_PAGE_SHARED]);
	add_pages(o, "absent_bytes", pages[UVMEM_PAGE_ABSENT]);
	add_number(o, "metadata_bytes", guest->info.metadata_bytes);
	add_pages(o, "swapped_bytes", guest->swapped);
	add_pages(o, "ciphertext_resident_bytes", push_resident(&guest->push));
	add_pages(o, "ciphertext_swapped_bytes", push_swapped(&guest->push));
	add_pages(o, "no_gain_bytes", guest->policy.sample.no_gain);
	add_text(o, "push", push_state_name(guest->push.state));
	json_object_object_add(o, "saved_bytes",
			       json_object_new_int64(account ? account->saved_now * 4096 : 0));
	add_number(o, "aging_passes", guest->age.generation);
	for (i = 0; i < KERNEL_IDLE_BUCKETS; i++)
		json_object_array_add(idle, json_object_new_uint64(guest->age.idle[i]));
	json_object_object_add(o, "idle_pages", idle);
	json_object_object_add(o, "settings", settings(&guest->policy.settings));
	json_object_object_add(o, "decision", decision(m, guest));
	json_object_object_add(o, "counters", counters(account));
	add_text(o, "failed", guest->error ? guest->error_what : "");
	add_text(o, "failure", guest->error ? strerror(-guest->error) : "");
	return o;
}

char *manager_describe(const struct manager *m)
{
	struct json_object *top = json_object_new_object(), *list = json_object_new_array();
	struct json_object *totals = json_object_new_object();
	const char *lacks = manager_lacks(m);
	char *text;
	size_t i;

	add_number(top, "version", 1);
	add_number(top, "time_ns", m->passed_ns);
	add_number(top, "rounds", m->rounds);
	json_object_object_add(top, "dry_run", json_object_new_boolean(m->config.dry_run));
	add_text(top, "lacks", lacks ? lacks : "");
	add_number(top, "interval_ns", m->config.round_ns);
	add_number(top, "aging_interval_ns", m->config.host.age_pass_ns);
	add_pages(top, "pool_limit_bytes", m->pool.frames_limit);
	add_pages(top, "pool_used_bytes", m->pool.frames_used);
	add_number(top, "metadata_bytes", m->pool.metadata_bytes);
	add_number(top, "sealed_pool_limit_bytes", m->pool.sealed_pool_limit);
	add_number(top, "sealed_pool_used_bytes", m->pool.sealed_pool_used);
	add_pages(top, "pooled_bytes", m->pool.sealed_pool_pages);
	add_pages(top, "sink_bytes", m->policy.pool.sink);
	add_pages(top, "swap_total_bytes", m->push.swap_total);
	add_pages(top, "swap_free_bytes", m->push.swap_free);
	add_pages(top, "sealed_room_bytes", m->policy.pool.sealed_room);
	json_object_object_add(top, "squeezing", json_object_new_boolean(m->policy.squeezing));
	add_number(top, "guests_ended", m->book.ended_guests);
	add_number(top, "guests_skipped", m->nr_skipped);
	for (i = 0; i < m->nr; i++)
		json_object_array_add(list, describe_guest(m, m->guests[i]));
	json_object_object_add(top, "guests", list);
	for (i = 0; i < ACCOUNT_NR_COUNTERS; i++)
		add_number(totals, account_counters[i].name, account_total(&m->book, i));
	json_object_object_add(top, "totals", totals);
	text = strdup(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PLAIN |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
	return text;
}
