// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz.c - structured random operations of guest, VMM and others on one VM
 *
 *	uvmem_fuzz [-s SEED] [-n RUNS] [-k STEPS] [-t SECONDS] [-f] [-v]
 *
 *	-s	the seed of the first run; each run's is one more than that of the one
 *		before. Drawn and printed if it is not given.
 *	-n	so many runs (1)
 *	-k	so many steps in each (500)
 *	-t	begin no run after so many seconds (then -n may be any number)
 *	-f	one more run, with a seed that is drawn
 *	-v	say each step
 *
 * A run is a process of its own, watched by the one that prints; one TAP result
 * each. What a run does follows from its seed; what the kernel makes of it, and
 * when, need not be the same twice if the run makes noise (odd seeds): see noise.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#include "fuzz.h"

#define DEFAULT_STEPS	500
#define CHECK_EVERY	8	/* steps between two looks at everything */
#define STEP_SECONDS	60	/* what takes longer hangs */

struct progress *progress;
static bool verbose;

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(progress->what, sizeof(progress->what), format, args);
	va_end(args);
	if (verbose)
		fprintf(stderr, "# %lu: %s\n", progress->step, progress->what);
}

void count_result(const char *name, s64 code)
{
	struct result *r;
	u64 hash = code;
	const char *c;
	int i;

	for (c = name; *c; c++)
		hash = hash * 31 + *c;
	for (i = 0; i < NR_RESULTS; i++) {
		r = &progress->results[(hash + i) % NR_RESULTS];
		if (!r->count) {
			snprintf(r->name, sizeof(r->name), "%s", name);
			r->code = code;
		}
		if (r->code == code && !strncmp(r->name, name, sizeof(r->name) - 1)) {
			r->count++;
			return;
		}
	}
}

/* ---- a run -------------------------------------------------------------------------- */

static const struct {
	void (*op)(struct fuzz *f);
	int weight;
} ops[] = {
	{ op_fill, 12 },
	{ op_fill_byte, 6 },
	{ op_verify, 12 },
	{ op_hypercall, 40 },
	{ op_host_read, 8 },
	{ op_host_write, 3 },
	{ op_flip_and_back, 2 },
	{ op_move, 12 },
	{ op_madvise, 6 },
	{ op_mprotect, 2 },
	{ op_drop_plain, 3 },
	{ op_fork, 2 },
	{ op_slot, 8 },
	{ op_slot_log, 2 },
	{ op_mremap, 2 },
	{ op_limit, 2 },
	{ op_sealed_pool, 6 },
	{ op_doom, 1 },
	{ op_ioctl, 12 },
	{ op_nobody, 1 },
	{ op_events, 12 },
	{ op_event_storm, 1 },
};

static void step(struct fuzz *f)
{
	int sum = 0, i;
	u64 n;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	n = rng_below(&f->rng, sum);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	ops[i].op(f);
}

static struct fuzz fuzz;
static pid_t runner;

static u64 read_at(const char *path, u64 index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	u64 value = 0;

	if (fd < 0 || pread(fd, &value, 8, (off_t)(8 * index)) != 8)
		value = ~0ull;
	close(fd);
	return value;
}

/* What the VMM's page table has where the guest was stopped. */
static void explain_page(u64 gpa)
{
	u64 entry, pfn;

	if (gpa >= LOW_PAGES * PAGE_SIZE && !model_slot(&fuzz, gpa_to_gfn(gpa)))
		return;
	entry = read_at("/proc/self/pagemap", (u64)model_hva(&fuzz, gpa_to_gfn(gpa)) / PAGE_SIZE);
	pfn = entry & ((1ull << 55) - 1);
	fprintf(stderr, "# gpa 0x%lx: pagemap 0x%lx, kpageflags 0x%lx, kpagecount %lu\n", gpa,
		entry, entry >> 63 ? read_at("/proc/kpageflags", pfn) : 0,
		entry >> 63 ? read_at("/proc/kpagecount", pfn) : 0);
}

/* TEST_ASSERT() ends by exit(): what did the module count? */
static void explain(void)
{
	struct uvmem_vm_info info;
	static const char * const names[] = {
		"skipped_pinned", "skipped_raced", "skipped_busy", "skipped_no_frame",
		"skipped_no_memory", "skipped_foreign", "skipped_not_anon", "skipped_no_gain", "retries",
		"pool_stored", "pool_loaded", "pool_incompressible", "pool_full",
		"pool_written_out",
		"transit_waits", "dropped", "integrity_failures",
	};
	int i;

	if (!fuzz.uvm || getpid() != runner)
		return;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		fprintf(stderr, "# %s %lu\n", names[i], uvm_stat(fuzz.uvm, names[i]));
	uvm_info(fuzz.uvm, &info);
	if (info.stop_reason)
		explain_page(info.stop_gpa);
}

