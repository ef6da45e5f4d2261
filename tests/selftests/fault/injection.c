// SPDX-License-Identifier: GPL-2.0-only
/*
 * injection.c - the kernel's fault injection, by task
 */
#include <fcntl.h>

#include "kselftest.h"

#include "fault.h"

#define FAULTS		"/sys/kernel/debug/"

static bool put(const char *file, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), FAULTS "%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ret = write(fd, value, strlen(value));
	close(fd);
	return ret == strlen(value);
}

/*
 * vmalloc() fails with a warning and a call trace. Of ours nothing depends on it alone,
 * it is kvmalloc()'s second choice; KVM's memslots use it.
 */
static bool spare_vmalloc(void)
{
	unsigned long long addr, start = 0;
	char name[128], text[24];
	bool ret = false;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !ret && fscanf(f, "%llx %*c %127s%*[^\n]", &addr, name) == 2) {
		if (!strcmp(name, "__vmalloc_node_range_noprof")) {
			start = addr;
		} else if (start && addr > start) {
			snprintf(text, sizeof(text), "%llu", start);
			ret = put("failslab/reject-start", text) &&
			      put("fail_page_alloc/reject-start", text);
			snprintf(text, sizeof(text), "%llu", addr);
			ret = ret && put("failslab/reject-end", text) &&
			      put("fail_page_alloc/reject-end", text);
			break;
		}
	}
	if (f)
		fclose(f);
	return ret;
}

/*
 * Those that may sleep fail, too, and those of one page. Copies from and to user
 * space do not: no function of the kernel lies between 1 and 2.
 */
bool injection_begin(void)
{
	return put("failslab/ignore-gfp-wait", "N") && put("failslab/verbose", "0") &&
	       put("fail_page_alloc/ignore-gfp-wait", "N") &&
	       put("fail_page_alloc/ignore-gfp-highmem", "N") &&
	       put("fail_page_alloc/min-order", "0") && put("fail_page_alloc/verbose", "0") &&
	       put("fail_usercopy/require-start", "1") &&
	       put("fail_usercopy/require-end", "2") && spare_vmalloc();
}

static void nth_write(struct fault *f, u64 n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lu", n);

	TEST_ASSERT(pwrite(f->nth_fd, text, len, 0) == len, "fail-nth: %s", strerror(errno));
}

void nth_begin(struct fault *f)
{
	f->armed = true;
	nth_write(f, f->n);
}

void nth_end(struct fault *f)
{
	char text[24] = {};

	if (!f->armed)
		return;
	TEST_ASSERT(pread(f->nth_fd, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s",
		    strerror(errno));
	f->left = strtoull(text, NULL, 10);
	nth_write(f, 0);
	f->armed = false;
}
