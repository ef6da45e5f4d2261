// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software ultravisor
 *
 * Seals pages with AES-256-GCM by the kernel's own crypto API. What is sealed
 * together with a page is in seal.h; what it protects from, in
 * docs/security-model.md.
 *
 * Keys
 *	Every VM has a random key of its own, made when it is armed. It exists
 *	only inside the VM's transform, which wipes it when it is freed.
 *
 * Nonces
 *	A 64-bit counter per VM that only ever grows. A sealed page that was not
 *	needed in the end (the migration failed) has used one up. There are
 *	2^63; at a million pages a second they last for 290,000 years, and then
 *	the VM cannot page out any more.
 *
 * No allocation, no waiting
 *	Pages are sealed and opened with folios locked and transit marks held,
 *	perhaps on behalf of reclaim. So all that a request needs is allocated
 *	beforehand, one set per possible CPU for all VMs, and the algorithm is one
 *	that promises not to allocate (CRYPTO_ALG_ALLOCATES_MEMORY is masked; the
 *	conditions beside its definition are kept: the additional data is the
 *	first scatterlist element, the data is one aligned page). A request runs to
 *	its end on its CPU without sleeping, hence nobody ever waits for a set and
 *	any number of vCPUs seal at once.
 *	There is no call for a batch: a request costs a few hundred
 *	instructions beside the 11,000 of the cipher.
 *
 * Who else can see the pages
 *	Nobody may: @dst of a page-out is a page that is not mapped yet, @frame is
 *	a secure frame. Implementations of GCM read back the ciphertext that they
 *	have written; whoever could change it meanwhile would have his change
 *	authenticated. The same holds for a ciphertext that is being opened: it
 *	is copied into the frame before it is looked at.
 *
 * End of a VM
 *	The transform goes away under RCU: page operations that run beside
 *	terminate (there should be none, see vm.c) either finish or get -ENOKEY.
 */
#include <crypto/aead.h>
#include <linux/highmem.h>
#include <linux/local_lock.h>
#include <linux/maple_tree.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "uvmem.h"
#include "seal_vector.h"
#include "trace.h"

/* gcm(aes) by itself loads the portable implementation only. */
MODULE_SOFTDEP("pre: gcm aesni_intel");

/* What one VM has here: vm->uv_priv. */
struct uv_vm {
	struct crypto_aead *tfm;	/* holds the key */
	atomic64_t version;		/* the last nonce used */

	struct maple_tree slots;	/* gfn range -> xa_value(slot) */
	struct xarray slot_gfn;		/* slot -> xa_value(first gfn) */
	struct mutex slot_lock;		/* protects the above two */
};

/* What one request needs. */
struct uv_ctx {
	struct scatterlist src[3], dst[3];	/* additional data, page, tag */
	struct uvmem_aad aad __aligned(16);
	u8 tag[UVMEM_TAG_SIZE] __aligned(16);
	u8 iv[UVMEM_NONCE_SIZE] __aligned(16);
	u8 req[] __aligned(CRYPTO_MINALIGN);	/* struct aead_request and the algorithm's part */
};

/* A power of two, so that kmalloc() aligns it and it lies in one page. */
#define UV_CTX_SIZE	2048
#define UV_REQ_ROOM	(UV_CTX_SIZE - offsetof(struct uv_ctx, req))

struct uv_cpu {
	local_lock_t lock;
	struct uv_ctx *ctx;
	/* lock protects what ctx points to */
};

static DEFINE_PER_CPU(struct uv_cpu, uv_cpu) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

static atomic64_t uv_keys;

static_assert(UVMEM_PAGE_SHIFT == PAGE_SHIFT);
static_assert(UVMEM_VECTOR_PAGE_SIZE == PAGE_SIZE);

static struct crypto_aead *uv_alloc_tfm(const u8 *key)
{
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead("gcm(aes)", 0,
				CRYPTO_ALG_ASYNC | CRYPTO_ALG_ALLOCATES_MEMORY);
	if (IS_ERR(tfm))
		return tfm;

