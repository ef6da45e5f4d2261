// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Settings from domains' metadata: libvirt's own test driver has the domain
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "unit.h"
#include "metadata.h"

#define UUID	"6695eb01-f6a4-8304-79aa-97f2502e193f"
#define URI	"https://kvm-uvmem.org/xmlns/domain/1"
#define OPEN	"<uvmem:secure xmlns:uvmem='" URI "' "

static struct config_assignment *list;
static unsigned int nr;
static char why[128];

static int setup(void **state)
{
	(void)state;
	free(list);
	list = NULL;
	nr = 0;
	return 0;
}

static void attributes_become_settings(void **state)
{
	struct policy_settings settings;
	struct config config;

	(void)state;
	assert_int_equal(metadata_parse(OPEN "min='256M' low='512MiB' high='1G' max='max' "
					"weight='300' policy='proactive'/>", UUID, &list, &nr, why,
					sizeof(why)), 0);
	assert_string_equal(why, "");
	assert_int_equal(nr, 6);
	assert_string_equal(list[0].guest, UUID);
	config_default(&config);
	config_guest(&config, "any", UUID, list, nr, &settings);
	assert_int_equal(settings.limits.min, 256 << 8);
	assert_int_equal(settings.limits.low, 512 << 8);
	assert_int_equal(settings.limits.high, 1 << 18);
	assert_true(settings.limits.max == POLICY_NO_LIMIT);
	assert_int_equal(settings.weight, 300);
	assert_int_equal(settings.kind, POLICY_PROACTIVE);
}

/* What check-domain accepts: a size with a blank before its unit, the daemon's own policy. */
static void check_domains_words_are_understood(void **state)
{
	struct policy_settings settings;
	struct config config;

	(void)state;
	assert_int_equal(metadata_parse(OPEN "max='1024 MiB' low='1048576' policy='default'/>", UUID,
					&list, &nr, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	assert_int_equal(nr, 2);
	config_default(&config);
	config_guest(&config, "any", UUID, list, nr, &settings);
	assert_int_equal(settings.limits.max, 1024 << 8);
	assert_int_equal(settings.limits.low, 1 << 8);
	assert_int_equal(settings.kind, config.guest.kind);
}

static void wrong_attributes_are_left_out(void **state)
{
	(void)state;
	assert_int_equal(metadata_parse(OPEN "weight='0' low='1G' color='red'/>", UUID, &list, &nr,
					why, sizeof(why)), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(list[0].key, "low");
	assert_string_not_equal(why, "");
}

static void what_is_not_ours_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "<", "<other/>", "text",
		"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x low='&e;'/>",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(metadata_parse(bad[i], UUID, &list, &nr, why, sizeof(why)), -EBADMSG);
	assert_int_equal(nr, 0);
}

static void set(virConnectPtr connection, const char *xml)
{
	virDomainPtr domain = virDomainLookupByName(connection, "test");

	assert_non_null(domain);
	assert_int_equal(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, "uvmem", URI,
					      VIR_DOMAIN_AFFECT_LIVE), 0);
	virDomainFree(domain);
}

static void domains_are_asked(void **state)
{
	virConnectPtr connection = virConnectOpen("test:///default");

	(void)state;
	assert_non_null(connection);
	assert_int_equal(metadata_collect(connection, &list, &nr), 0);
	assert_int_equal(nr, 0);
	set(connection, "<secure weight='700'/>");
	assert_int_equal(metadata_collect(connection, &list, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(list[0].guest, UUID);
	assert_string_equal(list[0].value, "700");
	set(connection, NULL);
	virConnectClose(connection);
}

static bool wait_and_take(struct metadata *metadata)
{
	struct pollfd pfd = { .fd = metadata_fd(metadata), .events = POLLIN };

	free(list);
	list = NULL;
	return poll(&pfd, 1, 20000) == 1 && metadata_take(metadata, &list, &nr);
}

/* The test driver's domains are of the process: the thread sees what is set here. */
static void changes_are_picked_up(void **state)
{
	virConnectPtr connection = virConnectOpen("test:///default");
	struct metadata *metadata;

	(void)state;
	assert_non_null(connection);
	set(connection, "<secure weight='5'/>");
	assert_int_equal(metadata_start("test:///default", &metadata), 0);
	assert_true(wait_and_take(metadata));
	assert_int_equal(nr, 1);
	assert_string_equal(list[0].value, "5");
	set(connection, "<secure weight='6'/>");
	assert_true(wait_and_take(metadata));
	assert_string_equal(list[0].value, "6");
	set(connection, NULL);
	assert_true(wait_and_take(metadata));
	assert_int_equal(nr, 0);
	virConnectClose(connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(attributes_become_settings, setup),
		cmocka_unit_test_setup(check_domains_words_are_understood, setup),
		cmocka_unit_test_setup(wrong_attributes_are_left_out, setup),
		cmocka_unit_test_setup(what_is_not_ours_is_refused, setup),
		cmocka_unit_test_setup(domains_are_asked, setup),
		cmocka_unit_test_setup(changes_are_picked_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, setup);
}
