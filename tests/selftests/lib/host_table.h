/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_table.h - what the host may do to a page of a guest, and what must happen
 *
 * One line per action, one list per program (host_*_test.c, which has a function
 * for each line). The columns are the states that the page may be in; a cell is
 * the state after the action, and what then becomes of the guest:
 *
 *	(nothing)	it goes on; the page has the content that it had, can be
 *			written, and paged out and in (or made secure) as ever
 *	SEEN		it goes on and finds what the host put there
 *	STUCK		it goes on, but the page cannot be paged out any more
 *	WAITS		its next access waits until the host lets go, then it goes on
 *	STOPS(reason)	its next access stops it
 *	FAULTS		its next access is the VMM's fault: KVM_RUN says EFAULT
 *	MAYBE		the state may also be as it was (huge pages)
 *	ERR(errno)	the action is refused
 *	NOT		there is no such case
 *
 * docs/host-actions.md has the same table for people, compared by
 * tests/unit/host_table_test.c, which is why nothing of KVM is included here.
 */
#ifndef SELFTESTS_UVMEM_HOST_TABLE_H
#define SELFTESTS_UVMEM_HOST_TABLE_H

#include <errno.h>
#include <linux/kvm_uvmem.h>

#define HOST_COLUMNS	7	/* IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL */

#define NOT		0u
#define IN		((unsigned int)UVMEM_PAGE_IN)
#define OUT		((unsigned int)UVMEM_PAGE_OUT)
#define ABSENT		((unsigned int)UVMEM_PAGE_ABSENT)
#define ZERO		((unsigned int)UVMEM_PAGE_ZERO)
#define POOL		((unsigned int)UVMEM_PAGE_POOL)
#define LOST		((unsigned int)UVMEM_PAGE_LOST)
#define SHARED		((unsigned int)UVMEM_PAGE_SHARED)
#define NORMAL		((unsigned int)UVMEM_PAGE_NORMAL)
#define STOPS(reason)	((unsigned int)UVMEM_STOP_##reason << 4)
#define ERR(number)	((unsigned int)(number) << 8)
#define SEEN		(1u << 16)
#define STUCK		(1u << 17)
#define WAITS		(1u << 18)
#define FAULTS		(1u << 19)
#define MAYBE		(1u << 20)
/* Part of a large handle: not known to be lost until the handle is taken apart. */
#define DROPPED		(LOST | STOPS(LOST) | MAYBE)

#define HOST_CELL_STATE(cell)	((cell) & 0xf)
#define HOST_CELL_STOP(cell)	((cell) >> 4 & 0xf)
#define HOST_CELL_ERRNO(cell)	((cell) >> 8 & 0xff)

