#!/bin/sh
# Clients of others, unmodified (npm, PyPI), installed below build/clients and run
# by clients.py. Without npm or python3-venv, or with a Node.js that is too old for
# them, those are skipped with a message.
# usage: tests/clients/run.sh [NAME...]
cd "$(dirname "$0")/../.." || exit 1
build=$(pwd)/${AIGW_BUILD:-build}
work=$build/clients
mkdir -p "$work"
AIGW_BUILD=$build
export AIGW_BUILD

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if command -v npm >/dev/null && [ "${major:-0}" -ge 20 ]; then
    cp tests/clients/package.json tests/clients/package-lock.json \
        tests/clients/.npmrc tests/clients/*.mjs "$work"
    if ! cmp -s "$work/package-lock.json" "$work/installed-lock.json"; then
        (cd "$work" && npm ci --no-audit --no-fund >npm.log 2>&1 &&
            cp package-lock.json installed-lock.json) || {
            cat "$work/npm.log"
            exit 1
        }
    fi
else
    echo "the npm clients need npm and Node.js 20 or later"
fi
if python3 -m venv --help >/dev/null 2>&1; then
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q -r tests/clients/requirements.txt || exit 1
else
    echo "the Python clients need python3-venv"
fi
exec /usr/bin/python3 tests/clients/clients.py "$work" "$@"
