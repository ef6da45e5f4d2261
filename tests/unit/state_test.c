// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/state.c against the matrices of docs/page-states.md
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "matrix.h"
#include "state.h"

/* Page or VM: the same questions are asked of both. */
struct table {
	const char *first;		/* cell that the documented table starts with */
	unsigned int nr_states, nr_events;
	int (*next)(unsigned int state, unsigned int event);
	const char *(*state_name)(unsigned int state);
	const char *(*event_name)(unsigned int event);
};

static int page_next(unsigned int state, unsigned int event)
{
	return uvmem_page_next((enum uvmem_page_state)state, (enum uvmem_page_event)event);
}

static const char *page_state_name(unsigned int state)
{
	return uvmem_page_state_name((enum uvmem_page_state)state);
}

static const char *page_event_name(unsigned int event)
{
	return uvmem_page_event_name((enum uvmem_page_event)event);
}

static int vm_next(unsigned int state, unsigned int event)
{
	return uvmem_vm_next((enum uvmem_vm_state)state, (enum uvmem_vm_event)event);
}

static const char *vm_state_name(unsigned int state)
{
	return uvmem_vm_state_name((enum uvmem_vm_state)state);
}

static const char *vm_event_name(unsigned int event)
{
	return uvmem_vm_event_name((enum uvmem_vm_event)event);
}

static const struct table page_table = {
	"Page state", UVMEM_PAGE_NR_STATES, UVMEM_NR_PAGE_EVENTS,
	page_next, page_state_name, page_event_name,
};

static const struct table vm_table = {
	"VM state", UVMEM_VM_NR_STATES, UVMEM_NR_VM_EVENTS,
	vm_next, vm_state_name, vm_event_name,
};

/* The documented cell as uvmem_*_next() would say it; INT_MIN: it is no word we know. */
static int expected(const struct table *t, const char *cell)
{
	unsigned int i;

	for (i = 0; i < t->nr_states; i++)
		if (!strcmp(t->state_name(i), cell))
			return (int)i;
	return errno_by_name(cell) ? -errno_by_name(cell) : INT_MIN;
}

static void check_table(const struct table *t)
{
	static struct matrix m;
	unsigned int state, event, wrong = 0;

	assert_int_equal(matrix_read(DOCS_DIR "/page-states.md", t->first, &m), 0);
	assert_int_equal(m.rows, t->nr_states + 1);
	assert_int_equal(m.columns, t->nr_events + 1);
	for (event = 0; event < t->nr_events; event++)
		assert_string_equal(m.cell[0][event + 1], t->event_name(event));

	for (state = 0; state < t->nr_states; state++) {
		assert_string_equal(m.cell[state + 1][0], t->state_name(state));
		for (event = 0; event < t->nr_events; event++) {
			const char *cell = m.cell[state + 1][event + 1];
			int got = t->next(state, event);

			if (got == expected(t, cell))
				continue;
			print_error("%s x %s: documented %s, is %d\n",
				    t->state_name(state), t->event_name(event), cell, got);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void page_matrix_is_the_documented_one(void **unused)
{
	(void)unused;
	check_table(&page_table);
}

static void vm_matrix_is_the_documented_one(void **unused)
{
	(void)unused;
	check_table(&vm_table);
}

static void check_out_of_range(const struct table *t)
{
	assert_int_equal(t->next(t->nr_states, 0), -EINVAL);
	assert_int_equal(t->next(0, t->nr_events), -EINVAL);
	assert_int_equal(t->next(UINT_MAX, 0), -EINVAL);
	assert_int_equal(t->next(0, UINT_MAX), -EINVAL);
	assert_string_equal(t->state_name(t->nr_states), "?");
	assert_string_equal(t->event_name(t->nr_events), "?");
	assert_string_equal(t->state_name(UINT_MAX), "?");
	assert_string_equal(t->event_name(UINT_MAX), "?");
}

static void out_of_range_is_refused(void **unused)
{
	(void)unused;
	check_out_of_range(&page_table);
	check_out_of_range(&vm_table);
}

static void check_names(const struct table *t)
{
	unsigned int i, j;

	for (i = 0; i < t->nr_states; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(t->state_name(i), t->state_name(j));
	for (i = 0; i < t->nr_events; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(t->event_name(i), t->event_name(j));
}

static void names_differ(void **unused)
{
	(void)unused;
	check_names(&page_table);
	check_names(&vm_table);
}

/*
 * What must hold whatever the cells say: content of a secure page leaves the
 * secure states only by the guest's will, when securing is aborted, or dropped by a reset.
 */
static void secure_pages_stay_secure(void **unused)
{
	unsigned int state, event;

	(void)unused;
	for (state = 0; state < UVMEM_PAGE_NR_STATES; state++) {
		if (!uvmem_page_is_secure((enum uvmem_page_state)state))
			continue;
		for (event = 0; event < UVMEM_NR_PAGE_EVENTS; event++) {
			int next = page_next(state, event);

			if (event == UVMEM_EV_SHARE || event == UVMEM_EV_ABORT ||
			    event == UVMEM_EV_RESET || next < 0)
				continue;
			assert_true(uvmem_page_is_secure((enum uvmem_page_state)next));
		}
	}
}

/* Nothing that the host does may bring back content that it has dropped. */
static void lost_pages_stay_lost(void **unused)
{
	unsigned int event;

	(void)unused;
	for (event = 0; event < UVMEM_NR_PAGE_EVENTS; event++) {
		int next = page_next(UVMEM_PAGE_LOST, event);

		if (event != UVMEM_EV_SHARE && event != UVMEM_EV_ABORT &&
		    event != UVMEM_EV_RESET && next >= 0)
			assert_int_equal(next, UVMEM_PAGE_LOST);
	}
}

/* Every state can be reached from NONE; a state that cannot is dead code. */
static void every_state_is_reachable(void **unused)
{
	const struct table *tables[] = { &page_table, &vm_table };
	unsigned int i, state, event, round;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(tables); i++) {
		const struct table *t = tables[i];
		unsigned int seen = 1;

		for (round = 0; round < t->nr_states; round++)
			for (state = 0; state < t->nr_states; state++)
				for (event = 0; seen >> state & 1 && event < t->nr_events; event++)
					if (t->next(state, event) >= 0)
						seen |= 1U << t->next(state, event);
		assert_int_equal(seen, (1U << t->nr_states) - 1);
	}
}

static void secure_states(void **unused)
{
	(void)unused;
	assert_false(uvmem_page_is_secure(UVMEM_PAGE_NONE));
	assert_false(uvmem_page_is_secure(UVMEM_PAGE_NORMAL));
	assert_false(uvmem_page_is_secure(UVMEM_PAGE_SHARED));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_ABSENT));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_IN));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_OUT));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_ZERO));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_LOST));
	assert_true(uvmem_page_is_secure(UVMEM_PAGE_POOL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_matrix_is_the_documented_one),
		cmocka_unit_test(vm_matrix_is_the_documented_one),
		cmocka_unit_test(out_of_range_is_refused),
		cmocka_unit_test(names_differ),
		cmocka_unit_test(secure_states),
		cmocka_unit_test(secure_pages_stay_secure),
		cmocka_unit_test(lost_pages_stay_lost),
		cmocka_unit_test(every_state_is_reachable),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
