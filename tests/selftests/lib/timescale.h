/* SPDX-License-Identifier: GPL-2.0-only */
/* timescale.h - how much more time everything needs here than on a stock kernel */
#ifndef SELFTESTS_UVMEM_TIMESCALE_H
#define SELFTESTS_UVMEM_TIMESCALE_H

#include <stdlib.h>

static inline int time_scale(void)
{
	const char *text = getenv("UVMEM_TIME_SCALE");
	int scale = text ? atoi(text) : 1;

	return scale > 0 ? scale : 1;
}

#endif
