// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of rounds, whatever the kernel answers: tests/daemon/fake_kernel.h
 */
#include "rounds.inc"

/* ---- guests ----------------------------------------------------------------- */

static void guests_come_and_go(void **state)
{
	(void)state;
	add_vm(0, 5, 100, 1);
	add_vm(2, 9, 100, 1);
	rounds(1);
	assert_int_equal(m.nr, 2);
	assert_int_equal(events[MANAGER_GUEST_FOUND], 2);
	add_vm(1, 7, 100, 1);
	fake.vms[0].there = false;
	rounds(1);
	assert_int_equal(m.nr, 2);
	assert_int_equal(m.guests[0]->info.id, 7);
	assert_int_equal(m.guests[1]->info.id, 9);
	assert_int_equal(events[MANAGER_GUEST_ENDED], 1);
	assert_int_equal(fake.open_files, 2);
	fake.vms[1].there = fake.vms[2].there = false;
	rounds(1);
	assert_int_equal(m.nr, 0);
	assert_int_equal(m.book.ended_guests, 3);
}

static void guests_are_known_by_their_qemu(void **state)
{
	static const char words[] = "qemu\0-name\0guest=web,,1,debug-threads=on\0-uuid\0"
		"aaaaaaaa-89ab-cdef-0123-456789abcdef\0-m\0" "1G";
	struct guest *guest;

	(void)state;
	add_vm(0, 5, 100, 1);
	write_text("100/stat", "100 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20");
	write_text("100/status", "Name: x\nVmSwap:\t  40 kB\n");
	write_file("100/cmdline", words, sizeof(words));
	add_vm(1, 6, 100, 1);
	rounds(1);
	guest = manager_find(&m, "aaaaaaaa-89AB-cdef-0123-456789abcdef");
	assert_non_null(guest);
	assert_string_equal(guest->name, "web,1");
	assert_int_equal(guest->key.start, 4711);
	assert_int_equal(guest->swapped, 10);
	assert_ptr_equal(manager_find(&m, "5"), guest);
	assert_ptr_equal(manager_find(&m, "web,1"), guest);
	assert_non_null(manager_find(&m, "vm-6"));
	assert_null(manager_find(&m, "7"));
	assert_null(manager_find(&m, ""));
}

/* QEMU and whoever arms a VM say what they like; D-Bus, JSON and terminals take UTF-8 only. */
static void names_are_utf8(void **state)
{
	static const struct {
		const char *process, *own, *name;
	} cases[] = {
		{ "web", "x", "web" },
		{ "", "launched", "launched" },
		{ "", "", "vm-7" },
		{ "caf\xc3\xa9", "", "caf\xc3\xa9" },
		{ "caf\xe9s", "", "caf?s" },
		{ "", "b\xff" "d", "b?d" },
		/* Cut in the middle of a character. */
		{ "sixty-three bytes are all that there is room for: a long name.\xc3", "",
		  "sixty-three bytes are all that there is room for: a long name." },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct host_process process = { 0 };
		char own[64], name[64];

		memset(own, 0, sizeof(own));
		memcpy(own, cases[i].own, strlen(cases[i].own));
		strcpy(process.name, cases[i].process);
		host_guest_name(&process, own, 7, name);
		assert_string_equal(name, cases[i].name);
	}
}

/* ---- policies reach the kernel ------------------------------------------------ */

static void an_idle_guest_is_reclaimed(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	configure(proactive);
	rounds(1000);
	assert_true(v->reclaimed > 4000);
	assert_true(events[MANAGER_DECISION] > 0);
	assert_int_equal(m.guests[0]->account->value[ACCOUNT_reclaim_moved], v->reclaimed);
}

static void a_pass_takes_the_aging_interval(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 1);

	(void)state;
	rounds(40);
	/* 200 s of 10 s each */
	assert_in_range(v->sim.policy.sample.passes, 19, 20);
}

static void dry(struct config *config)
{
	config->guest.kind = POLICY_PROACTIVE;
	config->dry_run = true;
}

static void a_dry_run_touches_nothing(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	configure(dry);
	rounds(200);
	assert_int_equal(fake.calls, 0);
	assert_false(v->limits_set);
	assert_int_equal(m.guests[0]->policy.decision.reason, POLICY_PROBE);
	assert_true(m.guests[0]->account->value[ACCOUNT_daemon_decided] > 0);
}

