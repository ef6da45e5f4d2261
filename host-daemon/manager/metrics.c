// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * metrics.c - what Prometheus scrapes
 *
 * Base units: bytes and seconds. Counters end in _total. No label has unbounded
 * values but those that name a guest, and a guest's series go when it does; the
 * totals of all guests, uvmem_total_*, never fall.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "manager.h"

struct page {
	FILE *file;
	bool open;
};

/* OpenMetrics names the family, Prometheus' older format the sample. */
static void family(const struct page *page, const char *name, const char *type, const char *help)
{
	const char *suffix = !page->open && !strcmp(type, "counter") ? "_total" : "";
	/* The older format knows no "info". */
	const char *known = !page->open && !strcmp(type, "info") ? "gauge" : type;
	const char *info = !page->open && !strcmp(type, "info") ? "_info" : "";

	fprintf(page->file, "# HELP %s%s%s %s\n# TYPE %s%s%s %s\n", name, suffix, info, help, name,
		suffix, info, known);
}

/* A label's value: quotes, backslashes and newlines are escaped, other rubbish is "?". */
static void label(const struct page *page, const char *name, const char *value, bool first)
{
	fprintf(page->file, "%s%s=\"", first ? "" : ",", name);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			fprintf(page->file, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", page->file);
		else if (c < 0x20 || c >= 0x7f)
			fputc('?', page->file);
		else
			fputc(c, page->file);
	}
	fputc('"', page->file);
}

static void guest_labels(const struct page *page, const struct guest *guest)
{
	fprintf(page->file, "guest=\"%" PRIu64 "\"", (uint64_t)guest->info.id);
	label(page, "domain", guest->name, false);
}

static double in_base_units(enum account_unit unit, double value)
{
	switch (unit) {
	case ACCOUNT_PAGES:
	case ACCOUNT_PAGE_SECONDS:
		return value * 4096;
	case ACCOUNT_NSEC:
		return value / 1e9;
	case ACCOUNT_EVENTS:
		break;
	}
	return value;
}

/* Whole numbers whole: 15 digits are more than a double prints by itself. */
static void value(const struct page *page, double number)
{
	if (number == (double)(int64_t)number)
		fprintf(page->file, " %" PRId64 "\n", (int64_t)number);
	else
		fprintf(page->file, " %.9g\n", number);
}

static void single(const struct page *page, const char *name, const char *type, const char *help,
		   double number)
{
	family(page, name, type, help);
	fprintf(page->file, "%s%s", name, strcmp(type, "counter") ? "" : "_total");
	value(page, number);
}

static void host_metrics(const struct page *page, const struct manager *m)
{
	const uint64_t caps = m->module.capabilities;

	family(page, "uvmem_module", "info", "The kernel module");
	fprintf(page->file, "uvmem_module_info{api_version=\"%u\",aging=\"%u\",limits=\"%u\"} 1\n",
		m->module.api_version, !!(caps & KERNEL_CAP_AGING), !!(caps & KERNEL_CAP_LIMITS));
	single(page, "uvmem_dry_run", "gauge", "1 if nothing is done but decided",
	       m->config.dry_run);
	single(page, "uvmem_guests", "gauge", "Secure guests", (double)m->nr);
	single(page, "uvmem_guests_skipped", "gauge", "Secure guests that nothing could be asked of",
	       (double)m->nr_skipped);
	single(page, "uvmem_pool_limit_bytes", "gauge", "Secure memory there may be",
	       m->pool.frames_limit * 4096.0);
	single(page, "uvmem_pool_used_bytes", "gauge", "Secure memory in use",
	       m->pool.frames_used * 4096.0);
	single(page, "uvmem_pool_peak_bytes", "gauge", "Secure memory that was in use at most",
	       m->pool.frames_peak * 4096.0);
	single(page, "uvmem_metadata_bytes", "gauge", "Tables, seals and handles",
	       (double)m->pool.metadata_bytes);
	single(page, "uvmem_ciphertext_bytes", "gauge", "Guest memory that is out as ciphertext",
	       m->pool.seals * 4096.0);
	single(page, "uvmem_sealed_pool_limit_bytes", "gauge", "Memory the sealed pool may take",
	       (double)m->pool.sealed_pool_limit);
	single(page, "uvmem_sealed_pool_used_bytes", "gauge", "Memory the sealed pool takes",
	       (double)m->pool.sealed_pool_used);
	single(page, "uvmem_sink_bytes", "gauge", "Normal memory and swap that pages could go to",
	       m->policy.pool.sink * 4096.0);
	single(page, "uvmem_swap_free_bytes", "gauge", "Swap on devices that ciphertext could go to",
	       m->push.swap_free * 4096.0);
	single(page, "uvmem_squeezing", "gauge", "1 while the pool is short and guests give",
	       m->policy.squeezing);
	single(page, "uvmem_rounds", "counter", "Rounds of decisions", (double)m->rounds);
	single(page, "uvmem_guests_ended", "counter", "Guests that have ended",
	       (double)m->book.ended_guests);
}

