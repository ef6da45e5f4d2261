// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report_page.c - the page of a report: style, summary, and what there is of each guest
 *
 * Well-formed XML, one file, nothing to load: the page itself forbids the browser to
 * fetch anything or to run scripts.
 */
#include <inttypes.h>
#include <string.h>

#include "report.h"

/*
 * Lines are told apart by their dashes as well; the colours are those of Okabe and Ito,
 * which people who see fewer colours can tell apart, lighter ones on a dark page.
 */
static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1c1e21;--dim:#5c6370;--grid:#e3e5e8;"
	"--rec:#1c1e21;--use:#8a8f98;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b35a91;"
	"--c4:#b97f00;--c5:#2a9fd8;--bar:#cfe3f1;--warn:#b03a00}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#16181c;--fg:#e6e8eb;--dim:#a2a9b4;"
	"--grid:#33373e;--rec:#f2f3f5;--use:#8d95a1;--c0:#58b3f0;--c1:#ff8f4a;--c2:#2fd0a2;"
	"--c3:#e9a2cc;--c4:#f2bf4c;--c5:#9adcff;--bar:#1f425c;--warn:#ffa26b}}\n"
	"body{font:15px/1.45 system-ui,sans-serif;max-width:1000px;margin:0 auto;padding:1.2em;"
	"background:var(--bg);color:var(--fg)}\n"
	"h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.25em;margin:2em 0 .3em;padding-top:.6em;"
	"border-top:2px solid var(--grid)}.dim,.note{color:var(--dim)}.note{font-size:.9em}\n"
	"a{color:var(--c0)}nav a{margin-right:1em}code{font-size:.95em}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;"
	"width:100%}th{text-align:left;font-weight:600;color:var(--dim);vertical-align:bottom}"
	"th,td{padding:4px 10px 4px 0;border-bottom:1px solid var(--grid)}td{vertical-align:top;white-space:nowrap}"
	"td:first-child{max-width:15em;overflow:hidden;text-overflow:ellipsis}"
	".n{text-align:right}tr.rec td{border-top:2px solid var(--grid)}tr.all{font-weight:600}"
	"td.saved{background:linear-gradient(90deg,var(--bar) var(--part),transparent 0)}.above{color:var(--warn);font-weight:600}\n"
	"details table{font-size:.9em}"
	"details td:last-child{white-space:normal}summary{cursor:pointer;margin:.5em 0}\n"
	"figure{margin:1.1em 0;overflow-x:auto}figcaption{font-weight:600}.legend{font-size:.88em}"
	".entry{margin-right:1.3em;white-space:nowrap}svg.plot,svg.bars{width:100%;min-width:640px;"
	"height:auto;display:block}svg.key{vertical-align:-1px}\n"
	"svg text{font-size:12px;fill:var(--dim)}.tx{text-anchor:middle}.ty{text-anchor:end}"
	"svg line{stroke:var(--dim)}.grid{stroke:var(--grid)!important}\n"
	".line polyline{fill:none;stroke:var(--l);stroke-width:1.8;stroke-linejoin:round}"
	".line circle{fill:var(--l)}.peaks{fill:var(--l);opacity:.18}"
	".key line{stroke:var(--l,var(--dim))!important;stroke-width:2.4}\n"
	".rec{--l:var(--rec)}.use{--l:var(--use)}.c0{--l:var(--c0)}.c1{--l:var(--c1)}"
	".c2{--l:var(--c2)}.c3{--l:var(--c3)}.c4{--l:var(--c4)}.c5{--l:var(--c5)}\n"
	".use polyline,.use line{stroke-dasharray:2 3}.c1 polyline,.c1 line{stroke-dasharray:8 3}"
	".c2 polyline,.c2 line{stroke-dasharray:8 3 2 3}.c3 polyline,.c3 line{stroke-dasharray:4 2}"
	".c4 polyline,.c4 line{stroke-dasharray:12 4}.c5 polyline,.c5 line{stroke-dasharray:5 2 1 2 1 2}"
	"line.lim,.lim line{stroke:var(--warn)!important;stroke-width:1.5;stroke-dasharray:1 4;"
	"stroke-linecap:round}\n"
	".nodata{fill:var(--dim);opacity:.16}.place{fill:transparent}"
	".place:hover{fill:var(--dim);opacity:.15}\n"
	".take{fill:var(--c0)}.backoff{fill:var(--c1)}.wait{fill:var(--c4)}.nothing{fill:var(--use)}"
	".blind{fill:var(--grid)}.name{fill:var(--fg)}\n"
	"@media print{.place{display:none}h2{break-before:page}}\n";

