/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain.h - libvirt's domain XML as far as it concerns secure guests
 *
 * A domain is to be secure if its <metadata> has our element:
 *
 *	<uvmem:secure xmlns:uvmem='https://kvm-uvmem.org/xmlns/domain/1'
 *	              min='256M' low='512M' high='1G' max='2G' weight='100'
 *	              policy='watermark'/>
 *
 * All attributes may be missing. Sizes are bytes or have a unit (K, KiB, M, ... T), "max" is
 * no limit. Vocabulary and defaults are cgroup v2's.
 */
#ifndef UVMEM_DOMAIN_H
#define UVMEM_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_NAMESPACE	"https://kvm-uvmem.org/xmlns/domain/1"
#define DOMAIN_EMULATOR		"/usr/bin/qemu-system-x86_64-uvmem"
#define DOMAIN_NO_LIMIT		UINT64_MAX

enum domain_policy {
	DOMAIN_POLICY_DEFAULT,		/* the daemon's */
	DOMAIN_POLICY_STATIC,
	DOMAIN_POLICY_WATERMARK,
	DOMAIN_POLICY_PROACTIVE,
};

/**
 * struct domain_settings - the attributes, sizes in bytes
 * @min: guaranteed secure memory (0)
 * @low: taken from last (0)
 * @high: squeezed above it (no limit)
 * @max: never more than this (no limit)
 * @weight: against other guests, 1 to 10000 (100)
 * @policy: how its pages are chosen
 */
struct domain_settings {
	uint64_t min, low, high, max;
	unsigned int weight;
	enum domain_policy policy;
};

struct domain;

/**
 * domain_parse() - read a domain's XML
 * @xml: @len bytes of it
 * @ret: the domain, to be freed by domain_free()
 *
 * Return: 0; -EBADMSG if it is no domain XML; -ENOMEM.
 */
int domain_parse(const char *xml, size_t len, struct domain **ret);
void domain_free(struct domain *dom);

const char *domain_name(const struct domain *dom);
const char *domain_uuid(const struct domain *dom);	/* "" if it has none yet */

/* Has it our element? Is its emulator ours? */
bool domain_is_secure(const struct domain *dom);
bool domain_has_emulator(const struct domain *dom);

/**
 * domain_settings_get() - what our element says
 * @ret: filled in, with defaults where nothing is said
 * @why: a sentence if it is wrong, @room bytes
 *
 * Return: 0; -ENOENT if there is no such element; -EINVAL if it is wrong.
 */
int domain_settings_get(const struct domain *dom, struct domain_settings *ret, char *why,
			size_t room);

enum domain_result {
	DOMAIN_PASS,
	DOMAIN_WARN,	/* it will run, but */
	DOMAIN_FAIL,	/* it will not start, or not be secure */
};

/* @what is checked; @why is NULL for DOMAIN_PASS, else what is wrong and how to mend it. */
typedef void domain_report_fn(void *opaque, const char *what, enum domain_result result,
			      const char *why);

/* Check all that could keep @dom from being secure, in the order of its XML. */
void domain_check(const struct domain *dom, domain_report_fn *report, void *opaque);

/* An attribute of our element, as it is written. */
struct domain_attribute {
	const char *name, *value;
};

/**
 * domain_make_secure() - change the XML so that the domain is secure
 * @attributes: of our element, @nr of them, set or replaced
 * @ret_xml: all of it, to be freed by free()
 *
 * What can be changed without changing what the guest finds is; the rest is for
 * domain_check() to name. Return: 0 or -ENOMEM.
 */
int domain_make_secure(struct domain *dom, const struct domain_attribute *attributes, size_t nr,
		       char **ret_xml);

static inline void domain_freep(struct domain **dom)
{
	domain_free(*dom);
}

#define cleanup_domain	__attribute__((cleanup(domain_freep)))

#endif
