/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cleanup.h - what leaves a scope is released with it
 */
#ifndef UVMEM_CLEANUP_H
#define UVMEM_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free	__attribute__((cleanup(cleanup_freep)))
#define cleanup_close	__attribute__((cleanup(cleanup_closep)))
#define cleanup_file	__attribute__((cleanup(cleanup_fclosep)))

#endif