/* The length of a UTF-8 character, 0 if it is none that people can read. */
static size_t character(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0, i;

	if (length == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	for (i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong, surrogates, beyond the last, and what XML forbids or text hides */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90) ||
	    (s[0] == 0xc2 && s[1] < 0xa0) || s[0] == 0xef || (s[0] == 0xe2 && s[1] == 0x80))
		return 0;
	return length;
}

void report_text(FILE *file, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		size_t length = character(s);

		if (*s == '<')
			fputs("&lt;", file);
		else if (*s == '>')
			fputs("&gt;", file);
		else if (*s == '&')
			fputs("&amp;", file);
		else if (*s == '"')
			fputs("&quot;", file);
		else if (*s == '\'')
			fputs("&#39;", file);
		else if (length)
			fwrite(s, 1, length, file);
		else
			fputc('?', file);
		s += length ? length : 1;
	}
}

/* A guest that was started again is another guest of the same name. */
static void print_name(FILE *file, const struct report *r, unsigned int g)
{
	unsigned int same = 1, i;

	for (i = 0; i < g; i++)
		same += !strcmp(r->trace.names[i], r->trace.names[g]);
	report_text(file, r->trace.names[g]);
	if (same > 1)
		fprintf(file, " (%u)", same);
}

/* ---- summary -------------------------------------------------------------------- */

/* A row of the summary: of a guest or of all, recorded or tried. */
struct numbers {
	const char *config, *policy;	/* no policy in what was recorded */
	int anchor;			/* of the guest, -1: of all */
	double resident, out;		/* bytes */
	double recorded;		/* resident, bytes */
	double back;			/* bytes a minute */
	double stall;			/* part of the time */
	double back_allowed, stall_allowed;	/* 0: nothing is said of that */
	uint64_t back_offs;
};

static void cell_above(FILE *file, bool above, const char *title)
{
	if (above)
		fprintf(file, "<td class='n above' title='%s'>&#9650; ", title);
	else
		fputs("<td class='n'>", file);
}

static void print_numbers(FILE *file, const struct report *r, const struct numbers *n)
{
	double saved = n->recorded - n->resident;
	char a[REPORT_ROOM], b[REPORT_ROOM], c[REPORT_ROOM];

	fprintf(file, "<tr class='%s%s'><td>", n->policy ? "" : "rec", n->anchor < 0 ? " all" : "");
	if (!n->policy && n->anchor >= 0) {
		fprintf(file, "<a href='#guest%d'>", n->anchor);
		print_name(file, r, (unsigned int)n->anchor);
		fputs("</a>", file);
	} else if (!n->policy) {
		fputs("all guests", file);
	}
	fputs("</td><td>", file);
	report_text(file, n->config);
	if (n->policy && *n->policy)
		fprintf(file, " <span class='dim'>%s</span>", n->policy);
	fprintf(file, "</td><td class='n' data-bytes='%.0f'>%s</td><td class='n'>%s</td>",
		n->resident, report_bytes(a, n->resident), report_bytes(b, n->out));
	if (n->policy)
		fprintf(file, "<td class='n saved' data-bytes='%.0f' style='--part:%.1f%%'>%s%s"
			" <span class='dim'>%s%.0f %%</span></td>", saved,
			n->recorded > 0 && saved > 0 ? 100 * saved / n->recorded : 0,
			saved < 0 ? "-" : "", report_bytes(c, saved < 0 ? -saved : saved),
			saved < 0 ? "-" : "",
			n->recorded > 0 ? 100 * (saved < 0 ? -saved : saved) / n->recorded : 0);
	else
		fputs("<td class='n dim'>&#8211;</td>", file);
	cell_above(file, n->back_allowed > 0 && n->resident > 0 &&
		   n->back / n->resident > n->back_allowed, "more than its setting refault allows");
	fprintf(file, "%s</td>", report_bytes(a, n->back));
	cell_above(file, n->stall_allowed > 0 && n->stall > n->stall_allowed,
		   "more than its setting stall allows");
	if (n->stall > 0 && n->stall < 0.0001)
		fputs("&lt;0.01 %</td>", file);
	else
		fprintf(file, "%.2f %%</td>", 100 * n->stall);
	if (n->policy)
		fprintf(file, "<td class='n'>%" PRIu64 "</td></tr>\n", n->back_offs);
	else
		fputs("<td class='n dim'>&#8211;</td></tr>\n", file);
}

