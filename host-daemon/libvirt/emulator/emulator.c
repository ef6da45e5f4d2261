// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qemu-system-x86_64-uvmem - QEMU as libvirt is told of it, for secure guests
 *
 *	<emulator>/usr/bin/qemu-system-x86_64-uvmem</emulator>
 *
 * Is run by libvirt in QEMU's place, with QEMU's arguments, and becomes QEMU:
 *
 * - for a domain (libvirt gives each a -uuid) only after the VMs of this process have
 *   been marked to be armed, so that KVM_CREATE_VM arms the VM or fails. No QEMU runs
 *   otherwise, hence none that could run a vCPU of a VM that is not armed. QEMU must
 *   not be free to do without KVM: the only accelerator it may be told of is kvm. It is
 *   kept from saving and migrating the guest (blocker.c).
 * - as it is where libvirt asks it what it can (-machine none, -version and the
 *   like, without -uuid): there is no guest, and the module need not be there.
 *
 * What it says on stderr becomes a part of libvirt's error message.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arm.h"
#include "blocker.h"
#include "cleanup.h"
#include "handover.h"

#define WHO		"kvm-uvmem"
#define QEMU		"/usr/bin/qemu-system-x86_64"
#define EXIT_FAILED	125
#define EXIT_NO_EXEC	126

/**
 * struct request - what QEMU is asked to be
 * @uuid: of libvirt's domain, or NULL
 * @name: of the domain, NULL if none; up to a comma
 * @no_guest: it is only asked what it can
 * @kvm: it is told to use KVM
 * @other: it is told of another accelerator
 */
struct request {
	const char *uuid;
	const char *name;
	bool no_guest;
	bool kvm;
	bool other;
};

/* Is @arg the option @name, with one dash or two? */
static bool is_option(const char *arg, const char *name)
{
	if (*arg++ != '-')
		return false;
	return !strcmp(*arg == '-' ? arg + 1 : arg, name);
}

/* Does @value begin with @word, as a whole? */
static bool begins_with(const char *value, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(value, word, len) && (!value[len] || value[len] == ',');
}

/* The value of @key in a list "a,key=value,b", or NULL; it ends at a comma. */
static const char *find_key(const char *list, const char *key)
{
	size_t len = strlen(key);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, key, len) && list[len] == '=')
			return list + len + 1;
	}
	return NULL;
}

static void parse_accel(struct request *req, const char *accel)
{
	/* "kvm:tcg" is a list, and the second of it runs when the first cannot. */
	if (begins_with(accel, "kvm"))
		req->kvm = true;
	else
		req->other = true;
}

static void parse(struct request *req, int argc, char *argv[])
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "", *accel;

		if (is_option(argv[i], "uuid")) {
			req->uuid = value;
		} else if (is_option(argv[i], "name")) {
			req->name = find_key(value, "guest");
		} else if (is_option(argv[i], "machine") || is_option(argv[i], "M")) {
			if (begins_with(value, "none"))
				req->no_guest = true;
			accel = find_key(value, "accel");
			if (accel)
				parse_accel(req, accel);
		} else if (is_option(argv[i], "accel")) {
			parse_accel(req, value);
		} else if (is_option(argv[i], "enable-kvm")) {
			req->kvm = true;
		} else if (is_option(argv[i], "version") || is_option(argv[i], "help") ||
			   is_option(argv[i], "h")) {
			req->no_guest = true;
		}
	}
	/* A domain is a guest, whatever else stands there. */
	if (req->uuid)
		req->no_guest = false;
}

static int arm(const struct request *req)
{
	struct uvmem_arm arm = {
		.size = sizeof(arm), .vm_fd = -1, .flags = UVMEM_ARM_SEV,
	};

	if (req->uuid) {
		struct handover handover;
		int err = handover_read(req->uuid, &handover);

		if (err) {
			fprintf(stderr, WHO ": libvirt's hook has not allowed domain %s to start (%s): is /etc/libvirt/hooks/qemu.d/kvm-uvmem there, and was libvirtd restarted since?\n",
				req->uuid, strerror(-err));
			return err;
		}
		arm.max_frames = handover.max_frames;
	}
	/* For people, hence no harm if it is cut off. */
	if (req->name)
		snprintf(arm.name, sizeof(arm.name), "%.*s", (int)strcspn(req->name, ","),
			 req->name);
	return arm_self(&arm, WHO);
}

/* Become QEMU; returns only if that fails. */
static int run_qemu(int argc, char *argv[], bool guest)
{
	cleanup_free char **args = calloc((size_t)argc + BLOCKER_OPTIONS + 1, sizeof(*args));
	int err;

	if (!args)
		return -ENOMEM;
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	args[0] = strdup(QEMU);
	if (!args[0])
		return -ENOMEM;
	if (guest) {
		err = blocker_options((const char **)args + argc);
		if (err)
			return err;
	}
	execv(QEMU, args);
	err = -errno;
	free(args[0]);
	return err;
}

int main(int argc, char *argv[])
{
	struct request req = { };
	int err;

	parse(&req, argc, argv);
	if (!req.no_guest) {
		if (!req.kvm || req.other) {
			fprintf(stderr, WHO ": a secure guest needs KVM and nothing else: use <domain type='kvm'>\n");
			return EXIT_FAILED;
		}
		if (arm(&req))
			return EXIT_FAILED;
	}

	err = run_qemu(argc, argv, !req.no_guest);
	fprintf(stderr, WHO ": %s: %s\n", QEMU, strerror(-err));
	return EXIT_NO_EXEC;
}
