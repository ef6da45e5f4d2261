/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - between the files of uvmemd
 */
#ifndef UVMEM_DAEMON_H
#define UVMEM_DAEMON_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "manager.h"

#define BUS_NAME	"org.kvm_uvmem.Manager1"
#define BUS_PATH	"/org/kvm_uvmem/Manager1"
#define BUS_INTERFACE	"org.kvm_uvmem.Manager1"
#define POLKIT_ACTION	"org.kvm-uvmem.manage"

struct metadata;

/**
 * struct daemon - uvmemd while it runs
 * @manager: what it is about
 * @event: loop
 * @bus: NULL if there is none
 * @root: before the paths of the configuration, for tests
 * @config_file: instead of all others, or NULL
 * @state_file: accounts
 * @force_dry_run: whatever the configuration says
 * @libvirt: URI, "": none
 * @metadata: NULL if it is not followed
 * @reload: read the configuration; what was in force stays if it is wrong
 * @trusting: any peer of the bus may change things, for tests
 */
struct daemon {
	struct manager manager;
	sd_event *event;
	sd_bus *bus;
	const char *root;
	const char *config_file;
	char state_file[PATH_MAX];
	bool force_dry_run;
	const char *libvirt;
	struct metadata *metadata;
	int (*reload)(struct daemon *d);
	bool trusting;
};

/* ---- accounts.c ------------------------------------------------------------- */

/*
 * Write the accounts. To be called before counters are told to those who must never
 * see them go back: a daemon that is killed goes on from what it has written.
 */
void save_state(struct daemon *d);

/* ---- bus.c ------------------------------------------------------------------ */

/* Serve the API on a bus that is connected. */
int bus_serve(struct daemon *d, sd_bus *bus);

/* Tell those who listen. */
void bus_tell(struct daemon *d, enum manager_event event, const struct guest *guest);

/* ---- events.c --------------------------------------------------------------- */

/* Follow the module's events; 0 or more, or a negative errno. */
int events_follow(struct daemon *d);

/* ---- http.c ----------------------------------------------------------------- */

/* Serve metrics on a listening socket. */
int http_serve(struct daemon *d, int fd);

/* ---- journal.c ---------------------------------------------------------------- */

/* A line for people at a syslog level. */
__attribute__((format(printf, 2, 3)))
void log_line(int level, const char *format, ...);

/* A line with fields for programs: UVMEM_EVENT, UVMEM_VM_ID, UVMEM_DOMAIN, ... */
void log_event(const struct manager *m, enum manager_event event, const struct guest *guest);

#endif
