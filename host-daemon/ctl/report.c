// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - a trace as one HTML page with plots, that needs no network
 *
 * Per guest, over time: what was recorded (resident and out memory, memory not used
 * lately, memory that came back) and, with --config, what would have been resident
 * under that configuration, and its decisions. SVG by hand: nothing is loaded, no
 * script runs.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "output.h"
#include "tracefile.h"

#define WIDTH	900
#define HEIGHT	180
/* Points of a line: more than can be seen only make the page larger. */
#define POINTS	900
#define DECISIONS	200

struct series {
	double *x, *y;
	size_t nr;
};

/* Of one guest; of each series a point per round. */
struct plot {
	struct series resident, out, cold, back, simulated, simulated_back;
	char *decisions;
	size_t decisions_length;
	FILE *decisions_file;
	unsigned int nr_decisions;
	enum policy_reason last;
	double last_back;
	uint64_t last_ns;
};

static void add_point(struct series *s, double x, double y)
{
	if (!(s->nr & (s->nr - 1))) {
		size_t room = s->nr ? 2 * s->nr : 1;
		double *more_x = realloc(s->x, room * sizeof(double)), *more_y;

		if (!more_x)
			return;
		s->x = more_x;
		more_y = realloc(s->y, room * sizeof(double));
		if (!more_y)
			return;
		s->y = more_y;
	}
	s->x[s->nr] = x;
	s->y[s->nr++] = y;
}

static void text(FILE *file, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", file);
		else if (*s == '>')
			fputs("&gt;", file);
		else if (*s == '&')
			fputs("&amp;", file);
		else if (*s == '"')
			fputs("&quot;", file);
		else if ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f)
			fputc(*s, file);
		else
			fputc('?', file);
	}
}

static double largest(const struct series *s, double at_least)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (s->y[i] > at_least)
			at_least = s->y[i];
	return at_least;
}

static void line(FILE *file, const struct series *s, double span, double top, const char *color)
{
	size_t step = s->nr / POINTS + 1, i;

	if (!s->nr)
		return;
	fprintf(file, "<polyline fill='none' stroke='%s' stroke-width='1.5' points='", color);
	for (i = 0; i < s->nr; i += step)
		fprintf(file, "%.1f,%.1f ", s->x[i] * WIDTH / span,
			HEIGHT - s->y[i] * (HEIGHT - 10) / top);
	fputs("'/>\n", file);
}

static void legend(FILE *file, const char *color, const char *what)
{
	fprintf(file, "<span style='color:%s'>&#9632;</span> %s &#160; ", color, what);
}

static void axes(FILE *file, double span, double top, const char *unit)
{
	unsigned int i;

	fprintf(file, "<svg viewBox='-70 -5 %d %d' role='img'>\n", WIDTH + 80, HEIGHT + 30);
	for (i = 0; i <= 4; i++) {
		double y = HEIGHT - i * (HEIGHT - 10) / 4.0;

		fprintf(file, "<line x1='0' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/>"
			"<text x='-6' y='%.1f' text-anchor='end'>%.4g %s</text>\n", WIDTH, y, y,
			y + 4, top * i / 4, unit);
	}
	for (i = 0; i <= 6; i++)
		fprintf(file, "<text x='%.1f' y='%d' text-anchor='middle'>%.4g min</text>\n",
			i * WIDTH / 6.0, HEIGHT + 18, span * i / 6 / 60);
}

#define MIB(pages)	((pages) / 256.0)

static void collect(const struct trace *trace, struct plot *plots)
{
	double last[TRACE_GUESTS] = { 0 };
	bool seen[TRACE_GUESTS] = { false };
	size_t i;

	for (i = 0; i < trace->nr_rows; i++) {
		const struct trace_row *row = &trace->rows[i];
		struct plot *plot = &plots[row->guest];
		double x = (double)(row->time_ns - trace->pools[0].time_ns) / 1e9;

		add_point(&plot->resident, x, MIB(row->sample.frames));
		add_point(&plot->out, x, MIB(row->out));
		add_point(&plot->cold, x, MIB(policy_cold(&row->sample, 6)));
		if (seen[row->guest])
			add_point(&plot->back, x, MIB((double)row->sample.refaults - last[row->guest]) *
				  60e9 / (double)trace->round_ns);
		seen[row->guest] = true;
		last[row->guest] = (double)row->sample.refaults;
	}
}