static void run(u64 seed, u64 steps)
{
	struct fuzz *f = &fuzz;
	int i;

	runner = getpid();
	atexit(explain);

	f->seed = seed;
	for (i = 0; i < MAX_READERS; i++)
		f->reader[i].fd = -1;
	for (progress->step = 1; progress->step <= steps; progress->step++) {
		f->rng = rng_of_step(seed, progress->step);
		if (!f->uvm) {
			note("a new VM");
			model_create(f);
			if (seed % 2)
				noise_start(f);
		}
		step(f);
		if (f->over || rng_one_in(&f->rng, 150)) {
			model_end(f, f->over);
			count_result("end of a VM", f->over);
		} else if (!(progress->step % CHECK_EVERY)) {
			model_check(f);
		}
	}
	if (f->uvm)
		model_end(f, false);
	events_close(f);
}

/* ---- watching it --------------------------------------------------------------------- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Its exit status as waitpid() gives it; -1: it hangs. */
static int watch(pid_t pid)
{
	double since = now();
	u64 step = 0;
	int status;

	for (;;) {
		pid_t ret = waitpid(pid, &status, WNOHANG);

		TEST_ASSERT(ret >= 0, "waitpid: %s", strerror(errno));
		if (ret)
			return status;
		if (READ_ONCE(progress->step) != step) {
			step = progress->step;
			since = now();
		} else if (now() - since > STEP_SECONDS) {
			show_threads(pid);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		usleep(20000);
	}
}

static bool run_watched(u64 seed, u64 steps, int number)
{
	struct uvmem_pool before = uvmem_get_pool();
	double start = now();
	int status;
	pid_t pid;

	progress->seed = seed;
	progress->step = 0;
	fflush(NULL);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		run(seed, steps);
		fflush(NULL);
		_exit(0);
	}
	status = watch(pid);
	if (!status) {
		/* Whatever it did, nothing of it is there any more. */
		snprintf(progress->what, sizeof(progress->what), "the end of the run");
		uvmem_assert_nothing_left(&before);
		printf("ok %d - seed %lu, %lu steps (%.1f s)\n", number, seed, steps, now() - start);
		fflush(stdout);
		return true;
	}
	printf("not ok %d - seed %lu, step %lu\n", number, seed, progress->step);
	printf("# %s: %s\n", status == -1 ? "hangs" : WIFSIGNALED(status) ? "killed" : "fails",
	       progress->what);
	printf("# again: make fuzz SEED=%lu STEPS=%lu V=1\n", seed, progress->step);
	fflush(stdout);
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct result *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	/* Unused ones last. */
	if (!x->count || !y->count)
		return !x->count - !y->count;
	return order ? order : (x->code > y->code) - (x->code < y->code);
}

/* What was done, and how it ended: a kind that is missing here was not tested. */
static void print_results(void)
{
	struct result *r = progress->results;
	u64 kinds = 0, sum = 0;
	int i;

	qsort(r, NR_RESULTS, sizeof(*r), compare);
	for (i = 0; i < NR_RESULTS && r[i].count; i++) {
		if (!i || strcmp(r[i].name, r[i - 1].name))
			printf("%s# %-32s", i ? "\n" : "", r[i].name);
		printf(" %ld:%lu", r[i].code, r[i].count);
		kinds++;
		sum += r[i].count;
	}
	printf("\n# %lu operations on %lu VMs, %lu kinds of results\n", sum, progress->vms, kinds);
}

static u64 draw_seed(void)
{
	u64 seed;

	TEST_ASSERT(getrandom(&seed, sizeof(seed), 0) == sizeof(seed), "getrandom");
	/* One that can be typed. */
	return seed % 1000000000;
}

int main(int argc, char **argv)
{
	u64 seed = draw_seed(), steps = DEFAULT_STEPS, runs = 1, seconds = 0;
	double start = now();
	int number = 0, failed = 0, option;
	bool fresh = false;

	while ((option = getopt(argc, argv, "s:n:k:t:fv")) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			runs = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			steps = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			fresh = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			fprintf(stderr, "usage: %s [-s SEED] [-n RUNS] [-k STEPS] [-t SECONDS] [-fv]\n",
				argv[0]);
			return 2;
		}
	}
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(progress != MAP_FAILED, "mmap: %s", strerror(errno));

	printf("# first seed %lu\n", seed);
	do {
		number++;
		failed += !run_watched(seed++, steps, number);
	} while (seconds ? now() - start < seconds && !failed : number < runs);
	if (fresh)
		failed += !run_watched(draw_seed(), steps, ++number);
	print_results();
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