static void limits_reach_the_kernel(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 2000, 1);

	(void)state;
	configure(limited);
	rounds(3);
	assert_true(v->limits_set);
	assert_int_equal(v->limits.min, 100);
	assert_int_equal(v->limits.max, 5000);
	/* above high: at once */
	assert_int_equal(v->sim.policy.sample.frames, 1000);
	v->limits_set = false;
	rounds(1);
	assert_false(v->limits_set);
}

static char refused[64];
static unsigned int refusals;

static void note_refusal(struct manager *manager, const char *setting, int err)
{
	(void)manager;
	assert_int_equal(err, -EINVAL);
	snprintf(refused, sizeof(refused), "%s", setting);
	refusals++;
}

static void larger_than_there_is(struct config *config)
{
	config->pool_limit = 6001;
}

static void as_large_as_there_is(struct config *config)
{
	config->pool_limit = 6000;
}

/* A carve-out has no more than it has. */
static void a_pool_limit_that_is_refused_is_told_once(void **state)
{
	(void)state;
	add_vm(0, 5, 100, 0);
	fake.pool_limit = 5000;
	fake.pool_most = 6000;
	refusals = 0;
	m.on_refused = note_refusal;
	configure(larger_than_there_is);
	rounds(5);
	assert_int_equal(refusals, 1);
	assert_string_equal(refused, "[pool] limit");
	assert_int_equal(fake.pool_limit, 5000);
	/* In order again, and told anew when it is not. */
	configure(as_large_as_there_is);
	rounds(5);
	assert_int_equal(fake.pool_limit, 6000);
	assert_int_equal(refusals, 1);
	configure(larger_than_there_is);
	rounds(5);
	assert_int_equal(refusals, 2);
}

static void an_old_module_is_enough_to_count(void **state)
{
	(void)state;
	fake.info.capabilities = 0;
	stop_daemon();
	start_daemon();
	add_vm(0, 5, 2000, 1);
	fake.fail_age = fake.fail_reclaim = -EOPNOTSUPP;
	configure(proactive);
	rounds(10);
	assert_int_equal(fake.calls, 0);
	assert_int_equal(m.guests[0]->error, 0);
	assert_int_equal(m.guests[0]->policy.decision.reason, POLICY_NO_AGING);
	assert_non_null(strstr(manager_lacks(&m), "nothing is done"));
}

/* ---- back ------------------------------------------------------------------------ */

static void fetching(struct config *config)
{
	config->guest.limits.high = 1000;
	config->guest.prefetch_ppm = 500000;
}

static void raised(struct config *config)
{
	config->guest.limits.high = 4000;
	config->guest.prefetch_ppm = 500000;
}

static void raised_in_vain(struct config *config)
{
	raised(config);
	config->dry_run = true;
}

/* Pages that are out and left before a pass. */
static uint64_t out_before(const struct fake_vm *v, uint64_t pass)
{
	uint64_t sum = 0, i;

	for (i = 0; i < v->sim.nr; i++)
		sum += v->sim.out[i] && v->sim.left[i] < pass;
	return sum;
}

static void a_raised_limit_brings_back_what_left_last(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);
	uint64_t expected = (1000 + 256) / 2, before, long_ago;

	(void)state;
	fake.info.capabilities |= KERNEL_CAP_FIND;
	stop_daemon();
	start_daemon();
	configure(fetching);
	rounds(100);
	assert_int_equal(v->sim.policy.sample.frames, 1000);
	assert_int_equal(v->fetched, 0);
	/* All left long ago but for a thousand. */
	before = v->sim.policy.sample.passes;
	memset(v->sim.out + 5000, 0, 1000);
	sim_count(&v->sim);
	rounds(2);
	assert_int_equal(v->sim.policy.sample.frames, 1000);
	long_ago = out_before(v, before);
	assert_true(long_ago >= 6000 && long_ago < 7000);
	configure(raised);
	rounds(1);
	assert_int_equal(m.guests[0]->policy.decision.fetch, expected);
	assert_int_equal(m.guests[0]->fetched, expected);
	assert_int_equal(v->fetched, expected);
	assert_int_equal(v->sim.policy.sample.frames, 1000 + expected);
	/* None of those as long as there are others. */
	assert_int_equal(out_before(v, before), long_ago);
}

