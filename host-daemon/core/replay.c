// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay.c - a recorded load under another policy; see trace.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define AGES	POLICY_IDLE_BUCKETS
#define OLDEST	(AGES - 1)

/* Where the recording does not tell what a page-in costs. */
#define STALL_NS	50000.0

/**
 * struct model - a simulated guest
 * @last: its last row, NULL before the first
 * @resident: pages by age
 * @out: pages by age
 * @out_cold: of @out of the oldest age, those that do not come back
 * @cold: pages of the oldest age that are not used, resident or out
 * @came: what has become old lately: pages of the ages before the oldest
 * @came_used: and how much of that was used
 * @old_used: of the oldest age that was used lately
 * @refaults: so far
 * @stall_ns: so far
 * @moved: so far
 * @policy: what it is under
 */
struct model {
	const struct trace_row *last;
	double resident[AGES], out[AGES];
	double out_cold, cold, came, came_used, old_used;
	double refaults, stall_ns, moved;
	struct policy_guest policy;
};

static double sum(const double *pages)
{
	double total = 0;
	unsigned int i;

	for (i = 0; i < AGES; i++)
		total += pages[i];
	return total;
}

static void begin(struct model *model, const struct trace_row *row)
{
	unsigned int i;

	for (i = 0; i < AGES; i++)
		model->resident[i] = (double)row->sample.idle[i];
	/* Without aging all is as old as can be told. */
	if (!row->sample.passes)
		model->resident[OLDEST] = (double)row->sample.frames;
	model->out[OLDEST] = (double)row->out;
}

/* Old enough to be like what is of the oldest age and still used. */
#define NEARLY_OLD	20

/* Weight of what is new in averages: some 16 passes. */
#define RECENT		(1.0 / 16)

/**
 * struct use - what a guest did between two rows
 * @used: share of each age that was used
 * @freed: share of each age that the guest gave up
 * @old: pages that became or stayed of the oldest age, or were used instead
 * @old_used: of these
 * @came: pages that were nearly old
 * @came_used: of these
 */
struct use {
	double used[AGES], freed[AGES];
	double old, old_used, came, came_used;
};

/* The first of the ages that are of the oldest one pass later. */
static int nearly_oldest(uint64_t passes)
{
	return passes < OLDEST ? OLDEST - (int)passes : 0;
}

/*
 * What was freed has left its age like what was used. As little of the old is used, most
 * of what leaves there has been freed: the oldest first.
 */
static double part_freed(double left, double *freed)
{
	double part = *freed < left ? *freed / left : left > 0;

	*freed -= part * left;
	return part;
}

static void measure(const struct trace_row *a, const struct trace_row *b, uint64_t passes,
		    double freed, struct use *ret)
{
	uint64_t refaults = b->sample.refaults > a->sample.refaults ?
		b->sample.refaults - a->sample.refaults : 0;
	uint64_t moved = b->sample.moved > a->sample.moved ? b->sample.moved - a->sample.moved : 0;
	double there[AGES], stayed, left, part;
	int first = nearly_oldest(passes), i;

	memset(ret, 0, sizeof(*ret));
	/* What reclaim took was the oldest, and was not used. */
	for (i = OLDEST; i >= 0; i--) {
		double taken = (double)moved < (double)a->sample.idle[i] ? (double)moved :
			(double)a->sample.idle[i];

		there[i] = (double)a->sample.idle[i] - taken;
		moved -= (uint64_t)taken;
	}
	/* All that ends in the open bucket is of one kind, and what is out with it. */
	for (i = first; i < AGES; i++)
		ret->old += there[i];
	stayed = (double)b->sample.idle[OLDEST];
	left = ret->old > stayed ? ret->old - stayed : 0;
	part = part_freed(left, &freed);
	ret->old_used = (1 - part) * left + (double)refaults;
	ret->old += (double)a->out;
	if (ret->old_used > ret->old)
		ret->old_used = ret->old;
	for (i = first; i < AGES && ret->old > 0; i++) {
		ret->used[i] = ret->old_used / ret->old;
		ret->freed[i] = part * left / ret->old;
		if (ret->freed[i] > 1 - ret->used[i])
			ret->freed[i] = 1 - ret->used[i];
	}
	for (i = first - 1; i >= 0; i--) {
		stayed = (double)b->sample.idle[i + (int)passes];
		left = there[i] > stayed ? there[i] - stayed : 0;
		part = part_freed(left, &freed);
		ret->used[i] = left > 0 ? (1 - part) * left / there[i] : 0;
		ret->freed[i] = left > 0 ? part * left / there[i] : 0;
		if (i >= NEARLY_OLD) {
			ret->came += there[i];
			ret->came_used += there[i] * ret->used[i];
		}
	}
}

