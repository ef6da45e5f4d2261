// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of uvmemd.conf: right values arrive, wrong ones are named by file and line
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "config.h"

static char root[] = "/tmp/config_test.XXXXXX";
static char complaints[8192];

static void write_file(const char *path, const char *text)
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
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static int fresh(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s && mkdir %s", root, root);
	return system(command);
}

static int load(struct config *config)
{
	FILE *file;
	int err;

	memset(complaints, 0, sizeof(complaints));
	file = fmemopen(complaints, sizeof(complaints) - 1, "w");
	err = config_load(config, root, file);
	fclose(file);
	return err;
}

#define ETC	"/etc/kvm-uvmem/uvmemd.conf"
#define VENDOR	"/usr/lib/kvm-uvmem/uvmemd.conf"

static void without_files_there_are_defaults(void **state)
{
	struct config config = { 0 };

	(void)state;
	assert_int_equal(load(&config), 0);
	assert_int_equal(config.round_ns, 5 * POLICY_NSEC);
	assert_int_equal(config.guest.kind, POLICY_WATERMARK);
	assert_int_equal(config.guest.refault_ppm, 2000);
	config_free(&config);
}

static void values_arrive(void **state)
{
	struct config config = { 0 };

	(void)state;
	write_file(ETC, "# a comment\n[daemon]\ninterval = 500ms\ndry_run = yes\n"
		   "metrics_textfile = /run/x.prom\n"
		   "[pool]\nlimit = 1.5G ; so much\nsealed = 2M\nhigh = 80%\nlow=70.5%\nsink_reserve=8K\n"
		   "[quota]\nrate = 64M\ncpu = 0.25s\n"
		   "[guest]\npolicy = proactive\nweight = 300\nlow = 1G\nhigh = none\n"
		   "max = 4T\nrefault = 0.123%\ncold_age = 5min\n");
	assert_int_equal(load(&config), 0);
	assert_string_equal(complaints, "");
	assert_int_equal(config.round_ns, POLICY_NSEC / 2);
	assert_true(config.dry_run);
	assert_string_equal(config.textfile, "/run/x.prom");
	assert_int_equal(config.pool_limit, 3 << 17);
	assert_int_equal(config.sealed_pool, 512);
	assert_int_equal(config.host.pool_high_ppm, 800000);
	assert_int_equal(config.host.pool_low_ppm, 705000);
	assert_int_equal(config.host.sink_reserve, 2);
	assert_int_equal(config.host.quota_pages, 64 << 8);
	assert_int_equal(config.host.quota_cpu_ns, POLICY_NSEC / 4);
	assert_int_equal(config.guest.kind, POLICY_PROACTIVE);
	assert_int_equal(config.guest.weight, 300);
	assert_int_equal(config.guest.limits.low, 1 << 18);
	assert_true(config.guest.limits.high == POLICY_NO_LIMIT);
	assert_int_equal(config.guest.limits.max, 1ULL << 30);
	assert_int_equal(config.guest.refault_ppm, 1230);
	assert_int_equal(config.guest.cold_age_ns, 300 * POLICY_NSEC);
	config_free(&config);
}

static void wrong_lines_are_named(void **state)
{
	static const struct {
		const char *text;
		const char *complaint;
	} bad[] = {
		{ "[guest]\nweight = heavy\n", "uvmemd.conf:2: weight: 'heavy' is not a whole number" },
		{ "[guest]\n\nweight = 0\n", "uvmemd.conf:3: weight: 0 is not from 1 to 10000" },
		{ "[guest]\nweight = 10001\n", ":2: weight: 10001 is not from" },
		{ "[guest]\nweight = -1\n", ":2: weight" },
		{ "[guest]\nweight = 1 # no comment\n", ":2: weight" },
		{ "[guest]\nweigth = 1\n", ":2: [guest] has no setting 'weigth'" },
		{ "[gest]\nweight = 1\n", ":2: there is no section [gest]" },
		{ "weight = 1\n", ":1: 'weight' stands before any [section]" },
		{ "[guest]\nlow = 5X\n", ":2: low: '5X' is not a size" },
		{ "[guest]\nlow = 1e3M\n", ":2: low" },
		{ "[guest]\nlow = 0x10M\n", ":2: low" },
		{ "[guest]\nlow = nan\n", ":2: low" },
		{ "[guest]\nlow = 99999999T\n", ":2: low" },
		{ "[guest]\nlow =\n", ":2: low" },
		{ "[guest]\nrefault = 0.2\n", ":2: refault: '0.2' is not a percentage" },
		{ "[guest]\nrefault = 101%\n", ":2: refault: 101% is not from 0% to 100%" },
		{ "[guest]\npolicy = magic\n", ":2: policy: 'magic' is not static, watermark or proactive" },
		{ "[daemon]\ndry_run = maybe\n", ":2: dry_run" },
		{ "[daemon]\ninterval = 1ms\n", ":2: interval: 1ms is not from 100ms to 60s" },
		{ "[daemon]\nmetrics_textfile = here\n", ":2: metrics_textfile" },
		{ "[guest]\nweight\n", ":2: is neither" },
		{ "[guest\nweight = 1\n", ":1: a section's name has no end" },
		{ "[guest a]\nweight = 0\n", ":2: weight" },
		{ "[guest a]\nlimit = 0\n", ":2: a guest has no setting 'limit'" },
		{ "[guest ]\nweight = 1\n", "names no guest" },
		{ "[guest]\nlow = 2G\nhigh = 1G\n", "min <= low <= high <= max does not hold" },
		{ "[pool]\nhigh = 50%\n", "low is above high" },
	};
	struct config config = { 0 };
	unsigned int i;

	(void)state;
	config_default(&config);
	config.guest.weight = 4711;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		write_file(ETC, bad[i].text);
		assert_int_equal(load(&config), -EINVAL);
		if (!strstr(complaints, bad[i].complaint))
			print_message("# '%s' is not in '%s'\n", bad[i].complaint, complaints);
		assert_non_null(strstr(complaints, bad[i].complaint));
		/* What was there is still there. */
		assert_int_equal(config.guest.weight, 4711);
	}
}

