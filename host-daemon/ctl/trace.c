// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.c - record what guests do, and try policies on it: record, simulate
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "config.h"
#include "output.h"
#include "service.h"
#include "tracefile.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* ---- record ------------------------------------------------------------------- */

/* Ids of the guests in the order of their numbers in the trace. */
struct recorder {
	FILE *file;
	uint64_t ids[TRACE_GUESTS];
	unsigned int nr;
	uint64_t last_ns;
	bool full;
};

/* The guest's number; a new one is introduced. -1 if there is no room for more. */
static int guest_number(struct recorder *r, struct json_object *guest)
{
	uint64_t id = json_number(guest, "id");
	const char *name = json_text(guest, "name");
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (r->ids[i] == id)
			return (int)i;
	if (!name || !*name)
		return -1;
	if (r->nr == TRACE_GUESTS) {
		r->full = true;
		return -1;
	}
	fprintf(r->file, "guest %u ", r->nr);
	for (i = 0; name[i] && i < TRACE_NAME - 1; i++)
		fprintf(r->file, "%02x", (unsigned char)name[i]);
	fputc('\n', r->file);
	r->ids[r->nr] = id;
	return (int)r->nr++;
}

static void write_guest(struct recorder *r, struct json_object *guest, int number)
{
	struct json_object *counters, *idle;
	size_t last = 0, i;

	if (!json_object_object_get_ex(guest, "counters", &counters) ||
	    !json_object_object_get_ex(guest, "idle_pages", &idle))
		return;
	fprintf(r->file, "r %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		number, json_number(guest, "resident_bytes") / 4096,
		(json_number(guest, "paged_out_bytes") + json_number(guest, "same_filled_bytes") +
		 json_number(guest, "pooled_bytes")) / 4096,
		json_number(guest, "aging_passes"),
		json_number(counters, "refault") + json_number(counters, "fault_around_used"),
		json_number(counters, "stall_some_ns"), json_number(counters, "reclaim_moved"));
	for (i = 0; i < json_object_array_length(idle); i++)
		if (json_object_get_uint64(json_object_array_get_idx(idle, i)))
			last = i + 1;
	for (i = 0; i < last && i < POLICY_IDLE_BUCKETS; i++)
		fprintf(r->file, " %" PRIu64,
			json_object_get_uint64(json_object_array_get_idx(idle, i)));
	fputc('\n', r->file);
}

/* A round that was not seen yet. */
static void write_round(struct recorder *r, struct json_object *all)
{
	uint64_t now_ns = json_number(all, "time_ns");
	int numbers[TRACE_GUESTS];
	struct json_object *list;
	size_t i, nr;

	if (now_ns <= r->last_ns || !json_object_object_get_ex(all, "guests", &list))
		return;
	if (!r->last_ns)
		fprintf(r->file, "uvmem-trace 1\ntimes %" PRIu64 " %" PRIu64 "\n",
			json_number(all, "interval_ns"), json_number(all, "aging_interval_ns"));
	r->last_ns = now_ns;
	nr = json_object_array_length(list);
	if (nr > TRACE_GUESTS) {
		r->full = true;
		nr = TRACE_GUESTS;
	}
	for (i = 0; i < nr; i++)
		numbers[i] = guest_number(r, json_object_array_get_idx(list, i));
	fprintf(r->file, "p %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now_ns,
		json_number(all, "pool_limit_bytes") / 4096,
		json_number(all, "pool_used_bytes") / 4096,
		(json_number(all, "sink_bytes") + json_number(all, "sealed_room_bytes")) / 4096);
	for (i = 0; i < nr; i++)
		if (numbers[i] >= 0)
			write_guest(r, json_object_array_get_idx(list, i), numbers[i]);
}

