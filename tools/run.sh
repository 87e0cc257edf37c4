#!/bin/sh
# `make run`: starts aigw in the foreground with ./aigw.ini, makes a first key
# and says what to do with it. Ctrl-C stops it.
build=${BUILD:-build}
config=${AIGW_CONFIG:-aigw.ini}
"$build/aigw" -t -c "$config" || exit 1
"$build/aigw" -c "$config" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' INT TERM
ctl="$build/aigwctl -c $config"

i=0
until $ctl status >/dev/null 2>&1; do
    i=$((i + 1))
    if [ $i -gt 200 ] || ! kill -0 $pid 2>/dev/null; then
        echo "aigw did not start; see the messages above" >&2
        kill -TERM $pid 2>/dev/null
        exit 1
    fi
    sleep 0.05
done
$ctl key get first >/dev/null 2>&1 ||
    $ctl key create first >/dev/null || exit 1
key=$($ctl key reveal first --field vApiKey) || exit 1
address=$("$build/aigw" -T -c "$config" 2>/dev/null |
    sed -n '/^\[server\]/,/^\[/s/^listen *= *\([^,]*\).*/\1/p')
console=$($ctl console --field url) || exit 1
cat <<TEXT

aigw runs. Your first key:

  $key

Try it:

  curl http://$address/v1/chat/completions -H "Authorization: Bearer $key" \\
    -H "Content-Type: application/json" \\
    -d '{"model":"builtin/echo","messages":[{"role":"user","content":"Hello"}]}'

Add "stream":true for a stream. The console, logged in once within ten minutes:

  $console

Another such address: $ctl console
Keys and limits: $ctl key --help          Stop: Ctrl-C

TEXT
while kill -0 $pid 2>/dev/null; do
    wait $pid
    status=$?
done
exit $status