/* A metric's samples stand together: one loop over guests for each. */
static void counters(const struct page *page, const struct manager *m)
{
	unsigned int i, k;
	char name[128];
	size_t g;

	for (i = 0; i < ACCOUNT_NR_COUNTERS; i = k) {
		const struct account_counter_info *c = &account_counters[i];

		for (k = i + 1; k < ACCOUNT_NR_COUNTERS; k++)
			if (strcmp(account_counters[k].metric, c->metric))
				break;
		snprintf(name, sizeof(name), "uvmem_guest_%s", c->metric);
		family(page, name, "counter", "See uvmemd-metrics.md");
		for (g = 0; g < m->nr; g++) {
			const struct account *account = m->guests[g]->account;
			unsigned int j;

			for (j = i; account && j < k; j++) {
				fprintf(page->file, "%s_total{", name);
				guest_labels(page, m->guests[g]);
				fprintf(page->file, "%s%s}", *account_counters[j].label ? "," : "",
					account_counters[j].label);
				value(page, in_base_units(c->unit, (double)account->value[j]));
			}
		}
		snprintf(name, sizeof(name), "uvmem_total_%s", c->metric);
		family(page, name, "counter", "The same of all guests, those that ended as well");
		for (; i < k; i++) {
			const char *l = account_counters[i].label;

			fprintf(page->file, "%s_total%s%s%s", name, *l ? "{" : "", l, *l ? "}" : "");
			value(page, in_base_units(c->unit, (double)account_total(&m->book, i)));
		}
	}
}

static void states(const struct page *page, const struct manager *m)
{
	static const char *const names[] = {
		NULL, "normal", "shared", "absent", "resident", "out", "same_filled", "lost",
		"pool",
	};
	unsigned int state;
	size_t g;

	_Static_assert(ARRAY_LEN(names) == UVMEM_PAGE_NR_STATES, "a name for each state");
	family(page, "uvmem_guest_memory_bytes", "gauge", "A guest's memory by what became of it");
	for (g = 0; g < m->nr; g++) {
		for (state = 1; state < ARRAY_LEN(names); state++) {
			fputs("uvmem_guest_memory_bytes{", page->file);
			guest_labels(page, m->guests[g]);
			fprintf(page->file, ",state=\"%s\"}", names[state]);
			value(page, m->guests[g]->info.pages[state] * 4096.0);
		}
	}
}

/* Bytes that were not used for at least so long */
static void idle(const struct page *page, const struct manager *m)
{
	static const unsigned int passes[] = { 1, 2, 4, 8, 16, 31 };
	unsigned int i;
	size_t g;

	if (!(m->module.capabilities & KERNEL_CAP_AGING))
		return;
	family(page, "uvmem_guest_idle_bytes", "gauge",
	       "Resident memory that was not used for at least that many seconds");
	for (g = 0; g < m->nr; g++) {
		for (i = 0; i < ARRAY_LEN(passes); i++) {
			fputs("uvmem_guest_idle_bytes{", page->file);
			guest_labels(page, m->guests[g]);
			fprintf(page->file, ",seconds=\"%g\"}",
				passes[i] * (double)m->config.host.age_pass_ns / POLICY_NSEC);
			value(page, policy_cold(&m->guests[g]->policy.sample, passes[i]) * 4096.0);
		}
	}
}

static void limits(const struct page *page, const struct manager *m)
{
	static const char *const names[] = { "min", "low", "high", "max" };
	unsigned int i;
	size_t g;

	family(page, "uvmem_guest_limit_bytes", "gauge", "Limits; what is missing is not limited");
	for (g = 0; g < m->nr; g++) {
		const struct policy_limits *l = &m->guests[g]->policy.settings.limits;
		const uint64_t pages[] = { l->min, l->low, l->high, l->max };

		for (i = 0; i < ARRAY_LEN(names); i++) {
			if (pages[i] == POLICY_NO_LIMIT)
				continue;
			fputs("uvmem_guest_limit_bytes{", page->file);
			guest_labels(page, m->guests[g]);
			fprintf(page->file, ",limit=\"%s\"}", names[i]);
			value(page, pages[i] * 4096.0);
		}
	}
}

/* A family of one value for each guest. */
static void guest_gauge(const struct page *page, const struct manager *m, const char *name,
			const char *help, double (*of)(const struct guest *guest))
{
	size_t g;

	family(page, name, "gauge", help);
	for (g = 0; g < m->nr; g++) {
		fprintf(page->file, "%s{", name);
		guest_labels(page, m->guests[g]);
		fputc('}', page->file);
		value(page, of(m->guests[g]));
	}
}

