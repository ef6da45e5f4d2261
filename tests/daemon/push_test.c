// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What holds of pushing to swap, whatever VMM and kernel say: rounds over a fake kernel,
 * with a process_madvise() that is the test's
 */
#include <stdio.h>
#include <sys/stat.h>

#include "unit.h"
#include "manager.h"
#include "vmm.h"
#include "fake_host.inc"
#include "fake_kernel.inc"

static struct fake_kernel fake;
static struct manager m;
static uint64_t now;
static unsigned int failures, calls;
/* What process_madvise() says instead of working; and for how many calls, 0: all */
static int refusal, open_refusal;
static bool takes_nothing;

/* The files of a VMM as the kernel would have them by now. */
static void show_vmm(unsigned int i)
{
	struct fake_vm *v = &fake.vms[i];
	unsigned int in_swap = 0, page;
	char name[64], text[256];

	snprintf(text, sizeof(text), "%s/%d", root, v->pid);
	mkdir(text, 0755);
	snprintf(name, sizeof(name), "%d/stat", v->pid);
	snprintf(text, sizeof(text), "%d (qemu) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 77 0\n",
		 v->pid);
	write_text(name, text);
	for (page = 0; page < v->sim.nr; page++) {
		if (!v->sim.out[page])
			v->swapped[page] = false;
		in_swap += v->swapped[page];
	}
	snprintf(name, sizeof(name), "%d/status", v->pid);
	snprintf(text, sizeof(text), "Name: qemu\nVmSwap: %u kB\n", in_swap * 4 + 400);
	write_text(name, text);
}

static int open_process(int pid)
{
	if (open_refusal)
		return open_refusal;
	/* Which one it is can be asked of the file. */
	return memfd_create(pid == 100 ? "100" : "101", MFD_CLOEXEC);
}

static unsigned int vm_of(int pidfd)
{
	char path[64], name[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pidfd);
	assert_true(readlink(path, name, sizeof(name) - 1) > 0);
	return strstr(name, "memfd:101") ? 1 : 0;
}

/* Only ciphertext that is in memory may ever be told to go. */
static ssize_t page_out(int pidfd, const struct iovec *ranges, size_t nr)
{
	unsigned int i = vm_of(pidfd);
	ssize_t sum = 0;
	size_t k, at;

	calls++;
	assert_in_range(nr, 1, 1024);
	for (k = 0; k < nr; k++) {
		uint64_t first = ((uintptr_t)ranges[k].iov_base - FAKE_HVA) / 4096;

		for (at = 0; at < ranges[k].iov_len / 4096; at++) {
			assert_true(first + at < fake.vms[i].sim.nr);
			assert_int_equal(fake.vms[i].sim.out[first + at], 1);
			assert_false(fake.vms[i].swapped[first + at]);
			if (!refusal && !takes_nothing)
				fake.vms[i].swapped[first + at] = true;
		}
		sum += (ssize_t)ranges[k].iov_len;
	}
	if (refusal)
		return refusal;
	show_vmm(i);
	return sum;
}

static void on_event(struct manager *manager, enum manager_event event, const struct guest *guest)
{
	(void)manager;
	if (event == MANAGER_FAILED && !strcmp(guest->error_what, "push-to-swap"))
		failures++;
}

static void start_daemon(void)
{
	struct host host = { .proc = root, .open_process = open_process, .page_out = page_out };
	struct config config;

	config_default(&config);
	assert_int_equal(manager_init(&m, &fake.kernel, host, &config), 0);
	m.on_event = on_event;
}

static int setup(void **state)
{

	(void)state;
	fake_host_init();
	write_text("meminfo", "MemAvailable:  40000000 kB\nSwapFree: 4000000 kB\n");
	write_text("swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 0 -2\n");
	fake_kernel_init(&fake);
	fake.info.capabilities |= KERNEL_CAP_FIND;
	refusal = open_refusal = 0;
	takes_nothing = false;
	failures = calls = 0;
	now = POLICY_NSEC;
	start_daemon();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	manager_free(&m);
	return 0;
}

/* @pages of which all but every 20th are never used and out already. */
static struct fake_vm *add_vm(unsigned int i, uint32_t pages)
{
	struct fake_vm *v = &fake.vms[i];
	uint32_t page;

