// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * journal.c - what uvmemd says, to the journal or to a terminal
 *
 * Events have message ids, so that "journalctl MESSAGE_ID=..." finds them, and fields
 * with numbers as they are: configs/uvmemd/uvmemd.catalog explains each.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* The file and line in this program are nobody's business. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "daemon.h"

/* systemd connects standard error with the journal and says so. */
static bool to_journal(void)
{
	static int known = -1;

	if (known < 0)
		known = getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
	return known;
}

void log_line(int level, const char *format, ...)
{
	va_list args;

	/* "<4>text" is what both journal and other loggers understand. */
	fprintf(stderr, isatty(STDERR_FILENO) ? "uvmemd: " : "<%d>", level);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static const struct {
	const char *name;
	const char *id;
	int level;
} kinds[] = {
	{ "guest-found", "5b0e3e6f6a2b4f0f9a1d4c8e7b62d101", LOG_INFO },
	{ "guest-ended", "5b0e3e6f6a2b4f0f9a1d4c8e7b62d102", LOG_INFO },
	{ "guest-stopped", "5b0e3e6f6a2b4f0f9a1d4c8e7b62d103", LOG_ERR },
	{ "decision", "5b0e3e6f6a2b4f0f9a1d4c8e7b62d104", LOG_INFO },
	{ "failed", "5b0e3e6f6a2b4f0f9a1d4c8e7b62d105", LOG_WARNING },
};

_Static_assert(ARRAY_LEN(kinds) == MANAGER_NR_EVENTS, "each event has its words");

static void sentence(char *buf, size_t room, const struct manager *m, enum manager_event event,
		     const struct guest *guest)
{
	char text[1024];

	switch (event) {
	case MANAGER_GUEST_FOUND:
		snprintf(buf, room, "Guest %s found: id %" PRIu64 ", policy %s", guest->name,
			 (uint64_t)guest->info.id,
			 policy_kind_name(guest->policy.settings.kind));
		break;
	case MANAGER_GUEST_ENDED:
		snprintf(buf, room, "Guest %s ended", guest->name);
		break;
	case MANAGER_GUEST_STOPPED:
		snprintf(buf, room, "Guest %s was stopped by the module: %s at 0x%llx", guest->name,
			 kernel_stop_reason_name(guest->info.stop_reason), guest->info.stop_gpa);
		break;
	case MANAGER_DECISION:
		manager_explain(m, guest, text, sizeof(text));
		snprintf(buf, room, "Guest %s: %s", guest->name, text);
		break;
	case MANAGER_FAILED:
		snprintf(buf, room, "Guest %s: %s failed: %s", guest->name, guest->error_what,
			 strerror(-guest->error));
		break;
	case MANAGER_NR_EVENTS:
		break;
	}
}

void log_event(const struct manager *m, enum manager_event event, const struct guest *guest)
{
	const struct policy_decision *d = &guest->policy.decision;
	char text[1200] = "";

	sentence(text, sizeof(text), m, event, guest);
	if (!to_journal()) {
		log_line(kinds[event].level, "%s", text);
		return;
	}
	sd_journal_send("MESSAGE=%s", text, "MESSAGE_ID=%s", kinds[event].id,
			"PRIORITY=%d", kinds[event].level, "UVMEM_EVENT=%s", kinds[event].name,
			"UVMEM_VM_ID=%" PRIu64, (uint64_t)guest->info.id,
			"UVMEM_DOMAIN=%s", guest->name, "UVMEM_VM_UUID=%s", guest->uuid,
			"UVMEM_REASON=%s", policy_reason_name(d->reason),
			"UVMEM_DECIDED_PAGES=%" PRIu64, d->nr_pages,
			"UVMEM_RESIDENT_PAGES=%" PRIu64, d->frames,
			"UVMEM_PUSHED_PAGES=%" PRIu64,
			guest->account ? guest->account->value[ACCOUNT_daemon_pushed] : 0,
			"UVMEM_ERRNO=%d", event == MANAGER_FAILED ? -guest->error : 0, NULL);
}
