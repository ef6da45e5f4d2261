// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - the module, and what one should know before reading it
 *
 * Purpose
 *	Guests whose memory their VMM and other host processes can neither read
 *	nor forge, and which can still be overcommitted: secure pages leave secure
 *	memory sealed (encrypted, authenticated, fresh) and come back on demand.
 *	KVM asks for pages and tells of memslots through struct kvm_uvmem_ops
 *	(guest.c); the guest asks through hypercalls (../hypercalls); the host
 *	asks through /dev/kvm-uvmem (device.c, vmfd.c) or by touching pages
 *	(host.c). What is moved is always a batch of a range (move.c, movein.c,
 *	moveout.c).
 *
 * Representation of a page
 *	A secure page's content is in a secure frame (frame.c) that no process
 *	maps. In the VMM's page tables a handle stands for it (pgmap.c): a
 *	device-private struct page that has no memory. The gfn table (gfn.c) has
 *	one word per page that names its state, frame and handle (entry.h), and
 *	the seals of pages that are out.
 *
 * States of a page (state.c has the table of all transitions)
 *	NONE		no memslot has the gfn
 *	NORMAL		the VMM's page, plaintext, not yet secure
 *	SHARED		the VMM's page, plaintext, because the guest wants it so
 *	ABSENT		secure and never touched: nothing is stored, reads as zero
 *	IN		in a frame; the VMM's page table has the handle
 *	OUT		ciphertext in the VMM's page, which is ordinary memory and
 *			may be swapped; the seal is in the kernel
 *	ZERO		all bytes are alike: nothing but that byte is kept; the VMM's
 *			page table has the handle
 *	POOL		in the sealed pool, compressed (blob.c); the VMM's page table has
 *			the handle
 *	LOST		the host dropped the handle; an access stops the guest
 *	A page that is being moved carries the transit mark in addition, from
 *	before its move starts until after its new state is committed. Whoever
 *	meets the mark waits.
 *
 * States of a VM
 *	NORMAL -> INIT (H_SVM_INIT_START) -> SECURE (H_SVM_INIT_DONE) -> TERMINATED;
 *	INIT -> NORMAL (H_SVM_INIT_ABORT). Armed VMs end with their struct kvm, see
 *	vm.c; what is left behind of them, husks, see pgmap.c.
 *
 * Page size
 *	4 KiB. Ranges are worked on in batches of up to 512 pages, one 2 MiB chunk
 *	of the gfn table.
 *
 * Notes on locking, numbered lock order
 *	uvmem.h. A lock stands right after the members it protects.
 *
 * Errors
 *	-errno inside; hypercall codes are made in one place, ../hypercalls/abi.c.
 *
 * Lifetime of the module's text
 *	Pinned by open files (fops), by attached VMs (kvm_uvmem_attach()), and by
 *	handles in page tables (pgmap.c). When none is left, module exit finds no
 *	frame, handle, key or RCU callback of ours, and says so if it does.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "device.h"
#include "reclaim.h"
#include "writeout.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init uvmem_init(void)
{
	int ret;

	ret = uvmem_frame_init();
	if (ret)
		return ret;

	ret = uvmem_watermark_init();
	if (ret)
		goto err_frame;

	ret = uvmem_pgmap_init();
	if (ret)
		goto err_watermark;

	/* Checks the cipher as well: no load without it. */
	ret = uvmem_uv_init();
	if (ret)
		goto err_pgmap;

	ret = uvmem_blob_init();
	if (ret)
		goto err_uv;

	ret = kvm_uvmem_register(&uvmem_kvm_ops);
	if (ret) {
		pr_err("cannot register with KVM: %pe\n", ERR_PTR(ret));
		goto err_blob;
	}

	/* Last: with the device there, VMs can be armed. */
	ret = uvmem_device_init();
	if (ret)
		goto err_register;

	uvmem_point_init();
	pr_info("secure memory: at most %llu MiB\n",
		uvmem_frame_limit() >> (20 - PAGE_SHIFT));
	return 0;

err_register:
	kvm_uvmem_unregister(&uvmem_kvm_ops);
err_blob:
	uvmem_blob_exit();
err_uv:
	uvmem_uv_exit();
err_pgmap:
	uvmem_pgmap_exit();
err_watermark:
	uvmem_watermark_exit();
err_frame:
	uvmem_frame_exit();
	return ret;
}

static void __exit uvmem_exit(void)
{
	uvmem_point_exit();
	uvmem_device_exit();
	kvm_uvmem_unregister(&uvmem_kvm_ops);
	uvmem_watermark_exit();
	uvmem_writeout_exit();
	/* VMs are gone, but call_rcu() functions of theirs may be still to run. */
	rcu_barrier();
	uvmem_blob_exit();
	uvmem_uv_exit();
	uvmem_pgmap_exit();
	uvmem_frame_exit();
	WARN_ON_ONCE(uvmem_vm_count());
}

module_init(uvmem_init);
module_exit(uvmem_exit);

MODULE_DESCRIPTION("Memory paging for secure KVM guests");
MODULE_AUTHOR("The kvm-uvmem authors");
MODULE_LICENSE("GPL");
