#!/bin/sh
# Installs those of the named Debian packages that are missing.
# usage: tools/deps.sh PACKAGE...
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
        grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q &&
    $as_root apt-get install -q -y --no-install-recommends $missing
