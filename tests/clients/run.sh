#!/bin/sh
# The official SDKs, unmodified, against a gateway with the builtin provider:
# npm `openai` and PyPI `openai`. Installed below build/clients.
# usage: tests/clients/run.sh
cd "$(dirname "$0")/../.." || exit 1
build=$(pwd)/${AIGW_BUILD:-build}
work=$build/clients
mkdir -p "$work"
passed=0 failed=0 skipped=0
count() { # name, status
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        echo "FAILED $1"
        failed=$((failed + 1))
    fi
}

run=$(mktemp -d) || exit 1
port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
admin=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$run/aigw.ini" <<INI
[server]
instance = clients-$$
listen = 127.0.0.1:$port
data_dir = $run/data
run_dir = $run/run
[admin]
listen = 127.0.0.1:$admin
INI
"$build/aigw" -c "$run/aigw.ini" 2>"$run/log" &
pid=$!
trap 'kill -TERM $pid; wait $pid; rm -rf "$run"' EXIT
i=0
until "$build/aigwctl" -c "$run/aigw.ini" key create sdk >/dev/null 2>&1; do
    i=$((i + 1))
    [ $i -lt 200 ] || {
        cat "$run/log"
        exit 1
    }
    sleep 0.05
done
OPENAI_API_KEY=$("$build/aigwctl" -c "$run/aigw.ini" key reveal sdk --field vApiKey)
OPENAI_BASE_URL=http://127.0.0.1:$port/v1
export OPENAI_API_KEY OPENAI_BASE_URL

if command -v npm >/dev/null; then
    cp tests/clients/package.json tests/clients/package-lock.json \
        tests/clients/.npmrc tests/clients/openai.mjs "$work"
    (cd "$work" && npm ci --no-audit --no-fund >npm.log 2>&1 || {
        cat npm.log
        exit 1
    }) && (cd "$work" && node openai.mjs)
    count "npm openai" $?
else
    echo "skipped: the npm client needs npm"
    skipped=$((skipped + 1))
fi
if python3 -m venv --help >/dev/null 2>&1; then
    [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q -r tests/clients/requirements.txt &&
        "$work/venv/bin/python" tests/clients/openai_client.py
    count "PyPI openai" $?
else
    echo "skipped: the Python client needs python3-venv"
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