int cmd_record(struct ctl *ctl, int argc, char *argv[])
{
	struct recorder recorder = { 0 };
	cleanup_bus sd_bus *bus = NULL;
	unsigned long seconds = 0;
	struct timespec begin, now;
	int opt, code, bad;

	while ((opt = getopt(argc, argv, "t:")) != -1) {
		if (opt != 't')
			return CTL_USAGE;
		seconds = strtoul(optarg, NULL, 10);
	}
	if (optind + 1 != argc) {
		ctl_error(ctl, "a file to write to is needed");
		return CTL_USAGE;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	code = service_open(ctl, &bus);
	if (code)
		return code;
	recorder.file = fopen(argv[optind], "we");
	if (!recorder.file) {
		ctl_error(ctl, "%s: %s", argv[optind], strerror(errno));
		return CTL_FAILED;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (!code && !stop) {
		cleanup_json struct json_object *all = NULL;
		uint64_t wait_ns;

		code = service_describe(ctl, bus, &all);
		if (code)
			break;
		write_round(&recorder, all);
		/* Whole rounds are in the file even if this is killed. */
		fflush(recorder.file);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (seconds && now.tv_sec - begin.tv_sec >= (time_t)seconds)
			break;
		/* Twice a round: none is missed for long. */
		wait_ns = json_number(all, "interval_ns") / 2;
		nanosleep(&(struct timespec){ .tv_sec = (time_t)(wait_ns / 1000000000),
			  .tv_nsec = (long)(wait_ns % 1000000000) }, NULL);
	}
	if (recorder.full)
		ctl_error(ctl, "%s: has the first %u guests, others were left out",
			  argv[optind], TRACE_GUESTS);
	bad = ferror(recorder.file);
	if (fclose(recorder.file) || bad) {
		ctl_error(ctl, "%s: cannot be written", argv[optind]);
		return CTL_FAILED;
	}
	return code;
}

/* ---- simulate ------------------------------------------------------------------- */

int tracefile_read(const struct ctl *ctl, const char *path, struct trace *ret)
{
	cleanup_file FILE *file = fopen(path, "re");
	cleanup_free char *text = NULL;
	unsigned int line = 0;
	struct stat st;
	size_t n;
	int err;

	if (!file || fstat(fileno(file), &st)) {
		ctl_error(ctl, "%s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > 1 << 30) {
		ctl_error(ctl, "%s: is no file of at most 1 GiB", path);
		return CTL_FAILED;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		ctl_error(ctl, "out of memory");
		return CTL_FAILED;
	}
	n = fread(text, 1, (size_t)st.st_size, file);
	text[n] = '\0';
	err = trace_read(ret, text, &line);
	if (err) {
		ctl_error(ctl, "%s:%u: %s", path, line, err == -EINVAL ? "this is no trace" :
			  err == -EFBIG ? "there is more than can be replayed" : strerror(-err));
		return CTL_FAILED;
	}
	return CTL_OK;
}

int tracefile_settings(const struct ctl *ctl, const char *path, const struct trace *trace,
		       struct policy_host_settings *host,
		       struct policy_settings settings[TRACE_GUESTS])
{
	struct config config = { 0 };
	unsigned int g;
	int err;

	err = path ? config_load_file(&config, path, stderr) : config_load(&config, "", stderr);
	if (err) {
		ctl_error(ctl, "%s: %s", path ? path : "the configuration of this host",
			  err == -EINVAL ? "is wrong" : strerror(-err));
		return CTL_FAILED;
	}
	*host = config.host;
	for (g = 0; g < trace->nr_guests; g++)
		config_guest(&config, trace->names[g], "", NULL, 0, &settings[g]);
	config_free(&config);
	return CTL_OK;
}

static const struct output_column columns[] = {
	{ "configuration", "CONFIGURATION", OUTPUT_TEXT },
	{ "guest", "GUEST", OUTPUT_TEXT },
	{ "policy", "POLICY", OUTPUT_TEXT },
	{ "resident_bytes", "RESIDENT", OUTPUT_BYTES },
	{ "out_bytes", "OUT", OUTPUT_BYTES },
	{ "refault_bytes_per_minute", "BACK/MIN", OUTPUT_BYTES },
	{ "stall_ratio", "STALL", OUTPUT_PPM },
	{ "taken_bytes", "TAKEN", OUTPUT_BYTES },
	{ "back_offs", "BACK-OFFS", OUTPUT_NUMBER },
};

static int simulate_one(const struct ctl *ctl, struct output *out, const struct trace *trace,
			const char *path)
{
	struct policy_settings settings[TRACE_GUESTS];
	struct policy_host_settings host;
	struct replay *replay = calloc(1, sizeof(*replay));
	unsigned int g;
	int code, err;

	code = replay ? tracefile_settings(ctl, path, trace, &host, settings) : CTL_FAILED;
	if (!code) {
		err = replay_run(trace, &host, settings, replay);
		if (err) {
			ctl_error(ctl, "%s", err == -EINVAL ? "the trace is shorter than two rounds" :
				  strerror(-err));
			code = CTL_FAILED;
		}
	}
	for (g = 0; !code && g < trace->nr_guests; g++) {
		const struct replay_guest *r = &replay->guests[g];

		if (output_row(out, (union output_cell[]){
			{ .text = path ? path : "this host's" },
			{ .text = trace->names[g] },
			{ .text = policy_kind_name(settings[g].kind) },
			{ .number = (uint64_t)(r->resident * 4096) },
			{ .number = (uint64_t)(r->out * 4096) },
			{ .number = (uint64_t)(r->refaults * 4096 * 60 / replay->seconds) },
			{ .number = (uint64_t)(r->stall_ns / 1e3 / replay->seconds) },
			{ .number = r->taken * 4096 },
			{ .number = r->back_offs },
		}))
			code = CTL_FAILED;
	}
	free(replay);
	return code;
}

static const struct option simulate_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ }
};

int cmd_simulate(struct ctl *ctl, int argc, char *argv[])
{
	const char *configs[32];
	struct trace trace = { 0 };
	struct output *out;
	int code, opt, nr = 0, i;

	while ((opt = getopt_long(argc, argv, "c:", simulate_options, NULL)) != -1) {
		if (opt != 'c' || nr == ARRAY_LEN(configs))
			return CTL_USAGE;
		configs[nr++] = optarg;
	}
	if (optind + 1 != argc) {
		ctl_error(ctl, "a trace is needed");
		return CTL_USAGE;
	}
	if (!nr)
		configs[nr++] = NULL;
	code = tracefile_read(ctl, argv[optind], &trace);
	if (code)
		return code;
	out = output_new("results", columns, ARRAY_LEN(columns));
	for (i = 0; out && !code && i < nr; i++)
		code = simulate_one(ctl, out, &trace, configs[i]);
	if (out && !code)
		code = output_print(out, ctl);
	trace_free(&trace);
	return out ? code : CTL_FAILED;
}
