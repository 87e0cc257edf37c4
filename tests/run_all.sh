#!/bin/sh
# Runs test programs one after the other and adds up their closing lines. A
# program that dies or does not end is named with the test that it was at.
# usage: tests/run_all.sh PROGRAM...
passed=0 failed=0 names=
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
for program in "$@"; do
    AIGW_TEST_NAMES=1 timeout -k 10 "${TEST_TIMEOUT:-600}" "$program" \
        >"$out" 2>&1
    status=$?
    p=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$out" | tail -n 1)
    f=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$out" | tail -n 1)
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    [ $status -ne 0 ] || [ -z "$p" ] || continue # all well, and it says so
    echo "--- $program"
    cat "$out"
    found=$(sed -n "s|^FAILED \(.*\)|FAILED: $program: \1|p" "$out")
    [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
    if [ "${f:-0}" -eq 0 ] || [ -z "$found" ]; then
        at=$(sed -n 's/^# //p' "$out" | tail -n 1)
        found="$found
FAILED: $program: status $status${at:+, in $at}"
    fi
    names="$names
$found"
done
echo "$names" | grep '^FAILED'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
