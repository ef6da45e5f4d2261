/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - a file in the layout of KVM's binary statistics, read by name
 */
#ifndef UVMEM_STATS_READER_H
#define UVMEM_STATS_READER_H

#include <stddef.h>
#include <stdint.h>

#define STATS_HIST_BUCKETS	32

struct stats;

/**
 * stats_new() - read what the file says of itself
 * @fd: of UVMEM_VM_GET_STATS_FD; kept open by the caller
 *
 * Return: 0, a negative errno, -EBADMSG if it is no such file.
 */
int stats_new(int fd, struct stats **ret);
void stats_free(struct stats *stats);

/* Take a snapshot of all values: 0 or a negative errno; the last one stays then. */
int stats_snapshot(struct stats *stats, int fd);

/* A value of the last snapshot: 0, or -ENOENT if the file has none of that name. */
int stats_value(struct stats *stats, const char *name, uint64_t *ret);

/* All values of a histogram, at most @room; their number or -ENOENT. */
int stats_array(struct stats *stats, const char *name, uint64_t *ret, size_t room);

#endif
