// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config.c - reading files with libinih
 *
 * Debian's libinih reads lines of up to 200 bytes and hands the pieces of longer ones
 * out as if they were lines; names of sections and keys are cut at 50. So it gets its
 * lines from a reader of ours, which counts them and refuses what is too long.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "cleanup.h"
#include "config.h"
#include "config_value.h"

#define LINE_MAX_LENGTH	190
#define MAX_ASSIGNMENTS	10000
#define MAX_LINES	100000
#define MAX_FILES	1000

/* ini.h's own limit of a section's name, with the brackets */
#define SECTION_MAX	48

struct reader {
	FILE *file;
	const char *path;
	unsigned int line;
	FILE *complaints;
	bool bad;
	bool lost;	/* behind a section whose name could not be read */
	struct config *config;
};

__attribute__((format(printf, 2, 3)))
static void complain(struct reader *r, const char *format, ...)
{
	va_list args;

	r->bad = true;
	if (!r->complaints)
		return;
	fprintf(r->complaints, "%s:%u: ", r->path, r->line);
	va_start(args, format);
	vfprintf(r->complaints, format, args);
	va_end(args);
	fputc('\n', r->complaints);
}

/* inih says where the first wrong line is, and nothing of the others. */
static bool check_line(struct reader *r, const char *line)
{
	size_t n = strcspn(line, "]");

	if (!*line || *line == '#' || *line == ';')
		return true;
	if (*line == '[') {
		r->lost = line[n] != ']' || n > SECTION_MAX;
		if (n > SECTION_MAX)
			complain(r, "a section's name is longer than %d bytes", SECTION_MAX - 2);
		else if (r->lost)
			complain(r, "a section's name has no end: ']'");
		return !r->lost;
	}
	if (strpbrk(line, "=:"))
		return true;
	complain(r, "is neither a [section] nor a setting, 'key = value'");
	return false;
}

/* fgets() that skips what it complains of, for ini_parse_stream() */
static char *next_line(char *buf, int room, void *stream)
{
	struct reader *r = stream;
	size_t n;

	for (;;) {
		if (!fgets(buf, room < LINE_MAX_LENGTH ? room : LINE_MAX_LENGTH, r->file))
			return NULL;
		r->line++;
		if (r->line > MAX_LINES) {
			complain(r, "too many lines");
			return NULL;
		}
		n = strlen(buf);
		if (n && buf[n - 1] != '\n' && !feof(r->file)) {
			int c;

			complain(r, "a line is longer than %d bytes, or has a NUL byte in it",
				 LINE_MAX_LENGTH - 2);
			while ((c = fgetc(r->file)) != EOF && c != '\n')
				;
			continue;
		}
		if (!check_line(r, buf + strspn(buf, " \t\r\n")))
			continue;
		/* inih takes a line that begins with a space for the value's continuation. */
		if ((buf[0] == ' ' || buf[0] == '\t') && buf[strspn(buf, " \t\r\n")]) {
			memmove(buf, buf + strspn(buf, " \t"),
				strlen(buf + strspn(buf, " \t")) + 1);
		}
		return buf;
	}
}

