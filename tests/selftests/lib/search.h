/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * search.h - the marker search: is there guest plaintext anywhere in the VMM?
 */
#ifndef SELFTESTS_UVMEM_SEARCH_H
#define SELFTESTS_UVMEM_SEARCH_H

#include "vm.h"

/*
 * enum search_how - reading a resident secure page through the VMM's mapping
 * is a host touch, which pages it out
 */
enum search_how {
	SEARCH_PRESENT,		/* look only at pages that the VMM has mapped: moves nothing */
	SEARCH_TOUCH,		/* read everything that is readable */
};

/**
 * struct search_result - what search_markers() found
 * @markers:	how many
 * @first:	the address of the first
 * @where:	the mapping that has it, as in /proc/self/maps
 * @pages:	how many pages it looked at
 * @refused:	how many pages could not be read (SIGBUS)
 */
struct search_result {
	u64 markers;
	u64 first;
	char where[256];
	u64 pages;
	u64 refused;
};

/* Search all of this process's memory. */
struct search_result search_markers(enum search_how how);
/* Search [addr, addr + size) only, by touching it. */
struct search_result search_markers_in(const void *addr, u64 size);
/* All of this process's memory must be free of markers. */
void assert_no_markers(enum search_how how);

#endif
