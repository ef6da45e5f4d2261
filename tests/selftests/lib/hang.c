// SPDX-License-Identifier: GPL-2.0-only
/*
 * hang.c - see hang.h
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hang.h"

#define DEPTH	3	/* generations */

/* As lines of TAP that are no results. */
static void print_file(pid_t pid, const char *tid, const char *name)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/%s", pid, tid, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		printf("#\t%s: %s\n", name, line);
	}
	if (f)
		fclose(f);
}

static void tell(pid_t pid, int depth);

static void tell_children(pid_t pid, const char *tid, int depth)
{
	char path[64];
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/children", pid, tid);
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &child) == 1)
		tell(child, depth + 1);
	if (f)
		fclose(f);
}

static void tell(pid_t pid, int depth)
{
	struct dirent *entry;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = depth < DEPTH ? opendir(path) : NULL;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("# hangs: process %d, thread %s\n", pid, entry->d_name);
		print_file(pid, entry->d_name, "comm");
		print_file(pid, entry->d_name, "syscall");
		print_file(pid, entry->d_name, "stack");
		tell_children(pid, entry->d_name, depth);
	}
	if (dir)
		closedir(dir);
}

void tell_hang(pid_t pid)
{
	tell(pid, 0);
	fflush(stdout);
}
