// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What counts outlives: the daemon and guests that end, in whatever order
 */
#include "rounds.inc"

static char *state_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/accounts", root);
	return path;
}

static void a_killed_daemon_loses_no_count(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 10);
	uint64_t before;
	unsigned int line;

	(void)state;
	configure(proactive);
	rounds(100);
	assert_int_equal(manager_save_state(&m, state_path()), 0);
	rounds(100);
	before = account_total(&m.book, ACCOUNT_refault);
	/* It dies here; the guest runs on. */
	stop_daemon();
	sim_pass(&v->sim);
	start_daemon();
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
	rounds(1);
	assert_true(before > 0);
	assert_true(account_total(&m.book, ACCOUNT_refault) >= before);
	assert_int_equal(account_total(&m.book, ACCOUNT_refault), v->sim.policy.sample.refaults);
	assert_int_equal(m.book.ended_guests, 0);
}

static void what_the_sealed_pool_wrote_out_is_told_everywhere(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 1);
	unsigned int line;
	char *text;

	(void)state;
	v->written_out = 30;
	rounds(1);
	expect_metric("uvmem_guest_sealed_pool_moved_bytes_total{guest=\"5\",domain=\"vm-5\",event=\"written_out\"} 122880\n");
	text = manager_describe(&m);
	assert_non_null(text);
	/* Of the guest, and of all. */
	assert_non_null(strstr(text, "\"pool_written_out\":30"));
	assert_non_null(strstr(strstr(text, "\"totals\":"), "\"pool_written_out\":30"));
	free(text);
	/* A restart; then the guest ends. */
	assert_int_equal(manager_save_state(&m, state_path()), 0);
	stop_daemon();
	v->written_out = 50;
	start_daemon();
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
	rounds(1);
	v->there = false;
	rounds(1);
	expect_metric("\nuvmem_total_sealed_pool_moved_bytes_total{event=\"written_out\"} 204800\n");
}

/* A daemon has seen refaults of a guest, and ended. Returns how many. */
static uint64_t see_refaults_and_stop(void)
{
	uint64_t seen;

	add_vm(0, 5, 8000, 10);
	configure(proactive);
	rounds(200);
	seen = account_total(&m.book, ACCOUNT_refault);
	assert_true(seen > 0);
	assert_int_equal(manager_save_state(&m, state_path()), 0);
	stop_daemon();
	return seen;
}

static void a_guest_that_ended_unseen_counts(void **state)
{
	uint64_t before = see_refaults_and_stop();
	unsigned int line;

	(void)state;
	/* The id is used again, by another VMM. */
	add_vm(0, 5, 1000, 1)->pid = 999;
	start_daemon();
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
	rounds(1);
	assert_int_equal(m.book.ended_guests, 1);
	assert_int_equal(m.guests[0]->account->value[ACCOUNT_refault], 0);
	assert_int_equal(account_total(&m.book, ACCOUNT_refault), before);
}

/* A new daemon has no file left for it at first. */
static void a_guest_that_is_added_late_counts_once(void **state)
{
	uint64_t before = see_refaults_and_stop();
	unsigned int line;

	(void)state;
	fake.vms[0].fail_open = -EMFILE;
	start_daemon();
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
	rounds(3);
	assert_int_equal(account_total(&m.book, ACCOUNT_refault), before);
	fake.vms[0].fail_open = 0;
	rounds(1);
	assert_int_equal(account_total(&m.book, ACCOUNT_refault),
			 fake.vms[0].sim.policy.sample.refaults);
	assert_int_equal(m.book.ended_guests, 0);
}

static void a_damaged_state_is_put_aside(void **state)
{
	char bad[140];
	unsigned int line;

	(void)state;
	write_text("accounts", "uvmem-accounts 1\nrubbish\n");
	assert_int_equal(manager_load_state(&m, state_path(), &line), -EINVAL);
	assert_int_equal(line, 2);
	snprintf(bad, sizeof(bad), "%s.bad", state_path());
	assert_int_equal(access(bad, F_OK), 0);
	assert_int_not_equal(access(state_path(), F_OK), 0);
	/* no file is no damage */
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_killed_daemon_loses_no_count),
		TEST(what_the_sealed_pool_wrote_out_is_told_everywhere),
		TEST(a_guest_that_ended_unseen_counts),
		TEST(a_guest_that_is_added_late_counts_once),
		TEST(a_damaged_state_is_put_aside),
	};

	if (!mkdtemp(root))
		return 1;
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
