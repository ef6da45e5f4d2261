// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * events.c - the module's events: guests come and go
 *
 * They are hints. What they say of a VM is not believed but looked up, so that a record that
 * is lost, repeated, late or of a type that this version does not know does no harm:
 * guests are found by the list of VMs, which every round reads.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

#include "daemon.h"
#include "round.h"

/* Of a call: a module that has no end of them must not keep the rounds from coming. */
#define MAX_EVENTS	1000

/* The module says that a VM came or went: look at once, decide in the next round. */
static int on_kernel(sd_event_source *source, int fd, uint32_t revents, void *user)
{
	struct daemon *d = user;
	struct uvmem_event event;
	unsigned int n;
	int err = 0;

	(void)fd, (void)revents;
	for (n = 0; n < MAX_EVENTS; n++) {
		err = d->manager.kernel->ops->read_event(d->manager.kernel, &event);
		if (err)
			break;
	}
	if (err && err != -EAGAIN && err != -EINTR) {
		log_line(LOG_WARNING, "The module's events cannot be read (%s): guests are found at the next round only",
			 strerror(-err));
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	manager_scan(&d->manager);
	return 0;
}

int events_follow(struct daemon *d)
{
	if (d->manager.kernel->fd < 0)
		return 0;
	return sd_event_add_io(d->event, NULL, d->manager.kernel->fd, EPOLLIN, on_kernel, d);
}