	err = -EOPNOTSUPP;
	if (crypto_aead_ivsize(tfm) != UVMEM_NONCE_SIZE ||
	    crypto_aead_alignmask(tfm) > 15 ||
	    sizeof(struct aead_request) + crypto_aead_reqsize(tfm) > UV_REQ_ROOM)
		goto err_free;
	err = crypto_aead_setauthsize(tfm, UVMEM_TAG_SIZE);
	if (err)
		goto err_free;
	err = crypto_aead_setkey(tfm, key, UVMEM_KEY_SIZE);
	if (err)
		goto err_free;
	return tfm;

err_free:
	crypto_free_aead(tfm);
	return ERR_PTR(err);
}

/*
 * The first @len bytes of a page through the cipher, @from and @to may be the same. @tag is written when
 * @seal, else compared: -EBADMSG. Does not sleep (on PREEMPT_RT: only on
 * the lock) and does not allocate.
 */
static int uv_crypt(struct crypto_aead *tfm, bool seal, const u8 *nonce,
		    const struct uvmem_aad *aad, struct page *from,
		    struct page *to, unsigned int len, u8 *tag)
{
	struct scatterlist *src, *dst;
	struct aead_request *req;
	struct uv_ctx *ctx;
	int err;

	local_lock(&uv_cpu.lock);
	ctx = this_cpu_read(uv_cpu.ctx);
	src = ctx->src;
	dst = src;
	sg_set_page(&src[1], from, len, 0);
	if (to != from) {
		dst = ctx->dst;
		sg_set_page(&dst[1], to, len, 0);
	}
	memcpy(ctx->iv, nonce, UVMEM_NONCE_SIZE);
	ctx->aad = *aad;
	if (!seal)
		memcpy(ctx->tag, tag, UVMEM_TAG_SIZE);

	req = (struct aead_request *)ctx->req;
	aead_request_set_tfm(req, tfm);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, sizeof(*aad));
	aead_request_set_crypt(req, src, dst,
			       len + (seal ? 0 : UVMEM_TAG_SIZE), ctx->iv);
	err = seal ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);

	if (seal && !err)
		memcpy(tag, ctx->tag, UVMEM_TAG_SIZE);
	local_unlock(&uv_cpu.lock);
	return err;
}

/* Decrypts in place. Whatever fails: nothing unverified stays in @frame. */
static int uv_open(struct crypto_aead *tfm, const u8 *nonce,
		   const struct uvmem_aad *aad, struct page *frame, unsigned int len,
		   const u8 *tag)
{
	u8 copy[UVMEM_TAG_SIZE];
	int err;

	memcpy(copy, tag, sizeof(copy));
	err = uv_crypt(tfm, false, nonce, aad, frame, frame, len, copy);
	if (err)
		clear_highpage(frame);
	return err;
}

/* ---- the operations ------------------------------------------------------ */

/*
 * -EEXIST: it has a key. -ERESTARTSYS: a signal came before the kernel's random
 * generator was ready. -EOPNOTSUPP: no suitable implementation of the cipher.
 */
static int uv_init(struct uvmem_vm *vm)
{
	u8 key[UVMEM_KEY_SIZE];
	struct uv_vm *uv;
	int err;

	if (READ_ONCE(vm->uv_priv))
		return -EEXIST;

	uv = kzalloc_obj(*uv, GFP_KERNEL_ACCOUNT);
	if (!uv)
		return -ENOMEM;
	mutex_init(&uv->slot_lock);
	mt_init(&uv->slots);
	xa_init(&uv->slot_gfn);

	err = get_random_bytes_wait(key, sizeof(key));
	if (err)
		goto err_free;
	uv->tfm = uv_alloc_tfm(key);
	memzero_explicit(key, sizeof(key));
	if (IS_ERR(uv->tfm)) {
		err = PTR_ERR(uv->tfm);
		goto err_free;
	}
	atomic64_inc(&uv_keys);

	/* Pairs with the address dependency on READ_ONCE() of its readers. */
	if (cmpxchg_release(&vm->uv_priv, NULL, uv)) {
		err = -EEXIST;
		goto err_free_tfm;
	}
	return 0;

err_free_tfm:
	crypto_free_aead(uv->tfm);
	atomic64_dec(&uv_keys);
err_free:
	kfree(uv);
	return err;
}

