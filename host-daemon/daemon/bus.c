// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bus.c - the D-Bus API: org.kvm_uvmem.Manager1
 *
 *	Describe() -> s			all that is known, as JSON
 *	Explain(s guest) -> s		the last decision in sentences
 *	SetGuest(s guest, a{ss})	settings of a guest until reload or restart
 *	Reload()			the configuration
 *	signal GuestEvent(s event, t id, s name, s reason)
 *
 * Everybody who may talk to the bus name may read. Changes need CAP_SYS_ADMIN of the
 * caller, or polkit's consent to org.kvm-uvmem.manage. A guest is named by id, name or
 * uuid.
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "cleanup.h"
#include "daemon.h"
#include "text.h"

#define ERROR_NO_GUEST	"org.kvm_uvmem.Error.NoSuchGuest"
#define ERROR_INVALID	"org.kvm_uvmem.Error.Invalid"

/* At most so many of SetGuest: a peer must not make the daemon grow without end. */
#define MAX_RUNTIME	256

static int method_describe(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct daemon *d = user;
	cleanup_free char *text = manager_describe(&d->manager);

	(void)error;
	return text ? sd_bus_reply_method_return(message, "s", text) : -ENOMEM;
}

static struct guest *find(struct daemon *d, const char *name, sd_bus_error *error)
{
	struct guest *guest = manager_find(&d->manager, name);

	if (!guest)
		sd_bus_error_setf(error, ERROR_NO_GUEST, "there is no guest '%s'", name);
	return guest;
}

static int method_explain(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct daemon *d = user;
	struct guest *guest;
	char text[1024];
	const char *name;
	int ret;

	ret = sd_bus_message_read(message, "s", &name);
	if (ret < 0)
		return ret;
	guest = find(d, name, error);
	if (!guest)
		return -ENOENT;
	manager_explain(&d->manager, guest, text, sizeof(text));
	return sd_bus_reply_method_return(message, "s", text);
}

/* polkit is asked without asking the user: it must not hold up the rounds. */
static int ask_polkit(sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);
	sd_bus *bus = sd_bus_message_get_bus(message);
	sd_bus_message *call = NULL, *reply = NULL;
	int ret, yes = 0;

	if (!sender)
		return 0;
	ret = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.PolicyKit1",
					     "/org/freedesktop/PolicyKit1/Authority",
					     "org.freedesktop.PolicyKit1.Authority",
					     "CheckAuthorization");
	if (ret >= 0)
		ret = sd_bus_message_append(call, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name",
					    "s", sender, POLKIT_ACTION, 0, 0, "");
	if (ret >= 0)
		ret = sd_bus_call(bus, call, 2000000, NULL, &reply);
	if (ret >= 0)
		ret = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
	if (ret >= 0)
		ret = sd_bus_message_read_basic(reply, 'b', &yes);
	sd_bus_message_unref(call);
	sd_bus_message_unref(reply);
	return ret >= 0 && yes;
}

static int may_change(struct daemon *d, sd_bus_message *message, sd_bus_error *error)
{
	if (d->trusting || sd_bus_query_sender_privilege(message, CAP_SYS_ADMIN) > 0 ||
	    ask_polkit(message))
		return 0;
	return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
				"only root, or whom polkit allows " POLKIT_ACTION ", may change settings");
}

static int add_setting(struct daemon *d, struct config *config, const char *guest,
		       const char *key, const char *value, sd_bus_error *error)
{
	char why[128];

	if (config_check_guest_value(key, value, why, sizeof(why))) {
		/* It quotes what was given, and may have been cut within a character. */
		text_make_utf8(why);
		return sd_bus_error_set(error, ERROR_INVALID, why);
	}
	if (strlen(value) >= CONFIG_TEXT ||
	    config->nr_assignments >= d->manager.config.nr_assignments + MAX_RUNTIME)
		return sd_bus_error_set(error, ERROR_INVALID, "too long, or too many settings");
	return config_assign(&config->assignments, &config->nr_assignments, guest, key, value,
			     "D-Bus");
}

