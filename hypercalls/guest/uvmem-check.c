// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uvmem-check - who protects this machine's memory, and against what?
 *
 *	uvmem-check [-q]
 *
 * Runs in a guest, as any user, and needs nothing but CPUID, which is answered by
 * the host's kernel and not by its VMM. Exit status: 0 the memory is protected by
 * kvm-uvmem and this kernel uses it, 1 no kvm-uvmem here, 2 it is there but the
 * kernel does not use it, 3 whether the kernel uses it could not be found out (its
 * log is closed to this user). -q: no output.
 *
 * This is no attestation. A host that lies can make everything look like this.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "../include/uvmem_abi.h"

#define SEV_LEAF	0x8000001f
#define SEV_BIT		0x2

#define KLOG_READ_ALL	3
#define KLOG_SIZE	10

struct meaning {
	unsigned int bit;
	const char *text;
};

static const struct meaning against[] = {
	{ UVMEM_CPUID_CONFIDENTIAL, "the host's processes, its VMM among them, cannot read it" },
	{ UVMEM_CPUID_INTEGRITY, "they cannot change it unnoticed: the machine is stopped" },
	{ UVMEM_CPUID_FRESH, "they cannot bring back old content unnoticed" },
	{ }
};

static const struct meaning limits[] = {
	{ UVMEM_CPUID_NO_HARDWARE, "no hardware: the host's kernel does it, and can read everything" },
	{ UVMEM_CPUID_NO_ATTESTATION, "no attestation: nothing proves any of this to a third party" },
	{ UVMEM_CPUID_NO_REGISTERS, "CPU registers are open to the VMM" },
	{ }
};

static void print_meanings(const char *prefix, const struct meaning *m, unsigned int bits)
{
	for (; m->bit; m++)
		if (bits & m->bit)
			printf("  %s: %s\n", prefix, m->text);
}

/* What the kernel says while it boots: 1 it uses encrypted memory, 0 not, -1 no log. */
static int kernel_uses_it(void)
{
	int size = klogctl(KLOG_SIZE, NULL, 0), n, ret = -1;
	char *log;

	if (size <= 0)
		return -1;
	log = malloc((size_t)size + 1);
	if (!log)
		return -1;
	n = klogctl(KLOG_READ_ALL, log, size);
	if (n > 0) {
		log[n] = '\0';
		if (strstr(log, "Memory Encryption Features active: AMD SEV"))
			ret = 1;
		else if (strstr(log, "Linux version"))	/* the beginning is still there */
			ret = 0;
	}
	free(log);
	return ret;
}

int main(int argc, char *argv[])
{
	bool quiet = argc == 2 && !strcmp(argv[1], "-q");
	unsigned int eax, ebx, ecx, edx, cbit;
	int used;

	if (argc > 2 || (argc == 2 && !quiet)) {
		fprintf(stderr, "usage: uvmem-check [-q]\n");
		return 64;
	}

	__cpuid(UVMEM_CPUID_BASE, eax, ebx, ecx, edx);
	if (ebx != UVMEM_CPUID_SIGNATURE_EBX || ecx != UVMEM_CPUID_SIGNATURE_ECX ||
	    edx != UVMEM_CPUID_SIGNATURE_EDX || eax < UVMEM_CPUID_PROTECTION) {
		if (!quiet)
			printf("memory: not protected by kvm-uvmem\n");
		return 1;
	}

	__cpuid(UVMEM_CPUID_PROTECTION, eax, ebx, ecx, edx);
	cbit = edx & 0xff;
	used = cbit ? kernel_uses_it() : 0;
	if (!quiet) {
		printf("memory: can be protected by kvm-uvmem, interface version %u\n", eax);
		print_meanings("protected", against, ebx);
		print_meanings("but", limits, ecx);
		if (cbit) {
			__cpuid(SEV_LEAF, eax, ebx, ecx, edx);
			printf("shown to the kernel as: %s, C-bit %u\n",
			       eax & SEV_BIT ? "AMD SEV" : "nothing", cbit);
		} else {
			printf("shown to the kernel as: nothing, it must make the hypercalls itself\n");
		}
		printf("the kernel %s\n", used > 0 ? "uses it: all memory but what it shares is secure" :
		       used ? "may use it or not: its log cannot be read" :
		       cbit ? "does NOT use it" : "is not known to use it");
	}
	return used > 0 ? 0 : used ? 3 : 2;
}
