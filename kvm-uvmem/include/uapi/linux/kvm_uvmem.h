/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * kvm-uvmem: memory paging for secure guests. User-space interface.
 *
 * This header is the specification of /dev/kvm-uvmem and of the files that it
 * hands out. All numbers are host endian, all sizes are in bytes unless a name
 * says pages (of 4096 bytes), all times are CLOCK_MONOTONIC nanoseconds.
 *
 * Common rules
 *	Every argument structure begins with its size as the caller knows it.
 *	A size below the first published one: EINVAL. A larger one is accepted if
 *	the excess is zero, else E2BIG. Fields named reserved or pad must be zero
 *	on input (EINVAL) and are zero on output. Unknown flags: EINVAL.
 *	Calls are told apart without regard to the size in their number; a size
 *	above 4096 is E2BIG.
 *	A call that fails has changed nothing and written nothing back, except
 *	where it says otherwise. An unknown ioctl: ENOTTY.
 *
 * Permissions
 *	Whoever can open the device (mode 0660, group kvm-uvmem) may query it and
 *	arm VMs of its own process. Calls that act on VMs of others or on the
 *	host's settings need CAP_SYS_ADMIN, and say so below: EPERM without it.
 */
#ifndef _UAPI_LINUX_KVM_UVMEM_H
#define _UAPI_LINUX_KVM_UVMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UVMEM_DEVICE_PATH	"/dev/kvm-uvmem"

/* Raised when something is added; nothing is ever removed or changed. */
#define UVMEM_API_VERSION	6

#define UVMEM_IOC		0xBB

/* Length of arrays that an enum indexes: the enum can grow, the structure not. */
#define UVMEM_ROOM		16

/*
 * enum uvmem_page_state - the state of one guest page (gfn)
 *
 * Where the page's content is, what the VMM sees through its mapping, and what
 * an access does: docs/page-states.md.
 */
enum uvmem_page_state {
	UVMEM_PAGE_NONE		= 0,	/* no memslot has this gfn */
	UVMEM_PAGE_NORMAL	= 1,	/* VMM page, plaintext, not yet secure */
	UVMEM_PAGE_SHARED	= 2,	/* VMM page, plaintext, shared by the guest */
	UVMEM_PAGE_ABSENT	= 3,	/* secure, never touched: reads as zero */
	UVMEM_PAGE_IN		= 4,	/* secure, in a secure frame */
	UVMEM_PAGE_OUT		= 5,	/* secure, ciphertext in the VMM's page */
	UVMEM_PAGE_ZERO		= 6,	/* secure, same-filled: only the byte is kept */
	UVMEM_PAGE_LOST		= 7,	/* secure, the host dropped it; an access stops the guest */
	UVMEM_PAGE_POOL		= 8,	/* secure, compressed and sealed in kernel memory */
	UVMEM_PAGE_NR_STATES	= 9,
};

/* enum uvmem_vm_state - the life cycle of an armed VM */
enum uvmem_vm_state {
	UVMEM_VM_NORMAL		= 0,	/* armed, nothing secure yet */
	UVMEM_VM_INIT		= 1,	/* H_SVM_INIT_START was called */
	UVMEM_VM_SECURE		= 2,	/* H_SVM_INIT_DONE was called */
	UVMEM_VM_TERMINATED	= 3,	/* keys are gone */
	UVMEM_VM_NR_STATES	= 4,
};

/* enum uvmem_cause - on whose behalf pages moved */
enum uvmem_cause {
	UVMEM_CAUSE_GUEST_FAULT	= 0,
	UVMEM_CAUSE_HYPERCALL	= 1,
	UVMEM_CAUSE_HOST_TOUCH	= 2,
	UVMEM_CAUSE_RECLAIM	= 3,	/* UVMEM_VM_PAGE_OUT */
	UVMEM_CAUSE_PREFETCH	= 4,	/* UVMEM_VM_PAGE_IN */
	UVMEM_CAUSE_TEARDOWN	= 5,
	UVMEM_CAUSE_KERNEL	= 6,	/* KVM's own access, e.g. the emulator */
	UVMEM_NR_CAUSES		= 7,
};

