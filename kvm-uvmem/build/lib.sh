# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scripts of this directory share: the testbed's root, the hook series
# that belongs to its kernel, and where things are built. Source it.

build_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/vm/lib.sh
. "$build_dir/../../tests/vm/lib.sh"

root=$top_dir/tests/vm/root
root_dir=$("$root" path)
kver=$("$root" kernel)
series=$("$root" series)
hooks_dir=$top_dir/kvm-uvmem/kvm-hooks/$series
# Used by those who include this.
# shellcheck disable=SC2034
source_dir=/usr/src/linux-source-$series
# shellcheck disable=SC2034
jobs=$(nproc)

[ -f "$hooks_dir/series" ] || die "no hook series for kernel $series"

# The patches of the series, in order.
patches() {
	sed 's/[[:blank:]]*#.*//;/^$/d' "$hooks_dir/series"
}

patch_files() {
	patches | sed "s|^|$hooks_dir/|"
}

# A patched KVM depends on the patches, on how it is built, and on the packages
# of the kernel source, the headers and the compiler.
kvm_key() {
	{
		patch_files | xargs cat
		cat "$build_dir/kvm-tree" "$build_dir/kvm-make"
		echo "$kver"
		cat "$root_dir"/var/lib/dpkg/info/linux-source-"$series".md5sums
		cat "$root_dir"/var/lib/dpkg/info/linux-headers-"$kver".md5sums
	} | hash_of
}
