# SPDX-License-Identifier: GPL-2.0-or-later
#
# kvm-uvmem: memory paging for secure guests on KVM.
#
# Targets
#
#	make [all]	everything that is built: modules, launcher, uvmemctl,
#			selftests
#	make modules	patched KVM and kvm-uvmem.ko, for the testbed's kernel
#	make check	native tests, no VM: unit tests, style, analyzers
#	make test	check, and then every suite that runs in the testbed VM
#	make demo	a stock Debian guest by virsh start, secure and paged; then one
#			that is looked at and attacked; then three in half of their
#			memory; some ten minutes
#	make test-kvm	the kernel's own KVM selftests on stock modules and on
#			ours, and what ours cost an ordinary guest; an hour
#	make test-guests
#			Debian with a root disk, secure by libvirt, with the kernels of
#			Debian 12 and 13 and ours, by GRUB, with kexec and a panic; two
#			domains at once; one by UEFI; half an hour
#	make test-overcommit
#			three stock guests under uvmemd in half of their memory, for a
#			minute: with the sealed pool, with swap (HOW=pool, HOW=swap)
#	make bench	what paging a 4K page costs, in instructions, and how much
#			more than an ordinary guest a secure one does; ten minutes
#	make mutants	take safeguards out one by one: do the tests notice?
#	make fuzz	random operations on a secure VM for SECONDS (600); or one
#			run again: SEED=n [STEPS=n]
#	make soak	guests verify their memory while the host does what it may
#			to it and VMMs are killed, for SECONDS (120)
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
#	SECONDS=n	how long fuzz and soak go on
#	GUESTS=n	guests of soak (3)
#	PARTS=names	parts of test-guests: kernels as uname -r has them, grub, kexec,
#			panic, several, uefi; all by default
#	KERNEL=name	boot another kernel in the VM: one of tests/vm/kernels/
#	SECONDS_EACH=n	for how long race_test races each pair of operations (1)
#	DESTDIR=dir	where "make install" puts things
#	UVMEM_CACHE=dir	where the testbed is kept; ~/.cache/kvm-uvmem by default
#	UVMEM_ACCEL=	kvm or tcg: override what the testbed finds out itself
#
# The host needs git, make and Debian 12 or newer. Nothing is compiled against
# the host's kernel: modules and VM tests are built inside a Debian 13 root in
# the cache (tests/vm/root), made on first use in one to five minutes.

MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)
export V TEST D KERNEL PARTS SECONDS_EACH

all: modules selftests guests daemon

deps:
	$(Q)tests/vm/deps

# Components are built by their own makefiles; there is no other knowledge of
# them here.
modules: | deps
	$(Q)$(MAKE) -C kvm-uvmem modules
	$(Q)$(if $(filter-out stock,$(KERNEL)),tests/vm/kernels/$(KERNEL) modules build/vm-install)

selftests: modules
	$(Q)$(MAKE) -C kvm-uvmem points
	$(Q)$(if $(wildcard tests/selftests/Makefile),$(MAKE) -C tests/selftests)
	$(Q)tests/kvm/build fast

daemon: | deps
	$(Q)$(MAKE) -C host-daemon

guests: | deps
	$(Q)$(MAKE) -C tests/guests

check: | deps
	$(Q)tests/run --native

test: all
	$(Q)tests/run

mutants: all
	$(Q)tests/mutants/run

# The VM gets the time that it takes to boot, and to finish what was begun.
fuzz: all
	$(Q)tests/fuzz/run fuzz $(if $(SEED),600,$$(($(or $(SECONDS),600) + 300))) \
		$(if $(SEED),-s $(SEED),-t $(or $(SECONDS),600)) \
		$(if $(STEPS),-k $(STEPS)) $(if $(V),-v)

soak: all
	$(Q)tests/fuzz/run soak $$(($(or $(SECONDS),120) + 300)) \
		-t $(or $(SECONDS),120) $(if $(GUESTS),-g $(GUESTS)) $(if $(SEED),-s $(SEED))

demo: all
	$(Q)$(or $(wildcard tests/demo/run),tests/vm/run -- modprobe -v kvm-uvmem)

test-kvm: all
	$(Q)tests/kvm/run $(if $(CONTINUE),--continue)

test-guests: all
	$(Q)tests/guests/debian/run

test-overcommit: all
	$(Q)for how in $(or $(HOW),pool swap); do \
		tests/vm/run --systemd --mem 3G --disk 2G --timeout 1200 -- \
			/usr/libexec/kvm-uvmem/libvirt/overcommit $$how || exit; \
	done

bench: all
	$(Q)$(MAKE) -C tests/bench bench

# The shell is of most use when a build is broken: what there is is installed.
vm: | deps
	$(Q)tests/vm/run $(if $(KERNEL),--kernel $(KERNEL)) --shell

install: all
	$(Q)mkdir -p "$(DESTDIR)/"
	$(Q)cd build/vm-install && find . -type f \
		! -path './usr/libexec/kvm-uvmem/selftests/*' \
		! -path './usr/libexec/kvm-uvmem/guests/*' \
		! -path './usr/libexec/kvm-uvmem/libvirt/*' \
		! -path './usr/libexec/kvm-uvmem/tests/*' -print0 | \
		xargs -0 cp -a --parents -t "$(DESTDIR)/"
	$(Q)echo "installed in $(DESTDIR)/; run depmod if that is a live system"

clean:
	$(Q)rm -rf build

distclean: clean
	$(Q)tests/vm/root remove

help:
	@sed -n '/^#$$/,/^$$/{/^$$/q;s/^# \{0,1\}//;p}' Makefile

.PHONY: all deps modules selftests guests daemon check test mutants fuzz soak demo test-kvm test-guests test-overcommit bench vm \
	install clean distclean help
