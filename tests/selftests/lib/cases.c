// SPDX-License-Identifier: GPL-2.0-only
/*
 * cases.c - cases made from tables: see cases.h
 */
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest.h"

#include "cases.h"
#include "hang.h"
#include "timescale.h"

#define JOIN_SECONDS	30

u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

void cases_begin(unsigned int nr)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	ksft_set_plan(nr);
}

/* The child's exit status, or -1: it took too long. */
static int wait_for(pid_t pid, int seconds)
{
	u64 end = now_ms() + seconds * 1000ull * time_scale();
	int status;

	while (now_ms() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sleep_ms(2);
	}
	tell_hang(pid);
	kill(pid, SIGKILL);
	for (end = now_ms() + 20000; now_ms() < end; sleep_ms(10))
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	return -1;
}

static bool left_behind(const struct uvmem_pool *before)
{
	struct uvmem_pool now;
	u64 end = now_ms() + 10000ull * time_scale();

	do {
		now = uvmem_get_pool();
		if (now.frames_used == before->frames_used &&
		    now.handles_used == before->handles_used &&
		    now.seals == before->seals && now.vms == before->vms &&
		    now.keys == before->keys)
			return false;
		sleep_ms(5);
	} while (now_ms() < end);
	ksft_print_msg("left behind: frames %lld, handles %lld, seals %lld, VMs %lld, keys %lld\n",
		       now.frames_used - before->frames_used,
		       now.handles_used - before->handles_used, now.seals - before->seals,
		       (long long)now.vms - before->vms, now.keys - before->keys);
	return true;
}

void case_run(void (*fn)(void *arg), void *arg, int seconds, const char *format, ...)
{
	struct uvmem_pool before = uvmem_get_pool();
	char name[160];
	va_list args;
	int status;
	pid_t pid;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);

	fflush(NULL);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		fn(arg);
		fflush(NULL);
		_exit(0);
	}
	status = wait_for(pid, seconds);
	if (status == -1)
		ksft_print_msg("no end within %d s\n", seconds * time_scale());
	else if (WIFSIGNALED(status))
		ksft_print_msg("ended by signal %d\n", WTERMSIG(status));
	if (left_behind(&before))
		status = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		ksft_test_result_skip("%s\n", name);
	else
		ksft_test_result(!status, "%s\n", name);
}

void case_result(bool passed, const char *format, ...)
{
	char name[160];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	ksft_test_result(passed, "%s\n", name);
}

void case_skip(const char *reason, const char *format, ...)
{
	char name[160];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	ksft_test_result_skip("%s: %s\n", name, reason);
}

void cases_end(void)
{
	ksft_finished();
}

void case_cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(NULL);
	_exit(KSFT_SKIP);
}

void thread_join(pthread_t thread, const char *what)
{
	u64 end = now_ms() + JOIN_SECONDS * 1000ull * time_scale();

	while (pthread_tryjoin_np(thread, NULL)) {
		TEST_ASSERT(now_ms() < end, "%s hangs", what);
		sleep_ms(1);
	}
}

static void do_nothing(int sig)
{
}

void signals_interrupt(void)
{
	struct sigaction action = { .sa_handler = do_nothing };

	TEST_ASSERT(!sigaction(SIGUSR1, &action, NULL), "sigaction");
}

struct guest_outcome __guest_try(struct kvm_vcpu *vcpu, guest_fn_t fn,
				 const u64 args[GUEST_MAX_ARGS])
{
	const struct kvm_run *run = vcpu->run;
	struct guest_outcome out = {};

	__guest_start(vcpu, fn, args);
	out.status = guest_run(vcpu, &out.result);
	out.exit_reason = run->exit_reason;
	if (out.status == RUN_STOPPED) {
		out.reason = run->internal.data[0];
		out.gpa = run->internal.data[1];
	}
	return out;
}
