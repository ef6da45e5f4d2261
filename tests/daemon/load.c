// SPDX-License-Identifier: GPL-2.0-only
/*
 * uvmem_load - a secure guest for the tests of uvmemd: it uses its memory, and knows
 * what must be in it
 *
 *	uvmem_load DIR PAGES [-name guest=NAME] [-uuid UUID]
 *
 * Fills PAGES pages and verifies them over and over. DIR/ready appears when they are
 * filled; while DIR/idle is there the guest rests; when DIR/stop appears it verifies
 * all of it once more, and ends with 0 if all was as it must be. DIR/rounds has the
 * number of rounds. -name and -uuid are as QEMU's: uvmemd knows guests by them.
 */
#include <fcntl.h>

#include "vm.h"

#define SEED	4711

static const char *dir;

static bool there(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

static void note(const char *name, u64 number)
{
	char path[256], text[32];
	int fd, n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	n = snprintf(text, sizeof(text), "%lu\n", number);
	TEST_ASSERT(fd >= 0 && write(fd, text, n) == n, "%s: %s", path, strerror(errno));
	close(fd);
}

static void verify(struct kvm_vcpu *vcpu, u64 pages)
{
	u64 result = guest_call(vcpu, guest_verify, MEM_GPA, pages, SEED);

	TEST_ASSERT(result == GUEST_OK, "the guest's memory is wrong at 0x%lx", result);
}

int main(int argc, char **argv)
{
	struct kvm_vcpu *vcpu;
	struct uvm *uvm;
	u64 pages, rounds = 0;

	TEST_ASSERT(argc >= 3, "usage: uvmem_load DIR PAGES [-name guest=NAME]");
	dir = argv[1];
	pages = strtoull(argv[2], NULL, 0);
	uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = pages });
	vcpu = uvm->vcpu[0];
	guest_call(vcpu, guest_fill, MEM_GPA, pages, SEED);
	note("ready", 1);
	while (!there("stop")) {
		if (there("idle")) {
			usleep(100000);
			continue;
		}
		verify(vcpu, pages);
		note("rounds", ++rounds);
	}
	verify(vcpu, pages);
	/* Others share the pool. */
	uvm_free_unchecked(uvm);
	return 0;
}
