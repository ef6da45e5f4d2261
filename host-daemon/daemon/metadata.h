/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metadata.h - what libvirt's domains say of themselves
 */
#ifndef UVMEM_METADATA_H
#define UVMEM_METADATA_H

#include <libvirt/libvirt.h>

#include "config.h"

struct metadata;

/**
 * metadata_parse() - our element of a domain
 * @xml: <uvmem:secure low='1G' weight='300'/>
 * @uuid: of the domain
 * @ret: assignments are appended, @ret_nr of them so far
 * @why: what is wrong with an attribute, which is left out then; "" if none is
 *
 * Return: 0, -EBADMSG if it is no such element, -ENOMEM.
 */
int metadata_parse(const char *xml, const char *uuid, struct config_assignment **ret,
		   unsigned int *ret_nr, char *why, size_t room);

/* Of all domains that run: 0 or -EIO if the connection is gone. */
int metadata_collect(virConnectPtr connection, struct config_assignment **ret,
		     unsigned int *ret_nr);

/**
 * metadata_start() - follow it from a thread of its own: libvirt's calls block
 * @uri: of libvirt
 *
 * Return: 0 or a negative errno.
 */
int metadata_start(const char *uri, struct metadata **ret);

/* Readable when there is something new. */
int metadata_fd(const struct metadata *metadata);

/* What is new, for free(); false if there is nothing. */
bool metadata_take(struct metadata *metadata, struct config_assignment **ret,
		   unsigned int *ret_nr);

#endif