static void uv_terminate(struct uvmem_vm *vm)
{
	struct uv_vm *uv = xchg(&vm->uv_priv, NULL);

	if (!uv)
		return;
	/* Waits for those in uv_seal() and uv_unseal(). */
	synchronize_rcu();
	/* The transform's memory, and the key in it, is zeroed. */
	crypto_free_aead(uv->tfm);
	atomic64_dec(&uv_keys);
	mtree_destroy(&uv->slots);
	xa_destroy(&uv->slot_gfn);
	kfree(uv);
}

/*
 * Slots come and go under KVM's slots_lock and end before the VM does, so
 * terminate cannot run beside these two.
 * -EINVAL: not a range of guest memory. -EEXIST: the slot is in use, or part of
 * the range belongs to another one. -ENOKEY: the VM has no key.
 */
static int uv_register_mem_slot(struct uvmem_vm *vm, u64 gfn, u64 nr_pages, u16 slot)
{
	struct uv_vm *uv = READ_ONCE(vm->uv_priv);
	int err;

	if (!uvmem_range_valid(gfn, nr_pages))
		return -EINVAL;
	if (!uv)
		return -ENOKEY;

	guard(mutex)(&uv->slot_lock);
	err = xa_insert(&uv->slot_gfn, slot, xa_mk_value(gfn), GFP_KERNEL_ACCOUNT);
	if (err)
		return err == -EBUSY ? -EEXIST : err;
	err = mtree_insert_range(&uv->slots, gfn, gfn + nr_pages - 1,
				 xa_mk_value(slot), GFP_KERNEL_ACCOUNT);
	if (err)
		xa_erase(&uv->slot_gfn, slot);
	return err;
}

/* -ENOENT: no such slot. */
static int uv_unregister_mem_slot(struct uvmem_vm *vm, u16 slot)
{
	struct uv_vm *uv = READ_ONCE(vm->uv_priv);
	void *gfn;

	if (!uv)
		return -ENOKEY;

	guard(mutex)(&uv->slot_lock);
	gfn = xa_erase(&uv->slot_gfn, slot);
	if (!gfn)
		return -ENOENT;
	/* Erases the whole range that the gfn is in. */
	mtree_erase(&uv->slots, xa_to_value(gfn));
	return 0;
}

/*
 * -ENOKEY: the key is gone. -EOVERFLOW: so are the nonces. When @dst is @frame and
 * the cipher itself fails, which it has no reason to, the content is lost.
 */
static int uv_seal(struct uvmem_vm *vm, u64 gfn, struct page *frame, struct page *dst,
		   unsigned int len, struct uvmem_seal *seal)
{
	u8 nonce[UVMEM_NONCE_SIZE], tag[UVMEM_TAG_SIZE];
	struct uvmem_aad aad;
	struct uv_vm *uv;
	s64 version = 0;
	int err = -ENOKEY;

	rcu_read_lock();
	uv = READ_ONCE(vm->uv_priv);
	if (!uv)
		goto out;
	/* Once negative it stays so: nobody makes another 2^63 calls. */
	version = atomic64_inc_return(&uv->version);
	err = -EOVERFLOW;
	if (version <= 0)
		goto out;

	uvmem_seal_nonce(nonce, version);
	uvmem_seal_aad(&aad, vm->id, gfn, version);
	err = uv_crypt(uv->tfm, true, nonce, &aad, frame, dst, len, tag);
	if (err)
		goto out;
	seal->version = version;
	memcpy(seal->tag, tag, sizeof(tag));
	atomic64_inc(&vm->stats.sealed);
out:
	rcu_read_unlock();
	trace_uvmem_seal(vm->id, gfn, version, err);
	return err;
}

static int uv_page_out(struct uvmem_vm *vm, u64 gfn, struct page *frame,
		       struct page *dst, struct uvmem_seal *seal)
{
	return uv_seal(vm, gfn, frame, dst, PAGE_SIZE, seal);
}

static int uv_seal_blob(struct uvmem_vm *vm, u64 gfn, struct page *page, unsigned int len,
			struct uvmem_seal *seal)
{
	return uv_seal(vm, gfn, page, page, len, seal);
}

