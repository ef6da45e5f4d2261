// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accounts.c - the accounts on disk
 */
#include <string.h>
#include <syslog.h>

#include "daemon.h"

void save_state(struct daemon *d)
{
	static int last_error;
	int err = manager_save_state(&d->manager, d->state_file);

	if (err && err != last_error)
		log_line(LOG_WARNING, "%s: %s", d->state_file, strerror(-err));
	last_error = err;
}