static void all_wrong_lines_are_named(void **state)
{
	struct config config = { 0 };

	(void)state;
	write_file(ETC, "[guest]\nweight = 0\nweight = 5\nlow = x\nwhat\n[guest\nlow = 1G\n"
		   "[guest]\nmin = y\n");
	assert_int_equal(load(&config), -EINVAL);
	assert_non_null(strstr(complaints, ":2: "));
	assert_null(strstr(complaints, ":3: "));
	assert_non_null(strstr(complaints, ":4: "));
	assert_non_null(strstr(complaints, ":5: "));
	assert_non_null(strstr(complaints, ":6: "));
	assert_null(strstr(complaints, ":7: "));
	assert_null(strstr(complaints, ":8: "));
	assert_non_null(strstr(complaints, ":9: min"));
}

/* libinih would read the rest of it as another setting. */
static void long_lines_are_refused(void **state)
{
	char text[1000] = "[guest]\nweight = 1";
	struct config config = { 0 };
	size_t n = strlen(text);

	(void)state;
	memset(text + n, ' ', 300);
	strcpy(text + n + 300, "low = 5G\nmin = x\n");
	write_file(ETC, text);
	assert_int_equal(load(&config), -EINVAL);
	assert_non_null(strstr(complaints, "uvmemd.conf:2: a line is longer than"));
	assert_null(strstr(complaints, "low"));
	/* and the lines after it keep their numbers */
	assert_non_null(strstr(complaints, "uvmemd.conf:3: min"));

	write_file(ETC, "[guest a-name-that-is-much-longer-than-a-section's-name-may-be]\nweight = 1\n");
	assert_int_equal(load(&config), -EINVAL);
	assert_non_null(strstr(complaints, ":1: a section's name is longer"));
}

static void indented_lines_are_lines(void **state)
{
	struct config config = { 0 };

	(void)state;
	write_file(ETC, "[guest]\n  weight = 7\n\tlow = 1G\n");
	assert_int_equal(load(&config), 0);
	assert_int_equal(config.guest.weight, 7);
	assert_int_equal(config.guest.limits.low, 1 << 18);
	config_free(&config);
}

static void drop_ins_override_in_the_order_of_their_names(void **state)
{
	struct config config = { 0 };

	(void)state;
	write_file(ETC, "[guest]\nweight = 1\n");
	write_file(VENDOR, "[guest]\nweight = 99\nlow = 1G\n");
	write_file("/etc/kvm-uvmem/uvmemd.conf.d/10-a.conf", "[guest]\nweight = 2\n");
	write_file("/usr/lib/kvm-uvmem/uvmemd.conf.d/20-b.conf", "[guest]\nweight = 3\n");
	write_file("/run/kvm-uvmem/uvmemd.conf.d/15-c.conf", "[guest]\nweight = 4\n");
	write_file("/etc/kvm-uvmem/uvmemd.conf.d/30-no", "[guest]\nweight = 5\n");
	write_file("/etc/kvm-uvmem/uvmemd.conf.d/.40.conf", "[guest]\nweight = 6\n");
	assert_int_equal(load(&config), 0);
	assert_int_equal(config.guest.weight, 3);
	/* /etc's main file hides the vendor's as a whole. */
	assert_int_equal(config.guest.limits.low, 0);

	/* /etc turns the vendor's off */
	write_file("/etc/kvm-uvmem/uvmemd.conf.d/20-b.conf", "");
	assert_int_equal(load(&config), 0);
	assert_int_equal(config.guest.weight, 4);
	config_free(&config);
}

static void wrong_drop_ins_are_named(void **state)
{
	struct config config = { 0 };

	(void)state;
	write_file("/run/kvm-uvmem/uvmemd.conf.d/15-c.conf", "[guest]\n\n\nweight = 4x\n");
	assert_int_equal(load(&config), -EINVAL);
	assert_non_null(strstr(complaints, "/run/kvm-uvmem/uvmemd.conf.d/15-c.conf:4: weight"));
}

