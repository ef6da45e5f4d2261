// SPDX-License-Identifier: GPL-2.0-or-later
/* handover.c - what libvirt's hook tells the emulator of a domain */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "handover.h"

#define UUID_LEN	36

/* It becomes a file's name. */
static bool is_uuid(const char *uuid)
{
	return strlen(uuid) == UUID_LEN && strspn(uuid, "0123456789abcdefABCDEF-") == UUID_LEN;
}

/* The same domain has the same name, in whatever case it is spelled. */
static int path_of(char path[PATH_MAX], const char *uuid, const char *suffix)
{
	char *at;

	if (!is_uuid(uuid))
		return -EINVAL;
	snprintf(path, PATH_MAX, HANDOVER_DIR "/%s%s", uuid, suffix);
	for (at = path + strlen(HANDOVER_DIR); *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return 0;
}

static int make_dir(void)
{
	char path[] = HANDOVER_DIR;
	char *slash = strrchr(path, '/');

	*slash = '\0';
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	*slash = '/';
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	return 0;
}

int handover_write(const char *uuid, const struct handover *h)
{
	char path[PATH_MAX], new[PATH_MAX];
	cleanup_file FILE *f = NULL;
	int err, fd;

	err = path_of(path, uuid, "");
	if (!err)
		err = path_of(new, uuid, ".new");
	if (!err)
		err = make_dir();
	if (err)
		return err;

	/* The emulator runs as another user, and libvirtd's umask is not known. */
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	if (fchmod(fd, 0644))
		return -errno;
	fprintf(f, "max-frames %" PRIu64 "\nmin-bytes %" PRIu64 "\n", h->max_frames,
		h->min_bytes);
	if (fflush(f))
		return -errno;
	return rename(new, path) ? -errno : 0;
}

static int read_path(const char *path, struct handover *ret)
{
	cleanup_file FILE *f = fopen(path, "re");
	struct handover h = { };
	char line[128], key[32];
	uint64_t value;
	int seen = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %" SCNu64, key, &value) != 2)
			return -EBADMSG;
		if (!strcmp(key, "max-frames")) {
			h.max_frames = value;
			seen |= 1;
		} else if (!strcmp(key, "min-bytes")) {
			h.min_bytes = value;
			seen |= 2;
		} else {
			/* Of another version: a setting that this one would ignore. */
			return -EBADMSG;
		}
	}
	if (seen != 3)
		return -EBADMSG;
	*ret = h;
	return 0;
}

int handover_read(const char *uuid, struct handover *ret)
{
	char path[PATH_MAX];
	int err = path_of(path, uuid, "");

	return err ? err : read_path(path, ret);
}

int handover_remove(const char *uuid)
{
	char path[PATH_MAX];
	int err = path_of(path, uuid, "");

	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int handover_guaranteed(const char *uuid, uint64_t *ret_bytes, unsigned int *ret_nr)
{
	DIR *dir = opendir(HANDOVER_DIR);
	char path[PATH_MAX];
	struct dirent *entry;
	uint64_t sum = 0;
	unsigned int nr = 0;
	int err = 0;

	if (!dir && errno != ENOENT)
		return -errno;
	while (dir && (entry = readdir(dir))) {
		struct handover h;

		if (!is_uuid(entry->d_name) || !strcasecmp(entry->d_name, uuid))
			continue;
		snprintf(path, sizeof(path), HANDOVER_DIR "/%s", entry->d_name);
		err = read_path(path, &h);
		/* It may have ended just now. */
		if (err == -ENOENT) {
			err = 0;
			continue;
		}
		if (err || __builtin_add_overflow(sum, h.min_bytes, &sum)) {
			err = err ? err : -EOVERFLOW;
			break;
		}
		nr += h.min_bytes > 0;
	}
	if (dir)
		closedir(dir);
	if (!err) {
		*ret_bytes = sum;
		*ret_nr = nr;
	}
	return err;
}