/* enum uvmem_reason - why a page did not move */
enum uvmem_reason {
	UVMEM_REASON_PINNED	= 0,	/* a long-term pin or another reference */
	UVMEM_REASON_RACED	= 1,	/* it changed while it was being moved */
	UVMEM_REASON_BUSY	= 2,	/* locked, in transit, under migration */
	UVMEM_REASON_NO_FRAME	= 3,	/* the pool's limit or secure memory is exhausted */
	UVMEM_REASON_NO_MEMORY	= 4,	/* no normal page, handle or metadata */
	UVMEM_REASON_FOREIGN	= 5,	/* device-private page of another owner */
	UVMEM_REASON_NOT_ANON	= 6,	/* hugetlb, file, shmem, device memory or no mapping */
	UVMEM_REASON_YOUNG	= 7,	/* resident for less than the minimum residency */
	UVMEM_REASON_STATE	= 8,	/* its state does not allow the move (nothing to do) */
	/* from API version 6 on */
	UVMEM_REASON_NO_GAIN	= 9,	/* only ciphertext would be left of it: UVMEM_RECLAIM_NO_CIPHERTEXT */
	UVMEM_NR_REASONS	= 10,
};

/* enum uvmem_stop_reason - why a guest was stopped; see KVM exit below */
enum uvmem_stop_reason {
	UVMEM_STOP_NONE		= 0,
	UVMEM_STOP_INTEGRITY	= 1,	/* ciphertext forged, replayed or moved */
	UVMEM_STOP_MISSING	= 2,	/* ciphertext was dropped by the host */
	UVMEM_STOP_LOST		= 3,	/* secure page was dropped by the host */
	UVMEM_STOP_NOT_ANON	= 4,	/* the memory behind a secure gfn cannot hold it */
	UVMEM_STOP_NO_MEMORY	= 5,	/* no frame could be had for a guest access */
	UVMEM_STOP_NO_SLOT	= 6,	/* an access to a secure gfn whose memslot is gone */
	/* from API version 6 on */
	UVMEM_STOP_HWPOISON	= 7,	/* the memory of the page's frame has failed */
	UVMEM_NR_STOP_REASONS	= 8,
};

/*
 * KVM exit of a stopped guest: KVM_RUN returns 0 with exit_reason
 * KVM_EXIT_INTERNAL_ERROR, internal.suberror UVMEM_SUBERROR, ndata 3 and
 * data[] = { enum uvmem_stop_reason, gpa, VM id }. Every later KVM_RUN of the
 * VM returns the same; the guest does not run again.
 */
#define UVMEM_SUBERROR		0x75766d65	/* "uvme" */

/* ---- /dev/kvm-uvmem ---------------------------------------------------- */

/*
 * struct uvmem_info - UVMEM_GET_INFO: what this module is and can do
 * Permission: none beyond opening the device.
 */
struct uvmem_info {
	__u32 size;
	__u32 api_version;		/* UVMEM_API_VERSION of the module */
	__u64 capabilities;		/* UVMEM_CAP_* */
	__u32 page_size;		/* 4096 */
	__u32 max_range_pages;		/* pages handled between two signal checks */
	__u32 cbit;			/* C-bit of UVMEM_ARM_SEV, 0 if the host has none */
	__u32 pad;
	__u64 reserved[3];
};
#define UVMEM_CAP_PAGING	(1ULL << 0)	/* page-in and page-out of ranges */
#define UVMEM_CAP_SAME_FILLED	(1ULL << 1)	/* same-filled pages take no storage */
#define UVMEM_CAP_EVENTS	(1ULL << 2)	/* poll()/read() event stream */
#define UVMEM_CAP_STATS		(1ULL << 3)	/* KVM binary stats on UVMEM_VM_GET_STATS_FD */
#define UVMEM_CAP_HUGE		(1ULL << 4)	/* 2 MiB pages move whole */
#define UVMEM_CAP_ARM_NEW	(1ULL << 5)	/* UVMEM_ARM_NEW */
#define UVMEM_CAP_SEV		(1ULL << 6)	/* UVMEM_ARM_SEV; info.cbit */
#define UVMEM_CAP_AGING		(1ULL << 7)	/* UVMEM_VM_AGE, UVMEM_VM_RECLAIM */
#define UVMEM_CAP_LIMITS	(1ULL << 8)	/* UVMEM_VM_SET_LIMITS, UVMEM_VM_GET_LIMITS */
#define UVMEM_CAP_SEALED_POOL	(1ULL << 9)	/* UVMEM_SET_SEALED_POOL */
#define UVMEM_CAP_STALL_TRIGGERS (1ULL << 10)	/* UVMEM_VM_SET_STALL_TRIGGER */
#define UVMEM_CAP_FIND		(1ULL << 11)	/* UVMEM_VM_FIND */
#define UVMEM_CAP_NO_CIPHERTEXT	(1ULL << 12)	/* UVMEM_RECLAIM_NO_CIPHERTEXT */
#define UVMEM_GET_INFO		_IOWR(UVMEM_IOC, 0x00, struct uvmem_info)

