// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * account_text.c - accounts as text and back
 *
 *	uvmem-accounts 1
 *	boot 01234567-89ab-cdef-0123-456789abcdef
 *	ended GUESTS NAME=VALUE...
 *	guest ID PID START UUID NAME-IN-HEX NAME=VALUE/KERNEL...
 *	complete
 *
 * The last line tells a whole file from the beginning of one; no other line begins
 * with it. "-" is an empty string.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

struct text {
	char *buf;
	size_t len;
	size_t room;
	bool failed;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->failed)
		return;
	if (text->room - text->len < 256) {
		size_t room = text->room ? 2 * text->room : 4096;
		char *more = realloc(text->buf, room);

		if (!more) {
			text->failed = true;
			return;
		}
		text->buf = more;
		text->room = room;
	}
	va_start(args, format);
	n = vsnprintf(text->buf + text->len, text->room - text->len, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->room - text->len)
		text->failed = true;
	else
		text->len += (size_t)n;
}

char *account_book_write(const struct account_book *book)
{
	struct text text = { 0 };
	size_t i, k;

	add(&text, "uvmem-accounts 1\nboot %s\nended %" PRIu64, book->boot, book->ended_guests);
	for (k = 0; k < ACCOUNT_NR_COUNTERS; k++)
		if (book->ended[k])
			add(&text, " %s=%" PRIu64, account_counters[k].name, book->ended[k]);
	add(&text, "\n");
	for (i = 0; i < book->nr; i++) {
		const struct account *a = book->accounts[i];
		const char *c;

		add(&text, "guest %" PRIu64 " %" PRIu32 " %" PRIu64 " %s ", a->key.vm_id,
		    a->key.pid, a->key.start, a->uuid[0] ? a->uuid : "-");
		for (c = a->name; *c; c++)
			add(&text, "%02x", (unsigned char)*c);
		if (!a->name[0])
			add(&text, "-");
		for (k = 0; k < ACCOUNT_NR_COUNTERS; k++)
			if (a->value[k] || a->kernel[k])
				add(&text, " %s=%" PRIu64 "/%" PRIu64, account_counters[k].name,
				    a->value[k], a->kernel[k]);
		add(&text, "\n");
	}
	add(&text, "complete\n");
	if (text.failed) {
		free(text.buf);
		return NULL;
	}
	return text.buf;
}

/* The next word of a line, NUL-terminated in place; NULL at its end. */
static char *word(char **at)
{
	char *start = *at + strspn(*at, " "), *end;

	if (!*start)
		return NULL;
	end = start + strcspn(start, " ");
	*at = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

static bool number(const char *text, char stop, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end != stop)
		return false;
	*ret = value;
	return true;
}

/* NAME=VALUE or NAME=VALUE/KERNEL up to the end of the line */
static bool counters(char *at, uint64_t *value, uint64_t *kernel)
{
	char *w;

	while ((w = word(&at))) {
		char *equals = strchr(w, '='), *slash;
		uint64_t v, k = 0;
		int index;

		if (!equals)
			return false;
		*equals = '\0';
		slash = strchr(equals + 1, '/');
		if (!number(equals + 1, kernel ? '/' : '\0', &v))
			return false;
		if (kernel && (!slash || !number(slash + 1, '\0', &k)))
			return false;
		/* Of another version: dropped. */
		index = account_counter_find(w);
		if (index < 0)
			continue;
		value[index] = v;
		if (kernel)
			kernel[index] = k;
	}
	return true;
}

static bool unhex(const char *hex, char *ret, size_t room)
{
	size_t n = strlen(hex), i;

	if (!strcmp(hex, "-"))
		return true;
	if (n % 2 || n / 2 >= room)
		return false;
	for (i = 0; i < n / 2; i++) {
		unsigned int c;

		if (strspn(hex + 2 * i, "0123456789abcdef") < 2 ||
		    sscanf(hex + 2 * i, "%2x", &c) != 1 || !c)
			return false;
		ret[i] = (char)c;
	}
	return true;
}

static int read_guest(struct account_book *book, char *at)
{
	struct account read = { 0 }, *account;
	char *uuid, *name;
	uint64_t pid;

	if (!number(word(&at), '\0', &read.key.vm_id) || !number(word(&at), '\0', &pid) ||
	    pid > UINT32_MAX || !number(word(&at), '\0', &read.key.start))
		return -EINVAL;
	read.key.pid = (uint32_t)pid;
	uuid = word(&at);
	name = word(&at);
	if (!uuid || !name || strlen(uuid) >= sizeof(read.uuid) ||
	    !unhex(name, read.name, sizeof(read.name)) ||
	    !counters(at, read.value, read.kernel))
		return -EINVAL;
	if (strcmp(uuid, "-"))
		memcpy(read.uuid, uuid, strlen(uuid));
	account = account_find(book, &read.key);
	if (!account)
		return -ENOMEM;
	*account = read;
	return 0;
}

static int read_line(struct account_book *book, unsigned int number_of_line, char *line,
		     char *boot, bool *whole)
{
	char *at = line, *w;

	if (number_of_line == 1)
		return strcmp(line, "uvmem-accounts 1") ? -EINVAL : 0;
	if (*whole)
		return -EINVAL;
	w = word(&at);
	if (!w)
		return -EINVAL;
	if (!strcmp(w, "boot")) {
		w = word(&at);
		if (!w || strlen(w) >= ACCOUNT_BOOT)
			return -EINVAL;
		memcpy(boot, w, strlen(w) + 1);
		return 0;
	}
	if (!strcmp(w, "ended"))
		return number(word(&at), '\0', &book->ended_guests) &&
			counters(at, book->ended, NULL) ? 0 : -EINVAL;
	if (!strcmp(w, "guest"))
		return read_guest(book, at);
	if (!strcmp(w, "complete")) {
		*whole = true;
		return 0;
	}
	return -EINVAL;
}

int account_book_read(struct account_book *book, const char *text, unsigned int *ret_line)
{
	struct account_book read = { 0 };
	char boot[ACCOUNT_BOOT] = "", *copy = strdup(text), *line, *next;
	unsigned int nr = 0;
	bool whole = false;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	for (line = copy; !err && *line; line = next) {
		size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		line[length] = '\0';
		err = read_line(&read, ++nr, line, boot, &whole);
	}
	free(copy);
	if (!err && !whole)
		err = -EINVAL;
	if (err) {
		*ret_line = nr;
		account_book_free(&read);
		return err;
	}
	memcpy(read.boot, book->boot, sizeof(read.boot));
	if (strcmp(boot, book->boot))
		account_end_missing(&read, NULL, 0);
	*book = read;
	return 0;
}