static void follow(double *average, double value)
{
	*average += RECENT * (value - *average);
}

/*
 * Of the pages of the oldest age some are used now and then and some never: what comes back
 * once out shows which. The rate at which nearly old pages are used is that of the former;
 * so many there must be that they make up the use that was seen.
 */
static double split_oldest(struct model *model, const struct use *use)
{
	double rate, warm;

	follow(&model->came, use->came);
	follow(&model->came_used, use->came_used);
	follow(&model->old_used, use->old_used);
	rate = model->came > 0 ? model->came_used / model->came : 0;
	warm = rate > 0 ? model->old_used / rate : use->old_used > 0 ? use->old : 0;
	if (warm > use->old)
		warm = use->old;
	if (warm < use->old_used)
		warm = use->old_used;
	model->cold = use->old - warm;
	if (model->out_cold > model->cold)
		model->out_cold = model->cold;
	if (model->out_cold > model->out[OLDEST])
		model->out_cold = model->out[OLDEST];
	return warm > 0 ? use->old_used / warm : 0;
}

/* There are @pages more than the guest has; nothing tells which. */
static void shrink(struct model *model, double pages)
{
	double stays = 1 - pages / (sum(model->resident) + sum(model->out));
	unsigned int i;

	for (i = 0; i < AGES; i++) {
		model->resident[i] *= stays;
		model->out[i] *= stays;
	}
	model->out_cold *= stays;
	model->cold *= stays;
}

static void step(struct model *model, const struct trace_row *row)
{
	const struct trace_row *last = model->last;
	uint64_t passes = row->sample.passes > last->sample.passes ?
		row->sample.passes - last->sample.passes : 0;
	uint64_t refaulted = row->sample.refaults - last->sample.refaults;
	double resident[AGES] = { 0 }, out[AGES] = { 0 }, fresh = 0, back = 0, stall, warm, stays;
	double has = (double)(row->sample.frames + row->out);
	double freed = sum(model->resident) + sum(model->out) - has;
	struct use use;
	unsigned int i;

	if (passes) {
		measure(last, row, passes, freed > 0 ? freed : 0, &use);
		warm = split_oldest(model, &use);
		for (i = 0; i < AGES; i++) {
			unsigned int to = i + passes < OLDEST ? i + (unsigned int)passes : OLDEST;
			double from_out = use.used[i] * model->out[i];
			double from_in = use.used[i] * model->resident[i];

			stays = 1 - use.freed[i];
			if (i == OLDEST) {
				double cold_in = model->cold - model->out_cold;

				from_out = stays * warm * (model->out[i] - model->out_cold);
				from_in = model->resident[i] > cold_in ?
					stays * warm * (model->resident[i] - cold_in) : 0;
			}
			back += from_out;
			fresh += from_out + from_in;
			out[to] += stays * model->out[i] - from_out;
			resident[to] += stays * model->resident[i] - from_in;
		}
		model->out_cold *= 1 - use.freed[OLDEST];
		resident[0] += fresh;
		memcpy(model->resident, resident, sizeof(resident));
		memcpy(model->out, out, sizeof(out));
	}
	freed = sum(model->resident) + sum(model->out) - has;
	if (freed < 0)
		model->resident[0] -= freed;
	else if (freed > 0 && (passes || !row->sample.passes))
		shrink(model, freed);
	stall = row->sample.refaults > last->sample.refaults &&
		row->sample.stall_ns > last->sample.stall_ns ?
		(double)(row->sample.stall_ns - last->sample.stall_ns) / (double)refaulted : STALL_NS;
	model->refaults += back;
	model->stall_ns += back * stall;
}