/* struct uvmem_pool - UVMEM_GET_POOL: the host's secure memory */
struct uvmem_pool {
	__u32 size;
	__u32 pad;
	__u64 frames_limit;		/* pages; see UVMEM_SET_POOL_LIMIT */
	__u64 frames_used;		/* pages in use by all VMs */
	__u64 frames_peak;
	__u64 handles_total;		/* device-private struct pages that exist */
	__u64 handles_used;		/* of these in VMM page tables (husks included) */
	__u64 handles_husk;		/* of these left behind by VMs that ended */
	__u64 seals;			/* pages that are SECURE_OUT, all VMs */
	__u64 metadata_bytes;		/* tables, seals and handle struct pages */
	__u64 vms;			/* armed VMs */
	__u64 keys;			/* VM keys in memory */
	__u64 reserved[4];
	/* from API version 4 on: the sealed pool, see UVMEM_SET_SEALED_POOL */
	__u64 sealed_pool_limit;	/* bytes */
	__u64 sealed_pool_used;		/* bytes of memory that it takes */
	__u64 sealed_pool_pages;	/* pages that are UVMEM_PAGE_POOL, all VMs */
	__u64 sealed_pool_bytes;	/* what these were compressed to */
};
#define UVMEM_GET_POOL		_IOWR(UVMEM_IOC, 0x01, struct uvmem_pool)

/*
 * struct uvmem_pool_limit - UVMEM_SET_POOL_LIMIT
 * A limit below what is in use is accepted: nothing is taken from a guest, no
 * new frame is given until use has fallen below it. 0, above 2^63 - 1, or more than
 * a carve-out has (the module's parameter carve_out): EINVAL. Memory of a carve-out that
 * fails is not there any more: the limit follows by itself.
 * Permission: CAP_SYS_ADMIN.
 */
struct uvmem_pool_limit {
	__u32 size;
	__u32 pad;
	__u64 frames;			/* pages */
	__u64 reserved[2];
};
#define UVMEM_SET_POOL_LIMIT	_IOW(UVMEM_IOC, 0x02, struct uvmem_pool_limit)

/*
 * struct uvmem_arm - UVMEM_ARM: let a VM become secure
 * Returns a per-VM file (O_CLOEXEC). The VM must have been created by the
 * caller's process (EPERM) and have neither vCPU nor memslot yet (EBUSY);
 * armed already: EEXIST; vm_fd is no KVM VM: EBADF; the VM or the host cannot
 * do it (no two-dimensional paging, private memory attributes): EOPNOTSUPP.
 * An armed VM stays armed until it ends.
 */
struct uvmem_arm {
	__u32 size;
	__s32 vm_fd;
	__u64 flags;			/* UVMEM_ARM_* */
	__u64 max_frames;		/* pages of secure memory, 0: no limit of its own */
	char  name[64];			/* NUL-terminated, for people; may be empty */
	__u64 reserved[4];
};
#define UVMEM_ARM_HOST_TOUCH_SIGBUS	(1ULL << 0) /* a host touch of a resident secure page is SIGBUS */
/*
 * For unmodified guests: the guest sees plain SEV. CPUID 0x8000001F has the SEV
 * bit and the position of the C-bit, info.cbit; 0x80000000 and 0x80000008 are as they must
 * be for that; KVM's feature leaf has KVM_FEATURE_HC_MAP_GPA_RANGE and
 * KVM_FEATURE_MIGRATION_CONTROL. MSR 0xC0010131 reads 1, MSR_KVM_MIGRATION_CONTROL
 * can be written. The guest's memory is there with and without the C-bit in its
 * address; memslots must lie below it (EINVAL). KVM_HC_MAP_GPA_RANGE
 * leaves 0xA0000 to 0xFFFFF, the PC's video memory and ROMs, alone. A writable
 * memslot must be private anonymous memory (EOPNOTSUPP; the kernel log says what
 * it is).
 * EOPNOTSUPP if info.cbit is 0.
 */
