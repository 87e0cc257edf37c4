#!/bin/sh
# The console in Chromium: installs playwright-core and axe-core below
# build/console-tests and runs console.py. Without Chromium, npm or their registry it
# is skipped with a message.
# usage: tests/console/run.sh [NAME...]     parts of names of flows and screens
cd "$(dirname "$0")/../.." || exit 1
AIGW_BUILD=$(pwd)/${AIGW_BUILD:-build}
work=$AIGW_BUILD/console-tests
AIGW_CHROMIUM=${AIGW_CHROMIUM:-$(command -v chromium || command -v chromium-browser)}
export AIGW_BUILD AIGW_CHROMIUM
skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
[ -n "$AIGW_CHROMIUM" ] || skip "the console's tests need Chromium (package chromium)"
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
[ "${major:-0}" -ge 18 ] || skip "the console's tests need Node.js 18 or later"
command -v npm >/dev/null || skip "the console's tests need npm"
mkdir -p "$work" || exit 1
if ! cmp -s tests/console/package-lock.json "$work/installed-lock.json"; then
    cp tests/console/package.json tests/console/package-lock.json \
        tests/console/.npmrc "$work" || exit 1
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || {
        tail -n 20 "$work/npm.log"
        (cd "$work" && timeout 60 npm ping >/dev/null 2>&1) && exit 1
        skip "the console's tests need a registry of npm, and none answers"
    }
    cp tests/console/package-lock.json "$work/installed-lock.json"
fi
exec /usr/bin/python3 -W ignore tests/console/console.py "$work" "$@"
