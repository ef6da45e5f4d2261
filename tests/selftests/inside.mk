# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of the Makefile that runs inside the testbed's root.
#	LIB	directory of lib-build		OUT	directory to build in
#	PROGS	programs to build

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

objs	:= guest.o vm.o search.o
objs	:= $(addprefix $(OUT)/lib/,$(objs))

all: $(addprefix $(OUT)/,$(PROGS))

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/uvmem_demo.o: ../demo/demo.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(addprefix $(OUT)/,$(PROGS)): %: %.o $(objs) $(LIB)/libkvm.a
	@echo "  LD      $(@F)"
	$(Q)$(CC) -pthread -no-pie $< $(objs) $(LIB)/libkvm.a -ldl -o $@

-include $(wildcard $(OUT)/*.d $(OUT)/lib/*.d)

.SECONDARY:
.PHONY: all
