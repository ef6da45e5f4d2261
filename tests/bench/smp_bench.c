// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smp_bench - do two vCPUs that fault bring in pages twice as fast as one?
 *
 * Wall time, in a VM with two CPUs. What else runs on the machine disturbs it more
 * than anything in it, hence: the same pages by one vCPU, by two of one VM, and by
 * two VMMs with one vCPU each, which share neither an mm nor page tables; and
 * computation without any exit, by one and by two. One after the other, again and
 * again, and the ratios are printed for each turn. Each turn is a process of its own.
 */
#include <linux/perf_event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"

#include "rig.h"

#define TURN_SECONDS	300
#define COMPUTE_LOOPS	(4ull << 20)
#define PAGES		HUGE_PAGES
#define NR_CPUS		2		/* of the VM: see run */

/* ---- what one vCPU costs the other --------------------------------------------- */

/* lock:contention_begin by the kinds of its flags (LCB_F_* of trace/events/lock.h). */
static const struct {
	const char *name;
	const char *tracepoint;
	const char *filter;
} counted[] = {
	{ "spin",	"lock/contention_begin",	"flags == 1" },
	{ "read",	"lock/contention_begin",	"flags & 2" },
	{ "write",	"lock/contention_begin",	"flags & 4" },
	{ "mutex",	"lock/contention_begin",	"flags & 32" },
	{ "ipi",	"ipi/ipi_send_cpu",		NULL },
	{ "ipis",	"ipi/ipi_send_cpumask",		NULL },
};

#define NR_COUNTED	ARRAY_SIZE(counted)

static int counters[NR_COUNTED][NR_CPUS];

static int open_counter(unsigned int i, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.disabled = 1,
	};
	char path[128];
	int fd, id = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", counted[i].tracepoint);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%d", &id) != 1)
		ksft_exit_fail_msg("no tracepoint %s\n", counted[i].tracepoint);
	fclose(f);
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || (counted[i].filter &&
		       ioctl(fd, PERF_EVENT_IOC_SET_FILTER, counted[i].filter)))
		ksft_exit_fail_msg("counting %s: %s\n", counted[i].tracepoint, strerror(errno));
	return fd;
}

static void count_start(void)
{
	unsigned int i, cpu;

	for (i = 0; i < NR_COUNTED; i++) {
		for (cpu = 0; cpu < NR_CPUS; cpu++) {
			counters[i][cpu] = open_counter(i, cpu);
			ioctl(counters[i][cpu], PERF_EVENT_IOC_ENABLE, 0);
		}
	}
}

static void count_stop(u64 counts[NR_COUNTED])
{
	unsigned int i, cpu;
	u64 value;

	for (i = 0; i < NR_COUNTED; i++) {
		counts[i] = 0;
		for (cpu = 0; cpu < NR_CPUS; cpu++) {
			TEST_ASSERT(read(counters[i][cpu], &value, sizeof(value)) ==
				    sizeof(value), "reading a counter: %s", strerror(errno));
			counts[i] += value;
			close(counters[i][cpu]);
		}
	}
}

/* ---- vCPUs side by side ---------------------------------------------------------- */

struct work {
	struct kvm_vcpu *vcpu;
	guest_fn_t fn;
	u64 args[GUEST_MAX_ARGS];
	pthread_barrier_t *barrier;
};

static void *work(void *opaque)
{
	struct work *w = opaque;

	__guest_start(w->vcpu, w->fn, w->args);
	pthread_barrier_wait(w->barrier);
	if (guest_run(w->vcpu, NULL) == RUN_DONE)
		return NULL;
	TEST_FAIL("the guest left with %u (%s)", w->vcpu->run->exit_reason,
		  exit_reason_str(w->vcpu->run->exit_reason));
	return NULL;
}

/* Wall time from when all are ready until all are done. */
static u64 run_all(struct work *works, unsigned int nr)
{
	pthread_barrier_t barrier;
	pthread_t threads[2];
	unsigned int i;
	u64 start;

	pthread_barrier_init(&barrier, NULL, nr + 1);
	for (i = 0; i < nr; i++) {
		works[i].barrier = &barrier;
		TEST_ASSERT(!pthread_create(&threads[i], NULL, work, &works[i]), "no thread");
	}
	start = bench_now();
	pthread_barrier_wait(&barrier);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	return bench_now() - start;
}

/* @nr pages from @gpa on by @vcpu. */
static struct work touch_work(struct kvm_vcpu *vcpu, u64 gpa, u64 nr)
{
	return (struct work){
		.vcpu = vcpu, .fn = (guest_fn_t)guest_touch, .args = { gpa, nr },
	};
}

/* Ten instructions a turn that leave the guest for nothing: guest_spin() has PAUSE. */
static u64 guest_compute(u64 loops)
{
	u64 x = loops | 1;

	while (loops--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x & 1;
}

static struct work compute_work(struct kvm_vcpu *vcpu, u64 loops)
{
	return (struct work){
		.vcpu = vcpu, .fn = (guest_fn_t)guest_compute, .args = { loops },
	};
}

static void all_out(struct uvm *uvm)
{
	int i;

	for (i = 0; i < 50 && uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_OUT) < PAGES; i++) {
		if (i)
			usleep(10000);
		uvm_page_out(uvm, MEM_GPA, PAGES);
	}
	uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_OUT);
}

static struct uvm *create(int nr_vcpus)
{
	struct uvm_config config = {
		.mem_pages = PAGES, .src = VM_MEM_SRC_ANONYMOUS, .nr_vcpus = nr_vcpus,
	};
	struct uvm *uvm = uvm_create(&config);

