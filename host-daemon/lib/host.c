// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c - read from /proc
 *
 * libvirt gives QEMU the domain's name and uuid on its command line. That is known
 * without libvirtd, so a restart of it loses nothing, and holds for QEMUs that
 * libvirt does not know.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "text.h"

/* At most @room - 1 bytes; their number or a negative errno. */
static ssize_t read_text(const char *path, char *buf, size_t room)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (have < room - 1) {
		n = read(fd, buf + have, room - 1 - have);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += (size_t)n;
	}
	buf[have] = '\0';
	return (ssize_t)have;
}

/* "Key:   123 kB" to pages */
static int kilobytes(const char *text, const char *key, uint64_t *ret_pages)
{
	const char *at = text;
	uint64_t kb;

	while ((at = strstr(at, key))) {
		if ((at == text || at[-1] == '\n') &&
		    sscanf(at + strlen(key), ": %" SCNu64 " kB", &kb) == 1) {
			*ret_pages = kb / 4;
			return 0;
		}
		at++;
	}
	return -ENOENT;
}

int host_sink(const struct host *host, uint64_t *ret_pages)
{
	uint64_t available, swap = 0;
	char path[PATH_MAX], text[8192];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/meminfo", host->proc);
	n = read_text(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	if (kilobytes(text, "MemAvailable", &available))
		return -EBADMSG;
	kilobytes(text, "SwapFree", &swap);
	*ret_pages = available + swap;
	return 0;
}

int host_swap(const struct host *host, uint64_t *ret_total, uint64_t *ret_free)
{
	int best = INT_MIN, best_ram = INT_MIN;
	uint64_t total = 0, room = 0;
	char path[PATH_MAX], text[8192];
	char *save = NULL, *line;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/swaps", host->proc);
	n = read_text(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		uint64_t size, used;
		char name[256];
		int priority;

		/* The first line is a title. */
		if (sscanf(line, "%255s %*s %" SCNu64 " %" SCNu64 " %d", name, &size, &used,
			   &priority) != 4 || used > size)
			continue;
		if (!strncmp(name, "/dev/zram", 9)) {
			if (used < size && priority > best_ram)
				best_ram = priority;
			continue;
		}
		total += size / 4;
		room += (size - used) / 4;
		if (used < size && priority > best)
			best = priority;
	}
	*ret_total = total;
	*ret_free = best > best_ram ? room : 0;
	return 0;
}

int host_boot_id(const struct host *host, char *buf, size_t room)
{
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", host->proc);
	n = read_text(path, buf, room);
	if (n < 0)
		return (int)n;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* "guest=NAME,debug-threads=on" or "NAME,..."; a comma of the name is doubled. */
static void parse_name(const char *argument, char *ret, size_t room)
{
	size_t n = 0;

	if (!strncmp(argument, "guest=", 6))
		argument += 6;
	for (; *argument && n + 1 < room; argument++) {
		if (*argument == ',') {
			if (argument[1] != ',')
				break;
			argument++;
		}
		ret[n++] = *argument;
	}
	ret[n] = '\0';
}

void host_parse_command_line(const char *words, size_t length, struct host_process *ret)
{
	const char *at = words, *end = words + length, *last = "";

	while (at < end) {
		if (!strcmp(last, "-name") || !strcmp(last, "--name"))
			parse_name(at, ret->name, sizeof(ret->name));
		else if ((!strcmp(last, "-uuid") || !strcmp(last, "--uuid")) &&
			 strlen(at) == sizeof(ret->uuid) - 1 &&
			 strspn(at, "0123456789abcdefABCDEF-") == strlen(at))
			strcpy(ret->uuid, at);
		last = at;
		at += strlen(at) + 1;
	}
}

/* Field 22 of stat; the second is the program's name, which may have anything in it. */
static int start_time(const char *text, uint64_t *ret)
{
	const char *at = strrchr(text, ')');
	unsigned int field;

	if (!at)
		return -EBADMSG;
	for (field = 2; field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (!at)
			return -EBADMSG;
	}
	return sscanf(at, " %" SCNu64, ret) == 1 ? 0 : -EBADMSG;
}

int host_open_status(const struct host *host, int pid)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/status", host->proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

int host_swapped(int status, uint64_t *ret_pages)
{
	uint64_t pages = 0;
	char text[8192];
	ssize_t n;

	/* The kernel writes it anew for a read of its beginning, and gives all of it at once. */
	n = pread(status, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	kilobytes(text, "VmSwap", &pages);
	*ret_pages = pages;
	return 0;
}

void host_guest_name(const struct host_process *process, const char own[64], uint64_t id,
		     char ret[64])
{
	if (*process->name)
		snprintf(ret, 64, "%.63s", process->name);
	else if (*own)
		snprintf(ret, 64, "%.63s", own);
	else
		snprintf(ret, 64, "vm-%" PRIu64, id);
	text_make_utf8(ret);
}

int host_process(const struct host *host, int pid, struct host_process *ret)
{
	struct host_process process = { 0 };
	cleanup_free char *text = malloc(65536);
	cleanup_close int status = -1;
	char path[PATH_MAX];
	ssize_t n;
	int err;

	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/%d/stat", host->proc, pid);
	n = read_text(path, text, 65536);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	err = start_time(text, &process.start);
	if (err)
		return err;
	status = host_open_status(host, pid);
	if (status >= 0)
		host_swapped(status, &process.swapped);
	snprintf(path, sizeof(path), "%s/%d/cmdline", host->proc, pid);
	n = read_text(path, text, 65536);
	if (n > 0)
		host_parse_command_line(text, (size_t)n, &process);
	*ret = process;
	return 0;
}
