// SPDX-License-Identifier: GPL-2.0-only
/*
 * point_test - whatever happens in the middle of an operation, nothing is lost, leaked
 * or hung
 *
 * The module's points (kvm-uvmem/point.c) stop an operation at each of its stages in
 * turn. Meanwhile something else happens to the very pages; then the operation goes
 * on: point/operations.h. A stage of which nobody knows an operation here is a failure.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <asm/kvm_para.h>

#include "kselftest.h"

#include "point/operations.h"
#include "point/points.h"
#include "search.h"
#include "timescale.h"

/* ---- one stage --------------------------------------------------------------------------- */

static void *op_fn(void *arg)
{
	struct stage *s = arg;

	s->op->run(s);
	return NULL;
}

static void *what_fn(void *arg)
{
	struct stage *s = arg;
	char byte;

	TEST_ASSERT(read(s->go[0], &byte, 1) == 1, "pipe");
	s->what->run(s);
	return NULL;
}

static void stage_outcome(struct stage *s, const struct guest_outcome *out, const char *who)
{
	TEST_ASSERT(out->status != RUN_STOPPED || (s->what->may_stop & (1u << out->reason)),
		    "%s stopped for reason %u at 0x%lx", who, out->reason, out->gpa);
	TEST_ASSERT(out->status != RUN_OTHER ||
		    (s->what->takes_slot && out->exit_reason == KVM_EXIT_MMIO),
		    "%s left with %s", who, exit_reason_str(out->exit_reason));
}

/*
 * What is in the victim cannot be told if it is written beside its zeroing, and what
 * the VMM does to memory that is not secure yet it may do.
 */
static bool victim_is_open(const struct stage *s)
{
	return (s->op->content == ZEROED && (s->what->writes || s->what->may_stop)) ||
	       (s->op->run == do_esm && s->what->may_stop);
}

static void stage_verify(struct stage *s)
{
	u64 seed = s->seed, last = s->what->writes ? s->seed + 1000 : s->seed;
	struct kvm_vcpu *vcpu = s->uvm->vcpu[1];
	bool zeroed = s->op->content == ZEROED;
	struct guest_outcome out;
	int i;

	TEST_ASSERT_EQ(guest_call(vcpu, guest_verify, mem_page(PAGES), NEIGHBOURS, seed), GUEST_OK);
	for (i = 0; i < PAGES; i++) {
		if (i == VICTIM)
			continue;
		if (zeroed)
			TEST_ASSERT_EQ(guest_call(vcpu, guest_verify_byte, mem_page(i), 1, 0),
				       GUEST_OK);
		else
			TEST_ASSERT_EQ(guest_call(vcpu, guest_verify, mem_page(i), 1, seed),
				       GUEST_OK);
	}
	if (zeroed)
		out = guest_try(vcpu, guest_verify_byte, mem_page(VICTIM), 1, 0);
	else
		out = guest_try(vcpu, guest_verify, mem_page(VICTIM), 1, last);
	stage_outcome(s, &out, "the guest");
	if (out.status == RUN_DONE && !victim_is_open(s))
		TEST_ASSERT(out.result == GUEST_OK, "wrong content at 0x%lx", out.result);
}

static bool stage_stopped(struct stage *s)
{
	struct uvmem_vm_info info;

	uvm_info(s->uvm, &info);
	return info.stop_reason;
}

