// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt.c - domains by name from libvirt, or from a file */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "libvirt.h"

#define MAX_XML	(16U << 20)

static void no_output(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static int read_file(const struct ctl *ctl, const char *path, char **ret)
{
	cleanup_file FILE *f = fopen(path, "re");
	cleanup_free char *xml = malloc(MAX_XML);
	size_t len;

	if (!xml) {
		ctl_error(ctl, "out of memory");
		return CTL_FAILED;
	}
	if (!f) {
		ctl_error(ctl, "%s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
	len = fread(xml, 1, MAX_XML - 1, f);
	if (ferror(f) || len == MAX_XML - 1) {
		ctl_error(ctl, "%s: %s", path, ferror(f) ? strerror(errno) : "it is too large");
		return CTL_FAILED;
	}
	xml[len] = '\0';
	*ret = xml;
	xml = NULL;
	return CTL_OK;
}

/* The XML of the next start: of a domain that runs, too. */
static int ask_libvirt(const struct ctl *ctl, const char *name, char **ret)
{
	virDomainPtr dom = NULL;
	virConnectPtr conn;
	int status = CTL_OK;

	virSetErrorFunc(NULL, no_output);
	conn = virConnectOpenReadOnly("qemu:///system");
	if (!conn) {
		ctl_error(ctl, "libvirt: %s", virGetLastErrorMessage());
		return CTL_UNAVAILABLE;
	}
	dom = virDomainLookupByName(conn, name);
	if (!dom)
		dom = virDomainLookupByUUIDString(conn, name);
	if (!dom) {
		ctl_error(ctl, "there is no domain '%s', nor a file of that name", name);
		status = CTL_NO_GUEST;
	} else {
		*ret = virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE);
		/* A transient domain has no other than that it runs with. */
		if (!*ret)
			*ret = virDomainGetXMLDesc(dom, 0);
		if (!*ret) {
			ctl_error(ctl, "%s: %s", name, virGetLastErrorMessage());
			status = CTL_FAILED;
		}
		virDomainFree(dom);
	}
	virConnectClose(conn);
	return status;
}

int libvirt_get_domain(const struct ctl *ctl, const char *name, struct domain **ret,
		       bool *ret_file)
{
	cleanup_free char *xml = NULL;
	struct stat st;
	int status;

	/* As virsh does it where both are possible: what is there as a file is one. */
	*ret_file = !stat(name, &st) && S_ISREG(st.st_mode);
	status = *ret_file ? read_file(ctl, name, &xml) : ask_libvirt(ctl, name, &xml);
	if (!status && domain_parse(xml, strlen(xml), ret)) {
		ctl_error(ctl, "%s: this is no domain XML", name);
		status = CTL_FAILED;
	}
	return status;
}

int libvirt_define(const struct ctl *ctl, const char *xml)
{
	int status = CTL_OK;
	virConnectPtr conn;
	virDomainPtr dom;

	virSetErrorFunc(NULL, no_output);
	conn = virConnectOpen("qemu:///system");
	if (!conn) {
		ctl_error(ctl, "libvirt: %s", virGetLastErrorMessage());
		return CTL_UNAVAILABLE;
	}
	dom = virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
	if (dom) {
		virDomainFree(dom);
	} else {
		ctl_error(ctl, "%s", virGetLastErrorMessage());
		status = CTL_FAILED;
	}
	virConnectClose(conn);
	return status;
}
