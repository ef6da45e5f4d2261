/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uring.h - as much of io_uring as the tests want, by system calls
 */
#ifndef SELFTESTS_UVMEM_URING_H
#define SELFTESTS_UVMEM_URING_H

#include "kvm_util.h"

/* Read or write one buffer of @file at offset 0; what the completion says. */
int uring_read(int file, void *mem, u32 size);
int uring_write(int file, void *mem, u32 size);
/* A ring that has [mem, mem + size) registered, which pins it until the file is closed. */
int uring_register(void *mem, u64 size);

#endif
