// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nonce and additional data of a sealed page
 *
 * Pure: also built natively for the unit tests.
 */
#ifdef __KERNEL__
#include <asm/byteorder.h>
#include <linux/build_bug.h>
#include <linux/string.h>
#else
#include <assert.h>
#include <endian.h>
#include <string.h>
#define cpu_to_le64(x)	htole64(x)
#endif

#include "seal.h"

static_assert(sizeof(struct uvmem_seal) == 24, "24 bytes per paged-out page");
static_assert(sizeof(struct uvmem_aad) == 24, "no padding is authenticated");

/*
 * The counter in little endian, then zeroes. A VM's key is its own, so the VM
 * need not be in the nonce: under one key the counter alone never repeats.
 */
void uvmem_seal_nonce(__u8 nonce[UVMEM_NONCE_SIZE], __u64 version)
{
	__le64 le = cpu_to_le64(version);

	memset(nonce, 0, UVMEM_NONCE_SIZE);
	memcpy(nonce, &le, sizeof(le));
}

void uvmem_seal_aad(struct uvmem_aad *aad, __u64 vm_id, __u64 gfn, __u64 version)
{
	aad->vm_id = cpu_to_le64(vm_id);
	aad->gfn = cpu_to_le64(gfn);
	aad->version = cpu_to_le64(version);
}
