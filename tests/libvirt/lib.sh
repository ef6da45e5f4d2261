# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of libvirt's domains share, beyond tests/guests/lib.sh: a host set up
# as docs/secure-guests.md says, domains made from the shipped examples. Runs in the
# testbed VM with --systemd; source it.

lv=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/guests/lib.sh
. "$lv/../guests/lib.sh"
images=/var/lib/libvirt/images
# shellcheck disable=SC2034 # here and below: used by those who source this
hook=/etc/libvirt/hooks/qemu.d/kvm-uvmem
disk=$images/disk.img address=192.168.77.2
handed_over=/run/kvm-uvmem/domains
export LIBVIRT_DEFAULT_URI=qemu:///system

# No call takes as long as this, unless libvirtd hangs.
virsh() {
	timeout -k 5 $((180 * ${UVMEM_TIME_SCALE:-1})) virsh "$@"
}

load_modules() {
	# udev has loaded KVM at boot, with a device for QEMU to find.
	modprobe -a kvm_amd kvm-uvmem && udevadm settle
}

# As the operator's guide has it, with a bridge for the guests' network.
set_up_host() {
	systemd-sysusers && usermod -aG kvm-uvmem libvirt-qemu || return 1
	cat "$lv/qemu.conf" >>/etc/libvirt/qemu.conf
	# It looks groups up when it reads its rules.
	systemctl restart systemd-udevd
	systemctl restart libvirtd
	modprobe -a bridge tun vhost_net
	ip link add br0 type bridge && ip addr add 192.168.77.1/24 dev br0 &&
		ip link set br0 up || return 1
	make_initramfs
	cp "$work/initrd" "$kernel" "$images/" && mv "$images/${kernel##*/}" "$images/vmlinuz"
	mkdir -p "$work/www"
	head -c 2M /dev/urandom >"$work/www/data"
	busybox httpd -p 192.168.77.1:80 -h "$work/www"
}

# define NAME [SED]...: configs/libvirt/server.xml with a kernel and a disk of the
# testbed's, as edited by SED
define() {
	local name=$1
	shift
	sed -e "s|secure-server</name>|$name</name><uuid>$(uuid_of "$name")</uuid>|" \
		-e "s|<memory unit='GiB'>2<|<memory unit='MiB'>$mem<|" \
		-e "s|<vcpu>2<|<vcpu>$smp<|" \
		-e "s|<boot dev='hd'/>|<kernel>$images/vmlinuz</kernel><initrd>$images/initrd</initrd><cmdline>console=ttyS0 panic=-1 swiotlb=8192 word=$word mib=$mib net=$address,http://192.168.77.1/data</cmdline>|" \
		-e "s|type='qcow2'|type='raw'|" -e "s|$images/secure-server.qcow2|$disk|" \
		-e "s|interface type='network'|interface type='bridge'|" \
		-e "s|network='default'|bridge='br0'|" \
		-e "s|<serial type='pty'>|<serial type='file'><source path='$(console_of "$name")'/>|" \
		-e '/<console/,/<.console/d' "$lv/server.xml" | sed -e '' "$@" >"$work/$name.xml"
	virsh -q define "$work/$name.xml" >"$work/$name.virsh" 2>&1 ||
		{ sed 's/^/#  /' "$work/$name.virsh"; return 1; }
}
# A domain that is defined again is the same.
uuid_of() {
	echo "$1" | md5sum | sed -E 's/(.{8})(.{4})(.{4})(.{4})(.{12}).*/\1-\2-\3-\4-\5/'
}
console_of() {
	echo "/var/log/libvirt/qemu/$1.console"
}

# new_disk HOW: which is its second byte, see tests/guests/init; "." is to power off
new_disk() {
	head -c 4M /dev/urandom >"$disk"
	printf '.%-511s' "$1" | dd of="$disk" conv=notrunc status=none
	# shellcheck disable=SC2034
	sum=$(sha256sum <"$disk")
}

# Of several domains, each has a disk and an address of its own. The disk's first byte
# ends the workload.
# define_one NAME ADDRESS [SED]...
define_one() {
	disk=$images/$1.img address=$2
	new_disk .
	define "$1" "${@:3}"
}
end_of() {
	printf S | dd of="$images/$1.img" conv=notrunc status=none
}
id_of() {
	uvmemctl list | awk -v name="$1" '$2 == name { print $1 }'
}

# virsh_says WORDS ARGUMENT...: succeeds and says it
virsh_says() {
	local words=$1
	shift
	if ! virsh "$@" >"$work/out" 2>&1 || ! grep -q "$words" "$work/out"; then
		sed 's/^/#  /' "$work/out"
		return 1
	fi
}

# virsh_refuses WORDS ARGUMENT...: fails and says why
virsh_refuses() {
	local words=$1
	shift
	! virsh "$@" >"$work/out" 2>&1 && sed 's/^/#  /' "$work/out" &&
		grep -q "$words" "$work/out"
}

state_is() {
	[ "$(virsh domstate "$1" | head -n 1)" = "$2" ]
}

# becomes NAME STATE
becomes() {
	wait_for 30 state_is "$@"
}

pid_of() {
	cat "/run/libvirt/qemu/$1.pid" 2>/dev/null
}

# hears NAME TEXT: await the guest's word on its console
hears() {
	qemu_pid=$(pid_of "$1")
	ln -sf "$(console_of "$1")" "$work/$1"
	: >"$work/$1.qemu"
	if [ -z "$qemu_pid" ] || ! await "$1" "$2"; then
		tail -n 4 "/var/log/libvirt/qemu/$1.log" | sed 's/^/#  qemu: /'
		return 1
	fi
}

# heard NAME TIMES TEXT: has it said so, that often, where it was heard last?
heard() {
	[ "$(grep -ac "$3" "$work/$1")" -ge "$2" ]
}
# hears_times NAME TIMES TEXT: as long as a guest may say nothing
hears_times() {
	wait_for $((patience * ${UVMEM_TIME_SCALE:-1})) heard "$@"
}

# Does any vCPU of this host run?
trace=/sys/kernel/tracing
vcpus_watch() {
	: >$trace/trace
	echo 1 >$trace/events/kvm/kvm_entry/enable
}
vcpus_ran() {
	grep -q 'kvm_entry:' $trace/trace
}

# Of a domain that did not start, or has ended
nothing_left() {
	state_is "$1" 'shut off' && ! pgrep -x qemu-system-x86 >/dev/null &&
		[ -z "$(ls $handed_over 2>/dev/null)" ] && ! "$here/vmctl" id 2>/dev/null
}

# refused NAME WORDS: virsh start says why not; no vCPU ran, hence no plaintext was
refused() {
	: >"$(console_of "$1")"
	vcpus_watch
	virsh_refuses "$2" start "$1" && ! vcpus_ran && [ ! -s "$(console_of "$1")" ] &&
		nothing_left "$1"
}