static void take(struct model *model, double pages, unsigned int min_idle)
{
	int i;

	for (i = OLDEST; i >= (int)min_idle && pages > 0; i--) {
		double part = pages < model->resident[i] ? pages : model->resident[i];

		/* Reclaim cannot tell them apart either. */
		if (i == OLDEST && model->resident[i] > 0) {
			double cold_in = model->cold - model->out_cold;

			if (cold_in > model->resident[i])
				cold_in = model->resident[i];
			model->out_cold += part * cold_in / model->resident[i];
		}
		model->resident[i] -= part;
		model->out[i] += part;
		model->moved += part;
		pages -= part;
	}
}

static void sample(struct model *model, const struct trace_row *row)
{
	struct policy_sample *s = &model->policy.sample;
	unsigned int i;

	s->frames = (uint64_t)sum(model->resident);
	s->passes = row->sample.passes;
	for (i = 0; i < AGES; i++)
		s->idle[i] = (uint64_t)model->resident[i];
	s->refaults = (uint64_t)model->refaults;
	s->stall_ns = (uint64_t)model->stall_ns;
	s->moved = (uint64_t)model->moved;
	/* As measured on a 2.6 GHz machine: seal and move of a page. */
	s->work_ns = (uint64_t)(model->moved * 4000);
}

static void round_of(const struct trace *trace, size_t at, struct policy_host *host,
		     struct model *models, struct replay *ret)
{
	const struct trace_pool *pool = &trace->pools[at];
	size_t end = at + 1 < trace->nr_pools ? trace->pools[at + 1].first : trace->nr_rows, i;
	double seconds = at ? (double)(pool->time_ns - trace->pools[at - 1].time_ns) / 1e9 : 0;
	struct policy_guest *list[TRACE_GUESTS];
	bool there[TRACE_GUESTS] = { false };
	unsigned int nr = 0, g;

	host->pool = pool->pool;
	host->pool.used = 0;
	for (i = pool->first; i < end; i++) {
		const struct trace_row *row = &trace->rows[i];
		struct model *model = &models[row->guest];

		if (there[row->guest])
			continue;
		there[row->guest] = true;
		if (model->last)
			step(model, row);
		else
			begin(model, row);
		model->last = row;
		sample(model, row);
		host->pool.used += model->policy.sample.frames;
		list[nr++] = &model->policy;
	}
	policy_round(host, list, nr, pool->time_ns);
	for (g = 0; g < trace->nr_guests; g++) {
		struct model *model = &models[g];
		struct replay_guest *r = &ret->guests[g];

		if (!there[g])
			continue;
		take(model, (double)model->policy.decision.nr_pages,
		     model->policy.decision.min_idle);
		r->resident += seconds * sum(model->resident);
		r->out += seconds * sum(model->out);
		if (ret->on_round)
			ret->on_round(ret->user, pool->time_ns, g, sum(model->resident),
				      sum(model->out), model->refaults, &model->policy);
	}
}

int replay_run(const struct trace *trace, const struct policy_host_settings *settings,
	       const struct policy_settings *guests, struct replay *ret)
{
	struct model *models = calloc(TRACE_GUESTS, sizeof(*models));
	struct policy_host host = { .settings = *settings };
	unsigned int g;
	size_t i;

	if (!models)
		return -ENOMEM;
	if (trace->nr_pools < 2) {
		free(models);
		return -EINVAL;
	}
	/* Ages in the trace are passes of its own length. */
	host.settings.age_pass_ns = trace->pass_ns;
	memset(ret->guests, 0, sizeof(ret->guests));
	for (g = 0; g < trace->nr_guests; g++)
		models[g].policy.settings = guests[g];
	for (i = 0; i < trace->nr_pools; i++)
		round_of(trace, i, &host, models, ret);
	ret->seconds = (double)(trace->pools[trace->nr_pools - 1].time_ns -
				trace->pools[0].time_ns) / 1e9;
	for (g = 0; g < trace->nr_guests; g++) {
		struct replay_guest *r = &ret->guests[g];

		r->resident /= ret->seconds;
		r->out /= ret->seconds;
		r->refaults = models[g].refaults;
		r->stall_ns = models[g].stall_ns;
		r->back_offs = models[g].policy.back_offs;
		r->taken = (uint64_t)models[g].moved;
	}
	free(models);
	return 0;
}
