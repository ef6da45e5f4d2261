/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - /dev/kvm-uvmem as a table of operations
 *
 * Daemon and tools speak to the module through struct kernel_ops only, so that a
 * test can be the kernel: tests/daemon/fake_kernel.inc. The real one is kernel_device.
 *
 * All operations return 0 or more, or a negative errno; what they are to fill in is
 * untouched on failure. A module that lacks a call: -EOPNOTSUPP.
 */
#ifndef UVMEM_KERNEL_H
#define UVMEM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm_uvmem.h>

#include "stats.h"

struct kernel;
struct kernel_stats;

#define KERNEL_IDLE_BUCKETS	32
#define KERNEL_NO_LIMIT		UINT64_MAX

/* What versions 3 to 6 of the API have; older modules lack the bits, and so may the header. */
#define KERNEL_CAP_AGING	(1ULL << 7)
#define KERNEL_CAP_LIMITS	(1ULL << 8)
#define KERNEL_CAP_SEALED_POOL	(1ULL << 9)
#define KERNEL_CAP_FIND		(1ULL << 11)
#define KERNEL_CAP_NO_CIPHERTEXT (1ULL << 12)

/* UVMEM_VM_AGE: see struct uvmem_age */
struct kernel_age {
	uint64_t scanned, young, generation;
	uint64_t idle[KERNEL_IDLE_BUCKETS];
};

/* UVMEM_VM_RECLAIM: see struct uvmem_reclaim */
struct kernel_reclaim {
	uint64_t scanned, moved, zero;
	uint64_t skipped[UVMEM_ROOM];
};

/* Pages; KERNEL_NO_LIMIT for none of high and max */
struct kernel_limits {
	uint64_t min, low, high, max;
};

/**
 * struct kernel_ops - what can be asked of the module
 * @info: version and capabilities
 * @pool: the host's secure memory
 * @list: ids of the armed VMs; *@ret_ids is for the caller to free()
 * @open_vm: the per-VM file
 * @vm_info: what the VM is and has
 * @age: an aging pass over at most @max_scan pages, 0: all
 * @reclaim: page out up to @nr_pages that idle for @min_idle passes; if @no_ciphertext only
 *	what leaves none, which only a module with that capability can
 * @range: page a range in (@in) or out; @ret_moved pages
 * @find: where pages of a state are; see struct uvmem_find, but for its size
 * @set_limits: of a VM
 * @set_pool_limit: of all VMs, in pages
 * @set_sealed_pool: bytes that the sealed pool may take
 * @stats: a snapshot; *@stats is made at the first call, for kernel_stats_free()
 * @read_event: the next event; -EAGAIN if there is none
 * @close_vm: the per-VM file
 * @close: the device, and the structure
 */
struct kernel_ops {
	int (*info)(struct kernel *k, struct uvmem_info *ret);
	int (*pool)(struct kernel *k, struct uvmem_pool *ret);
	int (*list)(struct kernel *k, uint64_t **ret_ids, unsigned int *ret_nr);
	int (*open_vm)(struct kernel *k, uint64_t id);
	int (*vm_info)(struct kernel *k, int vm, struct uvmem_vm_info *ret);
	int (*age)(struct kernel *k, int vm, uint64_t max_scan, struct kernel_age *ret);
	int (*reclaim)(struct kernel *k, int vm, uint64_t nr_pages, uint32_t min_idle,
		       bool no_ciphertext, struct kernel_reclaim *ret);
	int (*range)(struct kernel *k, int vm, bool in, uint64_t gfn, uint64_t nr_pages,
		     uint64_t *ret_moved);
	int (*find)(struct kernel *k, int vm, struct uvmem_find *find);
	int (*set_limits)(struct kernel *k, int vm, const struct kernel_limits *limits);
	int (*set_pool_limit)(struct kernel *k, uint64_t frames);
	int (*set_sealed_pool)(struct kernel *k, uint64_t bytes);
	int (*stats)(struct kernel *k, int vm, struct kernel_stats **stats);
	int (*read_event)(struct kernel *k, struct uvmem_event *ret);
	void (*close_vm)(struct kernel *k, int vm);
	void (*close)(struct kernel *k);
};

/**
 * struct kernel_stats - statistics of a VM
 * @fd: the file, -1 if it is none
 * @reader: of the file; see stats.h
 */
struct kernel_stats {
	int fd;
	struct stats *reader;
};

void kernel_stats_free(struct kernel_stats *stats);

/**
 * struct kernel - an open device
 * @ops: how to speak to it
 * @fd: of the device; events are read from it
 */
struct kernel {
	const struct kernel_ops *ops;
	int fd;
};

/**
 * kernel_open() - open /dev/kvm-uvmem
 * @ret: the device, to be closed with its ops->close()
 *
 * Return: 0 or a negative errno.
 */
int kernel_open(struct kernel **ret);

/* The same with an open file of it, which is taken over on success. */
int kernel_of(int fd, struct kernel **ret);

/**
 * kernel_open_error() - why the device could not be opened, as a sentence
 * @err: a negative errno of kernel_open()
 */
const char *kernel_open_error(int err);

/* Names as people read them; "?" for a number that this version does not know. */
const char *kernel_vm_state_name(unsigned int state);
const char *kernel_stop_reason_name(unsigned int reason);

#endif
