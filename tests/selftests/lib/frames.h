/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.h - the memory of the host behind a page of the guest, as root sees it who may
 * read /proc/kcore
 */
#ifndef SELFTESTS_UVMEM_FRAMES_H
#define SELFTESTS_UVMEM_FRAMES_H

#include <stdbool.h>

#include <linux/types.h>

/* Some of the bits of /proc/kpageflags. */
#define KPF_LRU			(1ull << 5)
#define KPF_BUDDY		(1ull << 10)
#define KPF_HWPOISON		(1ull << 19)

__u64 host_page_flags(__u64 pfn);
/* Of the page that this process has there, which must be present. */
__u64 host_pfn(const void *addr);
/*
 * The frame that holds what guest_fill(@gpa, 1, @seed) wrote. Nothing else in the host's
 * memory may have had that: use a seed of its own, and fill a page that is IN already.
 */
__u64 find_frame(__u64 gpa, __u64 seed);
/* What the kernel has logged, to be freed: where areas of memory are stands there and nowhere else. */
char *kernel_log(void);
/* The memory of the frame fails, as far as the kernel's software is concerned. */
void fail_memory(__u64 pfn);

#endif
