/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - one description of columns gives a table for people and JSON for programs
 *
 * People get sizes with a unit; programs get bytes and nanoseconds, keys spelled
 * out, and "version" at the top, which grows when the meaning of a key changes.
 */
#ifndef UVMEM_OUTPUT_H
#define UVMEM_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

#define OUTPUT_VERSION	1

enum output_kind {
	OUTPUT_TEXT,
	OUTPUT_NUMBER,
	OUTPUT_BYTES,
	OUTPUT_RATIO,	/* thousandths; JSON has it from 0 to 1, people per cent */
	OUTPUT_PPM,	/* the same of millionths */
	OUTPUT_NSEC,
};

/**
 * struct output_column - one value of a row
 * @key: in JSON
 * @title: above the column
 * @kind: how to print it
 */
struct output_column {
	const char *key;
	const char *title;
	enum output_kind kind;
};

/* A cell; text may be NULL where there is none to give ("-", JSON null). */
union output_cell {
	const char *text;
	uint64_t number;
};

struct output;

/**
 * output_new() - begin a list of rows
 * @key: of the array in JSON
 * @columns: @nr of them; kept by the caller
 *
 * Return: NULL if memory is short.
 */
struct output *output_new(const char *key, const struct output_column *columns, size_t nr);

/* One row of as many cells as there are columns; copied. 0 or -ENOMEM. */
int output_row(struct output *out, const union output_cell *cells);

/* Print what was added and free it. CTL_OK or CTL_FAILED. */
int output_print(struct output *out, const struct ctl *ctl);

/* One row as "title: value" lines, or as a JSON object under its key. */
int output_print_one(struct output *out, const struct ctl *ctl);

/* A size for people, "1.5G"; a time, "12ms"; the buffer is returned. */
#define OUTPUT_ROOM	32
const char *output_bytes(char buf[OUTPUT_ROOM], uint64_t bytes);
const char *output_nsec(char buf[OUTPUT_ROOM], uint64_t nsec);

#endif
