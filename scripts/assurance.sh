#!/bin/sh
# Runs the suites behind the promises that exist so far and writes ASSURANCE.md. Every
# figure is counted from the output of the tests of this run: tests are those that have
# no further subtests; cells are what a test of a table reports as "N cells".
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} TAGS=${TAGS:-urfave_cli_no_docs} RELEASE_TAGS=${RELEASE_TAGS:-$TAGS} FUZZTIME=${FUZZTIME:-30s}
export CGO_ENABLED=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

row() { # ID CLAIM RESULT
	printf '| %s | %s | %s |\n' "$1" "$2" "$3" >>"$dir/rows"
	printf '%-4s %s: %s\n' "$1" "$2" "$3"
}

# count: the figures of one verbose test run, as a phrase.
count() {
	awk '
		/^ *--- (PASS|FAIL|SKIP): / { kind[$3] = $2; order[++n] = $3; next }
		match($0, /[0-9]+ cells/) { cells += substr($0, RSTART, RLENGTH) }
		END {
			for (i = 1; i <= n; i++)
				for (name = order[i]; sub(/\/[^\/]*$/, "", name); ) parent[name] = 1
			for (i = 1; i <= n; i++)
				if (!(order[i] in parent)) total[kind[order[i]]]++
			printf "%d tests passed", total["PASS:"]
			if (cells) printf ", with %d cells", cells
			if (total["FAIL:"]) printf ", **%d failed**", total["FAIL:"]
			if (total["SKIP:"]) printf ", %d not run", total["SKIP:"]
		}' "$1"
}

suite() { # ID CLAIM PATTERN PACKAGE...
	id=$1 claim=$2 pattern=$3
	shift 3
	result=
	"$GO" test -count=1 -v -timeout 60m -tags "$RELEASE_TAGS" -ldflags=-checklinkname=0 -run "$pattern" "$@" >"$dir/log" 2>&1 || {
		failed=1
		result=' (**the run failed**)'
		tail -n 50 "$dir/log" >&2
	}
	row "$id" "$claim" "$(count "$dir/log")$result"
}

scripts/fuzz.sh >"$dir/fuzz" || { failed=1; cat "$dir/fuzz" >&2; }
inputs=$(sed -n 's/^ok .*, \([0-9]*\) inputs, .*/\1/p' "$dir/fuzz" | awk '{ n += $1 } END { print n + 0 }')
row S2 'fuzzing finds nothing' "$(tail -n 1 "$dir/fuzz"), $FUZZTIME each, $inputs inputs"
suite S1 'the vectors of age, through the way in which stores are opened' '^TestVectors$' ./internal/store
suite S3 'bad input: the right exit status, place and remedy; no value printed, nothing written' '^TestBadInput$' ./integration
export PYLEE_TEST_CRASHES="${PYLEE_TEST_CRASHES:-2400}" PYLEE_TEST_POWERCUTS="${PYLEE_TEST_POWERCUTS:-450}" PYLEE_TEST_WRITERS="${PYLEE_TEST_WRITERS:-64x100}" PYLEE_TEST_BITS="${PYLEE_TEST_BITS:-1}"
suite S4 'kill and I/O errors in all commands that write the store: nothing corrupt, lost or in the clear' '^TestS4' ./integration
suite S5 'power cuts in all commands that write the store' '^TestS5' ./integration
suite S6 "writers at once, $PYLEE_TEST_WRITERS: nothing lost, no reader sees a part" '^TestS6' ./internal/store
suite S7 'a canary in every carrier, command and outcome: printed, listed or left nowhere' '^TestS7LeakMatrix' ./integration
suite S8 'a value prints as [redacted] on every channel' '^TestRedaction' ./providers
suite S10 'tampering with a store is detected' '^Test(S10|Forged|RolledBack|EveryBit)' ./internal/store ./integration
suite S11 'hostile configs are refused before anything is connected, run or written' '^TestHostile$' ./integration
suite S12 'files that others could have written are refused by name' '^TestS12Permissions$' ./integration
suite S13 'clocks, zones and edges of expiry' '^TestS13' ./internal/store ./integration
export PYLEE_TEST_ROTATIONS="${PYLEE_TEST_ROTATIONS:-10000}" PYLEE_TEST_STOPS="${PYLEE_TEST_STOPS:-1000}" PYLEE_S17_EVENTS="${PYLEE_S17_EVENTS:-1000000}"
suite S14 "soak: $PYLEE_TEST_ROTATIONS rotations leave no trace, and no reader sees a part of one" '^TestS14Soak$' ./integration
suite S14 'new certificates for nginx under load, restarts behind a socket: no request fails' '^Test(S14Nginx|R8Overlap)' ./integration
suite R14 "a stop at any moment of a restart, $PYLEE_TEST_STOPS times: nobody is left" '^TestR14StopAtAnyMoment$' ./integration
suite S15 'stores open with age and what is of age opens here; passage, sops, systemd-creds' '^Test(ReadableByAge|Store(With|From|By))' ./internal/store ./integration
suite S17 "whatever comes in whatever order, the rules of rotation hold: $PYLEE_S17_EVENTS events" '^TestS17' ./internal/runner
scripts/s16.sh >"$dir/s16" 2>&1 || { failed=1; grep -v ' passed$' "$dir/s16" >&2; }
row S16 'signals, terminals, process 1, systemd, files: each item of the index' "$(tail -n 1 "$dir/s16")"
export PYLEE_TEST_KILLS="${PYLEE_TEST_KILLS:-1000}"
suite F4 'after SIGKILL at any moment no byte of a secret file remains' '^TestF4Killed' ./integration
suite - 'the decisions of the cache' '^TestCells$' ./internal/cache
suite - 'scenarios: one promise a script, on the built program' '^TestScenarios$' ./integration
suite - 'who imports whom; no net/http, no SDK' '^Test(Imports|CoreLinks|ExecNames)' ./integration

{
	cat <<HEAD
# Assurance

Written by \`make assurance\` on $(date -u +%Y-%m-%d), at $(git describe --always --dirty 2>/dev/null || echo 'an unknown commit'),
with $("$GO" env GOVERSION) on $("$GO" env GOOS)/$("$GO" env GOARCH). The figures are counted from the output of that run and
belong to that commit alone, so this file is not committed.

| suite | claim | result |
|---|---|---|
HEAD
	cat "$dir/rows"
	cat <<'TAIL'

Without a row, and not claimed here: faults of providers (S9), which run with the integration tests, and audit (S18).

## Fuzz targets

```
TAIL
	cat "$dir/fuzz"
	echo '```'
} >ASSURANCE.md
exit $failed
