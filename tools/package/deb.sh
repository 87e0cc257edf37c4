#!/bin/sh
# Builds the Debian package of the tracked files, as they are now, in build/deb.
# usage: tools/package/deb.sh [VERSION]   (a version above the changelog's)
# DEB_BUILD_OPTIONS and DEB_BUILD_PROFILES (nocheck) are dpkg-buildpackage's.
cd "$(dirname "$0")/../.." || exit 1
debian=tools/package/debian
version=$(sed -n '1s/^aigw (\(.*\)) .*/\1/p' $debian/changelog)
program=$(sed -n 's/^#define AIGW_VERSION "\(.*\)"/\1/p' common/version.h)
if [ "$version" != "$program" ]; then
    echo "$debian/changelog is of $version, common/version.h of $program" >&2
    exit 1
fi
new=${1:-$version}
tree=build/deb/aigw
rm -rf build/deb && mkdir -p "$tree" || exit 1
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z | tar -c --null -T - | tar -x -C "$tree" || exit 1
else
    tar -c --exclude='./build*' . | tar -x -C "$tree" || exit 1
fi
cp -R $debian "$tree/debian" || exit 1
if [ "$new" != "$version" ]; then
    {
        printf 'aigw (%s) unstable; urgency=medium\n\n' "$new"
        printf '  * Built as %s.\n\n' "$new"
        sed -n '/^ -- /{p;q;}' $debian/changelog
        echo
        cat $debian/changelog
    } >"$tree/debian/changelog" || exit 1
    sed -i "s/\(AIGW_VERSION\) \".*\"/\1 \"$new\"/" "$tree/common/version.h" ||
        exit 1
fi
(cd "$tree" && dpkg-buildpackage -us -uc -b) || exit 1
ls build/deb/*.deb