#define UVMEM_ARM_SEV			(1ULL << 1)
#define UVMEM_ARM		_IOW(UVMEM_IOC, 0x03, struct uvmem_arm)

/*
 * struct uvmem_vm_list - UVMEM_LIST_VMS: ids of the armed VMs, ascending
 * nr: in, room at ids; out, how many there are. If the room is too small the
 * call fails with ENOSPC and only nr is written back. Permission: none; the
 * ids of VMs of other users are not secret.
 */
struct uvmem_vm_list {
	__u32 size;
	__u32 nr;
	__u64 ids;			/* pointer to __u64[nr] */
	__u64 reserved[2];
};
#define UVMEM_LIST_VMS		_IOWR(UVMEM_IOC, 0x04, struct uvmem_vm_list)

/*
 * struct uvmem_open_vm - UVMEM_OPEN_VM: the per-VM file of an armed VM
 * Returns a new file (O_CLOEXEC). No such VM: ENOENT.
 * Permission: CAP_SYS_ADMIN, or the VM belongs to the caller's process.
 */
struct uvmem_open_vm {
	__u32 size;
	__u32 pad;
	__u64 id;
	__u64 reserved[2];
};
#define UVMEM_OPEN_VM		_IOW(UVMEM_IOC, 0x05, struct uvmem_open_vm)

/*
 * UVMEM_ARM_NEW: arm the VMs that are yet to be created, with struct uvmem_arm
 * Marks the open file of the device, once (EBUSY): from now on KVM_CREATE_VM by a
 * process that has the file open arms the new VM as UVMEM_ARM would. If that
 * cannot be done, KVM_CREATE_VM fails with the errno of UVMEM_ARM, so that no VM is
 * created that is not armed. vm_fd must be -1 (EINVAL).
 * The mark goes where the file goes: through fork() and, without O_CLOEXEC, through
 * execve(), so that a launcher can arm the VM of a VMM that knows nothing of
 * it. It ends when the process closes the file. Of several marked files the one
 * with the lowest number counts.
 */
#define UVMEM_ARM_NEW		_IOW(UVMEM_IOC, 0x06, struct uvmem_arm)

/*
 * struct uvmem_sealed_pool - UVMEM_SET_SEALED_POOL: how large the sealed pool may become
 * Where UVMEM_VM_PAGE_OUT, UVMEM_VM_RECLAIM and the kernel's own reclaim put a page first
 * that is not same-filled: compressed, sealed, in kernel memory that no process maps
 * (UVMEM_PAGE_POOL). A page that does not become a quarter smaller, or finds no room
 * there, becomes ciphertext in the VMM's memory (UVMEM_PAGE_OUT).
 * The memory that it takes (sealed_pool_used, what goes to waste between blobs included) is
 * never above the limit; since it grows by some pages at once it may stop a few pages below.
 * When the pool is nearly full a worker of the kernel's writes its oldest pages out: they become
 * ciphertext in the VMM's memory (UVMEM_PAGE_OUT; statistic pool_written_out) until 1/16
 * of the limit is free. It takes only what can be had without waiting, and nothing if there
 * is no place for ciphertext, as UVMEM_VM_RECLAIM says of ENOSPC. Parameter
 * sealed_pool_write_out=N: nothing is written out, pages stay until they are used.
 * A limit below what is in use is accepted: nothing more comes in, and the worker writes out what
 * is too much, after the call has returned, again and again until all is gone that can go.
 * 0 (that is the default; parameter sealed_pool_mib): nothing comes in, nothing stays.
 * That memory is not charged to any cgroup.
 * Permission: CAP_SYS_ADMIN.
 */
struct uvmem_sealed_pool {
	__u32 size;
	__u32 pad;
	__u64 limit;			/* bytes; above 2^63 - 1: EINVAL */
	__u64 reserved[2];
};
#define UVMEM_SET_SEALED_POOL	_IOW(UVMEM_IOC, 0x07, struct uvmem_sealed_pool)

