#!/bin/sh
# Runs the tests of the index in integration/testdata/s16.txt under the flags of a
# release and prints a line for each item: what holds, its tests, what came of them.
# With PYLEE_S16 the table is written to that file as Markdown too. Fails if a test
# failed, or if one that the index names does not exist.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} RELEASE_TAGS=${RELEASE_TAGS:-urfave_cli_no_docs,pylee_fwdsig}
export CGO_ENABLED=0
index=integration/testdata/s16.txt
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for package in exec watch resolve internal/runner integration; do
	name=${package##*/}
	pattern=$(awk -F ' [|] ' -v name="$name" '
		/^[A-Z]/ && $3 !~ /^-/ {
			n = split($3, tests, " ")
			for (i = 1; i <= n; i++)
				if (sub("^" name ":", "", tests[i])) { sub("/.*", "", tests[i]); all[tests[i]] }
		}
		END { for (test in all) { printf "%s%s", or, test; or = "|" } }' "$index")
	# Which tests failed, the table tells.
	"$GO" test -count=1 -v -timeout 60m -tags "$RELEASE_TAGS" -ldflags=-checklinkname=0 -run "^($pattern)\$" "./$package" >"$dir/$name" 2>&1 || :
	grep -qE '^(ok|FAIL)' "$dir/$name" || { cat "$dir/$name" >&2; exit 1; }
	sed "s/^/$name:/" "$dir/$name" >>"$dir/all"
done

awk -F ' [|] ' '
	# The tests without subtests, with why one was not run.
	FNR == NR {
		if (match($0, /^[a-z]+: *--- (PASS|FAIL|SKIP): /)) {
			package = substr($0, 1, index($0, ":"))
			split(substr($0, RSTART + RLENGTH), word, " ")
			name = package word[1]
			result[name] = $0 ~ /--- PASS/ ? "passed" : $0 ~ /--- SKIP/ ? "not run" : "failed"
			for (above = name; sub(/\/[^\/]*$/, "", above); ) parent[above]
		} else if (match($0, /^[a-z]+:=== (RUN|NAME|CONT) +/)) {
			package = substr($0, 1, index($0, ":"))
			current = package substr($0, RSTART + RLENGTH)
		} else if (match($0, /_test\.go:[0-9]+: (not run: )?/)) {
			reason[current] = substr($0, RSTART + RLENGTH)
		}
		next
	}
	!/^[A-Z]/ { next }
	function outcome(pattern,    name, count) {
		gsub(/[.+(){}^$]/, "\\\\&", pattern)
		gsub(/\*/, "[^/]*", pattern)
		pattern = "^" pattern "(/|$)"
		for (name in result)
			if (name ~ pattern && !(name in parent)) {
				n[result[name]]++
				count++
				if (result[name] == "not run") why = reason[name]
				if (result[name] == "failed") broken = broken " " name
			}
		if (!count) { broken = broken " " pattern; n["missing"]++ }
	}
	{
		delete n
		why = broken = ""
		if ($3 ~ /^- /) {
			tests = "none"
			why = substr($3, 3)
			n["not run"] = 1
		} else {
			tests = $3
			many = split($3, each, " ")
			for (i = 1; i <= many; i++) outcome(each[i])
			gsub(/ /, "<br>", tests)
		}
		if (n["failed"] + n["missing"]) { said = "**failed**:" broken; total["failed"]++ }
		else if (!n["passed"]) { said = "not run: " why; total["not run"]++ }
		else {
			said = "passed (" n["passed"]
			said = said (n["not run"] ? ", " n["not run"] " not run: " why ")" : ")")
			total["passed"]++
		}
		printf "| %s | %s | %s | %s |\n", $1, $2, tests, said
	}
	END {
		printf "\n%d items: %d passed, %d failed, %d not run\n", total["passed"] + total["failed"] + total["not run"], total["passed"], total["failed"], total["not run"]
		exit total["failed"] > 0
	}' "$dir/all" "$index" >"$dir/table" && failed=0 || failed=1

if [ -n "${PYLEE_S16:-}" ]; then
	{
		printf '# Signals, statuses, terminals, process 1, systemd and secret files\n\n'
		printf 'Written by scripts/s16.sh. In brackets: how many tests without subtests.\n\n'
		printf '| item | what holds | tests | result |\n|---|---|---|---|\n'
		cat "$dir/table"
	} >"$PYLEE_S16"
fi
sed -n 's/^| \([^|]*\) | \([^|]*\) | [^|]* | \(.*\) |$/\1 \2: \3/p; $p' "$dir/table"
[ "$failed" = 0 ] || grep -vE '^[a-z]+: *(=== |--- (PASS|SKIP): |PASS$)' "$dir/all" >&2 || :
exit "$failed"
