/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frame.h - back ends of secure frames: where frame.c has them from
 */
#ifndef UVMEM_FRAME_H
#define UVMEM_FRAME_H

#include "uvmem.h"

struct uvmem_frame_ops {
	const char *name;
	enum uvmem_reason exhausted;			/* what it means if alloc fails */
	struct page *(*alloc)(gfp_t gfp, int nid);
	struct page *(*alloc_block)(int nid);	/* 512, contiguous and aligned, freed one by one; or NULL */
	void (*free)(struct page *page);		/* content is scrubbed already; atomic */
};

/* frame.c: one that was given back has failed, and is not there any more. Atomic. */
void uvmem_frame_lost(void);

/*
 * carveout.c. NULL: none is asked for. *@ret_frames: how many there are. ERR_PTR: -ENODEV: nothing of
 * that name was reserved; -EINVAL: too little; -ENOMEM.
 */
const struct uvmem_frame_ops *uvmem_carve_out_init(u64 *ret_frames);
void uvmem_carve_out_exit(void);

#endif
