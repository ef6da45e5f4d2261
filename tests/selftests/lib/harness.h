/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * harness.h - the kernel's kselftest harness, with time for slow machines
 *
 * Thirty seconds per case are plenty under TCG, and too few when the machine has
 * other work. A kernel that checks itself (KASAN, lockdep) needs more:
 * tests/run says how much, in UVMEM_TIME_SCALE.
 */
#ifndef SELFTESTS_UVMEM_HARNESS_H
#define SELFTESTS_UVMEM_HARNESS_H

#include <signal.h>

#include "hang.h"
#include "timescale.h"

/* A case whose time is over is killed, with all of its process group: say first where it was. */
static inline int harness_kill(pid_t pid, int sig)
{
	if (pid < -1 && sig == SIGKILL)
		tell_hang(-pid);
	return kill(pid, sig);
}

#define kill	harness_kill
#include "kselftest_harness.h"
#undef kill

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 90

/* Without a priority: after those of the harness, which register the cases. */
static void __attribute__((constructor)) harness_scale_timeouts(void)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= time_scale();
}

#endif
