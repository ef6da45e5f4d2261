// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * metadata.c - settings of guests from libvirt's domains, picked up while they run
 *
 * Theory of operation
 *	A thread asks libvirt every few seconds which domains run and what their
 *	<metadata> says of us. What differs from last time is left for the loop, which an
 *	eventfd wakes. When libvirtd goes away what was known stays, and the thread
 *	connects again. The connection is read-only.
 *
 * "virsh metadata DOMAIN https://kvm-uvmem.org/xmlns/domain/1 --live --edit" changes it.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <time.h>

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "cleanup.h"
#include "daemon.h"
#include "metadata.h"

#define NAMESPACE	"https://kvm-uvmem.org/xmlns/domain/1"
#define POLL_SECONDS	5
#define MAX_METADATA	10000

struct metadata {
	char uri[256];
	pthread_t thread;
	int fd;
	pthread_mutex_t lock;
	struct config_assignment *new;	/* protected by lock, as what follows */
	unsigned int nr_new;
	bool is_new;
};

/* libvirt's sizes: "256MiB" and "256M" are the same, "max" is no limit. */
static void to_our_words(const char *value, char ret[CONFIG_TEXT])
{
	size_t n = strlen(value);

	if (!strcmp(value, "max")) {
		strcpy(ret, "none");
		return;
	}
	if (n > 3 && !strcmp(value + n - 2, "iB"))
		n -= 2;
	if (n >= CONFIG_TEXT)
		n = CONFIG_TEXT - 1;
	memcpy(ret, value, n);
	ret[n] = '\0';
}

static int append(const char *uuid, const char *key, const char *value,
		  struct config_assignment **ret, unsigned int *ret_nr, char *why, size_t room)
{
	char our_value[CONFIG_TEXT], where[CONFIG_TEXT];

	/* The word that host-daemon/libvirt/domain has for the daemon's own. */
	if (!strcmp(key, "policy") && !strcmp(value, "default"))
		return 0;
	to_our_words(value, our_value);
	if (config_check_guest_value(key, our_value, why, room))
		return 0;
	if (*ret_nr == MAX_METADATA)
		return 0;
	snprintf(where, sizeof(where), "domain %s", uuid);
	return config_assign(ret, ret_nr, uuid, key, our_value, where);
}

int metadata_parse(const char *xml, const char *uuid, struct config_assignment **ret,
		   unsigned int *ret_nr, char *why, size_t room)
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), "metadata", NULL,
				      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlAttrPtr attribute;
	int err = 0;

	why[0] = '\0';
	/* libvirt gives the element without its prefix, or with it. */
	if (!root || strcmp((const char *)root->name, "secure")) {
		xmlFreeDoc(doc);
		return -EBADMSG;
	}
	for (attribute = root->properties; !err && attribute; attribute = attribute->next) {
		xmlChar *value = xmlNodeListGetString(doc, attribute->children, 1);

		if (value)
			err = append(uuid, (const char *)attribute->name, (const char *)value, ret,
				     ret_nr, why, room);
		xmlFree(value);
	}
	xmlFreeDoc(doc);
	return err;
}

static int collect_one(virDomainPtr domain, struct config_assignment **ret, unsigned int *ret_nr)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "", why[128], *xml;
	int err;

	if (virDomainGetUUIDString(domain, uuid))
		return 0;
	xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, 0);
	if (!xml)
		return 0;
	err = metadata_parse(xml, uuid, ret, ret_nr, why, sizeof(why));
	free(xml);
	if (err == -EBADMSG)
		return 0;
	if (*why)
		log_line(LOG_WARNING, "Metadata of domain %s: %s", uuid, why);
	return err;
}

int metadata_collect(virConnectPtr connection, struct config_assignment **ret,
		     unsigned int *ret_nr)
{
	virDomainPtr *domains = NULL;
	int nr, i, err = 0;

	*ret = NULL;
	*ret_nr = 0;
	nr = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (nr < 0)
		return -EIO;
	for (i = 0; i < nr; i++) {
		if (!err)
			err = collect_one(domains[i], ret, ret_nr);
		virDomainFree(domains[i]);
	}
	free(domains);
	if (err) {
		free(*ret);
		*ret = NULL;
		*ret_nr = 0;
	}
	return err;
}

/* ---- the thread ---------------------------------------------------------------- */

static void give(struct metadata *m, const struct config_assignment *list, unsigned int nr)
{
	struct config_assignment *copy = calloc(nr + 1, sizeof(*copy));
	const uint64_t one = 1;

	if (!copy)
		return;
	if (nr)
		memcpy(copy, list, nr * sizeof(*copy));
	pthread_mutex_lock(&m->lock);
	free(m->new);
	m->new = copy;
	m->nr_new = nr;
	m->is_new = true;
	pthread_mutex_unlock(&m->lock);
	if (write(m->fd, &one, sizeof(one)) < 0)
		return;
}

static void be_quiet(void *user, virErrorPtr error)
{
	(void)user, (void)error;
}

static void *follow(void *user)
{
	struct config_assignment *last = NULL;
	virConnectPtr connection = NULL;
	struct metadata *m = user;
	unsigned int nr_last = 0;

	virSetErrorFunc(NULL, be_quiet);
	for (;; nanosleep(&(struct timespec){ .tv_sec = POLL_SECONDS }, NULL)) {
		struct config_assignment *list;
		unsigned int nr;

		if (!connection)
			connection = virConnectOpenReadOnly(m->uri);
		if (!connection)
			continue;
		if (metadata_collect(connection, &list, &nr)) {
			virConnectClose(connection);
			connection = NULL;
			continue;
		}
		if (nr != nr_last || (nr && memcmp(list, last, nr * sizeof(*list))))
			give(m, list, nr);
		free(last);
		last = list;
		nr_last = nr;
	}
	return NULL;
}

int metadata_start(const char *uri, struct metadata **ret)
{
	struct metadata *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	snprintf(m->uri, sizeof(m->uri), "%s", uri);
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = m->fd < 0 ? errno : pthread_mutex_init(&m->lock, NULL);
	if (!err)
		err = pthread_create(&m->thread, NULL, follow, m);
	if (err) {
		if (m->fd >= 0)
			close(m->fd);
		free(m);
		return -err;
	}
	pthread_detach(m->thread);
	*ret = m;
	return 0;
}

int metadata_fd(const struct metadata *metadata)
{
	return metadata->fd;
}

bool metadata_take(struct metadata *metadata, struct config_assignment **ret,
		   unsigned int *ret_nr)
{
	uint64_t times;
	bool is_new;

	if (read(metadata->fd, &times, sizeof(times)) < 0)
		return false;
	pthread_mutex_lock(&metadata->lock);
	is_new = metadata->is_new;
	*ret = metadata->new;
	*ret_nr = metadata->nr_new;
	metadata->new = NULL;
	metadata->is_new = false;
	pthread_mutex_unlock(&metadata->lock);
	return is_new;
}
