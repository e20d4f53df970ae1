#!/bin/sh
# Measures bin/pylee beside its peers on this machine, prints the table and writes
# docs/benchmarks.md. A report, never a test. ROUNDS=100 unless set.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} TAGS=${TAGS:-urfave_cli_no_docs} ROUNDS=${ROUNDS:-100}
GODOTENV_VERSION=v1.5.1
report=docs/benchmarks.md
pylee=$PWD/bin/pylee
[ -x "$pylee" ] || { echo "bench: no bin/pylee: run make build" >&2; exit 1; }

umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset XDG_STATE_HOME PYLEE_CONFIG PYLEE_ENV PYLEE_ENV_REFS PYLEE_DEBUG PYLEE_IDENTITY PYLEE_IDENTITY_FILE CREDENTIALS_DIRECTORY || :

# A Go program that does nothing but execute another: the least any of them can cost.
cat >"$dir/floor.go" <<'GO'
package main

import (
	"os"
	"syscall"
)

func main() { panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ())) }
GO
CGO_ENABLED=0 "$GO" build -trimpath -ldflags '-s -w' -o "$dir/floor" "$dir/floor.go"
CGO_ENABLED=0 "$GO" build -trimpath -ldflags '-s -w' -o "$dir/bench" ./scripts/bench

add() { # NAME DIRECTORY WORD...: one case for the runner
	printf '%s' "$1" >>"$dir/cases"
	shift
	printf '\t%s' "$@" >>"$dir/cases"
	echo >>"$dir/cases"
}

# store N: a home whose store holds N secrets, and a config that uses all of them.
store() {
	mkdir -p "$dir/$1"
	exports "$1" '' | HOME=$dir/$1 "$pylee" secret import - --from dotenv 2>/dev/null
	# shellcheck disable=SC2016 # a program for awk, references for pylee
	awk -v n="$1" 'BEGIN {
		print "version: 1\nenv:"
		for (i = 0; i < n; i++) printf "  SECRET_%d: ${secret:SECRET_%d}\n", i, i
	}' >"$dir/$1/pylee.yaml"
	(cd "$dir/$1" && HOME=$PWD "$pylee" --quiet allow --yes)
	(cd "$dir/$1" && HOME=$PWD "$pylee" run -- printenv "SECRET_$(($1 - 1))" >/dev/null)
}

# exports N PREFIX: the secrets of a store as lines of a shell or .env file.
exports() {
	i=0
	while [ $i -lt "$1" ]; do
		printf '%sSECRET_%d=value-%06d-abcdefghij\n' "$2" $i $i
		i=$((i + 1))
	done
}

absent=
have() { # TOOL: on this machine, or named as absent
	command -v "$1" >/dev/null && return 0
	absent="$absent, $1"
	return 1
}

mkdir "$dir/plain"
exports 10 '' >"$dir/plain/.env"
add 'env X=1' "$dir/plain" env X=1 /bin/true
add 'Go program that only executes' "$dir/plain" "$dir/floor" /bin/true
if have tini; then add 'tini' "$dir/plain" tini -s -- /bin/true; fi
if have dumb-init; then add 'dumb-init' "$dir/plain" dumb-init /bin/true; fi
if have consul-template; then
	add 'consul-template -exec' "$dir/plain" consul-template -once -exec /bin/true
fi
add '**pylee run**, no config' "$dir/plain" "$pylee" run -- /bin/true
add '**pylee run**, .env of 10' "$dir/plain" "$pylee" run --env-file .env -- /bin/true
if godotenv=$(scripts/tool.sh godotenv github.com/joho/godotenv/cmd/godotenv "$GODOTENV_VERSION"); then
	add 'godotenv, .env of 10' "$dir/plain" "$godotenv" -f .env /bin/true
else
	absent="$absent, godotenv"
fi
echo "making stores of 1 to 10000 secrets" >&2
for n in 1 10 100 1000 10000; do
	store $n
	add "**pylee run**, secrets: $n" "$dir/$n" "$pylee" run -- /bin/true
done
for n in 100 1000 10000; do
	add "**pylee secret list**, secrets: $n" "$dir/$n" "$pylee" secret list
