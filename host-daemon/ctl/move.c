// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * move.c - by hand, without the daemon: reclaim, prefetch, events
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "output.h"

/* Pages of a call: between two the user can be told, and stop it. */
#define CHUNK	8192

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* By id, name or uuid. CTL_OK with the VM's file. */
static int open_guest(const struct ctl *ctl, struct kernel *k, const char *text, int *ret,
		      struct uvmem_vm_info *info)
{
	cleanup_free uint64_t *ids = NULL;
	unsigned int nr = 0, i;
	int err;

	err = k->ops->list(k, &ids, &nr);
	if (err) {
		ctl_error(ctl, "cannot list: %s", strerror(-err));
		return CTL_FAILED;
	}
	for (i = 0; i < nr; i++) {
		int vm = k->ops->open_vm(k, ids[i]);
		struct host_process process;
		char id[24];

		if (vm == -EPERM) {
			ctl_error(ctl, "only root may do that");
			return CTL_UNAVAILABLE;
		}
		if (vm < 0)
			continue;
		snprintf(id, sizeof(id), "%" PRIu64, ids[i]);
		if (!k->ops->vm_info(k, vm, info)) {
			ctl_guest_name(info, &process);
			if (!strcmp(id, text) || !strcmp(process.name, text) ||
			    (*process.uuid && !strcasecmp(process.uuid, text))) {
				*ret = vm;
				return CTL_OK;
			}
		}
		close(vm);
	}
	ctl_error(ctl, "there is no guest '%s'", text);
	return CTL_NO_GUEST;
}

/* "512M" to pages */
static int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || value >> 40)
		return -EINVAL;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return -EINVAL;
		value <<= 10 * (unit - units + 1);
	}
	*ret = value >> 12;
	return *ret ? 0 : -EINVAL;
}

