// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report_plot.c - plots of a report, as SVG
 *
 * No script: what is under the pointer is told by the browser from <title> elements.
 * Colours are classes of the page's style, which has them for light and for dark.
 */
#include <inttypes.h>
#include <string.h>

#include "report.h"

/* Of a drawing; the plot's own area has margins in it. */
#define WIDTH	960
#define LEFT	58
#define RIGHT	14
#define TOP	8
#define BOTTOM	38
#define AREA	(WIDTH - LEFT - RIGHT)
/* Places with a text of their own under the pointer */
#define PLACES	60

/**
 * struct scale - of the value axis
 * @unit: of size, "GiB"
 * @size: bytes of it
 * @step: between two ticks, in units
 * @ticks: above 0
 */
struct scale {
	const char *unit;
	double size, step;
	unsigned int ticks;
};

static double new_unit(double top, const char **ret)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = 1024;
	unsigned int unit = 0;

	while (top >= 1024 * size && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size *= 1024;
		unit++;
	}
	*ret = units[unit];
	return size;
}

const char *report_bytes(char buf[REPORT_ROOM], double bytes)
{
	const char *unit;
	double value = bytes / new_unit(bytes, &unit);

	if (bytes < 0.5)
		snprintf(buf, REPORT_ROOM, "0");
	else
		snprintf(buf, REPORT_ROOM, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value,
			 unit);
	return buf;
}

const char *report_duration(char buf[REPORT_ROOM], double seconds)
{
	uint64_t whole = (uint64_t)(seconds + 0.5);

	if (whole >= 3600 && whole / 60 % 60)
		snprintf(buf, REPORT_ROOM, "%" PRIu64 " h %" PRIu64 " min", whole / 3600,
			 whole / 60 % 60);
	else if (whole >= 3600)
		snprintf(buf, REPORT_ROOM, "%" PRIu64 " h", whole / 3600);
	else if (whole >= 60 && whole % 60)
		snprintf(buf, REPORT_ROOM, "%" PRIu64 " min %" PRIu64 " s", whole / 60, whole % 60);
	else if (whole >= 60)
		snprintf(buf, REPORT_ROOM, "%" PRIu64 " min", whole / 60);
	else
		snprintf(buf, REPORT_ROOM, "%.3g s", seconds);
	return buf;
}

/* Ticks at 0.1, 0.2, 0.5, 1, 2, 5... units; five of them at most, the last not below @top */
static struct scale new_scale(double top)
{
	static const double factors[] = { 2, 2.5, 2 };
	struct scale s = { .step = 0.1 };
	unsigned int i;

	s.size = new_unit(top, &s.unit);
	for (i = 0; s.step * 5 * s.size < top; i = (i + 1) % 3)
		s.step *= factors[i];
	while (s.ticks < 5 && (!s.ticks || s.step * s.ticks * s.size < top))
		s.ticks++;
	return s;
}

static double x_of(const struct report *r, double seconds)
{
	return LEFT + seconds * AREA / r->seconds;
}

/* Where what stands for a point begins: between it and the one before. */
static double begin_of(const struct report *r, size_t i)
{
	if (!i)
		return LEFT;
	if (r->points[i].gap)
		return x_of(r, r->points[i].first);
	return x_of(r, (r->points[i - 1].last + r->points[i].first) / 2);
}

static double end_of(const struct report *r, size_t i)
{
	if (i + 1 == r->nr_points)
		return LEFT + AREA;
	return r->points[i + 1].gap ? x_of(r, r->points[i].last) : begin_of(r, i + 1);
}

const char *report_time_unit(double span)
{
	return span < 900 ? "min:s" : "h:min";
}

const char *report_time(char buf[REPORT_ROOM], double seconds, double span)
{
	uint64_t whole = (uint64_t)(span < 900 ? seconds : seconds / 60);

	snprintf(buf, REPORT_ROOM, "%" PRIu64 ":%02" PRIu64, whole / 60, whole % 60);
	return buf;
}

static double time_step(double span)
{
	static const unsigned int steps[] = {
		5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
	};
	double day = 86400;
	unsigned int i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (span / steps[i] <= 12)
			return steps[i];
	while (span / day > 12)
		day *= 2;
	return day;
}