struct simulation {
	const struct trace *trace;
	const struct policy_host_settings *host;
	struct plot *plots;
};

static void on_round(void *user, uint64_t time_ns, unsigned int guest, double resident,
		     double out, double refaults, const struct policy_guest *policy)
{
	struct simulation *s = user;
	struct plot *plot = &s->plots[guest];
	double x = (double)(time_ns - s->trace->pools[0].time_ns) / 1e9;
	char words[1024];

	(void)out;
	add_point(&plot->simulated, x, MIB(resident));
	if (plot->last_ns)
		add_point(&plot->simulated_back, x, MIB(refaults - plot->last_back) * 60e9 /
			  (double)(time_ns - plot->last_ns));
	if ((!plot->last_ns || policy->decision.reason != plot->last) &&
	    plot->nr_decisions++ < DECISIONS && plot->decisions_file) {
		policy_explain(words, sizeof(words), policy, s->host);
		fprintf(plot->decisions_file, "<tr><td>%.1f min</td><td>%s</td><td>", x / 60,
			policy_reason_name(policy->decision.reason));
		text(plot->decisions_file, words);
		fputs("</td></tr>\n", plot->decisions_file);
	}
	plot->last = policy->decision.reason;
	plot->last_back = refaults;
	plot->last_ns = time_ns;
}

static void print_guest(FILE *file, const struct trace *trace, unsigned int g,
			const struct plot *plot, const struct replay_guest *r, double seconds)
{
	double top = largest(&plot->out, largest(&plot->simulated, largest(&plot->resident, 1)));
	double back = largest(&plot->simulated_back, largest(&plot->back, 0.1));
	char resident[OUTPUT_ROOM], out[OUTPUT_ROOM], rate[OUTPUT_ROOM];

	fputs("<h2>", file);
	text(file, trace->names[g]);
	fputs("</h2>\n<p>", file);
	legend(file, "#1f77b4", "resident");
	legend(file, "#ff7f0e", "paged out");
	legend(file, "#999", "resident, not used for 6 passes");
	if (r)
		legend(file, "#2ca02c", "resident under the configuration that was tried");
	fputs("</p>\n", file);
	axes(file, seconds, top, "MiB");
	line(file, &plot->cold, seconds, top, "#999");
	line(file, &plot->out, seconds, top, "#ff7f0e");
	line(file, &plot->resident, seconds, top, "#1f77b4");
	line(file, &plot->simulated, seconds, top, "#2ca02c");
	fputs("</svg>\n<p>", file);
	legend(file, "#d62728", "came back");
	if (r)
		legend(file, "#9467bd", "would have come back");
	fputs("</p>\n", file);
	axes(file, seconds, back, "MiB/min");
	line(file, &plot->back, seconds, back, "#d62728");
	line(file, &plot->simulated_back, seconds, back, "#9467bd");
	fputs("</svg>\n", file);
	if (!r)
		return;
	fprintf(file, "<p>On average %s resident, %s out; %s a minute came back, %" PRIu64 " back-offs.</p>\n",
		output_bytes(resident, (uint64_t)(r->resident * 4096)),
		output_bytes(out, (uint64_t)(r->out * 4096)),
		output_bytes(rate, (uint64_t)(r->refaults * 4096 * 60 / seconds)), r->back_offs);
	fprintf(file, "<details><summary>%u decisions</summary><table>\n%s</table></details>\n",
		plot->nr_decisions, plot->decisions ? plot->decisions : "");
}

