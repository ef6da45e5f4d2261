/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt.h - domains by name from libvirt, or from a file */
#ifndef UVMEM_CTL_LIBVIRT_H
#define UVMEM_CTL_LIBVIRT_H

#include "ctl.h"
#include "domain.h"

/**
 * libvirt_get_domain() - parse the XML of @name, of which the next start would be
 * @name: a file, or the name or UUID of a domain
 * @ret: the domain, to be freed by domain_free()
 * @ret_file: was it a file?
 *
 * Return: CTL_OK, or another exit code; ctl_error() was called then.
 */
int libvirt_get_domain(const struct ctl *ctl, const char *name, struct domain **ret,
		       bool *ret_file);

/* Define the domain of that XML anew. CTL_OK or another exit code, as above. */
int libvirt_define(const struct ctl *ctl, const char *xml);

#endif
