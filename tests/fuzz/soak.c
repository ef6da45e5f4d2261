// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak.c - guests that verify their memory while the host does what it may to it, and
 * while VMMs are killed
 *
 *	uvmem_soak [-t SECONDS] [-g GUESTS] [-s SEED]
 *
 * Each VMM (soak_vmm.c) is a process with one secure guest of two vCPUs. Now and then all
 * of them rest, and the host's sums must hold. The parent kills VMMs and starts others. At
 * the end all that are left verify once more, end in good order, and nothing may be left
 * behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "soak.h"

#define ROUNDS_SECONDS	60		/* a vCPU that finishes no round in that time hangs */

static const char * const action_names[] = {
	[ACT_TOUCH] = "reads by the mapping", [ACT_READV] = "process_vm_readv",
	[ACT_PAGE_OUT] = "page-out", [ACT_PAGE_IN] = "page-in",
	[ACT_SHARE] = "share, write, unshare", [ACT_MADVISE] = "MADV_*",
	[ACT_PROTECT] = "mprotect", [ACT_FORK] = "fork", [ACT_REMAP] = "munmap and mmap",
	[ACT_SLOT] = "memslot goes and comes", [ACT_COMPACT] = "compaction",
	[ACT_SEALED_POOL] = "sealed pool on, off, larger", [ACT_RECLAIM] = "reclaim by age",
	[ACT_CHECK] = "sums of a VM checked", [ACT_CHECK_ALL] = "sums of the host checked",
};
_Static_assert(ARRAY_SIZE(action_names) == NR_ACTIONS, "a name for each action");

struct soak_shared *shared;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static struct vmm_process {
	pid_t pid;
	u64 rounds[NR_VCPUS];	/* that were seen last */
	double since[NR_VCPUS];
} vmms[MAX_GUESTS];
static u64 started, killed, verified;

static void start_vmm(int index, u64 seed)
{
	struct vmm_process *p = &vmms[index];
	int i;

	fflush(NULL);
	p->pid = fork();
	TEST_ASSERT(p->pid >= 0, "fork: %s", strerror(errno));
	if (!p->pid)
		soak_vmm(index, seed);
	for (i = 0; i < NR_VCPUS; i++)
		p->since[i] = now();
	started++;
}

/* False: it has failed or hangs. */
static bool is_well(int index)
{
	struct vmm_process *p = &vmms[index];
	int i, status;

	if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
		printf("# VMM %d ended by itself, status 0x%x\n", index, status);
		p->pid = 0;
		return false;
	}
	for (i = 0; i < NR_VCPUS; i++) {
		u64 rounds = READ_ONCE(shared->rounds_of[index][i]);

		if (rounds != p->rounds[i]) {
			p->rounds[i] = rounds;
			p->since[i] = now();
		} else if (now() - p->since[i] > ROUNDS_SECONDS) {
			printf("# VMM %d: vCPU %d of its guest hangs\n", index, i);
			show_threads(p->pid);
			return false;
		}
	}
	return true;
}

static bool all_well(int guests)
{
	int i;

	for (i = 0; i < guests; i++)
		if (!is_well(i))
			return false;
	return true;
}

/* What the host's figures have to be, by those of all VMs. */
static void sum_up(struct uvmem_pool *sums)
{
	u64 ids[2 * MAX_GUESTS];
	struct uvmem_vm_list list = {
		.size = sizeof(list), .nr = ARRAY_SIZE(ids), .ids = (u64)ids,
	};
	u32 i;

	memset(sums, 0, sizeof(*sums));
	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_LIST_VMS, &list), "UVMEM_LIST_VMS: %s",
		    strerror(errno));
	for (i = 0; i < list.nr; i++) {
		struct uvmem_open_vm arg = { .size = sizeof(arg), .id = ids[i] };
		struct uvm uvm = { .fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &arg) };
		struct uvmem_vm_info info;

		/* Of one that was killed: it is no more. */
		if (uvm.fd < 0)
			continue;
		uvm_info(&uvm, &info);
		close(uvm.fd);
		sums->vms++;
		sums->frames_used += info.frames;
		sums->seals += info.pages[UVMEM_PAGE_OUT];
		sums->handles_used += info.pages[UVMEM_PAGE_IN] + info.pages[UVMEM_PAGE_ZERO] +
				      info.pages[UVMEM_PAGE_POOL];
		sums->sealed_pool_pages += info.pages[UVMEM_PAGE_POOL];
		sums->sealed_pool_bytes += info.sealed_pool_bytes;
	}
}

/*
 * All VMMs rest, but one that was just killed may still be about to end, and khugepaged
 * touches what it likes: figures of one moment are wanted.
 */
static bool host_sums_hold(const struct uvmem_pool *before)
{
	struct uvmem_pool pool, sums;
	const char *wrong = NULL;
	int i;

#define CHECK_SUM(field)							\
	do {									\
		if (pool.field - before->field != sums.field)			\
			wrong = #field;						\
	} while (0)
	for (i = 0; i < 1000 && (!i || wrong); i++) {
		if (i)
			usleep(10000);
		wrong = NULL;
		sum_up(&sums);
		pool = uvmem_get_pool();
		CHECK_SUM(vms);
		CHECK_SUM(frames_used);
		CHECK_SUM(seals);
		CHECK_SUM(handles_used);
		CHECK_SUM(sealed_pool_pages);
		CHECK_SUM(sealed_pool_bytes);
		if (pool.sealed_pool_used < pool.sealed_pool_bytes)
			wrong = "sealed_pool_used";
	}
#undef CHECK_SUM
	if (wrong)
		printf("# the host's %s is not what the VMs have\n", wrong);
	return !wrong;
}

