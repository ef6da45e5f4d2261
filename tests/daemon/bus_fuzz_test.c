// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * D-Bus calls that nobody thought of, over a socketpair: any method with any arguments, and
 * messages with a few wrong bytes. Every call that can be read is answered once; one that is refused
 * has changed nothing; settings are right whatever was set; a peer that talks nonsense loses
 * its connection and nobody else anything.
 *
 * FUZZ_SEED=n repeats a run; FUZZ_STEPS=n makes it longer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()
#define __lsan_enable()
#endif

#include "unit.h"
#include "daemon.h"
#include "random.h"
#include "fake_host.inc"
#include "fake_kernel.inc"

#define DEFAULT_STEPS	3000
/* What bus.c allows to be set beyond the files. */
#define MOST_SETTINGS	256

static struct fake_kernel fake;
static struct daemon d;
static sd_bus *client;
static struct rng rng;
static unsigned int reloads;

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static int reload(struct daemon *daemon)
{
	(void)daemon;
	reloads++;
	return rng_one_in(&rng, 2) ? -EINVAL : 0;
}

/* A server on one end; the other end is returned. */
static int connect_server(void)
{
	sd_id128_t id = { };
	sd_bus *server;
	int fds[2];

	if (d.bus)
		sd_bus_close_unref(d.bus);
	d.bus = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(sd_bus_new(&server) >= 0);
	sd_bus_set_fd(server, fds[0], fds[0]);
	id.bytes[0] = 1;
	sd_bus_set_server(server, 1, id);
	sd_bus_set_anonymous(server, 1);
	assert_true(sd_bus_start(server) >= 0);
	assert_true(bus_serve(&d, server) >= 0);
	return fds[1];
}

static int setup(void **state)
{
	struct host host = { .proc = root };
	struct config config;
	unsigned int i;
	int fd;

	(void)state;
	fake_host_init();
	write_text("meminfo", "MemAvailable:  40000000 kB\nSwapFree: 4000000 kB\n");
	fake_kernel_init(&fake);
	for (i = 0; i < 2; i++) {
		fake.vms[i] = (struct fake_vm){ .there = true, .id = 5 + i, .pid = 100 };
		sim_init(&fake.vms[i].sim, POLICY_STATIC);
		sim_add(&fake.vms[i].sim, 1000, 1);
		sim_count(&fake.vms[i].sim);
	}
	memset(&d, 0, sizeof(d));
	d.trusting = true;
	d.reload = reload;
	config_default(&config);
	assert_int_equal(manager_init(&d.manager, &fake.kernel, host, &config), 0);
	assert_int_equal(manager_round(&d.manager, POLICY_NSEC), 0);
	assert_true(sd_event_new(&d.event) >= 0);
	fd = connect_server();
	assert_true(sd_bus_new(&client) >= 0);
	sd_bus_set_fd(client, fd, fd);
	sd_bus_set_anonymous(client, 1);
	assert_true(sd_bus_start(client) >= 0);
	assert_true(sd_bus_attach_event(client, d.event, 0) >= 0);
	rng.state = number_from_env("FUZZ_SEED", 20261129);
	print_message("# FUZZ_SEED=%llu\n", (unsigned long long)rng.state);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (client)
		sd_bus_close_unref(client);
	client = NULL;
	sd_bus_close_unref(d.bus);
	sd_event_unref(d.event);
	manager_free(&d.manager);
	return 0;
}

/* ---- words ----------------------------------------------------------------------- */

/* Of any length, with any character that D-Bus lets through. */
static const char *any_noise(void)
{
	static const char *const pieces[] = {
		"a", "5", "\n", "\t", "%s%n", "\"", "\\", "'", "=", "[guest]", "/", "..", "\xc3\xa4",
		"\xf0\x9f\x92\xa9", "\x01", "\x7f", "-", " ", "0x", "e9", "K", "%", "none",
	};
	static char text[70000];
	size_t most = rng_one_in(&rng, 20) ? sizeof(text) - 32 : rng_below(&rng, 100), n = 0;

	while (n < most) {
		const char *piece = rng_pick(&rng, pieces);

		memcpy(text + n, piece, strlen(piece));
		n += strlen(piece);
	}
	text[n] = '\0';
	return text;
}

static const char *any_guest(void)
{
	static const char *const guests[] = {
		"5", "6", "vm-5", "vm-6", "7", "", "0", "05", "18446744073709551616", "-1", "VM-5",
		"5 ", "vm-5\n", "0a1b2c3d-0000-4000-8000-00000000000a",
	};

	if (rng_one_in(&rng, 2))
		return rng_one_in(&rng, 2) ? "5" : "vm-6";
	return rng_one_in(&rng, 8) ? any_noise() : rng_pick(&rng, guests);
}

