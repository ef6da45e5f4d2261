# SPDX-License-Identifier: GPL-2.0-or-later
#
# kvm-uvmem: memory paging for secure guests on KVM.
#
# Targets
#
#	make [all]	everything that is built: modules, selftests
#	make modules	patched KVM and kvm-uvmem.ko, for the testbed's kernel
#	make check	native tests, no VM: unit tests, style, analyzers
#	make test	check, and then every suite that runs in the testbed VM
#	make demo	a secure guest, paged, looked at and attacked; about a minute
#	make bench	what paging a 4K page costs, in instructions
#	make mutants	take safeguards out one by one: do the tests notice?
#	make vm		a shell in the testbed VM, with this build installed
#	make install	copy what was built to DESTDIR
#	make deps	install the packages that the host needs, or name them
#	make clean	remove build/; the testbed's cache stays
#	make distclean	remove the testbed's cache too
#	make help	this text
#
# Variables
#
#	V=1		show the commands, and the output of tests that pass
#	TEST=glob	run only suites of that name (tests/suites/), or else only
#			the test programs of that name: make test TEST='paging*'
#	D=asan|ubsan	build the native tests with a sanitizer
#	KERNEL=name	boot another kernel in the VM: one of tests/vm/kernels/
#	DESTDIR=dir	where "make install" puts things
#	UVMEM_CACHE=dir	where the testbed is kept; ~/.cache/kvm-uvmem by default
#	UVMEM_ACCEL=	kvm or tcg: override what the testbed finds out itself
#
# The host needs git, make and Debian 12 or newer. Nothing is compiled against
# the host's kernel: modules and VM tests are built inside a Debian 13 root in
# the cache (tests/vm/root), made on first use in one to five minutes.

MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)
export V TEST D KERNEL

all: modules selftests

deps:
	$(Q)tests/vm/deps

# Components are built by their own makefiles; there is no other knowledge of
# them here.
modules: | deps
	$(Q)$(MAKE) -C kvm-uvmem modules
	$(Q)$(if $(filter-out stock,$(KERNEL)),tests/vm/kernels/$(KERNEL) modules build/vm-install)

selftests: modules
	$(Q)$(if $(wildcard tests/selftests/Makefile),$(MAKE) -C tests/selftests)

check: | deps
	$(Q)tests/run --native

test: all
	$(Q)tests/run

mutants: all
	$(Q)tests/mutants/run

demo: all
	$(Q)$(or $(wildcard tests/demo/run),tests/vm/run -- modprobe -v kvm-uvmem)

bench: all
	$(Q)$(MAKE) -C tests/bench bench

# The shell is of most use when a build is broken: what there is is installed.
vm: | deps
	$(Q)tests/vm/run $(if $(KERNEL),--kernel $(KERNEL)) --shell

install: all
	$(Q)mkdir -p "$(DESTDIR)/"
	$(Q)cd build/vm-install && find . -type f \
		! -path './usr/libexec/kvm-uvmem/selftests/*' \
		! -path './usr/libexec/kvm-uvmem/tests/*' -print0 | \
		xargs -0 cp -a --parents -t "$(DESTDIR)/"
	$(Q)echo "installed in $(DESTDIR)/; run depmod if that is a live system"

clean:
	$(Q)rm -rf build

distclean: clean
	$(Q)tests/vm/root remove

help:
	@sed -n '/^#$$/,/^$$/{/^$$/q;s/^# \{0,1\}//;p}' Makefile

.PHONY: all deps modules selftests check test mutants demo bench vm install clean \
	distclean help
