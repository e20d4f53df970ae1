#!/bin/sh
# Compiles OpenBao for the tests of the provider vault, unless that was done before, and
# prints where it is. It takes five minutes and 2 GB on two cores, so its binary is
# worth keeping: integration/servers/openbao/bin. The module is nested, so that nothing
# of it gets into pylee's own go.mod.
set -eu
cd "$(dirname "$0")/openbao"
if [ -n "${PYLEE_BAO:-}" ] && [ -x "$PYLEE_BAO" ]; then
	echo "$PYLEE_BAO"
	exit
fi
if [ ! -x bin/bao ]; then
	mkdir -p bin
	CGO_ENABLED=0 "${GO:-go}" build -p 2 -trimpath -ldflags '-s -w' -o bin/bao.new github.com/openbao/openbao >&2
	mv bin/bao.new bin/bao
fi
echo "$PWD/bin/bao"