static void sum_up(struct numbers *all, const struct numbers *n)
{
	all->resident += n->resident;
	all->out += n->out;
	all->recorded += n->recorded;
	all->back += n->back;
	/* Of several guests the one that waits most. */
	if (n->stall > all->stall)
		all->stall = n->stall;
	all->back_offs += n->back_offs;
}

static struct numbers recorded(const struct report *r, unsigned int g)
{
	const struct report_guest *guest = &r->guests[g];

	return (struct numbers){
		.config = "as recorded", .anchor = (int)g,
		.resident = guest->mean_resident, .out = guest->mean_out,
		.back = guest->refaults * 4096 * 60 / r->seconds,
		.stall = guest->stall_ns / 1e9 / r->seconds,
	};
}

static struct numbers tried(const struct report *r, unsigned int g, unsigned int c)
{
	const struct report_tried *t = &r->guests[g].tried[c];
	const struct replay_guest *replay = &r->replays[c].guests[g];

	return (struct numbers){
		.config = r->configs[c], .anchor = (int)g,
		.policy = policy_kind_name(t->settings.kind),
		.resident = replay->resident * 4096, .out = replay->out * 4096,
		.recorded = r->guests[g].mean_resident,
		.back = replay->refaults * 4096 * 60 / r->seconds,
		.stall = replay->stall_ns / 1e9 / r->seconds,
		.back_allowed = t->settings.refault_ppm / 1e6,
		.stall_allowed = t->settings.stall_ppm / 1e6,
		.back_offs = replay->back_offs,
	};
}

static void print_summary(FILE *file, const struct report *r)
{
	struct numbers all[1 + REPORT_CONFIGS] = {
		{ .config = "as recorded", .anchor = -1 },
	};
	unsigned int g, c;

	fputs("<div class='wide'><table id='summary'>\n<tr><th>guest</th><th>configuration</th>"
	      "<th class='n'>secure memory, mean</th><th class='n'>out, mean</th>"
	      "<th class='n'>saved, mean</th><th class='n'>came back a minute</th>"
	      "<th class='n'>vCPUs waited</th><th class='n'>back-offs</th></tr>\n", file);
	for (c = 0; c < r->nr_configs; c++)
		all[1 + c] = (struct numbers){ .config = r->configs[c], .policy = "", .anchor = -1 };
	for (g = 0; g < r->trace.nr_guests; g++) {
		struct numbers n = recorded(r, g);

		sum_up(&all[0], &n);
		for (c = 0; c < r->nr_configs; c++) {
			n = tried(r, g, c);
			sum_up(&all[1 + c], &n);
		}
	}
	for (c = 0; r->trace.nr_guests > 1 && c <= r->nr_configs; c++)
		print_numbers(file, r, &all[c]);
	for (g = 0; g < r->trace.nr_guests; g++) {
		struct numbers n = recorded(r, g);

		print_numbers(file, r, &n);
		for (c = 0; c < r->nr_configs; c++) {
			n = tried(r, g, c);
			print_numbers(file, r, &n);
		}
	}
	fputs("</table></div>\n<p class='note'>Means are over the whole recording; a guest that was "
	      "not there has no memory then. Saved: secure memory less than as recorded. "
	      "What is out still takes normal memory until it is swapped out, is compressed into the "
	      "sealed pool or is of one value.", file);
	if (r->trace.nr_guests > 1)
		fputs(" Of all guests the wait is that of the one that waited most.", file);
	if (r->nr_configs)
		fputs(" &#9650;: more than the setting allows, on average. What would have been is a "
		      "simulation: docs/tuning.md says how far to trust it.", file);
	fputs("</p>\n", file);
}

