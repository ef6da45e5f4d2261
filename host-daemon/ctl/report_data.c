// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report_data.c - a trace, and what would have been, as points over time
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "report.h"

/* A round that comes so many times later than it should: others are missing. */
#define GAP	2.5

static double since(const struct trace *trace, uint64_t time_ns)
{
	return (double)(time_ns - trace->pools[0].time_ns) / 1e9;
}

/*
 * Divide the rounds into points: up to rounds_each to a point, and none reaches over a
 * gap. The interval may change while it is recorded: a round is late by the one before.
 */
static int divide(struct report *r)
{
	const struct trace *trace = &r->trace;
	double usual = (double)trace->round_ns / 1e9, last = usual;
	struct report_point *point = NULL;
	size_t i;

	r->seconds = since(trace, trace->pools[trace->nr_pools - 1].time_ns);
	r->rounds_each = (trace->nr_pools + REPORT_POINTS - 1) / REPORT_POINTS;
	r->points = calloc(trace->nr_pools, sizeof(*r->points));
	r->point_of = calloc(trace->nr_pools, sizeof(*r->point_of));
	if (!r->points || !r->point_of)
		return -ENOMEM;
	for (i = 0; i < trace->nr_pools; i++) {
		double at = since(trace, trace->pools[i].time_ns);
		double step = i ? at - since(trace, trace->pools[i - 1].time_ns) : usual;
		bool gap = step > GAP * (last > usual ? last : usual);

		if (gap)
			r->missing += step;
		else
			last = step;
		if (!point || gap || point->rounds == r->rounds_each) {
			point = &r->points[r->nr_points++];
			point->gap = gap;
			point->first = at;
		}
		point->rounds++;
		point->last = at;
		point->seconds = (point->first + at) / 2;
		r->point_of[i] = r->nr_points - 1;
	}
	return 0;
}

static struct report_value *new_values(const struct report *r)
{
	return calloc(r->nr_points, sizeof(struct report_value));
}

static void add(struct report_value *values, size_t point, double value)
{
	struct report_value *v = &values[point];

	if (!v->nr || value > v->max)
		v->max = value;
	v->sum += value;
	v->nr++;
}

static bool after_gap(const struct report *r, size_t point, double at)
{
	return r->points[point].gap && at == r->points[point].first;
}

#define BYTES(pages)	((double)(pages) * 4096)

/* A row, and the one before of the same guest or NULL. */
static void collect_row(struct report *r, size_t round, const struct trace_row *row,
			const struct trace_row *last, double seconds)
{
	struct report_guest *guest = &r->guests[row->guest];
	size_t point = r->point_of[round];
	double at = since(&r->trace, row->time_ns), refaults;

	if (!guest->rounds++)
		guest->first = at;
	guest->last = at;
	add(guest->resident, point, BYTES(row->sample.frames));
	add(guest->out, point, BYTES(row->out));
	/* Ages are known when there were as many passes. */
	if (row->sample.passes >= r->used_passes)
		add(guest->used, point, BYTES(row->sample.frames) -
		    BYTES(policy_cold(&row->sample, r->used_passes)));
	guest->mean_resident += seconds * BYTES(row->sample.frames);
	guest->mean_out += seconds * BYTES(row->out);
	if (!last)
		return;
	refaults = row->sample.refaults > last->sample.refaults ?
		(double)(row->sample.refaults - last->sample.refaults) : 0;
	guest->refaults += refaults;
	if (row->sample.stall_ns > last->sample.stall_ns)
		guest->stall_ns += (double)(row->sample.stall_ns - last->sample.stall_ns);
	/* After a gap it is known how many came back, but not when. */
	if (!after_gap(r, point, at))
		add(guest->back, point, BYTES(refaults) * 60e9 /
		    (double)(row->time_ns - last->time_ns));
}

static void collect_rows(struct report *r)
{
	const struct trace_row *last[TRACE_GUESTS] = { NULL };
	const struct trace *trace = &r->trace;
	size_t round, i;
	unsigned int g;

	for (round = 0; round < trace->nr_pools; round++) {
		size_t end = round + 1 < trace->nr_pools ? trace->pools[round + 1].first :
			trace->nr_rows;
		double seconds = round ? since(trace, trace->pools[round].time_ns) -
			since(trace, trace->pools[round - 1].time_ns) : 0;

		for (i = trace->pools[round].first; i < end; i++) {
			const struct trace_row *row = &trace->rows[i];

			/* Twice in a round: the replay takes the first as well. */
			if (last[row->guest] && last[row->guest]->time_ns == row->time_ns)
				continue;
			collect_row(r, round, row, last[row->guest], seconds);
			last[row->guest] = row;
		}
	}
	for (g = 0; g < trace->nr_guests; g++) {
		r->guests[g].mean_resident /= r->seconds;
		r->guests[g].mean_out /= r->seconds;
	}
}

/* The guests' resident memory together, recorded (-1) or tried; who is not there has none. */
static struct report_value *total(const struct report *r, int config)
{
	struct report_value *sum = new_values(r);
	unsigned int g;
	size_t i;

	for (g = 0; sum && g < r->trace.nr_guests; g++) {
		const struct report_guest *guest = &r->guests[g];
		const struct report_value *v = config < 0 ? guest->resident :
			guest->tried[config].resident;

		for (i = 0; i < r->nr_points; i++) {
			sum[i].sum += v[i].sum;
			sum[i].nr = r->points[i].rounds;
		}
	}
	return sum;
}

