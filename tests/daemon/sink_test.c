// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of rounds where there is little room for what leaves: memory, swap, the sealed pool
 */
#include "rounds.inc"

static void without_a_sink_nothing_is_taken(void **state)
{
	struct fake_vm *v = add_vm(0, 5, 8000, 0);

	(void)state;
	write_text("meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
	configure(proactive);
	rounds(200);
	assert_int_equal(v->reclaimed, 0);
	assert_int_equal(m.guests[0]->policy.decision.cap, POLICY_CAP_SINK);
	/* nor if nothing can be known of it */
	write_text("meminfo", "");
	rounds(10);
	assert_int_equal(v->reclaimed, 0);
}

static void sealed(struct config *config)
{
	config->guest.kind = POLICY_PROACTIVE;
	config->sealed_pool = 1000;
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
	write_text("meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
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
	write_text("meminfo", "MemAvailable: 100 kB\nSwapFree: 0 kB\n");
	rounds(200);
	assert_true(v->reclaimed > 1000);
}

static void with_swap_ciphertext_is_as_good(void **state)
{
	struct fake_vm *v = start_with_noise(5000);

	(void)state;
	/* Less than [swap] reserve is free: as good as none. */
	write_text("swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 3900000 -2\n");
	rounds(100);
	assert_int_equal(noise_out(v), 0);
	write_text("swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 0 -2\n");
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

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_a_sink_nothing_is_taken),
		TEST(the_sealed_pool_is_a_sink_and_costs_what_it_takes),
		TEST(an_old_module_is_not_told_of_the_sealed_pool),
		TEST(without_swap_nothing_becomes_ciphertext_on_its_own),
		TEST(a_round_tries_no_more_than_was_decided),
		TEST(what_leaves_no_ciphertext_needs_no_sink),
		TEST(with_swap_ciphertext_is_as_good),
		TEST(limits_and_pressure_take_ciphertext_without_swap_too),
		TEST(an_old_module_is_asked_for_what_it_knows),
	};

	if (!mkdtemp(root))
		return 1;
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