static void stage_check(struct stage *s)
{
	bool zeroed = s->op->content == ZEROED, stopped;

	if (s->op->by_guest)
		stage_outcome(s, &s->op_guest, "the operation");
	stage_outcome(s, &s->what_guest, "the disturbance");
	uvm_assert_sums(s->uvm);
	stopped = stage_stopped(s);
	/* There is memory enough: a hole that is not to be had is no reason to make room. */
	if (s->op->prepare == pages_absent && s->what->run != pages_go_out)
		TEST_ASSERT_EQ(uvm_stat(s->uvm, "page_out_reclaim"), 0ull);
	/* What was disturbed by nothing that may fail it has been done. */
	if (!stopped && !s->what->may_stop && s->op->by_guest && s->op->run != do_guest_fault) {
		if (s->op_guest.result == U_BUSY)
			s->op->run(s);
		TEST_ASSERT(s->op_guest.result == U_SUCCESS, "%s: %ld", s->op->name,
			    (s64)s->op_guest.result);
		uvm_assert_sums(s->uvm);
	}
	/* A share that was refused half way has zeroed some pages: that is allowed. */
	if (!stopped && !(s->op->content == ZEROED && s->what->may_stop))
		stage_verify(s);
	stopped = stage_stopped(s);

	/*
	 * What the guest wrote into a shared page is there for the VMM to see, and so is
	 * what the ESM found no memslot for, or all if it was refused.
	 */
	if (!(zeroed && s->what->writes) &&
	    !(s->vm_open && (s->what->takes_slot || s->op_guest.result != U_SUCCESS)))
		TEST_ASSERT_EQ(search_markers_in(uvm_hva(s->uvm, MEM_GPA),
						 (PAGES + NEIGHBOURS) * PAGE_SIZE).markers, 0ull);
	uvm_assert_sums(s->uvm);
	if (stopped || s->what->may_stop || s->op->new_vm) {
		uvm_free(s->uvm);
		s->uvm = NULL;
	}
}

/* An operation does not pass every point of its prefix: a host touch prepares in its own way. */
static void stage_start(struct stage *s, const char *point)
{
	int i;

	s->point = point;
	uvmem_set_sealed_pool(0);
	/* What was left there is being written out, and must not come to a point later. */
	for (i = 0; i < 500 && uvmem_get_pool().sealed_pool_pages; i++)
		sleep_ms(10);
	s->op->prepare(s);
	s->op_ret = 0;
	memset(&s->op_guest, 0, sizeof(s->op_guest));
	memset(&s->what_guest, 0, sizeof(s->what_guest));
	point_write(point);
	TEST_ASSERT(!pthread_create(&s->op_thread, NULL, op_fn, s), "no thread");
	point_wait(s->op->name, point);
}

static void run_stages(void *arg)
{
	struct stage *s = arg;
	pthread_t other;
	int i;

	signals_interrupt();
	TEST_ASSERT(!pipe(s->go), "pipe");
	for (i = 0; i < nr_points; i++) {
		if (!point_is_of(points[i], s->op->prefixes))
			continue;
		/* Before the stage: a stack is mapped for it, and mmap_lock may be held then. */
		TEST_ASSERT(!pthread_create(&other, NULL, what_fn, s), "no thread");
		stage_start(s, points[i]);
		TEST_ASSERT(write(s->go[1], "g", 1) == 1, "pipe");
		sleep_ms(20);
		TEST_ASSERT(point_standing(), "%s did not wait at %s", s->op->name, points[i]);
		point_write("none");
		thread_join(other, s->what->name);
		thread_join(s->op_thread, s->op->name);
		stage_check(s);
	}
	if (s->uvm)
		uvm_free(s->uvm);
}

/* ---- the VMM is killed --------------------------------------------------------------------- */

/* In a child of the case: the VMM. */
static void vmm_run(struct stage *s)
{
	stage_start(s, s->point);
	TEST_ASSERT(write(s->standing_fd, "s", 1) == 1, "pipe");
	for (;;)
		pause();
}

