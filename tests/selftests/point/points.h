/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * points.h - where the module can be stopped: kvm-uvmem/point.c
 */
#ifndef SELFTESTS_UVMEM_POINTS_H
#define SELFTESTS_UVMEM_POINTS_H

#include "kvm_util.h"

#define MAX_POINTS	64

/* PREFIX:NAME each */
extern char points[MAX_POINTS][32];
extern int nr_points;

/* Reads their names; false if this module has none. */
bool points_load(void);
/* The next task that comes to @name stands there, until another one is written, or "none". */
void point_write(const char *name);
/* Is there one? */
bool point_standing(void);
/* Fails the test if there is none in time. */
void point_wait(const char *op, const char *point);
/* @prefixes: with a blank behind each */
bool point_is_of(const char *point, const char *prefixes);

#endif
