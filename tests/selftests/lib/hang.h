/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hang.h - where does a process hang that is about to be killed for it?
 */
#ifndef SELFTESTS_UVMEM_HANG_H
#define SELFTESTS_UVMEM_HANG_H

#include <sys/types.h>

/* Prints what each thread of @pid, and of its children, is at: system call and kernel stack. */
void tell_hang(pid_t pid);

#endif
