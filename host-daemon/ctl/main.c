// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uvmemctl - look at secure guests' memory, and say what is to become of it
 *
 *	uvmemctl [OPTION]... COMMAND [ARGUMENT]...
 *
 * One file per group of commands; the table below is all that knows of all of them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "ctl.h"

static const struct command commands[] = {
	{ "status", "", "the module, the host's secure memory", cmd_status },
	{ "list", "", "the guests", cmd_list },
	{ "show", "GUEST", "all that uvmemd knows of a guest", cmd_show },
	{ "top", "[-n ROUNDS]", "guests and what moves, live", cmd_top },
	{ "events", "[-n NUMBER]", "what the module tells, as it happens", cmd_events },
	{ "policy", "", "settings of guests, and the last decisions", cmd_policy },
	{ "explain", "GUEST", "why the last decision is what it is", cmd_explain },
	{ "set", "GUEST KEY=VALUE...", "settings of a guest, until reload or restart", cmd_set },
	{ "reload", "", "have uvmemd read its configuration", cmd_reload },
	{ "reclaim", "[-i PASSES] GUEST SIZE", "page out the coldest pages", cmd_reclaim },
	{ "prefetch", "GUEST", "page in all that is out", cmd_prefetch },
	{ "record", "[-t SECONDS] FILE", "write down what guests do, for simulate and report",
	  cmd_record },
	{ "simulate", "[-c CONFIG]... TRACE", "try configurations on what was recorded",
	  cmd_simulate },
	{ "report", "[-c CONFIG]... [-o HTML] TRACE", "plots of what was recorded, and of trials",
	  cmd_report },
	{ "check-host", "", "can this host run secure guests by libvirt?", cmd_check_host },
	{ "check-domain", "NAME|UUID|FILE", "what would keep a domain from being secure?",
	  cmd_check_domain },
	{ "secure-domain", "[--max SIZE]... NAME|FILE",
	  "make it a secure one, set min, low, high, max, weight, policy", cmd_secure_domain },
};

enum {
	OPT_LIST_COMMANDS = 256,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	/* for the completion */
	{ "list-commands", no_argument, NULL, OPT_LIST_COMMANDS },
	{ }
};

static void usage(FILE *to)
{
	size_t i;

	fputs("usage: uvmemctl [--json] [--quiet] COMMAND [ARGUMENT]...\n\n", to);
	for (i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-14s %-28s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nExit status: 0 good, 1 failed, 2 wrong usage, 3 no such guest,\n"
	      "4 no module, no daemon or not permitted\n", to);
}

void ctl_error(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "uvmemctl: %s: ", ctl->command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int ctl_no_arguments(const struct ctl *ctl, int argc, char *argv[])
{
	if (argc <= 1)
		return CTL_OK;
	ctl_error(ctl, "unexpected argument '%s'", argv[1]);
	return CTL_USAGE;
}

int ctl_open_kernel(const struct ctl *ctl, struct kernel **ret)
{
	int err = kernel_open(ret);

	if (!err)
		return CTL_OK;
	ctl_error(ctl, "%s: %s", UVMEM_DEVICE_PATH, kernel_open_error(err));
	return CTL_UNAVAILABLE;
}

void ctl_guest_name(const struct uvmem_vm_info *info, struct host_process *ret)
{
	const struct host host = { .proc = "/proc" };
	char name[sizeof(ret->name)];

	memset(ret, 0, sizeof(*ret));
	if (info->pid > 0)
		host_process(&host, info->pid, ret);
	host_guest_name(ret, info->name, info->id, name);
	memcpy(ret->name, name, sizeof(name));
}

static int run(struct ctl *ctl, int argc, char *argv[])
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		ctl->command = commands[i].name;
		/* 0 and not 1: the GNU way to begin again with other options. */
		optind = 0;
		ret = commands[i].run(ctl, argc, argv);
		if (ret == CTL_USAGE)
			fprintf(stderr, "usage: uvmemctl %s%s%s\n", commands[i].name,
				*commands[i].arguments ? " " : "", commands[i].arguments);
		return ret;
	}
	fprintf(stderr, "uvmemctl: there is no command '%s'; see: uvmemctl --help\n", argv[0]);
	return CTL_USAGE;
}

static int parse_and_run(int argc, char *argv[])
{
	const char *no_color = getenv("NO_COLOR");
	struct ctl ctl = {
		.color = isatty(STDOUT_FILENO) && !(no_color && *no_color),
		.command = "",
	};
	size_t i;
	int opt;

	while ((opt = getopt_long(argc, argv, "+jqh", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			ctl.json = true;
			break;
		case 'q':
			ctl.quiet = true;
			break;
		case 'h':
			usage(stdout);
			return CTL_OK;
		case OPT_VERSION:
			printf("uvmemctl, API version %d\n", UVMEM_API_VERSION);
			return CTL_OK;
		case OPT_LIST_COMMANDS:
			for (i = 0; i < ARRAY_LEN(commands); i++)
				puts(commands[i].name);
			return CTL_OK;
		default:
			usage(stderr);
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return CTL_USAGE;
	}
	return run(&ctl, argc - optind, argv + optind);
}

int main(int argc, char *argv[])
{
	int ret = parse_and_run(argc, argv);

	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "uvmemctl: standard output: %s\n", strerror(errno));
		return ret ? ret : CTL_FAILED;
	}
	return ret;
}
