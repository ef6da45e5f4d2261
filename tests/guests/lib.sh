# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of stock guests share: make a guest, start it under QEMU, hear
# what it says. Runs in the testbed VM; source it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# In the VM it is beside this file.
# shellcheck source=tests/checks.sh
. "$here/checks.sh"
work=$(mktemp -d /tmp/guests.XXXXXX)
# Overridden by those who source this. patience: how long a guest may say nothing.
smp=1 mem=320 patience=300
# The workload's part of the memory, and what its marker is made of: vmctl.c.
mib=40
word=4fa19c2b77d06e35
qemu_pid=''

# The guest's: Debian's own, whichever the testbed runs.
kernel=$(printf '%s\n' /boot/vmlinuz-* | sort -V | tail -n 1)
modules=/usr/lib/modules/${kernel#*/vmlinuz-}/kernel

# shellcheck disable=SC2317 # called by trap
clean_up() {
	[ -z "$qemu_pid" ] || kill -9 "$qemu_pid" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT

# make_initramfs [INIT PROGRAM...]: of the tests of guests, if there is none
make_initramfs() {
	local dir=$work/initramfs
	[ $# -gt 0 ] || set -- "$here/init" "$here/workload"
	mkdir -p "$dir/bin" "$dir/dev" "$dir/proc" "$dir/sys"
	cp /bin/busybox "$dir/bin/"
	cp -T "$1" "$dir/init"
	cp "${@:2}" /usr/bin/uvmem-check "$dir/"
	local module
	for module in drivers/block/virtio_blk net/core/failover drivers/net/net_failover \
		drivers/net/virtio_net drivers/acpi/button drivers/input/evdev; do
		xz -dc "$modules/$module.ko.xz" >"$dir/${module##*/}.ko"
	done
	(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
}

# The QEMU of a guest; its command line has nothing that knows of secure memory,
# except that virtio devices must bounce, as with hardware SEV.
# qemu NAME [OPTION]...
qemu() {
	local name=$1
	shift
	"${launcher[@]}" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
		-display none -machine q35 -accel kvm -cpu host -smp "$smp" -m "$mem" \
		-kernel "$kernel" -initrd "$work/initrd" \
		-append "console=ttyS0 panic=-1 swiotlb=8192 word=$word mib=$mib $append" \
		-serial "file:$work/$name" \
		-drive "file=$work/disk,format=raw,if=none,id=disk,file.locking=off" \
		-device virtio-blk-pci,drive=disk,iommu_platform=on,disable-legacy=on \
		"$@" </dev/null >"$work/$name.qemu" 2>&1
}

# start NAME [OPTION]...: in the background, its console in $work/NAME
launcher=() append=''
start() {
	head -c 4M /dev/urandom >"$work/disk"
	printf '%512s' . | dd of="$work/disk" conv=notrunc status=none
	: >"$work/$1"
	# No shell in between: the process that is killed is QEMU.
	qemu "$@" &
	qemu_pid=$!
}

qemu_ended() {
	! kill -0 "$qemu_pid" 2>/dev/null
}

# await NAME TEXT: until the guest says it, or its QEMU is gone. A guest boots in 20 s
# on a quiet machine: one that says nothing for $patience s hangs, and then the suite cannot
# go on. It says what it knows and bails out, before its own limit is reached.
await() {
	local n=0 seconds=$((patience * ${UVMEM_TIME_SCALE:-1}))
	until grep -q "$2" "$work/$1"; do
		if [ $n -ge $((seconds * 5)) ] || qemu_ended; then
			echo "# no '$2' from the guest; its last words:"
			tail -n 15 "$work/$1" | tr -d '\r' | sed 's/^/#  /'
			sed 's/^/#  qemu: /' "$work/$1.qemu"
			! qemu_ended || return 1
			what_qemu_does "$qemu_pid"
			echo "Bail out! The guest hangs: no '$2'"
			exit 1
		fi
		sleep 0.2
		n=$((n + 1))
	done
}

# what_qemu_does PID: each thread's place in the kernel and its CPU time, twice, so
# that a vCPU that spins differs from one that sleeps; what KVM counted in between.
what_qemu_does() {
	local dir=/proc/$1/task thread
	[ -d "$dir" ] || return 0
	for _ in 1 2; do
		for thread in "$dir"/*; do
			echo "#  $(cat "$thread/comm"): $(cut -d' ' -f3,14,15 "$thread/stat")" \
				"$(sed 's/+.*//;s/.* //' "$thread/stack" | head -n 8 | tr '\n' ' ')"
		done
		head -n 1 /sys/kernel/debug/kvm/{exits,halt_exits,irq_injections,irq_exits,pf_taken} \
			2>/dev/null | paste -sd' ' | sed 's/^/#  /'
		sleep 2
	done
	"$here/vmctl" info "$("$here/vmctl" id 2>/dev/null)" 2>/dev/null | sed 's/^/#  /'
}

# Have the workload end, and the guest with it.
finish() {
	printf S | dd of="$work/disk" conv=notrunc status=none
	await "$1" 'guest: done' || return 1
	wait_for 60 qemu_ended || return 1
	wait "$qemu_pid"
}

says() {
	grep -q "guest: $2" "$work/$1"
}
# What a guest's kernel complained of is printed: its console is not kept.
no_complaint() {
	says "$1" complaint || return 0
	grep -a 'guest: complaint' "$work/$1" | tr -d '\r' | head -n 20 | sed 's/^/# /'
	return 1
}

# What vmctl says of the VM
id=''
info() {
	"$here/vmctl" info "$id" | sed -n "s/^$1 //p"
}

# The real pid behind a function in the background is its child's.
qemu_process() {
	pgrep -P "$qemu_pid" qemu-system || echo "$qemu_pid"
}

# found PID|FILE: is the workload's marker in that process's memory, or in that dump?
found() {
	local result how=search
	[ ! -f "$1" ] || how=search-file
	result=$("$here/vmctl" $how "$1" "$word") || return 2
	echo "# search: $result"
	case $result in
	"found 0 "*) return 1 ;;
	"found "*) return 0 ;;
	esac
	return 2
}
finds_nothing() {
	found "$1"
	[ $? = 1 ]
}