static void run_killed(void *arg)
{
	u64 end = now_ms() + 30000ull * time_scale();
	struct stage *s = arg;
	struct uvmem_pool before = uvmem_get_pool();
	int fds[2], status, ret;
	char byte;
	pid_t pid;
	int i;

	for (i = 0; i < nr_points; i++) {
		if (!point_is_of(points[i], s->op->prefixes))
			continue;
		s->point = points[i];
		TEST_ASSERT(!pipe(fds), "pipe");
		pid = fork();
		TEST_ASSERT(pid >= 0, "fork");
		if (!pid) {
			s->standing_fd = fds[1];
			vmm_run(s);
			_exit(1);
		}
		close(fds[1]);
		ret = read(fds[0], &byte, 1);
		TEST_ASSERT(ret == 1, "the VMM did not come to %s", points[i]);
		close(fds[0]);
		TEST_ASSERT(!kill(pid, SIGKILL), "kill");
		sleep_ms(20);
		point_write("none");
		while (waitpid(pid, &status, WNOHANG) != pid) {
			TEST_ASSERT(now_ms() < end, "the VMM killed at %s does not end", points[i]);
			sleep_ms(1);
		}
		uvmem_assert_nothing_left(&before);
	}
}

/* ---- points that are not on the way of a page ------------------------------------------------ */

struct simple {
	const char *point;
	struct uvm *uvm;
	int ret;
};

static void *arm_fn(void *arg)
{
	struct simple *x = arg;

	x->ret = uvmem_arm(x->uvm->vm->fd, 0, 0, "point");
	return NULL;
}

/* A VM that is being armed: a second one to do so is refused, a signal changes nothing. */
static void run_arm(void *arg)
{
	struct simple x = { .point = arg };
	pthread_t thread;
	struct uvm *uvm;
	int ret;

	signals_interrupt();
	uvm = calloc(1, sizeof(*uvm));
	TEST_ASSERT(uvm, "no memory");
	uvm->vm = ____vm_create(VM_SHAPE_DEFAULT);
	x.uvm = uvm;
	point_write(x.point);
	TEST_ASSERT(!pthread_create(&thread, NULL, arm_fn, &x), "no thread");
	point_wait("arm", x.point);
	pthread_kill(thread, SIGUSR1);
	/* Of two, one is told that it was late. */
	ret = uvmem_arm(uvm->vm->fd, 0, 0, "second");
	point_write("none");
	thread_join(thread, "arm");
	TEST_ASSERT((ret >= 0 && x.ret == -EEXIST) || (x.ret >= 0 && ret == -EEXIST),
		    "first %d, second %d", x.ret, ret);
	TEST_ASSERT_EQ(uvmem_get_pool().vms, 1u);
	TEST_ASSERT_EQ(uvmem_get_pool().keys, 1ull);
	close(x.ret >= 0 ? x.ret : ret);
	kvm_vm_free(uvm->vm);
}

static void *end_fn(void *arg)
{
	struct simple *x = arg;

	kvm_vm_free(x->uvm->vm);
	return NULL;
}

/* A VM that is ending: its file answers, its pages are nobody's, in bounded time. */
static void run_end(void *arg)
{
	struct stage s = {};
	struct simple x = { .point = arg };
	struct uvmem_range range = { .size = sizeof(range), .nr_pages = PAGES,
				     .gfn = gpa_to_gfn(MEM_GPA) };
	struct uvmem_vm_info info;
	u64 size = 256 * PAGE_SIZE;
	pthread_t thread;
	void *mem, *old;

	pages_mixed(&s);
	x.uvm = s.uvm;
	/* Handles that outlive the VM. */
	old = uvm_hva(s.uvm, MEM_GPA);
	mem = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(mremap(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, mem) == mem, "mremap");
	point_write(x.point);
	TEST_ASSERT(!pthread_create(&thread, NULL, end_fn, &x), "no thread");
	point_wait("the end", x.point);
	/* Dropped in the middle of it. */
	TEST_ASSERT(!madvise(mem + PAGES * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), "madvise");
	uvm_info(s.uvm, &info);
	if (strcmp(x.point, "end:begun")) {
		TEST_ASSERT(ioctl(s.uvm->fd, UVMEM_VM_PAGE_OUT, &range) == -1 && errno == ESRCH,
			    "page-out: %s", strerror(errno));
		TEST_ASSERT_EQ(__uvm_move(s.uvm, UVMEM_VM_PAGE_IN, MEM_GPA, PAGES, 0, NULL), -ESRCH);
	} else {
		TEST_ASSERT(!ioctl(s.uvm->fd, UVMEM_VM_PAGE_OUT, &range) || errno == ESRCH,
			    "page-out: %s", strerror(errno));
	}
	point_write("none");
	thread_join(thread, "the end");
	uvm_info(s.uvm, &info);
	TEST_ASSERT_EQ(info.state, (u32)UVMEM_VM_TERMINATED);
	TEST_ASSERT_EQ(search_markers_in(mem, size).markers, 0ull);
	munmap(mem, size);
	close(s.uvm->fd);
}

