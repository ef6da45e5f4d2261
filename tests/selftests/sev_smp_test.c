// SPDX-License-Identifier: GPL-2.0-only
/*
 * sev_smp_test - sev_test's two vCPUs that work at once
 *
 * A program of its own because it needs a VM of its own: see the suite selftests-smp.
 */
#define SEV_SMP
#include "sev_test.c"
