// SPDX-License-Identifier: GPL-2.0-only
/*
 * points.c - the module's points: see points.h
 */
#include <fcntl.h>

#include "cases.h"
#include "points.h"
#include "timescale.h"

#define POINTS_DIR	"/sys/kernel/debug/kvm-uvmem/"

char points[MAX_POINTS][32];
int nr_points;

bool points_load(void)
{
	FILE *f = fopen(POINTS_DIR "points", "r");

	if (!f)
		return false;
	while (nr_points < MAX_POINTS && fscanf(f, "%31s %*d", points[nr_points]) == 1)
		nr_points++;
	fclose(f);
	return true;
}

void point_write(const char *name)
{
	int fd = open(POINTS_DIR "stop", O_WRONLY);

	TEST_ASSERT(fd >= 0 && write(fd, name, strlen(name)) == strlen(name),
		    "%s: %s", name, strerror(errno));
	close(fd);
}

bool point_standing(void)
{
	char text[64] = {};
	int fd = open(POINTS_DIR "stop", O_RDONLY);

	TEST_ASSERT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "stop: %s",
		    strerror(errno));
	close(fd);
	return strstr(text, " standing");
}

void point_wait(const char *op, const char *point)
{
	u64 end = now_ms() + 20000ull * time_scale();

	while (!point_standing()) {
		TEST_ASSERT(now_ms() < end, "%s never comes to %s", op, point);
		sleep_ms(1);
	}
}

bool point_is_of(const char *point, const char *prefixes)
{
	size_t len = strcspn(point, ":");
	const char *p = prefixes;

	for (; *p; p += strcspn(p, " ") + 1)
		if (strcspn(p, " ") == len && !strncmp(p, point, len))
			return true;
	return false;
}
