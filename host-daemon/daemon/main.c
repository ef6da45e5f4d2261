// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uvmemd - which secure guest gives how much memory, and what they have had
 *
 *	uvmemd [OPTION]...
 *
 *	--check-config		read the configuration, name what is wrong by file and line
 *	--config FILE		this file alone, no drop-ins
 *	--dry-run		decide and explain, but change nothing
 *	--state-dir DIR		where accounts are kept, /var/lib/kvm-uvmem
 *	--no-bus		without the system bus
 *	--libvirt URI		whose domains' metadata counts, qemu:///system; "": none's
 *	--list-keys		all settings with their defaults
 *	--version, --help
 *
 * The shell around the manager: an sd-event loop with the module's events, a timer for
 * rounds, the bus, metrics, SIGHUP, and systemd's watchdog.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "cleanup.h"
#include "daemon.h"
#include "metadata.h"

enum {
	OPT_CHECK = 256,
	OPT_CONFIG,
	OPT_DRY_RUN,
	OPT_STATE_DIR,
	OPT_NO_BUS,
	OPT_LIBVIRT,
	OPT_LIST_KEYS,
	OPT_VERSION,
	OPT_ROOT,
};

static const struct option options[] = {
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "no-bus", no_argument, NULL, OPT_NO_BUS },
	{ "libvirt", required_argument, NULL, OPT_LIBVIRT },
	{ "list-keys", no_argument, NULL, OPT_LIST_KEYS },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static void usage(FILE *to)
{
	fputs("usage: uvmemd [--config FILE] [--dry-run] [--state-dir DIR] [--no-bus]\n"
	      "              [--libvirt URI]\n"
	      "       uvmemd [--config FILE] --check-config\n"
	      "       uvmemd --list-keys | --version | --help\n", to);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * POLICY_NSEC + (uint64_t)ts.tv_nsec;
}

static int read_config(const struct daemon *d, struct config *ret, FILE *complaints)
{
	return d->config_file ? config_load_file(ret, d->config_file, complaints) :
		config_load(ret, d->root, complaints);
}

/* Line by line: each complaint is a message of its own. */
static void log_complaints(char *text)
{
	char *save = NULL, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_line(LOG_ERR, "%s", line);
}

static int load(struct daemon *d, struct config *ret)
{
	cleanup_free char *text = NULL;
	size_t length = 0;
	FILE *complaints = open_memstream(&text, &length);
	int err;

	if (!complaints)
		return -ENOMEM;
	err = read_config(d, ret, complaints);
	fclose(complaints);
	if (err && text)
		log_complaints(text);
	if (!err && d->force_dry_run)
		ret->dry_run = true;
	return err;
}

static int reload(struct daemon *d)
{
	struct config config = { 0 };
	int err = load(d, &config);

	if (err) {
		log_line(LOG_ERR, "The configuration is wrong: the old one stays in force");
		return err;
	}
	manager_configure(&d->manager, &config);
	log_line(LOG_NOTICE, "Configuration reloaded");
	return 0;
}

