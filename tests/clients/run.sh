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
        # Not `npm ci`: it wants opencode's packages for other systems in the lock.
        (cd "$work" && npm install --no-save --no-audit --no-fund >npm.log 2>&1 &&
            cp package-lock.json installed-lock.json) || {
            tail -n 40 "$work/npm.log"
            (cd "$work" && timeout 60 npm ping >/dev/null 2>&1) && exit 1
            echo "the npm clients need a registry, and none answers"
            rm -rf "$work/node_modules"
        }
    fi
else
    echo "the npm clients need npm and Node.js 20 or later"
fi
if python3 -m venv --help >/dev/null 2>&1; then
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q -r tests/clients/requirements.txt \
        >"$work/pip.log" 2>&1 || {
        tail -n 40 "$work/pip.log"
        timeout 60 "$work/venv/bin/pip" download -q --no-deps -d "$work" anthropic \
            >/dev/null 2>&1 && exit 1
        echo "the Python clients need a registry, and none answers"
        rm -rf "$work/venv"
    }
else
    echo "the Python clients need python3-venv"
fi
exec /usr/bin/python3 tests/clients/clients.py "$work" "$@"