/* ---- per-VM file ------------------------------------------------------- */

/*
 * struct uvmem_vm_info - UVMEM_VM_GET_INFO
 * pages[] counts the VM's gfns by enum uvmem_page_state; the sum of all but
 * UVMEM_PAGE_NONE (always 0) is registered_pages + detached_pages, always.
 */
struct uvmem_vm_info {
	__u32 size;
	__u32 state;			/* enum uvmem_vm_state */
	__u64 id;			/* never reused while the module is loaded */
	__s32 pid;			/* of the VMM, in the caller's pid namespace; 0 if none */
	__u32 stop_reason;		/* enum uvmem_stop_reason */
	__u64 stop_gpa;
	__u64 flags;			/* of UVMEM_ARM */
	__u64 max_frames;
	__u64 frames;			/* secure frames in use */
	__u64 registered_pages;		/* pages of the VM's memslots */
	__u64 detached_pages;		/* secure pages whose memslot is gone for now */
	__u64 pages[UVMEM_ROOM];	/* by enum uvmem_page_state */
	__u64 metadata_bytes;
	char  name[64];
	__u64 reserved[8];
	/* from API version 4 on */
	__u64 sealed_pool_bytes;	/* what the pages that are UVMEM_PAGE_POOL were compressed to */
};
#define UVMEM_VM_GET_INFO	_IOWR(UVMEM_IOC, 0x10, struct uvmem_vm_info)

/*
 * struct uvmem_range - UVMEM_VM_PAGE_OUT, UVMEM_VM_PAGE_IN
 * Move the secure pages of a range of gfns out of or into secure frames. Pages
 * that need no move are counted under UVMEM_REASON_STATE. The call goes on
 * past pages that cannot move and says how many moved and why others did not.
 * A pending signal ends it early: EINTR if nothing was done, else success with
 * done < nr_pages. gfn + nr_pages overflows or nr_pages is 0: EINVAL. Gfns of
 * no memslot count as UVMEM_REASON_STATE. The VM has ended: ESRCH.
 * Permission: CAP_SYS_ADMIN, or the VM belongs to the caller's process.
 */
struct uvmem_range {
	__u32 size;
	__u32 pad;
	__u64 gfn;
	__u64 nr_pages;
	__u64 flags;			/* UVMEM_RANGE_* */
	__u64 done;			/* out: pages looked at, from gfn on */
	__u64 moved;			/* out */
	__u64 skipped[UVMEM_ROOM];	/* out, by enum uvmem_reason */
	__u64 reserved[4];
};
#define UVMEM_RANGE_IGNORE_AGE	(1ULL << 0)	/* page-out: disregard the minimum residency */
#define UVMEM_VM_PAGE_OUT	_IOWR(UVMEM_IOC, 0x11, struct uvmem_range)
#define UVMEM_VM_PAGE_IN	_IOWR(UVMEM_IOC, 0x12, struct uvmem_range)

/*
 * struct uvmem_states - UVMEM_VM_GET_STATES: states of a range, one byte each
 * nr_pages 0 or above 65536, or past the end of the address space: EINVAL. The VM
 * has ended: ESRCH. Bit 7 of a byte: the page is in transit.
 */
struct uvmem_states {
	__u32 size;
	__u32 pad;
	__u64 gfn;
	__u64 nr_pages;
	__u64 states;			/* pointer to __u8[nr_pages] */
	__u64 reserved[2];
};
#define UVMEM_STATE_IN_TRANSIT	0x80
#define UVMEM_VM_GET_STATES	_IOW(UVMEM_IOC, 0x13, struct uvmem_states)

/*
 * UVMEM_VM_GET_STATS_FD: a file with the VM's statistics in the layout of
 * KVM_GET_STATS_FD (Documentation/virt/kvm/api.rst); no argument.
 * Names and units: docs/statistics.md.
 */
#define UVMEM_VM_GET_STATS_FD	_IO(UVMEM_IOC, 0x14)

