// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * docs/host-actions.md says what tests/selftests/lib/host_table.h makes the
 * selftests expect: same actions, same tests, same cells.
 */
#include <stdio.h>
#include <string.h>

#include "matrix.h"
#include "host_table.h"
#include "unit.h"

struct row {
	const char *function;
	const char *title;
	unsigned int cell[HOST_COLUMNS];
};

#define ROW(function, title, ...) { #function, title, { __VA_ARGS__ } },

static const struct row access_rows[] = { HOST_ACCESS_ROWS(ROW) };
static const struct row fork_rows[] = { HOST_FORK_ROWS(ROW) };
static const struct row mapping_rows[] = { HOST_MAPPING_ROWS(ROW) };
static const struct row memory_rows[] = { HOST_MEMORY_ROWS(ROW) };
static const struct row memslot_rows[] = { HOST_MEMSLOT_ROWS(ROW) };
static const struct row pin_rows[] = { HOST_PIN_ROWS(ROW) };
static const struct row foreign_rows[] = { HOST_FOREIGN_ROWS(ROW) };

static const char * const column_names[HOST_COLUMNS] = {
	"IN", "OUT", "ABSENT", "ZERO", "POOL", "SHARED", "NORMAL",
};

static const char * const state_names[UVMEM_PAGE_NR_STATES] = {
	[UVMEM_PAGE_NORMAL] = "NORMAL", [UVMEM_PAGE_SHARED] = "SHARED",
	[UVMEM_PAGE_ABSENT] = "ABSENT", [UVMEM_PAGE_IN] = "IN", [UVMEM_PAGE_OUT] = "OUT",
	[UVMEM_PAGE_ZERO] = "ZERO", [UVMEM_PAGE_LOST] = "LOST", [UVMEM_PAGE_POOL] = "POOL",
};

static const char * const stop_names[UVMEM_NR_STOP_REASONS] = {
	[UVMEM_STOP_INTEGRITY] = "INTEGRITY", [UVMEM_STOP_MISSING] = "MISSING",
	[UVMEM_STOP_LOST] = "LOST", [UVMEM_STOP_NOT_ANON] = "NOT_ANON",
	[UVMEM_STOP_NO_MEMORY] = "NO_MEMORY", [UVMEM_STOP_NO_SLOT] = "NO_SLOT",
	[UVMEM_STOP_HWPOISON] = "HWPOISON",
};

static const struct {
	unsigned int flag;
	const char *word;
} words[] = {
	{ MAYBE, " (*)" }, { SEEN, ", seen" }, { STUCK, ", stuck" }, { WAITS, ", waits" },
	{ FAULTS, ", fault" },
};

/* A cell in the words of the page. */
static void describe(unsigned int cell, char *text, size_t size)
{
	unsigned int known = 0xffff, i;

	if (cell == NOT) {
		snprintf(text, size, "-");
		return;
	}
	snprintf(text, size, "%s", state_names[HOST_CELL_STATE(cell)]);
	for (i = 0; i < ARRAY_LEN(words); i++) {
		known |= words[i].flag;
		if (cell & words[i].flag)
			strncat(text, words[i].word, size - strlen(text) - 1);
	}
	assert_int_equal(cell & ~known, 0);
	if (HOST_CELL_STOP(cell)) {
		strncat(text, ", stops: ", size - strlen(text) - 1);
		strncat(text, stop_names[HOST_CELL_STOP(cell)], size - strlen(text) - 1);
	}
	if (HOST_CELL_ERRNO(cell)) {
		strncat(text, ", ", size - strlen(text) - 1);
		strncat(text, errno_name((int)HOST_CELL_ERRNO(cell)), size - strlen(text) - 1);
	}
}

static unsigned int check_row(const struct row *row, const char *program,
			      char (*doc)[MATRIX_CELL])
{
	char text[MATRIX_CELL];
	unsigned int i, wrong = 0;

	assert_string_equal(doc[0], row->title);
	snprintf(text, sizeof(text), "`%s: %s`", program, row->function);
	assert_string_equal(doc[1], text);
	for (i = 0; i < HOST_COLUMNS; i++) {
		describe(row->cell[i], text, sizeof(text));
		if (!strcmp(doc[2 + i], text))
			continue;
		print_error("%s x %s: documented %s, expected by the test %s\n", row->title,
			    column_names[i], doc[2 + i], text);
		wrong++;
	}
	return wrong;
}

static void check_table(const char *first, const char *program, const struct row *rows,
			unsigned int nr)
{
	static struct matrix m;
	unsigned int i, wrong = 0;

	assert_int_equal(matrix_read(DOCS_DIR "/host-actions.md", first, &m), 0);
	assert_int_equal(m.columns, 2 + HOST_COLUMNS);
	for (i = 0; i < HOST_COLUMNS; i++)
		assert_string_equal(m.cell[0][2 + i], column_names[i]);
	for (i = 0; i < nr && i + 1 < m.rows; i++)
		wrong += check_row(&rows[i], program, m.cell[i + 1]);
	assert_int_equal(m.rows, nr + 1);
	assert_int_equal(wrong, 0);
}

#define CHECK(name, first)							\
static void name##_actions_are_the_documented_ones(void **unused)		\
{										\
	(void)unused;								\
	check_table(first, "host_" #name "_test", name##_rows,			\
		    ARRAY_LEN(name##_rows));					\
}

CHECK(access, "Reading and writing")
CHECK(fork, "A second address space")
CHECK(mapping, "The VMM's address space")
CHECK(memory, "Memory management")
CHECK(memslot, "Memslots")
CHECK(pin, "References that stay")
CHECK(foreign, "Another device")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_actions_are_the_documented_ones),
		cmocka_unit_test(fork_actions_are_the_documented_ones),
		cmocka_unit_test(mapping_actions_are_the_documented_ones),
		cmocka_unit_test(memory_actions_are_the_documented_ones),
		cmocka_unit_test(memslot_actions_are_the_documented_ones),
		cmocka_unit_test(pin_actions_are_the_documented_ones),
		cmocka_unit_test(foreign_actions_are_the_documented_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