static void time_axis(FILE *file, const struct report *r, int bottom)
{
	double step = time_step(r->seconds), at;
	char buf[REPORT_ROOM];

	for (at = 0; at <= r->seconds; at += step)
		fprintf(file, "<line class='tick' x1='%.1f' x2='%.1f' y1='%d' y2='%d'/>"
			"<text class='tx' x='%.1f' y='%d'>%s</text>\n", x_of(r, at), x_of(r, at),
			bottom, bottom + 4, x_of(r, at), bottom + 16,
			report_time(buf, at, r->seconds));
	fprintf(file, "<text class='tx' x='%d' y='%d'>time since the recording began, %s</text>\n",
		LEFT + AREA / 2, bottom + 32, report_time_unit(r->seconds));
}

static void value_axis(FILE *file, const struct scale *s, const char *unit, int height)
{
	unsigned int i;

	for (i = 0; i <= s->ticks; i++) {
		double y = TOP + height - (double)height * i / s->ticks;

		fprintf(file, "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>"
			"<text class='ty' x='%d' y='%.1f'>%g</text>\n", LEFT, LEFT + AREA, y, y,
			LEFT - 6, y + 4, s->step * i);
	}
	fprintf(file, "<text class='tx' transform='translate(13 %d) rotate(-90)'>%s%s</text>\n",
		TOP + height / 2, s->unit, unit);
}

static double y_of(const struct scale *s, double value, int height)
{
	return TOP + height - value * height / (s->step * s->ticks * s->size);
}

static double mean(const struct report_value *v)
{
	return v->sum / v->nr;
}

/* From @from on: the first point without a value, or behind a gap. */
static size_t run_end(const struct report *r, const struct report_value *v, size_t from)
{
	size_t i = from + 1;

	while (i < r->nr_points && v[i].nr && !r->points[i].gap)
		i++;
	return i;
}

static void run(FILE *file, const struct report *r, const struct report_value *v,
		const struct scale *s, int height, size_t from, size_t to)
{
	size_t i;

	/* A point alone would be a line of no length. */
	if (to == from + 1)
		fprintf(file, "<circle r='2' cx='%.1f' cy='%.1f'/>\n",
			x_of(r, r->points[from].seconds), y_of(s, mean(&v[from]), height));
	fputs("<polyline points='", file);
	for (i = from; i < to; i++)
		fprintf(file, "%s%.1f,%.1f", i > from ? " " : "", x_of(r, r->points[i].seconds),
			y_of(s, mean(&v[i]), height));
	fputs("'/>\n", file);
}

/* From the mean of each point up to the largest of its rounds. */
static void peaks(FILE *file, const struct report *r, const struct report_value *v,
		  const struct scale *s, int height, size_t from, size_t to)
{
	size_t i;

	fputs("<polygon class='peaks' points='", file);
	for (i = from; i < to; i++)
		fprintf(file, "%.1f,%.1f ", x_of(r, r->points[i].seconds),
			y_of(s, v[i].max, height));
	for (i = to; i > from; i--)
		fprintf(file, "%.1f,%.1f ", x_of(r, r->points[i - 1].seconds),
			y_of(s, mean(&v[i - 1]), height));
	fputs("'/>\n", file);
}

static void line(FILE *file, const struct report *r, const struct report_plot *plot,
		 const struct report_line *l, const struct scale *s)
{
	size_t from, to;

	fprintf(file, "<g class='line %s' data-line='", l->class);
	report_text(file, l->name);
	fputs("'>\n", file);
	for (from = 0; from < r->nr_points; from = to) {
		to = from + 1;
		if (!l->values[from].nr)
			continue;
		to = run_end(r, l->values, from);
		if (plot->peaks && r->rounds_each > 1)
			peaks(file, r, l->values, s, plot->height, from, to);
		run(file, r, l->values, s, plot->height, from, to);
	}
	fputs("</g>\n", file);
}

static void no_data(FILE *file, double from, double to, int height)
{
	if (to - from < 0.5)
		return;
	fprintf(file, "<rect class='nodata' x='%.1f' width='%.1f' y='%d' height='%d'>"
		"<title>not recorded</title></rect>\n", from, to - from, TOP, height);
}