/* A page that the host dropped, while the worker is about to free its frame. */
static void run_drop(void *arg)
{
	struct simple x = { .point = arg };
	struct stage s = {};
	int i;

	for (i = 0; i < 3; i++) {
		struct guest_outcome out;

		pages_fill(&s);
		point_write(x.point);
		host_drops(&s);
		point_wait("the drop", x.point);
		switch (i) {
		case 0:	/* the guest goes there */
			out = guest_try(s.uvm->vcpu[1], guest_read, mem_page(VICTIM));
			TEST_ASSERT(out.status == RUN_STOPPED && out.reason == UVMEM_STOP_LOST,
				    "status %d, reason %u", out.status, out.reason);
			break;
		case 1:	/* the guest gives it up */
			TEST_ASSERT_EQ(hypercall_patient(s.uvm->vcpu[1], UV_SHARE_PAGE,
							 gpa_to_gfn(mem_page(VICTIM)), 1),
				       U_SUCCESS);
			TEST_ASSERT_EQ(guest_call(s.uvm->vcpu[1], guest_verify_byte,
						  mem_page(VICTIM), 1, 0), GUEST_OK);
			break;
		default: /* its neighbours go */
			uvm_page_out(s.uvm, MEM_GPA, PAGES + NEIGHBOURS);
			break;
		}
		point_write("none");
		uvm_assert_sums(s.uvm);
		if (i)
			TEST_ASSERT_EQ(guest_call(s.uvm->vcpu[0], guest_verify, mem_page(VICTIM + 1),
						  PAGES + NEIGHBOURS - VICTIM - 1, s.seed),
				       GUEST_OK);
		TEST_ASSERT_EQ(search_markers_in(uvm_hva(s.uvm, MEM_GPA),
						 PAGES * PAGE_SIZE).markers, 0ull);
		uvm_free(s.uvm);
		s.uvm = NULL;
	}
}

static void *write_fn(void *arg)
{
	struct stage *s = arg;

	s->op_guest = guest_try(s->uvm->vcpu[0], guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW,
				mem_page(VICTIM));
	return NULL;
}

static void *exchange_fn(void *arg)
{
	struct stage *s = arg;

	s->op_guest = guest_try(s->uvm->vcpu[0], guest_fep_lock_add, mem_page(VICTIM), 8, 1);
	return NULL;
}

/* A page that is shared when KVM is asked to change it is secure when KVM does. */
static void change_stage(struct stage *s, void *(*fn)(void *stage), void *point, bool lost)
{
	pthread_t thread;

	pages_shared(s);
	point_write(point);
	TEST_ASSERT(!pthread_create(&thread, NULL, fn, s), "no thread");
	point_wait("the change", point);
	TEST_ASSERT_EQ(hypercall_patient(s->uvm->vcpu[1], UV_UNSHARE_PAGE,
					 gpa_to_gfn(mem_page(VICTIM)), 1), U_SUCCESS);
	if (lost) {
		guest_call(s->uvm->vcpu[1], guest_fill, mem_page(VICTIM), 1, 1);
		host_drops(s);
	}
	point_write("none");
	thread_join(thread, "the change");
	uvm_assert_sums(s->uvm);
}

