// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guests.c - what uvmemd knows of guests and decided: show, explain, policy, set, reload, top
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "output.h"
#include "service.h"

static int need_guest(const struct ctl *ctl, int argc)
{
	if (argc == 2)
		return CTL_OK;
	ctl_error(ctl, "which guest? an id, a name or a uuid is needed");
	return CTL_USAGE;
}

static int connect_and_describe(const struct ctl *ctl, sd_bus **bus, struct json_object **ret)
{
	int code = service_open(ctl, bus);

	return code ? code : service_describe(ctl, *bus, ret);
}

static void print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* "resident_bytes: 123" to "resident  123B", objects indented. */
static void print_object(struct json_object *object, int indent)
{
	json_object_object_foreach(object, key, value) {
		size_t n = strlen(key);
		char buf[OUTPUT_ROOM];

		if (json_object_is_type(value, json_type_array))
			continue;
		if (json_object_is_type(value, json_type_object)) {
			printf("%*s%s:\n", indent, "", key);
			print_object(value, indent + 2);
		} else if (n > 6 && !strcmp(key + n - 6, "_bytes") &&
			   json_object_is_type(value, json_type_int) &&
			   json_object_get_int64(value) >= 0) {
			printf("%*s%-*.*s %s\n", indent, "", 26 - indent, (int)n - 6, key,
			       output_bytes(buf, json_object_get_uint64(value)));
		} else if (n > 3 && !strcmp(key + n - 3, "_ns")) {
			printf("%*s%-*.*s %s\n", indent, "", 26 - indent, (int)n - 3, key,
			       output_nsec(buf, json_object_get_uint64(value)));
		} else {
			printf("%*s%-*s %s\n", indent, "", 26 - indent, key,
			       value ? json_object_get_string(value) : "-");
		}
	}
}

int cmd_show(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_json struct json_object *all = NULL;
	cleanup_bus sd_bus *bus = NULL;
	struct json_object *guest;
	int code;

	code = need_guest(ctl, argc);
	if (!code)
		code = connect_and_describe(ctl, &bus, &all);
	if (!code)
		code = service_find(ctl, all, argv[1], &guest);
	if (code)
		return code;
	if (ctl->json)
		print_json(guest);
	else
		print_object(guest, 0);
	return CTL_OK;
}

int cmd_explain(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_json struct json_object *all = NULL;
	struct json_object *guest, *decision;
	cleanup_bus sd_bus *bus = NULL;
	const char *lacks;
	int code;

	code = need_guest(ctl, argc);
	if (!code)
		code = connect_and_describe(ctl, &bus, &all);
	if (!code)
		code = service_find(ctl, all, argv[1], &guest);
	if (code)
		return code;
	if (!json_object_object_get_ex(guest, "decision", &decision))
		return CTL_FAILED;
	if (ctl->json) {
		print_json(decision);
		return CTL_OK;
	}
	puts(json_text(decision, "explanation"));
	lacks = json_text(all, "lacks");
	if (lacks)
		printf("Note that %s.\n", lacks);
	if (json_text(all, "dry_run") && !strcmp(json_text(all, "dry_run"), "true"))
		puts("This is a dry run: nothing is really taken.");
	return CTL_OK;
}

static const struct output_column policy_columns[] = {
	{ "name", "NAME", OUTPUT_TEXT },
	{ "policy", "POLICY", OUTPUT_TEXT },
	{ "weight", "WEIGHT", OUTPUT_NUMBER },
	{ "min_bytes", "MIN", OUTPUT_BYTES },
	{ "low_bytes", "LOW", OUTPUT_BYTES },
	{ "high", "HIGH", OUTPUT_TEXT },
	{ "max", "MAX", OUTPUT_TEXT },
	{ "resident_bytes", "RESIDENT", OUTPUT_BYTES },
	{ "reason", "DECISION", OUTPUT_TEXT },
	{ "taken_bytes", "TAKEN", OUTPUT_BYTES },
};

static const char *limit_text(struct json_object *settings, const char *key, bool json, char *buf)
{
	struct json_object *value;

	if (!json_object_object_get_ex(settings, key, &value) || !value)
		return NULL;
	return json ? json_object_get_string(value) :
		output_bytes(buf, json_object_get_uint64(value));
}

int cmd_policy(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_json struct json_object *all = NULL;
	struct json_object *list, *set, *decision;
	cleanup_bus sd_bus *bus = NULL;
	struct output *out;
	size_t i;
	int code;

	code = ctl_no_arguments(ctl, argc, argv);
	if (!code)
		code = connect_and_describe(ctl, &bus, &all);
	if (code)
		return code;
	out = output_new("guests", policy_columns, ARRAY_LEN(policy_columns));
	if (!out || !json_object_object_get_ex(all, "guests", &list))
		return CTL_FAILED;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *g = json_object_array_get_idx(list, i);
		char high[OUTPUT_ROOM], max[OUTPUT_ROOM];

		if (!json_object_object_get_ex(g, "settings", &set) ||
		    !json_object_object_get_ex(g, "decision", &decision))
			continue;
		if (output_row(out, (union output_cell[]){
			{ .text = json_text(g, "name") },
			{ .text = json_text(set, "policy") },
			{ .number = json_number(set, "weight") },
			{ .number = json_number(set, "min_bytes") },
			{ .number = json_number(set, "low_bytes") },
			{ .text = limit_text(set, "high_bytes", ctl->json, high) },
			{ .text = limit_text(set, "max_bytes", ctl->json, max) },
			{ .number = json_number(g, "resident_bytes") },
			{ .text = json_text(decision, "reason") },
			{ .number = json_number(decision, "taken_bytes") },
		}))
			return CTL_FAILED;
	}
	return output_print(out, ctl);
}

