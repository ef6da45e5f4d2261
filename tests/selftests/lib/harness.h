/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * harness.h - the kernel's kselftest harness, with time for slow machines
 *
 * Thirty seconds per case are plenty under TCG, and too few with a kernel that
 * checks itself (KASAN, lockdep) on top of it.
 */
#ifndef SELFTESTS_UVMEM_HARNESS_H
#define SELFTESTS_UVMEM_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 90

#endif
