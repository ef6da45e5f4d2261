# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the shell tests of daemon and tools share; source it.

# shellcheck source=tests/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../checks.sh"

work=$(mktemp -d /tmp/daemon.XXXXXX)
trap 'rm -rf "$work"' EXIT
out=$work/out
err=$work/err

# check_status STATUS NAME COMMAND...: its output is left in $out and $err
check_status() {
	local want=$1 name=$2 status=0
	shift 2
	"$@" >"$out" 2>"$err" </dev/null || status=$?
	[ "$status" = "$want" ] || sed "s/^/# /" "$out" "$err"
	[ "$status" = "$want" ] || echo "# exit status $status, not $want"
	ok $((status != want)) "$name"
}

to_full() {
	"$@" >/dev/full
}
