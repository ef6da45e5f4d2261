// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The D-Bus API over a socketpair: no bus daemon, server and client in one process
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"
#include "daemon.h"
#include "fake_host.inc"
#include "fake_kernel.inc"

static struct fake_kernel fake;
static struct daemon d;
static sd_bus *client;
static int reloads, reload_result;

static int reload(struct daemon *daemon)
{
	(void)daemon;
	reloads++;
	return reload_result;
}

/* The peer of a socket is whoever made it. */
static uid_t peer;

static int setup(void **state)
{
	struct host host = { .proc = root };
	struct config config;
	sd_id128_t id;
	sd_bus *server;
	unsigned int i;
	int fds[2];

	(void)state;
	fake_host_init();
	write_text("meminfo", "MemAvailable: 40000000 kB\n");
	fake_kernel_init(&fake);
	for (i = 0; i < 2; i++) {
		fake.vms[i] = (struct fake_vm){ .there = true, .id = 5 + i, .pid = 100 };
		sim_init(&fake.vms[i].sim, POLICY_STATIC);
		sim_add(&fake.vms[i].sim, 1000, 1);
		sim_count(&fake.vms[i].sim);
	}
	memset(&d, 0, sizeof(d));
	reloads = reload_result = 0;
	config_default(&config);
	assert_int_equal(manager_init(&d.manager, &fake.kernel, host, &config), 0);
	assert_int_equal(manager_round(&d.manager, POLICY_NSEC), 0);
	d.trusting = true;
	d.reload = reload;

	assert_int_equal(seteuid(peer), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(seteuid(0), 0);
	assert_true(sd_event_new(&d.event) >= 0);
	assert_true(sd_bus_new(&server) >= 0);
	sd_bus_set_fd(server, fds[0], fds[0]);
	sd_id128_randomize(&id);
	sd_bus_set_server(server, 1, id);
	sd_bus_set_anonymous(server, 1);
	sd_bus_set_trusted(server, 0);
	assert_true(sd_bus_start(server) >= 0);
	assert_true(bus_serve(&d, server) >= 0);
	assert_true(sd_bus_new(&client) >= 0);
	sd_bus_set_fd(client, fds[1], fds[1]);
	sd_bus_set_anonymous(client, 1);
	assert_true(sd_bus_start(client) >= 0);
	assert_true(sd_bus_attach_event(client, d.event, 0) >= 0);
	return 0;
}

static int setup_stranger(void **state)
{
	int ret;

	peer = 65534;
	ret = setup(state);
	peer = 0;
	return ret;
}

static int teardown(void **state)
{
	(void)state;
	sd_bus_close_unref(client);
	sd_bus_close_unref(d.bus);
	sd_event_unref(d.event);
	manager_free(&d.manager);
	return 0;
}

struct answer {
	bool there;
	int error;
	char name[128];
	char text[16384];
};

static int on_answer(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct answer *answer = user;
	const sd_bus_error *e = sd_bus_message_get_error(message);
	const char *text;

	(void)error;
	answer->there = true;
	if (e) {
		answer->error = sd_bus_error_get_errno(e);
		snprintf(answer->name, sizeof(answer->name), "%s", e->name);
		snprintf(answer->text, sizeof(answer->text), "%s", e->message);
	} else if (sd_bus_message_read(message, "s", &text) > 0) {
		snprintf(answer->text, sizeof(answer->text), "%s", text);
	}
	return 0;
}

static struct answer answer;

/* A call whose arguments are in @call already; the loop runs until it is answered. */
static void finish_call(sd_bus_message *call)
{
	memset(&answer, 0, sizeof(answer));
	assert_true(sd_bus_call_async(client, NULL, call, on_answer, &answer, 5000000) >= 0);
	sd_bus_message_unref(call);
	while (!answer.there)
		assert_true(sd_event_run(d.event, 5000000) >= 0);
}

static sd_bus_message *begin_call(const char *method)
{
	sd_bus_message *call;

	assert_true(sd_bus_message_new_method_call(client, &call, NULL, BUS_PATH, BUS_INTERFACE,
						   method) >= 0);
	return call;
}

static void set_guest(const char *guest, const char *key, const char *value)
{
	sd_bus_message *call = begin_call("SetGuest");

	sd_bus_message_append(call, "sa{ss}", guest, 1, key, value);
	finish_call(call);
}

static void the_description_arrives(void **state)
{
	(void)state;
	finish_call(begin_call("Describe"));
	assert_int_equal(answer.error, 0);
	assert_non_null(strstr(answer.text, "\"name\":\"vm-5\""));
	assert_non_null(strstr(answer.text, "\"name\":\"vm-6\""));
}

static void decisions_are_explained(void **state)
{
	sd_bus_message *call = begin_call("Explain");

	(void)state;
	sd_bus_message_append(call, "s", "vm-6");
	finish_call(call);
	assert_int_equal(answer.error, 0);
	assert_non_null(strstr(answer.text, "Policy watermark; "));

	call = begin_call("Explain");
	sd_bus_message_append(call, "s", "vm-7");
	finish_call(call);
	assert_string_equal(answer.name, "org.kvm_uvmem.Error.NoSuchGuest");
}

static void settings_are_of_one_guest(void **state)
{
	(void)state;
	set_guest("5", "weight", "700");
	assert_int_equal(answer.error, 0);
	assert_int_equal(d.manager.guests[0]->policy.settings.weight, 700);
	assert_int_equal(d.manager.guests[1]->policy.settings.weight, 100);
	set_guest("vm-5", "weight", "800");
	assert_int_equal(d.manager.guests[0]->policy.settings.weight, 800);
	/* They replace each other: a thousand changes take no more room than one. */
	assert_int_equal(d.manager.config.nr_assignments, 1);
}

static void wrong_settings_change_nothing(void **state)
{
	(void)state;
	set_guest("5", "weight", "0");
	assert_string_equal(answer.name, "org.kvm_uvmem.Error.Invalid");
	assert_non_null(strstr(answer.text, "weight: 0 is not from 1 to 10000"));
	set_guest("5", "limit", "1");
	assert_string_equal(answer.name, "org.kvm_uvmem.Error.Invalid");
	set_guest("9", "weight", "1");
	assert_string_equal(answer.name, "org.kvm_uvmem.Error.NoSuchGuest");
	assert_int_equal(d.manager.guests[0]->policy.settings.weight, 100);
	assert_int_equal(d.manager.config.nr_assignments, 0);
}

/* An error that cannot be sent is no answer at all. */
static void a_wrong_setting_is_answered_however_long_it_is(void **state)
{
	char value[200];
	unsigned int n;

	(void)state;
	for (n = 100; n < 110; n++) {
		memset(value, 'x', n);
		strcpy(value + n, "\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xc3\xa4\xc3\xa4");
		set_guest("5", "weight", value);
		assert_string_equal(answer.name, "org.kvm_uvmem.Error.Invalid");
		set_guest("5", value, "1");
		assert_string_equal(answer.name, "org.kvm_uvmem.Error.Invalid");
	}
}

static void name_a_vmm(const char *name, size_t length)
{
	char words[256] = "qemu\0-name";
	const size_t before = sizeof("qemu\0-name");

	assert_true(before + length < sizeof(words));
	memcpy(words + before, name, length);
	write_text("100/stat", "100 (q) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 77 0\n");
	write_file("100/cmdline", words, before + length + 1);
}

/* A VMM that calls itself something that is no text silences nobody. */
static void any_name_can_be_told(void **state)
{
	static const char *const names[] = {
		"\xff", "a\xc3", "\xef\xbf\xbf", "\xef\xb7\x90", "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf",  "\xc3\xa4\xff\xc3\xa4", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xc0\x80",
		/* cut at 63 bytes */
		"0123456789012345678901234567890123456789012345678901234567890\xc3\xa4\xf0\x9f\x92\xa9",
		"01234567890123456789012345678901234567890123456789012345678901\xc3\xa4",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		fake.vms[0].there = false;
		assert_int_equal(manager_round(&d.manager, (2 * i + 2) * POLICY_NSEC), 0);
		name_a_vmm(names[i], strlen(names[i]));
		fake.vms[0].there = true;
		assert_int_equal(manager_round(&d.manager, (2 * i + 3) * POLICY_NSEC), 0);
		finish_call(begin_call("Describe"));
		assert_int_equal(answer.error, 0);
		assert_non_null(strstr(answer.text, "\"name\":"));
		bus_tell(&d, MANAGER_GUEST_FOUND, d.manager.guests[0]);
	}
	assert_string_equal(d.manager.guests[0]->name,
			    "01234567890123456789012345678901234567890123456789012345678901");
	name_a_vmm("vm-5", 4);
}

/* The peer is nobody. */
static void strangers_may_read_and_change_nothing(void **state)
{
	(void)state;
	d.trusting = false;
	finish_call(begin_call("Describe"));
	assert_int_equal(answer.error, 0);
	set_guest("5", "weight", "700");
	assert_string_equal(answer.name, SD_BUS_ERROR_ACCESS_DENIED);
	assert_int_equal(d.manager.guests[0]->policy.settings.weight, 100);
	finish_call(begin_call("Reload"));
	assert_string_equal(answer.name, SD_BUS_ERROR_ACCESS_DENIED);
	assert_int_equal(reloads, 0);
}

static void root_may_change(void **state)
{
	(void)state;
	d.trusting = false;
	set_guest("5", "weight", "700");
	assert_int_equal(answer.error, 0);
	assert_int_equal(d.manager.guests[0]->policy.settings.weight, 700);
}

static void a_reload_that_fails_says_so(void **state)
{
	(void)state;
	finish_call(begin_call("Reload"));
	assert_int_equal(answer.error, 0);
	reload_result = -EINVAL;
	finish_call(begin_call("Reload"));
	assert_string_equal(answer.name, "org.kvm_uvmem.Error.Invalid");
	assert_int_equal(reloads, 2);
}

static char event_seen[64];

static int on_signal(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *event;

	(void)user, (void)error;
	if (sd_bus_message_read(message, "s", &event) > 0)
		snprintf(event_seen, sizeof(event_seen), "%s", event);
	return 0;
}

static void events_are_told(void **state)
{
	unsigned int n;

	(void)state;
	sd_bus_add_match(client, NULL, "type='signal',member='GuestEvent'", on_signal, NULL);
	/* so that both are connected */
	finish_call(begin_call("Describe"));
	bus_tell(&d, MANAGER_GUEST_STOPPED, d.manager.guests[0]);
	for (n = 0; n < 20 && !*event_seen; n++)
		sd_event_run(d.event, 100000);
	assert_string_equal(event_seen, "guest-stopped");
}

/*
 * For the test of uvmemctl record: bus_test --serve ADDRESS. A daemon with two guests, one
 * busy and one idle, on a bus, until it is ended; a round each 100 ms of true time, and a
 * pass with it. What it takes from them is in the sealed pool.
 */
static int serve(const char *address)
{
	struct timespec ts;
	struct config config;
	sd_bus *bus = NULL;

	setup(NULL);
	config_default(&config);
	config.round_ns = config.host.age_pass_ns = POLICY_NSEC / 10;
	config.guest.kind = POLICY_PROACTIVE;
	config.guest.cold_age_ns = POLICY_NSEC;
	config.guest.probe_ppm = 100000;
	manager_configure(&d.manager, &config);
	fake.pooled = true;
	sim_init(&fake.vms[1].sim, POLICY_STATIC);
	sim_add(&fake.vms[1].sim, 4000, 0);
	sim_count(&fake.vms[1].sim);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
	    sd_bus_set_bus_client(bus, true) < 0 || sd_bus_start(bus) < 0 ||
	    bus_serve(&d, bus) < 0 || sd_bus_request_name(bus, BUS_NAME, 0) < 0)
		return 1;
	do {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		if (manager_round(&d.manager, (uint64_t)ts.tv_sec * POLICY_NSEC +
				  (uint64_t)ts.tv_nsec))
			return 1;
	} while (sd_event_run(d.event, 100000) >= 0);
	return 1;
}

int main(int argc, char *argv[])
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_description_arrives),
		TEST(decisions_are_explained),
		TEST(settings_are_of_one_guest),
		TEST(wrong_settings_change_nothing),
		TEST(a_wrong_setting_is_answered_however_long_it_is),
		TEST(any_name_can_be_told),
		cmocka_unit_test_setup_teardown(strangers_may_read_and_change_nothing,
						setup_stranger, teardown),
		TEST(root_may_change),
		TEST(a_reload_that_fails_says_so),
		TEST(events_are_told),
	};

	if (!mkdtemp(root))
		return 1;
	if (argc == 3 && !strcmp(argv[1], "--serve"))
		return serve(argv[2]);
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
