// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_cost.ko - what the kernel's own pieces of a page move cost
 *
 * AES-256-GCM of a page with 24 bytes of additional data, by the same kind of
 * request as kvm-uvmem's uv.c makes, and copying and clearing a page. Runs when
 * it is loaded, writes its figures to the kernel's log in the words of bench.h,
 * and refuses to stay: loading it fails with ECANCELED when all went well.
 */
#include <crypto/aead.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#define NR_PAGES	64
#define PASSES		16
#define AAD_SIZE	24
#define TAG_SIZE	16
#define NONCE_SIZE	12
#define KEY_SIZE	32

static unsigned int rounds = 3;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "rounds that count, after one that does not (3)");

enum what { SEAL, OPEN, COPY, CLEAR, SCAN, NOTHING };

static const char * const names[] = {
	[SEAL] = "seal",
	[OPEN] = "open",
	[COPY] = "copy_page",
	[CLEAR] = "clear_page",
	[SCAN] = "scan_zero_page",
	[NOTHING] = "loop",
};

static struct page *from[NR_PAGES], *to[NR_PAGES];
static u8 (*tags)[TAG_SIZE];
static struct crypto_aead *tfm;
static struct aead_request *req;
/* In memory that scatterlists may name. */
static struct crypt_buf {
	u8 aad[AAD_SIZE] __aligned(16);
	u8 tag[TAG_SIZE] __aligned(16);
	u8 iv[16] __aligned(16);
} *buf;

static int crypt(bool seal, struct page *src_page, struct page *dst_page, unsigned int i)
{
	struct scatterlist src[3], dst[3];

	sg_init_table(src, 3);
	sg_set_buf(&src[0], buf->aad, AAD_SIZE);
	sg_set_page(&src[1], src_page, PAGE_SIZE, 0);
	sg_set_buf(&src[2], buf->tag, TAG_SIZE);
	sg_init_table(dst, 3);
	sg_set_buf(&dst[0], buf->aad, AAD_SIZE);
	sg_set_page(&dst[1], dst_page, PAGE_SIZE, 0);
	sg_set_buf(&dst[2], buf->tag, TAG_SIZE);
	memset(buf->iv, 0, NONCE_SIZE);
	buf->iv[0] = i;
	memset(buf->aad, i, AAD_SIZE);

	aead_request_set_tfm(req, tfm);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, AAD_SIZE);
	aead_request_set_crypt(req, src, src_page == dst_page ? src : dst,
			       PAGE_SIZE + (seal ? 0 : TAG_SIZE), buf->iv);
	return seal ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
}

static int one(enum what what, unsigned int i)
{
	int err;

	switch (what) {
	case SEAL:
		err = crypt(true, from[i], to[i], i);
		memcpy(tags[i], buf->tag, TAG_SIZE);
		return err;
	case OPEN:
		memcpy(buf->tag, tags[i], TAG_SIZE);
		return crypt(false, to[i], from[i], i);
	case COPY:
		copy_highpage(to[i], from[i]);
		return 0;
	case CLEAR:
		clear_highpage(to[i]);
		return 0;
	case SCAN:
		return memchr_inv(page_address(to[i]), 0, PAGE_SIZE) ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int measure(enum what what)
{
	unsigned int round, pass, i;
	int err = 0;

	for (round = 0; round <= rounds; round++) {
		u64 start = ktime_get_ns(), end;

		for (pass = 0; pass < PASSES; pass++)
			for (i = 0; i < NR_PAGES && !err; i++)
				err = one(what, i);
		end = ktime_get_ns();
		if (err) {
			pr_err("%s: error %d\n", names[what], err);
			return err;
		}
		if (round)
			pr_info("raw kernel.%s %u %llu 0\n", names[what], NR_PAGES * PASSES,
				end - start);
		cond_resched();
	}
	return 0;
}

static int run(void)
{
	u8 key[KEY_SIZE] = { 1 };
	enum what what;
	int i, err;

	tags = kcalloc(NR_PAGES, TAG_SIZE, GFP_KERNEL);
	buf = kzalloc_obj(*buf, GFP_KERNEL);
	if (!tags || !buf)
		return -ENOMEM;
	for (i = 0; i < NR_PAGES; i++) {
		from[i] = alloc_page(GFP_KERNEL);
		to[i] = alloc_page(GFP_KERNEL);
		if (!from[i] || !to[i])
			return -ENOMEM;
		get_random_bytes(page_address(from[i]), PAGE_SIZE);
	}

	tfm = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC | CRYPTO_ALG_ALLOCATES_MEMORY);
	if (IS_ERR(tfm)) {
		err = PTR_ERR(tfm);
		tfm = NULL;
		return err;
	}
	err = crypto_aead_setkey(tfm, key, sizeof(key)) ?: crypto_aead_setauthsize(tfm, TAG_SIZE);
	if (err)
		return err;
	req = aead_request_alloc(tfm, GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	pr_info("text kernel.cipher %s\n", crypto_aead_driver_name(tfm));

	for (what = SEAL; what <= NOTHING && !err; what++)
		err = measure(what);
	return err;
}

static int __init bench_cost_init(void)
{
	int i, err = run();

	aead_request_free(req);
	crypto_free_aead(tfm);
	for (i = 0; i < NR_PAGES; i++) {
		if (from[i])
			__free_page(from[i]);
		if (to[i])
			__free_page(to[i]);
	}
	kfree(buf);
	kfree(tags);
	return err ?: -ECANCELED;
}
module_init(bench_cost_init);

MODULE_SOFTDEP("pre: gcm aesni_intel");
MODULE_DESCRIPTION("Cost of sealing, copying and clearing a page");
MODULE_LICENSE("GPL");
