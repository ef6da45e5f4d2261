// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration files that nobody thought of: lines that may be right, in any order, with wrong
 * bytes in them. Whatever is read, it is refused with file and line or its values are in their
 * ranges; what was in force stays when it is refused.
 *
 * FUZZ_SEED=n repeats a run; FUZZ_STEPS=n makes it longer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "config.h"
#include "random.h"

#define DEFAULT_STEPS	4000

static char path[] = "/tmp/config_fuzz_test.XXXXXX";
static struct rng rng;

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static const char *any_section(void)
{
	static const char *const sections[] = {
		"[daemon]", "[pool]", "[quota]", "[swap]", "[guest]", "[guest a]", "[guest ]", "[guest",
		"[]", "[other]", "[guest 0a1b2c3d-0000-4000-8000-00000000000a]", "[ guest]", "[guest] x",
		"[guest aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
	};

	return rng_pick(&rng, sections);
}

static const char *any_value(void)
{
	static const char *const values[] = {
		"0", "1", "100", "10000", "1M", "5G", "4T", "none", "0%", "0.1%", "100%", "5s", "1h",
		"100ms", "static", "watermark", "proactive", "yes", "no", "-1", "1e3", "nan", "", "x",
		"99999999999999999999", "/tmp/x", "1; comment", "\"1\"", "1 # 2", "\xff\xfe", "%s%n",
	};

	return rng_pick(&rng, values);
}

/* Returns its length. */
static size_t any_file(char *text, size_t room)
{
	uint64_t lines = rng_below(&rng, rng_one_in(&rng, 20) ? 400 : 20);
	size_t n = 0, k;

	while (lines-- && n + 700 < room) {
		switch (rng_below(&rng, 12)) {
		case 0:
		case 1:
			n += (size_t)sprintf(text + n, "%s\n", any_section());
			break;
		case 2:
			n += (size_t)sprintf(text + n, "# comment\n\n  ; one\n");
			break;
		case 3:
			for (k = rng_below(&rng, 600); k; k--)
				text[n++] = "a= []#\t:"[rng_below(&rng, 8)];
			text[n++] = '\n';
			break;
		default: {
			const struct config_key *key = &config_keys[rng_below(&rng, config_nr_keys)];

			/* Behind its section, often enough for files that are right. */
			if (rng_one_in(&rng, 2))
				n += (size_t)sprintf(text + n, "[%s]\n", key->section);
			n += (size_t)sprintf(text + n, rng_one_in(&rng, 8) ? " %s=%s\n" : "%s = %s\n",
					     key->name, any_value());
		}
		}
	}
	if (n && rng_one_in(&rng, 3))
		for (k = rng_range(&rng, 1, 5); k; k--)
			text[rng_below(&rng, n)] = (char)rng_next(&rng);
	if (n && rng_one_in(&rng, 8))
		n = rng_below(&rng, n);
	return n;
}

static void assert_in_order(const struct config *config)
{
	struct policy_settings set;
	size_t i;

	for (i = 0; i < config_nr_keys; i++) {
		const struct config_key *key = &config_keys[i];
		uint64_t value = 0;

		if (key->kind == CONFIG_FILE || key->kind == CONFIG_POLICY)
			continue;
		memcpy(&value, (const char *)config + key->offset, key->size);
		if (key->kind != CONFIG_LIMIT || value != POLICY_NO_LIMIT)
			assert_in_range(value, key->min, key->max);
	}
	assert_true(config->guest.kind < POLICY_NR_KINDS);
	assert_true(policy_limits_valid(&config->guest.limits));
	assert_non_null(memchr(config->textfile, '\0', sizeof(config->textfile)));
	config_guest(config, "a", "0a1b2c3d-0000-4000-8000-00000000000a", NULL, 0, &set);
	assert_true(policy_limits_valid(&set.limits));
}

static void whatever_is_read_is_right_or_refused(void **state)
{
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS), i, good = 0, bad = 0;
	static char text[300000], complaints[1 << 20];
	struct config config = { 0 };

	(void)state;
	rng.state = number_from_env("FUZZ_SEED", 20261129);
	print_message("# FUZZ_SEED=%llu\n", (unsigned long long)rng.state);
	config_default(&config);
	for (i = 0; i < steps; i++) {
		struct config before = config;
		size_t n = any_file(text, sizeof(text));
		FILE *file = fopen(path, "we");
		int err;

		assert_non_null(file);
		assert_int_equal(fwrite(text, 1, n, file), n);
		fclose(file);
		file = fmemopen(complaints, sizeof(complaints), "w");
		assert_non_null(file);
		err = config_load_file(&config, path, file);
		fclose(file);
		if (err) {
			assert_int_equal(err, -EINVAL);
			assert_int_equal(memcmp(&before, &config, sizeof(config)), 0);
			/* A whole that contradicts itself is named by section, a line by file and number. */
			assert_true(*complaints == '[' || !strncmp(complaints, path, strlen(path)));
			bad++;
		} else {
			good++;
		}
		complaints[0] = '\0';
		assert_in_order(&config);
	}
	config_free(&config);
	print_message("# %llu files were right, %llu wrong\n", (unsigned long long)good,
		      (unsigned long long)bad);
	assert_true(good > steps / 20 && bad > steps / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_read_is_right_or_refused),
	};
	int fd, ret;

	alarm((unsigned int)number_from_env("FUZZ_TIMEOUT", 300));
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return ret;
}
