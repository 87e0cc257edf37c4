#!/bin/bash
# The life of the Debian package in a small Debian of its own: build, lint,
# install, serve, upgrade under a running stream, remove, purge; then the same
# under systemd. Root only; the mirror is the one this machine's apt uses. The
# base system is kept in build/chroot. DEB_BUILD_OPTIONS= (empty) runs the unit tests in the build too.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
check() { # sentence, command...
    local sentence=$1 out
    shift
    if out=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        printf -- '--- %s\n%s\n' "$sentence" "$out" | tail -n 60
        failed=$((failed + 1))
        return 1
    fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

[ "$(id -u)" = 0 ] || skip "the package's test needs root, for a chroot"
for tool in debootstrap dpkg-buildpackage dh lintian unshare ip; do
    command -v "$tool" >/dev/null || skip "the package's test needs $tool"
done
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
    'Created-By: Packages' 'Component: main' |
    awk -v name="$VERSION_CODENAME" '$2 == name { print $1; exit }')
[ -n "$mirror" ] || skip "apt knows no mirror of $VERSION_CODENAME"

# Two packages: this version and the next.
export DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS-nocheck parallel=2}
debs=build/package-test
rm -rf $debs && mkdir -p $debs || exit 1
version=$(sed -n '1s/^aigw (\(.*\)) .*/\1/p' tools/package/debian/changelog)
next=$version+1
for v in "$version" "$next"; do
    check "a package of version $v is built" tools/package/deb.sh "$v" ||
        finish
    [ "$v" != "$version" ] || check "lintian finds no error and no warning" \
        lintian --fail-on error,warning build/deb/*.changes
    mv build/deb/aigw_"$v"_*.deb $debs/aigw-"$v".deb || exit 1
done
rm -rf build/deb

# A minimal system, made once.
include=ca-certificates,curl,dbus,logrotate,procps,systemd-sysv
base=build/chroot/$VERSION_CODENAME-$include.tar
root=$(mktemp -d "${TMPDIR:-/tmp}/aigw-package.XXXXXX") || exit 1
trap 'rm -rf "$root"' EXIT
chmod 755 "$root" || exit 1
if [ ! -f "$base" ]; then
    mkdir -p build/chroot
    debootstrap --variant=minbase --include=$include \
        "$VERSION_CODENAME" "$root" "$mirror" >build/chroot/log 2>&1 ||
        skip "no base system from the mirror: see build/chroot/log"
    tar -C "$root" -cf "$base.new" . && mv "$base.new" "$base" || exit 1
else
    tar -C "$root" -xf "$base" || exit 1
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp $debs/*.deb tests/package/*.sh "$root/root/" || exit 1
# Where there is npm it is built with the console.
! command -v npm >/dev/null || touch "$root/root/with-console"

# inside [NET] COMMAND...: with own processes, /proc and /dev/shm; "alone" has
# an own network too, so that the usual ports are free.
inside() {
    local net='' up=true
    [ "$1" != alone ] || net=--net up='ip link set lo up'
    shift
    unshare $net --mount --pid --fork --kill-child sh -c "$up &&
        mount -t proc proc '$root/proc' &&
        mount -t tmpfs -o mode=1777 tmpfs '$root/dev/shm' &&
        exec chroot '$root' /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 \"\$@\"" sh "$@"
}
check "apt installs it with what it needs" inside connected sh -c \
    "apt-get update -q &&
     apt-get install -q -y --no-install-recommends /root/aigw-$version.deb" || finish

count() { # what a script inside said
    printf '%s\n' "$1" | grep -v '^ok: '
    passed=$((passed + $(printf '%s\n' "$1" | grep -c '^ok: ')))
    failed=$((failed + $(printf '%s\n' "$1" | grep -c '^not ok: ')))
    printf '%s\n' "$1" | grep -q '^the end$' || failed=$((failed + 1))
}
count "$(inside alone timeout 1200 bash /root/life.sh "$version" "$next" 2>&1)"

# The same under systemd, where a container can be booted.
boot() {
    cat >"$root/etc/systemd/system/boot-test.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/bash /root/boot.sh $version $next
UNIT
    ln -s ../boot-test.service \
        "$root/etc/systemd/system/multi-user.target.wants/boot-test.service"
    timeout 900 systemd-nspawn --directory="$root" --register=no --keep-unit \
        --private-network --console=pipe --boot </dev/null >"$root/root/boot.log" 2>&1
}
if ! command -v systemd-nspawn >/dev/null; then
    echo "skipped: the package under systemd needs systemd-nspawn"
elif boot; [ -f "$root/root/boot.out" ]; then
    count "$(cat "$root/root/boot.out")"
else
    echo "skipped: no container can be booted here:"
    tail -n 5 "$root/root/boot.log"
fi
finish