	memset(v, 0, sizeof(*v));
	v->there = true;
	v->id = 5 + i;
	v->pid = 100 + (int)i;
	sim_init(&v->sim, POLICY_STATIC);
	sim_add(&v->sim, pages, 0);
	for (page = 0; page < pages; page++)
		v->sim.out[page] = page % 20 != 0;
	sim_count(&v->sim);
	show_vmm(i);
	return v;
}

static void rounds(unsigned int n)
{
	unsigned int i;

	while (n--) {
		for (i = 0; i < FAKE_VMS; i++)
			if (fake.vms[i].there)
				show_vmm(i);
		now += m.config.round_ns;
		assert_int_equal(manager_round(&m, now), 0);
	}
}

static uint64_t in_swap(unsigned int i)
{
	uint64_t sum = 0, page;

	for (page = 0; page < SIM_PAGES; page++)
		sum += fake.vms[i].swapped[page];
	return sum;
}

static uint64_t pushed(size_t guest)
{
	return m.guests[guest]->account->value[ACCOUNT_daemon_pushed];
}

static void configure(bool push, uint64_t quota, bool dry_run)
{
	struct config config;

	config_default(&config);
	config.push.on = push;
	config.push.quota_pages = quota;
	config.dry_run = dry_run;
	manager_configure(&m, &config);
}

static void ciphertext_goes_to_swap_and_counts_as_saved(void **state)
{
	uint64_t out = 4000 - 200;
	char *text;

	(void)state;
	add_vm(0, 4000);
	rounds(1);
	assert_int_equal(in_swap(0), out);
	assert_int_equal(pushed(0), out);
	assert_int_equal(m.guests[0]->account->saved_now, out);
	/* There is nothing left to do. */
	calls = 0;
	rounds(5);
	assert_int_equal(calls, 0);
	assert_int_equal(pushed(0), out);
	assert_int_equal(m.guests[0]->account->saved_now, out);
	text = manager_describe(&m);
	assert_non_null(strstr(text, "\"ciphertext_resident_bytes\":0,"));
	assert_non_null(strstr(text, "in swap: 15200 KiB; all of it is in swap."));
	free(text);
	assert_int_equal(failures, 0);
}

static void without_a_push_nothing_is_saved(void **state)
{
	(void)state;
	add_vm(0, 4000);
	configure(false, 0, false);
	rounds(3);
	assert_int_equal(calls, 0);
	/* The VMM's own 100 pages in swap are no ciphertext. */
	assert_int_equal(m.guests[0]->account->saved_now, 0);
	/* What the host swaps out by itself is seen. */
	memset(fake.vms[0].swapped + 1, 1, 19);
	rounds(1);
	assert_int_equal(m.guests[0]->account->saved_now, 19);
}

static void the_quota_is_kept(void **state)
{
	uint64_t last = 0;
	unsigned int i;

	(void)state;
	add_vm(0, 8000);
	add_vm(1, 4000);
	configure(true, 100, false);
	for (i = 0; i < 10; i++) {
		rounds(1);
		assert_true(in_swap(0) + in_swap(1) - last <= 500);
		last = in_swap(0) + in_swap(1);
	}
	assert_in_range(last, 4500, 4600);
	/* Each by what it has. */
	assert_in_range(in_swap(0), 2 * in_swap(1) - 200, 2 * in_swap(1) + 200);
}

static void a_dry_run_pushes_nothing(void **state)
{
	(void)state;
	add_vm(0, 4000);
	configure(true, 0, true);
	rounds(3);
	assert_int_equal(calls, 0);
	assert_int_equal(m.guests[0]->push.state, PUSH_PUSHING);
}

static void zram_is_no_swap(void **state)
{
	(void)state;
	add_vm(0, 4000);
	write_text("swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 0 -2\n"
		   "/dev/zram0 partition 4000000 0 100\n");
	rounds(2);
	assert_int_equal(calls, 0);
	assert_int_equal(m.guests[0]->push.state, PUSH_NO_ROOM);
	/* It is full: the disk is next. */
	write_text("swaps", "Filename Type Size Used Priority\n/dev/vdb partition 4000000 0 -2\n"
		   "/dev/zram0 partition 4000000 4000000 100\n");
	rounds(1);
	assert_true(calls > 0);
	write_text("swaps", "rubbish\n\n/dev/vdb x -1 99999999999999999999 z\n");
	add_vm(1, 1000);
	calls = 0;
	rounds(1);
	assert_int_equal(calls, 0);
	assert_int_equal(m.guests[1]->push.state, PUSH_NO_SWAP);
}

