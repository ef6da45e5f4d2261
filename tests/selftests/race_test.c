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
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <asm/kvm_para.h>

#include "kselftest.h"

#include "cases.h"
#include "search.h"
#include "timescale.h"

/* race_smp_test: all that has two vCPUs in the guest at once. */
#ifdef RACE_SMP
#define SMP		true
#else
#define SMP		false
#endif

#define PAGES		4	/* of each operation */
#define BYSTANDER	64	/* first page of the other vCPUs */
#define ROUNDS_LEAST	3
#define SUMS_EVERY	8
#define STOP(reason)	(1u << UVMEM_STOP_##reason)

/* What the pages should be when an operation starts. */
enum want {
	WANT_IN,
	WANT_OUT,
	WANT_SHARED,
};

struct race;

struct racer {
	struct race *race;
	int me;				/* index of its vCPU, too */
	const struct op *op;
	u64 gpa;
	u64 word;			/* written last, GUEST_OK: not known */
	unsigned int seed;		/* of rand_r() */
};

struct op {
	const char *name;
	void (*run)(struct racer *r);
	enum want want;
	bool by_guest;
	bool loses;			/* content of its pages */
	u32 may_stop;			/* the guest, bits of enum uvmem_stop_reason */
	bool takes_slot;
	bool takes_memory;		/* for a moment there is none at the hva */
	bool by_kernel;			/* KVM goes to the hva itself */
};

struct race {
	const struct op *op[2];
	int nr_vcpus;
	int seconds;
	struct uvm *uvm;
	struct racer racer[2];
	u32 may_stop;
	bool may_refuse;		/* a hypercall */
	bool may_miss;			/* KVM, the memory that it goes to: see try() */
	bool checked;			/* words are */
	bool stopped;			/* the guest was, in this round */
	u64 rounds, stops;
	pthread_barrier_t start, end;
	bool quit;
	struct guest_thread bystander[MAX_VCPUS];
};

/* ---- operations --------------------------------------------------------------------- */

static void *hva(struct racer *r)
{
	return uvm_hva(r->race->uvm, r->gpa);
}

static bool is_emulation_failure(struct kvm_vcpu *vcpu, const struct guest_outcome *out)
{
	return out->status == RUN_OTHER && out->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION;
}

/*
 * fn(args) on the racer's vCPU. False: the guest is stopped.
 *
 * A read by KVM of what has no memslot, or of plain memory that the VMM has unmapped, is
 * MMIO to KVM for any guest; an exchange with the latter is an emulation that fails, and
 * the end of any guest.
 */
static bool try(struct race *race, int vcpu, u64 *ret, guest_fn_t fn,
		const u64 args[GUEST_MAX_ARGS])
{
	struct kvm_vcpu *v = race->uvm->vcpu[vcpu];
	struct guest_outcome out = __guest_try(v, fn, args);
	int i;

	/* MMIO reads as zero. */
	for (i = 0; out.status == RUN_OTHER && out.exit_reason == KVM_EXIT_MMIO && i < 1000; i++) {
		TEST_ASSERT(race->op[0]->takes_slot || race->op[1]->takes_slot || race->may_miss,
			    "MMIO at 0x%llx", v->run->mmio.phys_addr);
		memset(v->run->mmio.data, 0, sizeof(v->run->mmio.data));
		out.status = guest_run(v, &out.result);
		out.exit_reason = v->run->exit_reason;
		out.reason = v->run->internal.data[0];
	}
	if (race->may_miss && is_emulation_failure(v, &out)) {
		WRITE_ONCE(race->stopped, true);
		return false;
	}
	TEST_ASSERT(out.status != RUN_OTHER, "exit: %s", exit_reason_str(out.exit_reason));
	if (out.status == RUN_STOPPED) {
		TEST_ASSERT(race->may_stop & (1u << out.reason), "stopped for reason %u at 0x%lx",
			    out.reason, out.gpa);
		WRITE_ONCE(race->stopped, true);
		return false;
	}
	*ret = out.result;
	return true;
}

#define guest(race, vcpu, ret, fn, ...)						\
	try(race, vcpu, ret, (guest_fn_t)(fn), (const u64[GUEST_MAX_ARGS]) { __VA_ARGS__ })

static void guest_fault(struct racer *r)
{
	u64 old = r->race->checked ? r->word : GUEST_OK, ret, next = rand_r(&r->seed);

	r->word = GUEST_OK;
	if (!guest(r->race, r->me, &ret, guest_exchange, r->gpa, PAGES, 64 + 8 * r->me, old, next))
		return;
	TEST_ASSERT(ret == GUEST_OK, "a write to 0x%lx was lost", ret);
	r->word = next;
}

static void host_touch(struct racer *r)
{
	struct iovec local, remote;
	u64 word;
	int i;

	for (i = 0; i < PAGES; i++) {
		word = 0;
		local = (struct iovec){ &word, sizeof(word) };
		remote = (struct iovec){ hva(r) + i * PAGE_SIZE, sizeof(word) };
		/* A hole, if the other one unmaps. */
		if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0)
			TEST_ASSERT(errno == EFAULT, "read: %s", strerror(errno));
		TEST_ASSERT(!is_marker(word), "the host reads a marker");
	}
}

