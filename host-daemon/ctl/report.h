/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - between the files that make the page of uvmemctl report
 *
 * Theory of operation
 *	report_data.c reads a trace into a report: a value per point of the time axis and
 *	per series, and the same for each configuration that is tried on the trace.
 *	report_plot.c draws series, report_page.c puts plots, tables and words on the page.
 *
 *	A point is a round, or the rounds of a while if there are more than REPORT_POINTS:
 *	then it has their mean and their largest value. Where no round has a value the
 *	point has none, and nothing is drawn: what is not known is not zero.
 */
#ifndef UVMEM_REPORT_H
#define UVMEM_REPORT_H

#include <stdio.h>

#include "ctl.h"
#include "trace.h"

/* As many as there are colours that can be told apart. */
#define REPORT_CONFIGS		6
/* Points of a line: more than can be seen only make the page larger. */
#define REPORT_POINTS		400
#define REPORT_DECISIONS	200
/* Used within that time, or the 31 passes that can be told apart: the working set */
#define REPORT_USED_NS		(300 * POLICY_NSEC)

/**
 * struct report_value - a point of a series
 * @sum: of the values of its rounds
 * @max: of these
 * @nr: of rounds that have a value; 0: not known
 */
struct report_value {
	double sum, max;
	unsigned int nr;
};

/**
 * struct report_point - a place on the time axis
 * @seconds: since the trace began, of the middle of its rounds
 * @first: of its rounds
 * @last: of its rounds
 * @rounds: that it stands for
 * @gap: rounds are missing in front of it
 */
struct report_point {
	double seconds, first, last;
	unsigned int rounds;
	bool gap;
};

/**
 * struct report_tried - what would have become of a guest under a configuration
 * @settings: that it was under
 * @resident: bytes
 * @out: bytes
 * @back: bytes per minute that come back
 * @reasons: enum policy_reason + 1 by point, 0: none
 * @decisions: rows of a table
 * @decisions_length: of it
 * @file: that writes it
 * @nr_decisions: unlike the one before
 * @last_ns: of the round before, 0: none
 * @last_reason: of it
 * @last_refaults: of it
 */
struct report_tried {
	struct policy_settings settings;
	struct report_value *resident, *out, *back;
	unsigned char *reasons;
	char *decisions;
	size_t decisions_length;
	FILE *file;
	unsigned int nr_decisions;
	uint64_t last_ns;
	enum policy_reason last_reason;
	double last_refaults;
};

/**
 * struct report_guest - what was recorded of a guest, and what would have become of it
 * @resident: bytes
 * @used: bytes, resident and used lately
 * @out: bytes
 * @back: bytes per minute that came back
 * @mean_resident: bytes, on average over the whole trace
 * @mean_out: bytes
 * @refaults: pages, in all
 * @stall_ns: in all
 * @first: second of its first round
 * @last: of its last
 * @rounds: that it has
 * @tried: by configuration
 */
struct report_guest {
	struct report_value *resident, *used, *out, *back;
	double mean_resident, mean_out, refaults, stall_ns;
	double first, last;
	size_t rounds;
	struct report_tried tried[REPORT_CONFIGS];
};

/**
 * struct report - all that is on the page
 * @trace: that it is of
 * @name: of it
 * @configs: paths of configurations
 * @nr_configs: of them
 * @seconds: that the trace lasts
 * @missing: seconds of it in which there is no round
 * @used_passes: passes that make the working set
 * @points: time axis
 * @nr_points: of it
 * @rounds_each: rounds of a point
 * @point_of: by round
 * @total: of all guests, resident; by point
 * @total_tried: the same, by configuration
 * @guests: by index
 * @replays: by configuration
 */
struct report {
	struct trace trace;
	const char *name;
	const char *configs[REPORT_CONFIGS];
	unsigned int nr_configs;
	double seconds, missing;
	unsigned int used_passes;
	struct report_point *points;
	size_t nr_points, rounds_each;
	size_t *point_of;
	struct report_value *total, *total_tried[REPORT_CONFIGS];
	struct report_guest *guests;
	struct replay *replays;
};

/**
 * report_collect() - what the trace says
 * @r: with the trace; all else zero
 *
 * Return: 0, -EINVAL if it is shorter than two rounds, or -ENOMEM.
 */
int report_collect(struct report *r);

/**
 * report_try() - what would have been under another configuration
 * @r: that was collected
 * @host: of the configuration
 * @settings: of each guest
 *
 * It becomes the last of the configurations.
 *
 * Return: 0 or -ENOMEM.
 */
int report_try(struct report *r, const char *config, const struct policy_host_settings *host,
	       const struct policy_settings *settings);

/* Write the page. */
void report_page(FILE *file, const struct report *r);

void report_free(struct report *r);

/* For HTML: what has a meaning there is escaped, what nobody can read becomes "?". */
void report_text(FILE *file, const char *text);

/* All of these return the buffer. */
#define REPORT_ROOM	48
/* "1.50 GiB" */
const char *report_bytes(char buf[REPORT_ROOM], double bytes);
/* "2 h 59 min" */
const char *report_duration(char buf[REPORT_ROOM], double seconds);
/* "1:05", a place on an axis: hours and minutes, or minutes and seconds if @span is short */
const char *report_time(char buf[REPORT_ROOM], double seconds, double span);
const char *report_time_unit(double span);

/**
 * struct report_line - a line of a plot
 * @values: by point
 * @name: in the legend
 * @class: style: "rec", "use", "lim" or "c0" and so on
 */
struct report_line {
	const struct report_value *values;
	const char *name;
	char class[8];
};

/**
 * struct report_plot - a plot
 * @title: above it
 * @unit: after the unit of size: "" or "/min"
 * @lines: back to front
 * @nr: of them
 * @height: of its area
 * @limit: a line across it, if it is near enough to be seen; 0: none
 * @limit_name: in the legend
 * @peaks: show the largest of the values that a point stands for
 */
struct report_plot {
	const char *title, *unit;
	struct report_line lines[2 * REPORT_CONFIGS];
	unsigned int nr;
	int height;
	double limit;
	const char *limit_name;
	bool peaks;
};

/* Draw it. @of: points without a value there are marked as not recorded. */
void report_plot_print(FILE *file, const struct report *r, const struct report_plot *plot,
		       const struct report_value *of);

/* Draw what was decided for a guest, a bar for each configuration. */
void report_bars_print(FILE *file, const struct report *r, const struct report_guest *guest);

#endif
