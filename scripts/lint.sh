#!/bin/sh
# gofmt, go vet for both systems and for the release tags, staticcheck, and shellcheck
# where there is one. Silent when all is well.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go} TAGS=${TAGS:-urfave_cli_no_docs} RELEASE_TAGS=${RELEASE_TAGS:-$TAGS}
STATICCHECK_VERSION=v0.8.2
export CGO_ENABLED=0
failed=0

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "gofmt -l:" "$unformatted"
	failed=1
fi
for os in linux darwin; do
	GOOS=$os "$GO" vet -tags "$TAGS" ./... || failed=1
done
"$GO" vet -tags "$RELEASE_TAGS" ./... || failed=1

staticcheck=$(scripts/tool.sh staticcheck honnef.co/go/tools/cmd/staticcheck "$STATICCHECK_VERSION")
"$staticcheck" -tags "$TAGS" ./... || failed=1

if command -v shellcheck >/dev/null; then
	shellcheck scripts/*.sh .ci/run || failed=1
else
	echo "not run: shellcheck: not on this machine"
fi
exit $failed
