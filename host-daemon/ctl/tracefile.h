/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracefile.h - between the commands that work on traces
 */
#ifndef UVMEM_TRACEFILE_H
#define UVMEM_TRACEFILE_H

#include "ctl.h"
#include "trace.h"

/* CTL_OK, or CTL_FAILED with a message; for trace_free(). */
int tracefile_read(const struct ctl *ctl, const char *path, struct trace *ret);

/* The settings of the guests of a trace by a configuration; NULL: that of this host. */
int tracefile_settings(const struct ctl *ctl, const char *path, const struct trace *trace,
		       struct policy_host_settings *host,
		       struct policy_settings settings[TRACE_GUESTS]);

#endif
