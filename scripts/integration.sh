#!/bin/sh
# The scenarios and the tests of packages exec and runner, under the flags of a release: with the
# table of ignored signals linked in. Says what was not run, and why.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} RELEASE_TAGS=${RELEASE_TAGS:-urfave_cli_no_docs}
export CGO_ENABLED=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# nohup(1), and some that run jobs, ignore signals; the tests need them as a shell has them.
plain=''
! env --default-signal true 2>/dev/null || plain='env --default-signal'
failed=0
# shellcheck disable=SC2086 # words, or nothing
$plain "$GO" test -count=1 -v -timeout 30m -tags "$RELEASE_TAGS" -ldflags=-checklinkname=0 ./exec/... ./internal/runner/... ./integration/... >"$log" 2>&1 || failed=1
if [ $failed = 1 ]; then
	grep -vE '^ *(=== |--- PASS: )' "$log" || :
fi
awk '
	/^=== (RUN|NAME|CONT) / { test = $3; next }
	/^ *--- (PASS|FAIL|SKIP): / {
		kind = $2; sub(":", "", kind); n[kind]++
		if (kind == "SKIP") {
			reason = said[$3]; sub(/^ *[^ ]*\.go:[0-9]+: /, "", reason); sub(/^not run: /, "", reason)
			print "not run: " $3 ": " (reason == "" ? "no reason given" : reason)
		}
		next
	}
	/^ +/ { said[test] = $0 }
	END { printf "%d passed, %d failed, %d not run\n", n["PASS"], n["FAIL"], n["SKIP"] }
' "$log"
[ $failed = 0 ] || grep -E '^ *--- FAIL' "$log" || :
exit $failed
