// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/seal.c and seal_vector.h: the format of a sealed page
 *
 * libgcrypt is the second opinion: what it says about the known answer is what
 * the module's self test demands of the kernel's cipher (uv.c).
 */
#include <gcrypt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "seal.h"
#include "seal_vector.h"

#define SIZE	UVMEM_VECTOR_PAGE_SIZE

struct page {
	__u8 byte[SIZE];
	__u8 tag[UVMEM_TAG_SIZE];
	__u8 nonce[UVMEM_NONCE_SIZE];
	struct uvmem_aad aad;
};

static void seal_sizes(void **unused)
{
	(void)unused;
	assert_int_equal(sizeof(struct uvmem_seal), 24);
	assert_int_equal(sizeof(struct uvmem_aad), 24);
	assert_int_equal(offsetof(struct uvmem_aad, vm_id), 0);
	assert_int_equal(offsetof(struct uvmem_aad, gfn), 8);
	assert_int_equal(offsetof(struct uvmem_aad, version), 16);
}

static void nonce_bytes(void **unused)
{
	static const __u8 first[UVMEM_NONCE_SIZE] = { 1 };
	static const __u8 some[UVMEM_NONCE_SIZE] = {
		0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0, 0, 0, 0
	};
	/* a canary behind */
	__u8 nonce[UVMEM_NONCE_SIZE + 1];

	(void)unused;
	memset(nonce, 0x5a, sizeof(nonce));
	uvmem_seal_nonce(nonce, 1);
	assert_memory_equal(nonce, first, sizeof(first));
	uvmem_seal_nonce(nonce, 0x0123456789abcdefULL);
	assert_memory_equal(nonce, some, sizeof(some));
	assert_int_equal(nonce[UVMEM_NONCE_SIZE], 0x5a);
}

static void nonces_differ(void **unused)
{
	static const __u64 versions[] = {
		1, 2, 255, 256, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 56, (1ULL << 63) - 1,
	};
	__u8 a[UVMEM_NONCE_SIZE], b[UVMEM_NONCE_SIZE];
	unsigned int i, j;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(versions); i++)
		for (j = 0; j < i; j++) {
			uvmem_seal_nonce(a, versions[i]);
			uvmem_seal_nonce(b, versions[j]);
			assert_memory_not_equal(a, b, sizeof(a));
		}
}

static void aad_bytes(void **unused)
{
	static const __u8 bytes[24] = {
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0x76, 0x98, 0xba, 0xdc, 0xfe, 0x00, 0x00, 0x00,
		0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
	};
	struct uvmem_aad aad;

	(void)unused;
	memset(&aad, 0x5a, sizeof(aad));
	uvmem_seal_aad(&aad, 0x1122334455667788ULL, 0xfedcba9876ULL, 0x0123456789abcdefULL);
	assert_memory_equal(&aad, bytes, sizeof(bytes));
}

/* ---- the known answer -------------------------------------------------------- */

static gcry_cipher_hd_t cipher(const struct page *p)
{
	gcry_cipher_hd_t hd;

	assert_int_equal(gcry_cipher_open(&hd, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0), 0);
	assert_int_equal(gcry_cipher_setkey(hd, uvmem_vector_key, sizeof(uvmem_vector_key)), 0);
	assert_int_equal(gcry_cipher_setiv(hd, p->nonce, sizeof(p->nonce)), 0);
	assert_int_equal(gcry_cipher_authenticate(hd, &p->aad, sizeof(p->aad)), 0);
	return hd;
}

static void seal(struct page *p)
{
	gcry_cipher_hd_t hd;

	uvmem_vector_plaintext(p->byte);
	uvmem_seal_nonce(p->nonce, UVMEM_VECTOR_VERSION);
	uvmem_seal_aad(&p->aad, UVMEM_VECTOR_VM_ID, UVMEM_VECTOR_GFN, UVMEM_VECTOR_VERSION);
	hd = cipher(p);
	assert_int_equal(gcry_cipher_encrypt(hd, p->byte, SIZE, NULL, 0), 0);
	assert_int_equal(gcry_cipher_gettag(hd, p->tag, sizeof(p->tag)), 0);
	gcry_cipher_close(hd);
}

