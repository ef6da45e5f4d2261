# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the testbed's scripts share: where things are, how to speak, how to
# enter the root. Source it; it changes no state.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # used by those who source this file
top_dir=$(cd "$vm_dir/../.." && pwd)
# shellcheck disable=SC2034
cache_dir=${UVMEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-uvmem}

# mke2fs, debugfs and unshare live in sbin, which a user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die_status lets a script say with which status it gives up.
die() {
	say "$*"
	exit "${die_status:-1}"
}

# Rootless by user namespace, as real root without one: the caller's idea of
# "root" inside is the same in both cases.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		unshare --mount --pid --fork --kill-child -- "$@"
	else
		unshare --map-auto --map-root-user --mount --pid --fork \
			--kill-child -- "$@"
	fi
}

# with_lock FILE COMMAND...: one builder at a time; the others wait and then
# find its result. The lock is not passed on to COMMAND's children that stay.
with_lock() {
	local file=$1 fd
	shift
	mkdir -p "$(dirname "$file")"
	exec {fd}>"$file"
	if ! flock -n "$fd"; then
		say "waiting for another build (lock $file)"
		flock "$fd"
	fi
	local status=0
	"$@" || status=$?
	exec {fd}>&-
	return "$status"
}

hash_of() {
	sha256sum | cut -c1-16
}

# The kernel series to test, newest first: one folder of hooks for each. The
# testbed is of use before the first hook is written, hence the default.
kernel_series() {
	local series
	series=$(find "$top_dir/kvm-uvmem/kvm-hooks" -mindepth 1 -maxdepth 1 \
		-type d -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort -Vr)
	echo "${series:-7.2}"
}

root_key() {
	{
		cat "$vm_dir/packages" "$vm_dir/root-build"
		kernel_series
	} | hash_of
}

# make_initrd ROOT DIR FILE: pack DIR as a cpio archive, by the root's cpio, as
# the host may lack one. Archives may be concatenated.
make_initrd() {
	local root=$1
	root_program usr/bin/cpio
	(cd "$2" && find . -print0 |
		"${root_cmd[@]}" --quiet -0 -o -H newc -R 0:0) >"$3"
}

# Run a program of the root on the host, by the root's own loader and
# libraries: no chroot, no privileges, and signals reach it directly. QEMU is
# started like this. Sets root_cmd; needs $root.
# shellcheck disable=SC2034,SC2154 # names shared with the caller
root_program() {
	local lib=$root/usr/lib/x86_64-linux-gnu
	root_cmd=("$root/usr/lib64/ld-linux-x86-64.so.2"
		--library-path "$lib:$lib/qemu" "$root/$1")
}