static void host_move(struct racer *r, unsigned long cmd)
{
	int ret = __uvm_move(r->race->uvm, cmd, r->gpa, PAGES,
			     cmd == UVMEM_VM_PAGE_OUT ? UVMEM_RANGE_IGNORE_AGE : 0, NULL);

	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

static void page_out(struct racer *r)
{
	host_move(r, UVMEM_VM_PAGE_OUT);
}

static void page_in(struct racer *r)
{
	host_move(r, UVMEM_VM_PAGE_IN);
}

/* Whatever pages these are: all of them lose their accessed bits. */
static void age_and_reclaim(struct racer *r)
{
	struct uvmem_age age;
	int ret;

	uvm_age(r->race->uvm, 0, &age);
	ret = uvm_reclaim(r->race->uvm, 2 * PAGES, 0, NULL);
	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

static void age_and_reclaim_no_ciphertext(struct racer *r)
{
	struct uvmem_age age;
	int ret;

	uvmem_set_sealed_pool(16 << 20);
	uvm_age(r->race->uvm, 0, &age);
	ret = uvm_reclaim_no_ciphertext(r->race->uvm, 2 * PAGES, 0, NULL);
	TEST_ASSERT(!ret || ret == -EINTR, "%s", strerror(-ret));
}

/* Into the sealed pool, and out of it by the worker whenever it gets there. */
static void write_out(struct racer *r)
{
	uvmem_set_sealed_pool(16 << 20);
	page_out(r);
	uvmem_set_sealed_pool(0);
}

static void hypercall_by(struct racer *r, u64 nr)
{
	u64 ret;

	r->word = GUEST_OK;
	if (!guest(r->race, r->me, &ret, guest_hypercall, nr, gpa_to_gfn(r->gpa), PAGES))
		return;
	TEST_ASSERT(ret == U_SUCCESS || ret == U_BUSY || r->race->may_refuse,
		    "hypercall 0x%lx: %ld", nr, (s64)ret);
}

static void share_pages(struct racer *r)
{
	hypercall_by(r, UV_SHARE_PAGE);
}

static void unshare_pages(struct racer *r)
{
	hypercall_by(r, UV_UNSHARE_PAGE);
}

/* KVM changes some bytes of the page: writes the wall clock, or exchanges a word. */
static void kernel_write(struct racer *r)
{
	u64 ret;
	int i;

	r->word = GUEST_OK;
	for (i = 0; i < PAGES; i++) {
		u64 gpa = r->gpa + i * PAGE_SIZE;

		if (i & 1 ? !guest(r->race, r->me, &ret, guest_fep_lock_add, gpa, 8, 1) :
			    !guest(r->race, r->me, &ret, guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, gpa))
			return;
	}
}

static void map_again(struct racer *r)
{
	void *mem = hva(r);

	TEST_ASSERT(mmap(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem, "mmap");
}

static void unmap(struct racer *r)
{
	TEST_ASSERT(!munmap(hva(r), PAGES * PAGE_SIZE), "munmap");
	map_again(r);
}

static void dontneed(struct racer *r)
{
	/* Of memory that the other one has unmapped: ENOMEM. */
	if (madvise(hva(r), PAGES * PAGE_SIZE, MADV_DONTNEED))
		TEST_ASSERT(errno == ENOMEM, "madvise: %s", strerror(errno));
}

static void delete_slot(struct racer *r)
{
	struct userspace_mem_region *region = memslot2region(r->race->uvm->vm, MEM_SLOT);
	bool two = r->race->op[0] == r->race->op[1];
	int ret;

	/* Two at once: one finds it gone, or there again. */
	ret = __vm_set_user_memory_region(r->race->uvm->vm, MEM_SLOT, 0, MEM_GPA, 0,
					  region->host_mem);
	TEST_ASSERT(!ret || two, "delete: %s", strerror(errno));
	ret = __vm_set_user_memory_region(r->race->uvm->vm, MEM_SLOT, 0, MEM_GPA,
					  region->region.memory_size, region->host_mem);
	TEST_ASSERT(!ret || two, "create: %s", strerror(errno));
}

static const struct op ops[] = {
	{ "guest fault", guest_fault, WANT_OUT, .by_guest = true },
	{ "host touch", host_touch, WANT_IN },
	{ "page-out", page_out, WANT_IN },
	{ "page-in", page_in, WANT_OUT },
	{ "age and reclaim", age_and_reclaim, WANT_IN },
	{ "reclaim, no ciphertext", age_and_reclaim_no_ciphertext, WANT_IN },
	{ "write-out", write_out, WANT_IN },
	{ "share", share_pages, WANT_IN, .by_guest = true, .loses = true },
	{ "unshare", unshare_pages, WANT_SHARED, .by_guest = true, .loses = true },
	{ "KVM's write", kernel_write, WANT_SHARED, .by_guest = true, .loses = true,
	  .by_kernel = true },
	{ "munmap", unmap, WANT_IN, .loses = true, .takes_memory = true,
	  .may_stop = STOP(LOST) | STOP(MISSING) | STOP(NOT_ANON) },
	{ "MADV_DONTNEED", dontneed, WANT_IN, .loses = true,
	  .may_stop = STOP(LOST) | STOP(MISSING) },
	{ "memslot delete", delete_slot, WANT_IN, .may_stop = STOP(NO_SLOT), .takes_slot = true },
};

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

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		race.op[0] = &ops[i];
		for (j = i; j < ARRAY_SIZE(ops); j++) {
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