static void a_dry_run_brings_nothing_back(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	fake.info.capabilities |= KERNEL_CAP_FIND;
	stop_daemon();
	start_daemon();
	configure(fetching);
	rounds(5);
	configure(raised_in_vain);
	rounds(1);
	assert_true(m.guests[0]->policy.decision.fetch > 0);
	assert_int_equal(v->fetched, 0);
}

static void what_cannot_be_brought_back_is_told_once(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	fake.info.capabilities |= KERNEL_CAP_FIND;
	stop_daemon();
	start_daemon();
	configure(fetching);
	rounds(5);
	fake.fail_range = -EIO;
	configure(raised);
	rounds(1);
	assert_int_equal(events[MANAGER_FAILED], 1);
	assert_string_equal(m.guests[0]->error_what, "prefetch");
	assert_int_equal(v->fetched, 0);
	fake.fail_range = 0;
	rounds(3);
	assert_int_equal(m.guests[0]->error, 0);
	assert_true(v->fetched > 0);
}

/* ---- failures ------------------------------------------------------------------- */

static void failures_of_one_call_are_told_once(void **state)
{
	(void)state;
	add_vm(0, 5, 8000, 0);
	configure(limited);
	fake.fail_reclaim = -ENOSPC;
	rounds(5);
	assert_int_equal(events[MANAGER_FAILED], 1);
	assert_int_equal(m.guests[0]->error, -ENOSPC);
	assert_string_equal(m.guests[0]->error_what, "reclaim");
	fake.fail_reclaim = 0;
	rounds(3);
	assert_int_equal(m.guests[0]->error, 0);
	assert_int_equal(fake.vms[0].sim.policy.sample.frames, 1000);
}

/* The second of three cannot be opened, then not asked, then it works. */
static void a_guest_that_cannot_be_added_is_left_out(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		add_vm(i, 5 + i, 8000, 0);
	configure(limited);
	fake.vms[1].fail_open = -EMFILE;
	rounds(4);
	assert_int_equal(m.nr, 2);
	assert_int_equal(events[MANAGER_FAILED], 1);
	assert_string_equal(last_failed.name, "vm-6");
	assert_int_equal(last_failed.error, -EMFILE);
	assert_string_equal(last_failed.error_what, "add");
	/* The others are served. */
	assert_int_equal(fake.vms[0].sim.policy.sample.frames, 1000);
	assert_int_equal(fake.vms[1].sim.policy.sample.frames, 8000);
	assert_int_equal(fake.vms[2].sim.policy.sample.frames, 1000);
	assert_null(manager_find(&m, "6"));
	expect_metric("\nuvmem_guests_skipped 1\n");
	/* Another failure is told of; a guest that comes does not disturb. */
	fake.vms[1].fail_open = 0;
	fake.vms[1].fail_info = -EIO;
	rounds(2);
	assert_int_equal(events[MANAGER_FAILED], 2);
	assert_int_equal(last_failed.error, -EIO);
	assert_int_equal(fake.open_files, 2);
	add_vm(3, 9, 100, 1);
	rounds(1);
	assert_int_equal(m.nr, 3);
	assert_int_equal(events[MANAGER_FAILED], 2);
	fake.vms[1].fail_info = 0;
	rounds(3);
	assert_int_equal(m.nr, 4);
	assert_int_equal(m.nr_skipped, 0);
	assert_non_null(manager_find(&m, "6"));
	assert_int_equal(fake.vms[1].sim.policy.sample.frames, 1000);
	/* The same again is news. */
	fake.vms[1].there = false;
	rounds(1);
	fake.vms[1].there = true;
	fake.vms[1].fail_open = -EMFILE;
	rounds(2);
	assert_int_equal(events[MANAGER_FAILED], 3);
}