/* ---- plots ---------------------------------------------------------------------- */

static void add_line(struct report_plot *plot, const struct report_value *values,
		     const char *name, const char *class, unsigned int number)
{
	struct report_line *line = &plot->lines[plot->nr++];

	line->values = values;
	line->name = name;
	snprintf(line->class, sizeof(line->class), class, number);
}

static void print_total(FILE *file, const struct report *r)
{
	const struct trace_pool *pool = &r->trace.pools[r->trace.nr_pools - 1];
	struct report_plot plot = {
		.title = "Secure memory of all guests", .unit = "", .height = 170,
		.limit = (double)pool->pool.limit * 4096, .limit_name = "limit of the pool",
	};
	unsigned int c;

	add_line(&plot, r->total, "as recorded", "rec", 0);
	for (c = 0; c < r->nr_configs; c++)
		add_line(&plot, r->total_tried[c], r->configs[c], "c%u", c);
	report_plot_print(file, r, &plot, r->total);
}

static void print_memory(FILE *file, const struct report *r, const struct report_guest *guest)
{
	struct report_plot plot = {
		.title = "Secure memory, and the working set", .unit = "", .height = 200,
	};
	unsigned int c;
	char used[64], length[REPORT_ROOM];
	bool known = false;
	size_t i;

	for (i = 0; i < r->nr_points; i++)
		known |= guest->used[i].nr;
	snprintf(used, sizeof(used), "working set as recorded: used in the last %s",
		 report_duration(length, r->used_passes * (double)r->trace.pass_ns / 1e9));
	if (known)
		add_line(&plot, guest->used, used, "use", 0);
	add_line(&plot, guest->resident, "as recorded", "rec", 0);
	for (c = 0; c < r->nr_configs; c++)
		add_line(&plot, guest->tried[c].resident, r->configs[c], "c%u", c);
	report_plot_print(file, r, &plot, guest->resident);
	if (!known)
		fprintf(file, "<p class='note'>The working set is not known: there were never as many "
			"aging passes as it takes (%u).</p>\n", r->used_passes);
}

static void print_out(FILE *file, const struct report *r, const struct report_guest *guest)
{
	struct report_plot plot = {
		.title = "Memory saved: secure memory that is out", .unit = "", .height = 130,
	};
	unsigned int c;

	add_line(&plot, guest->out, "as recorded", "rec", 0);
	for (c = 0; c < r->nr_configs; c++)
		add_line(&plot, guest->tried[c].out, r->configs[c], "c%u", c);
	report_plot_print(file, r, &plot, guest->resident);
}

static void print_back(FILE *file, const struct report *r, const struct report_guest *guest)
{
	struct report_plot plot = {
		.title = "Came back: pages that were out and were needed", .unit = "/min",
		.height = 130, .peaks = true,
	};
	unsigned int c;

	add_line(&plot, guest->back, "as recorded", "rec", 0);
	for (c = 0; c < r->nr_configs; c++)
		add_line(&plot, guest->tried[c].back, r->configs[c], "c%u", c);
	report_plot_print(file, r, &plot, guest->resident);
}

