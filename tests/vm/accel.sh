# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Which accelerator the testbed's VM gets. A /dev/kvm that opens proves
# nothing: machines were met where it did and no guest of ours ran. So KVM is
# taken where the CPU offers vmx or svm, nesting is on, and a guest with the
# testbed's kernel really ran, found virtualization inside, and ended. The
# guest's verdict is kept until the host's next boot.
#
# To be sourced after lib.sh.
# shellcheck disable=SC2034,SC2154 # names shared with those scripts

# choose_accel ROOT IMAGE: sets accel to kvm or tcg.
choose_accel() {
	local root=$1 image=$2 boot verdict
	accel=tcg
	case ${UVMEM_ACCEL:-} in
	kvm | tcg)
		accel=$UVMEM_ACCEL
		return
		;;
	'') ;;
	*) die "UVMEM_ACCEL is '$UVMEM_ACCEL'; it can be kvm or tcg" ;;
	esac
	grep -qwE 'vmx|svm' /proc/cpuinfo || return 0
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 0
	grep -qE '^[Y1]' /sys/module/kvm_{intel,amd}/parameters/nested \
		2>/dev/null || return 0

	boot=$(cat /proc/sys/kernel/random/boot_id)
	verdict=$cache_dir/kvm-probe-$boot
	if [ ! -e "$verdict" ]; then
		rm -f "$cache_dir"/kvm-probe-*
		if kvm_guest_runs "$root" "$image"; then
			echo yes >"$verdict"
		else
			echo no >"$verdict"
			say "the CPU offers virtualization, but a guest did not run"
		fi
	fi
	[ "$(cat "$verdict")" = no ] || accel=kvm
}

kvm_guest_runs() {
	local root=$1 image=$2 probe ok=1
	probe=$(mktemp -d)
	mkdir -p "$probe/cpio/bin"
	cp "$root/bin/busybox" "$probe/cpio/bin/"
	cat >"$probe/cpio/init" <<-'INIT'
		#!/bin/busybox sh
		/bin/busybox mkdir -p /proc /dev
		/bin/busybox mount -t proc proc /proc
		/bin/busybox mount -t devtmpfs dev /dev
		/bin/busybox grep -qwE 'vmx|svm' /proc/cpuinfo &&
			echo nested virtualization found >/dev/console
		/bin/busybox poweroff -f
	INIT
	chmod 755 "$probe/cpio/init"
	make_initrd "$root" "$probe/cpio" "$probe/initrd"
	root_program usr/bin/qemu-system-x86_64
	timeout -k 1 30 "${root_cmd[@]}" -L "$root/usr/share/qemu" \
		-L "$root/usr/share/seabios" -nodefaults -no-user-config \
		-display none -no-reboot -machine q35 -accel kvm -cpu host \
		-m 512 -kernel "$image/vmlinuz" -initrd "$probe/initrd" \
		-append "console=ttyS0 panic=-1 rdinit=/init" \
		-serial "file:$probe/console" </dev/null >/dev/null 2>&1 || true
	grep -q 'nested virtualization found' "$probe/console" 2>/dev/null &&
		ok=0
	rm -rf "$probe"
	return "$ok"
}
