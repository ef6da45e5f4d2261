// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hook - libvirt asks whether a domain may start
 *
 *	/etc/libvirt/hooks/qemu.d/kvm-uvmem NAME OPERATION SUB-OPERATION EXTRA <XML
 *
 * Run by libvirt as root (https://libvirt.org/hooks.html); must not ask libvirt
 * anything. Concerns itself with domains that have our <metadata> or our emulator, and
 * refuses to start them
 *
 * - if they have one without the other: nobody gets a plain guest who asked for a
 *   secure one;
 * - if anything is there that domain_check() fails, if the module is not, or if
 *   what is guaranteed to guests exceeds the host's secure memory.
 *
 * What else it has to do is to hand the settings to the emulator (handover.h). What it
 * says on stderr becomes a part of libvirt's error message.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "domain.h"
#include "handover.h"
#include "kernel.h"

#define WHO	"kvm-uvmem"
#define MAX_XML	(16U << 20)

static void refuse_finding(void *opaque, const char *what, enum domain_result result,
			   const char *why)
{
	bool *refused = opaque;

	if (result != DOMAIN_FAIL)
		return;
	fprintf(stderr, WHO ": %s: %s\n", what, why);
	*refused = true;
}

/* 0, or -EPERM and a sentence on stderr. */
static int check_host(const struct domain *dom, const struct domain_settings *settings)
{
	struct uvmem_pool pool;
	struct kernel *kernel;
	uint64_t others, limit, sum;
	unsigned int nr;
	int err;

	err = kernel_open(&kernel);
	if (err) {
		fprintf(stderr, WHO ": " UVMEM_DEVICE_PATH ": %s\n", kernel_open_error(err));
		return -EPERM;
	}
	err = kernel->ops->pool(kernel, &pool);
	kernel->ops->close(kernel);
	if (!err)
		err = handover_guaranteed(domain_uuid(dom), &others, &nr);
	if (err) {
		fprintf(stderr, WHO ": cannot tell what is left of secure memory: %s\n",
			strerror(-err));
		return -EPERM;
	}
	limit = pool.frames_limit * 4096;
	if (__builtin_add_overflow(others, settings->min, &sum) || sum > limit) {
		fprintf(stderr, WHO ": %" PRIu64 " MiB of secure memory are to be guaranteed (min), but of the host's %" PRIu64 " MiB, %" PRIu64 " MiB are guaranteed to %u other guests\n",
			settings->min >> 20, limit >> 20, others >> 20, nr);
		return -EPERM;
	}
	return 0;
}

static int prepare(const struct domain *dom)
{
	struct domain_settings settings;
	struct handover handover;
	bool refused = false;
	char why[256];
	int err;

	domain_check(dom, refuse_finding, &refused);
	if (refused || domain_settings_get(dom, &settings, why, sizeof(why)))
		return -EPERM;
	err = check_host(dom, &settings);
	if (err)
		return err;
	handover = (struct handover){
		.max_frames = settings.max == DOMAIN_NO_LIMIT ? 0 : settings.max / 4096,
		.min_bytes = settings.min,
	};
	err = handover_write(domain_uuid(dom), &handover);
	if (err)
		fprintf(stderr, WHO ": " HANDOVER_DIR ": %s\n", strerror(-err));
	return err;
}

static int read_domain(struct domain **ret)
{
	cleanup_free char *xml = malloc(MAX_XML);
	size_t len;
	int err;

	if (!xml)
		return -ENOMEM;
	len = fread(xml, 1, MAX_XML, stdin);
	if (ferror(stdin) || len == MAX_XML)
		err = -EBADMSG;
	else
		err = domain_parse(xml, len, ret);
	if (err)
		fprintf(stderr, WHO ": the domain's XML cannot be read: %s\n", strerror(-err));
	return err;
}

int main(int argc, char *argv[])
{
	cleanup_domain struct domain *dom = NULL;
	const char *operation;

	if (argc < 3) {
		fputs("usage: " WHO " NAME OPERATION SUB-OPERATION EXTRA <XML\n", stderr);
		return 2;
	}
	operation = argv[2];
	/* On other occasions a failure would be ignored, or end a guest that runs well. */
	if (strcmp(operation, "prepare") && strcmp(operation, "release") &&
	    strcmp(operation, "migrate") && strcmp(operation, "restore"))
		return 0;
	if (read_domain(&dom))
		return 1;
	if (!domain_is_secure(dom) && !domain_has_emulator(dom))
		return 0;
	if (!strcmp(operation, "release")) {
		handover_remove(domain_uuid(dom));
		return 0;
	}
	if (strcmp(operation, "prepare")) {
		fprintf(stderr, WHO ": a secure guest cannot be migrated or restored: its memory cannot be read by the host\n");
		return 1;
	}
	return prepare(dom) ? 1 : 0;
}
