# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the shell tests of daemon and tools share; source it.

work=$(mktemp -d /tmp/daemon.XXXXXX)
trap 'rm -rf "$work"' EXIT
out=$work/out
err=$work/err
number=0 failed=0

# ok STATUS NAME
ok() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

# check NAME COMMAND...
check() {
	local name=$1 status=0
	shift
	"$@" || status=1
	ok $status "$name"
}

# check_not NAME COMMAND...
check_not() {
	local name=$1 status=0
	shift
	! "$@" || status=1
	ok $status "$name"
}

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

plan() {
	echo "1..$number"
	exit $failed
}
