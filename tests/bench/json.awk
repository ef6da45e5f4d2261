# SPDX-License-Identifier: GPL-2.0-or-later
#
# json.awk - write_json(): the raw figures of a run, and what table.awk makes of them

function quoted(s) {
	gsub(/[\\"]/, "\\\\&", s)
	gsub(/[[:cntrl:]]/, "", s)
	return "\"" s "\""
}

function sep(first) {
	return first ? "" : ","
}

function write_json(   i, j, r, name, kind) {
	printf "{\n  \"version\": 1,\n  \"unit\": \"instructions\",\n  \"run\": {" >json
	for (i = 1; i <= nr_texts; i++)
		printf "%s\n    %s: %s", sep(i == 1), quoted(texts[i]), quoted(text[texts[i]]) >json
	printf "\n  },\n  \"figures\": {" >json
	for (i = 1; i <= nr_names; i++) {
		name = names[i]
		printf "%s\n    %s: {\n      \"rounds\": [", sep(i == 1), quoted(name) >json
		for (r = 1; r <= rounds[name]; r++)
			printf "%s\n        {\"units\": %s, \"gross\": %s, \"baseline\": %s}",
				sep(r == 1), units[name, r], gross[name, r], base[name, r] >json
		printf "\n      ],\n      \"min\": %.1f, \"median\": %.1f, \"spread_percent\": %.2f\n    }",
			get_min(name), median(name), spread(name) >json
	}
	printf "\n  },\n  \"smp_nanoseconds\": [" >json
	for (i = 1; i <= nr_turns; i++) {
		printf "%s\n    {", sep(i == 1) >json
		for (r = 1; r <= nr_columns; r++)
			printf "%s\"%s\": %s", r == 1 ? "" : ", ", columns[r], smp[i, columns[r]] >json
		printf "}" >json
	}
	printf "\n  ],\n  \"values\": {" >json
	for (i = 1; i <= nr_values; i++)
		printf "%s\n    %s: %s", sep(i == 1), quoted(values[i]), value[values[i]] >json
	printf "\n  },\n  \"guest_instructions\": {" >json
	for (i = 1; i <= nr_guest_names; i++) {
		name = guest_names[i]
		printf "%s\n    %s: {", sep(i == 1), quoted(name) >json
		for (r = 1; r <= 2; r++) {
			kind = r == 1 ? "normal" : "secure"
			printf "%s\"%s\": [", r == 1 ? "" : ", ", kind >json
			for (j = 1; j <= guest_rounds[kind, name]; j++)
				printf "%s%s", j == 1 ? "" : ", ", guest[kind, name, j] >json
			printf "]" >json
		}
		printf ", \"ratio\": %.4f}", guest_median("secure", name) / \
			guest_median("normal", name) >json
	}
	printf "\n  },\n  \"profiles\": {" >json
	for (i = 1; i <= nr_profiles; i++) {
		name = profiles[i]
		printf "%s\n    %s: {\"samples\": %s", sep(i == 1), quoted(name),
			samples[name, "total"] >json
		for (r = 1; r <= nr_functions[name]; r++)
			printf ", %s: %s", quoted(functions[name, r]),
				samples[name, functions[name, r]] >json
		printf "}" >json
	}
	printf "\n  }\n}\n" >json
	close(json)
}
