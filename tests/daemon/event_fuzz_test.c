// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event records that nobody thought of, through the real reader into the daemon's loop:
 * unknown types, wrong order, overflows, pieces of records, noise. Whatever comes, the
 * daemon knows the guests that there are after the next round, and after good records at once.
 *
 * FUZZ_SEED=n repeats a run; FUZZ_STEPS=n makes it longer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit.h"
#include "daemon.h"
#include "random.h"
#include "fake_host.inc"
#include "fake_kernel.inc"

#define DEFAULT_STEPS	4000

static struct fake_kernel fake;
static struct kernel_ops ops;
static struct kernel *device;
static struct daemon d;
static struct rng rng;
static uint64_t next_id, seq, now;
static int writer = -1;

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Events come from a socket, all else is the fake kernel's. */
static int read_event(struct kernel *k, struct uvmem_event *ret)
{
	(void)k;
	return device->ops->read_event(device, ret);
}

/* A new stream, with records kept apart, as the module does it, or not. */
static void open_stream(int type)
{
	int fds[2];

	if (writer >= 0)
		close(writer);
	if (device)
		device->ops->close(device);
	sd_event_unref(d.event);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(kernel_of(fds[0], &device), 0);
	fake.kernel.fd = fds[0];
	writer = fds[1];
	assert_true(sd_event_new(&d.event) >= 0);
	assert_true(events_follow(&d) >= 0);
}

static int setup(void **state)
{
	struct host host = { .proc = root };
	struct config config;

	(void)state;
	fake_host_init();
	write_text("meminfo", "MemAvailable:  40000000 kB\nSwapFree: 4000000 kB\n");
	fake_kernel_init(&fake);
	ops = fake_ops;
	ops.read_event = read_event;
	fake.kernel.ops = &ops;
	memset(&d, 0, sizeof(d));
	config_default(&config);
	assert_int_equal(manager_init(&d.manager, &fake.kernel, host, &config), 0);
	next_id = seq = 1;
	now = POLICY_NSEC;
	rng.state = number_from_env("FUZZ_SEED", 20261129);
	print_message("# FUZZ_SEED=%llu\n", (unsigned long long)rng.state);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	manager_free(&d.manager);
	sd_event_unref(d.event);
	d.event = NULL;
	if (device)
		device->ops->close(device);
	device = NULL;
	close(writer);
	writer = -1;
	return 0;
}

/* A VM comes or goes; ids are never used again. */
static void change_vms(void)
{
	unsigned int i = (unsigned int)rng_below(&rng, FAKE_VMS), k;
	struct fake_vm *v = &fake.vms[i];

	if (v->there) {
		v->there = false;
		return;
	}
	/* fake_list() gives them in the order of their places: ids ascend. */
	memset(v, 0, sizeof(*v));
	for (k = 0; k < FAKE_VMS; k++)
		if (fake.vms[k].there)
			fake.vms[k].id = next_id++;
	v->there = true;
	v->pid = 100 + (int)i;
	sim_init(&v->sim, POLICY_STATIC);
	sim_add(&v->sim, 16, 1);
	sim_count(&v->sim);
	v->id = next_id++;
	for (k = i + 1; k < FAKE_VMS; k++)
		if (fake.vms[k].there)
			fake.vms[k].id = next_id++;
}

static struct uvmem_event any_record(void)
{
	const uint64_t seqs[] = { seq, seq + 1, seq, seq - 1, 0, ~0ull, rng_next(&rng) };
	const uint32_t types[] = { 0, 1, 2, 3, 4, 5, 6, 7, 255, ~0u, (uint32_t)rng_next(&rng) };
	const uint64_t ids[] = { 0, next_id, next_id - 1, ~0ull, rng_next(&rng) };
	struct uvmem_event event = {
		.seq = rng_pick(&rng, seqs), .type = rng_pick(&rng, types),
		.vm_id = rng_pick(&rng, ids), .time_ns = rng_next(&rng),
		.pad = rng_one_in(&rng, 4) ? (uint32_t)rng_next(&rng) : 0,
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		event.value[i] = rng_one_in(&rng, 2) ? rng_below(&rng, 8) : rng_next(&rng);
	seq = event.seq;
	return event;
}

/* Until there is nothing more to do. */
static void drain(void)
{
	unsigned int n;

	for (n = 0; n < 10000; n++) {
		int ret = sd_event_run(d.event, 0);

		assert_true(ret >= 0);
		if (!ret)
			return;
	}
	fail_msg("the loop does not come to rest");
}

static void assert_known(void)
{
	size_t k = 0, i;

	for (i = 0; i < FAKE_VMS; i++) {
		if (!fake.vms[i].there)
			continue;
		assert_true(k < d.manager.nr);
		assert_int_equal(d.manager.guests[k++]->info.id, fake.vms[i].id);
	}
	assert_int_equal(k, d.manager.nr);
	assert_int_equal(fake.open_files, d.manager.nr);
}

static bool source_is_on(void)
{
	struct uvmem_event event = { .type = UVMEM_EVENT_VM_ARMED };

	/* It is if a record is taken. */
	assert_int_equal(send(writer, &event, sizeof(event), MSG_NOSIGNAL), sizeof(event));
	drain();
	return recv(fake.kernel.fd, &event, sizeof(event), MSG_DONTWAIT | MSG_PEEK) < 0;
}

static void good_records_are_followed_at_once(void **state)
{
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS), i, n;

