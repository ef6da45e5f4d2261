# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of the Makefile that runs inside the testbed's root.
#	LIB	directory of lib-build		OUT	directory to build in
#	PROGS	programs to build		KVER	the kernel that test_hmm.ko is for

CC	:= gcc-14
kvm	:= $(LIB)/tools/testing/selftests/kvm
Q	:= $(if $(V),,@)

# As the kernel's own Makefile.kvm has it: code that runs in the guest has no PIE,
# no stack protector and no built-in string functions. No red zone, for a
# guest's exceptions use the stack they come on.
CFLAGS	:= -Wall -Wextra -Wstrict-prototypes -Wno-unused-parameter \
	-Wno-sign-compare -Wno-cast-function-type -Wno-missing-field-initializers \
	-O2 -g -std=gnu11 -MD -MP -DCONFIG_64BIT -D_GNU_SOURCE \
	-U_FORTIFY_SOURCE -fno-builtin-memcmp -fno-builtin-memcpy \
	-fno-builtin-memset -fno-builtin-strnlen -fno-stack-protector \
	-fno-PIE -fno-strict-aliasing -march=x86-64-v2 -mno-red-zone \
	-I$(LIB)/tools/include -I$(LIB)/tools/arch/x86/include \
	-isystem $(LIB)/usr/include -I$(kvm)/include -I$(kvm)/include/x86 \
	-I$(kvm)/.. -I$(kvm)/../rseq -Ilib -I../../kvm-uvmem/include/uapi \
	-I../../hypercalls/include

objs	:= guest.o device.o vm.o pages.o search.o host.o uring.o cases.o frames.o hang.o settings.o
objs	:= $(addprefix $(OUT)/lib/,$(objs))
fuzz	:= fuzz model guest_ops host_ops ioctl_args ioctl_ops event_ops noise
fuzz	:= $(patsubst %,$(OUT)/fuzz/%.o,$(fuzz))

all: $(addprefix $(OUT)/,$(PROGS)) $(if $(KVER),$(OUT)/hmm/test_hmm.ko)

# The kernel's own other user of device-private memory. In the bench's run of
# this file there is no KVER: it has its own.
hmm_source := $(wildcard /usr/src/linux-source-*/lib)
$(OUT)/hmm/test_hmm.ko: $(hmm_source)/test_hmm.c $(hmm_source)/test_hmm_uapi.h
	@mkdir -p $(@D)
	$(Q)cp $^ $(@D)/
	$(Q)echo "obj-m := test_hmm.o" >$(@D)/Kbuild
	$(Q)$(MAKE) --no-print-directory -C /lib/modules/$(KVER)/build M=$(@D) $(if $(Q),-s) modules

$(OUT)/host_foreign_test.o: CFLAGS += -I$(hmm_source)

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/uvmem_demo.o: ../demo/demo.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/uvmem_load.o: ../daemon/load.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/fuzz/%.o: ../fuzz/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/point_test: $(addprefix $(OUT)/point/,operations.o points.o)
$(OUT)/race_test $(OUT)/race_smp_test: $(OUT)/race/operations.o
$(OUT)/fault_test: $(addprefix $(OUT)/fault/,injection.o pages.o reclaim.o vms.o slots.o calls.o)
$(OUT)/uvmem_fuzz: $(fuzz)
$(OUT)/uvmem_soak: $(addprefix $(OUT)/fuzz/,soak.o soak_vmm.o)
$(addprefix $(OUT)/,$(filter-out uvmem_fuzz uvmem_soak,$(PROGS))): %: %.o
$(addprefix $(OUT)/,$(PROGS)): %: $(objs) $(LIB)/libkvm.a
	@echo "  LD      $(@F)"
	$(Q)$(CC) -pthread -no-pie $^ -ldl -o $@

-include $(wildcard $(OUT)/*.d $(OUT)/lib/*.d $(OUT)/point/*.d $(OUT)/race/*.d $(OUT)/fault/*.d $(OUT)/fuzz/*.d)

.SECONDARY:
.PHONY: all
