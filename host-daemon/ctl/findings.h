/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * findings.h - lines of a check, in the manner of virt-host-validate
 *
 *	   web: Checking memory balloon                                : FAIL (why)
 *
 * With --quiet only what is not PASS; with --json an array "checks" of objects with
 * "check", "result" ("pass", "warn", "fail") and "reason".
 */
#ifndef UVMEM_FINDINGS_H
#define UVMEM_FINDINGS_H

#include "ctl.h"
#include "domain.h"
#include "output.h"

/**
 * struct findings - a check under way
 * @subject: what is checked, in front of each line
 * @rows: for JSON, else NULL
 * @failed: how many lines were DOMAIN_FAIL
 */
struct findings {
	const struct ctl *ctl;
	const char *subject;
	struct output *rows;
	unsigned int failed;
	bool incomplete;
};

/* CTL_OK or CTL_FAILED. */
int findings_begin(struct findings *f, const struct ctl *ctl, const char *subject);

/* One line; a domain_report_fn whose @opaque is the struct findings. */
void findings_report(void *opaque, const char *what, enum domain_result result,
		     const char *why);

/* As findings_report(): DOMAIN_PASS if @good, else @otherwise and a printf-like reason. */
__attribute__((format(printf, 5, 6)))
void findings_check(struct findings *f, const char *what, bool good,
		    enum domain_result otherwise, const char *format, ...);

/* CTL_OK if nothing failed. */
int findings_end(struct findings *f);

#endif