/* The new settings replace those of the same keys that came the same way. */
static void drop_settings(struct config *config, const char *guest, const char *key)
{
	unsigned int i = 0;

	while (i < config->nr_assignments) {
		struct config_assignment *a = &config->assignments[i];

		if (strcmp(a->where, "D-Bus") || strcmp(a->guest, guest) || strcmp(a->key, key)) {
			i++;
			continue;
		}
		config->nr_assignments--;
		memmove(a, a + 1, (config->nr_assignments - i) * sizeof(*a));
	}
}

static int copy_config(const struct config *from, struct config *ret)
{
	*ret = *from;
	ret->assignments = calloc(from->nr_assignments + 1, sizeof(*from->assignments));
	if (!ret->assignments)
		return -ENOMEM;
	if (from->nr_assignments)
		memcpy(ret->assignments, from->assignments,
		       from->nr_assignments * sizeof(*from->assignments));
	return 0;
}

static int method_set_guest(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct daemon *d = user;
	const char *name, *key, *value;
	struct config config;
	struct guest *guest;
	int ret;

	ret = may_change(d, message, error);
	if (ret < 0)
		return ret;
	ret = sd_bus_message_read(message, "s", &name);
	if (ret < 0)
		return ret;
	guest = find(d, name, error);
	if (!guest)
		return -ENOENT;
	name = *guest->uuid ? guest->uuid : guest->name;
	ret = sd_bus_message_enter_container(message, 'a', "{ss}");
	if (ret < 0)
		return ret;
	ret = copy_config(&d->manager.config, &config);
	if (ret < 0)
		return ret;
	while ((ret = sd_bus_message_read(message, "{ss}", &key, &value)) > 0) {
		drop_settings(&config, name, key);
		ret = add_setting(d, &config, name, key, value, error);
		if (ret < 0)
			break;
	}
	if (ret < 0) {
		config_free(&config);
		return ret;
	}
	manager_configure(&d->manager, &config);
	log_line(5, "Settings of guest %s were changed by D-Bus", guest->name);
	return sd_bus_reply_method_return(message, NULL);
}

static int method_reload(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct daemon *d = user;
	int ret;

	ret = may_change(d, message, error);
	if (ret < 0)
		return ret;
	if (d->reload(d))
		return sd_bus_error_set(error, ERROR_INVALID,
					"the configuration is wrong, the old one stays; see the journal or uvmemd --check-config");
	return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json),
				method_describe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", guest),
				SD_BUS_RESULT("s", explanation), method_explain,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetGuest", SD_BUS_ARGS("s", guest, "a{ss}", settings),
				SD_BUS_NO_RESULT, method_set_guest, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("GuestEvent", SD_BUS_ARGS("s", event, "t", id, "s", name,
							  "s", reason), 0),
	SD_BUS_VTABLE_END
};

int bus_serve(struct daemon *d, sd_bus *bus)
{
	int ret;

	ret = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, d);
	if (ret < 0)
		return ret;
	ret = sd_bus_attach_event(bus, d->event, 0);
	if (ret < 0)
		return ret;
	d->bus = bus;
	return 0;
}

void bus_tell(struct daemon *d, enum manager_event event, const struct guest *guest)
{
	static const char *const names[] = {
		"guest-found", "guest-ended", "guest-stopped", "decision", "failed",
	};

	_Static_assert(ARRAY_LEN(names) == MANAGER_NR_EVENTS, "a name for each event");
	if (d->bus)
		sd_bus_emit_signal(d->bus, BUS_PATH, BUS_INTERFACE, "GuestEvent", "stss",
				   names[event], (uint64_t)guest->info.id, guest->name,
				   policy_reason_name(guest->policy.decision.reason));
}
