// SPDX-License-Identifier: GPL-2.0-only
/*
 * race_test - any two operations at the same time, on the same and on neighbouring pages
 *
 * Rounds: both operations are let go at once, then everything is looked at and put back.
 * Where the pair leaves the guest its content, a word that was written last must be
 * there; where it does not, the guest goes on or is stopped for a reason that the pair
 * can have. The host never sees a marker. With 4 vCPUs two of them use other pages of
 * the same 2 MiB all the while.
 *
 * The pairs of which both are the guest's, and those with 4 vCPUs, are another program.
 * SECONDS_EACH=S gives each pair more than a second; PAIRS=GLOB runs those whose name,
 * such as "share x unshare, 4 vCPUs", matches.
 */
#include <fnmatch.h>
#include <signal.h>
#include <sys/wait.h>

#include "kselftest.h"

#include "race/operations.h"
#include "search.h"
#include "timescale.h"

/* race_smp_test: all that has two vCPUs in the guest at once. */
#ifdef RACE_SMP
#define SMP		true
#else
#define SMP		false
#endif

#define BYSTANDER	64	/* first page of the other vCPUs */
#define ROUNDS_LEAST	3
#define SUMS_EVERY	8

/* ---- a round -------------------------------------------------------------------------- */

static bool bystander_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct race *race = opaque;
	u64 ret;

	/* Not all the time: see the top. */
	sleep_ms(3);
	if (!guest(race, vcpu->id, &ret, guest_churn, mem_page(BYSTANDER + PAGES * vcpu->id), PAGES,
		   round * 4, 4))
		return false;
	TEST_ASSERT(ret == GUEST_OK, "vCPU %u: a write to 0x%lx was lost", vcpu->id, ret);
	return true;
}

static void vm_begin(struct race *race)
{
	int i;

	race->uvm = uvm_create_secure(&(struct uvm_config){ .nr_vcpus = race->nr_vcpus });
	guest_call(race->uvm->vcpu[0], guest_fill, MEM_GPA, 32, 1);
	race->stopped = false;
	for (i = 0; i < 2; i++)
		race->racer[i].word = GUEST_OK;
	for (i = 2; i < race->nr_vcpus; i++) {
		race->bystander[i] = (struct guest_thread){
			.vcpu = race->uvm->vcpu[i], .step = bystander_step, .opaque = race,
		};
		guest_thread_start(&race->bystander[i]);
	}
}

static void bystanders_stop(struct race *race)
{
	int i;

	for (i = 2; i < race->nr_vcpus; i++)
		guest_thread_stop(&race->bystander[i], 0);
}

static void vm_end(struct race *race)
{
	bystanders_stop(race);
	uvm_assert_sums(race->uvm);
	TEST_ASSERT_EQ(search_markers_in(uvm_hva(race->uvm, MEM_GPA), 32 * PAGE_SIZE).markers, 0ull);
	uvm_assert_sums(race->uvm);
	uvm_free(race->uvm);
}

/* Bring the pages of a racer into the state that an operation wants. */
static void restore(struct racer *r, enum want want)
{
	struct race *race = r->race;
	struct uvm *uvm = race->uvm;
	u64 gfn = gpa_to_gfn(r->gpa), ret;

	if (uvm_count(uvm, r->gpa, PAGES, UVMEM_PAGE_LOST) ||
	    (want != WANT_SHARED && uvm_count(uvm, r->gpa, PAGES, UVMEM_PAGE_SHARED)) ||
	    (want == WANT_SHARED && !uvm_count(uvm, r->gpa, PAGES, UVMEM_PAGE_SHARED))) {
		r->word = GUEST_OK;
		if (!guest(race, 0, &ret, guest_hypercall, UV_SHARE_PAGE, gfn, PAGES) ||
		    (want != WANT_SHARED &&
		     !guest(race, 0, &ret, guest_hypercall, UV_UNSHARE_PAGE, gfn, PAGES)))
			return;
		/* What was zeroed gets its markers back: the host must not see them. */
		if (want != WANT_SHARED &&
		    !guest(race, 0, &ret, guest_fill, r->gpa, PAGES, 1))
			return;
	}
	if (want == WANT_OUT)
		uvm_page_out(uvm, r->gpa, PAGES);
	else if (want == WANT_IN)
		guest(race, 0, &ret, guest_touch, r->gpa, PAGES);
}