static void every_failure_is_survived(void **state)
{
	int *const fails[] = {
		&fake.fail_list, &fake.fail_open, &fake.fail_info, &fake.fail_pool,
		&fake.fail_age, &fake.fail_reclaim, &fake.fail_stats,
	};
	static const int errs[] = { -ENOMEM, -EPERM, -ESRCH, -ENOENT, -EIO, -EINTR, -ENOSPC };
	unsigned int i, k, n;

	(void)state;
	configure(proactive);
	for (i = 0; i < ARRAY_LEN(fails); i++) {
		for (k = 0; k < ARRAY_LEN(errs); k++) {
			add_vm(0, 5 + i, 8000, 0);
			add_vm(1, 50 + k, 100, 1);
			*fails[i] = errs[k];
			for (n = 0; n < 3; n++)
				manager_round(&m, now += m.config.round_ns);
			*fails[i] = 0;
			rounds(2);
			assert_int_equal(m.nr, 2);
			assert_int_equal(m.guests[0]->error, 0);
			fake.vms[0].there = fake.vms[1].there = false;
			rounds(1);
			assert_int_equal(fake.open_files, 0);
		}
	}
}

/* ---- what is said ------------------------------------------------------------------ */

static void pages_that_came_with_others_have_come_back(void **state)
{
	(void)state;
	add_vm(0, 5, 1000, 1);
	rounds(2);
	assert_int_equal(m.guests[0]->policy.sample.refaults,
			 fake.vms[0].sim.policy.sample.refaults);
	fake.vms[0].around_used = 100;
	rounds(1);
	assert_int_equal(m.guests[0]->policy.sample.refaults,
			 fake.vms[0].sim.policy.sample.refaults + 100);
	assert_int_equal(m.guests[0]->account->value[ACCOUNT_fault_around_used], 100);
}

static void metrics_escape_names(void **state)
{
	static const char words[] = "qemu\0-name\0guest=a\"b\\c\nd\0";
	size_t length;
	char *text;

	(void)state;
	add_vm(0, 5, 1000, 1);
	write_text("100/stat", "100 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20");
	write_file("100/cmdline", words, sizeof(words));
	rounds(2);
	assert_int_equal(manager_metrics(&m, false, &text, &length), 0);
	assert_int_equal(strlen(text), length);
	assert_non_null(strstr(text, "uvmem_guest_info{guest=\"5\",domain=\"a\\\"b\\\\c\\nd\",uuid=\"\""));
	assert_non_null(strstr(text, "\n# TYPE uvmem_guest_refault_bytes_total counter\n"));
	assert_null(strstr(text, "# EOF"));
	free(text);
	assert_int_equal(manager_metrics(&m, true, &text, &length), 0);
	assert_non_null(strstr(text, "\n# TYPE uvmem_guest_refault_bytes counter\n"));
	assert_string_equal(text + length - 6, "# EOF\n");
	free(text);
}

/* For the test that parses them: manager_test --metrics 0|1 */
static int print_metrics(int open)
{
	size_t length;
	char *text;

	setup(NULL);
	add_vm(0, 5, 4000, 20);
	add_vm(1, 6, 1000, 1);
	configure(proactive);
	rounds(100);
	fake.vms[1].there = false;
	rounds(1);
	if (manager_metrics(&m, open, &text, &length))
		return 1;
	fputs(text, stdout);
	free(text);
	teardown(NULL);
	return 0;
}

static void the_description_is_json(void **state)
{
	char *text;

	(void)state;
	add_vm(0, 5, 1000, 1);
	rounds(2);
	text = manager_describe(&m);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"id\":5,\"name\":\"vm-5\",\"uuid\":null"));
	assert_non_null(strstr(text, "\"explanation\":\"Policy watermark; "));
	free(text);
}

int main(int argc, char *argv[])
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(guests_come_and_go),
		TEST(guests_are_known_by_their_qemu),
		TEST(names_are_utf8),
		TEST(an_idle_guest_is_reclaimed),
		TEST(a_pass_takes_the_aging_interval),
		TEST(a_dry_run_touches_nothing),
		TEST(limits_reach_the_kernel),
		TEST(a_pool_limit_that_is_refused_is_told_once),
		TEST(an_old_module_is_enough_to_count),
		TEST(a_raised_limit_brings_back_what_left_last),
		TEST(a_dry_run_brings_nothing_back),
		TEST(what_cannot_be_brought_back_is_told_once),
		TEST(failures_of_one_call_are_told_once),
		TEST(a_guest_that_cannot_be_added_is_left_out),
		TEST(every_failure_is_survived),
		TEST(pages_that_came_with_others_have_come_back),
		TEST(metrics_escape_names),
		TEST(the_description_is_json),
	};

	if (!mkdtemp(root))
		return 1;
	if (argc == 3 && !strcmp(argv[1], "--metrics"))
		return print_metrics(atoi(argv[2]));
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