static void print_decisions(FILE *file, const struct report *r, const struct report_guest *guest)
{
	unsigned int c;

	for (c = 0; c < r->nr_configs; c++) {
		const struct report_tried *t = &guest->tried[c];

		fputs("<details><summary>Decisions in sentences: ", file);
		report_text(file, r->configs[c]);
		if (t->nr_decisions > REPORT_DECISIONS)
			fprintf(file, ", the first %u of %u", REPORT_DECISIONS, t->nr_decisions);
		else
			fprintf(file, ", %u", t->nr_decisions);
		fprintf(file, "</summary>\n<p class='note'>Those that differ in their reason from the one "
			"before; times are %s.</p>\n<table>\n%s</table></details>\n",
			report_time_unit(r->seconds), t->decisions ? t->decisions : "");
	}
}

static void print_guest(FILE *file, const struct report *r, unsigned int g)
{
	const struct report_guest *guest = &r->guests[g];
	char from[REPORT_ROOM], to[REPORT_ROOM];

	fprintf(file, "<section id='guest%u'>\n<h2>", g);
	print_name(file, r, g);
	fputs("</h2>\n", file);
	if (!guest->rounds) {
		fputs("<p>Nothing was recorded of it.</p>\n</section>\n", file);
		return;
	}
	if (guest->rounds < r->trace.nr_pools)
		fprintf(file, "<p class='note'>In %zu of %zu rounds, from %s to %s (%s).</p>\n",
			guest->rounds, r->trace.nr_pools,
			report_time(from, guest->first, r->seconds),
			report_time(to, guest->last, r->seconds), report_time_unit(r->seconds));
	print_memory(file, r, guest);
	print_out(file, r, guest);
	print_back(file, r, guest);
	if (r->nr_configs)
		report_bars_print(file, r, guest);
	print_decisions(file, r, guest);
	fputs("</section>\n", file);
}

static void print_about(FILE *file, const struct report *r)
{
	const struct trace *trace = &r->trace;
	char length[REPORT_ROOM], pass[REPORT_ROOM], gaps[REPORT_ROOM];
	unsigned int c;

	fprintf(file, "<p>%u guest%s, %s in %zu rounds, an aging pass each %s.", trace->nr_guests,
		trace->nr_guests == 1 ? "" : "s", report_duration(length, r->seconds),
		trace->nr_pools, report_duration(pass, (double)trace->pass_ns / 1e9));
	if (r->rounds_each > 1)
		fprintf(file, " A point of a plot is the mean of %zu rounds; lighter areas reach up to "
			"the largest of them.", r->rounds_each);
	if (r->missing > 0)
		fprintf(file, " <span class='above' id='missing'>%s of it are missing: no round was "
			"recorded.</span>", report_duration(gaps, r->missing));
	fputs("</p>\n<p>", file);
	for (c = 0; c < r->nr_configs; c++) {
		fputs(c ? ", <code>" : "Tried: <code>", file);
		report_text(file, r->configs[c]);
		fputs("</code>", file);
	}
	fputs(r->nr_configs ? ".</p>\n" : "No configuration was tried: a trace does not have the "
	      "decisions that were made. <code>uvmemctl report -c FILE</code> shows those of a "
	      "configuration, and what it would have saved.</p>\n", file);
}

void report_page(FILE *file, const struct report *r)
{
	unsigned int g;

	fputs("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'/>\n"
	      "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; "
	      "img-src data:; style-src 'unsafe-inline'\"/>\n"
	      "<meta name='viewport' content='width=device-width'/>\n<title>", file);
	report_text(file, r->name);
	fprintf(file, "</title>\n<link rel='icon' href='data:,'/>\n<style>\n%s</style></head><body>\n"
		"<h1>Memory of secure guests</h1>\n<p class='dim'>", style);
	report_text(file, r->name);
	fputs("</p>\n", file);
	print_about(file, r);
	print_summary(file, r);
	if (r->trace.nr_guests > 1)
		print_total(file, r);
	for (g = 0; g < r->trace.nr_guests; g++)
		print_guest(file, r, g);
	fputs("</body></html>\n", file);
}
