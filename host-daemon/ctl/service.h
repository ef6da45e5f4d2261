/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service.h - uvmemd, as uvmemctl sees it
 */
#ifndef UVMEM_SERVICE_H
#define UVMEM_SERVICE_H

#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "ctl.h"

/* The bus that uvmemd is on. CTL_OK, or CTL_UNAVAILABLE with a message. */
int service_open(const struct ctl *ctl, sd_bus **ret);

/* Say what went wrong with a call; returns the exit code for it. */
int service_failed(const struct ctl *ctl, const sd_bus_error *error, int err);

/* All that uvmemd knows; for json_object_put(). */
int service_describe(const struct ctl *ctl, sd_bus *bus, struct json_object **ret);

/* A guest of a description by id, name or uuid, or CTL_NO_GUEST with a message. */
int service_find(const struct ctl *ctl, struct json_object *description, const char *guest,
		 struct json_object **ret);

/* Numbers and texts of an object; 0 and NULL where there is none. */
uint64_t json_number(struct json_object *object, const char *key);
const char *json_text(struct json_object *object, const char *key);

static inline void service_closep(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static inline void service_putp(struct json_object **object)
{
	json_object_put(*object);
}

#define cleanup_bus	__attribute__((cleanup(service_closep)))
#define cleanup_json	__attribute__((cleanup(service_putp)))

#define SERVICE_NAME		"org.kvm_uvmem.Manager1"
#define SERVICE_PATH		"/org/kvm_uvmem/Manager1"
#define SERVICE_INTERFACE	"org.kvm_uvmem.Manager1"

#endif
