// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uvmem-run - run a VMM that knows nothing of kvm-uvmem, with its VM armed
 *
 *	uvmem-run [OPTION]... [--] PROGRAM [ARGUMENT]...
 *
 *	--name NAME		of the VM, for people
 *	--max-frames PAGES	its limit of secure memory, 0: none of its own
 *	--sigbus		a host touch of a resident secure page is SIGBUS
 *	--no-sev		for guests that make the hypercalls themselves
 *
 * Opens /dev/kvm-uvmem, asks that VMs of this process be armed (UVMEM_ARM_NEW in
 * linux/kvm_uvmem.h), and becomes PROGRAM. The open file carries the wish: every VM
 * that PROGRAM or its children create is armed, or KVM_CREATE_VM fails. If it cannot
 * be asked for, PROGRAM is not run.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arm.h"

/* As env(1) and its like have it; 1 to 124 are PROGRAM's. */
#define EXIT_FAILED	125
#define EXIT_NO_EXEC	126
#define EXIT_NOT_FOUND	127

static const struct option options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ "max-frames", required_argument, NULL, 'm' },
	{ "sigbus", no_argument, NULL, 's' },
	{ "no-sev", no_argument, NULL, 'N' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static void usage(FILE *to)
{
	fputs("usage: uvmem-run [--name NAME] [--max-frames PAGES] [--sigbus] [--no-sev]\n"
	      "                 [--] PROGRAM [ARGUMENT]...\n", to);
}

static int parse_pages(const char *text, __u64 *ret)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-')
		return -EINVAL;
	*ret = value;
	return 0;
}

int main(int argc, char *argv[])
{
	struct uvmem_arm arm = {
		.size = sizeof(arm), .vm_fd = -1, .flags = UVMEM_ARM_SEV,
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			if (arm_set_name(&arm, optarg)) {
				fprintf(stderr, "uvmem-run: the name is longer than %zu\n",
					sizeof(arm.name) - 1);
				return EXIT_FAILED;
			}
			break;
		case 'm':
			if (parse_pages(optarg, &arm.max_frames) < 0) {
				fprintf(stderr, "uvmem-run: %s is no number of pages\n", optarg);
				return EXIT_FAILED;
			}
			break;
		case 's':
			arm.flags |= UVMEM_ARM_HOST_TOUCH_SIGBUS;
			break;
		case 'N':
			arm.flags &= ~UVMEM_ARM_SEV;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_FAILED;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_FAILED;
	}

	if (arm_self(&arm, "uvmem-run"))
		return EXIT_FAILED;

	execvp(argv[optind], argv + optind);
	fprintf(stderr, "uvmem-run: %s: %s\n", argv[optind], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NO_EXEC;
}