static void guests_have_settings_of_their_own(void **state)
{
	static const struct config_assignment metadata[] = {
		{ .key = "weight", .value = "55" },
		{ .key = "low", .value = "2G" },
	};
	struct policy_settings settings;
	struct config config = { 0 };

	(void)state;
	write_file(ETC, "[guest]\nweight = 1\nhigh = 3G\n"
		   "[guest web]\nweight = 10\npolicy = static\n"
		   "[guest 01234567-89ab-cdef-0123-456789abcdef]\nweight = 20\n");
	assert_int_equal(load(&config), 0);
	config_guest(&config, "other", "", NULL, 0, &settings);
	assert_int_equal(settings.weight, 1);
	config_guest(&config, "web", "", NULL, 0, &settings);
	assert_int_equal(settings.weight, 10);
	assert_int_equal(settings.kind, POLICY_STATIC);
	assert_int_equal(settings.limits.high, 3 << 18);
	config_guest(&config, "web", "01234567-89AB-cdef-0123-456789abcdef", NULL, 0, &settings);
	assert_int_equal(settings.weight, 20);
	/* metadata is stronger than [guest], weaker than the guest's own section */
	config_guest(&config, "other", "", metadata, 2, &settings);
	assert_int_equal(settings.weight, 55);
	assert_int_equal(settings.limits.low, 2 << 18);
	config_guest(&config, "web", "", metadata, 2, &settings);
	assert_int_equal(settings.weight, 10);
	assert_int_equal(settings.limits.low, 2 << 18);
	config_free(&config);
}

/* Two sources that contradict each other still make limits in order. */
static void limits_of_guests_are_in_order(void **state)
{
	static const char *const keys[] = { "min", "low", "high", "max" };
	static const char *const values[] = { "1G", "2G", "3G", "4G" };
	struct config_assignment metadata[4];
	struct policy_settings settings;
	struct config config;
	unsigned int i, combination;

	(void)state;
	config_default(&config);
	for (combination = 0; combination < 256; combination++) {
		memset(metadata, 0, sizeof(metadata));
		for (i = 0; i < 4; i++) {
			strcpy(metadata[i].key, keys[i]);
			strcpy(metadata[i].value, values[combination >> 2 * i & 3]);
		}
		config_guest(&config, "", "", metadata, 4, &settings);
		assert_true(policy_limits_valid(&settings.limits));
	}
}

static void values_are_written_as_they_are_read(void **state)
{
	struct config config = { 0 }, again = { 0 };
	char text[4096] = "", buf[300];
	size_t i, n = 0;

	(void)state;
	config_default(&config);
	for (i = 0; i < config_nr_keys; i++) {
		config_value_text(&config, &config_keys[i], buf, sizeof(buf));
		n += snprintf(text + n, sizeof(text) - n, "[%s]\n%s = %s\n",
			      config_keys[i].section, config_keys[i].name, buf);
	}
	write_file(ETC, text);
	assert_int_equal(load(&again), 0);
	assert_memory_equal(&config, &again, sizeof(config));
	config_free(&again);
}

/* Random bytes, and right files with a byte changed: refused or read, no more. */
static void no_file_does_harm(void **state)
{
	static const char good[] = "[daemon]\ninterval = 500ms\n[pool]\nlimit=1.5G\n"
		"[guest web]\npolicy = static\nlow = 1G\n[guest]\nrefault = 0.2%\n";
	struct config config = { 0 };
	char text[sizeof(good)];
	uint32_t r = 1;
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		int err;

		memcpy(text, good, sizeof(good));
		for (k = 0; k < 1 + i % 8; k++) {
			r = r * 1103515245 + 12345;
			text[(r >> 8) % (sizeof(text) - 1)] = (char)(r >> 20 | 1);
		}
		write_file(ETC, text);
		err = load(&config);
		assert_true(err == 0 || (err == -EINVAL && complaints[0]));
	}
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_files_there_are_defaults, fresh),
		cmocka_unit_test_setup(values_arrive, fresh),
		cmocka_unit_test_setup(wrong_lines_are_named, fresh),
		cmocka_unit_test_setup(all_wrong_lines_are_named, fresh),
		cmocka_unit_test_setup(long_lines_are_refused, fresh),
		cmocka_unit_test_setup(indented_lines_are_lines, fresh),
		cmocka_unit_test_setup(drop_ins_override_in_the_order_of_their_names, fresh),
		cmocka_unit_test_setup(wrong_drop_ins_are_named, fresh),
		cmocka_unit_test_setup(guests_have_settings_of_their_own, fresh),
		cmocka_unit_test_setup(limits_of_guests_are_in_order, fresh),
		cmocka_unit_test_setup(values_are_written_as_they_are_read, fresh),
		cmocka_unit_test_setup(no_file_does_harm, fresh),
	};

	assert_non_null(mkdtemp(root));
	return cmocka_run_group_tests(tests, NULL, fresh);
}