static void what_is_not_permitted_is_told_once(void **state)
{
	static const int errs[] = { -EPERM, -EINVAL, -ENOSYS };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(errs); i++) {
		add_vm(0, 4000);
		refusal = errs[i];
		failures = calls = 0;
		rounds(500);
		assert_int_equal(failures, 1);
		/* 2500 s: every 600 s, and EINVAL may be one range's alone. */
		assert_in_range(calls, 5, 5 * 16);
		assert_int_equal(m.guests[0]->push.state, PUSH_FAILED);
		assert_int_equal(m.guests[0]->account->saved_now, 0);
		refusal = 0;
		rounds(130);
		assert_int_equal(in_swap(0), 3800);
		fake.vms[0].there = false;
		rounds(1);
	}
}

static void a_vmm_that_has_gone_is_no_failure(void **state)
{
	(void)state;
	add_vm(0, 4000);
	refusal = -ESRCH;
	rounds(3);
	refusal = 0;
	open_refusal = -ESRCH;
	rounds(3);
	assert_int_equal(failures, 0);
	assert_int_equal(m.guests[0]->error, 0);
	open_refusal = 0;
	rounds(1);
	assert_int_equal(in_swap(0), 3800);
}

/* The number is another process's by now: it is left alone. */
static void another_process_is_left_alone(void **state)
{
	struct fake_vm *v = add_vm(0, 4000);

	(void)state;
	rounds(0);
	assert_int_equal(manager_round(&m, now += POLICY_NSEC), 0);
	memset(fake.vms[0].swapped, 0, sizeof(fake.vms[0].swapped));
	show_vmm(0);
	write_text("100/stat", "100 (other) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 78 0\n");
	calls = 0;
	assert_int_equal(manager_round(&m, now += 5 * POLICY_NSEC), 0);
	assert_int_equal(calls, 0);
	assert_int_equal(failures, 0);
	assert_true(v->there);
}

static void what_swap_does_not_take_is_left(void **state)
{
	(void)state;
	add_vm(0, 4000);
	takes_nothing = true;
	rounds(120);
	assert_int_equal(pushed(0), 0);
	assert_int_equal(m.guests[0]->account->saved_now, 0);
	assert_int_equal(failures, 0);
	assert_int_equal(m.guests[0]->push.state, PUSH_REFUSED);
	/* 10 minutes: at 0, 60, 180, 420 s; a call is of 1024 gfns */
	assert_true(calls <= 4 * 4);
	takes_nothing = false;
	rounds(120);
	assert_int_equal(in_swap(0), 3800);
}

static void an_old_module_is_not_asked(void **state)
{
	(void)state;
	fake.info.capabilities &= ~KERNEL_CAP_FIND;
	manager_free(&m);
	start_daemon();
	add_vm(0, 4000);
	fake.fail_find = -EIO;
	rounds(3);
	assert_int_equal(calls, 0);
	assert_int_equal(failures, 0);
	/* As good as it can be known: what the VMM has in swap. */
	assert_int_equal(m.guests[0]->account->saved_now, 100);
}

static void a_module_that_fails_is_survived(void **state)
{
	(void)state;
	add_vm(0, 4000);
	fake.fail_find = -EIO;
	rounds(200);
	assert_int_equal(failures, 1);
	fake.fail_find = 0;
	rounds(130);
	assert_int_equal(in_swap(0), 3800);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ciphertext_goes_to_swap_and_counts_as_saved),
		TEST(without_a_push_nothing_is_saved),
		TEST(the_quota_is_kept),
		TEST(a_dry_run_pushes_nothing),
		TEST(zram_is_no_swap),
		TEST(what_is_not_permitted_is_told_once),
		TEST(a_vmm_that_has_gone_is_no_failure),
		TEST(another_process_is_left_alone),
		TEST(what_swap_does_not_take_is_left),
		TEST(an_old_module_is_not_asked),
		TEST(a_module_that_fails_is_survived),
	};

	if (!mkdtemp(root))
		return 1;
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
