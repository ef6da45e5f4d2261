// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - a trace as one HTML page with plots, that needs no network
 *
 * The page is made in memory and gets its name when it is whole: who opens it never
 * sees a part, and an old one stays if a new one cannot be written.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "tracefile.h"

/* Two configurations may have the same file name; then their paths are shown. */
static const char *config_name(const char *const *paths, unsigned int nr, unsigned int at)
{
	const char *name = strrchr(paths[at], '/');
	unsigned int i;

	name = name ? name + 1 : paths[at];
	for (i = 0; i < nr; i++) {
		const char *other = strrchr(paths[i], '/');

		if (i != at && !strcmp(name, other ? other + 1 : paths[i]))
			return paths[at];
	}
	return name;
}

static int try(const struct ctl *ctl, struct report *r, const char *path, const char *name)
{
	struct policy_settings settings[TRACE_GUESTS];
	struct policy_host_settings host;
	int code, err;

	code = tracefile_settings(ctl, path, &r->trace, &host, settings);
	if (code)
		return code;
	/* What explanations say of ages is in the trace's passes. */
	host.age_pass_ns = r->trace.pass_ns;
	err = report_try(r, name, &host, settings);
	if (err)
		ctl_error(ctl, "%s: %s", path, strerror(-err));
	return err ? CTL_FAILED : CTL_OK;
}

static int write_to(FILE *file, const char *text, size_t length)
{
	int err = 0;

	if (!file)
		return -errno;
	if (fwrite(text, 1, length, file) != length || fflush(file))
		err = -errno;
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

/*
 * All of it or nothing. Only a regular file is replaced: a pipe is written to, and so is
 * what a link leads to, as with /dev/stdout.
 */
static int write_whole(const char *path, const char *text, size_t length)
{
	cleanup_free char *part = NULL;
	struct stat st;
	mode_t mask;
	FILE *file;
	int fd, err;

	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		return write_to(fopen(path, "we"), text, length);
	if (asprintf(&part, "%s.XXXXXX", path) < 0) {
		part = NULL;
		return -ENOMEM;
	}
	fd = mkstemp(part);
	if (fd < 0)
		return -errno;
	mask = umask(0);
	umask(mask);
	file = fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
	if (!file) {
		err = -errno;
		close(fd);
	} else {
		err = write_to(file, text, length);
	}
	if (!err && rename(part, path))
		err = -errno;
	if (err)
		unlink(part);
	return err;
}

static int make_page(const struct ctl *ctl, const struct report *r, const char *path)
{
	cleanup_free char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	int err = file ? 0 : -errno;

	if (file) {
		report_page(file, r);
		err = ferror(file) ? -ENOMEM : 0;
		if (fclose(file) && !err)
			err = -ENOMEM;
	}
	if (!err)
		err = write_whole(path, text, length);
	if (err)
		ctl_error(ctl, "%s: %s", path, strerror(-err));
	return err ? CTL_FAILED : CTL_OK;
}

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ }
};

int cmd_report(struct ctl *ctl, int argc, char *argv[])
{
	const char *configs[REPORT_CONFIGS], *path = "report.html";
	struct report report = { 0 };
	unsigned int nr = 0, i;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "c:o:", options, NULL)) != -1) {
		if (opt == 'o') {
			path = optarg;
		} else if (opt != 'c') {
			return CTL_USAGE;
		} else if (nr == REPORT_CONFIGS) {
			ctl_error(ctl, "at most %u configurations can be told apart",
				  REPORT_CONFIGS);
			return CTL_USAGE;
		} else {
			configs[nr++] = optarg;
		}
	}
	if (optind + 1 != argc) {
		ctl_error(ctl, "a trace is needed");
		return CTL_USAGE;
	}
	report.name = argv[optind];
	code = tracefile_read(ctl, argv[optind], &report.trace);
	if (code)
		return code;
	err = report_collect(&report);
	if (err) {
		ctl_error(ctl, "%s: %s", argv[optind], err == -EINVAL ?
			  "is shorter than two rounds" : strerror(-err));
		code = CTL_FAILED;
	}
	for (i = 0; !code && i < nr; i++)
		code = try(ctl, &report, configs[i], config_name(configs, nr, i));
	if (!code)
		code = make_page(ctl, &report, path);
	report_free(&report);
	return code;
}
