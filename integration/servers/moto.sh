#!/bin/sh
# usage: moto.sh [DIRECTORY]
# Unpacks moto, a server that acts as AWS, from the archive of Debian trixie, for the
# interpreter of Debian bookworm or later; the directory is servers/moto beside this
# file. What it needs besides is installed, which takes root. No list or source of the
# system is changed.
set -eu
dir=${1:-$(cd "$(dirname "$0")" && pwd)/moto}
[ -d "$dir/x/usr/lib/python3/dist-packages/moto" ] && exit 0
root=
[ "$(id -u)" = 0 ] || root='sudo -n'
DEBIAN_FRONTEND=noninteractive $root apt-get -q -y install --no-install-recommends \
	python3-boto3 python3-flask python3-flask-cors python3-xmltodict python3-responses python3-cryptography \
	python3-jinja2 python3-dateutil python3-antlr4 python3-yaml

mkdir -p "$dir/lists/partial" "$dir/sources"
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)
keys=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)
printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$keys" >"$dir/sources/trixie.sources"
apt() {
	apt-get -q -o Dir::State::Lists="$dir/lists" -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/sources" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}
apt update
cd "$dir"
apt download python3-moto
dpkg -x python3-moto_*.deb x
rm -rf lists sources python3-moto_*.deb