static void print_page(FILE *file, const struct trace *trace, const char *name,
		       const char *config, struct plot *plots, const struct replay *replay)
{
	double seconds = (double)(trace->pools[trace->nr_pools - 1].time_ns -
				  trace->pools[0].time_ns) / 1e9;
	unsigned int g;

	fputs("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'/><title>", file);
	text(file, name);
	fputs("</title>\n<style>body{font:15px sans-serif;max-width:1000px;margin:auto;padding:1em}"
	      "svg{width:100%;font-size:11px}table{border-collapse:collapse}"
	      "td{border-top:1px solid #ddd;padding:3px 8px;vertical-align:top}</style></head><body>\n<h1>",
	      file);
	text(file, name);
	fprintf(file, "</h1>\n<p>%u guests, %.1f minutes, %zu rounds.", trace->nr_guests,
		seconds / 60, trace->nr_pools);
	if (config) {
		fputs(" Tried: ", file);
		text(file, config);
		fputs(".", file);
	}
	fputs("</p>\n", file);
	for (g = 0; g < trace->nr_guests; g++)
		print_guest(file, trace, g, &plots[g], replay ? &replay->guests[g] : NULL, seconds);
	fputs("</body></html>\n", file);
}

static int simulate(const struct ctl *ctl, const struct trace *trace, const char *config,
		    struct plot *plots, struct replay *replay)
{
	struct policy_settings settings[TRACE_GUESTS];
	struct policy_host_settings host;
	struct simulation simulation = { .trace = trace, .host = &host, .plots = plots };
	unsigned int g;
	int code, err;

	code = tracefile_settings(ctl, config, trace, &host, settings);
	if (code)
		return code;
	/* What explanations say of ages is in the trace's passes. */
	host.age_pass_ns = trace->pass_ns;
	for (g = 0; g < trace->nr_guests; g++)
		plots[g].decisions_file = open_memstream(&plots[g].decisions,
							 &plots[g].decisions_length);
	replay->on_round = on_round;
	replay->user = &simulation;
	err = replay_run(trace, &host, settings, replay);
	for (g = 0; g < trace->nr_guests; g++)
		if (plots[g].decisions_file)
			fclose(plots[g].decisions_file);
	if (err)
		ctl_error(ctl, "%s", strerror(-err));
	return err ? CTL_FAILED : CTL_OK;
}

static void free_series(struct series *s)
{
	free(s->x);
	free(s->y);
}

static void free_plots(struct plot *plots)
{
	unsigned int g;

	for (g = 0; plots && g < TRACE_GUESTS; g++) {
		free_series(&plots[g].resident);
		free_series(&plots[g].out);
		free_series(&plots[g].cold);
		free_series(&plots[g].back);
		free_series(&plots[g].simulated);
		free_series(&plots[g].simulated_back);
		free(plots[g].decisions);
	}
	free(plots);
}

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ }
};

int cmd_report(struct ctl *ctl, int argc, char *argv[])
{
	const char *config = NULL, *path = "report.html";
	struct trace trace = { 0 };
	struct replay *replay = NULL;
	struct plot *plots = NULL;
	cleanup_file FILE *file = NULL;
	int opt, code;

	while ((opt = getopt_long(argc, argv, "c:o:", options, NULL)) != -1) {
		if (opt == 'c')
			config = optarg;
		else if (opt == 'o')
			path = optarg;
		else
			return CTL_USAGE;
	}
	if (optind + 1 != argc) {
		ctl_error(ctl, "a trace is needed");
		return CTL_USAGE;
	}
	code = tracefile_read(ctl, argv[optind], &trace);
	if (code)
		return code;
	plots = calloc(TRACE_GUESTS, sizeof(*plots));
	replay = calloc(1, sizeof(*replay));
	if (!plots || !replay || trace.nr_pools < 2) {
		ctl_error(ctl, "%s", plots && replay ? "the trace is shorter than two rounds" :
			  "out of memory");
		code = CTL_FAILED;
	}
	if (!code) {
		collect(&trace, plots);
		code = config ? simulate(ctl, &trace, config, plots, replay) : CTL_OK;
	}
	if (!code) {
		file = fopen(path, "we");
		if (file)
			print_page(file, &trace, argv[optind], config, plots, config ? replay : NULL);
		if (!file || fflush(file) || ferror(file)) {
			ctl_error(ctl, "%s: %s", path, strerror(errno));
			code = CTL_FAILED;
		}
	}
	free_plots(plots);
	free(replay);
	trace_free(&trace);
	return code;
}
