// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/fault_window.c: many pages with each fault where they are used, one where not
 *
 * A guest's 2 MiB, all of it out, by the rules of around.c: with a page that is touched comes
 * its aligned window, and the first touch of what came so is seen.
 */
#include <string.h>

#include "unit.h"
#include "fault_window.h"

#define PAGES	512

enum { OUT, BROUGHT, USED };

static struct uvmem_fault_window w;
static unsigned char page[PAGES];
static unsigned int faults, brought, largest;

static void setup(void)
{
	memset(&w, 0, sizeof(w));
	memset(page, OUT, sizeof(page));
	faults = 0;
	brought = 0;
	largest = 0;
}

static void touch(unsigned int off, unsigned int max)
{
	unsigned int window, i, nr = 0;
	_Bool neighbour;

	if (page[off] == BROUGHT) {
		page[off] = USED;
		uvmem_fault_window_used(&w, 1);
	}
	if (page[off] == USED)
		return;
	neighbour = (off && page[off - 1] == USED) || (off + 1 < PAGES && page[off + 1] == USED);
	window = uvmem_fault_window_next(&w, neighbour, max);
	assert_in_range(window, 1, max);
	assert_int_equal(window & (window - 1), 0);
	for (i = off / window * window; i < (off / window + 1) * window; i++) {
		if (page[i] != OUT || i == off)
			continue;
		page[i] = BROUGHT;
		nr++;
	}
	page[off] = USED;
	uvmem_fault_window_brought(&w, nr);
	faults++;
	brought += nr;
	largest = window > largest ? window : largest;
}

static unsigned int unused(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < PAGES; i++)
		nr += page[i] == BROUGHT;
	return nr;
}

static void goes_through_its_memory(void **unused_arg)
{
	unsigned int i;

	(void)unused_arg;
	setup();
	for (i = 0; i < PAGES; i++)
		touch(i, 32);
	/* 1, 1, 2, 4, 8, 16, and then 32 at a time. */
	assert_int_equal(faults, 6 + (PAGES - 32) / 32);
	assert_int_equal(largest, 32);

	setup();
	for (i = PAGES; i-- > 0;)
		touch(i, 32);
	assert_int_equal(faults, 6 + (PAGES - 32) / 32);
}

static void several_streams_at_once(void **unused_arg)
{
	unsigned int i, s;

	(void)unused_arg;
	setup();
	for (i = 0; i < PAGES / 4; i++)
		for (s = 0; s < 4; s++)
			touch(s * PAGES / 4 + i, 32);
	assert_in_range(faults, 1, PAGES / 6);
	assert_int_equal(unused(), 0);
}

static void jumps(void **unused_arg)
{
	unsigned int i;

	(void)unused_arg;
	setup();
	for (i = 0; i < PAGES; i += 32)
		touch(i * 7 % PAGES, 32);
	assert_int_equal(brought, 0);

	/* Two at a time, far from each other: what comes with the second is not wanted. */
	setup();
	for (i = 0; i < PAGES; i += 32) {
		touch(i + 1, 512);
		touch(i + 2, 512);
	}
	assert_int_equal(faults, PAGES / 16);
	assert_in_range(brought, 0, faults);
}

/* All of it in the end, in no order: what comes in is wanted, but not soon. */
static void shuffles(void **unused_arg)
{
	unsigned int i;

	(void)unused_arg;
	setup();
	for (i = 0; i < PAGES; i++)
		touch(i * 205 % PAGES, 32);
	assert_int_equal(unused(), 0);
	assert_in_range(faults, 1, PAGES);
}

static void changes_its_mind(void **unused_arg)
{
	unsigned int i, n;

	(void)unused_arg;
	setup();
	for (i = 0; i < PAGES; i++)
		touch(i, 32);
	assert_int_equal(w.pages, 32);

	/* All out again, and now it jumps: some come for nothing, and soon none does. */
	brought = 0;
	for (n = 0; n < 4; n++) {
		memset(page, OUT, sizeof(page));
		for (i = 0; i < PAGES; i += 64)
			touch(i + 5, 32);
	}
	assert_int_equal(w.pages, 1);
	assert_in_range(brought, 31, 8 * 32);

	/* And goes through it once more. */
	memset(page, OUT, sizeof(page));
	faults = 0;
	for (i = 0; i < PAGES; i++)
		touch(i, 32);
	assert_in_range(faults, 1, 6 + PAGES / 32);
}

static void keeps_its_limit(void **unused_arg)
{
	unsigned int i, max;

	(void)unused_arg;
	for (max = 1; max <= PAGES; max *= 2) {
		setup();
		for (i = 0; i < PAGES; i++)
			touch(i, max);
		assert_int_equal(largest, max);
	}
	/* That is lowered. */
	memset(page, OUT, sizeof(page));
	touch(0, 4);
	assert_in_range(w.pages, 1, 4);
}

static void counts_do_not_overflow(void **unused_arg)
{
	unsigned int i;

	(void)unused_arg;
	setup();
	uvmem_fault_window_used(&w, PAGES);
	assert_int_equal(w.used, 0);
	for (i = 0; i < 1000; i++) {
		uvmem_fault_window_brought(&w, PAGES - 1);
		uvmem_fault_window_used(&w, PAGES - 1);
		assert_true(w.used <= w.brought);
	}
	assert_in_range(w.brought, 1, 2 * PAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_through_its_memory),
		cmocka_unit_test(several_streams_at_once),
		cmocka_unit_test(jumps),
		cmocka_unit_test(shuffles),
		cmocka_unit_test(changes_its_mind),
		cmocka_unit_test(keeps_its_limit),
		cmocka_unit_test(counts_do_not_overflow),
	};

	return cmocka_run_group_tests_name("fault_window", tests, NULL, NULL);
}