	(void)state;
	open_stream(SOCK_SEQPACKET);
	for (i = 0; i < steps; i++) {
		change_vms();
		for (n = rng_range(&rng, 1, 20); n; n--) {
			struct uvmem_event event = any_record();

			assert_int_equal(send(writer, &event, sizeof(event), MSG_NOSIGNAL),
					 sizeof(event));
			if (rng_one_in(&rng, 10))
				change_vms();
		}
		drain();
		assert_known();
		/* A kernel that fails meanwhile is asked again. */
		if (rng_one_in(&rng, 16)) {
			const int errs[] = { -ENOMEM, -EINTR, -EPERM, -ESRCH, -ENOENT };
			int *const fails[] = { &fake.fail_list, &fake.fail_open, &fake.fail_info };
			int *fail = rng_pick(&rng, fails);
			struct uvmem_event event = any_record();

			*fail = rng_pick(&rng, errs);
			change_vms();
			assert_int_equal(send(writer, &event, sizeof(event), MSG_NOSIGNAL),
					 sizeof(event));
			drain();
			*fail = 0;
			assert_int_equal(manager_round(&d.manager, now += POLICY_NSEC), 0);
			assert_known();
		}
	}
	assert_true(source_is_on());
}

static void a_bad_record_ends_the_stream_and_nothing_else(void **state)
{
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS) / 20, i, n;

	(void)state;
	for (i = 0; i < steps; i++) {
		struct uvmem_event event = any_record();
		size_t size = rng_below(&rng, sizeof(event));

		open_stream(SOCK_SEQPACKET);
		for (n = rng_below(&rng, 5); n; n--) {
			struct uvmem_event good = any_record();

			assert_int_equal(send(writer, &good, sizeof(good), MSG_NOSIGNAL),
					 sizeof(good));
		}
		change_vms();
		/* Of no bytes: the end of the stream. */
		assert_int_equal(send(writer, &event, size, MSG_NOSIGNAL), size);
		drain();
		assert_false(source_is_on());
		assert_int_equal(manager_round(&d.manager, now += POLICY_NSEC), 0);
		assert_known();
	}
}

/* What begins and ends anywhere. */
static void noise_does_no_harm(void **state)
{
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS) / 20, i, k, n;
	uint8_t bytes[4096];

	(void)state;
	for (i = 0; i < steps; i++) {
		open_stream(SOCK_STREAM);
		for (n = rng_range(&rng, 1, 10); n; n--) {
			size_t size = rng_range(&rng, 1, rng_one_in(&rng, 2) ? 100 : sizeof(bytes));

			for (k = 0; k < size; k++)
				bytes[k] = (uint8_t)rng_next(&rng);
			send(writer, bytes, size, MSG_NOSIGNAL);
			change_vms();
			drain();
		}
		if (rng_one_in(&rng, 2))
			shutdown(writer, SHUT_WR);
		drain();
		assert_int_equal(manager_round(&d.manager, now += POLICY_NSEC), 0);
		assert_known();
	}
}

/* Rounds come, however many events there are. */
static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source, (void)usec;
	(*(unsigned int *)user)++;
	return 0;
}

static void a_flood_does_not_keep_rounds_from_coming(void **state)
{
	struct uvmem_event event = { .type = UVMEM_EVENT_OVERFLOW };
	unsigned int fired = 0, n;

	(void)state;
	open_stream(SOCK_SEQPACKET);
	assert_true(sd_event_add_time_relative(d.event, NULL, CLOCK_MONOTONIC, 0, 1, on_time,
					       &fired) >= 0);
	for (n = 0; n < 1000 && !fired; n++) {
		while (send(writer, &event, sizeof(event), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			;
		assert_true(sd_event_run(d.event, 0) >= 0);
	}
	assert_int_equal(fired, 1);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(good_records_are_followed_at_once),
		TEST(a_bad_record_ends_the_stream_and_nothing_else),
		TEST(noise_does_no_harm),
		TEST(a_flood_does_not_keep_rounds_from_coming),
	};

	/* A hang is a failure, too. */
	alarm((unsigned int)number_from_env("FUZZ_TIMEOUT", 300));
	if (!mkdtemp(root))
		return 1;
	/* The daemon says of each stream that it ended. What sanitizers say has no need of this. */
	stderr = fopen("/dev/null", "we");
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
