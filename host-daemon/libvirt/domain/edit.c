// SPDX-License-Identifier: GPL-2.0-or-later
/* edit.c - make a domain's XML that of a secure domain */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "xml.h"

#define X(text)	((const xmlChar *)(text))

/* The steps go on after a failure; it is looked at once, at the end. */
struct edit {
	struct domain *dom;
	bool failed;
};

static xmlNodePtr child_of(struct edit *e, xmlNodePtr parent, const char *name)
{
	xmlNodePtr node = xml_child(parent, name, NULL);

	if (!node && parent)
		node = xmlNewChild(parent, NULL, X(name), NULL);
	e->failed |= !node;
	return node;
}

static void set(struct edit *e, xmlNodePtr node, const char *name, const char *value)
{
	e->failed |= !node || !xmlSetProp(node, X(name), X(value));
}

static void set_text(struct edit *e, xmlNodePtr parent, const char *name, const char *text)
{
	xmlNodePtr node = child_of(e, parent, name);

	if (node)
		xmlNodeSetContent(node, X(text));
}

static xmlNodePtr our_element(struct edit *e)
{
	xmlNodePtr node = xml_our_element(e->dom), metadata;
	xmlNsPtr ns;

	if (node)
		return node;
	metadata = child_of(e, e->dom->root, "metadata");
	node = metadata ? xmlNewChild(metadata, NULL, X("secure"), NULL) : NULL;
	ns = node ? xmlNewNs(node, X(DOMAIN_NAMESPACE), X("uvmem")) : NULL;
	e->failed |= !ns;
	if (ns)
		xmlSetNs(node, ns);
	return node;
}

static void bounce(void *opaque, xmlNodePtr device, const char *id)
{
	struct edit *e = opaque;

	(void)id;
	set(e, child_of(e, device, "driver"), "iommu", "on");
}

/* libvirt makes one where none is named. What belongs to the old model goes. */
static void no_balloon(struct edit *e, xmlNodePtr devices)
{
	xmlNodePtr balloon = child_of(e, devices, "memballoon"), node;

	while ((node = xml_child(balloon, NULL, NULL))) {
		xmlUnlinkNode(node);
		xmlFreeNode(node);
	}
	if (balloon)
		xmlUnsetProp(balloon, X("autodeflate"));
	set(e, balloon, "model", "none");
}

static int dump(const struct domain *dom, char **ret)
{
	xmlChar *text = NULL;
	int size;

	xmlDocDumpFormatMemory(dom->doc, &text, &size, 1);
	if (!text)
		return -ENOMEM;
	*ret = strdup((const char *)text);
	xmlFree(text);
	return *ret ? 0 : -ENOMEM;
}

int domain_make_secure(struct domain *dom, const struct domain_attribute *attributes, size_t nr,
		       char **ret_xml)
{
	struct edit e = { .dom = dom };
	xmlNodePtr element = our_element(&e), devices = child_of(&e, dom->root, "devices");
	size_t i;

	for (i = 0; i < nr; i++)
		set(&e, element, attributes[i].name, attributes[i].value);
	set_text(&e, devices, "emulator", DOMAIN_EMULATOR);
	xml_each_virtio(dom, bounce, &e);
	no_balloon(&e, devices);
	return e.failed ? -ENOMEM : dump(dom, ret_xml);
}
