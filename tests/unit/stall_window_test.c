// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/stall_window.c: the stalled part of the last window, told at most once in each
 */
#include "unit.h"
#include "stall_window.h"

#define MS		1000000ULL
#define WINDOW		(160 * MS)
#define SLOT		(WINDOW / UVMEM_STALL_SLOTS)
#define START		(123456780 * MS)	/* where a slot begins */

static struct uvmem_stall_window w;

static void setup(__u64 threshold)
{
	uvmem_stall_window_set(&w, threshold, WINDOW, START);
}

static int fires(__u64 now)
{
	__u64 stalled;

	return uvmem_stall_window_fires(&w, now, &stalled);
}

/* What is stalled of the window that ends at @now; tells nobody. */
static __u64 stalled(__u64 now)
{
	struct uvmem_stall_window copy = w;
	__u64 sum;

	copy.not_before = ~0ULL;
	uvmem_stall_window_fires(&copy, now, &sum);
	return sum;
}

static void not_set_it_never_fires(void **unused)
{
	(void)unused;
	setup(0);
	uvmem_stall_window_add(&w, START, START + WINDOW);
	assert_false(fires(START + WINDOW));
}

static void fires_at_the_threshold_and_not_below(void **unused)
{
	(void)unused;
	setup(50 * MS);
	uvmem_stall_window_add(&w, START, START + 50 * MS - 1);
	assert_false(fires(START + 50 * MS - 1));
	uvmem_stall_window_add(&w, START + 50 * MS - 1, START + 50 * MS);
	assert_true(fires(START + 50 * MS));
}

static void many_short_ones_count_as_one(void **unused)
{
	__u64 now = START;
	int i;

	(void)unused;
	setup(50 * MS);
	for (i = 0; i < 50; i++, now += 2 * MS) {
		assert_false(fires(now));
		uvmem_stall_window_add(&w, now, now + MS);
	}
	assert_true(fires(now));
	assert_int_equal(stalled(now), 50 * MS);
}

static void what_was_before_the_window_does_not_count(void **unused)
{
	(void)unused;
	setup(50 * MS);
	uvmem_stall_window_add(&w, START, START + 40 * MS);
	/* Nine times as much, never within one window. */
	assert_int_equal(stalled(START + WINDOW), 40 * MS);
	assert_int_equal(stalled(START + WINDOW + 20 * MS), 20 * MS);
	assert_int_equal(stalled(START + WINDOW + 40 * MS), 0);
	uvmem_stall_window_add(&w, START + WINDOW + 30 * MS, START + WINDOW + 60 * MS);
	assert_false(fires(START + WINDOW + 60 * MS));
	assert_int_equal(stalled(START + WINDOW + 60 * MS), 30 * MS);
}

static void a_burst_on_both_sides_of_any_border_counts(void **unused)
{
	__u64 shift;

	(void)unused;
	/* Windows that begin when they like would miss some of these. */
	for (shift = 0; shift < WINDOW; shift += 3 * MS) {
		setup(50 * MS);
		uvmem_stall_window_add(&w, START + shift, START + shift + 30 * MS);
		assert_false(fires(START + shift + 30 * MS));
		uvmem_stall_window_add(&w, START + shift + 60 * MS, START + shift + 90 * MS);
		assert_true(fires(START + shift + 90 * MS));
	}
}

static void a_threshold_of_the_whole_window_is_reached(void **unused)
{
	/* The second one is no multiple of the number of slots. */
	static const __u64 windows[] = { WINDOW, WINDOW + 7, 10 * MS, UVMEM_STALL_WINDOW_MAX };
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(windows); i++) {
		__u64 begin = START + windows[i] / 50, slot = windows[i] / UVMEM_STALL_SLOTS + 1;

		uvmem_stall_window_set(&w, windows[i], windows[i], begin);
		uvmem_stall_window_add(&w, begin, begin + windows[i] - 1);
		assert_false(fires(begin + windows[i] - 1));
		/* It began within a slot: that late it may be, not more. */
		uvmem_stall_window_add(&w, begin + windows[i] - 1, begin + windows[i] + slot);
		assert_true(fires(begin + windows[i] + slot));
	}
}

static void never_more_than_the_window_is_stalled(void **unused)
{
	__u64 now = START, next;
	unsigned int i;

	(void)unused;
	setup(1);
	for (i = 0; i < 5000; i++, now = next) {
		next = now + 1 + i * 7919 % (WINDOW * 3);
		uvmem_stall_window_add(&w, now, next);
		assert_true(stalled(next) <= WINDOW);
		assert_true(next - START < WINDOW + SLOT || stalled(next) == WINDOW);
	}
}

static void fires_once_per_window_and_again_after_it(void **unused)
{
	__u64 now = START, last = 0;
	int i, told = 0;

	(void)unused;
	setup(10 * MS);
	for (i = 0; i < 1000; i++, now += MS) {
		uvmem_stall_window_add(&w, now, now + MS);
		if (!fires(now + MS))
			continue;
		assert_true(!told || now + MS - last >= WINDOW);
		last = now + MS;
		told++;
	}
	/* After 10 ms, then every 160. */
	assert_int_equal(told, 1 + (1000 - 10) / 160);
}

static void due_is_when_it_would_fire(void **unused)
{
	__u64 now = START, due;

	(void)unused;
	setup(50 * MS);
	assert_int_equal(uvmem_stall_window_due(&w, now), 50 * MS);
	uvmem_stall_window_add(&w, now, now + 20 * MS);
	now += 30 * MS;
	due = uvmem_stall_window_due(&w, now);
	assert_int_equal(due, 30 * MS);
	uvmem_stall_window_add(&w, now, now + due);
	assert_true(fires(now + due));
	now += due;
	/* Not before the window is over. */
	assert_int_equal(uvmem_stall_window_due(&w, now), WINDOW);
	uvmem_stall_window_add(&w, now, now + WINDOW);
	assert_int_equal(uvmem_stall_window_due(&w, now + WINDOW), 1);
	assert_true(fires(now + WINDOW));
}

static void a_clock_that_just_began_is_no_problem(void **unused)
{
	(void)unused;
	uvmem_stall_window_set(&w, 5 * MS, WINDOW, 3);
	uvmem_stall_window_add(&w, 3, 4 * MS);
	assert_false(fires(4 * MS));
	uvmem_stall_window_add(&w, 4 * MS, 6 * MS);
	assert_true(fires(6 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_set_it_never_fires),
		cmocka_unit_test(fires_at_the_threshold_and_not_below),
		cmocka_unit_test(many_short_ones_count_as_one),
		cmocka_unit_test(what_was_before_the_window_does_not_count),
		cmocka_unit_test(a_burst_on_both_sides_of_any_border_counts),
		cmocka_unit_test(a_threshold_of_the_whole_window_is_reached),
		cmocka_unit_test(never_more_than_the_window_is_stalled),
		cmocka_unit_test(fires_once_per_window_and_again_after_it),
		cmocka_unit_test(due_is_when_it_would_fire),
		cmocka_unit_test(a_clock_that_just_began_is_no_problem),
	};

	return cmocka_run_group_tests_name("stall_window", tests, NULL, NULL);
}
