// SPDX-License-Identifier: GPL-2.0-or-later
/* domain.c - read libvirt's domain XML, and our element in it */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <libxml/parser.h>

#include "cleanup.h"
#include "domain.h"
#include "xml.h"

bool xml_is(xmlNodePtr node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

xmlNodePtr xml_child(xmlNodePtr parent, const char *name, xmlNodePtr after)
{
	xmlNodePtr node;

	if (!parent)
		return NULL;
	for (node = after ? after->next : parent->children; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && (!name || xml_is(node, name)))
			return node;
	return NULL;
}

xmlNodePtr xml_find(xmlNodePtr from, const char *path)
{
	char name[64];

	while (from && *path) {
		size_t len = strcspn(path, "/");

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		from = xml_child(from, name, NULL);
		path += len + (path[len] == '/');
	}
	return from;
}

/* Text of an attribute or element as long as it is in one piece, as without entities it is. */
static const char *text_of(xmlNodePtr child)
{
	return child && child->type == XML_TEXT_NODE && child->content ?
	       (const char *)child->content : "";
}

const char *xml_attr(xmlNodePtr node, const char *name)
{
	xmlAttrPtr attr = node ? xmlHasProp(node, (const xmlChar *)name) : NULL;

	return attr ? text_of(attr->children) : "";
}

bool xml_attr_is(xmlNodePtr node, const char *name, const char *value)
{
	return !strcmp(xml_attr(node, name), value);
}

const char *xml_text(xmlNodePtr node)
{
	return node ? text_of(node->children) : "";
}

/* Element content as the author may have indented it. */
static char *trimmed(const char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	return strndup(text, len);
}

static void quiet_errors(void *ctx, const char *format, ...)
{
	(void)ctx;
	(void)format;
}

int domain_parse(const char *xml, size_t len, struct domain **ret)
{
	cleanup_domain struct domain *dom = calloc(1, sizeof(*dom));

	if (!dom)
		return -ENOMEM;
	if (len > INT_MAX)
		return -EBADMSG;
	xmlSetGenericErrorFunc(NULL, quiet_errors);
	/* No network, no entities: a file may come from anywhere. */
	dom->doc = xmlReadMemory(xml, (int)len, "domain.xml", NULL,
				 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				 XML_PARSE_NOCDATA);
	if (!dom->doc)
		return -EBADMSG;
	dom->root = xmlDocGetRootElement(dom->doc);
	/* Status XML and the like have the domain one level down. */
	if (dom->root && !xml_is(dom->root, "domain"))
		dom->root = xml_child(dom->root, "domain", NULL);
	if (!dom->root)
		return -EBADMSG;

	dom->name = trimmed(xml_text(xml_find(dom->root, "name")));
	dom->uuid = trimmed(xml_text(xml_find(dom->root, "uuid")));
	dom->emulator = trimmed(xml_text(xml_find(dom->root, "devices/emulator")));
	if (!dom->name || !dom->uuid || !dom->emulator)
		return -ENOMEM;
	if (!*dom->name)
		return -EBADMSG;
	*ret = dom;
	dom = NULL;
	return 0;
}

void domain_free(struct domain *dom)
{
	if (!dom)
		return;
	if (dom->doc)
		xmlFreeDoc(dom->doc);
	free(dom->name);
	free(dom->uuid);
	free(dom->emulator);
	free(dom);
}

const char *domain_name(const struct domain *dom)
{
	return dom->name;
}

const char *domain_uuid(const struct domain *dom)
{
	return dom->uuid;
}

bool domain_has_emulator(const struct domain *dom)
{
	return !strcmp(dom->emulator, DOMAIN_EMULATOR);
}

/* Any element of our namespace, so that a misspelled one is no plain guest. */
xmlNodePtr xml_our_element(const struct domain *dom)
{
	xmlNodePtr metadata = xml_find(dom->root, "metadata"), node;

	for (node = xml_child(metadata, NULL, NULL); node; node = xml_child(metadata, NULL, node))
		if (node->ns && !strcmp((const char *)node->ns->href, DOMAIN_NAMESPACE))
			return node;
	return NULL;
}

bool domain_is_secure(const struct domain *dom)
{
	return xml_our_element(dom);
}

/* "1073741824", "1G", "1GiB", "1024 MiB", "max" */
static int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (!strcmp(text, "max")) {
		*ret = DOMAIN_NO_LIMIT;
		return 0;
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	end += *end == ' ';
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || (end[1] && strcmp(end + 1, "iB")))
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (shift && value >> (64 - shift))
		return -EINVAL;
	*ret = value << shift;
	return 0;
}

static int parse_weight(const char *text, unsigned int *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > 10000)
		return -EINVAL;
	*ret = (unsigned int)value;
	return 0;
}

static int parse_policy(const char *text, enum domain_policy *ret)
{
	static const char *const names[] = { "default", "static", "watermark", "proactive" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(text, names[i])) {
			*ret = (enum domain_policy)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_attribute(struct domain_settings *s, const char *name, const char *value)
{
	if (!strcmp(name, "min"))
		return parse_size(value, &s->min);
	if (!strcmp(name, "low"))
		return parse_size(value, &s->low);
	if (!strcmp(name, "high"))
		return parse_size(value, &s->high);
	if (!strcmp(name, "max"))
		return parse_size(value, &s->max);
	if (!strcmp(name, "weight"))
		return parse_weight(value, &s->weight);
	if (!strcmp(name, "policy"))
		return parse_policy(value, &s->policy);
	/* A setting that is not followed must not look as if it were. */
	return -ENOENT;
}

int domain_settings_get(const struct domain *dom, struct domain_settings *ret, char *why,
			size_t room)
{
	struct domain_settings s = {
		.high = DOMAIN_NO_LIMIT, .max = DOMAIN_NO_LIMIT, .weight = 100,
	};
	xmlNodePtr node = xml_our_element(dom);
	xmlAttrPtr attr;
	int err;

	if (!node) {
		snprintf(why, room, "there is no <secure xmlns='%s'/> in its <metadata>",
			 DOMAIN_NAMESPACE);
		return -ENOENT;
	}
	if (!xml_is(node, "secure")) {
		snprintf(why, room, "<%s> is no element of namespace %s; <secure> is",
			 (const char *)node->name, DOMAIN_NAMESPACE);
		return -EINVAL;
	}
	for (attr = node->properties; attr; attr = attr->next) {
		err = parse_attribute(&s, (const char *)attr->name, text_of(attr->children));
		if (!err)
			continue;
		if (err == -ENOENT)
			snprintf(why, room, "<secure> has no attribute %s",
				 (const char *)attr->name);
		else
			snprintf(why, room, "<secure %s='%s'> is not valid",
				 (const char *)attr->name, text_of(attr->children));
		return -EINVAL;
	}
	if (s.max < 4096) {
		snprintf(why, room, "<secure max> is less than a page");
		return -EINVAL;
	}
	if (s.min > s.max || s.low > s.max || (s.high > s.max && s.high != DOMAIN_NO_LIMIT)) {
		snprintf(why, room, "<secure>: min, low and high must not be above max");
		return -EINVAL;
	}
	if (s.min == DOMAIN_NO_LIMIT) {
		snprintf(why, room, "<secure min> must be a size");
		return -EINVAL;
	}
	*ret = s;
	return 0;
}