static const char *any_key(void)
{
	static const char *const odd[] = { "", "limit", "weight ", "WEIGHT", "interval", "guest" };
	const struct config_key *key = &config_keys[rng_below(&rng, config_nr_keys)];

	if (rng_one_in(&rng, 10))
		return rng_one_in(&rng, 2) ? any_noise() : rng_pick(&rng, odd);
	return key->name;
}

static const char *any_value(void)
{
	static const char *const values[] = {
		"0", "1", "100", "10000", "10001", "-1", "+1", "1M", "5G", "4T", "99999999T", "none",
		"NONE", "0%", "0.1%", "100%", "101%", "1e3", "1.5", "nan", "inf", "0x10", "", " ", "5s",
		"1h", "25h", "100ms", "static", "watermark", "proactive", "yes", "no", "999999999999999999",
		"99999999999999999999999", "1 M", "1MM", "1M ", ".5", "5.", "1.0000000001", "/tmp/x",
	};

	return rng_one_in(&rng, 10) ? any_noise() : rng_pick(&rng, values);
}

/* One that may be right: of the kind that the key has. */
static const char *likely_value(const char *name)
{
	static const char *const of_kind[][3] = {
		[CONFIG_SIZE] = { "0", "1M", "3G" }, [CONFIG_LIMIT] = { "none", "2M", "5G" },
		[CONFIG_TIME] = { "1s", "5min", "24h" }, [CONFIG_PERCENT] = { "0%", "0.5%", "100%" },
		[CONFIG_NUMBER] = { "1", "77", "10000" }, [CONFIG_BOOL] = { "yes", "no", "yes" },
		[CONFIG_POLICY] = { "static", "watermark", "proactive" },
		[CONFIG_FILE] = { "/tmp/x", "", "/tmp/y" },
	};
	size_t i;

	for (i = 0; i < config_nr_keys; i++)
		if (!strcmp(config_keys[i].section, "guest") && !strcmp(config_keys[i].name, name))
			return rng_pick(&rng, of_kind[config_keys[i].kind]);
	return any_value();
}

/* ---- calls ------------------------------------------------------------------------ */

struct answer {
	unsigned int there;
	bool failed;
	bool timeout;
	size_t length;
};

static int on_answer(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct answer *answer = user;
	const char *text;

	(void)error;
	answer->there++;
	answer->failed = sd_bus_message_is_method_error(message, NULL);
	answer->timeout = sd_bus_message_is_method_error(message, SD_BUS_ERROR_NO_REPLY) ||
		sd_bus_message_is_method_error(message, SD_BUS_ERROR_TIMEOUT) ||
		sd_bus_message_is_method_error(message, SD_BUS_ERROR_DISCONNECTED);
	answer->length = !answer->failed && sd_bus_message_read(message, "s", &text) > 0 ?
		strlen(text) : 0;
	return 0;
}

static struct answer call(sd_bus_message *message)
{
	struct answer answer = { 0 };
	unsigned int n;

	assert_true(sd_bus_call_async(client, NULL, message, on_answer, &answer, 20000000) >= 0);
	sd_bus_message_unref(message);
	while (!answer.there)
		assert_true(sd_event_run(d.event, 60000000) >= 0);
	/* And no second one. */
	for (n = 0; n < 3; n++)
		assert_true(sd_event_run(d.event, 0) >= 0);
	assert_int_equal(answer.there, 1);
	assert_false(answer.timeout);
	return answer;
}

static sd_bus_message *new_call(const char *interface, const char *method)
{
	sd_bus_message *message;

	assert_true(sd_bus_message_new_method_call(client, &message, NULL, BUS_PATH, interface,
						   method) >= 0);
	return message;
}

/* A container of a few of anything, nested at most @depth times. */
static void append_anything(sd_bus_message *message, unsigned int depth)
{
	uint64_t n = rng_next(&rng);

	switch (rng_below(&rng, depth ? 9 : 6)) {
	case 0:
		sd_bus_message_append_basic(message, 's', any_noise());
		break;
	case 1:
		sd_bus_message_append_basic(message, 't', &n);
		break;
	case 2:
		sd_bus_message_append_basic(message, 'y', &n);
		break;
	case 3:
		sd_bus_message_append_basic(message, 'o', "/org/kvm_uvmem/Manager1");
		break;
	case 4:
		sd_bus_message_append_basic(message, 'd', &n);
		break;
	case 5:
		sd_bus_message_append(message, "a{ss}", 1, any_key(), any_value());
		break;
	case 6:
		if (sd_bus_message_open_container(message, 'v', "s") >= 0) {
			sd_bus_message_append_basic(message, 's', any_value());
			sd_bus_message_close_container(message);
		}
		break;
	case 7:
		sd_bus_message_append(message, "as", 2, any_guest(), any_value());
		break;
	case 8:
		append_anything(message, depth - 1);
		append_anything(message, depth - 1);
		break;
	}
}