static int check_config(const struct daemon *d)
{
	struct config config = { 0 };
	int err = read_config(d, &config, stderr);

	config_free(&config);
	if (err && err != -EINVAL)
		fprintf(stderr, "uvmemd: %s\n", strerror(-err));
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int list_keys(void)
{
	struct config config;
	char text[CONFIG_PATH];
	size_t i;

	config_default(&config);
	for (i = 0; i < config_nr_keys; i++) {
		config_value_text(&config, &config_keys[i], text, sizeof(text));
		printf("[%s] %s = %s\n", config_keys[i].section, config_keys[i].name, text);
	}
	return EXIT_SUCCESS;
}

/* ---- the loop ---------------------------------------------------------------- */

static void on_event(struct manager *m, enum manager_event event, const struct guest *guest)
{
	log_event(m, event, guest);
	bus_tell(m->user, event, guest);
}

static void on_refused(struct manager *m, const char *setting, int err)
{
	(void)m;
	/* What is wrong with the value; who may set it is the unit's business. */
	log_line(LOG_WARNING, "The kernel refuses %s, and keeps what it has: %s", setting,
		 err == -EINVAL ? "it is more than there is, as of a carve-out" : strerror(-err));
}

static void tell_status(struct daemon *d)
{
	const struct manager *m = &d->manager;
	int64_t saved = 0;
	size_t i;

	for (i = 0; i < m->nr; i++)
		saved += m->guests[i]->account->saved_now;
	sd_notifyf(0, "STATUS=%zu guests, %" PRIu64 " of %" PRIu64 " MiB secure memory in use, %" PRId64 " MiB saved%s",
		   m->nr, (uint64_t)m->pool.frames_used >> 8,
		   (uint64_t)m->pool.frames_limit >> 8, saved / 256,
		   m->config.dry_run ? "; dry run" : "");
}

static void write_textfile(struct daemon *d)
{
	static int last_error;
	cleanup_free char *text = NULL;
	size_t length;
	int err;

	if (!*d->manager.config.textfile)
		return;
	save_state(d);
	err = manager_metrics(&d->manager, false, &text, &length);
	if (!err)
		err = file_replace(d->manager.config.textfile, text, length);
	if (err && err != last_error)
		log_line(LOG_WARNING, "%s: %s", d->manager.config.textfile, strerror(-err));
	last_error = err;
}

static int again(sd_event_source *source, uint64_t interval_ns)
{
	uint64_t now;

	/* From now on: rounds that were missed are not made up for. */
	sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now);
	sd_event_source_set_time(source, now + interval_ns / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_round(sd_event_source *source, uint64_t usec, void *user)
{
	static int last_error;
	struct daemon *d = user;
	int err = manager_round(&d->manager, now_ns());

	(void)usec;
	if (err && err != last_error)
		log_line(LOG_ERR, "Guests cannot be looked at: %s%s", strerror(-err),
			 err == -EPERM ? "; CAP_SYS_ADMIN is needed" : "");
	last_error = err;
	tell_status(d);
	write_textfile(d);
	return again(source, d->manager.config.round_ns);
}

static int on_save(sd_event_source *source, uint64_t usec, void *user)
{
	struct daemon *d = user;

	(void)usec;
	save_state(d);
	return again(source, d->manager.config.state_ns);
}

static int on_metadata(sd_event_source *source, int fd, uint32_t revents, void *user)
{
	struct config_assignment *list;
	struct daemon *d = user;
	unsigned int nr;

	(void)source, (void)fd, (void)revents;
	if (metadata_take(d->metadata, &list, &nr))
		manager_set_metadata(&d->manager, list, nr);
	return 0;
}

/* A host without libvirt has guests all the same. */
static void follow_libvirt(struct daemon *d)
{
	int err = metadata_start(d->libvirt, &d->metadata);

	if (!err)
		err = sd_event_add_io(d->event, NULL, metadata_fd(d->metadata), EPOLLIN,
				      on_metadata, d);
	if (err < 0)
		log_line(LOG_WARNING, "Metadata of domains are not followed: %s", strerror(-err));
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
	(void)source, (void)info;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_ns() / 1000);
	reload(user);
	sd_notify(0, "READY=1");
	return 0;
}

static int add_sources(struct daemon *d)
{
	uint64_t now = now_ns() / 1000;
	sigset_t signals;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	ret = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
	if (ret >= 0)
		ret = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
	if (ret >= 0)
		ret = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	if (ret >= 0)
		ret = sd_event_add_time(d->event, NULL, CLOCK_MONOTONIC, now, 1000, on_round, d);
	if (ret >= 0)
		ret = sd_event_add_time(d->event, NULL, CLOCK_MONOTONIC,
					now + d->manager.config.state_ns / 1000, 1000, on_save, d);
	if (ret >= 0)
		ret = events_follow(d);
	if (ret >= 0)
		ret = sd_event_set_watchdog(d->event, true);
	return ret < 0 ? ret : 0;
}

static void serve_sockets(struct daemon *d)
{
	int n = sd_listen_fds(1), i, err;

	for (i = 0; i < n; i++) {
		err = http_serve(d, SD_LISTEN_FDS_START + i);
		if (err)
			log_line(LOG_ERR, "No metrics on socket %d: %s", i, strerror(-err));
	}
}

static void serve_bus(struct daemon *d)
{
	const char *address = getenv("UVMEM_BUS_ADDRESS");
	sd_bus *bus = NULL;
	int err;

	/* Another bus than the system's is for tests. */
	if (address) {
		err = sd_bus_new(&bus);
		if (err >= 0)
			err = sd_bus_set_address(bus, address);
		if (err >= 0)
			err = sd_bus_set_bus_client(bus, true);
		if (err >= 0)
			err = sd_bus_start(bus);
	} else {
		err = sd_bus_open_system(&bus);
	}
	if (err >= 0)
		err = bus_serve(d, bus);
	if (err >= 0)
		err = sd_bus_request_name(bus, BUS_NAME, 0);
	if (err < 0) {
		log_line(LOG_WARNING, "Not on the bus, uvmemctl can only look: %s", strerror(-err));
		if (!d->bus)
			sd_bus_unref(bus);
	}
}

static int load_state(struct daemon *d)
{
	unsigned int line;
	int err = manager_load_state(&d->manager, d->state_file, &line);

	if (err == -EINVAL) {
		log_line(LOG_ERR, "%s:%u: this is no state; it was renamed to .bad and counters begin anew",
			 d->state_file, line);
		return 0;
	}
	if (err)
		log_line(LOG_ERR, "%s: %s", d->state_file, strerror(-err));
	return err;
}

static int run(struct daemon *d, bool with_bus)
{
	struct host host = { .proc = "/proc" };
	struct config config = { 0 };
	struct kernel *kernel;
	int err;

	err = load(d, &config);
	if (err)
		return err;
	err = kernel_open(&kernel);
	if (err) {
		log_line(LOG_ERR, UVMEM_DEVICE_PATH ": %s", kernel_open_error(err));
		return err;
	}
	err = manager_init(&d->manager, kernel, host, &config);
	if (err) {
		log_line(LOG_ERR, "Cannot begin: %s", strerror(-err));
		return err;
	}
	d->manager.on_event = on_event;
	d->manager.on_refused = on_refused;
	d->manager.user = d;
	err = load_state(d);
	if (!err)
		err = sd_event_default(&d->event) < 0 ? -ENOMEM : 0;
	if (!err)
		err = add_sources(d);
	if (err) {
		log_line(LOG_ERR, "Cannot begin: %s", strerror(-err));
		return err;
	}
	if (manager_lacks(&d->manager))
		log_line(LOG_WARNING, "Version %u of the API: %s", d->manager.module.api_version,
			 manager_lacks(&d->manager));
	serve_sockets(d);
	if (*d->libvirt)
		follow_libvirt(d);
	if (with_bus)
		serve_bus(d);
	sd_notify(0, "READY=1");
	err = sd_event_loop(d->event);
	sd_notify(0, "STOPPING=1");
	save_state(d);
	if (d->bus)
		sd_bus_flush_close_unref(d->bus);
	manager_free(&d->manager);
	return err < 0 ? err : 0;
}

int main(int argc, char *argv[])
{
	const char *state_dir = getenv("STATE_DIRECTORY");
	struct daemon d = { .root = "", .reload = reload, .libvirt = "qemu:///system" };
	bool with_bus = true, check = false;
	int opt;

	if (!state_dir)
		state_dir = "/var/lib/kvm-uvmem";
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case OPT_CHECK:
			check = true;
			break;
		case OPT_CONFIG:
			d.config_file = optarg;
			break;
		case OPT_DRY_RUN:
			d.force_dry_run = true;
			break;
		case OPT_STATE_DIR:
			state_dir = optarg;
			break;
		case OPT_NO_BUS:
			with_bus = false;
			break;
		case OPT_LIBVIRT:
			d.libvirt = optarg;
			break;
		case OPT_ROOT:
			d.root = optarg;
			break;
		case OPT_LIST_KEYS:
			return list_keys();
		case OPT_VERSION:
			printf("uvmemd, API version %d\n", UVMEM_API_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	if (check)
		return check_config(&d);
	if (snprintf(d.state_file, sizeof(d.state_file), "%s/accounts", state_dir) >=
	    (int)sizeof(d.state_file)) {
		fprintf(stderr, "uvmemd: the state directory's name is too long\n");
		return 2;
	}
	return run(&d, with_bus) ? EXIT_FAILURE : EXIT_SUCCESS;
}