/* Mark the time of which nothing is known. Is there any? */
static bool mark_no_data(FILE *file, const struct report *r, const struct report_value *of,
			 int height)
{
	bool found = false;
	double from = -1;
	size_t i;

	for (i = 0; i < r->nr_points; i++) {
		bool known = of[i].nr;

		if (i && r->points[i].gap && from < 0)
			from = x_of(r, r->points[i - 1].last);
		if (!known && from < 0)
			from = begin_of(r, i);
		if (known && from >= 0) {
			if (file)
				no_data(file, from, begin_of(r, i), height);
			found = true;
			from = -1;
		}
	}
	if (from >= 0 && file)
		no_data(file, from, LEFT + AREA, height);
	return found || from >= 0;
}

/* What the browser shows when the pointer is at a place. */
static void places(FILE *file, const struct report *r, const struct report_plot *plot)
{
	size_t each = (r->nr_points + PLACES - 1) / PLACES, i, k;
	char from[REPORT_ROOM], value[REPORT_ROOM];
	unsigned int l;

	for (i = 0; i < r->nr_points; i += each) {
		size_t to = i + each < r->nr_points ? i + each : r->nr_points;

		fprintf(file, "<rect class='place' x='%.1f' width='%.1f' y='%d' height='%d'><title>%s",
			begin_of(r, i), end_of(r, to - 1) - begin_of(r, i), TOP, plot->height,
			report_time(from, r->points[i].first, r->seconds));
		for (l = 0; l < plot->nr; l++) {
			struct report_value all = { 0 };

			for (k = i; k < to; k++) {
				all.sum += plot->lines[l].values[k].sum;
				all.nr += plot->lines[l].values[k].nr;
			}
			fputs("\n", file);
			report_text(file, plot->lines[l].name);
			fputs(": ", file);
			if (all.nr)
				fprintf(file, "%s%s", report_bytes(value, mean(&all)), plot->unit);
			else
				fputs("not known", file);
		}
		fputs("</title></rect>\n", file);
	}
}

static void legend_entry(FILE *file, const char *class, const char *name)
{
	fprintf(file, "<span class='entry'><svg class='key %s' viewBox='0 0 28 10' width='28' "
		"height='10'><line x1='0' x2='28' y1='5' y2='5'/></svg> ", class);
	report_text(file, name);
	fputs("</span>\n", file);
}

static void legend(FILE *file, const struct report_plot *plot, bool with_limit, bool with_no_data)
{
	unsigned int i;

	fputs("<div class='legend'>", file);
	for (i = 0; i < plot->nr; i++)
		legend_entry(file, plot->lines[i].class, plot->lines[i].name);
	if (with_limit)
		legend_entry(file, "lim", plot->limit_name);
	if (with_no_data)
		fputs("<span class='entry'><svg class='key' viewBox='0 0 28 10' width='28' height='10'>"
		      "<rect class='nodata' width='28' height='10'/></svg> not recorded</span>\n", file);
	fputs("</div>\n", file);
}

void report_plot_print(FILE *file, const struct report *r, const struct report_plot *plot,
		       const struct report_value *of)
{
	bool with_limit, with_no_data = mark_no_data(NULL, r, of, 0);
	double top = 0;
	struct scale s;
	unsigned int l;
	size_t i;

	for (l = 0; l < plot->nr; l++)
		for (i = 0; i < r->nr_points; i++) {
			const struct report_value *v = &plot->lines[l].values[i];
			double value = plot->peaks ? v->max : v->nr ? mean(v) : 0;

			if (v->nr && value > top)
				top = value;
		}
	/* An axis of nothing at all says nothing. */
	if (top <= 0)
		top = 1024 * 1024;
	/* One that is far away would press all else to the ground. */
	with_limit = plot->limit > 0 && plot->limit < 2 * top;
	if (with_limit && plot->limit > top)
		top = plot->limit;
	s = new_scale(top);
	fprintf(file, "<figure><figcaption>%s</figcaption>\n", plot->title);
	legend(file, plot, with_limit, with_no_data);
	fprintf(file, "<svg class='plot' viewBox='0 0 %d %d' role='img' aria-label='%s' "
		"data-points='%zu'>\n", WIDTH, TOP + plot->height + BOTTOM, plot->title,
		r->nr_points);
	mark_no_data(file, r, of, plot->height);
	value_axis(file, &s, plot->unit, plot->height);
	time_axis(file, r, TOP + plot->height);
	if (with_limit)
		fprintf(file, "<line class='lim' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>\n", LEFT,
			LEFT + AREA, y_of(&s, plot->limit, plot->height),
			y_of(&s, plot->limit, plot->height));
	for (l = 0; l < plot->nr; l++)
		line(file, r, plot, &plot->lines[l], &s);
	places(file, r, plot);
	fputs("</svg></figure>\n", file);
}