static void set_some(sd_bus_message *message)
{
	uint64_t n = rng_one_in(&rng, 50) ? 400 : rng_below(&rng, 4);

	sd_bus_message_append_basic(message, 's', any_guest());
	sd_bus_message_open_container(message, 'a', "{ss}");
	for (; n; n--) {
		const char *key = any_key();

		sd_bus_message_append(message, "{ss}", key,
				      rng_one_in(&rng, 4) ? any_value() : likely_value(key));
	}
	sd_bus_message_close_container(message);
}

static sd_bus_message *any_call(void)
{
	static const char *const methods[] = { "Describe", "Explain", "SetGuest", "Reload", "Nothing" };
	static const char *const interfaces[] = {
		BUS_INTERFACE, BUS_INTERFACE, BUS_INTERFACE, "org.freedesktop.DBus.Introspectable",
		"org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Peer", "a.b",
	};
	sd_bus_message *message;
	uint64_t n;

	switch (rng_below(&rng, 8)) {
	case 0:
		return new_call(BUS_INTERFACE, "Describe");
	case 1:
		message = new_call(BUS_INTERFACE, "Explain");
		sd_bus_message_append_basic(message, 's', any_guest());
		return message;
	case 2:
		return new_call(BUS_INTERFACE, "Reload");
	case 3:
		message = new_call(rng_pick(&rng, interfaces), rng_pick(&rng, methods));
		for (n = rng_below(&rng, 4); n; n--)
			append_anything(message, 3);
		return message;
	default:
		message = new_call(BUS_INTERFACE, "SetGuest");
		set_some(message);
		return message;
	}
}

static void assert_settings_are_right(void)
{
	size_t i;

	for (i = 0; i < d.manager.nr; i++) {
		const struct policy_settings *set = &d.manager.guests[i]->policy.settings;

		assert_true(policy_limits_valid(&set->limits));
		assert_in_range(set->weight, 1, POLICY_WEIGHT_MAX);
		assert_true(set->kind < POLICY_NR_KINDS);
		assert_in_range(set->refault_ppm, 0, 1000000);
		assert_in_range(set->probe_ppm, 1, 1000000);
	}
	assert_true(d.manager.config.nr_assignments <= MOST_SETTINGS);
}

static void calls_are_answered_and_refusals_change_nothing(void **state)
{
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS), i, well = 0, set = 0;

	(void)state;
	for (i = 0; i < steps; i++) {
		struct policy_settings before[2], now[2];
		unsigned int nr = d.manager.config.nr_assignments, k;
		struct answer answer;

		for (k = 0; k < 2; k++)
			before[k] = d.manager.guests[k]->policy.settings;
		answer = call(any_call());
		assert_int_equal(d.manager.nr, 2);
		for (k = 0; k < 2; k++)
			now[k] = d.manager.guests[k]->policy.settings;
		if (answer.failed) {
			assert_int_equal(memcmp(before, now, sizeof(now)), 0);
			assert_int_equal(d.manager.config.nr_assignments, nr);
		}
		well += !answer.failed;
		set += !!memcmp(before, now, sizeof(now));
		assert_settings_are_right();
		if (rng_one_in(&rng, 50))
			assert_int_equal(manager_round(&d.manager, (i + 2) * POLICY_NSEC), 0);
	}
	print_message("# %llu of %llu calls went well, %llu changed settings\n",
		      (unsigned long long)well, (unsigned long long)steps, (unsigned long long)set);
	assert_true(well > steps / 10 && well < steps && set > steps / 100);
	assert_true(reloads > 0);
	/* It is as well as ever. */
	assert_true(call(new_call(BUS_INTERFACE, "Describe")).length > 1000);
}

/* ---- bytes ------------------------------------------------------------------------- */

struct bytes {
	size_t n;
	uint8_t at[4096];
};

static void put(struct bytes *b, const void *data, size_t n)
{
	assert_true(b->n + n <= sizeof(b->at));
	memcpy(b->at + b->n, data, n);
	b->n += n;
}

static void put_u32(struct bytes *b, uint32_t value)
{
	put(b, &value, sizeof(value));
}

static void align(struct bytes *b, size_t to)
{
	while (b->n % to)
		b->at[b->n++] = 0;
}

static void put_string(struct bytes *b, const char *text)
{
	align(b, 4);
	put_u32(b, (uint32_t)strlen(text));
	put(b, text, strlen(text) + 1);
}