done
if have age; then
	age-keygen -o "$dir/key" 2>/dev/null
	exports 100 'export ' | age -r "$(age-keygen -y "$dir/key")" -o "$dir/100.age"
	# shellcheck disable=SC2016
	add 'age + sh, secrets: 100' "$dir" sh -c 'eval "$(age -d -i key 100.age)"; exec /bin/true'
	if have sops; then
		exports 100 '' >"$dir/100.env"
		sops --encrypt --age "$(age-keygen -y "$dir/key")" --input-type dotenv --output-type dotenv "$dir/100.env" >"$dir/sops.env"
		mkdir -p "$dir/.config/sops/age" && cp "$dir/key" "$dir/.config/sops/age/keys.txt"
		add 'sops exec-env, secrets: 100' "$dir" sops exec-env sops.env /bin/true
	fi
fi

machine() {
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
	echo "${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) processors, $(uname -sr)"
}

# What a run with local secrets opens to the network.
sockets() {
	if command -v strace >/dev/null; then
		(cd "$dir/10" && HOME=$PWD strace -f -qq -e trace=socket -o "$dir/sockets" "$pylee" run -- /bin/true)
		grep -c 'socket(' "$dir/sockets" || :
	else
		echo "not counted (no strace)"
	fi
}

echo "measuring $(wc -l <"$dir/cases") commands, $ROUNDS rounds" >&2
"$dir/bench" -n "$ROUNDS" <"$dir/cases" >"$dir/table"
packages=$(grep -rl '^func Benchmark' --include='*_test.go' . | xargs -r -n 1 dirname | sort -u)
PYLEE_BENCH_VERSION=$("$pylee" version | awk 'NR == 1 { print $2 }') PYLEE_BENCH_HELPER=$PWD/bin/pylee-providers
export PYLEE_BENCH_VERSION PYLEE_BENCH_HELPER
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086 # a list
	"$GO" test -tags "$TAGS" -run '^$' -bench . -benchmem $packages 2>&1 | awk '
		/^Benchmark/ { printf "%-24s %12s ns %12s bytes %9s allocations\n", $1, $3, $5, $7 }' >"$dir/go" || :
fi

# What cloud providers cost on the servers of the scenarios: tables in what tests log.
"$GO" test -count=1 -v -tags "$TAGS" -run '^(TestFewRequests|TestResting|TestR4SignalLatency)$' ./integration >"$dir/scenarios" 2>&1 || :
providers() {
	awk '$1 ~ /^BenchmarkStart(-|$)/ { printf "\nThe helper is ready %.1f ms after its start, and %s MB large.\n", $2 / 1e6, size }' \
		size="$(wc -c <bin/pylee-providers | awk '{ printf "%.1f", $1 / 1e6 }')" "$dir/go"
	awk '/^=== RUN/ { print "" } { sub(/^ *[a-z_]+\.go:[0-9]+: /, "") } /^\|/ { print } sub(/^not run: /, "not measured: ") { print }' "$dir/scenarios"
}

{
	cat <<REPORT
# Benchmarks

Written by \`make bench\` on $(date -u +%Y-%m-%d). Compare rows, not machines.

- machine: $(machine)
- built with $("$GO" env GOVERSION); pylee $("$pylee" version | sed 's/^pylee //' | head -n 1), $(wc -c <"$pylee" | awk '{ printf "%.1f MB", $1 / 1e6 }')
- $ROUNDS rounds; every round runs each command once, in rotating order
- not on this machine: ${absent:-nothing}
- sockets opened by a run with local secrets: $(sockets)

All but \`list\` run \`/bin/true\`. CPU is user and system time of the process and what it waited for. A ratio is the
median over the rounds of a command divided by \`env\` in the same round. The peak of memory cannot be seen
below that of the measuring program, which is what \`env\` shows. Minor faults hardly depend on
the load of the machine and are what start-up costs follow.

REPORT
	cat "$dir/table"
	cat <<'REPORT'

## Cloud providers and rotation

moto acts as AWS, OpenBao is itself, the vault is Microsoft's fake; proxies before them count. Own memory is what only
the end of a process gives back; PSS adds its share of the pages of its program file, which the kernel may drop.
REPORT
	providers
	if [ -s "$dir/go" ]; then
		# shellcheck disable=SC2016 # Markdown
		printf '\n## Inside\n\n```\n%s\n```\n' "$(cat "$dir/go")"
	fi
} | sed 's/not on this machine: , /not on this machine: /' >"$dir/report"
cp "$dir/report" "$report"
chmod 644 "$report"
cat "$report"