static double saved_of(const struct guest *guest)
{
	return guest->account ? guest->account->saved_now * 4096.0 : 0;
}

static double sealed_pool_of(const struct guest *guest)
{
	return (double)guest->info.sealed_pool_bytes;
}

static double no_gain_of(const struct guest *guest)
{
	return guest->policy.sample.no_gain * 4096.0;
}

static double swapped_of(const struct guest *guest)
{
	return guest->swapped * 4096.0;
}

static void decisions(const struct page *page, const struct manager *m)
{
	size_t g;

	family(page, "uvmem_guest_decision", "gauge", "Reason of the last decision");
	for (g = 0; g < m->nr; g++) {
		const struct policy_decision *d = &m->guests[g]->policy.decision;

		fputs("uvmem_guest_decision{", page->file);
		guest_labels(page, m->guests[g]);
		fprintf(page->file, ",reason=\"%s\",cap=\"%s\"} 1\n", policy_reason_name(d->reason),
			policy_cap_name(d->cap));
	}
	guest_gauge(page, m, "uvmem_guest_saved_bytes",
		    "Memory saved by paging, after what it costs; may be negative", saved_of);
	guest_gauge(page, m, "uvmem_guest_sealed_pool_bytes",
		    "What the guest's memory in the sealed pool was compressed to", sealed_pool_of);
	guest_gauge(page, m, "uvmem_guest_no_gain_bytes",
		    "Resident memory of which, as is known, only ciphertext would be left", no_gain_of);
	family(page, "uvmem_guest_ciphertext_bytes", "gauge", "Ciphertext, in memory and in swap");
	for (g = 0; g < m->nr; g++) {
		const struct push_guest *push = &m->guests[g]->push;

		fputs("uvmem_guest_ciphertext_bytes{", page->file);
		guest_labels(page, m->guests[g]);
		fputs(",place=\"memory\"}", page->file);
		value(page, push_resident(push) * 4096.0);
		fputs("uvmem_guest_ciphertext_bytes{", page->file);
		guest_labels(page, m->guests[g]);
		fputs(",place=\"swap\"}", page->file);
		value(page, push_swapped(push) * 4096.0);
	}
	guest_gauge(page, m, "uvmem_guest_swapped_bytes",
		    "Memory of the VMM that is in swap", swapped_of);
}

/* The kernel keeps no sum of a histogram, so none is given. */
static void latencies(const struct page *page, const struct manager *m)
{
	size_t g;

	family(page, "uvmem_guest_page_in_latency_seconds", "histogram",
	       "Of batches of page-ins that the guest waited for");
	for (g = 0; g < m->nr; g++) {
		uint64_t sum = 0;
		unsigned int i;

		for (i = 0; i < MANAGER_HIST; i++) {
			sum += m->guests[g]->page_in_ns[i];
			/* Below 1 us and above 1 s nobody needs to tell apart. */
			if (i != MANAGER_HIST - 1 && (i < 10 || i > 30))
				continue;
			fputs("uvmem_guest_page_in_latency_seconds_bucket{", page->file);
			guest_labels(page, m->guests[g]);
			if (i == MANAGER_HIST - 1)
				fputs(",le=\"+Inf\"}", page->file);
			else
				fprintf(page->file, ",le=\"%.9g\"}", (double)(1ULL << i) / 1e9);
			value(page, (double)sum);
		}
		fputs("uvmem_guest_page_in_latency_seconds_count{", page->file);
		guest_labels(page, m->guests[g]);
		fputc('}', page->file);
		value(page, (double)sum);
	}
}

int manager_metrics(const struct manager *m, bool open, char **ret, size_t *ret_length)
{
	struct page page = { .open = open };
	char *text = NULL;
	size_t length = 0, g;
	bool bad;

	page.file = open_memstream(&text, &length);
	if (!page.file)
		return -errno;
	host_metrics(&page, m);
	family(&page, "uvmem_guest", "info", "Who a guest is");
	for (g = 0; g < m->nr; g++) {
		fputs("uvmem_guest_info{", page.file);
		guest_labels(&page, m->guests[g]);
		label(&page, "uuid", m->guests[g]->uuid, false);
		label(&page, "policy", policy_kind_name(m->guests[g]->policy.settings.kind), false);
		label(&page, "state", kernel_vm_state_name(m->guests[g]->info.state), false);
		label(&page, "stopped", kernel_stop_reason_name(m->guests[g]->info.stop_reason),
		      false);
		fputs("} 1\n", page.file);
	}
	states(&page, m);
	limits(&page, m);
	idle(&page, m);
	decisions(&page, m);
	latencies(&page, m);
	counters(&page, m);
	if (open)
		fputs("# EOF\n", page.file);
	bad = ferror(page.file);
	if (fclose(page.file) || bad) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	*ret_length = length;
	return 0;
}