static void put_field(struct bytes *b, uint8_t code, const char *signature, const char *value)
{
	uint8_t head[4] = { code, 1, (uint8_t)signature[0], 0 };

	align(b, 8);
	put(b, head, sizeof(head));
	if (*signature == 'g') {
		uint8_t length = (uint8_t)strlen(value);

		put(b, &length, 1);
		put(b, value, length + 1u);
	} else {
		put_string(b, value);
	}
}

/* SetGuest(guest, {weight: 7}) as it is on the wire: the D-Bus specification, "Message format" */
static struct bytes message_on_the_wire(uint32_t serial)
{
	struct bytes b = { 0 }, body = { 0 };
	uint8_t head[4] = { 'l', 1, 0, 1 };
	uint32_t length;
	size_t fields;

	put_string(&body, "vm-5");
	align(&body, 4);
	put_u32(&body, 0);
	align(&body, 8);
	fields = body.n;
	put_string(&body, "weight");
	put_string(&body, "7");
	length = (uint32_t)(body.n - fields);
	memcpy(body.at + fields - 4, &length, sizeof(length));
	/* The array's length stands right before its padding. */
	memcpy(body.at + 12, &length, sizeof(length));

	put(&b, head, sizeof(head));
	put_u32(&b, (uint32_t)body.n);
	put_u32(&b, serial);
	put_u32(&b, 0);
	fields = b.n;
	put_field(&b, 1, "o", BUS_PATH);
	put_field(&b, 2, "s", BUS_INTERFACE);
	put_field(&b, 3, "s", "SetGuest");
	put_field(&b, 8, "g", "sa{ss}");
	length = (uint32_t)(b.n - fields);
	memcpy(b.at + fields - 4, &length, sizeof(length));
	align(&b, 8);
	put(&b, body.at, body.n);
	return b;
}

static void drain(void)
{
	unsigned int n;

	int ret = 1;

	/*
	 * libsystemd (257) leaks 64 bytes for a message that it finds wrong before anybody
	 * of ours sees it.
	 */
	__lsan_disable();
	for (n = 0; n < 1000 && ret > 0; n++)
		ret = sd_event_run(d.event, 0);
	__lsan_enable();
	assert_int_equal(ret, 0);
}

static void damage(struct bytes *b)
{
	const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, 'l', 'B', '{' };
	uint64_t n;

	for (n = rng_range(&rng, 1, 8); n; n--)
		b->at[rng_below(&rng, b->n)] = rng_one_in(&rng, 2) ? rng_pick(&rng, odd) :
			(uint8_t)rng_next(&rng);
	if (rng_one_in(&rng, 4))
		b->n = rng_range(&rng, 1, b->n);
}

static void damaged_messages_do_no_harm(void **state)
{
	static const char hello[] = "\0AUTH ANONYMOUS 41\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
	uint64_t steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS) / 3, i, n, kept = 0, set = 0;
	uint8_t sink[4096];

	(void)state;
	sd_bus_close_unref(client);
	client = NULL;
	for (i = 0; i < steps; i++) {
		int fd = connect_server();

		struct bytes greeting = { 0 };

		put(&greeting, hello, sizeof(hello) - 1);
		if (rng_one_in(&rng, 8))
			damage(&greeting);
		assert_true(send(fd, greeting.at, greeting.n, MSG_NOSIGNAL) > 0);
		drain();
		for (n = 1; n < 6; n++) {
			struct bytes b = message_on_the_wire((uint32_t)n);

			/* The first is a good one, so that the others are read at all. */
			if (n > 1)
				damage(&b);
			if (send(fd, b.at, b.n, MSG_NOSIGNAL) < 0)
				break;
			drain();
			while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
				;
			kept += d.manager.config.nr_assignments;
			set += n == 1 && d.manager.guests[0]->policy.settings.weight == 7;
			assert_int_equal(d.manager.nr, 2);
			assert_settings_are_right();
		}
		close(fd);
		drain();
		/* Those who listen have gone; it is told all the same. */
		bus_tell(&d, MANAGER_DECISION, d.manager.guests[0]);
		drain();
	}
	print_message("# %llu good messages of %llu were read\n", (unsigned long long)set,
		      (unsigned long long)steps);
	assert_true(set >= steps / 2 && kept);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(calls_are_answered_and_refusals_change_nothing),
		TEST(damaged_messages_do_no_harm),
	};

	/* A hang is a failure, too. */
	alarm((unsigned int)number_from_env("FUZZ_TIMEOUT", 300));
	if (!mkdtemp(root))
		return 1;
	/* The daemon says of each change that it was one. What sanitizers say has no need of this. */
	stderr = fopen("/dev/null", "we");
	return cmocka_run_group_tests(tests, NULL, fake_host_remove);
}