static void progress(const struct ctl *ctl, uint64_t done, uint64_t all)
{
	if (!ctl->quiet && !ctl->json && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%3" PRIu64 "%%", all ? done * 100 / all : 100);
}

static const struct output_column columns[] = {
	{ "moved_bytes", "Moved", OUTPUT_BYTES },
	{ "same_filled_bytes", "Of these same-filled", OUTPUT_BYTES },
	{ "scanned_bytes", "Looked at", OUTPUT_BYTES },
};

static int print_moved(const struct ctl *ctl, const struct kernel_reclaim *sum)
{
	struct output *out = output_new("result", columns, ARRAY_LEN(columns));

	if (!out || output_row(out, (union output_cell[]){
		{ .number = sum->moved << 12 },
		{ .number = sum->zero << 12 },
		{ .number = sum->scanned << 12 },
	}))
		return CTL_FAILED;
	return output_print_one(out, ctl);
}

int cmd_reclaim(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_kernel struct kernel *k = NULL;
	struct kernel_reclaim sum = { 0 };
	unsigned long min_idle = 0;
	struct uvmem_vm_info info;
	cleanup_close int vm = -1;
	uint64_t pages;
	int code, opt, err = 0;

	while ((opt = getopt(argc, argv, "i:")) != -1) {
		if (opt != 'i')
			return CTL_USAGE;
		min_idle = strtoul(optarg, NULL, 10);
	}
	if (argc - optind != 2 || min_idle > 31 || parse_size(argv[optind + 1], &pages)) {
		ctl_error(ctl, "a guest and a size such as 512M are needed; -i is from 0 to 31");
		return CTL_USAGE;
	}
	code = ctl_open_kernel(ctl, &k);
	if (!code)
		code = open_guest(ctl, k, argv[optind], &vm, &info);
	if (code)
		return code;
	signal(SIGINT, on_signal);
	while (!stop && sum.moved < pages) {
		uint64_t left = pages - sum.moved;
		struct kernel_reclaim step = { 0 };

		err = k->ops->reclaim(k, vm, left < CHUNK ? left : CHUNK, (uint32_t)min_idle,
				      false, &step);
		if (err)
			break;
		sum.moved += step.moved;
		sum.zero += step.zero;
		sum.scanned += step.scanned;
		progress(ctl, sum.moved, pages);
		if (!step.moved)
			break;
	}
	if (!ctl->quiet && !ctl->json && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (err) {
		ctl_error(ctl, "%s", err == -EOPNOTSUPP ? "the module that is loaded cannot reclaim" :
			  err == -ENOSPC ? "there is no place: normal memory is short and there is no swap" :
			  strerror(-err));
		if (!sum.moved)
			return err == -EOPNOTSUPP ? CTL_UNAVAILABLE : CTL_FAILED;
	}
	code = print_moved(ctl, &sum);
	return err ? CTL_FAILED : code;
}

int cmd_prefetch(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_kernel struct kernel *k = NULL;
	struct kernel_reclaim sum = { 0 };
	struct uvmem_vm_info info;
	cleanup_close int vm = -1;
	uint64_t gfn, end;
	int code, err;

	if (argc != 2) {
		ctl_error(ctl, "a guest is needed");
		return CTL_USAGE;
	}
	code = ctl_open_kernel(ctl, &k);
	if (!code)
		code = open_guest(ctl, k, argv[1], &vm, &info);
	if (code)
		return code;
	signal(SIGINT, on_signal);
	/* Memslots have holes, below 4 GiB for the most part; gfns of none cost little. */
	end = info.registered_pages + (1 << 20);
	for (gfn = 0; !stop && gfn < end; gfn += CHUNK) {
		uint64_t moved;

		err = k->ops->range(k, vm, true, gfn, CHUNK, &moved);
		if (err) {
			ctl_error(ctl, "%s", strerror(-err));
			return CTL_FAILED;
		}
		sum.moved += moved;
		sum.scanned += CHUNK;
		progress(ctl, gfn, end);
	}
	return print_moved(ctl, &sum);
}

/* ---- events ------------------------------------------------------------------- */

static const char *const event_names[] = {
	"overflow", "armed", "state", "stopped", "ended", "pool-full", "high", "stall",
};

static void print_event(const struct ctl *ctl, const struct uvmem_event *e)
{
	const char *name = e->type < ARRAY_LEN(event_names) ? event_names[e->type] : "?";

	if (ctl->json)
		printf("{\"seq\":%llu,\"time_ns\":%llu,\"type\":\"%s\",\"vm_id\":%llu,\"values\":[%llu,%llu,%llu,%llu]}\n",
		       e->seq, e->time_ns, name, e->vm_id, e->value[0], e->value[1], e->value[2],
		       e->value[3]);
	else if (e->type == UVMEM_EVENT_VM_STATE)
		printf("%llu.%06llu guest %llu: %s -> %s\n", e->time_ns / 1000000000,
		       e->time_ns / 1000 % 1000000, e->vm_id,
		       kernel_vm_state_name((unsigned int)e->value[0]),
		       kernel_vm_state_name((unsigned int)e->value[1]));
	else if (e->type == UVMEM_EVENT_VM_STOPPED)
		printf("%llu.%06llu guest %llu: stopped, %s at 0x%llx\n", e->time_ns / 1000000000,
		       e->time_ns / 1000 % 1000000, e->vm_id,
		       kernel_stop_reason_name((unsigned int)e->value[0]), e->value[1]);
	else
		printf("%llu.%06llu guest %llu: %s %llu %llu\n", e->time_ns / 1000000000,
		       e->time_ns / 1000 % 1000000, e->vm_id, name, e->value[0], e->value[1]);
	fflush(stdout);
}

int cmd_events(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_kernel struct kernel *k = NULL;
	unsigned long most = 0, n = 0;
	struct uvmem_event event;
	int code, opt, err;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n')
			return CTL_USAGE;
		most = strtoul(optarg, NULL, 10);
	}
	if (optind != argc)
		return CTL_USAGE;
	code = ctl_open_kernel(ctl, &k);
	if (code)
		return code;
	signal(SIGINT, on_signal);
	while (!stop && (!most || n < most)) {
		struct pollfd pfd = { .fd = k->fd, .events = POLLIN };

		err = k->ops->read_event(k, &event);
		if (!err) {
			print_event(ctl, &event);
			n++;
			continue;
		}
		if (err != -EAGAIN && err != -EINTR) {
			ctl_error(ctl, "%s", err == -EPERM ? "only root may follow events" :
				  strerror(-err));
			return err == -EPERM ? CTL_UNAVAILABLE : CTL_FAILED;
		}
		poll(&pfd, 1, 1000);
	}
	return CTL_OK;
}
