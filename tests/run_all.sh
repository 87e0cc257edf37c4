#!/bin/sh
# Runs test programs one after the other and adds up their closing lines.
# usage: tests/run_all.sh PROGRAM...
passed=0 failed=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
for program in "$@"; do
    if "$program" >"$out" 2>&1; then
        ok=1
    else
        ok=0
    fi
    p=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$out" | tail -n 1)
    f=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$out" | tail -n 1)
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    if [ $ok = 0 ]; then
        echo "--- $program"
        cat "$out"
        [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