static int uv_unseal(struct uvmem_vm *vm, u64 gfn, struct page *frame, unsigned int len,
		     const struct uvmem_seal *seal)
{
	u8 nonce[UVMEM_NONCE_SIZE];
	struct uvmem_aad aad;
	struct uv_vm *uv;
	int err = -ENOKEY;

	rcu_read_lock();
	uv = READ_ONCE(vm->uv_priv);
	if (!uv)
		goto out;

	uvmem_seal_nonce(nonce, seal->version);
	uvmem_seal_aad(&aad, vm->id, gfn, seal->version);
	if (seal->version) {
		err = uv_open(uv->tfm, nonce, &aad, frame, len, seal->tag);
	} else {
		/* Never sealed: nothing can be genuine. */
		clear_highpage(frame);
		err = -EBADMSG;
	}
	if (!err)
		atomic64_inc(&vm->stats.unsealed);
	else if (err == -EBADMSG)
		atomic64_inc(&vm->stats.integrity_failures);
out:
	rcu_read_unlock();
	trace_uvmem_unseal(vm->id, gfn, seal->version, err);
	return err;
}

static int uv_page_in(struct uvmem_vm *vm, u64 gfn, struct page *frame,
		      const struct uvmem_seal *seal)
{
	return uv_unseal(vm, gfn, frame, PAGE_SIZE, seal);
}

static int uv_page_inval(struct uvmem_vm *vm, u64 gfn)
{
	bool transit;

	if (gfn >= UVMEM_MAX_GFN)
		return -EINVAL;
	return uvmem_page_is_secure(uvmem_gfn_state(vm, gfn, &transit)) ? -EINVAL : 0;
}

const struct uvmem_uv_ops uvmem_uv_software = {
	.name			= "software",
	.init			= uv_init,
	.terminate		= uv_terminate,
	.register_mem_slot	= uv_register_mem_slot,
	.unregister_mem_slot	= uv_unregister_mem_slot,
	.page_out		= uv_page_out,
	.page_in		= uv_page_in,
	.page_inval		= uv_page_inval,
	.seal_blob		= uv_seal_blob,
	.open_blob		= uv_unseal,
};

u64 uvmem_uv_keys(void)
{
	return atomic64_read(&uv_keys);
}

/* ---- self test ------------------------------------------------------------- */

/* What the host might change. */
static const struct uv_attack {
	const char *what;
	enum { UV_CIPHERTEXT, UV_TAG, UV_AAD, UV_NONCE } where;
	unsigned int byte;
} uv_attacks[] = {
	{ "first byte of the ciphertext",	UV_CIPHERTEXT,	0 },
	{ "last byte of the ciphertext",	UV_CIPHERTEXT,	PAGE_SIZE - 1 },
	{ "tag",				UV_TAG,		UVMEM_TAG_SIZE - 1 },
	{ "VM id",	UV_AAD,	offsetof(struct uvmem_aad, vm_id) },
	{ "gfn",	UV_AAD,	offsetof(struct uvmem_aad, gfn) },
	{ "version",	UV_AAD,	offsetof(struct uvmem_aad, version) },
	{ "nonce",				UV_NONCE,	0 },
};

static int uv_test_attack(struct crypto_aead *tfm, const struct uv_attack *attack,
			  const struct page *good, struct page *page)
{
	u8 nonce[UVMEM_NONCE_SIZE], tag[UVMEM_TAG_SIZE];
	struct uvmem_aad aad;
	u8 *field;
	int err;

	memcpy(page_address(page), page_address(good), PAGE_SIZE);
	memcpy(tag, uvmem_vector_tag, sizeof(tag));
	uvmem_seal_nonce(nonce, UVMEM_VECTOR_VERSION);
	uvmem_seal_aad(&aad, UVMEM_VECTOR_VM_ID, UVMEM_VECTOR_GFN, UVMEM_VECTOR_VERSION);

	switch (attack->where) {
	case UV_CIPHERTEXT:
		field = page_address(page);
		break;
	case UV_TAG:
		field = tag;
		break;
	case UV_AAD:
		field = (u8 *)&aad;
		break;
	default:
		field = nonce;
		break;
	}
	field[attack->byte] ^= 1;

	err = uv_open(tfm, nonce, &aad, page, PAGE_SIZE, tag);
	if (err == -EBADMSG && !memchr_inv(page_address(page), 0, PAGE_SIZE))
		return 0;
	pr_err("self test: a changed %s was not refused (%d)\n", attack->what, err);
	return -EINVAL;
}

static int uv_test_vector(struct crypto_aead *tfm, struct page *plain,
			  struct page *sealed, struct page *work)
{
	u8 nonce[UVMEM_NONCE_SIZE], tag[UVMEM_TAG_SIZE];
	struct uvmem_aad aad;
	const u8 *ct = page_address(sealed);