int report_collect(struct report *r)
{
	unsigned int g;
	int err;

	if (r->trace.nr_pools < 2)
		return -EINVAL;
	err = divide(r);
	if (err)
		return err;
	r->used_passes = (unsigned int)((REPORT_USED_NS + r->trace.pass_ns - 1) / r->trace.pass_ns);
	if (r->trace.pass_ns > REPORT_USED_NS)
		r->used_passes = 1;
	if (r->used_passes > POLICY_IDLE_BUCKETS - 1)
		r->used_passes = POLICY_IDLE_BUCKETS - 1;
	r->guests = calloc(TRACE_GUESTS, sizeof(*r->guests));
	r->replays = calloc(REPORT_CONFIGS, sizeof(*r->replays));
	if (!r->guests || !r->replays)
		return -ENOMEM;
	for (g = 0; g < r->trace.nr_guests; g++) {
		struct report_guest *guest = &r->guests[g];

		guest->resident = new_values(r);
		guest->used = new_values(r);
		guest->out = new_values(r);
		guest->back = new_values(r);
		if (!guest->resident || !guest->used || !guest->out || !guest->back)
			return -ENOMEM;
	}
	collect_rows(r);
	r->total = total(r, -1);
	return r->total ? 0 : -ENOMEM;
}

/* ---- what would have been ----------------------------------------------------- */

struct attempt {
	struct report *report;
	const struct policy_host_settings *host;
	unsigned int config;
	size_t round;
};

static void note_decision(const struct attempt *a, struct report_tried *tried, double at,
			  const struct policy_guest *policy)
{
	char words[1024], when[REPORT_ROOM];

	if (tried->nr_decisions++ >= REPORT_DECISIONS)
		return;
	policy_explain(words, sizeof(words), policy, a->host);
	fprintf(tried->file, "<tr><td>%s</td><td>%s</td><td>",
		report_time(when, at, a->report->seconds),
		policy_reason_name(policy->decision.reason));
	report_text(tried->file, words);
	fputs("</td></tr>\n", tried->file);
}

static bool is_back_off(unsigned int reason)
{
	return reason == POLICY_BACK_OFF_REFAULT || reason == POLICY_BACK_OFF_STALL;
}

static void on_round(void *user, uint64_t time_ns, unsigned int guest, double resident,
		     double out, double refaults, const struct policy_guest *policy)
{
	struct attempt *a = user;
	struct report *r = a->report;
	struct report_tried *tried = &r->guests[guest].tried[a->config];
	enum policy_reason reason = policy->decision.reason;
	size_t point;

	while (r->trace.pools[a->round].time_ns < time_ns)
		a->round++;
	point = r->point_of[a->round];
	add(tried->resident, point, BYTES(resident));
	add(tried->out, point, BYTES(out));
	if (tried->last_ns && !after_gap(r, point, since(&r->trace, time_ns)))
		add(tried->back, point, BYTES(refaults - tried->last_refaults) * 60e9 /
		    (double)(time_ns - tried->last_ns));
	/* Of the decisions of a point a back-off says most. */
	if (!tried->reasons[point] || !is_back_off(tried->reasons[point] - 1u))
		tried->reasons[point] = (unsigned char)(reason + 1);
	if (!tried->last_ns || reason != tried->last_reason)
		note_decision(a, tried, since(&r->trace, time_ns), policy);
	tried->last_reason = reason;
	tried->last_refaults = refaults;
	tried->last_ns = time_ns;
}

static int new_tried(const struct report *r, struct report_tried *tried,
		     const struct policy_settings *settings)
{
	tried->settings = *settings;
	tried->resident = new_values(r);
	tried->out = new_values(r);
	tried->back = new_values(r);
	tried->reasons = calloc(r->nr_points, 1);
	tried->file = open_memstream(&tried->decisions, &tried->decisions_length);
	return tried->resident && tried->out && tried->back && tried->reasons && tried->file ?
		0 : -ENOMEM;
}

int report_try(struct report *r, const char *config, const struct policy_host_settings *host,
	       const struct policy_settings *settings)
{
	unsigned int nr = r->nr_configs++, g;
	struct attempt attempt = { .report = r, .host = host, .config = nr };
	struct replay *replay = &r->replays[nr];
	int err = 0;

	r->configs[nr] = config;
	for (g = 0; !err && g < r->trace.nr_guests; g++)
		err = new_tried(r, &r->guests[g].tried[nr], &settings[g]);
	if (err)
		return err;
	replay->on_round = on_round;
	replay->user = &attempt;
	err = replay_run(&r->trace, host, settings, replay);
	for (g = 0; g < r->trace.nr_guests; g++) {
		struct report_tried *tried = &r->guests[g].tried[nr];

		if (ferror(tried->file) || fflush(tried->file))
			err = -ENOMEM;
	}
	r->total_tried[nr] = total(r, (int)nr);
	return r->total_tried[nr] ? err : -ENOMEM;
}

void report_free(struct report *r)
{
	unsigned int g, c;

	for (g = 0; r->guests && g < TRACE_GUESTS; g++) {
		struct report_guest *guest = &r->guests[g];

		free(guest->resident);
		free(guest->used);
		free(guest->out);
		free(guest->back);
		for (c = 0; c < REPORT_CONFIGS; c++) {
			struct report_tried *tried = &guest->tried[c];

			if (tried->file)
				fclose(tried->file);
			free(tried->resident);
			free(tried->out);
			free(tried->back);
			free(tried->reasons);
			free(tried->decisions);
		}
	}
	for (c = 0; c < REPORT_CONFIGS; c++)
		free(r->total_tried[c]);
	free(r->total);
	free(r->guests);
	free(r->replays);
	free(r->points);
	free(r->point_of);
	trace_free(&r->trace);
}
