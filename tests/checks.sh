# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What all shell tests share: results in TAP, and waiting; sourced by their lib.sh.

number=0 failed=0
# What waits for an answer on D-Bus: on a slow kernel as much longer as all else.
export SYSTEMD_BUS_TIMEOUT=$((25 * ${UVMEM_TIME_SCALE:-1}))

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

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local tries=$(($1 * 5))
	shift
	until "$@"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.2
	done
}

plan() {
	echo "1..$number"
	exit $failed
}
