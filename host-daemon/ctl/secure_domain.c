// SPDX-License-Identifier: GPL-2.0-or-later
/* secure_domain.c - uvmemctl secure-domain: make a domain a secure one, or change its settings */
#include <getopt.h>
#include <string.h>

#include "libvirt.h"

static const struct option options[] = {
	{ "min", required_argument, NULL, 'a' },
	{ "low", required_argument, NULL, 'a' },
	{ "high", required_argument, NULL, 'a' },
	{ "max", required_argument, NULL, 'a' },
	{ "weight", required_argument, NULL, 'a' },
	{ "policy", required_argument, NULL, 'a' },
	{ }
};

static void report(void *opaque, const char *what, enum domain_result result, const char *why)
{
	const struct ctl *ctl = opaque;

	if (result == DOMAIN_FAIL)
		ctl_error(ctl, "left to do: %s: %s", what, why);
}

/* Change, and see what comes of it; settings that are not valid change nothing. */
static int make_secure(struct ctl *ctl, struct domain *dom, bool is_file,
		       const struct domain_attribute *attributes, size_t nr)
{
	cleanup_domain struct domain *changed = NULL;
	struct domain_settings settings;
	cleanup_free char *xml = NULL;
	char why[256];
	int status = CTL_OK;

	if (domain_make_secure(dom, attributes, nr, &xml) ||
	    domain_parse(xml, strlen(xml), &changed)) {
		ctl_error(ctl, "out of memory");
		return CTL_FAILED;
	}
	if (domain_settings_get(changed, &settings, why, sizeof(why))) {
		ctl_error(ctl, "%s", why);
		return CTL_FAILED;
	}
	if (is_file)
		fputs(xml, stdout);
	else
		status = libvirt_define(ctl, xml);
	domain_check(changed, report, ctl);
	return status;
}

int cmd_secure_domain(struct ctl *ctl, int argc, char *argv[])
{
	struct domain_attribute attributes[ARRAY_LEN(options)];
	cleanup_domain struct domain *dom = NULL;
	size_t nr = 0;
	bool is_file;
	int opt, which, status;

	while ((opt = getopt_long(argc, argv, "", options, &which)) != -1) {
		if (opt != 'a')
			return CTL_USAGE;
		if (nr == ARRAY_LEN(attributes)) {
			ctl_error(ctl, "too many settings");
			return CTL_USAGE;
		}
		attributes[nr++] = (struct domain_attribute){ options[which].name, optarg };
	}
	if (optind != argc - 1) {
		ctl_error(ctl, optind == argc ? "which domain?" : "one domain at a time");
		return CTL_USAGE;
	}
	status = libvirt_get_domain(ctl, argv[optind], &dom, &is_file);
	return status ? status : make_secure(ctl, dom, is_file, attributes, nr);
}
