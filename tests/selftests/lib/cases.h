/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cases.h - cases made from tables: each in a process of its own, one TAP result each
 *
 * A case that fails by TEST_ASSERT() ends its process and no other; what it leaves
 * behind in the module fails it as well.
 */
#ifndef SELFTESTS_UVMEM_CASES_H
#define SELFTESTS_UVMEM_CASES_H

#include <pthread.h>

#include "vm.h"

/* Before the first case. */
void cases_begin(unsigned int nr);
/*
 * fn(arg) in a child, for at most @seconds (times time_scale()). Prints the result;
 * returning is success. Nothing of the module may be left after it.
 */
void __printf(4, 5) case_run(void (*fn)(void *arg), void *arg, int seconds,
			     const char *name, ...);
/* A result that needs no process of its own. */
void __printf(2, 3) case_result(bool passed, const char *name, ...);
void __printf(2, 3) case_skip(const char *reason, const char *name, ...);
/* Prints the totals and ends the program. */
void __noreturn cases_end(void);

/* In a case: it needs something that is not there. */
void __noreturn __printf(1, 2) case_cannot(const char *reason, ...);
/* Fails the test unless the thread ends within 30 s (times time_scale()). */
void thread_join(pthread_t thread, const char *what);
void sleep_ms(unsigned int ms);
u64 now_ms(void);
/* Handle SIGUSR1 by doing nothing: system calls return EINTR. */
void signals_interrupt(void);

/* How a guest function came out that may end the guest; see guest_try(). */
struct guest_outcome {
	enum run_status status;
	u64 result;
	enum uvmem_stop_reason reason;	/* if stopped */
	u64 gpa;
	u32 exit_reason;		/* if another exit */
};

struct guest_outcome __guest_try(struct kvm_vcpu *vcpu, guest_fn_t fn,
				 const u64 args[GUEST_MAX_ARGS]);
/* As guest_call(), but the guest may be stopped. */
#define guest_try(vcpu, fn, ...)						\
	__guest_try(vcpu, (guest_fn_t)(fn), (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })

#endif
