/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h - actions of the host on pages in each state: host_table.h, carried out
 *
 * A program of the family has a function per line of its list, and ends with
 *
 *	#define HOST_ROWS HOST_..._ROWS
 *	#include "host_rows.h"
 *
 * which makes two test cases of each line, for 4K and for huge pages of the VMM.
 */
#ifndef SELFTESTS_UVMEM_HOST_H
#define SELFTESTS_UVMEM_HOST_H

#include "vm.h"

#include "host_table.h"

/* What the host writes where it writes something. No guest_fill() ever leaves it. */
#define HOST_BYTE	0xa5

/**
 * struct host_page - the page that an action is about
 * @uvm:	its VM
 * @column:	of host_table.h
 * @state:	the state that it is in when the action begins
 * @gpa:	of the page
 * @mem:	the VMM's mapping of it
 * @base:	first of the pages around it that are in the same state
 * @nr:		how many
 * @slot:	their memslot, which has nothing else in use
 * @seen:	out: the byte that the guest is to find if the cell says SEEN
 * @no_sums:	out: there is no memslot to add up
 * @undo:	out: puts everything back at the end, may be NULL; for WAITS it lets go of the page
 * @undo_first:	out: not at the end, but before the page is used as ever
 * @fd, @pid, @other: whatever @undo wants to know
 */
struct host_page {
	struct uvm *uvm;
	int column;
	enum uvmem_page_state state;
	u64 gpa;
	u8 *mem;
	u64 base;
	u64 nr;
	u32 slot;
	u8 seen;
	bool no_sums;
	void (*undo)(struct host_page *page);
	bool undo_first;
	int fd[2];
	pid_t pid;
	void *other;
};

/**
 * struct host_row - a line of host_table.h
 * @title:	for people
 * @act:	does it: 0 or -errno
 * @cell:	what is to be expected
 */
struct host_row {
	const char *title;
	int (*act)(struct host_page *page);
	unsigned int cell[HOST_COLUMNS];
};

/* Is the page secure, and its content nobody's business? */
static inline bool host_page_is_secure(const struct host_page *page)
{
	return page->state != UVMEM_PAGE_NORMAL && page->state != UVMEM_PAGE_SHARED;
}

/* All of the pages alike, as the VMM sees them. */
static inline u8 *host_base(const struct host_page *page)
{
	return page->mem - (page->gpa - page->base);
}

/* @data is what the host got of the page: no plaintext unless that is not secret. */
void host_assert_sees(const struct host_page *page, const void *data, u64 size);
/*
 * Run @fn in a process that has not got the memslot's memory; what it returns. @buffer is
 * a page that both processes have.
 */
int host_in_other_process(struct host_page *page,
			  int (*fn)(struct host_page *page, pid_t vmm, u8 *buffer));
/* Write @text to a file of /proc or /sys; fails the test if that cannot be done. */
void host_write_file(const char *path, const char *text);
u64 host_read_number(const char *path);

/* Carry a line out in each state. */
void host_run_row(const struct host_row *row, enum vm_mem_backing_src_type src);

#endif
