/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A known answer for one sealed page
 *
 * Made once by an independent implementation (OpenSSL through Python's
 * "cryptography"); the module checks itself against it when it is loaded (uv.c),
 * tests/unit/seal_test.c checks it against libgcrypt.
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_SEAL_VECTOR_H
#define UVMEM_SEAL_VECTOR_H

#include "seal.h"

#define UVMEM_VECTOR_VM_ID	0x1122334455667788ULL
#define UVMEM_VECTOR_GFN	0x000000fedcba9876ULL
#define UVMEM_VECTOR_VERSION	0x0123456789abcdefULL
#define UVMEM_VECTOR_PAGE_SIZE	4096
#define UVMEM_VECTOR_EDGE	16	/* bytes of ciphertext kept here from each end */

static const __u8 uvmem_vector_key[UVMEM_KEY_SIZE] = {
	0xa0, 0xa7, 0xae, 0xb5, 0xbc, 0xc3, 0xca, 0xd1,
	0xd8, 0xdf, 0xe6, 0xed, 0xf4, 0xfb, 0x02, 0x09,
	0x10, 0x17, 0x1e, 0x25, 0x2c, 0x33, 0x3a, 0x41,
	0x48, 0x4f, 0x56, 0x5d, 0x64, 0x6b, 0x72, 0x79
};

/* Of the ciphertext: the tag vouches for what is between its edges. */
static const __u8 uvmem_vector_first[UVMEM_VECTOR_EDGE] = {
	0x22, 0x94, 0x1f, 0xfa, 0x8c, 0xa8, 0xa5, 0x8a,
	0x0d, 0xf9, 0xd4, 0xcb, 0x5c, 0x13, 0x9f, 0x9d
};

static const __u8 uvmem_vector_last[UVMEM_VECTOR_EDGE] = {
	0x6b, 0x58, 0x61, 0x13, 0xd8, 0xa0, 0xeb, 0xe8,
	0x6b, 0x0e, 0x9f, 0x3f, 0xf2, 0x2d, 0x44, 0xc6
};

static const __u8 uvmem_vector_tag[UVMEM_TAG_SIZE] = {
	0xf0, 0x8d, 0xab, 0x80, 0x91, 0x6f, 0xdd, 0xae,
	0xc6, 0xb1, 0x5a, 0xf4, 0x28, 0xe4, 0xf1, 0x0c
};

/* The plaintext: no two of its 16-byte blocks are alike within 256 bytes. */
static inline void uvmem_vector_plaintext(__u8 page[UVMEM_VECTOR_PAGE_SIZE])
{
	unsigned int i;

	for (i = 0; i < UVMEM_VECTOR_PAGE_SIZE; i++)
		page[i] = (__u8)(i * 7 + (i >> 8) * 13 + 3);
}

#endif