	guest_call(uvm->vcpu[0], guest_random, MEM_GPA, PAGES, nr_vcpus);
	uvm_esm(uvm);
	return uvm;
}

/* Demand page-in by one vCPU and by two, wall times; what they counted to @counts. */
static void fault_both(struct uvm *uvm, const char *window, u64 ret_ns[2],
		       u64 counts[2][NR_COUNTED])
{
	u64 half = PAGES / 2;
	struct work works[2];
	int nr;

	uvmem_set_param("fault_around_pages", window, NULL);
	for (nr = 1; nr <= 2; nr++) {
		all_out(uvm);
		works[0] = touch_work(uvm->vcpu[0], MEM_GPA, nr == 1 ? PAGES : half);
		works[1] = touch_work(uvm->vcpu[1], MEM_GPA + half * PAGE_SIZE, half);
		count_start();
		ret_ns[nr - 1] = run_all(works, nr);
		count_stop(counts[nr - 1]);
		uvm_assert_state(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	}
	uvmem_set_param("fault_around_pages", "1", NULL);
}

/* As fault_both(), for an ordinary VM and pages that its VMM has: what KVM makes of it. */
static void fault_ordinary(u64 ret_ns[2])
{
	struct uvm_config config = {
		.mem_pages = PAGES, .src = VM_MEM_SRC_ANONYMOUS, .nr_vcpus = 2, .unarmed = true,
	};
	struct uvm *uvm = uvm_create(&config);
	void *mem = uvm_hva(uvm, MEM_GPA);
	struct work works[2];
	u64 half = PAGES / 2;
	int nr;

	for (nr = 1; nr <= 2; nr++) {
		TEST_ASSERT(!madvise(mem, PAGES * PAGE_SIZE, MADV_DONTNEED), "MADV_DONTNEED");
		memset(mem, nr, PAGES * PAGE_SIZE);
		works[0] = touch_work(uvm->vcpu[0], MEM_GPA, nr == 1 ? PAGES : half);
		works[1] = touch_work(uvm->vcpu[1], MEM_GPA + half * PAGE_SIZE, half);
		ret_ns[nr - 1] = run_all(works, nr);
	}
	uvm_free_unchecked(uvm);
}

/* The other VMM: faults half of the pages of a VM of its own when it is told to. */
static void other_vmm(pthread_barrier_t *barrier)
{
	struct uvm *uvm = create(1);

	all_out(uvm);
	pthread_barrier_wait(barrier);
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, PAGES / 2);
	pthread_barrier_wait(barrier);
	exit(0);
}

/* Half of the pages here while another VMM does the other half. */
static u64 fault_apart(struct uvm *uvm, pthread_barrier_t *barrier)
{
	u64 start;

	all_out(uvm);
	pthread_barrier_wait(barrier);
	start = bench_now();
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, PAGES / 2);
	pthread_barrier_wait(barrier);
	return bench_now() - start;
}

/* Who waits for the other VMM must not do so when it has failed. */
static void on_child(int sig)
{
	int status;

	if (wait(&status) > 0 && status)
		_exit(1);
}

static void turn(void)
{
	u64 one[2], around[2], ordinary[2], compute_one, compute_two, apart, waits;
	u64 counts[2][NR_COUNTED], counts16[2][NR_COUNTED];
	pthread_barrierattr_t attr;
	pthread_barrier_t *barrier;
	struct work works[2];
	struct uvm *uvm;
	unsigned int i;
	pid_t pid;

	barrier = mmap(NULL, sizeof(*barrier), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(barrier != MAP_FAILED, "mmap: %s", strerror(errno));
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attr, 2);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		other_vmm(barrier);
	}

	uvm = create(2);
	apart = fault_apart(uvm, barrier);

	works[0] = compute_work(uvm->vcpu[0], COMPUTE_LOOPS);
	compute_one = run_all(works, 1);
	works[0] = compute_work(uvm->vcpu[0], COMPUTE_LOOPS / 2);
	works[1] = compute_work(uvm->vcpu[1], COMPUTE_LOOPS / 2);
	compute_two = run_all(works, 2);

	waits = uvm_stat(uvm, "transit_waits");
	fault_both(uvm, "1", one, counts);
	waits = uvm_stat(uvm, "transit_waits") - waits;
	fault_both(uvm, "16", around, counts16);
	fault_ordinary(ordinary);

	printf("smp one %lu two %lu apart %lu around_one %lu around_two %lu", one[0], one[1],
	       apart, around[0], around[1]);
	printf(" ordinary_one %lu ordinary_two %lu", ordinary[0], ordinary[1]);
	printf(" compute_one %lu compute_two %lu waits %lu", compute_one, compute_two, waits);
	for (i = 0; i < NR_COUNTED; i++)
		printf(" %s_1 %lu %s_2 %lu around_%s_2 %lu", counted[i].name, counts[0][i],
		       counted[i].name, counts[1][i], counted[i].name, counts16[1][i]);
	printf("\n");
	/* The other VMM may have had pages when this VM was made: its check counts for nothing. */
	uvm_free_unchecked(uvm);
}

int main(int argc, char **argv)
{
	int turn_nr, status;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (turn_nr = 0; turn_nr < 2 * bench_rounds(); turn_nr++) {
		pid = fork();
		TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
		if (!pid) {
			signal(SIGCHLD, on_child);
			alarm(TURN_SECONDS);
			turn();
			exit(0);
		}
		TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			ksft_exit_fail_msg("a turn failed: status 0x%x\n", status);
	}
	return 0;
}
