/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arm.h - have the VMs of the program that this process becomes be armed */
#ifndef ARM_H
#define ARM_H

#include <linux/kvm_uvmem.h>

/*
 * Open /dev/kvm-uvmem and mark the file with @arm (UVMEM_ARM_NEW in linux/kvm_uvmem.h).
 * The file stays open over execve(). 0, or a negative errno and a sentence on
 * stderr that begins with @who.
 */
int arm_self(const struct uvmem_arm *arm, const char *who);

/* Puts @name into @arm: 0, or -ENAMETOOLONG. */
int arm_set_name(struct uvmem_arm *arm, const char *name);

#endif
