#!/bin/sh
# usage: fuzz.sh [PACKAGE_DIR...]
# Runs every fuzz target for FUZZTIME, one after the other, and prints a line for each.
# An input that fails is kept by go test in testdata/fuzz of its package.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} TAGS=${TAGS:-urfave_cli_no_docs} FUZZTIME=${FUZZTIME:-30s}
export CGO_ENABLED=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
targets=$(grep -rEo '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' "${@:-.}" | sed 's/^\.\///; s/:func /:/' | sort -t: -k1,1 -k2,2)

# Before Go 1.27 the end of FUZZTIME can itself be reported as a failure (golang/go#75804).
only_late() {
	grep -A1 "^--- FAIL: $name " "$log" | grep -q '^ *context deadline exceeded$' &&
		! grep -qE 'Failing input|panic:|^ +--- FAIL' "$log"
}

count=0 failed=0
for target in $targets; do
	dir=$(dirname "${target%%:*}") name=${target##*:}
	count=$((count + 1))
	if "$GO" test -tags "$TAGS" -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" "./$dir" >"$log" 2>&1 || only_late; then
		execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
		seeds=$(find "$dir/testdata/fuzz/$name" -type f 2>/dev/null | wc -l)
		printf 'ok    %-24s %-32s %s, %s inputs, corpus %d\n' "$dir" "$name" "$FUZZTIME" "${execs:-0}" "$seeds"
	else
		failed=$((failed + 1))
		printf 'FAIL  %-24s %s\n' "$dir" "$name"
		sed 's/^/      /' "$log"
	fi
done
echo "$count fuzz targets, $failed failed"
[ "$failed" = 0 ]
