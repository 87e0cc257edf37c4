#!/bin/sh
# Runs make goals one after the other, all of them, and adds up their closing
# lines. What failed is named once more at the end.
# usage: tests/run_goals.sh GOAL...
passed=0 failed=0 skipped=0 names=
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
for goal in "$@"; do
    start=$(date +%s)
    ${MAKE:-make} --no-print-directory "$goal" >"$out" 2>&1
    status=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
    p=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    f=$(echo "$line" | sed -n 's/.*passed, \([0-9]*\) failed.*/\1/p')
    s=$(echo "$line" | sed -n 's/.*failed, \([0-9]*\) skipped.*/\1/p')
    if [ $status -ne 0 ]; then
        grep -v '^FAILED: ' "$out"
        [ "${f:-0}" -gt 0 ] || f=1
        found=$(grep '^FAILED: ' "$out")
        names="$names
${found:-FAILED: $goal: status $status}"
    else
        grep -E '^skipped:|^test_[^ ]*: [0-9]+ s$' "$out"
    fi
    echo "== $goal: ${p:-0} passed, ${f:-0} failed ($(($(date +%s) - start)) s)"
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    skipped=$((skipped + ${s:-0}))
done
echo "$names" | grep '^FAILED'
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
