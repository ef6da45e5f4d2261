// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steady - what a guest does when it has booted, for the bench of stock guests
 *
 * Static, runs in the guest. Does each kind of work once to warm up and once to
 * measure, and prints "bench: NAME NANOSECONDS" by the guest's own clock.
 *
 *	steady DISK	a disk of 4 MiB at least
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define MEMORY		(16UL << 20)
#define DISK		(4UL << 20)
#define CHUNK		(64UL << 10)

static const char *disk_path;
static uint64_t *memory;

/* Memory that stays: every word is read and written. */
static int memory_work(void)
{
	unsigned int round;
	size_t i;

	for (round = 0; round < 8; round++)
		for (i = 0; i < MEMORY / sizeof(*memory); i++)
			memory[i] = memory[i] * 5 + round;
	return 0;
}

/* Memory that comes and goes. */
static int fault_work(void)
{
	unsigned int round;
	size_t i;

	for (round = 0; round < 8; round++) {
		char *at = mmap(NULL, MEMORY / 2, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED || madvise(at, MEMORY / 2, MADV_NOHUGEPAGE))
			return -errno;
		for (i = 0; i < MEMORY / 2; i += PAGE)
			at[i] = 1;
		munmap(at, MEMORY / 2);
	}
	return 0;
}

static int process_work(void)
{
	unsigned int round;
	int status;

	for (round = 0; round < 60; round++) {
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (!pid) {
			execl("/bin/busybox", "true", NULL);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return -ECHILD;
	}
	return 0;
}

/* System calls, and the scheduler. */
static int switch_work(void)
{
	unsigned int round;
	int ping[2], pong[2];
	char c = 0;
	pid_t pid;

	if (pipe(ping) || pipe(pong))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(ping[1]);
		while (read(ping[0], &c, 1) == 1)
			if (write(pong[1], &c, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(ping[0]);
	for (round = 0; round < 8000; round++)
		if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1)
			return -EPIPE;
	close(ping[1]);
	close(pong[0]);
	close(pong[1]);
	return waitpid(pid, NULL, 0) == pid ? 0 : -ECHILD;
}

/* Through the bounce buffers, where there are any. */
static int disk_work(void)
{
	int fd = open(disk_path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	unsigned int round;
	off_t at;

	if (fd < 0)
		return -errno;
	for (round = 0; round < 8; round++)
		for (at = 0; at < (off_t)DISK; at += CHUNK)
			if (pread(fd, memory, CHUNK, at) != (ssize_t)CHUNK)
				return -EIO;
	close(fd);
	return 0;
}

/* Nothing else is left to do: what time costs. */
static int idle_work(void)
{
	return nanosleep(&(struct timespec){ .tv_nsec = 250000000 }, NULL);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*work)(void);
	} all[] = {
		{ "memory", memory_work }, { "faults", fault_work },
		{ "processes", process_work }, { "switches", switch_work },
		{ "disk", disk_work }, { "idle", idle_work },
	};
	uint64_t took[sizeof(all) / sizeof(all[0])], start;
	unsigned int i, turn;
	int err;

	if (argc != 2)
		return 2;
	disk_path = argv[1];
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 1, MEMORY);
	for (turn = 0; turn < 2; turn++) {
		if (turn) {
			printf("bench: begin\n");
			fflush(stdout);
		}
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			start = now();
			err = all[i].work();
			if (err) {
				printf("bench: %s fails: %s\n", all[i].name, strerror(-err));
				return 1;
			}
			took[i] = now() - start;
		}
	}
	printf("bench: end\n");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		printf("bench: %s %llu\n", all[i].name, (unsigned long long)took[i]);
	return 0;
}