/* GPG_ERR_NO_ERROR or GPG_ERR_CHECKSUM */
static gpg_err_code_t open_sealed(struct page *p)
{
	gcry_cipher_hd_t hd = cipher(p);
	gpg_err_code_t err;

	assert_int_equal(gcry_cipher_decrypt(hd, p->byte, SIZE, NULL, 0), 0);
	err = gcry_err_code(gcry_cipher_checktag(hd, p->tag, sizeof(p->tag)));
	gcry_cipher_close(hd);
	return err;
}

static void known_answer(void **unused)
{
	static __u8 plain[SIZE];
	struct page p;

	(void)unused;
	seal(&p);
	assert_memory_equal(p.byte, uvmem_vector_first, UVMEM_VECTOR_EDGE);
	assert_memory_equal(p.byte + SIZE - UVMEM_VECTOR_EDGE, uvmem_vector_last,
			    UVMEM_VECTOR_EDGE);
	assert_memory_equal(p.tag, uvmem_vector_tag, sizeof(uvmem_vector_tag));

	assert_int_equal(open_sealed(&p), GPG_ERR_NO_ERROR);
	uvmem_vector_plaintext(plain);
	assert_memory_equal(p.byte, plain, SIZE);
}

static void plaintext_blocks_differ(void **unused)
{
	static __u8 plain[SIZE];
	unsigned int i, j;

	(void)unused;
	uvmem_vector_plaintext(plain);
	for (i = 0; i < 256; i += 16)
		for (j = 0; j < i; j += 16)
			assert_memory_not_equal(plain + i, plain + j, 16);
}

/* What the format binds: each of these, changed alone, must not verify. */
static void every_part_is_bound(void **unused)
{
	static const __u64 delta[] = { 1, 1ULL << 8, 1ULL << 32, 1ULL << 39 };
	struct page p;
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(delta); i++) {
		/* another VM */
		seal(&p);
		uvmem_seal_aad(&p.aad, UVMEM_VECTOR_VM_ID ^ delta[i], UVMEM_VECTOR_GFN,
			       UVMEM_VECTOR_VERSION);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
		/* another gfn */
		seal(&p);
		uvmem_seal_aad(&p.aad, UVMEM_VECTOR_VM_ID, UVMEM_VECTOR_GFN ^ delta[i],
			       UVMEM_VECTOR_VERSION);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
		/* another version, by the additional data and by the nonce */
		seal(&p);
		uvmem_seal_aad(&p.aad, UVMEM_VECTOR_VM_ID, UVMEM_VECTOR_GFN,
			       UVMEM_VECTOR_VERSION ^ delta[i]);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
		seal(&p);
		uvmem_seal_nonce(p.nonce, UVMEM_VECTOR_VERSION ^ delta[i]);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
	}
}

static void every_bit_of_the_tag_is_bound(void **unused)
{
	struct page p;
	unsigned int bit;

	(void)unused;
	for (bit = 0; bit < 8 * UVMEM_TAG_SIZE; bit++) {
		seal(&p);
		p.tag[bit / 8] ^= (__u8)(1U << bit % 8);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
	}
}

/* One bit in each 16-byte block, another one each time */
static void every_block_is_bound(void **unused)
{
	struct page p;
	unsigned int block;

	(void)unused;
	for (block = 0; block < SIZE / 16; block++) {
		seal(&p);
		p.byte[block * 16 + block % 16] ^= (__u8)(1U << block % 8);
		assert_int_equal(open_sealed(&p), GPG_ERR_CHECKSUM);
	}
}

static int setup(void **unused)
{
	(void)unused;
	if (!gcry_check_version(GCRYPT_VERSION)) {
		fprintf(stderr, "libgcrypt is older than its header\n");
		return -1;
	}
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_sizes),
		cmocka_unit_test(nonce_bytes),
		cmocka_unit_test(nonces_differ),
		cmocka_unit_test(aad_bytes),
		cmocka_unit_test(known_answer),
		cmocka_unit_test(plaintext_blocks_differ),
		cmocka_unit_test(every_part_is_bound),
		cmocka_unit_test(every_bit_of_the_tag_is_bound),
		cmocka_unit_test(every_block_is_bound),
	};

	return cmocka_run_group_tests_name("seal", tests, setup, NULL);
}
