/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl.h - what the commands of uvmemctl share
 *
 * A command is a function of its own file and a line in the table of main.c. It
 * returns one of the exit codes below and says on stderr, by ctl_error(), why it is
 * not 0. Output goes through output.h where it is a table.
 */
#ifndef UVMEM_CTL_H
#define UVMEM_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "host.h"
#include "kernel.h"

/* Documented in uvmemctl(1). */
enum ctl_exit {
	CTL_OK		= 0,
	CTL_FAILED	= 1,	/* it was tried and did not work; a check found something */
	CTL_USAGE	= 2,	/* the command line is wrong */
	CTL_NO_GUEST	= 3,	/* there is no such guest */
	CTL_UNAVAILABLE	= 4,	/* no module, no daemon, not permitted, or it cannot do that */
};

/**
 * struct ctl - one run of uvmemctl
 * @json: print JSON, for programs
 * @quiet: print only what is wrong
 * @color: standard output is a terminal and nobody objects (NO_COLOR)
 * @command: name of the command that runs
 */
struct ctl {
	bool json;
	bool quiet;
	bool color;
	const char *command;
};

/**
 * struct command - a line of the table
 * @name: as it is typed
 * @arguments: for the usage line, may be ""
 * @help: one line, lower case, without a period
 * @run: gets argv from its name on, with getopt() reset; returns enum ctl_exit
 */
struct command {
	const char *name;
	const char *arguments;
	const char *help;
	int (*run)(struct ctl *ctl, int argc, char *argv[]);
};

int cmd_check_domain(struct ctl *ctl, int argc, char *argv[]);
int cmd_check_host(struct ctl *ctl, int argc, char *argv[]);
int cmd_list(struct ctl *ctl, int argc, char *argv[]);
int cmd_secure_domain(struct ctl *ctl, int argc, char *argv[]);
int cmd_status(struct ctl *ctl, int argc, char *argv[]);
int cmd_show(struct ctl *ctl, int argc, char *argv[]);
int cmd_explain(struct ctl *ctl, int argc, char *argv[]);
int cmd_policy(struct ctl *ctl, int argc, char *argv[]);
int cmd_set(struct ctl *ctl, int argc, char *argv[]);
int cmd_reload(struct ctl *ctl, int argc, char *argv[]);
int cmd_top(struct ctl *ctl, int argc, char *argv[]);
int cmd_reclaim(struct ctl *ctl, int argc, char *argv[]);
int cmd_prefetch(struct ctl *ctl, int argc, char *argv[]);
int cmd_events(struct ctl *ctl, int argc, char *argv[]);
int cmd_record(struct ctl *ctl, int argc, char *argv[]);
int cmd_simulate(struct ctl *ctl, int argc, char *argv[]);
int cmd_report(struct ctl *ctl, int argc, char *argv[]);

/* "uvmemctl: COMMAND: text" on stderr */
__attribute__((format(printf, 2, 3)))
void ctl_error(const struct ctl *ctl, const char *format, ...);

/* Refuse arguments: for commands that take none. CTL_OK or CTL_USAGE. */
int ctl_no_arguments(const struct ctl *ctl, int argc, char *argv[]);

/* Open the device or say why not. CTL_OK or CTL_UNAVAILABLE. */
int ctl_open_kernel(const struct ctl *ctl, struct kernel **ret);

/**
 * ctl_guest_name() - as uvmemd calls it: the domain's name, or what the launcher said
 * @info: of the guest
 * @ret: also has the domain's uuid, "" if it has none
 */
void ctl_guest_name(const struct uvmem_vm_info *info, struct host_process *ret);

static inline void ctl_close_kernelp(struct kernel **k)
{
	if (*k)
		(*k)->ops->close(*k);
}

#define cleanup_kernel	__attribute__((cleanup(ctl_close_kernelp)))

#endif