static bool check_host(int guests, const struct uvmem_pool *before)
{
	u64 time = shared->freeze + 1;
	bool good = true;
	int i;

	WRITE_ONCE(shared->freeze, time);
	for (i = 0; i < guests; i++)
		while (good && __atomic_load_n(&shared->frozen[i], __ATOMIC_ACQUIRE) != time) {
			usleep(1000);
			good = is_well(i);
		}
	good = good && host_sums_hold(before);
	__atomic_store_n(&shared->thaw, time, __ATOMIC_RELEASE);
	count(shared->actions[ACT_CHECK_ALL], 1);
	return good;
}

static bool kill_vmm(int index)
{
	int status;

	kill(vmms[index].pid, SIGKILL);
	if (waitpid(vmms[index].pid, &status, 0) != vmms[index].pid)
		return false;
	killed++;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Those that are left end in good order. */
static bool finish(int guests)
{
	bool good = true;
	int i, status;

	WRITE_ONCE(shared->finish, true);
	for (i = 0; i < guests; i++) {
		if (!vmms[i].pid)
			continue;
		if (waitpid(vmms[i].pid, &status, 0) != vmms[i].pid || status) {
			printf("# VMM %d ended with status 0x%x\n", i, status);
			good = false;
		} else {
			verified++;
		}
	}
	return good;
}

static void print_table(double seconds)
{
	int i;

	printf("#\n# %-28s %12s\n", "what", "how often");
	for (i = 0; i < NR_ACTIONS; i++)
		printf("# %-28s %12lu\n", action_names[i], shared->actions[i]);
	printf("# %-28s %12lu\n", "rounds verified by guests", shared->rounds);
	printf("# %-28s %12lu\n", "of the other vCPU's writes", shared->handed);
	printf("# %-28s %12lu\n", "pages out by ioctl", shared->out);
	printf("# %-28s %12lu\n", "pages in by ioctl", shared->in);
	printf("# %-28s %12lu\n", "pages into the sealed pool", shared->pooled);
	printf("# %-28s %12lu\n", "pages out of it", shared->opened);
	printf("# %-28s %12lu\n", "VMMs started", started);
	printf("# %-28s %12lu\n", "VMMs killed", killed);
	printf("# %-28s %12lu\n", "VMMs that ended well", verified);
	printf("# %-28s %12lu\n", "markers seen by the host", shared->markers);
	printf("# %-28s %12.0f\n#\n", "seconds", seconds);
}

int main(int argc, char **argv)
{
	struct uvmem_pool before = uvmem_get_pool();
	u64 seconds = 120, seed = time(NULL), guests = 3;
	double start = now(), shown = 0, next_kill, next_check;
	bool good = true, all_done;
	struct rng rng;
	int option, i;

	while ((option = getopt(argc, argv, "t:g:s:")) != -1) {
		switch (option) {
		case 't':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'g':
			guests = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	TEST_ASSERT(guests && guests <= MAX_GUESTS, "%lu guests", guests);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap: %s", strerror(errno));
	rng = rng_of_step(seed, 0);
	printf("# %lu guests, %lu s, seed %lu\n", guests, seconds, seed);
	for (i = 0; i < guests; i++)
		start_vmm(i, rng_next(&rng));

	next_kill = start + 6;
	next_check = start + 3;
	while (good && now() - start < seconds) {
		usleep(50000);
		good = all_well(guests);
		if (good && now() > next_kill) {
			i = rng_below(&rng, guests);
			good = kill_vmm(i);
			start_vmm(i, rng_next(&rng));
			next_kill = now() + rng_range(&rng, 1, 8);
		}
		if (good && now() > next_check) {
			good = check_host(guests, &before);
			next_check = now() + rng_range(&rng, 2, 10);
		}
		if (now() - shown > 5) {
			shown = now();
			printf("# %3.0f s: %lu rounds, %lu pages out, %lu in, %lu to the sealed pool, %lu VMMs killed\n",
			       shown - start, shared->rounds, shared->out, shared->in,
			       shared->pooled, killed);
			fflush(stdout);
		}
	}
	good &= finish(guests);
	uvmem_set_sealed_pool(before.sealed_pool_limit);
	print_table(now() - start);
	all_done = shared->handed && shared->pooled && shared->opened && verified && killed &&
		   shared->actions[ACT_CHECK_ALL];
	printf("%sok 1 - guests find what they wrote, and sums hold\n", good ? "" : "not ");
	printf("%sok 2 - the host finds no plaintext\n", shared->markers ? "not " : "");
	printf("%sok 3 - all was done\n", all_done ? "" : "not ");
	fflush(stdout);
	uvmem_assert_nothing_left(&before);
	printf("ok 4 - nothing is left behind\n1..4\n");
	return good && !shared->markers && all_done ? 0 : 1;
}
