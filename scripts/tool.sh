#!/bin/sh
# usage: tool.sh NAME PACKAGE VERSION
# Prints the path of a Go tool of exactly that version: from .cache/bin or GOPATH/bin
# if it is there, else compiled into .cache/bin.
set -eu
name=$1 package=$2 version=$3
GO=${GO:-go}
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache/bin

is_wanted() { # FILE
	[ -x "$1" ] && "$GO" version -m "$1" 2>/dev/null | awk -v package="$package" -v version="$version" '
		$1 == "path" { path = $2 }
		$1 == "mod" { mod = $3 }
		END { exit !(path == package && mod == version) }'
}

for dir in "$cache" "$("$GO" env GOPATH)/bin"; do
	if is_wanted "$dir/$name"; then
		echo "$dir/$name"
		exit 0
	fi
done
mkdir -p "$cache"
echo "$name $version: compiling into .cache/bin" >&2
GOBIN=$cache CGO_ENABLED=0 GOFLAGS='' "$GO" install "$package@$version" >&2
# The last element of a package path may be a major version.
[ -x "$cache/$name" ] || mv "$cache/${package##*/}" "$cache/$name"
echo "$cache/$name"
