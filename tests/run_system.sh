#!/bin/sh
# Runs the system tests in order from basic to complex; unittest's result is
# turned into the closing line of all our runners, below the names of what
# failed. AIGW_JOBS files run at a time.
# usage: tests/run_system.sh [NAME...]      (parts of file names)
cd "$(dirname "$0")/system" || exit 1
case ${AIGW_BUILD:-build} in
/*) ;;
*) AIGW_BUILD=$(cd ../.. && pwd)/${AIGW_BUILD:-build} ;;
esac
export AIGW_BUILD

# One file; its numbers and names go to FOLDER/FILE. What hangs says where: -X
# faulthandler shows the stacks at SIGABRT.
one() { # FOLDER FILE
    out=$1/$2.out start=$(date +%s)
    timeout -s ABRT -k 10 "${TEST_TIMEOUT:-900}" \
        "${PYTHON:-/usr/bin/python3}" -W ignore -X faulthandler \
        -m unittest -v "${2%.py}" >"$out" 2>&1
    status=$?
    ran=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' "$out")
    skip=$(sed -n 's/.*skipped=\([0-9]*\).*/\1/p' "$out")
    bad=$(sed -n 's/^FAILED (\(.*\))$/\1/p' "$out" | tr ',' '\n' |
        sed -n 's/ *\(failures\|errors\)=\([0-9]*\)/\2/p' |
        awk "{ n += \$1 } END { print n + 0 }")
    names=$(sed -n "s/^\(FAIL\|ERROR\): \(.*\)/FAILED: $2: \2/p" "$out")
    # A file that does not even load is one failure of one test.
    if [ $status -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
        bad=1
        at=$(sed -n 's/^\(test_[^ ]* ([^)]*)\).*/\1/p' "$out" | tail -n 1)
        names="FAILED: $2: status $status${at:+, in $at}"
    fi
    if [ "${bad:-0}" -gt 0 ]; then
        echo "--- $2"
        cat "$out"
    fi
    [ -z "$AIGW_TIMES" ] || echo "$2: $(($(date +%s) - start)) s"
    sed -n 's/.*skipped .\(.*\).$/skipped: \1/p' "$out" | sort -u
    good=$((${ran:-0} - ${bad:-0} - ${skip:-0})) # parts of a test may fail
    echo "$((good > 0 ? good : 0)) ${bad:-0} ${skip:-0}" >"$1/$2.sum"
    echo "$names" >"$1/$2.names"
}
if [ "$1" = one ]; then
    # At once, so that what two files say does not mix.
    text=$(one "$2" "$3")
    [ -z "$text" ] || echo "$text"
    exit 0
fi

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for file in test_*.py; do
    if [ $# -gt 0 ]; then
        match=
        for name in "$@"; do
            case $file in *"$name"*) match=1 ;; esac
        done
        [ -n "$match" ] || continue
    fi
    echo "$file"
done | xargs -r -n 1 -P "${AIGW_JOBS:-1}" ../run_system.sh one "$folder"
cat "$folder"/*.names 2>/dev/null | grep '^FAILED'
cat "$folder"/*.sum 2>/dev/null | awk '
    { good += $1; bad += $2; skip += $3 }
    END {
        printf "%d passed, %d failed, %d skipped\n", good, bad, skip
        exit bad > 0 || good + skip == 0
    }'
