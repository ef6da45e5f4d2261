// SPDX-License-Identifier: GPL-2.0-only
/*
 * transit_smp_test - transit_test with two vCPUs that write at once
 *
 * A program of its own because it needs a VM of its own: see the suite selftests-smp.
 */
#define TRANSIT_SMP
#include "transit_test.c"
