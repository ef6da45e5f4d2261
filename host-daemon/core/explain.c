// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain.c - names, and decisions in sentences
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy.h"

static const char *const kinds[] = { "static", "watermark", "proactive" };
static const char *const reasons[] = {
	"warming-up", "limits-hold", "above-high", "pool-pressure", "probe", "nothing-cold",
	"at-target", "back-off-refault", "back-off-stall", "hold", "no-aging",
};
static const char *const caps[] = { "none", "guarantee", "sink", "quota-pages", "quota-cpu" };

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
_Static_assert(COUNT(kinds) == POLICY_NR_KINDS, "a name for each policy");
_Static_assert(COUNT(reasons) == POLICY_NR_REASONS, "a name for each reason");
_Static_assert(COUNT(caps) == POLICY_NR_CAPS, "a name for each cap");

const char *policy_kind_name(enum policy_kind kind)
{
	return kind < POLICY_NR_KINDS ? kinds[kind] : "?";
}

int policy_kind_parse(const char *name)
{
	unsigned int i;

	for (i = 0; i < POLICY_NR_KINDS; i++)
		if (!strcmp(name, kinds[i]))
			return (int)i;
	return -EINVAL;
}

const char *policy_reason_name(enum policy_reason reason)
{
	return reason < POLICY_NR_REASONS ? reasons[reason] : "?";
}

const char *policy_cap_name(enum policy_cap cap)
{
	return cap < POLICY_NR_CAPS ? caps[cap] : "?";
}

/* What does not fit is cut. */
struct text {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= text->room)
		n = text->room ? (int)text->room - 1 : 0;
	text->at += n;
	text->room -= (size_t)n;
}

static void add_size(struct text *text, uint64_t pages)
{
	if (pages >= 1 << 18)
		add(text, "%.1f GiB", pages / (double)(1 << 18));
	else if (pages >= 1 << 8)
		add(text, "%.1f MiB", pages / (double)(1 << 8));
	else
		add(text, "%" PRIu64 " KiB", pages * 4);
}

static void add_signals(struct text *text, const struct policy_settings *set,
			const struct policy_decision *d)
{
	add(text, "Pages that come back: %.3f %% a minute, allowed %.3f. vCPUs wait: %.3f %% of the time, allowed %.3f. ",
	    d->refault_ppm / 1e4, set->refault_ppm / 1e4, d->stall_ppm / 1e4,
	    set->stall_ppm / 1e4);
}

static void add_reason(struct text *text, const struct policy_guest *guest,
		       const struct policy_host_settings *host)
{
	const struct policy_settings *set = &guest->settings;
	const struct policy_decision *d = &guest->decision;
	double idle_s = d->min_idle * (double)host->age_pass_ns / POLICY_NSEC;

	switch (d->reason) {
	case POLICY_WARMING_UP:
		add(text, "Too little is known yet: it takes %u aging passes. ", d->min_idle);
		break;
	case POLICY_LIMITS_HOLD:
		add(text, "It is below its high limit and the pool has room. ");
		break;
	case POLICY_ABOVE_HIGH:
		add(text, "It is above its high limit of ");
		add_size(text, set->limits.high);
		add(text, ". ");
		break;
	case POLICY_POOL_PRESSURE:
		add(text, "The pool is short: ");
		add_size(text, d->pool_used);
		add(text, " of ");
		add_size(text, d->pool_limit);
		add(text, " are in use, aim %.0f %%. With weight %u it has more than its share. ",
		    host->pool_low_ppm / 1e4, set->weight);
		break;
	case POLICY_PROBE:
		add_signals(text, set, d);
		add_size(text, d->cold);
		add(text, " were not used for %.0f s; a round takes up to %.2f %% of what is resident. ",
		    idle_s, guest->rate_ppm / 1e4);
		if (!d->no_ciphertext)
			break;
		add(text, "No swap is free, so that ciphertext would take as much memory as the page does: only what is same-filled or what the sealed pool takes goes; ");
		add_size(text, guest->sample.no_gain);
		add(text, " are known to be neither and stay. ");
		break;
	case POLICY_NOTHING_COLD:
		add_signals(text, set, d);
		add(text, "All of it was used within %.0f s. ", idle_s);
		break;
	case POLICY_AT_TARGET:
		add_signals(text, set, d);
		add(text, "That is close enough to what is allowed. ");
		break;
	case POLICY_BACK_OFF_REFAULT:
	case POLICY_BACK_OFF_STALL:
		add_signals(text, set, d);
		add(text, "That is too much: nothing is taken for %.0f s, and then only what was not used for %.0f s. ",
		    d->hold_ns / 1e9, guest->cold_passes * (double)host->age_pass_ns / POLICY_NSEC);
		break;
	case POLICY_HOLD:
		add_signals(text, set, d);
		add(text, "It was too much not long ago: the next attempt is in %.0f s. ",
		    d->hold_ns / 1e9);
		break;
	case POLICY_NO_AGING:
		add(text, "The kernel module does not know which pages are cold (no capability \"aging\"): nothing can be done but hold limits. ");
		break;
	case POLICY_NR_REASONS:
		break;
	}
}

void policy_explain(char *buf, size_t room, const struct policy_guest *guest,
		    const struct policy_host_settings *host)
{
	const struct policy_decision *d = &guest->decision;
	struct text text = { buf, room };

	add(&text, "Policy %s; ", policy_kind_name(guest->settings.kind));
	add_size(&text, d->frames);
	add(&text, " resident, ");
	add_size(&text, guest->settings.limits.low);
	add(&text, " guaranteed. ");
	add_reason(&text, guest, host);
	if (!d->wanted) {
		add(&text, "Nothing is taken.");
		if (!d->fetch)
			return;
		add(&text, " Up to ");
		add_size(&text, d->fetch);
		add(&text, d->fetch_for == POLICY_FETCH_RAISED ?
		    " of what left last is fetched back: its limits were raised." :
		    " of what left last is fetched back: it gave memory not long ago and wants it again.");
		return;
	}
	add(&text, "Wanted: ");
	add_size(&text, d->wanted);
	add(&text, "; taken: ");
	add_size(&text, d->nr_pages);
	switch (d->cap) {
	case POLICY_CAP_NONE:
	case POLICY_NR_CAPS:
		add(&text, ".");
		break;
	case POLICY_CAP_GUARANTEE:
		add(&text, ", because it is not taken below ");
		add_size(&text, d->floor);
		add(&text, ".");
		break;
	case POLICY_CAP_SINK:
		add(&text, ", because there is no place for more: normal memory and swap are short (sink_reserve).");
		break;
	case POLICY_CAP_QUOTA_PAGES:
		add(&text, ", because of the quota of pages a second.");
		break;
	case POLICY_CAP_QUOTA_CPU:
		add(&text, ", because of the quota of CPU time.");
		break;
	}
}
