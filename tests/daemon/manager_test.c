// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of rounds, whatever the kernel answers: tests/daemon/fake_kernel.h
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "unit.h"
#include "manager.h"
#include "fake_kernel.inc"

static char root[] = "/tmp/manager_test.XXXXXX";
static struct fake_kernel fake;
static struct manager m;
static uint64_t now;
static unsigned int events[MANAGER_NR_EVENTS];

static void write_file(const char *path, const void *text, size_t length)
{
	char full[512], *slash;
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static struct guest last_failed;

static void on_event(struct manager *manager, enum manager_event event, const struct guest *guest)
{
	(void)manager;
	events[event]++;
	if (event == MANAGER_FAILED)
		last_failed = *guest;
}

static void start_daemon(void)
{
	struct host host = { .proc = root };
	struct config config;

	config_default(&config);
	assert_int_equal(manager_init(&m, &fake.kernel, host, &config), 0);
	m.on_event = on_event;
	memset(events, 0, sizeof(events));
}

static void stop_daemon(void)
{
	manager_free(&m);
}

static int setup(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s && mkdir %s", root, root);
	assert_int_equal(system(command), 0);
	write_text("/meminfo", "MemTotal: 9 kB\nMemAvailable:  40000000 kB\nSwapFree: 4000 kB\n");
	write_text("/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	fake_kernel_init(&fake);
	now = POLICY_NSEC;
	start_daemon();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop_daemon();
	return 0;
}

static struct fake_vm *add_vm(unsigned int i, uint64_t id, uint32_t pages, uint16_t period)
{
	struct fake_vm *v = &fake.vms[i];

	memset(v, 0, sizeof(*v));
	v->there = true;
	v->id = id;
	v->pid = 100 + (int)i;
	sim_init(&v->sim, POLICY_STATIC);
	sim_add(&v->sim, pages, period);
	sim_count(&v->sim);
	return v;
}

static void rounds(unsigned int n)
{
	while (n--) {
		now += m.config.round_ns;
		assert_int_equal(manager_round(&m, now), 0);
	}
}

static void configure(void (*change)(struct config *config))
{
	struct config config;

	config_default(&config);
	change(&config);
	manager_configure(&m, &config);
}

static void proactive(struct config *config)
{
	config->guest.kind = POLICY_PROACTIVE;
}

static void dry(struct config *config)
{
	config->guest.kind = POLICY_PROACTIVE;
	config->dry_run = true;
}

static void limited(struct config *config)
{
	config->guest.kind = POLICY_STATIC;
	config->guest.limits = (struct policy_limits){ 100, 200, 1000, 5000 };
}

static void sealed(struct config *config)
{
	config->guest.kind = POLICY_PROACTIVE;
	config->sealed_pool = 1000;
}

static void expect_metric(const char *line)
{
	size_t length;
	char *text;

	assert_int_equal(manager_metrics(&m, true, &text, &length), 0);
	if (!strstr(text, line))
		fail_msg("no %s", line);
	free(text);
}

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
	write_text("/100/stat", "100 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20");
	write_text("/100/status", "Name: x\nVmSwap:\t  40 kB\n");
	write_file("/100/cmdline", words, sizeof(words));
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

static void without_a_sink_nothing_is_taken(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	write_text("/meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
	configure(proactive);
	rounds(200);
	assert_int_equal(v->reclaimed, 0);
	assert_int_equal(m.guests[0]->policy.decision.cap, POLICY_CAP_SINK);
	/* nor if nothing can be known of it */
	write_text("/meminfo", "");
	rounds(10);
	assert_int_equal(v->reclaimed, 0);
}

static void the_sealed_pool_is_a_sink_and_costs_what_it_takes(void **state)
{
	struct fake_vm *v;
	uint64_t pooled;

	(void)state;
	fake.info.capabilities |= KERNEL_CAP_SEALED_POOL;
	fake.pooled = true;
	stop_daemon();
	start_daemon();
	v = add_vm(0, 5, 8000, 0);
	write_text("/meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
	configure(sealed);
	rounds(200);
	assert_int_equal(fake.sealed_pool_limit, 1000 * 4096);
	assert_true(v->reclaimed > 100);
	/* It is never asked to take more than it has room for. */
	pooled = v->sim.nr - v->sim.policy.sample.frames;
	assert_true(pooled * 2048 <= fake.sealed_pool_limit);
	rounds(1);
	pooled = m.guests[0]->info.pages[UVMEM_PAGE_POOL];
	assert_in_range(m.guests[0]->account->saved_now, pooled / 2 - 1, pooled / 2);
}

static void an_old_module_is_not_told_of_the_sealed_pool(void **state)
{
	(void)state;
	add_vm(0, 5, 8000, 0);
	configure(sealed);
	rounds(3);
	assert_int_equal(fake.sealed_pool_limit, 0);
}

static struct fake_vm *start_with_noise(uint32_t pages)
{
	struct fake_vm *v;

	fake.info.capabilities |= KERNEL_CAP_NO_CIPHERTEXT;
	stop_daemon();
	start_daemon();
	v = add_vm(0, 5, 8000, 0);
	memset(v->sim.incompressible, 1, pages);
	configure(proactive);
	return v;
}

static uint64_t noise_out(const struct fake_vm *v)
{
	uint64_t sum = 0, i;

	for (i = 0; i < v->sim.nr; i++)
		sum += v->sim.out[i] && v->sim.incompressible[i];
	return sum;
}

static void without_swap_nothing_becomes_ciphertext_on_its_own(void **state)
{
	struct fake_vm *v = start_with_noise(5000);
	char *text;

	(void)state;
	rounds(1000);
	assert_int_equal(noise_out(v), 0);
	assert_in_range(v->reclaimed, 2900, 3000);
	/* Each was tried once, though they are as cold as can be. */
	assert_in_range(v->stayed, 4900, 5000);
	assert_int_equal(v->sim.policy.sample.no_gain, v->stayed);
	assert_int_equal(m.guests[0]->account->value[ACCOUNT_skipped_no_gain], v->stayed);
	text = manager_describe(&m);
	assert_non_null(strstr(text, "\"no_ciphertext\":true"));
	assert_non_null(strstr(text, "No swap is free"));
	assert_non_null(strstr(text, " are known to be neither and stay."));
	free(text);
}

static void a_round_tries_no_more_than_was_decided(void **state)
{
	struct fake_vm *v = start_with_noise(8000);
	uint64_t before;
	unsigned int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		before = v->stayed;
		rounds(1);
		assert_true(v->stayed - before <= m.guests[0]->policy.decision.nr_pages);
		assert_int_equal(m.guests[0]->stayed, v->stayed - before);
	}
	assert_true(v->stayed > 1000);
	assert_int_equal(v->reclaimed, 0);
}

/* Without swap the normal memory that is free is no reason to take more, nor that none is to take less. */
static void what_leaves_no_ciphertext_needs_no_sink(void **state)
{
	struct fake_vm *v = start_with_noise(0);

	(void)state;
	write_text("/meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
	rounds(200);
	assert_true(v->reclaimed > 1000);
}

static void with_swap_ciphertext_is_as_good(void **state)
{
	struct fake_vm *v = start_with_noise(5000);

	(void)state;
	/* Less than [swap] reserve is free: as good as none. */
	write_text("/swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 3900000 -2\n");
	rounds(100);
	assert_int_equal(noise_out(v), 0);
	write_text("/swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 0 -2\n");
	rounds(1000);
	assert_true(noise_out(v) > 2500);
	assert_false(m.guests[0]->policy.decision.no_ciphertext);
}

static void limits_and_pressure_take_ciphertext_without_swap_too(void **state)
{
	struct fake_vm *v = start_with_noise(8000);

	(void)state;
	rounds(20);
	configure(limited);
	rounds(5);
	assert_int_equal(v->sim.policy.sample.frames, 1000);
	v = start_with_noise(8000);
	fake.pool_limit = 8000;
	rounds(20);
	assert_true(v->sim.policy.sample.frames <= 8000 * 85 / 100);
}

static void an_old_module_is_asked_for_what_it_knows(void **state)
{
	struct fake_vm *v = start_with_noise(5000);

	(void)state;
	fake.info.capabilities &= ~KERNEL_CAP_NO_CIPHERTEXT;
	stop_daemon();
	start_daemon();
	configure(proactive);
	rounds(300);
	assert_true(noise_out(v) > 0);
	assert_false(m.guests[0]->policy.decision.no_ciphertext);
}

/* ---- state ---------------------------------------------------------------------- */

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
	write_text("/accounts", "uvmem-accounts 1\nrubbish\n");
	assert_int_equal(manager_load_state(&m, state_path(), &line), -EINVAL);
	assert_int_equal(line, 2);
	snprintf(bad, sizeof(bad), "%s.bad", state_path());
	assert_int_equal(access(bad, F_OK), 0);
	assert_int_not_equal(access(state_path(), F_OK), 0);
	/* no file is no damage */
	assert_int_equal(manager_load_state(&m, state_path(), &line), 0);
}

/* ---- what is said ------------------------------------------------------------------ */

static void metrics_escape_names(void **state)
{
	static const char words[] = "qemu\0-name\0guest=a\"b\\c\nd\0";
	size_t length;
	char *text;

	(void)state;
	add_vm(0, 5, 1000, 1);
	write_text("/100/stat", "100 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20");
	write_file("/100/cmdline", words, sizeof(words));
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
		TEST(an_old_module_is_enough_to_count),
		TEST(a_raised_limit_brings_back_what_left_last),
		TEST(a_dry_run_brings_nothing_back),
		TEST(what_cannot_be_brought_back_is_told_once),
		TEST(failures_of_one_call_are_told_once),
		TEST(a_guest_that_cannot_be_added_is_left_out),
		TEST(every_failure_is_survived),
		TEST(without_a_sink_nothing_is_taken),
		TEST(the_sealed_pool_is_a_sink_and_costs_what_it_takes),
		TEST(an_old_module_is_not_told_of_the_sealed_pool),
		TEST(without_swap_nothing_becomes_ciphertext_on_its_own),
		TEST(a_round_tries_no_more_than_was_decided),
		TEST(what_leaves_no_ciphertext_needs_no_sink),
		TEST(with_swap_ciphertext_is_as_good),
		TEST(limits_and_pressure_take_ciphertext_without_swap_too),
		TEST(an_old_module_is_asked_for_what_it_knows),
		TEST(a_killed_daemon_loses_no_count),
		TEST(what_the_sealed_pool_wrote_out_is_told_everywhere),
		TEST(a_guest_that_ended_unseen_counts),
		TEST(a_guest_that_is_added_late_counts_once),
		TEST(a_damaged_state_is_put_aside),
		TEST(metrics_escape_names),
		TEST(the_description_is_json),
	};

	if (!mkdtemp(root))
		return 1;
	if (argc == 3 && !strcmp(argv[1], "--metrics"))
		return print_metrics(atoi(argv[2]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
