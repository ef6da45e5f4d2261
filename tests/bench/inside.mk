# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs of the bench, inside the testbed's root. Run in tests/selftests, whose
# own part of this kind has the flags and the guest's library.
#	LIB, OUT	as there		HMM	directory of test_hmm_uapi.h

PROGS := paging_bench demand_bench limit_bench swap_bench smp_bench hmm_bench

include inside.mk

CFLAGS	+= -I$(HMM) -I../bench
objs	+= $(OUT)/profile.o $(OUT)/rig.o

# Not in the list of prerequisites of the programs yet: it is expanded above.
$(addprefix $(OUT)/,$(PROGS)): $(OUT)/profile.o $(OUT)/rig.o

$(OUT)/%.o: ../bench/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@
