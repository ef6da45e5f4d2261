/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * round.h - between manager.c and round.c
 */
#ifndef UVMEM_ROUND_H
#define UVMEM_ROUND_H

#include "manager.h"

/* Find guests that are new, and those that are gone. */
int manager_scan(struct manager *m);

/* Take the kernel's counters into the guest's account. */
void guest_count(struct manager *m, struct guest *guest);

/* Note what did not work, and tell of it once. */
void guest_failed(struct manager *m, struct guest *guest, const char *what, int err);

/* Push some of the guests' ciphertext to swap, and see how much of it is there; push.c. */
void push_ciphertext(struct manager *m, struct guest **guests, size_t nr, uint64_t now_ns);

/* Give back what was decided, the pages that left last; fetch.c. */
void fetch_back(struct manager *m, struct guest **guests, size_t nr);

/* For what only bounds work: the time of no test. */
uint64_t work_clock(void);

#endif
