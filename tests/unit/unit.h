/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cmocka's header wants to be included before it
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

#endif
