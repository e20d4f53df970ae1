#!/bin/sh
# Compiles toxiproxy, which spoils connections for the tests of providers, unless that
# was done before, and prints where it is.
set -eu
exec "$(dirname "$0")/../../scripts/tool.sh" toxiproxy-server github.com/Shopify/toxiproxy/v2/cmd/server v2.12.0