/*
 * struct uvmem_age - UVMEM_VM_AGE: find out which secure pages the guest uses
 * A pass looks at all pages that are UVMEM_PAGE_IN, at what the guest's page table of
 * second level says of their having been accessed, and clears that. One
 * call looks at no more than max_scan pages (0: no limit) and goes on where the last one
 * stopped; it ends with the pass, or early, with success, if a signal is pending. A huge mapping
 * has one accessed bit for all of its pages. Accesses by KVM on behalf of the guest
 * count as the guest's. The VM has ended: ESRCH.
 *
 * idle[] counts pages by how long they have been idle: the passes that were completed
 * since one found them accessed, 0 for those that the last complete pass found, or that
 * came in since. idle[31] is 31 or more. It is known at all times and costs nothing;
 * when no page moves its sum is the number of pages that are UVMEM_PAGE_IN.
 * Permission: CAP_SYS_ADMIN, or the VM belongs to the caller's process.
 */
#define UVMEM_IDLE_BUCKETS	32
struct uvmem_age {
	__u32 size;
	__u32 flags;			/* none yet */
	__u64 max_scan;			/* pages */
	__u64 scanned;			/* out: pages looked at by this call */
	__u64 young;			/* out: of these, accessed since the pass before */
	__u64 generation;		/* out: passes completed since the VM was armed */
	__u64 idle[UVMEM_IDLE_BUCKETS];	/* out: pages */
	__u64 reserved[4];
};
#define UVMEM_VM_AGE		_IOWR(UVMEM_IOC, 0x15, struct uvmem_age)

/*
 * struct uvmem_reclaim - UVMEM_VM_RECLAIM: page out the coldest pages of a VM
 * At most nr_pages of those that have been idle for at least min_idle passes (see struct
 * uvmem_age; above 31, or nr_pages 0: EINVAL), oldest first. A page that was accessed
 * since the last look at it is not idle any more, whether or not there was a pass since
 * (UVMEM_REASON_YOUNG). The minimum residency is kept. min_idle 0: any page, the
 * ones in use last.
 * ENOSPC if there is no place for what is paged out: no room in the sealed pool, no swap, and
 * less normal memory than the reserve (parameter reserve_pages). If there is room in the
 * sealed pool only, pages that cannot be kept there stay (UVMEM_REASON_NO_MEMORY).
 *
 * UVMEM_RECLAIM_NO_CIPHERTEXT (from API version 6 on): for whoever wants to save memory on a
 * host without swap, where ciphertext in the VMM's memory takes as much as the frame did. Only
 * same-filled pages go, and those that the sealed pool takes; there is no ENOSPC then. A page that
 * is neither stays in its frame (UVMEM_REASON_NO_GAIN) and counts against nr_pages, so
 * that a call tries no more than that. It keeps its age, and what is idle[] of struct uvmem_age
 * does not change; but calls with this flag do not try it again, nor count it, before it was used or
 * has come in anew. If it was for want of room in the sealed pool, all pages are tried again as
 * soon as 1/16 of that is free. How many are known to be such is the statistic no_gain_pages.
 * Whoever reclaims without the flag, and the kernel's own reclaim, takes them as any page.
 *
 * Below limits.min nothing is taken. A signal ends the call early: EINTR if nothing
 * was moved. The VM has ended: ESRCH.
 * Permission: CAP_SYS_ADMIN, or the VM belongs to the caller's process.
 */
struct uvmem_reclaim {
	__u32 size;
	__u32 flags;			/* UVMEM_RECLAIM_* */
	__u64 nr_pages;
	__u32 min_idle;
	__u32 pad;
	__u64 scanned;			/* out: pages looked at */
	__u64 moved;			/* out */
	__u64 zero;			/* out: of these, same-filled: no ciphertext was made */
	__u64 skipped[UVMEM_ROOM];	/* out, by enum uvmem_reason */
	__u64 reserved[4];
	/* from API version 4 on */
	__u64 pooled;			/* out: of those moved, now UVMEM_PAGE_POOL */
};
#define UVMEM_RECLAIM_NO_CIPHERTEXT	(1U << 0)	/* only what leaves none */
#define UVMEM_VM_RECLAIM	_IOWR(UVMEM_IOC, 0x16, struct uvmem_reclaim)