/* Same pages or neighbours, as one or the other operation wants them. */
static void round_begin(struct race *race)
{
	bool apart = race->rounds & 2;
	struct racer *r = race->racer;
	int i;

	for (i = 0; i < 2; i++)
		r[i].gpa = mem_page(apart ? i * PAGES : 0);
	/* A guest's word is known only if nobody else may have been at its page. */
	race->checked = !race->op[0]->loses && !race->op[1]->loses;
	if (!(race->rounds & 1))
		r[0].word = r[1].word = GUEST_OK;
	if (apart) {
		for (i = 0; i < 2 && !race->stopped; i++)
			restore(&r[i], race->op[i]->want);
	} else {
		restore(&r[0], race->op[race->rounds & 1]->want);
	}
}

static bool racer_run(struct racer *r)
{
	int spins;

	pthread_barrier_wait(&r->race->start);
	if (r->race->quit)
		return false;
	for (spins = rand_r(&r->seed) % 3000; spins; spins--)
		cpu_relax();
	r->op->run(r);
	pthread_barrier_wait(&r->race->end);
	return true;
}

static void *racer_fn(void *arg)
{
	struct racer *r = arg;

	while (racer_run(r))
		;
	return NULL;
}

static void race_run(void *arg)
{
	struct race *race = arg;
	u64 end;
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		race->racer[i] = (struct racer){
			.race = race, .me = i, .op = race->op[i], .seed = 7 * i + 1,
		};
		race->may_stop |= race->op[i]->may_stop;
		race->may_refuse |= race->op[i]->may_stop;
	}
	race->may_miss = (race->op[0]->by_kernel && race->op[1]->takes_memory) ||
			 (race->op[1]->by_kernel && race->op[0]->takes_memory);
	pthread_barrier_init(&race->start, NULL, 2);
	pthread_barrier_init(&race->end, NULL, 2);
	vm_begin(race);
	TEST_ASSERT(!pthread_create(&thread, NULL, racer_fn, &race->racer[1]), "no thread");

	end = now_ms() + race->seconds * 1000ull;
	while (race->rounds < ROUNDS_LEAST || now_ms() < end) {
		round_begin(race);
		if (!race->stopped) {
			racer_run(&race->racer[0]);
			race->rounds++;
			if (!(race->rounds % SUMS_EVERY) && race->nr_vcpus == 2)
				uvm_assert_sums(race->uvm);
		}
		if (!race->stopped)
			continue;
		race->stops += race->stopped;
		vm_end(race);
		vm_begin(race);
	}
	/* The other one waits for its next round. */
	race->quit = true;
	pthread_barrier_wait(&race->start);
	thread_join(thread, race->op[1]->name);
	vm_end(race);
	ksft_print_msg("%lu rounds, stopped %lu times\n", race->rounds, race->stops);
}

/* ---- the end of a VM ------------------------------------------------------------------------ */

/* For two ends at once: the VMM's own, and its being killed. */
static void end_vm(struct racer *r)
{
	bystanders_stop(r->race);
	kvm_vm_free(r->race->uvm->vm);
	r->race->stopped = true;
}

static const struct op terminate = { "terminate", end_vm, WANT_IN };

/* The VMM, until it is killed: it tells when it begins. */
static void vmm_run(struct race *race, int fd)
{
	struct racer *r = &race->racer[0];
	const struct op *op = race->op[0];

	*r = (struct racer){ .race = race, .op = op, .gpa = MEM_GPA, .seed = 1 };
	race->op[1] = op;
	race->may_stop = ~0u;
	race->may_refuse = true;
	vm_begin(race);
	TEST_ASSERT(write(fd, &race->uvm->id, 8) == 8, "pipe");
	while (!race->stopped) {
		restore(r, op->want);
		if (!race->stopped)
			op->run(r);
	}
	pause();
}

static int open_vm(u64 id)
{
	struct uvmem_open_vm open = { .size = sizeof(open), .id = id };

	return ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);
}

/* What the host does from outside while the VMM ends: no call may hang or succeed wrongly. */
static void beside_the_end(int fd, pid_t pid, u64 hint)
{
	struct uvmem_range range = { .size = sizeof(range), .gfn = gpa_to_gfn(MEM_GPA),
				     .nr_pages = PAGES, .flags = UVMEM_RANGE_IGNORE_AGE };
	struct uvmem_range in = { .size = sizeof(in), .gfn = range.gfn, .nr_pages = PAGES };
	struct uvmem_vm_info info = { .size = sizeof(info) };
	u64 end = now_ms() + 10000ull * time_scale();

	do {
		TEST_ASSERT(now_ms() < end, "VM %lu of %d does not end", hint, pid);
		ioctl(fd, UVMEM_VM_PAGE_OUT, &range);
		ioctl(fd, UVMEM_VM_PAGE_IN, &in);
		TEST_ASSERT(!ioctl(fd, UVMEM_VM_GET_INFO, &info), "info: %s", strerror(errno));
	} while (info.state != UVMEM_VM_TERMINATED);
	TEST_ASSERT(ioctl(fd, UVMEM_VM_PAGE_OUT, &range) == -1 && errno == ESRCH, "page-out");
}

