#!/bin/sh
# Runs the system tests in order from basic to complex; unittest's result is
# turned into the closing line of all our runners.
# usage: tests/run_system.sh [NAME...]      (parts of file names)
cd "$(dirname "$0")/system" || exit 1
case ${AIGW_BUILD:-build} in
/*) ;;
*) AIGW_BUILD=$(cd ../.. && pwd)/${AIGW_BUILD:-build} ;;
esac
export AIGW_BUILD
python=${PYTHON:-/usr/bin/python3}
passed=0 failed=0 skipped=0
for file in test_*.py; do
    if [ $# -gt 0 ]; then
        match=
        for name in "$@"; do
            case $file in *"$name"*) match=1 ;; esac
        done
        [ -n "$match" ] || continue
    fi
    out=$(mktemp) || exit 1
    $python -W ignore -m unittest -v "${file%.py}" >"$out" 2>&1
    status=$?
    ran=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' "$out")
    skip=$(sed -n 's/.*skipped=\([0-9]*\).*/\1/p' "$out")
    bad=$(sed -n 's/^FAILED (\(.*\))$/\1/p' "$out" | tr ',' '\n' |
        sed -n 's/ *\(failures\|errors\)=\([0-9]*\)/\2/p' |
        awk "{ n += \$1 } END { print n + 0 }")
    # A file that does not even load is one failure of one test.
    [ $status -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
    [ "${ran:-0}" -ge "${bad:-0}" ] || ran=$bad
    if [ "${bad:-0}" -gt 0 ]; then
        echo "--- $file"
        cat "$out"
    fi
    sed -n 's/.*skipped .\(.*\).$/skipped: \1/p' "$out" | sort -u
    passed=$((passed + ${ran:-0} - ${bad:-0} - ${skip:-0}))
    failed=$((failed + ${bad:-0}))
    skipped=$((skipped + ${skip:-0}))
    rm -f "$out"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