int cmd_set(struct ctl *ctl, int argc, char *argv[])
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	cleanup_bus sd_bus *bus = NULL;
	sd_bus_message *call = NULL;
	int err, code, i;

	if (argc < 3) {
		ctl_error(ctl, "a guest and at least one KEY=VALUE are needed");
		return CTL_USAGE;
	}
	code = service_open(ctl, &bus);
	if (code)
		return code;
	err = sd_bus_message_new_method_call(bus, &call, SERVICE_NAME, SERVICE_PATH,
					     SERVICE_INTERFACE, "SetGuest");
	if (err >= 0)
		err = sd_bus_message_append(call, "s", argv[1]);
	if (err >= 0)
		err = sd_bus_message_open_container(call, 'a', "{ss}");
	for (i = 2; err >= 0 && i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals) {
			ctl_error(ctl, "'%s' is not KEY=VALUE", argv[i]);
			sd_bus_message_unref(call);
			return CTL_USAGE;
		}
		*equals = '\0';
		err = sd_bus_message_append(call, "{ss}", argv[i], equals + 1);
	}
	if (err >= 0)
		err = sd_bus_message_close_container(call);
	if (err >= 0)
		err = sd_bus_call(bus, call, 0, &error, NULL);
	if (err < 0)
		code = service_failed(ctl, &error, err);
	sd_bus_error_free(&error);
	sd_bus_message_unref(call);
	return code;
}

int cmd_reload(struct ctl *ctl, int argc, char *argv[])
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	cleanup_bus sd_bus *bus = NULL;
	int err, code;

	code = ctl_no_arguments(ctl, argc, argv);
	if (!code)
		code = service_open(ctl, &bus);
	if (code)
		return code;
	err = sd_bus_call_method(bus, SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Reload",
				 &error, NULL, "");
	if (err < 0)
		code = service_failed(ctl, &error, err);
	sd_bus_error_free(&error);
	return code;
}

/* ---- top -------------------------------------------------------------------- */

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

struct rates {
	uint64_t id, in, out, stall;
};

static uint64_t per_second(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now > before ? (uint64_t)((double)(now - before) * 1e9 / ns) : 0;
}

static void print_guest(struct json_object *g, struct rates *last, uint64_t elapsed_ns)
{
	char memory[OUTPUT_ROOM], resident[OUTPUT_ROOM], out[OUTPUT_ROOM], in_rate[OUTPUT_ROOM];
	char out_rate[OUTPUT_ROOM];
	struct json_object *counters, *decision;
	struct rates now = { .id = json_number(g, "id") };

	if (!json_object_object_get_ex(g, "counters", &counters) ||
	    !json_object_object_get_ex(g, "decision", &decision))
		return;
	now.in = json_number(counters, "page_in_guest_fault");
	now.out = json_number(counters, "page_out_reclaim");
	now.stall = json_number(counters, "stall_some_ns");
	if (last->id != now.id)
		*last = now;
	printf("%-20.20s %8s %8s %8s %9s/s %9s/s %6.2f%% %s\n", json_text(g, "name"),
	       output_bytes(memory, json_number(g, "memory_bytes")),
	       output_bytes(resident, json_number(g, "resident_bytes")),
	       output_bytes(out, json_number(g, "paged_out_bytes") +
			    json_number(g, "same_filled_bytes") +
			    json_number(g, "pooled_bytes")),
	       output_bytes(in_rate, per_second(now.in, last->in, elapsed_ns) * 4096),
	       output_bytes(out_rate, per_second(now.out, last->out, elapsed_ns) * 4096),
	       per_second(now.stall, last->stall, elapsed_ns) / 1e7, json_text(decision, "reason"));
	*last = now;
}

#define TOP_GUESTS	1000

int cmd_top(struct ctl *ctl, int argc, char *argv[])
{
	static struct rates last[TOP_GUESTS];
	cleanup_bus sd_bus *bus = NULL;
	unsigned long rounds = 0, n;
	uint64_t last_ns = 0;
	int code, opt;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n')
			return CTL_USAGE;
		rounds = strtoul(optarg, NULL, 10);
	}
	if (optind != argc)
		return CTL_USAGE;
	signal(SIGINT, on_signal);
	code = service_open(ctl, &bus);
	for (n = 0; !code && !stop; n++) {
		cleanup_json struct json_object *all = NULL;
		struct json_object *list;
		char used[OUTPUT_ROOM], limit[OUTPUT_ROOM];
		uint64_t now_ns;
		size_t i;

		code = service_describe(ctl, bus, &all);
		if (code || !json_object_object_get_ex(all, "guests", &list))
			break;
		now_ns = json_number(all, "time_ns");
		/* A terminal is redrawn, a file goes on. */
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		printf("%zu guests, %s of %s secure memory\n", json_object_array_length(list),
		       output_bytes(used, json_number(all, "pool_used_bytes")),
		       output_bytes(limit, json_number(all, "pool_limit_bytes")));
		printf("%s%-20s %8s %8s %8s %11s %11s %7s %s%s\n", ctl->color ? "\033[7m" : "",
		       "NAME", "MEMORY", "RESIDENT", "OUT", "IN", "OUT", "STALL", "DECISION",
		       ctl->color ? "\033[0m" : "");
		for (i = 0; i < json_object_array_length(list) && i < TOP_GUESTS; i++)
			print_guest(json_object_array_get_idx(list, i), &last[i], now_ns - last_ns);
		fflush(stdout);
		last_ns = now_ns;
		if (rounds && n + 1 >= rounds)
			break;
		nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
	}
	return code;
}
