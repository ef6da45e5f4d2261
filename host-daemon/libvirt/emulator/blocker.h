/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blocker.h - keep QEMU from saving or migrating what it cannot read */
#ifndef BLOCKER_H
#define BLOCKER_H

/* Options that blocker_options() adds. */
#define BLOCKER_OPTIONS	4

/*
 * Puts into @options, whose strings are static, what makes QEMU refuse to save or
 * migrate its VM. What they name is inherited over execve(). 0 or a negative errno.
 */
int blocker_options(const char *options[BLOCKER_OPTIONS]);

#endif