int config_assign(struct config_assignment **list, unsigned int *nr, const char *guest,
		  const char *key, const char *value, const char *where)
{
	struct config_assignment *more = realloc(*list, (*nr + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*list = more;
	more += (*nr)++;
	memset(more, 0, sizeof(*more));
	strcpy(more->guest, guest);
	strcpy(more->key, key);
	strcpy(more->value, value);
	snprintf(more->where, sizeof(more->where), "%s", where);
	return 0;
}

static void assign_guest(struct reader *r, const char *guest, const char *key, const char *value)
{
	struct config *config = r->config;
	char where[CONFIG_PATH + 16], why[128];

	if (strlen(guest) >= CONFIG_TEXT || strlen(value) >= CONFIG_TEXT) {
		complain(r, "%s is too long", key);
		return;
	}
	if (config_check_guest_value(key, value, why, sizeof(why))) {
		complain(r, "%s", why);
		return;
	}
	if (config->nr_assignments == MAX_ASSIGNMENTS) {
		complain(r, "more than %d settings of single guests", MAX_ASSIGNMENTS);
		return;
	}
	snprintf(where, sizeof(where), "%.250s:%u", r->path, r->line);
	if (config_assign(&config->assignments, &config->nr_assignments, guest, key, value, where))
		complain(r, "out of memory");
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const struct config_key *key;
	char why[128];

	if (r->lost)
		return 1;
	if (!strncmp(section, "guest ", 6)) {
		const char *guest = section + 6;

		guest += strspn(guest, " \t");
		if (!*guest)
			complain(r, "[guest ] names no guest");
		else
			assign_guest(r, guest, name, value);
		return 1;
	}
	key = config_find_key(section, name);
	if (!key) {
		if (config_is_section(section))
			complain(r, "[%s] has no setting '%s'", section, name);
		else if (!*section)
			complain(r, "'%s' stands before any [section]", name);
		else
			complain(r, "there is no section [%s]", section);
		return 1;
	}
	if (config_set(key, r->config, value, why, sizeof(why)))
		complain(r, "%s", why);
	return 1;
}

/* A file that is not there is an empty one, unless @must. */
static int read_file(struct config *config, const char *path, bool must, FILE *complaints,
		     bool *bad)
{
	cleanup_file FILE *file = fopen(path, "re");
	struct reader r = {
		.file = file, .path = path, .complaints = complaints, .config = config,
	};
	struct stat st;
	int line;

	if (!file) {
		if (errno == ENOENT && !must)
			return 0;
		if (complaints)
			fprintf(complaints, "%s:0: %s\n", path, strerror(errno));
		*bad = true;
		return 0;
	}
	if (fstat(fileno(file), &st) || S_ISDIR(st.st_mode)) {
		r.line = 0;
		complain(&r, "is no file");
		*bad = true;
		return 0;
	}
	line = ini_parse_stream(next_line, &r, on_setting, &r);
	if (line == -2)
		return -ENOMEM;
	if (line > 0) {
		/* Its count is off where lines were skipped. */
		if (!r.bad)
			r.line = (unsigned int)line;
		complain(&r, "is neither a [section] nor a setting, 'key = value'");
	}
	*bad |= r.bad;
	return 0;
}

/* ---- drop-ins -------------------------------------------------------------- */

static const char *const folders[] = { "/etc", "/run", "/usr/lib" };

/* Of each name once, the folder that counts. */
struct dropin {
	char name[NAME_MAX + 1];
	unsigned int folder;
};

static int compare(const void *a, const void *b)
{
	const struct dropin *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);

	return by_name ? by_name : (int)x->folder - (int)y->folder;
}

static int scan(const char *root, struct dropin **ret, size_t *ret_nr)
{
	cleanup_free struct dropin *list = NULL;
	size_t nr = 0, kept = 0, i;
	unsigned int f;

	for (f = 0; f < ARRAY_LEN(folders); f++) {
		char path[PATH_MAX];
		struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path), "%s%s/kvm-uvmem/uvmemd.conf.d", root, folders[f]);
		dir = opendir(path);
		if (!dir)
			continue;
		while ((entry = readdir(dir))) {
			size_t n = strlen(entry->d_name);
			struct dropin *more;

			if (n < 6 || entry->d_name[0] == '.' ||
			    strcmp(entry->d_name + n - 5, ".conf") || nr == MAX_FILES)
				continue;
			more = realloc(list, (nr + 1) * sizeof(*more));
			if (!more) {
				closedir(dir);
				return -ENOMEM;
			}
			list = more;
			strcpy(list[nr].name, entry->d_name);
			list[nr++].folder = f;
		}
		closedir(dir);
	}
	if (nr)
		qsort(list, nr, sizeof(*list), compare);
	for (i = 0; i < nr; i++)
		if (!i || strcmp(list[i].name, list[i - 1].name))
			list[kept++] = list[i];
	*ret = list;
	*ret_nr = kept;
	list = NULL;
	return 0;
}

static int finish(struct config *read, struct config *ret, bool bad, FILE *complaints)
{
	const struct policy_host_settings *host = &read->host;

	if (!policy_limits_valid(&read->guest.limits)) {
		if (complaints)
			fprintf(complaints, "[guest]: min <= low <= high <= max does not hold\n");
		bad = true;
	}
	if (host->pool_low_ppm > host->pool_high_ppm) {
		if (complaints)
			fprintf(complaints, "[pool]: low is above high\n");
		bad = true;
	}
	if (bad) {
		config_free(read);
		return -EINVAL;
	}
	config_free(ret);
	*ret = *read;
	return 0;
}

int config_load(struct config *ret, const char *root, FILE *complaints)
{
	cleanup_free struct dropin *dropins = NULL;
	struct config read;
	char path[PATH_MAX];
	bool bad = false;
	size_t nr = 0, i;
	struct stat st;
	int err;

	config_default(&read);
	err = scan(root, &dropins, &nr);
	for (i = 0; !err && i < ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof(path), "%s%s/kvm-uvmem/uvmemd.conf", root, folders[i]);
		if (lstat(path, &st))
			continue;
		err = read_file(&read, path, true, complaints, &bad);
		break;
	}
	for (i = 0; !err && i < nr; i++) {
		snprintf(path, sizeof(path), "%s%s/kvm-uvmem/uvmemd.conf.d/%s", root,
			 folders[dropins[i].folder], dropins[i].name);
		err = read_file(&read, path, true, complaints, &bad);
	}
	if (err) {
		config_free(&read);
		return err;
	}
	return finish(&read, ret, bad, complaints);
}

int config_load_file(struct config *ret, const char *path, FILE *complaints)
{
	struct config read;
	bool bad = false;
	int err;

	config_default(&read);
	err = read_file(&read, path, true, complaints, &bad);
	if (err) {
		config_free(&read);
		return err;
	}
	return finish(&read, ret, bad, complaints);
}