/* ---- decisions ------------------------------------------------------------------ */

/* What a reason amounts to; told by height as well as by colour. */
enum act { ACT_NOTHING, ACT_TAKE, ACT_BACK_OFF, ACT_WAIT, ACT_BLIND, NR_ACTS };

static const struct {
	const char *class, *name;
	int height;
} acts[NR_ACTS] = {
	[ACT_NOTHING] = { "nothing", "nothing to take", 3 },
	[ACT_TAKE] = { "take", "takes memory", 11 },
	[ACT_BACK_OFF] = { "backoff", "backs off: too much came back, or vCPUs waited", 20 },
	[ACT_WAIT] = { "wait", "waits after a back-off", 7 },
	[ACT_BLIND] = { "blind", "knows too little yet", 3 },
};

static const enum act act_of[POLICY_NR_REASONS] = {
	[POLICY_WARMING_UP] = ACT_BLIND,
	[POLICY_LIMITS_HOLD] = ACT_NOTHING,
	[POLICY_ABOVE_HIGH] = ACT_TAKE,
	[POLICY_POOL_PRESSURE] = ACT_TAKE,
	[POLICY_PROBE] = ACT_TAKE,
	[POLICY_NOTHING_COLD] = ACT_NOTHING,
	[POLICY_AT_TARGET] = ACT_NOTHING,
	[POLICY_BACK_OFF_REFAULT] = ACT_BACK_OFF,
	[POLICY_BACK_OFF_STALL] = ACT_BACK_OFF,
	[POLICY_HOLD] = ACT_WAIT,
	[POLICY_NO_AGING] = ACT_BLIND,
};

#define BAR	40

/* Points of the same reason, one after another, are one bar. */
static void bar(FILE *file, const struct report *r, const unsigned char *reasons, int base)
{
	char from[REPORT_ROOM], to[REPORT_ROOM];
	size_t i, k;

	for (i = 0; i < r->nr_points; i = k) {
		enum policy_reason reason = reasons[i] - 1;
		double width;

		for (k = i + 1; k < r->nr_points && reasons[k] == reasons[i] && !r->points[k].gap;)
			k++;
		if (!reasons[i])
			continue;
		width = end_of(r, k - 1) - begin_of(r, i);
		fprintf(file, "<rect class='%s' x='%.1f' width='%.1f' y='%d' height='%d'>"
			"<title>%s to %s: %s</title></rect>\n", acts[act_of[reason]].class,
			begin_of(r, i), width < 1 ? 1 : width, base - acts[act_of[reason]].height,
			acts[act_of[reason]].height,
			report_time(from, r->points[i].first, r->seconds),
			report_time(to, r->points[k - 1].last, r->seconds),
			policy_reason_name(reason));
	}
}

void report_bars_print(FILE *file, const struct report *r, const struct report_guest *guest)
{
	int bottom = TOP + BAR * (int)r->nr_configs;
	unsigned int c, a;

	fputs("<figure><figcaption>Decisions</figcaption>\n<div class='legend'>", file);
	for (a = 0; a < NR_ACTS; a++)
		fprintf(file, "<span class='entry'><svg class='key' viewBox='0 0 14 20' width='14' "
			"height='20'><rect class='%s' width='14' y='%d' height='%d'/></svg> %s</span>\n",
			acts[a].class, 20 - acts[a].height, acts[a].height, acts[a].name);
	fprintf(file, "</div>\n<svg class='bars' viewBox='0 0 %d %d' role='img' "
		"aria-label='Decisions'>\n", WIDTH, bottom + BOTTOM);
	for (c = 0; c < r->nr_configs; c++) {
		int base = TOP + BAR * (int)(c + 1) - 4;

		fprintf(file, "<g data-config='%u'><line class='grid' x1='%d' x2='%d' y1='%d' "
			"y2='%d'/><text class='name' x='%d' y='%d'>", c, LEFT, LEFT + AREA, base,
			base, LEFT, base - 23);
		report_text(file, r->configs[c]);
		fputs("</text>\n", file);
		bar(file, r, guest->tried[c].reasons, base);
		fputs("</g>\n", file);
	}
	time_axis(file, r, bottom);
	fputs("</svg></figure>\n", file);
}
