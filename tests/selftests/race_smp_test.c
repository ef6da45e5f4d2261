// SPDX-License-Identifier: GPL-2.0-only
/*
 * race_smp_test - race_test where several vCPUs are in the guest at once
 *
 * A program of its own because it needs a VM of its own: see the suite selftests-smp.
 */
#define RACE_SMP
#include "race_test.c"
