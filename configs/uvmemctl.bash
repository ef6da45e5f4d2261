# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of uvmemctl for bash
_uvmemctl() {
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(uvmemctl --list-commands 2>/dev/null) --json --quiet --help --version" \
			-- "$current")
		return
	fi
	case $command in
	show | explain | set | reclaim | prefetch)
		mapfile -t COMPREPLY < <(compgen -W "$(uvmemctl --json list 2>/dev/null |
			sed -n 's/^ *"name": *"\(.*\)".*/\1/p')" -- "$current")
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	esac
}
complete -F _uvmemctl uvmemctl
