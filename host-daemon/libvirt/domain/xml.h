/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xml.h - the few questions that domain.c and check.c ask of an XML tree */
#ifndef UVMEM_XML_H
#define UVMEM_XML_H

#include <stdbool.h>
#include <libxml/tree.h>

struct domain {
	xmlDocPtr doc;
	xmlNodePtr root;
	char *name, *uuid, *emulator;
};

/* The next child element of that name after @after, or the first; NULL name: of any. */
xmlNodePtr xml_child(xmlNodePtr parent, const char *name, xmlNodePtr after);

/* By a path of names, "devices/emulator"; NULL if there is none. */
xmlNodePtr xml_find(xmlNodePtr from, const char *path);

/* An attribute, "" if it is missing. The string is the tree's. */
const char *xml_attr(xmlNodePtr node, const char *name);

/* The text in an element, "" if there is none. The string is the tree's. */
const char *xml_text(xmlNodePtr node);

/* Is the attribute there and just that? */
bool xml_attr_is(xmlNodePtr node, const char *name, const char *value);

bool xml_is(xmlNodePtr node, const char *name);

/* Our element in the domain's metadata, whatever its name, or NULL. */
xmlNodePtr xml_our_element(const struct domain *dom);

/* Calls @fn for each virtio device; @id tells it from others of its kind, or is "". */
typedef void xml_virtio_fn(void *opaque, xmlNodePtr device, const char *id);
void xml_each_virtio(const struct domain *dom, xml_virtio_fn *fn, void *opaque);

#endif
