// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * service.c - calls to uvmemd by D-Bus
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "service.h"

int service_open(const struct ctl *ctl, sd_bus **ret)
{
	const char *address = getenv("UVMEM_BUS_ADDRESS");
	int err;

	if (address) {
		err = sd_bus_new(ret);
		if (err >= 0)
			err = sd_bus_set_address(*ret, address);
		if (err >= 0)
			err = sd_bus_set_bus_client(*ret, true);
		if (err >= 0)
			err = sd_bus_start(*ret);
	} else {
		err = sd_bus_open_system(ret);
	}
	if (err >= 0)
		return CTL_OK;
	ctl_error(ctl, "cannot reach the system bus: %s", strerror(-err));
	return CTL_UNAVAILABLE;
}

int service_failed(const struct ctl *ctl, const sd_bus_error *error, int err)
{
	const char *name = error->name ? error->name : "";

	if (!strcmp(name, "org.kvm_uvmem.Error.NoSuchGuest")) {
		ctl_error(ctl, "%s", error->message);
		return CTL_NO_GUEST;
	}
	if (!strcmp(name, "org.kvm_uvmem.Error.Invalid")) {
		ctl_error(ctl, "%s", error->message);
		return CTL_FAILED;
	}
	if (!strcmp(name, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    !strcmp(name, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
		ctl_error(ctl, "uvmemd does not run; see: systemctl status uvmemd");
		return CTL_UNAVAILABLE;
	}
	ctl_error(ctl, "%s", error->message ? error->message : strerror(-err));
	return CTL_UNAVAILABLE;
}

int service_describe(const struct ctl *ctl, sd_bus *bus, struct json_object **ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int err, code = CTL_OK;
	const char *text;

	err = sd_bus_call_method(bus, SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Describe",
				 &error, &reply, "");
	if (err >= 0)
		err = sd_bus_message_read(reply, "s", &text);
	if (err < 0) {
		code = service_failed(ctl, &error, err);
	} else {
		*ret = json_tokener_parse(text);
		if (!json_object_is_type(*ret, json_type_object)) {
			ctl_error(ctl, "what uvmemd says cannot be read");
			code = CTL_FAILED;
		}
	}
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return code;
}

uint64_t json_number(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

const char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

int service_find(const struct ctl *ctl, struct json_object *description, const char *guest,
		 struct json_object **ret)
{
	struct json_object *list;
	size_t i;

	if (json_object_object_get_ex(description, "guests", &list)) {
		for (i = 0; i < json_object_array_length(list); i++) {
			struct json_object *g = json_object_array_get_idx(list, i);
			const char *name = json_text(g, "name"), *uuid = json_text(g, "uuid");
			const char *id = json_text(g, "id");

			if ((name && !strcmp(name, guest)) || (id && !strcmp(id, guest)) ||
			    (uuid && !strcasecmp(uuid, guest))) {
				*ret = g;
				return CTL_OK;
			}
		}
	}
	ctl_error(ctl, "there is no guest '%s'", guest);
	return CTL_NO_GUEST;
}