	uvmem_vector_plaintext(page_address(plain));
	uvmem_seal_nonce(nonce, UVMEM_VECTOR_VERSION);
	uvmem_seal_aad(&aad, UVMEM_VECTOR_VM_ID, UVMEM_VECTOR_GFN, UVMEM_VECTOR_VERSION);

	/* to another page */
	if (uv_crypt(tfm, true, nonce, &aad, plain, sealed, PAGE_SIZE, tag) ||
	    memcmp(tag, uvmem_vector_tag, sizeof(tag)) ||
	    memcmp(ct, uvmem_vector_first, UVMEM_VECTOR_EDGE) ||
	    memcmp(ct + PAGE_SIZE - UVMEM_VECTOR_EDGE, uvmem_vector_last,
		   UVMEM_VECTOR_EDGE)) {
		pr_err("self test: sealing gives a wrong result\n");
		return -EINVAL;
	}
	/* in place */
	memcpy(page_address(work), page_address(plain), PAGE_SIZE);
	memset(tag, 0, sizeof(tag));
	if (uv_crypt(tfm, true, nonce, &aad, work, work, PAGE_SIZE, tag) ||
	    memcmp(tag, uvmem_vector_tag, sizeof(tag)) ||
	    memcmp(page_address(work), ct, PAGE_SIZE)) {
		pr_err("self test: sealing in place gives a wrong result\n");
		return -EINVAL;
	}
	/* and back */
	if (uv_open(tfm, nonce, &aad, work, PAGE_SIZE, tag) ||
	    memcmp(page_address(work), page_address(plain), PAGE_SIZE)) {
		pr_err("self test: a sealed page cannot be opened\n");
		return -EINVAL;
	}
	return 0;
}

int uvmem_uv_selftest(void)
{
	struct page *pages[3] = {};
	struct crypto_aead *tfm;
	unsigned int i;
	int err;

	tfm = uv_alloc_tfm(uvmem_vector_key);
	if (IS_ERR(tfm)) {
		pr_err("no usable AES-256-GCM (%ld)\n", PTR_ERR(tfm));
		return PTR_ERR(tfm);
	}
	err = -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			goto out;
	}

	err = uv_test_vector(tfm, pages[0], pages[1], pages[2]);
	for (i = 0; i < ARRAY_SIZE(uv_attacks) && !err; i++)
		err = uv_test_attack(tfm, &uv_attacks[i], pages[1], pages[2]);
	if (!err)
		pr_info("pages are sealed by %s\n", crypto_aead_driver_name(tfm));
out:
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i])
			__free_page(pages[i]);
	crypto_free_aead(tfm);
	return err;
}

/* ---- loading and unloading --------------------------------------------------- */

int uvmem_uv_init(void)
{
	struct uv_ctx *ctx;
	int cpu, err;

	for_each_possible_cpu(cpu) {
		ctx = kzalloc_node(UV_CTX_SIZE, GFP_KERNEL, cpu_to_node(cpu));
		if (!ctx) {
			err = -ENOMEM;
			goto err_exit;
		}
		sg_init_table(ctx->src, ARRAY_SIZE(ctx->src));
		sg_init_table(ctx->dst, ARRAY_SIZE(ctx->dst));
		sg_set_buf(&ctx->src[0], &ctx->aad, sizeof(ctx->aad));
		sg_set_buf(&ctx->dst[0], &ctx->aad, sizeof(ctx->aad));
		sg_set_buf(&ctx->src[2], ctx->tag, sizeof(ctx->tag));
		sg_set_buf(&ctx->dst[2], ctx->tag, sizeof(ctx->tag));
		per_cpu(uv_cpu.ctx, cpu) = ctx;
	}
	err = uvmem_uv_selftest();
	if (err)
		goto err_exit;
	return 0;

err_exit:
	uvmem_uv_exit();
	return err;
}

void uvmem_uv_exit(void)
{
	int cpu;

	WARN_ON_ONCE(uvmem_uv_keys());
	for_each_possible_cpu(cpu) {
		kfree_sensitive(per_cpu(uv_cpu.ctx, cpu));
		per_cpu(uv_cpu.ctx, cpu) = NULL;
	}
}
