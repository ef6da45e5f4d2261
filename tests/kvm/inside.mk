# SPDX-License-Identifier: GPL-2.0-or-later
#
# cost, inside the testbed's root. Run in tests/selftests, whose own part of this
# kind has the flags.
#	LIB, OUT	as there

PROGS :=

include inside.mk

all: $(OUT)/cost

$(OUT)/cost: ../kvm/cost.c $(LIB)/libkvm.a
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -pthread -no-pie $< $(LIB)/libkvm.a -ldl -o $@
