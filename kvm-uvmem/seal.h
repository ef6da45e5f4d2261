/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seal.h - what binds a ciphertext to its VM, its gfn and its moment
 *
 * AES-256-GCM with a 96-bit nonce and a 128-bit tag. The nonce is the VM's
 * never-reused counter; the additional data names VM, gfn and version, so a
 * page cannot be replayed, moved to another gfn or given to another VM. Counter
 * and tag (struct uvmem_seal) never leave kernel memory.
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_SEAL_H
#define UVMEM_SEAL_H

#include <linux/types.h>

#define UVMEM_KEY_SIZE		32
#define UVMEM_NONCE_SIZE	12
#define UVMEM_TAG_SIZE		16

/* The seal of one paged-out page: 24 bytes. */
struct uvmem_seal {
	__u64 version;			/* value of the VM's counter, from 1; 0: no seal */
	__u8  tag[UVMEM_TAG_SIZE];
};

/* Little endian on every host: 24 bytes, no padding. */
struct uvmem_aad {
	__le64 vm_id;
	__le64 gfn;
	__le64 version;
};

void uvmem_seal_nonce(__u8 nonce[UVMEM_NONCE_SIZE], __u64 version);
void uvmem_seal_aad(struct uvmem_aad *aad, __u64 vm_id, __u64 gfn, __u64 version);

#endif
