#!/bin/sh
# Unit tests, conformance suite and scenarios. Arguments go to go test.
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
# shellcheck disable=SC2086 # empty when there is no race detector
exec "$GO" test $race -tags "$TAGS" "$@" ./...
