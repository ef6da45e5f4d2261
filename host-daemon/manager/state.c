// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * state.c - the accounts in a file, replaced whole or not at all
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "manager.h"

#define STATE_MAX	(64 << 20)

int file_replace(const char *path, const char *text, size_t length)
{
	char temporary[PATH_MAX];
	cleanup_close int fd = -1;
	size_t done = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (done < length) {
		ssize_t n = write(fd, text + done, length - done);
		int err = errno;

		if (n < 0 && err == EINTR)
			continue;
		if (n < 0) {
			unlink(temporary);
			return -err;
		}
		done += (size_t)n;
	}
	/* The name must not be there before the content is. */
	if (fsync(fd) || rename(temporary, path)) {
		int err = errno;

		unlink(temporary);
		return -err;
	}
	return 0;
}

int manager_save_state(const struct manager *m, const char *path)
{
	cleanup_free char *text = account_book_write(&m->book);

	return text ? file_replace(path, text, strlen(text)) : -ENOMEM;
}

static int read_whole(const char *path, char **ret)
{
	cleanup_file FILE *file = fopen(path, "re");
	cleanup_free char *text = NULL;
	struct stat st;
	size_t n;

	if (!file)
		return -errno;
	if (fstat(fileno(file), &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > STATE_MAX)
		return -EINVAL;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = fread(text, 1, (size_t)st.st_size, file);
	if (ferror(file))
		return -EIO;
	text[n] = '\0';
	*ret = text;
	text = NULL;
	return 0;
}

int manager_load_state(struct manager *m, const char *path, unsigned int *ret_line)
{
	cleanup_free char *text = NULL;
	char bad[PATH_MAX];
	int err;

	*ret_line = 0;
	err = read_whole(path, &text);
	if (err == -ENOENT)
		return 0;
	if (!err)
		err = account_book_read(&m->book, text, ret_line);
	if (err == -EINVAL && snprintf(bad, sizeof(bad), "%s.bad", path) < (int)sizeof(bad))
		rename(path, bad);
	return err;
}
