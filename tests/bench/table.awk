# SPDX-License-Identifier: GPL-2.0-or-later
#
# table.awk - read the lines of a run, print its table: see report

function fail(text) {
	print "report: " text | "cat >&2"
	failed = 1
}

# Per unit, in round r.
function per(name, r) {
	return (gross[name, r] - base[name, r]) / units[name, r]
}

function get_min(name,   r, m) {
	for (r = 1; r <= rounds[name]; r++)
		if (r == 1 || per(name, r) < m)
			m = per(name, r)
	return m
}

function get_max(name,   r, m) {
	for (r = 1; r <= rounds[name]; r++)
		if (r == 1 || per(name, r) > m)
			m = per(name, r)
	return m
}

function median(name,   i, j, n, t, v) {
	n = rounds[name]
	for (i = 1; i <= n; i++) {
		t = per(name, i)
		for (j = i - 1; j >= 1 && v[j] > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function spread(name) {
	return 100 * (get_max(name) - get_min(name)) / median(name)
}

# 12,345
function number(x,   s, out) {
	s = sprintf("%.0f", x)
	while (length(s) > 3) {
		out = "," substr(s, length(s) - 2) out
		s = substr(s, 1, length(s) - 3)
	}
	return s out
}

function cell(name, floor) {
	if (floor)
		return sprintf("%9s %9s %6.2f", number(get_min(name)),
			       number(median(name)), median(name) / floor)
	return sprintf("%9s %9s %6s", number(get_min(name)), number(median(name)), "")
}

# One operation, for both sizes of the pages of the VMM.
function row(text, name, floor4k, floor2m) {
	printf "  %-42s %s  %s\n", text, cell("4k." name, floor4k), cell("2m." name, floor2m)
}

function row_kernel(text, name) {
	printf "  %-42s %s\n", text, cell("kernel." name, 0)
}

function bytes(size, state,   n, handle) {
	n = 2048
	handle = (value[size ".metadata.in.pool_bytes"] - value[size ".metadata.in.vm_bytes"]) / \
		 value[size ".metadata.in.handles_total"]
	tables = (value[size ".metadata." state ".vm_bytes"] - \
		  value[size ".metadata.absent.vm_bytes"]) / n
	handles = handle * (value[size ".metadata." state ".handles_used"] - \
			    value[size ".metadata.absent.handles_used"]) / n
	return tables + handles
}

function row_bytes(text, state) {
	bytes("4k", state)
	printf "  %-42s %9.1f %9.1f %9.1f\n", text, tables, handles, tables + handles
}

function aim(text, got, want) {
	printf "  %-54s %9s %9s  %s\n", text, number(got), number(want), \
		got <= want ? "reached" : sprintf("missed by %.0f %%", 100 * (got / want - 1))
}

function aim_real(text, got, want) {
	printf "  %-54s %9.2f %9.2f  %s\n", text, got, want, \
		got <= want ? "reached" : sprintf("missed by %.1f %%", 100 * (got / want - 1))
}

function aim_least(text, got, want) {
	printf "  %-54s %9.2f %9.2f  %s\n", text, got, want, \
		(got >= want) ? "reached" : sprintf("missed by %.0f %%", 100 * (1 - got / want))
}

# What one page costs out and in, for the ways that there are.
function round_trip(size, way,   w) {
	if (way ~ /^ours/) {
		split(way, w, ":")
		return median(size ".page_out") + median(size ".demand_seq." w[2])
	}
	return median(size ".swap_" way ".out") + median(size ".swap_" way ".in_seq")
}

function row_trip(text, way,   size, i) {
	printf "  %-42s", text
	for (i = 1; i <= 2; i++) {
		size = i == 1 ? "4k" : "2m"
		if (way ~ /^ours/) {
			split(way, w, ":")
			printf " %8s %8s %8s %6s ", number(median(size ".page_out")), \
				number(median(size ".demand_seq." w[2])), \
				number(median(size ".demand_random." w[2])), ""
		} else {
			printf " %8s %8s %8s %6.2f ", number(median(size ".swap_" way ".out")), \
				number(median(size ".swap_" way ".in_seq")), \
				number(median(size ".swap_" way ".in_random")), \
				round_trip(size, way) / round_trip(size, "ours:1")
		}
	}
	printf "\n"
}

# The parameter that makes this window; what is not named is 1.
function around(window) {
	return window == "learnt" ? "fault_around_max=" value["learnt.max"] : "fault_around_pages=" window
}

# Faults in order, in random order, and on few of the pages, by fault_around_pages.
function row_around(size, window,   few) {
	few = value["few.touched"]
	printf "  %-4s %22s %10s %9s %9.1f %11s %9.1f\n", size, around(window), \
		number(median(size ".demand_seq." window)), \
		number(median(size ".demand_random." window)), \
		value[size ".brought_random." window] / 2048, \
		number(median(size ".demand_few." window)), \
		value[size ".brought_few." window] / few
}

# Where what is touched does not fit: costs, and pages that came in per page touched.
function row_limit(size, window,   i) {
	printf "  %-4s %22s", size, around(window)
	for (i = 1; i <= nr_limited; i++)
		printf " %10s %8.2f", number(median(size ".limit_" limited[i] "." window)), \
			value[size ".limit_in_" limited[i] "." window] / \
			units[size ".limit_" limited[i] "." window, 1]
	printf "\n"
}

function sorted(a, n,   i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
			t = a[j]
			a[j] = a[j - 1]
			a[j - 1] = t
		}
}

# Time of column one to that of column two: by the best of each, and turn by turn.
function row_smp(text, one, two,   i, best_one, best_two) {
	for (i = 1; i <= nr_turns; i++) {
		if (i == 1 || smp[i, one] < best_one)
			best_one = smp[i, one]
		if (i == 1 || smp[i, two] < best_two)
			best_two = smp[i, two]
		turn[i] = smp[i, one] / smp[i, two]
	}
	sorted(turn, nr_turns)
	smp_best = best_one / best_two
	smp_median = nr_turns % 2 ? turn[(nr_turns + 1) / 2] : \
		     (turn[nr_turns / 2] + turn[nr_turns / 2 + 1]) / 2
	printf "  %-42s %9.2f %9.2f %9.2f %9.2f\n", text, smp_best, smp_median, turn[1], \
		turn[nr_turns]
}

function smp_sum(column,   i, sum) {
	for (i = 1; i <= nr_turns; i++)
		sum += smp[i, column]
	return sum
}

function show_smp(   i) {
	printf "\nTWO vCPUs, WALL TIME, %d turns\n", nr_turns
	printf "  %-42s %9s %9s %9s %9s\n", "times as fast as one", "best/best", "median", \
		"least", "most"
	row_smp("computation without a fault", "compute_one", "compute_two")
	compute_median = smp_median
	row_smp("faults of an ordinary VM", "ordinary_one", "ordinary_two")
	row_smp("demand page-in, two VMMs with one vCPU each", "one", "apart")
	row_smp("demand page-in, one VM with two vCPUs", "one", "two")
	fault_best = smp_best
	fault_median = smp_median
	row_smp("  fault_around_pages=16", "around_one", "around_two")
	print  "  Per 1000 pages, by one vCPU and by two:"
	printf "  locks waited for: spin %s, read %s, write %s, mutex %s; waits for transit %.1f;\n", \
		smp_pair("spin"), smp_pair("read"), smp_pair("write"), smp_pair("mutex"), \
		1000 * smp_sum("waits") / nr_turns / 512
	printf "  IPIs %s; by two with fault_around_pages=16 %.1f\n", smp_pair("ipi"), \
		1000 * (smp_sum("around_ipi_2") + smp_sum("around_ipis_2")) / nr_turns / 512
}

# IPIs are counted by two tracepoints.
function smp_pair(what,   k) {
	k = 1000 / nr_turns / 512
	return sprintf("%.1f %.1f", k * (smp_sum(what "_1") + (what == "ipi" ? smp_sum("ipis_1") : 0)), \
		       k * (smp_sum(what "_2") + (what == "ipi" ? smp_sum("ipis_2") : 0)))
}

function guest_median(kind, name,   i, n, v) {
	n = guest_rounds[kind, name]
	for (i = 1; i <= n; i++)
		v[i] = guest[kind, name, i]
	sorted(v, n)
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# A stock guest: ordinary, secure, by medians, and the ratio turn by turn.
function row_guest(text, name,   i, n, v) {
	n = guest_rounds["normal", name]
	for (i = 1; i <= n; i++)
		v[i] = guest["secure", name, i] / guest["normal", name, i]
	sorted(v, n)
	guest_ratio = guest_median("secure", name) / guest_median("normal", name)
	printf "  %-42s %9s %9s %9.3f %9.3f %9.3f\n", text, number(guest_median("normal", name) / 1e6), \
		number(guest_median("secure", name) / 1e6), guest_ratio, v[1], v[n]
}

# What the guest measures by its own clock is what the host measures.
function check_guest_clock(kind, i,   j, sum) {
	sum = guest[kind, "idle", i] + guest[kind, "work", i]
	if (sum < 0.98 * guest[kind, "steady", i] || sum > 1.02 * guest[kind, "steady", i])
		fail("the clock of the " kind " guest says " sum ", the clock of its host " \
		     guest[kind, "steady", i])
}

function show_guests(   i) {
	printf "\nA STOCK GUEST, million instructions, %d turns\n", guest_rounds["normal", "boot"]
	printf "  %-42s %9s %9s %9s %9s %9s\n", "", "ordinary", "secure", "ratio", "least", "most"
	row_guest("boot, until PID 1 runs", "boot")
	boot_ratio = guest_ratio
	row_guest("  without waiting", "boot_busy")
	row_guest("what a guest does then, sum", "work")
	work_ratio = guest_ratio
	row_guest("  without the disk", "inside")
	inside_ratio = guest_ratio
	for (i = 1; i <= nr_works; i++)
		row_guest("  " guest_text[works[i]], works[i])
	row_guest("an idle guest, for a quarter of a second", "idle")
}

function show_profile(name,   i, n, per_sample) {
	if (!samples[name, "total"])
		return
	per_sample = median(name) / samples[name, "total"]
	printf "  %s:", name
	n = 0
	for (i = 1; i <= nr_functions[name]; i++)
		if (functions[name, i] ~ /^@/ && samples[name, functions[name, i]] * per_sample >= 50)
			printf "%s %s %s", n++ ? "," : "", substr(functions[name, i], 2), \
				number(samples[name, functions[name, i]] * per_sample)
	printf "\n   "
	n = 0
	for (i = 1; i <= nr_functions[name] && n < 9; i++)
		if (functions[name, i] !~ /^@/)
			printf "%s %s %s", n++ ? "," : "", functions[name, i], \
				number(samples[name, functions[name, i]] * per_sample)
	printf "\n"
}

$1 == "raw" && NF == 5 {
	r = ++rounds[$2]
	if (r == 1)
		names[++nr_names] = $2
	units[$2, r] = $3
	gross[$2, r] = $4
	base[$2, r] = $5
	if (!($3 > 0 && $4 > $5))
		fail($2 " is not above zero: " $0)
}
$1 == "value" && NF == 3 {
	values[++nr_values] = $2
	value[$2] = $3
}
$1 == "smp" {
	nr_turns++
	nr_columns = 0
	for (i = 2; i < NF; i += 2) {
		columns[++nr_columns] = $i
		smp[nr_turns, $i] = $(i + 1)
	}
}
$1 == "guest" && NF == 4 {
	r = ++guest_rounds[$2, $3]
	guest[$2, $3, r] = $4
	if ($2 == "normal" && r == 1)
		guest_names[++nr_guest_names] = $3
	if (!($4 > 0))
		fail("of a guest, not above zero: " $0)
}
$1 == "note" {
	notes[++nr_notes] = substr($0, 6)
}
$1 == "text" {
	texts[++nr_texts] = $2
	text[$2] = $3
}
$1 == "profile" && NF == 4 {
	samples[$2, $4] = $3
	if ($4 == "total")
		profiles[++nr_profiles] = $2
	else
		functions[$2, ++nr_functions[$2]] = $4
}

END {
	if (!(value["run.rounds"] > 0))
		fail("how many rounds there were is not said")
	n = split("clock.loop kernel.seal kernel.open kernel.copy_page kernel.clear_page " \
		  "kernel.scan_zero_page kernel.loop 1g.esm_untouched", need, " ")
	m = split("hmm_to_dev hmm_to_sys esm page_out page_out_first page_out_after_demand " \
		  "page_in demand page_out_same demand_same touch_absent touch_mapped " \
		  "touch_after_page_in fault_ordinary share unshare share_each unshare_each", both, " ")
	for (i = 1; i <= m; i++) {
		need[++n] = "4k." both[i]
		need[++n] = "2m." both[i]
	}
	for (i = 1; i <= n; i++)
		if (rounds[need[i]] != value["run.rounds"])
			fail(need[i] " was measured " (rounds[need[i]] + 0) " times")

	n = 0
	m = split("esm_populated page_out_single page_out_random", both, " ")
	k = split("1 16 512 learnt", windows, " ")
	for (i = 1; i <= k; i++) {
		both[++m] = "demand_seq." windows[i]
		both[++m] = "demand_random." windows[i]
		both[++m] = "demand_few." windows[i]
	}
	nr_limited = split("loop random hot", limited, " ")
	k = split("1 16 learnt", windows_limited, " ")
	for (i = 1; i <= nr_limited; i++)
		for (j = 1; j <= k; j++)
			both[++m] = "limit_" limited[i] "." windows_limited[j]
	k = split("ram_random zram_random zram_half crypt_random", ways, " ")
	for (i = 1; i <= k; i++) {
		both[++m] = "swap_" ways[i] ".out"
		both[++m] = "swap_" ways[i] ".in_seq"
		both[++m] = "swap_" ways[i] ".in_random"
	}
	for (i = 1; i <= m; i++) {
		need[++n] = "4k." both[i]
		need[++n] = "2m." both[i]
	}
	for (i = 1; i <= n; i++)
		if (rounds[need[i]] != 1)
			fail(need[i] " was measured " (rounds[need[i]] + 0) " times, not once")
	nr_works = split("memory faults processes switches disk", works, " ")
	guest_text["memory"] = "memory that stays"
	guest_text["faults"] = "memory that comes and goes"
	guest_text["processes"] = "processes"
	guest_text["switches"] = "system calls and switches"
	guest_text["disk"] = "direct reads of a disk"
	for (k = 1; k <= 2; k++) {
		kind = k == 1 ? "normal" : "secure"
		for (r = 1; r <= value["run.rounds"]; r++) {
			for (i = 1; i <= nr_works; i++)
				guest[kind, "work", r] += guest[kind, works[i], r]
			guest[kind, "inside", r] = guest[kind, "work", r] - guest[kind, "disk", r]
			check_guest_clock(kind, r)
		}
		guest_rounds[kind, "work"] = guest_rounds[kind, "inside"] = value["run.rounds"]
		m = split("boot boot_busy steady idle memory faults processes switches disk", both, " ")
		for (i = 1; i <= m; i++)
			if (guest_rounds[kind, both[i]] != value["run.rounds"])
				fail(both[i] " of the " kind " guest was measured " \
				     (guest_rounds[kind, both[i]] + 0) " times")
	}
	guest_names[++nr_guest_names] = "work"
	guest_names[++nr_guest_names] = "inside"
	if (nr_turns != 2 * value["run.rounds"])
		fail("two vCPUs were measured " (nr_turns + 0) " times")
	if (failed)
		exit 1

	clock = median("clock.loop")
	printf "kvm-uvmem %s, kernel %s, %s, cipher %s\n", text["run.commit"], \
		text["run.kernel"], text["run.date"], text["kernel.cipher"]
	printf "Clock: %.4f ns per instruction of a loop of %s; 1 is exact, timer ticks add.\n\n", \
		clock, number(units["clock.loop", 1])
	if (clock < 0.98 || clock > 1.02) {
		fail("the clock of the VM does not count instructions")
		exit 1
	}

	seal = median("kernel.seal")
	open = median("kernel.open")
	for (i = 1; i <= 2; i++) {
		size = i == 1 ? "4k" : "2m"
		out[size] = median(size ".hmm_to_sys")
		into[size] = median(size ".hmm_to_dev")
		read_back[size] = base[size ".hmm_to_dev", 1] / units[size ".hmm_to_dev", 1]
	}

	print  "INSTRUCTIONS PER 4 KiB; 2M: huge pages of the VMM, moved whole where they can be."
	print  "x: median to the sum of plain migration the same way and sealing (for ESM: to"
	print  "plain migration alone)."
	print  ""
	printf "  %-42s %9s %9s %6s  %9s %9s %6s\n", "", "4K min", "median", "x", "2M min", "median", "x"
	row("page-out, random content", "page_out", out["4k"] + seal, out["2m"] + seal)
	row("  the first of its 2 MiB", "page_out_first", out["4k"] + seal, out["2m"] + seal)
	row("  what demand had brought in", "page_out_after_demand", out["4k"] + seal, out["2m"] + seal)
	row("page-out, same-filled", "page_out_same", out["4k"] + seal, out["2m"] + seal)
	row("  one call for each page, in order", "page_out_single", out["4k"] + seal, out["2m"] + seal)
	row("  one call for each page, random order", "page_out_random", out["4k"] + seal, out["2m"] + seal)
	row("page-in by ioctl (prefetch)", "page_in", into["4k"] + open, into["2m"] + open)
	row("page-in on demand, sequential", "demand", into["4k"] + open, into["2m"] + open)
	row("  of same-filled pages", "demand_same", 0, 0)
	row("  of pages never touched before", "touch_absent", 0, 0)
	row("page-in on demand, random order", "demand_random.1", into["4k"] + open, into["2m"] + open)
	row("first touch after page-in by ioctl", "touch_after_page_in", 0, 0)
	row("ESM of populated memory, 8 MiB", "esm", into["4k"], into["2m"])
	row("  " value["4k.esm_populated.pages"] / 256 " MiB, once", "esm_populated", into["4k"], into["2m"])
	row("share, one call for all pages", "share", out["4k"], out["2m"])
	row("  one call each", "share_each", out["4k"], out["2m"])
	row("unshare, one call for all pages", "unshare", into["4k"], into["2m"])
	row("  one call each", "unshare_each", into["4k"], into["2m"])
	printf "\nBeside it\n"
	row("test_hmm, device to system", "hmm_to_sys", 0, 0)
	row("test_hmm, system to device, no read-back", "hmm_to_dev", 0, 0)
	row("ordinary guest, fault on what the VMM has", "fault_ordinary", 0, 0)
	row("guest touch of a mapped page, subtracted", "touch_mapped", 0, 0)
	row_kernel("AES-256-GCM, seal", "seal")
	row_kernel("AES-256-GCM, open", "open")
	row_kernel("copy_page()", "copy_page")
	row_kernel("clear_page()", "clear_page")
	row_kernel("memchr_inv() of a zero page", "scan_zero_page")
	printf "\n  ESM of untouched memory, per GiB: %s\n", number(median("1g.esm_untouched"))
	worst = names[1]
	for (i = 1; i <= nr_names; i++)
		if (spread(names[i]) > spread(worst))
			worst = names[i]
	for (i = 1; i <= nr_notes; i++)
		printf "  Note: %s\n", notes[i]
	printf "  Largest spread of %d rounds: %.1f %% (%s)\n", value["run.rounds"], spread(worst), worst

	printf "\nPAGES COME WITH THE ONE TOUCHED; instructions per page TOUCHED\n"
	printf "  %-4s %22s %10s %9s %9s %11s %9s\n", "", "", "in order", "random", \
		"brought", value["few.touched"] " of 2048", "brought"
	for (i = 1; i <= 2; i++)
		for (j = 1; j <= 4; j++)
			row_around(i == 1 ? "4k" : "2m", windows[j])
	print "  brought: pages that came in per page touched"

	printf "\nUNDER A LIMIT: half of loop and random fits, and all of hot but what it jumps to\n"
	printf "  %-4s %22s %10s %8s %10s %8s %10s %8s\n", "", "", "loop", "brought", "random", \
		"brought", "hot", "brought"
	for (i = 1; i <= 2; i++)
		for (j = 1; j <= 3; j++)
			row_limit(i == 1 ? "4k" : "2m", windows_limited[j])

	printf "\nINSTEAD: SWAP OF AN ORDINARY GUEST; per page, x: round trip in order to ours\n"
	printf "  %-42s %8s %8s %8s %6s  %8s %8s %8s %6s\n", "", "4K out", "in", "random", "x", \
		"2M out", "in", "random", "x"
	row_trip("kvm-uvmem, fault_around_pages=1", "ours:1")
	row_trip("kvm-uvmem, fault_around_pages=16", "ours:16")
	row_trip("kvm-uvmem, fault_around_pages=512", "ours:512")
	row_trip("kvm-uvmem, " around("learnt"), "ours:learnt")
	row_trip("swap on a ramdisk", "ram_random")
	row_trip("swap on zram (" text["swap.zram"] "), random content", "zram_random")
	row_trip("swap on zram (" text["swap.zram"] "), half zeroes", "zram_half")
	row_trip("swap on dm-crypt (aes-xts, ramdisk)", "crypt_random")
	trip = round_trip("4k", "ours:1")
	printf "  One page out and in by us costs %.0f copies of a page, %.1f times AES-256-GCM both ways,\n", \
		trip / median("kernel.copy_page"), trip / (seal + open)
	printf "  %.1f times plain migration both ways, %.2f times migration and AES together.\n", \
		trip / (out["4k"] + into["4k"]), trip / (out["4k"] + into["4k"] + seal + open)

	show_smp()
	show_guests()

	printf "\nMETADATA, BYTES PER PAGE\n  %-42s %9s %9s %9s\n", "", "tables", "handle", "sum"
	row_bytes("never touched", "absent")
	row_bytes("in", "in")
	row_bytes("in, was out before", "in_again")
	row_bytes("out", "out")
	row_bytes("same-filled", "zero")
	printf "  Besides: %s bytes per VM; handles come in ranges of %s pages (%s KiB).\n", \
		number(value["4k.metadata.normal.vm_bytes"]), \
		number(value["4k.metadata.in.handles_total"]), \
		number((value["4k.metadata.in.pool_bytes"] - value["4k.metadata.in.vm_bytes"]) / 1024)

	printf "\nAIMS%52s %9s %9s\n", "", "is", "aim"
	aim("page-out of 4K, 1.2 x (migration + sealing)", median("4k.page_out"), 1.2 * (out["4k"] + seal))
	aim("demand page-in of 4K, 1.2 x, with test_hmm's read-back", median("4k.demand"), \
	    1.2 * (into["4k"] + read_back["4k"] + open))
	aim("demand page-in of 4K, 1.2 x, without read-back", median("4k.demand"), 1.2 * (into["4k"] + open))
	for (i = 2; i <= 4; i++) {
		aim("  with " around(windows[i]) ", with read-back", \
		    median("4k.demand_seq." windows[i]), 1.2 * (into["4k"] + read_back["4k"] + open))
		aim("  the same, random order", median("4k.demand_random." windows[i]), \
		    1.2 * (into["4k"] + read_back["4k"] + open))
	}
	aim("page-out by 2M", median("2m.page_out"), 15000)
	aim("page-in by 2M, by ioctl", median("2m.page_in"), 17500)
	for (i = 1; i <= 4; i++) {
		aim("page-in by 2M, on demand, " around(windows[i]), \
		    median("2m.demand_seq." windows[i]), 17500)
		aim("  the same, random order", median("2m.demand_random." windows[i]), 17500)
	}
	aim("page-out of 4K but the cipher: below plain migration", median("4k.page_out") - seal, out["4k"])
	aim("page-in of 4K by ioctl but the cipher: likewise", median("4k.page_in") - open, into["4k"])
	aim("demand page-in of 4K but the cipher: likewise", median("4k.demand") - open, into["4k"])
	aim("same-filled page-out, 5 % of a sealed one", median("4k.page_out_same"), \
	    median("4k.page_out") / 20)
	for (i = 1; i <= 4; i++)
		aim_least("dm-crypt swap to ours, out and in, " around(windows[i]), \
			  round_trip("4k", "crypt_random") / round_trip("4k", "ours:" windows[i]), 1.5)
	aim_least("two vCPUs to one, best of each", fault_best, 1.9)
	aim_least("  in parts of what computation gains, median", 2 * fault_median / compute_median, 1.9)
	aim_real("boot of a stock guest, secure to ordinary", boot_ratio, 1.1)
	aim_real("what it does then", work_ratio, 1.02)
	aim_real("  without the disk", inside_ratio, 1.02)
	aim_real("metadata of a page that is in, bytes", bytes("4k", "in"), 72)
	aim_real("more of a page that is out, bytes", \
		 (value["4k.metadata.out.vm_bytes"] - value["4k.metadata.in.vm_bytes"]) / 2048, 48)

	printf "\nWHERE IT GOES, instructions per page by module and by function (samples)\n"
	n = split("page_out demand page_in page_out_same", both, " ")
	for (i = 1; i <= n; i++) {
		show_profile("4k." both[i])
		show_profile("2m." both[i])
	}
	write_json()
}
