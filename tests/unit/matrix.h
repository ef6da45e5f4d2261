/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a table of a Markdown file
 *
 * A table is found by the first cell of its header row.
 */
#ifndef MATRIX_H
#define MATRIX_H

#define MATRIX_ROWS	32	/* with the header row */
#define MATRIX_COLUMNS	16
#define MATRIX_CELL	64	/* with the terminating NUL */

/* cell[0] is the header row; the row of dashes is left out. */
struct matrix {
	unsigned int rows, columns;
	char cell[MATRIX_ROWS][MATRIX_COLUMNS][MATRIX_CELL];
};

/**
 * matrix_read - read one table
 * @path: a Markdown file
 * @first: what the first cell of the header row says
 * @ret_matrix: written on success
 *
 * Return: 0; -ENOENT: no such file or table; -EEXIST: two such tables; -EINVAL: a
 * row of another length than the first; -E2BIG: larger than a struct matrix.
 */
int matrix_read(const char *path, const char *first, struct matrix *ret_matrix);

/**
 * errno_by_name - the number of an errno that the tables use
 * @name: e.g. "EINVAL"
 *
 * Return: the positive number, 0 if it is no such name.
 */
int errno_by_name(const char *name);

/**
 * errno_name - and the other way round
 * @number: e.g. EINVAL
 *
 * Return: the name, "?" if the tables use no such errno.
 */
const char *errno_name(int number);

#endif