/*
 * struct uvmem_limits - UVMEM_VM_SET_LIMITS, UVMEM_VM_GET_LIMITS: frames of a VM
 * max	is never passed: for a frame that the guest needs beyond it, its own coldest pages go.
 *	What it has above a new max goes at once, as far as it can; no new frame is
 *	given out before it has. UVMEM_ARM's max_frames is a second such limit, the lower
 *	one counts. A guest needs some tens of frames to make progress.
 * high	is for the daemon to keep: UVMEM_EVENT_VM_HIGH when it is passed.
 * low	is what the kernel's own reclaim, when the pool is nearly full (parameters
 *	watermark_high, watermark_low), does not go below while another VM is above its own.
 * min	is what neither that nor UVMEM_VM_RECLAIM goes below.
 * All are 0 at first; 0 is none for max and high. Unless min <= low <= high <= max, as
 * far as there are such: EINVAL. The VM has ended: ESRCH to set; the last ones can be got.
 * Permission: CAP_SYS_ADMIN to set, none to get.
 */
struct uvmem_limits {
	__u32 size;
	__u32 pad;
	__u64 min;			/* pages, all of them */
	__u64 low;
	__u64 high;
	__u64 max;
	__u64 reserved[4];
};
#define UVMEM_VM_SET_LIMITS	_IOW(UVMEM_IOC, 0x17, struct uvmem_limits)
#define UVMEM_VM_GET_LIMITS	_IOWR(UVMEM_IOC, 0x18, struct uvmem_limits)

/* enum uvmem_stall_kind - whose time a stall is; see stall_some_ns, stall_full_ns in docs/statistics.md */
enum uvmem_stall_kind {
	UVMEM_STALL_SOME	= 0,	/* at least one vCPU waits for memory */
	UVMEM_STALL_FULL	= 1,	/* and no other one does anything else */
	UVMEM_STALL_NR_KINDS	= 2,
};

/*
 * struct uvmem_stall_trigger - UVMEM_VM_SET_STALL_TRIGGER: be told when the guest waits too much
 * UVMEM_EVENT_STALL comes, on all files that have the VM's events, when of the last window_us
 * at least threshold_us were stalled; again after another window_us at the earliest, if
 * it is so then. What was stalled before the call does not count. A window is known to a
 * sixteenth of its length, and a wait that goes on is noticed some ms late.
 * A VM has one trigger of each kind; a new one takes the place of the old. threshold_us and
 * window_us 0: there is none, as at first; no event of it comes after the call.
 * window_us below 10000 or above 60000000, threshold_us above window_us, only one of them 0, or an
 * unknown kind: EINVAL. The VM has ended: ESRCH; its triggers end with it.
 * From API version 5 on. Permission: CAP_SYS_ADMIN.
 */
#define UVMEM_STALL_WINDOW_MIN_US	10000ULL
#define UVMEM_STALL_WINDOW_MAX_US	60000000ULL
struct uvmem_stall_trigger {
	__u32 size;
	__u32 kind;			/* enum uvmem_stall_kind */
	__u64 threshold_us;
	__u64 window_us;
	__u64 reserved[4];
};
#define UVMEM_VM_SET_STALL_TRIGGER _IOW(UVMEM_IOC, 0x19, struct uvmem_stall_trigger)

/*
 * struct uvmem_find - UVMEM_VM_FIND: where pages of certain states are
 * Looks at the pages from gfn on and tells of those that are in one of the states: in
 * ranges of pages that follow each other in the guest and in the VMM, ascending. Pages
 * in transit and those of no memslot are left out. gfn is where to go on: behind the
 * last page looked at, or UVMEM_FIND_END if there is nothing more. A call ends when it has looked
 * at max_scan pages (0: no limit), when a page needs a range and there is no room, or, with
 * success, when a signal is pending. 2 MiB of memory that are all alike and fit nothing cost
 * next to nothing and do not count as looked at.
 * max_away_ms: of pages that are OUT, ZERO or POOL only those that left a frame at most that
 * long ago, and none of other states; 0: however long. One that left months ago may be taken
 * for one that has just left.
 * UVMEM_FIND_IN_MEMORY: only pages that the VMM has in memory: not in swap, not dropped, and
 * no secure page, which it has nowhere. matched counts the others, too.
 * What is told may have changed by then: it is for hints, such as process_madvise().
 * nr 0 or above UVMEM_FIND_MAX, states 0 or unknown, UVMEM_PAGE_NONE: EINVAL. The VM has
 * ended: ESRCH.
 * Permission: CAP_SYS_ADMIN, or the VM belongs to the caller's process.
 */