/* ---- host_access_test: the VMM and others read and write ------------------- */
#define HOST_ACCESS_ROWS(X)							\
X(vmm_reads, "read by the mapping",						\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(vmm_writes, "write by the mapping",						\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(write_to_file, "write(2) from it",						\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(read_from_file, "read(2) into it",						\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(direct_write, "O_DIRECT write(2) from it",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(direct_read, "O_DIRECT read(2) into it",					\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(uring_writes, "io_uring write from it",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(uring_reads, "io_uring read into it",						\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(vmsplice_and_read, "vmsplice(2) into a pipe",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(process_vm_reads, "process_vm_readv(2)",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(process_vm_writes, "process_vm_writev(2)",					\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(proc_mem_reads, "read of /proc/PID/mem",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(proc_mem_writes, "write to /proc/PID/mem",					\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(ptrace_peeks, "ptrace(2) PEEKDATA",						\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(ptrace_pokes, "ptrace(2) POKEDATA",						\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(core_dump, "core dump of a child",						\
	OUT | MAYBE, OUT, ABSENT, OUT | MAYBE, OUT | MAYBE, SHARED, NORMAL)

/* ---- host_fork_test: a copy of the address space ------------------------------ */
#define HOST_FORK_ROWS(X)							\
X(fork_and_exit, "fork(2); the child exits",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(fork_and_stay, "fork(2); the child stays",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(fork_child_reads, "fork(2); the child reads",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(fork_child_writes, "fork(2); the child writes its copy",			\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(fork_parent_writes, "fork(2); the VMM writes its copy",			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)								\
X(fork_child_unmaps, "fork(2); the child unmaps its copy",			\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(fork_parent_drops, "fork(2); the VMM drops it, the child has it",		\
	IN | STUCK, OUT | STOPS(MISSING), ABSENT, ZERO | STUCK,			\
	POOL | STUCK, SHARED | SEEN, NORMAL | SEEN)

/* ---- host_mapping_test: the VMM changes its address space ---------------------- */
#define HOST_MAPPING_ROWS(X)							\
X(protect_none, "mprotect(2) PROT_NONE",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED | FAULTS, NORMAL | FAULTS)		\
X(protect_read, "mprotect(2) PROT_READ",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(protect_and_back, "mprotect(2) and back",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(move_away, "mremap(2) elsewhere",						\
	IN | STUCK, OUT | STOPS(NOT_ANON), ABSENT | STOPS(NOT_ANON),		\
	ZERO | STOPS(NOT_ANON), POOL | STOPS(NOT_ANON), SHARED | FAULTS,	\
	NORMAL | FAULTS)							\
X(move_and_leave, "mremap(2) DONTUNMAP",					\
	IN | STUCK, OUT | STOPS(MISSING), ABSENT, ZERO | STUCK,			\
	POOL | STUCK, SHARED | SEEN, NORMAL | SEEN)				\
X(move_and_back, "mremap(2) and back",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(move_handle_over, "mremap(2) of a resident page over it",			\
	DROPPED, OUT | STOPS(INTEGRITY), ABSENT, DROPPED, DROPPED, NOT, NOT)	\
X(unmap, "munmap(2)",								\
	DROPPED, OUT | STOPS(NOT_ANON), ABSENT | STOPS(NOT_ANON), DROPPED,	\
	DROPPED, SHARED | FAULTS, NORMAL | FAULTS)				\
X(map_over, "mmap(2) of new memory over it",					\
	DROPPED, OUT | STOPS(MISSING), ABSENT, DROPPED, DROPPED,		\
	SHARED | SEEN, NORMAL | SEEN)						\
X(map_shared_over, "mmap(2) of shared memory over it",				\
	DROPPED, OUT | STOPS(NOT_ANON), ABSENT | STOPS(NOT_ANON), DROPPED,	\
	DROPPED, SHARED | SEEN, NORMAL | SEEN)					\
X(drop, "MADV_DONTNEED",							\
	DROPPED, OUT | STOPS(MISSING), ABSENT, DROPPED, DROPPED,		\
	SHARED | SEEN, NORMAL | SEEN)						\
X(guard, "MADV_GUARD_INSTALL",							\
	DROPPED, OUT | STOPS(NOT_ANON), ABSENT | STOPS(NOT_ANON), DROPPED,	\
	DROPPED, SHARED | FAULTS, NORMAL | FAULTS)				\
X(watch_missing, "userfaultfd(2) for missing pages",				\
	IN, OUT, ABSENT | WAITS, ZERO, POOL, SHARED, NORMAL)			\
X(watch_writes, "userfaultfd(2) for writes",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(fill_missing, "UFFDIO_COPY",							\
	IN | ERR(EEXIST), OUT | ERR(EEXIST), ABSENT, ZERO | ERR(EEXIST),	\
	POOL | ERR(EEXIST), SHARED | ERR(EEXIST), NORMAL | ERR(EEXIST))		\
X(fill_missing_zero, "UFFDIO_ZEROPAGE",						\
	IN | ERR(EEXIST), OUT | ERR(EEXIST), ABSENT | WAITS, ZERO | ERR(EEXIST),	\
	POOL | ERR(EEXIST), SHARED | ERR(EEXIST), NORMAL | ERR(EEXIST))		\
X(move_missing, "UFFDIO_MOVE elsewhere",					\
	IN | ERR(EFAULT), OUT | STOPS(MISSING), ABSENT | ERR(ENOENT),		\
	ZERO | ERR(EFAULT), POOL | ERR(EFAULT), SHARED | SEEN, NORMAL | SEEN)

/* ---- host_memory_test: the host's memory management -------------------------------- */
#define HOST_MEMORY_ROWS(X)							\
X(advise_free, "MADV_FREE",							\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(advise_free_reclaim, "MADV_FREE, then reclaim",				\
	IN, OUT | STOPS(MISSING), ABSENT, ZERO, POOL, NOT, NOT)			\
X(advise_pageout, "MADV_PAGEOUT",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(swap_off, "MADV_PAGEOUT, then swapoff(2)",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(advise_cold, "MADV_COLD",							\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(populate_read, "MADV_POPULATE_READ",						\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(populate_write, "MADV_POPULATE_WRITE",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(lock_all, "mlock(2)",								\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(lock_on_fault, "mlock2(2) ONFAULT",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(merge, "MADV_MERGEABLE (KSM)",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(collapse, "MADV_COLLAPSE",							\
	OUT | MAYBE, OUT, ABSENT, OUT | MAYBE, OUT | MAYBE, SHARED, NORMAL)	\
X(collapse_later, "khugepaged",							\
	OUT | MAYBE, OUT, ABSENT, OUT | MAYBE, OUT | MAYBE, SHARED, NORMAL)	\
X(compact, "compaction",							\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(move_node, "move_pages(2)",							\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(soft_offline, "MADV_SOFT_OFFLINE (migration)",				\
	OUT, OUT, ABSENT | ERR(EIO), OUT, OUT, SHARED, NORMAL)			\
X(hard_offline, "MADV_HWPOISON (memory error)",					\
	OUT | STOPS(NOT_ANON), OUT | STOPS(NOT_ANON), NOT,			\
	OUT | STOPS(NOT_ANON), OUT | STOPS(NOT_ANON), NOT, NOT)			\
X(look, "pagemap, smaps, mincore(2)",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(forget_refs, "clear_refs",							\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)				\
X(no_frames, "no frame left in the pool",					\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)

/* ---- host_memslot_test: what the VMM does to memslots ------------------------------- */
#define HOST_MEMSLOT_ROWS(X)							\
X(slot_again, "delete and create",						\
	IN, OUT, ABSENT, ZERO, POOL, NORMAL, NORMAL)				\
X(slot_delete, "delete",							\
	IN | STOPS(NO_SLOT), OUT | STOPS(NO_SLOT), ABSENT | STOPS(NO_SLOT),	\
	ZERO | STOPS(NO_SLOT), POOL | STOPS(NO_SLOT), NOT, NOT)			\
X(slot_move_and_back, "move and move back",					\
	IN, OUT, ABSENT, ZERO, POOL, NORMAL, NORMAL)				\
X(slot_other_memory, "create with other memory",				\
	IN | STUCK, OUT | STOPS(MISSING), ABSENT, ZERO | STUCK,			\
	POOL | STUCK, NORMAL | SEEN, NORMAL | SEEN)				\
X(slot_read_only, "make read-only",						\
	IN | ERR(EINVAL), OUT | ERR(EINVAL), ABSENT | ERR(EINVAL),		\
	ZERO | ERR(EINVAL), POOL | ERR(EINVAL), SHARED | ERR(EINVAL),		\
	NORMAL | ERR(EINVAL))							\
X(slot_dirty_log, "dirty logging",						\
	IN, OUT, ABSENT, ZERO, POOL, SHARED, NORMAL)

/* ---- host_pin_test: somebody holds the page ------------------------------------------ */
#define HOST_PIN_ROWS(X)							\
X(hold_in_pipe, "vmsplice(2), kept in the pipe",				\
	OUT | WAITS, OUT | WAITS, ABSENT, OUT | WAITS, OUT | WAITS, SHARED,	\
	NORMAL)									\
X(hold_in_uring, "registered with io_uring",					\
	OUT | WAITS, OUT | WAITS, ABSENT | WAITS, OUT | WAITS, OUT | WAITS,	\
	SHARED, NORMAL)

/* ---- host_foreign_test: test_hmm.ko, another owner of device memory -------------------- */
#define HOST_FOREIGN_ROWS(X)							\
X(foreign_takes, "another device takes the memory",				\
	IN | ERR(ENOENT), OUT, ABSENT, ZERO | ERR(ENOENT),			\
	POOL | ERR(ENOENT), SHARED, NORMAL)					\
X(foreign_excludes, "another device wants it for itself",			\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(foreign_reads, "another device reads",					\
	OUT, OUT, ABSENT, OUT, OUT, SHARED, NORMAL)				\
X(foreign_writes, "another device writes",					\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), ABSENT,			\
	OUT | STOPS(INTEGRITY), OUT | STOPS(INTEGRITY), SHARED | SEEN,		\
	NORMAL | SEEN)

#endif
