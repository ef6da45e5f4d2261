// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a table of a Markdown file
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matrix.h"

/* Cut "| a | b |" into trimmed cells; how many, or -E2BIG. */
static int split(char *line, char cell[MATRIX_COLUMNS][MATRIX_CELL])
{
	int n = 0;
	char *next;

	line++;
	while ((next = strchr(line, '|'))) {
		char *end = next;

		while (isspace((unsigned char)*line))
			line++;
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
		if (n == MATRIX_COLUMNS || end - line >= MATRIX_CELL)
			return -E2BIG;
		memcpy(cell[n], line, (size_t)(end - line));
		cell[n][end - line] = '\0';
		n++;
		line = next + 1;
	}
	return n;
}

static bool is_table(const char *line, const char *first)
{
	size_t len = strlen(first);

	return !strncmp(line, "| ", 2) && !strncmp(line + 2, first, len) &&
	       !strncmp(line + 2 + len, " |", 2);
}

static int read_rows(FILE *file, const char *first, struct matrix *m)
{
	char *line = NULL;
	size_t size = 0;
	bool inside = false, found = false;
	int ret = 0;

	while (getline(&line, &size, file) > 0) {
		if (!inside && is_table(line, first)) {
			if (found) {
				ret = -EEXIST;
				break;
			}
			found = true;
			inside = true;
		}
		if (inside && line[0] != '|')
			inside = false;
		if (!inside || line[1] == '-')
			continue;
		if (m->rows == MATRIX_ROWS) {
			ret = -E2BIG;
			break;
		}
		ret = split(line, m->cell[m->rows]);
		if (ret < 0)
			break;
		if (m->rows && (unsigned int)ret != m->columns) {
			ret = -EINVAL;
			break;
		}
		m->columns = (unsigned int)ret;
		ret = 0;
		m->rows++;
	}
	free(line);
	return ret ? ret : found ? 0 : -ENOENT;
}

int matrix_read(const char *path, const char *first, struct matrix *ret_matrix)
{
	struct matrix *m;
	FILE *file;
	int ret;

	file = fopen(path, "re");
	if (!file)
		return -ENOENT;
	m = calloc(1, sizeof(*m));
	if (!m) {
		fclose(file);
		return -ENOMEM;
	}
	ret = read_rows(file, first, m);
	if (!ret)
		*ret_matrix = *m;
	free(m);
	fclose(file);
	return ret;
}

static const struct {
	const char *name;
	int number;
} errnos[] = {
	{ "EAGAIN", EAGAIN }, { "EALREADY", EALREADY }, { "EBUSY", EBUSY },
	{ "EEXIST", EEXIST }, { "EFAULT", EFAULT }, { "EINVAL", EINVAL },
	{ "EIO", EIO }, { "ENODATA", ENODATA }, { "ENOENT", ENOENT },
	{ "EPERM", EPERM }, { "ESRCH", ESRCH },
};

int errno_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (!strcmp(errnos[i].name, name))
			return errnos[i].number;
	return 0;
}

const char *errno_name(int number)
{
	size_t i;

	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].number == number)
			return errnos[i].name;
	return "?";
}