/*
 * The guest finds the change there, and what the VMM has is not spoilt; if the VMM has
 * dropped the page by then, the guest is stopped for that, and not for an instruction
 * that KVM could not emulate.
 */
static void run_change(void *arg)
{
	void *(*const fns[])(void *stage) = { write_fn, exchange_fn };
	struct stage s = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(fns); i++) {
		change_stage(&s, fns[i], arg, false);
		TEST_ASSERT(s.op_guest.status == RUN_DONE && !s.op_guest.result,
			    "status %d, reason %u", s.op_guest.status, s.op_guest.reason);
		uvm_assert_state(s.uvm, mem_page(VICTIM), 1, UVMEM_PAGE_IN);
		TEST_ASSERT(guest_call(s.uvm->vcpu[1], guest_read, mem_page(VICTIM)),
			    "what KVM wrote is not there");
		/* Nor did it go through the VMM's mapping. */
		TEST_ASSERT_EQ(uvm_stat(s.uvm, "page_out_host_touch"), 0ull);

		change_stage(&s, fns[i], arg, true);
		TEST_ASSERT(s.op_guest.status == RUN_STOPPED &&
			    s.op_guest.reason == UVMEM_STOP_LOST, "status %d, %s, reason %u",
			    s.op_guest.status, exit_reason_str(s.op_guest.exit_reason),
			    s.op_guest.reason);
		uvm_free(s.uvm);
		s.uvm = NULL;
	}
}

/* ---- all of it ----------------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	void (*fn)(void *point);
} simples[] = {
	{ "arm:", run_arm },
	{ "end:", run_end },
	{ "drop:", run_drop },
	{ "change:", run_change },
};

static bool point_used[MAX_POINTS];

static void use_prefix(const char *prefixes)
{
	int i;

	for (i = 0; i < nr_points; i++)
		if (point_is_of(points[i], prefixes))
			point_used[i] = true;
}

static void run_simples(void)
{
	int i, j;

	for (i = 0; i < nr_points; i++) {
		for (j = 0; j < ARRAY_SIZE(simples); j++) {
			if (strncmp(points[i], simples[j].prefix, strlen(simples[j].prefix)))
				continue;
			point_used[i] = true;
			case_run(simples[j].fn, points[i], 60, "at_%s", points[i]);
		}
	}
}

int main(void)
{
	const char *unused = NULL;
	int i, j, nr_simple = 0;

	if (!points_load())
		ksft_exit_skip("the module has no points: tests/suites/points loads one that has\n");
	/* KVM exchanges only what it emulates. */
	if (!kvm_is_forced_emulation_enabled())
		ksft_exit_fail_msg("kvm.force_emulation_prefix is off\n");
	for (i = 0; i < nr_points; i++)
		for (j = 0; j < ARRAY_SIZE(simples); j++)
			nr_simple += !strncmp(points[i], simples[j].prefix,
					      strlen(simples[j].prefix));

	cases_begin(nr_ops * (nr_disturbances + 1) + nr_simple + 1);
	for (i = 0; i < nr_ops; i++) {
		struct stage s = { .op = &ops[i] };

		use_prefix(ops[i].prefixes);
		for (j = 0; j < nr_disturbances; j++) {
			s.what = &disturbances[j];
			case_run(run_stages, &s, 120, "%s, and in its middle %s", ops[i].name,
				 disturbances[j].name);
			point_write("none");
		}
		s.what = &disturbances[0];
		case_run(run_killed, &s, 120, "%s, and in its middle SIGKILL of the VMM",
			 ops[i].name);
		point_write("none");
	}
	run_simples();
	for (i = 0; i < nr_points; i++)
		if (!point_used[i])
			unused = points[i];
	if (unused)
		ksft_print_msg("nobody comes to %s\n", unused);
	case_result(!unused, "every point has an operation");
	cases_end();
}