struct uvmem_found {
	__u64 gfn;
	__u64 hva;			/* of gfn, in the VMM */
	__u64 nr_pages;
};
struct uvmem_find {
	__u32 size;
	__u32 nr;			/* in: room at found; out: ranges */
	__u64 gfn;			/* in: from where on; out: where to go on */
	__u64 max_scan;			/* pages */
	__u32 states;			/* 1 << enum uvmem_page_state, some of them */
	__u32 max_away_ms;
	__u64 found;			/* pointer to struct uvmem_found[nr] */
	__u32 flags;			/* UVMEM_FIND_* */
	__u32 pad;
	__u64 scanned;			/* out: pages looked at */
	__u64 matched;			/* out: of these, pages that all but flags apply to */
	__u64 reserved[4];
};
#define UVMEM_FIND_IN_MEMORY	(1U << 0)
#define UVMEM_FIND_MAX		4096U
#define UVMEM_FIND_END		(~0ULL)
#define UVMEM_VM_FIND		_IOWR(UVMEM_IOC, 0x1a, struct uvmem_find)

/* Sizes of the argument structures as first published: the least that is accepted. */
#define UVMEM_INFO_SIZE_VER0		56
#define UVMEM_POOL_SIZE_VER0		120
#define UVMEM_POOL_LIMIT_SIZE_VER0	32
#define UVMEM_ARM_SIZE_VER0		120
#define UVMEM_VM_LIST_SIZE_VER0	32
#define UVMEM_OPEN_VM_SIZE_VER0	32
#define UVMEM_VM_INFO_SIZE_VER0	336
#define UVMEM_RANGE_SIZE_VER0		208
#define UVMEM_STATES_SIZE_VER0		48
#define UVMEM_AGE_SIZE_VER0		328
#define UVMEM_RECLAIM_SIZE_VER0	208
#define UVMEM_LIMITS_SIZE_VER0		72
#define UVMEM_SEALED_POOL_SIZE_VER0	32
#define UVMEM_STALL_TRIGGER_SIZE_VER0	56
#define UVMEM_FIND_SIZE_VER0		96

/* ---- events -------------------------------------------------------------- */

/*
 * read() of the device file gives the events of all VMs (CAP_SYS_ADMIN at the
 * first read or poll, else EPERM), read() of a per-VM file those of its VM,
 * from the moment of opening on; whole records only (a buffer smaller than one
 * record: EINVAL). seq grows by one per event of the file. A reader that is too
 * slow finds one UVMEM_EVENT_OVERFLOW record in place of what was lost:
 * value[0] is the number of lost events, and seq goes on behind them. Blocks
 * unless O_NONBLOCK (EAGAIN). When the VM of a per-VM file has ended, read() gives
 * the records that are left, then 0. poll() reports POLLIN when a record waits, and
 * POLLHUP on a per-VM file when its VM has ended.
 */
enum uvmem_event_type {
	UVMEM_EVENT_OVERFLOW	= 0,	/* value: {lost} */
	UVMEM_EVENT_VM_ARMED	= 1,	/* value: {pid} */
	UVMEM_EVENT_VM_STATE	= 2,	/* value: {old, new} enum uvmem_vm_state */
	UVMEM_EVENT_VM_STOPPED	= 3,	/* value: {enum uvmem_stop_reason, gpa} */
	UVMEM_EVENT_VM_ENDED	= 4,	/* value: {} */
	/*
	 * value: {frames_used, frames_limit}; when use reaches the limit, again
	 * only after 1/32 of it was free; on device files only
	 */
	UVMEM_EVENT_POOL_FULL	= 5,
	/*
	 * value: {frames, limits.high}; when frames pass it, again only after they were 1/32
	 * below it, or the limits were set
	 */
	UVMEM_EVENT_VM_HIGH	= 6,
	/* value: {enum uvmem_stall_kind, ns of the last window that were stalled} */
	UVMEM_EVENT_STALL	= 7,
};

struct uvmem_event {
	__u64 seq;
	__u64 time_ns;
	__u32 type;			/* enum uvmem_event_type */
	__u32 pad;
	__u64 vm_id;			/* 0: no VM */
	__u64 value[4];
};

#ifdef __cplusplus
}
#endif

#endif /* _UAPI_LINUX_KVM_UVMEM_H */
