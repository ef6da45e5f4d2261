// SPDX-License-Identifier: GPL-2.0-or-later
/* check_domain.c - uvmemctl check-domain: what would keep a domain from being secure? */
#include "findings.h"
#include "libvirt.h"

int cmd_check_domain(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_domain struct domain *dom = NULL;
	struct findings findings;
	bool is_file;
	int status;

	if (argc != 2) {
		ctl_error(ctl, argc < 2 ? "which domain?" : "one domain at a time");
		return CTL_USAGE;
	}
	status = libvirt_get_domain(ctl, argv[1], &dom, &is_file);
	if (!status)
		status = findings_begin(&findings, ctl, domain_name(dom));
	if (status)
		return status;
	domain_check(dom, findings_report, &findings);
	return findings_end(&findings);
}
