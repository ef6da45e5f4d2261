/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h - what the guest of a selftest does, and how the host asks for it
 *
 * The memory of a secure guest is closed to the host, so the ucalls of the KVM
 * selftests library, which are read through the VMM's mapping, are of no use
 * here. Everything goes through registers instead: each vCPU runs guest_agent(),
 * which leaves to the host by one OUT, finds a function and its arguments in
 * its registers when it comes back, calls the function, and leaves with the
 * result. Nothing but the result and the function's address passes: all other
 * registers are cleared before the OUT, so that guest data cannot be found in
 * the copies of the registers that the VMM makes.
 *
 * Test memory is mapped 1:1: a guest function takes guest-physical addresses
 * and uses them as pointers.
 */
#ifndef SELFTESTS_UVMEM_GUEST_H
#define SELFTESTS_UVMEM_GUEST_H

#include "kvm_util.h"
#include "processor.h"

#define GUEST_PORT		0xe9
#define GUEST_MAX_ARGS		5
/* The answer of the verifying functions when all is as it should be. */
#define GUEST_OK		(~0ull)

/* enum guest_exit - why the guest left; in RDI */
enum guest_exit {
	GUEST_EXIT_DONE,	/* value: the function's result */
	GUEST_EXIT_ASSERT,	/* value: line, then two values */
	GUEST_EXIT_EXCEPTION,	/* value: vector, then rip, error code, cr2 */
};

typedef u64 (*guest_fn_t)(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);

void guest_agent(void);
/* Leave for the host now; it resumes the guest with arguments that are ignored. */
void guest_exit(enum guest_exit kind, u64 v0, u64 v1, u64 v2, u64 v3);
void guest_exception(struct ex_regs *regs);

#define guest_assert(cond, v0, v1)						\
do {										\
	if (!(cond))								\
		guest_exit(GUEST_EXIT_ASSERT, __LINE__, (u64)(v0), (u64)(v1), 0); \
} while (0)

/*
 * The marker: a word that no binary contains, because it exists only as the
 * XOR of two halves. Half of the words of every page that guest_fill() wrote
 * are markers, the others say which page they belong to.
 */
extern volatile u64 marker_half[2];

static inline bool is_marker(u64 word)
{
	return (word ^ marker_half[0]) == marker_half[1];
}

/* Guest functions: u64 arguments and result, to be called by guest_call(). */
u64 guest_nop(void);
u64 guest_read(u64 gpa);
u64 guest_write(u64 gpa, u64 value);
u64 guest_read8(u64 gpa);
u64 guest_write8(u64 gpa, u64 value);
/* Write pages of which each word depends on @seed and its address. */
u64 guest_fill(u64 gpa, u64 nr_pages, u64 seed);
/* GUEST_OK, or the address of the first word that is not what guest_fill() wrote. */
u64 guest_verify(u64 gpa, u64 nr_pages, u64 seed);
/* For the host, of a page that it may read: is this what guest_fill() wrote? Makes no marker. */
bool is_filled(u64 word, u64 gpa, u64 seed);
/* As the two above; pages that nothing makes smaller. (Those compress to about two thirds.) */
u64 guest_fill_noise(u64 gpa, u64 nr_pages, u64 seed);
u64 guest_verify_noise(u64 gpa, u64 nr_pages, u64 seed);
u64 guest_fill_byte(u64 gpa, u64 nr_pages, u64 byte);
u64 guest_verify_byte(u64 gpa, u64 nr_pages, u64 byte);
/* Read one word of each page. */
u64 guest_touch(u64 gpa, u64 nr_pages);
/* A checksum over the pages. */
u64 guest_sum(u64 gpa, u64 nr_pages);
/*
 * Write the pages @rounds times over, each time after a check that what the
 * round before wrote is still there. Begins at generation @start, which round
 * @start - 1 must have left (0: nothing is checked in the first round).
 */
u64 guest_churn(u64 gpa, u64 nr_pages, u64 start, u64 rounds);
/*
 * Pages of zeroes, of which one word comes and goes, @rounds times over; each time
 * it must be what was written last.
 */
u64 guest_toggle(u64 gpa, u64 nr_pages, u64 rounds);
/*
 * Change one word of each page from @old to @new: GUEST_OK, or the address of the first
 * that is not @old. With @old GUEST_OK nothing is checked.
 */
u64 guest_exchange(u64 gpa, u64 nr_pages, u64 offset, u64 old, u64 new);
u64 guest_hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3);
/* The exception vector, or 0. */
u64 guest_wrmsr(u64 msr, u64 value);
u64 guest_rdmsr(u64 msr);
/* Add @value to @size bytes, by an exchange that KVM emulates: kvm.force_emulation_prefix. */
u64 guest_fep_lock_add(u64 gpa, u64 size, u64 value);
u64 guest_spin(u64 loops);

#endif
