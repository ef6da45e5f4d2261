// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio.c - which devices of a domain are virtio */
#include <string.h>

#include "domain.h"
#include "xml.h"

/* Where a device says what it is, and what it must be for virtio to be behind it. */
static const struct virtio_rule {
	const char *element;
	const char *path;	/* of the element with the attribute; "" the device itself */
	const char *attribute;
	const char *prefix;	/* of its value; "" any */
	const char *id_path, *id_attribute;	/* to tell one from another */
} rules[] = {
	{ "disk", "target", "bus", "virtio", "target", "dev" },
	{ "interface", "model", "type", "virtio", "target", "dev" },
	{ "controller", "", "model", "virtio", "", "type" },
	{ "controller", "", "type", "virtio-serial", "", "type" },
	{ "filesystem", "", "type", "", "target", "dir" },
	{ "rng", "", "model", "virtio", "", "model" },
	{ "input", "", "bus", "virtio", "", "type" },
	{ "video", "model", "type", "virtio", "model", "type" },
	{ "vsock", "", "model", "virtio", "", "model" },
	{ "crypto", "", "model", "virtio", "", "model" },
};

static xmlNodePtr rule_node(xmlNodePtr device, const char *path)
{
	return *path ? xml_find(device, path) : device;
}

static bool matches(const struct virtio_rule *rule, xmlNodePtr device)
{
	xmlNodePtr node = rule_node(device, rule->path);

	return xml_is(device, rule->element) && node &&
	       !strncmp(xml_attr(node, rule->attribute), rule->prefix, strlen(rule->prefix));
}

void xml_each_virtio(const struct domain *dom, xml_virtio_fn *fn, void *opaque)
{
	xmlNodePtr devices = xml_find(dom->root, "devices"), device;
	size_t i;

	for (device = xml_child(devices, NULL, NULL); device;
	     device = xml_child(devices, NULL, device)) {
		for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			const struct virtio_rule *rule = &rules[i];

			if (!matches(rule, device))
				continue;
			fn(opaque, device, xml_attr(rule_node(device, rule->id_path),
						    rule->id_attribute));
			break;
		}
	}
}