static void terminate_run(void *arg)
{
	struct race *race = arg;
	u64 end = now_ms() + race->seconds * 1000ull, id;
	struct uvmem_pool before = uvmem_get_pool();
	unsigned int seed = 1, kills = 0;
	int fds[2], fd, status;
	pid_t pid;

	do {
		TEST_ASSERT(!pipe(fds), "pipe");
		pid = fork();
		TEST_ASSERT(pid >= 0, "fork");
		if (!pid) {
			vmm_run(race, fds[1]);
			_exit(1);
		}
		close(fds[1]);
		TEST_ASSERT(read(fds[0], &id, 8) == 8, "the VMM did not start");
		close(fds[0]);
		fd = open_vm(id);
		TEST_ASSERT(fd >= 0 || (errno == ENOENT && race->op[0] == &terminate),
			    "UVMEM_OPEN_VM: %s", strerror(errno));
		usleep(rand_r(&seed) % 30000);
		TEST_ASSERT(!kill(pid, SIGKILL), "kill");
		if (fd >= 0)
			beside_the_end(fd, pid, id);
		TEST_ASSERT(waitpid(pid, &status, 0) == pid, "wait");
		TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
		if (fd >= 0)
			close(fd);
		uvmem_assert_nothing_left(&before);
		kills++;
	} while (now_ms() < end);
	ksft_print_msg("killed %u times\n", kills);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static bool is_here(const struct op *a, const struct op *b, int nr_vcpus)
{
	const char *pairs = getenv("PAIRS");
	char name[96];

	snprintf(name, sizeof(name), "%s x %s, %d vCPUs", a->name, b->name, nr_vcpus);
	if (pairs && fnmatch(pairs, name, 0))
		return false;
	return SMP == (nr_vcpus > 2 || (a->by_guest && b->by_guest));
}

static void run_pairs(int nr_vcpus, int seconds, unsigned int *nr)
{
	struct race race = { .nr_vcpus = nr_vcpus, .seconds = seconds };
	int i, j;

	for (i = 0; i < nr_ops; i++) {
		race.op[0] = &ops[i];
		for (j = i; j < nr_ops; j++) {
			race.op[1] = &ops[j];
			if (!is_here(&ops[i], &ops[j], nr_vcpus))
				continue;
			if (nr)
				++*nr;
			else
				case_run(race_run, &race, 60 + seconds, "%s x %s, %d vCPUs",
					 ops[i].name, ops[j].name, nr_vcpus);
		}
		if (!is_here(&ops[i], &terminate, nr_vcpus))
			continue;
		if (nr)
			++*nr;
		else
			case_run(terminate_run, &race, 60 + seconds, "%s x terminate, %d vCPUs",
				 ops[i].name, nr_vcpus);
	}
	if (!is_here(&terminate, &terminate, nr_vcpus))
		return;
	race.op[0] = &terminate;
	if (nr)
		++*nr;
	else
		case_run(terminate_run, &race, 60 + seconds, "terminate x terminate, %d vCPUs",
			 nr_vcpus);
}

int main(void)
{
	const char *text = getenv("SECONDS_EACH");
	int seconds = text && atoi(text) > 0 ? atoi(text) : 1;
	u64 limit = uvmem_get_pool().sealed_pool_limit;
	unsigned int nr = 0;

	/* "KVM's write" wants it: an exchange is what only the emulator does. */
	if (!kvm_is_forced_emulation_enabled())
		ksft_exit_fail_msg("kvm.force_emulation_prefix is off\n");
	/* Here, and not in a child, so that what is restored in the end is this. */
	uvmem_set_sealed_pool(limit);
	run_pairs(2, seconds, &nr);
	run_pairs(4, seconds, &nr);
	if (!nr)
		ksft_exit_skip("PAIRS=%s: no pair of this program\n", getenv("PAIRS"));
	cases_begin(nr);
	run_pairs(2, seconds, NULL);
	run_pairs(4, seconds, NULL);
	/* Some were killed before they could. */
	uvmem_set_sealed_pool(limit);
	cases_end();
}
