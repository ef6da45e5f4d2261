// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * output.c - tables by libsmartcols, JSON by json-c
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>

#include "output.h"

struct output {
	const char *key;
	const struct output_column *columns;
	size_t nr_columns;
	union output_cell *cells;	/* rows one after another; text is ours */
	size_t nr_rows;
};

const char *output_bytes(char buf[OUTPUT_ROOM], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0, tenth = 0;

	while (bytes >= 1024 && unit + 2 < sizeof(units)) {
		tenth = (bytes % 1024) * 10 / 1024;
		bytes /= 1024;
		unit++;
	}
	if (unit && bytes < 100)
		snprintf(buf, OUTPUT_ROOM, "%" PRIu64 ".%u%c", bytes, tenth, units[unit]);
	else
		snprintf(buf, OUTPUT_ROOM, "%" PRIu64 "%c", bytes, units[unit]);
	return buf;
}

const char *output_nsec(char buf[OUTPUT_ROOM], uint64_t nsec)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned int unit = 0;

	while (nsec >= 10000 && unit + 1 < ARRAY_LEN(units)) {
		nsec /= 1000;
		unit++;
	}
	snprintf(buf, OUTPUT_ROOM, "%" PRIu64 "%s", nsec, units[unit]);
	return buf;
}

struct output *output_new(const char *key, const struct output_column *columns, size_t nr)
{
	struct output *out = calloc(1, sizeof(*out));

	if (out) {
		out->key = key;
		out->columns = columns;
		out->nr_columns = nr;
	}
	return out;
}

static void output_free(struct output *out)
{
	size_t i;

	for (i = 0; i < out->nr_rows * out->nr_columns; i++)
		if (out->columns[i % out->nr_columns].kind == OUTPUT_TEXT)
			free((char *)out->cells[i].text);
	free(out->cells);
	free(out);
}

int output_row(struct output *out, const union output_cell *cells)
{
	size_t at = out->nr_rows * out->nr_columns, i;
	union output_cell *more;

	more = realloc(out->cells, (at + out->nr_columns) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	out->cells = more;
	for (i = 0; i < out->nr_columns; i++) {
		more[at + i] = cells[i];
		if (out->columns[i].kind == OUTPUT_TEXT && cells[i].text) {
			more[at + i].text = strdup(cells[i].text);
			if (!more[at + i].text) {
				while (i--)
					if (out->columns[i].kind == OUTPUT_TEXT)
						free((char *)more[at + i].text);
				return -ENOMEM;
			}
		}
	}
	out->nr_rows++;
	return 0;
}

/* A cell as people read it; the result is in @buf or the cell's own text. */
static const char *cell_text(char buf[OUTPUT_ROOM], const struct output_column *column,
			     union output_cell cell)
{
	switch (column->kind) {
	case OUTPUT_TEXT:
		return cell.text ? cell.text : "-";
	case OUTPUT_BYTES:
		return output_bytes(buf, cell.number);
	case OUTPUT_NSEC:
		return output_nsec(buf, cell.number);
	case OUTPUT_RATIO:
		snprintf(buf, OUTPUT_ROOM, "%" PRIu64 ".%" PRIu64 "%%", cell.number / 10,
			 cell.number % 10);
		return buf;
	case OUTPUT_PPM:
		snprintf(buf, OUTPUT_ROOM, "%" PRIu64 ".%02" PRIu64 "%%",
			 (cell.number + 50) / 10000, (cell.number + 50) % 10000 / 100);
		return buf;
	case OUTPUT_NUMBER:
		break;
	}
	snprintf(buf, OUTPUT_ROOM, "%" PRIu64, cell.number);
	return buf;
}

static struct json_object *cell_json(const struct output_column *column, union output_cell cell)
{
	switch (column->kind) {
	case OUTPUT_TEXT:
		return cell.text ? json_object_new_string(cell.text) : NULL;
	case OUTPUT_RATIO:
		return json_object_new_double((double)cell.number / 1000);
	case OUTPUT_PPM:
		return json_object_new_double((double)cell.number / 1e6);
	default:
		return json_object_new_uint64(cell.number);
	}
}

static struct json_object *row_json(const struct output *out, size_t row)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < out->nr_columns; i++)
		json_object_object_add(object, out->columns[i].key,
				       cell_json(&out->columns[i],
						 out->cells[row * out->nr_columns + i]));
	return object;
}

static void print_json(const struct output *out, struct json_object *value)
{
	struct json_object *top = json_object_new_object();

	json_object_object_add(top, "version", json_object_new_int(OUTPUT_VERSION));
	json_object_object_add(top, out->key, value);
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

static int fill_table(const struct output *out, struct libscols_table *table)
{
	char buf[OUTPUT_ROOM];
	size_t row, i;

	for (i = 0; i < out->nr_columns; i++) {
		int flags = out->columns[i].kind == OUTPUT_TEXT ? 0 : SCOLS_FL_RIGHT;

		if (!scols_table_new_column(table, out->columns[i].title, 0, flags))
			return -ENOMEM;
	}
	for (row = 0; row < out->nr_rows; row++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		if (!line)
			return -ENOMEM;
		for (i = 0; i < out->nr_columns; i++)
			if (scols_line_set_data(line, i,
						cell_text(buf, &out->columns[i],
							  out->cells[row * out->nr_columns + i])))
				return -ENOMEM;
	}
	return 0;
}

int output_print(struct output *out, const struct ctl *ctl)
{
	int ret = CTL_OK;
	size_t row;

	if (ctl->json) {
		struct json_object *array = json_object_new_array();

		for (row = 0; row < out->nr_rows; row++)
			json_object_array_add(array, row_json(out, row));
		print_json(out, array);
	} else {
		struct libscols_table *table = scols_new_table();

		if (!table || fill_table(out, table) || scols_print_table(table)) {
			ctl_error(ctl, "out of memory");
			ret = CTL_FAILED;
		}
		scols_unref_table(table);
	}
	output_free(out);
	return ret;
}

int output_print_one(struct output *out, const struct ctl *ctl)
{
	char buf[OUTPUT_ROOM];
	size_t i;

	if (ctl->json) {
		print_json(out, row_json(out, 0));
	} else {
		for (i = 0; i < out->nr_columns; i++)
			printf("%-24s %s\n", out->columns[i].title,
			       cell_text(buf, &out->columns[i], out->cells[i]));
	}
	output_free(out);
	return CTL_OK;
}
