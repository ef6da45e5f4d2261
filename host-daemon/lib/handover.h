/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover.h - what libvirt's hook tells the emulator of a domain
 *
 * QEMU's command line has nothing of a domain's <metadata>, and the emulator cannot
 * ask libvirt while libvirt waits for it. So the hook, which is given the XML, leaves
 * what matters in a file named after the domain's UUID, and the emulator finds it there. The
 * files are root's: being there also says that the hook has allowed the start.
 * "key value" lines; a domain's file goes when the domain has ended.
 */
#ifndef UVMEM_HANDOVER_H
#define UVMEM_HANDOVER_H

#include <stdint.h>

#define HANDOVER_DIR	"/run/kvm-uvmem/domains"

/**
 * struct handover - what is told
 * @max_frames: UVMEM_ARM_NEW's, pages of secure memory, 0: no limit of its own
 * @min_bytes: guaranteed to the guest while it runs
 */
struct handover {
	uint64_t max_frames;
	uint64_t min_bytes;
};

/* All return 0 or a negative errno; a @uuid that is none: -EINVAL. */
int handover_write(const char *uuid, const struct handover *h);
int handover_read(const char *uuid, struct handover *ret);
int handover_remove(const char *uuid);

/* The sum of what is guaranteed to all domains but @uuid, and how many these are. */
int handover_guaranteed(const char *uuid, uint64_t *ret_bytes, unsigned int *ret_nr);

#endif
