// SPDX-License-Identifier: GPL-2.0-or-later
/* findings.c - lines of a check, in the manner of virt-host-validate */
#include <stdarg.h>

#include "findings.h"

static const struct output_column columns[] = {
	{ "check", "CHECK", OUTPUT_TEXT },
	{ "result", "RESULT", OUTPUT_TEXT },
	{ "reason", "REASON", OUTPUT_TEXT },
};

/* Spelled for people, for programs, and in colour. */
static const struct {
	const char *text, *json, *color;
} results[] = {
	[DOMAIN_PASS] = { "PASS", "pass", "32" },
	[DOMAIN_WARN] = { "WARN", "warn", "33" },
	[DOMAIN_FAIL] = { "FAIL", "fail", "31" },
};

int findings_begin(struct findings *f, const struct ctl *ctl, const char *subject)
{
	*f = (struct findings){ .ctl = ctl, .subject = subject };
	if (!ctl->json)
		return CTL_OK;
	f->rows = output_new("checks", columns, ARRAY_LEN(columns));
	if (f->rows)
		return CTL_OK;
	ctl_error(ctl, "out of memory");
	return CTL_FAILED;
}

void findings_report(void *opaque, const char *what, enum domain_result result,
		     const char *why)
{
	struct findings *f = opaque;

	f->failed += result == DOMAIN_FAIL;
	if (f->ctl->quiet && result == DOMAIN_PASS)
		return;
	if (f->rows) {
		const union output_cell cells[] = {
			{ .text = what }, { .text = results[result].json }, { .text = why },
		};

		if (output_row(f->rows, cells))
			f->incomplete = true;
		return;
	}
	printf("%6s: Checking %-48s: ", f->subject, what);
	if (f->ctl->color)
		printf("\033[%sm%s\033[0m", results[result].color, results[result].text);
	else
		fputs(results[result].text, stdout);
	if (why)
		printf(" (%s)", why);
	putchar('\n');
}

void findings_check(struct findings *f, const char *what, bool good,
		    enum domain_result otherwise, const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	findings_report(f, what, good ? DOMAIN_PASS : otherwise, good ? NULL : why);
}

int findings_end(struct findings *f)
{
	int ret = CTL_OK;

	if (f->rows)
		ret = output_print(f->rows, f->ctl);
	if (f->incomplete) {
		ctl_error(f->ctl, "out of memory");
		ret = CTL_FAILED;
	}
	return f->failed ? CTL_FAILED : ret;
}
