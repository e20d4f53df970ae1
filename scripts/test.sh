#!/bin/sh
# Unit tests, conformance suite and scenarios. Arguments go to go test. What needs the
# servers of others, containers or a systemd is for make integration.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} TAGS=${TAGS:-urfave_cli_no_docs}

race=-race CGO_ENABLED=1
cc=$("$GO" env CC)
if ! printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | "${cc%% *}" -x c -fsyntax-only - 2>/dev/null; then
	echo "not run: race detector: it needs a C compiler with headers (apt-get install gcc libc6-dev)"
	race='' CGO_ENABLED=0
fi
export CGO_ENABLED
# nohup(1), and some that run jobs, ignore signals; the tests need them as a shell has them.
plain=''
! env --default-signal true 2>/dev/null || plain='env --default-signal'
servers='^Test(Bao|Moto|Toxic|Azure|Faults|Few|Helper(Killed|Leaks|Traced)|Lent|Systemd|Container|F4|S[0-9]|P[0-9]|R[0-9]|T[0-9])'
failed=0
# shellcheck disable=SC2046,SC2086 # words; empty when there is no race detector
$plain "$GO" test $race -tags "$TAGS" "$@" $("$GO" list -tags "$TAGS" ./... | grep -v /integration$) || failed=1
# shellcheck disable=SC2086 # as above
$plain "$GO" test $race -tags "$TAGS" -skip "$servers" "$@" ./integration || failed=1
exit $failed
